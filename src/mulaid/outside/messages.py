"""Messages to people: kept in the database, where they are read after signing in; a short message says that there is one.

The sandbox labels what it keeps as a demonstration, and nobody's phone rings. Short messages go by providers that are asked by
signed HTTPS. China's carriers take approved templates with values, never free text. Both providers say of their interface that
sending twice sends twice, so a message whose answer was lost is not sent again.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from mulaid import outbox, refs
from mulaid.calendar import Clock
from mulaid.db import Tx
from mulaid.outside.signing import Credentials, Request, acs3, tc3
from mulaid.people import phone
from mulaid.people.enrolment import SQL, PersonRef
from mulaid.people.phone import CODE, NEWS
from mulaid.settings import PROFILES, SettingTrouble

TEMPLATES = (CODE, NEWS)
"""`code` takes the code and its minutes; `news` takes nothing: what happened to somebody's money is read after signing in."""

SECONDS = 5
_PASSING = ("LimitExceeded", "RequestLimitExceeded", "InternalError", "Throttling", "ServiceUnavailable", "isp.SYSTEM_ERROR")


class Messages(Protocol):
    """Where news to people goes. Called inside the transaction that removes the news told, so it must not talk to the network."""

    def tell(self, tx: Tx, person: PersonRef, text: str, about: UUID | None) -> None:
        """Tell one person something about one settlement, bond, authorisation or case."""


class SandboxMessages:
    """Keeps each message in the database with the label 演示; nobody's phone rings."""

    def tell(self, tx: Tx, person: PersonRef, text: str, about: UUID | None) -> None:
        """Keep the message."""
        _keep(tx, person, f"【演示】{text}", about, "sandbox")


class AppMessages:
    """Keeps each message for its reader, and says by short message that there is one; what it says never leaves by SMS."""

    def tell(self, tx: Tx, person: PersonRef, text: str, about: UUID | None) -> None:
        """Keep the message and queue the short one."""
        _keep(tx, person, text, about, "app")
        phone.send_news(tx, person)


def messages_for(profile: str, given: Mapping[str, str], clock: Clock) -> tuple[Messages, Sms]:
    """Where news goes and who sends short messages, by the settings; a production profile refuses the sandbox."""
    sms = sms_for(profile, given, clock)
    return (SandboxMessages() if isinstance(sms, SandboxSms) else AppMessages()), sms


def say(tx: Tx, person: PersonRef, text: str, about: UUID | None) -> None:
    """Tell a person something once this transaction has committed. The text names nobody in full: outbox rows are not sealed."""
    outbox.tell(tx, person.book, person.id, text, about)


def _keep(tx: Tx, person: PersonRef, text: str, about: UUID | None, channel: str) -> None:
    ref = refs.mint(person.book, tx.at)
    tx.run(SQL.say, book=person.book, id=ref, person=person.id, about=about, text=text, channel=channel, at=tx.at)


class NotSent(Exception):
    """The message did not leave; `again` says whether it may be tried once more. The text is the provider's code, no number."""

    def __init__(self, trouble: str, *, again: bool) -> None:
        super().__init__(trouble)
        self.again = again


class Sms(Protocol):
    """Who sends short messages."""

    @property
    def name(self) -> str:
        """The provider's name, for the operator's log."""

    def send(self, number: str, template: str, values: Sequence[str], ref: str) -> str:
        """Send one message to a number of eleven digits; the provider's receipt. NotSent if it did not leave."""


class SandboxSms:
    """Sends nothing and says so; a demonstration shows the text on its page instead."""

    name = "sandbox"

    def send(self, number: str, template: str, values: Sequence[str], ref: str) -> str:
        """A receipt that is labelled."""
        return f"演示-{ref}"


