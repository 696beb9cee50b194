"""What would change whose money pays a bill: the same law asked again on changed facts, never a second copy of a rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from mulaid.money import Fen, yuan
from mulaid.policy import rules
from mulaid.policy.explain import INVERSE
from mulaid.policy.facts import Facts, Giver, Wallet
from mulaid.policy.pack import Pack
from mulaid.policy.split import Decision, decide

HIGHER = ("L2", "L3", "L3P")
NO_CASH = "其中 {fen} 元就不用付现金"
FUND_MORE = "医保基金多付 {fen} 元"
Packs = Mapping[str, Pack]


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing that would have made a difference. `fen` is what it is worth: cash saved, or what the funds would pay more.

    `what` is accounts_on, unfreeze, authorise, pool, wallet, resume, prolong, widen_uses, raise_limit, choose, file_remote,
    community or family_doctor; `giver` the authorisation or candidate it is about, empty where it is about nobody.
    """

    what: str
    fen: Fen
    text: str
    giver: str = ""


def what_would_change(packs: Packs, facts: Facts, decision: Decision, candidates: tuple[Giver, ...] = ()) -> tuple[Hint, ...]:
    """What matters, the most valuable first. `candidates` are relatives who have not authorised yet, told as if they had.

    `packs` holds the packs of the patient's, every giver's and every candidate's region. Each hint stands alone: two together
    are not worth their sum.
    """
    found = [*_own(packs, facts, decision), *_care(packs, facts, decision)]
    if decision.cash:
        for giver in facts.givers:
            found += _giver(packs, facts, decision, giver)
        own = packs[facts.patient.region]
        most = own["max_authorisers_per_beneficiary"]
        full = most is not None and len(facts.givers) >= most
        for candidate in candidates:
            found += _candidate(packs, facts, decision, candidate, full)
    # Of what is about one person only the best is told.
    best: dict[str, Hint] = {}
    for hint in found:
        key = hint.giver or hint.what
        if hint.fen > 0 and (key not in best or hint.fen > best[key].fen):
            best[key] = hint
    return tuple(sorted(best.values(), key=lambda hint: -hint.fen))


def _saved(packs: Packs, facts: Facts, decision: Decision) -> Fen:
    """How much less cash the changed facts take."""
    return decision.cash - decide(packs, facts).cash


def _hint(what: str, fen: Fen, if_: str, then: str = NO_CASH, giver: str = "") -> Hint:
    return Hint(what, fen, f"如果{if_}，{then.format(fen=yuan(max(0, fen)))}", giver)


def _own(packs: Packs, facts: Facts, decision: Decision) -> Iterator[Hint]:
    if not facts.use_accounts:
        yield _hint("accounts_on", _saved(packs, replace(facts, use_accounts=True), decision), "这次用个人账户")
    elif facts.frozen and decision.cash:
        yield _hint("unfreeze", _saved(packs, replace(facts, frozen=0), decision), "收回已经冻结给家人、还没用的额度")


def _care(packs: Packs, facts: Facts, decision: Decision) -> Iterator[Hint]:
    """What the funds would pay more: filed, nearer home, with a family doctor."""

    def more(changed: Facts) -> Fen:
        return decide(packs, changed).funds - decision.funds

    if facts.remote == "unfiled":
        fen = more(replace(facts, remote="other"))
        yield _hint("file_remote", fen, "出院或结账前补办异地就医备案", "医保基金至少多付 {fen} 元")
    if facts.remote == "papers_owed":
        fen = more(replace(facts, remote=""))
        yield _hint("give_papers", fen, "补齐异地备案承诺的材料，或者取消备案", FUND_MORE)
    if facts.use == "outpatient" and facts.level in HIGHER and not facts.disease:
        yield _hint("community", more(replace(facts, level="primary")), "同样的费用发生在基层医疗机构", FUND_MORE)
    doctors = any(finer.family_doctor for finer in packs[facts.patient.region]["person_classes"])
    if doctors and not facts.patient.family_doctor:
        signed = replace(facts, patient=replace(facts.patient, family_doctor=True))
        yield _hint("family_doctor", more(signed), "签约了家庭医生", FUND_MORE)


