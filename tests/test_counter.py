"""The counter: every matter opened by a clerk, decided by two, done by the worker; who may not open it changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from city import SHANGHAI, City
from desk import TELL, Desk
from mulaid import jobs, refs
from mulaid.agency import casework, counter, evidence, hearing
from mulaid.agency.matters import matters
from mulaid.db import Database, process_url
from mulaid.people import aid, binding, consent, enrolment, family, filings, household, standing
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.people.identity import make_resident_id
from mulaid.policy.pack import library
from relatives import Relatives, packs_with, refused
from test_evidence import drawn

BOOKKEEPING = {"audit", "command", "allowance"}


@pytest.fixture
def desk(city: City, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk in Wuhan, Wang with a child, and the worker's clock."""
    monkeypatch.setattr(jobs, "wall_clock", lambda: city.now)
    city.enrols("Wang", "100.00", household="w")
    city.enrols("Child", base="resident", household="w", born=date(2018, 5, 1))
    return Desk(city)


@pytest.fixture
def worker(desk: Desk, url: str) -> Iterator[Database]:
    """What carries out: with the rights of the worker and no more."""
    made = Database(process_url(url, "mulaid_worker", embedded=True), desk.city.keys, size=2)
    yield made
    made.close()


def tables(city: City) -> dict[str, Any]:
    """A digest of every row of every table that a refused request must leave alone."""
    listed = "select tablename as name from pg_tables where schemaname = 'mulaid'"
    digest = "select md5(string_agg(t::text, '|' order by t::text)) as rows from mulaid.{} t"
    names = city.run(lambda tx: [row["name"] for row in tx.all(listed)])
    return {name: city.run(lambda tx, n=name: tx.one(digest.format(n)))["rows"] for name in set(names) - BOOKKEEPING}


def opens(desk: Desk, name: str, person: str, *, who: str = "zhao", applicant: str = "", **more: Any) -> UUID:
    """A clerk opens a matter for somebody who stands at the counter."""
    people = desk.city.people
    one, stands = people[person], people[applicant or person]
    return desk.as_(who, lambda tx: counter.open_matter(tx, name, one, applicant=stands, **more))


def refused_whole(desk: Desk, code: str, work: Callable[[], Any]) -> None:
    """Refused, and no table is other than before."""
    before = tables(desk.city)
    refused(code, work)
    assert tables(desk.city) == before


def news_of(city: City) -> list[str]:
    jobs.tell_everybody(city.db)
    return [row["text"] for row in city.run(lambda tx: tx.all("select text from message order by id"))]


def last_words(desk: Desk, case: UUID) -> str:
    return desk.city.run(lambda tx: casework.history(tx, case))[-1].words


def hands_over(desk: Desk, case: UUID, who: str = "zhao", kind: str = "residence_permit", shade: int = 0) -> UUID:
    """Somebody lays a paper on the counter, and the clerk who has the case takes its picture."""
    city = desk.city
    found = desk.as_(who, lambda tx: casework.bring_papers(tx, case))
    paper = evidence.prepare(city.keys, found.book, city.now, drawn(colour=(shade, 90, 3)) if shade else drawn())
    desk.as_(who, lambda tx: evidence.record(tx, paper, case, kind, found.person, found.applicant))
    desk.as_(who, lambda tx: casework.papers_came(tx, case))
    return paper.id


def credit_of(city: City, name: str = "Wang") -> UUID:
    ref = city.people[name]
    return city.run(lambda tx: tx.one("select journal from entry where holder = %(id)s order by no limit 1", id=ref.id))[
        "journal"
    ]


# Every matter, from the counter to its effect


def test_somebody_asks_at_the_counter_to_end_a_family_account(desk: Desk, worker: Database) -> None:
    city, bond = desk.city, desk.city.binds("Wang", "Child", "child")
    case = opens(desk, "unbind_counter", "Child", applicant="Wang", about=bond)
    row = desk.case(case)
    assert (row["opened_by"], row["region"], row["applicant"]) == ("desk:zhao", "420100", city.people["Wang"].id)
    assert any("窗口登记了与您有关的申请：窗口解除绑定" in text for text in news_of(city))
    refused_whole(desk, "desk.open_already", lambda: opens(desk, "unbind_counter", "Child", who="sun", about=bond))
    assert city.shows_code("Child", "Wang"), "nothing has happened yet"
    desk.settles(case)
    assert jobs.carry_out(worker) == 1
    refused("credential.not_bound", lambda: city.shows_code("Child", "Wang"))
    refused_whole(desk, "desk.not_theirs", lambda: opens(desk, "unbind_counter", "Child", about=bond))


def test_an_authorisation_ends_from_either_side(desk: Desk, worker: Database) -> None:
    city = desk.city
    city.enrols("Mother", base="resident", household="w")
    first = city.authorises("Wang", "Mother")
    case = opens(desk, "aid_release_counter", "Mother", about=first)
    desk.settles(case)
    assert jobs.carry_out(worker) == 1
    paid = city.pays("Mother", "30.00")
    assert (paid["psn_cash_pay"], paid["acct_mulaid_pay"]) == (30, 0)
    assert city.holds("Wang") == "100.00"
    refused_whole(desk, "desk.not_theirs", lambda: opens(desk, "aid_release_counter", "Wang", about=first))
    city.now += timedelta(days=60)
    second = city.authorises("Wang", "Mother")
    desk.settles(opens(desk, "aid_release_counter", "Wang", about=second))
    assert jobs.carry_out(worker) == 1
    city.books_balance()


def test_a_credential_is_activated_for_who_has_no_phone(desk: Desk, worker: Database) -> None:
    city = desk.city
    city.enrols("Granny", base="retired", active=False)
    case = opens(desk, "activation_offline", "Granny")
    desk.settles(case, "approved", "seen_in_person")
    assert jobs.carry_out(worker) == 1
    assert city.shows_code("Granny")
    refused_whole(desk, "credential.active_already", lambda: opens(desk, "activation_offline", "Granny"))


def test_care_elsewhere_is_filed_on_papers_laid_on_the_counter(desk: Desk, worker: Database) -> None:
    city, wang = desk.city, desk.city.people["Wang"]
    detail = {"kind": "long_term", "region": "310000", "reason": " 随子女居住 "}
    case = opens(desk, "remote_filing_review", "Wang", detail=detail)
    refused("desk.wrong_state", lambda: hands_over(desk, case))
    desk.takes("zhao", case)
    refused("desk.taken_by_other", lambda: hands_over(desk, case, "sun"))
    refused("staff.other_region", lambda: hands_over(desk, case, "chen"))
    paper = hands_over(desk, case)
    desk.decides("zhao", case)
    desk.checks("qian", case)
    assert jobs.carry_out(worker) == 1
    (filed,) = city.run(lambda tx: filings.filings(tx, wang))
    assert (filed.kind, filed.region, filed.reason, filed.evidence) == ("long_term", "310000", "随子女居住", (paper,))
    # A second place of long stay takes the place of the first; the worker may end it.
    city.now += timedelta(days=3)
    case = opens(desk, "remote_filing_review", "Wang", detail={**detail, "region": "440100"})
    desk.takes("zhao", case)
    picture = evidence.prepare(city.keys, wang.book, city.now, drawn(colour=(9, 9, 200)))
    desk.as_("zhao", lambda tx: evidence.record(tx, picture, case, "residence_permit", wang, wang))
    desk.as_("zhao", lambda tx: casework.papers_came(tx, case))
    desk.decides("zhao", case)
    desk.checks("qian", case)
    assert jobs.carry_out(worker) == 1
    (new, old) = city.run(lambda tx: filings.filings(tx, wang))
    assert (new.region, new.ended_on, old.ended_on) == ("440100", None, city.now.date())