@dataclass(frozen=True, slots=True)
class Tencent:
    """Tencent Cloud SMS, SendSms of 2021-01-11."""

    key: Credentials
    app: str
    sign: str
    templates: Mapping[str, str]
    clock: Clock
    endpoint: str = "https://sms.tencentcloudapi.com"
    name: str = "tencent"

    def send(self, number: str, template: str, values: Sequence[str], ref: str) -> str:
        """Send one message; the provider's serial number."""
        body = {
            "PhoneNumberSet": [f"+86{number}"],
            "SmsSdkAppId": self.app,
            "SignName": self.sign,
            "TemplateId": self.templates[template],
            "TemplateParamSet": list(values),
            "SessionContext": ref,
        }
        headers = {
            "content-type": "application/json; charset=utf-8",
            "x-tc-action": "SendSms",
            "x-tc-version": "2021-01-11",
            "x-tc-region": "ap-guangzhou",
        }
        request = Request("POST", urlsplit(self.endpoint).netloc, headers=headers, body=json.dumps(body).encode())
        answer = _ask(self.endpoint, request, tc3(self.key, request, self.clock(), service="sms")).get("Response", {})
        if "Error" in answer:
            raise _not_sent(str(answer["Error"].get("Code", "")))
        status = (answer.get("SendStatusSet") or [{}])[0]
        if status.get("Code") != "Ok":
            raise _not_sent(str(status.get("Code", "no status")))
        return str(status.get("SerialNo", ""))


@dataclass(frozen=True, slots=True)
class Alibaba:
    """Alibaba Cloud SMS, SendSms of 2017-05-25. Its templates name their values: `code` and `minutes`."""

    key: Credentials
    sign: str
    templates: Mapping[str, str]
    clock: Clock
    endpoint: str = "https://dysmsapi.aliyuncs.com"
    name: str = "alibaba"

    def send(self, number: str, template: str, values: Sequence[str], ref: str) -> str:
        """Send one message; the provider's receipt."""
        query = {"PhoneNumbers": number, "SignName": self.sign, "TemplateCode": self.templates[template], "OutId": ref}
        if values:
            query["TemplateParam"] = json.dumps(dict(zip(("code", "minutes"), values, strict=True)), ensure_ascii=False)
        request = Request("POST", urlsplit(self.endpoint).netloc, query=query)
        signed = acs3(self.key, request, self.clock(), action="SendSms", version="2017-05-25", nonce=secrets.token_hex(16))
        answer = _ask(self.endpoint, request, signed)
        if answer.get("Code") != "OK":
            raise _not_sent(str(answer.get("Code", "no code")))
        return str(answer.get("BizId", ""))


def sms_for(profile: str, given: Mapping[str, str], clock: Clock) -> Sms:
    """The provider that MULAID_SMS names: sandbox, tencent or alibaba. A production profile refuses the sandbox."""
    assert profile in PROFILES, "settings know the profiles"
    name = given.get("MULAID_SMS") or "sandbox"
    if name == "sandbox":
        if profile == "production":
            raise SettingTrouble("MULAID_PROFILE is production, which refuses the sandbox: set MULAID_SMS to tencent or alibaba")
        return SandboxSms()
    if name not in ("tencent", "alibaba"):
        raise SettingTrouble(f"MULAID_SMS is {name!r}; it takes sandbox, tencent or alibaba")
    names = ["MULAID_SMS_KEY_ID", "MULAID_SMS_SECRET", "MULAID_SMS_SIGN", "MULAID_SMS_TEMPLATE_CODE", "MULAID_SMS_TEMPLATE_NEWS"]
    names += ["MULAID_SMS_APP"] if name == "tencent" else []
    missing = [wanted for wanted in names if not given.get(wanted)]
    if missing:
        raise SettingTrouble(f"MULAID_SMS is {name}, so these must be set: {', '.join(missing)}")
    key = Credentials(given["MULAID_SMS_KEY_ID"], given["MULAID_SMS_SECRET"])
    templates = {word: given[f"MULAID_SMS_TEMPLATE_{word.upper()}"] for word in TEMPLATES}
    more = {"endpoint": given["MULAID_SMS_ENDPOINT"]} if given.get("MULAID_SMS_ENDPOINT") else {}
    if name == "tencent":
        return Tencent(key, given["MULAID_SMS_APP"], given["MULAID_SMS_SIGN"], templates, clock, **more)
    return Alibaba(key, given["MULAID_SMS_SIGN"], templates, clock, **more)


def _not_sent(code: str) -> NotSent:
    return NotSent(code, again=code.startswith(_PASSING))


def _ask(endpoint: str, request: Request, headers: Mapping[str, str]) -> dict[str, Any]:
    import httpx

    try:
        with httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client:
            answer = client.request(request.method, endpoint + request.address, content=request.body, headers=dict(headers))
        told = answer.json()
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise NotSent("no connection", again=True) from None
    except (httpx.HTTPError, ValueError) as error:  # it may have left, so it is not sent again
        raise NotSent(f"no answer: {type(error).__name__}", again=False) from None
    if not isinstance(told, dict):
        raise NotSent("the answer is no object", again=False)
    return told
