"""How fast: our complete signed 2207 against pgbench's own TPC-B-like script on the same PostgreSQL, interleaved in one run.

A settlement here is everything a hospital sees: signed HTTP, contract check, stored key, five fee lines gathered, three payers,
journal, entries, audit, outbox, decision with trace, stored answer, commit on disk. Read the ratios; absolute rates belong to one
machine. Beside it, how fast a month is credited to everybody: a made-up population, the real walk over it, where its time goes.
"""

from __future__ import annotations

import json
import os
import random
import re
import secrets
import selectors
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from mulaid import jobs, refs, schema
from mulaid.calendar import business_date, month_of, stamp, wall_clock
from mulaid.crypto import Keys
from mulaid.db import Actor, Database, process_url
from mulaid.gateway.auth import mulaid1_signature, mulaid1_text
from mulaid.ledger import chart, statement
from mulaid.money import yuan
from mulaid.people.enrolment import BUCKETS
from mulaid.policy import crediting as law
from mulaid.policy.pack import library
from mulaid.postgres import Server
from mulaid.proof.verify import faults
from mulaid.serve import gateway_command, web_command
from mulaid.settings import Settings

Say = Callable[[str], None]
HOSPITAL, CLIENT, REGION, BOOK = "H42010000001", "bench", "420100", 4201 * 16
SECRET = b"bench-secret-of-32-bytes-exactly"
SCALE = 10
GIVERS = 2000
LINES = 5
WORKERS = 2
KINDS = ("uniform", "hot_payer")
OK = b'{"infcode":0,'
CHANCE = secrets.SystemRandom()
REGIONS = ("110000", "420100", "310100", "610100")
RETIRED_OF_TEN = 3
Row = tuple[int, UUID, str, str]


@dataclass(frozen=True, slots=True)
class Bill:
    """A visit whose lines are uploaded, waiting to be settled."""

    patient: UUID
    visit: UUID


@dataclass(frozen=True, slots=True)
class Scratch:
    """An installation to measure."""

    server: Server
    settings: Settings
    url: str
    keys: Keys

    @property
    def postmaster(self) -> int:
        """The first process of the server."""
        return int((self.server.cluster / "postmaster.pid").read_text("utf-8").split("\n", 1)[0])


@dataclass(frozen=True, slots=True)
class Door:
    """A door that is being served, and its first process."""

    port: int
    pid: int


@dataclass(slots=True)
class Round:
    """What one interleaved round measured, per second."""

    pgbench: float
    settled: dict[str, float]


def run(say: Say, *, rounds: int, seconds: float, clients: int, profile: bool) -> int:
    """Measure, print the ratios with medians and spread, write bench.json; exit code 1 when an answer or the books are wrong."""
    with scratch("test") as place, served(place) as door:
        say("== preparing pgbench and the hospital's day")
        _pgbench(place.server, "-i", "-q", "-s", str(SCALE), prepare=True)
        town = _Town(place.url, place.keys)
        town.settle_in()
        if profile:
            return _profile(say, place, town, door, clients)
        return _measure(say, place.server, town, door.port, place.url, place.keys, rounds, seconds, clients)


def _measure(
    say: Say, server: Server, town: _Town, port: int, url: str, keys: Keys, rounds: int, seconds: float, clients: int
) -> int:
    cores = f"{os.cpu_count()} cores, load generator on the same machine"
    say(f"== {rounds} rounds of {seconds:g} s each, {clients} clients, {cores}")
    measured: list[Round] = []
    expected = 600.0
    for number in range(rounds + 1):
        bills = {kind: town.bills(kind, int(expected * seconds * 1.6) + 50) for kind in KINDS}
        _checkpoint(url)
        settled = {}
        reference = _pgbench(server, "-n", "-c", str(clients), "-j", "2", "-T", f"{seconds:g}")
        for kind in KINDS:
            rate, wrong = _load(port, town.messages(bills[kind]), clients, seconds)
            if wrong:
                say(f"wrong answer: {wrong[:600]!r}")
                return 1
            settled[kind] = rate
        expected = max(*settled.values(), 100.0)
        if number:  # the first round warms caches, plans and connections
            measured.append(Round(reference, settled))
            told = ", ".join(f"{kind} {rate:.0f} ({rate / reference:.2f})" for kind, rate in settled.items())
            say(f"   round {number}: pgbench {reference:.0f} per second, settlements {told}")
    return _report(say, measured, url, keys)


