"""The signed-in pages in a real browser: a family story without script, by keyboard, in large type, on narrow phones; axe."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from browsing import DESK, PHONE, RULES, follow, squeezed
from mulaid import commands
from mulaid.calendar import wall_clock
from mulaid.db import Actor, Database, Tx
from mulaid.people import family
from mulaid.people.enrolment import PersonRef
from test_web import OVERFLOWING
from town import Town, open_town

WANG = "王晓燕"
LONGEST = "阿依古丽·买买提"
WAYS = [pytest.param(PHONE, False, id="phone"), pytest.param(PHONE, True, id="elder"), pytest.param(DESK, False, id="desk")]
PAGES = [
    "/household",
    "/wallet",
    "/me/phone",
    "/matters",
    "/home",
    "/code/me",
    "/try",
    "/try?amount=500&place=L3&accounts=on",
    "/bills",
    "/news",
    "/aid",
    "/aid/new",
    "/family",
    "/bind",
    "/bind/by/other_document",
    "/bind/by/birth_certificate",
    "/costs",
    "/costs/tax",
    "/premiums",
    "/me/insured",
    "/care",
    "/help",
    "/me/watchers",
    "/me/freeze",
    "/me/privacy",
    "/me/card",
    "/me/sessions",
    "/confirm",
    "/enter",
    "/cashier",
]
WRONG = ["/try?amount=abc"]
OPEN = "document.querySelectorAll('details').forEach(e => { e.open = true })"


@pytest.fixture(scope="module")
def town(cluster: Any) -> Iterator[Town]:
    with open_town(cluster) as opened:
        yield opened


def enter(page: Page, name: str = WANG) -> Page:
    """Sign in as somebody of the city."""
    page.goto("/enter")
    page.locator(".pickers button", has_text=name).first.evaluate("button => { button.closest('details').open = true }")
    follow(page.locator(".pickers button", has_text=name).first)
    assert page.url.endswith("/home")
    return page


def leads(page: Page) -> list[str]:
    """One address of each kind that the pages lead to."""
    found: dict[str, str] = {}
    for path in ("/home", "/family", "/aid", "/bills?who=me", "/costs"):
        page.goto(path)
        for address in page.eval_on_selector_all("a[href^='/']", "links => links.map(link => link.getAttribute('href'))"):
            if re.search("R01[0-9A-Z]{24}", address):
                found.setdefault(address.split("/")[1].split("?")[0], address)
    return list(found.values())


# -- the story ----------------------------------------------------------------------------------------------------


def test_a_newcomer_walks_through_the_whole_story_without_script(town: Town, visit: Any) -> None:
    """Bind, authorise, show, pay, see whose money: in pressed buttons alone, and in far less than two minutes."""
    begun = time.monotonic()
    page = visit(town, "/", java_script_enabled=False)
    follow(page.get_by_role("button", name="开始：当一回刘洋"))
    assert page.input_value("input[name=name]") == "刘秀兰"
    follow(page.get_by_role("button", name="下一步"))
    page.get_by_label("用演示图片代替").check()
    follow(page.get_by_role("button", name="我已看完承诺书"))
    follow(page.get_by_role("button", name="让 TA 刷脸"))
    assert page.locator("h1").inner_text() == "开通好了"
    for done in (1, 2):
        follow(page.get_by_role("link", name="回到故事"))
        page.locator(".story .was").nth(done - 1).wait_for()
        assert page.locator(".story .was").count() == done
        follow(page.locator(".story [aria-current] button"))
        if done == 1:
            follow(page.get_by_role("button", name="我已看完，同意授权"))
            assert "授权好了" in page.locator(".done").inner_text()
    assert squeezed(page.locator(".order").inner_text()).startswith("本 先扣妈妈的个人账户 能用 ¥50.00 家 不够再扣我的账户")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="拿到收银台去扫").click()
    till = opened.value
    till.locator("summary", has_text="其他商品").click()
    till.get_by_label("血糖试纸").fill("2")
    follow(till.get_by_role("button", name="试算"))
    assert squeezed(till.locator(".say").inner_text()) == "自己的账户付 ¥50.00，家人的账户付 ¥128.00，不用付现金。"
    follow(till.get_by_role("button", name="确认结算"))
    assert "结算成功" in till.locator(".told .done").inner_text()
    follow(page.get_by_role("link", name="回到故事"))
    follow(page.locator(".story [aria-current] button"))
    follow(page.locator(".recent a").first)
    page.locator(".told .pay li").first.wait_for()
    rows = [squeezed(text) for text in page.locator(".told .pay li").all_inner_texts()]
    assert rows[1:3] == ["本 刘** 自己的个人账户 ¥50.00", "家 子女（刘*）的个人账户 ¥128.00"]
    assert page.locator(".steps li:visible").count() >= 4
    assert town.sql("select account, aid, cash from settlement order by id desc limit 1") == [(50_00, 128_00, 0)]
    assert time.monotonic() - begun < 120


def test_the_keyboard_alone_authorises_pauses_and_asks(town: Town, visit: Any) -> None:
    page = enter(visit(town, "", viewport=DESK), "顾佳")
    page.goto("/try")
    page.locator("#id_amount").focus()
    page.keyboard.type("200")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.checked")
    page.keyboard.press("Enter")
    page.wait_for_url("**/try?*amount=200*")
    assert page.evaluate("document.activeElement.id") == "answer"
    page.goto("/aid")
    page.locator("a[href^='/aid/R']").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/aid/R*")
    button = page.get_by_role("button", name="先暂停")
    button.focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**done=pause")
    assert "已经暂停" in page.locator(".done").inner_text()


def test_what_is_wrong_gets_the_focus(town: Town, visit: Any) -> None:
    page = enter(visit(town, ""), "赵立新")
    page.goto("/bind")
    page.get_by_text("父母", exact=True).click()
    page.fill("#id_name", "赵德海")
    page.fill("#id_number", "100000195004040331")
    follow(page.get_by_role("button", name="下一步"))
    page.wait_for_selector(".errbox")
    assert page.evaluate("document.activeElement.id") == "id_number"
    assert page.locator("#id_number").get_attribute("aria-invalid") == "true"
    described = page.locator("#id_number").get_attribute("aria-describedby") or ""
    assert "对不上" in page.locator(f"#{described.split()[0]}").inner_text()
    assert page.input_value("#id_name") == "赵德海"
    follow(page.locator(".errbox a").first)
    assert page.evaluate("document.activeElement.id") == "id_number"
    visit.made[-1].expects_status(422)


def test_a_code_renews_itself_and_an_old_one_is_hidden(town: Town, visit: Any) -> None:
    page = enter(visit(town, ""))
    page.goto("/code/me")
    first = page.locator(".digits").inner_text()
    page.evaluate("document.getElementById('qr').dataset.until = new Date(Date.now() - 1000).toISOString()")
    page.wait_for_selector("#qr.old .over:visible")
    assert page.locator(".qr").evaluate("qr => getComputedStyle(qr).visibility") == "hidden"
    follow(page.get_by_role("link", name="换一个新码"))
    assert page.locator(".digits").inner_text() != first
    with page.expect_response("**/code/me/fresh*") as renewed:
        page.evaluate("htmx.ajax('GET', '/code/me/fresh', {target: '#ticket', swap: 'outerHTML'})")
    assert renewed.value.status == 200
    page.wait_for_function("old => document.querySelector('.digits').innerText !== old", arg=first)
    assert page.locator(".order li").count() >= 2


def test_a_code_can_be_scanned_in_forced_colours(town: Town, visit: Any) -> None:
    """A dark theme of the system's makes backgrounds black; the code's lines stay black, so its ground has to stay white."""
    page = enter(visit(town, "", forced_colors="active", color_scheme="dark"))
    page.goto("/code/me")
    assert page.locator(".qrbox").evaluate("box => getComputedStyle(box).backgroundColor") == "rgb(255, 255, 255)"


def test_the_back_button_after_leaving_shows_nobodys_page(town: Town, visit: Any) -> None:
    page = enter(visit(town, ""), "孟凡军")
    page.goto("/aid")
    page.goto("/home")
    follow(page.get_by_role("button", name="退出登录"))
    page.go_back()
    page.wait_for_load_state()
    assert "/enter?next=" in page.url or "¥" not in page.locator("main").inner_text()


def test_six_relatives_and_long_names_fit(town: Town, visit: Any, cluster: Any) -> None:
    """The longest names of the city, all bound to one person: more than the law lets anybody bind."""
    db = Database(town.url, cluster.keys, size=1)
    try:
        commands.alone(db, crowd, at=wall_clock(), by=Actor("test", "web"))
    finally:
        db.close()
    for elder in (False, True):
        page = enter(visit(town, "", elder=elder), LONGEST)
        assert page.locator(".people li").count() == (0 if elder else 8)
        if elder:
            shown = [squeezed(text).split(" ")[0] for text in page.locator(".big a").all_inner_texts()]
            assert shown[0] == "出示我的医保码", "the older of the two comes first"
        for path in ("/home", "/code/me", "/family", "/costs", "/try"):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path


def crowd(tx: Tx) -> None:
    """Six more relatives for the one with the longest name."""
    names = {}
    for row in tx.all("select book, id, name from person"):
        names[tx.keys.open_text("person", f"person|name|{row['id']}", row["name"])] = PersonRef(row["book"], row["id"])
    for name in ("买买提·吐尔逊", "艾力·买买提", "诸葛思敏", "欧阳振华", "上官云舒", "司马文忠"):
        family.bind(tx, names[name], names[LONGEST], "sibling")


# -- ways of looking ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("viewport", "elder"), WAYS)
def test_axe_finds_nothing_on_any_page(town: Town, visit: Any, viewport: dict[str, int], elder: bool) -> None:
    page = enter(visit(town, "", elder=elder, viewport=viewport))
    paths = [*PAGES, *leads(page), *WRONG]
    assert len(paths) > len(PAGES) + 4
    for path in paths:
        page.goto(path)
        page.evaluate(OPEN)
        found = Axe().run(page, options={"runOnly": RULES})
        assert found.violations_count == 0, path + "\n" + found.generate_report()
    visit.made[-1].expects_status(422)


def test_axe_finds_nothing_at_the_till(town: Town, visit: Any) -> None:
    page = enter(visit(town, "", viewport=DESK))
    page.goto("/code/me")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="拿到收银台去扫").click()
    till = opened.value
    till.wait_for_load_state()
    till.evaluate(OPEN)
    till.locator(".goods input").first.fill("1")
    follow(till.get_by_role("button", name="试算"))
    follow(till.get_by_role("button", name="确认结算"))
    till.evaluate(OPEN)
    found = Axe().run(till, options={"runOnly": RULES})
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("elder", [False, True], ids=["standard", "elder"])
def test_nothing_runs_out_sideways(town: Town, visit: Any, elder: bool) -> None:
    page = enter(visit(town, "", elder=elder, is_mobile=False))
    for path in [*PAGES, *leads(page)]:
        page.goto(path)
        page.evaluate(OPEN)
        for width, percent in ((320, 100), (390, 143 if elder else 200), (1280, 200)):
            page.set_viewport_size({"width": width, "height": 700})
            page.evaluate(
                "size => { document.documentElement.style.fontSize = size + 'px' }", (22.4 if elder else 16) * percent / 100
            )
            state = f"{path} at {width} px, {percent} %"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, state + str(
                page.evaluate(OVERFLOWING, width)[:3]
            )


@pytest.mark.parametrize(("elder", "target", "type_"), [(False, 44, 13), (True, 60, 18)], ids=["standard", "elder"])
def test_targets_and_type_are_large_enough(town: Town, visit: Any, elder: bool, target: int, type_: int) -> None:
    """MIIT rules for elder versions: 44 dp targets, 60 dp for the main ones and 18 dp main text in the elder version."""
    page = enter(visit(town, "", elder=elder))
    for path in [*PAGES, *leads(page)]:
        page.goto(path)
        page.evaluate(OPEN)
        wanted = (
            ".btn, .go, .who a, .chips span, summary, .recent a"
            if elder
            else "a:not(.skip), summary, button, .chips span, select"
        )
        small = page.evaluate(
            "([wanted, least]) => [...document.querySelectorAll(wanted)].filter(e => e.offsetParent"
            " && getComputedStyle(e).display !== 'inline').map(e => [e.textContent.trim().slice(0, 12),"
            " Math.round(e.getBoundingClientRect().height)]).filter(x => x[1] < least)",
            [wanted, target],
        )
        tiny = page.evaluate(
            "least => [...document.querySelectorAll('body *')].filter(e => !e.closest('svg') && e.offsetParent"
            " && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())"
            " && parseFloat(getComputedStyle(e).fontSize) < least).map(e => e.outerHTML.slice(0, 80))",
            type_,
        )
        bare = page.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]), select')].filter(e => !e.labels.length).map(e => e.name)"
        )
        assert (small, tiny, bare) == ([], [], []), path


@pytest.mark.parametrize(("viewport", "elder"), WAYS)
def test_a_card_is_printed_for_a_relative_and_made_worthless(
    town: Town, visit: Any, viewport: dict[str, int], elder: bool
) -> None:
    page = enter(visit(town, "", viewport=viewport, elder=elder))
    page.goto("/family")
    follow(page.locator("a[href^='/family/R']").first)
    follow(page.get_by_role("link", name="打印就医卡"))
    page.wait_for_url("**/me/card?who=R*")
    follow(page.get_by_role("button", name=re.compile("打印一张")))
    page.locator(".papercard .digits span").first.wait_for()
    digits = "".join(page.locator(".papercard .digits span").all_inner_texts())
    assert re.fullmatch("91[0-9]{26}", digits)
    assert "一天最多" in page.locator(".papercard").inner_text()
    assert "不能用家人的钱" in page.locator(".papercard").inner_text()
    assert Axe().run(page, options={"runOnly": RULES}).violations_count == 0
    page.emulate_media(media="print")
    assert page.locator(".papercard .qr").is_visible()
    assert page.locator(".noprint").first.is_hidden()
    page.emulate_media(media="screen")
    follow(page.get_by_role("link", name="返回打印就医卡"))
    assert digits[:4] not in page.locator("main").inner_text()
    page.evaluate(OPEN)
    assert Axe().run(page, options={"runOnly": RULES}).violations_count == 0
    follow(page.get_by_role("button", name="确定作废"))
    assert "已经作废" in page.locator(".done").inner_text()
    assert "现在没有能用的卡" in page.locator("main").inner_text()


def test_large_type_offers_the_three_things_that_matter_first(town: Town, visit: Any) -> None:
    page = enter(visit(town, "", elder=True))
    first = [squeezed(text) for text in page.locator(".big a").all_inner_texts()]
    assert [text.split(" ")[0] for text in first][-2:] == ["看花了多少钱", "打电话问人工"]
    assert first[0].startswith("出示")
    assert page.locator(".tiles").count() == 0
    follow(page.locator(".big a").first)
    page.wait_for_url("**/code/R*")


@pytest.mark.parametrize(("viewport", "elder"), WAYS)
def test_care_away_from_home_is_filed_on_any_screen(town: Town, visit: Any, viewport: dict[str, int], elder: bool) -> None:
    page = enter(visit(town, "", viewport=viewport, elder=elder))

    def sound() -> None:
        page.evaluate(OPEN)
        found = Axe().run(page, options={"runOnly": RULES})
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]

    follow(page.get_by_role("link", name=re.compile("异地就医")))
    follow(page.get_by_role("button", name="提交备案"))
    page.wait_for_function("document.activeElement.name === 'kind'")
    sound()
    page.locator(".chips label", has_text="长期异地居住").click()
    page.select_option("select[name=region]", "320000")
    page.fill("[name=reason]", "去南京女儿家长住，住在玄武区某某街道某某小区十二栋三单元")
    page.locator("[name=promise]").check()
    follow(page.get_by_role("button", name="提交备案"))
    assert "备案好了，马上生效" in page.locator(".done").inner_text()
    assert "江苏省（长期异地居住）" in page.locator("main").inner_text()
    sound()
    follow(page.get_by_role("button", name="确定取消"))
    assert "已经取消" in page.locator(".done").inner_text()
    sound()
    visit.made[-1].expects_status(422)
