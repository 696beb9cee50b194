"""What institutions look up again: settlements, lines, visits, diagnoses, filings, sums, accounts, and about themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from mulaid import audit, commands, refs
from mulaid.calendar import business_date, year_start
from mulaid.db import Row, Tx
from mulaid.gateway import answers
from mulaid.gateway.dialect import Amount
from mulaid.gateway.handlers.call import Call, person_of
from mulaid.gateway.handlers.filing import CHRONIC, DEPARTMENT, DESIGNATION, PRACTITIONER, REFERRAL
from mulaid.gateway.handlers.settlement import recorded
from mulaid.gateway.handlers.visit import ADMISSION, DISCHARGE
from mulaid.ledger.chart import CURRENT_YEAR, OWN
from mulaid.ledger.statement import balances
from mulaid.people import enrolment, filings
from mulaid.people.enrolment import Person, PersonRef
from mulaid.refusal import Refusal
from mulaid.settlement import pay, records, stay, visit
from mulaid.settlement.reconcile import CLEARING_TYPES

MOST_DAYS = 3660


def settlement(call: Call) -> str:
    """5203: a settlement as it stands, by its number or by the visit when the answer with the number was lost."""
    data = call.input["data"]
    ref = person_of(data)
    with call.db.reading(call.at, call.by) as tx:
        if "setl_id" in data:
            row = pay.find(tx, refs.parse(refs.SETTLEMENT, data["setl_id"]))
        elif "mdtrt_id" in data:
            row = pay.newest_of_visit(tx, refs.parse(refs.VISIT, data["mdtrt_id"]))
        else:
            raise Refusal("message.which_settlement")
        if row["institution"] != call.institution.code:
            raise Refusal("settlement.other_institution")
        if row["person"] != ref.id:
            raise Refusal("settlement.other_person")
        if row["refunds"] is None:
            answer = recorded(tx, call, row)
        else:
            held = balances(tx, row["book"], row["person"])
            balance = held.get(OWN, 0) + held.get(CURRENT_YEAR, 0)
            original = recorded(tx, call, pay.find(tx, row["refunds"]))
            shown = refs.show(refs.SETTLEMENT, row["id"])
            answer = answers.refunded(original, shown, row["settled_at"], row["msgid"], balance, call.profile)
    return call.answer(answers.queried(row, answer, call.institution, row["settled_at"]))


def bill_lines(call: Call) -> str:
    """5204: the lines of a visit; here the output itself is the array."""
    data = call.input["data"]
    ref = refs.parse(refs.VISIT, data["mdtrt_id"])
    batch = None
    with call.db.reading(call.at, call.by) as tx:
        place = visit.find_visit(tx, ref, call.institution.code, person_of(data).id)
        number = data.get("setl_id", "")
        if number:
            settled = pay.find(tx, refs.parse(refs.SETTLEMENT, number))
            if settled["visit"] != ref:
                raise Refusal("settlement.other_person")
            batch = settled["batch"]
        lines = visit.bill_lines(tx, ref, batch)
        standing = {row["batch"]: row["settlement"] for row in tx.all(visit.SQL.batches, book=refs.book_of(ref), visit=ref)}
        codes = list({line["item"] for line in lines})
        items = {row["code"]: row for row in tx.all(visit.SQL.items, codes=codes, on=place["begun_on"])}

    def settled_by(line: Row) -> str:
        return number or (refs.show(refs.SETTLEMENT, UUID(found)) if (found := standing[line["batch"]]) else "")

    return call.answer([answers.stored_line(place, settled_by(line), line, items.get(line["item"])) for line in lines])


# Visits and what was found. What an institution learns of a person beyond its own settlements is put on record.


def _look(call: Call, ref: PersonRef, read: Callable[[Tx], Any]) -> str:
    def work(tx: Tx) -> Any:
        enrolment.person(tx, ref)  # about nobody there is nothing to tell, and nothing to put on record
        audit.write(tx, ref.book, "look_up", ref.id, purpose=call.infno)
        return read(tx)

    return call.answer(commands.alone(call.db, work, at=call.at, by=call.by))


def _days(call: Call, data: Mapping[str, Any]) -> tuple[date, date]:
    """The days that are asked about; refuses an end before the beginning and more than ten years."""
    today = business_date(call.at)
    first = data["begntime"].date() if "begntime" in data else date(today.year, 1, 1)
    last = data["endtime"].date() if "endtime" in data else max(today, first)
    if last < first or (last - first).days > MOST_DAYS:
        raise Refusal("records.bad_period", first=first.isoformat(), last=last.isoformat())
    return first, last


def visits(call: Call) -> str:
    """5201: a person's visits at this institution."""
    data = call.input["data"]
    ref = person_of(data)
    first, last = _days(call, data)

    def read(tx: Tx) -> Any:
        who = enrolment.person(tx, ref)
        rows = [row for row in _visits(tx, ref, first, last) if row["institution"] == call.institution.code]
        kind, one = data.get("med_type", ""), data.get("mdtrt_id", "")
        told = [_visit_row(tx, call, who, row) for row in rows if one in ("", stay.shown(row))]
        return {"mdtrtinfo": [row for row in told if kind in ("", row["med_type"])]}

    return _look(call, ref, read)


