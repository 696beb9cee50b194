"""Who is calling: each transport's signature as its own description has it, every signed field, every window, every replay."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SM3
from cryptography.hazmat.primitives.hmac import HMAC

from city import SHANGHAI, City
from door import (
    SECRET,
    Served,
    contents,
    csb,
    hmac_sha256,
    message,
    mulaid1,
    mulaid1_parts,
    mulaid1_text,
    refused,
    registers,
    sealed,
    tif,
)
from mulaid.db import Database, process_url
from mulaid.gateway.auth import Register
from mulaid.gateway.dialect import profiles
from mulaid.settlement import pay

pytest_plugins = ("door",)

BODY = message("9001", {"signIn": {"opter_no": "1"}})


@pytest.fixture(scope="module")
def town(cluster: Any) -> Iterator[City]:
    """One city with a clock that the tests move, and a person to ask about."""
    url = cluster.fresh()
    database = Database(url, cluster.keys, size=4)
    city = City(database, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    city.enrols("father", "60.00", base="retired")
    yield city
    city.close()
    database.close()
    cluster.drop(url)


def told(city: City, headers: dict[str, str], body: bytes = b"", path: str = "/fsi/api") -> dict[str, Any]:
    """The answer to a message under these headers."""
    status, text = city.post(body or fresh(), path=path, headers=headers)
    answer: dict[str, Any] = json.loads(text, parse_float=Decimal)
    assert status.startswith("401" if answer.get("code") == 401 else "200"), (status, answer)
    return answer


def fresh(infno: str = "9001", at: str = "H1") -> bytes:
    return message(infno, {"signIn": {"opter_no": "1"}}, at=at)


def accepted(answer: dict[str, Any]) -> None:
    assert answer["infcode"] == 0, answer


def turned_away(answer: dict[str, Any], code: str = "auth.refused") -> None:
    """401 in the words of the catalogue, with the server's time for a caller whose clock is wrong."""
    assert answer["code"] == 401
    assert answer["message"] == answer["err_msg"]
    datetime.strptime(answer["server_time"], "%Y-%m-%d %H:%M:%S")
    refused(answer, code)


# MULAID1


def sm3(parts: dict[str, str], body: bytes) -> str:
    mac = HMAC(SECRET, SM3())
    mac.update(mulaid1_text(parts, body))
    return mac.finalize().hex()


KEY = Ed25519PrivateKey.from_private_bytes(SECRET)
PUBLIC = b"ed25519:" + KEY.public_key().public_bytes_raw()


def ed25519(parts: dict[str, str], body: bytes) -> str:
    return KEY.sign(mulaid1_text(parts, body)).hex()


SIGNERS = {"HMAC-SHA256": (hmac_sha256, SECRET), "HMAC-SM3": (sm3, SECRET), "ED25519": (ed25519, PUBLIC)}


@pytest.fixture(scope="module", params=sorted(SIGNERS))
def signed(request: pytest.FixtureRequest, town: City) -> tuple[str, Any, str]:
    """(algorithm, signer, connection)."""
    signer, secret = SIGNERS[request.param]
    return request.param, signer, registers(town, "H1", "mulaid1", "mulaid1", secret)


def test_mulaid1_is_accepted(town: City, signed: tuple[str, Any, str]) -> None:
    algorithm, signer, client = signed
    parts, body = mulaid1_parts(client, town.now, algorithm), fresh()
    accepted(told(town, mulaid1(parts, signer(parts, body)), body))


MUTATIONS = {
    "version": "MULAID2",
    "alg": "HMAC-SHA1",
    "method": "GET",
    "path": "/fsi/api/",
    "query": "a=1",
    "client": "somebody",
    "timestamp": "1772416801",
    "nonce": "0" * 32,
}


@pytest.mark.parametrize("field", sorted(MUTATIONS))
def test_every_line_that_mulaid1_signs_counts(town: City, signed: tuple[str, Any, str], field: str) -> None:
    """Signed over one value, sent with another: for each line of the text."""
    algorithm, signer, client = signed
    parts, body = mulaid1_parts(client, town.now, algorithm), fresh()
    headers = mulaid1(parts, signer({**parts, field: MUTATIONS[field]}, body))
    turned_away(told(town, headers, body))


