"""Visits: registration, what was found, bill lines, and each of them taken back; stays in hospital from admission to discharge.

Settling either is in `settlement`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mulaid import refs
from mulaid.calendar import SHANGHAI, business_date, stamp
from mulaid.db import Tx
from mulaid.gateway import answers
from mulaid.gateway.handlers.call import Call, check_area, check_presented, person_of
from mulaid.gateway.handlers.filing import note_practitioners
from mulaid.people import enrolment
from mulaid.people.enrolment import PersonRef
from mulaid.refusal import Refusal
from mulaid.settlement import records, stay, visit
from mulaid.settlement.records import Report
from mulaid.settlement.visit import Line

ADMISSION, DISCHARGE = "admission", "discharge"


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
        ref, person = refs.parse(refs.VISIT, data["mdtrt_id"]), person_of(data).id
        visit.find_outpatient(tx, ref, call.institution.code, person, lock=True)
        visit.cancel_visit(tx, ref, call.institution.code, person)

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


def admit(call: Call) -> str:
    """2401: a stay begins."""
    data = call.input["mdtrtinfo"]

    def work(tx: Tx) -> dict[str, Any]:
        if call.institution.pharmacy:
            raise Refusal("message.not_a_hospital")
        ref = person_of(data)
        holder = check_presented(tx, call, data, ref)
        begun = business_date(data["begntime"])
        check_area(call, enrolment.enrolled(tx, ref, begun).region)
        opened = visit.open_visit(
            tx,
            call.institution,
            ref,
            number=data["ipt_no"],
            begun_on=begun,
            insutype=data.get("insutype", ""),
            med_type=data["med_type"],
            presenter=holder.presenter if holder else None,
            chosen=holder.chosen if holder else None,
            card=holder.card if holder else None,
            use="inpatient",
            disease=data.get("dise_codg", ""),
        )
        facts = {**data, "ipt_otp_no": data["ipt_no"], "diseinfo": _diagnoses(tx, call)}
        records.keep(tx, call.institution, Report(ADMISSION, facts, str(opened), ref, opened, begins_on=begun))
        tx.subject = opened
        return {"result": {"mdtrt_id": refs.show(refs.VISIT, opened), "psn_no": ref.number}}

    return call.command(work)


def _diagnoses(tx: Tx, call: Call) -> list[Any]:
    rows: list[Mapping[str, Any]] = call.input.get("diseinfo", [])
    note_practitioners(tx, call, rows)
    return [records.plain(row) for row in rows]


def correct(call: Call) -> str:
    """2403: what was said at admission is said anew; the day stays."""
    data = call.input["adminfo"]

    def work(tx: Tx) -> None:
        ref, place = person_of(data), refs.parse(refs.VISIT, data["mdtrt_id"])
        row = stay.find(tx, place, call.institution.code, ref.id, lock=True)
        if "begntime" in data and business_date(data["begntime"]) != row["begun_on"]:
            given, found = business_date(data["begntime"]).isoformat(), row["begun_on"].isoformat()
            raise Refusal("visit.admission_day", given=given, found=found)
        kinds = {"med_type": data.get("med_type", ""), "disease": data.get("dise_codg", "")}
        stay.correct(tx, place, call.institution.code, ref.id, **kinds)
        for record in records.about(tx, ADMISSION, place):
            facts = dict(data)
            if call.input.get("diseinfo"):
                facts["diseinfo"] = _diagnoses(tx, call)
            records.rewrite(tx, record, facts)

    return call.command(work)


def cancel_admission(call: Call) -> str:
    """2404: the stay did not happen."""
    data = call.input["data"]

    def work(tx: Tx) -> None:
        withdraw(tx, call, person_of(data), data["mdtrt_id"])

    return call.command(work)


def withdraw(tx: Tx, call: Call, person: PersonRef, shown: str) -> None:
    """Take an admission back with what was said of it."""
    place = refs.parse(refs.VISIT, shown)
    stay.cancel(tx, place, call.institution.code, person.id)
    for record in records.about(tx, ADMISSION, place):
        records.cancel(tx, record, call.institution)


def discharge(call: Call) -> str:
    """2402: the stay ends."""
    data = call.input["dscginfo"]

    def work(tx: Tx) -> None:
        ref, place = person_of(data), refs.parse(refs.VISIT, data["mdtrt_id"])
        until = business_date(data["endtime"])
        visit.discharge(tx, place, call.institution.code, ref.id, until)
        facts = {**data, "diseinfo": _diagnoses(tx, call)}
        row = stay.find(tx, place, call.institution.code, ref.id)
        report = Report(DISCHARGE, facts, str(place), ref, place, begins_on=row["begun_on"], ends_on=until)
        records.replace(tx, call.institution, report)

    return call.command(work)


def cancel_discharge(call: Call) -> str:
    """2405: the patient is in hospital again."""
    data = call.input["data"]

    def work(tx: Tx) -> None:
        ref, place = person_of(data), refs.parse(refs.VISIT, data["mdtrt_id"])
        row = stay.find(tx, place, call.institution.code, ref.id)
        if row["ended_on"] is None:
            raise Refusal("visit.not_discharged")
        visit.discharge(tx, place, call.institution.code, ref.id, None)
        for record in records.about(tx, DISCHARGE, place):
            records.cancel(tx, record, call.institution)

    return call.command(work)


def upload_stay(call: Call) -> str:
    """2301: bill lines of a stay; a negative one gives back something of the line that it names."""
    rows: Sequence[Mapping[str, Any]] = call.input["feedetail"]

    def work(tx: Tx) -> dict[str, Any]:
        if len({(row["mdtrt_id"], row["psn_no"]) for row in rows}) != 1:
            raise Refusal("message.mixed_lines")
        place, ref = refs.parse(refs.VISIT, rows[0]["mdtrt_id"]), person_of(rows[0])
        lines = [(line_of(call, row), row.get("init_feedetl_sn", "")) for row in rows]
        split = stay.add_lines(tx, call.library, place, call.institution.code, ref, lines)
        return {"result": [answers.line(part) for part in split]}

    return call.command(work)


def take_back_stay_lines(call: Call) -> str:
    """2302: lines that are not settled, by serial, or all with 0000."""
    rows: Sequence[Mapping[str, Any]] = call.input["data"]

    def work(tx: Tx) -> None:
        if len({(row["mdtrt_id"], row["psn_no"]) for row in rows}) != 1:
            raise Refusal("message.mixed_lines")
        place, ref = refs.parse(refs.VISIT, rows[0]["mdtrt_id"]), person_of(rows[0])
        serials = [row["feedetl_sn"] for row in rows]
        stay.remove_lines(tx, call.library, place, call.institution.code, ref, serials)

    return call.command(work)
