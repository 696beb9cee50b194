"""The insurance wallet: mutual aid with relatives in other provinces.

Since 2026 a giver freezes a quota: part of the own account that waits for one relative. No money is in the wallet: a settlement
draws on the giver's account, and areas clear monthly.

Before that money was sent: into wallets as in 2025, or straight from account to account where a region has that. Until the
receiver accepts, it is on its way; what nobody accepts goes back to where it came from. Where a region's wallet_mode is `quota`,
nothing new is sent. Rule: policy.md N5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from mulaid import audit, outbox, refs
from mulaid.calendar import SHANGHAI, business_date, months_later
from mulaid.db import Row, Statements, Tx
from mulaid.ledger import chart
from mulaid.ledger.journal import Leg, open_purse, post, reverse
from mulaid.money import LARGEST_FEN, Fen, yuan
from mulaid.people.eligibility import USE_WORDS, enrolment_of, happened, hold, kinship_of, may_give, shown
from mulaid.people.enrolment import PersonRef
from mulaid.policy import rules
from mulaid.policy.explain import INVERSE, RELATIONS
from mulaid.policy.pack import Library, Pack
from mulaid.refusal import Refusal

SQL = Statements("mulaid.people", "wallet.sql")


@dataclass(frozen=True, slots=True)
class Quota:
    """Part of a giver's account that waits for one relative; fen. `left` is what the relative may still spend."""

    id: UUID
    receiver: PersonRef
    receiver_region: str
    giver: PersonRef
    giver_region: str
    relation: str
    status: str
    quota: Fen
    used: Fen
    uses: tuple[str, ...]
    opened_at: datetime
    valid_to: date | None
    ended_at: datetime | None
    ended_because: str | None
    version: int

    @property
    def left(self) -> Fen:
        """What has not been used."""
        return self.quota - self.used


@dataclass(frozen=True, slots=True)
class Cleared:
    """What one area owes another for a month of draws, in fen; `draws` counts draws and returns."""

    giver_region: str
    receiver_region: str
    fen: Fen
    draws: int


def freeze(
    tx: Tx,
    library: Library,
    giver: PersonRef,
    receiver: PersonRef,
    relation: str,
    fen: Fen,
    *,
    uses: Sequence[str] | None = None,
    valid_to: date | None = None,
) -> UUID:
    """The giver freezes a quota for a relative; `relation` is what the receiver is to the giver.

    Refuses who may not give (aid.*), a receiver not in normal status, an area that has not opened, an area where mutual aid goes
    without a quota, a second quota of the same pair, and more than is free above the floor (wallet.below_floor says how much is).
    Rule: policy.md N4.
    """
    pack, home, away = may_freeze(tx, library, giver, receiver, relation, fen, valid_to)
    chosen = tuple(use for use in USE_WORDS if use in (pack["mutual_aid_use_types"] if uses is None else uses))
    strange = [use for use in uses or () if use not in pack["mutual_aid_use_types"]]
    if strange or not chosen:
        words = "、".join(USE_WORDS.get(use, use) for use in strange)
        raise Refusal("aid.use_prohibited", region=pack.name, use=words) if strange else Refusal("aid.no_use")
    kinship = kinship_of(tx, giver, receiver, relation, business_date(tx.at))
    hold(tx, giver, receiver)
    ref = refs.mint(receiver.book, tx.at)
    made = tx.run(
        SQL.add_grant,
        book=receiver.book,
        id=ref,
        receiver=receiver.id,
        receiver_region=away,
        giver_book=giver.book,
        giver=giver.id,
        giver_region=home,
        relation=relation,
        quota=fen,
        uses=list(chosen),
        at=tx.at,
        valid_to=valid_to,
    )
    if not made:
        raise Refusal("wallet.granted_already")
    given = {"book": giver.book, "giver": giver.id, "receiver_book": receiver.book, "receiver": receiver.id}
    tx.run(SQL.add_given, wallet=ref, **given)
    _freeze(tx, giver, fen, pack["authoriser_balance_floor"])
    detail = {"fen": fen, "kinship": kinship}
    audit.write(tx, receiver.book, "freeze_quota", ref, behalf_of=giver.id, detail=detail)
    tell = (
        f"您已为{RELATIONS[relation]}冻结跨省共济额度 {yuan(fen)} 元。",
        f"您的{INVERSE[relation]}为您设了跨省共济额度 {yuan(fen)} 元。",
    )
    _tell(tx, find(tx, ref), *tell)
    return ref


