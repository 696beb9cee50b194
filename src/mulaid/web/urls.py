"""The routes of the people's door."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.http import require_safe

from mulaid.web import frame, start

urlpatterns = [
    path("", require_safe(start.page), name="start"),
    path("whose/<str:number>", require_safe(start.settlement), name="whose"),
    path("display/<str:size>", require_safe(frame.display), name="display"),
    path("health", require_safe(start.health), name="health"),
]
