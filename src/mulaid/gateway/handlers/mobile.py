"""The mobile centre: a user and the number that pays, a bill uploaded as an order, its payment, its refund, its end."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from mulaid import audit, commands, refs
from mulaid.calendar import SHANGHAI, business_date, stamp
from mulaid.db import Tx
from mulaid.gateway import answers
from mulaid.gateway.dialect import Amount
from mulaid.gateway.handlers.call import PAY, Call, check_area
from mulaid.money import Fen, yuan
from mulaid.people import credential, enrolment, family
from mulaid.people.enrolment import PersonRef
from mulaid.refusal import Refusal
from mulaid.settlement import orders, pay, records, visit
from mulaid.settlement.orders import ORDER, Order
from mulaid.settlement.refund import refund_whole
from mulaid.settlement.visit import Line


def user(call: Call) -> str:
    """6101: whose code this is, and the number by which the bill is paid: one's own, or a relative's who shows the code."""
    data = call.input["data"]

    def work(tx: Tx) -> dict[str, Any]:
        _check_institution(call, data)
        operator = call.envelope.get("opter", "")
        found = credential.decode(tx, data["ecQrCode"], call.institution.code, operator, pharmacy=call.institution.pharmacy)
        holder = credential.holder(tx, found.token, call.institution.code)
        own = holder.presenter == holder.ref.id
        number = PAY + found.token
        told = {
            "pay_auth_no": number if own else "",
            "family_pay_auth_no": "" if own else number,
            "user_name": found.person.name,
            "user_card_no": found.person.number,
            "ec_token": found.token,
            "auth_no": "",
            "psn_no": holder.ref.number,
        }
        return {"data": told}

    return call.reading_code(work)


def _check_institution(call: Call, data: Mapping[str, Any]) -> None:
    if data.get("orgCodg", call.institution.code) != call.institution.code:
        raise Refusal("auth.other_institution")


def _token(data: Mapping[str, Any]) -> str:
    """The visit token that proves who is meant; refuses both kinds of proof at once, and none."""
    given = [data[name] for name in ("payAuthNo", "ecToken") if name in data]
    if len(given) != 1:
        raise Refusal("mobile.one_proof")
    return str(given[0]).removeprefix(PAY)


def upload(call: Call) -> str:
    """6201: a bill becomes an order; the answer says what it would come to now."""
    data = call.input["data"]

    def work(tx: Tx) -> dict[str, Any]:
        _check_institution(call, data)
        if call.institution.pharmacy:
            raise Refusal("message.not_a_hospital")
        token = _token(data)
        holder = credential.holder(tx, token, call.institution.code)
        ref = PersonRef.parse(data["psnNo"])
        if holder.ref != ref or data.get("idNo", "").upper() not in ("", enrolment.person(tx, ref).number):
            raise Refusal("message.person_differs")
        begun = business_date(data.get("begntime", call.at))
        check_area(call, enrolment.enrolled(tx, ref, begun).region)
        opened = visit.open_visit(
            tx,
            call.institution,
            ref,
            number=data.get("iptOtpNo", data["medOrgOrd"]),
            begun_on=begun,
            insutype=data.get("insutype", ""),
            med_type=data.get("medType", ""),
            presenter=holder.presenter,
            chosen=holder.chosen,
        )
        batch = data.get("chrgBchno", "1")
        _upload_lines(tx, call, opened, ref, batch)
        pay_token = secrets.token_hex(16)
        used = data.get("acctUsedFlag", "1" if call.profile.accounts_when_unsaid else "0") == "1"
        total = data["medfeeSumamt"]
        made = orders.place(tx, call.institution, ref, data["medOrgOrd"], opened, batch, pay_token, total, accounts=used)
        order = orders.find(tx, call.institution, made)
        bill = _bill(call, order, token, accounts=used)
        settled = pay.decide(tx, bill, pay.gather(tx, bill, None, lock=False))
        told = {"payOrdId": order.shown, "payToken": pay_token, "mdtrtId": refs.show(refs.VISIT, opened), "chrgBchno": batch}
        decision = settled.decision
        return {"data": {**told, **_amounts(decision.total, decision.cash, decision.accounts, decision.funds)}}

    return call.command(work)


def _upload_lines(tx: Tx, call: Call, opened: Any, ref: PersonRef, batch: str) -> None:
    diagnoses = [records.plain(row) for row in call.input.get("diseinfoList", [])]
    if diagnoses:
        named = [{"diag_code": row["diagCode"], "diag_name": row.get("diagName", "")} for row in diagnoses]
        medical = call.input["data"].get("medType", "")
        visit.report_visit(tx, opened, call.institution.code, ref.id, {"diseinfo": named}, medical)
    rows = call.input["feedetailList"]
    visit.upload_lines(tx, call.library, opened, call.institution.code, ref, [_line(call, row, batch) for row in rows])


def _line(call: Call, row: Mapping[str, Any], batch: str) -> Line:
    names = {"cnt": "cnt", "pric": "pric", "medinsListCodg": "medins_list_codg", "rxno": "rxno", "bilgDeptCodg": "bilg_dept_codg"}
    names |= {"bilgDeptName": "bilg_dept_name", "bilgDrCodg": "bilg_dr_codg", "bilgDrName": "bilg_dr_name"}
    detail = {mine: str(row[theirs]) for theirs, mine in names.items() if theirs in row}
    detail["fee_ocur_time"] = stamp(row.get("feeOcurTime") or call.at.astimezone(SHANGHAI))
    return Line(
        serial=row["feedetlSn"],
        batch=batch,
        item=row["medListCodg"],
        fen=row["detItemFeeSumamt"],
        quantity=row["cnt"],
        price=row["pric"],
        detail=detail,
    )


def _amounts(total: Fen, cash: Fen, accounts: Fen, funds: Fen) -> dict[str, Amount]:
    """Own, account and fund always add up to the total."""
    parts = {"feeSumamt": total, "ownPayAmt": cash, "psnAcctPay": accounts, "fundPay": funds}
    return {name: Amount(fen) for name, fen in parts.items()}


def _bill(call: Call, order: Order, token: str, *, accounts: bool) -> pay.Bill:
    return pay.Bill(
        library=call.library,
        institution=call.institution,
        person=order.person,
        infno=call.infno,
        msgid=call.msgid,
        visit=order.visit,
        batch=order.batch,
        declared={"medfee_sumamt": order.total},
        use_accounts=accounts,
        token=token,
    )


def settle(call: Call) -> str:
    """6202: the order is paid; the person's own proof must be shown again."""
    data = call.input["data"]

    def bill_of(tx: Tx) -> pay.Bill:
        _check_institution(call, data)
        order = orders.find(tx, call.institution, refs.parse(ORDER, data["payOrdId"]))
        orders.check_token(order, data["payToken"])
        if "mdtrtId" in data and refs.parse(refs.VISIT, data["mdtrtId"]) != order.visit:
            raise Refusal("settlement.other_person")
        if order.state in (orders.REVOKED, orders.EXPIRED):
            order.must_be(orders.OPEN)
        flag = data.get("acctUsedFlag")
        return _bill(call, order, _token(data), accounts=order.accounts if flag is None else flag == "1")

    def present(settled: pay.Settled) -> str:
        body = answers.settlement(settled, call.profile, call.at, final=True)
        decision = settled.decision
        told = {"payOrdId": data["payOrdId"], "ordStas": str(orders.SETTLED), "setlId": body["setlinfo"]["setl_id"]}
        told |= {"mdtrtId": body["setlinfo"]["mdtrt_id"]}
        amounts = _amounts(decision.total, decision.cash, decision.accounts, decision.funds)
        return call.answer({"data": {**told, **amounts}, **body})

    return commands.settle(call.db, call.key, bill_of, present, call.refuse, nonce=call.nonce, at=call.at, by=call.by).text


