"""Every dialect that real programs speak: one whole flow for each profile, and each habit on its own."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from city import City
from door import refused, yuan_of
from mulaid.db import Database, process_url
from mulaid.gateway import contract
from mulaid.gateway.app import build
from mulaid.gateway.dialect import Profile, profiles
from mulaid.policy.pack import Library, library

FUNDS = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay")
PARTS = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
MONEY = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]{2}", re.ASCII)


@pytest.fixture(scope="module")
def town(cluster: Any) -> Iterator[City]:
    """One city with a hospital and a pharmacy of every profile."""
    url = cluster.fresh()
    database = Database(url, cluster.keys, size=4)
    city = City(database, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    for place, name in enumerate(profiles()):
        city.run(lambda tx, place=place, name=name: city.opens(tx, f"HX{place}", "医院", 1, "420100", "L3", name))
        city.run(lambda tx, place=place, name=name: city.opens(tx, f"PX{place}", "药店", 2, "420100", "pharmacy", name))
    yield city
    city.close()
    database.close()
    cluster.drop(url)


@dataclass
class Desk:
    """An institution's program: sends messages and looks closely at every answer."""

    city: City
    code: str
    profile: Profile
    count: int = 0
    seen: set[str] = field(default_factory=set)

    def asks(self, infno: str, data: Any, **envelope: Any) -> Any:
        """The output of a transaction that succeeds."""
        self.count += 1
        whole = {"infno": infno, "msgid": f"{self.code}-{self.count}", "fixmedins_code": self.code, "input": data, **envelope}
        status, raw = self.city.post(json.dumps(whole).encode())
        answer = json.loads(raw, parse_float=Decimal)
        assert status == "200 OK"
        assert answer["infcode"] == ("0" if self.profile.infcode_text else 0), answer["err_msg"]
        assert contract.answer_faults(infno, answer["output"]) == []
        assert envelope_faults(answer) == []
        self.seen.add(infno)
        amounts_are_written_with_two_decimals(infno, raw.decode())
        output = answer["output"]
        if isinstance(output, dict) and "setlinfo" in output:
            identities_hold(output, self.profile)
        return output

    def is_told_no(self, infno: str, data: Any) -> str:
        """The words of a refusal."""
        self.count += 1
        whole = {"infno": infno, "msgid": f"{self.code}-{self.count}", "fixmedins_code": self.code, "input": data}
        answer = json.loads(self.city.post(json.dumps(whole).encode())[1])
        assert answer["infcode"] == ("-1" if self.profile.infcode_text else -1)
        assert envelope_faults(answer) == []
        return str(answer["err_msg"])


def envelope_faults(answer: dict[str, Any]) -> list[str]:
    """What is missing in the envelope of an answer, or longer than declared; a refusal's words may be."""
    faults = []
    for one in contract.contract().envelope.output[0].fields:
        value = answer.get(one.name)
        if not isinstance(value, str) or (len(value) > one.size and one.name != "err_msg"):
            faults.append(f"{one.name}: {value!r}")
    if not re.fullmatch(r"[0-9]{30}", answer["inf_refmsgid"], re.ASCII):
        faults.append("inf_refmsgid")
    return faults


def amounts_are_written_with_two_decimals(infno: str, raw: str) -> None:
    """In the raw text: a JSON number like 12.30, never null, never text, never 0."""
    names = {one.name for fields in contract.answer_fields(infno).values() for one in fields if one.money}
    for name in names:
        for written in re.findall(rf'"{name}":([^,}}\]]*)', raw):
            assert MONEY.fullmatch(written), f"{infno} {name}: {written}"


def identities_hold(output: dict[str, Any], profile: Profile) -> None:
    """Chapter by chapter what real programs add up: total, funds, person, parts, and aid inside the accounts."""
    info = output["setlinfo"]
    fen = {name: yuan_of(value) for name, value in info.items() if isinstance(value, Decimal) and name in MONEY_NAMES}
    person = fen.get("psn_part_amt", fen.get("psn_pay"))
    cash = fen.get("psn_cash_pay", fen.get("cash_payamt"))
    assert person is not None
    assert cash is not None
    funds = sum(fen[name] for name in FUNDS)
    accounts = fen["acct_pay"] if profile.fund_includes_accounts else 0
    assert fen["fund_pay_sumamt"] == funds + accounts
    assert fen["medfee_sumamt"] == fen["fund_pay_sumamt"] - accounts + person + fen.get("hosp_part_amt", 0)
    assert person == fen["acct_pay"] + cash
    assert fen["medfee_sumamt"] == sum(fen[name] for name in PARTS)
    sign = -1 if fen["medfee_sumamt"] < 0 else 1
    assert 0 <= sign * fen["acct_mulaid_pay"] <= sign * fen["acct_pay"]
    assert all(sign * fen[name] >= 0 for name in fen if name != "balc")
    assert fen["balc"] >= 0
    by_fund = {row["fund_pay_type"]: yuan_of(row["fund_payamt"]) for row in output["setldetail"]}
    assert by_fund.pop("310200", 0) == fen["acct_pay"]
    assert sum(by_fund.values()) == funds


