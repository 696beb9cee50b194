"""What a person's insurance covers, on the pages: care away from home is filed, proved and ended; waits;
monthly credits; and the ways of an area that other areas do not have."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from PIL import Image

from browsing import web_process
from city import City
from intruder import Browser
from mulaid import commands
from mulaid.agency import casework
from mulaid.calendar import business_date, month_of, months_later, wall_clock
from mulaid.db import Actor, Database, process_url
from mulaid.money import yuan
from mulaid.people import enrolment, filings, standing
from mulaid.people.enrolment import PersonRef
from mulaid.policy.pack import library
from mulaid.settlement import crediting
from town import Citizen, Town, open_town

WANG, FATHER, STOPPED = "王晓燕", "王建国", "张伟"
Run = Callable[..., Any]
STORY = Actor("story", "test")
ZHAO, QIAN = Actor("zhao.demo", "desk", "420100 大厅"), Actor("qian.demo", "desk", "420000 大厅")
LONG_TERM, SHORT = ("long_term", "320000"), ("other", "310000")


@pytest.fixture(scope="module")
def town(cluster: Any) -> Iterator[Town]:
    with open_town(cluster) as opened:
        yield opened


@pytest.fixture(scope="module")
def run(cluster: Any, town: Town) -> Iterator[Run]:
    """A transaction over the town, of nobody in particular unless somebody is named."""
    db = Database(town.url, cluster.keys, size=1)
    yield lambda work, by=STORY: commands.alone(db, work, at=wall_clock(), by=by)
    db.close()


@pytest.fixture
def wang(town: Town) -> Iterator[Citizen]:
    yield Citizen(town, WANG)
    town.sql("update remote_filing set ended_on = valid_from where ended_on is null")


def rows(town: Town) -> list[tuple[Any, ...]]:
    told = "kind, region, promise_only, cardinality(evidence), ended_on is null"
    return town.sql(f"select {told} from remote_filing order by filed_at, id")


def living(town: Town) -> list[tuple[Any, ...]]:
    return [row[:4] for row in rows(town) if row[4]]


def picture(shade: int) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (320, 200), (shade, 80, 80)).save(held, "JPEG")
    return held.getvalue()


def upload(one: Citizen, *pictures: bytes, **fields: Any) -> Any:
    page = one.get("/care").text
    given = {"csrfmiddlewaretoken": one.token(page), "key": one.key(page), **fields}
    files = [("paper", (f"{place}.jpg", raw, "image/jpeg")) for place, raw in enumerate(pictures)]
    return one.http.post("/care", data=given, files=files)


def beside(page: str, name: str) -> str:
    """What is told as wrong beside a field."""
    found = re.search(rf'id="id_{name}_error">([^<]+)<', page)
    return found[1] if found else ""


def decides(town: Town, run: Run) -> None:
    """Two people of the desk say yes to the newest case, and the worker carries it out."""
    (case,) = town.sql("select id from desk_case order by opened_at desc limit 1")[0]

    def version() -> int:
        return int(town.sql("select version from desk_case where id = %s", case)[0][0])

    run(lambda tx: casework.take(tx, case, version()), ZHAO)
    run(lambda tx: casework.decide(tx, case, version(), "approved", "papers_agree", "材料齐全。"), ZHAO)
    run(lambda tx: casework.check(tx, case, version()), QIAN)
    run(lambda tx: casework.effect(tx, case))


def relative(one: Citizen, called: str) -> str:
    """The key of a relative on the page of care away from home."""
    found = re.search(rf'href="/care\?who=(R[^"]+)"[^>]*>{called}<', one.get("/care").text)
    assert found, called
    return found[1]


# -- care away from home ------------------------------------------------------------------------------------------


def test_a_trip_is_filed_once_and_ended(town: Town, wang: Citizen) -> None:
    kind, region = SHORT
    page = wang.get("/care").text
    assert "现在没有备案" in page
    assert "江苏省" in page
    assert "湖北省" not in page.split('name="region"')[1].split("</select>")[0], "at home and in the province nothing is filed"
    assert wang.post("/care", page, do="file", who="me", kind=kind, region=region, reason="出差").status_code == 303
    assert wang.post("/care", page, do="file", who="me", kind=kind, region=region, reason="出差").status_code == 303
    assert living(town) == [(kind, region, False, 0)], "sent twice, filed once"
    again = wang.post("/care", do="file", who="me", kind=kind, region=region, reason="又出差")
    assert again.status_code == 422
    assert beside(again.text, "region").startswith("这个就医地已经有同样的备案")
    assert re.search(r">\s*又出差</textarea>", again.text), "what was typed stays"
    page = wang.get("/care").text
    assert "上海市（其他临时外出）" in page
    held = re.search('name="filing" value="([^"]+)"', page)
    assert held
    assert wang.post("/care", do="end", who="me", filing=held[1]).headers["location"] == "/care?who=me&done=end"
    assert living(town) == []
    assert wang.post("/care", do="end", who="me", filing=held[1]).status_code == 404
    assert "以前的备案" in wang.get("/care").text


def test_a_promise_is_kept_by_pictures_that_the_desk_looks_at(town: Town, wang: Citizen, run: Run) -> None:
    kind, region = LONG_TERM
    answer = wang.post("/care", do="file", who="me", kind=kind, region=region, reason="随女儿住")
    assert answer.status_code == 422
    assert "办理“长期异地居住”备案要有证明材料" in beside(answer.text, "promise")
    assert living(town) == []
    wang.post("/care", do="file", who="me", kind=kind, region=region, reason="随女儿住", promise="on")
    assert living(town) == [(kind, region, True, 0)]
    page = wang.get("/care").text
    assert "材料没补" in page
    held = re.search('name="filing" value="([^"]+)"', page)
    assert held
    nothing = upload(wang, do="papers", who="me", filing=held[1])
    assert nothing.status_code == 422
    assert "要有证明材料" in nothing.text
    broken = upload(wang, b"%PDF-1.7", do="papers", who="me", filing=held[1])
    assert broken.status_code == 422
    assert living(town) == [(kind, region, True, 0)]
    given = upload(wang, picture(10), picture(200), do="papers", who="me", filing=held[1])
    assert given.headers["location"] == "/care?who=me&done=review"
    assert town.sql("select count(*) from paper where about = (select id from remote_filing where ended_on is null)") == [(2,)]
    assert living(town) == [(kind, region, True, 0)], "somebody looks at them first"
    page = wang.get("/care").text
    assert "补交异地就医备案材料" in page.split("正在审核的")[1]
    assert "材料在审核" in page
    assert 'value="papers"' not in page
    twice = wang.post("/care", do="papers", who="me", filing=held[1])
    assert (twice.status_code, "同一件事已经在办理中" in twice.text) == (422, True)
    decides(town, run)
    assert living(town) == [(kind, region, False, 2)]
    page = wang.get("/care").text
    assert "材料没补" not in page
    assert "正在审核的" not in page
    assert "一直有效" in page
    assert "回参保地看病也照样报" in page
    assert upload(wang, picture(91), do="papers", who="me", filing=held[1]).status_code == 422, "none is owed any more"


def test_who_promises_papers_and_gives_them_has_given_them(town: Town, wang: Citizen, run: Run) -> None:
    kind, region = LONG_TERM
    sent = upload(wang, picture(60), do="file", who="me", kind=kind, region=region, reason="随女儿住", promise="on")
    assert sent.headers["location"] == "/care?who=me&done=review"
    assert living(town) == []
    decides(town, run)
    assert living(town) == [(kind, region, False, 1)]


def test_a_referral_is_filed_on_its_paper(town: Town, wang: Citizen, run: Run) -> None:
    given = {"do": "file", "who": "me", "kind": "referral", "region": "110000", "reason": "转到北京"}
    answer = wang.post("/care", **given, promise="on")
    assert "不能用承诺代替材料" in beside(answer.text, "promise")
    assert "要有证明材料" in beside(wang.post("/care", **given).text, "promise")
    sent = upload(wang, picture(33), **given)
    assert sent.headers["location"] == "/care?who=me&done=review"
    assert town.sql("select kind from paper order by given_at desc limit 1") == [("referral",)]
    assert living(town) == []
    assert "异地就医备案审核" in wang.get("/care").text.split("正在审核的")[1]
    again = upload(wang, picture(34), **given)
    assert (again.status_code, "同一件事已经在办理中" in again.text) == (422, True)
    decides(town, run)
    assert living(town) == [("referral", "110000", False, 1)]
    assert "北京市（转诊）" in wang.get("/care").text


def test_late_from_the_first_day_in_hospital_but_not_after_it(town: Town, wang: Citizen) -> None:
    since = business_date(wall_clock()) - timedelta(days=9)
    given = {
        "do": "file",
        "who": "me",
        "kind": "emergency",
        "region": "510000",
        "reason": "旅游时摔伤",
        "since": since.isoformat(),
    }
    answer = wang.post("/care", **given, discharged="on")
    assert "已经出院自费结算" in beside(answer.text, "discharged")
    wrong = wang.post("/care", **{**given, "since": (since + timedelta(days=30)).isoformat()})
    assert "不对" in beside(wrong.text, "since")
    assert '<details class="panel" open>' in wrong.text
    assert wang.post("/care", **given).status_code == 303
    assert town.sql("select valid_from, late from remote_filing where ended_on is null") == [(since, True)]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"kind": ""}, "kind"),
        ({"kind": "holiday"}, "kind"),
        ({"region": ""}, "region"),
        ({"region": "000000"}, "region"),
        ({"region": "420000"}, "region"),
        ({"region": "１１００００"}, "region"),
        ({"reason": " "}, "reason"),
        ({"reason": "长" * 201}, "reason"),
        ({"since": "2026-02-30"}, "since"),
        ({"since": "昨天"}, "since"),
    ],
)
def test_what_cannot_be_filed_is_told_beside_the_field(town: Town, wang: Citizen, typed: dict[str, str], field: str) -> None:
    before = rows(town)
    given = {"kind": "other", "region": "310000", "reason": "出差", **typed}
    answer = wang.post("/care", do="file", who="me", **given)
    assert answer.status_code == 422
    assert beside(answer.text, field)
    assert rows(town) == before


def test_buttons_that_are_not_there(town: Town, wang: Citizen) -> None:
    before = rows(town)
    for fields in (
        {"do": "end", "filing": "x"},
        {"do": "end", "filing": "R00000000000000000000000000"},
        {"do": "papers"},
        {"do": "burn"},
        {},
        {"do": "file", "who": "x"},
    ):
        assert wang.post("/care", **{"who": "me", **fields}).status_code == 404, fields
    assert rows(town) == before


def test_a_relative_is_helped_told_and_may_shut_the_door(town: Town, wang: Citizen) -> None:
    father = Citizen(town, FATHER)
    key = relative(wang, "爸爸")
    kind, region = LONG_TERM
    told = town.sql("select count(*) from outbox where body ->> 'text' like '%%异地就医备案%%'")[0][0]
    answer = wang.post("/care", do="file", who=key, kind=kind, region=region, reason="跟我住", promise="on")
    assert answer.headers["location"] == f"/care?who={key}&done=file"
    assert "江苏省（长期异地居住）" in father.get("/care").text
    assert town.sql("select count(*) from outbox where body ->> 'text' like '%%异地就医备案%%'")[0][0] == told + 1
    assert upload(wang, picture(66), do="file", who=key, kind="referral", region="110000", reason="转诊").status_code == 303
    assert town.sql("select count(*) from outbox where body ->> 'text' like '%%替您提交了申请：异地就医备案审核%%'") == [(1,)]
    assert "正在审核的" in wang.get(f"/care?who={key}").text
    assert "正在审核的" not in wang.get("/care").text, "the father's, not the daughter's"
    assert "看了或办了异地就医备案" in father.get("/me/watchers").text
    bond = re.search('name="bond" value="([^"]+)"', father.get("/me/watchers").text)
    assert bond
    assert father.post("/me/watchers", do="forbid", bond=bond[1]).status_code == 303
    shut = wang.get(f"/care?who={key}").text
    assert "现在不能替爸爸办备案" in shut
    assert "跟我住" not in shut
    held = re.search('name="filing" value="([^"]+)"', father.get("/care").text)
    assert held
    before = rows(town)
    page = wang.get("/care").text
    assert wang.post("/care", page, do="end", who=key, filing=held[1]).status_code == 403
    assert upload(wang, picture(77), do="papers", who=key, filing=held[1]).status_code == 403
    assert rows(town) == before
    assert father.post("/me/watchers", do="allow", bond=bond[1]).status_code == 303


def test_who_is_not_insured_is_led_on(town: Town) -> None:
    one = Citizen(town, STOPPED)
    page = one.get("/care").text
    assert "不是正常参保，不能备案" in page
    assert 'name="kind"' not in page
    before = rows(town)
    answer = one.post("/care", one.get("/bind").text, do="file", who="me", kind="other", region="310000", reason="出差")
    assert answer.status_code == 422
    assert "参保状态不正常" in answer.text
    assert rows(town) == before


def test_a_disease_says_whether_it_settles_in_other_provinces(town: Town, wang: Citizen, run: Run) -> None:
    ref = _person(town, WANG, run)
    since = business_date(wall_clock()) - timedelta(days=30)
    for code in ("M03900", "M06700"):
        run(lambda tx, code=code: filings.certify(tx, ref, code, since, "市一院"))
    page = wang.get("/care").text
    mine = page.split("<h2>门诊慢特病</h2>")[1]
    assert re.search("高血压</span><small>在外省门诊也按慢特病当场报", mine)
    assert re.search("病种 M06700</span><small>在外省门诊按普通门诊报", mine)
    assert mine.split("<details>")[1].split("</ul>")[0].count("<li>") == 10


# -- from which day, and what comes in ----------------------------------------------------------------------------


def _person(town: Town, name: str, run: Run) -> PersonRef:
    for book, ref in town.sql("select book, id from person"):
        found = PersonRef(book, ref)
        if run(lambda tx, found=found: enrolment.person(tx, found)).name == name:
            return found
    raise AssertionError(name)


def test_who_waits_is_told_from_which_day_what_serves_and_why(town: Town, run: Run) -> None:
    one, ref, today = Citizen(town, STOPPED), _person(town, STOPPED, run), business_date(wall_clock())
    assert "现在不能报" in one.get("/me/insured").text
    assert "才能报销" not in one.get("/home").text, "nobody knows a day"
    town.sql("update enrolment set valid_from = %s where person = %s and status = 'suspended'", date(2025, 1, 1), ref.id)
    town.sql("update enrolment set valid_to = %s where person = %s and valid_to is not null", date(2024, 12, 31), ref.id)
    wait = run(lambda tx: standing.resume(tx, library(), ref, today))
    assert wait.begins > today
    page = one.get("/me/insured").text
    says = f"从 {wait.begins.year} 年 {wait.begins.month} 月 {wait.begins.day} 日起"
    assert page.count(says) == 2, "outpatient care and stays"
    assert "等待期内" in page
    assert "从 2025-01-01 起中断缴费" in page
    assert "续缴后要等" in page
    assert f"您的医保{says}才能报销" in one.get("/home").text


def test_a_relatives_wait_stands_on_the_relatives_page(town: Town, wang: Citizen, run: Run) -> None:
    ref, later = _person(town, FATHER, run), months_later(business_date(wall_clock()), 2)
    path = f"/family/{relative(wang, '爸爸')}"
    assert "<dt>报销</dt><dd>现在就能报</dd>" in wang.get(path).text
    town.sql("update enrolment set inpatient_from = %s where person = %s and valid_to is null", later, ref.id)
    assert f"<dd>现在就能报，住院从 {later.year} 年 {later.month} 月 {later.day} 日起</dd>" in wang.get(path).text
    town.sql("update enrolment set inpatient_from = null where person = %s", ref.id)
    town.sql("update enrolment set valid_from = %s where person = %s and valid_to is null", later, ref.id)
    assert f"<dd>从 {later.year} 年 {later.month} 月 {later.day} 日起</dd>" in wang.get(path).text
    town.sql("update enrolment set valid_from = '2020-01-01' where person = %s and valid_to is null", ref.id)


def test_who_begins_as_a_flexible_worker_waits_for_stays_alone(town: Town, run: Run) -> None:
    one, ref, today = Citizen(town, "林静"), _person(town, "林静", run), business_date(wall_clock())
    later = months_later(today, 3)
    town.sql("update enrolment set inpatient_from = %s where person = %s and valid_to is null", later, ref.id)
    page = one.get("/me/insured").text
    assert "现在就能报" in page
    assert f"从 {later.year} 年 {later.month} 月 {later.day} 日起" in page
    assert "刚参保，住院要等一段时间，门诊不用等" in page
    assert f"您住院从 {later.year} 年 {later.month} 月 {later.day} 日起才能报销" in one.get("/home").text


def test_the_months_that_came_in_are_shown(town: Town, run: Run, wang: Citizen) -> None:
    assert "最近 12 个月没有划过钱" in wang.get("/me/insured").text
    ref, month = _person(town, WANG, run), month_of(business_date(wall_clock()))
    for since in (months_later(month, -1), month):
        run(lambda tx, since=since: crediting.credit_batch(tx, library(), ref.book, since))
    credited = run(lambda tx: crediting.credits_of(tx, ref, months_later(month, -1), month))
    assert len(credited) == 2
    page = wang.get("/me/insured").text
    shown = re.findall(r'<span>(\d+ 年 \d+ 月)<small>个人账户，([^<]+)</small></span><span class="am">¥([0-9.,]+)<', page)
    assert [(row[0], row[2].replace(",", "")) for row in shown] == [
        (f"{row['month'].year} 年 {row['month'].month} 月", yuan(row["fen"])) for row in reversed(credited)
    ]
    assert all(row[1] for row in shown)
    assert "居民医保没有个人账户" in Citizen(town, "陈一诺").get("/me/insured").text


def test_what_to_keep_and_when_to_claim_is_said_where_it_is_asked(town: Town, wang: Citizen) -> None:
    balance = town.sql("select balance from purse where holder = %s and kind = 1", _id(town, wang))[0][0]
    assert f"按现在的余额是 {yuan(balance * 3 // 10)} 元" in wang.get("/aid/new").text
    assert "2026 年 3 月 1 日到 2026 年 6 月 30 日" in wang.get("/costs/tax?year=2025").text
    assert wang.get("/costs/tax?year=9999").status_code < 500


def _id(town: Town, one: Citizen) -> Any:
    return town.sql("select person from web_session order by id desc limit 1")[0][0]


# -- money straight to a relative, where the region has it --------------------------------------------------------


def test_nanjing_gives_straight_to_a_relatives_account_after_a_second_yes(cluster: Any) -> None:
    url = cluster.fresh()
    db = Database(url, cluster.keys, size=4)
    city = City(db, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    try:
        city.now = wall_clock()
        for name, money, base in (("son", "300.00", "active"), ("father", "20.00", "retired"), ("mother", "0", "resident")):
            city.enrols(name, money, region="320100", base=base, household="ning")
        city.enrols("wuhan", "300.00", household="han")
        for member in ("father", "mother"):
            city.binds("son", member)

        def purses() -> list[Any]:
            return [row["balance"] for row in city.run(lambda tx: tx.all("select balance from purse order by balance desc"))]

        with web_process(cluster, url) as base:
            son, other = Browser(base), Browser(base)
            other.enters(city.people["wuhan"])
            assert other.get("/aid/give").status == 404, "Wuhan has no such thing"
            assert "直接转给家人" not in other.get("/aid").text
            son.enters(city.people["son"])
            assert "/aid/give" in son.get("/aid").text
            page = son.get("/aid/give")
            found = re.findall('name="whom" value="([^"]+)"', page.text)
            assert len(found) == 1, "a resident has no account to give to"
            before = purses()
            for amount, says in (("", "请填写金额"), ("0", "之间的金额"), ("1000", "账户里现在最多可以拿出 300.00 元")):
                wrong = son.post("/aid/give", whom=found[0], amount=amount, do="give", key=page.key)
                assert (wrong.status, says in beside(wrong.text, "amount")) == (422, True)
            shown = son.post("/aid/give", whom=found[0], amount="64.56", key=page.key)
            assert (shown.status, purses()) == (200, before)
            assert "64 元 5 角 6 分" in shown.text
            for _ in range(2):
                assert son.post("/aid/give", whom=found[0], amount="64.56", do="give", key=shown.key).status == 303
            assert purses() == [30000, 23544, 8456, *before[3:]], "once, though it was sent twice"
            assert "转好了" in son.get("/aid/give?done=1").text
        city.books_balance()
    finally:
        city.close()
        db.close()
        cluster.drop(url)
