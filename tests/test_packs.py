"""Packs as their authors meet them: what is known, what is said to be unknown, what the commands tell."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

import mulaid
from mulaid.policy.pack import Library, Pack, PackTrouble
from mulaid.policy.reference import reference
from mulaid.refusal import Refusal

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
    shutil.copytree(PACKS / "cn", tmp_path / "cn")
    (tmp_path / "990100").mkdir()
    return tmp_path


def city(folder: Path, text: str) -> Path:
    path = folder / "990100/pack.toml"
    path.write_text(CITY + text, "utf-8")
    return path


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
    library = Library(folder)
    before = library.in_force("990100", date(2022, 12, 31))
    assert not before.knows("outpatient_ratio")
    assert before.knows("outpatient_cap", "hotline")
    assert before.values["outpatient_ratio"].confidence == "low"
    for pack in (before, Pack.from_json(before.as_json())):
        with pytest.raises(Refusal) as refused:
            pack["outpatient_ratio"]
        assert refused.value.code == "policy.not_known"
        assert "某市的规则“门诊统筹支付比例”没有公开依据（2023年以前的比例未见公布）" in refused.value.says
    assert library.in_force("990100", date(2023, 1, 1)).knows("outpatient_ratio")


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
