"""Monthly credits: the law of every region (W07), and the walk over everybody: exactly once, whatever is killed or runs twice."""

from __future__ import annotations

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from city import SHANGHAI, City
from conftest import Cluster
from mulaid import cli, jobs
from mulaid.db import Database, process_url
from mulaid.ledger import chart
from mulaid.money import parse_yuan, yuan
from mulaid.people import enrolment, standing
from mulaid.people.enrolment import Enrolment
from mulaid.policy.crediting import Credit, Insured, current_year, month_credit, month_named, turns
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.settlement import crediting
from mulaid.settlement.crediting import Came
from walker import POINTS

NOVEMBER = date(2026, 11, 1)
BEIJING, SHANGHAI_CITY, WUHAN, NANCHANG, HANGZHOU = "110000", "310100", "420100", "360100", "330100"
WALKER = Path(__file__).with_name("walker.py")


def brings(region: str, who: Insured, month: date = NOVEMBER) -> Credit:
    return month_credit(library().in_force(region, month), who, month)


def active(base: str | None, **more: Any) -> Insured:
    return Insured("active", date(1980, 1, 1), wage_base=parse_yuan(base) if base else None, **more)


def retired(born: date, **more: Any) -> Insured:
    return Insured("retired", born, retired_on=date(2015, 6, 1), **more)


# The law


@pytest.mark.parametrize(
    ("region", "who", "month", "fen"),
    [
        (BEIJING, active("10000"), NOVEMBER, "200.00"),
        (BEIJING, retired(date(1956, 11, 2)), NOVEMBER, "100.00"),  # 69 on the first of the month
        (BEIJING, retired(date(1956, 11, 1)), NOVEMBER, "110.00"),  # 70 on the day
        (WUHAN, retired(date(1950, 1, 1)), NOVEMBER, "83.00"),
        (WUHAN, retired(date(1950, 1, 1), flexible=True), NOVEMBER, "66.00"),
        (WUHAN, active("5000", flexible=True), NOVEMBER, "0.00"),
        (SHANGHAI_CITY, retired(date(1951, 1, 1)), date(2026, 7, 1), "1890.00"),  # a year's sum
        (SHANGHAI_CITY, retired(date(1952, 1, 1)), date(2026, 7, 1), "1680.00"),
        (SHANGHAI_CITY, retired(date(1951, 1, 1)), NOVEMBER, "0.00"),
    ],
)
def test_w07(region: str, who: Insured, month: date, fen: str) -> None:
    assert yuan(brings(region, who, month).fen) == fen


def test_a_retirees_ratio_is_of_the_average_pension_and_an_unknown_one_is_never_guessed() -> None:
    credit = brings(NANCHANG, retired(date(1950, 1, 1)))
    assert (credit.fen, credit.missing) == (0, "average_pension"), "X24: 2.5 % of a number the city has not published"
    assert brings("620100", retired(date(1950, 1, 1))) == Credit(6_000, "average_pension"), "2 % of 3,000"


def test_flexible_workers_are_credited_as_employees_where_nothing_else_is_said() -> None:
    assert brings(NANCHANG, active("5000", flexible=True)).fen == 10_000


def test_x25_nobody_gets_more_than_their_own_two_percent() -> None:
    assert brings("429005", active("6805")).fen == 13_610


def test_the_base_is_kept_within_the_regions_limits() -> None:
    pack = library().in_force(WUHAN, NOVEMBER)
    limits = replace(pack.values["contribution_base"], value=(400_000, 2_000_000))
    bound = replace(pack, values={**pack.values, "contribution_base": limits})
    assert [month_credit(bound, active(base), NOVEMBER).fen for base in ("3000", "5000", "30000")] == [8_000, 10_000, 40_000]
    assert month_credit(bound, active(None), NOVEMBER) == Credit(0, "active_credit_ratio", "wage_base")


def test_who_retires_within_the_year_gets_the_months_that_are_left() -> None:
    who = replace(retired(date(1966, 1, 1)), retired_on=date(2026, 10, 15))
    got = [brings(SHANGHAI_CITY, who, date(2026 + (m > 12), (m - 1) % 12 + 1, 1)).fen for m in range(11, 20)]
    assert got == [112_000, 0, 0, 0, 0, 0, 0, 0, 168_000], "November to June are eight twelfths of 1,680; July is a new year"
    on_the_first = replace(who, retired_on=date(2026, 10, 1))
    assert brings(SHANGHAI_CITY, on_the_first, date(2026, 10, 1)).fen == 126_000


def test_current_year_money_only_where_accounts_are_parted_and_only_in_its_year() -> None:
    shanghai, wuhan = library().in_force(SHANGHAI_CITY, NOVEMBER), library().in_force(WUHAN, NOVEMBER)
    assert current_year(shanghai, NOVEMBER, NOVEMBER)
    assert not current_year(shanghai, date(2026, 6, 1), date(2026, 7, 2)), "June's money comes late, its year is over"
    assert not current_year(wuhan, NOVEMBER, NOVEMBER)
    assert turns(shanghai, date(2026, 7, 1))
    assert not turns(shanghai, date(2026, 1, 1))
    assert turns(library().in_force(HANGZHOU, date(2026, 1, 1)), date(2026, 1, 1))
    assert not turns(wuhan, date(2026, 1, 1))


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "202611", "2026-11-01", "２０２６-11", "", "abcd-ef"])
def test_months_that_are_none(text: str) -> None:
    assert month_named("2026-11") == NOVEMBER
    with pytest.raises(Refusal) as caught:
        month_named(text)
    assert caught.value.code == "crediting.bad_month"


