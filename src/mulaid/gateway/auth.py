"""Who is calling: the transports' signatures, their replay windows, and which institution a caller may speak for.

MULAID1 signs method, path, query and body; CSB and TIF sign their headers only, because their programs do, and the open transport
signs nothing. Each connection is registered for exactly one transport. What is refused here looks the same from outside.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hmac import HMAC

from mulaid.crypto import same
from mulaid.db import Actor, Database, Tx
from mulaid.gateway.dialect import Profile, profiles
from mulaid.refusal import Refusal
from mulaid.settlement.visit import Institution, find_institution

OPEN, MULAID1, CSB, TIF = "open", "mulaid1", "csb", "tif"
Nonce = tuple[str, int, str]
WSGI_NAMES = {
    name: "HTTP_" + name.upper().replace("-", "_")
    for name in (
        "X-Mulaid-Client", "X-Mulaid-Timestamp", "X-Mulaid-Nonce", "X-Mulaid-Alg", "X-Mulaid-Signature",
        "_api_access_key", "_api_name", "_api_timestamp", "_api_version", "_api_signature",
        "x-tif-paasid", "x-tif-timestamp", "x-tif-nonce", "x-tif-signature",
    )
}  # fmt: skip
SECONDS, NONCE = re.compile(r"[0-9]{10}", re.ASCII), re.compile(r"[0-9a-f]{32}", re.ASCII)
KEPT_SECONDS = 10.0
BUCKET_SECONDS = 300
PUBLIC_KEY = b"ed25519:"

CLIENT_BY_ID = "select id, institution, transport, profile, secret, next_secret from client where id = %(name)s and enabled"
CLIENT_OPEN = (
    "select id, institution, transport, profile, secret, next_secret from client"
    " where institution = %(name)s and transport = 'open' and enabled order by id limit 1"
)


@dataclass(frozen=True, slots=True)
class Client:
    """A registered connection of an institution."""

    id: str
    institution: Institution
    transport: str
    profile: Profile
    secrets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a transport signs: method, path and query as sent, the headers by their WSGI names, the raw body."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """A header's value, empty when it is missing."""
        return self.headers.get(WSGI_NAMES[name], "")


