"""The door as it is served: real HTTP, real sockets, and everything that a transport can do to a message on its way."""

from __future__ import annotations

import http.client
import json
import re
import secrets
import socket
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from city import City
from door import Served, contents, message, refused
from mulaid.gateway import contract, handlers
from mulaid.gateway.dialect import profiles
from mulaid.refusal import catalogue

pytest_plugins = ("door",)


@pytest.fixture(scope="module")
def family(served: Served) -> City:
    """A father, and a daughter whose account helps."""
    served.enrols("old wang", "20.00", base="retired")
    served.enrols("young wang", "900.00")
    served.authorises("young wang", "old wang")
    return served


@pytest.fixture
def line(served: Served) -> Iterator[http.client.HTTPConnection]:
    """A connection that stays open."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    yield connection
    connection.close()


def sign_in() -> bytes:
    return message("9001", {"signIn": {"opter_no": "1"}})


def read(answer: http.client.HTTPResponse) -> dict[str, Any]:
    assert answer.status == 200
    return dict(json.loads(answer.read(), parse_float=Decimal))


def bare(served: Served, raw: bytes) -> bytes:
    """Bytes as they are to the port, and everything that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as wire:
        wire.sendall(raw)
        parts = []
        while chunk := wire.recv(1 << 16):
            parts.append(chunk)
    return b"".join(parts)


def test_health_needs_nothing(served: Served) -> None:
    status, body = served.exchange("GET", "/health", b"", [])
    assert (status, json.loads(body)) == (200, {"ready": True})


def test_answers_say_what_they_are_and_are_not_kept(line: http.client.HTTPConnection) -> None:
    line.request("POST", "/fsi/api", sign_in())
    answer = line.getresponse()
    text = answer.read()
    assert answer.getheader("Content-Type") == "application/json; charset=utf-8"
    assert answer.getheader("Cache-Control") == "no-store"
    assert answer.getheader("Content-Length") == str(len(text))


def test_a_connection_carries_many_messages_also_after_refused_ones(line: http.client.HTTPConnection) -> None:
    wire: socket.socket | None = None
    bodies = [sign_in(), b"{", sign_in(), b"", message("9999", {}), sign_in(), b"x" * 300_000, sign_in(), b"\xff", sign_in()]
    for body in bodies:
        line.request("POST", "/fsi/api", body, {"Content-Type": "application/json"})
        answer = read(line.getresponse())
        assert (answer["infcode"] == 0) is (len(body) > 1 and b"9001" in body), answer
        assert wire is None or line.sock is wire, "the server closed the connection"
        wire = line.sock


def test_ten_megabytes_are_refused_in_words_and_the_connection_lives(line: http.client.HTTPConnection) -> None:
    line.request("POST", "/fsi/api", b" " * 10_000_000)
    wire = line.sock
    refused(read(line.getresponse()), "message.too_large")
    line.request("POST", "/fsi/api", sign_in())
    assert line.sock is wire
    assert read(line.getresponse())["infcode"] == 0


