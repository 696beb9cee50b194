"""What unbroken resident enrolment and years without a claim add to the serious-illness cap (policy N2d-N2g).

After four full years each further year adds; so does each year in which nothing was reimbursed, until the addition is used. Both
together stay within a share of the region's own cap. A break starts the count of years anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from mulaid.money import Fen
from mulaid.policy.pack import Pack
from mulaid.policy.split import Step

FULL_YEARS = 4


@dataclass(frozen=True, slots=True)
class PastYear:
    """A year as it went: insured for some of it, what all funds paid, and what of it was serious-illness money."""

    year: int
    insured: bool
    funds: Fen
    serious: Fen


@dataclass(frozen=True, slots=True)
class Record:
    """What a person has earned: unbroken years, and years without a claim that have not been used."""

    unbroken: int
    without_claim: int


@dataclass(frozen=True, slots=True)
class Reward:
    """The addition to the cap in fen, and why."""

    fen: Fen
    steps: tuple[Step, ...]


def record(years: Iterable[PastYear], cap: Fen, since: int) -> Record:
    """What past years, oldest first, have earned. Years without a claim count from `since` on, when the rule began; a year whose
    serious-illness money went above the region's own `cap` used them up."""
    unbroken = without = 0
    for past in years:
        if not past.insured:
            unbroken = without = 0
            continue
        unbroken += 1
        if past.serious > cap:
            without = 0
        elif past.year >= since and not past.funds:
            without += 1
    return Record(unbroken, without)


def addition(pack: Pack, earned: Record, cap: Fen) -> Reward:
    """What is added to the region's own serious-illness cap."""
    steps = []
    further = max(0, earned.unbroken - FULL_YEARS) * pack["continuity_reward_yuan"]
    if further:
        detail = {"years": earned.unbroken}
        steps.append(Step("continuity", further, "continuity_reward_yuan", pack.region, detail))
    unclaimed = earned.without_claim * pack["zero_claim_reward_yuan"]
    if unclaimed:
        detail = {"years": earned.without_claim}
        steps.append(Step("zero_claim", unclaimed, "zero_claim_reward_yuan", pack.region, detail))
    ceiling = int(Decimal(cap) * pack["reward_ceiling_ratio"])
    whole = min(further + unclaimed, ceiling)
    if whole < further + unclaimed:
        steps.append(Step("reward_ceiling", whole, "reward_ceiling_ratio", pack.region, {"cap": cap}))
    return Reward(whole, tuple(steps))
