"""A real browser and a web process to look at: what every test of pages shares."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

from mulaid.db import process_url

ROOT = Path(__file__).parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]  # fmt: skip
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass(frozen=True)
class Site:
    """A web process over a database of its own, and the settlements told there by what they show."""

    base: str
    numbers: dict[str, str]

    def whose(self, name: str) -> str:
        """The path of a settlement's page."""
        return f"/whose/{self.numbers[name]}"

    def get(self, path: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and body as a plain program sees them."""
        connection = http.client.HTTPConnection(urlsplit(self.base).netloc, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()


def web_environment(cluster: Any, url: str, profile: str = "demo", **more: str) -> dict[str, str]:
    """As serve starts the web process."""
    names = {"MULAID_DATABASE_URL": url, "MULAID_DATA": str(cluster.folder), "MULAID_PROFILE": profile}
    return {**os.environ, **names, "DJANGO_SETTINGS_MODULE": "mulaid.web.settings", "PYTHONUNBUFFERED": "1", **more}


@contextmanager
def web_process(cluster: Any, url: str, log: Path | None = None, **more: str) -> Iterator[str]:
    """A running web door; its address. What it logs goes to `log`, if there is one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    granian = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--log-level", "warning", "--no-ws"]
    command = [*granian, "--workers", "1", "--blocking-threads", "4", "--port", str(port), "mulaid.web.wsgi:application"]
    environment = web_environment(cluster, process_url(url, "mulaid_web", embedded=True), **more)
    with (log or Path(os.devnull)).open("ab") as kept:
        told = {"stdout": kept, "stderr": kept} if log else {}
        child = subprocess.Popen(command, env=environment, cwd=ROOT, start_new_session=True, **told)  # type: ignore[call-overload]
    site = Site(f"http://127.0.0.1:{port}", {})
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                assert site.get("/health")[0] == 200
                break
            except OSError:
                assert child.poll() is None, "the web process ended while starting"
                assert time.monotonic() < deadline, "the web process does not answer"
                time.sleep(0.1)
        yield site.base
    finally:
        child.terminate()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = os.environ.get("MULAID_BROWSER") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if not found:
        pytest.fail("no Chromium here; `python3 dev.py test` installs one or says how, or set MULAID_BROWSER", pytrace=False)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield started
        started.close()


class Visit:
    """One visitor's browser. Leaving it fails on any script error, refused resource or request to another server."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.context, self.page = context, context.new_page()
        self.faults: list[str] = []
        self.page.on(
            "console", lambda message: self.faults.append(message.text) if message.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        # A navigation cancels what the page before it was still fetching; that is not a failure.
        self.page.on(
            "requestfailed", lambda r: self.faults.append(f"failed: {r.url}") if r.failure != "net::ERR_ABORTED" else None
        )
        self.page.on(
            "request", lambda r: self.faults.append(f"outside: {r.url}") if not r.url.startswith((base + "/", "data:")) else None
        )

    def expects_status(self, status: int) -> None:
        """A browser reports a page of this status as an error; forget exactly that."""
        words = f"status of {status}"
        assert any(words in fault for fault in self.faults), self.faults
        self.faults = [fault for fault in self.faults if words not in fault]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Any]:
    """`visit(site, path, elder=…, **options of the context)`: a page of a new visitor, blank without a path."""
    made: list[Visit] = []

    def go(site: Site, path: str = "/", *, elder: bool = False, **options: Any) -> Page:
        settings = {
            "viewport": PHONE,
            "locale": "zh-CN",
            "is_mobile": "viewport" not in options,
            "base_url": site.base,
            **options,
        }
        context = browser.new_context(**settings)
        if elder:
            context.add_cookies([{"name": "display", "value": "elder", "url": site.base}])
        one = Visit(context, site.base)
        made.append(one)
        if path:
            one.page.goto(path)
        return one.page

    go.made = made  # type: ignore[attr-defined]
    yield go
    faults = [fault for one in made for fault in one.faults]
    for one in made:
        one.context.close()
    assert faults == []


def follow(target: Locator) -> None:
    """Press what brings another page, and wait for it: a press alone returns while the old page still stands."""
    with target.page.expect_navigation():
        target.click()


def squeezed(text: str) -> str:
    """Text as a reader takes it in: runs of white space are one space."""
    return " ".join(text.split())
