"""The parameters a pack may set and the kind of each. A new number is a line in a pack; a new kind of rule starts here.

`parse` turns a stored plain value (JSON types, numbers as text) into what the law computes with: fen, Decimal ratios, frozensets.
It raises ValueError with the words a pack's author needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

LEVELS = ("primary", "L1", "L2", "L3", "L3P", "pharmacy")
ALL_LEVELS = "all"
RELATIONS = (
    "spouse", "parent", "child", "sibling", "paternal_grandparent", "maternal_grandparent",
    "grandchild_of_son", "grandchild_of_daughter", "parent_in_law",
)  # fmt: skip
USES = ("inpatient", "outpatient", "pharmacy", "premium_resident", "premium_ltc")
TAGS = ("implant", "orthodontics", "whitening", "dental_own")
PROHIBITED = ("public_health", "sport", "wellness", "cosmetic", "non_medical")
ORDERS = (
    "filing_time", "binding_time_asc", "binding_time_desc", "local_then_binding", "balance_desc_name", "user_rank",
    "payer_choice",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of a parameter are read, and what to call the kind in a message."""

    says: str
    parse: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Band:
    """A slice of the year's sum that begins at `from_fen`, with the fund's share by class and level."""

    from_fen: int
    ratios: Mapping[str, Mapping[str, Decimal]]


@dataclass(frozen=True, slots=True)
class PersonClass:
    """A finer class of person: a base class with conditions, all of which must hold."""

    name: str
    base: str
    min_age: int = 0
    max_age: int = 999
    retired_before: date | None = None
    family_doctor: bool | None = None


