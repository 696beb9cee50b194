"""Jobs: what happens by itself. procrastinate runs them on the same database, so nothing is told that did not happen."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import procrastinate

from mulaid import commands
from mulaid.agency import casework, evidence, staff, watch
from mulaid.calendar import Clock, business_date, month_of, months_later, wall_clock
from mulaid.crypto import Keys
from mulaid.db import Actor, Database, Tx
from mulaid.gateway.auth import BUCKET_SECONDS
from mulaid.ledger import seal, statement
from mulaid.money import yuan
from mulaid.outside.messages import Messages, NotSent, SandboxMessages, Sms, messages_for
from mulaid.outside.storage import Storage, storage_for
from mulaid.people import allowance, binding, endings, family, phone, wallet
from mulaid.policy.pack import Library, library
from mulaid.refusal import Refusal
from mulaid.settings import Settings
from mulaid.settlement import crediting, files, whose
from mulaid.settlement.crediting import Came
from mulaid.settlement.visit import SQL

log = logging.getLogger("mulaid.jobs")
BY = Actor("worker", "jobs")
SMS_BATCH = 20
STORE_BATCH = 1000
WALK_BATCH = 50
BATCH_TRIES = 5


def build(settings: Settings, keys: Keys) -> procrastinate.App:
    """The worker's jobs over a database. SettingTrouble for parties it cannot use, BadKeyFile for another database's keys."""
    messages, sms = messages_for(settings.profile, settings.outside, wall_clock)
    db = Database(settings.database, keys, size=2)
    db.require_own_keys()
    connector = procrastinate.PsycopgConnector(conninfo=settings.database)
    app = procrastinate.App(connector=connector)

    @app.periodic(cron="* * * * * */5")
    @app.task(name="news", queueing_lock="news", pass_context=False)
    def send_news(timestamp: int) -> None:
        tell_everybody(db, messages)
        deliver(db, sms)
        carry_out(db)

    @app.periodic(cron="* * * * *")
    @app.task(name="adopt", queueing_lock="adopt", pass_context=False)
    def adopt_waiting(timestamp: int) -> None:
        adopt(db)

    @app.periodic(cron="* * * * *")
    @app.task(name="seal", queueing_lock="seal", pass_context=False)
    def seal_books(timestamp: int) -> None:
        seal_everything(db)

    @app.periodic(cron="30 * * * *")
    @app.task(name="anchor", queueing_lock="anchor", pass_context=False)
    def anchor_seals(timestamp: int) -> None:
        anchor(db, settings.anchors_path)

    @app.periodic(cron="20 18 * * *")
    @app.task(name="desk", queueing_lock="desk", pass_context=False)
    def keep_the_desk(timestamp: int) -> None:
        storage = storage_for(settings.data, settings.outside, wall_clock)
        tidy_desk(db, storage)
        sweep_store(db, storage)

    @app.periodic(cron="*/10 * * * *")
    @app.task(name="sweep", queueing_lock="sweep", pass_context=False)
    def sweep_nonces(timestamp: int) -> None:
        sweep(db)

    @app.periodic(cron="*/10 * * * *")
    @app.task(name="watch", queueing_lock="watch", pass_context=False)
    def watch_settlements(timestamp: int) -> None:
        look_for_misuse(db)

    @app.periodic(cron="*/10 * * * *")
    @app.task(name="wallets", queueing_lock="wallets", pass_context=False)
    def return_transfers(timestamp: int) -> None:
        return_overdue(db)

    @app.periodic(cron="20 * * * *")
    @app.task(name="families", queueing_lock="families", pass_context=False)
    def look_at_families(timestamp: int) -> None:
        tend_families(db)

    @app.periodic(cron="10 17 * * *")
    @app.task(name="relations", queueing_lock="relations", pass_context=False)
    def walk_relations(timestamp: int) -> None:
        look_at_relations(db, library())
        clear_last_month(db)

    @app.periodic(cron="40 17 * * *")
    @app.task(name="credit", queueing_lock="credit", pass_context=False)
    def credit_accounts(timestamp: int) -> None:
        credit_everybody(db, library(), month_of(business_date(wall_clock())), log.info)

    return app


def credit_everybody(
    db: Database,
    packs: Library,
    month: date,
    tell: Callable[[str], None],
    *,
    again: bool = False,
    most: int = crediting.BATCH,
    clock: Clock = wall_clock,
) -> Came:
    """Turn the medical years that begin with a month and credit the month to everybody; what there is of it now.

    Stopped anywhere, it goes on where it was; run twice at once, it credits once; run for a month that is done, it does nothing,
    unless `again` asks to look for who has been left out.
    """
    with db.reading(clock(), BY) as tx:
        books = crediting.books(tx)
    people = fen = 0
    left_out: Counter[str] = Counter()
    for place, book in enumerate(books, 1):
        if again:
            _batch(db, partial(crediting.again, book=book, month=month), clock)
        for batch in (crediting.turn_batch, crediting.credit_batch):
            came = Came(book, 0, 0, {}, False)
            while not came.done:
                came = _batch(db, partial(batch, library=packs, book=book, since=month, most=most), clock)
        people, fen = people + came.people, fen + came.fen
        left_out.update(came.left_out)
        tell(f"{month:%Y-%m}: book {place} of {len(books)}, {people} people, {yuan(fen)} yuan")
    return Came(0, people, fen, dict(left_out), done=True)


def seal_everything(db: Database, *, clock: Clock = wall_clock) -> int:
    """Seal what has been committed since the last time, book by book; the number of batches."""
    with db.reading(clock(), BY) as tx:
        books = seal.books(tx)
    done = 0
    for book in books:
        while came := int(_batch(db, partial(seal.seal, book=book), clock)):
            done += 1
            if came < seal.LARGEST:
                break
    return done


def anchor(db: Database, file: Path, *, clock: Clock = wall_clock) -> int:
    """Write the newest blocks that are not in the file yet at its end; how many. The file is to be kept on other machines too."""
    with file.open("a+", encoding="utf-8") as kept:
        kept.seek(0)
        known = set(seal.read_back(kept))
        with db.reading(clock(), BY) as tx:
            fresh = [head for head in seal.heads(tx) if head not in known]
        if fresh:
            kept.write(seal.write_down(fresh, clock()) + "\n")
            kept.flush()
            os.fsync(kept.fileno())
    return len(fresh)


def look_for_misuse(db: Database, *, clock: Clock = wall_clock) -> int:
    """Note what was settled, book by book, then let every rule judge what it shows; the signals that came of it."""
    until = clock() - watch.SETTLED
    with db.reading(clock(), BY) as tx:
        unnoted = watch.books_to_note(tx)
    for book in unnoted:
        while _batch(db, partial(watch.note, book=book, until=until), clock) == watch.BATCH:
            pass  # a busy book takes several transactions
    # Only now: a rule may look at a stretch of time once every book has told what it knows of it.
    with db.reading(clock(), BY) as tx:
        books = watch.books_to_judge(tx)
    made = 0
    for book in books:
        done = False
        while not done:
            came, done = _batch(db, partial(watch.judge, book=book, until=until), clock)
            made += came
    return made


def tend_families(db: Database, *, clock: Clock = wall_clock) -> int:
    """Close requests to bind whose time is over, and tell families whose consent is due soon; how many of both."""
    today = business_date(clock())
    with db.reading(clock(), BY) as tx:
        works = [partial(binding.lapse, book=book) for book in binding.books_lapsing(tx)]
        works += [partial(family.remind, book=book, on=today) for book in family.books_to_remind(tx, today)]
    done = 0
    for work in works:
        while came := int(_batch(db, work, clock)):
            done += came
    return done


def look_at_relations(db: Database, packs: Library, *, clock: Clock = wall_clock) -> int:
    """End what has run out and what the facts about people end, and put to sleep what is not used; the people looked at.

    A few people a transaction, so that it can be stopped anywhere and no payment waits long for it; run again, it finds nothing
    left to end.
    """
    seen = 0
    with db.reading(clock(), BY) as tx:
        books = statement.books(tx)
    for book in books:
        while _batch(db, partial(endings.walk_book, book=book), clock) >= endings.BATCH:
            pass  # a book with many ends takes several transactions
        with db.reading(clock(), BY) as tx:
            people = endings.parties(tx, book)
        for first in range(0, len(people), WALK_BATCH):
            some = people[first : first + WALK_BATCH]
            _batch(db, partial(endings.walk_people, library=packs, people=some), clock)
        seen += len(people)
    return seen


def return_overdue(db: Database, *, clock: Clock = wall_clock) -> int:
    """Send back what nobody accepted in time; how many transfers."""
    with db.reading(clock(), BY) as tx:
        books = wallet.overdue_books(tx)
    return sum(int(_batch(db, partial(wallet.return_overdue, book=book), clock)) for book in books)


def clear_last_month(db: Database, *, clock: Clock = wall_clock) -> int:
    """Put the draws on quotas up to the end of last month into its report; the number of books that had any."""
    month = months_later(month_of(business_date(clock())), -1)
    with db.reading(clock(), BY) as tx:
        books = wallet.to_clear(tx, month)
    for book in books:
        _batch(db, partial(wallet.clear, book=book, month=month), clock)
    return len(books)


def _batch(db: Database, work: Callable[[Tx], Any], clock: Clock) -> Any:
    """One batch; after what passes by itself (a deadlock, a restart of the server) again, because a batch is all or nothing."""
    for left in range(BATCH_TRIES, 0, -1):
        try:
            return commands.alone(db, work, at=clock(), by=BY)
        except commands.PASSING:
            if left == 1:
                raise
    raise AssertionError("the last try returns or raises")


def tell_everybody(db: Database, messages: Messages | None = None) -> int:
    """Send all waiting news, book by book; the number sent."""
    sent = 0
    with db.reading(wall_clock(), BY) as tx:
        books = [row["book"] for row in tx.all(SQL.books_with_news)]
    for book in books:
        work = partial(whose.send_news, book=book, messages=messages or SandboxMessages())
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


def carry_out(db: Database) -> int:
    """Carry out the cases that two people agreed on; the number done. What the domain refuses goes back to the clerk."""
    done = 0
    with db.reading(wall_clock(), BY) as tx:
        waiting = casework.checked(tx)
    for case in waiting:
        try:
            commands.alone(db, partial(casework.effect, case=case), at=wall_clock(), by=BY)
            done += 1
        except Refusal as refusal:
            if refusal.code not in ("desk.stale", "desk.wrong_state"):  # another worker was quicker
                commands.alone(db, partial(casework.effect_refused, case=case, refusal=refusal), at=wall_clock(), by=BY)
    return done


def adopt(db: Database) -> int:
    """Open cases for what waits for the agency, book by book, and end those whose reason is gone; the number opened."""
    with db.reading(wall_clock(), BY) as tx:
        doubtful = casework.reviewing(tx)
        waiting = (*tx.all(staff.SQL.books_with_waiting_aid), *tx.all(staff.SQL.books_with_reviews))
        books = sorted({row["book"] for row in waiting})
    for case in doubtful:
        try:
            commands.alone(db, partial(casework.drop_moot, case=case), at=wall_clock(), by=BY)
        except Refusal as refusal:  # a clerk was quicker
            log.info("case %s stays: %s", case, refusal.code)
    return sum(commands.alone(db, partial(casework.adopt_waiting, book=book), at=wall_clock(), by=BY) for book in books)


def tidy_desk(db: Database, storage: Storage) -> None:
    """Every night: end what waited too long for papers, accounts whose day has come, links, and papers that are old enough."""
    with db.reading(wall_clock(), BY) as tx:
        lapsing = casework.lapsing(tx)
        books = [row["book"] for row in tx.all(staff.SQL.books_with_papers, moment=tx.at - evidence.KEPT)]
    for case in lapsing:
        try:
            commands.alone(db, partial(casework.lapse, case=case), at=wall_clock(), by=BY)
        except Refusal as refusal:  # the papers came after all
            log.info("case %s did not lapse: %s", case, refusal.code)
    commands.alone(db, staff.disable_expired, at=wall_clock(), by=BY)
    commands.alone(db, evidence.sweep_links, at=wall_clock(), by=BY)
    for book in books:
        with db.reading(wall_clock(), BY) as tx:
            due = evidence.due_for_deletion(tx, book)
        for row in due:
            # The key first: should the store not answer, what stays there is noise already.
            commands.alone(db, partial(evidence.delete, paper=row["id"]), at=wall_clock(), by=BY)
            storage.delete(row["name"])


def sweep_store(db: Database, storage: Storage) -> int:
    """Remove files that have been in the store for a day and that no paper speaks of; how many.

    A file is put before its row is written, so a row that is refused leaves one behind. Without a row nobody has its key.
    """
    gone = 0
    old = storage.older(wall_clock() - evidence.SETTLED)
    while names := list(islice(old, STORE_BATCH)):
        with db.reading(wall_clock(), BY) as tx:
            loose = evidence.without_row(tx, names)
        for name in loose:
            storage.delete(name)
        gone += len(loose)
    return gone


def sweep(db: Database) -> None:
    """Drop what has had its time: files of the interface, and nonces of windows that can no longer be replayed.

    Every connection's window is far shorter than a day.
    """
    oldest = int((wall_clock() - timedelta(days=1)).timestamp()) // BUCKET_SECONDS
    commands.alone(db, lambda tx: tx.run("delete from nonce where bucket < %(oldest)s", oldest=oldest), at=wall_clock(), by=BY)
    commands.alone(db, phone.sweep, at=wall_clock(), by=BY)
    commands.alone(db, allowance.sweep, at=wall_clock(), by=BY)
    with db.reading(wall_clock(), BY) as tx:
        books = files.books_to_sweep(tx)
    for book in books:
        commands.alone(db, partial(files.sweep, book=book), at=wall_clock(), by=BY)