MONEY_NAMES = {
    one.name
    for infno in ("2101", "2103", "2207", "2208", "5203")
    for one in contract.answer_fields(infno)["setlinfo"]
    if one.money
} | {"hifdm_pay", "psn_part_amt", "psn_cash_pay", "hosp_part_amt", "psn_pay", "cash_payamt", "pdn_cash_pay"}  # fmt: skip


def same_amounts(one: dict[str, Any], other: dict[str, Any], sign: int = 1) -> None:
    """Every amount that both answers carry, but what is left in the account."""
    both = (MONEY_NAMES & one.keys() & other.keys()) - {"balc"}
    assert len(both) > 15
    assert {name: one[name] for name in both} == {name: sign * other[name] for name in both}


LINES = [
    ("A", "1", "80.00"),
    ("B10", "2", "10.00"),
    ("LIMITED", "1", "12.34"),
    ("OUT", "1", "5.00"),
    ("NOBODY KNOWS", "3", "1.11"),
]


def detail(serial: str) -> list[dict[str, Any]]:
    """Bill lines of every kind of item."""
    return [
        {
            "feedetl_sn": f"{serial}{place}",
            "med_list_codg": item,
            "cnt": count,
            "pric": price,
            **({"prd_days": "2.5", "sin_dos_dscr": "1 片", "rxno": "R1"} if place else {}),
            "det_item_fee_sumamt": str(Decimal(count) * Decimal(price)),
        }
        for place, (item, count, price) in enumerate(LINES)
    ]


TOTAL = str(sum(Decimal(count) * Decimal(price) for _, count, price in LINES))


@pytest.fixture(scope="module", params=sorted(name for name, one in profiles().items() if one.plain))
def profile(request: pytest.FixtureRequest) -> Profile:
    return profiles()[request.param]


def institution(kind: str, profile: Profile) -> str:
    return f"{kind}X{list(profiles()).index(profile.name)}"


def family(city: City, name: str) -> tuple[str, str]:
    """A father with little and a daughter who helps; his number and card."""
    city.enrols(f"{name} father", "20.00", base="retired", household=name)
    city.enrols(f"{name} daughter", "4000.00")
    city.authorises(f"{name} daughter", f"{name} father", settlement_cap="15.00")
    return city.people[f"{name} father"].number, city.numbers[f"{name} father"]


