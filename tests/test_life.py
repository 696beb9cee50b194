"""A month of a simulated city: a thousand people of every region, a fixed seed, and everything agrees after every day."""

from __future__ import annotations

from typing import LiteralString

import pytest

from conftest import Cluster
from mulaid import cli
from mulaid.agency import watch
from mulaid.proof.acts import ACTS, visits
from mulaid.proof.life import Life, Trouble, live, report
from mulaid.proof.rings import RINGS


def test_a_month_of_a_thousand_people(url: str, cluster: Cluster) -> None:
    said: list[str] = []
    life = live(url, cluster.keys, said.append, people=1000, days=30, seed=20261216, embedded=True, acts=ACTS)
    told = report(life, list(ACTS))
    assert sum("everything agrees" in line for line in said) == 30
    idle = [name for name in ACTS if not life.done[name]]
    assert idle == ["spends_of_the_dead"], "everything there is to do was done\n" + "\n".join(told)
    assert life.refused["spends_of_the_dead", "people.not_enrolled"] > 0
    assert life.done.total() > 2 * life.refused.total(), "\n".join(told)
    assert (len(life.rings.planted), life.rings.missed) == (30, []), "\n".join(told)
    assert len(life.rings.false) * 1000 < life.rings.honest, "\n".join(told)


ONE = "where ctid = (select min(ctid) from {0})"


@pytest.mark.parametrize(
    ("spoils", "told"),
    [
        ("update purse set balance = balance + 1 " + ONE.format("purse"), "entries that sum to"),
        ("update purse set frozen = 1 where ctid = (select min(ctid) from purse where balance > 0)", "1 frozen, 0 held"),
        ("update insured_year set fund = fund + 1", "is not the sum of its bills"),
        ("update aid set used = used + 1 " + ONE.format("aid"), "used .*, taken"),
        ("update aid set quota = 1, used = 2 " + ONE.format("aid"), "gave more than its limits"),
        ("update aid set month_cap = 1, month_used = 2 " + ONE.format("aid"), "gave more than its limits"),
        (
            "update person set died_on = '2026-12-01' where id = (select giver from aid limit 1)",
            "authorisation .* outlived somebody",
        ),
        ("update settlement set counted = counted + 1 where counted > 0", "counted replays differently"),
    ],
)
def test_what_is_wrong_stops_the_city_and_tells_seed_day_and_the_last_acts(
    url: str, cluster: Cluster, spoils: LiteralString, told: str
) -> None:
    life = Life(url, cluster.keys, lambda text: None, people=60, seed=7, embedded=True)
    try:
        life.settle_in()
        life.live_day({"visits": (visits, 400.0)})
        life.check()
        life.seen = {}
        life.run(lambda tx: tx.run(spoils))
        with pytest.raises(Trouble, match=rf"(?s)seed 7, day 1 \(2026-12-16\): .*{told}") as caught:
            life.check()
    finally:
        life.close()
    assert "visits: done" in str(caught.value)


def test_our_own_failure_is_never_counted_as_a_refusal(url: str, cluster: Cluster) -> None:
    def stumbles(life: Life) -> bool:
        """A command that is broken."""
        return bool(1 // 0)

    with pytest.raises(Trouble, match="ZeroDivisionError"):
        live(url, cluster.keys, lambda text: None, people=60, days=1, seed=7, embedded=True, acts={"stumbles": (stumbles, 50.0)})


@pytest.mark.parametrize("words", [["--people", "0"], ["--days", "-1"], ["--seed", "１"], ["--people", "many"]])
def test_the_command_knows_a_number_when_it_sees_one(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["city", *words])
    assert "is not a whole number from" in capsys.readouterr().err


def test_every_ring_of_a_week_is_found_and_no_family_is_taken_for_one(url: str, cluster: Cluster) -> None:
    """Each kind of ring and each kind of look-alike once; the stated rate is less than one false alarm in 1,000 settlements."""
    acts = {
        name: (ACTS[name][0], often)
        for name, often in (("buys", 400.0), ("visits", 150.0), ("binds", 60.0), ("authorises", 60.0))
    }
    life = live(url, cluster.keys, lambda text: None, people=80, days=6, seed=11, embedded=True, acts=acts)
    assert {rule for rule, *_ in life.rings.planted} == set(watch.rules()) == set(RINGS)
    assert life.rings.missed == []
    assert life.rings.false == []
    assert life.rings.honest > 150
    assert report(life, [])[-2:] == [
        "rings: 6 planted, 6 found; 6 families that look like one",
        f"false alarms: 0 of {life.rings.honest} settlements of others",
    ]
