"""Whole sessions as a hospital's program holds them, from the first message of a day to its accounts."""

from __future__ import annotations

import secrets

from mulaid.client import Answer, Refused, identities
from mulaid.conform.checks.reconciling import back_of, known, row_of, totals_agree
from mulaid.conform.checks.settling import MONEY
from mulaid.conform.kit import Bench, check, expect, in_form


def _sound(bench: Bench, infno: str, answer: Answer) -> None:
    in_form(infno, answer)
    wrong = list(identities(answer.output, fund_includes_accounts=bench.subject.profile.fund_includes_accounts))
    expect(not wrong, f"{infno}: amounts that add up", "; ".join(wrong))


@check(
    "session.outpatient",
    "9001, 1101, 2201 to 2208 and 3201: each in form, repeated, adding up, and agreed on",
)
def _(bench: Bench) -> None:
    client = bench.hospital
    others = known(bench, client)
    before = bench.balance(client, "aided")
    bench.does(client, "9001", {"signIn": {"opter_no": "001", "mac": "00:00:00:00:00:00", "ip": "127.0.0.1"}})
    card = bench.card("aided")
    person = bench.asks(client, "1101", {"data": card.fields})["baseinfo"]["psn_no"]
    bench.asks(client, "2001", {"data": {"psn_no": person, "begntime": client.clock()}})
    number = secrets.token_hex(8)
    opened = {"psn_no": person, "ipt_otp_no": number, "begntime": client.clock(), "insutype": "", **card.fields}
    visit = bench.does(client, "2201", {"data": opened})["data"]["mdtrt_id"]
    named = {"mdtrt_id": visit, "psn_no": person}
    found = {"diag_type": "1", "diag_srt_no": "1", "diag_code": "I10", "diag_name": "原发性高血压", "diag_dept": "内科"}
    met = {**named, "med_type": "11", "dise_codg": "", "dise_name": "", "begntime": client.clock()}
    for infno in ("2203", "2203A"):  # either name, and the newest counts
        bench.does(client, infno, {"mdtrtinfo": met, "diseinfo": [{**found, "vali_flag": "1"}]})
    bill = bench.uploads(visit, person, card)
    told = client.preview(bill)
    _sound(bench, "2206", told)
    given = {"data": client.bill_data(bill)}
    msgid = client.new_msgid()
    settled = client.call("2207", given, msgid)
    bench.remember("hospital", settled.paid, "2208")
    _sound(bench, "2207", settled)
    expect(client.call("2207", given, msgid).output == settled.output, "2207: the stored answer", "another")
    for name in MONEY:
        expect(told.paid[name] == settled.paid[name], f"{name} as 2206 told ({told.paid[name]})", settled.paid[name])
    bench.holds(client, before - (settled.paid["acct_pay"] - settled.paid["acct_mulaid_pay"]))
    kept = row_of(bench, settled.paid)
    row = bench.asks(client, "5203", {"data": {**named, "setl_id": settled.paid["setl_id"]}})["setlinfo"]
    expect(row["acct_pay"] == settled.paid["acct_pay"], "5203: the same acct_pay", row["acct_pay"])
    totals_agree(bench, client, [*others, kept])
    whole = {"data": {**named, "setl_id": settled.paid["setl_id"]}}
    msgid = client.new_msgid()
    back = client.call("2208", whole, msgid)
    _sound(bench, "2208", back)
    expect(client.call("2208", whole, msgid).output == back.output, "2208: the stored answer", "another")
    bench.holds(client, before)
    totals_agree(bench, client, [*others, kept, back_of(kept, back.paid)])
    bench.does(client, "2205", {"data": [{**named, "chrg_bchno": "1", "feedetl_sn": "0000"}]})
    bench.does(client, "2202", {"data": {**named, "ipt_otp_no": number}})


@check("session.pharmacy", "1162, 1101, 2101, 2102, 3505 and 2103 at a pharmacy, by code where one can be shown")
def _(bench: Bench) -> None:
    client = bench.pharmacy
    before = bench.balance(client, "aided")
    card = bench.card("aided")
    if bench.subject.sandbox:
        card, _ = client.decode(bench.code("aided"))
    person = str(client.person(card)["baseinfo"]["psn_no"])
    told = client.preview_purchase(person, card, bench.lines())
    _sound(bench, "2101", told)
    paid = client.buy(person, card, bench.lines())
    bench.remember("pharmacy", paid.paid, "2103")
    _sound(bench, "2102", paid)
    back = client.refund(paid.paid, infno="2103")
    _sound(bench, "2103", back)
    bench.holds(client, before)
    try:
        client.refund(paid.paid, infno="2103")
    except Refused:
        return
    expect(False, "2103: a second refund is refused", "it was carried out")
