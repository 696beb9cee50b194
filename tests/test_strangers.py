"""Programs that nobody here wrote: messages as they are found in the field, made by hand and sent over HTTP to a served door.

Nothing of our client is used. Each program writes the envelope its own way; none may notice whom it talks to.
"""

from __future__ import annotations

import base64
import copy
import http.client
import io
import itertools
import json
import secrets
import socket
import zipfile
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from door import SECRET, Served, contents, registers
from mulaid.db import Tx
from mulaid.people import credential, enrolment
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.people.face import Assurance

pytest_plugins = ("door",)
Message = dict[str, Any]
COUNT = itertools.count(1)


def envelope(infno: Any, given: Any, at: str = "H1", **more: Any) -> Message:
    """The whole envelope of the national document; `...` leaves a member out."""
    whole = {
        "infno": infno,
        "msgid": f"{at:0<12}20260302100000{next(COUNT):04d}"[:30] + secrets.token_hex(4),
        "mdtrtarea_admvs": "420100",
        "insuplc_admdvs": "",
        "recer_sys_code": "99",
        "dev_no": "null",
        "dev_safe_info": "null",
        "cainfo": "null",
        "signtype": "SM3",
        "infver": "V1.0",
        "opter_type": "1",
        "opter": "0001",
        "opter_name": "张三",
        "inf_time": "2026-03-02 10:00:00",
        "fixmedins_code": at,
        "fixmedins_name": "武汉市某某某某某某某某某某医院总院区",
        "sign_no": "null",
        "input": given,
        **more,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def exchange(
    served: Served, body: bytes, path: str = "/fsi/api", headers: Mapping[str, str] | None = None, method: str = "POST"
) -> tuple[int, str, bytes]:
    line = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    try:
        line.request(method, path, body, dict(headers or {"Content-Type": "application/json"}))
        answer = line.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read()
    finally:
        line.close()


def told(served: Served, message: Any, path: str = "/fsi/api", headers: Mapping[str, str] | None = None) -> Message:
    status, _, raw = exchange(served, json.dumps(message, ensure_ascii=False).encode(), path, headers)
    assert status in (200, 401)
    return dict(json.loads(raw, parse_float=Decimal))


def done(served: Served, message: Any, path: str = "/fsi/api", headers: Mapping[str, str] | None = None) -> Any:
    answer = told(served, message, path, headers)
    assert answer["infcode"] == 0, answer["err_msg"]
    return answer["output"]


@pytest.fixture(scope="module")
def card(served: Served) -> str:
    """A patient whose number ends in X, so that its case can be got wrong."""
    name = "stranger"
    while not served.numbers.get(name, "").endswith("X"):
        name += "'"
        served.enrols(name, "500.00")
    return served.numbers[name]


def by_card(number: str) -> Message:
    return {"mdtrt_cert_type": "02", "mdtrt_cert_no": number}


def person(served: Served, card: str) -> str:
    return str(done(served, envelope("1101", {"data": by_card(card)}))["baseinfo"]["psn_no"])


# The envelope

OPTIONAL = (
    "mdtrtarea_admvs", "insuplc_admdvs", "recer_sys_code", "dev_no", "dev_safe_info", "cainfo", "signtype", "infver",
    "opter_type", "opter", "opter_name", "inf_time", "fixmedins_name", "sign_no",
)  # fmt: skip


def test_optional_members_may_be_missing_empty_or_numbers(served: Served, card: str) -> None:
    asked = {"data": by_card(card)}
    for name in OPTIONAL:
        for value in (..., "", "null", None, *(() if name == "mdtrtarea_admvs" else (1, "1"))):
            done(served, envelope("1101", asked, **{name: value}))
    done(served, envelope("1101", asked, **dict.fromkeys(OPTIONAL, ...)))
    done(served, envelope(1101, asked, insur_code="420100", serv_code="x", serv_sign="y", enc_type="SM4", foo={"a": [1]}))


INPUTS: dict[str, Callable[[Message], Message]] = {
    "an object": lambda asked: {"input": asked},
    "a text": lambda asked: {"input": json.dumps(asked)},
    "a capital": lambda asked: {"input": ..., "Input": asked},
    "all capitals": lambda asked: {"input": ..., "INPUT": json.dumps(asked)},
    "an empty one before": lambda asked: {"input": None, "Input": asked},
    "a list of one": lambda asked: {"input": {"data": [asked["data"]]}},
    "another case": lambda asked: {"input": {"Data": {name.upper(): value for name, value in asked["data"].items()}}},
    "camel case": lambda asked: {"input": {"data": {"mdtrtCertType": "02", "mdtrtCertNo": asked["data"]["mdtrt_cert_no"]}}},
}


@pytest.mark.parametrize("form", INPUTS)
def test_an_input_is_found_however_it_is_written(served: Served, card: str, form: str) -> None:
    found = done(served, envelope("1101", ..., **INPUTS[form]({"data": by_card(card)})))
    assert found["baseinfo"]["certno"] == card


def test_an_institution_is_found_by_its_code_in_any_case(served: Served, card: str) -> None:
    asked = {"data": by_card(card)}
    for more in (
        {"fixmedins_code": "h1"},
        {"fixmedins_code": " H1 "},
        {"fixmedins_code": ..., "medins_code": "H1"},
        {"fixmedins_code": "", "medins_code": "h1"},
    ):
        done(served, envelope("1101", asked, **more))
    name = registers(served, "H1", "apikey", "national")
    key = {"apikey": f"{name}.{SECRET.decode()}"}
    done(served, envelope("1101", asked, fixmedins_code="h1"), headers=key)
    for other in ("H2", "h2", "H", "H11", "ｈ1", "ﬁ1"):
        answer = told(served, envelope("1101", asked, fixmedins_code=other), headers=key)
        assert "auth.other_institution" in answer["err_msg"]


def test_areas_may_be_shorter_or_wider(served: Served, card: str) -> None:
    number = person(served, card)
    visit = {"psn_no": number, "ipt_otp_no": "1", **by_card(card)}
    for area in ("420100", "4201", "420106", "420000", 420100, "", "null"):
        done(served, envelope("2201", {"data": visit}, mdtrtarea_admvs=area, insuplc_admdvs=area))
    for member, area, code in (
        ("mdtrtarea_admvs", "110000", "message.wrong_area"),
        ("mdtrtarea_admvs", "42", "message.wrong_area"),
        ("insuplc_admdvs", "310000", "message.wrong_insured_area"),
    ):
        assert code in told(served, envelope("2201", {"data": visit}, **{member: area}))["err_msg"]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/fsi/api/",
        "//fsi//api",
        "/csb/1101",
        "/ebus/gdyb_inf/poc/hsa/hgs/1101",
        "/fsi/api/x/queryPsnInfo/?a=%E4",
        "/CSB",
    ],
)
def test_every_address_will_do(served: Served, card: str, path: str) -> None:
    for kind in ("text/plain; charset=utf-8", "application/json;charset=UTF-8", "application/x-www-form-urlencoded", "TEXT/JSON"):
        done(served, envelope("1101", {"data": by_card(card)}), path, {"Content-Type": kind})


