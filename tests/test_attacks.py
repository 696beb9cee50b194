"""Attacks on the people's door over HTTP: as one person on another family's data, and with whatever bytes come to mind."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from browsing import web_process
from city import City
from intruder import Browser, Street, build
from mulaid import refs
from mulaid.db import Database, process_url
from mulaid.people import aid, allowance

MOVING = {"audit", "command", "web_session", "allowance"}
"""Tables that a request may write though it is refused."""
FORM = "application/x-www-form-urlencoded"
KEY, OTHER = "0123456789abcdef" * 2, "fedcba9876543210" * 2


@dataclass
class Scene:
    """The two families, the door, and what the door logged."""

    street: Street
    base: str
    log: Path

    def browser(self, who: str = "") -> Browser:
        """A browser, signed in as somebody."""
        made = Browser(self.base)
        if who:
            made.enters(self.street.city.people[who])
        return made

    def tables(self) -> dict[str, Any]:
        """A digest of every row of every table that a refused request must leave alone."""
        with self.street.city.db.pool.connection() as connection:
            names = [
                row[0] for row in connection.execute("select tablename from pg_tables where schemaname = 'mulaid'").fetchall()
            ]
            return {
                name: connection.execute(f"select md5(string_agg(t::text, '|' order by t::text)) from mulaid.{name} t").fetchone()
                for name in sorted(set(names) - MOVING)
            }

    def secrets(self) -> list[str]:
        """What only the victims' pages say."""
        return ["243.21", "913.00", self.street.theirs["number"], self.street.theirs["person"]]

    def faults(self) -> str:
        """What the door logged as its own failure."""
        return "\n".join(re.findall(r"Internal Server Error: .*", self.log.read_text("utf-8")))


