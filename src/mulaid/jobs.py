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
from mulaid.outside.messages import Messages, SandboxMessages, messages_for
from mulaid.outside.sms import NotSent, Sms
from mulaid.people import phone
from mulaid.settings import Settings
from mulaid.settlement import news
from mulaid.settlement.visit import SQL

log = logging.getLogger("mulaid.jobs")
BY = Actor("worker", "jobs")
SMS_BATCH = 20


def build(settings: Settings, keys: Keys) -> procrastinate.App:
    """The worker's jobs over a database. SettingTrouble for outside parties it cannot use, such as a sandbox in production."""
    assert settings.database_url, "the supervisor says where the database is"
    messages, sms = messages_for(settings.profile, settings.outside, wall_clock)
    db = Database(settings.database_url, keys, size=2)
    connector = procrastinate.PsycopgConnector(conninfo=settings.database_url)
    app = procrastinate.App(connector=connector)

    @app.periodic(cron="* * * * * */5")
    @app.task(name="news", queueing_lock="news", pass_context=False)
    def send_news(timestamp: int) -> None:
        tell_everybody(db, messages)
        deliver(db, sms)

    @app.periodic(cron="*/10 * * * *")
    @app.task(name="sweep", queueing_lock="sweep", pass_context=False)
    def sweep_nonces(timestamp: int) -> None:
        sweep(db)

    return app


def tell_everybody(db: Database, messages: Messages | None = None) -> int:
    """Send all waiting news, book by book; the number sent."""
    sent = 0
    with db.reading(wall_clock(), BY) as tx:
        books = [row["book"] for row in tx.all(SQL.books_with_news)]
    for book in books:
        work = partial(news.send_waiting, book=book, messages=messages or SandboxMessages())
        sent += commands.alone(db, work, at=wall_clock(), by=BY)
    return sent


def deliver(db: Database, sms: Sms) -> int:
    """Send the short messages that are due; the number that left. The provider is talked to between two transactions."""
    left = 0
    with db.reading(wall_clock(), BY) as tx:
        books = [row["book"] for row in tx.all(phone.SQL.books_with_sms, at=tx.at)]
    for book in books:
        taken = commands.alone(db, partial(phone.take_waiting, book=book, most=SMS_BATCH), at=wall_clock(), by=BY)
        for message in taken:
            try:
                receipt = sms.send(message.number, message.template, message.values, str(message.id))
            except NotSent as trouble:
                log.warning("%s did not send a message: %s", sms.name, trouble)
                done = partial(phone.not_sent, message=message, trouble=str(trouble), again=trouble.again)
            else:
                left, done = left + 1, partial(phone.sent, message=message, receipt=receipt)
            commands.alone(db, done, at=wall_clock(), by=BY)
    return left


def sweep(db: Database) -> None:
    """Drop nonces of windows that can no longer be replayed: every connection's window is far shorter than a day."""
    oldest = int((wall_clock() - timedelta(days=1)).timestamp()) // BUCKET_SECONDS
    commands.alone(db, lambda tx: tx.run("delete from nonce where bucket < %(oldest)s", oldest=oldest), at=wall_clock(), by=BY)
    commands.alone(db, phone.sweep, at=wall_clock(), by=BY)
