"""People: enrolment over time, sealed data, family accounts, mutual aid, and the life of a code."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from city import BY, City
from mulaid import commands, refs
from mulaid.calendar import end_of_day
from mulaid.db import Tx
from mulaid.people import aid, credential, enrolment, family
from mulaid.people.aid import Terms
from mulaid.people.credential import Decoded
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.people.face import Assurance
from mulaid.people.identity import make_resident_id
from mulaid.policy.pack import library
from mulaid.refusal import Refusal

ACTIVE = Enrolment("310", "420100", "active")
SECOND = timedelta(seconds=1)
BLINK = timedelta(microseconds=1)


def refused(code: str, work: Callable[[], Any]) -> Refusal:
    """What came of something that must be refused."""
    with pytest.raises(Refusal) as caught:
        work()
    assert caught.value.code == code
    return caught.value


# Enrolment over time


def test_a_new_stretch_ends_the_one_before_and_every_past_day_can_be_asked_about(city: City) -> None:
    ref = city.enrols("father")
    for since, change in (
        (date(2024, 7, 1), {"status": "suspended"}),
        (date(2024, 9, 15), {}),
        (date(2025, 1, 1), {"base": "retired"}),
    ):
        city.run(lambda tx, since=since, change=change: enrolment.enrol(tx, ref, replace(ACTIVE, **change), since))

    def on(day: date) -> tuple[Any, ...]:
        found = city.run(lambda tx: enrolment.enrolled(tx, ref, day))
        return (found.base, found.status, found.valid_from, found.valid_to)

    assert on(date(2020, 1, 1)) == on(date(2024, 6, 30)) == ("active", "normal", date(2020, 1, 1), date(2024, 6, 30))
    assert on(date(2024, 7, 1)) == on(date(2024, 9, 14)) == ("active", "suspended", date(2024, 7, 1), date(2024, 9, 14))
    assert on(date(2024, 9, 15)) == on(date(2024, 12, 31)) == ("active", "normal", date(2024, 9, 15), date(2024, 12, 31))
    assert on(date(2025, 1, 1)) == on(date(2099, 1, 1)) == ("retired", "normal", date(2025, 1, 1), None)
    says = refused("people.not_enrolled", lambda: on(date(2019, 12, 31))).says
    assert "2019-12-31" in says


@pytest.mark.parametrize("since", [date(2024, 7, 1), date(2024, 6, 30), date(2020, 1, 1), date(2019, 1, 1)])
def test_the_past_is_not_enrolled_over(city: City, since: date) -> None:
    ref = city.enrols("father")
    city.run(lambda tx: enrolment.enrol(tx, ref, ACTIVE, date(2024, 7, 1)))
    refused("people.enrolment_order", lambda: city.run(lambda tx: enrolment.enrol(tx, ref, ACTIVE, since)))
    rows = city.run(lambda tx: tx.all("select valid_from, valid_to from enrolment order by 1"))
    assert [(row["valid_from"], row["valid_to"]) for row in rows] == [
        (date(2020, 1, 1), date(2024, 6, 30)),
        (date(2024, 7, 1), None),
    ]


def test_nobody_unknown_is_enrolled(city: City) -> None:
    nobody = PersonRef(1, refs.mint(1, city.now))
    refused("people.unknown", lambda: city.run(lambda tx: enrolment.enrol(tx, nobody, ACTIVE, date(2024, 7, 1))))
    refused("people.unknown", lambda: city.run(lambda tx: enrolment.person(tx, nobody)))


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.from_regex(r"[1-9][0-9]{5}", fullmatch=True), st.text(max_size=12))
def test_a_book_is_a_small_number_of_the_region(region: str, household: str) -> None:
    book = enrolment.book_for(region, household)
    assert book == enrolment.book_for(region[:4] + "99", household)
    assert 0 < book <= refs.LARGEST_BOOK
    assert book // enrolment.BUCKETS == int(region[:4])


# Registering and finding


def _register(city: City, number: str, *, kind: str = "01", name: str = "张三丰", **more: Any) -> PersonRef:
    return city.run(
        lambda tx: enrolment.register(
            tx, name=name, kind=kind, number=number, region="420100", household="h", allow_test_area=True, **more
        )
    )


def test_one_document_is_one_person_however_it_is_written(city: City) -> None:
    number = next(n for n in (make_resident_id("100000", date(1970, 5, 5), serial) for serial in range(999)) if n.endswith("X"))
    ref = _register(city, number)
    for kind, text in (("01", number), ("01", number.lower()), ("90", number)):
        refused("people.known_document", lambda kind=kind, text=text: _register(city, text, kind=kind, name="李四"))
        assert city.run(lambda tx, kind=kind, text=text: enrolment.find(tx, kind, text, True)) == ref
    assert city.run(lambda tx: tx.one("select count(*) as many from person"))["many"] == 1
    other = make_resident_id("100000", date(1970, 5, 5), 998)
    refused("people.unknown", lambda: city.run(lambda tx: enrolment.find(tx, "01", other, True)))


def test_one_document_registered_by_many_at_once_is_one_person(city: City) -> None:
    number = make_resident_id("100000", date(1970, 5, 5), 7)
    start = threading.Barrier(8)

    def work(_: int) -> str:
        start.wait()
        try:
            _register(city, number)
        except Refusal as refusal:
            return refusal.code
        return "made"

    with ThreadPoolExecutor(8) as threads:
        came = sorted(threads.map(work, range(8)))
    assert came == ["made"] + ["people.known_document"] * 7
    assert city.run(lambda tx: tx.one("select count(*) as many from person"))["many"] == 1


def test_a_paper_without_a_birth_date_needs_one(city: City) -> None:
    refused("people.birth_date_needed", lambda: _register(city, "E12345678", kind="08"))
    refused("people.birth_date_needed", lambda: _register(city, "E12345678", kind="08", born=date(2026, 3, 3)))
    ref = _register(city, "E12345678", kind="08", born=date(1990, 2, 28), gender="2", name="Anna Maria")
    person = city.run(lambda tx: enrolment.person(tx, ref))
    assert (person.born, person.gender, person.number, person.shown) == (date(1990, 2, 28), "2", "E12345678", "A**")


def test_a_form_cannot_change_the_birth_date_of_an_identity_number(city: City) -> None:
    ref = _register(city, make_resident_id("100000", date(2010, 5, 5), 3), born=date(1980, 1, 1), gender="2")
    person = city.run(lambda tx: enrolment.person(tx, ref))
    assert (person.born, person.gender) == (date(2010, 5, 5), "1")


def test_a_live_deployment_does_not_know_made_up_people(city: City) -> None:
    number = city.numbers[_named(city, "father")]
    refused("identity.test_area", lambda: city.run(lambda tx: enrolment.find(tx, "01", number, False)))


def _named(city: City, name: str) -> str:
    city.enrols(name)
    return name


@pytest.mark.parametrize(("name", "shown"), [("张三丰", "张**"), ("欧阳修", "欧阳*"), ("王五", "王*"), ("买买提·艾力", "买**")])
def test_a_name_is_shown_masked(city: City, name: str, shown: str) -> None:
    ref = _register(city, make_resident_id("100000", date(1970, 5, 5), 9), name=name)
    person = city.run(lambda tx: enrolment.person(tx, ref))
    assert (person.shown, person.name) == (shown, name)


def _everything_in(url: str) -> dict[str, bytes]:
    """The clear content of every table of a database, bytea columns as the bytes they are."""
    found = {}
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname in ('mulaid', 'public') order by 1, 2"
        ).fetchall()
        for schema, table in tables:
            rows = connection.execute(f'select * from "{schema}"."{table}"').fetchall()
            cells = [bytes(cell) if isinstance(cell, (bytes, memoryview)) else str(cell).encode() for row in rows for cell in row]
            found[f"{schema}.{table}"] = b"\x00".join(cells)
    return found


def _a_days_traces(city: City, url: str) -> tuple[dict[str, bytes], dict[str, str]]:
    """(what every table holds, what none may hold in the clear) after codes, a settlement and a refund."""
    name = "慕容雪峰"
    number = make_resident_id("100000", date(1950, 3, 3), 77)
    father = _register(city, number, name=name)
    city.run(lambda tx: enrolment.enrol(tx, father, replace(ACTIVE, base="retired"), date(2020, 1, 1)))
    city.people["father"], city.numbers["father"] = father, number
    city.enrols("daughter", "500.00")
    city.authorises("daughter", "father")
    city.binds("daughter", "father")
    city.run(lambda tx: credential.activate(tx, city.people["father"], city.people["father"], "counter", Assurance.SANDBOX))
    digits = city.shows_code("father", "daughter")
    query = {"ecQrCode": digits, "orgId": "H1", "businessType": "01101", "operatorId": "001"}
    token = city.send("1162", {"data": query})
    assert token["infcode"] == 0, token["err_msg"]
    paid = city.pays("father", [("A", "100.00"), ("OUT", "30.00")])
    assert paid["psn_name"] == name
    assert city.refunds(paid)["infcode"] == 0
    secrets = {"name": name, "number": number, "birthday and serial": number[6:], "code": digits}
    secrets["token"] = token["output"]["data"]["ecToken"]
    kept = _everything_in(url)
    assert len(kept) > 20
    assert "慕容**".encode() in kept["mulaid.person"], "the dump shows what is in the tables"
    return kept, secrets


def test_no_table_holds_a_name_or_a_number_in_the_clear(city: City, url: str) -> None:
    kept, secrets = _a_days_traces(city, url)
    del kept["mulaid.command"]
    found = {what: [table for table, text in kept.items() if secret.encode() in text] for what, secret in secrets.items()}
    assert found == {what: [] for what in secrets}


def test_a_stored_answer_does_not_hold_them_either(city: City, url: str) -> None:
    kept, secrets = _a_days_traces(city, url)
    assert [what for what, secret in secrets.items() if secret.encode() in kept["mulaid.command"]] == []


def test_sealed_columns_differ_for_equal_values(city: City) -> None:
    one = _register(city, make_resident_id("100000", date(1950, 3, 3), 11), name="李明")
    other = _register(city, make_resident_id("100000", date(1950, 3, 3), 13), name="李明")
    rows = city.run(lambda tx: tx.all("select id, name, document from person"))
    sealed = {row["id"]: bytes(row["name"]) for row in rows}
    assert sealed[one.id] != sealed[other.id]
    assert len(sealed[one.id]) == len(sealed[other.id])


# Mutual aid

EXCLUDED = next(
    (region, group)
    for region in sorted(library().sheets)
    for group in library().in_force(region, date(2026, 3, 2))["authoriser_excluded_groups"]
)


def test_who_may_authorise_whom(city: City) -> None:
    giver = city.enrols("giver", "100.00")
    receiver = city.enrols("receiver", base="resident")
    resident = city.enrols("resident", base="resident")
    stopped = city.enrols("stopped", "100.00", status="suspended")
    region, group = EXCLUDED
    excluded = city.enrols("excluded", "100.00", region=region, staff_group=group)
    nobody = PersonRef(1, refs.mint(1, city.now))

    def try_it(who: PersonRef, whom: PersonRef, relation: str = "parent") -> Callable[[], Any]:
        return lambda: city.run(lambda tx: aid.authorise(tx, library(), who, whom, relation, Terms()))

    refused("aid.oneself", try_it(giver, giver))
    refused("aid.giver_has_no_account", try_it(resident, receiver))
    refused("aid.giver_suspended", try_it(stopped, receiver))
    refused("aid.relation_not_eligible", try_it(excluded, receiver))
    refused("aid.relation_not_eligible", try_it(giver, receiver, "friend"))
    refused("aid.not_enrolled", try_it(nobody, receiver))
    refused("aid.not_enrolled", try_it(giver, nobody))
    made = try_it(giver, receiver)()
    refused("aid.authorised_already", try_it(giver, receiver))
    city.run(lambda tx: aid.end(tx, made))
    refused("aid.not_active", lambda: city.run(lambda tx: aid.end(tx, made)))
    assert try_it(giver, receiver)() != made
    rows = city.run(lambda tx: tx.all("select act, count(*) as many from audit where act like '%%aid' group by 1 order by 1"))
    assert [(row["act"], row["many"]) for row in rows] == [("authorise_aid", 2), ("end_aid", 1)]


def test_the_list_of_relations_is_that_of_the_day_of_binding(city: City) -> None:
    """Near relatives beyond spouse, parents and children came to the list later."""
    giver, receiver = city.enrols("giver", "100.00", region="650100"), city.enrols("receiver", region="650100")
    lists = {
        day: library().in_force("650100", day)["mutual_aid_relations"]
        for day in (date(2021, 6, 1), date(2023, 6, 1), date(2026, 3, 2))
    }
    early = next(day for day, allowed in lists.items() if "sibling" not in allowed)
    assert "sibling" in lists[date(2026, 3, 2)]
    bound = city.now.replace(year=early.year, month=early.month, day=early.day)

    def work(tx: Tx) -> Any:
        return aid.authorise(tx, library(), giver, receiver, "sibling", Terms(), bound_at=bound)

    assert early.isoformat() in refused("aid.relation_not_eligible", lambda: city.run(work)).says
    city.authorises("giver", "receiver", "sibling")


def test_a_pair_authorised_by_many_at_once_is_authorised_once(city: City) -> None:
    giver, receiver = city.enrols("giver", "100.00"), city.enrols("receiver")
    start = threading.Barrier(8)

    def work(_: int) -> str:
        start.wait()
        try:
            city.run(lambda tx: aid.authorise(tx, library(), giver, receiver, "parent", Terms()))
        except Refusal as refusal:
            return refusal.code
        return "made"

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(work, range(8))) == ["aid.authorised_already"] * 7 + ["made"]


# Family accounts


def test_a_bond_is_made_once_and_ends_once(city: City) -> None:
    father = city.enrols("father")
    city.enrols("daughter")
    refused("family.oneself", lambda: city.binds("father", "father"))
    bond = city.binds("daughter", "father")
    refused("family.bound_already", lambda: city.binds("daughter", "father"))
    elsewhere = PersonRef(father.book + 1, father.id)
    refused("family.not_bound", lambda: city.run(lambda tx: family.unbind(tx, elsewhere, bond)))
    city.run(lambda tx: family.unbind(tx, father, bond))
    refused("family.not_bound", lambda: city.run(lambda tx: family.unbind(tx, father, bond)))
    assert city.binds("daughter", "father") != bond


# Codes


def _decode(city: City, digits: str, at: str = "H1", operator: str = "001", *, pharmacy: bool = False) -> Decoded:
    return city.run(lambda tx: credential.decode(tx, digits, at, operator, pharmacy=pharmacy))


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.integers(0, 27), st.integers(1, 9))
def test_a_code_is_28_digits_and_every_wrong_digit_shows(place: int, step: int) -> None:
    digits = credential.new_digits(credential.LIVE)
    assert credential.well_formed(digits)
    wrong = digits[:place] + str((int(digits[place]) + step) % 10) + digits[place + 1 :]
    assert not credential.well_formed(wrong)
    if place and digits[place] != digits[place - 1]:
        swapped = digits[: place - 1] + digits[place] + digits[place - 1] + digits[place + 1 :]
        assert not credential.well_formed(swapped)


def test_codes_have_nothing_in_common_but_the_scheme() -> None:
    made = [credential.new_digits(credential.SANDBOX) for _ in range(3000)]
    assert len(set(made)) == len(made)
    assert {digits[:2] for digits in made} == {"99"}
    for place in range(2, 26):
        seen = [sum(digits[place] == str(figure) for digits in made) for figure in range(10)]
        assert min(seen) > 200, f"digit {place} is not by chance"


@pytest.mark.parametrize(
    "digits", ["", "9" * 28, "90" + "0" * 26, "９" * 28, "90" + "٠" * 26, "a" * 28, "9" * 27, "91" + "0" * 26]
)
def test_what_cannot_be_a_code_is_refused_like_any_bad_code(city: City, digits: str) -> None:
    assert refused("credential.bad_code", lambda: _decode(city, digits)).facts == {}


def test_a_code_is_read_up_to_its_last_moment_and_not_at_it(city: City) -> None:
    city.enrols("father")
    ttl = timedelta(seconds=60)
    digits = city.shows_code("father")
    city.now += ttl - BLINK
    assert _decode(city, digits).person.ref == city.people["father"]
    digits = city.shows_code("father")
    city.now += ttl
    refused("credential.bad_code", lambda: _decode(city, digits))


def test_the_same_reader_may_ask_again_for_a_minute_and_nobody_else_ever(city: City) -> None:
    city.enrols("father")
    digits = city.shows_code("father")
    first = _decode(city, digits)
    city.now += 60 * SECOND
    assert _decode(city, digits) == first
    for at, operator in (("H1", "002"), ("H2", "001"), ("P1", "001")):
        refused("credential.bad_code", lambda at=at, operator=operator: _decode(city, digits, at, operator))
    city.now += BLINK
    refused("credential.bad_code", lambda: _decode(city, digits))
    assert city.run(lambda tx: tx.one("select count(*) as many from visit_token"))["many"] == 1


def test_a_newer_code_ends_the_one_before_but_not_another_presenters(city: City) -> None:
    city.enrols("father")
    city.enrols("daughter")
    city.binds("daughter", "father")
    old, hers = city.shows_code("father"), city.shows_code("father", "daughter")
    new = city.shows_code("father")
    refused("credential.bad_code", lambda: _decode(city, old))
    assert _decode(city, hers).token != _decode(city, new).token


def test_every_bad_code_is_refused_in_the_same_words(city: City) -> None:
    city.enrols("father")
    revoked, used = city.shows_code("father"), ""
    used = city.shows_code("father")
    _decode(city, used)
    expired = city.shows_code("father")
    city.now += 61 * SECOND
    words = {
        refused("credential.bad_code", lambda digits=digits: _decode(city, digits, operator="009")).sentence
        for digits in (revoked, used, expired, credential.new_digits("99"), "nonsense")
    }
    assert len(words) == 1


def test_only_who_is_bound_shows_somebody_elses_code(city: City) -> None:
    father = city.enrols("father")
    city.enrols("daughter")
    refused("credential.not_bound", lambda: city.shows_code("father", "daughter"))
    bond = city.binds("daughter", "father")
    city.shows_code("father", "daughter")
    refused("credential.not_bound", lambda: city.shows_code("daughter", "father"))
    city.run(lambda tx: family.unbind(tx, father, bond))
    refused("credential.not_bound", lambda: city.shows_code("father", "daughter"))


def test_a_code_of_a_bond_that_has_ended_pays_nothing(city: City) -> None:
    """Unbound after the code was read: neither by the token, nor at another visit."""
    father = city.enrols("father", "100.00")
    city.enrols("daughter")
    bond = city.binds("daughter", "father")
    token = _decode(city, city.shows_code("father", "daughter")).token
    bill = city.uploads(city.visits("father", token=token), [("MINE", "30.00")])
    city.run(lambda tx: family.unbind(tx, father, bond))
    answer = city.settles(bill)
    assert answer["infcode"] == -1
    assert "credential.bond_ended" in answer["err_msg"]
    assert city.holds("father") == "100.00"
    again = city.binds("daughter", "father")
    assert again != bond
    assert "credential.bond_ended" in city.settles(bill)["err_msg"], "a new bond does not bring an old token back to life"
    city.books_balance()


def test_a_bond_that_ends_before_the_code_is_read_gives_nothing_to_read(city: City) -> None:
    father = city.enrols("father", "100.00")
    city.enrols("daughter")
    bond = city.binds("daughter", "father")
    digits = city.shows_code("father", "daughter")
    city.run(lambda tx: family.unbind(tx, father, bond))
    refused("credential.bond_ended", lambda: _decode(city, digits))


def test_a_token_lives_as_long_as_its_kind_of_place(city: City) -> None:
    city.enrols("father")
    at_pharmacy = _decode(city, city.shows_code("father"), "P1", pharmacy=True)
    at_hospital = _decode(city, city.shows_code("father"))
    assert at_pharmacy.expires_at == city.now + timedelta(minutes=30)
    assert at_hospital.expires_at == end_of_day(city.now)
    city.now = city.now.replace(hour=23, minute=50)
    late = _decode(city, city.shows_code("father"))
    assert late.expires_at == city.now + timedelta(minutes=30)
    token = late.token
    city.now = late.expires_at - BLINK
    assert city.run(lambda tx: credential.holder(tx, token, "H1")).ref == city.people["father"]
    refused("credential.bad_token", lambda: city.run(lambda tx: credential.holder(tx, token, "H2")))
    refused("credential.bad_token", lambda: city.run(lambda tx: credential.holder(tx, token[:-1] + "x", "H1")))
    city.now = late.expires_at
    refused("credential.token_expired", lambda: city.run(lambda tx: credential.holder(tx, token, "H1")))


def test_of_many_readers_one_gets_a_token(city: City) -> None:
    city.enrols("father")
    for _ in range(5):
        digits, start = city.shows_code("father"), threading.Barrier(20)

        def work(place: int, digits: str = digits, start: threading.Barrier = start) -> str:
            start.wait()
            try:
                return _decode(city, digits, operator=f"{place:03d}").token
            except Refusal as refusal:
                return refusal.code

        with ThreadPoolExecutor(20) as threads:
            came = list(threads.map(work, range(20)))
        assert came.count("credential.bad_code") == 19
    assert city.run(lambda tx: tx.one("select count(*) as many from visit_token"))["many"] == 5


def test_one_reader_asking_many_times_at_once_gets_one_token(city: City) -> None:
    city.enrols("father")
    digits, start = city.shows_code("father"), threading.Barrier(20)

    def work(_: int) -> str:
        start.wait()
        return _decode(city, digits).token

    with ThreadPoolExecutor(20) as threads:
        assert len(set(threads.map(work, range(20)))) == 1
    assert city.run(lambda tx: tx.one("select count(*) as many from visit_token"))["many"] == 1


def test_reading_needs_a_person_who_is_insured_and_spends_no_code_in_vain(city: City) -> None:
    ref = city.enrols("father")
    digits = city.shows_code("father")
    city.run(lambda tx: tx.run("update enrolment set valid_to = '2026-03-01' where person = %(id)s", id=ref.id))
    refused("people.not_enrolled", lambda: _decode(city, digits))
    row = commands.alone(city.db, lambda tx: tx.one("select used_at from code"), at=city.now, by=BY)
    assert row["used_at"] is None
