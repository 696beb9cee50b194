"""Mutual aid from the letter to the end: who may give to whom, how many, on which terms, and what ends it by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from city import BY, SHANGHAI, City
from mulaid import commands, jobs
from mulaid.db import Actor, Tx
from mulaid.people import aid, enrolment
from mulaid.people.aid import Terms
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.policy.pack import library
from mulaid.refusal import Refusal

YEAR = timedelta(days=365)
NO_LIMITS = Terms()
TABLES = ("aid", "aid_given", "aid_promise", "audit", "outbox", "purse", "journal", "entry")


def offers(
    city: City, giver: PersonRef, receiver: PersonRef, relation: str = "parent", terms: Terms = NO_LIMITS, **more: Any
) -> UUID:
    """Read the letter, agree, and offer; in one transaction of the story's moment."""

    def work(tx: Tx) -> UUID:
        agreed = more.pop("agreed", None) or aid.promise(tx, library(), giver, receiver, relation, terms).hash
        return aid.offer(tx, library(), giver, receiver, relation, terms, agreed=agreed, **more)

    return city.run(work)


def at_the_counter(city: City, work: Callable[[Tx], Any]) -> Any:
    return commands.alone(city.db, work, at=city.now, by=Actor("clerk", "counter", "窗口3"))


def look(city: City, ref: UUID) -> aid.Aid:
    return city.run(lambda tx: aid.find(tx, ref))


def rows(city: City) -> list[Any]:
    """Everything the tables hold, to be compared before and after a refusal."""

    def work(tx: Tx) -> list[Any]:
        return [sorted(map(str, tx.all(f"select * from {table}"))) for table in TABLES]  # type: ignore[arg-type]

    return city.run(work)


def refused(city: City, code: str, work: Callable[[], Any]) -> Refusal:
    """The refusal; and nothing anywhere has changed by it."""
    before = rows(city)
    with pytest.raises(Refusal) as caught:
        work()
    assert caught.value.code == code, caught.value
    assert rows(city) == before
    return caught.value


def news(city: City) -> list[str]:
    return city.run(
        lambda tx: [row["text"] for row in tx.all("select body->>'text' as text from outbox where topic = 'say' order by id")]
    )


def enrols_on(city: City, who: PersonRef, since: date, region: str, base: str = "active", **more: Any) -> None:
    scheme = "390" if base == "resident" else "310"
    city.run(lambda tx: enrolment.enrol(tx, who, Enrolment(scheme, region, base, **more), since))


def releases(city: City, who: PersonRef) -> list[UUID]:
    return city.run(lambda tx: aid.release_by_facts(tx, library(), who))


# Opening


def test_a_promise_opens_it_at_once_and_both_are_told(city: City) -> None:
    giver, receiver = city.enrols("son", "500.00"), city.enrols("mother", base="resident")
    terms = Terms(quota=30000, month_cap=10000, year_cap=20000, reserve=5000, uses=("pharmacy", "outpatient"))
    letter = city.run(lambda tx: aid.promise(tx, library(), giver, receiver, "parent", terms))
    for words in ("总额度 300.00 元", "每月最多 100.00 元", "每年最多 200.00 元", "至少保留 50.00 元", "门诊、药店购药"):
        assert words in letter.text
    made = offers(city, giver, receiver, terms=terms)
    found = look(city, made)
    assert (found.status, found.kinship, found.waits_for, found.uses) == ("active", "promised", None, ("outpatient", "pharmacy"))
    assert (found.quota, found.month_cap, found.year_cap, found.reserve) == (30000, 10000, 20000, 5000)
    kept = city.run(lambda tx: aid.promised(tx, made))
    assert kept == letter
    sealed = city.run(lambda tx: tx.one("select text from aid_promise where aid = %(aid)s", aid=made))["text"]
    assert "承诺" not in bytes(sealed).decode("utf-8", "replace")
    told = sorted(news(city), reverse=True)
    assert len(told) == 2
    assert told[0].startswith("您给父母的家庭共济已开通：总额度 300.00 元")
    assert told[1].startswith("您的子女已为您开通家庭共济：总额度 300.00 元")
    given = city.run(lambda tx: [one.id for one in aid.given(tx, giver)])
    assert given == [one.id for one in city.run(lambda tx: aid.received(tx, receiver))] == [made]
    paid = city.pays("mother", [("MINE", "60.00")])
    assert paid["acct_mulaid_pay"] == 60
    city.books_balance()


def test_an_agreement_is_to_exactly_one_letter(city: City) -> None:
    giver, receiver = city.enrols("son", "500.00"), city.enrols("mother")
    other = city.run(lambda tx: aid.promise(tx, library(), giver, receiver, "parent", Terms(quota=100))).hash
    refused(city, "aid.promise_changed", lambda: offers(city, giver, receiver, agreed=other))
    refused(city, "aid.promise_changed", lambda: offers(city, giver, receiver, agreed="0" * 64))
    offers(city, giver, receiver)


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (Terms(quota=0), "aid.bad_limit"),
        (Terms(quota=-1), "aid.bad_limit"),
        (Terms(month_cap=10**12), "aid.bad_limit"),
        (Terms(reserve=-1), "aid.bad_limit"),
        (Terms(rank=0), "aid.bad_limit"),
        (Terms(valid_to=date(2026, 3, 1)), "aid.bad_dates"),
        (Terms(valid_from=date(2026, 3, 1)), "aid.bad_dates"),
        (Terms(valid_from=date(2026, 4, 2), valid_to=date(2026, 4, 1)), "aid.bad_dates"),
        (Terms(uses=()), "aid.no_use"),
        (Terms(uses=("outpatient", "cosmetic")), "aid.use_prohibited"),
    ],
)
def test_terms_that_cannot_be(city: City, terms: Terms, code: str) -> None:
    giver, receiver = city.enrols("son", "500.00"), city.enrols("mother")
    refused(city, code, lambda: offers(city, giver, receiver, terms=terms, agreed="x"))