def test_words_of_a_refusal_fit_into_two_hundred_characters(served: Served, card: str) -> None:
    number = person(served, card)
    sale = {"psn_no": number, **by_card(card), "medfee_sumamt": "1.00", "acct_used_flag": "多" * 60}
    row = {"feedetl_sn": "1", "med_list_codg": "A", "det_item_fee_sumamt": "1.00", "cnt": 1, "pric": 1}
    answers = [
        told(served, envelope("2102", {"druginfo": sale, "drugdetail": [row]}, at="P1")),
        told(served, envelope("1101", {"data": {**by_card(card), "mdtrt_cert_type": "77"}})),
        told(served, envelope("x" * 60, {})),
        told(served, envelope("9101", {"fsUploadIn": {"in": "x", "filename": "y" * 900}})),
    ]
    for answer in answers:
        assert 0 < len(answer["err_msg"]) <= 200
        assert answer["err_msg"].endswith("〕")


def test_a_program_that_waits_to_be_asked_for_the_body(served: Served) -> None:
    """C# sends `Expect: 100-continue` with every message and waits a third of a second where nobody says so."""
    body = json.dumps(envelope("9001", {"signIn": {"opter_no": 1}})).encode()
    head = b"POST /CSB HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
        line.sendall(head % len(body))
        assert line.recv(1000).startswith(b"HTTP/1.1 100")
        line.sendall(body)
        heard = b""
        while piece := line.recv(1 << 16):
            heard += piece
    assert b'"infcode":0' in heard


def test_a_message_pasted_together_by_hand_is_read(served: Served, card: str) -> None:
    """C and scripts print texts between quotation marks without looking into them, and send the end of the string too."""
    number = person(served, card)
    opened = done(served, envelope("2201", {"data": {"psn_no": number, "ipt_otp_no": "1", **by_card(card)}}))["data"]
    note = "咳嗽三天\r\n\t发热，体温 38.5"
    visit = {"mdtrt_id": opened["mdtrt_id"], "psn_no": number, "begntime": "2026-03-02 10:00:00", "main_cond_dscr": "NOTE"}
    text = json.dumps(envelope("2203", {"mdtrtinfo": visit, "diseinfo": []}), ensure_ascii=False).replace("NOTE", note)
    for body in (text.encode(), text.encode() + b"\0", b"\xef\xbb\xbf" + text.encode() + b"\r\n\0\0"):
        answer = json.loads(exchange(served, body)[2])
        assert answer["infcode"] == 0, answer["err_msg"]
    told = done(served, envelope("5201", {"data": {"psn_no": number, "begntime": "2026-01-01"}}))["mdtrtinfo"]
    assert [row["main_cond_dscr"] for row in told if row["mdtrt_id"] == opened["mdtrt_id"]] == [note]
    for wrong in (b"\0" + text.encode(), text.encode()[:-1] + b"\0}", text.replace("咳嗽", "咳\0嗽").encode()):
        assert json.loads(exchange(served, wrong)[2])["infcode"] == -1


# Who is there


def test_a_person_by_every_kind_of_credential(served: Served, card: str) -> None:
    number = person(served, card)
    for given in (
        by_card(card.lower()),
        {"mdtrt_cert_type": 2, "mdtrt_cert_no": f" {card} ", "psn_cert_type": 1, "begntime": ""},
        {"mdtrt_cert_type": "02", "mdtrt_cert_no": card, "psn_cert_type": "1", "certno": card.lower(), "psn_name": None},
        {"mdtrt_cert_type": "03", "mdtrt_cert_no": card, "card_sn": "X1"},
        {"mdtrt_cert_type": "03", "mdtrt_cert_no": "A1234567X", "card_sn": "X1", "certno": card},
    ):
        found = done(served, envelope("1101", {"data": given}))
        assert found["baseinfo"]["psn_no"] == number
    lone = {"mdtrt_cert_type": "03", "mdtrt_cert_no": "A1234567X", "card_sn": "X1"}
    assert "message.card_number" in told(served, envelope("1101", {"data": lone}))["err_msg"]
    assert done(served, envelope("5368", {"data": {"certno": card.lower(), "psnCertType": 1}}))["result"]["balance"] == 500


