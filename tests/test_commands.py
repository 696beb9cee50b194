"""Commands: one key, one transaction, one stored answer, whatever happens in between."""

from __future__ import annotations

import gc
import json
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
from mulaid import audit, commands, outbox, refs
from mulaid.commands import Answer, Key
from mulaid.db import Database, Tx
from mulaid.ledger import chart, journal
from mulaid.ledger.journal import Leg
from mulaid.refusal import Refusal

BOOK = 67200
AT = datetime(2026, 3, 2, 10, 0, tzinfo=SHANGHAI)
LEFT_BEHIND = ("journal", "entry", "purse", "audit", "outbox")


def key(name: str = "K1", body: bytes = b"body", door: str = "test", caller: str = "H1", book: int = BOOK) -> Key:
    return Key.of(book, door, caller, name, body)


def send(db: Database, work: Callable[[Tx], str], k: Key | None = None) -> Answer:
    return commands.run(db, k or key(), work, lambda refusal: f"no: {refusal.code}", at=AT, by=BY)


def pays(tx: Tx) -> str:
    """A command that leaves a row in every table a command can leave one in."""
    holder = refs.mint(BOOK, tx.at)
    journal.open_purse(tx, BOOK, holder, chart.OWN)
    journal.post(tx, BOOK, "credit", [Leg("crediting:x", -5, "credit"), Leg(chart.purse(holder, chart.OWN), 5, "credit")])
    audit.write(tx, BOOK, "pay", holder)
    outbox.put(tx, BOOK, "paid", {"who": str(holder)})
    tx.subject = holder
    return f"paid {holder}"


def counts(db: Database) -> dict[str, int]:
    with psycopg.connect(db.url, options="-c search_path=mulaid") as connection:
        return {
            table: connection.execute(f"select count(*) from {table}").fetchone()[0]  # type: ignore[arg-type, index]
            for table in (*LEFT_BEHIND, "command")
        }


ONCE = {**dict.fromkeys(LEFT_BEHIND, 1), "command": 1}
NOTHING = {**dict.fromkeys(LEFT_BEHIND, 0), "command": 0}
KEY_ONLY = {**NOTHING, "command": 1}


def test_the_same_key_gets_the_same_answer_and_the_work_is_done_once(db: Database) -> None:
    first = send(db, pays)
    again = send(db, pays)
    assert not first.repeated
    assert again == Answer(first.text, refused=False, repeated=True, subject=first.subject)
    assert isinstance(first.subject, UUID)
    assert counts(db) == ONCE


def test_the_same_key_with_another_body_is_refused_and_that_is_not_stored(db: Database) -> None:
    first = send(db, pays)
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            send(db, pays, key(body=b"other"))
        assert refused.value.code == "command.key_reused"
    assert send(db, pays).text == first.text
    assert counts(db) == ONCE


def test_keys_of_other_doors_callers_and_books_are_other_keys(db: Database) -> None:
    made = [send(db, pays, k).text for k in (key(), key(door="web"), key(caller="H2"), key(book=BOOK + 1), key("K2"))]
    assert len(set(made)) == 5


def test_a_refusal_stays_a_refusal(db: Database) -> None:
    def refuses(tx: Tx) -> str:
        raise Refusal("people.unknown")

    first = send(db, refuses)
    assert first == Answer("no: people.unknown", refused=True)
    late = send(db, pays)
    assert late == Answer("no: people.unknown", refused=True, repeated=True)
    assert counts(db) == KEY_ONLY


def test_a_refused_command_leaves_nothing_but_its_answer(db: Database) -> None:
    def almost(tx: Tx) -> str:
        pays(tx)
        raise Refusal("ledger.below_floor")

    answer = send(db, almost)
    assert answer == Answer("no: ledger.below_floor", refused=True, subject=None)
    assert counts(db) == KEY_ONLY
    assert send(db, pays).subject is None, "what the refused command thought it had made was not made"


def test_our_own_bug_leaves_no_key_so_that_the_caller_may_ask_again(db: Database) -> None:
    def breaks(tx: Tx) -> str:
        pays(tx)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        send(db, breaks)
    assert counts(db) == NOTHING
    assert not send(db, pays).repeated


