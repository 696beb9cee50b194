"""Allowances: how much of something may be used on a day, counted in rows: short messages, pictures, look-ups, guesses.

Tries are counted in transactions of their own: the refusal of a wrong one would undo its own count.
"""

from __future__ import annotations

from datetime import timedelta

from mulaid.calendar import business_date
from mulaid.db import Statements, Tx
from mulaid.people.enrolment import PersonRef
from mulaid.refusal import Refusal

SQL = Statements("mulaid.people", "allowance.sql")
NAMINGS = 30
WRONG_CODES, SPAN_MINUTES = 20, 10


def use(tx: Tx, name: str, most: int, many: int = 1) -> bool:
    """Use some of today's allowance of this name; whether there was enough left."""
    return many <= most and bool(
        tx.run(SQL.use_allowance, name=name, span=business_date(tx.at).isoformat(), most=most, many=many)
    )


def name_somebody(tx: Tx, who: PersonRef) -> None:
    """Count an attempt to name somebody by name and number; refuses the thirty-first of a person's day, right or wrong.

    Who may ask whether a name and a number belong together may ask it of many, so every page that answers it counts here first.
    """
    if not use(tx, f"name:{who.id}", NAMINGS):
        raise Refusal("people.too_many_tries")


def check_codes(tx: Tx, institution: str) -> None:
    """Refuses to read codes for an institution that showed twenty wrong ones within ten minutes, until those are over."""
    row = tx.one(SQL.allowance_used, name=_codes(tx, institution), span=business_date(tx.at).isoformat())
    if row is not None and row["used"] >= WRONG_CODES:
        raise Refusal("credential.too_many_wrong", minutes=SPAN_MINUTES)


def wrong_code(tx: Tx, institution: str) -> None:
    """Count a code that was none."""
    use(tx, _codes(tx, institution), WRONG_CODES)


def sweep(tx: Tx) -> None:
    """Drop allowances of days that are over."""
    tx.run(SQL.drop_allowances, day=(business_date(tx.at) - timedelta(days=1)).isoformat())


def _codes(tx: Tx, institution: str) -> str:
    return f"code:{institution}:{tx.at:%H}{tx.at.minute // SPAN_MINUTES}"
