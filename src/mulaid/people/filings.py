"""Care away from home as filed (policy N9), and the chronic diseases a person is certified for.

A filing says where and why; what it is worth is the law's (remote_*_cut). Settlements read these tables where they gather.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from mulaid import audit, outbox, refs
from mulaid.calendar import business_date, months_later
from mulaid.db import Row, Statements, Tx
from mulaid.people.eligibility import hold
from mulaid.people.enrolment import PersonRef, enrolled
from mulaid.policy.pack import Library
from mulaid.policy.rules import pooling_area
from mulaid.refusal import Refusal

SQL = Statements("mulaid.people", "filings.sql")
LONG_TERM = "long_term"
KINDS = {LONG_TERM: "长期异地居住", "referral": "转诊", "emergency": "异地急诊", "other": "其他临时外出"}
NEEDS_PAPERS = (LONG_TERM, "referral")
LATEST, LONGEST_REASON = timedelta(days=366), 200
_REGION = re.compile(r"[0-9]{6}", re.ASCII)
_DISEASE = re.compile(r"[A-Za-z0-9_.]{1,30}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Filing:
    """A filing as its owner sees it. `both_places`: care at home as before too; not while papers are owed (policy N9e)."""

    id: UUID
    kind: str
    region: str
    reason: str
    valid_from: date
    valid_to: date | None
    promise_only: bool
    papers_due: date | None
    evidence: tuple[UUID, ...]
    late: bool
    filed_at: datetime
    ended_on: date | None
    version: int

    @property
    def both_places(self) -> bool:
        """Whether benefits hold at home and at the filed place alike."""
        return not self.promise_only

    def stands(self, on: date) -> bool:
        """Whether it is in force on a day or will be."""
        return (self.ended_on is None or self.ended_on > on) and (self.valid_to is None or self.valid_to >= on)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A chronic or special disease a person is certified for, by whom, from when and until when (both included)."""

    id: UUID
    disease: str
    valid_from: date
    valid_to: date | None
    certified_by: str
    evidence: tuple[UUID, ...]
    recorded_at: datetime
    version: int


def file(
    tx: Tx,
    library: Library,
    person: PersonRef,
    kind: str,
    region: str,
    reason: str,
    *,
    care_since: date | None = None,
    discharged: bool = False,
    promise: bool = False,
    evidence: Sequence[UUID] = (),
) -> Filing:
    """File care away from home, from today or, late, from the first day of a stay. A new long-term place ends the old one.

    Refuses who is not in normal status, one's own area, an unknown kind or region, no reason, missing papers, a promise where
    none is taken, a stay that is over (it is claimed by hand), and what is filed already. Rules: remote_temporary_filing_months,
    remote_promise_months.
    """
    today = business_date(tx.at)
    hold(tx, person)
    home = enrolled(tx, person, today)
    if home.status != "normal":
        raise Refusal("filing.not_insured")
    _check(home.region, kind, region, reason, promise=promise, papers=bool(evidence))
    since = _since(today, care_since, discharged=discharged)
    for living in tx.all(SQL.living_filings, book=person.book, person=person.id, kind=kind, on=today):
        if living["region"] == region:
            raise Refusal("filing.filed_already")
        if kind == LONG_TERM:
            tx.run(SQL.end_filing, book=person.book, id=living["id"], on=today)
    pack = library.in_force(home.region, today)
    due = months_later(today, pack["remote_promise_months"]) if promise else None
    until = due if kind == LONG_TERM else months_later(since, pack["remote_temporary_filing_months"]) - timedelta(days=1)
    filing = refs.mint(person.book, tx.at)
    tx.run(
        SQL.add_filing,
        book=person.book,
        id=filing,
        person=person.id,
        kind=kind,
        region=region,
        reason=tx.keys.seal("person", f"filing|reason|{filing}", reason.strip()),
        valid_from=since,
        valid_to=until,
        promise_only=promise,
        papers_due=due,
        evidence=list(evidence),
        late=since < today,
        at=tx.at,
    )
    audit.write(tx, person.book, "file_remote_care", filing, behalf_of=person.id, purpose=kind)
    _tell(tx, person, f"您的异地就医备案（{KINDS[kind]}）办好了。不是您的意思，可以在“异地就医”里取消。", filing)
    return _one(tx, person, filing)


def may_file(
    tx: Tx, person: PersonRef, kind: str, region: str, reason: str, care_since: date | None = None, *, discharged: bool = False
) -> None:
    """Whether this could be filed today with papers that are still to come; refuses what `file` refuses of the rest."""
    today = business_date(tx.at)
    home = enrolled(tx, person, today)
    if home.status != "normal":
        raise Refusal("filing.not_insured")
    _check(home.region, kind, region, reason, promise=False, papers=True)
    _since(today, care_since, discharged=discharged)
    living = tx.all(SQL.living_filings, book=person.book, person=person.id, kind=kind, on=today)
    if any(one["region"] == region for one in living):
        raise Refusal("filing.filed_already")


def papers_owed(tx: Tx, person: PersonRef, filing: UUID, on: date) -> Row:
    """The filing for which a person hands in papers on a day; refuses none owed, and a day too late."""
    row = _mine(tx, person, filing)
    if not row["promise_only"] or row["ended_on"] is not None:
        raise Refusal("filing.no_papers_owed")
    if on > row["papers_due"]:
        raise Refusal("filing.papers_late", due=row["papers_due"].isoformat())
    return row


