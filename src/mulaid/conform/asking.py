"""The checks of what institutions ask: entitlement, visits, diagnoses, lines, sums of the year, accounts, enrolment.

And of catalogues and files: downloads of everything since a version, pages, institutions, words, uploads.
"""

from __future__ import annotations

import base64
import io
import zipfile
from datetime import timedelta
from decimal import Decimal
from typing import Any

from mulaid.client import Client, Refused, Visit
from mulaid.conform.kit import Bench, Unmet, Work, check, expect

OF_A_PERSON = ("2001", "5201", "5205", "5206", "5301", "5302", "5303", "5304", "90100")
FILES = ("1301", "1302", "1303", "1305", "1306", "1307", "1308", "1309", "1310", "1311", "1313", "1314", "1315", "1320", "1321")
PAGES = ("1304", "1312", "1316", "1317", "1318", "1319")
PAGE_SIZE, MOST_PAGES = 5, 4


@check("2001.entitled", "2001 tells what a person is entitled to, and that a suspended one is not")
def _(bench: Bench) -> None:
    for role, flag in (("aided", "1"), ("suspended", "0")):
        person, _ = bench.person(bench.hospital, role)
        rows = bench.asks(bench.hospital, "2001", {"data": {"psn_no": person, "begntime": bench.hospital.clock()}})["trtinfo"]
        expect(flag in {row["trt_enjymnt_flag"] for row in rows}, f"2001: trt_enjymnt_flag {flag}", rows)


def _visit(bench: Bench, disease: str = "") -> Visit:
    client = bench.hospital
    person, card = bench.person(client, "aided")
    visit = client.register(person, card, "KIT")
    bench.afterwards(lambda: client.call("2202", {"data": _of(visit, ipt_otp_no="KIT")}))
    client.report(visit, "I10", "原发性高血压", "内科", disease=disease)
    client.upload(visit, bench.lines())
    return visit


def _of(visit: Visit, **more: Any) -> dict[str, Any]:
    return {"mdtrt_id": visit.id, "psn_no": visit.person, **more}


@check("5201.told", "visits, their diagnoses and lines are told to their own institution and to no other")
def _(bench: Bench) -> None:
    client, other = bench.hospital, bench.client("other")
    visit = _visit(bench)
    asked = {"data": {"psn_no": visit.person, "begntime": client.clock() - timedelta(days=1), "endtime": client.clock()}}
    found = {row["mdtrt_id"] for row in bench.asks(client, "5201", asked)["mdtrtinfo"]}
    expect(visit.id in found, "5201: the visit", sorted(found))
    found = {row["mdtrt_id"] for row in bench.asks(other, "5201", asked)["mdtrtinfo"]}
    expect(visit.id not in found, "5201: nothing of another institution's visit", sorted(found))
    sick = bench.asks(client, "5202", {"data": _of(visit)})["diseinfo"]
    expect([row["diag_code"] for row in sick] == ["I10"], "5202: the diagnosis", sick)
    lines = bench.asks(client, "5204", {"data": _of(visit)})
    expect(len(lines) == len(bench.lines()), "5204: the lines", len(lines))
    for infno in ("5202", "5204"):
        bench.refused(other, infno, {"data": _of(visit)})


@check("5205.chronic", "what was given in a visit for a chronic disease is told")
def _(bench: Bench) -> None:
    visit = _visit(bench, disease="M03900")
    asked = {"data": {"psn_no": visit.person, "begntime": bench.hospital.clock() - timedelta(days=1)}}
    found = [row for row in bench.asks(bench.hospital, "5205", asked)["feedetail"] if row["mdtrt_id"] == visit.id]
    expect(len(found) == len(bench.lines()), "5205: the lines of the visit", len(found))


@check("5206.sums", "the sums of the year grow by what was settled, and fall by what was refunded")
def _(bench: Bench) -> None:
    client = bench.hospital
    person, _ = bench.person(client, "aided")

    def total() -> Decimal:
        rows = bench.asks(client, "5206", {"data": {"psn_no": person}})["cuminfo"]
        return sum((row["cum"] for row in rows if row["cum_type_code"] == "F0000"), Decimal(0))

    before = total()
    paid = bench.settles(bench.bill()).paid
    expect(total() == before + paid["medfee_sumamt"], f"5206: {before + paid['medfee_sumamt']}", total())
    client.refund(paid)
    expect(total() == before, f"5206: {before} again", total())


