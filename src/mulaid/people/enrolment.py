"""Persons and their enrolment over time: dated rows, never edited, so that any past day can be asked about."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from uuid import UUID

from mulaid import audit, refs
from mulaid.calendar import business_date
from mulaid.db import Statements, Tx
from mulaid.people import identity
from mulaid.refusal import Refusal

SQL = Statements("mulaid.people", "people.sql")
BUCKETS = 16
EMPLOYEES, RESIDENTS = "310", "390"


@dataclass(frozen=True, slots=True)
class PersonRef:
    """Where a person is: book and id."""

    book: int
    id: UUID

    @property
    def number(self) -> str:
        """`psn_no` of the national interface."""
        return refs.show(refs.PERSON, self.id)

    @staticmethod
    def parse(number: str) -> PersonRef:
        """The person a `psn_no` names; whether there is one shows when it is looked up."""
        ref = refs.parse(refs.PERSON, number)
        return PersonRef(refs.book_of(ref), ref)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One stretch of enrolment. `base` is active, retired or resident; `psn_type` the national code that institutions see.

    `wage_base` is the month's contribution base in fen, `flexible` a worker without an employer; `inpatient_from` is the
    day from which stays in hospital are covered, where a first enrolment waits for them.
    """

    scheme: str
    region: str
    base: str
    status: str = "normal"
    psn_type: str = ""
    retired_on: date | None = None
    family_doctor: bool = False
    staff_group: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    wage_base: int | None = None
    flexible: bool = False
    inpatient_from: date | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the counter sees one; `name` and `number` are clear and must not leave without a reason."""

    ref: PersonRef
    shown: str
    name: str
    document_kind: str
    number: str
    gender: str
    born: date
    nation: str


def book_for(region: str, household: str) -> int:
    """The book for a new person of a region: relatives who are enrolled with the same household word share it."""
    bucket = hashlib.sha256(household.encode()).digest()[0] % BUCKETS
    return int(region[:4]) * BUCKETS + bucket


def register(
    tx: Tx,
    *,
    name: str,
    kind: str,
    number: str,
    region: str,
    household: str,
    allow_test_area: bool,
    born: date | None = None,
    gender: str | None = None,
) -> PersonRef:
    """A new person. Refuses documents that cannot be (identity.*), a document that is known, and one that lacks a birth date."""
    on = business_date(tx.at)
    document = identity.parse_document(kind, number, on, allow_test_area)
    birth = document.born or born
    if birth is None or birth > on:
        raise Refusal("people.birth_date_needed")
    checked = identity.check_name(name)
    book = book_for(region, household)
    ref = PersonRef(book, refs.mint(book, tx.at))
    if not tx.run(SQL.add_document, blind=tx.keys.blind("document", document.canonical), book=book, person=ref.id):
        raise Refusal("people.known_document")
    tx.run(
        SQL.add_person,
        book=book,
        id=ref.id,
        shown=identity.mask_name(checked),
        name=tx.keys.seal("person", f"person|name|{ref.id}", checked),
        document_kind=document.kind,
        document=tx.keys.seal("person", f"person|document|{ref.id}", document.number),
        gender=document.gender or gender or "9",
        born=birth,
    )
    audit.write(tx, book, "register_person", ref.id)
    return ref


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody who is nobody's person here, as a paper of identity says."""

    name: str = field(repr=False)
    kind: str
    number: str = field(repr=False)
    born: date = field(repr=False)

    @property
    def shown(self) -> str:
        """The masked name."""
        return identity.mask_name(self.name)

    @property
    def canonical(self) -> str:
        """What the document's blind index is made of."""
        return identity.Document(self.kind, self.number).canonical

    @property
    def plain(self) -> dict[str, str]:
        """The same as words, to be sealed."""
        return {"name": self.name, "kind": self.kind, "number": self.number, "born": self.born.isoformat()}

    @staticmethod
    def of(plain: Mapping[str, str]) -> Stranger:
        """Back from words."""
        return Stranger(plain["name"], plain["kind"], plain["number"], date.fromisoformat(plain["born"]))


def stranger(tx: Tx, name: str, kind: str, number: str, born: date | None, *, allow_test_area: bool) -> Stranger:
    """Somebody by a paper that lies on a counter; refuses papers that cannot be or that show no face, and no birth date."""
    on = business_date(tx.at)
    if kind == identity.BIRTH_CERTIFICATE:
        raise Refusal("identity.bad_kind", given=kind)
    document = identity.parse_document(kind, number, on, allow_test_area)
    birth = document.born or born
    if birth is None or birth > on:
        raise Refusal("people.birth_date_needed")
    return Stranger(identity.check_name(name), document.kind, document.number, birth)


def known(tx: Tx, kind: str, number: str) -> PersonRef | None:
    """Who has a document in its canonical form, if anybody."""
    row = tx.one(SQL.find_by_document, blind=tx.keys.blind("document", identity.Document(kind, number).canonical))
    return PersonRef(row["book"], row["person"]) if row else None


def find(tx: Tx, kind: str, number: str, allow_test_area: bool) -> PersonRef:
    """Who has a document. The same refusal for a document nobody has and for one that is not enrolled here."""
    document = identity.parse_document(kind, number, business_date(tx.at), allow_test_area)
    row = tx.one(SQL.find_by_document, blind=tx.keys.blind("document", document.canonical))
    if row is None:
        raise Refusal("people.unknown")
    return PersonRef(row["book"], row["person"])