# The walk


def town(city: City, people: int = 40) -> int:
    """A town of employees and retirees of several regions; what November brings to all of them, in fen."""
    chance, total = random.Random(7), 0
    city.now = datetime(2026, 11, 5, 2, 0, tzinfo=SHANGHAI)
    for place in range(people):
        region, fen = ((BEIJING, 20_000), (WUHAN, 8_300), (SHANGHAI_CITY, 10_000))[place % 3]
        old = region == WUHAN
        base = parse_yuan("10000" if region == BEIJING else "5000")
        more = {"base": "retired", "retired_on": date(2010, 1, 1)} if old else {"wage_base": base}
        city.enrols(f"p{place}", yuan(chance.randrange(100_00)), region=region, household=f"h{place % 5}", **more)
        total += fen
    city.enrols("resident", base="resident")
    return total


def walk(city: City, month: date = NOVEMBER, **more: Any) -> Came:
    return jobs.credit_everybody(city.db, library(), month, lambda text: None, clock=lambda: city.now, **more)


def credited(city: City) -> tuple[int, int]:
    """How many credits there are, and their sum."""
    row = city.run(lambda tx: tx.one("select count(*) as many, coalesce(sum(fen), 0)::bigint as fen from credited"))
    entries = city.run(
        lambda tx: tx.one("select count(*) as many from entry e join credited c on c.journal = e.journal and c.person = e.holder")
    )
    assert row["many"] == entries["many"], "each credit has its entry"
    return row["many"], row["fen"]


def test_a_month_is_credited_to_everybody_once(city: City) -> None:
    total = town(city)
    before = {name: city.holds(name) for name in city.people}
    told: list[str] = []
    came = jobs.credit_everybody(city.db, library(), NOVEMBER, told.append, most=7, clock=lambda: city.now)
    assert (came.people, came.fen, came.left_out) == (40, total, {})
    assert told[-1].endswith(f"40 people, {yuan(total)} yuan")
    assert credited(city) == (40, total)
    assert parse_yuan(city.holds("p0")) == parse_yuan(before["p0"]) + 20_000
    assert city.holds("p2") == before["p2"]
    assert city.holds("p2", chart.CURRENT_YEAR) == "100.00", "Shanghai: current-year money"
    assert city.holds("resident") == "0.00"
    city.books_balance()
    assert walk(city) == came, "a month that is done stays as it is"
    assert credited(city) == (40, total)
    row = city.run(lambda tx: crediting.credits_of(tx, city.people["p1"], NOVEMBER, NOVEMBER))
    assert [(one["fen"], one["region"], one["parameter"]) for one in row] == [(8_300, WUHAN, "retiree_credit")]


def test_who_is_not_insured_on_the_first_gets_nothing(city: City) -> None:
    city.now = datetime(2026, 11, 5, 2, 0, tzinfo=SHANGHAI)
    base = parse_yuan("5000")
    for name in ("suspended", "dead", "died_later", "ended", "normal"):
        city.enrols(name, wage_base=base)
    city.run(lambda tx: standing.suspend(tx, library(), city.people["suspended"], date(2026, 11, 1)))
    city.run(lambda tx: standing.died(tx, library(), city.people["dead"], date(2026, 10, 31)))
    city.run(lambda tx: standing.died(tx, library(), city.people["died_later"], date(2026, 11, 2)))
    city.run(lambda tx: standing.end(tx, library(), city.people["ended"], date(2026, 6, 1)))
    walk(city)
    assert {name: city.holds(name) for name in city.people} == {
        "suspended": "0.00",
        "dead": "0.00",
        "ended": "0.00",
        "died_later": "100.00",
        "normal": "100.00",
    }


def test_what_is_not_known_is_counted_and_credited_when_it_is(city: City) -> None:
    city.now = datetime(2026, 11, 5, 2, 0, tzinfo=SHANGHAI)
    ref = city.enrols("no base")
    city.enrols("nanchang", region=NANCHANG, base="retired", retired_on=date(2010, 1, 1))
    came = walk(city)
    assert (came.people, came.left_out) == (0, {f"wage_base {WUHAN}": 1, f"average_pension {NANCHANG}": 1})
    city.run(lambda tx: tx.run("update enrolment set wage_base = 500000 where person = %(p)s", p=ref.id))
    assert walk(city).people == 0, "the month is done"
    came = walk(city, again=True)
    assert (came.people, came.left_out) == (1, {f"average_pension {NANCHANG}": 1})
    assert city.holds("no base") == "100.00"
    assert walk(city, again=True).people == 1
    assert city.holds("no base") == "100.00"
    city.books_balance()


