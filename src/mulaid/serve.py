"""Everything for somebody trying it: the database, the schema, the demo city, and the three processes, until Ctrl-C.

In production each process is started by the platform's own supervisor; docs/runbook.md says how.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from mulaid import schema
from mulaid.crypto import Keys
from mulaid.db import Database, process_url
from mulaid.postgres import Server
from mulaid.settings import Settings

Progress = Callable[[str], None]
DATABASE = "mulaid"
READY_SECONDS = 60
GRANIAN = (
    sys.executable,
    "-m",
    "granian",
    "--interface",
    "wsgi",
    "--host",
    "127.0.0.1",
    # It warns of more threads than cores; here most of them only wait for bodies.
    "--log-level",
    "error",
    "--no-ws",
    # Without it, a line that died in the middle of a message is waited for.
    "--workers-kill-timeout",
    "10",
)


class ServeTrouble(Exception):
    """The processes cannot be started; the message says what to do. For the operator, in English."""


@dataclass(frozen=True, slots=True)
class Installation:
    """A database that is up and migrated, with the keys that belong to it."""

    settings: Settings
    url: str
    keys: Keys
    embedded: bool

    def url_for(self, role: str) -> str:
        """The address for one process's role."""
        return process_url(self.url, role, embedded=self.embedded)


@contextmanager
def installation(settings: Settings, progress: Progress) -> Iterator[Installation]:
    """The installation of these settings: an outside database, or the embedded one, started if nobody has."""
    if settings.database_url:
        keys = schema.migrate(settings, settings.database_url, progress)
        yield Installation(settings, settings.database_url, keys, embedded=False)
        return
    progress("starting PostgreSQL")
    with Server(settings.data / "postgres") as server:
        url = server.url(DATABASE)
        keys = schema.migrate(settings, url, progress)
        yield Installation(settings, url, keys, embedded=True)


@contextmanager
def opened(settings: Settings, progress: Progress = lambda text: None, *, size: int = 1) -> Iterator[Database]:
    """The installation's database, for a command that ends."""
    with installation(settings, progress) as installed:
        db = Database(installed.url, installed.keys, size=size)
        try:
            yield db
        finally:
            db.close()


def serve(settings: Settings, progress: Progress) -> int:
    """Run everything until told to stop; the exit code."""
    for name, port in (("MULAID_WEB_PORT", settings.web_port), ("MULAID_GATEWAY_PORT", settings.gateway_port)):
        if _answers(port):
            raise ServeTrouble(f"port {port} is in use; set {name} to a free one")
    stop = _Stop()
    with installation(settings, progress) as installed:
        if settings.profile == "demo":
            from mulaid.demo import city

            city.load(installed.url, installed.keys, progress)
        children = {name: _start(name, installed) for name in ("gateway", "web", "worker")}
        try:
            _wait_until_ready(settings, children, stop, progress)
            if not stop.asked:
                web, gateway = f"http://127.0.0.1:{settings.web_port}/", f"http://127.0.0.1:{settings.gateway_port}/"
                progress(f"ready: {web} for people, {gateway} for hospital programs; Ctrl-C stops everything")
            return _watch(children, stop, progress)
        finally:
            _end(children, progress)


class _Stop:
    """Remembers that somebody asked to stop; a second request does not interrupt the first one's tidy end."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGINT, self._ask)
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


def gateway_command(port: int, workers: int) -> list[str]:
    """How the gateway's processes are started."""
    return [
        *GRANIAN,
        # Each message that is still coming in holds a thread; how many are worked on at a time the gateway limits itself.
        "--blocking-threads",
        "32",
        # Programs keep a connection for up to a hundred seconds (.NET); one that closes under their hands loses a message. A
        # minute is the most granian grants.
        "--http1-header-read-timeout",
        "60000",
        "--factory",
        "--workers",
        str(workers),
        "--port",
        str(port),
        "mulaid.gateway.app:from_env",
    ]


def web_command(port: int) -> list[str]:
    """How the web's process is started."""
    # More threads than are at work: a form that is still coming in, on a slow line, holds one.
    return [*GRANIAN, "--workers", "1", "--blocking-threads", "16", "--port", str(port), "mulaid.web.wsgi:application"]


def _start(name: str, installed: Installation) -> subprocess.Popen[bytes]:
    settings = installed.settings
    environment = dict(os.environ)
    environment.update(
        MULAID_DATABASE_URL=installed.url_for(f"mulaid_{name}"),
        MULAID_DATA=str(settings.data),
        MULAID_PROFILE=settings.profile,
        DJANGO_SETTINGS_MODULE="mulaid.web.settings",
        PYTHONUNBUFFERED="1",
    )
    command = {
        "gateway": gateway_command(settings.gateway_port, settings.gateway_workers),
        "web": web_command(settings.web_port),
        "worker": [sys.executable, "-m", "mulaid", "worker"],
    }[name]
    # A group of its own: the terminal's Ctrl-C reaches us alone, and we end the children in order.
    return subprocess.Popen(command, env=environment, start_new_session=True)


def _wait_until_ready(settings: Settings, children: dict[str, subprocess.Popen[bytes]], stop: _Stop, progress: Progress) -> None:
    deadline = time.monotonic() + READY_SECONDS
    for name, port in (("gateway", settings.gateway_port), ("web", settings.web_port)):
        progress(f"starting {name} on 127.0.0.1:{port}")
        while not stop.asked and not _healthy(port):
            _check_alive(children)
            if time.monotonic() > deadline:
                raise ServeTrouble(f"{name} does not answer on port {port} after {READY_SECONDS} seconds; its messages are above")
            time.sleep(0.1)


def _watch(children: dict[str, subprocess.Popen[bytes]], stop: _Stop, progress: Progress) -> int:
    while not stop.asked:
        for name, child in children.items():
            if child.poll() is not None:
                progress(f"{name} has ended with code {child.returncode}; stopping the others")
                return 1
        time.sleep(0.2)
    progress("stopping")
    return 0


def _check_alive(children: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, child in children.items():
        if child.poll() is not None:
            raise ServeTrouble(f"{name} ended with code {child.returncode} while starting; its messages are above")


def _end(children: dict[str, subprocess.Popen[bytes]], progress: Progress) -> None:
    for child in children.values():
        if child.poll() is None:
            child.terminate()
    for name, child in children.items():
        try:
            child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            progress(f"{name} does not stop; ending it")
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
