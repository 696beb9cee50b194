"""Many at once: through the gateway's door with real messages, over one database, and the books afterwards."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from city import City
from mulaid import refs
from mulaid.ledger import chart, statement
from mulaid.money import parse_yuan, yuan
from mulaid.people import aid, standing
from mulaid.policy.pack import library

Answer = dict[str, Any]
MODES = pytest.mark.parametrize("households", [("wang", "wang"), ("wang", "li")], ids=["one book", "two books"])


def together(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """All at once from a common start; what each came to."""
    start = threading.Barrier(len(works))

    def begin(work: Callable[[], Any]) -> Any:
        start.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(begin, works))


@contextmanager
def watched(city: City) -> Iterator[None]:
    """No purse may be below its floor at any moment that somebody else can see, nor after."""
    seen, stop = [], threading.Event()

    def look() -> None:
        with psycopg.connect(city.db.url, autocommit=True) as connection:
            while not stop.wait(0.01):
                seen.append(connection.execute("select count(*) from mulaid.purse where balance < floor").fetchone())

    with ThreadPoolExecutor(1) as thread:
        looking = thread.submit(look)
        try:
            yield
        finally:
            stop.set()
            looking.result()
    assert set(seen) == {(0,)}


def is_answer(answer: Answer) -> bool:
    """Whether it went well; else it must be a no with words and a code, and not our own failure."""
    if answer["infcode"] == 0:
        return True
    assert answer["infcode"] == -1
    assert re.search(r"[\u4e00-\u9fff].*〔[a-z_]+\.[a-z_]+〕", answer["err_msg"]), answer["err_msg"]
    assert "message.internal" not in answer["err_msg"]
    return False


def bills(city: City, name: str, amounts: Sequence[str], at: str = "H1") -> list[Answer]:
    """One visit a bill, ready to settle."""
    return [city.uploads(city.visits(name, at), [("MINE", amount)], at) for amount in amounts]


def drawn(city: City, name: str) -> int:
    """What has gone out of a purse, net of what came back, in fen."""
    ref = city.people[name]
    entries = city.run(lambda tx: statement.statement(tx, ref.book, ref.id, chart.OWN))
    return -sum(entry.fen for entry in entries if entry.no > 1)


@MODES
def test_families_that_pay_for_each_other_never_wait_for_ever(city: City, households: tuple[str, str]) -> None:
    """Sixteen threads; every bill needs the patient's own purse and then the other's, so locks cross in both directions."""
    for name, household in zip(("ann", "bob"), households, strict=True):
        city.enrols(name, "300.00", household=household)
    assert (city.people["ann"].book == city.people["bob"].book) == (households[0] == households[1])
    city.authorises("ann", "bob", "spouse")
    city.authorises("bob", "ann", "spouse")
    chance = random.Random(4)
    queues: list[list[Answer]] = []
    for place in range(16):
        amounts = [f"{chance.randint(5, 40)}.{chance.randint(0, 99):02d}" for _ in range(3)]
        queues.append(bills(city, "ann" if place % 2 else "bob", amounts))

    def work(place: int) -> list[Answer]:
        answers = []
        for number, bill in enumerate(queues[place]):
            answer = city.settles(bill, msgid=f"T{place}-{number}")
            answers.append(answer)
            if is_answer(answer) and (place + number) % 3 == 0:
                back = city.refunds(answer["output"]["setlinfo"], msgid=f"R{place}-{number}")
                assert is_answer(back) or "command.busy" in back["err_msg"]
        return answers

    with watched(city):
        came = [answer for part in together([lambda place=place: work(place) for place in range(16)]) for answer in part]
    done = [answer for answer in came if is_answer(answer)]
    assert len(came) == 48
    assert {code for answer in came if not is_answer(answer) for code in re.findall(r"〔(.*)〕", answer["err_msg"])} <= {
        "command.busy"
    }
    assert len(done) >= 40, "being busy is the exception"
    assert any(answer["output"]["setlinfo"]["acct_mulaid_pay"] > 0 for answer in done), "the purses did cross"
    city.books_balance()


def test_a_hundred_bills_at_once_on_one_givers_account(city: City) -> None:
    """The giver has enough for some of them; what each got is what some order of the hundred would have given."""
    city.enrols("giver", "1000.00", household="g")
    chance, queue = random.Random(9), []
    for place in range(10):
        name = f"r{place}"
        city.enrols(name, household="g" if place % 2 else f"h{place}")
        city.authorises("giver", name, "child")
        queue.append(bills(city, name, [f"{chance.randint(8, 30)}.{chance.randint(0, 99):02d}" for _ in range(10)]))

    def work(place: int) -> list[Answer]:
        return [city.settles(bill, msgid=f"T{place}-{number}") for number, bill in enumerate(queue[place])]

    with watched(city):
        came = [answer for part in together([lambda place=place: work(place) for place in range(10)]) for answer in part]
    while busy := [answer for answer in came if not is_answer(answer)]:
        assert all("command.busy" in answer["err_msg"] for answer in busy)
        came = [answer for part in (work(place) for place in range(10)) for answer in part]
    paid = [answer["output"]["setlinfo"] for answer in came]
    asked = sum(bill["medfee_sumamt"] for bill in paid)
    assert asked > 1000, "more was asked than there was"
    assert len({bill["setl_id"] for bill in paid}) == 100
    assert all(bill["acct_mulaid_pay"] + bill["psn_cash_pay"] == bill["medfee_sumamt"] for bill in paid)
    assert sum(bill["acct_mulaid_pay"] for bill in paid) == Decimal("1000.00") - Decimal(city.holds("giver"))
    _came_in_some_order(city, paid)
    city.books_balance()


def _came_in_some_order(city: City, paid: list[Answer]) -> None:
    """Charged in the order of the giver's entries each bill got the lesser of its amount and what was left, to the fen."""
    ref = city.people["giver"]
    entries = city.run(lambda tx: statement.statement(tx, ref.book, ref.id, chart.OWN))
    ways = city.run(lambda tx: tx.all("select book, id, settlement from journal where cause = 'settlement'"))
    made_by = {row["id"]: row["settlement"] for row in ways}
    by_settlement = {city.settlement(bill["setl_id"]): bill for bill in paid}
    left, charged = 100_000, set()
    for entry in entries[1:]:
        settlement = made_by[entry.journal]
        bill = by_settlement[settlement]
        whole = int(bill["medfee_sumamt"] * 100)
        assert -entry.fen == min(whole, left) == int(bill["acct_mulaid_pay"] * 100)
        left += entry.fen
        assert entry.balance == left
        charged.add(settlement)
    assert left == 0
    assert all(bill["acct_mulaid_pay"] == 0 for ref, bill in by_settlement.items() if ref not in charged)


