"""The people of a visitor's pages: the visitor, and the relatives whose code the visitor may show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from django.http import Http404

from mulaid import refs
from mulaid.calendar import business_date
from mulaid.db import Statements, Tx
from mulaid.people import family as bonds
from mulaid.people.enrolment import PersonRef
from mulaid.people.family import Bond
from mulaid.people.identity import age_on
from mulaid.policy.explain import RELATIONS
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
    bond: Bond | None
    shown: str
    called: str
    relation: str
    born: date
    age: int
    region: str
    base: str
    status: str

    @property
    def is_me(self) -> bool:
        """Whether it is the visitor."""
        return self.key == ME

    @property
    def readable(self) -> bool:
        """Whether the visitor may see what this person's care cost."""
        return self.bond is None or (self.bond.may_read and not self.bond.halted)

    @property
    def whose(self) -> str:
        """`我的` or `爸爸的`."""
        return f"{self.called}的"


def oneself(tx: Tx, visitor: Visitor) -> Relative:
    """The visitor."""
    return _relative(tx, visitor.ref, None)


def relatives(tx: Tx, visitor: Visitor) -> list[Relative]:
    """Whose codes the visitor may show."""
    found = [_relative(tx, bond.member, bond) for bond in bonds.members(tx, visitor.ref)]
    # Two sons are both called son: their masked names then stand beside.
    names = Counter(relative.called for relative in found)
    return [replace(one, called=f"{one.called} {one.shown}") if names[one.called] > 1 else one for one in found]


def family(tx: Tx, visitor: Visitor) -> list[Relative]:
    """The visitor first, then the relatives."""
    return [oneself(tx, visitor), *relatives(tx, visitor)]


def one(tx: Tx, visitor: Visitor, key: str) -> Relative:
    """The person a page is about; not found unless it is the visitor or one of the visitor's living bonds."""
    if key == ME:
        return oneself(tx, visitor)
    bond = bond_of(key)
    for relative in relatives(tx, visitor):
        if relative.bond is not None and relative.bond.id == bond:
            return relative
    raise Http404


def bond_of(key: str) -> UUID:
    """The relation a key names; not found for what can be none."""
    try:
        return refs.parse(refs.RELATION, key)
    except Refusal:
        raise Http404 from None


def kin(tx: Tx, words: str, ref: PersonRef) -> str:
    """What I call somebody whose relation to me is known in official words: 爸爸 for 父母. Under a mask brother and sister
    have one name."""
    row = tx.one(SQL.person, book=ref.book, person=ref.id, on=business_date(tx.at))
    word = next((word for word, official in RELATIONS.items() if official == words), "")
    return called(word, row["gender"]) if row and word else words


def _relative(tx: Tx, ref: PersonRef, bond: Bond | None) -> Relative:
    today = business_date(tx.at)
    row = tx.one(SQL.person, book=ref.book, person=ref.id, on=today)
    assert row is not None, "who is signed in or bound is there"
    relation = bond.relation if bond else ""
    return Relative(
        key=refs.show(refs.RELATION, bond.id) if bond else ME,
        ref=ref,
        bond=bond,
        shown=row["shown"],
        called=(bond.label or called(relation, row["gender"])) if bond else "我",
        relation=relation,
        born=row["born"],
        age=age_on(row["born"], today),
        region=row["region"] or "",
        base=row["base"] or "",
        status=row["status"] or "",
    )
