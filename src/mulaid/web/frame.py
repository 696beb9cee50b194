"""What every page has: size of type, style sheet, and headers that keep it out of caches and away from devices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.utils.http import url_has_allowed_host_and_scheme

ELDER = "elder"
SIZES = ("standard", ELDER)
COOKIE = "display"
COOKIE_SECONDS = 365 * 24 * 60 * 60
SHEET, ICON = "mulaid.css", "icon.svg"
DEVICES = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"

# The address changes with the content, so that browsers may keep the file without ever showing an old one.
_folder = Path(__file__).parent / "static"
_versions = {name: hashlib.sha256((_folder / name).read_bytes()).hexdigest()[:12] for name in (SHEET, ICON)}


def context(request: HttpRequest) -> dict[str, Any]:
    """What the base template needs on every page."""
    return {
        "elder": request.COOKIES.get(COOKIE) == ELDER,
        "stylesheet": _address(SHEET),
        "icon": _address(ICON),
        "demo": settings.MULAID.profile == "demo",
    }


def unstored(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: pages tell about people, so no browser or proxy keeps them. Static files bring their own rule."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Permissions-Policy", DEVICES)
        return response

    return answer


def display(request: HttpRequest, size: str) -> HttpResponse:
    """Remember the size of type and go back to the page; a link, because it must work everywhere and changes nothing else."""
    if size not in SIZES:
        raise Http404
    back = request.GET.get("back", "/")
    if not back.startswith("/") or not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = "/"
    response = HttpResponseRedirect(back)
    response.set_cookie(COOKIE, size, COOKIE_SECONDS, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax")
    return response


def _address(name: str) -> str:
    return f"{static(name)}?v={_versions[name]}"
