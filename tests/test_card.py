"""The printed card: it registers a visit, and spends a little of the person's own account beside an identity card, never more."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from city import City
from mulaid.ledger import chart
from mulaid.people import credential, family
from mulaid.policy import split
from mulaid.policy.explain import explain
from mulaid.refusal import Refusal
from mulaid.settlement import pay
from test_races import together


def prints(city: City, name: str, by: str = "") -> str:
    who = city.people[by or name]
    return str(city.run(lambda tx: credential.issue_card(tx, city.people[name], who, sandbox=True)).digits)


def read(city: City, digits: str, at: str = "P1") -> dict[str, Any]:
    answer = city.send("1162", {"data": {"ecQrCode": digits, "orgId": at, "operatorId": "001", "businessType": "01101"}}, at=at)
    return dict(answer["output"]["data"]) if answer["infcode"] == 0 else answer


def token(city: City, digits: str, at: str = "P1") -> str:
    return str(read(city, digits, at)["ecToken"])


def beside(city: City, name: str, shown: str) -> dict[str, str]:
    """The identity card, with the card's token beside it."""
    return {"mdtrt_cert_type": "02", "mdtrt_cert_no": city.numbers[name], "card_sn": shown}


def buys(city: City, name: str, amount: str, shown: str, at: str = "P1", **more: Any) -> dict[str, Any]:
    return city.buys(name, [("MINE", amount)], at, **{**beside(city, name, shown), **more})


@pytest.fixture
def family_city(city: City) -> City:
    """A father with a little money, whose daughter pays for him when he shows his code."""
    city.enrols("father", "1000.00", base="retired")
    city.enrols("daughter", "500.00")
    city.authorises("daughter", "father")
    city.binds("daughter", "father")
    return city


def refused(answer: dict[str, Any], code: str) -> None:
    assert answer["infcode"] != 0
    assert answer["err_msg"].startswith(Refusal(code).says)


def test_a_card_spends_up_to_its_cap_of_the_own_account_and_then_cash(family_city: City) -> None:
    city = family_city
    digits = prints(city, "father", by="daughter")
    assert digits.startswith("91")
    assert credential.well_formed(digits, ("91",))
    assert not credential.well_formed(digits)
    shown = token(city, digits)
    paid = buys(city, "father", "150.00", shown)
    assert (paid["acct_pay"], paid["acct_mulaid_pay"], paid["psn_cash_pay"]) == (Decimal("150.00"), 0, 0)
    paid = buys(city, "father", "80.00", shown)
    assert (paid["acct_pay"], paid["acct_mulaid_pay"], paid["psn_cash_pay"]) == (Decimal("50.00"), 0, Decimal("30.00"))
    told = _told(city, paid)
    assert "这次凭打印的就医卡，一天最多扣本人的账户 200.00 元，今天此前已用 150.00 元，这次最多还能用 50.00 元" in told
    assert any(text.endswith("凭打印的就医卡只能用本人自己的账户，不能用家人的") for text in told)
    # A new card is no new allowance, a refund neither; the next day is.
    assert city.refunds(paid, at="P1", infno="2103")["infcode"] == 0
    again = token(city, prints(city, "father"))
    assert buys(city, "father", "10.00", again)["psn_cash_pay"] == Decimal("10.00")
    city.now += timedelta(days=1)
    again = token(city, prints(city, "father"))
    assert buys(city, "father", "10.00", again)["acct_pay"] == Decimal("10.00")
    assert (city.holds("father"), city.holds("daughter")) == ("840.00", "500.00")
    city.books_balance()


def _told(city: City, paid: dict[str, Any]) -> list[str]:
    """The sentences of a stored settlement, which decides the same again from what was stored."""
    found = city.run(lambda tx: pay.find(tx, city.settlement(paid["setl_id"])))
    packs = city.run(lambda tx: {region: pay.kept_pack(tx, digest) for region, digest in found["packs"].items()})
    facts = pay.fact.read(found["facts"])
    assert split.replay(packs, facts, found) == []
    return [line.text for line in explain(packs, split.decide(packs, facts).steps)]


