"""Business dates: the calendar of the insurance is Asia/Shanghai, wherever the server stands."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Where a door takes its time from. Nothing inward of the doors may ask for the time."""

    def __call__(self) -> datetime:
        """The present moment, aware."""


def wall_clock() -> datetime:
    """The machine's clock; called by doors only."""
    return datetime.now(UTC)


def business_date(at: datetime) -> date:
    """The day in Shanghai on which a moment falls."""
    return at.astimezone(SHANGHAI).date()


def end_of_day(at: datetime) -> datetime:
    """The first moment after the business day of `at`."""
    tomorrow = business_date(at) + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=SHANGHAI)


def month_of(day: date) -> date:
    """The first day of the month."""
    return day.replace(day=1)


def months_between(first: date, second: date) -> int:
    """How many months the second day's month comes after the first one's."""
    return (second.year - first.year) * 12 + second.month - first.month


def year_start(day: date, begins: tuple[int, int]) -> date:
    """The first day of the year that a day falls in, where years begin on the month and day of `begins`."""
    month, first = begins
    return date(day.year - ((day.month, day.day) < begins), month, first)


def stamp(at: datetime) -> str:
    """`yyyy-MM-dd HH:mm:ss` in Shanghai: how people and institutions read a moment."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def months_later(day: date, months: int) -> date:
    """The same day so many calendar months on; the month's last day where it has no such day."""
    place = day.year * 12 + day.month - 1 + months
    year, month = place // 12, place % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
