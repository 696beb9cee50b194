"""Bill lines of a stay in hospital: what was used, what was given back, and which of it is settled together.

What is given back lessens the line it was billed with, so that no line falls below nothing and each is split as what was used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from mulaid import audit, refs
from mulaid.db import Row, Tx
from mulaid.people.enrolment import PersonRef, enrolled
from mulaid.policy.pack import Library, Pack
from mulaid.refusal import Refusal
from mulaid.settlement import visit
from mulaid.settlement.records import SQL as RECORDS
from mulaid.settlement.visit import SQL, Item, Line, SplitLine

GIVEN_BACK = "given_back"


def find(tx: Tx, stay: UUID, institution: str, person: UUID, *, lock: bool = False) -> Row:
    """A stay of this institution and person; refuses what is no stay."""
    row = visit.find_visit(tx, stay, institution, person, lock=lock)
    if row["use"] != "inpatient":
        raise Refusal("visit.no_stay")
    return row


def correct(tx: Tx, stay: UUID, institution: str, person: UUID, *, med_type: str, disease: str) -> None:
    """What kind of care the stay is, and for which disease, as the hospital says now; refused while a bill of it is settled."""
    row = find(tx, stay, institution, person, lock=True)
    if tx.one(SQL.live_settlement, book=row["book"], visit=stay, batch=None):
        raise Refusal("visit.settled")
    kept = {"med_type": med_type or row["med_type"], "disease": disease or row["disease"]}
    tx.run(RECORDS.correct_stay, book=row["book"], id=stay, **kept)
    audit.write(tx, row["book"], "correct_stay", person, detail={"visit": str(stay)})


def cancel(tx: Tx, stay: UUID, institution: str, person: UUID) -> None:
    """The admission did not happen; refused while it has an end, a bill line or a settlement."""
    row = find(tx, stay, institution, person, lock=True)
    if row["ended_on"] is not None:
        raise Refusal("visit.discharged")
    if visit.bill_lines(tx, stay):
        raise Refusal("visit.has_lines")
    visit.cancel_visit(tx, stay, institution, person)


def open_batch(tx: Tx, row: Row) -> str:
    """The number under which a stay's lines are settled together: the first that no settlement stands for."""
    found = tx.all(SQL.batches, book=row["book"], visit=row["id"])
    settled = {one["batch"] for one in found if one["settlement"] is not None}
    return next(str(number) for number in range(1, len(settled) + 2) if str(number) not in settled)


def add_lines(
    tx: Tx, library: Library, stay: UUID, institution: str, person: PersonRef, lines: Sequence[tuple[Line, str]]
) -> list[SplitLine]:
    """Bill lines, each with the serial of the line it gives something back of, or none. Refuses as visit.upload_lines does.

    Of what is given back the answer's amounts are negative. Refuses a line that is not there or is less than what comes back.
    """
    row = find(tx, stay, institution, person.id, lock=True)
    pack = library.in_force(enrolled(tx, person, row["begun_on"]).region, row["begun_on"])
    batch = open_batch(tx, row)
    used = [replace(line, batch=batch) for line, original in lines if not original and line.fen >= 0]
    split = visit.split_lines(tx, pack, row["begun_on"], used)
    visit.store_lines(tx, row["book"], stay, split)
    told = {part.line.serial: part for part in split}
    for line, original in lines:
        if original or line.fen < 0:
            told[line.serial] = _give_back(tx, pack, row, batch, line, original)
    tx.run(SQL.touch_visit, book=row["book"], id=stay)
    return [told[line.serial] for line, _ in lines]