def test_nobody_elses_money_opens_when_the_own_account_is_empty(city: City) -> None:
    city.enrols("father", "20.00", base="retired")
    city.enrols("daughter", "500.00")
    city.authorises("daughter", "father")
    city.credits("father", "50.00", chart.WALLET)
    shown = token(city, prints(city, "father"))
    paid = buys(city, "father", "60.00", shown)
    assert (paid["acct_pay"], paid["acct_mulaid_pay"], paid["psn_cash_pay"]) == (Decimal("20.00"), 0, Decimal("40.00"))
    assert (city.holds("father", chart.WALLET), city.holds("daughter")) == ("50.00", "500.00")
    city.books_balance()


def test_the_household_stays_shut_too(city: City) -> None:
    city.enrols("head", "5000.00", region="350100", household="h")
    city.enrols("child", region="350100", base="resident", household="h")
    city.opens_household("head", "3000.00", child="child")
    city.run(lambda tx: city.opens(tx, "P9", "福州药店", 2, "350100", "pharmacy"))
    shown = token(city, prints(city, "child"), "P9")
    assert buys(city, "child", "40.00", shown, "P9")["psn_cash_pay"] == Decimal("40.00")
    assert city.buys("child", [("MINE", "40.00")], "P9")["acct_mulaid_pay"] == Decimal("40.00"), "with the identity card it opens"
    city.books_balance()


def test_a_visit_registered_by_card_stays_under_the_card_until_a_code_is_shown(family_city: City) -> None:
    city = family_city
    digits = prints(city, "father")
    shown = token(city, digits, "H1")
    data = {
        "psn_no": city.people["father"].number,
        "begntime": f"{city.now:%Y-%m-%d %H:%M:%S}",
        "ipt_otp_no": "1",
        "insutype": "",
    }
    refused(
        city.send("2201", {"data": {**data, "mdtrt_cert_type": "01", "mdtrt_cert_no": shown}}), "credential.card_needs_document"
    )
    answer = city.send("2201", {"data": {**data, **beside(city, "father", shown)}})
    visit = {"psn_no": data["psn_no"], "mdtrt_id": answer["output"]["data"]["mdtrt_id"]}
    bill = city.uploads(visit, [("MINE", "1100.00")])
    refused(city.settles({**bill, "mdtrt_cert_type": "01", "mdtrt_cert_no": shown}), "credential.card_needs_document")
    number = city.numbers["father"]
    by_number = city.settles({**bill, "mdtrt_cert_type": "02", "mdtrt_cert_no": number}, "2206")["output"]["setlinfo"]
    assert (by_number["acct_pay"], by_number["acct_mulaid_pay"]) == (Decimal("200.00"), 0)
    other = {**bill, "mdtrt_cert_type": "02", "mdtrt_cert_no": city.numbers["daughter"], "card_sn": shown}
    refused(city.settles(other), "message.person_differs")
    code = read(city, city.shows_code("father"), "H1")["ecToken"]
    paid = city.settles({**bill, "mdtrt_cert_type": "01", "mdtrt_cert_no": code})["output"]["setlinfo"]
    assert (paid["acct_pay"], paid["acct_mulaid_pay"]) == (Decimal("1100.00"), Decimal("100.00"))
    city.books_balance()


def test_reading_a_card_tells_no_number_and_is_not_enough_to_look_anybody_up(family_city: City) -> None:
    city = family_city
    told = read(city, prints(city, "father"))
    assert city.numbers["father"] not in str(told)
    assert told["idNo"].count("*") >= 8
    asked = {"mdtrt_cert_type": "01", "mdtrt_cert_no": told["ecToken"], "begntime": f"{city.now:%Y-%m-%d %H:%M:%S}"}
    refused(city.send("1101", {"data": asked}, at="P1"), "credential.card_needs_document")
    refused(city.send("1101", {"data": {**asked, "certno": city.numbers["daughter"]}}, at="P1"), "message.person_differs")
    found = city.send("1101", {"data": {**asked, "certno": city.numbers["father"]}}, at="P1")
    assert found["output"]["baseinfo"]["psn_no"] == city.people["father"].number
    with pytest.raises(Refusal) as caught:
        city.run(lambda tx: credential.holder(tx, told["ecToken"], "P1"))
    assert caught.value.code == "credential.card_not_enough"


