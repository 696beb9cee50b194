"""Answers: what was decided in the words of the national interface. The identities of money hold in every one of them.

medfee_sumamt = fund_pay_sumamt + psn_part_amt + hosp_part_amt; psn_part_amt = acct_pay + psn_cash_pay; acct_pay contains
acct_mulaid_pay; the four parts of the bill add up to medfee_sumamt. `balc` is the patient's own account, never a giver's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from mulaid import refs
from mulaid.calendar import business_date
from mulaid.db import Row
from mulaid.gateway.contract import Field, answer_fields
from mulaid.gateway.dialect import Amount, Profile
from mulaid.money import Fen
from mulaid.people.enrolment import Enrolment, Person
from mulaid.people.identity import age_on
from mulaid.settlement.pay import RESIDENT_SERIOUS, Settled
from mulaid.settlement.reconcile import CLEARING_TYPES
from mulaid.settlement.visit import Institution, SplitLine

NOTHING = Amount(0)
NO_LIMIT = Decimal("999999.000000")
FUNDS = {
    "310100": "职工基本医疗保险统筹基金",
    "390100": "城乡居民基本医疗保险基金",
    "330100": "大额医疗费用补助基金",
    RESIDENT_SERIOUS: "城乡居民大病保险资金",
}
ACCOUNT_FUND, ACCOUNT_NAME = "310200", "职工基本医疗保险个人账户基金"
STATUS_CODES = {"normal": "1", "suspended": "2", "lapsed_waiting": "2", "ended": "4", "moved": "4"}
RATIO = Decimal("0.0001")
SIGNED = frozenset(
    (
        "medfee_sumamt", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt", "act_pay_dedc", "hifp_pay",
        "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay", "fund_pay_sumamt",
        "psn_part_amt", "acct_pay", "psn_cash_pay", "hosp_part_amt", "acct_mulaid_pay", "psn_pay", "cash_payamt", "pdn_cash_pay",
    )
)  # fmt: skip


def shaped(infno: str, node: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """A row of an answer with every member of its table, from what is known of it: amounts are fen, all else as it was kept."""
    return {field.name: _shaped(field, facts.get(field.name)) for field in answer_fields(infno)[node]}


def _shaped(field: Field, value: Any) -> Any:
    if field.money:
        return Amount(value or 0)
    if value is None or value == "":
        empty = {"C": "", "N": Decimal(0) if field.need else None}
        return empty.get(field.kind)
    if field.kind == "N":
        return Decimal(str(value))
    if field.kind == "C":
        return str(value)
    if isinstance(value, str):
        return value[: 10 if field.kind == "D" else 19]
    return value


def baseinfo(person: Person, on: date) -> dict[str, Any]:
    """Who the person is, for the institution that met the person."""
    return {
        "psn_no": person.ref.number,
        "psn_cert_type": person.document_kind,
        "certno": person.number,
        "psn_name": person.name,
        "gend": person.gender,
        "naty": person.nation,
        "brdy": person.born,
        "age": Decimal(age_on(person.born, on)),
        "exp_content": "",
    }


def insuinfo(enrolment: Enrolment, balance: Fen) -> dict[str, Any]:
    """How the person is insured today; `balc` is the person's own account."""
    status = STATUS_CODES[enrolment.status]
    return {
        "balc": Amount(balance),
        "insutype": enrolment.scheme,
        "psn_type": enrolment.psn_type,
        "psn_insu_stas": status,
        "psn_insu_date": enrolment.valid_from,
        "paus_insu_date": enrolment.valid_from if status == "2" else None,
        "cvlserv_flag": "0",
        "insuplc_admdvs": enrolment.region,
        "emp_name": "",
    }


def settlement(settled: Settled, profile: Profile, at: datetime, *, final: bool) -> dict[str, Any]:
    """`setlinfo` and `setldetail` of a decision; a pre-settlement is not `final`: no number, time or clearing yet."""
    bill, patient, decision = settled.bill, settled.patient, settled.decision
    info: dict[str, Any] = {
        "mdtrt_id": refs.show(refs.VISIT, settled.visit) if final or bill.visit else None,
        "setl_id": refs.show(refs.SETTLEMENT, settled.id) if final else None,
        "psn_no": bill.person.number,
        "psn_name": patient.name,
        "psn_cert_type": patient.document_kind,
        "certno": patient.number,
        "gend": patient.gender,
        "naty": patient.nation,
        "brdy": patient.born,
        "age": Decimal(age_on(patient.born, business_date(at))),
        "insutype": patient.insutype,
        "psn_type": patient.psn_type,
        "cvlserv_flag": "0",
        "setl_time": at if final else None,
        "mdtrt_cert_type": "01" if bill.token else "02",
        "med_type": bill.med_type or patient.med_type or CLEARING_TYPES[settled.facts.use],
    }
    info |= _money(settled, profile)
    info["medins_setl_id"] = bill.msgid
    info |= _clearing(bill.institution, settled.facts.use, final=final)
    info |= {"invono": "", "exp_content": ""}
    detail = [(decision.pool_fund, FUNDS[decision.pool_fund], decision.pool)]
    detail.append(("330100", FUNDS["330100"], decision.supplement + _large_amount(settled)))
    detail.append((RESIDENT_SERIOUS, FUNDS[RESIDENT_SERIOUS], decision.serious - _large_amount(settled)))
    detail.append((ACCOUNT_FUND, ACCOUNT_NAME, decision.accounts))
    return {"setlinfo": info, "setldetail": [_fund_row(settled, *row) for row in detail if row[2]]}


