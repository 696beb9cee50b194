"""`mulaid staff` and `mulaid desk`: the first accounts and a whole case from the command line."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from city import City
from desk import Desk
from mulaid import cli, jobs, refs
from mulaid.agency import casework, staff, watch
from mulaid.calendar import business_date, wall_clock
from mulaid.people import filings, standing
from mulaid.people.identity import make_resident_id
from mulaid.policy.pack import library
from relatives import Relatives
from test_evidence import drawn

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


@pytest.fixture
def agency(city: City, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> City:
    """zhao handles and qian checks, in Wuhan; the story happens today."""
    city.now = wall_clock()
    monkeypatch.setattr(jobs, "wall_clock", lambda: city.now)
    Desk(city)
    return city


def case_in(told: str) -> str:
    found = re.search(r"C[0-9A-Z]{26}", told)
    assert found, told
    return found[0]


def decide(typed: Typed, case: str, version: int, reason: str) -> None:
    """From the handler's verdict to the checker's word."""
    verdict = ["--verdict", "approved", "--reason", reason, "--words", "已核实。", "--as", "zhao"]
    assert typed("desk", "decide", case, "--version", str(version), *verdict)[0] == 0
    assert typed("desk", "check", case, "--version", str(version + 1), "--as", "qian")[0] == 0


def test_a_charge_is_given_back_from_the_counter(agency: City, typed: Typed) -> None:
    city = agency
    city.enrols("Wang", "100.00")
    number = city.pays("Wang", "40.40")["setl_id"]
    told = typed("desk", "person", city.numbers["Wang"], "--purpose", "telephone", "--as", "zhao")[1]
    assert number in told
    assert "一院  40.40 元" in told
    assert city.numbers["Wang"] not in told
    opening = ["desk", "open", "wrong_charge", "--person", city.numbers["Wang"], "--as", "zhao"]
    for wrong, code in (
        ([], "desk.not_theirs"), (["--about", "S123"], "refs.unknown"), (["--about", number, "--detail", "{"], "desk.bad_detail"),
        (["--about", number, "--detail", "[]"], "desk.bad_detail"),
        (["--about", number, "--detail", '{"x": 1}'], "desk.bad_detail"),
        (["--about", number, "--applicant", "1"], "identity.bad_length"),
        (["--about", number, "--heir", city.numbers["Wang"], "-1"], "money.bad_amount"),
    ):  # fmt: skip
        code_, told = typed(*opening, *wrong)
        assert (code_, code in told) == (2, True), told
    code_, told = typed(*opening[:-1], "qian", "--about", number)
    assert (code_, "staff.not_allowed" in told) == (2, True)
    assert city.run(lambda tx: tx.all("select 1 from desk_case")) == []
    case = case_in(typed(*opening, "--about", number)[1])
    assert case in typed("desk", "person", city.numbers["Wang"], "--as", "zhao")[1]
    code_, told = typed(*opening, "--about", number)
    assert (code_, "desk.open_already" in told) == (2, True)
    assert typed("desk", "take", case, "--version", "1", "--as", "zhao")[0] == 0
    decide(typed, case, 2, "charged_wrongly")
    assert jobs.carry_out(city.db) == 1
    assert city.holds("Wang") == "100.00"
    assert typed("desk", "person", "08:E1234567", "--as", "zhao")[0] == 2


def test_a_filing_with_its_paper(agency: City, typed: Typed, tmp_path: Path) -> None:
    city = agency
    city.enrols("Wang", "1.00")
    detail = json.dumps({"kind": "long_term", "region": "310000", "reason": "随子女居住"})
    opening = ["desk", "open", "remote_filing_review", "--person", city.numbers["Wang"], "--detail", detail, "--as", "zhao"]
    case = case_in(typed(*opening)[1])
    picture = tmp_path / "permit.jpg"
    picture.write_bytes(drawn())
    giving = ["desk", "paper", case, "residence_permit", str(picture), "--as"]
    code, told = typed(*giving, "zhao")
    assert (code, "desk.wrong_state" in told) == (2, True)
    assert typed("desk", "take", case, "--version", "1", "--as", "zhao")[0] == 0
    assert typed(*giving, "qian")[0] == 2
    assert typed("desk", "paper", case, "residence_permit", str(tmp_path), "--as", "zhao")[0] == 2
    code, told = typed("desk", "paper", case, "passport", str(picture), "--as", "zhao")
    assert (code, "evidence.bad_kind" in told) == (2, True)
    assert typed(*giving, "zhao") == (0, "材料已收。\n")
    assert "材料：居住证" in typed("desk", "show", case, "--as", "zhao")[1]
    decide(typed, case, 3, "papers_agree")
    assert jobs.carry_out(city.db) == 1
    (filed,) = city.run(lambda tx: filings.filings(tx, city.people["Wang"]))
    assert (filed.region, len(filed.evidence)) == ("310000", 1)


def test_a_family_account_by_papers(agency: City, typed: Typed, tmp_path: Path) -> None:
    city = agency
    city.enrols("Daughter", "1.00")
    city.enrols("Father", base="retired")
    who = ["--member", city.numbers["Father"], "--binder", city.numbers["Daughter"], "--relation", "parent"]
    papers = []
    for place, kind in enumerate(("id_card", "household_register", "household_register")):
        (tmp_path / f"{place}.jpg").write_bytes(drawn(colour=(place * 60, 9, 9)))
        papers += ["--paper", kind, str(tmp_path / f"{place}.jpg")]
    code, told = typed("desk", "bind", *who, *papers[:3], "--as", "zhao")
    assert (code, "family.papers_missing" in told) == (2, True)
    assert typed("desk", "bind", *who, "--paper", "id_card", str(tmp_path / "none"), "--as", "zhao")[0] == 2
    case = case_in(typed("desk", "bind", *who, *papers, "--as", "zhao")[1])
    assert typed("desk", "take", case, "--version", "1", "--as", "zhao")[0] == 0
    decide(typed, case, 2, "seen_in_person")
    assert jobs.carry_out(city.db) == 1
    assert city.shows_code("Father", "Daughter")


def test_mutual_aid_of_a_giver_at_the_counter(agency: City, typed: Typed) -> None:
    city = agency
    city.enrols("Giver", "100.00")
    city.enrols("Taker", base="resident")
    giving = ["desk", "aid", "--giver", city.numbers["Giver"], "--receiver", city.numbers["Taker"], "--relation", "child"]
    giving += ["--year-cap", "30.50", "--as", "zhao"]
    told = typed(*giving)[1]
    assert "30.50" in told
    agreed = re.search(r"--agreed [0-9a-f]{64}", told)
    assert agreed, told
    code, told = typed(*giving, "--agreed", "0" * 64)
    assert (code, "aid.promise_changed" in told) == (2, True)
    assert typed(*giving, *agreed[0].split())[0] == 0
    assert city.pays("Taker", "40.00")["psn_cash_pay"] * 100 == 950
    assert city.holds("Giver") == "69.50"


def says_yes(typed: Typed, *words: str) -> str:
    """A letter is shown, then agreed to by its hash; what was said."""
    told = typed(*words)[1]
    agreed = re.search(r"--agreed [0-9a-f]{64}", told)
    assert agreed, told
    code, told = typed(*words, "--agreed", "0" * 64)
    assert (code, "consent.text_changed" in told) == (2, True)
    code, told = typed(*words, *agreed[0].split())
    assert (code, "办好了" in told) == (0, True), told
    return told


def test_a_household_account_and_a_quota(agency: City, typed: Typed) -> None:
    city, clerk = agency, ["--as", "lulu"]
    desk = Desk.__new__(Desk)
    desk.city, desk.serial = city, 900
    desk.hire("lulu", "320100", "handler")
    desk.hire("mama", "320000", "checker")
    city.enrols("Pa", "300.00", region="320100", household="pa")
    city.enrols("Ma", "5.00", region="320100", household="pa")
    city.enrols("Far", base="resident", region="430100")
    pa, ma = city.numbers["Pa"], city.numbers["Ma"]
    says_yes(typed, "desk", "household-open", "--person", pa, *clerk)
    adding = ["desk", "household-add", "--person", pa, "--relative", ma, "--relation", "spouse"]
    code, told = typed(*adding[:-1], "friend", *clerk)
    assert (code, "desk.bad_detail" in told) == (2, True)
    says_yes(typed, *adding, *clerk)
    told = typed("desk", "person", pa, *clerk)[1]
    house = re.search(r"家庭账户 (R[0-9A-Z]{26})  余额 0.00 元", told)
    assert house, told
    assert told.count("    成员 ") == 2
    code, told = typed("desk", "household-join", "--person", ma, "--invitation", house[1], *clerk)
    assert (code, "household.not_invited" in told) == (2, True)
    opening = ["desk", "open", "household_fund", "--person", pa, "--about", house[1], "--detail", '{"fen": 12050}']
    case = case_in(typed(*opening, *clerk)[1])
    assert typed("desk", "take", case, "--version", "1", *clerk)[0] == 0
    verdict = ["--verdict", "approved", "--reason", "papers_agree", "--words", "已核实。"]
    assert typed("desk", "decide", case, "--version", "2", *verdict, *clerk)[0] == 0
    assert typed("desk", "check", case, "--version", "3", "--as", "mama")[0] == 0
    assert jobs.carry_out(city.db) == 1
    assert city.holds("Pa") == "179.50"
    city.enrols("Giver", "100.00")
    far = ["desk", "quota", "--person", city.numbers["Giver"], "--relative", city.numbers["Far"], "--relation", "parent"]
    for wrong in ("0", "-5", "1.234", "x", "1000000000000"):
        assert typed(*far, "--yuan", wrong, "--as", "zhao")[0] == 2, wrong
    says_yes(typed, *far, "--yuan", "60", "--as", "zhao")
    assert "还剩 60.00 元" in typed("desk", "person", city.numbers["Giver"], "--as", "zhao")[1]
    city.books_balance()


def test_a_guardian_by_papers(agency: City, typed: Typed, tmp_path: Path) -> None:
    city, home = agency, Relatives(agency)
    city.enrols("Nan", base="retired")
    city.enrols("Tot", base="resident", born=date(wall_clock().year - 6, 1, 1))
    request = home.asks("Nan", "Tot", "grandchild_of_daughter")
    home.registers(request, "Nan")
    home.submits(request, "Nan")
    case = case_in(typed("desk", "take-over", refs.show(refs.RELATION, request), "--as", "zhao")[1])
    assert typed("desk", "take", case, "--version", "1", "--as", "zhao")[0] == 0
    speaking = ["desk", "consent", case, "--speaker", "08:E1234567", "--name", "欧阳海", "--born", "1988-03-03", "--as", "zhao"]
    code, told = typed(*speaking)
    assert (code, "desk.guardian_papers" in told) == (2, True)
    for place, kind in enumerate(("identity_document", "guardianship")):
        (tmp_path / f"{place}.jpg").write_bytes(drawn(colour=(place * 60, 9, 90)))
        assert typed("desk", "paper", case, kind, str(tmp_path / f"{place}.jpg"), "--as", "zhao")[0] == 0
    told = typed(*speaking)[1]
    agreed = re.search(r"--version 4 --agreed [0-9a-f]{64}", told)
    assert agreed, told
    assert typed(*speaking, *agreed[0].split()) == (0, "已记录当面同意。\n")
    told = typed("desk", "show", case, "--as", "zhao")[1]
    assert "guardian: 欧阳* E1****67" in told
    assert "E1234567" not in told
    decide(typed, case, 5, "papers_agree")
    assert jobs.carry_out(city.db) == 1
    assert city.shows_code("Tot", "Nan")


def test_an_account_goes_to_an_heir(agency: City, typed: Typed) -> None:
    city = agency
    city.enrols("Son", "5.00")
    city.enrols("Old", "80.55", base="retired")
    city.run(lambda tx: standing.died(tx, library(), city.people["Old"], business_date(tx.at)))
    given = ["--applicant", city.numbers["Son"], "--detail", '{"because": "death"}', "--heir", city.numbers["Son"], "30.21"]
    case = case_in(typed("desk", "open", "account_withdrawal", "--person", city.numbers["Old"], *given, "--as", "zhao")[1])
    assert typed("desk", "take", case, "--version", "1", "--as", "zhao")[0] == 0
    decide(typed, case, 2, "died")
    assert jobs.carry_out(city.db) == 1
    assert (city.holds("Old"), city.holds("Son")) == ("0.00", "35.21")
    city.books_balance()


def test_consent_of_a_mother_and_at_sixteen(agency: City, typed: Typed) -> None:
    city, today = agency, wall_clock().date()
    home = Relatives(city)
    city.enrols("Grandpa", base="retired")
    city.enrols("Mum", "1.00")
    city.enrols("Child", base="resident", born=date(today.year - 15, 1, 1))
    request = home.asks("Grandpa", "Child", "grandchild_of_daughter")
    home.registers(request, "Grandpa")
    home.submits(request, "Grandpa")
    asked = refs.show(refs.RELATION, request)
    assert asked in typed("desk", "person", city.numbers["Child"], "--as", "zhao")[1]
    assert typed("desk", "take-over", asked, "--as", "qian")[0] == 2
    case = case_in(typed("desk", "take-over", asked, "--as", "zhao")[1])
    speaking = ["desk", "consent", case, "--speaker", city.numbers["Mum"], "--as", "zhao"]
    code, told = typed(*speaking)
    assert (code, "desk.wrong_state" in told) == (2, True)
    assert typed("desk", "take", case, "--version", "1", "--as", "zhao")[0] == 0
    told = typed(*speaking)[1]
    assert "监护人同意书" in told
    agreed = re.search(r"--version 2 --agreed [0-9a-f]{64}", told)
    assert agreed, told
    code, told = typed(*speaking, "--version", "2", "--agreed", "0" * 64)
    assert (code, "consent.text_changed" in told) == (2, True)
    assert typed(*speaking, *agreed[0].split()) == (0, "已记录当面同意。\n")
    decide(typed, case, 3, "papers_agree")
    assert jobs.carry_out(city.db) == 1
    bond = home.sees(request, "Grandpa").bond
    assert bond
    shown = refs.show(refs.RELATION, bond)
    assert shown in typed("desk", "person", city.numbers["Child"], "--as", "zhao")[1]
    code, told = typed("desk", "renew", shown, "--as", "zhao")
    assert (code, "family.not_due" in told) == (2, True)
    city.run(lambda tx: tx.run("update family_bond set consent_due = %(on)s", on=today))
    told = typed("desk", "renew", shown, "--as", "zhao")[1]
    agreed = re.search(r"--agreed [0-9a-f]{64}", told)
    assert agreed, told
    assert typed("desk", "renew", shown, *agreed[0].split(), "--as", "zhao")[0] == 0
    assert city.shows_code("Child", "Grandpa")


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
    assert "共 1 件，其中超时 0 件" in typed("desk", "list", "--as", "qian")[1]
    assert "共 0 件" in typed("desk", "list", "--matter", "aid_review", "--as", "qian")[1]
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
    later = city.now.date() + timedelta(days=500)
    assert later.isoformat() in typed("staff", "prolong", "zhao", "--until", later.isoformat(), "--as", "root.sys")[1]
    assert city.run(lambda tx: staff.find(tx, "zhao")).expires_on == later
    for who, day, code in (("root.sys", later + timedelta(days=900), "bad_end_date"), ("root.sec", later, "not_allowed")):
        told = typed("staff", "prolong", "zhao", "--until", day.isoformat(), "--as", who)
        assert (told[0], f"staff.{code}" in told[1]) == (2, True)
    assert typed("staff", "disable", "zhao", "--as", "root.sec")[0] == 0
    assert typed("desk", "list", "--as", "zhao")[0] == 2
    for wrong in ("C123", "V" + case[1:], case[:-1] + "U"):
        code, told = typed("desk", "show", wrong, "--as", "qian")
        assert (code, "refs.unknown" in told or "desk.unknown" in told) == (2, True)


def test_signals_from_the_command_line(agency: City, typed: Typed) -> None:
    city = agency
    city.enrols("Wang", "5000.00")
    city.now -= timedelta(days=2)
    paid = []
    for _ in range(10):
        city.now += timedelta(minutes=1)
        paid.append(city.buys("Wang", [("MINE", "99.90")]))
    city.now = wall_clock()
    assert jobs.look_for_misuse(city.db) == 1
    number = refs.show(watch.SIGNAL, city.run(lambda tx: tx.all("select id from signal"))[0]["id"])
    code, told = typed("desk", "signals", "--as", "zhao")
    assert code == 0
    assert number in told
    assert "9 分钟内在 1 家药店购药 10 次，共 999.00 元" in told
    assert "共 1 条" in told
    assert number not in typed("desk", "signals", "--state", "harmless", "--as", "zhao")[1]
    told = typed("desk", "signals", number, "--as", "zhao")[1]
    assert "不是认定" in told
    assert all(one["setl_id"] in told for one in paid)
    assert city.numbers["Wang"] not in told
    assert number not in typed("desk", "signals", "--as", "chen")[1]
    assert typed("desk", "signals", number, "--as", "chen")[0] == 2
    assert typed("desk", "signals", "nonsense", "--as", "zhao")[0] == 2
