"""Family accounts: every route, every limit, consent over time, and what the two sides may see and end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from city import SHANGHAI, City
from conftest import Cluster
from mulaid import commands, jobs, refs
from mulaid.db import Actor, Database, process_url
from mulaid.people import application, binding, consent, credential, enrolment, face, family
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.people.face import Assurance, Result
from mulaid.people.family import Basis, Limits
from mulaid.people.kinship import BirthQuestion, BirthRecord, Kinship
from mulaid.policy import channels
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from relatives import REGISTER_PAGES, Relatives, packs_with, refused, refused_whole, tables

ELSEWHERE = "510100"
"""A region that says nothing of its own about family accounts."""


@pytest.fixture
def home(city: City) -> Relatives:
    """A daughter, her retired father, her child of nine and her husband, nobody bound."""
    city.enrols("daughter", region=ELSEWHERE)
    city.enrols("father", base="retired", region=ELSEWHERE)
    city.enrols("husband", region=ELSEWHERE)
    city.enrols("child", base="resident", born=date(2016, 6, 1), region=ELSEWHERE, active=False)
    return Relatives(city)


def kin(home: Relatives, person: str, other: str, relation: str) -> None:
    """A kinship row: `other` is the `relation` of `person`."""
    home.city.run(
        lambda tx: tx.run(
            "insert into kinship (book, person, other, relation, valid_from) values (%(b)s, %(p)s, %(o)s, %(r)s, '2000-01-01')",
            b=home[person].book,
            p=home[person].id,
            o=home[other].id,
            r=relation,
        )
    )


# The routes


def test_a_daughter_adds_her_father_step_by_step(home: Relatives) -> None:
    city = home.city
    request = home.asks("daughter", "father")
    assert home.sees(request, "daughter").state == "asked"
    asked = city.run(lambda tx: binding.kinship_question(tx, request, home["daughter"]))
    assert (asked.number, asked.relative_number, asked.relation) == (city.numbers["daughter"], city.numbers["father"], "parent")
    assert home.registers(request, "daughter") == "papers"
    assert home.sees(request, "daughter").needs == {"household_register": 2, "promise_letter": 1}
    assert home.submits(request, "daughter") == "face"
    assert home.shows_face(request, "daughter") == "bound"
    bond = home.sees(request, "daughter").bond
    (member,) = city.run(lambda tx: family.members(tx, home["daughter"]))
    number = city.numbers["father"]
    assert (member.id, member.relation, member.number, member.bound_at, member.assurance, member.consent_due) == (
        bond,
        "parent",
        number[:6] + "*" * 8 + number[-4:],
        city.now,
        "liveness_authority",
        None,
    )
    assert {one.purpose for one in city.run(lambda tx: consent.of(tx, home["father"]))} == {"family_member", "face"}
    (promise,) = city.run(lambda tx: consent.of(tx, home["daughter"]))
    words = city.run(lambda tx: consent.text_of(tx, home["daughter"], promise.id))
    assert home.name("daughter") in words
    assert home.name("father") in words
    assert "父母" in words
    city.shows_code("father", "daughter")
    told = [row["body"]["person"] for row in city.run(lambda tx: tx.all("select body from outbox order by id"))]
    assert told == [str(home[who].id) for who in ("father", "father", "daughter")]


def test_the_member_may_show_the_face_on_the_own_phone(home: Relatives) -> None:
    request = home.asks("daughter", "father")
    home.registers(request, "daughter")
    home.submits(request, "daughter")
    assert [one.id for one in home.city.run(lambda tx: binding.asked_of(tx, home.packs, home["father"]))] == [request]
    assert home.shows_face(request, "father") == "bound"
    assert [one.state for one in home.city.run(lambda tx: binding.asked_by(tx, home.packs, home["daughter"]))] == ["bound"]


def test_another_paper_is_bound_with_the_birth_date_that_is_registered(home: Relatives) -> None:
    city = home.city

    def register(tx: Any) -> PersonRef:
        ref = enrolment.register(
            tx, name="Anna Berg", kind="08", number="C01X00T47", region=ELSEWHERE, household="b", allow_test_area=True,
            born=date(1990, 2, 3), gender="2",
        )  # fmt: skip
        enrolment.enrol(tx, ref, Enrolment("310", ELSEWHERE, "active"), date(2020, 1, 1))
        return ref

    city.people["anna"], city.numbers["anna"] = city.run(register), "C01X00T47"
    other = {"route": "other_document", "document_kind": "08"}
    refused_whole(city, "family.not_matched", lambda: home.asks("husband", "anna", "spouse", **other, born=date(1990, 2, 4)))
    refused_whole(city, "family.not_matched", lambda: home.asks("husband", "anna", "spouse", **other))
    refused_whole(city, "family.paper_of_other_route", lambda: home.asks("husband", "father", route="other_document"))
    refused_whole(city, "family.paper_of_other_route", lambda: home.asks("husband", "anna", document_kind="08"))
    request = home.asks("husband", "anna", "spouse", **other, born=date(1990, 2, 3))
    home.registers(request, "husband")
    papers = {paper: [uuid4() for _ in range(pages)] for paper, pages in home.sees(request, "husband").needs.items()}
    del papers["promise_letter"]
    assert home.submits(request, "husband", papers) == "face"
    assert home.shows_face(request, "husband") == "bound"


CERTIFICATE = "Q100000001"


def born_to(home: Relatives, mother: str, father: str = "", **more: Any) -> BirthRecord:
    told = {"child_name": home.name("child"), "child_number": home.city.numbers["child"], "born": date(2016, 6, 1), "gender": "2"}
    number = home.city.numbers[father] if father else ""
    known = {"certificate": CERTIFICATE, "mother_name": home.name(mother), "mother_number": home.city.numbers[mother]}
    return BirthRecord(**{**known, **told, "father_number": number, **more})


def asks_by_birth(home: Relatives, binder: str, mother: str = "daughter", **more: Any) -> UUID:
    typed = {"mother_name": home.name(mother), "mother_number": home.city.numbers[mother], "certificate": CERTIFICATE, **more}
    return home.city.run(
        lambda tx: binding.ask_by_birth(tx, home.packs, home[binder], BirthQuestion(**typed), allow_test_area=True)
    )


def answers(home: Relatives, request: UUID, binder: str, record: BirthRecord | None) -> str:
    return home.city.run(lambda tx: binding.birth_answered(tx, home.packs, request, home[binder], record, allow_test_area=True))


@pytest.mark.parametrize(("binder", "father"), [("daughter", ""), ("husband", "husband")])
def test_a_child_is_bound_by_the_birth_certificate_and_the_mothers_face(home: Relatives, binder: str, father: str) -> None:
    city = home.city
    request = asks_by_birth(home, binder)
    question = city.run(lambda tx: binding.birth_question(tx, request, home[binder]))
    assert question.certificate == CERTIFICATE
    assert answers(home, request, binder, born_to(home, "daughter", father)) == "found"
    found = city.run(lambda tx: binding.birth_found(tx, request, home[binder]))
    assert (found.child, found.mother, found.born, found.certificate) == (
        home.name("child")[0] + "*",
        home.name("daughter")[0] + "*",
        date(2016, 6, 1),
        "Q1******01",
    )
    assert city.run(lambda tx: binding.confirm_birth(tx, home.packs, request, home[binder])) == "face"
    asked = home.begins(request, binder)
    assert asked.subject.number == city.numbers["daughter"], "the mother's face, not the child's"
    assert home.looks(asked, binder, reported_number=city.numbers["child"]) == Result.FAILED
    assert home.shows_face(request, binder) == "bound"
    agreed = [(one.purpose, one.capacity, one.giver) for one in city.run(lambda tx: consent.of(tx, home["child"]))]
    assert agreed == [("family_guardian", "guardian", home["daughter"].id)]
    (bond,) = city.run(lambda tx: family.members(tx, home[binder]))
    assert (bond.relation, bond.consent_due) == ("child", date(2030, 6, 1))


def test_a_birth_that_nobody_of_the_family_is_told_of_goes_to_the_agency(home: Relatives) -> None:
    """A father whom the birth register does not name: the mother's face speaks for her, the kinship stays open."""
    request = asks_by_birth(home, "husband")
    answers(home, request, "husband", born_to(home, "daughter"))
    home.city.run(lambda tx: binding.confirm_birth(tx, home.packs, request, home["husband"]))
    assert home.shows_face(request, "husband") == "review"
    assert home.sees(request, "husband").why == "kinship"
    home.city.run(lambda tx: binding.approve(tx, home.packs, request))
    assert home.sees(request, "husband").state == "bound"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (None, "birth_unknown"),
        ({"certificate": "Q100000002"}, "birth_unknown"),
        ({"mother_name": "李四"}, "birth_unknown"),
        ({"mother_number": "110105194912310021"}, "birth_unknown"),
        ({"child_number": "", "certificate": CERTIFICATE}, "child_not_enrolled"),
        ({"born": date(2016, 6, 2)}, "child_not_enrolled"),
    ],
)
def test_a_birth_that_does_not_fit_is_told_in_plain_words(home: Relatives, change: dict[str, Any] | None, why: str) -> None:
    request = asks_by_birth(home, "daughter")
    assert answers(home, request, "daughter", None if change is None else born_to(home, "daughter", **change)) == "refused"
    seen = home.sees(request, "daughter")
    assert (seen.why, seen.said) == (why, application.WHY[why])
    assert home.city.run(lambda tx: tx.all("select 1 from family_bond")) == []


