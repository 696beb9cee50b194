"""Lists that institutions download, loaded from files: all or nothing, and who has the version before gets what changed."""

from __future__ import annotations

from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from city import City
from mulaid import cli
from mulaid.settlement import listing
from mulaid.settlement.listing import ListingTrouble, Loaded
from test_gateway_records import asks, downloads, unzipped

HEAD = "list,code,name,valid_from,valid_to"
FIRST, SECOND = date(2026, 1, 1), date(2026, 2, 1)


def loads(city: City, *rows: str, version: date = FIRST) -> Loaded:
    entries = listing.read([HEAD, *rows])
    loaded: Loaded = city.run(lambda tx: listing.load(tx, entries, version))
    return loaded


def stored(city: City) -> list[Any]:
    rows: list[Any] = city.run(lambda tx: tx.all("select * from catalogue_listing order by list, code, valid_from"))
    return rows


def codes(city: City, version: str, infno: str = "1307") -> list[str]:
    made = asks(city, infno, {"data": {"ver": version}})
    return [row[0] for row in unzipped(downloads(city, made["file_qury_no"]))]


def test_a_version_brings_what_is_new_or_changed(city: City) -> None:
    assert loads(city, "1307,I10,高血压,2024-01-01,", "1307,I21,心梗,2024-01-01,") == Loaded(2, 0, 0)
    assert loads(city, "1307,I10,高血压,2024-01-01,", "1307,I21,心梗,2024-01-01,", version=SECOND) == Loaded(0, 0, 2)
    rows = ("1307,I21,心梗,2024-01-01,2026-01-31", "1307,I21,急性心肌梗死,2026-02-01,", "1307,I10,高血压,2024-01-01,")
    assert loads(city, *rows, version=SECOND) == Loaded(1, 1, 1)
    assert codes(city, "0") == ["I10", "I21", "I21"]
    assert codes(city, "F001_20260201000000_A") == ["I21", "I21"]
    assert codes(city, "0", "1308") == []


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("1301,X,甲,2024-01-01,", "line 3: '1301' is no list"),
        ("1307,X,甲,2024-01-01", "line 3: 4 columns instead of 5"),
        ("1307,,甲,2024-01-01,", "line 3: the code"),
        ("1307," + "X" * 51 + ",甲,2024-01-01,", "line 3: the code"),
        ("1307,X,,2024-01-01,", "line 3: the name"),
        ("1307,X,甲\t乙,2024-01-01,", "line 3: the name"),
        ("1307,X,甲,2024-02-30,", "line 3: "),
        ("1307,X,甲,20240101,", "line 3: '20240101' is no day"),
        ("1307,X,甲,２０２４-01-01,", "is no day"),
        ("1307,X,甲,2024-01-01,2023-12-31", "line 3: ends on 2023-12-31"),
        ("1307,OK,又,2025-01-01,", "line 3: 1307 OK overlaps line 2"),
        ('1307,"X,甲,2024-01-01,', "not CSV"),
    ],
)
def test_a_bad_row_is_told_with_its_line(row: str, says: str) -> None:
    with pytest.raises(ListingTrouble) as trouble:
        listing.read([HEAD, "1307,OK,好,2024-01-01,", row])
    assert says in str(trouble.value)


def test_every_bad_row_is_told(city: City) -> None:
    with pytest.raises(ListingTrouble) as trouble:
        listing.read([HEAD, *["1301,X,甲,2024-01-01,"] * 25])
    told = str(trouble.value).splitlines()
    assert (len(told), told[-1]) == (21, "and 5 more")
    for nothing in ([], ["a,b"], [HEAD]):
        with pytest.raises(ListingTrouble):
            listing.read(nothing)


def test_what_overlaps_or_is_old_leaves_everything_as_it_was(city: City) -> None:
    loads(city, "1307,I10,高血压,2024-01-01,", version=SECOND)
    before = stored(city)
    with pytest.raises(ListingTrouble, match="line 3: 1307 I10 from 2025-01-01 overlaps the entry from 2024-01-01"):
        loads(city, "1307,NEW,新,2024-01-01,", "1307,I10,高血压病,2025-01-01,", version=SECOND)
    with pytest.raises(ListingTrouble, match="older than what is there"):
        loads(city, "1307,NEW,新,2024-01-01,", version=FIRST)
    assert stored(city) == before
    assert loads(city, "1308,NEW,新,2024-01-01,", version=FIRST) == Loaded(1, 0, 0), "each list has versions of its own"


def test_the_demo_city_answers_every_list() -> None:
    lines = resources.files("mulaid.demo").joinpath("lists.csv").read_text("utf-8").splitlines()
    entries = listing.read(lines)
    assert {entry.list for entry in entries} == listing.LISTS
    assert all("演示" in entry.name for entry in entries)


def test_a_bad_file_is_told_before_anything_is_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "lists.csv"
    file.write_text(f"{HEAD}\n1299,X,甲,2024-01-01,\n", "utf-8")
    assert cli.main(["catalogue", "load", str(file)]) == 2
    assert "line 2" in capsys.readouterr().err
    file.write_bytes(HEAD.encode() + b"\n1307,X,\xff\xfe,2024-01-01,\n")
    assert cli.main(["catalogue", "load", str(file)]) == 2
    assert "not CSV in UTF-8" in capsys.readouterr().err
