"""`mulaid sandbox`: a database of its own, the people, and the door, until Ctrl-C.

Hospital messages pass through the ordered faults to the gateway; /sandbox/ is the control panel, one page that shows the state,
made without a script so that it can be reloaded at any time.

It is a server of the standard library, because ordering a fault means holding the socket: cutting a connection after the
commit is nothing an application server lets an application do.
"""

from __future__ import annotations

import io
import json
import re
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

from mulaid.calendar import SHANGHAI, stamp
from mulaid.gateway.dialect import LARGEST_UPLOAD, profiles, reply
from mulaid.refusal import Refusal, catalogue
from mulaid.sandbox.faults import Fault, Script
from mulaid.sandbox.world import Heard, World
from mulaid.serve import ServeTrouble, installation
from mulaid.settings import Settings

CONTROL = "/sandbox/"
LARGEST_ORDER = 4 * 1024 * 1024
INFNO = re.compile(rb'"infno"\s*:\s*"([0-9A-Za-z.]{1,64})"', re.ASCII)
STYLE = """
body { font: 16px/1.5 -apple-system, "PingFang SC", "Noto Sans CJK SC", "Microsoft YaHei", system-ui, sans-serif; margin: 0 auto;
       max-width: 72rem; padding: 1rem; color: #1c2430; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #d5dbe3; white-space: nowrap }
td.long { white-space: normal; min-width: 18rem }
.good { color: #0b6b3a } .bad { color: #a3201d; font-weight: 600 }
.note { background: #fff6dc; padding: .5rem .8rem; border-left: 4px solid #b87700 }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace }
"""
Say = Callable[[str], None]