def may_freeze(
    tx: Tx, library: Library, giver: PersonRef, receiver: PersonRef, relation: str, fen: Fen, valid_to: date | None = None
) -> tuple[Pack, str, str]:
    """The giver's pack, and both regions, of a quota that could be frozen today if enough is free; refuses as `freeze` does."""
    on = business_date(tx.at)
    pack, enrolment = may_give(tx, library, giver, receiver, relation, on)
    theirs = enrolment_of(tx, receiver, on)
    there = library.in_force(theirs.region, on)
    if theirs.status != "normal" and not there["suspended_member_can_receive"]:
        raise Refusal("aid.member_suspended")
    for one in (pack, there):
        if one["wallet_mode"] != "quota":
            raise Refusal("wallet.area_not_open", region=one.name)
    if pack["mutual_aid_mode"] != "quota" and not rules.outside_area(pack, theirs.region, enrolment.region):
        raise Refusal("wallet.not_needed", region=pack.name)
    if not 0 < fen <= LARGEST_FEN:
        raise Refusal("money.bad_amount", given=yuan(fen))
    if valid_to is not None and valid_to < on:
        raise Refusal("aid.bad_dates")
    return pack, enrolment.region, theirs.region


def change(tx: Tx, library: Library, ref: UUID, giver: PersonRef, version: int, fen: Fen) -> Quota:
    """A new quota from the giver who saw `version`. Refuses less than is used, more than is free, and a passed version."""
    found = _of_giver(tx, ref, giver)
    if not 0 < fen <= LARGEST_FEN:
        raise Refusal("money.bad_amount", given=yuan(fen))
    if fen < found.used:
        raise Refusal("aid.quota_below_used", used=yuan(found.used))
    if not tx.run(SQL.change_quota, book=found.receiver.book, id=ref, version=version, quota=fen):
        raise Refusal("aid.stale")
    changed = find(tx, ref)
    more = fen - found.quota
    if more > 0:
        pack = library.in_force(found.giver_region, business_date(tx.at))
        _freeze(tx, giver, more, pack["authoriser_balance_floor"])
    elif more < 0:
        _thaw(tx, giver, -more)
    audit.write(tx, found.receiver.book, "change_quota", ref, behalf_of=giver.id, detail={"before": found.quota, "after": fen})
    their, my = RELATIONS[found.relation], INVERSE[found.relation]
    _tell(tx, changed, f"您给{their}的跨省共济额度已改为 {yuan(fen)} 元。", f"您的{my}把给您的跨省共济额度改为 {yuan(fen)} 元。")
    return changed


def stop(tx: Tx, ref: UUID, who: PersonRef) -> Fen:
    """Either side ends the quota; what was not used is the giver's again. How much that is. Refuses everybody else."""
    found = find(tx, ref)
    if who not in (found.giver, found.receiver):
        raise Refusal("wallet.not_active")
    return _end(tx, found, "released", "by_giver" if who == found.giver else "by_receiver")


def release_by_facts(tx: Tx, library: Library, person: PersonRef) -> list[UUID]:
    """End what a death, a move or a change of enrolment of this person ends by itself; what ended. Doing it again ends nothing.

    Rules: auto_release_on of the giver's region; policy.md N4c.
    """
    on = business_date(tx.at)
    hold(tx, person)
    ended = []
    for found in sorted([*received(tx, person), *given(tx, person)], key=lambda one: (one.receiver.book, one.id)):
        causes = library.in_force(found.giver_region, on)["auto_release_on"]
        pair = (found.giver, found.receiver, found.relation)
        since = business_date(found.opened_at)
        cause = next((cause for cause in happened(tx, person, pair, since, on) if cause in causes), None)
        if cause is not None:
            _end(tx, found, "ended_by_system", cause)
            ended.append(found.id)
    return ended


