"""Money sent to relatives: wallet transfers as they were in 2025, and straight from account to account where a region has that.

Until the receiver accepts, the money is on its way; what nobody accepts goes back to where it came from. Dated: where a region's
wallet_mode is `quota`, quotas are frozen instead and nothing new is sent (mulaid.people.wallet). Rule: policy.md N5.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mulaid import audit, outbox, refs
from mulaid.calendar import SHANGHAI, business_date
from mulaid.db import Row, Tx
from mulaid.ledger import chart
from mulaid.ledger.journal import Leg, open_purse, post, reverse
from mulaid.money import Fen, yuan
from mulaid.people.eligibility import enrolment_of, hold, kinship_of, may_give, shown
from mulaid.people.enrolment import PersonRef
from mulaid.people.wallet import SQL
from mulaid.policy import rules
from mulaid.policy.explain import INVERSE, RELATIONS
from mulaid.policy.pack import Library, Pack
from mulaid.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money sent to a relative's wallet, in fen; `source` is the kind of purse it left. Status: waiting, accepted, returned."""

    id: UUID
    sender: PersonRef
    source: int
    receiver: PersonRef
    fen: Fen
    status: str
    sent_at: datetime
    accept_by: datetime
    decided_at: datetime | None


def open_wallet(tx: Tx, library: Library, person: PersonRef, opener: PersonRef | None = None) -> None:
    """Open a person's wallet; a relative may do it for somebody without a phone. Refuses a region without, and an open one."""
    on = business_date(tx.at)
    enrolment = enrolment_of(tx, person, on)
    pack = library.in_force(enrolment.region, on)
    if pack["wallet_mode"] == "none":
        raise Refusal("wallet.area_not_open", region=pack.name)
    by = opener or person
    if not tx.run(SQL.open_wallet, book=person.book, person=person.id, region=enrolment.region, at=tx.at, by=by.id):
        raise Refusal("wallet.open_already")
    open_purse(tx, person.book, person.id, chart.WALLET)
    audit.write(tx, person.book, "open_wallet", person.id, behalf_of=by.id)
    outbox.tell(tx, person.book, person.id, "您的医保钱包已开通。", person.id)


def close_wallet(tx: Tx, person: PersonRef) -> None:
    """Close a wallet. Refuses one with money in it or on its way, and one that is not open."""
    if not tx.run(SQL.hold_wallet, book=person.book, person=person.id):
        raise Refusal("wallet.not_open")
    row = tx.one(SQL.purse, book=person.book, holder=person.id, kind=chart.WALLET)
    if (row and row["balance"]) or tx.one(SQL.waiting_of, book=person.book, sender=person.id):
        raise Refusal("wallet.not_empty")
    tx.run(SQL.close_wallet, book=person.book, person=person.id, at=tx.at)
    audit.write(tx, person.book, "close_wallet", person.id)
    outbox.tell(tx, person.book, person.id, "您的医保钱包已关闭。", person.id)


def send(
    tx: Tx, library: Library, sender: PersonRef, receiver: PersonRef, relation: str, fen: Fen, *, source: int = chart.OWN
) -> UUID:
    """Send money to a relative's wallet; it waits there to be accepted. `source`: the own account, or the sender's wallet.

    Refuses a region that does not do it this way on this day, the closed hours, an amount over the limit or over what is free, a
    transfer that still waits, and more transfers than a day allows (wallet.*); who may not give from an own account (aid.*).
    """
    on = business_date(tx.at)
    pack = _pack(tx, library, sender, receiver, relation, source)
    _in_hours(pack, tx.at)
    if fen <= 0:
        raise Refusal("money.bad_amount", given=yuan(fen))
    if fen > pack["wallet_transfer_max"]:
        raise Refusal("wallet.wallet_amount_limit", most=yuan(pack["wallet_transfer_max"]))
    if not tx.run(SQL.hold_wallet, book=sender.book, person=sender.id):
        raise Refusal("wallet.not_open")
    if pack["wallet_one_pending"] and tx.one(SQL.waiting_of, book=sender.book, sender=sender.id):
        raise Refusal("wallet.wallet_pending")
    if not tx.run(SQL.count_sent, book=sender.book, person=sender.id, on=on, most=pack["wallet_daily_transfers"]):
        raise Refusal("wallet.wallet_count_limit", most=pack["wallet_daily_transfers"])
    keep = pack["authoriser_balance_floor"] if source == chart.OWN else 0
    most = _free(tx, sender, source, keep)
    if fen > most:
        raise Refusal("wallet.below_floor", most=yuan(most))
    ref = refs.mint(sender.book, tx.at)
    legs = [Leg(chart.purse(sender.id, source), -fen, "wallet_sent"), Leg(chart.on_the_way(sender.book), fen, "wallet_sent")]
    journal = post(tx, sender.book, "wallet_sent", legs)
    accept_by = _deadline(pack, tx.at)
    tx.run(
        SQL.add_transfer,
        book=sender.book,
        id=ref,
        sender=sender.id,
        source=source,
        receiver_book=receiver.book,
        receiver=receiver.id,
        fen=fen,
        at=tx.at,
        accept_by=accept_by,
        journal=journal,
    )
    tx.run(SQL.add_incoming, book=receiver.book, receiver=receiver.id, sender_book=sender.book, transfer=ref, at=tx.at)
    audit.write(tx, sender.book, "send_wallet", ref, behalf_of=sender.id, detail={"fen": fen})
    until = f"{accept_by.astimezone(SHANGHAI):%m月%d日%H:%M}"
    outbox.tell(tx, sender.book, sender.id, f"您向家人的医保钱包转出 {yuan(fen)} 元，{until} 前未接收将退回。", ref)
    said = f"{shown(tx, sender)}向您的医保钱包转入 {yuan(fen)} 元，请在 {until} 前接收。"
    outbox.tell(tx, receiver.book, receiver.id, said, ref)
    return ref


