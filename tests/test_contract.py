"""The institutions' interface: what sloppy programs may send, what is refused, and that nothing else can happen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mulaid.gateway.contract import (
    Field,
    answer_faults,
    answer_fields,
    check,
    check_envelope,
    contract,
    transaction,
)
from mulaid.money import LARGEST_FEN, yuan
from mulaid.refusal import Refusal

SHANGHAI = ZoneInfo("Asia/Shanghai")

SETTLEMENT = {
    "psn_no": "33010000000000000001",
    "mdtrt_cert_type": "02",
    "medfee_sumamt": Decimal("120.00"),
    "mdtrt_id": "V1",
}
FEE_LINE = {
    "feedetl_sn": "1",
    "mdtrt_id": "V1",
    "psn_no": "33010000000000000001",
    "chrg_bchno": "B1",
    "med_list_codg": "XA01",
    "det_item_fee_sumamt": Decimal("12.30"),
    "cnt": 2,
    "pric": Decimal("6.15"),
}


def settle(**members: Any) -> dict[str, Any]:
    """The cleaned members of a 2207 with these members changed or added."""
    return check("2207", {"data": SETTLEMENT | members})["data"]


def refused(infno: str, message: object) -> Refusal:
    with pytest.raises(Refusal) as told:
        check(infno, message)
    return told.value


def refused_settlement(**members: Any) -> Refusal:
    return refused("2207", {"data": SETTLEMENT | members})


# What real programs send


def test_a_pharmacy_that_sends_nine_members_a_line_and_no_more_is_served() -> None:
    line = {
        "feedetl_sn": "1",
        "rxno": "",
        "rx_circ_flag": "0",
        "fee_ocur_time": "2026-01-02 03:04:05",
        "med_list_codg": "XA01",
        "medins_list_codg": "88",
        "det_item_fee_sumamt": Decimal("4.52"),
        "cnt": 1,
        "pric": Decimal("4.52"),
    }
    head = {"psn_no": "P1", "mdtrt_cert_type": "02", "medfee_sumamt": Decimal("4.52")}
    clean = check("2102", {"druginfo": head, "drugdetail": [line]})
    assert clean["druginfo"] == {"psn_no": "P1", "mdtrt_cert_type": "02", "medfee_sumamt": 452}
    assert clean["drugdetail"][0]["det_item_fee_sumamt"] == 452
    assert "rxno" not in clean["drugdetail"][0]


def test_a_settlement_without_sums_batch_and_account_flag_is_served() -> None:
    assert settle() == {
        "psn_no": "33010000000000000001",
        "mdtrt_cert_type": "02",
        "medfee_sumamt": 12000,
        "mdtrt_id": "V1",
    }


def test_a_token_in_the_card_number_is_served() -> None:
    token = "330100" + "a" * 32
    clean = check("1101", {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": "1", "card_sn": token, "begntime": ""}})
    assert clean["data"]["card_sn"] == token
    assert "begntime" not in clean["data"]


def test_decoding_takes_the_body_with_and_without_the_institution_beside_it() -> None:
    assert check("1162", {"data": {"ecQrCode": "28"}}) == {"data": {"ecQrCode": "28"}}
    assert check("1162", {"data": {"ecqrcode": "28"}}) == {"data": {"ecQrCode": "28"}}
    assert check("1162", {"orgId": "H1", "data": {"ecQrCode": "28"}})["orgId"] == "H1"


def test_an_envelope_needs_only_transaction_message_and_institution() -> None:
    sent = {"infno": 2207, "msgid": "x" * 36, "medins_code": "H33010000001", "sign_no": "null", "input": "{}"}
    assert check_envelope(sent) == {"infno": "2207", "msgid": "x" * 36, "fixmedins_code": "H33010000001"}
    for needed in ("infno", "msgid", "medins_code"):
        with pytest.raises(Refusal, match=r"interface\.missing_field"):
            check_envelope({name: value for name, value in sent.items() if name != needed})
    with pytest.raises(Refusal, match=r"interface\.bad_type"):
        check_envelope("infno")


def test_both_spellings_of_the_two_areas_are_read() -> None:
    sent = {"infno": "2207", "msgid": "1", "fixmedins_code": "H1", "mdtrtarea_admdvs": "330100", "insuplc_admvs": "2"}
    clean = check_envelope(sent)
    assert (clean["mdtrtarea_admvs"], clean["insuplc_admdvs"]) == ("330100", "2")


@pytest.mark.parametrize(
    ("sent", "meant"),
    [("2206", "2206"), ("2206A", "2206"), ("2207a", "2207"), (" 2207 ", "2207"), ("2203A", "2203A"), ("2102A", "2102")],
)
def test_numbers_with_a_letter_find_their_transaction(sent: str, meant: str) -> None:
    assert transaction(sent).infno == meant


@pytest.mark.parametrize("infno", ["", "9999", "envelope", "2207\n\ud800", "２２０７"])
def test_an_unknown_transaction_is_refused_in_words_that_can_be_sent(infno: str) -> None:
    told = refused(infno, {})
    assert told.code == "interface.unknown_infno"
    assert told.sentence.encode("utf-8")


# Nodes


def test_a_single_object_is_a_list_of_one_and_a_list_of_one_is_a_single_object() -> None:
    assert check("2204", {"feedetail": FEE_LINE}) == check("2204", {"feedetail": [FEE_LINE]})
    assert check("2207", {"data": [SETTLEMENT]}) == check("2207", {"data": SETTLEMENT})


@pytest.mark.parametrize("spelt", ["mdtrtinfo", "mdtrtInfo", "MDTRTINFO"])
def test_a_node_is_found_in_any_case(spelt: str) -> None:
    assert check("2203", {spelt: {"mdtrt_id": "V1", "psn_no": "P1"}})["mdtrtinfo"]["mdtrt_id"] == "V1"


@pytest.mark.parametrize("nothing", [None, "", " null ", [], {}])
def test_a_missing_node_is_refused_when_needed_and_absent_when_not(nothing: object) -> None:
    told = refused("2207", {"data": nothing})
    assert (told.code, told.facts["node"]) == ("interface.missing_node", "data")
    visit = {"mdtrt_id": "V1", "psn_no": "P1"}
    assert "diseinfo" not in check("2203", {"mdtrtinfo": visit, "diseinfo": nothing})


@pytest.mark.parametrize("wrong", ["text", 1, True, [1], [{}, {}], [[]]])
def test_a_node_that_is_no_object_is_refused(wrong: object) -> None:
    assert refused("2207", {"data": wrong}).code == "interface.bad_type"


@pytest.mark.parametrize("wrong", [None, "", [], 1, "{}"])
def test_an_input_that_is_no_object_is_refused(wrong: object) -> None:
    assert refused("2207", wrong).code == "interface.bad_type"


def test_too_many_lines_are_refused_and_the_most_are_taken() -> None:
    most = transaction("2204").input[0].most
    assert len(check("2204", {"feedetail": [FEE_LINE] * most})["feedetail"]) == most
    assert refused("2204", {"feedetail": [FEE_LINE] * (most + 1)}).code == "interface.too_many_lines"


def test_a_refusal_names_the_line_and_the_field_in_chinese() -> None:
    lines = [FEE_LINE, FEE_LINE, FEE_LINE | {"det_item_fee_sumamt": "1.234"}]
    told = refused("2204", {"feedetail": lines})
    assert told.code == "interface.bad_amount"
    assert "费用明细第 3 行 det_item_fee_sumamt（明细金额）" in told.says
    lines[1] = {name: value for name, value in FEE_LINE.items() if name != "cnt"}
    told = refused("2204", {"feedetail": lines})
    assert told.code == "interface.missing_field"
    assert "费用明细第 2 行 cnt（数量）" in told.says
    assert (told.facts["node"], told.facts["field"], told.facts["meaning"]) == ("feedetail", "cnt", "数量")


# Members


def test_unknown_members_are_left_out() -> None:
    assert "drug_trac_info" not in settle(drug_trac_info=[{"a": [1]}])
    assert check("2207", {"data": SETTLEMENT, "more": 1}).keys() == {"data"}


def test_the_right_spelling_wins_over_another_case_unless_it_is_empty() -> None:
    assert settle(certno="A", CERTNO="B")["certno"] == "A"
    assert settle(CERTNO="B", certno="A")["certno"] == "A"
    assert settle(certno="", CERTNO="B")["certno"] == "B"
    assert settle(CertNo="B")["certno"] == "B"
    assert refused_settlement(CERTNO=[]).facts["field"] == "certno"


@pytest.mark.parametrize("nothing", [None, "", "   ", "null", "NULL", " null "])
@pytest.mark.parametrize("member", ["certno", "fulamt_ownpay_amt", "acct_used_flag", "invono"])
def test_a_member_without_a_value_is_absent(member: str, nothing: object) -> None:
    assert member not in settle(**{member: nothing})


@pytest.mark.parametrize("nothing", [None, "", "   ", "null"])
@pytest.mark.parametrize("member", sorted(SETTLEMENT))
def test_a_needed_member_without_a_value_is_refused(member: str, nothing: object) -> None:
    told = refused_settlement(**{member: nothing})
    assert (told.code, told.facts["field"]) == ("interface.missing_field", member)


@pytest.mark.parametrize(
    ("sent", "read"),
    [(" 310 ", "310"), (310, "310"), (Decimal("310"), "310"), (Decimal("1.50"), "1.50"), ("\u3000王\u3000", "王")],
)
def test_text_is_stripped_and_numbers_become_text(sent: object, read: str) -> None:
    assert settle(insutype=sent)["insutype"] == read


OTHER_TYPES = [
    *[[], {}, ["a"], {"a": 1}, 1.5, 10**50],
    *[Decimal("NaN"), Decimal("Infinity"), Decimal("1E+99"), Decimal("1E-99")],
]


@pytest.mark.parametrize("wrong", OTHER_TYPES)
@pytest.mark.parametrize("member", ["certno", "medfee_sumamt", "acct_used_flag"])
def test_values_of_another_type_are_refused(member: str, wrong: object) -> None:
    told = refused_settlement(**{member: wrong})
    assert (told.code, told.facts["field"]) == ("interface.bad_type", member)


@pytest.mark.parametrize(("said", "flag"), [(True, "1"), (False, "0")])
def test_a_truth_is_a_flag_where_there_are_just_two(said: bool, flag: str) -> None:
    assert settle(acct_used_flag=said)["acct_used_flag"] == flag
    assert check("2204", {"feedetail": FEE_LINE | {"rx_circ_flag": said}})["feedetail"][0]["rx_circ_flag"] == flag
    for member in ("certno", "medfee_sumamt", "med_type", "mdtrt_cert_type"):
        assert refused_settlement(**{member: said}).code == "interface.bad_type"


@pytest.mark.parametrize("unset", ["0001-01-01 00:00:00", "1900-01-01", "1900-01-01 00:00:00", "1899/12/30", "18991230000000"])
def test_a_date_that_was_never_set_is_none(unset: str) -> None:
    line = check("2204", {"feedetail": FEE_LINE | {"fee_ocur_time": unset}})["feedetail"][0]
    assert "fee_ocur_time" not in line


def test_empty_lines_are_left_out_where_no_line_is_needed() -> None:
    visit, named = {"mdtrt_id": "V1", "psn_no": "P1"}, {"diag_code": "J00"}
    empty: list[object] = [None, {}, {"diag_code": "", "diag_type": None, "vali_flag": "null"}]
    assert check("2203", {"mdtrtinfo": visit, "diseinfo": [*empty, named]})["diseinfo"] == [named]
    assert "diseinfo" not in check("2203", {"mdtrtinfo": visit, "diseinfo": empty})
    assert refused("2203", {"mdtrtinfo": visit, "diseinfo": [{"diag_type": "1"}]}).code == "interface.missing_field"
    assert refused("2204", {"feedetail": [FEE_LINE, {}]}).code == "interface.missing_field"


def test_text_longer_than_declared_is_refused_where_it_matters_and_taken_where_not() -> None:
    assert settle(psn_no="1" * 30)["psn_no"] == "1" * 30
    assert refused_settlement(psn_no="1" * 31).code == "interface.too_long"
    assert settle(psn_name="名" * 60)["psn_name"] == "名" * 60
    assert refused_settlement(psn_name="名" * 4001).code == "interface.too_long"


@pytest.mark.parametrize("wrong", ["a\0b", "a\ud800b"])
def test_text_that_no_database_can_hold_is_refused(wrong: str) -> None:
    assert refused_settlement(psn_name=wrong).code == "interface.bad_text"
    assert settle(psn_name="a\tb")["psn_name"] == "a\tb"


def test_only_strict_code_tables_refuse_unknown_values() -> None:
    assert settle(med_type="9903", insutype="x", psn_setlway="77")["med_type"] == "9903"
    assert settle(mdtrt_cert_type=1)["mdtrt_cert_type"] == "01"
    assert settle(acct_used_flag=0)["acct_used_flag"] == "0"
    assert refused_settlement(mdtrt_cert_type="04").code == "interface.bad_code"
    told = refused_settlement(acct_used_flag="2")
    assert told.code == "interface.bad_code"
    assert "1（使用）" in told.next
    assert {name for name, codes in contract().codes.items() if codes.strict} == {
        "acct_used_flag",
        "inv_data_type",
        "mdtrt_cert_type",
        "refd_type",
    }


# Amounts and numbers


@pytest.mark.parametrize(
    ("sent", "fen"),
    [
        ("120.00", 12000),
        ("120", 12000),
        (120, 12000),
        (Decimal("120.0"), 12000),
        (Decimal("120.00"), 12000),
        ("120.0000", 12000),
        (" 0.5 ", 50),
        (".5", 50),
        (0, 0),
        ("0", 0),
        ("0.00", 0),
        (Decimal("0.0000000"), 0),
        ("-0.00", 0),
        ("9999999999.99", LARGEST_FEN),
        # Java strips zeros so, as a number and as a text.
        (Decimal("1E+2"), 10000),
        ("1E+2", 10000),
        ("1.2E+2", 12000),
        # Sums of binary fractions.
        (Decimal("29.799999999999997"), 2980),
        ("145.00000000000003", 14500),
        (Decimal("0.30000000000000004"), 30),
        ("9999999.990000001", 999999999),
    ],
)
def test_amounts_are_read_to_the_fen(sent: object, fen: int) -> None:
    clean = settle(medfee_sumamt=sent)["medfee_sumamt"]
    assert clean == fen
    assert type(clean) is int


NO_AMOUNTS = [
    *["1.001", "-0.01", "1e2", "1,000", "+1", "1.", ".", "-", "1 2", "１", "٣", "abc", "0x1", "NaN", "007", "-.5"],
    *["10000000000", "1" * 5000, "0." + "0" * 5000],
    *[-1, 10**30, Decimal("-1"), Decimal("1.005"), Decimal("1E-30"), Decimal("1E+10"), "1E+10", "1E2", "1e+2", "E+2", "1E+99"],
    *["29.79999", "29.7950000000001", "-29.799999999999997", "0.00000000001", "29.799999999999997000000000"],
]


@pytest.mark.parametrize("wrong", NO_AMOUNTS)
def test_amounts_that_leave_a_doubt_are_refused(wrong: object) -> None:
    told = refused_settlement(medfee_sumamt=wrong)
    assert told.code == "interface.bad_amount"
    assert len(told.sentence) <= 200


@given(st.integers(0, LARGEST_FEN), st.integers(0, 3))
def test_every_amount_is_read_back_from_each_way_to_write_it(fen: int, zeros: int) -> None:
    text = yuan(fen) + "0" * zeros
    parsed = json.loads(text, parse_float=Decimal)
    assert settle(medfee_sumamt=text)["medfee_sumamt"] == settle(medfee_sumamt=parsed)["medfee_sumamt"] == fen


@pytest.mark.parametrize(
    ("member", "sent", "number"),
    [
        ("cnt", 2, "2"),
        ("cnt", "0.1250", "0.125"),
        ("cnt", "2.00000000", "2"),
        ("cnt", ".5", "0.5"),
        ("cnt", "-0.00", "0"),
        ("pric", Decimal("6.123456"), "6.123456"),
        ("pric", Decimal("0E-9"), "0"),
        ("pric", Decimal("0.000001"), "0.000001"),
        ("pric", Decimal("3.3333333333333335"), "3.333333"),
        ("pric", "16.66666666666666667", "16.666667"),
        ("pric", "1E+2", "100"),
        ("cnt", Decimal("0.30000000000000004"), "0.3"),
        ("cnt", "0.12345", "0.1235"),
        ("cnt", Decimal("1E+1"), "10"),
        ("prd_days", Decimal("2.3333333333333335"), "2.33"),
        ("prd_days", 365, "365"),
    ],
)
def test_other_numbers_are_exact(member: str, sent: object, number: str) -> None:
    clean = check("2204", {"feedetail": FEE_LINE | {member: sent}})["feedetail"][0][member]
    assert clean == Decimal(number)
    assert type(clean) is Decimal
    assert not clean.is_signed()


NO_NUMBERS = ["0.00001", -1, "-1", "1e3", "x", ".", "1.2.3", "01", 10**12, "1" * 13, "9" * 60, "1." + "0" * 60]


@pytest.mark.parametrize("wrong", NO_NUMBERS)
def test_other_numbers_that_do_not_fit_are_refused(wrong: object) -> None:
    assert refused("2204", {"feedetail": FEE_LINE | {"cnt": wrong}}).code == "interface.bad_number"


# Dates

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    "sent",
    [
        "2026-01-02 03:04:05",
        " 2026-01-02 03:04:05 ",
        "20260102030405",
        20260102030405,
        "20260102030405678",
        "2026/01/02 03:04:05",
        "2026/1/2 3:04:05",
        "2026-01-02T03:04:05",
        "2026-01-02T03:04:05.123",
        "2026-01-02T03:04:05+08:00",
        "2026-01-01T19:04:05Z",
        "2026-01-01T14:04:05-05:00",
        "2026-01-01T19:04:05.000Z",
        "2026-01-02 03:04:05.0",
    ],
)
def test_the_forms_of_a_moment(sent: object) -> None:
    clean = check("2201", {"data": {"psn_no": "P", "mdtrt_cert_type": "02", "ipt_otp_no": "1", "begntime": sent}})
    assert clean["data"]["begntime"] == MOMENT
    assert clean["data"]["begntime"].utcoffset() == timedelta(hours=8)


@pytest.mark.parametrize("sent", ["2026-01-02", "20260102", 20260102, "2026/01/02", "2026/1/2", "2026-01-02 00:00"])
def test_a_day_alone_is_its_midnight(sent: object) -> None:
    clean = check("2204", {"feedetail": FEE_LINE | {"fee_ocur_time": sent}})["feedetail"][0]
    assert clean["fee_ocur_time"] == datetime(2026, 1, 2, tzinfo=SHANGHAI)


def test_a_day_field_takes_a_moment_and_keeps_the_day_in_shanghai() -> None:
    def born(sent: object) -> object:
        visit = {"mdtrt_id": "V1", "psn_no": "P1", "birctrl_matn_date": sent}
        return check("2203", {"mdtrtinfo": visit})["mdtrtinfo"].get("birctrl_matn_date")

    assert born("2026-01-02") == born("2026-01-02 23:59:59") == born("2026-01-01T16:00:00Z") == date(2026, 1, 2)
    assert type(born("20260102")) is date
    assert born("0001-01-01 00:00:00") is born("0001-01-01T00:00:00+08:00") is born("0001/1/1 0:00:00") is None


NO_DATES = [
    *["2026-02-30", "2026-13-01 00:00:00", "2026-01-02 24:00:00", "2026-01-02 03:04:60", "2026-01", "20260230", "1"],
    *["2026-01/02", "2026-W01-1 03:04:05", "2026-01-02 03:04,05", "2026-01-02 03:04+08", "02/01/2026", "today", "-1"],
    *["２０２６-01-02", "1700-01-01 00:00:00", "0000-00-00", "9999-12-31T23:59:59Z", "2026-01-02T00:00:00+99:00"],
    *["2026-01-023:04", "9" * 60, "2026-01-02 03:04:05 PM", "2026-01-02" + " " * 60 + "03:04:05"],
]


@pytest.mark.parametrize("wrong", NO_DATES)
def test_dates_that_do_not_exist_are_refused(wrong: str) -> None:
    assert refused("2204", {"feedetail": FEE_LINE | {"fee_ocur_time": wrong}}).code == "interface.bad_date"


@given(st.datetimes(datetime(1992, 1, 1), datetime(9999, 12, 31)))
def test_every_moment_is_read_back_from_each_way_to_write_it(moment: datetime) -> None:
    meant = moment.replace(microsecond=0, tzinfo=SHANGHAI)
    for form in ("%Y-%m-%d %H:%M:%S", "%Y%m%d%H%M%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S+0800"):
        line = FEE_LINE | {"fee_ocur_time": meant.strftime(form)}
        assert check("2204", {"feedetail": line})["feedetail"][0]["fee_ocur_time"] == meant


# The tables themselves


NUMBERED = """
    9001 9002 9101 9102 1101 1162 1201 1301 1302 1303 1304 1305 1306 1307 1308 1309 1310 1311 1312 1313 1314
    1315 1316 1317 1318 1319 1320 1321 1901 2001 2101 2102 2103 2201 2202 2203 2203A 2204 2205 2206 2207 2208
    2301 2302 2303 2304 2305 2401 2402 2403 2404 2405 2501 2502 2503 2504 2505 2506 2507 2601 3101 3102 3201
    3202 3203 3204 3301 3302 3401 3402 3403 3501 3502 3503 3504 3505 3506 3507 4101 5101 5102 5201 5202 5203
    5204 5205 5206 5301 5302 5303 5304 5368 5369 90100
    6101 6201 6202 6203 6301 6401
    alipay.commerce.medical.fm.bindlist.query alipay.commerce.medical.iotfm.checkbind.query
    alipay.commerce.medical.familyinfo.auth.query
