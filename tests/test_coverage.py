"""docs/coverage.md: every number exactly once, and nothing named there that does not exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from mulaid.policy.casefile import read_cases
from mulaid.policy.channels import channels
from mulaid.policy.pack import library
from mulaid.policy.questions import questions

ROOT = Path(__file__).parent.parent
STATES = ("yes", "data", "partly", "open", "no")
NUMBERS = [
    *(f"F{number:03d}" for number in range(1, 194)),
    *(f"X{number:02d}" for number in range(1, 37)),
    *(f"R{number}" for number in range(1, 11)),
    *(f"W{number:02d}" for number in range(1, 31)),
]


def _rows() -> list[tuple[str, str, str, str]]:
    text = (ROOT / "docs/coverage.md").read_text("utf-8")
    found = re.findall(r"^\| ([FXRW][0-9]+) \| (.+?) \| (.+?) \| (.*) \|$", text, re.MULTILINE)
    assert len(found) == sum(line.startswith("| ") and not line.startswith("| No ") for line in text.splitlines())
    return found


@cache
def _cases() -> frozenset[str]:
    return frozenset(case.id for path in (ROOT / "src/mulaid/packs").glob("*/cases.toml") for case in read_cases(path))


@cache
def _names(path: str) -> frozenset[str]:
    file = ROOT / path
    return (
        frozenset(re.findall(r"^(?:def|class) (\w+)", file.read_text("utf-8"), re.MULTILINE)) if file.is_file() else frozenset()
    )


def _exists(named: str) -> bool:
    what, _, which = named.partition(": ")
    if what.startswith("packs/"):
        region = what.removeprefix("packs/").replace("cn", "000000")
        return region in library().sheets and (not which or which in library().sheets[region].dated)
    if what == "channels":
        return which in channels()
    if what == "questions":
        return which in {question.id for question in questions()}
    if named.startswith("case "):
        return named.removeprefix("case ") in _cases()
    path, _, name = named.partition("::")
    return name in _names(path) if name else (ROOT / path).is_file()


def test_every_number_stands_there_exactly_once() -> None:
    assert [row[0] for row in _rows()] == NUMBERS


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row[0])
def test_what_is_named_exists(row: tuple[str, str, str, str]) -> None:
    number, _, state, where = row
    named = [name for name in re.findall(r"`([^`]+)`", where) if name != "packs check"]
    assert [name for name in named if not _exists(name)] == []
    assert state in STATES
    assert named or state in ("open", "no"), f"{number} works somewhere"
    assert where.strip(), f"{number} has a reason"


WRONG = (
    "tests/test_law.py::test_nothing", "tests/test_nobody.py::test_x", "case W99", "packs/999999", "packs/cn: nonsense",
    "channels: x", "questions: x", "src/mulaid/nowhere.py",
)  # fmt: skip


@pytest.mark.parametrize("named", WRONG)
def test_what_does_not_exist_is_noticed(named: str) -> None:
    assert not _exists(named)
