"""Who is calling: the transports' signatures, their replay windows, and which institution a caller may speak for.

MULAID1 and HMAC-SM3 sign the body; CSB and TIF sign their headers only, because their programs do; an API key and an
OAuth token only name the caller, and the open transport does not even that. Messages that are signed or sealed inside
(cainfo, sealed) are opened by `sealing`. Each connection is registered for exactly one transport. What is refused here
looks the same from outside.
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
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mulaid import sm2
from mulaid.crypto import same
from mulaid.db import Actor, Database, Tx
from mulaid.gateway.dialect import Profile, profiles
from mulaid.refusal import Refusal
from mulaid.settlement.visit import Institution, find_institution

OPEN, MULAID1, CSB, TIF = "open", "mulaid1", "csb", "tif"
HMAC_SM3, API_KEY, OAUTH, CAINFO, SEALED = "hmac-sm3", "apikey", "oauth", "cainfo", "sealed"
Nonce = tuple[str, int, str]
WSGI_NAMES = {
    name: "HTTP_" + name.upper().replace("-", "_")
    for name in (
        "X-Mulaid-Client", "X-Mulaid-Timestamp", "X-Mulaid-Nonce", "X-Mulaid-Alg", "X-Mulaid-Signature",
        "_api_access_key", "_api_name", "_api_timestamp", "_api_version", "_api_signature",
        "x-tif-paasid", "x-tif-timestamp", "x-tif-nonce", "x-tif-signature",
        "x-ca-key", "x-ca-signature", "apikey", "Authorization",
    )
}  # fmt: skip
SECONDS, NONCE = re.compile(r"[0-9]{10}", re.ASCII), re.compile(r"[0-9a-f]{32}", re.ASCII)
KEPT_SECONDS = 10.0
BUCKET_SECONDS = 300
PUBLIC_KEY, SM2_KEY = b"ed25519:", b"sm2:"

CLIENT_BY_ID = "select * from client where id = %(name)s and enabled"
CLIENT_OPEN = (
    "select * from client where institution = %(name)s and transport in ('open', 'cainfo') and enabled"
    " order by transport = 'open', id limit 1"
)
TOKEN_SECONDS = 7200
SIGNED_HEX = re.compile(r"([0-9]{10}):([0-9A-F]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Client:
    """A registered connection of an institution."""

    id: str
    institution: Institution
    transport: str
    profile: Profile
    secrets: tuple[bytes, ...]
    public_keys: tuple[bytes, ...] = ()
    cipher: bytes = b""
    operators: frozenset[str] | None = None
    per_minute: int = 0

    def allows(self, operator: str) -> None:
        """Refuses an operator who may not act over this connection; without a list, everybody may."""
        if self.operators is not None and operator not in self.operators:
            raise Refusal("auth.other_operator")


@dataclass(frozen=True, slots=True)
class Request:
    """What a transport signs: method, path and query as sent, the headers by their WSGI names, the raw body."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def place(self) -> str:
        """The path to go by: programs differ in capitals, and in a stroke at the end."""
        return self.path.rstrip("/").lower()

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
        """The connection of an institution that no header tells of, where one is registered; a signed one goes first."""
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
        profile = profiles()[row["profile"]]
        cipher = row["cipher"]
        return Client(
            id=row["id"],
            institution=institution,
            transport=row["transport"],
            profile=profile,
            secrets=secrets,
            public_keys=tuple(bytes(row[name]) for name in ("public_key", "next_public_key") if row[name] is not None),
            cipher=tx.keys.open("client", f"client|cipher|{row['id']}", cipher) if cipher is not None else b"",
            operators=frozenset(row["operators"]) if row["operators"] is not None else None,
            per_minute=row["per_minute"] or profile.per_minute,
        )