@check("5368.balance", "5368 tells the balance that 1101 tells, 5369 what the accounts paid, and asking draws nothing")
def _(bench: Bench) -> None:
    client = bench.hospital
    paid = bench.settles(bench.bill()).paid
    asked = {"data": {"certno": bench.card("aided").number, "psnCertType": "01"}}
    for _ in range(2):
        told = bench.asks(client, "5368", asked)["result"]["balance"]
        expect(told == bench.balance(client, "aided"), f"5368: {bench.balance(client, 'aided')}", told)
        given = {"setlId": paid["setl_id"], "psnNo": paid["psn_no"], "mdtrtId": paid["mdtrt_id"]}
        row = bench.asks(client, "5369", {"data": given})["result"]
        expect(row["enttAcctPay"] == paid["acct_pay"], f"5369: enttAcctPay {paid['acct_pay']}", row["enttAcctPay"])
        expect(row["psnPay"] == paid["psn_cash_pay"], f"5369: psnPay {paid['psn_cash_pay']}", row["psnPay"])
    bench.refused(client, "5368", {"data": {"certno": "11010519491231002X", "psnCertType": "01"}})
    bench.refused(bench.client("other"), "5369", {"data": given})
    bench.refused(client, "5203", {"data": {"psn_no": bench.nobody(client), "setl_id": paid["setl_id"]}})


@check("90100.insured", "90100 tells how a person is insured")
def _(bench: Bench) -> None:
    person, _ = bench.person(bench.hospital, "aided")
    rows = bench.asks(bench.hospital, "90100", {"data": {"psn_no": person}})["data"]
    expect(any(row["psn_insu_stas"] == "1" for row in rows), "90100: insured", rows)


@check("5102.doctors", "who is named as a doctor in a diagnosis is known from then on")
def _(bench: Bench) -> None:
    bench.stay()
    rows = bench.asks(bench.hospital, "5102", {"data": {"prac_psn_type": "1"}})["feedetail"]
    expect("D1" in [row["prac_psn_code"] for row in rows], "5102: the doctor of the admission", rows)
    bench.refused(bench.hospital, "5102", {"data": {"prac_psn_type": "1", "prac_psn_code": "x" * 500}})


def _refuses(infno: str) -> Work:
    def work(bench: Bench) -> None:
        asked = {"begntime": bench.hospital.clock(), "endtime": bench.hospital.clock()}
        for number in (bench.nobody(bench.hospital), "P" + "0" * 26, "1", ""):
            bench.refused(bench.hospital, infno, {"data": {"psn_no": number, **asked}})

    return work


for _infno in OF_A_PERSON:
    check(f"{_infno}.refuses", f"{_infno} about nobody is refused")(_refuses(_infno))


