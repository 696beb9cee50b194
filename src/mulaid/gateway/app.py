"""The institutions' door: one bare WSGI callable. Raw bytes in, verified, routed on `infno`, answered.

Every expected no is HTTP 200 with `infcode` -1, because that is what every known program understands; only a caller that cannot
prove who it is gets 401. Nothing that arrives leads to a 500.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg_pool import PoolTimeout

from mulaid import commands
from mulaid.calendar import Clock, stamp, wall_clock
from mulaid.crypto import Keys
from mulaid.db import Actor, Database, Tx
from mulaid.gateway import auth, contract, handlers
from mulaid.gateway.auth import Client, Register, Request
from mulaid.gateway.dialect import LARGEST_BODY, LARGEST_UPLOAD, profiles, read_body, reply, unwrap, write
from mulaid.policy.pack import Library, library
from mulaid.refusal import Refusal
from mulaid.settings import from_environment
from mulaid.settlement import pay

log = logging.getLogger("mulaid.gateway")
Start = Callable[[str, list[tuple[str, str]]], Any]
DECODER = "/localQrCodeQuery"
# Only uploads of files may be large; their number must then stand where a sender writes it, at the head of the message.
UPLOAD, UPLOAD_SAYS_SO = b'"9101"', 400
DRAINED = 64 * 1024 * 1024
# Everything here is found by key. Plans are made once and never by reading a whole table: a plan made while a table was empty
# would otherwise stay with a connection while the table grows.
PLANS = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off"


@dataclass(frozen=True, slots=True)
class Gateway:
    """The door with everything it answers from; an instance is the WSGI application."""

    db: Database
    library: Library
    register: Register
    clock: Clock
    allow_test_area: bool

    def __call__(self, environ: Mapping[str, Any], start: Start) -> Iterable[bytes]:
        """One request."""
        at = self.clock()
        status, body = self._answer(environ, at)
        file = isinstance(body, handlers.File)
        payload = body.content if isinstance(body, handlers.File) else body.encode()
        start(
            status,
            [
                ("Content-Type", "application/octet-stream" if file else "application/json; charset=utf-8"),
                ("Content-Length", str(len(payload))),
                ("Cache-Control", "no-store"),
            ],
        )
        return [payload]

    def _answer(self, environ: Mapping[str, Any], at: datetime) -> tuple[str, str | handlers.File]:
        profile, region = profiles()["national"], "000000"
        try:
            if environ["REQUEST_METHOD"] == "GET" and environ.get("PATH_INFO") == "/health":
                return "200 OK", '{"ready":true}'
            request = self._read(environ)
            client, nonce = auth.authenticate(self.register, request, at)
            if client:
                profile, region = client.profile, client.institution.region
            if request.path.endswith(DECODER):
                if nonce:
                    auth.claim(self.db, nonce)
                return "200 OK", self._decode(request, client, at)
            message = read_body(request.body)
            envelope = contract.check_envelope(message)
            client = self._sender(client, envelope, at)
            profile, region = client.profile, client.institution.region
            return "200 OK", self._handle(client, envelope, message, nonce, at, len(request.body))
        except Refusal as refusal:
            return self._refused(refusal, profile.infcode_text, reply(profile, region, 0, at, error=refusal.sentence), at)
        except Exception:
            # Our own bug or a database that is away: the caller is told to ask again with the same msgid, the log has the trace.
            log.exception("unexpected failure")
            return "200 OK", reply(profile, region, 0, at, error=Refusal("message.internal").sentence)

    def _read(self, environ: Mapping[str, Any]) -> Request:
        if environ["REQUEST_METHOD"] != "POST":
            raise Refusal("message.not_posted")
        body = _body(environ)
        query = environ.get("QUERY_STRING", "")
        path = (
            environ.get("RAW_URI")
            or environ.get("REQUEST_URI")
            or (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))
        )
        return Request("POST", path.partition("?")[0], query, environ, body)

    def _sender(self, client: Client | None, envelope: Mapping[str, Any], at: datetime) -> Client:
        """The institution of the message: the one that signed, or the one named where an open connection is registered for it."""
        code = envelope["fixmedins_code"]
        if client is None:
            client = self.register.open_for(code, at)
            if client is None:
                raise Refusal("auth.refused")
        if client.institution.code != code:
            raise Refusal("auth.other_institution")
        area, own = envelope.get("mdtrtarea_admvs", ""), client.institution.region
        if area and not handlers.same_area(area, own):
            raise Refusal("message.wrong_area", given=area, found=own)
        return client

    def _handle(
        self,
        client: Client,
        envelope: Mapping[str, Any],
        message: Mapping[str, Any],
        nonce: auth.Nonce | None,
        at: datetime,
        size: int,
    ) -> str | handlers.File:
        infno = contract.transaction(envelope["infno"]).infno
        if size > LARGEST_BODY and infno != "9101":
            raise Refusal("message.too_large")
        if nonce and infno not in handlers.SETTLING:
            auth.claim(self.db, nonce)
        given = unwrap(message)
        data = contract.check(infno, given)
        call = self._call(client, infno, envelope["msgid"], envelope, data, given, at, nonce[2] if nonce else None)
        try:
            return handlers.HANDLERS[infno](call)
        except Refusal as refusal:
            if refusal.status == 401:
                raise
            return call.refuse(refusal)

    def _call(
        self,
        client: Client,
        infno: str,
        msgid: str,
        envelope: Mapping[str, Any],
        data: Mapping[str, Any],
        raw: object,
        at: datetime,
        nonce: str | None = None,
    ) -> handlers.Call:
        return handlers.Call(self.db, self.library, client, infno, msgid, envelope, data, raw, at, self.allow_test_area, nonce)

    def _decode(self, request: Request, client: Client | None, at: datetime) -> str:
        """The decoder's own address: no envelope, `code` 0 and `data`, a refusal as code 500159 with `message`."""
        body = read_body(request.body)
        try:
            checked = contract.check("1162", body)
            code = str(checked.get("orgId") or checked["data"].get("orgId") or "")
            if client is None:
                client = self.register.open_for(code, at)
            if client is None or (code and client.institution.code != code):
                raise Refusal("auth.refused")
            call = self._call(client, "1162", "", {"opter": checked["data"].get("operatorId", "")}, checked, body, at)

            def work(tx: Tx) -> dict[str, Any]:
                return handlers.decoded(tx, call, checked["data"])

            data = commands.alone(self.db, work, at=at, by=Actor(call.envelope["opter"], handlers.DOOR, client.institution.code))
        except Refusal as refusal:
            return write({"code": 500159, "message": refusal.sentence, "success": False, "data": None})
        return write({"code": 0, "message": "成功", "success": True, "orgId": code, "data": data})

    def _refused(self, refusal: Refusal, text: bool, body: str, at: datetime) -> tuple[str, str]:
        if refusal.status != 401:
            return "200 OK", body
        told = write(
            {
                "code": 401,
                "message": refusal.sentence,
                "server_time": stamp(at),
                "infcode": "-1" if text else -1,
                "err_msg": refusal.sentence,
            }
        )
        return "401 Unauthorized", told


