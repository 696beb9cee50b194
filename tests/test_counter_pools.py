"""Household accounts and quotas at the counter, for who has no phone: one's own word on a letter, and two people for money."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from city import City
from desk import Desk
from mulaid import jobs
from mulaid.agency import counter
from mulaid.agency.counter import Wish
from mulaid.db import Database
from mulaid.people import household, standing, wallet
from mulaid.people.household import Household
from mulaid.policy.pack import library
from relatives import packs_with
from test_counter import desk, last_words, news_of, opens, refused_whole, worker  # noqa: F401

NANJING, CHANGSHA = "320100", "430100"


@pytest.fixture
def nanjing(desk: Desk) -> Desk:  # noqa: F811
    """A family in Nanjing, where money is put together first, and its two clerks."""
    city = desk.city
    city.enrols("Head", "300.50", region=NANJING, household="n")
    city.enrols("Wife", "20.00", region=NANJING, household="n")
    city.enrols("Girl", base="resident", region=NANJING, household="n", born=date(2018, 5, 1))
    desk.hire("lulu", NANJING, "handler")
    desk.hire("mama", "320000", "checker")
    return desk


def wishes(desk: Desk, what: str, person: str, other: str = "", who: str = "lulu", agreed: str = "", **more: Any) -> UUID:  # noqa: F811
    """Somebody reads the letter and agrees."""
    people = desk.city.people
    wish = Wish(what, people[person], people[other] if other else None, **more)
    shown = agreed or desk.as_(who, lambda tx: counter.letter_for(tx, wish)).hash
    return desk.as_(who, lambda tx: counter.grant(tx, wish, shown))


def decided(desk: Desk, case: UUID, maker: str = "lulu", checker: str = "mama") -> None:  # noqa: F811
    desk.takes(maker, case)
    desk.decides(maker, case)
    desk.checks(checker, case)


def house_of(city: City, name: str) -> Household | None:
    return city.run(lambda tx: household.of(tx, city.people[name]))


def test_a_household_begins_is_funded_left_and_ends_at_the_counter(nanjing: Desk, worker: Database) -> None:  # noqa: F811
    city = nanjing.city
    house = wishes(nanjing, "household_open", "Head")
    wishes(nanjing, "household_add", "Head", "Wife", relation="spouse")
    wishes(nanjing, "household_add", "Head", "Girl", relation="child")
    found = house_of(city, "Girl")
    assert found
    assert [one.relation for one in found.members] == ["self", "spouse", "child"]
    assert any("您在窗口办理了《开通家庭账户申请书》" in text for text in news_of(city))
    told = city.run(
        lambda tx: tx.all("select actor, place, behalf_of, detail from audit where act = 'agree_at_counter' order by id")
    )
    assert [(row["actor"], row["place"], row["behalf_of"]) for row in told] == [
        ("desk:lulu", "420100 大厅", city.people["Head"].id)
    ] * 3
    assert all(len(row["detail"]["hash"]) == 64 for row in told)
    # Money moves when two people have agreed, and not before.
    case = opens(nanjing, "household_fund", "Head", who="lulu", about=house, detail={"fen": 12025})
    decided(nanjing, case)
    assert city.holds("Head") == "300.50"
    assert jobs.carry_out(worker) == 1
    assert city.holds("Head") == "180.25"
    paid = city.pays("Girl", "20.25")
    assert (paid["psn_cash_pay"], paid["acct_mulaid_pay"]) == (0, paid["medfee_sumamt"])
    # In Nanjing only the head takes members out; what is left goes back where it came from.
    case = opens(nanjing, "household_leave", "Head", who="lulu", about=house, detail={"member": str(city.people["Girl"].id)})
    decided(nanjing, case)
    assert jobs.carry_out(worker) == 1
    assert house_of(city, "Girl") is None
    refused_whole(
        nanjing, "household.release_not_yours", lambda: opens(nanjing, "household_leave", "Wife", who="lulu", about=house)
    )
    case = opens(nanjing, "household_close", "Head", who="lulu", about=house)
    decided(nanjing, case)
    assert jobs.carry_out(worker) == 1
    assert (city.holds("Head"), city.holds("Wife")) == ("280.25", "20.00")
    city.books_balance()


def test_what_an_account_cannot_give_comes_back_to_the_clerk(nanjing: Desk, worker: Database) -> None:  # noqa: F811
    house = nanjing.city.opens_household("Head")
    case = opens(nanjing, "household_fund", "Head", who="lulu", about=house, detail={"fen": 30051})
    decided(nanjing, case)
    assert jobs.carry_out(worker) == 0
    assert "household.below_floor" in last_words(nanjing, case)
    assert nanjing.city.holds("Head") == "300.50"
    nanjing.city.books_balance()


def test_where_a_relative_has_to_say_yes_the_counter_asks_too(
    nanjing: Desk,
    worker: Database,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    city = nanjing.city
    packs = packs_with(tmp_path, mutual_aid_acceptance="true", mutual_aid_mode='"pool"')
    monkeypatch.setattr(counter, "library", lambda: packs)
    for name in ("Li", "Mei"):
        city.enrols(name, "5.00", household="l")
    wishes(nanjing, "household_open", "Li", who="zhao")
    wishes(nanjing, "household_add", "Li", "Mei", who="zhao", relation="spouse")
    assert house_of(city, "Mei") is None, "nobody is taken in unasked, whoever stands at the counter"
    seen = nanjing.as_("zhao", lambda tx: counter.look(tx, city.people["Mei"], "counter"))
    (asked,) = seen.invitations
    mine = {"who": "zhao", "invitation": asked.id}
    refused_whole(nanjing, "household.not_invited", lambda: wishes(nanjing, "household_join", "Li", **mine))
    refused_whole(nanjing, "consent.text_changed", lambda: wishes(nanjing, "household_join", "Mei", agreed="0" * 64, **mine))
    wishes(nanjing, "household_join", "Mei", **mine)
    found = house_of(city, "Mei")
    assert found
    refused_whole(nanjing, "household.not_invited", lambda: wishes(nanjing, "household_join", "Mei", **mine))
    nanjing.settles(opens(nanjing, "household_leave", "Mei", about=found.ref))
    assert jobs.carry_out(worker) == 1
    assert house_of(city, "Mei") is None


def test_a_quota_is_frozen_and_released_at_the_counter(desk: Desk, worker: Database) -> None:  # noqa: F811
    city = desk.city
    city.enrols("Mother", base="resident", region=CHANGSHA)
    made = wishes(desk, "wallet_quota", "Wang", "Mother", "zhao", relation="parent", fen=6000)
    wang = city.people["Wang"]
    assert city.run(lambda tx: wallet.free(tx, wang)) == 4000
    again = lambda **more: wishes(desk, "wallet_quota", "Wang", "Mother", "zhao", **{"relation": "parent", "fen": 1, **more})  # noqa: E731
    refused_whole(desk, "wallet.granted_already", again)
    refused_whole(desk, "money.bad_amount", lambda: again(fen=0))
    refused_whole(desk, "money.bad_amount", lambda: again(fen=10**18))
    refused_whole(desk, "aid.bad_dates", lambda: again(valid_to=date(2020, 1, 1)))
    refused_whole(desk, "desk.bad_detail", lambda: again(relation="cousin"))
    refused_whole(desk, "desk.not_theirs", lambda: opens(desk, "quota_release", "Child", about=made))
    case = opens(desk, "quota_release", "Wang", about=made)
    desk.settles(case)
    assert jobs.carry_out(worker) == 1
    assert city.run(lambda tx: wallet.free(tx, wang)) == 10000
    refused_whole(desk, "desk.not_theirs", lambda: opens(desk, "quota_release", "Wang", about=made))
    refused_whole(desk, "wallet.below_floor", lambda: again(fen=10001))
    city.books_balance()


def test_who_may_not_have_it_changes_nothing(nanjing: Desk) -> None:
    city = nanjing.city
    opening = lambda who="lulu", person="Head", **more: lambda: wishes(nanjing, "household_open", person, who=who, **more)  # noqa: E731
    for who, code in (("zhao", "staff.other_region"), ("mama", "staff.not_allowed"), ("nosy", "staff.not_allowed")):
        refused_whole(nanjing, code, opening(who))
    nanjing.hire("headclerk", NANJING, "handler", number=city.numbers["Head"])
    refused_whole(nanjing, "staff.own_file", opening("headclerk"))
    refused_whole(nanjing, "consent.text_changed", opening(agreed="0" * 64))
    refused_whole(nanjing, "consent.text_changed", opening(agreed="真"))
    refused_whole(nanjing, "aid.giver_has_no_account", opening(person="Girl"))
    refused_whole(nanjing, "household.not_here", opening(who="zhao", person="Wang"))
    refused_whole(nanjing, "desk.not_opened_here", lambda: wishes(nanjing, "household_take", "Head"))

    def adds(other: str = "Wife", relation: str = "spouse") -> Callable[[], Any]:
        return lambda: wishes(nanjing, "household_add", "Head", other, relation=relation)

    refused_whole(nanjing, "household.unknown", adds())
    house = wishes(nanjing, "household_open", "Head")
    refused_whole(nanjing, "household.in_another", opening())
    refused_whole(nanjing, "desk.bad_detail", adds(relation="friend"))
    refused_whole(nanjing, "desk.bad_detail", adds(other=""))
    refused_whole(nanjing, "aid.oneself", adds(other="Head"))
    refused_whole(nanjing, "aid.area_not_open", adds(other="Wang"))
    adds()()
    refused_whole(nanjing, "household.in_another", adds())
    city.run(lambda tx: standing.died(tx, library(), city.people["Girl"], date(2026, 3, 1)))
    refused_whole(nanjing, "desk.not_alive", adds(other="Girl", relation="child"))
    # Matters about the household: of its people only, and with details that fit.
    girl, wife = str(city.people["Girl"].id), str(city.people["Wife"].id)

    def matter(name: str, person: str, **detail: Any) -> Callable[[], Any]:
        return lambda: opens(nanjing, name, person, who="lulu", about=house, detail=detail)

    refused_whole(
        nanjing,
        "desk.not_theirs",
        lambda: opens(nanjing, "household_fund", "Girl", applicant="Head", who="lulu", about=house, detail={"fen": 100}),
    )
    refused_whole(nanjing, "desk.not_theirs", matter("household_leave", "Wife", member=girl))
    refused_whole(nanjing, "household.head_stays", matter("household_leave", "Head"))
    refused_whole(nanjing, "household.not_a_member", matter("household_leave", "Head", member=girl))
    for bad in ("x", "", "0" * 32):
        code = "household.head_stays" if not bad else "household.not_a_member" if len(bad) > 1 else "desk.bad_detail"
        refused_whole(nanjing, code, matter("household_leave", "Head", member=bad))
    refused_whole(nanjing, "desk.bad_detail", matter("household_leave", "Head", member=["x"]))
    for fen in (0, -1, 1.5, "100", True, None, 10**15):
        refused_whole(nanjing, "desk.bad_detail", matter("household_fund", "Head", fen=fen))
    refused_whole(nanjing, "desk.bad_detail", matter("household_fund", "Head", fen=1, more=1))
    # Whoever is taken out is a party: a clerk of that family neither opens nor decides it.
    nanjing.hire("wifeclerk", NANJING, "handler", number=city.numbers["Wife"])
    refused_whole(
        nanjing,
        "staff.own_file",
        lambda: opens(nanjing, "household_leave", "Head", who="wifeclerk", about=house, detail={"member": wife}),
    )
    case = matter("household_leave", "Head", member=wife)()
    refused_whole(nanjing, "staff.own_file", lambda: nanjing.takes("wifeclerk", case))
    refused_whole(nanjing, "desk.open_already", matter("household_leave", "Head", member=wife))
