"""The sandbox's world: people from a file, a clock to move, codes to show, and what has happened so far.

It only ever touches a database that it marked as its own, because `reset` empties it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import psycopg.sql

from mulaid import commands, refs
from mulaid.calendar import stamp, wall_clock
from mulaid.db import Actor, Database, Statements, Tx
from mulaid.demo import city
from mulaid.gateway.app import Gateway, build
from mulaid.ledger import chart, journal, statement
from mulaid.money import yuan
from mulaid.people import aid, credential, enrolment
from mulaid.people.enrolment import PersonRef
from mulaid.policy.pack import library
from mulaid.proof.verify import faults
from mulaid.refusal import Refusal
from mulaid.serve import Installation, ServeTrouble

SQL = Statements("mulaid.sandbox", "sandbox.sql")
BY = Actor("sandbox", "sandbox")
ID_CARD = "01"
REMEMBERED = 200
LONGEST_SHIFT = timedelta(days=3660)


class NotOurs(ServeTrouble):
    """The database holds something that is not a sandbox's, so it is left alone. For the operator, in English."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One message that came in and what became of it."""

    at: str
    infno: str
    msgid: str
    institution: str
    status: str
    infcode: str
    said: str
    fault: str


class World:
    """One sandbox over one database. Safe to use from several threads; `reset` waits for nobody."""

    def __init__(self, installed: Installation, people: str | None = None) -> None:
        """`people` is the text of a file in the format of the demo city's; without it the demo city itself lives here."""
        self.url, self.keys = installed.url, installed.keys
        self.city = _read(people) if people is not None else city.read()
        self.shift = timedelta()
        self.heard: deque[Heard] = deque(maxlen=REMEMBERED)
        self._off = threading.local()
        self._claim()
        self.db = Database(installed.url, installed.keys, size=4)
        self.gateway: Gateway = build(
            installed.url_for("mulaid_gateway"), installed.keys, clock=self.now, allow_test_area=True, size=16
        )

    def close(self) -> None:
        """Give all connections back."""
        self.gateway.db.close()
        self.db.close()

    def _claim(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            ours = connection.execute(SQL.is_ours).fetchone()
            if ours != (True,):
                if connection.execute(SQL.anybody).fetchone() == (True,):
                    raise NotOurs("this database has people in it that no sandbox put there; give the sandbox one of its own")
                connection.execute(SQL.mark)

    # The clock

    def now(self) -> datetime:
        """The sandbox's time: the machine's, moved; for a message with a clock fault also that much off."""
        return wall_clock() + self.shift + getattr(self._off, "by", timedelta())

    def move_clock(self, to: datetime | None) -> None:
        """Go on from this moment; None goes back to the machine's time. Refuses more than ten years away."""
        shift = to - wall_clock() if to else timedelta()
        if abs(shift) > LONGEST_SHIFT:
            raise Refusal("sandbox.bad_clock")
        self.shift = shift

    def clock_off(self, hours: int) -> None:
        """For the message that this thread carries out; 0 ends it."""
        self._off.by = timedelta(hours=hours)

    # Making and changing the world

    def reset(self, people: str | None = None) -> None:
        """Empty the database and load the people, those of the last file when none is given."""
        if people is not None:
            self.city = _read(people)
        self._claim()
        with psycopg.connect(self.url, autocommit=True) as connection:
            tables = [row[0] for row in connection.execute(SQL.tables).fetchall()]
            names = psycopg.sql.SQL(", ").join(psycopg.sql.Identifier("mulaid", name) for name in tables)
            connection.execute(psycopg.sql.SQL("truncate {}").format(names))
        for door in (self.db, self.gateway.db):
            door.kept.clear()
        self.gateway.register.forget()
        self.heard.clear()
        commands.alone(self.db, lambda tx: city.populate(tx, self.city, library()), at=self.now(), by=BY)

    def code(self, number: str, shown_by: str = "") -> tuple[str, str]:
        """A fresh code of a person, shown by that person or a bound relative, and the moment until which it can be used."""

        def work(tx: Tx) -> credential.Code:
            member = self._find(tx, number)
            presenter = self._find(tx, shown_by) if shown_by else member
            return credential.issue(tx, library(), member, presenter, sandbox=True)

        code: credential.Code = self._do(work)
        return code.digits, stamp(code.expires_at)

    def empty_account(self, number: str) -> None:
        """The person's own account is spent to the last fen."""

        def work(tx: Tx) -> None:
            ref = self._find(tx, number)
            held = statement.balances(tx, ref.book, ref.id).get(chart.OWN, 0)
            if held:
                legs = [
                    journal.Leg(chart.purse(ref.id, chart.OWN), -held, "demo"),
                    journal.Leg(chart.crediting(enrolment.enrolled(tx, ref, tx.at.date()).region), held, "demo"),
                ]
                journal.post(tx, ref.book, "demo", legs)

        self._do(work)

    def end_relation(self, giver: str, receiver: str) -> None:
        """The authorisation by which one helps the other is over."""

        def work(tx: Tx) -> None:
            gives, receives = self._find(tx, giver), self._find(tx, receiver)
            row = tx.one(SQL.aid_between, book=receives.book, receiver=receives.id, giver=gives.id)
            if row is None:
                raise Refusal("aid.not_active")
            aid.end(tx, row["id"])

        self._do(work)

    def _find(self, tx: Tx, number: str) -> PersonRef:
        return enrolment.find(tx, ID_CARD, number, True)

    def _do(self, work: Callable[[Tx], Any]) -> Any:
        return commands.alone(self.db, work, at=self.now(), by=BY)

    # Looking

    def state(self) -> dict[str, Any]:
        """Everything a maker of programs wants to see, as JSON types; amounts are texts in yuan."""
        with self.db.reading(self.now(), BY) as tx:
            people = [self._person(tx, person) for person in self.city.people.values()]
            relations = [self._relation(row) for row in tx.all(SQL.relations)]
            wrong = list(faults(tx))
        return {
            "now": stamp(self.now()),
            "people": people,
            "relations": relations,
            "books": wrong,
            "messages": [{name: getattr(heard, name) for name in Heard.__slots__} for heard in reversed(list(self.heard))],
        }

    def _person(self, tx: Tx, person: city.Resident) -> dict[str, Any]:
        ref = enrolment.find(tx, ID_CARD, person.number, True)
        held = statement.balances(tx, ref.book, ref.id)
        row = tx.one(SQL.enrolled, book=ref.book, person=ref.id, on=self.now().date())
        return {
            "name": person.name,
            "number": person.number,
            "psn_no": ref.number,
            "region": row["region"] if row else "",
            "status": row["status"] if row else "not enrolled",
            "accounts": {chart.PURSE_NAMES[kind]: yuan(fen) for kind, fen in held.items()},
        }

    def _relation(self, row: dict[str, Any]) -> dict[str, Any]:
        return {
            "aid": str(row["id"]),
            "giver": self._name(row["giver"]),
            "receiver": self._name(row["receiver"]),
            "status": row["status"],
            "used": yuan(row["used"]),
        }

    def _name(self, person: UUID) -> str:
        with self.db.reading(self.now(), BY) as tx:
            return enrolment.person(tx, PersonRef(refs.book_of(person), person)).name


def _read(people: str) -> city.City:
    try:
        return city.read(people)
    except KeyError as error:
        raise Refusal("sandbox.bad_people", about=f"缺少 {error.args[0]}") from None
    except Refusal as refusal:
        raise Refusal("sandbox.bad_people", about=refusal.says.rstrip("。")) from None
    except (ValueError, TypeError, AttributeError) as error:
        raise Refusal("sandbox.bad_people", about=str(error)) from None