def _money(settled: Settled, profile: Profile) -> dict[str, Any]:
    decision, portion = settled.decision, settled.portion
    funds = decision.funds + (decision.accounts if profile.fund_includes_accounts else 0)
    return {
        "medfee_sumamt": Amount(decision.total),
        "fulamt_ownpay_amt": Amount(portion.self_funded),
        "overlmt_selfpay": Amount(portion.over_limit),
        "preselfpay_amt": Amount(portion.upfront),
        "inscp_scp_amt": Amount(portion.in_policy),
        "act_pay_dedc": Amount(decision.deductible),
        "hifp_pay": Amount(decision.pool),
        "pool_prop_selfpay": _pool_ratio(settled),
        "cvlserv_pay": NOTHING,
        "hifes_pay": NOTHING,
        "hifmi_pay": Amount(decision.serious - _large_amount(settled)),
        "hifob_pay": Amount(decision.supplement + _large_amount(settled)),
        "hifdm_pay": NOTHING,
        "maf_pay": NOTHING,
        "oth_pay": NOTHING,
        "fund_pay_sumamt": Amount(funds),
        "psn_part_amt": Amount(decision.personal),
        "acct_pay": Amount(decision.accounts),
        "psn_cash_pay": Amount(decision.cash),
        "hosp_part_amt": NOTHING,
        "balc": Amount(settled.own_balance_after),
        "acct_mulaid_pay": Amount(decision.mutual_aid),
    }


def _large_amount(settled: Settled) -> Fen:
    """Serious-illness money of employees, which their large-amount fund pays."""
    return settled.decision.serious if settled.facts.patient.employee else 0


def _pool_ratio(settled: Settled) -> Decimal:
    eligible = next((step.detail["eligible"] for step in settled.decision.steps if step.what == "pool"), 0)
    return (Decimal(settled.decision.pool) / eligible).quantize(RATIO) if eligible else Decimal("0.0000")


def _clearing(institution: Institution, use: str, *, final: bool) -> dict[str, Any]:
    if not final:
        return {"clr_optins": None, "clr_way": None, "clr_type": None}
    return {"clr_optins": institution.region, "clr_way": "1", "clr_type": CLEARING_TYPES[use]}


def _fund_row(settled: Settled, code: str, name: str, fen: Fen) -> dict[str, Any]:
    return {
        "fund_pay_type": code,
        "inscp_scp_amt": Amount(settled.portion.in_policy),
        "crt_payb_lmt_amt": Amount(fen),
        "fund_payamt": Amount(fen),
        "fund_pay_type_name": name,
        "setl_proc_info": "",
    }


def line(part: SplitLine) -> dict[str, Any]:
    """One bill line as it was split; the four parts add up to its amount."""
    known = "" if part.known else "目录外项目，全部自费"
    return {
        "feedetl_sn": part.line.serial,
        "det_item_fee_sumamt": Amount(part.line.fen),
        "cnt": part.line.quantity.quantize(RATIO),
        "pric": part.line.price.quantize(Decimal("0.000001")),
        "pric_uplmt_amt": _limit(part.item.limit_fen),
        "selfpay_prop": part.upfront_ratio.quantize(RATIO),
        "fulamt_ownpay_amt": Amount(part.self_funded),
        "overlmt_amt": Amount(part.over_limit),
        "preselfpay_amt": Amount(part.upfront),
        "inscp_scp_amt": Amount(part.in_policy),
        "chrgitm_lv": part.item.grade,
        "med_chrgitm_type": part.item.charge,
        "bas_medn_flag": "0",
        "hi_nego_drug_flag": "0",
        "chld_medc_flag": "0",
        "list_sp_item_flag": "0",
        "lmt_used_flag": "0",
        "drt_reim_flag": "0",
        "memo": known,
    }


def _limit(fen: Fen | None) -> Decimal:
    return NO_LIMIT if fen is None else (Decimal(fen) / 100).quantize(Decimal("0.000001"))


