"""The handbook: its pages are the tables, and its worked messages are what the door really says.

`python tests/test_handbook.py` writes the pages anew.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from city import City
from handbook import SETTINGS, Worked, pages, transactions
from mulaid.db import Database, process_url
from mulaid.gateway import contract, handlers
from mulaid.gateway.dialect import profiles

FOLDER = Path(__file__).parent.parent / "docs" / "gateway"
DAY = "2026-03-02"
LOT = {
    "med_list_codg": "A", "fixmedins_hilist_id": "YP0001", "fixmedins_hilist_name": "阿司匹林肠溶片",
    "fixmedins_bchno": "PC20260301", "manu_lotnum": "26B01", "expy_end": "2028-02-28", "rx_flag": "0",
}  # fmt: skip
DOWNLOADS = [
    "1301",
    "1302",
    "1303",
    "1305",
    "1306",
    "1307",
    "1308",
    "1309",
    "1310",
    "1311",
    "1313",
    "1314",
    "1315",
    "1320",
    "1321",
]


class Recorder(City):
    """A city that writes down the first good exchange of every transaction."""

    def __init__(self, *given: Any) -> None:
        self.worked: dict[str, Worked] = {}
        super().__init__(*given)

    def post(self, body: bytes, **more: Any) -> tuple[str, bytes]:
        status, raw = super().post(body, **more)
        message = json.loads(body)
        infno = message.get("infno", "")
        if infno and infno not in self.worked:
            if raw.startswith(b"PK"):
                self.worked[infno] = Worked(shown(body), '"（应答为 application/octet-stream，内容是 zip 文件）"')
            elif json.loads(raw)["infcode"] == 0:
                self.worked[infno] = Worked(shown(body), shown(raw))
        return status, raw

    def does(self, infno: str, given: Any, at: str = "H1") -> Any:
        """One transaction that succeeds; its output."""
        head = {
            "infno": infno, "msgid": f"{at}2026030210000000{len(self.worked):04d}", "mdtrtarea_admvs": "420100", "infver": "V1.0",
            "opter_type": "1", "opter": "001", "opter_name": "张", "inf_time": f"{DAY} 10:00:00", "fixmedins_code": at,
            "fixmedins_name": "一院" if at == "H1" else "药店",
        }  # fmt: skip
        raw = self.post(json.dumps({**head, "input": given}, default=str, ensure_ascii=False).encode())[1]
        if raw.startswith(b"PK"):
            return None
        answer = json.loads(raw, parse_float=Decimal)
        assert answer["infcode"] == 0, (infno, answer["err_msg"])
        return answer["output"]


def shown(raw: bytes) -> str:
    """JSON with a line a member, amounts as they were written."""
    told = json.loads(raw, parse_float=lambda text: f"\u0001{text}\u0001")
    text = json.dumps(told, ensure_ascii=False, indent=1)
    return text.replace('"\\u0001', "").replace('\\u0001"', "")


def story(city: Recorder) -> None:
    """Every transaction once, in an order in which they make sense."""
    at_the_desk(city)
    visit = outpatient(city)
    pharmacy(city)
    stay(city)
    filings(city)
    looks_up(city, visit)
    end_of_day(city)
    lists(city)
    from_the_phone(city)


def at_the_desk(city: Recorder) -> None:
    city.enrols("father", "300.00", base="retired")
    city.enrols("daughter", "4000.00")
    city.authorises("daughter", "father")
    number = city.does("9001", {"signIn": {"opter_no": "001", "mac": "00-16-3E-00-00-01", "ip": "10.0.0.8"}})["signinoutb"][
        "sign_no"
    ]
    digits = city.shows_code("father")
    asked = {
        "orgId": "H1",
        "ecQrCode": digits,
        "businessType": "01101",
        "operatorId": "001",
        "operatorName": "张",
        "officeId": "01",
    }
    token = city.does("1162", {"data": asked})["data"]["ecToken"]
    city.does("1101", {"data": {"mdtrt_cert_type": "01", "mdtrt_cert_no": token}})
    psn_no = city.people["father"].number
    city.does(
        "2001",
        {"data": {"psn_no": psn_no, "insutype": "310", "fixmedins_code": "H1", "med_type": "11", "begntime": f"{DAY} 10:00:00"}},
    )
    city.does("9002", {"signOut": {"sign_no": number, "opter_no": "001"}})


def outpatient(city: Recorder) -> dict[str, Any]:
    psn_no, shown_card = city.people["father"].number, {"mdtrt_cert_type": "02", "mdtrt_cert_no": city.numbers["father"]}
    register = {"psn_no": psn_no, "insutype": "310", "begntime": f"{DAY} 10:00:00", **shown_card, "ipt_otp_no": "MZ0001"}
    register |= {"atddr_no": "D42010001", "dr_name": "李", "dept_code": "01", "dept_name": "内科", "caty": "A03"}
    both = {"mdtrt_id": city.does("2201", {"data": register})["data"]["mdtrt_id"], "psn_no": psn_no}
    sick = [
        {
            "diag_type": "1",
            "diag_srt_no": 1,
            "diag_code": "I10",
            "diag_name": "高血压",
            "dise_dor_no": "D42010001",
            "dise_dor_name": "李",
        }
    ]
    told = {"mdtrtinfo": {**both, "med_type": "11", "begntime": f"{DAY} 10:00:00"}, "diseinfo": sick}
    city.does("2203A", told)
    city.does("2203", told)
    line = {
        **both,
        "feedetl_sn": "1",
        "chrg_bchno": "B1",
        "med_list_codg": "A",
        "medins_list_codg": "YP0001",
        "fee_ocur_time": f"{DAY} 10:10:00",
    }
    line |= {"det_item_fee_sumamt": "800.00", "cnt": 2, "pric": "400.00", "bilg_dr_codg": "D42010001", "bilg_dr_name": "李"}
    city.does("2204", {"feedetail": [line, {**line, "feedetl_sn": "2", "chrg_bchno": "B2"}]})
    city.does("2205", {"data": {**both, "chrg_bchno": "B2"}})
    bill = {
        **both,
        **shown_card,
        "med_type": "11",
        "medfee_sumamt": "800.00",
        "psn_setlway": "01",
        "chrg_bchno": "B1",
        "insutype": "310",
    }
    city.does("2206", {"data": {**bill, "acct_used_flag": "1"}})
    parts = {"fulamt_ownpay_amt": "0.00", "overlmt_selfpay": "0.00", "preselfpay_amt": "0.00", "inscp_scp_amt": "800.00"}
    paid = city.does("2207", {"data": {**bill, "acct_used_flag": "1", **parts}})["setlinfo"]
    whole = {**both, "setl_id": paid["setl_id"]}
    city.does("5203", {"data": whole})
    city.does("5204", {"data": whole})
    city.does("5369", {"data": {"setlId": paid["setl_id"], "psnNo": psn_no, "mdtrtId": both["mdtrt_id"]}})
    info = {**whole, "medcasno": "BA0001", "psn_cashpay": str(paid["psn_cash_pay"]), "acct_pay": str(paid["acct_pay"])}
    items = [{"med_chrgitm": "09", "amt": "800.00", "claa_sumfee": "800.00"}]
    city.does(
        "4101", {"setlinfo": info, "payinfo": [], "diseinfo": [{"diag_code": "I10", "diag_name": "高血压"}], "iteminfo": items}
    )
    lost = city.does("2207", {"data": again(city, both, bill)})["setlinfo"]
    city.does("2601", {"data": {"psn_no": psn_no, "omsgid": lost["medins_setl_id"], "oinfno": "2207"}})
    city.does("2208", {"data": whole})
    gone = city.does("2201", {"data": {**register, "ipt_otp_no": "MZ0002"}})["data"]
    city.does("2202", {"data": gone})
    settled = city.pays("father", [("A", "60.00")])
    return {**both, "setl_id": settled["setl_id"]}


def again(city: Recorder, both: dict[str, Any], bill: dict[str, Any]) -> dict[str, Any]:
    line = {
        **both,
        "feedetl_sn": "9",
        "chrg_bchno": "B9",
        "med_list_codg": "A",
        "det_item_fee_sumamt": "5.00",
        "cnt": 1,
        "pric": "5.00",
    }
    city.does("2204", {"feedetail": [line]})
    return {**bill, "chrg_bchno": "B9", "medfee_sumamt": "5.00"}


def pharmacy(city: Recorder) -> None:
    psn_no = city.people["father"].number
    head = {"psn_no": psn_no, "mdtrt_cert_type": "02", "mdtrt_cert_no": city.numbers["father"], "begntime": f"{DAY} 10:00:00"}
    head |= {"medfee_sumamt": "25.00", "insutype": "310", "acct_used_flag": "1", "med_type": "41"}
    line = {
        "feedetl_sn": "1",
        "rx_circ_flag": "0",
        "fee_ocur_time": f"{DAY} 10:00:00",
        "med_list_codg": "A",
        "medins_list_codg": "YP0001",
    }
    sale = {"druginfo": head, "drugdetail": [{**line, "det_item_fee_sumamt": "25.00", "cnt": 1, "pric": "25.00"}]}
    city.does("2101", sale, at="P1")
    paid = city.does("2102", sale, at="P1")["setlinfo"]
    when = f"{DAY} 10:05:00"
    bought = {
        **LOT,
        "spler_name": "某医药公司",
        "purc_retn_cnt": "100",
        "purc_invo_no": "FP0001",
        "purc_retn_stoin_time": f"{DAY} 08:00:00",
    }
    city.does("3503", {"purcinfo": [{**bought, "finl_trns_pric": "18.5"}]}, at="P1")
    city.does("3504", {"purcinfo": [{**bought, "purc_retn_cnt": "5"}]}, at="P1")
    city.does("3501", {"invinfo": [{**LOT, "invdate": DAY, "inv_cnt": "95"}]}, at="P1")
    city.does("3502", {"invinfo": [{**LOT, "inv_chg_type": "101", "cnt": "-1", "inv_chg_time": f"{DAY} 09:00:00"}]}, at="P1")
    sold = {
        **LOT,
        "rtal_docno": "LS0001",
        "setl_id": paid["setl_id"],
        "psn_no": psn_no,
        "sel_retn_cnt": "1",
        "sel_retn_time": when,
    }
    city.does("3505", {"selinfo": [{**sold, "finl_trns_pric": "25"}]}, at="P1")
    city.does("3506", {"selinfo": [sold]}, at="P1")
    city.does("3507", {"data": {"fixmedins_bchno": LOT["fixmedins_bchno"], "inv_data_type": "4"}}, at="P1")
    city.does("2103", {"data": {"setl_id": paid["setl_id"], "mdtrt_id": paid["mdtrt_id"], "psn_no": psn_no}}, at="P1")


def stay(city: Recorder) -> None:
    psn_no, card = city.people["father"].number, {"mdtrt_cert_type": "02", "mdtrt_cert_no": city.numbers["father"]}
    sick = [
        {
            "diag_type": "1",
            "maindiag_flag": "1",
            "diag_srt_no": 1,
            "diag_code": "I21.9",
            "diag_name": "急性心肌梗死",
            "dise_dor_no": "D42010001",
        }
    ]
    admitted = {
        "psn_no": psn_no,
        "insutype": "310",
        "begntime": "2026-03-01 08:00:00",
        **card,
        "med_type": "21",
        "ipt_no": "ZY0001",
    }
    admitted |= {"adm_dept_codg": "02", "adm_dept_name": "心内科", "adm_bed": "0203", "chfpdr_name": "李", "tel": "13800000000"}
    both = {"mdtrt_id": city.does("2401", {"mdtrtinfo": admitted, "diseinfo": sick})["result"]["mdtrt_id"], "psn_no": psn_no}
    city.does("2403", {"adminfo": {**both, "adm_bed": "0206", "med_type": "21"}, "diseinfo": sick})
    city.does("5303", {"data": {"psn_no": psn_no, "begntime": f"{DAY} 00:00:00"}})
    line = {**both, "feedetl_sn": "1", "med_list_codg": "A", "det_item_fee_sumamt": "3000.00", "cnt": 10, "pric": "300.00"}
    back = {**line, "feedetl_sn": "2", "init_feedetl_sn": "1", "det_item_fee_sumamt": "-300.00", "cnt": -1}
    city.does("2301", {"feedetail": [line, back]})
    city.does("2302", {"data": {**both, "feedetl_sn": "2"}})
    city.does(
        "2402",
        {"dscginfo": {**both, "endtime": f"{DAY} 09:00:00", "dscg_dept_name": "心内科", "dscg_way": "1"}, "diseinfo": sick},
    )
    bill = {
        **both,
        **card,
        "medfee_sumamt": "3000.00",
        "psn_setlway": "01",
        "insutype": "310",
        "acct_used_flag": "1",
        "mid_setl_flag": "0",
    }
    city.does("2303", {"data": bill})
    paid = city.does("2304", {"data": bill})["setlinfo"]
    city.does("2305", {"data": {**both, "setl_id": paid["setl_id"]}})
    city.does("2405", {"data": both})
    city.does("2302", {"data": {**both, "feedetl_sn": "0000"}})
    city.does("2404", {"data": both})


def filings(city: Recorder) -> None:
    psn_no = city.people["father"].number
    referral = {"psn_no": psn_no, "insutype": "310", "diag_code": "I21.9", "diag_name": "急性心肌梗死", "reflin_medins_no": "H2"}
    referral |= {"reflin_medins_name": "二院", "refl_date": DAY, "begndate": DAY, "enddate": "2026-06-30"}
    chronic = {"psn_no": psn_no, "insutype": "310", "opsp_dise_code": "M03900", "opsp_dise_name": "高血压", "hosp_ide_date": DAY}
    chronic |= {"ide_fixmedins_no": "H1", "begndate": DAY, "enddate": "2027-03-01"}
    designation = {"psn_no": psn_no, "biz_appy_type": "03", "begndate": DAY, "fix_srt_no": "1", "fixmedins_code": "H1"}
    designation |= {"fixmedins_name": "一院", "agnter_name": "王", "agnter_tel": "13800000000"}
    for files, asks, cancels, node, given in (
        ("2501", "5304", "2502", "refmedin", referral),
        ("2503", "5301", "2504", "data", chronic),
        ("2505", "5302", "2506", "data", designation),
    ):
        number = city.does(files, {node: given})["result"]["trt_dcla_detl_sn"]
        city.does(asks, {"data": {"psn_no": psn_no, "begntime": f"{DAY} 00:00:00", "biz_appy_type": "03"}})
        city.does(cancels, {"data": {"trt_dcla_detl_sn": number, "psn_no": psn_no, "memo": "信息有误"}})
    city.does("2507", {"data": {"psn_no": psn_no, "trum_time": f"{DAY} 07:30:00", "trum_part": "右腿", "trum_rea": "骑车摔倒"}})


def looks_up(city: Recorder, visit: dict[str, Any]) -> None:
    psn_no, day = city.people["father"].number, {"begntime": f"{DAY} 00:00:00", "endtime": f"{DAY} 23:59:59"}
    city.does("5201", {"data": {"psn_no": psn_no, **day}})
    city.does("5202", {"data": {"mdtrt_id": visit["mdtrt_id"], "psn_no": psn_no}})
    chronic = city.visits("father")
    city.does("2203", {"mdtrtinfo": {"mdtrt_id": chronic["mdtrt_id"], "psn_no": psn_no, "med_type": "140104"}})
    city.uploads(chronic, [("A", "30.00")])
    city.does("5205", {"data": {"psn_no": psn_no, **day}})
    city.does("5206", {"data": {"psn_no": psn_no, "cum_ym": "202603"}})
    city.does("5368", {"data": {"certno": city.numbers["father"], "psnCertType": "01"}})
    city.does("90100", {"data": {"psn_no": psn_no}})
    city.does(
        "3401",
        {"deptinfo": [{"hosp_dept_codg": "01", "hosp_dept_name": "内科", "caty": "A03", "begntime": "2020-01-01 00:00:00"}]},
    )
    city.does("3402", {"deptinfo": {"hosp_dept_codg": "01", "hosp_dept_name": "内科一病区", "caty": "A03"}})
    city.does("5101", {"data": {"hosp_dept_codg": "01"}})
    city.does("3403", {"data": {"hosp_dept_codg": "01"}})
    city.does("5102", {"data": {"prac_psn_type": "1"}})
    for infno in ("3101", "3102"):
        city.does(infno, {"data": {"syscode": "HIS", "task_id": f"RW{infno}", "trig_scen": "1"}})


def end_of_day(city: Recorder) -> None:
    row = city.pays("daughter", [("A", "90.00")], at="H2")
    period = {"stmt_begndate": DAY, "stmt_enddate": DAY, "clr_type": "11", "setl_optins": "420100"}
    sums = {"medfee_sumamt": row["medfee_sumamt"], "fund_pay_sumamt": row["fund_pay_sumamt"], "fixmedins_setl_cnt": 1}
    city.does("3201", {"data": {**period, "insutype": "310", **sums, "acct_pay": row["acct_pay"]}}, at="H2")
    cells = [row[name] for name in ("setl_id", "mdtrt_id", "psn_no", "medfee_sumamt", "fund_pay_sumamt", "acct_pay")]
    text = "\t".join([*map(str, cells), "0"]) + "\n"
    given = {"in": base64.b64encode(text.encode()).decode(), "filename": "20260302.txt", "fixmedins_code": "H2"}
    number = city.does("9101", {"fsUploadIn": given}, at="H2")["file_qury_no"]
    asked = {**period, "file_qury_no": number, **sums, "cash_payamt": row["psn_cash_pay"]}
    made = city.does("3202", {"data": asked}, at="H2")["fileinfo"]
    city.does("9102", {"fsDownloadIn": {**made, "fixmedins_code": "H2"}}, at="H2")
    clearing = {"clr_type": "11", "clr_way": "1", "setlym": "202603", "psntime": 1, "medfee_sumamt": row["medfee_sumamt"]}
    clearing |= {"fund_appy_sum": row["fund_pay_sumamt"], "cash_payamt": row["psn_cash_pay"], "acct_pay": row["acct_pay"]}
    clearing |= {"begndate": "2026-03-01", "enddate": "2026-03-31"}
    asked_for = city.does("3203", {"data": clearing}, at="H2")["result"]["clr_appy_evt_id"]
    city.does("3204", {"data": {"clr_appy_evt_id": asked_for}}, at="H2")


def lists(city: Recorder) -> None:
    city.run(
        lambda tx: tx.run(
            "insert into catalogue_listing (list, code, valid_from, name, updated_on) values"
            " ('1304', 'T0001', '2020-01-01', '七十味珍珠丸', '2025-01-01'),"
            " ('1307', 'I10', '2020-01-01', '高血压', '2025-01-01')"
        )
    )
    for infno in DOWNLOADS:
        city.does(infno, {"data": {"ver": "0"}})
    for infno in ("1304", "1312", "1316", "1318", "1319"):
        city.does(infno, {"data": {"updt_time": "2000-01-01 00:00:00", "page_num": 1, "page_size": 2}})
    match = {"fixmedins_hilist_id": "YP0001", "fixmedins_hilist_name": "阿司匹林肠溶片", "list_type": "101", "med_list_codg": "A"}
    city.does("3301", {"data": [{**match, "begndate": DAY, "spec": "100mg*30片"}]})
    city.does("1317", {"data": {"medins_list_codg": "YP0001", "page_num": 1, "page_size": 10}})
    city.does("3302", {"data": {**match, "fixmedins_code": "H1"}})
    city.does("1201", {"medinsinfo": {"fixmedins_type": "1", "fixmedins_name": "院"}})
    city.does("1901", {"data": {"type": "acct_used_flag"}})


def from_the_phone(city: Recorder) -> None:
    psn_no = city.people["father"].number
    user = city.does("6101", {"data": {"ecQrCode": city.shows_code("father"), "orgCodg": "H1"}})["data"]
    city.does("alipay.commerce.medical.familyinfo.auth.query", {"data": {"auth_token": user["pay_auth_no"]}})
    city.binds("father", "daughter", "child")
    city.does(
        "alipay.commerce.medical.fm.bindlist.query", {"data": {"auth_token": user["pay_auth_no"], "user_id": "2088000000000001"}}
    )
    asked = {"ftoken": user["ec_token"], "term_sn": "ZD0001", "user_id": "2088000000000001"}
    city.does("alipay.commerce.medical.iotfm.checkbind.query", {"data": asked})
    line = {
        "feedetlSn": "1",
        "medListCodg": "A",
        "detItemFeeSumamt": "12.00",
        "cnt": 1,
        "pric": "12.00",
        "feeOcurTime": f"{DAY} 10:00:00",
    }

    def order(number: str) -> Any:
        head = {"payAuthNo": user["pay_auth_no"], "orgCodg": "H1", "medOrgOrd": number, "psnNo": psn_no, "medfeeSumamt": "12.00"}
        head |= {"medType": "11", "iptOtpNo": number, "acctUsedFlag": "1", "feeType": "01"}
        sick = [{"diagCode": "I10", "diagName": "高血压"}]
        return city.does("6201", {"data": {**head, "feedetailList": [line], "diseinfoList": sick}})["data"]

    made, other = order("DD0001"), order("DD0002")
    ids = {
        "payOrdId": made["payOrdId"],
        "payToken": made["payToken"],
        "payAuthNo": user["pay_auth_no"],
        "mdtrtId": made["mdtrtId"],
    }
    city.does("6202", {"data": {**ids, "orgBizSer": "YW0001", "orgCodg": "H1"}})
    city.does("6301", {"data": {"payOrdId": made["payOrdId"], "orgCodg": "H1"}})
    back = {"payOrdId": made["payOrdId"], "refdType": "ALL", "payAuthNo": user["pay_auth_no"], "totlRefdAmt": "12.00"}
    city.does("6203", {"data": back})
    city.does("6401", {"data": {"payOrdId": other["payOrdId"]}})


@pytest.fixture(scope="module")
def recorded(cluster: Any) -> Iterator[Recorder]:
    url = cluster.fresh()
    database = Database(url, cluster.keys, size=4)
    city = Recorder(database, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    story(city)
    yield city
    city.close()
    database.close()
    cluster.drop(url)


def test_the_story_tells_every_transaction(recorded: Recorder) -> None:
    assert recorded.worked.keys() == handlers.HANDLERS.keys() == {one.infno for one in transactions()}
    recorded.books_balance()


def examples(text: str) -> list[Any]:
    return [json.loads(block, parse_float=Decimal) for block in re.findall(r"```json\n(.*?)\n```", text, re.DOTALL)]


def tables(text: str) -> str:
    return text.partition("## 示例")[0]


def test_the_pages_are_the_tables(recorded: Recorder) -> None:
    """After a change of the tables: `python tests/test_handbook.py` writes the pages anew."""
    made = pages(recorded.worked)
    kept = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.md")}
    assert kept.keys() == made.keys()
    assert {name for name in made if tables(made[name]) != tables(kept[name])} == set()


def shape(value: Any) -> Any:
    """The names of a message, without what they stand for."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value) is str


