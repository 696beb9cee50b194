"""One message on its way, and what every transaction asks of it: who is meant, by which credential, insured where."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mulaid import commands
from mulaid.db import Actor, Database, Tx
from mulaid.gateway.auth import Client
from mulaid.gateway.dialect import Profile, reply, write
from mulaid.people import allowance, credential, enrolment
from mulaid.people.enrolment import PersonRef
from mulaid.policy.pack import Library
from mulaid.refusal import Refusal
from mulaid.settlement.visit import Institution

TOKEN, ID_CARD, SOCIAL_CARD = "01", "02", "03"
NUMBER_CHARS = 18
"""What a social security number has, which is the number of the identity card; a card's own number is shorter."""
PAY = "AUTH"
"""What stands before a visit token when it is a payment authorisation number of the mobile centre."""
TOKEN_FORM = r"[0-9]{6}[0-9a-f]{32}"  # noqa: S105
DOOR = "gateway"
WRONG_CODE = "credential.bad_code"


@dataclass(frozen=True, slots=True)
class File:
    """An answer that is a file and no message."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """One message on its way: who sends it, what it says, and what it is answered from."""

    db: Database
    library: Library
    client: Client
    infno: str
    msgid: str
    envelope: Mapping[str, Any]
    input: Mapping[str, Any]
    raw_input: object
    at: datetime
    allow_test_area: bool
    nonce: str | None = None

    @property
    def institution(self) -> Institution:
        """The institution that the connection proved to be."""
        return self.client.institution

    @property
    def profile(self) -> Profile:
        """The connection's dialect."""
        return self.client.profile

    @property
    def by(self) -> Actor:
        """The operator at the institution."""
        return Actor(self.envelope.get("opter", ""), DOOR, self.institution.code)

    @property
    def key(self) -> commands.Key:
        """What makes a repeated message the same message. Times and signatures of the envelope may differ between tries."""
        # Members that nobody reads may hold half a character pair; they are part of the body all the same.
        raw = repr(self.raw_input).encode("utf-8", "surrogatepass")
        return commands.Key.of(self.institution.book, DOOR, self.institution.code, f"{self.infno}:{self.msgid}", raw)

    def answer(self, output: Any, warning: str = "") -> str:
        """The whole answer around a business output."""
        text = None if output is None else output if isinstance(output, str) else write(output)
        return reply(self.profile, self.institution.region, secrets.randbelow(10**10), self.at, output=text, warning=warning)

    def refuse(self, refusal: Refusal) -> str:
        """The whole answer that says no."""
        return reply(self.profile, self.institution.region, secrets.randbelow(10**10), self.at, error=refusal.sentence)

    def command(self, work: Callable[[Tx], Any]) -> str:
        """Carry out a write once and answer with what was stored; `work` returns the business output."""
        return commands.run(self.db, self.key, lambda tx: self.answer(work(tx)), self.refuse, at=self.at, by=self.by).text

    def reading_code(self, work: Callable[[Tx], Any]) -> str:
        """`command` for a code that was shown; codes that are none are counted, and too many of them end it for a while."""
        wrong = False

        def checked(tx: Tx) -> Any:
            allowance.check_codes(tx, self.institution.code)
            return work(tx)

        def say_no(refusal: Refusal) -> str:
            nonlocal wrong
            wrong = refusal.code == WRONG_CODE
            return self.refuse(refusal)

        answer = commands.run(self.db, self.key, lambda tx: self.answer(checked(tx)), say_no, at=self.at, by=self.by)
        if wrong and not answer.repeated:
            commands.alone(self.db, lambda tx: allowance.wrong_code(tx, self.institution.code), at=self.at, by=self.by)
        return answer.text


def person_of(data: Mapping[str, Any]) -> PersonRef:
    """The person that a row of the message names."""
    return PersonRef.parse(data["psn_no"])


def certificate(data: Mapping[str, Any]) -> tuple[str, str]:
    """(token, document number) of the credential; both where a program puts the token beside an identity card.

    Refuses what stands in the place of a token and is none.
    """
    kind, number = data.get("mdtrt_cert_type", ""), data.get("mdtrt_cert_no", "")
    if kind == TOKEN:
        _check_decoded(number)
        return number.removeprefix(PAY), ""
    if kind == SOCIAL_CARD and len(number) != NUMBER_CHARS:
        return "", data.get("certno", "")
    beside = data.get("card_sn", "") if kind == ID_CARD else ""
    return beside if re.fullmatch(TOKEN_FORM, beside, re.ASCII) else "", number


def _check_decoded(token: str) -> None:
    """Refuses what is given in the place of a token and is none: a new code from the patient would not help."""
    if re.fullmatch(r"[0-9]{28}", token, re.ASCII):
        raise Refusal("message.code_not_decoded")
    if re.fullmatch(r"[0-9]{17}[0-9Xx]", token, re.ASCII):
        raise Refusal("message.number_as_token")


def nothing_presented(data: Mapping[str, Any]) -> Refusal:
    """What to say when a message has no credential that tells who it is."""
    if "mdtrt_cert_no" in data:
        return Refusal("message.card_number")
    return Refusal("message.certificate_needed")


def meet(tx: Tx, call: Call, data: Mapping[str, Any]) -> tuple[PersonRef, credential.Holder | None]:
    """The person whose credential was presented, with who showed it when it was a code."""
    token, number = certificate(data)
    if not token and not number:
        raise nothing_presented(data)
    if token:
        holder = credential.holder(tx, token, call.institution.code, card=True)
        # A printed card may have been found or copied: only who brings the identity card as well is looked up or registered.
        number = number or data.get("certno", "") if holder.card else number
        if holder.card and not number:
            raise Refusal("credential.card_needs_document")
        if number and number.upper() != enrolment.person(tx, holder.ref).number:
            raise Refusal("message.person_differs")
        return holder.ref, holder
    kind = data.get("psn_cert_type", "01") if data.get("mdtrt_cert_type") == ID_CARD else "01"
    return enrolment.find(tx, kind, number, call.allow_test_area), None


def check_presented(tx: Tx, call: Call, data: Mapping[str, Any], person: PersonRef) -> credential.Holder | None:
    """The presented credential must be the person's of the message; the tables do not say of which kind a document is."""
    token, number = certificate(data)
    if number and not token and number.upper() == enrolment.person(tx, person).number:
        return None
    met, holder = meet(tx, call, data)
    if met != person:
        raise Refusal("message.person_differs")
    return holder


def check_area(call: Call, region: str) -> None:
    """The insured area in the envelope is compared, never used: the enrolled one, or the sender's own constant."""
    given = call.envelope.get("insuplc_admdvs", "")
    if given and not (same_area(given, region) or same_area(given, call.institution.region)):
        raise Refusal("message.wrong_insured_area", given=given, found=region)


def same_area(given: str, region: str) -> bool:
    """Whether an area code means this region: the same city, its province, or a district of it."""
    return given.startswith(region[:2] if region.endswith("0000") else region[:4]) or given == region[:2] + "0000"
