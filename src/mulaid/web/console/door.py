"""Who is at the desk: a session in a cookie of its own, and what a page of the console demands.

Fifteen idle minutes, eight hours, one session a person, gone with a change of address. A citizen's session opens nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.shortcuts import render

from mulaid.agency import entrance
from mulaid.agency.staff import BUSINESS, Staff
from mulaid.commands import Key
from mulaid.db import Actor, Tx
from mulaid.people.enrolment import book_for
from mulaid.refusal import Refusal
from mulaid.web.reading import KEY_LETTERS, Outcome, alone, keyed, reading

View = Callable[..., HttpResponse]
SEE_OTHER, FORBIDDEN = 303, 403
PATH = "/console"


@dataclass(frozen=True, slots=True)
class Clerk:
    """A member of staff who is signed in; `token` is the session's, and binds links to pictures."""

    staff: Staff
    token: str

    @property
    def actor(self) -> Actor:
        """How acts are recorded."""
        return Actor(self.staff.id, "desk", self.staff.region)

    def may(self, role: str) -> bool:
        """Whether the person holds a role."""
        return role in self.staff.roles


def cookie_name() -> str:
    """The cookie of the console; a browser gives `__Host-` cookies to this very host over TLS only."""
    return "__Host-desk" if settings.SESSION_COOKIE_SECURE else "desk"


def network(request: HttpRequest) -> str:
    """Where the request comes from, as the connection says; headers can be written by anybody."""
    return str(request.META.get("REMOTE_ADDR", ""))


def clerk(view: View, roles: Sequence[str] = BUSINESS) -> View:
    """A page for staff who are signed in and hold one of the roles; strangers are led to the console's entrance and back."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        found = _known(request)
        if found is None:
            back = quote(request.get_full_path()) if request.method in ("GET", "HEAD") else ""
            return HttpResponseRedirect(f"{PATH}/enter" + (f"?next={back}" if back else ""), status=SEE_OTHER)
        request.clerk = found
        if not set(roles) & set(found.staff.roles):
            return refused(request, Refusal("staff.not_allowed"))
        return view(request, *args, **kwargs)

    guarded.permission = "clerk"  # type: ignore[attr-defined]
    return guarded


def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """A page that says no, with what to do next."""
    return render(request, "console/refused.html", {"refusal": refusal}, status=refusal.status)


def admit(request: HttpRequest, response: HttpResponse, token: str) -> HttpResponse:
    """Hand the session over; the form token changes with it."""
    rotate_token(request)
    secure = settings.SESSION_COOKIE_SECURE
    response.set_cookie(cookie_name(), token, secure=secure, httponly=True, samesite="Strict", path="/")
    return response


def dismiss(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The session is over, here and on the server."""
    token = request.COOKIES.get(cookie_name(), "")
    if token:
        alone(lambda tx: entrance.leave(tx, token))
    response.delete_cookie(cookie_name(), path="/", samesite="Strict")
    return response


def act(request: HttpRequest, work: Callable[[Tx], dict[str, Any]]) -> Outcome:
    """Carry out what the clerk's form asks for, once for the form's key; the same form sent again has the same outcome."""
    found, name = request.clerk, request.POST.get("key", "")
    if len(name) != 32 or not set(name) <= KEY_LETTERS:
        stale = Refusal("web.stale_form")
        return Outcome({}, stale.code, stale.says, stale.next)
    typed = "&".join(sorted(f"{field}={request.POST[field]}" for field in request.POST if field != "csrfmiddlewaretoken"))
    body = f"{request.get_full_path()}?{typed}"
    return keyed(found.actor, Key.of(book_for(found.staff.region, ""), "desk", found.staff.id, name, body.encode()), work)


def _known(request: HttpRequest) -> Clerk | None:
    token = request.COOKIES.get(cookie_name(), "")
    if not token:
        return None
    with reading() as tx:
        found, quiet = entrance.present(tx, token, network(request))
    if found is None:
        return None
    if quiet:
        alone(lambda tx: entrance.touch(tx, token))
    return Clerk(found, token)
