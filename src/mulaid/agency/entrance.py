"""How staff get in: an invitation once, then password and second factor; one session each, short, tied to where it began.

The second factor is RFC 6238 as every authenticator knows it: six digits, half a minute, a step off allowed, each code once.
Whoever cannot get in learns one thing only, whatever was wrong.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from mulaid import audit
from mulaid.agency import staff
from mulaid.agency.staff import OPERATOR, SQL, SYSTEM, Staff
from mulaid.crypto import digest, same
from mulaid.db import Row, Tx
from mulaid.people import allowance
from mulaid.people.enrolment import book_for
from mulaid.refusal import Refusal

if TYPE_CHECKING:
    from argon2 import PasswordHasher

INVITED, IDLE, LONGEST, TOUCH = timedelta(hours=24), timedelta(minutes=15), timedelta(hours=8), timedelta(seconds=30)
STEP, DIGITS, DRIFT = 30, 6, 1
SHORTEST, LONGEST_PASSWORD = 12, 128
TRIES, TRIES_OF_NETWORK, SPAN_MINUTES = 5, 60, 15
_HASHING = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True)
class Secret:
    """A second factor that is about to be set up: as text for typing, and as the address that authenticators scan."""

    text: str = field(repr=False)
    address: str = field(repr=False)


# Getting ready


def invite(tx: Tx, who: str) -> str:
    """A word that lets somebody set password and second factor within a day; what was set before is void.

    By a system administrator; the installation's operator may invite whoever has never signed in, the first two above all.
    """
    one = staff.find(tx, who)
    known = tx.one(SQL.staff_key, id=who)
    if not (tx.by.name == OPERATOR and (known is None or known["ready_at"] is None)):
        staff.acting(tx, SYSTEM, one.region)
    word = secrets.token_urlsafe(18)
    tx.run(SQL.invite_staff, id=who, invitation=digest(word.encode()), until=tx.at + INVITED)
    _tell(tx, "invite_staff", one)
    return word


def prepare(tx: Tx, who: str, invitation: str, password_hash: str) -> Secret:
    """Set the password and make a second factor, which `prove` has to see. Refuses a word of somebody else, or that is over."""
    secret = secrets.token_bytes(20)
    sealed = tx.keys.seal("staff", f"staff_key|secret|{who}", secret)
    done = tx.run(
        SQL.set_staff_key, id=who, invitation=digest(invitation.encode()), password=password_hash, secret=sealed, at=tx.at
    )
    if not done:
        raise Refusal("entrance.bad_invitation")
    text = base64.b32encode(secret).decode()
    return Secret(text, f"otpauth://totp/mulaid:{who}?secret={text}&issuer=mulaid&period={STEP}&digits={DIGITS}")


def prove(tx: Tx, who: str, invitation: str, code: str) -> None:
    """The authenticator shows the right code, and the account is ready. Refuses a wrong code and a word that is over."""
    row = tx.one(SQL.staff_key, id=who)
    step = _step(tx, who, row, code)
    if step is None:
        raise Refusal("entrance.wrong_code")
    if not tx.run(SQL.prove_staff_key, id=who, invitation=digest(invitation.encode()), step=step, at=tx.at):
        raise Refusal("entrance.bad_invitation")
    _tell(tx, "set_staff_key", staff.find(tx, who))


def check_password(text: str, who: str) -> str:
    """A password that may be set: 12 to 128 characters, at least five different, not the name; refuses all else."""
    if (
        not SHORTEST <= len(text) <= LONGEST_PASSWORD
        or len(set(text)) < 5
        or who.lower() in text.lower()
        or not text.isprintable()
    ):
        raise Refusal("entrance.weak_password", least=SHORTEST)
    return text


# Getting in


def may_try(tx: Tx, who: str, network: str) -> bool:
    """Count an attempt, in a transaction of its own, so that a wrong one stays counted; whether it may be made.

    Five in a quarter of an hour for an account from one network, sixty for a network; a stranger elsewhere locks nobody out.
    """
    quarter = f"{tx.at:%H}{tx.at.minute // SPAN_MINUTES}"
    seen_from = tx.keys.blind("network", network).hex()
    return allowance.use(tx, f"desk:{seen_from}:{quarter}", TRIES_OF_NETWORK) and allowance.use(
        tx, f"desk:{who[:40]}:{seen_from}:{quarter}", TRIES
    )


def password_of(tx: Tx, who: str) -> str:
    """The stored hash to compare with, outside of any transaction: of an unknown account one that fits nothing."""
    row = tx.one(SQL.staff_key, id=who)
    return row["password"] if row is not None and row["ready_at"] is not None else _nobody()


def sign_in(tx: Tx, who: str, code: str, network: str, *, password_fits: bool) -> str:
    """The token of a new session, which ends the one before. One refusal for a wrong account, password, code, or an old one."""
    row = tx.one(SQL.staff_key, id=who)
    step = _step(tx, who, row, code) if row is not None and row["ready_at"] is not None else None
    if not password_fits or step is None or not tx.run(SQL.use_step, id=who, step=step):
        raise Refusal("entrance.refused")
    one = staff.find(tx, who)
    if not one.active:
        raise Refusal("entrance.refused")
    token = secrets.token_urlsafe(32)
    place = tx.keys.blind("network", network)
    tx.run(SQL.open_staff_session, id=who, token=digest(token.encode()), address=place, at=tx.at)
    _tell(tx, "sign_in_staff", one)
    return token


def present(tx: Tx, token: str, network: str) -> tuple[Staff | None, bool]:
    """Who is at work behind a token, and whether the session wants to be touched.

    Nobody after fifteen idle minutes, eight hours, from another address, or once the account has ended.
    """
    row = tx.one(SQL.staff_session, token=digest(token.encode()))
    if row is None or tx.at - row["seen_at"] > IDLE or tx.at - row["opened_at"] > LONGEST:
        return None, False
    if not same(bytes(row["address"]), tx.keys.blind("network", network)):
        return None, False
    one = staff.find(tx, row["staff"])
    return (one if one.active else None), tx.at - row["seen_at"] > TOUCH


def touch(tx: Tx, token: str) -> None:
    """Somebody is at work."""
    tx.run(SQL.touch_staff_session, token=digest(token.encode()), at=tx.at)


def leave(tx: Tx, token: str) -> None:
    """The session is over."""
    tx.run(SQL.end_staff_session, token=digest(token.encode()), at=tx.at)


def hashed(password: str) -> str:
    """The password as it is stored. Slow on purpose, and two at a time, or a flood of log-ins would take the machine."""
    with _HASHING:
        return _hasher().hash(password)


def fits(stored: str, password: str) -> bool:
    """Whether this is the password; as slow for an account that is not there."""
    from argon2.exceptions import VerificationError

    with _HASHING:
        try:
            return _hasher().verify(stored, password[:LONGEST_PASSWORD])
        except VerificationError:
            return False


def code_of(secret: Secret, at: datetime) -> str:
    """The code an authenticator shows at a moment."""
    return _code(base64.b32decode(secret.text), int(at.timestamp()) // STEP)


def shown_code(tx: Tx, who: str) -> str:
    """What the authenticator of a made-up clerk shows now: for a demonstration, where nobody holds it. Empty for others."""
    row = tx.one(SQL.staff_key, id=who)
    if row is None or row["secret"] is None:
        return ""
    return _code(tx.keys.open("staff", f"staff_key|secret|{who}", row["secret"]), int(tx.at.timestamp()) // STEP)


def _step(tx: Tx, who: str, row: Row | None, code: str) -> int | None:
    if row is None or row["secret"] is None or len(code) != DIGITS:
        return None
    secret = tx.keys.open("staff", f"staff_key|secret|{who}", row["secret"])
    now = int(tx.at.timestamp()) // STEP
    steps = (step for step in range(now - DRIFT, now + DRIFT + 1) if same(_code(secret, step).encode(), code.encode()))
    return next(steps, None)


def _code(secret: bytes, step: int) -> str:
    """RFC 4226: four bytes of the digest from where its last half byte points."""
    made = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = made[-1] & 15
    return f"{(int.from_bytes(made[start : start + 4]) & 0x7FFFFFFF) % 10**DIGITS:06d}"


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@cache
def _nobody() -> str:
    return hashed(secrets.token_urlsafe(32))


def _tell(tx: Tx, act: str, one: Staff) -> None:
    audit.write(tx, book_for(one.region, ""), act, None, purpose=one.id)