def _visits(tx: Tx, ref: PersonRef, first: date, last: date, use: str = "") -> list[Row]:
    return tx.all(records.SQL.visits_of, book=ref.book, person=ref.id, first=first, last=last, use=use)


def _visit_row(tx: Tx, call: Call, who: Person, row: Row) -> dict[str, Any]:
    said: dict[str, Any] = dict(row["info"] or {})
    for kind in (ADMISSION, DISCHARGE):
        for record in records.about(tx, kind, row["id"]):
            said |= record.facts
    insured = enrolment.enrolled(tx, who.ref, row["begun_on"])
    facts = {
        **said,
        **answers.baseinfo(who, row["begun_on"]),
        "mdtrt_id": stay.shown(row),
        "insutype": insured.scheme,
        "psn_type": insured.psn_type,
        "cvlserv_flag": "0",
        "insu_optins": insured.region,
        "begntime": said.get("begntime") or f"{row['begun_on']} 00:00:00",
        "endtime": said.get("endtime") or f"{row['ended_on'] or row['begun_on']} 00:00:00",
        "med_type": row["med_type"] or CLEARING_TYPES[row["use"]],
        "ipt_otp_no": row["number"],
        "inhosp_stas": "1" if row["use"] == "inpatient" and row["ended_on"] is None else "0",
        "ipt_days": ((row["ended_on"] or business_date(call.at)) - row["begun_on"]).days,
        "memo": "",
    }
    return answers.shaped("5201", "mdtrtinfo", facts)


def diagnoses(call: Call) -> str:
    """5202: what was diagnosed in a visit at this institution."""
    data = call.input["data"]
    ref = person_of(data)
    place = refs.parse(refs.VISIT, data["mdtrt_id"])

    def read(tx: Tx) -> Any:
        row = visit.find_visit(tx, place, call.institution.code, ref.id)
        found = [("1", one) for one in (row["info"] or {}).get("diseinfo", [])]
        for kind, mark in ((ADMISSION, "1"), (DISCHARGE, "2")):
            found += [(mark, one) for record in records.about(tx, kind, place) for one in record.facts.get("diseinfo", [])]
        told = [
            answers.shaped(
                "5202",
                "diseinfo",
                {
                    "inout_diag_type": mark,
                    "diag_type": "1",
                    **one,
                    "diag_info_id": f"{data['mdtrt_id']}-{number}",
                    "mdtrt_id": data["mdtrt_id"],
                    "psn_no": ref.number,
                },
            )
            for number, (mark, one) in enumerate(found, 1)
        ]
        return {"diseinfo": told}

    return _look(call, ref, read)


def chronic_lines(call: Call) -> str:
    """5205: what a person was given in visits for chronic and special diseases."""
    data = call.input["data"]
    ref = person_of(data)
    first, last = _days(call, data)

    def read(tx: Tx) -> Any:
        told = []
        for row in _visits(tx, ref, first, last):
            if not row["med_type"].startswith("14"):
                continue
            for line in visit.bill_lines(tx, row["id"]):
                told.append(answers.shaped("5205", "feedetail", _chronic(row, ref, line)))
        return {"feedetail": told}

    return _look(call, ref, read)


