"""The clerk's pages in a real browser: getting in, the queue, one case by two people, pictures, and who gets nothing."""

from __future__ import annotations

import base64
import http.client
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from browsing import DESK, PHONE, RULES, Site, browser, follow, visit, web_process  # noqa: F401
from city import City
from desk import TELL, Desk
from mulaid import jobs, refs
from mulaid.agency import casework, entrance, evidence, staff
from mulaid.agency.staff import SQL
from mulaid.calendar import business_date, wall_clock
from mulaid.crypto import digest
from mulaid.db import Database, process_url
from mulaid.outside.storage import Folder
from mulaid.refusal import Refusal
from test_evidence import drawn

PASSWORD = "vier pferde im regen"


@dataclass
class Console:
    """A running web door over an agency with work to do."""

    site: Site
    desk: Desk
    store: Folder

    def seat(self, who: str, address: str = "127.0.0.1", ago: timedelta = timedelta()) -> str:
        """A session of somebody, as signing in leaves it; the token."""
        token = secrets.token_urlsafe(32)
        place = self.desk.city.keys.blind("network", address)
        self.desk.city.run(
            lambda tx: tx.run(SQL.open_staff_session, id=who, token=digest(token.encode()), address=place, at=tx.at - ago)
        )
        return token

    def number(self, case: UUID) -> str:
        return refs.show(refs.CASE, case)

    def ask(self, path: str, token: str = "", method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body as a plain program sees them."""
        connection = http.client.HTTPConnection(urlsplit(self.site.base).netloc, timeout=20)
        try:
            connection.request(method, path, headers={"Cookie": f"desk={token}"} if token else {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def new_case(self) -> UUID:
        """Wang says that his account was credited wrongly, with a picture."""
        city = self.desk.city
        city.now, wang = wall_clock(), city.people["Wang"]
        city.credits("Wang", "20.00")
        credit = city.run(lambda tx: tx.one("select id from journal where cause = 'credit' order by recorded_at desc, id desc"))
        about = credit["id"]
        paper = evidence.prepare(city.keys, refs.book_of(about), city.now, drawn(colour=tuple(secrets.token_bytes(3))))
        self.store.put(paper.name, paper.sealed)
        city.run(lambda tx: evidence.record(tx, paper, about, "id_card", wang, wang))
        detail = {"parts": {"0": 1000, "1": 1000}}
        given = {"person": wang, "applicant": wang, "about": about, "region": "420100", "detail": detail}
        return city.run(lambda tx: casework.open_case(tx, "correction", **given))


@pytest.fixture(scope="module")
def console(cluster: Any) -> Iterator[Console]:
    url = cluster.fresh()
    database = Database(url, cluster.keys, size=4)
    city = City(database, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    city.now = wall_clock()
    city.enrols("Wang", "100.00")
    agency = Desk(city)
    try:
        with web_process(cluster, url) as base:
            yield Console(Site(base, {}), agency, Folder(cluster.folder / "papers"))
    finally:
        city.close()
        database.close()
        cluster.drop(url)


Seated = Callable[..., Page]


@pytest.fixture
def seated(console: Console, visit: Any) -> Seated:  # noqa: F811
    """A browser in which somebody is signed in."""

    def go(who: str, path: str = "/console", **options: Any) -> Page:
        page = visit(console.site, "", **{"viewport": DESK, **options})
        page.context.add_cookies([{"name": "desk", "value": console.seat(who), "url": console.site.base}])
        page.goto(path)
        return page

    return go


def clean(page: Page) -> None:
    """axe finds nothing, and nothing sticks out sideways."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def code(secret: str, steps: int = 0) -> str:
    return entrance._code(base64.b32decode(secret), int(wall_clock().timestamp()) // entrance.STEP + steps)


# Codes of authenticators


@pytest.mark.parametrize(
    ("moment", "shown"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_standard(moment: int, shown: str) -> None:
    """RFC 6238, appendix B, SHA-1, the last six of eight digits."""
    assert entrance._code(b"12345678901234567890", moment // 30) == shown


# Getting in


def test_from_the_invitation_to_the_queue(console: Console, visit: Any) -> None:  # noqa: F811
    agency = console.desk
    agency.city.now = wall_clock()
    agency.hire("newman", "420100", "handler")
    word = agency.as_("root.sys", lambda tx: entrance.invite(tx, "newman"))
    page = visit(console.site, "/console", viewport=DESK)
    expect(page).to_have_url(re.compile(r"/console/enter\?next=/console$"))
    clean(page)
    follow(page.get_by_role("link", name="设置密码和动态码"))
    clean(page)
    page.get_by_label("工号").fill("newman")
    page.get_by_label("邀请码").fill(word)
    page.get_by_label("设置密码").fill("newman-12345")
    follow(page.get_by_role("button", name="下一步"))
    assert "密码太短或太简单" in page.locator(".err").first.inner_text()
    page.get_by_label("设置密码").fill(PASSWORD)
    follow(page.get_by_role("button", name="下一步"))
    expect(page.get_by_role("heading", name="绑定验证器")).to_be_visible()
    clean(page)
    secret = page.locator("code").inner_text()
    page.get_by_label("动态码").fill("000000" if code(secret) != "000000" else "111111")
    follow(page.get_by_role("button", name="完成"))
    assert "动态码不对" in page.locator(".err").first.inner_text()
    page.get_by_label("动态码").fill(code(secret))
    follow(page.get_by_role("button", name="完成"))
    expect(page).to_have_url(re.compile("/console/enter$"))

    def enters(password: str, digits: str) -> None:
        page.get_by_label("工号").fill("newman")
        page.get_by_label("密码").fill(password)
        page.get_by_label("动态码").fill(digits)
        follow(page.get_by_role("button", name="登录"))

    enters("wrong horse in rain", code(secret, 1))
    wrong_password = page.get_by_role("alert").inner_text()
    enters(PASSWORD, code(secret))
    assert page.get_by_role("alert").inner_text() == wrong_password, "a code that was used, in the same words"
    enters(PASSWORD, code(secret, 1))
    expect(page.get_by_role("heading", level=1)).to_contain_text("待办")
    cookie = next(one for one in page.context.cookies() if one["name"] == "desk")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    follow(page.get_by_role("button", name="退出"))
    page.goto("/console")
    expect(page).to_have_url(re.compile("/console/enter"))
    stored = agency.city.run(lambda tx: tx.one("select k::text as row from staff_key k where staff = 'newman'"))["row"]
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in stored
    assert secret not in stored
    assert word not in stored


def test_an_invitation_serves_once_and_for_a_day(console: Console) -> None:
    agency = console.desk
    agency.city.now = wall_clock()
    agency.hire("lastman", "420100", "handler")

    def refused(name: str, work: Callable[[], Any]) -> None:
        with pytest.raises(Refusal) as told:
            work()
        assert told.value.code == name

    prepare = lambda word: agency.as_("lastman", lambda tx: entrance.prepare(tx, "lastman", word, "hash"))  # noqa: E731
    prove = lambda word, digits: agency.as_("lastman", lambda tx: entrance.prove(tx, "lastman", word, digits))  # noqa: E731
    for who, name in (("zhao", "staff.not_allowed"), ("root.sec", "staff.not_allowed"), ("ghost", "staff.unknown")):
        refused(name, lambda w=who: agency.as_(w, lambda tx: entrance.invite(tx, "lastman")))
    word = agency.as_("operator", lambda tx: entrance.invite(tx, "lastman"), channel="cli")
    refused("entrance.bad_invitation", lambda: prepare("guess"))
    secret = prepare(word)
    refused("entrance.wrong_code", lambda: prove(word, "12345"))
    refused("entrance.bad_invitation", lambda: prove("guess", entrance.code_of(secret, agency.city.now)))
    prove(word, entrance.code_of(secret, agency.city.now))
    refused("entrance.bad_invitation", lambda: prepare(word))
    refused(
        "staff.unknown",
        lambda: agency.as_("operator", lambda tx: entrance.invite(tx, "lastman")),
    )
    word = agency.as_("root.sys", lambda tx: entrance.invite(tx, "lastman"))
    late = agency.city.now
    agency.city.now += timedelta(hours=24, seconds=1)
    refused("entrance.bad_invitation", lambda: prepare(word))
    agency.city.now = late


@pytest.mark.parametrize("text", ["short", "aaaaaaaaaaaaaaaa", "zhao zhao zhao zhao 1", "x" * 129, "with\nnew line in it"])
def test_weak_passwords(text: str) -> None:
    with pytest.raises(Refusal, match=r"entrance\.weak_password"):
        entrance.check_password(text, "zhao")
    assert entrance.check_password(PASSWORD, "zhao") == PASSWORD


def test_five_tries_from_one_network_lock_nobody_out_elsewhere(console: Console) -> None:
    may = lambda who, network: console.desk.city.run(lambda tx: entrance.may_try(tx, who, network))  # noqa: E731
    console.desk.city.now = wall_clock().replace(minute=1)
    assert [may("sun", "n1") for _ in range(6)] == [True] * 5 + [False]
    assert may("sun", "n2")
    assert may("chen", "n1")
    console.desk.city.now += timedelta(minutes=15)
    assert may("sun", "n1")
    console.desk.city.now = wall_clock()


def test_sessions_end(console: Console) -> None:
    def inside(token: str) -> bool:
        return console.ask("/console", token)[0] == 200

    console.desk.city.now = wall_clock()
    token = console.seat("sun")
    assert inside(token)
    second = console.seat("sun")
    assert inside(second)
    assert not inside(token), "one session a person"
    assert not inside(console.seat("sun", ago=timedelta(minutes=16))), "idle"
    assert not inside(console.seat("sun", address="10.9.9.9")), "another address"
    assert not inside("forged")
    token = console.seat("sun")
    console.desk.city.run(
        lambda tx: tx.run("update staff_session set opened_at = %(at)s where staff = 'sun'", at=tx.at - timedelta(hours=9))
    )
    assert not inside(token), "eight hours at most"
    console.desk.hire("shortman", "420100", "handler")
    token = console.seat("shortman")
    assert inside(token)
    console.desk.as_("root.sec", lambda tx: staff.disable(tx, "shortman"))
    assert not inside(token), "an account that has ended"


# Working


def test_two_people_decide_a_case(console: Console, seated: Seated) -> None:
    console.desk.city.now = wall_clock()
    before = console.desk.city.holds("Wang")
    case = console.new_case()
    page = seated("zhao")
    clean(page)
    follow(page.get_by_role("link", name=console.number(case)))
    expect(page.get_by_role("heading", level=1)).to_have_text("账务更正")
    assert "拟退 10.00 元" in page.locator("main").inner_text()
    clean(page)
    follow(page.get_by_role("button", name="领取"))
    expect(page.get_by_role("status")).to_contain_text("领取了")
    follow(page.get_by_role("button", name="提交，请同事复核"))
    expect(page.locator(".err")).to_have_count(2)
    clean(page)
    page.get_by_label("写给申请人的话").fill(TELL)
    page.get_by_label("理由").select_option(label="核实记账有误")
    follow(page.get_by_role("button", name="提交，请同事复核"))
    expect(page.get_by_role("status")).to_contain_text("等另一位同事复核")
    assert page.get_by_role("button", name="复核同意").count() == 0
    assert "这是您的决定" in page.locator("main").inner_text()
    clean(page)

    other = seated("qian", f"/console/case/{console.number(case)}")
    assert TELL in other.locator("main").inner_text()
    other.get_by_text("不同意，退回经办").click()
    other.get_by_label("写明原因").fill("请再核对一次。")
    follow(other.get_by_role("button", name="退回经办重新决定"))
    expect(other.get_by_role("status")).to_contain_text("已经退回")

    page.reload()
    assert "请再核对一次。" in page.locator("main").inner_text()
    page.get_by_label("写给申请人的话").fill(TELL)
    page.get_by_label("理由").select_option(label="核实记账有误")
    follow(page.get_by_role("button", name="提交，请同事复核"))
    other.reload()
    follow(other.get_by_role("button", name="复核同意"))
    expect(other.get_by_role("status")).to_contain_text("复核同意")
    clean(other)
    assert console.desk.city.holds("Wang") == f"{float(before) + 20:.2f}"
    assert jobs.carry_out(console.desk.city.db) == 1
    assert console.desk.city.holds("Wang") == f"{float(before) + 10:.2f}"
    other.goto("/console?tab=all")
    assert console.number(case) not in other.locator("main").inner_text()


def test_papers_asked_for_and_given_back_without_script(console: Console, seated: Seated) -> None:
    console.desk.city.now = wall_clock()
    case = console.new_case()
    page = seated("zhao", f"/console/case/{console.number(case)}", java_script_enabled=False, viewport=PHONE)
    follow(page.get_by_role("button", name="领取"))
    page.locator("summary", has_text="退回").click()
    follow(page.get_by_role("button", name="请申请人补材料"))
    assert "请写明原因" in page.locator(".err").inner_text()
    page.get_by_label("写明原因").fill("请补户口簿首页。")
    follow(page.get_by_role("button", name="请申请人补材料"))
    assert "已请申请人补材料" in page.get_by_role("status").inner_text()
    page.goto("/console?tab=papers")
    assert console.number(case) in page.locator("main").inner_text()
    page.goto(f"/console/case/{console.number(case)}")
    page.locator("summary", has_text="退回").click()
    page.get_by_label("写明原因").fill("转同事办理。")
    follow(page.get_by_role("button", name="退回，让别人办"))
    assert console.desk.case(case)["state"] == "open"


def test_a_case_that_changed_since_is_shown_anew(console: Console, seated: Seated) -> None:
    console.desk.city.now = wall_clock()
    case = console.new_case()
    page = seated("zhao", f"/console/case/{console.number(case)}")
    console.desk.takes("sun", case)
    follow(page.get_by_role("button", name="领取"))
    assert "案件在您打开之后有变化" in page.get_by_role("alert").inner_text()
    assert page.get_by_role("button", name="领取").count() == 0
    assert "sun 在办" in page.locator("main").inner_text()


def test_a_picture_opens_once_with_its_reader_across_it(console: Console, seated: Seated) -> None:
    console.desk.city.now = wall_clock()
    case = console.new_case()
    page = seated("zhao", f"/console/case/{console.number(case)}")
    with page.expect_popup() as opening:
        page.get_by_role("button", name="查看身份证").click()
    picture = opening.value
    picture.wait_for_load_state()
    assert picture.evaluate("document.contentType") == "image/jpeg"
    address = urlsplit(picture.url).path
    token = next(one["value"] for one in page.context.cookies() if one["name"] == "desk")
    status, headers, _ = console.ask(address, token)
    assert status == 403, "the link was used"
    link = _link(console, case, token)
    status, headers, body = console.ask(f"/console/paper/{link}", token)
    assert (status, headers["content-type"], body[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
    link = _link(console, case, token)
    assert console.ask(f"/console/paper/{link}", console.seat("qian"))[0] == 403, "somebody else's link"


def _link(console: Console, case: UUID, session: str) -> str:
    about = console.desk.case(case)["about"]
    return console.desk.as_("zhao", lambda tx: casework.paper_link(tx, case, evidence.papers_of(tx, about)[0].id, session))


# Who gets nothing


def test_strangers_other_regions_and_other_roles_get_nothing(console: Console) -> None:
    console.desk.city.now = wall_clock()
    case = console.new_case()
    path = f"/console/case/{console.number(case)}"
    for address in ("/console", path, "/console/paper/x"):
        status, headers, body = console.ask(address)
        assert (status, headers["location"].startswith("/console/enter")) == (303, True)
        assert b"Wang" not in body
    assert console.ask(path, console.seat("chen"))[0] == 404, "another region's case looks like none"
    for who in ("nosy", "root.sys", "root.sec"):
        token = console.seat(who)
        assert [console.ask(address, token)[0] for address in ("/console", path, "/console/paper/x")] == [403] * 3
    token = console.seat("zhao")
    for wrong in (
        "/console/case/C123",
        f"/console/case/{refs.show(refs.CASE, refs.mint(67216, wall_clock()))}",
        "/console?tab=x",
    ):
        assert console.ask(wrong, token)[0] == 404
    assert console.ask(path, token, method="POST")[0] == 403, "a form without the page's token"


def test_the_desk_blocks_the_clerks_own_family(console: Console) -> None:
    agency = console.desk
    agency.city.now = wall_clock()
    agency.hire("wangwang", "420100", "handler", "checker", number=agency.city.numbers["Wang"])
    case = console.new_case()
    assert console.ask(f"/console/case/{console.number(case)}", console.seat("wangwang"))[0] == 403


def test_an_empty_queue_and_a_queue_with_signals(console: Console, seated: Seated) -> None:
    console.desk.city.now = wall_clock()
    page = seated("chen")
    assert "都办完了" in page.locator("main").inner_text()
    clean(page)
    case = console.new_case()
    late = business_date(wall_clock()) - timedelta(days=3)
    console.desk.city.run(
        lambda tx: tx.run("update desk_case set due_on = %(on)s, signals = '{same_picture}' where id = %(id)s", on=late, id=case)
    )
    page = seated("sun", "/console?tab=late", viewport=PHONE)
    told = page.locator("main").inner_text()
    assert "超时 3 天" in told
    assert "同一张图片用于另一人的申请" in told
    clean(page)


# The other side of the counter


@pytest.fixture
def citizen(console: Console, visit: Any) -> Page:  # noqa: F811
    """Wang's phone, signed in."""
    page = visit(console.site, "/enter", viewport=PHONE)
    page.locator(f"button[value={console.desk.city.people['Wang'].number}]").evaluate(
        "button => button.form.requestSubmit(button)"
    )
    page.wait_for_url("**/home")
    return page


def test_papers_that_are_asked_for_come_from_the_phone(console: Console, citizen: Page) -> None:
    agency, page = console.desk, citizen
    case = console.new_case()
    agency.takes("zhao", case)
    page.goto("/matters")
    clean(page)
    page.goto(f"/matters/{console.number(case)}")
    assert page.get_by_role("button", name="上传").count() == 0
    agency.as_("zhao", lambda tx: casework.ask_for_papers(tx, case, agency.version(case), "请补居住证。"))
    page.reload()
    assert "请补居住证。" in page.locator("main").inner_text()
    follow(page.get_by_role("button", name="上传"))
    assert page.locator(".err").count() >= 1
    clean(page)
    page.get_by_label("这是什么材料").select_option("residence_permit")
    page.get_by_label("照片").set_input_files({"name": "x.jpg", "mimeType": "image/jpeg", "buffer": b"<html>"})
    follow(page.get_by_role("button", name="上传"))
    assert "不是完好的 JPEG 或 PNG 图片" in page.get_by_role("alert").inner_text()
    page.get_by_label("这是什么材料").select_option("residence_permit")
    page.get_by_label("照片").set_input_files({"name": "x.jpg", "mimeType": "image/jpeg", "buffer": drawn(colour=(1, 99, 3))})
    follow(page.get_by_role("button", name="上传"))
    page.wait_for_url("**/matters/*")
    assert "居住证" in page.locator("main").inner_text()
    assert agency.case(case)["state"] == "taken"
    page.get_by_text("撤回", exact=True).click()
    follow(page.get_by_role("button", name="确定撤回"))
    expect(page.locator("main")).to_contain_text("已撤回")
    assert agency.case(case)["state"] == "withdrawn"
    clean(page)


def test_not_me_is_one_tap_away(console: Console, citizen: Page) -> None:
    city, page = console.desk.city, citizen
    city.now = wall_clock()
    city.enrols("Stranger", "1.00")
    bond = city.binds("Stranger", "Wang", "sibling")
    page.goto("/me/watchers")
    follow(page.get_by_role("button", name="不是我同意的"))
    page.goto("/me/watchers")
    assert "暂时不能用" in page.locator("main").inner_text()
    with pytest.raises(Refusal, match=r"family\.suspended"):
        city.shows_code("Wang", "Stranger")
    page.goto("/matters")
    assert "对绑定有异议" in page.locator("main").inner_text()
    assert city.run(lambda tx: tx.one("select about from desk_case where matter = 'dispute_not_me'"))["about"] == bond


def test_somebody_elses_matter_looks_like_none(console: Console, citizen: Page) -> None:
    city = console.desk.city
    city.now = wall_clock()
    other = city.enrols("Neighbour", "1.00")
    given = {"person": other, "applicant": other, "about": other.id, "region": "420100"}
    case = city.run(lambda tx: casework.open_case(tx, "activation_offline", **given))
    for number in (console.number(case), "C123"):
        assert citizen.request.get(f"/matters/{number}").status == 404
