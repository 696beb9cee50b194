"""How an institution reaches the gateway: what its transport signs, in headers or inside the message, and what it seals.

What is sent is built here, and what comes back sealed is opened here, whatever the transport; nothing else of a client differs.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mulaid import sm2
from mulaid.calendar import SHANGHAI
from mulaid.gateway import sealing
from mulaid.gateway.auth import (
    API_KEY,
    CAINFO,
    CSB,
    HMAC_SM3,
    MULAID1,
    OAUTH,
    OPEN,
    SEALED,
    TIF,
    csb_signature,
    csb_text,
    hmac_sm3_signature,
    mulaid1_signature,
    mulaid1_text,
    tif_signature,
)
from mulaid.gateway.dialect import Profile, profiles, write

CSB_VERSION = "1.0.0"


@dataclass(frozen=True, slots=True)
class Connection:
    """How an institution reaches the gateway. `id` and `key` are needed by every transport but open and cainfo.

    `private` signs where the transport or the algorithm does so with a key pair: 32 bytes. `cipher` is the SM4 key of encrypted
    input and output where it is not the connection's own id; `platform` the public key that sealed answers are signed with.
    `fund_includes_accounts` is the connection's setting of that name: where it is on, the fund total contains the accounts.
    """

    institution: str
    transport: str = OPEN
    id: str = ""
    key: bytes = field(default=b"", repr=False)
    operator: str = "001"
    operator_name: str = ""
    fund_includes_accounts: bool = False
    profile: str = "national"
    algorithm: str = "HMAC-SHA256"
    private: bytes = field(default=b"", repr=False)
    cipher: bytes = field(default=b"", repr=False)
    platform: bytes = b""

    @property
    def dialect(self) -> Profile:
        """How the gateway writes to this connection."""
        return profiles()[self.profile]

    @property
    def encrypts(self) -> bool:
        """Whether inputs leave in SM4."""
        return self.dialect.encrypts != "nothing" and self.transport in (OAUTH, CAINFO)

    @property
    def sm4_key(self) -> bytes:
        """The key of encrypted inputs and outputs."""
        return self.cipher or self.id.encode()


# Headers


def signature(connection: Connection, address: str, infno: str, body: bytes, at: datetime, token: str = "") -> dict[str, str]:
    """The headers that prove the sender, made anew for every try: a signature is used once. `token` is the one of OAuth."""
    signed = str(int(at.timestamp()))
    sign: Mapping[str, Callable[[], dict[str, str]]] = {
        OPEN: dict,
        CAINFO: dict,
        SEALED: dict,
        MULAID1: lambda: _mulaid1(connection, address, body, signed),
        CSB: lambda: _csb(connection, infno, signed),
        TIF: lambda: _tif(connection, signed),
        HMAC_SM3: lambda: {"x-ca-key": connection.id, "x-ca-signature": hmac_sm3_signature(connection.key, signed, body)},
        API_KEY: lambda: {"apikey": f"{connection.id}.{connection.key.decode()}"},
        OAUTH: lambda: {"Authorization": f"Bearer {token}"},
    }
    return sign[connection.transport]()


def _mulaid1(connection: Connection, address: str, body: bytes, signed: str) -> dict[str, str]:
    nonce, parts, algorithm = secrets.token_hex(16), urlsplit(address), connection.algorithm
    text = mulaid1_text(algorithm, "POST", parts.path, parts.query, connection.id, signed, nonce, body)
    if algorithm == "ED25519":
        proof = Ed25519PrivateKey.from_private_bytes(connection.private).sign(text).hex()
    elif algorithm == "SM2-SM3":
        proof = sm2.sign(connection.private, text).hex()
    else:
        proof = mulaid1_signature(algorithm, connection.key, text)
    return {
        "X-Mulaid-Client": connection.id,
        "X-Mulaid-Timestamp": signed,
        "X-Mulaid-Nonce": nonce,
        "X-Mulaid-Alg": algorithm,
        "X-Mulaid-Signature": proof,
    }


def _csb(connection: Connection, infno: str, signed: str) -> dict[str, str]:
    return {
        "_api_name": infno,
        "_api_version": CSB_VERSION,
        "_api_timestamp": signed + "000",
        "_api_access_key": connection.id,
        "_api_signature": csb_signature(connection.key, csb_text(connection.id, infno, signed + "000", CSB_VERSION)),
    }


def _tif(connection: Connection, signed: str) -> dict[str, str]:
    nonce = secrets.token_hex(16)
    return {
        "x-tif-paasid": connection.id,
        "x-tif-timestamp": signed,
        "x-tif-nonce": nonce,
        "x-tif-signature": tif_signature(connection.key, signed, nonce),
    }


def token_request(connection: Connection) -> dict[str, str]:
    """The headers that an OAuth token is asked for with."""
    shown = base64.b64encode(f"{connection.id}:{connection.key.decode()}".encode()).decode()
    return {"Authorization": f"Basic {shown}", "Content-Type": "application/x-www-form-urlencoded"}


# Inside the message


def dressed(connection: Connection, message: Mapping[str, Any]) -> bytes:
    """A message as this connection sends it: signed and encrypted inside where its transport does that."""
    told = dict(message)
    if connection.transport in (OAUTH, CAINFO):
        given = told.get("input")
        clear = given if isinstance(given, str) else write(given)
        if connection.encrypts:
            told["input"] = base64.b64encode(sm2.sm4_encrypt(connection.sm4_key, clear.encode())).decode()
            told["enc_type"] = "SM4"
        if connection.dialect.cainfo == "checked":
            ours = connection.transport == OAUTH
            text, signer = (clear, connection.id.encode()) if ours else (sealing.cainfo_text(told), sm2.DEFAULT_SIGNER)
            signed = sm2.sign(connection.private, text.encode(), signer)
            told["cainfo"] = base64.b64encode(signed).decode()
    return write(told).encode()


def clear_output(connection: Connection, message: dict[str, Any]) -> dict[str, Any]:
    """The answer with an output that can be read; ValueError where the connection's key does not open it."""
    if message.get("enctype") != "SM4" or not isinstance(message.get("output"), str):
        return message
    opened = sm2.sm4_decrypt(connection.sm4_key, base64.b64decode(message["output"], validate=True)).decode()
    return {**message, "output": json.loads(opened, parse_float=Decimal), "enctype": ""}


