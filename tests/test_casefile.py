"""A case file that cannot be meant as it stands: each fault names file, case, place and key, and sound cases run all the same."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from mulaid.cli import main
from mulaid.policy import casefile
from mulaid.policy.casefile import read_cases, read_file
from mulaid.policy.cases import SUMS, CaseTrouble, run
from mulaid.policy.pack import library

GOOD = """[[case]]
id = "X1"
title = "t"
region = "110000"
on = 2025-06-10
[case.patient]
account = 100
[[case.giver]]
name = "A"
relation = "parent"
account = 100
[[case.visit]]
level = "L3"
in_policy = 1000
[case.visit.expect]
fund = 0
own = 100
"""

BAD = {
    "misspelt key of a case": ("title =", "titel =", "X1: titel: no such key (is title meant?); there are id, title"),
    "misspelt key of a visit": ("in_policy", "inpolicy", "X1: visit 1: inpolicy: no such key (is in_policy meant?)"),
    "misspelt expectation": ("fund = 0", "fnd = 0", "X1: visit 1: expect: fnd: no such key (is fund meant?)"),
    "misspelt key of a giver": ("account = 100\n[[case.visit", "acount = 1\n[[case.visit", "X1: giver A: acount: no such key"),
    "single brackets": ("[[case.giver]]", "[case.giver]", "X1: giver: write [[case.giver]] with two brackets"),
    "date in quotes": ("2025-06-10", '"2025-06-10"', 'X1: on = "2025-06-10" is not a date such as 2025-08-01 (without quotes)'),
    "day no calendar has": ("2025-06-10", "2025-02-30", "not TOML: X1: line 5: on = 2025-02-30: "),
    "day before the law": ("2025-06-10", "1999-06-10", "X1: on = 1999-06-10 is not a day from 2000-01-01 to 2100-01-01"),
    "no day": ("on = 2025-06-10", "", "X1: on is missing: the day of care, such as on = 2025-08-01"),
    "words for a number": ("= 1000", '= "many"', 'X1: visit 1: in_policy = "many" is not an amount in yuan: write 1234.50'),
    "comma in a number": ("= 1000", '= "1,000"', 'X1: visit 1: in_policy = "1,000" is not an amount in yuan'),
    "third decimal": ("= 1000", "= 10.001", "X1: visit 1: in_policy = 10.001 is not an amount in yuan"),
    "below nothing": ("= 1000", "= -1", "X1: visit 1: in_policy = -1 is not an amount in yuan"),
    "unit in a number": ("= 1000", "= 1000元", "not TOML: X1: line 14: in_policy = 1000元: "),
    "region as a number": ('"110000"', "110000", 'X1: region = 110000 is not six digits in quotes, such as "420100"'),
    "unknown use": ('level = "L3"', 'use = "dental"', 'X1: visit 1: use = "dental" is none of outpatient, pharmacy, inpatient'),
    "level of a pharmacy": (
        'level = "L3"',
        'use = "pharmacy"\nlevel = "L3"',
        'X1: visit 1: level = "L3": with use = "pharmacy" leave',
    ),
    "unknown level": ('"L3"', '"L4"', 'X1: visit 1: level = "L4" is none of primary, L1, L2, L3, L3P, pharmacy'),
    "unknown relation": ('"parent"', '"father"', 'X1: giver A: relation = "father" is none of spouse, parent, child'),
    "no expectation": ("[case.visit.expect]\nfund = 0\nown = 100", "", "X1: visit 1: expect is missing or empty"),
    "empty expectation": ("fund = 0\nown = 100", "", "X1: visit 1: expect is missing or empty"),
    "aid as one sum": (
        "fund = 0",
        "aid = 300",
        "X1: visit 1: expect: aid = 300 is not a table by name, such as aid = { A = 300 }",
    ),
    "aid of a stranger": (
        "fund = 0",
        "aid = { B = 1 }",
        "X1: visit 1: expect: aid: nobody of this case is called B; there are A",
    ),
    "refusal that is none": (
        "fund = 0\nown = 100",
        'refused = "no"',
        'X1: visit 1: expect: refused = "no" is no code of docs/refusals.md',
    ),
    "refusal with money": ("fund = 0", 'refused = "policy.not_known"', "X1: visit 1: expect: refused stands alone"),
    "empty bill": ("in_policy = 1000", "", "X1: visit 1: the bill is empty: write one or more of in_policy, upfront"),
    "unknown item": (
        "in_policy = 1000",
        'items = [{ amount = 1, tag = "hair" }]',
        'X1: visit 1: item 1: tag = "hair" is none of implant',
    ),
    "yes in words": ("in_policy", 'use_accounts = "no"\nin_policy', 'X1: visit 1: use_accounts = "no" is neither true nor false'),
    "rank in words": (
        'name = "A"',
        'name = "A"\nrank = "first"',
        'X1: giver A: rank = "first" is not a whole number from 1 to 100',
    ),
    "same name twice": ("[[case.visit]]", '[[case.giver]]\nname = "A"\n[[case.visit]]', "X1: giver: two have the name A"),
    "frozen above account": ('name = "A"', 'name = "A"\nfrozen = 101', "X1: giver A: frozen is more than account"),
    "born after care": (
        "account = 100\n[[",
        "born = 2026-01-01\n[[",
        "X1: patient: born = 2026-01-01 is after the day of care 2025-06-10",
    ),
    "another key of the file": ("[[case]]", "[cases]\n[[case]]", "cases: no such key (is case meant?); there are case"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_fault_names_file_case_place_and_key(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    old, new, says = BAD[name]
    assert old in GOOD
    file = tmp_path / "mine.toml"
    file.write_text(GOOD.replace(old, new, 1), "utf-8")
    with pytest.raises(CaseTrouble) as trouble:
        read_cases(file)
    assert str(trouble.value).startswith(f"{file}: {says}")
    assert len(str(trouble.value).splitlines()) == 1, "one mistake is one fault"
    assert main(["cases", "run", str(file)]) == 2
    assert f"{file}: {says}" in capsys.readouterr().out


def test_every_fault_of_a_file_is_told_and_its_sound_cases_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = GOOD.replace("X1", "X2").replace("L3", "L9").replace("fund", "found")
    late = GOOD.replace("X1", "X3") + "[[case.visit]]\non = 2025-05-01\npersonal = 1\nexpect = { cash = 1 }\n"
    file = tmp_path / "mine.toml"
    file.write_text(GOOD + bad + late + GOOD, "utf-8")
    cases, faults = read_file(file)
    assert [case.id for case in cases] == ["X1"]
    assert [fault.removeprefix(f"{file}: ").partition(": ")[0] for fault in faults] == ["X2", "X2", "X3", "X1"]
    assert faults[2].endswith("visit: the visits are not in the order of their days")
    assert faults[3].endswith("id: an earlier case of this file has the same")
    assert main(["cases", "run", str(file)]) == 2
    said = capsys.readouterr().out.splitlines()
    assert (said[0], said[1:5], said[-1]) == ("ok   X1 t", faults, "1 passed, 0 failed, 4 faults in the files")


@pytest.mark.parametrize(
    ("region", "giver"), [("990000", ""), ("000000", ""), ("110000", 'region = "990100"')], ids=["unknown", "nation", "giver"]
)
def test_a_region_without_a_pack_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], region: str, giver: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD.replace("110000", region).replace('name = "A"', f'name = "A"\n{giver}'), "utf-8")
    assert main(["cases", "run", str(file)]) == 1
    who, number = ("giver A", "990100") if giver else ("patient", region)
    told = capsys.readouterr().out.splitlines()
    assert told[1].strip().startswith(f'{who}: region = "{number}": no pack of this region or its province; provinces are 110000')


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no [[case]]: a file holds one or more"),
        (b"[case]\nid = 'X'\n", "[case] is one table: write [[case]]"),
        (b"case = [1]\n", "case 1: [[case]] is not a table of id, title"),
        ("# 北京".encode("gbk"), "not UTF-8; save the file as UTF-8"),
        (b"[[case", "not TOML: "),
        (None, "no such file"),
    ],
    ids=["empty", "one bracket", "number", "other letters", "unfinished", "missing"],
)
def test_a_file_that_holds_no_cases_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: bytes | None, says: str
) -> None:
    file = tmp_path / "mine.toml"
    if body is not None:
        file.write_bytes(body)
    assert main(["cases", "run", str(file)]) == 2
    assert capsys.readouterr().out.startswith(f"{file}: {says}")
    assert main(["cases", "run", str(tmp_path)]) == 2
    assert capsys.readouterr().out.startswith(f"{tmp_path}: a folder; name the file in it")


def test_packs_of_ones_own_go_with_the_law_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD, "utf-8")
    assert main(["cases", "run", str(file), "--through", "gateway", "--packs", str(tmp_path)]) == 2
    assert "--packs goes with the law alone" in capsys.readouterr().out


def test_the_document_names_every_key_and_no_other() -> None:
    text = (Path(__file__).parent.parent / "docs/packs.md").read_text("utf-8").partition("## 6. ")[2]
    (shown,) = tomllib.loads(text.partition("```toml\n")[2].partition("```")[0])["case"]
    (giver,), (wallet,), (visit,) = (shown[key] for key in ("giver", "wallet", "visit"))
    assert set(shown) == set(casefile.CASE)
    assert set(shown["patient"]) == set(casefile.PATIENT)
    assert set(shown["patient"]["spent"]) == set(casefile.SPENT) - set(SUMS)
    assert all(name in text for name in SUMS)
    assert set(giver) == set(casefile.GIVER)
    assert set(wallet) == set(casefile.WALLET)
    assert set(visit) == set(casefile.VISIT)
    expected = {*casefile.AMOUNTS, *casefile.GIVERS_NAMED, *casefile.WALLETS_NAMED, "refused"}
    assert set(visit["expect"]) == expected


def test_what_is_left_is_looked_at_where_it_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD.replace("own = 100", "own_left = 0\naid_left = { A = 1 }"), "utf-8")
    (case,) = read_cases(file)
    assert run(case, library()) == [["aid_left: expected {A 1.00}, got {A 0.00}"]]