def test_one_purse_at_two_hospitals_is_spent_once(city: City) -> None:
    """Double spending: the same account at two institutions and at a pharmacy in one moment, many times."""
    city.enrols("father", "0.00")
    for turn in range(6):
        city.credits("father", "50.00")
        first, second = bills(city, "father", ["50.00"])[0], bills(city, "father", ["50.00"], "H2")[0]
        came = together(
            [
                lambda bill=first, turn=turn: city.settles(bill, msgid=f"A{turn}"),
                lambda bill=second, turn=turn: city.settles(bill, at="H2", msgid=f"B{turn}"),
                lambda turn=turn: {"infcode": 0, "output": {"setlinfo": city.buys("father", [("MINE", "50.00")])}},
            ]
        )
        assert all(is_answer(answer) for answer in came)
        spent = sorted(answer["output"]["setlinfo"]["acct_pay"] for answer in came)
        assert spent == [Decimal("0.00"), Decimal("0.00"), Decimal("50.00")]
        assert city.holds("father") == "0.00"
    city.books_balance()


def test_one_msgid_from_twenty_threads_is_one_settlement_and_twenty_equal_answers(city: City) -> None:
    city.enrols("father", "60.00", base="retired")
    city.enrols("daughter", "100.00")
    city.authorises("daughter", "father")
    bill = bills(city, "father", ["90.00"])[0]
    answers = together([lambda: city.settles(bill, msgid="SAME")] * 20)
    assert is_answer(answers[0])
    assert all(answer == answers[0] for answer in answers)
    rows = city.run(lambda tx: tx.all("select id from settlement"))
    assert [row["id"] for row in rows] == [city.settlement(answers[0]["output"]["setlinfo"]["setl_id"])]
    assert city.holds("daughter") == "70.00"
    city.books_balance()


def test_one_bill_from_twenty_threads_with_twenty_msgids_is_settled_once(city: City) -> None:
    city.enrols("father", "500.00")
    bill = bills(city, "father", ["90.00"])[0]
    answers = together([lambda place=place: city.settles(bill, msgid=f"M{place}") for place in range(20)])
    went = [answer for answer in answers if is_answer(answer)]
    assert len(went) == 1
    number = went[0]["output"]["setlinfo"]["setl_id"]
    others = [answer["err_msg"] for answer in answers if not is_answer(answer)]
    assert all("settlement.already" in says and number in says for says in others), set(others)
    assert city.holds("father") == "410.00"
    city.books_balance()


