"""What a death, a move or an end of insurance ends, at once and by night, and how what is left is paid out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from city import SHANGHAI, City
from mulaid import commands, jobs
from mulaid.db import Actor
from mulaid.ledger import chart, statement
from mulaid.money import yuan
from mulaid.people import aid, endings, enrolment, household, standing, wallet
from mulaid.people.aid import Terms
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.policy.pack import library
from mulaid.refusal import Refusal

WUHAN, CHANGSHA, FUJIAN = "420100", "430100", "350200"


def refused(city: City, code: str, work: Callable[[], Any]) -> Refusal:
    def rows() -> list[Any]:
        tables = ("purse", "journal", "entry", "aid", "audit", "outbox")
        return city.run(lambda tx: [sorted(map(str, tx.all(f"select * from {table}"))) for table in tables])  # type: ignore[arg-type]

    before = rows()
    with pytest.raises(Refusal) as caught:
        work()
    assert caught.value.code == code, caught.value
    assert rows() == before
    return caught.value


def pays_out(
    city: City, who: PersonRef, because: str, heirs: dict[PersonRef, int] | None = None, channel: str = "counter"
) -> Any:
    by = Actor("clerk", channel, "窗口3")
    return commands.alone(city.db, lambda tx: endings.pay_out(tx, library(), who, because, heirs), at=city.now, by=by)


def dies(city: City, who: PersonRef) -> None:
    city.run(lambda tx: standing.died(tx, library(), who, city.now.date()))


def paid_out(city: City, book: int, region: str) -> str:
    return yuan(city.run(lambda tx: statement.trial_balance(tx, book)).get(chart.payout(region), 0))


def test_a_death_ends_everything_in_the_transaction_that_records_it(city: City) -> None:
    son = city.enrols("son", "900.00")
    city.enrols("mother")
    city.enrols("aunt", region=CHANGSHA)
    given = city.authorises("son", "mother")
    quota = city.freezes("son", "aunt", "500.00", "sibling")
    dies(city, son)
    assert city.run(lambda tx: aid.find(tx, given)).ended_because == "death"
    assert city.run(lambda tx: wallet.find(tx, quota)).ended_because == "death"
    assert yuan(city.run(lambda tx: wallet.free(tx, son))) == "900.00"


def test_a_move_brings_the_pool_home_before_the_account_follows(city: City) -> None:
    head = city.enrols("head", "5000.00", region=FUJIAN)
    ref = city.opens_household("head", "3000.00")
    city.now += timedelta(days=1)
    city.run(lambda tx: standing.move(tx, library(), head, "350100", city.now.date()))
    assert city.holds("head") == "5000.00"
    assert city.run(lambda tx: household.find(tx, ref)).closed_on == city.now.date()
    city.books_balance()


def test_the_nightly_walk_finds_what_nobody_said(city: City) -> None:
    """Enrolments that came in a file, an invitation nobody answered, a term and a quota that ran out: once."""
    son, mother, father, aunt = (city.enrols(name, "500.00") for name in ("son", "mother", "father", "aunt"))
    far = city.enrols("far", region=CHANGSHA)
    moved = city.authorises("son", "mother")

    def invite(tx: Any) -> Any:
        agreed = aid.promise(tx, library(), son, father, "parent", Terms()).hash
        return aid.offer(tx, library(), son, father, "parent", Terms(), agreed=agreed, invite=True)

    invited = city.run(invite)
    dated = city.authorises("son", "aunt", "sibling", valid_to=date(2026, 3, 5))
    quota = city.run(lambda tx: wallet.freeze(tx, library(), son, far, "sibling", 10000, valid_to=date(2026, 3, 5)))
    city.now += timedelta(days=10)
    city.run(lambda tx: enrolment.enrol(tx, mother, Enrolment("310", CHANGSHA, "active"), city.now.date()))
    assert jobs.look_at_relations(city.db, library(), clock=lambda: city.now) == 2
    why = [city.run(lambda tx, one=one: aid.find(tx, one)).ended_because for one in (moved, invited, dated)]
    assert why == ["moved_area", "invitation_lapsed", "expired"]
    assert city.run(lambda tx: wallet.find(tx, quota)).ended_because == "expired"
    assert jobs.look_at_relations(city.db, library(), clock=lambda: city.now) == 0
    assert aunt.book


@pytest.mark.parametrize("most", [1, 2, 50])
def test_the_walk_takes_everybody_whatever_a_batch_is(city: City, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Five mothers who moved, all in one book: nobody at the end of a batch is left out."""
    monkeypatch.setattr(jobs, "WALK_BATCH", most)
    given = []
    for number in range(5):
        city.enrols(f"son {number}", "500.00", household="one")
        city.enrols(f"mother {number}", household="one")
        given.append(city.authorises(f"son {number}", f"mother {number}"))
    city.now += timedelta(days=1)
    for number in (0, 1, 2, 4):
        mother, moved = city.people[f"mother {number}"], Enrolment("310", CHANGSHA, "active")
        city.run(lambda tx, ref=mother, moved=moved: enrolment.enrol(tx, ref, moved, city.now.date()))
    assert jobs.look_at_relations(city.db, library(), clock=lambda: city.now) == 10
    why = [city.run(lambda tx, one=one: aid.find(tx, one)).ended_because for one in given]
    assert why == ["moved_area", "moved_area", "moved_area", None, "moved_area"]
    assert jobs.look_at_relations(city.db, library(), clock=lambda: city.now) == 2


