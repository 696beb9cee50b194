"""Jobs: what happens by itself. procrastinate runs them on the same database, so nothing is told that did not happen."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial

import procrastinate

from mulaid import commands
from mulaid.calendar import wall_clock
from mulaid.crypto import Keys
from mulaid.db import Actor, Database
from mulaid.gateway.auth import BUCKET_SECONDS
from mulaid.outside.messages import SandboxMessages
from mulaid.settings import Settings, SettingTrouble
from mulaid.settlement import news
from mulaid.settlement.visit import SQL

log = logging.getLogger("mulaid.jobs")
BY = Actor("worker", "jobs")


def build(settings: Settings, keys: Keys) -> procrastinate.App:
    """The worker's jobs over a database. A production profile has no sandbox to send through and needs a real provider."""
    assert settings.database_url, "the supervisor says where the database is"
    if settings.profile == "production":
        raise SettingTrouble(
            "MULAID_PROFILE is production, which refuses the messages sandbox, and there is no other provider yet"
        )
    db = Database(settings.database_url, keys, size=2)
    connector = procrastinate.PsycopgConnector(conninfo=settings.database_url)
    app = procrastinate.App(connector=connector)

    @app.periodic(cron="* * * * * */5")
    @app.task(name="news", queueing_lock="news", pass_context=False)
    def send_news(timestamp: int) -> None:
        tell_everybody(db)

    @app.periodic(cron="*/10 * * * *")
    @app.task(name="sweep", queueing_lock="sweep", pass_context=False)
    def sweep_nonces(timestamp: int) -> None:
        sweep(db)

    return app


def tell_everybody(db: Database) -> int:
    """Send all waiting news, book by book; the number sent."""
    sent = 0
    with db.reading(wall_clock(), BY) as tx:
        books = [row["book"] for row in tx.all(SQL.books_with_news)]
    for book in books:
        sent += commands.alone(db, partial(news.send_waiting, book=book, messages=SandboxMessages()), at=wall_clock(), by=BY)
    return sent


def sweep(db: Database) -> None:
    """Drop nonces of windows that can no longer be replayed: every connection's window is far shorter than a day."""
    oldest = int((wall_clock() - timedelta(days=1)).timestamp()) // BUCKET_SECONDS
    commands.alone(db, lambda tx: tx.run("delete from nonce where bucket < %(oldest)s", oldest=oldest), at=wall_clock(), by=BY)
