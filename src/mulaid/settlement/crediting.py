"""Monthly crediting and the turn of the medical year, over everybody: book by book, batch by batch, exactly once.

A batch is one transaction: its journal, the purses with their entries, the credits' keys, and how far the walk has come. So a
walk that is killed goes on where it stood, two walks at once go one after the other, and a second credit breaks a key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Json

from mulaid import refs
from mulaid.calendar import business_date, month_of
from mulaid.db import Row, Statements, Tx
from mulaid.ledger import chart
from mulaid.ledger.journal import SQL as LEDGER
from mulaid.ledger.journal import Leg
from mulaid.money import Fen
from mulaid.people.enrolment import PersonRef
from mulaid.policy import crediting as law
from mulaid.policy.pack import Library
from mulaid.refusal import Refusal

SQL = Statements("mulaid.settlement", "crediting.sql")
BATCH = 1000
CREDIT, TURN = "credit", "turn"


@dataclass(frozen=True, slots=True)
class Came:
    """How far a walk over a book has come; `left_out` counts who could not be credited, by what is missing and where."""

    book: int
    people: int
    fen: Fen
    left_out: dict[str, int]
    done: bool


class _Given(NamedTuple):
    """One change of one purse in a batch."""

    holder: UUID
    kind: int
    fen: Fen
    region: str
    parameter: str


def books(tx: Tx) -> list[int]:
    """Every book there is somebody in."""
    return [row["book"] for row in tx.all(SQL.books)]


def credit_batch(tx: Tx, library: Library, book: int, since: date, most: int = BATCH) -> Came:
    """Credit the next people of a book for the month that begins on `since`; how far it has come. `turn_batch` goes first.

    Refuses a month that has not begun.
    """
    today = business_date(tx.at)
    if since > month_of(today):
        raise Refusal("crediting.future_month", month=f"{since:%Y-%m}")
    walk = _hold(tx, book, CREDIT, since)
    if walk["done_at"] is not None:
        return _came(book, walk)
    rows = tx.all(SQL.insured, book=book, month=since, after=walk["after"], most=most)
    given: list[_Given] = []
    left_out: Counter[str] = Counter(walk["left_out"])
    for row in rows:
        pack = library.in_force(row["region"], since)
        who = law.Insured(row["base"], row["born"], row["flexible"], row["wage_base"], row["retired_on"])
        credit = law.month_credit(pack, who, since)
        if credit.missing:
            left_out[f"{credit.missing} {row['region']}"] += 1
        elif credit.fen:
            kind = chart.CURRENT_YEAR if law.current_year(pack, since, today) else chart.OWN
            given.append(_Given(row["id"], kind, credit.fen, row["region"], credit.parameter))
    if given:
        journal = _post(tx, book, CREDIT, given, [*_purse_legs(given, CREDIT), *_sources(given)])
        tx.run(
            SQL.add_credited,
            book=book,
            month=since,
            journal=journal,
            people=[one.holder for one in given],
            kinds=[one.kind for one in given],
            fens=[one.fen for one in given],
            regions=[one.region for one in given],
            parameters=[one.parameter for one in given],
        )
    return _go_on(tx, book, CREDIT, since, walk, rows, given, left_out, most)


def turn_batch(tx: Tx, library: Library, book: int, since: date, most: int = BATCH) -> Came:
    """Where a medical year begins on `since`: what is left of the next current-year accounts becomes own money."""
    walk = _hold(tx, book, TURN, since)
    if walk["done_at"] is not None:
        return _came(book, walk)
    rows = tx.all(SQL.current_money, book=book, since=since, after=walk["after"], most=most)
    given = []
    for row in rows:
        if row["region"] is not None and law.turns(library.in_force(row["region"], since), since):
            given.append(_Given(row["id"], chart.CURRENT_YEAR, -row["balance"], row["region"], "medical_year_start"))
            given.append(_Given(row["id"], chart.OWN, row["balance"], row["region"], "medical_year_start"))
    if given:
        _post(tx, book, "year_turned", given, _purse_legs(given, "year_turned"))
    ours = [one for one in given if one.fen > 0]
    return _go_on(tx, book, TURN, since, walk, rows, ours, Counter(), most)


def again(tx: Tx, book: int, month: date) -> bool:
    """Go over a book once more for a month that was done: for whose enrolment, base or rule became known afterwards."""
    return bool(tx.run(SQL.again, book=book, kind=CREDIT, since=month))


def credits_of(tx: Tx, ref: PersonRef, first: date, last: date) -> list[Row]:
    """What the months from `first` to `last` brought to a person: month, kind of purse, fen, region, parameter, journal."""
    return tx.all(SQL.credits, book=ref.book, person=ref.id, first=first, last=last)


def _hold(tx: Tx, book: int, kind: str, since: date) -> Row:
    tx.run(SQL.open_walk, book=book, kind=kind, since=since)
    walk = tx.one(SQL.walk, book=book, kind=kind, since=since)
    assert walk is not None, "a walk that was opened is there"
    return walk


def _came(book: int, walk: Row) -> Came:
    return Came(book, walk["people"], walk["fen"], walk["left_out"], walk["done_at"] is not None)


def _go_on(
    tx: Tx,
    book: int,
    kind: str,
    since: date,
    walk: Row,
    rows: Sequence[Row],
    given: Sequence[_Given],
    left_out: Counter[str],
    most: int,
) -> Came:
    done = len(rows) < most
    people, fen = len(given), sum(one.fen for one in given)
    after = rows[-1]["id"] if rows else walk["after"]
    told: dict[str, Any] = dict(left_out)
    tx.run(
        SQL.step,
        book=book,
        kind=kind,
        since=since,
        after=after,
        people=people,
        fen=fen,
        left_out=Json(told),
        done_at=tx.at if done else None,
    )
    return Came(book, walk["people"] + people, walk["fen"] + fen, told, done)


def _purse_legs(given: Iterable[_Given], why: str) -> list[Leg]:
    return [Leg(chart.purse(one.holder, one.kind), one.fen, why) for one in given]


def _sources(given: Iterable[_Given]) -> list[Leg]:
    """What each region pays for a batch."""
    total: Counter[str] = Counter()
    for one in given:
        total[one.region] += one.fen
    return [Leg(chart.crediting(region), -fen, CREDIT) for region, fen in sorted(total.items())]


def _post(tx: Tx, book: int, cause: str, given: Sequence[_Given], legs: Sequence[Leg]) -> UUID:
    """`journal.post` for a thousand purses at once: one journal, and the purses with their entries in one statement."""
    assert sum(leg.fen for leg in legs) == 0, "the legs of a journal sum to zero"
    journal, day = refs.mint(book, tx.at), business_date(tx.at)
    holders, kinds = [one.holder for one in given], [one.kind for one in given]
    tx.run(SQL.open_purses, book=book, holders=holders, kinds=kinds)
    tx.run(
        LEDGER.add_journal,
        book=book,
        id=journal,
        cause=cause,
        accounts=[leg.account for leg in legs],
        fens=[leg.fen for leg in legs],
        kinds=[leg.kind for leg in legs],
        settlement=None,
        corrects=None,
        returns=None,
        business_date=day,
        at=tx.at,
    )
    tx.all(SQL.hold_purses, book=book, holders=holders, kinds=sorted(set(kinds)))
    moved = tx.run(
        SQL.move_purses,
        book=book,
        holders=holders,
        kinds=kinds,
        fens=[one.fen for one in given],
        journal=journal,
        business_date=day,
        at=tx.at,
    )
    assert moved == len(given), "every purse of a batch was there and moved once"
    return journal
