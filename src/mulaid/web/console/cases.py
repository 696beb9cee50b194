"""The queue, one case, and the pictures of a case: what clerks look at and decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString

from mulaid import refs
from mulaid.agency import casework, counter, evidence, hearing
from mulaid.agency.casework import Brief
from mulaid.agency.matters import APPROVED, REFUSED, SIGNALS, STATES, Case, matters
from mulaid.agency.staff import CHECKER, HANDLER
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.outside.storage import StorageTrouble
from mulaid.people import enrolment
from mulaid.people.enrolment import PersonRef
from mulaid.people.identity import KINDS, mask_name, mask_number
from mulaid.refusal import Refusal
from mulaid.web import providers
from mulaid.web.console import door, told
from mulaid.web.drawing import columns
from mulaid.web.forms import Form, pick, text
from mulaid.web.reading import Outcome, alone, database, named, now, reading, see_other

TABS = {"all": "全部", "open": "待领取", "mine": "我在办", "check": "待我复核", "papers": "等材料", "late": "已超时"}
SOON_DAYS, MOST = 1, 200
HIDDEN = ("desk.unknown", "staff.other_region", "evidence.unknown")
OTHER_ID = "other_%s"
ACTS = {
    "open": "收到申请", "take": "领取", "give_back": "退回待领取", "ask_for_papers": "请补材料", "papers": "收到材料",
    "decide_approved": "决定：通过", "decide_refused": "决定：不予通过", "check": "复核同意", "send_back": "复核退回",
    "consent": "当面同意", "effect": "已办结",
    "effect_refused": "没能生效，退回经办", "withdraw": "申请人撤回", "lapse": "逾期终止",
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


class Papers(Form):
    """The picture of a paper that lies on the counter."""

    kind = pick("这是什么材料", [("", "请选择"), *evidence.KINDS.items()], wrong="请选择材料种类")
    paper = forms.FileField(
        label="照片或扫描件",
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png"}),
        help_text="JPEG 或 PNG，每张不超过 8 MB。",
        error_messages={"required": "请选择图片", "empty": "请选择图片"},
    )


class Speaker(Form):
    """Who stands at the counter to agree."""

    number = text("同意的人的证件号码", wrong="请填写证件号码", most=40, spellcheck="false")
    kind = pick("证件种类", KINDS.items(), wrong="请选择证件种类")
    name = text("监护人姓名", wrong="", most=50, required=False, help_text="只有没在这里登记过的监护人才填，凭证件和监护材料办理")
    born = forms.DateField(
        label="监护人出生日期",
        required=False,
        help_text="证件号码里没有出生日期的才填",
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": "日期写法不对，例如 1990-03-01"},
    )


class Consent(Form):
    """What comes back with the letter that was shown."""

    speaker = forms.CharField(max_length=27, required=False)
    guardian = forms.CharField(max_length=2000, required=False)
    agreed = forms.CharField(max_length=64)


def queue(request: HttpRequest) -> HttpResponse:
    """What waits in the clerk's region, the most urgent first."""
    clerk, tab, chosen = request.clerk, request.GET.get("tab", "all"), request.GET.get("matter", "")
    if tab not in TABS or chosen not in ("", *matters()):
        raise Http404
    with reading(clerk.actor) as tx:
        briefs, numbers, today = casework.queue(tx, matter=chosen, most=MOST), casework.numbers(tx), business_date(tx.at)
        now_mine, week = casework.mine_now(tx), casework.decided(tx)
    kept = {name: [one for one in briefs if _in(name, one, clerk, today)] for name in TABS}
    context = {
        "clerk": clerk,
        "handler": clerk.may(HANDLER),
        "rows": [_waiting(one, today) for one in kept[tab]],
        "tabs": [(name, label, len(kept[name])) for name, label in TABS.items()],
        "tab": tab,
        "label": TABS[tab],
        "chosen": chosen,
        "matters": _by_matter(numbers),
        "now": now_mine,
        "week": week,
        "as_of": now(),
        "week_yes": sum(one.approved for one in week),
        "week_no": sum(one.refused for one in week),
        "drawn": _week(week),
        "many": sum(one.many for one in numbers),
        "late": sum(one.late for one in numbers),
        "unseen": len(briefs) == MOST,
        "most": MOST,
    }
    return render(request, "console/queue.html", context)


