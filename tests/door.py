"""The gateway's door from outside: served over HTTP as the platform serves it, and callers that sign as their transports do.

A test module names it in `pytest_plugins` and imports from it, in whichever order: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from city import SHANGHAI, City
from mulaid import sm2
from mulaid.crypto import Keys
from mulaid.db import Database, process_url
from mulaid.money import parse_yuan
from mulaid.refusal import catalogue
from mulaid.sandbox.world import World

BOOKKEEPING = ("allowance", "command", "nonce", "audit")
SECRET = b"0123456789abcdef0123456789abcdef"


class Served(City):
    """The same storyteller, but every message goes over HTTP to a server process, whose clock is the machine's."""

    port: int
    shift = timedelta(0)

    @property
    def now(self) -> datetime:
        """The machine's moment, moved by `shift` for what the story itself makes."""
        return datetime.now(SHANGHAI) + self.shift

    @now.setter
    def now(self, _: datetime) -> None:
        """The wall clock cannot be set; the base class tries once."""

    def post(self, body: bytes, *, path: str = "/fsi/api", headers: dict[str, str] | None = None) -> tuple[str, bytes]:
        """Raw bytes over a connection of their own."""
        status, answer = self.exchange("POST", path, body, list((headers or {}).items()))
        return str(status), answer

    def exchange(self, method: str, path: str, body: bytes, headers: list[tuple[str, str]]) -> tuple[int, bytes]:
        """One request with headers exactly as given, also twice or not at all."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            connection.putheader("Content-Length", str(len(body)))
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="session")
def served(cluster: Any) -> Iterator[Served]:
    """One server process over one database for all tests of a worker; stories in it use names and messages of their own."""
    url = cluster.fresh()
    database = Database(url, cluster.keys, size=4)
    teller = Served(database, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    with _granian(url, cluster.folder) as port:
        teller.port = port
        yield teller
    teller.close()
    database.close()
    cluster.drop(url)


@contextmanager
def _granian(url: str, folder: Any) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "MULAID_DATABASE_URL": process_url(url, "mulaid_gateway", embedded=True),
        "MULAID_DATA": str(folder),
        "MULAID_PROFILE": "test",
    }
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--log-level", "error", "--no-ws"]
    command += ["--factory", "--workers", "1", "--blocking-threads", "32", "--port", str(port), "mulaid.gateway.app:from_env"]
    with subprocess.Popen(command, env=environment, start_new_session=True) as child:
        try:
            deadline = time.monotonic() + 30
            while not _healthy(port):
                assert child.poll() is None, "the server ended while starting"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.05)
            yield port
        finally:
            child.terminate()


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


# What the database holds


def contents(url: str) -> dict[str, int]:
    """Rows of every table but the bookkeeping of messages themselves, and what is in all purses together."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables = [row[0] for row in connection.execute("select tablename from pg_tables where schemaname = 'mulaid'").fetchall()]
        assert set(BOOKKEEPING) < set(tables)
        # A counter of what was written to, so that an update shows as well as an insert.
        query = " union all ".join(
            f"select '{table}', count(*), coalesce(sum(hashtext(t::text)::bigint), 0) from mulaid.{table} t"
            for table in sorted(set(tables) - set(BOOKKEEPING))
        )
        return {name: rows * 10**13 + marks for name, rows, marks in connection.execute(query).fetchall()}


# Callers


def registers(city: City, institution: str, transport: str, profile: str, secret: bytes = SECRET, **more: Any) -> str:
    """A signed connection of an institution; its id."""
    name = f"{transport}-{secrets.token_hex(4)}"
    values = {
        "id": name,
        "institution": institution,
        "transport": transport,
        "profile": profile,
        "secret": sealed(city.keys, name, secret),
        **{column: sealed(city.keys, name, value) if isinstance(value, bytes) else value for column, value in more.items()},
    }
    columns = ", ".join(values)
    marks = ", ".join(f"%({column})s" for column in values)
    city.run(lambda tx: tx.run(f"insert into client ({columns}) values ({marks})", **values))
    return name


def sealed(keys: Keys, client: str, secret: bytes) -> bytes:
    """A connection's secret as the database keeps it."""
    return keys.seal("client", f"client|secret|{client}", secret)


def csb(client: str, at: datetime, *, millis: bool = True, secret: bytes = SECRET, name: str = "2207") -> dict[str, str]:
    """The headers of the CSB bus, written from its description and not with the gateway's own functions."""
    signed = str(int(at.timestamp() * 1000) if millis else int(at.timestamp()))
    text = f"_api_access_key={client}&_api_name={name}&_api_timestamp={signed}&_api_version=1.0.0"
    signature = base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha1).digest()).decode()
    return {
        "_api_name": name,
        "_api_version": "1.0.0",
        "_api_timestamp": signed,
        "_api_access_key": client,
        "_api_signature": signature,
    }


def tif(client: str, at: datetime, nonce: str, *, secret: bytes = SECRET) -> dict[str, str]:
    """The headers of the TIF gateway."""
    signed = str(int(at.timestamp()))
    signature = hashlib.sha256(signed.encode() + secret + nonce.encode() + signed.encode()).hexdigest()
    return {"x-tif-paasid": client, "x-tif-timestamp": signed, "x-tif-nonce": nonce, "x-tif-signature": signature}


