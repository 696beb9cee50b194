"""References: ids that sort by time, say which book they live in, and fit the thirty characters of the national interface.

An id is a UUID (version 8): 48 bits of milliseconds, 24 bits of book, 50 random bits that grow within a millisecond, so that
what one process mints in a row sorts in that row. Whoever holds a settlement number can be routed to its book without a
directory. Outside the database an id is a letter and 26 Crockford base-32 characters.
"""

from __future__ import annotations

import os
import threading
from datetime import datetime
from uuid import UUID

from mulaid.refusal import Refusal

PERSON, VISIT, SETTLEMENT, RELATION, CASE = "P", "V", "S", "R", "C"

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {digit: value for value, digit in enumerate(_DIGITS)}
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]
LARGEST_BOOK = 2**24 - 1


def mint(book: int, at: datetime) -> UUID:
    """A new id of a book at a moment; of one moment and book the later one is the greater."""
    if not 0 < book <= LARGEST_BOOK:
        raise ValueError(f"book {book} is outside 1..{LARGEST_BOOK}")
    moment = int(at.timestamp() * 1000)
    bits = moment << 80
    bits |= 8 << 76 | (book >> 12) << 64
    bits |= 2 << 62 | (book & 0xFFF) << 50 | _tails.next(moment)
    return UUID(int=bits)


class _Tails:
    """The random end of ids: afresh for another millisecond than the last, else a random step further."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moment = self._tail = 0

    def next(self, moment: int) -> int:
        """Fifty bits."""
        random = int.from_bytes(os.urandom(7))
        with self._lock:
            step = self._tail + 1 + (random & 0xFFFFF)
            # The first bit of a fresh one stays clear: room for half a milliard steps.
            self._tail = step if moment == self._moment and step < 1 << 50 else random >> 7
            self._moment = moment
            return self._tail


_tails = _Tails()


def book_of(ref: UUID) -> int:
    """The book an id lives in."""
    bits = ref.int
    return ((bits >> 64) & 0xFFF) << 12 | (bits >> 50) & 0xFFF


def show(prefix: str, ref: UUID) -> str:
    """The id as people and institutions see it: a letter and 26 characters."""
    bits = ref.int
    return prefix + "".join([_PAIRS[(bits >> shift) & 0x3FF] for shift in range(120, -1, -10)])


def parse(prefix: str, text: str) -> UUID:
    """The id behind a shown reference; refuses what no reference of this kind can be."""
    body = text[1:].upper()
    # ASCII first: outside of it upper case can turn one character into a digit, or into two.
    if not text.isascii() or len(text) != 27 or text[:1].upper() != prefix or any(c not in _VALUE for c in body) or body[0] > "7":
        raise Refusal("refs.unknown", given=text[:40])
    bits = 0
    for digit in body:
        bits = bits << 5 | _VALUE[digit]
    return UUID(int=bits)
