"""Wallets: quotas frozen for relatives in other provinces (policy.md W23), and what was sent in 2025 (W24)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from city import SHANGHAI, City
from mulaid.ledger import chart
from mulaid.money import parse_yuan, yuan
from mulaid.people import enrolment, wallet
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.policy.pack import library
from mulaid.refusal import Refusal

WUHAN, CHANGSHA = "420100", "430100"
TABLES = (
    "wallet", "wallet_grant", "wallet_given", "wallet_draw", "wallet_transfer", "wallet_incoming", "clearing", "purse", "journal",
    "entry", "audit", "outbox",
)  # fmt: skip


def rows(city: City) -> list[Any]:
    return city.run(lambda tx: [sorted(map(str, tx.all(f"select * from {table}"))) for table in TABLES])  # type: ignore[arg-type]


def refused(city: City, code: str, work: Callable[[], Any]) -> Refusal:
    before = rows(city)
    with pytest.raises(Refusal) as caught:
        work()
    assert caught.value.code == code, caught.value
    assert rows(city) == before
    return caught.value


def freezes(city: City, giver: PersonRef, receiver: PersonRef, fen: int, relation: str = "parent", **more: Any) -> UUID:
    return city.run(lambda tx: wallet.freeze(tx, library(), giver, receiver, relation, fen, **more))


def look(city: City, ref: UUID) -> wallet.Quota:
    return city.run(lambda tx: wallet.find(tx, ref))


def free(city: City, who: PersonRef) -> str:
    return yuan(city.run(lambda tx: wallet.free(tx, who)))


def clears(city: City, month: date) -> list[wallet.Cleared]:
    for book in city.run(lambda tx: wallet.to_clear(tx, month)):
        city.run(lambda tx, book=book: wallet.clear(tx, book, month))
    return city.run(lambda tx: wallet.report(tx, month))


@pytest.fixture
def family(city: City) -> tuple[PersonRef, PersonRef]:
    """The son of W23 in one province and his mother in another."""
    son = city.enrols("son", "6000.00", region=WUHAN)
    return son, city.enrols("mother", region=CHANGSHA, base="resident")


# Quotas


def test_w23_to_the_fen(city: City, family: tuple[PersonRef, PersonRef]) -> None:
    son, mother = family
    ref = freezes(city, son, mother, 150000)
    assert (free(city, son), city.holds("son")) == ("4500.00", "6000.00")
    paid = city.pays("mother", "400.00")
    assert (paid["acct_mulaid_pay"], paid["psn_cash_pay"]) == (400, 0)
    assert (look(city, ref).left, free(city, son), city.holds("son")) == (110000, "4500.00", "5600.00")
    unused = city.run(lambda tx: wallet.stop(tx, ref, mother))
    assert (unused, free(city, son), city.holds("son")) == (110000, "5600.00", "5600.00")
    city.now = datetime(2026, 4, 2, 3, 0, tzinfo=SHANGHAI)
    assert clears(city, date(2026, 3, 31)) == [wallet.Cleared(WUHAN, CHANGSHA, 40000, 1)]
    assert clears(city, date(2026, 3, 1)) == [wallet.Cleared(WUHAN, CHANGSHA, 40000, 1)]
    city.books_balance()


def test_the_giver_cannot_spend_what_is_frozen(city: City, family: tuple[PersonRef, PersonRef]) -> None:
    son, mother = family
    freezes(city, son, mother, 590000)
    paid = city.pays("son", "250.00")
    assert (paid["acct_pay"], paid["psn_cash_pay"]) == (100, 150)
    assert (free(city, son), city.holds("son")) == ("0.00", "5900.00")
    assert city.pays("mother", "5900.00")["psn_cash_pay"] == 0
    assert city.holds("son") == "0.00"
    city.books_balance()


def test_a_refund_fills_the_quota_and_the_clearing_takes_it_back(city: City, family: tuple[PersonRef, PersonRef]) -> None:
    son, mother = family
    ref = freezes(city, son, mother, 50000)
    first, second = city.pays("mother", "100.00"), city.pays("mother", "30.00")
    city.now += timedelta(days=1)
    assert city.refunds(first)["infcode"] == 0
    assert (look(city, ref).left, free(city, son), city.holds("son")) == (47000, "5500.00", "5970.00")
    city.now = datetime(2026, 4, 1, 0, 0, tzinfo=SHANGHAI)
    assert clears(city, date(2026, 3, 1)) == [wallet.Cleared(WUHAN, CHANGSHA, 3000, 3)]
    city.run(lambda tx: wallet.stop(tx, ref, son))
    assert city.refunds(second)["infcode"] == 0
    assert (free(city, son), city.holds("son")) == ("6000.00", "6000.00")
    city.now = datetime(2026, 5, 1, 0, 0, tzinfo=SHANGHAI)
    assert clears(city, date(2026, 4, 1)) == [wallet.Cleared(WUHAN, CHANGSHA, -3000, 1)]
    city.books_balance()


def test_a_month_is_cleared_when_it_is_over_and_by_many_at_once_only_once(
    city: City, family: tuple[PersonRef, PersonRef]
) -> None:
    son, mother = family
    freezes(city, son, mother, 50000)
    city.pays("mother", "100.00")
    city.now = datetime(2026, 3, 31, 23, 59, tzinfo=SHANGHAI)
    refused(city, "wallet.month_not_over", lambda: city.run(lambda tx: wallet.clear(tx, mother.book, date(2026, 3, 1))))
    city.now += timedelta(minutes=1)
    done = all_at_once([lambda: city.run(lambda tx: wallet.clear(tx, mother.book, date(2026, 3, 1))) for _ in range(8)])
    assert done == ["made"] * 8
    assert clears(city, date(2026, 3, 1)) == [wallet.Cleared(WUHAN, CHANGSHA, 10000, 1)]


def test_who_may_freeze_for_whom(city: City, family: tuple[PersonRef, PersonRef]) -> None:
    son, mother = family
    here, stopped = city.enrols("here", region=WUHAN), city.enrols("stopped", region=CHANGSHA, status="suspended")
    refused(city, "aid.oneself", lambda: freezes(city, son, son, 100))
    refused(city, "aid.giver_has_no_account", lambda: freezes(city, mother, son, 100, "child"))
    refused(city, "aid.relation_not_eligible", lambda: freezes(city, son, mother, 100, "parent_in_law"))
    refused(city, "aid.member_suspended", lambda: freezes(city, son, stopped, 100))
    refused(city, "wallet.not_needed", lambda: freezes(city, son, here, 100))
    for fen in (0, -1, 10**12):
        refused(city, "money.bad_amount", lambda fen=fen: freezes(city, son, mother, fen))
    said = refused(city, "wallet.below_floor", lambda: freezes(city, son, mother, 600001))
    assert "6000.00" in said.says
    refused(city, "aid.bad_dates", lambda: freezes(city, son, mother, 100, valid_to=date(2026, 3, 1)))
    refused(city, "aid.use_prohibited", lambda: freezes(city, son, mother, 100, uses=("cosmetic",)))
    refused(city, "aid.no_use", lambda: freezes(city, son, mother, 100, uses=()))
    freezes(city, son, mother, 600000)
    refused(city, "wallet.granted_already", lambda: freezes(city, son, mother, 1))
    city.now = datetime(2025, 9, 1, 10, tzinfo=SHANGHAI)
    refused(city, "wallet.area_not_open", lambda: freezes(city, son, mother, 100))


def test_a_regions_floor_is_kept_beside_what_is_frozen(city: City) -> None:
    """Shanxi keeps 1,000.00 (X08, X09)."""
    son, mother = city.enrols("son", "1000.00", region="140100"), city.enrols("mother", region=CHANGSHA)
    said = refused(city, "wallet.below_floor", lambda: freezes(city, son, mother, 1))
    assert "0.00" in said.says
    city.credits("son", "300.00")
    freezes(city, son, mother, 30000)


def test_a_quota_is_raised_and_lowered(city: City, family: tuple[PersonRef, PersonRef]) -> None:
    son, mother = family

    def changes(version: int, fen: int, who: PersonRef = son) -> wallet.Quota:
        return city.run(lambda tx: wallet.change(tx, library(), ref, who, version, fen))

    ref = freezes(city, son, mother, 50000)
    city.pays("mother", "100.00")
    assert changes(1, 80000).left == 70000
    assert free(city, son) == "5200.00"
    assert changes(2, 10000).left == 0
    assert free(city, son) == "5900.00"
    assert city.pays("mother", "1.00")["psn_cash_pay"] == 1
    refused(city, "aid.quota_below_used", lambda: changes(3, 9999))
    refused(city, "aid.stale", lambda: changes(2, 20000))
    refused(city, "wallet.below_floor", lambda: changes(3, 600001))
    refused(city, "money.bad_amount", lambda: changes(3, 0))
    refused(city, "wallet.not_active", lambda: changes(3, 20000, mother))
    city.run(lambda tx: wallet.stop(tx, ref, son))
    refused(city, "wallet.not_active", lambda: changes(4, 20000))
    refused(city, "wallet.not_active", lambda: city.run(lambda tx: wallet.stop(tx, ref, son)))
    refused(city, "wallet.not_active", lambda: city.run(lambda tx: wallet.stop(tx, UUID(int=ref.int ^ 1), son)))
    city.books_balance()


@pytest.mark.parametrize("side", ["giver", "receiver"])
def test_a_move_of_either_side_ends_it_and_returns_the_quota(city: City, family: tuple[PersonRef, PersonRef], side: str) -> None:
    son, mother = family
    ref = freezes(city, son, mother, 50000)
    city.now += timedelta(days=1)
    if side == "giver":
        city.run(lambda tx: enrolment.enrol(tx, son, Enrolment("310", "420500", "active"), city.now.date()))
    else:
        city.run(lambda tx: enrolment.enrol(tx, mother, Enrolment("390", "430200", "resident"), city.now.date()))
    who = son if side == "giver" else mother
    assert city.run(lambda tx: wallet.release_by_facts(tx, library(), who)) == [ref]
    assert city.run(lambda tx: wallet.release_by_facts(tx, library(), who)) == []
    assert (look(city, ref).status, look(city, ref).ended_because, free(city, son)) == (
        "ended_by_system",
        "moved_area",
        "6000.00",
    )
    assert city.run(lambda tx: wallet.given(tx, son)) == []
    assert len(city.run(lambda tx: wallet.received(tx, mother, past=True))) == 1


def test_a_quota_past_its_last_day_returns(city: City, family: tuple[PersonRef, PersonRef]) -> None:
    son, mother = family
    ref = freezes(city, son, mother, 50000, valid_to=date(2026, 3, 3))
    city.now += timedelta(days=1)
    assert city.run(lambda tx: wallet.lapse(tx, mother.book)) == 0
    city.now += timedelta(days=1)
    assert city.run(lambda tx: wallet.lapse(tx, mother.book)) == 1
    assert (look(city, ref).ended_because, free(city, son)) == ("expired", "6000.00")


def all_at_once(works: list[Callable[[], Any]]) -> list[str]:
    start = threading.Barrier(len(works))

    def one(work: Callable[[], Any]) -> str:
        start.wait()
        try:
            work()
        except Refusal as refusal:
            return refusal.code
        return "made"

    with ThreadPoolExecutor(len(works)) as threads:
        return sorted(threads.map(one, works))


def test_ten_quotas_at_once_never_freeze_more_than_there_is(city: City) -> None:
    son = city.enrols("son", "1000.00", region=WUHAN)
    people = [city.enrols(f"r{n}", region=CHANGSHA, household=f"h{n}") for n in range(10)]
    done = all_at_once([lambda who=who: freezes(city, son, who, 30000, "sibling") for who in people])
    assert done == ["made"] * 3 + ["wallet.below_floor"] * 7
    assert free(city, son) == "100.00"


def test_an_end_while_it_is_spent_loses_nothing(city: City, family: tuple[PersonRef, PersonRef]) -> None:
    son, mother = family
    ref = freezes(city, son, mother, 50000)
    spend = [lambda: city.pays("mother", "10.00") for _ in range(6)]
    assert all_at_once([*spend, lambda: city.run(lambda tx: wallet.stop(tx, ref, son))]) == ["made"] * 7
    used = look(city, ref).used
    assert (free(city, son), city.holds("son")) == (yuan(600000 - used),) * 2
    city.books_balance()


# Transfers of 2025


@pytest.fixture
def senders(city: City) -> tuple[PersonRef, PersonRef]:
    """A daughter with money and her father, both with wallets, on a morning of 2025."""
    daughter = city.enrols("daughter", "9000.00", region=WUHAN)
    father = city.enrols("father", region=CHANGSHA, base="resident")
    at(city, 10)
    opens(city, daughter)
    opens(city, father, daughter)
    return daughter, father


def at(city: City, hour: int, minute: int = 0, day: int = 20) -> None:
    city.now = datetime(2025, 10, day, hour, minute, tzinfo=SHANGHAI)


def opens(city: City, who: PersonRef, by: PersonRef | None = None) -> None:
    city.run(lambda tx: wallet.open_wallet(tx, library(), who, by))


def sends(city: City, sender: PersonRef, receiver: PersonRef, fen: int, relation: str = "parent", **more: Any) -> UUID:
    return city.run(lambda tx: wallet.send(tx, library(), sender, receiver, relation, fen, **more))


def accepts(city: City, ref: UUID, who: PersonRef) -> wallet.Transfer:
    return city.run(lambda tx: wallet.accept(tx, ref, who))


def returns(city: City) -> int:
    books = city.run(wallet.overdue_books)
    return sum(city.run(lambda tx, book=book: wallet.return_overdue(tx, book)) for book in books)


def test_w24_to_the_fen(city: City, senders: tuple[PersonRef, PersonRef]) -> None:
    daughter, father = senders
    for hour, fen in ((10, 200000), (11, 150000), (12, 200000)):
        at(city, hour)
        accepts(city, sends(city, daughter, father, fen), father)
    assert (city.holds("daughter"), city.holds("father", chart.WALLET)) == ("3500.00", "5500.00")
    at(city, 13)
    said = refused(city, "wallet.wallet_count_limit", lambda: sends(city, daughter, father, 10000))
    assert "每天最多转 3 次" in said.says
    at(city, 9, day=21)
    said = refused(city, "wallet.wallet_amount_limit", lambda: sends(city, daughter, father, 210000))
    assert "2000.00" in said.says
    at(city, 22, 30, day=21)
    said = refused(city, "wallet.wallet_closed_hours", lambda: sends(city, daughter, father, 5000))
    assert "22:00" in said.says
    at(city, 21, 59, day=21)
    ref = sends(city, daughter, father, 5000)
    assert city.holds("daughter") == "3450.00"
    at(city, 5, 59, day=22)
    assert returns(city) == 0
    at(city, 6, 0, day=22)
    refused(city, "wallet.not_waiting", lambda: accepts(city, ref, father))
    assert returns(city) == 1
    assert returns(city) == 0
    assert (city.holds("daughter"), city.holds("father", chart.WALLET)) == ("3500.00", "5500.00")
    assert city.run(lambda tx: wallet.find_transfer(tx, ref)).status == "returned"
    city.books_balance()


@pytest.mark.parametrize(
    ("hour", "minute", "closed"), [(5, 59, True), (6, 0, False), (21, 59, False), (22, 0, True), (0, 0, True)]
)
def test_the_closed_hours_are_those_of_shanghai(
    city: City, senders: tuple[PersonRef, PersonRef], hour: int, minute: int, closed: bool
) -> None:
    at(city, hour, minute, day=21)
    if closed:
        refused(city, "wallet.wallet_closed_hours", lambda: sends(city, *senders, 100))
    else:
        sends(city, *senders, 100)


def test_one_waits_before_the_next_goes(city: City, senders: tuple[PersonRef, PersonRef]) -> None:
    daughter, father = senders
    ref = sends(city, daughter, father, 100)
    refused(city, "wallet.wallet_pending", lambda: sends(city, daughter, father, 100))
    refused(city, "wallet.unknown_transfer", lambda: accepts(city, ref, daughter))
    refused(city, "wallet.unknown_transfer", lambda: accepts(city, UUID(int=ref.int ^ 1), father))
    accepts(city, ref, father)
    refused(city, "wallet.not_waiting", lambda: accepts(city, ref, father))
    sends(city, daughter, father, 100)
    assert [one.status for one in city.run(lambda tx: wallet.incoming(tx, father))].count("accepted") == 1


def test_who_may_send_to_whom(city: City, senders: tuple[PersonRef, PersonRef]) -> None:
    daughter, father = senders
    stranger = city.enrols("stranger", "100.00", region=WUHAN)
    refused(city, "wallet.not_open", lambda: sends(city, stranger, father, 100))
    refused(city, "aid.giver_has_no_account", lambda: sends(city, father, daughter, 100, "child"))
    refused(city, "aid.oneself", lambda: sends(city, daughter, daughter, 100))
    refused(city, "aid.oneself", lambda: sends(city, daughter, daughter, 100, source=chart.WALLET))
    refused(city, "aid.relation_not_eligible", lambda: sends(city, father, daughter, 100, "friend", source=chart.WALLET))
    for nothing in (0, -1):
        refused(city, "money.bad_amount", lambda nothing=nothing: sends(city, daughter, father, nothing))
    refused(city, "wallet.below_floor", lambda: sends(city, father, daughter, 100, "child", source=chart.WALLET))
    no_wallet = city.enrols("aunt", region=CHANGSHA)
    ref = sends(city, daughter, no_wallet, 100, "sibling")
    refused(city, "wallet.not_open", lambda: accepts(city, ref, no_wallet))
    opens(city, no_wallet)
    accepts(city, ref, no_wallet)
    at(city, 10, day=21)
    city.now = city.now.replace(year=2026)
    refused(city, "wallet.no_transfers", lambda: sends(city, daughter, father, 100))


def test_what_is_in_a_wallet_pays_and_is_passed_on(city: City, senders: tuple[PersonRef, PersonRef]) -> None:
    daughter, father = senders
    accepts(city, sends(city, daughter, father, 50000), father)
    paid = city.pays("father", "120.00")
    assert (paid["acct_pay"], paid["psn_cash_pay"]) == (120, 0)
    assert city.holds("father", chart.WALLET) == "380.00"
    ref = sends(city, father, daughter, 30000, "child", source=chart.WALLET)
    accepts(city, ref, daughter)
    assert (city.holds("father", chart.WALLET), city.holds("daughter", chart.WALLET)) == ("80.00", "300.00")
    city.books_balance()


def test_opening_and_closing_a_wallet(city: City, senders: tuple[PersonRef, PersonRef]) -> None:
    daughter, father = senders
    refused(city, "wallet.open_already", lambda: opens(city, father))
    ref = sends(city, daughter, father, 100)
    refused(city, "wallet.not_empty", lambda: city.run(lambda tx: wallet.close_wallet(tx, daughter)))
    accepts(city, ref, father)
    refused(city, "wallet.not_empty", lambda: city.run(lambda tx: wallet.close_wallet(tx, father)))
    city.run(lambda tx: wallet.close_wallet(tx, daughter))
    refused(city, "wallet.not_open", lambda: city.run(lambda tx: wallet.close_wallet(tx, daughter)))
    opens(city, daughter)
    city.now = datetime(2024, 6, 1, 10, tzinfo=SHANGHAI)
    other = city.enrols("other")
    refused(city, "wallet.area_not_open", lambda: opens(city, other))


def test_ten_transfers_at_once_are_one(city: City, senders: tuple[PersonRef, PersonRef]) -> None:
    daughter, father = senders
    done = all_at_once([lambda: sends(city, daughter, father, 100) for _ in range(10)])
    assert done == ["made"] + ["wallet.wallet_pending"] * 9
    assert city.holds("daughter") == "8999.00"


def test_eight_acceptances_at_once_are_one(city: City, senders: tuple[PersonRef, PersonRef]) -> None:
    daughter, father = senders
    ref = sends(city, daughter, father, 100)
    assert all_at_once([lambda: accepts(city, ref, father) for _ in range(8)]) == ["made"] + ["wallet.not_waiting"] * 7
    assert city.holds("father", chart.WALLET) == "1.00"
    city.books_balance()


def test_four_jobs_at_once_return_it_once(city: City, senders: tuple[PersonRef, PersonRef]) -> None:
    daughter, father = senders
    ref = sends(city, daughter, father, 100)
    at(city, 6, day=21)
    assert all_at_once([lambda: returns(city) for _ in range(4)]) == ["made"] * 4
    assert city.holds("daughter") == "9000.00"
    assert city.run(lambda tx: wallet.find_transfer(tx, ref)).status == "returned"
    city.books_balance()


# Straight from account to account


def test_in_nanjing_employees_give_each_other_money_directly(city: City) -> None:
    nanjing = "320100"
    a = city.enrols("a", "500.00", region=nanjing)
    b, far = city.enrols("b", "10.00", region=nanjing), city.enrols("far", "0.00", region=nanjing, household="b")
    child, stopped = (
        city.enrols("child", region=nanjing, base="resident"),
        city.enrols("stopped", region=nanjing, status="suspended"),
    )
    away, wuhan = city.enrols("away", region="110000"), city.enrols("wuhan", "9.00")

    def gives(who: PersonRef, whom: PersonRef, fen: int, relation: str = "spouse") -> UUID:
        return city.run(lambda tx: wallet.give_directly(tx, library(), who, whom, relation, fen))

    gives(a, b, 12345)
    gives(a, far, 10000, "sibling")
    assert a.book != far.book
    assert [city.holds(name) for name in ("a", "b", "far")] == ["276.55", "133.45", "100.00"]
    refused(city, "wallet.receiver_has_no_account", lambda: gives(a, child, 100, "child"))
    refused(city, "aid.member_suspended", lambda: gives(a, stopped, 100))
    refused(city, "aid.area_not_open", lambda: gives(a, away, 100))
    refused(city, "wallet.no_direct", lambda: gives(wuhan, b, 100))
    refused(city, "money.bad_amount", lambda: gives(a, b, 0))
    said = refused(city, "wallet.below_floor", lambda: gives(a, b, 27656))
    assert "276.55" in said.says
    city.books_balance()


def test_accounts_give_each_other_at_once_and_nothing_is_lost(city: City) -> None:
    a, b = (city.enrols(name, "100.00", region="320100", household=name) for name in ("a", "b"))

    def gives(who: PersonRef, whom: PersonRef) -> None:
        city.run(lambda tx: wallet.give_directly(tx, library(), who, whom, "spouse", 3000))

    done = all_at_once([lambda: gives(a, b), lambda: gives(b, a)] * 5)
    assert set(done) <= {"made", "wallet.below_floor"}
    assert parse_yuan(city.holds("a")) + parse_yuan(city.holds("b")) == 20000
    city.books_balance()
