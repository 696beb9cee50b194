"""The watch over settlements: every rule just below and above its numbers, the job stopped and run twice, and what clerks see."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from browsing import browser, follow, visit  # noqa: F401
from city import City
from desk import Desk
from mulaid import jobs, refs
from mulaid.agency import watch
from mulaid.calendar import wall_clock
from mulaid.refusal import Refusal
from test_console import Console, Seated, clean, console, seated  # noqa: F401

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def buys(city: City, name: str, amounts: list[str], every: timedelta, at: str = "P1", **more: Any) -> list[dict[str, Any]]:
    """Purchases one after the other, in equal steps of time."""
    paid = []
    for place, amount in enumerate(amounts):
        city.now += every if place else timedelta()
        paid.append(city.buys(name, [("MINE", amount)], at=at, **more))
    return paid


def watched(city: City, later: timedelta = timedelta(days=2)) -> list[dict[str, Any]]:
    """The worker comes by when everything is over; every signal there is, the oldest first."""
    city.now += later
    jobs.look_for_misuse(city.db, clock=lambda: city.now)
    return signals(city)


def signals(city: City) -> list[dict[str, Any]]:
    return city.run(lambda tx: tx.all("select *, rule_name as rule from signal order by begun_at, rule_name"))


def rules(city: City, later: timedelta = timedelta(days=2)) -> list[str]:
    """The rules that found something."""
    return [row["rule"] for row in watched(city, later)]


# Split purchases


def test_ten_purchases_of_99_90_within_an_hour_are_a_signal(city: City) -> None:
    city.enrols("Wang", "5000.00")
    paid = buys(city, "Wang", ["99.90"] * 10, HOUR / 9)
    [one] = watched(city)
    assert (one["rule"], one["subject"], one["region"]) == ("split_person", str(city.people["Wang"].id), "420100")
    assert one["settlements"] == [city.settlement(each["setl_id"]) for each in paid]
    assert one["facts"] == {"many": 10, "fen": 999_00, "people": 1, "places": 1, "minutes": 60}
    assert one["ended_at"] - one["begun_at"] == HOUR
    assert str(one["version"]) == "2026-01-01"
    city.books_balance()


@pytest.mark.parametrize(
    ("amounts", "span", "found"),
    [
        (["99.90"] * 10, HOUR, 1),
        (["99.90"] * 10, HOUR + timedelta(seconds=1), 0),
        (["99.90"] * 9, HOUR, 0),
        (["50.00"] * 10, HOUR, 1),
        (["50.00"] * 9 + ["49.99"], HOUR, 0),
        (["99.90"] * 15, HOUR / 2, 1),
    ],
)
def test_split_purchases_to_the_second_and_the_fen(city: City, amounts: list[str], span: timedelta, found: int) -> None:
    city.enrols("Wang", "5000.00")
    buys(city, "Wang", amounts, span / (len(amounts) - 1))
    some = watched(city)
    assert [row["rule"] for row in some] == ["split_person"] * found
    assert all(len(row["settlements"]) == len(amounts) for row in some)


# What clerks see and say


@pytest.fixture
def split(console: Console) -> str:  # noqa: F811
    """A signal about purchases of two days ago; its number."""
    city = console.desk.city
    city.now = wall_clock() - timedelta(days=2)
    city.run(lambda tx: tx.run("delete from sighting"))
    name = f"Split{city._serial}"
    city.enrols(name, "5000.00")
    buys(city, name, ["99.90"] * 10, 5 * MINUTE)
    city.now = wall_clock()
    jobs.look_for_misuse(city.db)
    found = [row for row in signals(city) if row["subject"] == str(city.people[name].id)]
    assert len(found) == 1
    return refs.show(watch.SIGNAL, found[0]["id"])


def test_a_clerk_looks_at_a_signal_and_says_what_it_is(console: Console, seated: Seated, split: str) -> None:  # noqa: F811
    page = seated("zhao", "/console/signals")
    clean(page)
    follow(page.locator(f"a[href$='{split}']"))
    expect(page.locator("h1")).to_have_text("一个人短时间内反复购药")
    expect(page.locator(".facts").first).to_contain_text("45 分钟内在 1 家药店购药 10 次，共 999.00 元")
    expect(page.locator("main")).to_contain_text("不是认定")
    expect(page.locator(".papers li")).to_have_count(10)
    clean(page)
    follow(page.get_by_role("button", name="记下来"))
    expect(page.locator(".errbox")).to_contain_text("请选择有没有问题")
    page.get_by_text("需要跟进", exact=True).click()
    page.get_by_label("看到了什么").fill("药店说是分开开的票，已要求提供处方")
    follow(page.get_by_role("button", name="记下来"))
    expect(page.locator(".done")).to_contain_text("需要跟进")
    expect(page.locator("main")).to_contain_text("zhao")
    expect(page.locator("main")).to_contain_text("已要求提供处方")
    page.goto("/console/signals?state=follow_up&rule=split_person")
    expect(page.locator(f"a[href$='{split}']")).to_be_visible()
    page.goto("/console/signals?state=harmless")
    expect(page.locator("main")).to_contain_text("没有这样的提示")
    clean(page)
    ref = refs.parse(watch.SIGNAL, split)
    trail = console.desk.city.run(
        lambda tx: tx.all("select act, actor, purpose from audit where subject = %(id)s order by id", id=ref)
    )
    assert {row["act"] for row in trail} == {"read_signal", "look_at_signal"}
    assert [row["purpose"] for row in trail if row["act"] == "look_at_signal"] == ["follow_up"]
    assert {row["actor"] for row in trail} == {"desk:zhao"}


def test_the_evidence_can_be_taken_along_and_names_nobody(console: Console, seated: Seated, split: str) -> None:  # noqa: F811
    token = console.seat("zhao")
    status, headers, body = console.ask(f"/console/signals/{split}/evidence.csv", token)
    assert status == 200
    assert split in headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert len(rows) == 11
    assert {row[5] for row in rows[1:]} == {"99.90"}
    assert all("*" in row[3] for row in rows[1:])
    number = rows[1][-1]
    status, _, body = console.ask(f"/console/signals/{split}/{number}", token)
    assert status == 200
    assert "扣了谁的钱" in body.decode()
    other = console.desk.city.pays("Wang", "1.00")["setl_id"]
    assert console.ask(f"/console/signals/{split}/{other}", token)[0] == 404


def test_a_signal_is_for_its_region_and_not_for_the_family(console: Console, split: str) -> None:  # noqa: F811
    paths = (f"/console/signals/{split}", f"/console/signals/{split}/evidence.csv")
    for path in paths:
        assert console.ask(path, console.seat("chen"))[0] == 404, "another city's clerk"
        assert console.ask(path, console.seat("nosy"))[0] == 403, "an administrator"
        assert console.ask(path)[0] == 303, "a stranger"
    assert split not in console.ask("/console/signals", console.seat("chen"))[2].decode()
    assert console.ask("/console/signals/" + "W" + "0" * 26, console.seat("zhao"))[0] == 404
    assert console.ask("/console/signals?state=guilty", console.seat("zhao"))[0] == 404


def test_two_clerks_who_look_at_once_do_not_overwrite_each_other(city: City) -> None:
    desk, name = Desk(city), "Wang"
    city.enrols(name, "5000.00")
    desk.hire("wang", "420100", "handler", number=city.numbers[name])
    buys(city, name, ["99.90"] * 10, MINUTE)
    signal = watched(city)[0]["id"]
    desk.as_("zhao", lambda tx: watch.look(tx, signal, 0, watch.HARMLESS, "分开开的处方"))
    before = signals(city)
    for who, looks, words, code in (
        ("sun", 0, "我也看过", "watch.stale"),
        ("sun", 1, " ", "watch.note_needed"),
        ("sun", 1, "看" * 501, "watch.note_needed"),
        ("chen", 1, "别的城市", "staff.other_region"),
        ("wang", 1, "我自己的", "staff.own_file"),
    ):
        with pytest.raises(Refusal, match=code) as refused:
            desk.as_(who, lambda tx: watch.look(tx, signal, looks, watch.FOLLOW_UP, words))  # noqa: B023
        assert refused.value.code == code
    with pytest.raises(Refusal) as refused:
        desk.as_("zhao", lambda tx: watch.read(tx, refs.mint(signals(city)[0]["book"], city.now)))
    assert refused.value.code == "watch.unknown"
    assert signals(city) == before
    desk.as_("sun", lambda tx: watch.look(tx, signal, 1, watch.FOLLOW_UP, "处方对不上"))
    told, seen = desk.as_("qian", lambda tx: watch.read(tx, signal))
    assert (told.state, told.note, told.looked_by, told.looks, len(seen)) == ("follow_up", "处方对不上", "sun", 2, 10)
