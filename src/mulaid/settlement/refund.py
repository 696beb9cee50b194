"""Refunds: a settlement returned whole, every leg to where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

from mulaid import audit, outbox, refs
from mulaid.calendar import business_date
from mulaid.db import Row, Tx
from mulaid.ledger import chart
from mulaid.ledger.journal import SQL as LEDGER
from mulaid.ledger.journal import reverse
from mulaid.money import Fen
from mulaid.policy import split
from mulaid.refusal import Refusal
from mulaid.settlement.pay import OWN_WALLET, kept_pack
from mulaid.settlement.visit import SQL, Institution


def refund_whole(
    tx: Tx,
    settlement: UUID,
    *,
    institution: Institution,
    person: UUID | None,
    visit: UUID | None,
    infno: str,
    msgid: str,
) -> tuple[UUID, Row]:
    """Return a settlement whole: every leg to where it came from, even if an authorisation has ended since.

    Refuses another institution's, another person's or visit's, one that is refunded, and a refund. The refund and the original.
    """
    book = refs.book_of(settlement)
    row = tx.one(SQL.lock_settlement, book=book, id=settlement)
    if row is None:
        raise Refusal("settlement.unknown")
    if row["institution"] != institution.code:
        raise Refusal("settlement.other_institution")
    if (person is not None and row["person"] != person) or (visit is not None and row["visit"] != visit):
        raise Refusal("settlement.other_person")
    if row["refunds"] is not None:
        raise Refusal("settlement.is_refund")
    if row["refunded_by"] is not None:
        raise Refusal("settlement.refunded", refund=refs.show(refs.SETTLEMENT, row["refunded_by"]))
    ref = refs.mint(book, tx.at)
    # The year and the authorisations before the purses: the order in which settlements take the same rows.
    tx.run(SQL.lessen_year, book=book, id=settlement)
    trace = tuple(split.Step(*step) for step in row["steps"])
    _lessen_aids(tx, row, trace)
    frozen = list(_lessen_wallets(tx, row, trace))
    journals = [reverse(tx, journal, "refund", settlement=ref) for journal in _in_lock_order(tx, row)]
    for grant, giver_book, giver, fen in frozen:
        if giver is not None:
            tx.run(SQL.freeze_again, book=giver_book, holder=giver, fen=fen)
        day = business_date(tx.at)
        draw = refs.mint(book, tx.at)
        tx.run(SQL.return_draw, book=book, id=draw, wallet=grant, journal=ref, refund=ref, settlement=settlement, day=day)
    tx.run(
        SQL.add_refund,
        book=book,
        id=ref,
        original=settlement,
        infno=infno,
        msgid=msgid,
        day=business_date(tx.at),
        at=tx.at,
        journals=journals,
        journal_books=[refs.book_of(journal) for journal in journals],
    )
    tx.run(SQL.mark_refunded, book=book, id=settlement, refund=ref)
    audit.write(tx, book, "refund", settlement, behalf_of=row["person"], purpose=infno)
    outbox.put(tx, book, "refunded", {"settlement": str(ref)})
    tx.subject = ref
    return ref, row


def _lessen_aids(tx: Tx, row: Row, trace: Iterable[split.Step]) -> None:
    regions = {giver["aid"]: giver["region"] for giver in row["facts"]["givers"]}
    for step in trace:
        if step.what == "aid":
            pack = kept_pack(tx, row["packs"][regions[step.detail["aid"]]])
            caps, day = pack["refund_restores_caps"], row["business_date"]
            tx.run(SQL.lessen_aid, book=row["book"], id=UUID(step.detail["aid"]), fen=step.fen, caps=caps, day=day)


def _lessen_wallets(tx: Tx, row: Row, trace: Iterable[split.Step]) -> Iterator[tuple[UUID, int, UUID | None, Fen]]:
    """Each quota that paid, with the giver whose account is to be frozen again, or None where the quota has ended since."""
    for step in trace:
        if step.what == "wallet" and step.detail["grant"] != OWN_WALLET:
            grant = UUID(step.detail["grant"])
            held = tx.one(SQL.lessen_wallet, book=row["book"], id=grant, fen=step.fen)
            yield grant, held["giver_book"] if held else 0, held["giver"] if held else None, step.fen


def _in_lock_order(tx: Tx, row: Row) -> list[UUID]:
    """A settlement's journals by (book, first purse): the order in which settlements take the same purses."""
    keyed = []
    for book, journal in zip(row["journal_books"], row["journals"], strict=True):
        found = tx.one(LEDGER.journal, book=book, id=journal)
        purses = [key for account in (found or {"accounts": []})["accounts"] if (key := chart.purse_key(account))]
        keyed.append((book, min(purses, default=(UUID(int=0), 0)), journal))
    return [journal for _, _, journal in sorted(keyed)]
