"""The desk: who works there, every way a case can go, who is refused at each step, what it does, and standstills."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from city import BY, City
from desk import TELL, Desk
from mulaid import commands, jobs, refs
from mulaid.agency import casework, evidence, staff
from mulaid.agency.matters import APPROVED, EFFECTS, REFUSED, after_working_days, matters
from mulaid.db import Actor, Tx
from mulaid.people import aid, binding, credential, family, filings, standing
from mulaid.people.enrolment import PersonRef
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.web.console.told import TELL as TOLD
from relatives import Relatives, refused
from test_evidence import drawn


@pytest.fixture
def desk(city: City, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk, and Wang with his child; the worker's clock is the story's."""
    monkeypatch.setattr(jobs, "wall_clock", lambda: city.now)
    city.enrols("Wang", "100.00", household="w")
    city.enrols("Child", base="resident", household="w", born=date(2018, 5, 1))
    return Desk(city)


def opens(desk: Desk, name: str = "correction", about: UUID | None = None, **more: Any) -> UUID:
    """Wang applies: ten yuan were booked wrongly unless said otherwise."""
    city = desk.city
    detail = more.pop("detail", {"parts": {"0": 1000, "1": 1000}})
    person, wang = more.pop("person", city.people["Wang"]), more.pop("applicant", city.people["Wang"])
    given = {"person": person, "applicant": wang, "about": about or credit_of(city), "region": "420100", **more}
    return city.run(lambda tx: casework.open_case(tx, name, detail=detail, **given))


def bonds(city: City) -> list[tuple[UUID, bool]]:
    rows = city.run(lambda tx: tx.all("select id, ended_at from family_bond order by id"))
    return [(row["id"], row["ended_at"] is None) for row in rows]


def acts(desk: Desk, case: UUID) -> list[str]:
    return [event.act for event in desk.city.run(lambda tx: casework.history(tx, case))]


def news_of(city: City) -> list[str]:
    jobs.tell_everybody(city.db)
    return [row["text"] for row in city.run(lambda tx: tx.all("select text from message order by id"))]


def snapshot(city: City) -> dict[str, Any]:
    """Everything the desk writes, to show that a refusal left it alone."""
    tables = ("desk_case", "desk_event", "staff", "family_bond", "aid", "journal", "purse", "settlement")
    return {table: city.run(lambda tx, t=table: sorted(str(row) for row in tx.all(f"select * from {t}"))) for table in tables}


# Staff


def test_the_table_itself_refuses_roles_that_exclude_each_other(desk: Desk) -> None:
    wrong = [
        ["system", "security"], ["system", "audit"], ["security", "audit"], ["system", "handler"], ["audit", "checker"],
        ["security", "handler", "checker"], ["system", "security", "audit"], ["king"],
    ]  # fmt: skip
    for roles in wrong:
        refused("staff.roles_exclude", lambda r=roles: desk.as_("root.sys", lambda tx: staff.propose(tx, "zhao", r)))
        for column in ("roles", "proposed"):
            with pytest.raises(psycopg.errors.CheckViolation):
                desk.city.run(lambda tx, r=roles, c=column: tx.run(f"update staff set {c} = %(r)s where id = 'zhao'", r=r))


def test_roles_take_two_administrators(desk: Desk) -> None:
    def propose(who: str, roles: list[str], whom: str = "zhao") -> None:
        desk.as_(who, lambda tx: staff.propose(tx, whom, roles))

    def grant(who: str, whom: str = "zhao") -> None:
        desk.as_(who, lambda tx: staff.grant(tx, whom))

    refused("staff.nothing_proposed", lambda: grant("root.sec"))
    for who in ("zhao", "root.sec", "nosy"):
        refused("staff.not_allowed", lambda w=who: propose(w, ["handler"]))
    propose("root.sys", ["checker"])
    for who in ("zhao", "root.sys", "nosy"):
        refused("staff.not_allowed", lambda w=who: grant(w))
    grant("root.sec")
    assert desk.city.run(lambda tx: staff.find(tx, "zhao")).roles == ("checker",)
    propose("root.sys", ["security"], "root.sec")
    refused("staff.same_person", lambda: grant("root.sec", "root.sec"))
    for change in ("granted_by = proposed_by", "granted_by = id", "granted_by = null, roles = '{checker}'"):
        with pytest.raises(psycopg.errors.CheckViolation):
            desk.city.run(lambda tx, c=change: tx.run(f"update staff set {c} where id = 'zhao'"))
    propose("root.sys", [])
    grant("root.sec")
    assert desk.city.run(lambda tx: staff.find(tx, "zhao")).roles == ()


def test_a_person_has_one_account(desk: Desk) -> None:
    one = desk.applicant("wuwu", "420100")
    add = lambda one: desk.as_("root.sys", lambda tx: staff.add(tx, one, allow_test_area=True))  # noqa: E731
    add(one)
    before = snapshot(desk.city)
    for again in (desk.applicant("wutwo", "420100", one.number), desk.applicant("wuwu", "420100")):
        refused("staff.known", lambda a=again: add(a))
    assert snapshot(desk.city) == before


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("id", "ab", "staff.bad_id"), ("id", "1abc", "staff.bad_id"),
        ("id", "Zhao", "staff.bad_id"), ("id", "a" * 33, "staff.bad_id"),
        ("id", "operator", "staff.bad_id"), ("id", "zhao\n", "staff.bad_id"), ("region", "42010", "staff.bad_region"),
        ("region", "４２０１００", "staff.bad_region"), ("expires_on", date(2026, 3, 2), "staff.bad_end_date"),
        ("expires_on", date(2029, 1, 1), "staff.bad_end_date"), ("number", "100000198003021234", "identity.bad_check"),
        ("name", "<b>", "identity.bad_name"),
    ],
)  # fmt: skip
def test_bad_accounts_are_refused(desk: Desk, field: str, value: Any, code: str) -> None:
    given = desk.applicant("wuwu", "420100")
    fields = {name: getattr(given, name) for name in given.__slots__} | {field: value}
    before = snapshot(desk.city)
    refused(code, lambda: desk.as_("root.sys", lambda tx: staff.add(tx, staff.Applicant(**fields), allow_test_area=True)))
    assert snapshot(desk.city) == before


