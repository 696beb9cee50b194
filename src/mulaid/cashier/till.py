"""A till in the browser: choose where to work, read a code, enter items, ask for the split, settle, refund.

It is a client of the gateway like any hospital's program; every message is kept to be shown.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

import httpx
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mulaid.client import Bill, Certificate, Client, Info, Line, NoAnswer, Refused, Visit
from mulaid.demo import city
from mulaid.demo.city import Item, Place
from mulaid.money import Fen, parse_yuan
from mulaid.settlement.whose import CASH, FAMILY, FUND, OWN, Payer
from mulaid.web import whose
from mulaid.web.reading import see_other
from mulaid.web.urls import urlpatterns as of_people
from mulaid.web.visitor import demonstration
from mulaid.web.words import region

TRANSPORT = "mulaid1"
MARK = "TILL"
LONGEST_SHOWN = 12_000
SETTLED_KEPT = 8
TRANSACTIONS = {
    "1162": "电子凭证解码", "1101": "查人员信息", "2201": "挂号", "2203": "上传就诊信息", "2204": "上传费用明细",
    "2205": "撤销费用明细", "2206": "预结算", "2207": "结算", "2208": "退费",
    "2101": "药店预结算", "2102": "药店结算", "2103": "药店退费",
}  # fmt: skip
SELDOM_AT_PHARMACIES = ("02", "03", "04", "05", "06", "07", "12")
TILLS, MOST_TILLS = "tills", 4
MOST_OF_ONE = 99
LOST = "没有收到应答，不知道有没有办成。请再点一次：用同一个流水号再问，不会重复扣钱。"


@dataclass(slots=True)
class Till:
    """One till as it stands between two clicks: plain values, kept in the browser's session on the server."""

    place: str
    patient: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    accounts: bool = True
    visit: str = ""
    batch: int = 0
    msgid: str = ""
    asked: dict[str, str] = field(default_factory=dict)
    paid: dict[str, str] = field(default_factory=dict)
    settled: list[dict[str, str]] = field(default_factory=list)
    messages: list[dict[str, str]] = field(default_factory=list)
    trouble: str = ""
    done: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @property
    def at(self) -> Place:
        """The institution."""
        return city.read().places[self.place]

    @property
    def pharmacy(self) -> bool:
        """Whether it sells instead of treating."""
        return self.at.kind == "pharmacy"

    @property
    def lines(self) -> list[Line]:
        """The bill."""
        items = city.read().items
        return [Line(code, items[code].price, count, items[code].name) for code, count in self.counts.items() if count]

    @property
    def total(self) -> Fen:
        """What the bill comes to."""
        return sum(line.fen for line in self.lines)

    @property
    def certificate(self) -> Certificate:
        """What the patient showed."""
        return Certificate(self.patient["kind"], self.patient["token"])

    def forget(self) -> None:
        """The next customer."""
        self.patient, self.counts, self.asked, self.paid = {}, {}, {}, {}
        self.visit, self.batch, self.msgid, self.trouble, self.done = "", 0, "", "", ""


def goods(place: Place) -> list[tuple[str, list[Item]]]:
    """What the institution offers, by kind of item."""
    names = {"09": "西药", "11": "中成药", "10": "中药饮片"}
    groups: dict[str, list[Item]] = {}
    for item in city.read().items.values():
        if place.kind == "pharmacy" and (item.charge in SELDOM_AT_PHARMACIES or item.tag.startswith("vaccine")):
            continue
        other = "其他商品" if place.kind == "pharmacy" else "诊察、检查和治疗"
        groups.setdefault(names.get(item.charge, other), []).append(item)
    return (
        sorted(groups.items(), key=lambda group: group[0] in names.values()) if place.kind != "pharmacy" else list(groups.items())
    )


