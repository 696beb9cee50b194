"""Worked examples through the gateway: the same people made in a scratch database, their bills settled over HTTP.

Time stands at each case's own day. What only the law alone can know is skipped by name, never counted as passed.
"""

from __future__ import annotations

import secrets
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from mulaid import commands, schema
from mulaid.calendar import SHANGHAI
from mulaid.client import ID_CARD, Certificate, Client, Connection, Line, NoAnswer, Refused
from mulaid.crypto import Keys
from mulaid.db import Actor, Database, Tx, process_url
from mulaid.demo import city
from mulaid.demo.city import Item, Place
from mulaid.gateway.app import Gateway, build
from mulaid.ledger import chart, statement
from mulaid.money import Fen
from mulaid.people import activation, aid, credential, enrolment, identity
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.people.face import Assurance
from mulaid.policy.cases import Case, CaseGiver, Outcome, Visit, read_cases
from mulaid.policy.facts import Portion
from mulaid.policy.pack import library
from mulaid.postgres import Server
from mulaid.refusal import Refusal
from mulaid.settings import Settings

Say = Callable[[str], None]
BY = Actor("cases", "proof")
BEFORE = timedelta(days=30)
ANY_BIRTHDAY = date(1975, 1, 1)
IN_POLICY, UPFRONT, OVER_LIMIT, SELF_FUNDED = "CASE-A", "CASE-B", "CASE-LIMIT", "CASE-OUT"
ITEMS = (
    Item(IN_POLICY, "政策范围内项目", 0, "01", "09"),
    Item(UPFRONT, "全部先行自付的乙类项目", 0, "02", "09", upfront=1_000_000),
    Item(OVER_LIMIT, "全部超过限价的项目", 0, "01", "08", limit=0),
    Item(SELF_FUNDED, "目录外项目", 0, "03", "14"),
)
FROZEN = "frozen quota is not settled yet"
NOT_IN_TOWN = "the town has no stays, pools, quotas and caps yet"
ONE_CODE = "a code names one chosen giver, the case has several"


def run_through_gateway(settings: Settings, files: Sequence[Path], say: Say) -> int:
    """Every case of the files; the exit code is 1 when one failed. Raises CaseTrouble for a file that cannot be understood."""
    cases = [case for file in files for case in read_cases(file)]
    with _scratch(settings) as (url, keys):
        return run_on(url, keys, cases, say, embedded=settings.database_url is None)


