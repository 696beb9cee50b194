"""Face checks as the domain sees them: begun, sent to a provider, answered, used once. The providers are in mulaid.outside.face.

Whatever the provider, four rules hold here: the number it reports is the one we asked about (a provider that ties its reference
to that number at the start may report none); its reference belongs to this check, this asker and this purpose; a pass is used
once and within five minutes; no picture is ever kept. Nothing outside the building is called in a transaction: `begin` is one
command, the door then talks to the provider, `sent` and `finish` are others.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from mulaid import audit, refs
from mulaid.crypto import same
from mulaid.db import Row, Statements, Tx
from mulaid.people.enrolment import PersonRef, person
from mulaid.refusal import Refusal

SQL = Statements("mulaid.people", "family.sql")
BIND, ACTIVATE, RENEW = "bind", "activate", "renew"
USABLE_FOR = timedelta(minutes=5)


class Assurance(StrEnum):
    """How surely a person was seen, from nothing to the national network identity."""

    NONE = "none"
    SANDBOX = "sandbox"
    COUNTER_CLERK = "counter_clerk"
    LIVENESS_AUTHORITY = "liveness_authority"
    NATIONAL_NETID = "national_netid"


class Result(StrEnum):
    """What a provider says of a check. ERROR is its own trouble and settles nothing: it may be asked again."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"
    EXPIRED = "expired"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose face it has to be."""

    name: str = field(repr=False)
    document_kind: str
    number: str = field(repr=False)

    @staticmethod
    def of(tx: Tx, who: PersonRef) -> Subject:
        """A registered person's own face."""
        one = person(tx, who)
        return Subject(one.name, one.document_kind, one.number)


@dataclass(frozen=True, slots=True)
class FaceRequest:
    """What the door takes to a provider. `tx_id` is random and tells nothing; `check` is our own row."""

    check: UUID
    tx_id: str
    purpose: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class FaceSession:
    """A provider's answer to a start: its reference, and where to send the person.

    `binds_number`: the provider ties its reference to the number it was started with, and reports none with the result.
    """

    provider: str
    assurance: Assurance
    provider_ref: str
    redirect_url: str
    expires_at: datetime
    binds_number: bool = False


@dataclass(frozen=True, slots=True)
class FaceOutcome:
    """A provider's result, asked from server to server. `score` in hundredths of a percent."""

    provider_ref: str
    result: Result
    reported_number: str = field(default="", repr=False)
    live: bool = False
    matched: bool = False
    score: int | None = None
    provider_code: str = ""
    provider_txn: str = ""


def begin(tx: Tx, asker: PersonRef, purpose: str, about: UUID, subject: Subject) -> FaceRequest:
    """A check of somebody's face for one purpose and one matter, asked for by one person. Consent comes first."""
    ref = refs.mint(asker.book, tx.at)
    tx.run(
        SQL.add_face_check,
        book=asker.book,
        id=ref,
        asker=asker.id,
        purpose=purpose,
        about=about,
        subject=_blind(tx, subject.number),
        at=tx.at,
    )
    audit.write(tx, asker.book, "begin_face_check", about, behalf_of=asker.id, purpose=purpose)
    return FaceRequest(ref, secrets.token_hex(16), purpose, subject)


def sent(tx: Tx, asker: PersonRef, check: UUID, session: FaceSession) -> None:
    """Keep what the provider calls this check; refuses face.unknown for a check that is not the asker's or was sent before."""
    done = tx.run(
        SQL.face_sent,
        book=asker.book,
        id=check,
        asker=asker.id,
        provider=session.provider,
        provider_ref=session.provider_ref,
        assurance=session.assurance,
        expires_at=session.expires_at,
        binds_number=session.binds_number,
    )
    if not done:
        raise Refusal("face.unknown")


def reference(tx: Tx, asker: PersonRef, check: UUID) -> tuple[str, str]:
    """Provider and reference to ask the result with, whatever the browser came back with; refuses face.unknown."""
    row = _of(tx, asker, check)
    if row["provider_ref"] is None:
        raise Refusal("face.unknown")
    return row["provider"], row["provider_ref"]


def finish(tx: Tx, asker: PersonRef, check: UUID, outcome: FaceOutcome) -> Result:
    """Keep the provider's result. A pass counts only for the person we asked about, alive and matched.

    A result that is pending, or the provider's own trouble, changes nothing. The same result again changes nothing either.
    Refuses face.unknown for another asker's check or another check's reference.
    """
    row = _of(tx, asker, check)
    if row["provider_ref"] is None or not same(row["provider_ref"].encode(), outcome.provider_ref.encode()):
        raise Refusal("face.unknown")
    if row["state"] != "sent":
        return Result(row["state"])
    if outcome.result in (Result.PENDING, Result.ERROR):
        return outcome.result
    result, problem = outcome.result, outcome.provider_code
    if result == Result.PASSED:
        unsaid = row["binds_number"] and not outcome.reported_number
        if not unsaid and not same(_blind(tx, outcome.reported_number), row["subject"]):
            result, problem = Result.FAILED, "other_person"
        elif not (outcome.live and outcome.matched):
            result, problem = Result.FAILED, "not_live_or_not_matched"
    tx.run(
        SQL.face_finished,
        book=asker.book,
        id=check,
        state=result,
        problem=problem[:60],
        score=outcome.score,
        provider_txn=outcome.provider_txn[:64],
        at=tx.at,
    )
    audit.write(
        tx, asker.book, "finish_face_check", row["about"], behalf_of=asker.id, purpose=row["purpose"], detail={"result": result}
    )
    return result


def use(tx: Tx, asker: PersonRef, check: UUID, purpose: str, about: UUID) -> Assurance:
    """Spend a pass on what it was made for, once; of many who try one succeeds.

    Refuses face.unknown for another asker, purpose or matter, family.face_check_required for a check that did not pass,
    face.used, and face.stale after five minutes.
    """
    row = _of(tx, asker, check)
    if row["purpose"] != purpose or row["about"] != about:
        raise Refusal("face.unknown")
    if row["state"] != "passed":
        raise Refusal("family.face_check_required")
    if row["used_at"] is not None:
        raise Refusal("face.used")
    if tx.at - row["finished_at"] > USABLE_FOR:
        raise Refusal("face.stale")
    if not tx.run(SQL.use_face, book=asker.book, id=check, at=tx.at):
        raise Refusal("face.used")
    return Assurance(row["assurance"])


def failed_since(tx: Tx, asker: PersonRef, about: UUID) -> datetime | None:
    """When a matter's first face check failed, if any did."""
    row = tx.one(SQL.first_failed_face, book=asker.book, about=about)
    return row["at"] if row else None


def _of(tx: Tx, asker: PersonRef, check: UUID) -> Row:
    row = tx.one(SQL.face_check, book=asker.book, id=check)
    if row is None or row["asker"] != asker.id:
        raise Refusal("face.unknown")
    return row


def _blind(tx: Tx, number: str) -> bytes:
    """Over the number alone: providers do not say of which kind of paper it is."""
    return tx.keys.blind("face", number.upper())
