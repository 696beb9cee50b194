"""The checks of the mobile centre: who pays, the bill as an order, its payment, refund and end; and who is bound to whom.

The centre's messages are sealed where the connection seals. They need a sandbox that shows codes.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from mulaid.client import Client, Refused
from mulaid.conform.kit import Bench, Skip, Unmet, check, expect
from mulaid.gateway.auth import SEALED
from mulaid.gateway.dialect import Amount
from mulaid.money import parse_yuan


def program(bench: Bench) -> Client:
    """The mobile program: with a connection of its own where one is described, else the hospital's."""
    return bench.client("mobile" if "mobile" in bench.subject.institutions else "hospital")


def _no(client: Client, infno: str, given: Any) -> None:
    """Refused in Chinese words, whatever the answer comes in."""
    try:
        client.call(infno, given)
    except Refused as refused:
        expect(any("\u4e00" <= sign <= "\u9fff" for sign in refused.err_msg), f"{infno}: words", refused.err_msg)
        return
    raise Unmet(f"expected {infno} to be refused; it was carried out")


def order_of(bench: Bench, client: Client, user: Any, **more: Any) -> dict[str, Any]:
    """The input of 6201."""
    lines = bench.lines()
    rows = [
        {
            "feedetlSn": str(place),
            "medListCodg": line.item,
            "detItemFeeSumamt": Amount(line.fen),
            "cnt": line.count,
            "pric": Amount(line.price),
        }
        for place, line in enumerate(lines, 1)
    ]
    proof = {"payAuthNo": user["pay_auth_no"] or user["family_pay_auth_no"]}
    data = {
        **proof,
        "orgCodg": client.connection.institution,
        "medOrgOrd": secrets.token_hex(12),
        "psnNo": user["psn_no"],
        "acctUsedFlag": "1",
        "medfeeSumamt": Amount(sum(line.fen for line in lines)),
        "feedetailList": rows,
        "diseinfoList": [{"diagCode": "I10", "diagName": "高血压"}],
        **more,
    }
    return {"data": data}


def user_of(bench: Bench, client: Client, shown_by: str = "") -> Any:
    """6101 of a fresh code, shown by the person or a relative."""
    code = bench.code("aided", shown_by)
    return bench.does(client, "6101", {"data": {"ecQrCode": code, "orgCodg": client.connection.institution}})["data"]


def _adds_up(row: Any) -> None:
    parts = row["ownPayAmt"] + row["psnAcctPay"] + row["fundPay"]
    expect(parts == row["feeSumamt"], f"ownPayAmt + psnAcctPay + fundPay = {row['feeSumamt']}", parts)


@check(
    "6202.whole",
    "a bill is uploaded, paid and returned from the phone; amounts add up, repeats get the stored answer",
)
def _(bench: Bench) -> None:
    client = program(bench)
    before = bench.balance(bench.hospital, "aided")
    user = user_of(bench, client)
    expect(bool(user["pay_auth_no"]) and not user["family_pay_auth_no"], "pay_auth_no alone for one's own code", user)
    made = bench.does(client, "6201", order_of(bench, client, user))["data"]
    _adds_up(made)
    bench.holds(bench.hospital, before)
    order = {"payOrdId": made["payOrdId"]}
    proof = {"payAuthNo": user["pay_auth_no"]}
    given = {**order, **proof, "payToken": made["payToken"], "mdtrtId": made["mdtrtId"]}
    _no(client, "6202", {"data": {**given, "payToken": "0" * 32}})
    paid = bench.does(client, "6202", {"data": given})["data"]
    back = {"data": {**order, **proof, "refdType": "ALL", "totlRefdAmt": paid["feeSumamt"]}}
    bench.afterwards(lambda: client.call("6203", back))
    _adds_up(paid)
    for name in ("ownPayAmt", "psnAcctPay", "fundPay"):
        expect(paid[name] == made[name], f"{name} as it was told ({made[name]})", paid[name])
    found = bench.asks(client, "6301", {"data": order})["data"]
    expect((found["ordStas"], found["setlId"]) == ("6", paid["setlId"]), "6301: paid", found)
    settled = {"psn_no": user["psn_no"], "setl_id": paid["setlId"]}
    row = bench.asks(bench.hospital, "5203", {"data": settled})["setlinfo"]
    expect(row["acct_pay"] == paid["psnAcctPay"], "5203: the same acct_pay", row["acct_pay"])
    bench.holds(bench.hospital, before - (row["acct_pay"] - row["acct_mulaid_pay"]))
    _no(client, "6202", {"data": {**given, "orgBizSer": "again"}})
    _no(client, "6401", {"data": order})
    _no(client, "6203", {"data": {**back["data"], "refdType": "CASH"}})
    less = Amount(parse_yuan(f"{paid['feeSumamt']}") - 1)
    _no(client, "6203", {"data": {**back["data"], "totlRefdAmt": less}})
    told = bench.does(client, "6203", back)["data"]
    expect(told["psnAcctRefdAmt"] == paid["psnAcctPay"], f"psnAcctRefdAmt {paid['psnAcctPay']}", told["psnAcctRefdAmt"])
    bench.holds(bench.hospital, before)
    expect(bench.asks(client, "6301", {"data": order})["data"]["ordStas"] == "8", "6301: refunded", "another state")