def run_on(url: str, keys: Keys, cases: Sequence[Case], say: Say, *, embedded: bool) -> int:
    """The cases over a migrated database that has nobody in it."""
    passed = failed = skipped = 0
    with _town(url, keys, embedded=embedded) as town:
        for case in cases:
            if reason := _skipped(case):
                say(f"skip {case.id} {case.title}")
                say(f"     skipped through the gateway: {reason}")
                skipped += 1
                continue
            differences = list(town.differences(case))
            say(f"{'ok  ' if not differences else 'FAIL'} {case.id} {case.title}")
            for line in differences:
                say(f"     {line}")
            passed, failed = passed + (not differences), failed + bool(differences)
    say(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def _skipped(case: Case) -> str:
    if case.only_the_law:
        return NOT_IN_TOWN
    if any(entry.giver.frozen for entry in case.givers):
        return FROZEN
    return ONE_CODE if sum(entry.giver.chosen for entry in case.givers) > 1 else ""


@contextmanager
def _scratch(settings: Settings) -> Iterator[tuple[str, Keys]]:
    """A migrated database beside the installation's own, gone afterwards."""
    name = f"mulaid_cases_{secrets.token_hex(6)}"
    with _server(settings) as address:
        url = make_conninfo(address, dbname=name)
        try:
            yield url, schema.migrate(settings, url, lambda text: None)
        finally:
            with psycopg.connect(make_conninfo(address, dbname="postgres"), autocommit=True) as connection:
                connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@contextmanager
def _server(settings: Settings) -> Iterator[str]:
    if settings.database_url:
        yield settings.database_url
        return
    with Server(settings.data / "postgres") as server:
        yield server.url("postgres")


class _Quiet(WSGIRequestHandler):
    """Says nothing about requests that were answered."""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the cases are the report."""


class _Door(WSGIServer):
    """The gateway's callable behind a port; skips the look-up of the machine's own name, which can take seconds."""

    def server_bind(self) -> None:
        """Take a free port."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]
        self.setup_environ()


@contextmanager
def serving(gateway: Gateway) -> Iterator[str]:
    """The gateway on a free port of this machine, answered by this process; its address."""
    with _Door(("127.0.0.1", 0), _Quiet) as door:
        door.set_app(gateway)
        thread = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{door.server_port}"
        finally:
            door.shutdown()
            thread.join()


@contextmanager
def _town(url: str, keys: Keys, *, embedded: bool) -> Iterator[_Town]:
    db = Database(url, keys, size=2)
    town = _Town(db)
    gateway = build(
        process_url(url, "mulaid_gateway", embedded=embedded), keys, clock=lambda: town.now, allow_test_area=True, size=2
    )
    try:
        with serving(gateway) as address:
            town.address = address
            commands.alone(db, town.open_shops, at=town.now, by=BY)
            yield town
    finally:
        town.close()
        gateway.db.close()
        db.close()


@dataclass(frozen=True, slots=True)
class _People:
    """The people of one case: who they became, and which authorisation each giver made."""

    patient: PersonRef
    number: str
    givers: Mapping[str, PersonRef]
    aids: Mapping[str, UUID]
    refused: Mapping[str, str]


class _Town:
    """What cases share: the database, the clock that stands still, and the institutions by region, level and letter."""

    def __init__(self, db: Database) -> None:
        self.db, self.address = db, ""
        self.now = _at(date(2020, 1, 1))
        self.tags: set[str] = set()
        self.places: dict[tuple[str, str, str], Client] = {}
        self.born: dict[date, int] = {}
        self.serial = 0

    def close(self) -> None:
        """Give the clients' connections back."""
        for client in self.places.values():
            client.close()

    def run(self, work: Callable[[Tx], Any]) -> Any:
        """A transaction at the case's moment."""
        return commands.alone(self.db, work, at=self.now, by=BY)

    def open_shops(self, tx: Tx) -> None:
        """The catalogue that bills are made of."""
        for item in ITEMS:
            city.add_item(tx, item)

    def differences(self, case: Case) -> Iterator[str]:
        """Where the case came out otherwise than expected, one sentence each."""
        self.serial += 1
        self.now = _at(_first_day(case))
        people: _People = self.run(lambda tx: self.move_in(tx, case))
        for place, visit in enumerate(case.visits, 1):
            self.now = _at(visit.on) + timedelta(minutes=5 * place)
            try:
                wrong = self.settle(case, people, visit)
            except (Refused, Refusal, NoAnswer) as error:
                wrong = [f"no settlement: {error}"]
            yield from (f"visit {place}: {line}" for line in wrong)
            if wrong:
                yield from (f"visit {place}: {name} could not authorise: {code}" for name, code in people.refused.items())

    def move_in(self, tx: Tx, case: Case) -> _People:
        """The patient and the givers, with money, sums of the year and authorisations, in the order in which they happened."""
        first = _first_day(case)
        given = case.patient
        scheme = enrolment.EMPLOYEES if given.employee else enrolment.RESIDENTS
        insured = Enrolment(
            scheme, given.region, given.base, given.status, retired_on=given.retired_on, family_doctor=given.family_doctor
        )
        household = f"case {self.serial}"
        patient, number = self.register(tx, "病人", given.born, insured, household, first)
        _credit(tx, patient, given.region, case.before.account, case.before.current_year)
        year = case.before.year
        enrolment.bring_sums(
            tx,
            patient,
            case.on.year,
            in_policy=year.in_policy,
            fund=year.fund,
            supplement=year.supplement,
            deductible=year.deductible,
        )
        givers: dict[str, PersonRef] = {}
        aids: dict[str, UUID] = {}
        refused: dict[str, str] = {}
        for place, entry in enumerate(case.givers):
            giver = entry.giver
            working = Enrolment(enrolment.EMPLOYEES, giver.region, "active")
            # Every second giver lives elsewhere, so that money also moves between books.
            home = household if place % 2 == 0 else f"{household} {giver.shown}"
            ref, _ = self.register(tx, _name(giver.shown, place), ANY_BIRTHDAY, working, home, first)
            _credit(tx, ref, giver.region, giver.account, giver.current_year)
            givers[giver.shown] = ref
            try:
                with tx.connection.transaction():
                    aids[giver.shown] = _authorise(tx, ref, patient, entry, place)
            except Refusal as refusal:
                refused[giver.shown] = refusal.code
            _what_happened_since(tx, ref, working, entry)
        return _People(patient, number, givers, aids, refused)

    def register(self, tx: Tx, name: str, born: date, insured: Enrolment, household: str, since: date) -> tuple[PersonRef, str]:
        """A person whom nobody else is; the reference and the identity number."""
        serial = self.born[born] = self.born.get(born, -1) + 1
        if serial > 999:
            return self.register(tx, name, born + timedelta(days=1), insured, household, since)
        number = identity.make_resident_id(city.TEST_AREA, born, serial)
        ref = enrolment.register(
            tx, name=name, kind="01", number=number, region=insured.region, household=household, allow_test_area=True
        )
        enrolment.enrol(tx, ref, insured, since)
        activation.activate(tx, ref, ref, "counter", Assurance.SANDBOX)
        return ref, number

    def settle(self, case: Case, people: _People, visit: Visit) -> list[str]:
        """One bill as an institution sends it; what came of it compared with what was expected and with the books."""
        client = self.client(case.patient.region, visit)
        lines = self.lines(visit.portions)
        before = self.purses(people)
        certificate = self.certificate(client, case, people)
        number = people.patient.number
        if visit.use == "pharmacy":
            preview = client.preview_purchase(number, certificate, lines, use_accounts=visit.use_accounts)
            paid = client.buy(number, certificate, lines, use_accounts=visit.use_accounts).paid
        else:
            bill, _ = client.upload(client.register(number, certificate, "1"), lines)
            preview = client.preview(bill, use_accounts=visit.use_accounts)
            paid = client.settle(bill, use_accounts=visit.use_accounts).paid
        after = self.purses(people)
        moved = {key: before[key] - after[key] for key in before}
        aided = {name: moved[name, chart.OWN] for name in people.givers}
        outcome = Outcome(
            fund=_fen(paid["fund_pay_sumamt"]),
            current_year=moved["", chart.CURRENT_YEAR],
            own=moved["", chart.OWN],
            aid=aided,
            cash=_fen(paid["psn_cash_pay"]),
            total=_fen(paid["medfee_sumamt"]),
            deductible=_fen(paid["act_pay_dedc"]),
        )
        wrong = outcome.differences(visit.expect)
        if sum(moved.values()) != _fen(paid["acct_pay"]) or sum(aided.values()) != _fen(paid["acct_mulaid_pay"]):
            wrong.append(f"purses paid {moved}, the answer says {paid['acct_pay']} with aid {paid['acct_mulaid_pay']}")
        told = {name: amount for name, amount in paid.items() if isinstance(amount, Decimal)}
        foretold = {name: preview.paid[name] for name in told}
        wrong += [f"{name}: foretold {foretold[name]}, settled {told[name]}" for name in told if foretold[name] != told[name]]
        return wrong

    def certificate(self, client: Client, case: Case, people: _People) -> Certificate:
        """The patient's identity card, or the token of a code for which the patient picked a giver."""
        chosen = next((entry.giver.shown for entry in case.givers if entry.giver.chosen), None)
        if chosen is None or chosen not in people.aids:
            return Certificate(ID_CARD, people.number)
        who, pick = people.patient, people.aids[chosen]
        code: credential.Code = self.run(lambda tx: credential.issue(tx, library(), who, who, sandbox=True, chosen=pick))
        return client.decode(code.digits)[0]

    def purses(self, people: _People) -> dict[tuple[str, int], Fen]:
        """What everybody's purses come to by their entries; the patient is the empty name."""
        with self.db.reading(self.now, BY) as tx:
            return {
                (name, kind): sum(entry.fen for entry in statement.statement(tx, ref.book, ref.id, kind))
                for name, ref in [("", people.patient), *people.givers.items()]
                for kind in (chart.OWN, chart.CURRENT_YEAR)
            }

    def lines(self, portions: Sequence[Portion]) -> list[Line]:
        """Bill lines that split into exactly these portions."""
        lines = []
        for portion in portions:
            if portion.tag:
                lines.append(Line(self.tagged(portion.tag), portion.total))
                continue
            parts = (portion.in_policy, portion.upfront, portion.over_limit, portion.self_funded)
            lines += [Line(item.code, fen) for item, fen in zip(ITEMS, parts, strict=True) if fen]
        return lines

    def tagged(self, tag: str) -> str:
        """The code of an item outside the catalogue with a tag."""
        code = f"CASE-{tag}"
        if tag not in self.tags:
            self.run(lambda tx: city.add_item(tx, Item(code, tag, 0, "03", "14", tag=tag)))
            self.tags.add(tag)
        return code

    def client(self, region: str, visit: Visit) -> Client:
        """The institution of a visit."""
        key = (region, visit.level, visit.institution)
        if key not in self.places:
            kind = "pharmacy" if visit.use == "pharmacy" else "hospital"
            code = f"{'P' if kind == 'pharmacy' else 'H'}{region}{len(self.places):05d}"
            place = Place(
                code,
                f"机构 {visit.institution}",
                kind,
                region,
                visit.level,
                (city.Access(f"{code}-open", "open", "national"),),
            )
            self.run(lambda tx: city.add_place(tx, place))
            self.places[key] = Client(self.address, Connection(code), clock=lambda: self.now, tries=1)
        return self.places[key]


def _at(day: date) -> datetime:
    return datetime.combine(day, time(10, 0), SHANGHAI)


def _fen(amount: Decimal) -> Fen:
    return int(amount * 100)


def _first_day(case: Case) -> date:
    """Before anything of the case happened: from this day on everybody is insured."""
    days = [case.on, *(visit.on for visit in case.visits)]
    for entry in case.givers:
        days += [date.fromisoformat(entry.giver.bound[:10]), date.fromisoformat(entry.giver.filed[:10])]
        days += [entry.suspended_from] if entry.suspended_from else []
    return min(days) - BEFORE


def _name(shown: str, place: int) -> str:
    """A giver's name as the case has it, or one that a person can have: `giver 1` cannot be registered.

    A name of one letter gets a second one: masked, only the first stays, and orders by name go by what stays.
    """
    try:
        return identity.check_name(shown if len(shown) > 1 else shown + "某")
    except Refusal:
        return "家人" + "甲乙丙丁戊己庚辛壬癸"[place % 10]


def _credit(tx: Tx, ref: PersonRef, region: str, account: Fen, current_year: Fen) -> None:
    for kind, fen in ((chart.OWN, account), (chart.CURRENT_YEAR, current_year)):
        if fen:
            city.credit(tx, ref, region, kind, fen)


ORDINARY_USES = frozenset({"outpatient", "pharmacy", "inpatient"})
"""What a case gives for when it does not say: as much of it as the region permits."""


def _authorise(tx: Tx, giver: PersonRef, patient: PersonRef, entry: CaseGiver, place: int) -> UUID:
    given = entry.giver
    later = timedelta(milliseconds=place)  # of one day's authorisations the case's order decides, as it does in the law alone
    uses = None if given.uses == ORDINARY_USES else sorted(given.uses)
    terms = aid.Terms(given.quota_left, given.settlement_cap, None, given.rank, uses)
    bound, filed = (datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI) for moment in (given.bound, given.filed))
    return aid.authorise(tx, library(), giver, patient, given.relation, terms, bound_at=bound + later, filed_at=filed + later)


def _what_happened_since(tx: Tx, ref: PersonRef, working: Enrolment, entry: CaseGiver) -> None:
    """The giver's enrolment after the authorisation was made, for nobody may give one who is suspended or excluded already.

    A standing status is dated before the binding: it says what the giver is on the day of care, not that it came in between.
    """
    giver = entry.giver
    if giver.status != "normal" or giver.group:
        working = replace(working, status=giver.status, staff_group=giver.group)
        enrolment.enrol(tx, ref, working, date.fromisoformat(giver.bound[:10]) - timedelta(days=1))
    for since, status in ((entry.suspended_from, "suspended"), (entry.resumed_from, "normal")):
        if since is not None:
            enrolment.enrol(tx, ref, replace(working, status=status), since)
