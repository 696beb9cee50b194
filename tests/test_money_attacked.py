"""Money under attack: amounts that are none, and everything that moves money at once on the same purses."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from city import BY, SHANGHAI, City
from mulaid import commands
from mulaid.commands import Key
from mulaid.ledger import chart, journal
from mulaid.ledger.journal import Leg
from mulaid.money import LARGEST_FEN
from mulaid.people import aid, enrolment, household, wallet
from mulaid.people.aid import Terms
from mulaid.people.enrolment import Enrolment
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.settlement import premium
from mulaid.settlement.premium import Order
from test_races import is_answer, together, watched

FUJIAN, WUHAN, CHANGSHA = "350200", "420100", "430100"
SECONDS, THREADS = 15, 12
MOVED = (
    "select 'purse' as what, sum(balance) + sum(frozen) as n from purse union all"
    " select 'journal', count(*) from journal union all select 'entry', count(*) from entry"
)


def rows(city: City) -> list[Any]:
    return city.run(lambda tx: [tx.all(MOVED), tx.all("select * from aid order by id")])


# Amounts that are none

NO_AMOUNT = (0, -1, -100_000_000, LARGEST_FEN + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**40)


def functions(city: City) -> dict[str, Callable[[int], Any]]:
    """Everything that takes an amount from a person, by name."""
    who, house, grant = city.people, UUID(int=0), UUID(int=0)
    house = city.run(lambda tx: household.of(tx, who["head"])).ref  # type: ignore[union-attr]
    grant = city.run(lambda tx: wallet.given(tx, who["giver"]))[0].id
    given = city.run(lambda tx: aid.given(tx, who["giver"]))[0]
    terms: dict[str, Callable[[int], Any]] = {
        f"terms.{name}": lambda fen, name=name: city.run(
            lambda tx: aid.change(tx, library(), given.id, who["giver"], given.version, Terms(**{name: fen}))
        )
        for name in ("quota", "settlement_cap", "month_cap", "year_cap")
    }
    return terms | {
        "household.transfer": lambda fen: city.run(lambda tx: household.transfer(tx, library(), house, who["head"], fen)),
        "wallet.freeze": lambda fen: city.run(
            lambda tx: wallet.freeze(tx, library(), who["giver"], who["far too"], "sibling", fen)
        ),
        "wallet.change": lambda fen: city.run(lambda tx: wallet.change(tx, library(), grant, who["giver"], 1, fen)),
        "wallet.give_directly": lambda fen: city.run(
            lambda tx: wallet.give_directly(tx, library(), who["nan"], who["jing"], "parent", fen)
        ),
        "premium.stated": lambda fen: city.run(
            lambda tx: premium.pay(tx, library(), Order(who["giver"], who["giver"], "commercial", city.now.year, stated=fen))
        ),
    }


def test_no_amount_moves_what_is_none(city: City) -> None:
    city.now = datetime(2026, 9, 14, 2, 0, tzinfo=UTC)
    city.enrols("giver", "1000.00", household="g")
    city.enrols("near", household="g")
    city.enrols("far", region=CHANGSHA)
    city.enrols("far too", region=CHANGSHA)
    city.enrols("head", "2500.00", region=FUJIAN)
    city.enrols("nan", "900.00", region="320100")
    city.enrols("jing", "0.00", region="320100")
    city.authorises("giver", "near", "parent")
    city.freezes("giver", "far", "100.00", "sibling")
    city.opens_household("head", "10.00")
    before = rows(city)
    for name, takes in functions(city).items():
        for fen in NO_AMOUNT:
            try:
                takes(fen)
            except Refusal:
                pass
            else:
                pytest.fail(f"{name} took {fen}")
            assert rows(city) == before, (name, fen)
    city.books_balance()


@pytest.mark.parametrize("fen", [1.0, 0.5, "100", None, float("nan"), True])
def test_what_is_no_whole_number_of_fen_ends_the_transaction(city: City, fen: Any) -> None:
    """Our own bug and nobody's wish, so it is no refusal; but nothing may be written, and nothing rounded."""
    giver = city.enrols("giver", "1000.00")
    before = rows(city)
    legs = [Leg(chart.purse(giver.id, chart.OWN), fen, "x"), Leg(chart.crediting(WUHAN), -100, "x")]
    with pytest.raises((AssertionError, TypeError)):
        city.run(lambda tx: journal.post(tx, giver.book, "credit", legs))
    assert rows(city) == before


