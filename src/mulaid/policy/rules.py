"""The kinds of rule: how a deductible is taken, who may give, in which order. The numbers are in the packs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from mulaid.money import Fen, half_up, share
from mulaid.policy.facts import SELF, Facts, Giver, Patient, Portion, Wallet, Year
from mulaid.policy.pack import Pack
from mulaid.policy.parameters import ALL_LEVELS, Band

FALLBACK = {
    "primary": ("primary", "L1", ALL_LEVELS),
    "L1": ("L1", ALL_LEVELS),
    "L2": ("L2", ALL_LEVELS),
    "L3": ("L3", ALL_LEVELS),
    "L3P": ("L3P", "L3", ALL_LEVELS),
    "pharmacy": ("pharmacy", ALL_LEVELS),
}
REMOTE_CUTS = {
    "long_term": "remote_long_term_ratio_cut",
    "referral": "remote_referral_cut",
    "emergency": "remote_referral_cut",
    "other": "remote_other_cut",
    "unfiled": "remote_unfiled_cut",
    "papers_owed": "remote_promise_home_cut",
}


def classes_of(pack: Pack, facts: Facts) -> list[str]:
    """The classes whose rows apply to the patient, the finest first, the base class last."""
    patient = facts.patient
    age = _age(patient, facts)
    fitting = [
        finer.name
        for finer in pack["person_classes"]
        if finer.base == patient.base
        and finer.min_age <= age <= finer.max_age
        and (finer.retired_before is None or (patient.retired_on is not None and patient.retired_on < finer.retired_before))
        and (finer.family_doctor is None or finer.family_doctor == patient.family_doctor)
    ]
    return [*fitting, patient.base]


def _age(patient: Patient, facts: Facts) -> int:
    born, on = patient.born, facts.on
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def across_provinces(pack: Pack, disease: str) -> str:
    """The word by which the pack lists a disease that settles directly in other provinces; empty where none fits its code."""
    codes = pack["chronic_codes"]
    listed = sorted(pack["chronic_cross_province_list"])
    return next((word for word in listed if disease == word or disease.startswith(tuple(codes.get(word, ())))), "")


def row(table: Mapping[str, Mapping[str, Any]], classes: Sequence[str], level: str) -> Any:
    """The entry of a table by class and level, or None where the table is silent."""
    for name in classes:
        levels = table.get(name)
        if levels is not None:
            for key in FALLBACK[level]:
                if key in levels:
                    return levels[key]
    return None


def ratio_at(table: Mapping[str, Mapping[str, Decimal]], classes: Sequence[str], level: str) -> Decimal:
    """The fund's share; a pharmacy without a row of its own gets nothing, whatever the other levels get."""
    if level == "pharmacy" and not any("pharmacy" in table.get(name, ()) for name in classes):
        return Decimal(0)
    found = row(table, classes, level)
    return found if found is not None else Decimal(0)


def fund_pays_here(pack: Pack, classes: Sequence[str], level: str) -> bool:
    """Whether the fund shares in this class's bills at this level at all, in any band."""
    return any(ratio_at(band.ratios, classes, level) for band in pack["outpatient_ratio"])


def deductible_due(pack: Pack, facts: Facts, classes: Sequence[str]) -> Fen:
    """What is still to be borne by the patient before the fund pays, before looking at the size of this bill."""
    mode = pack["outpatient_deductible_mode"]
    if mode == "none":
        return 0
    owed: int = row(pack["outpatient_deductible"], classes, facts.level) or 0
    if mode == "per_visit_day":
        return 0 if facts.year.deducted_here_today else owed
    # By level difference the level's own sum is the year's total to reach; one sum a year is the same with equal levels.
    return max(0, owed - facts.year.deductible)


def bands_pay(
    pack: Pack, year: Year, classes: Sequence[str], level: str, deducted: Fen, eligible: Fen, cut: Decimal | int = 0
) -> Fen:
    """The fund's formula over the bands of the year's sum, each share less `cut`, rounded half up once for the whole line."""
    bands = pack["outpatient_ratio"]
    by_fund = pack["tier_basis"] == "fund_paid_sum"
    reached = Decimal(year.fund) if by_fund else Decimal(year.in_policy + deducted)
    left, paid = Decimal(eligible), Decimal(0)
    for place, band in enumerate(bands):
        upper = Decimal(bands[place + 1].from_fen) if place + 1 < len(bands) else None
        if upper is not None and reached >= upper:
            continue
        ratio = ratio_at(band.ratios, classes, level)
        if cut:
            ratio = max(ratio - cut, Decimal(0))
        if upper is None:
            slice_ = left
        elif by_fund:
            slice_ = min(left, (upper - reached) / ratio) if ratio else left
        else:
            slice_ = min(left, upper - reached)
        paid += slice_ * ratio
        left -= slice_
        reached += slice_ * ratio if by_fund else slice_
        if not left:
            break
    return half_up(paid)