def test_papers_that_were_promised_are_handed_in_at_the_counter(desk: Desk, worker: Database) -> None:
    """A promise holds for months; who comes on its last day is in time, however long the desk looks."""
    city, wang = desk.city, desk.city.people["Wang"]
    promised = city.run(lambda tx: filings.file(tx, library(), wang, "long_term", "310000", "随子女居住", promise=True))
    assert promised.papers_due
    city.now = datetime.combine(promised.papers_due, city.now.time(), SHANGHAI)
    case = opens(desk, "filing_papers", "Wang", about=promised.id)
    refused_whole(desk, "desk.open_already", lambda: opens(desk, "filing_papers", "Wang", about=promised.id))
    desk.settles(case)
    assert jobs.carry_out(worker) == 0
    assert "filing.papers_needed" in last_words(desk, case)
    paper = hands_over(desk, case)
    city.now += timedelta(days=2)
    desk.decides("zhao", case)
    desk.checks("qian", case)
    assert jobs.carry_out(worker) == 1
    (filed,) = city.run(lambda tx: filings.filings(tx, wang))
    assert (filed.promise_only, filed.papers_due, filed.valid_to, filed.both_places) == (False, None, None, True)
    assert filed.evidence == (paper,)
    refused_whole(desk, "filing.no_papers_owed", lambda: opens(desk, "filing_papers", "Wang", about=promised.id))


def test_papers_promised_and_forgotten_are_too_late(desk: Desk) -> None:
    city, wang = desk.city, desk.city.people["Wang"]
    promised = city.run(lambda tx: filings.file(tx, library(), wang, "long_term", "310000", "随子女居住", promise=True))
    assert promised.papers_due
    city.now = datetime.combine(promised.papers_due + timedelta(days=1), city.now.time(), SHANGHAI)
    refused_whole(desk, "filing.papers_late", lambda: opens(desk, "filing_papers", "Wang", about=promised.id))


def test_a_household_account_is_closed_where_only_the_counter_may(desk: Desk, worker: Database) -> None:
    """Nanjing closes none online; every part goes back where it came from."""
    city = desk.city
    city.enrols("Head", "300.50", region="320100", household="n")
    city.enrols("Wife", "20.00", region="320100", household="n")
    pool = city.opens_household("Head", "120.25", Wife="spouse")
    refused("household.counter_only", lambda: city.run(lambda tx: household.close(tx, library(), pool, city.people["Head"])))
    desk.hire("lulu", "320100", "handler")
    desk.hire("mama", "320000", "checker")
    given = {"who": "lulu", "about": pool}
    refused_whole(desk, "desk.not_theirs", lambda: opens(desk, "household_close", "Wife", **given))
    case = opens(desk, "household_close", "Head", **given)
    desk.takes("lulu", case)
    desk.decides("lulu", case)
    desk.checks("mama", case)
    assert jobs.carry_out(worker) == 1
    assert (city.holds("Head"), city.holds("Wife")) == ("300.50", "20.00")
    refused_whole(desk, "desk.not_theirs", lambda: opens(desk, "household_close", "Head", **given))
    city.books_balance()


def test_a_wrong_charge_goes_back_to_the_fen(desk: Desk, worker: Database) -> None:
    city = desk.city
    city.enrols("Mother", base="resident", household="w")
    city.authorises("Wang", "Mother")
    paid = city.pays("Mother", "40.37")
    assert (city.holds("Wang"), paid["acct_mulaid_pay"]) == ("59.63", paid["medfee_sumamt"])
    settlement = city.settlement(paid["setl_id"])
    refused_whole(desk, "desk.not_theirs", lambda: opens(desk, "wrong_charge", "Wang", about=settlement))
    case = opens(desk, "wrong_charge", "Mother", about=settlement)
    desk.settles(case, "approved", "charged_wrongly")
    assert jobs.carry_out(worker) == 1
    assert city.holds("Wang") == "100.00"
    refused_whole(desk, "settlement.refunded", lambda: opens(desk, "wrong_charge", "Mother", about=settlement))
    back = city.run(lambda tx: tx.one("select id from settlement where refunds is not null"))["id"]
    refused_whole(desk, "settlement.is_refund", lambda: opens(desk, "wrong_charge", "Mother", about=back))
    city.books_balance()


def test_a_booking_is_corrected_to_the_fen(desk: Desk, worker: Database) -> None:
    city = desk.city
    case = opens(desk, "correction", "Wang", about=credit_of(city), detail={"parts": {"0": 1234, "1": 1234}})
    desk.settles(case, "approved", "booked_wrongly")
    assert jobs.carry_out(worker) == 1
    assert city.holds("Wang") == "87.66"
    city.books_balance()


def test_what_the_dead_leave_is_paid_to_an_heir_and_in_money(desk: Desk, worker: Database) -> None:
    city, son = desk.city, desk.city.enrols("Son", "5.00")
    city.enrols("Old", "80.55", base="retired")
    detail = {"because": "death", "heirs": {str(son.id): 3021}}
    refused_whole(desk, "account.not_entitled", lambda: opens(desk, "account_withdrawal", "Old", applicant="Son", detail=detail))
    city.run(lambda tx: standing.died(tx, library(), city.people["Old"], date(2026, 3, 1)))
    refused_whole(desk, "desk.not_alive", lambda: opens(desk, "account_withdrawal", "Old", detail=detail))
    case = opens(desk, "account_withdrawal", "Old", applicant="Son", detail=detail)
    desk.settles(case, "approved", "died")
    assert jobs.carry_out(worker) == 1
    assert (city.holds("Old"), city.holds("Son")) == ("0.00", "35.21")
    paid = city.run(lambda tx: tx.one("select fens, accounts from journal where cause = 'payout'"))
    assert dict(zip(paid["accounts"], paid["fens"], strict=True))["payout:420100"] == 5034
    city.books_balance()


def test_who_leaves_the_country_takes_the_account_along(desk: Desk, worker: Database) -> None:
    city, wang = desk.city, desk.city.people["Wang"]
    gone = {"because": "settled_abroad"}
    refused_whole(desk, "account.not_entitled", lambda: opens(desk, "account_withdrawal", "Wang", detail=gone))
    city.run(lambda tx: standing.end(tx, library(), wang, date(2026, 3, 1)))
    case = opens(desk, "account_withdrawal", "Wang", detail=gone)
    desk.settles(case, "approved", "went_abroad")
    assert jobs.carry_out(worker) == 1
    assert city.holds("Wang") == "0.00"
    city.books_balance()