def test_a_visit_by_social_security_card(served: Served, card: str) -> None:
    """The card's own number is registered nowhere; beside it the program sends whose it is, and at the till nothing more."""
    number = person(served, card)
    shown = {"mdtrt_cert_type": "03", "mdtrt_cert_no": "A1234567X", "card_sn": "X1"}
    visit = {"psn_no": number, "ipt_otp_no": "1", **shown}
    assert "message.card_number" in told(served, envelope("2201", {"data": visit}))["err_msg"]
    served.enrols("passer-by")
    other = served.numbers["passer-by"]
    assert "message.person_differs" in told(served, envelope("2201", {"data": {**visit, "certno": other}}))["err_msg"]
    opened = done(served, envelope("2201", {"data": {**visit, "psn_cert_type": "01", "certno": card}}))["data"]
    bill = served.uploads({"psn_no": number, "mdtrt_id": opened["mdtrt_id"], **shown}, [("MINE", "9.00")])
    paid = done(served, envelope("2207", {"data": bill}))["setlinfo"]
    assert (paid["acct_pay"], paid["mdtrt_cert_type"]) == (Decimal("9.00"), "03")
    refund = {name: paid[name] for name in ("setl_id", "mdtrt_id", "psn_no")}
    done(served, envelope("2208", {"data": refund}))
    row = {"feedetl_sn": "1", "med_list_codg": "MINE", "det_item_fee_sumamt": 3, "cnt": 1, "pric": 3}
    sale = {"psn_no": number, "medfee_sumamt": 3, **shown}
    bought = envelope("2102", {"druginfo": sale, "drugdetail": [row]}, at="P1")
    assert "message.card_number" in told(served, bought)["err_msg"]
    assert done(served, envelope("2101", {"druginfo": {**sale, "certno": card}, "drugdetail": [row]}, at="P1"))["setlinfo"]


def test_a_foreigner_by_passport_is_registered_and_pays(served: Served) -> None:
    """The national tables of 2201 and 2207 do not say what kind of document a number is of."""

    def enrols(tx: Tx) -> PersonRef:
        ref = enrolment.register(
            tx,
            name="SMITH",
            kind="08",
            number="E12345678",
            region="420100",
            household="smith",
            allow_test_area=True,
            born=date(1980, 1, 2),
            gender="1",
        )
        enrolment.enrol(tx, ref, Enrolment("310", "420100", "active"), date(2020, 1, 1))
        credential.activate(tx, ref, ref, "counter", Assurance.SANDBOX)
        return ref

    served.people["smith"] = served.run(enrols)
    served.credits("smith", "50.00")
    shown = by_card("e12345678")
    number = done(served, envelope("1101", {"data": {**shown, "psn_cert_type": "08"}}))["baseinfo"]["psn_no"]
    opened = done(served, envelope("2201", {"data": {"psn_no": number, "ipt_otp_no": "1", **shown}}))["data"]
    bill = served.uploads({"psn_no": number, "mdtrt_id": opened["mdtrt_id"], **shown}, [("MINE", "9.00")])
    assert done(served, envelope("2207", {"data": bill}))["setlinfo"]["acct_pay"] == Decimal("9.00")
    wrong = {"psn_no": number, "ipt_otp_no": "1", **by_card("E12345679")}
    assert told(served, envelope("2201", {"data": wrong}))["infcode"] == -1


# Codes read without an envelope


@pytest.mark.parametrize(
    "path",
    ["/localcfc/api/hsecfc/localQrCodeQuery", "/fsi/api/hsecfc/localQrCodeQuery/", "/fsi/api/hsecfc/localqrcodequery"],
)
def test_a_decoder_is_found_at_every_spelling_of_its_address(served: Served, card: str, path: str) -> None:
    name = next(name for name, number in served.numbers.items() if number == card)
    asked = {"orgId": "H1", "businessType": "01101", "operatorId": "1", "ecQrCode": served.shows_code(name), "businessInfo": ""}
    answer = told(served, {"data": asked}, path)
    assert (answer["code"], answer["data"]["idNo"]) == (0, card)


# A pharmacy's till, number for number

