"""Who works at an agency: one account a person, a region, roles, and an end date.

Business roles are handler and checker. The three administrators (三员分立) are system (adds accounts, proposes roles), security
(grants roles) and audit (reads the trail); the table itself refuses whoever would hold two of them or one beside a business role.
Passwords and second factors belong to the web door.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from mulaid import audit
from mulaid.calendar import business_date
from mulaid.db import Row, Statements, Tx
from mulaid.people import identity
from mulaid.people.enrolment import SQL as PEOPLE
from mulaid.people.enrolment import PersonRef, book_for
from mulaid.refusal import Refusal

SQL = Statements("mulaid.agency", "agency.sql")
HANDLER, CHECKER, SYSTEM, SECURITY, AUDITOR = "handler", "checker", "system", "security", "audit"
BUSINESS, ADMINISTRATORS = (HANDLER, CHECKER), (SYSTEM, SECURITY, AUDITOR)
NATION = "100000"
LONGEST_YEARS = 2
OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff. `name` is clear; `region` is all that it begins with: 420000 a province, 100000 the country."""

    id: str
    name: str
    document: bytes
    region: str
    roles: Sequence[str]
    proposed: Sequence[str]
    expires_on: date
    active: bool


@dataclass(frozen=True, slots=True)
class Applicant:
    """Somebody who is to get an account."""

    id: str
    name: str
    document_kind: str
    number: str
    region: str
    expires_on: date


def found(tx: Tx, system: Applicant, security: Applicant, *, allow_test_area: bool) -> None:
    """The first two administrators, by the operator of the machine; refuses once there is any account."""
    if tx.one(SQL.any_staff):
        raise Refusal("staff.founded")
    for one, role in ((system, SYSTEM), (security, SECURITY)):
        _add(tx, one, added_by=OPERATOR, allow_test_area=allow_test_area)
        tx.run(SQL.propose_roles, id=one.id, roles=[role], by="installation")
        tx.run(SQL.grant_roles, id=one.id, by=OPERATOR)
        _tell(tx, "found_staff", one.id, one.region, {"roles": [role]})


def add(tx: Tx, one: Applicant, *, allow_test_area: bool) -> None:
    """An account without roles, by a system administrator. Refuses a taken id, and a person who has an account already."""
    acting(tx, SYSTEM, one.region)
    _add(tx, one, added_by=tx.by.name, allow_test_area=allow_test_area)
    _tell(tx, "add_staff", one.id, one.region)


def propose(tx: Tx, staff: str, roles: Sequence[str]) -> None:
    """A system administrator proposes roles; none is the way to take all away. Refuses roles that do not go together."""
    found_staff = find(tx, staff)
    acting(tx, SYSTEM, found_staff.region)
    wanted = sorted(set(roles))
    if not (set(wanted) <= set(BUSINESS) or (len(wanted) == 1 and wanted[0] in ADMINISTRATORS)):
        raise Refusal("staff.roles_exclude")
    tx.run(SQL.propose_roles, id=staff, roles=wanted, by=tx.by.name)
    _tell(tx, "propose_roles", staff, found_staff.region, {"roles": wanted})


def grant(tx: Tx, staff: str) -> None:
    """A security administrator, never the proposer or the person, gives the proposed roles."""
    acting(tx, SECURITY, find(tx, staff).region)
    row = _locked(tx, staff)
    if row["proposed"] is None:
        raise Refusal("staff.nothing_proposed")
    if tx.by.name in (row["proposed_by"], staff):
        raise Refusal("staff.same_person")
    tx.run(SQL.grant_roles, id=staff, by=tx.by.name)
    _tell(tx, "grant_roles", staff, row["region"], {"roles": row["proposed"]})


def renew(tx: Tx, staff: str, expires_on: date) -> None:
    """A system administrator sets a new end date, at most two years away."""
    one = find(tx, staff)
    acting(tx, SYSTEM, one.region)
    tx.run(SQL.renew_staff, id=staff, expires_on=_end_date(tx, expires_on))
    _tell(tx, "renew_staff", staff, one.region, {"until": expires_on.isoformat()})


