"""A year's costs: who paid what, month by month; what I gave to others; what may be deducted from tax; to take home."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid import refs
from mulaid.calendar import business_date
from mulaid.money import Fen, yuan
from mulaid.policy.explain import INVERSE, RELATIONS
from mulaid.policy.pack import library
from mulaid.policy.tax import claim_span
from mulaid.refusal import Refusal
from mulaid.settlement import costs
from mulaid.settlement.costs import Costs, Sums
from mulaid.web import drawing, whose
from mulaid.web.citizen.relatives import Relative, family, one
from mulaid.web.frame import is_elder
from mulaid.web.reading import alone, now, reading
from mulaid.web.visitor import Visitor

SHOWN_YEARS = 5
QUARTERS = ("1-3月", "4-6月", "7-9月", "10-12月")
SOURCES = {"aid": "家庭共济", "household": "家庭账户", "wallet": "跨省共济额度"}
HEAD = ("日期", "机构", "编号", "退费", "合计", "医保基金", "自己的账户", "家人的账户", "现金")


@dataclass(frozen=True, slots=True)
class Share:
    """One source of a year's money."""

    badge: str
    look: str
    name: str
    fen: Fen


def page(request: HttpRequest) -> HttpResponse:
    """One person's year."""
    visitor: Visitor = request.visitor
    told = _told(request)
    if told["year"] is None:
        return render(request, "citizen/costs.html", told)
    year: Costs = told["year"]
    labels, data = _by_month(year, quarters=is_elder(request))
    title = f"{told['who'].whose}{told['number']} 年各{'季度' if is_elder(request) else '月'}费用"
    size: dict[str, Any] = {"height": 230, "font": 16} if is_elder(request) else {}
    told |= {
        "chart": drawing.columns(labels, data, title=title, **size) if year.whole.visits else "",
        "rows": [(label, *(data[look][place] for look in data)) for place, label in enumerate(labels)],
        "shares": shares(year.whole),
        "percent": year.whole.pool * 100 // year.whole.total if year.whole.total else 0,
        "relatives": [
            (f"{INVERSE.get(row.relation, '家人')}（{row.shown}）", SOURCES[row.source], row.month, row.fen)
            for row in year.relatives
        ],
        "lines": [(line, refs.show(refs.SETTLEMENT, line.settlement), _paid(line.sums)) for line in reversed(year.lines)],
    }
    if told["who"].is_me:
        with reading(visitor.actor) as tx:
            told["given"] = [
                (row.on, RELATIONS.get(row.relation, "家人"), row.shown, row.place or "缴保费", -row.fen)
                for row in costs.given(tx, visitor.ref, told["number"])
            ]
    return render(request, "citizen/costs.html", told)


def tax(request: HttpRequest) -> HttpResponse:
    """What may be deducted for serious illness, for whom, and by whom."""
    visitor: Visitor = request.visitor
    number = _number(request, business_date(now()).year - 1)
    lines = alone(lambda tx: costs.tax(tx, library(), visitor.ref, number), by=visitor.actor)
    words = {"self": "我", "spouse": "配偶", "child": "子女"}
    told = [(words.get(line.relation, ""), line) for line in lines]
    return render(request, "citizen/tax.html", {"number": number, "lines": told, "span": claim_span(number)})


def export(request: HttpRequest, kind: str) -> HttpResponse:
    """The year as CSV (for a table program) or PDF (for a folder)."""
    if kind not in ("csv", "pdf"):
        raise Http404
    told = _told(request)
    if told["year"] is None:
        return render(request, "citizen/costs.html", told, status=403)
    name = f"costs-{told['number']}"
    if kind == "csv":
        answer = HttpResponse(drawing.sheet(HEAD, _rows(told["year"])), content_type="text/csv; charset=utf-8")
    else:
        who: Relative = told["who"]
        answer = HttpResponse(_pdf(told["year"], f"{who.shown} {told['number']} 年医疗费用"), content_type="application/pdf")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return answer


def _told(request: HttpRequest) -> dict[str, Any]:
    """Whose year, which year, and the year itself, or why it may not be read."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        people = family(tx, visitor)
        who = one(tx, visitor, request.GET.get("who", people[0].key))
        today = business_date(tx.at)
    number = _number(request, today.year)
    told: dict[str, Any] = {"people": people, "who": who, "number": number, "today": today, "refusal": None, "year": None}
    told["years"] = [today.year - back for back in range(SHOWN_YEARS)]
    try:
        # That a relative looked is written down, so this reading is a transaction.
        told["year"] = alone(lambda tx: costs.year(tx, library(), who.ref, visitor.ref, number), by=visitor.actor)
    except Refusal as no:
        told["refusal"] = no
    return told


def _number(request: HttpRequest, usual: int) -> int:
    text = request.GET.get("year", "")
    return int(text) if len(text) == 4 and text.isascii() and text.isdecimal() else usual


def shares(sums: Sums) -> list[Share]:
    """The four sources of a sum."""
    return [
        Share("统", "pool", "医保基金", _pool(sums)),
        Share("本", "own", "自己的账户", _own(sums)),
        Share("家", "fam", "家人的账户", _family(sums)),
        Share("现", "cash", "现金", sums.cash),
    ]


def _pool(sums: Sums) -> Fen:
    return sums.pool + sums.supplement + sums.serious


def _own(sums: Sums) -> Fen:
    return sums.current_year + sums.account


def _family(sums: Sums) -> Fen:
    return sums.household + sums.aid + sums.wallet


def _paid(sums: Sums) -> str:
    return whose.glance(_pool(sums), _own(sums), _family(sums), sums.cash)


def _by_month(year: Costs, *, quarters: bool) -> tuple[list[str], dict[str, list[Fen]]]:
    data = {look: [0] * 12 for look in ("pool", "own", "fam", "cash")}
    for month, sums in year.months:
        place = month.month - 1
        for look, fen in zip(data, (_pool(sums), _own(sums), _family(sums), sums.cash), strict=True):
            data[look][place] += fen
    if not quarters:
        return [f"{number}月" for number in range(1, 13)], data
    return list(QUARTERS), {look: [sum(row[start : start + 3]) for start in (0, 3, 6, 9)] for look, row in data.items()}


def _rows(year: Costs) -> Iterator[tuple[str, ...]]:
    for line in year.lines:
        sums = line.sums
        amounts = (sums.total, _pool(sums), _own(sums), _family(sums), sums.cash)
        number = refs.show(refs.SETTLEMENT, line.settlement)
        refund = "退费" if line.refunds else ""
        yield (line.business_date.isoformat(), line.name, number, refund, *(yuan(fen) for fen in amounts))


def _pdf(year: Costs, title: str) -> bytes:
    sums = year.whole
    head = [(share.name, yuan(share.fen)) for share in shares(sums)]
    facts = [("合计", yuan(sums.total)), *head, ("就诊次数", str(sums.visits))]
    rows = [(row[0], row[1], row[3], *row[4:]) for row in _rows(year)]
    columns = (HEAD[0], HEAD[1], HEAD[3], *HEAD[4:])
    return drawing.document(title, f"{year.first.isoformat()} 至 {year.last.isoformat()}，金额单位：元", facts, columns, rows)
