"""The people's door's own connections: one Database a process, opened by the first page that needs it, under the web role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

from django.conf import settings

from mulaid.calendar import wall_clock
from mulaid.crypto import Keys
from mulaid.db import Actor, Database, Tx

VISITOR = Actor("visitor", "web")
_opening = Lock()


@contextmanager
def reading(by: Actor = VISITOR) -> Iterator[Tx]:
    """Queries for one page at the present moment."""
    # Without the lock, first requests that arrive together would each open a pool and all but one would stay open unused.
    with _opening:
        database = _open()
    with database.reading(wall_clock(), by) as tx:
        yield tx


@cache
def _open() -> Database:
    ours = settings.MULAID
    return Database(ours.database_url, Keys.load(ours.keys_path), size=4)
