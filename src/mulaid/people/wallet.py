"""The insurance wallet: mutual aid with relatives in other provinces.

Since 2026 a giver freezes a quota: part of the own account that waits for one relative. No money is in the wallet: a settlement
draws on the giver's account, and areas clear monthly. Money sent into wallets, as in 2025, is `mulaid.people.remit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from mulaid import audit, outbox, refs
from mulaid.calendar import business_date, months_later
from mulaid.db import Row, Statements, Tx
from mulaid.ledger import chart
from mulaid.ledger.journal import open_purse
from mulaid.money import LARGEST_FEN, Fen, yuan
from mulaid.people.eligibility import USE_WORDS, enrolment_of, happened, hold, kinship_of, may_give
from mulaid.people.enrolment import PersonRef
from mulaid.policy import rules
from mulaid.policy.explain import INVERSE, RELATIONS
from mulaid.policy.pack import Library
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
    chosen = tuple(use for use in USE_WORDS if use in (pack["mutual_aid_use_types"] if uses is None else uses))
    strange = [use for use in uses or () if use not in pack["mutual_aid_use_types"]]
    if strange or not chosen:
        words = "、".join(USE_WORDS.get(use, use) for use in strange)
        raise Refusal("aid.use_prohibited", region=pack.name, use=words) if strange else Refusal("aid.no_use")
    kinship = kinship_of(tx, giver, receiver, relation, on)
    hold(tx, giver, receiver)
    ref = refs.mint(receiver.book, tx.at)
    made = tx.run(
        SQL.add_grant,
        book=receiver.book,
        id=ref,
        receiver=receiver.id,
        receiver_region=theirs.region,
        giver_book=giver.book,
        giver=giver.id,
        giver_region=enrolment.region,
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