def test_a_commit_that_fails_keeps_no_key(db: Database) -> None:
    """A deferred constraint fails where nothing else can: at the commit itself."""
    with psycopg.connect(db.url, options="-c search_path=mulaid") as connection:
        connection.execute("alter table audit add unique (subject) deferrable initially deferred")
    taken = refs.mint(BOOK, AT)
    commands.alone(db, lambda tx: audit.write(tx, BOOK, "pay", taken), at=AT, by=BY)
    before = counts(db)
    reached = []

    def collides(tx: Tx) -> str:
        text = pays(tx)
        audit.write(tx, BOOK, "pay", taken)
        reached.append(text)
        return text

    with pytest.raises(errors.UniqueViolation):
        send(db, collides)
    assert reached
    assert counts(db) == before
    assert not send(db, pays).repeated


def _loses_its_connection(times: int, tried: list[int]) -> Callable[[Tx], str]:
    def work(tx: Tx) -> str:
        tried.append(1)
        text = pays(tx)
        if len(tried) <= times:
            tx.run("select pg_terminate_backend(pg_backend_pid())")
        return text

    return work


def test_a_connection_that_dies_is_tried_again_and_pays_once(db: Database) -> None:
    tried: list[int] = []
    answer = send(db, _loses_its_connection(2, tried))
    assert not answer.refused
    assert len(tried) == 3
    assert counts(db) == ONCE


def test_tries_are_bounded_and_then_the_caller_is_told_to_ask_again(db: Database) -> None:
    tried: list[int] = []
    with pytest.raises(Refusal) as refused:
        send(db, _loses_its_connection(99, tried))
    assert refused.value.code == "command.busy"
    assert len(tried) == commands.TRIES
    assert counts(db) == NOTHING, "being busy is not stored: the same key may still succeed"
    assert not send(db, pays).repeated


@pytest.mark.parametrize("name", ["40001", "40P01", "55P03", "57P01"])
def test_what_passes_is_tried_again(db: Database, name: str) -> None:
    tried = []

    def work(tx: Tx) -> str:
        tried.append(name)
        if len(tried) == 1:
            tx.run(f"do $$ begin raise exception 'passing' using errcode = '{name}'; end $$")  # type: ignore[arg-type]
        return pays(tx)

    assert not send(db, work).refused
    assert (len(tried), counts(db)) == (2, ONCE)


def test_a_server_that_is_away_is_busy_and_not_a_failure_of_ours(db: Database) -> None:
    away = Database(
        db.url.replace("host=", "host=/nowhere-") if "host=" in db.url else db.url + "?host=/nowhere", db.keys, size=1
    )
    away.pool.timeout = 0.05
    try:
        with pytest.raises(Refusal) as refused:
            commands.run(away, key(), pays, lambda refusal: "no", at=AT, by=BY)
        assert refused.value.code == "command.busy"
    finally:
        away.close()


def test_a_deadlock_is_not_seen_by_either_caller(db: Database) -> None:
    with psycopg.connect(db.url) as connection:
        connection.execute("create table mulaid.lock (id int primary key, times int not null default 0)")
        connection.execute("insert into mulaid.lock values (1), (2)")
    met = threading.Barrier(2)
    tried: list[int] = []

    def crossing(first: int, second: int) -> Callable[[Tx], str]:
        def work(tx: Tx) -> str:
            tx.run("set local deadlock_timeout = '50ms'")
            tx.run("update lock set times = times + 1 where id = %(id)s", id=first)
            tried.append(first)
            if len(tried) <= 2:
                met.wait(5)
            tx.run("update lock set times = times + 1 where id = %(id)s", id=second)
            return pays(tx)

        return work

    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(send, db, crossing(*order), key(f"K{order}")) for order in ((1, 2), (2, 1))]
        answers = [one.result() for one in waiting]
    assert [answer.refused for answer in answers] == [False, False]
    assert len(tried) > 2, "the two did meet"
    with psycopg.connect(db.url) as connection:
        assert connection.execute("select times from mulaid.lock").fetchall() == [(2,), (2,)]


