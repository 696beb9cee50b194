"""The queue, one case, and the pictures of a case: what clerks look at and decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from mulaid import refs
from mulaid.agency import casework, evidence
from mulaid.agency.casework import Brief
from mulaid.agency.matters import APPROVED, REFUSED, SIGNALS, STATES, Case
from mulaid.agency.staff import CHECKER, HANDLER
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.outside.storage import StorageTrouble
from mulaid.refusal import Refusal
from mulaid.web import providers
from mulaid.web.console import door, told
from mulaid.web.forms import Form
from mulaid.web.reading import Outcome, alone, reading

TABS = {"all": "全部", "open": "待领取", "mine": "我在办", "check": "待我复核", "papers": "等材料", "late": "已超时"}
SOON_DAYS = 1
OTHER_ID = "other_%s"
ACTS = {
    "open": "收到申请", "take": "领取", "give_back": "退回待领取", "ask_for_papers": "请补材料", "papers": "收到材料",
    "decide_approved": "决定：通过", "decide_refused": "决定：不予通过", "check": "复核同意", "send_back": "复核退回",
    "effect": "已办结", "effect_refused": "没能生效，退回经办", "withdraw": "申请人撤回", "lapse": "逾期终止",
}  # fmt: skip
CHANNELS = {"jobs": "系统", "counter": "窗口"}
VERDICTS = {APPROVED: "通过", REFUSED: "不予通过"}
PICTURE = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Content-Disposition": "inline",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case in the queue, with how much time is left in words and whether that is little."""

    brief: Brief
    state: str
    left: str
    urgent: bool
    signals: list[str]


