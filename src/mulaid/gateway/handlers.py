"""The transactions: each one turns a checked input into a domain call and the result into an answer's output.

Reads answer from a look at the database. Writes are commands under the key (institution, infno, msgid): a repeated msgid gets the
stored answer, byte for byte, whatever it was.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from mulaid import audit, commands, kept, refs
from mulaid.calendar import SHANGHAI, business_date, stamp
from mulaid.db import Actor, Database, Row, Tx
from mulaid.gateway import answers
from mulaid.gateway.auth import Client
from mulaid.gateway.dialect import Profile, reply, write
from mulaid.ledger.chart import CURRENT_YEAR, OWN
from mulaid.ledger.statement import balances
from mulaid.money import Fen
from mulaid.people import credential, enrolment
from mulaid.people.enrolment import PersonRef
from mulaid.policy.explain import cautions, explain
from mulaid.policy.pack import Library
from mulaid.refusal import Refusal
from mulaid.settlement import pay, visit
from mulaid.settlement.visit import Institution, Line

TOKEN, ID_CARD = "01", "02"
TOKEN_FORM = r"[0-9]{6}[0-9a-f]{32}"  # noqa: S105
DOOR = "gateway"


@dataclass(frozen=True, slots=True)
class Call:
    """One message on its way: who sends it, what it says, and what it is answered from."""

    db: Database
    library: Library
    client: Client
    infno: str
    msgid: str
    envelope: Mapping[str, Any]
    input: Mapping[str, Any]
    raw_input: object
    at: datetime
    allow_test_area: bool
    nonce: str | None = None

    @property
    def institution(self) -> Institution:
        """The institution that the connection proved to be."""
        return self.client.institution

    @property
    def profile(self) -> Profile:
        """The connection's dialect."""
        return self.client.profile

    @property
    def by(self) -> Actor:
        """The operator at the institution."""
        return Actor(self.envelope.get("opter", ""), DOOR, self.institution.code)

    @property
    def key(self) -> commands.Key:
        """What makes a repeated message the same message. Times and signatures of the envelope may differ between tries."""
        # Members that nobody reads may hold half a character pair; they are part of the body all the same.
        raw = repr(self.raw_input).encode("utf-8", "surrogatepass")
        return commands.Key.of(self.institution.book, DOOR, self.institution.code, f"{self.infno}:{self.msgid}", raw)

    def answer(self, output: Any, warning: str = "") -> str:
        """The whole answer around a business output."""
        text = None if output is None else output if isinstance(output, str) else write(output)
        return reply(self.profile, self.institution.region, secrets.randbelow(10**10), self.at, output=text, warning=warning)

    def refuse(self, refusal: Refusal) -> str:
        """The whole answer that says no."""
        return reply(self.profile, self.institution.region, secrets.randbelow(10**10), self.at, error=refusal.sentence)

    def command(self, work: Callable[[Tx], Any]) -> str:
        """Carry out a write once and answer with what was stored; `work` returns the business output."""
        return commands.run(self.db, self.key, lambda tx: self.answer(work(tx)), self.refuse, at=self.at, by=self.by).text


Handler = Callable[[Call], str]


def _person(call: Call, data: Mapping[str, Any]) -> PersonRef:
    return PersonRef.parse(data["psn_no"])


def _certificate(call: Call, data: Mapping[str, Any]) -> tuple[str, str]:
    """(token, document number) of the credential; both where a program puts the token beside an identity card."""
    kind, number = data.get("mdtrt_cert_type", ""), data.get("mdtrt_cert_no", "")
    if kind == TOKEN:
        return number, ""
    beside = data.get("card_sn", "") if kind == ID_CARD else ""
    return beside if re.fullmatch(TOKEN_FORM, beside, re.ASCII) else "", number


def _meet(tx: Tx, call: Call, data: Mapping[str, Any]) -> tuple[PersonRef, credential.Holder | None]:
    """The person whose credential was presented, with who showed it when it was a code."""
    token, number = _certificate(call, data)
    if not token and not number:
        raise Refusal("message.certificate_needed")
    if token:
        holder = credential.holder(tx, token, call.institution.code)
        if number and number.upper() != enrolment.person(tx, holder.ref).number:
            raise Refusal("message.person_differs")
        return holder.ref, holder
    kind = data.get("psn_cert_type", "01") if data.get("mdtrt_cert_type") == ID_CARD else "01"
    return enrolment.find(tx, kind, number, call.allow_test_area), None


