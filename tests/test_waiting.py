"""How long benefits wait: the law of both tracks, W28 and the contradictions about lapses."""

from __future__ import annotations

from datetime import date

import pytest

from mulaid.calendar import month_of, months_between, months_later, year_start
from mulaid.policy.pack import library
from mulaid.policy.waiting import EmployeeBreak, ResidentYear, employee_wait, inpatient_from, resident_wait, told

NATION, JIANGSU, SANMING = "370200", "320100", "350400"
IN_WINDOW = date(2026, 10, 8)


def resident(lapsed: int = 0, repaired: int = 0, *, paid_on: date = IN_WINDOW, year: int = 2027, **more: object) -> date:
    pack = library().in_force(NATION, paid_on)
    paid = ResidentYear(year, paid_on, in_window=paid_on.year < year, lapsed_years=lapsed, repaired=repaired, **more)  # type: ignore[arg-type]
    return resident_wait(pack, paid).begins


def employee(lapsed_from: date, paid_on: date, region: str = NATION, **more: object) -> tuple[date, int, bool]:
    wait = employee_wait(library().in_force(region, paid_on), EmployeeBreak(lapsed_from, paid_on, **more))  # type: ignore[arg-type]
    return wait.begins, wait.months, wait.claimable_back


def test_w28_two_unpaid_years_wait_three_months_and_one() -> None:
    assert resident(2) == date(2027, 5, 1)
    assert resident(2, repaired=1) == date(2027, 4, 1)
    assert resident(1) == date(2027, 4, 1)


def test_x22_the_first_lapsed_year_does_not_count_and_five_years_are_not_three_and_five() -> None:
    assert resident(5) == date(2027, 8, 1)


@pytest.mark.parametrize(
    ("lapsed", "repaired", "begins"),
    [
        (0, 0, date(2027, 1, 1)),
        (3, 0, date(2027, 6, 1)),
        (3, 3, date(2027, 4, 1)),
        (4, 0, date(2027, 7, 1)),
        (4, 4, date(2027, 7, 1)),  # after repair the two waits together are still six months
        (6, 6, date(2027, 7, 1)),
        (6, 1, date(2027, 8, 1)),
    ],
)
def test_lapsed_years_and_what_paying_for_them_brings(lapsed: int, repaired: int, begins: date) -> None:
    assert resident(lapsed, repaired) == begins


def test_paying_outside_the_window_waits_three_months_from_the_day() -> None:
    assert resident(paid_on=date(2027, 3, 10)) == date(2027, 6, 10)
    assert resident(paid_on=date(2027, 11, 30)) == date(2028, 2, 29), "the last day of a shorter month"


def test_newborns_and_those_who_come_from_work_do_not_wait() -> None:
    assert resident(paid_on=date(2027, 3, 10), exempt="newborn") == date(2027, 3, 10)
    assert resident(paid_on=date(2027, 3, 10), exempt="veteran") == date(2027, 6, 10), "a group the region does not name"
    assert resident(paid_on=date(2027, 3, 10), gap_after_employee=3) == date(2027, 3, 10)
    assert resident(paid_on=date(2027, 3, 10), gap_after_employee=4) == date(2027, 6, 10)


def test_there_was_no_wait_before_the_rule_of_2025() -> None:
    assert resident(3, paid_on=date(2024, 3, 10), year=2024) == date(2024, 3, 10)


def test_a_short_break_at_work_is_as_if_there_had_been_none() -> None:
    assert employee(date(2026, 1, 1), date(2026, 4, 20)) == (date(2026, 4, 1), 0, True), "three months"
    assert employee(date(2026, 1, 1), date(2026, 1, 20)) == (date(2026, 1, 20), 0, True), "within the month"


def test_a_longer_break_waits_six_months_in_the_nation_and_three_in_jiangsu() -> None:
    assert employee(date(2026, 1, 1), date(2026, 5, 20)) == (date(2026, 11, 1), 6, False)
    assert employee(date(2026, 1, 1), date(2026, 5, 20), JIANGSU) == (date(2026, 8, 1), 3, False)


def test_who_changes_scheme_needs_two_full_years_for_the_grace() -> None:
    assert employee(date(2026, 1, 1), date(2026, 3, 5), switched=True, years_before=1) == (date(2026, 9, 1), 6, False)
    assert employee(date(2026, 1, 1), date(2026, 3, 5), switched=True, years_before=2) == (date(2026, 3, 1), 0, True)


def test_x21_sanming_restores_from_the_next_month_and_back_payment_shortens() -> None:
    assert employee(date(2026, 1, 1), date(2026, 3, 5), SANMING) == (date(2026, 4, 1), 0, True)
    assert employee(date(2026, 1, 1), date(2026, 6, 5), SANMING) == (date(2026, 12, 1), 6, False)
    assert employee(date(2026, 1, 1), date(2026, 6, 5), SANMING, back_paid=2) == (date(2026, 10, 1), 4, False)
    assert employee(date(2026, 1, 1), date(2026, 6, 5), SANMING, back_paid=99) == (date(2026, 7, 1), 1, False), (
        "no more than the gap"
    )


def test_x21_a_first_enrolment_in_hubei_covers_hospital_stays_later() -> None:
    hubei = library().in_force("420100", date(2026, 3, 2))
    assert inpatient_from(hubei, date(2026, 3, 2), flexible=True) == date(2026, 6, 2)
    assert inpatient_from(hubei, date(2026, 3, 2), flexible=False) is None
    assert inpatient_from(library().in_force(NATION, date(2026, 3, 2)), date(2026, 3, 2), flexible=True) is None


def test_a_wait_tells_its_reasons_with_rule_and_source() -> None:
    pack = library().in_force(NATION, IN_WINDOW)
    wait = resident_wait(pack, ResidentYear(2027, IN_WINDOW, in_window=True, lapsed_years=2, repaired=1))
    lines = told({NATION: pack}, wait.steps)
    assert [line.text for line in lines] == [
        "此前断缴了 2 年，固定等待期 3 个月",
        "第一个断缴年不算，另有 1 年断缴，补缴了 1 年，变动等待期 0 个月",
        "医保待遇从 2027-04-01 起享受",
    ]
    assert all(line.source and line.rule_name for line in lines[:2])
    short = employee_wait(pack, EmployeeBreak(date(2026, 1, 1), date(2026, 3, 5)))
    assert [line.text for line in told({NATION: pack}, short.steps)] == [
        "从 2026-01-01 起中断缴费，空了 2 个月",
        "中断不超过 3 个月，视同没有中断",
        "医保待遇从 2026-03-01 起享受",
    ]


def test_months_of_the_calendar() -> None:
    assert months_later(date(2026, 8, 31), 6) == date(2027, 2, 28)
    assert months_later(date(2026, 12, 15), 1) == date(2027, 1, 15)
    assert months_later(date(2026, 1, 31), -2) == date(2025, 11, 30)
    assert months_between(date(2025, 11, 30), date(2026, 2, 1)) == 3
    assert month_of(date(2026, 2, 28)) == date(2026, 2, 1)
    assert year_start(date(2026, 6, 30), (7, 1)) == date(2025, 7, 1)
    assert year_start(date(2026, 7, 1), (7, 1)) == date(2026, 7, 1)