def slices(bands: Sequence[Band], reached: Fen, left: Fen) -> list[tuple[Fen, Band]]:
    """An amount that lies above `reached`, cut where bands begin; nothing of an empty slice."""
    found = []
    for place, band in enumerate(bands):
        upper = bands[place + 1].from_fen if place + 1 < len(bands) else None
        part = left if upper is None else max(0, min(left, upper - reached))
        if part:
            found.append((part, band))
            left -= part
            reached += part
    return found


def percent(ratio: Decimal) -> str:
    """`0.85` as `85`, `0.955` as `95.5`."""
    return format((ratio * 100).normalize(), "f")


def prohibited(pack: Pack, portion: Portion) -> bool:
    """Whether neither fund nor any account may pay these lines."""
    return portion.tag in pack["prohibited_uses"]


def not_from_accounts(pack: Pack, portion: Portion) -> tuple[Fen, str]:
    """How much of a portion the patient must pay in cash whatever the accounts hold, and the parameter that says so."""
    if prohibited(pack, portion):
        return portion.total, "prohibited_uses"
    outside = portion.upfront + portion.over_limit + portion.self_funded
    override = pack["account_item_overrides"].get(portion.tag)
    if override == "deny":
        return outside, "account_item_overrides"
    if override == "allow":
        return 0, ""
    if portion.tag.startswith("vaccine"):
        allowed = pack["vaccine_allow_list"]
        # The list is about vaccines people buy themselves. What the fund shares in (rabies, in some areas) is ordinary care.
        if "all" not in allowed and portion.tag.partition(":")[2] not in allowed:
            return outside, "vaccine_allow_list"
    if pack["account_scope"] == "in_policy_only":
        return portion.over_limit + portion.self_funded, "account_scope"
    return 0, ""


def card_left(pack: Pack, facts: Facts) -> Fen | None:
    """What a printed card may still spend today of the person's own account, None without a card."""
    return None if facts.card_used is None else max(0, pack["card_daily_cap"] - facts.card_used)


CARD_ONLY_OWN = ("paper_card", "card_daily_cap")


def barred(own: Pack, theirs: Pack, facts: Facts, giver: Giver) -> tuple[str, str] | None:
    """Why an authorisation cannot be used for this bill: (closed reason, parameter), or None when it can.

    `own` is the patient's pack, `theirs` the giver's: what a giver may do is the law of the giver's area.
    """
    on = facts.on.isoformat()
    if facts.card_used is not None:
        return CARD_ONLY_OWN
    if facts.patient.status != "normal" and not own["suspended_member_can_receive"]:
        return "member_suspended", "suspended_member_can_receive"
    if giver.paused:
        return "paused", ""
    stopped = giver.suspended_since_bound
    if stopped is not None and stopped <= on and "suspended" in theirs["auto_release_on"]:
        return "relation_not_active", "auto_release_on"
    if giver.status == "suspended":
        if not theirs["suspended_giver_can_fund"]:
            return "giver_suspended", "suspended_giver_can_fund"
    elif giver.status != "normal":
        return "giver_suspended", "auto_release_on"
    if giver.group is not None and giver.group in theirs["authoriser_excluded_groups"]:
        return "relation_not_eligible", "authoriser_excluded_groups"
    if giver.relation not in theirs["mutual_aid_relations"]:
        return "relation_not_eligible", "mutual_aid_relations"
    if not _delay_over(theirs, facts, giver.bound[:10]):
        return "relation_not_active", "mutual_aid_effective_delay_days"
    if giver.until is not None and giver.until[:10] < on:
        return "relation_not_active", "mutual_aid_valid_period"
    if outside_area(theirs, facts.patient.region, giver.region):
        return "area_not_open", "mutual_aid_area"
    if theirs["mutual_aid_mode"] != "draw":
        return "not_drawn_here", "mutual_aid_mode"
    if facts.use not in theirs["mutual_aid_use_types"] or facts.use not in giver.uses:
        return "use_prohibited", "mutual_aid_use_types"
    limits = _limits(giver)
    if limits != NO_LIMITS:
        for left, (reason, parameter) in zip(limits, LIMITS, strict=True):
            if left is not None and left <= 0:
                return reason, parameter if parameter not in LIMITS_OF_GIVER else ""
    return None


# In the order in which they are told when several are used up; the second word is the parameter, or what only a giver sets.
LIMITS = (
    ("quota_exhausted", "member_quota"),
    ("settlement_cap", "settlement_cap_per_member"),
    ("daily_limit", "daily_mutual_aid_limit"),
    ("monthly_cap", "monthly_cap"),
    ("yearly_cap", "yearly_cap"),
)
NO_LIMITS = (None,) * len(LIMITS)
LIMITS_OF_GIVER = ("balance", "keep", "monthly_cap", "yearly_cap")


def _limits(giver: Giver) -> tuple[Fen | None, ...]:
    """What each of LIMITS still allows."""
    return giver.quota_left, giver.settlement_cap, giver.day_left, giver.month_left, giver.year_left