def test_a_child_known_by_the_certificate_alone_is_found(home: Relatives) -> None:
    city = home.city

    def register(tx: Any) -> PersonRef:
        ref = enrolment.register(
            tx, name="王新生", kind="990201", number=CERTIFICATE, region=ELSEWHERE, household="b", allow_test_area=True,
            born=date(2026, 2, 1), gender="1",
        )  # fmt: skip
        enrolment.enrol(tx, ref, Enrolment("390", ELSEWHERE, "resident"), date(2026, 2, 1))
        return ref

    city.people["newborn"] = city.run(register)
    request = asks_by_birth(home, "daughter")
    record = born_to(home, "daughter", child_name="王新生", child_number="", born=date(2026, 2, 1), gender="1")
    assert answers(home, request, "daughter", record) == "found"
    city.run(lambda tx: binding.confirm_birth(tx, home.packs, request, home["daughter"]))
    assert home.shows_face(request, "daughter") == "bound"
    letter = next(one for one in city.run(lambda tx: consent.of(tx, city.people["newborn"])) if one.purpose == "family_guardian")
    words = city.run(lambda tx: consent.text_of(tx, city.people["newborn"], letter.id))
    assert "王新生" not in words, "a name that the register told is shown masked"


def test_at_a_counter_the_clerk_decides(home: Relatives) -> None:
    city = home.city
    request = home.asks("daughter", "father", route="offline")
    home.registers(request, "daughter", Kinship.UNKNOWN)
    needs = home.sees(request, "daughter").needs
    papers = {paper: [uuid4() for _ in range(pages)] for paper, pages in needs.items() if paper != "promise_letter"}
    assert (home.submits(request, "daughter", papers), home.sees(request, "daughter").why) == ("review", "offline")
    shown, pictures = city.run(lambda tx: binding.for_agency(tx, home.packs, request))
    assert (shown.state, sorted(paper for paper, _ in pictures)) == (
        "review",
        ["household_register", "household_register", "id_card"],
    )
    refused_whole(city, "family.face_check_required", lambda: city.run(lambda tx: binding.approve(tx, home.packs, request)))
    bond = city.run(lambda tx: binding.approve(tx, home.packs, request, seen=True))
    seen = city.run(lambda tx: family.detail(tx, bond, home["father"]))
    assert seen.assurance == "counter_clerk"
    refused("family.request_moved", lambda: city.run(lambda tx: binding.approve(tx, home.packs, request, seen=True)))


def test_the_agency_refuses_with_its_own_words(home: Relatives) -> None:
    request = home.asks("daughter", "father")
    home.registers(request, "daughter", Kinship.CONTRADICTED)
    home.submits(request, "daughter")
    assert home.shows_face(request, "daughter") == "review"
    assert home.sees(request, "daughter").why == "contradicted"
    home.city.run(lambda tx: binding.refuse(tx, request, "papers_unclear", "户口簿看不清楚，请重新拍照。"))
    seen = home.sees(request, "daughter")
    assert (seen.state, seen.why, seen.said) == ("refused", "papers_unclear", "户口簿看不清楚，请重新拍照。")
    again = home.asks("daughter", "father")
    assert again != request


# Ages


@pytest.mark.parametrize(
    ("born", "today", "state"),
    [
        (date(2010, 3, 3), date(2026, 3, 2), "consent"),  # 15 years and 364 days
        (date(2010, 3, 3), date(2026, 3, 3), "face"),  # the 16th birthday
        (date(2012, 2, 29), date(2028, 2, 28), "consent"),
        (date(2012, 2, 29), date(2028, 2, 29), "face"),
    ],
)
def test_r1_the_face_check_begins_on_the_sixteenth_birthday(city: City, born: date, today: date, state: str) -> None:
    """X14 too: a person is 16 from the birthday on, by the calendar of Shanghai."""
    city.now = datetime(today.year, today.month, today.day, 0, 30, tzinfo=SHANGHAI)
    city.enrols("mother", region=ELSEWHERE)
    city.enrols("teenager", base="resident", born=born, region=ELSEWHERE)
    home = Relatives(city)
    request = home.asks("mother", "teenager", "child")
    home.registers(request, "mother")
    assert home.submits(request, "mother") == state
    if state == "consent":
        assert home.agrees(request, "mother") == "bound"
        assert city.run(lambda tx: tx.all("select 1 from face_check")) == []
    else:
        refused("family.request_moved", lambda: home.agrees(request, "mother"))
        assert home.shows_face(request, "mother") == "bound"


def test_who_turns_sixteen_on_the_way_shows_the_face_after_all(city: City) -> None:
    city.enrols("mother", region=ELSEWHERE)
    city.enrols("teenager", base="resident", born=date(2010, 3, 3), region=ELSEWHERE)
    home = Relatives(city)
    request = home.asks("mother", "teenager", "child")
    home.registers(request, "mother")
    assert home.submits(request, "mother") == "consent"
    city.now += timedelta(days=1)
    refused("family.request_moved", lambda: home.begins_unseen(request, "mother"))
    assert home.agrees(request, "mother") == "face"
    assert home.shows_face(request, "mother") == "bound"


def test_r10_nothing_of_a_child_under_14_is_kept_before_a_guardian_agrees(home: Relatives) -> None:
    """A grandfather asks; neither he nor the child can say yes, the mother can."""
    city = home.city
    kin(home, "daughter", "child", "child")
    request = home.asks("father", "child", "grandchild_of_daughter")
    home.registers(request, "father")
    assert home.submits(request, "father") == "consent"
    refused_whole(city, "family.guardian_consent_required", lambda: home.agrees(request, "father"))
    refused_whole(city, "family.guardian_consent_required", lambda: home.agrees(request, "child", reader="father"))
    refused_whole(city, "family.no_request", lambda: home.agrees(request, "husband", reader="father"))
    refused_whole(city, "family.request_moved", lambda: home.begins_unseen(request, "father"))
    young = lambda tx: credential.activate_young(tx, home.packs, home["father"], home["child"])  # noqa: E731
    refused_whole(city, "credential.not_bound", lambda: city.run(young))
    assert city.run(lambda tx: tx.all("select 1 from face_check")) == []
    assert city.run(lambda tx: tx.all("select 1 from consent where subject = %(c)s", c=home["child"].id)) == []
    assert home.sees(request, "daughter").state == "consent"
    assert home.agrees(request, "daughter") == "bound"
    (given,) = city.run(lambda tx: consent.of(tx, home["child"]))
    assert (given.giver, given.capacity, given.about) == (home["daughter"].id, "guardian", request)


def test_a_child_whose_kinship_nobody_knows_is_looked_at_by_the_agency(home: Relatives) -> None:
    city = home.city
    request = home.asks("daughter", "child", "child")
    home.registers(request, "daughter", Kinship.UNKNOWN)
    home.submits(request, "daughter")
    assert home.agrees(request, "daughter") == "review"
    (given,) = city.run(lambda tx: consent.of(tx, home["child"]))
    city.run(lambda tx: family.withdraw_consent(tx, home["child"], home["daughter"], given.id))
    refused_whole(
        city, "family.guardian_consent_required", lambda: city.run(lambda tx: binding.approve(tx, home.packs, request, seen=True))
    )
    shown = home.letters_of_guardian(request, "daughter")
    city.run(lambda tx: binding.consent_at_counter(tx, home.packs, request, home["daughter"], shown.hash))
    city.run(lambda tx: binding.approve(tx, home.packs, request))
    assert home.sees(request, "daughter").state == "bound"