def test_uses_are_a_part_of_the_regions_list(city: City) -> None:
    """Shandong's list of 2023 has no inpatient care."""
    city.now = datetime(2023, 3, 2, 10, 0, tzinfo=SHANGHAI)
    giver, receiver = city.enrols("son", "9.00", region="370100"), city.enrols("mother", region="370100")
    said = refused(
        city, "aid.use_prohibited", lambda: offers(city, giver, receiver, terms=Terms(uses=("inpatient",)), agreed="x")
    )
    assert "住院" in said.says
    made = offers(city, giver, receiver)
    assert "inpatient" not in look(city, made).uses


def test_where_a_period_is_chosen_the_last_day_must_be_named(city: City) -> None:
    giver, receiver = city.enrols("son", "9.00", region="520100"), city.enrols("mother", region="520100")
    refused(city, "aid.end_date_needed", lambda: offers(city, giver, receiver, agreed="x"))
    made = offers(city, giver, receiver, terms=Terms(valid_to=date(2026, 12, 31), valid_from=date(2026, 4, 1)))
    assert look(city, made).bound_at == datetime(2026, 4, 1, tzinfo=SHANGHAI)


def test_the_two_people_must_be_right(city: City) -> None:
    giver = city.enrols("son", "9.00")
    mother = city.enrols("mother", base="resident")
    refused(city, "aid.oneself", lambda: offers(city, giver, giver))
    refused(city, "aid.giver_has_no_account", lambda: offers(city, mother, giver, "child"))
    stopped = city.enrols("stopped", "9.00", status="suspended")
    refused(city, "aid.giver_suspended", lambda: offers(city, stopped, mother))
    refused(city, "aid.member_suspended", lambda: offers(city, giver, stopped, "sibling"))
    nobody = PersonRef(1, UUID(int=1))
    refused(city, "aid.not_enrolled", lambda: offers(city, giver, nobody))
    refused(city, "aid.not_enrolled", lambda: offers(city, nobody, giver))
    far = city.enrols("far", region="110000")
    refused(city, "aid.area_not_open", lambda: offers(city, giver, far))
    offers(city, giver, mother)
    refused(city, "aid.authorised_already", lambda: offers(city, giver, mother))


def test_r5_a_father_in_law_only_where_a_dated_pack_has_him(city: City) -> None:
    son, father = city.enrols("son", "9.00"), city.enrols("father-in-law")
    refused(city, "aid.relation_not_eligible", lambda: offers(city, son, father, "parent_in_law"))
    where = [
        (region, since)
        for region, sheet in library().sheets.items()
        for since, value in sheet.dated.get("mutual_aid_relations", ())
        if value is not None and "parent_in_law" in value.value
    ]
    assert where, "Jinan and Liuzhou had parents-in-law"
    region, since = where[0]
    city.now = datetime(since.year, since.month, since.day, 10, tzinfo=SHANGHAI)
    a, b = city.enrols("a", "9.00", region=region), city.enrols("b", region=region)
    offers(city, a, b, "parent_in_law", Terms(valid_to=since + YEAR))


def test_r6_x05_a_sibling_before_and_after_the_provinces_date(city: City) -> None:
    a, b = city.enrols("a", "9.00", region="650100"), city.enrols("b", region="650100")
    city.now = datetime(2024, 6, 30, 10, tzinfo=SHANGHAI)
    refused(city, "aid.relation_not_eligible", lambda: offers(city, a, b, "sibling"))
    city.now = datetime(2024, 12, 31, 10, tzinfo=SHANGHAI)
    offers(city, a, b, "sibling")


def test_kinship_is_known_or_promised_and_never_against_the_register(city: City) -> None:
    son, mother, wife = (city.enrols(name, "9.00") for name in ("son", "mother", "wife"))

    def knows(other: PersonRef, relation: str, until: date | None = None) -> None:
        city.run(
            lambda tx: tx.run(
                "insert into kinship (book, person, other, relation, valid_from, valid_to)"
                " values (%(book)s, %(person)s, %(other)s, %(relation)s, '2000-01-01', %(until)s)",
                book=son.book,
                person=son.id,
                other=other.id,
                relation=relation,
                until=until,
            )
        )

    knows(mother, "parent")
    refused(city, "aid.kinship_differs", lambda: offers(city, son, mother, "sibling"))
    assert look(city, offers(city, son, mother)).kinship == "registered"
    knows(wife, "spouse", date(2025, 1, 1))
    refused(city, "aid.kinship_differs", lambda: offers(city, son, wife, "spouse"))
    refused(city, "aid.kinship_differs", lambda: offers(city, wife, son, "spouse"))
    assert look(city, offers(city, mother, son, "child")).kinship == "registered"


