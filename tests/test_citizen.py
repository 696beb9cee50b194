"""The signed-in pages as plain requests: who may see what, sessions, forms, and what no page may ever do."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from browsing import Site
from mulaid import commands
from mulaid.calendar import wall_clock
from mulaid.crypto import Keys
from mulaid.db import Actor, Database
from mulaid.people import family
from mulaid.people.enrolment import PersonRef
from mulaid.people.identity import make_resident_id
from test_web import asked, web_environment
from town import Citizen, Town, open_town

PLAIN = ["/home", "/household", "/bills", "/news", "/try", "/aid", "/aid/new", "/family", "/bind", "/bind/by/birth_certificate",
         "/bind/by/other_document", "/costs", "/costs/tax", "/premiums", "/me/insured", "/care", "/help",
         "/me/watchers", "/me/freeze", "/me/privacy", "/me/card", "/me/sessions", "/code/me"]  # fmt: skip
WANG, ZHAO, OUYANG = "王晓燕", "赵雪梅", "欧阳明轩"
WANG_NAMES = ("李**", "陈**", "王晓燕", "王建国", "李秀英", "陈一诺")


@pytest.fixture(scope="module")
def town(cluster: Any) -> Iterator[Town]:
    with open_town(cluster) as opened:
        yield opened


@pytest.fixture(scope="module")
def wang(town: Town) -> Citizen:
    """The daughter, with a bill of her father's paid and returned."""
    one = Citizen(town, WANG)
    till = Till(town)
    till.scan(code_of(one, "爸爸"))
    till.buy(XC08=2)
    till.scan(code_of(one, "爸爸"))
    till.buy(XC08=1)
    till.refund()
    return one


class Till:
    """The cashier by plain requests."""

    def __init__(self, town: Town, place: str = "P42010000001") -> None:
        self.one = Citizen(town)
        self.town = town
        self.path = self.one.post("/cashier/open", self.one.get("/cashier").text, place=place).headers["location"]

    def press(self, **fields: Any) -> str:
        """One click; the page afterwards."""
        answer = self.one.post(self.path, **fields)
        assert answer.status_code == 303, answer.text[:300]
        return self.one.get(self.path).text

    def scan(self, code: str) -> str:
        """Read a code, after the customer before."""
        self.press(next="1")
        return self.press(code=code)

    def ask(self, **counts: int) -> str:
        """Items by the beginning of their code."""
        page = self.one.get(self.path).text
        names = re.findall(r'name="(n-[^"]+)"', page)
        fields = {next(name for name in names if name[2:].startswith(start)): count for start, count in counts.items()}
        return self.press(ask="1", accounts="1", **fields)

    def buy(self, **counts: int) -> str:
        """Ask and settle."""
        self.ask(**counts)
        return self.press(settle="1")

    def refund(self) -> str:
        """Return the newest settlement."""
        number = re.search(r'name="refund" value="([^"]+)"', self.one.get(self.path).text)
        assert number
        return self.press(refund=number[1])


def code_of(one: Citizen, called: str) -> str:
    """A fresh code of a relative."""
    page = one.get("/home").text
    address = "/code/me" if called == "我" else None
    for link, name in re.findall(r'<a href="(/code/[^"]+)">.*?<b>([^<]+)</b>', page, re.S):
        address = link if name == called else address
    assert address, called
    return "".join(re.findall(r"<span>([0-9]{4})</span>", one.get(address).text.split('class="digits"')[1].split("</p>")[0]))


def aged(town: Town, column: str, minutes: int) -> None:
    """As if so much time had passed for the newest session."""
    newest = "(select id from web_session order by id desc limit 1)"
    town.sql(f"update web_session set {column} = {column} - %s * interval '1 minute' where id = {newest}", minutes)


# -- every route --------------------------------------------------------------------------------------------------


LIST_ROUTES = """
import json, django
django.setup()
from mulaid.cashier.till import urlpatterns
print(json.dumps([[str(p.pattern), p.name, getattr(p.callback, "permission", None), sorted(getattr(p.pattern, "converters", {}))]
                  for p in urlpatterns]))
"""


@pytest.fixture(scope="module")
def routes(cluster: Any, town: Town) -> list[list[Any]]:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", LIST_ROUTES], env=web_environment(cluster, town.url), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_every_route_names_what_it_demands(routes: list[list[Any]]) -> None:
    assert len(routes) > 30
    ours = [route for route in routes if not route[0].startswith("console")]
    assert {permission for _, _, permission, _ in ours} == {"anybody", "demonstration", "citizen", "present"}
    assert all(permission for _, _, permission, _ in routes)
    open_to_all = {name for _, name, permission, _ in ours if permission == "anybody"}
    assert open_to_all == {"start", "display", "health", "enter", "enter_code", "frame", "vouched", "leave"}


def test_a_stranger_is_led_to_the_entrance_from_every_page_of_citizens(routes: list[list[Any]], town: Town) -> None:
    stranger = Citizen(town)
    asked_for = 0
    for pattern, name, permission, holes in routes:
        if permission not in ("citizen", "present"):
            continue
        path = "/" + re.sub(r"<uuid:[a-z]+>", "00000000-0000-8000-8000-000000000000", pattern)
        path = re.sub(r"<str:[a-z]+>", "me", path)
        answer = stranger.get(path)
        asked_for += 1
        assert answer.status_code in (303, 405), (name, answer.status_code)
        if answer.status_code == 303:
            assert answer.headers["location"].startswith("/enter?next="), name
        assert stranger.http.post(path).status_code == 403, f"{name}: a post without a token"
        assert holes is not None
    assert asked_for > 20