# Who may not


def test_no_other_region_role_or_family_opens_anything(desk: Desk) -> None:
    city, bond = desk.city, desk.city.binds("Wang", "Child", "child")
    desk.hire("wangwang", "420100", "handler", "checker", number=city.numbers["Wang"])
    for who, code in (
        ("chen", "staff.other_region"), ("qian", "staff.not_allowed"), ("nosy", "staff.not_allowed"),
        ("root.sys", "staff.not_allowed"), ("ghost", "staff.unknown"), ("wangwang", "staff.own_file"),
    ):  # fmt: skip
        refused_whole(desk, code, lambda w=who: opens(desk, "unbind_counter", "Child", who=w, about=bond))
        refused_whole(desk, code, lambda w=who: desk.as_(w, lambda tx: counter.look(tx, city.people["Child"], "counter")))
    # An applicant or heir of the clerk's family is the clerk's own affair too.
    city.enrols("Old", "10.00", base="retired")
    city.run(lambda tx: standing.died(tx, library(), city.people["Old"], date(2026, 3, 1)))
    heirs = {"because": "death", "heirs": {str(city.people["Wang"].id): 1}}
    city.enrols("Notary", "1.00")
    refused_whole(
        desk,
        "staff.own_file",
        lambda: opens(desk, "account_withdrawal", "Old", who="wangwang", applicant="Notary", detail=heirs),
    )
    case = opens(desk, "account_withdrawal", "Old", applicant="Notary", detail=heirs)
    refused_whole(desk, "staff.own_file", lambda: desk.takes("wangwang", case))
    desk.takes("sun", case)


def test_a_matter_is_about_something_of_the_person(desk: Desk) -> None:
    city = desk.city
    city.enrols("Aunt", "10.00")
    city.enrols("Niece", base="resident")
    bond, given = city.binds("Aunt", "Niece", "child"), city.authorises("Aunt", "Niece", "child")
    settlement = city.settlement(city.pays("Aunt", "2.00")["setl_id"])
    theirs = {
        "unbind_counter": bond,
        "aid_release_counter": given,
        "wrong_charge": settlement,
        "correction": credit_of(city, "Aunt"),
        "filing_papers": refs.mint(city.people["Aunt"].book, city.now),
        "activation_offline": city.people["Aunt"].id,
        "remote_filing_review": city.people["Aunt"].id,
        "account_withdrawal": city.people["Aunt"].id,
        **{
            name: refs.mint(city.people["Aunt"].book, city.now)
            for name in ("household_close", "household_leave", "household_fund", "quota_release")
        },
    }
    assert set(theirs) == set(counter.MATTERS)
    city.enrols("Granny", "1.00", base="retired", active=False)
    city.run(lambda tx: standing.end(tx, library(), city.people["Wang"], date(2026, 3, 1)))
    details = {
        "remote_filing_review": {"kind": "other", "region": "310000", "reason": "探亲"},
        "account_withdrawal": {"because": "settled_abroad"},
        "correction": {"parts": {"0": 1, "1": 1}},
    }
    for name, about in theirs.items():
        whom = {"activation_offline": "Granny", "remote_filing_review": "Granny"}.get(name, "Wang")
        for wrong in (about, refs.mint(city.people["Wang"].book, city.now), UUID(int=0)):
            work = lambda n=name, w=whom, a=wrong: opens(desk, n, w, about=a, detail=details.get(n))  # noqa: E731
            refused_whole(desk, "desk.not_theirs", work)
    for name in ("unbind_counter", "aid_release_counter", "wrong_charge", "correction", "filing_papers"):
        refused_whole(desk, "desk.not_theirs", lambda n=name: opens(desk, n, "Wang", detail=details.get(n)))
    for name in (set(matters()) - set(counter.MATTERS)) | {"nothing", "take"}:
        refused_whole(desk, "desk.not_opened_here", lambda n=name: opens(desk, n, "Wang", about=bond))


BAD = [
    ("remote_filing_review", {}, "filing.unknown_kind"),
    ("remote_filing_review", {"kind": "holiday", "region": "310000", "reason": "探亲"}, "filing.unknown_kind"),
    ("remote_filing_review", {"kind": "other", "region": "31000", "reason": "探亲"}, "filing.bad_region"),
    ("remote_filing_review", {"kind": "other", "region": "３１００００", "reason": "探亲"}, "filing.bad_region"),
    ("remote_filing_review", {"kind": "other", "region": "420100", "reason": "探亲"}, "filing.same_area"),
    ("remote_filing_review", {"kind": "other", "region": "310000", "reason": " "}, "filing.reason_needed"),
    ("remote_filing_review", {"kind": "other", "region": "310000", "reason": "长" * 201}, "filing.reason_needed"),
    ("remote_filing_review", {"kind": "other", "region": "310000", "reason": "\ud800"}, "desk.bad_detail"),
    ("remote_filing_review", {"kind": "other", "region": "310000", "reason": "a\0b"}, "desk.bad_detail"),
    ("remote_filing_review", {"kind": ["other"], "region": "310000", "reason": "探亲"}, "desk.bad_detail"),
    ("remote_filing_review", {"kind": "other", "region": "310000", "reason": "探亲", "care_since": "soon"}, "filing.bad_day"),
    ("remote_filing_review", {"kind": "other", "region": "310000", "reason": "探", "care_since": "2026-04-01"}, "filing.bad_day"),
    ("remote_filing_review", {"kind": "other", "region": "310000", "reason": "探亲", "care_since": 3}, "desk.bad_detail"),
    ("remote_filing_review", {"filing": "x"}, "desk.bad_detail"),
    ("correction", {}, "desk.bad_detail"),
    ("correction", {"parts": {}}, "desk.bad_detail"),
    ("correction", {"parts": [1000, 1000]}, "desk.bad_detail"),
    ("correction", {"parts": {"0": 1000}}, "desk.parts_unbalanced"),
    ("correction", {"parts": {"0": 1000, "1": 999}}, "desk.parts_unbalanced"),
    ("correction", {"parts": {"0": 10001, "1": 10001}}, "ledger.over_refund"),
    ("correction", {"parts": {"0": 0, "1": 0}}, "ledger.over_refund"),
    ("correction", {"parts": {"0": -5, "1": -5}}, "ledger.over_refund"),
    ("correction", {"parts": {"0": 10.5, "1": 10.5}}, "ledger.over_refund"),
    ("correction", {"parts": {"0": True, "1": True}}, "ledger.over_refund"),
    ("correction", {"parts": {"0": "10", "1": "10"}}, "ledger.over_refund"),
    ("correction", {"parts": {"2": 1}}, "desk.bad_detail"),
    ("correction", {"parts": {"-1": 1}}, "desk.bad_detail"),
    ("correction", {"parts": {"00": 1}}, "desk.bad_detail"),
    ("correction", {"parts": {"٠": 1}}, "desk.bad_detail"),
    ("correction", {"parts": {"0": 1, "1": 1}, "more": 1}, "desk.bad_detail"),
    ("account_withdrawal", {}, "desk.bad_detail"),
    ("account_withdrawal", {"because": "bored"}, "desk.bad_detail"),
    ("account_withdrawal", {"because": None}, "desk.bad_detail"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "detail", "code"), BAD, ids=lambda value: str(value)[:40])
