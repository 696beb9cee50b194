"""The schema keeps the rules of a later cluster, applies twice, gives each role what it needs; every statement plans."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import psycopg.sql
import pytest
from psycopg import errors

import mulaid
from conftest import Cluster
from mulaid.db import Statements, process_url
from mulaid.ledger.journal import SQL as LEDGER

SOURCE = Path(mulaid.__file__).parent
FILES = sorted((SOURCE / "migrations").glob("[0-9]*.sql"))

FORBIDDEN = {
    r"\btrigger\b": "correctness never rests on a trigger",
    r"\brule\b": "nor on a rule",
    r"\bexclude\b": "a cluster has no exclusion constraints",
    r"\b(small|big)serial\b|\w\s+serial\b|\bsequence\b|\bidentity\b": "ids are made by the program",
    r"\binherits\b": "nor inheritance",
    r"\bextension\b": "nothing from contrib",
    r"\b(float[48]?|real|double\s+precision|numeric|decimal|money)\b": "amounts are bigint fen",
    r"\bnow\s*\(|\bcurrent_(timestamp|date|time)\b|\blocaltime": "time is an argument",
    r"\b(clock|statement|transaction)_timestamp\b": "time is an argument, by every name",
    r"\b(random|gen_random_uuid|uuidv7)\s*\(": "chance comes from the program",
    r"advisory": "locks are rows",
    r"\b(listen|notify)\b|pg_notify": "the outbox is a table",
    r"\bserializable\b": "a cluster has no serializable transactions over several nodes",
    r"\bunlogged\b|\btemp(orary)?\s+table\b": "every row survives a crash",
    r"\bon\s+(delete|update)\s+(cascade|set)": "nothing disappears by itself",
    r"\bsecurity\s+definer\b": "privileges are what append-only rests on",
}

WITHOUT_BOOK = {
    "nonce": "directory: the sender is not known to a book before the signature is checked",
    "deployment": "reference: a handful of rows about the installation",
    "person_by_document": "directory: keyed by the blind index of a document, says which book",
    "openid": "directory: keyed by the blind index of a host app's id, says which book",
    "code": "directory: keyed by the keyed hash of a code, says which book",
    "paper_card_of": "directory: keyed by the keyed hash of a printed card, says which book",
    "visit_token": "directory: keyed by the hash of a token, says which book",
    "institution": "reference: the designated institutions, copied to every node",
    "client": "reference: their connections",
    "catalogue_item": "reference: the national catalogue",
    "catalogue_listing": "reference: lists that are downloaded",
    "pack": "reference: values that decisions were made with, by digest",
    "staff": "reference: who works at an agency, a few thousand rows",
    "staff_key": "reference: how each of them signs in",
    "staff_session": "reference: one session each",
    "paper_seen": "directory: keyed by the blind index of a picture's content, says where it was seen",
    "paper_link": "directory: keyed by the hash of a link that lives for a minute",
    "phone_code": "directory: keyed by the blind index of a number, whose owner need not be known",
    "allowance": "directory: what has been used of a number's, a network's or everybody's daily budget",
}
REFERENCE = {"institution"}
"""Small tables that exist on every node: rows of any book may point at them."""


def _words(path: Path) -> str:
    """The file without comments and texts in quotes."""
    text = re.sub(r"--[^\n]*", "", path.read_text("utf-8"))
    return re.sub(r"'[^']*'", "''", text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_migration_uses_nothing_a_cluster_or_an_auditor_would_miss(path: Path) -> None:
    words = _words(path)
    found = {f"{match[0]!r}: {why}" for what, why in FORBIDDEN.items() for match in re.finditer(what, words, re.IGNORECASE)}
    assert found == set()


def test_the_lint_sees_what_it_is_for(tmp_path: Path) -> None:
    bad = tmp_path / "bad.sql"
    for line in (
        "create trigger t before update on entry", "id bigserial primary key", "fen numeric(12,2)",
        "at timestamptz default now()",
        "fen double precision", "create extension btree_gist", "exclude using gist (a with =)", "x float",
        "create rule r as on insert",
        "create table b () inherits (a)", "at timestamptz default current_timestamp", "perform pg_advisory_lock(1)",
    ):  # fmt: skip
        bad.write_text(line, "utf-8")
        assert any(re.search(what, _words(bad), re.IGNORECASE) for what in FORBIDDEN), line
    bad.write_text("-- no trigger here\nselect 'now()', business_date, known, rules_of, floor from x", "utf-8")
    assert not any(re.search(what, _words(bad), re.IGNORECASE) for what in FORBIDDEN)


def test_migrations_are_numbered_without_gap_and_each_has_its_module() -> None:
    numbers = [int(path.name[:4]) for path in FILES]
    assert numbers == list(range(1, len(FILES) + 1))
    assert {path.stem for path in FILES} == {path.stem for path in (SOURCE / "migrations").glob("[0-9]*.py")}


# The schema as it came out

PATH = "-c search_path=mulaid,public"


@pytest.fixture(scope="module")
def owner(cluster: Cluster) -> Iterator[psycopg.Connection]:
    """A connection of the owner to a copy of the template."""
    url = cluster.fresh()
    with psycopg.connect(url, autocommit=True, prepare_threshold=None, options=PATH) as connection:
        yield connection
    cluster.drop(url)


INDEXES = """
select c.relname, i.relname, k.indisprimary,
  (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum = k.indkey[0])