def test_no_page_shows_one_family_anothers_data(routes: list[list[Any]], town: Town, wang: Citizen) -> None:
    """Each route with a hole is filled with every address that the Wangs' own pages lead to, and asked for by the Zhaos."""
    zhao = Citizen(town, ZHAO)
    wangs: set[str] = set()
    for path in [*PLAIN, "/family"]:
        wangs |= set(wang.links(path, '/(?:bills|code|aid|family|bind|costs|try)[^"]*'))
    secret = {path for path in wangs if re.search("[RS]01[0-9A-Z]{24}", path)}
    kinds = {path.split("/")[1].split("?")[0] for path in secret}
    assert kinds >= {"bills", "code", "aid", "family"}, kinds
    for path in sorted(secret):
        assert wang.get(path).status_code in (200, 303), path
        answer = zhao.get(path)
        assert answer.status_code == 404, path
        assert not any(name in answer.text for name in WANG_NAMES), path
        for field in ("do", "up"):
            posted = zhao.post(path, zhao.get("/aid/new").text, **{field: "stop", "version": "1"})
            assert posted.status_code in (403, 404, 405), path
    for path in PLAIN:
        assert not any(name in zhao.get(path).text for name in WANG_NAMES), path
    for path in ("/costs/export.csv", "/costs/export.pdf", "/me/export"):
        assert not any(name.encode() in zhao.get(path).content for name in WANG_NAMES), path


def test_a_bill_of_others_is_no_bill(town: Town, wang: Citizen) -> None:
    assert wang.links("/bills?who=me", '/bills/[^"]+') == [], "the daughter has no bill of her own"
    father = wang.links("/home", '/bills/[^"]+')[0]
    assert wang.get(father).status_code == 200
    assert Citizen(town, OUYANG).get(father).status_code == 404
    assert Citizen(town, "王建国").get(father).status_code == 200, "the patient"


@pytest.mark.parametrize(
    "path", ["/code/nobody", "/aid/R00", "/family/me", "/bills/S1", "/bind/x", "/bind/by/other", "/try?who=R1"]
)
def test_addresses_that_cannot_be_are_not_found(wang: Citizen, path: str) -> None:
    answer = wang.get(path)
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


# -- what no page may do ------------------------------------------------------------------------------------------


def test_no_page_is_kept_and_none_carries_script_or_style_inside(wang: Citizen) -> None:
    for path in [*PLAIN, "/try?amount=12&place=L2", *wang.links("/home", '/(?:bills|code)/[^"]+')]:
        answer = wang.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == "no-store", path
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=|javascript:", answer.text), path
        assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text), path
        assert "{{" not in answer.text and "{%" not in answer.text  # noqa: PT018
        assert "⟦缺⟧" not in answer.text, path
        assert "None" not in re.sub("<[^>]*>", "", answer.text), path


def test_no_page_shows_a_whole_number_or_anothers_whole_name(wang: Citizen) -> None:
    for path in [*PLAIN, *wang.links("/family", '/family/[^"]+')]:
        text = wang.get(path).text
        assert not re.search(r"100000[0-9]{11}[0-9X]", text), path
        assert "王建国" not in text, path


def test_pages_are_light(town: Town) -> None:
    first = httpx.Client(base_url=town.base, headers={"Accept-Encoding": "gzip"}, trust_env=False)
    one = Citizen(town, WANG)
    pages = {path: len(one.get(path).content) for path in PLAIN}
    pages["/enter"] = len(first.get("/enter").text.encode())
    heaviest = max(pages.values())
    assert heaviest < 15_000, max(pages, key=lambda path: pages[path])
    page = one.get("/code/me").text
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(files) >= 4
    sizes = {}
    for file in files:
        with first.stream("GET", file) as answer:
            sizes[file] = sum(map(len, answer.iter_raw()))
    assert all(sizes.values()), sizes
    assert sum(sizes.values()) + heaviest < 60_000, sizes


# -- sessions -----------------------------------------------------------------------------------------------------


def test_a_session_ends_after_thirty_quiet_minutes_and_says_so(town: Town) -> None:
    one = Citizen(town, ZHAO)
    assert one.get("/home").status_code == 200
    aged(town, "seen_at", 31)
    answer = one.get("/costs?year=2026")
    assert answer.headers["location"] == "/enter?next=/costs%3Fyear%3D2026&lapsed=1"
    page = one.get(answer.headers["location"]).text
    assert "太久没有操作" in page
    assert 'name="next" value="/costs?year=2026"' in page


def test_a_session_ends_after_twelve_hours_however_busy(town: Town) -> None:
    one = Citizen(town, ZHAO)
    aged(town, "opened_at", 12 * 60 + 1)
    assert one.get("/home").status_code == 303


def test_signing_in_changes_the_cookie_and_leaving_ends_the_session(town: Town) -> None:
    one = Citizen(town, ZHAO)
    before = one.http.cookies["session"]
    page = one.get("/enter").text
    number = re.search(r'value="([^"]+)"><b>欧阳明轩</b>', page)
    assert number
    one.http.post("/enter/as", data={"csrfmiddlewaretoken": one.token(page), "person": number[1]})
    after = one.http.cookies["session"]
    assert after != before
    stolen = httpx.Client(base_url=town.base, cookies={"session": before}, trust_env=False)
    assert stolen.get("/home").status_code == 303
    one.post("/leave", one.get("/home").text)
    thief = httpx.Client(base_url=town.base, cookies={"session": after}, trust_env=False)
    assert thief.get("/home").status_code == 303


def test_a_lost_phone_is_signed_out_from_another(town: Town) -> None:
    lost, mine = Citizen(town, OUYANG), Citizen(town, OUYANG)
    assert mine.get("/me/sessions").text.count('name="session"') >= 2
    assert mine.post("/me/sessions", all="1").status_code == 303
    assert lost.get("/home").status_code == 303
    assert mine.get("/home").status_code == 200
    zhao = Citizen(town, ZHAO)
    others = re.search(r'name="session" value="([^"]+)"', mine.get("/me/sessions").text)
    assert others
    assert zhao.post("/me/sessions", session=others[1]).status_code == 404, "somebody else's session"
    assert mine.get("/home").status_code == 200


