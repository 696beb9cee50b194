"""Lines that break while the gateway, or the database under it, dies: afterwards both sides agree, and nothing is paid twice.

The cases are dealt, not chosen: every message that moves money, every cut, every way to make it good, with nothing, the gateway's
process or the database killed in between; and for each of these, every transport has one question and one reversal to go through.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest

from door import WAYS, speaks
from mulaid import sm2
from mulaid.client import Client, NoAnswer, Refused
from mulaid.conform import kit, sessions
from mulaid.crypto import Keys
from mulaid.gateway import auth
from mulaid.postgres import Server
from mulaid.sandbox.app import Door
from mulaid.sandbox.world import World
from mulaid.serve import Installation, gateway_command
from mulaid.settings import from_environment

KILLED = ("nothing", "gateway", "database")
SPOKEN = ("national", "mulaid1", "csb", "tif", "zhejiang", "neimenggu", "jilin", "hubei-signed")
"""One profile of each transport that carries the envelope."""
SEALED = "shanxi"
QUICK = {"fsync": "off", "shared_buffers": "32MB", "max_connections": "60"}
PAIRS = [(infno, repair) for infno, repairs in sessions.REPAIRS.items() for repair in repairs]
ASKED = [pair for pair in PAIRS if pair[1] == "ask" and pair[0] != "6202"]
REVERSED = [pair for pair in PAIRS if pair[1] in ("undo", "return") and pair[0] != "6202"]
REPEATED = [pair for pair in PAIRS if pair[1] == "again" and pair[0] != "6202"]


@dataclass(frozen=True, slots=True)
class Case:
    """What is sent by whose program, where its line breaks, who dies then, and how it is made good."""

    profile: str
    infno: str
    cut: str
    killed: str
    repair: str


def dealt() -> Iterator[Case]:
    """Every profile gets a question and a reversal of each slot, other ones in each, and the rest goes round."""
    slots = [(cut, killed) for killed in KILLED for cut in sessions.CUTS]
    for turn, (cut, killed) in enumerate(slots):
        hands = [(profile, ASKED[(place + turn) % len(ASKED)]) for place, profile in enumerate(SPOKEN)]
        hands += [(SPOKEN[place % len(SPOKEN)], pair) for place, pair in enumerate(REVERSED[turn % 9 :] + REVERSED[: turn % 9])]
        hands += [(SPOKEN[(place + turn) % len(SPOKEN)], pair) for place, pair in enumerate(REPEATED)]
        hands += [(SEALED, pair) for pair in PAIRS if pair[0] == "6202"]
        for profile, (infno, repair) in hands:
            yield Case(profile, infno, cut, killed, repair)


CASES = list(dealt())


def test_the_deal_leaves_nothing_out() -> None:
    ways = {(infno, cut, killed, repair) for infno, repair in PAIRS for cut in sessions.CUTS for killed in KILLED}
    assert {(case.infno, case.cut, case.killed, case.repair) for case in CASES} == ways
    met = Counter((case.profile, case.cut, case.killed, case.repair == "ask") for case in CASES if case.repair != "again")
    wanted = len(SPOKEN) * len(sessions.CUTS) * len(KILLED) * 2
    assert len([slot for slot in met if slot[0] != SEALED]) == wanted
    transports = {WAYS[profile]["transport"] for profile in SPOKEN} | {"sealed"}
    assert transports == {
        auth.OPEN, auth.MULAID1, auth.CSB, auth.TIF, auth.HMAC_SM3, auth.API_KEY, auth.OAUTH, auth.CAINFO, auth.SEALED
    }  # fmt: skip


# A town with a hospital and a pharmacy for each transport, and a patient for each case


def code(kind: str, profile: str) -> str:
    return f"{kind}420100999{[*SPOKEN, SEALED].index(profile):02d}"


MOST = max(Counter(case.killed for case in CASES).values())


def town() -> str:
    """The people file: the demo city's catalogue, our own institutions and people."""
    text = resources.files("mulaid.demo").joinpath("city.toml").read_text("utf-8")
    items = text[text.index("[[items]]") :]
    told = ["version = 1"]
    for profile in (*SPOKEN, SEALED):
        for kind, word, level in (("H", "hospital", "L2"), ("P", "pharmacy", "pharmacy")):
            told.append(f'[[institution]]\ncode = "{code(kind, profile)}"\nname = "{profile}"\nkind = "{word}"')
            told.append(f'region = "420100"\nlevel = "{level}"\nconnections = []')
    rows = [
        f'{{ key = "patient-{place}", name = "王某", born = 1950-01-02, serial = {2 * place + 1}, class = "retired",'
        f' retired_on = 2010-01-02, account = "1.50" }}'
        for place in range(MOST)
    ]
    rows += [
        f'{{ key = "child-{place}", name = "王某", born = 1980-01-02, serial = {2 * place + 1}, class = "active",'
        f' account = "999.00" }}'
        for place in range(len(SPOKEN))
    ]
    told.append('[[household]]\nkey = "all"\nregion = "420100"\nsays = "病人和子女"\npeople = [' + ",\n".join(rows) + "]")
    for place in range(MOST):
        told.append(f'[[aid]]\ngiver = "child-{place % len(SPOKEN)}"\nreceiver = "patient-{place}"\nrelation = "parent"')
        told.append("bound = 2025-01-02")
    return "\n".join(told) + "\n" + items


