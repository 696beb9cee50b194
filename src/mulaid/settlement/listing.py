"""Lists that institutions download (diagnoses, operations, chronic diseases and their kin), loaded from files.

A file is CSV in UTF-8 with the columns of COLUMNS. It is loaded whole or not at all; what it does not name stays as it is.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from mulaid.db import Row, Statements, Tx

SQL = Statements("mulaid.settlement", "listing.sql")
COLUMNS = ("list", "code", "name", "valid_from", "valid_to")
LISTS = frozenset({"1303", "1304", "1307", "1308", "1309", "1310", "1311", "1313", "1314", "1315", "1320", "1321"})
"""The downloads that are kept as lists; 1301, 1302, 1305 and 1306 come of the catalogue that bills are split by."""
LONGEST_CODE, LONGEST_NAME, MOST_TOLD = 50, 200, 20


class ListingTrouble(Exception):
    """What is wrong with a file, a line each, for the operator."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a list, in force from a day, to a day or open-ended; `line` of the file it stood on."""

    line: int
    list: str
    code: str
    name: str
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file brought: entries that are new, that say something else than before, and that say the same."""

    new: int
    changed: int
    same: int


def read(lines: Iterable[str]) -> list[Entry]:
    """The entries of a file. ListingTrouble names every bad line: columns, lists, codes, names, days, entries that overlap."""
    rows = csv.reader(lines, strict=True)
    troubles: list[str] = []
    entries: list[Entry] = []
    try:
        heading = next(rows, [])
        if tuple(cell.removeprefix("\ufeff") for cell in heading) != COLUMNS:
            raise ListingTrouble(f"line 1: the columns must be {','.join(COLUMNS)}")
        for row in rows:
            if not row:
                continue
            try:
                entries.append(_entry(rows.line_num, row))
            except ValueError as trouble:
                troubles.append(f"line {rows.line_num}: {trouble}")
    except (csv.Error, UnicodeDecodeError) as trouble:
        raise ListingTrouble(f"line {rows.line_num}: this is not CSV in UTF-8: {trouble}") from None
    troubles += _overlaps(entries)
    if troubles:
        more = [f"and {len(troubles) - MOST_TOLD} more"] if len(troubles) > MOST_TOLD else []
        raise ListingTrouble("\n".join([*troubles[:MOST_TOLD], *more]))
    if not entries:
        raise ListingTrouble("there is no entry in the file")
    return entries


def load(tx: Tx, entries: Sequence[Entry], version: date) -> Loaded:
    """Put entries in their lists: what is new or changed is downloaded by whoever has an older `version`.

    ListingTrouble for an entry that overlaps one which is there already, and for a version older than the newest of its list.
    """
    newest = {row["list"]: row["updated_on"] for row in tx.all(SQL.listing_versions)}
    late = sorted({entry.list for entry in entries if entry.list in newest and newest[entry.list] > version})
    if late:
        told = ", ".join(f"{name} is of {newest[name]}" for name in late)
        raise ListingTrouble(f"version {version} is older than what is there ({told}): nobody would download it")
    given = {
        "lists": [entry.list for entry in entries],
        "codes": [entry.code for entry in entries],
        "names": [entry.name for entry in entries],
        "firsts": [entry.valid_from for entry in entries],
        "lasts": [entry.valid_to for entry in entries],
    }
    found = tx.all(SQL.put_listing, **given, version=version)
    lines = {(entry.list, entry.code, entry.valid_from): entry.line for entry in entries}
    both = tx.all(SQL.listing_overlaps, lists=given["lists"], codes=given["codes"])
    if both:
        raise ListingTrouble("\n".join(_overlapping(lines, row) for row in both))
    new = sum(row["new"] for row in found)
    return Loaded(new, len(found) - new, len(entries) - len(found))


def _overlapping(lines: Mapping[tuple[str, str, date], int], row: Row) -> str:
    name, code, earlier, later = row["list"], row["code"], row["earlier"], row["later"]
    line = lines.get((name, code, later)) or lines.get((name, code, earlier))
    where = f"line {line}: " if line else ""
    return f"{where}{name} {code} from {later} overlaps the entry from {earlier}"


def _entry(line: int, row: Sequence[str]) -> Entry:
    if len(row) != len(COLUMNS):
        raise ValueError(f"{len(row)} columns instead of {len(COLUMNS)}")
    name, code, words, first, last = (cell.strip() for cell in row)
    if name not in LISTS:
        raise ValueError(f"{name[:20]!r} is no list; there are {', '.join(sorted(LISTS))}")
    if not 0 < len(code) <= LONGEST_CODE or not _plain(code):
        raise ValueError(f"the code must be 1 to {LONGEST_CODE} characters that can be seen")
    if not 0 < len(words) <= LONGEST_NAME or not _plain(words):
        raise ValueError(f"the name must be 1 to {LONGEST_NAME} characters that can be seen")
    since = _day(first)
    until = _day(last) if last else None
    if until is not None and until < since:
        raise ValueError(f"ends on {until}, before it begins")
    return Entry(line, name, code, words, since, until)


def _plain(text: str) -> bool:
    """No tabs, line ends or other control characters: they part the columns of what is downloaded."""
    return not any(unicodedata.category(letter) in ("Cc", "Zl", "Zp", "Cs") for letter in text)


def _day(text: str) -> date:
    if len(text) != 10 or not text.isascii():
        raise ValueError(f"{text[:20]!r} is no day such as 2026-01-31")
    return date.fromisoformat(text)


def _overlaps(entries: Iterable[Entry]) -> list[str]:
    told = []
    before: Entry | None = None
    for entry in sorted(entries, key=lambda one: (one.list, one.code, one.valid_from, one.line)):
        if (
            before is not None
            and (before.list, before.code) == (entry.list, entry.code)
            and (before.valid_to is None or before.valid_to >= entry.valid_from)
        ):
            told.append(f"line {entry.line}: {entry.list} {entry.code} overlaps line {before.line}")
        before = entry
    return told
