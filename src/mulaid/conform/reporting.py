"""The checks of what institutions report: stock and sales, settlement lists, matched entries, departments, audit tasks.

And of filings: referral, chronic disease, designated institution, accident; found again, in the way, cancelled.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Filing:
    """How a kind of filing is filed, cancelled and asked for; `about` is the member that tells two of them apart."""

    files: str
    node: str
    cancels: str
    asks: str
    rows: str
    about: str
    says: str


KINDS = (
    Filing("2501", "refmedin", "2502", "5304", "refmedin", "reflin_medins_no", "a referral"),
    Filing("2503", "data", "2504", "5301", "feedetail", "opsp_dise_code", "a chronic disease"),
    Filing("2505", "data", "2506", "5302", "psnfixmedin", "fix_srt_no", "a designated institution"),
)


def _given(bench: Bench, kind: Filing, person: str) -> dict[str, Any]:
    """A filing that nobody has made yet."""
    today = bench.hospital.clock().date()
    mark = f"{secrets.randbelow(10**5):05d}"
    data: Mapping[str, Mapping[str, Any]] = {
        "2501": {"diag_code": "I21.9", "diag_name": "急性心肌梗死", "reflin_medins_no": f"K{mark}", "begndate": today},
        "2503": {"opsp_dise_code": f"M{mark}", "opsp_dise_name": "高血压", "begndate": today - timedelta(days=30)},
        "2505": {
            "biz_appy_type": "03",
            "fix_srt_no": mark[:3],
            "fixmedins_code": bench.hospital.connection.institution,
            "begndate": today,
        },
    }
    return {kind.node: {"psn_no": person, **data[kind.files]}}


def _filed(kind: Filing) -> Work:
    def work(bench: Bench) -> None:
        client, other = bench.hospital, bench.client("other")
        person, _ = bench.person(client, "aided")
        given = _given(bench, kind, person)
        about = given[kind.node][kind.about]

        def known() -> bool:
            asked = {"psn_no": person, "begntime": client.clock() - timedelta(days=60), "endtime": client.clock()}
            asked = asked if kind.asks == "5304" else {"psn_no": person}
            return about in [row[kind.about] for row in bench.asks(other, kind.asks, {"data": asked})[kind.rows]]

        expect(not known(), f"{kind.asks}: nothing about {about} yet", "a filing")
        number = bench.does(client, kind.files, given)["result"]["trt_dcla_detl_sn"]
        gone = {"data": {"trt_dcla_detl_sn": number, "psn_no": person}}
        bench.afterwards(lambda: client.call(kind.cancels, gone))
        expect(known(), f"{kind.asks}: what was filed about {about}", "nothing")
        bench.refused(client, kind.files, given)
        bench.refused(other, kind.cancels, gone)
        stranger, _ = bench.person(client, "giver")
        bench.refused(client, kind.cancels, {"data": {**gone["data"], "psn_no": stranger}})
        expect(known(), f"{kind.asks}: the filing after refused cancellations", "nothing")
        bench.does(client, kind.cancels, gone)
        expect(not known(), f"{kind.asks}: nothing about {about} after it was cancelled", "a filing")
        bench.refused(client, kind.cancels, gone)

    return work


def _bad_days(kind: Filing) -> Work:
    def work(bench: Bench) -> None:
        person, _ = bench.person(bench.hospital, "aided")
        given = _given(bench, kind, person)
        begun = given[kind.node]["begndate"]
        bench.refused(bench.hospital, kind.files, {kind.node: {**given[kind.node], "enddate": begun - timedelta(days=1)}})
        bench.refused(bench.hospital, kind.files, {kind.node: {**given[kind.node], kind.about: ""}})
        for number in (bench.nobody(bench.hospital), "P" + "0" * 26, "1", ""):
            bench.refused(bench.hospital, kind.files, {kind.node: {**given[kind.node], "psn_no": number}})

    return work


for _kind in KINDS:
    _says = f"{_kind.says} is found again until it is cancelled, is in the way of its twin, and only its own hospital cancels it"
    check(f"{_kind.files}.filed", _says)(_filed(_kind))
    check(f"{_kind.files}.refuses", f"{_kind.says} with days that contradict each other, about nothing or nobody is refused")(
        _bad_days(_kind)
    )


@check("2507.filed", "an accident is put on record once")
def _(bench: Bench) -> None:
    person, _ = bench.person(bench.hospital, "aided")
    hurt = bench.hospital.clock() - timedelta(days=1, seconds=secrets.randbelow(10**7))
    given = {"data": {"psn_no": person, "trum_time": hurt, "trum_rea": "摔倒", "trum_part": "手", "trum_site": "家"}}
    bench.does(bench.hospital, "2507", given)
    bench.refused(bench.hospital, "2507", given)
