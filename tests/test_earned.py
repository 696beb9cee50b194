"""What past years add to a resident's serious-illness cap, and stays that outlast the insurance, over the door."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from importlib import resources
from typing import Any

import pytest

from city import City
from door import yuan_of
from mulaid.db import Database, process_url
from mulaid.gateway.app import build
from mulaid.people import enrolment
from mulaid.people.enrolment import Enrolment
from mulaid.policy.facts import read
from mulaid.policy.pack import Library, library
from mulaid.settlement import pay
from mulaid.settlement.earned import reward
from test_gateway_records import asks, told_no
from test_gateway_stay import bill, leaves, used

REGION = "110000"
HALF = "resident = { primary = 0.50, L1 = 0.50, L2 = 0.50, L3 = 0.50 }"
CAP = """
[serious_illness_cap]
"2022-01-01" = { value = { resident = 5000, active = 5000 }, source = "P67" }
"""


@pytest.fixture(scope="module")
def capped(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Beijing with made-up values for residents: half of a bill, serious illness from the first fen on, a low cap."""
    folder = tmp_path_factory.mktemp("packs")
    text = resources.files("mulaid.packs").joinpath(f"{REGION}/pack.toml").read_text("utf-8")
    for was, now in (
        ("resident = 30404", "resident = 0"),
        ("{ from = 0, active = { L1", f"{{ from = 0, {HALF}, active = {{ L1"),
        ("retired = { primary", f"{HALF}\nretired = {{ primary"),
    ):
        assert was in text
        text = text.replace(was, now, 1)
    (folder / REGION).mkdir()
    (folder / REGION / "pack.toml").write_text(text + CAP, "utf-8")
    return Library(folder, over=library())


@pytest.fixture
def town(cluster: Any, capped: Library) -> Iterator[City]:
    url = cluster.fresh()
    database = Database(url, cluster.keys, size=4)
    gateway = process_url(url, "mulaid_gateway", embedded=True)
    city = City(database, gateway, cluster.keys)
    city.gateway.db.close()
    city.gateway = build(gateway, cluster.keys, clock=lambda: city.now, allow_test_area=True, packs=capped)
    city.run(lambda tx: tx.run("update institution set region = %(r)s where code = 'H1'", r=REGION))
    yield city
    city.close()
    database.close()
    cluster.drop(url)


def years(city: City, name: str, first: int, *, but: tuple[int, ...] = (), claims: tuple[int, ...] = ()) -> None:
    """A resident since a year, without some; funds paid something in some."""
    ref = city.people[name]

    def work(tx: Any) -> None:
        tx.run("delete from enrolment where book = %(b)s and person = %(p)s", b=ref.book, p=ref.id)
        for year in range(first, 2027):
            if year not in but:
                stretch = Enrolment("390", REGION, "resident", valid_to=date(year, 12, 31))
                enrolment.enrol(tx, ref, stretch, date(year, 1, 1))
        for year in claims:
            enrolment.bring_sums(tx, ref, year, inpatient_fund=1)

    city.run(work)


def serious(city: City, name: str) -> tuple[int, int]:
    """What serious-illness insurance pays of a large bill, and the addition that the settlement kept."""
    paid = city.pays(name, [("A", "60000")])
    row = city.run(lambda tx: pay.find(tx, city.settlement(paid["setl_id"])))
    assert yuan_of(paid["hifmi_pay"]) == row["serious"]
    city.books_balance()
    return row["serious"], row["facts"].get("reward", 0)


@pytest.mark.parametrize(
    ("first", "but", "claims", "adds"),
    [
        (2026, (), (), 0),
        (2025, (), (2025,), 0),
        (2022, (), (2025,), 0),  # four full years are the beginning, not yet more
        (2021, (), (2025,), 1000_00),
        (2020, (2023,), (2025,), 0),  # a year without insurance begins the count anew
        (2025, (), (), 1000_00),  # nothing was paid in 2025
        (2024, (), (2025,), 0),  # 2024 was before the rule
        (2018, (), (), 1000_00),  # both are earned; a fifth of the cap is the most
    ],
)
def test_past_years_raise_the_cap(town: City, first: int, but: tuple[int, ...], claims: tuple[int, ...], adds: int) -> None:
    town.enrols("child", base="resident", region=REGION)
    years(town, "child", first, but=but, claims=claims)
    assert serious(town, "child") == (5000_00 + adds, adds)
    lines = town.run(lambda tx: [step for row in tx.all("select steps from settlement") for step in row["steps"]])
    (told,) = [step for step in lines if step[0] == "serious"]
    assert ("reward" in told[4]) == bool(adds)


