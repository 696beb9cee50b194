"""A party outside the building, played on a local port: it checks signatures by its own reckoning and answers as told."""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

SECRETS = {"KEYID": "the-secret"}
Answer = tuple[int, bytes]


@dataclass
class Seen:
    """One request as it came over the wire."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def signed_well(self, secret: str = SECRETS["KEYID"]) -> bool:
        """Whether the signature belongs to this very request; a reckoning apart from the program's own."""
        given = self.headers.get("authorization", "")
        scheme, _, rest = given.partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        names = parts["SignedHeaders"]
        text = f"{self.method}\n{self.path}\n{self.query}\n"
        for name in names.split(";"):
            text += f"{name}:{self.headers[name]}\n"
        text += f"\n{names}\n{hashlib.sha256(self.body).hexdigest()}"
        hashed = hashlib.sha256(text.encode()).hexdigest()
        credential, _, scope = parts["Credential"].partition("/")
        if SECRETS.get(credential) is None:
            return False
        if scheme == "ACS3-HMAC-SHA256":
            key, text = secret.encode(), f"{scheme}\n{hashed}"
        else:
            stamp = self.headers["x-tc-timestamp" if scheme.startswith("TC3") else "x-amz-date"]
            key, text = (scheme.split("-")[0] + secret).encode(), f"{scheme}\n{stamp}\n{scope}\n{hashed}"
            for part in scope.split("/"):
                key = hmac.digest(key, part.encode(), "sha256")
        return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), parts["Signature"])


@dataclass
class StandIn:
    """What was asked of it, and where it listens."""

    url: str
    seen: list[Seen] = field(default_factory=list)


@contextmanager
def stand_in(answer: Callable[[Seen], Answer]) -> Iterator[StandIn]:
    """A server on a local port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _all(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): re.sub(" +", " ", value.strip()) for name, value in self.headers.items()}
            asked = Seen(self.command, parts.path, parts.query, headers, self.rfile.read(length))
            told.seen.append(asked)
            status, body = answer(asked)
            if status == 0:  # the line goes dead after the request was read
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = _all

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = StandIn(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
