"""The e-credential: how it comes to life, and what it shows: a minute code of 28 digits, and the visit token got for it.

Activation is a step of its own after binding, once a person and nationwide, by oneself or by a binder. From 16 it takes the
person's own face; the young are activated by a binder their guardian agreed to. Who cannot show a face goes to a counter at any
time; after a failed check the pages name the counter once the area's hours are over.

A code binds person and presenter; payers are worked out at settlement, never read from a code. `SS` + 24 random digits + two
check digits (ISO 7064 MOD 97-10): 90 live, 99 sandbox. Only a keyed hash is stored. Use is one statement: of many one wins.

The printed card (91) is for somebody without a phone: a locator on paper, good for a year, one living card a person. Whoever
finds or copies the paper holds the same digits, so reading it tells a masked name and no number; a visit and a payment need the
number of an identity document beside it; and the law lets it spend the person's own account only, up to `card_daily_cap`.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mulaid import audit
from mulaid.calendar import business_date, end_of_day
from mulaid.crypto import digest
from mulaid.db import Row, Tx
from mulaid.people import consent, face, family
from mulaid.people.enrolment import SQL, Enrolment, Person, PersonRef, age_of, enrolled, person
from mulaid.people.face import Assurance, FaceRequest, Subject
from mulaid.policy.pack import Library
from mulaid.refusal import Refusal

LIVE, SANDBOX = "90", "99"
PHARMACY_TOKEN = timedelta(minutes=30)
SAME_READER = timedelta(seconds=60)
CARD = "91"
CARD_LIFE = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Code:
    """A fresh code, or the digits of a fresh card: shown once, never stored in the clear."""

    digits: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Decoded:
    """What an institution learns from a code: who the patient is, and a token for this visit."""

    token: str
    person: Person
    enrolment: Enrolment
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a visit token stands for, and by whom the code was shown."""

    ref: PersonRef
    presenter: UUID
    chosen: UUID | None
    card: bytes | None = None


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
    row = tx.one(SQL.credential, book=member.book, person=member.id)
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


def begin_activation(tx: Tx, library: Library, asker: PersonRef, member: PersonRef, agreed: str) -> FaceRequest:
    """A face check to activate, by the person or a binder on either's phone; `agreed` is to the notice on faces.

    Refuses credential.active_already, strangers, and with family.no_face_needed a person under 16.
    """
    _may_ask(tx, asker, member)
    _inactive(tx, member)
    if age_of(tx, member) < family.pack_of(tx, library, member)["face_check_min_age_years"]:
        raise Refusal("family.no_face_needed")
    subject = Subject.of(tx, member)
    consent.give(tx, member, member, consent.SELF, face_notice(tx, member), agreed, about=member.id)
    return face.begin(tx, asker, face.ACTIVATE, member.id, subject)


def face_notice(tx: Tx, member: PersonRef) -> consent.Letter:
    """The notice on faces as it is shown before a check of this person."""
    return consent.letter("face", subject=person(tx, member).shown)


def activate_by_face(tx: Tx, asker: PersonRef, member: PersonRef, check: UUID) -> None:
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
        family.SQL.add_credential,
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
    if not tx.run(family.SQL.freeze, book=member.book, person=member.id, at=tx.at, why=why, by=by.id if by else None):
        raise Refusal("credential.not_active")
    # Codes before tokens: a code being read right now is waited for, and its token is there for the second statement.
    tx.run(family.SQL.revoke_shown, person=member.id, at=tx.at)
    tx.run(family.SQL.end_shown, person=member.id, at=tx.at)
    audit.write(tx, member.book, "freeze_credential", member.id, behalf_of=by.id if by else None, purpose=why)