@pytest.fixture(scope="module")
def scene(cluster: Any, tmp_path_factory: Any) -> Iterator[Scene]:
    url = cluster.fresh()
    db = Database(url, cluster.keys, size=8)
    city = City(db, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    log = tmp_path_factory.mktemp("web") / "web.log"
    try:
        street = build(city)
        with web_process(cluster, url, log) as base:
            yield Scene(street, base, log)
    finally:
        city.close()
        db.close()
        cluster.drop(url)


def routes() -> dict[str, Any]:
    """Every route of the door by name; Django was set up when the template database was migrated."""
    from mulaid.cashier.till import urlpatterns

    return {pattern.name: pattern for pattern in urlpatterns}


def somewhere(pattern: Any) -> str:
    """An address of the route that leads to nobody."""
    text = re.sub(r"<uuid:\w+>", "00000000-0000-8000-8000-000000000000", str(pattern.pattern))
    return "/" + re.sub(r"<str:\w+>", "x", text)


# One family on another

READS = {
    "bill": "/bills/{bill}",
    "bills": "/bills?who={bond}",
    "code": "/code/{bond}",
    "code_fresh": "/code/{bond}/fresh",
    "try": "/try?who={bond}&amount=1&place=L3",
    "aid_one": "/aid/{aid}",
    "member": "/family/{bond}",
    "bind_one": "/bind/{request}",
    "matter": "/matters/{case}",
    "costs": "/costs?who={bond}",
    "card": "/me/card?who={bond}",
    "care": "/care?who={bond}",
    "costs_export": "/costs/export.csv?who={bond}",
}
"""Pages about somebody, with another family's key."""
CHANGES = {
    "aid_one": [
        ("/aid/{aid}", {"do": do, "version": "1", "uses": "outpatient"})
        for do in ("change", "pause", "resume", "wake", "accept", "decline", "stop")
    ],
    "member": [
        ("/family/{bond}", {"do": do, "relation": "parent", "label": "x"}) for do in ("name", "activate", "freeze", "part")
    ],
    "bind_one": [
        ("/bind/{request}", {"do": do, "agreed": "0" * 64, "notice": "0" * 64, "sample": "1"})
        for do in ("register", "papers", "face", "confirm", "agree", "counter", "decline", "withdraw")
    ],
    "care": [
        ("/care", {"do": do, "who": who, "filing": "{filing}", "kind": "other", "region": "110000", "reason": "x", "sample": "1"})
        for do in ("papers", "end", "file")
        for who in ("{bond}", "me")
        if (do, who) != ("file", "me")
    ],
    "card": [("/me/card", {"do": do, "who": "{bond}"}) for do in ("print", "revoke")],
    "wallet": [
        ("/wallet", {"do": do, "who": "{bond}", "quota": "{aid}", "version": "1", "amount": "1"})
        for do in ("freeze", "change", "stop")
    ],
    "matter": [("/matters/{case}", {"do": do, "kind": "id_card"}) for do in ("withdraw", "")],
    "renew": [("/me/renew/{bond}", {"do": do, "agreed": "0" * 64, "notice": "0" * 64}) for do in ("agree", "face", "")],
    "household": [
        ("/household", {"do": do, "who": "{bond}", "member": "{person}", "invitation": "{aid}", "amount": "1"})
        for do in ("join", "decline", "add", "invite", "remove", "transfer", "leave", "close")
    ],
    "aid_order": [("/aid/order", {"up": "{aid}"})],
    "premiums_back": [("/premiums/back", {"premium": "{premium}"})],
    "premiums": [("/premiums", {"who": "{aid_child}", "scheme": "resident", "year": "2027", "do": "pay"})],
    "aid_new": [("/aid/new", {"whom": "{bond}", "uses": "outpatient", "agreed": "0" * 64})],
    "aid_give": [("/aid/give", {"whom": "{bond}", "amount": "1", "do": "give"})],
    "watchers": [("/me/watchers", {"do": do, "bond": "{bond}"}) for do in ("allow", "forbid", "part")],
    "privacy": [("/me/privacy", {"do": "withdraw", "consent": "{consent}"})],
    "sessions": [("/me/sessions", {"session": "{session}"})],
}
"""Buttons pressed with another family's key."""
OWN = {
    "start",
    "whose",
    "display",
    "health",
    "enter",
    "story",
    "enter_as",
    "leave",
    "confirm",
    "home",
    "news",
    "matters",
    "enter_code",
    "vouched",
    "frame",
    "phone",
    "phone_code",
    "aid",
    "aid_pause",
    "family",
    "bind",
    "bind_route",
    "face",
    "tax",
    "insured",
    "help",
    "freeze",
    "export",
    "cashier",
    "cashier_open",
    "cashier_scan",
    "till",
    "console",
    "console_enter",
    "console_begin",
    "console_prove",
    "console_leave",
    "console_case",
    "console_look",
    "console_papers",
    "console_find",
    "console_person",
    "console_open",
    "console_renew",
    "console_bind",
    "console_give",
    "console_agree",
    "console_paper",
    "console_signals",
    "console_signal",
    "console_evidence",
    "console_money",
}
"""Routes that take nobody's key, take it from the session, or are the clerks' (test_console, test_console_counter)."""


def test_every_route_is_attacked_or_takes_no_key() -> None:
    named = set(READS) | set(CHANGES) | OWN
    assert set(routes()) == named, set(routes()) ^ named
    keyed = {name for name, pattern in routes().items() if "<" in str(pattern.pattern)}
    assert keyed - set(READS) - set(CHANGES) <= OWN


@pytest.mark.parametrize("name", READS)
def test_another_familys_page_is_not_there(scene: Scene, name: str) -> None:
    path = READS[name].format(**scene.street.theirs)
    allowed = scene.browser("ann").ask("GET", path)
    assert allowed.status == 200, "whose it is may read it, else this proves nothing"
    for who in ("mal", "mia"):
        came = scene.browser(who).ask("GET", path)
        assert came.status == 404, came.text[:300]
        assert not any(secret in came.text for secret in scene.secrets())


def test_the_victims_pages_do_say_what_the_attack_looks_for(scene: Scene) -> None:
    ann, theirs = scene.browser("ann"), scene.street.theirs
    said = "".join(ann.get(path).text for path in (f"/bills/{theirs['bill']}", f"/aid/{theirs['aid']}", "/me/export"))
    assert all(secret in said for secret in scene.secrets() if secret != theirs["number"])


@pytest.mark.parametrize("name", CHANGES)
def test_another_familys_buttons_do_nothing(scene: Scene, name: str) -> None:
    ann, mal = scene.browser("ann"), scene.browser("mal")
    session = re.search(r'name="session" value="([0-9a-f-]{36})"', ann.get("/me/sessions").text)
    assert session
    keys = {**scene.street.theirs, "session": session[1]}
    before = scene.tables()
    for path, typed in CHANGES[name]:
        sent = {field: value.format(**keys) for field, value in typed.items()}
        for key in (KEY, mal.get("/bind").key):
            came = mal.post(path.format(**keys), **sent, key=key)
            assert came.status in (200, 303, 404, 409, 422), (path, sent, came.status)
            assert not any(secret in came.text for secret in scene.secrets()), (path, sent)
    assert scene.tables() == before
    assert ann.get("/home").status == 200
    assert scene.faults() == ""


def test_the_same_buttons_work_for_whose_they_are(scene: Scene) -> None:
    mal, mine = scene.browser("mal"), scene.street.mine
    city = scene.street.city
    ref = refs.parse(refs.RELATION, mine["aid"])
    version = city.run(lambda tx: aid.find(tx, ref)).version
    assert mal.post(f"/aid/{mine['aid']}", do="pause", version=version, key=OTHER).status == 303
    assert city.run(lambda tx: aid.find(tx, ref)).paused
    # The same key again has the same outcome; under another button it is a form that is over.
    assert mal.post(f"/aid/{mine['aid']}", do="pause", version=version, key=OTHER).status == 303
    assert mal.post(f"/aid/{mine['aid']}", do="stop", version=version + 1, key=OTHER).status == 422
    assert city.run(lambda tx: aid.find(tx, ref)).living
    stale = mal.post(f"/aid/{mine['aid']}", do="resume", version=version, key="9" * 32)
    assert stale.status == 422, "a version that is over changes nothing"
    # Another person's form with the same key is another form.
    mia = scene.browser("mia")
    assert mia.post(f"/aid/{mine['aid']}", do="pause", version=version, key=OTHER).status == 404


def test_strangers_are_led_to_the_entrance_whatever_they_ask(scene: Scene) -> None:
    before = scene.tables()
    stranger = scene.browser()
    for name, pattern in routes().items():
        if pattern.callback.permission not in ("citizen", "present", "clerk"):
            continue
        path = "/" + re.sub(
            r"<uuid:\w+>", "0" * 8 + "-0000-8000-8000-" + "0" * 12, re.sub(r"<str:\w+>", "x", str(pattern.pattern))
        )
        for came in (stranger.ask("GET", path), stranger.post(path, key=KEY)):
            assert came.status in (303, 405), (name, came.status)
            assert came.status == 405 or came.headers["location"].startswith(("/enter", "/console/enter")), name
    assert scene.tables() == before


# The browser turned against its owner


def test_no_form_is_heard_without_its_token_or_from_another_site(scene: Scene) -> None:
    mal = scene.browser("mal")
    before = scene.tables()
    for name, pattern in routes().items():
        path = "/" + re.sub(
            r"<uuid:\w+>", "0" * 8 + "-0000-8000-8000-" + "0" * 12, re.sub(r"<str:\w+>", "x", str(pattern.pattern))
        )
        assert mal.post(path, csrf=False, key=KEY).status == 403, name
        typed = urlencode({"csrfmiddlewaretoken": mal.token, "key": KEY}).encode()
        foreign = mal.ask("POST", path, typed, **{"Content-Type": FORM, "Origin": "https://evil.example"})
        assert foreign.status == 403, name
        other = scene.browser()
        other.get("/enter")
        swapped = {"csrfmiddlewaretoken": other.token, "key": KEY}
        assert mal.ask("POST", path, urlencode(swapped).encode(), **{"Content-Type": FORM}).status == 403, name
    assert scene.tables() == before


def test_a_session_given_by_somebody_else_is_never_signed_in(scene: Scene) -> None:
    planted = Browser(scene.base, {"session": "a" * 32})
    planted.enters(scene.street.city.people["mia"])
    assert planted.cookies["session"] != "a" * 32
    assert Browser(scene.base, {"session": "a" * 32}).get("/home").status == 303
    mine = scene.browser("mal")
    first = mine.cookies["session"]
    mine.enters(scene.street.city.people["mia"])
    assert Browser(scene.base, {"session": first}).get("/home").status == 303, "signing in again ends what was"
    taken = dict(mine.cookies)
    mine.post("/leave")
    assert Browser(scene.base, taken).get("/home").status == 303, "who has left is out"


@pytest.mark.parametrize(
    "after",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
    "javascript:alert(1)",
     "/%0d%0aSet-Cookie:a=b", "/x\r\nSet-Cookie: a=b", "http:evil.example", "///evil.example",
     "/\x00/evil", " //evil.example", "＼＼evil"],
)  # fmt: skip
def test_no_address_of_a_reader_leads_to_another_site(scene: Scene, after: str) -> None:
    mal = scene.browser("mal")
    person = scene.street.mine["person"]
    for came in (
        mal.post("/enter/as", person=person, next=after),
        mal.post("/confirm", next=after),
        mal.get("/display/elder", back=after),
    ):
        assert came.status in (302, 303)
        place = came.headers["location"]
        assert re.match(r"/(?![/\\])", place), place
        assert not re.search(r"[\x00-\x20\\]", place), place
        assert "a" not in mal.cookies
    page = mal.get("/enter", next=after)
    assert page.status == 200
    assert all(re.match(r"/(?![/\\])|$", held) for held in re.findall(r'name="next" value="([^"]*)"', page.text)), page.text


