"""What institutions report and what moves no money: filings, stock and sales of goods, settlement lists, departments, audits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from mulaid import refs
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.gateway.handlers.call import Call, person_of
from mulaid.money import Fen, yuan
from mulaid.people import enrolment, filings
from mulaid.people.enrolment import PersonRef
from mulaid.policy.rules import pooling_area
from mulaid.refusal import Refusal
from mulaid.settlement import pay, records
from mulaid.settlement.records import RECORD, Record, Report
from mulaid.settlement.visit import find_institution

REFERRAL, CHRONIC, DESIGNATION, ACCIDENT = "referral", "chronic", "designation", "accident"
CANCELS = {"2502": REFERRAL, "2504": CHRONIC, "2506": DESIGNATION}
COUNT, CHANGE, PURCHASE, PURCHASE_RETURN, SALE, SALE_RETURN = (
    "count",
    "change",
    "purchase",
    "purchase_return",
    "sale",
    "sale_return",
)
GOODS = {"1": (COUNT,), "2": (CHANGE,), "3": (PURCHASE, PURCHASE_RETURN), "4": (SALE, SALE_RETURN)}
FILED, CERTIFIED = "remote_filing", "certificate"
LIST, AUDIT_TASK, DEPARTMENT, PRACTITIONER = "settlement_list", "audit_task", "department", "practitioner"


Effect = Callable[[Tx, Call, Record, PersonRef], dict[str, str]]


def _filed(
    kind: str, node: str, subject: Callable[[Mapping[str, Any]], str], begins: str, effect: Effect | None = None
) -> Callable[[Call], str]:
    """A filing about a person: the person must be insured on its first day, and can have one of a subject at a time.

    `effect` is what it changes for the person's settlements; what it tells is kept with the filing.
    """

    def file(call: Call) -> str:
        data = call.input[node]

        def work(tx: Tx) -> dict[str, Any]:
            ref = person_of(data)
            since = data[begins] if begins == "begndate" else business_date(data[begins])
            insured = enrolment.enrolled(tx, ref, since)
            if data.get("insutype") not in (None, insured.scheme):
                raise Refusal("settlement.wrong_insurance", given=data["insutype"], found=insured.scheme)
            facts = {**data, "insutype": insured.scheme, "insu_optins": data.get("insu_optins") or insured.region}
            until = data.get("enddate")
            records.check_period(since, until)
            for other in records.of_person(tx, kind, ref, since, until):
                if other.facts["subject"] == subject(data):
                    raise Refusal("records.exists", subject=subject(data))
            facts["subject"] = subject(data)
            # Another stretch of days may be filed beside this one; the same day at the same institution only once.
            key = f"{subject(data)}@{since.isoformat()}"
            kept = records.keep(tx, call.institution, Report(kind, facts, key, ref, begins_on=since, ends_on=until))
            if effect and (told := effect(tx, call, kept, ref)):
                records.rewrite(tx, kept, told)
            return {"result": {"trt_dcla_detl_sn": kept.number}}

        return call.command(work)

    file.__doc__ = f"A {kind} is filed."
    return file


def _file_remote_care(tx: Tx, call: Call, kept: Record, ref: PersonRef) -> dict[str, str]:
    """A referral out of the person's pooling area is filed care away from home; the hospital's report is its paper."""
    facts = kept.facts
    there = find_institution(tx, facts["reflin_medins_no"])
    region = facts.get("mdtrtarea_admdvs") or (there.region if there else "")
    home = enrolment.enrolled(tx, ref, business_date(call.at))
    if not region or pooling_area(region) == pooling_area(home.region):
        return {}
    begins, today = kept.begins_on, business_date(call.at)
    reason = facts.get("refl_rea") or facts.get("diag_name") or facts["diag_code"]
    since = begins if begins and begins < today else None
    filed = filings.file(
        tx, call.library, ref, "referral", region, reason[: filings.LONGEST_REASON], care_since=since, evidence=[kept.id]
    )
    return {FILED: str(filed.id)}


def _certify(tx: Tx, call: Call, kept: Record, ref: PersonRef) -> dict[str, str]:
    """A hospital's assessment certifies the person for the disease from its first day on."""
    assert kept.begins_on is not None, "a chronic filing has a first day"
    by = kept.facts.get("ide_fixmedins_name") or call.institution.name
    disease = kept.facts["opsp_dise_code"]
    made = filings.certify(tx, ref, disease, kept.begins_on, by[:100], valid_to=kept.ends_on, evidence=[kept.id])
    return {CERTIFIED: str(made.id)}


def _undo(tx: Tx, record: Record, ref: PersonRef) -> None:
    """What a filing changed for the person's settlements ends with it."""
    if FILED in record.facts:
        filing = UUID(record.facts[FILED])
        if any(one.id == filing and one.ended_on is None for one in filings.filings(tx, ref)):
            filings.end(tx, ref, filing)
    if CERTIFIED in record.facts:
        certificate = UUID(record.facts[CERTIFIED])
        found = next((one for one in filings.certificates(tx, ref) if one.id == certificate), None)
        if found:
            last = max(found.valid_from, business_date(tx.at) - timedelta(days=1))
            if found.valid_to is None or found.valid_to > last:
                filings.revoke(tx, ref, certificate, last)


