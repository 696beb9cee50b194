"""What a decided case does: each matter calls the part of the domain that it is about, and holds no rule of its own.

Effects are carried out by the worker once two people have agreed: the pages that clerks use cannot move money.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from mulaid import refs
from mulaid.agency import evidence
from mulaid.agency.matters import Case
from mulaid.agency.staff import SQL
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.ledger import journal
from mulaid.people import activation, aid, application, binding, endings, family, filings, household
from mulaid.people.enrolment import PersonRef
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.settlement import pay
from mulaid.settlement.refund import refund_whole
from mulaid.settlement.visit import find_institution

SEEN = "seen_in_person"
Work = Callable[[Tx, Case], None]
LEDGER = journal.SQL


def nothing(tx: Tx, case: Case) -> None:
    """There is nothing to do but to tell the applicant."""


@dataclass(frozen=True, slots=True)
class Effect:
    """`approved` when two people said yes; `otherwise` when they said no, and when a case is withdrawn or lapses.

    `tells`: the domain itself tells the applicant what came of it.
    """

    approved: Work
    otherwise: Work = nothing
    tells: bool = False


def bind(tx: Tx, case: Case) -> None:
    """The request to bind is approved, within every limit; whether the clerk has seen the person is in the reason."""
    binding.approve(tx, library(), case.about, seen=case.reason == SEEN)


def not_bind(tx: Tx, case: Case) -> None:
    """The request to bind is over: refused in the clerk's words, or withdrawn with the case."""
    if moot(tx, case):
        return
    if case.verdict is None:
        binding.withdraw(tx, case.about, case.applicant)
    else:
        binding.refuse(tx, case.about, case.reason or "", case.words or "")


def moot(tx: Tx, case: Case) -> bool:
    """Whether what the case was opened for no longer waits: its applicant took it back elsewhere, or its time is over."""
    if case.matter.name == "aid_review":
        found = aid.find(tx, case.about)
        return found.status != "pending" or found.waits_for != "agency"
    return bool(application.row_of(tx, case.about)["state"] != application.REVIEW)


def unbind(tx: Tx, case: Case) -> None:
    """The family account ends; both sides are told."""
    family.part_at_counter(tx, case.about, case.reason or "")


def activate(tx: Tx, case: Case) -> None:
    """The person's credential comes to life."""
    activation.activate_at_counter(tx, case.person)


def approve_aid(tx: Tx, case: Case) -> None:
    """The authorisation that waits for the agency begins."""
    aid.approve(tx, library(), case.about)


def not_aid(tx: Tx, case: Case) -> None:
    """The authorisation that waits for the agency is over: turned down in the clerk's words, or withdrawn with the case."""
    if moot(tx, case):
        return
    if case.verdict is None:
        aid.stop(tx, library(), case.about, case.applicant)
    else:
        aid.refuse(tx, case.about, case.words or "")


def end_aid(tx: Tx, case: Case) -> None:
    """The authorisation ends."""
    aid.end(tx, case.about, because="counter")


def close_household(tx: Tx, case: Case) -> None:
    """The household account closes, and every part goes back where it came from."""
    household.close(tx, library(), case.about, case.person)


def end_disputed(tx: Tx, case: Case) -> None:
    """The disputed family account ends; nobody had asked for it."""
    family.part_at_counter(tx, case.about, "dispute")


def resume_disputed(tx: Tx, case: Case) -> None:
    """The disputed family account was right, or nobody asks any more: it serves again, if it has not ended meanwhile."""
    row = tx.one(SQL.bond, book=refs.book_of(case.about), id=case.about)
    if row is not None and row["suspended_at"] is not None:
        family.resume(tx, case.about)


def refund(tx: Tx, case: Case) -> None:
    """The whole settlement goes back, each part to where it came from."""
    row = pay.find(tx, case.about)
    place = find_institution(tx, row["institution"])
    assert place is not None, "a settlement was made by an institution that is there"
    refund_whole(tx, case.about, institution=place, person=case.person.id, visit=None, infno="desk", msgid=case.number)


def correct(tx: Tx, case: Case) -> None:
    """The named legs of a journal go back. Refuses the journal of a settlement, which is returned whole or not at all."""
    row = tx.one(LEDGER.journal, book=refs.book_of(case.about), id=case.about)
    if row is None:
        raise Refusal("ledger.unknown_journal")
    if row["settlement"] is not None:
        raise Refusal("desk.settlement_not_by_leg")
    parts = {int(leg): int(fen) for leg, fen in case.detail["parts"].items()}
    journal.reverse(tx, case.about, "correction", parts)


def pay_out(tx: Tx, case: Case) -> None:
    """What is left of the person's accounts is paid out, to heirs by amount and the rest in money."""
    heirs = {person_of(UUID(heir)): int(fen) for heir, fen in case.detail.get("heirs", {}).items()}
    endings.pay_out(tx, library(), case.person, case.detail["because"], heirs)


def file_care(tx: Tx, case: Case) -> None:
    """Care in another region is filed, on the papers of the case."""
    detail, since = case.detail, case.detail.get("care_since")
    filings.file(
        tx,
        library(),
        case.person,
        detail["kind"],
        detail["region"],
        detail["reason"],
        care_since=date.fromisoformat(since) if since else None,
        evidence=_papers(tx, case),
    )


def supply_papers(tx: Tx, case: Case) -> None:
    """What was promised when care elsewhere was filed has been handed in, on the day the case was opened."""
    filings.supply_papers(tx, case.person, case.about, _papers(tx, case), given_on=business_date(case.opened_at))


def _papers(tx: Tx, case: Case) -> list[UUID]:
    return [paper.id for paper in evidence.papers_of(tx, case.id, case.about) if not paper.gone]


EFFECTS: dict[str, Effect] = {
    "binding_review": Effect(bind, not_bind, tells=True),
    "kinship_doubt": Effect(bind, not_bind, tells=True),
    "face_impossible": Effect(bind, not_bind, tells=True),
    "unbind_counter": Effect(unbind),
    "aid_review": Effect(approve_aid, not_aid, tells=True),
    "aid_release_counter": Effect(end_aid),
    "household_close": Effect(close_household),
    "activation_offline": Effect(activate),
    "dispute_not_me": Effect(end_disputed, resume_disputed),
    "remote_filing_review": Effect(file_care),
    "filing_papers": Effect(supply_papers),
    "wrong_charge": Effect(refund),
    "correction": Effect(correct),
    "account_withdrawal": Effect(pay_out),
}
"""What each matter does."""


def person_of(ref: UUID) -> PersonRef:
    """A person by id alone."""
    return PersonRef(refs.book_of(ref), ref)
