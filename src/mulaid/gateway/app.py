"""The institutions' door: one bare WSGI callable. Raw bytes in, verified, routed on `infno`, answered.

Every expected no is HTTP 200 with `infcode` -1, because that is what every known program understands; only a caller that cannot
prove who it is gets 401. Nothing that arrives leads to a 500.
"""

from __future__ import annotations

import gc
import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

from psycopg_pool import PoolTimeout

from mulaid import sm2
from mulaid.calendar import Clock, stamp, wall_clock
from mulaid.crypto import BadKeyFile, Keys, digest
from mulaid.db import Actor, Database
from mulaid.gateway import auth, contract, decoder, handlers, sealing
from mulaid.gateway.auth import Client, Meter, Register, Request
from mulaid.gateway.dialect import (
    LARGEST_BODY,
    LARGEST_UPLOAD,
    Sent,
    dress,
    profiles,
    read,
    reply,
    unwrap,
    with_file,
    write,
)
from mulaid.policy.pack import Library, library
from mulaid.refusal import Refusal
from mulaid.settings import SettingTrouble, from_environment
from mulaid.settlement import files, pay

log = logging.getLogger("mulaid.gateway")
Start = Callable[[str, list[tuple[str, str]]], Any]
TOKENS, FETCHED = "/auth/oauth/token", "file_qury_no="
UPLOAD = b"9101"
"""Only uploads of files may be large, and this stands in every one of them."""
# What may be asked for again: some programs do so by themselves, with the same number, when the status says so.
PASSING = {429: "429 Too Many Requests", 503: "503 Service Unavailable"}
DRAINED = 64 * 1024 * 1024
# Everything here is found by key. Plans are made once and never by reading a whole table: a plan made while a table was empty
# would otherwise stay with a connection while the table grows.
PLANS = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off"