def test_the_morning_job_returns_and_the_monthly_one_clears(city: City) -> None:
    son, mother = city.enrols("son", "6000.00"), city.enrols("mother", region=CHANGSHA, base="resident")
    city.freezes("son", "mother", "500.00")
    city.pays("mother", "40.00")
    assert jobs.clear_last_month(city.db, clock=lambda: city.now) == 0
    later = datetime(2026, 4, 2, 1, 0, tzinfo=SHANGHAI)
    assert jobs.clear_last_month(city.db, clock=lambda: later) == 1
    assert jobs.clear_last_month(city.db, clock=lambda: later) == 0
    assert city.run(lambda tx: wallet.report(tx, date(2026, 3, 1))) == [wallet.Cleared(WUHAN, CHANGSHA, 4000, 1)]
    city.now = datetime(2025, 10, 20, 10, 0, tzinfo=SHANGHAI)
    city.run(lambda tx: wallet.open_wallet(tx, library(), son))
    city.run(lambda tx: wallet.send(tx, library(), son, mother, "parent", 10000))
    morning = datetime(2025, 10, 21, 6, 0, tzinfo=SHANGHAI)
    assert jobs.return_overdue(city.db, clock=lambda: morning - timedelta(minutes=1)) == 0
    assert jobs.return_overdue(city.db, clock=lambda: morning) == 1
    assert city.holds("son") == "5960.00"


def test_heirs_get_their_shares_and_the_rest_is_paid_in_money(city: City) -> None:
    father = city.enrols("father", "1000.01")
    son, far = city.enrols("son", "10.00"), city.enrols("far", "0.00", region=CHANGSHA)
    refused(city, "account.not_entitled", lambda: pays_out(city, father, "death"))
    dies(city, father)
    refused(city, "account.counter_only", lambda: pays_out(city, father, "death", channel="web"))
    resident = city.enrols("resident", base="resident")
    refused(city, "account.heir_has_no_account", lambda: pays_out(city, father, "death", {resident: 100}))
    refused(city, "account.heir_has_no_account", lambda: pays_out(city, father, "death", {father: 100}))
    said = refused(city, "account.more_than_left", lambda: pays_out(city, father, "death", {son: 100002}))
    assert "1000.01" in said.says
    refused(city, "money.bad_amount", lambda: pays_out(city, father, "death", {son: 0}))
    refused(city, "account.not_entitled", lambda: pays_out(city, father, "settled_abroad"))
    refused(city, "account.not_entitled", lambda: pays_out(city, father, "because I say so"))
    done = pays_out(city, father, "death", {son: 30000, far: 50000})
    assert done == {"heirs": 80000, "cash": 20001}
    assert [city.holds(name) for name in ("father", "son", "far")] == ["0.00", "310.00", "500.00"]
    assert paid_out(city, father.book, WUHAN) == "200.01"
    refused(city, "account.nothing_left", lambda: pays_out(city, father, "death"))
    city.books_balance()


def test_who_settles_abroad_takes_the_balance_along(city: City) -> None:
    her = city.enrols("her", "300.00")
    city.credits("her", "20.00", chart.CURRENT_YEAR)
    refused(city, "account.not_entitled", lambda: pays_out(city, her, "settled_abroad"))
    city.run(lambda tx: standing.end(tx, library(), her, city.now.date()))
    assert pays_out(city, her, "settled_abroad") == {"heirs": 0, "cash": 32000}
    assert (city.holds("her"), city.holds("her", chart.CURRENT_YEAR)) == ("0.00", "0.00")
    nobody = PersonRef(1, her.id)
    refused(city, "people.unknown", lambda: pays_out(city, nobody, "death"))
    city.books_balance()


def test_nobody_spends_the_account_of_the_dead(city: City) -> None:
    """Neither by card nor by code, at a hospital or at a pharmacy; a stay that ended with the death is settled all the same."""
    father = city.enrols("father", "500.00", base="retired")
    visit = city.visits("father")
    dies(city, father)
    on = city.now
    city.now += timedelta(days=1)
    for work in (
        lambda: city.visits("father"),
        lambda: city.buys("father", [("A", "10.00")]),
    ):
        with pytest.raises(AssertionError, match=r"people\.not_enrolled"):
            work()
    with pytest.raises(Refusal, match="not_enrolled"):
        city.shows_code("father")
    assert city.holds("father") == "500.00"
    paid = city.settles(city.uploads(visit, [("MINE", "20.00")]))["output"]["setlinfo"]
    assert (paid["acct_pay"], city.holds("father")) == (20, "480.00")
    assert city.now > on
    city.books_balance()