def test_details_that_do_not_fit_are_refused_before_there_is_a_case(desk: Desk, name: str, detail: Any, code: str) -> None:
    about = credit_of(desk.city) if name == "correction" else None
    refused_whole(desk, code, lambda: opens(desk, name, "Wang", about=about, detail=detail))


def test_heirs_that_cannot_be_are_refused(desk: Desk) -> None:
    city = desk.city
    son = city.enrols("Son", "5.00")
    city.enrols("Old", "80.00", base="retired")
    city.enrols("Older", "1.00", base="retired")
    for name in ("Old", "Older"):
        city.run(lambda tx, n=name: standing.died(tx, library(), city.people[n], date(2026, 3, 1)))
    wrong: list[tuple[Any, str]] = [
        ([str(son.id)], "desk.bad_detail"), ({"son": 1}, "desk.bad_detail"), ({str(son.id): 0}, "desk.bad_detail"),
        ({str(son.id): -1}, "desk.bad_detail"), ({str(son.id): 1.5}, "desk.bad_detail"),
        ({str(son.id): 10**15}, "desk.bad_detail"),
        ({str(refs.mint(son.book, city.now)): 1}, "people.unknown"), ({str(city.people["Older"].id): 1}, "desk.not_alive"),
        ({str(refs.mint(place, city.now)): 1 for place in range(1, 9)}, "desk.bad_detail"),
    ]  # fmt: skip
    for heirs, code in wrong:
        detail = {"because": "death", "heirs": heirs}
        work = lambda d=detail: opens(desk, "account_withdrawal", "Old", applicant="Son", detail=d)  # noqa: E731
        refused_whole(desk, code, work)
    gone = {"because": "settled_abroad", "heirs": {str(son.id): 1}}
    city.run(lambda tx: standing.end(tx, library(), city.people["Wang"], date(2026, 3, 1)))
    refused_whole(desk, "desk.bad_detail", lambda: opens(desk, "account_withdrawal", "Wang", detail=gone))


def test_a_correction_touches_nobody_elses_account(desk: Desk, worker: Database) -> None:
    """What the dead left went to an heir; the dead man's file alone cannot take it back, with the heir as applicant it can."""
    city, son = desk.city, desk.city.enrols("Son", "0.00", household="old")
    city.enrols("Old", "50.00", base="retired", household="old")
    city.enrols("Notary", "1.00")
    city.run(lambda tx: standing.died(tx, library(), city.people["Old"], date(2026, 3, 1)))
    detail = {"because": "death", "heirs": {str(son.id): 5000}}
    desk.settles(opens(desk, "account_withdrawal", "Old", applicant="Son", detail=detail), "approved", "died")
    assert jobs.carry_out(worker) == 1
    payout = city.run(lambda tx: tx.one("select id from journal where cause = 'payout'"))["id"]
    parts = {"parts": {"0": 100, "1": 100}}
    work = lambda by: opens(desk, "correction", "Old", applicant=by, about=payout, detail=parts)  # noqa: E731
    refused_whole(desk, "desk.leg_of_another", lambda: work("Notary"))
    desk.settles(work("Son"), "approved", "booked_wrongly")
    assert jobs.carry_out(worker) == 1
    assert (city.holds("Old"), city.holds("Son")) == ("1.00", "49.00")
    city.books_balance()


def test_the_journal_of_a_settlement_is_not_corrected_by_leg(desk: Desk) -> None:
    city = desk.city
    city.pays("Wang", "40.00")
    about = city.run(lambda tx: tx.one("select id from journal where settlement is not null"))["id"]
    parts = {"parts": {"0": 1, "1": 1}}
    refused_whole(desk, "desk.settlement_not_by_leg", lambda: opens(desk, "correction", "Wang", about=about, detail=parts))


# Looking somebody up


def test_a_look_shows_what_is_needed_masked_and_leaves_a_trace(desk: Desk) -> None:
    city = desk.city
    city.enrols("Mother", base="resident", household="w")
    bond, given = city.binds("Wang", "Mother"), city.authorises("Wang", "Mother")
    city.pays("Mother", "12.30")
    case = opens(desk, "unbind_counter", "Mother", about=bond)
    seen = desk.as_("zhao", lambda tx: counter.look(tx, city.people["Mother"], "telephone"))
    assert [one.id for one in seen.shown_by] == [bond]
    assert [one.id for one in seen.receives] == [given]
    assert [(one.total, one.state) for one in seen.charges] == [(1230, "")]
    assert [one.id for one in seen.cases] == [case]
    assert (seen.credential, seen.died_on, seen.bookings) == ("active", None, [])
    seen = desk.as_("zhao", lambda tx: counter.look(tx, city.people["Wang"], "counter"))
    assert [(one.fen, one.purse, one.cause) for one in seen.bookings] == [(10000, "个人账户", "credit")]
    told = city.run(lambda tx: tx.all("select actor, purpose, place from audit where act = 'look_up_person' order by id"))
    assert [(row["actor"], row["purpose"]) for row in told] == [("desk:zhao", "telephone"), ("desk:zhao", "counter")]
    refused_whole(desk, "desk.no_purpose", lambda: desk.as_("zhao", lambda tx: counter.look(tx, city.people["Wang"], "curious")))


def test_a_clerk_looks_up_so_many_a_day(desk: Desk) -> None:
    for _ in range(counter.LOOKS):
        desk.as_("zhao", counter.count_look)
    refused("desk.too_many_looks", lambda: desk.as_("zhao", counter.count_look))
    desk.as_("sun", counter.count_look)
    desk.city.now += timedelta(days=1)
    desk.as_("zhao", counter.count_look)


def test_numbers_count_all_that_waits(desk: Desk) -> None:
    city = desk.city
    for _ in range(3):
        city.credits("Wang", "20.00")
    credits = city.run(lambda tx: tx.all("select id from journal where cause = 'credit'"))
    made = [opens(desk, "correction", "Wang", about=row["id"], detail={"parts": {"0": 1, "1": 1}}) for row in credits]
    bond = city.binds("Wang", "Child", "child")
    opens(desk, "unbind_counter", "Child", about=bond)
    desk.takes("zhao", made[0])
    city.run(lambda tx: tx.run("update desk_case set due_on = '2026-03-01' where id = %(id)s", id=made[1]))
    told = {(one.matter, one.state): (one.many, one.late) for one in desk.as_("qian", casework.numbers)}
    assert told == {("correction", "open"): (3, 1), ("correction", "taken"): (1, 0), ("unbind_counter", "open"): (1, 0)}
    assert desk.as_("chen", casework.numbers) == []
    assert len(desk.as_("qian", lambda tx: casework.queue(tx, matter="correction"))) == 4


