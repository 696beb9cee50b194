"""Mutual aid: a giver authorises a near relative to spend the giver's account, after the relative's own.

Whether it may be used for a bill says the law (mulaid.policy.rules.barred); here it is opened, changed and ended. Each side has
its row in its own book. Counts of givers and receivers are taken while both sides are held, in (book, id) order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, time, timedelta
from uuid import UUID

from mulaid import audit, outbox, refs
from mulaid.calendar import SHANGHAI, business_date, months_later
from mulaid.db import Row, Tx
from mulaid.money import Fen, yuan
from mulaid.people.eligibility import (
    SQL,
    at_counter,
    check_amounts,
    check_terms,
    eligible,
    enrolment_of,
    happened,
    hold,
    kinship_of,
    limits_of,
    may_give,
    uses_of,
)
from mulaid.people.eligibility import Promise as Promise
from mulaid.people.eligibility import Terms as Terms
from mulaid.people.eligibility import promise as promise
from mulaid.people.enrolment import PersonRef
from mulaid.policy.explain import INVERSE, RELATIONS
from mulaid.policy.pack import Library, Pack
from mulaid.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Aid:
    """One authorisation as both sides see it. Fen; `month_used` and its like count only while their span is the present one."""

    id: UUID
    receiver: PersonRef
    giver: PersonRef
    relation: str
    kinship: str
    status: str
    waits_for: str | None
    lapses_at: datetime | None
    filed_at: datetime
    bound_at: datetime
    valid_to: date | None
    quota: Fen | None
    used: Fen
    settlement_cap: Fen | None
    month_cap: Fen | None
    year_cap: Fen | None
    reserve: Fen
    paused: bool
    month: date | None
    month_used: Fen
    year: int | None
    year_used: Fen
    day: date | None
    day_used: Fen
    rank: int | None
    uses: tuple[str, ...]
    ended_at: datetime | None
    ended_because: str | None
    version: int

    @property
    def living(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None

    @property
    def terms(self) -> Terms:
        """What the giver allows now: where a change starts from."""
        return Terms(
            self.quota, self.settlement_cap, self.valid_to, self.rank, self.uses, self.month_cap, self.year_cap, self.reserve
        )

    def used_in(self, on: date) -> tuple[Fen, Fen, Fen]:
        """What was drawn in the month, the year and on the day of `on`, gross."""
        return (
            self.month_used if self.month == on.replace(day=1) else 0,
            self.year_used if self.year == on.year else 0,
            self.day_used if self.day == on else 0,
        )


# Opening


def offer(
    tx: Tx,
    library: Library,
    giver: PersonRef,
    receiver: PersonRef,
    relation: str,
    terms: Terms,
    *,
    agreed: str,
    invite: bool = False,
) -> UUID:
    """The giver opens an authorisation; `relation` is what the receiver is to the giver, `agreed` the hash of the letter shown.

    By the region's filing mode it is active at once or waits for the agency; where the region asks for it, or with `invite`, the
    receiver says yes first. Refuses (aid.*) everything the rules of the giver's and the receiver's region forbid on this day, and
    a letter that is not the one these terms make today. Rules: pack parameters mutual_aid_* and max_*, policy.md 2 and 8.
    """
    on = business_date(tx.at)
    pack, kinship = eligible(tx, library, giver, receiver, relation, on)
    theirs = library.in_force(enrolment_of(tx, receiver, on).region, on)
    check_terms(pack, terms, on, terms.uses)
    shown = promise(tx, library, giver, receiver, relation, terms)
    if shown.hash != agreed:
        raise Refusal("aid.promise_changed")
    mode = pack["mutual_aid_filing_mode"]
    if mode == "counter" and not at_counter(tx):
        raise Refusal("aid.counter_only", region=pack.name)
    hold(tx, giver, receiver)
    _room(tx, pack, theirs, giver, receiver)
    waits_for = "receiver" if invite or pack["mutual_aid_acceptance"] else "agency" if mode == "review" else None
    lapses_at = tx.at + timedelta(days=pack["mutual_aid_invitation_days"]) if waits_for == "receiver" else None
    aid = _add(
        tx, giver, receiver, relation, kinship, terms, uses_of(pack, terms), tx.at, _start(tx, terms), waits_for, lapses_at
    )
    tx.run(
        SQL.add_promise,
        book=receiver.book,
        aid=aid,
        edition=shown.edition,
        text=tx.keys.seal("promise", f"aid|promise|{aid}", shown.text),
        hash=bytes.fromhex(shown.hash),
        at=tx.at,
        by=f"{tx.by.channel}:{tx.by.name}",
    )
    audit.write(tx, receiver.book, "offer_aid", receiver.id, behalf_of=giver.id, detail={"aid": str(aid), "waits_for": waits_for})
    made = find(tx, aid)
    if waits_for is None:
        _tell_begun(tx, made)
    elif waits_for == "receiver":
        _tell(
            tx,
            made,
            f"您已邀请{_their(made)}使用您的个人账户，等待对方同意。",
            f"{_my(made)}邀请您使用 TA 的个人账户，请您确认是否同意。",
        )
    else:
        _tell(
            tx, made, "您的家庭共济申请已提交，等待医保经办机构审核。", f"{_my(made)}为您申请了家庭共济，等待医保经办机构审核。"
        )
    return aid


def authorise(
    tx: Tx,
    library: Library,
    giver: PersonRef,
    receiver: PersonRef,
    relation: str,
    terms: Terms,
    *,
    bound_at: datetime | None = None,
    filed_at: datetime | None = None,
) -> UUID:
    """Take over an authorisation that another system made: the receiver may spend the giver's account from `bound_at` on.

    There is no letter, and no count that the other system should have kept. Refuses what `may_give` refuses on the day of
    binding, a receiver without enrolment, and a second authorisation of the same pair.
    """
    bound = bound_at or tx.at
    on = business_date(bound)
    pack, enrolment = may_give(tx, library, giver, receiver, relation, on)
    enrolment_of(tx, receiver, on)
    check_amounts(terms)
    kinship = kinship_of(tx, giver, receiver, relation, on)
    hold(tx, giver, receiver)
    aid = _add(tx, giver, receiver, relation, kinship, terms, uses_of(pack, terms), filed_at or bound, bound, None, None)
    detail = {"aid": str(aid), "region": enrolment.region}
    audit.write(tx, receiver.book, "authorise_aid", receiver.id, behalf_of=giver.id, detail=detail)
    return aid


def accept(tx: Tx, library: Library, aid: UUID, receiver: PersonRef) -> Aid:
    """The receiver says yes. Refuses what does not wait for this person, what has lapsed, and what the rules forbid by now."""
    found = _mine(tx, aid, receiver=receiver)
    if found.status != "pending" or found.waits_for != "receiver":
        raise Refusal("aid.not_waiting")
    if found.lapses_at is not None and found.lapses_at <= tx.at:
        raise Refusal("aid.invitation_lapsed")
    pack, kinship = eligible(tx, library, found.giver, receiver, found.relation, business_date(tx.at))
    audit.write(tx, receiver.book, "accept_aid", aid, behalf_of=receiver.id)
    if pack["mutual_aid_filing_mode"] == "review":
        _moved_on(tx.run(SQL.hand_on, book=receiver.book, id=aid, version=found.version))
        waiting = find(tx, aid)
        _tell(tx, waiting, f"{_their(waiting)}已同意，等待医保经办机构审核。", "您已同意，等待医保经办机构审核。")
        return waiting
    return _begin(tx, found, kinship)


def decline(tx: Tx, aid: UUID, receiver: PersonRef) -> None:
    """The receiver says no to an invitation. Refuses what is not waiting for this person."""
    found = _mine(tx, aid, receiver=receiver)
    if found.status != "pending" or found.waits_for != "receiver":
        raise Refusal("aid.not_waiting")
    _end(tx, found, "released", "declined")


def approve(tx: Tx, library: Library, aid: UUID) -> Aid:
    """The agency lets a reviewed application begin now. Refuses what is not waiting for it, and what the rules forbid by now."""
    found = find(tx, aid)
    if found.status != "pending" or found.waits_for != "agency":
        raise Refusal("aid.not_waiting")
    _, kinship = eligible(tx, library, found.giver, found.receiver, found.relation, business_date(tx.at))
    audit.write(tx, found.receiver.book, "approve_aid", aid, behalf_of=found.giver.id)
    return _begin(tx, found, kinship)


def refuse(tx: Tx, aid: UUID, because: str) -> None:
    """The agency turns an application down; `because` is told to the giver. Refuses what is not waiting for it."""
    found = find(tx, aid)
    if found.status != "pending" or found.waits_for != "agency":
        raise Refusal("aid.not_waiting")
    _end(tx, found, "ended_by_system", "refused", told=because)


# Changing


def change(tx: Tx, library: Library, aid: UUID, giver: PersonRef, version: int, terms: Terms) -> Aid:
    """New terms from the giver who saw `version`; the order among givers stays the receiver's, and what was spent counts on.

    Refuses terms the region does not permit, a quota below what is used, and terms somebody changed in between (aid.stale).
    """
    found = _mine(tx, aid, giver=giver)
    if found.status == "pending":
        raise Refusal("aid.not_active")
    on = business_date(tx.at)
    pack = _giver_pack(tx, library, found, on)
    # What was agreed before the region narrowed its list may stay; only what is new has to be permitted.
    check_terms(pack, terms, on, [use for use in terms.uses or () if use not in found.uses])
    if terms.quota is not None and terms.quota < found.used:
        raise Refusal("aid.quota_below_used", used=yuan(found.used))
    uses = tuple(terms.uses) if terms.uses is not None else uses_of(pack, terms)
    _moved_on(
        tx.run(
            SQL.change_aid,
            book=found.receiver.book,
            id=aid,
            version=version,
            quota=terms.quota,
            settlement_cap=terms.settlement_cap,
            month_cap=terms.month_cap,
            year_cap=terms.year_cap,
            reserve=terms.reserve,
            valid_to=terms.valid_to,
            uses=list(uses),
        )
    )
    before, changed = found.terms, find(tx, aid)
    old, new = asdict(before), asdict(changed.terms)
    detail = {name: [str(old[name]), str(new[name])] for name in old if old[name] != new[name]}
    audit.write(tx, found.receiver.book, "change_aid", aid, behalf_of=giver.id, detail=detail)
    said = "；".join(limits_of(changed.terms)) or "不另设限额"
    _tell(tx, changed, f"您给{_their(changed)}的家庭共济已修改：{said}。", f"{_my(changed)}修改了给您的家庭共济：{said}。")
    return changed


def pause(tx: Tx, aid: UUID, giver: PersonRef, version: int, *, paused: bool = True) -> Aid:
    """The giver holds it back, or with `paused` false lets it go on. Refuses what is so already, and a passed version."""
    found = _mine(tx, aid, giver=giver)
    if found.status == "pending":
        raise Refusal("aid.not_active")
    if found.paused and paused:
        raise Refusal("aid.paused_already")
    if not found.paused and not paused:
        raise Refusal("aid.not_paused")
    _moved_on(tx.run(SQL.pause_aid, book=found.receiver.book, id=aid, version=version, paused=paused))
    audit.write(tx, found.receiver.book, "pause_aid" if paused else "resume_aid", aid, behalf_of=giver.id)
    verb = "暂停" if paused else "恢复"
    _tell(tx, found, f"您已{verb}给{_their(found)}的家庭共济。", f"{_my(found)}{verb}了给您的家庭共济。")
    return find(tx, aid)


def resume(tx: Tx, aid: UUID, giver: PersonRef, version: int) -> Aid:
    """The opposite of `pause`."""
    return pause(tx, aid, giver, version, paused=False)


def wake(tx: Tx, aid: UUID, giver: PersonRef, version: int) -> Aid:
    """The giver wakes an authorisation that fell asleep from disuse. Refuses one that is awake or has changed."""
    found = _mine(tx, aid, giver=giver)
    if found.status != "locked":
        raise Refusal("aid.not_asleep")
    _moved_on(tx.run(SQL.wake, book=found.receiver.book, id=aid, version=version, on=business_date(tx.at)))
    audit.write(tx, found.receiver.book, "wake_aid", aid, behalf_of=giver.id)
    _tell(tx, found, f"您给{_their(found)}的家庭共济已重新启用。", f"{_my(found)}重新启用了给您的家庭共济。")
    return find(tx, aid)


def arrange(tx: Tx, library: Library, receiver: PersonRef, order: Sequence[UUID]) -> None:
    """The receiver's order among all living givers, first one first.

    Refuses a region where the order is not the receiver's to set, and a list that is not exactly the living authorisations.
    """
    on = business_date(tx.at)
    pack = library.in_force(enrolment_of(tx, receiver, on).region, on)
    if pack["authoriser_order"] != "user_rank":
        raise Refusal("aid.order_fixed", region=pack.name)
    hold(tx, receiver)
    living = {found.id for found in received(tx, receiver)}
    if len(order) != len(living) or set(order) != living:
        raise Refusal("aid.order_incomplete")
    places = {aid: place for place, aid in enumerate(order, 1)}
    for aid in sorted(order):
        tx.run(SQL.rank_aid, book=receiver.book, id=aid, receiver=receiver.id, rank=places[aid])
    audit.write(tx, receiver.book, "arrange_aid", receiver.id, detail=[str(aid) for aid in order])


# Ending


def stop(tx: Tx, library: Library, aid: UUID, who: PersonRef) -> None:
    """The giver or the receiver ends it; an application that still waits may be withdrawn by either side at any time.

    Refuses a side the region does not let release (aid.release_not_yours), and a release before the region's months are over
    (aid.release_locked). Rules: mutual_aid_release_by, min_months_before_release.
    """
    found = find(tx, aid)
    if who not in (found.giver, found.receiver) or not found.living:
        raise Refusal("aid.not_active")
    side = "giver" if who == found.giver else "receiver"
    if found.status != "pending":
        on = business_date(tx.at)
        pack = _giver_pack(tx, library, found, on)
        if side not in pack["mutual_aid_release_by"]:
            raise Refusal("aid.release_not_yours", region=pack.name)
        free = months_later(business_date(found.bound_at), pack["min_months_before_release"])
        if on < free:
            raise Refusal("aid.release_locked", months=pack["min_months_before_release"], free=free.isoformat())
    _end(tx, found, "released", f"by_{side}")


def end(tx: Tx, aid: UUID, *, by_system: bool = False, because: str = "") -> None:
    """The authorisation is over from this moment, whatever months or sides the region asks for: for counters and the system.

    Refuses one that is not there or has ended.
    """
    found = find(tx, aid)
    if not found.living:
        raise Refusal("aid.not_active")
    _end(tx, found, "ended_by_system" if by_system else "released", because or ("by_system" if by_system else "by_agency"))


def release_by_facts(tx: Tx, library: Library, person: PersonRef) -> list[UUID]:
    """End what a death, a move or a change of enrolment of this person ends by itself; what ended. Doing it again ends nothing.

    Rule: auto_release_on of the giver's region. Insurance ended, moved to another pooling area and death count on either side; a
    suspension on the giver's side only (policy.md W12, W14); kinship by what the registers say.
    """
    on = business_date(tx.at)
    hold(tx, person)
    ended = []
    for found in sorted([*received(tx, person), *given(tx, person)], key=lambda one: (one.receiver.book, one.id)):
        causes = _giver_pack(tx, library, found, on)["auto_release_on"]
        since = min(business_date(found.bound_at), on)
        pair = (found.giver, found.receiver, found.relation)
        cause = next((cause for cause in happened(tx, person, pair, since, on) if cause in causes), None)
        if cause is not None:
            _end(tx, found, "ended_by_system", cause)
            ended.append(found.id)
    return ended


def lapse(tx: Tx, book: int, most: int = 500) -> int:
    """End invitations nobody answered in time and authorisations past their last day, of one book; the number ended."""
    rows = tx.all(SQL.lapsed, book=book, at=tx.at, on=business_date(tx.at), most=most)
    for row in rows:
        found = find(tx, row["id"])
        if found.living:
            _end(tx, found, "ended_by_system", "invitation_lapsed" if found.status == "pending" else "expired")
    return len(rows)


def put_to_sleep(tx: Tx, library: Library, giver: PersonRef) -> list[UUID]:
    """Put to sleep what a giver's region puts to sleep after months of disuse (dormant_freeze_months); what fell asleep."""
    on = business_date(tx.at)
    asleep = []
    for found in given(tx, giver):
        months = _giver_pack(tx, library, found, on)["dormant_freeze_months"]
        if months is None or found.status != "active":
            continue
        if max(found.day or date.min, business_date(found.bound_at)) > months_later(on, -months):
            continue
        if tx.run(SQL.put_to_sleep, book=found.receiver.book, id=found.id, version=found.version):
            audit.write(tx, found.receiver.book, "aid_asleep", found.id)
            _tell(
                tx,
                found,
                f"您给{_their(found)}的家庭共济长期未使用，已冻结，可随时重新启用。",
                f"{_my(found)}给您的家庭共济长期未使用，已冻结。",
            )
            asleep.append(found.id)
    return asleep