def test_accounts_end(desk: Desk) -> None:
    case = opens(desk)
    refused(
        "staff.founded",
        lambda: desk.as_("operator", lambda tx: staff.found(tx, *[desk.applicant("x.y", "100000")] * 2, allow_test_area=True)),
    )
    desk.as_("root.sec", lambda tx: staff.disable(tx, "zhao"))
    refused("staff.disabled", lambda: desk.as_("root.sec", lambda tx: staff.disable(tx, "zhao")))
    refused("staff.disabled", lambda: desk.takes("zhao", case))
    refused("staff.unknown", lambda: desk.as_("root.sec", lambda tx: staff.disable(tx, "ghost")))
    desk.as_("root.sys", lambda tx: staff.renew(tx, "zhao", date(2027, 1, 1)))
    desk.takes("zhao", case)
    desk.city.now += timedelta(days=320)
    desk.as_("root.sys", lambda tx: staff.find(tx, "zhao"))
    refused("staff.disabled", lambda: desk.as_("zhao", lambda tx: casework.queue(tx)))
    desk.city.now += timedelta(days=60)
    assert desk.city.run(staff.disable_expired) >= 6
    assert desk.city.run(staff.disable_expired) == 0


@pytest.mark.parametrize(
    ("scope", "inside", "outside"),
    [
        ("100000", ["420100", "110000"], []),
        ("420000", ["420100", "429004"], ["430100"]),
        ("420100", ["420100", "420106"], ["420200", "420000"]),
        ("420106", ["420106"], ["420100", "420107"]),
        ("110000", ["110000", "110101"], ["120000"]),
    ],
)
def test_a_region_is_all_that_it_begins_with(scope: str, inside: list[str], outside: list[str]) -> None:
    assert all(staff.covers(scope, region) for region in inside)
    assert not any(staff.covers(scope, region) for region in outside)


# The way of a case


def test_a_case_goes_from_application_to_effect(desk: Desk) -> None:
    city, case = desk.city, opens(desk)
    (brief,) = desk.as_("zhao", casework.queue)
    assert (brief.id, brief.state, brief.due_on, brief.title) == (case, "open", date(2026, 3, 9), "账务更正")
    assert "*" in brief.person
    desk.takes("zhao", case)
    found = desk.as_("zhao", lambda tx: casework.read(tx, case))
    assert (found.detail["parts"]["0"], found.taken_by, found.number[0]) == (1000, "zhao", "C")
    assert len(city.run(lambda tx: tx.all("select 1 from audit where act = 'read_case' and actor = 'desk:zhao'"))) == 1
    desk.decides("zhao", case)
    assert city.holds("Wang") == "100.00"
    desk.checks("qian", case)
    assert city.holds("Wang") == "100.00", "the pages have agreed, the worker has not come by"
    assert jobs.carry_out(city.db) == 1
    assert city.holds("Wang") == "90.00"
    row = desk.case(case)
    assert (row["state"], row["decided_by"], row["checked_by"], row["words"]) == ("effected", "zhao", "qian", TELL)
    assert acts(desk, case) == ["open", "take", "decide_approved", "check", "effect"]
    assert jobs.carry_out(city.db) == 0
    assert f"【演示】账务更正已通过。{TELL}" in news_of(city)
    (mine,) = city.run(lambda tx: casework.mine(tx, city.people["Wang"]))
    assert (mine.number, mine.state, mine.words) == (found.number, "effected", TELL)
    assert city.run(lambda tx: casework.mine(tx, city.people["Child"])) == []
    assert desk.as_("zhao", casework.queue) == []
    assert "1000" not in str(bytes(row["detail"]))
    city.books_balance()


def test_a_refusal_needs_a_second_person_too_and_does_nothing(desk: Desk) -> None:
    case = opens(desk)
    desk.settles(case, "refused", "papers_differ")
    assert jobs.carry_out(desk.city.db) == 1
    assert desk.city.holds("Wang") == "100.00"
    assert f"【演示】账务更正没有通过。{TELL}" in news_of(desk.city)
    assert desk.case(case)["reason"] == "papers_differ"


def test_maker_and_checker_differ_by_the_table_itself(desk: Desk) -> None:
    case = opens(desk)
    desk.takes("zhao", case)
    desk.decides("zhao", case)
    before = snapshot(desk.city)
    refused("desk.second_person", lambda: desk.checks("zhao", case))
    refused("desk.second_person", lambda: desk.as_("zhao", lambda tx: casework.send_back(tx, case, desk.version(case), "不行")))
    agree = "update desk_case set state = 'checked', checked_by = %(who)s, checked_at = %(at)s where id = %(id)s"
    with pytest.raises(psycopg.errors.CheckViolation, match="maker_is_not_checker"):
        desk.city.run(lambda tx: tx.run(agree, who="zhao", at=tx.at, id=case))
    with pytest.raises(psycopg.errors.CheckViolation):
        desk.city.run(lambda tx: tx.run("update desk_case set state = 'effected', ended_at = %(at)s", at=tx.at))
    with pytest.raises(psycopg.errors.CheckViolation):
        desk.city.run(lambda tx: tx.run("update desk_case set state = 'checked'"))
    assert snapshot(desk.city) == before
    refused("staff.not_allowed", lambda: desk.checks("sun", case))
    desk.checks("qian", case)


