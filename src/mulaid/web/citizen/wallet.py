"""Quotas for relatives in other provinces: what I set aside and for whom, what others set aside for me."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid import refs
from mulaid.db import Tx
from mulaid.people import wallet
from mulaid.people.eligibility import shown
from mulaid.people.wallet import Quota
from mulaid.policy.explain import INVERSE, RELATIONS
from mulaid.policy.pack import library
from mulaid.web import forms
from mulaid.web.citizen.relatives import kin, oneself, relatives
from mulaid.web.reading import act, reading, see_other
from mulaid.web.visitor import Visitor

PLACES = {
    "wallet_below_floor": "amount", "wallet_not_needed": "amount", "money_bad_amount": "amount", "aid_quota_below_used": "amount",
}  # fmt: skip
"""Refusals that are about the amount or whom it is for, told beside it."""


class Amount(forms.Form):
    """How much is set aside for one relative; every relative's form has ids of its own."""

    def __init__(self, key: str, label: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id=f"id_{key}_%s", **kwargs)
        self.fields["amount"] = forms.Yuan(label=label, error_messages={"required": "请填写金额，例如 500.00"})


def page(request: HttpRequest) -> HttpResponse:
    """The visitor's quotas, given and received; a post sets one aside, changes or ends one."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        me, free = oneself(tx, visitor), wallet.free(tx, visitor.ref)
        given = [_side(tx, quota, True) for quota in wallet.given(tx, visitor.ref)]
        received = [_side(tx, quota, False) for quota in wallet.received(tx, visitor.ref)]
        taken = {side["quota"].receiver for side in given}
        others = [person for person in relatives(tx, visitor) if person.ref not in taken and person.region != me.region]
    pressed = request.POST.get("do", "")
    about = request.POST.get("quota" if pressed == "change" else "who", "") if pressed in ("freeze", "change") else ""
    for side in given:
        side["form"] = Amount(side["key"], "额度一共多少", request.POST if about == side["key"] else None)
    offers = [
        (one, Amount(one.key, f"留给{one.called} {one.shown}", request.POST if about == one.key else None)) for one in others
    ]
    asked = {side["key"]: side["form"] for side in given} | {one.key: form for one, form in offers}
    form = asked.get(about, forms.Form())
    if request.method == "POST":
        sides = {side["key"]: side["quota"] for side in [*given, *received]}
        quota = sides.get(request.POST.get("quota", ""))
        person = next((one for one in others if one.key == request.POST.get("who")), None)
        acts: dict[str, Callable[[Tx], object]] = {}
        if person is not None:
            ref, relation = person.ref, person.relation
            acts["freeze"] = lambda tx: wallet.freeze(tx, library(), visitor.ref, ref, relation, form.cleaned_data["amount"])
        if quota is not None:
            version, held = _seen(request), quota.id
            acts["change"] = lambda tx: wallet.change(tx, library(), held, visitor.ref, version, form.cleaned_data["amount"])
            acts["stop"] = lambda tx: wallet.stop(tx, held, visitor.ref)
        if pressed not in acts:
            raise Http404
        if not about or form.checked():
            outcome = act(request, acts[pressed])
            if outcome.done:
                return see_other(f"{request.path}?done={pressed}")
            form.refuse(outcome, **PLACES if about else {})
    told = {
        "me": me, "free": free, "given": given, "received": received, "offers": offers, "form": form,
        "done": request.GET.get("done", ""),
    }  # fmt: skip
    return render(request, "citizen/wallet.html", told, status=422 if form.errors or form.trouble else 200)


def _side(tx: Tx, quota: Quota, mine: bool) -> dict[str, Any]:
    words = RELATIONS[quota.relation] if mine else INVERSE[quota.relation]
    other = quota.receiver if mine else quota.giver
    return {
        "quota": quota, "key": refs.show(refs.RELATION, quota.id), "kin": kin(tx, words, other), "name": shown(tx, other),
    }  # fmt: skip


def _seen(request: HttpRequest) -> int:
    """The version the visitor saw; one that cannot be is one that has passed."""
    text = request.POST.get("version", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