def test_a_month_that_has_not_begun_is_refused(city: City) -> None:
    city.enrols("father", wage_base=500_000)
    with pytest.raises(Refusal) as caught:
        walk(city, date(2026, 4, 1))
    assert caught.value.code == "crediting.future_month"
    assert credited(city) == (0, 0)
    assert walk(city, date(2026, 3, 1)).people == 1


def test_two_walks_at_once_credit_once(city: City) -> None:
    total = town(city, 60)
    with ThreadPoolExecutor(4) as pool:
        came = list(pool.map(lambda _: walk(city, most=3), range(4)))
    assert {(one.people, one.fen) for one in came} == {(60, total)}
    assert credited(city) == (60, total)
    city.books_balance()


def test_accounts_are_spent_while_they_are_credited(city: City) -> None:
    town(city, 30)
    city.enrols("payer", "1000", wage_base=500_000)
    with ThreadPoolExecutor(2) as pool:
        walking = pool.submit(walk, city, most=1)
        paid = [city.pays("payer", "10.00")["acct_pay"] for _ in range(10)]
        walking.result()
    assert paid == [10] * 10
    assert city.holds("payer") == "1000.00"
    city.books_balance()


def test_the_workers_role_may_do_all_of_it(city: City, url: str, cluster: Cluster) -> None:
    total = town(city, 12)
    db = Database(process_url(url, "mulaid_worker", embedded=True), cluster.keys, size=2)
    try:
        came = jobs.credit_everybody(db, library(), NOVEMBER, lambda text: None, clock=lambda: city.now)
    finally:
        db.close()
    assert (came.people, came.fen) == (12, total)


# The turn of the year


def test_the_medical_year_turns_before_its_first_month_is_credited(city: City) -> None:
    city.now = datetime(2026, 6, 5, 2, 0, tzinfo=SHANGHAI)
    city.enrols("young", "30", region=SHANGHAI_CITY, wage_base=500_000)
    city.enrols("old", "0", region=SHANGHAI_CITY, base="retired", retired_on=date(2005, 1, 1))
    city.enrols("elsewhere", "0", wage_base=500_000)
    lapsed = city.enrols("lapsed", "0", region=SHANGHAI_CITY)
    for name, money in (("young", "70"), ("old", "400"), ("elsewhere", "5"), ("lapsed", "9")):
        city.credits(name, money, chart.CURRENT_YEAR)
    city.run(lambda tx: standing.end(tx, library(), lapsed, date(2026, 6, 1)))
    walk(city, date(2026, 6, 1))
    city.now = datetime(2026, 7, 1, 2, 0, tzinfo=SHANGHAI)
    walk(city, date(2026, 7, 1), most=1)
    holds = {name: (city.holds(name), city.holds(name, chart.CURRENT_YEAR)) for name in city.people}
    assert holds == {
        "young": ("200.00", "100.00"),  # 30 + 70 + June's 100 are own money now; July's 100 are the new year's
        "old": ("400.00", "1890.00"),
        "elsewhere": ("200.00", "5.00"),
        "lapsed": ("9.00", "0.00"),
    }
    walk(city, date(2026, 7, 1))
    walk(city, date(2026, 5, 1))
    assert city.holds("young", chart.CURRENT_YEAR) == "100.00"
    assert city.holds("young") == "300.00", "May's money comes late: its year is over"
    city.books_balance()


# Killed


@pytest.mark.parametrize("point", sorted(POINTS))
def test_a_walk_that_is_killed_goes_on_where_it_was(city: City, cluster: Cluster, url: str, point: str) -> None:
    total = town(city, 30)
    arguments = [sys.executable, str(WALKER), url, str(cluster.folder / "keys"), city.now.isoformat(), NOVEMBER.isoformat()]
    process = subprocess.Popen(
        [*arguments, "--batch", "3", "--stop", point, "--times", "4" if point != "posted" else "2"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "halted\n"
    process.kill()
    process.wait()
    process.stdout.close()
    city.books_balance()
    many, fen = credited(city)
    assert (many, fen) < (30, total), "it was killed on the way"
    done = subprocess.run([*arguments, "--batch", "5"], stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    assert done.stdout == "done\n"
    assert credited(city) == (30, total)
    city.books_balance()


# What a person types


def test_the_command_knows_a_month_when_it_sees_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["credit", "--month", "soon"]) == 2
    assert "soon" in capsys.readouterr().err


def test_a_stretch_keeps_the_base_it_was_stated_with(city: City) -> None:
    ref = city.enrols("father", wage_base=500_000)
    city.run(lambda tx: enrolment.enrol(tx, ref, Enrolment("310", WUHAN, "active", wage_base=600_000), date(2026, 3, 1)))
    assert city.run(lambda tx: enrolment.enrolled(tx, ref, date(2026, 2, 28))).wage_base == 500_000
    assert city.run(lambda tx: enrolment.enrolled(tx, ref, date(2026, 3, 1))).wage_base == 600_000
    with psycopg.connect(city.db.url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("update mulaid.enrolment set wage_base = -1")
