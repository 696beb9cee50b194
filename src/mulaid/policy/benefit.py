"""What the funds pay of a bill: ordinary outpatient care, admissions, chronic and special diseases, serious illness.

Every step is told to the trace with its parameter. What the funds leave is for accounts and cash, which `split` divides.

A resident's past years add to the serious-illness cap (policy N2d-N2g): after four full years each further year does, and so
does each year in which nothing was reimbursed, until the addition is used; both together stay within a share of the region's own
cap. A break starts the count of years anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from mulaid.money import Fen, half_up, share
from mulaid.policy import rules
from mulaid.policy.facts import PAPERS_OWED, Facts
from mulaid.policy.pack import Pack

NO_DETAIL: Mapping[str, Any] = {}
OUTPATIENT, INPATIENT, DISEASE = "outpatient", "inpatient", "disease"
FULL_YEARS = 4


class Step(NamedTuple):
    """One thing that decided: what, how much, by which parameter of whose pack, and what a reader needs to follow it."""

    what: str
    fen: Fen
    rule: str = ""
    region: str = ""
    detail: Mapping[str, Any] = NO_DETAIL

    def as_json(self) -> list[Any]:
        """A short row; `Step(*row)` reads it back."""
        return [self.what, self.fen, self.rule, self.region, self.detail]


@dataclass(slots=True)
class Trace:
    """The steps of one decision, in the order in which they were taken."""

    region: str
    steps: list[Step] = field(default_factory=list)

    def add(self, what: str, fen: Fen, rule: str = "", region: str = "", **detail: Any) -> None:
        """One step; without a region of its own a rule is that of the patient's region."""
        self.steps.append(Step(what, fen, rule, (region or self.region) if rule else "", detail))


@dataclass(slots=True)
class Benefit:
    """What the funds pay and count.

    `kind` tells whose deductible and sums were used, `burden` is what serious illness counts, `begun` the first bill of a stay.
    """

    kind: str = OUTPATIENT
    current_year: Fen = 0
    deductible: Fen = 0
    counted: Fen = 0
    pool: Fen = 0
    supplement: Fen = 0
    serious: Fen = 0
    burden: Fen = 0
    begun: bool = False


def benefit(pack: Pack, facts: Facts, own_usable: bool, trace: Trace) -> Benefit:
    """The funds' part. In split regions the current-year account goes before it, except in admissions, and is not counted."""
    covered = upfront = 0
    banned = pack["prohibited_uses"]
    for portion in facts.portions:
        if portion.tag not in banned:
            covered += portion.in_policy
            upfront += portion.upfront
    trace.add("bill", facts.total, covered=covered)
    if facts.patient.status != "normal":
        trace.add("no_fund", covered, status=facts.patient.status)
        return Benefit()
    cut = _remote_cut(pack, facts, trace) if facts.remote else 0
    if cut is None:
        return Benefit()
    classes = rules.classes_of(pack, facts)
    if facts.use == INPATIENT:
        found = _admission(pack, facts, covered, classes, cut, trace)
    else:
        current = 0
        if own_usable and pack["split_current_and_prior_account"]:
            left = rules.card_left(pack, facts)
            current = min(facts.current_year, covered, covered if left is None else left)
            if current:
                trace.add("current_year", current, "split_current_and_prior_account", left=facts.current_year - current)
        chosen = rules.ratio_at(pack["chronic_ratio"], classes, facts.level) if facts.disease else None
        if chosen and facts.other_province and not rules.across_provinces(pack, facts.disease):
            trace.add("not_across", 0, "chronic_cross_province_list")
            chosen = None
        if chosen:
            found = _disease(pack, facts, covered - current, current, classes, max(chosen - cut, Decimal(0)), trace)
        else:
            found = _outpatient(pack, facts, covered - current, current, classes, cut, trace)
    if not found.counted:
        return found
    found.burden = covered + upfront - found.pool - found.supplement
    if pack["serious_illness_start"]:
        found.serious = _serious(pack, facts, classes, found.burden, found.current_year, trace)
    return found


def _remote_cut(pack: Pack, facts: Facts, trace: Trace) -> Decimal | None:
    """Points off the fund's share for care away from home, by how it was filed; None when the fund does not pay at all.

    At home too, for who filed a long stay elsewhere and owes the papers: until they come benefits hold there only (policy N9e).
    """
    parameter = rules.REMOTE_CUTS[facts.remote]
    cut: Decimal | None = pack[parameter]
    if facts.remote == PAPERS_OWED and cut != 0:
        trace.add(PAPERS_OWED, 0, parameter, points=None if cut is None else rules.percent(cut))
    elif cut is None:
        trace.add("not_filed", 0, parameter)
    elif cut:
        trace.add("remote", 0, parameter, filed=facts.remote, points=rules.percent(cut))
    return cut


