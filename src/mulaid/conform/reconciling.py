"""The checks of the end of a day: totals, the file row by row, clearing."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from mulaid.client import Client, Info
from mulaid.conform.asking import unzipped, uploaded
from mulaid.conform.kit import Bench, Work, check, expect
from mulaid.money import parse_yuan, yuan

EQUAL = {"short": "0", "long": "000000"}
NOBODYS = "S" + "0" * 26
FEN = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Row:
    """A settlement or refund of the day; a refund's amounts are negative. The funds are without accounts."""

    setl_id: str
    mdtrt_id: str
    psn_no: str
    total: Decimal
    funds: Decimal
    accounts: Decimal
    refund: bool = False


def row_of(bench: Bench, paid: Info) -> Row:
    """A settlement as its answer tells it."""
    funds, accounts = Decimal(paid["fund_pay_sumamt"]), Decimal(paid["acct_pay"])
    if bench.subject.profile.fund_includes_accounts:
        funds -= accounts
    return Row(paid["setl_id"], paid["mdtrt_id"], paid["psn_no"], Decimal(paid["medfee_sumamt"]), funds, accounts)


def back_of(row: Row, refund: Info) -> Row:
    """The refund of a settlement, whichever signs its answer had."""
    return replace(row, setl_id=refund["setl_id"], total=-row.total, funds=-row.funds, accounts=-row.accounts, refund=True)


def _day(client: Client) -> dict[str, Any]:
    today = client.clock().date()
    return {"stmt_begndate": today, "stmt_enddate": today}


def _as_sent(bench: Bench, row: Row) -> Decimal:
    """The funds as this connection counts them."""
    return row.funds + (row.accounts if bench.subject.profile.fund_includes_accounts else 0)


def _money(value: Decimal | int) -> str:
    return yuan(int(Decimal(value) * 100))


def sums(bench: Bench, client: Client, rows: Sequence[Row]) -> dict[str, Any]:
    """The input of a 3201 that says these."""
    return {
        **_day(client),
        "medfee_sumamt": _money(sum(row.total for row in rows)),
        "fund_pay_sumamt": _money(sum(_as_sent(bench, row) for row in rows)),
        "acct_pay": _money(sum(row.accounts for row in rows)),
        "fixmedins_setl_cnt": sum(-1 if row.refund else 1 for row in rows),
    }


