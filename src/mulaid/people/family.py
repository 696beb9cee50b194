"""Family accounts: a binder may show a member's code and read the costs. It moves no money, and ends when either says so.

Here is the bond itself: its limits, who sees and changes what, its consent asked anew (at 14 by the young person's own word, at
16 with the face; until then it stands unused), how it ends. How one comes about is mulaid.people.binding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from mulaid import audit, outbox, refs
from mulaid.calendar import SHANGHAI, business_date
from mulaid.db import Row, Statements, Tx
from mulaid.people import consent, enrolment, face, identity
from mulaid.people.enrolment import PersonRef
from mulaid.people.face import Assurance, FaceRequest
from mulaid.policy.pack import Library, Pack
from mulaid.refusal import Refusal

SQL = Statements("mulaid.people", "family.sql")
BEFOREHAND = timedelta(days=30)
BINDER, MEMBER, AGENCY, SYSTEM = "binder", "member", "agency", "system"
PURPOSES = {"register": "挂号", "buy": "购药", "settle": "结算", "emergency": "应急使用"}
"""What a relative's code is shown for. Emergency use is showing the code like any other, told apart in the record."""

_LABEL = re.compile(r"[A-Za-z0-9\u3400-\u4dbf\u4e00-\u9fff·]{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers a binding is held against: each side's by its own area, a channel's over both."""

    members: int | None
    roles: Mapping[str, int]
    month: int | None
    binders: int | None
    window: str
    rebind_days: int


@dataclass(frozen=True, slots=True)
class Basis:
    """What a new bond rests on. The plain one is for loading bonds that were made elsewhere."""

    assurance: Assurance = Assurance.NONE
    consent_due: date | None = None


@dataclass(frozen=True, slots=True)
class Bond:
    """A family account, as one of its two sides sees the other: masked, with when it was bound and whether it can be used now.

    `relation` is what the member is to the binder. `consent_due` is the day by which consent must be given anew; `halted` says
    why codes and costs are closed for now: "", "consent" or "dispute".
    """

    id: UUID
    member: PersonRef
    binder: PersonRef
    relation: str
    label: str
    shown: str
    number: str
    bound_at: datetime
    channel: str
    assurance: Assurance
    may_read: bool
    consent_due: date | None
    halted: str
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """One act of a binder in the member's name; `used_at` and `reader` when an institution read the code."""

    at: datetime
    binder: str
    act: str
    purpose: str
    channel: str
    place: str
    used_at: datetime | None
    reader: str


# Making and ending


def bind(tx: Tx, member: PersonRef, binder: PersonRef, relation: str, basis: Basis | None = None) -> UUID:
    """The binder may show the member's code from now on; `relation`: what the member is to the binder. Refuses a second bond.

    The effect alone: routes, papers, consent and limits are the business of mulaid.people.binding.
    """
    if member == binder:
        raise Refusal("family.oneself")
    basis = basis or Basis()
    bond = refs.mint(member.book, tx.at)
    made = tx.run(
        SQL.add_bond,
        book=member.book,
        id=bond,
        member=member.id,
        binder=binder.id,
        relation=relation,
        assurance=basis.assurance,
        consent_due=basis.consent_due,
        channel=tx.by.channel,
        at=tx.at,
    )
    if not made:
        raise Refusal("family.bound_already")
    tx.run(
        SQL.add_given,
        book=binder.book,
        binder=binder.id,
        bond=bond,
        member_book=member.book,
        member=member.id,
        relation=relation,
        role=role(relation, enrolment.person(tx, member).gender),
        at=tx.at,
    )
    audit.write(tx, member.book, "bind_family", member.id, behalf_of=binder.id)
    return bond


def bind_within(tx: Tx, member: PersonRef, binder: PersonRef, relation: str, limits: Limits, basis: Basis) -> UUID:
    """`bind`, unless a limit says no; however many bind at once, the limit holds.

    Refuses family.member_limit, relation_limit, month_limit, binder_limit, binder_month_limit and rebind_wait.
    """
    take_turns(tx, member, binder)
    within(tx, member, binder, relation, limits)
    return bind(tx, member, binder, relation, basis)


def take_turns(tx: Tx, *people: PersonRef) -> None:
    """Queue behind whoever is counting for the same people. In (book, id) order: two who bind each other would deadlock."""
    for person in sorted(set(people), key=lambda ref: (ref.book, ref.id)):
        tx.run(SQL.take_turn, book=person.book, person=person.id)


def within(tx: Tx, member: PersonRef, binder: PersonRef, relation: str, limits: Limits) -> None:
    """Whether one more bond keeps every limit; refusals as `bind_within`. Months are calendar months in Shanghai."""
    today = business_date(tx.at)
    month = datetime(today.year, today.month, 1, tzinfo=SHANGHAI)
    mine = tx.all(SQL.given, book=binder.book, binder=binder.id)
    living = [row for row in mine if row["ended_at"] is None]
    if any(row["member"] == member.id for row in living):
        raise Refusal("family.bound_already")
    if limits.members is not None and len(living) >= limits.members:
        raise Refusal("family.member_limit", limit=limits.members)
    wanted = role(relation, enrolment.person(tx, member).gender)
    for word in {wanted, relation} & set(limits.roles):
        if sum(word in (row["role"], row["relation"]) for row in living) >= limits.roles[word]:
            raise Refusal("family.relation_limit", limit=limits.roles[word])
    # Gross: whoever was bound and let go in the same month still counts, or the limit would limit nothing.
    recent = {row["member"] for row in mine if row["bound_at"] >= month} - {member.id}
    if limits.month is not None and len(recent) >= limits.month:
        raise Refusal("family.month_limit", limit=limits.month)
    _within_binders(tx, member, binder, limits, month)


def _within_binders(tx: Tx, member: PersonRef, binder: PersonRef, limits: Limits, month: datetime) -> None:
    theirs = tx.all(SQL.bonds_of_member, book=member.book, member=member.id)
    before = [row["ended_at"] for row in theirs if row["binder"] == binder.id and row["ended_at"] is not None]
    free = max(before) + timedelta(days=limits.rebind_days) if before and limits.rebind_days else tx.at
    if free > tx.at:
        raise Refusal("family.rebind_wait", days=limits.rebind_days, on=business_date(free).isoformat())
    if limits.binders is None or limits.window == "none":
        return
    if limits.window in ("total", "both") and sum(row["ended_at"] is None for row in theirs) >= limits.binders:
        raise Refusal("family.binder_limit", limit=limits.binders)
    recent = {row["binder"] for row in theirs if row["bound_at"] >= month} - {binder.id}
    if limits.window in ("calendar_month", "both") and len(recent) >= limits.binders:
        raise Refusal("family.binder_month_limit", limit=limits.binders)


def limits(binder_pack: Pack, member_pack: Pack, overrides: Mapping[str, Any] | None = None) -> Limits:
    """The limits in force for a pair; a channel's own values (`overrides`, by parameter, already parsed) replace the areas'."""
    over = overrides or {}

    def of(pack: Pack, parameter: str) -> Any:
        return over[parameter] if parameter in over else pack[parameter]

    return Limits(
        members=of(binder_pack, "family_account_max_members"),
        roles=of(binder_pack, "family_account_relation_caps"),
        month=of(binder_pack, "family_account_monthly_bind_limit"),
        binders=of(member_pack, "family_account_max_binders_per_member"),
        window=of(member_pack, "family_account_binder_window"),
        rebind_days=of(member_pack, "family_account_rebind_wait_days"),
    )


def role(relation: str, gender: str) -> str:
    """The relation as caps count it: a parent is a father or a mother where the gender is known."""
    if relation == "parent":
        return {identity.MALE: "father", identity.FEMALE: "mother"}.get(gender, relation)
    return relation


def unbind(tx: Tx, member: PersonRef, bond: UUID, ended_by: str = SYSTEM, because: str = "") -> None:
    """The bond is over: codes and tokens made by it no longer pay; history stays. Refuses a bond that is not there."""
    row = tx.one(SQL.end_bond, book=member.book, id=bond, at=tx.at, ended_by=ended_by, because=because)
    if row is None or row["member"] != member.id:
        raise Refusal("family.not_bound")
    binder = refs.book_of(row["binder"])
    tx.run(SQL.end_given, book=binder, binder=row["binder"], bond=bond, at=tx.at)
    audit.write(tx, member.book, "unbind_family", member.id, behalf_of=row["binder"], detail={"by": ended_by, "because": because})


def part(tx: Tx, library: Library, bond: UUID, by: PersonRef) -> None:
    """Binder or member ends the bond, in any channel; both are told. Refuses a stranger as if there were no such bond.

    Refuses family.unbind_not_here where the member's area leaves ending to the other side or the counter.
    """
    row = _living(tx, bond, by)
    side = BINDER if by.id == row["binder"] else MEMBER
    if side not in pack_of(tx, library, _member(row))["family_account_unbind_by"]:
        raise Refusal("family.unbind_not_here")
    unbind(tx, _member(row), bond, side)
    _tell_parted(tx, row)


def part_at_counter(tx: Tx, bond: UUID, because: str) -> None:
    """The agency ends a bond after its own check of papers (casework above decides); both sides are told."""
    row = _bond(tx, bond)
    unbind(tx, _member(row), bond, AGENCY, because)
    _tell_parted(tx, row)


def end_all(tx: Tx, person: PersonRef, because: str) -> int:
    """Every bond of a person ends, on either side: death. The number that ended; running it twice ends nothing twice."""
    rows = [_bond(tx, row["bond"]) for row in tx.all(SQL.given, book=person.book, binder=person.id) if row["ended_at"] is None]
    rows += [row for row in tx.all(SQL.bonds_of_member, book=person.book, member=person.id) if row["ended_at"] is None]
    for row in rows:
        unbind(tx, _member(row), row["id"], SYSTEM, because)
    return len(rows)


# Seeing and changing


def members(tx: Tx, binder: PersonRef) -> list[Bond]:
    """Everybody whose code the binder may show, in the order of binding."""
    given = [row for row in tx.all(SQL.given, book=binder.book, binder=binder.id) if row["ended_at"] is None]
    return [_seen(tx, _bond(tx, row["bond"]), by_binder=True) for row in given]


def binders(tx: Tx, member: PersonRef) -> list[Bond]:
    """Everybody who may show the member's code, in the order of binding."""
    rows = tx.all(SQL.bonds_of_member, book=member.book, member=member.id)
    return [_seen(tx, row, by_binder=False) for row in rows if row["ended_at"] is None]


def detail(tx: Tx, bond: UUID, by: PersonRef) -> Bond:
    """One bond as one of its sides sees it, living or ended; refuses everybody else as if there were none."""
    row = tx.one(SQL.bond, book=refs.book_of(bond), id=bond)
    if row is None or by.id not in (row["binder"], row["member"]):
        raise Refusal("family.not_bound")
    return _seen(tx, row, by_binder=by.id == row["binder"])


def change(tx: Tx, library: Library, bond: UUID, by: PersonRef, *, label: str | None = None, relation: str | None = None) -> None:
    """The binder renames or corrects; a label is the binder's own word for the member, "" removes it.

    Refuses family.bad_label, family.relation_not_eligible and family.relation_limit; the agency is not needed, because a relation
    gives no money here. A member whose guardian spoke for the child relation keeps it: refuses family.relation_fixed.
    """
    row = _living(tx, bond, by)
    if row["binder"] != by.id:
        raise Refusal("family.not_bound")
    if label is not None:
        if label and not _LABEL.fullmatch(label):
            raise Refusal("family.bad_label")
        sealed = tx.keys.seal("family", f"family_bond|label|{bond}", label) if label else None
        tx.run(SQL.set_label, book=row["book"], id=bond, label=sealed)
    if relation is not None and relation != row["relation"]:
        _change_relation(tx, library, row, by, relation)
    audit.write(tx, row["book"], "change_family", row["member"], behalf_of=by.id)


def _change_relation(tx: Tx, library: Library, row: Row, by: PersonRef, relation: str) -> None:
    pack, member = pack_of(tx, library, by), _member(row)
    if relation not in pack["family_account_relations"]:
        raise Refusal("family.relation_not_eligible", region=pack.name)
    if row["relation"] == "child" and row["consent_due"] is not None:
        raise Refusal("family.relation_fixed")
    take_turns(tx, by)
    wanted = role(relation, enrolment.person(tx, member).gender)
    given = tx.all(SQL.given, book=by.book, binder=by.id)
    others = [other for other in given if other["ended_at"] is None and other["bond"] != row["id"]]
    for word, cap in pack["family_account_relation_caps"].items():
        if word in (wanted, relation) and sum(word in (other["role"], other["relation"]) for other in others) >= cap:
            raise Refusal("family.relation_limit", limit=cap)
    tx.run(SQL.set_relation, book=row["book"], id=row["id"], relation=relation)
    tx.run(SQL.set_given_relation, book=by.book, binder=by.id, bond=row["id"], relation=relation, role=wanted)


def allow_reading(tx: Tx, bond: UUID, member: PersonRef, may_read: bool) -> None:
    """The member opens or closes the yearly costs for one binder; showing codes is not touched."""
    row = _living(tx, bond, member)
    if row["member"] != member.id:
        raise Refusal("family.not_bound")
    tx.run(SQL.set_reading, book=row["book"], id=bond, may_read=may_read)
    audit.write(tx, row["book"], "allow_reading", member.id, detail={"may_read": may_read})


def suspend(tx: Tx, bond: UUID, because: str) -> None:
    """A dispute keeps the bond from being used: codes and tokens made by it die at once, new ones are refused, nothing ends."""
    row = _bond(tx, bond)
    if not tx.run(SQL.suspend_bond, book=row["book"], id=bond, at=tx.at):
        raise Refusal("family.not_bound")
    audit.write(tx, row["book"], "suspend_family", row["member"], behalf_of=row["binder"], detail={"because": because})


def resume(tx: Tx, bond: UUID) -> None:
    """A suspended bond may be used again; refuses one that is not suspended."""
    row = _bond(tx, bond)
    if not tx.run(SQL.resume_bond, book=row["book"], id=bond):
        raise Refusal("family.not_bound")
    audit.write(tx, row["book"], "resume_family", row["member"], behalf_of=row["binder"])


# What a bond is used for


def usable(tx: Tx, member: PersonRef, binder: PersonRef) -> Row:
    """The living bond of two people, open for use now: id, version, assurance, may_read.

    Refuses credential.not_bound, family.consent_lapsed when consent is due anew, family.suspended in a dispute.
    """
    row = tx.one(SQL.bond_between, book=member.book, member=member.id, binder=binder.id)
    if row is None:
        raise Refusal("credential.not_bound")
    halted = _halted(tx, row)
    if halted == "consent":
        raise Refusal("family.consent_lapsed")
    if halted == "dispute":
        raise Refusal("family.suspended")
    return row


def read_costs(tx: Tx, member: PersonRef, reader: PersonRef) -> None:
    """Leave to read a person's yearly costs: one's own, or a member's who allows it; that a binder looked is recorded.

    Refuses what `usable` refuses, and family.reading_closed.
    """
    _admit(tx, member, reader, "costs")


def see_to_care(tx: Tx, member: PersonRef, helper: PersonRef) -> None:
    """Leave to see and file a person's care away from home: one's own, or a member's who lets the binder read; recorded.

    Refuses as `read_costs` does.
    """
    _admit(tx, member, helper, "care")


def _admit(tx: Tx, member: PersonRef, binder: PersonRef, act: str) -> None:
    if binder == member:
        return
    row = usable(tx, member, binder)
    if not row["may_read"]:
        raise Refusal("family.reading_closed")
    record_use(tx, member, binder, row["id"], act, act)


def record_use(
    tx: Tx, member: PersonRef, binder: PersonRef, bond: UUID, act: str, purpose: str, code: bytes | None = None
) -> None:
    """Write down what a binder did in the member's name, where the member can read it."""
    tx.run(
        SQL.add_use,
        book=member.book,
        id=refs.mint(member.book, tx.at),
        member=member.id,
        binder=binder.id,
        bond=bond,
        act=act,
        purpose=purpose,
        channel=tx.by.channel,
        place=tx.by.place,
        code=code,
        at=tx.at,
    )


def uses(tx: Tx, member: PersonRef, most: int = 20, binder: PersonRef | None = None) -> list[Use]:
    """The last acts of binders in a member's name, newest first; of one binder when given."""
    rows = tx.all(SQL.uses, book=member.book, member=member.id, binder=binder.id if binder else None, most=most)
    codes = {row["hash"]: row for row in tx.all(SQL.codes_read, hashes=[row["code"] for row in rows if row["code"]])}
    names = {who: enrolment.person(tx, PersonRef(refs.book_of(who), who)).shown for who in {row["binder"] for row in rows}}
    return [
        Use(
            at=row["at"],
            binder=names[row["binder"]],
            act=row["act"],
            purpose=row["purpose"],
            channel=row["channel"],
            place=row["place"],
            used_at=codes[row["code"]]["used_at"] if row["code"] in codes else None,
            reader=(codes[row["code"]]["used_by"] or "").partition("/")[0] if row["code"] in codes else "",
        )
        for row in rows
    ]


# Consent over time


def due(tx: Tx, book: int, until: date) -> list[Bond]:
    """The living bonds of a book whose consent must be asked anew by a day, as their binders see them."""
    return [_seen(tx, row, by_binder=True) for row in tx.all(SQL.bonds_due, book=book, until=until)]


def next_consent(pack: Pack, born: date, on: date) -> date | None:
    """The birthday on which consent must be asked anew after being given on a day: at 14 and at 16."""
    ages = (pack["guardian_consent_below_age_years"], pack["face_check_min_age_years"])
    return next((day for age in ages if (day := identity.reaches(born, age)) > on), None)


def member_letter(tx: Tx, binder: PersonRef, member: PersonRef) -> consent.Letter:
    """What a member of 14 or older agrees to."""
    return consent.letter("family_member", binder=enrolment.person(tx, binder).name, member=enrolment.person(tx, member).shown)


def renewal_letter(tx: Tx, bond: UUID, reader: PersonRef) -> consent.Letter:
    """What a member agrees to at 14 and at 16, shown to either side."""
    seen = detail(tx, bond, reader)
    return member_letter(tx, seen.binder, seen.member)


def begin_renewal(tx: Tx, library: Library, bond: UUID, asker: PersonRef, agreed: str) -> FaceRequest:
    """The member's face check at 16 for a bond that stands, on either side's phone; refuses family.not_due before."""
    seen = detail(tx, bond, asker)
    pack = pack_of(tx, library, seen.member)
    if (
        seen.ended_at is not None
        or seen.consent_due is None
        or enrolment.age_of(tx, seen.member) < pack["face_check_min_age_years"]
    ):
        raise Refusal("family.not_due")
    subject = face.Subject.of(tx, seen.member)
    notice = consent.letter("face", subject=identity.mask_name(subject.name))
    consent.give(tx, seen.member, seen.member, consent.SELF, notice, agreed, about=bond)
    return face.begin(tx, asker, face.RENEW, bond, subject)


def renew(tx: Tx, library: Library, bond: UUID, by: PersonRef, agreed: str, check: UUID | None = None) -> None:
    """Consent given anew: at 14 by the member's own word, from 16 with the member's face check; codes and costs open again.

    Refuses family.not_due, family.face_check_required, the binder's word for the member's, and consent.text_changed.
    """
    seen = detail(tx, bond, by)
    pack, age = pack_of(tx, library, seen.member), enrolment.age_of(tx, seen.member)
    if seen.ended_at is not None or seen.consent_due is None or age < pack["guardian_consent_below_age_years"]:
        raise Refusal("family.not_due")
    assurance = seen.assurance
    if age >= pack["face_check_min_age_years"]:
        if check is None:
            raise Refusal("family.face_check_required")
        assurance = face.use(tx, by, check, face.RENEW, bond)
    elif by != seen.member:
        raise Refusal("family.members_word")
    _renewed(tx, pack, seen, assurance, agreed)


def renew_at_counter(tx: Tx, library: Library, bond: UUID, agreed: str) -> None:
    """The same for a member who stands at the counter with the ID card: a face check must not be the only way."""
    row = _bond(tx, bond)
    if row["ended_at"] is not None:
        raise Refusal("family.not_bound")
    member = _member(row)
    seen, pack = detail(tx, bond, member), pack_of(tx, library, member)
    if seen.consent_due is None or enrolment.age_of(tx, member) < pack["guardian_consent_below_age_years"]:
        raise Refusal("family.not_due")
    _renewed(tx, pack, seen, Assurance.COUNTER_CLERK, agreed)


def books_to_remind(tx: Tx, on: date) -> list[int]:
    """The books in which somebody has to be told."""
    return [row["book"] for row in tx.all(SQL.books_to_remind, until=on + BEFOREHAND)]


def remind(tx: Tx, book: int, on: date, most: int = 100) -> int:
    """Tell both sides of a book's bonds whose consent is due within thirty days, once for each birthday; the number told."""
    rows = tx.all(SQL.to_remind, book=book, until=on + BEFOREHAND, most=most)
    for row in rows:
        if tx.run(SQL.reminded, book=book, id=row["id"]):
            shown = enrolment.person(tx, PersonRef(book, row["member"])).shown
            until = f"{row['consent_due']:%Y-%m-%d}"
            mine = f"从 {until} 起，家人代您出示医保码要您本人重新同意，请在“谁能看我”里办理。"
            theirs = f"从 {until} 起，为{shown}出示医保码要 TA 本人重新同意，请从那天起在 TA 的手机上或窗口办理。"
            outbox.tell(tx, book, row["member"], mine, row["id"])
            outbox.tell(tx, refs.book_of(row["binder"]), row["binder"], theirs, row["id"])
    return len(rows)


def _renewed(tx: Tx, pack: Pack, seen: Bond, assurance: Assurance, agreed: str) -> None:
    shown = member_letter(tx, seen.binder, seen.member)
    consent.give(tx, seen.member, seen.member, consent.SELF, shown, agreed, about=seen.id)
    due = next_consent(pack, enrolment.person(tx, seen.member).born, business_date(tx.at))
    tx.run(SQL.renew_bond, book=seen.member.book, id=seen.id, consent_due=due, assurance=assurance)


def withdraw_consent(tx: Tx, subject: PersonRef, by: PersonRef, given: UUID) -> None:
    """Taking back the consent a bond rests on ends that bond in the same breath; both sides are told."""
    taken = consent.take_back(tx, subject, by, given)
    if taken.purpose not in ("family_guardian", "family_member") or taken.about is None:
        return
    bond = tx.one(SQL.bond_of_consent, book=refs.book_of(taken.about), id=taken.about)
    bond_id = bond["bond"] if bond is not None else taken.about
    row = tx.one(SQL.bond, book=subject.book, id=bond_id) if bond_id is not None else None
    if row is not None and row["ended_at"] is None and row["member"] == subject.id:
        unbind(tx, subject, row["id"], MEMBER, "consent_withdrawn")
        _tell_parted(tx, row)


def _tell_parted(tx: Tx, row: Row) -> None:
    member, binder = _member(row), _binder(row)
    outbox.tell(tx, member.book, member.id, f"{_name(tx, binder)}与您的亲情账户已解除绑定，不能再出示您的医保码。", row["id"])
    outbox.tell(tx, binder.book, binder.id, f"您与{_name(tx, member)}的亲情账户已解除绑定，之前的就诊记录不受影响。", row["id"])


def _name(tx: Tx, ref: PersonRef) -> str:
    return enrolment.person(tx, ref).shown


def _bond(tx: Tx, bond: UUID) -> Row:
    row = tx.one(SQL.bond, book=refs.book_of(bond), id=bond)
    if row is None:
        raise Refusal("family.not_bound")
    return row


def _living(tx: Tx, bond: UUID, by: PersonRef) -> Row:
    row = _bond(tx, bond)
    if row["ended_at"] is not None or by.id not in (row["binder"], row["member"]):
        raise Refusal("family.not_bound")
    return row


def _member(row: Row) -> PersonRef:
    return PersonRef(row["book"], row["member"])


def _binder(row: Row) -> PersonRef:
    return PersonRef(refs.book_of(row["binder"]), row["binder"])


def pack_of(tx: Tx, library: Library, ref: PersonRef) -> Pack:
    """The rules of a person's last area, today's: a bond outlives an insurance. Refuses who never had one."""
    today = business_date(tx.at)
    row = tx.one(SQL.last_area, book=ref.book, person=ref.id, on=today)
    if row is None:
        raise Refusal("people.not_enrolled", fact=today.isoformat())
    return library.in_force(row["region"], today)


def _halted(tx: Tx, row: Row) -> str:
    if row["suspended_at"] is not None:
        return "dispute"
    if row["consent_due"] is not None and row["consent_due"] <= business_date(tx.at):
        return "consent"
    return ""


def _seen(tx: Tx, row: Row, *, by_binder: bool) -> Bond:
    member, binder = _member(row), _binder(row)
    other = enrolment.person(tx, member if by_binder else binder)
    label = row["label"] if by_binder else None
    return Bond(
        id=row["id"],
        member=member,
        binder=binder,
        relation=row["relation"],
        label=tx.keys.open_text("family", f"family_bond|label|{row['id']}", label) if label else "",
        shown=other.shown,
        number=identity.mask_number(other.number),
        bound_at=row["bound_at"],
        channel=row["channel"],
        assurance=Assurance(row["assurance"]),
        may_read=row["may_read"],
        consent_due=row["consent_due"],
        halted=_halted(tx, row) if row["ended_at"] is None else "",
        ended_at=row["ended_at"],
    )
