"""Faces and registers: the providers by their contracts, and the rules that hold whatever a provider says."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import uuid4

import pytest

from city import City
from mulaid.crypto import Keys
from mulaid.demo import city as demo
from mulaid.outside.face import SANDBOX_NOTICE, AlibabaFace, FaceTrouble, SandboxFace, TencentFace, face_for
from mulaid.outside.registers import HttpRegisters, RegisterTrouble, SandboxRegisters, digest_of, registers_for
from mulaid.outside.signing import Credentials
from mulaid.people import face
from mulaid.people.face import Assurance, FaceOutcome, FaceRequest, FaceSession, Result, Subject
from mulaid.people.kinship import BirthQuestion, Kinship, KinshipQuestion
from mulaid.refusal import Refusal
from mulaid.settings import SettingTrouble
from relatives import refused
from stand_in import Seen, StandIn, stand_in

AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
KEY = Credentials("KEYID", "the-secret")
NUMBER = "110105194912310021"
FATHER = Subject("王甲", "01", NUMBER)


def clock() -> datetime:
    return AT


def asked_for(subject: Subject = FATHER) -> FaceRequest:
    return FaceRequest(uuid4(), "a" * 32, "bind", subject)


# The rules, whatever the provider


@pytest.fixture
def checked(city: City) -> tuple[City, FaceRequest]:
    """A check of the father's face that the daughter began and the provider took."""
    city.enrols("father")
    city.enrols("daughter")
    about = uuid4()
    asked = city.run(lambda tx: face.begin(tx, city.people["daughter"], face.BIND, about, FATHER))
    session = FaceSession("stand-in", Assurance.LIVENESS_AUTHORITY, "R1", "https://face.example", city.now + timedelta(hours=2))
    city.run(lambda tx: face.sent(tx, city.people["daughter"], asked.check, session))
    return city, asked


def finish(city: City, asked: FaceRequest, result: Result = Result.PASSED, by: str = "daughter", **more: Any) -> Result:
    told = {"provider_ref": "R1", "reported_number": NUMBER, "live": True, "matched": True, "score": 9512, **more}
    return city.run(lambda tx: face.finish(tx, city.people[by], asked.check, FaceOutcome(result=result, **told)))


def about_of(city: City, asked: FaceRequest) -> Any:
    return city.run(lambda tx: tx.one("select * from face_check where id = %(id)s", id=asked.check))


def use(city: City, asked: FaceRequest, purpose: str = face.BIND, by: str = "daughter", about: Any = None) -> Assurance:
    matter = about or about_of(city, asked)["about"]
    return city.run(lambda tx: face.use(tx, city.people[by], asked.check, purpose, matter))


def test_a_pass_is_used_once_for_what_it_was_made_for(checked: tuple[City, FaceRequest]) -> None:
    city, asked = checked
    refused("family.face_check_required", lambda: use(city, asked))
    assert finish(city, asked) == Result.PASSED
    assert finish(city, asked, Result.FAILED) == Result.PASSED, "a result is kept once"
    refused("face.unknown", lambda: use(city, asked, face.ACTIVATE))
    refused("face.unknown", lambda: use(city, asked, by="father"))
    refused("face.unknown", lambda: use(city, asked, about=uuid4()))
    assert use(city, asked) == Assurance.LIVENESS_AUTHORITY
    refused("face.used", lambda: use(city, asked))


def test_a_pass_is_stale_after_five_minutes(checked: tuple[City, FaceRequest]) -> None:
    city, asked = checked
    finish(city, asked)
    city.now += timedelta(minutes=5, microseconds=1)
    refused("face.stale", lambda: use(city, asked))
    assert about_of(city, asked)["used_at"] is None
    city.now -= timedelta(microseconds=1)
    use(city, asked)


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"reported_number": "440524188001010014"}, "other_person"),
        ({"reported_number": ""}, "other_person"),
        ({"live": False}, "not_live_or_not_matched"),
        ({"matched": False}, "not_live_or_not_matched"),
        ({"result": Result.FAILED, "provider_code": "66660002"}, "66660002"),
    ],
)
def test_a_pass_that_is_none(checked: tuple[City, FaceRequest], told: dict[str, Any], problem: str) -> None:
    city, asked = checked
    assert finish(city, asked, **told) == Result.FAILED
    assert about_of(city, asked)["problem"] == problem
    refused("family.face_check_required", lambda: use(city, asked))


