"""Phone numbers: proved by a code, sealed at rest, and within budgets, because every short message costs money.

A number that nobody has gets the same answers as one that somebody has; only the message is missing.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mulaid import audit, refs
from mulaid.crypto import digest
from mulaid.db import Statements, Tx
from mulaid.people import allowance
from mulaid.people.enrolment import PersonRef
from mulaid.refusal import Refusal

SQL = Statements("mulaid.people", "phone.sql")
CODE, NEWS = "code", "news"
PURPOSES = ("sign_in", "bind_phone", "new_device", "consent", "freeze")
LIFE, PAUSE, PROOF = timedelta(minutes=5), timedelta(minutes=1), timedelta(minutes=10)
TRIES = 5
DAILY_OF_NUMBER, DAILY_OF_NETWORK, DAILY_OF_ALL = 10, 100, 50_000
DAILY_NEWS = 5
UNHEARD = timedelta(minutes=5)
MOST_SENDS = 3


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A short message that was taken to be sent."""

    book: int
    id: UUID
    number: str
    template: str
    values: Sequence[str]
    tries: int


def check_number(text: str) -> str:
    """A mobile number of the mainland, eleven ASCII digits; refuses all else."""
    if not re.fullmatch(r"1[3-9][0-9]{9}", text, re.ASCII):
        raise Refusal("phone.bad_number")
    return text