def test_a_hospitals_whole_flow(town: City, profile: Profile) -> None:
    number, _ = family(town, f"h {profile.name}")
    desk = Desk(town, institution("H", profile), profile)
    signed_in = desk.asks("9001", {"signIn": {"opter_no": "1", "mac": "", "ip": ""}})["signinoutb"]["sign_no"]
    digits = town.shows_code(f"h {profile.name} father")
    token = desk.asks("1162", {"data": {"ecQrCode": digits, "businessType": "01101"}})["data"]["ecToken"]
    shown = {"mdtrt_cert_type": "01", "mdtrt_cert_no": token}
    met = desk.asks("1101", {"data": shown})
    assert met["baseinfo"]["psn_no"] == number
    assert met["insuinfo"][0]["balc"] == Decimal("20.00")
    assert desk.asks("2001", {"data": {"psn_no": number}})["trtinfo"][0]["trt_enjymnt_flag"] == "1"
    place = desk.asks("2201", {"data": {"psn_no": number, "ipt_otp_no": "1", **shown}})["data"]["mdtrt_id"]
    both = {"psn_no": number, "mdtrt_id": place}
    desk.asks("2203A", {"mdtrtinfo": {**both, "med_type": "51", "matn_type": "1", "geso_val": 30}})
    desk.asks("2203", {"mdtrtInfo": {**both, "med_type": "11"}, "diseinfo": [{"diag_code": "I10"}]})
    result = desk.asks("2204", {"feedetail": [{**row, **both, "chrg_bchno": "B"} for row in detail("L")]})["result"]
    sums = dict.fromkeys(PARTS, Decimal("0.00"))
    for row in result:
        four = [row["overlmt_amt" if name == "overlmt_selfpay" else name] for name in PARTS]
        assert sum(four) == row["det_item_fee_sumamt"]
        sums = {name: sums[name] + part for name, part in zip(PARTS, four, strict=True)}
    assert len(result) == len(LINES)
    bill = {**both, **shown, "medfee_sumamt": TOTAL, "chrg_bchno": "B", "acct_used_flag": "1", "med_type": "11"}
    preview = desk.asks("2206", {"data": bill})["setlinfo"]
    assert preview["setl_id"] is None
    output = desk.asks("2207", {"data": {**bill, **{name: str(value) for name, value in sums.items()}}})
    paid = output["setlinfo"]
    same_amounts(preview, paid)
    assert {name: paid[name] for name in PARTS} == sums
    assert (paid["acct_mulaid_pay"], paid["balc"]) == (Decimal("15.00"), Decimal("0.00"))
    assert paid["medins_setl_id"] == f"{desk.code}-{desk.count}"
    for found in (
        desk.asks("5203", {"data": {"psn_no": number, "setl_id": paid["setl_id"]}}),
        desk.asks("5203", {"data": both}),
    ):
        same_amounts(found["setlinfo"], paid)
        assert found["setldetail"] == output["setldetail"]
        assert (found["setlinfo"]["setl_id"], found["setlinfo"]["refd_setl_flag"]) == (paid["setl_id"], "0")
        assert (found["setlinfo"]["psn_pay"], found["setlinfo"]["cash_payamt"]) == (paid["psn_part_amt"], paid["psn_cash_pay"])
    lines = desk.asks("5204", {"data": {**both, "setl_id": paid["setl_id"]}})
    for asked, told in zip(result, sorted(lines, key=lambda row: row["feedetl_sn"]), strict=True):
        same = ("feedetl_sn", "det_item_fee_sumamt", "cnt", "pric", "pric_uplmt_amt", "med_chrgitm_type", "chrgitm_lv")
        assert [told[name] for name in same] == [asked[name] for name in same]
        parts = ("fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt")
        assert [told[name] for name in parts] == [asked[name] for name in parts]
    back = desk.asks("2208", {"data": {**both, "setl_id": paid["setl_id"]}})["setlinfo"]
    assert back["setl_id"] != paid["setl_id"]
    same_amounts(back, paid, 1 if profile.refund_positive else -1)
    assert back["pdn_cash_pay"] == back["psn_cash_pay"]
    assert back["balc"] == Decimal("20.00")
    again = desk.asks("5203", {"data": {"psn_no": number, "setl_id": paid["setl_id"]}})["setlinfo"]
    assert again["refd_setl_flag"] == "1"
    same_amounts(again, paid)
    same_amounts(desk.asks("5203", {"data": {"psn_no": number, "setl_id": back["setl_id"]}})["setlinfo"], back)
    desk.asks("2601", {"data": {"psn_no": number, "omsgid": paid["medins_setl_id"], "oinfno": "2207"}})
    desk.asks("2205", {"data": {**both, "chrg_bchno": "0000"}})
    assert desk.asks("5204", {"data": both}) == []
    desk.asks("2202", {"data": {**both, "ipt_otp_no": "1"}})
    assert "visit.cancelled" in desk.is_told_no("2202", {"data": both})
    assert "message.unknown_sign_in" in desk.is_told_no("9002", {"signOut": {"sign_no": "1", "opter_no": "1"}})
    desk.asks("9002", {"signOut": {"sign_no": signed_in, "opter_no": "1"}})
    assert desk.seen == set(contract_numbers("H"))
    town.books_balance()


def test_a_pharmacys_whole_flow(town: City, profile: Profile) -> None:
    number, card = family(town, f"p {profile.name}")
    desk = Desk(town, institution("P", profile), profile)
    shown = {"mdtrt_cert_type": "02", "mdtrt_cert_no": card}
    assert desk.asks("1101", {"data": shown})["baseinfo"]["psn_no"] == number
    info = {**shown, "psn_no": number, "medfee_sumamt": TOTAL, "acct_used_flag": "1", "med_type": "41"}
    sale = {"druginfo": info, "drugdetail": detail("D")}
    preview = desk.asks("2101", sale)
    output = desk.asks("2102", sale)
    paid = output["setlinfo"]
    same_amounts(preview["setlinfo"], paid)
    assert preview["detlcutinfo"] == output["detlcutinfo"]
    for row in output["detlcutinfo"]:
        parts = row["fulamt_ownpay_amt"] + row["overlmt_amt"] + row["preselfpay_amt"] + row["inscp_scp_amt"]
        assert parts == row["det_item_fee_sumamt"]
    same_amounts(desk.asks("5203", {"data": {"psn_no": number, "setl_id": paid["setl_id"]}})["setlinfo"], paid)
    back = desk.asks("2103", {"data": {"psn_no": number, "setl_id": paid["setl_id"], "mdtrt_id": paid["mdtrt_id"]}})["setlinfo"]
    same_amounts(back, paid, 1 if profile.refund_positive else -1)
    assert back["psn_pay"] == (1 if profile.refund_positive else -1) * paid["psn_part_amt"]
    assert town.holds(f"p {profile.name} father") == "20.00"
    town.books_balance()


