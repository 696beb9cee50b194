"""The parameters a pack may set and the kind of each. A new number is a line in a pack; a new kind of rule starts here.

`parse` turns a stored plain value (JSON types, numbers as text) into what the law computes with: fen, Decimal ratios, frozensets.
It raises ValueError with the words a pack's author needs. What each parameter is called in Chinese and what it means is in
`reference.toml`: one place for the document, the commands and the explanations.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
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
ROUTES = ("id_number", "other_document", "birth_certificate", "offline")
DOCUMENTS = (
    "promise_letter", "household_register", "id_card", "identity_document", "birth_certificate", "insurance_card",
    "kinship_proof",
)  # fmt: skip
SCHEMES = ("resident", "ltc", "city_supplement", "commercial")
HOLDINGS = (
    "local_household", "residence_permit", "territory_permit", "permanent_residence", "local_school", "local_birth",
    "parent_residence_permit", "parent_local_household",
)  # fmt: skip
ENTRANCE_PAPERS = (
    "household_register", "residence_permit", "registration_receipt", "territory_permit", "permanent_residence_card",
    "student_record", "birth_certificate", "parent_residence_permit",
)  # fmt: skip
PREMIUM_CLASSES = ("all", "child", "working_age", "elderly")
CHRONIC = (
    "hypertension", "diabetes", "cancer_outpatient", "dialysis", "anti_rejection", "copd", "rheumatoid_arthritis",
    "coronary_disease", "viral_hepatitis", "ankylosing_spondylitis",
)  # fmt: skip
EXCLUDED = (
    "registration_fee", "outside_consultation", "record_copies", "urgent_surcharge", "named_surgeon", "premium_price",
    "private_nurse", "cosmetic", "corrective_surgery", "weight_and_height", "check_up", "preventive", "wellness", "certificates",
    "pet_ct", "electron_beam_ct", "excimer_laser", "glasses", "dentures", "artificial_eye", "artificial_limb", "hearing_aid",
    "self_use_device", "organ_source", "unlisted_transplant", "short_sight_correction", "qigong_and_music", "infertility",
    "sexual_function", "research", "work_injury", "third_party", "public_health", "abroad", "tonic_drugs", "protected_species",
    "health_care_drugs", "vaccines_and_contraceptives", "appearance_and_habit_drugs", "wine_and_tea_forms", "effervescent_forms",
    "implant", "porcelain_crown", "orthodontics", "whitening",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of a parameter are read, and what to call the kind in a message.

    `before` is what the law did before the parameter existed: packs kept with older decisions do not have it. Parameters that
    the law never looked up, or that are there from the first decision on, need none.
    """

    says: str
    parse: Callable[[Any], Any]
    before: Any = ...


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


@dataclass(frozen=True, slots=True)
class Entrance:
    """A way into the resident scheme: who holds any of `holds` and is below an age may enrol with the papers of `needs`."""

    name: str
    holds: frozenset[str]
    needs: frozenset[str]
    below_age: int = 999
    automatic: bool = False


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


