"""A stored settlement told as whose money paid it: from its own trace and the packs it was decided with, never computed anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mulaid import refs
from mulaid.calendar import SHANGHAI
from mulaid.db import Row, Statements, Tx
from mulaid.money import Fen
from mulaid.policy.explain import Line, explain
from mulaid.policy.split import Step
from mulaid.proof.verify import Packs
from mulaid.settlement import pay, whose
from mulaid.web.words import money

SQL = Statements("mulaid.web", "whose.sql")
USES = {"outpatient": "门诊", "pharmacy": "买药", "inpatient": "住院"}
BADGES = {"pool": "统", "own": "本", "fam": "家", "cash": "现"}
SHORT = {"pool": "医保基金", "own": "自己的账户", "fam": "家人的账户", "cash": "现金"}
LOOKS = {
    whose.FUND: ("pool", "医保统筹基金"),
    whose.OWN: ("own", "本人的个人账户"),
    whose.FAMILY: ("fam", "家人的账户"),
    whose.CASH: ("cash", "现金"),
}
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
    def answer(self) -> list[tuple[str, Fen | None]]:
        """The question answered in one breath."""
        return answer(self.payers, is_refund=self.is_refund)

    @property
    def cautions(self) -> list[Line]:
        """The lines whose rule rests on weak sources."""
        return [line for line in self.lines if line.caution]


@dataclass(frozen=True, slots=True)
class Trial:
    """A bill that has not been paid, told like one that has."""

    total: Fen
    payers: Sequence[Payer]
    lines: Sequence[Line]
    is_refund: bool = False
    other: str = ""

    @property
    def answer(self) -> list[tuple[str, Fen | None]]:
        """The question answered in one breath."""
        words = {"pool": "医保基金付", "own": "自己的账户付", "fam": "家人的账户付", "cash": "还要付现金"}
        return answer(self.payers, words=words)

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
    total: Fen
    state: str
    paid: str


def newest(tx: Tx, most: int) -> list[Brief]:
    """The last settlements and refunds, newest first."""
    return [
        Brief(
            number=refs.show(refs.SETTLEMENT, row["id"]),
            person=row["shown"],
            place=row["place"],
            when=_moment(row["settled_at"]).partition("年 ")[2],
            total=row["total"],
            state=REFUND if row["refunds"] else RETURNED if row["refunded_by"] else "",
            paid=glance(row["funds"], row["own"], row["family"], row["cash"]),
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
        payers=bars(whose.payers(row, steps), person),
        lines=explain(packs, steps),
        is_refund=row["refunds"] is not None,
        other=refs.show(refs.SETTLEMENT, other) if other else "",
    )


def bars(paid: Sequence[whose.Payer], person: str) -> list[Payer]:
    """Who pays, in order, with bars; fund, own account, relatives and cash are there even when they pay nothing."""
    rows: list[tuple[str, str, Fen]] = []
    mine = "我自己的" if person == "我" else f"{person} 自己的"
    for kind, (look, name) in LOOKS.items():
        found = [(look, payer.name.replace("本人的", mine), payer.fen) for payer in paid if payer.kind == kind]
        rows += found or [(look, name.replace("本人的", mine), 0)]
    total = sum(fen for *_, fen in rows)
    told, before = [], 0
    for look, name, fen in rows:
        width = max(fen * BAR // total, NARROWEST) if fen else 0
        told.append(Payer(BADGES[look], look, name, fen, min(before * BAR // total, BAR - width) if total else 0, width))
        before += fen
    return told


def answer(
    payers: Sequence[Payer], *, is_refund: bool = False, words: Mapping[str, str] | None = None
) -> list[tuple[str, Fen | None]]:
    """Words and amounts, an amount None where nothing was taken."""
    verb = "退回{}" if is_refund else "{}付了"
    words = words or {look: verb.format(name) for look, name in SHORT.items()}
    sums = {look: sum(payer.fen for payer in payers if payer.look == look) for look in BADGES}
    told: list[tuple[str, Fen | None]] = [(words[look], fen) for look, fen in sums.items() if fen]
    if not is_refund and not sums["fam"]:
        told.append(("没有动家人的钱", None))
    if not is_refund and not sums["cash"]:
        told.append(("不用付现金", None))
    return told


def glance(funds: Fen, own: Fen, family: Fen, cash: Fen) -> str:
    """Who paid a bill, in a few words for a list; with the signs of a refund, to whom the money went back."""
    back = min(funds, own, family, cash) < 0
    if family:
        return f"{'退回家人' if back else '家人帮付'} {money(abs(family))}"
    parts = ((funds, "医保"), (own, "自己的账户"), (cash, "现金"))
    names = "、".join(words for fen, words in parts if fen)
    return f"退回{names}" if back else f"{names}付"


def trial(told: whose.Told, person: str) -> Trial:
    """A bill tried out."""
    return Trial(told.total, bars(told.payers, person), told.lines)


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