def _outpatient(
    pack: Pack, facts: Facts, base: Fen, current: Fen, classes: Sequence[str], cut: Decimal | int, trace: Trace
) -> Benefit:
    if not base + current:
        # Nothing to share in: what the fund pays on this day need not be known.
        return Benefit(OUTPATIENT)
    if not rules.fund_pays_here(pack, classes, facts.level):
        # What no fund shares in does not use up the year's deductible either.
        trace.add("pool", 0, "outpatient_ratio", eligible=base, level=facts.level)
        return Benefit(OUTPATIENT, current)
    deductible = min(base, rules.deductible_due(pack, facts, classes))
    if deductible:
        trace.add(
            "deductible",
            deductible,
            "outpatient_deductible",
            mode=pack["outpatient_deductible_mode"],
            before=facts.year.deductible,
        )
    eligible = base - deductible
    formula = rules.bands_pay(pack, facts.year, classes, facts.level, deductible, eligible, cut)
    cap = rules.row(pack["outpatient_cap"], classes, facts.level)
    pool = formula if cap is None else min(formula, max(0, cap - facts.year.fund))
    detail: dict[str, Any] = {"eligible": eligible, "level": facts.level, "class": classes[0]}
    if eligible and formula:
        detail["percent"] = str((Decimal(formula) / eligible * 100).quantize(Decimal("0.1")).normalize())
    if eligible:
        trace.add("pool", pool, "outpatient_ratio", **detail)
    supplement = 0
    if pool < formula and cap is not None:
        trace.add("cap", pool, "outpatient_cap", cap=cap, before=facts.year.fund, over=formula - pool)
        supplement = _supplement(pack, facts, classes, eligible, formula, formula - pool, trace)
    return Benefit(OUTPATIENT, current, deductible, base, pool, supplement)


def _supplement(pack: Pack, facts: Facts, classes: Sequence[str], eligible: Fen, formula: Fen, over: Fen, trace: Trace) -> Fen:
    """What a supplement pays once the pool's yearly cap is used up: up to a sum a year, or a share without limit."""
    if limit := pack["outpatient_supplement_after_cap"]:
        paid = min(over, max(0, limit - facts.year.supplement))
        trace.add("supplement", paid, "outpatient_supplement_after_cap", limit=limit, before=facts.year.supplement)
        return int(paid)
    ratio = rules.row(pack["outpatient_after_cap_ratio"], classes, facts.level)
    if ratio:
        paid = share(eligible, Decimal(over) / formula * ratio)
        trace.add("supplement", paid, "outpatient_after_cap_ratio")
        return paid
    return 0


def _admission(pack: Pack, facts: Facts, covered: Fen, classes: Sequence[str], cut: Decimal | int, trace: Trace) -> Benefit:
    """One stay: its deductible by level and by how many stays came before in the year, then the bands of the stay or the year."""
    bands, level = pack["inpatient_ratio_bands"], facts.level
    if not any(rules.ratio_at(band.ratios, classes, level) for band in bands):
        if covered:
            trace.add("admission", 0, "inpatient_ratio_bands", eligible=covered, level=level, bands=[])
        return Benefit(INPATIENT)
    owed = rules.row(pack["inpatient_deductible"], classes, level) or (0,)
    further = bool(facts.year.deducted_here_today or facts.stay_in_policy)
    number = facts.admissions + (not further)
    due = owed[min(max(number, 1), len(owed)) - 1]
    # A stay may be billed in parts: what earlier parts took is not taken again, and the bands go on where those ended.
    taken = facts.stay_in_policy if facts.stay_in_policy or not further else due
    deductible = min(covered, max(0, due - taken))
    if deductible:
        trace.add("admission_deductible", deductible, "inpatient_deductible", number=number, level=level)
    eligible = covered - deductible
    before = facts.inpatient_in_policy if pack["inpatient_tier_basis"] == "year_sum" else taken
    reached = before + deductible
    slices = [
        (fen, max(rules.ratio_at(band.ratios, classes, level) - cut, Decimal(0)))
        for fen, band in rules.slices(bands, reached, eligible)
    ]
    formula = half_up(sum((fen * ratio for fen, ratio in slices), Decimal(0)))
    cap = rules.row(pack["inpatient_cap"], classes, level)
    pool = formula if cap is None else min(formula, max(0, cap - facts.inpatient_fund))
    if eligible:
        told = [[fen, rules.percent(ratio)] for fen, ratio in slices]
        trace.add("admission", pool, "inpatient_ratio_bands", eligible=eligible, level=level, bands=told)
    if pool < formula:
        trace.add("cap", pool, "inpatient_cap", cap=cap, before=facts.inpatient_fund, over=formula - pool)
    return Benefit(INPATIENT, 0, deductible, covered, pool, begun=not further)


