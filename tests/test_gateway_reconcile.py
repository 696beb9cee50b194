"""Reconciliation: sums and files beside ours, every kind of difference by its own name, and the clearing that rests on it."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from city import City
from door import refused
from mulaid.gateway import contract
from mulaid.gateway.dialect import profiles
from mulaid.settlement.reconcile import CAUSES
from test_gateway_records import asks, told_no

DAY = {"stmt_begndate": "2026-03-02", "stmt_enddate": "2026-03-02"}


def sums(rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """What an institution adds up from the settlements it knows; refunds have their sign already."""
    names = ("medfee_sumamt", "fund_pay_sumamt", "acct_pay")
    added = {name: str(sum((row[name] for row in rows), Decimal(0))) for name in names}
    count = sum(-1 if row["medfee_sumamt"] < 0 else 1 for row in rows)
    return {
        "data": {
            **DAY,
            "setl_optins": "420100",
            "insutype": "310",
            "clr_type": "11",
            **added,
            "fixmedins_setl_cnt": count,
            **more,
        }
    }


def line(row: dict[str, Any], **more: Any) -> list[str]:
    """A settlement as a row of the detail file."""
    row = {**row, **more}
    cells = [row[name] for name in ("setl_id", "mdtrt_id", "psn_no", "medfee_sumamt", "fund_pay_sumamt", "acct_pay")]
    return [*map(str, cells), str(row.get("refd_setl_flag", "1" if str(row["medfee_sumamt"]).startswith("-") else "0"))]


def zipped(rows: list[list[str]]) -> str:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("detail.txt", "".join("\t".join(row) + "\n" for row in rows))
    return base64.b64encode(made.getvalue()).decode()


def uploads(city: City, rows: list[list[str]], at: str = "H1") -> str:
    given = {"in": zipped(rows), "filename": "detail.zip", "fixmedins_code": at}
    return str(asks(city, "9101", {"fsUploadIn": given}, at=at)["file_qury_no"])


def results(city: City, number: str, at: str = "H1", **more: Any) -> list[list[str]]:
    """The rows of the result file that 3202 makes."""
    asked = {"data": {**DAY, "file_qury_no": number, "medfee_sumamt": 0, "fund_pay_sumamt": 0, "fixmedins_setl_cnt": 0, **more}}
    made = asks(city, "3202", asked, at=at)["fileinfo"]
    whole = {"infno": "9102", "msgid": made["file_qury_no"], "fixmedins_code": at}
    body = city.post(json.dumps({**whole, "input": {"fsDownloadIn": {"file_qury_no": made["file_qury_no"]}}}).encode())[1]
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    return [row.split("\t") for row in text.split("\r\n") if row]


def causes(rows: list[list[str]]) -> list[str]:
    return [row[6].rpartition("〔")[2].rstrip("〕") for row in rows]


@pytest.fixture
def day(city: City) -> dict[str, dict[str, Any]]:
    """A day at H1: a bill with a fund's part, one with aid, one refunded, one at the pharmacy, one at H2, one of a resident."""
    city.enrols("old", "20.00", base="retired")
    city.enrols("young", "4000.00")
    city.enrols("resident", base="resident")
    city.authorises("young", "old")
    known = {
        "fund": city.pays("old", [("A", "1500.00")]),
        "aid": city.pays("old", "30.00"),
        "gone": city.pays("young", "40.00"),
        "resident": city.pays("resident", "11.00"),
        "elsewhere": city.pays("young", "70.00", at="H2"),
        "sold": city.pays("young", "15.00", at="P1"),
    }
    known["refund"] = city.refunds(known["gone"])["output"]["setlinfo"]
    known["refund"] = {**known["gone"], **known["refund"]}
    assert known["aid"]["acct_mulaid_pay"] > 0
    assert known["fund"]["fund_pay_sumamt"] > 0
    return known


def test_sums_that_agree(city: City, day: dict[str, dict[str, Any]]) -> None:
    told = asks(city, "3201", sums([day["fund"], day["aid"], day["gone"], day["refund"]]))["stmtinfo"]
    assert told == {"setl_optins": "420100", "stmt_rslt": "0", "stmt_rslt_dscr": ""}
    assert asks(city, "3201", sums([day["resident"]], insutype="390"))["stmtinfo"]["stmt_rslt"] == "0"
    assert asks(city, "3201", sums([day["sold"]], clr_type="41"), at="P1")["stmtinfo"]["stmt_rslt"] == "0"
    assert asks(city, "3201", sums([], clr_type="21"))["stmtinfo"]["stmt_rslt"] == "0"
    everything = [day[name] for name in ("fund", "aid", "gone", "refund", "resident")]
    assert asks(city, "3201", sums(everything, insutype="", clr_type=""))["stmtinfo"]["stmt_rslt"] == "0"


