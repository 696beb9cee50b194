"""Seals: journals, settlements and the audit trail in blocks that are hashed, chained and signed with a key the database has not.

Whoever changes, removes or backdates what is sealed is found by `faults`, which names the row. Whoever takes the whole database
back to an older state is found by the anchors: the newest blocks' hashes, written down outside of it. What is younger than the
last anchor can still be rewritten by somebody who holds both the database and the key file. See docs/security.md, T30.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mulaid.crypto import Keys
from mulaid.db import Row, Statements, Tx

SQL = Statements("mulaid.ledger", "seal.sql")
CHAINS = ("journal", "settlement", "audit")
LARGEST = 5000
LATEST = timedelta(days=1)
"""No transaction stays open so long: what is so much older than the newest sealed row, and in no block, was slipped in."""
CHANGES = {"refunded_by"}
"""What of a sealed row may change: which refund took a settlement back, which the refund's own row says too."""
FIRST = UUID(int=0)
NOTHING = b"\0" * 32


@dataclass(frozen=True, slots=True)
class Anchor:
    """A block as somebody outside the database remembers it."""

    book: int
    chain: str
    no: int
    hash: str


def seal(tx: Tx, book: int, most: int = LARGEST) -> int:
    """Put what a book has and no block holds yet into a block a chain, each of `most` rows at most; the rows of the longest."""
    return max(_seal(tx, book, chain, most) for chain in CHAINS)


def books(tx: Tx) -> list[int]:
    """The books that may have something to seal."""
    return [row["book"] for row in tx.all(SQL.books_to_seal)]


def _seal(tx: Tx, book: int, chain: str, most: int) -> int:
    last = tx.one(SQL.last_seal, book=book, chain=chain)
    since = _too_old(last["newest"]) if last else FIRST
    rows = tx.all(SQL.unsealed, book=book, chain=chain, since=since, most=most)
    if not rows:
        return 0
    leaves = [leaf(row["content"]) for row in rows]
    no = last["no"] + 1 if last else 1
    block = {"book": book, "chain": chain, "no": no, "count": len(rows), "root": root(leaves), "sealed_at": tx.at}
    block["previous"] = block_hash(last) if last else NOTHING
    signature = _key(tx.keys).sign(block_hash(block))
    if not tx.run(SQL.add_seal, **block, signature=signature):
        return 0  # another worker was quicker
    ids = [row["id"] for row in rows]
    return tx.run(SQL.add_sealed, book=book, chain=chain, block=no, ids=ids, leaves=leaves)


def heads(tx: Tx) -> list[Anchor]:
    """The newest block of every chain of every book."""
    return [Anchor(row["book"], row["chain"], row["no"], block_hash(row).hex()) for row in tx.all(SQL.newest_seals)]


def faults(tx: Tx, anchors: Iterable[Anchor] = ()) -> Iterator[str]:
    """What is no longer as it was sealed, one sentence each: rows, blocks, signatures, and blocks that an anchor remembers."""
    public = _key(tx.keys).public_key()
    known: dict[tuple[int, str, int], str] = {}
    for book in [row["book"] for row in tx.all(SQL.sealed_books)]:
        for chain in CHAINS:
            before: Row | None = None
            for block in tx.all(SQL.seals, book=book, chain=chain):
                name = f"book {book}, {chain} block {block['no']}"
                if block["no"] != (before["no"] + 1 if before else 1):
                    yield f"{name}: the block before it is gone"
                elif block["previous"] != (block_hash(before) if before else NOTHING):
                    yield f"{name} does not continue the block before it"
                try:
                    public.verify(block["signature"], block_hash(block))
                except InvalidSignature:
                    yield f"{name} is not signed with this installation's key"
                known[book, chain, block["no"]] = block_hash(block).hex()
                yield from _changed(tx, name, block)
                before = block
            if last := tx.one(SQL.last_seal, book=book, chain=chain):
                until = _too_old(last["newest"])
                for row in tx.all(SQL.never_sealed, book=book, chain=chain, until=until):
                    yield f"book {book}, {chain} {row['id']} is older than what is sealed and was never sealed"
    for anchor in anchors:
        if known.get((anchor.book, anchor.chain, anchor.no)) != anchor.hash:
            yield f"book {anchor.book}, {anchor.chain} block {anchor.no} is not the one that was anchored"


def _changed(tx: Tx, name: str, block: Row) -> Iterator[str]:
    rows = tx.all(SQL.sealed, book=block["book"], chain=block["chain"], block=block["no"])
    for row in rows:
        if row["content"] is None:
            yield f"{name}: {row['id']} is gone"
        elif leaf(row["content"]) != row["leaf"]:
            yield f"{name}: {row['id']} is not what was sealed"
    if len(rows) != block["count"] or root([row["leaf"] for row in rows]) != block["root"]:
        yield f"{name} does not hold what was sealed"


def leaf(content: Mapping[str, Any]) -> bytes:
    """The hash of a row: its members that say something, sorted by name, as JSON; a column added later says nothing."""
    told = {name: value for name, value in content.items() if value is not None and name not in CHANGES}
    text = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(b"\0" + text.encode()).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle root of RFC 6962 over the hashes of rows."""
    level = list(leaves)
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0] if level else hashlib.sha256().digest()


def block_hash(block: Mapping[str, Any]) -> bytes:
    """The hash of a block, which is what is signed, anchored and continued by the next."""
    moment = block["sealed_at"].astimezone(UTC).isoformat(timespec="microseconds")
    told = [block["book"], block["chain"], block["no"], block["count"], block["root"].hex(), block["previous"].hex(), moment]
    return hashlib.sha256(json.dumps(told).encode()).digest()


def _key(keys: Keys) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(keys.blind("seal", "platform"))


def _too_old(newest: UUID | None) -> UUID:
    """The id below which everything must be sealed. By the rows' own time, so that a backlog of days is sealed batch by batch."""
    moment = (newest.int >> 80) - int(LATEST.total_seconds() * 1000) if newest else 0
    return UUID(int=max(moment, 0) << 80)


def write_down(anchors: Iterable[Anchor], at: datetime) -> str:
    """Anchors as one line of the file that is kept elsewhere."""
    return json.dumps({"at": at.isoformat(timespec="seconds"), "blocks": [[a.book, a.chain, a.no, a.hash] for a in anchors]})


def read_back(lines: Iterable[str]) -> Iterator[Anchor]:
    """The anchors of such a file."""
    for line in lines:
        for book, chain, no, hashed in json.loads(line)["blocks"]:
            yield Anchor(book, chain, no, hashed)