def _disease(pack: Pack, facts: Facts, base: Fen, current: Fen, classes: Sequence[str], ratio: Decimal, trace: Trace) -> Benefit:
    """A visit for a chronic or special disease the person is certified for: its own yearly deductible, share and cap."""
    owed = rules.row(pack["chronic_deductible"], classes, facts.level) or 0
    deductible = min(base, max(0, owed - facts.disease_deductible))
    if deductible:
        before = facts.disease_deductible
        trace.add("deductible", deductible, "chronic_deductible", mode="annual", before=before)
    eligible = base - deductible
    formula = share(eligible, ratio)
    cap = rules.row(pack["chronic_cap"], classes, facts.level)
    pool = formula if cap is None else min(formula, max(0, cap - facts.disease_fund))
    if eligible:
        trace.add("disease", pool, "chronic_ratio", eligible=eligible, level=facts.level, percent=rules.percent(ratio))
    if pool < formula:
        trace.add("cap", pool, "chronic_cap", cap=cap, before=facts.disease_fund, over=formula - pool)
    return Benefit(DISEASE, current, deductible, base, pool)


def _serious(pack: Pack, facts: Facts, classes: Sequence[str], burden: Fen, current: Fen, trace: Trace) -> Fen:
    """Serious-illness insurance: the year's formula on everything borne so far, less what it paid already.

    By the year's sum, not bill by bill: after a refund the next bill makes good what was paid too early.
    """
    start = rules.row(pack["serious_illness_start"], classes, facts.level)
    if start is None:
        return 0
    borne = facts.self_paid + burden
    slices = [
        (fen, rules.ratio_at(band.ratios, classes, facts.level))
        for fen, band in rules.slices(pack["serious_illness_bands"], 0, max(0, borne - start))
    ]
    whole = half_up(sum((fen * ratio for fen, ratio in slices), Decimal(0)))
    cap = rules.row(pack["serious_illness_cap"], classes, facts.level)
    raised = {}
    if cap is not None:
        if facts.reward and whole > cap:
            raised = {"cap": cap, "reward": facts.reward}
        whole = min(whole, cap + facts.reward)
    # What a current-year account paid of this bill is borne, but nobody is paid for it twice.
    paid = min(max(0, whole - facts.serious), burden - current)
    if paid:
        told = [[fen, rules.percent(ratio)] for fen, ratio in slices]
        trace.add(
            "serious", paid, "serious_illness_start", start=start, borne=borne, before=facts.serious, bands=told, **raised
        )  # fmt: skip
    return paid


@dataclass(frozen=True, slots=True)
class PastYear:
    """A year as it went: insured for some of it, what all funds paid, and what of it was serious-illness money."""

    year: int
    insured: bool
    funds: Fen
    serious: Fen


@dataclass(frozen=True, slots=True)
class Record:
    """What a person has earned: unbroken years, and years without a claim that have not been used."""

    unbroken: int
    without_claim: int


@dataclass(frozen=True, slots=True)
class Reward:
    """The addition to the cap in fen, and why."""

    fen: Fen
    steps: tuple[Step, ...]


def record(years: Iterable[PastYear], cap: Fen, since: int) -> Record:
    """What past years, oldest first, have earned. Years without a claim count from `since` on, when the rule began; a year whose
    serious-illness money went above the region's own `cap` used them up."""
    unbroken = without = 0
    for past in years:
        if not past.insured:
            unbroken = without = 0
            continue
        unbroken += 1
        if past.serious > cap:
            without = 0
        elif past.year >= since and not past.funds:
            without += 1
    return Record(unbroken, without)


def addition(pack: Pack, earned: Record, cap: Fen) -> Reward:
    """What is added to the region's own serious-illness cap."""
    steps = []
    further = max(0, earned.unbroken - FULL_YEARS) * pack["continuity_reward_yuan"]
    if further:
        detail = {"years": earned.unbroken}
        steps.append(Step("continuity", further, "continuity_reward_yuan", pack.region, detail))
    unclaimed = earned.without_claim * pack["zero_claim_reward_yuan"]
    if unclaimed:
        detail = {"years": earned.without_claim}
        steps.append(Step("zero_claim", unclaimed, "zero_claim_reward_yuan", pack.region, detail))
    ceiling = int(Decimal(cap) * pack["reward_ceiling_ratio"])
    whole = min(further + unclaimed, ceiling)
    if whole < further + unclaimed:
        steps.append(Step("reward_ceiling", whole, "reward_ceiling_ratio", pack.region, {"cap": cap}))
    return Reward(whole, tuple(steps))
