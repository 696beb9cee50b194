"""Messages that are signed or sealed inside themselves: `cainfo` signatures, encrypted input and output, the sealed envelope.

The steps are those of the programs in the field, SM4 in ECB mode included; they are followed, not recommended.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from mulaid import sm2
from mulaid.calendar import SHANGHAI
from mulaid.gateway.auth import CAINFO, OAUTH, SEALED, Client, Register
from mulaid.gateway.dialect import input_name, member_text, read_message, write
from mulaid.refusal import Refusal

VERSION = "2.0.1"
UNSIGNED = ("signData", "encData", "extra")


def check_signature(client: Client, message: Mapping[str, Any], clear: str) -> None:
    """Refuses auth.refused unless `cainfo` is this connection's SM2 signature, where its profile asks for one.

    The OAuth transport signs the input's own text with the connection's id as signer, the other the envelope without the input.
    """
    if client.profile.cainfo != "checked" or client.transport not in (CAINFO, OAUTH):
        return
    try:
        signature = base64.b64decode(str(message.get("cainfo", "")), validate=True)
    except ValueError:
        raise Refusal("auth.refused") from None
    if client.transport == OAUTH:
        text, signer = clear.encode(), client.id.encode()
    else:
        text, signer = cainfo_text(message).encode(), sm2.DEFAULT_SIGNER
    if not _verifies(client, text, signature, signer):
        raise Refusal("auth.refused")


def _verifies(client: Client, text: bytes, signature: bytes, signer: bytes) -> bool:
    try:
        return any(sm2.verify(key, text, signature, signer) for key in client.public_keys)
    except sm2.NotAvailable:
        return False


def cainfo_text(message: Mapping[str, Any]) -> str:
    """What is signed of an envelope: every member but `cainfo` and the input, sorted by name."""
    rest = {name: value for name, value in message.items() if name.lower() not in ("cainfo", "input")}
    return "&".join(f"{name}={_flat(value)}" for name, value in sorted(rest.items()))


def _flat(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else write(value) if not isinstance(value, Decimal) else format(value, "f")


def open_input(client: Client, message: dict[str, Any], text: str) -> tuple[dict[str, Any], str, bool]:
    """The message with a clear input, the input's own text, and whether it came encrypted.

    Refuses auth.bad_seal for cipher text that this connection's key does not open.
    """
    name = input_name(message)
    given = message.get(name)
    if not isinstance(given, str):
        return message, member_text(text, name) if name in message else "", False
    # Text that begins like JSON is JSON; Base64 never does.
    if given.lstrip()[:1] in ("{", "[", "") or given.strip() == "null":
        return message, given, False
    try:
        clear = sm2.sm4_decrypt(_cipher(client), base64.b64decode("".join(given.split()), validate=True)).decode()
    except (ValueError, UnicodeDecodeError):
        raise Refusal("auth.bad_seal") from None
    return {**message, name: clear}, clear, True


def _cipher(client: Client) -> bytes:
    """The sixteen bytes of a connection's cipher; the OAuth transport's programs use the connection's own id."""
    key = client.cipher or client.id.encode()
    if client.transport not in (OAUTH, CAINFO) or len(key) != 16:
        raise Refusal("auth.bad_seal")
    return key


def seal_output(client: Client, answer: str, came_encrypted: bool) -> str:
    """The answer with its output in SM4, where the connection wants that."""
    wanted = client.profile.encrypts == "always" or (client.profile.encrypts == "what_came_so" and came_encrypted)
    if not wanted or client.transport not in (OAUTH, CAINFO):
        return answer
    told = json.loads(answer, parse_float=Decimal)
    if told.get("output") is None:
        return answer
    hidden = sm2.sm4_encrypt(_cipher(client), write(told["output"]).encode())
    return write({**told, "output": base64.b64encode(hidden).decode(), "enctype": "SM4"})


# The sealed envelope


@dataclass(frozen=True, slots=True)
class Sealed:
    """An opened envelope: whose it is and what was in it."""

    client: Client
    data: Mapping[str, Any]