def test_twenty_with_one_key_do_the_work_once_and_get_one_answer(db: Database) -> None:
    start = threading.Barrier(20)

    def work(_: int) -> Answer:
        start.wait()
        return send(db, pays)

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(work, range(20)))
    assert len({answer.text for answer in answers}) == 1
    assert sum(not answer.repeated for answer in answers) == 1
    assert counts(db) == ONCE


def test_a_reader_that_waited_for_a_rival_that_failed_does_the_work_itself(db: Database) -> None:
    inside, go = threading.Event(), threading.Event()

    def fails(tx: Tx) -> str:
        pays(tx)
        inside.set()
        assert go.wait(5)
        raise ZeroDivisionError

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(send, db, fails)
        assert inside.wait(5)
        second = threads.submit(send, db, pays)
        go.set()
        with pytest.raises(ZeroDivisionError):
            first.result()
        assert not second.result().repeated
    assert counts(db) == ONCE


def test_work_of_the_systems_own_is_all_or_nothing(db: Database) -> None:
    def half(tx: Tx) -> None:
        pays(tx)
        raise Refusal("people.unknown")

    with pytest.raises(Refusal):
        commands.alone(db, half, at=AT, by=BY)
    assert counts(db) == NOTHING


def test_what_was_done_is_told_by_whom_where_and_when(db: Database) -> None:
    send(db, pays)
    with db.reading(AT, BY) as tx:
        row = tx.one("select * from audit")
        told = tx.one("select * from outbox")
    assert row
    assert told
    assert (row["actor"], row["act"], row["at"], row["book"]) == (f"{BY.channel}:{BY.name}", "pay", AT, BOOK)
    assert (told["topic"], told["body"]) == ("paid", {"who": str(row["subject"])})


# The same promise on the settlement path


def _after(city: City) -> dict[str, Any]:
    with psycopg.connect(city.db.url, options="-c search_path=mulaid") as connection:
        return {
            table: connection.execute(f"select count(*) from {table}").fetchone()[0]  # type: ignore[arg-type, index]
            for table in ("settlement", "journal", "entry", "audit", "outbox", "command")
        }


def test_a_refused_settlement_leaves_only_its_answer(city: City) -> None:
    city.enrols("father", "60.00", base="retired")
    bill = city.uploads(city.visits("father"), [("MINE", "50.00")])
    before = _after(city)
    refused = city.settles(bill, msgid="M1", medfee_sumamt="50.01")
    assert refused["infcode"] == -1
    assert "settlement.total_differs" in refused["err_msg"]
    after = _after(city)
    assert after == {**before, "command": before["command"] + 1}
    city.now += timedelta(hours=1)
    assert city.settles(bill, msgid="M1", medfee_sumamt="50.01") == refused
    assert "command.key_reused" in city.settles(bill, msgid="M1")["err_msg"]
    assert _after(city) == after
    assert city.settles(bill, msgid="M2")["infcode"] == 0
    city.books_balance()


def test_refused_messages_do_not_pile_up_until_the_collector_comes(city: City) -> None:
    city.enrols("father", "60.00", base="retired")
    bill = city.uploads(city.visits("father"), [("MINE", "50.00")])
    city.settles(bill, msgid="M0", medfee_sumamt="50.01")
    gc.collect()
    gc.disable()
    try:
        for number in range(1, 4):
            assert city.settles(bill, msgid=f"M{number}", medfee_sumamt="50.01")["infcode"] == -1
        assert not [one for one in gc.get_objects() if isinstance(one, Refusal)]
    finally:
        gc.enable()


def test_an_answer_is_kept_to_the_byte(city: City) -> None:
    city.enrols("father", "60.00", base="retired")
    bill = city.uploads(city.visits("father"), [("MINE", "50.00")])
    data = {**bill, "med_type": "11", "psn_setlway": "01", "acct_used_flag": "1", "insutype": ""}

    def raw(**envelope: str) -> bytes:
        message = {"infno": "2207", "msgid": "M1", "fixmedins_code": "H1", "opter": "001", "input": {"data": data}, **envelope}
        return city.post(json.dumps(message).encode())[1]

    first = raw()
    city.now += timedelta(days=2)
    assert raw() == first
    assert raw(inf_time="2026-03-04 10:00:00", opter="002") == first, "the envelope's times and operator may differ between tries"
