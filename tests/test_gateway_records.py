"""What institutions report and ask back, told as stories: filings, goods, lists, catalogues, stays, and every no of them."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from city import City
from door import contents, refused
from mulaid import jobs
from mulaid.calendar import wall_clock
from mulaid.db import Database, Tx, process_url
from mulaid.gateway import contract
from mulaid.people import filings
from mulaid.policy.pack import library
from mulaid.settlement import files
from mulaid.settlement.visit import Institution, find_institution
from mulaid.settlement.whose import whose_money


@pytest.fixture(scope="module")
def town(cluster: Any) -> Iterator[City]:
    """One city for all stories here; each uses people of its own."""
    url = cluster.fresh()
    database = Database(url, cluster.keys, size=4)
    city = City(database, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    yield city
    city.close()
    database.close()
    cluster.drop(url)


def asks(city: City, infno: str, data: Any, at: str = "H1", **more: Any) -> Any:
    """The output of a transaction that succeeds and is shaped as its table says."""
    answer = city.send(infno, data, at=at, **more)
    assert answer["infcode"] == 0, answer["err_msg"]
    assert contract.answer_faults(infno, answer["output"]) == []
    return answer["output"]


def told_no(city: City, infno: str, data: Any, code: str, at: str = "H1") -> str:
    """A refusal for exactly this reason that left every table as it was. The words."""
    before = contents(city.db.url)
    answer = city.send(infno, data, at=at)
    refused(answer, code)
    assert contents(city.db.url) == before
    return str(answer["err_msg"])


# Filings


def referral(psn_no: str, **more: Any) -> dict[str, Any]:
    return {
        "refmedin": {
            "psn_no": psn_no,
            "insutype": "310",
            "tel": "13800000000",
            "diag_code": "I21.9",
            "reflin_medins_no": "H9",
            "begndate": "2026-03-01",
            "enddate": "2026-06-30",
            **more,
        }
    }


def chronic(psn_no: str, **more: Any) -> dict[str, Any]:
    return {"data": {"psn_no": psn_no, "opsp_dise_code": "M03900", "opsp_dise_name": "高血压", "begndate": "2026-01-01", **more}}


def designation(psn_no: str, **more: Any) -> dict[str, Any]:
    data = {"psn_no": psn_no, "biz_appy_type": "03", "begndate": "2026-01-01", "fix_srt_no": "1", "fixmedins_code": "H1"}
    return {"data": {**data, "agnter_name": "王小", "agnter_certno": "11", "agnter_tel": "139", **more}}


FILINGS = [
    ("2501", "2502", "5304", "refmedin", referral),
    ("2503", "2504", "5301", "feedetail", chronic),
    ("2505", "2506", "5302", "psnfixmedin", designation),
]


def test_what_a_hospital_certifies_and_refers_counts_at_settlements(town: City) -> None:
    person = town.enrols("certified")
    shanghai = Institution("", "", 1, "310000", "L3", person.book)

    def held() -> list[str]:
        today = town.now.date()
        every = town.run(lambda tx: filings.certificates(tx, person))
        return [one.disease for one in every if one.valid_to is None or today <= one.valid_to]

    def away() -> str:
        return town.run(lambda tx: whose_money(tx, library(), person, shanghai, 100, on=town.now.date()).facts.remote)

    assert (held(), away()) == ([], "unfiled")
    number = asks(town, "2503", chronic(person.number))["result"]["trt_dcla_detl_sn"]
    assert held() == ["M03900"]
    given = referral(person.number, mdtrtarea_admdvs="310000", begndate="2026-03-02")
    filed = asks(town, "2501", given)["result"]["trt_dcla_detl_sn"]
    assert away() == "referral"
    told_no(
        town,
        "2501",
        referral(person.number, mdtrtarea_admdvs="310000", reflin_medins_no="H8", begndate="2026-03-02"),
        "filing.filed_already",
    )
    told_no(town, "2503", chronic(person.number, opsp_dise_code="M0-39"), "chronic.bad_disease")
    # In the own area there is nothing to file.
    asks(town, "2501", referral(person.number, mdtrtarea_admdvs="420100", reflin_medins_no="H7"))
    for cancels, shown in (("2504", number), ("2502", filed)):
        asks(town, cancels, {"data": {"trt_dcla_detl_sn": shown, "psn_no": person.number}})
    assert (held(), away()) == ([], "unfiled")


@pytest.mark.parametrize(("files", "cancels", "lists", "node", "made"), FILINGS, ids=[row[0] for row in FILINGS])
def test_a_filing_is_found_again_until_it_is_cancelled(
    town: City, files: str, cancels: str, lists: str, node: str, made: Any
) -> None:
    psn_no = town.enrols(f"filer of {files}").number
    other = town.enrols(f"other of {files}").number
    query = {"data": {"psn_no": psn_no, "begntime": "2026-01-01 00:00:00"}}
    assert asks(town, lists, query)[node] == []
    number = asks(town, files, made(psn_no))["result"]["trt_dcla_detl_sn"]
    (found,) = asks(town, lists, query, at="H2")[node]
    assert found["begndate"] == made(psn_no).popitem()[1]["begndate"]
    # A living one about the same, from whichever institution, is in the way; another stretch of days is not.
    told_no(town, files, made(psn_no), "records.exists")
    told_no(town, files, made(psn_no, begndate="2026-02-01"), "records.exists", at="H2")
    told_no(town, files, made(psn_no, begndate="2026-05-01", enddate="2026-04-01"), "records.bad_period")
    told_no(town, files, made(psn_no, begndate="2019-05-01"), "people.not_enrolled")
    withdrawn = {"data": {"trt_dcla_detl_sn": number, "psn_no": psn_no}}
    told_no(town, cancels, withdrawn, "records.other_institution", at="H2")
    told_no(town, cancels, {"data": {**withdrawn["data"], "psn_no": other}}, "records.other_person")
    told_no(town, cancels, {"data": {**withdrawn["data"], "trt_dcla_detl_sn": "R" + "0" * 26}}, "records.unknown")
    wrong = {"2502": "2504", "2504": "2506", "2506": "2502"}[cancels]
    told_no(town, wrong, withdrawn, "records.unknown")
    assert asks(town, cancels, withdrawn) is None
    assert asks(town, lists, query)[node] == []
    told_no(town, cancels, withdrawn, "records.cancelled")
    # What was certified in between stays on record, so the next one begins today.
    asks(town, files, made(psn_no, begndate="2026-03-02"))


def test_a_filing_under_another_insurance_is_refused(town: City) -> None:
    psn_no = town.enrols("resident", base="resident").number
    told_no(town, "2501", referral(psn_no), "settlement.wrong_insurance")
    told_no(town, "2503", chronic(psn_no, insutype="310"), "settlement.wrong_insurance")


def test_an_accident_is_on_record_and_nobody_reads_it_in_the_database(town: City) -> None:
    psn_no = town.enrols("clumsy").number
    data = {"psn_no": psn_no, "trum_time": "2026-03-01 08:00:00", "trum_rea": "骑车摔倒", "tel": "13811112222"}
    number = asks(town, "2507", {"data": data})["result"]["trt_dcla_detl_sn"]
    assert number.startswith("R")
    told_no(town, "2507", {"data": data}, "records.exists")
    rows = town.run(lambda tx: tx.all("select body::text, subject, sealed from exchange_record where kind = 'accident'"))
    for row in rows:
        assert "摔倒" not in row["body"]
        assert "13811112222" not in row["body"]
        assert psn_no not in row["subject"]
        assert row["sealed"] is not None
    withdrawn = {"data": {"trt_dcla_detl_sn": number, "psn_no": psn_no, "memo": "填错了"}}
    told_no(town, "2506", {"data": {**withdrawn["data"], "psn_no": town.enrols("bystander").number}}, "records.other_person")
    told_no(town, "2506", withdrawn, "records.other_institution", at="H2")
    asks(town, "2506", withdrawn)
    told_no(town, "2502", withdrawn, "records.cancelled")
    again = asks(town, "2507", {"data": data})["result"]["trt_dcla_detl_sn"]
    asks(town, "2504", {"data": {**withdrawn["data"], "trt_dcla_detl_sn": again}})


def test_the_same_message_twice_is_one_filing(town: City) -> None:
    psn_no = town.enrols("twice").number
    first = town.send("2503", chronic(psn_no), msgid="FILED TWICE")
    assert first["infcode"] == 0
    assert town.send("2503", chronic(psn_no), msgid="FILED TWICE") == first
    assert len(asks(town, "5301", {"data": {"psn_no": psn_no}})["feedetail"]) == 1


# Goods


def goods(lot: str, **more: Any) -> dict[str, Any]:
    return {"med_list_codg": "A", "fixmedins_hilist_id": "I1", "fixmedins_hilist_name": "药", "fixmedins_bchno": lot, **more}


def sale(lot: str, paper: str, count: str, **more: Any) -> dict[str, Any]:
    return {"selinfo": [goods(lot, rtal_docno=paper, sel_retn_cnt=count, sel_retn_time="2026-03-02 09:00:00", **more)]}


def test_goods_come_and_go(town: City) -> None:
    bought = goods("L1", spler_name="供应商", purc_retn_cnt="100", purc_invo_no="F1", purc_retn_stoin_time="2026-03-01 09:00:00")
    assert asks(town, "3503", {"purcinfo": [bought]}, at="P1") is None
    told_no(town, "3503", {"purcinfo": [bought]}, "records.exists", at="P1")
    asks(town, "3504", {"purcinfo": [{**bought, "purc_retn_cnt": "10"}]}, at="P1")
    asks(town, "3501", {"invinfo": [goods("L1", invdate="2026-03-01", inv_cnt="90")]}, at="P1")
    asks(town, "3501", {"invinfo": [goods("L1", invdate="2026-03-01", inv_cnt="89.5")]}, at="P1")
    change = goods("L1", inv_chg_type="101", cnt="-1.5", inv_chg_time="2026-03-02 08:00:00")
    asks(town, "3502", {"invinfo": [change]}, at="P1")
    assert asks(town, "3505", sale("L1", "D1", "3"), at="P1")["result"]["retRslt"] == "1"
    told_no(town, "3505", sale("L1", "D1", "3"), "records.exists", at="P1")
    told_no(town, "3506", sale("L1", "D1", "3.0001"), "records.more_than_sold", at="P1")
    asks(town, "3506", sale("L1", "D1", "2"), at="P1")
    back = sale("L1", "D1", "1.5")
    back["selinfo"][0]["sel_retn_time"] = "2026-03-02 09:30:00"
    told_no(town, "3506", back, "records.more_than_sold", at="P1")
    told_no(town, "3506", sale("L1", "D2", "1"), "records.more_than_sold", at="P1")
    counted = town.run(
        lambda tx: tx.all("select kind, quantity from exchange_record where cancelled_at is null and subject like 'L1|%%'")
    )
    found = {row["kind"]: row["quantity"] for row in counted}
    assert found == {
        "purchase": 1_000_000,
        "purchase_return": -100_000,
        "count": 895_000,
        "change": -15_000,
        "sale": 30_000,
        "sale_return": 20_000,
    }
    for kind in "1234":
        asks(town, "3507", {"data": {"fixmedins_bchno": "L1", "inv_data_type": kind}}, at="P1")
        told_no(town, "3507", {"data": {"fixmedins_bchno": "L1", "inv_data_type": kind}}, "records.unknown", at="P1")
    left = town.run(
        lambda tx: tx.one("select count(*) as n from exchange_record where cancelled_at is null and subject like 'L1|%%'")
    )
    assert left["n"] == 0


def test_a_sale_that_names_a_settlement_must_be_that_sale(town: City) -> None:
    town.enrols("buyer", "50.00")
    paid = town.pays("buyer", "30.00", at="P1")
    elsewhere = town.pays("buyer", "10.00", at="H1")
    stranger = town.enrols("stranger").number
    told_no(town, "3505", sale("L2", "D1", "1", setl_id=elsewhere["setl_id"]), "settlement.other_institution", at="P1")
    told_no(town, "3505", sale("L2", "D1", "1", setl_id=paid["setl_id"], psn_no=stranger), "settlement.other_person", at="P1")
    told_no(town, "3505", sale("L2", "D1", "1", setl_id="S" + "0" * 26), "settlement.unknown", at="P1")
    asks(town, "3505", sale("L2", "D1", "1", setl_id=paid["setl_id"], psn_no=paid["psn_no"], psn_name="王"), at="P1")
    told_no(town, "3507", {"data": {"fixmedins_bchno": "L2", "inv_data_type": "9"}}, "interface.bad_code", at="P1")


# Settlement lists


def test_a_settlement_list_must_agree_with_the_settlement(town: City) -> None:
    town.enrols("listed", "20.00")
    paid = town.pays("listed", [("A", "1000.00"), ("OUT", "50.00")])
    stranger = town.enrols("not listed").number
    info = {"mdtrt_id": paid["mdtrt_id"], "setl_id": paid["setl_id"], "psn_no": paid["psn_no"]}
    info |= {"acct_pay": paid["acct_pay"], "psn_cashpay": paid["psn_cash_pay"]}
    whole = {
        "setlinfo": info,
        "payinfo": [
            {"fund_pay_type": "310100", "fund_payamt": paid["fund_pay_sumamt"]},
            {"fund_pay_type": "310200", "fund_payamt": 1},
        ],
        "iteminfo": [{"med_chrgitm": "09", "amt": "1000.00"}, {"med_chrgitm": "14", "amt": "50.00"}],
        "diseinfo": [{"diag_code": "I10"}],
        "oprninfo": [],
    }
    first = asks(town, "4101", whole)["setl_list_id"]
    # Sent again with a correction, the newest counts.
    second = asks(town, "4101", {**whole, "diseinfo": [{"diag_code": "I11"}]})["setl_list_id"]
    assert first != second
    living = town.run(lambda tx: tx.all("select id from exchange_record where kind = 'settlement_list' and cancelled_at is null"))
    assert len(living) == 1
    for wrong, code in (
        ({"iteminfo": [{"med_chrgitm": "09", "amt": "1049.99"}]}, "records.differs"),
        ({"payinfo": [{"fund_pay_type": "310100", "fund_payamt": "0.01"}]}, "records.differs"),
        ({"setlinfo": {**info, "psn_cashpay": "0.01"}}, "records.differs"),
        ({"setlinfo": {**info, "acct_pay": "0.01"}}, "records.differs"),
        ({"setlinfo": {**info, "psn_no": stranger}}, "settlement.other_person"),
        ({"setlinfo": {**info, "mdtrt_id": "V" + "0" * 26}}, "settlement.other_person"),
    ):
        told_no(town, "4101", {**whole, **wrong}, code)
    told_no(town, "4101", whole, "settlement.other_institution", at="H2")
    refund = town.refunds(paid)["output"]["setlinfo"]
    told_no(town, "4101", whole, "settlement.refunded")
    told_no(town, "4101", {**whole, "setlinfo": {**info, "setl_id": refund["setl_id"]}}, "settlement.is_refund")


# Departments, doctors, audit tasks


def test_departments_and_doctors_that_were_reported_are_known(town: City) -> None:
    rows = [{"hosp_dept_codg": "01", "hosp_dept_name": "内科"}, {"hosp_dept_codg": "02", "hosp_dept_name": "外科"}]
    asks(town, "3401", {"deptinfo": rows}, at="H2")
    asks(town, "3402", {"deptinfo": {"hosp_dept_codg": "02", "hosp_dept_name": "普外科", "dept_resper_tel": "139"}}, at="H2")
    told_no(town, "3402", {"deptinfo": {"hosp_dept_codg": "03", "hosp_dept_name": "儿科"}}, "records.unknown", at="H2")
    found = asks(town, "5101", {"data": {}}, at="H2")["feedetail"]
    assert [row["hosp_dept_name"] for row in found] == ["内科", "普外科"]
    assert asks(town, "5101", {}, at="H1")["feedetail"] == []
    asks(town, "3403", {"data": {"hosp_dept_codg": "01"}}, at="H2")
    told_no(town, "3403", {"data": {"hosp_dept_codg": "01"}}, "records.unknown", at="H2")
    assert len(asks(town, "5101", {"data": {"hosp_dept_codg": "0"}}, at="H2")["feedetail"]) == 1
    assert asks(town, "5102", {"data": {"prac_psn_type": "1"}}, at="H2")["feedetail"] == []


@pytest.mark.parametrize("infno", ["3101", "3102"])
def test_an_audit_task_is_on_record(town: City, infno: str) -> None:
    data = {"syscode": "HIS", "task_id": infno, "trig_scen": "1", "patient_dtos": [{"patn_id": "1", "patn_name": "王某"}]}
    assert asks(town, infno, {"data": data})["result"] == []
    rows = town.run(lambda tx: tx.all("select body::text as body from exchange_record where kind = 'audit_task'"))
    assert any(infno in row["body"] for row in rows)
    assert not any("王某" in row["body"] for row in rows)


# Catalogues


def unzipped(body: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        (name,) = archive.namelist()
        return [line.split("\t") for line in archive.read(name).decode().split("\r\n") if line]


def downloads(city: City, number: str, at: str = "H1", who: str = "plc") -> bytes:
    """The bytes that 9102 answers with."""
    data = {"fsDownloadIn": {"file_qury_no": number, "filename": "x", "fixmedins_code": who}}
    whole = {"infno": "9102", "msgid": f"D{number}", "fixmedins_code": at, "input": data}
    status, body = city.post(json.dumps(whole).encode())
    assert status == "200 OK"
    assert body.startswith(b"PK"), body
    return body


FILES = ["1301", "1302", "1303", "1305", "1306", "1307", "1308", "1309", "1310", "1311", "1313", "1314", "1315", "1320", "1321"]


@pytest.mark.parametrize("infno", FILES)
def test_a_catalogue_is_downloaded_as_a_file(town: City, infno: str) -> None:
    town.run(
        lambda tx: tx.run(
            "insert into catalogue_listing (list, code, valid_from, name, updated_on) values"
            " (%(l)s, 'X1', '2020-01-01', '甲', '2025-06-01'),"
            " (%(l)s, 'X2', '2020-01-01', '乙', '2024-01-01') on conflict do nothing",
            l=infno,
        )
    )
    made = asks(town, infno, {"data": {"ver": "0"}})
    rows = unzipped(downloads(town, made["file_qury_no"]))
    assert len(rows) == made["data_cnt"]
    assert made["dld_end_time"] == made["dld_endtime"]
    newer = asks(town, infno, {"data": {"ver": "F001_20250101000000_A"}})["data_cnt"]
    if infno in ("1301", "1305", "1306"):
        assert {row[0] for row in rows} >= {"1301": {"A", "B10"}, "1305": {"OUT"}, "1306": {"LIMITED"}}[infno]
        assert newer == 0
    elif infno != "1302":
        assert ([row[:2] for row in rows], newer) == ([["X1", "甲"], ["X2", "乙"]], 1)
        assert rows[0][3] == "null"


def test_files_are_for_whom_they_were_made(town: City) -> None:
    number = asks(town, "1301", {"data": {"ver": "0"}})["file_qury_no"]
    asked = {"fsDownloadIn": {"file_qury_no": number}}
    told_no(town, "9102", asked, "files.unknown", at="H2")
    told_no(town, "9102", {"fsDownloadIn": {"file_qury_no": "F" + "0" * 26}}, "files.unknown")
    told_no(town, "9102", {"fsDownloadIn": {"file_qury_no": "nonsense"}}, "refs.unknown")
    begun = town.now
    town.now += timedelta(days=31)
    told_no(town, "9102", asked, "files.unknown")
    town.now = begun


def test_files_whose_time_is_over_are_taken_out(city: City, cluster: Any) -> None:
    number = asks(city, "1301", {"data": {"ver": "0"}})["file_qury_no"]
    worker = Database(process_url(city.db.url, "mulaid_worker", embedded=True), cluster.keys, size=1)
    try:
        fresh = city.run(lambda tx: files.put(tx, place(tx), "new", b"x"))
        city.run(lambda tx: tx.run("update exchange_file set expires_at = %(at)s", at=wall_clock() + timedelta(days=1)))
        jobs.sweep(worker)
        assert city.run(lambda tx: files.get(tx, place(tx), fresh.number)).content == b"x"
        city.run(lambda tx: tx.run("update exchange_file set expires_at = %(at)s", at=wall_clock() - timedelta(seconds=1)))
        jobs.sweep(worker)
        assert city.run(lambda tx: tx.one("select count(*) as n from exchange_file"))["n"] == 0
    finally:
        worker.close()
    assert number.startswith("F")


def place(tx: Tx) -> Institution:
    found = find_institution(tx, "H1")
    assert found is not None
    return found


def test_pages_of_the_catalogue(town: City) -> None:
    whole = asks(town, "1312", {"data": {"updt_time": "2000-01-01 00:00:00", "page_num": 1, "page_size": 100}})
    assert whole["recordCounts"] == len(whole["data"]) >= 9
    seen: list[str] = []
    number = 1
    while True:
        page = asks(town, "1312", {"data": {"page_num": number, "page_size": 4}})
        seen += [row["hilist_code"] for row in page["data"]]
        if page["lastPage"] == "true":
            break
        number += 1
    assert seen == [row["hilist_code"] for row in whole["data"]]
    assert page["pages"] == number
    (one,) = asks(town, "1318", {"data": {"hilist_code": "LIMITED"}})["data"]
    assert one["hilist_pric_uplmt_amt"] == Decimal("10")
    assert asks(town, "1318", {"data": {"hilist_code": "A"}})["data"] == []
    ratios = {row["hilist_code"]: row["selfpay_prop"] for row in asks(town, "1319", {"data": {}})["data"]}
    assert (ratios["B10"], ratios["MINE"], ratios["OUT"]) == (Decimal("0.1"), Decimal(1), Decimal(1))
    assert "A" not in ratios
    assert asks(town, "1316", {"data": {"hilist_code": "A"}})["data"][0]["med_list_codg"] == "A"
    beyond = asks(town, "1312", {"data": {"page_num": 99, "page_size": 100}})
    assert (beyond["data"], beyond["size"]) == ([], 0)
    town.run(
        lambda tx: tx.run(
            "insert into catalogue_listing (list, code, valid_from, name, updated_on) values"
            " ('1304', 'T1', '2020-01-01', '藏药甲', '2025-06-01'), ('1304', 'T2', '2020-01-01', '蒙药', '2025-06-01')"
        )
    )
    assert [row["med_list_codg"] for row in asks(town, "1304", {"data": {"drug_genname": "藏"}})["data"]] == ["T1"]
    assert asks(town, "1304", {"data": {"page_num": 2, "page_size": 1}})["data"][0]["med_list_codg"] == "T2"


def test_matched_entries(town: City) -> None:
    row = {"fixmedins_hilist_id": "OWN1", "fixmedins_hilist_name": "自家药", "list_type": "101", "begndate": "2026-01-01"}
    asks(town, "3301", {"data": [{**row, "med_list_codg": "A"}, {**row, "med_list_codg": "B10", "spec": "10mg"}]})
    asks(town, "3301", {"data": {**row, "med_list_codg": "B10", "spec": "20mg"}})
    found = asks(town, "1317", {"data": {"medins_list_codg": "OWN1"}})
    assert [(one["med_list_codg"], one["spec"]) for one in found["data"]] == [("A", ""), ("B10", "20mg")]
    assert asks(town, "1317", {"data": {}}, at="H2")["data"] == []
    told_no(town, "3301", {"data": {**row, "med_list_codg": "NOBODY KNOWS"}}, "catalogue.unknown_item")
    told_no(town, "3301", {"data": {**row, "med_list_codg": "A", "enddate": "2025-01-01"}}, "records.bad_period")
    gone = {"data": {"fixmedins_hilist_id": "OWN1", "list_type": "101", "med_list_codg": "A"}}
    told_no(town, "3302", gone, "records.unknown", at="H2")
    told_no(town, "3302", {"data": {**gone["data"], "fixmedins_code": "H2"}}, "auth.other_institution")
    asks(town, "3302", gone)
    told_no(town, "3302", gone, "records.unknown")
    assert len(asks(town, "1317", {"data": {}})["data"]) == 1


def test_institutions_and_words(town: City) -> None:
    assert [row["fixmedins_code"] for row in asks(town, "1201", {"medinsinfo": {"fixmedins_type": "2"}})["medinsinfo"]] == ["P1"]
    assert asks(town, "1201", {"medinsinfo": {"fixmedins_name": "二院"}})["medinsinfo"][0]["fixmedins_code"] == "H2"
    words = {row["value"]: row["label"] for row in asks(town, "1901", {"data": {"type": "INSUTYPE"}})["list"]}
    assert "310" in words
    told_no(town, "1901", {"data": {"type": "NOTHING"}}, "catalogue.no_list")


# Files


def test_uploads_in_every_form_come_back_as_they_were(town: City) -> None:
    text = b"a\tb\r\n"
    for number, given in enumerate(
        (base64.b64encode(text).decode(), list(text), [byte - 256 if byte > 127 else byte for byte in text])
    ):
        made = asks(town, "9101", {"fsUploadIn": {"in": given, "filename": f"f{number}.txt", "fixmedins_code": "H1"}})
        data = {"fsDownloadIn": {"file_qury_no": made["file_qury_no"]}}
        whole = {"infno": "9102", "msgid": f"UP{number}", "fixmedins_code": "H1", "input": data}
        assert town.post(json.dumps(whole).encode())[1] == text
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.txt", b"0\t" * 20_000_000)
    two = io.BytesIO()
    with zipfile.ZipFile(two, "w") as archive:
        archive.writestr("x.txt", b"1")
        archive.writestr("y.txt", b"1")
    for content, code in (
        (b"PK\x03\x04 and then nothing", "files.not_readable"),
        (b"\xff\xfe\x00", "files.not_readable"),
        (two.getvalue(), "files.not_readable"),
        (bomb.getvalue(), "files.too_large"),
    ):
        sent = {"fsUploadIn": {"in": base64.b64encode(content).decode(), "filename": "x.zip"}}
        told_no(town, "9101", sent, code)
    told_no(town, "9101", {"fsUploadIn": {"in": "%%%", "filename": "x"}}, "interface.bad_type")
    told_no(town, "9101", {"fsUploadIn": {"in": [300], "filename": "x"}}, "interface.bad_type")
    told_no(town, "9101", {"fsUploadIn": {"in": "QQ==", "filename": "x", "fixmedins_code": "H2"}}, "auth.other_institution")


def test_only_an_upload_may_be_large(town: City) -> None:
    content = base64.b64encode(b"1\t2\r\n" * 200_000).decode()
    whole = {"infno": "9101", "msgid": "LARGE", "fixmedins_code": "H1", "input": {"fsUploadIn": {"in": content, "filename": "l"}}}
    assert json.loads(town.post(json.dumps(whole).encode())[1])["infcode"] == 0
    smuggled = {"dev_no": "9101", "infno": "9001", "msgid": "L2", "fixmedins_code": "H1", "x": content}
    body = json.dumps({"9101": "9101", **smuggled}).encode()
    refused(json.loads(town.post(body)[1]), "message.too_large")
    refused(json.loads(town.post(b'"9101"' + b" " * (9 * 1024 * 1024))[1]), "message.too_large")
