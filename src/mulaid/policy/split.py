"""Whose money pays a bill: the one function that decides, for a settlement, a preview and a replay alike.

Steps (docs/packs.md 4.1, 4.2): what the fund pays, what is left to the person, which lines no account may pay, the own account,
the givers in the region's order, cash. The parts always add up to the bill.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from mulaid.money import Fen, share
from mulaid.policy import rules
from mulaid.policy.facts import Facts, Giver, Wallet
from mulaid.policy.pack import Pack

NO_DETAIL: Mapping[str, Any] = {}
EMPLOYEE_POOL, SUPPLEMENT, RESIDENT_POOL = "310100", "330100", "390100"


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


@dataclass(frozen=True, slots=True)
class Decision:
    """Who pays what of one bill: the parts add up to `total` and none is below zero.

    Parts: pool, supplement, serious (serious-illness insurance), current_year, account, aid, household, wallets, cash.
    """

    total: Fen
    pool_fund: str
    pool: Fen
    supplement: Fen
    deductible: Fen
    in_policy_counted: Fen
    current_year: Fen
    account: Fen
    aid: tuple[tuple[Giver, Fen], ...]
    cash: Fen
    steps: tuple[Step, ...]
    household: Fen = 0
    wallets: tuple[tuple[Wallet, Fen], ...] = ()
    serious: Fen = 0

    @property
    def funds(self) -> Fen:
        """Everything that insurance funds pay."""
        return self.pool + self.supplement + self.serious

    @property
    def aid_total(self) -> Fen:
        """Everything that relatives' accounts pay."""
        return sum(fen for _, fen in self.aid)

    @property
    def wallet_total(self) -> Fen:
        """Everything that relatives' wallet quotas pay."""
        return sum(fen for _, fen in self.wallets)

    @property
    def mutual_aid(self) -> Fen:
        """Everything that comes from relatives by any road: `acct_mulaid_pay` of the national interface."""
        return self.aid_total + self.household + self.wallet_total

    @property
    def accounts(self) -> Fen:
        """Own and relatives' accounts together: `acct_pay` of the national interface, aid included."""
        return self.current_year + self.account + self.mutual_aid

    @property
    def personal(self) -> Fen:
        """What the person bears after the funds: accounts and cash, `psn_part_amt` of the national interface."""
        return self.total - self.funds


@dataclass(slots=True)
class _Trace:
    region: str
    steps: list[Step] = field(default_factory=list)

    def add(self, what: str, fen: Fen, rule: str = "", region: str = "", **detail: Any) -> None:
        self.steps.append(Step(what, fen, rule, (region or self.region) if rule else "", detail))


@dataclass(frozen=True, slots=True)
class _Benefit:
    current_year: Fen = 0
    deductible: Fen = 0
    counted: Fen = 0
    pool: Fen = 0
    supplement: Fen = 0


def decide(packs: Mapping[str, Pack], facts: Facts) -> Decision:
    """Who pays what; `packs` holds the pack in force on the day of care for the patient's and every giver's region."""
    pack = packs[facts.patient.region]
    trace = _Trace(facts.patient.region)
    total = facts.total
    own_usable = facts.use_accounts and (facts.patient.status == "normal" or pack["suspended_owner_can_spend_own"])
    benefit = _benefit(pack, facts, own_usable, trace)
    personal = total - benefit.pool - benefit.supplement - benefit.current_year
    payable = personal - _kept_from_accounts(pack, facts, trace)
    trace.add("personal", personal)
    account, aid = _accounts(packs, facts, payable, own_usable, trace)
    cash = personal - account - sum(fen for _, fen in aid)
    trace.add("cash", cash)
    decision = Decision(
        total=total,
        pool_fund=EMPLOYEE_POOL if facts.patient.employee else RESIDENT_POOL,
        pool=benefit.pool,
        supplement=benefit.supplement,
        deductible=benefit.deductible,
        in_policy_counted=benefit.counted,
        current_year=benefit.current_year,
        account=account,
        aid=aid,
        cash=cash,
        steps=tuple(trace.steps),
    )
    parts = (
        decision.pool, decision.supplement, decision.serious, decision.current_year, account, *(fen for _, fen in aid),
        decision.household, *(fen for _, fen in decision.wallets), cash,
    )  # fmt: skip
    assert sum(parts) == total, "the parts of a bill add up"
    assert min(parts) >= 0, "no part of a bill is below zero"
    return decision