def plain(value: Any) -> Any:
    """A TOML value as JSON types, numbers and dates as text: the form that is stored and hashed."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, (bool, str)):
        return value
    return str(value)


def _number(value: Any, unit: str) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"{value!r} is not {unit}")
    return number


def _money(value: Any) -> int:
    fen = _number(value, "an amount in yuan") * 100
    if fen != fen.to_integral_value() or not 0 <= fen <= 10**11:
        raise ValueError(f"{value!r} is not an amount in yuan between 0 and 1,000,000,000 with at most two decimals")
    return int(fen)


def _ratio(value: Any) -> Decimal:
    ratio = _number(value, "a ratio between 0 and 1, such as 0.85")
    if not 0 <= ratio <= 1:
        raise ValueError(f"{value} is not a ratio between 0 and 1, such as 0.85")
    return ratio


def _count(low: int, high: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        number = _number(value, "a whole number")
        if number != number.to_integral_value() or not low <= number <= high:
            raise ValueError(f"{value} is not a whole number between {low} and {high}")
        return int(number)

    return parse


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _word(*words: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in words:
            raise ValueError(f"{value!r} is none of {', '.join(words)}")
        return str(value)

    return parse


def _words(*words: str) -> Callable[[Any], frozenset[str]]:
    def parse(value: Any) -> frozenset[str]:
        if not isinstance(value, list):
            raise ValueError(f"{value!r} is not a list of words")
        if words and (strange := [item for item in value if item not in words]):
            raise ValueError(f"{', '.join(map(repr, strange))} is none of {', '.join(words)}")
        return frozenset(map(str, value))

    return parse


def _or_none(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value == "none" else parse(value)


def _by_level(parse: Callable[[Any], Any], value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {ALL_LEVELS: parse(value)}
    if strange := [level for level in value if level not in LEVELS]:
        raise ValueError(f"level {', '.join(strange)} is none of {', '.join(LEVELS)}")
    return {level: parse(item) for level, item in value.items()}


def _by_class(parse: Callable[[Any], Any]) -> Callable[[Any], dict[str, dict[str, Any]]]:
    def read(value: Any) -> dict[str, dict[str, Any]]:
        if not isinstance(value, dict):
            raise ValueError(f"{value!r} is not a table by class, such as {{ active = 1800, retired = 1300 }}")
        return {name: _by_level(parse, item) for name, item in value.items()}

    return read


def _bands(value: Any) -> tuple[Band, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(row, dict) and "from" in row for row in value):
        raise ValueError("expected a list of bands, each with from = … and a table by class")
    bands = tuple(
        Band(_money(row["from"]), {name: _by_level(_ratio, item) for name, item in row.items() if name != "from"})
        for row in value
    )
    starts = [band.from_fen for band in bands]
    if starts[0] != 0 or starts != sorted(set(starts)):
        raise ValueError("the first band starts from 0 and each later one from a higher amount")
    return bands


def _classes(value: Any) -> tuple[PersonClass, ...]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ValueError("expected a list of classes")
    classes = []
    for row in value:
        if strange := set(row) - {"name", "base", "min_age", "max_age", "retired_before", "family_doctor"}:
            raise ValueError(f"unknown condition {', '.join(sorted(strange))}")
        if row.get("base") not in ("active", "retired", "resident") or not isinstance(row.get("name"), str):
            raise ValueError("a class has a name and a base: active, retired or resident")
        age = _count(0, 150)
        classes.append(
            PersonClass(
                name=row["name"],
                base=row["base"],
                min_age=age(row.get("min_age", "0")),
                max_age=age(row["max_age"]) if "max_age" in row else 999,
                retired_before=date.fromisoformat(row["retired_before"]) if "retired_before" in row else None,
                family_doctor=row.get("family_doctor"),
            )
        )
    return tuple(classes)


def _overrides(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or any(tag not in TAGS or word not in ("allow", "deny") for tag, word in value.items()):
        raise ValueError(f"expected a table of {', '.join(TAGS)} to allow or deny")
    return dict(value)


def _money_table(value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        raise ValueError("expected a table of amounts")
    return {key: _money(item) for key, item in value.items()}


def _ratio_or_by_class(value: Any) -> dict[str, dict[str, Decimal]]:
    if isinstance(value, dict):
        return _by_class(_ratio)(value)
    return {name: {ALL_LEVELS: _ratio(value)} for name in ("active", "retired", "resident")}


def _retiree_credit(value: Any) -> tuple[tuple[int, str, int], ...]:
    """Rows (from age, "monthly" or "yearly", fen), or of the ratio of the average pension in hundredths of a percent."""
    if not isinstance(value, list):
        raise ValueError("expected a list of { min_age = 0, monthly = 100 }")
    rows = []
    for row in value:
        if not isinstance(row, dict) or len(row) != 2 or "min_age" not in row:
            raise ValueError("a row is min_age and one of monthly, yearly, pension_ratio")
        (unit,) = set(row) - {"min_age"}
        if unit not in ("monthly", "yearly", "pension_ratio"):
            raise ValueError(f"{unit!r} is none of monthly, yearly, pension_ratio")
        amount = int(_ratio(row[unit]) * 10_000) if unit == "pension_ratio" else _money(row[unit])
        rows.append((_count(0, 150)(row["min_age"]), unit, amount))
    return tuple(sorted(rows))


def _anything(value: Any) -> Any:
    return value


MONEY = Kind("money", _money)
MONEY_OR_NONE = Kind("money or none", _or_none(_money))
RATIO = Kind("ratio", _ratio)
YES_OR_NO = Kind("yes or no", _yes_or_no)
COUNT_OR_NONE = Kind("count or none", _or_none(_count(0, 1000)))

PARAMETERS: Mapping[str, Kind] = {
    "outpatient_deductible_mode": Kind("word", _word("none", "annual", "annual_by_level_difference", "per_visit_day")),
    "outpatient_deductible": Kind("money by class and level", _by_class(_money)),
    "outpatient_ratio": Kind("bands", _bands),
    "tier_basis": Kind("word", _word("in_policy_sum", "fund_paid_sum")),
    "outpatient_cap": Kind("money or none by class", _by_class(_or_none(_money))),
    "outpatient_supplement_after_cap": MONEY,
    "outpatient_after_cap_ratio": Kind("ratio by class", _ratio_or_by_class),
    "split_current_and_prior_account": YES_OR_NO,
    "person_classes": Kind("classes", _classes),
    "class_b_upfront_ratio": RATIO,
    "account_scope": Kind("word", _word("personal_burden", "in_policy_only")),
    "account_item_overrides": Kind("table of items", _overrides),
    "prohibited_uses": Kind("words", _words(*PROHIBITED)),
    "vaccine_allow_list": Kind("words", _words()),
    "mutual_aid_mode": Kind("word", _word("draw", "pool", "quota")),
    "mutual_aid_relations": Kind("words", _words(*RELATIONS)),
    "mutual_aid_area": Kind("word", _word("pooling_area", "province", "nation")),
    "mutual_aid_use_types": Kind("words", _words(*USES)),
    "mutual_aid_effective_delay_days": Kind("days", _count(0, 366)),
    "max_beneficiaries_per_authoriser": COUNT_OR_NONE,
    "max_lifetime_beneficiaries": COUNT_OR_NONE,
    "max_authorisers_per_beneficiary": COUNT_OR_NONE,
    "max_authorisers_per_settlement": COUNT_OR_NONE,
    "roles_exclusive": YES_OR_NO,
    "authoriser_excluded_groups": Kind("words", _words("publicly_funded", "province_level")),
    "authoriser_balance_floor": MONEY,
    "authoriser_reserve_ratio": RATIO,
    "authoriser_account_part": Kind("word", _word("whole", "prior_years")),
    "settlement_cap_per_member": MONEY_OR_NONE,
    "member_quota": MONEY_OR_NONE,
    "daily_mutual_aid_limit": MONEY_OR_NONE,
    "authoriser_order": Kind("word", _word(*ORDERS)),
    "own_account_first": YES_OR_NO,
    "own_balance_must_be_zero": YES_OR_NO,
    "wallet_order": Kind("word", _word("after_relations", "before_relations")),
    "suspended_member_can_receive": YES_OR_NO,
    "suspended_owner_can_spend_own": YES_OR_NO,
    "suspended_giver_can_fund": YES_OR_NO,
    "auto_release_on": Kind("words", _words("insurance_ended", "moved_area", "suspended", "kinship_ended", "death")),
    "min_months_before_release": Kind("months", _count(0, 120)),
    "mutual_aid_release_by": Kind("words", _words("giver", "receiver")),
    "mutual_aid_filing_mode": Kind("word", _word("instant_promise", "review", "counter")),
    "mutual_aid_valid_period": Kind("word", _word("open_ended", "dated")),
    "credential_code_ttl_seconds": Kind("seconds", _count(30, 120)),
    "face_check_min_age_years": Kind("count", _count(0, 18)),
    "guardian_consent_below_age_years": Kind("count", _count(14, 14)),
    "adult_age_years": Kind("count", _count(18, 18)),
    "family_account_max_members": COUNT_OR_NONE,
    "family_account_max_binders_per_member": COUNT_OR_NONE,
    "family_account_binder_window": Kind("word", _word("total", "calendar_month", "none")),
    "payable_premium_schemes": Kind("words", _words("resident", "ltc", "city_supplement", "commercial")),
    "premium_partial_payment": YES_OR_NO,
    "resident_premium": Kind("table of money", _money_table),
    "active_credit_ratio": RATIO,
    "retiree_credit": Kind("list of credits", _retiree_credit),
    "inpatient_deductible": Kind("table", _anything),
    "inpatient_ratio_bands": Kind("table", _anything),
}
