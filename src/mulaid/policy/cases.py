"""Worked examples, and their run through the law alone. `casefile` reads them; the format is docs/packs.md chapter 6."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from typing import Any

from mulaid.calendar import year_start
from mulaid.money import Fen, share, yuan
from mulaid.policy import rules
from mulaid.policy.benefit import INPATIENT, OUTPATIENT
from mulaid.policy.facts import SELF, Facts, Giver, Patient, Portion, Wallet, Year
from mulaid.policy.pack import NATION, Library
from mulaid.policy.parameters import EXCLUDED
from mulaid.policy.split import Decision, added, decide
from mulaid.refusal import Refusal

SUMS = ("admissions", "inpatient_in_policy", "inpatient_fund", "disease_deductible", "disease_fund", "self_paid", "serious")
GROSS = ("quota_left", "month_left", "year_left", "day_left")
NEW_YEAR: Mapping[str, Any] = {"year": Year(), **dict.fromkeys(SUMS, 0)}
DEDUCTIBLE = "deductible"
LEFT_BY_NAME = ("aid_left", "wallets_left")


class CaseTrouble(Exception):
    """A case file cannot be understood; each line names file, case, place, key and what is expected. For its author."""


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
    """One worked example. `before` is what was known before its first visit, without a bill.

    `assumed` names what the author left to the law of the day (`complete`): the year's deductible, and the day of binding of
    authorisations and quotas, by their ids.
    """

    id: str
    title: str
    on: date
    before: Facts
    givers: tuple[CaseGiver, ...]
    visits: tuple[Visit, ...]
    assumed: frozenset[str] = frozenset()

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
    left: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(decision: Decision, after: Facts) -> Outcome:
        """The outcome of a decision of the law, and what it left behind."""
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
            left={
                "own_left": after.account,
                "household_left": after.household,
                "aid_left": {giver.shown: giver.account for giver in after.givers},
                "wallets_left": {wallet.shown: wallet.left for wallet in after.wallets},
            },
        )

    def differences(self, expect: Mapping[str, Any]) -> list[str]:
        """Where this outcome is not what was expected; amounts of `expect` are fen."""
        if "refused" in expect:
            return [f"expected to be refused with {expect['refused']}, but it was settled"]
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
            **self.left,
        }
        wrong = []
        for key, wanted in expect.items():
            if key in LEFT_BY_NAME:
                found[key] = {name: found[key].get(name, 0) for name in wanted}
            elif isinstance(wanted, dict):
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


def refused(code: str, says: str, expect: Mapping[str, Any]) -> list[str]:
    """The differences of a visit that was refused: none when the case expects this refusal."""
    return [] if expect.get("refused") == code else [f"refused: {says}"]


def complete(case: Case, library: Library) -> Case:
    """The case with what it left out taken from the law; raises CaseTrouble for a region that no pack speaks for.

    Where care went before without its deductible being told, that is as far as taken as the law takes it. Who is not said to have
    been bound on a day was thirty days before, or on the first day after on which it was allowed.
    """
    _known_regions(case, library)
    facts, last = case.before, case.visits[-1].on
    givers = []
    for entry in case.givers:
        giver = entry.giver
        if giver.aid in case.assumed:
            day = _first(giver.bound, last, partial(_giver_stopped, library, giver))
            giver = replace(giver, bound=day, filed=day)
        givers.append(replace(entry, giver=giver))
    wallets = []
    for wallet in facts.wallets:
        if wallet.grant in case.assumed:
            day = _first(wallet.bound, last, partial(_wallet_stopped, library, case, wallet))
            wallet = replace(wallet, bound=day)
        wallets.append(wallet)
    year = facts.year
    if DEDUCTIBLE in case.assumed and (year.in_policy or year.fund):
        year = replace(year, deductible=_taken(case, library))
    before = replace(facts, givers=tuple(entry.giver for entry in givers), wallets=tuple(wallets), year=year)
    return replace(case, before=before, givers=tuple(givers))


def _known_regions(case: Case, library: Library) -> None:
    people = [("patient", case.patient.region), *((f"giver {one.shown}", one.region) for one in case.before.givers)]
    people += [(f"wallet {one.shown}", one.region) for one in case.before.wallets]
    for who, region in people:
        if region == NATION or all(sheet.region == NATION for sheet in library.layers(region)):
            provinces = ", ".join(sorted(one for one in library.sheets if one.endswith("0000") and one != NATION))
            raise CaseTrouble(f'{who}: region = "{region}": no pack of this region or its province; provinces are {provinces}')


def _first(bound: str, last: date, stopped: Callable[[date], str]) -> str:
    """The first day from `bound` to `last` on which nothing stops it; `bound` when something always does."""
    day = date.fromisoformat(bound[:10])
    while day <= last:
        if not stopped(day):
            return day.isoformat() + bound[10:]
        day += timedelta(days=1)
    return bound


def _taken(case: Case, library: Library) -> Fen:
    """What the year's deductible took, given what went before: all of it once the fund has paid."""
    visit = next((one for one in case.visits if one.use != INPATIENT), case.visits[0])
    pack = library.in_force(case.patient.region, visit.on)
    if pack["outpatient_deductible_mode"] not in ("annual", "annual_by_level_difference"):
        return 0
    year = case.before.year
    facts = replace(case.before, on=visit.on, level=visit.level, year=Year())
    due = rules.deductible_due(pack, facts, rules.classes_of(pack, facts))
    return due if year.fund else min(due, year.in_policy)


