"""Catalogues: files of what changed since a version, pages of what is asked for, the institution's own matched entries."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from mulaid.calendar import business_date, stamp
from mulaid.db import Row, Tx
from mulaid.gateway import answers
from mulaid.gateway.contract import contract
from mulaid.gateway.handlers.call import Call
from mulaid.refusal import Refusal
from mulaid.settlement import files, records
from mulaid.settlement.records import SQL, Report

MATCH = "match"
PAGE_ROWS, MOST_PAGE_ROWS = 100, 1000
CHARGES: Mapping[str, Sequence[str]] = {
    "1301": ("09", "11"),
    "1302": ("10",),
    "1305": ("01", "02", "03", "04", "05", "06", "07", "12", "13", "14"),
    "1306": ("08",),
}
"""Lists made of the catalogue that bills are split by, by its charge categories; all other lists are kept as lists."""
LIST_TYPES = {"09": "101", "11": "101", "10": "102", "08": "301"}


def download(call: Call) -> str:
    """1301 and its kin: a file of everything that changed since the version that the institution has."""
    version = call.input["data"].get("ver", "")

    def work(tx: Tx) -> dict[str, Any]:
        since = _since(version)
        if call.infno in CHARGES:
            found = tx.all(SQL.catalogue_since, charges=list(CHARGES[call.infno]), since=since)
            rows = [_item_row(row) for row in found]
        else:
            rows = [_list_row(row) for row in tx.all(SQL.listing_since, list=call.infno, since=since)]
        stem = f"{call.infno}_{business_date(tx.at):%Y%m%d}"
        filed = files.put(tx, call.institution, f"{stem}.txt.zip", files.pack(f"{stem}.txt", rows, tx.at))
        until = stamp(filed.expires_at)
        made = {"file_qury_no": filed.number, "filename": filed.name, "dld_end_time": until, "dld_endtime": until}
        return {**made, "data_cnt": len(rows)}

    return call.command(work)


def _since(version: str) -> date | None:
    """The day in a version, as its eight digits say; without any, everything is asked for."""
    for found in re.finditer(r"(?<![0-9])(20[0-9]{2})(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])", version, re.ASCII):
        try:
            return date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            continue
    return None


def _item_row(row: Row) -> list[str | None]:
    limit = format(Decimal(row["limit_fen"]) / 100, "f") if row["limit_fen"] is not None else None
    ratio = format(Decimal(row["upfront"]) / 1_000_000, "f") if row["upfront"] is not None else None
    ends = row["valid_to"].isoformat() if row["valid_to"] else None
    return [row["code"], row["name"], row["grade"], row["charge"], ratio, limit, row["valid_from"].isoformat(), ends, _valid(row)]


def _list_row(row: Row) -> list[str | None]:
    ends = row["valid_to"].isoformat() if row["valid_to"] else None
    return [row["code"], row["name"], row["valid_from"].isoformat(), ends, row["updated_on"].isoformat(), _valid(row)]


def _valid(row: Row) -> str:
    return "0" if row["valid_to"] else "1"


# Pages


def _paged(call: Call, rows: Sequence[Mapping[str, Any]], found: int) -> str:
    """Rows of a page with where it stands among all pages."""
    number, size = _place(call)
    pages = max(1, -(-found // size))
    shaped = [answers.shaped(call.infno, "data", row) for row in rows]
    where = {
        "firstPage": "true" if number == 1 else "false",
        "lastPage": "true" if number >= pages else "false",
        "size": len(rows),
        "startRow": (number - 1) * size + 1 if rows else 0,
        "pageSize": size,
        "pageNum": number,
        "recordCounts": found,
        "pages": pages,
    }
    return call.answer({"data": shaped, **where})


def _place(call: Call) -> tuple[int, int]:
    data = call.input.get("data", {})
    return max(1, int(data.get("page_num", 1))), min(MOST_PAGE_ROWS, max(1, int(data.get("page_size", PAGE_ROWS))))


def _catalogue(call: Call, shape: Callable[[Call, Row], dict[str, Any]], *, limited: bool = False, shared: bool = False) -> str:
    data = call.input.get("data", {})
    number, size = _place(call)
    asked = {
        "since": data["updt_time"].date() if "updt_time" in data else None,
        "code": data.get("hilist_code", ""),
        "word": data.get("hilist_name", ""),
        "limited": limited,
        "shared": shared,
    }
    with call.db.reading(call.at, call.by) as tx:
        rows = tx.all(SQL.catalogue_page, **asked, most=size, skip=(number - 1) * size)
        # Who asks for a page behind the last is told how many there are all the same.
        counted = rows or (tx.all(SQL.catalogue_page, **asked, most=1, skip=0) if number > 1 else [])
    return _paged(call, [shape(call, row) for row in rows], counted[0]["found"] if counted else 0)


def _entry(call: Call, row: Row) -> dict[str, Any]:
    return {
        "hilist_code": row["code"],
        "med_list_codg": row["code"],
        "hilist_name": row["name"],
        "insu_admdvs": call.institution.region,
        "begndate": row["valid_from"],
        "enddate": row["valid_to"],
        "med_chrgitm_type": row["charge"],
        "chrgitm_lv": row["grade"],
        "lmt_used_flag": "0",
        "list_type": LIST_TYPES.get(row["charge"], "201"),
        "vali_flag": _valid(row),
        "poolarea_no": call.institution.region,
        "rid": f"{row['code']}@{row['valid_from'].isoformat()}",
        "updt_time": row["valid_from"],
    }


def insured_items(call: Call) -> str:
    """1312: the insurance catalogue."""
    return _catalogue(call, _entry)


def matched_items(call: Call) -> str:
    """1316: medical catalogue and insurance catalogue are one here; every entry matches itself."""
    return _catalogue(call, _entry)


def price_limits(call: Call) -> str:
    """1318: unit prices above which the patient pays."""

    def shape(call: Call, row: Row) -> dict[str, Any]:
        limit = Decimal(row["limit_fen"]) / 100
        return {**_entry(call, row), "hilist_lmtpric_type": "1", "overlmt_dspo_way": "1", "hilist_pric_uplmt_amt": limit}

    return _catalogue(call, shape, limited=True)


def self_pay_ratios(call: Call) -> str:
    """1319: what the patient pays first of an item, by the institution's area where the item does not say itself."""
    pack = call.library.in_force(call.institution.region, business_date(call.at))

    def shape(call: Call, row: Row) -> dict[str, Any]:
        ratio = Decimal(row["upfront"]) / 1_000_000 if row["upfront"] is not None else pack["class_b_upfront_ratio"]
        whole = Decimal(1) if row["grade"] == "03" else ratio
        return {**_entry(call, row), "selfpay_prop_psn_type": "0", "selfpay_prop_type": "1", "selfpay_prop": whole}

    return _catalogue(call, shape, shared=True)