def _week(days: Sequence[casework.Decided]) -> SafeString:
    """The verdicts of the last days as columns, in two looks that are told apart by their names as well."""
    data = {"own": [one.approved for one in days], "cash": [one.refused for one in days]}
    yes, no = sum(data["own"]), sum(data["cash"])
    labels = [f"{one.day.month}/{one.day.day}" for one in days]
    title = f"最近七天的决定：通过 {yes} 件，不予通过 {no} 件"
    names = {"own": VERDICTS[APPROVED], "cash": VERDICTS[REFUSED]}
    return columns(labels, data, title=title, height=150, names=names, say=lambda many: f"{many} 件", unit=1)


def _by_matter(numbers: Sequence[casework.Waiting]) -> list[tuple[str, str, int, int]]:
    """Each matter of which something waits: name, title, how many, how many late; the most late first."""
    told = []
    for name, one in matters().items():
        mine = [waiting for waiting in numbers if waiting.matter == name]
        if mine:
            told.append((name, one.title, sum(each.many for each in mine), sum(each.late for each in mine)))
    return sorted(told, key=lambda row: (-row[3], -row[2]))


def case(request: HttpRequest, number: str) -> HttpResponse:
    """One case: look, and take the next step. A step on a case that has changed since is refused and shows it anew."""
    ref = named(refs.CASE, number)
    try:
        with reading(request.clerk.actor) as tx:
            seen = casework.read(tx, ref)
    except Refusal as refusal:
        return _no(request, refusal)
    form: Form | None = None
    if request.method == "POST" and request.POST.get("do") == "hear":
        return _hear(request, seen)
    if request.method == "POST":
        form, outcome = _step(request, seen)
        if outcome is not None and outcome.done:
            return see_other(f"{door.PATH}/case/{number}?done={request.POST['do']}")
    return _page(request, ref, form)


def give(request: HttpRequest, number: str) -> HttpResponse:
    """Take the picture of a paper that lies on the counter; it belongs to the case at once."""
    clerk, ref = request.clerk, named(refs.CASE, number)
    form = Papers(request.POST, request.FILES, auto_id="paper_%s")
    if form.checked():
        kind, file = form.cleaned_data["kind"], form.cleaned_data["paper"]
        try:
            found = alone(lambda tx: _admit(tx, ref, file.size), by=clerk.actor)
            cleaned = evidence.prepare(database().keys, found.book, now(), file.read())
            providers.storage().put(cleaned.name, cleaned.sealed)
            alone(lambda tx: _keep(tx, cleaned, found, kind), by=clerk.actor)
        except Refusal as refusal:
            if refusal.code in HIDDEN:
                raise Http404 from None
            form.refuse(Outcome({}, refusal.code, refusal.says, refusal.next))
        except StorageTrouble:
            form.refuse(Outcome({}, "evidence.store", "图片没有存上。", "请稍后再传一次。"))
        else:
            return see_other(f"{door.PATH}/case/{number}?done=papers")
    try:
        return _page(request, ref, form)
    except Refusal as refusal:
        return _no(request, refusal)


def _admit(tx: Tx, ref: UUID, size: int) -> Case:
    found = casework.bring_papers(tx, ref)
    evidence.admit(tx, found.applicant, ref, size)
    return found


def _keep(tx: Tx, cleaned: evidence.Paper, found: Case, kind: str) -> None:
    casework.bring_papers(tx, found.id)
    evidence.record(tx, cleaned, found.id, kind, found.person, found.applicant)
    casework.papers_came(tx, found.id)


def _hear(request: HttpRequest, seen: Case) -> HttpResponse:
    """Somebody stands there to agree: first who that is, then the letter on the page, then the word."""
    clerk, form = request.clerk, Speaker(request.POST, auto_id="speaker_%s")
    if not form.checked():
        return _page(request, seen.id, form)
    given = form.cleaned_data
    try:
        alone(counter.count_look, by=clerk.actor)
        number, known = given["number"].strip(), {"allow_test_area": settings.MULAID.allows_test_people}
        with reading(clerk.actor) as tx:
            if given["name"]:
                who = given["name"], given["kind"], number, given["born"]
                letter, guardian = hearing.introduce(tx, seen.id, *who, **known)
                more = {"guardian": guardian, "speaks": [("监护人", mask_name(given["name"])), ("证件", mask_number(number))]}
            else:
                speaker = enrolment.find(tx, given["kind"], number, **known)
                letter = hearing.consent_letter(tx, seen.id, speaker)
                more = {"speaker": speaker.number, "speaks": told.of_person(tx, speaker)}
    except Refusal as refusal:
        places = {"people_birth_date_needed": "born", "identity_bad_name": "name"}
        form.refuse(Outcome({}, refusal.code, refusal.says, refusal.next), people_unknown="number", **places)
        return _page(request, seen.id, form)
    return _page(request, seen.id, None, {"letter": letter, **more})