@check("6401.revoked", "an order that was revoked is not paid; an order that nobody placed is refused")
def _(bench: Bench) -> None:
    client = program(bench)
    user = user_of(bench, client)
    made = bench.does(client, "6201", order_of(bench, client, user))["data"]
    order = {"payOrdId": made["payOrdId"]}
    told = bench.does(client, "6401", {"data": order})["data"]
    expect(told["ordStas"] == "7", "6401: ordStas 7", told["ordStas"])
    _no(client, "6202", {"data": {**order, "payToken": made["payToken"], "payAuthNo": user["pay_auth_no"]}})
    _no(client, "6401", {"data": {**order, "orgCodg": client.connection.institution}})
    _no(client, "6301", {"data": {"payOrdId": "O" + "0" * 26}})


@check("6201.refuses", "orders with a wrong total, another's number or no proof are refused")
def _(bench: Bench) -> None:
    client = program(bench)
    user = user_of(bench, client)
    other, _ = bench.person(bench.hospital, "giver")
    for wrong in ({"medfeeSumamt": Amount(1)}, {"psnNo": other}, {"payAuthNo": "AUTHnothing"}, {"orgCodg": "NOBODY"}):
        _no(client, "6201", order_of(bench, client, user, **wrong))
    _no(client, "6101", {"data": {"ecQrCode": "9" * 28}})


@check("6101.family", "a code that a relative shows is paid with family_pay_auth_no")
def _(bench: Bench) -> None:
    client = program(bench)
    user = user_of(bench, client, "giver")
    expect(bool(user["family_pay_auth_no"]) and not user["pay_auth_no"], "family_pay_auth_no alone", user)
    made = bench.does(client, "6201", order_of(bench, client, user))["data"]
    bench.does(client, "6401", {"data": {"payOrdId": made["payOrdId"]}})


@check("6301.seal", "a sealed envelope that was changed on the way is refused")
def _(bench: Bench) -> None:
    client = program(bench)
    if client.connection.transport != SEALED:
        raise Skip("this connection does not seal")
    good = json.loads(client.message("6301", "", {"data": {"payOrdId": "O" + "0" * 26}}))
    other = json.loads(client.message("6301", "", {"data": {"payOrdId": "O" + "1" * 26}}))
    for wrong in ({"encData": other["encData"]}, {"signData": other["signData"]}, {"encData": "zz"}, {"appId": "nobody"}):
        body = json.dumps({**good, **wrong}).encode()
        answer = client.http.post(client.address_of("6301"), content=body, headers={"Content-Type": "application/json"})
        expect(answer.status_code == 401, "HTTP 401 for a broken seal", answer.status_code)


# What a mini-program asks about family accounts; in the envelope, whatever the mobile centre's messages come in

BOUND = "alipay.commerce.medical.fm.bindlist.query"
ANYBODY = "alipay.commerce.medical.iotfm.checkbind.query"
SHOWN_BY = "alipay.commerce.medical.familyinfo.auth.query"
PROOFS = {BOUND: "auth_token", ANYBODY: "ftoken", SHOWN_BY: "auth_token"}
RELATIONS, GENDERS = ("03", "06", "07", "08"), ("MALE", "FEMALE")


def _token(bench: Bench, role: str, shown_by: str = "") -> str:
    certificate, _ = bench.hospital.decode(bench.code(role, shown_by))
    return certificate.number


def _asks(bench: Bench, infno: str, token: str, **more: Any) -> Any:
    return bench.asks(bench.hospital, infno, {"data": {PROOFS[infno]: token, **more}})


@check("alipay.bound", "who may show whose code is told, masked, and the short question agrees with the list")
def _(bench: Bench) -> None:
    lists = {}
    for role in ("giver", "aided", "resident"):
        token = _token(bench, role)
        lists[role] = rows = _asks(bench, BOUND, token, user_id="2088")["bind_list"]
        for proof in (token, f"AUTH{token}"):
            told = _asks(bench, ANYBODY, proof, term_sn="T1", tmnl_sn="", user_id="2088")["data"]["has_bind_fm"]
            expect(told == ("true" if rows else "false"), f"has_bind_fm as the list of {len(rows)} says", told)
        for row in rows:
            expect(row["relation_type"] in RELATIONS and row["gender"] in GENDERS, "known codes", row)
            expect("*" in row["cert_no"] and "*" in row["user_real_name"], "masked name and number", row)
    ends = [row["cert_no"][-2:] for row in lists["giver"]]
    expect(bench.card("aided").number[-2:] in ends, "the person whose code the relative shows is in the list", ends)


@check("alipay.shown_by", "who shows a code is told: the person, or the relative with the relation")
def _(bench: Bench) -> None:
    own = _asks(bench, SHOWN_BY, _token(bench, "aided"))["data"]
    expect(own["is_family"] == "false" and not own["relation_type"], "is_family false for one's own code", own)
    lent = _asks(bench, SHOWN_BY, _token(bench, "aided", "giver"))["data"]
    expect(lent["is_family"] == "true" and lent["relation_type"] in RELATIONS, "is_family true with a relation", lent)
    for told in (own, lent):
        expect("*" in told["user_real_name"], "a masked name", told)


@check("alipay.refuses", "questions about family accounts with a proof that is none, or is somebody else's, are refused")
def _(bench: Bench) -> None:
    code = bench.code("giver")
    token = _token(bench, "giver")
    for infno, proof in PROOFS.items():
        for wrong in ("", "x", "AUTH", code, bench.card("giver").number, token[:-1] + ("1" if token[-1] == "0" else "0")):
            bench.refused(bench.hospital, infno, {"data": {proof: wrong, "user_id": "2088"}})
        bench.refused(bench.hospital, infno, {"data": {}})
        bench.refused(bench.client("other"), infno, {"data": {proof: token}})
    bench.refused(bench.hospital, "alipay.commerce.medical.fm.unbind", {"data": {"auth_token": token}})