# The sealed envelope


def sealed(connection: Connection, given: Mapping[str, Any], at: datetime) -> bytes:
    """The sealed envelope around the data of a transaction of the mobile centre."""
    secret, stamped = connection.key.decode(), f"{at.astimezone(SHANGHAI):%Y%m%d%H%M%S}"
    head = {"appId": connection.id, "encType": "SM4", "signType": "SM2", "version": sealing.VERSION, "timestamp": stamped}
    # What is signed must be what the other side reads out of the cipher text, so it is written once and read back.
    text = write(given["data"])
    data = json.loads(text, parse_float=Decimal)
    signed = sm2.sign(connection.private, sealing.envelope_text({**head, "data": data}, secret).encode())
    hidden = sm2.sm4_encrypt(sealing.envelope_key(connection.id, secret), text.encode()).hex().upper()
    return write({**head, "encData": hidden, "signData": base64.b64encode(signed).decode()}).encode()


def opened(connection: Connection, raw: bytes) -> dict[str, Any]:
    """A sealed answer in the usual form; ValueError where the seal is not the platform's. A refused caller gets no seal."""
    message = json.loads(raw, parse_float=Decimal)
    if "encData" not in message:
        return dict(message)
    secret = connection.key.decode()
    hidden = bytes.fromhex(message["encData"])
    data = json.loads(sm2.sm4_decrypt(sealing.envelope_key(connection.id, secret), hidden), parse_float=Decimal)
    text = sealing.envelope_text({**message, "data": data}, secret).encode()
    if not sm2.verify(connection.platform, text, base64.b64decode(message["signData"])):
        raise ValueError("the seal of the answer is not the platform's")
    done = message["code"] == 0
    return {
        "infcode": 0 if done else -1,
        "err_msg": "" if done else message["message"],
        "output": {"data": data} if done else None,
    }
