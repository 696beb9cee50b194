"""The console's entrance: account, password and second factor; and the first time, where both are set."""

from __future__ import annotations

from typing import Any

import segno
from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.safestring import mark_safe

from mulaid.agency import entrance
from mulaid.db import Actor
from mulaid.refusal import Refusal
from mulaid.web.console import door
from mulaid.web.forms import Form, text
from mulaid.web.reading import Outcome, alone, reading
from mulaid.web.visitor import inward

MADE_UP = (("zhao.demo", "经办，武汉"), ("qian.demo", "复核，湖北"))
"""The demo city's clerks (mulaid.demo.city)."""


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
    after = inward(request.POST.get("next") or request.GET.get("next"), door.PATH)
    form = Enter(request.POST or None)
    if request.method == "POST" and form.checked():
        try:
            token = _sign_in(request, form.cleaned_data)
        except Refusal as refusal:
            form.trouble = Outcome({}, refusal.code, refusal.says, refusal.next)
        else:
            return door.admit(request, HttpResponseRedirect(after, status=door.SEE_OTHER), token)
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
            return HttpResponseRedirect(f"{door.PATH}/enter", status=door.SEE_OTHER)
    return _show_secret(request, form, None)


def leave(request: HttpRequest) -> HttpResponse:
    """Sign out."""
    return door.dismiss(request, HttpResponseRedirect(f"{door.PATH}/enter", status=door.SEE_OTHER))


def _made_up() -> list[dict[str, str]]:
    """The demonstration's clerks with what their authenticators show; nobody elsewhere."""
    if settings.MULAID.profile != "demo":
        return []
    with reading() as tx:
        return [{"who": who, "role": role, "code": code} for who, role in MADE_UP if (code := entrance.shown_code(tx, who))]


def _sign_in(request: HttpRequest, given: dict[str, Any]) -> str:
    who, network = given["who"], door.network(request)
    _count(request, who)
    with reading() as tx:
        stored = entrance.password_of(tx, who)
    fits = entrance.fits(stored, given["password"])
    done = alone(lambda tx: entrance.sign_in(tx, who, given["code"], network, password_fits=fits), by=_actor(who))
    return str(done)


def _count(request: HttpRequest, who: str) -> None:
    if not alone(lambda tx: entrance.may_try(tx, who, door.network(request))):
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
