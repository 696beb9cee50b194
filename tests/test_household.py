"""Household accounts: money put together first, spent from there, and every part home again (policy.md W22)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from city import SHANGHAI, City
from mulaid import commands
from mulaid.db import Actor
from mulaid.ledger import chart, statement
from mulaid.money import yuan
from mulaid.people import enrolment, household
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from test_aid import with_rule

FUJIAN, NANJING = "350200", "320100"
TABLES = (
    "household",
    "household_invitation",
    "household_member",
    "household_roll",
    "purse",
    "journal",
    "entry",
    "audit",
    "outbox",
)


def rows(city: City) -> list[Any]:
    return city.run(lambda tx: [sorted(map(str, tx.all(f"select * from {table}"))) for table in TABLES])  # type: ignore[arg-type]


def refused(city: City, code: str, work: Callable[[], Any]) -> Refusal:
    before = rows(city)
    with pytest.raises(Refusal) as caught:
        work()
    assert caught.value.code == code, caught.value
    assert rows(city) == before
    return caught.value


def opens(city: City, head: PersonRef) -> UUID:
    return city.run(lambda tx: household.open_household(tx, library(), head))


def adds(city: City, ref: UUID, head: PersonRef, who: PersonRef, relation: str = "child") -> UUID:
    return city.run(lambda tx: household.add_member(tx, library(), ref, head, who, relation))


def moves(city: City, ref: UUID, who: PersonRef, fen: int) -> UUID:
    return city.run(lambda tx: household.transfer(tx, library(), ref, who, fen))


def look(city: City, ref: UUID) -> household.Household:
    return city.run(lambda tx: household.find(tx, ref))


def pool(city: City, ref: UUID) -> str:
    book = look(city, ref).head.book
    return yuan(city.run(lambda tx: statement.balances(tx, book, ref)).get(chart.HOUSEHOLD, 0))


def parts(city: City, ref: UUID, *names: str) -> list[int]:
    """What of the pool is whose, in the order asked for; together it is the pool."""
    members = {member.person: member.part for member in look(city, ref).members}
    assert sum(members.values()) == look(city, ref).balance
    return [members[city.people[name]] for name in names]


def enrols_again(city: City, who: PersonRef, region: str, **more: Any) -> None:
    city.run(lambda tx: enrolment.enrol(tx, who, Enrolment("310", region, "active", **more), city.now.date()))


def releases(city: City, who: PersonRef) -> bool:
    return city.run(lambda tx: household.release_by_facts(tx, library(), who))


def test_w22_to_the_fen(city: City) -> None:
    mother = city.enrols("mother", "5200.00", region=FUJIAN)
    child = city.enrols("child", "60.00", region=FUJIAN)
    ref = opens(city, mother)
    adds(city, ref, mother, child)
    said = refused(city, "household.below_floor", lambda: moves(city, ref, mother, 350000))
    assert "3200.00" in said.says
    assert "2000.00" in said.says
    moves(city, ref, mother, 300000)
    assert (city.holds("mother"), pool(city, ref)) == ("2200.00", "3000.00")
    said = refused(city, "household.pool_month_limit", lambda: moves(city, ref, mother, 10000))
    assert "每月最多向家庭账户划入 1 次" in said.says
    paid = city.pays("child", "260.00")
    assert (paid["acct_pay"], paid["psn_cash_pay"]) == (260, 0)
    assert (city.holds("child"), pool(city, ref)) == ("0.00", "2800.00")
    city.books_balance()
    assert city.refunds(paid)["infcode"] == 0
    assert (city.holds("child"), pool(city, ref)) == ("60.00", "3000.00")
    city.books_balance()


def test_a_new_month_lets_one_more_transfer_through(city: City) -> None:
    mother = city.enrols("mother", "5200.00", region=FUJIAN)
    ref = opens(city, mother)
    city.now = datetime(2026, 3, 31, 23, 59, tzinfo=SHANGHAI)
    moves(city, ref, mother, 100)
    refused(city, "household.pool_month_limit", lambda: moves(city, ref, mother, 100))
    city.now = datetime(2026, 4, 1, 0, 0, tzinfo=SHANGHAI)
    moves(city, ref, mother, 319900)
    assert (city.holds("mother"), pool(city, ref)) == ("2000.00", "3200.00")
    city.now += timedelta(days=31)
    said = refused(city, "household.below_floor", lambda: moves(city, ref, mother, 1))
    assert "最多可以划入 0.00 元" in said.says


def test_frozen_money_is_not_free_to_move(city: City) -> None:
    mother = city.enrols("mother", "5200.00", region=FUJIAN)
    ref = opens(city, mother)
    city.run(lambda tx: tx.run("update purse set frozen = 100000 where holder = %(id)s", id=mother.id))
    said = refused(city, "household.below_floor", lambda: moves(city, ref, mother, 300000))
    assert "2200.00" in said.says


def test_who_may_open_and_who_may_join(city: City) -> None:
    head = city.enrols("head", "9.00", region=FUJIAN)
    resident = city.enrols("resident", region=FUJIAN, base="resident")
    stopped = city.enrols("stopped", "9.00", region=FUJIAN, status="suspended")
    wuhan = city.enrols("wuhan", "9.00")
    refused(city, "aid.giver_has_no_account", lambda: opens(city, resident))
    refused(city, "aid.giver_suspended", lambda: opens(city, stopped))
    refused(city, "household.not_here", lambda: opens(city, wuhan))
    refused(city, "aid.not_enrolled", lambda: opens(city, PersonRef(1, UUID(int=1))))
    ref = opens(city, head)
    refused(city, "household.in_another", lambda: opens(city, head))
    refused(city, "aid.oneself", lambda: adds(city, ref, head, head))
    refused(city, "aid.relation_not_eligible", lambda: adds(city, ref, head, resident, "parent_in_law"))
    refused(city, "aid.member_suspended", lambda: adds(city, ref, head, stopped))
    refused(city, "aid.area_not_open", lambda: adds(city, ref, head, wuhan))
    refused(city, "household.unknown", lambda: adds(city, ref, resident, head))
    refused(city, "household.unknown", lambda: adds(city, UUID(int=ref.int ^ 1), head, resident))
    adds(city, ref, head, resident)
    refused(city, "household.in_another", lambda: adds(city, ref, head, resident))
    found = city.run(lambda tx: household.of(tx, resident))
    assert found is not None
    assert [(one.person, one.relation) for one in found.members] == [(head, "self"), (resident, "child")]
    assert city.run(lambda tx: household.of(tx, wuhan)) is None


def test_a_group_that_may_not_give_may_not_open(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    head = city.enrols("head", "9.00", region=FUJIAN, staff_group="province_level")
    with_rule(monkeypatch, authoriser_excluded_groups=frozenset({"province_level"}))
    refused(city, "household.excluded_group", lambda: opens(city, head))


def test_as_many_members_as_the_region_lets_one_giver_have(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    head, a, b = (city.enrols(name, "9.00", region=FUJIAN) for name in ("head", "a", "b"))
    with_rule(monkeypatch, max_beneficiaries_per_authoriser=1)
    ref = opens(city, head)
    adds(city, ref, head, a)
    refused(city, "aid.limit_receivers", lambda: adds(city, ref, head, b))


def test_in_fujian_only_the_head_funds(city: City) -> None:
    head, child, other = (city.enrols(name, "5000.00", region=FUJIAN) for name in ("head", "child", "other"))
    ref = opens(city, head)
    adds(city, ref, head, child)
    refused(city, "household.only_the_head_funds", lambda: moves(city, ref, child, 100))
    refused(city, "household.not_a_member", lambda: moves(city, ref, other, 100))
    for nothing in (0, -100):
        refused(city, "money.bad_amount", lambda nothing=nothing: moves(city, ref, head, nothing))
    enrols_again(city, head, FUJIAN, status="suspended")
    refused(city, "aid.giver_suspended", lambda: moves(city, ref, head, 100))


def test_in_nanjing_members_fund_and_each_part_comes_home(city: City) -> None:
    """A puts in 100.00, of which 60.00 is spent; then B puts in 100.00: B's part is whole, A's is what is left."""
    a, b = city.enrols("a", "500.00", region=NANJING), city.enrols("b", "500.00", region=NANJING)
    child = city.enrols("child", region=NANJING, base="resident")
    ref = opens(city, a)
    adds(city, ref, a, b, "spouse")
    adds(city, ref, a, child)
    moves(city, ref, a, 10000)
    assert city.pays("child", "60.00")["psn_cash_pay"] == 0
    assert parts(city, ref, "a", "b", "child") == [4000, 0, 0]
    moves(city, ref, b, 10000)
    assert parts(city, ref, "a", "b", "child") == [4000, 10000, 0]
    paid = city.pays("child", "70.00")
    assert parts(city, ref, "a", "b", "child") == [2000, 5000, 0]
    city.run(lambda tx: household.remove_member(tx, library(), ref, a, b))
    assert (city.holds("a"), city.holds("b"), pool(city, ref)) == ("400.00", "450.00", "20.00")
    assert city.refunds(paid)["infcode"] == 0
    assert (pool(city, ref), parts(city, ref, "a", "child")) == ("90.00", [9000, 0])
    city.books_balance()
    refused(city, "household.not_a_member", lambda: city.run(lambda tx: household.remove_member(tx, library(), ref, a, b)))
    refused(city, "household.head_stays", lambda: city.run(lambda tx: household.remove_member(tx, library(), ref, a, a)))
    refused(city, "household.release_not_yours", lambda: city.run(lambda tx: household.leave(tx, library(), ref, child)))
    adds(city, ref, a, b, "spouse")


def test_in_nanjing_a_household_is_closed_at_a_counter(city: City) -> None:
    head = city.enrols("head", "500.00", region=NANJING)
    ref = opens(city, head)
    moves(city, ref, head, 20000)
    refused(city, "household.counter_only", lambda: city.run(lambda tx: household.close(tx, library(), ref, head)))
    by = Actor("clerk", "counter", "窗口3")
    commands.alone(city.db, lambda tx: household.close(tx, library(), ref, head), at=city.now, by=by)
    assert (city.holds("head"), pool(city, ref)) == ("500.00", "0.00")
    refused(city, "household.unknown", lambda: moves(city, ref, head, 100))
    refused(city, "household.unknown", lambda: city.run(lambda tx: household.close(tx, library(), ref, head)))
    opens(city, head)
    city.books_balance()


def test_a_member_in_fujian_may_leave_and_no_longer_spends(city: City) -> None:
    head, child = city.enrols("head", "5000.00", region=FUJIAN), city.enrols("child", region=FUJIAN)
    ref = opens(city, head)
    adds(city, ref, head, child)
    moves(city, ref, head, 100000)
    refused(city, "household.head_stays", lambda: city.run(lambda tx: household.leave(tx, library(), ref, head)))
    city.run(lambda tx: household.leave(tx, library(), ref, child))
    assert city.pays("child", "60.00")["psn_cash_pay"] == 60
    refused(city, "household.not_a_member", lambda: city.run(lambda tx: household.leave(tx, library(), ref, child)))
    assert pool(city, ref) == "1000.00"


def test_a_move_of_the_head_merges_the_pool_back(city: City) -> None:
    head, child = city.enrols("head", "5000.00", region=FUJIAN), city.enrols("child", region=FUJIAN)
    ref = opens(city, head)
    adds(city, ref, head, child)
    moves(city, ref, head, 300000)
    assert not releases(city, head)
    city.now += timedelta(days=1)
    enrols_again(city, head, "350100")
    assert releases(city, head)
    assert (city.holds("head"), pool(city, ref)) == ("5000.00", "0.00")
    assert look(city, ref).closed_on == city.now.date()
    assert not releases(city, head)
    assert not releases(city, child)
    assert city.run(lambda tx: household.of(tx, child)) is None
    city.books_balance()


def test_a_member_who_dies_leaves_the_others_their_pool(city: City) -> None:
    a, b = city.enrols("a", "500.00", region=NANJING), city.enrols("b", "500.00", region=NANJING, household="b")
    ref = opens(city, a)
    adds(city, ref, a, b, "sibling")
    moves(city, ref, a, 10000)
    moves(city, ref, b, 5000)
    assert a.book != b.book
    city.run(lambda tx: tx.run("update person set died_on = %(on)s where id = %(id)s", on=city.now.date(), id=b.id))
    assert releases(city, b)
    assert not releases(city, b)
    assert (city.holds("a"), city.holds("b"), pool(city, ref)) == ("400.00", "500.00", "100.00")
    city.books_balance()


def test_a_refund_into_a_closed_pool_goes_on_to_the_head(city: City) -> None:
    head, child = city.enrols("head", "5000.00", region=FUJIAN), city.enrols("child", region=FUJIAN)
    ref = opens(city, head)
    adds(city, ref, head, child)
    moves(city, ref, head, 100000)
    paid = city.pays("child", "60.00")
    city.run(lambda tx: household.close(tx, library(), ref, head))
    assert city.holds("head") == "4940.00"
    assert city.refunds(paid)["infcode"] == 0
    assert pool(city, ref) == "60.00"
    assert city.run(lambda tx: household.return_late_refunds(tx, head.book)) == 1
    assert city.run(lambda tx: household.return_late_refunds(tx, head.book)) == 0
    assert (city.holds("head"), pool(city, ref)) == ("5000.00", "0.00")
    city.books_balance()


# Invitations


def invites(city: City, ref: UUID, head: PersonRef, who: PersonRef, relation: str = "child") -> UUID:
    return city.run(lambda tx: household.invite(tx, library(), ref, head, who, relation))


def joins(city: City, asked: UUID, who: PersonRef) -> UUID:
    return city.run(lambda tx: household.join(tx, library(), asked, who))


def test_who_is_invited_says_yes_or_no_in_time(city: City) -> None:
    head, child, other = (city.enrols(name, "5000.00", region=FUJIAN) for name in ("head", "child", "other"))
    ref = opens(city, head)
    asked = invites(city, ref, head, child)
    assert [one.id for one in city.run(lambda tx: household.invitations(tx, child))] == [asked]
    refused(city, "household.not_invited", lambda: joins(city, asked, other))
    refused(city, "household.not_invited", lambda: joins(city, UUID(int=asked.int ^ 1), child))
    city.now += timedelta(days=7)
    refused(city, "household.not_invited", lambda: joins(city, asked, child))
    assert city.run(lambda tx: household.invitations(tx, child)) == []
    assert invites(city, ref, head, child) == asked
    joins(city, asked, child)
    assert {member.person for member in look(city, ref).members} == {head, child}
    refused(city, "household.not_invited", lambda: joins(city, asked, child))
    refused(city, "household.in_another", lambda: invites(city, ref, head, child))
    refused(city, "aid.relation_not_eligible", lambda: invites(city, ref, head, other, "friend"))
    refused(city, "household.unknown", lambda: invites(city, ref, child, other))
    no = invites(city, ref, head, other)
    city.run(lambda tx: household.decline(tx, no, other))
    refused(city, "household.not_invited", lambda: city.run(lambda tx: household.decline(tx, no, other)))
    late = invites(city, ref, head, other)
    city.run(lambda tx: household.close(tx, library(), ref, head))
    refused(city, "household.unknown", lambda: joins(city, late, other))


def test_where_members_have_to_say_yes_nobody_is_taken_in_unasked(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    head, child = city.enrols("head", "9.00", region=FUJIAN), city.enrols("child", region=FUJIAN)
    with_rule(monkeypatch, mutual_aid_acceptance=True)
    ref = opens(city, head)
    refused(city, "household.invite_first", lambda: adds(city, ref, head, child))
    joins(city, invites(city, ref, head, child), child)


# Races


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


def test_ten_transfers_at_once_are_one(city: City) -> None:
    head = city.enrols("head", "5200.00", region=FUJIAN)
    ref = opens(city, head)
    done = all_at_once([lambda: moves(city, ref, head, 100000) for _ in range(10)])
    assert done == ["household.pool_month_limit"] * 9 + ["made"]
    assert (city.holds("head"), pool(city, ref)) == ("4200.00", "1000.00")
    city.books_balance()


def test_one_person_wanted_by_six_households_at_once_is_in_one(city: City) -> None:
    child = city.enrols("child", region=FUJIAN)
    heads = [city.enrols(f"h{n}", "9.00", region=FUJIAN, household=f"h{n}") for n in range(6)]
    made = [opens(city, head) for head in heads]
    done = all_at_once([lambda ref=ref, head=head: adds(city, ref, head, child) for ref, head in zip(made, heads, strict=True)])
    assert done == ["household.in_another"] * 5 + ["made"]


def test_members_fund_and_spend_at_once_and_nothing_is_lost(city: City) -> None:
    people = [city.enrols(f"p{n}", "500.00", region=NANJING) for n in range(4)]
    child = city.enrols("child", region=NANJING, base="resident")
    ref = opens(city, people[0])
    for who in people[1:]:
        adds(city, ref, people[0], who, "sibling")
    adds(city, ref, people[0], child)
    moves(city, ref, people[0], 10000)

    def works(n: int) -> Callable[[], Any]:
        if n % 3 == 0:
            return lambda: city.pays("child", "3.00")
        return lambda: moves(city, ref, people[n % 4], 700)

    assert set(all_at_once([works(n) for n in range(12)])) == {"made"}
    assert pool(city, ref) == yuan(10000 + 8 * 700 - 4 * 300)
    assert sum(parts(city, ref, "p0", "p1", "p2", "p3", "child")) == 10000 + 8 * 700 - 4 * 300
    assert look(city, ref).opened_on == date(2026, 3, 2)
    city.books_balance()
