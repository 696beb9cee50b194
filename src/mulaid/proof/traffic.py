"""Mixed traffic: a day of many institutions over signed HTTP against the gateway as it is served, and then their books.

Stories arrive by the clock and not when the last one is over, so that an answer that makes others wait is counted with their
waiting. Every settlement's amounts are added up by the client, every no is expected by name, and at the end each institution's
sums must be those of the gateway (3201) and the books must be right.
"""

from __future__ import annotations

import json
import queue
import random
import re
import threading
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from mulaid import commands
from mulaid.calendar import business_date, wall_clock
from mulaid.client import ID_CARD, Bill, Certificate, Client, Info, Line, NoAnswer, Refused, Visit
from mulaid.db import Actor, Database, Tx
from mulaid.demo import city
from mulaid.demo.city import Access, Place, Resident
from mulaid.money import Fen
from mulaid.people import aid, credential, enrolment, family
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.people.face import Assurance
from mulaid.policy.pack import library
from mulaid.proof import bench
from mulaid.proof.verify import faults

Say = Callable[[str], None]
BY = Actor("traffic", "proof")
REGIONS = ("420100", "110000", "330100", "440300", "610100")
SLOW_SECONDS = 1.0
MOST_MINUTES, MOST_A_SECOND = 24 * 60, 10_000
AT_ONCE = 48
EVERY_SECONDS = 10.0
TRANSPORTS = (("mulaid1", "mulaid1"), ("csb", "csb"), ("tif", "tif"), ("open", "national"))
RICH, POOR = 100_000_000, 20_000


@dataclass(frozen=True, slots=True)
class Patient:
    """Somebody who falls ill, the card's number, and a relative who may show the code."""

    ref: PersonRef
    number: str
    relative: PersonRef

    @property
    def card(self) -> Certificate:
        """The identity card."""
        return Certificate(ID_CARD, self.number)


@dataclass(slots=True)
class Sums:
    """What one institution believes to have settled: the amounts of 3201."""

    count: int = 0
    total: Decimal = Decimal(0)
    funds: Decimal = Decimal(0)
    accounts: Decimal = Decimal(0)

    def add(self, paid: Info, sign: int = 1) -> None:
        """A settlement, or with `sign` -1 that it was taken back."""
        self.count += sign
        self.total += sign * paid["medfee_sumamt"]
        self.funds += sign * paid["fund_pay_sumamt"]
        self.accounts += sign * paid["acct_pay"]


@dataclass(slots=True)
class Shop:
    """An institution with its client and its own sums."""

    place: Place
    client: Client
    sums: Sums = field(default_factory=Sums)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, paid: Info, sign: int = 1) -> None:
        """Count a settlement, or that it was taken back."""
        with self.lock:
            self.sums.add(paid, sign)


class Watch:
    """How long every message took, from when it was due, and what was wrong."""

    def __init__(self) -> None:
        self.seconds: dict[str, array[float]] = defaultdict(lambda: array("d"))
        self.refused: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.due = threading.local()
        self.lock = threading.Lock()

    def note(self, infno: str, seconds: float) -> None:
        """One message was answered."""
        with self.lock:
            self.seconds[infno].append(seconds)

    def fault(self, what: str) -> None:
        """Something that must not happen."""
        with self.lock:
            self.wrong[what] += 1

    def expects(self, code: str, send: Callable[[], object]) -> None:
        """A message that must be refused, for this reason."""
        try:
            send()
        except Refused as refused:
            with self.lock:
                self.refused[refused.code] += 1
            if refused.code != code:
                self.fault(f"{refused.code} where {code} was due")
        else:
            self.fault(f"carried out where {code} was due")

    def everything(self) -> list[float]:
        """All times, shortest first."""
        with self.lock:
            return sorted(one for kind in self.seconds.values() for one in kind)


