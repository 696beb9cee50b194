"""Outpatient visits: registration, what was found, bill lines, and each of them taken back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mulaid import refs
from mulaid.calendar import SHANGHAI, business_date, stamp
from mulaid.db import Tx
from mulaid.gateway import answers
from mulaid.gateway.handlers.call import Call, check_area, check_presented, person_of
from mulaid.people import enrolment
from mulaid.refusal import Refusal
from mulaid.settlement import visit
from mulaid.settlement.visit import Line


def register(call: Call) -> str:
    """2201: a visit begins."""

    def work(tx: Tx) -> dict[str, Any]:
        if call.institution.pharmacy:
            raise Refusal("message.not_a_hospital")
        data = call.input["data"]
        ref = person_of(data)
        holder = check_presented(tx, call, data, ref)
        begun = data.get("begntime", call.at)
        check_area(call, enrolment.enrolled(tx, ref, business_date(begun)).region)
        opened = visit.open_visit(
            tx,
            call.institution,
            ref,
            number=data["ipt_otp_no"],
            begun_on=business_date(begun),
            insutype=data.get("insutype", ""),
            med_type=data.get("med_type", ""),
            presenter=holder.presenter if holder else None,
            chosen=holder.chosen if holder else None,
            card=holder.card if holder else None,
        )
        tx.subject = opened
        return {"data": {"mdtrt_id": refs.show(refs.VISIT, opened), "psn_no": ref.number, "ipt_otp_no": data["ipt_otp_no"]}}

    return call.command(work)


def cancel_registration(call: Call) -> str:
    """2202: the visit did not happen."""
    data = call.input["data"]

    def work(tx: Tx) -> None:
        visit.cancel_visit(tx, refs.parse(refs.VISIT, data["mdtrt_id"]), call.institution.code, person_of(data).id)

    return call.command(work)


def report_visit(call: Call) -> str:
    """2203, 2203A: condition and diagnoses."""
    data = call.input["mdtrtinfo"]

    def work(tx: Tx) -> None:
        info = json.loads(json.dumps({**data, "diseinfo": call.input.get("diseinfo", [])}, default=str))
        ref = refs.parse(refs.VISIT, data["mdtrt_id"])
        kinds = {"med_type": data.get("med_type", ""), "disease": data.get("dise_codg", "")}
        visit.report_visit(tx, ref, call.institution.code, person_of(data).id, info, **kinds)

    return call.command(work)


def upload(call: Call) -> str:
    """2204: bill lines, each answered with its split."""
    lines = call.input["feedetail"]

    def work(tx: Tx) -> dict[str, Any]:
        if len({(line["mdtrt_id"], line["psn_no"]) for line in lines}) != 1:
            raise Refusal("message.mixed_lines")
        ref = refs.parse(refs.VISIT, lines[0]["mdtrt_id"])
        read = [line_of(call, line) for line in lines]
        split = visit.upload_lines(tx, call.library, ref, call.institution.code, person_of(lines[0]), read)
        return {"result": [answers.line(part) for part in split]}

    return call.command(work)


def line_of(call: Call, data: Mapping[str, Any]) -> Line:
    """One bill line as the domain takes it."""
    arose = data.get("fee_ocur_time") or call.at.astimezone(SHANGHAI)
    detail = {name: str(value) for name, value in data.items() if name not in ("mdtrt_id", "psn_no")}
    detail["fee_ocur_time"] = stamp(arose)
    return Line(
        serial=data["feedetl_sn"],
        batch=data.get("chrg_bchno", ""),
        item=data["med_list_codg"],
        fen=data["det_item_fee_sumamt"],
        quantity=data["cnt"],
        price=data["pric"],
        detail=detail,
    )


def take_back_lines(call: Call) -> str:
    """2205: lines that are not settled, one batch or all (0000), all of its lines or one."""
    data = call.input["data"]

    def work(tx: Tx) -> None:
        ref = refs.parse(refs.VISIT, data["mdtrt_id"])
        person, batch, serial = person_of(data).id, data["chrg_bchno"], data.get("feedetl_sn", visit.EVERY_LINE)
        visit.remove_lines(tx, ref, call.institution.code, person, batch, serial)

    return call.command(work)
