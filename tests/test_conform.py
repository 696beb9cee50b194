"""The conformance kit passes against our gateway under every profile, and fails on servers that were broken on purpose."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from conftest import Cluster
from door import WAYS, speaks
from mulaid import sm2
from mulaid.conform import kit
from mulaid.conform.asking import unzipped
from mulaid.gateway.dialect import profiles
from mulaid.gateway.handlers import HANDLERS
from mulaid.sandbox.app import Door, Reply
from mulaid.sandbox.world import World
from mulaid.serve import Installation
from mulaid.settings import from_environment

ROLES = {"hospital": "H42010000001", "other": "H42010000002", "pharmacy": "P42010000001", "mobile": "H42010000001"}
WHOLE = ("national", "jilin", "old-front")
"""Profiles under which every check runs: open and plain, signed and encrypted, and written the most unlike."""
BY_PROFILE = (
    "session", "transport", "envelope", "2103.refund", "2304.whole", "3201", "3202.all_there", "3202.one_fen",
    "6202.whole", "6301.seal", "1312.paged", "alipay.bound", "broken.2207.before_the_answer",
)  # fmt: skip
"""What depends on how a connection signs, seals, writes and counts; elsewhere a profile changes nothing."""
SKIPPED = {
    "envelope.other_institution",
    "transport.tampered",
    "transport.replayed",
    "transport.unsigned",
    "6301.seal",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A sandbox whose institutions also speak one more profile."""

    door: Door
    url: str

    def subject(self, profile: str) -> kit.Subject:
        """The kit's own subject over connections of this profile; the mobile programs of Shanxi have one of their own."""
        found = kit.read_subject(None, self.url, profile, self.url)
        way = WAYS[profile]
        roles = [role for role in ROLES if role != "mobile" or profile == "shanxi"]
        institutions = {role: self.registers(role, profile, "sealed" if role == "mobile" else way["transport"]) for role in roles}
        self.door.world.gateway.register.forget()
        return replace(found, institutions=institutions)

    def registers(self, role: str, profile: str, transport: str) -> dict[str, str]:
        """A connection of an institution in the place of all it had; what the subject says of it."""
        return speaks(self.door.world, ROLES[role], profile, transport, alone=role != "mobile")


@contextmanager
def sandbox(url: str, cluster: Cluster, folder: Path) -> Iterator[Server]:
    """A sandbox over a database of its own."""
    world = World(Installation(from_environment({"MULAID_DATA": str(folder)}), url, cluster.keys, embedded=True))
    world.reset()
    door = Door(("127.0.0.1", 0), world)
    threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield Server(door, f"http://127.0.0.1:{door.server_address[1]}")
    door.shutdown()
    door.server_close()
    world.close()


