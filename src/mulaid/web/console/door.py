"""The console's door: account, password and second factor, the first time both are set; and what a page of the console demands.

A session in a cookie of its own: fifteen idle minutes, eight hours, one session a person, gone with a change of address. A
citizen's session opens nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import segno
from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import render
from django.utils.safestring import mark_safe

from mulaid.agency import entrance
from mulaid.agency.staff import BUSINESS, Staff
from mulaid.commands import Key
from mulaid.db import Actor, Tx
from mulaid.people.enrolment import book_for
from mulaid.refusal import Refusal
from mulaid.web.forms import Form, text
from mulaid.web.reading import KEY_LETTERS, Outcome, alone, keyed, reading, see_other
from mulaid.web.visitor import inward

View = Callable[..., HttpResponse]
PATH = "/console"
MADE_UP = (("zhao.demo", "经办，武汉"), ("qian.demo", "复核，湖北"))
"""The demo city's clerks (mulaid.demo.city)."""


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
            return see_other(f"{PATH}/enter" + (f"?next={back}" if back else ""))
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


def act(request: HttpRequest, work: Callable[[Tx], object]) -> Outcome:
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


class Enter(Form):
    """Who, what they know, and what they have."""

    who = text("工号", wrong="请填写工号", most=32, autocapitalize="none", spellcheck="false")
    password = forms.CharField(
        label="密码",
        max_length=entrance.LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": "请填写密码"},
    )
    code = text("动态码", wrong="请填写验证器上的六位数字", most=6, inputmode="numeric", help_text="手机验证器上现在的六位数字")


class Begin(Form):
    """The invitation, and the password that is to be."""

    who = text("工号", wrong="请填写工号", most=32, autocapitalize="none", spellcheck="false")
    invitation = text("邀请码", wrong="请填写系统管理员给您的邀请码", most=40, autocapitalize="none", spellcheck="false")
    password = forms.CharField(
        label="设置密码",
        max_length=entrance.LONGEST_PASSWORD,
        strip=False,
        help_text=f"至少 {entrance.SHORTEST} 个字符，可以是几个不相干的词",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"required": "请设置密码"},
    )


class Prove(Form):
    """The first code of a new authenticator."""

    who = forms.CharField(widget=forms.HiddenInput(), max_length=32)
    invitation = forms.CharField(widget=forms.HiddenInput(), max_length=40)
    code = text("动态码", wrong="请填写验证器上的六位数字", most=6, inputmode="numeric")


def page(request: HttpRequest) -> HttpResponse:
    """Sign in. Whatever is wrong, the answer is the same."""
    after = inward(request.POST.get("next") or request.GET.get("next"), PATH)
    form = Enter(request.POST or None)
    if request.method == "POST" and form.checked():
        try:
            token = _sign_in(request, form.cleaned_data)
        except Refusal as refusal:
            form.trouble = Outcome({}, refusal.code, refusal.says, refusal.next)
        else:
            return admit(request, see_other(after), token)
    told = {"form": form, "next": after, "made_up": _made_up()}
    return render(request, "console/enter.html", told)


def begin(request: HttpRequest) -> HttpResponse:
    """Set the password; the second factor is shown once, on the page that asks for its first code."""
    form = Begin(request.POST or None)
    if request.method == "POST" and form.checked():
        given = form.cleaned_data
        try:
            entrance.check_password(given["password"], given["who"])
            _count(request, f"begin/{given['who']}")
            stored = entrance.hashed(given["password"])
            secret = alone(lambda tx: entrance.prepare(tx, given["who"], given["invitation"], stored), by=_actor(given["who"]))
        except Refusal as refusal:
            places = {"entrance_weak_password": "password", "entrance_bad_invitation": "invitation"}
            form.refuse(Outcome({}, refusal.code, refusal.says, refusal.next), **places)
        else:
            return _show_secret(request, Prove(initial={"who": given["who"], "invitation": given["invitation"]}), secret)
    return render(request, "console/begin.html", {"form": form})


def prove(request: HttpRequest) -> HttpResponse:
    """The first code: with it the account is ready. After a wrong one the same picture is not shown again; one starts over."""
    form = Prove(request.POST)
    if form.checked():
        given = form.cleaned_data
        try:
            _count(request, f"begin/{given['who']}")
            alone(lambda tx: entrance.prove(tx, given["who"], given["invitation"], given["code"]), by=_actor(given["who"]))
        except Refusal as refusal:
            form.refuse(Outcome({}, refusal.code, refusal.says, refusal.next), entrance_wrong_code="code")
        else:
            return see_other(f"{PATH}/enter")
    return _show_secret(request, form, None)


def leave(request: HttpRequest) -> HttpResponse:
    """Sign out."""
    return dismiss(request, see_other(f"{PATH}/enter"))


def _made_up() -> list[dict[str, str]]:
    """The demonstration's clerks with what their authenticators show; nobody elsewhere."""
    if settings.MULAID.profile != "demo":
        return []
    with reading() as tx:
        return [{"who": who, "role": role, "code": code} for who, role in MADE_UP if (code := entrance.shown_code(tx, who))]


def _sign_in(request: HttpRequest, given: dict[str, Any]) -> str:
    who, address = given["who"], network(request)
    _count(request, who)
    with reading() as tx:
        stored = entrance.password_of(tx, who)
    fits = entrance.fits(stored, given["password"])
    done = alone(lambda tx: entrance.sign_in(tx, who, given["code"], address, password_fits=fits), by=_actor(who))
    return str(done)


def _count(request: HttpRequest, who: str) -> None:
    if not alone(lambda tx: entrance.may_try(tx, who, network(request))):
        raise Refusal("entrance.too_many")


def _actor(who: str) -> Actor:
    return Actor(who, "desk")


def _show_secret(request: HttpRequest, form: Prove, secret: entrance.Secret | None) -> HttpResponse:
    picture = ""
    if secret is not None:
        code = segno.make(secret.address, micro=False, error="m")
        drawn = code.svg_inline(border=2, scale=4, svgclass="qr", lineclass=None, omitsize=True)
        picture = mark_safe(drawn)  # noqa: S308 -- drawn here from an account name of letters, digits and dots
    told = {"form": form, "secret": secret, "picture": picture, "demo": settings.MULAID.profile == "demo"}
    return render(request, "console/prove.html", told)
