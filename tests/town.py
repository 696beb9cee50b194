"""The demo city behind its own gateway and web door: what tests of the signed-in pages walk through."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any

import httpx
import psycopg

from browsing import ROOT, Site, web_environment, web_process
from mulaid.db import process_url
from mulaid.demo import city
from mulaid.serve import gateway_command


@dataclass(frozen=True)
class Town(Site):
    """A running demo city."""

    url: str = ""

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """A statement as the owner; the rows it answers."""
        with psycopg.connect(self.url, autocommit=True, options="-c search_path=mulaid,public") as connection:
            found = connection.execute(statement, values)
            return found.fetchall() if found.description else []

    def money(self) -> list[tuple[Any, ...]]:
        """Everything that must not change when somebody is told no."""
        counts = ("journal", "settlement", "aid", "family_bond", "family_request", "premium")
        return [self.sql(f"select count(*) from {name}")[0] for name in counts] + self.sql(
            "select coalesce(sum(balance), 0) from purse"
        )


class Citizen:
    """A person without a browser: plain requests with cookies, forms sent as the pages gave them."""

    def __init__(self, town: Town, name: str = "") -> None:
        self.http = httpx.Client(base_url=town.base, timeout=30, trust_env=False)
        if name:
            page = self.http.get("/enter").text
            number = re.search(rf'value="([^"]+)"><b>{re.escape(name)}</b>', page)
            assert number, name
            answer = self.http.post("/enter/as", data={"csrfmiddlewaretoken": self.token(page), "person": number[1]})
            assert answer.status_code == 303

    @staticmethod
    def token(page: str) -> str:
        """The form token of a page."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        return found[1] if found else ""

    @staticmethod
    def key(page: str) -> str:
        """The key of a page's form."""
        found = re.search(r'name="key" value="([0-9a-f]{32})"', page)
        return found[1] if found else ""

    def get(self, path: str) -> httpx.Response:
        """A page, redirects not followed."""
        return self.http.get(path)

    def post(self, path: str, page: str = "", **fields: Any) -> httpx.Response:
        """A form of a page, by default of the page at the same path."""
        page = page or self.http.get(path).text
        given = {"csrfmiddlewaretoken": self.token(page), "key": self.key(page), **fields}
        return self.http.post(path, data=given)

    def links(self, path: str, pattern: str) -> list[str]:
        """Addresses on a page that look like this."""
        return list(
            dict.fromkeys(unescape(found) for found in re.findall(rf'(?:href|action)="({pattern})"', self.get(path).text))
        )


@contextmanager
def open_town(cluster: Any) -> Iterator[Town]:
    """A town of its own, loaded and running."""
    url = cluster.fresh()
    city.load(url, cluster.keys, lambda text: None)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = web_environment(cluster, process_url(url, "mulaid_gateway", embedded=True), MULAID_GATEWAY_PORT=str(port))
    gateway = subprocess.Popen(gateway_command(port, 1), env=environment, cwd=ROOT, start_new_session=True)
    try:
        _wait(f"http://127.0.0.1:{port}/health", gateway)
        with web_process(cluster, url, MULAID_GATEWAY_URL=f"http://127.0.0.1:{port}") as base:
            yield Town(base, {}, url)
    finally:
        gateway.terminate()
        try:
            gateway.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(gateway.pid, 9)
            gateway.wait()
        cluster.drop(url)


def _wait(address: str, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            assert httpx.get(address, timeout=2, trust_env=False).status_code == 200
            return
        except httpx.TransportError:
            assert child.poll() is None, "the gateway ended while starting"
            assert time.monotonic() < deadline, "the gateway does not answer"
            time.sleep(0.1)