def stored_line(visit: Row, settlement: str, row: Row, item: Row | None) -> dict[str, Any]:
    """5204: a line as it was uploaded and split, with what the institution said and the catalogue's entry, if any."""
    said = row["detail"]
    inside = row["fen"] - row["over_limit"]
    texts = (
        "sin_dos_dscr", "used_frqu_dscr", "medc_way_dscr", "bilg_dept_codg", "bilg_dept_name", "bilg_dr_codg",
        "bilg_dr_name", "acord_dept_codg", "acord_dept_name", "orders_dr_code", "orders_dr_name", "hosp_appr_flag",
        "tcmdrug_used_way", "etip_flag", "etip_hosp_code", "dscg_tkdrug_flag", "matn_fee_flag",
    )  # fmt: skip
    return {
        "mdtrt_id": refs.show(refs.VISIT, visit["id"]),
        "setl_id": settlement,
        "feedetl_sn": row["serial"],
        "rx_drord_no": said.get("rxno", ""),
        "med_type": visit["med_type"] or ("41" if visit["use"] == "pharmacy" else "11"),
        "fee_ocur_time": said.get("fee_ocur_time", f"{visit['begun_on']} 00:00:00")[:19],
        "cnt": Decimal(said["cnt"]).quantize(RATIO),
        "pric": Decimal(said["pric"]).quantize(Decimal("0.000001")),
        "det_item_fee_sumamt": Amount(row["fen"]),
        "pric_uplmt_amt": _limit(item["limit_fen"] if item else None),
        "selfpay_prop": (Decimal(row["upfront"] + row["self_funded"]) / inside).quantize(RATIO) if inside else Decimal("0.0000"),
        "fulamt_ownpay_amt": Amount(row["self_funded"]),
        "overlmt_amt": Amount(row["over_limit"]),
        "preselfpay_amt": Amount(row["upfront"]),
        "inscp_scp_amt": Amount(row["in_policy"]),
        "chrgitm_lv": row["grade"],
        "hilist_code": row["item"],
        "hilist_name": row["name"],
        "list_type": "",
        "med_list_codg": row["item"],
        "medins_list_codg": said.get("medins_list_codg", ""),
        "medins_list_name": row["name"],
        "med_chrgitm_type": item["charge"] if item else "14",
        "prodname": "",
        "spec": "",
        "dosform_name": "",
        **{name: said.get(name, "") for name in texts},
        "prd_days": Decimal(said["prd_days"]) if "prd_days" in said else None,
        "lmt_used_flag": "0",
        "hosp_prep_flag": "0",
        "prodplac_type": "",
        "bas_medn_flag": "0",
        "hi_nego_drug_flag": "0",
        "chld_medc_flag": "0",
        "list_sp_item_flag": "0",
        "drt_reim_flag": "0",
        "memo": "",
        "opter_id": "",
        "opter_name": "",
        "opt_time": None,
    }


def queried(row: Row, answer: Mapping[str, Any], institution: Institution, opened: datetime) -> dict[str, Any]:
    """5203: a settlement or refund as it was answered, with where, when and what became of it."""
    info: dict[str, Any] = dict(answer["setlinfo"])
    refund = row["refunds"] is not None
    info |= {
        "psn_pay": info["psn_part_amt"],
        "cash_payamt": info["psn_cash_pay"],
        "flxempe_flag": "0",
        "nwb_flag": "0",
        "insu_optins": row["facts"]["patient"]["region"],
        "emp_name": "",
        "pay_loc": "2",
        "fixmedins_code": institution.code,
        "fixmedins_name": institution.name,
        "hosp_lv": "",
        "fixmedins_poolarea": institution.region,
        "lmtpric_hosp_lv": "",
        "dedc_hosp_lv": "",
        "begndate": row["service_date"],
        "enddate": row["service_date"],
        "refd_setl_flag": "1" if refund or row["refunded_by"] is not None else "0",
        "year": str(row["year"]),
        "dise_codg": "",
        "dise_name": "",
        "opter_id": "",
        "opter_name": "",
        "opt_time": opened,
    }
    return {"setlinfo": info, "setldetail": answer["setldetail"]}


def refunded(answer: Mapping[str, Any], refund: str, at: datetime, msgid: str, balance: Fen, profile: Profile) -> dict[str, Any]:
    """A refund's answer: a new number, the amounts with a minus sign unless the connection wants the original ones."""

    def back(value: Decimal) -> Decimal:
        return value if profile.refund_positive else 0 - value

    original = answer["setlinfo"]
    info: dict[str, Any] = {name: back(value) if name in SIGNED else value for name, value in original.items()}
    info |= {
        "setl_id": refund,
        "setl_time": at,
        "balc": Amount(balance),
        "medins_setl_id": msgid,
        "psn_pay": info["psn_part_amt"],
        "cash_payamt": info["psn_cash_pay"],
        "pdn_cash_pay": info["psn_cash_pay"],
    }
    detail = [
        {name: back(value) if isinstance(value, Decimal) else value for name, value in fund.items()}
        for fund in answer["setldetail"]
    ]
    return {"setlinfo": info, "setldetail": detail}