class Town:
    """A database, a gateway process over it, and a sandbox's door that shows codes; the first two can be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = self._database()
        settings = from_environment({"MULAID_DATA": str(folder), "MULAID_PROFILE": "test"})
        # Migrating is a process of its own: in this one, Django knows the database of the other tests.
        told = {
            **os.environ,
            "MULAID_DATABASE_URL": self.server.url("mulaid"),
            "MULAID_DATA": str(folder),
            "MULAID_PROFILE": "test",
        }
        subprocess.run([sys.executable, "-m", "mulaid", "migrate"], env=told, check=True, capture_output=True)
        keys = Keys.load(settings.keys_path)
        self.installed = Installation(settings, self.server.url("mulaid"), keys, embedded=True)
        self.world = World(self.installed, town())
        self.world.reset()
        self.door = Door(("127.0.0.1", 0), self.world)
        Thread(target=self.door.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.subjects = {profile: self._subject(profile) for profile in (*SPOKEN, SEALED)}
        self.people = [one.number for one in self.world.city.people.values() if one.key.startswith("patient-")]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.gateway = self._gateway()

    def close(self) -> None:
        self.door.shutdown()
        self.door.server_close()
        self.world.close()
        os.killpg(self.gateway.pid, signal.SIGKILL)
        self.gateway.wait()
        self.server.stop()

    def _database(self) -> Server:
        server = Server(self.folder / "postgres", QUICK)
        server.start()
        return server

    def _gateway(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "MULAID_DATABASE_URL": self.installed.url_for("mulaid_gateway"),
            "MULAID_DATA": str(self.folder),
            "MULAID_PROFILE": "test",
        }
        return subprocess.Popen(gateway_command(self.port, 1), env=environment, start_new_session=True)

    def _subject(self, profile: str) -> kit.Subject:
        found = kit.read_subject(None, "", profile, f"http://127.0.0.1:{self.door.server_address[1]}")
        transport = WAYS[profile]["transport"]
        told = {role: speaks(self.world, code(role[0].upper(), profile), profile, transport) for role in ("hospital", "pharmacy")}
        if profile == SEALED:
            told["mobile"] = speaks(self.world, code("H", profile), profile, "sealed", alone=False)
        return replace(found, institutions=told)

    def subject(self, case: Case, place: int) -> kit.Subject:
        """The kit's subject for one case: a program and a patient of its own."""
        url = f"http://127.0.0.1:{self.port}"
        return replace(self.subjects[case.profile], url=url, people={"aided": self.people[place]})

    def kill(self, what: str) -> None:
        """Nothing, the gateway's process, or every process of the database; what died is started again and answers."""
        if what == "gateway":
            os.killpg(self.gateway.pid, signal.SIGKILL)
            self.gateway.wait()
            self.gateway = self._gateway()
        elif what == "database":
            first = int((self.server.cluster / "postmaster.pid").read_text().split()[0])
            shown = subprocess.run(["ps", "-o", "pid=", "--ppid", str(first)], capture_output=True, text=True, check=True).stdout
            for process in (first, *map(int, shown.split())):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            self.server = self._database()
        self.answers()

    def answers(self) -> None:
        """Wait until the gateway answers as often as it has connections to its database."""
        good, deadline = 0, time.monotonic() + 60
        with Client(f"http://127.0.0.1:{self.port}", self.subjects["national"].connection("hospital"), tries=1) as client:
            while good < 12:
                assert time.monotonic() < deadline, "the gateway does not come back"
                try:
                    client.call("1101", {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": self.people[0]}})
                    good += 1
                except (NoAnswer, Refused):
                    good = 0
                    time.sleep(0.05)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.installed.url, options="-c search_path=mulaid") as connection:
            return connection.execute(statement).fetchall()  # type: ignore[arg-type]

    def state(self) -> list[Any]:
        """What everybody holds; no faults in the books. The first looks may meet a line to a database that died."""
        for _ in range(20):
            with suppress(psycopg.OperationalError):
                state = self.world.state()
                assert state["books"] == []
                return [(row["number"], row) for row in state["people"]]
        raise AssertionError("the database does not come back")


@pytest.fixture(scope="module")
def place() -> Iterator[Town]:
    if not sm2.available():
        pytest.skip("this machine's libcrypto has no SM2")
    with tempfile.TemporaryDirectory(prefix="mulaid-restarts-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o711)
        found = Town(Path(made))
        try:
            found.answers()
            yield found
        finally:
            found.close()


@pytest.mark.parametrize("killed", KILLED)
def test_both_sides_agree_whoever_died(place: Town, killed: str) -> None:
    before = place.state()
    cases = [case for case in CASES if case.killed == killed]
    benches = [kit.Bench(place.subject(case, number)) for number, case in enumerate(cases)]
    lost = [sessions.prepare(bench, case.infno) for bench, case in zip(benches, cases, strict=True)]
    # Those that are cut at once go last, so that the server is in the middle of some of them when it dies.
    order = sorted(range(len(cases)), key=lambda number: cases[number].cut == "at once after sending")
    for number in order:
        sessions.lose(benches[number], lost[number], cases[number].cut)
    place.kill(killed)
    wrong = []
    for case, bench, one in zip(cases, benches, lost, strict=True):
        try:
            sessions.mend(bench, one, case.repair)
        except Exception as trouble:
            wrong.append((case, f"{type(trouble).__name__}: {trouble}"))
        bench.close()
    assert wrong == []
    assert place.rows("select institution, msgid, infno from settlement group by 1, 2, 3 having count(*) > 1") == []
    assert place.rows("select refunds from settlement where refunds is not null group by 1 having count(*) > 1") == []
    assert place.state() == before