from pg_index k join pg_class c on c.oid = k.indrelid join pg_class i on i.oid = k.indexrelid
where c.relnamespace = 'mulaid'::regnamespace and c.relkind in ('r', 'p') and (k.indisunique or %s)
"""
FOREIGN = """
select c.relname, k.conname, o.relname,
  (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum = k.conkey[1]),
  (select a.attname from pg_attribute a where a.attrelid = o.oid and a.attnum = k.confkey[1])
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_class o on o.oid = k.confrelid
where k.contype = 'f' and c.relnamespace = 'mulaid'::regnamespace
"""


def test_book_leads_every_key_but_those_of_the_named_tables(owner: psycopg.Connection) -> None:
    tables = {row[0] for row in owner.execute("select tablename from pg_tables where schemaname = 'mulaid'")}
    indexes = owner.execute(INDEXES, (True,)).fetchall()
    assert {table for table, _, primary, _ in indexes if primary} == tables, "every table has a primary key"
    assert set(WITHOUT_BOOK) <= tables, "no table of the list is gone"
    wrong = [
        f"{table}.{index} begins with {first}"
        for table, index, _, first in indexes
        if first != "book" and table not in WITHOUT_BOOK
    ]
    assert wrong == []
    leading = {table for table, _, primary, first in indexes if primary and first == "book"}
    assert leading.isdisjoint(WITHOUT_BOOK), "a table of the list that has a book key does not belong there"


def test_foreign_keys_stay_inside_a_book_or_point_at_reference_tables(owner: psycopg.Connection) -> None:
    found = owner.execute(FOREIGN).fetchall()
    assert found, "there are foreign keys to look at"
    wrong = [name for _, name, other, mine, theirs in found if other not in REFERENCE and (mine, theirs) != ("book", "book")]
    assert wrong == []


def test_the_schema_has_no_column_that_could_hold_a_fraction_and_no_clock(owner: psycopg.Connection) -> None:
    columns = owner.execute(
        "select table_name, column_name, data_type, column_default from information_schema.columns where table_schema = 'mulaid'"
    ).fetchall()
    assert len(columns) > 150
    assert [
        row for row in columns if row[2] in ("real", "double precision", "numeric", "money", "timestamp without time zone")
    ] == []
    assert [row for row in columns if row[3] and re.search(r"now|nextval|random|clock|current", row[3])] == []
    asked = "select count(*) from {} where {} = 'mulaid'::regnamespace"
    triggers = "select count(*) from pg_trigger t join pg_class c on c.oid = t.tgrelid where not t.tgisinternal"
    assert owner.execute(f"{triggers} and c.relnamespace = 'mulaid'::regnamespace").fetchone() == (0,)
    assert owner.execute(asked.format("pg_class", "relkind = 'S' and relnamespace")).fetchone() == (0,)
    definers = owner.execute("select proname from pg_proc where prosecdef and pronamespace = 'mulaid'::regnamespace").fetchall()
    assert definers == []


# Applying


SNAPSHOT = """
select 'column', table_schema || '.' || table_name || '.' || column_name, data_type || coalesce(column_default, '') || is_nullable
  from information_schema.columns where table_schema in ('mulaid', 'public')
