"""One institution's program: builds messages, sends them, asks again, and speaks in the words of a till."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

import httpx

from mulaid.calendar import Clock, stamp, wall_clock
from mulaid.client.connection import (
    Answer,
    Connection,
    Info,
    NoAnswer,
    Refused,
    WrongMoney,
    dressed,
    identities,
    read_answer,
    sealed,
    signature,
    token_request,
)
from mulaid.gateway.auth import OAUTH, SEALED
from mulaid.gateway.dialect import Amount
from mulaid.gateway.handlers import SEALED_ACTIONS
from mulaid.money import Fen

PATH, TOKENS, MOBILE = "/fsi/api", "/auth/oauth/token", "/org/local/api/hos/"
ACTIONS = {infno: action for action, infno in SEALED_ACTIONS.items()}
TRIES = 3
PAUSE_SECONDS = 0.2
TOKEN_MARGIN = timedelta(seconds=60)
TOKEN, ID_CARD, SOCIAL_CARD = "01", "02", "03"
ASK_AGAIN = (b"command.busy", b"message.internal")
TOO_MANY, NOT_KNOWN = 429, 401
TOKEN_FORM = b"grant_type=password&scope=all"


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
        self.root = url.rstrip("/")
        self.address = self.root + PATH
        self._token: tuple[str, datetime] | None = None
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
        raw = self._exchange(infno, msgid, self.message(infno, msgid, given))
        answer = read_answer(self.connection, infno, msgid, raw)
        if isinstance(answer.output, dict) and "setlinfo" in answer.output:
            wrong = list(identities(answer.output, fund_includes_accounts=self.connection.fund_includes_accounts))
            if wrong:
                raise WrongMoney(f"{infno} {msgid}: {'; '.join(wrong)}")
        return answer

    def fetch(self, number: str) -> bytes:
        """9102: the bytes of a file by its number. Raises Refused and NoAnswer."""
        msgid = self.new_msgid()
        raw = self._exchange("9102", msgid, self.message("9102", msgid, {"fsDownloadIn": {"file_qury_no": number}}))
        if raw.startswith(b"PK"):
            return raw
        return read_answer(self.connection, "9102", msgid, raw).raw

    def message(self, infno: str, msgid: str, given: Any) -> bytes:
        """The bytes of a message as this connection sends it; a sealed one has no envelope and no number of its own."""
        if self.connection.transport == SEALED:
            return sealed(self.connection, given, self.clock())
        return dressed(self.connection, self.envelope(infno, msgid, given))

    def address_of(self, infno: str) -> str:
        """Where a transaction is sent to."""
        return self.root + MOBILE + ACTIONS[infno] if self.connection.transport == SEALED else self.address

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

    def _exchange(self, infno: str, msgid: str, body: bytes) -> bytes:
        """What is answered at last, which may still be a refusal."""
        told = "no try was made"
        for attempt in range(self.tries):
            if attempt:
                time.sleep(PAUSE_SECONDS * attempt)
            try:
                response = self.http.post(self.address_of(infno), content=body, headers=self.headers(infno, body))
            except httpx.TransportError as error:
                told = f"{type(error).__name__}: {error}"
                continue
            if response.status_code >= 500 or response.status_code == TOO_MANY:
                told = f"HTTP {response.status_code}"
                continue
            last = attempt + 1 == self.tries
            if response.status_code == NOT_KNOWN and self._token and not last:
                self._token = None  # it may be over; a wrong secret is told at the next try
                continue
            if last or not any(code in response.content for code in ASK_AGAIN):
                return response.content
        raise NoAnswer(f"{infno} {msgid}: {told}")

    def headers(self, infno: str, body: bytes) -> dict[str, str]:
        """The headers of one try: a signature is used once. Raises Refused where no token is given."""
        token = self._bearer() if self.connection.transport == OAUTH else ""
        return {
            "Content-Type": "application/json; charset=utf-8",
            **signature(self.connection, self.address_of(infno), infno, body, self.clock(), token),
        }

    def _bearer(self) -> str:
        """The OAuth token, asked for anew shortly before it is over."""
        now = self.clock()
        if self._token is None or self._token[1] <= now:
            response = self.http.post(self.root + TOKENS, content=TOKEN_FORM, headers=token_request(self.connection))
            told = response.json() if response.status_code in (200, NOT_KNOWN) else {}
            if "access_token" not in told:
                raise Refused("", str(told.get("message") or f"no token was given: HTTP {response.status_code}"))
            self._token = told["access_token"], now + timedelta(seconds=int(told["expires_in"])) - TOKEN_MARGIN
        return self._token[0]

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
        answer = self.call("2204", self.lines(visit, lines, batch))
        return Bill(visit, batch, sum(line.fen for line in lines)), answer.output["result"]

    def lines(self, visit: Visit, lines: Sequence[Line], batch: str = "1") -> Info:
        """The input of 2204."""
        told = {"mdtrt_id": visit.id, "psn_no": visit.person, "chrg_bchno": batch}
        rows = [{**told, **_row(line, f"{batch}-{place}", self.clock())} for place, line in enumerate(lines, 1)]
        return {"feedetail": rows}

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
