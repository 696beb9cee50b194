"""The institutions' interface as data: what each transaction carries, and the one checker of what arrives.

The tables lie in `contract/*.toml`. Real programs are sloppy in known ways, and money must never be guessed; so
the checker is lenient about spelling, case, types of text and forms of dates, and strict about amounts.
"""

from __future__ import annotations

import base64
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from mulaid.money import LARGEST_FEN, Fen, half_up, parse_yuan
from mulaid.refusal import Refusal

SHANGHAI = ZoneInfo("Asia/Shanghai")

LOOSE_CHARS = 4000
"""What a loose text may hold when its line names no number of its own."""

NUMBER_CHARS = 40
"""More characters than any number or date of the interface has, zeros behind the point included."""

EMPTY = frozenset({"", "null", "NULL", "Null"})
"""Words that real programs send for a member they have no value for."""

Reader = Callable[[Any], Any]
"""Turns one received value into a clean one; None means that nothing was given."""


@dataclass(frozen=True, slots=True)
class Codes:
    """A code table; an unknown value is refused only where the table is strict."""

    name: str
    says: str
    strict: bool
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a node: `size` counts characters of text or digits of a number, `scale` its decimals.

    `accepts` is what the checker takes: characters of text, digits before the point of a number.
    """

    name: str
    kind: str
    size: int
    scale: int
    says: str
    need: bool
    ask: bool
    signed: bool
    accepts: int
    codes: Codes | None
    aliases: tuple[str, ...]

    @property
    def money(self) -> bool:
        """Whether the value is an amount, carried as integer fen."""
        return self.kind == "N" and (self.size, self.scale) == (16, 2)

    @property
    def type(self) -> str:
        """The type as the interface writes it: `C30`, `N16,2`, `D`, `DT`, `B`."""
        if self.kind == "N" and self.scale:
            return f"N{self.size},{self.scale}"
        return f"{self.kind}{self.size}" if self.kind in "CN" else self.kind


@dataclass(frozen=True, slots=True)
class Node:
    """One object, or list of objects, of an input or output; a flat node has no name of its own in the message.

    `inside` is the node that it is a member of, where it does not stand beside the others.
    """

    name: str
    says: str
    many: bool
    flat: bool
    need: bool
    ask: bool
    most: int
    inside: str
    fields: tuple[Field, ...]
    aliases: tuple[str, ...]
    readers: Mapping[str, Reader]
    spellings: Mapping[str, str]
    needed: tuple[str, ...]

    def field(self, name: str) -> Field:
        """The field of that name."""
        return next(field for field in self.fields if field.name == name)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction of the interface."""

    infno: str
    name: str
    aliases: tuple[str, ...]
    input: tuple[Node, ...]
    output: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Contract:
    """The whole interface; `transactions` is found by every accepted number, aliases included."""

    envelope: Transaction
    transactions: Mapping[str, Transaction]
    codes: Mapping[str, Codes]