def test_a_member_of_fifteen_may_speak_alone(city: City) -> None:
    city.enrols("sister", region=ELSEWHERE)
    city.enrols("brother", base="resident", born=date(2011, 1, 1), region=ELSEWHERE)
    home = Relatives(city)
    request = home.asks("sister", "brother", "sibling")
    home.registers(request, "sister")
    home.submits(request, "sister")
    refused("family.guardian_consent_required", lambda: home.agrees(request, "sister"))
    assert home.agrees(request, "brother") == "bound"
    (given,) = city.run(lambda tx: consent.of(tx, home["brother"]))
    assert (given.purpose, given.capacity) == ("family_member", "self")


@pytest.mark.parametrize(
    ("rule", "answer", "states"),
    [
        ("accept", Kinship.UNKNOWN, ("bound", "bound")),
        ("review_minors", Kinship.UNKNOWN, ("bound", "review")),
        ("review", Kinship.UNKNOWN, ("review", "review")),
        ("review", Kinship.CONFIRMED, ("bound", "bound")),
        ("accept", Kinship.CONTRADICTED, ("review", "review")),
    ],
)
def test_what_unknown_kinship_means_is_a_value_of_the_pack(
    home: Relatives, tmp_path: Path, rule: str, answer: Kinship, states: tuple[str, str]
) -> None:
    home.packs = packs_with(tmp_path, family_account_unconfirmed_kinship=f'"{rule}"')
    adult = home.asks("daughter", "father")
    home.registers(adult, "daughter", answer)
    home.submits(adult, "daughter")
    assert home.shows_face(adult, "daughter") == states[0]
    young = home.asks("daughter", "child", "child")
    if answer == Kinship.CONTRADICTED:
        kin(home, "daughter", "child", "child")  # otherwise not even she could speak for the child
    home.registers(young, "daughter", answer)
    home.submits(young, "daughter")
    assert home.agrees(young, "daughter") == states[1]


def test_kinship_that_is_registered_here_asks_no_register(home: Relatives) -> None:
    kin(home, "father", "daughter", "child")
    request = home.asks("daughter", "father")
    assert (home.sees(request, "daughter").state, home.sees(request, "daughter").kinship) == ("papers", "confirmed")
    kin(home, "father", "husband", "sibling")
    other = home.asks("husband", "father")
    assert home.sees(other, "husband").kinship == "contradicted"


# Limits


def many(city: City, count: int, region: str = ELSEWHERE, stem: str = "m") -> list[str]:
    for place in range(count):
        city.enrols(f"{stem}{place}", region=region, household=f"{stem}{place}")
    return [f"{stem}{place}" for place in range(count)]


def test_r2_a_sixth_member_is_refused(home: Relatives) -> None:
    city = home.city
    for one in many(city, 5):
        home.binds("daughter", one, "sibling")
    said = refused_whole(city, "family.member_limit", lambda: home.asks("daughter", "father"))
    assert "5" in said.says
    (first, *_) = city.run(lambda tx: family.members(tx, home["daughter"]))
    city.run(lambda tx: family.part(tx, home.packs, first.id, home["daughter"]))
    home.binds("daughter", "father")


def test_r3_a_third_binder_by_window(home: Relatives) -> None:
    """X04: two in all, two in a calendar month, none: three values of one parameter, and both windows together."""
    city = home.city
    binders = many(city, 4, stem="b")
    for one in binders[:2]:
        home.binds(one, "father")
    refused_whole(city, "family.binder_limit", lambda: home.asks(binders[2], "father"))
    month = {"family_account_binder_window": "calendar_month"}
    refused_whole(city, "family.binder_month_limit", lambda: home.asks(binders[2], "father", limits=month))
    both = {"family_account_binder_window": "both"}
    refused_whole(city, "family.binder_limit", lambda: home.asks(binders[2], "father", limits=both))
    city.now = datetime(2026, 3, 31, 23, 59, 59, tzinfo=SHANGHAI)
    refused_whole(city, "family.binder_month_limit", lambda: home.asks(binders[2], "father", limits=month))
    city.now = datetime(2026, 4, 1, 0, 0, tzinfo=SHANGHAI)
    refused_whole(city, "family.binder_limit", lambda: home.asks(binders[2], "father", limits=both))
    home.binds(binders[2], "father", limits=month)
    home.binds(binders[3], "father", limits={"family_account_binder_window": "none"})


def test_in_wuhan_a_member_has_as_many_binders_as_come(city: City) -> None:
    city.enrols("father", base="retired", region="420100")
    home = Relatives(city)
    for one in many(city, 4, "420100"):
        home.binds(one, "father")
    assert len(city.run(lambda tx: family.binders(tx, home["father"]))) == 4


def test_binders_of_a_month_count_though_they_were_let_go(home: Relatives) -> None:
    city = home.city
    month = {"family_account_binder_window": "calendar_month"}
    binders = many(city, 3, stem="b")
    for one in binders[:2]:
        bond = home.binds(one, "father", limits=month)
        city.run(lambda tx, bond=bond: family.part(tx, home.packs, bond, home["father"]))
    refused("family.binder_month_limit", lambda: home.asks(binders[2], "father", limits=month))
    home.binds(binders[0], "father", limits=month)


def test_x03_six_people_of_one_two_three(home: Relatives) -> None:
    """The shape 1 + 1 + 1 + 3 as caps by relation, with a channel's six."""
    city = home.city
    shape = {
        "family_account_max_members": 6,
        "family_account_relation_caps": {"father": 1, "mother": 1, "spouse": 1, "child": 3},
    }
    city.enrols("mother", region=ELSEWHERE)
    city.run(
        lambda tx: tx.run("update person set gender = '1' where id = any(%(m)s)", m=[home[n].id for n in ("father", "husband")])
    )
    city.run(lambda tx: tx.run("update person set gender = '2' where id = %(m)s", m=home["mother"].id))
    home.binds("daughter", "father", limits=shape)
    refused("family.relation_limit", lambda: home.asks("daughter", "husband", "parent", limits=shape))
    home.binds("daughter", "mother", limits=shape)
    home.binds("daughter", "husband", "spouse", limits=shape)
    grown = many(city, 4)
    refused("family.relation_limit", lambda: home.asks("daughter", grown[0], "spouse", limits=shape))
    for one in grown[:3]:
        home.binds("daughter", one, "child", limits=shape)
    refused("family.member_limit", lambda: home.asks("daughter", grown[3], "child", limits=shape))
    shape["family_account_max_members"] = 10
    said = refused("family.relation_limit", lambda: home.asks("daughter", grown[3], "child", limits=shape))
    assert "3" in said.says


def test_a_month_of_binding_has_a_limit_where_a_channel_says_so(home: Relatives) -> None:
    city = home.city
    two = {"family_account_monthly_bind_limit": 2}
    for one in many(city, 2):
        bond = home.binds("daughter", one, "sibling", limits=two)
        city.run(lambda tx, bond=bond: family.part(tx, home.packs, bond, home["daughter"]))
    refused("family.month_limit", lambda: home.asks("daughter", "father", limits=two))
    city.now = datetime(2026, 4, 1, 0, 0, tzinfo=SHANGHAI)
    home.binds("daughter", "father", limits=two)


def test_a_pair_waits_before_binding_again(home: Relatives) -> None:
    city = home.city
    wait = {"family_account_rebind_wait_days": 30}
    bond = home.binds("daughter", "father", limits=wait)
    city.run(lambda tx: family.part(tx, home.packs, bond, home["daughter"]))
    city.now += timedelta(days=29, hours=23)
    said = refused_whole(city, "family.rebind_wait", lambda: home.asks("daughter", "father", limits=wait))
    assert "2026-04-01" in said.next
    home.asks("husband", "father", limits=wait)
    city.now += timedelta(hours=1)
    home.binds("daughter", "father", limits=wait)


