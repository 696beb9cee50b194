"""Channels: programs, portals, counters and telephones where people do things; their menus and their own limits, as data.

The format is docs/packs.md chapter 8. A channel's own limit replaces the area's for what is done in that channel.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from mulaid.policy.pack import GRADES, NATION, PackTrouble, source_faults
from mulaid.policy.parameters import DOCUMENTS, PARAMETERS, ROUTES, plain

KINDS = ("app", "mini_program", "public_account", "portal", "institution", "counter", "telephone")
PLATFORMS = ("wechat", "alipay")
LOG_INS = ("credential", "id_number", "scan_credential", "phone_and_password")
ACTIONS = {
    "register": "注册", "log_in": "登录", "activate": "激活家人的医保码", "bind_family": "绑定亲情账户",
    "bind_id_number": "按证件号码绑定", "bind_birth_certificate": "按出生医学证明绑定", "list_family": "查看已绑定的家人",
    "family_costs": "查询家人年度费用", "modify_family": "修改亲情账户", "unbind_family": "解绑亲情账户",
    "open_aid": "开通家庭共济", "modify_aid": "修改家庭共济", "end_aid": "解除家庭共济", "aid_results": "查询共济结果",
    "open_wallet": "开通医保钱包", "file_remote": "异地就医备案", "file_chronic": "门诊慢特病跨省备案",
    "flexible_enrolment": "灵活就业参保与停保", "pause_enrolment": "暂停参保关系",
}  # fmt: skip
MAY_OVERRIDE = ("family_account_", "credential_code_ttl_seconds")
_TELEPHONE = re.compile(r"[0-9]{5}|0[0-9]{2,3}-[0-9]{7,8}", re.ASCII)
_TEXTS = ("name", "kind", "platform", "address", "source", "note")
_LISTS = ("regions", "log_in", "routes", "documents", "telephones")
_TABLES = ("overrides", "ways")


@dataclass(frozen=True, slots=True)
class Way:
    """The words to tap for one action, in order, and how far they can be trusted."""

    taps: tuple[str, ...]
    source: str
    confidence: str

    @property
    def shown(self) -> str:
        """As people write it down."""
        return " → ".join(self.taps)


@dataclass(frozen=True, slots=True)
class Channel:
    """One place where people do things. `regions` is empty for the whole country; `overrides` are values of the law, parsed."""

    key: str
    name: str
    kind: str
    platform: str
    regions: tuple[str, ...]
    address: str
    log_in: tuple[str, ...]
    routes: tuple[str, ...]
    documents: tuple[str, ...]
    overrides: Mapping[str, Any]
    ways: Mapping[str, tuple[Way, ...]]
    telephones: tuple[tuple[str, str], ...]
    source: str
    confidence: str
    note: str

    def serves(self, region: str) -> bool:
        """Whether people insured in the region use it."""
        return not self.regions or any(covered in (region, region[:4] + "00", region[:2] + "0000") for covered in self.regions)


def channels() -> Mapping[str, Channel]:
    """Every channel by its key, as in `packs/channels.toml`."""
    return _program()


@cache
def _program() -> Mapping[str, Channel]:
    return read_channels(resources.files("mulaid").joinpath("packs/channels.toml").read_text("utf-8"))


def limits(channel: str) -> Mapping[str, Any]:
    """The channel's own values of the law by parameter, parsed; nothing for a channel without its own, such as our pages."""
    found = channels().get(channel)
    return found.overrides if found else {}


def where(action: str, region: str) -> list[tuple[Channel, Way]]:
    """Where people of a region do something: their own programs before the nation's, counters last, the newest way of each."""
    if action not in ACTIONS:
        raise KeyError(action)
    found = [channel for channel in channels().values() if channel.serves(region) and action in channel.ways]
    found.sort(key=lambda channel: (channel.kind in ("counter", "institution"), not channel.regions))
    return [(channel, channel.ways[action][0]) for channel in found]


def read_channels(text: str) -> Mapping[str, Channel]:
    """A channels.toml, checked whole; raises PackTrouble with every fault found, one a line."""
    label = "channels.toml"
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PackTrouble(f"{label}: not TOML: {error}") from None
    sources = raw.pop("sources", {})
    faults = list(source_faults(sources))
    if not faults:
        for key, row in raw.items():
            faults += [f"{key}: {fault}" for fault in _faults(row, sources)]
    if faults:
        raise PackTrouble("\n".join(f"{label}: {fault}" for fault in faults))
    return {key: _channel(key, row, sources) for key, row in raw.items()}