@pytest.mark.parametrize("result", [Result.PENDING, Result.ERROR])
def test_what_settles_nothing_may_be_asked_again(checked: tuple[City, FaceRequest], result: Result) -> None:
    city, asked = checked
    assert finish(city, asked, result) == result
    assert about_of(city, asked)["state"] == "sent"
    assert finish(city, asked) == Result.PASSED


def test_a_check_belongs_to_its_asker_and_its_reference(checked: tuple[City, FaceRequest]) -> None:
    city, asked = checked
    refused("face.unknown", lambda: finish(city, asked, by="father"))
    refused("face.unknown", lambda: finish(city, asked, provider_ref="R2"))
    session = FaceSession("stand-in", Assurance.SANDBOX, "R2", "https://face.example", city.now)
    refused("face.unknown", lambda: city.run(lambda tx: face.sent(tx, city.people["daughter"], asked.check, session)))
    assert city.run(lambda tx: face.reference(tx, city.people["daughter"], asked.check)) == ("stand-in", "R1")
    refused("face.unknown", lambda: city.run(lambda tx: face.reference(tx, city.people["father"], asked.check)))
    unsent = city.run(lambda tx: face.begin(tx, city.people["daughter"], face.BIND, uuid4(), FATHER))
    refused("face.unknown", lambda: city.run(lambda tx: face.reference(tx, city.people["daughter"], unsent.check)))
    refused("face.unknown", lambda: finish(city, unsent))
    assert about_of(city, asked)["state"] == "sent"


def test_of_many_who_spend_a_pass_one_does(checked: tuple[City, FaceRequest]) -> None:
    city, asked = checked
    finish(city, asked)
    matter, start = about_of(city, asked)["about"], threading.Barrier(10)

    def spend(_: int) -> str:
        start.wait()
        try:
            return use(city, asked, about=matter)
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(10) as threads:
        came = sorted(threads.map(spend, range(10)))
    assert came == ["face.used"] * 9 + ["liveness_authority"]


def test_no_number_no_name_and_no_picture_is_kept(checked: tuple[City, FaceRequest]) -> None:
    city, asked = checked
    finish(city, asked, provider_txn="T" * 99)
    row = about_of(city, asked)
    assert not {"picture", "image", "video", "name", "number"} & set(row)
    assert NUMBER.encode() not in b"|".join(
        bytes(v) if isinstance(v, (bytes, memoryview)) else str(v).encode() for v in row.values()
    )
    assert (row["score"], row["provider_txn"]) == (9512, "T" * 64)
    assert NUMBER not in repr(asked)


# Providers by their contracts


def answering(body: Any, status: int = 200) -> Any:
    return lambda _: (status, json.dumps(body).encode() if not isinstance(body, bytes) else body)


def tencent(cloud: StandIn) -> TencentFace:
    return TencentFace(KEY, "1", clock, cloud.url)


def alibaba(cloud: StandIn) -> AlibabaFace:
    return AlibabaFace(KEY, "1000000006", clock, cloud.url)


def test_tencent_is_started_as_its_contract_says() -> None:
    with stand_in(answering({"Response": {"Url": "https://faceid.qq.com/x", "BizToken": "BT", "RequestId": "r"}})) as cloud:
        session = tencent(cloud).start(asked_for(), "https://mulaid.example/back")
    (seen,) = cloud.seen
    assert seen.signed_well()
    assert (seen.headers["x-tc-action"], seen.headers["x-tc-version"]) == ("DetectAuth", "2018-03-01")
    assert json.loads(seen.body) == {
        "RuleId": "1",
        "IdCard": NUMBER,
        "Name": "王甲",
        "RedirectUrl": "https://mulaid.example/back",
        "Extra": "a" * 32,
    }
    assert (session.provider_ref, session.redirect_url, session.expires_at) == (
        "BT",
        "https://faceid.qq.com/x",
        AT + timedelta(hours=2),
    )
    assert not session.binds_number


TEXT = {"ErrCode": 0, "IdCard": NUMBER, "Name": "王甲", "LiveStatus": 0, "Comparestatus": 0, "Sim": "95.12"}