def test_the_limit_of_the_day_of_binding_counts_not_of_asking(home: Relatives) -> None:
    """Asked while there was room, proved when there is none: refused, and the face is not spent."""
    city = home.city
    request = home.asks("daughter", "father")
    home.registers(request, "daughter")
    home.submits(request, "daughter")
    for one in many(city, 5):
        home.binds("daughter", one, "sibling")
    asked = home.begins(request, "daughter")
    home.looks(asked, "daughter")
    refused_whole(city, "family.member_limit", lambda: home.proves(request, "daughter", asked.check))
    assert city.run(lambda tx: tx.one("select used_at from face_check where id = %(id)s", id=asked.check))["used_at"] is None


def at_once(works: list[Callable[[], Any]]) -> list[str]:
    """Everything at the same moment; "" for done, else the refusal's code."""
    start = threading.Barrier(len(works))

    def go(work: Callable[[], Any]) -> str:
        start.wait()
        try:
            work()
        except Refusal as refusal:
            return refusal.code
        return ""

    with ThreadPoolExecutor(len(works)) as threads:
        return sorted(threads.map(go, works))


OPEN = Limits(members=5, roles={}, month=None, binders=2, window="total", rebind_days=0)


def test_of_twenty_who_bind_at_once_five_fit(home: Relatives) -> None:
    city = home.city
    requests = []
    for one in many(city, 20):
        request = home.asks("daughter", one, "sibling")
        home.registers(request, "daughter")
        home.submits(request, "daughter")
        requests.append(request)
    checks = []
    for request in requests:
        asked = home.begins(request, "daughter")
        home.looks(asked, "daughter")
        checks.append((request, asked.check, home.letters(request, "daughter")[0].hash))

    def prove(request: UUID, check: UUID, agreed: str) -> Callable[[], Any]:
        by = Actor("daughter", "test")
        return lambda: commands.alone(
            city.db,
            lambda tx: binding.prove(tx, home.packs, request, home["daughter"], check, agreed),
            at=city.now,
            by=by,
        )

    came = at_once([prove(*each) for each in checks])
    assert came == [""] * 5 + ["family.member_limit"] * 15
    rows = city.run(lambda tx: tx.one("select count(*) as many from family_bond where ended_at is null"))
    assert rows["many"] == len(city.run(lambda tx: family.members(tx, home["daughter"]))) == 5
    assert city.run(lambda tx: tx.one("select count(*) as many from face_check where used_at is not null"))["many"] == 5


def test_of_twenty_who_bind_one_father_at_once_two_fit(home: Relatives) -> None:
    city = home.city
    binders = many(city, 20, stem="b")
    works = [
        lambda one=one: city.run(lambda tx: family.bind_within(tx, home["father"], home[one], "parent", OPEN, Basis()))
        for one in binders
    ]
    assert at_once(works) == [""] * 2 + ["family.binder_limit"] * 18
    assert len(city.run(lambda tx: family.binders(tx, home["father"]))) == 2


def test_two_families_that_bind_each_other_do_not_wait_for_ever(city: City) -> None:
    """In different books, both directions at once, many times: no deadlock, every bond made."""
    left, right = many(city, 5, ELSEWHERE, "l"), many(city, 5, "330100", "r")
    home = Relatives(city)
    assert {home[one].book for one in left}.isdisjoint(home[one].book for one in right)
    wide = Limits(members=None, roles={}, month=None, binders=None, window="none", rebind_days=0)
    pairs = [(one, other) for one in left for other in right]
    works = [
        lambda member=member, binder=binder: city.run(
            lambda tx: family.bind_within(tx, home[member], home[binder], "sibling", wide, Basis())
        )
        for one, other in pairs[:10]
        for member, binder in ((one, other), (other, one))
    ]
    assert at_once(works) == [""] * 20


def test_of_many_steps_at_once_one_counts(home: Relatives) -> None:
    request = home.asks("daughter", "father")
    assert at_once([lambda: home.registers(request, "daughter")] * 5) == [""] + ["family.request_moved"] * 4


# What is typed, said and not said


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ({"name": "张三"}, "family.not_matched"),
        ({"name": " 王甲"}, "identity.bad_name"),
        ({"name": ""}, "identity.bad_name"),
        ({"number": "110105194912310021"}, "identity.bad_check"),
        ({"number": "11010519491231002X"}, "family.not_matched"),
        ({"number": "１１０１０５１９４９１２３１００２Ｘ"}, "identity.bad_character"),
        ({"number": "110105194912310"}, "identity.old_number"),
        ({"number": ""}, "identity.bad_length"),
        ({"route": "by_owl"}, "family.route_closed"),
        ({"relation": "cousin"}, "family.relation_not_eligible"),
        ({"relation": ""}, "family.relation_not_eligible"),
        ({"document_kind": "77"}, "family.paper_of_other_route"),
        ({"document_kind": "77", "route": "other_document"}, "identity.bad_kind"),
    ],
)
def test_wrong_entries_are_refused_with_their_own_words(home: Relatives, typed: dict[str, Any], code: str) -> None:
    relation = typed.pop("relation", "parent")
    refused_whole(home.city, code, lambda: home.asks("daughter", "father", relation, **typed))


def test_a_wrong_name_and_an_unknown_number_are_told_alike(home: Relatives) -> None:
    wrong = refused("family.not_matched", lambda: home.asks("daughter", "father", name="张三"))
    unknown = refused("family.not_matched", lambda: home.asks("daughter", "father", number="11010519491231002X"))
    assert wrong.sentence == unknown.sentence
    assert "11010519491231002X" not in unknown.sentence


def test_a_birth_certificate_is_read_strictly(home: Relatives) -> None:
    for typed, code in (
        ({"certificate": "Q10000000"}, "identity.bad_length"),
        ({"certificate": "1Q00000001"}, "identity.bad_character"),
        ({"mother_number": "110105194912310021"}, "identity.bad_check"),
        ({"mother_name": "王1"}, "identity.bad_name"),
    ):
        refused_whole(home.city, code, lambda typed=typed: asks_by_birth(home, "daughter", **typed))


def test_nobody_binds_oneself_or_somebody_twice(home: Relatives) -> None:
    city = home.city
    refused_whole(city, "family.oneself", lambda: home.asks("daughter", "daughter", "sibling"))
    request = home.asks("daughter", "father")
    refused_whole(city, "family.asked_already", lambda: home.asks("daughter", "father"))
    home.city.run(lambda tx: binding.withdraw(tx, request, home["daughter"]))
    home.binds("daughter", "father")
    refused_whole(city, "family.bound_already", lambda: home.asks("daughter", "father"))
    refused_whole(city, "family.bound_already", lambda: city.binds("daughter", "father"))
    refused_whole(city, "family.oneself", lambda: city.binds("daughter", "daughter"))


@pytest.mark.parametrize("who", ["daughter", "father"])
@pytest.mark.parametrize("change", ["ended", "moved", "none", "dead"])
def test_both_must_be_enrolled(home: Relatives, who: str, change: str) -> None:
    city = home.city

    def work(tx: Any) -> None:
        if change == "dead":
            tx.run("update person set died_on = '2026-01-01' where id = %(id)s", id=home[who].id)
        elif change == "none":
            tx.run("update enrolment set valid_to = '2025-12-31' where person = %(id)s", id=home[who].id)
        else:
            tx.run("update enrolment set status = %(s)s where person = %(id)s", id=home[who].id, s=change)

    city.run(work)
    refused_whole(city, "family.not_enrolled", lambda: home.asks("daughter", "father"))


def test_a_suspended_enrolment_is_enough_to_show_a_code(home: Relatives) -> None:
    """X19: showing a code needs a credential, not normal status."""
    home.city.run(lambda tx: tx.run("update enrolment set status = 'suspended' where person = %(id)s", id=home["father"].id))
    home.binds("daughter", "father")
    home.city.shows_code("father", "daughter")


