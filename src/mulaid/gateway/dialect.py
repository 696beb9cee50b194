"""Dialects: how a connection writes and reads messages. What differs between real programs is a profile, no `if` in a handler."""

from __future__ import annotations

import base64
import json
import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
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

# Five hundred lines with every member filled in, escaped, as a text in a text, and encrypted.
LARGEST_BODY = 1024 * 1024
LARGEST_UPLOAD = 8 * 1024 * 1024
DEEPEST = 20
UPLOADED = "fsUploadIn"
LONGEST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Sent:
    """A body as it was understood: its JSON text and encoding, the object in it, and a file that came beside it in a form."""

    text: str
    charset: str
    message: dict[str, Any]
    file: bytes | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """The settings of one kind of connection; profiles.toml says what each means. `plain`: an answer goes out as it is stored."""

    name: str
    title: str
    infcode_text: bool
    accounts_when_unsaid: bool
    refund_positive: bool
    fund_includes_accounts: bool
    window_seconds: int
    stmt_codes: str
    recon_tolerates_aid: bool
    amounts_text: bool
    empties: str
    moments: str
    names: str
    listed: tuple[str, ...]
    output_text: bool
    charset: str
    wrapper: str
    cainfo: str
    encrypts: str
    per_minute: int
    passing: str
    plain: bool


@cache
def profiles() -> Mapping[str, Profile]:
    """Every connection profile, by name."""
    raw = tomllib.loads(resources.files("mulaid.gateway").joinpath("profiles.toml").read_text("utf-8"))
    found = {}
    for name, settings in raw.items():
        settled = {**raw["national"], **settings}
        plain = all(settled[setting] == raw["national"][setting] for setting in WRITING)
        found[name] = Profile(name=name, plain=plain, **{**settled, "listed": tuple(settled["listed"])})
        for setting, words in WORDS.items():
            assert settled[setting] in words, f"profile {name}: {setting} is one of {words}"
    return found


WRITING = ("amounts_text", "empties", "moments", "names", "listed", "output_text", "wrapper")
"""Settings that change how a stored answer is written; `national` is how it is stored."""

WORDS = {
    "stmt_codes": ("short", "long"),
    "empties": ("as_is", "null", "text"),
    "moments": ("dashes", "digits", "slashes"),
    "names": ("snake", "camel", "upper"),
    "charset": ("utf-8", "gb18030"),
    "wrapper": ("none", "data", "text"),
    "cainfo": ("ignored", "checked"),
    "encrypts": ("nothing", "what_came_so", "always"),
    "passing": ("refusal", "status"),
}
"""What a setting may say."""


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


def decoded(raw: bytes) -> tuple[str, str]:
    """A body as text with its encoding; refuses what is neither UTF-8 nor the one other encoding that programs still send."""
    if b"\0" in raw:  # letters of two bytes, as PowerBuilder keeps them; in the other two no letter is zero
        raise Refusal("message.not_utf8")
    for charset in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(charset), charset.removesuffix("-sig")
        except UnicodeDecodeError:
            continue
    raise Refusal("message.not_utf8")


def read_body(raw: bytes) -> dict[str, Any]:
    """The message as JSON; refuses what is not UTF-8, not one object, has two values for a member, is not finite or too deep."""
    try:
        text = raw.rstrip(b"\0").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refusal("message.not_utf8") from None
    return read_message(text)


def read_message(text: str) -> dict[str, Any]:
    """A text as one JSON object, with the refusals of `read_body`."""
    message = _read_json(text)
    if not isinstance(message, dict):
        raise Refusal("message.not_an_object")
    return message


FORM = "multipart/form-data"
BOUNDARY = re.compile(r'boundary="?([^";,\s]{1,70})', re.ASCII | re.IGNORECASE)


