"""What institutions report and ask back: filings, stock, settlement lists, matched entries, admissions. None of it moves money.

One store with typed keys. A report is unique by kind, institution and subject while it lives; cancelling keeps the row. What is
reported about a person is sealed whole with the row's own id, its subject a blind index; of other reports, what names people is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Json

from mulaid import audit, refs
from mulaid.calendar import stamp
from mulaid.db import Row, Statements, Tx
from mulaid.people.enrolment import PersonRef
from mulaid.refusal import Refusal
from mulaid.settlement.visit import Institution

SQL = Statements("mulaid.settlement", "records.sql")
RECORD = "R"
PERSONAL = frozenset(("memo", "psn_no", "psn_name", "certno", "prsc_dr_certno", "phar_certno", "dept_resper_tel", "message"))
"""Members that name people in reports that are about something else."""


@dataclass(frozen=True, slots=True)
class Record:
    """A report as it stands; `facts` are the members as they were sent, texts and whole numbers only."""

    book: int
    id: UUID
    kind: str
    institution: str
    person: UUID | None
    about: UUID | None
    subject: str
    begins_on: date | None
    ends_on: date | None
    fen: int
    quantity: int
    facts: Mapping[str, Any]
    at: datetime
    cancelled: bool

    @property
    def number(self) -> str:
        """The report's number as institutions see it."""
        return refs.show(RECORD, self.id)


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be kept. `subject` is what there can be only one living report about; empty for as many as are sent."""

    kind: str
    facts: Mapping[str, Any]
    subject: str = ""
    person: PersonRef | None = None
    about: UUID | None = None
    begins_on: date | None = None
    ends_on: date | None = None
    fen: int = 0
    quantity: Decimal = Decimal(0)


def keep(tx: Tx, institution: Institution, report: Report) -> Record:
    """Put a report on record. Refuses records.exists for a living one about the same subject, and an end before the beginning."""
    begins, ends = report.begins_on, report.ends_on
    check_period(begins, ends)
    book = report.person.book if report.person else institution.book
    ref = refs.mint(book, tx.at)
    body, sealed = _split(tx, ref, report.facts, whole=report.person is not None)
    kept = tx.run(
        SQL.keep,
        book=book,
        id=ref,
        kind=report.kind,
        institution=institution.code,
        person=report.person.id if report.person else None,
        about=report.about,
        subject=_subject(tx, report.subject, report.person) or refs.show(RECORD, ref),
        begins_on=begins,
        ends_on=ends,
        fen=report.fen,
        quantity=int(report.quantity * 10_000),
        body=body,
        sealed=sealed,
        at=tx.at,
    )
    if not kept:
        raise Refusal("records.exists", subject=report.subject.partition("@")[0][:60])
    tx.subject = ref
    if report.person:
        audit.write(tx, book, f"report_{report.kind}", report.person.id, purpose=report.kind)
    return find(tx, (report.kind,), ref)


def check_period(begins: date | None, ends: date | None) -> None:
    """Refuses an end before the beginning."""
    if ends is not None and (begins is None or ends < begins):
        raise Refusal("records.bad_period", first=begins.isoformat() if begins else "", last=ends.isoformat())


def replace(tx: Tx, institution: Institution, report: Report) -> Record:
    """Put a report on record in the place of the living one about the same subject, if there is one."""
    old = living(tx, report.kind, institution, report.subject, report.person)
    if old:
        tx.run(SQL.cancel, book=old.book, id=old.id, at=tx.at)
    return keep(tx, institution, report)


def find(tx: Tx, kinds: tuple[str, ...], ref: UUID) -> Record:
    """A report of one of these kinds by its id; refuses one that is not, is of another kind, or was cancelled."""
    row = tx.one(SQL.record, book=refs.book_of(ref), id=ref)
    if row is None or row["kind"] not in kinds:
        raise Refusal("records.unknown")
    if row["cancelled_at"] is not None:
        raise Refusal("records.cancelled")
    return _read(tx, row)


def living(tx: Tx, kind: str, institution: Institution, subject: str, person: PersonRef | None = None) -> Record | None:
    """An institution's living report about a subject, of a person where it is about one."""
    book = person.book if person else institution.book
    subject = _subject(tx, subject, person)
    row = tx.one(SQL.living, book=book, kind=kind, institution=institution.code, subject=subject)
    return _read(tx, row) if row else None


