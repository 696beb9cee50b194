"""`mulaid staff` and `mulaid desk`: the first accounts and a whole case from the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from city import City
from mulaid import cli, jobs, refs
from mulaid.agency import casework
from mulaid.calendar import wall_clock
from mulaid.people.identity import make_resident_id

Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def typed(city: City, cluster: Any, url: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Typed]:
    """Type a command on this test's database; exit code and what was said."""
    before = dict(os.environ)
    os.environ.update(MULAID_DATABASE_URL=url, MULAID_DATA=str(cluster.folder), MULAID_PROFILE="test")

    def run(*words: str) -> tuple[int, str]:
        code = cli.main(words)
        told = capsys.readouterr()
        return code, told.out + told.err

    yield run
    os.environ.clear()
    os.environ.update(before)


def number(serial: int) -> str:
    return make_resident_id("100000", date(1980, 1, 1), serial)


def test_from_the_first_account_to_the_effect(city: City, typed: Typed) -> None:
    until = (wall_clock().date() + timedelta(days=300)).isoformat()
    city.enrols("Wang", "100.00")
    founders = ["--system", "root.sys", "赵甲", number(900), "--security", "root.sec", "赵乙", number(902), "--until", until]
    assert typed("staff", "found", *founders)[0] == 0
    code, told = typed("staff", "found", *founders)
    assert code == 2
    assert "staff.founded" in told
    for name, role, serial in (("zhao", "handler", 904), ("qian", "checker", 906)):
        hire = ["staff", "add", name, "赵丙", number(serial), "--region", "420100", "--until", until, "--roles", role]
        code, told = typed(*hire, "--as", "nobody")
        assert (code, "staff.unknown" in told) == (2, True)
        assert typed(*hire, "--as", "root.sys")[0] == 0
        assert typed("staff", "grant", name, "--as", "root.sys")[0] == 2
        assert typed("staff", "grant", name, "--as", "root.sec")[0] == 0

    wang = city.people["Wang"]
    city.now = wall_clock()
    credit = city.run(lambda tx: tx.one("select id from journal where cause = 'credit'"))["id"]
    detail = {"parts": {"0": 1000, "1": 1000}}
    given = {"person": wang, "applicant": wang, "about": credit, "region": "420100", "detail": detail}
    case = refs.show(refs.CASE, city.run(lambda tx: casework.open_case(tx, "correction", **given)))
    (waiting,) = json.loads(typed("desk", "list", "--as", "zhao", "--json")[1])
    assert (waiting["number"], waiting["matter"], waiting["version"]) == (case, "账务更正", 1)
    assert "共 1 件" in typed("desk", "list", "--as", "qian")[1]
    assert typed("desk", "take", case, "--version", "1", "--as", "zhao") == (0, "已办理。\n")
    code, told = typed("desk", "take", case, "--version", "1", "--as", "zhao")
    assert (code, "desk.stale" in told) == (2, True)
    assert typed("desk", "ask", case, "--version", "2", "--words", "请补凭证。", "--as", "zhao")[0] == 0
    assert typed("desk", "give-back", case, "--version", "3", "--words", "转同事。", "--as", "zhao")[0] == 0
    assert typed("desk", "take", case, "--version", "4", "--as", "zhao")[0] == 0
    verdict = ["--verdict", "approved", "--reason", "booked_wrongly", "--words", "已核实。", "--as", "zhao"]
    assert typed("desk", "decide", case, "--version", "5", *verdict)[0] == 0
    assert typed("desk", "send-back", case, "--version", "6", "--words", "再看一次。", "--as", "qian")[0] == 0
    assert typed("desk", "decide", case, "--version", "7", *verdict)[0] == 0
    code, told = typed("desk", "check", case, "--version", "8", "--as", "zhao")
    assert (code, "staff.not_allowed" in told) == (2, True)
    assert typed("desk", "check", case, "--version", "8", "--as", "qian")[0] == 0
    shown = typed("desk", "show", case, "--as", "qian")[1]
    assert "版本 9" in shown
    assert "再看一次。" in shown
    assert "booked_wrongly（核实记账有误）" in shown
    assert jobs.carry_out(city.db) == 1
    assert city.holds("Wang") == "90.00"
    assert typed("desk", "freeze", city.numbers["Wang"], "--why", "来电挂失", "--as", "zhao")[0] == 0
    code, told = typed("desk", "freeze", city.numbers["Wang"], "--why", "来电挂失", "--as", "zhao")
    assert (code, "credential.not_active" in told) == (2, True)
    assert typed("desk", "thaw", city.numbers["Wang"], "--as", "zhao")[0] == 0
    assert "邀请码" in typed("staff", "invite", "zhao", "--as", "root.sys")[1]
    assert typed("staff", "disable", "zhao", "--as", "root.sec")[0] == 0
    assert typed("desk", "list", "--as", "zhao")[0] == 2
    for wrong in ("C123", "V" + case[1:], case[:-1] + "U"):
        code, told = typed("desk", "show", wrong, "--as", "qian")
        assert (code, "refs.unknown" in told or "desk.unknown" in told) == (2, True)