class _Watched(httpx.BaseTransport):
    """HTTP with a stop-watch; the first message of a story counts from when the story was due."""

    def __init__(self, watch: Watch) -> None:
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE, keepalive_expiry=30)
        self.inner, self.watch = httpx.HTTPTransport(limits=limits, trust_env=False), watch

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, read the whole answer, note the time."""
        due = self.watch.due.__dict__.pop("at", None)
        since = due if due is not None else time.perf_counter()
        found = re.search(rb'"infno":\s*"([0-9A-Z]+)"', request.content)
        response = self.inner.handle_request(request)
        response.read()
        self.watch.note(found[1].decode() if found else "?", time.perf_counter() - since)
        if response.status_code != 200:
            self.watch.fault(f"HTTP {response.status_code}")
        return response

    def close(self) -> None:
        """Give the connections back."""
        self.inner.close()


class Town:
    """The institutions, the families, and the stories that happen to them."""

    def __init__(self, db: Database, shops: Sequence[Shop], watch: Watch, seed: int) -> None:
        self.db, self.watch = db, watch
        self.chance = random.Random(seed)  # noqa: S311 -- the same day in every run
        self.hospitals = [shop for shop in shops if shop.place.kind == "hospital"]
        self.pharmacies = [shop for shop in shops if shop.place.kind == "pharmacy"]
        self.shops = shops
        # Nobody is in two places at once: a story takes its patient out and puts them back.
        self.well: Mapping[str, queue.SimpleQueue[Patient]] = {region: queue.SimpleQueue() for region in REGIONS}
        self.items = [item for item in city.read().items.values() if not item.tag and item.price]
        self.first_day = business_date(wall_clock())

    def story(self) -> tuple[int, Callable[[], None]]:
        """The next thing to happen: about how many messages it takes, and what does it."""
        kinds = list(STORIES)
        weights = [share for share, _, _ in STORIES.values()]
        chosen = self.chance.choices(kinds, weights)[0]
        _, messages, at = STORIES[chosen]
        shop = self.chance.choice(self.pharmacies if at == "pharmacy" else self.hospitals if at == "hospital" else self.shops)
        return messages, partial(self._live, chosen, shop, random.Random(self.chance.random()))  # noqa: S311 -- as above

    def _live(self, kind: str, shop: Shop, chance: random.Random) -> None:
        well = self.well[shop.place.region]
        patient = well.get(timeout=60)
        try:
            getattr(self, kind)(shop, patient, chance)
        except Refused as refused:
            self.watch.fault(f"{kind}: refused {refused.code}")
        except NoAnswer as lost:
            self.watch.fault(f"{kind}: no answer, {str(lost)[-60:]}")
        finally:
            well.put(patient)

    # Stories

    def visit(self, shop: Shop, patient: Patient, chance: random.Random) -> None:
        """An outpatient visit from the desk to the receipt, sometimes with what goes on afterwards."""
        client, bill = shop.client, self._bill(shop, patient, chance)
        client.preview(bill)
        msgid = client.new_msgid()
        answer = client.settle(bill, msgid=msgid)
        shop.keep(answer.paid)
        after = chance.random()
        if after < 0.08:
            if client.settle(bill, msgid=msgid).raw != answer.raw:
                self.watch.fault("a repeat was answered otherwise")
        elif after < 0.14:
            client.call("5203", {"data": {name: answer.paid[name] for name in ("setl_id", "mdtrt_id", "psn_no")}})
        elif after < 0.19:
            client.refund(answer.paid)
            shop.keep(answer.paid, -1)
        elif after < 0.21:
            client.take_back(bill.visit.person, "2207", msgid)
            shop.keep(answer.paid, -1)
        elif after < 0.24:
            self.watch.expects("settlement.already", lambda: client.settle(bill))

    def purchase(self, shop: Shop, patient: Patient, chance: random.Random) -> None:
        """Medicine over the counter."""
        client, (shown, person) = shop.client, self._shown(shop, patient, chance)
        sale = client.purchase(person, shown, self._lines(chance))
        client.call("2101", sale)
        msgid = client.new_msgid()
        answer = client.call("2102", sale, msgid)
        shop.keep(answer.paid)
        after = chance.random()
        if after < 0.05:
            if client.call("2102", sale, msgid).raw != answer.raw:
                self.watch.fault("a repeat was answered otherwise")
        elif after < 0.1:
            client.refund(answer.paid, infno="2103")
            shop.keep(answer.paid, -1)

    def stay(self, shop: Shop, patient: Patient, chance: random.Random) -> None:
        """Some days in hospital, told at once."""
        client = shop.client
        person = client.person(patient.card)["baseinfo"]["psn_no"]
        stay = client.admit(person, patient.card, f"{chance.getrandbits(40):x}")
        bills = [client.use(stay, self._lines(chance)) for _ in range(3)]
        whole = Bill(stay, "", sum(bill.total for bill in bills))
        client.discharge(stay)
        client.preview_stay(whole)
        shop.keep(client.settle_stay(whole).paid)

    def question(self, shop: Shop, patient: Patient, chance: random.Random) -> None:
        """Somebody asks about a person, a balance, a code table, the catalogue."""
        client, today = shop.client, business_date(wall_clock())
        person = {"psn_no": patient.ref.number}
        since = {"begndate": today.replace(day=1), "enddate": today}
        asked: tuple[tuple[str, Info], ...] = (
            ("1101", {"data": patient.card.fields}),
            ("2001", {"data": {**person, "insutype": "310", "begntime": client.clock()}}),
            ("5206", {"data": {**person, "cum_ym": f"{today:%Y%m}"}}),
            ("90100", {"data": {**person, **since}}),
            ("1901", {"data": {"type": "insutype", "date": today}}),
        )
        client.call(*chance.choice(asked))

    def reconciliation(self, shop: Shop, patient: Patient, chance: random.Random) -> None:
        """Sums beside the gateway's while the day goes on: answered, equal or not."""
        self.reconcile(shop)

    def mistake(self, shop: Shop, patient: Patient, chance: random.Random) -> None:
        """What tills get wrong every day."""
        client, kind = shop.client, chance.randrange(4)
        if kind == 0:
            digits = f"{chance.getrandbits(90):028d}"[:28]
            self.watch.expects("credential.bad_code", lambda: client.decode(digits))
        elif kind == 1:
            nobody = {"data": {"psn_no": "P" + "0" * 26}}
            self.watch.expects("people.not_enrolled", lambda: client.call("2001", nobody))
        else:
            bill = self._bill(shop, patient, chance)
            other = Client.bill_data(Bill(bill.visit, bill.batch, bill.total + 1))
            code = "settlement.total_differs"
            if kind == 3:
                other, code = {**other, "medfee_sumamt": "-1"}, "interface.bad_amount"
            self.watch.expects(code, lambda: client.call("2207", {"data": other}))

    def reconcile(self, shop: Shop) -> bool:
        """3201 of all that happened; whether the gateway's sums are the institution's."""
        with shop.lock:
            told = Sums(shop.sums.count, shop.sums.total, shop.sums.funds, shop.sums.accounts)
        data = {
            "stmt_begndate": self.first_day,
            "stmt_enddate": business_date(wall_clock()),
            "medfee_sumamt": f"{told.total:.2f}",
            "fund_pay_sumamt": f"{told.funds:.2f}",
            "acct_pay": f"{told.accounts:.2f}",
            "fixmedins_setl_cnt": told.count,
        }
        found = shop.client.call("3201", {"data": data}).output["stmtinfo"]
        return bool(found["stmt_rslt"] == "0")

    # What stories share

    def _shown(self, shop: Shop, patient: Patient, chance: random.Random) -> tuple[Certificate, str]:
        """The patient's card, or every third time a code, every other one of these shown by a relative; who it is."""
        client = shop.client
        if chance.random() < 0.33:
            shower = patient.relative if chance.random() < 0.5 else patient.ref

            def show(tx: Tx) -> str:
                return credential.issue(tx, library(), patient.ref, shower, sandbox=True).digits

            digits = commands.alone(self.db, show, at=wall_clock(), by=BY)
            shown, _ = client.decode(digits)
        else:
            shown = patient.card
        return shown, client.person(shown)["baseinfo"]["psn_no"]

    def _bill(self, shop: Shop, patient: Patient, chance: random.Random) -> Bill:
        client, (shown, person) = shop.client, self._shown(shop, patient, chance)
        visit: Visit = client.register(person, shown, f"{chance.getrandbits(40):x}")
        client.report(visit, "I10", "原发性高血压", "内科")
        return client.upload(visit, self._lines(chance))[0]

    def _lines(self, chance: random.Random) -> list[Line]:
        chosen = chance.choices(self.items, k=chance.randint(1, 8))
        return [Line(item.code, item.price, chance.randint(1, 3), item.name) for item in chosen]


