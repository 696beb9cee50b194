#!/usr/bin/env python3
"""Sets up whatever is missing, then does one thing. Standard library only, so that any Python 3 can start it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = "0.13.9"
OLDEST, NEWEST = (3, 11), (3, 14)
PORTS = {"MULAID_WEB_PORT": "8000", "MULAID_GATEWAY_PORT": "8100"}
LINUX_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
MAC_BROWSERS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)

ENV = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONHOME")}
ENV.update(UV_PROJECT_ENVIRONMENT=str(VENV), UV_PYTHON_DOWNLOADS="never", PYTHONUTF8="1")
ENV.setdefault("MULAID_DATA", str(ROOT / ".data"))


def run(*words: str) -> None:
    """start everything, with a database of its own: http://127.0.0.1:8000/"""
    for name, usual in PORTS.items():
        require_free_port(name, ENV.get(name) or usual)
    set_up()
    become("mulaid", "serve", *words)


def test(*words: str) -> None:
    """check, then all tests, the browser's too; words go to pytest and leave the checks out"""
    set_up("test")
    if not words:
        run_checks()
    browser = find_browser()
    if browser and driver_works():
        ENV["MULAID_BROWSER"] = browser
    elif not words:
        stop(
            "The browser tests need Chromium or Chrome, and this account cannot install it.\n"
            "  Debian:         sudo apt-get install -y chromium fonts-noto-cjk libatomic1\n"
            "  Ubuntu, macOS:  install Google Chrome, or:  .venv/bin/playwright install --with-deps chromium\n"
            "  elsewhere:      MULAID_BROWSER=/path/to/chrome python3 dev.py test\n"
            "Then run this command again. To test without a browser, name the test files: python3 dev.py test tests/..."
        )
    say("tests")
    sys.exit(subprocess.run([str(PYTHON), "-m", "pytest", "-n", "2", *words], cwd=ROOT, env=ENV).returncode)


def shots(*words: str) -> None:
    """take pictures of every page and state into .shots/, for somebody to look at"""
    set_up("test")
    browser = find_browser()
    if not browser or not driver_works():
        stop("Pictures need Chromium or Chrome; `python3 dev.py test` says how to install it.")
    ENV["MULAID_BROWSER"] = browser
    sys.exit(subprocess.run([str(PYTHON), "-m", "pytest", "-q", "tests/shots.py", *words], cwd=ROOT, env=ENV).returncode)


def check(*words: str) -> None:
    """what a machine can see by reading: ruff, format, mypy, import contract"""
    set_up("test")
    run_checks()


def fmt(*words: str) -> None:
    """put the code into the house format and repair what ruff can"""
    set_up("test")
    sys.exit(tool("ruff", "check", "--fix") or tool("ruff", "format"))


def bench(*words: str) -> None:
    """measure this machine: settlements a second beside the database's own rate"""
    set_up()
    become("mulaid", "bench", *words)


def city(*words: str) -> None:
    """live through a month of a simulated city: --people 1000 --days 30 --seed 1"""
    set_up()
    become("mulaid", "city", *words)


COMMANDS = {command.__name__: command for command in (run, test, shots, check, fmt, bench, city)}


def main(*words: str) -> None:
    if not words or words[0] not in COMMANDS:
        asked = bool(words) and words[0] not in ("-h", "--help", "help")
        lines = ["python3 dev.py COMMAND", ""]
        lines += [f"  {name:7} {command.__doc__}" for name, command in COMMANDS.items()]
        print("\n".join(lines), file=sys.stderr if asked else sys.stdout)
        sys.exit(2 if asked else 0)
    require_python()
    try:
        COMMANDS[words[0]](*words[1:])
    except KeyboardInterrupt:
        sys.exit(130)


def say(text: str) -> None:
    print("== " + text, flush=True)


def stop(text: str) -> None:
    sys.exit("\n" + text + "\n")


