"""Consent: who agreed to which text, for whom, in which capacity, and when it was taken back.

A text is agreed to as it was shown: the page hands back the hash of what it showed, and another hash is refused. So nobody agrees
to a text that changed in between, and years later the sealed letter still says what it said.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from uuid import UUID

from mulaid import audit, refs
from mulaid.crypto import digest, same
from mulaid.db import Row, Statements, Tx
from mulaid.people.enrolment import PersonRef
from mulaid.refusal import Refusal

SQL = Statements("mulaid.people", "family.sql")
SELF, GUARDIAN = "self", "guardian"


@dataclass(frozen=True, slots=True)
class Letter:
    """A text as it is shown to somebody: filled in, with the hash that the agreement must hand back."""

    purpose: str
    version: str
    title: str
    body: str

    @property
    def hash(self) -> str:
        """64 hexadecimal digits over purpose, version and every word shown."""
        return digest(f"{self.purpose}\n{self.version}\n{self.title}\n{self.body}".encode()).hex()


@dataclass(frozen=True, slots=True)
class Given:
    """One agreement as its subject or giver sees it."""

    id: UUID
    purpose: str
    title: str
    version: str
    giver: UUID
    capacity: str
    about: UUID | None
    at: datetime
    withdrawn_at: datetime | None


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(resources.files("mulaid.people").joinpath("letters.toml").read_text("utf-8"))


def letter(purpose: str, **words: str) -> Letter:
    """The present version of a text, with its words filled in."""
    text = _texts()[purpose]
    return Letter(purpose, text["version"], text["title"], text["body"].strip().format_map(words))


def check(shown: Letter, agreed: str) -> None:
    """Refuses consent.text_changed unless the agreement is to exactly the text that is shown now."""
    if not same(agreed.encode(), shown.hash.encode()):
        raise Refusal("consent.text_changed", title=shown.title)


def give(
    tx: Tx, subject: PersonRef, giver: PersonRef, capacity: str, shown: Letter, agreed: str, about: UUID | None = None
) -> UUID:
    """Keep an agreement to a text that was shown; refuses consent.text_changed."""
    check(shown, agreed)
    ref = refs.mint(subject.book, tx.at)
    tx.run(
        SQL.add_consent,
        book=subject.book,
        id=ref,
        subject=subject.id,
        purpose=shown.purpose,
        giver=giver.id,
        capacity=capacity,
        version=shown.version,
        hash=bytes.fromhex(shown.hash),
        letter=tx.keys.seal("consent", f"consent|letter|{ref}", shown.body),
        about=about,
        channel=tx.by.channel,
        place=tx.by.place,
        at=tx.at,
    )
    audit.write(tx, subject.book, "give_consent", subject.id, behalf_of=giver.id, purpose=shown.purpose)
    return ref


def stands(tx: Tx, subject: PersonRef, purpose: str) -> bool:
    """Whether an agreement for this purpose was given for the person and not taken back."""
    return tx.one(SQL.standing_consent, book=subject.book, subject=subject.id, purpose=purpose) is not None


def of(tx: Tx, subject: PersonRef) -> list[Given]:
    """Everything that was agreed to for a person, the newest first."""
    return [_given(row) for row in tx.all(SQL.consents, book=subject.book, subject=subject.id)]


def text_of(tx: Tx, subject: PersonRef, consent: UUID) -> str:
    """The words that were agreed to; refuses consent.unknown for an agreement that is not this person's."""
    row = tx.one(SQL.consent, book=subject.book, id=consent)
    if row is None or row["subject"] != subject.id:
        raise Refusal("consent.unknown")
    return tx.keys.open_text("consent", f"consent|letter|{consent}", row["letter"])


def take_back(tx: Tx, subject: PersonRef, by: PersonRef, consent: UUID) -> Given:
    """Withdraw an agreement, by its subject or by who gave it; refuses consent.unknown for all others, and a second time."""
    row = tx.one(SQL.consent, book=subject.book, id=consent)
    if row is None or row["subject"] != subject.id or by.id not in (row["giver"], subject.id):
        raise Refusal("consent.unknown")
    if not tx.run(SQL.withdraw_consent, book=subject.book, id=consent, at=tx.at):
        raise Refusal("consent.withdrawn_already")
    audit.write(tx, subject.book, "withdraw_consent", subject.id, behalf_of=by.id, purpose=row["purpose"])
    return _given(row)


def _given(row: Row) -> Given:
    return Given(
        id=row["id"],
        purpose=row["purpose"],
        title=_texts()[row["purpose"]]["title"],
        version=row["version"],
        giver=row["giver"],
        capacity=row["capacity"],
        about=row["about"],
        at=row["at"],
        withdrawn_at=row["withdrawn_at"],
    )
