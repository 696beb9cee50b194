"""Mini-program log-in against stand-ins that speak the platforms' contracts: one code, one id, and every way it can fail."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote_plus

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from mulaid.outside.miniprogram import Alipay, LoginTrouble, WeChat, miniprograms_for
from mulaid.settings import SettingTrouble
from stand_in import stand_in

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
OURS, THEIRS = (rsa.generate_private_key(65537, 2048) for _ in range(2))


def clock() -> datetime:
    return NOW


def alipay(url: str) -> Alipay:
    return Alipay("2021000", OURS, THEIRS.public_key(), clock, endpoint=url)


def signed(node: str, body: str, key: rsa.RSAPrivateKey = THEIRS) -> bytes:
    sign = base64.b64encode(key.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
    return f'{{"{node}":{body},"sign":"{sign}"}}'.encode()


def test_wechat_exchanges_a_code_for_an_id_and_keeps_no_session_key() -> None:
    answer = json.dumps({"openid": "oABC", "session_key": "secret-key", "unionid": "u"}).encode()
    with stand_in(lambda seen: (200, answer)) as party:
        assert WeChat("wx1", "s3cret", endpoint=party.url).open_id("code-1") == "oABC"
    query = parse_qs(party.seen[0].query)
    assert party.seen[0].path == "/sns/jscode2session"
    assert query == {"appid": ["wx1"], "secret": ["s3cret"], "js_code": ["code-1"], "grant_type": ["authorization_code"]}
    assert "s3cret" not in repr(WeChat("wx1", "s3cret"))


@pytest.mark.parametrize(
    "answer",
    [(200, b'{"errcode":40029,"errmsg":"invalid code"}'), (200, b"{}"), (200, b"not json"), (200, b"[1]"), (500, b"{}"),
     (200, b'{"openid":7}'), (302, b"")],
)  # fmt: skip
def test_what_wechat_does_not_vouch_for_is_no_login(answer: tuple[int, bytes]) -> None:
    with stand_in(lambda seen: answer) as party, pytest.raises(LoginTrouble):
        WeChat("wx1", "s3cret", endpoint=party.url).open_id("code-1")


def test_a_platform_that_is_not_there_is_no_login() -> None:
    with pytest.raises(LoginTrouble):
        WeChat("wx1", "s", endpoint="http://127.0.0.1:9").open_id("code")


@pytest.mark.parametrize("code", ["", "x" * 257, "码", "a\nb"])
def test_a_code_that_cannot_be_is_not_asked_about(code: str) -> None:
    for party in (WeChat("wx1", "s", endpoint="http://127.0.0.1:9"), *miniprograms_for({}, "demo", clock).values()):
        with pytest.raises(LoginTrouble):
            party.open_id(code)


def test_alipay_is_asked_signed_and_believed_signed() -> None:
    body = '{"user_id":"2088","open_id":"oALI","access_token":"t"}'
    with stand_in(lambda seen: (200, signed("alipay_system_oauth_token_response", body))) as party:
        assert alipay(party.url).open_id("auth/code+1") == "oALI"
    sent = {name: unquote_plus(values[0]) for name, values in parse_qs(party.seen[0].body.decode()).items()}
    sign = parse_qs(party.seen[0].body.decode())["sign"][0]
    del sent["sign"]
    assert sent["method"] == "alipay.system.oauth.token"
    assert sent["timestamp"] == "2026-03-02 10:00:00"
    text = "&".join(f"{name}={parse_qs(party.seen[0].body.decode())[name][0]}" for name in sorted(sent))
    OURS.public_key().verify(base64.b64decode(sign), text.encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(
    "raw",
    [
        signed("alipay_system_oauth_token_response", '{"open_id":"oALI"}', OURS),
        signed("alipay_system_oauth_token_response", '{"open_id":"oALI"}').replace(b"oALI", b"oBAD"),
        b'{"alipay_system_oauth_token_response":{"open_id":"oALI"}}',
        signed("error_response", '{"code":"40002","sub_code":"isv.code-invalid"}'),
        signed("alipay_system_oauth_token_response", '{"access_token":"t"}'),
        b"<html>",
    ],
)
def test_what_alipay_did_not_sign_or_refused_is_no_login(raw: bytes) -> None:
    with stand_in(lambda seen: (200, raw)) as party, pytest.raises(LoginTrouble):
        alipay(party.url).open_id("code")


def test_the_settings_name_the_platforms_and_production_plays_none() -> None:
    assert miniprograms_for({}, "production", clock) == {}
    assert miniprograms_for({}, "demo", clock)["wechat"].open_id("c").startswith("演示-")
    real = miniprograms_for({"MULAID_WECHAT_APP": "wx1", "MULAID_WECHAT_SECRET": "s"}, "production", clock)
    assert isinstance(real["wechat"], WeChat)
    with pytest.raises(SettingTrouble, match="MULAID_WECHAT_SECRET"):
        miniprograms_for({"MULAID_WECHAT_APP": "wx1"}, "production", clock)
    with pytest.raises(SettingTrouble, match="https"):
        miniprograms_for(
            {"MULAID_WECHAT_APP": "wx1", "MULAID_WECHAT_SECRET": "s", "MULAID_WECHAT_ENDPOINT": "http://evil.example"},
            "demo",
            clock,
        )
    pem = OURS.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    public = (
        THEIRS.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    )
    given = {"MULAID_ALIPAY_APP": "2021", "MULAID_ALIPAY_KEY": pem, "MULAID_ALIPAY_PUBLIC_KEY": public}
    assert isinstance(miniprograms_for(given, "production", clock)["alipay"], Alipay)