class _Unreadable(Exception):
    """A value that cannot be taken; the row that reads it knows where it stood."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


def check(infno: str, input: object) -> dict[str, Any]:
    """The cleaned input of a transaction, node by node: fen, Decimal, date, aware datetime in Shanghai, stripped text.

    Members without a value are absent, never None; members unknown to the tables are left out. Refuses `interface.*`.
    """
    nodes = transaction(infno).input
    if not isinstance(input, Mapping):
        raise Refusal("interface.bad_type", place="报文", field="input", meaning="交易输入", expected="对象")
    return _read_nodes(nodes, input)


def check_envelope(envelope: object) -> dict[str, Any]:
    """The cleaned members of the envelope; `input` is not looked at, it may still be text or cipher text."""
    if not isinstance(envelope, Mapping):
        raise Refusal("interface.bad_type", place="报文", field="envelope", meaning="报文", expected="对象")
    return _read_nodes(contract().envelope.input, envelope)


def transaction(infno: str) -> Transaction:
    """The transaction of a number or one of its aliases; refuses `interface.unknown_infno`."""
    found = contract().transactions
    known = found.get(infno) or found.get(infno.strip().upper())
    if known is None:
        raise Refusal("interface.unknown_infno", infno=_shown(infno))
    return known


def answer_fields(infno: str) -> dict[str, tuple[Field, ...]]:
    """The members that an answer must carry, in order, by node; empty when the transaction answers without output."""
    return {node.name: node.fields for node in transaction(infno).output}


def answer_faults(infno: str, output: object) -> list[str]:
    """What is missing or of the wrong type in an output parsed with `parse_float=Decimal`; empty when nothing is."""
    faults: list[str] = []
    nodes = transaction(infno).output
    if not nodes:
        return [] if output is None else ["output: must be null"]
    for node in nodes:
        given = output if node.flat else output.get(node.name) if isinstance(output, Mapping) else None
        if not isinstance(given, list if node.many else Mapping):
            faults.append(f"{node.name}: must be {'an array' if node.many else 'an object'}")
            continue
        for place, row in enumerate(given if isinstance(given, list) else [given]):
            where = f"{node.name}[{place}]" if node.many else node.name
            if isinstance(row, Mapping):
                faults.extend(f"{where}.{fault}" for fault in _answer_row_faults(node, row))
            else:
                faults.append(f"{where}: must be an object")
    return faults


@cache
def contract() -> Contract:
    """The interface, read once."""
    folder = resources.files("mulaid.gateway").joinpath("contract")
    tables = {
        entry.name.removesuffix(".toml"): tomllib.loads(entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }
    codes = {name: Codes(name, raw["says"], raw.get("strict", False), raw["values"]) for name, raw in tables.pop("codes").items()}
    shapes = tables.pop("shapes")
    envelope = _transaction("envelope", tables.pop("envelope")["envelope"], shapes, codes)
    transactions: dict[str, Transaction] = {}
    for table in tables.values():
        for infno, raw in table.items():
            known = _transaction(infno, raw, shapes, codes)
            for number in (infno, *known.aliases):
                assert number not in transactions, f"two transactions answer to {number}"
                transactions[number] = known
    return Contract(envelope, transactions, codes)


# Loading


def _transaction(infno: str, raw: Mapping[str, Any], shapes: Mapping[str, Any], codes: Mapping[str, Codes]) -> Transaction:
    assert raw.keys() <= {"name", "aliases", "input", "output"}, infno
    sides = [tuple(_node(name, node, shapes, codes) for name, node in raw.get(side, {}).items()) for side in ("input", "output")]
    return Transaction(infno, raw["name"], tuple(raw.get("aliases", ())), sides[0], sides[1])


_NODE_KEYS = {"says", "need", "ask", "many", "flat", "most", "signed", "like", "without", "fields", "aliases", "inside"}


def _node(name: str, raw: Mapping[str, Any], shapes: Mapping[str, Any], codes: Mapping[str, Codes]) -> Node:
    assert raw.keys() <= _NODE_KEYS, f"{name}: {raw.keys() - _NODE_KEYS}"
    lines: dict[str, dict[str, Any]] = {}
    if "like" in raw:
        left_out = set(raw.get("without", ()))
        assert left_out <= shapes[raw["like"]].keys(), f"{name} leaves out what its shape does not have"
        lines = {field: line for field, line in shapes[raw["like"]].items() if field not in left_out}
    for field, line in raw.get("fields", {}).items():
        lines[field] = {**lines.get(field, {}), **line}
    fields = tuple(_field(field, line, codes, signed=raw.get("signed", False)) for field, line in lines.items())
    return Node(
        name=name,
        says=raw["says"],
        many=raw.get("many", False),
        flat=raw.get("flat", False),
        need=raw.get("need", False),
        ask=raw.get("ask", False),
        most=raw.get("most", 1),
        inside=raw.get("inside", ""),
        fields=fields,
        aliases=tuple(raw.get("aliases", ())),
        readers={field.name: _reader(field) for field in fields},
        spellings={
            # Programs that write names in camel case mean the names with strokes; a name that is spelled right goes first.
            **{word.replace("_", "").lower(): field.name for field in reversed(fields) for word in (field.name, *field.aliases)},
            **{word.lower(): field.name for field in fields for word in (field.name, *field.aliases)},
        },
        needed=tuple(field.name for field in fields if field.need),
    )


_FIELD_KEYS = {"t", "says", "need", "ask", "codes", "loose", "signed", "aliases"}
_TYPE = re.compile(r"(?:(C)([0-9]+)|(N)([0-9]+)(?:,([0-9]+))?|(DT?)|(B))", re.ASCII)


def _field(name: str, line: Mapping[str, Any], codes: Mapping[str, Codes], *, signed: bool) -> Field:
    assert line.keys() <= _FIELD_KEYS, f"{name}: {line.keys() - _FIELD_KEYS}"
    match = _TYPE.fullmatch(line["t"])
    assert match, f"{name} has the unknown type {line['t']}"
    size = int(match[2] or match[4] or 0)
    loose = line.get("loose", False)
    if loose is True:
        loose = LOOSE_CHARS if match[1] else 6
    return Field(
        name=name,
        kind=match[1] or match[3] or match[6] or match[7],
        size=size,
        scale=int(match[5] or 0),
        says=line["says"],
        need=line.get("need", False),
        ask=line.get("ask", False),
        signed=line.get("signed", signed),
        accepts=max(loose, size - int(match[5] or 0)),
        codes=codes[line["codes"]] if "codes" in line else None,
        aliases=tuple(line.get("aliases", ())),
    )


# Reading nodes and rows


def _read_nodes(nodes: tuple[Node, ...], message: Mapping[str, Any]) -> dict[str, Any]:
    clean: dict[str, Any] = {}
    for node in nodes:
        if node.flat:
            clean.update(_read_row(node, message, 0))
            continue
        source = _around(nodes, node, message) if node.inside else message
        given = source.get(node.name)
        if given is None:
            given = _other_spelling(node, source)
        if _nothing(given):
            if node.need:
                raise Refusal("interface.missing_node", node=node.name, meaning=node.says)
            continue
        read = _read_list(node, given) if node.many else _read_row(node, _single(node, given), 0)
        if read or not node.many:
            clean[node.name] = read
    return clean


def _around(nodes: tuple[Node, ...], node: Node, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object that a node is a member of; the node it belongs to has been read before."""
    outer = next(one for one in nodes if one.name == node.inside)
    given = message.get(outer.name)
    if given is None:
        given = _other_spelling(outer, message)
    return {} if _nothing(given) else _single(outer, given)


