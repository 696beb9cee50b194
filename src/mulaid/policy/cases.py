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
from mulaid.policy.benefit import INPATIENT, OUTPATIENT
from mulaid.policy.facts import REMOTE, SELF, Facts, Giver, Patient, Portion, Wallet, Year
from mulaid.policy.pack import Library
from mulaid.policy.parameters import LEVELS, RELATIONS
from mulaid.policy.split import Decision, added, decide
from mulaid.refusal import Refusal

SUMS = ("admissions", "inpatient_in_policy", "inpatient_fund", "disease_deductible", "disease_fund", "self_paid", "serious")
GROSS = ("quota_left", "month_left", "year_left", "day_left")
CARE = ("outpatient", "pharmacy", "inpatient")


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
    remote: str = ""
    disease: str = ""


@dataclass(frozen=True, slots=True)
class CaseGiver:
    """A giver of a case, with what only a running system needs: when the insurance stopped and began again."""

    giver: Giver
    suspended_from: date | None
    resumed_from: date | None


@dataclass(frozen=True, slots=True)
class Case:
    """One worked example. `before` is what was known before its first visit, without a bill."""

    id: str
    title: str
    on: date
    before: Facts
    givers: tuple[CaseGiver, ...]
    visits: tuple[Visit, ...]

    @property
    def patient(self) -> Patient:
        """Who was treated."""
        return self.before.patient


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
    household: Fen = 0
    wallets: dict[str, Fen] = field(default_factory=dict)
    serious: Fen = 0
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
            household=decision.household,
            wallets={wallet.shown: fen for wallet, fen in decision.wallets},
            serious=decision.serious,
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
            "household": self.household,
            "wallets": self.wallets,
            "serious": self.serious,
        }
        wrong = []
        for key, wanted in expect.items():
            if isinstance(wanted, dict):
                wanted = {name: fen for name, fen in wanted.items() if fen}
            if found[key] != wanted:
                wrong.append(f"{key}: expected {_shown(wanted)}, got {_shown(found[key])}")
        relatives = sum(self.aid.values()) + self.household + sum(self.wallets.values())
        if self.fund + self.current_year + self.own + relatives + self.cash != self.total:
            wrong.append("the parts do not add up to the bill")
        return wrong


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} {yuan(fen)}" for name, fen in value.items()) + "}"
    return yuan(value)


def run(case: Case, library: Library) -> list[list[str]]:
    """The case through the law alone: for each visit the list of differences, empty where it came out as expected."""
    known = case.before
    deducted: set[tuple[str, date]] = set()
    results = []
    for visit in case.visits:
        here = (visit.institution, visit.on)
        # Each visit in hospital is a stay of its own; only outpatient care asks whether it came twice on a day.
        again = visit.use != INPATIENT and here in deducted
        facts = replace(
            known,
            on=visit.on,
            use=visit.use,
            level=visit.level,
            portions=visit.portions,
            givers=tuple(_on_the_day(giver, entry, visit.on) for giver, entry in zip(known.givers, case.givers, strict=True)),
            year=replace(known.year, deducted_here_today=again),
            use_accounts=visit.use_accounts,
            remote=visit.remote,
            disease=visit.disease,
            other_province=bool(visit.disease and visit.remote),  # examples of care elsewhere are played in other provinces
        )
        regions = {case.patient.region, *(giver.region for giver in facts.givers)}
        decision = decide({region: library.in_force(region, visit.on) for region in regions}, facts)
        results.append(Outcome.of(decision).differences(visit.expect))
        if decision.deductible and decision.benefit == OUTPATIENT:
            deducted.add(here)
        known = _after(known, decision)
    return results


def _after(facts: Facts, decision: Decision) -> Facts:
    """What is known after a bill was settled."""
    sums, year = added(decision), facts.year
    paid = {giver.aid: fen for giver, fen in decision.aid}
    drawn = {wallet.grant: fen for wallet, fen in decision.wallets}
    return replace(
        facts,
        account=facts.account - decision.account,
        current_year=facts.current_year - decision.current_year,
        givers=tuple(_giver_after(giver, paid.get(giver.aid, 0)) for giver in facts.givers),
        household=facts.household - decision.household,
        wallets=tuple(replace(wallet, left=wallet.left - drawn.get(wallet.grant, 0)) for wallet in facts.wallets),
        year=Year(
            year.in_policy + sums.in_policy,
            year.fund + sums.fund,
            year.supplement + sums.supplement,
            year.deductible + sums.deductible,
        ),
        **{name: getattr(facts, name) + getattr(sums, name) for name in SUMS},
    )


