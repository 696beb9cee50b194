"""How fast a month is credited to everybody: a population in bulk, the real walk over it, and where its time goes."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from uuid import UUID

import psycopg

from mulaid import jobs, refs, schema
from mulaid.calendar import business_date, month_of, wall_clock
from mulaid.crypto import Keys
from mulaid.db import Actor, Database
from mulaid.ledger import statement
from mulaid.money import yuan
from mulaid.people.enrolment import BUCKETS
from mulaid.policy import crediting as law
from mulaid.policy.pack import library
from mulaid.postgres import Server
from mulaid.settings import Settings

Say = Callable[[str], None]
REGIONS = ("110000", "420100", "310100", "610100")
RETIRED_OF_TEN = 3
Row = tuple[int, UUID, str, str]


def run(say: Say, people: int) -> int:
    """Credit two months to so many made-up people on a scratch PostgreSQL with fsync on; exit code 1 when a book is wrong."""
    folder = Path(tempfile.mkdtemp(prefix="mulaid-payday-"))
    folder.chmod(0o711)
    try:
        with Server(folder / "postgres", {}) as server:
            url = server.url("mulaid")
            keys = schema.migrate(Settings(folder, None, 0, 0, 2, "test"), url, lambda text: None)
            say(f"== enrolling {people} people")
            _enrol(url, people)
            return _measure(say, url, keys, people)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(say: Say, url: str, keys: Keys, people: int) -> int:
    month = month_of(business_date(wall_clock()))
    db = Database(url, keys, size=2)
    try:
        for what in ("first month (purses are opened)", "next month"):
            since, used = time.monotonic(), time.process_time()
            came = jobs.credit_everybody(db, library(), month, lambda text: None)
            took, ours = time.monotonic() - since, time.process_time() - used
            say(f"{what}: {came.people} people, {yuan(came.fen)} yuan in {took:.1f} s: {came.people / took:.0f} people a second")
            say(f"  of it {ours:.1f} s of this program's processor time; left out: {came.left_out or 'nobody'}")
            since = time.monotonic()
            again = jobs.credit_everybody(db, library(), month, lambda text: None, again=True)
            say(f"  over everybody once more: {time.monotonic() - since:.1f} s, {again.people - came.people} people credited")
            month = month_of(date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1))
        say(f"  the law alone: {_law_alone(people):.1f} s for as many decisions")
        with db.reading(wall_clock(), Actor("payday", "cli")) as tx:
            found = list(statement.faults(tx))
    finally:
        db.close()
    for fault in found:
        say(fault)
    say("the books are right" if not found else f"{len(found)} faults")
    return 1 if found else 0


def _law_alone(people: int) -> float:
    month = month_of(business_date(wall_clock()))
    who = law.Insured("active", date(1980, 1, 1), wage_base=800_000)
    since = time.monotonic()
    for place in range(people):
        law.month_credit(library().in_force(REGIONS[place % len(REGIONS)], month), who, month)
    return time.monotonic() - since


def _enrol(url: str, people: int) -> None:
    chance, now = random.Random(1), wall_clock()  # noqa: S311 -- made-up people, the same in every run
    made: list[Row] = []
    for place in range(people):
        region = REGIONS[place % len(REGIONS)]
        book = int(region[:4]) * BUCKETS + chance.randrange(BUCKETS)
        base = "retired" if chance.randrange(10) < RETIRED_OF_TEN else "active"
        made.append((book, refs.mint(book, now), region, base))
    with psycopg.connect(url) as c:
        with c.cursor().copy(
            "copy mulaid.person (book, id, shown, name, document_kind, document, gender, born) from stdin"
        ) as copy:
            for book, person, _, base in made:
                born = date(1950 if base == "retired" else 1985, chance.randrange(1, 13), chance.randrange(1, 29))
                copy.write_row((book, person, "王*", b"", "01", b"", "1", born))
        with c.cursor().copy(
            "copy mulaid.enrolment (book, person, valid_from, scheme, region, base, psn_type, status, retired_on, wage_base)"
            " from stdin"
        ) as copy:
            for book, person, region, base in made:
                retired = date(2010, 1, 1) if base == "retired" else None
                wage = None if base == "retired" else chance.randrange(4_000, 30_000) * 100
                copy.write_row((book, person, date(2020, 1, 1), "310", region, base, "1101", "normal", retired, wage))
    with psycopg.connect(url, autocommit=True) as c:
        c.execute("analyze")
