"""The start page and the page of one settlement. Both belong to the demonstration: elsewhere nothing is told to the unsigned."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render

from mulaid.refusal import Refusal
from mulaid.web import story, whose
from mulaid.web.reading import reading

LISTED = 5
NOT_FOUND = 404


def page(request: HttpRequest) -> HttpResponse:
    """What this is, what to try, and the newest settlement told as whose money paid; outside a demonstration, the way in."""
    if settings.MULAID.profile != "demo":
        return HttpResponseRedirect("/home")
    with reading() as tx:
        recent = whose.newest(tx, LISTED)
        # A refund tells who got money back; the question of this page is who paid, so the settlement before it is told.
        paid = next((brief for brief in recent if brief.state != whose.REFUND), recent[0] if recent else None)
        told = whose.tell(tx, paid.number) if paid else None
        steps = story.steps(tx)
    return render(
        request, "start.html", {"told": told, "recent": recent, "steps": steps, "gateway_port": settings.MULAID.gateway_port}
    )


def settlement(request: HttpRequest, number: str) -> HttpResponse:
    """One settlement or refund, rule by rule. Refuses a number nobody has."""
    try:
        with reading() as tx:
            told = whose.tell(tx, number)
    except Refusal as refusal:
        if refusal.status != NOT_FOUND:
            raise
        raise Http404(refusal.code) from None
    return render(request, "whose.html", {"told": told})


def health(request: HttpRequest) -> HttpResponse:
    """Whether this process answers."""
    return JsonResponse({"ready": True})
