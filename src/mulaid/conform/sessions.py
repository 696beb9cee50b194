"""Whole sessions as a hospital's program holds them, from the first message of a day to its accounts; and lines that break.

Every cut, of every message that moves money, with every way to make it good. The steps of a case stand alone: whoever can
restart a server does it once between the cuts of many and their repairs.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mulaid.client import Answer, Client, Info, Refused, identities
from mulaid.conform.kit import Bench, Unmet, Work, check, expect, in_form
from mulaid.conform.mobile import order_of, program, user_of
from mulaid.conform.reconciling import back_of, known, row_of, totals_agree
from mulaid.conform.settling import MONEY

CUTS = {
    "in the headers": (0.0, False),
    "in the body": (0.5, False),
    "before the answer": (1.0, True),
    "at once after sending": (1.0, False),
}
REPAIRS = {
    "2102": ("again", "undo", "return"),
    "2103": ("again", "ask", "undo"),
    "2207": ("again", "ask", "undo", "return"),
    "2208": ("again", "ask", "undo"),
    "2304": ("again", "ask", "undo", "return"),
    "2305": ("again", "ask", "undo"),
    "6202": ("again", "ask", "return"),
}
"""What a program can do that does not know what became of its message."""
WORDS = {
    "again": "sent again",
    "ask": "asked for, else sent again",
    "undo": "undone by 2601",
    "return": "looked for and refunded, else barred",
}
REFUNDS = {"2103": "2102", "2208": "2207", "2305": "2304"}
REFUNDED_BY = {settles: refunds for refunds, settles in REFUNDS.items()}
PAID, REFUNDED = "6", "8"


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


@dataclass(frozen=True, slots=True)
class Lost:
    """A message whose answer never came; `settled` is what a refund is about, `before` what the own account held at first."""

    client: Client
    infno: str
    given: Mapping[str, Any]
    msgid: str
    before: Decimal
    settled: Info | None = None


def cases() -> Iterator[tuple[str, str, str]]:
    """Every message, cut and repair."""
    for infno, repairs in REPAIRS.items():
        for cut in CUTS:
            for repair in repairs:
                yield infno, cut, repair


def lose(bench: Bench, lost: Lost, cut: str) -> None:
    """Send the message and break the line."""
    sent, wait = CUTS[cut]
    bench.cut(lost.client, lost.infno, bench.text(lost.client, lost.infno, lost.given, lost.msgid), sent=sent, wait=wait)


def mend(bench: Bench, lost: Lost, repair: str) -> None:
    """Make both sides agree; the own account must hold exactly what they agree on, and nothing may be carried out late."""
    if lost.infno == "6202":
        own = _mended_order(bench, lost, repair)
    elif lost.infno in REFUNDS:
        own = _mended_refund(bench, lost, repair)
    else:
        own = _mended(bench, lost, repair)
    bench.holds(bench.hospital, lost.before - own)


def _role(infno: str) -> str:
    return "pharmacy" if infno in ("2102", "2103") else "hospital"


def prepare(bench: Bench, infno: str) -> Lost:
    """Make everything that the message needs."""
    settles = REFUNDS.get(infno, infno)
    client = program(bench) if infno == "6202" else bench.client(_role(infno))
    given: dict[str, Any]
    if infno == "6202":
        user = user_of(bench, client)
        made = client.call("6201", order_of(bench, client, user)).output["data"]
        named = {"payOrdId": made["payOrdId"], "payToken": made["payToken"], "mdtrtId": made["mdtrtId"]}
        given = {"data": {**named, "payAuthNo": user["pay_auth_no"]}}
    elif settles == "2102":
        given = bench.purchase()
    elif settles == "2207":
        given = {"data": bench.bill()}
    else:
        stay, bill = bench.stay()
        client.discharge(stay)
        given = {"data": client.bill_data(bill)}
    before = bench.balance(bench.hospital, "aided")
    if infno == settles:
        return Lost(client, infno, given, client.new_msgid(), before)
    paid = client.call(settles, given).paid
    bench.remember(_role(infno), paid, infno)
    named = {name: paid[name] for name in ("setl_id", "mdtrt_id", "psn_no")}
    return Lost(client, infno, {"data": named}, client.new_msgid(), before, paid)


def _own(paid: Info) -> Decimal:
    return Decimal(paid["acct_pay"] - paid["acct_mulaid_pay"])


def _comes_late(bench: Bench, lost: Lost) -> None:
    """A message that both sides believe was never carried out arrives after all, and must not be."""
    late = bench.text(lost.client, lost.infno, lost.given, lost.msgid)
    bench.refusal(bench.post(lost.client, lost.infno, late), f"{lost.infno} that was undone before it came")


def _mended(bench: Bench, lost: Lost, repair: str) -> Decimal:
    """What the own account has paid for a settlement in the end."""
    client, infno, data = lost.client, lost.infno, lost.given["druginfo" if lost.infno == "2102" else "data"]
    if repair == "undo":
        try:
            client.take_back(data["psn_no"], infno, lost.msgid)
        except Refused:
            _comes_late(bench, lost)
        return Decimal(0)
    found = None
    if repair in ("ask", "return") and infno != "2102":  # a pharmacy has no visit to ask for
        try:
            asked = {"setl_id": "", "mdtrt_id": data["mdtrt_id"], "psn_no": data["psn_no"]}
            found = client.call("5203", {"data": asked}).output["setlinfo"]
        except Refused:
            found = None
    if repair == "return" and found is None and infno != "2102":
        return _mended(bench, lost, "undo")
    paid = client.call(infno, lost.given, lost.msgid).paid if found is None else found
    bench.remember(_role(infno), paid, REFUNDED_BY[infno])
    if repair != "return":
        return _own(paid)
    client.refund(paid, infno=REFUNDED_BY[infno])
    _is_refunded(lost, paid)
    try:
        client.refund(paid, infno=REFUNDED_BY[infno])
    except Refused:
        return Decimal(0)
    raise Unmet(f"expected a second refund of a {infno} to be refused; it was carried out")


def _refunded(client: Client, paid: Info) -> bool:
    asked = {"setl_id": paid["setl_id"], "mdtrt_id": paid["mdtrt_id"], "psn_no": paid["psn_no"]}
    return str(client.call("5203", {"data": asked}).output["setlinfo"]["refd_setl_flag"]) == "1"


def _is_refunded(lost: Lost, paid: Info) -> None:
    expect(_refunded(lost.client, paid), "5203: refd_setl_flag 1", "0")


def _mended_refund(bench: Bench, lost: Lost, repair: str) -> Decimal:
    """What the own account has paid in the end for the settlement that a refund was to return."""
    assert lost.settled is not None, "a refund is about a settlement"
    if repair == "undo":
        try:
            lost.client.take_back(lost.settled["psn_no"], lost.infno, lost.msgid)
        except Refused:
            if not _refunded(lost.client, lost.settled):
                _comes_late(bench, lost)
                return _own(lost.settled)
            return Decimal(0)
        # A server that can undo refunds has taken the money once more.
        expect(not _refunded(lost.client, lost.settled), "5203: refd_setl_flag 0 after an undone refund", "1")
        return _own(lost.settled)
    if repair == "again" or not _refunded(lost.client, lost.settled):
        lost.client.call(lost.infno, lost.given, lost.msgid)
    _is_refunded(lost, lost.settled)
    return Decimal(0)


def _mended_order(bench: Bench, lost: Lost, repair: str) -> Decimal:
    """What the own account has paid for an order in the end."""
    client, data = lost.client, lost.given["data"]
    order = {"payOrdId": data["payOrdId"]}
    back = {"data": {**order, "payAuthNo": data["payAuthNo"], "refdType": "ALL"}}
    bench.afterwards(lambda: client.call("6203", back))

    def found() -> Info:
        return dict(client.call("6301", {"data": order}).output["data"])

    if repair == "return" and _revoked(client, order):
        try:
            client.call("6202", lost.given, lost.msgid)
        except Refused:
            return Decimal(0)
        raise Unmet("expected a revoked order not to be paid when its message comes late; it was paid")
    if repair == "again" or found()["ordStas"] != PAID:
        client.call("6202", lost.given, lost.msgid)
    paid = found()
    expect(paid["ordStas"] == PAID, f"6301: ordStas {PAID}", paid["ordStas"])
    if repair == "return":
        client.call("6203", back)
        expect(found()["ordStas"] == REFUNDED, f"6301: ordStas {REFUNDED}", found()["ordStas"])
        return Decimal(0)
    person, _ = bench.person(bench.hospital, "aided")
    return _own(bench.hospital.call("5203", {"data": {"psn_no": person, "setl_id": paid["setlId"]}}).output["setlinfo"])


def _revoked(client: Client, order: Info) -> bool:
    """Whether an order could still be ended; one that is paid can not."""
    try:
        client.call("6401", {"data": order})
    except Refused:
        return False
    return True


def _broken(infno: str, cut: str, repair: str) -> Work:
    def work(bench: Bench) -> None:
        lost = prepare(bench, infno)
        lose(bench, lost, cut)
        bench.subject.between()
        mend(bench, lost, repair)

    return work


for _infno, _cut, _way in cases():
    check(
        f"broken.{_infno}.{_cut.replace(' ', '_')}.{_way}",
        f"{_infno} cut {_cut}, then {WORDS[_way]}: both sides agree, nothing is paid twice",
    )(_broken(_infno, _cut, _way))
