"""The people's door in a real browser: what a visitor sees, on a phone, on a desk, in large type, without script, by keyboard."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from psycopg.conninfo import make_conninfo

from browsing import DESK, PHONE, ROOT, RULES, Site, follow, squeezed, web_environment, web_process
from city import City
from mulaid.db import Database, process_url
from mulaid.refs import SETTLEMENT, mint, show

MOST_BYTES = 60_000
UNKNOWN = "/whose/S00000000000000000000000000"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
PAID = [
    "统 医保统筹基金 ¥637.00",
    "本 王* 自己的个人账户 ¥60.00",
    "家 子女（王*）的个人账户（第 1 位） ¥100.00",
    "家 子女（王*）的个人账户（第 2 位） ¥80.00",
    "现 现金 ¥188.50",
]


@pytest.fixture(scope="module")
def site(cluster: Any) -> Iterator[Site]:
    """A door over a city in which a family has lived through something."""
    url = cluster.fresh()
    db = Database(url, cluster.keys, size=8)
    city = City(db, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    try:
        numbers = family_story(city)
        with web_process(cluster, url) as base:
            yield Site(base, numbers)
    finally:
        city.close()
        db.close()
        cluster.drop(url)


@pytest.fixture(scope="module")
def empty_site(cluster: Any) -> Iterator[Site]:
    """A door over a city in which nothing has happened yet."""
    url = cluster.fresh()
    try:
        with web_process(cluster, url) as base:
            yield Site(base, {})
    finally:
        cluster.drop(url)


def family_story(city: City) -> dict[str, str]:
    """Every payer, a refund, a bill nobody helped with, a region of good sources; after the newest settlement only a refund."""
    city.enrols("father", "60.00", base="retired", household="wang")
    city.enrols("mother", "60.00", base="retired", household="wang")
    city.enrols("daughter", "80.00", household="wang")
    city.enrols("son", "4000.00", household="li")
    city.authorises("daughter", "father")
    city.now += timedelta(minutes=1)  # in Wuhan who was bound later pays first
    city.authorises("son", "father", settlement_cap="100.00")
    city.run(lambda tx: city.opens(tx, "H9", "北京市示范医院", 1, "110000", "L3"))
    city.enrols("beijinger", "900.00", region="110000", household="zhang")
    told: dict[str, str] = {}

    def later(name: str, paid: dict[str, Any]) -> None:
        told[name] = paid["setl_id"]
        city.now += timedelta(hours=1)

    later("oldest", city.pays("son", "1.00"))
    later("alone", city.pays("son", "50.00", at="P1"))
    later("sure", city.pays("beijinger", [("A", "300.00"), ("B10", "100.00")], at="H9"))
    returned = city.pays("mother", [("A", "90.00"), ("MINE", "20.00")])
    later("returned", returned)
    later("newest", city.pays("father", [("A", "800.00"), ("B10", "200.00"), ("BEAUTY", "65.50")]))
    later("refund", city.refunds(returned)["output"]["setlinfo"])
    return told


# -- what is told -------------------------------------------------------------------------------------------------


def test_the_start_page_tells_whose_money_paid_the_newest_settlement(site: Site, visit: Any) -> None:
    page = visit(site)
    assert page.locator("h1").inner_text() == "扣谁的钱？"
    assert "演示" in page.locator(".demo").inner_text()
    rows = [squeezed(text) for text in page.locator(".told .pay li").all_inner_texts()]
    assert rows == PAID, rows
    said = "".join(page.locator(".told .say").inner_text().split())
    assert said == "医保基金付了¥637.00，自己的账户付了¥60.00，家人的账户付了¥180.00，现金付了¥188.50。"
    assert page.locator(".told .sum").inner_text().split() == ["合计", "¥1,065.50"]


def test_the_bars_follow_one_another_and_fill_the_bill(site: Site, visit: Any) -> None:
    page = visit(site)
    bars = [
        tuple(int(bar.get_attribute(name) or 0) for name in ("x", "width"))
        for bar in page.locator(".told .bar rect:not(.track)").all()
    ]
    assert len(bars) == 5
    assert bars[0][0] == 0
    for (start, width), (following, _) in pairwise(bars):
        assert abs(start + width - following) <= 1
    assert abs(sum(bars[-1]) - 1000) <= 1


def test_every_rule_is_told_with_its_source_and_a_weak_one_says_so(site: Site, visit: Any) -> None:
    page = visit(site)
    assert "公开依据不足" in page.locator(".told .heed").inner_text()
    page.locator(".told summary").click()
    steps = [squeezed(text) for text in page.locator(".told .steps li").all_inner_texts()]
    aided = [text for text in steps if "家庭共济：扣" in text]
    assert len(aided) == 2
    assert all("可信度低" in text and "依据：" in text and "以当地医保部门为准" in text for text in aided)
    assert any("可信度中" in text and "武汉市" in text for text in steps)
    assert any("门诊统筹支付比例" in text for text in steps)
    assert not any("authoriser_order" in text or "outpatient_ratio" in text for text in steps)


def test_a_region_of_good_sources_carries_no_warning(site: Site, visit: Any) -> None:
    page = visit(site, site.whose("sure"))
    assert page.locator(".heed").count() == 0
    assert "北京市职工医保" in page.locator(".facts").inner_text()
    assert "没有动家人的钱" in page.locator(".say").inner_text()
    assert page.locator(".steps li:visible").count() >= 4


def test_names_and_numbers_of_people_are_masked(site: Site, visit: Any) -> None:
    for path in ("/", site.whose("newest"), site.whose("refund")):
        text = visit(site, path).locator("body").inner_text()
        assert "王*" in text
        assert not any("王" + second in text for second in "甲乙丙丁戊己庚辛")
        assert "100000" not in text


def test_a_refund_is_shown_as_one_and_leads_to_what_it_returned(site: Site, visit: Any) -> None:
    page = visit(site, site.whose("refund"))
    assert page.locator("h1").inner_text() == "钱退给了谁？"
    assert "一共退回" in page.locator(".sum").inner_text()
    assert "-" not in page.locator(".sum").inner_text()
    follow(page.get_by_role("link", name="看原来的结算"))
    assert page.url.endswith(site.whose("returned"))
    assert "已经全额退费" in page.locator(".returned").inner_text()
    follow(page.get_by_role("link", name="看退费"))
    assert page.url.endswith(site.whose("refund"))


def test_the_last_five_are_listed_and_each_opens(site: Site, visit: Any) -> None:
    page = visit(site)
    links = page.locator(".recent a")
    expected = [site.whose(name) for name in ("refund", "newest", "returned", "sure", "alone")]
    assert [link.get_attribute("href") for link in links.all()] == expected
    assert [squeezed(tag) for tag in page.locator(".recent .tag").all_inner_texts()] == ["退费", "已退费"]
    for path in expected:
        page.goto(path)
        assert page.locator(".facts dd").first.inner_text() == path.removeprefix("/whose/")


def test_a_city_without_settlements_says_what_to_do(empty_site: Site, visit: Any) -> None:
    page = visit(empty_site)
    assert "还没有结算" in page.locator(".told").inner_text()
    assert page.locator(".told code").inner_text() == ".venv/bin/mulaid demo"
    assert page.locator(".recent").count() == 0
    assert "再演一遍" not in page.locator("body").inner_text()


def test_every_document_named_on_the_page_is_there(site: Site, visit: Any) -> None:
    named = [code for code in visit(site).locator(".try code").all_inner_texts() if code.startswith("docs/")]
    assert len(named) == 2
    assert [name for name in named if not (ROOT / name).is_file()] == []


# -- ways of looking ----------------------------------------------------------------------------------------------


def test_larger_type_is_one_tap_away_stays_and_goes_again(site: Site, visit: Any) -> None:
    page = visit(site, site.whose("newest"))
    follow(page.get_by_role("link", name="长辈版"))
    assert page.url == site.base + site.whose("newest")
    assert page.locator("html.elder").count() == 1
    page.goto("/")
    assert page.locator("html.elder").count() == 1
    follow(page.get_by_role("link", name="标准版"))
    assert page.locator("html.elder").count() == 0


def test_the_way_back_never_leads_to_another_site(site: Site) -> None:
    for back in ("//evil.example/", "https://evil.example/", "/%5Cevil.example", "%0d%0aX:1", "javascript:alert(1)"):
        status, headers, _ = site.get(f"/display/elder?back={back}")
        assert (status, headers["location"]) == (302, "/"), back
    assert site.get("/display/huge")[0] == 404


def test_everything_works_without_script(site: Site, visit: Any) -> None:
    page = visit(site, java_script_enabled=False)
    follow(page.get_by_role("link", name="长辈版"))
    page.locator(".told summary").click()
    assert page.locator(".told .steps li").first.is_visible()
    follow(page.locator(".recent a").first)
    assert page.url.endswith(site.whose("refund"))
    follow(page.get_by_role("link", name="返回首页"))
    assert page.url == site.base + "/"


def test_the_keyboard_alone_reaches_and_opens_everything(site: Site, visit: Any) -> None:
    page = visit(site, viewport=DESK)
    wanted = page.locator("a, summary, button, input").count()
    reached: list[str] = []
    for _ in range(wanted):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.outerHTML"))
        if len(reached) > 1:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", reached[-1]
    assert len(set(reached)) == wanted
    assert 'href="#main"' in reached[0]
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    assert page.locator(".told .steps li").first.is_visible()
    page.locator(".recent a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**" + site.whose("refund"))


WAYS = [pytest.param(PHONE, False, id="phone"), pytest.param(PHONE, True, id="elder"), pytest.param(DESK, False, id="desk")]
OVERFLOWING = """width => [...document.querySelectorAll('body *')].filter(e => !e.closest('svg') && !e.closest('.skip'))
    .filter(e => e.getBoundingClientRect().right > width + 0.5)
    .map(e => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize(("viewport", "elder"), WAYS)
def test_axe_finds_nothing(site: Site, empty_site: Site, visit: Any, viewport: dict[str, int], elder: bool) -> None:
    for where, paths in ((empty_site, ["/"]), (site, ["/", site.whose("refund"), UNKNOWN])):
        page = visit(where, "", elder=elder, viewport=viewport)
        for path in paths:
            page.goto(path)
            page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
            found = Axe().run(page, options={"runOnly": RULES})
            assert found.violations_count == 0, path + "\n" + found.generate_report()
    visit.made[-1].expects_status(404)


@pytest.mark.parametrize("elder", [False, True], ids=["standard", "elder"])
def test_nothing_runs_out_sideways(site: Site, empty_site: Site, visit: Any, elder: bool) -> None:
    """Narrow phones, and type the reader has enlarged: on a phone to twice the standard, on a desk to twice the elder type."""
    for where, paths in ((site, ["/", site.whose("newest"), site.whose("refund"), UNKNOWN]), (empty_site, ["/"])):
        page = visit(where, "", elder=elder, is_mobile=False)
        for path in paths:
            page.goto(path)
            page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
            for width, percent in ((320, 100), (390, 143 if elder else 200), (640, 200), (1280, 200)):
                page.set_viewport_size({"width": width, "height": 700})
                page.evaluate(
                    "size => { document.documentElement.style.fontSize = size + 'px' }", (22.4 if elder else 16) * percent / 100
                )
                state = f"{path} at {width} px, {percent} %"
                assert page.evaluate("document.documentElement.scrollWidth") <= width, state
                assert page.evaluate(OVERFLOWING, width) == [], state
        if UNKNOWN in paths:
            visit.made[-1].expects_status(404)


@pytest.mark.parametrize(("elder", "target", "type_"), [(False, 44, 13), (True, 60, 18)], ids=["standard", "elder"])
def test_targets_and_type_are_large_enough(site: Site, visit: Any, elder: bool, target: int, type_: int) -> None:
    """MIIT rules for elder versions: 44 dp targets, 60 dp for the main ones and 18 dp main text in the elder version."""
    for path in ("/", site.whose("refund")):
        page = visit(site, path, elder=elder)
        page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
        wanted = ".btn, summary, .recent a" if elder else "a:not(.skip), summary, button, input"
        small = page.evaluate(
            "([wanted, least]) => [...document.querySelectorAll(wanted)].map(e => [e.textContent.trim().slice(0, 12),"
            " Math.round(e.getBoundingClientRect().height)]).filter(x => x[1] < least)",
            [wanted, target],
        )
        tiny = page.evaluate(
            "least => [...document.querySelectorAll('body *')].filter(e => !e.closest('svg')"
            " && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())"
            " && parseFloat(getComputedStyle(e).fontSize) < least).map(e => e.outerHTML.slice(0, 80))",
            type_,
        )
        assert (small, tiny) == ([], [])


def test_a_first_visit_is_light(site: Site, visit: Any) -> None:
    page = visit(site, "")
    sizes: list[int] = []
    page.on(
        "requestfinished",
        lambda request: sizes.append(request.sizes()["responseBodySize"] + request.sizes()["responseHeadersSize"]),
    )
    page.goto("/", wait_until="networkidle")
    assert len(sizes) >= 2
    assert sum(sizes) < MOST_BYTES


# -- the door -----------------------------------------------------------------------------------------------------


def test_pages_are_guarded_by_headers_and_set_no_cookie(site: Site) -> None:
    for path in ("/", site.whose("newest"), UNKNOWN, "/nothing"):
        _, headers, _ = site.get(path)
        csp = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert csp["default-src"] == csp["frame-ancestors"] == csp["base-uri"] == "'none'"
        assert csp["script-src"] == csp["style-src"] == csp["form-action"] == "'self'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
        assert "set-cookie" not in headers


def test_the_style_sheet_may_be_kept_because_its_address_names_its_content(site: Site) -> None:
    _, _, body = site.get("/")
    address = body.split('rel="stylesheet" href="', 1)[1].split('"', 1)[0]
    status, headers, _ = site.get(address)
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/css")
    assert "?v=" in address
    assert "max-age=2592000" in headers["cache-control"]


def test_an_unknown_number_is_told_kindly_with_a_way_on(site: Site, visit: Any) -> None:
    page = visit(site, UNKNOWN)
    visit.made[-1].expects_status(404)
    assert page.locator("h1").inner_text() == "没有这个编号的结算"
    follow(page.get_by_role("link", name="回首页，看最近的结算"))
    assert page.url == site.base + "/"
    page.goto("/nothing/here")
    visit.made[-1].expects_status(404)
    assert page.locator("h1").inner_text() == "没有这一页"


def test_numbers_that_cannot_be_are_not_found_either(site: Site) -> None:
    newest = site.numbers["newest"]
    other_book = show(SETTLEMENT, mint(77, NOW))
    for number in (
        other_book,
        newest[:-1],
        newest + "0",
        "P" + newest[1:],
        "S%00",
        "S" * 27,
        "%E7%BB%93%E7%AE%97",
        "S9" + newest[2:],
        "%3Cb%3E",
    ):
        status, _, body = site.get(f"/whose/{number}")
        assert status == 404, number
        assert "没有这个编号的结算" in body
        assert "Traceback" not in body
        assert "<b>" not in body.split("<main", 1)[1]
    assert site.get(f"/whose/{newest.lower()}")[0] == 200


ASK = """
import json, sys
import django
from django.test import Client
django.setup()
client = Client(raise_request_exception=False)
addresses = [address.split("/", 1) for address in sys.argv[1:]]
answers = [client.get("/" + path, secure=True, headers={"host": host}) for host, path in addresses]
print(json.dumps([[a.status_code, a.headers.get("Cache-Control", ""), a.content.decode()] for a in answers]))
"""


def asked(environment: dict[str, str], *addresses: str) -> list[list[Any]]:
    """What a web process of this environment answers at `host/path`, over TLS."""
    command = [sys.executable, "-c", ASK, *addresses]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout.splitlines()[-1]))