def test_sums_that_differ_say_what_differs(city: City, day: dict[str, dict[str, Any]]) -> None:
    all_of_them = [day["fund"], day["aid"], day["gone"], day["refund"]]
    for rows, more, word in (
        (all_of_them[:-1], {}, "笔数：机构 3，医保 2"),
        (all_of_them[1:], {}, "笔数：机构 1，医保 2"),
        (all_of_them, {"medfee_sumamt": "1530.01"}, "费用总额：机构 1530.01，医保 1530.00"),
        (all_of_them, {"fund_pay_sumamt": "0.00"}, "基金支付：机构 0.00"),
        (all_of_them, {"acct_pay": "0.00"}, "个人账户支付：机构 0.00"),
    ):
        told = asks(city, "3201", sums(rows, **more))["stmtinfo"]
        assert told["stmt_rslt"] == "1"
        assert word in told["stmt_rslt_dscr"]
    inflated = str(sum(row["acct_pay"] for row in all_of_them) + sum(row["acct_mulaid_pay"] for row in all_of_them))
    told = asks(city, "3201", sums(all_of_them, acct_pay=inflated))["stmtinfo"]
    assert "恰多出家庭共济" in told["stmt_rslt_dscr"]
    with_accounts = str(sum(row["fund_pay_sumamt"] + row["acct_pay"] for row in all_of_them))
    assert (
        "恰为基金加个人账户" in asks(city, "3201", sums(all_of_them, fund_pay_sumamt=with_accounts))["stmtinfo"]["stmt_rslt_dscr"]
    )


def test_each_connection_gets_its_own_codes(city: City, day: dict[str, dict[str, Any]]) -> None:
    for name, known in ((name, one) for name, one in profiles().items() if one.plain):
        city.run(lambda tx, name=name: tx.run("update client set profile = %(p)s where institution = 'H2'", p=name))
        city.gateway.register._kept.clear()
        funds = day["elsewhere"]["acct_pay"] if known.fund_includes_accounts else 0
        right = sums([day["elsewhere"]], fund_pay_sumamt=str(funds))
        more = sums([day["elsewhere"], day["elsewhere"]], fund_pay_sumamt=str(funds))
        less = sums([], fund_pay_sumamt=str(funds))
        other = {"data": {**right["data"], "medfee_sumamt": "70.01"}}
        codes = []
        for asked in (right, more, less, other):
            whole = {"infno": "3201", "msgid": f"{name}", "fixmedins_code": "H2", "input": asked}
            answer = json.loads(city.post(json.dumps(whole).encode())[1])
            codes.append(answer["output"]["stmtinfo"]["stmt_rslt"])
        assert codes == (["0", "1", "1", "1"] if known.stmt_codes == "short" else ["000000", "000102", "000101", "000103"])


def test_tolerated_aid_is_a_setting(city: City, day: dict[str, dict[str, Any]]) -> None:
    city.run(lambda tx: tx.run("update client set profile = 'jilin' where institution = 'H1'"))
    city.gateway.register._kept.clear()
    rows = [day["fund"], day["aid"], day["gone"], day["refund"]]
    inflated = str(sum(row["acct_pay"] + row["acct_mulaid_pay"] for row in rows))
    asked = sums(rows, acct_pay=inflated)
    assert asks(city, "3201", asked)["stmtinfo"]["stmt_rslt"] == "0"
    more = line(day["aid"], acct_pay=day["aid"]["acct_pay"] + day["aid"]["acct_mulaid_pay"])
    found = results(city, uploads(city, [line(day["fund"]), more]), clr_type="11")
    assert causes(found)[:2] == ["equal", "equal"]


def test_a_file_that_agrees_row_by_row(city: City, day: dict[str, dict[str, Any]]) -> None:
    rows = [line(day[name]) for name in ("fund", "aid", "gone", "resident", "refund")]
    found = results(city, uploads(city, rows))
    assert causes(found) == ["equal"] * 5
    assert {row[4] for row in found} == {"0"}
    assert [row[3] for row in found][:2] == [day["fund"]["medins_setl_id"], day["aid"]["medins_setl_id"]]
    assert found[-1][7] == "-40.00"
    # A refund row may also name the settlement that it returns, with its original amounts.
    rows[-1] = line(day["gone"], refd_setl_flag="1")
    assert causes(results(city, uploads(city, rows))) == ["equal"] * 5


