"""Messages: codes to a phone within budgets, short messages by the providers' contracts, news kept for reading."""

from __future__ import annotations

import json
import re
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs
from uuid import UUID

import pytest

from city import City
from mulaid import commands, jobs
from mulaid.calendar import wall_clock
from mulaid.crypto import digest
from mulaid.db import Actor, Row
from mulaid.outside import messages
from mulaid.outside.messages import Alibaba, NotSent, SandboxSms, Tencent, sms_for
from mulaid.outside.signing import Credentials, Request, acs3, aws4, tc3
from mulaid.people import phone
from mulaid.refusal import Refusal
from mulaid.settings import SettingTrouble
from mulaid.settlement import whose
from stand_in import Seen, stand_in

NUMBER, OTHER = "13800138000", "13900139000"
KEY = Credentials("KEYID", "the-secret")
TEMPLATES = {"code": "100", "news": "200"}
AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def clock() -> datetime:
    return AT


# Signatures, against the examples that the clouds publish


def test_aws_signatures_are_those_of_the_published_examples() -> None:
    key = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    at = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    signed = aws4(key, Request("GET", "example.amazonaws.com"), at, region="us-east-1", service="service")
    assert signed["authorization"].endswith("=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
    key = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    headers = {"range": "bytes=0-9", "x-amz-content-sha256": digest(b"").hex()}
    request = Request("GET", "examplebucket.s3.amazonaws.com", "/test.txt", headers=headers)
    signed = aws4(key, request, datetime(2013, 5, 24, tzinfo=UTC), region="us-east-1", service="s3")
    assert signed["authorization"].endswith("=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")


def test_tencents_signature_is_that_of_the_published_example() -> None:
    key = Credentials("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE")
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    request = Request("POST", "cvm.tencentcloudapi.com", headers={"content-type": "application/json; charset=utf-8"}, body=body)
    signed = tc3(key, request, datetime.fromtimestamp(1551113065, UTC), service="cvm")
    assert signed["authorization"].endswith("=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168")


def test_alibabas_signature_is_that_of_the_published_example() -> None:
    query = {"ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "RegionId": "cn-shanghai"}
    signed = acs3(
        Credentials("YourAccessKeyId", "YourAccessKeySecret"),
        Request("POST", "ecs.cn-shanghai.aliyuncs.com", query=query),
        datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        action="RunInstances",
        version="2014-05-26",
        nonce="3156853299f313e23d1673dc12e1703d",
    )
    assert signed["authorization"].endswith("=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")


# Providers, against a stand-in of their contract


def test_tencent_is_asked_as_its_contract_says() -> None:
    told = {"Response": {"SendStatusSet": [{"SerialNo": "S1", "Code": "Ok"}], "RequestId": "r"}}
    with stand_in(lambda _: (200, json.dumps(told).encode())) as cloud:
        provider = Tencent(KEY, "1400006666", "家人医保", TEMPLATES, clock, cloud.url)
        assert provider.send(NUMBER, "code", ["123456", "5"], "ref-1") == "S1"
    (asked,) = cloud.seen
    assert asked.signed_well()
    assert not asked.signed_well("another secret"), "the stand-in can tell"
    assert (asked.headers["x-tc-action"], asked.headers["x-tc-version"]) == ("SendSms", "2021-01-11")
    assert asked.headers["x-tc-timestamp"] == str(int(AT.timestamp()))
    assert json.loads(asked.body) == {
        "PhoneNumberSet": ["+8613800138000"],
        "SmsSdkAppId": "1400006666",
        "SignName": "家人医保",
        "TemplateId": "100",
        "TemplateParamSet": ["123456", "5"],
        "SessionContext": "ref-1",
    }


def test_alibaba_is_asked_as_its_contract_says() -> None:
    with stand_in(lambda _: (200, b'{"Code":"OK","Message":"OK","BizId":"B1","RequestId":"r"}')) as cloud:
        provider = Alibaba(KEY, "家人医保", TEMPLATES, clock, cloud.url)
        assert provider.send(NUMBER, "code", ["123456", "5"], "ref-1") == "B1"
        assert provider.send(NUMBER, "news", [], "ref-2") == "B1"
    first, second = cloud.seen
    assert first.signed_well()
    assert second.signed_well()
    assert (first.headers["x-acs-action"], first.headers["x-acs-version"]) == ("SendSms", "2017-05-25")
    assert first.headers["x-acs-signature-nonce"] != second.headers["x-acs-signature-nonce"]
    asked = {name: values[0] for name, values in parse_qs(first.query).items()}
    assert json.loads(asked.pop("TemplateParam")) == {"code": "123456", "minutes": "5"}
    assert asked == {"PhoneNumbers": NUMBER, "SignName": "家人医保", "TemplateCode": "100", "OutId": "ref-1"}
    assert "TemplateParam" not in parse_qs(second.query)


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        ((200, b'{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure","Message":"m"}}}'), False),
        ((200, b'{"Response":{"Error":{"Code":"RequestLimitExceeded","Message":"m"}}}'), True),
        ((200, b'{"Response":{"SendStatusSet":[{"Code":"FailedOperation.PhoneNumberInBlacklist"}]}}'), False),
        ((200, b'{"Response":{"SendStatusSet":[]}}'), False),
        ((502, b"<html>bad gateway</html>"), False),
        ((200, b"[]"), False),
        ((0, b""), False),
    ],
)
def test_a_message_is_tried_again_only_if_it_surely_did_not_leave(answer: tuple[int, bytes], again: bool) -> None:
    with stand_in(lambda _: answer) as cloud, pytest.raises(NotSent) as trouble:
        Tencent(KEY, "1", "家人医保", TEMPLATES, clock, cloud.url).send(NUMBER, "news", [], "ref")
    assert trouble.value.again is again
    assert NUMBER not in str(trouble.value)


