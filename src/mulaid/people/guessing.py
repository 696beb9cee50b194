"""Guessing: how often somebody may try before the answer is no, whatever is asked next.

Tries are counted in transactions of their own: the refusal of a wrong one would undo its own count.
"""

from __future__ import annotations

from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.people.enrolment import PersonRef
from mulaid.people.phone import SQL, use_allowance
from mulaid.refusal import Refusal

NAMINGS = 30
WRONG_CODES, SPAN_MINUTES = 20, 10


def name_somebody(tx: Tx, who: PersonRef) -> None:
    """Count an attempt to name somebody by name and number; refuses the thirty-first of a person's day, right or wrong.

    Who may ask whether a name and a number belong together may ask it of many, so every page that answers it counts here first.
    """
    if not use_allowance(tx, f"name:{who.id}", NAMINGS):
        raise Refusal("people.too_many_tries")


def check_codes(tx: Tx, institution: str) -> None:
    """Refuses to read codes for an institution that showed twenty wrong ones within ten minutes, until those are over."""
    row = tx.one(SQL.allowance_used, name=_codes(tx, institution), span=business_date(tx.at).isoformat())
    if row is not None and row["used"] >= WRONG_CODES:
        raise Refusal("credential.too_many_wrong", minutes=SPAN_MINUTES)


def wrong_code(tx: Tx, institution: str) -> None:
    """Count a code that was none."""
    use_allowance(tx, _codes(tx, institution), WRONG_CODES)


def _codes(tx: Tx, institution: str) -> str:
    return f"code:{institution}:{tx.at:%H}{tx.at.minute // SPAN_MINUTES}"
