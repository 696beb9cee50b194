"""Seals: what was written stays as it was, and whoever changes it is found, even with every right on the database."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest

from city import City
from conftest import Cluster
from mulaid import cli, jobs
from mulaid.ledger import seal
from mulaid.ledger.seal import Anchor


@pytest.fixture
def story(city: City) -> City:
    """A father whose daughter pays after him, twice, with a block sealed after each."""
    city.enrols("father", "60.00", base="retired", household="wang")
    city.enrols("daughter", "1000.00", household="wang")
    city.authorises("daughter", "father")
    for money in ("300.00", "200.00"):
        city.pays("father", [("A", money)])
        assert seals(city) > 0
        city.now += timedelta(minutes=1)
    return city


def seals(city: City) -> int:
    return jobs.seal_everything(city.db, clock=partial(getattr, city, "now"))


def wrong(city: City, anchors: tuple[Anchor, ...] = ()) -> list[str]:
    found: list[str] = city.run(lambda tx: list(seal.faults(tx, anchors)))
    return found


def do(url: str, *statements: str) -> None:
    with psycopg.connect(url, options="-c search_path=mulaid,public") as connection:
        for text in statements:
            assert connection.execute(text).rowcount != 0, text  # type: ignore[arg-type]


def count(url: str, text: str) -> int:
    with psycopg.connect(url, options="-c search_path=mulaid,public") as connection:
        row = connection.execute(text).fetchone()  # type: ignore[arg-type]
        assert row
        return int(row[0])


def test_the_root_is_that_of_rfc_6962() -> None:
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = [hashlib.sha256(b"\0" + bytes.fromhex(one)).digest() for one in inputs]
    roots = {
        0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    assert {many: seal.root(leaves[:many]).hex() for many in roots} == roots


def test_everything_is_sealed_once(story: City, url: str) -> None:
    for table in ("journal", "settlement", "audit"):
        rows = count(url, f"select count(*) from {table}")
        assert rows > 0
        assert count(url, f"select count(*) from sealed where chain = '{table}'") == rows
    assert count(url, "select max(no) from seal where chain = 'settlement'") == 2
    assert seals(story) == 0
    assert wrong(story) == []
    story.books_balance()


def test_what_commits_late_is_in_a_later_block(story: City, url: str) -> None:
    """Ids are given before the commit: a seal that went on from the last id would leave the slower of two out for ever."""
    story.now -= timedelta(hours=3)
    story.pays("father", [("A", "10.00")])
    story.now += timedelta(hours=3)
    assert seals(story) > 0
    assert count(url, "select count(*) from sealed where chain = 'settlement'") == 3
    assert wrong(story) == []


def test_a_refund_marks_a_sealed_settlement_and_nothing_is_wrong(story: City) -> None:
    paid = story.pays("father", [("A", "40.00")])
    assert seals(story) > 0
    story.refunds(paid)
    assert wrong(story) == []
    assert seals(story) > 0
    assert wrong(story) == []


def test_a_column_that_is_added_later_changes_nothing(story: City, url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("alter table mulaid.audit add column device text")
        connection.execute(
            "create or replace view mulaid.to_seal as"
            " select book, 'journal' as chain, id, row_to_json(journal) as content from mulaid.journal"
            " union all select book, 'settlement', id, row_to_json(settlement) from mulaid.settlement"
            " union all select book, 'audit', id, row_to_json(audit) from mulaid.audit"
        )
    assert wrong(story) == []


ANOTHER = "is not what was sealed"
UNSIGNED = "is not signed with this installation's key"
SLIPPED = """
insert into audit (book, id, at, actor, act)
select book, ('00' || substr(id::text, 3))::uuid, at, actor, 'slipped' from audit limit 1
"""
DAMAGE: dict[str, tuple[tuple[str, ...], str]] = {
    "a fen is moved between two legs": (
        ("update journal set fens[1] = fens[1] - 1, fens[2] = fens[2] + 1 where cause = 'settlement'",),
        ANOTHER,
    ),
    "facts are edited": (("update settlement set facts = replace(facts::text, '\"L3\"', '\"L2\"')::json",), ANOTHER),
    "who did it is changed": (("update audit set actor = 'web:nobody'",), ANOTHER),
    "a moment is moved": (("update journal set recorded_at = recorded_at - interval '1 hour'",), ANOTHER),
    "an act is removed": (("delete from audit where id = (select min(id::text)::uuid from audit)",), "is gone"),
    "an act is removed with its leaf": (
        (
            "delete from sealed where chain = 'audit' and place = 1 and block = 1",
            "delete from audit where id not in (select id from sealed where chain = 'audit')",
        ),
        "does not hold what was sealed",
    ),
    "two rows change places": (
        (
            "update sealed set place = place + 1000 where chain = 'audit' and block = 1 and place <= 2",
            "update sealed set place = 1003 - place where place > 1000",
        ),
        "does not hold what was sealed",
    ),
    "a row is slipped in for the past": ((SLIPPED,), "was never sealed"),
    "everything is removed": (("delete from audit",), "is gone"),
    "a block in the middle is taken out with all it holds": (
        ("delete from sealed where chain = 'settlement' and block = 1", "delete from seal where chain = 'settlement' and no = 1"),
        "the block before it is gone",
    ),
    "a block is made over": (("update seal set root = decode(repeat('ab', 32), 'hex')",), UNSIGNED),
    "blocks are moved to another book": (("update sealed set book = book + 1", "update seal set book = book + 1"), UNSIGNED),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(story: City, url: str, name: str) -> None:
    statements, says = DAMAGE[name]
    do(url, *statements)
    found = wrong(story)
    assert any(says in fault for fault in found), found


def test_a_database_that_is_taken_back_is_told_by_the_anchors(story: City, url: str, tmp_path: Path) -> None:
    file = tmp_path / "anchors.jsonl"
    clock = partial(getattr, story, "now")
    assert jobs.anchor(story.db, file, clock=clock) >= 3
    assert jobs.anchor(story.db, file, clock=clock) == 0, "what is written down is not written again"
    anchors = tuple(seal.read_back(file.read_text("utf-8").splitlines()))
    assert wrong(story, anchors) == []
    do(
        url,
        "delete from sealed where chain = 'settlement' and block = 2",
        "delete from seal where chain = 'settlement' and no = 2",
        "delete from settlement where id not in (select id from sealed where chain = 'settlement')",
    )
    assert wrong(story) == [], "an older state is whole in itself"
    (fault,) = wrong(story, anchors)
    assert "settlement block 2 is not the one that was anchored" in fault
    story.pays("father", [("A", "10.00")])
    assert seals(story) > 0
    assert any("not the one that was anchored" in fault for fault in wrong(story, anchors)), "nor does going on mend it"


def test_two_sealers_at_once_seal_everything_once(story: City, url: str) -> None:
    for _ in range(6):
        story.pays("father", [("A", "5.00")])
    start = threading.Barrier(4)

    def at_once() -> int:
        start.wait()
        return seals(story)

    with ThreadPoolExecutor(4) as pool:
        done = [one.result() for one in [pool.submit(at_once) for _ in range(4)]]
    assert sum(done) > 0
    seals(story)
    assert count(url, "select count(*) from sealed where chain = 'settlement'") == count(url, "select count(*) from settlement")
    assert wrong(story) == []


def test_a_large_book_takes_several_blocks(story: City, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        story.pays("father", [("A", "5.00")])
    sealed: Callable[..., int] = seal.seal
    monkeypatch.setattr(seal, "LARGEST", 2)
    monkeypatch.setattr(seal, "seal", partial(sealed, most=2))
    assert seals(story) > 1
    assert count(url, "select max(count) from seal where chain = 'settlement' and no > 2") == 2
    assert count(url, "select count(*) from sealed where chain = 'journal'") == count(url, "select count(*) from journal")
    assert wrong(story) == []


def test_a_backlog_of_days_is_sealed_whole(story: City, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker was away for a week: later batches must not take the first ones' time for that of what is left."""
    for _ in range(5):
        story.now += timedelta(days=2)
        story.pays("father", [("A", "5.00")])
    sealed: Callable[..., int] = seal.seal
    monkeypatch.setattr(seal, "LARGEST", 2)
    monkeypatch.setattr(seal, "seal", partial(sealed, most=2))
    seals(story)
    for table in ("journal", "settlement", "audit"):
        assert count(url, f"select count(*) from sealed where chain = '{table}'") == count(url, f"select count(*) from {table}")
    assert wrong(story) == []


def test_verify_looks_at_seals_and_anchors(
    story: City, url: str, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "anchors.jsonl"
    jobs.anchor(story.db, file, clock=partial(getattr, story, "now"))
    monkeypatch.setenv("MULAID_DATABASE_URL", url)
    monkeypatch.setenv("MULAID_DATA", str(cluster.folder))
    monkeypatch.setenv("MULAID_PROFILE", "test")
    assert cli.main(["verify", "--anchors", str(file)]) == 0
    line = json.loads(file.read_text("utf-8"))
    line["blocks"][0][3] = "00" * 32
    file.write_text(json.dumps(line) + "\n", "utf-8")
    assert cli.main(["verify", "--anchors", str(file)]) == 1
    assert "is not the one that was anchored" in capsys.readouterr().out
