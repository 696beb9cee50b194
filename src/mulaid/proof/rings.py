"""Misuse in the simulated city: a ring every evening, and a family that only looks like one; which of them the watch saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from mulaid import jobs, refs
from mulaid.calendar import SHANGHAI
from mulaid.client import ID_CARD, Certificate, Line
from mulaid.db import Actor, Statements, Tx
from mulaid.demo import city
from mulaid.ledger import chart
from mulaid.money import Fen
from mulaid.people import aid, credential, enrolment, family, identity
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.people.face import Assurance

if TYPE_CHECKING:
    from mulaid.proof.life import Life, Shop

SQL = Statements("mulaid.proof", "life.sql")
BORN = date(1980, 1, 31)
"""No soul of the city is born on the last of a month, so no number is given twice."""
BEGINS = time(19, 10)
HOME, NEAR, FAR = "420100", "430100", "310000"
KIN = ("parent", "parent", "spouse", "child")
MINUTE = timedelta(minutes=1)


@dataclass(eq=False, slots=True)
class Stranger:
    """Somebody who lives in the city for one evening."""

    ref: PersonRef
    number: str


@dataclass(slots=True)
class Rings:
    """What was planted: rule and subject of each ring with its settlements; once looked at, what was missed or a false alarm.

    `honest` counts the settlements of everybody else, families that only look like a ring included.
    """

    life: Life
    planted: list[tuple[str, str, set[UUID]]] = field(default_factory=list)
    alike: int = 0
    people: int = 0
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    honest: int = 0

    def evening(self, day: date) -> None:
        """One ring and one family that is none, in turns."""
        life = self.life
        for plant, begin in ((RINGS, BEGINS), (FAMILIES, time(20, 10))):
            names = list(plant)
            name = names[(life.day - 1) % len(names)]
            life.now = datetime.combine(day, begin, SHANGHAI)
            subject, some = plant[name](self)
            if plant is RINGS:
                self.planted.append((name, subject, some))
            else:
                self.alike += 1
            life.done[f"{'ring' if plant is RINGS else 'family'}_{name}"] += 1

    def comes(self, region: str = HOME, money: Fen = 3_000_00) -> Stranger:
        """Somebody insured in a region, with money."""
        self.people += 1
        number = identity.make_resident_id(city.TEST_AREA, BORN, self.people)

        def work(tx: Tx) -> PersonRef:
            made = enrolment.register(
                tx, name="客人", kind="01", number=number, region=region, household=f"ring {self.people}", allow_test_area=True
            )
            enrolment.enrol(tx, made, Enrolment(enrolment.EMPLOYEES, region, "active"), date(2021, 1, 1))
            credential.activate(tx, made, made, "counter", Assurance.SANDBOX)
            city.credit(tx, made, region, chart.OWN, money)
            return made

        return Stranger(self.life.run(work), number)

    def gives(self, giver: Stranger, receiver: Stranger, relation: str = "parent") -> None:
        """The receiver may spend the giver's account."""
        life = self.life
        since = life.now - timedelta(days=30)
        life.run(
            lambda tx: aid.authorise(
                tx, life.packs, giver.ref, receiver.ref, relation, aid.Terms(), bound_at=since, filed_at=since
            )
        )

    def shop(self, region: str = HOME, place: int = 2) -> Shop:
        """An institution of a region; the last one is its pharmacy."""
        return self.life.shops[region][place]

    def buys(self, shop: Shop, one: Stranger, fen: Fen, by: Stranger | None = None, days: int = 0) -> UUID:
        """A purchase, by the card or by the code that a relative shows; how many days of medicine, if the pharmacy says so."""
        life, shown = self.life, Certificate(ID_CARD, one.number)
        if by is not None:
            code = life.run(lambda tx: credential.issue(tx, life.packs, one.ref, by.ref, sandbox=True))
            shown = shop.client.decode(code.digits)[0]
        bought = shop.client.purchase(one.ref.number, shown, [Line("OUT" if not days else "A", fen)])
        if days:
            bought["drugdetail"][0]["prd_days"] = days
        return refs.parse(refs.SETTLEMENT, shop.client.call("2102", bought, shop.client.new_msgid()).paid["setl_id"])

    def waits(self, minutes: int) -> None:
        """Time passes."""
        self.life.now += minutes * MINUTE

    def look(self) -> None:
        """When every rule is done, two days later: which rings were found, and what else was taken for one."""
        life = self.life
        later = life.now + timedelta(days=2)
        jobs.look_for_misuse(life.db, clock=lambda: later)
        bad = set[UUID]().union(*(some for _, _, some in self.planted))
        with life.db.reading(later, Actor("life", "proof")) as tx:
            signals, settled = tx.all(SQL.signals), tx.all(SQL.settled)[0]["many"]
        found = [(row["rule"], row["subject"], set(row["settlements"])) for row in signals]
        self.missed = [
            rule
            for rule, subject, some in self.planted
            if not any((rule, subject) == (r, s) and some & seen for r, s, seen in found)
        ]
        self.false = [f"{row['rule']} of {row['subject']}" for row in signals if not set(row["settlements"]) <= bad]
        self.honest = settled - len(bad)

    def told(self) -> list[str]:
        """The same in words."""
        found = len(self.planted) - len(self.missed)
        return [
            f"rings: {len(self.planted)} planted, {found} found; {self.alike} families that look like one",
            f"false alarms: {len(self.false)} of {self.honest} settlements of others",
            *(f"  not found: {rule}" for rule in self.missed),
            *(f"  false alarm: {what}" for what in self.false),
        ]


