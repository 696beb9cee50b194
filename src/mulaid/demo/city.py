"""The demo city: city.toml read, and loaded once into an empty database through the commands that the desk uses too.

Everything in it is made up. Mark, people and money come in one transaction: a city is there whole or not at all.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import Any
from uuid import UUID

from mulaid import commands, refs
from mulaid.agency import casework, entrance, staff
from mulaid.agency.matters import person_of
from mulaid.calendar import SHANGHAI, Clock, business_date, wall_clock, year_start
from mulaid.client import Connection
from mulaid.crypto import Keys
from mulaid.db import Actor, Database, Statements, Tx
from mulaid.gateway.dialect import profiles
from mulaid.ledger import chart, journal
from mulaid.money import Fen, parse_yuan
from mulaid.people import aid, credential, enrolment, family, household, wallet
from mulaid.people.enrolment import Enrolment, PersonRef, enrolled
from mulaid.people.face import Assurance
from mulaid.people.identity import make_resident_id
from mulaid.policy.pack import Library, library
from mulaid.settlement import listing

SQL = Statements("mulaid.demo", "city.sql")
BY = Actor("demo", "demo")
TEST_AREA = "100000"
ENROLLED_SINCE = date(2020, 1, 1)
LISTED_SINCE = date(2000, 1, 1)
LISTS_OF = date(2024, 1, 1)
WAGE_BASE = "8000"
CLERKS_PASSWORD = "demo-console-2026"  # noqa: S105 -- public, of made-up clerks in a demonstration
CLERKS = (("zhao.demo", "赵经办", "420100", "handler"), ("qian.demo", "钱复核", "420000", "checker"))
CLERKS_BORN = date(1979, 5, 20)
"""The month's contribution base of made-up employees, in yuan, so that the monthly credit has something to share."""
SCHEMES = {"active": enrolment.EMPLOYEES, "retired": enrolment.EMPLOYEES, "resident": enrolment.RESIDENTS}
KINDS = {"hospital": 1, "pharmacy": 2}

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Access:
    """A way in for an institution's programs; `key` is public, the city's own, and empty for an open connection."""

    id: str
    transport: str
    profile: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A made-up institution; `kind` is hospital or pharmacy."""

    code: str
    name: str
    kind: str
    region: str
    level: str
    connections: tuple[Access, ...] = ()

    def way_in(self, transport: str, operator: str = "demo") -> Connection:
        """Its connection of one transport, as a client uses it."""
        row = next(row for row in self.connections if row.transport == transport)
        both = profiles()[row.profile].fund_includes_accounts
        return Connection(self.code, transport, row.id, row.key.encode(), operator, "演示收费员", fund_includes_accounts=both)


@dataclass(frozen=True, slots=True)
class Item:
    """A catalogue entry with the price that the city's institutions ask; amounts in fen, `upfront` in millionths."""

    code: str
    name: str
    price: Fen
    grade: str
    charge: str
    upfront: int | None = None
    limit: Fen | None = None
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Resident:
    """A made-up person with what the accounts hold on the first day; amounts in fen."""

    key: str
    name: str
    born: date
    serial: int
    enrolment: Enrolment
    household: str
    account: Fen
    current_year: Fen
    spent: Mapping[str, Fen]
    suspended_from: date | None
    resumed_from: date | None

    @property
    def number(self) -> str:
        """The identity number, of the area that is given to nobody."""
        return make_resident_id(TEST_AREA, self.born, self.serial)


@dataclass(frozen=True, slots=True)
class Household:
    """People who share a household, and one sentence about what can be tried with them."""

    key: str
    region: str
    says: str
    people: tuple[Resident, ...]


@dataclass(frozen=True, slots=True)
class Authorisation:
    """Mutual aid that was given before the city's first day; `relation` is what the receiver is to the giver."""

    giver: str
    receiver: str
    relation: str
    bound: date
    terms: aid.Terms