def test_every_cause_by_its_name(city: City, day: dict[str, dict[str, Any]]) -> None:
    city.enrols("late", "500.00")
    city.now += timedelta(days=1)
    tomorrow = city.pays("late", "5.00")
    city.now -= timedelta(days=1)
    twin = city.pays("late", "6.00", msgid="TWIN")
    both = city.send("2401", admission(city, "late"), msgid="TWIN")
    assert both["infcode"] == 0
    fund, aid = day["fund"], day["aid"]
    stranger = city.people["young"].number
    cases: list[tuple[str, list[str]]] = [
        ("equal", line(twin)),
        ("unknown_here", line(fund, setl_id="S" + "0" * 26)),
        ("unknown_here", line(fund, setl_id="what we call it")),
        ("other_institution", line(day["elsewhere"])),
        ("other_person", line(fund, psn_no=stranger)),
        ("repeated_row", line(fund)),
        ("other_visit", line(aid, mdtrt_id=fund["mdtrt_id"])),
        ("other_period", line(tomorrow)),
        ("refunded_there", line(aid, refd_setl_flag="1")),
        ("total_differs", line(day["resident"], medfee_sumamt="12.00")),
    ]
    found = results(city, uploads(city, [row for _, row in cases]))
    assert causes(found)[: len(cases)] == [cause for cause, _ in cases]
    # What they did not send at all: a settlement and its refund.
    assert causes(found)[len(cases) :] == ["missing_there", "missing_there"]
    verdicts = {cause: row[4] for cause, row in zip(causes(found), found, strict=True)}
    assert {cause for cause, code in verdicts.items() if code == "0"} == {"equal"}
    for row, cause in zip(found, causes(found), strict=True):
        assert CAUSES[cause] in row[6]
        assert len(row) == 10
    for name, changed, cause in (
        ("fund", {"fund_pay_sumamt": "1.00"}, "funds_differ"),
        ("fund", {"fund_pay_sumamt": fund["fund_pay_sumamt"] + fund["acct_pay"]}, "accounts_in_funds"),
        ("aid", {"acct_pay": "1.00"}, "accounts_differ"),
        ("aid", {"acct_pay": aid["acct_pay"] + aid["acct_mulaid_pay"]}, "aid_added"),
    ):
        assert causes(results(city, uploads(city, [line(day[name], **changed)])))[0] == cause
    # Refunded with us only: they still have the settlement.
    found = results(city, uploads(city, [line(day["gone"])]))
    assert "refunded_here" in causes(found)
    # Narrowed to one clearing type.
    found = results(city, uploads(city, [line(fund)]), clr_type="21")
    assert causes(found) == ["other_clearing"]


def test_one_message_number_with_two_settlements_is_named(city: City) -> None:
    city.enrols("two", "100.00")
    first = city.pays("two", "5.00", msgid="SAME")
    bill = {"data": {**city.uploads(city.visits("two"), [("MINE", "7.00")]), "acct_used_flag": "1"}}
    stay = settles_stay(city, "two", "9.00", msgid="SAME")
    assert city.send("2207", bill, msgid="SAME")["infcode"] == -1
    found = results(city, uploads(city, [line(first)]))
    assert causes(found) == ["equal", "repeated_message"]
    assert found[1][2] == stay["setl_id"]


def admission(city: City, name: str, **more: Any) -> dict[str, Any]:
    """The input of a 2401."""
    data = {"psn_no": city.people[name].number, "mdtrt_cert_type": "02", "mdtrt_cert_no": city.numbers[name]}
    return {"mdtrtinfo": {**data, "begntime": "2026-03-01 09:00:00", "med_type": "21", "ipt_no": "Z1", **more}}


def settles_stay(city: City, name: str, amount: str, msgid: str = "") -> dict[str, Any]:
    """A stay of one line, admitted yesterday and settled today."""
    place = asks(city, "2401", admission(city, name))["result"]
    one = {**place, "feedetl_sn": "1", "med_list_codg": "MINE", "det_item_fee_sumamt": amount, "cnt": 1, "pric": amount}
    asks(city, "2301", {"feedetail": [one]})
    asks(city, "2402", {"dscginfo": {**place, "endtime": "2026-03-02 08:00:00"}})
    bill = {**place, "mdtrt_cert_type": "02", "mdtrt_cert_no": city.numbers[name], "medfee_sumamt": amount, "acct_used_flag": "1"}
    answer = city.send("2304", {"data": bill}, msgid=msgid)
    assert answer["infcode"] == 0, answer["err_msg"]
    return dict(answer["output"]["setlinfo"])