def test_a_body_swapped_under_a_mulaid1_signature_is_seen(town: City, signed: tuple[str, Any, str]) -> None:
    algorithm, signer, client = signed
    parts, body = mulaid1_parts(client, town.now, algorithm), fresh()
    headers = mulaid1(parts, signer(parts, body))
    for other in (fresh(), body + b" ", body.replace(b'"1"', b'"2"'), body[:-1]):
        turned_away(told(town, headers, other))
    accepted(told(town, headers, body))


def test_a_path_swapped_under_a_mulaid1_signature_is_seen(town: City, signed: tuple[str, Any, str]) -> None:
    algorithm, signer, client = signed
    parts, body = mulaid1_parts(client, town.now, algorithm), fresh()
    turned_away(told(town, mulaid1(parts, signer(parts, body)), body, path="/fsi/api/hsecfc/localQrCodeQuery"))


def test_a_signature_of_one_kind_is_none_of_another(town: City, signed: tuple[str, Any, str]) -> None:
    algorithm, signer, client = signed
    for other in {"HMAC-SHA256", "HMAC-SM3", "ED25519", "SM2-SM3", "none", ""} - {algorithm}:
        parts, body = mulaid1_parts(client, town.now, other), fresh()
        turned_away(told(town, mulaid1(parts, signer(parts, body)), body))


def test_a_public_key_is_no_secret_for_an_hmac(town: City) -> None:
    """Whoever knows the public key of a connection must not be able to sign with it: the known confusion of algorithms."""
    client = registers(town, "H1", "mulaid1", "mulaid1", PUBLIC)
    for key in (PUBLIC, PUBLIC.removeprefix(b"ed25519:")):
        parts, body = mulaid1_parts(client, town.now, "HMAC-SHA256"), fresh()
        turned_away(told(town, mulaid1(parts, hmac_sha256(parts, body, key)), body))


def test_a_secret_is_no_public_key(town: City) -> None:
    client = registers(town, "H1", "mulaid1", "mulaid1", PUBLIC.removeprefix(b"ed25519:"))
    parts, body = mulaid1_parts(client, town.now, "ED25519"), fresh()
    turned_away(told(town, mulaid1(parts, ed25519(parts, body)), body))


def test_malformed_signatures_are_refused(town: City, signed: tuple[str, Any, str]) -> None:
    algorithm, signer, client = signed
    parts, body = mulaid1_parts(client, town.now, algorithm), fresh()
    good = signer(parts, body)
    for bad in ("", good.upper(), good[:-1], good + "0", " " + good, "0" * len(good), "é" * 64, "0x" + good):
        turned_away(told(town, mulaid1(parts, bad), body))
    for field, value in (
        ("nonce", "A" * 32),
        ("nonce", "0" * 31),
        ("nonce", ""),
        ("timestamp", ""),
        ("timestamp", "1772416800000"),
        ("timestamp", "１７７２４１６８００"),
        ("client", "x" * 65),
    ):
        odd = {**parts, field: value}
        turned_away(told(town, mulaid1(odd, signer(odd, body)), body))


def test_the_mulaid1_window_has_an_edge_on_both_sides(town: City, signed: tuple[str, Any, str]) -> None:
    algorithm, signer, client = signed
    window = profiles()["mulaid1"].window_seconds
    for off in (-window, window):
        parts, body = mulaid1_parts(client, town.now + timedelta(seconds=off), algorithm), fresh()
        accepted(told(town, mulaid1(parts, signer(parts, body)), body))
        parts = mulaid1_parts(client, town.now + timedelta(seconds=off + (1 if off > 0 else -1)), algorithm)
        turned_away(told(town, mulaid1(parts, signer(parts, body)), body), "auth.clock")