# Looking


def find(tx: Tx, aid: UUID) -> Aid:
    """One authorisation, living or not; refuses one that is not there."""
    row = tx.one(SQL.aid, book=refs.book_of(aid), id=aid)
    if row is None:
        raise Refusal("aid.not_active")
    return _read(row)


def received(tx: Tx, receiver: PersonRef, *, past: bool = False) -> list[Aid]:
    """Who gives to a person, in the receiver's order; with `past` also what has ended."""
    return [_read(row) for row in tx.all(SQL.received, book=receiver.book, receiver=receiver.id, past=past)]


def given(tx: Tx, giver: PersonRef, *, past: bool = False) -> list[Aid]:
    """To whom a person gives; with `past` also what has ended."""
    return [find(tx, row["aid"]) for row in tx.all(SQL.given, book=giver.book, giver=giver.id, past=past)]


def promised(tx: Tx, aid: UUID) -> Promise | None:
    """The letter an authorisation rests on; none for one that was taken over."""
    row = tx.one(SQL.promise, book=refs.book_of(aid), aid=aid)
    if row is None:
        return None
    text = tx.keys.open_text("promise", f"aid|promise|{aid}", row["text"])
    return Promise(row["edition"], text, row["hash"].hex())


def parties(tx: Tx, book: int) -> list[PersonRef]:
    """Everybody of a book with a living authorisation on either side: whom the nightly job looks at."""
    return [PersonRef(book, row["person"]) for row in tx.all(SQL.parties, book=book)]


