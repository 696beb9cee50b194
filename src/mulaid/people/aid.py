"""Mutual aid: a giver authorises a near relative to spend the giver's account, after the relative's own.

The law says for each bill whether an authorisation may be used (mulaid.policy.rules.barred); here it is made and ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from mulaid import audit, refs
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.money import Fen
from mulaid.people.enrolment import SQL, PersonRef, enrolled
from mulaid.policy.pack import Library
from mulaid.refusal import Refusal

USES = ("outpatient", "pharmacy", "inpatient")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a giver allows: amounts in fen, None for no limit of the giver's own; `rank` is the receiver's order among givers."""

    quota: Fen | None = None
    settlement_cap: Fen | None = None
    valid_to: date | None = None
    rank: int | None = None
    uses: Sequence[str] = USES


def authorise(
    tx: Tx,
    library: Library,
    giver: PersonRef,
    receiver: PersonRef,
    relation: str,
    terms: Terms,
    *,
    bound_at: datetime | None = None,
    filed_at: datetime | None = None,
) -> UUID:
    """The receiver may spend the giver's account; `relation` is what the receiver is to the giver.

    Refuses oneself, a giver outside the employee scheme or not in normal status on the day of binding, an excluded staff group,
    a relation outside the giver's region's list of that day, and a second authorisation of the same pair.
    """
    bound = bound_at or tx.at
    on = business_date(bound)
    if giver == receiver:
        raise Refusal("aid.oneself")
    enrolment = enrolled(tx, giver, on)
    enrolled(tx, receiver, on)
    pack = library.in_force(enrolment.region, on)
    if enrolment.base == "resident":
        raise Refusal("aid.giver_has_no_account")
    if enrolment.status != "normal":
        raise Refusal("aid.giver_suspended")
    if relation not in pack["mutual_aid_relations"] or enrolment.staff_group in pack["authoriser_excluded_groups"]:
        raise Refusal("aid.relation_not_eligible", region=pack.name, on=on.isoformat())
    aid = refs.mint(receiver.book, tx.at)
    made = tx.run(
        SQL.add_aid,
        book=receiver.book,
        id=aid,
        receiver=receiver.id,
        giver_book=giver.book,
        giver=giver.id,
        relation=relation,
        filed_at=filed_at or bound,
        bound_at=bound,
        valid_to=terms.valid_to,
        quota=terms.quota,
        settlement_cap=terms.settlement_cap,
        rank=terms.rank,
        uses=list(terms.uses),
    )
    if not made:
        raise Refusal("aid.authorised_already")
    tx.run(SQL.add_aid_given, book=giver.book, giver=giver.id, receiver_book=receiver.book, receiver=receiver.id, aid=aid)
    audit.write(tx, receiver.book, "authorise_aid", receiver.id, behalf_of=giver.id, detail={"aid": str(aid)})
    return aid


def end(tx: Tx, aid: UUID, *, by_system: bool = False) -> None:
    """The authorisation is over from this moment; refuses one that is not there or has ended."""
    book = refs.book_of(aid)
    if not tx.run(SQL.end_aid, book=book, id=aid, at=tx.at, status="ended_by_system" if by_system else "released"):
        raise Refusal("aid.not_active")
    audit.write(tx, book, "end_aid", aid)