STORIES: Mapping[str, tuple[float, int, str]] = {
    "visit": (0.50, 7, "hospital"),
    "purchase": (0.20, 3, "pharmacy"),
    "stay": (0.03, 9, "hospital"),
    "question": (0.20, 1, ""),
    "reconciliation": (0.02, 1, ""),
    "mistake": (0.05, 3, "hospital"),
}
"""Share of each story, about how many messages it takes, and where it happens."""


def run(say: Say, *, minutes: float, institutions: int, rate: float, families: int, report: Path | None) -> int:
    """Live through the traffic on a scratch installation and print what was measured, also into `report` beside what is there.

    The exit code is 1 when an answer, an institution's sums or the books were wrong; slowness is told, not judged.
    """
    if min(institutions, families) < len(REGIONS) * 2 or not 0 < minutes <= MOST_MINUTES or not 0 < rate <= MOST_A_SECOND:
        least = len(REGIONS) * 2
        say(f"at least {least} institutions and families, at most a day and {MOST_A_SECOND} messages a second")
        return 2
    with bench.scratch("test") as place, bench.served(place) as door:
        db, watch = Database(place.url, place.keys, size=8), Watch()
        shops = [_shop(one, f"http://127.0.0.1:{door.port}", watch) for one in _places(institutions)]
        try:
            town = Town(db, shops, watch, seed=institutions)
            say(f"== {institutions} institutions, {families} families move in")
            _move_in(town, families)
            say(f"== {minutes:g} minutes, about {rate:g} messages a second, {bench.WORKERS} gateway processes")
            began = time.perf_counter()
            memory = _live_through(say, town, minutes * 60, rate, {"gateway": door.pid, "postgres": place.postmaster})
            return _tell(say, town, memory, time.perf_counter() - began, report)
        finally:
            for shop in shops:
                shop.client.close()
            db.close()