def reserve_hint(balance: Fen) -> Fen:
    """What givers are advised to keep for themselves: 30 % of the balance. A hint, never a limit."""
    return balance * 3 // 10


# What the rules say


def _room(tx: Tx, pack: Pack, theirs: Pack, giver: PersonRef, receiver: PersonRef) -> None:
    """Whether there is room for one more, while both sides are held. Limits of giver's and receiver's region both bind."""
    now = tx.one(SQL.receivers, book=giver.book, giver=giver.id, receiver=receiver.id)
    assert now is not None, "a count always answers"
    most = pack["max_beneficiaries_per_authoriser"]
    if most is not None and now["living"] >= most:
        raise Refusal("aid.limit_receivers", most=most)
    ever = pack["max_lifetime_beneficiaries"]
    if ever is not None and not now["former"] and now["ever"] >= ever:
        raise Refusal("aid.limit_lifetime_receivers", most=ever)
    limits = [p["max_authorisers_per_beneficiary"] for p in (pack, theirs) if p["max_authorisers_per_beneficiary"] is not None]
    mine = tx.one(SQL.givers, book=receiver.book, receiver=receiver.id)
    if limits and mine and mine["living"] >= min(limits):
        raise Refusal("aid.limit_givers", most=min(limits))
    if pack["roles_exclusive"] or theirs["roles_exclusive"]:
        receives = tx.one(SQL.givers, book=giver.book, receiver=giver.id)
        gives = tx.one(SQL.receivers, book=receiver.book, giver=receiver.id, receiver=giver.id)
        if (receives and receives["living"]) or (gives and gives["living"]):
            raise Refusal("aid.role_conflict")