def _giver_stopped(library: Library, giver: Giver, on: date) -> str:
    """Why nobody could have authorised this on a day, as `people.eligibility` says it; empty when somebody could."""
    return "" if giver.relation in library.in_force(giver.region, on)["mutual_aid_relations"] else "aid.relation_not_eligible"


def _wallet_stopped(library: Library, case: Case, wallet: Wallet, on: date) -> str:
    """Why nobody could have frozen this quota on a day, as `people.wallet` says it."""
    if wallet.relation == SELF:
        return ""
    theirs, own = library.in_force(wallet.region, on), library.in_force(case.patient.region, on)
    if wallet.relation not in theirs["mutual_aid_relations"]:
        return "aid.relation_not_eligible"
    if theirs["wallet_mode"] != "quota" or own["wallet_mode"] != "quota":
        return "wallet.area_not_open"
    if theirs["mutual_aid_mode"] != "quota" and not rules.outside_area(theirs, case.patient.region, wallet.region):
        return "wallet.not_needed"
    return "" if wallet.uses <= theirs["mutual_aid_use_types"] else "aid.use_prohibited"


def never_made(case: Case, library: Library) -> dict[str, str]:
    """The authorisations and quotas that could not have been made on their day, by id, with the reason."""
    found: dict[str, str] = {}
    living: list[Giver] = []
    for giver in sorted(case.before.givers, key=lambda one: (one.bound, one.aid)):
        day = date.fromisoformat(giver.bound[:10])
        found[giver.aid] = _giver_stopped(library, giver, day)
        packs = [library.in_force(region, day) for region in (giver.region, case.patient.region)]
        limits = [most for pack in packs if (most := pack["max_authorisers_per_beneficiary"]) is not None]
        standing = sum(one.until is None or one.until >= giver.bound[:10] for one in living)
        if not found[giver.aid] and limits and standing >= min(limits):
            found[giver.aid] = "aid.limit_givers"
        elif not found[giver.aid]:
            living.append(giver)
    for wallet in case.before.wallets:
        found[wallet.grant] = _wallet_stopped(library, case, wallet, date.fromisoformat(wallet.bound[:10]))
    return {made: reason for made, reason in found.items() if reason}


def run(case: Case, library: Library) -> list[list[str]]:
    """The case through the law alone: for each visit the list of differences, empty where it came out as expected.

    Raises CaseTrouble for a region without a pack.
    """
    case = complete(case, library)
    missing = never_made(case, library)
    entries = [entry for entry in case.givers if entry.giver.aid not in missing]
    known = replace(
        case.before,
        givers=tuple(entry.giver for entry in entries),
        wallets=tuple(wallet for wallet in case.before.wallets if wallet.grant not in missing),
    )
    names = {giver.aid: giver.shown for giver in case.before.givers} | {quota.grant: quota.shown for quota in case.before.wallets}
    idle = {giver.shown: giver.account for giver in case.before.givers if giver.aid in missing}
    deducted: set[tuple[str, str, date]] = set()
    results = []
    year = _insured_year(case, library, case.on)
    for visit in case.visits:
        if (now := _insured_year(case, library, visit.on)) != year:
            known, year = replace(known, **NEW_YEAR), now
        here = (visit.institution, visit.level, visit.on)  # an institution has one level
        # Each visit in hospital is a stay of its own; only outpatient care asks whether it came twice on a day.
        again = visit.use != INPATIENT and here in deducted
        facts = replace(
            known,
            on=visit.on,
            use=visit.use,
            level=visit.level,
            portions=tuple(_classed(library, case.patient.region, visit.on, portion) for portion in visit.portions),
            givers=tuple(_on_the_day(giver, entry, visit.on) for giver, entry in zip(known.givers, entries, strict=True)),
            year=replace(known.year, deducted_here_today=again),
            use_accounts=visit.use_accounts,
            remote=visit.remote,
            disease=visit.disease,
            other_province=bool(visit.disease and visit.remote),  # examples of care elsewhere are played in other provinces
        )
        regions = {case.patient.region, *(giver.region for giver in facts.givers)}
        try:
            decision = decide({region: library.in_force(region, visit.on) for region in regions}, facts)
        except Refusal as refusal:
            results.append(refused(refusal.code, refusal.sentence, visit.expect))
            continue
        known = _after(known, decision)
        outcome = Outcome.of(decision, known)
        outcome.left["aid_left"] |= idle
        wrong = outcome.differences(visit.expect)
        results.append(wrong + [f"{names[made]} could not be bound: {missing[made]}" for made in missing if wrong])
        if decision.deductible and decision.benefit == OUTPATIENT:
            deducted.add(here)
    return results


def _insured_year(case: Case, library: Library, on: date) -> date:
    return year_start(on, library.in_force(case.patient.region, on)["medical_year_start"])


def _classed(library: Library, region: str, on: date, portion: Portion) -> Portion:
    """An item of a kind that the region takes into its scope is a class B item there, as when its bill is split."""
    pack = library.in_force(region, on)
    if portion.tag not in EXCLUDED or portion.tag in {*pack["catalogue_excluded_items"], *pack["prohibited_uses"]}:
        return portion
    upfront = share(portion.self_funded, pack["class_b_upfront_ratio"])
    return replace(portion, in_policy=portion.self_funded - upfront, upfront=upfront, self_funded=0)


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
    after = since.isoformat() if since.isoformat() > giver.bound[:10] else None
    return replace(giver, status=giver.status if resumed else "suspended", suspended_since_bound=after)
