"""The demo city, the client, the story and `mulaid explain`, over real HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from conftest import Cluster
from mulaid import cli, commands, refs
from mulaid.calendar import wall_clock
from mulaid.client import ID_CARD, Certificate, Client, Connection, Line, NoAnswer, Refused, WrongMoney, identities
from mulaid.client import caller as wire
from mulaid.db import Actor, Database, process_url
from mulaid.demo import city, story
from mulaid.gateway.app import build
from mulaid.gateway.dialect import profiles
from mulaid.ledger import chart, journal, statement
from mulaid.people import enrolment
from mulaid.people.credential import well_formed
from mulaid.people.enrolment import PersonRef
from mulaid.proof import told
from mulaid.proof.cases import serving
from mulaid.proof.verify import faults
from mulaid.refusal import Refusal
from mulaid.settings import Settings

BY = Actor("test", "test")


@pytest.fixture
def loaded(url: str, cluster: Cluster, db: Database) -> Database:
    city.load(url, cluster.keys, lambda text: None)
    return db


@pytest.fixture
def gateway(loaded: Database, url: str, cluster: Cluster) -> Iterator[str]:
    """The address of the gateway over the loaded city."""
    door = build(process_url(url, "mulaid_gateway", embedded=True), cluster.keys, allow_test_area=True, size=4)
    with serving(door) as address:
        yield address
    door.db.close()


def how_many(db: Database, table: str) -> int:
    with db.reading(wall_clock(), BY) as tx:
        row = tx.one(f"select count(*) as many from {table}")
    assert row is not None
    return int(row["many"])


def person(db: Database, key: str) -> PersonRef:
    with db.reading(wall_clock(), BY) as tx:
        return enrolment.find(tx, "01", city.read().people[key].number, True)


def holds(db: Database, key: str) -> int:
    ref = person(db, key)
    with db.reading(wall_clock(), BY) as tx:
        return statement.balances(tx, ref.book, ref.id).get(chart.OWN, 0)


def test_the_city_is_as_large_and_as_mixed_as_it_promises() -> None:
    town = city.read()
    people = town.people.values()
    assert (len(people) >= 45, len(town.households) >= 12, len(town.places) >= 8, len(town.items) >= 55) == (True,) * 4
    assert {place.region for place in town.places.values()} == {"420100", "310000", "110000", "360100", "140500", "370400"}
    assert {place.level for place in town.places.values()} == {"L3", "L2", "primary", "pharmacy"}
    assert {row.transport for place in town.places.values() for row in place.connections} == {"open", "mulaid1", "csb", "tif"}
    assert all(row.profile in profiles() for place in town.places.values() for row in place.connections)
    assert len({one.number for one in people}) == len(people)
    assert {"·" in one.name for one in people} == {True, False}
    homes = {one.key: (one.enrolment.region, one.household) for one in people}
    assert any(homes[given.giver][0] != homes[given.receiver][0] for given in town.authorisations)


def test_the_city_is_loaded_once_and_its_books_balance(url: str, cluster: Cluster, db: Database) -> None:
    said: list[str] = []
    city.load(url, cluster.keys, said.append)
    assert said
    assert how_many(db, "person") == len(city.read().people)
    assert how_many(db, "aid") == len(city.read().authorisations)
    said.clear()
    city.load(url, cluster.keys, said.append)
    assert (said, how_many(db, "person")) == ([], len(city.read().people))
    with db.reading(wall_clock(), BY) as tx:
        assert list(faults(tx)) == []


def test_an_interrupted_load_leaves_nothing_behind(url: str, cluster: Cluster, db: Database) -> None:
    said: list[str] = []

    def pulls_the_plug(text: str) -> None:
        said.append(text)
        if len(said) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        city.load(url, cluster.keys, pulls_the_plug)
    assert [how_many(db, table) for table in ("person", "institution", "journal", "catalogue_item")] == [0, 0, 0, 0]
    city.load(url, cluster.keys, said.append)
    assert how_many(db, "person") == len(city.read().people)


def test_a_database_with_people_is_left_alone(city_of_strangers: Database, url: str, cluster: Cluster) -> None:
    before = how_many(city_of_strangers, "person")
    said: list[str] = []
    city.load(url, cluster.keys, said.append)
    assert "not loaded" in said[0]
    assert (how_many(city_of_strangers, "person"), how_many(city_of_strangers, "institution")) == (before, 0)


@pytest.fixture
def city_of_strangers(db: Database) -> Database:
    one = next(iter(city.read().people.values()))
    commands.alone(db, lambda tx: city.settle_in(tx, one), at=wall_clock(), by=BY)
    return db


def test_a_phone_shows_codes_of_made_up_people_and_of_nobody_in_production(
    loaded: Database, cluster: Cluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    father, daughter = (city.read().people[name].number for name in ("wang-father", "wang-daughter"))
    monkeypatch.setenv("MULAID_DATABASE_URL", loaded.url)
    monkeypatch.setenv("MULAID_DATA", str(cluster.folder))
    monkeypatch.setenv("MULAID_PROFILE", "test")
    assert cli.main(["code", father, "--shown-by", daughter]) == 0
    assert well_formed(capsys.readouterr().out.split()[0])
    assert cli.main(["code", daughter, "--shown-by", "100000198802290194"]) == 2
    assert "credential.not_bound" in capsys.readouterr().err
    monkeypatch.setenv("MULAID_PROFILE", "production")
    assert cli.main(["code", father]) == 2
    assert "credential.not_here" in capsys.readouterr().err


def test_every_connection_of_the_city_lets_its_institution_in(gateway: str) -> None:
    number = city.read().people["wang-father"].number
    for place in city.read().places.values():
        for row in place.connections:
            with Client(gateway, place.way_in(row.transport)) as client:
                assert client.person(Certificate(ID_CARD, number))["baseinfo"]["psn_name"] == "王建国", row.id


def test_a_bill_and_its_refund_are_believed_in_every_dialect(gateway: str, loaded: Database) -> None:
    father, place = city.read().people["wang-father"], city.read().places["H42010000002"]
    shown, before = Certificate(ID_CARD, father.number), holds(loaded, father.key)
    item = city.read().items["XA10BDL002A001010100003"]
    funds = set()
    for row in place.connections:
        with Client(gateway, place.way_in(row.transport)) as desk:
            bill, _ = desk.upload(desk.register(person(loaded, father.key).number, shown, "1"), [Line(item.code, item.price)])
            paid = desk.settle(bill).paid
            funds.add(paid["fund_pay_sumamt"])
            assert abs(desk.refund(paid).paid["medfee_sumamt"]) == Decimal("96.00")
    assert len(funds) == 2, "one of the four counts accounts into the fund"
    assert holds(loaded, father.key) == before


def test_a_wrong_key_is_refused_on_every_signed_transport(gateway: str) -> None:
    place = city.read().places[story.HOSPITAL]
    for row in place.connections:
        if row.key:
            with Client(gateway, Connection(place.code, row.transport, row.id, b"wrong")) as client, pytest.raises(Refused) as no:
                client.person(Certificate(ID_CARD, city.read().people["wang-father"].number))
            assert no.value.code == "auth.refused"


class LosesAnswers(httpx.BaseTransport):
    """A line that carries every message to the gateway and loses the first answers to one transaction."""

    def __init__(self, infno: str, lost: int) -> None:
        self.infno, self.lost, self.carried, self.line = infno, lost, 0, httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.line.handle_request(request)
        if f'"infno":"{self.infno}"'.encode() in request.content:
            self.carried += 1
            if self.carried <= self.lost:
                response.read()
                raise httpx.ReadTimeout("the answer was lost", request=request)
        return response

    def close(self) -> None:
        self.line.close()


def buys(address: str, loaded: Database, line: LosesAnswers) -> str:
    father, place = city.read().people["wang-father"], city.read().places[story.PHARMACY]
    with Client(address, place.way_in("mulaid1"), transport=line) as till:
        item = city.read().items["ZB02ABB0006010100006"]
        bought = till.buy(person(loaded, father.key).number, Certificate(ID_CARD, father.number), [Line(item.code, item.price)])
        return str(bought.paid["setl_id"])


def test_a_lost_answer_is_asked_for_again_and_moves_the_money_once(
    gateway: str, loaded: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "PAUSE_SECONDS", 0.0)
    line = LosesAnswers("2102", lost=2)
    buys(gateway, loaded, line)
    assert line.carried == 3
    assert holds(loaded, "wang-father") == 300_00 - 138_00
    assert how_many(loaded, "settlement") == 1


def test_tries_are_bounded_and_the_sender_is_told(gateway: str, loaded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "PAUSE_SECONDS", 0.0)
    line = LosesAnswers("2102", lost=99)
    with pytest.raises(NoAnswer, match="the answer was lost"):
        buys(gateway, loaded, line)
    assert line.carried == wire.TRIES


INFO = {
    "medfee_sumamt": Decimal("100.00"), "fund_pay_sumamt": Decimal("60.00"), "hifp_pay": Decimal("60.00"),
    "psn_part_amt": Decimal("40.00"), "acct_pay": Decimal("30.00"), "psn_cash_pay": Decimal("10.00"),
    "acct_mulaid_pay": Decimal("20.00"), "inscp_scp_amt": Decimal("100.00"),
}  # fmt: skip


def test_amounts_that_add_up_are_believed_and_others_are_not() -> None:
    assert list(identities({"setlinfo": INFO})) == []
    back = {name: -amount for name, amount in INFO.items()}
    assert list(identities({"setlinfo": back})) == []
    with_accounts = {**INFO, "fund_pay_sumamt": Decimal("90.00")}
    assert list(identities({"setlinfo": with_accounts}, fund_includes_accounts=True)) == []
    for name, amount in (
        ("medfee_sumamt", "100.01"), ("hifp_pay", "59.99"), ("psn_cash_pay", "10.01"), ("acct_mulaid_pay", "30.01"),
        ("acct_mulaid_pay", "-0.01"), ("inscp_scp_amt", "99.00"),
    ):  # fmt: skip
        assert list(identities({"setlinfo": {**INFO, name: Decimal(amount)}})), name


def test_an_answer_that_does_not_add_up_is_not_handed_on() -> None:
    body = b'{"infcode":0,"output":{"setlinfo":{"medfee_sumamt":10.00,"psn_part_amt":9.99}}}'
    liar = httpx.MockTransport(lambda request: httpx.Response(200, content=body))
    with Client("http://127.0.0.1:1", Connection("H1"), transport=liar) as client, pytest.raises(WrongMoney):
        client.call("2207", {"data": {}})


def plays(db: Database, address: str) -> str:
    said: list[str] = []
    assert story.tell_story(db, address, said.append) == 0, "\n".join(said)
    return "\n".join(said)


def test_the_story_shows_every_payer_every_time(loaded: Database, gateway: str) -> None:
    before = {key: holds(loaded, key) for key in story.KEPT}
    for _ in range(3):
        said = plays(loaded, gateway)
        settled = re.search(
            r"结算 2207 +([0-9.]+) = 基金 ([0-9.]+) \+ 本人账户 ([0-9.]+) \+ 家人账户 ([0-9.]+) \+ 现金 ([0-9.]+)", said, re.ASCII
        )
        assert settled is not None
        total, *parts = map(Decimal, settled.groups())
        assert sum(parts) == total
        assert min(parts) > 0
        assert said.count("的个人账户（第") == 2
        assert "逐字节相同" in said
        assert "借贷相抵" in said
    # The purchase of the last run stands; everything else of three runs went back to where it came from.
    standing = said.rsplit(" ", 1)[1]
    with loaded.reading(wall_clock(), BY) as tx:
        found = told.told(tx, standing)
    own = next(payer.fen for payer in found.payers if payer.name == "本人的个人账户")
    assert {key: holds(loaded, key) for key in story.KEPT} == {**before, story.FATHER: before[story.FATHER] - own}
    assert "上一次演示留下的结算" in said


def test_the_story_tops_up_accounts_that_ran_low(loaded: Database, gateway: str) -> None:
    son = person(loaded, story.SON)
    legs = [
        journal.Leg(chart.purse(son.id, chart.OWN), -3_399_00, "demo"),
        journal.Leg(chart.crediting("420500"), 3_399_00, "demo"),
    ]
    commands.alone(loaded, lambda tx: journal.post(tx, son.book, "demo", legs), at=wall_clock(), by=BY)
    said = plays(loaded, gateway)
    assert "补入演示金额 999.00 元" in said
    assert holds(loaded, story.SON) == story.KEPT[story.SON]


def test_the_story_says_what_to_do_when_no_gateway_or_no_city_is_there(
    tmp_path: Path, db: Database, gateway_without_city: str
) -> None:
    said: list[str] = []
    assert story.play(Settings(tmp_path, None, 1, 1, 1, "demo"), said.append, gateway="http://127.0.0.1:1") == 2
    assert "dev.py run" in said[0]
    assert story.tell_story(db, gateway_without_city, said.append) == 2
    assert "没有演示城市" in said[1]


@pytest.fixture
def gateway_without_city(url: str, cluster: Cluster) -> Iterator[str]:
    door = build(process_url(url, "mulaid_gateway", embedded=True), cluster.keys, allow_test_area=True, size=2)
    with serving(door) as address:
        yield address
    door.db.close()


def tell(db: Database, number: str) -> told.Told:
    with db.reading(wall_clock(), BY) as tx:
        return told.told(tx, number)


def test_a_settlement_is_told_from_what_was_stored(loaded: Database, gateway: str) -> None:
    number = buys(gateway, loaded, LosesAnswers("", lost=0))
    found = tell(loaded, number)
    assert (found.settlement, found.patient, found.total) == (number, "王**", 138_00)
    assert sum(payer.fen for payer in found.payers) == found.total
    page = "\n".join(told.sentences(found))
    assert "王建国" not in page
    assert "本人的个人账户  138.00 元" in page
    own = next(line for line in found.lines if line.what == "own")
    assert own.rule_name == "先用自己的账户"
    assert f"武汉市“先用自己的账户”，{told.since(own.since)}起" in page
    assert own.source in page
    plain = told.as_plain(found)
    assert (plain["total"], plain["payers"][0]) == ("138.00", {"who": "本人的个人账户", "amount": "138.00"})


def test_a_refund_tells_the_settlement_that_it_returned(loaded: Database, gateway: str) -> None:
    number = buys(gateway, loaded, LosesAnswers("", lost=0))
    place = city.read().places[story.PHARMACY]
    with Client(gateway, Connection(place.code)) as till:
        settled = till.call("5203", {"data": {"psn_no": person(loaded, "wang-father").number, "setl_id": number, "mdtrt_id": ""}})
        back = till.refund(settled.paid, infno="2103").paid["setl_id"]
    found = tell(loaded, back)
    assert (found.settlement, found.refund, found.total) == (number, back, 138_00)
    assert found == tell(loaded, number)
    assert f"退费单 {back}" in "\n".join(told.sentences(found))


@pytest.mark.parametrize(
    "number", ["nonsense", refs.show(refs.SETTLEMENT, refs.mint(7, wall_clock()))], ids=["nonsense", "nowhere"]
)
def test_an_unknown_number_is_refused_in_words(loaded: Database, number: str) -> None:
    with pytest.raises(Refusal) as no:
        tell(loaded, number)
    assert no.value.code in ("refs.unknown", "settlement.unknown")


def test_columns_line_up_whatever_the_script() -> None:
    rows = [told.Payer("cash", "现金", 1_00), told.Payer("family", "A·乙", 12_345_67)]
    widths = {told.width(line) for line in told.table(rows, 12_346_67)}
    assert len(widths) == 1
