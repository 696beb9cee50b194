"""Who is at the door: sessions kept on the server, their limits, and what a page demands of its visitor.

A session ends after thirty quiet minutes, after twelve hours, when the person leaves, or when it is ended from another device.
Acts that give something away ask for a proof of presence not older than five minutes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.utils.http import url_has_allowed_host_and_scheme

from mulaid import audit, refs
from mulaid.crypto import Keys
from mulaid.db import Actor, Row, Statements, Tx
from mulaid.people.enrolment import PersonRef
from mulaid.web.reading import alone, now, reading, see_other

SQL = Statements("mulaid.web", "visitor.sql")
IDLE, LONGEST, FRESH = timedelta(minutes=30), timedelta(hours=12), timedelta(minutes=5)
TOUCH = timedelta(seconds=60)
SANDBOX, SMS, LINKED = "sandbox", "sms", "linked"
POINTER, CHANNEL, HELD = "session", "channel", "held"
OUTLASTING = (CHANNEL, "tills")
"""What belongs to the browser and not to who is signed in."""
WEB = "web"

View = Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person. `shown` is the masked name."""

    ref: PersonRef
    session: UUID
    shown: str
    gender: str
    born: date
    assurance: str
    channel: str
    confirmed_at: datetime

    @property
    def actor(self) -> Actor:
        """How acts are recorded."""
        return Actor(self.ref.number, self.channel)

    def present(self, at: datetime) -> bool:
        """Whether the last proof of presence is recent enough to give something away."""
        return at - self.confirmed_at <= FRESH


class Sealed:
    """What a browser's session holds, sealed at rest: a form that waits for a proof of presence names people."""

    def dumps(self, held: Any) -> bytes:
        """Sealed JSON."""
        return _keys().seal("session", "django_session|session_data", json.dumps(held, separators=(",", ":")))

    def loads(self, data: bytes) -> Any:
        """What was sealed; anything else is no session."""
        return json.loads(_keys().open_text("session", "django_session|session_data", data))


@cache
def _keys() -> Keys:
    return Keys.load(settings.MULAID.keys_path)


def visitors(get_response: View) -> View:
    """Middleware: `request.visitor`, None for strangers; `request.lapsed` when a session was there and has run out."""

    def answer(request: HttpRequest) -> HttpResponse:
        request.visitor, request.lapsed = None, False
        if settings.SESSION_COOKIE_NAME in request.COOKIES and not request.path.startswith(f"/{settings.STATIC_URL.strip('/')}/"):
            pointer = request.session.get(POINTER)
            if pointer:
                request.visitor = _known(pointer, request.session.get(CHANNEL))
                if request.visitor is None:
                    _forget(request)
                    request.lapsed = True
        return get_response(request)

    return answer


def _known(pointer: str, channel: str | None) -> Visitor | None:
    session = UUID(pointer)
    book, at = refs.book_of(session), now()
    with reading() as tx:
        row = tx.one(SQL.session, book=book, id=session)
    if row is None or row["ended_at"] is not None or at - row["seen_at"] > IDLE or at - row["opened_at"] > LONGEST:
        return None
    if at - row["seen_at"] > TOUCH:
        alone(lambda tx: tx.run(SQL.seen, book=book, id=session, at=tx.at))
    return _visitor(session, row, channel)


def _visitor(session: UUID, row: Row, channel: str | None) -> Visitor:
    ref = PersonRef(refs.book_of(session), row["person"])
    return Visitor(
        ref, session, row["shown"], row["gender"], row["born"], row["assurance"], channel or row["channel"], row["confirmed_at"]
    )


def sign_in(request: HttpRequest, ref: PersonRef, assurance: str) -> None:
    """A new session for a person who has proved who they are; the cookie's key and the form token change with it."""
    channel = request.session.get(CHANNEL, WEB)
    device = _device(request.headers.get("User-Agent", ""))

    def work(tx: Tx) -> UUID:
        session = refs.mint(ref.book, tx.at)
        tx.run(
            SQL.open_session,
            book=ref.book,
            id=session,
            person=ref.id,
            assurance=assurance,
            channel=channel,
            device=device,
            # A host app says who somebody is, not that they are there: what gives something away asks for a code first.
            confirmed=tx.at - LONGEST if assurance == LINKED else tx.at,
            at=tx.at,
        )
        audit.write(tx, ref.book, "sign_in", ref.id, purpose=assurance, detail={"session": str(session)})
        return session

    if request.visitor is not None:
        leave(request)
    session = alone(work, by=Actor(ref.number, channel))
    request.session.cycle_key()
    request.session[POINTER] = str(session)
    request.session[CHANNEL] = channel
    request.session.pop(HELD, None)
    rotate_token(request)


def confirm(request: HttpRequest) -> None:
    """The visitor has just proved to be there; the cookie's key changes."""
    visitor = request.visitor

    def work(tx: Tx) -> None:
        tx.run(SQL.confirmed, book=visitor.ref.book, id=visitor.session, at=tx.at)
        audit.write(tx, visitor.ref.book, "confirm_presence", visitor.ref.id)

    alone(work, by=visitor.actor)
    request.session.cycle_key()


