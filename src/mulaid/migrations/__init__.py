"""The schema: numbered SQL files, run by Django's `migrate` so that there is one runner.

`0001_x.sql` is the migration `0001_x`; the modules beside them only say so and what comes before.
"""

from __future__ import annotations

from importlib import resources

from django.apps import AppConfig
from django.db import migrations


class Schema(AppConfig):  # type: ignore[misc]  # Django has no types
    """The Django application that carries the schema."""

    name = "mulaid"
    label = "mulaid"


def sql(name: str, *after: str) -> type[migrations.Migration]:
    """The migration that runs `name`.sql after the named ones."""
    text = resources.files(__package__).joinpath(f"{name}.sql").read_text("utf-8")
    body = {"dependencies": [("mulaid", other) for other in after], "operations": [migrations.RunSQL(text)]}
    return type("Migration", (migrations.Migration,), body)
