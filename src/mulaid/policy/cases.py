"""Worked examples: `cases.toml` read, and run through the law alone. The format is docs/packs.md chapter 6."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from mulaid.money import Fen, parse_yuan, yuan
from mulaid.policy.facts import Facts, Giver, Patient, Portion, Year
from mulaid.policy.pack import Library
from mulaid.policy.parameters import LEVELS, RELATIONS
from mulaid.policy.split import Decision, decide
from mulaid.refusal import Refusal


class CaseTrouble(Exception):
    """A case file cannot be understood; the message names case, member and what is expected. For its author, in English."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One bill of a case and what it must come to."""

    use: str
    level: str
    institution: str
    on: date
    portions: tuple[Portion, ...]
    use_accounts: bool
    expect: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CaseGiver:
    """A giver of a case, with what only a running system needs: when the insurance stopped and began again."""

    giver: Giver
    suspended_from: date | None
    resumed_from: date | None


@dataclass(frozen=True, slots=True)
class Case:
    """One worked example."""

    id: str
    title: str
    on: date
    patient: Patient
    account: Fen
    current_year: Fen
    year: Year
    givers: tuple[CaseGiver, ...]
    visits: tuple[Visit, ...]


@dataclass(slots=True)
class Outcome:
    """What came of one visit, in the words of `expect`; the law and the gateway both fill one."""

    fund: Fen
    current_year: Fen
    own: Fen
    aid: dict[str, Fen]
    cash: Fen
    total: Fen
    deductible: Fen
    trace: list[str] = field(default_factory=list)

    @staticmethod
    def of(decision: Decision) -> Outcome:
        """The outcome of a decision of the law."""
        return Outcome(
            fund=decision.funds,
            current_year=decision.current_year,
            own=decision.account,
            aid={giver.shown: fen for giver, fen in decision.aid},
            cash=decision.cash,
            total=decision.total,
            deductible=decision.deductible,
        )

    def differences(self, expect: Mapping[str, Any]) -> list[str]:
        """Where this outcome is not what was expected; amounts of `expect` are fen."""
        found = {
            "fund": self.fund,
            "current_year": self.current_year,
            "own": self.own,
            "aid": {name: fen for name, fen in self.aid.items() if fen},
            "aid_total": sum(self.aid.values()),
            "cash": self.cash,
            "person": self.total - self.fund - self.current_year,
            "deductible": self.deductible,
        }
        wrong = []
        for key, wanted in expect.items():
            if isinstance(wanted, dict):
                wanted = {name: fen for name, fen in wanted.items() if fen}
            if found[key] != wanted:
                wrong.append(f"{key}: expected {_shown(wanted)}, got {_shown(found[key])}")
        if self.fund + self.current_year + self.own + sum(self.aid.values()) + self.cash != self.total:
            wrong.append("the parts do not add up to the bill")
        return wrong


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} {yuan(fen)}" for name, fen in value.items()) + "}"
    return yuan(value)


def run(case: Case, library: Library) -> list[list[str]]:
    """The case through the law alone: for each visit the list of differences, empty where it came out as expected."""
    account, current, year = case.account, case.current_year, case.year
    givers = [entry.giver for entry in case.givers]
    deducted: set[tuple[str, date]] = set()
    results = []
    for visit in case.visits:
        here = (visit.institution, visit.on)
        facts = Facts(
            on=visit.on,
            use=visit.use,
            level=visit.level,
            patient=case.patient,
            portions=visit.portions,
            account=account,
            current_year=current,
            givers=tuple(_on_the_day(giver, entry, visit.on) for giver, entry in zip(givers, case.givers, strict=True)),
            year=replace(year, deducted_here_today=here in deducted),
            use_accounts=visit.use_accounts,
        )
        packs = {region: library.in_force(region, visit.on) for region in {case.patient.region, *(g.region for g in givers)}}
        decision = decide(packs, facts)
        results.append(Outcome.of(decision).differences(visit.expect))
        account -= decision.account
        current -= decision.current_year
        paid = {giver.aid: fen for giver, fen in decision.aid}
        givers = [_after(giver, paid.get(giver.aid, 0)) for giver in givers]
        if decision.deductible:
            deducted.add(here)
        year = Year(
            year.in_policy + decision.in_policy_counted,
            year.fund + decision.pool,
            year.supplement + decision.supplement,
            year.deductible + decision.deductible,
        )
    return results