union all select 'index', schemaname || '.' || indexname, indexdef from pg_indexes where schemaname in ('mulaid', 'public')
union all select 'check', conrelid::regclass::text || '.' || conname, pg_get_constraintdef(oid) from pg_constraint
union all select 'function', oid::regprocedure::text, prosrc from pg_proc
  where pronamespace in ('mulaid'::regnamespace, 'public'::regnamespace)
union all select 'grant', table_name || '.' || privilege_type, grantee
  from information_schema.role_table_grants where table_schema = 'mulaid'
union all select 'column grant', table_name || '.' || column_name || '.' || privilege_type, grantee
  from information_schema.column_privileges where table_schema = 'mulaid'
union all select 'deployment', name, value from mulaid.deployment
union all select 'applied', app || '.' || name, applied::text from django_migrations
order by 1, 2, 3
"""


def test_migrating_twice_is_migrating_once(cluster: Cluster) -> None:
    url = cluster.server.url("t_twice")
    environment = {**os.environ, "MULAID_DATABASE_URL": url, "MULAID_DATA": str(cluster.folder), "MULAID_PROFILE": "test"}
    try:
        snapshots, told = [], []
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-m", "mulaid", "migrate"],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            )
            told.append(done.stdout)
            with psycopg.connect(url) as connection:
                snapshots.append(connection.execute(SNAPSHOT).fetchall())
        assert "applying" in told[0]
        assert "applying" not in told[1]
        assert len(snapshots[0]) > 300
        assert snapshots[0] == snapshots[1]
    finally:
        cluster.drop(url)


# Every named statement, as the role that runs it

RUNS_AS = {"gateway": "mulaid_gateway", "worker": "mulaid_worker", "web": "mulaid_web"}
FILES_OF = {
    path.relative_to(SOURCE).as_posix(): Statements(".".join(("mulaid", *path.relative_to(SOURCE).parts[:-1])), path.name)
    for path in sorted(SOURCE.rglob("*.sql"))
    if path.parent.name != "migrations"
}
"""Every file of named statements."""

TELLING = {name for name in FILES_OF["settlement/settlement.sql"].by_name if "news" in name}


def words(text: str) -> set[str]:
    """Names, parted by spaces."""
    return set(text.split())


DESK_PAGES = words("""
    staff_key set_staff_key prove_staff_key use_step open_staff_session staff_session touch_staff_session end_staff_session
    staff related open_case case take_case give_back_case ask_papers papers_came decide_case check_case send_back_case
    end_case add_event events queue add_applied applied bond file_papers places add_paper papers_of paper
    add_seen picture_seen add_link use_link
    """)
DESK_WORKER = words("""
    open_case open_case_about case send_back_case end_case add_event checked lapsing bond add_applied file_papers
    picture_seen papers_of waiting_aid reviews reviewing books_with_waiting_aid books_with_reviews disable_expired drop_links
    books_with_papers papers_given_before papers_named case_end open_dispute delete_paper
    """)
RUN_BY: dict[tuple[str, str], set[str]] = {
    ("gateway", "people/people.sql"): {
        "find_by_document",
        "person",
        "enrolment_on",
        "use_code",
        "code",
        "add_token",
        "token",
        "token_of_code",
        "bond_lives",
        "credential",
    },
    ("gateway", "ledger/ledger.sql"): set(FILES_OF["ledger/ledger.sql"].by_name) - {"open_purse"},
    ("gateway", "settlement/settlement.sql"): set(FILES_OF["settlement/settlement.sql"].by_name) - TELLING,
    ("gateway", "people/filings.sql"): set(FILES_OF["people/filings.sql"].by_name) - {"papers_came", "filing"},
    ("gateway", "settlement/records.sql"): set(FILES_OF["settlement/records.sql"].by_name) - {"drop_files"},
    ("worker", "settlement/records.sql"): {"books_with_files", "drop_files"},
    ("gateway", "people/allowance.sql"): {"use_allowance", "allowance_used"},
    ("worker", "people/allowance.sql"): {"use_allowance", "drop_allowances"},
    ("web", "people/allowance.sql"): {"use_allowance"},
    ("worker", "people/people.sql"): {"say"},
    ("worker", "people/phone.sql"): {
        "phone",
        "add_sms",
        "sms",
        "books_with_sms",
        "sms_waiting",
        "sms_taken",
        "sms_again",
        "sms_ended",
        "drop_codes",
    },
    ("web", "agency/agency.sql"): DESK_PAGES,
    ("worker", "agency/agency.sql"): DESK_WORKER,
    ("web", "agency/watch.sql"): words("signals signal_numbers signal look_at seen_settlements shown"),
    ("worker", "agency/watch.sql"): set(FILES_OF["agency/watch.sql"].by_name)
    - words("signals signal_numbers look_at seen_settlements shown"),
    ("web", "people/phone.sql"): {
        "sent_since",
        "put_code",
        "try_code",
        "spend_proof",
        "set_phone",
        "phone",
        "add_sms",
        "sms",
    },
    ("worker", "settlement/settlement.sql"): {*TELLING, "settlement", "institution"},
    ("worker", "settlement/crediting.sql"): set(FILES_OF["settlement/crediting.sql"].by_name) - {"credits"},
    ("web", "settlement/premium.sql"): set(FILES_OF["settlement/premium.sql"].by_name) - {"decisions"},
    ("web", "settlement/costs.sql"): set(FILES_OF["settlement/costs.sql"].by_name),
    ("web", "people/filings.sql"): set(FILES_OF["people/filings.sql"].by_name),
    ("web", "people/standing.sql"): set(FILES_OF["people/standing.sql"].by_name) - {"keep_pack", "died", "end_kinship"},
    ("web", "people/people.sql"): {"revoke_codes", "add_code", "credential", "lock_person"},
    ("web", "people/family.sql"): set(FILES_OF["people/family.sql"].by_name),
    ("web", "people/aid.sql"): set(FILES_OF["people/aid.sql"].by_name) - {"lapsed", "parties", "put_to_sleep"},
    ("worker", "people/aid.sql"): {
        "hold_party",
        "shown",
        "aid",
        "received",
        "given",
        "end_aid",
        "end_given",
        "lapsed",
        "parties",
        "put_to_sleep",
        "kinship",
        "suspended_between",
    },
    ("web", "people/household.sql"): set(FILES_OF["people/household.sql"].by_name) - {"closed_with_money", "seated"},
    ("worker", "people/household.sql"): {
        "household",
        "hold_household",
        "close_household",
        "seat_of",
        "roll",
        "seat",
        "leave",
        "leave_roll",
        "set_part",
        "held_purse",
        "closed_with_money",
        "seated",
    },
    ("web", "people/wallet.sql"): set(FILES_OF["people/wallet.sql"].by_name)
    - {"clear", "books_with_draws", "overdue", "books_overdue"},
    ("worker", "people/wallet.sql"): {
        "thaw",
        "grant",
        "received",
        "given",
        "end_grant",
        "end_given",
        "expired_grants",
        "parties",
        "clear",
        "books_with_draws",
        "clearing",
        "transfer",
        "decide_transfer",
        "overdue",
        "books_overdue",
    },
    ("worker", "ledger/seal.sql"): set(FILES_OF["ledger/seal.sql"].by_name),
    ("worker", "people/family.sql"): {
        "lapsing",
        "lock_request",
        "set_request",
        "end_bond",
        "end_given",
        "books_lapsing",
        "books_to_remind",
        "to_remind",
        "reminded",
    },
    **{("web", file): set(statements.by_name) for file, statements in FILES_OF.items() if file.startswith("web/")},
}
"""Which process runs which statement; what is in no list is run by the owner: loading, and the counter to come."""

NAMED = [(file, name) for file, statements in FILES_OF.items() for name in statements.by_name]


def _numbered(statement: str) -> str:
    """`%(x)s` as `$n`, one number a name."""
    names: dict[str, int] = {}
    text = re.sub(r"%\((\w+)\)s", lambda match: f"${names.setdefault(match[1], len(names) + 1)}", statement)
    return text.replace("%%", "%")


def _plan(connection: psycopg.Connection, statement: str) -> None:
    """Let the server parse, resolve and plan it. Rights are checked when a plan is run up, which EXPLAIN does."""
    try:
        connection.execute("prepare one as " + _numbered(statement), prepare=False)
        many = connection.execute("select cardinality(parameter_types) from pg_prepared_statements where name = 'one'").fetchone()
        given = "(" + ", ".join(["null"] * many[0]) + ")" if many and many[0] else ""
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.execute("explain execute one" + given)
    finally:
        connection.execute("deallocate all")


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda value: value)
def test_every_statement_can_be_planned(owner: psycopg.Connection, file: str, name: str) -> None:
    statement = FILES_OF[file].by_name[name]
    assert statement.strip()
    _plan(owner, statement)


@pytest.fixture(scope="module")
def roles(owner: psycopg.Connection) -> Iterator[dict[str, psycopg.Connection]]:
    """A connection of each process's role."""
    made = {
        process: psycopg.connect(
            process_url(owner.info.dsn, role, embedded=True), autocommit=True, prepare_threshold=None, options=PATH
        )
        for process, role in RUNS_AS.items()
    }
    yield made
    for connection in made.values():
        connection.close()


