"""A person's costs of a year, and where each fen came from; what an account gave to whom; what the tax office lets one deduct.

Read by the person, or by a binder whom the member lets read (mulaid.people.family.read_costs records that somebody looked).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from mulaid import refs
from mulaid.calendar import business_date
from mulaid.db import Row, Statements, Tx
from mulaid.money import Fen
from mulaid.people import family
from mulaid.people.enrolment import PersonRef, newest
from mulaid.policy import tax as law
from mulaid.policy.pack import Library
from mulaid.policy.tax import Deduction
from mulaid.refusal import Refusal
from mulaid.settlement import premium

SQL = Statements("mulaid.settlement", "costs.sql")
FIRST_YEAR, LAST_YEAR = 2000, 2200


@dataclass(frozen=True, slots=True)
class Sums:
    """Amounts in fen: total = every source together; `self_paid` is the in-catalogue burden before serious-illness money."""

    visits: int
    total: Fen
    pool: Fen
    supplement: Fen
    serious: Fen
    current_year: Fen
    account: Fen
    household: Fen
    aid: Fen
    wallet: Fen
    cash: Fen
    self_paid: Fen
    in_policy: Fen

    @property
    def borne(self) -> Fen:
        """What the person bore within the catalogue after every insurance: the base of the tax deduction."""
        return self.self_paid - self.serious


@dataclass(frozen=True, slots=True)
class Line:
    """One bill, or one refund with negative amounts that names the bill it returns."""

    settlement: UUID
    visit: UUID
    institution: str
    name: str
    use: str
    service_date: date
    business_date: date
    refunds: UUID | None
    sums: Sums


@dataclass(frozen=True, slots=True)
class From:
    """What one relative's money paid in a month by aid, household or wallet; `relation` is what the person is to the relative."""

    month: date
    source: str
    shown: str
    relation: str
    fen: Fen


@dataclass(frozen=True, slots=True)
class Costs:
    """A span's costs: the whole, by month, every bill, and whose money the relatives' part was."""

    first: date
    last: date
    whole: Sums
    months: tuple[tuple[date, Sums], ...]
    lines: tuple[Line, ...]
    relatives: tuple[From, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What left an account for somebody else (negative fen), or came back. use: care or a premium's scheme."""

    on: date
    fen: Fen
    use: str
    shown: str
    relation: str
    place: str


@dataclass(frozen=True, slots=True)
class TaxLine:
    """One person's deduction as the reader sees it: relation is self, spouse or child."""

    shown: str
    relation: str
    deduction: Deduction
    claimable: bool


def year(tx: Tx, library: Library, person: PersonRef, reader: PersonRef, number: int, *, medical: bool = False) -> Costs:
    """A calendar year's costs, or with `medical` those of the area's medical year that begins in it; one look at the database.

    Refuses a reader without leave (family.reading_closed and its like) and a year that cannot be.
    """
    family.read_costs(tx, person, reader)
    first, last = _span(tx, library, person, number, medical=medical)
    found = tx.all(SQL.year, book=person.book, person=person.id, first=first, last=last)
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for row in found:
        rows[row["what"]].append(row)
    return Costs(
        first,
        last,
        _sums(rows["whole"][0]),
        tuple((row["month"], _sums(row)) for row in rows["month"]),
        tuple(_line(row) for row in rows["line"]),
        tuple(From(row["month"], row["source"], row["shown"], row["relation"], row["total"]) for row in rows["from"]),
    )


def given(tx: Tx, giver: PersonRef, number: int) -> list[Given]:
    """What an account gave to whom in a calendar year, oldest first; what came back is a line of its own."""
    first, last = _calendar_year(number)
    entries = tx.all(SQL.given, book=giver.book, giver=giver.id, first=first, last=last)
    by_book: defaultdict[int, list[UUID]] = defaultdict(list)
    for entry in entries:
        by_book[refs.book_of(entry["settlement"])].append(entry["settlement"])
    known: dict[UUID, Row] = {}
    for book, ids in sorted(by_book.items()):
        known |= {row["id"]: row for row in tx.all(SQL.given_for, book=book, ids=ids, giver=str(giver.id))}
    told = []
    for entry in entries:
        row = known[entry["settlement"]]
        place = row["name"] or row["institution"]
        told.append(Given(entry["business_date"], entry["fen"], "care", row["shown"], row["relation"], place))
    return sorted([*told, *_premiums(tx, giver, first, last)], key=lambda one: one.on)


def tax(tx: Tx, library: Library, reader: PersonRef, number: int) -> list[TaxLine]:
    """What the reader may deduct for a calendar year: for oneself, and for spouse and children who let the reader read.

    Whom the reader may not read is left out. An adult child's line says that the child claims alone.
    """
    first, last = _calendar_year(number)
    lines = [_tax_line(tx, library, reader, law.SELF, first, last)]
    for bond in family.members(tx, reader):
        if bond.relation not in (law.SPOUSE, law.CHILD):
            continue
        try:
            family.read_costs(tx, bond.member, reader)
        except Refusal:
            continue
        lines.append(_tax_line(tx, library, bond.member, bond.relation, first, last))
    return lines


def _tax_line(tx: Tx, library: Library, person: PersonRef, relation: str, first: date, last: date) -> TaxLine:
    row = tx.one(SQL.born, book=person.book, id=person.id)
    if row is None:
        raise Refusal("people.unknown")
    borne = tx.one(SQL.borne, book=person.book, person=person.id, first=first, last=last)
    assert borne is not None, "a sum always answers"
    pack = library.in_force(_region(tx, person, last), last)
    found = law.deduction(pack, borne["fen"], row["born"], last.year)
    return TaxLine(row["shown"], relation, found, law.claimable(relation, found))


def _premiums(tx: Tx, giver: PersonRef, first: date, last: date) -> list[Given]:
    told = []
    for row in premium.given_by(tx, giver):
        if row["person"] == giver.id or row["facts"].get("pool"):  # a household's money is nobody's own any more
            continue
        facts = row["facts"]["giver"] or {"relation": ""}
        who = tx.one(SQL.born, book=row["book"], id=row["person"])
        assert who is not None, "who is insured is a person"
        moves = [(row["paid_on"], -row["account"])]
        if row["refunded_at"] is not None:
            moves.append((business_date(row["refunded_at"]), row["account"]))
        told += [Given(on, fen, row["scheme"], who["shown"], facts["relation"], "") for on, fen in moves if first <= on <= last]
    return told


def _span(tx: Tx, library: Library, person: PersonRef, number: int, *, medical: bool) -> tuple[date, date]:
    first, last = _calendar_year(number)
    if not medical:
        return first, last
    begins = library.in_force(_region(tx, person, first), first)["medical_year_start"]
    return date(number, *begins), date(number + 1, *begins) - timedelta(days=1)


def _region(tx: Tx, person: PersonRef, on: date) -> str:
    """Where a person was last insured by a day; the nation's rules where never."""
    found = newest(tx, person, on)
    return found.region if found else "000000"


def _calendar_year(number: int) -> tuple[date, date]:
    if not FIRST_YEAR <= number <= LAST_YEAR:
        raise Refusal("costs.bad_year", given=str(number)[:8])
    return date(number, 1, 1), date(number, 12, 31)


def _sums(row: Row) -> Sums:
    return Sums(**{name: row[name] for name in Sums.__slots__})


def _line(row: Row) -> Line:
    return Line(
        row["id"],
        row["visit"],
        row["institution"],
        row["name"] or row["institution"],
        row["use"],
        row["service_date"],
        row["business_date"],
        row["refunds"],
        _sums(row),
    )