def test_a_replay_is_refused_as_long_as_its_time_is_accepted(town: City) -> None:
    client = registers(town, "H1", "mulaid1", "mulaid1")
    parts, body = mulaid1_parts(client, town.now), fresh()
    headers = mulaid1(parts, hmac_sha256(parts, body))
    accepted(told(town, headers, body))
    start = town.now
    try:
        for later in (0, 1, 299, 300):
            town.now = start + timedelta(seconds=later)
            turned_away(told(town, headers, body), "auth.replayed")
        town.now = start + timedelta(seconds=301)
        turned_away(told(town, headers, body), "auth.clock")
    finally:
        town.now = start


def test_a_replay_of_a_settlement_is_refused_and_settles_nothing(town: City) -> None:
    client, pharmacy = registers(town, "H1", "mulaid1", "mulaid1"), registers(town, "P1", "mulaid1", "mulaid1")
    bill = town.uploads(town.visits("father"), [("MINE", "10.00")])
    outpatient = {"data": {**bill, "acct_used_flag": "1"}}
    line = {"feedetl_sn": "1", "med_list_codg": "MINE", "det_item_fee_sumamt": "5.00", "cnt": 1, "pric": "5.00"}
    head = {"psn_no": bill["psn_no"], "mdtrt_cert_type": "02", "mdtrt_cert_no": town.numbers["father"], "medfee_sumamt": "5.00"}
    sale = {"druginfo": head, "drugdetail": [line]}
    for infno, at, data in (("2206", "H1", outpatient), ("2207", "H1", outpatient), ("2101", "P1", sale), ("2102", "P1", sale)):
        body = message(infno, data, at=at)
        parts = mulaid1_parts(client if at == "H1" else pharmacy, town.now)
        headers = mulaid1(parts, hmac_sha256(parts, body))
        accepted(told(town, headers, body))
        before = contents(town.db.url)
        turned_away(told(town, headers, body), "auth.replayed")
        if infno in ("2206", "2101"):
            # The same nonce over another message is a replay too. A settlement keeps its nonce with its own key: another message
            # is not the same request, and only who holds the secret can sign one.
            other = message(infno, data, at=at)
            turned_away(told(town, mulaid1(parts, hmac_sha256(parts, other)), other), "auth.replayed")
        assert contents(town.db.url) == before
    town.books_balance()


def test_a_replay_is_refused_even_if_the_settlement_took_two_tries(town: City, monkeypatch: pytest.MonkeyPatch) -> None:
    client = registers(town, "H1", "mulaid1", "mulaid1")
    body = message("2207", {"data": {**town.uploads(town.visits("father"), [("MINE", "10.00")]), "acct_used_flag": "1"}})
    parts = mulaid1_parts(client, town.now)
    headers = mulaid1(parts, hmac_sha256(parts, body))
    record, tries = pay.record, []

    def moves_once(*arguments: Any) -> str | None:
        tries.append(arguments)
        if len(tries) == 1:
            raise pay.Moved("a purse")
        return record(*arguments)

    monkeypatch.setattr(pay, "record", moves_once)
    accepted(told(town, headers, body))
    assert len(tries) == 2
    turned_away(told(town, headers, body), "auth.replayed")


def test_a_refused_signature_burns_no_nonce_and_another_client_may_use_the_same(town: City) -> None:
    client, other = registers(town, "H1", "mulaid1", "mulaid1"), registers(town, "H1", "mulaid1", "mulaid1")
    parts, body = mulaid1_parts(client, town.now), fresh()
    turned_away(told(town, mulaid1(parts, "0" * 64), body))
    accepted(told(town, mulaid1(parts, hmac_sha256(parts, body)), body))
    same, body = {**parts, "client": other}, fresh()
    accepted(told(town, mulaid1(same, hmac_sha256(same, body)), body))


def test_of_many_replays_at_once_one_wins(town: City) -> None:
    client = registers(town, "H1", "mulaid1", "mulaid1")
    parts, body = mulaid1_parts(client, town.now), fresh()
    headers = mulaid1(parts, hmac_sha256(parts, body))
    answers: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: answers.append(told(town, headers, body))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["infcode"] for answer in answers) == [-1] * 7 + [0]