def compared(bench: Bench, client: Client, rows: Sequence[Row]) -> list[list[str]]:
    """The rows of the file that 3202 answers a file of these with."""
    text = "".join(
        "\t".join(
            (
                row.setl_id,
                row.mdtrt_id,
                row.psn_no,
                _money(row.total),
                _money(_as_sent(bench, row)),
                _money(row.accounts),
                "1" if row.refund else "0",
            )
        )
        + "\n"
        for row in rows
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("detail.txt", text)
    number = uploaded(bench, client, packed.getvalue())
    asked = {**sums(bench, client, rows), "file_qury_no": number}
    made = bench.does(client, "3202", {"data": asked})["fileinfo"]
    found = unzipped(client.fetch(made["file_qury_no"]))
    for line in found:
        expect(len(line) >= 10, "3202: ten columns", line)
    return found


def known(bench: Bench, client: Client) -> list[Row]:
    """What the server has of today: a file with one row that is nobody's is answered with all of it."""
    nobody = Row(NOBODYS, "V" + "0" * 26, "P" + "0" * 26, FEN, Decimal(0), Decimal(0))
    rows = []
    for psn_no, mdtrt_id, setl_id, _, _, refund, _, *amounts in compared(bench, client, [nobody]):
        if setl_id != NOBODYS:
            total, funds, accounts = (Decimal(parse_yuan(cell, signed=True)) / 100 for cell in amounts[:3])
            rows.append(Row(setl_id, mdtrt_id, psn_no, total, funds, accounts, refund.lstrip("0") == "1"))
    return rows


def totals_agree(bench: Bench, client: Client, rows: Sequence[Row]) -> None:
    """3201 over these is equal; `setl_optins` is told."""
    told = bench.asks(client, "3201", {"data": sums(bench, client, rows)})["stmtinfo"]
    equal = EQUAL[bench.subject.profile.stmt_codes]
    expect(told["stmt_rslt"] == equal, f"3201: stmt_rslt {equal}", told)


def _totals_differ(bench: Bench, client: Client, rows: Sequence[Row], **more: Any) -> None:
    told = bench.asks(client, "3201", {"data": {**sums(bench, client, rows), **more}})["stmtinfo"]
    expect(told["stmt_rslt"] != EQUAL[bench.subject.profile.stmt_codes], "3201: a difference", told)
    words = str(told["stmt_rslt_dscr"] or "")
    expect(any("\u4e00" <= sign <= "\u9fff" for sign in words), "3201: stmt_rslt_dscr says in Chinese what differs", words)


def _two(bench: Bench) -> tuple[list[Row], Row, Row]:
    """What was there before, a settlement, and another one that is refunded at once with its refund."""
    client = bench.hospital
    before = known(bench, client)
    kept = row_of(bench, bench.settles(bench.bill()).paid)
    given = bench.settles(bench.bill()).paid
    gone = row_of(bench, given)
    back = back_of(gone, client.refund(given).paid)
    return [*before, gone, back], kept, back


@check("3201.totals", "3201 agrees with sums that are right, and tells of a fen, a settlement too many and one too few")
def _(bench: Bench) -> None:
    client = bench.hospital
    others, kept, _ = _two(bench)
    rows = [*others, kept]
    totals_agree(bench, client, rows)
    right = sums(bench, client, rows)
    for name in ("medfee_sumamt", "fund_pay_sumamt", "acct_pay"):
        _totals_differ(bench, client, rows, **{name: _money(Decimal(right[name]) + FEN)})
    _totals_differ(bench, client, others)
    _totals_differ(bench, client, [*rows, kept])
    today = right["stmt_begndate"]
    bench.refused(client, "3201", {"data": {**right, "stmt_begndate": today, "stmt_enddate": today.replace(year=today.year - 1)}})


CHANGES: dict[str, tuple[str, Callable[[Row, Row], list[Row]]]] = {
    "all_there": ("agrees with every row that is right", lambda kept, back: [kept, back]),
    "one_fen": ("tells which row is one fen off", lambda kept, back: [replace(kept, total=kept.total + FEN), back]),
    "accounts": ("tells which row's accounts differ", lambda kept, back: [replace(kept, accounts=kept.accounts + FEN), back]),
    "missing_there": ("tells of a settlement that the institution does not have", lambda kept, back: [back]),
    "missing_here": ("tells of a row that was never settled", lambda kept, back: [kept, back, replace(kept, setl_id=NOBODYS)]),
    "refunded_here": ("tells of a refund that the institution does not have", lambda kept, back: [kept]),
    "refunded_there": (
        "tells of a refund that never happened",
        lambda kept, back: [replace(kept, total=-kept.total, funds=-kept.funds, accounts=-kept.accounts, refund=True), back],
    ),
}


def _details(name: str) -> Work:
    change = CHANGES[name][1]

    def work(bench: Bench) -> None:
        others, kept, back = _two(bench)
        rows = [*others[:-1], *change(kept, back)]
        found = compared(bench, bench.hospital, rows)
        equal = EQUAL[bench.subject.profile.stmt_codes]
        odd = {line[2]: line for line in found if line[4] != equal}
        touched = {
            "all_there": set(),
            "missing_here": {NOBODYS},
            # Told at the refund, or at the settlement that it returns.
            "refunded_here": {back.setl_id, others[-2].setl_id} & set(odd),
        }.get(name, {kept.setl_id})
        expect(set(odd) == touched and (name == "all_there") == (not odd), f"3202: differences at {sorted(touched)}", odd)
        for line in odd.values():
            expect(any("\u4e00" <= sign <= "\u9fff" for sign in line[6]), "3202: the memo says in Chinese what differs", line[6])

    return work


for _name in CHANGES:
    check(f"3202.{_name}", f"3202 {CHANGES[_name][0]}")(_details(_name))


@check("3202.refuses", "3202 refuses a file that is not there, one that is no table, and another's")
def _(bench: Bench) -> None:
    client = bench.hospital
    asked = sums(bench, client, [])
    bench.refused(client, "3202", {"data": {**asked, "file_qury_no": "F" + "0" * 26}})
    for content in (b"1\t2\n", b"1\t2\t3\tmuch\t0\t0\t0\n"):
        bench.refused(client, "3202", {"data": {**asked, "file_qury_no": uploaded(bench, client, content, "kit.txt")}})
    number = uploaded(bench, client, b"1\t2\t3\t0\t0\t0\t0\n", "kit.txt")
    bench.refused(bench.client("other"), "3202", {"data": {**asked, "file_qury_no": number}})


@check("3203.cleared", "clearing is applied for with sums that agree, once, and withdrawn")
def _(bench: Bench) -> None:
    client = bench.pharmacy
    rows = known(bench, client)
    rows.append(row_of(bench, bench.buys().paid))
    today = client.clock().date()
    right = sums(bench, client, rows)
    given = {
        "clr_type": "41",
        "clr_way": "1",
        "setlym": f"{today:%Y%m}",
        "psntime": right["fixmedins_setl_cnt"],
        "medfee_sumamt": right["medfee_sumamt"],
        "fund_appy_sum": _money(sum(row.funds for row in rows)),
        "acct_pay": right["acct_pay"],
        "cash_payamt": _money(sum(row.total - row.funds - row.accounts for row in rows)),
        "begndate": today,
        "enddate": today,
    }
    for name in ("medfee_sumamt", "fund_appy_sum", "acct_pay", "cash_payamt"):
        bench.refused(client, "3203", {"data": {**given, name: _money(Decimal(given[name]) + FEN)}})
    number = bench.does(client, "3203", {"data": given})["result"]["clr_appy_evt_id"]
    gone = {"data": {"clr_appy_evt_id": number}}
    bench.afterwards(lambda: client.call("3204", gone))
    bench.refused(client, "3203", {"data": given})
    bench.refused(bench.hospital, "3204", gone)
    bench.does(client, "3204", gone)
    bench.refused(client, "3204", gone)
