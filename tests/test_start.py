"""What each process refuses to start with, in one sentence for the operator: before the first citizen or hospital finds out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mulaid.crypto import Keys
from mulaid.db import process_url

PROCESSES = {
    "web": (sys.executable, "-c", "import mulaid.web.wsgi"),
    "gateway": (sys.executable, "-c", "from mulaid.gateway.app import from_env; from_env()"),
    "worker": (sys.executable, "-m", "mulaid", "worker"),
}
MIGRATE = (sys.executable, "-m", "mulaid", "migrate")
PRODUCTION = {
    "MULAID_PROFILE": "production",
    "MULAID_HOSTS": "yibao.example",
    "MULAID_FACE": "tencent",
    "MULAID_FACE_KEY_ID": "id",
    "MULAID_FACE_SECRET": "secret",
    "MULAID_FACE_RULE": "1",
    "MULAID_REGISTERS_URL": "https://registers.example",
    "MULAID_REGISTERS_CLIENT": "us",
    "MULAID_REGISTERS_SECRET": "secret",
}


def started(process: str, cluster: Any, url: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A process with these settings; an empty one is left out."""
    given = {
        "MULAID_DATABASE_URL": process_url(url, f"mulaid_{process}", embedded=True),
        "MULAID_DATA": str(cluster.folder),
        "DJANGO_SETTINGS_MODULE": "mulaid.web.settings",
        **more,
    }
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MULAID_")}
    environment = {**plain, **{name: value for name, value in given.items() if value}}
    return subprocess.run(PROCESSES.get(process, MIGRATE), env=environment, capture_output=True, text=True, timeout=60)


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence that a process ended with."""
    assert done.returncode in (1, 2), done
    assert done.stderr.startswith("mulaid: "), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("process", PROCESSES)
def test_nobody_starts_with_keys_that_are_not_the_datas(process: str, cluster: Any, url: str, tmp_path: Path) -> None:
    assert str(tmp_path / "keys") in sentence(started(process, cluster, url, MULAID_DATA=str(tmp_path)))  # there is none
    assert not list(tmp_path.iterdir()), "only `migrate` makes keys"
    Keys.create(tmp_path / "keys")
    assert "is not the one this database was sealed with" in sentence(started(process, cluster, url, MULAID_DATA=str(tmp_path)))


@pytest.mark.parametrize("name", ["0004_settlement", "0007_later"])
def test_a_database_of_another_version_is_left_alone(name: str, cluster: Any, url: str, tmp_path: Path) -> None:
    migrated = started("migrate", cluster, url, MULAID_DATABASE_URL=url)
    assert (migrated.returncode, migrated.stderr) == (0, "")
    with psycopg.connect(url) as c:
        c.execute("delete from mulaid.deployment where name = %s", (f"migration {name}",))
        if name == "0007_later":
            c.execute("insert into django_migrations (app, name, applied) values ('mulaid', %s, now())", (name,))
    said = sentence(started("migrate", cluster, url, MULAID_DATABASE_URL=url))
    assert f"another version of the program (unlike ours: {name})" in said
    assert "MULAID_DATA" in said


@pytest.mark.parametrize("process", PROCESSES)
def test_nobody_starts_without_being_told_the_database(process: str, cluster: Any, url: str) -> None:
    assert "MULAID_DATABASE_URL is not set" in sentence(started(process, cluster, url, MULAID_DATABASE_URL=""))


def test_a_profile_nobody_knows_starts_nothing(cluster: Any, url: str) -> None:
    assert "it takes one of demo, test, production" in sentence(started("worker", cluster, url, MULAID_PROFILE="prod"))


@pytest.mark.parametrize(
    ("missing", "names"),
    [
        ("MULAID_HOSTS", "MULAID_HOSTS"),
        ("MULAID_FACE", "refuses the sandbox: set MULAID_FACE"),
        ("MULAID_FACE_RULE", "MULAID_FACE_RULE"),
        ("MULAID_REGISTERS_URL", "refuses the sandbox: set MULAID_REGISTERS_URL"),
    ],
)
def test_the_pages_start_in_production_with_real_parties_only(missing: str, names: str, cluster: Any, url: str) -> None:
    assert names in sentence(started("web", cluster, url, **{**PRODUCTION, missing: ""}))


@pytest.mark.parametrize("key", ["", "not a key"])
def test_a_mini_program_starts_with_its_keys_only(key: str, cluster: Any, url: str) -> None:
    alipay = {"MULAID_ALIPAY_APP": "2021", "MULAID_ALIPAY_KEY": key, "MULAID_ALIPAY_PUBLIC_KEY": key}
    said = sentence(started("web", cluster, url, **PRODUCTION, **alipay))
    assert "MULAID_ALIPAY_KEY" in said
    assert not key or key not in said


def test_the_pages_start_in_production(cluster: Any, url: str) -> None:
    done = started("web", cluster, url, **PRODUCTION)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_worker_sends_no_made_up_messages_in_production(cluster: Any, url: str) -> None:
    assert "set MULAID_SMS to tencent or alibaba" in sentence(started("worker", cluster, url, MULAID_PROFILE="production"))


def test_the_gateway_takes_a_whole_number_of_threads(cluster: Any, url: str) -> None:
    assert "MULAID_GATEWAY_THREADS is 'four'" in sentence(started("gateway", cluster, url, MULAID_GATEWAY_THREADS="four"))
