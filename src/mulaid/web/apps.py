"""The Django application that carries the schema, so that `migrate` is the one runner of all migrations."""

from __future__ import annotations

from django.apps import AppConfig


class Mulaid(AppConfig):  # type: ignore[misc]  # Django has no types
    """The domain schema: numbered SQL under mulaid/migrations."""

    name = "mulaid"
    label = "mulaid"
