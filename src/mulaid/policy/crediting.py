"""What a month brings to a personal account: a share of an employee's own base, a retiree's fixed sum, by the region's rows.

Interest is left out. Age, base and kind of work are those of the month's first day, whoever asks and whenever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from mulaid.calendar import month_of, months_between, year_start
from mulaid.money import Fen, half_up, share
from mulaid.policy.pack import Pack
from mulaid.refusal import Refusal

RATIO_UNITS = 10_000
YEAR_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Insured:
    """An employee or retiree on the first day of a month; `wage_base` is the month's contribution base in fen."""

    base: str
    born: date
    flexible: bool = False
    wage_base: Fen | None = None
    retired_on: date | None = None


@dataclass(frozen=True, slots=True)
class Credit:
    """A month's credit and the parameter that set it. `missing` says what has to be known before there can be one, else empty."""

    fen: Fen
    parameter: str
    missing: str = ""


def month_credit(pack: Pack, who: Insured, month: date) -> Credit:
    """What the month that begins on `month` brings, in fen."""
    assert month.day == 1, "a month is named by its first day"
    if who.flexible:
        own: Fen | None = pack["flexible_credit"].get(who.base)
        if own is not None:
            return Credit(own, "flexible_credit")
    return _active(pack, who) if who.base == "active" else _retired(pack, who, month)


def current_year(pack: Pack, month: date, today: date) -> bool:
    """Whether a month's credit is current-year money: where accounts are parted by year, unless that year is over already."""
    begins: tuple[int, int] = pack["medical_year_start"]
    return bool(pack["split_current_and_prior_account"]) and year_start(month, begins) >= year_start(today, begins)


def turns(pack: Pack, since: date) -> bool:
    """Whether a medical year begins on a day, so that what is left of the year before becomes own money."""
    return bool(pack["split_current_and_prior_account"]) and pack["medical_year_start"] == (since.month, since.day)


def _active(pack: Pack, who: Insured) -> Credit:
    if who.wage_base is None:
        return Credit(0, "active_credit_ratio", "wage_base")
    floor, cap = pack["contribution_base"]
    base = max(floor, who.wage_base if cap is None else min(cap, who.wage_base))
    return Credit(share(base, pack["active_credit_ratio"]), "active_credit_ratio")


def _retired(pack: Pack, who: Insured, month: date) -> Credit:
    rows = [row for row in pack["retiree_credit"] if row[0] <= _age(who.born, month)]
    if not rows:
        return Credit(0, "retiree_credit")
    _, unit, amount = rows[-1]
    if unit == "monthly":
        return Credit(amount, "retiree_credit")
    if unit == "yearly":
        return Credit(_of_the_year(pack, who, month, amount), "retiree_credit")
    if not pack.knows("average_pension") or pack["average_pension"] is None:
        return Credit(0, "average_pension", "average_pension")
    return Credit(share(pack["average_pension"], Decimal(amount) / RATIO_UNITS), "average_pension")


def _of_the_year(pack: Pack, who: Insured, month: date, amount: Fen) -> Fen:
    """A yearly sum comes with the first month of the medical year; who retires within it gets the months that are left."""
    start = year_start(month, pack["medical_year_start"])
    if months_between(start, month) == 0:
        return amount
    retired = who.retired_on
    if retired is None or retired <= start or months_between(month_of(retired), month) != (retired.day > 1):
        return 0
    left = YEAR_MONTHS - months_between(start, month)
    return half_up(Decimal(amount) * left / YEAR_MONTHS)


def _age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def month_named(text: str) -> date:
    """The first day of a month written `2026-11`; refuses everything else."""
    try:
        return date.fromisoformat(f"{text}-01") if len(text) == 7 and text.isascii() else _bad(text)
    except ValueError:
        return _bad(text)


def _bad(text: str) -> date:
    raise Refusal("crediting.bad_month", given=text[:10])