def test_nobody_listening_is_tried_again() -> None:
    with pytest.raises(NotSent) as trouble:
        Alibaba(KEY, "s", TEMPLATES, clock, "http://127.0.0.1:1").send(NUMBER, "news", [], "ref")
    assert trouble.value.again


GIVEN = {
    "MULAID_SMS_KEY_ID": "KEYID",
    "MULAID_SMS_SECRET": "the-secret",
    "MULAID_SMS_SIGN": "家人医保",
    "MULAID_SMS_TEMPLATE_CODE": "100",
    "MULAID_SMS_TEMPLATE_NEWS": "200",
    "MULAID_SMS_APP": "1400006666",
}


@pytest.mark.parametrize("provider", ["tencent", "alibaba"])
def test_settings_choose_the_provider_and_name_what_is_missing(provider: str) -> None:
    chosen = sms_for("production", {**GIVEN, "MULAID_SMS": provider}, clock)
    assert chosen.name == provider
    assert "the-secret" not in repr(chosen)
    for name in GIVEN:
        if name == "MULAID_SMS_APP" and provider == "alibaba":
            continue
        with pytest.raises(SettingTrouble, match=name):
            sms_for("demo", {**GIVEN, "MULAID_SMS": provider, name: ""}, clock)


def test_production_refuses_the_sandbox_and_nobody_gets_an_unknown_provider() -> None:
    assert isinstance(sms_for("demo", {}, clock), SandboxSms)
    for given in ({}, {"MULAID_SMS": "sandbox"}):
        with pytest.raises(SettingTrouble, match="refuses the sandbox"):
            sms_for("production", given, clock)
    with pytest.raises(SettingTrouble, match="pigeon"):
        sms_for("demo", {"MULAID_SMS": "pigeon"}, clock)
    told, sms = messages.messages_for("production", {**GIVEN, "MULAID_SMS": "tencent"}, clock)
    assert (type(told), type(sms)) == (messages.AppMessages, Tencent)
    told, _ = messages.messages_for("demo", {}, clock)
    assert isinstance(told, messages.SandboxMessages)


# Codes


def sms_rows(city: City) -> list[Row]:
    return city.run(lambda tx: tx.all("select * from sms order by id"))


def asks(
    city: City, number: str = NUMBER, purpose: str = "sign_in", session: str = "s1", network: str = "10.0.0.1", name: str = "Wang"
):
    recipient = city.people[name] if name else None
    return city.run(lambda tx: phone.ask(tx, number, purpose, session, network, recipient))


