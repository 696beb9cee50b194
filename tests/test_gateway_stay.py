"""Stays in hospital over the door: admitted, used and given back, discharged, settled, refunded, and each step undone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from city import City
from door import yuan_of
from mulaid.db import Database, process_url
from mulaid.money import parse_yuan
from test_gateway_records import asks, told_no

REGION = "110000"
PARTS = ("fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt")


@pytest.fixture(scope="module")
def town(cluster: Any) -> Iterator[City]:
    """One city for all stays; each has a patient of its own."""
    url = cluster.fresh()
    database = Database(url, cluster.keys, size=4)
    city = City(database, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    # Where the fund's part of a stay is known.
    city.run(lambda tx: tx.run("update institution set region = %(r)s where code = 'H1'", r=REGION))
    yield city
    city.close()
    database.close()
    cluster.drop(url)


def admitted(city: City, name: str, at: str = "H1", **more: Any) -> dict[str, Any]:
    """A stay since the first of March; visit, person and card as later messages need them."""
    shown = {"mdtrt_cert_type": "02", "mdtrt_cert_no": city.numbers[name]}
    data = {"psn_no": city.people[name].number, **shown, "begntime": "2026-03-01 09:00:00", "med_type": "21", "ipt_no": "Z7"}
    sick = [{"diag_code": "I21.9", "diag_name": "心梗", "dise_dor_no": "D1", "dise_dor_name": "李医生", "maindiag_flag": "1"}]
    made = asks(city, "2401", {"mdtrtinfo": {**data, "tel": "139", "adm_dept_name": "心内科", **more}, "diseinfo": sick}, at=at)
    return {"psn_no": made["result"]["psn_no"], "mdtrt_id": made["result"]["mdtrt_id"], **shown}


def line(place: dict[str, Any], serial: str, item: str, amount: str, count: str = "1", **more: Any) -> dict[str, Any]:
    price = str(Decimal(amount) / Decimal(count)) if Decimal(count) else "0"
    named = {"mdtrt_id": place["mdtrt_id"], "psn_no": place["psn_no"]}
    return {
        **named,
        "feedetl_sn": serial,
        "med_list_codg": item,
        "det_item_fee_sumamt": amount,
        "cnt": count,
        "pric": price,
        **more,
    }


def used(city: City, place: dict[str, Any], *lines: tuple[str, str, str]) -> list[dict[str, Any]]:
    return list(asks(city, "2301", {"feedetail": [line(place, *one) for one in lines]})["result"])


def both(place: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"data": {"mdtrt_id": place["mdtrt_id"], "psn_no": place["psn_no"], **more}}


def leaves(city: City, place: dict[str, Any], on: str = "2026-03-02") -> None:
    named = {"mdtrt_id": place["mdtrt_id"], "psn_no": place["psn_no"]}
    sick = [{"diag_code": "I21.9", "diag_name": "心梗", "dise_dor_no": "D1"}]
    asks(city, "2402", {"dscginfo": {**named, "endtime": f"{on} 10:00:00", "dscg_way": "1"}, "diseinfo": sick})


def bill(place: dict[str, Any], total: str, **more: Any) -> dict[str, Any]:
    return {"data": {**place, "medfee_sumamt": total, "acct_used_flag": "1", "psn_setlway": "01", "mid_setl_flag": "0", **more}}


def fen(value: Any) -> int:
    return yuan_of(value)


def test_a_whole_stay(town: City) -> None:
    town.enrols("patient", "100.00", region=REGION)
    town.enrols("son", "9000.00", region=REGION)
    town.authorises("son", "patient")
    place = admitted(town, "patient")
    (lying,) = asks(town, "5303", both(place))["data"]
    assert (lying["mdtrt_id"], lying["out_flag"], lying["ipt_otp_no"]) == (place["mdtrt_id"], "0", "Z7")
    (abroad,) = asks(town, "5303", both(place), at="H2")["data"]
    assert (abroad["out_flag"], abroad["ipt_otp_no"]) == ("1", "")
    told = used(town, place, ("1", "A", "20000.00"), ("2", "B10", "1000.00"), ("3", "OUT", "500.00"))
    for row in told:
        assert sum(row[name] for name in PARTS) == row["det_item_fee_sumamt"]
    told_no(town, "2304", bill(place, "21500.00"), "visit.not_discharged_yet")
    preview = asks(town, "2303", bill(place, "21500.00"))["setlinfo"]
    leaves(town, place)
    assert asks(town, "5303", both(place))["data"] == []
    told_no(town, "2304", bill(place, "21500.01"), "settlement.total_differs")
    parts = {name: str(sum(row[name if name != "overlmt_selfpay" else "overlmt_amt"] for row in told)) for name in (
        "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")}  # fmt: skip
    told_no(town, "2304", bill(place, "21500.00", preselfpay_amt="99.99"), "settlement.part_differs")
    output = asks(town, "2304", bill(place, "21500.00", **parts))
    paid = output["setlinfo"]
    assert {name: str(paid[name]) for name in parts} == parts
    assert paid["clr_type"] == "21"
    assert paid["med_type"] == "21"
    assert paid["hifp_pay"] == preview["hifp_pay"] > 0
    assert paid["act_pay_dedc"] > 0
    assert fen(paid["medfee_sumamt"]) == fen(paid["fund_pay_sumamt"]) + fen(paid["psn_part_amt"]) + fen(paid["hosp_part_amt"])
    assert fen(paid["psn_part_amt"]) == fen(paid["acct_pay"]) + fen(paid["psn_cash_pay"])
    assert 0 < fen(paid["acct_mulaid_pay"]) <= fen(paid["acct_pay"])
    funds = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay")
    assert fen(paid["fund_pay_sumamt"]) == sum(fen(paid[name]) for name in funds)
    by_fund = {row["fund_pay_type"]: fen(row["fund_payamt"]) for row in output["setldetail"]}
    assert by_fund.pop("310200") == fen(paid["acct_pay"])
    assert sum(by_fund.values()) == fen(paid["fund_pay_sumamt"])
    found = asks(town, "5203", {"data": {"psn_no": place["psn_no"], "setl_id": paid["setl_id"]}})["setlinfo"]
    assert found["medfee_sumamt"] == paid["medfee_sumamt"]
    (visit,) = asks(town, "5201", both(place, begntime="2026-03-01 00:00:00"))["mdtrtinfo"]
    assert (visit["adm_dept_name"], visit["tel"], visit["inhosp_stas"], visit["ipt_days"]) == ("心内科", "139", "0", 1)
    assert asks(town, "5201", both(place, begntime="2026-03-01 00:00:00"), at="H2")["mdtrtinfo"] == []
    sick = asks(town, "5202", both(place))["diseinfo"]
    assert [(row["inout_diag_type"], row["diag_code"]) for row in sick] == [("1", "I21.9"), ("2", "I21.9")]
    assert asks(town, "5102", {"data": {"prac_psn_type": "1"}})["feedetail"][0]["prac_psn_name"] == "李医生"
    sums = {row["cum_type_code"]: row["cum"] for row in asks(town, "5206", both(place))["cuminfo"]}
    assert sums["F0000"] == Decimal("21500.00")
    assert sums["C0000"] == Decimal("1.00")
    assert sums["D310101"] == paid["hifp_pay"] + paid["hifob_pay"]
    # Undone in the order in which clients do it; every purse is as it was.
    told_no(town, "2405", both(place), "visit.settled")
    told_no(town, "2404", both(place), "visit.discharged")
    back = asks(town, "2305", both(place, setl_id=paid["setl_id"]))["setlinfo"]
    assert back["setl_id"] != paid["setl_id"]
    assert back["fund_pay_sumamt"] == -paid["fund_pay_sumamt"]
    assert (town.holds("patient"), town.holds("son")) == ("100.00", "9000.00")
    told_no(town, "2305", both(place, setl_id=paid["setl_id"]), "settlement.refunded")
    asks(town, "2405", both(place))
    told_no(town, "2405", both(place), "visit.not_discharged")
    told_no(town, "2404", both(place), "visit.has_lines")
    asks(town, "2302", both(place, feedetl_sn="0000"))
    asks(town, "2404", both(place))
    told_no(town, "2404", both(place), "visit.cancelled")
    assert asks(town, "5201", both(place, begntime="2026-03-01 00:00:00"))["mdtrtinfo"] == []
    town.books_balance()


def test_what_is_given_back_lessens_its_line(town: City) -> None:
    town.enrols("returns", "50.00")
    place = admitted(town, "returns")
    used(town, place, ("1", "B10", "100.00", "10"), ("2", "A", "30.00"))
    (row,) = asks(town, "2301", {"feedetail": [line(place, "3", "B10", "-30.00", "-3", init_feedetl_sn="1")]})["result"]
    assert (row["det_item_fee_sumamt"], row["cnt"], row["preselfpay_amt"]) == (Decimal("-30.00"), Decimal("-3"), Decimal("-3.00"))
    assert sum(row[name] for name in PARTS) == row["det_item_fee_sumamt"]
    lines = {one["feedetl_sn"]: one for one in asks(town, "5204", both(place))}
    assert lines["1"]["det_item_fee_sumamt"] == Decimal("70.00")
    assert lines["1"]["cnt"] == 7
    for wrong, code in (
        (line(place, "4", "B10", "-80.00", "-8", init_feedetl_sn="1"), "visit.more_than_line"),
        (line(place, "4", "B10", "-10.00", "-1", init_feedetl_sn="9"), "visit.no_original"),
        (line(place, "4", "B10", "-10.00", "-1"), "visit.no_original"),
        (line(place, "4", "B10", "10.00", "1", init_feedetl_sn="1"), "visit.not_given_back"),
        (line(place, "3", "B10", "-10.00", "-1", init_feedetl_sn="1"), "visit.line_twice"),
        (line(place, "2", "A", "1.00"), "visit.line_twice"),
        (line(place, "4", "B10", "-10.00", "-2", init_feedetl_sn="1"), "settlement.line_sum"),
    ):
        told_no(town, "2301", {"feedetail": [wrong]}, code)
    # Taking the return back restores the line; all of it may be given back.
    asks(town, "2302", both(place, feedetl_sn="3"))
    told_no(town, "2302", both(place, feedetl_sn="3"), "visit.no_original")
    asks(town, "2301", {"feedetail": [line(place, "5", "B10", "-100.00", "-10", init_feedetl_sn="1")]})
    leaves(town, place)
    paid = asks(town, "2304", bill(place, "30.00"))["setlinfo"]
    assert paid["medfee_sumamt"] == Decimal("30.00")
    told_no(town, "2302", both(place, feedetl_sn="1"), "visit.lines_settled")
    town.books_balance()


def test_a_stay_settled_in_parts(town: City) -> None:
    town.enrols("long", "10.00", region=REGION)
    place = admitted(town, "long")
    used(town, place, ("1", "A", "3000.00"))
    first = asks(town, "2304", bill(place, "3000.00", mid_setl_flag="1"))["setlinfo"]
    used(town, place, ("2", "A", "2000.00"))
    told_no(town, "2403", {"adminfo": {**both(place)["data"], "med_type": "22"}}, "visit.settled")
    leaves(town, place)
    second = asks(town, "2304", bill(place, "2000.00"))["setlinfo"]
    assert first["act_pay_dedc"] > 0
    assert second["act_pay_dedc"] == 0, "one stay, one deductible"
    told_no(town, "2304", bill(place, "2000.00"), "settlement.no_lines")
    for paid in (second, first):
        asks(town, "2305", both(place, setl_id=paid["setl_id"]))
    town.books_balance()


def test_who_is_in_hospital_is_not_admitted_again_and_who_is_not_cannot_leave(town: City) -> None:
    town.enrols("once", "0")
    place = admitted(town, "once")
    outside = town.visits("once")
    data = {**both(place)["data"], "mdtrt_cert_type": "02", "mdtrt_cert_no": town.numbers["once"]}
    again = {"mdtrtinfo": {**data, "begntime": "2026-03-02 09:00:00", "med_type": "21", "ipt_no": "Z8"}}
    told_no(town, "2401", again, "visit.in_hospital")
    told_no(town, "2401", again, "message.not_a_hospital", at="P1")
    other = town.enrols("other", "0").number
    told_no(town, "2401", {"mdtrtinfo": {**again["mdtrtinfo"], "psn_no": other}}, "message.person_differs")
    for infno, given in (
        ("2301", {"feedetail": [line({**place, "mdtrt_id": outside["mdtrt_id"]}, "1", "A", "1.00")]}),
        ("2302", both({**place, "mdtrt_id": outside["mdtrt_id"]}, feedetl_sn="0000")),
        ("2303", bill({**place, "mdtrt_id": outside["mdtrt_id"]}, "1.00")),
        ("2304", bill({**place, "mdtrt_id": outside["mdtrt_id"]}, "1.00")),
        ("2402", {"dscginfo": {**both(place)["data"], "mdtrt_id": outside["mdtrt_id"], "endtime": "2026-03-02 09:00:00"}}),
        ("2403", {"adminfo": {**both(place)["data"], "mdtrt_id": outside["mdtrt_id"]}}),
        ("2404", both({**place, "mdtrt_id": outside["mdtrt_id"]})),
        ("2405", both({**place, "mdtrt_id": outside["mdtrt_id"]})),
    ):
        told_no(town, infno, given, "visit.no_stay")
    for infno, given in (
        ("2301", {"feedetail": [line(place, "1", "A", "1.00")]}),
        ("2304", bill(place, "1.00")),
        ("2402", {"dscginfo": {**both(place)["data"], "endtime": "2026-03-02 09:00:00"}}),
        ("2404", both(place)),
        ("5202", both(place)),
    ):
        told_no(town, infno, given, "visit.other_institution", at="H2")
    told_no(town, "2402", {"dscginfo": {**both(place)["data"], "endtime": "2026-02-27 09:00:00"}}, "visit.bad_date")
    mixed = [line(place, "1", "A", "1.00"), line({**place, "psn_no": other}, "2", "A", "1.00")]
    told_no(town, "2301", {"feedetail": mixed}, "message.mixed_lines")


def test_an_admission_is_corrected(town: City) -> None:
    town.enrols("corrected", "0")
    place = admitted(town, "corrected")
    told_no(town, "2403", {"adminfo": {**both(place)["data"], "begntime": "2026-02-28 09:00:00"}}, "visit.admission_day")
    sick = [{"diag_code": "J18.9", "diag_name": "肺炎"}]
    asks(town, "2403", {"adminfo": {**both(place)["data"], "med_type": "24", "adm_dept_name": "呼吸科"}, "diseinfo": sick})
    (visit,) = asks(town, "5201", both(place, begntime="2026-03-01 00:00:00"))["mdtrtinfo"]
    assert (visit["adm_dept_name"], visit["med_type"], visit["tel"]) == ("呼吸科", "24", "139")
    assert [row["diag_code"] for row in asks(town, "5202", both(place))["diseinfo"]] == ["J18.9"]


def test_2601_takes_back_a_stays_settlement_and_an_admission(town: City) -> None:
    town.enrols("unsure", "70.00")
    place = admitted(town, "unsure")
    used(town, place, ("1", "MINE", "40.00"))
    leaves(town, place)
    answer = town.send("2304", bill(place, "40.00"), msgid="LOST STAY")
    assert answer["infcode"] == 0
    assert town.holds("unsure") == "30.00"
    undo = {"data": {"psn_no": place["psn_no"], "omsgid": "LOST STAY", "oinfno": "2304"}}
    for _ in range(2):
        asks(town, "2601", undo)
        assert town.holds("unsure") == "70.00"
    asks(town, "2405", both(place))
    asks(town, "2302", both(place, feedetl_sn="1"))
    asks(town, "2404", both(place))
    shown = {"mdtrt_cert_type": "02", "mdtrt_cert_no": town.numbers["unsure"], "psn_no": place["psn_no"]}
    fresh = {"mdtrtinfo": {**shown, "begntime": "2026-03-01 09:00:00", "med_type": "21", "ipt_no": "Z9"}}
    assert town.send("2401", fresh, msgid="LOST ADMISSION")["infcode"] == 0
    undo = {"data": {"psn_no": place["psn_no"], "omsgid": "LOST ADMISSION", "oinfno": "2401"}}
    stranger = town.enrols("a stranger").number
    told_no(town, "2601", {"data": {**undo["data"], "psn_no": stranger}}, "settlement.other_person")
    for _ in range(2):
        asks(town, "2601", undo)
        assert asks(town, "5303", both(place))["data"] == []
    # One that has not arrived is barred.
    never = {"data": {"omsgid": "STILL ON ITS WAY", "oinfno": "2401"}}
    assert town.send("2601", never)["infcode"] == -1
    late = town.send("2401", fresh, msgid="STILL ON ITS WAY")
    assert late["infcode"] == -1
    assert "command.barred" in late["err_msg"]
    town.books_balance()


def test_5369_tells_what_the_settlement_took(town: City) -> None:
    town.enrols("hainan", "12.00")
    card = town.numbers["hainan"]
    assert asks(town, "5368", {"data": {"certno": card}})["result"]["balance"] == Decimal("12.00")
    paid = town.pays("hainan", "20.00")
    asked = {"setlId": paid["setl_id"], "psnNo": paid["psn_no"], "mdtrtId": paid["mdtrt_id"]}
    told = asks(town, "5369", {"data": asked})["result"]
    assert told == {"enttAcctPay": Decimal("12.00"), "psnPay": Decimal("8.00")}
    assert asks(town, "5368", {"data": {"certno": card, "psnCertType": "01"}})["result"]["balance"] == Decimal("0.00")
    stranger = town.enrols("hainan stranger").number
    told_no(town, "5369", {"data": {**asked, "psnNo": stranger}}, "settlement.other_person")
    told_no(town, "5369", {"data": asked}, "settlement.other_institution", at="H2")
    told_no(town, "5369", {"data": {**asked, "setlId": "S" + "0" * 26}}, "settlement.unknown")
    told_no(town, "5368", {"data": {"certno": card[:-1]}}, "identity.bad_length")
    rows = asks(town, "90100", {"data": {"psn_no": paid["psn_no"]}})["data"]
    assert [(row["insutype"], row["psn_insu_stas"], row["begndate"]) for row in rows] == [("310", "1", "2020-01-01")]


def test_chronic_medicines_and_sums_of_other_years(town: City) -> None:
    town.enrols("chronic", "5.00")
    place = town.visits("chronic")
    asks(town, "2203", {"mdtrtinfo": {"mdtrt_id": place["mdtrt_id"], "psn_no": place["psn_no"], "med_type": "140104"}})
    town.uploads(place, [("A", "25.00")])
    ask = {"data": {"psn_no": place["psn_no"], "begntime": "2026-01-01 00:00:00"}}
    (row,) = asks(town, "5205", ask)["feedetail"]
    assert (row["med_list_codg"], fen(row["det_item_fee_sumamt"])) == ("A", parse_yuan("25.00"))
    other = town.visits("chronic")
    town.uploads(other, [("A", "1.00")])
    assert len(asks(town, "5205", ask)["feedetail"]) == 1
    told_no(town, "5205", {"data": {**ask["data"], "endtime": "2025-01-01 00:00:00"}}, "records.bad_period")
    past = asks(town, "5206", {"data": {"psn_no": place["psn_no"], "cum_ym": "202512"}})["cuminfo"]
    assert {row["cum"] for row in past} == {Decimal("0.00")}
    assert {(row["year"], row["cum_ym"]) for row in past} == {("2025", "202512")}
    told_no(town, "5206", {"data": {"psn_no": place["psn_no"], "cum_ym": "202513"}}, "interface.bad_date")


def test_a_stay_across_the_year_counts_where_it_ends(town: City) -> None:
    """One stay, one deductible, one year: that of the day of discharge, whenever it is settled (ADR 0010)."""
    ref = town.enrols("across", "100.00", region=REGION)
    place = admitted(town, "across", begntime="2025-12-28 09:00:00")
    used(town, place, ("1", "A", "20000.00"))
    leaves(town, place, on="2026-01-05")
    paid = asks(town, "2304", bill(place, "20000.00"))["setlinfo"]
    row = town.run(
        lambda tx: tx.one("select service_date, year from settlement where id = %(id)s", id=town.settlement(paid["setl_id"]))
    )
    assert (row["service_date"], row["year"]) == (date(2026, 1, 5), 2026)
    years = town.run(
        lambda tx: tx.all("select year, admissions, inpatient_fund from insured_year where person = %(id)s", id=ref.id)
    )
    assert [(one["year"], one["admissions"]) for one in years] == [(2026, 1)]
    assert years[0]["inpatient_fund"] > 0
    second = admitted(town, "across", begntime="2026-01-20 09:00:00")
    used(town, second, ("1", "A", "20000.00"))
    leaves(town, second, on="2026-01-25")
    assert asks(town, "2304", bill(second, "20000.00"))["setlinfo"]["fund_pay_sumamt"] > paid["fund_pay_sumamt"], (
        "the second of the year"
    )
    town.books_balance()


def test_a_year_is_the_medical_year_of_the_area(town: City) -> None:
    """In Shanghai a year begins in July: a bill of March belongs to the year named after the July before."""
    ref = town.enrols("shanghai", "100.00", region="310000")
    paid = town.pays("shanghai", [("A", "30.00")])
    found = asks(town, "5203", {"data": {"psn_no": ref.number, "setl_id": paid["setl_id"]}})["setlinfo"]
    assert found["year"] == "2025"

    def sums(**asked: str) -> tuple[set[str], set[str], Decimal]:
        rows = asks(town, "5206", {"data": {"psn_no": ref.number, **asked}})["cuminfo"]
        total = next(row["cum"] for row in rows if row["cum_type_code"] == "F0000")
        return {row["year"] for row in rows}, {row["cum_ym"] for row in rows}, total

    for asked in ({}, {"cum_ym": "2025"}, {"cum_ym": "202603"}):
        assert sums(**asked) == ({"2025"}, {"202603"}, Decimal("30.00"))
    assert sums(cum_ym="202507") == ({"2025"}, {"202507"}, Decimal("30.00"))
    assert sums(cum_ym="202506") == ({"2024"}, {"202506"}, Decimal("0.00"))
    assert sums(cum_ym="2024") == ({"2024"}, {"202506"}, Decimal("0.00"))