def test_a_route_or_relation_that_is_closed(home: Relatives, tmp_path: Path) -> None:
    home.packs = packs_with(
        tmp_path, family_account_binding_routes='["id_number"]', family_account_relations='["parent", "child", "spouse"]'
    )
    refused_whole(home.city, "family.route_closed", lambda: asks_by_birth(home, "daughter"))
    refused_whole(home.city, "family.route_closed", lambda: home.asks("daughter", "father", route="offline"))
    refused_whole(home.city, "family.relation_not_eligible", lambda: home.asks("daughter", "father", "sibling"))
    closed = {"family_account_binding_routes": frozenset({"birth_certificate"})}
    refused_whole(home.city, "family.route_closed", lambda: home.asks("daughter", "father", limits=closed))


def test_a_channel_has_its_own_papers_patience_and_doubts(home: Relatives) -> None:
    """Everything about binding that a channel may say for itself, kept with the request."""
    city = home.city
    own = {
        "family_account_required_documents": {"id_number": frozenset({"id_card"})},
        "family_account_request_days": 1,
        "family_account_unconfirmed_kinship": "review",
        "family_account_relations": frozenset({"parent"}),
    }
    refused_whole(city, "family.relation_not_eligible", lambda: home.asks("daughter", "father", "sibling", limits=own))
    request = home.asks("daughter", "father", limits=own)
    home.registers(request, "daughter", Kinship.UNKNOWN)
    seen = home.sees(request, "daughter")
    assert (seen.needs, seen.lapses_at) == ({"id_card": 1}, city.now + timedelta(days=1))
    agreed = "a channel without a promise asks for none"
    assert home.submits(request, "daughter", {"id_card": [uuid4()]}, agreed) == "face"
    assert home.shows_face(request, "daughter") == "review"


@pytest.mark.parametrize("channel", sorted(channels.channels()))
def test_what_the_channels_say_can_be_bound_by(home: Relatives, channel: str) -> None:
    home.binds("daughter", "father", limits=channels.limits(channel))


def test_papers_are_asked_for_by_name(home: Relatives) -> None:
    city = home.city
    request = home.asks("daughter", "father")
    refused_whole(city, "family.request_moved", lambda: home.submits(request, "daughter", agreed="x"))
    home.registers(request, "daughter")
    one = {"household_register": REGISTER_PAGES["household_register"][:1]}
    said = refused_whole(city, "family.papers_missing", lambda: home.submits(request, "daughter", one))
    assert "户口簿（双方页）1张" in said.says
    twice = {"household_register": REGISTER_PAGES["household_register"][:1] * 2}
    refused_whole(city, "family.papers_missing", lambda: home.submits(request, "daughter", twice))
    refused_whole(city, "family.paper_unknown", lambda: home.submits(request, "daughter", {"selfie": [uuid4()]}))
    too_many = {"household_register": [uuid4() for _ in range(13)]}
    refused_whole(city, "family.too_many_pictures", lambda: home.submits(request, "daughter", too_many))
    refused_whole(city, "consent.text_changed", lambda: home.submits(request, "daughter", agreed="0" * 64))
    refused_whole(city, "consent.text_changed", lambda: home.submits(request, "daughter", agreed="是"))
    refused_whole(city, "family.no_request", lambda: home.submits(request, "husband", agreed="0" * 64))
    assert home.submits(request, "daughter") == "face"


def test_a_request_is_nobody_elses_business(home: Relatives) -> None:
    city = home.city
    request = home.asks("daughter", "father")
    home.registers(request, "daughter")
    home.submits(request, "daughter")
    for work in (
        lambda: home.sees(request, "husband"),
        lambda: home.letters(request, "husband"),
        lambda: home.begins_unseen(request, "husband"),
        lambda: home.sees(refs.mint(home["daughter"].book, city.now), "daughter"),
        lambda: city.run(lambda tx: binding.withdraw(tx, request, home["father"])),
        lambda: city.run(lambda tx: binding.decline(tx, home.packs, request, home["daughter"])),
        lambda: city.run(lambda tx: binding.decline(tx, home.packs, request, home["husband"])),
        lambda: city.run(lambda tx: binding.to_counter(tx, request, home["father"])),
        lambda: city.run(lambda tx: binding.approve(tx, home.packs, refs.mint(home["daughter"].book, city.now))),
    ):
        refused_whole(city, "family.no_request", work)
    asked = home.begins(request, "daughter")
    home.looks(asked, "daughter")
    agreed = home.letters(request, "daughter")[0].hash
    with_others_check = lambda tx: binding.prove(tx, home.packs, request, home["father"], asked.check, agreed)  # noqa: E731
    refused_whole(city, "face.unknown", lambda: city.run(with_others_check))
    unsaid = lambda tx: binding.prove(tx, home.packs, request, home["daughter"], asked.check, "")  # noqa: E731
    refused_whole(city, "consent.text_changed", lambda: city.run(unsaid))


def test_a_face_made_for_one_request_does_not_serve_another(home: Relatives) -> None:
    city = home.city
    city.enrols("mother", region=ELSEWHERE)
    requests = [home.asks("daughter", who) for who in ("father", "mother")]
    for request in requests:
        home.registers(request, "daughter")
        home.submits(request, "daughter")
    asked = home.begins(requests[0], "daughter")
    home.looks(asked, "daughter")
    refused_whole(city, "face.unknown", lambda: home.proves(requests[1], "daughter", asked.check))


def test_no_ends_a_request_and_time_does_too(home: Relatives) -> None:
    city = home.city
    request = home.asks("daughter", "father")
    city.run(lambda tx: binding.decline(tx, home.packs, request, home["father"]))
    assert (home.sees(request, "daughter").state, home.sees(request, "daughter").why) == ("refused", "declined")
    refused("family.request_moved", lambda: home.registers(request, "daughter"))
    request = home.asks("daughter", "father")
    city.run(lambda tx: binding.withdraw(tx, request, home["daughter"]))
    assert home.sees(request, "daughter").state == "withdrawn"
    request, waiting = home.asks("daughter", "father"), home.asks("husband", "father", route="offline")
    home.registers(waiting, "husband")
    papers = {"household_register": [uuid4(), uuid4()], "id_card": [uuid4()]}
    home.submits(waiting, "husband", papers)
    city.now += timedelta(days=7)
    assert home.sees(request, "daughter").state == "lapsed"
    refused_whole(city, "family.request_lapsed", lambda: home.registers(request, "daughter"))
    refused_whole(city, "family.request_lapsed", lambda: city.run(lambda tx: binding.withdraw(tx, request, home["daughter"])))
    book = home["daughter"].book
    assert city.run(lambda tx: binding.lapse(tx, book)) == 1
    assert city.run(lambda tx: binding.lapse(tx, book)) == 0
    assert home.sees(waiting, "husband").state == "review", "what waits for the agency does not lapse"
    home.asks("daughter", "father")


def test_a_guardian_may_decline_for_a_child(home: Relatives) -> None:
    kin(home, "daughter", "child", "child")
    request = home.asks("father", "child", "grandchild_of_daughter")
    home.city.run(lambda tx: binding.decline(tx, home.packs, request, home["daughter"]))
    assert home.sees(request, "father").state == "refused"


def test_who_cannot_show_a_face_is_looked_at_by_the_agency(home: Relatives) -> None:
    request = home.asks("daughter", "father")
    home.registers(request, "daughter")
    home.submits(request, "daughter")
    asked = home.begins(request, "daughter")
    assert home.looks(asked, "daughter", result=Result.FAILED) == Result.FAILED
    refused("family.face_check_required", lambda: home.proves(request, "daughter", asked.check))
    assert home.city.run(lambda tx: binding.to_counter(tx, request, home["daughter"])) == "review"
    assert home.sees(request, "daughter").why == "face_impossible"
    home.city.run(lambda tx: binding.approve(tx, home.packs, request, seen=True))


# Activation


def test_x15_activation_is_a_step_of_its_own_and_happens_once(home: Relatives) -> None:
    city = home.city
    city.enrols("mother", region=ELSEWHERE, active=False)
    home.binds("daughter", "mother")
    home.binds("husband", "mother", "spouse")
    refused_whole(city, "credential.not_active", lambda: city.shows_code("mother", "daughter"))
    refused_whole(city, "credential.not_active", lambda: city.shows_code("mother"))
    way = city.run(lambda tx: credential.way(tx, home.packs, home["daughter"], home["mother"]))
    assert (way.next, way.activated_at) == ("face", None)
    home.activates("daughter", "mother")
    for who in ("daughter", "husband", ""):
        city.shows_code("mother", who)
    refused_whole(city, "credential.active_already", lambda: home.activates("husband", "mother"))
    way = city.run(lambda tx: credential.way(tx, home.packs, home["mother"], home["mother"]))
    assert (way.next, way.activated_at) == ("", city.now)


