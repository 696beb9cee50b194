"""The checks of settling: envelope, people, pharmacies, outpatient care, stays in hospital, repeats, races, money."""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

from mulaid.client import Client, Refused, Visit, identities
from mulaid.conform.kit import Bench, Skip, Unmet, Work, check, expect, in_form
from mulaid.gateway.auth import OPEN
from mulaid.gateway.dialect import Amount

MONEY = (
    "medfee_sumamt", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt", "act_pay_dedc", "hifp_pay",
    "fund_pay_sumamt", "psn_part_amt", "acct_pay", "psn_cash_pay", "balc", "acct_mulaid_pay",
)  # fmt: skip
ENVELOPE = ("infcode", "inf_refmsgid", "refmsg_time", "respond_time", "err_msg", "output")
FRONT_SERIAL = re.compile(r"[0-9]{30}", re.ASCII)

# The envelope


@check("envelope.members", "every answer has the members of the envelope")
def _(bench: Bench) -> None:
    answer = bench.raw(bench.hospital, "1101", {"data": bench.card("aided").fields})
    message = bench.message(answer, "1101")
    for name in ENVELOPE:
        expect(name in message, f"1101: member {name}", sorted(message))
    expect(
        isinstance(message["infcode"], str) is bench.subject.profile.infcode_text,
        "infcode in the profile's type",
        message["infcode"],
    )
    expect(FRONT_SERIAL.fullmatch(str(message["inf_refmsgid"])) is not None, "inf_refmsgid of 30 digits", message["inf_refmsgid"])


@check("envelope.content_type", "a body sent as text/plain is read")
def _(bench: Bench) -> None:
    body = bench.text(bench.hospital, "1101", {"data": bench.card("aided").fields})
    answer = bench.post(bench.hospital, "1101", body, {"Content-Type": "text/plain"})
    expect(str(bench.message(answer, "1101")["infcode"]) == "0", "infcode 0", answer.text[:200])


@check("envelope.input_text", "an input that is JSON text is read like an object")
def _(bench: Bench) -> None:
    given = json.dumps({"data": bench.card("aided").fields})
    expect(str(bench.message(bench.raw(bench.hospital, "1101", given), "1101")["infcode"]) == "0", "infcode 0", "a refusal")


OPTIONAL = (
    "mdtrtarea_admvs", "insuplc_admdvs", "recer_sys_code", "dev_no", "dev_safe_info", "signtype", "infver", "opter_type",
    "opter_name", "inf_time", "fixmedins_name", "sign_no", "enc_type",
)  # fmt: skip


@check(
    "envelope.sloppy",
    "a message as sloppy as those of real programs is read: members missing, empty, null or numbers, unknown ones",
)
def _(bench: Bench) -> None:
    given = {"data": bench.card("aided").fields}
    ways: list[dict[str, Any]] = [dict.fromkeys(OPTIONAL, value) for value in (None, "", "null")]
    ways += [{"opter_type": 1, "dev_no": "1", "dev_safe_info": "1"}, {"serv_code": "x", "foo": {"a": [1]}}]
    for way in ways:
        answer = bench.message(bench.raw(bench.hospital, "1101", given, **way), "1101")
        expect(str(answer["infcode"]) == "0", f"infcode 0 for {way}", answer["err_msg"])
    for odd in ({"data": [given["data"]]}, {"data": {**given["data"], "begntime": "", "psn_name": None, "unknown": "x"}}):
        answer = bench.message(bench.raw(bench.hospital, "1101", odd), "1101")
        expect(str(answer["infcode"]) == "0", f"infcode 0 for {odd}", answer["err_msg"])


@check("envelope.unknown_infno", "a transaction that does not exist is refused in words")
def _(bench: Bench) -> None:
    bench.refused(bench.hospital, "0000", {"data": {}})


@check("envelope.not_json", "a body that is no JSON is refused, not answered with an error page")
def _(bench: Bench) -> None:
    for body in (
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"infno":"1101","infno":"1101"}',
        b'{"infno":"1101","input":{"data":{"x":NaN}}}',
    ):
        bench.refusal(bench.post(bench.hospital, "1101", body), f"the body {body!r}")


@check("envelope.too_large", "a body of ten megabytes is refused")
def _(bench: Bench) -> None:
    bench.refusal(bench.post(bench.hospital, "1101", b'{"infno":"1101","input":"' + b"x" * 10_000_000 + b'"}'), "a large body")