def _chronic(row: Row, ref: PersonRef, line: Row) -> dict[str, Any]:
    return {
        **line["detail"],
        "feedetl_sn": line["serial"],
        "mdtrt_id": stay.shown(row),
        "psn_no": ref.number,
        "fixmedins_code": row["institution"],
        "med_type": row["med_type"],
        "med_list_codg": line["item"],
        "hilist_name": line["name"] or line["item"],
        "det_item_fee_sumamt": line["fen"],
    }


def cumulative(call: Call) -> str:
    """5206: what counts against a person's limits of a year, refunds taken off."""
    data = call.input["data"]
    ref = person_of(data)
    asked = data.get("cum_ym", "").replace("-", "")
    today = business_date(call.at)
    if asked and not re.fullmatch(r"(19|20)[0-9]{2}(0[1-9]|1[0-2])?", asked, re.ASCII):
        raise Refusal("interface.bad_date", place="查询条件", field="cum_ym", meaning="累计年月", given=asked)

    def read(tx: Tx) -> Any:
        on = min(today, date(int(asked[:4]), 12, 31)) if asked else today
        insured = enrolment.enrolled(tx, ref, on)
        begins = call.library.in_force(insured.region, on)["medical_year_start"]
        year, month = _medical_year(asked, today, begins)
        row = tx.one(records.SQL.year, book=ref.book, person=ref.id, year=year) or {}
        seen = tx.one(records.SQL.visits_of_year, book=ref.book, person=ref.id, year=year) or {}
        scheme = insured.scheme
        pool = "D390101" if scheme == enrolment.RESIDENTS else "D310101"
        sums = {
            "Q0000": row.get("deductible", 0),
            "C0000": seen.get("count", 0) * 100,
            "S0000": row.get("in_policy", 0),
            "F0000": seen.get("total", 0),
            pool: row.get("fund", 0),
            "D330101": row.get("supplement", 0),
        }
        facts = {"insutype": scheme, "year": str(year), "cum_ym": month}
        return {
            "cuminfo": [
                answers.shaped("5206", "cuminfo", {**facts, "cum_type_code": code, "cum": fen}) for code, fen in sums.items()
            ]
        }

    return _look(call, ref, read)


def _medical_year(asked: str, today: date, begins: tuple[int, int]) -> tuple[int, str]:
    """The medical year that is asked about (`yyyy`, `yyyymm` or nothing) by the year it begins in, and the month to tell."""
    if len(asked) == 6:
        return year_start(date(int(asked[:4]), int(asked[4:]), 1), begins).year, asked
    year = int(asked) if asked else year_start(today, begins).year
    last = min(today, date(year + 1, *begins) - timedelta(days=1))
    return year, f"{last:%Y%m}"


# Filings


def _filings(kind: str, infno: str, node: str) -> Callable[[Call], str]:
    def ask(call: Call) -> str:
        data = call.input["data"]
        ref = person_of(data)
        first, last = _days(call, data) if "begntime" in data else (None, None)

        def read(tx: Tx) -> Any:
            found = records.of_person(tx, kind, ref, first, last)
            told = [{**record.facts, "trt_dcla_detl_sn": record.number, "psn_no": ref.number} for record in found]
            wanted = data.get("biz_appy_type")
            return {node: [answers.shaped(infno, node, row) for row in told if wanted in (None, row.get("biz_appy_type"))]}

        return _look(call, ref, read)

    ask.__doc__ = f"{infno}: a person's living filings of the kind {kind}."
    return ask


def chronic_filings(call: Call) -> str:
    """5301: the diseases a person is certified for today, whoever certified them."""
    data = call.input["data"]
    ref = person_of(data)

    def read(tx: Tx) -> Any:
        today = business_date(call.at)
        names = {one.facts["opsp_dise_code"]: one.facts.get("opsp_dise_name", "") for one in records.of_person(tx, CHRONIC, ref)}
        told = [
            {
                "opsp_dise_code": one.disease,
                "opsp_dise_name": names.get(one.disease, ""),
                "begndate": one.valid_from,
                "enddate": one.valid_to,
            }
            for one in filings.certificates(tx, ref)
            if one.valid_to is None or one.valid_to >= today
        ]
        return {"feedetail": [answers.shaped("5301", "feedetail", row) for row in told]}

    return _look(call, ref, read)


