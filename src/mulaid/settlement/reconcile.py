"""Reconciliation: an institution's settlements beside ours, every difference by its cause, and the clearing that rests on it.

Days are those on which a settlement or refund was made; a refund belongs to its own day. The accounts contain mutual aid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from mulaid import refs
from mulaid.db import Row, Tx
from mulaid.money import Fen, parse_yuan, yuan
from mulaid.people.enrolment import PersonRef
from mulaid.refusal import Refusal
from mulaid.settlement import records
from mulaid.settlement.records import SQL, Record, Report
from mulaid.settlement.visit import Institution

CLEARING_TYPES = {"outpatient": "11", "inpatient": "21", "pharmacy": "41"}
SCHEMES = {"resident": "390"}
LONGEST_DAYS = 366
CLEARING = "clearing"

CAUSES: Mapping[str, str] = {
    "equal": "一致",
    "unknown_here": "医保端没有这笔结算",
    "missing_there": "机构端没有这笔结算，可能当时没有收到应答",
    "repeated_row": "机构端同一笔结算写了两行",
    "repeated_message": "同一流水号在医保端有两笔，机构端只有一笔",
    "other_institution": "这笔结算是别的机构办理的",
    "other_person": "人员编号与医保端不同",
    "other_visit": "就诊编号与医保端不同",
    "other_period": "这笔结算在医保端属于别的日期",
    "other_clearing": "这笔结算在医保端属于别的清算类别",
    "refunded_here": "医保端已退费，机构端没有退费行",
    "refunded_there": "机构端已退费，医保端没有退费",
    "aid_added": "机构端把家庭共济又加在个人账户之外",
    "accounts_in_funds": "机构端的基金支付含个人账户",
    "total_differs": "费用总额不同",
    "funds_differ": "基金支付不同",
    "accounts_differ": "个人账户支付不同",
}
"""Every cause a difference can have, and how it is told."""

HERE_ONLY = frozenset(("missing_there", "refunded_here", "repeated_message"))
THERE_ONLY = frozenset(("unknown_here", "repeated_row", "other_institution", "other_period", "other_clearing", "refunded_there"))


@dataclass(frozen=True, slots=True)
class Ours:
    """A settlement or refund as our books have it; a refund's amounts are negative."""

    id: UUID
    original: UUID | None
    refund: UUID | None
    institution: str
    person: PersonRef
    visit: UUID
    insutype: str
    clr_type: str
    on: date
    msgid: str
    total: Fen
    funds: Fen
    accounts: Fen
    aid: Fen
    cash: Fen


@dataclass(frozen=True, slots=True)
class Theirs:
    """A row of the institution's file; `line` is its place there. The sign of a refund's amounts is read off its flag."""

    line: int
    setl_id: str
    mdtrt_id: str
    psn_no: str
    total: Fen
    funds: Fen
    accounts: Fen
    refund: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """One row of the result: what they say, what we have, and why it is not the same. `equal` is a cause too."""

    cause: str
    ours: Ours | None
    theirs: Theirs | None

    @property
    def says(self) -> str:
        """The cause in words, with the amounts where amounts differ."""
        told = CAUSES[self.cause]
        if self.ours and self.theirs and self.cause in ("total_differs", "funds_differ", "accounts_differ"):
            name = {"total_differs": "total", "funds_differ": "funds", "accounts_differ": "accounts"}[self.cause]
            told += f"：机构 {yuan(abs(getattr(self.theirs, name)))}，医保 {yuan(abs(getattr(self.ours, name)))}"
        if self.ours and self.cause in ("missing_there", "other_period"):
            told += f"：{self.ours.on.isoformat()} 流水号 {self.ours.msgid}"
        return told


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of a period; refunds taken off, in the count too."""

    count: int
    total: Fen
    funds: Fen
    accounts: Fen
    aid: Fen
    cash: Fen


def check_period(first: date, last: date) -> None:
    """Refuses a period that ends before it begins or is longer than a year."""
    if last < first or (last - first).days > LONGEST_DAYS:
        raise Refusal("records.bad_period", first=first.isoformat(), last=last.isoformat())


def of_period(tx: Tx, institution: Institution, first: date, last: date, *, insutype: str = "", clr_type: str = "") -> list[Ours]:
    """An institution's settlements and refunds of some days, narrowed by insurance and clearing type where they are given."""
    check_period(first, last)
    rows = tx.all(SQL.settled_between, institution=institution.code, first=first, last=last)
    found = [_ours(row, institution.code) for row in rows]
    return [one for one in found if insutype in ("", one.insutype) and clr_type in ("", one.clr_type)]


