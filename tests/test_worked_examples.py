"""Every worked example and rule check of the facts (W01-W30, R1-R10) is exercised by name; here, what nothing else has."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from city import SHANGHAI, City
from mulaid import jobs
from mulaid.db import Tx
from mulaid.ledger import chart
from mulaid.people import family, household, standing, wallet
from mulaid.policy.casefile import read_cases
from mulaid.policy.pack import library

HERE = Path(__file__).parent
PACKS = HERE.parent / "src" / "mulaid" / "packs"
EVERY = [f"W{number:02d}" for number in range(1, 31)] + [f"R{number}" for number in range(1, 11)]


def test_every_example_has_a_case_that_runs_through_the_gateway_or_a_test_by_its_name() -> None:
    """Cases are run through the gateway, all of them, by test_cases_gateway."""
    cases = {case.id for file in PACKS.glob("*/cases.toml") for case in read_cases(file)}
    named = {match for name in cases for match in re.findall(r"^(W[0-9]{2})[a-z]?$", name, re.ASCII)}
    for file in HERE.glob("test_*.py"):
        for name in re.findall(r"^def (test_\w+)\(", file.read_text("utf-8"), re.MULTILINE):
            named |= {word.upper() for word in name.split("_") if re.fullmatch(r"w[0-9]{2}|r[0-9]{1,2}", word, re.ASCII)}
    assert [name for name in EVERY if name not in named] == []


def test_w07_a_month_of_credits_reaches_the_accounts(city: City) -> None:
    city.now = datetime(2026, 7, 1, 2, 0, tzinfo=SHANGHAI)
    old = {"base": "retired", "retired_on": date(2015, 6, 1)}
    city.enrols("Beijing active", region="110000", wage_base=10_000_00)
    city.enrols("Beijing 69", region="110000", born=date(1956, 7, 2), **old)
    city.enrols("Beijing 70", region="110000", born=date(1956, 7, 1), **old)
    city.enrols("Wuhan retired", region="420100", born=date(1950, 1, 1), **old)
    city.enrols("Wuhan flexible", region="420100", born=date(1950, 1, 1), flexible=True, **old)
    city.enrols("Shanghai 75", region="310000", born=date(1951, 1, 1), **old)

    def holds() -> dict[str, list[str]]:
        return {name: [city.holds(name, kind) for kind in (chart.OWN, chart.CURRENT_YEAR)] for name in city.people}

    for _ in range(2):
        jobs.credit_everybody(city.db, library(), date(2026, 7, 1), lambda text: None, clock=lambda: city.now)
        assert holds() == {
            "Beijing active": ["200.00", "0.00"],
            "Beijing 69": ["100.00", "0.00"],
            "Beijing 70": ["110.00", "0.00"],
            "Wuhan retired": ["83.00", "0.00"],
            "Wuhan flexible": ["66.00", "0.00"],
            "Shanghai 75": ["0.00", "1890.00"],
        }
    city.books_balance()


def test_w14_an_authorisation_that_a_suspension_ended_is_given_anew(city: City) -> None:
    """Through real commands and the gateway: suspended on 3 March, care on 4 March, a new authorisation after the return."""
    father = city.enrols("father", "60.00", base="retired", region="360000")
    son = city.enrols("son", "5000.00", region="360000")
    city.run(lambda tx: city.opens(tx, "J1", "医院", 1, "360000", "L3"))
    city.authorises("son", "father")
    city.now = datetime(2026, 3, 3, 9, 0, tzinfo=SHANGHAI)
    city.run(lambda tx: standing.suspend(tx, library(), son, date(2026, 3, 3)))
    city.now = datetime(2026, 3, 4, 9, 0, tzinfo=SHANGHAI)
    paid = city.pays("father", "260.00", "J1")
    assert (paid["acct_pay"], paid["acct_mulaid_pay"], paid["psn_cash_pay"]) == (60, 0, 200)
    city.now = datetime(2026, 3, 20, 9, 0, tzinfo=SHANGHAI)
    city.run(lambda tx: standing.resume(tx, library(), son, date(2026, 3, 20)))
    assert city.pays("father", "10.00", "J1")["acct_mulaid_pay"] == 0
    city.now += timedelta(days=400)
    city.authorises("son", "father")
    assert city.pays("father", "10.00", "J1")["acct_mulaid_pay"] == 10
    assert father != son
    city.books_balance()


def test_w22_what_a_pool_holds_after_care_through_the_gateway(city: City) -> None:
    head = city.enrols("head", "5200.00", region="350000")
    grown = city.enrols("grown", "60.00", region="350000")
    city.run(lambda tx: city.opens(tx, "J1", "医院", 1, "350000", "L3"))

    def work(tx: Tx) -> UUID:
        ref = household.open_household(tx, library(), head)
        household.add_member(tx, library(), ref, head, grown, "child")
        household.transfer(tx, library(), ref, head, 3000_00)
        return ref

    ref = city.run(work)
    paid = city.pays("grown", "260.00", "J1")
    assert (paid["acct_pay"], paid["acct_mulaid_pay"], paid["psn_cash_pay"]) == (260, 200, 0)
    assert city.run(lambda tx: household.find(tx, ref)).balance == 2800_00
    assert (city.holds("head"), city.holds("grown")) == ("2200.00", "0.00")
    city.refunds(paid, "J1")
    assert city.run(lambda tx: household.find(tx, ref)).balance == 3000_00
    city.books_balance()


def test_w23_a_quota_is_spent_through_the_gateway_and_cleared(city: City) -> None:
    son, mother = city.enrols("son", "6000.00", region="430100"), city.enrols("mother", base="retired")
    quota = city.run(lambda tx: wallet.freeze(tx, library(), son, mother, "parent", 1500_00))
    assert city.run(lambda tx: wallet.free(tx, son)) == 4500_00
    paid = city.pays("mother", "400.00")
    assert (paid["acct_mulaid_pay"], paid["psn_cash_pay"]) == (400, 0)
    assert city.run(lambda tx: wallet.find(tx, quota)).left == 1100_00
    city.run(lambda tx: wallet.stop(tx, quota, son))
    assert city.run(lambda tx: wallet.free(tx, son)) == 5600_00
    assert city.holds("son") == "5600.00"
    city.now = datetime(2026, 4, 2, 2, 0, tzinfo=SHANGHAI)
    assert jobs.clear_last_month(city.db, clock=lambda: city.now) == 1
    (cleared,) = city.run(lambda tx: wallet.report(tx, date(2026, 3, 1)))
    assert (cleared.giver_region, cleared.receiver_region, cleared.fen) == ("430100", "420100", 400_00)
    city.books_balance()


@pytest.mark.parametrize(("filed", "aided"), [(False, 0), (True, 30)], ids=["only a family account", "mutual aid also filed"])
def test_w29_a_daughter_shows_her_fathers_code(city: City, filed: bool, aided: int) -> None:
    city.enrols("father", "60.00", base="retired")
    city.enrols("daughter", "4000.00")
    city.binds("daughter", "father")
    if filed:
        city.authorises("daughter", "father")
    code = city.shows_code("father", presenter="daughter")
    read = city.send("1162", {"data": {"ecQrCode": code, "orgId": "H1", "operatorId": "001"}})
    token = read["output"]["data"]["ecToken"]
    paid = city.settles(city.uploads(city.visits("father", token=token), [("MINE", "90.00")]))["output"]["setlinfo"]
    assert (paid["acct_pay"], paid["acct_mulaid_pay"], paid["psn_cash_pay"]) == (60 + aided, aided, 30 - aided)
    assert (city.holds("father"), Decimal(city.holds("daughter"))) == ("0.00", Decimal(4000 - aided))
    (seen,) = city.run(lambda tx: family.uses(tx, city.people["father"]))
    assert (seen.act, seen.reader) == ("code", "H1")
    city.books_balance()


@pytest.mark.parametrize(("seconds", "infcode"), [(60, 0), (61, -1)])
def test_r4_a_code_older_than_a_minute_is_refused(city: City, seconds: int, infcode: int) -> None:
    city.enrols("father", "60.00", base="retired")
    code = city.shows_code("father")
    city.now += timedelta(seconds=seconds) - timedelta(milliseconds=1 if infcode == 0 else 0)
    read = city.send("1162", {"data": {"ecQrCode": code, "orgId": "H1", "operatorId": "001"}})
    assert read["infcode"] == infcode
    if infcode:
        assert "credential.bad_code" in read["err_msg"]