def disable(tx: Tx, staff: str) -> None:
    """The account ends now, by a system or a security administrator; what was done with it stays."""
    one = find(tx, staff)
    acting(tx, (SYSTEM, SECURITY), one.region)
    if not tx.run(SQL.disable_staff, id=staff, at=tx.at):
        raise Refusal("staff.disabled")
    _tell(tx, "disable_staff", staff, one.region)


def disable_expired(tx: Tx) -> int:
    """Every night: accounts whose day has come; the number ended."""
    return tx.run(SQL.disable_expired, on=business_date(tx.at), at=tx.at)


def find(tx: Tx, staff: str) -> Staff:
    """An account; refuses an id that nobody has."""
    row = tx.one(SQL.staff, id=staff)
    if row is None:
        raise Refusal("staff.unknown")
    return Staff(
        id=staff,
        name=tx.keys.open_text("staff", f"staff|name|{staff}", row["name"]),
        document=bytes(row["document"]),
        region=row["region"],
        roles=tuple(row["roles"]),
        proposed=tuple(row["proposed"] or ()),
        expires_on=row["expires_on"],
        active=row["disabled_at"] is None and business_date(tx.at) <= row["expires_on"],
    )


def acting(tx: Tx, role: str | Sequence[str], region: str) -> Staff:
    """Whoever acts in this transaction (`tx.by.name`), as a member of staff who may do this here, now.

    Refuses an unknown, ended or expired account, a missing role, and another region, in this order.
    """
    one = find(tx, tx.by.name)
    if not one.active:
        raise Refusal("staff.disabled")
    if not set([role] if isinstance(role, str) else role) & set(one.roles):
        raise Refusal("staff.not_allowed")
    if not covers(one.region, region):
        raise Refusal("staff.other_region", region=region)
    return one


def require_stranger(tx: Tx, one: Staff, people: Sequence[PersonRef]) -> None:
    """Nobody decides on himself or his family: refuses where a person of the case is the member of staff, or related."""
    row = tx.one(PEOPLE.find_by_document, blind=one.document)
    if row is None:
        return
    me = PersonRef(row["book"], row["person"])
    for person in people:
        if person == me or _related(tx, me, person) or _related(tx, person, me):
            raise Refusal("staff.own_file")


def covers(scope: str, region: str) -> bool:
    """Whether a place lies in a region of responsibility."""
    return region.startswith(prefix(scope))


def prefix(scope: str) -> str:
    """What the codes of all places of a region begin with: 42 for 420000, nothing for the country."""
    if scope == NATION:
        return ""
    return re.sub(r"(00){1,2}$", "", scope)


def _related(tx: Tx, one: PersonRef, other: PersonRef) -> bool:
    return tx.one(SQL.related, book=one.book, one=one.id, other=other.id) is not None


def _add(tx: Tx, one: Applicant, *, added_by: str, allow_test_area: bool) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9.]{2,31}", one.id, re.ASCII) or one.id == OPERATOR:
        raise Refusal("staff.bad_id")
    if not re.fullmatch(r"[0-9]{6}", one.region, re.ASCII):
        raise Refusal("staff.bad_region")
    document = identity.parse_document(one.document_kind, one.number, business_date(tx.at), allow_test_area)
    added = tx.run(
        SQL.add_staff,
        id=one.id,
        name=tx.keys.seal("staff", f"staff|name|{one.id}", identity.check_name(one.name)),
        document=tx.keys.blind("document", document.canonical),
        region=one.region,
        by=added_by,
        at=tx.at,
        expires_on=_end_date(tx, one.expires_on),
    )
    if not added:
        raise Refusal("staff.known")


def _end_date(tx: Tx, expires_on: date) -> date:
    today = business_date(tx.at)
    if not today < expires_on <= today.replace(year=today.year + LONGEST_YEARS, day=min(today.day, 28)):
        raise Refusal("staff.bad_end_date", years=LONGEST_YEARS)
    return expires_on


def _locked(tx: Tx, staff: str) -> Row:
    row = tx.one(SQL.lock_staff, id=staff)
    assert row is not None, "it was found a moment ago, and accounts are never deleted"
    return row


def _tell(tx: Tx, act: str, staff: str, region: str, detail: object = None) -> None:
    subject: UUID | None = None
    audit.write(tx, book_for(region, ""), act, subject, purpose=staff, detail=detail)
