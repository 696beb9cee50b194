"""Signals of misuse as clerks look at them: the list, one with its evidence, whose money paid, and a file to take along."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid import refs
from mulaid.agency import watch
from mulaid.calendar import stamp
from mulaid.money import yuan
from mulaid.refusal import Refusal
from mulaid.web import drawing, whose
from mulaid.web.console import door
from mulaid.web.forms import Form, choice
from mulaid.web.reading import named, reading, see_other
from mulaid.web.words import region

MOST = 200
HIDDEN = ("watch.unknown", "staff.other_region", "refs.unknown")
TABS = {watch.NEW: "没有看过", watch.FOLLOW_UP: "需要跟进", watch.HARMLESS: "没有问题", "": "全部"}
HEAD = ("时间", "机构", "所在地", "就医人", "出示医保码的人", "合计", "其中家人的账户", "退费", "结算编号")
LOOKS = 9
"""Digits that the number of looks may have in a form."""


class Look(Form):
    """What it is, and what the clerk saw."""

    verdict = choice(
        "有没有问题",
        [(state, watch.STATES[state]) for state in (watch.HARMLESS, watch.FOLLOW_UP)],
        wrong="请选择有没有问题",
    )
    words = forms.CharField(
        label="看到了什么，怎么判断的",
        max_length=watch.LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
        help_text="只有同事能看到。不要写身份证号码和电话。",
        error_messages={"required": "请写明看到了什么", "max_length": "最多 500 个字"},
    )


def everything(request: HttpRequest) -> HttpResponse:
    """The signals of the clerk's region, the newest first."""
    clerk, state, rule = request.clerk, request.GET.get("state", watch.NEW), request.GET.get("rule", "")
    rules = watch.rules()
    if state not in TABS or rule not in ("", *rules):
        raise Http404
    with reading(clerk.actor) as tx:
        rows, numbers = watch.listed(tx, rule=rule, state=state, most=MOST), watch.numbers(tx)
    context = {
        "clerk": clerk,
        "rows": [(row, watch.STATES[row.state]) for row in rows],
        "tabs": [(name, label, _many(numbers, rule, name)) for name, label in TABS.items()],
        "state": state,
        "label": TABS[state],
        "rules": [(name, said.title, _many(numbers, name, "")) for name, said in rules.items()],
        "chosen": rule,
        "new": _many(numbers, "", watch.NEW),
        "unseen": len(rows) == MOST,
        "most": MOST,
    }
    return render(request, "console/signals.html", context)


def _many(numbers: dict[tuple[str, str], int], rule: str, state: str) -> int:
    return sum(many for (one, what), many in numbers.items() if rule in ("", one) and state in ("", what))


def one(request: HttpRequest, number: str) -> HttpResponse:
    """A signal with its evidence, and what a clerk says of it. Looking is in the audit trail."""
    ref, form = named(watch.SIGNAL, number), None
    if request.method == "POST":
        form = Look(request.POST)
        looks = request.POST.get("looks", "")
        if not (looks.isascii() and looks.isdecimal() and len(looks) < LOOKS):
            raise Http404
        if form.checked():
            given = form.cleaned_data
            outcome = door.act(request, lambda tx: watch.look(tx, ref, int(looks), given["verdict"], given["words"]))
            if outcome.done:
                return see_other(f"{door.PATH}/signals/{number}?done=1")
            form.refuse(outcome, watch_note_needed="words")
    try:
        signal, seen = _read(request, ref)
    except Refusal as refusal:
        return _no(request, refusal)
    version = next(rule for rule in watch.rules()[signal.rule].versions if rule.version == signal.version)
    context = {
        "clerk": request.clerk,
        "signal": signal,
        "state": watch.STATES[signal.state],
        "seen": seen,
        "minutes": -(-(signal.ended_at - signal.begun_at) // timedelta(minutes=1)),
        "source": watch.sources()[version.source],
        "form": form or Look(),
        "done": "done" in request.GET and request.method == "GET",
    }
    return render(request, "console/signal.html", context)


def money(request: HttpRequest, number: str, settlement: str) -> HttpResponse:
    """Whose money paid one settlement of the evidence, rule by rule."""
    ref, paid = named(watch.SIGNAL, number), named(refs.SETTLEMENT, settlement)
    try:
        signal, _ = _read(request, ref)
        if paid not in signal.settlements:
            raise Http404
        with reading(request.clerk.actor) as tx:
            # Where a refund is told is a page of the demonstration; here the list says it.
            told = replace(whose.tell(tx, settlement), other="")
    except Refusal as refusal:
        return _no(request, refusal)
    return render(request, "console/money.html", {"clerk": request.clerk, "signal": signal, "told": told})


def export(request: HttpRequest, number: str) -> HttpResponse:
    """The evidence as a table, people masked."""
    try:
        signal, seen = _read(request, named(watch.SIGNAL, number))
    except Refusal as refusal:
        return _no(request, refusal)
    rows = [
        (stamp(each.at), each.place, region(each.region), each.person, each.presenter or "本人或没有用医保码", yuan(each.total),
         yuan(each.family), "已退费" if each.refunded else "", each.number)
        for each in seen
    ]  # fmt: skip
    answer = HttpResponse(drawing.sheet(HEAD, rows), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{signal.number}.csv"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _read(request: HttpRequest, ref: UUID) -> tuple[watch.Signal, list[watch.Seen]]:
    with reading(request.clerk.actor) as tx:
        return watch.read(tx, ref)


def _no(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    # Another region's signal and none at all look alike to whoever has no business with it.
    if refusal.code in HIDDEN:
        raise Http404
    return door.refused(request, refusal)
