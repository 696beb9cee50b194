"""The counter's pages in a real browser: find a person, open matters, hear consents, take papers; and who gets nothing."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from browsing import PHONE, browser, follow, visit  # noqa: F401
from city import City
from desk import TELL, Desk
from intruder import Browser
from mulaid import jobs, refs
from mulaid.agency import counter
from mulaid.calendar import business_date, wall_clock
from mulaid.money import yuan
from mulaid.people import filings, standing
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from relatives import Relatives
from test_attacks import NASTY
from test_console import Console, Seated, clean, console, seated  # noqa: F401
from test_counter import credit_of, opens, tables
from test_evidence import drawn


@pytest.fixture
def town(console: Console, monkeypatch: pytest.MonkeyPatch) -> City:  # noqa: F811
    """The agency's city at this moment; the worker is called by the story."""
    city = console.desk.city
    city.now = wall_clock()
    monkeypatch.setattr(jobs, "wall_clock", lambda: city.now)
    console.desk.as_("root.sys", lambda tx: tx.run("delete from allowance"))
    return city


def finds(page: Page, city: City, name: str, purpose: str = "本人或家人到窗口办理") -> None:
    """From the find page to the person's."""
    page.goto("/console/find")
    page.get_by_label("证件号码，或案件编号").fill(city.numbers[name])
    page.get_by_text(purpose, exact=True).click()
    follow(page.get_by_role("button", name="查询"))
    expect(page).to_have_url(re.compile("/console/person/P"))


