"""Whether an account may pay a premium, and how much of it: for oneself, or for a near relative by mutual aid.

A premium is paid whole or not at all unless the region says otherwise; nothing is taken on a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from mulaid.money import Fen, yuan
from mulaid.policy import facts as fact
from mulaid.policy import rules
from mulaid.policy.explain import INVERSE, Line
from mulaid.policy.facts import Giver
from mulaid.policy.pack import Pack
from mulaid.policy.split import Step
from mulaid.policy.waiting import told_line
from mulaid.refusal import Refusal

USES = {
    "resident": "premium_resident", "ltc": "premium_ltc", "city_supplement": "premium_resident", "commercial": "premium_resident",
}  # fmt: skip
SCHEMES = {"resident": "城乡居民医保", "ltc": "长期护理保险", "city_supplement": "城市补充医保", "commercial": "商业健康保险"}
BARRED = {
    "paused": "premium.paused",
    "giver_suspended": "premium.giver_suspended",
    "relation_not_active": "premium.relation_not_active",
    "relation_not_eligible": "premium.relation_not_eligible",
    "area_not_open": "premium.area_not_open",
    "not_drawn_here": "premium.not_drawn_here",
    "use_prohibited": "premium.use_prohibited",
    "quota_exhausted": "premium.quota_exhausted",
    "settlement_cap": "premium.settlement_cap",
    "daily_limit": "premium.settlement_cap",
    "monthly_cap": "premium.settlement_cap",
    "yearly_cap": "premium.settlement_cap",
}
ADULT, ELDERLY = 18, 60


@dataclass(frozen=True, slots=True)
class Premium:
    """What the decision rests on. `age` is the insured person's on the insured year's first day; `stated` what an insurer asks.

    `account` and `frozen` are the payer's own account (its prior-years part where accounts are parted). `giver` is the
    authorisation by which a relative's account pays, None when the payer is the insured. With `pool` (its head's masked name) the
    money is the household's, of which payer and insured are members.
    """

    on: date
    scheme: str
    year: int
    region: str
    age: int
    payer_region: str
    payer_status: str
    account: Fen
    frozen: Fen = 0
    student: bool = False
    repaired: int = 0
    stated: Fen | None = None
    giver: Giver | None = None
    pool: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain JSON types; `read` turns them back."""
        body = asdict(self) | {"on": self.on.isoformat()}
        if self.giver is not None:
            body["giver"]["uses"] = sorted(self.giver.uses)
        return body


@dataclass(frozen=True, slots=True)
class Decision:
    """fen = account + cash; whether it was paid in the collection window; why."""

    fen: Fen
    account: Fen
    cash: Fen
    in_window: bool
    steps: tuple[Step, ...]


def read(body: Mapping[str, Any]) -> Premium:
    """The facts from their stored JSON."""
    giver = body["giver"]
    made = Giver(**{**giver, "uses": frozenset(giver["uses"])}) if giver else None
    return Premium(**{**body, "on": date.fromisoformat(body["on"]), "giver": made})


def decide(packs: Mapping[str, Pack], year_pack: Pack, facts: Premium) -> Decision:
    """Who pays what of a premium; `year_pack` holds the values of the insured person's region on the year's first day.

    Refuses a scheme accounts may not pay here, a year or day it is not collected on, an amount that is not known or not the
    region's, an authorisation that does not cover it, and an account that cannot pay it whole.
    """
    theirs, own = packs[facts.payer_region], packs[facts.region]
    if facts.scheme not in theirs["payable_premium_schemes"]:
        raise Refusal("premium.out_of_scope", region=theirs.name, scheme=SCHEMES[facts.scheme])
    in_window = _in_window(own, theirs, facts)
    fen, steps = _amount(year_pack, facts)
    _allowed(own, theirs, facts)
    usable, bound = _usable(theirs, facts)
    partial = theirs["premium_partial_payment"]
    if usable < fen and not (partial and usable):
        raise Refusal("premium.premium_insufficient", needed=yuan(fen), usable=yuan(usable))
    account = min(fen, usable)
    detail: dict[str, Any] = {"scheme": facts.scheme, "left": facts.account - account}
    if facts.giver is not None:
        detail |= {"giver": facts.giver.shown, "relation": facts.giver.relation}
    if facts.pool:
        detail |= {"head": facts.pool}
    steps.append(Step("premium_account", account, "payable_premium_schemes", facts.payer_region, detail))
    if account < fen:
        steps.append(Step("premium_cash", fen - account, "premium_partial_payment", facts.payer_region, {"bound": bound}))
    return Decision(fen, account, fen - account, in_window, tuple(steps))


def replay(packs: Mapping[str, Pack], year_pack: Pack, facts: Premium, amounts: Mapping[str, Fen]) -> list[str]:
    """Where a stored decision does not come out the same again, one name each; nothing when it does, to the fen."""
    try:
        again = decide(packs, year_pack, facts)
    except Refusal as refusal:
        return [refusal.code]
    return [name for name in ("fen", "account", "cash") if getattr(again, name) != amounts[name]]


