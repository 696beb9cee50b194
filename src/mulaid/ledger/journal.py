"""Journals: money moves by writing one, and nothing is ever edited. A refund is a new journal that names the legs it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from mulaid import refs
from mulaid.calendar import business_date
from mulaid.db import Statements, Tx
from mulaid.ledger import chart
from mulaid.money import Fen
from mulaid.refusal import Refusal

SQL = Statements("mulaid.ledger", "ledger.sql")


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a journal: into the account when positive, out of it when negative. `kind` says why it is there."""

    account: str
    fen: Fen
    kind: str


def open_purse(tx: Tx, book: int, holder: UUID, kind: int) -> None:
    """Make sure a purse is there."""
    tx.run(SQL.open_purse, book=book, holder=holder, kind=kind)


def post(
    tx: Tx,
    book: int,
    cause: str,
    legs: Sequence[Leg],
    *,
    settlement: UUID | None = None,
    corrects: UUID | None = None,
    returns: Sequence[int] | None = None,
    ref: UUID | None = None,
) -> UUID:
    """Write a journal of one book and move its purses, in the order that keeps two families from waiting for each other.

    Refuses what would take a purse below its floor. Legs that do not sum to zero are our own bug and end the transaction.
    """
    assert all(type(leg.fen) is int for leg in legs), "money is whole fen"  # the database would round what is not
    assert sum(leg.fen for leg in legs) == 0, "the legs of a journal sum to zero"
    ref = ref or refs.mint(book, tx.at)
    day = business_date(tx.at)
    tx.run(
        SQL.add_journal,
        book=book,
        id=ref,
        cause=cause,
        accounts=[leg.account for leg in legs],
        fens=[leg.fen for leg in legs],
        kinds=[leg.kind for leg in legs],
        settlement=settlement,
        corrects=corrects,
        returns=list(returns) if returns is not None else None,
        business_date=day,
        at=tx.at,
    )
    moves = [(key, leg.fen) for leg in legs if leg.fen and (key := chart.purse_key(leg.account))]
    for (holder, kind), fen in sorted(moves):
        after = tx.one(SQL.move_purse, book=book, holder=holder, kind=kind, fen=fen)
        if after is None:
            raise Refusal("ledger.below_floor")
        tx.run(
            SQL.add_entry,
            book=book,
            holder=holder,
            kind=kind,
            no=after["last_no"],
            journal=ref,
            fen=fen,
            balance=after["balance"],
            business_date=day,
            at=tx.at,
        )
    return ref


def reverse(tx: Tx, journal: UUID, cause: str, parts: Mapping[int, Fen] | None = None, *, settlement: UUID | None = None) -> UUID:
    """Return a journal, whole or by leg: the money goes back exactly where it came from.

    `parts` maps leg numbers (from 0) to the positive fen of that leg to return; their signed sum must be zero. Over all returns
    no leg gives back more than it took: refuses ledger.over_refund, and ledger.unknown_journal.
    """
    book = refs.book_of(journal)
    row = tx.one(SQL.journal, book=book, id=journal)
    if row is None:
        raise Refusal("ledger.unknown_journal")
    wanted = parts if parts is not None else {number: abs(fen) for number, fen in enumerate(row["fens"]) if fen}
    legs, numbers = [], []
    for number, fen in sorted(wanted.items()):
        if not 0 <= number < len(row["fens"]) or not 0 < fen <= abs(row["fens"][number]):
            raise Refusal("ledger.over_refund")
        most = abs(row["fens"][number])
        if not tx.run(SQL.count_return, book=book, journal=journal, leg=number, fen=fen, most=most):
            raise Refusal("ledger.over_refund")
        sign = -1 if row["fens"][number] > 0 else 1
        legs.append(Leg(row["accounts"][number], sign * fen, row["kinds"][number]))
        numbers.append(number)
    return post(tx, book, cause, legs, settlement=settlement, corrects=journal, returns=numbers)
