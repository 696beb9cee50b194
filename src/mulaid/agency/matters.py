"""What the desk decides: matters with their deadlines and reasons, as data, what one case is, and what a decided case does.

Each matter's effect calls the part of the domain that it is about, and holds no rule of its own. Effects are carried out by the
worker once two people have agreed: the pages that clerks use cannot move money.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any
from uuid import UUID

from mulaid import refs
from mulaid.agency import evidence
from mulaid.agency.staff import SQL
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.ledger import journal
from mulaid.people import aid, application, binding, credential, endings, enrolment, family, filings, household, wallet
from mulaid.people.enrolment import PersonRef
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.settlement import pay
from mulaid.settlement.refund import refund_whole
from mulaid.settlement.visit import find_institution

APPROVED, REFUSED = "approved", "refused"
STATES = {
    "open": "待领取", "taken": "办理中", "asked_for_papers": "待补材料", "decided": "待复核", "checked": "已复核，等待生效",
    "effected": "已办结", "withdrawn": "已撤回", "lapsed": "逾期终止",
}  # fmt: skip
SIGNALS = {"same_picture": "同一张图片用于另一人的申请", "effect_refused": "已复核但未能生效，请查看经过"}
SATURDAY = 5
SEEN = "seen_in_person"
LEDGER = journal.SQL


@dataclass(frozen=True, slots=True)
class Matter:
    """One kind of case. `days` and `papers_days` are working days; `needs` are the details its effect cannot do without."""

    name: str
    title: str
    days: int
    papers_days: int
    needs: Sequence[str]
    reasons: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Case:
    """A case as the desk works on it; `detail` is opened and must not be logged."""

    id: UUID
    matter: Matter
    region: str
    state: str
    person: PersonRef
    applicant: PersonRef
    about: UUID
    detail: Mapping[str, Any]
    signals: Sequence[str]
    opened_at: datetime
    due_on: date
    papers_due_on: date | None
    taken_by: str | None
    verdict: str | None
    reason: str | None
    words: str | None
    basis: bytes | None
    decided_by: str | None
    checked_by: str | None
    ended_at: datetime | None
    version: int

    @property
    def book(self) -> int:
        """Where the case lives."""
        return refs.book_of(self.id)

    @property
    def parties(self) -> list[PersonRef]:
        """Everybody whose affair it is: whose family may not decide it."""
        others = [*self.detail.get("heirs", {}), *([self.detail["member"]] if "member" in self.detail else [])]
        return [self.person, self.applicant, *(person_of(UUID(other)) for other in others)]

    @property
    def number(self) -> str:
        """What people call it by."""
        return refs.show(refs.CASE, self.id)


def matter(name: str) -> Matter:
    """A matter by its name; a name nobody knows is our own bug."""
    return matters()[name]


@cache
def matters() -> dict[str, Matter]:
    """All matters, with the reasons that every matter has."""
    raw = _raw()
    return {
        name: Matter(
            name=name,
            title=entry["name"],
            days=entry["days"],
            papers_days=entry["papers_days"],
            needs=tuple(entry["needs"]),
            reasons={verdict: {**raw["common"][verdict], **entry.get(verdict, {})} for verdict in (APPROVED, REFUSED)},
        )
        for name, entry in raw["matters"].items()
    }


def after_working_days(on: date, days: int) -> date:
    """The day on which so many working days have gone by; days of rest and days made up for are data."""
    free, worked = _calendar()
    while days:
        on += timedelta(days=1)
        days -= on in worked or (on not in free and on.weekday() < SATURDAY)
    return on


@cache
def _calendar() -> tuple[frozenset[date], frozenset[date]]:
    raw, free = _raw()["calendar"], set()
    for span in raw["free"]:
        first, last = (date.fromisoformat(day) for day in span.split("/"))
        free |= {first + timedelta(days=place) for place in range((last - first).days + 1)}
    return frozenset(free), frozenset(date.fromisoformat(day) for day in raw["worked"])


@cache
def _raw() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("matters.toml").read_text("utf-8"))


Work = Callable[[Tx, Case], None]


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
    """The request to bind is approved, within every limit; whether the clerk has seen the person is in the reason.

    A guardian who was heard by papers becomes a person of the register now, without any insurance, and the word is on record.
    """
    if "guardian" in case.detail:
        guardian, agreed = enrolment.Stranger.of(case.detail["guardian"]), case.detail["guardian"]["agreed"]
        speaker = enrolment.known(tx, guardian.kind, guardian.number)
        if speaker is None:
            # Whether made-up people are let in was asked when the word was taken down.
            speaker = enrolment.register(
                tx, name=guardian.name, kind=guardian.kind, number=guardian.number, region=case.region,
                household=case.person.number, allow_test_area=True, born=guardian.born,
            )  # fmt: skip
        elif enrolment.person(tx, speaker).name != guardian.name:
            raise Refusal("family.not_matched")
        binding.consent_at_counter(tx, library(), case.about, speaker, agreed)
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
    credential.activate_at_counter(tx, case.person)


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


def leave_household(tx: Tx, case: Case) -> None:
    """The person leaves the household, or its head takes a member out; the member's part goes back."""
    member = person_of(UUID(case.detail["member"]))
    if member == case.person:
        household.leave(tx, library(), case.about, member)
    else:
        household.remove_member(tx, library(), case.about, case.person, member)


def fund_household(tx: Tx, case: Case) -> None:
    """Money goes from the person's own account into the household's."""
    household.transfer(tx, library(), case.about, case.person, int(case.detail["fen"]))


def end_quota(tx: Tx, case: Case) -> None:
    """The quota ends, and what was not used is the giver's again."""
    wallet.stop(tx, case.about, case.person)


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
    "household_leave": Effect(leave_household),
    "household_fund": Effect(fund_household),
    "quota_release": Effect(end_quota),
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
