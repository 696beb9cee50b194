"""A process that settles bills until it is killed: what a gateway worker is to the database.

Started by test_crash with a file of messages; answers go to standard output, one line each, the moment they exist. `--stop` names
a point of a settlement; the process halts there the n-th time it comes by, so that a test can kill it at exactly that point.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from mulaid.crypto import Keys
from mulaid.gateway.app import Gateway, build

POINTS = {
    # Python function and event at which the process halts
    "before gather": ("pay.py", "gather", "call"),
    "gathered": ("pay.py", "gather", "return"),
    "decided": ("pay.py", "record", "call"),
    "recorded": ("pay.py", "record", "return"),
    "answered": ("commands.py", "settle", "return"),
    "refund half posted": ("journal.py", "reverse", "return"),
    "refund posted": ("refund.py", "refund_whole", "return"),
    "refund stored": ("commands.py", "_carry_out", "return"),
    "refund committed": ("commands.py", "run", "return"),
}


def halt_at(point: str, times: int) -> Callable[[FrameType, str, Any], Any]:
    """A trace function that says so and waits for ever at a point."""
    file, function, wanted = POINTS[point]
    seen = 0

    def local(frame: FrameType, event: str, _: Any) -> Any:
        if event == wanted:
            halt()
        return local

    def halt() -> None:
        nonlocal seen
        seen += 1
        if seen == times:
            sys.stdout.write("halted\n")
            sys.stdout.flush()
            threading.Event().wait()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        if code.co_name != function or not code.co_filename.endswith(f"/{file}"):
            return None
        if wanted == "call":
            halt()
            return None
        return local

    return trace


def send(gateway: Gateway, message: dict[str, Any]) -> str:
    """One message to the door; the body of the answer."""
    body = json.dumps(message).encode()
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/fsi/api",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    return b"".join(gateway(environ, lambda status, headers: None)).decode()


def main() -> None:
    """Send every message once, on several threads when asked."""
    takes = argparse.ArgumentParser()
    takes.add_argument("url")
    takes.add_argument("keys", type=Path)
    takes.add_argument("at", type=datetime.fromisoformat)
    takes.add_argument("messages", type=Path)
    takes.add_argument("--threads", type=int, default=1)
    takes.add_argument("--stop")
    takes.add_argument("--times", type=int, default=1)
    given = takes.parse_args()
    gateway = build(given.url, Keys.load(given.keys), clock=lambda: given.at, allow_test_area=True, size=given.threads)
    messages = json.loads(given.messages.read_text("utf-8"))
    if given.stop:
        threading.settrace(halt_at(given.stop, given.times))
    lock = threading.Lock()

    def work(place: int) -> None:
        for message in messages[place :: given.threads]:
            answer = send(gateway, message)
            with lock:
                sys.stdout.write(json.dumps([message["msgid"], answer]) + "\n")
                sys.stdout.flush()

    threads = [threading.Thread(target=work, args=(place,), daemon=True) for place in range(given.threads)]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write("done\n")
    sys.stdout.flush()
    gateway.db.close()


if __name__ == "__main__":
    main()
