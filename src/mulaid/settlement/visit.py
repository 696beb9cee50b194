"""Visits at an institution and the lines of their bills, each line split the moment it is uploaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from psycopg import errors
from psycopg.types.json import Json

from mulaid import audit, refs
from mulaid.calendar import business_date
from mulaid.db import Row, Statements, Tx
from mulaid.money import Fen, half_up, yuan
from mulaid.people.enrolment import PersonRef, enrolled
from mulaid.policy.facts import Portion
from mulaid.policy.pack import Library, Pack
from mulaid.policy.parameters import EXCLUDED
from mulaid.refusal import Refusal

SQL = Statements("mulaid.settlement", "settlement.sql")
LATE = timedelta(days=366)
CLASS_A, OUTSIDE = "01", "03"
EVERY_BATCH = EVERY_LINE = "0000"


@dataclass(frozen=True, slots=True)
class Institution:
    """A designated hospital or pharmacy; `book` is its home book."""

    code: str
    name: str
    kind: int
    region: str
    level: str
    book: int
    enabled: bool = True

    @property
    def pharmacy(self) -> bool:
        """Whether it is a retail pharmacy."""
        return self.kind == 2


@dataclass(frozen=True, slots=True)
class Item:
    """A catalogue entry: grade 01 class A, 02 class B, 03 outside; `upfront` the self-paid share in millionths."""

    code: str
    name: str
    grade: str
    upfront: int | None
    limit_fen: Fen | None
    charge: str
    tag: str


@dataclass(frozen=True, slots=True)
class Line:
    """A bill line as uploaded: amounts in fen, quantity and unit price in yuan as decimals, the rest as sent."""

    serial: str
    batch: str
    item: str
    fen: Fen
    quantity: Decimal
    price: Decimal
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SplitLine:
    """A bill line in the four parts that add up to it, and why."""

    line: Line
    item: Item
    known: bool
    in_policy: Fen
    upfront: Fen
    over_limit: Fen
    self_funded: Fen
    upfront_ratio: Decimal

    @property
    def portion(self) -> Portion:
        """The line as the law sees it."""
        return Portion(self.item.tag, self.in_policy, self.upfront, self.over_limit, self.self_funded)


def find_institution(tx: Tx, code: str) -> Institution | None:
    """A designated institution by its code."""
    row = tx.one(SQL.institution, code=code)
    return Institution(**row) if row else None


def open_visit(
    tx: Tx,
    institution: Institution,
    person: PersonRef,
    *,
    number: str,
    begun_on: date,
    insutype: str,
    med_type: str,
    presenter: UUID | None,
    chosen: UUID | None,
    use: str = "outpatient",
    disease: str = "",
    card: bytes | None = None,
) -> UUID:
    """Register a person at an institution, or admit one (use `inpatient`); returns the visit.

    `disease` is the code of a chronic or special disease that the visit is for, `card` the printed card that was shown.
    Refuses a day without enrolment, one out of range, and an admission while another stay at the same institution is open.
    """
    check_day(tx, begun_on)
    check_insurance(enrolled(tx, person, begun_on).scheme, insutype)
    if use == "inpatient" and tx.one(SQL.open_stay, book=person.book, person=person.id, institution=institution.code):
        raise Refusal("visit.in_hospital")
    visit = refs.mint(person.book, tx.at)
    tx.run(
        SQL.open_visit,
        book=person.book,
        id=visit,
        person=person.id,
        institution=institution.code,
        use=use,
        disease=disease,
        number=number,
        begun_on=begun_on,
        insutype=insutype,
        med_type=med_type,
        presenter=presenter,
        chosen=chosen,
        card=card,
        at=tx.at,
    )
    audit.write(tx, person.book, "open_visit", person.id, behalf_of=presenter, purpose=number)
    return visit


def check_day(tx: Tx, on: date) -> None:
    """Refuses a day of care that has not come, give or take a clock that is wrong by a day, or that is over a year past."""
    today = business_date(tx.at)
    if not today - LATE <= on <= today + timedelta(days=1):
        raise Refusal("visit.bad_date", on=on.isoformat())


def check_insurance(scheme: str, insutype: str) -> None:
    """Refuses an insurance type that is not the enrolled one; a client that sends none means the enrolled one."""
    if insutype and insutype != scheme:
        raise Refusal("settlement.wrong_insurance", given=insutype, found=scheme)


def checked(row: Row | None, institution: str, person: UUID) -> Row:
    """A visit's row, if it is this institution's and this person's and not cancelled."""
    if row is None:
        raise Refusal("visit.unknown")
    if row["institution"] != institution:
        raise Refusal("visit.other_institution")
    if row["person"] != person:
        raise Refusal("visit.other_person")
    if row["cancelled_at"] is not None:
        raise Refusal("visit.cancelled")
    return row


