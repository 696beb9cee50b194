"""Entering: by which ways and with which papers, and how long benefits wait after a break, each track with its reasons.

Employees (policy N8): a short break is as if there had been none, a longer one waits. Residents (policy N2h-N2j): a fixed wait
for paying outside the collection window or after a break, a variable one by lapsed years, which paying for them shortens.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from mulaid.calendar import month_of, months_between, months_later
from mulaid.policy.explain import Line
from mulaid.policy.pack import Pack
from mulaid.policy.parameters import Entrance
from mulaid.policy.split import Step

LONG_BREAK_YEARS = 4
EXEMPT = {
    "newborn": "新生儿",
    "assisted": "医疗救助对象",
    "veteran": "退役军人",
    "graduate": "当年毕业生",
    "released": "刑满释放人员",
}
PAPERS = {
    "household_register": "户口簿", "residence_permit": "居住证", "registration_receipt": "居住登记回执",
    "territory_permit": "港澳台居民居住证", "permanent_residence_card": "外国人永久居留身份证", "student_record": "学籍证明",
    "birth_certificate": "出生医学证明", "parent_residence_permit": "父母一方的居住证",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wait:
    """Benefits begin on `begins`, after `months` of waiting; `claimable_back` tells that bills of the break may be handed in."""

    begins: date
    months: int
    claimable_back: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class EmployeeBreak:
    """An employee's break: the first day without cover, the day contributions are paid again, and how many of the months between.

    `switched` tells that the person changed scheme; then `years_before` full years of enrolment decide about the grace.
    """

    lapsed_from: date
    paid_on: date
    back_paid: int = 0
    switched: bool = False
    years_before: int = 0

    @property
    def gap(self) -> int:
        """Whole months for which nothing was paid."""
        return max(0, months_between(self.lapsed_from, self.paid_on))


@dataclass(frozen=True, slots=True)
class ResidentYear:
    """A resident's payment for an insured year: lapsed years before it that count, how many of them are paid now as well.

    `exempt` is the group that waits for nothing, empty for most; `gap_after_employee` the months since an employee enrolment of
    two years or more ended, None without one.
    """

    year: int
    paid_on: date
    in_window: bool
    first: bool = False
    lapsed_years: int = 0
    repaired: int = 0
    exempt: str = ""
    gap_after_employee: int | None = None


def employee_wait(pack: Pack, broken: EmployeeBreak) -> Wait:
    """When an employee's benefits begin again: with the paying month after a short break, else after the region's wait."""
    month, region = month_of(broken.paid_on), pack.region
    grace: int = pack["employee_grace_months"]
    steps = [Step("break", 0, "", "", {"gap": broken.gap, "since": broken.lapsed_from.isoformat()})]
    if broken.gap <= grace and (not broken.switched or broken.years_before >= 2):
        steps.append(Step("grace", 0, "employee_grace_months", region, {"months": grace}))
        if pack["employee_restored_from"] == "next_month":
            month = months_later(month, 1)
            steps.append(Step("next_month", 0, "employee_restored_from", region, {}))
        begins = month if month > broken.lapsed_from else max(broken.paid_on, month)
        return Wait(begins, 0, True, (*steps, _begins(begins)))
    wait: int = pack["employee_wait_months"]
    steps.append(Step("employee_wait", 0, "employee_wait_months", region, {"months": wait}))
    cut = min(wait, pack["employee_wait_cut_per_back_paid_month"] * min(broken.back_paid, broken.gap))
    if cut:
        steps.append(Step("back_paid", 0, "employee_wait_cut_per_back_paid_month", region, {"months": cut}))
    begins = max(broken.paid_on, months_later(month, wait - cut))
    return Wait(begins, wait - cut, False, (*steps, _begins(begins)))


def inpatient_from(pack: Pack, since: date, *, flexible: bool) -> date | None:
    """Until when a first employee enrolment without an employer does not cover stays in hospital; None where it does at once."""
    months: int = pack["employee_first_wait_months"]
    return months_later(since, months) if flexible and months else None


def resident_wait(pack: Pack, paid: ResidentYear) -> Wait:
    """When a resident's benefits begin: on 1 January, or the day of a late payment, after the waits that apply."""
    start, region = max(date(paid.year, 1, 1), paid.paid_on), pack.region
    if paid.exempt and paid.exempt in pack["resident_wait_exempt"]:
        step = Step("exempt", 0, "resident_wait_exempt", region, {"group": paid.exempt})
        return Wait(start, 0, False, (step, _begins(start)))
    if paid.gap_after_employee is not None and paid.gap_after_employee <= pack["employee_grace_months"]:
        step = Step("grace", 0, "employee_grace_months", region, {"months": pack["employee_grace_months"]})
        return Wait(start, 0, False, (step, _begins(start)))
    if paid.in_window and not paid.lapsed_years:
        return Wait(start, 0, False, (Step("in_time", 0, "resident_premium_window", region, {}), _begins(start)))
    fixed: int = pack["resident_fixed_wait_months"]
    detail = {"months": fixed, "lapsed": paid.lapsed_years, "in_window": paid.in_window}
    steps = [Step("fixed_wait", 0, "resident_fixed_wait_months", region, detail)]
    a_year: int = pack["resident_variable_wait_per_year"]
    counted = max(0, paid.lapsed_years - (0 if pack["resident_first_lapsed_year_counts"] else 1))
    left = max(0, counted - paid.repaired)
    if counted:
        detail = {"months": a_year * left, "lapsed": paid.lapsed_years, "years": counted, "repaired": paid.repaired}
        steps.append(Step("variable_wait", 0, "resident_variable_wait_per_year", region, detail))
    months = fixed + a_year * left
    least: int = pack["resident_min_wait_after_4_years"]
    if paid.lapsed_years >= LONG_BREAK_YEARS and months < least:
        steps.append(Step("least_wait", 0, "resident_min_wait_after_4_years", region, {"months": least}))
        months = least
    begins = months_later(start, months)
    return Wait(begins, months, False, (*steps, _begins(begins)))


