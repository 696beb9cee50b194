"""`cases.toml` read: every fault is told, each with file, case, place and key. The format is docs/packs.md chapter 6."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mulaid.money import Fen, parse_yuan
from mulaid.policy.benefit import OUTPATIENT
from mulaid.policy.cases import DEDUCTIBLE, SUMS, Case, CaseGiver, CaseTrouble, Visit
from mulaid.policy.facts import REMOTE, SELF, Facts, Giver, Patient, Portion, Wallet, Year
from mulaid.policy.parameters import LEVELS, PROHIBITED, RELATIONS, TAGS
from mulaid.refusal import Refusal, catalogue

CARE = ("outpatient", "pharmacy", "inpatient")
STATUSES = ("normal", "suspended", "lapsed_waiting", "ended", "moved")
GROUPS = ("publicly_funded", "province_level", "chronic_patient")
GIVERS_NAMED, WALLETS_NAMED = ("aid", "aid_left"), ("wallets", "wallets_left")
AMOUNTS = (
    "fund", "current_year", "own", "aid_total", "cash", "person", "deductible", "household", "serious", "own_left",
    "household_left",
)  # fmt: skip
CASE = ("id", "title", "region", "on", "patient", "giver", "wallet", "visit", "note")
PATIENT = (
    "name", "scheme", "class", "born", "retired_on", "family_doctor", "status", "account", "current_year", "spent", "frozen",
    "household", "reward",
)  # fmt: skip
SPENT = ("in_policy", "fund", "supplement", "deductible", *SUMS)
GIVER = (
    "name", "relation", "region", "bound", "filed", "account", "current_year", "status", "suspended_from", "resumed_from",
    "quota", "settlement_cap", "frozen", "rank", "chosen", "uses", "group", "month_left", "year_left", "day_left", "keep",
    "paused", "until",
)  # fmt: skip
WALLET = ("name", "relation", "region", "left", "bound", "until", "uses")
BILL = ("in_policy", "upfront", "over_limit", "self_funded", "personal")
VISIT = ("use", "level", "institution", "on", *BILL, "items", "use_accounts", "remote", "disease", "expect", "note")
FIRST, LAST = date(1900, 1, 1), date(2100, 1, 1)
BEGIN = date(2000, 1, 1)
"""The first day of the nation's pack."""
_LINE = re.compile(r"\(at line ([0-9]+)", re.ASCII)


def read_cases(path: Path) -> list[Case]:
    """The cases of a file; raises CaseTrouble with every fault, one a line."""
    cases, faults = read_file(path)
    if faults:
        raise CaseTrouble("\n".join(faults))
    return cases


def read_file(path: Path) -> tuple[list[Case], list[str]]:
    """The sound cases of a file, and every fault of the others; raises CaseTrouble where the file as a whole cannot be read."""
    raw = _toml(path)
    faults: list[str] = []
    file = _Place(str(path), faults)
    file.keys(raw, ("case",))
    rows = raw.get("case")
    if isinstance(rows, dict):
        file.fault("[case] is one table: write [[case]], and [[case.giver]], [[case.wallet]], [[case.visit]]")
    elif not isinstance(rows, list) or not rows:
        file.fault("no [[case]]: a file holds one or more, see docs/packs.md chapter 6")
    cases: list[Case] = []
    seen: set[str] = set()
    for number, row in enumerate(rows if isinstance(rows, list) else [], 1):
        own = row.get("id", "") if isinstance(row, dict) else ""
        name = own if isinstance(own, str) and own else f"case {number}"
        place = file.at(name)
        before = len(faults)
        if not isinstance(own, str):
            place.fault(f"id = {_plain(own)} is not words in quotes")
        if name in seen:
            place.fault("id: an earlier case of this file has the same")
        seen.add(name)
        table = place.table(row, "[[case]]", CASE)
        case = _case(place, table, name) if isinstance(row, dict) else None
        if case and len(faults) == before:
            cases.append(case)
    return cases, faults