def test_another_host_is_not_served(scene: Scene) -> None:
    assert scene.browser().ask("GET", "/enter", Host="evil.example").status == 400
    pushed = scene.browser("mal").ask("GET", "/home", **{"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"})
    assert pushed.status == 200
    assert "evil.example" not in pushed.text


# Whatever bytes

NASTY = (
    "\0",
    "a\0b",
    "\ud800",
    "'",
    "' or 1=1; drop table purse; --",
    '"><script>alert(1)</script>',
    "{{ 7*7 }}{% debug %}",
    "=cmd|'/c calc'!A1",
    "%",
    "_%\\",
    "１１０１０５１９４９１２３１００２Ｘ",
    "110105\u200b19491231002X",
    "\u202e王",
    "😀" * 40,
    "x" * 5000,
    "-1",
    "0",
    "1e309",
    "NaN",
    "99999999999999999999",
    "1_000",
    "١٢٣",
    "../../etc/passwd",
    "\r\nX: y",
    "[]",
    "None",
    "",
    "0000-00-00",
    "9999-12-31",
    "R" + "Z" * 26,
    "S" + "7" + "Z" * 25,
    "P" + "0" * 26,
    "00000000-0000-8000-8000-000000000000",
)
FIELDS = (
    "do",
    "key",
    "version",
    "name",
    "number",
    "relation",
    "kind",
    "born",
    "mother_name",
    "mother_number",
    "agreed",
    "notice",
    "whom",
    "uses",
    "year_cap",
    "settlement_cap",
    "month_cap",
    "quota",
    "reserve",
    "valid_to",
    "up",
    "who",
    "scheme",
    "year",
    "stated",
    "premium",
    "bond",
    "consent",
    "session",
    "all",
    "label",
    "next",
    "person",
    "place",
    "region",
    "code",
    "ask",
    "settle",
    "refund",
    "invitation",
    "password",
    "words",
    "reason",
    "amount",
    "outside",
    "accounts",
    "tab",
    "back",
    "for",
    "lapsed",
    "done",
    "no",
    "sample",
)
BUTTONS = (
    "change", "pause", "resume", "wake", "accept", "decline", "name", "activate", "register", "papers", "face",
    "confirm", "agree",
    "counter", "withdraw", "allow", "forbid", "freeze", "thaw", "pay",
)  # fmt: skip