def _check_presented(tx: Tx, call: Call, data: Mapping[str, Any], person: PersonRef) -> credential.Holder | None:
    """The presented credential must be the person's of the message."""
    met, holder = _meet(tx, call, data)
    if met != person:
        raise Refusal("message.person_differs")
    return holder


def _check_area(call: Call, region: str) -> None:
    """The insured area in the envelope is compared, never used: the enrolled one, or the sender's own constant."""
    given = call.envelope.get("insuplc_admdvs", "")
    if given and not (same_area(given, region) or same_area(given, call.institution.region)):
        raise Refusal("message.wrong_insured_area", given=given, found=region)


def same_area(given: str, region: str) -> bool:
    return given.startswith(region[:2] if region.endswith("0000") else region[:4]) or given == region[:2] + "0000"


def sign_in(call: Call) -> str:
    """9001: an operator's day begins. Other transactions work without it, because many programs never sign in."""

    def work(tx: Tx) -> dict[str, Any]:
        number = f"{call.institution.region}{call.at:%Y%m%d%H%M%S}{secrets.randbelow(10**10):010d}"
        operator = call.input["signIn"]["opter_no"]
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
    return call.command(lambda tx: {"data": decoded(tx, call, call.input["data"])})


def decoded(tx: Tx, call: Call, data: Mapping[str, Any]) -> dict[str, Any]:
    """What an institution learns from a code; the family account is invisible here, the code is the member's own."""
    operator = str(data.get("operatorId", "") or call.envelope.get("opter", ""))
    found = credential.decode(tx, data["ecQrCode"], call.institution.code, operator, pharmacy=call.institution.pharmacy)
    person = found.person
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


def person(call: Call) -> str:
    """1101: who is in front of the desk. Looked up and put on record in one transaction."""

    def work(tx: Tx) -> dict[str, Any]:
        data = call.input["data"]
        ref, holder = _meet(tx, call, data)
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
    ref = _person(call, data)
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


def register(call: Call) -> str:
    """2201: a visit begins."""

    def work(tx: Tx) -> dict[str, Any]:
        if call.institution.pharmacy:
            raise Refusal("message.not_a_hospital")
        data = call.input["data"]
        ref = _person(call, data)
        holder = _check_presented(tx, call, data, ref)
        begun = data.get("begntime", call.at)
        _check_area(call, enrolment.enrolled(tx, ref, business_date(begun)).region)
        opened = visit.open_visit(
            tx,
            call.institution,
            ref,
            number=data["ipt_otp_no"],
            begun_on=business_date(begun),
            insutype=data.get("insutype", ""),
            med_type=data.get("med_type", ""),
            presenter=holder.presenter if holder else None,
            chosen=holder.chosen if holder else None,
        )
        tx.subject = opened
        return {"data": {"mdtrt_id": refs.show(refs.VISIT, opened), "psn_no": ref.number, "ipt_otp_no": data["ipt_otp_no"]}}

    return call.command(work)


def cancel_registration(call: Call) -> str:
    """2202: the visit did not happen."""
    data = call.input["data"]

    def work(tx: Tx) -> None:
        visit.cancel_visit(tx, refs.parse(refs.VISIT, data["mdtrt_id"]), call.institution.code, _person(call, data).id)

    return call.command(work)


def report_visit(call: Call) -> str:
    """2203, 2203A: condition and diagnoses."""
    data = call.input["mdtrtinfo"]

    def work(tx: Tx) -> None:
        info = json.loads(json.dumps({**data, "diseinfo": call.input.get("diseinfo", [])}, default=str))
        ref = refs.parse(refs.VISIT, data["mdtrt_id"])
        visit.report_visit(tx, ref, call.institution.code, _person(call, data).id, info, data.get("med_type", ""))

    return call.command(work)


