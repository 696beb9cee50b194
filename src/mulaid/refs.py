"""References: ids that sort by time, say which book they live in, and fit the thirty characters of the national interface.

An id is a UUID (version 8): 48 bits of milliseconds, 24 bits of book, 50 random bits. So whoever holds a settlement number
can be routed to its book without a directory. Outside the database an id is a letter and 26 Crockford base-32 characters.
"""

from __future__ import annotations

import os
from datetime import datetime
from uuid import UUID

from mulaid.refusal import Refusal

PERSON, VISIT, SETTLEMENT, RELATION, CASE = "P", "V", "S", "R", "C"

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {digit: value for value, digit in enumerate(_DIGITS)}
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]
LARGEST_BOOK = 2**24 - 1


def mint(book: int, at: datetime) -> UUID:
    """A new id of a book at a moment."""
    if not 0 < book <= LARGEST_BOOK:
        raise ValueError(f"book {book} is outside 1..{LARGEST_BOOK}")
    bits = int(at.timestamp() * 1000) << 80
    bits |= 8 << 76 | (book >> 12) << 64
    bits |= 2 << 62 | (book & 0xFFF) << 50 | int.from_bytes(os.urandom(7)) >> 6
    return UUID(int=bits)


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