def paths(scene: Scene) -> list[str]:
    """Every route with the intruder's own keys, and with nonsense in their place."""
    mine = scene.street.mine
    fitting = {
        "bill": f"/bills/{mine['bill']}",
        "code": f"/code/{mine['bond']}",
        "code_fresh": "/code/me/fresh",
        "aid_one": f"/aid/{mine['aid']}",
        "member": f"/family/{mine['bond']}",
        "bind_one": f"/bind/{mine['request']}",
        "bind_route": "/bind/by/birth_certificate",
        "costs_export": "/costs/export.csv",
        "whose": f"/whose/{mine['bill']}",
    }
    told = [fitting.get(name, "/" + str(pattern.pattern)) for name, pattern in routes().items() if name != "leave"]
    return [path for path in told if "<" not in path] + ["/bind/by/other_document", "/costs/export.pdf"]


def test_no_address_is_a_failure_of_ours(scene: Scene) -> None:
    mal = scene.browser("mal")
    for name, pattern in routes().items():
        for nasty in NASTY:
            given = quote(nasty.encode("utf-8", "surrogatepass")[:300], safe="")
            path = "/" + re.sub(r"<\w+:\w+>", lambda _, given=given: given or "x", str(pattern.pattern))
            if "<" in str(pattern.pattern):
                assert mal.ask("GET", path).status < 500, (name, nasty, scene.faults())
    assert scene.faults() == ""


