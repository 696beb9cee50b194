"""Mini-program log-in: the host app vouches for a visitor by a code that is good once; we learn an id of theirs and nothing else.

WeChat answers with a session key beside the id; it is dropped at once, because nothing here decrypts user data. Who the person is
shows only when the id has been linked after a real sign-in.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from mulaid.calendar import Clock, stamp
from mulaid.settings import PROFILES, SettingTrouble

SECONDS = 5
LONGEST_CODE, LONGEST_ID = 256, 128
WECHAT, ALIPAY = "wechat", "alipay"


class LoginTrouble(Exception):
    """The host app did not vouch for the visitor; the text is its own code and names nobody."""


class MiniProgram(Protocol):
    """A host app that knows who opened its mini-program."""

    @property
    def name(self) -> str:
        """The platform's name, as ids are kept under."""

    def open_id(self, code: str) -> str:
        """The visitor's id at the platform, for a code that is good once; LoginTrouble when the platform says no or nothing."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Vouches for everybody and says so: the id is made from the code itself. 演示"""

    name: str

    def open_id(self, code: str) -> str:
        """An id that is labelled."""
        return f"演示-{_checked(code)}"


@dataclass(frozen=True, slots=True)
class WeChat:
    """WeChat's code2session."""

    app: str
    secret: str = field(repr=False)
    endpoint: str = "https://api.weixin.qq.com"
    name: str = WECHAT

    def open_id(self, code: str) -> str:
        """GET /sns/jscode2session; the session key in the answer is not kept."""
        query = {"appid": self.app, "secret": self.secret, "js_code": _checked(code), "grant_type": "authorization_code"}
        answer = _json(_ask("GET", f"{self.endpoint}/sns/jscode2session?{urlencode(query)}"))
        if answer.get("errcode"):
            raise LoginTrouble(f"wechat {answer['errcode']}")
        return _id(answer.get("openid"))


@dataclass(frozen=True, slots=True)
class Alipay:
    """Alipay's system.oauth.token, signed both ways with RSA2."""

    app: str
    key: rsa.RSAPrivateKey = field(repr=False)
    theirs: rsa.RSAPublicKey = field(repr=False)
    clock: Clock = field(repr=False)
    endpoint: str = "https://openapi.alipay.com/gateway.do"
    name: str = ALIPAY

    def open_id(self, code: str) -> str:
        """POST alipay.system.oauth.token; an answer that Alipay did not sign is no answer."""
        given = {
            "app_id": self.app,
            "method": "alipay.system.oauth.token",
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": stamp(self.clock()),
            "version": "1.0",
            "grant_type": "authorization_code",
            "code": _checked(code),
        }
        text = "&".join(f"{name}={value}" for name, value in sorted(given.items()))
        signed = self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        raw = _ask("POST", self.endpoint, urlencode({**given, "sign": base64.b64encode(signed).decode()}).encode())
        answer = _json(raw)
        told = answer.get("alipay_system_oauth_token_response")
        if not isinstance(told, dict):
            trouble = answer.get("error_response")
            raise LoginTrouble(f"alipay {trouble.get('sub_code') if isinstance(trouble, dict) else 'no answer'}")
        self._verify(raw, "alipay_system_oauth_token_response", str(answer.get("sign") or ""))
        return _id(told.get("open_id") or told.get("user_id"))

    def _verify(self, raw: bytes, node: str, sign: str) -> None:
        """The signature is over the node's text as it was sent, so the text is cut out and not written anew."""
        text = raw.decode()
        begin = text.index(":", text.index(f'"{node}"')) + 1
        _, length = json.JSONDecoder().raw_decode(text[begin:].lstrip())
        begin += len(text[begin:]) - len(text[begin:].lstrip())
        try:
            self.theirs.verify(base64.b64decode(sign), text[begin : begin + length].encode(), padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            raise LoginTrouble("alipay bad signature") from None


def miniprograms_for(given: Mapping[str, str], profile: str, clock: Clock) -> dict[str, MiniProgram]:
    """The platforms the settings name (MULAID_WECHAT_APP, MULAID_ALIPAY_APP and their secrets); a demonstration plays both."""
    assert profile in PROFILES, "settings know the profiles"
    found: dict[str, MiniProgram] = {}
    if profile != "production":
        found = {platform: Sandbox(platform) for platform in (WECHAT, ALIPAY)}
    if given.get("MULAID_WECHAT_APP"):
        secret = _needed(given, "MULAID_WECHAT_APP", "MULAID_WECHAT_SECRET")
        found[WECHAT] = WeChat(given["MULAID_WECHAT_APP"], secret, **_elsewhere(given, "MULAID_WECHAT_ENDPOINT"))
    if given.get("MULAID_ALIPAY_APP"):
        private, public = (_needed(given, "MULAID_ALIPAY_APP", f"MULAID_ALIPAY_{one}").encode() for one in ("KEY", "PUBLIC_KEY"))
        wrong = SettingTrouble("MULAID_ALIPAY_KEY and MULAID_ALIPAY_PUBLIC_KEY take RSA keys in PEM")
        try:
            own, theirs = serialization.load_pem_private_key(private, None), serialization.load_pem_public_key(public)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise wrong from None  # what the library says may quote the key
        if not isinstance(own, rsa.RSAPrivateKey) or not isinstance(theirs, rsa.RSAPublicKey):
            raise wrong
        found[ALIPAY] = Alipay(given["MULAID_ALIPAY_APP"], own, theirs, clock, **_elsewhere(given, "MULAID_ALIPAY_ENDPOINT"))
    return found


def _needed(given: Mapping[str, str], name: str, other: str) -> str:
    if not given.get(other):
        raise SettingTrouble(f"{name} is set, so {other} must be set too")
    return given[other]


def _elsewhere(given: Mapping[str, str], name: str) -> dict[str, str]:
    address = given.get(name, "")
    if not address:
        return {}
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")):
        raise SettingTrouble(f"{name} takes an https address")
    return {"endpoint": address}


def _checked(code: str) -> str:
    if not 0 < len(code) <= LONGEST_CODE or not code.isascii() or not code.isprintable():
        raise LoginTrouble("bad code")
    return code


def _id(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID:
        raise LoginTrouble("no id")
    return value


def _ask(method: str, address: str, body: bytes = b"") -> bytes:
    # Only a page that really asks a platform pays for loading a client.
    import httpx

    headers = {"content-type": "application/x-www-form-urlencoded;charset=utf-8"} if body else {}
    try:
        answer = httpx.request(method, address, content=body, headers=headers, timeout=SECONDS, follow_redirects=False)
    except httpx.HTTPError as error:
        raise LoginTrouble(type(error).__name__) from None
    if answer.status_code != 200:
        raise LoginTrouble(f"HTTP {answer.status_code}")
    return answer.content


def _json(raw: bytes) -> dict[str, object]:
    try:
        found = json.loads(raw)
    except ValueError:
        raise LoginTrouble("unreadable answer") from None
    if not isinstance(found, dict):
        raise LoginTrouble("unreadable answer")
    return found
