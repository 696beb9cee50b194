"""The outbox: what is to be told to the world once, and only if, the transaction commits. The worker sends it.

A row of our own and not a job: inserting a job notifies, and notifying takes a lock over all commits of the database, which the
settlement path cannot afford (docs/adr/0005).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg.types.json import Json

from mulaid import refs
from mulaid.db import Tx

SAID = "say"


def put(tx: Tx, book: int, topic: str, body: Mapping[str, Any]) -> None:
    """A message to send after the commit."""
    tx.run(
        "insert into outbox (book, id, at, topic, body) values (%(book)s, %(id)s, %(at)s, %(topic)s, %(body)s)",
        book=book,
        id=refs.mint(book, tx.at),
        at=tx.at,
        topic=topic,
        body=Json(dict(body)),
    )


def tell(tx: Tx, book: int, person: UUID, text: str, about: UUID | None = None) -> None:
    """One sentence to one person, sent after the commit; `book` is the person's. It names nobody in full: rows are not sealed."""
    put(tx, book, SAID, {"person": str(person), "text": text, "about": str(about) if about else None})