def code_of(city: City, message: UUID) -> str:
    return city.run(lambda tx: phone.values_of(tx, message))[0]


def tries(city: City, digits: str, number: str = NUMBER, purpose: str = "sign_in", session: str = "s1") -> bool:
    return city.run(lambda tx: phone.try_code(tx, number, purpose, session, digits))


def test_a_code_proves_a_number_once_and_the_number_is_sealed(city: City) -> None:
    ref = city.enrols("Wang")
    digits = code_of(city, asks(city, purpose="bind_phone"))
    assert re.fullmatch("[0-9]{6}", digits, re.ASCII)
    with pytest.raises(Refusal, match=r"phone\.wrong_code"):
        city.run(lambda tx: phone.bind(tx, ref, NUMBER, "s1"))
    assert city.run(lambda tx: phone.number_of(tx, ref)) is None
    assert tries(city, digits, purpose="bind_phone")
    assert not tries(city, digits, purpose="bind_phone"), "a code serves once"
    city.run(lambda tx: phone.bind(tx, ref, NUMBER, "s1"))
    assert city.run(lambda tx: phone.number_of(tx, ref)) == NUMBER
    with pytest.raises(Refusal, match=r"phone\.wrong_code"):
        city.run(lambda tx: phone.bind(tx, ref, NUMBER, "s1"))
    stored = city.run(lambda tx: tx.all("select p::text as row from phone p union all select s::text from sms s"))
    assert stored
    assert all(NUMBER not in row["row"] and digits not in row["row"] for row in stored)


def test_a_code_belongs_to_number_purpose_and_session(city: City) -> None:
    city.enrols("Wang")
    digits = code_of(city, asks(city))
    assert not tries(city, digits, number=OTHER)
    assert not tries(city, digits, purpose="bind_phone")
    assert not tries(city, digits, session="s2")
    assert tries(city, digits)
    for number, purpose, session in ((OTHER, "sign_in", "s1"), (NUMBER, "consent", "s1"), (NUMBER, "sign_in", "s2")):
        with pytest.raises(Refusal, match=r"phone\.wrong_code"):
            city.run(lambda tx, n=number, p=purpose, s=session: phone.spend_proof(tx, n, p, s))
    city.run(lambda tx: phone.spend_proof(tx, NUMBER, "sign_in", "s1"))


def test_the_sixth_try_fails_even_with_the_right_code(city: City) -> None:
    city.enrols("Wang")
    digits = code_of(city, asks(city))
    wrong = f"{(int(digits) + 1) % 10**6:06d}"
    assert [tries(city, wrong) for _ in range(5)] == [False] * 5
    assert not tries(city, digits)


def test_a_code_lives_five_minutes_and_its_proof_ten(city: City) -> None:
    city.enrols("Wang")
    digits = code_of(city, asks(city))
    city.now += timedelta(minutes=5)
    assert not tries(city, digits)
    digits = code_of(city, asks(city))
    city.now += timedelta(minutes=4, seconds=59)
    assert tries(city, digits)
    city.now += timedelta(minutes=10)
    with pytest.raises(Refusal, match=r"phone\.wrong_code"):
        city.run(lambda tx: phone.spend_proof(tx, NUMBER, "sign_in", "s1"))


def test_a_minute_between_two_and_ten_a_day(city: City) -> None:
    city.enrols("Wang")
    asks(city)
    city.now += timedelta(seconds=59)
    with pytest.raises(Refusal, match=r"phone\.too_soon"):
        asks(city, session="another", purpose="bind_phone")
    for _ in range(9):
        city.now += timedelta(seconds=61)
        asks(city)
    city.now += timedelta(seconds=61)
    with pytest.raises(Refusal, match=r"phone\.too_many_today"):
        asks(city)
    assert len(sms_rows(city)) == 10
    city.now += timedelta(days=1)
    asks(city)


