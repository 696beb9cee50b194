"""The serious-illness deduction: W27 by the law, and through real bills for a family whose members let one read."""

from __future__ import annotations

from datetime import date

import pytest

from city import City
from mulaid.money import parse_yuan, yuan
from mulaid.people import family
from mulaid.policy.pack import library
from mulaid.policy.tax import CHILD, SELF, SPOUSE, Deduction, claim_span, claimable, deduction
from mulaid.settlement import costs
from mulaid.settlement.costs import TaxLine

ADULT, MINOR = date(1985, 1, 1), date(2015, 5, 5)


def deducts(self_paid: str, born: date = ADULT, year: int = 2026) -> Deduction:
    return deduction(library().in_force("420100", date(year, 12, 31)), parse_yuan(self_paid), born, year)


def test_w27_each_person_has_a_threshold_and_a_cap() -> None:
    husband, wife, child = deducts("40000"), deducts("12000"), deducts("18000", MINOR)
    assert [yuan(one.fen) for one in (husband, wife, child)] == ["25000.00", "0.00", "3000.00"]
    mine = [(SELF, husband), (SPOUSE, wife), (CHILD, child)]
    assert yuan(sum(found.fen for relation, found in mine if claimable(relation, found))) == "28000.00"
    assert yuan(deducts("120000", year=2027).fen) == "80000.00", "min(105,000, 80,000)"


@pytest.mark.parametrize(
    ("self_paid", "fen"),
    [("0", "0.00"), ("15000", "0.00"), ("15000.01", "0.01"), ("95000", "80000.00"), ("95000.01", "80000.00")],
)
def test_the_edges_of_threshold_and_cap(self_paid: str, fen: str) -> None:
    assert yuan(deducts(self_paid).fen) == fen


def test_a_child_is_a_minor_until_the_year_of_the_eighteenth_birthday() -> None:
    assert deducts("20000", date(2009, 1, 1), 2026).claimed_by == "minor"
    assert deducts("20000", date(2008, 12, 31), 2026).claimed_by == "adult"
    grown = deducts("20000", date(2008, 12, 31), 2026)
    assert not claimable(CHILD, grown)
    assert claimable(SELF, grown)
    assert not claimable("parent", deducts("20000"))


def test_it_is_claimed_in_the_annual_settlement_of_the_next_year() -> None:
    assert claim_span(2026) == (date(2027, 3, 1), date(2027, 6, 30))


def test_a_family_through_real_bills(city: City) -> None:
    """Account money, own or a relative's, was borne by the person; what is outside the catalogue is not."""
    city.enrols("husband", "1000", base="active")
    city.enrols("wife", "30000")
    city.enrols("child", base="resident", born=MINOR)
    city.enrols("grown", base="resident", born=date(2000, 1, 1))
    city.authorises("wife", "husband", "spouse")
    city.pays("husband", [("A", "50000.00"), ("OUT", "9000.00")])
    city.pays("child", [("A", "18000.00")])
    city.pays("grown", [("A", "18000.00")])
    city.binds("husband", "wife", "spouse")
    for name in ("child", "grown"):
        city.binds("husband", name, "child")
    city.enrols("mother", "0")
    city.binds("husband", "mother", "parent")

    def told() -> list[TaxLine]:
        return city.run(lambda tx: costs.tax(tx, library(), city.people["husband"], 2026))

    lines = told()
    whole = city.run(lambda tx: costs.year(tx, library(), city.people["husband"], city.people["husband"], 2026)).whole
    assert lines[0].deduction.self_paid == whole.borne == 5_000_000 - whole.pool - whole.supplement - whole.serious
    assert lines[0].deduction.fen == min(8_000_000, whole.borne - 1_500_000)
    assert sorted((line.relation, line.claimable) for line in lines) == [
        ("child", False),
        ("child", True),
        ("self", True),
        ("spouse", True),
    ], "a parent is not among them"
    closed = next(bond for bond in city.run(lambda tx: family.members(tx, city.people["husband"])) if bond.relation == "spouse")
    city.run(lambda tx: family.allow_reading(tx, closed.id, city.people["wife"], False))
    assert [line.relation for line in told()] == ["self", "child", "child"], "who does not let one read is left out"