def of_person(tx: Tx, kind: str, person: PersonRef, first: date | None = None, last: date | None = None) -> list[Record]:
    """A person's living reports of a kind that touch these days, oldest first."""
    rows = tx.all(SQL.of_person, book=person.book, person=person.id, kind=kind, first=first, last=last)
    return [_read(tx, row) for row in rows]


def about(tx: Tx, kind: str, thing: UUID) -> list[Record]:
    """The living reports of a kind about one visit or settlement."""
    return [_read(tx, row) for row in tx.all(SQL.about, book=refs.book_of(thing), about=thing, kind=kind)]


def page(
    tx: Tx,
    kind: str,
    institution: Institution,
    *,
    begins: str = "",
    since: datetime | None = None,
    most: int = 500,
    skip: int = 0,
) -> tuple[list[Record], int]:
    """An institution's living reports of a kind whose subject begins so, ordered by subject, and how many there are in all."""
    pattern = begins.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%" if begins else ""
    asked = {"book": institution.book, "kind": kind, "institution": institution.code, "subject": pattern, "since": since}
    rows = tx.all(SQL.of_institution, **asked, most=most, skip=skip)
    counted = rows or (tx.all(SQL.of_institution, **asked, most=1, skip=0) if skip else [])
    return [_read(tx, row) for row in rows], counted[0]["found"] if counted else 0


def cancel(tx: Tx, record: Record, institution: Institution, person: PersonRef | None = None) -> None:
    """Withdraw a report. Refuses another institution's and another person's."""
    if record.institution != institution.code:
        raise Refusal("records.other_institution")
    if person is not None and record.person != person.id:
        raise Refusal("records.other_person")
    if not tx.run(SQL.cancel, book=record.book, id=record.id, at=tx.at):
        raise Refusal("records.cancelled")
    if record.person:
        audit.write(tx, record.book, f"cancel_{record.kind}", record.person, purpose=record.kind)


def rewrite(tx: Tx, record: Record, facts: Mapping[str, Any]) -> None:
    """Let a living report say something else."""
    body, sealed = _split(tx, record.id, {**record.facts, **facts}, whole=record.person is not None)
    if not tx.run(SQL.rewrite, book=record.book, id=record.id, body=body, sealed=sealed):
        raise Refusal("records.cancelled")


def quantity(tx: Tx, institution: Institution, kinds: tuple[str, ...], subject: str) -> Decimal:
    """How much an institution's living reports of these kinds say about subjects that begin so."""
    pattern = subject.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    row = tx.one(SQL.sums, book=institution.book, kinds=list(kinds), institution=institution.code, subject=pattern)
    assert row is not None, "a sum is a row"
    return Decimal(row["quantity"]) / 10_000


def plain(value: Any) -> Any:
    """A checked member as it is kept: moments and numbers as texts in the interface's forms, fen as whole numbers."""
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    return value


def _subject(tx: Tx, subject: str, person: PersonRef | None) -> str:
    """A disease or a visit tells something about a person even without a name beside it."""
    return tx.keys.blind("record", f"{person.number}|{subject}").hex() if person and subject else subject


def _split(tx: Tx, ref: UUID, facts: Mapping[str, Any], *, whole: bool) -> tuple[Json, bytes | None]:
    clean = {name: plain(value) for name, value in facts.items()}
    sealed = {name: value for name, value in clean.items() if whole or name in PERSONAL}
    rest = {name: value for name, value in clean.items() if name not in sealed}
    if not sealed:
        return Json(rest), None
    return Json(rest), tx.keys.seal("record", f"exchange_record|sealed|{ref}", json.dumps(sealed))


def _read(tx: Tx, row: Row) -> Record:
    facts = dict(row["body"])
    if row["sealed"] is not None:
        facts |= json.loads(tx.keys.open_text("record", f"exchange_record|sealed|{row['id']}", row["sealed"]))
    return Record(
        book=row["book"],
        id=row["id"],
        kind=row["kind"],
        institution=row["institution"],
        person=row["person"],
        about=row["about"],
        subject=row["subject"],
        begins_on=row["begins_on"],
        ends_on=row["ends_on"],
        fen=row["fen"],
        quantity=row["quantity"],
        facts=facts,
        at=row["at"],
        cancelled=row["cancelled_at"] is not None,
    )
