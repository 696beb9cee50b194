"""The watch over settlements: dated rules look at what was settled, and what looks like misuse becomes a signal for clerks.

Nothing waits for it and nothing follows from it by itself: the worker reads what has been committed, minutes later. Of each
settlement it notes a sighting in the book of everybody concerned (patient, relative who showed or paid, pharmacy), so that a rule
judges a subject inside one book, without sums over books. Both steps move a mark in the transaction of their work: stopped
anywhere they go on where they were, and run twice they find nothing left. The rules are watch.toml; see docs/security.md.
"""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from typing import Any
from uuid import UUID

from psycopg.types.json import Json

from mulaid import audit, refs
from mulaid.agency import staff
from mulaid.calendar import business_date
from mulaid.db import Row, Statements, Tx
from mulaid.money import Fen, yuan
from mulaid.people.enrolment import PersonRef
from mulaid.refusal import Refusal
from mulaid.settlement.visit import find_institution

SQL = Statements("mulaid.agency", "watch.sql")
SIGNAL = "W"
PATIENT, RELATIVE, PHARMACY = "patient", "relative", "pharmacy"
NOTED = "noted"
SETTLED = timedelta(minutes=5)
"""No settlement commits later than this after the moment it carries."""
LOOKS_BACK = timedelta(days=31)
"""How old settlements may be when a book is looked at for the first time."""
STRETCH = timedelta(days=1)
BATCH = 500
AFAR = "6202"
"""A settlement of the mobile centre: nobody stood anywhere."""
NEW, HARMLESS, FOLLOW_UP = "new", "harmless", "follow_up"
STATES = {NEW: "没有看过", FOLLOW_UP: "需要跟进", HARMLESS: "看过，没有问题"}
LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Sighting:
    """A settlement as it concerns one subject; the fields are those of the table."""

    role: str
    settlement: UUID
    subject: str
    at: datetime
    institution: str
    region: str
    pharmacy: bool
    person: UUID
    hand: bool
    family: bool
    paid: Fen
    total: Fen
    supply: Mapping[str, int] | None = None


Sightings = Sequence[Sighting]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is in force on a day; `version` is its first day, `values` the numbers of watch.toml."""

    name: str
    version: date
    values: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(f"rule {self.name} has no value {name!r}") from None

    @property
    def span(self) -> timedelta:
        """How long what it looks for may take, from the first settlement to the last one within."""
        return timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rule: the roles it looks at, which sightings count, and what of a stretch is evidence; nothing when all is well.

    A stretch begins with one of a subject's sightings and is as long as the rule says; `by_place`: at one institution.
    """

    roles: Sequence[str]
    counts: Callable[[Sighting], bool]
    evidence: Callable[[Rule, Sightings], Sightings]
    by_place: bool = False


def _split(rule: Rule, some: Sightings) -> Sightings:
    return some if len(some) >= rule.many and sum(one.total for one in some) >= rule.least_fen else ()


def _split_family(rule: Rule, some: Sightings) -> Sightings:
    return _split(rule, some) if len({one.person for one in some}) >= rule.people else ()


def _drawn(rule: Rule, some: Sightings) -> Sightings:
    people, places = {one.person for one in some}, {one.institution for one in some}
    return some if len(people) >= rule.people or len(places) >= rule.places else ()


def _travel(rule: Rule, some: Sightings) -> Sightings:
    first, *others = some
    away = [one for one in others if one.at - first.at <= _shortest(rule, first.region, one.region)]
    return [first, *away] if away else ()


def _shortest(rule: Rule, one: str, other: str) -> timedelta:
    """What is too short to get from one region to another; less than nothing within a city."""
    near = one[:2] == other[:2] or frozenset((one[:2], other[:2])) in _touching()
    if _city(one) == _city(other):
        return timedelta(-1)
    return timedelta(minutes=rule.near_minutes) if near else rule.span


def _city(region: str) -> str:
    return region[:2] if region[:2] in _file()["geography"]["whole"].split() else region[:4]


@cache
def _touching() -> frozenset[frozenset[str]]:
    lines = [line.split() for line in _file()["geography"]["touch"]]
    return frozenset(frozenset((first, other)) for first, *others in lines for other in others)


def _series(rule: Rule, some: Sightings) -> Sightings:
    family = [one for one in some if one.family]
    many = len({one.person for one in family}) >= rule.people
    return family if some[0].family and many and len(family) * 100 >= len(some) * rule.share_percent else ()