def test_of_two_who_activate_at_once_one_does(home: Relatives) -> None:
    city = home.city
    works = [lambda: city.run(lambda tx: credential.activate_at_counter(tx, home["child"]))] * 5
    assert at_once(works) == [""] + ["credential.active_already"] * 4


def test_after_a_failed_face_one_tries_again_and_after_a_day_goes_to_the_counter(home: Relatives) -> None:
    city = home.city
    city.enrols("mother", region=ELSEWHERE, active=False)
    home.binds("daughter", "mother")
    failed_at = city.now
    asked = home.begins_activation("daughter", "mother")
    home.looks(asked, "daughter", result=Result.FAILED)
    refused_whole(
        city,
        "family.face_check_required",
        lambda: city.run(lambda tx: credential.activate_by_face(tx, home["daughter"], home["mother"], asked.check)),
    )

    def way() -> tuple[str, datetime | None]:
        found = city.run(lambda tx: credential.way(tx, home.packs, home["daughter"], home["mother"]))
        return found.next, found.retry_until

    assert way() == ("face", failed_at + timedelta(hours=24))
    city.now = failed_at + timedelta(hours=24) - timedelta(seconds=1)
    assert way()[0] == "face"
    city.now = failed_at + timedelta(hours=24)
    assert way()[0] == "counter"
    city.run(lambda tx: credential.activate_at_counter(tx, home["mother"]))
    assert way() == ("", None)


def test_a_child_is_activated_by_the_parent_who_agreed(home: Relatives) -> None:
    city = home.city
    request = home.asks("daughter", "child", "child")
    home.registers(request, "daughter")
    home.submits(request, "daughter")
    home.agrees(request, "daughter")
    refused_whole(city, "family.no_face_needed", lambda: home.begins_activation("daughter", "child"))
    young = lambda who: city.run(lambda tx: credential.activate_young(tx, home.packs, home[who], home["child"]))  # noqa: E731
    refused_whole(city, "credential.not_bound", lambda: young("husband"))
    refused_whole(city, "credential.not_bound", lambda: young("child"))
    assert city.run(lambda tx: credential.way(tx, home.packs, home["daughter"], home["child"])).next == "guardian"
    young("daughter")
    city.shows_code("child", "daughter")


def test_a_bond_without_a_guardians_word_activates_no_child(home: Relatives) -> None:
    city = home.city
    city.binds("daughter", "child", "child")
    work = lambda: city.run(lambda tx: credential.activate_young(tx, home.packs, home["daughter"], home["child"]))  # noqa: E731
    refused_whole(city, "family.guardian_consent_required", work)
    city.binds("daughter", "father")
    grown = lambda: city.run(lambda tx: credential.activate_young(tx, home.packs, home["daughter"], home["father"]))  # noqa: E731
    refused_whole(city, "family.face_check_required", grown)


def test_strangers_learn_nothing_of_a_credential(home: Relatives) -> None:
    city = home.city
    for work in (
        lambda tx: credential.way(tx, home.packs, home["husband"], home["father"]),
        lambda tx: credential.freeze(tx, home["father"], home["husband"], "x"),
        lambda tx: credential.activate_by_face(tx, home["husband"], home["father"], uuid4()),
    ):
        refused_whole(city, "credential.not_bound", lambda work=work: city.run(work))


def test_a_frozen_credential_shows_and_reads_nothing(home: Relatives) -> None:
    city = home.city
    home.binds("daughter", "father")
    digits = city.shows_code("father", "daughter")
    token = city.run(lambda tx: credential.decode(tx, digits, "H1", "001", pharmacy=False)).token
    bill = city.uploads(city.visits("father", token=token), [("MINE", "30.00")])
    shown, shown_for = city.shows_code("father"), city.shows_code("father", "daughter")
    city.run(lambda tx: credential.freeze(tx, home["father"], home["daughter"], "手机丢了"))
    refused_whole(city, "credential.frozen", lambda: city.shows_code("father"))
    refused_whole(city, "credential.frozen", lambda: city.shows_code("father", "daughter"))
    read = lambda code: city.run(lambda tx: credential.decode(tx, code, "H1", "001", pharmacy=False))  # noqa: E731
    refused_whole(city, "credential.bad_code", lambda: read(shown))
    refused_whole(city, "credential.frozen", lambda: read(shown_for))
    refused_whole(city, "credential.token_expired", lambda: city.run(lambda tx: credential.holder(tx, token, "H1")))
    assert "credential.token_expired" in city.settles(bill)["err_msg"], "what is at the cashier already is not settled either"
    refused("credential.not_active", lambda: city.run(lambda tx: credential.freeze(tx, home["father"], None, "again")))
    refused("credential.not_bound", lambda: city.run(lambda tx: credential.thaw(tx, home["father"], home["daughter"])))
    city.run(lambda tx: credential.thaw(tx, home["father"], home["father"]))
    refused("credential.not_active", lambda: city.run(lambda tx: credential.thaw(tx, home["father"], None)))
    city.shows_code("father", "daughter")


# Consent over time


@pytest.fixture
def growing(city: City) -> tuple[Relatives, UUID]:
    """A boy of thirteen whom his mother bound; his fourteenth birthday is on 2026-05-01."""
    city.enrols("mother", region=ELSEWHERE)
    city.enrols("boy", base="resident", born=date(2012, 5, 1), region=ELSEWHERE)
    home = Relatives(city)
    request = home.asks("mother", "boy", "child")
    home.registers(request, "mother")
    home.submits(request, "mother")
    home.agrees(request, "mother")
    return home, home.sees(request, "mother").bond  # type: ignore[return-value]


def renews(home: Relatives, bond: UUID, by: str, check: UUID | None = None) -> None:
    shown = home.city.run(lambda tx: family.renewal_letter(tx, bond, home[by]))
    home.city.run(lambda tx: family.renew(tx, home.packs, bond, home[by], shown.hash, check))


def test_consent_is_asked_anew_at_14_and_at_16(growing: tuple[Relatives, UUID]) -> None:
    home, bond = growing
    city = home.city

    def due(until: date) -> list[UUID]:
        return [one.id for one in city.run(lambda tx: family.due(tx, home["boy"].book, until))]

    assert due(date(2026, 4, 30)) == []
    assert due(date(2026, 5, 1)) == [bond]
    refused_whole(city, "family.not_due", lambda: renews(home, bond, "boy"))
    city.now = datetime(2026, 4, 30, 23, 59, tzinfo=SHANGHAI)
    city.shows_code("boy", "mother")
    city.now = datetime(2026, 5, 1, 0, 0, tzinfo=SHANGHAI)
    refused_whole(city, "family.consent_lapsed", lambda: city.shows_code("boy", "mother"))
    refused_whole(city, "family.consent_lapsed", lambda: city.run(lambda tx: family.read_costs(tx, home["boy"], home["mother"])))
    city.shows_code("boy")
    (seen,) = city.run(lambda tx: family.members(tx, home["mother"]))
    assert (seen.halted, seen.ended_at) == ("consent", None), "the bond stands, unused"
    refused_whole(city, "family.members_word", lambda: renews(home, bond, "mother"))
    refused_whole(city, "family.not_due", lambda: home.begins_renewal(bond, "boy"))
    renews(home, bond, "boy")
    city.shows_code("boy", "mother")
    city.now = datetime(2028, 5, 1, 8, 0, tzinfo=SHANGHAI)
    refused_whole(city, "family.consent_lapsed", lambda: city.shows_code("boy", "mother"))
    refused_whole(city, "family.face_check_required", lambda: renews(home, bond, "boy"))
    asked = home.begins_renewal(bond, "mother")
    home.looks(asked, "mother")
    renews(home, bond, "mother", asked.check)
    city.shows_code("boy", "mother")
    refused_whole(city, "family.not_due", lambda: renews(home, bond, "boy"))
    (seen,) = city.run(lambda tx: family.members(tx, home["mother"]))
    assert (seen.consent_due, seen.halted, seen.assurance) == (None, "", "liveness_authority")


