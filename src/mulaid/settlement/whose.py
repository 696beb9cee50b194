"""Whose money: who pays a bill and by which rule, told alike before it is settled, with the settlement, and years later.

`whose_money` asks the same gathering and the same law that a settlement uses, and records nothing. News of a settlement is a
sentence for the patient and one for everybody whose account paid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from mulaid import refs
from mulaid.db import Row, Tx
from mulaid.money import Fen, yuan
from mulaid.outbox import SAID
from mulaid.outside.messages import Messages
from mulaid.people.enrolment import PersonRef
from mulaid.policy import facts as fact
from mulaid.policy.explain import INVERSE, RELATIONS, Line, cautions, explain
from mulaid.policy.facts import SELF, Facts, Giver, Portion
from mulaid.policy.hints import Hint, what_would_change
from mulaid.policy.pack import Library
from mulaid.policy.split import Decision, Step, packs_for
from mulaid.settlement import pay
from mulaid.settlement.visit import SQL, Institution, find_institution

FUND, OWN, FAMILY, CASH = "fund", "own", "family", "cash"
FUND_PARTS = (("pool", "医保统筹基金"), ("supplement", "大额医疗补助"), ("serious", "大病保险"))
OWN_PARTS = (("current_year", "本人的当年账户"), ("account", "本人的个人账户"))
BATCH = 100


@dataclass(frozen=True, slots=True)
class Payer:
    """One who pays a part of a bill: `kind` is fund, own, family or cash, `name` what people call it, `fen` never below zero."""

    kind: str
    name: str
    fen: Fen


@dataclass(frozen=True, slots=True)
class Told:
    """The split a bill would get now: the payers add up to `total`; a line a step, with rule, source and confidence."""

    total: Fen
    payers: tuple[Payer, ...]
    lines: tuple[Line, ...]
    cautions: tuple[str, ...]
    facts: Facts
    decision: Decision


def whose_money(
    tx: Tx,
    library: Library,
    person: PersonRef,
    institution: Institution,
    portions: Sequence[Portion] | Fen,
    *,
    on: date,
    use: str = "",
    use_accounts: bool = True,
) -> Told:
    """The exact split this bill would get if it were settled at `tx.at`. A bare amount counts as wholly in policy.

    Promises nothing: money may move before the bill is settled. Refuses as a settlement would: settlement.nothing_to_settle,
    people.not_enrolled.
    """
    if isinstance(portions, int):
        portions = (Portion("", portions, 0, 0, 0),)
    bill = pay.Bill(
        library=library,
        institution=institution,
        person=person,
        infno="whose_money",
        msgid="",
        on=on,
        portions=tuple(portions),
        use_accounts=use_accounts,
        use=use,
    )
    settled = pay.decide(tx, bill, pay.gather(tx, bill, None, lock=False))
    return told(settled)


def what_would_help(library: Library, told: Told, candidates: tuple[Giver, ...] = ()) -> tuple[Hint, ...]:
    """What would have changed who pays, the most valuable first. `candidates` are relatives who have not authorised yet."""
    packs = packs_for(library, replace(told.facts, givers=(*told.facts.givers, *candidates)))
    return what_would_change(packs, told.facts, told.decision, candidates)


def told(settled: pay.Settled) -> Told:
    """A decision that was just made, settled or not."""
    decision = settled.decision
    lines = tuple(explain(settled.packs, decision.steps))
    return Told(
        total=decision.total,
        payers=tuple(payers(decision.parts, decision.steps)),
        lines=lines,
        cautions=tuple(dict.fromkeys(cautions(lines))),
        facts=settled.facts,
        decision=decision,
    )


def payers(amounts: Mapping[str, Fen], steps: Sequence[Step]) -> list[Payer]:
    """Who pays how much, in the order of payment: funds, own money, each relative, cash; only cash is told when it is nothing.

    `amounts` is a settlement's row, a refund's too (its signs do not matter), or a decision's `parts`.
    """
    found = [Payer(FUND, name, abs(amounts[part])) for part, name in FUND_PARTS]
    found += [Payer(OWN, name, abs(amounts[part])) for part, name in OWN_PARTS]
    mine = [step.fen for step in steps if step.what == "wallet" and step.detail["relation"] == SELF]
    found += [Payer(OWN, "本人的医保钱包", fen) for fen in mine]
    found += _family(steps)
    return [payer for payer in found if payer.fen] + [Payer(CASH, "现金", abs(amounts["cash"]))]


def _family(steps: Sequence[Step]) -> list[Payer]:
    named = []
    for step in steps:
        if step.what == "aid":
            named.append((f"{INVERSE[step.detail['relation']]}（{step.detail['giver']}）的个人账户", step.fen))
        elif step.what == "household":
            named.append(("家庭共济账户", step.fen))
        elif step.what == "wallet" and step.detail["relation"] != SELF:
            named.append((f"{INVERSE[step.detail['relation']]}（{step.detail['giver']}）给的跨省额度", step.fen))
    names = [name for name, _ in named]
    # Brother and sister look the same under a mask; the order is that of the sentences.
    return [
        Payer(FAMILY, f"{name}（第 {names[: place + 1].count(name)} 位）" if names.count(name) > 1 else name, fen)
        for place, (name, fen) in enumerate(named)
    ]


def send_news(tx: Tx, book: int, messages: Messages) -> int:
    """Send what waits in one book's outbox and take it out; the number sent. Two senders never take the same row."""
    rows = tx.all(SQL.waiting_news, book=book, most=BATCH)
    for row in rows:
        body = row["body"]
        if row["topic"] == SAID:
            person = UUID(body["person"])
            about = UUID(body["about"]) if body["about"] else None
            messages.tell(tx, PersonRef(refs.book_of(person), person), body["text"], about)
        else:
            _tell(tx, UUID(body["settlement"]), messages)
        tx.run(SQL.news_told, book=book, id=row["id"])
    return len(rows)


