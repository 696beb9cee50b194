"""Nothing that names people lies about in clear: not in a table, a session, a log line, an address or an error."""

from __future__ import annotations

import base64
import logging
import re
import zlib
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from browsing import ROOT, web_process
from city import City
from intruder import Browser, build
from mulaid.db import Database, process_url
from mulaid.people import enrolment, phone

PHONE = "13812345678"
TYPED = "欧阳测试"


def session_texts(connection: psycopg.Connection[Any]) -> list[bytes]:
    """What every session holds, as far as it can be read without a key."""
    told = []
    for (data,) in connection.execute("select session_data from django_session").fetchall():
        body = data.rsplit(":", 2)[0]
        packed = body.startswith(".")
        raw = base64.urlsafe_b64decode(body.lstrip(".") + "=" * (-len(body.lstrip(".")) % 4))
        told.append(zlib.decompress(raw) if packed else raw)
    return told


def dump(url: str) -> tuple[str, list[bytes]]:
    """Every row of every table as text, and the sessions."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "select schemaname || '.' || tablename from pg_tables where schemaname in ('mulaid', 'public')"
        ).fetchall()
        rows = [
            f"{name}: {row[0]}" for (name,) in found for row in connection.execute(f"select t::text from {name} t").fetchall()
        ]
        return "\n".join(rows), session_texts(connection)


def test_a_story_leaves_no_name_number_phone_or_code_behind(cluster: Any, tmp_path: Any, caplog: Any) -> None:
    url, log = cluster.fresh(), tmp_path / "web.log"
    db = Database(url, cluster.keys, size=8)
    city = City(db, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    caplog.set_level(logging.DEBUG)
    try:
        street = build(city)
        code = city.shows_code("dad", "ann")
        read = city.send(
            "1162", {"data": {"ecQrCode": code, "orgId": "P1", "operatorId": "001", "businessType": "01101"}}, at="P1"
        )
        token = read["output"]["data"]["ecToken"]
        city.buys("dad", [("MINE", "12.00")], at="P1", token=token)
        city.send("1101", {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": city.numbers["dad"], "psn_cert_type": "01"}})
        city.post(b'{"infno":"2207","input":' + city.numbers["dad"].encode() + b"}")
        city.run(lambda tx: phone.ask(tx, PHONE, "sign_in", "s", "10.0.0.1", city.people["ann"]))
        with web_process(cluster, url, log) as base:
            ann = Browser(base)
            ann.enters(city.people["ann"])
            numbers = city.numbers
            # A form that has to wait for a proof of presence is held on the server.
            city.run(lambda tx: tx.run("update web_session set confirmed_at = confirmed_at - interval '1 hour'"))
            sent = {"relation": "parent", "name": TYPED, "number": numbers["uncle"], "key": "0" * 32}
            held = ann.post("/bind", **sent)
            assert held.headers["location"].startswith("/confirm")
            ann.post("/confirm", next="/bind")
            assert TYPED in ann.get("/bind").text, "what was typed is in the form again"
            ann.post("/bind", **sent)
            ann.post("/aid/new", **sent, whom="other", uses="outpatient")
            ann.post("/enter", number=numbers["dad"], phone=PHONE)
            ann.get("/enter/code")
            ann.post("/enter/code", digits="000000")
            for path in ("/home", "/code/me", "/me/export", "/costs", f"/bills/{street.theirs['bill']}", "/bills/nobody"):
                ann.get(path)
            for field in ("name", "number"):
                ann.post("/bind", **{**sent, field: f"{TYPED}{numbers['uncle']}{PHONE}\0"})
        rows, sessions = dump(url)
        names = [city.run(lambda tx, ref=ref: enrolment.person(tx, ref).name) for ref in city.people.values()]
        wanted = [*numbers.values(), *names, TYPED, PHONE, code, token]
        said = {
            "the web door's log": log.read_text("utf-8"),
            "the log of this process": "\n".join(record.getMessage() for record in caplog.records),
            "the database's log": cluster.server.log.read_text("utf-8", "replace"),
            "a row": rows,
        }
        for place, text in said.items():
            assert [secret for secret in wanted if secret in text] == [], place
        assert sessions
        forms = [form for secret in wanted for form in (secret.encode(), ascii(secret)[1:-1].encode(), quote(secret).encode())]
        assert [form for form in forms for text in sessions if form in text] == []
        assert len(rows) > 20_000
        assert re.search("王[*]", rows), "names are there, masked"
    finally:
        city.close()
        db.close()
        cluster.drop(url)


def test_the_search_finds_what_it_looks_for(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        said = "insert into mulaid.allowance (name, span, used) values (%s, '2026-01-01', 1)"
        connection.execute(said, (PHONE,))
        body = base64.urlsafe_b64encode(TYPED.encode()).decode().rstrip("=")
        connection.execute("insert into django_session values ('k', %s, now())", (f"{body}:1:2",))
    rows, sessions = dump(url)
    assert PHONE in rows
    assert any(TYPED.encode() in held for held in sessions)


@pytest.mark.parametrize(
    ("text", "cell"),
    [("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"), ("+86 药店", "'+86 药店"), ("-2+3", "'-2+3"), ("@sum(A1)", "'@sum(A1)"),
     ("\t=1", "'\t=1"), ("＝1+1", "'＝1+1"), ("-12.30", "-12.30"), ("0.00", "0.00"), ("一院", "一院"), ("", "")],
)  # fmt: skip
def test_a_cell_is_never_a_formula(cluster: Any, text: str, cell: str) -> None:
    """T26: names of institutions go into table programs, which run what begins like a formula. An amount stays a number."""
    from mulaid.web.drawing import _cell

    assert _cell(text) == cell


def test_every_proof_named_in_the_list_of_threats_exists() -> None:
    text = (ROOT / "docs/security.md").read_text("utf-8")
    assert [f"T{number:02d}" for number in range(1, 31)] == re.findall(r"^\| (T[0-9]{2}) \|", text, re.MULTILINE)
    here = {path.name: path.read_text("utf-8") for path in (ROOT / "tests").glob("test_*.py")}
    every = "\n".join(here.values())
    assert [name for name in re.findall(r"test_\w+\.py", text) if name not in here] == []
    assert [name for name in re.findall(r"\b(test_\w+)`", text) if f"def {name}(" not in every] == []
