"""A person's standing as life goes on, told over a real database: lapses, waits, moves, deaths, and what each ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest

import test_gateway_stay as stay
from city import SHANGHAI, City
from mulaid import commands, refs
from mulaid.db import Actor, Tx
from mulaid.ledger import chart, statement
from mulaid.money import parse_yuan
from mulaid.people import enrolment, standing
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.policy.pack import library
from mulaid.refusal import Refusal

TABLES = ("enrolment", "waiting", "aid", "purse", "journal", "entry", "kinship")


def refused(code: str, city: City, work: Callable[[Tx], Any]) -> Refusal:
    """What came of something that must be refused; the tables are as they were."""
    before = rows(city)
    with pytest.raises(Refusal) as caught:
        city.run(work)
    assert caught.value.code == code
    assert rows(city) == before
    return caught.value


def rows(city: City) -> dict[str, list[str]]:
    """Everything in the tables a change of enrolment writes."""
    return {
        table: [row["row"] for row in city.run(lambda tx, t=table: tx.all(f"select {t}::text as row from {t} order by 1"))]
        for table in TABLES
    }


def status(city: City, name: str, on: date) -> str:
    return city.run(lambda tx: enrolment.enrolled(tx, city.people[name], on)).status


def aid_status(city: City, aid: UUID) -> str:
    row = city.run(lambda tx: tx.one("select status from aid where id = %(id)s", id=aid))
    return row["status"]


def resident_until(city: City, name: str, last: date | None, **more: Any) -> PersonRef:
    """A resident whose paid years end on a day; without one, somebody who was never enrolled."""
    ref = city.enrols(name, base="resident", **more)
    city.run(lambda tx: tx.run("delete from enrolment where person = %(p)s", p=ref.id))
    if last:
        paid = Enrolment("390", more.get("region", "420100"), "resident", valid_from=date(2020, 1, 1), valid_to=last)
        city.run(lambda tx: enrolment.restate(tx, ref, [paid]))
    return ref


# Employees


def test_a_suspended_employee_who_pays_within_three_months_is_covered_from_the_paying_month(city: City) -> None:
    ref = city.enrols("father", "100")
    city.run(lambda tx: standing.suspend(tx, library(), ref, date(2026, 1, 1), "离职"))
    assert status(city, "father", date(2025, 12, 31)) == "normal"
    assert status(city, "father", date(2026, 2, 28)) == "suspended"
    wait = city.run(lambda tx: standing.resume(tx, library(), ref, date(2026, 3, 2)))
    assert (wait.begins, wait.claimable_back) == (date(2026, 3, 1), True)
    assert status(city, "father", date(2026, 2, 28)) == "suspended", "the past is not edited"
    assert status(city, "father", date(2026, 3, 1)) == "normal"
    told = city.run(lambda tx: standing.waits_told(tx, library(), ref))
    assert [line.text for line in told[0][1]][1] == "中断不超过 3 个月，视同没有中断"


def test_a_long_break_waits_and_the_wait_shows_day_by_day(city: City) -> None:
    ref = city.enrols("father", "100")
    city.run(lambda tx: standing.suspend(tx, library(), ref, date(2025, 10, 1)))
    wait = city.run(lambda tx: standing.resume(tx, library(), ref, date(2026, 3, 2)))
    assert (wait.begins, wait.months) == (date(2026, 9, 1), 6)
    assert status(city, "father", date(2026, 3, 1)) == "suspended"
    assert status(city, "father", date(2026, 3, 2)) == status(city, "father", date(2026, 8, 31)) == "lapsed_waiting"
    assert status(city, "father", date(2026, 9, 1)) == "normal"
    refused("standing.not_so", city, lambda tx: standing.resume(tx, library(), ref, date(2026, 3, 3)))


def test_r8_a_lapsed_owner_spends_the_own_balance_but_gives_to_nobody(city: City) -> None:
    giver = city.enrols("daughter", "100")
    city.enrols("father", "0")
    city.authorises("daughter", "father")
    city.run(lambda tx: standing.suspend(tx, library(), giver, date(2026, 3, 2)))
    assert city.pays("daughter", "30.00")["acct_pay"] == 30
    paid = city.pays("father", "30.00")
    assert (paid["acct_pay"], paid["psn_cash_pay"]) == (0, 30)
    assert city.holds("daughter") == "70.00"
    city.books_balance()


def test_w14_a_suspension_ends_the_authorisation_in_jiangxi_and_not_in_hubei(city: City) -> None:
    ends = city.enrols("jiangxi", "100", region="360100")
    stays = city.enrols("hubei", "100")
    city.enrols("there", region="360100")
    city.enrols("here")
    ended, kept = city.authorises("jiangxi", "there"), city.authorises("hubei", "here")
    for ref in (ends, stays):
        city.run(lambda tx, ref=ref: standing.suspend(tx, library(), ref, date(2026, 3, 2)))
    assert (aid_status(city, ended), aid_status(city, kept)) == ("ended_by_system", "active")
    city.run(lambda tx: standing.resume(tx, library(), ends, date(2026, 3, 20)))
    assert aid_status(city, ended) == "ended_by_system", "a new authorisation is needed"


def test_a_suspension_that_begins_next_month_ends_nothing_yet(city: City) -> None:
    giver = city.enrols("giver", "100", region="360100")
    city.enrols("receiver", region="360100")
    aid = city.authorises("giver", "receiver")
    city.run(lambda tx: standing.suspend(tx, library(), giver, date(2026, 4, 1)))
    assert aid_status(city, aid) == "active"
    assert (status(city, "giver", date(2026, 3, 31)), status(city, "giver", date(2026, 4, 1))) == ("normal", "suspended")
    city.run(lambda tx: standing.suspend(tx, library(), giver, date(2026, 3, 15)))
    assert status(city, "giver", date(2026, 3, 20)) == "suspended", "what has not begun gives way"


def test_first_work_and_back_from_the_resident_scheme(city: City) -> None:
    young = resident_until(city, "young", None)
    base = parse_yuan("6000")
    city.run(lambda tx: standing.start_work(tx, library(), young, "420100", date(2026, 3, 2), wage_base=base, flexible=True))
    found = city.run(lambda tx: enrolment.enrolled(tx, young, date(2026, 3, 2)))
    assert (found.scheme, found.status, found.wage_base, found.flexible) == ("310", "normal", base, True)
    assert found.inpatient_from == date(2026, 6, 2), "Hubei: outpatient care at once, stays in hospital after three months"
    refused(
        "standing.insured_already",
        city,
        lambda tx: standing.start_work(tx, library(), young, "420100", date(2026, 4, 1), wage_base=base),
    )
    resident = resident_until(city, "resident", date(2026, 12, 31))
    wait = city.run(lambda tx: standing.start_work(tx, library(), resident, "420100", date(2026, 3, 2), wage_base=base))
    assert (wait.begins, status(city, "resident", date(2026, 3, 2))) == (date(2026, 3, 2), "normal")
    lapsed = resident_until(city, "lapsed", date(2025, 11, 30))
    wait = city.run(lambda tx: standing.start_work(tx, library(), lapsed, "420100", date(2026, 3, 2), wage_base=base))
    assert wait.begins == date(2026, 3, 1), "five years a resident, three months without"
    again = city.enrols("again")
    city.run(lambda tx: standing.end(tx, library(), again, date(2025, 3, 1)))
    wait = city.run(lambda tx: standing.start_work(tx, library(), again, "420100", date(2026, 3, 2), wage_base=base))
    assert wait.begins == date(2026, 9, 1)


# Ends


def test_an_end_releases_what_was_given_and_received(city: City) -> None:
    city.enrols("giver", "100")
    person = city.enrols("person", "100")
    city.enrols("receiver")
    received, given = city.authorises("giver", "person"), city.authorises("person", "receiver")
    city.run(lambda tx: standing.end(tx, library(), person, date(2026, 3, 2), "出国定居"))
    assert (aid_status(city, received), aid_status(city, given)) == ("ended_by_system", "ended_by_system")
    assert (status(city, "person", date(2026, 3, 2)), city.holds("person")) == ("ended", "100.00")
    refused("standing.not_so", city, lambda tx: standing.suspend(tx, library(), person, date(2026, 3, 3)))


def test_a_death_ends_insurance_the_day_after(city: City) -> None:
    person = city.enrols("person", "100", base="retired", retired_on=date(2010, 1, 1))
    city.enrols("receiver")
    given = city.authorises("person", "receiver")
    refused("standing.bad_day", city, lambda tx: standing.died(tx, library(), person, date(2026, 3, 3)))
    refused("standing.bad_day", city, lambda tx: standing.died(tx, library(), person, date(1949, 1, 1)))
    city.run(lambda tx: standing.died(tx, library(), person, date(2026, 3, 1)))
    assert aid_status(city, given) == "ended_by_system"
    assert status(city, "person", date(2026, 3, 1)) == "normal"
    with pytest.raises(Refusal, match="not_enrolled"):
        status(city, "person", date(2026, 3, 2))
    for work in (standing.died, standing.suspend, standing.end, standing.leave):
        refused("standing.dead", city, lambda tx, work=work: work(tx, library(), person, date(2026, 3, 2)))


def test_kinship_that_ends_releases_where_the_region_says_so(city: City) -> None:
    husband, wife = city.enrols("husband", "100", region="140100"), city.enrols("wife", region="140100")
    other = city.enrols("other", region="140100")
    aids = [city.authorises("husband", name, "spouse") for name in ("wife", "other")]
    for a, b in ((husband, wife), (wife, husband)):
        city.run(
            lambda tx, a=a, b=b: tx.run(
                "insert into kinship (book, person, other, relation, valid_from)"
                " values (%(b)s, %(p)s, %(o)s, 'spouse', '2010-01-01')",
                b=a.book,
                p=a.id,
                o=b.id,
            )
        )
    city.run(lambda tx: standing.kinship_ended(tx, library(), wife, husband, date(2026, 3, 2)))
    kept = city.run(lambda tx: tx.all("select valid_to from kinship"))
    assert [row["valid_to"] for row in kept] == [date(2026, 3, 1)] * 2
    rule = library().in_force("140100", date(2026, 3, 2))["auto_release_on"]
    expected = "ended_by_system" if "kinship_ended" in rule else "active"
    assert [aid_status(city, aid) for aid in aids] == [expected, "active"]
    refused("standing.not_kin", city, lambda tx: standing.kinship_ended(tx, library(), wife, husband, date(2026, 3, 2)))
    refused("standing.not_kin", city, lambda tx: standing.kinship_ended(tx, library(), husband, other, date(2026, 3, 2)))


# Moves


def test_a_move_takes_the_account_along_and_releases(city: City) -> None:
    person = city.enrols("person", "100", region="310100")
    city.credits("person", "40", chart.CURRENT_YEAR)
    city.enrols("receiver", region="310100")
    given = city.authorises("person", "receiver")
    refused("standing.same_region", city, lambda tx: standing.move(tx, library(), person, "310100", date(2026, 3, 2)))
    moved = city.run(lambda tx: standing.move(tx, library(), person, "420100", date(2026, 3, 2)))
    assert moved == parse_yuan("140")
    assert (city.holds("person"), city.holds("person", chart.CURRENT_YEAR)) == ("140.00", "0.00")
    assert city.run(lambda tx: enrolment.enrolled(tx, person, date(2026, 3, 2))).region == "420100"
    assert city.run(lambda tx: enrolment.enrolled(tx, person, date(2026, 3, 1))).region == "310100"
    assert aid_status(city, given) == "ended_by_system"
    balance = city.run(lambda tx: statement.trial_balance(tx, person.book))
    assert balance[chart.crediting("310100")] == parse_yuan("140")
    city.books_balance()


def test_who_leaves_the_system_is_moved(city: City) -> None:
    person = city.enrols("person", "100")
    city.run(lambda tx: standing.leave(tx, library(), person, date(2026, 3, 2)))
    assert (status(city, "person", date(2026, 3, 2)), city.holds("person")) == ("moved", "100.00")


# Residents


def test_w28_through_the_database(city: City) -> None:
    city.now = datetime(2026, 10, 8, 10, 0, tzinfo=SHANGHAI)
    for name, last, repaired, begins in (
        ("two", date(2024, 12, 31), 0, date(2027, 5, 1)),
        ("repaired", date(2024, 12, 31), 1, date(2027, 4, 1)),
        ("one", date(2025, 12, 31), 0, date(2027, 4, 1)),
    ):
        ref = resident_until(city, name, last, region="370200")
        covered = city.run(
            lambda tx, ref=ref, repaired=repaired: standing.resident_paid(
                tx, library(), ref, "370200", 2027, in_window=True, repaired=repaired, exempt=""
            )
        )
        assert covered.wait.begins == begins
        assert status(city, name, date(2027, 1, 1)) == "lapsed_waiting"
        assert status(city, name, begins) == status(city, name, date(2027, 12, 31)) == "normal"
        with pytest.raises(Refusal):
            status(city, name, date(2028, 1, 1))


def pays_year(city: City, ref: PersonRef, year: int, *, in_window: bool = True, repaired: int = 0, exempt: str = "") -> Any:
    return city.run(
        lambda tx: standing.resident_paid(
            tx, library(), ref, "420100", year, in_window=in_window, repaired=repaired, exempt=exempt
        )
    )


def test_a_wait_that_is_longer_than_the_year_goes_on_in_the_next(city: City) -> None:
    city.now = datetime(2026, 11, 20, 10, 0, tzinfo=SHANGHAI)
    ref = resident_until(city, "late", date(2025, 12, 31))
    assert pays_year(city, ref, 2026, in_window=False).wait.begins == date(2027, 2, 20)
    assert status(city, "late", date(2026, 12, 31)) == "lapsed_waiting"
    assert pays_year(city, ref, 2027).wait.begins == date(2027, 2, 20)
    assert (status(city, "late", date(2027, 2, 19)), status(city, "late", date(2027, 2, 20))) == ("lapsed_waiting", "normal")


def test_who_pays_year_after_year_never_waits(city: City) -> None:
    city.now = datetime(2026, 11, 20, 10, 0, tzinfo=SHANGHAI)
    ref = resident_until(city, "steady", date(2026, 12, 31))
    assert pays_year(city, ref, 2027).wait.months == 0
    assert status(city, "steady", date(2026, 12, 31)) == status(city, "steady", date(2027, 1, 1)) == "normal"
    open_ended = city.enrols("open", base="resident")
    before = rows(city)["enrolment"]
    pays_year(city, open_ended, 2027)
    assert rows(city)["enrolment"] == before, "who is enrolled without an end stays so"


def test_a_newborn_is_covered_from_birth(city: City) -> None:
    ref = resident_until(city, "baby", None, born=date(2026, 1, 20))
    assert pays_year(city, ref, 2026, in_window=False, exempt="newborn").wait.begins == date(2026, 1, 20)
    assert status(city, "baby", date(2026, 1, 20)) == "normal"


def test_refusals_of_a_residents_payment(city: City) -> None:
    employee = city.enrols("employee")
    refused(
        "standing.insured_already",
        city,
        lambda tx: standing.resident_paid(tx, library(), employee, "420100", 2027, in_window=True, repaired=0, exempt=""),
    )
    lapsed = resident_until(city, "lapsed", date(2024, 12, 31))
    said = refused(
        "standing.nothing_to_repair",
        city,
        lambda tx: standing.resident_paid(tx, library(), lapsed, "420100", 2026, in_window=False, repaired=2, exempt=""),
    )
    assert said.facts == {"lapsed": 1}


def test_an_exemption_has_to_be_shown(city: City) -> None:
    child = resident_until(city, "child", None, born=date(2025, 3, 2))
    for exempt in ("newborn", "veteran"):
        refused(
            "standing.not_exempt",
            city,
            lambda tx, exempt=exempt: standing.resident_paid(
                tx, library(), child, "420100", 2026, in_window=False, repaired=0, exempt=exempt
            ),
        )
    counter = Actor("clerk", "counter", "一号窗口")
    covered = commands.alone(
        city.db,
        lambda tx: standing.resident_paid(tx, library(), child, "420100", 2026, in_window=False, repaired=0, exempt="veteran"),
        at=city.now,
        by=counter,
    )
    assert covered.wait.months == 3, "shown, but Wuhan does not name the group"


def test_a_first_enrolment_that_waits_for_hospital_covers_visits_at_once(city: City) -> None:
    city.run(lambda tx: tx.run("update institution set region = '110000' where code = 'H1'"))
    city.enrols("waits", region="110000", inpatient_from=date(2026, 6, 1))
    city.enrols("covered", region="110000", inpatient_from=date(2026, 3, 1))
    paid = {}
    for name in ("waits", "covered"):
        place = stay.admitted(city, name)
        stay.used(city, place, (f"{name}1", "A", "20000.00"))
        stay.leaves(city, place)
        paid[name] = stay.asks(city, "2304", stay.bill(place, "20000.00"))["setlinfo"]["fund_pay_sumamt"]
    assert paid["waits"] == 0 < paid["covered"]
    assert city.pays("waits", [("A", "5000.00")])["fund_pay_sumamt"] > 0
    city.books_balance()


def test_x19_a_code_is_shown_in_any_standing(city: City) -> None:
    father = city.enrols("father", "10")
    city.enrols("daughter")
    city.binds("daughter", "father")
    city.run(lambda tx: standing.suspend(tx, library(), father, date(2026, 3, 2)))
    assert len(city.shows_code("father")) == len(city.shows_code("father", presenter="daughter")) == 28


def test_an_employee_of_two_years_who_becomes_a_resident_soon_does_not_wait(city: City) -> None:
    ref = city.enrols("father")
    city.run(lambda tx: standing.end(tx, library(), ref, date(2026, 1, 1)))
    covered = pays_year(city, ref, 2026, in_window=False)
    assert (covered.wait.begins, covered.wait.months) == (date(2026, 3, 2), 0)


# What cannot be


def test_changes_that_cannot_be_are_refused(city: City) -> None:
    nobody = PersonRef(1, refs.mint(1, city.now))
    refused("people.unknown", city, lambda tx: standing.suspend(tx, library(), nobody, date(2026, 3, 2)))
    someone = Enrolment("310", "420100", "active", valid_from=date(2026, 3, 2))
    refused("people.unknown", city, lambda tx: enrolment.restate(tx, nobody, [someone]))
    lapsed = resident_until(city, "lapsed", date(2024, 12, 31))
    refused("people.not_enrolled", city, lambda tx: standing.suspend(tx, library(), lapsed, date(2026, 3, 2)))
    resident = city.enrols("resident", base="resident")
    city.run(lambda tx: standing.suspend(tx, library(), resident, date(2026, 3, 1)))
    refused("standing.other_scheme", city, lambda tx: standing.resume(tx, library(), resident, date(2026, 3, 2)))
    father = city.enrols("father")
    refused("standing.not_so", city, lambda tx: standing.resume(tx, library(), father, date(2026, 3, 2)))
    city.run(lambda tx: standing.suspend(tx, library(), father, date(2026, 2, 1)))
    refused("standing.before_break", city, lambda tx: standing.resume(tx, library(), father, date(2026, 2, 1)))
    refused("people.enrolment_order", city, lambda tx: standing.end(tx, library(), father, date(2026, 2, 1)))


def test_every_change_is_in_the_audit_trail(city: City) -> None:
    ref = city.enrols("father")
    city.run(lambda tx: standing.suspend(tx, library(), ref, date(2026, 3, 1), "离职"))
    city.run(lambda tx: standing.resume(tx, library(), ref, date(2026, 3, 2)))
    city.run(lambda tx: standing.end(tx, library(), ref, date(2026, 4, 2)))
    acts = city.run(lambda tx: tx.all("select act, purpose from audit where subject = %(id)s", id=ref.id))
    assert {"suspend_enrolment", "resume_enrolment", "end_enrolment"} <= {row["act"] for row in acts}
    assert [row["purpose"] for row in acts if row["act"] == "suspend_enrolment"] == ["离职"]