Came = tuple[str, set[UUID]]


def split_person(rings: Rings) -> Came:
    """Ten times just under a hundred yuan, five minutes apart."""
    one, some = rings.comes(), set()
    for _ in range(10):
        some.add(rings.buys(rings.shop(), one, 99_90))
        rings.waits(5)
    return str(one.ref.id), some


def split_family(rings: Rings) -> Came:
    """The same with the codes of two relatives, shown by one phone."""
    binder, members = rings.comes(), [rings.comes(), rings.comes()]
    for member in members:
        rings.life.run(partial(family.bind, member=member.ref, binder=binder.ref, relation="parent"))
    some = set()
    for number in range(10):
        some.add(rings.buys(rings.shop(), members[number % 2], 99_90, binder))
        rings.waits(5)
    return str(binder.ref.id), some


def drawn(rings: Rings) -> Came:
    """Four people are given somebody's account and empty it within an hour."""
    return _draw(rings, 4)


def _draw(rings: Rings, many: int) -> Came:
    giver, some = rings.comes(), set()
    for relation in KIN[:many]:
        receiver = rings.comes(money=0)
        rings.gives(giver, receiver, relation)
        some.add(rings.buys(rings.shop(), receiver, 300_00, days=7))
        rings.waits(15)
    return str(giver.ref.id), some


def travel(rings: Rings) -> Came:
    """A picture of a code is sent to another city, and the phone is shown at home."""
    return _travel(rings, FAR, 20)


def _travel(rings: Rings, where: str, minutes: int) -> Came:
    one = rings.comes()
    some = {rings.buys(rings.shop(), one, 80_00, one)}
    rings.waits(minutes)
    some.add(rings.buys(rings.shop(where), one, 80_00, one))
    return str(one.ref.id), some


def series(rings: Rings) -> Came:
    """A pharmacy swipes eight families' cards one after the other."""
    return _series(rings, 8, 0)


def _series(rings: Rings, families: int, customers: int) -> Came:
    some = set()
    shop = rings.shop(NEAR)
    for number in range(max(families, customers)):
        if number < families:
            giver, receiver = rings.comes(NEAR), rings.comes(NEAR, money=0)
            rings.gives(giver, receiver)
            some.add(rings.buys(shop, receiver, 50_00, days=7))
        if number < customers:
            some.add(rings.buys(shop, rings.comes(NEAR), 50_00))
        rings.waits(4)
    return shop.place.code, some


def supply(rings: Rings) -> Came:
    """Half a year of one medicine, in two purchases of an afternoon."""
    return _supply(rings, 90)


def _supply(rings: Rings, days: int) -> Came:
    one, some = rings.comes(), set()
    for _ in range(2):
        some.add(rings.buys(rings.shop(), one, 400_00, days=days))
        rings.waits(20)
    return str(one.ref.id), some


def nine_for_the_family(rings: Rings) -> Came:
    """A daughter shops for both parents before a holiday: nine purchases."""
    binder, members = rings.comes(), [rings.comes(), rings.comes()]
    for member in members:
        rings.life.run(partial(family.bind, member=member.ref, binder=binder.ref, relation="parent"))
    some = set()
    for number in range(9):
        some.add(rings.buys(rings.shop(), members[number % 2], 120_00, binder))
        rings.waits(3)
    return "", some


def three_ill_at_once(rings: Rings) -> Came:
    """One account pays for three of a family within an hour."""
    return _draw(rings, 3)


def a_commuter(rings: Rings) -> Came:
    """Half an hour by train between two cities whose provinces touch."""
    return _travel(rings, NEAR, 30)


def a_busy_pharmacy(rings: Rings) -> Came:
    """Eight families and as many customers in the same half hour."""
    return _series(rings, 8, 8)


def a_long_prescription(rings: Rings) -> Came:
    """Twelve weeks, fetched in two halves."""
    return _supply(rings, 42)


def one_who_was_charged_wrong(rings: Rings) -> Came:
    """Ten attempts, eight of them taken back at the till."""
    one, shop, some = rings.comes(), rings.shop(), set()
    for number in range(10):
        paid = shop.client.buy(one.ref.number, Certificate(ID_CARD, one.number), [Line("OUT", 99_90)]).paid
        some.add(refs.parse(refs.SETTLEMENT, paid["setl_id"]))
        rings.waits(1)
        if number < 8:
            shop.client.refund(paid, infno="2103")
    return "", some


Plant = Callable[[Rings], Came]
RINGS: Mapping[str, Plant] = {one.__name__: one for one in (travel, split_person, series, drawn, split_family, supply)}
FAMILIES: Mapping[str, Plant] = {
    one.__name__: one
    for one in (
        nine_for_the_family,
        a_commuter,
        one_who_was_charged_wrong,
        a_long_prescription,
        a_busy_pharmacy,
        three_ill_at_once,
    )
}