def _giver_pack(tx: Tx, library: Library, found: Aid, on: date) -> Pack:
    """Today's rules of the region where the giver was enrolled when it began: a move does not take the old rules away."""
    since = min(business_date(found.bound_at), on)
    return library.in_force(enrolment_of(tx, found.giver, since).region, on)


# The rows


def _start(tx: Tx, terms: Terms) -> datetime:
    """When it begins to count: now, or the first moment of a later day the giver chose."""
    if terms.valid_from is None:
        return tx.at
    return max(tx.at, datetime.combine(terms.valid_from, time(), SHANGHAI))


def _add(
    tx: Tx,
    giver: PersonRef,
    receiver: PersonRef,
    relation: str,
    kinship: str,
    terms: Terms,
    uses: Sequence[str],
    filed_at: datetime,
    bound_at: datetime,
    waits_for: str | None,
    lapses_at: datetime | None,
) -> UUID:
    aid = refs.mint(receiver.book, tx.at)
    made = tx.run(
        SQL.add_aid,
        book=receiver.book,
        id=aid,
        receiver=receiver.id,
        giver_book=giver.book,
        giver=giver.id,
        relation=relation,
        kinship=kinship,
        status="pending" if waits_for else "active",
        waits_for=waits_for,
        lapses_at=lapses_at,
        filed_at=filed_at,
        bound_at=bound_at,
        valid_to=terms.valid_to,
        quota=terms.quota,
        settlement_cap=terms.settlement_cap,
        month_cap=terms.month_cap,
        year_cap=terms.year_cap,
        reserve=terms.reserve,
        rank=terms.rank,
        uses=list(uses),
    )
    if not made:
        raise Refusal("aid.authorised_already")
    began = waits_for is None
    tx.run(
        SQL.add_aid_given,
        book=giver.book,
        giver=giver.id,
        receiver_book=receiver.book,
        receiver=receiver.id,
        aid=aid,
        began=began,
    )
    return aid