def test_giving_something_away_asks_who_is_there_and_keeps_what_was_typed(town: Town) -> None:
    one = Citizen(town, ZHAO)
    page = one.get("/aid/new").text
    aged(town, "confirmed_at", 6)
    before = town.money()
    typed = {
        "whom": "other",
        "name": "赵德海",
        "number": "1000001950040403",
        "relation": "parent",
        "year_cap": "77.50",
        "uses": "pharmacy",
    }
    answer = one.post("/aid/new", page, **typed)
    assert answer.headers["location"] == "/confirm?next=/aid/new"
    cookie = one.http.cookies["session"]
    answer = one.post("/confirm", one.get("/confirm?next=/aid/new").text, next="/aid/new")
    assert (answer.status_code, answer.headers["location"]) == (303, "/aid/new")
    assert one.http.cookies["session"] != cookie
    page = one.get("/aid/new").text
    assert 'value="77.50"' in page
    assert 'value="1000001950040403"' in page
    assert town.money() == before
    assert one.post("/confirm", next="//evil.example/").headers["location"] == "/home"


# -- ways in ------------------------------------------------------------------------------------------------------


def sample(page: str) -> str:
    """The code a demonstration shows instead of sending it."""
    found = re.search(r"验证码是 <b>([0-9]{6})</b>", page)
    return found[1] if found else ""


def test_a_phone_is_bound_and_signs_in_with_a_code(town: Town) -> None:
    one = Citizen(town, "司马晋")
    assert one.post("/me/phone", phone="138 0000 1234").headers["location"] == "/me/phone/code"
    page = one.get("/me/phone/code").text
    assert "138****1234" in page
    wrong = one.post("/me/phone/code", page, digits="000000" if sample(page) != "000000" else "111111")
    assert wrong.status_code == 422
    assert "验证码不对" in wrong.text
    assert one.post("/me/phone/code", digits=sample(page)).headers["location"] == "/me/phone?done=1"
    one.post("/leave", one.get("/home").text)
    town.sql("update phone_code set expires_at = expires_at - interval '2 minutes'")

    again = Citizen(town)
    assert (
        again.post("/enter", number="100000198505300472", phone="13800001234", next="/aid").headers["location"] == "/enter/code"
    )
    page = again.get("/enter/code").text
    assert again.post("/enter/code", page, digits=sample(page)).headers["location"] == "/aid"
    assert "司马" in again.get("/home").text
    assert town.sql("select assurance from web_session order by id desc limit 1") == [("sms",)]


def test_who_types_somebody_elses_number_learns_nothing(town: Town) -> None:
    told = []
    for number, phone in (
        ("100000195004040330", "13900000001"),
        (make_resident_id("100000", date(1988, 12, 12), 1), "13900000002"),
    ):
        stranger = Citizen(town)
        answer = stranger.post("/enter", number=number, phone=phone)
        page = stranger.get("/enter/code").text
        assert sample(page) == ""
        wrong = stranger.post("/enter/code", page, digits="123456")
        secret = r'value="[^"]*"|139\*{4}[0-9]{4}'
        told.append((answer.status_code, answer.headers["location"], re.sub(secret, "", page), re.sub(secret, "", wrong.text)))
    assert told[0] == told[1]
    assert stranger.get("/home").status_code == 303


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({}, "请填写您的身份证号"),
        ({"number": "1", "phone": "13900000003"}, "18 位"),
        ({"number": "100000195004040330", "phone": "12345"}, "11 位的大陆手机号码"),
        ({"number": "100000195004040330", "phone": "１３９００００００"}, "11 位的大陆手机号码"),
    ],
)
def test_a_sign_in_that_cannot_be_is_told_beside_the_field(town: Town, typed: dict[str, str], says: str) -> None:
    answer = Citizen(town).post("/enter", **typed)
    assert answer.status_code == 422
    assert says in answer.text
    for value in typed.values():
        assert f'value="{value}"' in answer.text


def test_a_channel_is_kept_and_what_is_done_is_recorded_with_it(town: Town) -> None:
    one = Citizen(town)
    assert one.get("/in/nowhere").status_code == 404
    assert one.get("/in/alipay?next=//evil.example").headers["location"] == "/enter"
    page = one.get("/enter").text
    number = re.search(r'value="([^"]+)"><b>孟凡军</b>', page)
    assert number
    one.http.post("/enter/as", data={"csrfmiddlewaretoken": one.token(page), "person": number[1]})
    assert "支付宝" in one.get("/home").text
    path = one.links("/aid", '/aid/R[^"]+')[0]
    assert one.post(path, do="pause", version="1").status_code == 303
    assert town.sql("select split_part(actor, ':', 1) from audit where act = 'pause_aid' order by id desc limit 1") == [
        ("alipay",)
    ]


def test_a_link_sent_by_somebody_else_links_nobodys_account(town: Town) -> None:
    """Who opens a stranger's `/in/wechat?code=…` and signs in has not given the stranger a way in."""
    one = Citizen(town)
    assert one.get("/in/wechat?code=jscode-3").headers["location"] == "/enter"
    town.sql("update phone_code set expires_at = expires_at - interval '2 minutes'")
    one.post("/enter", number="100000198505300472", phone="13800001234")
    page = one.get("/enter/code").text
    assert one.post("/enter/code", page, digits=sample(page)).status_code == 303
    assert one.get("/home").status_code == 200
    assert Citizen(town).get("/in/wechat?code=jscode-3").headers["location"] == "/enter"