def _giver_after(giver: Giver, paid: Fen) -> Giver:
    left: dict[str, Any] = {name: None if (most := getattr(giver, name)) is None else most - paid for name in GROSS}
    return replace(giver, account=giver.account - paid, **left)


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
        self.known(row, "case", "id", "title", "region", "on", "patient", "giver", "wallet", "visit", "note")
        on = self.day(row, "on")
        region = str(row.get("region", ""))
        if on is None or len(region) != 6 or not region.isascii() or not region.isdecimal():
            raise self.trouble("a case needs on = date and region = six digits in quotes")
        patient = self.known(
            row.get("patient", {}), "patient", "scheme", "class", "born", "retired_on", "family_doctor", "status", "account",
            "current_year", "spent", "name", "frozen", "household", "reward",
        )  # fmt: skip
        spent = self.known(patient.get("spent", {}), "spent", "in_policy", "fund", "deductible", "supplement", *SUMS)
        household = self.known(patient.get("household", {}), "household", "left", "head")
        if not isinstance(row.get("visit"), list) or not row["visit"]:
            raise self.trouble("a case needs at least one [[case.visit]]")
        givers = tuple(self.giver(giver, region, on, place) for place, giver in enumerate(row.get("giver", []), 1))
        before = Facts(
            on=on,
            use="outpatient",
            level="L2",
            patient=self.patient(patient, region),
            portions=(),
            account=self.fen(patient, "account"),
            current_year=self.fen(patient, "current_year"),
            givers=tuple(entry.giver for entry in givers),
            year=Year(*(self.fen(spent, name) for name in ("in_policy", "fund", "supplement", "deductible"))),
            frozen=self.fen(patient, "frozen"),
            household=self.fen(household, "left"),
            household_head=str(household.get("head", "")),
            wallets=tuple(self.wallet(wallet, region, on, place) for place, wallet in enumerate(row.get("wallet", []), 1)),
            reward=self.fen(patient, "reward"),
            admissions=self.count(spent, "admissions"),
            **{name: self.fen(spent, name) for name in SUMS if name != "admissions"},
        )
        return Case(
            id=str(row.get("id", "")),
            title=str(row.get("title", "")),
            on=on,
            before=before,
            givers=givers,
            visits=tuple(self.visit(visit, on) for visit in row["visit"]),
        )

    def count(self, row: Mapping[str, Any], name: str) -> int:
        value = row.get(name, 0)
        if type(value) is not int or not 0 <= value <= 100:
            raise self.trouble(f"{name} = {value!r} is not a whole number from 0 to 100")
        return value

    def uses(self, row: Mapping[str, Any]) -> frozenset[str]:
        uses = row.get("uses", list(CARE))
        if not isinstance(uses, list) or not uses or set(map(str, uses)) - set(CARE):
            raise self.trouble(f"uses is a list of {', '.join(CARE)}")
        return frozenset(map(str, uses))

    def wallet(self, row: Mapping[str, Any], region: str, on: date, place: int) -> Wallet:
        self.known(row, "wallet", "name", "relation", "region", "left", "bound", "until", "uses")
        name = str(row.get("name", f"wallet {place}"))
        bound, until = self.day(row, "bound", on - timedelta(days=30)), self.day(row, "until")
        assert bound is not None
        return Wallet(
            grant=f"{place:04d}",
            person=name,
            shown=name,
            relation=self.word(row, "relation", "child", SELF, *RELATIONS),
            region=str(row.get("region", region)),
            left=self.fen(row, "left"),
            bound=bound.isoformat() + "T00:00:00",
            uses=self.uses(row),
            until=until.isoformat() if until else None,
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
            "resumed_from", "quota", "settlement_cap", "frozen", "rank", "chosen", "uses", "group", "month_left", "year_left",
            "day_left", "keep", "paused", "until",
        )  # fmt: skip
        name = str(row.get("name", f"giver {place}"))
        bound = self.day(row, "bound", on - timedelta(days=30))
        filed = self.day(row, "filed", bound)
        until = self.day(row, "until")
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
            uses=self.uses(row),
            group=row.get("group"),
            until=until.isoformat() if until else None,
            chosen=bool(row.get("chosen", False)),
            month_left=self.fen(row, "month_left", None),
            year_left=self.fen(row, "year_left", None),
            day_left=self.fen(row, "day_left", None),
            keep=self.fen(row, "keep"),
            paused=bool(row.get("paused", False)),
        )
        return CaseGiver(giver, self.day(row, "suspended_from"), self.day(row, "resumed_from"))

    def visit(self, row: Mapping[str, Any], case_on: date) -> Visit:
        self.known(
            row, "visit", "use", "level", "institution", "on", "in_policy", "upfront", "over_limit", "self_funded", "personal",
            "items", "use_accounts", "expect", "note", "remote", "disease",
        )  # fmt: skip
        use = self.word(row, "use", OUTPATIENT, *CARE)
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
            remote=self.word(row, "remote", "", "", *REMOTE),
            disease=str(row.get("disease", "")),
        )

    def expect(self, row: Any) -> dict[str, Any]:
        names = (
            "fund",
            "current_year",
            "own",
            "aid",
            "aid_total",
            "cash",
            "person",
            "deductible",
            "household",
            "wallets",
            "serious",
        )
        row = self.known(row, "expect", *names)
        if not row:
            raise self.trouble("expect is empty: a case that expects nothing cannot fail")
        return {
            name: {who: self.fen(value, who) for who in value} if name in ("aid", "wallets") else self.fen(row, name)
            for name, value in row.items()
        }