# Filing: X17


def test_x17_where_the_agency_reviews_it_waits_for_its_word(city: City) -> None:
    son, mother = city.enrols("son", "500.00", region="440100"), city.enrols("mother", region="440100")
    made = offers(city, son, mother)
    assert (look(city, made).status, look(city, made).waits_for) == ("pending", "agency")
    assert city.pays("mother", "60.00")["acct_mulaid_pay"] == 0
    refused(city, "aid.authorised_already", lambda: offers(city, son, mother))
    refused(city, "aid.not_waiting", lambda: city.run(lambda tx: aid.accept(tx, library(), made, mother)))
    refused(city, "aid.not_active", lambda: city.run(lambda tx: aid.pause(tx, made, son, 1)))
    refused(city, "aid.not_active", lambda: city.run(lambda tx: aid.change(tx, library(), made, son, 1, Terms())))
    city.now += timedelta(days=2)
    begun = at_the_counter(city, lambda tx: aid.approve(tx, library(), made))
    assert (begun.status, begun.bound_at, begun.filed_at < begun.bound_at) == ("active", city.now, True)
    refused(city, "aid.not_waiting", lambda: at_the_counter(city, lambda tx: aid.approve(tx, library(), made)))
    assert city.pays("mother", "60.00")["acct_mulaid_pay"] == 60
    assert "您给父母的家庭共济已开通：不另设限额。" in news(city)


def test_what_the_agency_refuses_never_was(city: City) -> None:
    son, mother = city.enrols("son", "500.00", region="440100"), city.enrols("mother", region="440100")
    made = offers(city, son, mother)
    at_the_counter(city, lambda tx: aid.refuse(tx, made, "户口簿不清晰"))
    ended = look(city, made)
    assert (ended.status, ended.ended_because, ended.ended_at) == ("ended_by_system", "refused", city.now)
    assert any("户口簿不清晰" in text for text in news(city))
    refused(city, "aid.not_waiting", lambda: at_the_counter(city, lambda tx: aid.refuse(tx, made, "")))
    again = offers(city, son, mother)
    enrols_on(city, son, date(2026, 3, 2), "440100", status="suspended")
    refused(city, "aid.giver_suspended", lambda: at_the_counter(city, lambda tx: aid.approve(tx, library(), again)))


