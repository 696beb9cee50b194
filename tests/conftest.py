"""A real PostgreSQL for every worker, a migrated template, and a copy of it for every test that asks for one."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from city import City
from mulaid import schema
from mulaid.crypto import Keys
from mulaid.db import Database, process_url
from mulaid.postgres import Server
from mulaid.settings import Settings

pytest_plugins = ["browsing"]
TEMPLATE = "mulaid_template"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--messages N`: how many messages are generated from the contract's tables."""
    parser.addoption("--messages", type=int, default=1800, help="messages to generate from the contract's tables")


@dataclass(frozen=True)
class Cluster:
    """This worker's server with its template."""

    server: Server
    keys: Keys
    folder: Path

    def fresh(self) -> str:
        """The address of a new copy of the template."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name} template {TEMPLATE}")
        return self.server.url(name)

    def drop(self, url: str) -> None:
        """Remove a copy."""
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="mulaid-test-"))
    folder.chmod(0o711)
    quick = {"fsync": "off", "synchronous_commit": "off", "shared_buffers": "64MB", "max_connections": "200"}
    try:
        with Server(folder / "postgres", quick) as server:
            settings = Settings(folder, None, 8000, 8100, 1, "test")
            before = dict(os.environ)
            keys = schema.migrate(settings, server.url(TEMPLATE), lambda text: None)
            os.environ.clear()
            os.environ.update(before)
            yield Cluster(server, keys, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    """A database of this test's own, as its owner."""
    address = cluster.fresh()
    yield address
    cluster.drop(address)


@pytest.fixture
def db(url: str, cluster: Cluster) -> Iterator[Database]:
    """The same with connections of the owner."""
    database = Database(url, cluster.keys, size=20)
    yield database
    database.close()


@pytest.fixture
def city(url: str, cluster: Cluster, db: Database) -> Iterator[City]:
    """The storyteller: people, institutions and the gateway's door over a database of its own."""
    teller = City(db, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    yield teller
    teller.close()
