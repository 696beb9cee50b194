"""The audit trail: who did what for whom, why, where. Written in the transaction it tells of; no feature reads it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg.types.json import Json

from mulaid import refs
from mulaid.db import Tx


def write(
    tx: Tx, book: int, act: str, subject: UUID | None, *, behalf_of: UUID | None = None, purpose: str = "", detail: Any = None
) -> None:
    """One act, by the transaction's actor at its moment and place."""
    tx.run(
        "insert into audit (book, id, at, actor, act, subject, behalf_of, purpose, place, detail) values"
        " (%(book)s, %(id)s, %(at)s, %(actor)s, %(act)s, %(subject)s, %(behalf_of)s, %(purpose)s, %(place)s, %(detail)s)",
        book=book,
        id=refs.mint(book, tx.at),
        at=tx.at,
        actor=f"{tx.by.channel}:{tx.by.name}",
        act=act,
        subject=subject,
        behalf_of=behalf_of,
        purpose=purpose,
        place=tx.by.place,
        detail=None if detail is None else Json(detail),
    )