designations = _filings(DESIGNATION, "5302", "psnfixmedin")
referrals = _filings(REFERRAL, "5304", "refmedin")


def in_hospital(call: Call) -> str:
    """5303: where a person lies in hospital now; at another institution without what it says there."""
    data = call.input["data"]
    ref = person_of(data)

    def read(tx: Tx) -> Any:
        who = enrolment.person(tx, ref)
        told = []
        for row in stay.in_hospital(tx, ref):
            facts = {
                **answers.baseinfo(who, business_date(call.at)),
                "mdtrt_id": stay.shown(row),
                "insutype": row["insutype"] or enrolment.enrolled(tx, ref, row["begun_on"]).scheme,
                "begndate": row["begun_on"],
                "med_type": row["med_type"] or "21",
                "ipt_otp_no": row["number"] if row["institution"] == call.institution.code else "",
                "out_flag": "0" if row["institution"] == call.institution.code else "1",
            }
            told.append(answers.shaped("5303", "data", facts))
        return {"data": told}

    return _look(call, ref, read)


# The institution itself


def departments(call: Call) -> str:
    """5101: the departments that the institution reported."""
    code = call.input.get("data", {}).get("hosp_dept_codg", "")
    with call.db.reading(call.at, call.by) as tx:
        found, _ = records.page(tx, DEPARTMENT, call.institution, begins=code, most=1000)
    return call.answer({"feedetail": [answers.shaped("5101", "feedetail", record.facts) for record in found]})


def practitioners(call: Call) -> str:
    """5102: the practitioners that are known from the institution's reports."""
    data = call.input.get("data", {})
    begins = f"{data.get('prac_psn_type', '1')}|{data.get('prac_psn_code', '')}"
    with call.db.reading(call.at, call.by) as tx:
        found, _ = records.page(tx, PRACTITIONER, call.institution, begins=begins, most=1000)
    return call.answer({"feedetail": [answers.shaped("5102", "feedetail", record.facts) for record in found]})


# Accounts and enrolment


def account_balance(call: Call) -> str:
    """5368: what is in a person's own accounts."""
    data = call.input["data"]

    def work(tx: Tx) -> Any:
        ref = enrolment.find(tx, data.get("psnCertType", "01"), data["certno"], call.allow_test_area)
        audit.write(tx, ref.book, "look_up", ref.id, purpose=call.infno)
        held = balances(tx, ref.book, ref.id)
        return {"result": {"balance": Amount(held.get(OWN, 0) + held.get(CURRENT_YEAR, 0))}}

    return call.answer(commands.alone(call.db, work, at=call.at, by=call.by))


def account_deduction(call: Call) -> str:
    """5369: what the accounts paid of a settlement. They were drawn on with the settlement, so asking draws nothing."""
    data = call.input["data"]
    ref = PersonRef.parse(data["psnNo"])
    with call.db.reading(call.at, call.by) as tx:
        row = pay.find(tx, refs.parse(refs.SETTLEMENT, data["setlId"]))
    if row["institution"] != call.institution.code:
        raise Refusal("settlement.other_institution")
    if row["person"] != ref.id or ("mdtrtId" in data and refs.parse(refs.VISIT, data["mdtrtId"]) != row["visit"]):
        raise Refusal("settlement.other_person")
    accounts = row["total"] - row["pool"] - row["supplement"] - row["serious"] - row["cash"]
    return call.answer({"result": {"enttAcctPay": Amount(accounts), "psnPay": Amount(row["cash"])}})


def enrolments(call: Call) -> str:
    """90100: how a person was insured over some time."""
    data = call.input["data"]
    ref = person_of(data)
    today = business_date(call.at)
    first, last = data.get("begndate", date(today.year, 1, 1)), data.get("enddate", today)

    def read(tx: Tx) -> Any:
        rows = tx.all(records.SQL.enrolments, book=ref.book, person=ref.id, first=first, last=last)
        told = [
            {
                "psn_no": ref.number,
                "insutype": row["scheme"],
                "poolarea_no": row["region"],
                "psn_insu_stas": answers.STATUS_CODES[row["status"]],
                "begndate": row["valid_from"],
                "enddate": row["valid_to"],
            }
            for row in rows
        ]
        return {"data": [answers.shaped("90100", "data", row) for row in told]}

    return _look(call, ref, read)