def read(kind: str, raw: bytes) -> Sent:
    """A body by its content type, which matters for a form alone: a message in one part, a file in another.

    Refuses what `decoded` and `read_message` refuse, and a form without a message.
    """
    boundary = BOUNDARY.search(kind) if kind.lower().startswith(FORM) else None
    if boundary is None:
        text, charset = decoded(raw.rstrip(b"\0"))  # programs in C send the end of their text too
        return _sent(text, charset)
    message, file = None, None
    for part in (b"\r\n" + raw).split(b"\r\n--" + boundary[1].encode())[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        if message is None and b"filename=" not in head and content.lstrip()[:1] == b"{":
            message = content
        elif b"filename=" in head:
            file = content
    if message is None:
        raise Refusal("message.not_json")
    text, charset = decoded(message)
    return _sent(text, charset, file)


def _sent(text: str, charset: str, file: bytes | None = None) -> Sent:
    try:
        return Sent(text, charset, read_message(text), file)
    except Refusal as refusal:
        if refusal.code != "message.not_json" or (mended := _mended(text)) == text:
            raise
    return Sent(mended, charset, read_message(mended), file)


PASTED = re.compile(r'"(?:[^"\\]++|\\.?)*+(?:"|\Z)|,(?=\s*[}\]])|(?<![0-9.])\.(?=[0-9])', re.DOTALL)
"""Texts, to be passed over; a comma behind the last of its kind; a point with no digit before it."""


def _mended(text: str) -> str:
    """Two slips of programs that paste their messages together: a loop's last comma, and .5 as some databases print it.

    The libraries of the platforms they were written for read both.
    """
    return PASTED.sub(lambda found: {",": "", ".": "0."}.get(found[0], found[0]), text)


def with_file(given: object, file: bytes) -> object:
    """The input of an upload with its file in the place where a message carries it."""
    if not isinstance(given, dict):
        return given
    name = next((name for name in given if name.lower() == UPLOADED.lower()), UPLOADED)
    node = given.get(name) or {}
    return {**given, name: {**node, "in": base64.b64encode(file).decode()} if isinstance(node, dict) else node}


def input_name(message: Mapping[str, Any]) -> str:
    """Under which name a message holds its input: programs differ in capitals, and one that says something goes first."""
    if message.get("input"):
        return "input"
    found = [name for name in message if name.lower() == "input"]
    return next((name for name in found if message[name]), found[0] if found else "input")


def unwrap(message: Mapping[str, Any]) -> object:
    """The business input: an object, or text that holds one."""
    given = message.get(input_name(message))
    if isinstance(given, str):
        if not given.strip() or given.strip() == "null":
            return {}
        try:
            given = _read_json(given)
        except Refusal as refusal:
            if refusal.code != "message.not_json":
                raise
            given = _read_json(_mended(given))
    return {} if given is None else given


def member_text(text: str, wanted: str) -> str:
    """The text of one member of an object exactly as it was sent: what some programs sign. The object has been read before."""
    place = text.index("{") + 1
    while True:
        place = _blanks(text, place)
        key, place = STRICT.raw_decode(text, place)
        begin = _blanks(text, _blanks(text, place) + 1)
        _, place = STRICT.raw_decode(text, begin)
        if key == wanted:
            return text[begin:place]
        place = _blanks(text, place)
        if text[place] != ",":
            return ""
        place += 1


def _blanks(text: str, place: int) -> int:
    while text[place] in " \t\r\n":
        place += 1
    return place


# What goes out


def dress(profile: Profile, text: str) -> str:
    """A stored answer in the connection's own way of writing; the usual way is how it is stored."""
    if profile.plain:
        return text
    answer = json.loads(text, parse_float=Decimal)
    output = answer.get("output")
    if output is not None:
        output = _dressed(profile, output)
        answer["output"] = write(output) if profile.output_text else output
    if profile.names == "upper":
        answer = {name.upper(): value for name, value in answer.items()}
    code = answer.get("infcode", answer.get("INFCODE"))
    told = answer.get("err_msg", answer.get("ERR_MSG"))
    if profile.wrapper == "data":
        answer = {"code": 0 if code in (0, "0") else -1, "message": told or "成功", "data": answer}
    elif profile.wrapper == "text":
        answer = {"code": "0" if code in (0, "0") else "-1", "msg": told or "成功", "body": write(answer)}
    return write(answer)


def _dressed(profile: Profile, value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        found = {named(profile, key): _dressed(profile, member, key) for key, member in value.items()}
        return [found] if name in profile.listed else found
    if isinstance(value, list):
        return [_dressed(profile, one) for one in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, int | Decimal):
        return format(value, "f") if profile.amounts_text else value
    if value is None or value == "":
        return {"as_is": value, "null": None, "text": ""}[profile.empties]
    if profile.moments != "dashes" and MOMENT.fullmatch(value):
        return value.replace("-", "/") if profile.moments == "slashes" else re.sub(r"[^0-9]", "", value)
    return value


MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?", re.ASCII)


def named(profile: Profile, name: str) -> str:
    """A member's name as the connection writes it."""
    if profile.names == "camel":
        first, *rest = name.split("_")
        return first + "".join(word.capitalize() for word in rest)
    return name.upper() if profile.names == "upper" else name


def undress(profile: Profile, raw: bytes, kept: Collection[str] = ()) -> dict[str, Any]:
    """An answer as it was before `dress`, for those who read answers; amounts that went out as text are still text.

    `kept` are names that have capitals of their own.

    Raises ValueError where the answer is not in the connection's way of writing.
    """
    answer = json.loads(raw.decode(profile.charset), parse_float=Decimal)
    if profile.wrapper == "data":
        answer = answer["data"]
    elif profile.wrapper == "text":
        answer = json.loads(answer["body"], parse_float=Decimal)
    if profile.names == "upper":
        answer = {name.lower(): value for name, value in answer.items()}
    if profile.output_text and isinstance(answer.get("output"), str):
        answer["output"] = json.loads(answer["output"], parse_float=Decimal)
    answer["output"] = _undressed(profile, answer.get("output"), kept)
    return dict(answer)


def _undressed(profile: Profile, value: Any, kept: Collection[str], name: str = "") -> Any:
    if isinstance(value, dict):
        named = {_unnamed(profile, key, kept): member for key, member in value.items()}
        return {key: _undressed(profile, member, kept, key) for key, member in named.items()}
    if isinstance(value, list):
        if name in profile.listed:
            (value,) = value
            return _undressed(profile, value, kept)
        return [_undressed(profile, one, kept) for one in value]
    return value


def _unnamed(profile: Profile, name: str, kept: Collection[str]) -> str:
    if profile.names == "camel" and name not in kept:
        return re.sub(r"(?<=.)([A-Z])", lambda found: "_" + found[1].lower(), name)
    if profile.names == "upper":
        return next((known for known in kept if known.upper() == name), name.lower())
    return name


# What comes in


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
    # Said twice alike leaves no doubt.
    if len(members) != len(pairs) and any(members[name] != value for name, value in pairs):
        raise Refusal("message.twice")
    return members


STRICT = json.JSONDecoder(strict=False, parse_float=Decimal, parse_constant=_not_finite, object_pairs_hook=_no_twins)
"""Strict about what a message says; line breaks and tabs may stand in texts as they are, because programs paste them there."""


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
        f'"enctype":"","signtype":"","cainfo":"","err_msg":{encode_basestring(_short(error))},"warn_msg":{encode_basestring(_short(warning))},'
        f'"output":{output if output is not None and not error else "null"}}}'
    )


def _short(words: str) -> str:
    """Words in the length that programs have room for; the code at their end stays."""
    if len(words) <= LONGEST_WORDS:
        return words
    begins = words.rfind("〔")
    code = words[begins:] if begins > 0 else ""
    return f"{words[: LONGEST_WORDS - 1 - len(code)]}…{code}"
