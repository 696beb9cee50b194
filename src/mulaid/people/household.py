"""Household accounts: in some regions money is put together first, and relatives spend it from there.

The pool is a purse of the household's own in the head's book. What a member put in stays that member's part; what is spent is
spent from all parts in proportion, and on leaving or at the end each part goes back to the account it came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from mulaid import audit, outbox, refs
from mulaid.calendar import business_date
from mulaid.db import Row, Statements, Tx
from mulaid.ledger import chart
from mulaid.ledger.journal import Leg, open_purse, post
from mulaid.ledger.statement import balances
from mulaid.money import Fen, split, yuan
from mulaid.people.eligibility import at_counter, enrolment_of, happened, hold, kinship_of, may_give, shown
from mulaid.people.enrolment import PersonRef
from mulaid.policy import rules
from mulaid.policy.explain import RELATIONS
from mulaid.policy.pack import Library, Pack
from mulaid.refusal import Refusal

SQL = Statements("mulaid.people", "household.sql")
SELF = "self"


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a household; `relation` is what the member is to the head, `self` for the head. `part` in fen, as of now."""

    seat: UUID
    person: PersonRef
    shown: str
    relation: str
    joined_on: date
    part: Fen


@dataclass(frozen=True, slots=True)
class Household:
    """A household account with its members, the head first, and what its pool holds in fen."""

    ref: UUID
    head: PersonRef
    region: str
    opened_on: date
    closed_on: date | None
    balance: Fen
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Invitation:
    """A head asks a relative in; `relation` is what the relative is to the head."""

    id: UUID
    person: PersonRef
    household: UUID
    relation: str
    status: str
    lapses_at: datetime


def open_household(tx: Tx, library: Library, head: PersonRef) -> UUID:
    """The head opens a household account and is its first member.

    Refuses a head who may not give (aid.*), a region whose mutual aid is not done this way, and somebody who is in a household.
    """
    on, region = business_date(tx.at), may_open(tx, library, head)
    hold(tx, head)
    ref = refs.mint(head.book, tx.at)
    if not tx.run(SQL.add_household, book=head.book, id=ref, head=head.id, region=region, on=on):
        raise Refusal("household.in_another")
    _seat(tx, ref, head, SELF, on)
    open_purse(tx, head.book, ref, chart.HOUSEHOLD)
    audit.write(tx, head.book, "open_household", ref, behalf_of=head.id)
    outbox.tell(tx, head.book, head.id, "您的家庭账户已开通。", ref)
    return ref


def may_open(tx: Tx, library: Library, head: PersonRef) -> str:
    """The region of a household that this head could open today; refuses what `open_household` refuses."""
    on = business_date(tx.at)
    enrolment = enrolment_of(tx, head, on)
    pack = library.in_force(enrolment.region, on)
    if pack["mutual_aid_mode"] != "pool":
        raise Refusal("household.not_here", region=pack.name)
    _may_fund(pack, enrolment.base, enrolment.status, enrolment.staff_group)
    if tx.one(SQL.seat_of, book=head.book, person=head.id):
        raise Refusal("household.in_another")
    return enrolment.region


def add_member(tx: Tx, library: Library, household: UUID, head: PersonRef, person: PersonRef, relation: str) -> UUID:
    """The head takes a relative in; `relation` is what the relative is to the head. The membership.

    Refuses whoever is not the head, a relation or area outside the region's list, a member who is not in normal status or in a
    household already, more members than the region lets one giver have, and a region where the relative has to say yes.
    """
    found = _of_head(tx, household, head)
    if library.in_force(found.region, business_date(tx.at))["mutual_aid_acceptance"] and not at_counter(tx):
        raise Refusal("household.invite_first")
    return _take_in(tx, library, found, person, relation)


def invite(tx: Tx, library: Library, household: UUID, head: PersonRef, person: PersonRef, relation: str) -> UUID:
    """The head asks a relative in; nothing happens until the relative says yes. Refuses what `add_member` refuses of the two."""
    found = _of_head(tx, household, head)
    pack, _ = may_join(tx, library, head, person, relation)
    row = tx.one(
        SQL.add_invitation,
        book=person.book,
        id=refs.mint(person.book, tx.at),
        person=person.id,
        household_book=found.head.book,
        household=household,
        relation=relation,
        at=tx.at,
        lapses_at=tx.at + timedelta(days=pack["mutual_aid_invitation_days"]),
    )
    assert row is not None, "an invitation is made or prolonged"
    audit.write(tx, head.book, "invite_household_member", person.id, behalf_of=head.id)
    outbox.tell(tx, person.book, person.id, f"{shown(tx, head)}邀请您加入家庭账户，请您确认是否同意。", household)
    return UUID(str(row["id"]))