def test_revoked_replaced_expired_frozen_and_orphaned_cards_are_worth_nothing(family_city: City) -> None:
    city = family_city
    father = city.people["father"]

    def dead(digits: str, shown: str) -> None:
        before = city.holds("father")
        refused(read(city, digits), "credential.bad_code")
        with pytest.raises(AssertionError, match=Refusal("credential.card_ended").says):
            buys(city, "father", "10.00", shown)
        assert city.holds("father") == before

    first = prints(city, "father")
    shown = token(city, first)
    second = prints(city, "father")
    dead(first, shown)
    shown = token(city, second)
    city.run(lambda tx: credential.revoke_card(tx, father, city.people["daughter"]))
    dead(second, shown)
    with pytest.raises(Refusal) as caught:
        city.run(lambda tx: credential.revoke_card(tx, father, father))
    assert caught.value.code == "credential.no_card"
    third = prints(city, "father", by="daughter")
    shown = token(city, third)
    bond = city.run(lambda tx: family.usable(tx, father, city.people["daughter"]))["id"]
    city.run(lambda tx: family.unbind(tx, father, bond))
    dead(third, shown)
    with pytest.raises(Refusal) as caught:
        prints(city, "father", by="daughter")
    assert caught.value.code == "credential.not_bound"
    fourth = prints(city, "father")
    city.now += timedelta(days=365) - timedelta(minutes=10)
    shown = token(city, fourth)
    city.now += timedelta(minutes=10)
    refused(read(city, fourth), "credential.bad_code")
    with pytest.raises(AssertionError):
        buys(city, "father", "10.00", shown)
    fifth = prints(city, "father")
    shown = token(city, fifth)
    city.run(lambda tx: credential.freeze(tx, father, father, "本人申请"))
    assert read(city, fifth)["infcode"] != 0
    with pytest.raises(AssertionError):
        buys(city, "father", "10.00", shown)
    assert city.holds("father") == "1000.00"
    city.books_balance()


def test_a_copied_card_at_two_pharmacies_at_once_spends_the_cap_once(family_city: City) -> None:
    city = family_city
    city.run(lambda tx: city.opens(tx, "P2", "二药店", 2, "420100", "pharmacy"))
    digits = prints(city, "father")
    shown = {at: token(city, digits, at) for at in ("P1", "P2")}
    paid = together([lambda at=at: buys(city, "father", "60.00", shown[at], at) for at in ("P1", "P2") * 4])
    assert all(isinstance(one, dict) for one in paid), paid
    assert sum(one["acct_pay"] for one in paid) == Decimal("200.00")
    assert sum(one["psn_cash_pay"] for one in paid) == Decimal("280.00")
    assert (city.holds("father"), city.holds("daughter")) == ("800.00", "500.00")
    city.books_balance()


def test_only_the_hash_is_kept(family_city: City) -> None:
    digits = prints(family_city, "father", by="daughter")
    row = family_city.run(lambda tx: tx.one("select * from paper_card where person = %(p)s", p=family_city.people["father"].id))
    assert digits not in str(row)
    assert bytes(row["hash"]) == family_city.keys.blind("card", digits)
    uses = family_city.run(lambda tx: family.uses(tx, family_city.people["father"], 5))
    assert [use.act for use in uses] == ["card"]


def test_the_bare_decoder_reads_a_card_and_the_mobile_centre_does_not(family_city: City) -> None:
    digits = prints(family_city, "father")
    asked = {"data": {"ecQrCode": digits, "orgId": "P1", "operatorId": "001"}, "orgId": "P1", "transType": "ec.query"}
    told = json.loads(family_city.post(json.dumps(asked).encode(), path="/localQrCodeQuery")[1])
    assert (told["code"], told["data"]["idNo"][:6]) == (0, "******")
    paid = buys(family_city, "father", "30.00", told["data"]["ecToken"])
    assert paid["acct_pay"] == Decimal("30.00")
    with pytest.raises(Refusal) as caught:
        family_city.run(lambda tx: credential.decode(tx, digits, "P1", "001", pharmacy=True))
    assert caught.value.code == "credential.bad_code"


def test_wrong_digits_are_refused_in_the_same_words(family_city: City) -> None:
    digits = prints(family_city, "father")
    for wrong in (digits[:-1] + str((int(digits[-1]) + 1) % 10), credential.new_digits("91"), "91", "91" + "x" * 26):
        refused(read(family_city, wrong), "credential.bad_code")
