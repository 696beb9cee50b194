"""The sandbox: orders are carried out or refused, and every fault leaves the books right and both sides able to agree."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import Cluster
from mulaid.client import Client, Info, Line, NoAnswer, Refused
from mulaid.demo import city
from mulaid.sandbox.app import Door
from mulaid.sandbox.world import NotOurs, World
from mulaid.serve import Installation
from mulaid.settings import from_environment

DAUGHTER, FATHER = "王晓燕", "王建国"


@dataclass(frozen=True, slots=True)
class Box:
    """A running sandbox and how a till reaches it."""

    door: Door
    url: str

    def order(self, name: str, body: Any = None) -> dict[str, Any]:
        answer = httpx.post(f"{self.url}/sandbox/{name}", content=body if isinstance(body, bytes) else json.dumps(body or {}))
        return {"status": answer.status_code, **answer.json()}

    def faults(self, *script: dict[str, Any]) -> None:
        answer = self.order("faults", {"script": list(script)})
        assert answer["status"] == 200, answer

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.url}/sandbox/state").json()
        return found

    def number(self, name: str) -> str:
        return next(person.number for person in self.door.world.city.people.values() if person.name == name)

    def till(self, transport: str = "csb", **more: Any) -> Client:
        return Client(self.url, self.door.world.city.places["P42010000001"].way_in(transport), timeout=5, **more)

    def buys(self, till: Client, name: str = FATHER) -> Info:
        """A purchase with a code that a phone just showed."""
        certificate, _ = till.decode(self.order("code", {"number": self.number(name)})["code"])
        person = till.person(certificate)["baseinfo"]["psn_no"]
        line = next(row for row in self.door.world.city.items.values() if row.grade == "01" and row.limit is None)
        return till.buy(person, certificate, [Line(line.code, line.price)]).paid

    def settlements(self) -> int:
        with self.door.world.db.pool.connection() as connection:
            row = connection.execute("select count(*) from settlement where refunds is null").fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def box(url: str, cluster: Cluster, tmp_path: Path) -> Iterator[Box]:
    world = World(Installation(from_environment({"MULAID_DATA": str(tmp_path)}), url, cluster.keys, embedded=True))
    world.reset()
    door = Door(("127.0.0.1", 0), world)
    serving = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    serving.start()
    yield Box(door, f"http://127.0.0.1:{door.server_address[1]}")
    assert world.state()["books"] == []
    door.shutdown()
    door.server_close()
    world.close()


def test_a_till_works_against_it_and_the_page_shows_what_came(box: Box) -> None:
    with box.till() as till:
        paid = box.buys(till)
    assert paid["psn_name"] == FATHER
    heard = box.state()["messages"]
    assert [row["infno"] for row in heard[:3]] == ["2102", "1101", "1162"]
    assert {row["infcode"] for row in heard[:3]} == {"0"}
    page = httpx.get(f"{box.url}/sandbox/").text
    assert "演示环境" in page
    assert "2102" in page
    assert "账目正确" in page
    assert httpx.get(f"{box.url}/sandbox/style.css").headers["content-type"].startswith("text/css")


def test_an_answer_lost_after_the_commit_is_asked_for_again_and_pays_once(box: Box) -> None:
    box.faults({"do": "lose_answer", "infno": "2102", "times": 2})
    with box.till() as till:
        paid = box.buys(till)
    assert box.settlements() == 1
    assert paid["setl_id"]
    assert [row["fault"] for row in box.state()["messages"][:3]] == ["", "lose_answer", "lose_answer"]


@pytest.mark.parametrize("fault", [{"do": "drop"}, {"do": "status", "status": 502}, {"do": "status_after", "status": 503}])
def test_a_message_that_failed_on_the_way_is_sent_again_and_pays_once(box: Box, fault: dict[str, Any]) -> None:
    box.faults({**fault, "infno": "2102"})
    with box.till() as till:
        box.buys(till)
    assert box.settlements() == 1
    assert box.state()["faults"] == []


def test_a_client_that_gives_up_can_find_or_undo_what_happened(box: Box) -> None:
    with box.till(tries=1) as till:
        for fault, kept in (("lose_answer", 1), ("drop", 0)):
            box.faults({"do": fault, "infno": "2102"})
            with pytest.raises(NoAnswer):
                box.buys(till)
            assert box.settlements() == kept
            sent = box.state()["messages"][0]["msgid"]
            person = next(row["psn_no"] for row in box.state()["people"] if row["name"] == FATHER)
            if kept:
                till.take_back(person, "2102", sent)
                held = next(row["accounts"] for row in box.state()["people"] if row["name"] == FATHER)
                assert held == {"个人账户": "300.00"}
            else:
                with pytest.raises(Refused):
                    till.take_back(person, "2102", sent)
            box.order("reset")


def test_bodies_come_as_libraries_send_them(box: Box) -> None:
    """In chunks without a length, as Node and Go do; after being asked to go on, as C# does; and broken ones harm nobody."""
    body = b'{"infno":"9001","msgid":"%d","fixmedins_code":"H42010000001","input":{"signIn":{"opter_no":"1"}}}'
    port = box.door.server_address[1]

    def says(raw: bytes, *more: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
            line.sendall(raw)
            heard = b""
            for piece in more:
                heard += line.recv(100)
                line.sendall(piece)
            line.shutdown(socket.SHUT_WR)
            while piece := line.recv(1 << 16):
                heard += piece
        return heard

    chunked = b"POST /fsi/api HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n"
    first = body % 1
    pieces = b"".join(b"%X;x=y\r\n%s\r\n" % (len(first[i : i + 7]), first[i : i + 7]) for i in range(0, len(first), 7))
    assert b'"infcode":0' in says(chunked + pieces + b"0\r\nA: b\r\n\r\n")
    asked = b"POST /fsi/api HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    heard = says(asked % len(first), body % 2)
    assert heard.startswith(b"HTTP/1.1 100")
    assert b'"infcode":0' in heard
    for broken in (b"zz\r\n", b"-1\r\n{}\r\n", b"FFFFFFFF\r\n{", b"5\r\n{", b"", b"\r\n" * 5):
        assert b'"infcode":0' not in says(chunked + broken)
    assert b'"infcode":0' in says((asked % len(first)).replace(b"Expect", b"Unexpected") + body % 3)


def test_a_message_delivered_twice_pays_once(box: Box) -> None:
    box.faults({"do": "twice", "infno": "2102"})
    with box.till() as till:
        box.buys(till)
    assert box.settlements() == 1


def test_a_late_answer_comes(box: Box) -> None:
    box.faults({"do": "delay", "seconds": 1, "infno": "1101"})
    with box.till(tries=1) as till:
        box.buys(till)


def test_a_clock_that_is_off_is_refused_once(box: Box) -> None:
    box.faults({"do": "clock_off", "hours": 9, "infno": "1162"})
    with box.till("mulaid1") as till:
        with pytest.raises(Refused):
            box.buys(till)
        box.buys(till)


def test_a_refusal_can_be_ordered(box: Box) -> None:
    box.faults({"do": "refuse", "code": "message.wrong_area", "infno": "2102"})
    with box.till() as till, pytest.raises(Refused) as refused:
        box.buys(till)
    assert refused.value.code == "message.wrong_area"
    assert box.settlements() == 0


def test_money_and_relations_can_go_between_two_messages(box: Box) -> None:
    daughter, father = box.number(DAUGHTER), box.number(FATHER)
    box.faults(
        {"do": "empty_account", "number": father, "infno": "2102"},
        {"do": "end_relation", "giver": daughter, "receiver": father, "infno": "2102"},
    )
    with box.till() as till:
        paid = box.buys(till)
    assert paid["acct_pay"] == paid["acct_mulaid_pay"], "his own account was empty by then"
    assert paid["balc"] == 0
    statuses = {(row["giver"], row["receiver"]): row["status"] for row in box.state()["relations"]}
    assert statuses[DAUGHTER, FATHER] == "released"


def test_some_messages_are_let_through_first(box: Box) -> None:
    box.faults({"do": "status", "status": 500, "infno": "1162", "skip": 1})
    with box.till(tries=1) as till:
        box.buys(till)
        with pytest.raises(NoAnswer):
            box.buys(till)


def test_the_clock_moves_and_comes_back(box: Box) -> None:
    assert box.order("clock", {"at": "2027-03-01T10:00:00"})["now"].startswith("2027-03-01 10:00")
    with box.till("open") as till:
        assert str(box.buys(till)["setl_time"]).startswith("2027-03-01")
    assert not box.order("clock")["now"].startswith("2027-03-01")
    assert box.order("clock", {"at": "2099-01-01"})["error"] == "sandbox.bad_clock"
    assert box.order("clock", {"at": "soon"})["error"] == "sandbox.bad_clock"


PEOPLE = """
version = 1
[[institution]]
code = "P42010000001"
name = "演示药房"
kind = "pharmacy"
region = "420100"
level = "pharmacy"
connections = [{ id = "only", transport = "open", profile = "national" }]
[[items]]
charge = "09"
rows = [{ code = "ONE", name = "演示药品", price = "1.00", grade = "01" }]
[[household]]
key = "one"
region = "420100"
says = "一个人"
people = [{ key = "one", name = "赵一", born = 1990-01-01, serial = 1, class = "active", account = "5.00" }]
"""


def test_people_come_from_a_file_and_a_bad_file_changes_nothing(box: Box) -> None:
    assert box.order("people", PEOPLE.encode())["status"] == 200
    assert [row["name"] for row in box.state()["people"]] == ["赵一"]
    for wrong in (b"version =", b"version = 1", b"\xff", PEOPLE.replace('price = "1.00"', 'price = "x"').encode()):
        assert box.order("people", wrong)["error"] == "sandbox.bad_people"
    assert [row["name"] for row in box.state()["people"]] == ["赵一"]
    assert box.order("reset")["status"] == 200
    assert [row["name"] for row in box.state()["people"]] == ["赵一"]


@pytest.mark.parametrize(
    "row",
    [
        {}, {"do": "burn"}, {"do": "delay"}, {"do": "delay", "seconds": -1}, {"do": "delay", "seconds": 1e9},
        {"do": "delay", "seconds": True}, {"do": "status", "status": 200}, {"do": "refuse", "code": "no.such"},
        {"do": "drop", "times": -1}, {"do": "drop", "minutes": 1},
        {"do": "clock_off", "hours": "9"}, {"do": "end_relation", "giver": "x"}, "drop", None,
    ],
)  # fmt: skip
def test_a_wrong_script_is_refused_whole(box: Box, row: object) -> None:
    box.faults({"do": "drop", "infno": "9999"})
    before = box.state()["faults"]
    assert box.order("faults", {"script": [{"do": "drop"}, row]})["error"] == "sandbox.bad_fault"
    assert box.state()["faults"] == before


def test_orders_that_are_none(box: Box) -> None:
    assert box.order("nothing")["error"] == "sandbox.unknown_order"
    assert httpx.get(f"{box.url}/sandbox/nothing").status_code == 404
    assert box.order("faults", b"[1")["error"] == "sandbox.bad_order"
    assert box.order("code", {"number": 5})["error"] == "sandbox.bad_order"
    assert box.order("code", {"number": "11010519491231002X"})["error"] == "people.unknown"
    assert box.order("faults", {"script": "all"})["error"] == "sandbox.bad_fault"


def test_a_database_with_people_of_somebody_else_is_left_alone(url: str, cluster: Cluster, tmp_path: Path) -> None:
    city.load(url, cluster.keys, lambda _: None)
    installed = Installation(from_environment({"MULAID_DATA": str(tmp_path)}), url, cluster.keys, embedded=True)
    with pytest.raises(NotOurs, match="no sandbox put there"):
        World(installed)