def test_a_clerk_sees_what_waits_and_what_was_decided(desk: Desk) -> None:
    """Numbers from the tables: of one's own hands, of one's region, and of seven days by Shanghai's calendar."""
    city = desk.city
    for _ in range(4):
        city.credits("Wang", "20.00")
    credits = city.run(lambda tx: tx.all("select id from journal where cause = 'credit'"))
    made = [opens(desk, "correction", "Wang", about=row["id"], detail={"parts": {"0": 1, "1": 1}}) for row in credits]
    for case in made[:3]:
        desk.takes("zhao", case)
    desk.decides("zhao", made[0], "approved", "booked_wrongly")
    city.run(lambda tx: tx.run("update desk_case set due_on = '2026-03-01' where id = %(id)s", id=made[3]))
    city.run(lambda tx: tx.run("update desk_case set due_on = %(on)s where id = %(id)s", id=made[2], on=city.now.date()))
    waits = lambda who: desk.as_(who, casework.mine_now)  # noqa: E731
    assert waits("zhao") == casework.Mine(mine=2, to_check=0, unclaimed=2, late=1, due=1)
    assert waits("qian") == casework.Mine(mine=0, to_check=1, unclaimed=2, late=1, due=1)
    assert waits("sun").to_check == 0, "a handler who checks nothing has nothing to check"
    assert waits("chen") == casework.Mine(0, 0, 0, 0, 0)
    # Ten minutes before midnight in Shanghai is that day, whatever day it is in Greenwich.
    first = city.now.date()
    city.now = datetime(2026, 3, 3, 23, 50, tzinfo=SHANGHAI)
    desk.decides("zhao", made[1], "refused", "papers_missing")
    week = desk.as_("qian", casework.decided)
    told = {one.day: (one.approved, one.refused) for one in week if one.approved or one.refused}
    assert told == {first: (1, 0), date(2026, 3, 3): (0, 1)}
    assert [one.day for one in week] == [date(2026, 3, 3) - timedelta(days=place) for place in range(6, -1, -1)]
    assert not any(one.approved or one.refused for one in desk.as_("chen", casework.decided))
    desk.as_("qian", lambda tx: casework.send_back(tx, made[1], desk.version(made[1]), "再看一遍"))
    assert sum(one.refused for one in desk.as_("qian", casework.decided)) == 0, "a verdict that fell is none"
    city.now += timedelta(days=7)
    assert sum(one.approved for one in desk.as_("qian", casework.decided)) == 0


# Consent


@pytest.fixture
def home(desk: Desk) -> Relatives:
    """A grandfather, a child of seven, and a mother whom no register knows as the mother."""
    desk.city.enrols("Grandpa", base="retired")
    desk.city.enrols("Mum", "3.00")
    desk.city.enrols("Teen", base="resident", born=date(2010, 9, 1))
    return Relatives(desk.city)


def waits(desk: Desk, home: Relatives, member: str = "Child") -> tuple[UUID, UUID]:
    """A request of the grandfather's that has come to the desk and is taken; request and case."""
    request = home.asks("Grandpa", member, "grandchild_of_daughter")
    home.registers(request, "Grandpa")
    home.submits(request, "Grandpa")
    assert desk.city.run(lambda tx: binding.to_counter(tx, request, home["Grandpa"])) == "review"
    assert jobs.adopt(desk.city.db) == 1
    case = desk.city.run(lambda tx: tx.one("select id from desk_case where about = %(id)s", id=request))["id"]
    desk.takes("zhao", case)
    return request, case


def speaks(desk: Desk, case: UUID, speaker: PersonRef, who: str = "zhao", agreed: str = "", version: int = 0) -> None:
    """Somebody stands before the clerk, reads the letter and agrees."""
    shown = agreed or desk.as_(who, lambda tx: hearing.consent_letter(tx, case, speaker)).hash
    desk.as_(who, lambda tx: hearing.consent(tx, case, version or desk.version(case), speaker, shown))


def test_a_child_of_an_unregistered_mother_is_bound_through_the_counter(desk: Desk, home: Relatives, worker: Database) -> None:
    city = desk.city
    request, case = waits(desk, home)
    desk.decides("zhao", case)
    desk.checks("qian", case)
    assert jobs.carry_out(worker) == 0
    assert "family.guardian_consent_required" in last_words(desk, case)
    letter = desk.as_("zhao", lambda tx: hearing.consent_letter(tx, case, home["Mum"]))
    assert home.name("Grandpa") in letter.body
    speaks(desk, case, home["Mum"], agreed=letter.hash)
    (given,) = city.run(lambda tx: consent.of(tx, home["Child"]))
    assert (given.giver, given.capacity, given.purpose) == (home["Mum"].id, "guardian", "family_guardian")
    kept = city.run(lambda tx: tx.one("select channel, place from consent where id = %(id)s", id=given.id))
    assert (kept["channel"], kept["place"]) == ("counter", "420100 大厅")
    trail = city.run(
        lambda tx: tx.one("select actor, behalf_of from audit where act = 'give_consent' and purpose = 'family_guardian'")
    )
    assert (trail["actor"], trail["behalf_of"]) == ("counter:zhao", home["Mum"].id)
    assert "当面同意《监护人同意书》" in last_words(desk, case)
    desk.decides("zhao", case, "approved", "papers_agree")
    desk.checks("qian", case)
    assert jobs.carry_out(worker) == 1
    assert home.sees(request, "Grandpa").state == "bound"
    assert city.shows_code("Child", "Grandpa")


def test_a_mother_comes_before_anybody_sent_the_request_to_the_desk(desk: Desk, home: Relatives, worker: Database) -> None:
    """The words of the refusal send her to the counter; the clerk finds the request at the child and takes it over."""
    city = desk.city
    request = home.asks("Grandpa", "Child", "grandchild_of_daughter")
    home.registers(request, "Grandpa")
    take = lambda who="zhao", what=request: desk.as_(who, lambda tx: counter.take_over(tx, what))  # noqa: E731
    refused_whole(desk, "family.request_moved", take)
    assert home.submits(request, "Grandpa") == "consent"
    for name in ("Child", "Grandpa"):
        seen = desk.as_("zhao", lambda tx, n=name: counter.look(tx, home[n], "counter"))
        assert [one.id for one in seen.requests] == [request]
    for who, code in (("chen", "staff.other_region"), ("qian", "staff.not_allowed")):
        refused_whole(desk, code, lambda w=who: take(w))
    refused_whole(desk, "family.no_request", lambda: take(what=refs.mint(home["Grandpa"].book, city.now)))
    case = take()
    assert jobs.adopt(city.db) == 0
    assert any("已转到窗口办理" in text for text in news_of(city))
    refused_whole(desk, "family.request_moved", take)
    desk.takes("zhao", case)
    speaks(desk, case, home["Mum"])
    desk.decides("zhao", case)
    desk.checks("qian", case)
    assert jobs.carry_out(worker) == 1
    assert city.shows_code("Child", "Grandpa")


