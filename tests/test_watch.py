"""The watch over settlements: every rule just below and above its numbers, the job stopped and run twice, and what clerks see."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from browsing import browser, follow, visit  # noqa: F401
from city import City
from desk import Desk
from intruder import Browser
from mulaid import jobs, refs
from mulaid.agency import watch
from mulaid.calendar import wall_clock
from mulaid.db import Database, process_url
from mulaid.refusal import Refusal
from test_attacks import NASTY
from test_console import Console, Seated, clean, console, seated  # noqa: F401

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def buys(city: City, name: str, amounts: list[str], every: timedelta, at: str = "P1", **more: Any) -> list[dict[str, Any]]:
    """Purchases one after the other, in equal steps of time."""
    paid = []
    for place, amount in enumerate(amounts):
        city.now += every if place else timedelta()
        paid.append(city.buys(name, [("MINE", amount)], at=at, **more))
    return paid


def watched(city: City, later: timedelta = timedelta(days=2)) -> list[dict[str, Any]]:
    """The worker comes by when everything is over; every signal there is, the oldest first."""
    city.now += later
    jobs.look_for_misuse(city.db, clock=lambda: city.now)
    return signals(city)


def signals(city: City) -> list[dict[str, Any]]:
    return city.run(lambda tx: tx.all("select *, rule_name as rule from signal order by begun_at, rule_name"))


def rules(city: City, later: timedelta = timedelta(days=2)) -> list[str]:
    """The rules that found something."""
    return [row["rule"] for row in watched(city, later)]


# Split purchases


def test_ten_purchases_of_99_90_within_an_hour_are_a_signal(city: City) -> None:
    city.enrols("Wang", "5000.00")
    paid = buys(city, "Wang", ["99.90"] * 10, HOUR / 9)
    [one] = watched(city)
    assert (one["rule"], one["subject"], one["region"]) == ("split_person", str(city.people["Wang"].id), "420100")
    assert one["settlements"] == [city.settlement(each["setl_id"]) for each in paid]
    assert one["facts"] == {"many": 10, "fen": 999_00, "people": 1, "places": 1, "minutes": 60, "paid": 0, "days": 0}
    assert one["ended_at"] - one["begun_at"] == HOUR
    assert str(one["version"]) == "2026-01-01"
    city.books_balance()


@pytest.mark.parametrize(
    ("amounts", "span", "found"),
    [
        (["99.90"] * 10, HOUR, 1),
        (["99.90"] * 10, HOUR + timedelta(seconds=1), 0),
        (["99.90"] * 9, HOUR, 0),
        (["50.00"] * 10, HOUR, 1),
        (["50.00"] * 9 + ["49.99"], HOUR, 0),
        (["99.90"] * 15, HOUR / 2, 1),
    ],
)
def test_split_purchases_to_the_second_and_the_fen(city: City, amounts: list[str], span: timedelta, found: int) -> None:
    city.enrols("Wang", "5000.00")
    buys(city, "Wang", amounts, span / (len(amounts) - 1))
    some = watched(city)
    assert [row["rule"] for row in some] == ["split_person"] * found
    assert all(len(row["settlements"]) == len(amounts) for row in some)


@pytest.fixture
def family(city: City) -> City:
    """Wang, who is bound to four relatives, with pharmacies in Wuhan, Xianning, Changsha and Shanghai beside P1."""
    for code, region in (("P2", "420100"), ("P3", "421200"), ("P4", "430100"), ("P5", "310000"), ("P6", "310000")):
        city.run(lambda tx, code=code, region=region: city.opens(tx, code, f"药店{code}", 2, region, "pharmacy"))
    city.enrols("Wang", "5000.00")
    for name, relation in RELATIONS.items():
        city.enrols(name, "0", household="Wang")
        city.binds("Wang", name, relation)
    return city


RELATIONS = {"father": "parent", "mother": "parent", "wife": "spouse", "son": "child"}


def shown(city: City, name: str, at: str = "P1", by: str = "Wang") -> str:
    """A relative shows somebody's code and the pharmacy reads it."""
    code = city.shows_code(name, by)
    body = {"ecQrCode": code, "orgId": at, "operatorId": "001", "businessType": "01101"}
    return str(city.send("1162", {"data": body}, at=at)["output"]["data"]["ecToken"])