def test_a_message_sent_again_is_signed_again_and_gets_the_stored_answer(town: City) -> None:
    client = registers(town, "H1", "mulaid1", "mulaid1")
    body = fresh()
    answers = []
    for _ in range(2):
        parts = mulaid1_parts(client, town.now)
        answers.append(told(town, mulaid1(parts, hmac_sha256(parts, body)), body))
    accepted(answers[0])
    assert answers[0] == answers[1]


def test_both_secrets_count_while_one_replaces_the_other(town: City) -> None:
    new = b"n" * 32
    client = registers(town, "H1", "mulaid1", "mulaid1", SECRET, next_secret=new)
    for secret, good in ((SECRET, True), (new, True), (b"o" * 32, False)):
        parts, body = mulaid1_parts(client, town.now), fresh()
        answer = told(town, mulaid1(parts, hmac_sha256(parts, body, secret)), body)
        accepted(answer) if good else turned_away(answer)
    swap = "update client set secret = %(new)s, next_secret = null where id = %(id)s"
    town.run(lambda tx: tx.run(swap, new=sealed(town.keys, client, new), id=client))
    forgets(town)
    for secret, good in ((SECRET, False), (new, True)):
        parts, body = mulaid1_parts(client, town.now), fresh()
        answer = told(town, mulaid1(parts, hmac_sha256(parts, body, secret)), body)
        accepted(answer) if good else turned_away(answer)


def forgets(city: City) -> None:
    """The register's few seconds of memory are over."""
    city.gateway = type(city.gateway)(
        city.gateway.db, city.gateway.library, Register(city.gateway.db), city.gateway.clock, city.gateway.allow_test_area
    )


# What every signed connection is held to


def headers_for(town: City, transport: str, client: str, body: bytes) -> dict[str, str]:
    """A good signature of the transport."""
    if transport == "csb":
        return csb(client, town.now)
    if transport == "tif":
        return tif(client, town.now, "n")
    parts = mulaid1_parts(client, town.now)
    return mulaid1(parts, hmac_sha256(parts, body))


TRANSPORTS = ("mulaid1", "csb", "tif")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_signature_speaks_for_its_own_institution_only(town: City, transport: str) -> None:
    client = registers(town, "H1", transport, transport)
    for other in ("H2", "P1", "H999"):
        body = fresh(at=other)
        before = contents(town.db.url)
        refused(told(town, headers_for(town, transport, client, body), body), "auth.other_institution")
        assert contents(town.db.url) == before


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_connection_that_is_switched_off_is_out(town: City, transport: str) -> None:
    client = registers(town, "H1", transport, transport)
    body = fresh()
    accepted(told(town, headers_for(town, transport, client, body), body))
    town.run(lambda tx: tx.run("update client set enabled = false where id = %(id)s", id=client))
    forgets(town)
    body = fresh()
    turned_away(told(town, headers_for(town, transport, client, body), body))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_connection_without_a_secret_lets_nobody_in(town: City, transport: str) -> None:
    client = registers(town, "H1", transport, transport)
    town.run(lambda tx: tx.run("update client set secret = null where id = %(id)s", id=client))
    body = fresh()
    turned_away(told(town, headers_for(town, transport, client, body), body))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_each_connection_has_one_transport(town: City, transport: str) -> None:
    client = registers(town, "H1", transport, transport)
    for other in {*TRANSPORTS} - {transport}:
        body = fresh()
        turned_away(told(town, headers_for(town, other, client, body), body))


def test_an_institution_without_an_open_connection_must_sign(town: City) -> None:
    town.run(lambda tx: town.opens(tx, "H7", "七院", 1, "420100", "L1"))
    accepted(told(town, {}, fresh(at="H7")))
    town.run(lambda tx: tx.run("update client set enabled = false where institution = 'H7'"))
    registers(town, "H7", "mulaid1", "mulaid1")
    forgets(town)
    turned_away(told(town, {}, fresh(at="H7")))


