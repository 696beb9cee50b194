"""The demo city's agency: two administrators, two clerks, and a first case. Made up; their password is on the sign-in page."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from mulaid import refs
from mulaid.agency import casework, entrance, staff
from mulaid.agency.effects import person_of
from mulaid.calendar import business_date
from mulaid.db import Actor, Tx
from mulaid.people.enrolment import enrolled
from mulaid.people.identity import make_resident_id

PASSWORD = "demo-console-2026"  # noqa: S105 -- public, of made-up clerks in a demonstration
CLERKS = (("zhao.demo", "赵经办", "420100", "handler"), ("qian.demo", "钱复核", "420000", "checker"))
BORN = date(1979, 5, 20)


def settle_in(tx: Tx) -> None:
    """Staff as they would be added by hand, each with a password and a second factor of their own."""
    system, security = (
        _applicant(tx, "root.sys", "孙系统", staff.NATION, 0),
        _applicant(tx, "root.sec", "李安全", staff.NATION, 1),
    )
    staff.found(tx, system, security, allow_test_area=True)
    stored = entrance.hashed(PASSWORD)
    as_system, as_security = (replace(tx, by=Actor(one.id, "desk")) for one in (system, security))
    for place, (who, name, region, role) in enumerate(CLERKS, 2):
        staff.add(as_system, _applicant(tx, who, name, region, place), allow_test_area=True)
        staff.propose(as_system, who, [role])
        staff.grant(as_security, who)
        word = entrance.invite(as_system, who)
        secret = entrance.prepare(tx, who, word, stored)
        # The clock of the first code is a step behind, so that the present one still serves to sign in.
        entrance.prove(tx, who, word, entrance.code_of(secret, tx.at - timedelta(seconds=entrance.STEP)))


def first_case(tx: Tx, bond: UUID) -> None:
    """Somebody asked at the counter to end a family account."""
    row = tx.one(staff.SQL.bond, book=refs.book_of(bond), id=bond)
    assert row is not None, "the bond was made a moment ago"
    member = person_of(row["member"])
    region = enrolled(tx, member, business_date(tx.at)).region
    casework.open_case(tx, "unbind_counter", person=member, applicant=member, about=bond, region=region)


def _applicant(tx: Tx, who: str, name: str, region: str, place: int) -> staff.Applicant:
    number = make_resident_id("100000", BORN, 990 - place)
    return staff.Applicant(who, name, "01", number, region, business_date(tx.at) + timedelta(days=700))