@MODES
def test_a_refund_from_twenty_threads_returns_once(city: City, households: tuple[str, str]) -> None:
    city.enrols("father", "60.00", base="retired", household=households[0])
    city.enrols("daughter", "100.00", household=households[1])
    city.authorises("daughter", "father")
    paid = city.pays("father", "90.00")
    answers = together([lambda place=place: city.refunds(paid, msgid=f"R{place}") for place in range(20)])
    assert sum(is_answer(answer) for answer in answers) == 1
    assert all("settlement.refunded" in answer["err_msg"] for answer in answers if not is_answer(answer))
    assert (city.holds("father"), city.holds("daughter")) == ("60.00", "100.00")
    city.books_balance()


@MODES
def test_nothing_is_drawn_once_an_authorisation_has_ended(city: City, households: tuple[str, str]) -> None:
    """In the very transaction of the end, the giver's balance is read; it never changes again."""
    city.enrols("father", household=households[0])
    city.enrols("daughter", "5000.00", household=households[1])
    daughter = city.people["daughter"]
    quota = {"quota": "5000.00"} if households[0] == households[1] else {}
    given = city.authorises("daughter", "father", **quota)
    queues = [bills(city, "father", ["3.00"] * 6) for _ in range(6)]
    some_paid = threading.Event()

    def work(place: int) -> list[Answer]:
        answers = []
        for number, bill in enumerate(queues[place]):
            answers.append(city.settles(bill, msgid=f"T{place}-{number}"))
            if len(answers) == 2:
                some_paid.set()
        return answers

    def end() -> int:
        assert some_paid.wait(20)

        def ending(tx: Any) -> int:
            aid.end(tx, given)
            return statement.balances(tx, daughter.book, daughter.id)[chart.OWN]

        held: int = city.run(ending)
        return held

    *came, held = together([*(lambda place=place: work(place) for place in range(6)), end])
    answers = [answer for part in came for answer in part]
    assert parse_yuan(city.holds("daughter")) == held, "a debit after the end"
    paid = [answer["output"]["setlinfo"]["acct_mulaid_pay"] for answer in answers if is_answer(answer)]
    assert 500_000 - held == sum(int(fen * 100) for fen in paid) > 0
    assert paid.count(Decimal(0)) > 0, "some came after the end and were paid in cash"
    row = city.run(lambda tx: tx.one("select used, status from aid"))
    assert row == {"used": 500_000 - held, "status": "released"}
    city.books_balance()


def test_a_quota_is_never_overdrawn_by_bills_at_once(city: City) -> None:
    city.enrols("father")
    city.enrols("daughter", "5000.00")
    city.authorises("daughter", "father", quota="100.00")
    queues = bills(city, "father", ["9.70"] * 16)
    came = together([lambda bill=bill, place=place: city.settles(bill, msgid=f"T{place}") for place, bill in enumerate(queues)])
    for place, answer in enumerate(came):
        while not is_answer(answer):
            assert "command.busy" in answer["err_msg"]
            answer = city.settles(queues[place], msgid=f"T{place}")
    assert city.run(lambda tx: tx.one("select used from aid"))["used"] == 10_000
    assert city.holds("daughter") == "4900.00"
    city.books_balance()


@MODES
def test_refunds_and_settlements_of_one_family_cross_safely(city: City, households: tuple[str, str]) -> None:
    """Each turn refunds what the turn before paid while others pay anew from the same purses and sums of the year."""
    city.enrols("father", "200.00", base="retired", household=households[0])
    city.enrols("daughter", "200.00", household=households[1])
    city.authorises("daughter", "father", quota="5000.00")
    queues = [[city.uploads(city.visits("father"), [("A", "41.00"), ("MINE", "7.00")]) for _ in range(4)] for _ in range(8)]

    def work(place: int) -> int:
        busy = 0

        def until_done(send: Callable[[], Answer]) -> Answer:
            nonlocal busy
            for _ in range(20):
                answer = send()
                if is_answer(answer):
                    return answer
                assert "command.busy" in answer["err_msg"]
                busy += 1
            raise AssertionError("busy for ever")

        for number, bill in enumerate(queues[place]):
            paid = until_done(lambda bill=bill, number=number: city.settles(bill, msgid=f"T{place}-{number}"))
            until_done(lambda paid=paid, number=number: city.refunds(paid["output"]["setlinfo"], msgid=f"R{place}-{number}"))
        return busy

    with watched(city):
        busy = sum(together([lambda place=place: work(place) for place in range(8)]))
    assert busy <= 20, "the exception, not the rule"
    assert (city.holds("father"), city.holds("daughter")) == ("200.00", "200.00")
    year = city.run(lambda tx: tx.one("select in_policy, fund, supplement, deductible from insured_year"))
    assert set(year.values()) == {0}, "the year has its room back"
    assert city.run(lambda tx: tx.one("select used from aid"))["used"] == 0
    with psycopg.connect(city.db.url) as connection:
        deadlocks = connection.execute("select deadlocks from pg_stat_database where datname = current_database()").fetchone()
    assert deadlocks == (0,), "refunds take locks in the order in which settlements do"
    city.books_balance()