def _report(say: Say, measured: Sequence[Round], url: str, keys: Keys) -> int:
    told: dict[str, Any] = {}
    for kind in KINDS:
        ratios = sorted(entry.settled[kind] / entry.pgbench for entry in measured)
        median, low, high = statistics.median(ratios), ratios[0], ratios[-1]
        told[kind] = {"median": round(median, 3), "min": round(low, 3), "max": round(high, 3)}
        say(f"settlement : pgbench, {kind:9} median {median:.2f}  ({low:.2f} to {high:.2f})")
    result = {
        "settlement_vs_pgbench": told,
        "per_second": {
            "pgbench": round(statistics.median(entry.pgbench for entry in measured)),
            **{kind: round(statistics.median(entry.settled[kind] for entry in measured)) for kind in KINDS},
        },
        "cores": os.cpu_count(),
        "rounds": len(measured),
    }
    db = Database(url, keys, size=2)
    try:
        with db.reading(wall_clock(), Actor("bench", "cli")) as tx:
            wrong = list(faults(tx))
    finally:
        db.close()
    say("the books are right after every settlement" if not wrong else f"{len(wrong)} faults, the first: {wrong[0]}")
    Path("bench.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    say("written to bench.json")
    return 1 if wrong else 0


def _pgbench(server: Server, *arguments: str, prepare: bool = False) -> float:
    """pgbench's built-in TPC-B-like script; transactions per second without connection times."""
    place = conninfo_to_dict(server.url("pgbench"))
    if prepare:
        schema.ensure_database(server.url("pgbench"))
    where = ["-h", str(place["host"]), "-p", str(place["port"]), "-U", str(place["user"])]
    done = subprocess.run(
        [str(server.binary("pgbench")), *arguments, *where, "pgbench"], capture_output=True, text=True, check=True
    )
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    return float(found[1]) if found else 0.0  # a preparation prints no rate


def _checkpoint(url: str) -> None:
    """Before each round, so that no side pays for the pages the other one made dirty."""
    with psycopg.connect(url, autocommit=True) as connection:
        # Not of empty tables: a plan that takes a table to be empty for good reads the whole of it as it grows.
        filled = connection.execute(
            "select relname from pg_stat_user_tables where schemaname = 'mulaid' and n_live_tup > 0"
        ).fetchall()
        for (table,) in filled:
            connection.execute(SQL("vacuum analyze {}").format(Identifier("mulaid", table)))
        connection.execute("checkpoint")


@contextmanager
def scratch(profile: str) -> Iterator[Scratch]:
    """A PostgreSQL with fsync on and everything migrated, gone afterwards. One a process, because Django knows one database."""
    folder = Path(tempfile.mkdtemp(prefix="mulaid-bench-"))
    folder.chmod(0o711)
    try:
        with Server(folder / "postgres", {"max_connections": "100"}) as server:
            settings = Settings(folder, None, 0, 0, WORKERS, profile)
            url = server.url("mulaid")
            yield Scratch(server, settings, url, schema.migrate(settings, url, lambda text: None))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def served(place: Scratch, door: str = "gateway", **more: str) -> Iterator[Door]:
    """The gateway, or the web, exactly as `serve` starts it, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = dict(os.environ)
    environment.update(
        MULAID_DATABASE_URL=process_url(place.url, f"mulaid_{door}", embedded=True),
        MULAID_DATA=str(place.settings.data),
        MULAID_PROFILE=place.settings.profile,
        DJANGO_SETTINGS_MODULE="mulaid.web.settings",
        **more,
    )
    command = gateway_command(port, WORKERS) if door == "gateway" else web_command(port)
    child = subprocess.Popen(command, env=environment)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield Door(port, child.pid)
    finally:
        child.terminate()
        child.wait()


class _Town:
    """People and visits made in bulk: what is measured is settling, not setting up."""

    def __init__(self, url: str, keys: Keys) -> None:
        self.url, self.keys = url, keys
        self.now = wall_clock()
        self.givers: list[UUID] = []
        self.serial = 0

    def settle_in(self) -> None:
        """The hospital, its connection, the catalogue, and everybody who gives."""
        secret = self.keys.seal("client", f"client|secret|{CLIENT}", SECRET)
        with psycopg.connect(self.url, autocommit=True) as c:
            c.execute(
                "insert into mulaid.institution (code, name, kind, region, level, book) values (%s, '测速医院', 1, %s, 'L3', %s)",
                (HOSPITAL, REGION, BOOK),
            )
            c.execute(
                "insert into mulaid.client (id, institution, transport, profile, secret)"
                " values (%s, %s, 'mulaid1', 'mulaid1', %s)",
                (CLIENT, HOSPITAL, secret),
            )
        self.givers = [refs.mint(BOOK, self.now) for _ in range(GIVERS)]
        self._people(self.givers, 10**9)

    def bills(self, kind: str, count: int) -> list[Bill]:
        """Visits of fresh patients with 20 yuan of their own and two givers; with `hot_payer` the first is always the same."""
        made = [Bill(refs.mint(BOOK, self.now), refs.mint(BOOK, self.now)) for _ in range(count)]
        self._people([bill.patient for bill in made], 2000)
        with psycopg.connect(self.url) as c:
            self._aid(c, made, hot=kind == "hot_payer")
            self._visits(c, made)
            self._fee_lines(c, made)
        return made

    def _aid(self, c: psycopg.Connection, made: Sequence[Bill], *, hot: bool) -> None:
        """Two givers a patient: the first, bound last, may pay 30 yuan of a bill, the second what it can."""
        always, *others = self.givers
        zone = self.now.tzinfo
        with c.cursor().copy(
            "copy mulaid.aid (book, id, receiver, giver_book, giver, relation, status, filed_at, bound_at, settlement_cap, uses)"
            " from stdin"
        ) as copy:
            for bill in made:
                first, second = CHANCE.sample(others, 2)
                if hot:
                    first = always
                for giver, bound, cap in (
                    (first, datetime(2025, 6, 1, tzinfo=zone), 3000),
                    (second, datetime(2025, 1, 5, tzinfo=zone), None),
                ):
                    aid = refs.mint(BOOK, self.now)
                    copy.write_row((BOOK, aid, bill.patient, BOOK, giver, "parent", "active", bound, bound, cap, ["outpatient"]))

    def _visits(self, c: psycopg.Connection, made: Sequence[Bill]) -> None:
        today = business_date(self.now)
        with c.cursor().copy(
            "copy mulaid.visit (book, id, person, institution, use, number, begun_on, insutype, opened_at) from stdin"
        ) as copy:
            for bill in made:
                copy.write_row((BOOK, bill.visit, bill.patient, HOSPITAL, "outpatient", "1", today, "310", self.now))

    def _fee_lines(self, c: psycopg.Connection, made: Sequence[Bill]) -> None:
        with c.cursor().copy(
            "copy mulaid.fee_line"
            " (book, visit, serial, batch, item, name, fen, in_policy, upfront, over_limit, self_funded, grade, tag, detail)"
            " from stdin"
        ) as copy:
            for bill in made:
                for line in range(LINES):
                    copy.write_row((BOOK, bill.visit, str(line), "B1", "A", "甲类药", 8000, 7200, 800, 0, 0, "02", "", "{}"))

    def _people(self, people: Sequence[UUID], fen: int) -> None:
        born = date(1970, 1, 1)
        journal = [(person, refs.mint(BOOK, self.now)) for person in people]
        with psycopg.connect(self.url) as c:
            with c.cursor().copy(
                "copy mulaid.person (book, id, shown, name, document_kind, document, gender, born) from stdin"
            ) as copy:
                for person in people:
                    self.serial += 1
                    name = self.keys.seal("person", f"person|name|{person}", "王测速")
                    number = self.keys.seal("person", f"person|document|{person}", f"{self.serial:018d}")
                    copy.write_row((BOOK, person, "王*", name, "01", number, "1", born))
            with c.cursor().copy(
                "copy mulaid.enrolment (book, person, valid_from, scheme, region, base, psn_type, status) from stdin"
            ) as copy:
                for person in people:
                    copy.write_row((BOOK, person, date(2020, 1, 1), "310", REGION, "active", "1101", "normal"))
            with c.cursor().copy("copy mulaid.purse (book, holder, kind, balance, last_no) from stdin") as copy:
                for person in people:
                    copy.write_row((BOOK, person, chart.OWN, fen, 1))
            with c.cursor().copy(
                "copy mulaid.journal (book, id, cause, accounts, fens, kinds, business_date, recorded_at) from stdin"
            ) as copy:
                for person, ref in journal:
                    accounts = [chart.crediting(REGION), chart.purse(person, chart.OWN)]
                    copy.write_row((BOOK, ref, "credit", accounts, [-fen, fen], ["credit", "credit"], date(2025, 1, 1), self.now))
            with c.cursor().copy(
                "copy mulaid.entry (book, holder, kind, no, journal, fen, balance, business_date, recorded_at) from stdin"
            ) as copy:
                for person, ref in journal:
                    copy.write_row((BOOK, person, chart.OWN, 1, ref, fen, fen, date(2025, 1, 1), self.now))

    def messages(self, bills: Sequence[Bill]) -> list[bytes]:
        """Complete signed HTTP requests; signed now, because signatures age."""
        made = []
        now = wall_clock()
        for place, bill in enumerate(bills):
            msgid = f"{HOSPITAL}{int(now.timestamp() * 1000) % 10**10:010d}{place:08d}"
            data = {
                "psn_no": refs.show(refs.PERSON, bill.patient), "mdtrt_cert_type": "02", "mdtrt_cert_no": "", "med_type": "11",
                "medfee_sumamt": 400.00, "psn_setlway": "01", "mdtrt_id": refs.show(refs.VISIT, bill.visit), "chrg_bchno": "B1",
                "acct_used_flag": "1", "insutype": "310", "invono": "", "fulamt_ownpay_amt": 0.00, "overlmt_selfpay": 0.00,
                "preselfpay_amt": 40.00, "inscp_scp_amt": 360.00,
            }  # fmt: skip
            message = {
                "infno": "2207", "msgid": msgid, "mdtrtarea_admvs": REGION, "insuplc_admdvs": REGION,
                "recer_sys_code": "01", "dev_no": "", "dev_safe_info": "", "cainfo": "", "signtype": "", "infver": "V1.0",
                "opter_type": "1", "opter": "001", "opter_name": "收费员", "inf_time": stamp(now), "fixmedins_code": HOSPITAL,
                "fixmedins_name": "测速医院", "sign_no": "", "input": {"data": data},
            }  # fmt: skip
            made.append(_signed(json.dumps(message, ensure_ascii=False).encode(), int(now.timestamp())))
        return made


def _signed(body: bytes, now: int) -> bytes:
    nonce, path = secrets.token_hex(16), "/fsi/api/outpatientSettleService/saveSettletmentV2"
    text = mulaid1_text("HMAC-SHA256", "POST", path, "", CLIENT, str(now), nonce, body)
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"X-Mulaid-Client: {CLIENT}\r\nX-Mulaid-Timestamp: {now}\r\nX-Mulaid-Nonce: {nonce}\r\nX-Mulaid-Alg: HMAC-SHA256\r\n"
        f"X-Mulaid-Signature: {mulaid1_signature('HMAC-SHA256', SECRET, text)}\r\n\r\n"
    ).encode() + body


def _load(port: int, messages: list[bytes], clients: int, seconds: float) -> tuple[float, bytes]:
    """Keep `clients` connections busy for a while; (answers a second, the first wrong answer)."""
    selector = selectors.DefaultSelector()
    waiting = iter(messages)
    buffers: dict[socket.socket, bytearray] = {}
    for _ in range(clients):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        buffers[connection] = bytearray()
    started = time.perf_counter()
    for connection in buffers:
        connection.sendall(next(waiting))
    answered, wrong, busy = 0, b"", clients
    while busy and not wrong:
        for key, _ in selector.select(timeout=30):
            link = key.fileobj
            assert isinstance(link, socket.socket)
            buffer = buffers[link]
            chunk = link.recv(65536)
            buffer += chunk
            body = _whole(buffer)
            if body is None and chunk:
                continue
            if body is None or not body.startswith(OK):
                wrong = bytes(body or b"the connection was closed")
                break
            answered += 1
            buffer.clear()
            following = next(waiting, None) if time.perf_counter() - started < seconds else None
            if following is None:
                busy -= 1
            else:
                link.sendall(following)
    elapsed = time.perf_counter() - started
    for connection in buffers:
        connection.close()
    return answered / elapsed, wrong


def _whole(buffer: bytearray) -> bytes | None:
    head = buffer.find(b"\r\n\r\n")
    if head < 0:
        return None
    found = re.search(rb"content-length: ([0-9]+)", buffer[:head].lower())
    if not found:
        return b""
    body = bytes(buffer[head + 4 :])
    return body if len(body) >= int(found[1]) else None


def _profile(say: Say, place: Scratch, town: _Town, door: Door, clients: int) -> int:
    """Where a settlement's time goes: processor seconds of gateway, PostgreSQL and load generator over one loaded stretch."""
    processes = {"gateway": door.pid, "postgres": place.postmaster}
    bills = town.bills("uniform", 6000)
    _checkpoint(town.url)
    messages = town.messages(bills)
    _load(door.port, messages[:1500], clients, 5)
    _checkpoint(town.url)  # once more, now that all tables are filled: plans that were made on empty ones are made anew
    before = _processor_seconds(processes)
    began = time.perf_counter()
    rate, wrong = _load(door.port, messages[1500:], clients, 5)
    elapsed = time.perf_counter() - began
    after = _processor_seconds(processes)
    if wrong:
        say(f"wrong answer: {wrong[:600]!r}")
        return 1
    say(f"{rate:.0f} settlements a second over {elapsed:.1f} s")
    for name in after:
        used = after[name] - before.get(name, 0.0)
        say(f"   {name:15} {used / elapsed:5.2f} cores, {used / (rate * elapsed) * 1e6:6.0f} microseconds a settlement")
    return 0


def _processor_seconds(processes: Mapping[str, int]) -> dict[str, float]:
    """Seconds of the processor that each process and all below it have used, and we ourselves; nobody else's."""
    ticks = os.sysconf("SC_CLK_TCK")
    found = {"load generator": sum(os.times()[:2])}
    for name, first in processes.items():
        found[name] = 0.0
        for pid in below(first):
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()
                found[name] += (int(fields[11]) + int(fields[12])) / ticks
    return found


def below(first: int) -> set[int]:
    """A process and all that came of it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if re.fullmatch("[0-9]+", entry.name, re.ASCII):
            with suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text("utf-8").rsplit(")", 1)[1].split()[1])
    found = {first}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def payday(say: Say, people: int) -> int:
    """Credit two months to so many made-up people on a scratch PostgreSQL with fsync on; exit code 1 when a book is wrong."""
    folder = Path(tempfile.mkdtemp(prefix="mulaid-payday-"))
    folder.chmod(0o711)
    try:
        with Server(folder / "postgres", {}) as server:
            url = server.url("mulaid")
            keys = schema.migrate(Settings(folder, None, 0, 0, 2, "test"), url, lambda text: None)
            say(f"== enrolling {people} people")
            _enrol(url, people)
            return _measure_credit(say, url, keys, people)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure_credit(say: Say, url: str, keys: Keys, people: int) -> int:
    month = month_of(business_date(wall_clock()))
    db = Database(url, keys, size=2)
    try:
        for what in ("first month (purses are opened)", "next month"):
            since, used = time.monotonic(), time.process_time()
            came = jobs.credit_everybody(db, library(), month, lambda text: None)
            took, ours = time.monotonic() - since, time.process_time() - used
            say(f"{what}: {came.people} people, {yuan(came.fen)} yuan in {took:.1f} s: {came.people / took:.0f} people a second")
            say(f"  of it {ours:.1f} s of this program's processor time; left out: {came.left_out or 'nobody'}")
            since = time.monotonic()
            again = jobs.credit_everybody(db, library(), month, lambda text: None, again=True)
            say(f"  over everybody once more: {time.monotonic() - since:.1f} s, {again.people - came.people} people credited")
            month = month_of(date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1))
        say(f"  the law alone: {_law_alone(people):.1f} s for as many decisions")
        with db.reading(wall_clock(), Actor("payday", "cli")) as tx:
            found = list(statement.faults(tx))
    finally:
        db.close()
    for fault in found:
        say(fault)
    say("the books are right" if not found else f"{len(found)} faults")
    return 1 if found else 0


def _law_alone(people: int) -> float:
    month = month_of(business_date(wall_clock()))
    who = law.Insured("active", date(1980, 1, 1), wage_base=800_000)
    since = time.monotonic()
    for place in range(people):
        law.month_credit(library().in_force(REGIONS[place % len(REGIONS)], month), who, month)
    return time.monotonic() - since


def _enrol(url: str, people: int) -> None:
    chance, now = random.Random(1), wall_clock()  # noqa: S311 -- made-up people, the same in every payday
    made: list[Row] = []
    for place in range(people):
        region = REGIONS[place % len(REGIONS)]
        book = int(region[:4]) * BUCKETS + chance.randrange(BUCKETS)
        base = "retired" if chance.randrange(10) < RETIRED_OF_TEN else "active"
        made.append((book, refs.mint(book, now), region, base))
    with psycopg.connect(url) as c:
        with c.cursor().copy(
            "copy mulaid.person (book, id, shown, name, document_kind, document, gender, born) from stdin"
        ) as copy:
            for book, person, _, base in made:
                born = date(1950 if base == "retired" else 1985, chance.randrange(1, 13), chance.randrange(1, 29))
                copy.write_row((book, person, "王*", b"", "01", b"", "1", born))
        with c.cursor().copy(
            "copy mulaid.enrolment (book, person, valid_from, scheme, region, base, psn_type, status, retired_on, wage_base)"
            " from stdin"
        ) as copy:
            for book, person, region, base in made:
                retired = date(2010, 1, 1) if base == "retired" else None
                wage = None if base == "retired" else chance.randrange(4_000, 30_000) * 100
                copy.write_row((book, person, date(2020, 1, 1), "310", region, base, "1101", "normal", retired, wage))
    with psycopg.connect(url, autocommit=True) as c:
        c.execute("analyze")
