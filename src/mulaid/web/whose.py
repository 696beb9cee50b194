"""A stored settlement told as whose money paid it: from its own trace and the packs it was decided with, never computed anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mulaid import refs
from mulaid.calendar import SHANGHAI
from mulaid.db import Row, Statements, Tx
from mulaid.money import Fen, yuan
from mulaid.policy.explain import INVERSE, Line, explain
from mulaid.policy.split import Step
from mulaid.proof.verify import Packs
from mulaid.settlement import pay

SQL = Statements("mulaid.web", "whose.sql")
USES = {"outpatient": "门诊", "pharmacy": "买药"}
REFUND, RETURNED = "退费", "已退费"
BAR = 1000
NARROWEST = 8


@dataclass(frozen=True, slots=True)
class Payer:
    """One part of a bill. `start` and `width` are its place on the bar of the whole bill, in thousandths."""

    badge: str
    look: str
    name: str
    fen: Fen
    start: int
    width: int

    @property
    def amount(self) -> str:
        """As people read money."""
        return shown_money(self.fen)


@dataclass(frozen=True, slots=True)
class Telling:
    """One settlement for a reader. Of a refund all amounts are what was returned; `other` is then the settlement it returns,
    and of a returned settlement the refund."""

    number: str
    person: str
    scheme: str
    presented: str
    place: str
    use: str
    when: str
    day_of_care: str
    total: Fen
    payers: Sequence[Payer]
    lines: Sequence[Line]
    is_refund: bool
    other: str

    @property
    def amount(self) -> str:
        """The whole bill."""
        return shown_money(self.total)

    @property
    def answer(self) -> list[tuple[str, str]]:
        """The question answered in one breath: words and amounts, an amount empty where nothing was taken."""
        sums = {look: sum(payer.fen for payer in self.payers if payer.look == look) for look in ("pool", "own", "fam", "cash")}
        words = {"pool": "医保基金", "own": "自己的账户", "fam": "家人的账户", "cash": "现金"}
        told = [
            (f"退回{words[look]}" if self.is_refund else f"{words[look]}付了", shown_money(fen))
            for look, fen in sums.items()
            if fen
        ]
        if not self.is_refund and not sums["fam"]:
            told.append(("没有动家人的钱", ""))
        if not self.is_refund and not sums["cash"]:
            told.append(("不用付现金", ""))
        return told

    @property
    def cautions(self) -> list[Line]:
        """The lines whose rule rests on weak sources."""
        return [line for line in self.lines if line.caution]


@dataclass(frozen=True, slots=True)
class Brief:
    """One row of the list of settlements."""

    number: str
    person: str
    place: str
    when: str
    amount: str
    state: str


def newest(tx: Tx, most: int) -> list[Brief]:
    """The last settlements and refunds, newest first."""
    return [
        Brief(
            number=refs.show(refs.SETTLEMENT, row["id"]),
            person=row["shown"],
            place=row["place"],
            when=_moment(row["settled_at"]).partition("年 ")[2],
            amount=shown_money(row["total"]),
            state=REFUND if row["refunds"] else RETURNED if row["refunded_by"] else "",
        )
        for row in tx.all(SQL.newest, most=most)
    ]


def tell(tx: Tx, number: str) -> Telling:
    """The settlement behind a number; refuses a number nobody has."""
    row = pay.find(tx, refs.parse(refs.SETTLEMENT, number))
    kept = Packs(tx)
    packs = {region: kept[digest] for region, digest in row["packs"].items()}
    steps = [Step(*step) for step in row["steps"]]
    patient = row["facts"]["patient"]
    place = tx.one(SQL.place, code=row["institution"])
    assert place is not None, "a settlement names an institution that is there"
    person, day = _name(tx, row["person"]), row["service_date"]
    other = row["refunds"] or row["refunded_by"]
    return Telling(
        number=refs.show(refs.SETTLEMENT, row["id"]),
        person=person,
        scheme=packs[patient["region"]].name + ("居民医保" if patient["base"] == "resident" else "职工医保"),
        presented=_presented(tx, row),
        place=place["name"],
        use=USES.get(row["facts"]["use"], ""),
        when=_moment(row["settled_at"]),
        day_of_care=f"{day.year} 年 {day.month} 月 {day.day} 日",
        total=abs(row["total"]),
        payers=payers(row, steps, person),
        lines=explain(packs, steps),
        is_refund=row["refunds"] is not None,
        other=refs.show(refs.SETTLEMENT, other) if other else "",
    )


def payers(row: Mapping[str, Fen], steps: Sequence[Step], person: str) -> list[Payer]:
    """Who paid, in the order of payment; fund, own account, relatives and cash are there even when they paid nothing."""
    aid = [
        (f"{INVERSE[step.detail['relation']]}（{step.detail['giver']}）的账户", step.fen) for step in steps if step.what == "aid"
    ]
    parts = [("统", "pool", "医保统筹基金", abs(row["pool"]))]
    if row["supplement"]:
        parts.append(("统", "pool", "大额医疗补助", abs(row["supplement"])))
    if row["current_year"]:
        parts.append(("本", "own", f"{person} 自己的当年账户", abs(row["current_year"])))
    parts.append(("本", "own", f"{person} 自己的账户", abs(row["account"])))
    parts += [("家", "fam", name, fen) for name, fen in aid] or [("家", "fam", "家人的账户", 0)]
    parts.append(("现", "cash", "现金", abs(row["cash"])))
    total = abs(row["total"])
    assert sum(fen for *_, fen in parts) == total, "the parts of a bill add up to the bill"
    told, before = [], 0
    for badge, look, name, fen in parts:
        width = max(fen * BAR // total, NARROWEST) if fen else 0
        told.append(Payer(badge, look, name, fen, min(before * BAR // total, BAR - width) if total else 0, width))
        before += fen
    return told


def shown_money(fen: Fen) -> str:
    """`¥12.34`, of a refund `-¥12.34`."""
    return f"-¥{yuan(-fen)}" if fen < 0 else f"¥{yuan(fen)}"


def _presented(tx: Tx, row: Row) -> str:
    """Whose hand held the code, which is not whose money it was."""
    if row["presenter"] is None:
        return "没有用医保码"
    if row["presenter"] == row["person"]:
        return "本人出示"
    return f"家人 {_name(tx, row['presenter'])} 帮忙出示"


def _name(tx: Tx, person: UUID) -> str:
    row: Row | None = tx.one(SQL.shown, book=refs.book_of(person), id=person)
    assert row is not None, "a settlement names people that are there"
    return str(row["shown"])


def _moment(at: datetime) -> str:
    local = at.astimezone(SHANGHAI)
    return f"{local.year} 年 {local.month} 月 {local.day} 日 {local:%H:%M}"