def give_directly(tx: Tx, library: Library, giver: PersonRef, receiver: PersonRef, relation: str, fen: Fen) -> UUID:
    """Money straight from one own account to a relative's, where a region has that between employees; the giver's journal.

    Refuses who may not give (aid.*), a region that does not have it, a receiver without an account or not in normal status,
    another area, and more than is free above the floor. Rule: direct_transfer_between_employees (Nanjing, policy.md 2).
    """
    on = business_date(tx.at)
    pack, enrolment = may_give(tx, library, giver, receiver, relation, on)
    if not pack["direct_transfer_between_employees"]:
        raise Refusal("wallet.no_direct", region=pack.name)
    theirs = enrolment_of(tx, receiver, on)
    if theirs.base == "resident":
        raise Refusal("wallet.receiver_has_no_account")
    if theirs.status != "normal":
        raise Refusal("aid.member_suspended")
    if rules.outside_area(pack, theirs.region, enrolment.region):
        raise Refusal("aid.area_not_open", giver=library.name(enrolment.region), receiver=library.name(theirs.region))
    kinship_of(tx, giver, receiver, relation, on)
    if fen <= 0:
        raise Refusal("money.bad_amount", given=yuan(fen))
    hold(tx, giver, receiver)
    open_purse(tx, receiver.book, receiver.id, chart.OWN)
    most = _free(tx, giver, chart.OWN, pack["authoriser_balance_floor"])
    if fen > most:
        raise Refusal("wallet.below_floor", most=yuan(most))
    out, into = Leg(chart.purse(giver.id, chart.OWN), -fen, "given"), Leg(chart.purse(receiver.id, chart.OWN), fen, "given")
    legs = {giver.book: [out, into]}
    if giver.book != receiver.book:
        legs = {giver.book: [out, Leg(chart.clearing(receiver.book), fen, "clearing")]}
        legs[receiver.book] = [into, Leg(chart.clearing(giver.book), -fen, "clearing")]
    journals = {book: post(tx, book, "given", legs[book]) for book in sorted(legs)}
    audit.write(tx, giver.book, "give_directly", receiver.id, behalf_of=giver.id, detail={"fen": fen})
    about = journals[giver.book]
    outbox.tell(tx, giver.book, giver.id, f"您向{RELATIONS[relation]}的个人账户划转 {yuan(fen)} 元。", about)
    outbox.tell(tx, receiver.book, receiver.id, f"您的{INVERSE[relation]}向您的个人账户划转 {yuan(fen)} 元。", about)
    return about


def accept(tx: Tx, ref: UUID, receiver: PersonRef) -> Transfer:
    """The receiver takes the money. Refuses others, a wallet that is not open, and what is decided or overdue."""
    found = find(tx, ref)
    if found.receiver != receiver:
        raise Refusal("wallet.unknown_transfer")
    if found.status != "waiting" or found.accept_by <= tx.at:
        raise Refusal("wallet.not_waiting")
    if not tx.run(SQL.hold_wallet, book=receiver.book, person=receiver.id):
        raise Refusal("wallet.not_open")
    if not tx.run(SQL.decide_transfer, book=found.sender.book, id=ref, status="accepted", at=tx.at):
        raise Refusal("wallet.not_waiting")
    purse, way = chart.purse(receiver.id, chart.WALLET), chart.on_the_way(found.sender.book)
    legs = {
        found.sender.book: [Leg(way, -found.fen, "wallet_sent"), Leg(chart.clearing(receiver.book), found.fen, "clearing")],
        receiver.book: [Leg(purse, found.fen, "wallet_sent"), Leg(chart.clearing(found.sender.book), -found.fen, "clearing")],
    }
    if found.sender.book == receiver.book:
        legs = {receiver.book: [Leg(way, -found.fen, "wallet_sent"), Leg(purse, found.fen, "wallet_sent")]}
    for book in sorted(legs):
        post(tx, book, "wallet_accepted", legs[book])
    audit.write(tx, receiver.book, "accept_wallet", ref, behalf_of=receiver.id)
    outbox.tell(tx, found.sender.book, found.sender.id, f"对方已接收您转出的 {yuan(found.fen)} 元。", ref)
    outbox.tell(tx, receiver.book, receiver.id, f"您的医保钱包收到 {yuan(found.fen)} 元。", ref)
    return find(tx, ref)


