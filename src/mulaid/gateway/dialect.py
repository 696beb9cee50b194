"""Dialects: how a connection writes and reads messages. What differs between real programs is a profile, no `if` in a handler."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib import resources
from json.encoder import encode_basestring
from typing import Any, NoReturn

from mulaid.calendar import SHANGHAI, stamp
from mulaid.money import yuan
from mulaid.refusal import Refusal

LARGEST_BODY = 256 * 1024
LARGEST_UPLOAD = 8 * 1024 * 1024
DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Profile:
    """The settings of one kind of connection; profiles.toml says what each means."""

    name: str
    title: str
    infcode_text: bool
    accounts_when_unsaid: bool
    refund_positive: bool
    fund_includes_accounts: bool
    window_seconds: int
    stmt_codes: str
    recon_tolerates_aid: bool


@cache
def profiles() -> Mapping[str, Profile]:
    """Every connection profile, by name."""
    raw = tomllib.loads(resources.files("mulaid.gateway").joinpath("profiles.toml").read_text("utf-8"))
    return {name: Profile(name=name, **{**raw["national"], **settings}) for name, settings in raw.items()}


class Amount(int):
    """Fen that are written as a JSON number in yuan with two decimals: the one form every known client reads."""

    __slots__ = ()


def write(value: Any) -> str:
    """JSON text. Amounts get two decimals, moments and days the interface's forms; nothing passes through float."""
    return FORMS[type(value)](value)


def _object(members: Mapping[str, Any]) -> str:
    forms = FORMS
    return "{" + ",".join([f'"{name}":{forms[type(value)](value)}' for name, value in members.items()]) + "}"


def _array(items: Sequence[Any]) -> str:
    return "[" + ",".join([write(item) for item in items]) + "]"


FORMS: Mapping[type, Callable[[Any], str]] = {
    str: encode_basestring,
    Amount: yuan,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
    int: int.__repr__,
    Decimal: lambda value: format(value, "f"),
    dict: _object,
    list: _array,
    tuple: _array,
    datetime: lambda value: f'"{stamp(value)}"',
    date: lambda value: f'"{value.isoformat()}"',
}


def read_body(raw: bytes) -> dict[str, Any]:
    """The message as JSON; refuses what is not UTF-8, not one object, has a member twice, is not finite or nested too deep."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refusal("message.not_utf8") from None
    message = _read_json(text)
    if not isinstance(message, dict):
        raise Refusal("message.not_an_object")
    return message


def unwrap(message: Mapping[str, Any]) -> object:
    """The business input: an object, or text that holds one; some programs write the member's name with a capital."""
    given = message.get("input", message.get("Input"))
    if isinstance(given, str):
        if not given.strip() or given.strip() == "null":
            return {}
        given = _read_json(given)
    return {} if given is None else given


def _read_json(text: str) -> Any:
    try:
        value = STRICT.decode(text)
    except RecursionError:
        raise Refusal("message.too_deep") from None
    except (ValueError, ArithmeticError):  # the second for an exponent that no decimal can hold
        raise Refusal("message.not_json") from None
    if text.count("{") + text.count("[") > DEEPEST and _depth(value) > DEEPEST:
        raise Refusal("message.too_deep")
    return value


def _not_finite(_: str) -> NoReturn:
    raise ValueError("not a finite number")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Refusal("message.twice")
    return members


STRICT = json.JSONDecoder(parse_float=Decimal, parse_constant=_not_finite, object_pairs_hook=_no_twins)


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        ]
        level = [item for item in level if isinstance(item, dict | list)]
    return deepest


def reply(
    profile: Profile, region: str, serial: int, at: datetime, *, output: str | None = None, error: str = "", warning: str = ""
) -> str:
    """The answer's envelope around output that is JSON already. `error` makes it a refusal; `serial` numbers it in the moment."""
    local = at.astimezone(SHANGHAI)
    moment = local.strftime("%Y%m%d%H%M%S")
    millis = f"{moment}{local.microsecond // 1000:03d}"
    code = "-1" if error else "0"
    if profile.infcode_text:
        code = f'"{code}"'
    return (
        f'{{"infcode":{code},"inf_refmsgid":"{region}{moment}{serial % 10**10:010d}","refmsg_time":"{millis}",'
        f'"respond_time":"{millis}",'
        f'"enctype":"","signtype":"","cainfo":"","err_msg":{encode_basestring(error[:500])},"warn_msg":{encode_basestring(warning[:200])},'
        f'"output":{output if output is not None and not error else "null"}}}'
    )