def thaw(tx: Tx, member: PersonRef, by: PersonRef | None) -> None:
    """In use again, by the person or an agency; a binder may stop but not restart.

    Refuses one that is not frozen, and to the person what the agency froze.
    """
    if by is not None and by != member:
        raise Refusal("credential.not_bound")
    row = tx.one(SQL.credential, book=member.book, person=member.id)
    if by is not None and row is not None and row["frozen_at"] is not None and row["frozen_by"] is None:
        raise Refusal("credential.frozen_by_agency")
    if not tx.run(family.SQL.thaw, book=member.book, person=member.id):
        raise Refusal("credential.not_active")
    audit.write(tx, member.book, "thaw_credential", member.id, behalf_of=by.id if by else None)


def new_digits(scheme: str) -> str:
    """28 digits: scheme, 24 from the system's source of randomness, two check digits."""
    body = scheme + f"{secrets.randbelow(10**24):024d}"
    return body + f"{98 - int(body + '00') % 97:02d}"


def well_formed(digits: str, schemes: tuple[str, ...] = (LIVE, SANDBOX)) -> bool:
    """Whether a text can be a code of these schemes at all; a typing guard, no security."""
    return re.fullmatch(r"[0-9]{28}", digits, re.ASCII) is not None and digits[:2] in schemes and int(digits) % 97 == 1


def issue(
    tx: Tx,
    library: Library,
    member: PersonRef,
    presenter: PersonRef,
    *,
    sandbox: bool,
    purpose: str = "settle",
    chosen: UUID | None = None,
) -> Code:
    """A code for a person, shown by that person or by somebody bound to show it; the code before it ends.

    `purpose` is one of family.PURPOSES; the member can read who showed the code, for what and where. `chosen` is the
    authorisation the presenter picked to pay, where the region lets one pick. Refuses what family.usable refuses, a credential
    that is not active or is frozen, a person who is not enrolled, and outside of a sandbox a bond that a sandbox vouched for.
    """
    if purpose not in family.PURPOSES:
        raise Refusal("credential.bad_purpose", purposes="、".join(family.PURPOSES.values()))
    bond = None
    if presenter != member:
        bond = family.usable(tx, member, presenter)
        if bond["assurance"] == "sandbox" and not sandbox:
            raise Refusal("credential.sandbox_bond")
        require_thawed(tx, presenter)
    require_active(tx, member)
    enrolment = enrolled(tx, member, business_date(tx.at))
    seconds = library.in_force(enrolment.region, business_date(tx.at))["credential_code_ttl_seconds"]
    tx.run(SQL.revoke_codes, presenter=presenter.id, person=member.id, at=tx.at)
    digits = new_digits(SANDBOX if sandbox else LIVE)
    code, expires = tx.keys.blind("code", digits), tx.at + timedelta(seconds=seconds)
    tx.run(
        SQL.add_code,
        hash=code,
        book=member.book,
        person=member.id,
        presenter_book=presenter.book,
        presenter=presenter.id,
        bond=bond["id"] if bond else None,
        bond_version=bond["version"] if bond else None,
        chosen=chosen,
        purpose=purpose,
        place=tx.by.place,
        issued_at=tx.at,
        expires_at=expires,
    )
    if bond is not None:
        family.record_use(tx, member, presenter, bond["id"], "code", purpose, code)
    audit.write(tx, member.book, "show_code", member.id, behalf_of=presenter.id, purpose=purpose)
    return Code(digits, expires)