@dataclass(frozen=True, slots=True)
class Told:
    """An answer on its way out."""

    body: str | handlers.File
    status: str = "200 OK"
    charset: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Gateway:
    """The door with everything it answers from; an instance is the WSGI application."""

    db: Database
    library: Library
    register: Register
    clock: Clock
    allow_test_area: bool
    meter: Meter = field(default_factory=Meter)
    turns: threading.Semaphore = field(default_factory=threading.Semaphore)

    @property
    def seal_key(self) -> bytes:
        """The platform's own key for sealed answers; `mulaid connections key` shows the public one."""
        return sm2.private_from(self.db.keys.blind("sm2", "platform"))

    def __call__(self, environ: Mapping[str, Any], start: Start) -> Iterable[bytes]:
        """One request."""
        at = self.clock()
        told = self._answer(environ, at)
        kind = f"application/json; charset={told.charset}"
        if isinstance(told.body, handlers.File):
            payload, kind = told.body.content, "application/octet-stream"
        else:
            payload = told.body.encode(told.charset, "replace")
        headers = [("Content-Type", kind), ("Content-Length", str(len(payload))), ("Cache-Control", "no-store")]
        start(told.status, headers)
        return [payload]

    def _answer(self, environ: Mapping[str, Any], at: datetime) -> Told:
        try:
            if environ["REQUEST_METHOD"] == "GET" and environ.get("PATH_INFO") == "/health":
                return Told('{"ready":true}')
            request = self._read(environ)
            # Only whole messages take turns: one that stops in the middle, on a line that died, keeps nobody waiting.
            with self.turns:
                return self._told(request, environ, at)
        except Refusal as refusal:
            return _refused(refusal, None, at)
        except Exception:
            log.exception("unexpected failure")
            return _refused(Refusal("message.internal"), None, at)

    def _told(self, request: Request, environ: Mapping[str, Any], at: datetime) -> Told:
        client: Client | None = None
        try:
            place = request.place
            if place.endswith(TOKENS):
                given = {"access_token": auth.token(self.register, request, at), "token_type": "bearer"}
                return Told(write({**given, "expires_in": auth.TOKEN_SECONDS}))
            client, nonce = auth.authenticate(self.register, request, at)
            # Programs with an address a transaction send their envelope to the decoder's address as well.
            if place.endswith(decoder.ADDRESSES) and not decoder.is_enveloped(request.body):
                if nonce:
                    auth.claim(self.db, nonce)
                return Told(decoder.answer(self._call, self.register, request, client, at))
            if request.method == "GET":
                return Told(self._download(request, client, at))
            sent = read(environ.get("CONTENT_TYPE") or "", request.body)
            if sealing.is_sealed(sent.message):
                return Told(self._unsealed(request, sent.message, at))
            envelope, client = self._told_by(client, sent, at)
            self._admit(client, envelope, sent)
            body = self._handle(client, envelope, sent, nonce, at)
            if isinstance(body, str):
                body = dress(client.profile, body)
            return Told(body, charset=client.profile.charset)
        except Refusal as refusal:
            return _refused(refusal, client, at)
        except Exception:
            # Our own bug or a database that is away: the caller is told to ask again with the same msgid, the log has the trace.
            log.exception("unexpected failure")
            return _refused(Refusal("message.internal"), client, at)

    def _told_by(self, client: Client | None, sent: Sent, at: datetime) -> tuple[dict[str, Any], Client]:
        """The envelope and its sender; in unreadable bytes nobody is looked for."""
        try:
            envelope = contract.check_envelope(sent.message)
            return envelope, client or self._sender(envelope, at)
        except Refusal:
            if sent.charset == "utf-8":
                raise
            raise Refusal("message.not_utf8") from None

    def _download(self, request: Request, client: Client | None, at: datetime) -> str | handlers.File:
        """A file by its number in the address, for programs that fetch files so."""
        asked = {name: values[0] for name, values in parse_qs(request.query).items()}
        number = asked.get("file_qury_no", "")
        client = client or self.register.open_for(asked.get("fixmedins_code") or self._owner(number, at), at)
        if client is None:
            raise Refusal("auth.refused")
        self.meter.count(client)
        data = contract.check("9102", {"fsDownloadIn": {"file_qury_no": number}})
        return handlers.HANDLERS["9102"](self._call(client, "9102", "", {}, data, asked, at))

    def _owner(self, number: str, at: datetime) -> str:
        """Whose file it is, for a program that sends its number alone: an open connection could name anybody anyway."""
        try:
            with self.db.reading(at, Actor("register", "gateway")) as tx:
                return files.owner(tx, number)
        except Refusal:
            return ""

    def _unsealed(self, request: Request, message: Mapping[str, Any], at: datetime) -> str:
        """A sealed envelope: its address says what it asks, its data is the input; sent again, it is the same message."""
        opened = sealing.open_envelope(self.register, message, at)
        client = opened.client
        self.meter.count(client)
        told: dict[str, Any] = {"code": 0, "message": "成功", "success": True}
        output: Any = None
        try:
            infno = handlers.sealed_action(request.path)
            data = contract.check(infno, {"data": opened.data})
            msgid = digest(write(opened.data).encode()).hex()[:30]
            call = self._call(client, infno, msgid, {"opter": ""}, data, opened.data, at)
            answer = json.loads(str(handlers.HANDLERS[infno](call)), parse_float=Decimal)
            if answer["infcode"] not in (0, "0"):
                told = {"code": -1, "message": answer["err_msg"], "success": False}
            output = answer["output"]["data"] if answer["output"] else None
        except Refusal as refusal:
            told = {"code": -1, "message": refusal.sentence, "success": False}
        return sealing.seal_envelope(client, self.seal_key, told, {} if output is None else output, at)

    def _read(self, environ: Mapping[str, Any]) -> Request:
        # Where files are fetched from is an address of its own in some programs; what they ask for says enough.
        fetches = environ["REQUEST_METHOD"] == "GET" and FETCHED in environ.get("QUERY_STRING", "")
        if environ["REQUEST_METHOD"] != "POST" and not fetches:
            raise Refusal("message.not_posted")
        body = b"" if fetches else _body(environ)
        query = environ.get("QUERY_STRING", "")
        path = (
            environ.get("RAW_URI")
            or environ.get("REQUEST_URI")
            or (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))
        )
        return Request("GET" if fetches else "POST", path.partition("?")[0], query, environ, body)

    def _sender(self, envelope: Mapping[str, Any], at: datetime) -> Client:
        """The institution of a message that nobody signed: the one named, where an open connection is registered for it."""
        code = envelope["fixmedins_code"]
        client = self.register.open_for(code, at) or self.register.open_for(code.upper(), at)
        if client is None:
            raise Refusal("auth.refused")
        return client

    def _admit(self, client: Client, envelope: Mapping[str, Any], sent: Sent) -> None:
        """Refuses what this sender may not send; it is known by now, so that it hears so in its own way of writing."""
        # Other bytes than UTF-8 are for senders that are known to write so, and for nobody else.
        if sent.charset not in ("utf-8", client.profile.charset):
            raise Refusal("message.not_utf8")
        code = envelope["fixmedins_code"]
        if client.institution.code != code and client.institution.code != code.upper():
            raise Refusal("auth.other_institution")
        client.allows(envelope.get("opter", ""))
        self.meter.count(client)
        area, own = envelope.get("mdtrtarea_admvs", ""), client.institution.region
        if area and not handlers.same_area(area, own):
            raise Refusal("message.wrong_area", given=area, found=own)

    def _handle(
        self,
        client: Client,
        envelope: Mapping[str, Any],
        sent: Sent,
        nonce: auth.Nonce | None,
        at: datetime,
    ) -> str | handlers.File:
        infno = contract.transaction(envelope["infno"]).infno
        if infno != "9101" and (sent.file or len(sent.text) > LARGEST_BODY):
            raise Refusal("message.too_large")
        encrypted, message = False, sent.message
        if client.transport in (auth.OAUTH, auth.CAINFO):
            message, clear, encrypted = sealing.open_input(client, message, sent.text)
            sealing.check_signature(client, message, clear)
        if nonce and infno not in handlers.SETTLING:
            auth.claim(self.db, nonce)
        given = unwrap(message) if sent.file is None else with_file(unwrap(message), sent.file)
        data = contract.check(infno, given)
        call = self._call(client, infno, envelope["msgid"], envelope, data, given, at, nonce[2] if nonce else None)
        try:
            answer = handlers.HANDLERS[infno](call)
        except Refusal as refusal:
            if refusal.status == 401 or refusal.status in PASSING:
                raise
            answer = call.refuse(refusal)
        return sealing.seal_output(client, answer, encrypted) if isinstance(answer, str) else answer

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


