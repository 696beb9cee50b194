"""Pictures of every page and state, into .shots/: `python3 dev.py shots`. Not a test; somebody has to look at them."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from browsing import DESK, PHONE, ROOT
from mulaid import commands
from mulaid.agency.staff import SQL
from mulaid.calendar import wall_clock
from mulaid.crypto import digest
from mulaid.db import Actor, Database, Tx
from mulaid.people import enrolment
from mulaid.people.enrolment import PersonRef
from test_citizen import Till, code_of
from test_pages import LONGEST, PAGES, WANG, crowd, enter, leads
from town import Citizen, Town, open_town

FOLDER = ROOT / ".shots"
LOOKS = (("phone", PHONE, False), ("elder", PHONE, True), ("desk", DESK, False))
EMPTY, REFUSED = "林静", "张伟"


def test_shots(cluster: Any, browser: Browser) -> None:
    """Every page of somebody who has lived through something, and the states that are easily forgotten."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    with open_town(cluster) as town:
        live(town)
        for look, viewport, elder in LOOKS:
            page = new_page(browser, town, viewport, elder=elder)
            page.goto("/")
            shoot(page, look, "start")
            enter(page, WANG)
            for path in [*PAGES, *leads(page)]:
                page.goto(path)
                shoot(page, look, named(path))
            forgotten(page, look)
            page.context.close()
        db = Database(town.url, cluster.keys, size=1)
        for look, viewport, elder in LOOKS:
            page = new_page(browser, town, viewport, elder=elder)
            clerks(page, db, town, look)
            page.context.close()
        commands.alone(db, crowd, at=wall_clock(), by=Actor("shots", "web"))
        db.close()
        for look, viewport, elder in LOOKS:
            page = enter(new_page(browser, town, viewport, elder=elder), LONGEST)
            for path in ("/home", "/code/me", "/family", "/costs"):
                page.goto(path)
                shoot(page, look, "crowd-" + named(path))
            page.context.close()
    assert len(list(FOLDER.glob("*.png"))) > 80


def live(town: Town) -> None:
    """A purchase, a visit with two payers, a refund."""
    wang, till = Citizen(town, WANG), Till(town)
    till.scan(code_of(wang, "爸爸"))
    till.buy(XC08=2)
    till.scan(code_of(wang, "爸爸"))
    till.buy(XC08=1)
    till.refund()
    desk = Till(town, "H42010000001")
    desk.scan(code_of(wang, "爸爸"))
    desk.buy(XC10=2, C1407=5, FY00000000000003=1)
    desk.scan(code_of(wang, "妈妈"))
    desk.buy(XC10=1)


def clerks(page: Page, db: Database, town: Town, look: str) -> None:
    """The console: the queue, a case, and the counter from finding a person to a matter."""
    page.goto("/console/enter")
    shoot(page, look, "console-enter")

    def seat(tx: Tx) -> tuple[str, str]:
        token, place = secrets.token_urlsafe(32), tx.keys.blind("network", "127.0.0.1")
        tx.run(SQL.open_staff_session, id="zhao.demo", token=digest(token.encode()), address=place, at=tx.at)
        people = (enrolment.person(tx, PersonRef(row["book"], row["id"])) for row in tx.all("select book, id from person"))
        return token, next(one.number for one in people if one.name == WANG)

    token, number = commands.alone(db, seat, at=wall_clock(), by=Actor("shots", "web"))
    page.context.add_cookies([{"name": "desk", "value": token, "url": town.base}])
    page.goto("/console")
    shoot(page, look, "console-queue")
    page.locator(".cases a").first.click()
    shoot(page, look, "console-case")
    page.goto("/console/find")
    shoot(page, look, "console-find")
    page.get_by_label("证件号码，或案件编号").fill(number)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/person/*")
    shoot(page, look, "console-person")
    ways = page.locator("a.btn[href*='/console/person/']")
    links = {
        re.sub(r".*/([a-z_]+)[?].*", r"\1", str(link.get_attribute("href"))): link.get_attribute("href") for link in ways.all()
    }
    for name, address in links.items():
        page.goto(str(address))
        shoot(page, look, f"console-{name}")
        if name == "remote_filing_review":
            page.get_by_role("button", name="登记").click()
            shoot(page, look, f"console-{name}-wrong")


def forgotten(page: Page, look: str) -> None:
    """Errors, refusals, nothing there yet."""
    for name, path in (
        ("wrong", "/try?amount=abc"),
        ("gone", "/bills/S00000000000000000000000000"),
        ("unread", "/costs?year=2023"),
    ):
        page.goto(path)
        shoot(page, look, f"state-{name}")
    page.goto("/aid/new")
    page.get_by_role("button", name="下一步").click()
    shoot(page, look, "state-aid-wrong")
    page.goto("/bind")
    page.get_by_role("button", name="下一步").click()
    shoot(page, look, "state-bind-wrong")
    page.goto("/care")
    page.get_by_role("button", name="提交备案").click()
    shoot(page, look, "state-care-wrong")
    page.goto("/code/me")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="拿到收银台去扫").click()
    till = opened.value
    till.wait_for_load_state()
    shoot(till, look, "till-scanned")
    till.locator(".goods input").first.fill("3")
    till.get_by_role("button", name="试算").click()
    shoot(till, look, "till-asked")
    till.get_by_role("button", name="确认结算").click()
    till.locator(".wire").evaluate("e => { e.open = true }")
    shoot(till, look, "till-settled")
    till.goto("/cashier")
    till.locator("button", has_text="武汉东湖").click()
    till.fill("#code", "123")
    till.get_by_role("button", name="读码").click()
    shoot(till, look, "till-refused")
    till.close()
    for who in (EMPTY, REFUSED):
        enter(page, who)
        for path in (
            "/home",
            "/bills",
            "/aid",
            "/code/me",
            "/costs",
            "/news",
            "/me/watchers",
            "/try?amount=300&place=L3&accounts=on",
        ):
            page.goto(path)
            shoot(page, look, f"state-{'empty' if who == EMPTY else 'suspended'}-{named(path)}")
    page.goto("/")
    page.get_by_role("button", name=re.compile("开始|再看看")).first.click()
    shoot(page, look, "story-bind")


def new_page(browser: Browser, town: Town, viewport: Any, *, elder: bool) -> Page:
    context = browser.new_context(viewport=viewport, locale="zh-CN", base_url=town.base)
    if elder:
        context.add_cookies([{"name": "display", "value": "elder", "url": town.base}])
    return context.new_page()


def named(path: str) -> str:
    return re.sub("[^a-z0-9]+", "-", re.sub("[RS]01[0-9A-Z]{24}", "one", path).lower()).strip("-") or "home"


def shoot(page: Page, look: str, name: str) -> Path:
    target = FOLDER / f"{name}--{look}.png"
    page.screenshot(path=target, full_page=True)
    return target
