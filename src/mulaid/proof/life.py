"""Life in a simulated city, day by day from a seed: families of every region live through what the system is for.

Every act is a real command, every bill a message to the gateway's own WSGI callable, open or signed. Refusals are counted by act
and code. After each day books and purses are looked at in full and new decisions are replayed; at the end everything is.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import httpx

from mulaid import commands, jobs
from mulaid.calendar import SHANGHAI, business_date, month_of
from mulaid.client import Client, Info, NoAnswer, Refused, Visit
from mulaid.crypto import Keys
from mulaid.db import Actor, Database, Statements, Tx, process_url
from mulaid.demo import city
from mulaid.demo.city import Access, Item, Place
from mulaid.gateway.app import build
from mulaid.ledger import statement
from mulaid.people import aid, binding, credential, enrolment, family, identity
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.people.face import Assurance
from mulaid.people.kinship import INVERSE
from mulaid.policy.pack import NATION, Library, library
from mulaid.proof.rings import Rings
from mulaid.proof.verify import faults
from mulaid.refusal import Refusal

SQL = Statements("mulaid.proof", "life.sql")
Say = Callable[[str], None]
START = date(2026, 12, 16)
"""So that a month sees a new month, a new year with its sums and caps, the end of paid years and of the premium's window."""
ENROLLED = date(2021, 1, 1)
OURS = ("message.internal", "command.busy", "")
"""Refusals that nobody should ever get when one thing happens after the other: our own failure."""
ITEMS = (
    Item("A", "甲类药", 0, "01", "09"),
    Item("B", "乙类药", 0, "02", "09"),
    Item("B10", "乙类药，先付一成", 0, "02", "09", upfront=100_000),
    Item("LIMITED", "限价耗材", 0, "01", "08", limit=2_000),
    Item("OUT", "目录外药", 0, "03", "14"),
    Item("BEAUTY", "美容项目", 0, "03", "14", tag="cosmetic"),
    Item("VACCINE", "HPV疫苗", 0, "03", "09", tag="vaccine:HPV"),
)
KEY = "life-is-made-up-32-bytes-of-key!"
SURNAMES, GIVEN = "王李张刘陈杨赵黄周吴", "伟芳娜敏静强磊军洋艳勇杰娟涛明超霞平刚玉"


class Trouble(Exception):
    """Something is not as it must be; the message has seed, day, what is wrong and the last acts. For developers, in English."""


@dataclass(eq=False, slots=True)
class Soul:
    """A made-up person. `kin` are the relatives, each with what they are to this person."""

    ref: PersonRef
    name: str
    number: str
    born: date
    region: str
    base: str
    kin: list[tuple[Soul, str]] = field(default_factory=list)
    alive: bool = True
    died_on: date = date.max
    stopped: bool = False


@dataclass(slots=True)
class Shop:
    """An institution and its way to the gateway."""

    place: Place
    client: Client

    @property
    def pharmacy(self) -> bool:
        """Whether it sells medicine and nothing else."""
        return self.place.kind == "pharmacy"


@dataclass(slots=True)
class Bought:
    """A settlement that stands or was refunded; `refund` is the transaction that returns it."""

    shop: Shop
    soul: Soul
    infno: str
    refund: str
    msgid: str
    paid: Info


@dataclass(slots=True)
class Stay:
    """Somebody lies in hospital until a day."""

    shop: Shop
    soul: Soul
    visit: Visit
    until: date
    total: int = 0


Act = Callable[["Life"], bool]
"""One thing somebody does; False when there was nobody to do it."""