def _begins(day: date) -> Step:
    return Step("begins", 0, "", "", {"on": day.isoformat()})


def told(packs: Mapping[str, Pack], steps: Sequence[Step]) -> list[Line]:
    """The reasons of a wait as sentences, each with its rule and source."""
    return [told_line(packs, step, SENTENCES[step.what](step.detail)) for step in steps if step.what in SENTENCES]


def told_line(packs: Mapping[str, Pack], step: Step, text: str) -> Line:
    """One sentence with where its rule comes from."""
    if not step.rule:
        return Line(step.what, text, step.fen)
    pack = packs[step.region]
    value = pack.values[step.rule]
    return Line(step.what, text, step.fen, step.rule, pack.name, value.source, value.since, value.confidence)


def _fixed(detail: Mapping[str, Any]) -> str:
    why = f"此前断缴了 {detail['lapsed']} 年" if detail["lapsed"] else "没有在集中缴费期内缴费"
    return f"{why}，固定等待期 {detail['months']} 个月"


def _variable(detail: Mapping[str, Any]) -> str:
    repaired = f"，补缴了 {detail['repaired']} 年" if detail["repaired"] else ""
    counted = "第一个断缴年不算，另有" if detail["years"] < detail["lapsed"] else "共有"
    return f"{counted} {detail['years']} 年断缴{repaired}，变动等待期 {detail['months']} 个月"


SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "break": lambda d: f"从 {d['since']} 起中断缴费，空了 {d['gap']} 个月",
    "grace": lambda d: f"中断不超过 {d['months']} 个月，视同没有中断",
    "next_month": lambda d: "待遇从缴费的下一个月起恢复",
    "employee_wait": lambda d: f"中断时间较长，续缴后要等 {d['months']} 个月",
    "back_paid": lambda d: f"补缴了中断的月份，等待期减少 {d['months']} 个月",
    "exempt": lambda d: f"{EXEMPT[d['group']]}不设等待期",
    "in_time": lambda d: "在集中缴费期内缴费，没有等待期",
    "fixed_wait": _fixed,
    "variable_wait": _variable,
    "least_wait": lambda d: f"断缴四年以上，等待期合计不少于 {d['months']} 个月",
    "begins": lambda d: f"医保待遇从 {d['on']} 起享受",
}


def entrances(pack: Pack, holds: Collection[str], age: int) -> list[Entrance]:
    """The ways open to somebody of an age who holds these (words of HOLDINGS); none where the region has no way for them."""
    ways: tuple[Entrance, ...] = pack["resident_entrances"]
    return [way for way in ways if age < way.below_age and way.holds & set(holds)]


def papers(way: Entrance) -> list[str]:
    """The papers of a way by their names."""
    return [PAPERS[paper] for paper in sorted(way.needs)]