@pytest.mark.parametrize(
    ("process", "file", "name"),
    [(process, file, name) for (process, file), names in RUN_BY.items() for name in sorted(names)],
)
def test_the_process_that_runs_a_statement_may(roles: dict[str, psycopg.Connection], process: str, file: str, name: str) -> None:
    _plan(roles[process], FILES_OF[file].by_name[name])


def test_a_statement_without_the_right_is_noticed(roles: dict[str, psycopg.Connection]) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        _plan(roles["gateway"], FILES_OF["people/people.sql"].by_name["add_person"])


def test_every_file_has_statements_that_say_what_they_do() -> None:
    assert {"people/people.sql", "ledger/ledger.sql", "settlement/settlement.sql"} <= set(FILES_OF)
    for file, statements in FILES_OF.items():
        assert statements.by_name, file
        text = (SOURCE / file).read_text("utf-8")
        assert len(re.findall(r"^-- (\w+) --\n-- \S", text, re.MULTILINE)) == len(statements.by_name), file


def test_a_name_that_is_not_there_is_our_own_bug() -> None:
    with pytest.raises(AttributeError, match="has no statement 'nonsense'"):
        _ = LEDGER.nonsense


# Append-only is a matter of privileges

PROTECTED = {
    "journal": ("update", "delete", "truncate"),
    "entry": ("update", "delete", "truncate"),
    "audit": ("update", "delete", "truncate"),
    "seal": ("insert", "update", "delete", "truncate"),
    "sealed": ("insert", "update", "delete", "truncate"),
    "settlement": ("delete", "truncate"),
    "command": ("delete", "truncate"),
    "outbox": ("delete", "truncate"),
    "purse": ("insert", "delete", "truncate"),
    "aid": ("insert", "delete", "truncate"),
    "person": ("insert", "update", "delete", "truncate"),
    "enrolment": ("insert", "update", "delete", "truncate"),
    "pack": ("update", "delete", "truncate"),
    "institution": ("insert", "update", "delete", "truncate"),
    "client": ("insert", "update", "delete", "truncate"),
    "catalogue_item": ("insert", "update", "delete", "truncate"),
    "deployment": ("insert", "update", "delete", "truncate"),
    "exchange_record": ("delete", "truncate"),
    "exchange_file": ("update", "delete", "truncate"),
    "mobile_order": ("delete", "truncate"),
    "catalogue_listing": ("insert", "update", "delete", "truncate"),
    "signal": ("insert", "update", "delete", "truncate"),
    "sighting": ("insert", "update", "delete", "truncate"),
}


