"""How an institution reaches the gateway: what its transport signs, in headers or inside the message, and what it seals.

What is sent is built here, and what comes back is opened and read here in the usual form, whatever transport and dialect, and
believed only when its amounts add up; nothing else of a client differs.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mulaid import sm2
from mulaid.calendar import SHANGHAI
from mulaid.gateway import contract, sealing
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
from mulaid.gateway.dialect import Profile, decoded, named, profiles, undress, write
from mulaid.refusal import Refusal

CSB_VERSION = "1.0.0"
FUNDS = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay")
BILL_PARTS = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")

Info = Mapping[str, Any]


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


class Refused(Exception):
    """The gateway said no. `code` is the refusal's name, empty where the answer names none; `err_msg` is for a screen."""

    def __init__(self, code: str, err_msg: str) -> None:
        self.code, self.err_msg = code, err_msg
        super().__init__(err_msg)


class NoAnswer(Exception):
    """No answer came that can be read, after every try; whether the message was carried out is not known. For the operator."""


class WrongMoney(NoAnswer):
    """The answer's amounts do not add up, so it must not be shown to anybody as what was paid."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A message that was carried out: its number, its output, the bytes as they came, and a remark for the operator."""

    msgid: str
    output: Any
    raw: bytes
    warning: str

    @property
    def paid(self) -> Info:
        """`setlinfo` of a settlement, pre-settlement or refund."""
        info: Info = self.output["setlinfo"]
        return info


def read_answer(connection: Connection, infno: str, msgid: str, raw: bytes) -> Answer:
    """What came back, in the usual form whatever the connection's dialect. Raises Refused and NoAnswer."""
    try:
        message = as_usual(connection, infno, raw)
        infcode = str(message["infcode"])
    except (ValueError, KeyError, TypeError):
        raise NoAnswer(f"{msgid}: the answer cannot be read: {raw[:200]!r}") from None
    if infcode != "0":
        said = str(message.get("err_msg") or message.get("message") or "")
        code = re.search(r"〔([a-z0-9_.]+)〕$", said, re.ASCII)
        raise Refused(code[1] if code else "", said)
    return Answer(msgid, message.get("output"), raw, str(message.get("warn_msg") or ""))


def as_usual(connection: Connection, infno: str, raw: bytes) -> dict[str, Any]:
    """An answer in the usual form: names, encoding and amounts as the national interface writes them. Raises ValueError."""
    if connection.transport == SEALED:
        return opened(connection, raw)
    profile = connection.dialect
    nodes = contract.transaction(infno).output if infno in contract.contract().transactions else ()
    kept = {field.name for node in nodes for field in node.fields if not field.name.islower()}
    try:
        message = clear_output(connection, undress(profile, raw, kept))
    except (ValueError, KeyError, TypeError, AttributeError):
        # A caller that cannot prove who it is has no dialect yet.
        try:
            message = json.loads(decoded(raw)[0], parse_float=Decimal)
        except Refusal as neither:
            raise ValueError(neither.says) from None
    output = message.get("output")
    for node in nodes:
        rows = output if node.flat else output.get(node.name) if isinstance(output, dict) else None
        kinds = {field.name: field.kind for field in node.fields}
        for row in rows if isinstance(rows, list) else [rows]:
            if isinstance(row, dict):
                # Two nodes may spell one thing in two ways, which camel case makes the same.
                for field in node.fields:
                    if field.name not in row and (spelt := named(profile, field.name)) in row:
                        row[field.name] = row.pop(spelt)
                # A flat node's members stand beside other nodes, which are read on their own.
                row.update({name: _as_typed(kinds.get(name, profile.amounts_text), value) for name, value in row.items()})
    return dict(message)


def _as_typed(kind: str | bool, value: Any) -> Any:
    """A member by its kind; for one that no table names, whether the connection writes amounts as text."""
    if not isinstance(value, str):
        return value
    if isinstance(kind, bool):
        return Decimal(value) if kind and re.fullmatch(r"-?[0-9]+\.[0-9]{2}", value, re.ASCII) else value
    if not value:
        return None if kind != "C" else value
    if kind == "N":
        return Decimal(value)
    if kind in ("D", "DT") and re.fullmatch(r"[0-9]{8}(?:[0-9]{6})?", value, re.ASCII):
        day = f"{value[:4]}-{value[4:6]}-{value[6:8]}"
        return f"{day} {value[8:10]}:{value[10:12]}:{value[12:14]}" if value[8:] else day
    return value.replace("/", "-") if kind in ("D", "DT") else value


def identities(output: Info, *, fund_includes_accounts: bool = False) -> Iterator[str]:
    """Where a settlement's amounts do not add up, one sentence each; refunds add up with their minus signs."""
    info = output["setlinfo"]

    def amount(name: str) -> Decimal:
        return Decimal(info.get(name) or 0)

    fund, account = amount("fund_pay_sumamt"), amount("acct_pay")
    if fund_includes_accounts:
        fund -= account
    total, person, cash = amount("medfee_sumamt"), amount("psn_part_amt"), amount("psn_cash_pay")
    checks = (
        ("medfee_sumamt = fund_pay_sumamt + psn_part_amt + hosp_part_amt", total, fund + person + amount("hosp_part_amt")),
        ("fund_pay_sumamt = the single funds", fund, sum(amount(name) for name in FUNDS)),
        ("psn_part_amt = acct_pay + psn_cash_pay", person, account + cash),
        ("medfee_sumamt = the four parts of the bill", total, sum(amount(name) for name in BILL_PARTS)),
    )
    for says, one, other in checks:
        if one != other:
            yield f"{says}: {one} is not {other}"
    if abs(amount("acct_mulaid_pay")) > abs(account) or amount("acct_mulaid_pay") * account < 0:
        yield f"acct_mulaid_pay {amount('acct_mulaid_pay')} is not inside acct_pay {account}"
    # A refund on a connection that wants positive amounts has no signs to look at; within one answer they never differ.
    if {number > 0 for number in (total, fund, account, cash) if number} == {True, False}:
        yield "amounts above and below zero in one answer"
