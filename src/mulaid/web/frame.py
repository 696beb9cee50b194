"""What every page has: size of type, style sheet, and headers that keep it out of caches and away from devices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_htmx
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.templatetags.static import static

from mulaid.policy.channels import channels
from mulaid.refusal import Refusal
from mulaid.web.visitor import inward

ELDER = "elder"
SIZES = ("standard", ELDER)
COOKIE = "display"
COOKIE_SECONDS = 365 * 24 * 60 * 60
SHEET, ICON, SCRIPT, HTMX = "mulaid.css", "icon.svg", "mulaid.js", "django_htmx/htmx-2.min.js"
NOT_FOUND = 404
HIDDEN = (403, NOT_FOUND)
"""What is somebody else's and what is not there look the same."""
DEVICES = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"

# The address changes with the content, so that browsers may keep the file without ever showing an old one.
_folders = (Path(__file__).parent / "static", Path(django_htmx.__file__).parent / "static")


def _version(name: str) -> str:
    path = next(folder / name for folder in _folders if (folder / name).is_file())
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


_versions = {name: _version(name) for name in (SHEET, ICON, SCRIPT, HTMX)}


def context(request: HttpRequest) -> dict[str, Any]:
    """What the base template needs on every page."""
    return {
        "elder": is_elder(request),
        "stylesheet": _address(SHEET),
        "icon_address": _address(ICON),
        "script": _address(SCRIPT),
        "htmx": _address(HTMX),
        "demo": settings.MULAID.profile == "demo",
        "visitor": getattr(request, "visitor", None),
        "channel": _channel(request),
        "in_story": getattr(request, "visitor", None) is not None and "story" in request.session,
    }


def _channel(request: HttpRequest) -> str:
    """The name of the program in whose frame the page was opened; empty for our own address."""
    visitor = getattr(request, "visitor", None)
    found = channels().get(visitor.channel) if visitor else None
    return found.name if found else ""


def is_elder(request: HttpRequest) -> bool:
    """Whether the reader wants large type and fewer choices."""
    return bool(request.COOKIES.get(COOKIE) == ELDER)


def unstored(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: pages tell about people, so no browser or proxy keeps them. Static files bring their own rule."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Permissions-Policy", DEVICES)
        return response

    return answer


def packed(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: style sheet and scripts travel compressed. Pages do not: they carry the form token beside typed-in text."""
    pack, folder = GZipMiddleware(get_response), f"/{settings.STATIC_URL.strip('/')}/"

    def answer(request: HttpRequest) -> HttpResponse:
        return pack(request) if request.path.startswith(folder) else get_response(request)

    return answer


def legible(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: forms come in UTF-8. Django refuses others too late, while it looks for the form token of its own refusal."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.content_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
            return HttpResponse("请用 UTF-8 提交。", status=415, content_type="text/plain; charset=utf-8")
        return get_response(request)

    return answer


def refusals(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a refusal that no page has told is told in its own words; an expected no is never a failure of ours."""

    def answer(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def told(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Refusal):
            return None
        if exception.status in HIDDEN:
            return render(request, "404.html", status=NOT_FOUND)
        words = {"says": exception.says, "next": exception.next, "page": "/home"}
        return render(request, "citizen/sorry.html", words, status=exception.status)

    answer.process_exception = told  # type: ignore[attr-defined]
    return answer


def display(request: HttpRequest, size: str) -> HttpResponse:
    """Remember the size of type and go back to the page; a link, because it must work everywhere and changes nothing else."""
    if size not in SIZES:
        raise Http404
    response = HttpResponseRedirect(inward(request.GET.get("back"), "/"))
    response.set_cookie(COOKIE, size, COOKIE_SECONDS, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax")
    return response


def _address(name: str) -> str:
    return f"{static(name)}?v={_versions[name]}"


def untrusted(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without this browser's token: the page was open too long, or was not ours."""
    return render(request, "403_csrf.html", {"page": _came_from(request)}, status=403)


def _came_from(request: HttpRequest) -> str:
    """The page of ours that the form stood on, which can be opened again; many addresses of forms cannot."""
    try:
        came = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return "/"
    page = f"{came.path}?{came.query}" if came.query else came.path
    return inward(page, "/") if came.netloc == request.get_host() else "/"
