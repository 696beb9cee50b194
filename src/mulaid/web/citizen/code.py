"""Showing who is meant: a code for oneself or a relative, a minute long, once, and beside it who pays first and who next; or for
somebody without a phone a printed card, shown for printing once and never again, and made worthless when it is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import segno
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe

from mulaid import refs
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.money import Fen
from mulaid.people import credential
from mulaid.people import family as bonds
from mulaid.people.credential import Code
from mulaid.people.enrolment import PersonRef
from mulaid.policy.explain import INVERSE
from mulaid.policy.facts import Giver, Wallet
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.settlement.visit import Institution
from mulaid.settlement.whose import whose_money
from mulaid.web import forms
from mulaid.web.citizen.relatives import ME, Relative, family, kin, one
from mulaid.web.reading import Outcome, act, alone, now, reading, see_other
from mulaid.web.visitor import Visitor

USUAL = "settle"
INACTIVE, FROZEN = "credential.not_active", "credential.frozen"
AMPLE = 1_000_000_00
"""A bill nobody has: with it the law says everybody it would ask, and how much each could give."""


@dataclass(frozen=True, slots=True)
class Source:
    """One who would be asked to pay: badge, whose money, and at most how much this time."""

    badge: str
    look: str
    name: str
    fen: Fen | None


def page(request: HttpRequest, who: str) -> HttpResponse:
    """A fresh code; the one before it ends."""
    return render(request, "citizen/code.html", _told(request, who))


def fresh(request: HttpRequest, who: str) -> HttpResponse:
    """The code's part of the page alone."""
    return render(request, "citizen/_code.html", _told(request, who))


def _told(request: HttpRequest, who: str) -> dict[str, Any]:
    visitor: Visitor = request.visitor
    sandbox = settings.MULAID.profile != "production"

    purpose = request.GET.get("for", USUAL)
    if purpose not in bonds.PURPOSES:
        purpose = USUAL

    def show(tx: Tx) -> tuple[list[Relative], Relative, Code | None, list[Source], Refusal | None]:
        person = one(tx, visitor, who)
        try:
            made = credential.issue(tx, library(), person.ref, visitor.ref, sandbox=sandbox)
            return family(tx, visitor), person, made, sources(tx, visitor, person), None
        except Refusal as refusal:
            return family(tx, visitor), person, None, [], refusal

    people, person, made, order, refusal = alone(show, by=visitor.actor)
    told: dict[str, Any] = {"people": people, "who": person, "order": order, "refusal": refusal}
    told |= {"purpose": purpose, "purposes": bonds.PURPOSES, "stopped": person.status != "normal"}
    told["inactive"] = refusal is not None and refusal.code == INACTIVE
    told["frozen"] = refusal is not None and refusal.code == FROZEN and person.is_me
    if made:
        digits = made.digits
        told |= {
            "qr": picture(digits),
            "digits": digits,
            "groups": [digits[start : start + 4] for start in range(0, len(digits), 4)],
            "until": made.expires_at,
            "seconds": max(5, int((made.expires_at - now()).total_seconds()) - 5),
        }
    return told


def picture(text: str, label: str = "医保码，请把手机给收费员扫") -> SafeString:
    """A QR code as SVG that needs no style of its own; `label` is ours, never typed by anybody."""
    svg = segno.make(text, error="m", micro=False).svg_inline(
        scale=4, border=0, omitsize=True, lineclass="qrp", svgclass="qr", dark="#000"
    )
    return mark_safe(svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))  # noqa: S308


def sources(tx: Tx, visitor: Visitor, person: Relative) -> list[Source]:
    """Who would be asked to pay, in order, for this person at a pharmacy of the person's region today."""
    with_us = Institution("", "", 2, person.region, "pharmacy", person.ref.book)
    told = whose_money(tx, library(), person.ref, with_us, AMPLE, on=business_date(tx.at))
    found, mine = [], person.whose
    if told.decision.current_year:
        found.append(Source("本", "own", f"{mine}当年账户", told.decision.current_year))
    if told.facts.patient.employee:
        found.append(Source("本", "own", f"{mine}个人账户", told.decision.account))
    if told.decision.household:
        found.append(Source("家", "fam", "家庭账户", told.decision.household))
    asked: list[tuple[Giver | Wallet, Fen, str]] = [(giver, fen, "的账户") for giver, fen in told.decision.aid]
    asked += [(wallet, fen, "给的跨省额度") for wallet, fen in told.decision.wallets]
    for who, fen, what in asked:
        name = "我" if who.person == str(visitor.ref.id) else _kin(tx, who)
        found.append(Source("家", "fam", f"{name}{what}", fen))
    return [*found, Source("现", "cash", "现金", None)]


def _kin(tx: Tx, giver: Giver | Wallet) -> str:
    ref = UUID(giver.person)
    return f"{kin(tx, INVERSE[giver.relation], PersonRef(refs.book_of(ref), ref))}（{giver.shown}）"


def printed(request: HttpRequest) -> HttpResponse:
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
                lambda tx: credential.issue_card(tx, who.ref, visitor.ref, sandbox=settings.MULAID.profile != "production"),
                by=visitor.actor,
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
        outcome = act(request, lambda tx: credential.revoke_card(tx, one(tx, visitor, key).ref, visitor.ref))
        if outcome.done:
            return see_other(f"{request.path}?who={who.key}&done=revoke")
        form.trouble = outcome
    with reading(visitor.actor) as tx:
        people, found = family(tx, visitor), credential.living_card(tx, who.ref)
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