def lapse(tx: Tx, book: int) -> int:
    """End the quotas of one book that are past their last day; the number ended."""
    rows = tx.all(SQL.expired_grants, book=book, on=business_date(tx.at))
    for row in rows:
        _end(tx, find(tx, row["id"]), "ended_by_system", "expired")
    return len(rows)


def find(tx: Tx, ref: UUID) -> Quota:
    """One quota, living or not; refuses one that is not there."""
    row = tx.one(SQL.grant, book=refs.book_of(ref), id=ref)
    if row is None:
        raise Refusal("wallet.not_active")
    return _read(row)


def received(tx: Tx, receiver: PersonRef, *, past: bool = False) -> list[Quota]:
    """The quotas a person may spend; with `past` also those that have ended."""
    return [_read(row) for row in tx.all(SQL.received, book=receiver.book, receiver=receiver.id, past=past)]


def given(tx: Tx, giver: PersonRef, *, past: bool = False) -> list[Quota]:
    """The quotas a person gave; with `past` also those that have ended."""
    return [find(tx, row["wallet"]) for row in tx.all(SQL.given, book=giver.book, giver=giver.id, past=past)]


def parties(tx: Tx, book: int) -> list[PersonRef]:
    """Everybody of a book with a living quota on either side: whom the nightly job looks at."""
    return [PersonRef(book, row["person"]) for row in tx.all(SQL.parties, book=book)]


def free(tx: Tx, owner: PersonRef) -> Fen:
    """What of an own account its owner may spend: the balance without what is frozen, in fen."""
    row = tx.one(SQL.purse, book=owner.book, holder=owner.id, kind=chart.OWN)
    return row["balance"] - row["frozen"] if row else 0


# Clearing between areas


def clear(tx: Tx, book: int, month: date) -> int:
    """Put one book's draws into the report of a month that is over; the number of pairs of areas. A draw is reported once, ever.

    What was on its way when the month was cleared goes into the report that is made next. Refuses a month that is not over.
    """
    month = month.replace(day=1)
    after = months_later(month, 1)
    if business_date(tx.at) < after:
        raise Refusal("wallet.month_not_over", month=f"{month:%Y-%m}")
    return tx.run(SQL.clear, book=book, month=month, before=after, at=tx.at)


def to_clear(tx: Tx, month: date) -> list[int]:
    """The books with draws of a month, or of one before, that no report has yet."""
    return [row["book"] for row in tx.all(SQL.books_with_draws, before=months_later(month.replace(day=1), 1))]


def report(tx: Tx, month: date) -> list[Cleared]:
    """What each giver's area owes each receiver's area for a month, over all books."""
    return [Cleared(**row) for row in tx.all(SQL.clearing, month=month.replace(day=1))]


# How it is done


def _freeze(tx: Tx, giver: PersonRef, fen: Fen, floor: Fen) -> None:
    open_purse(tx, giver.book, giver.id, chart.OWN)
    if not tx.run(SQL.freeze, book=giver.book, holder=giver.id, fen=fen, keep=floor):
        row = tx.one(SQL.purse, book=giver.book, holder=giver.id, kind=chart.OWN)
        most = max(0, row["balance"] - row["frozen"] - max(floor, row["floor"])) if row else 0
        raise Refusal("wallet.below_floor", most=yuan(most))


def _thaw(tx: Tx, giver: PersonRef, fen: Fen) -> None:
    if fen:
        thawed = tx.run(SQL.thaw, book=giver.book, holder=giver.id, fen=fen)
        assert thawed, "what is left of a quota is frozen in the giver's account"


