"""Bringing a database up: the schema, the roles and what each may do, and the check that keys and data belong together."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib import resources

import psycopg
import psycopg.sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from mulaid.crypto import Keys, digest
from mulaid.settings import Settings

Progress = Callable[[str], None]


class SchemaTrouble(Exception):
    """The database cannot be used as it is; the message says what to do. For the operator, in English."""


def keys_for(settings: Settings, url: str) -> Keys:
    """The keys of this installation: made on the first start, later the ones the data were sealed with, or nothing starts."""
    path = settings.keys_path
    path.parent.mkdir(parents=True, exist_ok=True)
    with psycopg.connect(url, autocommit=True) as connection:
        known = connection.execute("select to_regclass('mulaid.deployment') is not null").fetchone() == (True,)
        row = connection.execute("select value from mulaid.deployment where name = 'keys'").fetchone() if known else None
        if not path.exists():
            if row:
                raise SchemaTrouble(f"{path} is missing, and this database was sealed with it; put the key file back")
            Keys.create(path)
        keys = Keys.load(path)
        if row and row[0] != keys.fingerprint():
            raise SchemaTrouble(f"{path} is not the key file this database was sealed with; put the right one back")
    return keys


def migrate(settings: Settings, url: str, progress: Progress) -> Keys:
    """Apply what is missing, give the roles their rights, and remember which keys belong to the data. Runs as the owner."""
    ensure_database(url)
    keys = keys_for(settings, url)
    os.environ.update(
        MULAID_DATABASE_URL=url,
        MULAID_DATA=str(settings.data),
        MULAID_PROFILE=settings.profile,
        DJANGO_SETTINGS_MODULE="mulaid.web.settings",
    )
    import django
    from django.core.management import call_command
    from django.db import connection as ours
    from django.db.migrations.executor import MigrationExecutor

    django.setup()
    executor = MigrationExecutor(ours)
    _same_as_applied(url, {name for app, name in executor.loader.applied_migrations if app == "mulaid"})
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        progress(f"applying {len(waiting)} migrations")
    call_command("migrate", verbosity=0, interactive=False)
    ours.close()
    grants = resources.files("mulaid.migrations").joinpath("grants.sql").read_text("utf-8")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(grants)
        connection.execute(
            "insert into mulaid.deployment (name, value) values ('keys', %s) on conflict do nothing", (keys.fingerprint(),)
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into mulaid.deployment (name, value) values (%s, %s) on conflict do nothing", list(_texts().items())
            )
    return keys


def _texts() -> dict[str, str]:
    """What the database remembers of each migration, by `migration NAME`: the digest of its text."""
    folder = resources.files("mulaid.migrations")
    files = [one for one in folder.iterdir() if re.fullmatch("[0-9]{4}_[a-z]+[.]sql", one.name, re.ASCII)]
    texts = {one.name.removesuffix(".sql"): one.read_bytes() for one in files}
    return {f"migration {name}": digest(text).hex() for name, text in texts.items()}


def _same_as_applied(url: str, applied: set[str]) -> None:
    """Refuses a database to which other texts were applied under the names of ours: its tables are not those we know."""
    if not applied:
        return
    with psycopg.connect(url) as connection:
        rows = connection.execute("select name, value from mulaid.deployment where name like 'migration %'").fetchall()
    known: dict[str, str] = dict(rows)
    ours = _texts()
    if other := sorted(name for name in applied if known.get(f"migration {name}") != ours.get(f"migration {name}", "")):
        raise SchemaTrouble(
            f"this database was made by another version of the program (unlike ours: {', '.join(other)});"
            " start that version, or set MULAID_DATA to a new folder (with the embedded database) to begin anew"
        )


def ensure_database(url: str) -> None:
    """Make the database of a URL where the server is there and the database is not."""
    name = str(conninfo_to_dict(url).get("dbname") or "mulaid")
    try:
        psycopg.connect(url).close()
        return
    except psycopg.OperationalError as error:
        if f'database "{name}" does not exist' not in str(error):
            raise SchemaTrouble(f"no connection to the database: {error}") from None
    with psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(name)))