"""


def test_the_transactions_of_the_interface_are_there() -> None:
    assert {known.infno for known in contract().transactions.values()} == set(NUMBERED.split())


def every_field() -> Iterator[tuple[str, Field]]:
    for known in (*contract().transactions.values(), contract().envelope):
        for node in (*known.input, *known.output):
            for field in node.fields:
                yield f"{known.infno}.{node.name}.{field.name}", field


def test_one_field_has_one_type_everywhere() -> None:
    types: dict[str, set[str]] = {}
    for _, field in every_field():
        types.setdefault(field.name, set()).add(field.type)
    # The national tables themselves give these several: a name of 20 or 200 characters, a flag of 3 or 6, a moment or a day.
    assert {name for name, found in types.items() if len(found) > 1} == {"fixmedins_name", "refd_setl_flag", "updt_time"}


def test_every_spelling_of_a_node_means_one_field() -> None:
    for known in contract().transactions.values():
        for node in (*known.input, *known.output):
            words = [word.lower() for field in node.fields for word in (field.name, *field.aliases)]
            assert len(words) == len(set(words)), f"{known.infno}.{node.name}"


def test_aid_is_in_the_answer_of_every_settlement() -> None:
    for infno in ("2101", "2102", "2103", "2206", "2207", "2208", "5203"):
        fields = {field.name: field for field in answer_fields(infno)["setlinfo"]}
        assert fields["acct_mulaid_pay"].need, infno
        assert fields["acct_mulaid_pay"].money, infno
        assert fields["acct_pay"].money, infno
        assert fields["setl_id"].need == (infno not in {"2101", "2206"}), infno


def test_transactions_without_output_say_so() -> None:
    for infno in ("2202", "2203", "2203A", "2205", "2601"):
        assert answer_fields(infno) == {}
        assert answer_faults(infno, None) == []
        assert answer_faults(infno, {}) != []


# Our own answers


def sample(field: Field) -> object:
    """A value of the right type, as it comes out of `json.loads(..., parse_float=Decimal)`."""
    if field.kind == "N":
        return Decimal("1.00") if field.money else 1
    return {"C": "1", "D": "2026-01-02", "DT": "2026-01-02 03:04:05"}[field.kind]


def answer(infno: str) -> Any:
    output: dict[str, Any] = {}
    for node in transaction(infno).output:
        row = {field.name: sample(field) for field in node.fields}
        output[node.name] = [row] if node.many else row
        if node.flat:
            return output[node.name]
    return output


@pytest.mark.parametrize("infno", ["9001", "1101", "2102", "2204", "2207", "2208", "5203", "5204"])
def test_a_complete_answer_has_no_faults_and_each_gap_is_one(infno: str) -> None:
    assert answer_faults(infno, answer(infno)) == []
    for node in transaction(infno).output:
        for field in node.fields:
            gap = answer(infno)
            inside = gap if node.flat else gap[node.name]
            row = inside[0] if node.many else inside
            del row[field.name]
            assert len(answer_faults(infno, gap)) == 1
            row[field.name] = None
            assert bool(answer_faults(infno, gap)) == field.need
            row[field.name] = True
            assert len(answer_faults(infno, gap)) == 1


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("acct_pay", 0),
        ("acct_pay", Decimal("0.0")),
        ("acct_pay", "1.00"),
        ("acct_pay", Decimal("-1.00")),
        ("psn_no", 1),
        ("psn_no", "1" * 31),
        ("setl_time", "2026-01-02"),
        ("brdy", "2026/01/02"),
    ],
)
def test_an_answer_that_would_break_a_program_in_the_field_is_a_fault(member: str, value: object) -> None:
    output = answer("2207")
    output["setlinfo"][member] = value
    assert [fault.split(":")[0] for fault in answer_faults("2207", output)] == [f"setlinfo.{member}"]


def test_a_refund_answers_with_amounts_below_zero() -> None:
    output = answer("2208")
    output["setlinfo"]["acct_mulaid_pay"] = Decimal("-20.00")
    assert answer_faults("2208", output) == []
    assert answer_faults("2208", None) == ["setlinfo: must be an object", "setldetail: must be an array"]
    assert answer_faults("2208", output | {"setldetail": [1]}) == ["setldetail[0]: must be an object"]


# Whatever arrives

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | st.decimals(allow_nan=False, allow_infinity=False, places=2)
    | st.just(float("nan"))
    | st.text(max_size=40)
    | st.sampled_from(["\ud800", "null", "2026-01-02", "0001-01-01", "-0", "1E5", ".", "{x}", 10**4000, -(10**4000)])
    | st.from_regex(r"[0-9]{4}[-/.]?[0-9]{1,2}[-/.]?[0-9]{1,2}[ T]?[0-9:.]{0,12}(Z|[+-][0-9]{4})?", fullmatch=True)
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
NUMBERS = sorted(contract().transactions)


SIGNED = {field.name for _, field in every_field() if field.signed}


def assert_clean(value: object, name: str = "") -> None:
    """Everything the checker lets through can be stored and counted."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else [(name, one) for one in value]:
            assert_clean(inner, key)
    elif isinstance(value, str):
        assert value == value.strip() != ""
        assert "\0" not in value
        value.encode("utf-8")
    elif isinstance(value, datetime):
        assert value.tzinfo is not None
    elif isinstance(value, Decimal):
        assert value.is_finite()
        assert value >= 0 or name in SIGNED
    elif isinstance(value, bytes):
        assert value
    elif not isinstance(value, date):
        assert type(value) is int
        assert 0 <= (abs(value) if name in SIGNED else value) <= LARGEST_FEN