# Split purchases of a family


@pytest.mark.parametrize(
    ("names", "amount", "place", "every", "found"),
    [
        (["father", "mother"] * 5, "99.90", "P1", HOUR / 9, ["split_family"]),
        (["father", "mother"] * 5, "49.99", "P1", HOUR / 9, []),
        (["father", "mother"] * 5, "50.00", "P1", HOUR / 9, ["split_family"]),
        (["father", "mother"] * 5, "99.90", "P1", HOUR / 9 + timedelta(seconds=1), []),
        (["father", "mother"] * 4 + ["father"], "99.90", "P1", MINUTE, []),
        (["father"] * 10, "99.90", "P1", MINUTE, ["split_person"]),
        (["father", "mother"] * 5, "99.90", "P1P2", MINUTE, []),
    ],
)
def test_a_family_that_splits_its_purchases_at_one_pharmacy(
    family: City, names: list[str], amount: str, place: str, every: timedelta, found: list[str]
) -> None:
    for number, name in enumerate(names):
        at = place[:2] if number % 4 < 2 else place[-2:]
        family.buys(name, [("MINE", amount)], at=at, token=shown(family, name, at))
        family.now += every
    some = watched(family)
    assert [row["rule"] for row in some] == found
    if found == ["split_family"]:
        assert (some[0]["subject"], some[0]["facts"]["people"]) == (str(family.people["Wang"].id), 2)
    family.books_balance()


# One account at many places


@pytest.mark.parametrize(
    ("names", "places", "every", "found"),
    [
        (["father", "mother", "wife", "son"], ["P1"] * 4, 20 * MINUTE, ["drawn"]),
        (["father", "mother", "wife", "son"], ["P1"] * 4, 20 * MINUTE + timedelta(seconds=1), []),
        (["father", "mother", "wife"] * 2, ["P1"] * 6, MINUTE, []),
        (["father"] * 4, ["P1", "P2", "H1", "H2"], 20 * MINUTE, ["drawn"]),
        (["father"] * 4, ["P1", "P2", "H1", "H1"], MINUTE, []),
    ],
)
def test_an_account_that_pays_for_many_within_an_hour(
    family: City, names: list[str], places: list[str], every: timedelta, found: list[str]
) -> None:
    for name in dict.fromkeys(names):
        family.authorises("Wang", name, RELATIONS[name])
    for name, at in zip(names, places, strict=True):
        assert family.pays(name, "10.00", at=at)["acct_mulaid_pay"] == 10
        family.now += every
    some = watched(family)
    assert [row["rule"] for row in some] == found
    if found:
        assert (some[0]["subject"], some[0]["facts"]["paid"]) == (str(family.people["Wang"].id), 40_00)


def test_a_quota_for_another_province_is_the_givers_account_too(family: City) -> None:
    for number, name in enumerate(("aunt", "uncle", "cousin", "nephew")):
        family.enrols(name, region="430100", base="resident")
        family.freezes("Wang", name, "100.00", KINDS[number])
        assert family.pays(name, "40.00", at="P4")["acct_mulaid_pay"] == 40
    [one] = watched(family)
    assert (one["rule"], one["subject"], one["region"]) == ("drawn", str(family.people["Wang"].id), "420100")
    assert one["facts"]["paid"] == 160_00


KINDS = ("parent", "parent", "spouse", "child")