def _other_spelling(node: Node, message: Mapping[str, Any]) -> object:
    wanted = {word.lower() for word in (node.name, *node.aliases)}
    for key, given in message.items():
        if given is not None and key.lower() in wanted:
            return given
    return None


def _nothing(given: object) -> bool:
    return given is None or given in ({}, []) or (isinstance(given, str) and given.strip() in EMPTY)


def _single(node: Node, given: object) -> Mapping[str, Any]:
    """The object of a node; some libraries wrap a single object into a list."""
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if not isinstance(given, Mapping):
        raise _not_an_object(node)
    return given


def _read_list(node: Node, given: object) -> list[dict[str, Any]]:
    """The rows of a node; a single object is a list of one."""
    rows = given if isinstance(given, list) else [given]
    if len(rows) > node.most:
        raise Refusal("interface.too_many_lines", node=node.name, meaning=node.says, count=len(rows), most=node.most)
    clean = []
    for number, row in enumerate(rows, 1):
        # A grid's last, empty line is sent along; where lines are needed, one that is empty may be one that was lost.
        if not node.need and (_nothing(row) or (isinstance(row, Mapping) and all(map(_nothing, row.values())))):
            continue
        if type(row) is not dict and not isinstance(row, Mapping):  # the check of the abstract type alone is slow
            raise _not_an_object(node, number)
        clean.append(_read_row(node, row, number))
    return clean


