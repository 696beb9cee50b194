"""Killed without warning: whatever a process was doing, the books are right and every message still pays exactly once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from city import City
from conftest import Cluster
from mulaid.db import process_url
from mulaid.money import yuan
from settler import POINTS

SETTLER = Path(__file__).with_name("settler.py")
Message = dict[str, Any]


class Family:
    """Two families who pay across a purse of their own book and one of another, with bills ready to settle."""

    def __init__(self, city: City, cluster: Cluster, url: str, folder: Path) -> None:
        self.city, self.cluster, self.url, self.folder = city, cluster, url, folder
        city.enrols("father", "500.00", base="retired", household="wang")
        city.enrols("son", "5000.00", household="wang")
        city.enrols("daughter", "5000.00", household="li")
        city.authorises("son", "father", quota="700.00")
        city.authorises("daughter", "father")
        self.sent = 0

    def settling(self, many: int) -> list[Message]:
        """Messages that settle a bill each; every few bills change purse."""
        made = []
        for place in range(many):
            bill = self.city.uploads(self.city.visits("father"), [("MINE", yuan(7_000 + 111 * place)), ("A", "30.00")])
            data = {**bill, "med_type": "11", "psn_setlway": "01", "acct_used_flag": "1", "insutype": ""}
            made.append(self.message("2207", data))
        return made

    def refunding(self, paid: Sequence[Message]) -> list[Message]:
        """Messages that return settled bills."""
        return [self.message("2208", {name: bill[name] for name in ("setl_id", "mdtrt_id", "psn_no")}) for bill in paid]

    def message(self, infno: str, data: Message) -> Message:
        self.sent += 1
        return {"infno": infno, "msgid": f"X{self.sent:06d}", "fixmedins_code": "H1", "opter": "001", "input": {"data": data}}

    def start(self, messages: Sequence[Message], *more: str) -> subprocess.Popen[str]:
        """A settler over the gateway's role, past its start."""
        path = self.folder / f"messages-{messages[0]['msgid']}-{time.monotonic_ns()}.json"
        path.write_text(json.dumps(messages, default=str), "utf-8")
        url = process_url(self.url, "mulaid_gateway", embedded=True)
        command = [
            sys.executable,
            str(SETTLER),
            url,
            str(self.cluster.folder / "keys"),
            self.city.now.isoformat(),
            str(path),
            *more,
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        return process

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What is in the database, as its owner sees it."""
        with psycopg.connect(self.url, options="-c search_path=mulaid") as connection:
            return connection.execute(statement).fetchall()  # type: ignore[arg-type]

    def quiet(self) -> None:
        """Wait until the server has noticed that the killed process is gone."""
        ask = (
            "select count(*) from pg_stat_activity"
            " where usename = 'mulaid_gateway' and datname = current_database() and state <> 'idle'"
        )
        for _ in range(500):
            if self.rows(ask) == [(0,)]:
                return
            time.sleep(0.01)
        raise AssertionError("a transaction of the killed process is still open")

    def nothing_half_done(self) -> None:
        """Every trace of a settlement is there or none is."""
        self.quiet()
        self.city.books_balance()
        lone = self.rows(
            "select s.id from settlement s full join command c on c.subject = s.id and not c.refused"
            " where (c.key like '2207:%' or c.key like '2208:%' or s.id is not null) and (c.key is null or s.id is null)"
        )
        assert lone == [], "a settlement without its stored answer, or an answer without its settlement"
        assert self.rows("select key from command where answer is null or refused is null") == []
        told = (
            "(select count(*) from outbox), (select count(*) from audit where act in ('settle', 'refund')),"
            " (select count(*) from settlement)"
        )
        assert len(set(self.rows(f"select {told}")[0])) == 1, "news and audit of each, and of no other"
        used, paid = self.rows(
            "select a.used, (select coalesce(-sum(e.fen), 0) from entry e join journal j on j.book = e.book and j.id = e.journal"
            " where e.book = a.giver_book and e.holder = a.giver and j.cause <> 'credit') from aid a where a.quota is not null"
        )[0]
        assert used == paid
        year, fund = self.rows(
            "select (select coalesce(sum(fund), 0) from insured_year), (select coalesce(sum(pool), 0) from settlement)"
        )[0]
        assert year == fund


@pytest.fixture
def family(city: City, cluster: Cluster, url: str, tmp_path: Path) -> Family:
    return Family(city, cluster, url, tmp_path)


def said(process: subprocess.Popen[str]) -> dict[str, Message]:
    """The answers a process gave away before its end."""
    assert process.stdout
    lines = [line for line in process.stdout.read().splitlines() if line.startswith("[") and line.endswith("]")]
    return {msgid: json.loads(body) for msgid, body in map(json.loads, lines)}


def kill(process: subprocess.Popen[str]) -> dict[str, Message]:
    """End it at once; what it had answered by then."""
    process.send_signal(signal.SIGKILL)
    answers = said(process)
    assert process.wait(10) in (-signal.SIGKILL, 0)
    return answers


def finish(family: Family, messages: Sequence[Message]) -> dict[str, Message]:
    """All messages once more, by a process that lives."""
    process = family.start(messages, "--threads", "2")
    answers = said(process)
    assert process.wait(30) == 0
    assert set(answers) == {message["msgid"] for message in messages}
    return answers


def each_paid_once(family: Family, messages: Sequence[Message], before: dict[str, Message]) -> dict[str, Message]:
    """Repeating every message gives one settlement each, and nobody a second answer."""
    after = finish(family, messages)
    refused = [answer["err_msg"] for answer in after.values() if answer["infcode"] != 0]
    assert refused == []
    for msgid, answer in before.items():
        if answer["infcode"] == 0:
            assert after[msgid] == answer, "who had an answer keeps it"
    asked = [message["msgid"] for message in messages]
    found = family.rows("select msgid, count(*) from settlement group by 1 order by 1")
    assert [row for row in found if row[0] in asked] == [(msgid, 1) for msgid in sorted(asked)]
    assert finish(family, messages) == after
    family.nothing_half_done()
    return after


SETTLING = [point for point in POINTS if not point.startswith("refund")]
REFUNDING = [point for point in POINTS if point.startswith("refund")]


@pytest.mark.parametrize("point", SETTLING)
def test_killed_at_a_point_of_a_settlement(family: Family, point: str) -> None:
    messages = family.settling(4)
    process = family.start(messages, "--stop", point, "--times", "3")
    assert process.stdout
    lines = []
    while (line := process.stdout.readline()) and line != "halted\n":
        lines.append(line)
    assert line == "halted\n", f"never came by: {point}"
    kill(process)
    before = {msgid: json.loads(body) for msgid, body in map(json.loads, lines)}
    assert len(before) == 2
    family.nothing_half_done()
    (settled,) = family.rows("select count(*) from settlement")
    assert settled == (3,) if point in ("recorded", "answered") else (2,)
    each_paid_once(family, messages, before)


@pytest.mark.parametrize("point", REFUNDING)
def test_killed_at_a_point_of_a_refund(family: Family, point: str) -> None:
    paid = [answer["output"]["setlinfo"] for answer in finish(family, family.settling(8)).values()]
    across = [bill for bill in paid if bill["acct_mulaid_pay"] > 0]
    messages = family.refunding([*across, *(bill for bill in paid if bill not in across)])
    process = family.start(messages, "--stop", point)
    assert process.stdout
    assert process.stdout.readline() == "halted\n"
    kill(process)
    family.nothing_half_done()
    (returned,) = family.rows("select count(*) from settlement where refunds is not null")
    assert returned == ((1,) if point == "refund committed" else (0,))
    each_paid_once(family, messages, {})
    assert [family.city.holds(name) for name in ("father", "son", "daughter")] == ["500.00", "5000.00", "5000.00"]


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_again_and_again(family: Family, seed: int) -> None:
    """Four threads at work, killed some milliseconds in, five times over the same messages, then left alone to finish."""
    chance = random.Random(seed)
    messages = family.settling(24)
    before: dict[str, Message] = {}
    for _ in range(5):
        process = family.start(messages, "--threads", "4")
        time.sleep(chance.uniform(0.005, 0.09))
        answers = kill(process)
        for msgid, answer in answers.items():
            if answer["infcode"] == 0:
                assert before.setdefault(msgid, answer) == answer
        family.nothing_half_done()
    each_paid_once(family, messages, before)
    total = sum(row[0] for row in family.rows("select total from settlement"))
    asked = sum(round(float(message["input"]["data"]["medfee_sumamt"]) * 100) for message in messages)
    assert total == asked
