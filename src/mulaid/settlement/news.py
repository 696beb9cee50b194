"""News: of a settlement a sentence for the patient and one for everybody whose account paid; of all else the words given."""

from __future__ import annotations

from uuid import UUID

from mulaid import refs
from mulaid.db import Row, Tx
from mulaid.money import yuan
from mulaid.outbox import SAID
from mulaid.outside.messages import Messages
from mulaid.people.enrolment import PersonRef
from mulaid.policy import facts as fact
from mulaid.policy.explain import RELATIONS
from mulaid.policy.split import Step
from mulaid.settlement import pay
from mulaid.settlement.visit import SQL, find_institution

BATCH = 100


def send_waiting(tx: Tx, book: int, messages: Messages) -> int:
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
