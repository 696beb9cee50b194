"""Care away from home as filed, and certificates of chronic diseases, over a real database and at the till."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from city import SHANGHAI, City
from mulaid import commands
from mulaid.db import Actor, Tx
from mulaid.people import family, filings, standing
from mulaid.people.enrolment import PersonRef
from mulaid.people.filings import Filing
from mulaid.policy.pack import Library, library
from mulaid.policy.rules import across_provinces
from mulaid.refs import SETTLEMENT, parse
from mulaid.refusal import Refusal
from mulaid.settlement.visit import Institution
from mulaid.settlement.whose import whose_money

AWAY, ELSEWHERE, SAME_PROVINCE = "110000", "440100", "420500"
PAPER = UUID(int=7)
PACKS = Path(__file__).parent.parent / "src/mulaid/packs"


def refused(code: str, city: City, work: Callable[[Tx], Any]) -> None:
    """What must be refused, and leaves no trace."""

    def rows() -> list[str]:
        return [
            row["row"]
            for table in ("remote_filing", "chronic")
            for row in city.run(lambda tx, t=table: tx.all(f"select {t}::text as row from {t} order by 1"))
        ]

    before = rows()
    with pytest.raises(Refusal) as caught:
        city.run(work)
    assert caught.value.code == code
    assert rows() == before


def files(city: City, kind: str = "other", region: str = AWAY, reason: str = "探亲", **more: Any) -> Filing:
    return city.run(lambda tx: filings.file(tx, library(), city.people["father"], kind, region, reason, **more))


def on(city: City, day: date, region: str = AWAY) -> str:
    """How a settlement of that day at a hospital there counts the care."""
    there = Institution("", "", 1, region, "L3", city.people["father"].book)
    return city.run(lambda tx: whose_money(tx, library(), city.people["father"], there, 100, on=day).facts.remote)


def test_a_temporary_filing_holds_six_months_for_many_visits(city: City) -> None:
    city.enrols("father")
    assert on(city, date(2026, 3, 2)) == "unfiled"
    made = files(city, "emergency", reason="突发疾病")
    assert (made.valid_from, made.valid_to, made.late, made.reason) == (date(2026, 3, 2), date(2026, 9, 1), False, "突发疾病")
    assert on(city, date(2026, 3, 1)) == "unfiled"
    assert on(city, date(2026, 3, 2)) == on(city, date(2026, 9, 1)) == "emergency"
    assert on(city, date(2026, 9, 2)) == "unfiled"
    assert on(city, date(2026, 3, 2), "420100") == "", "at home nothing is filed"
    assert on(city, date(2026, 3, 2), SAME_PROVINCE) == "", "within the province nothing need be filed since 2024-10"
    assert on(city, date(2024, 9, 30), SAME_PROVINCE) == "unfiled"
    assert on(city, date(2026, 3, 2), ELSEWHERE) == "unfiled"


def test_a_long_term_filing_holds_until_changed_and_a_province_covers_its_cities(city: City) -> None:
    city.enrols("father")
    first = files(city, "long_term", "440000", evidence=[PAPER])
    assert (first.valid_to, first.both_places) == (None, True)
    assert on(city, date(2036, 3, 2), ELSEWHERE) == "long_term"
    city.now = datetime(2026, 5, 1, 10, 0, tzinfo=SHANGHAI)
    files(city, "long_term", AWAY, evidence=[PAPER])
    assert on(city, date(2026, 5, 1), ELSEWHERE) == "unfiled", "the new place ends the old"
    assert on(city, date(2026, 4, 30), ELSEWHERE) == "long_term"
    assert on(city, date(2026, 5, 1)) == "long_term"
    files(city, "referral", AWAY, evidence=[PAPER])
    assert len(city.run(lambda tx: filings.filings(tx, city.people["father"]))) == 3


def test_a_promise_lapses_unless_the_papers_come(city: City) -> None:
    father = city.enrols("father")
    made = files(city, "long_term", promise=True)
    assert (made.papers_due, made.valid_to, made.both_places) == (date(2026, 9, 2), date(2026, 9, 2), False)
    assert on(city, date(2026, 9, 3)) == "unfiled"
    refused("filing.papers_needed", city, lambda tx: filings.supply_papers(tx, father, made.id, []))
    supplied = city.run(lambda tx: filings.supply_papers(tx, father, made.id, [PAPER]))
    assert (supplied.both_places, supplied.valid_to, supplied.evidence) == (True, None, (PAPER,))
    assert on(city, date(2030, 1, 1)) == "long_term"
    refused("filing.no_papers_owed", city, lambda tx: filings.supply_papers(tx, father, made.id, [PAPER]))
    city.enrols("mother")
    mother = city.people["mother"]
    hers = city.run(lambda tx: filings.file(tx, library(), mother, "long_term", AWAY, "随子女居住", promise=True))
    city.now = datetime(2026, 9, 3, 10, 0, tzinfo=SHANGHAI)
    refused("filing.papers_late", city, lambda tx: filings.supply_papers(tx, mother, hers.id, [PAPER]))


def test_a_late_filing_counts_from_the_first_day_of_a_stay_that_goes_on(city: City) -> None:
    city.enrols("father")
    made = files(city, "emergency", care_since=date(2026, 2, 20))
    assert (made.valid_from, made.late) == (date(2026, 2, 20), True)
    assert on(city, date(2026, 2, 20)) == "emergency"
    father = city.people["father"]
    for since, discharged, code in (
        (date(2026, 2, 20), True, "filing.after_discharge"),
        (date(2026, 3, 3), False, "filing.bad_day"),
        (date(2025, 2, 28), False, "filing.bad_day"),
    ):
        refused(
            code,
            city,
            lambda tx, since=since, discharged=discharged: filings.file(
                tx, library(), father, "other", AWAY, "出差", care_since=since, discharged=discharged
            ),
        )


@pytest.mark.parametrize(
    ("kind", "region", "reason", "more", "code"),
    [
        ("holiday", AWAY, "度假", {}, "filing.unknown_kind"),
        ("other", "北京市", "出差", {}, "filing.bad_region"),
        ("other", "１１００００", "出差", {}, "filing.bad_region"),
        ("other", "420106", "出差", {}, "filing.same_area"),
        ("other", "420100", "出差", {}, "filing.same_area"),
        ("other", AWAY, "  ", {}, "filing.reason_needed"),
        ("other", AWAY, "长" * 201, {}, "filing.reason_needed"),
        ("referral", AWAY, "转诊", {}, "filing.papers_needed"),
        ("long_term", AWAY, "定居", {}, "filing.papers_needed"),
        ("referral", AWAY, "转诊", {"promise": True}, "filing.no_promise"),
    ],
)
def test_filings_that_cannot_be(city: City, kind: str, region: str, reason: str, more: dict[str, Any], code: str) -> None:
    father = city.enrols("father")
    refused(code, city, lambda tx: filings.file(tx, library(), father, kind, region, reason, **more))


def test_a_municipality_is_one_area(city: City) -> None:
    person = city.enrols("beijinger", region=AWAY)
    for region in (AWAY, "110105"):
        refused("filing.same_area", city, lambda tx, place=region: filings.file(tx, library(), person, "other", place, "出差"))
    assert city.run(lambda tx: filings.file(tx, library(), person, "other", "420000", "出差")).region == "420000"


def test_only_ones_own_and_only_while_insured(city: City) -> None:
    father, other = city.enrols("father"), city.enrols("other")
    made = files(city)
    refused("filing.filed_already", city, lambda tx: filings.file(tx, library(), father, "other", AWAY, "出差"))
    refused("filing.unknown", city, lambda tx: filings.end(tx, other, made.id))
    refused("filing.unknown", city, lambda tx: filings.supply_papers(tx, other, made.id, [PAPER]))
    city.run(lambda tx: filings.end(tx, father, made.id))
    assert on(city, date(2026, 3, 2)) == "unfiled"
    refused("filing.unknown", city, lambda tx: filings.end(tx, father, made.id))
    city.run(lambda tx: standing.suspend(tx, library(), father, date(2026, 3, 2)))
    refused("filing.not_insured", city, lambda tx: filings.file(tx, library(), father, "other", AWAY, "出差"))


def test_who_did_not_file_is_told_and_a_helper_needs_leave(city: City) -> None:
    father, son = city.enrols("father"), city.enrols("son")
    bond = city.binds("son", "father")

    def does(who: PersonRef, work: Callable[[Tx], Any]) -> Any:
        return commands.alone(city.db, work, at=city.now, by=Actor(who.number, "web"))

    def news() -> list[str]:
        return [row["text"] for row in city.run(lambda tx: tx.all("select body ->> 'text' as text from outbox order by id"))]

    def helps(tx: Tx) -> Filing:
        family.see_to_care(tx, father, son)
        return filings.file(tx, library(), father, "other", AWAY, "看病")

    mine = does(father, lambda tx: filings.file(tx, library(), father, "other", ELSEWHERE, "出差"))
    does(father, lambda tx: filings.end(tx, father, mine.id))
    assert news() == [], "nobody is told what they did themselves"
    made = does(son, helps)
    assert "您的异地就医备案（其他临时外出）办好了" in news()[-1]
    used = city.run(lambda tx: family.uses(tx, father))
    assert [use.act for use in used] == ["care"]
    does(son, lambda tx: filings.end(tx, father, made.id))
    assert "取消了" in news()[-1]
    does(father, lambda tx: family.allow_reading(tx, bond, father, False))
    stranger = city.enrols("stranger")
    refused("family.reading_closed", city, helps)
    refused("credential.not_bound", city, lambda tx: family.see_to_care(tx, father, stranger))


def test_the_reason_is_sealed(city: City) -> None:
    city.enrols("father")
    files(city, reason="在女儿家照顾外孙")
    row = city.run(lambda tx: tx.one("select reason from remote_filing"))
    assert "女儿".encode() not in bytes(row["reason"])


def test_a_settlement_away_from_home_finds_the_filing(city: City) -> None:
    city.enrols("father", "1000", base="retired")
    city.run(lambda tx: city.opens(tx, "B1", "京一院", 1, AWAY, "L3"))
    before = city.pays("father", [("A", "100.00")], at="B1")
    files(city, "long_term", evidence=[PAPER])
    after = city.pays("father", [("A", "100.00")], at="B1")
    at_home = city.pays("father", [("A", "100.00")])
    assert after["fund_pay_sumamt"] == at_home["fund_pay_sumamt"] > before["fund_pay_sumamt"]
    city.books_balance()


def test_until_the_promised_papers_come_benefits_hold_at_the_filed_place_only(city: City) -> None:
    """Policy N9e: both places only after that. Papers, or the end of the filing, bring care at home back at once."""
    father = city.enrols("father", "1000", base="retired")
    city.run(lambda tx: city.opens(tx, "B1", "京一院", 1, AWAY, "L3"))
    pays = lambda at="H1": city.pays("father", [("A", "100.00")], at=at)  # noqa: E731
    full = pays()["fund_pay_sumamt"]
    assert full > 0
    promised = files(city, "long_term", promise=True)
    assert pays("B1")["fund_pay_sumamt"] == full
    owing = pays()
    assert owing["fund_pay_sumamt"] == 0
    told = city.run(lambda tx: tx.one("select steps, facts from settlement order by id desc limit 1"))
    assert "papers_owed" in str(told["steps"])
    city.run(lambda tx: filings.supply_papers(tx, father, promised.id, [PAPER]))
    assert pays()["fund_pay_sumamt"] == full
    city.run(lambda tx: filings.end(tx, father, promised.id))
    again = files(city, "long_term", promise=True)
    assert pays()["fund_pay_sumamt"] == 0
    city.run(lambda tx: filings.end(tx, father, again.id))
    assert pays()["fund_pay_sumamt"] == full
    files(city, "long_term", "440000", promise=True)
    city.now = datetime(2026, 9, 3, 10, 0, tzinfo=SHANGHAI)
    assert pays()["fund_pay_sumamt"] > 0, "a promise that lapsed keeps nobody from care at home"
    city.books_balance()


# Chronic diseases


def certifies(city: City, disease: str, first: date, last: date | None = None, by: str = "市一院") -> UUID:
    father = city.people["father"]
    return city.run(lambda tx: filings.certify(tx, father, disease, first, by, valid_to=last, evidence=[PAPER])).id


def test_certificates_hold_day_by_day(city: City) -> None:
    father = city.enrols("father")
    certifies(city, "hypertension", date(2025, 1, 1))
    second = certifies(city, "diabetes", date(2026, 1, 1), date(2026, 12, 31))

    def held(day: date) -> list[str]:
        every = city.run(lambda tx: filings.certificates(tx, father))
        return sorted(one.disease for one in every if one.valid_from <= day and (one.valid_to is None or day <= one.valid_to))

    assert held(date(2024, 12, 31)) == []
    assert held(date(2026, 12, 31)) == ["diabetes", "hypertension"]
    assert held(date(2027, 1, 1)) == ["hypertension"]
    city.run(lambda tx: filings.revoke(tx, father, second, date(2026, 3, 1)))
    assert held(date(2026, 3, 1)) == ["diabetes", "hypertension"]
    assert held(date(2026, 3, 2)) == ["hypertension"]
    seen = city.run(lambda tx: filings.certificates(tx, father))
    assert (seen[0].disease, seen[0].certified_by, seen[0].evidence) == ("diabetes", "市一院", (PAPER,))
    refused("chronic.unknown", city, lambda tx: filings.revoke(tx, father, second, date(2026, 3, 1)))
    refused("chronic.unknown", city, lambda tx: filings.revoke(tx, city.people["father"], UUID(int=1), date(2026, 3, 1)))
    certifies(city, "diabetes", date(2026, 3, 2))


def test_certificates_that_cannot_be(city: City) -> None:
    father = city.enrols("father")
    certifies(city, "hypertension", date(2025, 1, 1), date(2025, 12, 31))
    first = date(2025, 12, 31)
    refused("chronic.certified_already", city, lambda tx: filings.certify(tx, father, "hypertension", first, "市一院"))
    refused("chronic.bad_disease", city, lambda tx: filings.certify(tx, father, "高血压 ", first, "市一院"))
    refused("chronic.bad_dates", city, lambda tx: filings.certify(tx, father, "copd", first, "市一院", valid_to=date(2025, 1, 1)))
    refused("chronic.who_certifies", city, lambda tx: filings.certify(tx, father, "copd", first, " "))
    refused("people.not_enrolled", city, lambda tx: filings.certify(tx, father, "copd", date(2019, 1, 1), "市一院"))


def test_ten_diseases_settle_across_provinces_since_the_end_of_2024() -> None:
    def listed(disease: str, day: date) -> str:
        return across_provinces(library().in_force("420100", day), disease)

    assert listed("M07803", date(2024, 6, 1)) == listed("dialysis", date(2024, 6, 1)) == "dialysis"
    assert listed("M05300", date(2024, 11, 30)) == ""
    assert listed("M05300", date(2024, 12, 1)) == "copd"
    day = date(2026, 1, 1)
    assert listed("M06700", day) == "", "psoriasis"
    assert (listed("M07800", day), listed("M00504", day)) == ("", ""), "kidneys without dialysis, cancer without treatment"
    codes = ("M03900", "M01600", "M00503", "M07801", "M08300", "M05300", "M06900", "M04600", "M00201", "M07200")
    assert len({listed(code, day) for code in codes} - {""}) == 10


def test_a_disease_off_the_list_is_ordinary_care_in_another_province(city: City, tmp_path: Path) -> None:
    """No area's pack has a share for chronic diseases yet, so one is given to Wuhan: 70 %, ordinary care 55 %."""
    shutil.copytree(PACKS, tmp_path / "packs")
    with (tmp_path / "packs/420100/pack.toml").open("a") as pack:
        pack.write('\n[chronic_ratio]\n"2026-01-01" = { value = { active = { L3 = 0.70 } }, source = "decision" }\n')
    city.gateway = replace(city.gateway, library=Library(tmp_path / "packs"))
    city.enrols("father")
    city.run(lambda tx: city.opens(tx, "B1", "京一院", 1, AWAY, "L3"))
    city.run(lambda tx: city.opens(tx, "Y1", "宜昌医院", 1, SAME_PROVINCE, "L3"))
    files(city, "long_term", AWAY, evidence=[PAPER])
    for code in ("M03900", "M06700"):
        certifies(city, code, date(2026, 1, 1))

    def fund(code: str, at: str) -> tuple[str, str]:
        visit = city.visits("father", at)
        about = {"mdtrt_id": visit["mdtrt_id"], "psn_no": visit["psn_no"], "med_type": "14", "dise_codg": code, "dise_name": ""}
        found = {"diag_type": "1", "diag_srt_no": "1", "diag_code": "I10", "diag_name": "x", "diag_dept": "x", "vali_flag": "1"}
        assert city.send("2203", {"mdtrtinfo": about, "diseinfo": [found]}, at=at)["infcode"] == 0
        paid = city.settles(city.uploads(visit, [("A", "1000.01")], at), at=at, med_type="14")["output"]["setlinfo"]
        row = city.run(
            lambda tx: tx.one(
                "select facts, steps::text as steps from settlement where id = %(id)s", id=parse(SETTLEMENT, paid["setl_id"])
            )
        )
        assert ("other_province" in row["facts"]) == (at == "B1"), "at home it takes no room"
        return str(paid["fund_pay_sumamt"]), "not_across" if "not_across" in row["steps"] else ""

    assert fund("M03900", "B1") == ("700.01", "")
    assert fund("M06700", "B1") == ("550.01", "not_across")
    assert fund("M06700", "H1") == fund("M06700", "Y1") == ("700.01", "")
    city.books_balance()