def contract_numbers(kind: str) -> set[str]:
    """The transactions that a hospital's or a pharmacy's flow must have seen."""
    common = {"9001", "9002", "1162", "1101", "2001", "5203", "5204", "2601"}
    return common | (
        {"2201", "2202", "2203", "2203A", "2204", "2205", "2206", "2207", "2208"} if kind == "H" else {"2101", "2102", "2103"}
    )


def test_the_profiles_differ_in_what_the_flows_above_look_at() -> None:
    """Or a profile would be a name without a meaning, and the flows would prove less than they seem to."""
    known = profiles().values()
    assert {one.infcode_text for one in known} == {True, False}
    assert {one.fund_includes_accounts for one in known} == {True, False}
    assert {one.refund_positive for one in known} == {True, False}


# Habits


@pytest.fixture(scope="module")
def desk(town: City) -> Desk:
    family(town, "habits")
    return Desk(town, "H1", profiles()["national"])


@pytest.fixture
def bill(town: City) -> dict[str, Any]:
    """An open bill of 30.00 at H1."""
    return town.uploads(town.visits("habits father"), [("MINE", "30.00")])


def raw(city: City, whole: dict[str, Any], path: str = "/fsi/api") -> dict[str, Any]:
    return dict(json.loads(city.post(json.dumps(whole).encode(), path=path)[1], parse_float=Decimal))


def test_input_may_be_text_and_its_name_may_begin_with_a_capital(town: City, desk: Desk, bill: dict[str, Any]) -> None:
    asked = {"data": {**bill, "acct_used_flag": "1"}}
    plain = desk.asks("2206", asked)["setlinfo"]
    whole = {"infno": "2206", "msgid": "T", "fixmedins_code": "H1"}
    for given in (
        {"input": json.dumps(asked)},
        {"input": json.dumps(asked, ensure_ascii=False, indent=2)},
        {"Input": asked},
        {"Input": json.dumps(asked)},
        {"input": {"data": [asked["data"]]}},
        {"input": {"DATA": asked["data"]}},
    ):
        answer = raw(town, {**whole, **given})
        assert answer["infcode"] == 0, answer["err_msg"]
        same_amounts(answer["output"]["setlinfo"], plain)


def test_the_word_null_is_no_value(town: City, desk: Desk, bill: dict[str, Any]) -> None:
    blank = dict.fromkeys(("dev_no", "dev_safe_info", "cainfo", "sign_no", "insuplc_admdvs", "mdtrtarea_admvs", "opter"), "null")
    asked = {**bill, "acct_used_flag": "1", **dict.fromkeys(("insutype", "med_type", "card_sn", "psn_setlway", "certno"), "null")}
    desk.asks("2206", {"data": asked}, **blank)
    desk.asks("2206", {"data": {**asked, "insutype": None, "med_type": ""}}, **dict.fromkeys(blank, ""))


def test_front_platforms_send_a_reduced_envelope(town: City, desk: Desk, bill: dict[str, Any]) -> None:
    whole = {
        "infno": "2206",
        "msgid": "R",
        "medins_code": "H1",
        "insur_code": "1",
        "insuplc_admdvs": "420100",
        "mdtrtarea_admvs": "420100",
    }
    assert raw(town, {**whole, "input": {"data": bill}})["infcode"] == 0


def test_amounts_may_come_as_text_or_numbers(town: City, desk: Desk, bill: dict[str, Any]) -> None:
    for amount in ("30", "30.0", "30.00", "30.000000", 30, 30.0):
        desk.asks("2206", {"data": {**bill, "medfee_sumamt": amount}})


