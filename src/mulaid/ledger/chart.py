"""The chart of accounts: what money can be in, and how an account is written on a leg.

Purses are counted: a row with a balance and a floor. All others are tallied: their balance is the sum of their legs, so that no
hospital waits for another one's row.
"""

from __future__ import annotations

from uuid import UUID

OWN, CURRENT_YEAR, HOUSEHOLD, WALLET = 1, 2, 3, 4
PURSE_NAMES = {OWN: "个人账户", CURRENT_YEAR: "当年账户", HOUSEHOLD: "家庭账户", WALLET: "跨省共济额度"}

NO_REGION = "000000"
"""Stands for an area nobody knows any more."""


def purse(holder: UUID, kind: int) -> str:
    """A counted account of a person or household."""
    return f"purse:{holder}:{kind}"


def purse_key(account: str) -> tuple[UUID, int] | None:
    """Holder and kind behind a purse's account, None for every other account."""
    word, _, rest = account.partition(":")
    if word != "purse":
        return None
    holder, _, kind = rest.partition(":")
    return UUID(holder), int(kind)


def fund(code: str, region: str) -> str:
    """An insurance fund of a pooling area, by its national code (310100 employees' pool)."""
    return f"fund:{code}:{region}"


def institution(code: str) -> str:
    """What a hospital or pharmacy is owed for its bills."""
    return f"institution:{code}"


def cash(code: str) -> str:
    """What patients paid at an institution's till."""
    return f"cash:{code}"


def clearing(book: int) -> str:
    """What is owed to or by another book; over all books the pairs cancel out."""
    return f"clearing:{book}"


def on_the_way(book: int) -> str:
    """What was sent to relatives' wallets and waits to be accepted."""
    return f"on_the_way:{book}"


def premium(scheme: str, region: str) -> str:
    """What was paid into an insurance of an area from accounts, by the words of the law (resident, ltc, ...)."""
    return f"premium:{scheme}:{region}"


def payout(region: str) -> str:
    """What an area's counters paid out of accounts, to heirs and to people who left for good."""
    return f"payout:{region}"


def crediting(region: str) -> str:
    """Where the money of personal accounts comes from: contributions and transfers of an area."""
    return f"crediting:{region}"