@dataclass(frozen=True, slots=True)
class Pool:
    """A household account with what its head moved in; `members` by what they are to the head."""

    head: str
    members: Mapping[str, str]
    moved: Fen


@dataclass(frozen=True, slots=True)
class Quota:
    """Part of a giver's account frozen for a relative in another province."""

    giver: str
    receiver: str
    relation: str
    quota: Fen


@dataclass(frozen=True, slots=True)
class Bond:
    """A family account; `relation` is what the member is to the binder."""

    binder: str
    member: str
    relation: str


@dataclass(frozen=True, slots=True)
class City:
    """The whole city as city.toml describes it."""

    version: int
    places: Mapping[str, Place]
    households: tuple[Household, ...]
    authorisations: tuple[Authorisation, ...]
    pools: tuple[Pool, ...]
    quotas: tuple[Quota, ...]
    bonds: tuple[Bond, ...]
    items: Mapping[str, Item]

    @property
    def people(self) -> Mapping[str, Resident]:
        """Everybody, by key."""
        return {person.key: person for home in self.households for person in home.people}


@cache
def read(text: str | None = None) -> City:
    """The city of this release, or one from a file of the same format."""
    raw = tomllib.loads(text or resources.files("mulaid.demo").joinpath("city.toml").read_text("utf-8"))
    items = {row["code"]: _item(row, group["charge"]) for group in raw["items"] for row in group["rows"]}
    return City(
        version=raw["version"],
        places={row["code"]: _place(row) for row in raw["institution"]},
        households=tuple(_household(row) for row in raw["household"]),
        authorisations=tuple(_authorisation(row) for row in raw.get("aid", ())),
        pools=tuple(_pool(row) for row in raw.get("pool", ())),
        quotas=tuple(Quota(**{**row, "quota": parse_yuan(row["quota"])}) for row in raw.get("quota", ())),
        bonds=tuple(Bond(**row) for row in raw.get("family", ())),
        items=items,
    )


def _place(row: Mapping[str, Any]) -> Place:
    return Place(**{**row, "connections": tuple(Access(**given) for given in row["connections"])})


def _item(row: Mapping[str, Any], charge: str) -> Item:
    limit = parse_yuan(row["limit"]) if "limit" in row else None
    return Item(**{"charge": charge, **row, "price": parse_yuan(row["price"]), "limit": limit})


def _household(row: Mapping[str, Any]) -> Household:
    people = tuple(_resident(person, row["key"], row["region"]) for person in row["people"])
    return Household(row["key"], row["region"], row["says"], people)


def _resident(row: Mapping[str, Any], household: str, region: str) -> Resident:
    kind = row["class"]
    return Resident(
        key=row["key"],
        name=row["name"],
        born=row["born"],
        serial=row["serial"],
        enrolment=Enrolment(
            SCHEMES[kind],
            region,
            kind,
            psn_type=row.get("psn_type", ""),
            retired_on=row.get("retired_on"),
            family_doctor=row.get("family_doctor", False),
            staff_group=row.get("group"),
            wage_base=parse_yuan(row.get("wage_base", WAGE_BASE)) if kind == "active" else None,
        ),
        household=household,
        account=parse_yuan(row.get("account", "0")),
        current_year=parse_yuan(row.get("current_year", "0")),
        spent={name: parse_yuan(amount) for name, amount in row.get("spent", {}).items()},
        suspended_from=row.get("suspended_from"),
        resumed_from=row.get("resumed_from"),
    )


def _authorisation(row: Mapping[str, Any]) -> Authorisation:
    money = {name: parse_yuan(row[name]) for name in ("quota", "settlement_cap") if name in row}
    terms = aid.Terms(
        quota=money.get("quota"),
        settlement_cap=money.get("settlement_cap"),
        valid_to=row.get("valid_to"),
        rank=row.get("rank"),
        uses=tuple(row["uses"]) if "uses" in row else None,
    )
    return Authorisation(row["giver"], row["receiver"], row["relation"], row["bound"], terms)