def test_twenty_requests_at_once_send_one(city: City) -> None:
    city.enrols("Wang")
    gate, told = threading.Barrier(20), []

    def one(place: int) -> None:
        gate.wait()
        try:
            asks(city, session=f"s{place}")
            told.append("sent")
        except Refusal as refusal:
            told.append(refusal.code)

    threads = [threading.Thread(target=one, args=(place,)) for place in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.count("sent") == 1
    assert set(told) == {"sent", "phone.too_soon"}
    assert len(sms_rows(city)) == 1


def test_a_network_and_everybody_have_budgets(city: City) -> None:
    city.enrols("Wang")
    for place in range(phone.DAILY_OF_NETWORK):
        asks(city, number=f"139{place:08d}")
    with pytest.raises(Refusal, match=r"phone\.busy"):
        asks(city)
    asks(city, network="10.0.0.2")
    city.run(lambda tx: tx.run("update allowance set used = %(most)s where name = 'sms'", most=phone.DAILY_OF_ALL))
    with pytest.raises(Refusal, match=r"phone\.busy"):
        asks(city, number=OTHER, network="10.0.0.3")


def test_an_unknown_number_is_told_the_same_and_gets_nothing(city: City) -> None:
    city.enrols("Wang")
    assert asks(city, number=OTHER, name="") is None
    with pytest.raises(Refusal) as unknown:
        asks(city, number=OTHER, name="")
    asks(city)
    with pytest.raises(Refusal) as known:
        asks(city)
    assert unknown.value.sentence == known.value.sentence
    assert not any(tries(city, f"{place:06d}", number=OTHER) for place in range(6))
    assert len(sms_rows(city)) == 1


@pytest.mark.parametrize(
    "number", ["", "1380013800", "138001380000", "12800138000", "١٣٨٠٠١٣٨٠٠٠", "+8613800138000", "13800138000\n"]
)
def test_what_is_no_number_is_refused(city: City, number: str) -> None:
    city.enrols("Wang")
    with pytest.raises(Refusal, match=r"phone\.bad_number"):
        asks(city, number=number)
    assert sms_rows(city) == []


# Sending


class Recorder:
    """A provider that remembers, or does not send."""

    name = "recorder"

    def __init__(self, *troubles: NotSent) -> None:
        self.sent: list[tuple[str, str, list[str], str]] = []
        self.troubles = list(troubles)

    def send(self, number: str, template: str, values: list[str], ref: str) -> str:
        if self.troubles:
            raise self.troubles.pop(0)
        self.sent.append((number, template, list(values), ref))
        return f"receipt-{len(self.sent)}"


@pytest.fixture
def _clock_of_the_story(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "wall_clock", lambda: city.now)


@pytest.mark.usefixtures("_clock_of_the_story")
def test_a_message_leaves_once_and_what_it_said_is_forgotten(city: City) -> None:
    city.enrols("Wang")
    message = asks(city)
    digits, provider = code_of(city, message), Recorder()
    assert jobs.deliver(city.db, provider) == 1
    assert provider.sent == [(NUMBER, "code", [digits, "5"], str(message))]
    assert jobs.deliver(city.db, provider) == 0
    (row,) = sms_rows(city)
    assert (row["state"], row["receipt"], row["filled"]) == ("sent", "receipt-1", b"")
    assert city.run(lambda tx: phone.values_of(tx, message)) == ()
    assert tries(city, digits), "the code itself still serves"


@pytest.mark.usefixtures("_clock_of_the_story")
def test_what_did_not_leave_is_tried_three_times(city: City) -> None:
    city.enrols("Wang")
    asks(city)
    provider = Recorder(*[NotSent("Throttling", again=True)] * 3)
    for _ in range(5):
        jobs.deliver(city.db, provider)
        city.now += timedelta(seconds=31)
    (row,) = sms_rows(city)
    assert (row["state"], row["tries"], row["trouble"], provider.sent) == ("failed", 3, "Throttling", [])


@pytest.mark.usefixtures("_clock_of_the_story")
def test_what_may_have_left_is_not_sent_again(city: City) -> None:
    city.enrols("Wang")
    asks(city)
    provider = Recorder(NotSent("no answer: ReadTimeout", again=False))
    jobs.deliver(city.db, provider)
    city.now += timedelta(hours=1)
    assert jobs.deliver(city.db, provider) == 0
    assert sms_rows(city)[0]["state"] == "failed"


@pytest.mark.usefixtures("_clock_of_the_story")
def test_a_worker_that_died_while_sending_sends_nothing_twice(city: City) -> None:
    ref = city.enrols("Wang")
    asks(city)
    assert len(city.run(lambda tx: phone.take_waiting(tx, ref.book, 10))) == 1
    assert city.run(lambda tx: phone.take_waiting(tx, ref.book, 10)) == []
    city.now += timedelta(minutes=6)
    provider = Recorder()
    assert jobs.deliver(city.db, provider) == 0
    assert provider.sent == []
    assert sms_rows(city)[0]["state"] == "failed"


def test_the_sandbox_sends_nothing_and_says_so() -> None:
    assert SandboxSms().send(NUMBER, "news", [], "r").startswith("演示")


# News


def told(city: City) -> list[Row]:
    return city.run(lambda tx: tx.all("select person, text, channel, about from message order by id"))


def test_words_are_told_after_the_commit_and_never_by_short_message(city: City) -> None:
    ref = city.enrols("Wang")
    digits = code_of(city, asks(city, purpose="bind_phone"))
    assert tries(city, digits, purpose="bind_phone")
    city.run(lambda tx: phone.bind(tx, ref, NUMBER, "s1"))
    city.run(lambda tx: messages.say(tx, ref, "您的家人添加了您。", None))
    assert told(city) == []
    assert city.run(lambda tx: whose.send_news(tx, ref.book, messages.AppMessages())) == 1
    assert [(row["person"], row["text"], row["channel"]) for row in told(city)] == [(ref.id, "您的家人添加了您。", "app")]
    assert sorted(row["template"] for row in sms_rows(city)) == ["code", "news"]  # of one moment, so in no order
    city.run(lambda tx: messages.say(tx, ref, "再一条。", None))
    city.run(lambda tx: whose.send_news(tx, ref.book, messages.SandboxMessages()))
    assert {row["text"] for row in told(city)} == {"您的家人添加了您。", "【演示】再一条。"}
    assert len(sms_rows(city)) == 2


def test_who_has_no_number_or_had_enough_today_reads_in_the_app(city: City) -> None:
    ref = city.enrols("Wang")
    assert city.run(lambda tx: phone.send_news(tx, ref)) is None
    sealed = lambda tx: tx.keys.seal("phone", f"phone|number|{ref.id}", NUMBER)  # noqa: E731
    city.run(lambda tx: tx.run(phone.SQL.set_phone, book=ref.book, person=ref.id, number=sealed(tx), at=tx.at))
    sent = [city.run(lambda tx: phone.send_news(tx, ref)) for _ in range(phone.DAILY_NEWS + 1)]
    assert [one is not None for one in sent] == [True] * phone.DAILY_NEWS + [False]


def test_a_rolled_back_transaction_tells_nothing(city: City) -> None:
    ref = city.enrols("Wang")

    def work(tx):
        messages.say(tx, ref, "不会发生。", None)
        raise Refusal("phone.busy")

    with pytest.raises(Refusal):
        commands.alone(city.db, work, at=city.now, by=Actor("story", "test"))
    assert city.run(lambda tx: whose.send_news(tx, ref.book, messages.SandboxMessages())) == 0


@pytest.mark.usefixtures("_clock_of_the_story")
def test_the_sweep_drops_days_that_are_over(city: City) -> None:
    city.enrols("Wang")
    asks(city)
    count = "select (select count(*) from phone_code) + (select count(*) from allowance) as many"
    jobs.sweep(city.db)
    assert city.run(lambda tx: tx.one(count))["many"] == 4
    city.now += timedelta(days=3)
    jobs.sweep(city.db)
    assert city.run(lambda tx: tx.one(count))["many"] == 0
    assert wall_clock().tzinfo is not None


def test_the_stand_in_refuses_a_changed_request() -> None:
    with stand_in(lambda _: (200, b'{"Code":"OK","BizId":"B"}')) as cloud:
        Alibaba(KEY, "s", TEMPLATES, clock, cloud.url).send(NUMBER, "news", [], "ref")
    asked = cloud.seen[0]
    forged = Seen(asked.method, asked.path, asked.query.replace(NUMBER, OTHER), asked.headers, asked.body)
    assert asked.signed_well()
    assert not forged.signed_well()