def settled_by_day(at: str) -> datetime:
    return datetime.fromisoformat(f"{at}T02:00:00+00:00")


def test_a_stay_outlasts_a_resident_year(town: City) -> None:
    """Cover ends with the year, the stay in January: the bill is settled by the last insured day, and by that year's sums."""
    town.enrols("patient", base="resident", region=REGION)
    town.enrols("son", "300.00", region=REGION)
    town.authorises("son", "patient")
    years(town, "patient", 2024, but=(2026,))
    town.now = settled_by_day("2025-12-28")
    shown = {"mdtrt_cert_type": "02", "mdtrt_cert_no": town.numbers["patient"]}
    sick = [{"diag_code": "I21.9", "diag_name": "心梗", "dise_dor_no": "D1", "dise_dor_name": "李医生", "maindiag_flag": "1"}]
    data = {"psn_no": town.people["patient"].number, **shown, "begntime": "2025-12-28 09:00:00", "med_type": "21", "ipt_no": "Z7"}
    made = asks(town, "2401", {"mdtrtinfo": {**data, "tel": "139", "adm_dept_name": "心内科"}, "diseinfo": sick})["result"]
    place = {"psn_no": made["psn_no"], "mdtrt_id": made["mdtrt_id"], **shown}
    town.now = settled_by_day("2026-01-05")
    used(town, place, ("1", "A", "20000.00"), ("2", "OUT", "200.00"))
    leaves(town, place, "2026-01-05")
    paid = asks(town, "2304", bill(place, "20200.00"))["setlinfo"]
    row = town.run(lambda tx: pay.find(tx, town.settlement(paid["setl_id"])))
    assert (row["service_date"], row["year"], row["business_date"]) == (date(2025, 12, 31), 2025, date(2026, 1, 5))
    assert row["pool"] > 0
    assert (row["aid"], town.holds("son")) == (300_00, "0.00")
    sums = town.run(
        lambda tx: tx.all("select year, admissions from insured_year where person = %(p)s", p=town.people["patient"].id)
    )
    assert [(one["year"], one["admissions"]) for one in sums] == [(2025, 1)]
    town.books_balance()
    asks(town, "2305", {"data": {"mdtrt_id": place["mdtrt_id"], "psn_no": place["psn_no"], "setl_id": paid["setl_id"]}})
    assert town.holds("son") == "300.00"
    town.books_balance()


def test_a_visit_after_the_year_is_not_insured(town: City) -> None:
    """Only a stay that began insured is: neither a visit nor a stay of the new year."""
    town.enrols("patient", base="resident", region=REGION)
    years(town, "patient", 2024, but=(2026,))
    number, shown = town.people["patient"].number, {"mdtrt_cert_type": "02", "mdtrt_cert_no": town.numbers["patient"]}
    visit = {"data": {"psn_no": number, "begntime": "2026-03-02 09:00:00", "ipt_otp_no": "1", "insutype": "", **shown}}
    told_no(town, "2201", visit, "people.not_enrolled")


def test_employees_have_no_such_addition(town: City) -> None:
    town.enrols("worker", "0", region=REGION)
    assert serious(town, "worker")[1] == 0


def test_nobody_else_is_asked(city: City) -> None:
    """Where the pack has no cap, the settlement asks the database nothing more."""
    city.enrols("child", base="resident", region=REGION)
    city.pays("child", [("A", "100")])
    row = city.run(lambda tx: tx.one("select facts from settlement"))
    nothing: Any = None
    assert reward(nothing, library(), city.people["child"], read(row["facts"]), 2026) == 0