def test_a_mini_program_signs_in_only_whom_it_was_linked_with(town: Town) -> None:
    one = Citizen(town)
    assert one.get("/in/wechat?code=jscode-1").headers["location"] == "/enter"
    town.sql("update phone_code set expires_at = expires_at - interval '2 minutes'")
    one.post("/enter", number="100000198505300472", phone="13800001234")
    page = one.get("/enter/code").text
    if not sample(page):
        pytest.fail("the phone of the story above")
    assert re.search('name="link" value="1">', page), "asked for, and not ticked beforehand"
    assert one.post("/enter/code", page, digits=sample(page), link="1").status_code == 303

    later = Citizen(town)
    page = later.get("/in/wechat?code=jscode-1&next=/aid").text
    assert "您是 司马* 吗" in page
    assert later.get("/home").status_code == 303, "an address alone signs nobody in"
    assert later.post("/enter/vouched", page, next="/aid").headers["location"] == "/aid"
    assert later.get("/home").status_code == 200
    assert later.get("/aid/new").headers["location"].startswith("/confirm"), "a host app's word is no proof of presence"
    assert town.sql("select assurance, channel from web_session order by id desc limit 1") == [("linked", "wechat")]
    assert Citizen(town).get("/in/wechat?code=jscode-2").headers["location"] == "/enter"


# -- forms --------------------------------------------------------------------------------------------------------


def test_sending_a_form_twice_does_nothing_twice(town: Town) -> None:
    one = Citizen(town, ZHAO)
    path = one.links("/aid", '/aid/R[^"]+')[0]
    page = one.get(path).text
    version = re.search(r'name="version" value="([0-9]+)"', page)
    assert version
    fields = {"do": "pause", "version": version[1]}
    first, second = one.post(path, page, **fields), one.post(path, page, **fields)
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    other = one.post(path, page, **{**fields, "do": "resume"})
    assert other.status_code == 422
    assert "这一页已经用过" in other.text
    assert one.key(other.text) not in ("", one.key(page))
    version = re.search(r'name="version" value="([0-9]+)"', other.text)
    assert version
    assert one.post(path, other.text, do="resume", version=version[1]).status_code == 303


def test_a_form_without_a_key_of_ours_is_not_carried_out(town: Town) -> None:
    one = Citizen(town, ZHAO)
    path = one.links("/aid", '/aid/R[^"]+')[0]
    before = town.sql("select sum(version) from aid")
    for key in ("", "x" * 32, "0" * 31, "0" * 33, "０" * 32):
        assert one.post(path, key=key, do="pause", version="1").status_code == 422, key
    assert town.sql("select sum(version) from aid") == before


WRONG = [
    ("/try", {"amount": "", "place": "L3"}, "请填写金额"),
    ("/try", {"amount": "12.345", "place": "L3"}, "请填写金额，例如"),
    ("/try", {"amount": "１２", "place": "L3"}, "请填写金额，例如"),
    ("/try", {"amount": "-5", "place": "L3"}, "请填写金额，例如"),
    ("/try", {"amount": "99999999999", "place": "L3"}, "请填写"),
    ("/try", {"amount": "10", "place": "moon"}, "请选一种地方"),
    ("/try", {"amount": "10", "outside": "11", "place": "L3"}, "不能比一共花的钱还多"),
]


@pytest.mark.parametrize(("path", "typed", "says"), WRONG)
def test_a_question_that_cannot_be_is_answered_beside_the_field(
    wang: Citizen, path: str, typed: dict[str, str], says: str
) -> None:
    answer = wang.http.get(path, params=typed)
    assert answer.status_code == 422
    assert says in answer.text
    assert answer.text.count("autofocus") >= 1
    for value in typed.values():
        if value and value != "moon":
            assert f'value="{value}"' in answer.text


BAD_OFFERS = [
    ({}, "请选一位家人"),
    ({"whom": "other"}, "请填写 TA 的身份证号"),
    ({"whom": "other", "name": "赵德海", "number": "100000195004040331", "relation": "parent"}, "最后一位与前 17 位对不上"),
    ({"whom": "other", "name": "赵德海", "number": "１００", "relation": "parent"}, "身份证"),
    ({"whom": "other", "name": "赵不对", "number": "100000195004040330", "relation": "parent"}, "没有查到这位参保人"),
    ({"whom": "other", "name": "赵雪梅", "number": "100000197812120303", "relation": "parent"}, "不能授权给自己"),
    ({"whom": "other", "name": "赵德海", "number": "100000195004040330", "relation": "parent", "year_cap": "abc"}, "请填写金额"),
    (
        {"whom": "other", "name": "赵德海", "number": "100000195004040330", "relation": "parent", "valid_to": "2026-02-30"},
        "请填写日期",
    ),
    ({"whom": "other", "name": "赵德海", "number": "100000195004040330", "relation": "parent", "uses": []}, "请至少选一种用途"),
    ({"whom": "R01M8000000000000000000000", "uses": "pharmacy"}, "请选一位家人"),
]


@pytest.mark.parametrize(("typed", "says"), BAD_OFFERS)
def test_an_authorisation_that_cannot_be_is_refused_in_place(town: Town, typed: dict[str, Any], says: str) -> None:
    one = Citizen(town, ZHAO)
    before = town.money()
    answer = one.post("/aid/new", **{"uses": "pharmacy", **typed})
    assert answer.status_code == 422
    assert says in answer.text
    assert "autofocus" in answer.text
    for name in ("name", "number", "year_cap"):
        if typed.get(name):
            assert f'value="{typed[name]}"' in answer.text
    assert town.money() == before


