"""Worked examples through the gateway: the same people made in a scratch database, their bills settled over HTTP.

Time stands at each case's own day. What only the law alone can know is skipped by name, never counted as passed.
"""

from __future__ import annotations

import secrets
import socketserver
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from mulaid import commands, refs, schema
from mulaid.calendar import SHANGHAI, business_date, year_start
from mulaid.client import ID_CARD, Certificate, Client, Connection, Info, Line, NoAnswer, Refused
from mulaid.crypto import Keys
from mulaid.db import Actor, Database, Statements, Tx, process_url
from mulaid.demo import city
from mulaid.demo.city import Item, Place
from mulaid.gateway.app import Gateway, build
from mulaid.ledger import chart, statement
from mulaid.money import Fen
from mulaid.people import aid, credential, enrolment, filings, household, identity, wallet
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.people.face import Assurance
from mulaid.policy.benefit import INPATIENT
from mulaid.policy.casefile import read_file
from mulaid.policy.cases import SUMS, Case, CaseGiver, CaseTrouble, Outcome, Visit, complete, never_made, refused
from mulaid.policy.facts import SELF, Portion, Wallet
from mulaid.policy.pack import library
from mulaid.postgres import Server
from mulaid.refusal import Refusal
from mulaid.settings import Settings
from mulaid.settlement import pay

SQL = Statements("mulaid.proof", "cases.sql")
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
DAILY = "what is left of a day needs a region with a daily limit, and no pack has one"
REWARD = "the reward of unbroken enrolment is told as an amount, and living through it would need the years that earned it"
A_YUAN = 100
NEXT_MONTH = "what a limit leaves of a month or year does not say what it leaves of the next"
ONE_CODE = "a code names one chosen giver, the case has several"
AWAY = {"long_term": "310000", "referral": "440100", "emergency": "330100", "other": "510100", "unfiled": "650100"}
"""Where care away from home takes place, one place a kind of filing, so that no filing covers another visit's."""
ANOTHER_PROVINCE = "430100"
"""Where somebody lives for whom a person of a case has frozen a quota."""


