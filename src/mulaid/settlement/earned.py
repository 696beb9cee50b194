"""What a resident's past years add to the serious-illness cap of the bill at hand."""

from __future__ import annotations

from datetime import date

from mulaid.db import Tx
from mulaid.money import Fen
from mulaid.people.enrolment import PersonRef
from mulaid.policy import rules
from mulaid.policy.benefit import PastYear, addition, record
from mulaid.policy.facts import Facts
from mulaid.policy.pack import Library
from mulaid.settlement.visit import SQL

NEEDED = ("serious_illness_cap", "continuity_reward_yuan", "zero_claim_reward_yuan", "reward_ceiling_ratio")
ZERO_CLAIM = "zero_claim_reward_yuan"


def reward(tx: Tx, library: Library, person: PersonRef, facts: Facts, year: int) -> Fen:
    """The addition in fen to the cap of the insured `year`; 0 without asking the database where there is no cap to add to.

    Past years are read beside the gathering and not guarded: when a bill of an earlier year is returned in the same moment, only
    the next bill sees it. Rule: policy.md N2d-N2g.
    """
    pack = library.in_force(facts.patient.region, facts.on)
    if facts.patient.employee or not pack.knows(*NEEDED):
        return 0
    cap = rules.row(pack["serious_illness_cap"], rules.classes_of(pack, facts), facts.level)
    if cap is None or not (pack["continuity_reward_yuan"] or pack[ZERO_CLAIM]):
        return 0
    month, day = pack["medical_year_start"]
    rows = tx.all(SQL.past_years, book=person.book, person=person.id, year=year, month=month, day=day)
    past = [PastYear(row["year"], row["insured"], row["funds"], row["serious"]) for row in rows]
    began = year
    for one in reversed(past):  # from the newest, because there are no values for years long gone
        if not _rewarded(library, facts.patient.region, date(one.year, month, day)):
            break
        began = one.year
    return addition(pack, record(past, cap, began), cap).fen


def _rewarded(library: Library, region: str, on: date) -> bool:
    """Whether years without a claim counted already when a year began."""
    pack = library.in_force(region, on)
    return pack.knows(ZERO_CLAIM) and bool(pack[ZERO_CLAIM])