refer = _filed(REFERRAL, "refmedin", lambda data: data["reflin_medins_no"], "begndate", _file_remote_care)
file_chronic = _filed(CHRONIC, "data", lambda data: data["opsp_dise_code"], "begndate", _certify)
designate = _filed(DESIGNATION, "data", lambda data: f"{data['biz_appy_type']}:{data['fix_srt_no']}", "begndate")
file_accident = _filed(ACCIDENT, "data", lambda data: data["trum_time"].isoformat(), "trum_time")


def cancel_filing(call: Call) -> str:
    """2502, 2504, 2506: a filing is withdrawn by the number it was given.

    Each of them withdraws an accident too: the interface has no message for it, and the number says what it is.
    """
    data = call.input["data"]

    def work(tx: Tx) -> None:
        found = records.find(tx, (CANCELS[call.infno], ACCIDENT), refs.parse(RECORD, data["trt_dcla_detl_sn"]))
        records.cancel(tx, found, call.institution, person_of(data))
        _undo(tx, found, person_of(data))

    return call.command(work)


# Goods


def _goods(kind: str, node: str, amount: str, sign: int) -> Callable[[Call], str]:
    def report(call: Call) -> str:
        def work(tx: Tx) -> None:
            for row in call.input[node]:
                subject = f"{row['fixmedins_bchno']}|{row['fixmedins_hilist_id']}"
                report = Report(kind, row, f"{subject}|{_moment(row)}", quantity=sign * row[amount])
                if kind == COUNT:
                    records.replace(tx, call.institution, report)
                else:
                    records.keep(tx, call.institution, report)

        return call.command(work)

    report.__doc__ = f"Goods: a {kind} is put on record."
    return report


def _moment(row: Mapping[str, Any]) -> str:
    """What tells two reports about the same lot apart: when it happened, and by which paper."""
    when = next(row[name] for name in ("invdate", "inv_chg_time", "purc_retn_stoin_time") if name in row)
    return f"{when.isoformat()}|{row.get('purc_invo_no', '')}"


count_stock = _goods(COUNT, "invinfo", "inv_cnt", 1)
change_stock = _goods(CHANGE, "invinfo", "cnt", 1)
buy_goods = _goods(PURCHASE, "purcinfo", "purc_retn_cnt", 1)
return_bought = _goods(PURCHASE_RETURN, "purcinfo", "purc_retn_cnt", -1)


def sell_goods(call: Call) -> str:
    """3505: goods leave the shelf; a sale that names a settlement must be this institution's."""

    def work(tx: Tx) -> dict[str, Any]:
        for row in call.input["selinfo"]:
            _check_sale(tx, call, row)
            subject = _sold(row)
            if records.living(tx, SALE, call.institution, subject):
                raise Refusal("records.exists", subject=f"{row['rtal_docno']} {row['fixmedins_hilist_id']}")
            records.keep(tx, call.institution, Report(SALE, row, subject, quantity=row["sel_retn_cnt"]))
        return {"result": {"retRslt": "1", "msgRslt": f"已登记 {len(call.input['selinfo'])} 行"}}

    return call.command(work)


def return_sold(call: Call) -> str:
    """3506: goods come back; never more than that paper sold."""

    def work(tx: Tx) -> dict[str, Any]:
        for row in call.input["selinfo"]:
            _check_sale(tx, call, row)
            subject = _sold(row)
            sold = records.quantity(tx, call.institution, (SALE,), subject)
            returned = records.quantity(tx, call.institution, (SALE_RETURN,), subject)
            if row["sel_retn_cnt"] + returned > sold:
                raise Refusal("records.more_than_sold", given=_number(row["sel_retn_cnt"]), found=_number(sold - returned))
            subject += f"|{row['sel_retn_time'].isoformat()}"
            records.keep(tx, call.institution, Report(SALE_RETURN, row, subject, quantity=row["sel_retn_cnt"]))
        return {"result": {"retRslt": "1", "msgRslt": f"已登记 {len(call.input['selinfo'])} 行"}}

    return call.command(work)


def _sold(row: Mapping[str, Any]) -> str:
    return f"{row['fixmedins_bchno']}|{row['fixmedins_hilist_id']}|{row['rtal_docno']}"