def totals(found: Iterable[Ours]) -> Totals:
    """What these come to."""
    rows = list(found)
    return Totals(
        count=sum(-1 if row.original else 1 for row in rows),
        total=sum(row.total for row in rows),
        funds=sum(row.funds for row in rows),
        accounts=sum(row.accounts for row in rows),
        aid=sum(row.aid for row in rows),
        cash=sum(row.cash for row in rows),
    )


def _ours(row: Row, institution: str) -> Ours:
    funds = row["pool"] + row["supplement"] + row["serious"]
    return Ours(
        id=row["id"],
        original=row["refunds"],
        refund=row["refunded_by"],
        institution=institution,
        person=PersonRef(row["book"], row["person"]),
        visit=row["visit"],
        insutype=SCHEMES.get(row["base"], "310"),
        clr_type=CLEARING_TYPES[row["use"]],
        on=row["business_date"],
        msgid=row["msgid"],
        total=row["total"],
        funds=funds,
        accounts=row["total"] - funds - row["cash"],
        aid=row["aid"] + row["household"] + row["wallet"],
        cash=row["cash"],
    )


def read_rows(rows: Sequence[Sequence[str]]) -> list[Theirs]:
    """The rows of an uploaded file: settlement, visit, person, total, funds, accounts, refund flag, and whatever follows.

    Refuses records.bad_row with the line.
    """
    found = []
    for line, row in enumerate(rows, 1):
        if len(row) < 7:
            raise Refusal("records.bad_row", line=line, says=f"只有 {len(row)} 列，应为 7 列")
        try:
            total, funds, accounts = (parse_yuan(cell or "0", signed=True) for cell in row[3:6])
        except Refusal:
            raise Refusal("records.bad_row", line=line, says="金额写法不对") from None
        refund = row[6].strip().lstrip("0") == "1" or total < 0
        found.append(Theirs(line, row[0], row[1], row[2], abs(total), abs(funds), abs(accounts), refund))
    return found


def compare(
    tx: Tx, institution: Institution, theirs: Sequence[Theirs], first: date, last: date, *, clr_type: str = "", tolerate_aid: bool
) -> list[Difference]:
    """Every row of theirs and every settlement of ours in the period, each with its cause; theirs in their order, then ours."""
    found = {one.id: one for one in of_period(tx, institution, first, last)}
    seen: set[UUID] = set()
    result = []
    for row in theirs:
        difference = _judge(tx, institution, row, found, seen, clr_type, tolerate_aid)
        if difference.ours:
            seen.add(difference.ours.id)
        result.append(difference)
    messages = {found[one].msgid for one in seen if one in found}
    for one in found.values():
        if one.id not in seen and clr_type in ("", one.clr_type):
            result.append(Difference(_why_missing(one, seen, messages), one, None))
    return result


def _judge(
    tx: Tx, institution: Institution, row: Theirs, found: Mapping[UUID, Ours], seen: set[UUID], clr_type: str, tolerate_aid: bool
) -> Difference:
    ours = _counterpart(tx, row, found)
    if ours is None:
        return Difference("unknown_here", None, row)
    if ours.institution != institution.code:
        return Difference("other_institution", None, row)
    if row.refund and not ours.original:
        return Difference("refunded_there", None, row)
    if ours.id in seen:
        return Difference("repeated_row", None, row)
    if row.psn_no and row.psn_no != ours.person.number:
        return Difference("other_person", ours, row)
    if row.mdtrt_id and row.mdtrt_id != refs.show(refs.VISIT, ours.visit):
        return Difference("other_visit", ours, row)
    if ours.id not in found:
        return Difference("other_period", ours, row)
    if clr_type not in ("", ours.clr_type):
        return Difference("other_clearing", ours, row)
    return Difference(_amounts(row, ours, tolerate_aid), ours, row)


def _counterpart(tx: Tx, row: Theirs, found: Mapping[UUID, Ours]) -> Ours | None:
    """Our settlement that a row means. A refund row may name the refund or the settlement it returns."""
    try:
        ref = refs.parse(refs.SETTLEMENT, row.setl_id)
    except Refusal:
        return None
    ours = found.get(ref) or _settled(tx, ref)
    if ours and row.refund and not ours.original and ours.refund:
        return found.get(ours.refund) or _settled(tx, ours.refund)
    return ours