def _body(environ: Mapping[str, Any]) -> bytes:
    """The raw body; one that is too large is read to its end so that the sender can read the refusal."""
    stream = environ["wsgi.input"]
    declared = environ.get("CONTENT_LENGTH") or ""
    length = int(declared) if declared.isascii() and declared.isdecimal() else None
    most = LARGEST_BODY
    body: bytes = stream.read(most + 1 if length is None else min(length, most + 1))
    if len(body) > most and UPLOAD in body[:UPLOAD_SAYS_SO]:
        most = LARGEST_UPLOAD
        body += stream.read((most + 1 if length is None else min(length, most + 1)) - len(body))
    if len(body) > most:
        drained = len(body)
        while drained < DRAINED and (chunk := stream.read(1 << 16)):
            drained += len(chunk)
        raise Refusal("message.too_large")
    if length is not None and len(body) < length:
        raise Refusal("message.not_json")  # the sender was cut off: what came may be whole by accident
    return body


def build(
    url: str, keys: Keys, *, clock: Clock = wall_clock, allow_test_area: bool = False, size: int = 8, packs: Library | None = None
) -> Gateway:
    """The door over a database."""
    db = Database(url, keys, size=size, options=PLANS, calls=(pay.GATHER, pay.RECORD))
    return Gateway(db, packs or library(), Register(db), clock, allow_test_area)


def from_env() -> Gateway:
    """The door as the server starts it, settings from the environment; ends with a sentence when the database is not usable."""
    settings = from_environment()
    contract.contract()
    assert settings.database_url, "the supervisor says where the database is"
    threads = int(os.environ.get("MULAID_GATEWAY_THREADS", "4"))
    door = build(settings.database_url, Keys.load(settings.keys_path), allow_test_area=settings.allows_test_people, size=threads)
    try:
        with door.db.reading(wall_clock(), Actor("start", handlers.DOOR)):
            pass  # a connection prepares the settlement calls, which an older schema does not have
    except PoolTimeout:
        raise SystemExit(
            "mulaid: the database does not answer, or its schema is older than this program: run `mulaid migrate`"
        ) from None
    # What is loaded now stays: the collector need not look at it again, nor look as often at short-lived messages.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    return door