def upload(call: Call) -> str:
    """2204: bill lines, each answered with its split."""
    lines = call.input["feedetail"]

    def work(tx: Tx) -> dict[str, Any]:
        if len({(line["mdtrt_id"], line["psn_no"]) for line in lines}) != 1:
            raise Refusal("message.mixed_lines")
        ref = refs.parse(refs.VISIT, lines[0]["mdtrt_id"])
        read = [_line(call, line) for line in lines]
        split = visit.upload_lines(tx, call.library, ref, call.institution.code, _person(call, lines[0]), read)
        return {"result": [answers.line(part) for part in split]}

    return call.command(work)


def _line(call: Call, data: Mapping[str, Any]) -> Line:
    arose = data.get("fee_ocur_time") or call.at.astimezone(SHANGHAI)
    detail = {name: str(value) for name, value in data.items() if name not in ("mdtrt_id", "psn_no")}
    detail["fee_ocur_time"] = stamp(arose)
    return Line(
        serial=data["feedetl_sn"],
        batch=data.get("chrg_bchno", ""),
        item=data["med_list_codg"],
        fen=data["det_item_fee_sumamt"],
        quantity=data["cnt"],
        price=data["pric"],
        detail=detail,
    )


def take_back_lines(call: Call) -> str:
    """2205: lines that are not settled, one batch or all (0000), all of its lines or one."""
    data = call.input["data"]

    def work(tx: Tx) -> None:
        ref = refs.parse(refs.VISIT, data["mdtrt_id"])
        person, batch, serial = _person(call, data).id, data["chrg_bchno"], data.get("feedetl_sn", visit.EVERY_LINE)
        visit.remove_lines(tx, ref, call.institution.code, person, batch, serial)

    return call.command(work)


def _outpatient_bill(tx: Tx, call: Call) -> pay.Bill:
    if call.institution.pharmacy:
        raise Refusal("message.not_a_hospital")
    data = call.input["data"]
    place = refs.parse(refs.VISIT, data["mdtrt_id"])
    return pay.Bill(
        library=call.library,
        institution=call.institution,
        person=_person(call, data),
        infno=call.infno,
        msgid=call.msgid,
        visit=place,
        batch=data.get("chrg_bchno") or _only_batch(tx, call, place),
        declared=_declared(data),
        use_accounts=_use_accounts(call, data),
        insutype=data.get("insutype", ""),
        med_type=data.get("med_type", ""),
        token=_certificate(call, data)[0],
    )


def _only_batch(tx: Tx, call: Call, place: UUID) -> str:
    """The batch that is meant when none is named: the only unsettled one, else the newest settled one, which then says so.

    Refuses several: they are settled one by one, and which first changes who pays how much.
    """
    visit.find_visit(tx, place, call.institution.code, _person(call, call.input["data"]).id)
    rows = tx.all(visit.SQL.batches, book=refs.book_of(place), visit=place)
    waiting = [row["batch"] for row in rows if row["settlement"] is None]
    if len(waiting) > 1:
        named = "、".join(waiting[:5])
        told = f"本次就诊有 {len(waiting)} 个未结算的收费批次（{named}），结算信息"
        raise Refusal("interface.missing_field", node="data", place=told, field="chrg_bchno", meaning="收费批次号")
    if waiting:
        return str(waiting[0])
    return str(max(rows, key=lambda row: row["settlement"])["batch"]) if rows else ""


def _use_accounts(call: Call, data: Mapping[str, Any]) -> bool:
    flag = data.get("acct_used_flag")
    return call.profile.accounts_when_unsaid if flag is None else flag == "1"


def _declared(data: Mapping[str, Any]) -> dict[str, Fen]:
    names = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
    given = {name: data[name] for name in names if name in data}
    # Programs that must not send empty numbers send zeros for sums they do not keep: four zeros beside a bill mean "not sent".
    if not any(given.values()):
        given = {}
    return {"medfee_sumamt": data["medfee_sumamt"], **given}


def _present(call: Call, settled: pay.Settled, *, final: bool) -> str:
    """The answer, after a last look whether credential and area of the message are those of the person."""
    node = "druginfo" if settled.bill.lines else "data"
    number = _certificate(call, call.input[node])[1]
    body = answers.settlement(settled, call.profile, call.at, final=final)
    if number and number.upper() != body["setlinfo"]["certno"]:
        raise Refusal("message.person_differs")
    _check_area(call, settled.facts.patient.region)
    body["setlinfo"]["mdtrt_cert_type"] = call.input[node]["mdtrt_cert_type"]
    if settled.bill.lines:
        body["detlcutinfo"] = [answers.line(part) for part in settled.bill.lines]
    warning = "" if final else "；".join(cautions(explain(settled.packs, settled.decision.steps)))
    return call.answer(body, warning)


