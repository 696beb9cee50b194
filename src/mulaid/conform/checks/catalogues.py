"""The checks of catalogues and files: downloads of everything since a version, pages, institutions, words, uploads."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

from mulaid.client import Client, Refused
from mulaid.conform.kit import Bench, Unmet, Work, check, expect

FILES = ("1301", "1302", "1303", "1305", "1306", "1307", "1308", "1309", "1310", "1311", "1313", "1314", "1315", "1320", "1321")
PAGES = ("1304", "1312", "1316", "1317", "1318", "1319")
PAGE_SIZE, MOST_PAGES = 5, 4


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
