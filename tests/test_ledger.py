"""The books: statements, returns by leg, the trial balance, and every kind of damage found."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from city import BY, SHANGHAI, City
from conftest import Cluster
from mulaid import cli, commands, refs
from mulaid.calendar import business_date
from mulaid.db import Database, Tx
from mulaid.ledger import chart, journal, statement
from mulaid.ledger.journal import Leg
from mulaid.proof.verify import faults
from mulaid.refusal import Refusal

BOOK = 67200
AT = datetime(2026, 3, 2, 10, 0, tzinfo=SHANGHAI)


class Books:
    """A book with purses and nobody around it."""

    def __init__(self, db: Database) -> None:
        self.db, self.now = db, AT

    def run(self, work: Callable[[Tx], Any]) -> Any:
        return commands.alone(self.db, work, at=self.now, by=BY)

    def purse(self, fen: int, kind: int = chart.OWN, book: int = BOOK) -> UUID:
        holder = refs.mint(book, self.now)

        def work(tx: Tx) -> UUID:
            journal.open_purse(tx, book, holder, kind)
            if fen:
                journal.post(
                    tx, book, "credit", [Leg("crediting:420100", -fen, "credit"), Leg(chart.purse(holder, kind), fen, "credit")]
                )
            return holder

        made: UUID = self.run(work)
        return made

    def draw(self, holder: UUID, fen: int, book: int = BOOK) -> UUID:
        legs = [Leg(chart.purse(holder, chart.OWN), -fen, "own"), Leg("institution:H1", fen, "bill")]
        made: UUID = self.run(lambda tx: journal.post(tx, book, "settlement", legs))
        return made

    def holds(self, holder: UUID, book: int = BOOK) -> int:
        return int(self.run(lambda tx: statement.balances(tx, book, holder))[chart.OWN])

    def lines(self, holder: UUID) -> list[tuple[int, int, int]]:
        rows = self.run(lambda tx: statement.statement(tx, BOOK, holder, chart.OWN))
        return [(row.no, row.fen, row.balance) for row in rows]


@pytest.fixture
def books(db: Database) -> Books:
    return Books(db)


# What the books say


def test_a_statement_is_gap_free_and_tells_the_balance_after_each_entry(books: Books) -> None:
    holder = books.purse(10_000)
    books.draw(holder, 2_500)
    books.draw(holder, 1)
    assert books.lines(holder) == [(1, 10_000, 10_000), (2, -2_500, 7_500), (3, -1, 7_499)]
    assert books.holds(holder) == 7_499


def test_a_statement_of_a_span_holds_both_its_days_and_no_other(books: Books) -> None:
    holder = books.purse(10_000)
    for _ in range(4):
        books.now += timedelta(days=1)
        books.draw(holder, 100)
    first, last = business_date(AT) + timedelta(days=1), business_date(AT) + timedelta(days=3)
    found = books.run(lambda tx: statement.statement(tx, BOOK, holder, chart.OWN, first, last))
    assert [row.business_date for row in found] == [first, first + timedelta(days=1), last]
    assert books.run(lambda tx: statement.statement(tx, BOOK, holder, chart.OWN, last, first)) == []


def test_an_entry_belongs_to_shanghais_day(books: Books) -> None:
    holder = books.purse(10_000)
    books.now = datetime.fromisoformat("2026-03-31T15:59:59.999+00:00")
    books.draw(holder, 1)
    books.now = datetime.fromisoformat("2026-03-31T16:00:00+00:00")
    books.draw(holder, 2)
    rows = books.run(lambda tx: statement.statement(tx, BOOK, holder, chart.OWN))
    assert [f"{row.business_date}" for row in rows[1:]] == ["2026-03-31", "2026-04-01"]


def test_the_trial_balance_is_zero_and_names_every_account(books: Books) -> None:
    one, other = books.purse(10_000), books.purse(5_000)
    books.draw(one, 2_000)
    books.draw(other, 1_000)
    assert books.run(lambda tx: statement.trial_balance(tx, BOOK)) == {
        "crediting:420100": -15_000,
        "institution:H1": 3_000,
        "purses:1": 12_000,
    }
    assert books.run(statement.books) == [BOOK]


# What is never posted


def test_a_purse_never_goes_below_its_floor(books: Books) -> None:
    holder = books.purse(1_000)
    with pytest.raises(Refusal) as refused:
        books.draw(holder, 1_001)
    assert refused.value.code == "ledger.below_floor"
    books.draw(holder, 1_000)
    assert books.lines(holder) == [(1, 1_000, 1_000), (2, -1_000, 0)]
    assert books.run(lambda tx: list(faults(tx))) == []


def test_a_purse_that_is_not_there_pays_nothing(books: Books) -> None:
    with pytest.raises(Refusal) as refused:
        books.draw(refs.mint(BOOK, AT), 1)
    assert refused.value.code == "ledger.below_floor"


def test_legs_that_do_not_sum_to_zero_are_stopped_twice(books: Books) -> None:
    holder = books.purse(1_000)
    with pytest.raises(AssertionError, match="sum to zero"):
        books.run(lambda tx: journal.post(tx, BOOK, "x", [Leg(chart.purse(holder, 1), -5, "own"), Leg("cash:H1", 4, "cash")]))
    row = {"book": BOOK, "id": refs.mint(BOOK, AT), "cause": "x", "settlement": None, "corrects": None, "returns": None}
    row |= {"business_date": business_date(AT), "at": AT}
    for accounts, fens in ((["a", "b"], [-5, 4]), (["a"], [0]), (["a", "b", "c"], [1, -1]), ([], [])):
        with pytest.raises(errors.CheckViolation):
            books.run(
                lambda tx, a=accounts, f=fens: tx.run(journal.SQL.add_journal, **row, accounts=a, fens=f, kinds=["x"] * len(f))
            )


@pytest.mark.parametrize(
    "statement_text",
    [
        "update purse set balance = -1",
        "update purse set balance = 1000000000001",
        "update purse set floor = balance + 1",
        "update entry set fen = 0",
        "update journal set returns = array[0, 1]::smallint[]",
        "insert into returned (book, journal, leg, fen) values (1, gen_random_uuid(), 0, 0)",
    ],
)
def test_the_tables_refuse_what_cannot_be_even_from_their_owner(books: Books, statement_text: str) -> None:
    books.purse(1_000)
    with pytest.raises(errors.CheckViolation):
        books.run(lambda tx: tx.run(statement_text))  # type: ignore[arg-type]


# Returns


def _three_legs(books: Books) -> tuple[UUID, UUID, UUID]:
    own, giver = books.purse(10_000), books.purse(10_000)
    legs = [
        Leg(chart.purse(own, chart.OWN), -1_000, "own"),
        Leg(chart.purse(giver, chart.OWN), -600, "aid"),
        Leg("cash:H1", -400, "cash"),
        Leg("institution:H1", 2_000, "bill"),
    ]
    return books.run(lambda tx: journal.post(tx, BOOK, "settlement", legs)), own, giver


def test_a_return_goes_back_to_the_purses_it_came_from(books: Books) -> None:
    paid, own, giver = _three_legs(books)
    back = books.run(lambda tx: journal.reverse(tx, paid, "refund"))
    assert (books.holds(own), books.holds(giver)) == (10_000, 10_000)
    row = books.run(lambda tx: tx.one(journal.SQL.journal, book=BOOK, id=back))
    assert (row["corrects"], row["fens"], row["kinds"]) == (paid, [1_000, 600, 400, -2_000], ["own", "aid", "cash", "bill"])
    assert books.run(lambda tx: statement.trial_balance(tx, BOOK))["institution:H1"] == 0
    assert books.run(lambda tx: list(faults(tx))) == []


def test_partial_returns_never_exceed_the_leg(books: Books) -> None:
    paid, own, giver = _three_legs(books)

    def back(**parts: int) -> Any:
        numbers = {int(name[1:]): fen for name, fen in parts.items()}
        return books.run(lambda tx: journal.reverse(tx, paid, "refund", numbers))

    back(n0=400, n3=400)
    back(n1=600, n0=100, n3=700)
    for parts in ({"n1": 1, "n3": 1}, {"n0": 501, "n3": 501}, {"n2": 401, "n3": 401}, {"n4": 1, "n3": 1}, {"n0": 0, "n3": 0}):
        with pytest.raises(Refusal) as refused:
            back(**parts)
        assert refused.value.code == "ledger.over_refund", parts
    with pytest.raises(Refusal):
        books.run(lambda tx: journal.reverse(tx, paid, "refund", {-1: 5, 0: 5}))
    with pytest.raises(AssertionError, match="sum to zero"):
        back(n0=100)
    back(n0=500, n2=400, n3=900)
    assert (books.holds(own), books.holds(giver)) == (10_000, 10_000)
    with pytest.raises(Refusal):
        books.run(lambda tx: journal.reverse(tx, paid, "refund"))
    assert books.run(lambda tx: list(faults(tx))) == []


def test_a_refused_return_leaves_no_part_behind(books: Books) -> None:
    paid, own, _ = _three_legs(books)
    with pytest.raises(Refusal):
        books.run(lambda tx: journal.reverse(tx, paid, "refund", {0: 1_000, 2: 401, 3: 1_401}))
    assert books.holds(own) == 9_000
    assert books.run(lambda tx: tx.one("select count(*) as many from returned"))["many"] == 0
    books.run(lambda tx: journal.reverse(tx, paid, "refund"))
    assert books.holds(own) == 10_000


def test_a_journal_nobody_wrote_cannot_be_returned(books: Books) -> None:
    with pytest.raises(Refusal) as refused:
        books.run(lambda tx: journal.reverse(tx, refs.mint(BOOK, AT), "refund"))
    assert refused.value.code == "ledger.unknown_journal"


def test_racing_partial_returns_never_exceed_the_leg(books: Books) -> None:
    paid, own, giver = _three_legs(books)
    start, chance = threading.Barrier(12), random.Random(7)
    wishes = [(chance.randint(1, 300), chance.randint(1, 200)) for _ in range(60)]

    refused: list[str] = []

    def work(mine: list[tuple[int, int]]) -> list[tuple[int, int]]:
        start.wait()
        done = []
        for one, two in mine:
            try:
                books.run(lambda tx, one=one, two=two: journal.reverse(tx, paid, "refund", {0: one, 1: two, 3: one + two}))
                done.append((one, two))
            except Refusal as refusal:
                refused.append(refusal.code)
        return done

    with ThreadPoolExecutor(12) as threads:
        done = [pair for part in threads.map(work, [wishes[place::12] for place in range(12)]) for pair in part]
    returned = (sum(one for one, _ in done), sum(two for _, two in done))
    assert done
    assert returned[0] <= 1_000
    assert returned[1] <= 600
    assert (books.holds(own), books.holds(giver)) == (9_000 + returned[0], 9_400 + returned[1])
    left = [(one, two) for one, two in wishes if (one, two) not in done]
    assert left, "more was asked than there was"
    assert set(refused) == {"ledger.over_refund"}
    assert books.run(lambda tx: list(faults(tx))) == []


def test_racing_draws_number_their_entries_without_gap_and_stop_at_the_floor(books: Books) -> None:
    holder = books.purse(1_000)
    start = threading.Barrier(10)
    refused: list[str] = []

    def work(_: int) -> int:
        start.wait()
        paid = 0
        for _ in range(4):
            try:
                books.draw(holder, 37)
                paid += 37
            except Refusal as refusal:
                refused.append(refusal.code)
        return paid

    with ThreadPoolExecutor(10) as threads:
        paid = sum(threads.map(work, range(10)))
    assert set(refused) == {"ledger.below_floor"}
    assert paid == 1_000 // 37 * 37
    lines = books.lines(holder)
    assert [line[0] for line in lines] == list(range(1, 1_000 // 37 + 2))
    assert lines[-1][2] == 1_000 - paid == books.holds(holder)


# Damage

DAMAGE: dict[str, tuple[tuple[str, ...], str]] = {
    "a balance is raised": (
        ("update purse set balance = balance + 1 where holder = (select holder from entry limit 1)",),
        "balance",
    ),
    "a last number is raised": (("update purse set last_no = last_no + 1 where last_no > 0",), "numbers given"),
    "the newest entry is deleted": (("delete from entry where no = (select max(no) from entry)",), "entries that sum to"),
    "an entry in the middle is deleted": (
        ("delete from entry where no = 1 and fen > 0 and balance = 100000",),
        "entries that sum to",
    ),
    "numbers have a gap": (
        ("update entry set no = 77 where no = (select max(no) from entry)",),
        "balance",
    ),
    "an entry's amount is changed": (("update entry set fen = fen - 1 where fen < 0",), "leg and entry"),
    "an entry's balance is changed": (("update entry set balance = balance + 1 where fen < 0",), "balance"),
    "a purse is deleted with its entries left": (("delete from purse where last_no > 0",), "no purse"),
    "a purse is below its floor": (
        ("alter table purse drop constraint purse_check", "update purse set floor = balance + 1 where last_no > 0"),
        "below its floor",
    ),
    "a purse's leg is changed": (
        ("update journal set fens = array[fens[1] - 5, fens[2] + 5] || fens[3:] where cause = 'settlement'",),
        "leg and entry",
    ),
    "a leg is changed so that the book does not sum to zero": (
        (
            "alter table journal drop constraint journal_check",
            "update journal set fens[1] = fens[1] + 1 where cause = 'credit'",
        ),
        "does not sum to zero",
    ),
    "a journal of accounts is deleted": (("delete from journal where cause = 'credit'",), "leg and entry"),
    "a clearing leg points elsewhere": (
        ("update journal set accounts = array_replace(accounts, 'clearing:' || %(other)s, 'clearing:1')",),
        "does not cancel out",
    ),
    "a settlement's parts are moved": (("update settlement set cash = cash + 1, account = account - 1",), "replays differently"),
    "a settlement's facts are edited": (
        ("update settlement set facts = replace(facts::text, '\"L3\"', '\"L2\"')::json",),
        "replays differently",
    ),
    "a settlement is deleted": (("delete from settlement",), "its amounts and its journal differ"),
    "the fund's part and the bill are changed together": (
        ("update journal set fens[1] = fens[1] - 5, fens[4] = fens[4] + 5 where fens[4] = 35000",),
        "its amounts and its journal differ",
    ),
    "a kept pack is edited": (("update pack set body = replace(body, '\"0.55\"', '\"0.56\"')",), "is not what it was"),
    "a kept pack is deleted": (("delete from pack",), "is not kept"),
}


def _paid_across_books(city: City) -> None:
    """A father of one book whose daughter of another pays after him; the pool pays as well."""
    city.enrols("father", "60.00", base="retired", household="wang")
    city.enrols("daughter", "1000.00", household="li")
    assert city.people["father"].book != city.people["daughter"].book
    city.authorises("daughter", "father")
    city.pays("father", [("A", "300.00"), ("OUT", "50.00")])


def _damage(url: str, statements: tuple[str, ...], other: int) -> None:
    with psycopg.connect(url, options="-c search_path=mulaid,public") as connection:
        for text in statements:
            touched = connection.execute(text.replace("%(other)s", str(other)).replace("%%", "%"))  # type: ignore[arg-type]
            assert touched.rowcount != 0, f"nothing was damaged by {text}"


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found(city: City, url: str, name: str) -> None:
    _paid_across_books(city)
    city.books_balance()
    statements, says = DAMAGE[name]
    _damage(url, statements, city.people["daughter"].book)
    found = city.run(lambda tx: list(faults(tx)))
    assert any(says in fault for fault in found), found


def test_verify_tells_right_books_from_wrong_ones(
    city: City, url: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _paid_across_books(city)
    for name, value in (("URL", url), ("DATA", str(cluster.folder)), ("PROFILE", "test")):
        monkeypatch.setenv("MULAID_DATABASE_URL" if name == "URL" else f"MULAID_{name}", value)
    assert cli.main(["verify"]) == 0
    assert "the books are right" in capsys.readouterr().out
    _damage(url, ("update purse set balance = balance + 1 where last_no > 0",), 0)
    assert cli.main(["verify"]) == 1
    assert "2 faults" in capsys.readouterr().out
    assert cli.main(["verify", "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["faults"]) == 2