def test_files_that_cannot_be_compared(city: City, day: dict[str, dict[str, Any]]) -> None:
    asked = {**DAY, "medfee_sumamt": 0, "fund_pay_sumamt": 0, "fixmedins_setl_cnt": 0}
    told_no(city, "3202", {"data": {**asked, "file_qury_no": "F" + "0" * 26}}, "files.unknown")
    for rows, said in (
        ([line(day["fund"])[:6]], "第 1 行只有 6 列"),
        ([line(day["fund"]), line(day["aid"], medfee_sumamt="1,0")], "第 2 行金额写法不对"),
    ):
        number = uploads(city, rows)
        assert said in told_no(city, "3202", {"data": {**asked, "file_qury_no": number}}, "records.bad_row")
    number = uploads(city, [line(day["fund"])])
    told_no(city, "3202", {"data": {**asked, "file_qury_no": number}}, "files.unknown", at="H2")
    wrong = {"stmt_begndate": "2026-03-02", "stmt_enddate": "2026-03-01"}
    told_no(city, "3202", {"data": {**asked, **wrong, "file_qury_no": number}}, "records.bad_period")
    told_no(city, "3201", sums([], **wrong), "records.bad_period")
    told_no(city, "3201", sums([], stmt_begndate="2020-01-01"), "records.bad_period")


# Clearing


def application(rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    asked = sums(rows)["data"]
    cash = str(sum((row["psn_cash_pay"] for row in rows), Decimal(0)))
    data = {"clr_type": "11", "clr_way": "1", "setlym": "202603", "psntime": asked["fixmedins_setl_cnt"]}
    data |= {"medfee_sumamt": asked["medfee_sumamt"], "fund_appy_sum": asked["fund_pay_sumamt"], "acct_pay": asked["acct_pay"]}
    return {"data": {**data, "cash_payamt": cash, "begndate": "2026-03-01", "enddate": "2026-03-31", **more}}


def test_clearing_is_applied_for_once_and_withdrawn(city: City, day: dict[str, dict[str, Any]]) -> None:
    rows = [day[name] for name in ("fund", "aid", "gone", "refund", "resident")]
    for changed in (
        {"psntime": 9},
        {"medfee_sumamt": "1.00"},
        {"fund_appy_sum": "1.00"},
        {"acct_pay": "1.00"},
        {"cash_payamt": "1.00"},
    ):
        told_no(city, "3203", application(rows, **changed), "records.clearing_differs")
    number = asks(city, "3203", application(rows))["result"]["clr_appy_evt_id"]
    said = told_no(city, "3203", application(rows), "records.cleared_already")
    assert number in said
    told_no(city, "3203", application(rows, begndate="2026-03-02", enddate="2026-03-02"), "records.cleared_already")
    asks(city, "3203", application([], clr_type="21"))
    gone = {"data": {"clr_appy_evt_id": number}}
    told_no(city, "3204", gone, "records.other_institution", at="H2")
    assert asks(city, "3204", gone) is None
    told_no(city, "3204", gone, "records.cancelled")
    asks(city, "3203", application(rows))
    city.books_balance()


def test_the_tables_say_what_reconciliation_answers() -> None:
    fields = {one.name for one in contract.answer_fields("3201")["stmtinfo"]}
    assert fields == {"setl_optins", "stmt_rslt", "stmt_rslt_dscr"}
    assert set(CAUSES) >= {
        "equal",
        "missing_there",
        "unknown_here",
        "repeated_message",
        "other_period",
        "refunded_here",
        "refunded_there",
    }


def test_an_institution_never_sees_anothers_amounts(city: City, day: dict[str, dict[str, Any]]) -> None:
    found = results(
        city, uploads(city, [line(day["fund"], medfee_sumamt="1.00", fund_pay_sumamt="0", acct_pay="0")], at="H2"), at="H2"
    )
    assert causes(found)[0] == "other_institution"
    assert found[0][3] == "null"
    assert str(day["fund"]["fund_pay_sumamt"]) not in "\t".join(found[0])
    refused(
        city.send("5203", {"data": {"psn_no": day["fund"]["psn_no"], "setl_id": day["fund"]["setl_id"]}}, at="H2"),
        "settlement.other_institution",
    )