def test_who_may_not_speak_for_a_child_changes_nothing(desk: Desk, home: Relatives) -> None:
    city = desk.city
    _, case = waits(desk, home)
    letter = desk.as_("zhao", lambda tx: hearing.consent_letter(tx, case, home["Mum"])).hash
    say = lambda who, by="zhao", **more: lambda: speaks(desk, case, home[who], by, letter, **more)  # noqa: E731
    refused_whole(desk, "family.guardian_consent_required", say("Child"))
    refused_whole(desk, "desk.not_of_age", say("Teen"))
    refused_whole(desk, "desk.taken_by_other", say("Mum", "sun"))
    refused_whole(desk, "staff.not_allowed", say("Mum", "qian"))
    refused_whole(desk, "staff.other_region", say("Mum", "chen"))
    refused_whole(desk, "desk.stale", say("Mum", version=1))
    refused_whole(desk, "consent.text_changed", lambda: speaks(desk, case, home["Mum"], agreed="0" * 64))
    nobody = PersonRef(home["Mum"].book, refs.mint(home["Mum"].book, city.now))
    refused_whole(desk, "people.unknown", lambda: speaks(desk, case, nobody, agreed=letter))
    city.run(lambda tx: standing.died(tx, library(), home["Mum"], date(2026, 3, 1)))
    refused_whole(desk, "desk.not_alive", say("Mum"))
    desk.hire("mumclerk", "420100", "handler", number=city.numbers["Wang"])
    desk.as_("zhao", lambda tx: casework.give_back(tx, case, desk.version(case), TELL))
    refused_whole(desk, "desk.wrong_state", say("Wang"))
    desk.takes("mumclerk", case)
    refused_whole(desk, "staff.own_file", say("Wang", "mumclerk"))


FATHER = ("欧阳海", "08", "E12345678", date(1988, 3, 3))


def introduces(desk: Desk, case: UUID, who: str = "zhao", one: tuple[str, str, str, date | None] = FATHER) -> tuple[Any, str]:
    """A guardian whom nobody knows here says who he is, and is shown the letter."""
    found: tuple[Any, str] = desk.as_(who, lambda tx: hearing.introduce(tx, case, *one, allow_test_area=True))
    return found


def agrees_by_papers(desk: Desk, case: UUID, guardian: str, agreed: str, who: str = "zhao", version: int = 0) -> None:
    seen = version or desk.version(case)
    desk.as_(who, lambda tx: hearing.consent_by_papers(tx, case, seen, guardian, agreed))


def test_a_guardian_whom_nobody_knows_here_speaks_by_papers(desk: Desk, home: Relatives, worker: Database) -> None:
    city = desk.city
    request, case = waits(desk, home)
    refused_whole(desk, "desk.guardian_papers", lambda: introduces(desk, case))
    hands_over(desk, case, kind="identity_document")
    refused_whole(desk, "desk.guardian_papers", lambda: introduces(desk, case))
    hands_over(desk, case, kind="guardianship", shade=77)
    letter, guardian = introduces(desk, case)
    assert home.name("Grandpa") in letter.body
    assert "欧阳" not in guardian, "what travels through the browser is sealed"
    agrees_by_papers(desk, case, guardian, letter.hash)
    assert "欧阳*（外国护照，未在本地参保）当面同意《监护人同意书》" in last_words(desk, case)
    assert city.run(lambda tx: consent.of(tx, home["Child"])) == [], "one clerk alone has not decided"
    people = "select count(*)::int as many from person"
    before = city.run(lambda tx: tx.one(people))["many"]
    desk.decides("zhao", case)
    desk.checks("qian", case)
    assert jobs.carry_out(worker) == 1
    assert city.run(lambda tx: tx.one(people))["many"] == before + 1
    father = city.run(lambda tx: enrolment.find(tx, "08", "E12345678", True))
    (given,) = city.run(lambda tx: consent.of(tx, home["Child"]))
    assert (given.giver, given.capacity, given.purpose) == (father.id, "guardian", "family_guardian")
    kept = city.run(lambda tx: tx.one("select channel, place from consent where id = %(id)s", id=given.id))
    assert (kept["channel"], kept["place"]) == ("counter", "420100")
    trail = city.run(
        lambda tx: tx.one("select actor, behalf_of from audit where act = 'give_consent' and purpose = 'family_guardian'")
    )
    assert (trail["actor"], trail["behalf_of"]) == ("counter:zhao+qian", father.id)
    assert home.sees(request, "Grandpa").state == "bound"
    assert city.shows_code("Child", "Grandpa")
    # He may have it ended, by the same document.
    city.people["Father"] = father
    bond = home.sees(request, "Grandpa").bond
    desk.settles(opens(desk, "unbind_counter", "Child", applicant="Father", about=bond))
    assert jobs.carry_out(worker) == 1
    refused("credential.not_bound", lambda: city.shows_code("Child", "Grandpa"))


def test_who_may_not_speak_by_papers_changes_nothing(desk: Desk, home: Relatives) -> None:
    city = desk.city
    _, case = waits(desk, home)
    hands_over(desk, case, kind="id_card")
    hands_over(desk, case, kind="birth_certificate", shade=77)
    letter, guardian = introduces(desk, case)
    say = lambda one, by="zhao": lambda: introduces(desk, case, by, one)  # noqa: E731
    name, kind, number, born = FATHER
    for one, code in (
        (("欧阳海", "01", city.numbers["Mum"], None), "desk.guardian_known"),
        ((name, kind, number, None), "people.birth_date_needed"),
        ((name, kind, number, date(2030, 1, 1)), "people.birth_date_needed"),
        ((name, kind, number, date(2010, 1, 1)), "desk.not_of_age"),
        (("<b>", kind, number, born), "identity.bad_name"),
        (("", kind, number, born), "identity.bad_name"),
        ((name, "77", number, born), "identity.bad_kind"),
        ((name, "990201", "X320101001", born), "identity.bad_kind"),
        ((name, "01", "100000198001010011", born), "identity.bad_check"),
        ((name, kind, "护照", born), "identity.bad_length"),
    ):
        refused_whole(desk, code, say(one))
    for who, code in (("sun", "desk.taken_by_other"), ("qian", "staff.not_allowed"), ("chen", "staff.other_region")):
        refused_whole(desk, code, say(FATHER, who))
        refused_whole(desk, code, lambda w=who: agrees_by_papers(desk, case, guardian, letter.hash, w))
    refused_whole(desk, "consent.text_changed", lambda: agrees_by_papers(desk, case, guardian, "0" * 64))
    refused_whole(desk, "desk.stale", lambda: agrees_by_papers(desk, case, guardian, letter.hash, version=1))
    for bad in ("", "00", "zz", guardian[:-2], guardian[:-2] + "00" if guardian[-2:] != "00" else guardian[:-2] + "01"):
        refused_whole(desk, "desk.bad_detail", lambda b=bad: agrees_by_papers(desk, case, b, letter.hash))
    # Nobody hears or checks his own word.
    clerk = ("赵钱孙", "01", make_resident_id("100000", date(1980, 5, 5), 777), None)
    desk.hire("selfclerk", "420000", "checker", number=clerk[2])
    letter, guardian = introduces(desk, case, one=clerk)
    agrees_by_papers(desk, case, guardian, letter.hash)
    desk.decides("zhao", case)
    refused_whole(desk, "staff.own_file", lambda: desk.checks("selfclerk", case))
    desk.checks("qian", case)