def test_the_database_itself_refuses_what_a_purse_cannot_hold(city: City) -> None:
    giver = city.enrols("giver", "1000.00")
    for wrong in (
        "update purse set balance = floor - 1",
        f"update purse set balance = {LARGEST_FEN} * 1000",
        "update purse set frozen = -1",
        "update purse set frozen = balance + 1",
        "update journal set fens = array[1::bigint, 1]",
        "update entry set fen = 0",
    ):
        with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.NumericValueOutOfRange)):
            city.run(lambda tx, wrong=wrong: tx.run(wrong))
    assert city.holds("giver") == "1000.00"
    assert giver
    city.books_balance()


# Everything at once


class Storm:
    """One extended family whose purses everybody draws on, and what may be done to it."""

    def __init__(self, city: City, seed: int) -> None:
        self.city, self.chance, self.came = city, random.Random(seed), Counter[str]()
        city.now = datetime(2026, 10, 14, 10, 0, tzinfo=SHANGHAI)
        city.enrols("giver", "9000.00", household="one")
        city.enrols("spouse", "3000.00", household="two")
        city.enrols("father", "50.00", base="retired", household="one")
        city.enrols("son", "0.00", household="three")
        city.enrols("far", "10.00", region=CHANGSHA)
        city.enrols("head", "6000.00", region=FUJIAN)
        city.enrols("wife", "300.00", region=FUJIAN)
        self.kin = {"father": "parent", "son": "child", "spouse": "spouse"}
        for name, word in self.kin.items():
            city.authorises("giver", name, word, quota="4000.00")
        city.authorises("spouse", "son", "child")
        for place in range(3):
            name = f"gran{place}"
            city.enrols(name, base="resident", household="one")
            stay = Enrolment("390", WUHAN, "resident", valid_to=date(2026, 12, 31))
            city.run(lambda tx, name=name: tx.run("delete from enrolment where book = %(b)s and person = %(p)s",
                                                  b=city.people[name].book, p=city.people[name].id))  # fmt: skip
            city.run(lambda tx, name=name, stay=stay: enrolment.enrol(tx, city.people[name], stay, date(2025, 1, 1)))
            city.authorises("giver", name, "paternal_grandparent")
        self.house = city.opens_household("head", wife="spouse")
        self.bills = {name: [city.uploads(city.visits(name), [("A", "90.00"), ("MINE", "35.00")]) for _ in range(40)]
                      for name in ("father", "son", "spouse", "far", "wife")}  # fmt: skip

    def command(self, name: str, work: Callable[[Any], Any]) -> None:
        """One act of a person through commands.run, as the pages do it: a refusal is an answer, anything else is not."""
        key = Key.of(1, "storm", "x", f"{self.chance.getrandbits(96):x}", b"")
        refused: list[str] = []

        def say(no: Refusal) -> str:
            refused.append(no.code)
            return no.code

        def done(tx: Any) -> str:
            work(tx)
            return ""

        try:
            commands.run(self.city.db, key, done, say, at=self.city.now, by=BY)
        except Refusal as no:
            refused.append(no.code)
            if no.code != "command.busy":
                raise
        self.came[f"{name}: {'done' if not refused else 'refused' if refused[-1] != 'command.busy' else 'busy'}"] += 1

    def settle(self) -> None:
        name = self.chance.choice(list(self.bills))
        if not self.bills[name]:
            return
        try:
            bill = self.bills[name].pop()
        except IndexError:
            return
        answer = self.city.settles(bill)
        good = is_answer(answer)
        self.came[f"settle: {'done' if good else 'refused'}"] += 1
        if good and self.chance.random() < 0.6:
            back = self.city.refunds(answer["output"]["setlinfo"])
            self.came[f"refund: {'done' if is_answer(back) else 'refused'}"] += 1

    def terms(self) -> None:
        who, chance = self.city.people, self.chance
        given = self.city.run(lambda tx: aid.given(tx, who["giver"]))
        if not given:
            return
        one = chance.choice(given)
        new = Terms(quota=chance.randint(1000, 900_000), reserve=chance.randint(0, 200_000))
        acts: list[Callable[[Any], Any]] = [
            lambda tx: aid.change(tx, library(), one.id, who["giver"], one.version, new),
            lambda tx: aid.pause(tx, one.id, who["giver"], one.version),
            lambda tx: aid.resume(tx, one.id, who["giver"], one.version),
            lambda tx: aid.end(tx, one.id),
        ]
        self.command("terms", chance.choice(acts[:3] if chance.random() < 0.9 else acts))

    def again(self) -> None:
        """Who was released is authorised anew."""
        name = self.chance.choice(list(self.kin))
        who, word = self.city.people, self.kin[name]
        self.command("authorise", lambda tx: aid.authorise(tx, library(), who["giver"], who[name], word, Terms(quota=500_000)))

    def pool(self) -> None:
        who, chance = self.city.people, self.chance
        fen = chance.choice((1, 999, 20_000, 5_000_000))
        self.command("pool", lambda tx: household.transfer(tx, library(), self.house, who["head"], fen))

    def quota(self) -> None:
        who, chance = self.city.people, self.chance
        found = self.city.run(lambda tx: wallet.given(tx, who["giver"]))
        if not found:
            fen = chance.randint(1000, 300_000)
            self.command("freeze", lambda tx: wallet.freeze(tx, library(), who["giver"], who["far"], "sibling", fen))
        elif chance.random() < 0.5:
            fen, one = chance.randint(1, 300_000), found[0]
            self.command("quota", lambda tx: wallet.change(tx, library(), one.id, who["giver"], one.version, fen))
        else:
            self.command("thaw", lambda tx: wallet.stop(tx, found[0].id, who["giver"]))

    def premium(self) -> None:
        who, chance = self.city.people, self.chance
        name = f"gran{chance.randrange(3)}"
        paid = self.city.run(lambda tx: premium.paid_for(tx, who[name]))
        living = [row for row in paid if row["refunded_at"] is None]
        if living:
            self.command("premium back", lambda tx: premium.refund(tx, library(), living[0]["id"], who["giver"]))
        else:
            order = Order(who["giver"], who[name], "resident", 2027)
            self.command("premium", lambda tx: premium.pay(tx, library(), order))


def test_everything_at_once_on_the_same_purses(city: City) -> None:
    """Settlements, refunds, changed and ended terms, transfers, quotas and premiums for a while, each against all others."""
    storm = Storm(city, seed=7)
    acts = (storm.settle, storm.settle, storm.settle, storm.terms, storm.again, storm.pool, storm.quota, storm.premium)
    end = time.monotonic() + SECONDS

    def work() -> None:
        while time.monotonic() < end:
            storm.chance.choice(acts)()

    with watched(city):
        together([work] * THREADS)
    told = dict(storm.came)
    for what in ("settle", "refund", "terms", "pool", "premium"):
        assert told.get(f"{what}: done", 0) > 0, told
    assert told.get("freeze: done", 0) > 0, told
    busy = sum(many for what, many in told.items() if what.endswith("busy"))
    assert busy * 10 <= sum(told.values()), told
    city.books_balance()
    used = city.run(lambda tx: tx.all("select used, quota from aid where quota is not null and used < 0"))
    assert used == []