def supply_papers(tx: Tx, person: PersonRef, filing: UUID, evidence: Sequence[UUID], *, given_on: date | None = None) -> Filing:
    """Hand in what was promised: the filing holds until changed, and at home as well. Refuses as `papers_owed`, and no papers.

    `given_on`: the day on which they were handed in, where somebody looked at them first; today unless said otherwise.
    """
    row = papers_owed(tx, person, filing, given_on or business_date(tx.at))
    if not evidence:
        raise Refusal("filing.papers_needed", kind=KINDS[row["kind"]])
    tx.run(SQL.papers_came, book=person.book, id=filing, evidence=[*row["evidence"], *evidence])
    audit.write(tx, person.book, "supply_filing_papers", filing, behalf_of=person.id)
    _tell(tx, person, "您的异地就医备案补交了材料，长期有效。", filing)
    return _one(tx, person, filing)


def end(tx: Tx, person: PersonRef, filing: UUID) -> None:
    """Not in force from today on; refuses one that is not there or is over."""
    _mine(tx, person, filing)
    if not tx.run(SQL.end_filing, book=person.book, id=filing, on=business_date(tx.at)):
        raise Refusal("filing.unknown")
    audit.write(tx, person.book, "end_remote_care", filing, behalf_of=person.id)
    _tell(tx, person, "您的异地就医备案取消了。不是您的意思，可以在“异地就医”里重新备案。", filing)


def filings(tx: Tx, person: PersonRef) -> list[Filing]:
    """Every filing of a person, newest first."""
    return [_read(tx, row) for row in tx.all(SQL.filings, book=person.book, person=person.id)]


def certify(
    tx: Tx,
    person: PersonRef,
    disease: str,
    valid_from: date,
    certified_by: str,
    *,
    valid_to: date | None = None,
    evidence: Sequence[UUID] = (),
) -> Certificate:
    """Put on record that a person is certified for a chronic or special disease, by its code.

    Refuses who is not enrolled on the first day, a code that cannot be, dates that contradict each other, nobody who certifies,
    and a certificate for some of the same days.
    """
    hold(tx, person)
    enrolled(tx, person, valid_from)
    if not _DISEASE.fullmatch(disease):
        raise Refusal("chronic.bad_disease", given=disease[:30])
    if valid_to is not None and valid_to < valid_from:
        raise Refusal("chronic.bad_dates")
    if not 0 < len(certified_by.strip()) <= 100:
        raise Refusal("chronic.who_certifies")
    if tx.one(SQL.overlapping, book=person.book, person=person.id, disease=disease, first=valid_from, last=valid_to):
        raise Refusal("chronic.certified_already")
    certificate = refs.mint(person.book, tx.at)
    tx.run(
        SQL.add_chronic,
        book=person.book,
        id=certificate,
        person=person.id,
        disease=disease,
        valid_from=valid_from,
        valid_to=valid_to,
        certified_by=certified_by.strip(),
        evidence=list(evidence),
        at=tx.at,
    )
    audit.write(tx, person.book, "certify_disease", certificate, behalf_of=person.id)
    return next(one for one in certificates(tx, person) if one.id == certificate)


def revoke(tx: Tx, person: PersonRef, certificate: UUID, last: date) -> None:
    """A certificate holds until `last` and no longer; refuses one that is not there or that ends no later."""
    if not tx.run(SQL.end_certificate, book=person.book, id=certificate, person=person.id, last=last):
        raise Refusal("chronic.unknown")
    audit.write(tx, person.book, "revoke_certificate", certificate, behalf_of=person.id)


def certificates(tx: Tx, person: PersonRef) -> list[Certificate]:
    """Every certificate of a person, newest first."""
    rows = tx.all(SQL.certificates, book=person.book, person=person.id)
    return [Certificate(**{**row, "evidence": tuple(row["evidence"])}) for row in rows]


def _check(home: str, kind: str, region: str, reason: str, *, promise: bool, papers: bool) -> None:
    if kind not in KINDS:
        raise Refusal("filing.unknown_kind")
    if not _REGION.fullmatch(region):
        raise Refusal("filing.bad_region")
    if pooling_area(region) == pooling_area(home):
        raise Refusal("filing.same_area")
    if not 0 < len(reason.strip()) <= LONGEST_REASON:
        raise Refusal("filing.reason_needed", most=LONGEST_REASON)
    if promise and kind != LONG_TERM:
        raise Refusal("filing.no_promise", kind=KINDS[kind])
    if kind in NEEDS_PAPERS and not promise and not papers:
        raise Refusal("filing.papers_needed", kind=KINDS[kind])


def _since(today: date, care_since: date | None, *, discharged: bool) -> date:
    if care_since is None or care_since == today:
        return today
    if discharged:
        raise Refusal("filing.after_discharge")
    if not today - LATEST <= care_since < today:
        raise Refusal("filing.bad_day", given=care_since.isoformat())
    return care_since


def _tell(tx: Tx, person: PersonRef, text: str, filing: UUID) -> None:
    """What somebody else did for a person, be it a relative or a hospital."""
    if tx.by.name != person.number:
        outbox.tell(tx, person.book, person.id, text, filing)


def _mine(tx: Tx, person: PersonRef, filing: UUID) -> Row:
    row = tx.one(SQL.filing, book=person.book, id=filing)
    if row is None or row["person"] != person.id:
        raise Refusal("filing.unknown")
    return row


def _one(tx: Tx, person: PersonRef, filing: UUID) -> Filing:
    row = _mine(tx, person, filing)
    return _read(tx, {name: value for name, value in row.items() if name != "person"})


def _read(tx: Tx, row: Row) -> Filing:
    reason = tx.keys.open_text("person", f"filing|reason|{row['id']}", row["reason"])
    return Filing(**{**row, "reason": reason, "evidence": tuple(row["evidence"])})
