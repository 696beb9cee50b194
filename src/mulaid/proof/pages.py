"""How long every page takes and what it weighs, asked for by a made-up person and a made-up clerk of the demo city.

The pages are those of the URL table; where an address needs a number it is one that the pages lead to.
"""

from __future__ import annotations

import http.client
import json
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import httpx

from mulaid.db import Database
from mulaid.demo import city, story
from mulaid.proof import bench

Say = Callable[[str], None]
CITIZEN, CLERK = "王晓燕", "zhao.demo"
ASKED = ("/try?amount=500&place=L3&accounts=on",)
MOST_PAGES = 300
OK, SEE_OTHER, BAD, NOT_FOUND, NOT_ALLOWED = 200, 303, 400, 404, 405


@dataclass(frozen=True, slots=True)
class Weighed:
    """A page: seconds of the median and the slowest of ten, bytes of a later visit and of the first with all its files."""

    median: float
    slow: float
    after: int
    first: int


@dataclass(slots=True)
class Browser:
    """Somebody's cookies, what the pages led to, and how heavy each file is."""

    base: str
    http: httpx.Client
    found: dict[str, str] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)

    def walk(self, begin: list[str]) -> None:
        """Every page that can be reached from here, one address a route."""
        waiting, seen = list(begin), set(begin)
        while waiting and len(seen) < MOST_PAGES:
            address = waiting.pop(0)
            answer = self.http.get(address)
            # A page that only some regions have is not there for others, and no link leads them to it.
            absent = answer.status_code == NOT_FOUND and address in begin
            if answer.status_code >= BAD and answer.status_code != NOT_ALLOWED and not absent:
                self.broken[address] = answer.status_code
            if answer.status_code != OK:
                continue
            self.found.setdefault(f"{_route(address)}?…" if address in ASKED else _route(address), address)
            for link in map(unescape, re.findall(r'href="(/[^"#]*)', answer.text)):
                # The size of the display is not changed on the way.
                if link.startswith(("/static/", "/display/")) or link in seen or _route(link) in self.found:
                    continue
                seen.add(link)
                waiting.append(link)

    def weigh(self, address: str, repeats: int) -> Weighed:
        """Ask for a page again and again over one connection."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        headers = {"Cookie": cookies, "Accept-Encoding": "gzip", "Accept": "text/html"}
        connection = http.client.HTTPConnection(self.base.removeprefix("http://"), timeout=30)
        times, body = [], b""
        try:
            for _ in range(repeats + 1):
                began = time.perf_counter()
                connection.request("GET", address, headers=headers)
                body = connection.getresponse().read()
                times.append(time.perf_counter() - began)
        finally:
            connection.close()
        ordered = sorted(times[1:])
        files = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', self.http.get(address).text))
        first = len(body) + sum(self.weight(file) for file in files)
        return Weighed(statistics.median(ordered), ordered[len(ordered) * 9 // 10], len(body), first)

    def weight(self, file: str) -> int:
        """Bytes of a file as it travels."""
        if file not in self.files:
            with self.http.stream("GET", file, headers={"Accept-Encoding": "gzip"}) as answer:
                self.files[file] = sum(map(len, answer.iter_raw()))
        return self.files[file]


def run(say: Say, *, repeats: int, report: Path | None) -> int:
    """Measure every page over a scratch demo city; the exit code is 1 when a page fails."""
    if repeats < 1:
        say("every page has to be asked for at least once")
        return 2
    with bench.scratch("demo") as place:
        city.load(place.url, place.keys, say)
        with bench.served(place) as gateway:
            address = f"http://127.0.0.1:{gateway.port}"
            db = Database(place.url, place.keys, size=2)
            try:
                if story.tell_story(db, address, lambda text: None):
                    say("the demo city's story did not end well")
                    return 1
            finally:
                db.close()
            with bench.served(place, "web", MULAID_GATEWAY_URL=address) as web:
                return _measure(say, f"http://127.0.0.1:{web.port}", repeats, report)


def _measure(say: Say, base: str, repeats: int, report: Path | None) -> int:
    told: dict[str, Any] = {}
    broken: dict[str, int] = {}
    say("| page | median ms | nine of ten within | bytes | bytes of a first visit |")
    say("|---|---|---|---|---|")
    plain = [address for address in _plain_addresses() if not address.startswith("/console")]
    for browser, begin in ((_citizen(base), [*plain, *ASKED]), (_clerk(base), ["/console"])):
        browser.walk(begin)
        broken |= browser.broken
        for route, address in sorted(browser.found.items()):
            if route in told:
                continue
            one = browser.weigh(address, repeats)
            told[route] = {"median_ms": round(one.median * 1000, 1), "bytes": one.after, "first_visit_bytes": one.first}
            say(f"| {route} | {one.median * 1000:.1f} | {one.slow * 1000:.1f} | {one.after} | {one.first} |")
        browser.http.close()
    times = [row["median_ms"] for row in told.values()]
    say(f"{len(told)} pages, medians from {min(times)} to {max(times)} ms")
    for address, status in broken.items():
        say(f"FAILED with {status}: {address}")
    if report:
        known = json.loads(report.read_text("utf-8")) if report.exists() else {}
        report.write_text(json.dumps({**known, "pages": told}, indent=2) + "\n", "utf-8")
    return 1 if broken else 0


def _plain_addresses() -> Iterator[str]:
    """The addresses of the URL table that need no number."""
    from django.urls import get_resolver

    for pattern in get_resolver().url_patterns:
        route = str(pattern.pattern)
        if "<" not in route and hasattr(pattern, "name"):
            yield f"/{route}"


def _route(address: str) -> str:
    """The route of an address as the URL table writes it."""
    from django.urls import Resolver404, resolve

    try:
        return f"/{resolve(address.partition('?')[0]).route}"
    except Resolver404:
        return address.partition("?")[0]


def _citizen(base: str) -> Browser:
    one = Browser(base, httpx.Client(base_url=base, timeout=30, trust_env=False))
    page = one.http.get("/enter").text
    number = re.search(rf'value="([^"]+)"><b>{CITIZEN}</b>', page)
    assert number, "the demonstration's chooser offers everybody of the city"
    _post(one, "/enter/as", page, {"person": number[1]})
    return one


def _clerk(base: str) -> Browser:
    """Signed in with the password and the code that the demonstration shows."""
    one = Browser(base, httpx.Client(base_url=base, timeout=30, trust_env=False))
    page = one.http.get("/console/enter").text
    shown = re.search(rf"{re.escape(CLERK)}.*?\b([0-9]{{6}})\b", page, re.DOTALL | re.ASCII)
    assert shown, "the demonstration shows its clerks' codes"
    _post(one, "/console/enter", page, {"who": CLERK, "password": city.CLERKS_PASSWORD, "code": shown[1]})
    return one


def _post(one: Browser, path: str, page: str, fields: Mapping[str, str]) -> None:
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    answer = one.http.post(path, data={"csrfmiddlewaretoken": token[1] if token else "", **fields})
    assert answer.status_code == SEE_OTHER, (path, answer.status_code)