def _pool(row: Mapping[str, Any]) -> Pool:
    return Pool(row["head"], {member["who"]: member["relation"] for member in row["members"]}, parse_yuan(row["moved"]))


def load(url: str, keys: Keys, progress: Progress, *, clock: Clock = wall_clock) -> None:
    """Load the city into a database that has nobody in it; says what it does, and leaves every other database as it is."""
    db = Database(url, keys, size=1)
    at = clock()
    try:
        with db.reading(at, BY) as tx:
            found = tx.one(SQL.marked)
        assert found is not None, "a row of two answers"
        if found["version"] is not None:
            return
        if found["people"]:
            progress("there are people in this database already; the demo city is not loaded")
            return
        commands.alone(db, lambda tx: _load(tx, read(), library(), progress), at=at, by=BY)
    finally:
        db.close()


def _load(tx: Tx, city: City, packs: Library, progress: Progress) -> None:
    if not tx.run(SQL.mark, version=str(city.version)):
        return
    progress(f"loading the demo city: {len(city.people)} people, {len(city.places)} institutions, {len(city.items)} items")
    bonds = populate(tx, city, packs)
    open_agency(tx)
    first_case(tx, bonds[0])
    progress(f"the demo city is there: {len(city.authorisations)} authorisations, {len(city.bonds)} family accounts")


def populate(tx: Tx, city: City, packs: Library) -> list[UUID]:
    """Put a city's institutions, items, people and relations into an empty database; the family accounts it made."""
    for place in city.places.values():
        add_place(tx, place)
    for item in city.items.values():
        add_item(tx, item)
    lists = resources.files("mulaid.demo").joinpath("lists.csv").read_text("utf-8")
    listing.load(tx, listing.read(lists.splitlines()), LISTS_OF)
    refs = {person.key: settle_in(tx, person) for home in city.households for person in home.people}
    for given in city.authorisations:
        giver, receiver = refs[given.giver], refs[given.receiver]
        aid.authorise(tx, packs, giver, receiver, given.relation, given.terms, bound_at=_morning(given.bound))
    for person in city.people.values():
        _suspend(tx, refs[person.key], person)
    for pool in city.pools:
        head = refs[pool.head]
        ref = household.open_household(tx, packs, head)
        for who, relation in pool.members.items():
            household.add_member(tx, packs, ref, head, refs[who], relation)
        household.transfer(tx, packs, ref, head, pool.moved)
    for quota in city.quotas:
        wallet.freeze(tx, packs, refs[quota.giver], refs[quota.receiver], quota.relation, quota.quota)
    bonds = []
    for bond in city.bonds:
        born = city.people[bond.member].born
        due = family.next_consent(family.pack_of(tx, packs, refs[bond.member]), born, business_date(tx.at))
        basis = family.Basis(Assurance.SANDBOX, due)
        bonds.append(family.bind(tx, refs[bond.member], refs[bond.binder], bond.relation, basis))
    return bonds


def add_place(tx: Tx, place: Place) -> None:
    """An institution with its connections."""
    book = enrolment.book_for(place.region, place.code)
    tx.run(
        SQL.add_institution,
        code=place.code,
        name=place.name,
        kind=KINDS[place.kind],
        region=place.region,
        level=place.level,
        book=book,
    )
    for row in place.connections:
        secret = tx.keys.seal("client", f"client|secret|{row.id}", row.key) if row.key else None
        tx.run(SQL.add_client, id=row.id, institution=place.code, transport=row.transport, profile=row.profile, secret=secret)


def add_item(tx: Tx, item: Item) -> None:
    """A catalogue entry."""
    tx.run(
        SQL.add_item,
        code=item.code,
        since=LISTED_SINCE,
        name=item.name,
        grade=item.grade,
        upfront=item.upfront,
        limit=item.limit,
        charge=item.charge,
        tag=item.tag,
    )


