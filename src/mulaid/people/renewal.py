"""Consent asked anew: at 14 the young person's own word, at 16 with the face. Until then the bond stands unused."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from mulaid import outbox, refs
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.people import consent, enrolment, face, family, identity
from mulaid.people.application import age_of
from mulaid.people.binding import as_subject, member_letter
from mulaid.people.enrolment import PersonRef
from mulaid.people.face import Assurance, FaceRequest
from mulaid.people.family import SQL
from mulaid.policy.pack import Library, Pack
from mulaid.refusal import Refusal

BEFOREHAND = timedelta(days=30)


def letter(tx: Tx, library: Library, bond: UUID, reader: PersonRef) -> consent.Letter:
    """What a member agrees to at 14 and at 16, shown to either side."""
    seen = family.detail(tx, bond, reader)
    return member_letter(tx, seen.binder, seen.member)


def begin_face(tx: Tx, library: Library, bond: UUID, asker: PersonRef, agreed: str) -> FaceRequest:
    """The member's face check at 16 for a bond that stands, on either side's phone; refuses family.not_due before."""
    seen = family.detail(tx, bond, asker)
    pack = family.pack_of(tx, library, seen.member)
    if seen.ended_at is not None or seen.consent_due is None or age_of(tx, seen.member) < pack["face_check_min_age_years"]:
        raise Refusal("family.not_due")
    subject = as_subject(enrolment.person(tx, seen.member))
    notice = consent.letter("face", subject=identity.mask_name(subject.name))
    consent.give(tx, seen.member, seen.member, consent.SELF, notice, agreed, about=bond)
    return face.begin(tx, asker, face.RENEW, bond, subject)


def renew(tx: Tx, library: Library, bond: UUID, by: PersonRef, agreed: str, check: UUID | None = None) -> None:
    """Consent given anew: at 14 by the member's own word, from 16 with the member's face check; codes and costs open again.

    Refuses family.not_due, family.face_check_required, the binder's word for the member's, and consent.text_changed.
    """
    seen = family.detail(tx, bond, by)
    pack, age = family.pack_of(tx, library, seen.member), age_of(tx, seen.member)
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
    row = tx.one(SQL.bond, book=refs.book_of(bond), id=bond)
    if row is None or row["ended_at"] is not None:
        raise Refusal("family.not_bound")
    member = PersonRef(row["book"], row["member"])
    seen, pack = family.detail(tx, bond, member), family.pack_of(tx, library, member)
    if seen.consent_due is None or age_of(tx, member) < pack["guardian_consent_below_age_years"]:
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
            mine = f"从 {until} 起，家人代您出示医保码要您本人重新同意，请在“谁能出示我的码”里办理。"
            theirs = f"从 {until} 起，为{shown}出示医保码要 TA 本人重新同意，请从那天起在 TA 的手机上或窗口办理。"
            outbox.tell(tx, book, row["member"], mine, row["id"])
            outbox.tell(tx, refs.book_of(row["binder"]), row["binder"], theirs, row["id"])
    return len(rows)


def _renewed(tx: Tx, pack: Pack, seen: family.Bond, assurance: Assurance, agreed: str) -> None:
    shown = member_letter(tx, seen.binder, seen.member)
    consent.give(tx, seen.member, seen.member, consent.SELF, shown, agreed, about=seen.id)
    due = family.next_consent(pack, enrolment.person(tx, seen.member).born, business_date(tx.at))
    tx.run(SQL.renew_bond, book=seen.member.book, id=seen.id, consent_due=due, assurance=assurance)