@check("envelope.other_institution", "a message in another institution's name is refused")
def _(bench: Bench) -> None:
    if bench.hospital.connection.transport == OPEN:
        raise Skip("an unsigned connection cannot be told from another")
    other = bench.subject.connection("other").institution
    bench.refused(bench.hospital, "1101", {"data": bench.card("aided").fields}, fixmedins_code=other)


# People


@check("1101.found", "1101 finds a person by ID card, in the form of the contract")
def _(bench: Bench) -> None:
    for role in ("aided", "resident"):
        card = bench.card(role)
        answer = bench.hospital.call("1101", {"data": card.fields})
        in_form("1101", answer)
        found = answer.output["baseinfo"]
        expect(found["certno"] == card.number, "baseinfo.certno is the number asked for", found["certno"])
        expect(len(answer.output["insuinfo"]) > 0, "insuinfo has a row", answer.output["insuinfo"])


@check("1101.unknown", "1101 refuses numbers that nobody has or can have")
def _(bench: Bench) -> None:
    for number in ("11010519491231002X", "110105194912310021", "1", "", "１１０１０５１９４９１２３１００２X"):
        bench.refused(bench.hospital, "1101", {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": number}})


@check("1162.code", "a code is read once, and its token names the same person")
def _(bench: Bench) -> None:
    code = bench.code("aided")
    certificate, _ = bench.hospital.decode(code)
    person, _ = bench.person(bench.hospital, "aided")
    expect(bench.hospital.person(certificate)["baseinfo"]["psn_no"] == person, "the token's person", "another")
    try:
        bench.client("other").decode(code)
    except Refused:
        return
    raise Unmet("expected a used code to be refused elsewhere; it was read again")


@check("1162.unknown", "codes that were never given are refused")
def _(bench: Bench) -> None:
    for code in ("9" * 28, "x", "", "1" * 27):
        bench.refused(bench.hospital, "1162", {"data": {"ecQrCode": code, "orgId": bench.hospital.connection.institution}})


@check("9001.sign", "an operator signs in and out")
def _(bench: Bench) -> None:
    answer = bench.hospital.call("9001", {"signIn": {"opter_no": "001", "mac": "00:00:00:00:00:00", "ip": "127.0.0.1"}})
    in_form("9001", answer)
    out = {"sign_no": answer.output["signinoutb"]["sign_no"], "opter_no": "001"}
    in_form("9002", bench.hospital.call("9002", {"signOut": out}))


# Pharmacies


@check("2102.adds_up", "a purchase settles: in form, amounts add up, the person's balance falls by what was paid from it")
def _(bench: Bench) -> None:
    before = bench.balance(bench.pharmacy, "aided")
    answer = bench.buys()
    in_form("2102", answer)
    paid = answer.paid
    own = paid["acct_pay"] - paid["acct_mulaid_pay"]
    expect(
        bench.balance(bench.pharmacy, "aided") == before - own,
        f"a balance of {before - own}",
        bench.balance(bench.pharmacy, "aided"),
    )
    expect(paid["balc"] == before - own, f"balc {before - own}, the patient's own account", paid["balc"])
    total = sum(line.fen for line in bench.lines())
    expect(paid["medfee_sumamt"] == Decimal(total) / 100, "medfee_sumamt is the sum of the lines", paid["medfee_sumamt"])


@check("2101.moves_nothing", "a pre-settlement tells what the settlement then does, and moves nothing")
def _(bench: Bench) -> None:
    before = bench.balance(bench.pharmacy, "aided")
    person, card = bench.person(bench.pharmacy, "aided")
    told = bench.pharmacy.preview_purchase(person, card, bench.lines())
    in_form("2101", told)
    bench.holds(bench.pharmacy, before)
    paid = bench.buys().paid
    for name in MONEY:
        expect(told.paid[name] == paid[name], f"{name} as it was told ({told.paid[name]})", paid[name])


@check("2102.no_accounts", "without acct_used_flag no account pays")
def _(bench: Bench) -> None:
    paid = bench.buys(use_accounts=False).paid
    expect(paid["acct_pay"] == paid["acct_mulaid_pay"] == 0, "acct_pay and acct_mulaid_pay 0.00", paid["acct_pay"])


@check("2102.resident", "a resident without an account pays in cash or by a relative, never below zero")
def _(bench: Bench) -> None:
    paid = bench.buys("resident").paid
    expect(paid["acct_pay"] == paid["acct_mulaid_pay"], "nothing from an own account", paid["acct_pay"])


@check("2102.suspended", "for somebody whose enrolment is suspended the fund pays nothing")
def _(bench: Bench) -> None:
    paid = bench.buys("suspended").paid
    expect(paid["hifp_pay"] == 0, "hifp_pay 0.00", paid["hifp_pay"])


@check("2102.unlisted", "an item that no catalogue knows is wholly self-funded")
def _(bench: Bench) -> None:
    given = bench.purchase()
    for row in given["drugdetail"]:
        row["med_list_codg"] = bench.subject.unknown_item
    answer = bench.pharmacy.call("2102", given)
    bench.remember("pharmacy", answer.paid, "2103")
    expect(
        answer.paid["fulamt_ownpay_amt"] == answer.paid["medfee_sumamt"],
        "fulamt_ownpay_amt is the bill",
        answer.paid["fulamt_ownpay_amt"],
    )


BAD_PURCHASES: dict[str, Callable[[dict[str, Any]], None]] = {
    "total": lambda given: given["druginfo"].update(medfee_sumamt=Amount(1)),
    "negative": lambda given: given["drugdetail"][0].update(det_item_fee_sumamt=Amount(-100), cnt=-1),
    "thousandths": lambda given: given["drugdetail"][0].update(det_item_fee_sumamt=Decimal("1.001")),
    "words": lambda given: given["drugdetail"][0].update(det_item_fee_sumamt="many"),
    "line_sum": lambda given: given["drugdetail"][0].update(cnt=7),
    "no_lines": lambda given: given.update(drugdetail=[]),
    "no_person": lambda given: given["druginfo"].update(psn_no=""),
    "stranger": lambda given: given["druginfo"].update(psn_no="P" + "0" * 26),
    "huge": lambda given: given["drugdetail"][0].update(det_item_fee_sumamt=Decimal("9" * 20), pric=Decimal("9" * 20)),
    "same_serial": lambda given: given["drugdetail"][1].update(feedetl_sn=given["drugdetail"][0]["feedetl_sn"]),
    "wrong_insurance": lambda given: given["druginfo"].update(insutype="510"),
}


def _refuses_purchase(name: str) -> Work:
    def work(bench: Bench) -> None:
        given = bench.purchase()
        before = bench.balance(bench.pharmacy, "aided")
        BAD_PURCHASES[name](given)
        bench.refused(bench.pharmacy, "2102", given)
        bench.holds(bench.pharmacy, before)

    return work


for _name in BAD_PURCHASES:
    check(f"2102.refuses.{_name}", f"a purchase with a wrong {_name} is refused and moves nothing")(_refuses_purchase(_name))


@check("2103.refund", "a refund gives everything back, and only once")
def _(bench: Bench) -> None:
    before = bench.balance(bench.pharmacy, "aided")
    answer = bench.buys()
    back = bench.pharmacy.refund(answer.paid, infno="2103")
    in_form("2103", back)
    sign = 1 if bench.subject.profile.refund_positive else -1
    for name in ("medfee_sumamt", "acct_pay", "acct_mulaid_pay", "psn_cash_pay", "hifp_pay"):
        expect(back.paid[name] == sign * answer.paid[name], f"{name} {sign * answer.paid[name]}", back.paid[name])
    expect(back.paid["setl_id"] != answer.paid["setl_id"], "a number of its own", back.paid["setl_id"])
    expect(
        bench.balance(bench.pharmacy, "aided") == before,
        f"the balance of before ({before})",
        bench.balance(bench.pharmacy, "aided"),
    )
    given = {name: answer.paid[name] for name in ("setl_id", "mdtrt_id", "psn_no")}
    bench.refused(bench.pharmacy, "2103", {"data": given})


# Outpatient care


@check("2207.whole", "a visit from registration to settlement: each answer in form, the pre-settlement keeps its word")
def _(bench: Bench) -> None:
    person, card = bench.person(bench.hospital, "aided")
    opened = {"psn_no": person, "ipt_otp_no": "1", "begntime": bench.hospital.clock(), "insutype": "", **card.fields}
    answer = bench.hospital.call("2201", {"data": opened})
    in_form("2201", answer)
    given = bench.bill()
    told = bench.hospital.call("2206", {"data": given})
    in_form("2206", told)
    settled = bench.settles(given)
    in_form("2207", settled)
    for name in MONEY:
        expect(told.paid[name] == settled.paid[name], f"{name} as 2206 told ({told.paid[name]})", settled.paid[name])


@check("2207.twice", "a bill that is settled cannot be settled again under another number")
def _(bench: Bench) -> None:
    given = bench.bill()
    bench.settles(given)
    bench.refused(bench.hospital, "2207", {"data": given})
    bench.refused(bench.hospital, "2206", {"data": given})


@check("2207.other_visit", "another institution's visit is refused")
def _(bench: Bench) -> None:
    given = bench.bill(client=bench.client("other"))
    bench.refused(bench.hospital, "2207", {"data": given})


@check("2207.other_person", "a visit of another person is refused")
def _(bench: Bench) -> None:
    given = bench.bill()
    person, card = bench.person(bench.hospital, "giver")
    bench.refused(bench.hospital, "2207", {"data": {**given, "psn_no": person, **card.fields}})


@check("2205.undo", "lines can be taken back before, not after the settlement")
def _(bench: Bench) -> None:
    given = bench.bill()
    undo = {"mdtrt_id": given["mdtrt_id"], "psn_no": given["psn_no"], "chrg_bchno": given["chrg_bchno"], "feedetl_sn": "0000"}
    bench.hospital.call("2205", {"data": [undo]})
    bench.refused(bench.hospital, "2207", {"data": given})
    again = bench.bill()
    bench.settles(again)
    undo = {**undo, "mdtrt_id": again["mdtrt_id"], "chrg_bchno": again["chrg_bchno"]}
    bench.refused(bench.hospital, "2205", {"data": [undo]})


@check("2202.cancel", "a registration can be cancelled, and then nothing settled on it")
def _(bench: Bench) -> None:
    given = bench.bill()
    cancel = {"mdtrt_id": given["mdtrt_id"], "psn_no": given["psn_no"], "ipt_otp_no": "1"}
    bench.hospital.call("2202", {"data": cancel})
    bench.refused(bench.hospital, "2207", {"data": given})


@check("2208.refund", "a refund gives everything back once, and the visit can be settled anew")
def _(bench: Bench) -> None:
    before = bench.balance(bench.hospital, "aided")
    given = bench.bill()
    paid = bench.settles(given).paid
    back = bench.hospital.refund(paid)
    in_form("2208", back)
    expect(
        bench.balance(bench.hospital, "aided") == before,
        f"the balance of before ({before})",
        bench.balance(bench.hospital, "aided"),
    )
    bench.refused(bench.hospital, "2208", {"data": {name: paid[name] for name in ("setl_id", "mdtrt_id", "psn_no")}})
    bench.settles(given)


@check("5203.told", "a settlement can be asked for by its number and by its visit")
def _(bench: Bench) -> None:
    paid = bench.settles(bench.bill()).paid
    for given in ({"setl_id": paid["setl_id"]}, {"setl_id": ""}):
        answer = bench.hospital.call("5203", {"data": {**given, "mdtrt_id": paid["mdtrt_id"], "psn_no": paid["psn_no"]}})
        in_form("5203", answer)
        row = answer.output["setlinfo"]
        for name in ("setl_id", "medfee_sumamt", "acct_pay", "psn_cash_pay"):
            expect(row[name] == paid[name], f"5203: {name} {paid[name]}", row[name])


# The same message again


@check("repeat.same_answer", "the same msgid with the same body gets the stored answer, and pays once")
def _(bench: Bench) -> None:
    given, before = bench.purchase(), bench.balance(bench.pharmacy, "aided")
    msgid = bench.pharmacy.new_msgid()
    first = bench.pharmacy.call("2102", given, msgid)
    bench.remember("pharmacy", first.paid, "2103")
    again = bench.pharmacy.call("2102", given, msgid)
    expect(again.output == first.output, "the stored answer", again.output)
    own = first.paid["acct_pay"] - first.paid["acct_mulaid_pay"]
    bench.holds(bench.pharmacy, before - own)


@check("repeat.other_body", "the same msgid with another body is refused")
def _(bench: Bench) -> None:
    given = bench.purchase()
    msgid = bench.pharmacy.new_msgid()
    answer = bench.pharmacy.call("2102", given, msgid)
    bench.remember("pharmacy", answer.paid, "2103")
    other = bench.text(bench.pharmacy, "2102", {**given, "druginfo": {**given["druginfo"], "acct_used_flag": "0"}}, msgid)
    bench.refusal(bench.post(bench.pharmacy, "2102", other), "another body")


@check("repeat.refusal_stays", "what was refused stays refused under its msgid, even when it could be done by now")
def _(bench: Bench) -> None:
    given = bench.bill()
    paid = bench.settles(given).paid
    msgid = bench.hospital.new_msgid()
    body = bench.text(bench.hospital, "2207", {"data": given}, msgid)
    bench.refusal(bench.post(bench.hospital, "2207", body), "a second settlement")
    bench.hospital.refund(paid)
    bench.refusal(bench.post(bench.hospital, "2207", body), "the refused message again")


@check("repeat.at_once", "eight deliveries of one message at once pay once")
def _(bench: Bench) -> None:
    given = bench.bill()
    before = bench.balance(bench.hospital, "aided")
    body = bench.text(bench.hospital, "2207", {"data": given}, bench.hospital.new_msgid())
    answers = _together([lambda: bench.message(bench.post(bench.hospital, "2207", body), "2207")] * 8)
    numbers = {row["output"]["setlinfo"]["setl_id"] for row in answers if str(row["infcode"]) == "0"}
    expect(len(numbers) == 1, "one settlement", sorted(numbers))
    paid = next(row["output"]["setlinfo"] for row in answers if str(row["infcode"]) == "0")
    bench.remember("hospital", paid, "2208")
    own = paid["acct_pay"] - paid["acct_mulaid_pay"]
    bench.holds(bench.hospital, before - own)


@check("race.one_bill", "of eight different messages that settle one bill exactly one wins")
def _(bench: Bench) -> None:
    given = bench.bill()
    bodies = [bench.text(bench.hospital, "2207", {"data": given}, bench.hospital.new_msgid()) for _ in range(8)]
    work = [lambda body=body: bench.message(bench.post(bench.hospital, "2207", body), "2207") for body in bodies]
    answers = _together(work)
    won = [row["output"]["setlinfo"] for row in answers if str(row["infcode"]) == "0"]
    for paid in won:
        bench.remember("hospital", paid, "2208")
    expect(len(won) == 1, "one winner", len(won))


@check("race.one_account", "purchases at once never take an account below zero, and the balance is what is left")
def _(bench: Bench) -> None:
    before = bench.balance(bench.pharmacy, "aided")
    answers = _together([lambda: bench.buys()] * 6)
    own = sum((row.paid["acct_pay"] - row.paid["acct_mulaid_pay"] for row in answers), Decimal(0))
    left = bench.balance(bench.pharmacy, "aided")
    expect(left == before - own, f"a balance of {before - own}", left)
    expect(left >= 0, "nothing below zero", left)


def _together(work: Sequence[Callable[[], Any]]) -> list[Any]:
    """What all of them return, begun at the same moment; the first trouble of any is raised."""
    start = threading.Barrier(len(work))
    answers: list[Any] = []
    troubles: list[BaseException] = []

    def one(carry_out: Callable[[], Any]) -> None:
        start.wait()
        try:
            answers.append(carry_out())
        except Exception as trouble:
            troubles.append(trouble)

    threads = [threading.Thread(target=one, args=(item,)) for item in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]
    return answers


@check("2601.repeat", "undoing twice changes nothing the second time")
def _(bench: Bench) -> None:
    before = bench.balance(bench.pharmacy, "aided")
    person, card = bench.person(bench.pharmacy, "aided")
    msgid = bench.pharmacy.new_msgid()
    bench.pharmacy.buy(person, card, bench.lines(), msgid)
    bench.pharmacy.take_back(person, "2102", msgid)
    with suppress(Refused):
        bench.pharmacy.take_back(person, "2102", msgid)
    expect(
        bench.balance(bench.pharmacy, "aided") == before,
        f"the balance of before ({before})",
        bench.balance(bench.pharmacy, "aided"),
    )


@check("money.identities", "the identities of the interface hold in every settlement, refund and pre-settlement")
def _(bench: Bench) -> None:
    both = bench.subject.profile.fund_includes_accounts
    given = bench.bill()
    for answer in (bench.hospital.call("2206", {"data": given}), bench.settles(given)):
        wrong = list(identities(answer.output, fund_includes_accounts=both))
        expect(not wrong, "amounts that add up", "; ".join(wrong))
        for name in MONEY:
            value = answer.paid[name]
            expect(isinstance(value, int | Decimal), f"{name} a number, never null or text", value)
            expect(Decimal(value).as_tuple().exponent == -2, f"{name} with two decimals", value)


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