def test_consent_may_be_given_anew_at_a_counter(growing: tuple[Relatives, UUID]) -> None:
    home, bond = growing
    city = home.city
    shown = city.run(lambda tx: family.renewal_letter(tx, bond, home["boy"])).hash
    counter = lambda: city.run(lambda tx: family.renew_at_counter(tx, home.packs, bond, shown))  # noqa: E731
    refused_whole(city, "family.not_due", counter)
    city.now = datetime(2028, 5, 1, 8, 0, tzinfo=SHANGHAI)
    counter()
    city.shows_code("boy", "mother")
    city.run(lambda tx: family.part(tx, home.packs, bond, home["boy"]))
    refused_whole(city, "family.not_bound", counter)
    refused_whole(city, "family.not_due", lambda: home.begins_renewal(bond, "boy"))


def test_taking_consent_back_ends_the_bond(growing: tuple[Relatives, UUID]) -> None:
    home, bond = growing
    city = home.city
    (given,) = city.run(lambda tx: consent.of(tx, home["boy"]))
    stranger = home["mother"]
    city.enrols("stranger")
    back = lambda who: city.run(lambda tx: family.withdraw_consent(tx, home["boy"], home[who], given.id))  # noqa: E731
    refused_whole(city, "consent.unknown", lambda: back("stranger"))
    refused_whole(city, "consent.unknown", lambda: city.run(lambda tx: family.withdraw_consent(tx, stranger, stranger, given.id)))
    refused("consent.unknown", lambda: city.run(lambda tx: consent.text_of(tx, stranger, given.id)))
    back("mother")
    seen = city.run(lambda tx: family.detail(tx, bond, home["boy"]))
    assert seen.ended_at == city.now
    refused_whole(city, "consent.withdrawn_already", lambda: back("mother"))


def test_taking_back_a_renewed_consent_ends_the_bond_too(growing: tuple[Relatives, UUID]) -> None:
    home, bond = growing
    city = home.city
    city.now = datetime(2026, 5, 2, tzinfo=SHANGHAI)
    renews(home, bond, "boy")
    given = city.run(lambda tx: consent.of(tx, home["boy"]))[0]
    city.run(lambda tx: family.withdraw_consent(tx, home["boy"], home["boy"], given.id))
    assert city.run(lambda tx: family.binders(tx, home["boy"])) == []


def test_the_worker_closes_what_waited_too_long_and_tells_whose_consent_is_due(
    growing: tuple[Relatives, UUID], url: str, cluster: Cluster
) -> None:
    home, bond = growing
    city = home.city
    city.enrols("father", base="retired", region=ELSEWHERE)
    request = home.asks("mother", "father")
    city.now = datetime(2026, 4, 2, 12, 0, tzinfo=SHANGHAI)
    worker = Database(process_url(url, "mulaid_worker", embedded=True), cluster.keys, size=2)
    told = "select body ->> 'text' as text from outbox where body ->> 'about' = %(b)s and body ->> 'text' like '%%2026-05-01%%'"
    try:
        too_early = city.now - timedelta(days=2)
        assert jobs.tend_families(worker, clock=lambda: too_early) == 1, "the request alone"
        assert home.sees(request, "mother").state == "lapsed"
        assert jobs.tend_families(worker, clock=lambda: city.now) == 1
        assert jobs.tend_families(worker, clock=lambda: city.now + timedelta(days=1)) == 0
    finally:
        worker.close()
    assert len(city.run(lambda tx: tx.all(told, b=str(bond)))) == 2, "both sides, once"


def test_a_guardian_without_registered_kinship_speaks_at_the_counter_only(home: Relatives) -> None:
    city = home.city
    request = home.asks("father", "child", "grandchild_of_daughter")
    home.registers(request, "father")
    home.submits(request, "father")
    refused_whole(city, "family.no_request", lambda: home.agrees(request, "husband", reader="father"))
    city.run(lambda tx: binding.to_counter(tx, request, home["father"]))
    shown = home.letters_of_guardian(request, "husband").hash
    speaks = lambda who: city.run(lambda tx: binding.consent_at_counter(tx, home.packs, request, home[who], shown))  # noqa: E731
    refused_whole(city, "family.guardian_consent_required", lambda: speaks("child"))
    speaks("husband")
    city.run(lambda tx: binding.approve(tx, home.packs, request))
    (given,) = city.run(lambda tx: consent.of(tx, home["child"]))
    assert (given.giver, given.capacity) == (home["husband"].id, "guardian")


def test_a_bond_outlives_the_insurance_and_can_still_be_ended(home: Relatives) -> None:
    city = home.city
    bond = home.binds("daughter", "father")
    city.run(lambda tx: tx.run("update enrolment set valid_to = '2026-03-01' where person = %(id)s", id=home["father"].id))
    refused("people.not_enrolled", lambda: city.shows_code("father", "daughter"))
    city.run(lambda tx: family.part(tx, home.packs, bond, home["daughter"]))
    assert city.run(lambda tx: family.members(tx, home["daughter"])) == []


def test_the_pages_role_may_do_all_of_it(home: Relatives, url: str, cluster: Cluster) -> None:
    """From asking to ending with the rights of the web's role."""
    city = home.city
    web = Database(process_url(url, "mulaid_web", embedded=True), cluster.keys, size=2)
    owner, city.db = city.db, web
    try:
        bond = home.binds("daughter", "father")
        city.run(lambda tx: family.change(tx, home.packs, bond, home["daughter"], label="爸爸", relation="sibling"))
        city.run(lambda tx: family.allow_reading(tx, bond, home["father"], False))
        city.shows_code("father", "daughter")
        city.run(lambda tx: credential.freeze(tx, home["father"], home["daughter"], "丢了"))
        city.run(lambda tx: credential.thaw(tx, home["father"], home["father"]))
        city.run(lambda tx: family.part(tx, home.packs, bond, home["father"]))
        request = asks_by_birth(home, "daughter")
        answers(home, request, "daughter", born_to(home, "daughter"))
        city.run(lambda tx: binding.confirm_birth(tx, home.packs, request, home["daughter"]))
        assert home.shows_face(request, "daughter") == "bound"
        city.run(lambda tx: credential.activate_young(tx, home.packs, home["daughter"], home["child"]))
        (given,) = city.run(lambda tx: consent.of(tx, home["child"]))
        city.run(lambda tx: family.withdraw_consent(tx, home["child"], home["daughter"], given.id))
    finally:
        city.db = owner
        web.close()


# Seeing, changing, ending


def test_the_binder_names_and_corrects(home: Relatives) -> None:
    city = home.city
    bond = home.binds("daughter", "father")
    change = lambda by="daughter", **what: city.run(lambda tx: family.change(tx, home.packs, bond, home[by], **what))  # noqa: E731
    change(label="爸爸")
    detail = lambda who: city.run(lambda tx: family.detail(tx, bond, home[who]))  # noqa: E731
    assert (detail("daughter").label, detail("father").label) == ("爸爸", "")
    assert "爸爸".encode() not in bytes(city.run(lambda tx: tx.one("select label from family_bond"))["label"])
    change(label="")
    assert detail("daughter").label == ""
    for label in ("一二三四五六七八九十一二三", "爸 爸", "<b>", "a\n", "爸爸！"):
        refused_whole(city, "family.bad_label", lambda label=label: change(label=label))
    refused_whole(city, "family.not_bound", lambda: change("father", label="x"))
    refused_whole(city, "family.not_bound", lambda: change("husband", label="x"))
    change(relation="sibling")
    assert detail("father").relation == "sibling"
    refused_whole(city, "family.relation_not_eligible", lambda: change(relation="boss"))
    refused("family.not_bound", lambda: detail("husband"))


def test_a_corrected_relation_keeps_the_caps(home: Relatives, tmp_path: Path) -> None:
    home.packs = packs_with(tmp_path, family_account_relation_caps="{ spouse = 1 }")
    city = home.city
    home.binds("daughter", "husband", "spouse")
    bond = home.binds("daughter", "father")
    refused_whole(
        city,
        "family.relation_limit",
        lambda: city.run(lambda tx: family.change(tx, home.packs, bond, home["daughter"], relation="spouse")),
    )
    city.run(lambda tx: family.change(tx, home.packs, bond, home["daughter"], relation="sibling"))


