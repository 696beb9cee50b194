"""Orders of the mobile centre: a bill that waits for its payment. Paid or refunded is what the settlements of its visit say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mulaid import refs
from mulaid.crypto import digest, same
from mulaid.db import Row, Tx
from mulaid.money import Fen
from mulaid.people.enrolment import PersonRef
from mulaid.refusal import Refusal
from mulaid.settlement import visit
from mulaid.settlement.records import SQL
from mulaid.settlement.visit import Institution

ORDER = "O"
OPEN, SETTLED, REVOKED, REFUNDED, EXPIRED = 1, 6, 7, 8, 13
STATES = {OPEN: "待支付", SETTLED: "结算", REVOKED: "撤销", REFUNDED: "退费", EXPIRED: "过期"}
LIVES = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands; amounts are those of its settlement, nothing before it."""

    id: UUID
    person: PersonRef
    number: str
    visit: UUID
    batch: str
    pay_token: bytes
    total: Fen
    accounts: bool
    state: int
    settlement: UUID | None
    funds: Fen
    from_accounts: Fen
    cash: Fen

    @property
    def shown(self) -> str:
        """`payOrdId`."""
        return refs.show(ORDER, self.id)

    def must_be(self, state: int) -> None:
        """Refuses an order in another state."""
        if self.state != state:
            raise Refusal("mobile.order_over", state=STATES[self.state])


def place(
    tx: Tx,
    institution: Institution,
    person: PersonRef,
    number: str,
    place: UUID,
    batch: str,
    token: str,
    total: Fen,
    *,
    accounts: bool,
) -> UUID:
    """An order for a visit's lines. Refuses a number that the institution has used for this person before."""
    ref = refs.mint(person.book, tx.at)
    made = tx.run(
        SQL.add_order,
        book=person.book,
        id=ref,
        institution=institution.code,
        person=person.id,
        number=number,
        visit=place,
        batch=batch,
        pay_token=digest(token.encode()),
        total=total,
        accounts=accounts,
        at=tx.at,
        until=tx.at + LIVES,
    )
    if not made:
        raise Refusal("mobile.order_exists", number=number)
    return ref


def find(tx: Tx, institution: Institution, ref: UUID) -> Order:
    """An order of this institution."""
    return _read(tx, institution, tx.one(SQL.order, book=refs.book_of(ref), id=ref, institution="", number=""))


def find_by_number(tx: Tx, institution: Institution, person: PersonRef, number: str) -> Order:
    """An order by the institution's own number for a person."""
    nobody = UUID(int=0)
    row = tx.one(SQL.order, book=person.book, id=nobody, institution=institution.code, number=number)
    return _read(tx, institution, row)


def _read(tx: Tx, institution: Institution, row: Row | None) -> Order:
    if row is None or row["institution"] != institution.code:
        raise Refusal("mobile.unknown_order")
    funds = (row["pool"] or 0) + (row["supplement"] or 0) + (row["serious"] or 0)
    settled, cash = row["settled"] or 0, row["cash"] or 0
    return Order(
        id=row["id"],
        person=PersonRef(row["book"], row["person"]),
        number=row["number"],
        visit=row["visit"],
        batch=row["batch"],
        pay_token=bytes(row["pay_token"]),
        total=row["total"],
        accounts=row["accounts"],
        state=_state(row, tx.at),
        settlement=row["settlement"],
        funds=funds,
        from_accounts=settled - funds - cash,
        cash=cash,
    )


def _state(row: Row, at: datetime) -> int:
    if row["settlement"] is not None:
        return REFUNDED if row["refunded_by"] is not None else SETTLED
    if row["revoked_at"] is not None:
        return REVOKED
    return EXPIRED if row["expires_at"] <= at else OPEN


def check_token(order: Order, token: str) -> None:
    """Refuses a token that is not the order's."""
    if not same(digest(token.encode()), order.pay_token):
        raise Refusal("mobile.wrong_token")


def revoke(tx: Tx, institution: Institution, order: Order) -> None:
    """The order will not be paid: its lines and its visit are withdrawn. Refuses one that is paid."""
    if order.state in (SETTLED, REFUNDED, REVOKED):
        order.must_be(OPEN)
    visit.remove_lines(tx, order.visit, institution.code, order.person.id, visit.EVERY_BATCH)
    visit.cancel_visit(tx, order.visit, institution.code, order.person.id)
    tx.run(SQL.revoke_order, book=order.person.book, id=order.id, at=tx.at)