def test_only_the_letter_that_was_shown_can_be_agreed_to(town: Town) -> None:
    one = Citizen(town, "何嘉豪")
    before = town.money()
    typed = {
        "whom": "other",
        "name": "何沐阳",
        "number": "100000202208080396",
        "relation": "child",
        "uses": "pharmacy",
        "year_cap": "300",
    }
    shown = one.post("/aid/new", **typed)
    assert shown.status_code == 200
    assert "每年最多 300.00 元" in shown.text
    letter = re.search(r'name="agreed" value="([0-9a-f]{64})"', shown.text)
    assert letter
    raised = one.post("/aid/new", shown.text, **{**typed, "year_cap": "3000", "agreed": letter[1]})
    assert raised.status_code == 422
    assert "承诺书的内容已有变化" in raised.text
    assert town.money() == before
    done = one.post("/aid/new", raised.text, **{**typed, "agreed": letter[1]})
    assert done.status_code == 303, done.text
    assert town.sql("select year_cap from aid order by id desc limit 1") == [(300_00,)]
    kept = one.get(done.headers["location"].partition("?")[0]).text.split("我同意过的承诺书")[1]
    assert "每年最多 300.00 元" in kept, "the giver can read again what was agreed to"


BAD_BINDS = [
    ("/bind", {}, "请选 TA 是您的什么人"),
    ("/bind", {"relation": "parent", "name": "赵立新", "number": "100000195004040330"}, "对不上"),
    ("/bind", {"relation": "parent", "name": "<b>", "number": "100000195004040330"}, "姓名里有不能使用的字符"),
    ("/bind", {"relation": "parent", "name": "赵德海", "number": "15" * 20}, "最多 30 个字"),
    ("/bind", {"relation": "sibling", "name": "赵雪梅", "number": "100000197812120303"}, "不能把自己添加为家人"),
    ("/bind/by/birth_certificate", {"mother_name": "赵", "mother_number": "1", "number": "Q1"}, "18 位"),
    ("/bind/by/other_document", {"relation": "parent", "name": "赵", "number": "1", "kind": "99", "born": "x"}, "请填写日期"),
]


@pytest.mark.parametrize(("path", "typed", "says"), BAD_BINDS)
def test_a_relative_who_cannot_be_is_refused_in_place(town: Town, path: str, typed: dict[str, str], says: str) -> None:
    one = Citizen(town, ZHAO)
    before = town.money()
    answer = one.post(path, **typed)
    assert answer.status_code == 422
    assert says in answer.text
    assert "autofocus" in answer.text
    if typed.get("name", "<") != "<b>" and "name" in typed:
        assert f'value="{typed["name"]}"' in answer.text
    assert "<b>" not in answer.text.split('name="name"', 1)[-1].split(">", 1)[0]
    assert town.money() == before


# -- family -------------------------------------------------------------------------------------------------------


def begin(one: Citizen, **typed: str) -> str:
    """A request to bind; its page."""
    answer = one.post("/bind", **typed)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def hashes(page: str) -> dict[str, str]:
    """The letters on a page."""
    return dict(re.findall(r'name="(agreed|notice)" value="([0-9a-f]{64})"', page))


def test_the_one_who_is_asked_may_say_no(town: Town) -> None:
    son, father = Citizen(town, "孔令辉"), Citizen(town, "孔庆山")
    path = begin(son, relation="parent", name="孔庆山", number="100000195509280516")
    assert "有人想帮您" in father.get("/me/watchers").text
    assert path in father.links("/me/watchers", '/bind/R[^"]+')
    before = town.sql("select count(*) from family_bond")
    assert father.post(path, do="decline").status_code == 303
    assert "没有通过" in son.get(path).text
    assert "家人没有同意" in son.get(path).text
    assert Citizen(town, ZHAO).get(path).status_code == 404
    assert town.sql("select count(*) from family_bond") == before


def test_pictures_are_looked_at_before_they_are_taken(town: Town) -> None:
    one = Citizen(town, "熊丽娟")
    path = begin(one, relation="parent", name="熊国强", number="100000195911080416")
    page = one.get(path).text
    assert "还要 2 张" in page
    given = {"csrfmiddlewaretoken": one.token(page), "key": one.key(page), "do": "papers", **hashes(page)}
    answer = one.http.post(
        path, data=given, files={"paper-household_register": ("户口簿.png", io.BytesIO(b"%PDF-1.4 no"), "image/png")}
    )
    assert answer.status_code == 422
    assert "户口簿.png" in answer.text
    page = one.get(path).text
    missing = one.post(path, page, do="papers", **hashes(page))
    assert missing.status_code == 422
    assert "户口簿" in missing.text
    page = one.get(path).text
    done = one.post(path, page, do="papers", sample="1", **hashes(page))
    assert done.status_code == 303
    assert "等待本人刷脸" in one.get(path).text


def test_a_face_check_of_others_leads_nowhere(town: Town) -> None:
    one = Citizen(town, "熊丽娟")
    (path,) = one.links("/family", '/bind/R[^"]+')
    page = one.get(path).text
    answer = one.post(path, page, do="face", **hashes(page))
    assert answer.status_code == 303
    back = answer.headers["location"]
    assert Citizen(town, ZHAO).get(back).status_code == 404
    assert one.get(back).headers["location"] == f"{path}?done=sandbox"
    assert "未进行真实人脸核验" in one.get(f"{path}?done=sandbox").text
    assert "开通好了" in one.get(path).text
    assert town.sql("select assurance from family_bond order by bound_at desc limit 1") == [("sandbox",)]


def test_a_baby_is_bound_by_its_birth_certificate(town: Town) -> None:
    father = Citizen(town, "张伟")
    answer = father.post(
        "/bind/by/birth_certificate", mother_name="林静", mother_number="100000199006160166", number="q100000003"
    )
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    page = father.get(path).text
    assert "查到的是这个孩子吗" in page
    assert "张**" in page
    assert father.post(path, page, do="confirm").status_code == 303
    page = father.get(path).text
    answer = father.post(path, page, do="face", **hashes(page))
    father.get(answer.headers["location"])
    assert "开通好了" in father.get(path).text


