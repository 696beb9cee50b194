"""Commands: where a transaction begins, and nowhere else.

One key, one transaction, one stored answer. `run` claims `(door, caller, key)` and compares the body's hash, carries the work
out in a savepoint, stores the answer (a refusal is an answer too: a late duplicate must never pay after the hospital was told no
and took cash), commits, and only then returns. `settle` keeps the same promise for the hot path in two calls to the database.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import errors

from mulaid import kept
from mulaid.crypto import digest
from mulaid.db import Actor, Database, Tx
from mulaid.kept import Kept
from mulaid.refusal import Refusal
from mulaid.settlement import pay

TRIES = 6
ANY_BODY = b""
UNSTORED = ("command.key_reused", "auth.replayed")
PASSING = (
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.LockNotAvailable,
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    psycopg.OperationalError,
)


@dataclass(frozen=True, slots=True)
class Key:
    """What makes a request the same request: the door, who calls, and the caller's own key. `book` is the caller's home book."""

    book: int
    door: str
    caller: str
    name: str
    body_hash: bytes

    @staticmethod
    def of(book: int, door: str, caller: str, name: str, body: bytes) -> Key:
        """A key over the bytes that must be equal for the request to be the same."""
        return Key(book, door, caller, name, digest(body))


@dataclass(frozen=True, slots=True)
class Answer:
    """The text that was stored under the key, whether it is a refusal, and whether it had been stored before."""

    text: str
    refused: bool
    repeated: bool = False
    subject: UUID | None = None


Refuse = Callable[[Refusal], str]


def run(db: Database, key: Key, work: Callable[[Tx], str], refuse: Refuse, *, at: datetime, by: Actor) -> Answer:
    """Carry out `work` once for this key, and answer every repeat with what was stored.

    `work` receives the transaction and returns the answer's text; it may set `tx.subject` to what it made. `refuse` puts a
    refusal into the door's words. Refuses command.key_reused (not stored) for another body under the same key, and command.busy
    when the database cannot be reached or keeps other transactions in front after a bounded number of tries.
    """
    for wait in _tries():
        try:
            with _transaction(db, at, by) as tx:
                return _claimed(tx, key) or _carry_out(tx, key, work, refuse)
        except PASSING:
            wait()
    raise Refusal("command.busy")


def alone(db: Database, work: Callable[[Tx], Any], *, at: datetime, by: Actor) -> Any:
    """A transaction without a key, for the system's own work that is its own proof of being done (loading, sending, sweeping)."""
    with _transaction(db, at, by) as tx:
        return work(tx)


def bar(db: Database, book: int, door: str, caller: str, name: str, refuse: Refuse, *, at: datetime, by: Actor) -> None:
    """Make sure that a request which has not arrived is refused when it does; nothing when it has been answered."""

    def say_no(tx: Tx) -> str:
        raise Refusal("command.barred")

    try:
        run(db, Key(book, door, caller, name, ANY_BODY), say_no, refuse, at=at, by=by)
    except Refusal as refusal:
        if refusal.code != "command.key_reused":
            raise


def settle(
    db: Database,
    key: Key,
    bill_of: Callable[[Tx], pay.Bill],
    present: pay.Present,
    refuse: Refuse,
    *,
    nonce: str | None = None,
    at: datetime,
    by: Actor,
) -> Answer:
    """Settle a bill: gather in one call, decide, record in one call; the first tries without locks, then with.

    `bill_of` reads the bill, `present` turns what was settled into the answer's text. The `nonce` of a signed message is kept
    with the answer: the same message again is refused as a replay. Promises and refusals are otherwise those of `run`.
    """
    for attempt, wait in enumerate(_tries()):
        try:
            lock = attempt >= TRIES // 2
            with _transaction(db, at, by) if lock else db.reading(at, by) as tx:
                return _settle_once(tx, key, bill_of(tx), present, nonce, first=attempt == 0, lock=lock)
        except Refusal as refusal:
            if refusal.code in UNSTORED:
                raise
            return _refuse(db, key, refusal, refuse, at, by)
        except (pay.Moved, *PASSING):
            wait()
    raise Refusal("command.busy")


def _settle_once(tx: Tx, key: Key, bill: pay.Bill, present: pay.Present, nonce: str | None, *, first: bool, lock: bool) -> Answer:
    # On a later try the nonce that is found may be our own, of a commit whose acknowledgement was lost.
    gathered = pay.gather(tx, bill, (key.book, key.door, key.caller, key.name), nonce=nonce if first else None, lock=lock)
    if gathered.kept is not None:
        return _kept(key, gathered.kept)
    settled = pay.decide(tx, bill, gathered)
    text = pay.record(tx, bill, settled, present, (key.book, key.door, key.caller, key.name, key.body_hash), nonce)
    if text is None:  # another worker carried out the same key in between
        raise pay.Moved("command")
    return Answer(text, refused=False, subject=settled.id)


def _refuse(db: Database, key: Key, refusal: Refusal, refuse: Refuse, at: datetime, by: Actor) -> Answer:
    def say_no(tx: Tx) -> str:
        # One of its own: raised again, it would hold itself by its traceback, and the whole message until the collector comes.
        raise Refusal(refusal.code, **refusal.facts)

    return run(db, key, say_no, refuse, at=at, by=by)


@contextmanager
def _transaction(db: Database, at: datetime, by: Actor) -> Iterator[Tx]:
    with db.pool.connection() as connection, connection.transaction():
        yield db.tx(connection, at, by)


def _tries() -> Iterator[Callable[[], None]]:
    """One waiter a try; the pauses grow and differ, so that two who met do not meet again."""
    for attempt in range(TRIES):
        yield lambda attempt=attempt: time.sleep(random.uniform(0.2, 1.0) * 0.01 * 2**attempt)  # type: ignore[misc]  # noqa: S311


def _kept(key: Key, row: Kept) -> Answer:
    if bytes(row.body_hash) not in (key.body_hash, ANY_BODY):
        raise Refusal("command.key_reused")
    return Answer(row.answer, row.refused, repeated=True, subject=row.subject)


def _claimed(tx: Tx, key: Key) -> Answer | None:
    """Claim the key; the stored answer if somebody did before. A rival's open claim is waited for."""
    claimed = tx.run(
        "insert into command (book, door, caller, key, body_hash, at)"
        " values (%(book)s, %(door)s, %(caller)s, %(key)s, %(hash)s, %(at)s) on conflict do nothing",
        book=key.book,
        door=key.door,
        caller=key.caller,
        key=key.name,
        hash=key.body_hash,
        at=tx.at,
    )
    if claimed:
        return None
    return _kept(key, kept.find(tx, key.book, key.door, key.caller, key.name))


def _carry_out(tx: Tx, key: Key, work: Callable[[Tx], str], refuse: Refuse) -> Answer:
    try:
        with tx.connection.transaction():
            text, refused = work(tx), False
    except Refusal as refusal:
        text, refused, tx.subject = refuse(refusal), True, None
    tx.run(
        "update command set answer = %(answer)s, refused = %(refused)s, subject = %(subject)s"
        " where book = %(book)s and door = %(door)s and caller = %(caller)s and key = %(key)s",
        answer=kept.seal(tx, key.door, key.caller, key.name, text),
        refused=refused,
        subject=tx.subject,
        book=key.book,
        door=key.door,
        caller=key.caller,
        key=key.name,
    )
    return Answer(text, refused, subject=tx.subject)
