"""Settlements: what a bill would come to, its settlement, its refund, and taking back what has an unknown end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from mulaid import commands, kept, refs
from mulaid.calendar import business_date
from mulaid.db import Row, Tx
from mulaid.gateway import answers
from mulaid.gateway.handlers.call import DOOR, Call, certificate, check_area, nothing_presented, person_of
from mulaid.gateway.handlers.visit import line_of, withdraw
from mulaid.ledger.chart import CURRENT_YEAR, OWN
from mulaid.ledger.statement import balances
from mulaid.money import Fen
from mulaid.people import enrolment
from mulaid.people.enrolment import PersonRef
from mulaid.policy.explain import cautions, explain
from mulaid.refusal import Refusal
from mulaid.settlement import pay, stay, visit
from mulaid.settlement.refund import refund_whole

REVERSIBLE = ("2102", "2207", "2304", "2103", "2208", "2305", "2401")
REFUNDS = ("2103", "2208", "2305")


def _outpatient_bill(tx: Tx, call: Call) -> pay.Bill:
    if call.institution.pharmacy:
        raise Refusal("message.not_a_hospital")
    data = call.input["data"]
    place = refs.parse(refs.VISIT, data["mdtrt_id"])
    return pay.Bill(
        library=call.library,
        institution=call.institution,
        person=person_of(data),
        infno=call.infno,
        msgid=call.msgid,
        visit=place,
        batch=data.get("chrg_bchno") or _only_batch(tx, call, place),
        declared=_declared(data),
        use_accounts=_use_accounts(call, data),
        insutype=data.get("insutype", ""),
        med_type=data.get("med_type", ""),
        token=certificate(data)[0],
        document=certificate(data)[1],
    )


def _stay_bill(tx: Tx, call: Call) -> pay.Bill:
    """The lines of a stay that are not settled yet; their day is that of discharge, today before it."""
    data = call.input["data"]
    place, ref = refs.parse(refs.VISIT, data["mdtrt_id"]), person_of(data)
    row = stay.find(tx, place, call.institution.code, ref.id)
    if row["ended_on"] is None and call.infno == "2304" and data.get("mid_setl_flag", "0") != "1":
        raise Refusal("visit.not_discharged_yet")
    return pay.Bill(
        library=call.library,
        institution=call.institution,
        person=ref,
        infno=call.infno,
        msgid=call.msgid,
        visit=place,
        batch=stay.open_batch(tx, row),
        declared=_declared(data),
        use_accounts=_use_accounts(call, data),
        insutype=data.get("insutype", ""),
        med_type=data.get("med_type", ""),
        token=certificate(data)[0],
        document=certificate(data)[1],
        use="inpatient",
    )


def preview_stay(call: Call) -> str:
    """2303: what 2304 would come to now."""
    return _preview(call, lambda tx: _stay_bill(tx, call))


def settle_stay(call: Call) -> str:
    """2304: the money of a stay moves."""
    return _settle(call, lambda tx: _stay_bill(tx, call))


def _only_batch(tx: Tx, call: Call, place: UUID) -> str:
    """The batch that is meant when none is named: the only unsettled one, else the newest settled one, which then says so.

    Refuses several: they are settled one by one, and which first changes who pays how much.
    """
    visit.find_visit(tx, place, call.institution.code, person_of(call.input["data"]).id)
    rows = tx.all(visit.SQL.batches, book=refs.book_of(place), visit=place)
    waiting = [row["batch"] for row in rows if row["settlement"] is None]
    if len(waiting) > 1:
        named = "、".join(waiting[:5])
        told = f"本次就诊有 {len(waiting)} 个未结算的收费批次（{named}），结算信息"
        raise Refusal("interface.missing_field", node="data", place=told, field="chrg_bchno", meaning="收费批次号")
    if waiting:
        return str(waiting[0])
    return str(max(rows, key=lambda row: row["settlement"])["batch"]) if rows else ""


def _use_accounts(call: Call, data: Mapping[str, Any]) -> bool:
    flag = data.get("acct_used_flag")
    return call.profile.accounts_when_unsaid if flag is None else flag == "1"


def _declared(data: Mapping[str, Any]) -> dict[str, Fen]:
    names = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
    given = {name: data[name] for name in names if name in data}
    # Programs that must not send empty numbers send zeros for sums they do not keep: four zeros beside a bill mean "not sent".
    if not any(given.values()):
        given = {}
    return {"medfee_sumamt": data["medfee_sumamt"], **given}


def _present(call: Call, settled: pay.Settled, *, final: bool) -> str:
    """The answer, after a last look whether credential and area of the message are those of the person."""
    node = "druginfo" if settled.bill.lines else "data"
    if settled.facts.use == "inpatient" and settled.bill.use != "inpatient":
        raise Refusal("visit.is_stay")
    number = certificate(call.input[node])[1]
    body = answers.settlement(settled, call.profile, call.at, final=final)
    if number and number.upper() != body["setlinfo"]["certno"]:
        raise Refusal("message.person_differs")
    check_area(call, settled.facts.patient.region)
    said = call.input[node]
    body["setlinfo"] |= {"mdtrt_cert_type": said["mdtrt_cert_type"], "invono": said.get("invono", "")}
    if settled.bill.lines:
        body["detlcutinfo"] = [answers.line(part) for part in settled.bill.lines]
    warning = "" if final else "；".join(dict.fromkeys(cautions(explain(settled.packs, settled.decision.steps))))
    return call.answer(body, warning)


def _preview(call: Call, bill_of: Callable[[Tx], pay.Bill]) -> str:
    """A pre-settlement is the same gathering and the same law, without recording."""
    with call.db.reading(call.at, call.by) as tx:
        bill = bill_of(tx)
        settled = pay.decide(tx, bill, pay.gather(tx, bill, None, lock=False))
        return _present(call, settled, final=False)


def _settle(call: Call, bill_of: Callable[[Tx], pay.Bill]) -> str:
    def present(settled: pay.Settled) -> str:
        return _present(call, settled, final=True)

    return commands.settle(call.db, call.key, bill_of, present, call.refuse, nonce=call.nonce, at=call.at, by=call.by).text


def preview_outpatient(call: Call) -> str:
    """2206: what 2207 would come to now."""
    return _preview(call, lambda tx: _outpatient_bill(tx, call))


def settle_outpatient(call: Call) -> str:
    """2207: the money moves."""
    return _settle(call, lambda tx: _outpatient_bill(tx, call))


def _pharmacy_bill(tx: Tx, call: Call) -> pay.Bill:
    if not call.institution.pharmacy:
        raise Refusal("message.not_a_pharmacy")
    data = call.input["druginfo"]
    token, number = certificate(data)
    if not token and not number:
        raise nothing_presented(data)
    ref = person_of(data)
    on = business_date(data.get("begntime", call.at))
    visit.check_day(tx, on)
    region = enrolment.enrolled(tx, ref, on).region
    lines = visit.split_lines(
        tx, call.library.in_force(region, on), on, [line_of(call, line) for line in call.input["drugdetail"]]
    )
    return pay.Bill(
        library=call.library,
        institution=call.institution,
        person=ref,
        infno=call.infno,
        msgid=call.msgid,
        on=on,
        portions=visit.portions(lines),
        lines=tuple(lines),
        declared={"medfee_sumamt": data["medfee_sumamt"]},
        use_accounts=_use_accounts(call, data),
        insutype=data.get("insutype", ""),
        med_type=data.get("med_type", "41"),
        token=token,
        document=number,
        number=data.get("invono", ""),
    )


def preview_pharmacy(call: Call) -> str:
    """2101: what 2102 would come to now."""
    return _preview(call, lambda tx: _pharmacy_bill(tx, call))


def settle_pharmacy(call: Call) -> str:
    """2102: drugs are bought; a settlement at a pharmacy is a visit of its own."""
    return _settle(call, lambda tx: _pharmacy_bill(tx, call))


def refund(call: Call) -> str:
    """2208, 2103, 2305: a settlement is returned whole, every part to where it came from."""
    data = call.input["data"]

    def work(tx: Tx) -> dict[str, Any]:
        if call.institution.pharmacy != (call.infno == "2103"):
            raise Refusal("message.not_a_hospital" if call.institution.pharmacy else "message.not_a_pharmacy")
        settlement = refs.parse(refs.SETTLEMENT, data["setl_id"])
        place = refs.parse(refs.VISIT, data["mdtrt_id"]) if "mdtrt_id" in data else None
        return give_back(tx, call, settlement, person_of(data).id, place)

    return call.command(work)


def give_back(tx: Tx, call: Call, settlement: UUID, person: UUID | None, place: UUID | None) -> dict[str, Any]:
    """Refund a settlement and say so in the words of its own answer."""
    ref, row = refund_whole(
        tx, settlement, institution=call.institution, person=person, visit=place, infno=call.infno, msgid=call.msgid
    )
    held = balances(tx, row["book"], row["person"])
    balance = held.get(OWN, 0) + held.get(CURRENT_YEAR, 0)
    answer = recorded(tx, call, row)
    return answers.refunded(answer, refs.show(refs.SETTLEMENT, ref), tx.at, call.msgid, balance, call.profile)


def recorded(tx: Tx, call: Call, row: Row) -> dict[str, Any]:
    """The business output that was answered when a settlement of this institution was made."""
    key = f"{row['infno']}:{row['msgid']}"
    answer = kept.find(tx, call.institution.book, DOOR, call.institution.code, key).answer
    output: dict[str, Any] = json.loads(answer, parse_float=Decimal)["output"]
    return output


def take_back(call: Call) -> str:
    """2601: undo a transaction whose end the sender does not know; asking again changes nothing.

    A transaction that has not arrived is barred, so that it cannot pay when it arrives late.
    """
    data = call.input["data"]
    infno = data["oinfno"].removesuffix("A")
    original = f"{infno}:{data['omsgid']}"

    def work(tx: Tx) -> None:
        if infno not in REVERSIBLE:
            raise Refusal("settlement.not_reversible", infno=infno)
        if infno == "2401":
            _withdraw_admission(tx, call, original)
            return
        row = pay.made_by(tx, call.institution.book, DOOR, call.institution.code, original)
        if infno in REFUNDS:
            raise Refusal("settlement.refund_not_reversible")
        if "psn_no" in data and row["person"] != person_of(data).id:
            raise Refusal("settlement.other_person")
        if row["refunded_by"] is None:
            give_back(tx, call, row["id"], None, None)

    if infno in REVERSIBLE:
        commands.bar(call.db, call.institution.book, DOOR, call.institution.code, original, call.refuse, at=call.at, by=call.by)
    return call.command(work)


def _withdraw_admission(tx: Tx, call: Call, original: str) -> None:
    made = tx.one(visit.SQL.command_of, book=call.institution.book, door=DOOR, caller=call.institution.code, key=original)
    if made is None or made["subject"] is None:
        raise Refusal("settlement.nothing_to_reverse")
    row = tx.one(visit.SQL.visit, book=refs.book_of(made["subject"]), id=made["subject"])
    assert row is not None, "an admission's subject is its visit"
    data = call.input["data"]
    if "psn_no" in data and row["person"] != person_of(data).id:
        raise Refusal("settlement.other_person")
    if row["cancelled_at"] is None:
        withdraw(tx, call, PersonRef(row["book"], row["person"]), refs.show(refs.VISIT, row["id"]))
