"""The conformance kit passes against our gateway under every profile, and fails on servers that were broken on purpose."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from conftest import Cluster
from mulaid.conform import checks, kit, report
from mulaid.gateway.dialect import profiles
from mulaid.sandbox.app import Door, Reply
from mulaid.sandbox.world import World
from mulaid.serve import Installation
from mulaid.settings import from_environment

SEALED = ("jilin", "shanxi", "hubei-signed")
"""Profiles whose messages are signed or sealed inside; tests/test_gateway_transports.py speaks them."""
TRANSPORTS = {"national": "open", "csb": "csb", "hubei": "csb", "hubei-positive": "csb", "tif": "tif", "guangdong": "tif"}
ROLES = {"hospital": "H42010000001", "other": "H42010000002", "pharmacy": "P42010000001"}
assert checks


@dataclass(frozen=True, slots=True)
class Server:
    """A sandbox whose institutions also speak one more profile."""

    door: Door
    url: str

    def subject(self, profile: str) -> kit.Subject:
        """The kit's own subject over connections of this profile."""
        transport = TRANSPORTS.get(profile, "mulaid1")
        found = kit.read_subject(None, self.url, profile, self.url)
        if transport == "open":
            return found
        institutions = {
            role: {"code": code, "transport": transport, "id": f"kit-{code}", "key": f"key-{code}"}
            for role, code in ROLES.items()
        }
        with self.door.world.db.pool.connection() as connection:
            connection.execute("update client set enabled = false where transport = 'open'")
            for row in institutions.values():
                secret = self.door.world.keys.seal("client", f"client|secret|{row['id']}", row["key"].encode())
                connection.execute(
                    "insert into client (id, institution, transport, profile, secret) values (%s, %s, %s, %s, %s)",
                    (row["id"], row["code"], transport, profile, secret),
                )
        return replace(found, institutions=institutions)


@pytest.fixture
def server(url: str, cluster: Cluster, tmp_path: Path) -> Iterator[Server]:
    world = World(Installation(from_environment({"MULAID_DATA": str(tmp_path)}), url, cluster.keys, embedded=True))
    world.reset()
    door = Door(("127.0.0.1", 0), world)
    threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield Server(door, f"http://127.0.0.1:{door.server_address[1]}")
    door.shutdown()
    door.server_close()
    world.close()


@pytest.mark.parametrize("profile", [name for name in profiles() if name not in SEALED])
def test_our_gateway_passes_under_every_profile(server: Server, profile: str) -> None:
    found = kit.run(server.subject(profile))
    assert [(row.check.id, row.why) for row in found.results if row.outcome == kit.FAILED] == []
    assert found.count(kit.PASSED) >= 65
    skipped = {row.check.id for row in found.results if row.outcome == kit.SKIPPED}
    assert skipped <= {"envelope.other_institution", "transport.tampered", "transport.replayed", "transport.unsigned"}
    assert server.door.world.state()["books"] == []


Break = Callable[[dict[str, Any]], None]


def _settlement(change: Callable[[dict[str, Any]], None]) -> Break:
    def breaks(message: dict[str, Any]) -> None:
        if isinstance(message.get("output"), dict) and "setlinfo" in message["output"]:
            change(message["output"]["setlinfo"])

    return breaks


