"""What would change whose money pays, and the same law over many bills with a changed pack."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings

from mulaid.cli import main
from mulaid.policy.facts import Facts, Giver, Patient, Portion
from mulaid.policy.hints import Hint, what_would_change
from mulaid.policy.pack import Library, library
from mulaid.policy.simulate import simulate
from mulaid.policy.split import decide
from mulaid.refusal import Refusal
from test_law import _packs, any_facts

ON = date(2026, 3, 10)


def bill(
    region: str, *, personal: int = 0, in_policy: int = 0, account: int = 0, level: str = "L3", base: str = "active"
) -> Facts:
    patient = Patient(region, base, "normal", date(1960, 1, 1))
    return Facts(ON, "outpatient", level, patient, (Portion("", in_policy, personal, 0, 0),), account, 0)


def giver(aid: str, account: int, region: str = "420100", relation: str = "parent") -> Giver:
    return Giver(aid, f"p{aid}", "张*", relation, region, "normal", "2025-01-01T00:00:00", f"2025-01-01T00:00:{aid}", account)


def hints(facts: Facts, *candidates: Giver) -> list[tuple[str, int, str]]:
    regions = {facts.patient.region, *(g.region for g in (*facts.givers, *candidates))}
    packs = {region: library().in_force(region, facts.on) for region in regions}
    return [(h.what, h.fen, h.giver) for h in what_would_change(packs, facts, decide(packs, facts), candidates)]


def test_a_relative_who_has_not_authorised_would_have_saved_cash() -> None:
    facts = bill("420100", personal=9000, account=6000)
    packs = {"420100": library().in_force("420100", ON)}
    found = what_would_change(packs, facts, decide(packs, facts), (giver("01", 400_000, relation="child"), giver("02", 0)))
    assert found == (Hint("authorise", 3000, "如果父母（张*）办了家庭共济，其中 30.00 元就不用付现金", "01"),)


def test_nothing_is_offered_that_the_region_would_not_let_one_do() -> None:
    one = replace(bill("360100", personal=9000), givers=(giver("01", 1000, "360100"),))
    assert hints(one, giver("02", 9000, "360100")) == [], "one giver a receiver in Jiangxi"
    assert hints(bill("420100", personal=9000), giver("01", 9000, relation="parent_in_law")) == []


def test_what_a_giver_set_is_told_apart_from_what_a_giver_lacks() -> None:
    facts = bill("420100", personal=9000)
    assert hints(replace(facts, givers=(replace(giver("01", 5000), paused=True),))) == [("resume", 5000, "01")]
    assert hints(replace(facts, givers=(replace(giver("01", 8000), month_left=1000),))) == [("raise_limit", 7000, "01")]
    assert hints(replace(facts, givers=(replace(giver("01", 8000), keep=8000),))) == [("raise_limit", 8000, "01")]
    only = replace(giver("01", 8000), uses=frozenset({"inpatient"}))
    assert hints(replace(facts, givers=(only,))) == [("widen_uses", 8000, "01")]
    assert hints(replace(facts, givers=(replace(giver("01", 8000), until="2026-03-09"),))) == [("prolong", 8000, "01")]
    assert hints(replace(facts, givers=(giver("01", 8000),))) == [], "whose money is used up can do no more"


def test_own_money_that_was_not_used() -> None:
    facts = bill("420100", personal=9000, account=6000)
    assert hints(replace(facts, use_accounts=False)) == [("accounts_on", 6000, "")]
    assert hints(replace(facts, frozen=4000)) == [("unfreeze", 4000, "")]


def test_one_giver_a_settlement_may_be_picked_better() -> None:
    facts = replace(bill("140500", personal=50_000), givers=(giver("01", 120_000, "140500"), giver("02", 140_000, "140500")))
    packs = {"140500": library().in_force("140500", ON)}
    decision = decide(packs, facts)
    assert decision.aid_total == 20_000
    assert hints(facts) == [("choose", 20_000, "02")]


def test_pool_and_quota_are_the_roads_where_nothing_is_drawn() -> None:
    assert hints(bill("350100", personal=9000), giver("01", 205_000, "350100")) == [("pool", 5000, "01")]
    assert hints(bill("650100", personal=9000), giver("01", 4000, "310000")) == [("wallet", 4000, "01")]


def test_the_funds_would_pay_more_elsewhere() -> None:
    # Wuhan: 100 at grade 3 is paid 55 %, at a primary institution 85 %.
    assert hints(bill("420100", in_policy=10_000)) == [("community", 3000, "")]
    assert hints(bill("420100", in_policy=10_000, level="primary")) == []
    stay = replace(bill("110000", in_policy=1_130_000), use="inpatient", remote="unfiled")
    # (11,300 - 1,300) x (85 % - 20 points) = 6,500.
    assert hints(stay) == [("file_remote", 650_000, "")]


def test_a_family_doctor_counts_where_the_region_says_so() -> None:
    # Hangzhou: grade 1 and 2 alike with and without, but the yearly deductible is 300 less.
    found = {what: fen for what, fen, _ in hints(bill("330100", in_policy=200_000, level="L2"))}
    assert found["family_doctor"] == 24_000, "(1,000 - 700) x 80 %"


@settings(derandomize=True, max_examples=150, deadline=None)
@given(any_facts())
def test_no_hint_promises_more_than_the_bill_holds(facts: Facts) -> None:
    packs = _packs(facts)
    decision = decide(packs, facts)
    found = what_would_change(packs, facts, decision)
    assert all(hint.fen > 0 for hint in found)
    assert [hint.fen for hint in found] == sorted((hint.fen for hint in found), reverse=True)
    for hint in found:
        worth = facts.total - decision.funds if hint.what in ("community", "family_doctor", "file_remote") else decision.cash
        assert hint.fen <= worth
        assert not set("{}") & set(hint.text)
    assert decide(packs, facts) == decision, "asking changes nothing"


# Simulation

CHANGED = """
region = "420100"
name = "武汉市"
layer = "area"
[sources]
T = { title = "征求意见稿", grade = "A" }
[outpatient_ratio."2023-04-10"]
source = "T"
value = [{ from = 0, active = { primary = 0.85, L1 = 0.85, L2 = 0.65, L3 = 0.60 }, retired = 0.50 }]
[outpatient_cap]
"2023-04-10" = { value = { active = 3500, retired = 4500 }, source = "T" }
"""


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    (tmp_path / "420100").mkdir()
    (tmp_path / "420100/pack.toml").write_text(CHANGED, "utf-8")
    return tmp_path


def test_a_draft_is_tried_on_many_bills(draft: Path) -> None:
    young, old = bill("420100", in_policy=10_000), bill("420100", in_policy=10_000, base="retired")
    elsewhere = bill("360100", in_policy=10_000)
    unknown = replace(bill("110000", in_policy=10_000), on=date(2021, 6, 1))
    heard: list[int] = []
    sums = simulate(
        [("A", young), ("A", young), ("B", old), ("C", elsewhere), ("", unknown)],
        library(),
        Library(draft, over=library()),
        heard.append,
    )
    assert (sums.bills, sums.not_known, sums.changed, sums.people) == (4, 1, 3, 2)
    # Active grade 3: 55 to 60; retired: 65 to 50.
    assert (sums.better, sums.worse, sums.most_saved, sums.most_lost) == (1, 1, 1000, 1500)
    assert sums.after["pool"] - sums.before["pool"] == 2 * 500 - 1500
    assert sum(sums.before.values()) == sum(sums.after.values()) == 4 * 10_000, "changed rules move money between payers only"
    assert json.loads(json.dumps(sums.as_json()))["changed"] == 3


def test_other_refusals_are_not_swallowed(draft: Path) -> None:
    class Broken(Library):
        def in_force(self, region: str, on: date) -> object:  # type: ignore[override]
            raise Refusal("refs.unknown", given="x")

    with pytest.raises(Refusal, match=r"refs\.unknown"):
        simulate([("A", bill("420100", in_policy=1))], library(), Broken(draft, over=library()))


def test_bills_from_a_file(draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"person": "A", "facts": bill("420100", in_policy=10_000).as_json()}] * 3
    (tmp_path / "bills.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n", "utf-8")
    assert main(["simulate", str(draft), "--bills", str(tmp_path / "bills.jsonl")]) == 0
    out = capsys.readouterr().out
    assert "3 bills decided twice, 3 come out otherwise" in out
    assert "1 people affected: 1 pay less cash, 0 pay more" in out
    (tmp_path / "bills.jsonl").write_text('{"person": "A", "facts": {"on": "2025-01-01"}}\n', "utf-8")
    assert main(["simulate", str(draft), "--bills", str(tmp_path / "bills.jsonl")]) == 2
    assert "line 1" in capsys.readouterr().err
    assert main(["simulate", str(tmp_path / "nowhere"), "--bills", str(tmp_path / "bills.jsonl")]) == 2