def _in_window(own: Pack, theirs: Pack, facts: Premium) -> bool:
    if facts.scheme != "resident":
        if facts.year not in (facts.on.year, facts.on.year + 1):
            raise Refusal("premium.wrong_year", year=facts.year)
        return True
    opens, closes = (date(facts.year - 1, *day) for day in own["resident_premium_window"])
    if opens <= facts.on <= closes:
        return True
    if facts.year != facts.on.year:
        raise Refusal("premium.wrong_year", year=facts.year)
    if theirs["premium_window_only"]:
        raise Refusal("premium.window_closed", region=theirs.name)
    return False


def _amount(pack: Pack, facts: Premium) -> tuple[Fen, list[Step]]:
    if facts.scheme in ("city_supplement", "commercial"):
        if not facts.stated or facts.stated < 0:
            raise Refusal("premium.amount_needed", scheme=SCHEMES[facts.scheme])
        return facts.stated, [Step("premium_stated", facts.stated, "", "", {"scheme": facts.scheme})]
    parameter = "resident_premium" if facts.scheme == "resident" else "ltc_premium"
    table, group = pack[parameter], _class(facts)
    one = table.get(group, table.get("all"))
    if not one:
        raise Refusal("premium.no_amount", region=pack.name, scheme=SCHEMES[facts.scheme], year=facts.year)
    fen: Fen = one * (1 + facts.repaired)
    if facts.stated is not None and facts.stated != fen:
        raise Refusal("premium.amount_differs", given=yuan(facts.stated), found=yuan(fen))
    detail = {"scheme": facts.scheme, "year": facts.year, "repaired": facts.repaired, "each": one}
    return fen, [Step("premium", fen, parameter, facts.region, detail)]


def _class(facts: Premium) -> str:
    if facts.age < ADULT or facts.student:
        return "child"
    return "elderly" if facts.age >= ELDERLY else "working_age"


def _allowed(own: Pack, theirs: Pack, facts: Premium) -> None:
    if facts.pool:
        if USES[facts.scheme] not in theirs["mutual_aid_use_types"]:
            raise Refusal("premium.use_prohibited")
        return
    if facts.giver is None:
        if facts.payer_status != "normal" and not theirs["suspended_owner_can_spend_own"]:
            raise Refusal("premium.giver_suspended")
        return
    # Who is to be insured by this premium may well not be insured now: that is no bar, so the law sees somebody in normal status.
    insured = fact.Patient(facts.region, "resident", "normal", facts.on)
    bill = fact.Facts(facts.on, USES[facts.scheme], "", insured, (), 0, 0)
    stop = rules.barred(own, theirs, bill, facts.giver)
    if stop is not None:
        raise Refusal(BARRED[stop[0]])


def _usable(theirs: Pack, facts: Premium) -> tuple[Fen, str]:
    """What the account may pay, and the parameter that bounds it."""
    if facts.giver is None:
        bounds = [(facts.account - facts.frozen, "balance")]
    else:
        bounds = [rules.usable(theirs, facts.giver)]
    # Rounded down: half a fen more would be more than the share.
    bounds.append((int(facts.account * theirs["premium_max_balance_ratio"]), "premium_max_balance_ratio"))
    if floor := theirs["premium_balance_floor"].get(facts.scheme):
        bounds.append((facts.account - floor, "premium_balance_floor"))
    fen, name = min(bounds, key=lambda bound: bound[0])
    return max(0, fen), name


def told(packs: Mapping[str, Pack], year_pack: Pack, steps: Sequence[Step]) -> list[Line]:
    """A decision in sentences, each with its rule and source; the premium's own amount by the insured year's values."""
    return [told_line(_packs(packs, year_pack, step), step, SENTENCES[step.what](step)) for step in steps]


def _packs(packs: Mapping[str, Pack], year_pack: Pack, step: Step) -> Mapping[str, Pack]:
    return {step.region: year_pack} if step.what == "premium" else packs


def _premium(step: Step) -> str:
    detail = step.detail
    repaired = f"，含补缴断缴的 {detail['repaired']} 年" if detail["repaired"] else ""
    each = f"每年 {yuan(detail['each'])} 元{repaired}"
    return f"{detail['year']} 年度{SCHEMES[detail['scheme']]}个人缴费 {yuan(step.fen)} 元（{each}）"


def _account(step: Step) -> str:
    detail = step.detail
    if "head" in detail:
        return f"从家庭账户（户主{detail['head']}）缴 {yuan(step.fen)} 元，缴后还剩 {yuan(detail['left'])} 元"
    whose = f"{INVERSE[detail['relation']]}（{detail['giver']}）" if "giver" in detail else "自己"
    return f"从{whose}的个人账户缴 {yuan(step.fen)} 元，缴后还剩 {yuan(detail['left'])} 元"


SENTENCES: Mapping[str, Callable[[Step], str]] = {
    "premium": _premium,
    "premium_stated": lambda step: f"{SCHEMES[step.detail['scheme']]}保费 {yuan(step.fen)} 元",
    "premium_account": _account,
    "premium_cash": lambda step: f"其余 {yuan(step.fen)} 元用现金缴",
}
