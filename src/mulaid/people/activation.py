"""Activation of a person's credential: a step of its own after binding, once a person and nationwide, by oneself or by a binder.

From 16 it takes the person's own face; the young are activated by a binder their guardian agreed to. Who cannot show a face goes
to a counter at any time; after a failed check the pages name the counter once the area's hours are over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mulaid import audit
from mulaid.db import Tx
from mulaid.people import consent, enrolment, face, family
from mulaid.people.application import age_of
from mulaid.people.binding import as_subject
from mulaid.people.enrolment import SQL as PEOPLE
from mulaid.people.enrolment import PersonRef
from mulaid.people.face import Assurance, FaceRequest
from mulaid.people.family import SQL
from mulaid.policy.pack import Library
from mulaid.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Way:
    """How a credential stands, and the next way to activate it: "" when it is active, else face, guardian or counter.

    `retry_until`: a face check failed; until then one tries again, afterwards the counter is the way named.
    """

    next: str
    activated_at: datetime | None
    frozen_at: datetime | None
    frozen_why: str
    retry_until: datetime | None


def way(tx: Tx, library: Library, asker: PersonRef, member: PersonRef) -> Way:
    """How a person's credential stands, for the person or a binder; refuses strangers as if there were no bond."""
    _may_ask(tx, asker, member)
    row = tx.one(PEOPLE.credential, book=member.book, person=member.id)
    if row is not None:
        return Way("", row["activated_at"], row["frozen_at"], row["frozen_why"], None)
    pack = family.pack_of(tx, library, member)
    if age_of(tx, member) < pack["face_check_min_age_years"]:
        return Way("guardian", None, None, "", None)
    failed = face.failed_since(tx, asker, member.id)
    if failed is None:
        return Way("face", None, None, "", None)
    until = failed + timedelta(hours=pack["credential_offline_fallback_hours"])
    return Way("face" if tx.at < until else "counter", None, None, "", until)


def begin(tx: Tx, library: Library, asker: PersonRef, member: PersonRef, agreed: str) -> FaceRequest:
    """A face check to activate, by the person or a binder on either's phone; `agreed` is to the notice on faces.

    Refuses credential.active_already, strangers, and with family.no_face_needed a person under 16.
    """
    _may_ask(tx, asker, member)
    _inactive(tx, member)
    if age_of(tx, member) < family.pack_of(tx, library, member)["face_check_min_age_years"]:
        raise Refusal("family.no_face_needed")
    subject = as_subject(enrolment.person(tx, member))
    consent.give(tx, member, member, consent.SELF, notice(tx, member), agreed, about=member.id)
    return face.begin(tx, asker, face.ACTIVATE, member.id, subject)


def notice(tx: Tx, member: PersonRef) -> consent.Letter:
    """The notice on faces as it is shown before a check of this person."""
    return consent.letter("face", subject=enrolment.person(tx, member).shown)


def finish(tx: Tx, asker: PersonRef, member: PersonRef, check: UUID) -> None:
    """Activate by a passed face check; refuses what face.use refuses, and a second activation."""
    _may_ask(tx, asker, member)
    activate(tx, member, asker, "face", face.use(tx, asker, check, face.ACTIVATE, member.id))


def activate_young(tx: Tx, library: Library, binder: PersonRef, member: PersonRef) -> None:
    """A binder activates for a member under 16, without a face; under 14 on a guardian's standing consent.

    Refuses family.face_check_required from 16, family.guardian_consent_required under 14 without that consent, and strangers.
    """
    if binder == member:
        raise Refusal("credential.not_bound")
    family.usable(tx, member, binder)
    pack, age = family.pack_of(tx, library, member), age_of(tx, member)
    if age >= pack["face_check_min_age_years"]:
        raise Refusal("family.face_check_required")
    child = pack["guardian_consent_below_age_years"]
    if age < child and not consent.stands(tx, member, "family_guardian"):
        raise Refusal("family.guardian_consent_required", age=child)
    activate(tx, member, binder, "guardian", Assurance.NONE)


def activate_at_counter(tx: Tx, member: PersonRef) -> None:
    """A clerk has seen the person, or the guardian of a young one, with papers; the clerk is the transaction's actor."""
    activate(tx, member, member, "counter", Assurance.COUNTER_CLERK)


def activate(tx: Tx, member: PersonRef, activator: PersonRef, way: str, assurance: Assurance) -> None:
    """The credential comes to life; of many who try one does it. The effect alone, also for loading."""
    done = tx.run(
        SQL.add_credential,
        book=member.book,
        person=member.id,
        at=tx.at,
        activator=activator.id,
        way=way,
        assurance=assurance,
    )
    if not done:
        raise Refusal("credential.active_already")
    audit.write(tx, member.book, "activate_credential", member.id, behalf_of=activator.id, purpose=way)


def freeze(tx: Tx, member: PersonRef, by: PersonRef | None, why: str) -> None:
    """Out of use at once: by the person, by a binder, or (None) by an agency; nobody's code of this person is read any more.

    Nor is what this person has shown for others: a stolen phone shows the whole family's codes.
    Refuses strangers, and credential.not_active for one that is not active or frozen already.
    """
    if by is not None:
        _may_ask(tx, by, member)
    if not tx.run(SQL.freeze, book=member.book, person=member.id, at=tx.at, why=why, by=by.id if by else None):
        raise Refusal("credential.not_active")
    # Codes before tokens: a code being read right now is waited for, and its token is there for the second statement.
    tx.run(SQL.revoke_shown, person=member.id, at=tx.at)
    tx.run(SQL.end_shown, person=member.id, at=tx.at)
    audit.write(tx, member.book, "freeze_credential", member.id, behalf_of=by.id if by else None, purpose=why)


def thaw(tx: Tx, member: PersonRef, by: PersonRef | None) -> None:
    """In use again, by the person or an agency; a binder may stop but not restart.

    Refuses one that is not frozen, and to the person what the agency froze.
    """
    if by is not None and by != member:
        raise Refusal("credential.not_bound")
    row = tx.one(PEOPLE.credential, book=member.book, person=member.id)
    if by is not None and row is not None and row["frozen_at"] is not None and row["frozen_by"] is None:
        raise Refusal("credential.frozen_by_agency")
    if not tx.run(SQL.thaw, book=member.book, person=member.id):
        raise Refusal("credential.not_active")
    audit.write(tx, member.book, "thaw_credential", member.id, behalf_of=by.id if by else None)


def _may_ask(tx: Tx, asker: PersonRef, member: PersonRef) -> None:
    if asker != member and tx.one(SQL.bond_between, book=member.book, member=member.id, binder=asker.id) is None:
        raise Refusal("credential.not_bound")


def _inactive(tx: Tx, member: PersonRef) -> None:
    if tx.one(PEOPLE.credential, book=member.book, person=member.id) is not None:
        raise Refusal("credential.active_already")