def _refused(refusal: Refusal, client: Client | None, at: datetime) -> Told:
    """A no in the caller's own way of writing; only who cannot prove who it is gets 401, and who sends too much perhaps 429."""
    profile = client.profile if client else profiles()["national"]
    region = client.institution.region if client else "000000"
    if refusal.status == 401:
        told = {"code": 401, "message": refusal.sentence, "server_time": stamp(at)}
        told |= {"infcode": "-1" if profile.infcode_text else -1, "err_msg": refusal.sentence}
        return Told(write(told), "401 Unauthorized", profile.charset)
    body = dress(profile, reply(profile, region, 0, at, error=refusal.sentence))
    if refusal.status in PASSING and profile.passing == "status":
        return Told(body, PASSING[refusal.status], profile.charset)
    return Told(body, charset=profile.charset)


def _body(environ: Mapping[str, Any]) -> bytes:
    """The raw body; one that is too large is read to its end so that the sender can read the refusal."""
    stream = environ["wsgi.input"]
    declared = environ.get("CONTENT_LENGTH") or ""
    length = int(declared) if declared.isascii() and declared.isdecimal() else None
    most = LARGEST_BODY
    body: bytes = stream.read(most + 1 if length is None else min(length, most + 1))
    if len(body) > most:
        most = LARGEST_UPLOAD
        body += stream.read((most + 1 if length is None else min(length, most + 1)) - len(body))
    if len(body) > most or (len(body) > LARGEST_BODY and UPLOAD not in body):
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
    # One connection is left for what comes between: looking up who calls.
    return Gateway(db, packs or library(), Register(db), clock, allow_test_area, turns=threading.Semaphore(max(1, size - 1)))


def from_env() -> Gateway:
    """The door as the server starts it; ends with a sentence when settings, keys or database cannot be used."""
    contract.contract()
    try:
        settings = from_environment()
        door = build(
            settings.database,
            Keys.load(settings.keys_path),
            allow_test_area=settings.allows_test_people,
            size=settings.gateway_threads,
        )
        door.db.require_own_keys()  # its connection prepares the settlement calls too, which an older schema does not have
    except (SettingTrouble, BadKeyFile, FileNotFoundError) as trouble:
        raise SystemExit(f"mulaid: {trouble}") from None
    except PoolTimeout:
        raise SystemExit(
            "mulaid: the database does not answer, or its schema is older than this program: run `mulaid migrate`"
        ) from None
    # What is loaded now stays: the collector need not look at it again, nor look as often at short-lived messages.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    return door