def leave(request: HttpRequest) -> None:
    """The session is over, here and on the server."""
    visitor = request.visitor
    if visitor is not None:
        end(visitor, visitor.session)
    _forget(request)


def _forget(request: HttpRequest) -> None:
    kept = {name: request.session[name] for name in OUTLASTING if name in request.session}
    request.session.flush()
    request.session.update(kept)


def end(visitor: Visitor, session: UUID) -> bool:
    """End one of the visitor's own sessions; whether there was one."""

    def work(tx: Tx) -> int:
        ended = tx.run(SQL.end_session, book=visitor.ref.book, id=session, person=visitor.ref.id, at=tx.at)
        if ended:
            audit.write(tx, visitor.ref.book, "sign_out", visitor.ref.id, detail={"session": str(session)})
        return ended

    return bool(alone(work, by=visitor.actor))


def end_others(visitor: Visitor) -> int:
    """End every other session of the visitor; how many."""

    def work(tx: Tx) -> int:
        audit.write(tx, visitor.ref.book, "sign_out_elsewhere", visitor.ref.id)
        return tx.run(SQL.end_others, book=visitor.ref.book, person=visitor.ref.id, id=visitor.session, at=tx.at)

    return int(alone(work, by=visitor.actor))


def link(request: HttpRequest, platform: str, opened: str) -> None:
    """From now on a host app's word for this id is a word for the person who has just signed in."""
    with reading() as tx:
        row = tx.one(SQL.session, book=refs.book_of(UUID(request.session[POINTER])), id=UUID(request.session[POINTER]))
    assert row is not None, "a session that was just opened is there"
    book, person = refs.book_of(UUID(request.session[POINTER])), row["person"]

    def work(tx: Tx) -> None:
        blind = tx.keys.blind("openid", f"{platform}|{opened}")
        tx.run(SQL.link, blind=blind, book=book, person=person, platform=platform, at=tx.at)
        audit.write(tx, book, "link_miniprogram", person, purpose=platform)

    alone(work)


def linked(tx: Tx, platform: str, opened: str) -> PersonRef | None:
    """Whom a host app's id was linked with."""
    row = tx.one(SQL.linked, blind=tx.keys.blind("openid", f"{platform}|{opened}"))
    return PersonRef(row["book"], row["person"]) if row else None


def sessions(tx: Tx, visitor: Visitor) -> list[Row]:
    """Where the visitor is signed in."""
    return tx.all(SQL.sessions, book=visitor.ref.book, person=visitor.ref.id, idle=tx.at - IDLE, oldest=tx.at - LONGEST)


# What a page demands. Every route carries one of these; `permission` is what the test over all routes looks at.


def anybody(view: View) -> View:
    """A page that tells nothing about people."""
    view.permission = "anybody"  # type: ignore[attr-defined]
    return view


def demonstration(view: View) -> View:
    """A page of made-up people, for everybody, in a demonstration only."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if settings.MULAID.profile != "demo":
            raise Http404
        return view(request, *args, **kwargs)

    guarded.permission = "demonstration"  # type: ignore[attr-defined]
    return guarded


def citizen(view: View) -> View:
    """A page of the signed-in person; a stranger is led to the entrance and back."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.visitor is None:
            return _elsewhere(request, "/enter", after=_way_back(request))
        return view(request, *args, **kwargs)

    guarded.permission = "citizen"  # type: ignore[attr-defined]
    return guarded


def present(view: View) -> View:
    """A page of the signed-in person that gives something away: presence must have been proved within five minutes.

    What was typed is held on the server while the person proves it, and is in the form again afterwards.
    """

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.visitor is None:
            return _elsewhere(request, "/enter", after=_way_back(request))
        if not request.visitor.present(now()):
            if request.method == "POST":
                request.session[HELD] = {"path": request.path, "typed": request.POST.urlencode()}
            return _elsewhere(request, "/confirm", after=request.get_full_path())
        return view(request, *args, **kwargs)

    guarded.permission = "present"  # type: ignore[attr-defined]
    return guarded


def inward(address: str | None, default: str = "/home") -> str:
    """An address given by a reader, if it leads to this site."""
    if address and address.startswith("/") and url_has_allowed_host_and_scheme(address, allowed_hosts=None):
        return address
    return default


def _way_back(request: HttpRequest) -> str:
    return request.get_full_path() if request.method in ("GET", "HEAD") and not request.headers.get("HX-Request") else ""


def _elsewhere(request: HttpRequest, path: str, after: str) -> HttpResponse:
    address = path + (f"?next={quote(after)}" if after else "")
    if request.lapsed:
        address += ("&" if after else "?") + "lapsed=1"
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return see_other(address)


def _device(agent: str) -> str:
    """A few words a person recognises a device by; no more is kept."""
    for word, name in (("MicroMessenger", "微信"), ("AlipayClient", "支付宝"), ("iPhone", "iPhone"), ("iPad", "iPad")):
        if word in agent:
            return name
    for word, name in (("Android", "安卓手机"), ("Windows", "Windows 电脑"), ("Macintosh", "Mac 电脑"), ("Linux", "Linux 电脑")):
        if word in agent:
            return name
    return "其他设备"
