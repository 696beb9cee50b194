"""The decoder of codes at addresses of its own: no envelope, `code` 0 and `data`, a refusal as code 500159 with `message`.

`localQrCodeQuery` answers with an object; the forms that stand in for a library answer with JSON as text, as those libraries do.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from mulaid import audit, commands
from mulaid.db import Tx
from mulaid.gateway import contract, handlers
from mulaid.gateway.auth import Client, Register, Request
from mulaid.gateway.dialect import read, read_body, write
from mulaid.gateway.handlers.call import WRONG_CODE
from mulaid.people import allowance
from mulaid.refusal import Refusal

OBJECT, TEXT = ("/localqrcodequery",), ("/nationecc", "/nationectrans", "/ecquery")
ADDRESSES = OBJECT + TEXT
SHOWN, CHECKED, NOTIFIED = "ec.query", "cn.nhsa.auth.check", "cn.nhsa.settle.notify"
NOT_A_CODE = 500159

Caller = Callable[..., handlers.Call]


def is_enveloped(body: bytes) -> bool:
    """Whether a message for the decoder comes in the envelope of all transactions, and is to be answered like one."""
    try:
        return any(name.lower() == "infno" for name in read("", body).message)
    except Refusal:
        return False


def answer(call_of: Caller, register: Register, request: Request, client: Client | None, at: datetime) -> str:
    """The decoder's answer to a request at one of its addresses."""
    as_text = request.place.endswith(TEXT)
    code = ""
    try:
        body = read_body(request.body)
        checked = contract.check("1162", body)
        code = str(checked.get("orgId") or checked["data"].get("orgId") or "")
        if client is None:
            client = register.open_for(code, at)
        if client is None or (code and client.institution.code != code):
            raise Refusal("auth.refused")
        data = checked["data"]
        call = call_of(client, "1162", "", {"opter": data.get("operatorId", "")}, checked, body, at)
        kind = checked.get("transType", SHOWN)

        def work(tx: Tx) -> dict[str, Any]:
            return _carried_out(tx, call, kind, data)

        found = _alone(call, work)
    except Refusal as refusal:
        return write({"code": NOT_A_CODE, "message": refusal.sentence, "success": False, "data": None})
    told = {"code": 0, "message": "成功", "success": True, "orgId": code}
    return write({**told, "data": write(found) if as_text else found, **({"extra": ""} if as_text else {})})


def _carried_out(tx: Tx, call: handlers.Call, kind: str, data: Any) -> dict[str, Any]:
    if kind == CHECKED:
        return handlers.authorised(tx, call, data.get("authNo", ""))
    if kind == NOTIFIED:
        audit.write(tx, call.institution.book, "terminal_told", None, purpose=data.get("outBizNo", ""))
        return {"outBizNo": data.get("outBizNo", "")}
    if kind != SHOWN:
        raise Refusal("message.unknown_reading", kind=kind[:40])
    if "ecQrCode" not in data:
        raise Refusal("credential.bad_code")
    allowance.check_codes(tx, call.institution.code)
    return handlers.decoded(tx, call, data)


def _alone(call: handlers.Call, work: Callable[[Tx], dict[str, Any]]) -> dict[str, Any]:
    """A transaction of its own; a code that was none is counted in another."""
    try:
        return dict(commands.alone(call.db, work, at=call.at, by=call.by))
    except Refusal as refusal:
        if refusal.code == WRONG_CODE:
            commands.alone(call.db, lambda tx: allowance.wrong_code(tx, call.institution.code), at=call.at, by=call.by)
        raise