@pytest.mark.parametrize("infno", [one.infno for one in transactions()])
def test_a_worked_message_is_what_the_door_takes_and_says(recorded: Recorder, infno: str) -> None:
    request, answer = examples((FOLDER / f"{infno}.md").read_text("utf-8"))
    assert contract.check(infno, request["input"]) is not None
    assert request["infno"] == infno
    told = recorded.worked[infno]
    assert shape(request) == shape(json.loads(told.request, parse_float=Decimal))
    if infno == "9102":
        return
    assert contract.answer_faults(infno, answer["output"]) == []
    assert shape(answer) == shape(json.loads(told.answer, parse_float=Decimal))


def test_every_setting_of_a_connection_is_explained() -> None:
    text = (FOLDER / "profiles.md").read_text("utf-8")
    for name in SETTINGS:
        assert name == "title" or f"`{name}`" in text
    for name, one in profiles().items():
        assert f"## {name} {one.title}" in text


def same_page(kept: str, made: str) -> bool:
    """Whether two pages differ only in what was drawn at random."""
    return tables(kept) == tables(made) and [shape(one) for one in examples(kept)] == [shape(one) for one in examples(made)]


def write() -> None:
    """Play the story on a server of its own and write the pages."""
    from conftest import cluster as started  # only when called by hand

    making = started.__wrapped__() if hasattr(started, "__wrapped__") else started.__pytest_wrapped__.obj()
    cluster = next(making)
    database = Database(cluster.fresh(), cluster.keys, size=4)
    city = Recorder(database, process_url(database.url, "mulaid_gateway", embedded=True), cluster.keys)
    try:
        story(city)
        FOLDER.mkdir(exist_ok=True)
        made = pages(city.worked)
        for path in FOLDER.glob("*.md"):
            if path.name not in made:
                path.unlink()
        for name, text in made.items():
            # Numbers are drawn anew each time; a page that says the same stays as it is.
            if not (FOLDER / name).exists() or not same_page((FOLDER / name).read_text("utf-8"), text):
                (FOLDER / name).write_text(text, "utf-8")
    finally:
        city.close()
        database.close()
        making.close()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    write()