def _attempt(connection: psycopg.Connection, what: str, table: str) -> None:
    first = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum = 1", (f"mulaid.{table}",)
    ).fetchone()
    assert first
    column = first[0]
    text = {
        "insert": f"insert into {table} ({column}) values (null)",
        "update": f"update {table} set {column} = {column}",
        "delete": f"delete from {table}",
        "truncate": f"truncate {table}",
    }[what]
    connection.execute(psycopg.sql.SQL(text))  # type: ignore[arg-type]


@pytest.mark.parametrize(("table", "what"), [(table, what) for table, acts in PROTECTED.items() for what in acts])
def test_the_gateway_cannot_rewrite_history(roles: dict[str, psycopg.Connection], table: str, what: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        _attempt(roles["gateway"], what, table)


@pytest.mark.parametrize("column", ["total", "cash", "aid", "facts", "steps", "packs", "journals", "settled_at", "person"])
def test_the_gateway_cannot_change_what_was_settled(roles: dict[str, psycopg.Connection], column: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        roles["gateway"].execute(f"update settlement set {column} = {column}")


@pytest.mark.parametrize("column", ["floor", "holder", "kind", "book"])
def test_the_gateway_cannot_lower_a_floor(roles: dict[str, psycopg.Connection], column: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        roles["gateway"].execute(f"update purse set {column} = {column}")


APPENDS = {"purse", "journal", "entry", "returned"}
"""Premiums on the pages and the worker's monthly credit append to the books; neither changes what is written."""
OPENS = {("web", "aid"), ("worker", "settlement"), ("worker", "seal"), ("worker", "sealed"), ("worker", "person")}
"""Authorisations are opened on the pages; the worker seals, and writes what two clerks agreed on: a refund, a guardian's row."""


@pytest.mark.parametrize(
    ("process", "table", "what"),
    [
        (process, table, what)
        for process in ("web", "worker")
        for table in (
            "purse",
            "journal",
            "entry",
            "settlement",
            "returned",
            "insured_year",
            "aid",
            "person",
            "client",
            "seal",
            "sealed",
        )
        for what in ("insert", "update", "delete", "truncate")
        if not (what == "insert" and (table in APPENDS or (process, table) in OPENS))
    ],
)
def test_pages_and_jobs_rewrite_no_history(roles: dict[str, psycopg.Connection], process: str, table: str, what: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        _attempt(roles[process], what, table)


@pytest.mark.parametrize(("table", "column"), [("kinship", "valid_to"), ("purse", "floor"), ("person", "born")])
def test_no_page_ends_a_kinship_or_lowers_a_floor(roles: dict[str, psycopg.Connection], table: str, column: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        roles["web"].execute(f"update {table} set {column} = {column}")


@pytest.mark.parametrize("process", RUNS_AS)
def test_no_process_can_change_the_schema_or_become_another(roles: dict[str, psycopg.Connection], process: str) -> None:
    for statement in (
        "create table mulaid.mine (x int)",
        "alter table purse drop constraint purse_check",
        "alter table purse disable trigger all",
        "drop table nonce",
        "create or replace function mulaid.zero_sum(fens bigint[]) returns boolean language sql as 'select true'",
        "set role postgres",
        "create role mine",
    ):
        with pytest.raises((errors.InsufficientPrivilege, errors.UndefinedObject)):
            roles[process].execute(statement)
    other = RUNS_AS["web" if process != "web" else "gateway"]
    with pytest.raises(errors.InsufficientPrivilege):
        roles[process].execute(psycopg.sql.SQL("set role {}").format(psycopg.sql.Identifier(other)))


OTHERS = {
    "gateway": (
        "staff_key",
        "staff_session",
        "web_session",
        "phone_code",
        "paper",
        "paper_link",
        "public.django_session",
        "signal",
    ),
    "worker": ("staff_session", "web_session", "public.django_session"),
    "web": ("public.procrastinate_jobs", "sighting", "watched"),
}
"""What a process has no business to read: with it an intruder in one could act as somebody in another."""


@pytest.mark.parametrize(("process", "table"), [(process, table) for process, tables in OTHERS.items() for table in tables])
def test_a_process_reads_no_sessions_and_secrets_of_another(
    roles: dict[str, psycopg.Connection], process: str, table: str
) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        roles[process].execute(psycopg.sql.SQL("select * from {} limit 1").format(psycopg.sql.SQL(table)))  # type: ignore[arg-type]


WRITES = (
    "select table_name, privilege_type from information_schema.table_privileges where grantee = %s and privilege_type = any(%s)"
)


def test_only_named_rows_can_be_deleted(owner: psycopg.Connection) -> None:
    """The whole list, so that a new right to delete is a decision and no accident; nobody may truncate."""
    may = {
        process: {
            row[0] for row in owner.execute(WRITES, (role, ["DELETE"])).fetchall() if not row[0].startswith("procrastinate")
        }
        for process, role in RUNS_AS.items()
    }
    assert may["gateway"] == {"fee_line"}
    assert may["web"] <= {"django_session", "enrolment", "phone_code", "family_invited", "paper_link"}, may["web"]
    gone = {"enrolment", "exchange_file", "nonce", "outbox", "phone_code", "allowance", "paper_link", "sighting"}
    assert may["worker"] <= gone, may["worker"]
    assert not any(owner.execute(WRITES, (role, ["TRUNCATE", "TRIGGER", "REFERENCES"])).fetchall() for role in RUNS_AS.values())
