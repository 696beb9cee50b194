"""Money is integer fen. This module is the only place where text becomes money and money becomes text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from mulaid.refusal import Refusal

Fen = int
"""An amount of money in fen, the hundredth part of a yuan."""

LARGEST_FEN = 10**12 - 1
"""Ten billion yuan: the bound that every money column checks."""

_LITERAL = re.compile(r"(-?)(0|[1-9][0-9]{0,9})(?:\.([0-9]{1,2})(0*))?", re.ASCII)


def parse_yuan(text: str, *, signed: bool = False) -> Fen:
    """Fen from a yuan literal such as `12.30`; refuses exponents, signs, separators and a third decimal that is not 0."""
    match = _LITERAL.fullmatch(text)
    if not match or (match[1] and not signed):
        raise Refusal("money.bad_amount", given=text[:20])
    fen = int(match[2]) * 100 + int((match[3] or "").ljust(2, "0"))
    if fen > LARGEST_FEN:
        raise Refusal("money.bad_amount", given=text[:20])
    return -fen if match[1] else fen


def yuan(fen: Fen) -> str:
    """`1234` as `12.34`: always two decimals, no separators."""
    if fen < 0:
        return "-" + yuan(-fen)
    return "%d.%02d" % divmod(fen, 100)  # noqa: UP031 -- the fastest form, and settling asks for it dozens of times


def share(fen: Fen, ratio: Decimal) -> Fen:
    """The part `ratio` of an amount, rounded half up to a fen; the rest stays with the other side."""
    return half_up(Decimal(fen) * ratio)


def half_up(fen: Decimal) -> Fen:
    """A computed amount as whole fen, half a fen rounded up."""
    return int(fen.to_integral_value(ROUND_HALF_UP))


def split(fen: Fen, weights: Sequence[int]) -> list[Fen]:
    """An amount in parts by weight: each part rounded down, leftover fen one each to the first parts that have weight."""
    if fen < 0 or not any(weights) or min(weights) < 0:
        raise ValueError("an amount of at least zero and weights of which one is positive")
    whole = sum(weights)
    parts = [fen * weight // whole for weight in weights]
    left = fen - sum(parts)
    for place, weight in enumerate(weights):
        if left and weight:
            parts[place] += 1
            left -= 1
    return parts
