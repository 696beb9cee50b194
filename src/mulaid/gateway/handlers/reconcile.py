"""Reconciliation and clearing (32xx), and the files that go with them (9101, 9102)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mulaid import refs
from mulaid.calendar import stamp
from mulaid.db import Tx
from mulaid.gateway.handlers.call import Call, File
from mulaid.money import yuan
from mulaid.refusal import Refusal
from mulaid.settlement import files, reconcile, records
from mulaid.settlement.reconcile import HERE_ONLY, THERE_ONLY, Difference
from mulaid.settlement.records import RECORD

RESULTS: Mapping[str, Mapping[str, str]] = {
    "short": {"equal": "0", "there": "1", "here": "1", "amounts": "1"},
    "long": {"equal": "000000", "here": "000101", "there": "000102", "amounts": "000103"},
}
"""What `stmt_rslt` says, by the connection's code set: equal, more with us, more with the institution, other amounts."""


def compare_totals(call: Call) -> str:
    """3201: sums of a period beside ours. Refunds are taken off, by the day on which they were made."""
    data = call.input["data"]
    tolerate = call.profile.recon_tolerates_aid
    with call.db.reading(call.at, call.by) as tx:
        found = reconcile.of_period(
            tx,
            call.institution,
            data["stmt_begndate"],
            data["stmt_enddate"],
            insutype=data.get("insutype", ""),
            clr_type=data.get("clr_type", ""),
        )
    ours = reconcile.totals(found)
    funds = data["fund_pay_sumamt"] - (ours.accounts if call.profile.fund_includes_accounts else 0)
    verdict, told = reconcile.differs(
        ours,
        count=int(data["fixmedins_setl_cnt"]),
        total=data["medfee_sumamt"],
        funds=funds,
        accounts=data["acct_pay"],
        tolerate_aid=tolerate,
    )
    info = {
        "setl_optins": data.get("setl_optins") or call.institution.region,
        "stmt_rslt": RESULTS[call.profile.stmt_codes][verdict],
        "stmt_rslt_dscr": told,
    }
    return call.answer({"stmtinfo": info})


def compare_details(call: Call) -> str:
    """3202: an uploaded file row by row; the answer is a file with every row's result and what the institution does not have."""
    data = call.input["data"]
    first, last = data["stmt_begndate"], data["stmt_enddate"]

    def work(tx: Tx) -> dict[str, Any]:
        uploaded = files.get(tx, call.institution, data["file_qury_no"])
        rows = reconcile.read_rows(files.unpack(uploaded.content))
        if call.profile.fund_includes_accounts:
            rows = [reconcile.without_accounts(row) for row in rows]
        compared = reconcile.compare(
            tx,
            call.institution,
            rows,
            first,
            last,
            clr_type=data.get("clr_type", ""),
            tolerate_aid=call.profile.recon_tolerates_aid,
        )
        name = f"{call.institution.code}_{first:%Y%m%d}_{last:%Y%m%d}_3202.txt"
        text = files.pack(name, [_result_row(call, one) for one in compared], tx.at)
        return {"fileinfo": _made(files.put(tx, call.institution, f"{name}.zip", text))}

    return call.command(work)


def _result_row(call: Call, one: Difference) -> list[str | None]:
    verdict = "here" if one.cause in HERE_ONLY else "there" if one.cause in THERE_ONLY else "amounts"
    code = RESULTS[call.profile.stmt_codes]["equal" if one.cause == "equal" else verdict]
    memo = f"{one.says}〔{one.cause}〕"
    if one.ours is None:
        theirs = one.theirs
        assert theirs is not None, "a difference has at least one side"
        amounts = [yuan(theirs.total), yuan(theirs.funds), yuan(theirs.accounts)]
        return [theirs.psn_no, theirs.mdtrt_id, theirs.setl_id, None, code, "1" if theirs.refund else "0", memo, *amounts]
    ours = one.ours
    shown = one.theirs.setl_id if one.theirs else refs.show(refs.SETTLEMENT, ours.id)
    return [
        ours.person.number,
        refs.show(refs.VISIT, ours.visit),
        shown,
        ours.msgid,
        code,
        "1" if ours.original else "0",
        memo,
        yuan(ours.total),
        yuan(ours.funds),
        yuan(ours.accounts),
    ]


def _made(filed: files.Filed) -> dict[str, Any]:
    until = stamp(filed.expires_at)
    return {"file_qury_no": filed.number, "filename": filed.name, "dld_end_time": until, "dld_endtime": until}


def apply_for_clearing(call: Call) -> str:
    """3203: to be paid for a period whose sums agree."""
    data = call.input["data"]

    def work(tx: Tx) -> dict[str, Any]:
        asked = {
            "total": data["medfee_sumamt"],
            "funds": data["fund_appy_sum"],
            "accounts": data["acct_pay"],
            "cash": data["cash_payamt"],
        }
        found = reconcile.apply_for_clearing(
            tx, call.institution, data["clr_type"], data["begndate"], data["enddate"], asked, int(data["psntime"]), data
        )
        return {"result": {"clr_appy_evt_id": found.number}}

    return call.command(work)


def withdraw_clearing(call: Call) -> str:
    """3204: the application is withdrawn."""

    def work(tx: Tx) -> None:
        number = call.input["data"]["clr_appy_evt_id"]
        records.cancel(tx, records.find(tx, (reconcile.CLEARING,), refs.parse(RECORD, number)), call.institution)

    return call.command(work)


# Files


def upload_file(call: Call) -> str:
    """9101: a file is kept for thirty days; it must be readable."""
    given = call.input["fsUploadIn"]

    def work(tx: Tx) -> dict[str, Any]:
        if given.get("fixmedins_code", call.institution.code).upper() != call.institution.code.upper():
            raise Refusal("auth.other_institution")
        files.unpack(given["in"])
        filed = files.put(tx, call.institution, given["filename"], given["in"])
        told = {"file_qury_no": filed.number, "filename": filed.name, "fixmedins_code": call.institution.code}
        return {**told, "dld_endtime": stamp(filed.expires_at)}

    return call.command(work)


def download_file(call: Call) -> File:
    """9102: the file's bytes; only a refusal is a message."""
    with call.db.reading(call.at, call.by) as tx:
        filed = files.get(tx, call.institution, call.input["fsDownloadIn"]["file_qury_no"])
    return File(filed.name, filed.content)