def _begin(tx: Tx, found: Aid, kinship: str) -> Aid:
    bound_at = max(tx.at, found.bound_at)
    _moved_on(
        tx.run(SQL.begin_aid, book=found.receiver.book, id=found.id, version=found.version, bound_at=bound_at, kinship=kinship)
    )
    tx.run(SQL.begin_given, book=found.giver.book, giver=found.giver.id, aid=found.id)
    begun = find(tx, found.id)
    _tell_begun(tx, begun)
    return begun


def _end(tx: Tx, found: Aid, status: str, because: str, *, told: str = "") -> None:
    if not tx.run(SQL.end_aid, book=found.receiver.book, id=found.id, at=tx.at, status=status, because=because):
        raise Refusal("aid.not_active")
    tx.run(SQL.end_given, book=found.giver.book, giver=found.giver.id, aid=found.id, at=tx.at)
    detail = {"because": because, "told": told} if told else {"because": because}
    audit.write(tx, found.receiver.book, "end_aid", found.id, behalf_of=found.giver.id, detail=detail)
    why = BECAUSE[because]
    if found.status == "pending":
        words = f"{why}：{told}" if told else why
        _tell(tx, found, f"给{_their(found)}的家庭共济没有开通（{words}）。", f"{_my(found)}给您的家庭共济没有开通（{why}）。")
    else:
        _tell(tx, found, f"您给{_their(found)}的家庭共济已终止（{why}）。", f"{_my(found)}给您的家庭共济已终止（{why}）。")


