"""Packs: the dated, sourced values of a region, and which of them are in force on a date.

The format is described for agencies in docs/packs.md. A value belongs to one of three layers; for every parameter the pooling
area's value beats the province's, which beats the nation's. What is in force for a region on a date is one frozen `Pack` with a
digest, so that a decision can be replayed years later by the very values it was made with.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from mulaid.policy.parameters import PARAMETERS, plain, reference
from mulaid.refusal import Refusal

NATION = "000000"
INHERIT, UNKNOWN = "inherit", "unknown"
GRADES = {"A": "high", "A-": "high", "K": "high", "B": "medium", "C": "low", "S": "low"}
YOUNG = {name: kind for name, kind in PARAMETERS.items() if kind.before is not ...}
CONFIDENCES = ("high", "medium", "low")
_META = {"region", "name", "layer", "grade", "sources"}


class PackTrouble(Exception):
    """A pack cannot be used; the message names file, parameter, date and what is expected. For the pack's author, in English."""


@dataclass(frozen=True, slots=True)
class Value:
    """One dated value: parsed for the law, plain for storage, with where it comes from.

    A plain value of `unknown` says that nobody published what held: it has a place in time but the law cannot compute with it.
    """

    value: Any
    plain: Any
    since: str
    region: str
    source: str
    confidence: str
    note: str = ""

    def as_json(self) -> dict[str, str]:
        """What a digest covers and the pack table keeps."""
        return {
            "value": self.plain,
            "since": self.since,
            "region": self.region,
            "source": self.source,
            "confidence": self.confidence,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """Every value in force for one region on one date, and the digest that names exactly these values."""

    region: str
    name: str
    values: Mapping[str, Value]
    digest: str = field(default="")
    _known: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        known = {name: v.value for name, v in self.values.items() if v.plain != UNKNOWN}
        # A pack that was kept before the law knew a parameter decides as the law did then.
        young = {name: kind.before for name, kind in YOUNG.items() if name not in self.values}
        object.__setattr__(self, "_known", {**young, **known})

    def __getitem__(self, parameter: str) -> Any:
        """The value in force; refuses one that nobody published, because a guess would be somebody's money."""
        try:
            return self._known[parameter]
        except KeyError:
            raise self._not_known(parameter) from None

    def knows(self, *parameters: str) -> bool:
        """Whether the law can compute with all of these on this day."""
        return all(parameter in self._known for parameter in parameters)

    def _not_known(self, parameter: str) -> Exception:
        value = self.values.get(parameter)
        if value is None:
            return KeyError(parameter)
        why = value.note.rstrip("。") or "公开文本没有写明"
        return Refusal("policy.not_known", region=self.name, rule=reference()[parameter].zh, why=why)

    def as_json(self) -> str:
        """Canonical text: the digest is taken over it, `from_json` reads it back."""
        body = {"region": self.region, "name": self.name, "values": {k: v.as_json() for k, v in self.values.items()}}
        return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Pack:
        """A stored pack, parsed again by today's kinds."""
        body = json.loads(text)
        values = {
            name: Value(_parsed(name, v["value"]), v["value"], v["since"], v["region"], v["source"], v["confidence"], v["note"])
            for name, v in body["values"].items()
        }
        return seal(Pack(body["region"], body["name"], values))


def _parsed(parameter: str, stored: Any) -> Any:
    return None if stored == UNKNOWN else PARAMETERS[parameter].parse(stored)


def seal(pack: Pack) -> Pack:
    """The pack with its digest: SHA-256 over its canonical text."""
    return Pack(pack.region, pack.name, pack.values, hashlib.sha256(pack.as_json().encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class Sheet:
    """One pack.toml as read: per parameter the dated values in order; None means "inherit from here on"."""

    region: str
    name: str
    layer: str
    dated: Mapping[str, tuple[tuple[date, Value | None], ...]]
    path: Path
    grade: str
    sources: Mapping[str, str]
    cited: frozenset[str]

    def at(self, parameter: str, on: date) -> Value | None:
        """The sheet's own value on a date."""
        row = self.dated.get(parameter, ())
        place = bisect_right([since for since, _ in row], on)
        return row[place - 1][1] if place else None


class Library:
    """All sheets of a folder, and the pack in force for any region on any date.

    `over` lends the sheets that the folder has not: a new region is tried out on top of the packs that come with the program.
    The folder may also be the folder of one pack. `own` are the regions the folder itself speaks for.
    """

    def __init__(self, folder: Path, over: Library | None = None) -> None:
        self.sheets: dict[str, Sheet] = dict(over.sheets) if over else {}
        self.own: list[str] = []
        troubles: list[str] = []
        paths = [folder / "pack.toml"] if (folder / "pack.toml").is_file() else sorted(folder.glob("*/pack.toml"))
        for path in paths:
            try:
                sheet = read_sheet(path)
                self.sheets[sheet.region] = sheet
                self.own.append(sheet.region)
            except PackTrouble as trouble:
                troubles += str(trouble).splitlines()
        if not paths:
            troubles.append(f"{folder}: no pack.toml here, nor in a folder below it")
        if NATION not in self.sheets:
            troubles.append(f"{folder}: the national layer cn/pack.toml is missing")
        elif NATION in self.own:
            national = self.sheets[NATION].dated
            troubles += [f"cn/pack.toml: {name}: the nation has no value" for name in PARAMETERS if name not in national]
        if troubles:
            raise PackTrouble("\n".join(troubles))
        self._starts: dict[str, list[date]] = {}
        self._packs: dict[tuple[str, int], Pack] = {}

    def layers(self, region: str) -> list[Sheet]:
        """The sheets that speak for a region, the most particular first."""
        keys = dict.fromkeys((region, region[:4] + "00", region[:2] + "0000", NATION))
        return [self.sheets[key] for key in keys if key in self.sheets]

    def name(self, region: str) -> str:
        """What people call the region, or its number when no sheet names it."""
        sheet = self.sheets.get(region) or self.sheets.get(region[:4] + "00")
        return sheet.name if sheet else region

    def in_force(self, region: str, on: date) -> Pack:
        """The one pack in force for a region on a date; refuses a date before the national layer begins."""
        starts = self._starts.get(region)
        if starts is None:
            days = {since for sheet in self.layers(region) for row in sheet.dated.values() for since, _ in row}
            starts = self._starts[region] = sorted(days)
        place = bisect_right(starts, on)
        pack = self._packs.get((region, place))
        if pack is None:
            pack = self._packs[region, place] = self._resolve(region, on)
        return pack

    def _resolve(self, region: str, on: date) -> Pack:
        values: dict[str, Value] = {}
        for parameter in PARAMETERS:
            for sheet in self.layers(region):
                if (value := sheet.at(parameter, on)) is not None:
                    values[parameter] = value
                    break
            else:
                raise Refusal("policy.no_rule", on=on.isoformat(), rule=parameter)
        return seal(Pack(region, self.name(region), values))


def region_number(text: str) -> str:
    """A region as a person types it; raises PackTrouble for what is not six digits."""
    if len(text) != 6 or not text.isascii() or not text.isdecimal():
        raise PackTrouble(f"{text}: a region is six digits, such as 420100")
    return text


def read_sheet(path: Path) -> Sheet:
    """One pack.toml, checked whole; raises PackTrouble with every fault found, one a line."""
    label = f"{path.parent.name}/{path.name}"
    try:
        raw = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PackTrouble(f"{label}: not TOML: {error}") from None
    faults: list[str] = []
    region = str(raw.get("region", ""))
    expected = NATION if path.parent.name == "cn" else path.parent.name
    if region != expected:
        faults.append(f"region is {region!r}, the folder says {expected!r}")
    layer = raw.get("layer")
    if layer != _layer(expected):
        faults.append(f"layer is {layer!r}, a region {expected} is {_layer(expected)!r}")
    if not isinstance(raw.get("name"), str):
        faults.append("name is missing")
    sources = raw.get("sources", {})
    faults += list(source_faults(sources))
    dated: dict[str, tuple[tuple[date, Value | None], ...]] = {}
    for parameter, rows in raw.items():
        if parameter in _META:
            continue
        if parameter not in PARAMETERS:
            faults.append(f"{parameter}: no such parameter; docs/packs.md chapter 4 lists them")
        elif not isinstance(rows, dict):
            faults.append(f'{parameter}: expected a table of dates, such as "2023-01-01" = {{ value = …, source = … }}')
        else:
            read = [_read_value(parameter, day, row, region, sources, faults) for day, row in rows.items()]
            dated[parameter] = tuple(sorted((pair for pair in read if pair), key=lambda pair: pair[0]))
    if faults:
        raise PackTrouble("\n".join(f"{label}: {fault}" for fault in faults))
    named = frozenset(key for rows in raw.values() if isinstance(rows, dict) for row in rows.values() for key in _keys(row))
    grades = {key: source["grade"] for key, source in sources.items()}
    return Sheet(region, raw["name"], layer or "", dated, path, str(raw.get("grade", "")), grades, named)


def _layer(region: str) -> str:
    return "nation" if region == NATION else "province" if region.endswith("0000") else "area"


def source_faults(sources: Any) -> Iterator[str]:
    """What is wrong with a table of sources, one a line."""
    for key, source in sources.items() if isinstance(sources, dict) else ():
        if not isinstance(source, dict) or not isinstance(source.get("title"), str):
            yield f"sources.{key}: title is missing"
        elif source.get("grade") not in GRADES:
            yield f"sources.{key}: grade {source.get('grade')!r} is none of {', '.join(GRADES)}"


def _keys(row: Any) -> Sequence[str]:
    return str(row.get("source", "")).split() if isinstance(row, dict) else ()


def _read_value(
    parameter: str, day: str, row: Any, region: str, sources: Mapping[str, Any], faults: list[str]
) -> tuple[date, Value | None] | None:
    where = f"{parameter}.{day}"
    try:
        since = date.fromisoformat(day)
    except ValueError:
        since = date.max
    if since.isoformat() != day:  # a second spelling of a day would be a second value of that day
        faults.append(f"{where}: the key is not a date yyyy-mm-dd")
        return None
    if not isinstance(row, dict) or "value" not in row:
        faults.append(f"{where}: expected {{ value = …, source = … }}")
        return None
    if extra := set(row) - {"value", "source", "confidence", "note"}:
        faults.append(f"{where}: unknown member {', '.join(sorted(extra))}")
    keys = _keys(row)
    missing = [key for key in keys if key not in sources or sources[key].get("grade") not in GRADES]
    if not keys or missing:
        faults.append(f"{where}: source {' '.join(missing) or 'missing'}: name one or more keys of [sources]")
        return None
    grade = GRADES[sources[keys[0]]["grade"]]
    confidence = row.get("confidence", grade)
    if confidence not in CONFIDENCES:
        faults.append(f"{where}: confidence {confidence!r} is none of {', '.join(CONFIDENCES)}")
    if grade == "low" and confidence != "low":
        faults.append(f"{where}: a value that rests on grade {sources[keys[0]]['grade']} has low confidence")
    if row["value"] == INHERIT:
        if region == NATION:
            faults.append(f"{where}: the nation has nothing above it to inherit from")
        return since, None
    stored = plain(row["value"])
    if stored == UNKNOWN:
        if region == NATION:
            faults.append(f"{where}: the nation must know every value; a region may say unknown")
        if not row.get("note"):
            faults.append(f"{where}: an unknown value needs a note, the Chinese sentence that says what was not published")
        confidence = "low"
    try:
        value = _parsed(parameter, stored)
    except ValueError as error:
        faults.append(f"{where}: {error}")
        return None
    title = "；".join(f"{sources[key]['title']}（{sources[key]['grade']}）" for key in keys)
    return since, Value(value, stored, day, region, title, confidence, str(row.get("note", "")))


@cache
def library(folder: Path | None = None) -> Library:
    """The packs that come with the program, or those of another folder; read once."""
    return Library(folder or Path(str(resources.files("mulaid").joinpath("packs"))))