@pytest.mark.parametrize("pieces", [1, 7, 200])
def test_a_body_in_chunks_without_a_length(line: http.client.HTTPConnection, pieces: int) -> None:
    body = sign_in()
    step = max(1, len(body) // pieces)
    parts = [body[start : start + step] for start in range(0, len(body), step)]
    for _ in range(2):
        line.request("POST", "/fsi/api", iter(parts), {"Content-Type": "text/plain"}, encode_chunked=True)
        assert read(line.getresponse())["infcode"] == 0


def test_chunks_without_an_end_of_patience(line: http.client.HTTPConnection) -> None:
    line.request("POST", "/fsi/api", iter([b" " * 65536] * 100), encode_chunked=True)
    refused(read(line.getresponse()), "message.too_large")


def test_a_body_that_ends_before_its_length_does_nothing(served: Served) -> None:
    before = contents(served.db.url)
    body = sign_in()
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as wire:
        wire.sendall(b"POST /fsi/api HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (len(body) + 10) + body)
        wire.shutdown(socket.SHUT_WR)
        wire.settimeout(10)
        answer = wire.recv(1 << 16)
    # Whatever the server says to half a message, it did not carry it out.
    assert b'"infcode":0' not in answer
    assert contents(served.db.url) == before


def test_old_and_odd_http(served: Served) -> None:
    body = sign_in()
    answer = bare(served, b"POST /fsi/api HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert b'"infcode":0' in answer
    body = sign_in()
    head = b"POST http://hospital.example/fsi/api?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    assert b'"infcode":0' in bare(served, head % len(body) + body)


def test_no_header_breaks_the_door(served: Served) -> None:
    for name, value in (
        ("X-Mulaid-Client", "x" * 5000),
        ("X-Mulaid-Client", "é"),
        ("_api_access_key", "'; drop table client; --"),
        ("x-tif-paasid", "%00"),
        ("_api_timestamp", "9" * 13),
        ("Content-Encoding", "gzip"),
        ("Content-Type", "multipart/form-data"),
        ("Transfer-Encoding-X", "chunked"),
    ):
        status, text = served.exchange("POST", "/fsi/api", sign_in(), [(name, value)])
        assert status in (200, 401)
        assert b"message.internal" not in text


def test_a_settlement_over_http_and_its_repeat_byte_for_byte(served: Served, family: City) -> None:
    bill = family.uploads(family.visits("old wang"), [("MINE", "50.00")])
    body = message("2207", {"data": {**bill, "acct_used_flag": "1"}})
    first = served.post(body)
    paid = json.loads(first[1], parse_float=Decimal)["output"]["setlinfo"]
    assert (paid["acct_pay"], paid["acct_mulaid_pay"]) == (Decimal("50.00"), Decimal("30.00"))
    before = contents(served.db.url)
    assert [served.post(body) for _ in range(3)] == [first] * 3
    assert contents(served.db.url) == before
    answer = family.refunds(paid)
    assert answer["infcode"] == 0, answer["err_msg"]
    family.books_balance()


def test_the_same_message_on_many_connections_at_once_pays_once(served: Served, family: City) -> None:
    bill = family.uploads(family.visits("old wang"), [("MINE", "12.00")])
    held = family.holds("old wang"), family.holds("young wang")
    body = message("2207", {"data": {**bill, "acct_used_flag": "1"}})
    answers: list[tuple[str, bytes]] = []
    threads = [threading.Thread(target=lambda: answers.append(served.post(body))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6
    assert len(set(answers)) == 1
    paid = json.loads(answers[0][1], parse_float=Decimal)["output"]["setlinfo"]
    assert paid["acct_pay"] == Decimal("12.00")
    assert sum(Decimal(one) for one in held) - Decimal("12.00") == Decimal(family.holds("old wang")) + Decimal(
        family.holds("young wang")
    )
    family.books_balance()


@pytest.mark.parametrize("round_", range(4))
def test_two_messages_for_one_bill_at_once_pay_once(served: Served, family: City, round_: int) -> None:
    bill = family.uploads(family.visits("old wang"), [("MINE", f"{round_ + 1}.00")])
    answers: list[dict[str, Any]] = []

    def pay() -> None:
        body = message("2207", {"data": {**bill, "acct_used_flag": "1"}}, msgid=secrets.token_hex(15))
        answers.append(json.loads(served.post(body)[1]))

    threads = [threading.Thread(target=pay) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["infcode"] for answer in answers) == [-1, -1, -1, 0]
    assert all("settlement.already" in answer["err_msg"] for answer in answers if answer["infcode"]), [
        one["err_msg"][-90:] for one in answers
    ]
    family.books_balance()


def test_the_door_keeps_no_web_framework() -> None:
    """The institutions' process must not carry the people's door."""
    import subprocess
    import sys

    told = "import sys, mulaid.gateway.app; print({'django', 'procrastinate'} & {name.split('.')[0] for name in sys.modules})"
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.strip() == "set()"


# The vendors' document

DOCUMENT = (Path(__file__).parent.parent / "docs" / "gateway.md").read_text("utf-8")


def table(after: str, columns: int) -> list[list[str]]:
    """The rows of the first table of a chapter."""
    chapter = DOCUMENT.split(f"## {after}")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in chapter.splitlines() if line.startswith("|")]
    assert all(len(row) == columns for row in rows)
    return rows[2:]


def test_the_documents_profiles_are_those_of_the_program() -> None:
    told = {
        name: [
            "text" if one.infcode_text else "number",
            "accounts are used" if one.accounts_when_unsaid else "accounts are not used",
            "positive" if one.refund_positive else "negative",
            "with accounts" if one.fund_includes_accounts else "without accounts",
            one.stmt_codes,
            f"{one.window_seconds} s",
        ]
        for name, one in profiles().items()
    }
    assert {row[0]: row[1:] for row in table("7.", 7)} == told


def test_the_documents_transactions_are_those_of_the_program(served: Served, family: City) -> None:
    rows = {row[0]: row[2] for row in table("4.", 3)}
    assert handlers.HANDLERS.keys() == {known.infno for known in contract.contract().transactions.values()}
    assert rows.keys() <= handlers.HANDLERS.keys()
    # What is kept under its number refuses another input there; what is not kept is answered anew.
    asked = {
        "1101": {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": family.numbers["old wang"]}},
        "9001": {"signIn": {"opter_no": "1"}},
    }
    for infno, data in asked.items():
        number = secrets.token_hex(15)
        answers = [json.loads(served.post(message(infno, given, msgid=number))[1]) for given in (data, {**data, "more": 1})]
        assert [answer["infcode"] for answer in answers] == ([0, -1] if rows[infno] == "yes" else [0, 0])


def test_the_documents_refusals_exist() -> None:
    named = set(re.findall(r"`([a-z]+\.[a-z0-9_]+)`", DOCUMENT)) - {"ec.query"}
    assert len(named) > 15
    assert named <= catalogue().keys()