def assert_can_be_told(told: Refusal) -> None:
    """A refusal of this interface that any encoder takes and that fits `err_msg`."""
    assert told.code.startswith("interface.")
    assert told.sentence.encode("utf-8")
    assert len(told.sentence) <= 200


def try_check(infno: str, message: object) -> None:
    try:
        clean = check(infno, message)
    except Refusal as told:
        assert_can_be_told(told)
    else:
        assert_clean(clean)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NUMBERS), st.data())
def test_anything_in_a_node_is_read_or_refused(infno: str, data: st.DataObject) -> None:
    names = [node.name for node in transaction(infno).input]
    try_check(infno, data.draw(st.dictionaries(st.sampled_from([*names, "Data", "x"]), ANYTHING) | ANYTHING))


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(NUMBERS), st.data())
def test_anything_in_a_member_is_read_or_refused(infno: str, data: st.DataObject) -> None:
    message: dict[str, Any] = {}
    for node in transaction(infno).input:
        row = {field.name: "01" if field.codes else "2026-01-02" if "D" in field.kind else "1" for field in node.fields}
        if "acct_used_flag" in row:
            row["acct_used_flag"] = "1"
        row[data.draw(st.sampled_from(sorted(row)))] = data.draw(SCALARS | ANYTHING)
        if node.inside:
            message[node.inside][node.name] = [row]
            continue
        message |= row if node.flat else {node.name: [row] if node.many else row}
    try_check(infno, message)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["infno", "msgid", "medins_code", "opter", "OPTER", "input"]), SCALARS))
def test_any_envelope_is_read_or_refused(envelope: dict[str, Any]) -> None:
    try:
        clean = check_envelope(envelope)
    except Refusal as told:
        assert_can_be_told(told)
    else:
        assert_clean(clean)