def _preview(call: Call, bill_of: Callable[[Tx], pay.Bill]) -> str:
    """A pre-settlement is the same gathering and the same law, without recording."""
    with call.db.reading(call.at, call.by) as tx:
        bill = bill_of(tx)
        settled = pay.decide(tx, bill, pay.gather(tx, bill, None, lock=False))
        return _present(call, settled, final=False)


def _settle(call: Call, bill_of: Callable[[Tx], pay.Bill]) -> str:
    def present(settled: pay.Settled) -> str:
        return _present(call, settled, final=True)

    return commands.settle(call.db, call.key, bill_of, present, call.refuse, nonce=call.nonce, at=call.at, by=call.by).text


def preview_outpatient(call: Call) -> str:
    """2206: what 2207 would come to now."""
    return _preview(call, lambda tx: _outpatient_bill(tx, call))


def settle_outpatient(call: Call) -> str:
    """2207: the money moves."""
    return _settle(call, lambda tx: _outpatient_bill(tx, call))


def _pharmacy_bill(tx: Tx, call: Call) -> pay.Bill:
    if not call.institution.pharmacy:
        raise Refusal("message.not_a_pharmacy")
    data = call.input["druginfo"]
    token, number = _certificate(call, data)
    if not token and not number:
        raise Refusal("message.certificate_needed")
    ref = _person(call, data)
    on = business_date(data.get("begntime", call.at))
    visit.check_day(tx, on)
    region = enrolment.enrolled(tx, ref, on).region
    lines = visit.split_lines(tx, call.library.in_force(region, on), on, [_line(call, line) for line in call.input["drugdetail"]])
    return pay.Bill(
        library=call.library,
        institution=call.institution,
        person=ref,
        infno=call.infno,
        msgid=call.msgid,
        on=on,
        portions=visit.portions(lines),
        lines=tuple(lines),
        declared={"medfee_sumamt": data["medfee_sumamt"]},
        use_accounts=_use_accounts(call, data),
        insutype=data.get("insutype", ""),
        med_type=data.get("med_type", "41"),
        token=token,
        number=data.get("invono", ""),
    )


def preview_pharmacy(call: Call) -> str:
    """2101: what 2102 would come to now."""
    return _preview(call, lambda tx: _pharmacy_bill(tx, call))


def settle_pharmacy(call: Call) -> str:
    """2102: drugs are bought; a settlement at a pharmacy is a visit of its own."""
    return _settle(call, lambda tx: _pharmacy_bill(tx, call))


def refund(call: Call) -> str:
    """2208, 2103: a settlement is returned whole, every part to where it came from."""
    data = call.input["data"]

    def work(tx: Tx) -> dict[str, Any]:
        if call.institution.pharmacy != (call.infno == "2103"):
            raise Refusal("message.not_a_hospital" if call.institution.pharmacy else "message.not_a_pharmacy")
        settlement = refs.parse(refs.SETTLEMENT, data["setl_id"])
        place = refs.parse(refs.VISIT, data["mdtrt_id"]) if "mdtrt_id" in data else None
        return _refund(tx, call, settlement, _person(call, data).id, place)

    return call.command(work)


def _refund(tx: Tx, call: Call, settlement: UUID, person: UUID | None, place: UUID | None) -> dict[str, Any]:
    ref, row = pay.refund(
        tx, settlement, institution=call.institution, person=person, visit=place, infno=call.infno, msgid=call.msgid
    )
    held = balances(tx, row["book"], row["person"])
    balance = held.get(OWN, 0) + held.get(CURRENT_YEAR, 0)
    answer = _recorded(tx, call, row)
    return answers.refunded(answer, refs.show(refs.SETTLEMENT, ref), tx.at, call.msgid, balance, call.profile)


def _recorded(tx: Tx, call: Call, row: Row) -> dict[str, Any]:
    """The business output that was answered when a settlement of this institution was made."""
    key = f"{row['infno']}:{row['msgid']}"
    answer = kept.find(tx, call.institution.book, DOOR, call.institution.code, key).answer
    output: dict[str, Any] = json.loads(answer, parse_float=Decimal)["output"]
    return output