def _supply_of(rule: Rule, some: Sightings) -> Sightings:
    days = _days(some)
    return [one for one in some if any(days[item] > rule.most_days * 100 for item in one.supply or ())]


def _days(some: Sightings) -> Mapping[str, int]:
    """Hundredths of days that all of them together last, by item."""
    days: defaultdict[str, int] = defaultdict(int)
    for one in some:
        for item, each in (one.supply or {}).items():
            days[item] += each
    return days


KINDS = {
    "split": Kind((PATIENT,), lambda one: one.pharmacy, _split),
    "split_family": Kind((RELATIVE,), lambda one: one.pharmacy, _split_family, by_place=True),
    "drawn": Kind((RELATIVE,), lambda one: one.paid > 0, _drawn),
    "travel": Kind((PATIENT, RELATIVE), lambda one: one.hand, _travel),
    "series": Kind((PHARMACY,), lambda one: True, _series),
    "supply": Kind((PATIENT,), lambda one: bool(one.supply), _supply_of),
}


@dataclass(frozen=True, slots=True)
class Said:
    """What clerks read of a rule: its title, what was seen as a form to fill, and what to look into."""

    title: str
    kind: str
    saw: str
    check: str
    versions: Sequence[Rule]


@cache
def _file() -> Mapping[str, Any]:
    return tomllib.loads(resources.files("mulaid.agency").joinpath("watch.toml").read_text("utf-8"))


def sources() -> Mapping[str, Mapping[str, str]]:
    """Where values of rules come from: title, grade, where."""
    return _file()["sources"]  # type: ignore[no-any-return]


@cache
def rules() -> Mapping[str, Said]:
    """Every rule of watch.toml with its versions, the oldest first."""
    told = {}
    for name, given in _file()["rules"].items():
        versions = [Rule(name, date.fromisoformat(since), values) for since, values in given.items() if isinstance(values, dict)]
        versions.sort(key=lambda one: one.version)
        told[name] = Said(given["title"], given["kind"], given["saw"], given["check"], versions)
    return told


def in_force(name: str, on: date) -> Rule | None:
    """The newest version of a rule that has begun on a day; nothing before the first."""
    return next((one for one in reversed(rules()[name].versions) if one.version <= on), None)


# What the worker does


def books_to_note(tx: Tx) -> list[int]:
    """Books with settlements that no sightings were made of yet."""
    return [row["book"] for row in tx.all(SQL.books_to_note, until=_id_at(tx.at - SETTLED), since=_id_at(tx.at - LOOKS_BACK))]


def note(tx: Tx, book: int, until: datetime, most: int = BATCH) -> int:
    """Make sightings of the next settlements of a book that were settled before a moment; how many settlements."""
    after, end = _hold(tx, book, [NOTED])[NOTED], _id_at(until)
    rows = tx.all(SQL.unnoted, book=book, after=after, until=end, most=most) if after < end else []
    some = [(refs.book_of(UUID(one.subject)) if one.role != PHARMACY else row["shop"], one) for row in rows for one in _seen(row)]
    if some:
        tx.run(
            SQL.add_sightings,
            books=[at for at, _ in some],
            roles=[one.role for _, one in some],
            settlements=[one.settlement for _, one in some],
            subjects=[one.subject for _, one in some],
            ats=[one.at for _, one in some],
            institutions=[one.institution for _, one in some],
            regions=[one.region for _, one in some],
            pharmacies=[one.pharmacy for _, one in some],
            people=[one.person for _, one in some],
            hands=[one.hand for _, one in some],
            families=[one.family for _, one in some],
            paids=[one.paid for _, one in some],
            totals=[one.total for _, one in some],
            supplies=[json.dumps(one.supply) if one.supply else None for _, one in some],
        )
    tx.run(SQL.move_watch, book=book, names=[NOTED], afters=[rows[-1]["id"] if len(rows) == most else end])
    return len(rows)