def is_sealed(message: Mapping[str, Any]) -> bool:
    """Whether a message is a sealed envelope."""
    return "encData" in message and "appId" in message


def open_envelope(register: Register, message: Mapping[str, Any], at: datetime) -> Sealed:
    """The data of a sealed envelope. Refuses auth.refused (unknown caller, wrong seal or signature) and auth.clock."""
    app = message.get("appId")
    client = register.by_id(app, at) if isinstance(app, str) and len(app) <= 64 else None
    if client is None or client.transport != SEALED or not client.secrets:
        raise Refusal("auth.refused")
    try:
        signature = base64.b64decode(str(message.get("signData", "")), validate=True)
    except ValueError:
        raise Refusal("auth.refused") from None
    # Unreadable and wrongly signed look the same from outside, or the padding would tell what is inside.
    data = next((found for secret in client.secrets if (found := _opened(client, secret, message, signature)) is not None), None)
    if data is None:
        raise Refusal("auth.refused")
    _in_time(client, str(message.get("timestamp", "")), at)
    return Sealed(client, data)


def _opened(client: Client, secret: bytes, message: Mapping[str, Any], signature: bytes) -> Mapping[str, Any] | None:
    """The data under one of the connection's secrets; the signature is over the envelope with its data in the clear."""
    try:
        hidden = bytes.fromhex(str(message["encData"]))
        data = read_message(sm2.sm4_decrypt(envelope_key(client.id, secret.decode()), hidden).decode())
    except (ValueError, UnicodeDecodeError, Refusal):
        return None
    text = envelope_text({**message, "data": data}, secret.decode()).encode()
    return data if _verifies(client, text, signature, sm2.DEFAULT_SIGNER) else None


def _in_time(client: Client, signed: str, at: datetime) -> None:
    try:
        if re.fullmatch(r"[0-9]{14}", signed, re.ASCII):
            moment = datetime.strptime(signed, "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI).timestamp()
        elif re.fullmatch(r"[0-9]{13}", signed, re.ASCII):
            moment = int(signed) / 1000
        else:
            raise ValueError(signed)
    except ValueError:
        raise Refusal("auth.refused") from None
    if client.profile.window_seconds and abs(at.timestamp() - moment) > client.profile.window_seconds:
        raise Refusal("auth.clock")


def seal_envelope(client: Client, private: bytes, body: Mapping[str, Any], data: Any, at: datetime) -> str:
    """An answer in the same seal, signed with the platform's own key."""
    secret = client.secrets[0].decode()
    hidden = sm2.sm4_encrypt(envelope_key(client.id, secret), write(data).encode()).hex().upper()
    stamped = f"{at.astimezone(SHANGHAI):%Y%m%d%H%M%S}"
    told = {**body, "appId": client.id, "encType": "SM4", "signType": "SM2", "version": VERSION, "timestamp": stamped}
    signature = sm2.sign(private, envelope_text({**told, "data": data}, secret).encode())
    return write({**told, "encData": hidden, "signData": base64.b64encode(signature).decode()})


def envelope_key(app: str, secret: str) -> bytes:
    """The envelope's SM4 key: the secret encrypted under the application's own name, and of that the first sixteen signs."""
    return sm2.sm4_encrypt(app.encode()[:16].ljust(16, b"0"), secret.encode()).hex().upper()[:16].encode()


def envelope_text(message: Mapping[str, Any], secret: str) -> str:
    """What is signed of a sealed envelope: what is neither the signature nor the sealed data, sorted, with the secret at the end.

    Empty members are left out; members that hold others are written compactly, sorted at every level.
    """
    rest = {name: value for name, value in message.items() if name not in UNSIGNED and value not in ("", None, [], {})}
    return "&".join([*(f"{name}={_flat(_sorted(value))}" for name, value in sorted(rest.items())), f"key={secret}"])


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(member) for name, member in sorted(value.items()) if member not in ("", None, [], {})}
    return [_sorted(one) for one in value] if isinstance(value, list) else value