def _money_to(most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        fen = _money(value)
        if fen > most * 100:
            raise ValueError(f"{value!r} is more than {most:,} yuan, the most this parameter takes")
        return fen

    return parse


def _ratio(value: Any) -> Decimal:
    ratio = _number(value, "a ratio between 0 and 1, such as 0.85")
    if not 0 <= ratio <= 1:
        raise ValueError(f"{value} is not a ratio between 0 and 1, such as 0.85")
    return ratio


def _ratio_to(most: str) -> Callable[[Any], Decimal]:
    def parse(value: Any) -> Decimal:
        ratio = _ratio(value)
        if ratio > Decimal(most):
            raise ValueError(f"{value} is above {most}; ten points of the ratio are written 0.10")
        return ratio

    return parse


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
    if strange := [level for level in value if level not in LEVELS and not (level == ALL_LEVELS and len(value) == 1)]:
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


def _bands_or_none(value: Any) -> tuple[Band, ...]:
    """Bands; an empty list where nothing is paid."""
    return () if value == [] else _bands(value)


def _by_admission(value: Any) -> tuple[int, ...]:
    """Fen for the first admission of a year, the second and so on, the last for every later one."""
    if not isinstance(value, dict):
        return (_money(value),)
    if set(value) not in ({"first", "later"}, {"first", "second", "later"}):
        raise ValueError("a deductible by admission is { first = …, later = … }, with second = … where the second differs")
    return tuple(_money(value[name]) for name in ("first", "second", "later") if name in value)


def _inpatient_deductible(value: Any) -> dict[str, dict[str, tuple[int, ...]]]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not a table by class, such as {{ active = {{ first = 1300, later = 650 }} }}")
    by_level = _by_class(_by_admission)
    # A row by admission stands for all levels, as a bare amount does.
    return by_level({name: {ALL_LEVELS: row} if isinstance(row, dict) and "first" in row else row for name, row in value.items()})


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


def _table(what: str, keys: tuple[str, ...], parse: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    """A table whose keys come from a closed list."""

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"{value!r} is not a table of {what}, such as {{ {keys[0]} = … }}")
        if strange := [key for key in value if key not in keys]:
            raise ValueError(f"{', '.join(strange)} is none of {', '.join(keys)}")
        return {key: parse(item) for key, item in value.items()}

    return read


def _premiums(value: Any) -> dict[str, int]:
    amounts: dict[str, int] = _table("amounts", PREMIUM_CLASSES, _money_to(2_000))(value)
    if amounts and "all" not in amounts and set(amounts) != set(PREMIUM_CLASSES[1:]):
        raise ValueError("without `all` a table of premiums names child, working_age and elderly")
    return amounts


def _clock(value: Any) -> time:
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])(:00)?", value if isinstance(value, str) else "", re.ASCII)
    if not found:
        raise ValueError(f'{value!r} is not a time of day such as "22:00"')
    return time(int(found[1]), int(found[2]))


def _month_day(value: Any) -> tuple[int, int]:
    text = value if isinstance(value, str) and re.fullmatch(r"[0-9]{2}-[0-9]{2}", value, re.ASCII) else ""
    try:
        day = date.fromisoformat(f"2001-{text}")
    except ValueError:
        raise ValueError(f'{value!r} is not a day that every year has, such as "07-01"') from None
    return day.month, day.day