def _seen(row: Row) -> Iterator[Sighting]:
    """What a settlement shows of its patient, of relatives, of a pharmacy."""
    presenter, there = row["presenter"] or row["person"], row["infno"] != AFAR
    paid: defaultdict[UUID, Fen] = defaultdict(int)
    for payer, fen, _ in row["payers"] or ():
        paid[UUID(payer)] += fen
    paid.pop(row["person"], None)
    relatives = {*paid, presenter} - {row["person"]}
    # A pool is everybody's own in its household: where regions pool, most purchases draw on one.
    family = presenter != row["person"] or any(not pool for *_, pool in row["payers"] or ())

    def one(role: str, subject: object, *, hand: bool = False, fen: Fen = 0, supply: Mapping[str, int] | None = None) -> Sighting:
        same = {name: row[name] for name in ("at", "institution", "region", "pharmacy", "person", "total")}
        return Sighting(
            role=role,
            settlement=row["id"],
            subject=str(subject),
            hand=hand,
            family=family,
            paid=fen,
            supply=supply,
            **same,
        )

    own = presenter == row["person"]
    yield one(PATIENT, row["person"], hand=own and there, supply=_supply(row["supply"] or ()))
    for relative in relatives:
        yield one(RELATIVE, relative, hand=relative == presenter and there, fen=paid[relative])
    if row["pharmacy"]:
        yield one(PHARMACY, row["institution"])


def _supply(lines: Iterable[Sequence[str]]) -> Mapping[str, int] | None:
    """Days of medicine by item, in hundredths; an institution's text that is no number tells nothing."""
    days: defaultdict[str, int] = defaultdict(int)
    for item, text in lines:
        try:
            days[item] += int(Decimal(text) * 100)
        except (InvalidOperation, ValueError, OverflowError):
            continue
    return dict(days) or None


def books_to_judge(tx: Tx) -> list[int]:
    """Books in which something waits for the rules."""
    return [row["book"] for row in tx.all(SQL.books_to_judge)]


def judge(tx: Tx, book: int, until: datetime) -> tuple[int, bool]:
    """Let every rule look at its next stretch of a book, as far as everything up to a moment has been noted.

    How many signals came of it, and whether that is all. What began too late to be over at that moment waits for the next time.
    """
    marks, made, done = _hold(tx, book, sorted(rules())), 0, True
    for name, after in marks.items():
        kind, longest = KINDS[rules()[name].kind], max(version.span for version in rules()[name].versions)
        row, marks[name] = tx.one(SQL.first_sighting, book=book, roles=list(kind.roles), after=after), _id_at(until - longest)
        first = row["id"] if row else None
        if first is None or first >= marks[name]:
            continue
        if (stop := _later(first, STRETCH)) < marks[name]:
            marks[name], done = stop, False
        made += _judge_stretch(tx, book, name, after, marks[name], longest)
    tx.run(SQL.move_watch, book=book, names=list(marks), afters=list(marks.values()))
    tx.run(SQL.drop_sightings, book=book, until=min(marks.values()))
    return made, done


def _judge_stretch(tx: Tx, book: int, name: str, after: UUID, stop: UUID, longest: timedelta) -> int:
    kind = KINDS[rules()[name].kind]
    groups: defaultdict[tuple[str, ...], list[Sighting]] = defaultdict(list)
    for row in tx.all(SQL.sightings, book=book, roles=list(kind.roles), after=after, until=_later(stop, longest)):
        if kind.counts(one := Sighting(**row)):
            groups[one.subject, one.institution if kind.by_place else ""].append(one)
    return sum(_judge_one(tx, book, name, stop, some) for some in groups.values())


def _judge_one(tx: Tx, book: int, name: str, stop: UUID, some: Sightings) -> int:
    if not next(_found(name, stop, some, set()), None):
        return 0
    # Only now, because it is rare: what was refunded meanwhile, or told of already, is not counted.
    gone = _taken_back(tx, some)
    some = [one for one in some if one.settlement not in gone]
    told = tx.all(SQL.evidence_of, book=book, rule=name, subject=some[0].subject, since=some[0].at) if some else []
    known = {settlement for row in told for settlement in row["settlements"]}
    return sum(_tell(tx, book, rule, evidence) for rule, evidence in _found(name, stop, some, known))


def _found(name: str, stop: UUID, some: Sightings, known: set[UUID]) -> Iterator[tuple[Rule, Sightings]]:
    """Stretches of one subject that the rule does not like; each settlement is evidence once."""
    kind, told = KINDS[rules()[name].kind], set(known)
    for place, first in enumerate(some):
        rule = in_force(name, business_date(first.at))
        if rule is None or first.settlement in told or first.settlement >= stop:
            continue
        last = first.at + rule.span
        evidence = kind.evidence(rule, [one for one in _until(some, place, last) if one.settlement not in told])
        if evidence:
            told.update(one.settlement for one in evidence)
            yield rule, evidence