def _number(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _check_sale(tx: Tx, call: Call, row: Mapping[str, Any]) -> None:
    if "setl_id" not in row:
        return
    settled = pay.find(tx, refs.parse(refs.SETTLEMENT, row["setl_id"]))
    if settled["institution"] != call.institution.code:
        raise Refusal("settlement.other_institution")
    if "psn_no" in row and settled["person"] != person_of(row).id:
        raise Refusal("settlement.other_person")


def delete_goods(call: Call) -> str:
    """3507: everything of one kind that was reported about a lot is withdrawn."""
    data = call.input["data"]

    def work(tx: Tx) -> None:
        gone = 0
        for kind in GOODS[data["inv_data_type"]]:
            found, _ = records.page(tx, kind, call.institution, begins=f"{data['fixmedins_bchno']}|", most=10_000)
            for record in found:
                records.cancel(tx, record, call.institution)
            gone += len(found)
        if not gone:
            raise Refusal("records.unknown")

    return call.command(work)


# Settlement lists


def list_settlement(call: Call) -> str:
    """4101: the list of a settlement, newest counts. Refuses amounts that are not those of the settlement."""
    data = call.input["setlinfo"]

    def work(tx: Tx) -> dict[str, Any]:
        settled = pay.find(tx, refs.parse(refs.SETTLEMENT, data["setl_id"]))
        if settled["institution"] != call.institution.code:
            raise Refusal("settlement.other_institution")
        if settled["person"] != person_of(data).id or settled["visit"] != refs.parse(refs.VISIT, data["mdtrt_id"]):
            raise Refusal("settlement.other_person")
        if settled["refunds"] is not None:
            raise Refusal("settlement.is_refund")
        if settled["refunded_by"] is not None:
            raise Refusal("settlement.refunded", refund=refs.show(refs.SETTLEMENT, settled["refunded_by"]))
        _check_list(call, settled)
        facts = {**data, **{name: call.input.get(name, []) for name in ("payinfo", "diseinfo", "oprninfo", "iteminfo")}}
        person = person_of(data)
        report = Report(LIST, facts, data["setl_id"], person, settled["id"], fen=settled["total"])
        return {"setl_list_id": records.replace(tx, call.institution, report).number}

    return call.command(work)


def _check_list(call: Call, settled: Mapping[str, Any]) -> None:
    """The list's amounts against the settlement: items, cash, accounts, and every fund that paid."""
    items: list[Mapping[str, Any]] = call.input.get("iteminfo", [])
    if items:
        _same("收费项目金额合计", sum(item["amt"] for item in items), settled["total"])
    paid_by_funds = settled["pool"] + settled["supplement"] + settled["serious"]
    accounts = settled["total"] - paid_by_funds - settled["cash"]
    data = call.input["setlinfo"]
    if "psn_cashpay" in data:
        _same("个人现金支付", data["psn_cashpay"], settled["cash"])
    if "acct_pay" in data:
        _same("个人账户支付", data["acct_pay"], accounts)
    funds = [row for row in call.input.get("payinfo", []) if not row["fund_pay_type"].startswith("3102")]
    if funds:
        _same("基金支付金额合计", sum(row["fund_payamt"] for row in funds), paid_by_funds)


def _same(what: str, given: Fen, found: Fen) -> None:
    if given != found:
        raise Refusal("records.differs", what=what, given=f"{yuan(given)} 元", where="结算记录", found=f"{yuan(found)} 元")


# Departments and audit tasks


def report_department(call: Call) -> str:
    """3401, 3402: the institution's departments as they are now."""
    given = call.input["deptinfo"]
    rows = given if isinstance(given, list) else [given]

    def work(tx: Tx) -> None:
        for row in rows:
            if call.infno == "3402" and not records.living(tx, DEPARTMENT, call.institution, row["hosp_dept_codg"]):
                raise Refusal("records.unknown")
            records.replace(tx, call.institution, Report(DEPARTMENT, row, row["hosp_dept_codg"]))

    return call.command(work)


def close_department(call: Call) -> str:
    """3403: a department is no more."""
    code = call.input["data"]["hosp_dept_codg"]

    def work(tx: Tx) -> None:
        found = records.living(tx, DEPARTMENT, call.institution, code)
        if found is None:
            raise Refusal("records.unknown")
        records.cancel(tx, found, call.institution)

    return call.command(work)


def analyse(call: Call) -> str:
    """3101, 3102: what an institution wants looked at is put on record; this platform has no rules of its own to object by."""

    def work(tx: Tx) -> dict[str, Any]:
        records.keep(tx, call.institution, Report(AUDIT_TASK, {**call.input["data"], "message": call.raw_input}))
        return {"result": []}

    return call.command(work)


def note_practitioners(tx: Tx, call: Call, rows: list[Mapping[str, Any]]) -> None:
    """Doctors named in diagnoses are known from then on (5102)."""
    for row in rows:
        code = row.get("dise_dor_no", "")
        if code and not records.living(tx, PRACTITIONER, call.institution, f"1|{code}"):
            facts = {"prac_psn_type": "1", "prac_psn_code": code, "prac_psn_name": row.get("dise_dor_name", "")}
            records.keep(tx, call.institution, Report(PRACTITIONER, facts, f"1|{code}"))