def test_without_the_flag_the_accounts_are_used_and_with_0_neither_own_nor_aid(
    town: City, desk: Desk, bill: dict[str, Any]
) -> None:
    unsaid = desk.asks("2206", {"data": bill})["setlinfo"]
    assert unsaid["acct_mulaid_pay"] == Decimal("10.00")
    same_amounts(unsaid, desk.asks("2206", {"data": {**bill, "acct_used_flag": "1"}})["setlinfo"])
    off = desk.asks("2206", {"data": {**bill, "acct_used_flag": "0"}})["setlinfo"]
    assert (off["acct_pay"], off["acct_mulaid_pay"], off["psn_cash_pay"]) == (
        Decimal("0.00"),
        Decimal("0.00"),
        off["psn_part_amt"],
    )


def test_hubei_settles_without_sums_batch_and_flag(town: City) -> None:
    family(town, "hubei")
    code, known = institution("H", profiles()["hubei"]), profiles()["hubei"]
    desk = Desk(town, code, known)
    place = town.visits("hubei father", at=code)
    town.uploads(place, [("MINE", "25.00")], at=code, batch="B1")
    short = {**place, "medfee_sumamt": "25.00"}
    assert "acct_used_flag" not in short
    assert "chrg_bchno" not in short
    paid = desk.asks("2207", json.dumps({"data": short}))["setlinfo"]
    assert (paid["medfee_sumamt"], paid["acct_mulaid_pay"]) == (Decimal("25.00"), Decimal("5.00"))
    # Asked again, with or without the name of the batch: it is settled.
    assert "settlement.already" in desk.is_told_no("2207", {"data": short})
    # A partial refund as this family of programs does it: back whole, lines away, the rest under a new batch.
    both = {name: paid[name] for name in ("psn_no", "mdtrt_id")}
    desk.asks("2208", {"data": {**both, "setl_id": paid["setl_id"]}})
    desk.asks("2205", {"data": {**both, "chrg_bchno": "0000"}})
    town.uploads(place, [("MINE", "10.00")], at=code, batch="B2")
    zeros = dict.fromkeys(PARTS, 0)
    rest = desk.asks("2207", {"data": {**place, "medfee_sumamt": "10.00", **zeros}})["setlinfo"]
    assert rest["medfee_sumamt"] == Decimal("10.00")
    # And a later batch beside the settled one.
    town.uploads(place, [("MINE", "7.00")], at=code, batch="B3")
    assert desk.asks("2207", {"data": {**place, "medfee_sumamt": "7.00"}})["setlinfo"]["medfee_sumamt"] == Decimal("7.00")
    town.books_balance()


def test_a_repeat_without_a_batch_gets_the_stored_answer_even_when_there_are_new_batches(town: City) -> None:
    family(town, "repeat")
    place = town.visits("repeat father")
    town.uploads(place, [("MINE", "9.00")], batch="B1")
    whole = {"infno": "2207", "msgid": "REPEAT", "fixmedins_code": "H1", "input": {"data": {**place, "medfee_sumamt": "9.00"}}}
    first = raw(town, whole)
    assert first["infcode"] == 0, first["err_msg"]
    for batch in ("B2", "B3"):
        town.uploads(place, [("MINE", "9.00")], batch=batch)
        assert raw(town, whole) == first


def test_2205_takes_back_one_line_a_batch_or_everything_unsettled(town: City) -> None:
    family(town, "lines")
    desk = Desk(town, "H1", profiles()["national"], count=9000)
    place = town.visits("lines father")
    both = {"psn_no": place["psn_no"], "mdtrt_id": place["mdtrt_id"]}
    for batch in ("B1", "B2", "B3"):
        town.uploads(place, [("MINE", "1.00"), ("MINE", "2.00")], batch=batch)
    desk.asks("2207", {"data": {**place, "chrg_bchno": "B3", "medfee_sumamt": "3.00"}})
    left = desk.asks("5204", {"data": both})
    for taken, remaining in (
        ({"chrg_bchno": "B1", "feedetl_sn": left[0]["feedetl_sn"]}, 5),
        ({"chrg_bchno": "B1", "feedetl_sn": "nobody's"}, 5),
        ({"chrg_bchno": "B1", "feedetl_sn": "0000"}, 4),
        ({"chrg_bchno": "B2"}, 2),
        ({"chrg_bchno": "0000"}, 2),
    ):
        desk.asks("2205", {"data": {**both, **taken}})
        assert len(desk.asks("5204", {"data": both})) == remaining


def test_another_hospital_learns_nothing_of_the_batches(town: City) -> None:
    family(town, "curious")
    place = town.visits("curious father")
    for batch in ("SECRET1", "SECRET2"):
        town.uploads(place, [("MINE", "9.00")], batch=batch)
    answer = town.send("2207", {"data": {**place, "medfee_sumamt": "9.00"}}, at="H2")
    refused(answer, "visit.other_institution")
    assert "SECRET" not in answer["err_msg"]