def test_an_institution_that_lost_its_contract_is_out(town: City) -> None:
    town.run(lambda tx: town.opens(tx, "H8", "八院", 1, "420100", "L1"))
    accepted(told(town, {}, fresh(at="H8")))
    town.run(lambda tx: tx.run("update institution set enabled = false where code = 'H8'"))
    forgets(town)
    turned_away(told(town, {}, fresh(at="H8")))


# CSB


def test_csb_is_accepted_in_seconds_and_in_milliseconds(town: City) -> None:
    client = registers(town, "H1", "csb", "csb")
    accepted(told(town, csb(client, town.now, millis=True)))
    accepted(told(town, csb(client, town.now, millis=False)))
    accepted(told(town, csb(client, town.now, name="one-name-for-everything")))


@pytest.mark.parametrize("name", ["_api_name", "_api_version", "_api_timestamp", "_api_signature", "_api_access_key"])
def test_every_header_of_the_bus_counts(town: City, name: str) -> None:
    client = registers(town, "H1", "csb", "csb")
    good = csb(client, town.now)
    turned_away(told(town, {**good, name: "x" + good[name][1:] if name != "_api_timestamp" else "1772416801000"}))
    if name != "_api_access_key":  # without it the message is an unsigned one
        turned_away(told(town, {key: value for key, value in good.items() if key != name}))


def test_the_bus_has_its_window(town: City) -> None:
    client = registers(town, "H1", "csb", "csb")
    window = profiles()["csb"].window_seconds
    for off in (-window, window):
        accepted(told(town, csb(client, town.now + timedelta(seconds=off))))
        turned_away(told(town, csb(client, town.now + timedelta(seconds=off * 2))), "auth.clock")
    turned_away(told(town, csb(client, town.now, secret=b"wrong")))


# TIF


@pytest.mark.parametrize("nonce", ["", "7", "123456", "0" * 32, "6F9619FF-8B86-D011-B42D-00CF4FC964FF", "x" * 128])
def test_tif_takes_a_nonce_of_any_length(town: City, nonce: str) -> None:
    client = registers(town, "H1", "tif", "tif")
    accepted(told(town, tif(client, town.now, nonce)))


def test_tif_forgives_a_clock_that_is_eight_hours_off_but_no_wrong_token(town: City) -> None:
    client = registers(town, "H1", "tif", "tif")
    for hours in (-8, 8):
        accepted(told(town, tif(client, town.now + timedelta(hours=hours), "n")))
    for hours in (-10, 10):
        turned_away(told(town, tif(client, town.now + timedelta(hours=hours), "n")), "auth.clock")
    turned_away(told(town, tif(client, town.now, "n", secret=b"wrong")))
    turned_away(told(town, tif(client, town.now, "n" * 129)))
    for name in ("x-tif-timestamp", "x-tif-nonce", "x-tif-signature"):
        good = tif(client, town.now, "n")
        turned_away(told(town, {key: value for key, value in good.items() if key != name}))
        turned_away(told(town, {**good, name: good[name][:-1] + ("1" if good[name][-1] == "0" else "0")}))


def test_a_narrow_profile_does_not_forgive_the_clock(town: City) -> None:
    client = registers(town, "H1", "tif", "national")
    turned_away(told(town, tif(client, town.now - timedelta(hours=8), "n")), "auth.clock")


# The vendors' document


def test_the_worked_example_of_the_document() -> None:
    """Recomputed from the document's own text by this file's own functions."""
    text = (Path(__file__).parent.parent / "docs" / "gateway.md").read_text("utf-8")
    secret = re.search(r"the 32 characters `([^`]+)`", text)[1].encode()  # type: ignore[index]
    assert len(secret) == 32
    body = re.search(r"The body:\n\n```json\n(.*)\n```", text)[1].encode()  # type: ignore[index]
    signed = re.search(r"```text\n(MULAID1\n.*?)\n```", text, re.DOTALL)[1]  # type: ignore[index]
    names = ("version", "alg", "method", "path", "query", "client", "timestamp", "nonce")
    parts = dict(zip(names, signed.split("\n"), strict=False))
    assert mulaid1_text(parts, body).decode() == signed
    rows = dict(re.findall(r"^\| (mulaid1|csb|tif) \|.*\| `([^`]+)` \|$", text, re.MULTILINE))
    at = datetime(2026, 3, 2, 10, tzinfo=SHANGHAI)
    assert rows == {
        "mulaid1": hmac_sha256(parts, body, secret),
        "csb": csb("csb-example", at, secret=secret, name="9001")["_api_signature"],
        "tif": tif("tif-example", at, "42", secret=secret)["x-tif-signature"],
    }
    assert parts["timestamp"] == str(int(at.timestamp()))


