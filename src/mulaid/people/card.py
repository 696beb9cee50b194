"""The printed card of somebody without a phone: a locator on paper that says of itself whom it is about, and proves little.

`91` + 24 random digits + two check digits, kept as a keyed hash only, good for a year, one living card a person. Whoever finds
or copies the paper holds the same digits, so reading it tells a masked name and no number; a visit and a payment need the number
of an identity document beside it; and the law lets it spend the person's own account only, up to `card_daily_cap`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from mulaid import audit
from mulaid.calendar import business_date, end_of_day
from mulaid.crypto import digest
from mulaid.db import Tx
from mulaid.people import credential, family
from mulaid.people.credential import Decoded
from mulaid.people.enrolment import SQL, PersonRef, enrolled, person
from mulaid.refusal import Refusal

SCHEME = "91"
YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Card:
    """A card that was just made: its digits are shown for printing once and kept nowhere."""

    digits: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Living:
    """A card that works now; `own` tells whether the person had it printed, and no relative."""

    issued_at: datetime
    expires_at: datetime
    own: bool


def issue(tx: Tx, member: PersonRef, presenter: PersonRef, *, sandbox: bool) -> Card:
    """A card for a person, asked for by that person or by somebody bound to show the person's code; the one before it ends.

    What was spent by card today counts on. Refuses what family.usable refuses, a credential that is not active or is frozen, a
    person who is not enrolled, and outside of a sandbox a bond that a sandbox vouched for.
    """
    bond = None
    if presenter != member:
        bond = family.usable(tx, member, presenter)
        if bond["assurance"] == "sandbox" and not sandbox:
            raise Refusal("credential.sandbox_bond")
        credential.require_thawed(tx, presenter)
    credential.require_active(tx, member)
    enrolled(tx, member, business_date(tx.at))
    digits = credential.new_digits(SCHEME)
    locator, expires = tx.keys.blind("card", digits), tx.at + YEAR
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
    return Card(digits, expires)


def revoke(tx: Tx, member: PersonRef, presenter: PersonRef) -> None:
    """The person's card is worth nothing from now on, nor what an institution read from it. Refuses credential.no_card."""
    if presenter != member:
        family.usable(tx, member, presenter)
    if not tx.run(SQL.revoke_card, book=member.book, person=member.id, at=tx.at):
        raise Refusal("credential.no_card")
    audit.write(tx, member.book, "revoke_card", member.id, behalf_of=presenter.id)


def living(tx: Tx, member: PersonRef) -> Living | None:
    """The person's card that works now, if there is one."""
    row = tx.one(SQL.card, book=member.book, person=member.id)
    if row is None or row["revoked_at"] is not None or row["expires_at"] <= tx.at or not row["bound"]:
        return None
    return Living(row["issued_at"], row["expires_at"], row["issued_by"] == member.id)


def decode(tx: Tx, digits: str, institution: str, operator: str, *, pharmacy: bool) -> Decoded:
    """A visit token marked as that of a card, for this institution; a card may be read again and again.

    Unknown, expired, replaced and revoked cards are refused in the same words, as is a card printed through a family account
    that has ended. Refuses a credential that is frozen.
    """
    if not credential.well_formed(digits, (SCHEME,)):
        raise Refusal("credential.bad_code")
    locator = tx.keys.blind("card", digits)
    row = tx.one(SQL.card_by_hash, hash=locator)
    if row is None:
        raise Refusal("credential.bad_code")
    ref = PersonRef(row["book"], row["person"])
    found = tx.one(SQL.card, book=ref.book, person=ref.id)
    if found is None or bytes(found["hash"]) != locator or living(tx, ref) is None:
        raise Refusal("credential.bad_code")
    credential.require_active(tx, ref)
    enrolment = enrolled(tx, ref, business_date(tx.at))
    token = enrolment.region + secrets.token_hex(16)
    expires = tx.at + credential.PHARMACY_TOKEN
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
