"""Whose money pays a bill: the one function that decides, for a settlement, a preview and a replay alike.

Steps (docs/packs.md 4.1, 4.2): what the fund pays, what is left to the person, which lines no account may pay, the own account,
the givers in the region's order, cash. The parts always add up to the bill.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mulaid.money import Fen
from mulaid.policy import rules
from mulaid.policy.benefit import DISEASE, INPATIENT, OUTPATIENT, Trace, benefit
from mulaid.policy.benefit import Step as Step
from mulaid.policy.facts import Facts, Giver, Wallet
from mulaid.policy.pack import Library, Pack

EMPLOYEE_POOL, SUPPLEMENT, RESIDENT_POOL = "310100", "330100", "390100"


@dataclass(frozen=True, slots=True)
class Decision:
    """Who pays what of one bill: the parts add up to `total` and none is below zero.

    Parts: pool, supplement, serious (serious-illness insurance), current_year, account, aid, household, wallets, cash.
    `benefit` is the kind of care whose sums of the year move, `burden` what the bill adds to the year's self-paid sum,
    `begun` whether it is the first of a stay in hospital (`added`).
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
    benefit: str = OUTPATIENT
    burden: Fen = 0
    begun: bool = False

    @property
    def parts(self) -> dict[str, Fen]:
        """Who pays how much, by the names of a settlement's columns; together the total."""
        return {
            "pool": self.pool,
            "supplement": self.supplement,
            "serious": self.serious,
            "current_year": self.current_year,
            "account": self.account,
            "household": self.household,
            "aid": self.aid_total,
            "wallet": self.wallet_total,
            "cash": self.cash,
        }

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


class Added(NamedTuple):
    """What one bill adds to the sums of the insured year; a refund takes the same away. Names are those of Year and Facts."""

    in_policy: Fen = 0
    fund: Fen = 0
    supplement: Fen = 0
    deductible: Fen = 0
    admissions: int = 0
    inpatient_in_policy: Fen = 0
    inpatient_fund: Fen = 0
    disease_deductible: Fen = 0
    disease_fund: Fen = 0
    self_paid: Fen = 0
    serious: Fen = 0


def added(decision: Decision) -> Added:
    """What a decision adds to the year: only ordinary outpatient care moves the sums that its own tables look at."""
    after = Added(self_paid=decision.burden, serious=decision.serious)
    if decision.benefit == INPATIENT:
        return after._replace(
            admissions=int(decision.begun), inpatient_in_policy=decision.in_policy_counted, inpatient_fund=decision.pool
        )
    if decision.benefit == DISEASE:
        return after._replace(disease_deductible=decision.deductible, disease_fund=decision.pool)
    return after._replace(
        in_policy=decision.in_policy_counted,
        fund=decision.pool,
        supplement=decision.supplement,
        deductible=decision.deductible,
    )


def packs_for(library: Library, facts: Facts) -> dict[str, Pack]:
    """The packs in force on the day of care for the patient's region and every giver's."""
    regions = {facts.patient.region, *(giver.region for giver in facts.givers)}
    return {region: library.in_force(region, facts.on) for region in regions}


def decide(packs: Mapping[str, Pack], facts: Facts) -> Decision:
    """Who pays what; `packs` holds the pack in force on the day of care for the patient's and every giver's region."""
    pack = packs[facts.patient.region]
    trace = Trace(facts.patient.region)
    total = facts.total
    own_usable = facts.use_accounts and (facts.patient.status == "normal" or pack["suspended_owner_can_spend_own"])
    funds = benefit(pack, facts, own_usable, trace)
    personal = total - funds.pool - funds.supplement - funds.serious - funds.current_year
    # What no account may pay stays with the person even where serious-illness insurance pays for what is left of the rest.
    payable = min(personal, max(0, personal - _kept_from_accounts(pack, facts, trace)))
    trace.add("personal", personal)
    card = rules.card_left(pack, facts)
    if card is not None:
        trace.add("card", 0, "card_daily_cap", used=facts.card_used, left=card)
    most = payable if card is None else min(payable, card - funds.current_year)
    account, household, aid, wallets = _accounts(packs, facts, payable, most if own_usable else 0, trace)
    parts = (
        funds.pool, funds.supplement, funds.serious, funds.current_year, account, household, *[fen for _, fen in aid],
        *[fen for _, fen in wallets],
    )  # fmt: skip
    cash = total - sum(parts)
    trace.add("cash", cash)
    assert cash >= 0, "no part of a bill is below zero"
    assert min(parts) >= 0, "no part of a bill is below zero"
    return Decision(
        total=total,
        pool_fund=EMPLOYEE_POOL if facts.patient.employee else RESIDENT_POOL,
        pool=funds.pool,
        supplement=funds.supplement,
        deductible=funds.deductible,
        in_policy_counted=funds.counted,
        current_year=funds.current_year,
        account=account,
        aid=aid,
        cash=cash,
        steps=tuple(trace.steps),
        household=household,
        wallets=wallets,
        serious=funds.serious,
        benefit=funds.kind,
        burden=funds.burden,
        begun=funds.begun,
    )