def run_through_gateway(settings: Settings, files: Sequence[Path], say: Say) -> int:
    """Every case of the files; the exit code is 1 when one failed, 2 when a file has faults, which are told at the end.

    Raises CaseTrouble for a file that cannot be read at all.
    """
    read = [read_file(file) for file in files]
    faults = [fault for _, wrong in read for fault in wrong]
    with scratch(settings) as (url, keys):
        code = run_on(url, keys, [case for cases, _ in read for case in cases], say, embedded=settings.database_url is None)
    for fault in faults:
        say(fault)
    return 2 if faults else code


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
            try:
                differences = list(town.differences(complete(case, library())))
            except CaseTrouble as trouble:
                differences = [str(trouble)]
            say(f"{'ok  ' if not differences else 'FAIL'} {case.id} {case.title}")
            for line in differences:
                say(f"     {line}")
            passed, failed = passed + (not differences), failed + bool(differences)
    say(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def _skipped(case: Case) -> str:
    """Why a case cannot be lived through; empty when it can."""
    givers = [entry.giver for entry in case.givers]
    if case.before.reward and library().in_force(case.patient.region, case.on)["serious_illness_cap"]:
        return REWARD
    if any(giver.day_left is not None for giver in givers):
        return DAILY
    months = {(day.year, day.month) for day in (case.on, *(visit.on for visit in case.visits))}
    if len(months) > 1 and any(giver.month_left is not None for giver in givers):
        return NEXT_MONTH
    if len({year for year, _ in months}) > 1 and any(giver.year_left is not None for giver in givers):
        return NEXT_MONTH
    return ONE_CODE if sum(giver.chosen for giver in givers) > 1 else ""


@contextmanager
def scratch(settings: Settings) -> Iterator[tuple[str, Keys]]:
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


@dataclass(slots=True)
class _People:
    """The people of one case: who they became, which authorisation each giver made, and what could not be brought about."""

    patient: PersonRef
    number: str
    home: str
    givers: dict[str, PersonRef] = field(default_factory=dict)
    aids: dict[str, UUID] = field(default_factory=dict)
    wallets: dict[str, tuple[int, UUID, int]] = field(default_factory=dict)
    pool: tuple[int, UUID] | None = None
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def purses(self) -> dict[tuple[str, str], tuple[int, UUID, int]]:
        """Every purse a bill of the case may draw on, by what it is for and whose it is."""
        mine = self.patient
        found = {("own", ""): (mine.book, mine.id, chart.OWN), ("current", ""): (mine.book, mine.id, chart.CURRENT_YEAR)}
        found |= {("aid", name): (ref.book, ref.id, chart.OWN) for name, ref in self.givers.items()}
        found |= {("kept", name): (ref.book, ref.id, chart.CURRENT_YEAR) for name, ref in self.givers.items()}
        found |= {("wallet", name): purse for name, purse in self.wallets.items()}
        return found | ({("pool", ""): (*self.pool, chart.HOUSEHOLD)} if self.pool else {})


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
        granted = [quota for quota in case.before.wallets if quota.relation != SELF]
        for quota in granted:
            if not quota.left:
                self.use_up(case, people, quota)
        self.run(lambda tx: self.furnish(tx, case, people))
        self.now = max(self.now, _at(case.on) - timedelta(hours=1))
        self.run(lambda tx: self.tie_up(tx, case, people))
        waiting = sorted((quota for quota in granted if quota.left), key=lambda one: one.bound)[::-1]
        self.freeze_until(case, people, waiting, case.on)
        if case.patient.status != "normal":
            self.run(lambda tx: self.turn(tx, case, people))
        for place, visit in enumerate(case.visits, 1):
            self.freeze_until(case, people, waiting, visit.on)
            self.now = max(self.now, _at(visit.on)) + timedelta(minutes=5 * place)
            try:
                wrong = self.settle(case, people, visit)
            except Refusal as refusal:
                wrong = refused(refusal.code, refusal.sentence, visit.expect)
            except Refused as answer:
                wrong = refused(answer.code, answer.err_msg, visit.expect)
            except NoAnswer as error:
                wrong = [f"no settlement: {error}"]
            yield from (f"visit {place}: {line}" for line in wrong)
            if wrong:
                yield from (f"visit {place}: {name} could not be bound: {code}" for name, code in people.refused.items())

    def move_in(self, tx: Tx, case: Case) -> _People:
        """The patient, insured, with the sums of the year and no money yet."""
        given = case.patient
        scheme = enrolment.EMPLOYEES if given.employee else enrolment.RESIDENTS
        # Who joins a household account or is given a quota must be in normal status then; what comes afterwards is for `turn`.
        status = "normal" if case.before.household or case.before.wallets else given.status
        insured = Enrolment(
            scheme, given.region, given.base, status, retired_on=given.retired_on, family_doctor=given.family_doctor
        )
        home = f"case {self.serial}"
        patient, number = self.register(tx, "病人", given.born, insured, home, _first_day(case))
        before, year = case.before, case.before.year
        enrolment.bring_sums(
            tx,
            patient,
            year_start(case.on, library().in_force(given.region, case.on)["medical_year_start"]).year,
            in_policy=year.in_policy,
            fund=year.fund,
            supplement=year.supplement,
            deductible=year.deductible,
            **{name: getattr(before, name) for name in SUMS},
        )
        for disease in {visit.disease for visit in case.visits if visit.disease}:
            filings.certify(tx, patient, disease, _first_day(case), "定点医院")
        return _People(patient, number, home)

    def furnish(self, tx: Tx, case: Case, people: _People) -> None:
        """Money, and the givers with their authorisations in the order in which they happened."""
        patient = people.patient
        _credit(tx, patient, case.patient.region, case.before.account, case.before.current_year)
        for own in case.before.wallets:
            if own.relation == SELF:
                city.credit(tx, patient, case.patient.region, chart.WALLET, own.left)
                people.wallets[own.shown] = (patient.book, patient.id, chart.WALLET)
        # Taking over what was authorised elsewhere counts nobody's givers, so the number is held to here.
        missing = never_made(case, library())
        for place, entry in enumerate(case.givers):
            giver = entry.giver
            working = Enrolment(enrolment.EMPLOYEES, giver.region, "active")
            # Every second giver lives elsewhere, so that money also moves between books.
            home = people.home if place % 2 == 0 else f"{people.home} {giver.shown}"
            ref, _ = self.register(tx, _name(giver.shown, place), ANY_BIRTHDAY, working, home, _first_day(case))
            _credit(tx, ref, giver.region, giver.account, giver.current_year)
            people.givers[giver.shown] = ref
            if giver.aid in missing:
                people.refused[giver.shown] = missing[giver.aid]
            else:
                with self.may_fail(tx, people, giver.shown):
                    people.aids[giver.shown] = _authorise(tx, ref, people.patient, entry, place, case.on)
            _what_happened_since(tx, ref, working, entry)

    def tie_up(self, tx: Tx, case: Case, people: _People) -> None:
        """What is in a household account, and what is frozen for others already."""
        before = case.before
        if before.household:
            with self.may_fail(tx, people, before.household_head):
                self.fund_pool(tx, case, people)
        promised = [(people.givers[entry.giver.shown], entry.giver.frozen) for entry in case.givers]
        for owner, fen in [(people.patient, before.frozen), *promised]:
            if fen:
                # What a quota for somebody else has frozen, on days too on which quotas were no way to do so yet.
                frozen = tx.run(wallet.SQL.freeze, book=owner.book, holder=owner.id, fen=fen, keep=0)
                assert frozen, "a case freezes no more than an account holds"

    def turn(self, tx: Tx, case: Case, people: _People) -> None:
        """The patient's status of the day of care, which may differ from that of the days before."""
        now = enrolment.enrolled(tx, people.patient, case.on)
        if now.status != case.patient.status:
            enrolment.enrol(tx, people.patient, replace(now, status=case.patient.status), case.on)

    def fund_pool(self, tx: Tx, case: Case, people: _People) -> None:
        """A head of the family who moves what the pool holds out of an account that has exactly that much to move."""
        region, fen = case.patient.region, case.before.household
        head, _ = self.register(
            tx, "陈家长", ANY_BIRTHDAY, Enrolment(enrolment.EMPLOYEES, region, "active"), f"{people.home} head", _first_day(case)
        )
        _credit(tx, head, region, fen + library().in_force(region, business_date(tx.at))["authoriser_balance_floor"], 0)
        ref = household.open_household(tx, library(), head)
        household.add_member(tx, library(), ref, head, people.patient, "parent")
        household.transfer(tx, library(), ref, head, fen)
        people.pool = (head.book, ref)

    def freeze_until(self, case: Case, people: _People, waiting: list[Wallet], day: date) -> None:
        """The quotas whose day has come, the last of `waiting` first."""
        while waiting and waiting[-1].bound[:10] <= day.isoformat():
            quota = waiting.pop()
            self.freeze_for(case, people, quota, quota.left)

    def freeze_for(self, case: Case, people: _People, given: Wallet, fen: Fen) -> None:
        """A relative elsewhere freezes a quota for the patient on its day."""
        self.now = max(self.now, datetime.fromisoformat(given.bound).replace(tzinfo=SHANGHAI)) + timedelta(minutes=1)

        def work(tx: Tx) -> None:
            working = Enrolment(enrolment.EMPLOYEES, given.region, "active")
            name = _name(given.shown, len(people.wallets))
            ref, _ = self.register(tx, name, ANY_BIRTHDAY, working, f"{people.home} {given.shown}", _first_day(case))
            _credit(tx, ref, given.region, fen + _kept(given.region, case.on), 0)
            people.wallets[given.shown] = (ref.book, ref.id, chart.OWN)
            until = date.fromisoformat(given.until) if given.until else None
            with self.may_fail(tx, people, given.shown):
                wallet.freeze(tx, library(), ref, people.patient, given.relation, fen, uses=sorted(given.uses), valid_to=until)

        self.run(work)

    def use_up(self, case: Case, people: _People, given: Wallet) -> None:
        """A quota of one yuan that a purchase uses up, before the patient has anything else to pay with."""
        self.freeze_for(case, people, given, 100)
        shop = self.client(case.patient.region, "pharmacy", "a", pharmacy=True)
        shop.buy(people.patient.number, Certificate(ID_CARD, people.number), [Line(UPFRONT, 100)])

    @contextmanager
    def may_fail(self, tx: Tx, people: _People, name: str) -> Iterator[None]:
        """What a person could not do is kept by name, to be told when the case comes out otherwise."""
        try:
            with tx.connection.transaction():
                yield
        except Refusal as refusal:
            people.refused[name] = refusal.code

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
        credential.activate(tx, ref, ref, "counter", Assurance.SANDBOX)
        return ref, number

    def settle(self, case: Case, people: _People, visit: Visit) -> list[str]:
        """One bill as an institution sends it; what came of it compared with what was expected and with the books."""
        region = self.place_of_care(case, people, visit)
        client = self.client(region, visit.level, visit.institution, pharmacy=visit.use == "pharmacy")
        before = self.held(people)
        preview, paid = self.send(client, people, self.certificate(client, case, people), visit)
        after = self.held(people)
        moved = {key: before[key] - after[key] for key in before}
        parts = {what: {name: fen for (kind, name), fen in moved.items() if kind == what} for what in ("aid", "wallet")}
        pool = moved.get(("pool", ""), 0)
        with self.db.reading(self.now, BY) as tx:
            serious = pay.find(tx, refs.parse(refs.SETTLEMENT, paid["setl_id"]))["serious"]
        outcome = Outcome(
            fund=_fen(paid["fund_pay_sumamt"]),
            current_year=moved["current", ""],
            own=moved["own", ""],
            aid=parts["aid"],
            cash=_fen(paid["psn_cash_pay"]),
            total=_fen(paid["medfee_sumamt"]),
            deductible=_fen(paid["act_pay_dedc"]),
            household=pool,
            wallets={name: fen for name, fen in parts["wallet"].items() if fen},
            serious=serious,
            left=self.left(case, people, after),
        )
        wrong = outcome.differences(visit.expect)
        relatives = pool + sum(fen for part in parts.values() for fen in part.values())
        if sum(moved.values()) != _fen(paid["acct_pay"]) or relatives != _fen(paid["acct_mulaid_pay"]):
            wrong.append(f"purses paid {moved}, the answer says {paid['acct_pay']} with aid {paid['acct_mulaid_pay']}")
        told = {name: amount for name, amount in paid.items() if isinstance(amount, Decimal)}
        foretold = {name: preview[name] for name in told}
        wrong += [f"{name}: foretold {foretold[name]}, settled {told[name]}" for name in told if foretold[name] != told[name]]
        return wrong

    def left(self, case: Case, people: _People, after: dict[tuple[str, str], Fen]) -> dict[str, Any]:
        """What accounts, pool and quotas hold; of a giver of a quota all but what its region's floor made us put in beside it."""
        quotas = {
            given.shown: after["wallet", given.shown] - (0 if given.relation == SELF else _kept(given.region, case.on))
            for given in case.before.wallets
            if given.shown in people.wallets and given.shown not in people.refused
        }
        return {
            "own_left": after["own", ""],
            "household_left": after.get(("pool", ""), case.before.household),
            "aid_left": {name: fen for (kind, name), fen in after.items() if kind == "aid"},
            "wallets_left": quotas,
        }

    def send(self, client: Client, people: _People, certificate: Certificate, visit: Visit) -> tuple[Info, Info]:
        """What was foretold and what was settled."""
        lines, number, use = self.lines(visit.portions), people.patient.number, visit.use_accounts
        if visit.use == "pharmacy":
            preview = client.preview_purchase(number, certificate, lines, use_accounts=use)
            return preview.paid, client.buy(number, certificate, lines, use_accounts=use).paid
        if visit.use == INPATIENT:
            stay = client.admit(number, certificate, "1", disease=visit.disease)
            bill = client.use(stay, lines)
            client.discharge(stay)
            return client.preview_stay(bill, use_accounts=use).paid, client.settle_stay(bill, use_accounts=use).paid
        begun = _at(visit.on)
        place = client.register(number, certificate, "1", begun)
        if visit.disease:
            client.report(place, "I10", "原发性高血压", "内科", disease=visit.disease)
        bill, _ = client.upload(place, lines)
        return client.preview(bill, use_accounts=use).paid, client.settle(bill, use_accounts=use).paid

    def place_of_care(self, case: Case, people: _People, visit: Visit) -> str:
        """The region of the institution; of care away from home one in another province, filed as the case says."""
        if not visit.remote:
            return case.patient.region
        region = AWAY[visit.remote]
        if region[:2] == case.patient.region[:2]:
            region = ANOTHER_PROVINCE
        if visit.remote != "unfiled":
            self.run(lambda tx: self.file_away(tx, people, visit.remote, region))
        return region

    def file_away(self, tx: Tx, people: _People, kind: str, region: str) -> None:
        """Care elsewhere, filed where it can be: nobody files for somebody whose insurance rests, nor does a fund pay then."""
        papers = [refs.mint(people.patient.book, self.now)]
        with self.may_fail(tx, people, f"care in {region}"):
            filings.file(tx, library(), people.patient, kind, region, "worked example", evidence=papers)

    def certificate(self, client: Client, case: Case, people: _People) -> Certificate:
        """The patient's identity card, or the token of a code for which the patient picked a giver."""
        chosen = next((entry.giver.shown for entry in case.givers if entry.giver.chosen), None)
        if chosen is None or chosen not in people.aids:
            return Certificate(ID_CARD, people.number)
        who, pick = people.patient, people.aids[chosen]
        code: credential.Code = self.run(lambda tx: credential.issue(tx, library(), who, who, sandbox=True, chosen=pick))
        return client.decode(code.digits)[0]

    def held(self, people: _People) -> dict[tuple[str, str], Fen]:
        """What everybody's purses come to by their entries."""
        with self.db.reading(self.now, BY) as tx:
            return {key: sum(entry.fen for entry in statement.statement(tx, *purse)) for key, purse in people.purses.items()}

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

    def client(self, region: str, level: str, letter: str, *, pharmacy: bool) -> Client:
        """The institution of a visit."""
        key = (region, level, letter)
        if key not in self.places:
            kind = "pharmacy" if pharmacy else "hospital"
            code = f"{'P' if pharmacy else 'H'}{region}{len(self.places):05d}"
            place = Place(
                code,
                f"机构 {letter}",
                kind,
                region,
                level,
                (city.Access(f"{code}-open", "open", "national"),),
            )
            self.run(lambda tx: city.add_place(tx, place))
            self.places[key] = Client(self.address, Connection(code), clock=lambda: self.now, tries=1)
        return self.places[key]


def _kept(region: str, on: date) -> Fen:
    """What a giver's region makes everybody keep."""
    floor: Fen = library().in_force(region, on)["authoriser_balance_floor"]
    return floor


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
    days += [date.fromisoformat(quota.bound[:10]) for quota in case.before.wallets if quota.relation != SELF]
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


def _authorise(tx: Tx, giver: PersonRef, patient: PersonRef, entry: CaseGiver, place: int, on: date) -> UUID:
    given = entry.giver
    # Nobody can set a limit of nothing: one that is used up was a yuan.
    quota, month, year = (A_YUAN if left == 0 else left for left in (given.quota_left, given.month_left, given.year_left))
    later = timedelta(milliseconds=place)  # of one day's authorisations the case's order decides, as it does in the law alone
    until = date.fromisoformat(given.until[:10]) if given.until else None
    terms = aid.Terms(quota, given.settlement_cap, until, given.rank, None, month, year, given.keep)
    bound, filed = (datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI) for moment in (given.bound, given.filed))
    made = aid.authorise(tx, library(), giver, patient, given.relation, terms, bound_at=bound + later, filed_at=filed + later)
    # A case tells what was given for, also where the region of that day had fewer uses; the law asks on the day of care.
    tx.run(SQL.give_for, book=patient.book, id=made, uses=sorted(given.uses))
    if 0 in (given.quota_left, given.month_left, given.year_left):
        used = {"quota": given.quota_left == 0, "month": given.month_left == 0, "year": given.year_left == 0}
        tx.run(SQL.use_up, book=patient.book, id=made, on=on, **used)
    if given.paused:
        aid.pause(tx, made, giver, aid.find(tx, made).version)
    return made


def _what_happened_since(tx: Tx, ref: PersonRef, working: Enrolment, entry: CaseGiver) -> None:
    """The giver's enrolment after the authorisation was made, for nobody may give one who is suspended or excluded already.

    A standing status is dated before the binding: it says what the giver is on the day of care, not that it came in between.
    """
    giver = entry.giver
    changes: dict[date, str] = {}
    if giver.status != "normal" or giver.group:
        working = replace(working, staff_group=giver.group)
        changes[date.fromisoformat(giver.bound[:10]) - timedelta(days=1)] = giver.status
    for since, status in ((entry.suspended_from, "suspended"), (entry.resumed_from, giver.status)):
        if since is not None:
            changes[since] = status
    for since in sorted(changes):
        enrolment.enrol(tx, ref, replace(working, status=changes[since]), since)