def test_a_cancelled_visit_and_its_settlement_do_not_both_happen(city: City) -> None:
    city.enrols("father", "500.00")
    for turn in range(8):
        bill = bills(city, "father", ["10.00"])[0]
        cancelling = {name: bill[name] for name in ("mdtrt_id", "psn_no")}
        settled, cancelled, changed = together(
            [
                lambda bill=bill, turn=turn: city.settles(bill, msgid=f"S{turn}"),
                lambda data=cancelling, turn=turn: city.send("2202", {"data": {**data, "ipt_otp_no": "1"}}, msgid=f"C{turn}"),
                lambda data=cancelling, turn=turn: city.send("2205", {"data": {**data, "chrg_bchno": "0000"}}, msgid=f"D{turn}"),
            ]
        )
        is_answer(changed)
        assert not (is_answer(settled) and is_answer(cancelled))
        visit = refs.parse(refs.VISIT, bill["mdtrt_id"])
        lines = city.run(lambda tx, visit=visit: tx.one("select count(*) as many from fee_line where visit = %(v)s", v=visit))
        if is_answer(settled):
            assert lines["many"] == 1, "what was settled keeps its lines"
    city.books_balance()


def test_the_year_counts_every_bill_once(city: City) -> None:
    """Sums of the year after many at once are those of one after the other."""
    for name in ("one", "many"):
        city.enrols(name, "5000.00", household=name)
    amounts = [f"{place + 11}.{place:02d}" for place in range(12)]
    for amount in amounts:
        city.pays("one", [("A", amount)])
    queue = [city.uploads(city.visits("many"), [("A", amount)]) for amount in amounts]
    for _ in range(20):
        came = together(
            [lambda bill=bill, place=place: city.settles(bill, msgid=f"T{place}") for place, bill in enumerate(queue)]
        )
        if all(is_answer(answer) for answer in came):
            break

    def year(name: str) -> Any:
        who: UUID = city.people[name].id
        return city.run(lambda tx: tx.one("select in_policy, fund, deductible from insured_year where person = %(p)s", p=who))

    assert year("one") == year("many")
    assert year("one")["in_policy"] == sum(parse_yuan(amount) for amount in amounts)
    assert yuan(drawn(city, "one")) == yuan(drawn(city, "many"))
    city.books_balance()


def send_until_answered(works: Sequence[Sequence[Callable[[], Answer]]]) -> list[Answer]:
    """Each queue by a thread of its own, all at once; what was busy is sent again under its number, as a till does."""

    def until(send: Callable[[], Answer]) -> Answer:
        answer = send()
        while not is_answer(answer):
            assert "command.busy" in answer["err_msg"], answer["err_msg"]
            answer = send()
        return answer

    def work(queue: Sequence[Callable[[], Answer]]) -> list[Answer]:
        return [until(send) for send in queue]

    came = together([lambda queue=queue: work(queue) for queue in works])
    return [answer["output"]["setlinfo"] for part in came for answer in part]


