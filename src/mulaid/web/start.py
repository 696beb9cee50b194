"""The start page: what this is and what to try."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse


def page(request: HttpRequest) -> HttpResponse:
    """The start page."""
    return HttpResponse("mulaid")


def health(request: HttpRequest) -> HttpResponse:
    """Whether this process answers."""
    return JsonResponse({"ready": True})
