"""Family accounts: a binder may show a member's code. It moves no money, and ends at once when either side says so.

Routes, evidence, consent and limits of binding belong to the binding itself; this is the relation that codes rest on.
"""

from __future__ import annotations

from uuid import UUID

from mulaid import audit, refs
from mulaid.db import Tx
from mulaid.people.enrolment import SQL, PersonRef
from mulaid.refusal import Refusal


def bind(tx: Tx, member: PersonRef, binder: PersonRef, relation: str) -> UUID:
    """The binder may show the member's code from now on; `relation`: what the member is to the binder. Refuses a second bond."""
    if member == binder:
        raise Refusal("family.oneself")
    bond = refs.mint(member.book, tx.at)
    if not tx.run(SQL.add_bond, book=member.book, id=bond, member=member.id, binder=binder.id, relation=relation, at=tx.at):
        raise Refusal("family.bound_already")
    audit.write(tx, member.book, "bind_family", member.id, behalf_of=binder.id)
    return bond


def unbind(tx: Tx, member: PersonRef, bond: UUID) -> None:
    """The bond is over: codes and tokens made by it no longer pay. Refuses a bond that is not there or has ended."""
    if not tx.run(SQL.end_bond, book=member.book, id=bond, at=tx.at):
        raise Refusal("family.not_bound")
    audit.write(tx, member.book, "unbind_family", member.id)