def _settled(tx: Tx, ref: UUID) -> Ours | None:
    row = tx.one(SQL.settled, book=refs.book_of(ref), id=ref)
    return _ours(row, row["institution"]) if row else None


def _amounts(row: Theirs, ours: Ours, tolerate_aid: bool) -> str:
    total, funds, accounts, aid = abs(ours.total), abs(ours.funds), abs(ours.accounts), abs(ours.aid)
    if row.total != total:
        return "total_differs"
    if accounts and row.funds == funds + accounts:
        return "accounts_in_funds"
    if row.funds != funds:
        return "funds_differ"
    if row.accounts == accounts:
        return "equal"
    if aid and row.accounts == accounts + aid:
        return "equal" if tolerate_aid else "aid_added"
    return "accounts_differ"


def _why_missing(one: Ours, seen: set[UUID], messages: set[str]) -> str:
    if one.original and one.original in seen:
        return "refunded_here"
    return "repeated_message" if one.msgid in messages else "missing_there"


def differs(ours: Totals, *, count: int, total: Fen, funds: Fen, accounts: Fen, tolerate_aid: bool) -> tuple[str, str]:
    """Whether an institution's sums are ours: (who has more: equal, here, there or amounts; what differs, in words)."""
    told = []
    if count != ours.count:
        told.append(f"笔数：机构 {count}，医保 {ours.count}")
    if total != ours.total:
        told.append(f"费用总额：机构 {yuan(total)}，医保 {yuan(ours.total)}")
    if funds != ours.funds:
        hint = "（恰为基金加个人账户）" if ours.accounts and funds == ours.funds + ours.accounts else ""
        told.append(f"基金支付：机构 {yuan(funds)}，医保 {yuan(ours.funds)}{hint}")
    with_aid = bool(ours.aid) and accounts == ours.accounts + ours.aid
    if accounts != ours.accounts and not (with_aid and tolerate_aid):
        hint = "（恰多出家庭共济，个人账户支付已含共济）" if with_aid else ""
        told.append(f"个人账户支付：机构 {yuan(accounts)}，医保 {yuan(ours.accounts)}{hint}")
    if not told:
        return "equal", ""
    return ("there" if count > ours.count else "here" if count < ours.count else "amounts"), "；".join(told)


def apply_for_clearing(
    tx: Tx,
    institution: Institution,
    clr_type: str,
    first: date,
    last: date,
    asked: Mapping[str, Fen],
    count: int,
    facts: Mapping[str, object],
) -> Record:
    """An application to be paid for a period. Refuses sums that are not ours and a period that touches one applied for.

    `asked` holds total, funds, accounts and cash.
    """
    ours = totals(of_period(tx, institution, first, last, clr_type=clr_type))
    found = {"total": ours.total, "funds": ours.funds, "accounts": ours.accounts, "cash": ours.cash}
    names = {"total": "费用总额", "funds": "基金支付", "accounts": "个人账户支付", "cash": "现金支付"}
    for name, fen in asked.items():
        if fen != found[name]:
            raise Refusal("records.clearing_differs", what=names[name], given=yuan(fen), found=yuan(found[name]))
    if count != ours.count:
        raise Refusal("records.clearing_differs", what="笔数", given=count, found=ours.count)
    for other in applications(tx, institution, clr_type):
        if other.begins_on and other.ends_on and other.begins_on <= last and first <= other.ends_on:
            raise Refusal("records.cleared_already", number=other.number)
    subject = f"{clr_type}:{first.isoformat()}:{last.isoformat()}"
    return records.keep(
        tx,
        institution,
        Report(CLEARING, facts, subject, begins_on=first, ends_on=last, fen=ours.funds, quantity=Decimal(ours.count)),
    )


def applications(tx: Tx, institution: Institution, clr_type: str) -> Iterator[Record]:
    """The living applications of an institution for one clearing type."""
    found, _ = records.page(tx, CLEARING, institution, begins=f"{clr_type}:", most=1000)
    return iter(found)


def without_accounts(row: Theirs) -> Theirs:
    """A row of a connection whose fund total contains the accounts, as ours counts."""
    return replace(row, funds=row.funds - row.accounts)