def test_the_relation_a_guardian_spoke_for_stays(growing: tuple[Relatives, UUID]) -> None:
    home, bond = growing
    work = lambda: home.city.run(lambda tx: family.change(tx, home.packs, bond, home["mother"], relation="sibling"))  # noqa: E731
    refused_whole(home.city, "family.relation_fixed", work)


@pytest.mark.parametrize("side", ["daughter", "father"])
def test_either_side_ends_it_at_once_and_history_stays(home: Relatives, side: str) -> None:
    city = home.city
    bond = home.binds("daughter", "father")
    digits = city.shows_code("father", "daughter")
    before = city.run(lambda tx: family.uses(tx, home["father"]))
    refused_whole(city, "family.not_bound", lambda: city.run(lambda tx: family.part(tx, home.packs, bond, home["husband"])))
    city.run(lambda tx: family.part(tx, home.packs, bond, home[side]))
    refused_whole(city, "credential.not_bound", lambda: city.shows_code("father", "daughter"))
    refused_whole(
        city, "credential.bond_ended", lambda: city.run(lambda tx: credential.decode(tx, digits, "H1", "001", pharmacy=False))
    )
    refused_whole(city, "family.not_bound", lambda: city.run(lambda tx: family.part(tx, home.packs, bond, home[side])))
    assert city.run(lambda tx: family.members(tx, home["daughter"])) == []
    assert city.run(lambda tx: family.binders(tx, home["father"])) == []
    row = city.run(lambda tx: tx.one("select ended_by from family_bond where id = %(id)s", id=bond))
    assert row["ended_by"] == ("binder" if side == "daughter" else "member")
    assert city.run(lambda tx: family.uses(tx, home["father"])) == before
    assert city.run(lambda tx: family.detail(tx, bond, home["daughter"])).ended_at == city.now


def test_who_may_end_it_is_a_value_and_the_counter_always_can(home: Relatives, tmp_path: Path) -> None:
    home.packs = packs_with(tmp_path, family_account_unbind_by='["member"]')
    city = home.city
    bond = home.binds("daughter", "father")
    refused_whole(
        city, "family.unbind_not_here", lambda: city.run(lambda tx: family.part(tx, home.packs, bond, home["daughter"]))
    )
    city.run(lambda tx: family.part_at_counter(tx, bond, "本人到窗口申请"))
    row = city.run(lambda tx: tx.one("select ended_by, ended_because from family_bond where id = %(id)s", id=bond))
    assert (row["ended_by"], row["ended_because"]) == ("agency", "本人到窗口申请")
    refused("family.not_bound", lambda: city.run(lambda tx: family.part_at_counter(tx, uuid4_in(home), "x")))


def uuid4_in(home: Relatives) -> UUID:
    """An id of a book that names nothing."""
    return refs.mint(home["daughter"].book, home.city.now)


def test_death_ends_every_bond_on_either_side(home: Relatives) -> None:
    city = home.city
    home.binds("daughter", "father")
    home.binds("father", "husband", "sibling")
    home.binds("daughter", "husband", "spouse")
    assert city.run(lambda tx: family.end_all(tx, home["father"], "death")) == 2
    assert city.run(lambda tx: family.end_all(tx, home["father"], "death")) == 0
    assert [one.relation for one in city.run(lambda tx: family.members(tx, home["daughter"]))] == ["spouse"]


def test_a_dispute_stops_a_bond_without_ending_it(home: Relatives) -> None:
    city = home.city
    bond = home.binds("daughter", "father")
    digits = city.shows_code("father", "daughter")
    city.run(lambda tx: family.suspend(tx, bond, "不是我本人"))
    refused_whole(city, "family.suspended", lambda: city.shows_code("father", "daughter"))
    refused_whole(city, "family.suspended", lambda: city.run(lambda tx: family.read_costs(tx, home["father"], home["daughter"])))
    refused_whole(
        city, "credential.bond_ended", lambda: city.run(lambda tx: credential.decode(tx, digits, "H1", "001", pharmacy=False))
    )
    assert city.run(lambda tx: family.detail(tx, bond, home["father"])).halted == "dispute"
    refused("family.not_bound", lambda: city.run(lambda tx: family.suspend(tx, bond, "again")))
    city.run(lambda tx: family.resume(tx, bond))
    refused("family.not_bound", lambda: city.run(lambda tx: family.resume(tx, bond)))
    refused("credential.bond_ended", lambda: city.run(lambda tx: credential.decode(tx, digits, "H1", "001", pharmacy=False)))
    city.shows_code("father", "daughter")


# What binders do, and the member sees


def test_every_showing_is_written_where_the_member_reads_it(home: Relatives) -> None:
    city = home.city
    home.binds("daughter", "father")
    show = lambda purpose, who="daughter": commands.alone(  # noqa: E731
        city.db,
        lambda tx: credential.issue(tx, library(), home["father"], home[who], sandbox=True, purpose=purpose),
        at=city.now,
        by=Actor("d", "app", "成都"),
    )
    refused_whole(city, "credential.bad_purpose", lambda: show("fun"))
    refused_whole(city, "credential.bad_purpose", lambda: show(""))
    for purpose in family.PURPOSES:
        city.now += timedelta(minutes=1)
        digits = show(purpose).digits
    city.run(lambda tx: credential.decode(tx, digits, "H1", "001", pharmacy=False))
    show("settle", "father")
    used = city.run(lambda tx: family.uses(tx, home["father"]))
    assert [one.purpose for one in used] == list(reversed(family.PURPOSES)), "one's own showing is nobody's business"
    assert (used[0].purpose, used[0].channel, used[0].place, used[0].reader, used[0].used_at) == (
        "emergency",
        "app",
        "成都",
        "H1",
        city.now,
    )
    assert used[0].binder == home.name("daughter")[0] + "*"
    assert used[1].used_at is None
    assert len(city.run(lambda tx: family.uses(tx, home["father"], 2))) == 2
    assert city.run(lambda tx: family.uses(tx, home["father"], 20, home["husband"])) == []


def test_costs_are_read_while_the_member_allows_it(home: Relatives) -> None:
    city = home.city
    bond = home.binds("daughter", "father")
    read = lambda who="daughter": city.run(lambda tx: family.read_costs(tx, home["father"], home[who]))  # noqa: E731
    read()
    read("father")
    (used,) = city.run(lambda tx: family.uses(tx, home["father"]))
    assert (used.act, used.purpose) == ("costs", "costs")
    refused_whole(city, "credential.not_bound", lambda: read("husband"))
    allow = lambda who, may: city.run(lambda tx: family.allow_reading(tx, bond, home[who], may))  # noqa: E731
    refused_whole(city, "family.not_bound", lambda: allow("daughter", False))
    allow("father", False)
    refused_whole(city, "family.reading_closed", read)
    city.shows_code("father", "daughter")
    allow("father", True)
    read()


def test_a_bond_of_the_sandbox_shows_no_live_code(home: Relatives) -> None:
    city = home.city
    city.run(lambda tx: family.bind(tx, home["father"], home["daughter"], "parent", Basis(Assurance.SANDBOX)))
    city.shows_code("father", "daughter")
    live = lambda: city.run(  # noqa: E731
        lambda tx: credential.issue(tx, library(), home["father"], home["daughter"], sandbox=False)
    )
    refused_whole(city, "credential.sandbox_bond", live)


def test_limits_are_the_two_areas_and_the_channels() -> None:
    here, wuhan = (library().in_force(region, date(2026, 3, 2)) for region in (ELSEWHERE, "420100"))
    assert family.limits(here, wuhan) == Limits(5, {}, None, None, "none", 0)
    over = family.limits(wuhan, here, {"family_account_max_members": None, "family_account_max_binders_per_member": 1})
    assert over == Limits(None, {}, None, 1, "total", 0)


def test_names_labels_and_births_are_sealed(home: Relatives) -> None:
    request = asks_by_birth(home, "daughter")
    answers(home, request, "daughter", born_to(home, "daughter"))
    home.city.run(lambda tx: binding.confirm_birth(tx, home.packs, request, home["daughter"]))
    home.shows_face(request, "daughter")
    text = repr(tables(home.city)).encode()
    for secret in (home.name("child"), home.name("daughter"), home.city.numbers["child"], CERTIFICATE):
        assert secret.encode() not in text
    assert face.BIND in text.decode()