def require_python() -> None:
    """Goes on under a newer Python when the one that was started is too old, as macOS's own is."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:  # pyenv leaves empty shells
            os.execv(found, [found, str(ROOT / "dev.py"), *sys.argv[1:]])
    stop(f"Python 3.{OLDEST[1]} to 3.{NEWEST[1]} is needed; this is {platform.python_version()}.")


def require_free_port(name: str, value: str) -> None:
    """Asked before anything starts, because a server may share a busy port without a word."""
    if not re.fullmatch("[0-9]{1,5}", value, re.ASCII) or not 0 < int(value) < 65536:
        stop(f"{name}={value} is not a port: give a number from 1 to 65535.")
    with socket.socket() as probe:
        probe.settimeout(2)
        if probe.connect_ex(("127.0.0.1", int(value))) == 0:
            stop(
                f"Port {value} is in use by another program. End it, or choose another port:\n"
                f"  {name}={(int(value) + 10) % 65536} python3 dev.py run"
            )


# -- setting up ---------------------------------------------------------------------------------------------------


def set_up(group: str = "") -> None:
    """The locked packages in .venv; quick when they are there. A venv of another Python is made anew."""
    if not os.access(ROOT, os.W_OK):
        stop(f"{ROOT} cannot be written by this account. Work in a copy of your own.")
    uv = find_uv()
    if not PYTHON.exists():
        say("installing the packages into .venv")
    # Inexact: `run` between two `test` must not throw the test tools away.
    words = ["sync", "-q", "--frozen", "--inexact", "--python", getattr(sys, "_base_executable", sys.executable)]
    words += ["--group", group] if group else []
    if subprocess.run([uv, *words], cwd=ROOT, env=ENV).returncode:
        stop(
            "The packages could not be installed; the lines above say why. A first set-up needs the Internet"
            " (pypi.org and files.pythonhosted.org); behind a proxy set HTTPS_PROXY."
        )


def find_uv() -> str:
    """uv of the version we know, from PATH or else from PyPI; pip --target needs neither a venv nor root."""
    own = TOOLS / "bin" / "uv"
    if own.exists() and (TOOLS / f"uv-{UV}.dist-info").exists():
        return str(own)
    found = shutil.which("uv")
    if found and subprocess.run([found, "--version"], capture_output=True, text=True).stdout.split()[1:2] == [UV]:
        return found
    if not pip_works() and not (install_packages("python3-pip") and pip_works()):
        stop("pip is missing. Run:  sudo apt-get install -y python3-pip   then this command again.")
    say(f"fetching uv {UV} from PyPI")
    words = ["install", "-q", "--disable-pip-version-check", "--root-user-action=ignore", "--upgrade"]
    if subprocess.run([sys.executable, "-m", "pip", *words, "--target", str(TOOLS), "uv==" + UV], cwd=ROOT).returncode:
        stop("uv could not be fetched; the lines above say why. This needs pypi.org; behind a proxy set HTTPS_PROXY.")
    return str(own)


def pip_works() -> bool:
    return subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode == 0


def install_packages(*names: str) -> bool:
    """With apt, where that can work: Debian or Ubuntu, as root."""
    if platform.system() != "Linux" or not shutil.which("apt-get") or os.geteuid() != 0:
        return False
    say("apt-get install " + " ".join(names))
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    subprocess.run([*apt, "update"], env=env, stdout=subprocess.DEVNULL)
    install = [*apt, "install", "-y", "--no-install-recommends", *names]
    done = subprocess.run(install, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode:
        sys.stderr.buffer.write(done.stderr)
    return done.returncode == 0


def find_browser() -> str | None:
    """A browser that starts; installed when that can work. Ubuntu's chromium package may be an empty shell."""
    browser = look_for_browser()
    if not browser and install_packages("chromium", "fonts-noto-cjk", "libatomic1"):
        browser = look_for_browser()
    if browser and subprocess.run([browser, "--version"], capture_output=True).returncode == 0:
        return browser
    return None


def look_for_browser() -> str | None:
    named = [os.environ.get("MULAID_BROWSER"), *map(shutil.which, LINUX_BROWSERS)]
    return next((name for name in [*named, *MAC_BROWSERS] if name and Path(name).exists()), None)


def driver_works() -> bool:
    """Playwright carries its own Node, which needs libatomic: absent from a minimal Debian."""
    node = next(VENV.glob("lib/python*/site-packages/playwright/driver/node"), None)
    if not node:
        return False
    tried = [str(node), "--version"]
    if subprocess.run(tried, capture_output=True).returncode == 0:
        return True
    return install_packages("libatomic1") and subprocess.run(tried, capture_output=True).returncode == 0


# -- starting what was set up -------------------------------------------------------------------------------------


def run_checks() -> None:
    steps = [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",), ("lint-imports",)]
    for step in steps:
        if tool(*step):
            stop(f"`{' '.join(step)}` is not content: see above. `python3 dev.py fmt` repairs what can be repaired.")


def tool(name: str, *words: str) -> int:
    say(" ".join((name, *words)))
    return subprocess.run([*program(name), *words], cwd=ROOT, env=ENV).returncode


def become(name: str, *words: str) -> None:
    sys.stdout.flush()
    command = [*program(name), *words]
    os.chdir(ROOT)
    os.execve(command[0], command, ENV)


def program(name: str) -> list[str]:
    """A script is given to our Python by name: its first line holds a path that is wrong once the tree has moved."""
    found = VENV / "bin" / name
    with found.open("rb") as opened:
        script = opened.read(2) == b"#!"
    return [str(PYTHON), str(found)] if script else [str(found)]


if __name__ == "__main__":
    main(*sys.argv[1:])