def test_a_household_that_splits_its_purchases_is_told_by_its_head(city: City) -> None:
    desk = Desk(city)
    desk.hire("lin", "350100", "handler")
    city.run(lambda tx: city.opens(tx, "P9", "福州药店", 2, "350100", "pharmacy"))
    city.enrols("head", "5000.00", region="350100", household="h")
    city.enrols("wife", region="350100", base="resident", household="h")
    city.enrols("child", region="350100", base="resident", household="h")
    pool = city.opens_household("head", "3000.00", wife="spouse", child="child")
    for number in range(10):
        assert city.buys(("wife", "child")[number % 2], [("MINE", "60.00")], "P9")["acct_mulaid_pay"] == 60
        city.now += MINUTE
    [one] = [row for row in watched(city) if row["rule"] == "split_family"]
    assert (one["subject"], one["region"], one["facts"]["paid"]) == (str(pool), "350100", 600_00)
    told, seen = desk.as_("lin", lambda tx: watch.read(tx, one["id"]))
    assert told.who.endswith("*的家庭账户")
    assert [each.family for each in seen] == [60_00] * 10
    city.books_balance()


# Two cities


@pytest.mark.parametrize(
    ("places", "apart", "found"),
    [
        (["P1", "P3"], 10 * MINUTE, 1),  # cities of one province
        (["P1", "P3"], 10 * MINUTE + timedelta(seconds=1), 0),
        (["P1", "P4"], 10 * MINUTE, 1),  # Hubei and Hunan touch
        (["P1", "P4"], 11 * MINUTE, 0),
        (["P1", "P5"], HOUR, 1),  # Hubei and Shanghai do not
        (["P1", "P5"], HOUR + timedelta(seconds=1), 0),
        (["P1", "P2"], MINUTE, 0),  # one city
        (["P5", "P6"], MINUTE, 0),
    ],
)
def test_nobody_is_in_two_cities_at_once(family: City, places: list[str], apart: timedelta, found: int) -> None:
    for at in places:
        family.buys("Wang", [("MINE", "10.00")], at=at)
        family.now += apart
    some = watched(family)
    assert [row["rule"] for row in some] == ["travel"] * found
    family.books_balance()


def test_the_hand_that_shows_is_in_one_city_and_the_patients_may_be_in_others(family: City) -> None:
    family.buys("father", [("MINE", "10.00")], at="P1", token=shown(family, "father"))
    family.now += MINUTE
    family.buys("father", [("MINE", "10.00")], at="P5")
    family.now += MINUTE
    assert rules(family) == [], "Wang shows the father's code here, the father his card there"
    family.buys("father", [("MINE", "10.00")], at="P1", token=shown(family, "father"))
    family.now += MINUTE
    family.buys("mother", [("MINE", "10.00")], at="P5", token=shown(family, "mother", "P5"))
    [one] = watched(family)
    assert (one["rule"], one["subject"]) == ("travel", str(family.people["Wang"].id))


def test_an_order_of_the_mobile_centre_says_nothing_of_where_anybody_is(family: City) -> None:
    family.pays("Wang", "10.00", at="H1")
    family.run(lambda tx: tx.run("update settlement set infno = '6202'"))
    family.now += MINUTE
    family.buys("Wang", [("MINE", "10.00")], at="P5")
    assert rules(family) == []


# A pharmacy where family cards are paid in series


@pytest.mark.parametrize(
    ("others", "strangers", "every", "found"),
    [(8, 0, HOUR / 14, 1), (8, 0, HOUR / 14 + timedelta(seconds=1), 0), (7, 0, MINUTE, 0), (8, 2, MINUTE, 1), (8, 3, MINUTE, 0)],
)
def test_a_pharmacy_with_family_codes_and_no_customers(
    family: City, others: int, strangers: int, every: timedelta, found: int
) -> None:
    for number in range(others):
        family.enrols(f"giver{number}", "100.00")
        family.enrols(f"card{number}")
        family.authorises(f"giver{number}", f"card{number}")
    family.enrols("stranger")
    queue = [f"card{number}" for number in range(others)]
    for number in range(strangers):
        queue.insert(2 * number + 1, "stranger")
    for name in queue:
        family.buys(name, [("MINE", "20.00")], at="P2")
        family.now += every
    some = watched(family)
    assert [row["rule"] for row in some] == ["series"] * found
    if found:
        assert (some[0]["subject"], some[0]["facts"]["people"], some[0]["region"]) == ("P2", others, "420100")