def decode(tx: Tx, digits: str, institution: str, operator: str, *, pharmacy: bool) -> Decoded:
    """Exchange a code for a visit token bound to institution, person and presenter. Refuses a code of a bond that has ended.

    Unknown, expired, used and revoked codes are refused in the same words. The same institution and operator may read the same
    code again within a minute and gets the same token, because the answer may have been lost.
    """
    if not well_formed(digits):
        raise Refusal("credential.bad_code")
    code = tx.keys.blind("code", digits)
    reader = f"{institution}/{operator}"
    token_secret = tx.keys.blind("visit_token", f"{digits}|{reader}").hex()[:32]
    row = tx.one(SQL.use_code, hash=code, at=tx.at, by=reader)
    if row is None:
        return _read_again(tx, code, reader, token_secret)
    ref = _ref(tx, row)
    enrolment = enrolled(tx, ref, business_date(tx.at))
    token = enrolment.region + token_secret
    expires = tx.at + PHARMACY_TOKEN if pharmacy else max(end_of_day(tx.at), tx.at + PHARMACY_TOKEN)
    tx.run(
        SQL.add_token,
        hash=digest(token.encode()),
        code=code,
        institution=institution,
        operator=operator,
        book=ref.book,
        person=ref.id,
        presenter=row["presenter"],
        bond=row["bond"],
        bond_version=row["bond_version"],
        chosen=row["chosen"],
        card=False,
        at=tx.at,
        expires_at=expires,
    )
    audit.write(tx, ref.book, "decode_code", ref.id, behalf_of=row["presenter"])
    return Decoded(token, person(tx, ref), enrolment, expires)


def _read_again(tx: Tx, code: bytes, reader: str, token_secret: str) -> Decoded:
    spent = tx.one(SQL.code, hash=code)
    fresh = spent and spent["used_by"] == reader and spent["used_at"] and tx.at - spent["used_at"] <= SAME_READER
    if not fresh:
        raise Refusal("credential.bad_code")
    row = tx.one(SQL.token_of_code, code=code)
    if row is None:
        raise Refusal("credential.bad_code")
    ref = _ref(tx, row)
    enrolment = enrolled(tx, ref, business_date(tx.at))
    return Decoded(enrolment.region + token_secret, person(tx, ref), enrolment, row["expires_at"])


def holder(tx: Tx, token: str, institution: str, *, card: bool = False) -> Holder:
    """Whom a token stands for; `card` says whether that of a printed card will do, which proves little.

    Refuses tokens of other institutions in the same words as unknown ones, expired ones, and those of a bond that has ended.
    """
    row = tx.one(SQL.token, hash=digest(token.encode()))
    if row is None or row["institution"] != institution:
        raise Refusal("credential.bad_token")
    if row["expires_at"] <= tx.at:
        raise Refusal("credential.token_expired")
    if row["card"] and not card:
        raise Refusal("credential.card_not_enough")
    return Holder(_ref(tx, row), row["presenter"], row["chosen"], row["code"] if row["card"] else None)


def _ref(tx: Tx, row: Row) -> PersonRef:
    """The person of a code or token, unless the family account it was shown by has ended since: then nobody may be looked at."""
    bond = row["bond"]
    if bond is not None and tx.one(SQL.bond_lives, book=row["book"], id=bond, version=row["bond_version"]) is None:
        raise Refusal("credential.bond_ended")
    ref = PersonRef(row["book"], row["person"])
    require_active(tx, ref)
    return ref


def require_active(tx: Tx, member: PersonRef) -> None:
    """Refuses credential.not_active and credential.frozen."""
    row = tx.one(SQL.credential, book=member.book, person=member.id)
    if row is None:
        raise Refusal("credential.not_active")
    if row["frozen_at"] is not None:
        raise Refusal("credential.frozen")


def require_thawed(tx: Tx, presenter: PersonRef) -> None:
    """Whoever shows another's code need not have an active credential, but not a frozen one either: the phone may be stolen."""
    row = tx.one(SQL.credential, book=presenter.book, person=presenter.id)
    if row is not None and row["frozen_at"] is not None:
        raise Refusal("credential.frozen")


@dataclass(frozen=True, slots=True)
class Living:
    """A card that works now; `own` tells whether the person had it printed, and no relative."""

    issued_at: datetime
    expires_at: datetime
    own: bool