def find_visit(tx: Tx, visit: UUID, institution: str, person: UUID, *, lock: bool = False) -> Row:
    """A visit of this institution and person; `lock` when its lines are to change."""
    statement = SQL.lock_visit if lock else SQL.visit
    return checked(tx.one(statement, book=refs.book_of(visit), id=visit), institution, person)


def find_outpatient(tx: Tx, visit: UUID, institution: str, person: UUID, *, lock: bool = False) -> Row:
    """`find_visit` for what a stay in hospital has transactions of its own for, with other checks; refuses a stay."""
    row = find_visit(tx, visit, institution, person, lock=lock)
    if row["use"] == "inpatient":
        raise Refusal("visit.is_stay")
    return row


def discharge(tx: Tx, visit: UUID, institution: str, person: UUID, on: date | None) -> None:
    """End a stay in hospital on a day, or with None take the end back. The stay's bill belongs to the day it ended.

    Refuses what is no stay, an end before the beginning or in the future, and taking back an end whose bill is settled.
    """
    row = find_visit(tx, visit, institution, person, lock=True)
    if row["use"] != "inpatient":
        raise Refusal("visit.no_stay")
    if on is None and tx.one(SQL.live_settlement, book=row["book"], visit=visit, batch=None):
        raise Refusal("visit.settled")
    if on is not None and not row["begun_on"] <= on <= business_date(tx.at) + timedelta(days=1):
        raise Refusal("visit.bad_date", on=on.isoformat())
    tx.run(SQL.end_stay, book=row["book"], id=visit, on=on)
    audit.write(tx, row["book"], "discharge" if on else "discharge_back", person, detail={"visit": str(visit)})


def cancel_visit(tx: Tx, visit: UUID, institution: str, person: UUID) -> None:
    """Withdraw a registration; refuses while a settlement of it stands."""
    find_visit(tx, visit, institution, person, lock=True)
    book = refs.book_of(visit)
    if tx.one(SQL.live_settlement, book=book, visit=visit, batch=None):
        raise Refusal("visit.settled")
    tx.run(SQL.cancel_visit, book=book, id=visit, at=tx.at)
    audit.write(tx, book, "cancel_visit", person)


def report_visit(
    tx: Tx, visit: UUID, institution: str, person: UUID, info: dict[str, Any], med_type: str, disease: str = ""
) -> None:
    """Keep what the institution says about the visit: condition, diagnoses, the chronic or special disease it is for."""
    row = find_outpatient(tx, visit, institution, person)
    kept = {"med_type": med_type or row["med_type"], "disease": disease or row["disease"]}
    tx.run(SQL.set_visit_info, book=row["book"], id=visit, info=Json(info), **kept)


def upload_lines(
    tx: Tx, library: Library, visit: UUID, institution: str, person: PersonRef, lines: Sequence[Line]
) -> list[SplitLine]:
    """Add lines to a visit's bill, each split. Refuses a settled batch, a serial that is there already, and a wrong line sum."""
    row = find_outpatient(tx, visit, institution, person.id, lock=True)
    for batch in {line.batch for line in lines}:
        if tx.one(SQL.live_settlement, book=row["book"], visit=visit, batch=batch):
            raise Refusal("visit.lines_settled", batch=batch)
    pack = library.in_force(enrolled(tx, person, row["begun_on"]).region, row["begun_on"])
    split = split_lines(tx, pack, row["begun_on"], lines)
    store_lines(tx, row["book"], visit, split)
    tx.run(SQL.touch_visit, book=row["book"], id=visit)
    return split