def _give_back(tx: Tx, pack: Pack, row: Row, batch: str, line: Line, original: str) -> SplitLine:
    if line.fen > 0 or line.quantity > 0:
        raise Refusal("visit.not_given_back", serial=line.serial)
    found = [one for one in visit.bill_lines(tx, row["id"], batch) if one["serial"] == original]
    if not found:
        raise Refusal("visit.no_original", serial=original or line.serial)
    was = found[0]
    back = was["detail"].get(GIVEN_BACK, [])
    if any(line.serial == serial for serial, _, _ in back) or visit.bill_lines(tx, row["id"]) == []:
        raise Refusal("visit.line_twice", serial=line.serial)
    fen, quantity = was["fen"] + line.fen, Decimal(was["detail"]["cnt"]) + line.quantity
    if fen < 0 or quantity < 0:
        raise Refusal("visit.more_than_line", serial=original)
    detail = {**was["detail"], "cnt": str(quantity), GIVEN_BACK: [*back, [line.serial, str(line.quantity), line.fen]]}
    less = _split_again(tx, pack, row, was, fen, quantity, detail)
    return SplitLine(
        line=line,
        item=less.item,
        known=less.known,
        in_policy=less.in_policy - was["in_policy"],
        upfront=less.upfront - was["upfront"],
        over_limit=less.over_limit - was["over_limit"],
        self_funded=less.self_funded - was["self_funded"],
        upfront_ratio=less.upfront_ratio,
    )


def _split_again(tx: Tx, pack: Pack, row: Row, was: Row, fen: int, quantity: Decimal, detail: dict[str, object]) -> SplitLine:
    """The line with less on it in the place of the line it was."""
    items = {one["code"]: one for one in tx.all(SQL.items, codes=[was["item"]], on=row["begun_on"])}
    item = Item(**items[was["item"]]) if was["item"] in items else None
    line = Line(was["serial"], was["batch"], was["item"], fen, quantity, Decimal(was["detail"]["pric"]), dict(detail))
    split = visit.split_line(pack, line, item)
    tx.run(SQL.remove_lines, book=row["book"], visit=row["id"], batch=was["batch"], serial=was["serial"])
    visit.store_lines(tx, row["book"], row["id"], [split])
    return split


def remove_lines(tx: Tx, library: Library, stay: UUID, institution: str, person: PersonRef, serials: Sequence[str]) -> int:
    """Take back lines that are not settled, or with `0000` all of them; the number removed.

    Taking back a line that gave something back restores what it took. Refuses a serial that is not there or is settled.
    """
    row = find(tx, stay, institution, person.id, lock=True)
    gone = 0
    for serial in serials:
        if serial == visit.EVERY_LINE:
            gone += tx.run(SQL.remove_lines, book=row["book"], visit=stay, batch=None, serial=None)
        elif tx.run(SQL.remove_lines, book=row["book"], visit=stay, batch=None, serial=serial):
            gone += 1
        else:
            gone += _restore(tx, library, row, person, serial)
    tx.run(SQL.touch_visit, book=row["book"], id=stay)
    return gone


def _restore(tx: Tx, library: Library, row: Row, person: PersonRef, serial: str) -> int:
    for was in visit.bill_lines(tx, row["id"]):
        back = was["detail"].get(GIVEN_BACK, [])
        taken = next((one for one in back if one[0] == serial), None)
        if taken is None and was["serial"] != serial:
            continue
        if tx.one(SQL.live_settlement, book=row["book"], visit=row["id"], batch=was["batch"]):
            raise Refusal("visit.lines_settled", batch=was["batch"])
        assert taken is not None, "an unsettled line would have been removed"
        pack = library.in_force(enrolled(tx, person, row["begun_on"]).region, row["begun_on"])
        quantity = Decimal(was["detail"]["cnt"]) - Decimal(taken[1])
        detail = {**was["detail"], "cnt": str(quantity), GIVEN_BACK: [one for one in back if one[0] != serial]}
        _split_again(tx, pack, row, was, was["fen"] - taken[2], quantity, detail)
        return 1
    raise Refusal("visit.no_original", serial=serial)


def in_hospital(tx: Tx, person: PersonRef) -> list[Row]:
    """Where a person lies in hospital now."""
    return tx.all(RECORDS.open_stays, book=person.book, person=person.id)


def shown(row: Row) -> str:
    """A visit's number as institutions see it."""
    return refs.show(refs.VISIT, row["id"])