def test_customers_with_pools_of_their_own_are_no_series(city: City) -> None:
    city.run(lambda tx: city.opens(tx, "P9", "福州药店", 2, "350100", "pharmacy"))
    for number in range(10):
        city.enrols(f"head{number}", "5000.00", region="350100", household=f"h{number}")
        city.enrols(f"child{number}", region="350100", base="resident", household=f"h{number}")
        city.opens_household(f"head{number}", "1000.00", **{f"child{number}": "child"})
    for number in range(10):
        assert city.buys(f"child{number}", [("MINE", "60.00")], "P9")["acct_mulaid_pay"] == 60
        city.now += MINUTE
    assert rules(city) == []


# More medicine than anybody needs


@pytest.mark.parametrize(
    ("days", "every", "found"),
    [
        (["85"], HOUR, 1),
        (["84"], HOUR, 0),
        (["84.01"], HOUR, 1),
        (["42", "42", "1"], 12 * HOUR, 1),
        (["42", "42", "1"], 12 * HOUR + timedelta(seconds=1), 0),
        (["42", "42"], HOUR, 0),
        (["", "30"], HOUR, 0),
    ],
)
def test_more_days_of_one_medicine_than_a_long_prescription_has(
    family: City, days: list[str], every: timedelta, found: int
) -> None:
    for each in days:
        line = {"prd_days": each} if each else {}
        family.settles(family.uploads(family.visits("Wang"), [("A", "30.00"), ("B", "10.00")], **line))
        family.now += every
    assert rules(family, timedelta(days=3)) == ["supply"] * found


# The job


def test_what_was_refunded_meanwhile_does_not_count(city: City) -> None:
    city.enrols("Wang", "5000.00")
    paid = buys(city, "Wang", ["99.90"] * 11, MINUTE)
    assert city.refunds(paid[3], at="P1", infno="2103")["infcode"] == 0
    assert [row["facts"]["many"] for row in watched(city)] == [10]
    again = buys(city, "Wang", ["99.90"] * 10, MINUTE)
    assert city.refunds(again[3], at="P1", infno="2103")["infcode"] == 0
    assert len(watched(city)) == 1