def return_overdue(tx: Tx, book: int, most: int = 200) -> int:
    """Send back to where it came from what nobody accepted in time, of one book; how many. The job of every morning at six."""
    rows = tx.all(SQL.overdue, book=book, at=tx.at, most=most)
    return sum(_return(tx, row["id"]) for row in rows)


def overdue_books(tx: Tx) -> list[int]:
    """The books with transfers nobody accepted in time."""
    return [row["book"] for row in tx.all(SQL.books_overdue, at=tx.at)]


def find(tx: Tx, ref: UUID) -> Transfer:
    """One transfer; refuses one that is not there."""
    return _read(_row(tx, ref))


def incoming(tx: Tx, receiver: PersonRef) -> list[Transfer]:
    """The latest hundred transfers that came to a person, newest first."""
    return [find(tx, row["transfer"]) for row in tx.all(SQL.incoming, book=receiver.book, receiver=receiver.id)]


def _free(tx: Tx, owner: PersonRef, kind: int, keep: Fen) -> Fen:
    row = tx.one(SQL.purse, book=owner.book, holder=owner.id, kind=kind)
    return max(0, row["balance"] - row["frozen"] - max(keep, row["floor"])) if row else 0


def _pack(tx: Tx, library: Library, sender: PersonRef, receiver: PersonRef, relation: str, source: int) -> Pack:
    on = business_date(tx.at)
    if source == chart.OWN:
        pack, _ = may_give(tx, library, sender, receiver, relation, on)
    else:
        # What is in a wallet may be passed on whatever scheme its owner is in (N5h); to relatives only all the same.
        if sender == receiver:
            raise Refusal("aid.oneself")
        pack = library.in_force(enrolment_of(tx, sender, on).region, on)
        if relation not in pack["mutual_aid_relations"]:
            raise Refusal("aid.relation_not_eligible", region=pack.name, on=on.isoformat())
    there = library.in_force(enrolment_of(tx, receiver, on).region, on)
    for one in (pack, there):
        if one["wallet_mode"] != "transfer":
            raise Refusal("wallet.no_transfers", region=one.name)
    kinship_of(tx, sender, receiver, relation, on)
    return pack


def _in_hours(pack: Pack, at: datetime) -> None:
    now, closes, opens = at.astimezone(SHANGHAI).time(), pack["wallet_closed_from"], pack["wallet_closed_to"]
    closed = closes <= now < opens if closes <= opens else (now >= closes or now < opens)
    if closed:
        raise Refusal("wallet.wallet_closed_hours", closes=f"{closes:%H:%M}", opens=f"{opens:%H:%M}")


def _deadline(pack: Pack, at: datetime) -> datetime:
    tomorrow = business_date(at) + timedelta(days=1)
    return datetime.combine(tomorrow, pack["wallet_accept_deadline"], SHANGHAI)


def _row(tx: Tx, ref: UUID) -> Row:
    row = tx.one(SQL.transfer, book=refs.book_of(ref), id=ref)
    if row is None:
        raise Refusal("wallet.unknown_transfer")
    return row


def _read(row: Row) -> Transfer:
    sender, receiver = PersonRef(row["book"], row["sender"]), PersonRef(row["receiver_book"], row["receiver"])
    moments = row["sent_at"], row["accept_by"], row["decided_at"]
    return Transfer(row["id"], sender, row["source"], receiver, row["fen"], row["status"], *moments)


def _return(tx: Tx, ref: UUID) -> bool:
    row = _row(tx, ref)
    found = _read(row)
    if not tx.run(SQL.decide_transfer, book=found.sender.book, id=ref, status="returned", at=tx.at):
        return False  # somebody else was quicker
    reverse(tx, row["journal"], "wallet_returned")
    audit.write(tx, found.sender.book, "return_wallet", ref, behalf_of=found.sender.id)
    outbox.tell(tx, found.sender.book, found.sender.id, f"对方没有按时接收，{yuan(found.fen)} 元已退回。", ref)
    outbox.tell(tx, found.receiver.book, found.receiver.id, f"您没有按时接收转入的 {yuan(found.fen)} 元，已退回给对方。", ref)
    return True