BECAUSE = {
    "declined": "被授权人没有同意",
    "refused": "医保经办机构审核未通过",
    "invitation_lapsed": "邀请到期没有答复",
    "expired": "授权期限已满",
    "by_giver": "由授权人解除",
    "by_receiver": "由被授权人解除",
    "by_agency": "由医保经办机构办理",
    "counter": "在医保经办窗口办理",
    "by_system": "由系统按规定终止",
    "insurance_ended": "参保关系已终止",
    "moved_area": "参保关系已转到别的统筹区",
    "suspended": "授权人参保已暂停",
    "kinship_ended": "亲属关系已变更",
    "death": "一方已去世",
}
"""Why an authorisation ended, in words."""


def _read(row: Row) -> Aid:
    values = {name: row[name] for name in _COLUMNS}
    return Aid(
        receiver=PersonRef(row["book"], row["receiver"]),
        giver=PersonRef(row["giver_book"], row["giver"]),
        uses=tuple(row["uses"]),
        **values,
    )


_COLUMNS = [field.name for field in fields(Aid) if field.name not in ("receiver", "giver", "uses")]


def _mine(tx: Tx, aid: UUID, *, giver: PersonRef | None = None, receiver: PersonRef | None = None) -> Aid:
    """A living authorisation of which somebody is the giver or the receiver; one of other people looks like none at all."""
    found = find(tx, aid)
    if not found.living or (giver is not None and found.giver != giver) or (receiver is not None and found.receiver != receiver):
        raise Refusal("aid.not_active")
    return found


def _moved_on(rows: int) -> None:
    if not rows:
        raise Refusal("aid.stale")


def _their(found: Aid) -> str:
    """The receiver, as the giver says it."""
    return RELATIONS[found.relation]


def _my(found: Aid) -> str:
    """The giver, as the receiver says it."""
    return f"您的{INVERSE[found.relation]}"


def _tell(tx: Tx, found: Aid, to_giver: str, to_receiver: str) -> None:
    """Instant news to both sides."""
    outbox.tell(tx, found.giver.book, found.giver.id, to_giver, found.id)
    outbox.tell(tx, found.receiver.book, found.receiver.id, to_receiver, found.id)


def _tell_begun(tx: Tx, found: Aid) -> None:
    said = "；".join(limits_of(found.terms)) or "不另设限额"
    _tell(
        tx,
        found,
        f"您给{_their(found)}的家庭共济已开通：{said}。",
        f"{_my(found)}已为您开通家庭共济：{said}。自己的账户先付，不足时用 TA 的账户。",
    )