def test_the_job_run_twice_stopped_and_late_says_everything_once(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Wang", "Li", "Zhao"):
        city.enrols(name, "5000.00")
        buys(city, name, ["99.90"] * 12, 5 * MINUTE)
    city.now += 2 * HOUR
    monkeypatch.setattr(watch, "BATCH", 5)
    whole, left = jobs._batch, [0]

    def step(db: Any, work: Any, clock: Any) -> Any:
        if not left[0]:
            raise InterruptedError
        left[0] -= 1
        return whole(db, work, clock)

    # Killed before its first step, its second, and so on, until one run comes to its end.
    monkeypatch.setattr(jobs, "_batch", step)
    killed = 0
    while True:
        left[0] = killed
        try:
            jobs.look_for_misuse(city.db, clock=lambda: city.now)
            break
        except InterruptedError:
            killed += 1
    assert killed > 3
    monkeypatch.setattr(jobs, "_batch", whole)
    once = signals(city)
    assert [row["facts"]["many"] for row in once] == [12, 12, 12]
    assert len({row["subject"] for row in once}) == 3
    city.run(lambda tx: tx.run("update watched set after = '00000000-0000-0000-0000-000000000000'"))
    assert watched(city) == once, "even a mark that is lost repeats no signal"
    assert watched(city) == once
    assert city.run(lambda tx: tx.all("select 1 from sighting")) == [], "what every rule has looked at is gone"


def test_two_workers_at_once_say_everything_once(city: City, url: str) -> None:
    city.enrols("Wang", "5000.00")
    buys(city, "Wang", ["99.90"] * 20, MINUTE)
    city.now += 2 * HOUR
    db = Database(process_url(url, "mulaid_worker", embedded=True), city.keys, size=4)
    try:
        with ThreadPoolExecutor(4) as pool:
            came = list(pool.map(lambda _: jobs.look_for_misuse(db, clock=lambda: city.now), range(4)))
    finally:
        db.close()
    assert sum(came) == len(signals(city)) == 1


def test_what_is_not_over_waits_for_its_end(city: City) -> None:
    city.enrols("Wang", "5000.00")
    buys(city, "Wang", ["99.90"] * 10, MINUTE)
    assert rules(city, HOUR - 9 * MINUTE) == []
    assert rules(city, 5 * MINUTE) == []
    assert rules(city, MINUTE) == ["split_person"]


# What clerks see and say


@pytest.fixture
def split(console: Console) -> str:  # noqa: F811
    """A signal about purchases of two days ago; its number."""
    city = console.desk.city
    city.now = wall_clock() - timedelta(days=2)
    city.run(lambda tx: tx.run("delete from sighting"))
    name = f"Split{city._serial}"
    city.enrols(name, "5000.00")
    buys(city, name, ["99.90"] * 10, 5 * MINUTE)
    city.now = wall_clock()
    jobs.look_for_misuse(city.db)
    found = [row for row in signals(city) if row["subject"] == str(city.people[name].id)]
    assert len(found) == 1
    return refs.show(watch.SIGNAL, found[0]["id"])


def test_a_clerk_looks_at_a_signal_and_says_what_it_is(console: Console, seated: Seated, split: str) -> None:  # noqa: F811
    page = seated("zhao", "/console/signals")
    clean(page)
    follow(page.locator(f"a[href$='{split}']"))
    expect(page.locator("h1")).to_have_text("一个人短时间内反复购药")
    expect(page.locator(".facts").first).to_contain_text("45 分钟内在 1 家药店购药 10 次，共 999.00 元")
    expect(page.locator("main")).to_contain_text("不是认定")
    expect(page.locator(".papers li")).to_have_count(10)
    clean(page)
    follow(page.get_by_role("button", name="记下来"))
    expect(page.locator(".errbox")).to_contain_text("请选择有没有问题")
    page.get_by_text("需要跟进", exact=True).click()
    page.get_by_label("看到了什么").fill("药店说是分开开的票，已要求提供处方")
    follow(page.get_by_role("button", name="记下来"))
    expect(page.locator(".done")).to_contain_text("需要跟进")
    expect(page.locator("main")).to_contain_text("zhao")
    expect(page.locator("main")).to_contain_text("已要求提供处方")
    page.goto("/console/signals?state=follow_up&rule=split_person")
    expect(page.locator(f"a[href$='{split}']")).to_be_visible()
    page.goto("/console/signals?state=harmless")
    expect(page.locator("main")).to_contain_text("没有这样的提示")
    clean(page)
    ref = refs.parse(watch.SIGNAL, split)
    trail = console.desk.city.run(
        lambda tx: tx.all("select act, actor, purpose from audit where subject = %(id)s order by id", id=ref)
    )
    assert {row["act"] for row in trail} == {"read_signal", "look_at_signal"}
    assert [row["purpose"] for row in trail if row["act"] == "look_at_signal"] == ["follow_up"]
    assert {row["actor"] for row in trail} == {"desk:zhao"}


def test_the_evidence_can_be_taken_along_and_names_nobody(console: Console, seated: Seated, split: str) -> None:  # noqa: F811
    token = console.seat("zhao")
    status, headers, body = console.ask(f"/console/signals/{split}/evidence.csv", token)
    assert status == 200
    assert split in headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert len(rows) == 11
    assert {row[5] for row in rows[1:]} == {"99.90"}
    assert all("*" in row[3] for row in rows[1:])
    number = rows[1][-1]
    status, _, body = console.ask(f"/console/signals/{split}/{number}", token)
    assert status == 200
    assert "扣了谁的钱" in body.decode()
    other = console.desk.city.pays("Wang", "1.00")["setl_id"]
    assert console.ask(f"/console/signals/{split}/{other}", token)[0] == 404


def test_nonsense_in_forms_and_addresses_is_never_a_failure_of_ours(console: Console, split: str) -> None:  # noqa: F811
    before = signals(console.desk.city)
    door = Browser(console.site.base, {"desk": console.seat("zhao")})
    path = f"/console/signals/{split}"
    for nasty in NASTY:
        asked = quote(nasty.encode("utf-8", "surrogatepass")[:300], safe="")
        for address in (f"{path}/{asked}", f"/console/signals/{asked}", f"/console/signals?rule={asked}&state={asked}"):
            assert door.ask("GET", address).status in ((400, 404) if asked else (200, 404)), address
        for typed in ({"looks": nasty, "verdict": "harmless", "words": "看"}, {"looks": "0", "verdict": nasty, "words": nasty}):
            assert door.get(path).status == 200
            came = door.post(path, key=f"{nasty!r:0>32}"[-32:], **typed)
            assert came.status in (200, 400, 403, 404), (came.status, typed)
            assert "<script>alert" not in came.text
    assert signals(console.desk.city) == before
    door.get(path)
    words = '"><script>alert(1)</script>'
    assert door.post(path, key="a" * 32, looks="0", verdict="harmless", words=words).status == 303
    assert door.post(path, key="a" * 32, looks="0", verdict="harmless", words=words).status == 303, "the same form sent again"
    assert "<script>alert" not in door.get(path).text
    assert [row["looks"] for row in signals(console.desk.city) if row["verdict"]][-1] == 1


def test_a_signal_is_for_its_region_and_not_for_the_family(console: Console, split: str) -> None:  # noqa: F811
    paths = (f"/console/signals/{split}", f"/console/signals/{split}/evidence.csv")
    for path in paths:
        assert console.ask(path, console.seat("chen"))[0] == 404, "another city's clerk"
        assert console.ask(path, console.seat("nosy"))[0] == 403, "an administrator"
        assert console.ask(path)[0] == 303, "a stranger"
    assert split not in console.ask("/console/signals", console.seat("chen"))[2].decode()
    assert console.ask("/console/signals/" + "W" + "0" * 26, console.seat("zhao"))[0] == 404
    assert console.ask("/console/signals?state=guilty", console.seat("zhao"))[0] == 404


def test_two_clerks_who_look_at_once_do_not_overwrite_each_other(city: City) -> None:
    desk, name = Desk(city), "Wang"
    city.enrols(name, "5000.00")
    desk.hire("wang", "420100", "handler", number=city.numbers[name])
    buys(city, name, ["99.90"] * 10, MINUTE)
    signal = watched(city)[0]["id"]
    desk.as_("zhao", lambda tx: watch.look(tx, signal, 0, watch.HARMLESS, "分开开的处方"))
    before = signals(city)
    for who, looks, words, code in (
        ("sun", 0, "我也看过", "watch.stale"),
        ("sun", 1, " ", "watch.note_needed"),
        ("sun", 1, "看" * 501, "watch.note_needed"),
        ("chen", 1, "别的城市", "staff.other_region"),
        ("wang", 1, "我自己的", "staff.own_file"),
    ):
        with pytest.raises(Refusal, match=code) as refused:
            desk.as_(who, lambda tx: watch.look(tx, signal, looks, watch.FOLLOW_UP, words))  # noqa: B023
        assert refused.value.code == code
    with pytest.raises(Refusal) as refused:
        desk.as_("zhao", lambda tx: watch.read(tx, refs.mint(signals(city)[0]["book"], city.now)))
    assert refused.value.code == "watch.unknown"
    assert signals(city) == before
    desk.as_("sun", lambda tx: watch.look(tx, signal, 1, watch.FOLLOW_UP, "处方对不上"))
    told, seen = desk.as_("qian", lambda tx: watch.read(tx, signal))
    assert (told.state, told.note, told.looked_by, told.looks, len(seen)) == ("follow_up", "处方对不上", "sun", 2, 10)


def test_every_rule_says_where_its_numbers_come_from() -> None:
    for name, said in watch.rules().items():
        assert said.kind in watch.KINDS, name
        assert said.versions, name
        for version in said.versions:
            source = watch.sources()[version.source]
            assert {"title", "grade", "where"} == set(source)
            facts = dict.fromkeys(("many", "fen", "paid", "days", "people", "places", "minutes", "money", "paid_money"), 1)
            assert said.saw.format(**version.values | facts)
            assert watch.in_force(name, version.version) == version
            assert watch.in_force(name, version.version - timedelta(days=1)) is None
