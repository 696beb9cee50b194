"""For whoever reviews packs: what is wrong with a folder of them, and how two regions or two versions of their packs differ.

Wrong is what goes beyond the form of each value: gaps, broken chains, typing errors, cases that fail. A *fault* makes a pack
unusable or unfair; a *remark* is something its author should look at and may be right about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from mulaid.policy.casefile import read_cases
from mulaid.policy.cases import CaseTrouble, run
from mulaid.policy.channels import channels, read_channels
from mulaid.policy.pack import GRADES, NATION, UNKNOWN, Library, Pack, PackTrouble, Sheet, Value, library, region_number
from mulaid.policy.parameters import PARAMETERS, Band, reference
from mulaid.policy.rules import FALLBACK, ratio_at
from mulaid.refusal import Refusal

BASES = ("active", "retired", "resident")
# The nation pays something here although it knows no region: a region that has its own values later must say what held before.
GENEROUS = ("outpatient_ratio",)
# Before the reform nothing but the person's own share may come into an account, and after it nothing else either.
OWN_SHARE = Decimal("0.02")


@dataclass(slots=True)
class Findings:
    """What a check found, and how much it looked at."""

    packs: int = 0
    values: int = 0
    cases: int = 0
    faults: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def open_library(folder: Path | None) -> Library:
    """The packs of a folder, laid over those of the program where the folder has no nation of its own; raises PackTrouble."""
    if folder is None:
        return library()
    if folder.name == "pack.toml":
        folder = folder.parent
    whole = (folder / "cn" / "pack.toml").is_file() or folder.name == "cn"
    return Library(folder, None if whole else library())


def check(folder: Path | None = None) -> Findings:
    """Everything that can be said about the packs of a folder (default: the program's own) and their cases."""
    found = Findings()
    try:
        lib = open_library(folder)
    except PackTrouble as trouble:
        found.faults += str(trouble).splitlines()
        return found
    found.faults += _channel_faults(folder)
    proven: set[str] = set()
    for region in lib.own:
        cases = lib.sheets[region].path.with_name("cases.toml")
        if cases.is_file():
            proven |= _run_cases(lib, cases, found)
    for region in lib.own:
        sheet = lib.sheets[region]
        found.packs += 1
        found.values += sum(len(rows) for rows in sheet.dated.values())
        label = f"{sheet.path.parent.name}/pack.toml"
        found.faults += [f"{label}: {fault}" for fault in _faults(lib, sheet)]
        found.remarks += [f"{label}: {remark}" for remark in _remarks(lib, sheet)]
        if _is_settled_by(sheet) and not any(proved.startswith(_stem(region)) for proved in proven):
            found.remarks.append(f"{label}: no case has this region, so nothing proves that the values mean what was meant")
    return found


def _is_settled_by(sheet: Sheet) -> bool:
    """Whether the sheet says anything that a worked example could prove."""
    decisive = ("Outpatient", "Inpatient", "What accounts", "Mutual aid")
    return sheet.region != NATION and any(reference()[name].chapter.startswith(decisive) for name in sheet.dated)


def _channel_faults(folder: Path | None) -> list[str]:
    try:
        if folder is None:
            channels()
        elif (folder / "channels.toml").is_file():
            read_channels((folder / "channels.toml").read_text("utf-8"))
    except PackTrouble as trouble:
        return str(trouble).splitlines()
    return []


def _stem(region: str) -> str:
    """The digits that all regions below this one share."""
    return region[:2] if region.endswith("0000") else region[:4]


def _run_cases(lib: Library, path: Path, found: Findings) -> set[str]:
    """Runs a file of cases; gives back the regions they are about."""
    label = f"{path.parent.name}/cases.toml"
    try:
        cases = read_cases(path)
    except CaseTrouble as trouble:
        found.faults += [f"{label}: {line.removeprefix(f'{path}: ')}" for line in str(trouble).splitlines()]
        return set()
    for case in cases:
        try:
            results = run(case, lib)
        except CaseTrouble as trouble:
            found.faults.append(f"{label}: {case.id}: {trouble}")
            continue
        found.faults += [f"{label}: {case.id}: visit {place}: {line}" for place, lines in enumerate(results, 1) for line in lines]
    found.cases += len(cases)
    return {region for case in cases for region in (case.patient.region, *(entry.giver.region for entry in case.givers))}


def _faults(lib: Library, sheet: Sheet) -> Iterator[str]:
    yield from _chain(lib, sheet)
    yield from _gaps(lib, sheet)
    yield from _papers(sheet)
    for on in _own_days(sheet):
        try:
            pack = lib.in_force(sheet.region, on)
        except Refusal as refusal:
            yield f"{on}: {refusal.sentence}"
            continue
        yield from _strange_classes(lib, sheet, on)
        yield from _no_deductible(sheet, pack, on)
        if pack["supervision_stop_months_min"] > pack["supervision_stop_months_max"]:
            yield f"{on}: supervision_stop_months_min is above supervision_stop_months_max"


def _own_days(sheet: Sheet) -> list[date]:
    return sorted({since for rows in sheet.dated.values() for since, _ in rows})


def _chain(lib: Library, sheet: Sheet) -> Iterator[str]:
    """An area without its province would silently run on the nation."""
    province = sheet.region[:2] + "0000"
    if sheet.layer == "area" and province not in lib.sheets:
        yield f"there is no pack {province} for the province: make one, it may say no more than region, name, layer and grade"


def _gaps(lib: Library, sheet: Sheet) -> Iterator[str]:
    if sheet.region == NATION:
        begun = {rows[0][0] for rows in sheet.dated.values() if rows}
        late = [name for name, rows in sheet.dated.items() if rows and rows[0][0] > min(begun)]
        yield from (f"{name}: has no value before {sheet.dated[name][0][0]}, other rules begin {min(begun)}" for name in late)
        return
    for parameter in GENEROUS:
        rows = sheet.dated.get(parameter, ())
        above = [layer for layer in lib.layers(sheet.region)[1:] if layer.region != NATION and parameter in layer.dated]
        first = lib.sheets[NATION].dated[parameter][0][0]
        if rows and rows[0][0] > first and not above:
            yield (
                f"{parameter}: not known before {rows[0][0]}, and the nation's value would be used there: write what held, or "
                f'"{first}" = {{ value = "{UNKNOWN}", source = …, note = … }}, or value = "inherit" if the nation\'s is meant'
            )


def _papers(sheet: Sheet) -> Iterator[str]:
    if sheet.grade not in GRADES:
        yield f"grade {sheet.grade!r} is none of {', '.join(GRADES)}"
    yield from (f"sources.{key}: no value names it" for key in sheet.sources if key not in sheet.cited)


def _tables(value: Any) -> Iterator[str]:
    """The classes a table of benefits speaks of."""
    if isinstance(value, tuple):
        for band in value:
            if isinstance(band, Band):
                yield from band.ratios
    elif isinstance(value, dict) and all(isinstance(levels, dict) for levels in value.values()):
        yield from value


def _strange_classes(lib: Library, sheet: Sheet, on: date) -> Iterator[str]:
    finer = {
        finer.name
        for layer in lib.layers(sheet.region)
        for _, value in layer.dated.get("person_classes", ())
        if value is not None and value.plain != UNKNOWN
        for finer in value.value
    }
    for name, rows in sheet.dated.items():
        kind = PARAMETERS[name].says
        for since, value in rows:
            if since == on and value is not None and ("by class" in kind or kind.startswith("bands")):
                for strange in sorted(set(_tables(value.value)) - finer - set(BASES)):
                    yield f"{name}.{on}: class {strange} is neither {', '.join(BASES)} nor a class of person_classes"


def _no_deductible(sheet: Sheet, pack: Pack, on: date) -> Iterator[str]:
    """A mode of taking a deductible with no sum for somebody who has a ratio: the sum would silently be nothing."""
    names = ("outpatient_ratio", "outpatient_deductible", "outpatient_deductible_mode")
    if not any(name in sheet.dated for name in names) or not pack.knows(*names) or pack["outpatient_deductible_mode"] == "none":
        return
    base = {finer.name: finer.base for finer in pack["person_classes"]}
    paid = {name for band in pack["outpatient_ratio"] for name in band.ratios}
    for name in sorted(paid):
        if not {name, base.get(name, name)} & set(pack["outpatient_deductible"]):
            yield f"outpatient_deductible: on {on} class {name} has a ratio but no deductible; write 0 if there is none"


def _remarks(lib: Library, sheet: Sheet) -> Iterator[str]:
    for name, rows in sheet.dated.items():
        for (_, before), (since, value) in pairwise(rows):
            if before is None and value is None:
                yield f"{name}.{since}: inherits already"
            elif before is not None and value is not None and _same(before, value):
                yield f"{name}.{since}: says the same as before it"
    yield from _bases_left_out(lib, sheet)
    for since, value in sheet.dated.get("active_credit_ratio", ()):
        if value is not None and value.plain != UNKNOWN and value.value > OWN_SHARE:
            yield f"active_credit_ratio.{since}: {value.plain} is more than the person's own 2 %; is pool and account mixed up?"
    for since, value in sheet.dated.get("outpatient_ratio", ()):
        if value is not None and value.plain != UNKNOWN:
            yield from (f"outpatient_ratio.{since}: {odd}" for odd in _odd_ratios(value.value))


def _bases_left_out(lib: Library, sheet: Sheet) -> Iterator[str]:
    """A row for some retired people and none for the others: those get nothing, which is seldom meant."""
    base = {
        finer.name: finer.base
        for layer in lib.layers(sheet.region)
        for _, value in layer.dated.get("person_classes", ())
        if value is not None and value.plain != UNKNOWN
        for finer in value.value
    }
    for name in ("outpatient_ratio", "inpatient_ratio_bands"):
        for since, value in sheet.dated.get(name, ()):
            said = set(_tables(value.value)) if value is not None and value.plain != UNKNOWN else set()
            for finer in sorted(said & set(base)):
                if base[finer] not in said:
                    yield f"{name}.{since}: has class {finer} and no row for {base[finer]}: everybody else of them gets nothing"


def _same(one: Value, other: Value) -> bool:
    return (one.plain, one.source, one.confidence, one.note) == (other.plain, other.source, other.confidence, other.note)


def _odd_ratios(bands: tuple[Band, ...]) -> Iterator[str]:
    """Shares that fall where every public rule lets them rise: a sign of a column read wrongly."""
    levels = [level for level in FALLBACK if level != "pharmacy"]
    for band in bands:
        for name in band.ratios:
            shares = [ratio_at(band.ratios, (name,), level) for level in levels]
            if shares != sorted(shares, reverse=True):
                yield f"class {name} gets more at a higher level of hospital: {', '.join(map(str, shares))}"
        if {"active", "retired"} <= set(band.ratios):
            worse = [lv for lv in levels if ratio_at(band.ratios, ("retired",), lv) < ratio_at(band.ratios, ("active",), lv)]
            if worse:
                yield f"retired people get less than active ones at {', '.join(worse)}"


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
