"""Messages made from the contract's own tables, for every transaction: none breaks the door, and none is half carried out.

A few thousand with the other tests; `python3 dev.py test tests/test_gateway_generated.py --messages 100000` makes that many.
A message is made from its number alone, so a failure names everything that is needed to see it again.
"""

from __future__ import annotations

import base64
import logging
import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from city import City
from door import contents, message
from mulaid.db import Database, process_url
from mulaid.gateway.contract import Codes, Field, Node, contract
from mulaid.refusal import catalogue
from test_gateway_bad_input import ODD, answered

INFNOS = sorted({known.infno for known in contract().transactions.values()})
LOOK_EVERY, MOVE_ON_EVERY = 40, 120
ROUGHNESS = (0.0, 0.0, 0.03, 0.1, 0.4)
"""How likely a value is a wrong one, by message: many must be right throughout to get far."""


@pytest.fixture(scope="module")
def share(request: pytest.FixtureRequest) -> int:
    """How many messages each transaction gets."""
    return -(-int(request.config.getoption("--messages")) // len(INFNOS))


class Hospital:
    """A city, what has just happened in it, and the numbers that messages about it carry."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.tally: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        city.enrols("the father", "60000.00", base="retired", household="one")
        city.enrols("the daughter", "400000.00", household="one")
        city.enrols("the child", base="resident", household="one")
        city.authorises("the daughter", "the father")
        city.binds("the daughter", "the father")
        self.things: list[dict[str, Any]] = []
        self.move_on()

    def move_on(self) -> None:
        """Another day's visits, sales and stays, so that messages find something that is still to be done."""
        city = self.city
        city.now += timedelta(minutes=7)
        who = city.people["the father"].number
        card = {"mdtrt_cert_type": "02", "mdtrt_cert_no": city.numbers["the father"], "certno": city.numbers["the father"]}
        bare = city.visits("the father")
        billed = city.uploads(city.visits("the father"), [("MINE", "80.00"), ("A", "20.00")])
        paid = city.pays("the father", "50.00", msgid=f"PAID{city.now:%d%H%M%S}")
        sold = city.pays("the father", "20.00", at="P1")
        lying = {"psn_no": who, "ipt_no": "1", "med_type": "21", "begntime": f"{city.now:%Y-%m-%d} 00:00:00", **card}
        admitted = city.send("2401", {"mdtrtinfo": lying})
        stay = {"mdtrt_id": admitted["output"]["result"]["mdtrt_id"]} if admitted["infcode"] == 0 else {}
        line = {"feedetl_sn": "S1", "med_list_codg": "A", "det_item_fee_sumamt": "30.00", "cnt": 3, "pric": "10.00"}
        if stay:
            city.send("2301", {"feedetail": [{**stay, "psn_no": who, **line}]})
        both = {"psn_no": who, **card}
        code, token = city.shows_code("the father"), city.shows_code("the father", "the daughter")
        shown = city.send("1162", {"data": {"ecQrCode": token}})["output"]["data"]["ecToken"]
        self.things = [
            {**both, **bare, "at": "H1"},
            {**both, **billed, "at": "H1", "omsgid": "NONE"},
            {**both, **paid, "at": "H1", "omsgid": f"PAID{city.now:%d%H%M%S}", "oinfno": "2207", "chrg_bchno": "B1"},
            {**both, **sold, "at": "P1"},
            {**both, **stay, "at": "H1", "medfee_sumamt": "30.00", "mid_setl_flag": "1"},
            {"psn_no": who, "mdtrt_cert_type": "01", "mdtrt_cert_no": shown, "ecToken": shown, "ecQrCode": code, "at": "H1"},
            {"psn_no": city.people["the child"].number, "certno": city.numbers["the child"], "at": "P1"},
        ]

    def send(self, number: int, infno: str) -> dict[str, Any]:
        """The message of that number: answered in words, whatever it is."""
        made = Maker(random.Random(f"{infno} {number}"), self)
        body = made.message(infno)
        try:
            answer = answered(self.city, body)
        except BaseException:
            print(f"message {number} of {infno}: {body!r}")
            raise
        done = answer.get("infcode", answer.get("code")) in (0, "0")
        self.tally["carried out" if done else "refused"] += 1
        if not done:
            self.codes[str(answer.get("err_msg", answer.get("message"))).rpartition("〔")[2].removesuffix("〕")] += 1
        return {"done": done}


class Maker:
    """One message, from chance and the tables."""

    def __init__(self, chance: random.Random, hospital: Hospital) -> None:
        self.chance = chance
        self.about = chance.choice(hospital.things)
        self.rough = chance.choice(ROUGHNESS)
        self.now = hospital.city.now
        self.other = chance.choice(hospital.things)

    def message(self, infno: str) -> bytes:
        """A whole message as bytes."""
        chance = self.chance
        given: dict[str, Any] = {}
        places: dict[str, Any] = {}
        for node in contract().transactions[infno].input:
            if not node.need and chance.random() < 0.4 and not node.flat:
                continue
            made = self.node(node)
            if node.flat:
                given.update(made)
            elif node.inside and isinstance(places.get(node.inside), dict):
                places[node.inside][node.name] = made
            else:
                given[node.name] = places[node.name] = made
        if chance.random() < self.rough:
            given[chance.choice(("data", "more", ""))] = chance.choice(ODD)
        envelope: dict[str, Any] = {"msgid": f"{chance.getrandbits(60):030d}"}
        if chance.random() < 0.03:
            envelope["msgid"] = self.about.get("omsgid", "RETURNED")
        for field in contract().envelope.input[0].fields:
            if field.name not in ("infno", "msgid", "fixmedins_code", "input", "sign_no") and chance.random() < self.rough:
                envelope[field.name] = self.value(field)
        at = self.about["at"] if chance.random() < 0.9 else chance.choice(("H1", "H2", "P1"))
        return message(infno, given, at=at, **envelope)

    def node(self, node: Node) -> Any:
        """An object, or a list of them, seldom of more lines than are allowed."""
        if not node.many:
            return self.row(node)
        count = node.most + 1 if self.chance.random() < self.rough / 20 else self.chance.randint(1, 3)
        return [self.row(node) for _ in range(count)] if count < 10 else [self.row(node)] * count

    def row(self, node: Node) -> dict[str, Any]:
        """Members: the needed ones nearly always, the others as often as not."""
        likely = {True: 1 - self.rough / 8, False: 0.5}
        return {field.name: self.value(field) for field in node.fields if self.chance.random() < likely[field.need]}

    def value(self, field: Field) -> Any:
        """A value of the field's type, of what has happened where that is known, at the edge or beyond it when rough."""
        if self.chance.random() < self.rough:
            return self.chance.choice(ODD) if self.chance.random() < 0.5 else self.edge(field)
        about = self.other if self.chance.random() < 0.05 else self.about
        known = about.get(field.name, about.get(_plain(field.name)))
        if known is not None and self.chance.random() < 0.95:
            return str(known)
        if field.codes:
            return self.code(field.codes)
        if field.kind in ("D", "DT"):
            moment = self.now - timedelta(minutes=self.chance.choice((0, 0, 5, 600, 3000, -600)))
            return f"{moment:%Y-%m-%d}" if field.kind == "D" else f"{moment:%Y-%m-%d %H:%M:%S}"
        if field.kind == "N":
            return self.chance.choice(("0.00", "10.00", "30.00", "50.00", "80.00") if field.money else (0, 1, 2, 3))
        if field.kind == "B":
            return base64.b64encode(self.chance.randbytes(self.chance.randint(0, 40))).decode()
        return self.chance.choice(("A", "MINE", "B1", "S1", "1", "H1", "I10", "名")[: max(1, field.size)])

    def code(self, codes: Codes) -> str:
        """A code of the table."""
        return self.chance.choice(list(codes.values))

    def edge(self, field: Field) -> Any:
        """What is just allowed, or just not."""
        if field.kind == "N":
            most = "9" * field.accepts
            return self.chance.choice(
                (most, most + "9", f"-{most}", "-1", "-0.01", f"0.{'9' * (field.scale + 1)}", "0.0", 10**30)
            )
        if field.kind in ("D", "DT"):
            return self.chance.choice(("1850-01-01", "1849-12-31", "9999-12-31 23:59:59", "2026-02-29", "20260301", "0001-01-01"))
        length = self.chance.choice((field.accepts, field.accepts + 1, field.size))
        return self.chance.choice(("x", "名", "\U0001f600", "'", "\u2028")) * length


def _plain(name: str) -> str:
    """The usual spelling of a member that the mobile centre writes with capitals."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


@pytest.fixture(scope="module")
def hospital(cluster: Any) -> Iterator[Hospital]:
    url = cluster.fresh()
    database = Database(url, cluster.keys, size=4)
    city = City(database, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    logging.getLogger("mulaid.gateway").setLevel(logging.CRITICAL)
    yield Hospital(city)
    logging.getLogger("mulaid.gateway").setLevel(logging.NOTSET)
    city.close()
    database.close()
    cluster.drop(url)


@pytest.mark.parametrize("infno", INFNOS)
def test_no_generated_message_breaks_the_door_and_no_refused_one_leaves_anything(
    hospital: Hospital, infno: str, share: int
) -> None:
    hospital.move_on()
    url = hospital.city.db.url
    before, refused_since = contents(url), 0
    for number in range(share):
        if hospital.send(number, infno)["done"]:
            before, refused_since = {}, 0
        else:
            refused_since += 1
        if number % LOOK_EVERY == LOOK_EVERY - 1 or number == share - 1:
            found = contents(url)
            if before:
                assert found == before, f"a refused message up to {number} of {infno} left something behind"
                hospital.tally["refused and seen to leave nothing"] += refused_since
            before, refused_since = found, 0
        if number % MOVE_ON_EVERY == MOVE_ON_EVERY - 1:
            hospital.move_on()
            before, refused_since = contents(url), 0


def test_they_got_everywhere_and_the_books_are_right(hospital: Hospital, capsys: pytest.CaptureFixture[str]) -> None:
    tally, codes = hospital.tally, hospital.codes
    with capsys.disabled():
        print(f"\n{dict(tally)}; {len(codes)} refusals of {len(catalogue())}: {', '.join(sorted(codes))}")
    assert tally["carried out"] > tally["refused"] / 10
    assert tally["refused and seen to leave nothing"] > tally["refused"] / 4
    assert len({code.partition(".")[0] for code in codes}) > 5
    hospital.city.books_balance()