def test_papers_are_asked_for_and_come(desk: Desk) -> None:
    case = opens(desk)
    desk.takes("zhao", case)
    ask = lambda who: desk.as_(who, lambda tx: casework.ask_for_papers(tx, case, desk.version(case), "请补户口簿首页。"))  # noqa: E731
    refused("desk.taken_by_other", lambda: ask("sun"))
    ask("zhao")
    assert desk.case(case)["papers_due_on"] == date(2026, 3, 16)
    refused("desk.wrong_state", lambda: ask("zhao"))
    refused("desk.wrong_state", lambda: desk.decides("zhao", case))
    assert "【演示】账务更正：请在 3 月 16 日前补充材料。请补户口簿首页。" in news_of(desk.city)
    desk.city.now += timedelta(days=7)
    desk.city.run(lambda tx: casework.papers_came(tx, case))
    row = desk.case(case)
    assert (row["state"], row["taken_by"], row["due_on"], row["papers_due_on"]) == ("taken", "zhao", date(2026, 3, 16), None)
    desk.decides("zhao", case)
    before = snapshot(desk.city)
    refused("desk.wrong_state", lambda: desk.city.run(lambda tx: casework.papers_came(tx, case)))
    assert snapshot(desk.city) == before


def test_who_lets_the_day_go_by_starts_again(desk: Desk) -> None:
    case = opens(desk, about=(about := refs.mint(desk.city.people["Child"].book, desk.city.now)))
    refused("desk.open_already", lambda: opens(desk, about=about))
    desk.takes("zhao", case)
    desk.as_("zhao", lambda tx: casework.ask_for_papers(tx, case, desk.version(case), "请补材料。"))
    desk.city.now += timedelta(days=14)
    assert desk.city.run(casework.lapsing) == []
    refused("desk.wrong_state", lambda: desk.city.run(lambda tx: casework.lapse(tx, case)))
    desk.city.now += timedelta(days=1)

    class NoStore:
        def delete(self, name: str) -> None:
            raise AssertionError(name)

    jobs.tidy_desk(desk.city.db, NoStore())  # type: ignore[arg-type]
    assert desk.case(case)["state"] == "lapsed"
    assert any("没有在期限内收到材料" in text for text in news_of(desk.city))
    refused("desk.wrong_state", lambda: desk.city.run(lambda tx: casework.lapse(tx, case)))
    assert opens(desk, about=about) != case


def test_the_applicant_may_take_it_back_until_two_have_agreed(desk: Desk) -> None:
    city = desk.city
    wang, child = city.people["Wang"], city.people["Child"]
    back = lambda case, who=wang: city.run(lambda tx: casework.withdraw(tx, case, who))  # noqa: E731
    first = opens(desk)
    refused("desk.unknown", lambda: back(first, child))
    back(first)
    assert desk.case(first)["state"] == "withdrawn"
    refused("desk.wrong_state", lambda: back(first))
    refused("desk.wrong_state", lambda: desk.takes("zhao", first))
    second = opens(desk)
    desk.takes("zhao", second)
    desk.decides("zhao", second)
    back(second)
    assert (desk.case(second)["state"], desk.case(second)["verdict"]) == ("withdrawn", None)
    third = opens(desk)
    desk.settles(third)
    refused("desk.wrong_state", lambda: back(third))
    assert jobs.carry_out(city.db) == 1


def test_the_checker_sends_back_and_the_handler_decides_again(desk: Desk) -> None:
    case = opens(desk)
    desk.takes("zhao", case)
    send = lambda who: desk.as_(who, lambda tx: casework.send_back(tx, case, desk.version(case), "请核对出生日期。"))  # noqa: E731
    refused("desk.taken_by_other", lambda: send("qian"))
    desk.decides("zhao", case)
    refused("staff.not_allowed", lambda: send("sun"))
    send("qian")
    row = desk.case(case)
    assert (row["state"], row["verdict"], row["decided_by"], row["taken_by"]) == ("taken", None, None, "zhao")
    desk.decides("zhao", case, "refused")
    desk.checks("qian", case)
    assert acts(desk, case) == ["open", "take", "decide_approved", "send_back", "decide_refused", "check"]
    events = desk.city.run(lambda tx: casework.history(tx, case))
    assert [event.no for event in events] == [1, 2, 3, 4, 5, 6]
    assert events[3].words == "请核对出生日期。"


def test_a_case_given_back_is_for_somebody_else(desk: Desk) -> None:
    case = opens(desk)
    desk.takes("zhao", case)
    give = lambda who: desk.as_(who, lambda tx: casework.give_back(tx, case, desk.version(case), "转同事办理。"))  # noqa: E731
    refused("desk.taken_by_other", lambda: give("sun"))
    give("zhao")
    refused("desk.wrong_state", lambda: give("zhao"))
    desk.takes("sun", case)
    refused("desk.taken_by_other", lambda: desk.decides("zhao", case))
    desk.decides("sun", case)


def test_every_step_names_the_version_it_saw(desk: Desk) -> None:
    case = opens(desk)
    desk.takes("zhao", case)
    seen = desk.version(case)
    desk.city.run(lambda tx: casework.papers_came(tx, case))
    before = snapshot(desk.city)
    steps: list[tuple[str, Callable[[Tx], Any]]] = [
        ("sun", lambda tx: casework.take(tx, case, 1)),
        ("zhao", lambda tx: casework.give_back(tx, case, seen, TELL)),
        ("zhao", lambda tx: casework.ask_for_papers(tx, case, seen, TELL)),
        ("zhao", lambda tx: casework.decide(tx, case, seen, APPROVED, "papers_agree", TELL)),
        ("qian", lambda tx: casework.check(tx, case, seen)),
        ("qian", lambda tx: casework.send_back(tx, case, seen, TELL)),
    ]
    for who, step in steps:
        refused("desk.stale", lambda w=who, s=step: desk.as_(w, s))
    assert snapshot(desk.city) == before


