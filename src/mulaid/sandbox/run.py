"""`mulaid sandbox`: a database of its own, the people, the door, until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mulaid.refusal import Refusal
from mulaid.sandbox.app import Door
from mulaid.sandbox.world import World
from mulaid.serve import ServeTrouble, installation
from mulaid.settings import Settings

Say = Callable[[str], None]


def run(settings: Settings, say: Say, *, port: int, people: Path | None) -> int:
    """Serve until told to stop. Refuses a production profile and a people file that cannot be used."""
    with sandbox(settings, say, port=port, people=people) as door:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        address = f"http://127.0.0.1:{door.server_address[1]}"
        say(f"== ready: {address}/fsi/api for hospital programs, {address}/sandbox/ to look and to order faults; Ctrl-C stops it")
        stop.wait()
    return 0


@contextmanager
def sandbox(settings: Settings, say: Say, *, port: int, people: Path | None = None) -> Iterator[Door]:
    """A running sandbox, filled anew; port 0 takes a free one."""
    if not settings.allows_test_people:
        raise Refusal("sandbox.not_here")
    apart = replace(settings, data=settings.data / "sandbox", database_url=settings.database_url)
    with installation(apart, lambda text: say(f"== {text}")) as installed:
        world = World(installed, people.read_text("utf-8") if people else None)
        try:
            world.reset()
            try:
                door = Door(("127.0.0.1", port), world)
            except OSError as error:
                raise ServeTrouble(f"port {port} cannot be used ({error.strerror}); choose another with --port") from None
            serving = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
            serving.start()
            try:
                yield door
            finally:
                door.shutdown()
                door.server_close()
        finally:
            world.close()