def look(request: HttpRequest, number: str, paper: UUID) -> HttpResponse:
    """Make a link to one picture of the case and follow it."""
    clerk = request.clerk
    try:
        token = alone(lambda tx: casework.paper_link(tx, named(refs.CASE, number), paper, clerk.token), by=clerk.actor)
    except Refusal as refusal:
        return _no(request, refusal)
    return see_other(f"{door.PATH}/paper/{token}")


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
    elif do == "consent":
        form = Consent(given)
    else:
        raise Http404
    if not form.checked():
        return form, None
    outcome = door.act(request, _steps(seen, int(version), form.cleaned_data)[do])
    form.refuse(outcome, desk_words_needed="words", desk_bad_reason="reason") if not outcome.done else None
    return form, outcome


def _steps(seen: Case, version: int, given: dict[str, Any]) -> dict[str, Callable[[Tx], object]]:
    """What each button of a case does."""
    ref, words, reason = seen.id, given.get("words", ""), given.get("reason", "")
    verdict = next((one for one in VERDICTS if reason in seen.matter.reasons[one]), "")
    return {
        "take": lambda tx: casework.take(tx, ref, version),
        "give_back": lambda tx: casework.give_back(tx, ref, version, words),
        "ask": lambda tx: casework.ask_for_papers(tx, ref, version, words),
        "decide": lambda tx: casework.decide(tx, ref, version, verdict, reason, words),
        "check": lambda tx: casework.check(tx, ref, version),
        "send_back": lambda tx: casework.send_back(tx, ref, version, words),
        "consent": lambda tx: _heard(tx, ref, version, given),
    }


def _heard(tx: Tx, ref: UUID, version: int, given: dict[str, Any]) -> None:
    if given["guardian"]:
        hearing.consent_by_papers(tx, ref, version, given["guardian"], given["agreed"])
    else:
        hearing.consent(tx, ref, version, PersonRef.parse(given["speaker"]), given["agreed"])


def _page(request: HttpRequest, ref: UUID, form: Form | None, more: dict[str, Any] | None = None) -> HttpResponse:
    clerk = request.clerk
    with reading(clerk.actor) as tx:
        seen = casework.read(tx, ref)
        mine = seen.taken_by == clerk.staff.id and clerk.may(HANDLER)
        papers = evidence.papers_of(tx, seen.id, seen.about)
        context = {
            "case": seen,
            "state": STATES[seen.state],
            "person": told.of_person(tx, seen.person),
            "applicant": told.of_person(tx, seen.applicant) if seen.applicant != seen.person else [],
            "matter": told.of_matter(tx, seen.matter.name, seen),
            "papers": papers,
            "events": [(event, ACTS[event.act], _who(event.actor)) for event in casework.history(tx, ref)],
            "left": _left(seen.papers_due_on or seen.due_on, business_date(tx.at)),
            "hears": mine and hearing.hears(tx, seen),
        }
    decides = seen.state == "taken" and mine
    context |= {
        "clerk": clerk,
        "signals": [SIGNALS[signal] for signal in seen.signals],
        "done": request.GET.get("done", "") if request.method == "GET" else "",
        "form": form or Form(),
        "decide": form if isinstance(form, Decide) else Decide(seen) if decides else None,
        "words": form if isinstance(form, Words) else Words(auto_id=OTHER_ID),
        "scan": form if isinstance(form, Papers) else Papers(auto_id="paper_%s"),
        "hear": form if isinstance(form, Speaker) else Speaker(auto_id="speaker_%s"),
        "takes_papers": mine and seen.state in ("taken", "asked_for_papers"),
        "may_take": seen.state == "open" and clerk.may(HANDLER),
        "may_give_back": seen.state in ("taken", "asked_for_papers") and mine,
        "decides": decides,
        "may_check": seen.state == "decided" and clerk.may(CHECKER) and seen.decided_by != clerk.staff.id,
        "own_decision": seen.state == "decided" and seen.decided_by == clerk.staff.id,
        "verdict": VERDICTS.get(seen.verdict or "", ""),
        "reason": seen.matter.reasons[seen.verdict].get(seen.reason or "", "") if seen.verdict else "",
    }
    return render(request, "console/case.html", context | (more or {}))


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


def _no(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    # Another region's case and no case at all look alike to whoever has no business with it.
    if refusal.code in HIDDEN:
        raise Http404
    return door.refused(request, refusal)
