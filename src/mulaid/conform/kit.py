"""The kit's bench: what a check may use, how it says what it found, how all checks are run, and the report of a run.

A check is a function that speaks to the server as a hospital's program would and calls `expect` for everything it relies on.
Nothing it uses belongs to one server: only messages, and for codes and clocks a sandbox where there is one.
"""

from __future__ import annotations

import json
import secrets
import socket
import ssl
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx

from mulaid.client import (
    Answer,
    Bill,
    Certificate,
    Client,
    Connection,
    Info,
    Line,
    NoAnswer,
    Refused,
    Visit,
    WrongMoney,
    as_usual,
    dressed,
)
from mulaid.gateway import contract
from mulaid.gateway.auth import OPEN, SEALED
from mulaid.gateway.dialect import Profile, profiles
from mulaid.money import Fen, parse_yuan

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
CUT_SECONDS = 0.2
INTERNAL = "〔message.internal〕"
STYLE = """
body { font: 16px/1.5 -apple-system, "PingFang SC", "Noto Sans CJK SC", "Microsoft YaHei", system-ui, sans-serif; margin: 0 auto;
       max-width: 72rem; padding: 1rem; color: #1c2430; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #d5dbe3; vertical-align: top }
.passed { color: #0b6b3a } .failed { color: #a3201d; font-weight: 600 } .skipped { color: #6a5000 }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; white-space: nowrap }
"""
SIGNS = {PASSED: "✓ passed", FAILED: "✗ failed", SKIPPED: "– skipped"}


class SubjectTrouble(Exception):
    """The subject's description cannot be used; the message says what is missing. For the operator, in English."""


class Skip(Exception):
    """The check does not apply here, or what it needs is not there; the message says why."""


class Unmet(Exception):
    """Something that hospital programs rely on is not so; the message says what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What the server under test knows. `institutions` are by role; codes come from a sandbox at `sandbox`.

    `between` is what happens between a cut and its repair: whoever can restart the server does it there.
    """

    url: str
    profile: Profile
    institutions: Mapping[str, Mapping[str, str]]
    people: Mapping[str, str]
    item: str
    price: Fen
    unknown_item: str
    sandbox: str = ""
    between: Callable[[], object] = lambda: None

    def connection(self, role: str) -> Connection:
        """How an institution reaches the server."""
        given = self.institutions.get(role)
        if given is None:
            raise Skip(f"no institution in the role of {role} is described")
        return Connection(
            given["code"],
            given.get("transport", OPEN),
            given.get("id", ""),
            given.get("key", "").encode(),
            fund_includes_accounts=self.profile.fund_includes_accounts,
            profile=self.profile.name,
            algorithm=given.get("algorithm", "HMAC-SHA256"),
            private=bytes.fromhex(given.get("private", "")),
            cipher=bytes.fromhex(given.get("cipher", "")),
            platform=bytes.fromhex(given.get("platform", "")),
        )