def test_a_hundred_bills_at_once_on_one_account_with_caps_of_month_and_year(city: City) -> None:
    """Ten relatives, each with a cap of a month or a year, together with more cap than there is money."""
    city.enrols("giver", "300.00", household="g")
    chance, works, cap = random.Random(11), [], {}
    for place in range(10):
        name = f"r{place}"
        receiver = city.enrols(name, household="g" if place % 2 else f"h{place}")
        fen = chance.randint(20_00, 60_00)
        cap[receiver.number] = fen
        limits = {"month_cap": fen} if place % 3 else {"year_cap": fen, "month_cap": 90_00}
        city.authorises("giver", name, "child", **limits)
        queue = bills(city, name, [f"{chance.randint(1, 14)}.{chance.randint(0, 99):02d}" for _ in range(10)])
        works.append(
            [lambda bill=bill, msgid=f"T{place}-{number}": city.settles(bill, msgid=msgid) for number, bill in enumerate(queue)]
        )
    assert sum(cap.values()) > 300_00
    with watched(city):
        paid = send_until_answered(works)
    assert len({bill["setl_id"] for bill in paid}) == 100
    by_settlement = {city.settlement(bill["setl_id"]): bill for bill in paid}
    giver, left = city.people["giver"], 300_00
    entries = city.run(lambda tx: statement.statement(tx, giver.book, giver.id, chart.OWN))
    made_by = {row["id"]: row["settlement"] for row in city.run(lambda tx: tx.all("select id, settlement from journal"))}
    for entry in entries[1:]:
        bill = by_settlement.pop(made_by[entry.journal])
        whole = int(bill["medfee_sumamt"] * 100)
        assert -entry.fen == min(whole, left, cap[bill["psn_no"]]) == int(bill["acct_mulaid_pay"] * 100)
        left += entry.fen
        cap[bill["psn_no"]] += entry.fen
    # Whoever got nothing came when nothing was left: of the account, or of the cap.
    assert all(bill["acct_mulaid_pay"] == 0 and not (left and cap[bill["psn_no"]]) for bill in by_settlement.values())
    assert left == 0, "more was asked than there was"
    city.books_balance()


def test_twenty_givers_caps_hit_at_once(city: City) -> None:
    """One patient, twenty givers who each allow ten yuan a month, twenty bills at one moment that ask for more than all of it."""
    city.enrols("mother", household="m")
    for place in range(20):
        city.enrols(f"g{place}", "500.00", household="m" if place % 2 else f"h{place}")
        city.authorises(f"g{place}", "mother", month_cap=10_00)
    queue = bills(city, "mother", [f"{15 + place % 3}.{place:02d}" for place in range(20)])
    sends = [[lambda bill=bill, place=place: city.settles(bill, msgid=f"T{place}")] for place, bill in enumerate(queue)]
    with watched(city):
        paid = send_until_answered(sends)
    assert sum(bill["acct_mulaid_pay"] for bill in paid) == Decimal("200.00")
    assert sum(bill["psn_cash_pay"] for bill in paid) == sum(bill["medfee_sumamt"] for bill in paid) - Decimal("200.00")
    assert {city.holds(f"g{place}") for place in range(20)} == {"490.00"}
    used = city.run(lambda tx: tx.all("select used, month_used, year_used from aid"))
    assert {tuple(row.values()) for row in used} == {(10_00, 10_00, 10_00)}
    # In some order: every bill but one was paid whole by relatives, or not at all by them.
    parted = [bill for bill in paid if 0 < bill["acct_mulaid_pay"] < bill["medfee_sumamt"]]
    assert len(parted) <= 1
    city.books_balance()


@pytest.mark.parametrize("how", ["stop", "suspend", "die"])
def test_a_release_during_settlements_is_before_or_after_each_of_them(city: City, how: str) -> None:
    """However an authorisation ends, what was drawn by then is all that ever is drawn."""
    region = "360000"  # where a suspension ends an authorisation too
    daughter = city.enrols("daughter", "5000.00", household="d", region=region)
    city.enrols("father", household="f", region=region)
    given = city.authorises("daughter", "father", month_cap=4000_00)
    queues = [bills(city, "father", ["3.00"] * 8) for _ in range(4)]
    some_paid = threading.Event()

    def send(place: int, number: int) -> Answer:
        answer = city.settles(queues[place][number], msgid=f"T{place}-{number}")
        if number == 1:
            some_paid.set()
        return answer

    def end() -> list[Answer]:
        assert some_paid.wait(20)
        today = city.now.date()

        def ending(tx: Any) -> None:
            if how == "stop":
                aid.stop(tx, library(), given, daughter)
            elif how == "suspend":
                standing.suspend(tx, library(), daughter, today)
            else:
                standing.died(tx, library(), daughter, today)

        city.run(ending)
        return []

    works: list[Callable[[], Any]] = [
        lambda place=place: send_until_answered([[lambda number=number: send(place, number) for number in range(8)]])
        for place in range(4)
    ]
    came = together([*works, end])
    paid = [bill["acct_mulaid_pay"] for part in came for bill in part]
    row = city.run(lambda tx: aid.find(tx, given))
    assert row.status == ("released" if how == "stop" else "ended_by_system")
    assert row.used == int(sum(paid) * 100) == 5000_00 - parse_yuan(city.holds("daughter"))
    assert set(paid) <= {Decimal("3.00"), Decimal("0.00")}
    assert 0 < row.used < 96_00, "some came before and some after"
    assert city.pays("father", "3.00")["acct_mulaid_pay"] == 0
    city.books_balance()
