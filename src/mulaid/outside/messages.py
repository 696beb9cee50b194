"""Messages to people: kept in the database, where they are read after signing in; a short message says that there is one.

The sandbox labels what it keeps as a demonstration, and nobody's phone rings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from mulaid import outbox, refs
from mulaid.calendar import Clock
from mulaid.db import Tx
from mulaid.outside.sms import SandboxSms, Sms, sms_for
from mulaid.people import phone
from mulaid.people.enrolment import SQL, PersonRef


class Messages(Protocol):
    """Where news to people goes. Called inside the transaction that removes the news told, so it must not talk to the network."""

    def tell(self, tx: Tx, person: PersonRef, text: str, about: UUID | None) -> None:
        """Tell one person something about one settlement, bond, authorisation or case."""


class SandboxMessages:
    """Keeps each message in the database with the label 演示; nobody's phone rings."""

    def tell(self, tx: Tx, person: PersonRef, text: str, about: UUID | None) -> None:
        """Keep the message."""
        _keep(tx, person, f"【演示】{text}", about, "sandbox")


class AppMessages:
    """Keeps each message for its reader, and says by short message that there is one; what it says never leaves by SMS."""

    def tell(self, tx: Tx, person: PersonRef, text: str, about: UUID | None) -> None:
        """Keep the message and queue the short one."""
        _keep(tx, person, text, about, "app")
        phone.send_news(tx, person)


def messages_for(profile: str, given: Mapping[str, str], clock: Clock) -> tuple[Messages, Sms]:
    """Where news goes and who sends short messages, by the settings; a production profile refuses the sandbox."""
    sms = sms_for(profile, given, clock)
    return (SandboxMessages() if isinstance(sms, SandboxSms) else AppMessages()), sms


def say(tx: Tx, person: PersonRef, text: str, about: UUID | None) -> None:
    """Tell a person something once this transaction has committed. The text names nobody in full: outbox rows are not sealed."""
    outbox.tell(tx, person.book, person.id, text, about)


def _keep(tx: Tx, person: PersonRef, text: str, about: UUID | None, channel: str) -> None:
    ref = refs.mint(person.book, tx.at)
    tx.run(SQL.say, book=person.book, id=ref, person=person.id, about=about, text=text, channel=channel, at=tx.at)