def test_where_it_is_done_at_a_counter_it_is_not_done_elsewhere(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    son, mother = city.enrols("son", "9.00"), city.enrols("mother")
    with_rule(monkeypatch, mutual_aid_filing_mode="counter")
    refused(city, "aid.counter_only", lambda: offers(city, son, mother))

    def work(tx: Tx) -> UUID:
        agreed = aid.promise(tx, library(), son, mother, "parent", Terms()).hash
        return aid.offer(tx, library(), son, mother, "parent", Terms(), agreed=agreed)

    assert look(city, at_the_counter(city, work)).status == "active"


def with_rule(monkeypatch: pytest.MonkeyPatch, **values: Any) -> None:
    """The law as it is, with some values of a pack that nobody has published."""
    before = type(library()).in_force

    def in_force(self: Any, region: str, on: date) -> Any:
        pack = before(self, region, on)
        given = {name: replace(pack.values[name], value=value) for name, value in values.items()}
        return replace(pack, values={**pack.values, **given})

    monkeypatch.setattr(type(library()), "in_force", in_force)


def test_an_invitation_is_accepted_declined_or_lapses(city: City) -> None:
    son, mother, father, aunt = (city.enrols(name, "500.00") for name in ("son", "mother", "father", "aunt"))
    made = offers(city, son, mother, invite=True)
    assert (look(city, made).waits_for, look(city, made).lapses_at) == ("receiver", city.now + timedelta(days=7))
    assert "您的子女邀请您使用 TA 的个人账户，请您确认是否同意。" in news(city)
    refused(city, "aid.not_active", lambda: city.run(lambda tx: aid.accept(tx, library(), made, father)))
    refused(city, "aid.not_waiting", lambda: city.run(lambda tx: aid.approve(tx, library(), made)))
    city.now += timedelta(days=6)
    assert city.run(lambda tx: aid.accept(tx, library(), made, mother)).bound_at == city.now
    refused(city, "aid.not_waiting", lambda: city.run(lambda tx: aid.decline(tx, made, mother)))

    no = offers(city, son, father, invite=True)
    city.run(lambda tx: aid.decline(tx, no, father))
    assert (look(city, no).status, look(city, no).ended_because) == ("released", "declined")

    late = offers(city, son, aunt, "sibling", invite=True)
    city.now += timedelta(days=7)
    refused(city, "aid.invitation_lapsed", lambda: city.run(lambda tx: aid.accept(tx, library(), late, aunt)))
    assert city.run(lambda tx: aid.lapse(tx, aunt.book)) == 1
    assert city.run(lambda tx: aid.lapse(tx, aunt.book)) == 0
    assert (look(city, late).status, look(city, late).ended_because) == ("ended_by_system", "invitation_lapsed")


def test_an_accepted_invitation_may_still_wait_for_the_agency(city: City) -> None:
    son, mother = city.enrols("son", "9.00", region="440100"), city.enrols("mother", region="440100")
    made = offers(city, son, mother, invite=True)
    assert city.run(lambda tx: aid.accept(tx, library(), made, mother)).waits_for == "agency"
    assert at_the_counter(city, lambda tx: aid.approve(tx, library(), made)).status == "active"


def test_an_application_can_be_withdrawn_by_either_side(city: City) -> None:
    """Even in Tai'an, where only the giver releases, nobody is held to what has not begun."""
    son, mother = city.enrols("son", "9.00", region="370900"), city.enrols("mother", region="370900")
    made = offers(city, son, mother, invite=True)
    city.run(lambda tx: aid.stop(tx, library(), made, mother))
    assert look(city, made).ended_because == "by_receiver"


# How many: W26, X06


@pytest.mark.parametrize(
    ("region", "most"),
    [("430100", 10), ("370100", 7), ("370900", 8), ("340100", 6)],
    ids=["Hunan", "Shandong", "Tai'an", "Anhui"],
)
def test_w26_receivers_at_a_time(city: City, region: str, most: int) -> None:
    giver = city.enrols("giver", "9.00", region=region)
    terms = Terms(valid_to=date(2027, 1, 1))
    made = [offers(city, giver, city.enrols(f"r{n}", region=region), "sibling", terms) for n in range(most)]
    one_more = city.enrols("one more", region=region)
    said = refused(city, "aid.limit_receivers", lambda: offers(city, giver, one_more, "sibling", terms))
    assert f"最多同时授权 {most} 位" in said.says
    city.run(lambda tx: aid.stop(tx, library(), made[0], giver))
    offers(city, giver, one_more, "sibling", terms)


def test_w26_one_giver_for_one_receiver_in_guizhou(city: City) -> None:
    a, b, mother = (city.enrols(name, "9.00", region="520100") for name in ("a", "b", "mother"))
    terms = Terms(valid_to=date(2027, 1, 1))
    first = offers(city, a, mother, "parent", terms)
    said = refused(city, "aid.limit_givers", lambda: offers(city, b, mother, "parent", terms))
    assert "最多接受 1 位" in said.says
    city.run(lambda tx: aid.stop(tx, library(), first, a))
    offers(city, b, mother, "parent", terms)


def test_twenty_different_people_over_a_life_and_a_former_one_again(city: City) -> None:
    giver = city.enrols("giver", "9.00", region="430100")
    terms = Terms(valid_to=date(2027, 1, 1))
    people = [city.enrols(f"r{n}", region="430100") for n in range(21)]
    for person in people[:20]:
        made = offers(city, giver, person, "sibling", terms)
        city.run(lambda tx, made=made: aid.stop(tx, library(), made, giver))
    said = refused(city, "aid.limit_lifetime_receivers", lambda: offers(city, giver, people[20], "sibling", terms))
    assert "20 位" in said.says
    offers(city, giver, people[3], "sibling", terms)


def test_what_never_began_does_not_count_for_a_life(city: City) -> None:
    giver = city.enrols("giver", "9.00", region="430100")
    terms = Terms(valid_to=date(2027, 1, 1))
    for n in range(21):
        who = city.enrols(f"r{n}", region="430100")
        made = offers(city, giver, who, "sibling", terms, invite=True)
        city.run(lambda tx, made=made, who=who: aid.decline(tx, made, who))
    offers(city, giver, city.enrols("last", region="430100"), "sibling", terms)


def test_in_shandong_nobody_gives_and_receives(city: City) -> None:
    a, b, c = (city.enrols(name, "9.00", region="370100") for name in "abc")
    made = offers(city, a, b)
    refused(city, "aid.role_conflict", lambda: offers(city, b, c))
    refused(city, "aid.role_conflict", lambda: offers(city, c, a))
    city.run(lambda tx: aid.stop(tx, library(), made, a))
    offers(city, b, c)


def test_elsewhere_one_may_give_and_receive(city: City) -> None:
    a, b = city.enrols("a", "9.00"), city.enrols("b", "9.00")
    offers(city, a, b, "spouse")
    offers(city, b, a, "spouse")


# Races


def all_at_once(works: Sequence[Callable[[], Any]]) -> list[str]:
    start = threading.Barrier(len(works))

    def one(work: Callable[[], Any]) -> str:
        start.wait()
        try:
            work()
        except Refusal as refusal:
            return refusal.code
        return "made"

    with ThreadPoolExecutor(len(works)) as threads:
        return sorted(threads.map(one, works))


def test_twenty_receivers_at_once_at_a_limit_of_ten(city: City) -> None:
    giver = city.enrols("giver", "9.00", region="430100")
    people = [city.enrols(f"r{n}", region="430100", household=f"h{n}") for n in range(20)]
    terms = Terms(valid_to=date(2027, 1, 1))
    done = all_at_once([lambda who=who: offers(city, giver, who, "sibling", terms) for who in people])
    assert done == ["aid.limit_receivers"] * 10 + ["made"] * 10
    assert len(city.run(lambda tx: aid.given(tx, giver))) == 10


def test_twenty_givers_at_once_at_a_limit_of_one(city: City) -> None:
    mother = city.enrols("mother", region="520100")
    people = [city.enrols(f"g{n}", "9.00", region="520100", household=f"h{n}") for n in range(20)]
    terms = Terms(valid_to=date(2027, 1, 1))
    done = all_at_once([lambda who=who: offers(city, who, mother, "parent", terms) for who in people])
    assert done == ["aid.limit_givers"] * 19 + ["made"]
    assert len(city.run(lambda tx: aid.received(tx, mother))) == 1


def test_a_circle_of_givers_at_once_leaves_nobody_in_both_roles(city: City) -> None:
    people = [city.enrols(f"p{n}", "9.00", region="370100", household=f"h{n}") for n in range(6)]
    pairs = [(people[n], people[(n + 1) % 6]) for n in range(6)]
    all_at_once([lambda a=a, b=b: offers(city, a, b, "sibling") for a, b in pairs])
    for who in people:
        gives, receives = city.run(lambda tx, who=who: (aid.given(tx, who), aid.received(tx, who)))
        assert not (gives and receives)


def test_two_who_change_the_same_terms_at_once_cannot_both(city: City) -> None:
    son, mother = city.enrols("son", "9.00"), city.enrols("mother")
    made = offers(city, son, mother)
    works = [
        lambda cap=cap: city.run(lambda tx: aid.change(tx, library(), made, son, 1, Terms(month_cap=cap)))
        for cap in range(100, 900, 100)
    ]
    assert all_at_once(works) == ["aid.stale"] * 7 + ["made"]
    assert look(city, made).version == 2


# Changing


def test_terms_change_while_what_was_spent_counts_on(city: City) -> None:
    son, mother = city.enrols("son", "500.00"), city.enrols("mother")
    made = offers(city, son, mother, terms=Terms(quota=10000))
    assert city.pays("mother", "60.00")["acct_mulaid_pay"] == 60
    assert look(city, made).used == 6000
    refused(city, "aid.quota_below_used", lambda: city.run(lambda tx: aid.change(tx, library(), made, son, 1, Terms(quota=5999))))
    changed = city.run(lambda tx: aid.change(tx, library(), made, son, 1, Terms(quota=8000, settlement_cap=1500)))
    assert (changed.version, changed.used, changed.quota) == (2, 6000, 8000)
    assert any("修改了给您的家庭共济：总额度 80.00 元；每次结算最多 15.00 元" in text for text in news(city))
    assert city.pays("mother", "60.00")["acct_mulaid_pay"] == 15
    refused(city, "aid.stale", lambda: city.run(lambda tx: aid.change(tx, library(), made, son, 1, Terms())))
    refused(city, "aid.bad_limit", lambda: city.run(lambda tx: aid.change(tx, library(), made, son, 2, Terms(year_cap=0))))
    refused(city, "aid.not_active", lambda: city.run(lambda tx: aid.change(tx, library(), made, mother, 2, Terms())))
    city.books_balance()


def test_pausing_and_going_on(city: City) -> None:
    son, mother = city.enrols("son", "500.00"), city.enrols("mother")
    made = offers(city, son, mother)
    assert city.run(lambda tx: aid.pause(tx, made, son, 1)).paused
    refused(city, "aid.paused_already", lambda: city.run(lambda tx: aid.pause(tx, made, son, 2)))
    refused(city, "aid.stale", lambda: city.run(lambda tx: aid.resume(tx, made, son, 1)))
    refused(city, "aid.not_active", lambda: city.run(lambda tx: aid.resume(tx, made, mother, 2)))
    assert not city.run(lambda tx: aid.resume(tx, made, son, 2)).paused
    refused(city, "aid.not_paused", lambda: city.run(lambda tx: aid.resume(tx, made, son, 3)))


def test_the_receiver_sets_the_order_where_the_region_lets_one(city: City) -> None:
    """Shaanxi: rank set by the user (policy.md W20)."""
    mother = city.enrols("mother", region="610100")
    givers = [city.enrols(f"g{n}", "30.00", region="610100") for n in range(3)]
    made = [offers(city, giver, mother) for giver in givers]
    order = [made[2], made[0], made[1]]
    city.run(lambda tx: aid.arrange(tx, library(), mother, order))
    assert [one.id for one in city.run(lambda tx: aid.received(tx, mother))] == order
    for wrong in (order[:2], [*order, made[0]], [made[0], made[0], made[1]]):
        refused(city, "aid.order_incomplete", lambda wrong=wrong: city.run(lambda tx: aid.arrange(tx, library(), mother, wrong)))
    paid = city.pays("mother", "50.00")
    assert paid["acct_mulaid_pay"] == 50
    assert [city.holds(f"g{n}") for n in range(3)] == ["10.00", "30.00", "0.00"]
    other = city.enrols("other")
    refused(city, "aid.order_fixed", lambda: city.run(lambda tx: aid.arrange(tx, library(), other, [])))


# Ending: R7, R9, X18


def test_r7_three_months_in_hubei_are_calendar_months(city: City) -> None:
    son, mother = city.enrols("son", "9.00"), city.enrols("mother")
    city.now = datetime(2025, 11, 30, 23, 59, tzinfo=SHANGHAI)
    made = offers(city, son, mother)
    city.now = datetime(2026, 1, 30, 10, tzinfo=SHANGHAI)
    refused(city, "aid.release_locked", lambda: city.run(lambda tx: aid.stop(tx, library(), made, son)))
    city.now = datetime(2026, 2, 27, 23, 59, tzinfo=SHANGHAI)
    said = refused(city, "aid.release_locked", lambda: city.run(lambda tx: aid.stop(tx, library(), made, mother)))
    assert "绑定满 3 个月" in said.says
    assert "2026-02-28" in said.says
    city.now = datetime(2026, 2, 28, 0, 0, tzinfo=SHANGHAI)
    city.run(lambda tx: aid.stop(tx, library(), made, son))
    assert (look(city, made).status, look(city, made).ended_because) == ("released", "by_giver")
    refused(city, "aid.not_active", lambda: city.run(lambda tx: aid.stop(tx, library(), made, son)))


def test_r9_x18_the_receiver_releases_in_jiangxi_and_not_in_taian(city: City) -> None:
    for region, may in (("360100", True), ("370900", False)):
        son, mother = city.enrols(f"son {region}", "9.00", region=region), city.enrols(f"mother {region}", region=region)
        made = offers(city, son, mother)

        def stop(made: UUID = made, mother: PersonRef = mother) -> None:
            city.run(lambda tx: aid.stop(tx, library(), made, mother))

        if may:
            stop()
            assert look(city, made).ended_because == "by_receiver"
        else:
            said = refused(city, "aid.release_not_yours", stop)
            assert "只能由授权人解除" in said.says
            refused(
                city,
                "aid.not_active",
                lambda made=made: city.run(lambda tx: aid.stop(tx, library(), made, city.people["son 360100"])),
            )
            city.run(lambda tx, made=made, son=son: aid.stop(tx, library(), made, son))


def test_the_counter_ends_what_the_two_may_not(city: City) -> None:
    son, mother = city.enrols("son", "9.00"), city.enrols("mother")
    made = offers(city, son, mother)
    at_the_counter(city, lambda tx: aid.end(tx, made))
    assert (look(city, made).status, look(city, made).ended_because) == ("released", "by_agency")
    refused(city, "aid.not_active", lambda: at_the_counter(city, lambda tx: aid.end(tx, made)))


FACTS: list[tuple[str, str, str, Callable[[City, PersonRef, PersonRef], None]]] = [
    ("420100", "insurance_ended", "giver", lambda city, who, _: enrols_on(city, who, city.now.date(), "420100", status="ended")),
    (
        "420100",
        "insurance_ended",
        "receiver",
        lambda city, who, _: enrols_on(city, who, city.now.date(), "420100", status="ended"),
    ),
    ("420100", "moved_area", "giver", lambda city, who, _: enrols_on(city, who, city.now.date(), "420500")),
    ("420100", "moved_area", "receiver", lambda city, who, _: enrols_on(city, who, city.now.date(), "110000")),
    ("360100", "suspended", "giver", lambda city, who, _: enrols_on(city, who, city.now.date(), "360100", status="suspended")),
    ("420100", "death", "receiver", lambda city, who, _: dies(city, who)),
    ("420100", "death", "giver", lambda city, who, _: dies(city, who)),
]


def dies(city: City, who: PersonRef) -> None:
    city.run(
        lambda tx: tx.run(
            "update person set died_on = %(on)s where book = %(book)s and id = %(id)s",
            on=city.now.date(),
            book=who.book,
            id=who.id,
        )
    )


@pytest.mark.parametrize(("region", "cause", "side", "happens"), FACTS, ids=[f"{row[1]} {row[2]}" for row in FACTS])
def test_facts_end_it_by_themselves_and_once(
    city: City, region: str, cause: str, side: str, happens: Callable[[City, PersonRef, PersonRef], None]
) -> None:
    son, mother = city.enrols("son", "9.00", region=region), city.enrols("mother", region=region)
    made = offers(city, son, mother)
    who, other = (son, mother) if side == "giver" else (mother, son)
    assert releases(city, son) == releases(city, mother) == []
    city.now += timedelta(days=3)
    happens(city, who, other)
    assert releases(city, who) == [made]
    assert (look(city, made).status, look(city, made).ended_because, look(city, made).ended_at) == (
        "ended_by_system",
        cause,
        city.now,
    )
    after = len(news(city))
    assert releases(city, who) == []
    assert len(news(city)) == after
    assert city.run(lambda tx: aid.given(tx, son)) == []
    assert [one.id for one in city.run(lambda tx: aid.given(tx, son, past=True))] == [made]


def test_what_a_region_does_not_list_does_not_end_it(city: City) -> None:
    """Hubei does not end it on suspension; kinship is in nobody's list yet."""
    son, mother = city.enrols("son", "500.00"), city.enrols("mother")
    made = offers(city, son, mother)
    enrols_on(city, son, city.now.date(), "420100", status="suspended")
    assert releases(city, son) == []
    assert look(city, made).living


def test_a_receivers_suspension_rests_it_everywhere(city: City) -> None:
    son, mother = city.enrols("son", "9.00", region="360100"), city.enrols("mother", region="360100")
    made = offers(city, son, mother)
    enrols_on(city, mother, city.now.date(), "360100", status="suspended")
    assert releases(city, mother) == []
    assert look(city, made).living


def test_the_end_of_a_kinship_ends_it_where_a_pack_says_so(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    husband, wife = city.enrols("husband", "9.00"), city.enrols("wife")
    city.run(
        lambda tx: tx.run(
            "insert into kinship values (%(book)s, %(a)s, %(b)s, 'spouse', '2010-01-01', null)",
            book=husband.book,
            a=husband.id,
            b=wife.id,
        )
    )
    made = offers(city, husband, wife, "spouse")
    with_rule(monkeypatch, auto_release_on=frozenset({"kinship_ended"}))
    assert releases(city, wife) == []
    city.run(lambda tx: tx.run("update kinship set valid_to = %(on)s", on=city.now.date()))
    city.now += timedelta(days=1)
    assert releases(city, wife) == [made]


def test_the_last_day_passes(city: City) -> None:
    son, mother = city.enrols("son", "9.00"), city.enrols("mother")
    made = offers(city, son, mother, terms=Terms(valid_to=date(2026, 3, 10)))
    city.now = datetime(2026, 3, 10, 23, 59, tzinfo=SHANGHAI)
    assert city.run(lambda tx: aid.lapse(tx, mother.book)) == 0
    city.now = datetime(2026, 3, 11, 0, 0, tzinfo=SHANGHAI)
    assert city.run(lambda tx: aid.lapse(tx, mother.book)) == 1
    assert look(city, made).ended_because == "expired"


def test_disuse_puts_it_to_sleep_only_where_a_pack_says_so(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    son, mother, father = city.enrols("son", "900.00"), city.enrols("mother"), city.enrols("father")
    made, used = offers(city, son, mother), offers(city, son, father)
    city.now += timedelta(days=100)
    city.pays("father", "5.00")
    city.now += timedelta(days=100)

    def sleeps() -> list[UUID]:
        return city.run(lambda tx: aid.put_to_sleep(tx, library(), son))

    assert sleeps() == []
    with_rule(monkeypatch, dormant_freeze_months=6)
    assert sleeps() == [made]
    assert sleeps() == []
    assert look(city, used).status == "active"
    assert look(city, made).status == "locked"
    assert city.pays("mother", "5.00")["acct_mulaid_pay"] == 0
    refused(city, "aid.not_asleep", lambda: city.run(lambda tx: aid.wake(tx, used, son, 1)))
    woken = city.run(lambda tx: aid.wake(tx, made, son, 2))
    assert woken.status == "active"
    assert sleeps() == []
    assert city.pays("mother", "5.00")["acct_mulaid_pay"] == 5


def test_an_end_lets_a_refund_come_home(city: City) -> None:
    son = city.enrols("son", "500.00", region="520100")
    mother = city.enrols("mother", region="520100")
    made = offers(city, son, mother, terms=Terms(valid_to=date(2027, 1, 1)))
    paid = city.pays("mother", "60.00")
    city.run(lambda tx: aid.stop(tx, library(), made, son))
    assert city.pays("mother", "60.00")["acct_mulaid_pay"] == 0
    assert city.refunds(paid)["infcode"] == 0
    assert city.holds("son") == "500.00"
    city.books_balance()


# What is kept and told


def test_every_act_leaves_its_row(city: City) -> None:
    son, mother = city.enrols("son", "9.00", region="360100"), city.enrols("mother", region="360100")
    made = offers(city, son, mother)
    for work in (
        lambda tx: aid.pause(tx, made, son, 1),
        lambda tx: aid.resume(tx, made, son, 2),
        lambda tx: aid.change(tx, library(), made, son, 3, Terms(month_cap=500)),
        lambda tx: aid.stop(tx, library(), made, mother),
    ):
        city.now += timedelta(seconds=1)
        city.run(work)
    acts = city.run(lambda tx: tx.all("select act, actor, detail from audit where act like '%%_aid' order by id"))
    assert [row["act"] for row in acts] == ["offer_aid", "pause_aid", "resume_aid", "change_aid", "end_aid"]
    assert {row["actor"] for row in acts} == {f"{BY.channel}:{BY.name}"}
    assert acts[3]["detail"] == {"month_cap": ["None", "500"]}


def test_news_of_mutual_aid_is_sent(city: City) -> None:
    son, mother = city.enrols("son", "9.00"), city.enrols("mother")
    offers(city, son, mother)
    assert jobs.tell_everybody(city.db) == 2
    told = city.run(lambda tx: tx.all("select person, text from message"))
    assert {row["person"] for row in told} == {son.id, mother.id}
    assert all(row["text"].startswith("【演示】") for row in told)
    assert jobs.tell_everybody(city.db) == 0


def test_thirty_percent_is_a_hint() -> None:
    assert aid.reserve_hint(10001) == 3000


def test_somebody_elses_and_no_authorisation_look_the_same(city: City) -> None:
    son, mother, thief = city.enrols("son", "9.00"), city.enrols("mother"), city.enrols("thief")
    made = offers(city, son, mother)
    missing = UUID(int=made.int ^ 1)
    for ref in (made, missing):
        one = refused(city, "aid.not_active", lambda ref=ref: city.run(lambda tx: aid.stop(tx, library(), ref, thief)))
        assert "授权" in one.says


# Spending: caps are gross, R8, and the contradictions of the seeds as data


def test_caps_of_month_and_year_are_gross_and_begin_anew(city: City) -> None:
    son, mother = city.enrols("son", "500.00"), city.enrols("mother")
    city.now = datetime(2026, 11, 30, 10, tzinfo=SHANGHAI)
    made = offers(city, son, mother, terms=Terms(month_cap=5000, year_cap=8000))
    assert city.pays("mother", "40.00")["acct_mulaid_pay"] == 40
    city.credits("son", "100.00")
    assert city.pays("mother", "40.00")["acct_mulaid_pay"] == 10
    assert look(city, made).used_in(city.now.date()) == (5000, 5000, 5000)
    city.now = datetime(2026, 12, 1, 10, tzinfo=SHANGHAI)
    assert look(city, made).used_in(city.now.date()) == (0, 5000, 0)
    assert city.pays("mother", "40.00")["acct_mulaid_pay"] == 30
    assert city.pays("mother", "40.00")["acct_mulaid_pay"] == 0
    city.now = datetime(2027, 1, 1, 10, tzinfo=SHANGHAI)
    assert city.pays("mother", "40.00")["acct_mulaid_pay"] == 40
    city.books_balance()


def test_a_refund_gives_caps_their_room_again(city: City) -> None:
    """Where the pack says so, as the nation's does: a bill that is taken back was not spent."""
    son, mother = city.enrols("son", "500.00"), city.enrols("mother")
    made = offers(city, son, mother, terms=Terms(month_cap=5000))
    paid = city.pays("mother", "50.00")
    assert city.pays("mother", "5.00")["acct_mulaid_pay"] == 0
    assert city.refunds(paid)["infcode"] == 0
    assert look(city, made).used_in(city.now.date())[0] == 0
    assert city.pays("mother", "50.00")["acct_mulaid_pay"] == 50


def test_many_bills_at_once_at_a_cap_spend_exactly_the_cap(city: City) -> None:
    son, mother = city.enrols("son", "500.00"), city.enrols("mother")
    made = offers(city, son, mother, terms=Terms(month_cap=2500))
    assert all_at_once([lambda: city.pays("mother", "10.00") for _ in range(8)]) == ["made"] * 8
    assert look(city, made).month_used == 2500
    assert city.holds("son") == "475.00"
    city.books_balance()


def test_what_the_giver_keeps_and_holds_back_is_not_spent(city: City) -> None:
    son, mother = city.enrols("son", "100.00"), city.enrols("mother")
    made = offers(city, son, mother, terms=Terms(reserve=7000))
    assert city.pays("mother", "40.00")["acct_mulaid_pay"] == 30
    city.credits("son", "40.00")
    city.run(lambda tx: aid.pause(tx, made, son, 1))
    assert city.pays("mother", "40.00")["acct_mulaid_pay"] == 0
    city.run(lambda tx: aid.resume(tx, made, son, 2))
    assert city.pays("mother", "40.00")["acct_mulaid_pay"] == 40


def test_r8_who_is_suspended_spends_the_own_money_and_funds_nobody(city: City) -> None:
    son, mother = city.enrols("son", "100.00"), city.enrols("mother")
    offers(city, son, mother)
    enrols_on(city, son, city.now.date(), "420100", status="suspended")
    assert city.pays("mother", "40.00")["acct_mulaid_pay"] == 0
    assert city.pays("son", "40.00")["acct_pay"] == 40
    assert city.holds("son") == "60.00"


@pytest.mark.parametrize(
    ("number", "region", "on", "parameter", "value"),
    [
        ("X06", "350000", "2026-03-02", "max_authorisers_per_beneficiary", 1),
        ("X06", "510000", "2026-03-02", "max_authorisers_per_beneficiary", None),
        ("X06", "999900", "2026-03-02", "max_authorisers_per_beneficiary", None),
        ("X08", "140000", "2026-03-02", "authoriser_balance_floor", 100000),
        ("X08", "350000", "2026-03-02", "authoriser_balance_floor", 200000),
        ("X08", "999900", "2026-03-02", "authoriser_balance_floor", 0),
        ("X08", "999900", "2026-03-02", "authoriser_reserve_ratio", 0),
        ("X10", "350000", "2026-03-02", "mutual_aid_mode", "pool"),
        ("X10", "320100", "2026-03-02", "mutual_aid_mode", "pool"),
        ("X10", "999900", "2026-03-02", "mutual_aid_mode", "draw"),
        ("X10", "999900", "2025-10-01", "wallet_mode", "transfer"),
        ("X10", "999900", "2026-03-02", "wallet_mode", "quota"),
        ("X17", "440000", "2026-03-02", "mutual_aid_filing_mode", "review"),
        ("X17", "999900", "2026-03-02", "mutual_aid_filing_mode", "instant_promise"),
        ("X18", "370900", "2026-03-02", "mutual_aid_release_by", {"giver"}),
        ("X18", "320100", "2026-03-02", "mutual_aid_release_by", {"giver"}),
        ("X18", "420100", "2026-03-02", "min_months_before_release", 3),
        ("X18", "999900", "2026-03-02", "mutual_aid_release_by", {"giver", "receiver"}),
    ],
)
def test_the_seeds_contradictions_are_resolved_as_data(number: str, region: str, on: str, parameter: str, value: Any) -> None:
    assert library().in_force(region, date.fromisoformat(on))[parameter] == value, number


def test_x09_exactly_the_floor_gives_nothing(city: City) -> None:
    """Shanxi: only what is above 1,000.00 may be given."""
    son, mother = city.enrols("son", "1000.00", region="140100"), city.enrols("mother", region="140100")
    offers(city, son, mother, terms=Terms(valid_to=date(2027, 1, 1)))
    assert city.pays("mother", "5.00")["acct_mulaid_pay"] == 0
    city.credits("son", "0.01")
    assert str(city.pays("mother", "5.00")["acct_mulaid_pay"]) == "0.01"
