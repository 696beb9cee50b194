"""The four invariants over a whole database: books sum to zero; no purse below its floor; statement = entries = balance;
every decision replays to the same fen from the facts and packs it was stored with. And what was sealed is as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

from mulaid.db import Tx
from mulaid.ledger import seal, statement
from mulaid.ledger.seal import Anchor
from mulaid.policy import facts as fact
from mulaid.policy import premium as premium_law
from mulaid.policy.facts import Facts
from mulaid.policy.pack import Pack
from mulaid.policy.split import replay
from mulaid.settlement.pay import kept_pack
from mulaid.settlement.premium import SQL as PREMIUMS
from mulaid.settlement.premium import YEAR_PACK
from mulaid.settlement.visit import SQL

FIRST = UUID(int=0)
NOTHING_SEEN: Mapping[int, UUID] = {}


class Packs:
    """Kept packs by digest, read once."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self._read: dict[str, Pack] = {}

    def __getitem__(self, digest: str) -> Pack:
        if digest not in self._read:
            self._read[digest] = kept_pack(self.tx, digest)
        return self._read[digest]


def faults(tx: Tx, seen: Mapping[int, UUID] = NOTHING_SEEN, anchors: Iterable[Anchor] = ()) -> Iterator[str]:
    """Everything that is not as it must be, one sentence each.

    Of a book whose decisions were replayed before, up to the one in `seen`, only later ones are replayed, and seals are left out;
    the books, purses and settlements' amounts are looked at in full every time. `anchors` are blocks that must be there.
    """
    yield from statement.faults(tx)
    for book in statement.books(tx):
        for row in tx.all(SQL.unlike_books, book=book):
            yield f"settlement {row['id']}: its amounts and its journal differ"
    yield from decisions_that_differ(tx, seen)
    yield from premiums_that_differ(tx)
    if not seen:
        yield from seal.faults(tx, anchors)


def decisions_that_differ(tx: Tx, seen: Mapping[int, UUID] = NOTHING_SEEN) -> Iterator[str]:
    """Stored decisions that do not replay, page by page in every book, from after those in `seen`."""
    packs = Packs(tx)
    for book in statement.books(tx):
        after = seen.get(book, FIRST)
        while rows := tx.all(SQL.decisions, book=book, after=after):
            for row in rows:
                try:
                    in_force = {region: packs[digest] for region, digest in row["packs"].items()}
                    wrong = replay(in_force, fact.read(row["facts"]), row)
                except KeyError as error:
                    wrong = [str(error)]
                if wrong:
                    yield f"settlement {row['id']}: {', '.join(wrong)} replays differently"
            after = rows[-1]["id"]


def bills(tx: Tx) -> Iterator[tuple[str, Facts]]:
    """Whose every settlement that stands is, and the facts it was decided on: what a draft of a rule is tried on."""
    for book in statement.books(tx):
        after = FIRST
        while rows := tx.all(SQL.decisions, book=book, after=after):
            yield from ((str(row["person"]), fact.read(row["facts"])) for row in rows if row["refunded_by"] is None)
            after = rows[-1]["id"]


def premiums_that_differ(tx: Tx) -> Iterator[str]:
    """Stored premiums that do not replay, page by page in every book."""
    packs = Packs(tx)
    for book in statement.books(tx):
        after = FIRST
        while rows := tx.all(PREMIUMS.decisions, book=book, after=after):
            for row in rows:
                in_force = {region: packs[digest] for region, digest in row["packs"].items()}
                facts = premium_law.read(row["facts"])
                if wrong := premium_law.replay(in_force, in_force[YEAR_PACK], facts, row):
                    yield f"premium {row['id']}: {', '.join(wrong)} replays differently"
            after = rows[-1]["id"]
