"""Premiums from accounts: the law of each region, W25 to the fen, what a premium brings, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest

from city import BY, SHANGHAI, City
from mulaid import commands, refs
from mulaid.commands import Key
from mulaid.db import Tx
from mulaid.ledger import chart, statement
from mulaid.money import parse_yuan, yuan
from mulaid.people import aid, enrolment, household, standing
from mulaid.people.enrolment import PersonRef
from mulaid.policy import premium as law
from mulaid.policy.facts import Giver
from mulaid.policy.pack import Pack, library
from mulaid.policy.premium import Premium
from mulaid.refusal import Refusal
from mulaid.settlement import costs, premium
from mulaid.settlement.premium import Order, Paid
from test_enrolment import resident_until

WINDOW = datetime(2026, 10, 8, 10, 0, tzinfo=SHANGHAI)
HUNAN, BEIJING, HENAN, ZHEJIANG, GUANGDONG, SHANGHAI_CITY = "430100", "110000", "410100", "330100", "440100", "310100"
TABLES = ("premium", "premium_given", "enrolment", "waiting", "aid", "purse", "journal", "entry", "returned", "outbox")


def rows(city: City) -> dict[str, list[str]]:
    return {
        table: [row["row"] for row in city.run(lambda tx, t=table: tx.all(f"select {t}::text as row from {t} order by 1"))]
        for table in TABLES
    }


def refused(code: str, city: City, work: Callable[[], Any]) -> Refusal:
    """What came of something that must be refused; the tables are as they were."""
    before = rows(city)
    with pytest.raises(Refusal) as caught:
        work()
    assert caught.value.code == code
    assert rows(city) == before
    return caught.value


def order(city: City, payer: str, person: str, scheme: str = "resident", year: int = 2027, **more: Any) -> Order:
    return Order(city.people[payer], city.people[person], scheme, year, **more)


def pays(city: City, payer: str, person: str, scheme: str = "resident", year: int = 2027, **more: Any) -> Paid:
    wanted = order(city, payer, person, scheme, year, **more)
    return city.run(lambda tx: premium.pay(tx, library(), wanted))


def status(city: City, name: str, on: date) -> str:
    return city.run(lambda tx: enrolment.enrolled(tx, city.people[name], on)).status


# W25


def family(
    city: City, money: str, *names: str, region: str = HUNAN, relation: str = "paternal_grandparent", **terms: Any
) -> None:
    """A payer with relatives who are residents and paid until the end of the year, each with an authorisation."""
    city.now = WINDOW
    city.enrols("payer", money, region=region)
    for name in names:
        resident_until(city, name, date(2026, 12, 31), region=region)
        city.authorises("payer", name, relation, **terms)


def test_w25_one_account_two_grandmothers(city: City) -> None:
    family(city, "750", "grandmother", "other grandmother")
    paid = pays(city, "payer", "grandmother")
    assert (yuan(paid.fen), yuan(paid.account), paid.cash) == ("400.00", "400.00", 0)
    assert city.holds("payer") == "350.00"
    said = refused("premium.premium_insufficient", city, lambda: pays(city, "payer", "other grandmother"))
    assert said.facts == {"needed": "400.00", "usable": "350.00"}
    assert city.holds("payer") == "350.00"
    city.books_balance()


def test_a_premium_brings_next_years_insurance(city: City) -> None:
    family(city, "750", "grandmother")
    paid = pays(city, "payer", "grandmother")
    assert paid.cover_from == date(2027, 1, 1)
    assert status(city, "grandmother", date(2027, 1, 1)) == status(city, "grandmother", date(2027, 12, 31)) == "normal"
    with pytest.raises(Refusal):
        status(city, "grandmother", date(2028, 1, 1))
    assert [line.text for line in paid.lines] == [
        "2027 年度城乡居民医保个人缴费 400.00 元（每年 400.00 元）",
        "从孙子女（王*）的个人账户缴 400.00 元，缴后还剩 350.00 元",
    ]
    assert all(line.source and line.rule_name for line in paid.lines)
    refused("premium.already_paid", city, lambda: pays(city, "payer", "grandmother"))
    kept = city.run(lambda tx: premium.paid_for(tx, city.people["grandmother"]))
    assert [(row["fen"], row["year"], row["scheme"]) for row in kept] == [(40_000, 2027, "resident")]
    told = premium.told(library(), kept[0])
    assert told == list(paid.lines)
    given = city.run(lambda tx: premium.given_by(tx, city.people["payer"]))
    assert [row["id"] for row in given] == [paid.id]
    balance = city.run(lambda tx: statement.trial_balance(tx, city.people["grandmother"].book))
    assert balance[chart.premium("resident", HUNAN)] == 40_000
    said = city.run(lambda tx: tx.all("select body from outbox where body->>'about' = %(i)s", i=str(paid.id)))
    assert sorted(row["body"]["text"] for row in said) == [
        "已从您的个人账户为家人缴2027 年度城乡居民医保保费 400.00 元。",
        "您的2027 年度城乡居民医保保费 400.00 元已缴，从 2027-01-01 起享受待遇。",
    ]


def test_a_lapsed_relative_is_insured_again_after_the_wait_and_pays_for_repaired_years(city: City) -> None:
    city.now = WINDOW
    city.enrols("payer", "2000", region=HUNAN)
    resident_until(city, "aunt", date(2024, 12, 31), region=HUNAN)
    city.run(lambda tx: enrolment.enrol(tx, city.people["aunt"], enrolment.Enrolment("390", HUNAN, "resident"), date(2025, 8, 1)))
    city.authorises("payer", "aunt", "sibling")
    city.run(lambda tx: tx.run("delete from enrolment where valid_from = '2025-08-01'"))
    paid = pays(city, "payer", "aunt", repaired=1)
    assert (yuan(paid.fen), paid.cover_from) == ("800.00", date(2027, 4, 1))
    assert city.holds("payer") == "1200.00"
    assert status(city, "aunt", date(2027, 3, 31)) == "lapsed_waiting"


def test_late_premiums_are_taken_with_their_wait_where_the_region_takes_them(city: City) -> None:
    family(city, "1000", "grandmother")
    city.now = datetime(2027, 2, 10, 10, 0, tzinfo=SHANGHAI)
    paid = pays(city, "payer", "grandmother")
    assert paid.cover_from == date(2027, 5, 10)
    assert status(city, "grandmother", date(2027, 2, 10)) == "lapsed_waiting"


def test_guangdong_takes_them_in_the_window_only(city: City) -> None:
    family(city, "1000", "grandmother", region=GUANGDONG, relation="parent")
    city.now = datetime(2027, 2, 10, 10, 0, tzinfo=SHANGHAI)
    refused("premium.window_closed", city, lambda: pays(city, "payer", "grandmother"))


@pytest.mark.parametrize(
    ("scheme", "year"),
    [("resident", 2028), ("resident", 2025), ("resident", 0), ("ltc", 2025), ("ltc", 2028), ("commercial", 2025)],
)
def test_years_that_cannot_be_paid(city: City, scheme: str, year: int) -> None:
    family(city, "1000", "grandmother", region=ZHEJIANG, relation="parent")
    refused("premium.wrong_year", city, lambda: pays(city, "payer", "grandmother", scheme, year, stated=100))


def test_next_years_premium_waits_for_its_window_and_this_years_may_be_late(city: City) -> None:
    family(city, "1000", "grandmother")
    city.now = datetime(2026, 8, 31, 23, 59, tzinfo=SHANGHAI)
    refused("premium.wrong_year", city, lambda: pays(city, "payer", "grandmother"))
    assert pays(city, "payer", "grandmother", year=2026).fen == 40_000
    city.now = datetime(2026, 9, 1, 0, 0, tzinfo=SHANGHAI)
    assert pays(city, "payer", "grandmother").fen == 40_000


# Regions


def test_beijings_premium_is_by_age_and_students_pay_as_children(city: City) -> None:
    city.now = WINDOW
    city.enrols("payer", "5000", region=BEIJING)
    for name, born, student, fen in (
        ("child", date(2009, 1, 2), False, "435.00"),  # 17 on 1 January 2027
        ("adult", date(2009, 1, 1), False, "795.00"),  # 18 on the day
        ("student", date(2005, 1, 1), True, "435.00"),
        ("elder", date(1967, 1, 1), False, "460.00"),  # 60 on the day
    ):
        resident_until(city, name, date(2026, 12, 31), region=BEIJING, born=born)
        city.authorises("payer", name, "child")
        assert yuan(pays(city, "payer", name, student=student).fen) == fen
    city.books_balance()


def test_henan_lets_a_premium_take_half_of_the_balance(city: City) -> None:
    family(city, "799.99", "mother", region=HENAN, relation="parent")
    said = refused("premium.premium_insufficient", city, lambda: pays(city, "payer", "mother"))
    assert said.facts["usable"] == "399.99", "half of 799.99, rounded down"
    city.credits("payer", "0.01")
    assert pays(city, "payer", "mother").fen == 40_000


def test_zhejiang_sells_commercial_plans_only_from_what_is_above_four_thousand(city: City) -> None:
    city.now = WINDOW
    city.enrols("payer", "4500", region=ZHEJIANG)
    refused("premium.amount_needed", city, lambda: pays(city, "payer", "payer", "commercial"))
    said = refused("premium.premium_insufficient", city, lambda: pays(city, "payer", "payer", "commercial", stated=50_001))
    assert said.facts["usable"] == "500.00"
    assert pays(city, "payer", "payer", "commercial", stated=50_000).account == 50_000
    assert city.holds("payer") == "4000.00"
    city.credits("payer", "900", chart.CURRENT_YEAR)
    refused("premium.premium_insufficient", city, lambda: pays(city, "payer", "payer", "commercial", 2026, stated=100))


def test_schemes_are_those_of_the_payers_region(city: City) -> None:
    family(city, "1000", "mother", relation="parent")
    refused("premium.out_of_scope", city, lambda: pays(city, "payer", "mother", "commercial", stated=100))
    refused("premium.unknown_scheme", city, lambda: pays(city, "payer", "mother", "lottery"))


def test_an_unpublished_premium_is_not_guessed(city: City) -> None:
    city.now = WINDOW
    city.enrols("payer", "1000", region=BEIJING)
    refused("premium.no_amount", city, lambda: pays(city, "payer", "payer", "ltc"))


def with_value(pack: Pack, parameter: str, value: Any) -> Pack:
    return replace(pack, values={**pack.values, parameter: replace(pack.values[parameter], value=value)})


def test_long_term_care_for_oneself_where_the_amount_is_known(city: City) -> None:
    on = date(2026, 10, 8)
    pack = library().in_force(BEIJING, on)
    known = with_value(pack, "ltc_premium", {"all": 5_000})
    facts = Premium(on, "ltc", 2027, BEIJING, 40, BEIJING, "normal", 6_000)
    made = law.decide({BEIJING: pack}, known, facts)
    assert (made.fen, made.account, made.cash) == (5_000, 5_000, 0)
    partly = with_value(pack, "premium_partial_payment", True)
    made = law.decide({BEIJING: partly}, known, replace(facts, account=3_000))
    assert (made.fen, made.account, made.cash) == (5_000, 3_000, 2_000)
    assert law.told({BEIJING: partly}, known, made.steps)[-1].text == "其余 20.00 元用现金缴"
    with pytest.raises(Refusal) as caught:
        law.decide({BEIJING: partly}, known, replace(facts, account=0))
    assert caught.value.code == "premium.premium_insufficient"


# Authorisations


GIVER = Giver(
    aid="a", person="p", shown="王*", relation="parent", region=HUNAN, status="normal", filed="2025-01-01T00:00:00",
    bound="2025-01-01T00:00:00", account=100_000, uses=frozenset({"premium_resident"}),
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"paused": True}, "premium.paused"),
        ({"status": "suspended"}, "premium.giver_suspended"),
        ({"status": "ended"}, "premium.giver_suspended"),
        ({"until": "2026-10-07"}, "premium.relation_not_active"),
        ({"relation": "parent_in_law"}, "premium.relation_not_eligible"),
        ({"region": "360100"}, "premium.area_not_open"),
        ({"uses": frozenset({"outpatient"})}, "premium.use_prohibited"),
        ({"quota_left": 0}, "premium.quota_exhausted"),
        ({"settlement_cap": 0}, "premium.settlement_cap"),
        ({"month_left": 0}, "premium.settlement_cap"),
        ({"year_left": 0}, "premium.settlement_cap"),
        ({"quota_left": 39_999}, "premium.premium_insufficient"),
        ({"settlement_cap": 39_999}, "premium.premium_insufficient"),
        ({"keep": 60_001}, "premium.premium_insufficient"),
        ({"frozen": 60_001}, "premium.premium_insufficient"),
    ],
)
def test_every_reason_an_authorisation_does_not_cover_a_premium(change: dict[str, Any], code: str) -> None:
    giver = replace(GIVER, **change)
    on = date(2026, 10, 8)
    packs = {region: library().in_force(region, on) for region in {HUNAN, giver.region}}
    facts = Premium(on, "resident", 2027, HUNAN, 70, giver.region, "normal", 100_000, giver=giver)
    assert law.decide({HUNAN: packs[HUNAN]}, packs[HUNAN], replace(facts, payer_region=HUNAN, giver=GIVER)).fen == 40_000
    with pytest.raises(Refusal) as caught:
        law.decide(packs, packs[HUNAN], facts)
    assert caught.value.code == code


def test_a_pool_region_does_not_draw_for_premiums() -> None:
    on, fujian = date(2026, 10, 8), "350100"
    pack = library().in_force(fujian, on)
    facts = Premium(on, "resident", 2027, fujian, 70, fujian, "normal", 100_000, giver=replace(GIVER, region=fujian))
    with pytest.raises(Refusal) as caught:
        law.decide({fujian: pack}, pack, facts)
    assert caught.value.code == "premium.not_drawn_here"


def test_facts_read_back_and_replay() -> None:
    on = date(2026, 10, 8)
    facts = Premium(on, "resident", 2027, HUNAN, 70, HUNAN, "normal", 100_000, giver=GIVER)
    assert law.read(facts.as_json()) == facts
    pack = library().in_force(HUNAN, on)
    assert law.replay({HUNAN: pack}, pack, facts, {"fen": 40_000, "account": 40_000, "cash": 0}) == []
    assert law.replay({HUNAN: pack}, pack, facts, {"fen": 40_000, "account": 39_999, "cash": 1}) == ["account", "cash"]
    assert law.replay({HUNAN: pack}, pack, replace(facts, scheme="commercial"), {}) == ["premium.out_of_scope"]


def test_who_has_no_authorisation_or_no_account_pays_nothing(city: City) -> None:
    family(city, "1000", "mother", relation="parent")
    city.enrols("stranger", "5000", region=HUNAN)
    refused("premium.relation_not_active", city, lambda: pays(city, "stranger", "mother"))
    refused("premium.no_account", city, lambda: pays(city, "mother", "mother"))
    refused("standing.insured_already", city, lambda: pays(city, "payer", "payer"))
    nobody = PersonRef(1, refs.mint(1, city.now))
    city.people["nobody"] = nobody
    refused("people.unknown", city, lambda: pays(city, "payer", "nobody"))
    refused("premium.no_account", city, lambda: pays(city, "nobody", "mother"))
    refused("premium.amount_differs", city, lambda: pays(city, "payer", "mother", stated=39_999))
    refused("standing.nothing_to_repair", city, lambda: pays(city, "payer", "mother", repaired=1))
    resident_until(city, "new", None, region=HUNAN)
    refused("premium.region_needed", city, lambda: pays(city, "payer", "new"))
    city.run(lambda tx: standing.died(tx, library(), city.people["mother"], date(2026, 10, 7)))
    refused("standing.dead", city, lambda: pays(city, "payer", "mother"))


def test_limits_of_the_authorisation_count_the_premium(city: City) -> None:
    family(city, "5000", "mother", relation="parent", quota="700")
    pays(city, "payer", "mother")
    found = city.run(lambda tx: aid.received(tx, city.people["mother"]))[0]
    assert (found.used, found.month_used, found.year_used, found.day_used) == (40_000,) * 4
    refused("premium.premium_insufficient", city, lambda: pays(city, "payer", "mother", year=2026))


def test_shanxi_keeps_a_thousand(city: City) -> None:
    family(city, "1399.99", "mother", region="140100", relation="parent", valid_to=date(2027, 12, 31))
    refused("premium.premium_insufficient", city, lambda: pays(city, "payer", "mother"))
    city.credits("payer", "0.01")
    assert pays(city, "payer", "mother").account == 40_000
    assert city.holds("payer") == "1000.00"


def test_a_fujian_household_pays_for_its_members_from_the_pool(city: City) -> None:
    """Where money is put together first, premiums come from the pool: a member's by any member, nobody else's (F108)."""
    city.now = WINDOW
    head = city.enrols("payer", "5200", region="350200")
    city.enrols("brother", "5000", region="350200")
    child = resident_until(city, "child", date(2026, 12, 31), region="350200")
    resident_until(city, "stranger", date(2026, 12, 31), region="350200")
    pool = city.run(lambda tx: household.open_household(tx, library(), head))
    city.run(lambda tx: household.add_member(tx, library(), pool, head, child, "child"))
    city.run(lambda tx: household.transfer(tx, library(), pool, head, parse_yuan("500")))
    refused("premium.not_drawn_here", city, lambda: pays(city, "payer", "stranger"))
    refused("premium.not_drawn_here", city, lambda: pays(city, "brother", "child"))
    paid = pays(city, "payer", "child")
    assert paid.lines[-1].text == "从家庭账户（户主王*）缴 400.00 元，缴后还剩 100.00 元"
    assert city.holds("payer") == "4700.00", "the own account is not touched"
    assert city.run(lambda tx: household.find(tx, pool)).balance == parse_yuan("100")
    assert city.run(lambda tx: costs.given(tx, head, 2026)) == []
    refused("premium.premium_insufficient", city, lambda: pays(city, "payer", "child", year=2026))
    city.books_balance()
    gives_back(city, paid.id, head)
    assert city.run(lambda tx: household.find(tx, pool)).balance == parse_yuan("500")
    city.books_balance()


# Books, keys, races


def test_payer_and_insured_may_live_in_different_books(city: City) -> None:
    city.now = WINDOW
    for number in range(30):
        city.enrols(f"payer{number}", "500", region=HUNAN, household=f"a{number}")
        resident_until(city, f"mother{number}", date(2026, 12, 31), region=HUNAN, household="b")
        if city.people[f"payer{number}"].book != city.people[f"mother{number}"].book:
            break
    payer, mother = f"payer{number}", f"mother{number}"
    city.authorises(payer, mother)
    paid = pays(city, payer, mother)
    assert city.holds(payer) == "100.00"
    row = city.run(lambda tx: premium.paid_for(tx, city.people[mother]))[0]
    assert len(set(row["journal_books"])) == 2
    city.books_balance()
    city.run(lambda tx: premium.refund(tx, library(), paid.id, city.people[payer]))
    assert city.holds(payer) == "500.00"
    city.books_balance()


def test_a_repeated_request_pays_once(city: City) -> None:
    family(city, "1000", "mother", relation="parent")
    key = Key.of(city.people["payer"].book, "web", "payer", "k1", b"2027")
    wanted = order(city, "payer", "mother")

    def ask(body: bytes = b"2027") -> commands.Answer:
        work = lambda tx: str(premium.pay(tx, library(), wanted).id)  # noqa: E731
        mine = Key.of(key.book, "web", "payer", "k1", body)
        return commands.run(city.db, mine, work, lambda refusal: refusal.code, at=city.now, by=BY)

    first, second = ask(), ask()
    assert (first.refused, second.repeated, second.text) == (False, True, first.text)
    assert city.holds("payer") == "600.00"
    with pytest.raises(Refusal):
        ask(b"other")


def test_two_payers_at_once_pay_a_premium_once(city: City) -> None:
    city.now = WINDOW
    resident_until(city, "mother", date(2026, 12, 31), region=HUNAN)
    for name in ("a", "b", "c", "d"):
        city.enrols(name, "1000", region=HUNAN)
        city.authorises(name, "mother")

    def one(name: str) -> str:
        try:
            return "paid" if pays(city, name, "mother") else ""
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(4) as pool:
        came = sorted(pool.map(one, ("a", "b", "c", "d")))
    assert came == ["paid", "premium.already_paid", "premium.already_paid", "premium.already_paid"] or came == [
        "premium.already_paid", "premium.already_paid", "premium.already_paid", "paid",
    ]  # fmt: skip
    assert sorted(city.holds(name) for name in ("a", "b", "c", "d")) == ["1000.00", "1000.00", "1000.00", "600.00"]
    city.books_balance()


def test_one_account_pays_for_many_at_once_and_never_goes_below_zero(city: City) -> None:
    names = [f"m{number}" for number in range(6)]
    family(city, "1500", *names, relation="parent")

    def one(name: str) -> bool:
        try:
            return bool(pays(city, "payer", name))
        except Refusal:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(one, names)) == 3
    assert city.holds("payer") == "300.00"
    city.books_balance()


# Back


def gives_back(city: City, paid: UUID | None, who: PersonRef) -> None:
    assert paid is not None
    city.run(lambda tx: premium.refund(tx, library(), paid, who))


def test_a_premium_comes_back_before_its_year_begins(city: City) -> None:
    family(city, "1000", "mother", relation="parent", quota="700")
    before = rows(city)["enrolment"]
    paid = pays(city, "payer", "mother").id
    thief, unknown = PersonRef(1, refs.mint(1, city.now)), refs.mint(1, city.now)
    refused("premium.unknown", city, lambda: gives_back(city, paid, thief))
    refused("premium.unknown", city, lambda: gives_back(city, unknown, city.people["payer"]))
    gives_back(city, paid, city.people["payer"])
    assert city.holds("payer") == "1000.00"
    assert rows(city)["enrolment"] == before
    assert city.run(lambda tx: aid.received(tx, city.people["mother"]))[0].used == 0
    refused("premium.refunded", city, lambda: gives_back(city, paid, city.people["payer"]))
    city.books_balance()
    again = pays(city, "payer", "mother").id
    city.now = datetime(2027, 1, 1, 0, 0, tzinfo=SHANGHAI)
    refused("premium.cover_begun", city, lambda: gives_back(city, again, city.people["mother"]))


def test_a_refund_finds_its_account_after_the_authorisation_ended(city: City) -> None:
    family(city, "1000", "mother", relation="parent")
    paid = pays(city, "payer", "mother")
    found = city.run(lambda tx: aid.received(tx, city.people["mother"]))[0]
    city.run(lambda tx: aid.end(tx, found.id))
    city.run(lambda tx: premium.refund(tx, library(), paid.id, city.people["mother"]))
    assert city.holds("payer") == "1000.00"
    city.books_balance()


def test_a_suspended_employee_whose_premium_comes_back_is_suspended_again(city: City) -> None:
    family(city, "1000", "mother", relation="parent")
    father = city.enrols("father", region=HUNAN)
    city.authorises("payer", "father")
    city.run(lambda tx: standing.suspend(tx, library(), father, date(2026, 8, 1)))
    before = rows(city)["enrolment"]
    paid = pays(city, "payer", "father")
    assert status(city, "father", date(2026, 12, 31)) == "suspended"
    city.run(lambda tx: premium.refund(tx, library(), paid.id, father))
    assert rows(city)["enrolment"] == before


def test_a_preview_writes_nothing(city: City) -> None:
    family(city, "1000", "mother", relation="parent")
    before = rows(city)
    with city.db.reading(city.now, BY) as tx:
        seen = premium.preview(tx, library(), order(city, "payer", "mother"))
    assert (seen.id, seen.fen, len(seen.lines)) == (None, 40_000, 2)
    assert rows(city) == before


def test_stored_premiums_replay(city: City, db: Any) -> None:
    family(city, "1000", "mother", relation="parent")
    pays(city, "payer", "mother")
    city.books_balance()

    def spoil(tx: Tx) -> None:
        tx.run("update premium set account = account - 1, cash = cash + 1")

    city.run(spoil)
    with pytest.raises(AssertionError):
        city.books_balance()


def test_a_baby_is_enrolled_by_its_mothers_account_and_covered_from_birth(city: City) -> None:
    city.now = datetime(2026, 10, 8, 10, 0, tzinfo=SHANGHAI)
    city.enrols("mother", "1000", region=HUNAN)
    baby = city.enrols("baby", base="resident", region=HUNAN, born=date(2026, 9, 1))
    city.authorises("mother", "baby", "child")
    city.run(lambda tx: tx.run("delete from enrolment where person = %(p)s", p=baby.id))
    paid = pays(city, "mother", "baby", year=2026, region=HUNAN, exempt="newborn")
    assert paid.cover_from == date(2026, 9, 1)
    assert parse_yuan("600") == parse_yuan(city.holds("mother"))
