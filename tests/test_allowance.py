"""Guessing at the institutions' door: wrong codes are counted by institution, and too many end its reading for a while."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest

from city import City
from mulaid.people import allowance
from mulaid.people.credential import new_digits

TOO_MANY = "〔credential.too_many_wrong〕"


def reads(city: City, code: str, at: str = "H1", msgid: str = "") -> dict[str, Any]:
    """1162 in the envelope."""
    data = {"data": {"ecQrCode": code, "orgId": at, "operatorId": "001", "businessType": "01101"}}
    return city.send("1162", data, at=at, msgid=msgid)


def decodes(city: City, code: str, at: str = "H1") -> dict[str, Any]:
    """The decoder's own address."""
    body = {
        "transType": "ec.query",
        "orgId": at,
        "data": {"orgId": at, "businessType": "01101", "operatorId": "001", "ecQrCode": code},
    }
    _, raw = city.post(json.dumps(body).encode(), path="/localQrCodeQuery")
    return dict(json.load(io.BytesIO(raw)))


@pytest.mark.parametrize("door", ["envelope", "address", "both"])
def test_after_twenty_wrong_codes_in_ten_minutes_an_institution_reads_none(city: City, door: str) -> None:
    city.enrols("ann", "10.00")
    city.now = city.now.replace(minute=20)
    for place in range(allowance.WRONG_CODES):
        if door == "envelope" or (door == "both" and place % 2):
            assert "〔credential.bad_code〕" in reads(city, new_digits("99"))["err_msg"]
        else:
            assert "〔credential.bad_code〕" in decodes(city, new_digits("99"))["message"]
    good = city.shows_code("ann")
    assert TOO_MANY in reads(city, good)["err_msg"]
    assert TOO_MANY in decodes(city, good)["message"]
    assert city.run(lambda tx: tx.one("select count(*) as n from visit_token"))["n"] == 0
    assert reads(city, good, at="H2")["infcode"] == 0, "another institution reads on"
    city.now += timedelta(minutes=10)
    assert reads(city, city.shows_code("ann"))["infcode"] == 0, "and so does this one after a while"


def test_a_repeated_message_is_no_new_guess_and_keeps_its_answer(city: City) -> None:
    city.enrols("ann", "10.00")
    city.now = city.now.replace(minute=20)
    wrong, good = new_digits("99"), city.shows_code("ann")
    first = reads(city, good, msgid="M-good")
    for _ in range(allowance.WRONG_CODES + 5):
        assert "〔credential.bad_code〕" in reads(city, wrong, msgid="M-wrong")["err_msg"]
    for _ in range(allowance.WRONG_CODES):
        reads(city, new_digits("99"))
    assert TOO_MANY in reads(city, new_digits("99"))["err_msg"]
    assert reads(city, good, msgid="M-good") == first, "what was answered once is answered again"


def test_right_codes_are_not_counted(city: City) -> None:
    city.enrols("ann", "10.00")
    for _ in range(allowance.WRONG_CODES + 2):
        assert reads(city, city.shows_code("ann"))["infcode"] == 0
    rows = city.run(lambda tx: tx.all("select name, used from allowance"))
    assert not [row for row in rows if re.match("code:", row["name"])]