def test_both_sides_of_a_bond_have_their_rights(town: Town) -> None:
    binder, member = Citizen(town, "涂雨桐"), Citizen(town, "万春香")
    (path,) = binder.links("/family", '/family/R[^"]+')
    assert "TA 允许我看" in binder.get(path).text
    bond = path.removeprefix("/family/")
    assert member.post("/me/watchers", do="forbid", bond=bond).status_code == 303
    assert "TA 没有允许我看" in binder.get(path).text
    assert "现在看不了外婆的费用" in binder.get(f"/costs?who={bond}").text
    assert binder.get(f"/costs/export.csv?who={bond}").status_code == 403
    assert binder.post(path, do="name", label="我的外婆", relation="maternal_grandparent").status_code == 303
    assert "我的外婆" in binder.get("/home").text
    assert "我的外婆" not in member.get("/me/watchers").text
    wrong = binder.post(path, do="name", label="外婆!", relation="maternal_grandparent")
    assert wrong.status_code == 422
    assert 'value="外婆!"' in wrong.text
    code = code_of(binder, "我的外婆")
    assert "（购药）" not in member.get("/me/watchers").text
    assert "出示了医保码" in member.get("/me/watchers").text
    assert member.post("/me/freeze", do="freeze").status_code == 303
    assert "没有办成" in Till(town, "P36010000001").scan(code), "a frozen code is not read"
    assert "已停用" in binder.get(f"/code/{bond}").text
    assert member.post("/me/freeze", do="thaw").status_code == 303
    assert member.post("/me/watchers", do="part", bond=bond).status_code == 303
    assert binder.get(path).status_code == 404
    assert binder.get(f"/code/{bond}").status_code == 404


@pytest.mark.parametrize("born", ["2011-11-11", "2008-01-01"], ids=["at 15 by one's word", "at 18 by one's face"])
def test_consent_is_asked_anew_of_who_has_grown_up(town: Town, born: str) -> None:
    mother, son = Citizen(town, "顾佳"), Citizen(town, "陆天佑")
    town.sql("update person set born = %s where shown = '陆**'", born)
    town.sql("update family_bond b set consent_due = '2026-01-01' from person p where p.id = b.member and p.shown = '陆**'")
    (path,) = son.links("/me/watchers", '/me/renew/[^"]+')
    assert "要自己同意的年龄" in mother.get("/family/" + path.rsplit("/", 1)[1]).text
    assert Citizen(town, ZHAO).get(path).status_code == 404
    assert mother.get(path).status_code == 404, "the binder's word is not the member's"
    page = son.get(path).text
    assert son.post(path, page, do="agree", agreed="0" * 64).status_code == 422
    page = son.get(path).text
    answer = son.post(path, page, do="agree" if born.startswith("2011") else "face", **hashes(page))
    assert answer.status_code == 303, answer.text
    if "/face/" in answer.headers["location"]:
        assert son.get(answer.headers["location"]).headers["location"] == "/me/watchers?done=sandbox"
    assert son.links("/me/watchers", '/me/renew/[^"]+') == []
    code_of(mother, "儿子")


def test_a_code_comes_to_life_by_its_owners_face_once(town: Town) -> None:
    daughter, mother = Citizen(town, "秦海燕"), Citizen(town, "秦玉莲")
    town.sql("delete from credential c using person p where p.id = c.person and p.shown = '秦**'")
    assert "还没有激活" in mother.get("/code/me").text
    page = mother.get("/me/freeze").text
    assert "人脸识别告知" in page
    other = mother.post("/me/freeze", page, do="face", notice="0" * 64)
    assert other.status_code == 422
    assert "没有办成" in other.text
    answer = mother.post("/me/freeze", page, do="face", **hashes(page))
    assert answer.status_code == 303
    assert mother.get(answer.headers["location"]).headers["location"] == "/code/me?done=sandbox"
    assert 'class="digits"' in mother.get("/code/me").text
    assert mother.get(answer.headers["location"]).headers["location"] == "/code/me?done=sandbox", (
        "the same way back changes nothing"
    )
    assert daughter.get("/code/me").status_code == 200


# -- money --------------------------------------------------------------------------------------------------------


def test_what_is_tried_is_what_is_paid(town: Town) -> None:
    one = Citizen(town, "阿依古丽·买买提")
    tried = one.get("/try?who=me&amount=49.00&place=pharmacy&accounts=on").text
    told = re.findall(r'class="am">(¥[0-9.,]+)<', tried.split('class="pay"')[1])
    till = Till(town)
    till.scan(code_of(one, "我"))
    page = till.buy(XC08=2)
    paid = re.findall(r'class="am">(¥[0-9.,]+)<', page.split('class="pay"')[1].split("</ol>")[0])
    assert paid == told[:4]


def test_what_would_take_less_cash_is_said(town: Town) -> None:
    one = Citizen(town, "徐文彬")
    page = one.get("/try?who=me&amount=9000&place=L3&accounts=on").text
    hints = page.split("怎样能少付现金")[1].split("</ul>")[0]
    assert re.search(r"如果.{2,60}[0-9]+\.[0-9]{2} 元", hints), hints
    assert one.get("/try?who=me&amount=9000&place=L3").text.count("这次用个人账户") == 1


def test_a_code_is_read_once_and_the_one_before_is_dead(town: Town, wang: Citizen) -> None:
    first, second = code_of(wang, "妈妈"), code_of(wang, "妈妈")
    assert first != second
    till = Till(town)
    assert "医保码无效或已过期" in till.scan(first)
    assert "李秀英" in till.scan(second)
    assert "医保码无效或已过期" in Till(town, "P31000000001").scan(second)
    assert "没有办成" in till.scan("1234")