def join(tx: Tx, library: Library, invitation: UUID, person: PersonRef) -> UUID:
    """The relative says yes; the membership. Refuses others, what is answered or has lapsed, and what the rules forbid by now."""
    asked = _asked(tx, invitation, person, "accepted")
    found = find(tx, asked.household)
    if found.closed_on is not None:
        raise Refusal("household.unknown")
    return _take_in(tx, library, found, person, asked.relation)


def decline(tx: Tx, invitation: UUID, person: PersonRef) -> None:
    """The relative says no. Refuses others, and an invitation that is answered or has lapsed."""
    asked = _asked(tx, invitation, person, "declined")
    found = find(tx, asked.household)
    audit.write(tx, person.book, "decline_household", invitation, behalf_of=person.id)
    outbox.tell(tx, found.head.book, found.head.id, f"{shown(tx, person)}没有同意加入家庭账户。", found.ref)


def invitations(tx: Tx, person: PersonRef) -> list[Invitation]:
    """What a person is invited to now."""
    return [_invitation(row) for row in tx.all(SQL.invitations, book=person.book, person=person.id, at=tx.at)]


def transfer(tx: Tx, library: Library, household: UUID, who: PersonRef, fen: Fen) -> UUID:
    """Move money from an own account into the pool; the journal of the mover's book.

    Refuses a member where only the head may fund, somebody who may not give, an amount that is none, more transfers in a calendar
    month than the region allows, and what would leave less than the region's floor (household.below_floor says how much is free).
    Rules: authoriser_balance_floor, pool_transfer_per_month, pool_members_may_fund.
    """
    on = business_date(tx.at)
    found = find(tx, household)
    _hold(tx, found)
    pack, seat = may_fund(tx, library, found, who)
    if fen <= 0:
        raise Refusal("money.bad_amount", given=yuan(fen))
    free = _free(tx, found, who, pack["authoriser_balance_floor"])
    month, most = on.replace(day=1), pack["pool_transfer_per_month"]
    if not tx.run(SQL.count_transfer, book=who.book, id=seat["id"], month=month, most=most):
        raise Refusal("household.pool_month_limit", most=most)
    if fen > free:
        raise Refusal("household.below_floor", floor=yuan(pack["authoriser_balance_floor"]), most=yuan(free))
    journal = _move(tx, chart.purse(who.id, chart.OWN), who.book, chart.purse(household, chart.HOUSEHOLD), found.head.book, fen)
    # Parts are brought up to date first: what was spent until now was everybody's, what comes now is the mover's alone.
    for member in _parts(tx, found, _pool(tx, found) - fen):
        part = member.part + (fen if member.person == who else 0)
        tx.run(SQL.set_part, book=found.head.book, household=household, id=member.seat, part=part)
    audit.write(tx, who.book, "fund_household", household, behalf_of=who.id, detail={"fen": fen})
    outbox.tell(tx, who.book, who.id, f"您的个人账户向家庭账户划入 {yuan(fen)} 元。", household)
    if who != found.head:
        outbox.tell(tx, found.head.book, found.head.id, f"{shown(tx, who)}向家庭账户划入 {yuan(fen)} 元。", household)
    return journal


def remove_member(tx: Tx, library: Library, household: UUID, head: PersonRef, person: PersonRef) -> None:
    """The head lets a member go; the member's part goes back to the member. Refuses the head, and who is no member."""
    found = _of_head(tx, household, head)
    may_leave(tx, library, found, head, person)
    _leave(tx, found, person, "by_head")


def leave(tx: Tx, library: Library, household: UUID, person: PersonRef) -> None:
    """A member leaves; the member's part comes back. Refuses the head, and a region where only the head takes out members."""
    found = find(tx, household)
    may_leave(tx, library, found, person, person)
    _leave(tx, found, person, "by_member")


