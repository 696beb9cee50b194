"""Who is at the desk: signing in and out, codes, the person and what the person is entitled to."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from mulaid import audit, commands
from mulaid.calendar import SHANGHAI, business_date
from mulaid.db import Tx
from mulaid.gateway import answers
from mulaid.gateway.handlers.call import PAY, Call, meet, person_of
from mulaid.ledger.chart import CURRENT_YEAR, OWN
from mulaid.ledger.statement import balances
from mulaid.people import credential, enrolment
from mulaid.refusal import Refusal
from mulaid.settlement import visit


def sign_in(call: Call) -> str:
    """9001: an operator's day begins. Other transactions work without it, because many programs never sign in."""

    def work(tx: Tx) -> dict[str, Any]:
        number = f"{call.institution.region}{call.at.astimezone(SHANGHAI):%Y%m%d%H%M%S}{secrets.randbelow(10**10):010d}"
        operator = call.input["signIn"].get("opter_no") or call.envelope.get("opter", "")
        tx.run(
            visit.SQL.sign_in,
            book=call.institution.book,
            institution=call.institution.code,
            sign_no=number,
            operator=operator,
            at=tx.at,
        )
        return {"signinoutb": {"sign_time": tx.at, "sign_no": number}}

    return call.command(work)


def sign_out(call: Call) -> str:
    """9002: and ends."""

    def work(tx: Tx) -> dict[str, Any]:
        number = call.input["signOut"]["sign_no"]
        if not tx.run(
            visit.SQL.sign_out, book=call.institution.book, institution=call.institution.code, sign_no=number, at=tx.at
        ):
            raise Refusal("message.unknown_sign_in")
        return {"signinoutb": {"sign_time": tx.at, "sign_no": number}}

    return call.command(work)


def decode(call: Call) -> str:
    """1162: a code in the envelope's form."""
    return call.reading_code(lambda tx: {"data": decoded(tx, call, call.input["data"])})


def decoded(tx: Tx, call: Call, data: Mapping[str, Any]) -> dict[str, Any]:
    """What an institution learns from a code; the family account is invisible here, the code is the member's own."""
    if "ecQrCode" not in data:
        raise Refusal("credential.bad_code")
    operator = str(data.get("operatorId", "") or call.envelope.get("opter", ""))
    card = data["ecQrCode"].startswith(credential.CARD)
    read = credential.decode_card if card else credential.decode
    found = read(tx, data["ecQrCode"], call.institution.code, operator, pharmacy=call.institution.pharmacy)
    person = found.person
    if card:
        # Paper proves nothing: the desk learns who it claims to be, and has to see the identity card for the number.
        return {
            "idNo": "*" * (len(person.number) - 2) + person.number[-2:],
            "idType": person.document_kind,
            "userName": person.shown,
            "ecToken": found.token,
            "insuOrg": found.enrolment.region,
            "ecQrCode": data["ecQrCode"],
        }
    return {
        "idNo": person.number,
        "idType": person.document_kind,
        "userName": person.name,
        "ecToken": found.token,
        "insuOrg": found.enrolment.region,
        "ecIndexNo": person.ref.id.hex,
        "gender": person.gender,
        "birthday": person.born,
        "nationality": "156",
        "email": "",
        "ecQrCode": data["ecQrCode"],
        "chnlId": "",
        "authNo": "",
        "extra": "",
    }


def authorised(tx: Tx, call: Call, number: str) -> dict[str, Any]:
    """What an authorisation number stands for: the person of the token it was made with."""
    holder = credential.holder(tx, number.removeprefix(PAY), call.institution.code)
    known = enrolment.person(tx, holder.ref)
    audit.write(tx, holder.ref.book, "check_authorisation", holder.ref.id, behalf_of=holder.presenter)
    return {
        "idNo": known.number,
        "idType": known.document_kind,
        "userName": known.name,
        "ecToken": number.removeprefix(PAY),
        "insuOrg": enrolment.enrolled(tx, holder.ref, business_date(call.at)).region,
        "ecIndexNo": holder.ref.id.hex,
        "gender": known.gender,
        "birthday": known.born,
        "authNo": number,
        "extra": "",
    }


def person(call: Call) -> str:
    """1101: who is in front of the desk. Looked up and put on record in one transaction."""

    def work(tx: Tx) -> dict[str, Any]:
        data = call.input["data"]
        ref, holder = meet(tx, call, data)
        known = enrolment.person(tx, ref)
        if data.get("certno") and data["certno"].upper() != known.number:
            raise Refusal("message.person_differs")
        today = business_date(call.at)
        insured = enrolment.enrolled(tx, ref, today)
        held = balances(tx, ref.book, ref.id)
        audit.write(tx, ref.book, "look_up", ref.id, behalf_of=holder.presenter if holder else None, purpose="1101")
        rows = [answers.insuinfo(insured, held.get(OWN, 0) + held.get(CURRENT_YEAR, 0))]
        return {"baseinfo": answers.baseinfo(known, today), "insuinfo": rows, "idetinfo": []}

    return call.answer(commands.alone(call.db, work, at=call.at, by=call.by))


def entitlement(call: Call) -> str:
    """2001: which funds the person may enjoy today."""
    data = call.input["data"]
    ref = person_of(data)
    with call.db.reading(call.at, call.by) as tx:
        insured = enrolment.enrolled(tx, ref, business_date(call.at))
    normal = insured.status == "normal"
    fund = "310100" if insured.base != "resident" else "390100"
    says = "正常享受" if normal else "参保状态不正常，暂停享受统筹待遇"
    begun = insured.valid_from or business_date(call.at)
    row = {
        "psn_no": ref.number,
        "trt_chk_type": "01",
        "fund_pay_type": fund,
        "trt_enjymnt_flag": "1" if normal else "0",
        "begndate": begun,
        "enddate": insured.valid_to,
        "trt_chk_rslt": says,
    }
    return call.answer({"trtinfo": [row]})