def _window(value: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    if not isinstance(value, dict) or set(value) != {"from", "until"}:
        raise ValueError('expected { from = "09-01", until = "12-31" }, days of the year before the insured year')
    start, end = _month_day(value["from"]), _month_day(value["until"])
    if start > end:
        raise ValueError(f"the window ends on {value['until']}, before it begins on {value['from']}")
    return start, end


def _hotline(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{3,5}|0[0-9]{2,3}-?[0-9]{7,8}", value, re.ASCII):
        raise ValueError(f'{value!r} is not a telephone number such as "12393" or "0311-88166009"')
    return value


def _contribution_base(value: Any) -> tuple[int, int | None]:
    read = _table("limits", ("floor", "cap"), _or_none(_money))(value)
    floor, cap = read.get("floor") or 0, read.get("cap")
    if cap is not None and cap < floor:
        raise ValueError(f"the cap {value['cap']} is below the floor {value['floor']}")
    return floor, cap


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


def _or_as_employee(value: Any) -> int | None:
    """Fen a month, or None where the flexible worker is credited like an employee."""
    return None if value == "as_employee" else _money(value)


def _entrances(value: Any) -> tuple[Entrance, ...]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ValueError("expected a list of entrances")
    rows = []
    for row in value:
        if strange := set(row) - {"name", "below_age", "holds", "needs", "automatic"}:
            raise ValueError(f"unknown member {', '.join(sorted(strange))}")
        if not isinstance(row.get("name"), str):
            raise ValueError("an entrance has a name")
        rows.append(
            Entrance(
                name=row["name"],
                holds=_words(*HOLDINGS)(row.get("holds", [])),
                needs=_words(*ENTRANCE_PAPERS)(row.get("needs", [])),
                below_age=_count(0, 150)(row["below_age"]) if "below_age" in row else 999,
                automatic=_yes_or_no(row.get("automatic", False)),
            )
        )
    return tuple(rows)


MONEY = Kind("money", _money)
MONEY_OR_NONE = Kind("money or none", _or_none(_money))
RATIO = Kind("ratio", _ratio)
YES_OR_NO = Kind("yes or no", _yes_or_no)
PEOPLE_OR_NONE = Kind("count or none", _or_none(_count(1, 20)))
MONTHS = Kind("months", _count(0, 12))
REWARD = Kind("money", _money_to(100_000))
CLOCK = Kind("time of day", _clock)

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
    "max_beneficiaries_per_authoriser": PEOPLE_OR_NONE,
    "max_lifetime_beneficiaries": Kind("count or none", _or_none(_count(1, 50))),
    "max_authorisers_per_beneficiary": PEOPLE_OR_NONE,
    "max_authorisers_per_settlement": PEOPLE_OR_NONE,
    "roles_exclusive": YES_OR_NO,
    "authoriser_excluded_groups": Kind("words", _words("publicly_funded", "province_level", "chronic_patient")),
    "authoriser_balance_floor": Kind("money", _money_to(5_000)),
    "authoriser_reserve_ratio": RATIO,
    "authoriser_account_part": Kind("word", _word("whole", "prior_years")),
    "settlement_cap_per_member": MONEY_OR_NONE,
    "member_quota": MONEY_OR_NONE,
    "daily_mutual_aid_limit": MONEY_OR_NONE,
    "refund_restores_caps": YES_OR_NO,
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
    "card_daily_cap": Kind("money", _money_to(1_000), 0),
    "face_check_min_age_years": Kind("count", _count(0, 18)),
    "guardian_consent_below_age_years": Kind("count", _count(14, 14)),
    "adult_age_years": Kind("count", _count(18, 18)),
    "family_account_max_members": Kind("count", _count(1, 10)),
    "family_account_max_binders_per_member": PEOPLE_OR_NONE,
    "family_account_binder_window": Kind("word", _word("total", "calendar_month", "both", "none")),
    "payable_premium_schemes": Kind("words", _words(*SCHEMES)),
    "premium_partial_payment": YES_OR_NO,
    "resident_premium": Kind("money by class of resident", _premiums),
    "active_credit_ratio": RATIO,
    "retiree_credit": Kind("list of credits", _retiree_credit),
    "inpatient_deductible": Kind("money by class, level and admission", _inpatient_deductible),
    "inpatient_ratio_bands": Kind("bands or none", _bands_or_none),
    "inpatient_tier_basis": Kind("word", _word("admission", "year_sum"), "admission"),
    "inpatient_cap": Kind("money or none by class", _by_class(_or_none(_money)), {}),
    "chronic_deductible": Kind("money by class and level", _by_class(_money), {}),
    "chronic_ratio": Kind("ratio by class and level", _by_class(_ratio), {}),
    "chronic_cap": Kind("money or none by class", _by_class(_or_none(_money)), {}),
    "serious_illness_start": Kind("money or none by class", _by_class(_or_none(_money)), {}),
    "serious_illness_bands": Kind("bands or none", _bands_or_none, ()),
    "serious_illness_cap": Kind("money or none by class", _by_class(_or_none(_money)), {}),
    "remote_long_term_ratio_cut": Kind("ratio points", _ratio_to("0.30"), Decimal(0)),
    "remote_referral_cut": Kind("ratio points", _ratio_to("0.30"), Decimal(0)),
    "remote_other_cut": Kind("ratio points", _ratio_to("0.30"), Decimal(0)),
    "remote_unfiled_cut": Kind("ratio points or none", _or_none(_ratio_to("0.30")), Decimal(0)),
    "remote_promise_home_cut": Kind("ratio points or none", _or_none(_ratio_to("0.30")), Decimal(0)),
    "credential_one_per_person": YES_OR_NO,
    "credential_offline_fallback_hours": Kind("hours", _count(0, 168)),
    "payment_password_digits": Kind("count", _count(6, 6)),
    "face_check_alternative_required": YES_OR_NO,
    "face_sample_retention_days": Kind("days", _count(0, 30)),
    "family_account_relation_caps": Kind("count by relation", _table("counts", (*RELATIONS, "father", "mother"), _count(0, 10))),
    "family_account_monthly_bind_limit": Kind("count or none", _or_none(_count(1, 10))),
    "family_account_rebind_wait_days": Kind("days", _count(0, 180)),
    "family_account_relations": Kind("words", _words(*RELATIONS)),
    "family_account_unconfirmed_kinship": Kind("word", _word("accept", "review_minors", "review")),
    "family_account_request_days": Kind("days", _count(1, 90)),
    "family_account_binding_routes": Kind("words", _words(*ROUTES)),
    "family_account_required_documents": Kind("words by route", _table("documents", ROUTES, _words(*DOCUMENTS))),
    "family_account_unbind_by": Kind("words", _words("binder", "member")),
    "family_account_label_means": Kind("word", _word("code_only", "mutual_aid")),
    "presentation_purpose_required": YES_OR_NO,
    "mutual_aid_acceptance": YES_OR_NO,
    "mutual_aid_invitation_days": Kind("days", _count(1, 90)),
    "pool_transfer_per_month": Kind("count or none", _or_none(_count(1, 31))),
    "pool_members_may_fund": YES_OR_NO,
    "pool_close_online": YES_OR_NO,
    "direct_transfer_between_employees": YES_OR_NO,
    "dormant_freeze_months": Kind("count or none", _or_none(_count(1, 120))),
    "wallet_mode": Kind("word", _word("none", "transfer", "quota")),
    "wallet_daily_transfers": Kind("count", _count(0, 10)),
    "wallet_transfer_max": Kind("money", _money_to(10_000)),
    "wallet_closed_from": CLOCK,
    "wallet_closed_to": CLOCK,
    "wallet_accept_deadline": CLOCK,
    "wallet_one_pending": YES_OR_NO,
    "wallet_quota_frozen": YES_OR_NO,
    "clearing_period": Kind("word", _word("monthly")),
    "resident_premium_window": Kind("window", _window),
    "premium_max_balance_ratio": RATIO,
    "premium_balance_floor": Kind("money by scheme", _table("amounts", SCHEMES, _money_to(100_000))),
    "average_pension": MONEY_OR_NONE,
    "flexible_credit": Kind("money or as_employee", _table("credits", ("active", "retired"), _or_as_employee)),
    "contribution_base": Kind("floor and cap", _contribution_base),
    "medical_year_start": Kind("day of the year", _month_day),
    "employee_grace_months": MONTHS,
    "employee_wait_months": MONTHS,
    "employee_first_wait_months": MONTHS,
    "resident_fixed_wait_months": Kind("months", _count(0, 6)),
    "resident_variable_wait_per_year": Kind("months", _count(0, 2)),
    "resident_first_lapsed_year_counts": YES_OR_NO,
    "resident_min_wait_after_4_years": MONTHS,
    "lifetime_benefit_years": Kind("years or none", _table("years", ("male", "female", "actual"), _or_none(_count(0, 40)))),
    "continuity_reward_yuan": REWARD,
    "zero_claim_reward_yuan": REWARD,
    "reward_ceiling_ratio": RATIO,
    "remote_temporary_filing_months": Kind("months", _count(6, 12)),
    "intra_province_filing_required": YES_OR_NO,
    "chronic_cross_province_list": Kind("words", _words(*CHRONIC)),
    "chronic_codes": Kind("codes by disease", _table("codes", CHRONIC, _words()), {}),
    "catalogue_excluded_items": Kind("words", _words(*EXCLUDED)),
    "tax_illness_threshold": Kind("money", _money_to(100_000)),
    "tax_illness_cap": Kind("money", _money_to(1_000_000)),
    "tax_computed_per_person": YES_OR_NO,
    "supervision_stop_months_min": Kind("months", _count(3, 12)),
    "supervision_stop_months_max": Kind("months", _count(3, 12)),
    "premium_window_only": YES_OR_NO,
    "ltc_premium": Kind("money by class of resident", _table("amounts", PREMIUM_CLASSES, _money)),
    "resident_entrances": Kind("entrances", _entrances),
    "resident_wait_exempt": Kind("words", _words("newborn", "assisted", "veteran", "graduate", "released")),
    "employee_restored_from": Kind("word", _word("paying_month", "next_month")),
    "employee_wait_cut_per_back_paid_month": Kind("months", _count(0, 2)),
    "account_follows_on_move": YES_OR_NO,
    "remote_promise_months": Kind("months", _count(1, 24)),
    "hotline": Kind("telephone number", _hotline),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One parameter: the chapter of docs/packs.md it stands in, its Chinese name, its meaning in English."""

    chapter: str
    zh: str
    means: str


@cache
def reference() -> Mapping[str, Entry]:
    """Every parameter by name, in the order of the document; the words live in `reference.toml`."""
    raw = tomllib.loads(resources.files("mulaid.policy").joinpath("reference.toml").read_text("utf-8"))
    return {
        name: Entry(chapter, entry["zh"], entry["means"]) for chapter, entries in raw.items() for name, entry in entries.items()
    }