def household_barred(pack: Pack, facts: Facts) -> tuple[str, str] | None:
    """Why the family's pool cannot pay this bill: (closed reason, parameter), or None when it can."""
    if facts.card_used is not None:
        return CARD_ONLY_OWN
    if facts.patient.status != "normal" and not pack["suspended_member_can_receive"]:
        return "member_suspended", "suspended_member_can_receive"
    if pack["mutual_aid_mode"] != "pool":
        return "not_pooled_here", "mutual_aid_mode"
    if facts.use not in pack["mutual_aid_use_types"]:
        return "use_prohibited", "mutual_aid_use_types"
    return None


def wallet_barred(pack: Pack, facts: Facts, wallet: Wallet) -> tuple[str, str] | None:
    """Why a frozen quota cannot pay this bill. What its giver may do was asked when it was frozen; `pack` is the patient's."""
    on = facts.on.isoformat()
    if facts.card_used is not None:
        return CARD_ONLY_OWN
    if facts.patient.status != "normal":
        # What is in one's own wallet is one's own.
        parameter = "suspended_owner_can_spend_own" if wallet.relation == SELF else "suspended_member_can_receive"
        if not pack[parameter]:
            return "member_suspended", parameter
    if wallet.bound[:10] > on or (wallet.until is not None and wallet.until[:10] < on):
        return "relation_not_active", ""
    if facts.use not in wallet.uses:
        return "use_prohibited", ""
    if wallet.left <= 0:
        return "quota_exhausted", ""
    return None


def _delay_over(pack: Pack, facts: Facts, relation_from: str) -> bool:
    delay: int = pack["mutual_aid_effective_delay_days"]
    if not delay:
        return relation_from <= facts.on.isoformat()
    started = facts.on.fromisoformat(relation_from)
    return (facts.on - started).days >= delay


MUNICIPALITIES = frozenset(("11", "12", "31", "50"))


def outside_area(pack: Pack, patient_region: str, giver_region: str) -> bool:
    """Whether the receiver is enrolled where the giver's region does not let money of mutual aid go."""
    area = pack["mutual_aid_area"]
    if area == "nation":
        return False
    if area == "pooling_area":
        return pooling_area(patient_region) != pooling_area(giver_region)
    return patient_region[:2] != giver_region[:2]


def pooling_area(region: str) -> str:
    """The pooling area a region belongs to: a city by its first four digits, a municipality by two."""
    return region[:2] if region[:2] in MUNICIPALITIES else region[:4]


def usable(pack: Pack, giver: Giver) -> tuple[Fen, str]:
    """What one giver's account may pay towards one settlement, and what bounds it: a parameter, or one of LIMITS_OF_GIVER."""
    balance = giver.account
    if pack["authoriser_account_part"] == "whole":
        balance += giver.current_year
    kept, name = pack["authoriser_balance_floor"], "authoriser_balance_floor"
    if giver.keep > kept:
        kept, name = giver.keep, "keep"
    if (ratio := pack["authoriser_reserve_ratio"]) and (reserve := share(balance, ratio)) > kept:
        kept, name = reserve, "authoriser_reserve_ratio"
    if giver.frozen >= kept:
        name = "balance"
    limit: Fen = balance - kept - giver.frozen
    # Only this account is drawn: what is frozen and kept stays in it, whatever the current-year account holds besides.
    drawn: Fen = giver.account - giver.frozen
    if drawn < limit:
        limit, name = drawn, "balance"
    for least, parameter in ((pack["authoriser_balance_floor"], "authoriser_balance_floor"), (giver.keep, "keep")):
        if least and drawn - least < limit:
            limit, name = drawn - least, parameter
    limits = _limits(giver)
    if limits != NO_LIMITS:
        for most, (_, parameter) in zip(limits, LIMITS, strict=True):
            if most is not None and most < limit:
                limit, name = most, parameter
    for parameter in ("settlement_cap_per_member", "daily_mutual_aid_limit"):
        most = pack[parameter]
        if most is not None and most < limit:
            limit, name = most, parameter
    return max(0, limit), name


Key = Callable[[Giver, str], tuple[Any, ...]]
ORDER_KEYS: Mapping[str, Key] = {
    "filing_time": lambda g, _: (g.filed, g.aid),
    "binding_time_asc": lambda g, _: (g.bound, g.aid),
    "binding_time_desc": lambda g, _: (g.bound, g.aid),
    "local_then_binding": lambda g, region: (g.region != region, g.bound, g.aid),
    # Of equal balances the name decides as people here sort names, by sound: the order of the national character set.
    "balance_desc_name": lambda g, _: (-g.account - g.current_year, g.shown.encode("gb18030", "replace"), g.bound, g.aid),
    "user_rank": lambda g, _: (g.rank if g.rank is not None else 10**6, g.bound, g.aid),
    "payer_choice": lambda g, _: (not g.chosen, g.bound, g.aid),
}


def in_order(pack: Pack, facts: Facts) -> list[Giver]:
    """The givers in the order the patient's region charges them; a pick by the patient counts where the region lets one pick."""
    kind, region = pack["authoriser_order"], facts.patient.region
    key = ORDER_KEYS[kind]
    givers = sorted(facts.givers, key=lambda g: key(g, region), reverse=kind == "binding_time_desc")
    if pack["max_authorisers_per_settlement"] is not None:
        givers.sort(key=lambda g: not g.chosen)
    return givers
