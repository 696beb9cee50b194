"""The printed card for somebody without a phone: what it is good for, having one printed, and making it worthless."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.people import card
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.web import forms
from mulaid.web.citizen.code import picture
from mulaid.web.citizen.relatives import ME, family, one
from mulaid.web.reading import Outcome, act, alone, reading
from mulaid.web.visitor import Visitor

SEE_OTHER = 303


def page(request: HttpRequest) -> HttpResponse:
    """One person's card: a post has it printed, or makes it worthless."""
    visitor: Visitor = request.visitor
    form, key = forms.Form(), request.POST.get("who") or request.GET.get("who", ME)
    with reading(visitor.actor) as tx:
        who = one(tx, visitor, key)
    pressed = request.POST.get("do", "")
    if request.method == "POST" and pressed == "print":
        # Not kept by the form's key: the digits must lie nowhere. Sent twice, the first card is worthless and the second shown.
        try:
            made = alone(
                lambda tx: card.issue(tx, who.ref, visitor.ref, sandbox=settings.MULAID.profile != "production"), by=visitor.actor
            )
        except Refusal as refusal:
            form.trouble = Outcome({}, refusal.code, refusal.says, refusal.next)
        else:
            groups = [made.digits[start : start + 4] for start in range(0, len(made.digits), 4)]
            told = {
                "who": who,
                "card": made,
                "qr": picture(made.digits, "就医卡"),
                "groups": groups,
                "cap": _cap(visitor, who.region),
            }
            return render(request, "citizen/card_print.html", told)
    elif request.method == "POST":
        if pressed != "revoke":
            raise Http404
        outcome = act(request, lambda tx: _revoked(tx, visitor, key))
        if outcome.done:
            return HttpResponseRedirect(f"{request.path}?who={who.key}&done=revoke", status=SEE_OTHER)
        form.trouble = outcome
    with reading(visitor.actor) as tx:
        people, found = family(tx, visitor), card.living(tx, who.ref)
    told = {
        "people": people, "who": who, "found": found, "form": form, "cap": _cap(visitor, who.region),
        "done": request.GET.get("done", ""),
    }  # fmt: skip
    return render(request, "citizen/card.html", told, status=422 if form.trouble else 200)


def _cap(visitor: Visitor, region: str) -> int | None:
    """What the person's region lets a card spend a day."""
    if not region:
        return None
    with reading(visitor.actor) as tx:
        cap: int = library().in_force(region, business_date(tx.at))["card_daily_cap"]
    return cap


def _revoked(tx: Tx, visitor: Visitor, key: str) -> dict[str, Any]:
    card.revoke(tx, one(tx, visitor, key).ref, visitor.ref)
    return {}