class Meter:
    """How many messages each connection has left: a bucket that fills evenly and holds ten seconds' worth, in this process."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def count(self, client: Client) -> None:
        """One message; refuses auth.too_often when the bucket is empty."""
        if not client.per_minute:
            return
        now, a_second = time.monotonic(), client.per_minute / 60
        most = max(1.0, a_second * 10)
        with self._lock:
            left, at = self._left.get(client.id, (most, now))
            left = min(most, left + (now - at) * a_second)
            if len(self._left) > 10_000:
                self._left.clear()
            self._left[client.id] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            raise Refusal("auth.too_often")


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
    if ca_key := request.header("x-ca-key"):
        return _hmac_sm3(register, request, ca_key, at), None
    if api_key := request.header("apikey"):
        return _api_key(register, api_key, at), None
    if (bearer := request.header("Authorization"))[:7].lower() == "bearer ":
        return _bearer(register, bearer[7:].strip(), at), None
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
        return sm2.hmac_sm3(secret, text).hex()
    raise ValueError(f"{algorithm} is neither HMAC-SHA256 nor HMAC-SM3")


def _verifies(algorithm: str, secret: bytes, text: bytes, signature: str) -> bool:
    """A public key is marked as one, or whoever knows it could use it as the secret of an HMAC."""
    if algorithm == "SM2-SM3" or secret.startswith(SM2_KEY):
        if algorithm != "SM2-SM3" or not secret.startswith(SM2_KEY) or not re.fullmatch(r"[0-9a-f]{128}", signature, re.ASCII):
            return False
        return _sm2_verifies(secret.removeprefix(SM2_KEY), text, bytes.fromhex(signature))
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


def _sm2_verifies(public: bytes, text: bytes, signature: bytes) -> bool:
    try:
        return sm2.verify(public, text, signature)
    except sm2.NotAvailable:
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


def _hmac_sm3(register: Register, request: Request, ca_key: str, at: datetime) -> Client:
    match = SIGNED_HEX.fullmatch(request.header("x-ca-signature"))
    if match is None:
        raise Refusal("auth.refused")
    client = _known(register, ca_key, HMAC_SM3, at)
    if not any(same(hmac_sm3_signature(secret, match[1], request.body).encode(), match[0].encode()) for secret in client.secrets):
        raise Refusal("auth.refused")
    _in_time(client, int(match[1]), at)
    return client


def hmac_sm3_signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Seconds, a colon, and the upper-case hex of HMAC-SM3 over seconds, a line feed and the body."""
    mac = sm2.hmac_sm3(secret, timestamp.encode() + b"\n" + body)
    return f"{timestamp}:{mac.hex().upper()}"


def _api_key(register: Register, given: str, at: datetime) -> Client:
    """A fixed key that names its connection before the first dot; who reads it once may use it: for closed networks only."""
    name, _, secret = given.partition(".")
    client = _known(register, name, API_KEY, at)
    if not any(same(known, secret.encode("latin-1", "replace")) for known in client.secrets):
        raise Refusal("auth.refused")
    return client


# OAuth tokens carry their own proof, so that every gateway process knows them without asking.


def token(register: Register, request: Request, at: datetime) -> str:
    """A token for a connection that shows its id and secret (Basic); refuses auth.refused. Good for two hours."""
    scheme, _, shown = request.header("Authorization").partition(" ")
    try:
        name, _, secret = base64.b64decode(shown.strip(), validate=True).decode().partition(":")
    except (ValueError, UnicodeDecodeError):
        raise Refusal("auth.refused") from None
    if scheme.lower() != "basic":
        raise Refusal("auth.refused")
    client = _known(register, name, OAUTH, at)
    proved = next((known for known in client.secrets if same(known, secret.encode())), None)
    if proved is None:
        raise Refusal("auth.refused")
    until = int(at.timestamp()) + TOKEN_SECONDS
    return f"{base64.urlsafe_b64encode(name.encode()).decode().rstrip('=')}.{until}.{_token_proof(register, name, until, proved)}"


def _token_proof(register: Register, name: str, until: int, secret: bytes) -> str:
    """Bound to the secret that was shown: with a withdrawn secret go the tokens it was exchanged for."""
    return register.db.keys.blind("oauth", f"{name}|{until}|{hashlib.sha256(secret).hexdigest()}").hex()


def _bearer(register: Register, given: str, at: datetime) -> Client:
    match = re.fullmatch(r"([A-Za-z0-9_-]{1,90})\.([0-9]{10})\.([0-9a-f]{64})", given, re.ASCII)
    if match is None:
        raise Refusal("auth.refused")
    try:
        name = base64.urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4)).decode()
    except (ValueError, UnicodeDecodeError):
        raise Refusal("auth.refused") from None
    client, until = _known(register, name, OAUTH, at), int(match[2])
    if not any(same(_token_proof(register, name, until, secret).encode(), match[3].encode()) for secret in client.secrets):
        raise Refusal("auth.refused")
    if until < at.timestamp():
        raise Refusal("auth.token_expired")
    return client
