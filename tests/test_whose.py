"""Whose money: what is told before paying is what is settled, and asking moves nothing."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

import test_gateway_stay as lying
from city import City
from mulaid import refs
from mulaid.db import Tx
from mulaid.money import parse_yuan
from mulaid.policy.facts import Giver, Portion
from mulaid.policy.pack import library
from mulaid.policy.simulate import simulate
from mulaid.proof.verify import bills
from mulaid.refusal import Refusal
from mulaid.settlement import pay, visit
from mulaid.settlement.visit import find_institution
from mulaid.settlement.whose import Payer, payers, what_would_help, whose_money


def asked(city: City, name: str, money: object, at: str = "H1", **more: object):
    def work(tx):
        place = find_institution(tx, at)
        return whose_money(tx, library(), city.people[name], place, money, on=city.now.date(), **more)

    return city.run(work)


def count_rows(city: City) -> list[int]:
    tables = ("journal", "entry", "settlement", "visit", "command", "audit", "outbox", "insured_year")
    return city.run(lambda tx: [tx.one(f"select count(*) from {name}")["count"] for name in tables])


def test_what_is_told_before_is_what_is_settled(city: City) -> None:
    city.enrols("father", "60", base="retired")
    city.enrols("daughter", "4000")
    city.authorises("daughter", "father")
    before = count_rows(city)
    told = asked(city, "father", [Portion("", 0, parse_yuan("90"), 0, 0)])
    assert count_rows(city) == before
    assert [(payer.kind, payer.fen) for payer in told.payers] == [("own", 60_00), ("family", 30_00), ("cash", 0)]
    assert "子女" in told.payers[1].name
    assert all(line.source for line in told.lines if line.rule)

    paid = city.pays("father", "90")
    row = city.run(lambda tx: pay.find(tx, city.settlement(paid["setl_id"])))
    assert payers(row, told.decision.steps) == list(told.payers)
    assert (row["account"], row["aid"], row["cash"]) == (60_00, 30_00, 0)
    city.books_balance()


def test_a_bare_amount_counts_as_in_policy_and_the_year_counts(city: City) -> None:
    city.enrols("father", "0", base="retired")
    first = asked(city, "father", 1000_00)
    assert first.payers[0] == Payer("fund", "医保统筹基金", 650_00)
    city.pays("father", [("A", "1000")])
    assert sum(payer.fen for payer in first.payers) == first.total == 1000_00


def test_accounts_may_be_left_out_and_use_decides(city: City) -> None:
    city.enrols("father", "500", base="retired")
    told = asked(city, "father", [Portion("", 0, 0, 0, 100_00)], use_accounts=False)
    assert [(payer.kind, payer.fen) for payer in told.payers] == [("cash", 100_00)]
    assert asked(city, "father", 100_00, at="P1").facts.use == "pharmacy"
    assert asked(city, "father", 100_00, use="inpatient").facts.use == "inpatient"


@pytest.mark.parametrize("money", [0, []])
def test_nothing_to_pay_is_refused(city: City, money: object) -> None:
    city.enrols("father", "500", base="retired")
    with pytest.raises(Refusal, match="nothing_to_settle"):
        asked(city, "father", money)


def test_a_day_without_enrolment_is_refused(city: City) -> None:
    city.enrols("father", "500", base="retired")
    city.now -= timedelta(days=365 * 10)
    with pytest.raises(Refusal, match="not_enrolled"):
        asked(city, "father", 100_00)


def test_what_would_help_is_what_then_happens(city: City) -> None:
    city.enrols("father", "60", base="retired")
    city.enrols("daughter", "4000")
    bill = [Portion("", 0, parse_yuan("90"), 0, 0)]
    alone = asked(city, "father", bill)
    daughter = Giver("x", "x", "王*", "parent", "420100", "normal", "2025-01-01T00:00:00", "2025-01-01T00:00:00", 4000_00)
    (hint,) = what_would_help(library(), alone, (daughter,))
    assert hint.text == "如果子女（王*）办了家庭共济，其中 30.00 元就不用付现金"
    city.authorises("daughter", "father")
    assert alone.decision.cash - asked(city, "father", bill).decision.cash == hint.fen == 30_00
    assert what_would_help(library(), asked(city, "father", bill)) == ()


def test_a_draft_is_tried_on_the_settlements_that_stand(city: City) -> None:
    city.enrols("father", "60", base="retired")
    city.refunds(city.pays("father", "10"))
    city.pays("father", [("A", "1000")])
    found = city.run(lambda tx: list(bills(tx)))
    assert [(person, facts.total) for person, facts in found] == [(str(city.people["father"].id), 1000_00)]
    sums = simulate(found, library(), library())
    assert (sums.bills, sums.changed, sums.people) == (1, 0, 0)
    assert sum(sums.after.values()) == 1000_00


def test_a_stay_counts_apart_from_outpatient_care_and_belongs_to_the_day_it_ends(city: City) -> None:
    city.run(lambda tx: city.opens(tx, "H9", "北京一院", 1, "110000", "L3"))
    city.enrols("father", "0", base="retired", region="110000")
    city.now = city.now.replace(month=12, day=28)
    stay = admit(city, "father", "H9")
    with pytest.raises(Refusal, match="in_hospital"):
        admit(city, "father", "H9")
    city.now += timedelta(days=7)
    city.run(lambda tx: visit.discharge(tx, stay, "H9", city.people["father"].id, city.now.date()))
    city.run(lambda tx: visit.discharge(tx, stay, "H9", city.people["father"].id, None))
    with pytest.raises(Refusal, match="bad_date"):
        city.run(lambda tx: visit.discharge(tx, stay, "H9", city.people["father"].id, city.now.date() + timedelta(days=30)))
    city.run(lambda tx: visit.discharge(tx, stay, "H9", city.people["father"].id, city.now.date()))
    place = {"psn_no": city.people["father"].number, "mdtrt_id": refs.show(refs.VISIT, stay)}
    place |= {"mdtrt_cert_type": "02", "mdtrt_cert_no": city.numbers["father"]}
    lying.asks(city, "2301", {"feedetail": [lying.line(place, "1", "A", "5000.00")]}, at="H9")
    paid = lying.asks(city, "2304", lying.bill(place, "5000.00"), at="H9")["setlinfo"]
    years = city.run(
        lambda tx: tx.all("select year, in_policy, admissions, inpatient_in_policy, inpatient_fund, self_paid from insured_year")
    )
    assert [(row["year"], row["in_policy"], row["admissions"]) for row in years] == [(city.now.year, 0, 1)]
    assert years[0]["inpatient_in_policy"] > 0
    assert years[0]["inpatient_fund"] + years[0]["self_paid"] == 5000_00
    city.books_balance()
    lying.asks(city, "2305", lying.both(place, setl_id=paid["setl_id"]), at="H9")
    (year,) = city.run(lambda tx: tx.all("select admissions, inpatient_in_policy, inpatient_fund, self_paid from insured_year"))
    assert set(year.values()) == {0}
    city.books_balance()


def test_an_outpatient_visit_cannot_be_discharged(city: City) -> None:
    city.enrols("father", "0", base="retired")
    place = refs.parse(refs.VISIT, city.visits("father")["mdtrt_id"])
    with pytest.raises(Refusal, match="no_stay"):
        city.run(lambda tx: visit.discharge(tx, place, "H1", city.people["father"].id, city.now.date()))


def admit(city: City, name: str, at: str = "H1") -> UUID:
    def work(tx: Tx) -> UUID:
        hospital = find_institution(tx, at)
        assert hospital is not None
        more = {"number": "Z1", "insutype": "", "med_type": "21", "presenter": None, "chosen": None, "use": "inpatient"}
        return visit.open_visit(tx, hospital, city.people[name], begun_on=city.now.date(), **more)

    return city.run(work)
