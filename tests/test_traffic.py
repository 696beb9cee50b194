"""Mixed traffic for a few seconds: every story happens, and what must not happen is told and fails the run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mulaid.proof import traffic


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, list[str], dict]:
    """A run of some seconds with what it said and wrote."""
    report = tmp_path_factory.mktemp("traffic") / "bench.json"
    report.write_text('{"kept": 1}')
    words = ["bench-traffic", "--minutes", "0.12", "--institutions", "10", "--families", "25", "--rate", "50", "--report"]
    done = subprocess.run([sys.executable, "-m", "mulaid", *words, str(report)], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout.splitlines(), json.loads(report.read_text())


def test_a_short_run_ends_with_right_books_and_right_sums(lived: tuple[int, list[str], dict]) -> None:
    code, said, _ = lived
    assert code == 0, said
    assert "the books are right" in said
    assert "every institution's sums are the gateway's" in said
    assert not [line for line in said if line.startswith("WRONG")]


def test_every_kind_of_message_was_sent(lived: tuple[int, list[str], dict]) -> None:
    sent = {line.split()[0] for line in lived[1] if line.startswith("   ")}
    assert sent >= {"1101", "2102", "2201", "2204", "2206", "2207"}


def test_the_figures_stand_beside_what_the_file_held(lived: tuple[int, list[str], dict]) -> None:
    told = lived[2]
    assert told["kept"] == 1
    found = told["traffic"]
    assert found["institutions"] == 10
    assert found["messages"] > 100
    assert 0 < found["p50_ms"] <= found["p99_ms"] <= found["longest_ms"]
    assert found["memory_mb"]["gateway"][0] > 10
    assert found["memory_mb"]["postgres"][0] > 0


def test_what_must_not_happen_is_noticed() -> None:
    """A refusal that was not due, one that was due and did not come, and another than was due."""
    watch = traffic.Watch()

    def refuses() -> None:
        raise traffic.Refused("settlement.already", "")

    watch.expects("settlement.already", refuses)
    assert not watch.wrong
    watch.expects("credential.bad_code", refuses)
    watch.expects("credential.bad_code", lambda: None)
    assert sum(watch.wrong.values()) == 2


@pytest.mark.parametrize(
    ("minutes", "institutions", "rate"),
    [(0, 50, 60), (-1, 50, 60), (1, 3, 60), (1, 50, 0), (float("nan"), 50, 60), (1, 50, float("inf"))],
)
def test_a_run_without_time_rate_or_institutions_is_not_begun(minutes: float, institutions: int, rate: float) -> None:
    said: list[str] = []
    assert traffic.run(said.append, minutes=minutes, institutions=institutions, rate=rate, families=50, report=None) == 2
    assert len(said) == 1


def test_every_page_is_measured_and_none_fails(tmp_path: Path) -> None:
    """The pages of a citizen and of a clerk, those behind numbers too."""
    report = tmp_path / "bench.json"
    words = ["bench-pages", "--repeats", "1", "--report", str(report)]
    done = subprocess.run([sys.executable, "-m", "mulaid", *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    pages = json.loads(report.read_text())["pages"]
    assert pages.keys() >= {
        "/",
        "/home",
        "/bills/<str:number>",
        "/family/<str:key>",
        "/aid/<str:key>",
        "/console/case/<str:number>",
    }
    assert all(row["median_ms"] > 0 and row["bytes"] <= row["first_visit_bytes"] for row in pages.values())
    assert pages["/home"]["bytes"] > 1000
