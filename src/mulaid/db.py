"""The database: connections, named statements, and the transaction object that domain code is handed.

Only `commands` begins transactions that write. Everything else receives a `Tx`, or reads through `Database.reading`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from importlib import resources
from typing import Any, LiteralString

import psycopg
import psycopg.errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import DiagnosticField, ExecStatus, Format, TransactionStatus
from psycopg.rows import dict_row, tuple_row
from psycopg.types.json import set_json_loads
from psycopg_pool import ConnectionPool

from mulaid.crypto import BadKeyFile, Keys

Row = dict[str, Any]


class Statements:
    """The named statements of one .sql file: `-- name --`, a line of purpose, the statement."""

    def __init__(self, package: str, file: str) -> None:
        self.source = f"{package}/{file}"
        self.by_name: dict[str, LiteralString] = {}
        name = ""
        for line in resources.files(package).joinpath(file).read_text("utf-8").splitlines():
            if line.startswith("-- ") and line.endswith(" --"):
                name = line[3:-3].strip()
                self.by_name[name] = ""
            elif name and not line.startswith("--"):
                self.by_name[name] = self.by_name[name] + line + "\n"

    def __getattr__(self, name: str) -> LiteralString:
        try:
            return self.by_name[name]
        except KeyError:
            raise AttributeError(f"{self.source} has no statement {name!r}") from None


@dataclass(frozen=True, slots=True)
class Call:
    """A database function of the hot path, prepared on every connection when it is made; values go in and come out as text."""

    name: str
    arguments: int

    @property
    def statement(self) -> bytes:
        """The function as a query; its columns in their declared order."""
        places = ", ".join(f"${place}" for place in range(1, self.arguments + 1))
        return f"select * from mulaid.{self.name}({places})".encode()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, through which channel, and from where: part of every record of what was done."""

    name: str
    channel: str
    place: str = ""


@dataclass(slots=True)
class Tx:
    """An open transaction and what domain code may rest on: the moment, the actor, the keys.

    `kept` remembers, for the process, digests of packs that are known to be in the database.
    """

    connection: psycopg.Connection[Any]
    at: datetime
    by: Actor
    keys: Keys
    kept: set[str]
    subject: Any = field(default=None)

    def all(self, statement: LiteralString, **values: Any) -> list[Row]:
        """Every row of a query."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, values).fetchall()

    def one(self, statement: LiteralString, **values: Any) -> Row | None:
        """The first row of a query, or None."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, values).fetchone()

    def run(self, statement: LiteralString, **values: Any) -> int:
        """Carry out a statement; the number of rows it touched."""
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(statement, values).rowcount

    def call(self, function: Call, values: Sequence[str | bytes | None]) -> list[Any]:
        """The one row a prepared function answers, each column as text or None.

        It skips the cursor: on the settlement path that is a fifth of our time.
        """
        given = [value.encode() if isinstance(value, str) else value for value in values]
        formats = [Format.BINARY if isinstance(value, bytes) else Format.TEXT for value in values]
        server = self.connection.pgconn
        if server.transaction_status == TransactionStatus.IDLE:
            result = server.exec_prepared(function.name.encode(), given, formats)  # type: ignore[arg-type]  # null is admitted
            if result.error_field(DiagnosticField.SQLSTATE) == b"26000":  # psycopg drops all prepared statements after a rollback
                server.prepare(function.name.encode(), function.statement)
                result = server.exec_prepared(function.name.encode(), given, formats)  # type: ignore[arg-type]  # as above
        else:  # a missing statement would end the transaction, so it is not relied on here
            result = server.exec_params(function.statement, given, None, formats)
        if result.status != ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(result)
        row = [result.get_value(0, column) for column in range(result.nfields)]
        return [value.decode() if value is not None else None for value in row]


class Database:
    """Pools of connections for one process, and what a Tx is made of. Closed by whoever opened it.

    `light` is for rows that need not survive a crash (nonces): its commits do not wait for the disk.
    """

    def __init__(self, url: str, keys: Keys, *, size: int = 8, options: str = "", calls: Sequence[Call] = ()) -> None:
        self.url, self.keys, self.calls = url, keys, calls
        self.kept: set[str] = set()
        self.pool = self._pool(size, options)
        self.light = self._pool(2, f"{options} -c synchronous_commit=off")

    def _pool(self, size: int, options: str) -> ConnectionPool[psycopg.Connection[Any]]:
        theirs = conninfo_to_dict(self.url).get("options") or ""
        return ConnectionPool(
            self.url,
            min_size=0,
            max_size=size,
            kwargs={
                "autocommit": True,
                "options": f"{theirs} -c search_path=mulaid,public -c timezone=UTC {options}",
                "prepare_threshold": 1,
            },
            configure=self._configure,
            open=True,
            timeout=10,
        )

    def _configure(self, connection: psycopg.Connection[Any]) -> None:
        # Amounts in stored messages are decimals with two places; read as float they would not come back as they were.
        set_json_loads(partial(json.loads, parse_float=Decimal), connection)
        for call in self.calls:
            prepared = connection.pgconn.prepare(call.name.encode(), call.statement)
            if prepared.status != ExecStatus.COMMAND_OK:
                raise psycopg.errors.error_from_result(prepared)

    def require_own_keys(self) -> None:
        """Asked by a process once, when it starts: BadKeyFile where the data were sealed with other keys.

        With those, nobody would be found, and whom the index does not find could be enrolled a second time.
        """
        with self.pool.connection() as connection:
            row = connection.execute("select value from mulaid.deployment where name = 'keys'").fetchone()
        if row is None or row[0] != self.keys.fingerprint():
            raise BadKeyFile("the key file is not the one this database was sealed with; put the right one back")

    def tx(self, connection: psycopg.Connection[Any], at: datetime, by: Actor) -> Tx:
        """A Tx over a connection; whether a transaction is open is the caller's business."""
        return Tx(connection, at, by, self.keys, self.kept)

    @contextmanager
    def reading(self, at: datetime, by: Actor) -> Iterator[Tx]:
        """For queries: every statement is a transaction of its own."""
        connection = self.pool.getconn()
        try:
            yield self.tx(connection, at, by)
        finally:
            self.pool.putconn(connection)

    def close(self) -> None:
        """Give all connections back to the server."""
        self.pool.close()
        self.light.close()


def process_url(url: str, role: str, *, embedded: bool) -> str:
    """The address for one process: its own role, by name on the embedded server, else assumed after the operator's log-in."""
    if embedded:
        return make_conninfo(url, user=role)
    options = conninfo_to_dict(url).get("options") or ""
    return make_conninfo(url, options=f"{options} -c role={role}".strip())