class Reply(NamedTuple):
    """An HTTP answer of the gateway."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


class Door(ThreadingHTTPServer):
    """The listening sandbox; every connection has a thread."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], world: World) -> None:
        self.world, self.script = world, Script()
        super().__init__(address, Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A line that broke is the other side's business, and often ordered; everything else is ours and is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # the library's own stub is narrower

    def pass_on(self, environ: dict[str, Any], body: bytes) -> Reply:
        """What the gateway answers to a message."""
        told: list[tuple[str, list[tuple[str, str]]]] = []
        given = {**environ, "wsgi.input": io.BytesIO(body)}
        chunks = self.world.gateway(given, lambda status, headers: told.append((status, headers)))
        answer = b"".join(chunks)
        return Reply(told[0][0], told[0][1], answer)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # Head and body leave together; apart, the second would wait for the other side's acknowledgement of the first.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Door
    timeout = 60

    def handle_expect_100(self) -> bool:
        """Says at once that the body may come; C# programs wait for it with every message."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def log_message(self, format: str, *values: object) -> None:
        """Nothing: a log would hold what messages say; the control panel shows what came in."""

    def do_GET(self) -> None:
        """The control panel and the gateway's health."""
        if self.path.startswith(CONTROL) or self.path == "/":
            self._control(b"")
        else:
            self._send(self.server.pass_on(self._environ(b""), b""))

    def do_POST(self) -> None:
        """A hospital's message, or an order to the sandbox."""
        most = LARGEST_ORDER if self.path.startswith(CONTROL) else LARGEST_UPLOAD + 1
        body = self._body(most)
        if self.path.startswith(CONTROL):
            self._control(body)
        else:
            self._message(body)

    def _body(self, most: int) -> bytes:
        """The body, by its length or in chunks; what is more than `most` is left where it is, and the connection ends."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks(most)
        declared = self.headers.get("Content-Length") or "0"
        length = int(declared) if declared.isascii() and declared.isdecimal() else 0
        if length > most:
            self.close_connection = True
        return self.rfile.read(min(length, most))

    def _chunks(self, most: int) -> bytes:
        body = b""
        while len(body) <= most:
            digits = self.rfile.readline(20).partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", digits):
                break
            if not (size := int(digits, 16)):
                while self.rfile.readline(1000).strip():
                    pass
                return body
            body += self.rfile.read(min(size, most + 1))
            self.rfile.readline(10)
        self.close_connection = True
        return body

    # Messages and their faults

    def _message(self, body: bytes) -> None:
        found = INFNO.search(body)
        infno = found[1].decode() if found else ""
        faults = self.server.script.meet(infno)
        environ = self._environ(body)
        try:
            answer = self._carry_out(environ, body, faults)
        except Refusal as refusal:
            answer = self._refused(refusal)
        self.server.world.heard.append(self._heard(infno, body, answer, faults))
        if answer is None or any(fault.do == "lose_answer" for fault in faults):
            self._cut()
            return
        for fault in faults:
            if fault.do == "delay":
                time.sleep(fault.given["seconds"])
            elif fault.do == "status_after":
                answer = _empty(fault)
        self._send(answer)

    def _carry_out(self, environ: dict[str, Any], body: bytes, faults: list[Fault]) -> Reply | None:
        """The gateway's answer, or the fault's; None where the connection is to be cut before anything happened."""
        world = self.server.world
        for fault in faults:
            given = fault.given
            if fault.do == "drop":
                return None
            if fault.do == "status":
                return _empty(fault)
            if fault.do == "refuse":
                raise _any_refusal(given["code"])
            if fault.do == "empty_account":
                world.empty_account(str(given["number"]))
            elif fault.do == "end_relation":
                world.end_relation(str(given["giver"]), str(given["receiver"]))
        hours = sum(fault.given["hours"] for fault in faults if fault.do == "clock_off")
        if any(fault.do == "twice" for fault in faults):
            return self._twice(environ, body)
        world.clock_off(hours)
        try:
            return self.server.pass_on(environ, body)
        finally:
            world.clock_off(0)

    def _twice(self, environ: dict[str, Any], body: bytes) -> Reply:
        answers: list[Reply] = []
        both = [threading.Thread(target=lambda: answers.append(self.server.pass_on(environ, body))) for _ in range(2)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        return answers[0]

    def _refused(self, refusal: Refusal) -> Reply:
        text = reply(profiles()["national"], "000000", 0, self.server.world.now(), error=refusal.sentence)
        return Reply("200 OK", [("Content-Type", "application/json; charset=utf-8")], text.encode())

    def _heard(self, infno: str, body: bytes, answer: Reply | None, faults: list[Fault]) -> Heard:
        asked, told = _members(body), _members(answer.body if answer else b"")
        return Heard(
            at=stamp(self.server.world.now()),
            infno=infno,
            msgid=str(asked.get("msgid", ""))[:64],
            institution=str(asked.get("fixmedins_code", ""))[:14],
            status=answer.status if answer else "",
            infcode=str(told.get("infcode", told.get("code", ""))),
            said=str(told.get("err_msg") or told.get("message") or "")[:300],
            fault="、".join(fault.do for fault in faults),
        )

    # Orders

    def _control(self, body: bytes) -> None:
        try:
            status, kind, text = self._order(self.path.partition("?")[0], body)
        except Refusal as refusal:
            told = {"error": refusal.code, "message": refusal.sentence}
            status, kind, text = refusal.status, "application/json", json.dumps(told, ensure_ascii=False)
        self._send(Reply(str(status), [("Content-Type", f"{kind}; charset=utf-8"), ("Cache-Control", "no-store")], text.encode()))

    def _order(self, path: str, body: bytes) -> tuple[int, str, str]:
        world, script = self.server.world, self.server.script
        if self.command == "GET":
            if path in ("/", CONTROL):
                return 200, "text/html", render_page(world.state(), script.waiting())
            if path == CONTROL + "style.css":
                return 200, "text/css", STYLE
            if path == CONTROL + "state":
                return 200, "application/json", json.dumps({**world.state(), "faults": script.waiting()}, ensure_ascii=False)
            raise Refusal("sandbox.unknown_order")
        given = _given(body) if path != CONTROL + "people" else {}
        if path == CONTROL + "reset":
            world.reset()
            script.order([])
        elif path == CONTROL + "people":
            world.reset(_people(body))
            script.order([])
        elif path == CONTROL + "code":
            digits, until = world.code(_text(given, "number"), str(given.get("shown_by", "")))
            return 200, "application/json", json.dumps({"code": digits, "until": until})
        elif path == CONTROL + "clock":
            world.move_clock(_moment(given))
        elif path == CONTROL + "faults":
            script.order(given.get("script"))
        else:
            raise Refusal("sandbox.unknown_order")
        return 200, "application/json", json.dumps({"done": True, "now": stamp(world.now()), "faults": script.waiting()})

    # HTTP

    def _environ(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "SCRIPT_NAME": "",
            "RAW_URI": self.path,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)) if body else self.headers.get("Content-Length") or "0",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "REMOTE_ADDR": self.client_address[0],
        }
        for name in set(self.headers.keys()):
            key = "HTTP_" + name.upper().replace("-", "_")
            environ[key] = ",".join(self.headers.get_all(name) or [])
        return environ

    def _send(self, answer: Reply) -> None:
        status, _, reason = answer.status.partition(" ")
        self.send_response(int(status), reason or None)
        for name, value in answer.headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _cut(self) -> None:
        """End the connection as a broken line does: no answer, no tidy close."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def _empty(fault: Fault) -> Reply:
    return Reply(str(fault.given["status"]), [("Content-Type", "text/plain")], b"")


def _any_refusal(code: str) -> Refusal:
    """A refusal of the catalogue whose facts nobody knows."""
    words = catalogue()[code]
    names = {name for _, name, _, _ in Formatter().parse(words.says + words.next) if name}
    return Refusal(code, **dict.fromkeys(names, "…"))


def _members(raw: bytes) -> dict[str, Any]:
    try:
        message = json.loads(raw)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _given(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refusal("sandbox.bad_order", about="应为 JSON 对象")
    return given


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise Refusal("sandbox.bad_order", about=f"缺少 {name}")
    return value


def _people(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Refusal("sandbox.bad_people", about="应为 UTF-8 文本") from None


def _moment(given: Mapping[str, Any]) -> datetime | None:
    text = given.get("at")
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        raise Refusal("sandbox.bad_clock") from None
    return at if at.tzinfo else at.replace(tzinfo=SHANGHAI)


def render_page(state: Mapping[str, Any], waiting: Sequence[Mapping[str, Any]]) -> str:
    """The whole page."""
    wrong = state["books"]
    books = '<p class="good">账目正确：各账合计为零，流水与余额一致，每个决定都能重算。</p>'
    if wrong:
        books = '<p class="bad">账目有误：' + "；".join(escape(text) for text in wrong) + "</p>"
    parts = [
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>沙箱 · mulaid</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/sandbox/style.css">',
        "</head><body><main><h1>医保沙箱</h1>",
        '<p class="note">这里的人、机构和钱都是编的，演示环境，随时可以清空重来。</p>',
        f"<p>沙箱时间：{escape(state['now'])}。<a href='/sandbox/'>刷新</a></p>",
        books,
        "<h2>等待发生的故障</h2>",
        _table(("故障", "交易", "先放过", "还有几次", "参数"), (_fault(row) for row in waiting), "没有安排故障。"),
        "<h2>最近的报文</h2>",
        _table(
            ("时间", "交易", "机构", "msgid", "HTTP", "infcode", "答复", "故障"),
            (
                (m["at"], m["infno"], m["institution"], m["msgid"], m["status"], m["infcode"], m["said"], m["fault"])
                for m in state["messages"]
            ),
            "还没有收到报文。",
        ),
        "<h2>人</h2>",
        _table(
            ("姓名", "身份证号", "人员编号", "参保地", "状态", "账户"),
            (
                (
                    p["name"],
                    p["number"],
                    p["psn_no"],
                    p["region"],
                    p["status"],
                    "，".join(f"{k} {v}" for k, v in p["accounts"].items()),
                )
                for p in state["people"]
            ),
            "还没有人。",
        ),
        "<h2>家庭共济</h2>",
        _table(
            ("付款的家人", "使用的人", "状态", "已用"),
            ((r["giver"], r["receiver"], r["status"], r["used"]) for r in state["relations"]),
            "还没有授权。",
        ),
        "</main></body></html>",
    ]
    return "".join(parts)


def _fault(row: Mapping[str, Any]) -> tuple[str, ...]:
    told = {"do", "infno", "skip", "times"}
    rest = "，".join(f"{name}={value}" for name, value in row.items() if name not in told)
    return str(row["do"]), str(row["infno"]) or "任何", str(row["skip"]), str(row["times"]), rest


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> str:
    body = ["<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows]
    if not body:
        return f"<p>{escape(empty)}</p>"
    head = "".join(f"<th scope='col'>{escape(text)}</th>" for text in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def run(settings: Settings, say: Say, *, port: int, people: Path | None) -> int:
    """Serve until told to stop. Refuses a production profile and a people file that cannot be used."""
    with sandbox(settings, say, port=port, people=people) as door:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        address = f"http://127.0.0.1:{door.server_address[1]}"
        say(f"== ready: {address}/fsi/api for hospital programs, {address}/sandbox/ to look and to order faults; Ctrl-C stops it")
        stop.wait()
    return 0


@contextmanager
def sandbox(settings: Settings, say: Say, *, port: int, people: Path | None = None) -> Iterator[Door]:
    """A running sandbox, filled anew; port 0 takes a free one."""
    if not settings.allows_test_people:
        raise Refusal("sandbox.not_here")
    apart = replace(settings, data=settings.data / "sandbox")
    with installation(apart, lambda text: say(f"== {text}")) as installed:
        world = World(installed, people.read_text("utf-8") if people else None)
        try:
            world.reset()
            try:
                door = Door(("127.0.0.1", port), world)
            except OSError as error:
                raise ServeTrouble(f"port {port} cannot be used ({error.strerror}); choose another with --port") from None
            serving = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
            serving.start()
            try:
                yield door
            finally:
                door.shutdown()
                door.server_close()
        finally:
            world.close()