def _tell(tx: Tx, settlement: UUID, messages: Messages) -> None:
    row = pay.find(tx, settlement)
    place = find_institution(tx, row["institution"])
    name = place.name if place else row["institution"]
    refund = row["refunds"] is not None
    funds, accounts = row["pool"] + row["supplement"] + row["serious"], row["current_year"] + row["account"]
    verb = "退费" if refund else "结算"
    text = (
        f"您在{name}{verb} {yuan(abs(row['total']))} 元：医保基金 {yuan(abs(funds))} 元，您的个人账户 {yuan(abs(accounts))} 元，"
        f"家人帮付 {yuan(abs(row['household'] + row['aid'] + row['wallet']))} 元，现金 {yuan(abs(row['cash']))} 元。"
    )
    messages.tell(tx, PersonRef(row["book"], row["person"]), text, settlement)
    for giver, fen in _givers(row):
        relation = RELATIONS[giver.relation]
        moved = f"退回您的个人账户 {yuan(fen)} 元" if refund else f"从您的个人账户帮{relation}付了 {yuan(fen)} 元"
        who = UUID(giver.person)
        messages.tell(tx, PersonRef(refs.book_of(who), who), f"{relation}在{name}{verb}，{moved}。", settlement)


def _givers(row: Row) -> list[tuple[fact.Giver | fact.Wallet, int]]:
    facts = fact.read(row["facts"])
    relatives: dict[str, fact.Giver | fact.Wallet] = {giver.aid: giver for giver in facts.givers}
    relatives |= {wallet.grant: wallet for wallet in facts.wallets if wallet.grant != pay.OWN_WALLET}
    steps = (Step(*step) for step in row["steps"])
    paid = [(step.detail.get("aid") or step.detail.get("grant"), step.fen) for step in steps if step.what in ("aid", "wallet")]
    return [(relatives[ref], fen) for ref, fen in paid if ref in relatives]
