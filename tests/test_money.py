"""The base: money, references, business dates. Properties over everything, tables where the edge matters."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mulaid import refs
from mulaid.calendar import SHANGHAI, business_date, end_of_day, stamp, wall_clock
from mulaid.money import LARGEST_FEN, half_up, parse_yuan, share, split, yuan
from mulaid.refusal import Refusal

MANY = settings(derandomize=True, max_examples=200, deadline=None)
FEN = st.integers(-LARGEST_FEN, LARGEST_FEN)
AMOUNT = st.integers(0, LARGEST_FEN)

# Money


@MANY
@given(FEN)
def test_what_is_written_as_yuan_reads_back_as_the_same_fen(fen: int) -> None:
    text = yuan(fen)
    assert re.fullmatch(r"-?(0|[1-9][0-9]*)\.[0-9]{2}", text)
    assert parse_yuan(text, signed=True) == fen
    assert Decimal(text) * 100 == fen


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("0", 0),
        ("0.0", 0),
        ("12", 1200),
        ("12.3", 1230),
        ("12.30", 1230),
        ("0.01", 1),
        ("7.1000", 710),
        ("9999999999.99", LARGEST_FEN),
    ],
)
def test_literals_of_yuan(text: str, fen: int) -> None:
    assert parse_yuan(text) == fen


@pytest.mark.parametrize(
    "text",
    [
        "", " ", ".5", "5.", "-1", "+1", "01", "00.1", "1,000", "1e3", "1E3", "1_000", "0x10", "NaN", "Infinity", "-0", " 1",
        "1 ", "1\n", "1.001", "1.0001", "1.2.3", "10000000000", "99999999999.99", "\uff11", "\u0661\u0662",
        "１２", "一", "1\u00a0", "\u00b2",
        "1" * 5000,
    ],
)  # fmt: skip
def test_everything_else_is_not_an_amount(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_yuan(text)
    assert refused.value.code == "money.bad_amount"
    assert len(refused.value.says) < 60, "a long text is not repeated to whoever reads the refusal"


def test_a_sign_is_read_only_where_one_is_expected() -> None:
    assert parse_yuan("-12.30", signed=True) == -1230
    for text in ("--1", "- 1", "+1", "-"):
        with pytest.raises(Refusal):
            parse_yuan(text, signed=True)


@MANY
@given(st.text(max_size=14))
def test_any_text_is_an_exact_amount_or_refused(text: str) -> None:
    try:
        fen = parse_yuan(text)
    except Refusal:
        return
    assert text.isascii()
    assert Decimal(fen) / 100 == Decimal(text)
    assert 0 <= fen <= LARGEST_FEN


@MANY
@given(AMOUNT, st.decimals(0, 1, places=6))
def test_a_share_is_rounded_half_up_and_never_leaves_the_amount(fen: int, ratio: Decimal) -> None:
    part = share(fen, ratio)
    exact = Fraction(fen) * Fraction(ratio)
    assert -Fraction(1, 2) < part - exact <= Fraction(1, 2)
    assert 0 <= part <= fen


@pytest.mark.parametrize(("exact", "fen"), [("0.5", 1), ("1.5", 2), ("2.5", 3), ("0.4999999", 0), ("2.49", 2), ("0", 0)])
def test_half_a_fen_goes_up_and_not_to_the_even_neighbour(exact: str, fen: int) -> None:
    assert half_up(Decimal(exact)) == fen
    assert half_up(Decimal(exact)) == int(Decimal(exact).quantize(Decimal(1), ROUND_HALF_UP))


@MANY
@given(AMOUNT, st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any))
def test_a_split_loses_no_fen_and_gives_the_rest_to_the_first(fen: int, weights: list[int]) -> None:
    parts = split(fen, weights)
    assert sum(parts) == fen
    weighty = [(part, weight) for part, weight in zip(parts, weights, strict=True) if weight]
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if not weight)
    extra = [part - fen * weight // sum(weights) for part, weight in weighty]
    assert set(extra) <= {0, 1}
    assert extra == sorted(extra, reverse=True), "the fen that are left over go to the first parts"


@MANY
@given(AMOUNT, st.lists(st.integers(0, 1000), min_size=1, max_size=6).filter(any), st.integers(2, 50))
def test_a_split_depends_on_the_proportion_only(fen: int, weights: list[int], factor: int) -> None:
    assert split(fen, weights) == split(fen, [weight * factor for weight in weights])


@pytest.mark.parametrize(("fen", "weights"), [(-1, [1]), (1, [0, 0]), (1, []), (1, [2, -1])])
def test_a_split_of_nothing_among_nobody_is_our_own_bug(fen: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="at least zero"):
        split(fen, weights)


# References

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
BOOKS = st.integers(1, refs.LARGEST_BOOK)


@MANY
@given(BOOKS, MOMENTS, st.sampled_from("PVSR"))
def test_a_reference_reads_back_and_says_its_book(book: int, at: datetime, prefix: str) -> None:
    ref = refs.mint(book, at)
    shown = refs.show(prefix, ref)
    assert len(shown) == 27 <= 30, "the national interface keeps thirty characters for numbers of this kind"
    assert re.fullmatch(r"[PVSR][0-9A-HJKMNP-TV-Z]{26}", shown, re.ASCII)
    assert refs.parse(prefix, shown) == refs.parse(prefix, shown.lower()) == ref
    assert refs.book_of(ref) == book
    assert (ref.version, ref.variant) == (8, "specified in RFC 4122")


@MANY
@given(BOOKS, BOOKS, MOMENTS, st.integers(1, 10**9))
def test_references_sort_as_they_were_made(one: int, other: int, at: datetime, later: int) -> None:
    first, second = refs.mint(one, at), refs.mint(other, at + timedelta(milliseconds=later))
    assert first < second
    assert refs.show("S", first) < refs.show("S", second)


def test_references_of_one_millisecond_differ() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert len({refs.mint(7, at) for _ in range(5000)}) == 5000
    row = [refs.mint(7, at) for _ in range(5000)]
    assert row == sorted(row), "of one moment and book the later one is the greater"


@pytest.mark.parametrize("book", [0, -1, refs.LARGEST_BOOK + 1])
def test_a_book_that_cannot_be_is_our_own_bug(book: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        refs.mint(book, datetime(2026, 1, 1, tzinfo=UTC))


GOOD = refs.show("S", UUID(int=5))


@pytest.mark.parametrize(
    "text",
    [
        "", "S", GOOD[1:], GOOD[:-1], GOOD + "0", "V" + GOOD[1:], GOOD[:-1] + "I", GOOD[:-1] + "L", GOOD[:-1] + "O",
        GOOD[:-1] + "U",
        "S8" + GOOD[2:], "SZ" + GOOD[2:], GOOD[:-1] + " ", GOOD[:-1] + "\n", GOOD[:-1] + "１", GOOD[:-1] + "-", "ſ" + GOOD[1:],
        GOOD[:-1] + "ß", "'; drop table settlement; --", "\u0000" * 27, GOOD * 1000,
    ],
)  # fmt: skip
def test_what_no_reference_can_be_is_refused_with_words(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        refs.parse("S", text)
    assert refused.value.code == "refs.unknown"
    assert len(refused.value.says) < 80


@MANY
@given(st.text(max_size=30))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        ref = refs.parse("P", text)
    except Refusal:
        return
    assert refs.show("P", ref) == text.upper()


# Business dates


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2025-12-31T15:59:59.999+00:00", date(2025, 12, 31)),
        ("2025-12-31T16:00:00+00:00", date(2026, 1, 1)),
        ("2025-12-31T23:59:59.999999+08:00", date(2025, 12, 31)),
        ("2026-01-01T00:00:00+08:00", date(2026, 1, 1)),
        ("2026-01-01T07:59:00+00:00", date(2026, 1, 1)),
        ("2025-12-31T20:00:00-05:00", date(2026, 1, 1)),
    ],
)
def test_the_day_is_shanghais_wherever_the_clock_stands(moment: str, day: date) -> None:
    assert business_date(datetime.fromisoformat(moment)) == day


@MANY
@given(MOMENTS, st.sampled_from(["UTC", "America/New_York", "Asia/Urumqi", "Pacific/Kiritimati"]))
def test_a_day_ends_when_the_next_begins(at: datetime, zone: str) -> None:
    local = at.astimezone(ZoneInfo(zone))
    assert business_date(local) == business_date(at)
    end = end_of_day(local)
    assert timedelta(0) < end - at <= timedelta(days=1)
    assert business_date(end) == business_date(at) + timedelta(days=1)
    assert business_date(end - timedelta(microseconds=1)) == business_date(at)


def test_a_moment_reads_as_shanghai_time() -> None:
    assert stamp(datetime(2026, 1, 31, 16, 5, 9, 999999, tzinfo=UTC)) == "2026-02-01 00:05:09"
    assert stamp(datetime(2026, 1, 31, 16, 5, 9, tzinfo=timezone(timedelta(hours=-3)))) == "2026-02-01 03:05:09"


def test_the_wall_clock_knows_its_zone() -> None:
    moments = [wall_clock() for _ in range(3)]
    assert all(moment.tzinfo is UTC for moment in moments)
    assert all(one <= other for one, other in pairwise(moments))
    assert ZoneInfo("Asia/Shanghai") == SHANGHAI