@pytest.fixture(scope="module")
def server(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One sandbox for all profiles and broken answers: what a run leaves behind must not be in the way of the next."""
    url = cluster.fresh()
    with sandbox(url, cluster, tmp_path_factory.mktemp("sandbox")) as started:
        yield started
        assert started.door.world.state()["books"] == []
    cluster.drop(url)


def chosen(profile: str) -> Sequence[str]:
    """The checks of a profile; every cut of a line takes time and is tried under one, and once more with restarts."""
    if profile == "national":
        return ()
    most = [one.id for one in kit.CHECKS if not one.id.startswith("broken")]
    return [*most, "broken.2207"] if profile in WHOLE else BY_PROFILE


@pytest.mark.parametrize("profile", profiles())
def test_our_gateway_passes_under_every_profile(server: Server, profile: str) -> None:
    if WAYS[profile]["transport"] in ("oauth", "cainfo") and not sm2.available():
        pytest.skip("this machine's libcrypto has no SM2")
    world = server.door.world
    people, world.heard = world.state()["people"], deque()
    found = kit.run(server.subject(profile), chosen(profile))
    assert [(row.check.id, row.why) for row in found.results if row.outcome == kit.FAILED] == []
    assert {row.check.id for row in found.results if row.outcome == kit.SKIPPED} <= SKIPPED
    if profile in WHOLE:
        assert found.count(kit.PASSED) >= (215 if profile == "national" else 130)
        assert {heard.infno for heard in world.heard} >= set(HANDLERS), "every transaction is spoken"
    assert world.state()["people"] == people, "every fen is back where it was"


Break = Callable[[dict[str, Any]], None]


def _settlement(change: Callable[[dict[str, Any]], None]) -> Break:
    def breaks(message: dict[str, Any]) -> None:
        if isinstance(message.get("output"), dict) and "setlinfo" in message["output"]:
            change(message["output"]["setlinfo"])

    return breaks


def _everywhere(name: str, change: Callable[[Any], Any]) -> Break:
    """Wherever an answer has a member of that name it says something else."""

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if name in value:
                value[name] = change(value[name])
            for member in value.values():
                walk(member)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    return lambda message: walk(message.get("output"))


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
    "nobody in hospital": (_everywhere("data", lambda rows: [] if isinstance(rows, list) else rows), "2304.whole"),
    "a stay's lines without amounts": (_everywhere("det_item_fee_sumamt", lambda _: None), "2301.in_form"),
    "a filing without a number": (_everywhere("trt_dcla_detl_sn", lambda _: ""), "2501.filed"),
    "certified for something else": (_everywhere("opsp_dise_code", lambda _: "M1"), "2503.filed"),
    "always in agreement": (_everywhere("stmt_rslt", lambda _: "0"), "3201.totals"),
    "never in agreement": (_everywhere("stmt_rslt", lambda _: "1"), "session.outpatient"),
    "no words for a difference": (_everywhere("stmt_rslt_dscr", lambda _: ""), "3201.totals"),
    "a list without a number": (_everywhere("setl_list_id", lambda _: None), "4101.list"),
    "one row more than the file": (_everywhere("data_cnt", lambda count: count + 1), "1301.downloaded"),
    "pages that do not count": (_everywhere("size", lambda size: size + 1), "1312.paged"),
    "another code": (_everywhere("hilist_code", lambda code: code + "X"), "1312.item"),
    "a deduction of a cent more": (_everywhere("enttAcctPay", lambda fen: fen + 0.01), "5368.balance"),
    "sums that stand still": (_everywhere("cum", lambda _: 1.25), "5206.sums"),
    "an order of a cent more": (_everywhere("ownPayAmt", lambda fen: fen + 0.01), "6202.whole"),
    "an order that stays open": (_everywhere("ordStas", lambda _: "1"), "6202.whole"),
    "relatives by their full numbers": (_everywhere("cert_no", lambda number: number.replace("*", "0")), "alipay.bound"),
    "nobody bound": (_everywhere("has_bind_fm", lambda _: "false"), "alipay.bound"),
    "a relative who is said to be the person": (_everywhere("is_family", lambda _: "false"), "alipay.shown_by"),
    "entitled whoever asks": (_everywhere("trt_enjymnt_flag", lambda _: "1"), "2001.entitled"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_server_with_wrong_answers_fails(server: Server, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    breaks, expected = BROKEN[name]
    honest = server.door.pass_on

    def pass_on(environ: dict[str, Any], body: bytes) -> Reply:
        answer = honest(environ, body)
        if answer.body.startswith(b"PK"):
            return answer
        message = json.loads(answer.body)
        breaks(message)
        return answer._replace(body=json.dumps(message, ensure_ascii=False).encode())

    monkeypatch.setattr(server.door, "pass_on", pass_on)
    found = kit.run(server.subject("national"), [expected])
    assert [row.outcome for row in found.results] == [kit.FAILED]
    assert found.results[0].why


FILE_CHANGES: dict[str, Callable[[list[str]], list[str]]] = {
    "3202.missing_there": lambda row: [*row[:4], "0", *row[5:]],
    "3202.all_there": lambda row: [*row[:4], "1", *row[5:]],
    "3202.one_fen": lambda row: [*row[:6], "DIFFERS", *row[7:]],
}


@pytest.mark.parametrize("check", FILE_CHANGES)
def test_a_server_whose_result_files_are_wrong_fails(server: Server, check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = server.door.pass_on

    def pass_on(environ: dict[str, Any], body: bytes) -> Reply:
        answer = honest(environ, body)
        if not answer.body.startswith(b"PK"):
            return answer
        rows = ["\t".join(FILE_CHANGES[check](row)) for row in unzipped(answer.body)]
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr("result.txt", "\r\n".join(rows))
        return answer._replace(body=made.getvalue())

    monkeypatch.setattr(server.door, "pass_on", pass_on)
    found = kit.run(server.subject("national"), [check])
    assert [row.outcome for row in found.results] == [kit.FAILED]


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
    kit.keep(found, {form: tmp_path / form for form in kit.FORMS})
    plain = json.loads((tmp_path / "json").read_text("utf-8"))
    suite = ElementTree.fromstring((tmp_path / "junit").read_text("utf-8"))
    page = (tmp_path / "html").read_text("utf-8")
    assert (plain["passed"], plain["failed"], plain["skipped"]) == (3, 0, 3)
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("6", "0", "3")
    assert "3 passed, 0 failed, 3 skipped" in page
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