@pytest.mark.parametrize("seed", range(2))
def test_no_form_and_no_question_is_a_failure_of_ours(scene: Scene, seed: int) -> None:
    chance = random.Random(seed)
    mal = scene.browser("mal")
    before = scene.street.city.run(lambda tx: tx.all("select * from purse order by 1, 2, 3"))
    for path in paths(scene):
        for _ in range(3):
            asked = {name: chance.choice(NASTY) for name in chance.sample(FIELDS, 6)}
            text = urlencode(asked, errors="surrogatepass")
            came = mal.ask("GET", f"{path}?{text}")
            assert came.status < 500, (path, asked, scene.faults())
            assert "<script>alert" not in came.text, (path, asked)
            typed = {name: chance.choice(NASTY) for name in FIELDS if chance.random() < 0.7}
            typed["do"] = chance.choice((*BUTTONS, *NASTY))
            typed["key"] = chance.choice((f"{chance.getrandbits(128):032x}", *NASTY[:4]))
            typed |= (
                {} if chance.random() < 0.5 else {"relation": "parent", "whom": "other", "uses": "outpatient", "version": "1"}
            )
            came = mal.post(path, **typed)
            assert came.status < 500, (path, typed, scene.faults())
            assert "<script>alert" not in came.text, (path, typed)
            # The entrance of a demonstration lists everybody to choose from.
            assert path == "/enter" or not any(secret in came.text for secret in scene.secrets()), path
            if mal.get("/home").status != 200:
                mal = scene.browser("mal")
    assert scene.faults() == ""
    assert scene.street.city.run(lambda tx: tx.all("select * from purse order by 1, 2, 3")) == before
    scene.street.city.books_balance()


def test_odd_messages_are_refused(scene: Scene) -> None:
    mal = scene.browser("mal")
    token = mal.token
    head = {"X-CSRFToken": token}
    many = urlencode([("csrfmiddlewaretoken", token), *((f"f{place}", "1") for place in range(300))]).encode()
    form = f"csrfmiddlewaretoken={token}&name=".encode()
    named = b'--b\r\nContent-Disposition: form-data; name="paper-x"; filename="../../x.png"\r\n'
    boundary = named + b"Content-Type: image/png\r\n\r\nGIF89a\r\n--b--\r\n"
    for path in ("/bind", f"/bind/{scene.street.mine['request']}", "/aid/new", "/console/enter", "/enter/as"):
        for body, kind in (
            (form + b"x" * 400_000, FORM), (many, FORM), (b'{"a":', "application/json"), (b"\xff\xfe", "text/plain"),
            (b"", ""),
            (boundary, "multipart/form-data; boundary=b"), (boundary, "multipart/form-data"),
            (b"--b\r\n", "multipart/form-data; boundary=b"),
            (form + b"x", FORM + "; charset=utf-7"), (form + b"x", FORM + "; charset=nonsense"), (form + b"%zz%", FORM),
            (form.replace(b"&", b"&&;=&="), FORM), (b"a" * 100, "multipart/form-data; boundary=" + "b" * 300),
        ):  # fmt: skip
            came = mal.ask("POST", path, body, **head, **({"Content-Type": kind} if kind else {}))
            assert came.status < 500, (path, body[:60], kind, scene.faults())
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
        for path in ("/home", "/bind", "/enter/as", "/console"):
            assert mal.ask(method, path, **head).status in (403, 405, 303, 400), (method, path)
    assert scene.faults() == ""


# Guessing


def test_a_name_and_a_number_can_be_tried_so_often_a_day(scene: Scene) -> None:
    """T23: a page that says whether they belong together says it thirty times a day, right or wrong, by whichever page."""
    city = scene.street.city
    city.enrols("guesser", "10.00", household="guesser")
    guesser = scene.browser("guesser")
    number = scene.street.theirs["number"]
    for place in range(allowance.NAMINGS):
        if place % 2:
            sent = {"relation": "parent", "name": f"李{chr(0x4E00 + place)}", "number": number, "key": guesser.get("/bind").key}
            came = guesser.post("/bind", **sent)
        else:
            sent = {
                "whom": "other",
                "relation": "parent",
                "name": f"李{chr(0x4E00 + place)}",
                "number": number,
                "uses": "outpatient",
            }
            came = guesser.post("/aid/new", **sent, key=KEY)
        assert came.status == 422
        assert "次数太多" not in came.text
    before = scene.tables()
    for path in ("/bind", "/aid/new"):
        sent = {"whom": "other", "relation": "parent", "name": "王丙", "number": number, "uses": "outpatient"}
        came = guesser.post(path, **sent, key=guesser.get("/bind").key)
        assert came.status == 422
        assert "次数太多" in came.text, path
    assert scene.tables() == before
