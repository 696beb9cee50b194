"""Packs as their authors meet them: what is known, what is said to be unknown, what the commands tell."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import mulaid
from mulaid.cli import main
from mulaid.policy.channels import ACTIONS, KINDS, LOG_INS, channels, limits, read_channels, where
from mulaid.policy.check import check
from mulaid.policy.facts import Facts, Patient, Portion
from mulaid.policy.pack import Library, Pack, PackTrouble, library
from mulaid.policy.parameters import PARAMETERS, reference
from mulaid.policy.questions import answers, questions
from mulaid.policy.split import decide
from mulaid.refusal import Refusal
from mulaid.settlement import visit

PACKS = Path(mulaid.__file__).parent / "packs"
CITY = """
region = "990100"
name = "某市"
layer = "area"
[sources]
A1 = { title = "市政府通知", grade = "A" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the nation's pack and room for a city's."""
    shutil.copytree(PACKS / "cn", tmp_path / "cn", ignore=shutil.ignore_patterns("cases.toml"))
    (tmp_path / "990100").mkdir()
    return tmp_path


def city(folder: Path, *text: str) -> None:
    """A pack of one city: one text of values, or text for its head and text of values."""
    *head, values = text
    (folder / "990100/pack.toml").write_text(CITY.replace("[sources]", "".join([*head, "[sources]"])) + values, "utf-8")


def province(folder: Path) -> None:
    (folder / "990000").mkdir()
    (folder / "990000/pack.toml").write_text('region = "990000"\nname = "某省"\nlayer = "province"\ngrade = "S"\n', "utf-8")


# What nobody published


def test_a_value_nobody_published_is_refused_with_the_reason_and_never_guessed(folder: Path) -> None:
    city(
        folder,
        """
        [outpatient_ratio]
        "2000-01-01" = { value = "unknown", source = "A1", note = "2023年以前的比例未见公布。" }
        "2023-01-01" = { value = [{ from = 0, active = 0.7 }], source = "A1" }
        """,
    )
    lib = Library(folder)
    before = lib.in_force("990100", date(2022, 12, 31))
    assert not before.knows("outpatient_ratio")
    assert before.knows("outpatient_cap", "hotline")
    assert before.values["outpatient_ratio"].confidence == "low"
    for pack in (before, Pack.from_json(before.as_json())):
        with pytest.raises(Refusal) as refused:
            pack["outpatient_ratio"]
        assert refused.value.code == "policy.not_known"
        assert "某市的规则“门诊统筹支付比例”没有公开依据（2023年以前的比例未见公布）" in refused.value.says
    assert lib.in_force("990100", date(2023, 1, 1)).knows("outpatient_ratio")


def test_unknown_needs_a_note_and_is_not_for_the_nation(folder: Path) -> None:
    city(folder, '[hotline]\n"2000-01-01" = { value = "unknown", source = "A1" }')
    with pytest.raises(PackTrouble, match="an unknown value needs a note"):
        Library(folder)
    city(folder, "")
    path = folder / "cn/pack.toml"
    path.write_text(path.read_text("utf-8").replace('value = "12393"', 'value = "unknown", note = "x"'), "utf-8")
    with pytest.raises(PackTrouble, match="the nation must know every value"):
        Library(folder)


def test_a_pack_asked_for_what_is_no_parameter_is_our_own_bug(folder: Path) -> None:
    pack = Library(folder).in_force("650100", date(2026, 1, 1))
    with pytest.raises(KeyError):
        pack["own_acount_first"]


# Words


def test_every_parameter_has_a_name_that_is_its_own() -> None:
    names = [entry.zh for entry in reference().values()]
    assert sorted(set(names)) == sorted(names)


def test_every_sheet_without_a_value_for_an_earlier_day_refuses_to_decide_that_day() -> None:
    lib = library()
    asked = 0
    for region, sheet in lib.sheets.items():
        for since, value in sheet.dated.get("outpatient_ratio", ()):
            if value is None or value.plain != "unknown":
                continue
            facts = Facts(
                max(since, date(2021, 6, 1)), "outpatient", "L2", Patient(region, "active", "normal", date(1980, 1, 1)),
                (Portion("", 100_00, 0, 0, 0),), 0, 0,
            )  # fmt: skip
            if lib.in_force(region, facts.on).knows("outpatient_ratio"):
                continue
            asked += 1
            with pytest.raises(Refusal) as refused:
                decide({region: lib.in_force(region, facts.on)}, facts)
            assert refused.value.code == "policy.not_known"
            assert sheet.name in refused.value.says
    assert asked > 10


# The packs of the program


def test_the_programs_own_packs_have_nothing_wrong() -> None:
    found = check()
    assert found.faults == []
    assert found.packs >= 57
    assert found.cases > 150


def test_every_province_has_a_sheet_and_a_name() -> None:
    codes = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 66"
    for code in codes.split():
        sheet = library().sheets[code + "0000"]
        assert sheet.layer == "province"
        assert sheet.name != sheet.region


@pytest.mark.parametrize(
    ("region", "on", "parameter", "value"),
    [
        # X05, R6: relations widen on a day, and earlier or wider in some places
        ("650100", "2021-04-21", "mutual_aid_relations", set()),
        ("650100", "2024-06-30", "mutual_aid_relations", {"spouse", "parent", "child"}),
        ("440300", "2024-10-31", "mutual_aid_relations", {"spouse", "parent", "child"}),
        ("370100", "2023-06-01", "mutual_aid_relations", {"spouse", "parent", "child", "parent_in_law"}),
        ("450200", "2022-08-02", "mutual_aid_relations", {"spouse", "parent", "child"}),
        ("450200", "2022-08-03", "mutual_aid_relations", {"spouse", "parent", "child", "parent_in_law"}),
        ("110000", "2022-11-30", "mutual_aid_relations", set()),
        # X08, X09: floors
        ("320100", "2022-10-31", "authoriser_balance_floor", 4000_00),
        ("320100", "2022-11-01", "authoriser_balance_floor", 0),
        ("350200", "2026-03-01", "authoriser_balance_floor", 2000_00),
        ("140500", "2026-03-01", "authoriser_balance_floor", 1000_00),
        ("450200", "2023-01-01", "authoriser_balance_floor", 1500_00),
        ("450200", "2023-01-01", "authoriser_excluded_groups", {"chronic_patient"}),
        ("450200", "2025-01-01", "authoriser_excluded_groups", set()),
        # X10, the wallet's two years
        ("650100", "2024-12-31", "wallet_mode", "none"),
        ("650100", "2025-06-01", "wallet_mode", "transfer"),
        ("650100", "2026-01-08", "wallet_mode", "transfer"),
        ("650100", "2026-01-09", "wallet_mode", "quota"),
        ("440100", "2025-09-01", "wallet_mode", "none"),
        ("440100", "2026-01-09", "wallet_mode", "quota"),
        ("350200", "2026-03-01", "pool_transfer_per_month", 1),
        ("320100", "2026-03-01", "pool_members_may_fund", True),
        # X03, X04: family accounts
        ("650100", "2026-03-01", "family_account_max_binders_per_member", 2),
        ("420100", "2026-03-01", "family_account_max_binders_per_member", None),
        ("420100", "2026-03-01", "family_account_binder_window", "none"),
        # money, waits, years
        ("410100", "2026-03-01", "premium_max_balance_ratio", Decimal("0.50")),
        ("330100", "2026-03-01", "premium_balance_floor", {"commercial": 4000_00}),
        ("650100", "2026-03-01", "premium_balance_floor", {}),
        ("110000", "2026-03-01", "resident_premium", {"child": 435_00, "working_age": 795_00, "elderly": 460_00}),
        ("350100", "2025-03-01", "resident_premium", {"all": 450_00}),
        ("420100", "2026-03-01", "flexible_credit", {"active": 0, "retired": 66_00}),
        ("110000", "2026-03-01", "flexible_credit", {"active": None, "retired": None}),
        ("310000", "2026-03-01", "medical_year_start", (7, 1)),
        ("330100", "2026-03-01", "medical_year_start", (1, 1)),
        ("320500", "2026-03-01", "employee_wait_months", 3),
        ("110000", "2026-03-01", "employee_wait_months", 6),
        ("420500", "2026-03-01", "employee_first_wait_months", 3),
        ("420500", "2026-03-01", "lifetime_benefit_years", {"male": 30, "female": 25, "actual": 10}),
        ("460100", "2026-03-01", "remote_temporary_filing_months", 12),
        ("220100", "2023-12-31", "contribution_base", (3993_20, 19966_00)),
        ("220100", "2024-01-11", "contribution_base", (3659_00, 18294_00)),
        ("422800", "2024-06-01", "contribution_base", (3800_00, 19500_00)),
        ("130100", "2026-03-01", "hotline", "12345"),
        ("130500", "2026-03-01", "family_account_rebind_wait_days", 30),
    ],
)
def test_a_region_on_a_day_has_its_own_value(region: str, on: str, parameter: str, value: object) -> None:
    assert library().in_force(region, date.fromisoformat(on))[parameter] == value


def test_implants_are_the_funds_in_hohhot_since_2023_only() -> None:
    lists = [library().in_force(region, date.fromisoformat(on))["catalogue_excluded_items"] for region, on in (
        ("150100", "2022-12-31"), ("150100", "2023-01-01"), ("450400", "2026-01-01"))]  # fmt: skip
    assert ["implant" in items for items in lists] == [True, False, True]
    assert lists[0] - lists[1] == {"implant"}


@pytest.mark.parametrize(
    ("region", "tag", "grade", "parts"),
    [
        ("450400", "implant", "03", (0, 0, 3_800_00)),  # outside, as everywhere
        ("450400", "implant", "01", (0, 0, 3_800_00)),  # an excluded kind, however a catalogue grades it
        ("150100", "implant", "03", (3_420_00, 380_00, 0)),  # taken into scope: paid like class B
        ("150100", "orthodontics", "03", (0, 0, 3_800_00)),
        ("150100", "cosmetic", "01", (0, 0, 3_800_00)),
        ("450400", "dental_own", "03", (0, 0, 3_800_00)),
        ("450400", "", "01", (3_800_00, 0, 0)),
    ],
)
def test_what_the_fund_never_pays_is_the_regions_list(region: str, tag: str, grade: str, parts: tuple[int, int, int]) -> None:
    pack = library().in_force(region, date(2026, 3, 1))
    line = visit.Line("1", "1", "X", 3_800_00, Decimal(1), Decimal(3800), {})
    split = visit.split_line(pack, line, visit.Item("X", "种植体植入术", grade, None, None, "06", tag))
    assert (split.in_policy, split.upfront, split.self_funded) == parts


def test_a_credit_nobody_can_compute_is_not_guessed() -> None:
    for region in ("360100", "440100", "440300"):
        assert not library().in_force(region, date(2026, 3, 1)).knows("average_pension")
    assert library().in_force("420100", date(2026, 3, 1))["average_pension"] == 3320_00


# packs check

HALF = '[outpatient_ratio]\n"2000-01-01" = { value = "inherit", source = "A1" }\n'
WRONG = {
    "gap": (
        '[outpatient_ratio]\n"2023-01-01" = { value = [{ from = 0, active = 0.7 }], source = "A1" }',
        "outpatient_ratio: not known before 2023-01-01, and the nation's value would be used there",
    ),
    "typing error in a class": (
        HALF + '[outpatient_cap]\n"2023-01-01" = { value = { actve = 100 }, source = "A1" }',
        "outpatient_cap.2023-01-01: class actve is neither active, retired, resident nor a class of person_classes",
    ),
    "typing error in a band": (
        HALF + '"2023-01-01" = { value = [{ from = 0, retired_80 = 0.7 }], source = "A1" }',
        "outpatient_ratio.2023-01-01: class retired_80 is neither",
    ),
    "no deductible": (
        HALF
        + '"2023-01-01" = { value = [{ from = 0, active = 0.7, retired = 0.8 }], source = "A1" }\n'
        + '[outpatient_deductible_mode]\n"2023-01-01" = { value = "annual", source = "A1" }\n'
        + '[outpatient_deductible]\n"2023-01-01" = { value = { active = 100 }, source = "A1" }',
        "outpatient_deductible: on 2023-01-01 class retired has a ratio but no deductible",
    ),
    "months the wrong way round": (
        '[supervision_stop_months_max]\n"2022-01-01" = { value = 3, source = "A1" }\n'
        '[supervision_stop_months_min]\n"2022-01-01" = { value = 6, source = "A1" }',
        "2022-01-01: supervision_stop_months_min is above supervision_stop_months_max",
    ),
    "second spelling of a day": (
        '[hotline]\n"2022-01-01" = { value = "12345", source = "A1" }\n"20220101" = { value = "12393", source = "A1" }',
        "hotline.20220101: the key is not a date yyyy-mm-dd",
    ),
    "a day twice": (
        '[hotline]\n"2022-01-01" = { value = "12345", source = "A1" }\n"2022-01-01" = { value = "12393", source = "A1" }',
        "not TOML: Cannot overwrite a value",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_check_says_exactly_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    text, says = WRONG[name]
    province(folder)
    city(folder, 'grade = "A"\n', text)
    assert main(["packs", "check", str(folder)]) == 1
    told = capsys.readouterr().out
    assert f"990100/pack.toml: {says}" in told
    assert "1 faults" in told


def test_check_names_a_missing_province_a_missing_grade_and_a_source_nobody_names(folder: Path) -> None:
    city(folder, "")
    assert [fault.partition(": ")[2] for fault in check(folder).faults] == [
        "there is no pack 990000 for the province: make one, it may say no more than region, name, layer and grade",
        "grade '' is none of A, A-, K, B, C, S",
        "sources.A1: no value names it",
    ]


def test_check_runs_the_cases_and_tells_what_came_out_otherwise(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    province(folder)
    city(folder, 'grade = "A"\n', HALF)
    cases = folder / "990100/cases.toml"
    good = '[[case]]\nid = "X1"\ntitle = "t"\nregion = "990100"\non = 2026-03-01\n[[case.visit]]\nin_policy = 100\n'
    cases.write_text(good + "[case.visit.expect]\nfund = 50\n", "utf-8")
    assert (check(folder).faults, check(folder).cases) == ([], 1)
    cases.write_text(good + "[case.visit.expect]\nfund = 60\n", "utf-8")
    assert check(folder).faults == ["990100/cases.toml: X1: visit 1: fund: expected 60.00, got 50.00"]
    cases.write_text("[[case]]\n", "utf-8")
    assert "on is missing: the day of care" in check(folder).faults[0]
    city(folder, 'grade = "A"\n', HALF.replace('"inherit"', '"unknown", note = "没有公布。"'))
    cases.write_text(good + "[case.visit.expect]\nfund = 50\n", "utf-8")
    assert check(folder).faults[0].startswith("990100/cases.toml: X1: visit 1: refused: 某市的规则“门诊统筹支付比例”没有公开依据")
    assert main(["packs", "check", str(folder), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["faults"]


def test_check_remarks_on_what_may_be_right_and_goes_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    province(folder)
    city(
        folder,
        'grade = "A"\n',
        # F153 as printed: grade 3 gets more than grade 2; X25: six percent into the account
        HALF
        + '[outpatient_ratio."2023-01-01"]\nsource = "A1"\n'
        + "value = [{ from = 0, active = 0.7, retired = { L1 = 0.65, L2 = 0.60, L3 = 0.65 } }]\n"
        + '[active_credit_ratio]\n"2024-01-01" = { value = 0.06, source = "A1" }\n'
        + '[hotline]\n"2022-01-01" = { value = "12345", source = "A1" }\n"2023-01-01" = { value = "12345", source = "A1" }\n',
    )
    assert main(["packs", "check", str(folder)]) == 0
    told = capsys.readouterr().out
    for says in (
        "outpatient_ratio.2023-01-01: class retired gets more at a higher level of hospital",
        "outpatient_ratio.2023-01-01: retired people get less than active ones at primary, L1, L2, L3, L3P",
        "active_credit_ratio.2024-01-01: 0.06 is more than the person's own 2 %",
        "hotline.2023-01-01: says the same as before it",
        "no case has this region",
    ):
        assert f"remark: 990100/pack.toml: {says}" in told
    assert "nothing wrong, 5 remarks" in told


def test_check_remarks_on_a_finer_class_whose_base_was_forgotten(folder: Path) -> None:
    province(folder)
    classes = '[person_classes]\n"2023-01-01" = { value = [{ name = "old", base = "retired", min_age = 70 }], source = "A1" }\n'
    bands = HALF + '"2023-01-01" = { value = [{ from = 0, active = 0.6, old = 0.9 }], source = "A1" }\n'
    city(folder, 'grade = "A"\n', classes + bands)
    says = (
        "990100/pack.toml: outpatient_ratio.2023-01-01: has class old and no row for retired: everybody else of them gets nothing"
    )
    assert says in check(folder).remarks
    city(folder, 'grade = "A"\n', classes + bands.replace("active = 0.6,", "active = 0.6, retired = 0.8,"))
    assert says not in check(folder).remarks


def test_a_new_region_alone_is_checked_on_top_of_the_programs_packs(tmp_path: Path) -> None:
    (tmp_path / "420900").mkdir()
    path = tmp_path / "420900/pack.toml"
    path.write_text(CITY.replace("990100", "420900").replace("[sources]", 'grade = "A"\n[sources]') + HALF, "utf-8")
    for place in (tmp_path, tmp_path / "420900", path):
        found = check(place)
        assert (found.faults, found.packs) == ([], 1)
    assert check(tmp_path / "nowhere").faults == [f"{tmp_path}/nowhere: no pack.toml here, nor in a folder below it"]


# packs diff, packs show


def test_diff_tells_two_regions_apart_on_a_day(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["packs", "diff", "420000", "430000", "--at", "2026-03-01", "--json"]) == 1
    rows = {row["parameter"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["authoriser_order"]["left"]["value"], rows["authoriser_order"]["right"]["value"]) == (
        "binding_time_desc",
        "binding_time_asc",
    )
    assert rows["authoriser_order"]["left"]["confidence"] == "low"
    assert "own_account_first" not in rows
    assert main(["packs", "diff", "420000", "430000", "--at", "2026-03-01"]) == 1
    told = capsys.readouterr().out
    assert told.startswith("420000 湖北省  |  430000 湖南省  |  2026-03-01\n")
    assert '家人账户的扣款顺序 authoriser_order\n  - "binding_time_desc"  [420000 since 2023-01-01, low: 湖北省' in told
    assert main(["packs", "diff", "420100", "420100"]) == 0
    assert "0 differences" in capsys.readouterr().out


def test_diff_tells_two_versions_of_a_pack_apart(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "new"
    province(folder)
    city(folder, 'grade = "A"\n', '[hotline]\n"2022-01-01" = { value = "12345", source = "A1" }')
    shutil.copytree(folder, other, ignore=shutil.ignore_patterns("new"))
    city(other, 'grade = "A"\n', '[hotline]\n"2022-01-01" = { value = "12345", source = "A1" }\n'
         '"2026-01-01" = { value = "inherit", source = "A1" }')  # fmt: skip
    assert main(["packs", "diff", str(folder), str(other), "--json"]) == 1
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["region"], row["on"], row["left"]["value"], row["right"]["value"]) == ("990100", "2026-01-01", None, "inherit")
    ours, theirs = (str(place / "990100/pack.toml") for place in (folder, other))
    for day, differ in (("2025-12-31", 0), ("2026-01-01", 1)):
        assert main(["packs", "diff", ours, theirs, "--at", day]) == differ
        assert main(["packs", "diff", str(folder), str(other), "--at", day]) == differ
    capsys.readouterr()
    assert main(["packs", "diff", str(folder), "420100"]) == 2
    assert "compare two regions, or two folders" in capsys.readouterr().err
    assert main(["packs", "diff", "4201", "420100"]) == 2
    assert "4201: a region is six digits, such as 420100" in capsys.readouterr().err


def test_show_names_rules_in_chinese_with_source_and_confidence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["packs", "show", "420100", "--at", "2026-03-01"]) == 0
    told = capsys.readouterr().out
    assert '绑定多久后才能解除 min_months_before_release = "3"\n      湖北省, since 2023-01-01, low: ' in told
    assert all(entry.zh in told for entry in reference().values())
    city(folder, "", '[hotline]\n"2022-01-01" = { value = "12345", source = "A1" }')
    assert main(["packs", "show", "990100", "--at", "2026-03-01", "--packs", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["values"]["hotline"]["value"] == "12345"
    assert main(["packs", "show", "42010a"]) == 2
    assert main(["packs", "show", "420100", "--at", "1999-01-01"]) == 2


# Channels


def test_a_channel_has_its_own_limits_and_our_pages_have_none() -> None:
    assert limits("alipay") == {
        "family_account_max_members": 5,
        "family_account_max_binders_per_member": 2,
        "family_account_binder_window": "calendar_month",
    }
    assert limits("wechat") == {"family_account_monthly_bind_limit": 6}
    assert limits("yueyibao") == {"family_account_label_means": "mutual_aid"}
    assert limits("web") == limits("nowhere") == {}


def test_people_are_sent_to_their_own_programs_first_and_to_the_counter_last() -> None:
    names = [channel.key for channel, _ in where("open_aid", "350100")]
    assert names == ["minzhengtong", "fujian_mini", "national_app", "alipay", "wechat", "counter"]
    assert [channel.key for channel, _ in where("end_aid", "440300")] == ["yueyibao"]
    assert where("end_aid", "650100") == []
    (channel, way), *_ = where("open_aid", "140500")
    assert (channel.name, way.shown, way.confidence) == (
        "“山西医保”微信公众号",
        "服务大厅 → 我的医保 → 我要办 → 家庭账户共济 → 添加成员 → 授权",
        "low",
    )
    assert [len(channels()[key].ways["bind_family"]) for key in ("national_app", "alipay")] == [3, 2], "X31: screens differ"
    assert dict(channels()["counter_gaocheng"].telephones)["居民"] == "0311-88166009"
    with pytest.raises(KeyError):
        where("open_ait", "350100")


def test_everybody_finds_a_way_to_everything_that_has_one() -> None:
    for region in library().sheets:
        for action in ("bind_family", "unbind_family", "open_aid", "file_remote"):
            assert where(action, region), (region, action)


ALIPAY = '[alipay]\nname = "支付宝"\nkind = "mini_program"\nsource = "A1"\n'
BAD_CHANNELS = {
    "not toml": ("x = ", "channels.toml: not TOML"),
    "no table": ("alipay = 3", "alipay: expected a table"),
    "no name": (ALIPAY.replace('name = "支付宝"', ""), "alipay: name is missing"),
    "kind": (ALIPAY.replace("mini_program", "programme"), "alipay: kind 'programme' is none of app, mini_program"),
    "platform": (ALIPAY + 'platform = "qq"', "alipay: platform 'qq' is none of wechat, alipay"),
    "member": (ALIPAY + "menu = 1", "alipay: unknown member menu; known are name, kind"),
    "route": (ALIPAY + 'routes = ["telepathy"]', "alipay: routes: telepathy is none of id_number"),
    "list": (ALIPAY + 'routes = "id_number"', "alipay: routes is not a list"),
    "region": (ALIPAY + 'regions = ["4401"]', "alipay: regions: '4401' is not six digits"),
    "nation": (ALIPAY + 'regions = ["000000"]', "leave regions out for the whole country"),
    "source": (ALIPAY.replace('"A1"', '"Q1"'), "alipay: source Q1: name one or more keys of [sources]"),
    "action": (ALIPAY + 'ways.dance = [{ taps = ["跳"], source = "A1" }]', "alipay: ways.dance: none of register, log_in"),
    "taps": (ALIPAY + 'ways.open_aid = [{ taps = [""], source = "A1" }]', "alipay: ways.open_aid: taps is a list of the words"),
    "way": (ALIPAY + "ways.open_aid = [3]", "alipay: ways.open_aid: expected a list of { taps"),
    "way source": (ALIPAY + 'ways.open_aid = [{ taps = ["开通"] }]', "alipay: ways.open_aid: source missing"),
    "override": (ALIPAY + "overrides.hotline = { value = 1 }", "alipay: overrides.hotline: a channel may only have its own"),
    "override shape": (ALIPAY + "overrides.family_account_max_members = 5", "overrides.family_account_max_members: expected {"),
    "override value": (
        ALIPAY + 'overrides.family_account_max_members = { value = 50, source = "A1" }',
        "alipay: overrides.family_account_max_members: 50 is not a whole number between 1 and 10",
    ),
    "telephone": (ALIPAY + 'telephones = [{ for = "居民", number = "8810089" }]', "alipay: telephones: {'for': '居民'"),
    "telephone shape": (ALIPAY + "telephones = [12393]", "alipay: telephones: expected a list"),
}


@pytest.mark.parametrize("name", BAD_CHANNELS)
def test_a_bad_channel_is_refused_with_what_is_wrong(folder: Path, name: str) -> None:
    text, says = BAD_CHANNELS[name]
    text = text if "[alipay]" not in text else '[sources]\nA1 = { title = "通知", grade = "A" }\n' + text
    with pytest.raises(PackTrouble) as trouble:
        read_channels(text)
    assert says in str(trouble.value)
    (folder / "channels.toml").write_text(text, "utf-8")
    shutil.rmtree(folder / "990100")
    assert any(says in fault for fault in check(folder).faults)


# Questions


@pytest.mark.parametrize("on", ["2021-01-01", "2023-06-01", "2025-06-01", "2026-03-01"])
def test_every_question_is_answered_in_every_region(on: str) -> None:
    for region in {*library().sheets, "650100", "999999"}:
        pack = library().in_force(region, date.fromisoformat(on))
        told = answers(pack)
        assert [answer.id for answer in told] == [question.id for question in questions()]
        for answer in told:
            assert not set("{}") & set(answer.text + answer.caution)
            assert answer.text.endswith("。")
            assert "None" not in answer.text
            assert "frozenset" not in answer.text


def test_answers_say_what_holds_where_one_lives_and_what_is_weak() -> None:
    def told(region: str, question: str, on: str = "2026-03-01") -> str:
        (answer,) = (a for a in answers(library().in_force(region, date.fromisoformat(on))) if a.id == question)
        return answer.text + answer.caution

    assert "12345" in told("130100", "face_failed")
    assert "12393" in told("110000", "face_failed")
    assert "24 小时" in told("110000", "face_failed")
    assert "须留给自己的余额是 1000.00 元" in told("140500", "how_much")
    assert "可被绑定的人数：不限（不限时间）" in told("420100", "how_many_members")
    assert "可被绑定的人数：2（合计）" in told("650100", "how_many_members")
    assert "学生儿童 435.00 元、劳动年龄内 795.00 元、老年人 460.00 元" in told("110000", "premium_when")
    assert "“居民医保个人缴费标准”的公开依据不足" in told("110000", "premium_when")
    assert "可以共济的家人：配偶、父母、子女。" in told("650100", "who_may_receive", "2024-06-30")
    assert "兄弟姐妹" in told("650100", "who_may_receive", "2024-12-31")
    assert "通过医保钱包转账" in told("650100", "cross_province", "2025-06-01")
    assert "尚未开通" in told("440100", "cross_province", "2025-06-01")
    assert "种植类医疗服务项目已纳入支付范围" in told("150100", "dental")
    assert "不支付" in told("450400", "dental")
    assert "需要审核" in told("440300", "not_set_up")


def test_an_answer_about_what_nobody_published_says_so(folder: Path) -> None:
    city(folder, '[hotline]\n"2000-01-01" = { value = "unknown", source = "A1", note = "电话没有公布。" }')
    (notice,) = (a for a in answers(Library(folder).in_force("990100", date(2026, 3, 1))) if a.id == "notice")
    assert notice.text.endswith("咨询电话 当地没有公布。")
    assert notice.caution == "其中“咨询电话”的公开依据不足，以当地医保部门为准"


def test_every_hole_of_an_answer_is_a_parameter_or_a_way() -> None:
    assert len({question.id for question in questions()}) == len(questions())
    for question in questions():
        assert question.seeds
        for hole in question.holes:
            assert hole in {*PARAMETERS, "name", "implant"} or hole.partition(":")[2] in ACTIONS, hole


# The document


def _blocks(text: str) -> list[str]:
    return re.findall(r"```(?:toml)?\n(.*?)```", text, re.DOTALL)


def test_the_documents_afternoon_works_as_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = (Path(__file__).parent.parent / "docs/packs.md").read_text("utf-8")
    chapter = document.partition("## 0. An afternoon")[2].partition("## 1. Layers")[0]
    head, values, told, unknown, cases = _blocks(chapter)
    folder = tmp_path / "my-packs"
    (folder / "429900").mkdir(parents=True)
    pack = folder / "429900/pack.toml"
    pack.write_text(head + values, "utf-8")
    assert main(["packs", "check", str(folder)]) == 1
    assert capsys.readouterr().out == told
    pack.write_text(head + values.replace("[outpatient_ratio]\n", "[outpatient_ratio]\n" + unknown), "utf-8")
    (folder / "429900/cases.toml").write_text(cases, "utf-8")
    assert main(["packs", "check", str(folder)]) == 0
    assert f"`{capsys.readouterr().out.strip()}`" in chapter
    assert main(["cases", "run", str(folder / "429900/cases.toml"), "--packs", str(folder)]) == 0
    assert "ok   YL1" in capsys.readouterr().out
    assert main(["packs", "diff", str(folder / "429900"), "420100", "--at", "2025-08-01"]) == 1
    assert "样例市  |  420100 武汉市  |  2025-08-01" in capsys.readouterr().out
    assert main(["packs", "show", "429900", "--at", "2025-08-01", "--packs", str(folder)]) == 0
    assert "429900 样例市, 2025-08-01" in capsys.readouterr().out


def test_the_document_names_every_action_kind_and_grade() -> None:
    document = (Path(__file__).parent.parent / "docs/packs.md").read_text("utf-8")
    channel_chapter = document.partition("## 8. Channels")[2]
    for word in (*ACTIONS, *KINDS, *LOG_INS):
        assert word in channel_chapter, word


# Every name of the rules' own table is a parameter, or something the format says otherwise

SAID_OTHERWISE = {
    "region_code", "pack_version", "effective_from", "effective_to", "confidence", "source_ref",
    "mutual_aid_relations_effective_from", "channel_menu_paths",
}  # fmt: skip
RENAMED = {"resident_premium_yuan": "resident_premium"}


def test_what_is_no_parameter_of_that_name_is_told_in_the_document() -> None:
    document = (Path(__file__).parent.parent / "docs/packs.md").read_text("utf-8")
    for name in SAID_OTHERWISE:
        assert name not in PARAMETERS
        assert f"`{name}`" in document
    for old, new in RENAMED.items():
        assert old not in PARAMETERS
        assert f"`{old}`" in document
        assert new in PARAMETERS