def test_the_worked_example_opens_the_door(town: City) -> None:
    text = (Path(__file__).parent.parent / "docs" / "gateway.md").read_text("utf-8")
    body = re.search(r"The body:\n\n```json\n(.*)\n```", text)[1].encode()  # type: ignore[index]
    town.run(lambda tx: town.opens(tx, "H42010000001", "例院", 1, "420100", "L3"))
    sealing = town.keys.seal("client", "client|secret|mulaid1-example", b"an example, never a real secret!")
    enter = (
        "insert into client (id, institution, transport, profile, secret)"
        " values ('mulaid1-example', 'H42010000001', 'mulaid1', 'mulaid1', %(secret)s)"
    )
    town.run(lambda tx: tx.run(enter, secret=sealing))
    parts = mulaid1_parts("mulaid1-example", town.now, timestamp="1772416800", nonce="00112233445566778899aabbccddeeff")
    signature = re.search(r"\| mulaid1 \|.*`([0-9a-f]{64})`", text)[1]  # type: ignore[index]
    accepted(told(town, mulaid1(parts, signature), body))


# The same over HTTP, where headers have to get through a server


def test_headers_with_underscores_arrive(served: Served) -> None:
    client = registers(served, "H1", "csb", "csb")
    for kind in ("text/plain; charset=utf-8", "application/json;charset=utf-8", "application/json", ""):
        for millis in (True, False):
            headers = csb(client, served.now, millis=millis)
            accepted(told(served, {**headers, "Content-Type": kind} if kind else headers))
    turned_away(told(served, csb(client, served.now - timedelta(hours=1))), "auth.clock")
    # Signed in vain for another: that the headers count at all shows only so.
    refused(told(served, csb(client, served.now), fresh(at="H2")), "auth.other_institution")


def test_tif_and_mulaid1_work_over_http(served: Served) -> None:
    accepted(told(served, tif(registers(served, "H1", "tif", "tif"), served.now - timedelta(hours=8), "7")))
    client = registers(served, "H1", "mulaid1", "mulaid1")
    body = fresh()
    parts = mulaid1_parts(client, served.now, path="/fsi/api/signInSignOutService/signIn", query="a=1&b=%20")
    headers = mulaid1(parts, hmac_sha256(parts, body))
    accepted(told(served, headers, body, path="/fsi/api/signInSignOutService/signIn?a=1&b=%20"))
    turned_away(told(served, headers, body, path="/fsi/api/signInSignOutService/signIn?a=1&b=%20"), "auth.replayed")


def test_a_header_sent_twice_cannot_smuggle_a_second_value(served: Served) -> None:
    client = registers(served, "H1", "mulaid1", "mulaid1")
    for name in ("X-Mulaid-Client", "X-Mulaid-Timestamp", "X-Mulaid-Nonce", "X-Mulaid-Alg", "X-Mulaid-Signature"):
        for first in (True, False):
            parts, body = mulaid1_parts(client, served.now), fresh()
            pairs = list(mulaid1(parts, hmac_sha256(parts, body)).items())
            odd = (name, "0" * 32)
            status, text = served.exchange("POST", "/fsi/api", body, [odd, *pairs] if first else [*pairs, odd])
            answer = json.loads(text)
            # Either the sender's own value was read, which is signed, or nothing was believed.
            assert (status, answer["infcode"]) in ((200, 0), (401, -1)), (name, first, answer)
