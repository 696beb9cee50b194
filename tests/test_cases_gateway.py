"""Worked examples through the gateway: a handful of files here, all of them by `mulaid cases run --through gateway`."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from conftest import Cluster
from mulaid.policy.casefile import read_cases
from mulaid.policy.cases import Case
from mulaid.policy.cases import run as law
from mulaid.policy.pack import library
from mulaid.proof.cases import run_on

PACKS = Path(__file__).parent.parent / "src" / "mulaid" / "packs"
LEFT_TO_THE_LAW = {"CN-L3": "no pack has one"}
"""The only examples that cannot be lived through, and why."""


def run(url: str, cluster: Cluster, cases: list[Case]) -> tuple[int, list[str]]:
    said: list[str] = []
    return run_on(url, cluster.keys, cases, said.append, embedded=True), said


def test_every_worked_example_of_every_pack_comes_out_over_http_as_in_the_law(url: str, cluster: Cluster) -> None:
    cases = [case for file in sorted(PACKS.glob("*/cases.toml")) for case in read_cases(file)]
    code, said = run(url, cluster, cases)
    assert code == 0, "\n".join(said)
    skipped = {line.split()[1]: said[place + 1] for place, line in enumerate(said) if line.startswith("skip")}
    assert set(skipped) == set(LEFT_TO_THE_LAW)
    assert all(why in skipped[name] for name, why in LEFT_TO_THE_LAW.items())
    assert said[-1] == f"{len(cases) - len(skipped)} passed, 0 failed, {len(skipped)} skipped"


WRONG = """
[[case]]
id = "X1"
title = "错的期望"
region = "420100"
on = 2025-08-01
[case.patient]
account = 100
[[case.giver]]
name = "女儿"
relation = "parent"
account = 500
{more}
[[case.visit]]
personal = 150
expect = {{ {expect} }}
"""


@pytest.mark.parametrize(
    ("expect", "more", "told"),
    [
        ("own = 99", "", "own: expected 99.00, got 100.00"),
        ('aid = { "女儿" = 49 }', "", "aid: expected {女儿 49.00}, got {女儿 50.00}"),
        ("cash = 1", "", "cash: expected 1.00, got 0.00"),
        ("fund = 1", "", "fund: expected 1.00, got 0.00"),
        ("aid_total = 50", 'relation = "parent_in_law"', "女儿 could not be bound: aid.relation_not_eligible"),
    ],
)
def test_an_example_that_expects_something_else_fails(
    url: str, cluster: Cluster, tmp_path: Path, expect: str, more: str, told: str
) -> None:
    text = WRONG.format(expect=expect, more="")
    if more:
        text = text.replace('relation = "parent"', more)
    (tmp_path / "cases.toml").write_text(text, "utf-8")
    code, said = run(url, cluster, read_cases(tmp_path / "cases.toml"))
    assert code == 1
    assert any(told in line for line in said), "\n".join(said)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("day_left = 100", "no pack has one"),
        ("month_left = 9\n[[case.visit]]\non = 2025-07-31\npersonal = 1\nexpect = { cash = 1 }", "does not say what it leaves"),
        ("chosen = true\n[[case.giver]]\nchosen = true", "a code names one chosen giver"),
    ],
)
def test_what_cannot_be_lived_through_is_skipped_and_counted(
    url: str, cluster: Cluster, tmp_path: Path, more: str, why: str
) -> None:
    text = WRONG.format(expect="own = 100", more=more)
    (tmp_path / "cases.toml").write_text(text, "utf-8")
    code, said = run(url, cluster, read_cases(tmp_path / "cases.toml"))
    assert (code, said[-1]) == (0, "0 passed, 0 failed, 1 skipped")
    assert why in said[1]


@pytest.mark.parametrize("limit", ["quota = 0", "month_left = 0", "year_left = 0"])
def test_a_limit_that_is_used_up_is_lived_through(url: str, cluster: Cluster, tmp_path: Path, limit: str) -> None:
    (tmp_path / "cases.toml").write_text(WRONG.format(expect="own = 100, aid_total = 0, cash = 50", more=limit), "utf-8")
    code, said = run(url, cluster, read_cases(tmp_path / "cases.toml"))
    assert code == 0, "\n".join(said)


LEFT_OUT = """
[[case]]
id = "X1"
title = "第一天：绑定在可以绑定的那天"
region = "440300"
on = 2024-11-10
[[case.giver]]
name = "弟弟"
relation = "sibling"
account = 60
[[case.visit]]
personal = 20
expect = { aid_total = 20, cash = 0 }