def person(tx: Tx, ref: PersonRef) -> Person:
    """A person with name and document opened; refuses an id nobody has."""
    row = tx.one(SQL.person, book=ref.book, id=ref.id)
    if row is None:
        raise Refusal("people.unknown")
    return Person(
        ref=ref,
        shown=row["shown"],
        name=tx.keys.open_text("person", f"person|name|{ref.id}", row["name"]),
        document_kind=row["document_kind"],
        number=tx.keys.open_text("person", f"person|document|{ref.id}", row["document"]),
        gender=row["gender"],
        born=row["born"],
        nation=row["nation"],
    )


def age_of(tx: Tx, ref: PersonRef) -> int:
    """A person's calendar age today."""
    return identity.age_on(person(tx, ref).born, business_date(tx.at))


def enrol(tx: Tx, ref: PersonRef, enrolment: Enrolment, since: date) -> None:
    """From `since` on the person is enrolled so; what was in force ends the day before. Refuses a start before a later one."""
    if tx.one(SQL.lock_person, book=ref.book, id=ref.id) is None:
        raise Refusal("people.unknown")
    if tx.one(SQL.later_enrolment, book=ref.book, person=ref.id, since=since):
        raise Refusal("people.enrolment_order", since=since.isoformat())
    _close(tx, ref, since)
    _add(tx, ref, enrolment, since)
    audit.write(tx, ref.book, "enrol", ref.id, detail={"since": since.isoformat(), "status": enrolment.status})


def restate(tx: Tx, ref: PersonRef, stretches: Sequence[Enrolment]) -> None:
    """From the first stretch's `valid_from` on these are what is known: stretches that have not begun give way.

    Refuses a start on or before one that has begun. Each stretch ends the day before the next, the last on its `valid_to`.
    """
    if tx.one(SQL.lock_person, book=ref.book, id=ref.id) is None:
        raise Refusal("people.unknown")
    since = stretches[0].valid_from
    assert since is not None, "a stretch that is stated has a beginning"
    tx.run(SQL.drop_future_enrolment, book=ref.book, person=ref.id, since=since, today=business_date(tx.at))
    if tx.one(SQL.later_enrolment, book=ref.book, person=ref.id, since=since):
        raise Refusal("people.enrolment_order", since=since.isoformat())
    _close(tx, ref, since)
    for stretch, following in zip(stretches, [*stretches[1:], None], strict=True):
        begins = stretch.valid_from
        assert begins is not None, "a stretch that is stated has a beginning"
        if following is not None and following.valid_from is not None:
            stretch = replace(stretch, valid_to=following.valid_from - timedelta(days=1))
        _add(tx, ref, stretch, begins)


def _close(tx: Tx, ref: PersonRef, since: date) -> None:
    tx.run(SQL.close_enrolment, book=ref.book, person=ref.id, last=since - timedelta(days=1))


def _add(tx: Tx, ref: PersonRef, enrolment: Enrolment, since: date) -> None:
    tx.run(
        SQL.add_enrolment,
        book=ref.book,
        person=ref.id,
        valid_from=since,
        valid_to=enrolment.valid_to,
        scheme=enrolment.scheme,
        region=enrolment.region,
        base=enrolment.base,
        psn_type=enrolment.psn_type or {"active": "1101", "retired": "1201", "resident": "1501"}[enrolment.base],
        status=enrolment.status,
        retired_on=enrolment.retired_on,
        family_doctor=enrolment.family_doctor,
        staff_group=enrolment.staff_group,
        wage_base=enrolment.wage_base,
        flexible=enrolment.flexible,
        inpatient_from=enrolment.inpatient_from,
    )


def newest(tx: Tx, ref: PersonRef, on: date) -> Enrolment | None:
    """The last stretch that has begun by a day, in force or over; None for who was never enrolled."""
    row = tx.one(SQL.newest_enrolment, book=ref.book, person=ref.id, on=on)
    return Enrolment(**row) if row else None


def history(tx: Tx, ref: PersonRef) -> list[Enrolment]:
    """Every stretch of a person, oldest first."""
    return [Enrolment(**row) for row in tx.all(SQL.enrolments, book=ref.book, person=ref.id)]


def enrolled(tx: Tx, ref: PersonRef, on: date) -> Enrolment:
    """The enrolment in force on a day; refuses a day without one."""
    row = tx.one(SQL.enrolment_on, book=ref.book, person=ref.id, on=on)
    if row is None:
        raise Refusal("people.not_enrolled", fact=on.isoformat())
    return Enrolment(**row)


SUMS = (
    "in_policy", "fund", "supplement", "deductible", "admissions", "inpatient_in_policy", "inpatient_fund", "disease_deductible",
    "disease_fund", "self_paid", "serious",
)  # fmt: skip
"""What an insured year adds up: fen, and the number of admissions. The names are those of policy.split.Added."""


def bring_sums(tx: Tx, ref: PersonRef, year: int, **sums: int) -> None:
    """What a year had seen before this system took the person over: SUMS by name, nothing where none is given."""
    assert set(sums) <= set(SUMS), "sums have the names of SUMS"
    tx.run(SQL.set_year, book=ref.book, person=ref.id, year=year, **{name: sums.get(name, 0) for name in SUMS})