def settlement(call: Call) -> str:
    """5203: a settlement as it stands, by its number or by the visit when the answer with the number was lost."""
    data = call.input["data"]
    ref = _person(call, data)
    with call.db.reading(call.at, call.by) as tx:
        if "setl_id" in data:
            row = pay.find(tx, refs.parse(refs.SETTLEMENT, data["setl_id"]))
        elif "mdtrt_id" in data:
            row = pay.newest_of_visit(tx, refs.parse(refs.VISIT, data["mdtrt_id"]))
        else:
            raise Refusal("message.which_settlement")
        if row["institution"] != call.institution.code:
            raise Refusal("settlement.other_institution")
        if row["person"] != ref.id:
            raise Refusal("settlement.other_person")
        if row["refunds"] is None:
            answer = _recorded(tx, call, row)
        else:
            held = balances(tx, row["book"], row["person"])
            balance = held.get(OWN, 0) + held.get(CURRENT_YEAR, 0)
            original = _recorded(tx, call, pay.find(tx, row["refunds"]))
            shown = refs.show(refs.SETTLEMENT, row["id"])
            answer = answers.refunded(original, shown, row["settled_at"], row["msgid"], balance, call.profile)
    return call.answer(answers.queried(row, answer, call.institution, row["settled_at"]))


def bill_lines(call: Call) -> str:
    """5204: the lines of a visit; here the output itself is the array."""
    data = call.input["data"]
    ref = refs.parse(refs.VISIT, data["mdtrt_id"])
    batch = None
    with call.db.reading(call.at, call.by) as tx:
        place = visit.find_visit(tx, ref, call.institution.code, _person(call, data).id)
        number = data.get("setl_id", "")
        if number:
            settled = pay.find(tx, refs.parse(refs.SETTLEMENT, number))
            if settled["visit"] != ref:
                raise Refusal("settlement.other_person")
            batch = settled["batch"]
        lines = visit.bill_lines(tx, ref, batch)
        codes = list({line["item"] for line in lines})
        items = {row["code"]: row for row in tx.all(visit.SQL.items, codes=codes, on=place["begun_on"])}
    return call.answer([answers.stored_line(place, number, line, items.get(line["item"])) for line in lines])


def take_back(call: Call) -> str:
    """2601: undo a transaction whose end the sender does not know; asking again changes nothing.

    A transaction that has not arrived is barred, so that it cannot pay when it arrives late.
    """
    data = call.input["data"]
    infno = data["oinfno"].removesuffix("A")
    original = f"{infno}:{data['omsgid']}"

    def work(tx: Tx) -> None:
        if infno not in REVERSIBLE:
            raise Refusal("settlement.not_reversible", infno=infno)
        row = pay.made_by(tx, call.institution.book, DOOR, call.institution.code, original)
        if infno in ("2103", "2208"):
            raise Refusal("settlement.refund_not_reversible")
        if "psn_no" in data and row["person"] != _person(call, data).id:
            raise Refusal("settlement.other_person")
        if row["refunded_by"] is None:
            _refund(tx, call, row["id"], None, None)

    if infno in REVERSIBLE:
        commands.bar(call.db, call.institution.book, DOOR, call.institution.code, original, call.refuse, at=call.at, by=call.by)
    return call.command(work)


REVERSIBLE = ("2102", "2207", "2103", "2208")

# These keep the nonce of a signed message with their stored answer, which spares them a write of its own.
SETTLING = frozenset(("2102", "2207"))

HANDLERS: Mapping[str, Handler] = {
    "9001": sign_in,
    "9002": sign_out,
    "1101": person,
    "1162": decode,
    "2001": entitlement,
    "2101": preview_pharmacy,
    "2102": settle_pharmacy,
    "2103": refund,
    "2201": register,
    "2202": cancel_registration,
    "2203": report_visit,
    "2203A": report_visit,
    "2204": upload,
    "2205": take_back_lines,
    "2206": preview_outpatient,
    "2207": settle_outpatient,
    "2208": refund,
    "5203": settlement,
    "5204": bill_lines,
    "2601": take_back,
}
