"""Kept answers: what was answered under a key, sealed because it names people. `commands` or the settlement writes it once."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from mulaid.db import Tx


class Kept(NamedTuple):
    """An answer under its key: text, whether a refusal, what the request made, and the hash that a repeat must match."""

    body_hash: bytes
    answer: str
    refused: bool
    subject: UUID | None


def find(tx: Tx, book: int, door: str, caller: str, name: str) -> Kept:
    """The answer under a key that is known to have one; anything else is our own bug."""
    row = tx.one(
        "select body_hash, answer, refused, subject from command"
        " where book = %(book)s and door = %(door)s and caller = %(caller)s and key = %(key)s",
        book=book,
        door=door,
        caller=caller,
        key=name,
    )
    assert row is not None, "a key that was seen has a row"
    answer = tx.keys.open_text("answer", _context(door, caller, name), row["answer"])
    return Kept(row["body_hash"], answer, row["refused"], row["subject"])


def seal(tx: Tx, door: str, caller: str, name: str, text: str) -> bytes:
    """An answer's text as it is kept; it opens under its own key only."""
    return tx.keys.seal("answer", _context(door, caller, name), text)


def _context(door: str, caller: str, name: str) -> str:
    return f"command|answer|{door}|{caller}|{name}"