def _of_giver(tx: Tx, ref: UUID, giver: PersonRef) -> Quota:
    found = find(tx, ref)
    if found.giver != giver or found.status != "active":
        raise Refusal("wallet.not_active")
    return found


def _end(tx: Tx, found: Quota, status: str, because: str) -> Fen:
    row = tx.one(SQL.end_grant, book=found.receiver.book, id=found.id, at=tx.at, status=status, because=because)
    if row is None:
        raise Refusal("wallet.not_active")
    unused = int(row["unused"])
    tx.run(SQL.end_given, book=found.giver.book, giver=found.giver.id, wallet=found.id, at=tx.at)
    _thaw(tx, found.giver, unused)
    audit.write(
        tx, found.receiver.book, "end_quota", found.id, behalf_of=found.giver.id, detail={"because": because, "unused": unused}
    )
    their, my = RELATIONS[found.relation], INVERSE[found.relation]
    _tell(
        tx,
        found,
        f"您给{their}的跨省共济额度已终止，未用的 {yuan(unused)} 元已解冻，可以自己使用。",
        f"您的{my}给您的跨省共济额度已终止。",
    )
    return unused


def _read(row: Row) -> Quota:
    body = dict(row)
    receiver = PersonRef(body.pop("book"), body.pop("receiver"))
    giver = PersonRef(body.pop("giver_book"), body.pop("giver"))
    return Quota(receiver=receiver, giver=giver, **{**body, "uses": tuple(body["uses"])})


def _tell(tx: Tx, found: Quota, to_giver: str, to_receiver: str) -> None:
    outbox.tell(tx, found.giver.book, found.giver.id, to_giver, found.id)
    outbox.tell(tx, found.receiver.book, found.receiver.id, to_receiver, found.id)


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
    found = find_transfer(tx, ref)
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
    return find_transfer(tx, ref)


def return_overdue(tx: Tx, book: int, most: int = 200) -> int:
    """Send back to where it came from what nobody accepted in time, of one book; how many. The job of every morning at six."""
    rows = tx.all(SQL.overdue, book=book, at=tx.at, most=most)
    return sum(_return(tx, row["id"]) for row in rows)


def overdue_books(tx: Tx) -> list[int]:
    """The books with transfers nobody accepted in time."""
    return [row["book"] for row in tx.all(SQL.books_overdue, at=tx.at)]


def find_transfer(tx: Tx, ref: UUID) -> Transfer:
    """One transfer; refuses one that is not there."""
    return _read_transfer(_row(tx, ref))


def incoming(tx: Tx, receiver: PersonRef) -> list[Transfer]:
    """The latest hundred transfers that came to a person, newest first."""
    return [find_transfer(tx, row["transfer"]) for row in tx.all(SQL.incoming, book=receiver.book, receiver=receiver.id)]


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


def _read_transfer(row: Row) -> Transfer:
    sender, receiver = PersonRef(row["book"], row["sender"]), PersonRef(row["receiver_book"], row["receiver"])
    moments = row["sent_at"], row["accept_by"], row["decided_at"]
    return Transfer(row["id"], sender, row["source"], receiver, row["fen"], row["status"], *moments)


def _return(tx: Tx, ref: UUID) -> bool:
    row = _row(tx, ref)
    found = _read_transfer(row)
    if not tx.run(SQL.decide_transfer, book=found.sender.book, id=ref, status="returned", at=tx.at):
        return False  # somebody else was quicker
    reverse(tx, row["journal"], "wallet_returned")
    audit.write(tx, found.sender.book, "return_wallet", ref, behalf_of=found.sender.id)
    outbox.tell(tx, found.sender.book, found.sender.id, f"对方没有按时接收，{yuan(found.fen)} 元已退回。", ref)
    outbox.tell(tx, found.receiver.book, found.receiver.id, f"您没有按时接收转入的 {yuan(found.fen)} 元，已退回给对方。", ref)
    return True