def refund(call: Call) -> str:
    """6203: a paid order goes back whole, every part to where it came from; cash is the institution's to return."""
    data = call.input["data"]

    def work(tx: Tx) -> dict[str, Any]:
        _check_institution(call, data)
        if data["refdType"] == "CASH":
            raise Refusal("mobile.cash_only")
        order = orders.find(tx, call.institution, refs.parse(ORDER, data["payOrdId"]))
        if credential.holder(tx, _token(data), call.institution.code).ref != order.person:
            raise Refusal("message.person_differs")
        order.must_be(orders.SETTLED)
        parts = {"psnAcctRefdAmt": order.from_accounts, "fundRefdAmt": order.funds, "cashRefdAmt": order.cash}
        parts["totlRefdAmt"] = sum(parts.values()) - (order.cash if data["refdType"] == "HI" else 0)
        if data["refdType"] == "HI":
            parts["cashRefdAmt"] = 0
        for name, fen in parts.items():
            if data.get(name, fen) != fen:
                raise Refusal("records.differs", what=name, given=f"{yuan(data[name])} 元", where="订单", found=f"{yuan(fen)} 元")
        assert order.settlement is not None, "a settled order has a settlement"
        back, _ = refund_whole(
            tx,
            order.settlement,
            institution=call.institution,
            person=order.person.id,
            visit=order.visit,
            infno=call.infno,
            msgid=call.msgid,
        )
        told = {"refStatus": "SUCC", "payOrdId": order.shown, "setlId": refs.show(refs.SETTLEMENT, back)}
        return {"data": {**told, **{name: Amount(fen) for name, fen in parts.items()}}}

    return call.command(work)


