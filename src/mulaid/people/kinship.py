"""Kinship: what is registered of who is whose relative, and what registers outside are asked (mulaid.outside.registers)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from mulaid.db import Statements, Tx
from mulaid.people.enrolment import PersonRef

SQL = Statements("mulaid.people", "family.sql")
INVERSE = {
    "spouse": "spouse", "parent": "child", "child": "parent", "sibling": "sibling",
    "paternal_grandparent": "grandchild_of_son", "maternal_grandparent": "grandchild_of_daughter",
    "grandchild_of_son": "paternal_grandparent", "grandchild_of_daughter": "maternal_grandparent",
}  # fmt: skip


class Kinship(StrEnum):
    """What a register knows of a declared relation."""

    UNKNOWN = "unknown"
    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True, slots=True)
class KinshipQuestion:
    """What the civil register is asked: is the second the `relation` of the first?"""

    name: str = field(repr=False)
    number: str = field(repr=False)
    relative_name: str = field(repr=False)
    relative_number: str = field(repr=False)
    relation: str


@dataclass(frozen=True, slots=True)
class BirthQuestion:
    """What the birth register is asked."""

    mother_name: str = field(repr=False)
    mother_number: str = field(repr=False)
    certificate: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BirthRecord:
    """A birth as registered. `child_number` is the child's ID number, or empty while the child has none."""

    certificate: str = field(repr=False)
    mother_name: str = field(repr=False)
    mother_number: str = field(repr=False)
    child_name: str = field(repr=False)
    child_number: str = field(repr=False)
    born: date = field(repr=False)
    gender: str
    father_number: str = field(default="", repr=False)


def registered(tx: Tx, person: PersonRef, other: PersonRef, on: date) -> str | None:
    """What `other` is to `person` by the kinship rows of a day, from whichever side it was registered; None when nothing is."""
    row = tx.one(SQL.kinship_between, book=person.book, person=person.id, other=other.id, on=on)
    if row is not None:
        return str(row["relation"])
    row = tx.one(SQL.kinship_between, book=other.book, person=other.id, other=person.id, on=on)
    return INVERSE.get(row["relation"]) if row is not None else None


def of_relation(tx: Tx, person: PersonRef, other: PersonRef, relation: str, on: date) -> Kinship:
    """Whether the rows confirm that `other` is the `relation` of `person`, say something else, or say nothing."""
    known = registered(tx, person, other, on)
    if known is None:
        return Kinship.UNKNOWN
    return Kinship.CONFIRMED if known == relation else Kinship.CONTRADICTED
