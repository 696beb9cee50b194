"""The checks of what institutions report: stock and sales, settlement lists, matched entries, departments, audit tasks."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from mulaid.conform.kit import Bench, Work, check, expect
from mulaid.gateway.dialect import Amount


def _lot(bench: Bench, **more: Any) -> dict[str, Any]:
    own = {"fixmedins_hilist_id": "KIT", "fixmedins_hilist_name": "药", "fixmedins_bchno": f"KIT{secrets.token_hex(8)}"}
    return {"med_list_codg": bench.subject.item, **own, **more}


def _bought(bench: Bench, lot: dict[str, Any]) -> dict[str, Any]:
    bill = {"purc_invo_no": "1", "purc_retn_stoin_time": bench.pharmacy.clock()}
    return {"purcinfo": [{**lot, "spler_name": "供应商", "purc_retn_cnt": 10, **bill}]}


def _sold(bench: Bench, lot: dict[str, Any], count: int, **more: Any) -> dict[str, Any]:
    return {"selinfo": [{**lot, "rtal_docno": "1", "sel_retn_cnt": count, "sel_retn_time": bench.pharmacy.clock(), **more}]}


@check("3501.stock", "goods are bought, returned, counted, changed and deleted; each report counts once")
def _(bench: Bench) -> None:
    client = bench.pharmacy
    lot, at = _lot(bench), client.clock()
    bought = _bought(bench, lot)
    bench.does(client, "3503", bought)
    bench.refused(client, "3503", bought)
    bench.does(client, "3504", {"purcinfo": [{**bought["purcinfo"][0], "purc_retn_cnt": 1}]})
    bench.does(client, "3501", {"invinfo": [{**lot, "invdate": at.date(), "inv_cnt": 9}]})
    bench.does(client, "3502", {"invinfo": [{**lot, "inv_chg_type": "101", "cnt": -1, "inv_chg_time": at}]})
    for kind in "123":
        gone = {"data": {"fixmedins_bchno": lot["fixmedins_bchno"], "inv_data_type": kind}}
        bench.refused(bench.client("other"), "3507", gone)
        bench.does(client, "3507", gone)
        bench.refused(client, "3507", gone)


@check("3505.sold", "goods that a settlement names are that settlement's; never more comes back than was sold")
def _(bench: Bench) -> None:
    client, lot = bench.pharmacy, _lot(bench)
    paid = bench.buys().paid
    named = {"setl_id": paid["setl_id"], "psn_no": paid["psn_no"]}
    stranger, _ = bench.person(client, "giver")
    bench.refused(client, "3505", _sold(bench, lot, 2, **{**named, "psn_no": stranger}))
    told = bench.does(client, "3505", _sold(bench, lot, 2, **named))["result"]
    expect(told["retRslt"] == "1", "3505: retRslt 1", told["retRslt"])
    bench.refused(client, "3505", _sold(bench, lot, 2, **named))
    bench.refused(client, "3506", _sold(bench, lot, 3))
    bench.does(client, "3506", _sold(bench, lot, 2))
    later = client.clock() + timedelta(seconds=1)
    bench.refused(client, "3506", _sold(bench, lot, 1, sel_retn_time=later))
    bench.does(client, "3507", {"data": {"fixmedins_bchno": lot["fixmedins_bchno"], "inv_data_type": "4"}})


GOODS = {
    "3501": ("invinfo", {"invdate": "2026-01-01"}),
    "3502": ("invinfo", {"inv_chg_type": "101", "inv_chg_time": "2026-01-01 00:00:00"}),
    "3503": ("purcinfo", {"spler_name": "供应商", "purc_retn_stoin_time": "2026-01-01 00:00:00"}),
    "3504": ("purcinfo", {"spler_name": "供应商", "purc_retn_stoin_time": "2026-01-01 00:00:00"}),
    "3505": ("selinfo", {"rtal_docno": "1", "sel_retn_time": "2026-01-01 00:00:00"}),
    "3506": ("selinfo", {"rtal_docno": "1", "sel_retn_time": "2026-01-01 00:00:00"}),
}


def _needs(infno: str) -> Work:
    node, given = GOODS[infno]

    def work(bench: Bench) -> None:
        bench.refused(bench.pharmacy, infno, {node: [{**_lot(bench), **given}]})
        bench.refused(bench.pharmacy, infno, {node: []})

    return work


for _infno in GOODS:
    check(f"{_infno}.refuses", f"{_infno} without a number of goods, or without goods, is refused")(_needs(_infno))


@check("4101.list", "a settlement list that says what was settled is taken, every other is refused")
def _(bench: Bench) -> None:
    client = bench.hospital
    paid = bench.settles(bench.bill()).paid
    info = {name: paid[name] for name in ("mdtrt_id", "setl_id", "psn_no", "acct_pay")}
    info["psn_cashpay"] = paid["psn_cash_pay"]
    items = [{"med_chrgitm": "09", "amt": paid["medfee_sumamt"]}]
    whole = {"setlinfo": info, "iteminfo": items, "diseinfo": [{"diag_code": "I10"}]}
    bench.does(client, "4101", whole)
    wrong = Amount(int(paid["medfee_sumamt"] * 100) + 1)
    bench.refused(client, "4101", {**whole, "iteminfo": [{"med_chrgitm": "09", "amt": wrong}]})
    bench.refused(client, "4101", {**whole, "setlinfo": {**info, "psn_cashpay": wrong}})
    bench.refused(bench.client("other"), "4101", whole)
    client.refund(paid)
    bench.refused(client, "4101", whole)


@check("3301.matched", "an entry is matched, found again and taken back")
def _(bench: Bench) -> None:
    client = bench.hospital
    own = f"KIT{secrets.token_hex(8)}"
    row = {"fixmedins_hilist_id": own, "list_type": "101", "med_list_codg": bench.subject.item}
    more = {"fixmedins_hilist_name": "自家药", "begndate": client.clock().date()}
    bench.does(client, "3301", {"data": [{**row, **more}]})
    found = bench.asks(client, "1317", {"data": {"medins_list_codg": own}})["data"]
    expect([one["med_list_codg"] for one in found] == [bench.subject.item], "1317: the entry", found)
    bench.refused(client, "3301", {"data": [{**row, **more, "med_list_codg": bench.subject.unknown_item}]})
    bench.refused(bench.client("other"), "3302", {"data": row})
    bench.does(client, "3302", {"data": row})
    bench.refused(client, "3302", {"data": row})
    expect(not bench.asks(client, "1317", {"data": {"medins_list_codg": own}})["data"], "1317: no entry", "one")


@check("3401.departments", "departments are reported, changed, found and closed")
def _(bench: Bench) -> None:
    client = bench.hospital
    code = f"K{secrets.token_hex(6)}"
    row = {"hosp_dept_codg": code, "hosp_dept_name": "内科"}
    bench.refused(client, "3402", {"deptinfo": row})
    bench.does(client, "3401", {"deptinfo": [row]})
    bench.does(client, "3402", {"deptinfo": {**row, "hosp_dept_name": "大内科"}})
    found = bench.asks(client, "5101", {"data": {"hosp_dept_codg": code}})["feedetail"]
    expect([one["hosp_dept_name"] for one in found] == ["大内科"], "5101: the department as it is now", found)
    bench.does(client, "3403", {"data": {"hosp_dept_codg": code}})
    bench.refused(client, "3403", {"data": {"hosp_dept_codg": code}})


def _audited(infno: str) -> Work:
    def work(bench: Bench) -> None:
        given = {"syscode": "KIT", "task_id": secrets.token_hex(8), "trig_scen": "1"}
        bench.does(bench.hospital, infno, {"data": given})
        bench.refused(bench.hospital, infno, {"data": {**given, "task_id": "x" * 5000}})

    return work


for _infno in ("3101", "3102"):
    check(f"{_infno}.audited", f"{_infno}: an audit task is accepted, an absurd one refused")(_audited(_infno))