def query(call: Call) -> str:
    """6301: what became of an order."""
    data = call.input["data"]
    _check_institution(call, data)
    with call.db.reading(call.at, call.by) as tx:
        if "payOrdId" in data:
            order = orders.find(tx, call.institution, refs.parse(ORDER, data["payOrdId"]))
        elif "medOrgOrd" in data and "psnNo" in data:
            order = orders.find_by_number(tx, call.institution, PersonRef.parse(data["psnNo"]), data["medOrgOrd"])
        else:
            raise Refusal("mobile.unknown_order")
    told = {
        "payOrdId": order.shown,
        "medOrgOrd": order.number,
        "ordStas": str(order.state),
        "mdtrtId": refs.show(refs.VISIT, order.visit),
        "setlId": refs.show(refs.SETTLEMENT, order.settlement) if order.settlement else "",
        **_amounts(order.total, order.cash, order.from_accounts, order.funds),
    }
    return call.answer({"data": told})


def revoke(call: Call) -> str:
    """6401: an order that is not paid will not be."""
    data = call.input["data"]

    def work(tx: Tx) -> dict[str, Any]:
        _check_institution(call, data)
        order = orders.find(tx, call.institution, refs.parse(ORDER, data["payOrdId"]))
        orders.revoke(tx, call.institution, order)
        return {"data": {"payOrdId": order.shown, "ordStas": str(orders.REVOKED)}}

    return call.command(work)


# What a mini-program asks about family accounts. It learns masked names only.

RELATION_TYPES = {"parent": "06", "child": "07", "spouse": "08"}
GENDERS = {"1": "MALE", "2": "FEMALE"}


def bound_relatives(call: Call) -> str:
    """Whose codes the person of a token may show."""
    return _family(call, "auth_token", lambda tx, holder: {"bind_list": [_relative(tx, bond) for bond in _bonds(tx, holder.ref)]})


def _family(call: Call, proof: str, told: Callable[[Tx, credential.Holder], dict[str, Any]]) -> str:
    """An answer to who proves to be there; the look is put on record."""
    token = call.input["data"][proof].removeprefix(PAY)

    def work(tx: Tx) -> dict[str, Any]:
        holder = credential.holder(tx, token, call.institution.code)
        audit.write(tx, holder.ref.book, "look_up_family", holder.ref.id, behalf_of=holder.presenter, purpose=call.infno[:64])
        return told(tx, holder)

    return call.answer(commands.alone(call.db, work, at=call.at, by=call.by))


def _bonds(tx: Tx, binder: PersonRef) -> list[family.Bond]:
    return [bond for bond in family.members(tx, binder) if not bond.halted]


def _relative(tx: Tx, bond: family.Bond) -> dict[str, Any]:
    known = enrolment.person(tx, bond.member)
    return {
        "cert_no": bond.number,
        "cert_type": known.document_kind,
        "gender": GENDERS.get(known.gender, "MALE"),
        "nick_name": bond.label,
        "relation_type": RELATION_TYPES.get(bond.relation, "03"),
        "user_real_name": bond.shown,
    }


def has_relatives(call: Call) -> str:
    """Whether the person of a token may show anybody's code."""

    def told(tx: Tx, holder: credential.Holder) -> dict[str, Any]:
        return {"data": {"has_bind_fm": "true" if _bonds(tx, holder.ref) else "false"}}

    return _family(call, "ftoken", told)


def shown_by(call: Call) -> str:
    """Who shows a code: the person, or a relative with a family account."""

    def told(tx: Tx, holder: credential.Holder) -> dict[str, Any]:
        if holder.presenter == holder.ref.id:
            own = enrolment.person(tx, holder.ref).shown
            return {"data": {"is_family": "false", "relation_type": "", "user_real_name": own}}
        bond = next((one for one in family.binders(tx, holder.ref) if one.binder.id == holder.presenter), None)
        if bond is None:
            raise Refusal("credential.bond_ended")
        relation = RELATION_TYPES.get(bond.relation, "03")
        return {"data": {"is_family": "true", "relation_type": relation, "user_real_name": bond.shown}}

    return _family(call, "auth_token", told)
