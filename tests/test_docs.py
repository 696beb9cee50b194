"""The documents name nothing that is not there: links, commands, settings, decisions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mulaid.cli import parser

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md")]
DECISIONS = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
LINK = re.compile(r"\]\(([^)#:\s]+)\)")
CODE = re.compile(r"```[a-z]*\n(.*?)```|`([^`\n]+)`|^    (.*)$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^| |bin/)mulaid ([a-z][a-z-]*)")


def named_commands(text: str) -> set[str]:
    """The commands that code in a document types."""
    typed = [part for code in CODE.findall(text) for part in code if not part.startswith("create ")]  # SQL has a role mulaid
    return {name for part in typed for name in COMMAND.findall(part)}


def named_settings(text: str) -> set[str]:
    """The variables a document names; `MULAID_S3_BUCKET`, `_REGION` stands for both."""
    found: set[str] = set()
    for line in text.splitlines():
        parts: list[str] = []
        for full, short in re.findall(r"\b(MULAID_[A-Z0-9_]+)|`(_[A-Z0-9_]+)`", line):
            parts = full.split("_") if full else parts
            found |= {full} if full else {"_".join(parts[:place]) + short for place in range(2, len(parts) + 1)}
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []


def test_commands_exist() -> None:
    (commands,) = [action.choices for action in parser()._actions if isinstance(action.choices, dict)]
    named = {name: page.name for page in PAGES for name in named_commands(page.read_text("utf-8"))}
    assert {name: page for name, page in named.items() if name not in commands} == {}
    assert {"demo", "conform", "verify", "staff"} <= set(named)


def test_every_setting_is_described_and_none_is_made_up() -> None:
    read = {
        name
        for path in [*(ROOT / "src").rglob("*.py"), ROOT / "dev.py"]
        for name in re.findall(r"\bMULAID_[A-Z0-9_]*[A-Z0-9]\b", path.read_text("utf-8"))
    }
    described = set().union(*(named_settings(page.read_text("utf-8")) for page in PAGES))
    assert read - described == set()
    full = {name for page in PAGES for name in re.findall(r"\bMULAID_[A-Z0-9_]*[A-Z0-9]\b", page.read_text("utf-8"))}
    assert full - read == {"MULAID_SMS_TEMPLATE_CODE", "MULAID_SMS_TEMPLATE_NEWS"} - read, "made up"


def test_the_architecture_names_every_module_where_it_is() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| ((?:`[a-z]+/`(?:, )?)+) \| (.*) \|$", text, re.MULTILINE)
    folders = {name: says for names, says in rows for name in re.findall(r"`([a-z]+)/`", names)}
    packages = {path.parent.name: path.parent for path in (ROOT / "src/mulaid").glob("*/__init__.py")}
    assert set(folders) == {*packages, "packs"}
    named = {name: set(re.findall(r"`([a-z_]+\.py)`", says)) for name, says in folders.items()}
    there = {name: {path.name for path in packages[name].glob("[a-z]*.py")} for name in packages}
    assert {name: have ^ named[name] for name, have in there.items() if have != named[name]} == {}


def test_decisions_are_numbered_once_and_listed() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    index = (ROOT / "docs/adr/README.md").read_text("utf-8")
    for number, path in enumerate(DECISIONS, 1):
        title = path.read_text("utf-8").partition("\n")[0]
        assert title.startswith(f"# {number}. ")
        assert f"| [{number}]({path.name}) | {title.partition('. ')[2]} |" in index


def test_each_official_term_has_one_line() -> None:
    lines = (ROOT / "docs/glossary.md").read_text("utf-8").splitlines()
    terms = [line.split("|")[1].strip() for line in lines if line.startswith("| ") and "official term" not in line]
    assert len(terms) > 80
    assert {term for term in terms if terms.count(term) > 1} == set()


def test_what_is_not_there_is_noticed() -> None:
    assert named_commands("type `.venv/bin/mulaid nonsense --x`") == {"nonsense"}
    assert named_commands("```\nmulaid found\n```\nand mulaid itself") == {"found"}
    assert named_settings("`MULAID_S3_BUCKET`, `_REGION`") >= {"MULAID_S3_BUCKET", "MULAID_S3_REGION"}
    assert LINK.findall("[a](b.md) [c](https://d.example) [e](#f)") == ["b.md"]