# Codes


@pytest.mark.parametrize("path", ["/fsi/api/hsecfc/localQrCodeQuery", "/localcfc/api/hsecfc/localQrCodeQuery"])
@pytest.mark.parametrize("where", ["outside", "inside", "both"])
def test_the_bare_decoder(town: City, desk: Desk, path: str, where: str) -> None:
    digits = town.shows_code("habits father")
    data = {
        "ecQrCode": digits,
        "businessType": "01301",
        "operatorId": "1",
        "operatorName": "张",
        "officeId": "1",
        "officeName": "内",
    }
    asked: dict[str, Any] = {"data": data, "transType": "ec.query"}
    if where != "inside":
        asked["orgId"] = "H1"
    if where != "outside":
        data["orgId"] = "H1"
    answer = raw(town, asked, path)
    assert (answer["code"], answer["success"], answer["orgId"]) == (0, True, "H1")
    found = answer["data"]
    assert contract.answer_faults("1162", {"data": found}) == []
    assert (found["idNo"], found["insuOrg"], found["ecQrCode"]) == (town.numbers["habits father"], "420100", digits)
    assert re.fullmatch(r"[0-9]{6}[0-9a-f]{32}", found["ecToken"], re.ASCII)
    # The same desk reads again because the answer was lost: the same token. Another desk: no.
    town.now += timedelta(seconds=5)
    assert raw(town, asked, path)["data"]["ecToken"] == found["ecToken"]
    data["operatorId"] = "2"
    again = raw(town, asked, path)
    assert (again["code"], again["success"], again["data"]) == (500159, False, None)
    assert "credential.bad_code" in again["message"]


def test_the_bare_decoder_wants_to_know_who_asks(town: City, desk: Desk) -> None:
    asked = {"data": {"ecQrCode": town.shows_code("habits father")}}
    answer = raw(town, asked, "/fsi/api/hsecfc/localQrCodeQuery")
    assert (answer["code"], answer["data"]) == (500159, None)


def test_a_token_lives_as_long_as_its_use(town: City, desk: Desk) -> None:
    for at, alive, dead in (
        ("P1", timedelta(minutes=29), timedelta(minutes=31)),
        ("H1", timedelta(hours=5), timedelta(hours=14, minutes=1)),
    ):
        digits = town.shows_code("habits father")
        token = town.send("1162", {"data": {"ecQrCode": digits}}, at=at)["output"]["data"]["ecToken"]
        begun = town.now
        for later, good in ((alive, True), (dead, False)):
            town.now = begun + later
            answer = town.send("1101", {"data": {"mdtrt_cert_type": "01", "mdtrt_cert_no": token}}, at=at)
            assert (answer["infcode"] == 0) is good, answer["err_msg"]
            if not good:
                refused(answer, "credential.token_expired")
        town.now = begun


def test_1101_in_every_form_of_credential(town: City, desk: Desk) -> None:
    number, card = town.people["habits father"].number, town.numbers["habits father"]
    digits = town.shows_code("habits father")
    token = desk.asks("1162", {"data": {"ecQrCode": digits}})["data"]["ecToken"]
    for given in (
        {"mdtrt_cert_type": "01", "mdtrt_cert_no": token},
        {"mdtrt_cert_type": "01", "mdtrt_cert_no": token, "certno": card, "psn_name": "王"},
        {"mdtrt_cert_type": "1", "mdtrt_cert_no": token},
        {"mdtrt_cert_type": "02", "mdtrt_cert_no": card},
        {"mdtrt_cert_type": 2, "mdtrt_cert_no": card.lower(), "psn_cert_type": "01"},
        {"mdtrt_cert_type": "02", "mdtrt_cert_no": card, "card_sn": token},
        {"mdtrt_cert_type": "02", "mdtrt_cert_no": card, "card_sn": "A1B2C3D4"},
        {"mdtrt_cert_type": "03", "mdtrt_cert_no": card, "card_sn": "A1B2C3D4"},
    ):
        assert desk.asks("1101", {"data": given})["baseinfo"]["psn_no"] == number
    other = town.numbers["habits daughter"]
    for given in (
        {"mdtrt_cert_type": "01", "mdtrt_cert_no": token, "certno": other},
        {"mdtrt_cert_type": "02", "mdtrt_cert_no": other, "card_sn": token},
    ):
        assert "message.person_differs" in desk.is_told_no("1101", {"data": given})