class Register:
    """Registered connections, remembered for a few seconds: a withdrawn one is out within that time."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._kept: dict[str, tuple[float, Client | None]] = {}
        self._lock = threading.Lock()

    def by_id(self, client: str, at: datetime) -> Client | None:
        """The connection with this id."""
        return self._find(f"id:{client}", at, CLIENT_BY_ID, client)

    def open_for(self, institution: str, at: datetime) -> Client | None:
        """The unsigned connection of an institution, where one is registered."""
        return self._find(f"open:{institution}", at, CLIENT_OPEN, institution)

    def forget(self) -> None:
        """Look every connection up anew, for a database that was filled anew."""
        with self._lock:
            self._kept.clear()

    def _find(self, mark: str, at: datetime, query: LiteralString, name: str) -> Client | None:
        kept = self._kept.get(mark)
        if kept and time.monotonic() - kept[0] < KEPT_SECONDS:
            return kept[1]
        with self.db.reading(at, Actor("register", "gateway")) as tx:
            client = self._read(tx, query, name)
        with self._lock:
            if len(self._kept) > 10_000:
                self._kept.clear()
            self._kept[mark] = (time.monotonic(), client)
        return client

    def _read(self, tx: Tx, query: LiteralString, name: str) -> Client | None:
        row = tx.one(query, name=name)
        if row is None:
            return None
        institution = find_institution(tx, row["institution"])
        if institution is None or not institution.enabled:
            return None
        sealed = [row[column] for column in ("secret", "next_secret") if row[column] is not None]
        secrets = tuple(tx.keys.open("client", f"client|secret|{row['id']}", secret) for secret in sealed)
        return Client(row["id"], institution, row["transport"], profiles()[row["profile"]], secrets)


def authenticate(register: Register, request: Request, at: datetime) -> tuple[Client | None, Nonce | None]:
    """The caller as its signature proves it, with the nonce that is still to be claimed.

    No caller for an unsigned message, whose institution the envelope names.
    Refuses auth.refused (unknown, disabled, wrong signature, wrong transport) and auth.clock.
    """
    if client_id := request.header("X-Mulaid-Client"):
        return _mulaid1(register, request, client_id, at)
    if access_key := request.header("_api_access_key"):
        return _csb(register, request, access_key, at), None
    if paasid := request.header("x-tif-paasid"):
        return _tif(register, request, paasid, at), None
    return None, None


def _known(register: Register, client_id: str, transport: str, at: datetime) -> Client:
    client = register.by_id(client_id, at) if len(client_id) <= 64 else None
    if client is None or client.transport != transport:
        raise Refusal("auth.refused")
    return client


def _in_time(client: Client, seconds: float, at: datetime) -> None:
    window = client.profile.window_seconds
    if window and abs(at.timestamp() - seconds) > window:
        raise Refusal("auth.clock")


def _mulaid1(register: Register, request: Request, client_id: str, at: datetime) -> tuple[Client, Nonce]:
    signed, nonce = request.header("X-Mulaid-Timestamp"), request.header("X-Mulaid-Nonce")
    algorithm, signature = request.header("X-Mulaid-Alg"), request.header("X-Mulaid-Signature")
    if not (SECONDS.fullmatch(signed) and NONCE.fullmatch(nonce)):
        raise Refusal("auth.refused")
    client = _known(register, client_id, MULAID1, at)
    _in_time(client, int(signed), at)
    text = mulaid1_text(algorithm, request.method, request.path, request.query, client_id, signed, nonce, request.body)
    if not any(_verifies(algorithm, secret, text, signature) for secret in client.secrets):
        raise Refusal("auth.refused")
    return client, (client_id, int(signed) // BUCKET_SECONDS, nonce)


def mulaid1_text(algorithm: str, method: str, path: str, query: str, client: str, signed: str, nonce: str, body: bytes) -> bytes:
    """What MULAID1 signs: nine lines, the last one the hash of the raw body."""
    digest = hashlib.sha256(body).hexdigest()
    return "\n".join(("MULAID1", algorithm, method, path, query, client, signed, nonce, digest)).encode()


def mulaid1_signature(algorithm: str, secret: bytes, text: bytes) -> str:
    """The symmetric signatures, lower-case hex. Raises ValueError for an algorithm that is none of them."""
    if algorithm == "HMAC-SHA256":
        return hmac.digest(secret, text, "sha256").hex()
    if algorithm == "HMAC-SM3":
        mac = HMAC(secret, hashes.SM3())
        mac.update(text)
        return mac.finalize().hex()
    raise ValueError(f"{algorithm} is neither HMAC-SHA256 nor HMAC-SM3")


def _verifies(algorithm: str, secret: bytes, text: bytes, signature: str) -> bool:
    """A public key is marked as one, or whoever knows it could use it as the secret of an HMAC."""
    if algorithm == "ED25519" or secret.startswith(PUBLIC_KEY):
        if algorithm != "ED25519" or not secret.startswith(PUBLIC_KEY) or not re.fullmatch(r"[0-9a-f]{128}", signature, re.ASCII):
            return False
        try:
            Ed25519PublicKey.from_public_bytes(secret.removeprefix(PUBLIC_KEY)).verify(bytes.fromhex(signature), text)
        except (InvalidSignature, ValueError):
            return False
        return True
    try:
        return same(mulaid1_signature(algorithm, secret, text).encode(), signature.encode())
    except ValueError:
        return False


def claim(db: Database, nonce: Nonce) -> None:
    """Claim a nonce once; refuses auth.replayed. After the signature was checked, or anybody could burn a client's nonces.

    Its window is the request's own, or a replay at the edge passes. The row need not be on disk when we answer: a crash forgets
    the last instant's nonces only, and money has its own keys.
    """
    with db.light.connection() as connection:
        statement = "insert into nonce (client, bucket, nonce) values (%s, %s, %s) on conflict do nothing"
        claimed = connection.execute(statement, nonce).rowcount
    if not claimed:
        raise Refusal("auth.replayed")


def _csb(register: Register, request: Request, access_key: str, at: datetime) -> Client:
    signed = request.header("_api_timestamp")
    if not re.fullmatch(r"[0-9]{10}|[0-9]{13}", signed, re.ASCII):
        raise Refusal("auth.refused")
    client = _known(register, access_key, CSB, at)
    text = csb_text(access_key, request.header("_api_name"), signed, request.header("_api_version"))
    given = request.header("_api_signature")
    if not any(same(csb_signature(secret, text).encode(), given.encode()) for secret in client.secrets):
        raise Refusal("auth.refused")
    _in_time(client, int(signed) / (1000 if len(signed) == 13 else 1), at)
    return client


def csb_text(access_key: str, name: str, timestamp: str, version: str) -> str:
    """What the CSB bus signs: its four headers, sorted by name."""
    return f"_api_access_key={access_key}&_api_name={name}&_api_timestamp={timestamp}&_api_version={version}"


def csb_signature(secret: bytes, text: str) -> str:
    """Base64 of HMAC-SHA1: the bus's choice, not ours."""
    return base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha1).digest()).decode()


def _tif(register: Register, request: Request, paasid: str, at: datetime) -> Client:
    signed, nonce = request.header("x-tif-timestamp"), request.header("x-tif-nonce")
    if not SECONDS.fullmatch(signed) or len(nonce) > 128:
        raise Refusal("auth.refused")
    client = _known(register, paasid, TIF, at)
    given = request.header("x-tif-signature")
    if not any(same(tif_signature(secret, signed, nonce).encode(), given.encode()) for secret in client.secrets):
        raise Refusal("auth.refused")
    _in_time(client, int(signed), at)
    return client


def tif_signature(token: bytes, timestamp: str, nonce: str) -> str:
    """Lower-case hex of SHA-256 over timestamp, token, nonce, timestamp."""
    return hashlib.sha256(timestamp.encode() + token + nonce.encode() + timestamp.encode()).hexdigest()