def _until(some: Sightings, place: int, last: datetime) -> Iterator[Sighting]:
    for one in some[place:]:
        if one.at > last:
            return
        yield one


def _taken_back(tx: Tx, some: Sightings) -> set[UUID]:
    by_book: defaultdict[int, list[UUID]] = defaultdict(list)
    for one in some:
        by_book[refs.book_of(one.settlement)].append(one.settlement)
    return {row["id"] for book, ids in by_book.items() for row in tx.all(SQL.taken_back, book=book, ids=ids)}


def _tell(tx: Tx, book: int, rule: Rule, evidence: Sightings) -> int:
    first, last = evidence[0], evidence[-1]
    facts = {
        "many": len(evidence),
        "fen": sum(one.total for one in evidence),
        "paid": sum(one.paid for one in evidence),
        "days": max(_days(evidence).values(), default=0) // 100,
        "people": len({one.person for one in evidence}),
        "places": len({one.institution for one in evidence}),
        "minutes": -(-(last.at - first.at) // timedelta(minutes=1)),
    }
    return tx.run(
        SQL.add_signal,
        book=book,
        id=refs.mint(book, tx.at),
        region=_region_of(tx, book, first),
        rule=rule.name,
        version=rule.version,
        role=first.role,
        subject=first.subject,
        first=first.settlement,
        settlements=[one.settlement for one in evidence],
        begun_at=first.at,
        ended_at=last.at,
        facts=Json(facts),
        at=tx.at,
    )


def _region_of(tx: Tx, book: int, one: Sighting) -> str:
    """Whose agency looks: that of the subject's insurance, of a pharmacy and of a household that of the first place."""
    row = None if one.role == PHARMACY else tx.one(SQL.region_of_person, book=book, person=UUID(one.subject))
    return str(row["region"]) if row else one.region


def _hold(tx: Tx, book: int, names: list[str]) -> dict[str, UUID]:
    tx.run(SQL.open_watch, book=book, names=names, after=_id_at(tx.at - LOOKS_BACK))
    return {row["what"]: row["after"] for row in tx.all(SQL.hold_watch, book=book, names=names)}


def _id_at(moment: datetime) -> UUID:
    """Below every id of a moment and later, above every earlier one."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


def _later(ref: UUID, span: timedelta) -> UUID:
    return UUID(int=(ref.int >> 80) + span // timedelta(milliseconds=1) << 80)


# What clerks read and say


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal as clerks read it. `who` is masked; `state` is new, follow_up or harmless; `looks` counts who said so."""

    id: UUID
    rule: str
    version: date
    title: str
    saw: str
    check: str
    who: str
    region: str
    settlements: Sequence[UUID]
    begun_at: datetime
    ended_at: datetime
    made_at: datetime
    looks: int
    state: str
    note: str
    looked_by: str
    looked_at: datetime | None

    @property
    def number(self) -> str:
        """What it is asked for by."""
        return refs.show(SIGNAL, self.id)


@dataclass(frozen=True, slots=True)
class Seen:
    """One settlement of the evidence: masked people, `family` what relatives' accounts paid of `total`."""

    id: UUID
    at: datetime
    place: str
    region: str
    person: str
    presenter: str
    total: Fen
    family: Fen
    refunded: bool

    @property
    def number(self) -> str:
        """The settlement's number."""
        return refs.show(refs.SETTLEMENT, self.id)


def listed(tx: Tx, *, rule: str = "", state: str = "", most: int = 200) -> list[Signal]:
    """Signals of the acting clerk's region, the newest first; of one rule or state when given."""
    return [_signal(tx, row) for row in tx.all(SQL.signals, prefix=_prefix(tx), rule=rule, state=state, most=most)]


def numbers(tx: Tx) -> dict[tuple[str, str], int]:
    """How many signals the acting clerk's region has, by rule and state, all of them counted."""
    return {(row["rule"], row["state"]): row["many"] for row in tx.all(SQL.signal_numbers, prefix=_prefix(tx))}


def read(tx: Tx, signal: UUID) -> tuple[Signal, list[Seen]]:
    """A signal with its evidence, opened for the acting clerk, which is in the audit trail.

    Refuses watch.unknown, other regions, and what is about the clerk's own family.
    """
    row = _open(tx, signal)
    audit.write(tx, row["book"], "read_signal", signal, purpose=row["rule_name"])
    return _signal(tx, row), _evidence(tx, row["settlements"])


def look(tx: Tx, signal: UUID, looks: int, verdict: str, words: str) -> None:
    """The acting clerk has looked: harmless, or to be followed up, and why. It may be said anew; the trail has each time.

    Refuses watch.stale where somebody else has said so since, and watch.note_needed.
    """
    assert verdict in (HARMLESS, FOLLOW_UP)
    row, said = _open(tx, signal), words.strip()
    if not 0 < len(said) <= LONGEST_NOTE:
        raise Refusal("watch.note_needed", most=LONGEST_NOTE)
    sealed = tx.keys.seal("signal", f"signal|note|{signal}", said)
    if not tx.run(SQL.look_at, book=row["book"], id=signal, looks=looks, verdict=verdict, note=sealed, by=tx.by.name, at=tx.at):
        raise Refusal("watch.stale")
    audit.write(tx, row["book"], "look_at_signal", signal, purpose=verdict, detail={"rule": row["rule_name"], "looks": looks + 1})


def _open(tx: Tx, signal: UUID) -> Row:
    row = tx.one(SQL.signal, book=refs.book_of(signal), id=signal)
    if row is None:
        raise Refusal("watch.unknown")
    clerk = staff.acting(tx, staff.BUSINESS, row["region"])
    staff.require_stranger(tx, clerk, sorted(_people(tx, row), key=lambda one: one.id))
    return row


def _people(tx: Tx, row: Row) -> set[PersonRef]:
    found = {each for one in _settled(tx, row["settlements"]) for each in (one["person"], one["presenter"]) if each is not None}
    if row["role"] == RELATIVE:
        found.add(UUID(row["subject"]))
    return {PersonRef(refs.book_of(one), one) for one in found}


def _prefix(tx: Tx) -> str:
    return staff.prefix(staff.acting(tx, staff.BUSINESS, staff.find(tx, tx.by.name).region).region)


def _signal(tx: Tx, row: Row) -> Signal:
    said, facts = rules()[row["rule_name"]], row["facts"]
    version = next(one for one in said.versions if one.version == row["version"])
    note = tx.keys.open_text("signal", f"signal|note|{row['id']}", row["note"]) if row["note"] is not None else ""
    return Signal(
        title=said.title,
        saw=said.saw.format(**version.values | facts, money=yuan(facts["fen"]), paid_money=yuan(facts["paid"])),
        check=said.check,
        who=_who(tx, row["role"], row["subject"]),
        state=row["verdict"] or NEW,
        note=note,
        rule=row["rule_name"],
        looked_by=row["looked_by"] or "",
        **{name: row[name] for name in ("id", "version", "region", "settlements", "begun_at", "ended_at", "made_at", "looks")},
        looked_at=row["looked_at"],
    )


def _who(tx: Tx, role: str, subject: str) -> str:
    """The subject as clerks may see it: a pharmacy by name, a person masked, a household by its head."""
    if role == PHARMACY:
        place = find_institution(tx, subject)
        assert place is not None, "institutions are never taken out"
        return place.name
    ref = UUID(subject)
    row = tx.one(SQL.shown, book=refs.book_of(ref), id=ref)
    assert row is not None, "a subject is a person or a household"
    return f"{row['shown']}的家庭账户" if row["household"] else str(row["shown"])


def _settled(tx: Tx, settlements: Sequence[UUID]) -> list[Row]:
    by_book: defaultdict[int, list[UUID]] = defaultdict(list)
    for one in settlements:
        by_book[refs.book_of(one)].append(one)
    return [row for book, ids in by_book.items() for row in tx.all(SQL.seen_settlements, book=book, ids=ids)]


def _evidence(tx: Tx, settlements: Sequence[UUID]) -> list[Seen]:
    names: dict[UUID, str] = {}

    def name(ref: UUID) -> str:
        if ref not in names:
            names[ref] = _who(tx, PATIENT, str(ref))
        return names[ref]

    rows = sorted(_settled(tx, settlements), key=lambda row: row["at"])
    return [
        Seen(
            person=name(row["person"]),
            presenter=name(row["presenter"]) if row["presenter"] not in (None, row["person"]) else "",
            **{field: row[field] for field in ("id", "at", "place", "region", "total", "family", "refunded")},
        )
        for row in rows
    ]