def test_the_till_of_a_hospital_replaces_its_bill_and_returns_it(town: Town, wang: Citizen) -> None:
    before = town.money()[-1]
    till = Till(town, "H42010000001")
    till.scan(code_of(wang, "爸爸"))
    till.ask(XC10=1)
    page = till.ask(XC10=2, XC08=1)
    assert "¥100.90" in page
    page = till.press(settle="1")
    assert "结算成功" in page
    number = re.search(r"S01[0-9A-Z]{24}", page)
    assert number
    assert number[0] in till.press(settle="1"), "the same click again is the same settlement"
    assert "2207 结算" in till.press(settle="1")
    assert "x-mulaid-signature" in till.press(settle="1")
    assert "已全额退费" in till.refund()
    assert "已退费" in till.one.get(till.path).text
    assert town.money()[-1] == before


def test_a_till_without_an_answer_says_that_nobody_knows(cluster: Any, town: Town) -> None:
    from browsing import web_process

    with web_process(cluster, town.url, MULAID_GATEWAY_URL="http://127.0.0.1:9") as base:
        page = Till(Town(base, {}, town.url)).scan("99" + "0" * 26)
    assert "不知道有没有办成" in page


def test_a_year_is_taken_home_as_it_is_shown(town: Town, wang: Citizen) -> None:
    father = next(
        link for link in wang.links("/costs", r"/costs\?who=R[^\"]+") if "<h1>爸爸的" in wang.get(link.replace("&amp;", "&")).text
    )
    page = wang.get(father).text
    assert "爸爸" in page
    total = re.search(r'class="num">(¥[0-9.,]+)<', page)
    assert total
    csv = wang.get(father.replace("/costs?", "/costs/export.csv?"))
    assert csv.headers["content-type"].startswith("text/csv")
    assert "attachment" in csv.headers["content-disposition"]
    rows = [row.split(",") for row in csv.text.removeprefix("\ufeff").splitlines()]
    assert rows[0][:3] == ["日期", "机构", "编号"]
    assert f"¥{sum(round(float(row[4]) * 100) for row in rows[1:]) / 100:,.2f}" == total[1]
    assert [row[3] for row in rows[1:]].count("退费") >= 1
    pdf = wang.get(father.replace("/costs?", "/costs/export.pdf?"))
    assert pdf.content.startswith(b"%PDF-")
    assert len(pdf.content) > 1000
    assert wang.get("/costs?year=0000").status_code == 200


def test_everything_stored_is_given_to_its_owner(wang: Citizen) -> None:
    answer = wang.get("/me/export")
    told = json.loads(answer.text)
    assert told["本人"]["姓名"] == WANG
    assert told["本人"]["证件号码"] == "100000198605210044"
    assert {row["称呼"] for row in told["我能出示谁的医保码"]} == {"爸爸", "妈妈", "女儿"}
    assert "王建国" not in answer.text
    assert told["账户"]["个人账户"]
    assert told["我授权的家庭共济"]


def test_a_premium_is_shown_before_it_is_paid(town: Town) -> None:
    one = Citizen(town, "诸葛思敏")
    page = one.get("/premiums").text
    assert "不会只缴一部分" in page
    before = town.money()
    wrong = one.post("/premiums", who="me", scheme="resident", year="1999")
    assert wrong.status_code == 422
    assert "请选年度" in wrong.text
    assert town.money() == before


def test_a_household_is_paid_into_shown_and_left(town: Town) -> None:
    head, son, stranger = Citizen(town, "林国平"), Citizen(town, "林子涵"), Citizen(town, ZHAO)
    assert "不用家庭账户" in stranger.get("/household").text
    page = head.get("/household").text
    assert "家庭账户" in page
    assert "黄**" in page
    before = town.money()
    for amount, says in (("", "请填写金额"), ("0", "请填写"), ("99999999", "家庭账户|请填写|保留|余额|可以划入")):
        wrong = head.post("/household", do="transfer", amount=amount)
        assert wrong.status_code == 422, amount
        assert re.search(says, wrong.text.split("转入多少")[1])
        assert not amount or f'value="{amount}"' in wrong.text
    assert town.money() == before
    assert stranger.post("/household", stranger.get("/try").text, do="close").status_code in (403, 404)
    member = re.search(r'name="member" value="([^"]+)"', page)
    assert member
    assert son.post("/household", do="remove", member=member[1]).status_code == 422
    assert town.money() == before


def test_help_answers_by_the_rules_of_ones_own_region(town: Town) -> None:
    wuhan, shanghai = Citizen(town, "欧阳明轩").get("/help").text, Citizen(town, "顾佳").get("/help").text
    assert "按武汉市现在的规定回答" in wuhan
    assert "按上海市现在的规定回答" in shanghai
    assert wuhan.count("<summary>") >= 8
    assert "<b>学籍地参保</b>：学籍证明" in wuhan
    assert "<b>出生一件事</b>：出生医学证明（不满 1 岁）" in wuhan
    assert "12393" in wuhan


# -- production ---------------------------------------------------------------------------------------------------


def test_in_production_there_is_no_chooser_no_story_and_no_till(cluster: Any, town: Site) -> None:
    environment = web_environment(cluster, "postgresql:///nowhere", "production", MULAID_HOSTS="yibao.example")
    enter, till, home = asked(environment, "yibao.example/enter", "yibao.example/cashier", "yibao.example/home")
    assert enter[0] == 200
    assert "演示" not in enter[2]
    assert "您想当谁" not in enter[2]
    assert till[0] == 404
    assert home[0] == 303
    assert isinstance(cluster.keys, Keys)