def ask(tx: Tx, number: str, purpose: str, session: str, network: str, recipient: PersonRef | None) -> UUID | None:
    """Send a code to a number for one purpose in one session; the message, or None where nobody is to get one.

    `recipient` is None for a number that is not known: everything else then goes the same way. Six digits, five minutes, five
    tries. Refuses a second one within a minute, the eleventh of a day, and what is over the budget of a network or of all.
    """
    assert purpose in PURPOSES, "codes are bound to a purpose"
    blind = tx.keys.blind("phone", check_number(number))
    # The number's own allowance first: its row makes requests for the same number wait for each other.
    if not allowance.use(tx, f"sms:{blind.hex()}", DAILY_OF_NUMBER):
        raise Refusal("phone.too_many_today")
    if tx.one(SQL.sent_since, number=blind, moment=tx.at + LIFE - PAUSE):
        raise Refusal("phone.too_soon")
    seen_from = tx.keys.blind("network", network).hex()
    if not allowance.use(tx, f"sms:from:{seen_from}", DAILY_OF_NETWORK) or not allowance.use(tx, "sms", DAILY_OF_ALL):
        raise Refusal("phone.busy")
    digits = f"{secrets.randbelow(10**6):06d}"
    known = recipient is not None
    tx.run(
        SQL.put_code,
        number=blind,
        purpose=purpose,
        session=digest(session.encode()),
        hash=_hash(tx, number, purpose, session, digits) if known else secrets.token_bytes(32),
        expires_at=tx.at + LIFE,
    )
    if recipient is None:
        return None
    return _queue(tx, recipient.book, number, CODE, [digits, str(LIFE // timedelta(minutes=1))])


def try_code(tx: Tx, number: str, purpose: str, session: str, digits: str) -> bool:
    """Whether this is the code. A wrong one is counted, so this answers instead of refusing: a refusal would undo the count."""
    row = tx.one(
        SQL.try_code,
        number=tx.keys.blind("phone", check_number(number)),
        purpose=purpose,
        session=digest(session.encode()),
        hash=_hash(tx, number, purpose, session, digits),
        most=TRIES,
        at=tx.at,
    )
    return row is not None and row["used_at"] is not None


def spend_proof(tx: Tx, number: str, purpose: str, session: str) -> None:
    """Rest something on a number that was proved for this purpose in this session within ten minutes; it serves once.

    Refuses phone.wrong_code for everything else, whether the code was wrong, late, of another purpose, or never asked for.
    """
    blind = tx.keys.blind("phone", check_number(number))
    spent = tx.run(SQL.spend_proof, number=blind, purpose=purpose, session=digest(session.encode()), since=tx.at - PROOF)
    if not spent:
        raise Refusal("phone.wrong_code")


def bind(tx: Tx, person: PersonRef, number: str, session: str) -> None:
    """The number is the person's from now on; refuses one that was not proved for this in this session."""
    spend_proof(tx, number, "bind_phone", session)
    sealed = tx.keys.seal("phone", f"phone|number|{person.id}", number)
    tx.run(SQL.set_phone, book=person.book, person=person.id, number=sealed, at=tx.at)
    audit.write(tx, person.book, "bind_phone", person.id)


def number_of(tx: Tx, person: PersonRef) -> str | None:
    """A person's number in clear, for sending; shown it is masked (identity.mask_phone)."""
    row = tx.one(SQL.phone, book=person.book, person=person.id)
    return None if row is None else tx.keys.open_text("phone", f"phone|number|{person.id}", row["number"])


def send_news(tx: Tx, person: PersonRef) -> UUID | None:
    """Say by short message that there is news; nothing for who has no number, or within budgets no message left today."""
    number = number_of(tx, person)
    if number is None or not allowance.use(tx, f"news:{person.id}", DAILY_NEWS) or not allowance.use(tx, "sms", DAILY_OF_ALL):
        return None
    return _queue(tx, person.book, number, NEWS, [])


def take_waiting(tx: Tx, book: int, most: int) -> list[Outgoing]:
    """Take messages that are due, for sending outside of any transaction.

    Who was taken before and never heard of may have left, so it ends as failed instead of going out twice.
    """
    taken = []
    for row in tx.all(SQL.sms_waiting, book=book, at=tx.at, most=most):
        if row["state"] == "sending":
            _end(tx, book, row["id"], "failed", trouble="no answer was kept")
            continue
        tx.run(SQL.sms_taken, book=book, id=row["id"], due_at=tx.at + UNHEARD)
        number = tx.keys.open_text("phone", f"sms|number|{row['id']}", row["number"])
        values = json.loads(tx.keys.open_text("phone", f"sms|filled|{row['id']}", row["filled"]))
        taken.append(Outgoing(book, row["id"], number, row["template"], values, row["tries"] + 1))
    return taken


def sent(tx: Tx, message: Outgoing, receipt: str) -> None:
    """A message has left; what it said is forgotten."""
    _end(tx, message.book, message.id, "sent", sent_at=tx.at, receipt=receipt[:100])


def not_sent(tx: Tx, message: Outgoing, trouble: str, *, again: bool) -> None:
    """A message did not leave: it is tried again a bounded number of times, or never."""
    if again and message.tries < MOST_SENDS:
        due = tx.at + timedelta(seconds=10) * message.tries
        tx.run(SQL.sms_again, book=message.book, id=message.id, due_at=due, trouble=trouble[:100])
    else:
        _end(tx, message.book, message.id, "failed", trouble=trouble[:100])


def sweep(tx: Tx) -> None:
    """Drop codes that are long over."""
    tx.run(SQL.drop_codes, moment=tx.at - timedelta(days=1))


def values_of(tx: Tx, message: UUID) -> Sequence[str]:
    """What a message says: for a demonstration, which sends nothing and shows it instead. Empty once it was sent."""
    row = tx.one(SQL.sms, book=refs.book_of(message), id=message)
    if row is None or not row["filled"]:
        return ()
    return tuple(json.loads(tx.keys.open_text("phone", f"sms|filled|{message}", row["filled"])))


def _queue(tx: Tx, book: int, number: str, template: str, values: Sequence[str]) -> UUID:
    ref = refs.mint(book, tx.at)
    tx.run(
        SQL.add_sms,
        book=book,
        id=ref,
        number=tx.keys.seal("phone", f"sms|number|{ref}", number),
        template=template,
        filled=tx.keys.seal("phone", f"sms|filled|{ref}", json.dumps(list(values))),
        at=tx.at,
    )
    return ref


def _end(
    tx: Tx, book: int, ref: UUID, state: str, *, sent_at: datetime | None = None, receipt: str = "", trouble: str = ""
) -> None:
    tx.run(SQL.sms_ended, book=book, id=ref, state=state, sent_at=sent_at, receipt=receipt or None, trouble=trouble or None)


def _hash(tx: Tx, number: str, purpose: str, session: str, digits: str) -> bytes:
    return tx.keys.blind("phone_code", f"{number}|{purpose}|{session}|{digits}")