def ethnic_medicines(call: Call) -> str:
    """1304: the list of medicines of ethnic groups, by page."""
    data, (number, size) = call.input.get("data", {}), _place(call)
    since = data["updt_time"].date() if "updt_time" in data else None
    with call.db.reading(call.at, call.by) as tx:
        found = tx.all(SQL.listing_since, list="1304", since=since)
    wanted = [row for row in found if _asked_for(data, row)]
    rows = [
        {
            "med_list_codg": row["code"],
            "drug_genname": row["name"],
            "begndate": row["valid_from"],
            "enddate": row["valid_to"],
            "vali_flag": _valid(row),
            "ver": f"{row['updated_on']:%Y%m%d}",
        }
        for row in wanted[(number - 1) * size : number * size]
    ]
    return _paged(call, rows, len(wanted))


def _asked_for(data: Mapping[str, Any], row: Row) -> bool:
    return data.get("med_list_codg", row["code"]) == row["code"] and data.get("drug_genname", "") in row["name"]


# The institution's own entries


def match(call: Call) -> str:
    """3301: the institution's entries beside those of the catalogue; a newer one takes the place of the older."""

    def work(tx: Tx) -> None:
        for row in call.input["data"]:
            if tx.one(SQL.known_item, code=row["med_list_codg"], on=max(row["begndate"], business_date(tx.at))) is None:
                raise Refusal("catalogue.unknown_item", item=row["med_list_codg"])
            begins, ends = row["begndate"], row.get("enddate")
            records.replace(tx, call.institution, Report(MATCH, row, _matched(row), begins_on=begins, ends_on=ends))

    return call.command(work)


def unmatch(call: Call) -> str:
    """3302: an entry is no longer matched."""
    data = call.input["data"]

    def work(tx: Tx) -> None:
        if data.get("fixmedins_code", call.institution.code).upper() != call.institution.code.upper():
            raise Refusal("auth.other_institution")
        found = records.living(tx, MATCH, call.institution, _matched(data))
        if found is None:
            raise Refusal("records.unknown")
        records.cancel(tx, found, call.institution)

    return call.command(work)


def _matched(row: Mapping[str, Any]) -> str:
    return f"{row['fixmedins_hilist_id']}|{row['list_type']}|{row['med_list_codg']}"


def matches(call: Call) -> str:
    """1317: the institution's matched entries, by page."""
    data, (number, size) = call.input.get("data", {}), _place(call)
    own = data.get("medins_list_codg", "")
    with call.db.reading(call.at, call.by) as tx:
        begins = f"{own}|" if own else ""
        since = data.get("updt_time")
        found, count = records.page(tx, MATCH, call.institution, begins=begins, since=since, most=size, skip=(number - 1) * size)
    rows = [
        {
            **record.facts,
            "fixmedins_code": call.institution.code,
            "medins_list_codg": record.facts["fixmedins_hilist_id"],
            "medins_list_name": record.facts["fixmedins_hilist_name"],
            "insu_admdvs": call.institution.region,
            "vali_flag": "1",
        }
        for record in found
        if data.get("med_list_codg", record.facts["med_list_codg"]) == record.facts["med_list_codg"]
    ]
    return _paged(call, rows, count)


# Institutions and words


def institutions(call: Call) -> str:
    """1201: designated institutions."""
    data = call.input.get("medinsinfo", {})
    kind = int(data["fixmedins_type"]) if data.get("fixmedins_type") in ("1", "2") else None
    with call.db.reading(call.at, call.by) as tx:
        word, code = data.get("fixmedins_name", ""), data.get("fixmedins_code", "")
        found = tx.all(SQL.institutions, kind=kind, code=code, word=word)
    rows = [
        answers.shaped(
            "1201",
            "medinsinfo",
            {"fixmedins_code": row["code"], "fixmedins_name": row["name"], "fixmedins_type": str(row["kind"])},
        )
        for row in found
    ]
    return call.answer({"medinsinfo": rows})


def dictionary(call: Call) -> str:
    """1901: the words of a code table of this interface."""
    kind = call.input["data"]["type"]
    table = contract().codes.get(kind) or contract().codes.get(kind.lower())
    if table is None:
        raise Refusal("catalogue.no_list", list=kind[:50])
    rows = [
        answers.shaped("1901", "list", {"type": table.name, "label": says, "value": code, "sort": place, "valiFlag": "1"})
        for place, (code, says) in enumerate(table.values.items(), 1)
    ]
    return call.answer({"list": rows})