def picture(raw: bytes) -> Any:
    """A file to choose."""
    return {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": raw}


def number_of(page: Page) -> str:
    """The case a page shows."""
    expect(page).to_have_url(re.compile("/console/case/C"))
    found = re.search(r"C[0-9A-Z]{26}", page.url)
    assert found, page.url
    return found[0]


def settled(desk: Desk, number: str, reason: str = "papers_agree") -> None:
    """Two people and the worker, after the pages."""
    case = refs.parse(refs.CASE, number)
    if desk.case(case)["state"] == "open":
        desk.takes("zhao", case)
    desk.decides("zhao", case, "approved", reason)
    desk.checks("qian", case)
    assert jobs.carry_out(desk.city.db) == 1


def test_from_the_keyboard_a_person_is_found_and_a_bond_ends(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    town.enrols("Li", "10.00")
    town.enrols("Li's", base="resident")
    town.binds("Li", "Li's", "child")
    page = seated("zhao")
    follow(page.get_by_role("link", name="窗口"))
    clean(page)
    # The field has the focus: type, Enter, there.
    page.keyboard.type(town.numbers["Li's"])
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/console/person/P"))
    assert town.numbers["Li's"] not in page.url
    assert town.numbers["Li's"] not in page.content()
    clean(page)
    follow(page.get_by_role("link", name="解除绑定，第 1 条"))
    clean(page)
    page.get_by_label("申请人的证件号码").fill("123")
    follow(page.get_by_role("button", name="登记"))
    expect(page.get_by_role("alert")).to_contain_text("18")
    page.get_by_label("申请人的证件号码").fill(town.numbers["Li"])
    follow(page.get_by_role("button", name="登记"))
    expect(page.get_by_role("status")).to_contain_text("登记好了")
    clean(page)
    number = number_of(page)
    expect(page.locator("main")).to_contain_text("申请人")
    finds(page, town, "Li's")
    expect(page.locator("main")).to_contain_text(number)
    follow(page.get_by_role("link", name="解除绑定，第 1 条"))
    follow(page.get_by_role("button", name="登记"))
    expect(page.get_by_role("alert")).to_contain_text("已经在办理中")
    settled(console.desk, number)
    finds(page, town, "Li's")
    expect(page.locator("main")).to_contain_text("没有绑定")
    trail = town.run(lambda tx: tx.all("select actor, purpose from audit where act = 'look_up_person' order by id desc limit 1"))
    assert [(row["actor"], row["purpose"]) for row in trail] == [("desk:zhao", "counter")]
    page.goto("/console/find")
    page.get_by_label("证件号码，或案件编号").fill(number)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/console/case/{number}$"))


def test_money_goes_back_and_is_corrected_without_script(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    town.enrols("Zhou", "100.00")
    town.pays("Zhou", "40.40")
    page = seated("zhao", java_script_enabled=False)
    finds(page, town, "Zhou", "电话咨询")
    expect(page.locator("main")).to_contain_text("¥40.40")
    clean_widths(page)
    follow(page.get_by_role("link", name="扣费有误，第 1 条"))
    follow(page.get_by_role("button", name="登记"))
    settled(console.desk, number_of(page), "charged_wrongly")
    assert town.holds("Zhou") == "100.00"
    finds(page, town, "Zhou")
    expect(page.get_by_role("link", name=re.compile("扣费有误"))).to_have_count(0)
    follow(page.get_by_role("link", name="账务更正，第 1 条"))
    fields = page.locator("input[name^=leg_]")
    expect(fields).to_have_count(2)
    fields.nth(0).fill("12.34")
    fields.nth(1).fill("12.3")
    follow(page.get_by_role("button", name="登记"))
    expect(page.get_by_role("alert")).to_contain_text("收支不相等")
    fields.nth(1).fill("12.34")
    follow(page.get_by_role("button", name="登记"))
    expect(page.locator("main")).to_contain_text("拟退 12.34 元")
    settled(console.desk, number_of(page), "booked_wrongly")
    assert town.holds("Zhou") == "87.66"
    town.books_balance()


def clean_widths(page: Page) -> None:
    box = page.locator("main").bounding_box()
    assert box
    assert box["width"] <= page.viewport_size["width"]  # type: ignore[index]


def test_care_elsewhere_with_the_paper_on_the_counter(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    town.enrols("Wu", "1.00")
    page = seated("zhao")
    finds(page, town, "Wu")
    follow(page.get_by_role("link", name="异地就医备案"))
    follow(page.get_by_role("button", name="登记"))
    expect(page.locator(".err")).to_have_count(3)
    clean(page)
    page.get_by_text("长期异地居住").click()
    page.get_by_label("就医地的行政区划代码").fill("420100")
    page.get_by_label("原因和就医地址").fill("随子女居住")
    follow(page.get_by_role("button", name="登记"))
    expect(page.locator(".err")).to_contain_text("就医地就在参保地")
    page.get_by_label("就医地的行政区划代码").fill("310000")
    follow(page.get_by_role("button", name="登记"))
    expect(page.get_by_role("status")).to_contain_text("登记好了")
    expect(page.get_by_text("收窗口递交的材料")).to_have_count(0)
    follow(page.get_by_role("button", name="领取"))
    page.get_by_text("收窗口递交的材料").click()
    follow(page.get_by_role("button", name="收下"))
    expect(page.locator(".err")).to_have_count(2)
    clean(page)
    page.get_by_label("这是什么材料").select_option("residence_permit")
    page.get_by_label("照片或扫描件").set_input_files(picture(b"<html>"))
    follow(page.get_by_role("button", name="收下"))
    expect(page.get_by_role("alert")).to_contain_text("不是完好的 JPEG 或 PNG 图片")
    page.get_by_label("这是什么材料").select_option("residence_permit")
    page.get_by_label("照片或扫描件").set_input_files(picture(drawn(colour=(5, 80, 3))))
    follow(page.get_by_role("button", name="收下"))
    expect(page.get_by_role("status")).to_contain_text("材料收好了")
    expect(page.get_by_role("button", name="查看居住证")).to_have_count(1)
    settled(console.desk, number_of(page))
    (filed,) = town.run(lambda tx: filings.filings(tx, town.people["Wu"]))
    assert (filed.region, len(filed.evidence)) == ("310000", 1)


def test_a_promise_is_kept_at_the_counter(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    town.enrols("Zheng", "1.00")
    zheng = town.people["Zheng"]
    town.run(lambda tx: filings.file(tx, library(), zheng, "long_term", "310000", "随子女居住", promise=True))
    page = seated("zhao")
    finds(page, town, "Zheng")
    expect(page.locator("main")).to_contain_text("前补材料")
    follow(page.get_by_role("link", name="补交材料，第 1 条"))
    follow(page.get_by_role("button", name="登记"))
    follow(page.get_by_role("button", name="领取"))
    page.get_by_text("收窗口递交的材料").click()
    page.get_by_label("这是什么材料").select_option("residence_permit")
    page.get_by_label("照片或扫描件").set_input_files(picture(drawn(colour=(7, 70, 99))))
    follow(page.get_by_role("button", name="收下"))
    settled(console.desk, number_of(page))
    finds(page, town, "Zheng")
    expect(page.get_by_role("link", name=re.compile("补交材料"))).to_have_count(0)


def test_what_the_dead_leave_is_applied_for_by_an_heir(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    town.enrols("Heir", "5.00")
    town.enrols("Gone", "80.55", base="retired")
    town.run(lambda tx: standing.died(tx, library(), town.people["Gone"], business_date(tx.at)))
    page = seated("zhao")
    finds(page, town, "Gone")
    expect(page.locator("main")).to_contain_text("去世")
    expect(page.get_by_role("link", name="线下激活医保码")).to_have_count(0)
    follow(page.get_by_role("link", name="个人账户余额支取"))
    clean(page)
    page.get_by_text("参保人去世，余额依法继承").click()
    page.get_by_label("继承人 1 的身份证号").fill(town.numbers["Heir"])
    follow(page.get_by_role("button", name="登记"))
    expect(page.locator(".err")).to_contain_text("继承人和金额要一起填写")
    page.get_by_label("继承人 1 得到的金额").fill("30.21")
    follow(page.get_by_role("button", name="登记"))
    expect(page.get_by_role("alert")).to_contain_text("不能到窗口申请")
    page.get_by_label("申请人的证件号码").fill(town.numbers["Heir"])
    follow(page.get_by_role("button", name="登记"))
    expect(page.locator("main")).to_contain_text("30.21 元")
    settled(console.desk, number_of(page), "died")
    assert (town.holds("Gone"), town.holds("Heir")) == ("0.00", "35.21")
    town.books_balance()


def test_a_mother_whom_no_register_knows_agrees_on_the_case_page(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    home, today = Relatives(town), wall_clock().date()
    town.enrols("Grandpa", base="retired")
    town.enrols("Mum", "1.00")
    town.enrols("Girl", base="resident", born=today - timedelta(days=3000))
    request = home.asks("Grandpa", "Girl", "grandchild_of_daughter")
    home.registers(request, "Grandpa")
    home.submits(request, "Grandpa")
    page = seated("zhao")
    finds(page, town, "Girl")
    clean(page)
    follow(page.get_by_role("button", name="转到窗口办理，第 1 条"))
    expect(page.get_by_role("status")).to_contain_text("登记好了")
    case = refs.parse(refs.CASE, number_of(page))
    expect(page.get_by_text("监护人或本人当面同意")).to_have_count(0)
    follow(page.get_by_role("button", name="领取"))
    expect(page.locator("main")).to_contain_text("还没有")
    page.get_by_text("监护人或本人当面同意").click()
    follow(page.get_by_role("button", name="显示同意书"))
    expect(page.locator(".err")).to_contain_text("请填写证件号码")
    clean(page)
    page.get_by_label("同意的人的证件号码").fill(town.numbers["Girl"])
    follow(page.get_by_role("button", name="显示同意书"))
    expect(page.get_by_role("alert")).to_contain_text("要先有父母或其他监护人的同意")
    page.get_by_label("同意的人的证件号码").fill(town.numbers["Mum"])
    follow(page.get_by_role("button", name="显示同意书"))
    expect(page.get_by_role("heading", name="监护人同意书")).to_be_visible()
    assert town.numbers["Mum"] not in page.content()
    clean(page)
    follow(page.get_by_role("button", name="TA 在场，已看完并同意"))
    expect(page.get_by_role("status")).to_contain_text("已记录当面同意")
    expect(page.locator("main")).to_contain_text("已经同意")
    expect(page.locator("main")).to_contain_text("当面同意《监护人同意书》")
    page.get_by_label("写给申请人的话").fill(TELL)
    page.get_by_label("理由").select_option(label="材料齐全，与登记信息一致")
    follow(page.get_by_role("button", name="提交，请同事复核"))
    console.desk.checks("qian", case)
    assert jobs.carry_out(town.db) == 1
    assert town.shows_code("Girl", "Grandpa")


def test_a_father_insured_elsewhere_agrees_by_his_papers(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    home, today = Relatives(town), wall_clock().date()
    town.enrols("Nan", base="retired")
    town.enrols("Tot", base="resident", born=today - timedelta(days=2000))
    request = home.asks("Nan", "Tot", "grandchild_of_daughter")
    home.registers(request, "Nan")
    home.submits(request, "Nan")
    page = seated("zhao")
    finds(page, town, "Tot")
    follow(page.get_by_role("button", name="转到窗口办理，第 1 条"))
    case = refs.parse(refs.CASE, number_of(page))
    follow(page.get_by_role("button", name="领取"))

    def hear(name: str, born: str) -> None:
        page.get_by_label("同意的人的证件号码").fill("E87654321")
        page.get_by_label("证件种类").select_option("08")
        page.get_by_label("监护人姓名").fill(name)
        page.get_by_label("监护人出生日期").fill(born)
        follow(page.get_by_role("button", name="显示同意书"))

    page.get_by_text("监护人或本人当面同意").last.click()
    hear("", "")
    expect(page.locator(".err")).to_contain_text("没有")
    hear("上官明", "")
    expect(page.locator(".err")).to_have_count(1)
    hear("上官明", "1988-03-03")
    expect(page.get_by_role("alert")).to_contain_text("还没有收监护人的身份证件")
    clean(page)
    for kind, shade in (("identity_document", 120), ("guardianship", 150)):
        page.get_by_text("收窗口递交的材料").click()
        page.get_by_label("这是什么材料").select_option(kind)
        page.get_by_label("照片或扫描件").set_input_files(picture(drawn(colour=(shade, 40, 3))))
        follow(page.get_by_role("button", name="收下"))
    page.get_by_text("监护人或本人当面同意").last.click()
    hear("上官明", "1988-03-03")
    expect(page.get_by_role("heading", name="监护人同意书")).to_be_visible()
    expect(page.locator("main")).to_contain_text("上官*")
    assert "E87654321" not in page.content()
    assert "上官明" not in page.content()
    clean(page)
    follow(page.get_by_role("button", name="TA 在场，已看完并同意"))
    expect(page.get_by_role("status")).to_contain_text("已记录当面同意")
    expect(page.locator("main")).to_contain_text("上官*，外国护照 E8*****21")
    expect(page.locator("main")).to_contain_text("复核以后生效")
    clean(page)
    console.desk.decides("zhao", case)
    console.desk.checks("qian", case)
    assert jobs.carry_out(town.db) == 1
    assert town.shows_code("Tot", "Nan")


def test_consent_that_is_due_is_given_on_the_persons_page(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    town.enrols("Uncle", "1.00")
    town.enrols("Boy", base="resident", born=wall_clock().date() - timedelta(days=365 * 16 + 10))
    bond = town.binds("Uncle", "Boy", "child")
    page = seated("zhao")
    finds(page, town, "Boy")
    expect(page.get_by_role("link", name=re.compile("本人重新同意"))).to_have_count(0)
    town.run(lambda tx: tx.run("update family_bond set consent_due = %(on)s where id = %(id)s", on=business_date(tx.at), id=bond))
    page.reload()
    expect(page.locator("main")).to_contain_text("等本人重新同意")
    follow(page.get_by_role("link", name="本人重新同意，第 1 条"))
    clean(page)
    page.locator("input[name=agreed]").evaluate("e => { e.value = '0'.repeat(64) }")
    follow(page.get_by_role("button", name="本人在场，已看完并同意"))
    expect(page.get_by_role("alert")).to_contain_text("已经更新，或者没有同意")
    follow(page.get_by_role("button", name="本人在场，已看完并同意"))
    expect(page.get_by_role("status")).to_contain_text("已记录本人重新同意")
    assert town.shows_code("Boy", "Uncle")


def test_a_family_account_is_asked_for_with_papers_on_the_counter(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    town.enrols("Elder", base="retired")
    town.enrols("Daughter", "1.00")
    page = seated("zhao")
    finds(page, town, "Elder")
    follow(page.get_by_role("link", name="让家人出示 TA 的医保码"))
    follow(page.get_by_role("button", name="登记"))
    expect(page.locator(".err")).to_have_count(4)
    clean(page)
    page.get_by_label("当事人是申请人的").select_option("parent")
    page.get_by_label("申请人的证件号码").fill(town.numbers["Daughter"])
    for place in range(3):
        page.locator(f"input[name=paper_{place}]").set_input_files(picture(drawn(colour=(200, 30 * place, 8))))
    follow(page.get_by_role("button", name="登记"))
    expect(page.get_by_role("status")).to_contain_text("登记好了")
    expect(page.locator("main")).to_contain_text("窗口办理")
    expect(page.get_by_role("button", name="查看户口簿")).to_have_count(2)
    settled(console.desk, number_of(page), "seen_in_person")
    assert town.shows_code("Elder", "Daughter")


def test_a_giver_agrees_to_the_promise_on_the_page(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    town.enrols("Giver", "100.00")
    town.enrols("Taker", base="resident")
    page = seated("zhao")
    finds(page, town, "Giver")
    follow(page.get_by_role("link", name="让家人用 TA 的个人账户"))
    follow(page.get_by_role("button", name="显示承诺书"))
    expect(page.locator(".err")).to_have_count(2)
    clean(page)
    page.get_by_label("被授权人的证件号码").fill(town.numbers["Taker"])
    page.get_by_label("被授权人是授权人的").select_option("child")
    page.get_by_label("每年最多").fill("30.5")
    follow(page.get_by_role("button", name="显示承诺书"))
    expect(page.get_by_role("region", name="承诺书")).to_contain_text("30.50")
    clean(page)
    page.locator("input[name=agreed]").evaluate("e => { e.value = '0'.repeat(64) }")
    follow(page.get_by_role("button", name="授权人在场，已看完并同意"))
    expect(page.get_by_role("alert")).to_have_count(1)
    page.get_by_label("被授权人的证件号码").fill(town.numbers["Taker"])
    page.get_by_label("被授权人是授权人的").select_option("child")
    page.get_by_label("每年最多").fill("30.5")
    follow(page.get_by_role("button", name="显示承诺书"))
    follow(page.get_by_role("button", name="授权人在场，已看完并同意"))
    expect(page.get_by_role("status")).to_contain_text("授权办好了")
    expect(page.locator("main")).to_contain_text("使用中")
    paid = town.pays("Taker", "40.00")
    assert yuan(int(paid["acct_mulaid_pay"] * 100)) == "30.50"
    assert town.holds("Giver") == "69.50"
    town.books_balance()


def test_a_lost_phone_is_stopped_and_let_go(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    town.enrols("Loser", "1.00")
    page = seated("zhao")
    finds(page, town, "Loser", "电话咨询")
    page.get_by_text("挂失，立即停用医保码").click()
    follow(page.get_by_role("button", name="停用"))
    expect(page.locator(".err")).to_contain_text("请写明原因")
    clean(page)
    page.get_by_label("为什么停用").fill("来电挂失")
    follow(page.get_by_role("button", name="停用"))
    expect(page.get_by_role("status")).to_contain_text("医保码已停用")
    with pytest.raises(Refusal, match=r"credential\.frozen"):
        town.shows_code("Loser")
    follow(page.get_by_role("button", name="恢复医保码"))
    expect(page.get_by_role("status")).to_contain_text("医保码已恢复")
    assert town.shows_code("Loser")


def test_a_household_account_is_closed_from_its_heads_page(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    console.desk.hire("lu.clerk", "320100", "handler")
    town.enrols("Head", "300.50", region="320100")
    town.opens_household("Head", "120.25")
    page = seated("lu.clerk")
    finds(page, town, "Head")
    follow(page.get_by_role("link", name="关闭家庭账户"))
    expect(page.locator("main")).to_contain_text("120.25 元")
    follow(page.get_by_role("button", name="登记"))
    expect(page.get_by_role("status")).to_contain_text("登记好了")


def test_a_family_without_phones_comes_to_a_household_account(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    console.desk.hire("lulu.clerk", "320100", "handler")
    console.desk.hire("mama.clerk", "320000", "checker")
    town.enrols("Pa", "300.00", region="320100", household="pa")
    town.enrols("Ma", "5.00", region="320100", household="pa")
    page = seated("lulu.clerk")
    finds(page, town, "Pa")
    clean(page)
    follow(page.get_by_role("link", name="开通家庭账户"))
    expect(page.get_by_role("region", name="开通家庭账户申请书")).to_contain_text("南京")
    clean(page)
    page.locator("input[name=agreed]").evaluate("e => { e.value = '0'.repeat(64) }")
    follow(page.get_by_role("button", name="本人在场，已看完并同意"))
    expect(page.get_by_role("alert")).to_have_count(1)
    follow(page.get_by_role("link", name="返回这个人"))
    follow(page.get_by_role("link", name="开通家庭账户"))
    follow(page.get_by_role("button", name="本人在场，已看完并同意"))
    expect(page.get_by_role("status")).to_contain_text("家庭账户开通了")
    clean(page)
    follow(page.get_by_role("link", name="加入一位家人"))
    follow(page.get_by_role("button", name="显示承诺"))
    expect(page.locator(".err")).to_have_count(2)
    clean(page)
    page.get_by_label("家人的证件号码").fill(town.numbers["Ma"])
    page.get_by_label("家人是当事人的").select_option("spouse")
    follow(page.get_by_role("button", name="显示承诺"))
    expect(page.get_by_role("region", name="加入家庭成员承诺书")).to_contain_text("配偶")
    assert town.numbers["Ma"] not in page.locator("form").first.inner_html()
    clean(page)
    follow(page.get_by_role("button", name="本人在场，已看完并同意"))
    expect(page.get_by_role("status")).to_contain_text("办好了")
    follow(page.get_by_role("link", name="从个人账户转入"))
    follow(page.get_by_role("button", name="登记"))
    expect(page.locator(".err")).to_contain_text("请填写金额")
    page.get_by_label("从个人账户转入").fill("120.5")
    follow(page.get_by_role("button", name="登记"))
    expect(page.locator("main")).to_contain_text("120.50 元")
    clean(page)
    case = refs.parse(refs.CASE, number_of(page))
    console.desk.takes("lulu.clerk", case)
    console.desk.decides("lulu.clerk", case)
    console.desk.checks("mama.clerk", case)
    assert jobs.carry_out(town.db) == 1
    finds(page, town, "Pa")
    expect(page.locator("main")).to_contain_text("¥120.50")
    clean(page)
    follow(page.get_by_role("link", name="请成员退出"))
    follow(page.get_by_role("button", name="登记"))
    expect(page.locator(".err")).to_contain_text("请选择退出的成员")
    page.get_by_text("配偶").last.click()
    follow(page.get_by_role("button", name="登记"))
    expect(page.get_by_role("status")).to_contain_text("登记好了")
    assert town.holds("Pa") == "179.50"
    town.books_balance()


def test_a_quota_is_kept_for_a_mother_far_away(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    town.enrols("Saver", "100.00")
    town.enrols("Faraway", base="resident", region="430100")
    page = seated("zhao", viewport=PHONE)
    finds(page, town, "Saver")
    follow(page.get_by_role("link", name="给外省家人留额度"))
    follow(page.get_by_role("button", name="显示承诺"))
    expect(page.locator(".err")).to_have_count(3)
    clean(page)
    page.get_by_label("家人的证件号码").fill(town.numbers["Faraway"])
    page.get_by_label("家人是当事人的").select_option("parent")
    page.get_by_label("冻结多少").fill("60")
    follow(page.get_by_role("button", name="显示承诺"))
    expect(page.get_by_role("region", name="跨省共济额度承诺书")).to_contain_text("60.00元")
    follow(page.get_by_role("button", name="本人在场，已看完并同意"))
    expect(page.get_by_role("status")).to_contain_text("额度冻结好了")
    expect(page.locator("main")).to_contain_text("还剩 ¥60.00")
    clean(page)
    follow(page.get_by_role("link", name="终止额度，第 1 条"))
    expect(page.locator("main")).to_contain_text("60.00 元")
    follow(page.get_by_role("button", name="登记"))
    settled(console.desk, number_of(page))
    finds(page, town, "Saver")
    expect(page.locator("main")).to_contain_text("没有额度")


def test_the_queue_is_filtered_and_counted(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    town.enrols("Sun", "10.00", active=False)
    town.enrols("Moon", "10.00", active=False)
    settled(console.desk, console.number(opens(console.desk, "activation_offline", "Moon")))
    case = opens(console.desk, "activation_offline", "Sun")
    late = business_date(wall_clock()) - timedelta(days=2)
    town.run(lambda tx: tx.run("update desk_case set due_on = %(on)s where id = %(id)s", on=late, id=case))
    page = seated("zhao")
    counted = page.locator(".counts").first.inner_text()
    assert re.search("共 [0-9]+ 件在办", counted)
    assert not re.search("超时 0 件", counted)
    expect(page.locator("main")).to_contain_text("等我办的")
    page.get_by_text("这七天决定了").click()
    expect(page.get_by_role("list", name="七天的决定").get_by_text("通过 ")).to_have_count(7)
    drawn = page.get_by_role("img", name=re.compile("最近七天的决定：通过 [1-9]"))
    expect(drawn).to_be_visible()
    clean(page)
    page.get_by_label("事项").select_option("activation_offline")
    follow(page.get_by_role("button", name="筛选"))
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(1)
    assert "线下激活医保码" in rows.inner_text()
    follow(page.get_by_role("link", name=re.compile("已超时 1")))
    expect(page.locator("tbody tr")).to_have_count(1)
    assert "matter=activation_offline" in page.url
    token = console.seat("zhao")
    assert console.ask("/console?matter=nothing", token)[0] == 404


def test_a_phone_does_not_break_it(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    town.enrols("Narrow", "10.00")
    town.binds("Narrow", "Wang", "sibling")
    page = seated("sun", viewport=PHONE)
    finds(page, town, "Narrow")
    clean(page)
    follow(page.get_by_role("link", name="异地就医备案"))
    clean(page)


# Who gets nothing


def test_nobody_else_finds_or_opens_anything(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    town.enrols("Far", "5.00", region="440100")
    number = town.people["Wang"].number
    town.enrols("Stranger", "9.00")
    bill = town.pays("Stranger", "2.00")["setl_id"]
    paths = ["/console/find", f"/console/person/{number}?for=counter", f"/console/person/{number}/activation_offline?for=counter"]
    for path in paths:
        assert console.ask(path)[0] == 303, "strangers are led to the entrance"
    for who in ("qian", "nosy", "root.sys"):
        token = console.seat(who)
        assert [console.ask(path, token)[0] for path in paths] == [403] * 3, who
    token = console.seat("chen")
    assert [console.ask(path, token)[0] for path in paths[1:]] == [404] * 2, "a person of another region looks like none"
    token = console.seat("zhao")
    for wrong in (
        f"/console/person/{number}", f"/console/person/{number}?for=curious", "/console/person/P123?for=counter",
        f"/console/person/{refs.show(refs.PERSON, refs.mint(67216, wall_clock()))}?for=counter",
        f"/console/person/{number}/aid_review?for=counter", f"/console/person/{number}/correction?for=counter",
        f"/console/person/{number}/correction?for=counter&about=R{number[1:]}", f"/console/person/{number}/renew?for=counter",
        f"/console/person/{number}/renew?for=counter&about=R{number[1:]}",
        f"/console/person/{number}/wrong_charge?for=counter&about=x", f"/console/person/{number}/wrong_charge?for=counter",
        f"/console/person/{number}/wrong_charge?for=counter&about={bill}",
        f"/console/person/{town.people['Far'].number}?for=counter", f"/console/person/{number}/agree/nothing?for=counter",
        f"/console/person/{number}/agree/household_open", f"/console/person/{number}/agree/household_join?for=counter&about=x",
        f"/console/person/{town.people['Far'].number}/agree/household_open?for=counter",
        f"/console/person/{number}/household_fund?for=counter", f"/console/person/{number}/quota_release?for=counter",
        f"/console/person/{number}/household_leave?for=counter&about=R{number[1:]}",
    ):  # fmt: skip
        assert console.ask(wrong, token)[0] == 404, wrong
    assert console.ask("/console/find", token, method="POST")[0] == 403, "a form without the page's token"
    assert console.ask("/console/case/C123/papers", token, method="POST")[0] == 403
    page = seated("zhao", "/console/find")
    for typed, told in (
        (town.numbers["Far"], "不在您的管辖范围内"), ("100000198001010011", "请"), ("x", "请"), ("王甲", "请"), ("\u202e", "请"),
    ):  # fmt: skip
        page.get_by_label("证件号码，或案件编号").fill(typed)
        follow(page.get_by_role("button", name="查询"))
        expect(page.locator("main")).to_contain_text(told)
        expect(page).to_have_url(re.compile("/console/find$"))


def test_the_clerks_own_family_is_closed(console: Console, town: City, seated: Seated, visit: Any) -> None:  # noqa: F811
    town.enrols("Kin", "5.00")
    console.desk.hire("kin.clerk", "420100", "handler", number=town.numbers["Kin"])
    page = seated("kin.clerk")
    before = tables(town)
    page.goto("/console/find")
    page.get_by_label("证件号码，或案件编号").fill(town.numbers["Kin"])
    follow(page.get_by_role("button", name="查询"))
    expect(page.get_by_role("alert")).to_contain_text("涉及您本人或您的家人")
    page.goto(f"/console/person/{town.people['Kin'].number}?for=counter")
    expect(page.locator("main")).to_contain_text("涉及您本人或您的家人")
    visit.made[-1].expects_status(403)
    assert {name for name, rows in tables(town).items() if rows != before[name]} <= {"staff_session"}


def test_no_bytes_are_a_failure_of_ours(console: Console, town: City) -> None:  # noqa: F811
    town.enrols("Odd", "10.00")
    town.enrols("Other", "1.00")
    bond = refs.show(refs.RELATION, town.binds("Odd", "Other", "sibling"))
    given = opens(console.desk, "unbind_counter", "Odd", about=refs.parse(refs.RELATION, bond))
    console.desk.takes("zhao", given)
    case, number = console.number(given), town.people["Odd"].number
    credit = refs.show(refs.RELATION, credit_of(town, "Odd"))
    door = Browser(console.site.base, {"desk": console.seat("zhao")})
    before = {name: rows for name, rows in tables(town).items() if name not in ("staff_session",)}
    names = [
        "number",
        "kind",
        "purpose",
        "what",
        "region",
        "reason",
        "since",
        "because",
        "heir_1",
        "fen_1",
        "leg_0",
        "leg_1",
        "paper",
    ]
    names += [
        "agreed",
        "speaker",
        "receiver",
        "relation",
        "quota",
        "request",
        "other",
        "fen",
        "valid_to",
        "member",
        "guardian",
        "name",
    ]
    names += ["born"]
    chance = random.Random(7)
    for path in (
        "/console/find", f"/console/person/{number}/remote_filing_review?for=counter",
        f"/console/person/{number}/account_withdrawal?for=counter", f"/console/person/{number}/renew?for=counter&about={bond}",
        f"/console/person/{number}/correction?for=counter&about={credit}", f"/console/case/{case}",
        f"/console/case/{case}/papers", f"/console/person/{number}/give?for=counter",
        f"/console/person/{number}/bind?for=counter", f"/console/person/{number}/agree/wallet_quota?for=counter",
        f"/console/person/{number}/agree/household_add?for=counter", f"/console/person/{number}/agree/household_open?for=counter",
        f"/console/person/{number}/agree/household_join?for=counter&about={bond}",
    ):  # fmt: skip
        for nasty in NASTY:
            typed: dict[str, Any] = {name: chance.choice(NASTY) for name in names} | {chance.choice(names): nasty}
            typed |= {
                "key": f"{chance.getrandbits(128):032x}",
                "version": "2",
                "do": chance.choice(("hear", "consent", "take", "take_over", "agree", "show")),
            }
            assert door.get("/console/find").status == 200
            came = door.post(path, **typed)
            assert came.status < 500, (path, typed)
            assert "<script>alert" not in came.text
            asked = quote(nasty.encode("utf-8", "surrogatepass")[:300], safe="")
            for address in (f"/console/person/{asked}?for=counter", f"/console/person/{number}?for={asked}",
                            f"/console/person/{number}/{asked}?for=counter", f"/console?matter={asked}",
                            f"/console/person/{number}/wrong_charge?for=counter&about={asked}"):  # fmt: skip
                assert door.ask("GET", address).status < 500, address
        town.run(lambda tx: tx.run("delete from allowance"))
    after = {name: rows for name, rows in tables(town).items() if name not in ("staff_session",)}
    assert after == before


def test_looking_is_counted(console: Console, town: City, seated: Seated) -> None:  # noqa: F811
    town.enrols("Many", "5.00")
    for _ in range(counter.LOOKS):
        console.desk.as_("sun", counter.count_look)
    page = seated("sun", "/console/find")
    page.get_by_label("证件号码，或案件编号").fill(town.numbers["Many"])
    follow(page.get_by_role("button", name="查询"))
    expect(page.get_by_role("alert")).to_contain_text("今天查询的人太多了")
