"""Civil and birth registers: who is whose relative, and which child was born to whom, asked over HTTPS.

The contract of the real provider is ours (docs/registers.md): authorities differ, and whoever connects one puts a small adapter
in front of it. The sandbox answers from registers.toml, people of the demonstration only.
"""

from __future__ import annotations

import hmac
import json
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Protocol
from urllib.parse import urlsplit

from mulaid.calendar import Clock
from mulaid.people.identity import FEMALE, MALE
from mulaid.people.kinship import INVERSE, BirthQuestion, BirthRecord, Kinship, KinshipQuestion
from mulaid.settings import PROFILES, SettingTrouble

SECONDS = 5


class RegisterTrouble(Exception):
    """A register could not be asked or gave no readable answer: that is no answer, not a no. The text names nobody."""


class Registers(Protocol):
    """Whom the authorities have registered."""

    def kinship(self, question: KinshipQuestion) -> Kinship:
        """What the civil register knows of a declared relation; RegisterTrouble when it does not answer."""

    def birth(self, question: BirthQuestion) -> BirthRecord | None:
        """The birth of a certificate with its mother, None when there is none like it; RegisterTrouble without an answer."""


@cache
def _demonstration() -> Mapping[str, Any]:
    return tomllib.loads(resources.files("mulaid.outside").joinpath("registers.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class SandboxRegisters:
    """Knows the families of the demonstration and nobody else; every page of a demonstration says that it is one."""

    def kinship(self, question: KinshipQuestion) -> Kinship:
        """Confirmed or contradicted for the families it knows."""
        people: Mapping[str, str] = _demonstration()["people"]
        asked = ((question.number, question.name), (question.relative_number, question.relative_name))
        if any(people.get(number) != name for number, name in asked):
            return Kinship.UNKNOWN
        for row in _demonstration()["kinship"]:
            if (row["person"], row["relative"]) == (question.number, question.relative_number):
                return Kinship.CONFIRMED if row["relation"] == question.relation else Kinship.CONTRADICTED
            if (row["relative"], row["person"]) == (question.number, question.relative_number):
                return Kinship.CONFIRMED if INVERSE.get(row["relation"]) == question.relation else Kinship.CONTRADICTED
        return Kinship.UNKNOWN

    def birth(self, question: BirthQuestion) -> BirthRecord | None:
        """A made-up birth, if name, number and certificate all agree."""
        for row in _demonstration()["birth"]:
            asked = (question.certificate, question.mother_name, question.mother_number)
            if (row["certificate"], row["mother_name"], row["mother_number"]) == asked:
                return BirthRecord(**row)
        return None


@dataclass(frozen=True, slots=True)
class HttpRegisters:
    """A register behind our JSON contract; requests carry a keyed digest, so that nobody else can ask."""

    url: str
    client: str
    secret: str = field(repr=False)
    clock: Clock

    def kinship(self, question: KinshipQuestion) -> Kinship:
        """POST /kinship."""
        told = self._ask(
            "/kinship",
            {
                "person": {"name": question.name, "number": question.number},
                "relative": {"name": question.relative_name, "number": question.relative_number},
                "relation": question.relation,
            },
        )
        try:
            return Kinship(told["kinship"])
        except (KeyError, ValueError):
            raise RegisterTrouble("an answer without kinship") from None

    def birth(self, question: BirthQuestion) -> BirthRecord | None:
        """POST /birth."""
        asked = {
            "certificate": question.certificate,
            "mother": {"name": question.mother_name, "number": question.mother_number},
        }
        told = self._ask("/birth", asked)
        if "birth" in told and told["birth"] is None:
            return None
        try:
            row = told["birth"]
            texts = ("certificate", "mother_name", "mother_number", "child_name", "child_number", "gender", "father_number")
            record = BirthRecord(born=date.fromisoformat(row["born"]), **{name: _text(row.get(name, "")) for name in texts})
        except (KeyError, ValueError, TypeError, AttributeError):
            raise RegisterTrouble("a birth that cannot be read") from None
        if record.gender not in (MALE, FEMALE) or not record.certificate or not record.child_name:
            raise RegisterTrouble("a birth that cannot be read")
        return record

    def _ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        import httpx

        content = json.dumps(body, ensure_ascii=False).encode()
        stamp, nonce = str(int(self.clock().timestamp())), secrets.token_hex(16)
        headers = {
            "content-type": "application/json; charset=utf-8",
            "x-mulaid-client": self.client,
            "x-mulaid-time": stamp,
            "x-mulaid-nonce": nonce,
            "x-mulaid-digest": digest_of(self.secret, path, stamp, nonce, content),
        }
        try:
            with httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client:
                answer = client.post(self.url.rstrip("/") + path, content=content, headers=headers)
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise RegisterTrouble(f"no answer: {type(error).__name__}") from None
        if answer.status_code != 200 or not isinstance(told, dict):
            raise RegisterTrouble(f"status {answer.status_code}")
        return told


def digest_of(secret: str, path: str, stamp: str, nonce: str, body: bytes) -> str:
    """What a register compares: HMAC-SHA-256 over path, time, nonce and body, a line each."""
    return hmac.digest(secret.encode(), "\n".join((path, stamp, nonce, "")).encode() + body, "sha256").hex()


def registers_for(given: Mapping[str, str], profile: str, clock: Clock) -> Registers:
    """The registers of MULAID_REGISTERS_URL, or the sandbox, which a production profile refuses."""
    assert profile in PROFILES, "settings know the profiles"
    url = given.get("MULAID_REGISTERS_URL", "")
    if not url:
        if profile == "production":
            raise SettingTrouble("MULAID_PROFILE is production, which refuses the sandbox: set MULAID_REGISTERS_URL")
        return SandboxRegisters()
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")):
        raise SettingTrouble("MULAID_REGISTERS_URL takes an https address")
    missing = [name for name in ("MULAID_REGISTERS_CLIENT", "MULAID_REGISTERS_SECRET") if not given.get(name)]
    if missing:
        raise SettingTrouble(f"MULAID_REGISTERS_URL is set, so these must be set: {', '.join(missing)}")
    return HttpRegisters(url, given["MULAID_REGISTERS_CLIENT"], given["MULAID_REGISTERS_SECRET"], clock)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 60:
        raise ValueError("a text")
    return value