def _benefit(pack: Pack, facts: Facts, own_usable: bool, trace: _Trace) -> _Benefit:
    """The funds' part. In split regions the current-year account goes first and does not count toward the deductible."""
    covered = sum(portion.in_policy for portion in facts.portions if not rules.prohibited(pack, portion))
    trace.add("bill", facts.total, covered=covered)
    if facts.patient.status != "normal":
        trace.add("no_fund", covered, status=facts.patient.status)
        return _Benefit()
    current = 0
    if own_usable and pack["split_current_and_prior_account"]:
        current = min(facts.current_year, covered)
        if current:
            trace.add("current_year", current, "split_current_and_prior_account", left=facts.current_year - current)
    classes = rules.classes_of(pack, facts)
    if not rules.fund_pays_here(pack, classes, facts.level):
        # What no fund shares in does not use up the year's deductible either.
        if covered:
            trace.add("pool", 0, "outpatient_ratio", eligible=covered - current, level=facts.level)
        return _Benefit(current)
    base = covered - current
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
    formula = rules.bands_pay(pack, facts.year, classes, facts.level, deductible, eligible)
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
    return _Benefit(current, deductible, base, pool, supplement)


def _supplement(pack: Pack, facts: Facts, classes: list[str], eligible: Fen, formula: Fen, over: Fen, trace: _Trace) -> Fen:
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


def _kept_from_accounts(pack: Pack, facts: Facts, trace: _Trace) -> Fen:
    kept = 0
    for portion in facts.portions:
        fen, parameter = rules.not_from_accounts(pack, portion)
        if fen:
            trace.add("not_from_accounts", fen, parameter, tag=portion.tag)
            kept += fen
    return kept


def _accounts(
    packs: Mapping[str, Pack], facts: Facts, payable: Fen, own_usable: bool, trace: _Trace
) -> tuple[Fen, tuple[tuple[Giver, Fen], ...]]:
    """The own account and the givers, in the region's order, for as long as something payable is left."""
    pack = packs[facts.patient.region]
    if not facts.use_accounts:
        trace.add("accounts_off", payable)
        return 0, ()
    own = min(facts.account, payable) if own_usable else 0
    if pack["own_account_first"]:
        _tell_own(facts, own, trace)
        return own, _givers_pay(packs, facts, payable - own, facts.account - own, trace)
    aid = _givers_pay(packs, facts, payable, facts.account, trace)
    own = min(own, payable - sum(fen for _, fen in aid))
    _tell_own(facts, own, trace)
    return own, aid


def _tell_own(facts: Facts, own: Fen, trace: _Trace) -> None:
    if own or facts.patient.employee:
        trace.add("own", own, "own_account_first", left=facts.account - own)


def _givers_pay(
    packs: Mapping[str, Pack], facts: Facts, need: Fen, own_left: Fen, trace: _Trace
) -> tuple[tuple[Giver, Fen], ...]:
    """Each giver in order pays what may be taken and is still needed; who is passed over is told with the reason."""
    pack = packs[facts.patient.region]
    paid: list[tuple[Giver, Fen]] = []
    most = pack["max_authorisers_per_settlement"]
    for giver in rules.in_order(pack, facts):
        if not need:
            break
        theirs = packs[giver.region]
        stop = rules.barred(pack, theirs, facts, giver)
        if stop is None and pack["own_balance_must_be_zero"] and own_left:
            stop = ("own_balance_left", "own_balance_must_be_zero")
        if stop is None and most is not None and len(paid) >= most:
            stop = ("limit_givers", "max_authorisers_per_settlement")
        if stop is not None:
            trace.add("giver_passed", 0, stop[1], giver.region, giver=giver.shown, relation=giver.relation, reason=stop[0])
            continue
        can, bound = rules.usable(theirs, giver)
        fen = min(can, need)
        if not fen:
            reason = "below_floor" if giver.account else "no_balance"
            trace.add(
                "giver_passed",
                0,
                "" if bound == "balance" else bound,
                giver.region,
                giver=giver.shown,
                relation=giver.relation,
                reason=reason,
            )
            continue
        limited = bound if fen < need else ""
        trace.add(
            "aid",
            fen,
            "authoriser_order",
            giver=giver.shown,
            aid=giver.aid,
            relation=giver.relation,
            order=pack["authoriser_order"],
            limited=limited,
        )
        paid.append((giver, fen))
        need -= fen
    return tuple(paid)


def replay(packs: Mapping[str, Pack], facts: Facts, amounts: Mapping[str, Fen]) -> list[str]:
    """Where a stored decision does not come out the same again, one name each; nothing when it does, to the fen."""
    decision = decide(packs, facts)
    again = {
        "total": decision.total,
        "pool": decision.pool,
        "supplement": decision.supplement,
        "current_year": decision.current_year,
        "account": decision.account,
        "aid": decision.aid_total,
        "household": decision.household,
        "wallet": decision.wallet_total,
        "serious": decision.serious,
        "cash": decision.cash,
        "deductible": decision.deductible,
        "counted": decision.in_policy_counted,
    }
    # Parts that a region never had are not kept with its decisions.
    return [name for name, fen in again.items() if amounts.get(name, 0) != fen]