def test_a_guardian_who_came_into_the_register_meanwhile(desk: Desk, home: Relatives, worker: Database) -> None:
    """Between the word and its effect somebody registers the same document: the same name is the same person, another is not."""
    city = desk.city
    _, case = waits(desk, home)
    hands_over(desk, case, kind="id_card")
    hands_over(desk, case, kind="household_register", shade=77)
    letter, guardian = introduces(desk, case)
    agrees_by_papers(desk, case, guardian, letter.hash)
    desk.decides("zhao", case)
    desk.checks("qian", case)
    known = city.run(
        lambda tx: enrolment.register(
            tx, name="司马云", kind="08", number="E12345678", region="420100", household="x", allow_test_area=True, born=FATHER[3]
        )
    )
    assert jobs.carry_out(worker) == 0
    assert "family.not_matched" in last_words(desk, case)
    assert city.run(lambda tx: consent.of(tx, home["Child"])) == []
    sealed = city.keys.seal("person", f"person|name|{known.id}", FATHER[0])
    city.run(lambda tx: tx.run("update person set name = %(name)s where id = %(id)s", name=sealed, id=known.id))
    desk.decides("zhao", case)
    desk.checks("qian", case)
    assert jobs.carry_out(worker) == 1
    (given,) = city.run(lambda tx: consent.of(tx, home["Child"]))
    assert given.giver == known.id


def test_only_a_binding_of_the_young_asks_for_a_word(desk: Desk, home: Relatives) -> None:
    city = desk.city
    bond = city.binds("Wang", "Child", "child")
    other = opens(desk, "unbind_counter", "Child", about=bond)
    desk.takes("zhao", other)
    refused_whole(desk, "desk.no_word_needed", lambda: speaks(desk, other, home["Mum"]))
    _, grown = waits(desk, home, "Mum")
    refused_whole(desk, "desk.no_word_needed", lambda: speaks(desk, grown, home["Wang"]))


def test_one_of_fifteen_speaks_alone_at_the_counter(desk: Desk, home: Relatives, worker: Database) -> None:
    request, case = waits(desk, home, "Teen")
    speaks(desk, case, home["Teen"])
    desk.decides("zhao", case)
    desk.checks("qian", case)
    assert jobs.carry_out(worker) == 1
    assert home.sees(request, "Grandpa").state == "bound"
    (given,) = desk.city.run(lambda tx: consent.of(tx, home["Teen"]))
    assert (given.giver, given.capacity, given.purpose) == (home["Teen"].id, "self", "family_member")


def test_consent_due_at_sixteen_is_given_at_the_counter(desk: Desk, home: Relatives, worker: Database) -> None:
    city = desk.city
    request, case = waits(desk, home, "Teen")
    speaks(desk, case, home["Teen"])
    desk.decides("zhao", case)
    desk.checks("qian", case)
    assert jobs.carry_out(worker) == 1
    bond = home.sees(request, "Grandpa").bond
    assert bond
    refused_whole(desk, "family.not_due", lambda: desk.as_("zhao", lambda tx: counter.renewal_letter(tx, bond)))
    city.now = datetime(2026, 8, 31, 23, 0, tzinfo=SHANGHAI)
    refused_whole(desk, "family.not_due", lambda: desk.as_("zhao", lambda tx: counter.renew(tx, bond, "0" * 64)))
    city.now = datetime(2026, 9, 1, 9, 0, tzinfo=SHANGHAI)
    refused("family.consent_lapsed", lambda: city.shows_code("Teen", "Grandpa"))
    seen, letter = desk.as_("zhao", lambda tx: counter.renewal_letter(tx, bond))
    assert seen.member == home["Teen"]
    for who, code in (("chen", "staff.other_region"), ("qian", "staff.not_allowed"), ("nosy", "staff.not_allowed")):
        refused_whole(desk, code, lambda w=who: desk.as_(w, lambda tx: counter.renew(tx, bond, letter.hash)))
    refused_whole(desk, "consent.text_changed", lambda: desk.as_("zhao", lambda tx: counter.renew(tx, bond, "0" * 64)))
    gone = refs.mint(home["Teen"].book, city.now)
    refused_whole(desk, "family.not_bound", lambda: desk.as_("zhao", lambda tx: counter.renew(tx, gone, letter.hash)))
    desk.as_("zhao", lambda tx: counter.renew(tx, bond, letter.hash))
    assert city.shows_code("Teen", "Grandpa")
    (standing_bond,) = city.run(lambda tx: family.members(tx, home["Grandpa"]))
    assert (standing_bond.assurance, standing_bond.consent_due) == ("counter_clerk", None)
    assert any("您已在窗口重新同意" in text for text in news_of(city))
    refused_whole(desk, "family.not_due", lambda: desk.as_("zhao", lambda tx: counter.renew(tx, bond, letter.hash)))


# Binding by papers on the counter


def pictures(desk: Desk, binder: str, *kinds: str) -> counter.Pictures:
    """Papers that were laid on the counter and lie in the store."""
    city = desk.city
    book, shades = city.people[binder].book, range(40, 250, 30)
    made = zip(kinds, shades, strict=False)
    return [(kind, evidence.prepare(city.keys, book, city.now, drawn(colour=(shade, 1, 2)))) for kind, shade in made]


OFFLINE = ("id_card", "household_register", "household_register")


def binds(desk: Desk, member: str, binder: str, relation: str, papers: counter.Pictures, who: str = "zhao") -> UUID:
    one, other = desk.city.people[member], desk.city.people[binder]
    return desk.as_(who, lambda tx: counter.bind(tx, one, other, relation, papers, allow_test_area=True))


