"""What the books say: statements, balances at any moment, the trial balance, and whether everything agrees with everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from mulaid.db import Row, Tx
from mulaid.ledger.chart import PURSE_NAMES
from mulaid.ledger.journal import SQL
from mulaid.money import Fen, yuan


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a statement; `balance` is after it."""

    no: int
    journal: UUID
    fen: Fen
    balance: Fen
    business_date: date
    recorded_at: datetime


def statement(tx: Tx, book: int, holder: UUID, kind: int, first: date = date.min, last: date = date.max) -> list[Entry]:
    """The entries of a purse over a span of business days, both included, oldest first."""
    return [Entry(**row) for row in tx.all(SQL.statement, book=book, holder=holder, kind=kind, first=first, last=last)]


def balances(tx: Tx, book: int, holder: UUID) -> dict[int, Fen]:
    """What a holder's purses hold now, by kind."""
    return {row["kind"]: row["balance"] for row in tx.all(SQL.purses, book=book, holder=holder)}


def trial_balance(tx: Tx, book: int) -> dict[str, Fen]:
    """Every account of a book with its sum; purses are added up by kind. The values sum to zero."""
    return {row["account"]: row["fen"] for row in tx.all(SQL.trial_balance, book=book)}


def books(tx: Tx) -> list[int]:
    """The books that have anything in them."""
    return [row["book"] for row in tx.all(SQL.books)]


def faults(tx: Tx) -> Iterator[str]:
    """Everything about the books that is not as it must be, one sentence each; nothing when all is well.

    Books sum to zero; statement = entries = balance; numbers gap-free; no purse below its floor; clearing cancels between books.
    """
    owed: dict[tuple[int, int], Fen] = {}
    for book in books(tx):
        if total := sum(trial_balance(tx, book).values()):
            yield f"book {book} does not sum to zero but to {yuan(total)}"
        for row in tx.all(SQL.purses_wrong, book=book):
            name = PURSE_NAMES.get(row["kind"], row["kind"])
            yield f"book {book}, {name} of {row['holder']}: {_wrong_with_purse(row)}"
        for row in tx.all(SQL.legs_without_entry, book=book):
            yield f"book {book}, journal {row['journal']}: leg and entry of {row['account']} differ"
        for row in tx.all(SQL.clearing, book=book):
            owed[book, row["other"]] = row["fen"]
    for (book, other), fen in owed.items():
        if fen + owed.get((other, book), 0):
            yield f"clearing between books {book} and {other} does not cancel out"


def _wrong_with_purse(row: Row) -> str:
    if row["balance"] is None:
        return f"{row['many']} entries that sum to {yuan(row['total'])}, and no purse"
    if row["balance"] < row["floor"]:
        return f"balance {yuan(row['balance'])} is below its floor {yuan(row['floor'])}"
    return (
        f"balance {yuan(row['balance'])}, {row['last_no']} numbers given, {row['many']} entries that sum to {yuan(row['total'])}"
    )