BROKEN: dict[str, tuple[Break, str]] = {
    "infcode as the other type": (lambda m: m.update(infcode=f"{m['infcode']}"), "envelope.members"),
    "no time of the answer": (lambda m: m.pop("respond_time", None) and None, "envelope.members"),
    "refusals without words": (lambda m: m.update(err_msg="E1") if str(m["infcode"]) == "-1" else None, "envelope.unknown_infno"),
    "amounts as text": (_settlement(lambda row: row.update(balc=f"{row['balc']}")), "money.identities"),
    "null amounts": (_settlement(lambda row: row.update(acct_mulaid_pay=None)), "2102.adds_up"),
    "aid beside the account": (_settlement(lambda row: row.update(acct_pay=row["acct_pay"] - 1)), "2102.adds_up"),
    "a cent too much cash": (_settlement(lambda row: row.update(psn_cash_pay=row["psn_cash_pay"] + 1)), "money.identities"),
    "the giver's balance": (_settlement(lambda row: row.update(balc=row["balc"] + 1)), "2102.adds_up"),
    "a member missing": (_settlement(lambda row: row.pop("medins_setl_id", None) and None), "2102.adds_up"),
    "refunds with plus signs": (
        _settlement(lambda row: row.update({name: abs(fen) for name, fen in row.items() if isinstance(fen, float)})),
        "2103.refund",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_server_with_wrong_answers_fails(server: Server, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    breaks, expected = BROKEN[name]
    honest = server.door.pass_on

    def pass_on(environ: dict[str, Any], body: bytes) -> Reply:
        answer = honest(environ, body)
        message = json.loads(answer.body)
        breaks(message)
        return answer._replace(body=json.dumps(message, ensure_ascii=False).encode())

    monkeypatch.setattr(server.door, "pass_on", pass_on)
    found = kit.run(server.subject("national"), [expected])
    assert [row.outcome for row in found.results] == [kit.FAILED]
    assert found.results[0].why


def test_a_server_that_forgets_its_numbers_fails(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    honest, count = server.door.pass_on, iter(range(10**6))

    def pass_on(environ: dict[str, Any], body: bytes) -> Reply:
        message = json.loads(body) if body.startswith(b"{") and b'"input"' in body and body.endswith(b"}") else {}
        if message.get("infno") in ("2102", "2207"):
            message["msgid"] = f"{next(count):030d}"
            body = json.dumps(message, ensure_ascii=False).encode()
            environ = {**environ, "CONTENT_LENGTH": str(len(body))}
        return honest(environ, body)

    monkeypatch.setattr(server.door, "pass_on", pass_on)
    found = kit.run(server.subject("national"), ["repeat.same", "broken.2102.before_the_answer.again"])
    assert {row.outcome for row in found.results} == {kit.FAILED}


def test_a_dead_server_fails_everything_and_breaks_nothing() -> None:
    subject = kit.read_subject(None, "http://127.0.0.1:9", "national", "")
    found = kit.run(subject, ["1101", "2102.adds_up", "1162"])
    assert {row.outcome for row in found.results} == {kit.FAILED, kit.SKIPPED}


def test_the_reports_tell_the_same_in_three_forms(server: Server, tmp_path: Path) -> None:
    found = kit.run(server.subject("national"), ["1101", "transport"])
    report.keep(found, {form: tmp_path / form for form in report.FORMS})
    plain = json.loads((tmp_path / "json").read_text("utf-8"))
    suite = ElementTree.fromstring((tmp_path / "junit").read_text("utf-8"))
    page = (tmp_path / "html").read_text("utf-8")
    assert (plain["passed"], plain["failed"], plain["skipped"]) == (2, 0, 3)
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "0", "3")
    assert "2 passed, 0 failed, 3 skipped" in page
    assert all(row["id"] in page for row in plain["checks"])


def test_a_subject_that_lacks_something_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[people]\n", "utf-8")
    (tmp_path / "b.toml").write_text("[people\n", "utf-8")
    with pytest.raises(kit.SubjectTrouble, match="institutions"):
        kit.read_subject(tmp_path / "a.toml", "", "national", "")
    with pytest.raises(kit.SubjectTrouble, match="not TOML"):
        kit.read_subject(tmp_path / "b.toml", "", "national", "")
    with pytest.raises(kit.SubjectTrouble, match="profile is unknown"):
        kit.read_subject(None, "", "no-such", "")


def test_every_check_has_a_number_of_its_own() -> None:
    ids = [one.id for one in kit.CHECKS]
    assert len(ids) == len(set(ids))
