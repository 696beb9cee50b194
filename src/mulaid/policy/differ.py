"""How two regions, or two versions of their packs, differ: for a clerk who moved, and for whoever reviews a new pack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from mulaid.policy.check import open_library
from mulaid.policy.pack import Library, Pack, PackTrouble, Sheet, Value, library, region_number
from mulaid.policy.reference import reference


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a difference: the value, and where it comes from; `value` None where the side says nothing."""

    value: Any
    since: str = ""
    region: str = ""
    source: str = ""
    confidence: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One parameter that is not the same on both sides; `on` is the first day of the value when histories are compared."""

    region: str
    parameter: str
    zh: str
    left: Side
    right: Side
    on: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain types for `--json`."""
        sides = {name: {part: getattr(side, part) for part in Side.__slots__} for name, side in self._sides()}
        return {"region": self.region, "parameter": self.parameter, "zh": self.zh, "on": self.on, **sides}

    def _sides(self) -> Iterator[tuple[str, Side]]:
        yield "left", self.left
        yield "right", self.right


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two things compared: what they are called, whether on one day, and what differs."""

    left: str
    right: str
    dated: bool
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class _Given:
    """What a word on the command line stands for: one region of a library, or a library whole."""

    says: str
    library: Library
    region: str | None


def compare(left: str, right: str, on: date, dated: bool) -> Comparison:
    """Two regions by number, or two packs by path, or two folders of packs; folders over all time unless `dated`.

    Raises PackTrouble for what is neither a region nor a path with packs, and when a region is compared with a folder of several.
    """
    one, other = _given(left), _given(right)
    if one.region is not None and other.region is not None:
        found = in_force(one.library.in_force(one.region, on), other.library.in_force(other.region, on))
        return Comparison(one.says, other.says, True, list(found))
    if one.region is not None or other.region is not None:
        raise PackTrouble(f"{one.says} and {other.says}: compare two regions, or two folders")
    if not dated:
        return Comparison(one.says, other.says, False, list(histories(one.library, other.library)))
    regions = sorted({*one.library.own, *other.library.own})
    pairs = [(one.library.in_force(region, on), other.library.in_force(region, on)) for region in regions]
    return Comparison(one.says, other.says, True, [found for pair in pairs for found in in_force(*pair)])


def _given(word: str) -> _Given:
    path = Path(word)
    if not path.exists():
        region = region_number(word)
        return _Given(f"{region} {library().name(region)}", library(), region)
    folder = path.parent if path.name == "pack.toml" else path
    found = open_library(folder)
    if (folder / "pack.toml").is_file():
        return _Given(f"{word} {found.name(found.own[0])}", found, found.own[0])
    return _Given(word, found, None)


def _side(value: Value | None) -> Side:
    return Side(None) if value is None else Side(value.plain, value.since, value.region, value.source, value.confidence)


def in_force(left: Pack, right: Pack) -> Iterator[Difference]:
    """What differs between two packs in force, in the order of the document."""
    for name, entry in reference().items():
        one, other = left.values[name], right.values[name]
        if one.plain != other.plain:
            yield Difference(right.region, name, entry.zh, _side(one), _side(other))


def histories(left: Library, right: Library) -> Iterator[Difference]:
    """What differs between two folders of packs: every dated value that only one of them has or that they give differently."""
    for region in sorted({*left.own, *right.own}):
        one = left.sheets.get(region) if region in left.own else None
        other = right.sheets.get(region) if region in right.own else None
        yield from _sheets(region, one, other)


def _sheets(region: str, one: Sheet | None, other: Sheet | None) -> Iterator[Difference]:
    for name, entry in reference().items():
        rows_one = dict(one.dated.get(name, ())) if one else {}
        rows_other = dict(other.dated.get(name, ())) if other else {}
        for since in sorted({*rows_one, *rows_other}):
            sides = [_row(rows, since) for rows in (rows_one, rows_other)]
            if sides[0] != sides[1]:
                yield Difference(region, name, entry.zh, sides[0], sides[1], since.isoformat())


def _row(rows: dict[date, Value | None], since: date) -> Side:
    if since not in rows:
        return Side(None)
    value = rows[since]
    return Side("inherit", since.isoformat()) if value is None else _side(value)