def issue_card(tx: Tx, member: PersonRef, presenter: PersonRef, *, sandbox: bool) -> Code:
    """A card for a person, asked for by that person or by somebody bound to show the person's code; the one before it ends.

    What was spent by card today counts on. Refuses what family.usable refuses, a credential that is not active or is frozen, a
    person who is not enrolled, and outside of a sandbox a bond that a sandbox vouched for.
    """
    bond = None
    if presenter != member:
        bond = family.usable(tx, member, presenter)
        if bond["assurance"] == "sandbox" and not sandbox:
            raise Refusal("credential.sandbox_bond")
        require_thawed(tx, presenter)
    require_active(tx, member)
    enrolled(tx, member, business_date(tx.at))
    digits = new_digits(CARD)
    locator, expires = tx.keys.blind("card", digits), tx.at + CARD_LIFE
    tx.run(
        SQL.issue_card,
        book=member.book,
        person=member.id,
        hash=locator,
        issued_by=presenter.id,
        bond=bond["id"] if bond else None,
        at=tx.at,
        expires_at=expires,
    )
    tx.run(SQL.point_card, hash=locator, book=member.book, person=member.id)
    if bond is not None:
        family.record_use(tx, member, presenter, bond["id"], "card", "settle")
    audit.write(tx, member.book, "issue_card", member.id, behalf_of=presenter.id)
    return Code(digits, expires)


def revoke_card(tx: Tx, member: PersonRef, presenter: PersonRef) -> None:
    """The person's card is worth nothing from now on, nor what an institution read from it. Refuses credential.no_card."""
    if presenter != member:
        family.usable(tx, member, presenter)
    if not tx.run(SQL.revoke_card, book=member.book, person=member.id, at=tx.at):
        raise Refusal("credential.no_card")
    audit.write(tx, member.book, "revoke_card", member.id, behalf_of=presenter.id)


def living_card(tx: Tx, member: PersonRef) -> Living | None:
    """The person's card that works now, if there is one."""
    row = tx.one(SQL.card, book=member.book, person=member.id)
    if row is None or row["revoked_at"] is not None or row["expires_at"] <= tx.at or not row["bound"]:
        return None
    return Living(row["issued_at"], row["expires_at"], row["issued_by"] == member.id)


def decode_card(tx: Tx, digits: str, institution: str, operator: str, *, pharmacy: bool) -> Decoded:
    """A visit token marked as that of a card, for this institution; a card may be read again and again.

    Unknown, expired, replaced and revoked cards are refused in the same words, as is a card printed through a family account
    that has ended. Refuses a credential that is frozen.
    """
    if not well_formed(digits, (CARD,)):
        raise Refusal("credential.bad_code")
    locator = tx.keys.blind("card", digits)
    row = tx.one(SQL.card_by_hash, hash=locator)
    if row is None:
        raise Refusal("credential.bad_code")
    ref = PersonRef(row["book"], row["person"])
    found = tx.one(SQL.card, book=ref.book, person=ref.id)
    if found is None or bytes(found["hash"]) != locator or living_card(tx, ref) is None:
        raise Refusal("credential.bad_code")
    require_active(tx, ref)
    enrolment = enrolled(tx, ref, business_date(tx.at))
    token = enrolment.region + secrets.token_hex(16)
    expires = tx.at + PHARMACY_TOKEN
    if not pharmacy:
        expires = max(end_of_day(tx.at), expires)
    tx.run(
        SQL.add_token,
        hash=digest(token.encode()),
        code=locator,
        institution=institution,
        operator=operator,
        book=ref.book,
        person=ref.id,
        presenter=ref.id,
        bond=None,
        bond_version=None,
        chosen=None,
        card=True,
        at=tx.at,
        expires_at=min(expires, found["expires_at"]),
    )
    audit.write(tx, ref.book, "decode_card", ref.id)
    return Decoded(token, person(tx, ref), enrolment, expires)


def _may_ask(tx: Tx, asker: PersonRef, member: PersonRef) -> None:
    if asker != member and tx.one(family.SQL.bond_between, book=member.book, member=member.id, binder=asker.id) is None:
        raise Refusal("credential.not_bound")


def _inactive(tx: Tx, member: PersonRef) -> None:
    if tx.one(SQL.credential, book=member.book, person=member.id) is not None:
        raise Refusal("credential.active_already")
