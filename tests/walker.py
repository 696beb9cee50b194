"""A process that credits a month until it is killed: what a worker is to the database.

Started by test_crediting; `--stop` names a point of a batch, where the process halts the n-th time it comes by.
"""

from __future__ import annotations

import argparse
import sys
import threading
from datetime import date, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from mulaid import jobs
from mulaid.crypto import Keys
from mulaid.db import Database
from mulaid.policy.pack import library

POINTS = {
    # Python function and event at which the process halts
    "held": ("crediting.py", "_hold", "return"),
    "posted": ("crediting.py", "_post", "return"),
    "batch done": ("crediting.py", "credit_batch", "return"),
    "committed": ("jobs.py", "_batch", "return"),
}


def halt_at(point: str, times: int) -> Any:
    """A trace function that says so and waits for ever at a point."""
    file, function, wanted = POINTS[point]
    seen = 0

    def halt() -> None:
        nonlocal seen
        seen += 1
        if seen == times:
            sys.stdout.write("halted\n")
            sys.stdout.flush()
            threading.Event().wait()

    def local(frame: FrameType, event: str, _: Any) -> Any:
        if event == wanted:
            halt()
        return local

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        return local if code.co_name == function and code.co_filename.endswith(f"/{file}") else None

    return trace


def main() -> None:
    """Credit a month."""
    takes = argparse.ArgumentParser()
    takes.add_argument("url")
    takes.add_argument("keys", type=Path)
    takes.add_argument("at", type=datetime.fromisoformat)
    takes.add_argument("month", type=date.fromisoformat)
    takes.add_argument("--batch", type=int, default=7)
    takes.add_argument("--stop")
    takes.add_argument("--times", type=int, default=1)
    given = takes.parse_args()
    db = Database(given.url, Keys.load(given.keys), size=2)
    if given.stop:
        sys.settrace(halt_at(given.stop, given.times))
    jobs.credit_everybody(db, library(), given.month, lambda text: None, most=given.batch, clock=lambda: given.at)
    sys.settrace(None)
    sys.stdout.write("done\n")
    sys.stdout.flush()
    db.close()


if __name__ == "__main__":
    main()
