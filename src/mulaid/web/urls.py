"""The routes of the people's door."""

from __future__ import annotations

from django.urls import path

from mulaid.web import start

urlpatterns = [
    path("", start.page, name="start"),
    path("health", start.health, name="health"),
]