def _live_through(say: Say, town: Town, seconds: float, rate: float, processes: Mapping[str, int]) -> list[Mapping[str, float]]:
    """Stories by the clock until the time is over; the memory of the processes every ten seconds."""
    watch = town.watch
    began = due = time.perf_counter()
    told = began + EVERY_SECONDS
    memory: list[Mapping[str, float]] = [_memory(processes)]
    with ThreadPoolExecutor(AT_ONCE) as hands:
        while due < began + seconds:
            messages, live = town.story()
            time.sleep(max(0.0, due - time.perf_counter()))
            hands.submit(_at, watch, due, live)
            due += town.chance.expovariate(rate / messages)
            if time.perf_counter() > told:
                told += EVERY_SECONDS
                memory.append(_memory(processes))
                passed = time.perf_counter() - began
                say(f"   {passed:5.0f} s: {_figures(watch.everything(), passed)}, {_megabytes(memory[-1])}")
    memory.append(_memory(processes))
    return memory


def _at(watch: Watch, due: float, live: Callable[[], None]) -> None:
    watch.due.at = due
    try:
        live()
    except Exception as error:  # a thread's own trouble would vanish with it
        watch.fault(f"{type(error).__name__}: {error}"[:200])


def _tell(say: Say, town: Town, memory: Sequence[Mapping[str, float]], seconds: float, report: Path | None) -> int:
    watch = town.watch
    times = watch.everything()
    told: dict[str, Any] = {"seconds": round(seconds), "institutions": len(town.shops), **_measured(times, seconds)}
    told["refused"] = sum(watch.refused.values())
    warm = (len(memory) + 9) // 10 if len(memory) > 2 else 0
    told["memory_mb"] = {name: [round(memory[at][name]) for at in (warm, len(memory) // 2, -1)] for name in memory[0]}
    say("== transactions: number, median and 99th percentile in milliseconds, share above one second")
    for infno, found in sorted(watch.seconds.items()):
        ordered = sorted(found)
        slow = _share_above(ordered)
        say(f"   {infno:6} {len(ordered):7} {_part(ordered, 0.5) * 1000:8.1f} {_part(ordered, 0.99) * 1000:8.1f} {slow:9.3%}")
    say(f"all: {_figures(times, seconds)}")
    for name, (start, half, end) in told["memory_mb"].items():
        say(f"memory of {name}: {start} MB after a tenth of the time, {half} half-way, {end} at the end")
    say(f"refused as expected: {dict(watch.refused)}")
    differ = [shop.place.code for shop in town.shops if not town.reconcile(shop)]
    say("every institution's sums are the gateway's" if not differ else f"sums differ: {', '.join(differ)}")
    with town.db.reading(wall_clock(), BY) as tx:
        found_wrong = list(faults(tx))
    say("the books are right" if not found_wrong else f"{len(found_wrong)} faults, the first: {found_wrong[0]}")
    for what, count in watch.wrong.most_common():
        say(f"WRONG {count} times: {what}")
    if report:
        known = json.loads(report.read_text("utf-8")) if report.exists() else {}
        report.write_text(json.dumps({**known, "traffic": told}, indent=2) + "\n", "utf-8")
    return 1 if watch.wrong or differ or found_wrong else 0


def _measured(times: Sequence[float], seconds: float) -> dict[str, float]:
    return {
        "messages": len(times),
        "per_second": round(len(times) / seconds, 1),
        "p50_ms": round(_part(times, 0.5) * 1000, 1),
        "p99_ms": round(_part(times, 0.99) * 1000, 1),
        "longest_ms": round(_part(times, 1.0) * 1000, 1),
        "share_above_one_second": round(_share_above(times), 6),
    }


def _figures(times: Sequence[float], seconds: float) -> str:
    found = _measured(times, seconds)
    spread = f"median {found['p50_ms']} ms, 99 % within {found['p99_ms']} ms, longest {found['longest_ms']} ms"
    return f"{found['messages']} messages, {found['per_second']} a second, {spread}, above 1 s {_share_above(times):.3%}"


def _share_above(times: Sequence[float]) -> float:
    return sum(one > SLOW_SECONDS for one in times) / len(times) if times else 0.0


def _part(times: Sequence[float], part: float) -> float:
    return times[min(len(times) - 1, int(len(times) * part))] if times else 0.0


# -- memory -------------------------------------------------------------------------------------------------------


def _memory(processes: Mapping[str, int]) -> dict[str, float]:
    """Megabytes of the processes and all below them: their own pages, and PostgreSQL's shared buffers apart."""
    found: dict[str, float] = {}
    for name, first in processes.items():
        family_of = bench.below(first)
        found[name] = sum(_kilobytes(pid, "Pss_Anon") for pid in family_of) / 1024
        if name == "postgres":
            found["shared buffers"] = sum(_kilobytes(pid, "Pss_Shmem") for pid in family_of) / 1024
    return found


def _kilobytes(pid: int, kind: str) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8")
    except OSError:  # it has ended
        return 0
    found = re.search(rf"^{kind}: +([0-9]+) kB", text, re.MULTILINE | re.ASCII)
    return int(found[1]) if found else 0


def _megabytes(memory: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {size:.0f} MB" for name, size in memory.items())


# -- the town -----------------------------------------------------------------------------------------------------


def _places(count: int) -> Iterator[Place]:
    """Institutions over all regions and transports, every fifth a pharmacy."""
    for number in range(count):
        region = REGIONS[number % len(REGIONS)]
        pharmacy = number // len(REGIONS) % 5 == 1
        code = f"{'P' if pharmacy else 'H'}{region}{number:05d}"
        transport, profile = TRANSPORTS[number // 2 % len(TRANSPORTS)]
        key = "" if transport == "open" else f"key-of-{code}-32-bytes-and-more"
        access = Access(f"traffic-{code}", transport, profile, key)
        level = "pharmacy" if pharmacy else ("L3", "L2", "primary")[number % 3]
        yield Place(code, f"{number} 号机构", "pharmacy" if pharmacy else "hospital", region, level, (access,))


def _shop(place: Place, url: str, watch: Watch) -> Shop:
    connection = place.way_in(place.connections[0].transport)
    return Shop(place, Client(url, connection, transport=_Watched(watch)))


def _move_in(town: Town, families: int) -> None:
    """Institutions, the demo city's catalogue, and families of three: two who fall ill, and one who pays and shows codes."""

    def open_shops(tx: Tx) -> None:
        for shop in town.shops:
            city.add_place(tx, shop.place)
        for item in city.read().items.values():
            city.add_item(tx, item)

    commands.alone(town.db, open_shops, at=wall_clock(), by=BY)
    for number in range(families):
        region = REGIONS[number % len(REGIONS)]
        for patient in commands.alone(town.db, partial(_family, number=number, region=region), at=wall_clock(), by=BY):
            town.well[region].put(patient)


def _family(tx: Tx, *, number: int, region: str) -> list[Patient]:
    def settles(serial: int, born: date, base: str, fen: Fen) -> tuple[PersonRef, str]:
        scheme = enrolment.RESIDENTS if base == "resident" else enrolment.EMPLOYEES
        insured = Enrolment(scheme, region, base, retired_on=date(2015, 1, 1) if base == "retired" else None)
        person = Resident(f"{serial}", "王测试", born, serial, insured, f"home {number}", fen, 0, {}, None, None)
        return city.settle_in(tx, person), person.number

    # Serial numbers go to 999 within a birthday, so that the days differ by family.
    days = date(1950, 1, 1).toordinal() + number
    child, _ = settles(number % 900 + 1, date.fromordinal(days + 11_000), "active", RICH)
    parents = [
        settles(2 * (number % 400) + place, date.fromordinal(days), base, POOR)
        for place, base in ((1, "retired"), (2, "resident"))
    ]
    made = []
    for parent, card in parents:
        aid.authorise(tx, library(), child, parent, "parent", aid.Terms())
        family.bind(tx, parent, child, "parent", family.Basis(Assurance.SANDBOX, None))
        made.append(Patient(parent, card, child))
    return made