def _read_row(node: Node, row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The members of one object that have a value. `number` is the line in a list, 0 outside of one."""
    clean: dict[str, Any] = {}
    readers = node.readers
    odd: list[str] | None = None
    key = ""
    try:
        for key, given in row.items():
            if not given and (given is None or given == ""):
                continue
            read = readers.get(key)
            if read is not None:
                value = read(given)
                if value is not None:
                    clean[key] = value
            elif odd is None:
                odd = [key]
            else:
                odd.append(key)
        # Another spelling counts only when the right one brought nothing.
        for spelt in odd or ():
            key = node.spellings.get(spelt.lower(), "")
            if key and key not in clean:
                value = readers[key](row[spelt])
                if value is not None:
                    clean[key] = value
    except _Unreadable as fault:
        field = node.field(key)
        place = _place(node, number)
        raise Refusal(fault.code, place=place, field=field.name, meaning=field.says, **fault.facts) from None
    for name in node.needed:
        if name not in clean:
            field = node.field(name)
            raise Refusal(
                "interface.missing_field",
                node=node.name,
                place=_place(node, number),
                field=name,
                meaning=field.says,
            )
    return clean


def _place(node: Node, number: int) -> str:
    return f"{node.says}第 {number} 行" if number else node.says


def _not_an_object(node: Node, number: int = 0) -> Refusal:
    place = _place(node, number) if number else "交易输入"
    return Refusal("interface.bad_type", place=place, field=node.name, meaning=node.says, expected="对象")


def _shown(text: str) -> str:
    """What a refusal may repeat of a received text: short, and without characters that break a screen or an encoder."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:20])


# Reading values


def _reader(field: Field) -> Reader:
    """The reader of one field, with everything that can be known beforehand bound into it."""
    if field.kind == "C":
        return _code_reader(field, field.codes) if field.codes and field.codes.strict else _text_reader(field)
    if field.kind == "N":
        return _money_reader(field) if field.money else _number_reader(field)
    if field.kind == "B":
        return _bytes_reader
    return _day_reader if field.kind == "D" else _moment_reader


def _plain(given: object, expected: str) -> str:
    """The written form of a value that is not text: many programs send numbers for codes, or text for numbers."""
    if given is None:
        return ""
    if isinstance(given, str):
        return given.strip()
    if type(given) is int:  # bool is an int too, and means nothing here
        if -(10**NUMBER_CHARS) < given < 10**NUMBER_CHARS:
            return str(given)
    elif isinstance(given, Decimal) and given.is_finite():
        text = str(given)
        if "E" not in text:
            return text
        exponent = given.as_tuple().exponent
        # Very small numbers and long zeros are printed with an exponent although they were written out, and Java writes a
        # hundred as 1E+2 where zeros were stripped; a text is no such number.
        if isinstance(exponent, int) and -NUMBER_CHARS < exponent < (0 if expected == "文本" else NUMBER_CHARS):
            return format(given, "f")
    raise _Unreadable("interface.bad_type", expected=expected)


_FLAGS: Mapping[bool, str] = {True: "1", False: "0"}
_YES_NO = {"0", "1"}


def _text_reader(field: Field) -> Reader:
    most = field.accepts
    # Programs disagree on zeros in front, or lose them where codes are kept as numbers; other unknown codes stay as they came.
    codes = field.codes.values if field.codes else {}
    meant = {code.lstrip("0"): code for code in codes}

    def read(given: object) -> str | None:
        if type(given) is bool and codes.keys() == _YES_NO:
            return _FLAGS[given]
        text = given.strip() if type(given) is str else _plain(given, "文本")
        if text in EMPTY:
            return None
        if codes and text not in codes:
            text = meant.get(text.lstrip("0"), text)
        if len(text) > most:
            raise _Unreadable("interface.too_long", most=most, length=len(text))
        # Neither the database nor UTF-8 can hold these two.
        if not text.isprintable() and ("\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text)):
            raise _Unreadable("interface.bad_text")
        return text

    return read


def _code_reader(field: Field, codes: Codes) -> Reader:
    # A program that sends 01 as a number sends 1.
    known = {code.lstrip("0") or "0": code for code in codes.values} | {code: code for code in codes.values}
    allowed = "、".join(f"{code}（{says}）" for code, says in codes.values.items())

    def read(given: object) -> str | None:
        if type(given) is bool and codes.values.keys() == _YES_NO:
            return _FLAGS[given]
        text = _plain(given, "文本")
        code = known.get(text)
        if code is None and text not in EMPTY:
            raise _Unreadable("interface.bad_code", given=_shown(text), allowed=allowed)
        return code

    return read


def _money_reader(field: Field) -> Reader:
    def read(given: object) -> int | None:
        text = _plain(given, "金额")
        if text in EMPTY:
            return None
        if text[0] == ".":  # some databases print 0.50 so
            text = f"0{text}"
        try:
            if len(text) > NUMBER_CHARS:
                raise _Unreadable("interface.bad_amount", given=_shown(text))
            fen = parse_yuan(_written_out(text), signed=True)
        except Refusal:
            meant = _without_noise(text)
            if meant is None:
                raise _Unreadable("interface.bad_amount", given=_shown(text)) from None
            fen = meant
        if fen < 0 and not field.signed:
            raise _Unreadable("interface.bad_amount", given=_shown(text))
        return fen

    return read


_POWER = re.compile(r"-?[1-9](?:\.[0-9]+)?E\+[0-9]{1,2}", re.ASCII)


def _written_out(text: str) -> str:
    """Java's way of printing a round number, `1E+2`, as the digits it means; other texts as they are."""
    return format(Decimal(text), "f") if "E" in text and _POWER.fullmatch(text) else text


_NOISE = re.compile(r"-?[0-9]{1,10}\.[0-9]{8,18}", re.ASCII)


def _without_noise(text: str) -> Fen | None:
    """The fen that a sum of binary fractions means, 29.799999999999997; None where more than the last digits are off."""
    if not _NOISE.fullmatch(text):
        return None
    exact = Decimal(text) * 100
    fen = half_up(exact)
    return fen if fen and abs(exact - fen) < Decimal("0.0001") and abs(fen) <= LARGEST_FEN else None


QUOTIENT = 2
"""Decimals of a number that may have been divided: quantities, prices, days; what has fewer is counted."""

_NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)?(?:\.([0-9]+))?", re.ASCII)


def _number_reader(field: Field) -> Reader:
    most, scale = field.accepts, field.scale
    too_large = 10**most

    def read(given: object) -> Decimal | None:
        if type(given) is int and 0 <= given < too_large:
            return Decimal(given)
        text = _plain(given, "数字")
        if text in EMPTY:
            return None
        match = _NUMBER.fullmatch(_written_out(text)) if len(text) <= NUMBER_CHARS else None
        if match is None:
            raise _Unreadable("interface.bad_number", given=_shown(text), scale=scale)
        sign, whole, decimals = match.groups()
        if decimals is None:
            fits = whole is not None and len(whole) <= most
        else:
            # What was divided has more decimals than the table; it is no money, and a line's amount must agree with it.
            fits = len(whole or "") <= most and (scale >= QUOTIENT or len(decimals.rstrip("0")) <= scale)
        number = Decimal(match[0]) if fits else Decimal(-1)
        if decimals is not None and len(decimals) > scale and fits:
            rounded = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
            fits, number = bool(rounded) or not number, rounded
        if not fits or (sign and number and not field.signed):
            raise _Unreadable("interface.bad_number", given=_shown(text), scale=scale)
        return number or Decimal(0)

    return read


_MOMENT = re.compile(
    r"(?:([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})|([0-9]{4})([0-9]{2})([0-9]{2}))"
    r"(?:[ T]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?"
    r"|[ T]?([0-9]{2})([0-9]{2})([0-9]{2})(?:[0-9]{3})?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?",
    re.ASCII,
)

EARLIEST_YEAR = 1850
"""Older than anybody alive; what lies before is a typing slip."""

UNSET_YEAR = "0001"
"""The year of a date that was never set, as one widespread runtime writes it."""

UNSET = (UNSET_YEAR, "1900-01-01", "1899-12-30")
"""How dates that were never set begin: those of .NET, of PowerBuilder and SQL Server, of Delphi."""


def _moment_reader(given: object) -> datetime | None:
    """An aware moment in Shanghai; a day alone is its midnight, an offset that was sent is converted."""
    text = given if type(given) is str else _plain(given, "日期时间")
    try:
        # The usual form, three times as fast; the marks in their places keep out what else `fromisoformat` would take.
        if len(text) == 19 and text[4] == text[7] == "-" and text[10] == " " and text[13] == text[16] == ":":
            if text.startswith(UNSET):
                return None
            moment = datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
        else:
            text = text.strip()
            match = _MOMENT.fullmatch(text) if len(text) <= NUMBER_CHARS else None
            if text in EMPTY or (match and UNSET_YEAR in (match[1], match[5])):
                return None
            moment = _moment(match)
            if moment.isoformat().startswith(UNSET):
                return None
        if moment.year < EARLIEST_YEAR:
            raise ValueError("older than anybody")
    except (ValueError, OverflowError):
        raise _Unreadable("interface.bad_date", given=_shown(text)) from None
    return moment


def _moment(match: re.Match[str] | None) -> datetime:
    """The moment that a match of `_MOMENT` names; ValueError when the calendar has none such."""
    if match is None:
        raise ValueError("no form of a date")
    year, month, day = (int(match[dashed] or match[plain]) for dashed, plain in ((1, 5), (3, 6), (4, 7)))
    hour, minute, second = (int(match[dashed] or match[plain] or 0) for dashed, plain in ((8, 11), (9, 12), (10, 13)))
    offset = match[14]
    if offset is None:
        return datetime(year, month, day, hour, minute, second, tzinfo=SHANGHAI)
    away = timedelta(0) if offset == "Z" else timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
    zone = timezone(-away if offset[0] == "-" else away)
    return datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone(SHANGHAI)


def _day_reader(given: object) -> date | None:
    moment = _moment_reader(given)
    return None if moment is None else moment.date()


def _bytes_reader(given: object) -> bytes | None:
    """Bytes as Base64 text, or as an array of numbers; some languages count a byte from -128."""
    try:
        if isinstance(given, str):
            return base64.b64decode("".join(given.split()), validate=True) or None
        if isinstance(given, list) and all(type(one) is int and -128 <= one <= 255 for one in given):
            return bytes(one & 0xFF for one in given) or None
    except ValueError:
        pass
    raise _Unreadable("interface.bad_type", expected="Base64 文本或字节数组")


# Looking at our own answers

_DAY_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOMENT_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)


def _answer_row_faults(node: Node, row: Mapping[str, Any]) -> Iterator[str]:
    for field in node.fields:
        if field.name not in row:
            yield f"{field.name}: is missing"
        elif row[field.name] is None:
            if field.need:
                yield f"{field.name}: must not be null"
        elif fault := _answer_value_fault(field, row[field.name]):
            yield f"{field.name}: {fault}"


def _answer_value_fault(field: Field, value: object) -> str:
    """What is wrong with one value that is not null; empty when nothing is."""
    if field.kind == "N":
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            return "must be a number"
        # One program in the field casts amounts straight to a decimal and breaks on the integer 0.
        if field.money and (not isinstance(value, Decimal) or value.as_tuple().exponent != -2):
            return "must be written with two decimals"
        return "must not be negative" if value < 0 and not field.signed else ""
    if not isinstance(value, str):
        return "must be text"
    if field.kind == "C":
        return f"is longer than {field.accepts}" if len(value) > field.accepts else ""
    form = _DAY_FORM if field.kind == "D" else _MOMENT_FORM
    return "" if form.fullmatch(value) else "is no date of this interface"