def may_leave(tx: Tx, library: Library, found: Household, by: PersonRef, person: PersonRef) -> None:
    """Whether `by` (the head, or the person) may end the person's membership; refuses what `remove_member` and `leave` refuse."""
    if person == found.head:
        raise Refusal("household.head_stays")
    side = "giver" if by == found.head else "receiver"
    if side not in library.in_force(found.region, business_date(tx.at))["mutual_aid_release_by"]:
        raise Refusal("household.release_not_yours")
    if person not in {member.person for member in found.members}:
        raise Refusal("household.not_a_member")


def close(tx: Tx, library: Library, household: UUID, head: PersonRef) -> None:
    """The head closes the household: every part goes back where it came from. Refuses others, and where a counter must do it."""
    found = _of_head(tx, household, head)
    pack = library.in_force(found.region, business_date(tx.at))
    if not pack["pool_close_online"] and not at_counter(tx):
        raise Refusal("household.counter_only", region=pack.name)
    _close(tx, found, "by_head")


def release_by_facts(tx: Tx, library: Library, person: PersonRef) -> bool:
    """End what a death, a move or a change of enrolment ends by itself: a member's seat, or the household of a head.

    Whether something ended. Doing it again ends nothing. Rule: auto_release_on of the household's region.
    """
    seat = tx.one(SQL.seat_of, book=person.book, person=person.id)
    if seat is None:
        return False
    on = business_date(tx.at)
    found = find(tx, seat["household"])
    causes = library.in_force(found.region, on)["auto_release_on"]
    pair = (found.head, person, seat["relation"])
    cause = next((cause for cause in happened(tx, person, pair, seat["joined_on"], on) if cause in causes), None)
    if cause is None:
        return False
    if person == found.head:
        _close(tx, found, cause)
    else:
        _leave(tx, found, person, cause)
    return True


def return_late_refunds(tx: Tx, book: int) -> int:
    """Give back what refunds brought into pools that are closed; to the head, for the parts are settled. How many pools."""
    closed = tx.all(SQL.closed_with_money, book=book)
    for row in closed:
        found = find(tx, row["id"])
        pool = _pool(tx, found, found.head)
        _move(tx, chart.purse(found.ref, chart.HOUSEHOLD), book, chart.purse(found.head.id, chart.OWN), book, pool)
        audit.write(tx, book, "return_to_head", found.ref, behalf_of=found.head.id, detail={"fen": pool})
        outbox.tell(tx, book, found.head.id, f"家庭账户关闭后收到退费 {yuan(pool)} 元，已退回您的个人账户。", found.ref)
    return len(closed)


def parties(tx: Tx, book: int) -> list[PersonRef]:
    """Everybody of a book who is in a household: whom the nightly job looks at."""
    return [PersonRef(book, row["person"]) for row in tx.all(SQL.seated, book=book)]


def of(tx: Tx, person: PersonRef) -> Household | None:
    """The household a person is in."""
    seat = tx.one(SQL.seat_of, book=person.book, person=person.id)
    return find(tx, seat["household"]) if seat else None


def find(tx: Tx, household: UUID) -> Household:
    """A household, open or closed; refuses one that is not there."""
    row = tx.one(SQL.household, book=refs.book_of(household), id=household)
    if row is None:
        raise Refusal("household.unknown")
    head = PersonRef(row["book"], row["head"])
    pool = balances(tx, row["book"], household).get(chart.HOUSEHOLD, 0)
    found = Household(household, head, row["region"], row["opened_on"], row["closed_on"], pool, ())
    return Household(household, head, row["region"], row["opened_on"], row["closed_on"], pool, tuple(_parts(tx, found, pool)))


# How it is done


def _may_fund(pack: Pack, base: str, status: str, group: str | None) -> None:
    if base == "resident":
        raise Refusal("aid.giver_has_no_account")
    if status != "normal":
        raise Refusal("aid.giver_suspended")
    if group in pack["authoriser_excluded_groups"]:
        raise Refusal("household.excluded_group", region=pack.name)


def may_join(tx: Tx, library: Library, head: PersonRef, person: PersonRef, relation: str) -> tuple[Pack, str]:
    """The head's pack and how the kinship is known; refuses what the rules say about the two people today."""
    on = business_date(tx.at)
    pack, enrolment = may_give(tx, library, head, person, relation, on)
    theirs = enrolment_of(tx, person, on)
    if theirs.status != "normal" and not pack["suspended_member_can_receive"]:
        raise Refusal("aid.member_suspended")
    if rules.outside_area(pack, theirs.region, enrolment.region):
        raise Refusal("aid.area_not_open", giver=library.name(enrolment.region), receiver=library.name(theirs.region))
    if tx.one(SQL.seat_of, book=person.book, person=person.id):
        raise Refusal("household.in_another")
    return pack, kinship_of(tx, head, person, relation, on)