@pytest.mark.parametrize(
    ("told", "result"),
    [
        ({"Text": TEXT, "RequestId": "r"}, Result.PASSED),
        ({"Text": {**TEXT, "ErrCode": 66660002}}, Result.FAILED),
        ({"Text": {**TEXT, "LiveStatus": 1004}}, Result.FAILED),
        ({"Text": {**TEXT, "Comparestatus": None}}, Result.FAILED),
        ({"Text": {**TEXT, "ErrCode": None}}, Result.PENDING),
        ({"Text": None}, Result.PENDING),
        ({"Error": {"Code": "InvalidParameterValue.BizTokenExpired"}}, Result.EXPIRED),
        ({"Error": {"Code": "InternalError"}}, Result.ERROR),
    ],
)
def test_tencents_result(told: dict[str, Any], result: Result) -> None:
    with stand_in(answering({"Response": told})) as cloud:
        outcome = tencent(cloud).fetch("BT")
    (seen,) = cloud.seen
    assert seen.signed_well()
    assert json.loads(seen.body) == {"BizToken": "BT", "RuleId": "1", "InfoType": "1"}, "text only: no pictures, no video"
    assert outcome.result == result
    if result == Result.PASSED:
        assert (outcome.reported_number, outcome.score, outcome.provider_txn) == (NUMBER, 9512, "r")


def test_alibaba_is_started_as_its_contract_says() -> None:
    told = {"Code": "200", "ResultObject": {"CertifyId": "C1", "CertifyUrl": "https://t.aliyun.com/x"}}
    with stand_in(answering(told)) as cloud:
        session = alibaba(cloud).start(asked_for(), "https://mulaid.example/back", '{"zimVer": "3"}')
    (seen,) = cloud.seen
    assert seen.signed_well()
    assert (seen.headers["x-acs-action"], seen.headers["x-acs-version"]) == ("InitFaceVerify", "2019-03-07")
    form = dict(parse_qsl(seen.body.decode()))
    assert (form["CertNo"], form["CertName"], form["OuterOrderNo"], form["ProductCode"]) == (NUMBER, "王甲", "a" * 32, "ID_PRO")
    assert (session.provider_ref, session.binds_number) == ("C1", True)


@pytest.mark.parametrize(
    ("told", "result"),
    [
        (
            {"Code": "200", "RequestId": "r", "ResultObject": {"Passed": "T", "SubCode": "200", "IdentityInfo": None}},
            Result.PASSED,
        ),
        ({"Code": "200", "ResultObject": {"Passed": "F", "SubCode": "204"}}, Result.FAILED),
        ({"Code": "200", "ResultObject": {}}, Result.PENDING),
        ({"Code": "401", "Message": "x"}, Result.ERROR),
        ({"Code": "200"}, Result.ERROR),
    ],
)
def test_alibabas_result(told: dict[str, Any], result: Result) -> None:
    with stand_in(answering(told)) as cloud:
        outcome = alibaba(cloud).fetch("C1")
    assert cloud.seen[0].signed_well()
    assert outcome.result == result


def test_a_provider_that_binds_the_number_may_leave_it_out_but_not_tell_another(city: City) -> None:
    city.enrols("daughter")
    for told, result in (("", Result.PASSED), (NUMBER, Result.PASSED), ("440524188001010014", Result.FAILED)):
        asked = city.run(lambda tx: face.begin(tx, city.people["daughter"], face.BIND, uuid4(), FATHER))
        session = FaceSession("ali", Assurance.LIVENESS_AUTHORITY, "R1", "https://x", city.now, binds_number=True)
        city.run(lambda tx, asked=asked, session=session: face.sent(tx, city.people["daughter"], asked.check, session))
        assert finish(city, asked, reported_number=told) == result
    with stand_in(
        answering({"Code": "200", "ResultObject": {"Passed": "T", "IdentityInfo": json.dumps({"certNo": NUMBER})}})
    ) as cloud:
        assert alibaba(cloud).fetch("C1").reported_number == NUMBER


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", json.dumps({"Response": {"Error": {"Code": "AuthFailure", "Message": NUMBER}}}).encode()]
)
def test_a_start_that_fails_names_nobody(body: bytes) -> None:
    with stand_in(answering(body)) as cloud:
        for provider in (tencent(cloud), alibaba(cloud)):
            with pytest.raises(FaceTrouble) as caught:
                provider.start(asked_for(), "https://mulaid.example/back", "{}")
            assert NUMBER not in str(caught.value)
    for nobody in (TencentFace(KEY, "1", clock, "http://127.0.0.1:9"), AlibabaFace(KEY, "1", clock, "http://127.0.0.1:9")):
        assert nobody.fetch("R").result == Result.ERROR


def test_alibaba_checks_resident_cards_with_the_browsers_word_only() -> None:
    provider = AlibabaFace(KEY, "1", clock)
    with pytest.raises(FaceTrouble, match="MetaInfo"):
        provider.start(asked_for(), "https://mulaid.example/back")
    with pytest.raises(FaceTrouble, match="resident"):
        provider.start(asked_for(Subject("A", "17", "810000199408230021")), "https://mulaid.example/back", "{}")