def test_who_has_no_phone_binds_at_the_counter(desk: Desk, home: Relatives, worker: Database) -> None:
    city = desk.city
    papers = pictures(desk, "Wang", *OFFLINE)
    case = binds(desk, "Grandpa", "Wang", "parent", papers)
    row = desk.case(case)
    assert (row["matter"], row["person"], row["applicant"]) == ("binding_review", home["Grandpa"].id, home["Wang"].id)
    (request,) = city.run(lambda tx: binding.asked_by(tx, library(), home["Wang"]))
    assert (request.route, request.channel, request.state) == ("offline", "counter", "review")
    seen = desk.as_("zhao", lambda tx: evidence.papers_of(tx, case, row["about"]))
    assert [one.kind for one in seen] == list(OFFLINE)
    assert any("申请绑定您的亲情账户" in text for text in news_of(city))
    assert jobs.adopt(city.db) == 0, "the case is there already"
    desk.settles(case, "approved", "seen_in_person")
    assert jobs.carry_out(worker) == 1
    assert city.shows_code("Grandpa", "Wang")
    assert city.run(lambda tx: family.members(tx, home["Wang"]))[0].assurance == "counter_clerk"
    refused_whole(
        desk, "family.bound_already", lambda: binds(desk, "Grandpa", "Wang", "parent", pictures(desk, "Wang", *OFFLINE))
    )


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("08", "E1234567"),
        ("17", "810000199001011230"),
        ("07", "911124199001011231"),
        ("04", "R1234567"),
        ("990201", "X320101001"),
    ],
)
def test_whoever_has_another_document_binds_with_papers_of_its_own(
    desk: Desk, home: Relatives, worker: Database, kind: str, number: str
) -> None:
    """No passport and no permit is in a household register: a paper of identity and one of kinship take its place."""
    city = desk.city
    anna = city.run(
        lambda tx: enrolment.register(
            tx,
            name="Anna",
            kind=kind,
            number=number,
            region="420100",
            household="anna",
            allow_test_area=True,
            born=date(1990, 1, 1),
        )
    )
    city.run(lambda tx: enrolment.enrol(tx, anna, Enrolment("390", "420100", "resident"), date(2026, 1, 1)))
    city.people["Anna"] = anna
    refused_whole(desk, "family.papers_missing", lambda: binds(desk, "Anna", "Wang", "spouse", pictures(desk, "Wang", *OFFLINE)))
    kinds = desk.as_("zhao", lambda tx: counter.papers_for(tx, anna, home["Wang"]))
    assert kinds == ("identity_document", "kinship_proof", "kinship_proof")
    case = binds(desk, "Anna", "Wang", "spouse", pictures(desk, "Wang", *kinds[:2]))
    desk.settles(case, "approved", "seen_in_person")
    assert jobs.carry_out(worker) == 1
    bond = city.run(lambda tx: family.members(tx, home["Wang"]))[0]
    assert (bond.member, bond.assurance) == (anna, "counter_clerk")


def test_a_binding_at_the_counter_that_cannot_be(desk: Desk, home: Relatives) -> None:
    city = desk.city
    city.enrols("Far", "1.00", region="440100")
    papers = pictures(desk, "Wang", *OFFLINE)
    desk.hire("wangwang", "420100", "handler", number=city.numbers["Wang"])
    for who, code in (("chen", "staff.other_region"), ("qian", "staff.not_allowed"), ("wangwang", "staff.own_file")):
        refused_whole(desk, code, lambda w=who: binds(desk, "Grandpa", "Wang", "parent", papers, w))
    refused_whole(desk, "staff.other_region", lambda: binds(desk, "Far", "Wang", "parent", papers))
    refused_whole(desk, "family.oneself", lambda: binds(desk, "Wang", "Wang", "parent", papers))
    refused_whole(desk, "family.relation_not_eligible", lambda: binds(desk, "Grandpa", "Wang", "cousin", papers))
    refused_whole(desk, "family.papers_missing", lambda: binds(desk, "Grandpa", "Wang", "parent", papers[:2]))
    refused_whole(desk, "family.papers_missing", lambda: binds(desk, "Grandpa", "Wang", "parent", []))
    refused_whole(desk, "evidence.bad_kind", lambda: binds(desk, "Grandpa", "Wang", "parent", [("passport", papers[0][1])]))
    twice = [(kind, papers[0][1]) for kind in OFFLINE]
    refused_whole(desk, "evidence.twice", lambda: binds(desk, "Grandpa", "Wang", "parent", twice))
    city.run(lambda tx: standing.died(tx, library(), home["Grandpa"], date(2026, 3, 1)))
    refused_whole(desk, "desk.not_alive", lambda: binds(desk, "Grandpa", "Wang", "parent", papers))


# Mutual aid by who has no phone


def test_a_giver_authorises_at_the_counter(desk: Desk, home: Relatives) -> None:
    city = desk.city
    wang, mum = home["Wang"], home["Mum"]
    terms = aid.Terms(year_cap=50_00)
    letter = desk.as_("zhao", lambda tx: counter.promise(tx, wang, mum, "spouse", terms))
    assert "50.00" in letter.text
    give = lambda who="zhao", relation="spouse", agreed=letter.hash, how=terms: desk.as_(  # noqa: E731
        who, lambda tx: counter.authorise(tx, wang, mum, relation, how, agreed)
    )
    for who, code in (("chen", "staff.other_region"), ("qian", "staff.not_allowed"), ("nosy", "staff.not_allowed")):
        refused_whole(desk, code, lambda w=who: give(w))
    refused_whole(desk, "aid.promise_changed", lambda: give(agreed="0" * 64))
    refused_whole(desk, "aid.promise_changed", lambda: give(how=aid.Terms()))
    refused_whole(desk, "aid.relation_not_eligible", lambda: give(relation="cousin"))
    made = give()
    assert city.run(lambda tx: aid.find(tx, made)).status == "active"
    trail = city.run(lambda tx: tx.one("select actor from audit where act = 'offer_aid'"))
    assert trail["actor"] == "counter:zhao"
    city.pays("Mum", "3.00")
    paid = city.pays("Mum", "60.00")
    assert (paid["acct_mulaid_pay"], paid["psn_cash_pay"]) == (50, 10)
    city.books_balance()
    desk.hire("mumclerk", "420100", "handler", number=city.numbers["Mum"])
    refused_whole(desk, "staff.own_file", lambda: give("mumclerk"))
    city.run(lambda tx: standing.died(tx, library(), mum, date(2026, 3, 1)))
    refused_whole(desk, "desk.not_alive", lambda: give())


def test_where_only_the_counter_takes_it_the_counter_does(
    desk: Desk, home: Relatives, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packs = packs_with(tmp_path, mutual_aid_filing_mode='"counter"')
    monkeypatch.setattr(counter, "library", lambda: packs)
    wang, mum = home["Wang"], home["Mum"]
    agreed = desk.as_("zhao", lambda tx: counter.promise(tx, wang, mum, "spouse", aid.Terms())).hash
    online = lambda tx: aid.offer(tx, packs, wang, mum, "spouse", aid.Terms(), agreed=agreed)  # noqa: E731
    refused_whole(desk, "aid.counter_only", lambda: desk.city.run(online))
    made = desk.as_("zhao", lambda tx: counter.authorise(tx, wang, mum, "spouse", aid.Terms(), agreed))
    assert desk.city.run(lambda tx: aid.find(tx, made)).status == "active"