[[case]]
id = "X2"
title = "2025年有一部分为别人冻结，自己的钱包先付"
region = "420100"
on = 2025-08-20
[case.patient]
account = 30
frozen = 20
[[case.giver]]
name = "女儿"
relation = "parent"
account = 500
frozen = 450
[[case.wallet]]
name = "自己的钱包"
relation = "self"
left = 60
[[case.visit]]
personal = 200
expect = { own = 10, aid = { "女儿" = 50 }, wallets = { "自己的钱包" = 60 }, cash = 80 }

[[case]]
id = "X3"
title = "没有写起付线扣了多少：基金付过，就是扣完了"
region = "110000"
on = 2025-10-20
[case.patient]
spent = { in_policy = 40000, fund = 25000 }
[[case.visit]]
in_policy = 1000
expect = { fund = 600, cash = 400, deductible = 0 }

[[case]]
id = "X4"
title = "没有公布的日子，期望的就是拒绝"
region = "110000"
on = 2022-12-31
[[case.visit]]
in_policy = 100
expect = { refused = "policy.not_known" }
[[case.visit]]
personal = 40
expect = { cash = 40 }

[[case]]
id = "X5"
title = "钱包额度还没有的日子，冻结不了"
region = "450200"
on = 2025-03-20
[[case.wallet]]
name = "女儿"
relation = "parent"
left = 500
[[case.visit]]
personal = 100
expect = { wallets = {}, cash = 100 }
"""


def test_what_a_case_leaves_out_is_the_same_for_the_law_and_at_the_gateway(url: str, cluster: Cluster, tmp_path: Path) -> None:
    later = LEFT_OUT.replace("2022-12-31", "2023-01-01").replace("X4", "X6")
    (tmp_path / "cases.toml").write_text(LEFT_OUT, "utf-8")
    (tmp_path / "later.toml").write_text(later, "utf-8")
    cases = [*read_cases(tmp_path / "cases.toml"), read_cases(tmp_path / "later.toml")[3]]
    settled = "expected to be refused with policy.not_known, but it was settled"
    assert [[line for visit in law(case, library()) for line in visit] for case in cases] == [[], [], [], [], [], [settled]]
    _, said = run(url, cluster, cases)
    assert said[-1] == "5 passed, 1 failed, 0 skipped", "\n".join(said)
    assert said[-2].strip() == f"visit 1: {settled}"


def test_givers_without_a_name_are_people_all_the_same(url: str, cluster: Cluster, tmp_path: Path) -> None:
    text = WRONG.format(expect="aid_total = 50, cash = 0", more="").replace('name = "女儿"\n', "")
    (tmp_path / "cases.toml").write_text(text, "utf-8")
    code, said = run(url, cluster, read_cases(tmp_path / "cases.toml"))
    assert code == 0, "\n".join(said)


def test_a_disease_a_person_is_certified_for_reaches_the_law_through_the_door(url: str, cluster: Cluster, tmp_path: Path) -> None:
    text = WRONG.format(expect="own = 100", more="").replace("personal = 150", 'personal = 150\ndisease = "hypertension"')
    (tmp_path / "cases.toml").write_text(text, "utf-8")
    code, said = run(url, cluster, read_cases(tmp_path / "cases.toml"))
    assert code == 0, "\n".join(said)
    with psycopg.connect(url) as connection:
        found = connection.execute("select facts ->> 'disease' from mulaid.settlement").fetchall()
    assert found == [("hypertension",)]