def _named(giver: Giver) -> str:
    return f"{INVERSE[giver.relation]}（{giver.shown}）"


def _giver(packs: Packs, facts: Facts, decision: Decision, giver: Giver) -> Iterator[Hint]:
    """What one who authorised already could change about it."""
    name, own, theirs = _named(giver), packs[facts.patient.region], packs[giver.region]

    def worth(changed: Giver) -> Fen:
        return _saved(packs, replace(facts, givers=tuple(changed if g.aid == giver.aid else g for g in facts.givers)), decision)

    if giver.paused:
        yield _hint("resume", worth(replace(giver, paused=False)), f"{name}恢复共济", giver=giver.aid)
        return
    if giver.until is not None and giver.until[:10] < facts.on.isoformat():
        yield _hint("prolong", worth(replace(giver, until=None)), f"{name}的共济没有到期", giver=giver.aid)
        return
    if facts.use not in giver.uses and facts.use in theirs["mutual_aid_use_types"]:
        wider = replace(giver, uses=giver.uses | {facts.use})
        yield _hint("widen_uses", worth(wider), f"{name}把共济也开放给这一种用途", giver=giver.aid)
        return
    # A day's limit may be the region's and not the giver's to lift.
    day = giver.day_left if theirs["daily_mutual_aid_limit"] is not None else None
    free = replace(giver, quota_left=None, settlement_cap=None, month_left=None, year_left=None, day_left=day, keep=0)
    if free != giver:
        yield _hint("raise_limit", worth(free), f"{name}放宽自己定的额度", giver=giver.aid)
    yield from _before_the_bill(packs, facts, decision, giver)
    if own["max_authorisers_per_settlement"] is not None and not giver.chosen:
        picked = replace(facts, givers=tuple(replace(g, chosen=g.aid == giver.aid) for g in facts.givers))
        yield _hint("choose", _saved(packs, picked, decision), f"这次选{name}来付", giver=giver.aid)


def _candidate(packs: Packs, facts: Facts, decision: Decision, giver: Giver, full: bool) -> Iterator[Hint]:
    """What a relative who has not authorised could do: authorise, pay into the pool, freeze a quota."""
    if not full:
        changed = replace(facts, givers=(*facts.givers, giver))
        yield _hint("authorise", _saved(packs, changed, decision), f"{_named(giver)}办了家庭共济", giver=giver.aid)
    yield from _before_the_bill(packs, facts, decision, giver)


def _before_the_bill(packs: Packs, facts: Facts, decision: Decision, giver: Giver) -> Iterator[Hint]:
    """Roads on which money has to be set aside first: the household's pool, and a quota for another area."""
    own, theirs = packs[facts.patient.region], packs[giver.region]
    stop = rules.barred(own, theirs, facts, giver)
    if stop is None or stop[0] not in ("not_drawn_here", "area_not_open"):
        return
    can, _ = rules.usable(theirs, giver)
    if stop[0] == "not_drawn_here" and own["mutual_aid_mode"] == "pool" and giver.region[:4] == facts.patient.region[:4]:
        fuller = replace(facts, household=facts.household + can)
        yield _hint("pool", _saved(packs, fuller, decision), f"{_named(giver)}先把钱划入家庭共济账户", giver=giver.aid)
    elif stop[0] == "area_not_open" and own["wallet_mode"] == "quota":
        quota = Wallet(giver.aid, giver.person, giver.shown, giver.relation, giver.region, can, facts.on.isoformat())
        wider = replace(facts, wallets=(*facts.wallets, quota))
        yield _hint("wallet", _saved(packs, wider, decision), f"{_named(giver)}在医保钱包里给就医人留出额度", giver=giver.aid)