def store_lines(tx: Tx, book: int, visit: UUID, split: Sequence[SplitLine]) -> None:
    """Keep split lines; refuses a serial that the visit has already."""
    insert = (
        "insert into fee_line"
        " (book, visit, serial, batch, item, name, fen, in_policy, upfront, over_limit, self_funded, grade, tag, detail)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    )
    try:
        with tx.connection.cursor() as cursor:
            cursor.executemany(insert, [_row(book, visit, part) for part in split])
    except errors.UniqueViolation as error:
        raise Refusal("visit.line_twice", serial=_twice([part.line for part in split], error)) from None


def _row(book: int, visit: UUID, part: SplitLine) -> tuple[Any, ...]:
    line = part.line
    return (
        book, visit, line.serial, line.batch, line.item, part.item.name, line.fen, part.in_policy, part.upfront, part.over_limit,
        part.self_funded, part.item.grade, part.item.tag, Json(line.detail),
    )  # fmt: skip


def _twice(lines: Iterable[Line], error: errors.UniqueViolation) -> str:
    detail = error.diag.message_detail or ""
    return next((line.serial for line in lines if f", {line.serial})" in detail), "")


def remove_lines(tx: Tx, visit: UUID, institution: str, person: UUID, batch: str, serial: str = EVERY_LINE) -> int:
    """Take back lines that are not settled, one or, for `0000`, all of one batch or, for `0000`, of all; the number removed.

    Refuses a settled batch.
    """
    row = find_outpatient(tx, visit, institution, person, lock=True)
    one = None if batch == EVERY_BATCH else batch
    if one is not None and tx.one(SQL.live_settlement, book=row["book"], visit=visit, batch=one):
        raise Refusal("visit.lines_settled", batch=batch)
    line = None if serial == EVERY_LINE else serial
    removed = tx.run(SQL.remove_lines, book=row["book"], visit=visit, batch=one, serial=line)
    tx.run(SQL.touch_visit, book=row["book"], id=visit)
    return removed


def bill_lines(tx: Tx, visit: UUID, batch: str | None = None) -> list[Row]:
    """The uploaded lines of a visit."""
    return tx.all(SQL.lines, book=refs.book_of(visit), visit=visit, batch=batch)


def split_lines(tx: Tx, pack: Pack, on: date, lines: Sequence[Line]) -> list[SplitLine]:
    """Each line in policy, upfront, over limit and self-funded, by the catalogue of the day of care.

    An item the catalogue does not know is self-funded: the fund pays for what is listed. Refuses a line whose amount is not
    quantity times price to within a fen a unit of rounding, and a serial that comes twice.
    """
    if len({line.serial for line in lines}) < len(lines):
        counted = Counter(line.serial for line in lines)
        raise Refusal("visit.line_twice", serial=next(serial for serial, count in counted.items() if count > 1))
    rows = tx.all(SQL.items, codes=list({line.item for line in lines}), on=on)
    items = {row["code"]: Item(**row) for row in rows}
    return [split_line(pack, line, items.get(line.item)) for line in lines]


def split_line(pack: Pack, line: Line, item: Item | None) -> SplitLine:
    """One line by one catalogue entry."""
    exact = line.quantity * line.price * 100
    # Programs round unit prices for packs broken open: a fen, or half a percent of the line, is their rounding and not an error.
    if abs(exact - line.fen) > max(Decimal(1), abs(exact) / 200):
        raise Refusal("settlement.line_sum", serial=line.serial, given=yuan(line.fen))
    if item is None:
        unknown = Item(line.item, str(line.detail.get("medins_list_name") or ""), OUTSIDE, None, None, "14", "")
        return SplitLine(line, unknown, False, 0, 0, 0, line.fen, Decimal(1))
    over = 0
    if item.limit_fen is not None:
        over = max(0, line.fen - half_up(line.quantity * item.limit_fen))
    inside = line.fen - over
    if _outside(pack, item):
        return SplitLine(line, item, True, 0, 0, over, inside, Decimal(1))
    ratio = Decimal(item.upfront) / 1_000_000 if item.upfront is not None else Decimal(0)
    if item.grade != CLASS_A and item.upfront is None:
        ratio = pack["class_b_upfront_ratio"]
    upfront = half_up(inside * ratio)
    return SplitLine(line, item, True, inside - upfront, upfront, over, 0, ratio.quantize(Decimal("0.0001"), ROUND_HALF_UP))


def _outside(pack: Pack, item: Item) -> bool:
    """Whether the fund never pays the item; a region may take a kind into its scope that the catalogue leaves out."""
    if item.tag in pack["prohibited_uses"]:
        return True
    if item.tag in EXCLUDED:
        return item.tag in pack["catalogue_excluded_items"]
    return item.grade == OUTSIDE


def portions(split: Iterable[SplitLine]) -> list[Portion]:
    """The lines added up by tag, in the order of tags: the same sums that the database makes of uploaded lines."""
    sums: dict[str, list[int]] = {}
    for part in split:
        row = sums.setdefault(part.item.tag, [0, 0, 0, 0])
        for place, fen in enumerate((part.in_policy, part.upfront, part.over_limit, part.self_funded)):
            row[place] += fen
    return [Portion(tag, *sums[tag]) for tag in sorted(sums)]
