"""A client of the national interface: what a till, the demo, worked examples and load tests send bills with.

It builds the envelope, signs for the connection's transport, keeps the connection alive, sends a message whose answer was lost
again under the same number, reads amounts as decimals, and believes no settlement whose amounts do not add up.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx

from mulaid.calendar import Clock, stamp, wall_clock
from mulaid.gateway import contract
from mulaid.gateway.auth import (
    CSB,
    MULAID1,
    OPEN,
    TIF,
    csb_signature,
    csb_text,
    mulaid1_signature,
    mulaid1_text,
    tif_signature,
)
from mulaid.gateway.dialect import Amount, decoded, profiles, undress, write
from mulaid.money import Fen

PATH = "/fsi/api"
TRIES = 3
PAUSE_SECONDS = 0.2
TOKEN, ID_CARD, SOCIAL_CARD = "01", "02", "03"
ASK_AGAIN = ("command.busy", "message.internal")
ALGORITHM, CSB_VERSION = "HMAC-SHA256", "1.0.0"
FUNDS = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay")
BILL_PARTS = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")

Info = Mapping[str, Any]


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
class Connection:
    """How an institution reaches the gateway. `id` and `key` are needed by every transport but open.

    `fund_includes_accounts` is the connection's setting of that name: where it is on, the fund total contains the accounts.
    """

    institution: str
    transport: str = OPEN
    id: str = ""
    key: bytes = b""
    operator: str = "001"
    operator_name: str = ""
    fund_includes_accounts: bool = False
    profile: str = "national"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the patient showed: the visit token of a code, or a card's number."""

    kind: str
    number: str

    @property
    def fields(self) -> dict[str, str]:
        """Its two members of a message."""
        return {"mdtrt_cert_type": self.kind, "mdtrt_cert_no": self.number}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill: an item of the catalogue, its unit price in fen and how many."""

    item: str
    price: Fen
    count: int = 1
    name: str = ""

    @property
    def fen(self) -> Fen:
        """What the line costs."""
        return self.price * self.count


@dataclass(frozen=True, slots=True)
class Visit:
    """A registration that lines and settlements refer to."""

    id: str
    person: str
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Bill:
    """Uploaded lines of a visit, ready to be settled."""

    visit: Visit
    batch: str
    total: Fen


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


class Client:
    """One institution's way to the gateway; may be used by several threads. Close it, or use it in `with`."""

    def __init__(
        self,
        url: str,
        connection: Connection,
        *,
        clock: Clock = wall_clock,
        timeout: float = 10.0,
        tries: int = TRIES,
        mark: str = "",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`mark` begins every message number, for a sender that wants to find its messages again (up to 12 characters)."""
        self.connection, self.clock, self.tries = connection, clock, tries
        self.mark = (mark or connection.institution)[:12]
        self.address = url.rstrip("/") + PATH
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        self.http = httpx.Client(timeout=timeout, limits=limits, transport=transport, trust_env=False)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self.http.close()

    def new_msgid(self) -> str:
        """A message number of thirty characters that nobody else has."""
        return self.mark + secrets.token_hex(15)[: 30 - len(self.mark)]

    def call(self, infno: str, given: Mapping[str, Any], msgid: str = "") -> Answer:
        """One transaction; `given` is its input. A lost answer is asked for again under the same number, `tries` times in all.

        Raises Refused, NoAnswer, and WrongMoney for a settlement whose amounts do not add up.
        """
        msgid = msgid or self.new_msgid()
        body = write(self.envelope(infno, msgid, given)).encode()
        answer = self._exchange(infno, msgid, body)
        if isinstance(answer.output, dict) and "setlinfo" in answer.output:
            wrong = list(identities(answer.output, fund_includes_accounts=self.connection.fund_includes_accounts))
            if wrong:
                raise WrongMoney(f"{infno} {msgid}: {'; '.join(wrong)}")
        return answer

    def envelope(self, infno: str, msgid: str, given: Any) -> dict[str, Any]:
        """The message around an input."""
        return {
            "infno": infno,
            "msgid": msgid,
            "infver": "V1.0",
            "opter_type": "1",
            "opter": self.connection.operator,
            "opter_name": self.connection.operator_name,
            "inf_time": stamp(self.clock()),
            "fixmedins_code": self.connection.institution,
            "input": given,
        }

    def _exchange(self, infno: str, msgid: str, body: bytes) -> Answer:
        told = "no try was made"
        for attempt in range(self.tries):
            if attempt:
                time.sleep(PAUSE_SECONDS * attempt)
            try:
                response = self.http.post(self.address, content=body, headers=self.headers(infno, body))
            except httpx.TransportError as error:
                told = f"{type(error).__name__}: {error}"
                continue
            if response.status_code >= 500:
                told = f"HTTP {response.status_code}"
                continue
            try:
                return read_answer(self.connection, infno, msgid, response.content)
            except Refused as refused:
                if refused.code not in ASK_AGAIN or attempt + 1 == self.tries:
                    raise
        raise NoAnswer(f"{infno} {msgid}: {told}")

    def headers(self, infno: str, body: bytes) -> dict[str, str]:
        """The headers of one try: a signature is used once."""
        return {
            "Content-Type": "application/json; charset=utf-8",
            **signature(self.connection, self.address, infno, body, self.clock()),
        }

    # Transactions in the words of a till.

    def decode(self, code: str) -> tuple[Certificate, Info]:
        """1162: a code becomes the token of this visit, and says who the patient is."""
        given = {"data": {"ecQrCode": code, "orgId": self.connection.institution, "operatorId": self.connection.operator}}
        data = self.call("1162", given).output["data"]
        return Certificate(TOKEN, data["ecToken"]), data

    def person(self, certificate: Certificate) -> Info:
        """1101: who stands at the desk; `baseinfo` and `insuinfo`."""
        output: Info = self.call("1101", {"data": certificate.fields}).output
        return output

    def register(self, person: str, certificate: Certificate, number: str, begun: datetime | None = None) -> Visit:
        """2201: a visit begins."""
        data = {"psn_no": person, "ipt_otp_no": number, "begntime": begun or self.clock(), "insutype": "", **certificate.fields}
        output = self.call("2201", {"data": data}).output
        return Visit(output["data"]["mdtrt_id"], person, certificate)

    def report(self, visit: Visit, code: str, name: str, department: str, *, disease: str = "") -> None:
        """2203: the diagnosis; `disease` is the chronic or special disease that the visit is for."""
        kind = "14" if disease else "11"
        about = {"mdtrt_id": visit.id, "psn_no": visit.person, "med_type": kind, "dise_codg": disease, "dise_name": ""}
        found = {"diag_type": "1", "diag_srt_no": "1", "diag_code": code, "diag_name": name, "diag_dept": department}
        self.call("2203", {"mdtrtinfo": about, "diseinfo": [{**found, "vali_flag": "1"}]})

    def upload(self, visit: Visit, lines: Sequence[Line], batch: str = "1") -> tuple[Bill, Sequence[Info]]:
        """2204: the bill's lines; each is answered with its split."""
        told = {"mdtrt_id": visit.id, "psn_no": visit.person, "chrg_bchno": batch}
        rows = [{**told, **_row(line, f"{batch}-{place}", self.clock())} for place, line in enumerate(lines, 1)]
        answer = self.call("2204", {"feedetail": rows})
        return Bill(visit, batch, sum(line.fen for line in lines)), answer.output["result"]

    def preview(self, bill: Bill, *, use_accounts: bool = True) -> Answer:
        """2206: what 2207 would come to now."""
        return self.call("2206", {"data": self.bill_data(bill, use_accounts)})

    def settle(self, bill: Bill, *, use_accounts: bool = True, msgid: str = "") -> Answer:
        """2207: the money moves. The same `msgid` again gets the stored answer."""
        return self.call("2207", {"data": self.bill_data(bill, use_accounts)}, msgid)

    def admit(self, person: str, certificate: Certificate, number: str, *, disease: str = "") -> Visit:
        """2401: a stay in hospital begins."""
        data = {"psn_no": person, "ipt_no": number, "begntime": self.clock(), "med_type": "21", "dise_codg": disease}
        output = self.call("2401", {"mdtrtinfo": {**data, **certificate.fields}, "diseinfo": [_ADMITTED]}).output
        return Visit(output["result"]["mdtrt_id"], person, certificate)

    def use(self, stay: Visit, lines: Sequence[Line]) -> Bill:
        """2301: what a stay used; settled together with whatever of it is not settled yet."""
        named = {"mdtrt_id": stay.id, "psn_no": stay.person}
        given = secrets.token_hex(8)
        rows = [{**named, **_row(line, f"{given}-{place}", self.clock())} for place, line in enumerate(lines, 1)]
        self.call("2301", {"feedetail": rows})
        return Bill(stay, "", sum(line.fen for line in lines))

    def discharge(self, stay: Visit) -> None:
        """2402: a stay ends now."""
        data = {"mdtrt_id": stay.id, "psn_no": stay.person, "endtime": self.clock(), "dscg_way": "1"}
        self.call("2402", {"dscginfo": data, "diseinfo": [_ADMITTED]})

    def preview_stay(self, bill: Bill, *, use_accounts: bool = True) -> Answer:
        """2303: what 2304 would come to now."""
        return self.call("2303", {"data": self.bill_data(bill, use_accounts)})

    def settle_stay(self, bill: Bill, *, use_accounts: bool = True, part: bool = False, msgid: str = "") -> Answer:
        """2304: the money of a stay moves; as a `part` before the patient leaves."""
        data = {**self.bill_data(bill, use_accounts), "mid_setl_flag": "1" if part else "0"}
        return self.call("2304", {"data": data}, msgid)

    def preview_purchase(self, person: str, certificate: Certificate, lines: Sequence[Line], **more: Any) -> Answer:
        """2101: what 2102 would come to now."""
        return self.call("2101", self.purchase(person, certificate, lines, **more))

    def buy(self, person: str, certificate: Certificate, lines: Sequence[Line], msgid: str = "", **more: Any) -> Answer:
        """2102: a purchase at a pharmacy."""
        return self.call("2102", self.purchase(person, certificate, lines, **more), msgid)

    def purchase(self, person: str, certificate: Certificate, lines: Sequence[Line], *, use_accounts: bool = True) -> Info:
        """The input of 2101 and 2102."""
        at = self.clock()
        info = {
            "psn_no": person,
            "begntime": at,
            "medfee_sumamt": Amount(sum(line.fen for line in lines)),
            "med_type": "41",
            "acct_used_flag": "1" if use_accounts else "0",
            "insutype": "",
            **certificate.fields,
        }
        return {"druginfo": info, "drugdetail": [_row(line, str(place), at) for place, line in enumerate(lines, 1)]}

    @staticmethod
    def bill_data(bill: Bill, use_accounts: bool = True) -> dict[str, Any]:
        """The input of 2206 and 2207, and of their twins for stays."""
        return {
            "psn_no": bill.visit.person,
            "mdtrt_id": bill.visit.id,
            **({"chrg_bchno": bill.batch, "med_type": "11"} if bill.batch else {}),  # stays have no batches
            "medfee_sumamt": Amount(bill.total),
            "psn_setlway": "01",
            "acct_used_flag": "1" if use_accounts else "0",
            "insutype": "",
            **bill.visit.certificate.fields,
        }

    def refund(self, paid: Info, *, infno: str = "2208", msgid: str = "") -> Answer:
        """2208, at pharmacies 2103, of stays 2305: a settlement is returned whole."""
        return self.call(infno, {"data": {name: paid[name] for name in ("setl_id", "mdtrt_id", "psn_no")}}, msgid)

    def take_back(self, person: str, infno: str, msgid: str) -> None:
        """2601: undo a transaction whose answer never came; asking again changes nothing."""
        self.call("2601", {"data": {"psn_no": person, "omsgid": msgid, "oinfno": infno}})


_ADMITTED = {"diag_code": "I10", "diag_name": "原发性高血压", "dise_dor_no": "D1", "dise_dor_name": "医生"}


def _row(line: Line, serial: str, at: datetime) -> dict[str, Any]:
    return {
        "feedetl_sn": serial,
        "fee_ocur_time": at,
        "rxno": "",
        "rx_circ_flag": "0",
        "med_list_codg": line.item,
        "medins_list_codg": line.item,
        "medins_list_name": line.name,
        "det_item_fee_sumamt": Amount(line.fen),
        "cnt": line.count,
        "pric": Amount(line.price),
    }


def signature(connection: Connection, address: str, infno: str, body: bytes, at: datetime) -> dict[str, str]:
    """The headers that prove the sender, made anew for every try: a signature is used once."""
    signed = str(int(at.timestamp()))
    sign: Mapping[str, Callable[[], dict[str, str]]] = {
        OPEN: dict,
        MULAID1: lambda: _mulaid1(connection, address, body, signed),
        CSB: lambda: _csb(connection, infno, signed),
        TIF: lambda: _tif(connection, signed),
    }
    return sign[connection.transport]()


def _mulaid1(connection: Connection, address: str, body: bytes, signed: str) -> dict[str, str]:
    nonce, parts = secrets.token_hex(16), urlsplit(address)
    text = mulaid1_text(ALGORITHM, "POST", parts.path, parts.query, connection.id, signed, nonce, body)
    return {
        "X-Mulaid-Client": connection.id,
        "X-Mulaid-Timestamp": signed,
        "X-Mulaid-Nonce": nonce,
        "X-Mulaid-Alg": ALGORITHM,
        "X-Mulaid-Signature": mulaid1_signature(ALGORITHM, connection.key, text),
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
    profile = profiles()[connection.profile]
    fields = contract.answer_fields(infno) if infno in contract.contract().transactions else {}
    kept = {field.name for known in fields.values() for field in known if not field.name.islower()}
    try:
        message = undress(profile, raw, kept)
    except (ValueError, KeyError, TypeError, AttributeError):
        # A caller that cannot prove who it is has no dialect yet.
        message = json.loads(decoded(raw)[0], parse_float=Decimal)
    if isinstance(message.get("output"), dict):
        for node, known in fields.items():
            rows = message["output"].get(node)
            for row in rows if isinstance(rows, list) else [rows]:
                if isinstance(row, dict):
                    kinds = {field.name: field.kind for field in known}
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
