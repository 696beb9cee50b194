"""Family accounts: every route, every limit, consent over time, and what the two sides may see and end."""

from __future__ import annotations

import pytest

from city import City
from mulaid.people import family
from relatives import Relatives


@pytest.fixture
def home(city: City) -> Relatives:
    city.enrols("daughter")
    city.enrols("father", base="retired")
    return Relatives(city)


def test_a_daughter_adds_her_father_step_by_step(home: Relatives) -> None:
    city = home.city
    request = home.asks("daughter", "father")
    assert home.sees(request, "daughter").state == "asked"
    assert home.registers(request, "daughter") == "papers"
    assert home.sees(request, "daughter").needs == {"household_register": 2, "promise_letter": 1}
    assert home.submits(request, "daughter") == "face"
    assert home.shows_face(request, "daughter") == "bound"
    bond = home.sees(request, "daughter").bond
    assert bond is not None
    (member,) = city.run(lambda tx: family.members(tx, home["daughter"]))
    assert (member.id, member.relation, member.number, member.bound_at) == (
        bond,
        "parent",
        city.numbers["father"][:6] + "*" * 8 + city.numbers["father"][-4:],
        city.now,
    )
    city.shows_code("father", "daughter")