def test_in_production_nothing_is_told_to_the_unsigned(cluster: Any, site: Site) -> None:
    environment = web_environment(cluster, "postgresql:///nowhere", "production", MULAID_HOSTS="yibao.example")
    ours = "yibao.example"
    home, whose, health, evil = asked(environment, f"{ours}/", ours + site.whose("newest"), f"{ours}/health", "evil.example/")
    assert (home[0], whose[0], health[0], evil[0]) == (302, 404, 200, 400)
    assert "演示" not in home[2] + whose[2]
    assert "打不开这个地址" in evil[2]


def test_trouble_inside_is_told_without_its_insides(cluster: Any, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create role stranger login")
    try:
        ((status, cached, body),) = asked(web_environment(cluster, make_conninfo(url, user="stranger")), "localhost/")
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("drop role stranger")
    assert (status, cached) == (500, "no-store")
    assert "页面暂时打不开" in body
    assert not any(word in body for word in ("Traceback", "psycopg", "mulaid.web", "permission", "stranger"))


def test_the_web_door_never_loads_the_gateway(cluster: Any, url: str) -> None:
    script = (
        "import sys, time; begun = time.process_time(); import mulaid.web.wsgi, mulaid.web.urls, mulaid.web.frame;"
        " print(round(time.process_time() - begun, 2), sorted(name for name in sys.modules if name.startswith('mulaid.gateway')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=web_environment(cluster, url), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    seconds, loaded = done.stdout.split(" ", 1)
    assert loaded.strip() == "[]"
    assert float(seconds) < 3, "processor seconds to import; a web process must be up quickly after a restart"