def may_fund(tx: Tx, library: Library, found: Household, who: PersonRef) -> tuple[Pack, Row]:
    """The household's pack and the seat of who moves money in; refuses who may not (`transfer`)."""
    on = business_date(tx.at)
    seat = tx.one(SQL.seat_of, book=who.book, person=who.id)
    if seat is None or seat["household"] != found.ref:
        raise Refusal("household.not_a_member")
    pack = library.in_force(found.region, on)
    if who != found.head and not pack["pool_members_may_fund"]:
        raise Refusal("household.only_the_head_funds", region=pack.name)
    enrolment = enrolment_of(tx, who, on)
    _may_fund(library.in_force(enrolment.region, on), enrolment.base, enrolment.status, enrolment.staff_group)
    return pack, seat


def _take_in(tx: Tx, library: Library, found: Household, person: PersonRef, relation: str) -> UUID:
    pack, kinship = may_join(tx, library, found.head, person, relation)
    hold(tx, found.head, person)
    _hold(tx, found)
    most = pack["max_beneficiaries_per_authoriser"]
    if most is not None and len(_roll(tx, found.ref)) - 1 >= most:
        raise Refusal("aid.limit_receivers", most=most)
    seat = _seat(tx, found.ref, person, relation, business_date(tx.at))
    detail = {"kinship": kinship}
    audit.write(tx, found.head.book, "add_household_member", person.id, behalf_of=found.head.id, detail=detail)
    said = f"您已把{RELATIONS[relation]}{shown(tx, person)}加入家庭账户。"
    outbox.tell(tx, found.head.book, found.head.id, said, found.ref)
    said = f"{shown(tx, found.head)}已把您加入家庭账户，您看病时可以使用其中的钱。"
    outbox.tell(tx, person.book, person.id, said, found.ref)
    return seat


def _asked(tx: Tx, invitation: UUID, person: PersonRef, status: str) -> Invitation:
    """The invitation, answered so from now on."""
    row = tx.one(SQL.invitation, book=refs.book_of(invitation), id=invitation)
    if row is None or _invitation(row).person != person:
        raise Refusal("household.not_invited")
    if not tx.run(SQL.decide_invitation, book=person.book, id=invitation, status=status, at=tx.at):
        raise Refusal("household.not_invited")
    return _invitation(row)


def _invitation(row: Row) -> Invitation:
    person = PersonRef(row["book"], row["person"])
    return Invitation(row["id"], person, row["household"], row["relation"], row["status"], row["lapses_at"])


def _of_head(tx: Tx, household: UUID, head: PersonRef) -> Household:
    found = find(tx, household)
    if found.head != head or found.closed_on is not None:
        raise Refusal("household.unknown")
    return found


def _hold(tx: Tx, found: Household) -> None:
    if not tx.run(SQL.hold_household, book=found.head.book, id=found.ref):
        raise Refusal("household.unknown")


def _seat(tx: Tx, household: UUID, person: PersonRef, relation: str, on: date) -> UUID:
    book, seat = refs.book_of(household), refs.mint(person.book, tx.at)
    taken = tx.run(
        SQL.add_seat,
        book=person.book,
        id=seat,
        person=person.id,
        household_book=book,
        household=household,
        relation=relation,
        on=on,
    )
    if not taken:
        raise Refusal("household.in_another")
    tx.run(SQL.add_roll, book=book, household=household, member_book=person.book, member=person.id, id=seat)
    return seat


def _roll(tx: Tx, household: UUID) -> list[Row]:
    return tx.all(SQL.roll, book=refs.book_of(household), household=household, past=False)


def _parts(tx: Tx, found: Household, pool: Fen) -> list[Member]:
    """The members with their parts of what the pool holds; the head has what is nobody's."""
    roll = _roll(tx, found.ref)
    weights = [row["part"] for row in roll]
    parts = split(pool, weights) if any(weights) else [pool if row["member"] == found.head.id else 0 for row in roll]
    members = []
    for row, part in zip(roll, parts, strict=True):
        seat = tx.one(SQL.seat, book=row["member_book"], id=row["id"])
        assert seat is not None, "both sides of a membership are written together"
        person = PersonRef(row["member_book"], row["member"])
        members.append(Member(row["id"], person, shown(tx, person), seat["relation"], seat["joined_on"], part))
    return sorted(members, key=lambda member: (member.person != found.head, member.joined_on, member.seat))


