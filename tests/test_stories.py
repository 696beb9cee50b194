"""Stories over the gateway: what families and institutions live through, and the books afterwards."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from city import City
from mulaid.calendar import SHANGHAI
from mulaid.people import enrolment
from mulaid.people.enrolment import Enrolment


def test_a_daughter_pays_after_her_fathers_own_account(city: City) -> None:
    city.enrols("father", "60.00", base="retired")
    city.enrols("daughter", "4000.00")
    city.authorises("daughter", "father")
    paid = city.pays("father", "90.00")
    assert (paid["acct_pay"], paid["acct_mulaid_pay"], paid["psn_cash_pay"]) == (
        Decimal("90.00"),
        Decimal("30.00"),
        Decimal("0.00"),
    )
    assert paid["balc"] == Decimal("0.00")
    assert city.holds("daughter") == "3970.00"
    city.books_balance()


def test_the_family_account_alone_moves_no_money_of_the_binder(city: City) -> None:
    city.enrols("father", "60.00", base="retired")
    city.enrols("daughter", "4000.00")
    city.binds("daughter", "father")
    paid = city.pays("father", "90.00")
    assert paid["psn_cash_pay"] == Decimal("30.00")
    assert city.holds("daughter") == "4000.00"


def test_a_refund_returns_to_where_the_money_came_from_even_after_the_authorisation_ended(city: City) -> None:
    from mulaid.people import aid

    city.enrols("father", "60.00", base="retired", household="wang")
    city.enrols("daughter", "4000.00", household="li")
    given = city.authorises("daughter", "father")
    paid = city.pays("father", [("A", "200.00"), ("B10", "100.00"), ("OUT", "50.00")])
    city.run(lambda tx: aid.end(tx, given))
    answer = city.refunds(paid)
    assert answer["infcode"] == 0, answer["err_msg"]
    assert (city.holds("father"), city.holds("daughter")) == ("60.00", "4000.00")
    assert answer["output"]["setlinfo"]["psn_cash_pay"] == -paid["psn_cash_pay"]
    assert answer["output"]["setlinfo"]["acct_mulaid_pay"] == -paid["acct_mulaid_pay"]
    city.books_balance()


def test_a_repeated_message_gets_the_stored_answer_and_another_body_is_refused(city: City) -> None:
    city.enrols("father", "60.00", base="retired")
    bill = city.uploads(city.visits("father"), [("A", "100.00")])
    first = city.settles(bill, msgid="M1")
    city.now += timedelta(minutes=5)
    assert city.settles(bill, msgid="M1") == first
    other = city.settles(bill, msgid="M1", acct_used_flag="0")
    assert "command.key_reused" in other["err_msg"]
    city.books_balance()


def test_a_refused_message_stays_refused(city: City) -> None:
    city.enrols("father", "60.00", base="retired")
    visit = city.visits("father")
    empty = {**visit, "medfee_sumamt": "100.00", "chrg_bchno": "B1"}
    refused = city.settles(empty, msgid="M1")
    assert "settlement.no_lines" in refused["err_msg"]
    city.uploads(visit, [("A", "100.00")])
    assert city.settles(empty, msgid="M1") == refused
    assert city.settles(empty, msgid="M2")["infcode"] == 0


def test_a_pharmacy_sells_with_2102_and_takes_back_with_2103(city: City) -> None:
    city.enrols("father", "10.00", base="retired")
    city.enrols("daughter", "500.00")
    city.authorises("daughter", "father")
    preview = city.buys("father", [("A", "40.00"), ("BEAUTY", "30.00")], infno="2101")
    paid = city.buys("father", [("A", "40.00"), ("BEAUTY", "30.00")])
    amounts = ("fund_pay_sumamt", "acct_pay", "acct_mulaid_pay", "psn_cash_pay", "medfee_sumamt")
    assert [preview[name] for name in amounts] == [paid[name] for name in amounts]
    assert paid["psn_cash_pay"] == Decimal("30.00")
    assert city.refunds(paid, at="P1", infno="2103")["infcode"] == 0
    assert (city.holds("father"), city.holds("daughter")) == ("10.00", "500.00")
    city.books_balance()


def test_taking_back_by_msgid_twice_is_the_same_as_once(city: City) -> None:
    city.enrols("father", "60.00", base="retired")
    bill = city.uploads(city.visits("father"), [("MINE", "50.00")])
    city.settles(bill, msgid="LOST")
    for _ in range(2):
        answer = city.send("2601", {"data": {"psn_no": bill["psn_no"], "omsgid": "LOST", "oinfno": "2207"}})
        assert answer["infcode"] == 0, answer["err_msg"]
    assert city.holds("father") == "60.00"
    city.books_balance()


def test_a_settlement_that_arrives_after_it_was_taken_back_does_not_pay(city: City) -> None:
    city.enrols("father", "60.00", base="retired")
    bill = city.uploads(city.visits("father"), [("MINE", "50.00")])
    answer = city.send("2601", {"data": {"psn_no": bill["psn_no"], "omsgid": "LATE", "oinfno": "2207"}})
    assert "settlement.nothing_to_reverse" in answer["err_msg"]
    assert "command.barred" in city.settles(bill, msgid="LATE")["err_msg"]
    assert city.holds("father") == "60.00"
    assert city.settles(bill, msgid="NEW")["infcode"] == 0
    city.books_balance()


def test_a_repeated_take_back_answers_the_same(city: City) -> None:
    city.enrols("father", "60.00", base="retired")
    bill = city.uploads(city.visits("father"), [("MINE", "50.00")])
    city.settles(bill, msgid="LOST")
    data = {"data": {"psn_no": bill["psn_no"], "omsgid": "LOST", "oinfno": "2207"}}
    assert city.send("2601", data, msgid="BACK") == city.send("2601", data, msgid="BACK")
    assert city.holds("father") == "60.00"
    city.books_balance()


@pytest.mark.parametrize("moved", [False, True], ids=["always there", "moved there"])
def test_in_shanghai_the_years_sums_begin_anew_in_july(city: City, moved: bool) -> None:
    """500 a year come before the fund, once from July to June, also for somebody whose book is of another area."""
    city.run(lambda tx: city.opens(tx, "S1", "上海二院", 1, "310000", "L2"))
    father = city.enrols("father", region="420100" if moved else "310000")
    if moved:
        city.run(lambda tx: enrolment.enrol(tx, father, Enrolment("310", "310000", "active"), date(2026, 1, 1)))
    funds = []
    for month, day in ((1, 5), (6, 30), (7, 1), (7, 2)):
        city.now = datetime(2026, month, day, 10, 0, tzinfo=SHANGHAI)
        funds.append(str(city.pays("father", [("A", "600.00")], at="S1")["hifp_pay"]))
    assert funds == ["75.00", "450.00", "75.00", "450.00"]
    years = city.run(
        lambda tx: tx.all("select year, deductible from insured_year where person = %(p)s order by year", p=father.id)
    )
    assert [(row["year"], row["deductible"]) for row in years] == [(2025, 500_00), (2026, 500_00)]
    city.books_balance()