def _toml(path: Path) -> dict[str, Any]:
    text = ""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text, parse_float=Decimal)
    except FileNotFoundError:
        raise CaseTrouble(f"{path}: no such file") from None
    except IsADirectoryError:
        raise CaseTrouble(f"{path}: a folder; name the file in it, such as {path / 'cases.toml'}") from None
    except OSError as error:
        raise CaseTrouble(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CaseTrouble(f"{path}: not UTF-8; save the file as UTF-8") from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is one, and so is a day that no calendar has
        raise CaseTrouble(f"{path}: not TOML: {_where(text, str(error))}") from None


def _where(text: str, says: str) -> str:
    """The parser's words with the line they are about and the case that line stands in."""
    found = _LINE.search(says)
    lines = text.splitlines()
    if "Invalid date" in says:
        says += ": no calendar has such a day"
    if not found or not 0 < int(found[1]) <= len(lines):
        return says
    number = int(found[1])
    ids = [line.split("=", 1)[1].strip().strip("\"'") for line in lines[:number] if line.partition("=")[0].strip() == "id"]
    case = f"{ids[-1]}: " if ids else ""
    return f"{case}line {number}: {lines[number - 1].strip()}: {says}"


@dataclass(frozen=True, slots=True)
class _Place:
    """Somewhere in a file; reads values there. What is wrong is noted with the place, and a default stands in."""

    where: str
    faults: list[str]

    def at(self, what: str) -> _Place:
        return _Place(f"{self.where}: {what}", self.faults)

    def fault(self, says: str) -> None:
        self.faults.append(f"{self.where}: {says}")

    def keys(self, row: Mapping[str, Any], known: Sequence[str]) -> None:
        for key in row:
            if key not in known:
                near = get_close_matches(key, known, 1)
                meant = f" (is {near[0]} meant?)" if near else ""
                self.fault(f"{key}: no such key{meant}; there are {', '.join(known)}")

    def table(self, row: Any, what: str, known: Sequence[str]) -> Mapping[str, Any]:
        if not isinstance(row, dict):
            self.fault(f"{what} is not a table of {', '.join(known)}")
            return {}
        self.keys(row, known)
        return row

    def tables(self, row: Mapping[str, Any], key: str, known: Sequence[str]) -> Iterable[tuple[_Place, int, Mapping[str, Any]]]:
        """Each of `[[case.KEY]]` with its place, told by name or number."""
        rows = row.get(key, [])
        if not isinstance(rows, list):
            self.fault(f"{key}: write [[case.{key}]] with two brackets, once for each {key}")
            return
        for number, one in enumerate(rows, 1):
            name = one.get("name") if isinstance(one, dict) else None
            place = self.at(f"{key} {name if isinstance(name, str) and name else number}")
            yield place, number, place.table(one, f"[[case.{key}]]", known)

    def fen(self, row: Mapping[str, Any], key: str, default: Fen | None = 0) -> Any:
        if key not in row:
            return default
        value = row[key]
        try:
            return parse_yuan(str(value))
        except Refusal:
            self.fault(
                f"{key} = {_plain(value)} is not an amount in yuan: write 1234.50, no sign, comma or unit, two decimals at most"
            )
            return 0

    def day(self, row: Mapping[str, Any], key: str, default: date | None = None, first: date = FIRST) -> date | None:
        value = row.get(key, default)
        if value is None:
            return None
        if not isinstance(value, date) or hasattr(value, "hour"):
            self.fault(f"{key} = {_plain(value)} is not a date such as 2025-08-01 (without quotes)")
        elif not first <= value <= LAST:
            self.fault(f"{key} = {value} is not a day from {first} to {LAST}")
        else:
            return value
        return default

    def word(self, row: Mapping[str, Any], key: str, default: str, *words: str) -> str:
        value = row.get(key, default)
        if value in words:
            return str(value)
        near = get_close_matches(str(value), words, 1)
        self.fault(f"{key} = {_plain(value)} is none of {', '.join(words)}" + (f"; is {near[0]} meant?" if near else ""))
        return default

    def text(self, row: Mapping[str, Any], key: str, default: str) -> str:
        value = row.get(key, default)
        if not isinstance(value, str):
            self.fault(f"{key} = {_plain(value)} is not words in quotes")
            return default
        return value

    def yes(self, row: Mapping[str, Any], key: str, default: bool = False) -> bool:
        value = row.get(key, default)
        if not isinstance(value, bool):
            self.fault(f"{key} = {_plain(value)} is neither true nor false (without quotes)")
            return default
        return value

    def count(self, row: Mapping[str, Any], key: str, default: int | None = 0, least: int = 0) -> Any:
        value = row.get(key, default)
        if value is not default and (type(value) is not int or not least <= value <= 100):
            self.fault(f"{key} = {_plain(value)} is not a whole number from {least} to 100")
            return default
        return value

    def region(self, row: Mapping[str, Any], key: str, default: str = "") -> str:
        value = row.get(key, default)
        if not isinstance(value, str) or len(value) != 6 or not value.isascii() or not value.isdecimal():
            self.fault(f'{key} = {_plain(value)} is not six digits in quotes, such as "420100"')
            return default or "000000"
        return value

    def uses(self, row: Mapping[str, Any]) -> frozenset[str]:
        value = row.get("uses", list(CARE))
        if not isinstance(value, list) or not value or any(use not in CARE for use in value):
            self.fault(f"uses = {_plain(value)} is not a list of one or more of {', '.join(CARE)}")
            return frozenset(CARE)
        return frozenset(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _case(at: _Place, row: Mapping[str, Any], name: str) -> Case:
    if "on" not in row:
        at.fault("on is missing: the day of care, such as on = 2025-08-01")
    on = at.day(row, "on", None, BEGIN) or date(2025, 1, 1)
    region = at.region(row, "region")
    givers: list[CaseGiver] = []
    assumed: set[str] = set()
    for place, number, one in at.tables(row, "giver", GIVER):
        givers.append(_giver(place, one, region, on, number))
        if not {"bound", "filed"} & set(one):
            assumed.add(givers[-1].giver.aid)
    wallets: list[Wallet] = []
    for place, number, one in at.tables(row, "wallet", WALLET):
        wallets.append(_wallet(place, one, region, on, number))
        if "bound" not in one:
            assumed.add(wallets[-1].grant)
    givers_named, wallets_named = [one.giver.shown for one in givers], [one.shown for one in wallets]
    for what, names in (("giver", givers_named), ("wallet", wallets_named)):
        for one_name in sorted({each for each in names if names.count(each) > 1}):
            at.fault(f"{what}: two have the name {one_name}; expect could not tell them apart")
    mine = at.at("patient")
    patient = mine.table(row.get("patient", {}), "[case.patient]", PATIENT)
    if isinstance(patient.get("spent"), dict) and "deductible" not in patient["spent"]:
        assumed.add(DEDUCTIBLE)
    visits = [_visit(place, one, on, givers_named, wallets_named) for place, _, one in at.tables(row, "visit", VISIT)]
    if "visit" not in row or row["visit"] == []:
        at.fault("a case needs at least one [[case.visit]]")
    if [visit.on for visit in visits] != sorted(visit.on for visit in visits):
        at.fault("visit: the visits are not in the order of their days")
    before = _before(mine, patient, region, on, givers, wallets)
    if before.frozen > before.account:
        mine.fault("frozen is more than account: it is a part of it")
    if before.patient.born > on:
        mine.fault(f"born = {before.patient.born} is after the day of care {on}")
    return Case(name, at.text(row, "title", ""), on, before, tuple(givers), tuple(visits), frozenset(assumed))


def _before(
    at: _Place, row: Mapping[str, Any], region: str, on: date, givers: Sequence[CaseGiver], wallets: Sequence[Wallet]
) -> Facts:
    spending, pool = at.at("spent"), at.at("household")
    spent = spending.table(row.get("spent", {}), "spent", SPENT)
    household = pool.table(row.get("household", {}), "household", ("left", "head"))
    return Facts(
        on=on,
        use=OUTPATIENT,
        level="L2",
        patient=_patient(at, row, region),
        portions=(),
        account=at.fen(row, "account"),
        current_year=at.fen(row, "current_year"),
        givers=tuple(entry.giver for entry in givers),
        year=Year(*(spending.fen(spent, name) for name in ("in_policy", "fund", "supplement", "deductible"))),
        frozen=at.fen(row, "frozen"),
        household=pool.fen(household, "left"),
        household_head=pool.text(household, "head", ""),
        wallets=tuple(wallets),
        reward=at.fen(row, "reward"),
        admissions=spending.count(spent, "admissions"),
        **{name: spending.fen(spent, name) for name in SUMS if name != "admissions"},
    )


def _patient(at: _Place, row: Mapping[str, Any], region: str) -> Patient:
    at.text(row, "name", "")
    kind = at.word(row, "class", "active", "active", "retired", "resident")
    # The three base classes of chapter 3 are a way to say the scheme too.
    scheme = at.word(row, "scheme", "resident" if kind == "resident" else "employee", "employee", "resident")
    if kind == "resident" and scheme == "employee":
        at.fault('class = "resident" is not of scheme = "employee"')
    retired = scheme == "employee" and kind == "retired"
    born = at.day(row, "born", date(1960, 1, 1) if retired else date(1980, 1, 1))
    assert born is not None
    return Patient(
        region=region,
        base="resident" if scheme == "resident" else kind,
        status=at.word(row, "status", "normal", *STATUSES),
        born=born,
        retired_on=at.day(row, "retired_on", date(born.year + 60, 1, 1) if retired else None),
        family_doctor=at.yes(row, "family_doctor"),
    )


def _giver(at: _Place, row: Mapping[str, Any], region: str, on: date, number: int) -> CaseGiver:
    name = at.text(row, "name", f"giver {number}")
    suspended, resumed = at.day(row, "suspended_from", None, BEGIN), at.day(row, "resumed_from")
    if resumed and not (suspended and suspended < resumed):
        at.fault("resumed_from needs a suspended_from on an earlier day")
    usual = _month_before(on)
    if suspended and suspended <= usual:
        usual = max(BEGIN, suspended - timedelta(days=1))
    bound = at.day(row, "bound", at.day(row, "filed", usual, BEGIN), BEGIN)
    filed, until = at.day(row, "filed", bound), at.day(row, "until")
    assert bound is not None
    assert filed is not None
    if suspended and suspended <= bound and not (resumed and resumed <= bound):
        at.fault(f"bound = {bound} is while the giver is suspended: nobody can authorise then")
    giver = Giver(
        aid=f"{number:04d}",
        person=name,
        shown=name,
        relation=at.word(row, "relation", "child", *RELATIONS),
        region=at.region(row, "region", region),
        status=at.word(row, "status", "normal", *STATUSES),
        filed=_moment(filed),
        bound=_moment(bound),
        account=at.fen(row, "account"),
        current_year=at.fen(row, "current_year"),
        frozen=at.fen(row, "frozen"),
        quota_left=at.fen(row, "quota", None),
        settlement_cap=at.fen(row, "settlement_cap", None),
        rank=at.count(row, "rank", None, 1),
        uses=at.uses(row),
        group=at.word(row, "group", "", *GROUPS) if "group" in row else None,
        until=until.isoformat() if until else None,
        chosen=at.yes(row, "chosen"),
        month_left=at.fen(row, "month_left", None),
        year_left=at.fen(row, "year_left", None),
        day_left=at.fen(row, "day_left", None),
        keep=at.fen(row, "keep"),
        paused=at.yes(row, "paused"),
    )
    if giver.frozen > giver.account:
        at.fault("frozen is more than account: it is a part of it")
    return CaseGiver(giver, suspended, resumed)


def _wallet(at: _Place, row: Mapping[str, Any], region: str, on: date, number: int) -> Wallet:
    name = at.text(row, "name", f"wallet {number}")
    relation = at.word(row, "relation", "child", SELF, *RELATIONS)
    # What is in one's own wallet is spent before what others froze.
    bound = at.day(row, "bound", BEGIN if relation == SELF else _month_before(on), BEGIN)
    until = at.day(row, "until")
    assert bound is not None
    return Wallet(
        grant=f"W{number:04d}",
        person=name,
        shown=name,
        relation=relation,
        region=at.region(row, "region", region if relation == SELF else _elsewhere(region)),
        left=at.fen(row, "left"),
        bound=_moment(bound),
        uses=at.uses(row),
        until=until.isoformat() if until else None,
    )


def _month_before(on: date) -> date:
    return max(BEGIN, on - timedelta(days=30))


def _elsewhere(region: str) -> str:
    """A region of another province, where a relative lives of whom a case says no more than that."""
    return "310000" if region[:2] != "31" else "330100"


def _moment(day: date) -> str:
    return day.isoformat() + "T00:00:00"


def _visit(at: _Place, row: Mapping[str, Any], case_on: date, givers: Sequence[str], wallets: Sequence[str]) -> Visit:
    use = at.word(row, "use", OUTPATIENT, *CARE)
    level = at.word(row, "level", "pharmacy" if use == "pharmacy" else "L2", *LEVELS)
    if use == "pharmacy" and level != "pharmacy":
        at.fault(f'level = "{level}": with use = "pharmacy" leave the level out')
    if use != "pharmacy" and level == "pharmacy":
        at.fault('level = "pharmacy": write use = "pharmacy"')
    ordinary = Portion(
        "",
        at.fen(row, "in_policy"),
        at.fen(row, "upfront") + at.fen(row, "personal"),
        at.fen(row, "over_limit"),
        at.fen(row, "self_funded"),
    )
    portions = tuple(portion for portion in (ordinary, *_items(at, row)) if portion.total)
    if row and not portions and set(row) <= set(VISIT) - {*BILL, "items"}:
        at.fault(f"the bill is empty: write one or more of {', '.join(BILL)}, items")
    return Visit(
        use=use,
        level=level,
        institution=at.text(row, "institution", "a"),
        on=at.day(row, "on", case_on, BEGIN) or case_on,
        portions=portions,
        use_accounts=at.yes(row, "use_accounts", True),
        expect=_expect(at, row, givers, wallets) if row else {},
        remote=at.word(row, "remote", "", *REMOTE) if "remote" in row else "",
        disease=at.text(row, "disease", ""),
    )


def _items(at: _Place, row: Mapping[str, Any]) -> Iterable[Portion]:
    items = row.get("items", [])
    if not isinstance(items, list):
        at.fault('items is not a list: write items = [{ amount = 650, tag = "cosmetic" }]')
        return
    for number, item in enumerate(items, 1):
        place = at.at(f"item {number}")
        item = place.table(item, "an item", ("amount", "tag"))
        tag = place.text(item, "tag", "")
        if tag and not tag.startswith("vaccine:"):
            tag = place.word(item, "tag", "", *TAGS, *PROHIBITED, "vaccine:NAME")
        yield Portion(tag, 0, 0, 0, place.fen(item, "amount"))


def _expect(at: _Place, visit: Mapping[str, Any], givers: Sequence[str], wallets: Sequence[str]) -> dict[str, Any]:
    """What a visit must come to, in fen; a refusal that is expected stands alone."""
    if not visit.get("expect"):
        at.fault("expect is missing or empty, and what expects nothing cannot fail: write expect = { fund = 840, cash = 160 }")
        return {}
    at = at.at("expect")
    row = at.table(visit["expect"], "expect", (*AMOUNTS, *GIVERS_NAMED, *WALLETS_NAMED, "refused"))
    if "refused" in row:
        if len(row) > 1:
            at.fault("refused stands alone: what is refused comes to nothing else")
        if row["refused"] not in catalogue():
            at.fault(f"refused = {_plain(row['refused'])} is no code of docs/refusals.md, such as policy.not_known")
        return {"refused": str(row["refused"])}
    found: dict[str, Any] = {key: at.fen(row, key) for key in row if key in AMOUNTS}
    for key, names in ((key, names) for keys, names in ((GIVERS_NAMED, givers), (WALLETS_NAMED, wallets)) for key in keys):
        if key not in row:
            continue
        if not isinstance(row[key], dict):
            at.fault(f"{key} = {_plain(row[key])} is not a table by name, such as {key} = {{ A = 300 }}")
            continue
        for name in row[key]:
            if name not in names:
                at.fault(f"{key}: nobody of this case is called {name}" + (f"; there are {', '.join(names)}" if names else ""))
        found[key] = {name: at.at(key).fen(row[key], name) for name in row[key]}
    return found
