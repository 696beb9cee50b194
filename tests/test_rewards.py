"""What unbroken enrolment earns, and by which ways and papers residents enrol."""

from __future__ import annotations

from datetime import date

from mulaid.money import yuan
from mulaid.policy.benefit import PastYear, Record, addition, record
from mulaid.policy.pack import library
from mulaid.policy.waiting import entrances, papers

CAP = 30_000_000
NATION = library().in_force("620100", date(2026, 1, 1))


def year(number: int, funds: int = 100, *, insured: bool = True, serious: int = 0) -> PastYear:
    return PastYear(number, insured, funds, serious)


def adds(unbroken: int, without_claim: int = 0, cap: int = CAP) -> str:
    return yuan(addition(NATION, Record(unbroken, without_claim), cap).fen)


def test_each_year_after_four_adds_a_thousand() -> None:
    assert [adds(years) for years in (0, 4, 5, 6, 10)] == ["0.00", "0.00", "1000.00", "2000.00", "6000.00"]


def test_each_year_without_a_claim_adds_a_thousand() -> None:
    assert [adds(2, years) for years in (0, 1, 2)] == ["0.00", "1000.00", "2000.00"]
    assert adds(6, 2) == "4000.00"


def test_both_together_stay_within_a_fifth_of_the_cap() -> None:
    assert adds(60, 60) == "60000.00"
    assert adds(5, 1, cap=555_555) == "1111.11", "rounded down"
    told = addition(NATION, Record(60, 60), CAP).steps
    assert [step.what for step in told] == ["continuity", "zero_claim", "reward_ceiling"]
    assert [step.rule for step in told] == ["continuity_reward_yuan", "zero_claim_reward_yuan", "reward_ceiling_ratio"]


def test_a_break_begins_the_count_anew() -> None:
    past = [year(2018 + n) for n in range(6)] + [year(2024, insured=False), year(2025), year(2026)]
    assert record(past, CAP, 2025) == Record(2, 0)


def test_years_without_a_claim_count_since_the_rule_and_are_cleared_when_used() -> None:
    past = [year(2023, 0), year(2024, 0), year(2025, 0), year(2026, 0)]
    assert record(past, CAP, 2025) == Record(4, 2)
    assert record([*past, year(2027, serious=CAP)], CAP, 2025) == Record(5, 2), "the cap itself is no use of the reward"
    assert record([*past, year(2027, serious=CAP + 1)], CAP, 2025) == Record(5, 0)
    assert record([*past, year(2027, serious=CAP + 1), year(2028, 0)], CAP, 2025) == Record(6, 1)
    assert record([], CAP, 2025) == Record(0, 0)


def test_there_was_no_reward_before_the_rule() -> None:
    before = library().in_force("620100", date(2024, 12, 31))
    assert addition(before, Record(20, 5), CAP).fen == 0


# Ways in


def ways(region: str, holds: set[str], age: int, on: date = date(2026, 1, 1)) -> list[str]:
    return [way.name for way in entrances(library().in_force(region, on), holds, age)]


def test_a_residence_permit_opens_the_resident_scheme_since_2025() -> None:
    assert ways("120000", {"residence_permit"}, 70) == ["居住证"]
    assert ways("120000", {"residence_permit"}, 70, date(2024, 12, 31)) == []
    assert ways("120000", {"territory_permit", "permanent_residence"}, 30) == ["港澳台居民居住证", "外国人永久居留身份证"]
    assert ways("120000", set(), 30) == []


def test_students_and_newborns() -> None:
    assert ways("420100", {"local_school"}, 19) == ["学籍地参保"]
    assert ways("420100", {"local_birth"}, 0) == ["出生一件事"]
    assert ways("420100", {"local_birth"}, 1) == []


def test_x34_fuzhous_rule_is_fuzhous_only() -> None:
    assert ways("350100", {"parent_residence_permit"}, 17) == ["父母一方有居住证"]
    assert ways("350100", {"parent_residence_permit"}, 18) == []
    assert ways("350500", {"parent_residence_permit"}, 17) == []
    local = entrances(library().in_force("350100", date(2026, 1, 1)), {"local_household"}, 10)[0]
    assert (local.automatic, papers(local)) == (True, ["户口簿"])


def test_every_paper_has_a_name() -> None:
    for region in ("350100", "420100"):
        for way in library().in_force(region, date(2026, 1, 1))["resident_entrances"]:
            assert len(papers(way)) == len(way.needs) > 0