def settle_in(tx: Tx, person: Resident) -> PersonRef:
    """Register and enrol a person, with money in the accounts and what the year had seen before."""
    region = person.enrolment.region
    ref = enrolment.register(
        tx, name=person.name, kind="01", number=person.number, region=region, household=person.household, allow_test_area=True
    )
    enrolment.enrol(tx, ref, person.enrolment, max(person.born, ENROLLED_SINCE))
    credential.activate(tx, ref, ref, "counter", Assurance.SANDBOX)
    if person.enrolment.scheme == enrolment.EMPLOYEES:
        credit(tx, ref, region, chart.OWN, person.account)
        if person.current_year:
            credit(tx, ref, region, chart.CURRENT_YEAR, person.current_year)
    if person.spent:
        sums = {name: person.spent.get(name, 0) for name in ("in_policy", "fund", "supplement", "deductible")}
        begins = library().in_force(region, business_date(tx.at))["medical_year_start"]
        enrolment.bring_sums(tx, ref, year_start(business_date(tx.at), begins).year, **sums)
    return ref


def credit(tx: Tx, ref: PersonRef, region: str, kind: int, fen: Fen) -> None:
    """Open a purse and put made-up money into it, by a journal whose legs say `demo`."""
    journal.open_purse(tx, ref.book, ref.id, kind)
    if fen:
        source = journal.Leg(chart.crediting(region), -fen, "demo")
        journal.post(tx, ref.book, "demo", [source, journal.Leg(chart.purse(ref.id, kind), fen, "demo")])


def _suspend(tx: Tx, ref: PersonRef, person: Resident) -> None:
    """After the authorisations, because nobody who is suspended may give one."""
    given = person.enrolment
    for since, status in ((person.suspended_from, "suspended"), (person.resumed_from, "normal")):
        if since is not None:
            enrolment.enrol(tx, ref, replace(given, status=status), since)


def _morning(day: date) -> datetime:
    return datetime.combine(day, time(9, 0), SHANGHAI)


def open_agency(tx: Tx) -> None:
    """Staff as they would be added by hand, each with a password and a second factor of their own."""
    system, security = (
        _applicant(tx, "root.sys", "孙系统", staff.NATION, 0),
        _applicant(tx, "root.sec", "李安全", staff.NATION, 1),
    )
    staff.found(tx, system, security, allow_test_area=True)
    stored = entrance.hashed(CLERKS_PASSWORD)
    as_system, as_security = (replace(tx, by=Actor(one.id, "desk")) for one in (system, security))
    for place, (who, name, region, role) in enumerate(CLERKS, 2):
        staff.add(as_system, _applicant(tx, who, name, region, place), allow_test_area=True)
        staff.propose(as_system, who, [role])
        staff.grant(as_security, who)
        word = entrance.invite(as_system, who)
        secret = entrance.prepare(tx, who, word, stored)
        # The clock of the first code is a step behind, so that the present one still serves to sign in.
        entrance.prove(tx, who, word, entrance.code_of(secret, tx.at - timedelta(seconds=entrance.STEP)))


def first_case(tx: Tx, bond: UUID) -> None:
    """Somebody asked at the counter to end a family account."""
    row = tx.one(staff.SQL.bond, book=refs.book_of(bond), id=bond)
    assert row is not None, "the bond was made a moment ago"
    member = person_of(row["member"])
    region = enrolled(tx, member, business_date(tx.at)).region
    casework.open_case(tx, "unbind_counter", person=member, applicant=member, about=bond, region=region)


def _applicant(tx: Tx, who: str, name: str, region: str, place: int) -> staff.Applicant:
    number = make_resident_id("100000", CLERKS_BORN, 990 - place)
    return staff.Applicant(who, name, "01", number, region, business_date(tx.at) + timedelta(days=700))