class Recorder(httpx.BaseTransport):
    """Passes messages on and remembers them."""

    def __init__(self) -> None:
        self.inner = httpx.HTTPTransport()
        self.seen: list[dict[str, str]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One message and its answer."""
        response = self.inner.handle_request(request)
        response.read()
        signed = "\n".join(f"{name}: {value}" for name, value in request.headers.items() if name.startswith("x-mulaid"))
        self.seen.append({"sent": _pretty(request.content), "signed": signed, "got": _pretty(response.content)})
        return response

    def close(self) -> None:
        """Give the connections back."""
        self.inner.close()


@contextmanager
def talking(till: Till, gateway: str) -> Iterator[Client]:
    """A client of the till's institution; what was said replaces what was said before."""
    recorder = Recorder()
    client = Client(gateway, till.at.way_in(TRANSPORT), mark=MARK, transport=recorder)
    try:
        yield client
    finally:
        client.close()
        till.messages = [{"name": _name(message), **message} for message in recorder.seen]


def read_code(till: Till, client: Client, code: str) -> None:
    """1162, 1101: whose code it is, and what the person's account holds."""
    certificate, _ = client.decode(code)
    _patient(till, certificate, client.person(certificate))


def _patient(till: Till, certificate: Certificate, found: Info) -> None:
    base, insured = found["baseinfo"], found["insuinfo"][0]
    till.forget()
    till.patient = {
        "kind": certificate.kind,
        "token": certificate.number,
        "number": base["psn_no"],
        "name": base["psn_name"],
        "age": str(base["age"]),
        "balance": str(insured["balc"]),
    }


def ask(till: Till, client: Client) -> None:
    """2101, at hospitals 2201, 2204, 2206: what settling would come to now."""
    if till.pharmacy:
        answer = client.preview_purchase(till.patient["number"], till.certificate, till.lines, use_accounts=till.accounts)
    else:
        answer = client.preview(_uploaded(till, client), use_accounts=till.accounts)
    till.asked, till.msgid = _plain(answer.paid), client.new_msgid()


def _uploaded(till: Till, client: Client) -> Bill:
    """The bill as it is now, in place of the one before."""
    if not till.visit:
        till.visit = client.register(till.patient["number"], till.certificate, client.new_msgid()[-12:]).id
        client.report(_visit(till), "Z00.000", "一般性医学检查", "全科")
    elif till.batch:
        whole = {"mdtrt_id": till.visit, "psn_no": till.patient["number"], "chrg_bchno": str(till.batch), "feedetl_sn": "0000"}
        client.call("2205", {"data": whole})
    till.batch += 1
    bill, _ = client.upload(_visit(till), till.lines, str(till.batch))
    return bill


def _visit(till: Till) -> Visit:
    return Visit(till.visit, till.patient["number"], till.certificate)


def settle(till: Till, client: Client) -> None:
    """2102 or 2207: the money moves. The same click again gets the same answer, because the message has the same number."""
    if till.pharmacy:
        answer = client.buy(till.patient["number"], till.certificate, till.lines, till.msgid, use_accounts=till.accounts)
    else:
        bill = Bill(_visit(till), str(till.batch), till.total)
        answer = client.settle(bill, use_accounts=till.accounts, msgid=till.msgid)
    till.paid = _plain(answer.paid)
    row = {**till.paid, "who": till.patient["name"]}
    till.settled = [row, *(old for old in till.settled if old["setl_id"] != row["setl_id"])][:SETTLED_KEPT]


def refund(till: Till, client: Client, number: str) -> None:
    """2103 or 2208: a settlement of this till is returned whole."""
    row = next(row for row in till.settled if row["setl_id"] == number)
    answer = client.refund(row, infno="2103" if till.pharmacy else "2208")
    row["refund"] = str(answer.paid["setl_id"])


def payers(till: Till, info: Mapping[str, str]) -> list[Payer]:
    """A settlement's amounts as who pays."""
    funds, accounts, aid, cash = (
        abs(parse_yuan(info.get(name) or "0", signed=True))
        for name in ("fund_pay_sumamt", "acct_pay", "acct_mulaid_pay", "psn_cash_pay")
    )
    if till.at.way_in(TRANSPORT).fund_includes_accounts:
        funds -= accounts
    return [
        Payer(FUND, "医保基金", funds),
        Payer(OWN, "本人的个人账户", accounts - aid),
        Payer(FAMILY, "家人的个人账户", aid),
        Payer(CASH, "现金", cash),
    ]


def _plain(info: Info) -> dict[str, str]:
    return {name: str(value) for name, value in info.items() if isinstance(value, str | int | Decimal)}


def _pretty(body: bytes) -> str:
    text = json.dumps(json.loads(body, parse_float=str), ensure_ascii=False, indent=1)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "\n……"


def _name(message: Mapping[str, str]) -> str:
    found = re.search(r'"infno": "([0-9]{4})"', message["sent"], re.ASCII)
    return f"{found[1]} {TRANSACTIONS.get(found[1], '')}".strip() if found else "交易"


def places(request: HttpRequest) -> HttpResponse:
    """Where one can sit down at the till."""
    groups: dict[str, list[city.Place]] = {}
    for place in city.read().places.values():
        groups.setdefault(region(place.region), []).append(place)
    return render(request, "cashier/places.html", {"groups": groups.items()})


def open_till(request: HttpRequest) -> HttpResponse:
    """Sit down at one."""
    if request.POST.get("place") not in city.read().places:
        raise Http404
    return _to(_keep(request, Till(request.POST["place"])))


def scan_here(request: HttpRequest) -> HttpResponse:
    """A code from the phone in the other window, read at a pharmacy of its region."""
    wanted = request.POST.get("region", "")
    found = [place for place in city.read().places.values() if place.kind == "pharmacy"]
    place = next((place for place in found if place.region[:4] == wanted[:4]), found[0])
    till = Till(place.code)
    _talk(till, lambda client: read_code(till, client, _digits(request)))
    return _to(_keep(request, till))


def page(request: HttpRequest, number: str) -> HttpResponse:
    """One till; a post does the next thing and leads back here."""
    kept = request.session.get(TILLS, {}).get(number)
    if kept is None:
        return see_other("/cashier")
    till = Till(**kept)
    if request.method == "POST":
        _act(request, till)
        return _to(_keep(request, till, number))
    told = {
        "till": till,
        "place": till.at,
        "goods": _goods(till),
        "asked": _told(till, till.asked),
        "paid": _told(till, till.paid),
        "balance": _balance(till),
    }
    settled = [{**row, "total": parse_yuan(row["medfee_sumamt"])} for row in till.settled]
    return render(request, "cashier/till.html", {**told, "settled": settled, "number": number})


def _act(request: HttpRequest, till: Till) -> None:
    """The button that was pressed."""
    till.trouble, till.done, till.messages = "", "", []
    pressed = request.POST
    if "code" in pressed:
        _talk(till, lambda client: read_code(till, client, _digits(request)))
    elif "next" in pressed:
        till.forget()
    elif "again" in pressed:
        till.asked = {}
    elif "ask" in pressed:
        _fill(request, till)
        if not till.lines:
            till.trouble = "还没有选项目。请在要买的项目旁边填数量。"
        elif till.patient and not till.paid:
            _talk(till, lambda client: ask(till, client))
    elif "settle" in pressed and till.asked:
        _talk(till, lambda client: settle(till, client))
    elif any(row["setl_id"] == pressed.get("refund") and "refund" not in row for row in till.settled):
        returned = _talk(till, lambda client: refund(till, client, pressed["refund"]))
        till.done = "已全额退费，每一份钱都退回了原来的账户。" if returned else ""


def _fill(request: HttpRequest, till: Till) -> None:
    till.counts = {}
    till.accounts = "accounts" in request.POST
    for code in city.read().items:
        text = request.POST.get(f"n-{code}", "")
        if re.fullmatch("[0-9]{1,3}", text, re.ASCII) and int(text):
            till.counts[code] = min(int(text), MOST_OF_ONE)


def _talk(till: Till, work: Callable[[Client], None]) -> bool:
    """Whether it was done; else what the clerk must know stands in `trouble`."""
    try:
        with talking(till, settings.MULAID.gateway_url) as client:
            work(client)
        return True
    except Refused as no:
        till.trouble = no.err_msg
    except NoAnswer:
        till.trouble = LOST
    return False


def _digits(request: HttpRequest) -> str:
    return re.sub(r"\s", "", request.POST.get("code", ""))[:40]


def _told(till: Till, info: dict[str, str]) -> whose.Trial | None:
    """A settlement as who pays, for the screen that is turned to the patient."""
    if not info:
        return None
    return whose.Trial(parse_yuan(info["medfee_sumamt"]), whose.bars(payers(till, info), till.patient["name"]), ())


def _balance(till: Till) -> Fen | None:
    """What the patient's own account holds, after the settlement if there was one."""
    text = till.paid.get("balc") or till.patient.get("balance")
    return parse_yuan(text, signed=True) if text else None


def _goods(till: Till) -> list[tuple[str, list[tuple[Any, int]], bool]]:
    return [
        (title, [(item, till.counts.get(item.code, 0)) for item in items], any(item.code in till.counts for item in items))
        for title, items in goods(till.at)
    ]


def _keep(request: HttpRequest, till: Till, number: str = "") -> str:
    number = number or secrets.token_hex(6)
    kept = {name: value for name, value in request.session.get(TILLS, {}).items() if name != number}
    newest = list(kept.items())[-(MOST_TILLS - 1) :]
    request.session[TILLS] = {**dict(newest), number: till.as_json()}
    return number


def _to(number: str) -> HttpResponse:
    return see_other(f"/cashier/{number}")


both = require_http_methods(["GET", "HEAD", "POST"])
urlpatterns = [
    *of_people,
    path("cashier", demonstration(require_safe(places)), name="cashier"),
    path("cashier/open", demonstration(require_POST(open_till)), name="cashier_open"),
    path("cashier/scan", demonstration(require_POST(scan_here)), name="cashier_scan"),
    path("cashier/<str:number>", demonstration(both(page)), name="till"),
]
"""The routes of the people's door with the till beside them: what a demonstration serves."""