def test_a_decision_falls_with_what_it_rested_on(desk: Desk) -> None:
    case = opens(desk)
    desk.takes("zhao", case)
    desk.decides("zhao", case)
    kept = desk.case(case)["detail"]
    forged = lambda tx: tx.keys.seal("case", f"desk_case|detail|{case}", '{"parts": {"0": 9000, "1": 9000}}')  # noqa: E731
    desk.city.run(lambda tx: tx.run("update desk_case set detail = %(d)s where id = %(id)s", d=forged(tx), id=case))
    refused("desk.basis_changed", lambda: desk.checks("qian", case))
    desk.city.run(lambda tx: tx.run("update desk_case set detail = %(d)s where id = %(id)s", d=kept, id=case))
    desk.checks("qian", case)


@pytest.mark.parametrize(
    ("verdict", "reason", "words", "code"),
    [
        ("approved", "papers_missing", TELL, "desk.bad_reason"),
        ("refused", "papers_agree", TELL, "desk.bad_reason"),
        ("refused", "because", TELL, "desk.bad_reason"),
        ("maybe", "papers_agree", TELL, "desk.bad_reason"),
        ("approved", "papers_agree", "", "desk.words_needed"),
        ("approved", "papers_agree", "   ", "desk.words_needed"),
        ("approved", "papers_agree", "长" * 501, "desk.words_needed"),
        ("approved", "papers_agree", "铃\x07声", "desk.words_needed"),
        ("approved", "papers_agree", "反\u202e向", "desk.words_needed"),
    ],
)
def test_a_verdict_has_a_reason_of_the_list_and_words(desk: Desk, verdict: str, reason: str, words: str, code: str) -> None:
    case = opens(desk)
    desk.takes("zhao", case)
    before = snapshot(desk.city)
    refused(code, lambda: desk.as_("zhao", lambda tx: casework.decide(tx, case, 2, verdict, reason, words)))
    assert snapshot(desk.city) == before


def test_words_written_in_lines_are_one_paragraph(desk: Desk) -> None:
    case = opens(desk)
    desk.takes("zhao", case)
    desk.as_("zhao", lambda tx: casework.ask_for_papers(tx, case, 2, "  缺出生证明。\r\n\r\n请补一张。 "))
    assert desk.as_("zhao", lambda tx: casework.history(tx, case))[-1].words == "缺出生证明。 请补一张。"


def test_clerks_keep_to_their_region_and_role(desk: Desk) -> None:
    case = opens(desk)
    assert desk.as_("chen", casework.queue) == []
    before = snapshot(desk.city)
    for who, code in (
        ("chen", "staff.other_region"),
        ("nosy", "staff.not_allowed"),
        ("root.sys", "staff.not_allowed"),
        ("ghost", "staff.unknown"),
    ):
        refused(code, lambda w=who: desk.takes(w, case))
        refused(code, lambda w=who: desk.as_(w, lambda tx: casework.read(tx, case)))
    refused("staff.not_allowed", lambda: desk.takes("qian", case))
    for who in ("nosy", "root.sys", "ghost"):
        with pytest.raises(Refusal):
            desk.as_(who, casework.queue)
    missing = refs.mint(refs.book_of(case), desk.city.now)
    refused("desk.unknown", lambda: desk.as_("zhao", lambda tx: casework.read(tx, missing)))
    assert snapshot(desk.city) == before
    assert [brief.id for brief in desk.as_("qian", casework.queue)] == [case], "a province sees its cities"
    reads = desk.city.run(lambda tx: tx.all("select actor from audit where act = 'read_case'"))
    assert reads == []


def test_nobody_decides_for_himself_or_his_family(desk: Desk) -> None:
    city = desk.city
    desk.hire("wangwang", "420100", "handler", "checker", number=city.numbers["Wang"])
    own = opens(desk)
    refused("staff.own_file", lambda: desk.takes("wangwang", own))
    refused("staff.own_file", lambda: desk.as_("wangwang", lambda tx: casework.read(tx, own)))
    city.enrols("Aunt", "10.00")
    city.enrols("Niece", base="resident")
    aunt, niece = city.people["Aunt"], city.people["Niece"]
    strange = opens(desk, "unbind_counter", person=niece, applicant=aunt, detail={})
    desk.takes("wangwang", strange)
    city.binds("Aunt", "Wang", "sibling")
    refused("staff.own_file", lambda: desk.decides("wangwang", strange))
    city.run(lambda tx: tx.run("update family_bond set ended_at = %(at)s, ended_by = 'member'", at=tx.at))
    city.authorises("Wang", "Aunt", "sibling")
    refused("staff.own_file", lambda: desk.decides("wangwang", strange))
    desk.as_("zhao", lambda tx: casework.read(tx, strange))