def _kept_from_accounts(pack: Pack, facts: Facts, trace: Trace) -> Fen:
    kept = 0
    for portion in facts.portions:
        fen, parameter = rules.not_from_accounts(pack, portion)
        if fen:
            trace.add("not_from_accounts", fen, parameter, tag=portion.tag)
            kept += fen
    return kept


Paid = tuple[Fen, Fen, tuple[tuple[Giver, Fen], ...], tuple[tuple[Wallet, Fen], ...]]


def _accounts(packs: Mapping[str, Pack], facts: Facts, payable: Fen, own_most: Fen, trace: Trace) -> Paid:
    """Own account up to `own_most`, household pool, givers, wallets in the region's order, while something payable is left."""
    pack = packs[facts.patient.region]
    if not facts.use_accounts:
        trace.add("accounts_off", payable)
        return 0, 0, (), ()
    left = max(0, facts.account - facts.frozen)
    own = min(left, own_most)
    if pack["own_account_first"]:
        _tell_own(facts, own, left, trace)
        return (own, *_relatives_pay(packs, facts, payable - own, left - own, trace))
    household, aid, wallets = _relatives_pay(packs, facts, payable, left, trace)
    own = min(own, payable - household - sum(fen for _, fen in aid) - sum(fen for _, fen in wallets))
    _tell_own(facts, own, left, trace)
    return own, household, aid, wallets


def _tell_own(facts: Facts, own: Fen, left: Fen, trace: Trace) -> None:
    if own or facts.patient.employee:
        if facts.frozen:
            trace.add("own", own, "own_account_first", left=left - own, frozen=facts.frozen)
        else:
            trace.add("own", own, "own_account_first", left=left - own)


def _relatives_pay(
    packs: Mapping[str, Pack], facts: Facts, need: Fen, own_left: Fen, trace: Trace
) -> tuple[Fen, tuple[tuple[Giver, Fen], ...], tuple[tuple[Wallet, Fen], ...]]:
    """What the own account left: the household's pool, then givers, and wallets after or before them."""
    pack = packs[facts.patient.region]
    household = _household_pays(pack, facts, need, trace) if facts.household else 0
    need -= household
    wallets: tuple[tuple[Wallet, Fen], ...] = ()
    if facts.wallets and pack["wallet_order"] == "before_relations":
        wallets = _wallets_pay(pack, facts, need, trace)
        need -= sum(fen for _, fen in wallets)
    aid = _givers_pay(packs, facts, need, own_left, trace)
    if facts.wallets and pack["wallet_order"] == "after_relations":
        wallets = _wallets_pay(pack, facts, need - sum(fen for _, fen in aid), trace)
    return household, aid, wallets


def _household_pays(pack: Pack, facts: Facts, need: Fen, trace: Trace) -> Fen:
    if not need:
        return 0
    stop = rules.household_barred(pack, facts)
    if stop is not None:
        trace.add("household_passed", 0, stop[1], head=facts.household_head, reason=stop[0])
        return 0
    fen = min(facts.household, need)
    trace.add("household", fen, "mutual_aid_mode", head=facts.household_head, left=facts.household - fen)
    return fen


def _wallets_pay(pack: Pack, facts: Facts, need: Fen, trace: Trace) -> tuple[tuple[Wallet, Fen], ...]:
    """Quotas that relatives elsewhere froze for the patient, the first frozen first."""
    paid: list[tuple[Wallet, Fen]] = []
    for wallet in sorted(facts.wallets, key=lambda w: (w.bound, w.grant)):
        if not need:
            break
        stop = rules.wallet_barred(pack, facts, wallet)
        if stop is not None:
            trace.add("wallet_passed", 0, stop[1], giver=wallet.shown, relation=wallet.relation, reason=stop[0])
            continue
        fen = min(wallet.left, need)
        trace.add(
            "wallet",
            fen,
            "wallet_order",
            giver=wallet.shown,
            grant=wallet.grant,
            relation=wallet.relation,
            left=wallet.left - fen,
        )
        paid.append((wallet, fen))
        need -= fen
    return tuple(paid)


def _givers_pay(packs: Mapping[str, Pack], facts: Facts, need: Fen, own_left: Fen, trace: Trace) -> tuple[tuple[Giver, Fen], ...]:
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
            trace.add(
                "giver_passed",
                0,
                "" if bound in rules.LIMITS_OF_GIVER else bound,
                giver.region,
                giver=giver.shown,
                relation=giver.relation,
                reason=_why_nothing(giver, bound),
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


def _why_nothing(giver: Giver, bound: str) -> str:
    if not giver.account:
        return "no_balance"
    if bound == "keep":
        return "below_reserve"
    return "all_frozen" if bound == "balance" and giver.frozen else "below_floor"


def replay(packs: Mapping[str, Pack], facts: Facts, amounts: Mapping[str, Fen]) -> list[str]:
    """Where a stored decision does not come out the same again, one name each; nothing when it does, to the fen."""
    decision = decide(packs, facts)
    again = {
        "total": decision.total,
        **decision.parts,
        "deductible": decision.deductible,
        "counted": decision.in_policy_counted,
        "self_paid": decision.burden,
    }
    # Parts that a region never had, and what the bill added to the year, need not be kept with a decision.
    stored = {"household": 0, "wallet": 0, "serious": 0, "self_paid": decision.burden, **amounts}
    return [name for name, fen in again.items() if stored[name] != fen]
