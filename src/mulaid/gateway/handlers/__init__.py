"""The transactions: each one turns a checked input into a domain call and the result into an answer's output.

Reads answer from a look at the database. Writes are commands under the key (institution, infno, msgid): a repeated msgid gets the
stored answer, byte for byte, whatever it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mulaid.gateway.handlers import catalogue, filing, mobile, person, query, reconcile, settlement, visit
from mulaid.gateway.handlers.call import DOOR, Call, File, same_area
from mulaid.gateway.handlers.person import authorised, decoded
from mulaid.refusal import Refusal

__all__ = ["DOOR", "HANDLERS", "SETTLING", "Call", "File", "authorised", "decoded", "same_area", "sealed_action"]

Handler = Callable[[Call], str | File]

# These keep the nonce of a signed message with their stored answer, which spares them a write of its own.
SETTLING = frozenset(("2102", "2207", "2304", "6202"))

SEALED_ACTIONS = {
    "queryUserInfo": "6101",
    "uldFeeInfo": "6201",
    "pay_order": "6202",
    "refund_Order": "6203",
    "query_order_info": "6301",
    "revoke_order": "6401",
}


def sealed_action(path: str) -> str:
    """The transaction that the address of a sealed envelope names; refuses interface.unknown_infno."""
    last = path.rstrip("/").rpartition("/")[2]
    infno = SEALED_ACTIONS.get(last, last)
    if infno not in SEALED_ACTIONS.values():
        raise Refusal("interface.unknown_infno", infno=last[:20])
    return infno


HANDLERS: Mapping[str, Handler] = {
    "1101": person.person,
    "1162": person.decode,
    "1201": catalogue.institutions,
    "1301": catalogue.download,
    "1302": catalogue.download,
    "1303": catalogue.download,
    "1304": catalogue.ethnic_medicines,
    "1305": catalogue.download,
    "1306": catalogue.download,
    "1307": catalogue.download,
    "1308": catalogue.download,
    "1309": catalogue.download,
    "1310": catalogue.download,
    "1311": catalogue.download,
    "1312": catalogue.insured_items,
    "1313": catalogue.download,
    "1314": catalogue.download,
    "1315": catalogue.download,
    "1316": catalogue.matched_items,
    "1317": catalogue.matches,
    "1318": catalogue.price_limits,
    "1319": catalogue.self_pay_ratios,
    "1320": catalogue.download,
    "1321": catalogue.download,
    "1901": catalogue.dictionary,
    "2001": person.entitlement,
    "2101": settlement.preview_pharmacy,
    "2102": settlement.settle_pharmacy,
    "2103": settlement.refund,
    "2201": visit.register,
    "2202": visit.cancel_registration,
    "2203": visit.report_visit,
    "2204": visit.upload,
    "2205": visit.take_back_lines,
    "2206": settlement.preview_outpatient,
    "2207": settlement.settle_outpatient,
    "2208": settlement.refund,
    "2301": visit.upload_stay,
    "2302": visit.take_back_stay_lines,
    "2303": settlement.preview_stay,
    "2304": settlement.settle_stay,
    "2305": settlement.refund,
    "2401": visit.admit,
    "2402": visit.discharge,
    "2403": visit.correct,
    "2404": visit.cancel_admission,
    "2405": visit.cancel_discharge,
    "2501": filing.refer,
    "2502": filing.cancel_filing,
    "2503": filing.file_chronic,
    "2504": filing.cancel_filing,
    "2505": filing.designate,
    "2506": filing.cancel_filing,
    "2507": filing.file_accident,
    "2601": settlement.take_back,
    "3101": filing.analyse,
    "3102": filing.analyse,
    "3201": reconcile.compare_totals,
    "3202": reconcile.compare_details,
    "3203": reconcile.apply_for_clearing,
    "3204": reconcile.withdraw_clearing,
    "3301": catalogue.match,
    "3302": catalogue.unmatch,
    "3401": filing.report_department,
    "3402": filing.report_department,
    "3403": filing.close_department,
    "3501": filing.count_stock,
    "3502": filing.change_stock,
    "3503": filing.buy_goods,
    "3504": filing.return_bought,
    "3505": filing.sell_goods,
    "3506": filing.return_sold,
    "3507": filing.delete_goods,
    "4101": filing.list_settlement,
    "5101": query.departments,
    "5102": query.practitioners,
    "5201": query.visits,
    "5202": query.diagnoses,
    "5203": query.settlement,
    "5204": query.bill_lines,
    "5205": query.chronic_lines,
    "5206": query.cumulative,
    "5301": query.chronic_filings,
    "5302": query.designations,
    "5303": query.in_hospital,
    "5304": query.referrals,
    "5368": query.account_balance,
    "5369": query.account_deduction,
    "alipay.commerce.medical.fm.bindlist.query": mobile.bound_relatives,
    "alipay.commerce.medical.iotfm.checkbind.query": mobile.has_relatives,
    "alipay.commerce.medical.familyinfo.auth.query": mobile.shown_by,
    "6101": mobile.user,
    "6201": mobile.upload,
    "6202": mobile.settle,
    "6203": mobile.refund,
    "6301": mobile.query,
    "6401": mobile.revoke,
    "9001": person.sign_in,
    "9002": person.sign_out,
    "9101": reconcile.upload_file,
    "9102": reconcile.download_file,
    "2203A": visit.report_visit,
    "90100": query.enrolments,
}