def unzipped(content: bytes) -> list[list[str]]:
    """The rows of the one text file in a zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            (name,) = archive.namelist()
            text = archive.read(name).decode("utf-8-sig")
    except (zipfile.BadZipFile, ValueError) as wrong:
        raise Unmet(f"expected a zip with one UTF-8 text file; got {wrong}") from None
    return [line.split("\t") for line in text.splitlines() if line]


def uploaded(bench: Bench, client: Client, content: bytes, name: str = "kit.zip") -> str:
    """The number of an uploaded file."""
    given = {"in": base64.b64encode(content).decode(), "filename": name, "fixmedins_code": client.connection.institution}
    return str(bench.does(client, "9101", {"fsUploadIn": given})["file_qury_no"])


def _downloaded(infno: str) -> Work:
    def work(bench: Bench) -> None:
        client = bench.hospital
        made = bench.does(client, infno, {"data": {"ver": "0"}})
        rows = unzipped(client.fetch(made["file_qury_no"]))
        expect(len(rows) == made["data_cnt"], f"{infno}: a file of {made['data_cnt']} rows", len(rows))
        newest = bench.does(client, infno, {"data": {"ver": f"F001_{client.clock():%Y%m%d}235959_A"}})
        expect(newest["data_cnt"] <= made["data_cnt"], f"{infno}: no more rows since today than in all", newest["data_cnt"])
        bench.refused(bench.client("other"), "9102", {"fsDownloadIn": {"file_qury_no": made["file_qury_no"]}})
        bench.refused(client, infno, {"data": {"ver": "x" * 5000}})

    return work


for _infno in FILES:
    check(f"{_infno}.downloaded", f"{_infno}: a zip with as many rows as was told, for nobody else")(_downloaded(_infno))


def _paged(infno: str) -> Work:
    def work(bench: Bench) -> None:
        seen: list[Any] = []
        for number in range(1, MOST_PAGES + 1):
            page = bench.asks(bench.hospital, infno, {"data": {"page_num": number, "page_size": PAGE_SIZE}})
            expect(page["size"] == len(page["data"]) <= PAGE_SIZE, f"{infno}: size {len(page['data'])}", page["size"])
            expect(page["firstPage"] == ("true" if number == 1 else "false"), f"{infno}: firstPage", page["firstPage"])
            seen += page["data"]
            if page["lastPage"] == "true":
                expect(len(seen) == page["recordCounts"], f"{infno}: {page['recordCounts']} rows on all pages", len(seen))
                break
        expect(all(seen.count(row) == 1 for row in seen), f"{infno}: no row on two pages", "a row twice")
        bench.refused(bench.hospital, infno, {"data": {"page_num": "many"}})

    return work


for _infno in PAGES:
    check(f"{_infno}.paged", f"{_infno}: pages that say where they stand, no row twice")(_paged(_infno))


@check("1312.item", "an item of the catalogue is found by its code, one that nobody knows is not")
def _(bench: Bench) -> None:
    for code, count in ((bench.subject.item, 1), (bench.subject.unknown_item, 0)):
        found = bench.asks(bench.hospital, "1312", {"data": {"hilist_code": code}})["data"]
        expect([row["hilist_code"] for row in found] == [code] * count, f"1312: {count} rows of {code}", found)


@check("1201.institution", "1201 tells of the institution that asks; an unknown kind of institution is refused")
def _(bench: Bench) -> None:
    code = bench.hospital.connection.institution
    found = bench.asks(bench.hospital, "1201", {"medinsinfo": {"fixmedins_type": "1", "fixmedins_code": code}})["medinsinfo"]
    expect([row["fixmedins_code"] for row in found] == [code], "1201: this institution", found)
    bench.refused(bench.hospital, "1201", {"medinsinfo": {"fixmedins_type": "1", "fixmedins_code": "x" * 500}})


@check("1901.words", "1901 tells the words of a code table, and refuses one that does not exist")
def _(bench: Bench) -> None:
    words = {row["value"] for row in bench.asks(bench.hospital, "1901", {"data": {"type": "INSUTYPE"}})["list"]}
    expect("310" in words, "1901: 310 among the insurances", sorted(words))
    bench.refused(bench.hospital, "1901", {"data": {"type": "NOTHING"}})


@check("9101.file", "a file comes back byte for byte to who sent it; one that cannot be read is refused")
def _(bench: Bench) -> None:
    client = bench.hospital
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("kit.txt", "甲\t1\r\n")
    number = uploaded(bench, client, packed.getvalue())
    expect(client.fetch(number) == packed.getvalue(), "9102: the same bytes", "others")
    for asker, asked in ((bench.client("other"), number), (client, "F" + "0" * 26)):
        try:
            asker.fetch(asked)
        except Refused:
            continue
        raise Unmet("expected a file that is not there, or another's, to be refused; it was sent")
    for content in (b"PK\x03\x04 and then nothing", b"\xff\xfe\x00"):
        given = {"in": base64.b64encode(content).decode(), "filename": "kit.zip"}
        bench.refused(client, "9101", {"fsUploadIn": given})
    bench.refused(client, "9101", {"fsUploadIn": {"in": "%%%", "filename": "kit.zip"}})
