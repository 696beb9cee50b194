"""A year's costs and where each fen came from, who may read them, and what an account gave to whom."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from city import BY, SHANGHAI, City
from mulaid.ledger import chart
from mulaid.money import yuan
from mulaid.people import family
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.settlement import costs
from mulaid.settlement.costs import Costs, Given, Sums


def read(city: City, name: str, reader: str = "", number: int = 2026, **more: bool) -> Costs:
    who, by = city.people[name], city.people[reader or name]
    return city.run(lambda tx: costs.year(tx, library(), who, by, number, **more))


def given(city: City, name: str, number: int = 2026) -> list[Given]:
    return city.run(lambda tx: costs.given(tx, city.people[name], number))


def told(sums: Sums) -> dict[str, str]:
    """Everything of the sums that is not zero."""
    values = {name: getattr(sums, name) for name in Sums.__slots__}
    return {name: value if name == "visits" else yuan(value) for name, value in values.items() if value}


def a_year(city: City) -> None:
    """A father with two children who give, one in another book; bills in March and April, one of them refunded."""
    city.enrols("father", "20", base="retired", household="wang")
    city.enrols("son", "1000", household="wang")
    city.enrols("daughter", "1000", household="li")
    city.authorises("daughter", "father", settlement_cap="50")
    city.authorises("son", "father")
    city.pays("father", [("A", "100.00"), ("OUT", "30.00")])  # fund 65, personal 65: own 20, aid 45
    city.now = datetime(2026, 4, 9, 10, 0, tzinfo=SHANGHAI)
    city.pays("father", "80.00")
    back = city.pays("father", "40.00")
    assert city.refunds(back)["infcode"] == 0


def test_a_year_tells_every_source_by_month_and_relative(city: City) -> None:
    a_year(city)
    found = read(city, "father")
    assert (found.first, found.last) == (date(2026, 1, 1), date(2026, 12, 31))
    whole = found.whole
    assert whole.visits == 2, "a bill that was given back is no visit"
    assert (yuan(whole.total), yuan(whole.pool), yuan(whole.account), yuan(whole.cash)) == ("210.00", "65.00", "20.00", "0.00")
    assert yuan(whole.aid) == "125.00"
    parts = (whole.pool, whole.supplement, whole.serious, whole.current_year, whole.account, whole.household, whole.aid)
    assert sum(parts) + whole.wallet + whole.cash == whole.total
    assert [(month, told(sums)["total"], sums.visits) for month, sums in found.months] == [
        (date(2026, 3, 1), "130.00", 1),
        (date(2026, 4, 1), "80.00", 1),
    ]
    by_month = {(one.month.month, one.relation): yuan(one.fen) for one in found.relatives}
    assert sum(one.fen for one in found.relatives) == whole.aid
    assert {month for month, _ in by_month} == {3, 4}
    assert all(one.source == "aid" and one.shown.startswith("王") for one in found.relatives)


def test_refunds_are_lines_of_their_own(city: City) -> None:
    a_year(city)
    found = read(city, "father")
    april = [line for line in found.lines if line.service_date.month == 4]
    assert sorted(yuan(line.sums.total) for line in april) == ["-40.00", "40.00", "80.00"]
    refund = next(line for line in april if line.refunds is not None)
    returned = next(line for line in april if line.settlement == refund.refunds)
    assert {name: -value for name, value in told_fen(refund.sums).items()} == told_fen(returned.sums)
    assert (refund.name, refund.use) == ("一院", "outpatient")


def told_fen(sums: Sums) -> dict[str, int]:
    return {name: getattr(sums, name) for name in Sums.__slots__ if name != "visits"}


def test_the_in_catalogue_burden_leaves_out_what_is_outside(city: City) -> None:
    city.enrols("father", "0", base="retired")
    city.pays("father", [("A", "100.00"), ("B10", "100.00"), ("OUT", "30.00"), ("LIMITED", "25.00")])
    whole = read(city, "father").whole
    assert yuan(whole.in_policy) == "200.00", "100, 90 of class B, 10 within the limit"
    assert whole.borne == whole.self_paid == whole.total - whole.pool - 3_000 - 1_500


def test_an_empty_year_is_all_zeros(city: City) -> None:
    city.enrols("father")
    found = read(city, "father", number=2025)
    assert told(found.whole) == {}
    assert (found.months, found.lines, found.relatives) == ((), (), ())


def test_the_medical_year_is_the_areas(city: City) -> None:
    city.enrols("father", "100", region="310100")
    city.now = datetime(2026, 6, 30, 10, 0, tzinfo=SHANGHAI)
    city.pays("father", "10.00")
    city.now = datetime(2026, 7, 1, 10, 0, tzinfo=SHANGHAI)
    city.pays("father", "7.00")
    found = read(city, "father", medical=True)
    assert (found.first, found.last) == (date(2026, 7, 1), date(2027, 6, 30))
    assert yuan(found.whole.total) == "7.00"
    assert yuan(read(city, "father", number=2025, medical=True).whole.total) == "10.00"
    assert yuan(read(city, "father").whole.total) == "17.00"


def test_a_binder_reads_what_the_member_allows_and_leaves_a_trace(city: City) -> None:
    a_year(city)
    with pytest.raises(Refusal) as caught:
        read(city, "father", "daughter")
    assert caught.value.code == "credential.not_bound"
    bond = city.binds("daughter", "father")
    assert read(city, "father", "daughter").whole == read(city, "father").whole
    father = city.people["father"]
    assert [use.act for use in city.run(lambda tx: family.uses(tx, father))] == ["costs"]
    city.run(lambda tx: family.allow_reading(tx, bond, father, False))
    with pytest.raises(Refusal) as caught:
        read(city, "father", "daughter")
    assert caught.value.code == "family.reading_closed"
    assert city.run(lambda tx: family.members(tx, city.people["daughter"]))[0].may_read is False


def test_reading_needs_no_transaction_and_takes_one_look(city: City) -> None:
    a_year(city)
    father = city.people["father"]
    with city.db.reading(city.now, BY) as tx:
        assert costs.year(tx, library(), father, father, 2026) == read(city, "father")


@pytest.mark.parametrize("number", [1999, 2201, 0, -5, 10**9])
def test_years_that_cannot_be(city: City, number: int) -> None:
    city.enrols("father")
    for work in (lambda: read(city, "father", number=number), lambda: given(city, "father", number)):
        with pytest.raises(Refusal) as caught:
            work()
        assert caught.value.code == "costs.bad_year"


def test_what_an_account_gave_to_whom(city: City) -> None:
    a_year(city)
    son, daughter = given(city, "son"), given(city, "daughter")
    assert sum(one.fen for one in [*son, *daughter]) == -12_500
    assert 100_000 + sum(one.fen for one in son) == int(city.holds("son").replace(".", ""))
    assert 100_000 + sum(one.fen for one in daughter) == int(city.holds("daughter").replace(".", ""))
    assert all((one.relation, one.place, one.use) == ("parent", "一院", "care") for one in [*son, *daughter])
    assert any(one.fen > 0 for one in [*son, *daughter]), "what came back is a line of its own"
    assert given(city, "father") == []
    city.pays("son", "10.00")
    assert given(city, "son") == son, "one's own bills are no gift"


def test_premiums_are_among_what_was_given(city: City) -> None:
    from test_premium import family as premium_family
    from test_premium import gives_back, pays

    premium_family(city, "1000", "mother", relation="parent")
    paid = pays(city, "payer", "mother")
    expected = Given(date(2026, 10, 8), -40_000, "resident", "王*", "parent", "")
    assert given(city, "payer") == [expected]
    gives_back(city, paid.id, city.people["payer"])
    assert [one.fen for one in given(city, "payer")] == [-40_000, 40_000]


def test_current_year_money_is_a_source_of_its_own(city: City) -> None:
    city.enrols("father", "50", region="310100")
    city.credits("father", "30", chart.CURRENT_YEAR)
    city.run(lambda tx: city.opens(tx, "S1", "沪一院", 1, "310100", "L3"))
    city.pays("father", [("A", "100.00")], at="S1")
    whole = read(city, "father").whole
    assert (yuan(whole.current_year), yuan(whole.account)) == ("30.00", "50.00")
