"""The people of a visitor's pages: the visitor, and the relatives whose code the visitor may show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from django.http import Http404

from mulaid import refs
from mulaid.calendar import business_date
from mulaid.db import Row, Statements, Tx
from mulaid.people.enrolment import PersonRef
from mulaid.people.identity import age_on
from mulaid.refusal import Refusal
from mulaid.web.visitor import Visitor
from mulaid.web.words import called

SQL = Statements("mulaid.web.citizen", "citizen.sql")
ME = "me"


@dataclass(frozen=True, slots=True)
class Relative:
    """One of the family, or oneself. `key` is how pages name the person: it says nothing to anybody else."""

    key: str
    ref: PersonRef
    bond: UUID | None
    shown: str
    called: str
    relation: str
    born: date
    age: int
    since: datetime | None
    region: str
    base: str
    status: str

    @property
    def is_me(self) -> bool:
        """Whether it is the visitor."""
        return self.key == ME

    @property
    def whose(self) -> str:
        """`我的` or `爸爸的`."""
        return f"{self.called}的"


def oneself(tx: Tx, visitor: Visitor) -> Relative:
    """The visitor."""
    row = tx.one(SQL.oneself, book=visitor.ref.book, person=visitor.ref.id, on=business_date(tx.at))
    assert row is not None, "who is signed in is there"
    return _relative(tx, row, ME, "我", None)


def relatives(tx: Tx, visitor: Visitor) -> list[Relative]:
    """Whose codes the visitor may show."""
    rows = tx.all(SQL.relatives, person=visitor.ref.id, on=business_date(tx.at))
    found = []
    for row in rows:
        name = called(row["relation"], row["gender"])
        found.append(_relative(tx, row, refs.show(refs.RELATION, row["bond"]), name, row["bond"]))
    return _told_apart(found)


def family(tx: Tx, visitor: Visitor) -> list[Relative]:
    """The visitor first, then the relatives."""
    return [oneself(tx, visitor), *relatives(tx, visitor)]


def one(tx: Tx, visitor: Visitor, key: str) -> Relative:
    """The person a page is about; not found unless it is the visitor or one of the visitor's living bonds."""
    if key == ME:
        return oneself(tx, visitor)
    try:
        bond = refs.parse(refs.RELATION, key)
    except Refusal:
        raise Http404 from None
    for relative in relatives(tx, visitor):
        if relative.bond == bond:
            return relative
    raise Http404


def _relative(tx: Tx, row: Row, key: str, name: str, bond: UUID | None) -> Relative:
    return Relative(
        key=key,
        ref=PersonRef(row["book"], row["id"]),
        bond=bond,
        shown=row["shown"],
        called=name,
        relation=row.get("relation", ""),
        born=row["born"],
        age=age_on(row["born"], business_date(tx.at)),
        since=row.get("bound_at"),
        region=row["region"] or "",
        base=row["base"] or "",
        status=row["status"] or "",
    )


def _told_apart(found: list[Relative]) -> list[Relative]:
    """Two sons are both called son: their masked names then stand beside."""
    names = [relative.called for relative in found]
    return [
        replace(relative, called=f"{relative.called} {relative.shown}") if names.count(relative.called) > 1 else relative
        for relative in found
    ]
