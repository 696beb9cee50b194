"""Guards over the whole program: its size, its manners, its refusals and who may import whom."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import demo_page
import mulaid
from mulaid.demo import city
from mulaid.policy.parameters import PARAMETERS, Kind, reference
from mulaid.refusal import Words, catalogue

SOURCE = Path(mulaid.__file__).parent
ROOT = Path(__file__).parent.parent
MODULES = sorted(path for path in SOURCE.rglob("*.py"))
LONGEST_FUNCTION, LONGEST_MODULE = 70, 700
ASKS_THE_CLOCK = {"calendar.py": "wall_clock, the one place; doors hand it in"}
MEASURES = {
    "proof/bench.py": "rates and times of a measurement, never amounts",
    "proof/pages.py": "times of a measurement, never amounts",
    "proof/traffic.py": "rates and times of a measurement, never amounts",
}
WORDS_NOBODY_SEARCHES_FOR = {"utils", "util", "manager", "service", "services", "helpers", "common", "misc", "base", "core"}
HAN = re.compile(r"[\u4e00-\u9fff]")


def _named(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every call as dotted text with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


# Size and manners


@pytest.mark.parametrize("path", MODULES, ids=_named)
def test_nothing_is_too_long_to_read(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= LONGEST_MODULE
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert long == []


CLOCKS = re.compile(r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|time\.time(_ns)?|utcnow|fromtimestamp)$")


@pytest.mark.parametrize("path", MODULES, ids=_named)
def test_no_fraction_no_clock_no_print(path: Path) -> None:
    calls = list(_calls(_tree(path)))
    banned = {"float", "print", "breakpoint", "eval", "exec", "input"} - ({"float"} if _named(path) in MEASURES else set())
    found = [f"line {line}: {name}" for name, line in calls if name in banned]
    if _named(path) not in ASKS_THE_CLOCK:
        found += [f"line {line}: {name}" for name, line in calls if CLOCKS.search(name)]
    assert found == []


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("datetime.now(UTC)", True),
        ("datetime.datetime.utcnow()", True),
        ("time.time()", True),
        ("date.today()", True),
        ("time.monotonic()", False),
        ("self.clock()", False),
        ("wall_clock()", False),
    ],
)
def test_the_lint_knows_a_clock_when_it_sees_one(text: str, seen: bool) -> None:
    assert any(CLOCKS.search(name) for name, _ in _calls(ast.parse(text))) is seen


DOORS = (
    "cli.py",
    "desk.py",
    "serve.py",
    "jobs.py",
    "client/",
    "gateway/",
    "web/",
    "demo/",
    "proof/",
    "sandbox/",
    "calendar.py",
)


@pytest.mark.parametrize("path", MODULES, ids=_named)
def test_only_doors_take_the_wall_clock(path: Path) -> None:
    imports = [alias.name for node in ast.walk(_tree(path)) if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert "wall_clock" not in imports or _named(path).startswith(DOORS)


@pytest.mark.parametrize("path", MODULES, ids=_named)
def test_a_module_is_a_noun_that_says_what_it_does(path: Path) -> None:
    assert path.stem not in WORDS_NOBODY_SEARCHES_FOR
    doc = ast.get_docstring(_tree(path))
    if path.parent.name == "migrations" and path.stem != "__init__":
        assert re.fullmatch(r"[0-9]{4}_[a-z_]+", path.stem, re.ASCII)
    elif path.name != "__main__.py":
        assert doc, "a module begins with one sentence of what it is"


# Refusals


def _used_in_python() -> dict[str, list[str]]:
    """Codes given to Refusal by name, with where."""
    found: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Refusal") and node.args:
                for word in ast.walk(node.args[0]):
                    if isinstance(word, ast.Constant) and isinstance(word.value, str):
                        found.setdefault(word.value, []).append(f"{_named(path)}:{node.lineno}")
    return found


def _used_in_sql() -> set[str]:
    text = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.sql"))
    return set(re.findall(r"problem := '([a-z_]+\.[a-z0-9_]+)'", text))


def test_every_refusal_that_is_given_has_words() -> None:
    given = {**{code: ["sql"] for code in _used_in_sql()}, **_used_in_python()}
    codes = {code: where for code, where in given.items() if re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", code)}
    assert len(codes) > 60
    assert {code: where for code, where in codes.items() if code not in catalogue()} == {}
    assert set(given) - set(codes) == set(), "a code is area.name"


def test_every_refusal_that_has_words_is_given_somewhere() -> None:
    text = "".join(path.read_text("utf-8") for path in (*MODULES, *SOURCE.rglob("*.sql")))
    quoted = set(re.findall(r"""["']([a-z_]+\.[a-z0-9_]+)["']""", text))
    assert set(catalogue()) - quoted == set()


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_a_refusal_says_what_is_wrong_and_what_to_do(code: str) -> None:
    words = catalogue()[code]
    for sentence in (words.says, words.next):
        assert HAN.search(sentence)
        assert sentence.endswith("。")
        assert "  " not in sentence
    assert 400 <= words.status <= 599
    assert words.status != 500, "an expected no is never a 500"


# The document of all refusals

HEAD = """# Refusals

Every expected no of the program: its code, what the reader is told, what to do next, and the HTTP status of our own API.
Institutions find the sentences and the code in `err_msg`. Words in braces are filled in. Made from `src/mulaid/refusals.toml`.
"""


def refusals_document(words: dict[str, Words]) -> str:
    """docs/refusals.md: a table an area, in the catalogue's order."""
    areas: dict[str, list[str]] = {}
    for code, entry in words.items():
        cells = (f"`{code}`", entry.says, entry.next, str(entry.status))
        areas.setdefault(code.partition(".")[0], []).append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    tables = [
        f"\n## {area}\n\n| code | says | next | status |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
        for area, rows in areas.items()
    ]
    return HEAD + "".join(tables)


def test_the_document_lists_exactly_the_catalogue() -> None:
    """After a change of the catalogue: `python tests/test_tidy.py` writes it anew."""
    assert (ROOT / "docs/refusals.md").read_text("utf-8") == refusals_document(catalogue())


# The words of the law


def test_every_parameter_of_a_pack_has_a_chinese_name_and_nothing_else_has() -> None:
    """A new parameter gets its line in src/mulaid/policy/reference.toml."""
    assert set(PARAMETERS) ^ set(reference()) == set()


START, END = "<!-- parameters -->\n", "<!-- /parameters -->"


def _allowed(kind: Kind) -> str:
    """What a value may be, in the words a wrong value is refused with."""
    for probe in ("?", ["?"], {"?": "?"}, "999999", "99999999999"):
        try:
            kind.parse(probe)
        except ValueError as error:
            if found := re.search(r"is none of (.+)|number (between .+)|is (more than .+ yuan)|is (above [0-9.]+);", str(error)):
                words = next(part for part in found.groups() if part)
                return ": " + (words if " " in words and "," not in words else ", ".join(f"`{w}`" for w in words.split(", ")))
    return ""


def parameters_document(document: str) -> str:
    """docs/packs.md with chapter 4 made anew: a table a chapter of the reference, in its order."""
    chapters: dict[str, list[str]] = {}
    for name, entry in reference().items():
        cells = (f"`{name}`", entry.zh, PARAMETERS[name].says + _allowed(PARAMETERS[name]), entry.means)
        chapters.setdefault(entry.chapter, []).append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    tables = [
        f"### 4.{place} {chapter}\n\n| parameter | called | kind | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n\n"
        for place, (chapter, rows) in enumerate(chapters.items(), 1)
    ]
    head, _, rest = document.partition(START)
    return head + START + "\n" + "".join(tables) + END + rest.partition(END)[2]


def test_the_document_lists_exactly_the_parameters() -> None:
    """After a new parameter: `python tests/test_tidy.py` writes the table anew."""
    text = (ROOT / "docs/packs.md").read_text("utf-8")
    assert text == parameters_document(text)


# Who may import whom


def test_the_page_about_the_demo_city_is_made_from_it() -> None:
    assert (ROOT / "docs/demo.md").read_text("utf-8") == demo_page.document(city.read())


def test_arrows_point_down() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(linter), "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "0 broken" in done.stdout


def test_the_gateway_loads_no_web_framework() -> None:
    """Contracts are about our own modules; this is about what really gets loaded."""
    code = (
        "import sys, mulaid.gateway.app;sys.exit(any(name.split('.')[0] in ('django', 'flask', 'httpx') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_the_law_loads_no_database_and_no_network() -> None:
    code = (
        "import sys, mulaid.policy.split, mulaid.policy.explain, mulaid.policy.cases;"
        "sys.exit(any(name.split('.')[0] in ('psycopg', 'socket', 'django', 'httpx') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


if __name__ == "__main__":
    (ROOT / "docs/refusals.md").write_text(refusals_document(catalogue()), "utf-8")
    (ROOT / "docs/demo.md").write_text(demo_page.document(city.read()), "utf-8")
    packs_document = ROOT / "docs/packs.md"
    packs_document.write_text(parameters_document(packs_document.read_text("utf-8")), "utf-8")