def read_subject(path: Path | None, url: str, profile: str, sandbox: str) -> Subject:
    """The subject from its file, our own sandbox's when none is named; raises SubjectTrouble."""
    from importlib import resources

    text = path.read_text("utf-8") if path else resources.files("mulaid.conform").joinpath("subject.toml").read_text("utf-8")
    try:
        raw = tomllib.loads(text)
        return Subject(
            url=url,
            profile=profiles()[profile],
            institutions=raw["institutions"],
            people={role: row["number"] for role, row in raw["people"].items() if row["number"]},
            item=raw["items"]["class_a"],
            price=parse_yuan(raw["items"]["price"]),
            unknown_item=raw["items"]["unknown"],
            sandbox=sandbox,
        )
    except KeyError as error:
        raise SubjectTrouble(
            f"the subject lacks {error.args[0]!r}, or the profile is unknown ({', '.join(profiles())})"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise SubjectTrouble(f"the subject is not TOML: {error}") from None


class Bench:
    """What one check works with: clients of the institutions, people, bills, and a broken line to order."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._stack = ExitStack()
        self._clients: dict[str, Client] = {}
        self._afterwards: list[Callable[[], object]] = []

    def close(self) -> None:
        """Undo what the check left behind, newest first, so that money does not run out; and give the connections back."""
        for undo in reversed(self._afterwards):
            with suppress(Refused, NoAnswer):
                undo()
        self._stack.close()

    def afterwards(self, undo: Callable[[], object]) -> None:
        """Have something undone when the check is over; what is undone by then may refuse."""
        self._afterwards.append(undo)

    # Who and where

    def client(self, role: str) -> Client:
        """The program of one institution."""
        if role not in self._clients:
            self._clients[role] = self.another(role)
        return self._clients[role]

    def another(self, role: str, **more: Any) -> Client:
        """Another machine of an institution, with settings of its own."""
        connection = self.subject.connection(role)
        return self._stack.enter_context(Client(self.subject.url, connection, **{"timeout": 20, **more}))

    @cached_property
    def hospital(self) -> Client:
        """The hospital's program."""
        return self.client("hospital")

    @cached_property
    def pharmacy(self) -> Client:
        """The pharmacy's program."""
        return self.client("pharmacy")

    def card(self, role: str) -> Certificate:
        """The ID card of somebody; skips where nobody is described in that role."""
        if role not in self.subject.people:
            raise Skip(f"nobody in the role of {role} is described")
        return Certificate("02", self.subject.people[role])

    def person(self, client: Client, role: str) -> tuple[str, Certificate]:
        """Somebody's number at the insurance, and the card."""
        card = self.card(role)
        return str(client.person(card)["baseinfo"]["psn_no"]), card

    def balance(self, client: Client, role: str) -> Decimal:
        """What somebody's own account holds, as 1101 tells."""
        rows = client.person(self.card(role))["insuinfo"]
        return Decimal(rows[0]["balc"]) if rows else Decimal(0)

    def holds(self, client: Client, money: Decimal) -> None:
        """The patient's own account holds exactly this."""
        left = self.balance(client, "aided")
        expect(left == money, f"an own account of {money}", left)

    def code(self, role: str, shown_by: str = "") -> str:
        """A fresh insurance code, shown by the person or a relative; skips where no sandbox makes one."""
        if not self.subject.sandbox:
            raise Skip("codes can be tried only with a sandbox (--sandbox)")
        asked = {"number": self.card(role).number, **({"shown_by": self.card(shown_by).number} if shown_by else {})}
        body = json.dumps(asked)
        try:
            answer = httpx.post(f"{self.subject.sandbox.rstrip('/')}/sandbox/code", content=body, timeout=20)
        except httpx.TransportError as error:
            raise Skip(f"the sandbox does not answer ({type(error).__name__})") from None
        if answer.status_code != 200:
            raise Skip(f"the sandbox gives no code: {answer.text[:200]}")
        return str(answer.json()["code"])

    def nobody(self, client: Client) -> str:
        """A number at the insurance that is like somebody's and is nobody's."""
        known, _ = self.person(client, "aided")
        return known[:-2] + ("11" if known[-2:] != "11" else "22")

    # Bills

    def lines(self, count: int = 2) -> list[Line]:
        """A small bill."""
        return [Line(self.subject.item, self.subject.price, place) for place in range(1, count + 1)]

    def buys(self, role: str = "aided", msgid: str = "", **more: Any) -> Answer:
        """A purchase, to be refunded when the check is over."""
        person, card = self.person(self.pharmacy, role)
        answer = self.pharmacy.buy(person, card, self.lines(), msgid, **more)
        self.remember("pharmacy", answer.paid, "2103")
        return answer

    def purchase(self, role: str = "aided") -> dict[str, Any]:
        """The input of 2101 and 2102."""
        person, card = self.person(self.pharmacy, role)
        given: dict[str, Any] = dict(self.pharmacy.purchase(person, card, self.lines()))
        return given

    def bill(self, role: str = "aided", client: Client | None = None) -> dict[str, Any]:
        """A visit with uploaded lines: the input of 2206 and 2207."""
        client = client or self.hospital
        person, card = self.person(client, role)
        visit = client.register(person, card, secrets.token_hex(8))
        bill, _ = client.upload(visit, self.lines())
        return dict(client.bill_data(bill))

    def uploads(self, visit: str, person: str, card: Certificate) -> Bill:
        """2204 of a small bill, repeated under its number."""
        client, bill = self.hospital, Bill(Visit(visit, person, card), "1", sum(line.fen for line in self.lines()))
        self.does(client, "2204", client.lines(bill.visit, self.lines()))
        return bill

    def settles(self, given: Mapping[str, Any], msgid: str = "", client: Client | None = None) -> Answer:
        """2207 of such a bill, to be refunded when the check is over."""
        client = client or self.hospital
        answer = client.call("2207", {"data": given}, msgid)
        self.remember("hospital", answer.paid, "2208")
        return answer

    def settles_stay(self, bill: Bill) -> Info:
        """2304 of a stay, repeated under its number; to be refunded when the check is over."""
        output = self.does(self.hospital, "2304", {"data": self.hospital.bill_data(bill)})
        self.remember("hospital", output["setlinfo"], "2305")
        return dict(output["setlinfo"])

    def remember(self, role: str, paid: Info, infno: str) -> None:
        """Have a settlement refunded when the check is over."""
        self.afterwards(lambda: self.client(role).refund(paid, infno=infno))

    def stay(self, role: str = "aided", *, used: int = 2) -> tuple[Visit, Bill]:
        """A stay with what it used, to be cancelled when the check is over."""
        client = self.hospital
        person, card = self.person(client, role)
        stay = client.admit(person, card, secrets.token_hex(8))
        whole = {"mdtrt_id": stay.id, "psn_no": person}
        self.afterwards(lambda: client.call("2404", {"data": whole}))
        bill = client.use(stay, self.lines(used))
        self.afterwards(lambda: client.call("2302", {"data": [{**whole, "feedetl_sn": "0000"}]}))
        self.afterwards(lambda: client.call("2405", {"data": whole}))
        return stay, bill

    # What is the same for every transaction

    def asks(self, client: Client, infno: str, given: Any) -> Any:
        """The output of a question, which must be in the form of the contract."""
        answer = client.call(infno, given)
        in_form(infno, answer, sealed=client.connection.transport == SEALED)
        return answer.output

    def does(self, client: Client, infno: str, given: Any) -> Any:
        """The output of an act, in the form of the contract; the same message again must get the stored answer."""
        msgid = client.new_msgid()
        answer = client.call(infno, given, msgid)
        in_form(infno, answer, sealed=client.connection.transport == SEALED)
        again = client.call(infno, given, msgid)
        expect(again.output == answer.output, f"{infno}: the stored answer for the same message", again.output)
        return answer.output

    # Raw messages

    def raw(self, client: Client, infno: str, given: Any, msgid: str = "", **envelope: Any) -> httpx.Response:
        """A message exactly as given; `envelope` replaces members, None leaves one out."""
        return self.post(client, infno, self.text(client, infno, given, msgid, **envelope))

    def text(self, client: Client, infno: str, given: Any, msgid: str = "", **envelope: Any) -> bytes:
        """The bytes of a message; a sealed one has no envelope."""
        if client.connection.transport == SEALED:
            return client.message(infno, msgid, given)
        message = {**client.envelope(infno, msgid or client.new_msgid(), given), **envelope}
        return dressed(client.connection, {name: value for name, value in message.items() if value is not None})

    def post(self, client: Client, infno: str, body: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Signed bytes, once; a dead line is Unmet."""
        try:
            signed = {**client.headers(infno, body), **(headers or {})}
            return client.http.post(client.address_of(infno), content=body, headers=signed)
        except httpx.TransportError as error:
            raise Unmet(f"{infno}: no answer came ({type(error).__name__})") from None

    def refused(self, client: Client, infno: str, given: Any, **envelope: Any) -> str:
        """A message that must be refused, with words; the words."""
        return self.refusal(self.raw(client, infno, given, **envelope), infno)

    def refusal(self, answer: httpx.Response, about: str) -> str:
        """The words of a refusal: HTTP 200 (401 for a caller that cannot prove who it is), infcode -1, Chinese err_msg."""
        message = self.message(answer, about, (200, 401))
        expect(str(message.get("infcode")) == "-1", f"{about}: infcode -1", message.get("infcode"))
        words = str(message.get("err_msg") or "")
        expect(any("\u4e00" <= sign <= "\u9fff" for sign in words), f"{about}: err_msg says in Chinese what is wrong", words)
        expect(INTERNAL not in words, f"{about}: a reason, not a failure of the server's own", words)
        return words

    def message(self, answer: httpx.Response, about: str, statuses: Sequence[int] = (200,)) -> dict[str, Any]:
        """An answer as JSON; anything else is Unmet."""
        expect(answer.status_code in statuses, f"{about}: HTTP {' or '.join(map(str, statuses))}", answer.status_code)
        try:
            message = as_usual(self.subject.connection("hospital"), about.partition(" ")[0], answer.content)
        except ValueError:
            raise Unmet(f"{about}: the answer is not in the connection's form: {answer.text[:120]!r}") from None
        expect(isinstance(message, dict), f"{about}: the answer is an object", type(message).__name__)
        return dict(message)

    def cut(self, client: Client, infno: str, body: bytes, *, sent: float, wait: bool) -> None:
        """Send a part of a message (`sent` 0 to 1) and break the line; with `wait` the server gets time to carry it out first."""
        parts = urlsplit(client.address_of(infno))
        headers = {"Host": parts.netloc, "Content-Length": str(len(body)), **client.headers(infno, body)}
        head = f"POST {parts.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        whole = head.encode() + body
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "", port), timeout=10) as line:
            wire = (
                ssl.create_default_context().wrap_socket(line, server_hostname=parts.hostname)
                if parts.scheme == "https"
                else line
            )
            wire.sendall(whole[: len(head) + int(len(body) * sent)] if sent else whole[: len(head) // 2])
            if wait:
                time.sleep(CUT_SECONDS)


def expect(holds: bool, what: str, got: object) -> None:
    """Raises Unmet unless it holds."""
    if not holds:
        raise Unmet(f"expected {what}; got {got!r}")


def in_form(infno: str, answer: Answer, *, sealed: bool = False) -> None:
    """The output has every member of the contract, in its type; a sealed envelope carries `data` alone."""
    faults = contract.answer_faults(infno, answer.output)
    if sealed:
        faults = [fault for fault in faults if fault.startswith("data")]
    expect(not faults, f"{infno} in the form of the contract", "; ".join(faults[:5]))


Work = Callable[[Bench], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that programs rely on."""

    id: str
    says: str
    work: Work


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a check; `why` is empty when it passed."""

    check: Check
    outcome: str
    why: str
    seconds: float


@dataclass(slots=True)
class Report:
    """All results of one run."""

    subject: Subject
    results: list[Result] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        """How many ended so."""
        return sum(result.outcome == outcome for result in self.results)


CHECKS: list[Check] = []


def check(id: str, says: str) -> Callable[[Work], Work]:
    """Registers a check; `says` is the sentence of the report."""

    def keep(work: Work) -> Work:
        CHECKS.append(Check(id, says, work))
        return work

    return keep


def run(subject: Subject, only: Sequence[str] = (), told: Callable[[Result], None] = lambda _: None) -> Report:
    """Every check, one after the other, each on a bench of its own."""
    report = Report(subject)
    for one in chosen(only):
        began = time.monotonic()
        outcome, why = _carry_out(one, subject)
        report.results.append(Result(one, outcome, why, time.monotonic() - began))
        told(report.results[-1])
    return report


def chosen(only: Sequence[str]) -> Iterator[Check]:
    """The checks whose id begins with one of the given, or all."""
    yield from (one for one in CHECKS if not only or one.id.startswith(tuple(only)))


def _carry_out(one: Check, subject: Subject) -> tuple[str, str]:
    bench = Bench(subject)
    try:
        one.work(bench)
        return PASSED, ""
    except Skip as skip:
        return SKIPPED, str(skip)
    except (Unmet, WrongMoney) as unmet:
        return FAILED, str(unmet)
    except Refused as refused:
        return FAILED, f"refused: {refused.err_msg}"
    except NoAnswer as lost:
        return FAILED, str(lost)
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError) as wrong:
        return FAILED, f"the answer lacks what a program reads: {type(wrong).__name__} {wrong}"
    finally:
        bench.close()


def as_plain(report: Report) -> dict[str, Any]:
    """The report as JSON types."""
    return {
        "url": report.subject.url,
        "profile": report.subject.profile.name,
        "passed": report.count(PASSED),
        "failed": report.count(FAILED),
        "skipped": report.count(SKIPPED),
        "checks": [
            {
                "id": result.check.id,
                "says": result.check.says,
                "outcome": result.outcome,
                "why": result.why,
                "milliseconds": int(result.seconds * 1000),
            }
            for result in report.results
        ],
    }


def as_json(report: Report) -> str:
    """For programs."""
    return json.dumps(as_plain(report), ensure_ascii=False, indent=2) + "\n"


def as_junit(report: Report) -> str:
    """For build servers."""
    suite = ElementTree.Element(
        "testsuite",
        name=f"conform {report.subject.profile.name}",
        tests=str(len(report.results)),
        failures=str(report.count(FAILED)),
        skipped=str(report.count(SKIPPED)),
    )
    for result in report.results:
        case = ElementTree.SubElement(
            suite, "testcase", classname=result.check.id.partition(".")[0], name=result.check.id, time=f"{result.seconds:.3f}"
        )
        if result.outcome == FAILED:
            ElementTree.SubElement(case, "failure", message=result.why[:500]).text = result.check.says
        elif result.outcome == SKIPPED:
            ElementTree.SubElement(case, "skipped", message=result.why[:500])
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def as_html(report: Report) -> str:
    """For people: what failed comes first."""
    order = {FAILED: 0, SKIPPED: 1, PASSED: 2}
    rows = [
        f'<tr><td class="{result.outcome}">{SIGNS[result.outcome]}</td><td><code>{escape(result.check.id)}</code></td>'
        f"<td>{escape(result.check.says)}{'<br>' + escape(result.why) if result.why else ''}</td></tr>"
        for result in sorted(report.results, key=lambda result: order[result.outcome])
    ]
    counts = f"{report.count(PASSED)} passed, {report.count(FAILED)} failed, {report.count(SKIPPED)} skipped"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Conformance</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body><main>'
        f"<h1>Conformance of {escape(report.subject.url)}</h1><p>Profile {escape(report.subject.profile.name)}: "
        f"{escape(report.subject.profile.title)}</p><p>{counts}</p>"
        "<table><thead><tr><th>Outcome</th><th>Check</th><th>What programs rely on</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
        "</main></body></html>\n"
    )


FORMS: dict[str, Callable[[Report], str]] = {"html": as_html, "junit": as_junit, "json": as_json}


def keep(report: Report, paths: dict[str, Path | None]) -> None:
    """Write the wanted forms to their files."""
    for form, path in paths.items():
        if path is not None:
            path.write_text(FORMS[form](report), "utf-8")