class Decide(Form):
    """A reason of the list and the words the applicant will read."""

    reason = forms.ChoiceField(label="理由", error_messages={"required": "请选择理由", "invalid_choice": "请选择理由"})
    words = forms.CharField(
        label="写给申请人的话",
        max_length=casework.LONGEST_WORDS,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
        help_text="申请人会原样看到。请写清楚结果和下一步怎么办。",
        error_messages={"required": "请写给申请人的话", "max_length": "最多 500 个字"},
    )

    def __init__(self, case: Case, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups = [(VERDICTS[verdict], list(case.matter.reasons[verdict].items())) for verdict in VERDICTS]
        self.fields["reason"].choices = [("", "请选择"), *groups]


class Words(Form):
    """Words alone: what papers are missing, or why a case goes back."""

    words = forms.CharField(
        label="写明原因",
        max_length=casework.LONGEST_WORDS,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
        error_messages={"required": "请写明原因", "max_length": "最多 500 个字"},
    )


def queue(request: HttpRequest) -> HttpResponse:
    """What waits in the clerk's region, the most urgent first."""
    clerk, tab = request.clerk, request.GET.get("tab", "all")
    if tab not in TABS:
        raise Http404
    with reading(clerk.actor) as tx:
        briefs, today = casework.queue(tx), business_date(tx.at)
    kept = {name: [one for one in briefs if _in(name, one, clerk, today)] for name in TABS}
    rows = [_waiting(one, today) for one in kept[tab]]
    tabs = [(name, label, len(kept[name])) for name, label in TABS.items()]
    return render(request, "console/queue.html", {"clerk": clerk, "rows": rows, "tabs": tabs, "tab": tab, "label": TABS[tab]})


def case(request: HttpRequest, number: str) -> HttpResponse:
    """One case: look, and take the next step. A step on a case that has changed since is refused and shows it anew."""
    ref = _ref(number)
    try:
        with reading(request.clerk.actor) as tx:
            seen = casework.read(tx, ref)
    except Refusal as refusal:
        return _no(request, refusal)
    form: Form | None = None
    if request.method == "POST":
        form, outcome = _step(request, seen)
        if outcome is not None and outcome.done:
            return HttpResponseRedirect(f"{door.PATH}/case/{number}?done={request.POST['do']}", status=door.SEE_OTHER)
    return _page(request, ref, form)


def look(request: HttpRequest, number: str, paper: UUID) -> HttpResponse:
    """Make a link to one picture of the case and follow it."""
    clerk = request.clerk
    try:
        token = alone(lambda tx: casework.paper_link(tx, _ref(number), paper, clerk.token), by=clerk.actor)
    except Refusal as refusal:
        return _no(request, refusal)
    return HttpResponseRedirect(f"{door.PATH}/paper/{token}", status=door.SEE_OTHER)


def paper(request: HttpRequest, token: str) -> HttpResponse:
    """A picture, once; with the reader's account and the time across it."""
    clerk = request.clerk
    try:
        opened = alone(lambda tx: evidence.use_link(tx, token, clerk.staff.id, clerk.token), by=clerk.actor)
        shown = evidence.read(providers.storage(), opened)
    except Refusal as refusal:
        return door.refused(request, refusal)
    except StorageTrouble:
        return door.refused(request, Refusal("evidence.not_there"))
    return HttpResponse(shown, content_type="image/jpeg", headers=PICTURE)


def _step(request: HttpRequest, seen: Case) -> tuple[Form | None, Outcome | None]:
    """Carry out what a button asks for. The form to show again with what is wrong, and what came of it."""
    given, do = request.POST, request.POST.get("do", "")
    version = given.get("version", "")
    if not (version.isascii() and version.isdecimal() and len(version) < 9):
        raise Http404
    form: Form
    if do in ("take", "check"):
        form = Form(given)
    elif do == "decide":
        form = Decide(seen, given)
    elif do in ("ask", "give_back", "send_back"):
        form = Words(given, auto_id=OTHER_ID)
    else:
        raise Http404
    if not form.checked():
        return form, None
    outcome = door.act(request, _work(seen, do, int(version), form.cleaned_data))
    form.refuse(outcome, desk_words_needed="words", desk_bad_reason="reason") if not outcome.done else None
    return form, outcome


def _work(seen: Case, do: str, version: int, given: dict[str, Any]) -> Callable[[Tx], dict[str, Any]]:
    ref, words, reason = seen.id, given.get("words", ""), given.get("reason", "")
    verdict = next((one for one in VERDICTS if reason in seen.matter.reasons[one]), "")
    steps: dict[str, Callable[[Tx], None]] = {
        "take": lambda tx: casework.take(tx, ref, version),
        "give_back": lambda tx: casework.give_back(tx, ref, version, words),
        "ask": lambda tx: casework.ask_for_papers(tx, ref, version, words),
        "decide": lambda tx: casework.decide(tx, ref, version, verdict, reason, words),
        "check": lambda tx: casework.check(tx, ref, version),
        "send_back": lambda tx: casework.send_back(tx, ref, version, words),
    }

    def work(tx: Tx) -> dict[str, Any]:
        steps[do](tx)
        return {}

    return work


def _page(request: HttpRequest, ref: UUID, form: Form | None) -> HttpResponse:
    clerk = request.clerk
    with reading(clerk.actor) as tx:
        seen = casework.read(tx, ref)
        papers = evidence.papers_of(tx, seen.id, seen.about)
        context = {
            "case": seen,
            "state": STATES[seen.state],
            "person": told.of_person(tx, seen.person),
            "applicant": told.of_person(tx, seen.applicant) if seen.applicant != seen.person else [],
            "matter": told.of_matter(tx, seen),
            "papers": papers,
            "events": [(event, ACTS[event.act], _who(event.actor)) for event in casework.history(tx, ref)],
            "left": _left(seen.papers_due_on or seen.due_on, business_date(tx.at)),
        }
    mine = seen.taken_by == clerk.staff.id
    decides = seen.state == "taken" and mine and clerk.may(HANDLER)
    context |= {
        "clerk": clerk,
        "signals": [SIGNALS[signal] for signal in seen.signals],
        "done": request.GET.get("done", "") if request.method == "GET" else "",
        "form": form or Form(),
        "decide": form if isinstance(form, Decide) else Decide(seen) if decides else None,
        "words": form if isinstance(form, Words) else Words(auto_id=OTHER_ID),
        "may_take": seen.state == "open" and clerk.may(HANDLER),
        "may_give_back": seen.state in ("taken", "asked_for_papers") and mine,
        "decides": decides,
        "may_check": seen.state == "decided" and clerk.may(CHECKER) and seen.decided_by != clerk.staff.id,
        "own_decision": seen.state == "decided" and seen.decided_by == clerk.staff.id,
        "verdict": VERDICTS.get(seen.verdict or "", ""),
        "reason": seen.matter.reasons[seen.verdict].get(seen.reason or "", "") if seen.verdict else "",
    }
    return render(request, "console/case.html", context)


def _in(tab: str, one: Brief, clerk: door.Clerk, today: date) -> bool:
    me = clerk.staff.id
    return {
        "all": True,
        "open": one.state == "open",
        "mine": one.taken_by == me and one.state in ("taken", "asked_for_papers"),
        "check": one.state == "decided" and one.taken_by != me and clerk.may(CHECKER),
        "papers": one.state == "asked_for_papers",
        "late": one.due_on < today,
    }[tab]


def _waiting(one: Brief, today: date) -> Waiting:
    urgent = (one.due_on - today).days <= SOON_DAYS
    return Waiting(one, STATES[one.state], _left(one.due_on, today), urgent, [SIGNALS[signal] for signal in one.signals])


def _left(due: date, today: date) -> str:
    days = (due - today).days
    if days < 0:
        return f"超时 {-days} 天"
    return "今天到期" if days == 0 else f"还有 {days} 天"


def _who(actor: str) -> str:
    """Who did it, as colleagues say it: staff by account, everybody else by where it came from."""
    channel, _, name = actor.partition(":")
    return name if channel in ("desk", "cli") else CHANNELS.get(channel, "申请人")


def _ref(number: str) -> UUID:
    try:
        return refs.parse(refs.CASE, number)
    except Refusal:
        raise Http404 from None


def _no(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    # Another region's case and no case at all look alike to whoever has no business with it.
    if refusal.code in ("desk.unknown", "staff.other_region", "evidence.unknown"):
        raise Http404
    return door.refused(request, refusal)