def _pool(tx: Tx, found: Household, *others: PersonRef) -> Fen:
    """What the pool holds. It and these people's own accounts are held from here on, in the order of all purses."""
    wanted = [(found.head.book, found.ref, chart.HOUSEHOLD), *[(one.book, one.id, chart.OWN) for one in others]]
    rows = {key: tx.one(SQL.held_purse, book=key[0], holder=key[1], kind=key[2]) for key in sorted(wanted)}
    row = rows[wanted[0]]
    return int(row["balance"]) if row else 0


def _free(tx: Tx, found: Household, who: PersonRef, floor: Fen) -> Fen:
    """What of an own account is above the floor and not frozen; account and pool are held from here on."""
    _pool(tx, found, who)
    row = tx.one(SQL.held_purse, book=who.book, holder=who.id, kind=chart.OWN)
    return max(0, row["balance"] - row["frozen"] - max(floor, row["floor"])) if row else 0


def _move(tx: Tx, source: str, source_book: int, target: str, target_book: int, fen: Fen) -> UUID:
    """Money from one purse to another; between books each gets a journal over a clearing leg, the lower book first."""
    if source_book == target_book:
        return post(tx, source_book, "household", [Leg(source, -fen, "household"), Leg(target, fen, "household")])
    out = [Leg(source, -fen, "household"), Leg(chart.clearing(target_book), fen, "clearing")]
    into = [Leg(target, fen, "household"), Leg(chart.clearing(source_book), -fen, "clearing")]
    made = {book: post(tx, book, "household", legs) for book, legs in sorted(((source_book, out), (target_book, into)))}
    return made[source_book]


def _give_back(tx: Tx, found: Household, member: Member) -> None:
    if member.part:
        open_purse(tx, member.person.book, member.person.id, chart.OWN)
        pool = chart.purse(found.ref, chart.HOUSEHOLD)
        _move(tx, pool, found.head.book, chart.purse(member.person.id, chart.OWN), member.person.book, member.part)


def _leave(tx: Tx, found: Household, person: PersonRef, because: str) -> None:
    _hold(tx, found)
    on, pool = business_date(tx.at), _pool(tx, found, person)
    members = _parts(tx, found, pool)
    member = next((one for one in members if one.person == person), None)
    if member is None:
        raise Refusal("household.not_a_member")
    tx.run(SQL.leave, book=person.book, id=member.seat, on=on)
    for other in members:
        tx.run(SQL.set_part, book=found.head.book, household=found.ref, id=other.seat, part=other.part)
    tx.run(SQL.leave_roll, book=found.head.book, household=found.ref, id=member.seat, on=on)
    _give_back(tx, found, member)
    detail = {"because": because, "fen": member.part}
    audit.write(tx, found.head.book, "leave_household", person.id, behalf_of=found.head.id, detail=detail)
    back = f"，您划入的 {yuan(member.part)} 元已退回您的个人账户" if member.part else ""
    outbox.tell(tx, person.book, person.id, f"您已退出家庭账户{back}。", found.ref)
    outbox.tell(tx, found.head.book, found.head.id, f"{member.shown}已退出家庭账户。", found.ref)


def _close(tx: Tx, found: Household, because: str) -> None:
    on = business_date(tx.at)
    if not tx.run(SQL.close_household, book=found.head.book, id=found.ref, on=on):
        raise Refusal("household.unknown")
    people = [PersonRef(row["member_book"], row["member"]) for row in _roll(tx, found.ref)]
    members = _parts(tx, found, _pool(tx, found, *people))
    for member in members:
        tx.run(SQL.leave, book=member.person.book, id=member.seat, on=on)
        tx.run(SQL.leave_roll, book=found.head.book, household=found.ref, id=member.seat, on=on)
    for member in members:
        _give_back(tx, found, member)
    detail = {"because": because, "parts": {str(member.person.id): member.part for member in members}}
    audit.write(tx, found.head.book, "close_household", found.ref, behalf_of=found.head.id, detail=detail)
    for member in members:
        back = f"，{yuan(member.part)} 元已退回您的个人账户" if member.part else ""
        outbox.tell(tx, member.person.book, member.person.id, f"家庭账户已关闭{back}。", found.ref)
