"""What the visitor has applied for at the desk: where it stands, what is still asked for, and the way back."""

from __future__ import annotations

from uuid import UUID

from django import forms as django_forms
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid import refs
from mulaid.agency import casework, evidence
from mulaid.agency.matters import STATES, Case
from mulaid.outside.storage import StorageTrouble
from mulaid.refusal import Refusal
from mulaid.web import forms, providers
from mulaid.web.reading import Outcome, act, alone, database, named, now, reading, see_other
from mulaid.web.visitor import Visitor

ASKED, BACK = "asked_for_papers", ("open", "taken", "asked_for_papers", "decided")


class Papers(forms.Form):
    """Pictures the desk has asked for."""

    kind = forms.pick("这是什么材料", evidence.KINDS.items(), wrong="请选择材料种类")
    paper = django_forms.FileField(
        label="照片",
        widget=django_forms.FileInput(attrs={"accept": "image/jpeg,image/png"}),
        help_text="拍清楚四个角，JPEG 或 PNG，每张不超过 8 MB。传上去就加密，办完 90 天后删除。",
        error_messages={"required": "请选择照片", "empty": "请选择照片"},
    )


def page(request: HttpRequest) -> HttpResponse:
    """Everything the visitor applied for, newest first."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        found = [(one, STATES[one.state]) for one in casework.mine(tx, visitor.ref)]
    return render(request, "citizen/matters.html", {"found": found})


def one(request: HttpRequest, number: str) -> HttpResponse:
    """One application: its state, the desk's words, papers to hand in, and taking it back."""
    visitor: Visitor = request.visitor
    ref = named(refs.CASE, number)
    seen, _ = _mine(visitor, ref)
    form: forms.Form = Papers(request.POST or None, request.FILES or None)
    if request.method == "POST":
        if request.POST.get("do") == "withdraw":
            form = forms.Form(request.POST)
            outcome = act(request, lambda tx: casework.withdraw(tx, ref, visitor.ref))
        elif form.checked():
            outcome = _give(visitor, seen, form.cleaned_data["kind"], form.cleaned_data["paper"])
        else:
            outcome = None
        if outcome is not None and outcome.done:
            return see_other(f"/matters/{number}")
        if outcome is not None:
            form.refuse(outcome)
    with reading(visitor.actor) as tx:
        seen, asked = casework.my_case(tx, ref, visitor.ref)
        given = [paper for paper in evidence.papers_of(tx, seen.id, seen.about) if not paper.gone]
    told = {
        "case": seen,
        "state": STATES[seen.state],
        "asked": asked,
        "given": given,
        "form": form,
        "papers": form if isinstance(form, Papers) else Papers(),
        "may_withdraw": seen.state in BACK,
    }
    return render(request, "citizen/matter.html", told)


def _give(visitor: Visitor, case: Case, kind: str, file: UploadedFile) -> Outcome:
    """Hand in one picture; whoever asked for it goes on at once."""
    try:
        if case.state != ASKED:
            raise Refusal("desk.wrong_state", state=STATES[case.state])
        alone(lambda tx: evidence.admit(tx, visitor.ref, case.id, file.size), by=visitor.actor)
        cleaned = evidence.prepare(database().keys, case.book, now(), file.read())
        providers.storage().put(cleaned.name, cleaned.sealed)
        alone(lambda tx: evidence.record(tx, cleaned, case.id, kind, case.person, visitor.ref), by=visitor.actor)
        alone(lambda tx: casework.papers_came(tx, case.id), by=visitor.actor)
    except Refusal as refusal:
        return Outcome({}, refusal.code, refusal.says, refusal.next)
    except StorageTrouble:
        return Outcome({}, "evidence.store", "图片没有存上。", "请稍后再传一次。")
    return Outcome({})


def _mine(visitor: Visitor, ref: UUID) -> tuple[Case, str]:
    try:
        with reading(visitor.actor) as tx:
            return casework.my_case(tx, ref, visitor.ref)
    except Refusal:
        raise Http404 from None
