"""What ends when a person's insurance, home or life does: relations, quotas and seats, then what is left of the account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from mulaid import audit, outbox
from mulaid.calendar import business_date
from mulaid.db import Row, Tx
from mulaid.ledger import chart
from mulaid.ledger.journal import Leg, open_purse, post
from mulaid.ledger.statement import balances
from mulaid.money import Fen, yuan
from mulaid.people import aid, household, wallet
from mulaid.people.eligibility import at_counter
from mulaid.people.enrolment import SQL, PersonRef
from mulaid.policy.pack import Library
from mulaid.refusal import Refusal

BATCH = 500
DEATH, ABROAD = "death", "settled_abroad"
BECAUSE = {DEATH: "参保人去世，余额依法继承", ABROAD: "出境定居，终止参保"}
"""The situations in which what is left of an account may lawfully be paid out."""


def release_by_facts(tx: Tx, library: Library, person: PersonRef) -> None:
    """End what a death, a move, a suspension, an end of enrolment or of kinship ends by itself. Doing it again ends nothing.

    Called by whatever changes a person's standing, in the same transaction, and for everybody by the nightly walk.
    """
    aid.release_by_facts(tx, library, person)
    wallet.release_by_facts(tx, library, person)
    household.release_by_facts(tx, library, person)


def walk_people(tx: Tx, library: Library, people: Sequence[PersonRef]) -> None:
    """The nightly look at some people of a book, in the order of `parties`: what the facts end, and what disuse puts to sleep."""
    for person in people:
        release_by_facts(tx, library, person)
        aid.put_to_sleep(tx, library, person)


def walk_book(tx: Tx, book: int) -> int:
    """The nightly look at one book: invitations and terms that have run out, refunds into closed pools. How many things ended."""
    return aid.lapse(tx, book, BATCH) + wallet.lapse(tx, book) + household.return_late_refunds(tx, book)


def parties(tx: Tx, book: int) -> list[PersonRef]:
    """Everybody of a book with a living relation, quota or seat."""
    everybody = {*aid.parties(tx, book), *wallet.parties(tx, book), *household.parties(tx, book)}
    return sorted(everybody, key=lambda one: one.id)


def pay_out(
    tx: Tx, library: Library, person: PersonRef, because: str, heirs: Mapping[PersonRef, Fen] | None = None
) -> dict[str, Fen]:
    """Pay out what is left of a person's accounts, at a counter: to heirs' own accounts by amount, the rest in money. Fen by way.

    Refuses another channel than a counter, a situation that is not so (no death or no ended enrolment on record), an account with
    nothing in it, heirs without an account, and more to heirs than there is. Rules: policy.md N1h, seeds F116.
    """
    if not at_counter(tx):
        raise Refusal("account.counter_only")
    on = business_date(tx.at)
    region = entitled(tx, person, because, on)
    release_by_facts(tx, library, person)
    held = balances(tx, person.book, person.id)
    left = {kind: held.get(kind, 0) for kind in (chart.OWN, chart.CURRENT_YEAR, chart.WALLET)}
    total, given = sum(left.values()), dict(heirs or {})
    if not total:
        raise Refusal("account.nothing_left")
    if any(fen <= 0 for fen in given.values()):
        raise Refusal("money.bad_amount", given=yuan(min(given.values())))
    if sum(given.values()) > total:
        raise Refusal("account.more_than_left", left=yuan(total))
    for heir in given:
        row = _enrolment(tx, heir, on)
        if heir == person or row is None or row["base"] == "resident" or row["status"] == "ended":
            raise Refusal("account.heir_has_no_account")
        open_purse(tx, heir.book, heir.id, chart.OWN)
    cash = total - sum(given.values())
    _book_payout(tx, person, region, left, given, cash)
    detail = {"because": because, "cash": cash, "heirs": {str(heir.id): fen for heir, fen in given.items()}}
    audit.write(tx, person.book, "pay_out_account", person.id, purpose=because, detail=detail)
    for heir, fen in given.items():
        outbox.tell(tx, heir.book, heir.id, f"您继承的个人账户余额 {yuan(fen)} 元已转入您的个人账户。", person.id)
    if because != DEATH:
        outbox.tell(tx, person.book, person.id, f"您的个人账户余额 {yuan(cash)} 元已在窗口支付。", person.id)
    return {"heirs": total - cash, "cash": cash}


def entitled(tx: Tx, person: PersonRef, because: str, on: date) -> str:
    """The region that pays out; refuses a situation the records do not show (account.not_entitled)."""
    who = tx.one(SQL.person, book=person.book, id=person.id)
    if who is None:
        raise Refusal("people.unknown")
    row = _enrolment(tx, person, on)
    over = row is None or row["status"] == "ended"
    so = {DEATH: who["died_on"] is not None and who["died_on"] <= on, ABROAD: over and who["died_on"] is None}
    if not so.get(because, False):
        raise Refusal("account.not_entitled")
    last = row or tx.one(SQL.enrolment_on, book=person.book, person=person.id, on=who["died_on"] or on)
    return str(last["region"]) if last else chart.NO_REGION


def _enrolment(tx: Tx, person: PersonRef, on: date) -> Row | None:
    return tx.one(SQL.enrolment_on, book=person.book, person=person.id, on=on)


def _book_payout(
    tx: Tx, person: PersonRef, region: str, left: Mapping[int, Fen], given: Mapping[PersonRef, Fen], cash: Fen
) -> UUID:
    """One journal in the person's book; heirs of other books get theirs over a clearing leg. In the order of books."""
    legs: dict[int, list[Leg]] = {person.book: []}
    legs[person.book] += [Leg(chart.purse(person.id, kind), -fen, "payout") for kind, fen in left.items() if fen]
    for heir, fen in given.items():
        into = Leg(chart.purse(heir.id, chart.OWN), fen, "inherited")
        if heir.book == person.book:
            legs[person.book].append(into)
        else:
            legs[person.book].append(Leg(chart.clearing(heir.book), fen, "clearing"))
            legs.setdefault(heir.book, []).extend([into, Leg(chart.clearing(person.book), -fen, "clearing")])
    if cash:
        legs[person.book].append(Leg(chart.payout(region), cash, "payout"))
    made = {book: post(tx, book, "payout", legs[book]) for book in sorted(legs)}
    return made[person.book]