def test_a_token_beside_a_card_says_who_showed_it(town: City) -> None:
    """Programs that put the token into `card_sn` must not lose the daughter who came along."""
    family(town, "beside")
    town.binds("beside daughter", "beside father")
    desk = Desk(town, "H1", profiles()["national"])
    desk.count = 5000
    digits = town.shows_code("beside father", "beside daughter")
    token = desk.asks("1162", {"data": {"ecQrCode": digits}})["data"]["ecToken"]
    number, card = town.people["beside father"].number, town.numbers["beside father"]
    shown = {"mdtrt_cert_type": "02", "mdtrt_cert_no": card, "card_sn": token}
    place = desk.asks("2201", {"data": {"psn_no": number, "ipt_otp_no": "1", **shown}})["data"]["mdtrt_id"]
    bill = town.uploads({"psn_no": number, "mdtrt_id": place, **shown}, [("MINE", "30.00")])
    paid = desk.asks("2207", {"data": bill})["setlinfo"]
    assert paid["mdtrt_cert_type"] == "02"
    ref = town.settlement(paid["setl_id"])
    row = town.run(lambda tx: tx.one("select presenter from settlement where id = %(id)s", id=ref))
    assert row["presenter"] == town.people["beside daughter"].id


# Addresses

PATHS = {
    "9001": "signInSignOutService/signIn",
    "1101": "fsiPsnInfoService/queryPsnInfo",
    "2001": "fsiPsnPriorityInfoService/queryPsnPriorityInfo",
    "2206": "outpatientSettleService/preSettletment",
    "2206A": "outpatientSettleService/preSettletmentA",
    "5203": "fsiIntegratedQueryService/querySetlInfo",
    "5204": "fsiIntegratedQueryService/queryFeeList",
}