def _after(giver: Giver, paid: Fen) -> Giver:
    quota = None if giver.quota_left is None else giver.quota_left - paid
    return replace(giver, account=giver.account - paid, quota_left=quota)


def _on_the_day(giver: Giver, entry: CaseGiver, on: date) -> Giver:
    since = entry.suspended_from
    if since is None or since > on:
        return giver
    resumed = entry.resumed_from is not None and entry.resumed_from <= on
    return replace(giver, status="normal" if resumed else "suspended", suspended_since_bound=since.isoformat())


def read_cases(path: Path) -> list[Case]:
    """The cases of a file; raises CaseTrouble naming case and member."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CaseTrouble(f"{path}: {error}") from None
    rows = raw.get("case")
    if not isinstance(rows, list) or not rows:
        raise CaseTrouble(f"{path}: no [[case]]")
    return [_Reader(f"{path}: {row.get('id', f'case {place}')}").case(row) for place, row in enumerate(rows, 1)]


class _Reader:
    """Reads one case; every complaint starts with where it is."""

    def __init__(self, where: str) -> None:
        self.where = where

    def trouble(self, says: str) -> CaseTrouble:
        return CaseTrouble(f"{self.where}: {says}")

    def known(self, row: Any, what: str, *names: str) -> Mapping[str, Any]:
        if not isinstance(row, dict):
            raise self.trouble(f"{what} is not a table")
        if strange := set(row) - set(names):
            raise self.trouble(f"{what}: unknown member {', '.join(sorted(strange))}; known are {', '.join(names)}")
        return row

    def fen(self, row: Mapping[str, Any], name: str, default: Any = 0) -> Any:
        value = row.get(name, default)
        if value is None:
            return None
        try:
            return parse_yuan(str(value))
        except Refusal:
            raise self.trouble(f"{name} = {value!r} is not an amount in yuan") from None

    def day(self, row: Mapping[str, Any], name: str, default: date | None = None) -> date | None:
        value = row.get(name, default)
        if value is not None and (not isinstance(value, date) or hasattr(value, "hour")):
            raise self.trouble(f"{name} = {value!r} is not a date such as 2025-08-01 (without quotes)")
        return value

    def word(self, row: Mapping[str, Any], name: str, default: str, *words: str) -> str:
        value = row.get(name, default)
        if value not in words:
            raise self.trouble(f"{name} = {value!r} is none of {', '.join(words)}")
        return str(value)

    def case(self, row: Mapping[str, Any]) -> Case:
        self.known(row, "case", "id", "title", "region", "on", "patient", "giver", "visit", "note")
        on = self.day(row, "on")
        region = str(row.get("region", ""))
        if on is None or len(region) != 6 or not region.isascii() or not region.isdecimal():
            raise self.trouble("a case needs on = date and region = six digits in quotes")
        patient = self.known(
            row.get("patient", {}), "patient", "scheme", "class", "born", "retired_on", "family_doctor", "status", "account",
            "current_year", "spent", "name",
        )  # fmt: skip
        spent = self.known(patient.get("spent", {}), "spent", "in_policy", "fund", "deductible", "supplement")
        if not isinstance(row.get("visit"), list) or not row["visit"]:
            raise self.trouble("a case needs at least one [[case.visit]]")
        return Case(
            id=str(row.get("id", "")),
            title=str(row.get("title", "")),
            on=on,
            patient=self.patient(patient, region),
            account=self.fen(patient, "account"),
            current_year=self.fen(patient, "current_year"),
            year=Year(
                self.fen(spent, "in_policy"),
                self.fen(spent, "fund"),
                self.fen(spent, "supplement"),
                self.fen(spent, "deductible"),
            ),
            givers=tuple(self.giver(giver, region, on, place) for place, giver in enumerate(row.get("giver", []), 1)),
            visits=tuple(self.visit(visit, on) for visit in row["visit"]),
        )

    def patient(self, row: Mapping[str, Any], region: str) -> Patient:
        scheme = self.word(row, "scheme", "employee", "employee", "resident")
        kind = self.word(row, "class", "active", "active", "retired")
        retired = scheme == "employee" and kind == "retired"
        born = self.day(row, "born", date(1960, 1, 1) if retired else date(1980, 1, 1))
        assert born is not None
        return Patient(
            region=region,
            base="resident" if scheme == "resident" else kind,
            status=self.status(row),
            born=born,
            retired_on=self.day(row, "retired_on", date(born.year + 60, 1, 1) if retired else None),
            family_doctor=bool(row.get("family_doctor", False)),
        )

    def status(self, row: Mapping[str, Any]) -> str:
        return self.word(row, "status", "normal", "normal", "suspended", "lapsed_waiting", "ended", "moved")

    def giver(self, row: Mapping[str, Any], region: str, on: date, place: int) -> CaseGiver:
        self.known(
            row, "giver", "name", "relation", "region", "bound", "filed", "account", "current_year", "status", "suspended_from",
            "resumed_from", "quota", "settlement_cap", "frozen", "rank", "chosen", "uses", "group",
        )  # fmt: skip
        name = str(row.get("name", f"giver {place}"))
        bound = self.day(row, "bound", on - timedelta(days=30))
        filed = self.day(row, "filed", bound)
        uses = row.get("uses", ["outpatient", "pharmacy", "inpatient"])
        if not isinstance(uses, list):
            raise self.trouble("uses is a list of words")
        assert bound is not None
        assert filed is not None
        giver = Giver(
            aid=f"{place:04d}",
            person=name,
            shown=name,
            relation=self.word(row, "relation", "child", *RELATIONS),
            region=str(row.get("region", region)),
            status=self.status(row),
            filed=filed.isoformat() + "T00:00:00",
            bound=bound.isoformat() + "T00:00:00",
            account=self.fen(row, "account"),
            current_year=self.fen(row, "current_year"),
            frozen=self.fen(row, "frozen"),
            quota_left=self.fen(row, "quota", None),
            settlement_cap=self.fen(row, "settlement_cap", None),
            rank=row.get("rank"),
            uses=frozenset(map(str, uses)),
            group=row.get("group"),
            chosen=bool(row.get("chosen", False)),
        )
        return CaseGiver(giver, self.day(row, "suspended_from"), self.day(row, "resumed_from"))

    def visit(self, row: Mapping[str, Any], case_on: date) -> Visit:
        self.known(
            row, "visit", "use", "level", "institution", "on", "in_policy", "upfront", "over_limit", "self_funded", "personal",
            "items", "use_accounts", "expect", "note",
        )  # fmt: skip
        use = self.word(row, "use", "outpatient", "outpatient", "pharmacy")
        level = "pharmacy" if use == "pharmacy" else self.word(row, "level", "L2", *LEVELS)
        on = self.day(row, "on", case_on)
        assert on is not None
        ordinary = Portion(
            "",
            self.fen(row, "in_policy"),
            self.fen(row, "upfront") + self.fen(row, "personal"),
            self.fen(row, "over_limit"),
            self.fen(row, "self_funded"),
        )
        items = tuple(
            Portion(str(item.get("tag", "")), 0, 0, 0, self.fen(item, "amount"))
            for item in (self.known(item, "item", "amount", "tag") for item in row.get("items", []))
        )
        return Visit(
            use=use,
            level=level,
            institution=str(row.get("institution", "a")),
            on=on,
            portions=tuple(portion for portion in (ordinary, *items) if portion.total),
            use_accounts=bool(row.get("use_accounts", True)),
            expect=self.expect(row.get("expect")),
        )

    def expect(self, row: Any) -> dict[str, Any]:
        names = ("fund", "current_year", "own", "aid", "aid_total", "cash", "person", "deductible")
        row = self.known(row, "expect", *names)
        if not row:
            raise self.trouble("expect is empty: a case that expects nothing cannot fail")
        return {
            name: {who: self.fen(value, who) for who in value} if name == "aid" else self.fen(row, name)
            for name, value in row.items()
        }