def _faults(row: Any, sources: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(row, dict):
        yield "expected a table with name, kind, source"
        return
    if strange := sorted(set(row) - {*_TEXTS, *_LISTS, *_TABLES}):
        yield f"unknown member {', '.join(strange)}; known are {', '.join((*_TEXTS, *_LISTS, *_TABLES))}"
    if misshapen := list(_misshapen(row)):
        yield from misshapen
        return
    if "name" not in row:
        yield "name is missing"
    if row.get("kind") not in KINDS:
        yield f"kind {row.get('kind')!r} is none of {', '.join(KINDS)}"
    if row.get("platform", "wechat") not in PLATFORMS:
        yield f"platform {row['platform']!r} is none of {', '.join(PLATFORMS)}"
    for member, words in (("log_in", LOG_INS), ("routes", ROUTES), ("documents", DOCUMENTS)):
        if strange := [word for word in row.get(member, []) if word not in words]:
            yield f"{member}: {', '.join(map(str, strange))} is none of {', '.join(words)}"
    for region in row.get("regions", []):
        if not isinstance(region, str) or not re.fullmatch(r"[0-9]{6}", region, re.ASCII) or region == NATION:
            yield f"regions: {region!r} is not six digits of a province or an area; leave regions out for the whole country"
    yield from _unsourced("", row, sources)
    yield from _way_faults(row.get("ways", {}), sources)
    yield from _override_faults(row.get("overrides", {}), sources)
    for line in row.get("telephones", []):
        if set(line) != {"for", "number"} or not _TELEPHONE.fullmatch(str(line["number"])):
            yield f"telephones: {line!r} is not {{ for = …, number = … }} with a number such as 12393 or 0311-88166009"


def _misshapen(row: Mapping[str, Any]) -> Iterator[str]:
    for names, kind, says in ((_TEXTS, str, "text"), (_LISTS, list, "a list"), (_TABLES, dict, "a table")):
        yield from (f"{name} is not {says}" for name in names if name in row and not isinstance(row[name], kind))
    for name in ("ways", "overrides"):
        for key, inner in row.get(name, {}).items() if isinstance(row.get(name), dict) else ():
            good = isinstance(inner, list) and inner and all(isinstance(way, dict) for way in inner)
            if not (good if name == "ways" else isinstance(inner, dict)):
                yield f"{name}.{key}: expected " + (
                    "a list of { taps = […], source = … }" if name == "ways" else "{ value, source }"
                )
    if isinstance(row.get("telephones"), list) and not all(isinstance(line, dict) for line in row["telephones"]):
        yield "telephones: expected a list of { for = …, number = … }"


def _way_faults(ways: Mapping[str, Any], sources: Mapping[str, Any]) -> Iterator[str]:
    for action, versions in ways.items():
        if action not in ACTIONS:
            yield f"ways.{action}: none of {', '.join(ACTIONS)}"
        for way in versions:
            taps = way.get("taps")
            if not isinstance(taps, list) or not taps or not all(isinstance(word, str) and word.strip() for word in taps):
                yield f"ways.{action}: taps is a list of the words to tap"
            yield from _unsourced(f"ways.{action}: ", way, sources)


def _override_faults(overrides: Mapping[str, Any], sources: Mapping[str, Any]) -> Iterator[str]:
    for parameter, given in overrides.items():
        if parameter not in PARAMETERS or not parameter.startswith(MAY_OVERRIDE):
            yield f"overrides.{parameter}: a channel may only have its own {', '.join(MAY_OVERRIDE)}…"
            continue
        yield from _unsourced(f"overrides.{parameter}: ", given, sources)
        try:
            PARAMETERS[parameter].parse(plain(given.get("value")))
        except ValueError as error:
            yield f"overrides.{parameter}: {error}"


def _unsourced(where: str, row: Mapping[str, Any], sources: Mapping[str, Any]) -> Iterator[str]:
    keys = str(row.get("source", "")).split()
    if not keys or any(key not in sources for key in keys):
        yield f"{where}source {row.get('source', 'missing')}: name one or more keys of [sources]"


def _channel(key: str, row: Mapping[str, Any], sources: Mapping[str, Any]) -> Channel:
    def told(source: str) -> tuple[str, str]:
        keys = source.split()
        return "；".join(f"{sources[k]['title']}（{sources[k]['grade']}）" for k in keys), GRADES[sources[keys[0]]["grade"]]

    source, confidence = told(row["source"])
    return Channel(
        key=key,
        name=row["name"],
        kind=row["kind"],
        platform=row.get("platform", ""),
        regions=tuple(row.get("regions", ())),
        address=row.get("address", ""),
        log_in=tuple(row.get("log_in", ())),
        routes=tuple(row.get("routes", ())),
        documents=tuple(row.get("documents", ())),
        overrides={name: PARAMETERS[name].parse(plain(given["value"])) for name, given in row.get("overrides", {}).items()},
        ways={
            action: tuple(Way(tuple(way["taps"]), *told(way["source"])) for way in versions)
            for action, versions in row.get("ways", {}).items()
        },
        telephones=tuple((line["for"], line["number"]) for line in row.get("telephones", ())),
        source=source,
        confidence=confidence,
        note=row.get("note", ""),
    )
