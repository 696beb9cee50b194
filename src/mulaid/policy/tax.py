"""The income-tax deduction for serious illness (policy N11): from what a person bore within the catalogue in a calendar year.

Each person has a threshold and a cap of their own. An adult's deduction is claimed by the person or the spouse, a minor
child's by one of the parents, between March and June of the next year. Account money, whoever's, was borne by the person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from mulaid.money import Fen
from mulaid.policy.pack import Pack

SELF, SPOUSE, CHILD = "self", "spouse", "child"


@dataclass(frozen=True, slots=True)
class Deduction:
    """What may be deducted for one person, in fen, and by whom: adult or minor."""

    self_paid: Fen
    fen: Fen
    claimed_by: str


def deduction(pack: Pack, self_paid: Fen, born: date, year: int) -> Deduction:
    """What a year's in-catalogue burden of one person allows; a child is a minor who is under age at the end of the year."""
    above = max(0, self_paid - pack["tax_illness_threshold"])
    last = date(year, 12, 31)
    age = last.year - born.year - ((last.month, last.day) < (born.month, born.day))
    minor = age < pack["adult_age_years"]
    return Deduction(self_paid, min(above, pack["tax_illness_cap"]), "minor" if minor else "adult")


def claimable(relation: str, found: Deduction) -> bool:
    """Whether somebody may claim for oneself, a spouse, or a child; an adult child claims alone."""
    return relation in (SELF, SPOUSE) or (relation == CHILD and found.claimed_by == "minor")


def claim_span(year: int) -> tuple[date, date]:
    """The first and last day of the annual settlement in which a year's deduction is claimed."""
    return date(year + 1, 3, 1), date(year + 1, 6, 30)