def test_alibaba_forgets_when_told_to() -> None:
    with stand_in(answering({"Code": "200"})) as cloud:
        alibaba(cloud).erase("C1")
        tencent(cloud).erase("BT")
    (seen,) = cloud.seen
    assert seen.headers["x-acs-action"] == "DeleteFaceVerifyResult"
    assert parse_qs(seen.body.decode()) == {"CertifyId": ["C1"]}


def test_the_sandbox_passes_labelled_and_only_what_it_was_asked(tmp_path: Any) -> None:
    sandbox = SandboxFace(Keys.create(tmp_path / "keys"), clock)
    session = sandbox.start(asked_for(), "https://mulaid.example/back?x=1")
    assert session.assurance == Assurance.SANDBOX
    assert NUMBER not in session.redirect_url
    query = dict(parse_qsl(urlsplit(session.redirect_url).query))
    assert query["notice"] == "演示"
    assert "演示" in SANDBOX_NOTICE
    ref = query["face"]
    assert ref == session.provider_ref
    outcome = sandbox.fetch(ref)
    assert (outcome.result, outcome.reported_number, outcome.live, outcome.matched) == (Result.PASSED, NUMBER, True, True)
    for forged in ("x", "a.b", f"{'b' * 32}.{ref.partition('.')[2]}", ""):
        assert sandbox.fetch(forged).result == Result.EXPIRED
    sandbox.erase(ref)


def test_the_setting_names_the_provider(tmp_path: Any) -> None:
    keys = Keys.create(tmp_path / "keys")
    assert isinstance(face_for({}, "demo", keys, clock), SandboxFace)
    with pytest.raises(SettingTrouble, match="refuses the sandbox"):
        face_for({}, "production", keys, clock)
    with pytest.raises(SettingTrouble, match="'mirror'"):
        face_for({"MULAID_FACE": "mirror"}, "demo", keys, clock)
    with pytest.raises(SettingTrouble, match="MULAID_FACE_SCENE"):
        face_for({"MULAID_FACE": "alibaba", "MULAID_FACE_KEY_ID": "a", "MULAID_FACE_SECRET": "b"}, "production", keys, clock)
    given = {"MULAID_FACE_KEY_ID": "a", "MULAID_FACE_SECRET": "hidden", "MULAID_FACE_RULE": "1", "MULAID_FACE_SCENE": "2"}
    made = face_for({**given, "MULAID_FACE": "tencent", "MULAID_FACE_ENDPOINT": "https://t.example"}, "production", keys, clock)
    assert isinstance(made, TencentFace)
    assert made.endpoint == "https://t.example"
    assert isinstance(face_for({**given, "MULAID_FACE": "alibaba"}, "production", keys, clock), AlibabaFace)
    assert "hidden" not in repr(made)


# Registers

QUESTION = KinshipQuestion("王乙", "110105198605210041", "王甲", NUMBER, "parent")
BIRTH = BirthQuestion("王乙", "110105198605210041", "Q100000001")
ROW = {
    "certificate": "Q100000001", "mother_name": "王乙", "mother_number": "110105198605210041", "child_name": "陈一诺",
    "child_number": "", "born": "2016-06-01", "gender": "2", "father_number": "",
}  # fmt: skip


def registry(cloud: StandIn) -> HttpRegisters:
    return HttpRegisters(cloud.url, "mulaid", "shared", clock)


def proven(seen: Seen) -> bool:
    """The stand-in's own reckoning of who asks."""
    head = seen.headers
    wanted = digest_of("shared", seen.path, head["x-mulaid-time"], head["x-mulaid-nonce"], seen.body)
    return head["x-mulaid-client"] == "mulaid" and head["x-mulaid-digest"] == wanted and len(head["x-mulaid-nonce"]) == 32


@pytest.mark.parametrize("answer", list(Kinship))
def test_a_civil_register_is_asked_by_our_contract(answer: Kinship) -> None:
    with stand_in(answering({"kinship": answer})) as cloud:
        assert registry(cloud).kinship(QUESTION) == answer
    (seen,) = cloud.seen
    assert (seen.method, seen.path) == ("POST", "/kinship")
    assert proven(seen)
    assert json.loads(seen.body)["relation"] == "parent"
    assert NUMBER not in seen.path + seen.query
    assert NUMBER not in repr(QUESTION)


def test_a_birth_register_is_asked_by_our_contract() -> None:
    with stand_in(answering({"birth": ROW})) as cloud:
        record = registry(cloud).birth(BIRTH)
    assert record is not None
    assert (record.child_name, record.born, record.gender, record.child_number) == ("陈一诺", date(2016, 6, 1), "2", "")
    assert proven(cloud.seen[0])
    with stand_in(answering({"birth": None})) as cloud:
        assert registry(cloud).birth(BIRTH) is None