FORMS: dict[str, Callable[[Message, list[Message]], object]] = {
    "texts": lambda info, rows: (
        info.update(medfee_sumamt="29.80", acct_used_flag=1),
        [row.update(det_item_fee_sumamt="14.9", cnt="1.0000", pric="14.900000") for row in rows],
    ),
    "exponents": lambda info, _: info.update(medfee_sumamt=Decimal("2.98E+1")),
    "a price of a third": lambda _, rows: [row.update(cnt=3, pric=4.966667) for row in rows],
    "empty everything": lambda info, rows: (
        info.update(insutype="", med_type="", invono="", begntime="", dise_codg=None, expContent="null"),
        [row.update(rxno="", rx_circ_flag=None, fee_ocur_time="", prd_days="", sin_dos_dscr=None) for row in rows],
    ),
    "numbers for texts": lambda info, rows: (
        info.update(invono=20260302, insutype=310, med_type=41),
        [row.update(feedetl_sn=place, rx_circ_flag=0, medins_list_codg=7) for place, row in enumerate(rows)],
    ),
    "a day with a T": lambda info, _: info.update(begntime="2026-03-02T10:00:00"),
    "a day with strokes": lambda info, _: info.update(begntime="2026/3/2 9:05"),
    "a day in digits": lambda info, _: info.update(begntime="20260302100000"),
    "a day of Greenwich": lambda info, _: info.update(begntime="2026-03-02T02:00:00.000Z"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_till_may_write_numbers_and_days_its_own_way(served: Served, card: str, form: str) -> None:
    sale = {"psn_no": person(served, card), **by_card(card), "medfee_sumamt": 29.8, "acct_used_flag": "1", "insutype": "310"}
    row = {
        "rx_circ_flag": "0",
        "med_list_codg": "A",
        "medins_list_codg": "1",
        "det_item_fee_sumamt": 14.9,
        "cnt": 1,
        "pric": 14.9,
    }
    rows = [{"feedetl_sn": str(place), **row, "drug_trac_info": [{"drug_trac_codg": "8"}]} for place in (1, 2)]
    info = copy.deepcopy(sale)
    FORMS[form](info, rows)
    text = json.dumps(envelope("2101", {"druginfo": info, "drugdetail": rows}, at="P1"), default=lambda number: f"#{number}#")
    status, _, raw = exchange(served, text.replace('"#', "").replace('#"', "").encode(), "/csb/2101")
    answer = json.loads(raw, parse_float=Decimal)
    assert (status, answer["infcode"]) == (200, 0), answer["err_msg"]
    assert answer["output"]["setlinfo"]["medfee_sumamt"] == Decimal("29.80")


def test_what_was_settled_is_told_again_with_its_invoice_and_its_lines(served: Served, card: str) -> None:
    number = person(served, card)
    opened = done(served, envelope("2201", {"data": {"psn_no": number, "ipt_otp_no": "1", **by_card(card)}}))["data"]
    visit = {"psn_no": number, "mdtrt_id": opened["mdtrt_id"], **by_card(card)}
    bill = served.uploads(visit, [("MINE", "4.00")], batch="B1")
    served.uploads(visit, [("MINE", "5.00")], batch="B2")
    paid = done(served, envelope("2207", {"data": {**bill, "invono": 20260302}}))["setlinfo"]
    named = {name: paid[name] for name in ("setl_id", "mdtrt_id", "psn_no")}
    assert paid["invono"] == "20260302"
    assert done(served, envelope("5203", {"data": named}))["setlinfo"]["invono"] == "20260302"
    lines = {row["det_item_fee_sumamt"]: row["setl_id"] for row in done(served, envelope("5204", {"data": visit}))}
    assert lines == {Decimal("4.00"): paid["setl_id"], Decimal("5.00"): ""}
    assert [row["setl_id"] for row in done(served, envelope("5204", {"data": named}))] == [paid["setl_id"]]
    done(served, envelope("2208", {"data": named}))
    assert {row["setl_id"] for row in done(served, envelope("5204", {"data": visit}))} == {""}
    assert [row["setl_id"] for row in done(served, envelope("5204", {"data": named}))] == [paid["setl_id"]]


# Files, pages, months


def detail(number: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("detail.txt", "\t".join(["S1", "V1", number, "1.00", "0.00", "1.00", "0"]) + "\n")
        archive.writestr("", b"")
    return made.getvalue()


def as_form(message: Message, file: bytes, *, first: str = "message", mark: str = "----xYz+_1") -> tuple[bytes, dict[str, str]]:
    """A form of two parts, as browsers' and C#'s libraries write it."""
    parts = {
        "message": b'Content-Disposition: form-data; name="json"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n'
        + json.dumps(message).encode(),
        "file": b'Content-Disposition: form-data; name="file"; filename="d.zip"\r\nContent-Type: application/zip\r\n\r\n' + file,
    }
    order = [first, *(name for name in parts if name != first)]
    body = b"".join(b"--" + mark.encode() + b"\r\n" + parts[name] + b"\r\n" for name in order) + b"--" + mark.encode() + b"--\r\n"
    return body, {"Content-Type": f'multipart/form-data; boundary="{mark}"'}


@pytest.mark.parametrize("first", ["message", "file"])
@pytest.mark.parametrize("file", [b"S1\tV1\tP1\t1.00\t0.00\t1.00\t0\r\n", b"S1\tV1\tP1\t1.00\t0.00\t1.00\t0\n" * 20_000])
def test_a_file_may_come_in_a_form_and_is_the_same_bytes(served: Served, file: bytes, first: str) -> None:
    message = envelope("9101", {"fsUploadIn": {"filename": "d.txt", "fixmedins_code": "H1"}})
    body, headers = as_form(message, file, first=first)
    status, _, raw = exchange(served, body, "/fsi/api/fileupload/upload", headers)
    answer = json.loads(raw)
    assert (status, answer["infcode"]) == (200, 0), answer["err_msg"]
    number = answer["output"]["file_qury_no"]
    asked = envelope("9102", {"fsDownloadIn": {"file_qury_no": number, "filename": "d.txt", "fixmedins_code": "plc"}})
    assert exchange(served, json.dumps(asked).encode())[2] == file
    assert exchange(served, b"", f"/hsa/files?file_qury_no={number}", method="GET")[2] == file
    again = exchange(served, body, "/fsi/api/fileupload/upload", headers)
    assert json.loads(again[2])["output"]["file_qury_no"] == number
    other, headers = as_form(message, file + b"x\n", first=first)
    assert "command.key_reused" in json.loads(exchange(served, other, headers=headers)[2])["err_msg"]


def test_forms_that_are_none_are_refused_in_words(served: Served, card: str) -> None:
    before = contents(served.db.url)
    message = envelope("9101", {"fsUploadIn": {"filename": "d.txt"}})
    body, headers = as_form(message, b"x")
    kind = headers["Content-Type"]
    cases: list[tuple[bytes, str, str]] = [
        (body, "multipart/form-data", "message.not_json"),
        (body, "multipart/form-data; boundary=other", "message.not_json"),
        (b"", kind, "message.not_json"),
        (body[: len(body) // 3], kind, "message.not_json"),
        (as_form(message, b"x" * 9_000_000)[0], kind, "message.too_large"),
        (as_form(envelope("1101", {"data": by_card(card)}), b"x")[0], kind, "message.too_large"),
        (as_form(envelope("9101", {"fsUploadIn": 7}), b"x")[0], kind, "interface.bad_type"),
        (as_form(envelope("9101", "x"), b"x")[0], kind, "message.not_json"),
        (as_form(message, b"")[0], kind, "interface.missing_field"),
        (as_form(message, b"PK\x03\x04broken")[0], kind, "files.not_readable"),
    ]
    for raw, given, code in cases:
        status, _, answer = exchange(served, raw, headers={"Content-Type": given})
        assert status == 200
        assert code in json.loads(answer)["err_msg"], (code, answer[:300])
    assert contents(served.db.url) == before
    # What is not in a file part is not the file, and what was sent as Base64 stays so.
    content = base64.b64encode(b"a\tb\n").decode()
    body, headers = as_form(envelope("9101", {"FSUPLOADIN": {"IN": content, "filename": "d.txt"}}), b"c\td\n")
    number = json.loads(exchange(served, body, headers=headers)[2])["output"]["file_qury_no"]
    assert exchange(served, b"", f"/fileupload/download?file_qury_no={number}", method="GET")[2] == b"c\td\n"


def test_a_file_of_a_signing_institution_is_not_given_by_its_number_alone(served: Served) -> None:
    served.run(lambda tx: served.opens(tx, "H7", "七院", 1, "420100", "L2"))
    served.run(lambda tx: tx.run("delete from client where institution = 'H7'"))
    name = registers(served, "H7", "apikey", "national")
    key = {"apikey": f"{name}.{SECRET.decode()}"}
    number = done(served, envelope("1301", {"data": {"ver": "0"}}, at="H7"), headers=key)["file_qury_no"]
    path = f"/fileupload/download?file_qury_no={number}"
    for asked in (path, f"{path}&fixmedins_code=H7", f"{path}&fixmedins_code=H1"):
        assert not exchange(served, b"", asked, method="GET")[2].startswith(b"PK")
    assert exchange(served, b"", path, key, "GET")[2].startswith(b"PK")


def test_a_page_behind_the_last_tells_how_many_there_are(served: Served) -> None:
    whole = done(served, envelope("1312", {"data": {"page_num": "1", "page_size": "4"}}))
    behind = done(
        served, envelope("1312", {"data": {"updt_time": "", "page_num": 99, "page_size": 4, "query_date": "2026-03-02"}})
    )
    assert behind["data"] == []
    assert (behind["recordCounts"], behind["pages"]) == (whole["recordCounts"], whole["pages"])
    assert whole["recordCounts"] > 4
    assert (behind["lastPage"], behind["firstPage"]) == ("true", "false")


def test_a_month_may_have_a_dash(served: Served, card: str) -> None:
    number = person(served, card)
    rows = [
        done(served, envelope("5206", {"data": {"psn_no": number, "cum_ym": given}})) for given in ("202603", "2026-03", 202603)
    ]
    assert rows[0] == rows[1] == rows[2]
    for wrong in ("2026-13", "26-03", "2026-3-"):
        assert told(served, envelope("5206", {"data": {"psn_no": number, "cum_ym": wrong}}))["infcode"] == -1


@pytest.mark.parametrize("infno", ["2103", "2201", "2202", "2204", "2205", "2206", "2207", "2208", "3505"])
def test_a_letter_behind_the_number_means_the_same(served: Served, infno: str) -> None:
    plain, lettered = (told(served, envelope(number, {})) for number in (infno, f"{infno}A"))
    assert plain["err_msg"] == lettered["err_msg"]
    assert "interface.missing_node" in plain["err_msg"]


def test_a_token_is_asked_for_and_borne_in_any_case(served: Served, card: str) -> None:
    name = registers(served, "H1", "oauth", "national")
    basic = base64.b64encode(f"{name}:{SECRET.decode()}".encode()).decode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for scheme in ("Basic", "basic", "BASIC"):
        head = {**form, "Authorization": f"{scheme} {basic}"}
        status, _, raw = exchange(served, b"grant_type=password", "/auth/oauth/token/", head)
        assert status == 200, raw
    for scheme in ("Bearer", "bearer"):
        head = {"Authorization": f"{scheme} {json.loads(raw)['access_token']}"}
        done(served, envelope("1101", {"data": by_card(card)}), headers=head)
    answer = told(served, envelope("1101", {"data": by_card(card)}), headers={"Authorization": "Bearer x"})
    assert answer["code"] == 401


# What a second look at the field found


def scanned(name: str, served: Served) -> Message:
    """A request to the decoder, as the library form has it."""
    return {"orgId": "H1", "businessType": "01101", "operatorId": "1", "ecQrCode": served.shows_code(name)}


def test_an_envelope_at_the_decoders_address_is_answered_as_an_envelope(served: Served, card: str) -> None:
    """Where every transaction has an address, 1162 has the decoder's, and its program reads infcode and output."""
    name = next(name for name, number in served.numbers.items() if number == card)
    path = "/fsi/api/hsecfc/localQrCodeQuery"
    found = done(served, envelope("1162", {"data": scanned(name, served)}), path)
    assert found["data"]["idNo"] == card
    wrong = told(served, envelope("1162", {"data": {**scanned(name, served), "ecQrCode": "1" * 28}}), path)
    assert (wrong["infcode"], wrong["output"]) == (-1, None)
    bare = told(served, {"data": scanned(name, served)}, path)
    assert (bare["code"], bare["data"]["idNo"]) == (0, card)


def test_what_is_no_token_is_told_apart_from_a_token_that_is_no_longer_good(served: Served, card: str) -> None:
    """Scanning again would not help: the program has left decoding out, or has named the wrong kind of credential."""
    name = next(name for name, number in served.numbers.items() if number == card)
    before = contents(served.db.url)
    cases = (
        (served.shows_code(name), "message.code_not_decoded"),
        (card, "message.number_as_token"),
        (card.lower(), "message.number_as_token"),
        ("420100" + "0" * 32, "credential.bad_token"),
    )
    number = person(served, card)
    line = {"feedetl_sn": "1", "med_list_codg": "A", "det_item_fee_sumamt": 1, "cnt": 1, "pric": 1}
    for given, code in cases:
        shown = {"mdtrt_cert_type": "01", "mdtrt_cert_no": given}
        sale = {"psn_no": number, "medfee_sumamt": 1, **shown}
        for infno, asked, at in (
            ("1101", {"data": shown}, "H1"),
            ("2201", {"data": {"psn_no": number, "ipt_otp_no": "1", **shown}}, "H1"),
            ("2102", {"druginfo": sale, "drugdetail": [line]}, "P1"),
        ):
            assert code in told(served, envelope(infno, asked, at=at))["err_msg"]
    after = contents(served.db.url)
    assert {name for name in after if after[name] != before[name]} <= {"credential_code", "code"}, "only the code was made"


FULL_LINE = {
    "dise_codg": "", "rxno": "RX2026030200001", "rx_circ_flag": "0", "fee_ocur_time": "2026-03-02 10:00:00",
    "medins_list_codg": "YN-000001",
    "sin_dos_dscr": "每次一片", "used_frqu_dscr": "每日三次", "prd_days": "7", "medc_way_dscr": "口服", "bilg_dept_codg": "0301",
    "bilg_dept_name": "心血管内科门诊", "bilg_dr_codg": "D420100000001", "bilg_dr_name": "李医生", "acord_dept_codg": "0401",
    "acord_dept_name": "门诊西药房", "orders_dr_code": "D420100000002", "orders_dr_name": "张药师", "hosp_appr_flag": "1",
    "tcmdrug_used_way": "", "etip_flag": "0", "etip_hosp_code": "", "dscg_tkdrug_flag": "0", "matn_fee_flag": "0",
}  # fmt: skip


def test_five_hundred_lines_with_every_member_fit_into_a_message(served: Served, card: str) -> None:
    """Written the longest way there is: letters escaped, and the input a text in the message."""
    number = person(served, card)
    opened = done(served, envelope("2201", {"data": {"psn_no": number, "ipt_otp_no": "1", **by_card(card)}}))["data"]
    ids = {"mdtrt_id": opened["mdtrt_id"], "psn_no": number}
    amount = {"med_list_codg": "MINE", "det_item_fee_sumamt": "0.10", "cnt": "1.0000", "pric": "0.100000"}
    lines = [{"feedetl_sn": f"20260302{row:010d}", "chrg_bchno": "L", **ids, **amount, **FULL_LINE} for row in range(500)]
    message = envelope("2204", json.dumps({"feedetail": lines}))
    raw = json.dumps(message).encode()
    assert len(raw) > 500_000
    answer = json.loads(exchange(served, raw)[2])
    assert answer["infcode"] == 0, answer["err_msg"]
    assert len(answer["output"]["result"]) == 500
    bill = {**ids, **by_card(card), "medfee_sumamt": 50, "chrg_bchno": "L", "acct_used_flag": "1"}
    paid = done(served, envelope("2207", {"data": bill}))["setlinfo"]
    assert paid["medfee_sumamt"] == Decimal("50.00")
    done(served, envelope("2208", {"data": {**ids, "setl_id": paid["setl_id"]}}))


def test_a_file_may_be_large_wherever_its_number_stands(served: Served) -> None:
    """Java's maps have no order: the input may come before the number of the transaction, which may be a number."""
    content = b"S1\tV1\tP1\t1.00\t0.00\t1.00\t0\r\n" * 40_000
    upload = {"fsUploadIn": {"in": base64.b64encode(content).decode(), "filename": "d.txt", "fixmedins_code": "H1"}}
    for infno in ("9101", 9101):
        message = envelope(infno, ...)
        raw = json.dumps({"input": upload, **message}).encode()
        assert len(raw) > 1024 * 1024
        answer = json.loads(exchange(served, raw)[2])
        assert answer["infcode"] == 0, answer["err_msg"]
        number = answer["output"]["file_qury_no"]
        assert exchange(served, b"", f"/download?file_qury_no={number}", method="GET")[2] == content
    for infno in ("1101", "2204"):
        answer = json.loads(exchange(served, json.dumps({"input": upload, **envelope(infno, ...), "note": "9101"}).encode())[2])
        assert "message.too_large" in answer["err_msg"]


def test_binary_fractions_and_javas_powers_are_settled_to_the_fen(served: Served, card: str) -> None:
    """A till that adds up in doubles, divides for a price, and one that strips zeros: what they mean is certain."""
    number = person(served, card)
    sale = {"psn_no": number, **by_card(card), "acct_used_flag": True}
    noisy = [
        {"feedetl_sn": 1, "med_list_codg": "MINE", "det_item_fee_sumamt": 12.6 * 3, "cnt": 0.1 + 0.2, "pric": 126.0},
        {"feedetl_sn": 2, "med_list_codg": "MINE", "det_item_fee_sumamt": 10.0, "cnt": 3, "pric": 10 / 3},
    ]
    total = 12.6 * 3 + 10.0
    assert repr(12.6 * 3) == "37.8"
    noisy.append({"feedetl_sn": 3, "med_list_codg": "MINE", "det_item_fee_sumamt": 0.1 + 0.2, "cnt": 1, "pric": 0.3})
    total += 0.1 + 0.2
    assert len(repr(0.1 + 0.2)) > 10
    message = envelope("2102", {"druginfo": {**sale, "medfee_sumamt": total}, "drugdetail": noisy}, at="P1")
    paid = done(served, message)
    assert [row["det_item_fee_sumamt"] for row in paid["detlcutinfo"]] == [Decimal("37.80"), Decimal("10.00"), Decimal("0.30")]
    assert [row["cnt"] for row in paid["detlcutinfo"]] == [Decimal("0.3000"), Decimal(3), Decimal(1)]
    assert (paid["setlinfo"]["medfee_sumamt"], paid["setlinfo"]["acct_pay"]) == (Decimal("48.10"), Decimal("48.10"))
    done(
        served, envelope("2103", {"data": {name: paid["setlinfo"][name] for name in ("setl_id", "mdtrt_id", "psn_no")}}, at="P1")
    )
    row = {"feedetl_sn": "1", "med_list_codg": "MINE", "det_item_fee_sumamt": "AMOUNT", "cnt": "1E+1", "pric": "1E+1"}
    body = json.dumps(envelope("2101", {"druginfo": {**sale, "medfee_sumamt": "1E+2"}, "drugdetail": [row]}, at="P1")).encode()
    answer = json.loads(exchange(served, body.replace(b'"AMOUNT"', b"1E+2"))[2])
    assert answer["infcode"] == 0, answer["err_msg"]
    assert answer["output"]["setlinfo"]["medfee_sumamt"] == 100


def test_a_preview_refuses_what_the_sale_would_refuse(served: Served, card: str) -> None:
    number = person(served, card)
    row = {"feedetl_sn": "1", "med_list_codg": "A", "det_item_fee_sumamt": 3, "cnt": 1, "pric": 3}
    sale = {"druginfo": {"psn_no": number, **by_card(card), "medfee_sumamt": 6}, "drugdetail": [row, row]}
    for infno in ("2101", "2102"):
        assert "visit.line_twice" in told(served, envelope(infno, sale, at="P1"))["err_msg"]


def test_lines_sent_again_under_another_number_say_how_to_go_on(served: Served, card: str) -> None:
    """After a time-out some programs upload anew: changing the serials, as one would think, would bill everything twice."""
    number = person(served, card)
    opened = done(served, envelope("2201", {"data": {"psn_no": number, "ipt_otp_no": "1", **by_card(card)}}))["data"]
    ids = {"mdtrt_id": opened["mdtrt_id"], "psn_no": number}
    line = {**ids, "feedetl_sn": "1", "chrg_bchno": "B", "med_list_codg": "MINE", "det_item_fee_sumamt": 3, "cnt": 1, "pric": 3}
    done(served, envelope("2204", {"feedetail": [line]}))
    assert "2205" in told(served, envelope("2204", {"feedetail": [line]}))["err_msg"]
    done(served, envelope("2205", {"data": {**ids, "chrg_bchno": "B"}}))
    done(served, envelope("2204", {"feedetail": [line]}))
    paid = done(served, envelope("2207", {"data": {**ids, **by_card(card), "medfee_sumamt": 3}}))["setlinfo"]
    refund = {**ids, "setl_id": paid["setl_id"]}
    back = done(served, envelope("2208", {"data": refund}))["setlinfo"]["setl_id"]
    # The answer may have been lost with the number of the refund in it, which programs keep.
    assert back in told(served, envelope("2208", {"data": refund}))["err_msg"]


def test_an_operator_signs_in_with_the_envelopes_name_for_it(served: Served) -> None:
    for node in ({"opter_no": "", "mac": "", "ip": ""}, {"opter_no": None, "ip": "10.0.0.1"}):
        assert done(served, envelope("9001", {"signIn": node}))["signinoutb"]["sign_no"]


def test_letters_of_two_bytes_are_told_from_bad_json(served: Served, card: str) -> None:
    text = json.dumps(envelope("1101", {"data": by_card(card)}), ensure_ascii=False)
    for charset in ("utf-16-le", "utf-16", "gbk"):
        assert "message.not_utf8" in json.loads(exchange(served, text.encode(charset))[2])["err_msg"]


@pytest.mark.parametrize("signed", [False, True])
def test_who_writes_its_own_way_is_refused_in_it_too(served: Served, signed: bool) -> None:
    """An old front platform reads GB18030, capitals and text around text, and nothing else, from the first message on."""
    code = "H8" if signed else "H9"
    served.run(lambda tx: served.opens(tx, code, "八院", 1, "420100", "L2", "old-front"))
    headers = {"apikey": f"{registers(served, code, 'apikey', 'old-front')}.{SECRET.decode()}"} if signed else None
    for more, reason in (
        ({"mdtrtarea_admvs": "310000"}, "message.wrong_area"),
        ({"infno": "0000"}, "interface.unknown_infno"),
    ):
        message = {**envelope("1101", {"data": by_card("100000198506010012")}, at=code), **more}
        status, kind, raw = exchange(served, json.dumps(message, ensure_ascii=False).encode("gb18030"), headers=headers)
        assert (status, kind) == (200, "application/json; charset=gb18030")
        outer = json.loads(raw.decode("gb18030"))
        inner = json.loads(outer["body"])
        assert (outer["code"], inner["INFCODE"]) == ("-1", "-1")
        assert reason in inner["ERR_MSG"]
        assert reason in outer["msg"]


def test_slips_of_messages_pasted_in_a_loop_are_read(served: Served, card: str) -> None:
    """PowerBuilder and PL/SQL: a comma behind every line, .5 as the database prints it, a member said twice alike."""
    number = person(served, card)
    sale = f'"psn_no":"{number}","mdtrt_cert_type":"02","mdtrt_cert_no":"{card}","psn_no":"{number}","medfee_sumamt":1.5,'
    line = (
        '{"feedetl_sn":"%d","med_list_codg":"MINE","sin_dos_dscr":"一次 .5 片,}","det_item_fee_sumamt":.50,"cnt":1,"pric":.5,},'
    )
    lines = "".join(line % place for place in range(3))
    given = f'{{"druginfo":{{{sale}}},"drugdetail":[{lines}],}}'
    head = json.dumps(envelope("2101", "INPUT", at="P1"), ensure_ascii=False)
    as_object = head.replace('"INPUT"', given)
    as_text = head.replace('"INPUT"', json.dumps(given, ensure_ascii=False))
    for body in (as_object, as_text, as_object[:-1] + ",}"):
        answer = json.loads(exchange(served, body.encode())[2])
        assert answer["infcode"] == 0, answer["err_msg"]
        assert answer["output"]["setlinfo"]["medfee_sumamt"] == 1.5
    for slip, code in (
        (as_object.replace(f'"psn_no":"{number}","medfee', '"psn_no":"P1","medfee'), "message.twice"),
        (as_object.replace("},],}", "},,]}"), "message.not_json"),
        (as_object.replace('"cnt":1', '"cnt":1.'), "message.not_json"),
        (as_object.replace('"cnt":1', '"cnt":'), "message.not_json"),
    ):
        assert code in json.loads(exchange(served, slip.encode())[2])["err_msg"]


def test_a_warning_is_said_once(served: Served, card: str) -> None:
    served.enrols("warned", "10.00")
    served.enrols("warned one", "10.00")
    served.enrols("warned two", "10.00")
    for giver in ("warned one", "warned two"):
        served.authorises(giver, "warned")
    shown = by_card(served.numbers["warned"])
    sale = {"psn_no": served.people["warned"].number, "medfee_sumamt": 30, **shown}
    line = {"feedetl_sn": "1", "med_list_codg": "MINE", "det_item_fee_sumamt": 30, "cnt": 1, "pric": 30}
    answer = told(served, envelope("2101", {"druginfo": sale, "drugdetail": [line]}, at="P1"))
    assert answer["output"]["setlinfo"]["acct_mulaid_pay"] == Decimal("20.00")
    said = answer["warn_msg"].split("；")
    assert len(said) == len(set(said))


def test_lines_that_die_in_the_middle_of_a_message_keep_nobody_waiting(served: Served, card: str) -> None:
    """A till's network goes away while it sends: its connection stays half open for hours, and so do those of its next tries."""
    before = contents(served.db.url)
    head = b"POST /fsi/api HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    half = json.dumps(envelope("9001", {"signIn": {"opter_no": "1"}})).encode()[:200]
    dead = [socket.create_connection(("127.0.0.1", served.port), timeout=10) for _ in range(12)]
    try:
        for line in dead:
            line.sendall(head + half)
        for _ in range(5):
            assert person(served, card)
    finally:
        for line in dead:
            line.close()
    assert contents(served.db.url) == before


def test_a_stay_is_not_settled_or_withdrawn_with_the_transactions_of_outpatients(served: Served) -> None:
    """One mdtrt_id is like another to a program: 2207 would pay a stay before its end, 2202 would take it away with its bill."""
    served.enrols("lying", "900.00")
    shown, who = by_card(served.numbers["lying"]), served.people["lying"].number
    begun = f"{served.now:%Y-%m-%d %H:%M:%S}"
    lying = {"psn_no": who, "ipt_no": "Z1", "med_type": "21", "begntime": begun, **shown}
    ids = {"psn_no": who, "mdtrt_id": done(served, envelope("2401", {"mdtrtinfo": lying}))["result"]["mdtrt_id"]}
    line = {**ids, "feedetl_sn": "1", "med_list_codg": "MINE", "det_item_fee_sumamt": 30, "cnt": 1, "pric": 30}
    done(served, envelope("2301", {"feedetail": [line]}))
    before = contents(served.db.url)
    bill = {**ids, **shown, "medfee_sumamt": 30, "acct_used_flag": "1"}
    for infno, asked in (
        ("2202", {"data": {**ids, "ipt_otp_no": "Z1"}}),
        ("2203", {"mdtrtinfo": {**ids, "med_type": "11"}}),
        ("2204", {"feedetail": [{**line, "feedetl_sn": "2", "chrg_bchno": "1"}]}),
        ("2205", {"data": {**ids, "chrg_bchno": "0000"}}),
        ("2206", {"data": bill}),
        ("2206", {"data": {**bill, "chrg_bchno": "1"}}),
        ("2207", {"data": bill}),
        ("2207", {"data": {**bill, "chrg_bchno": "1"}}),
    ):
        assert "visit.is_stay" in told(served, envelope(infno, asked))["err_msg"], infno
    assert contents(served.db.url) == before
    done(served, envelope("2402", {"dscginfo": {**ids, "endtime": begun}}))
    assert done(served, envelope("2304", {"data": bill}))["setlinfo"]["acct_pay"] == Decimal("30.00")
