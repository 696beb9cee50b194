"""The checks of stays in hospital: admitted, used, discharged, settled, and each step undone."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from mulaid.client import Client, Visit
from mulaid.conform.checks.settling import MONEY
from mulaid.conform.kit import Bench, Work, check, expect, in_form
from mulaid.gateway.dialect import Amount


def _both(stay: Visit, **more: Any) -> dict[str, Any]:
    return {"mdtrt_id": stay.id, "psn_no": stay.person, **more}


def _admission(bench: Bench, client: Client, role: str = "aided") -> dict[str, Any]:
    person, card = bench.person(client, role)
    data = {"psn_no": person, "ipt_no": secrets.token_hex(8), "begntime": client.clock(), "med_type": "21", **card.fields}
    sick = {"diag_code": "I10", "diag_name": "原发性高血压", "dise_dor_no": "D1", "dise_dor_name": "医生"}
    return {"mdtrtinfo": data, "diseinfo": [sick]}


@check("2304.whole", "a stay from admission to settlement and back: each answer in form, repeats stored, all money back")
def _(bench: Bench) -> None:
    client = bench.hospital
    before = bench.balance(client, "aided")
    given = _admission(bench, client)
    made = bench.does(client, "2401", given)["result"]
    stay = Visit(made["mdtrt_id"], made["psn_no"], bench.card("aided"))
    bench.afterwards(lambda: client.call("2404", {"data": _both(stay)}))
    lying = bench.asks(client, "5303", {"data": {"psn_no": stay.person}})["data"]
    expect(stay.id in [row["mdtrt_id"] for row in lying], "5303: the stay", lying)
    bench.does(client, "2403", {"adminfo": _both(stay, adm_dept_name="呼吸科", med_type="21"), "diseinfo": given["diseinfo"]})
    bill = client.use(stay, bench.lines())
    bench.afterwards(lambda: client.call("2302", {"data": [_both(stay, feedetl_sn="0000")]}))
    left = {"dscginfo": _both(stay, endtime=client.clock(), dscg_way="1"), "diseinfo": given["diseinfo"]}
    bench.does(client, "2402", left)
    bench.afterwards(lambda: client.call("2405", {"data": _both(stay)}))
    expect(
        stay.id not in [row["mdtrt_id"] for row in bench.asks(client, "5303", {"data": {"psn_no": stay.person}})["data"]],
        "5303: nobody in hospital after the discharge",
        stay.id,
    )
    told = client.preview_stay(bill)
    in_form("2303", told)
    bench.holds(client, before)
    paid = bench.settles_stay(bill)
    for name in MONEY:
        expect(told.paid[name] == paid[name], f"{name} as 2303 told ({told.paid[name]})", paid[name])
    bench.holds(client, before - (paid["acct_pay"] - paid["acct_mulaid_pay"]))
    bench.does(client, "2305", {"data": _both(stay, setl_id=paid["setl_id"])})
    bench.holds(client, before)
    for infno, undone in (
        ("2405", _both(stay)),
        ("2302", [_both(stay, feedetl_sn="0000")]),
        ("2404", _both(stay)),
    ):
        bench.does(client, infno, {"data": undone})
    bench.refused(client, "2404", {"data": _both(stay)})


@check("2301.in_form", "lines of a stay are answered with their split, and a line that was given back lessens its line")
def _(bench: Bench) -> None:
    client = bench.hospital
    stay, _ = bench.stay()
    price = bench.subject.price
    line = {**_both(stay), "feedetl_sn": "K1", "med_list_codg": bench.subject.item, "pric": Amount(price)}
    used = {**line, "cnt": 3, "det_item_fee_sumamt": Amount(3 * price), "medins_list_codg": "K1", "fee_ocur_time": client.clock()}
    bench.does(client, "2301", {"feedetail": [used]})
    back = {**used, "feedetl_sn": "K2", "init_feedetl_sn": "K1", "cnt": -2, "det_item_fee_sumamt": Amount(-2 * price)}
    (row,) = bench.does(client, "2301", {"feedetail": [back]})["result"]
    expect(row["det_item_fee_sumamt"] * 100 == -2 * price, "2301: a negative line", row["det_item_fee_sumamt"])
    bench.refused(client, "2301", {"feedetail": [{**back, "feedetl_sn": "K3"}]})
    told = {one["feedetl_sn"]: one for one in bench.asks(client, "5204", {"data": _both(stay)})}
    expect(told["K1"]["cnt"] == 1, "5204: one left of the line", told["K1"]["cnt"])


@check("2401.twice", "who is in hospital is not admitted again, at a pharmacy nobody is, and nobody under another's number")
def _(bench: Bench) -> None:
    bench.stay()
    given = _admission(bench, bench.hospital)
    bench.refused(bench.hospital, "2401", given)
    bench.refused(bench.pharmacy, "2401", given)
    stranger, _ = bench.person(bench.hospital, "giver")
    bench.refused(bench.hospital, "2401", {**given, "mdtrtinfo": {**given["mdtrtinfo"], "psn_no": stranger}})


@check("2304.twice", "a stay is settled once; its lines then stay, and no step before is undone")
def _(bench: Bench) -> None:
    client = bench.hospital
    stay, bill = bench.stay()
    client.discharge(stay)
    bench.settles_stay(bill)
    bench.refused(client, "2304", {"data": client.bill_data(bill)})
    line = bench.asks(client, "5204", {"data": _both(stay)})[0]["feedetl_sn"]
    bench.refused(client, "2302", {"data": [_both(stay, feedetl_sn=line)]})
    bench.refused(client, "2405", {"data": _both(stay)})
    bench.refused(client, "2404", {"data": _both(stay)})


REFUSED: dict[str, Callable[[Bench, Visit, dict[str, Any]], tuple[str, Any]]] = {
    "2304.not_discharged": lambda bench, stay, bill: ("2304", {"data": bill}),
    "2304.total": lambda bench, stay, bill: ("2304", {"data": {**bill, "medfee_sumamt": Amount(1), "mid_setl_flag": "1"}}),
    "2303.total": lambda bench, stay, bill: ("2303", {"data": {**bill, "medfee_sumamt": Amount(1), "mid_setl_flag": "1"}}),
    "2305.nothing": lambda bench, stay, bill: ("2305", {"data": _both(stay, setl_id="S" + "0" * 26)}),
    "2402.before": lambda bench, stay, bill: (
        "2402",
        {"dscginfo": _both(stay, endtime=bench.hospital.clock() - timedelta(days=3))},
    ),
    "2403.other_day": lambda bench, stay, bill: (
        "2403",
        {"adminfo": _both(stay, begntime=bench.hospital.clock() - timedelta(days=3))},
    ),
    "2404.has_lines": lambda bench, stay, bill: ("2404", {"data": _both(stay)}),
    "2405.not_discharged": lambda bench, stay, bill: ("2405", {"data": _both(stay)}),
    "2302.no_such_line": lambda bench, stay, bill: ("2302", {"data": [_both(stay, feedetl_sn="nowhere")]}),
}


def _refuses(name: str) -> Work:
    def work(bench: Bench) -> None:
        stay, bill = bench.stay()
        before = bench.balance(bench.hospital, "aided")
        bench.refused(bench.hospital, *REFUSED[name](bench, stay, bench.hospital.bill_data(bill)))
        bench.holds(bench.hospital, before)

    return work


for _name in REFUSED:
    check(f"{_name}", f"{_name[:4]} is refused and moves nothing: {_name[5:].replace('_', ' ')}")(_refuses(_name))


@check("2304.other_institution", "another institution's stay is refused at every step")
def _(bench: Bench) -> None:
    stay, bill = bench.stay()
    other = bench.client("other")
    line = {"feedetl_sn": "1", "med_list_codg": bench.subject.item, "cnt": 1}
    line |= {name: Amount(bench.subject.price) for name in ("pric", "det_item_fee_sumamt")}
    for infno, given in (
        ("2301", {"feedetail": [_both(stay, **line)]}),
        ("2304", {"data": bench.hospital.bill_data(bill)}),
        ("2402", {"dscginfo": _both(stay, endtime=other.clock())}),
        ("2404", {"data": _both(stay)}),
    ):
        bench.refused(other, infno, given)