@pytest.mark.parametrize(
    "told",
    [b"", b"[]", b"<html>", {}, {"kinship": "maybe"}, {"birth": {}}, {"birth": "no"}, {"birth": {**ROW, "born": "2016-02-30"}},
     {"birth": {**ROW, "gender": "9"}}, {"birth": {**ROW, "child_name": ""}}, {"birth": {**ROW, "child_number": 7}},
     {"birth": {**ROW, "child_name": "x" * 61}}],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_no_answer(told: Any) -> None:
    with stand_in(answering(told)) as cloud:
        for ask in (lambda: registry(cloud).kinship(QUESTION), lambda: registry(cloud).birth(BIRTH)):
            with pytest.raises(RegisterTrouble) as caught:
                ask()
            assert NUMBER not in str(caught.value)


def test_a_register_that_is_away_is_no_answer() -> None:
    with stand_in(answering({"kinship": "confirmed"}, 503)) as cloud, pytest.raises(RegisterTrouble, match="503"):
        registry(cloud).kinship(QUESTION)
    with pytest.raises(RegisterTrouble, match="no answer"):
        HttpRegisters("http://127.0.0.1:9", "a", "b", clock).kinship(QUESTION)


def test_the_sandbox_knows_the_demonstrations_families_and_nobody_else() -> None:
    people = demo.read().people
    sandbox = SandboxRegisters()

    def asks(person: str, relative: str, relation: str, name: str = "") -> Kinship:
        one, other = people[person], people[relative]
        return sandbox.kinship(KinshipQuestion(name or one.name, one.number, other.name, other.number, relation))

    assert asks("wang-daughter", "wang-father", "parent") == Kinship.CONFIRMED
    assert asks("wang-father", "wang-daughter", "child") == Kinship.CONFIRMED
    assert asks("wang-daughter", "wang-father", "spouse") == Kinship.CONTRADICTED
    assert asks("wang-father", "wang-daughter", "parent") == Kinship.CONTRADICTED
    assert asks("wang-daughter", "meng-brother", "sibling") == Kinship.UNKNOWN
    assert asks("wang-daughter", "wang-father", "parent", name="李四") == Kinship.UNKNOWN
    for bond in demo.read().bonds:
        assert asks(bond.binder, bond.member, bond.relation) == Kinship.CONFIRMED
    mother, child = people["wang-daughter"], people["wang-grandchild"]
    record = sandbox.birth(BirthQuestion(mother.name, mother.number, "Q100000001"))
    assert record is not None
    assert (record.child_number, record.born) == (child.number, child.born)
    assert sandbox.birth(BirthQuestion("李四", mother.number, "Q100000001")) is None
    assert sandbox.birth(BIRTH) is None


def test_everybody_the_sandbox_registers_know_is_a_person_of_the_demonstration() -> None:
    import tomllib
    from importlib import resources

    known = tomllib.loads(resources.files("mulaid.outside").joinpath("registers.toml").read_text("utf-8"))
    made_up = {person.number: person for person in demo.read().people.values()}
    assert {number: made_up[number].name for number in known["people"]} == known["people"]
    for row in known["kinship"]:
        assert {row["person"], row["relative"]} <= set(known["people"])
    for row in known["birth"]:
        child = made_up[row["child_number"]]
        assert (row["child_name"], row["born"], row["gender"]) == (child.name, child.born, "1" if child.serial % 2 else "2")


def test_the_setting_names_the_registers() -> None:
    assert isinstance(registers_for({}, "demo", clock), SandboxRegisters)
    with pytest.raises(SettingTrouble, match="refuses the sandbox"):
        registers_for({}, "production", clock)
    with pytest.raises(SettingTrouble, match="https"):
        registers_for({"MULAID_REGISTERS_URL": "http://register.example"}, "demo", clock)
    with pytest.raises(SettingTrouble, match="MULAID_REGISTERS_SECRET"):
        registers_for({"MULAID_REGISTERS_URL": "https://register.example", "MULAID_REGISTERS_CLIENT": "x"}, "demo", clock)
    given = {
        "MULAID_REGISTERS_URL": "https://register.example",
        "MULAID_REGISTERS_CLIENT": "x",
        "MULAID_REGISTERS_SECRET": "hidden-one",
    }
    made = registers_for(given, "production", clock)
    assert isinstance(made, HttpRegisters)
    assert "hidden-one" not in repr(made)