def test_of_twenty_clerks_one_takes_the_case(desk: Desk) -> None:
    case = opens(desk)
    for place in range(20):
        desk.hire(f"clerk{'abcdefghijklmnopqrst'[place]}", "420100", "handler")
    gate, told = threading.Barrier(20), []

    def one(who: str) -> None:
        gate.wait()
        try:
            desk.as_(who, lambda tx: casework.take(tx, case, 1))
            told.append("taken")
        except Refusal as refusal:
            told.append(refusal.code)

    threads = [threading.Thread(target=one, args=(f"clerk{letter}",)) for letter in "abcdefghijklmnopqrst"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["desk.stale"] * 19 + ["taken"]
    assert acts(desk, case) == ["open", "take"]


def test_two_workers_carry_out_once(desk: Desk) -> None:
    for _ in range(3):
        desk.city.credits("Wang", "20.00")
    credits = desk.city.run(lambda tx: tx.all("select id from journal where cause = 'credit'"))
    cases = [opens(desk, about=row["id"]) for row in credits]
    for case in cases:
        desk.settles(case)
    threads = [threading.Thread(target=jobs.carry_out, args=(desk.city.db,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [desk.case(case)["state"] for case in cases] == ["effected"] * 4
    assert desk.city.holds("Wang") == "120.00"
    desk.city.books_balance()


# Deadlines


@pytest.mark.parametrize(
    ("on", "days", "due"),
    [
        (date(2026, 3, 2), 3, date(2026, 3, 5)),
        (date(2026, 3, 5), 2, date(2026, 3, 9)),
        (date(2026, 2, 13), 1, date(2026, 2, 14)),  # a Saturday made up for
        (date(2026, 2, 14), 1, date(2026, 2, 24)),  # the spring festival
        (date(2026, 9, 30), 3, date(2026, 10, 10)),
        (date(2027, 1, 1), 1, date(2027, 1, 4)),  # not announced yet: weekends only
        (date(2026, 3, 2), 0, date(2026, 3, 2)),
    ],
)
def test_working_days(on: date, days: int, due: date) -> None:
    assert after_working_days(on, days) == due


def test_every_matter_has_words_days_an_effect_and_a_telling() -> None:
    assert len(matters()) == 17
    for one in matters().values():
        assert one.title
        assert one.days > 0 < one.papers_days
        assert {"papers_agree"} <= set(one.reasons[APPROVED])
        assert {"papers_missing"} <= set(one.reasons[REFUSED])
    assert set(EFFECTS) == set(matters()) == set(TOLD)


# What cases do


def test_an_unbinding_at_the_counter(desk: Desk) -> None:
    city, bond = desk.city, desk.city.binds("Wang", "Child", "child")
    code = city.shows_code("Child", "Wang")
    case = opens(desk, "unbind_counter", bond, person=city.people["Child"], detail={})
    desk.settles(case)
    assert jobs.carry_out(city.db) == 1
    assert bonds(city) == [(bond, False)]
    assert city.send("1162", {"data": {"ecQrCode": code}})["infcode"] != 0
    refused("credential.not_bound", lambda: city.shows_code("Child", "Wang"))


def test_what_the_domain_refuses_by_now_goes_back_to_the_clerk(desk: Desk) -> None:
    city, bond = desk.city, desk.city.binds("Wang", "Child", "child")
    case = opens(desk, "unbind_counter", bond, person=city.people["Child"], detail={})
    desk.settles(case)
    city.run(lambda tx: tx.run("update family_bond set ended_at = %(at)s", at=tx.at))
    assert jobs.carry_out(city.db) == 0
    row = desk.case(case)
    assert (row["state"], row["verdict"], row["checked_by"], row["taken_by"]) == ("taken", None, None, "zhao")
    events = city.run(lambda tx: casework.history(tx, case))
    assert events[-1].act == "effect_refused"
    assert "family.not_bound" in events[-1].words
    assert jobs.carry_out(city.db) == 0
    desk.decides("zhao", case, "refused")
    desk.checks("qian", case)
    assert jobs.carry_out(city.db) == 1


def test_an_authorisation_ends_at_the_counter(desk: Desk) -> None:
    city = desk.city
    city.enrols("Mother", base="resident", household="w")
    aid = city.authorises("Wang", "Mother")
    case = opens(desk, "aid_release_counter", aid, person=city.people["Mother"], detail={})
    desk.settles(case)
    assert jobs.carry_out(city.db) == 1
    assert city.run(lambda tx: tx.one("select status from aid"))["status"] in ("released", "ended_by_system")
    assert city.pays("Mother", "30.00")["psn_cash_pay"] == 30


def test_a_wrong_charge_goes_back_whole(desk: Desk) -> None:
    city = desk.city
    paid = city.pays("Wang", "40.00")
    assert city.holds("Wang") == "60.00"
    settlement = city.settlement(paid["setl_id"])
    case = opens(desk, "wrong_charge", settlement, person=city.people["Wang"], detail={})
    desk.settles(case, "approved", "charged_wrongly")
    assert jobs.carry_out(city.db) == 1
    assert city.holds("Wang") == "100.00"
    again = opens(desk, "wrong_charge", settlement, person=city.people["Wang"], detail={})
    desk.settles(again, "approved", "charged_wrongly")
    assert jobs.carry_out(city.db) == 0
    assert "settlement.refunded" in city.run(lambda tx: casework.history(tx, again))[-1].words
    assert city.holds("Wang") == "100.00"
    city.books_balance()


def test_a_wrong_charge_of_somebody_else_is_refused(desk: Desk) -> None:
    city = desk.city
    settlement = city.settlement(city.pays("Wang", "40.00")["setl_id"])
    case = opens(desk, "wrong_charge", settlement, person=city.people["Child"], detail={})
    desk.settles(case)
    assert jobs.carry_out(city.db) == 0
    assert city.holds("Wang") == "60.00"


def credit_of(city: City) -> UUID:
    return city.run(lambda tx: tx.one("select id from journal where cause = 'credit' order by id limit 1"))["id"]


def test_a_correction_returns_legs_of_a_journal(desk: Desk) -> None:
    city, wang = desk.city, desk.city.people["Wang"]
    credit = credit_of(city)
    case = opens(desk, "correction", credit, person=wang, detail={"parts": {"0": 3000, "1": 3000}})
    desk.settles(case, "approved", "booked_wrongly")
    assert jobs.carry_out(city.db) == 1
    assert city.holds("Wang") == "70.00"
    more = opens(desk, "correction", credit, person=wang, detail={"parts": {"0": 7001, "1": 7001}})
    desk.settles(more, "approved", "booked_wrongly")
    assert jobs.carry_out(city.db) == 0
    assert "ledger.over_refund" in city.run(lambda tx: casework.history(tx, more))[-1].words
    assert city.holds("Wang") == "70.00"
    city.books_balance()


def test_a_settlement_is_not_corrected_by_leg_and_a_missing_journal_not_at_all(desk: Desk) -> None:
    city, wang = desk.city, desk.city.people["Wang"]
    city.pays("Wang", "40.00")
    of_settlement = city.run(lambda tx: tx.one("select id from journal where settlement is not null"))["id"]
    for about, code in (
        (of_settlement, "desk.settlement_not_by_leg"),
        (refs.mint(wang.book, city.now), "ledger.unknown_journal"),
    ):
        case = opens(desk, "correction", about, person=wang, detail={"parts": {"0": 1, "1": 1}})
        desk.settles(case)
        assert jobs.carry_out(city.db) == 0
        assert code in city.run(lambda tx, c=case: casework.history(tx, c))[-1].words
    assert city.holds("Wang") == "60.00"
    city.books_balance()


def test_an_account_is_paid_out_to_heirs_and_in_money(desk: Desk) -> None:
    city, son = desk.city, desk.city.enrols("Son", "5.00")
    old = city.enrols("Old", "80.00", base="retired")
    detail = {"because": "death", "heirs": {str(son.id): 3000}}
    early = opens(desk, "account_withdrawal", old.id, person=old, applicant=son, detail=detail)
    desk.settles(early, "approved", "died")
    assert jobs.carry_out(city.db) == 0
    assert "account." in city.run(lambda tx: casework.history(tx, early))[-1].words, "nobody inherits from the living"
    city.run(lambda tx: casework.withdraw(tx, early, son))
    city.run(lambda tx: standing.died(tx, library(), old, date(2026, 3, 1)))
    case = opens(desk, "account_withdrawal", old.id, person=old, applicant=son, detail=detail)
    desk.settles(case, "approved", "died")
    assert jobs.carry_out(city.db) == 1
    assert (city.holds("Old"), city.holds("Son")) == ("0.00", "35.00")
    who = city.run(lambda tx: tx.one("select actor from audit where act = 'pay_out_account'"))
    assert who["actor"] == "counter:zhao+qian", "the trail names the two who decided"
    city.books_balance()


def test_care_elsewhere_is_filed_on_the_papers_of_the_case(desk: Desk) -> None:
    city, wang = desk.city, desk.city.people["Wang"]
    detail = {"kind": "long_term", "region": "310000", "reason": "随子女居住"}
    case = opens(desk, "remote_filing_review", wang.id, person=wang, detail=detail)
    desk.settles(case)
    assert jobs.carry_out(city.db) == 0
    assert "filing.papers_needed" in city.run(lambda tx: casework.history(tx, case))[-1].words
    paper = evidence.prepare(city.keys, wang.book, city.now, drawn())
    city.run(lambda tx: evidence.record(tx, paper, case, "residence_permit", wang, wang))
    city.run(lambda tx: casework.papers_came(tx, case))
    desk.decides("zhao", case)
    desk.checks("qian", case)
    assert jobs.carry_out(city.db) == 1
    (filed,) = city.run(lambda tx: filings.filings(tx, wang))
    assert (filed.kind, filed.region, filed.evidence, filed.promise_only) == ("long_term", "310000", (paper.id,), False)


# What waits for the agency


def test_a_request_to_bind_that_waits_becomes_a_case(desk: Desk) -> None:
    city, kin = desk.city, Relatives(desk.city)
    city.enrols("Father", base="retired")
    desk.hire("luo", "420100", "checker")

    def waits() -> UUID:
        request = kin.asks("Wang", "Father")
        kin.registers(request, "Wang")
        kin.submits(request, "Wang")
        assert city.run(lambda tx: binding.to_counter(tx, request, city.people["Wang"])) == "review"
        return request

    first = waits()
    assert (jobs.adopt(city.db), jobs.adopt(city.db)) == (1, 0)
    (brief,) = desk.as_("zhao", casework.queue)
    assert (brief.title, brief.applicant[0], brief.state) == ("无法刷脸，线下核验", "王", "open")
    desk.settles(brief.id, "approved", "papers_agree")
    assert jobs.carry_out(city.db) == 0
    assert "family.face_check_required" in city.run(lambda tx: casework.history(tx, brief.id))[-1].words, "papers are not a face"
    desk.decides("zhao", brief.id, "approved", "seen_in_person")
    desk.checks("luo", brief.id)
    assert jobs.carry_out(city.db) == 1
    assert kin.sees(first, "Wang").state == "bound"
    assert city.shows_code("Father", "Wang")
    city.run(lambda tx: family.part(tx, library(), kin.sees(first, "Wang").bond, city.people["Father"]))
    city.now += timedelta(days=200)
    second = waits()
    assert jobs.adopt(city.db) == 1
    (brief,) = desk.as_("zhao", casework.queue)
    desk.settles(brief.id, "refused", "not_the_person")
    assert jobs.carry_out(city.db) == 1
    assert (kin.sees(second, "Wang").state, kin.sees(second, "Wang").said) == ("refused", TELL)
    assert sum(TELL in text for text in news_of(city)) == 1, "told once, by the binding itself"
    third = waits()
    assert jobs.adopt(city.db) == 1
    (brief,) = desk.as_("zhao", casework.queue)
    city.run(lambda tx: casework.withdraw(tx, brief.id, city.people["Wang"]))
    assert kin.sees(third, "Wang").state == "withdrawn"
    fourth = waits()
    assert jobs.adopt(city.db) == 1
    (brief,) = desk.as_("zhao", casework.queue)
    desk.takes("zhao", brief.id)
    city.run(lambda tx: binding.withdraw(tx, fourth, city.people["Wang"]))
    assert jobs.adopt(city.db) == 0
    assert desk.case(brief.id)["state"] == "withdrawn", "what was taken back on the phone is gone from the queue"
    fifth = waits()
    assert jobs.adopt(city.db) == 1
    (brief,) = desk.as_("zhao", casework.queue)
    desk.settles(brief.id, "refused")
    city.run(lambda tx: binding.withdraw(tx, fifth, city.people["Wang"]))
    assert jobs.adopt(city.db) == 0
    assert jobs.carry_out(city.db) == 1, "and once decided it is closed all the same"


def test_an_authorisation_that_waits_becomes_a_case(desk: Desk) -> None:
    city = desk.city
    son, mother = city.enrols("Son", "500.00", region="440100"), city.enrols("Mother", region="440100")
    desk.hire("luo", "440000", "checker")

    def offers() -> UUID:
        def work(tx: Tx) -> UUID:
            agreed = aid.promise(tx, library(), son, mother, "parent", aid.Terms()).hash
            return aid.offer(tx, library(), son, mother, "parent", aid.Terms(), agreed=agreed)

        return city.run(work)

    def decided(verdict: str) -> None:
        assert (jobs.adopt(city.db), jobs.adopt(city.db)) == (1, 0)
        assert desk.as_("zhao", casework.queue) == []
        (brief,) = desk.as_("chen", casework.queue)
        desk.takes("chen", brief.id)
        desk.decides("chen", brief.id, verdict)
        desk.checks("luo", brief.id)
        assert jobs.carry_out(city.db) == 1

    first = offers()
    decided("refused")
    assert city.run(lambda tx: aid.find(tx, first)).status == "ended_by_system"
    second = offers()
    decided("approved")
    assert city.run(lambda tx: aid.find(tx, second)).status == "active"
    assert city.pays("Mother", "60.00")["acct_mulaid_pay"] == 60


def test_a_credential_is_activated_at_the_counter(desk: Desk) -> None:
    city = desk.city
    city.enrols("Granny", base="retired", active=False)
    refused("credential.not_active", lambda: city.shows_code("Granny"))
    case = opens(desk, "activation_offline", person=city.people["Granny"], applicant=city.people["Granny"], detail={})
    desk.settles(case, "approved", "seen_in_person")
    assert jobs.carry_out(city.db) == 1
    assert city.shows_code("Granny")


# Not me


def test_not_me_stops_the_codes_at_once_and_the_desk_decides(desk: Desk) -> None:
    city, child = desk.city, desk.city.people["Child"]
    bond = city.binds("Wang", "Child", "child")
    out = city.shows_code("Child", "Wang")
    token = reads(city, out)
    case = city.run(lambda tx: casework.dispute(tx, bond, child, "420100"))
    refused("family.suspended", lambda: city.shows_code("Child", "Wang"))
    refused("credential.bond_ended", lambda: city.run(lambda tx: credential.holder(tx, token, "H1")))
    assert city.shows_code("Child"), "the person's own code is not touched"
    told = news_of(city)
    assert len(told) == 2
    assert all("异议" in text for text in told)
    refused("desk.open_already", lambda: city.run(lambda tx: casework.dispute(tx, bond, child, "420100")))
    desk.settles(case, "refused", "authorised")
    assert jobs.carry_out(city.db) == 1
    assert city.shows_code("Child", "Wang"), "it was right, and serves again"
    case = city.run(lambda tx: casework.dispute(tx, bond, child, "420100"))
    desk.settles(case, "approved", "not_authorised")
    assert jobs.carry_out(city.db) == 1
    assert bonds(city) == [(bond, False)]
    refused("credential.not_bound", lambda: city.shows_code("Child", "Wang"))


def test_a_dispute_that_is_taken_back_lets_go(desk: Desk) -> None:
    city, child = desk.city, desk.city.people["Child"]
    bond = city.binds("Wang", "Child", "child")
    case = city.run(lambda tx: casework.dispute(tx, bond, child, "420100"))
    city.run(lambda tx: casework.withdraw(tx, case, child))
    assert city.shows_code("Child", "Wang")
    before = snapshot(city)
    refused("family.not_bound", lambda: city.run(lambda tx: casework.dispute(tx, bond, city.people["Wang"], "420100")))
    missing = refs.mint(child.book, city.now)
    refused("family.not_bound", lambda: city.run(lambda tx: casework.dispute(tx, missing, child, "420100")))
    assert snapshot(city) == before
    case = city.run(lambda tx: casework.dispute(tx, bond, child, "420100"))
    city.run(lambda tx: family.part(tx, library(), bond, child))
    city.run(lambda tx: casework.withdraw(tx, case, child))
    assert bonds(city) == [(bond, False)], "who parts during a dispute has parted"


# Freezing


def reads(city: City, digits: str) -> str:
    """An institution reads a code; the visit token."""
    return str(city.run(lambda tx: credential.decode(tx, digits, "H1", "001", pharmacy=False)).token)


def freezes(city: City, who: str, by: str | None = None) -> None:
    side = city.people[by] if by else None
    city.run(lambda tx: credential.freeze(tx, city.people[who], side, "lost phone"))


def thaws(city: City, who: str, by: str | None = None) -> None:
    side = city.people[by] if by else None
    city.run(lambda tx: credential.thaw(tx, city.people[who], side))


def test_a_stolen_phone_shows_nobodys_code(desk: Desk) -> None:
    city = desk.city
    city.binds("Wang", "Child", "child")
    token = reads(city, city.shows_code("Child", "Wang"))
    own, shown = city.shows_code("Wang"), city.shows_code("Child", "Wang")
    city.run(lambda tx: credential.holder(tx, token, "H1"))
    freezes(city, "Wang", "Wang")
    refused("credential.frozen", lambda: city.shows_code("Wang"))
    refused("credential.frozen", lambda: city.shows_code("Child", "Wang"))
    for digits in (own, shown):
        with pytest.raises(Refusal):
            reads(city, digits)
    refused("credential.token_expired", lambda: city.run(lambda tx: credential.holder(tx, token, "H1")))
    assert reads(city, city.shows_code("Child")), "the child's own phone goes on"
    thaws(city, "Wang", "Wang")
    assert city.shows_code("Child", "Wang")


def test_what_the_agency_froze_only_the_agency_thaws(desk: Desk) -> None:
    city = desk.city
    city.binds("Wang", "Child", "child")
    freezes(city, "Child", "Wang")
    refused("credential.not_bound", lambda: thaws(city, "Child", "Wang"))
    thaws(city, "Child", "Child")
    freezes(city, "Child")
    refused("credential.frozen_by_agency", lambda: thaws(city, "Child", "Child"))
    thaws(city, "Child")
    freezes(city, "Child", "Child")
    thaws(city, "Child", "Child")
    assert city.shows_code("Child", "Wang")


def test_the_desk_freezes_within_its_region_and_says_so(desk: Desk) -> None:
    city, wang = desk.city, desk.city.people["Wang"]
    desk.hire("wangwang", "420100", "handler", number=city.numbers["Wang"])
    before = city.run(lambda tx: str(tx.all("select * from credential order by person")))
    wrong = {"chen": "staff.other_region", "qian": "staff.not_allowed", "nosy": "staff.not_allowed", "wangwang": "staff.own_file"}
    for who, code in wrong.items():
        refused(code, lambda w=who: desk.as_(w, lambda tx: casework.freeze(tx, wang, "来电挂失")))
        refused(code, lambda w=who: desk.as_(w, lambda tx: casework.thaw(tx, wang)))
    refused("desk.words_needed", lambda: desk.as_("zhao", lambda tx: casework.freeze(tx, wang, " ")))
    assert city.run(lambda tx: str(tx.all("select * from credential order by person"))) == before
    desk.as_("zhao", lambda tx: casework.freeze(tx, wang, "来电挂失"))
    refused("credential.frozen", lambda: city.shows_code("Wang"))
    refused("credential.frozen_by_agency", lambda: thaws(city, "Wang", "Wang"))
    desk.as_("sun", lambda tx: casework.thaw(tx, wang))
    assert city.shows_code("Wang")
    assert sum("12393" in text for text in news_of(city)) == 2
    told = city.run(lambda tx: tx.all("select actor, purpose from audit where act = 'freeze_credential'"))
    assert [(row["actor"], row["purpose"]) for row in told] == [("desk:zhao", "来电挂失")]


def test_a_relative_of_another_book_is_frozen_there(desk: Desk) -> None:
    city = desk.city
    city.enrols("Far", "5.00", region="440100")
    city.binds("Far", "Child", "child")
    assert city.people["Far"].book != city.people["Child"].book
    freezes(city, "Far")
    refused("credential.frozen", lambda: city.shows_code("Child", "Far"))


def test_a_code_being_read_while_frozen_never_pays_later(desk: Desk) -> None:
    """Whichever is first, after both are done there is no living token."""
    city = desk.city
    city.binds("Wang", "Child", "child")
    for _ in range(15):
        digits, gate, tokens = city.shows_code("Child", "Wang"), threading.Barrier(2), []

        def at_the_till(digits: str = digits, gate: threading.Barrier = gate, tokens: list[str] = tokens) -> None:
            gate.wait()
            with contextlib.suppress(Refusal):
                tokens.append(reads(city, digits))

        thread = threading.Thread(target=at_the_till)
        thread.start()
        gate.wait()
        freezes(city, "Wang")
        thread.join()
        for token in tokens:
            refused("credential.token_expired", lambda t=token: city.run(lambda tx: credential.holder(tx, t, "H1")))
        thaws(city, "Wang")


# The web's own role


def test_the_pages_role_walks_a_case_but_moves_no_money(desk: Desk, url: str) -> None:
    from mulaid.db import Database, process_url

    city = desk.city
    city.pays("Wang", "40.00")
    web = Database(process_url(url, "mulaid_web", embedded=True), city.keys, size=2)
    worker = Database(process_url(url, "mulaid_worker", embedded=True), city.keys, size=2)

    def page(who: str, work: Callable[[Tx], Any]) -> Any:
        return commands.alone(web, work, at=city.now, by=Actor(who, "desk"))

    try:
        settlement = city.run(lambda tx: tx.one("select id from settlement"))["id"]
        wang: PersonRef = city.people["Wang"]
        case = page(
            "wang",
            lambda tx: casework.open_case(tx, "wrong_charge", person=wang, applicant=wang, about=settlement, region="420100"),
        )
        page("zhao", lambda tx: casework.take(tx, case, 1))
        page("zhao", lambda tx: casework.decide(tx, case, 2, APPROVED, "charged_wrongly", TELL))
        page("qian", lambda tx: casework.check(tx, case, 3))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            page("qian", lambda tx: casework.effect(tx, case))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            page("qian", lambda tx: tx.run("delete from desk_event"))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            page("qian", lambda tx: tx.run("update staff set roles = '{checker}', granted_by = 'x'"))
        assert jobs.carry_out(worker) == 1
    finally:
        web.close()
        worker.close()
    assert city.holds("Wang") == "100.00"
    assert BY.name == "story"
