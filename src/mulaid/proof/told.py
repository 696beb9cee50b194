"""`mulaid explain`: whose money paid a settlement, and by which rule, on a terminal.

A settlement is told from the stored decision and nothing else.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from mulaid import refs
from mulaid.calendar import stamp, wall_clock
from mulaid.db import Actor, Tx
from mulaid.money import Fen, yuan
from mulaid.people import enrolment
from mulaid.people.enrolment import PersonRef
from mulaid.people.identity import mask_name
from mulaid.policy.explain import Line, cautions
from mulaid.policy.explain import explain as explained
from mulaid.policy.split import Step
from mulaid.proof.verify import Packs
from mulaid.serve import opened
from mulaid.settings import Settings
from mulaid.settlement import pay
from mulaid.settlement.visit import find_institution
from mulaid.settlement.whose import CASH, Payer, payers

Say = Callable[[str], None]
BY = Actor("explain", "cli")
CONFIDENCES = {"high": "依据充分", "medium": "依据较好", "low": "依据不足"}
MARK = "  "


@dataclass(frozen=True, slots=True)
class Told:
    """A settlement as it can be told to anybody who may see it: names are masked. Moments are Shanghai texts."""

    settlement: str
    patient: str
    institution: str
    service_date: str
    settled_at: str
    total: Fen
    payers: tuple[Payer, ...]
    lines: tuple[Line, ...]
    cautions: tuple[str, ...]
    refund: str = ""
    refunded_at: str = ""


def explain(settings: Settings, settlement: str, say: Say, *, as_json: bool) -> int:
    """Tell a settlement, or for a refund the settlement it returned. Refuses a number nobody has."""
    with opened(settings) as db, db.reading(wall_clock(), BY) as tx:
        found = told(tx, settlement)
    if as_json:
        say(json.dumps(as_plain(found), ensure_ascii=False, indent=2))
        return 0
    for line in sentences(found):
        say(line)
    return 0


def told(tx: Tx, settlement: str) -> Told:
    """The settlement behind a number, or behind the number of its refund; refuses a number nobody has."""
    row = pay.find(tx, refs.parse(refs.SETTLEMENT, settlement))
    if row["refunds"] is not None:
        row = pay.find(tx, row["refunds"])
    refund = pay.find(tx, row["refunded_by"]) if row["refunded_by"] is not None else None
    packs = Packs(tx)
    steps = [Step(*step) for step in row["steps"]]
    lines = explained({region: packs[digest] for region, digest in row["packs"].items()}, steps)
    place = find_institution(tx, row["institution"])
    return Told(
        settlement=refs.show(refs.SETTLEMENT, row["id"]),
        patient=mask_name(enrolment.person(tx, PersonRef(row["book"], row["person"])).name),
        institution=place.name if place else row["institution"],
        service_date=row["service_date"].isoformat(),
        settled_at=stamp(row["settled_at"]),
        total=row["total"],
        payers=tuple(payers(row, steps)),
        lines=tuple(lines),
        cautions=tuple(dict.fromkeys(cautions(lines))),
        refund=refs.show(refs.SETTLEMENT, refund["id"]) if refund else "",
        refunded_at=stamp(refund["settled_at"]) if refund else "",
    )


def as_plain(found: Told) -> dict[str, Any]:
    """The same as JSON types; amounts are texts in yuan."""
    body = asdict(found)
    body["total"] = yuan(found.total)
    body["payers"] = [{"who": payer.name, "amount": yuan(payer.fen)} for payer in found.payers]
    body["lines"] = [{**asdict(line), "fen": yuan(line.fen), "rule_name": line.rule_name} for line in found.lines]
    for line in body["lines"]:
        line["amount"] = line.pop("fen")
    return body


def sentences(found: Told) -> Iterator[str]:
    """The settlement as a page of plain text."""
    yield f"结算单 {found.settlement}"
    yield f"{found.patient} 于 {found.service_date} 在{found.institution}，{found.settled_at} 结算"
    if found.refund:
        yield f"这笔结算已于 {found.refunded_at} 全部退回（退费单 {found.refund}），下面是当初的决定"
    yield ""
    yield from table(found.payers, found.total)
    yield ""
    yield "为什么这样付："
    yield from reasons(found.lines)
    if found.cautions:
        yield ""
        yield "请留意："
        yield from (f"{MARK}· {caution}" for caution in found.cautions)


def table(rows: Sequence[Payer], total: Fen) -> Iterator[str]:
    """Who paid, aligned, with the sum under a rule."""
    every = [*rows, Payer(CASH, "合计", total)]
    left = max(width(row.name) for row in every)
    right = max(len(yuan(row.fen)) for row in every)
    for row in rows:
        yield f"{MARK}{padded(row.name, left)}  {yuan(row.fen):>{right}} 元"
    yield f"{MARK}{'─' * (left + right + 5)}"
    yield f"{MARK}{padded('合计', left)}  {yuan(total):>{right}} 元"


def reasons(lines: Sequence[Line]) -> Iterator[str]:
    """The sentences of a decision, numbered, each rule with its region, source, start and confidence underneath."""
    for place, line in enumerate(lines, 1):
        yield f"{MARK}{place:>2}. {line.text}"
        if line.rule:
            yield f"{MARK}    依据：{line.region}“{line.rule_name}”，{since(line.since)}起，{CONFIDENCES[line.confidence]}"
            yield f"{MARK}          {line.source}"


def since(day: str) -> str:
    """`2023-04-10` as people say it."""
    at = datetime.fromisoformat(day)
    return f"{at.year}年{at.month}月{at.day}日"


def width(text: str) -> int:
    """How many columns a text takes on a screen: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def padded(text: str, columns: int) -> str:
    """The text filled up with spaces to a number of columns."""
    return text + " " * max(0, columns - width(text))