@pytest.mark.parametrize("infno", sorted(PATHS))
def test_every_address_leads_to_the_same_door(town: City, desk: Desk, bill: dict[str, Any], infno: str) -> None:
    father = town.people["habits father"].number
    data = {
        "9001": {"signIn": {"opter_no": "1"}},
        "1101": {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": town.numbers["habits father"]}},
        "5203": {"data": {"psn_no": father, "mdtrt_id": "V" + "0" * 26}},
    }.get(infno, {"data": bill})
    outputs = []
    for path in (
        "/",
        "/fsi/api",
        f"/fsi/api/{PATHS[infno]}",
        f"/ebus/gdyb_api/prd/hsa/hgs/{infno}",
        "/fsi/api/rsfComIfsService/callService",
        "/CSB",
    ):
        whole = {"infno": infno, "msgid": f"{infno}@{path}"[:40], "fixmedins_code": "H1", "input": data}
        answer = raw(town, whole, path)
        assert answer["infcode"] == (-1 if infno == "5203" else 0), answer["err_msg"]
        outputs.append(re.sub(r'"(sign_no|sign_time|medins_setl_id)": "[^"]*"', "", json.dumps(answer["output"], default=str)))
    assert len(set(outputs)) == 1


# The exchange of the interface's own example


@pytest.fixture(scope="module")
def example(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """A city whose hospital lies where a visit costs 18.00 before the fund pays six tenths."""
    folder = tmp_path_factory.mktemp("packs")
    shutil.copytree(Path(__file__).parent.parent / "src/mulaid/packs/cn", folder / "cn")
    (folder / "420100").mkdir()
    (folder / "420100" / "pack.toml").write_text(EXAMPLE_PACK, encoding="utf-8")
    url = cluster.fresh()
    database = Database(url, cluster.keys, size=4)
    city = City(database, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    gateway = process_url(url, "mulaid_gateway", embedded=True)
    city.gateway.db.close()
    city.gateway = build(gateway, cluster.keys, clock=lambda: city.now, allow_test_area=True, packs=Library(folder))
    yield city
    city.close()
    database.close()
    cluster.drop(url)


EXAMPLE_PACK = """
region = "420100"
name = "例市"
layer = "area"
grade = "A"
[sources]
X1 = { title = "接口手册的示例", grade = "A", where = "docs/gateway.md" }
[outpatient_deductible_mode]
"2023-01-01" = { value = "annual", source = "X1" }
[outpatient_deductible]
"2023-01-01" = { value = { active = 18, retired = 18 }, source = "X1" }
[outpatient_cap]
"2023-01-01" = { value = { active = 3000, retired = 3000 }, source = "X1" }
[outpatient_ratio."2023-01-01"]
source = "X1"
value = [{ from = 0, active = { L3 = 0.60 }, retired = { L3 = 0.60 } }]
"""

EXAMPLE = {
    "medfee_sumamt": "120.00",
    "fulamt_ownpay_amt": "0.00",
    "overlmt_selfpay": "0.00",
    "preselfpay_amt": "2.00",
    "inscp_scp_amt": "118.00",
    "hifp_pay": "60.00",
    "fund_pay_sumamt": "60.00",
    "psn_part_amt": "60.00",
    "acct_pay": "45.00",
    "acct_mulaid_pay": "20.00",
    "psn_cash_pay": "15.00",
    "balc": "0.00",
    "hosp_part_amt": "0.00",
}


def test_the_example_of_the_interface(example: City) -> None:
    example.enrols("father", "25.00")
    example.enrols("daughter", "500.00")
    example.authorises("daughter", "father", settlement_cap="20.00")
    desk = Desk(example, "H1", profiles()["national"])
    place = example.visits("father")
    rows = [("A", "100.00", ("0.00", "0.00", "0.00", "100.00")), ("B10", "20.00", ("0.00", "0.00", "2.00", "18.00"))]
    result = desk.asks(
        "2204",
        {
            "feedetail": [
                {
                    "feedetl_sn": item,
                    "mdtrt_id": place["mdtrt_id"],
                    "psn_no": place["psn_no"],
                    "chrg_bchno": "B",
                    "med_list_codg": item,
                    "det_item_fee_sumamt": amount,
                    "cnt": 1,
                    "pric": amount,
                }
                for item, amount, _ in rows
            ]
        },
    )["result"]
    for told, (_, _, parts) in zip(result, rows, strict=True):
        names = ("fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt")
        assert tuple(str(told[name]) for name in names) == parts
    bill = {**place, "chrg_bchno": "B", "medfee_sumamt": "120.00", "med_type": "11"}
    without = desk.asks("2206", {"data": {**bill, "acct_used_flag": "0"}})["setlinfo"]
    assert [str(without[name]) for name in ("acct_pay", "acct_mulaid_pay", "psn_cash_pay")] == ["0.00", "0.00", "60.00"]
    paid = desk.asks("2207", {"data": {**bill, "acct_used_flag": "1"}})
    info = paid["setlinfo"]
    assert {name: str(info[name]) for name in EXAMPLE} == EXAMPLE
    assert {name for name in FUNDS if info[name]} == {"hifp_pay"}
    assert info["medins_setl_id"] == f"H1-{desk.count}"
    assert {row["fund_pay_type"]: str(row["fund_payamt"]) for row in paid["setldetail"]} == {"310100": "60.00", "310200": "45.00"}
    back = desk.asks("2208", {"data": {"psn_no": info["psn_no"], "mdtrt_id": info["mdtrt_id"], "setl_id": info["setl_id"]}})[
        "setlinfo"
    ]
    same_amounts(back, info, -1)
    assert (example.holds("father"), example.holds("daughter")) == ("25.00", "500.00")


# The vendors' document

DOCUMENT = (Path(__file__).parent.parent / "docs" / "gateway.md").read_text("utf-8")
PERSONAL = ("psn_no", "mdtrt_id", "setl_id", "inf_refmsgid", "psn_name", "certno", "gend")


def test_the_documents_2207_is_what_the_door_says(example: City) -> None:
    """Byte for byte, but for who the patient is and the numbers that are drawn at random."""
    written = [block.replace("\n", "") for block in re.findall(r"```json\n(.*?)\n```", DOCUMENT, re.DOTALL)]
    request, answer = (block for block in written if "setl_id" in block or '"2207"' in block)
    asked = json.loads(request)
    example.enrols("father of the document", "25.00")
    example.enrols("daughter of the document", "500.00")
    example.authorises("daughter of the document", "father of the document", settlement_cap="20.00")
    bill = example.uploads(example.visits("father of the document"), [("A", "100.00"), ("B10", "20.00")])
    given = {"psn_no": bill["psn_no"], "mdtrt_id": bill["mdtrt_id"], "mdtrt_cert_no": bill["mdtrt_cert_no"]}
    assert given.keys() < asked["input"]["data"].keys()
    asked["input"]["data"] |= given
    told = example.post(json.dumps(asked).encode())[1].decode()
    assert masked(told) == masked(answer)


def masked(text: str) -> str:
    for name in PERSONAL:
        text = re.sub(rf'"{name}":"[^"]*"', f'"{name}":""', text)
    return text


def test_the_example_pack_is_not_one_of_ours() -> None:
    assert library().name("420100") != "例市"