def mulaid1_text(parts: Mapping[str, str], body: bytes) -> bytes:
    """The nine lines that MULAID1 signs."""
    names = ("version", "alg", "method", "path", "query", "client", "timestamp", "nonce")
    return "\n".join([*(parts[name] for name in names), hashlib.sha256(body).hexdigest()]).encode()


def mulaid1_parts(client: str, at: datetime, algorithm: str = "HMAC-SHA256", **more: str) -> dict[str, str]:
    """What a MULAID1 caller says about one request."""
    return {
        "version": "MULAID1",
        "alg": algorithm,
        "method": "POST",
        "path": "/fsi/api",
        "query": "",
        "client": client,
        "timestamp": str(int(at.timestamp())),
        "nonce": secrets.token_hex(16),
        **more,
    }


def mulaid1(parts: Mapping[str, str], signature: str) -> dict[str, str]:
    """The headers of MULAID1."""
    return {
        "X-Mulaid-Client": parts["client"],
        "X-Mulaid-Timestamp": parts["timestamp"],
        "X-Mulaid-Nonce": parts["nonce"],
        "X-Mulaid-Alg": parts["alg"],
        "X-Mulaid-Signature": signature,
    }


def hmac_sha256(parts: Mapping[str, str], body: bytes, secret: bytes = SECRET) -> str:
    """The commonest MULAID1 signature."""
    return hmac.new(secret, mulaid1_text(parts, body), hashlib.sha256).hexdigest()


# The profiles as their programs speak them

MULAID1 = {"transport": "mulaid1"}
WAYS: dict[str, dict[str, str]] = {
    "national": {"transport": "open"},
    "csb": {"transport": "csb"},
    "jiangsu": {"transport": "csb"},
    "pharmacy": {"transport": "open"},
    "tif": {"transport": "tif"},
    "guangdong": {"transport": "tif"},
    "hebei": {"transport": "tif"},
    "zhejiang": {"transport": "hmac-sm3"},
    "neimenggu": {"transport": "apikey"},
    "jilin": {"transport": "oauth"},
    "hubei": {"transport": "csb"},
    "hubei-signed": {"transport": "cainfo"},
    "hubei-positive": {"transport": "csb"},
    "hainan": {"transport": "open"},
    "shanxi": {"transport": "cainfo", "cipher": b"sixteen bytes of".hex()},
    "front": {**MULAID1, "algorithm": "HMAC-SM3"},
    "front-wrapped": {**MULAID1, "algorithm": "ED25519"},
    "old-front": {**MULAID1, "algorithm": "SM2-SM3"},
    "mobile": MULAID1,
    "mulaid1": MULAID1,
}
"""How each profile's programs sign here; together every transport and every algorithm."""


def speaks(world: World, code: str, profile: str, transport: str, *, alone: bool = True) -> dict[str, str]:
    """A connection of a sandbox's institution, in the place of all it had; what a subject of the kit says of it."""
    way, sealed_too = WAYS[profile], transport == "sealed"
    name = f"mobile-{code}" if sealed_too else f"kit-{code}"[-16:]
    private = sm2.private_from(hashlib.sha256(f"{profile}{name}".encode()).digest())
    secret, public = f"key-{name}".encode(), None
    if transport in ("oauth", "cainfo", "sealed"):
        public = sm2.public_of(private)
    elif way.get("algorithm") == "SM2-SM3":
        secret = b"sm2:" + sm2.public_of(private)
    elif way.get("algorithm") == "ED25519":
        secret = b"ed25519:" + Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    row = {
        "id": name,
        "institution": code,
        "transport": transport,
        "profile": profile,
        "secret": sealed(world.keys, name, secret),
        "public_key": public,
    }
    told = {"code": code, "transport": transport, "id": name, "key": f"key-{name}", "private": private.hex()}
    if sealed_too:
        told["platform"] = sm2.public_of(world.gateway.seal_key).hex()
    else:
        told |= {key: value for key, value in way.items() if key in ("algorithm", "cipher")}
    if "cipher" in told:
        row["cipher"] = world.keys.seal("client", f"client|cipher|{name}", bytes.fromhex(told["cipher"]))
    with world.db.pool.connection() as connection:
        if alone:
            connection.execute("delete from client where institution = %s", (code,))
        columns, marks = ", ".join(row), ", ".join(["%s"] * len(row))
        connection.execute(f"insert into client ({columns}) values ({marks})", list(row.values()))  # type: ignore[arg-type]
    return told


# Reading answers


def refused(answer: Mapping[str, Any], code: str) -> None:
    """The answer says no for exactly this reason, in words a cashier can act on."""
    said = answer["err_msg"]
    assert answer["infcode"] == -1, answer
    assert said.endswith(f"〔{code}〕"), said
    words = catalogue()[code]
    # What to do next is there, whatever facts were put into it.
    assert words.next.partition("{")[0] in said
    assert answer.get("output") is None


def yuan_of(value: Any) -> int:
    """Fen of an amount in an answer, which must have come as a number with two decimals."""
    assert isinstance(value, Decimal), value
    assert value.as_tuple().exponent == -2, value
    return parse_yuan(str(value), signed=True)


def message(infno: str, data: Any, at: str = "H1", **more: Any) -> bytes:
    """A message as bytes."""
    whole = {"infno": infno, "msgid": secrets.token_hex(15), "fixmedins_code": at, "opter": "001", "input": data, **more}
    return json.dumps(whole, default=str).encode()
