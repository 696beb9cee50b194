"""What the desk decides: matters with their deadlines and reasons, as data, and what one case is."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any
from uuid import UUID

from mulaid import refs
from mulaid.people.enrolment import PersonRef

APPROVED, REFUSED = "approved", "refused"
STATES = {
    "open": "待领取", "taken": "办理中", "asked_for_papers": "待补材料", "decided": "待复核", "checked": "已复核，等待生效",
    "effected": "已办结", "withdrawn": "已撤回", "lapsed": "逾期终止",
}  # fmt: skip
SIGNALS = {"same_picture": "同一张图片用于另一人的申请", "effect_refused": "已复核但未能生效，请查看经过"}
SATURDAY = 5


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
        heirs = [UUID(heir) for heir in self.detail.get("heirs", {})]
        return [self.person, self.applicant, *(PersonRef(refs.book_of(heir), heir) for heir in heirs)]

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