class Life:
    """A city in a database of its own. Close it."""

    def __init__(self, url: str, keys: Keys, say: Say, *, people: int, seed: int, embedded: bool, start: date = START) -> None:
        self.db = Database(url, keys, size=2)
        self.chance, self.seed, self.say, self.size = random.Random(seed), seed, say, people  # noqa: S311
        self.now = datetime.combine(start, time(7), SHANGHAI)
        self.day = 0
        self.packs: Library = library()
        self.regions = sorted(set(self.packs.sheets) - {NATION})
        self.souls: list[Soul] = []
        self.born: Counter[date] = Counter()
        self.shops: dict[str, list[Shop]] = {}
        self.bought: deque[Bought] = deque(maxlen=400)
        self.stays: list[Stay] = []
        self.done: Counter[str] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()
        self.last: deque[str] = deque(maxlen=25)
        self.seen: dict[int, UUID] = {}
        self.rings = Rings(self)
        self.today: dict[UUID, str] = {}
        self.gateway = build(
            process_url(url, "mulaid_gateway", embedded=embedded), keys, clock=lambda: self.now, allow_test_area=True, size=2
        )

    def close(self) -> None:
        """Give all connections back."""
        for shops in self.shops.values():
            for shop in shops:
                shop.client.close()
        self.gateway.db.close()
        self.db.close()

    # Moving in

    def settle_in(self) -> None:
        """The regions' institutions, and families until there are enough people."""
        for item in ITEMS:
            self.run(partial(city.add_item, item=item))
        pause = timedelta(hours=1) / (4 * self.size)  # one after the other: what happened first is the same in every run
        for region in self.regions:
            self.run(partial(self._open_shops, region=region))
        while len(self.souls) < self.size:
            region = self.regions[len(self.souls) % len(self.regions)]
            self.run(partial(self._move_in, region=region))
            self.now += pause
        for soul in self.souls:
            for other, relation in soul.kin:
                if self.chance.random() < 0.3:
                    self.now += pause
                    self.try_act("brings_relation", partial(self._bring_relation, soul=soul, other=other, relation=relation))
        self.say(f"{len(self.souls)} people in {len(self.regions)} regions have moved in")

    def _open_shops(self, tx: Tx, region: str) -> None:
        kinds = (("hospital", "L3"), ("hospital", "primary"), ("pharmacy", "pharmacy"))
        self.shops[region] = []
        for place, (kind, level) in enumerate(kinds):
            code = f"{kind[0].upper()}{region}{place:05d}"
            signed = place == 1
            way = Access(
                f"life-{code}", "mulaid1" if signed else "open", "mulaid1" if signed else "national", KEY if signed else ""
            )
            shop = Place(code, f"{self.packs.name(region)}{place + 1}号机构", kind, region, level, (way,))
            city.add_place(tx, shop)
            through = httpx.WSGITransport(app=self.gateway)
            client = Client("http://gateway", shop.way_in(way.transport), clock=lambda: self.now, tries=1, transport=through)
            self.shops[region].append(Shop(shop, client))

    def _move_in(self, tx: Tx, region: str) -> None:
        """A couple, some of their parents and children; now and then somebody lives elsewhere."""
        year = self.chance.randint(1966, 1996)
        away = self.chance.choice(self.regions) if self.chance.random() < 0.4 else region
        home = self.chance.choice(("东", "西"))
        husband = self._soul(tx, region, home, "active", year, male=True)
        wife = self._soul(tx, region, home, "active" if self.chance.random() < 0.8 else "resident", year + 1, male=False)
        self._kin(tx, husband, wife, "spouse")
        for _ in range(self.chance.choice((0, 1, 1, 2))):
            born = min(year + self.chance.randint(22, 32), 2026)
            grown = born < 2003
            child = self._soul(tx, away if grown else region, home, "active" if grown else "resident", born, male=born % 2 == 0)
            for parent in (husband, wife):
                self._kin(tx, parent, child, "child")
        for child, male in ((husband, True), (husband, False), (wife, False)):
            if self.chance.random() < 0.5:
                base = self.chance.choice(("retired", "retired", "resident"))
                where = self.chance.choice((region, region, away))
                parent = self._soul(tx, where, self.chance.choice(("东", "西")), base, max(1938, year - 28), male=male)
                self._kin(tx, child, parent, "parent")

    def _bring_relation(self, _: Life, *, soul: Soul, other: Soul, relation: str) -> bool:
        """A family account or an authorisation from before."""
        if self.chance.random() < 0.5:
            self.run(lambda tx: family.bind(tx, other.ref, soul.ref, relation))
        else:
            since = self.now - timedelta(days=self.chance.randint(1, 400))
            terms = aid.Terms(month_cap=self.chance.choice((None, 300_00)), year_cap=self.chance.choice((None, None, 500_00)))
            self.run(
                lambda tx: aid.authorise(tx, self.packs, soul.ref, other.ref, relation, terms, bound_at=since, filed_at=since)
            )
        return True

    def _soul(self, tx: Tx, region: str, home: str, base: str, year: int, *, male: bool) -> Soul:
        born = min(date(year, self.chance.randint(1, 12), self.chance.randint(1, 28)), date(2026, 6, 1))
        self.born[born] += 1
        number = identity.make_resident_id(city.TEST_AREA, born, self.born[born] * 2 + male)
        name = self.chance.choice(SURNAMES) + self.chance.choice(GIVEN) + self.chance.choice(GIVEN)
        ref = enrolment.register(
            tx, name=name, kind="01", number=number, region=region, household=f"{region} {home}", allow_test_area=True
        )
        employee = base != "resident"
        retired = date(year + 60, 3, 1) if base == "retired" else None
        known = Enrolment(
            enrolment.EMPLOYEES if employee else enrolment.RESIDENTS,
            region,
            base,
            retired_on=min(retired, date(2026, 6, 1)) if retired else None,
            wage_base=self.chance.randint(4_000, 20_000) * 100 if base == "active" else None,
            valid_to=None if employee else date(START.year, 12, 31),
        )
        enrolment.enrol(tx, ref, known, max(born, ENROLLED))
        if self.chance.random() < 0.9:
            credential.activate(tx, ref, ref, "counter", Assurance.SANDBOX)
        if employee:
            city.credit(tx, ref, region, 1, self.chance.choice((0, 60_00, 800_00, 3_000_00, 9_000_00)))
        soul = Soul(ref, name, number, born, region, base)
        self.souls.append(soul)
        return soul

    def _kin(self, tx: Tx, one: Soul, other: Soul, relation: str) -> None:
        """Both know what they are to each other; of two families in three a register knows as well."""
        one.kin.append((other, relation))
        other.kin.append((one, INVERSE[relation]))
        if self.chance.random() < 0.66:
            for person, relative, word in ((one, other, relation), (other, one, INVERSE[relation])):
                since = max(person.born, relative.born, ENROLLED)
                tx.run(
                    SQL.add_kinship,
                    book=person.ref.book,
                    person=person.ref.id,
                    other=relative.ref.id,
                    relation=word,
                    since=since,
                )

    # Living

    def run(self, work: Callable[[Tx], Any], channel: str = "mini") -> Any:
        """A transaction of the moment, through a channel."""
        return commands.alone(self.db, work, at=self.now, by=Actor("life", channel))

    def pick(self, fits: Callable[[Soul], bool] = lambda soul: True) -> Soul | None:
        """Somebody alive who fits, if a few tries find one."""
        for _ in range(30):
            soul = self.chance.choice(self.souls)
            if soul.alive and fits(soul):
                return soul
        return None

    def region_today(self, soul: Soul) -> str:
        """Near home, or now and then far away, and for the whole day: nobody is in two cities within an hour."""
        if soul.ref.id not in self.today:
            self.today[soul.ref.id] = soul.region if self.chance.random() < 0.9 else self.chance.choice(self.regions)
        return self.today[soul.ref.id]

    def live_day(self, acts: Mapping[str, tuple[Act, float]]) -> None:
        """Everything of a day in a shuffled order, and the night. `acts`: each with how often a day among 1,000 people."""
        day = self.now.date() + timedelta(days=1) if self.day else self.now.date()
        self.day += 1
        self.today.clear()
        wanted = []
        for name, (_, rate) in acts.items():
            often = rate * self.size / 1000
            wanted += [name] * (int(often) + (self.chance.random() < often % 1))
        self.chance.shuffle(wanted)
        pause = timedelta(hours=11) / max(1, len(wanted))
        begin = datetime.combine(day, time(8), SHANGHAI)
        for place, name in enumerate(wanted):
            self.now = begin + pause * place
            self.try_act(name, acts[name][0])
        try:
            self.rings.evening(day)
        except (Refusal, Refused) as refusal:
            self.fail(f"a ring or a family of the evening was refused: {refusal}")
        self.now = datetime.combine(day, time(21), SHANGHAI)
        self.night()

    def try_act(self, name: str, act: Act) -> None:
        """One act: done, nobody there, or refused and counted. Everything else is a failure of ours."""
        try:
            came = "done" if act(self) else "nobody"
        except (Refusal, Refused) as refusal:
            came = refusal.code
            self.refused[name, came] += 1
            if came in OURS:
                self.fail(f"{name} was refused as only our own failure may be: {refusal}")
        except (NoAnswer, AssertionError) as error:
            self.fail(f"{name}: {type(error).__name__}: {error}")
        except Exception as error:
            self.last.append(f"{self.now:%m-%d %H:%M} {name}: {type(error).__name__}")
            raise Trouble(self.told(f"{name}: {type(error).__name__}: {error}")) from error
        self.done[name] += came == "done"
        self.last.append(f"{self.now:%m-%d %H:%M} {name}: {came}")

    def night(self) -> None:
        """What happens by itself: relations walked, requests lapsed, draws cleared, and on the first of a month the credits."""
        clock = partial(getattr, self, "now")
        if business_date(self.now).day == 1 or self.day == 1:
            came = jobs.credit_everybody(self.db, self.packs, month_of(business_date(self.now)), lambda text: None, clock=clock)
            self.last.append(f"{self.now:%m-%d %H:%M} credited {came.people} people with {came.fen} fen")
        jobs.look_at_relations(self.db, self.packs, clock=clock)
        jobs.return_overdue(self.db, clock=clock)
        jobs.clear_last_month(self.db, clock=clock)
        jobs.seal_everything(self.db, clock=clock)
        jobs.look_for_misuse(self.db, clock=clock)
        for book in sorted({soul.ref.book for soul in self.souls}):
            self.run(partial(binding.lapse, book=book))

    # Looking

    def wrong(self, *, whole: bool = False) -> list[str]:
        """What is not as it must be: the four invariants, and what relations, quotas and years say of each other."""
        with self.db.reading(self.now, Actor("life", "proof")) as tx:
            found = list(faults(tx, {} if whole else self.seen))
            self.seen = {row["book"]: row["id"] for row in tx.all(SQL.newest_settlements)}
            found += [f"authorisation {row['id']} gave more than its limits" for row in tx.all(SQL.limits_passed)]
            found += [
                f"account of {row['holder']}: {row['frozen']} frozen, {row['held']} held" for row in tx.all(SQL.frozen_wrong)
            ]
            found += [f"year {row['year']} of {row['person']} is not the sum of its bills" for row in tx.all(SQL.years_wrong)]
            found += [f"authorisation {row['id']}: used {row['used']}, taken {row['taken']}" for row in tx.all(SQL.used_wrong)]
            found += [f"{row['what']} outlived somebody" for row in tx.all(SQL.outlived)]
            found += [f"household {row['id']} is neither open nor closed" for row in tx.all(SQL.parts_wrong)]
        return found

    def check(self, *, whole: bool = False) -> None:
        """Raises Trouble at the first thing that is wrong."""
        if found := self.wrong(whole=whole):
            self.fail("\n".join(found[:10]))

    def fail(self, what: str) -> None:
        """Stop here, with everything somebody needs to find out why."""
        raise Trouble(self.told(what))

    def told(self, what: str) -> str:
        """What is wrong, when, and what happened last."""
        acts = "\n".join(f"  {act}" for act in self.last)
        return f"seed {self.seed}, day {self.day} ({self.now:%Y-%m-%d}): {what}\nthe last acts:\n{acts}"

    def balances(self, soul: Soul) -> dict[int, int]:
        """What a person's purses hold."""
        with self.db.reading(self.now, Actor("life", "proof")) as tx:
            return statement.balances(tx, soul.ref.book, soul.ref.id)


def live(
    url: str, keys: Keys, say: Say, *, people: int, days: int, seed: int, embedded: bool, acts: Mapping[str, tuple[Act, float]]
) -> Life:
    """A city's days; the closed city with what was done and refused. Raises Trouble at the first thing that is wrong."""
    life = Life(url, keys, say, people=people, seed=seed, embedded=embedded)
    try:
        life.settle_in()
        life.check()
        for _ in range(days):
            before, refused = life.done.total(), life.refused.total()
            life.live_day(acts)
            life.check(whole=life.day == days)
            did = f"{life.done.total() - before} acts, {life.refused.total() - refused} refused"
            say(f"day {life.day} of {days} ({life.now:%Y-%m-%d}): {did}, everything agrees")
        life.rings.look()
    finally:
        life.close()
    return life


def report(life: Life, names: Sequence[str]) -> list[str]:
    """What was done, and how often each refusal was the answer."""
    told = []
    for name in names:
        refused = {code: many for (act, code), many in life.refused.most_common() if act == name}
        codes = ", ".join(f"{code} {many}" for code, many in refused.items())
        told.append(f"{name:20} {life.done[name]:6} done  {sum(refused.values()):5} refused  {codes}")
    return [*told, *life.rings.told()]
