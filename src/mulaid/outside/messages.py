"""Messages to people. The sandbox keeps them in the database, labelled as a demonstration, and sends nothing."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from mulaid import refs
from mulaid.db import Tx
from mulaid.people.enrolment import SQL, PersonRef


class Messages(Protocol):
    """Where news to people goes. Called inside the transaction that removes the news told, so it must not talk to the network."""

    def tell(self, tx: Tx, person: PersonRef, text: str, about: UUID | None) -> None:
        """Tell one person something about one settlement."""


class SandboxMessages:
    """Keeps each message in the database with the label 演示; nobody's phone rings."""

    def tell(self, tx: Tx, person: PersonRef, text: str, about: UUID | None) -> None:
        """Keep the message."""
        ref = refs.mint(person.book, tx.at)
        tx.run(
            SQL.say, book=person.book, id=ref, person=person.id, about=about, text=f"【演示】{text}", channel="sandbox", at=tx.at
        )