def test_a_quota_for_another_province_is_changed_ended_and_set_aside_again(town: Town, cluster: Any) -> None:
    one = Citizen(town, "林国平")

    def standing() -> list[tuple[Any, ...]]:
        return town.sql("select quota, used, status from wallet_grant order by id")

    page = one.get("/wallet").text
    quota = re.search(r'name="quota" value="([^"]+)"', page)
    version = re.search(r'name="version" value="([^"]+)"', page)
    assert quota
    assert version
    assert "1,500.00" in page or "1500.00" in page
    before = standing()
    for wrong, says in (
        ("", "请填写金额"),
        ("abc", "请填写金额"),
        ("99999999", "之间的金额"),
        ("9999999", "账户里现在最多可以拿出"),
    ):
        answer = one.post("/wallet", do="change", quota=quota[1], version=version[1], amount=wrong)
        assert answer.status_code == 422
        beside = answer.text.split("<details open>")[1].split("</details>")[0]
        assert says in beside.split('class="err"')[1], "told beside the field, which keeps what was typed"
        assert f'value="{wrong}"' in beside or not wrong
    assert one.post("/wallet", do="change", quota=quota[1], version="²", amount="700").status_code == 422
    stranger = Citizen(town, WANG)
    assert stranger.post("/wallet", stranger.get("/aid/new").text, do="stop", quota=quota[1]).status_code == 404
    assert standing() == before
    assert one.post("/wallet", do="change", quota=quota[1], version=version[1], amount="700").status_code == 303
    assert standing()[0][0] == 700_00
    assert one.post("/wallet", do="stop", quota=quota[1]).status_code == 303
    assert standing()[0][2] == "released"
    assert town.sql("select sum(frozen) from purse") == [(0,)]
    db = Database(town.url, cluster.keys)
    rows = town.sql("select book, receiver, giver_book, giver from wallet_grant")
    mother, son = PersonRef(*rows[0][:2]), PersonRef(*rows[0][2:])
    commands.alone(db, lambda tx: family.bind(tx, mother, son, "parent"), at=wall_clock(), by=Actor("test", "test"))
    db.close()
    who = re.search(r'name="who" value="([^"]+)"', one.get("/wallet").text)
    assert who
    assert one.post("/wallet", do="freeze", who=who[1], amount="99999").status_code == 422
    assert one.post("/wallet", do="freeze", who=who[1], amount="300").status_code == 303
    assert [row[::2] for row in standing()] == [(700_00, "released"), (300_00, "active")]
    assert town.sql("select sum(frozen) from purse") == [(300_00,)]


def test_who_may_not_read_the_costs_reads_no_bill(town: Town) -> None:
    """The list, the bill itself and the latest at home ask for the same leave as the year's costs; each look is told."""
    wang, father, till = Citizen(town, WANG), Citizen(town, "王建国"), Till(town)
    till.scan(code_of(wang, "爸爸"))
    till.buy(XC08=1)
    key = re.search(r'href="/code/([^"]+)"><span[^>]*>爸</span>', wang.get("/home").text)
    assert key
    bill = wang.links(f"/bills?who={key[1]}", '/bills/S[^"]+')[0]
    assert wang.get(bill).status_code == 200
    page = father.get("/me/watchers").text
    assert "看了费用" in page
    bond = re.search('name="bond" value="([^"]+)"', page)
    assert bond
    assert father.post("/me/watchers", page, bond=bond[1], do="forbid").status_code == 303
    refused = wang.get(f"/bills?who={key[1]}").text
    assert "没有允许您查看费用" in refused
    assert "/bills/S" not in refused
    assert wang.get(bill).status_code == 404
    assert bill not in wang.get("/home").text
    assert bill not in wang.get("/news").text
    assert father.get(bill).status_code == 200
    assert father.post("/me/watchers", bond=bond[1], do="allow").status_code == 303
    assert wang.get(bill).status_code == 200


def test_a_list_says_who_paid_each_bill_and_who_got_it_back(town: Town) -> None:
    liu, till = Citizen(town, "刘桂兰"), Till(town)
    till.scan(code_of(liu, "我"))
    till.buy(XC08=1)
    row = liu.get("/bills?who=me").text.split('class="am"')[1]
    paid = re.search("<small>([^<]*付[^<]*) ›</small>", row)
    assert paid
    amounts = town.sql("select pool, account, aid + household + wallet, cash from settlement order by id desc limit 1")[0]
    names = ("医保", "自己的账户", "家人帮付", "现金")
    assert [name in paid[1] for name in names] == [bool(fen) for fen in amounts] or "家人帮付" in paid[1]
    till.refund()
    assert re.search("<small>退回[^<]+ ›</small>", liu.get("/bills?who=me").text)


def test_home_tells_what_keeps_a_person_from_paying(town: Town) -> None:
    """Somebody out of insurance, somebody whose code is frozen, a household's pool, and a quota from another province."""
    assert "没有正常参保" in Citizen(town, "张伟").get("/home").text
    one = Citizen(town, "孔令芳")
    assert "冻结着" not in one.get("/home").text
    assert one.post("/me/freeze", do="freeze").status_code == 303
    assert "冻结着" in one.get("/home").text
    assert 'href="/me/freeze">去恢复' in one.get("/code/me").text
    assert one.post("/me/freeze", do="thaw").status_code == 303
    assert "3 人能用" in Citizen(town, "林国平").get("/home").text
    grandmother = Citizen(town, "陈玉珍")
    assert "1 位家人在帮我付" in grandmother.get("/home").text
    assert "给的跨省额度" in grandmother.get("/aid").text
    assert "没有职工医保个人账户" in grandmother.get("/premiums").text


def test_a_form_that_waited_too_long_leads_back_to_its_page(town: Town) -> None:
    """Not to where it was sent, which cannot be opened, and never to another site."""
    one = Citizen(town, "顾佳")
    host = town.base.removeprefix("http://")
    for came, back in (
        (f"{town.base}/aid?x=1", "/aid?x=1"),
        ("https://evil.example/aid", "/"),
        (f"http://{host}//evil.example", "/"),
        ("http://[", "/"),
        ("", "/"),
    ):
        answer = one.http.post("/aid/pause", data={"key": "0" * 32}, headers={"Referer": came})
        assert answer.status_code == 403
        assert f'<a class="btn" href="{back}">' in answer.text, came
