"""What somebody agrees to at the counter: first what it is about, then the letter on the page, then the word.

A promise of mutual aid, a household account, a quota for a relative elsewhere, a consent that is due anew. The number that was
typed stays behind: what comes back with the letter is the person's own reference and the letter's hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms as django_forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid import refs
from mulaid.agency import casework, counter
from mulaid.db import Tx
from mulaid.money import yuan
from mulaid.people.aid import Promise, Terms
from mulaid.people.consent import Letter
from mulaid.people.enrolment import PersonRef
from mulaid.people.identity import KINDS
from mulaid.policy.explain import RELATIONS
from mulaid.refusal import Refusal
from mulaid.web.console import door, told
from mulaid.web.console.counter import HIDDEN, about_of, address_of, holder, no_page, purpose_of
from mulaid.web.forms import Form, Yuan, pick, text
from mulaid.web.reading import Outcome, alone, named, reading, see_other


class Limits(Form):
    """What a giver allows a relative."""

    relation = pick("被授权人是授权人的", [("", "请选择"), *RELATIONS.items()], wrong="请选择关系")
    year_cap = Yuan(label="每年最多", required=False)
    settlement_cap = Yuan(label="每次最多", required=False)
    quota = Yuan(label="总额度", required=False)
    valid_to = django_forms.DateField(
        label="有效到",
        required=False,
        widget=django_forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": "日期写法不对，例如 2026-03-01"},
    )

    @property
    def terms(self) -> Terms:
        """The same as the domain takes it."""
        return Terms(**{name: self.cleaned_data[name] for name in ("year_cap", "settlement_cap", "quota", "valid_to")})


class Give(Limits):
    """Whom, how far."""

    number = text("被授权人的证件号码", wrong="请填写被授权人的证件号码", most=40, spellcheck="false")
    kind = pick("被授权人的证件种类", KINDS.items(), wrong="请选择证件种类")
    field_order = ("number", "kind", "relation")


class Agreed(Limits):
    """What comes back with the promise that was shown."""

    receiver = django_forms.CharField(max_length=27)
    agreed = django_forms.CharField(max_length=64)


class Open(Form):
    """Nothing to fill in: the letter says it all."""


class Relative(Form):
    """Whom the head takes in."""

    number = text("家人的证件号码", wrong="请填写家人的证件号码", most=40, spellcheck="false")
    kind = pick("家人的证件种类", KINDS.items(), wrong="请选择证件种类")
    relation = pick("家人是当事人的", [("", "请选择"), *RELATIONS.items()], wrong="请选择关系")


class Quota(Relative):
    """How much of the account is kept for a relative."""

    fen = Yuan(label="冻结多少", error_messages={"required": "请填写金额，例如 500.00"})
    valid_to = django_forms.DateField(
        label="有效到",
        required=False,
        widget=django_forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": "日期写法不对，例如 2026-03-01"},
    )


class Word(django_forms.Form):  # type: ignore[misc]  # Django has no types
    """What comes back with a letter that was shown."""

    agreed = django_forms.CharField(max_length=64)
    other = django_forms.CharField(max_length=27, required=False)
    relation = django_forms.CharField(max_length=30, required=False)
    fen = Yuan(required=False)
    valid_to = django_forms.DateField(required=False)


WISHES: dict[str, tuple[str, type[Form], str]] = {
    "household_open": ("窗口开通家庭账户", Open, "开通以后，钱要另外登记转入，由两个人经办。"),
    "household_add": ("窗口加入家庭成员", Relative, "当地规定要家人同意的，家人在手机上或者到窗口同意以后才加入。"),
    "household_join": ("窗口同意加入家庭账户", Open, "本人同意以后立即加入。"),
    "wallet_quota": ("窗口设跨省共济额度", Quota, "同意以后立即冻结，仍在本人的个人账户里。"),
}
"""What a person has at the counter by agreeing to a letter: title, form, and what comes of it (counter.WISHES)."""


def give(request: HttpRequest, number: str) -> HttpResponse:
    """A giver stands there: first to whom and how far, then the promise on the page, then the word."""
    who, purpose, clerk = named(refs.PERSON, number), purpose_of(request), request.clerk
    giver = PersonRef(refs.book_of(who), who)
    form: Limits = Agreed(request.POST) if request.POST.get("do") == "agree" else Give(request.POST or None)
    letter: Promise | None = None
    back: Agreed | None = None
    if request.method == "POST" and form.checked():
        if isinstance(form, Agreed):
            outcome = door.act(request, lambda tx: _authorise(tx, giver, form))
            if outcome.done:
                return see_other(f"{address_of(giver, purpose)}&done=aid")
        else:
            outcome, letter, back = _promised(request, giver, form)
        form.refuse(outcome, people_unknown="number") if outcome.refused else None
    try:
        with reading(clerk.actor) as tx:
            casework.at_counter(tx, giver)
            facts = told.of_person(tx, giver)
    except Refusal as refusal:
        return no_page(request, refusal)
    context = {
        "clerk": clerk,
        "form": form,
        "person": facts,
        "letter": letter,
        "promise": back,
        "back": address_of(giver, purpose),
    }
    fields = form if isinstance(form, Give) else Give()
    return render(request, "console/give.html", {**context, "fields": list(fields), "asking": fields})


def _promised(request: HttpRequest, giver: PersonRef, form: Limits) -> tuple[Outcome, Promise | None, Agreed | None]:
    """The promise for what was asked for, and the form that brings it back; the number typed stays behind."""
    given = form.cleaned_data
    try:
        alone(counter.count_look, by=request.clerk.actor)
        with reading(request.clerk.actor) as tx:
            receiver = holder(tx, given["kind"], given["number"].strip())
            letter = counter.promise(tx, giver, receiver, given["relation"], form.terms)
    except Refusal as refusal:
        return Outcome({}, refusal.code, refusal.says, refusal.next), None, None
    back = Agreed({**form.data.dict(), "receiver": receiver.number, "agreed": letter.hash})
    return Outcome({}), letter, back


def _authorise(tx: Tx, giver: PersonRef, form: Agreed) -> dict[str, Any]:
    given = form.cleaned_data
    receiver = PersonRef.parse(given["receiver"])
    return {"aid": str(counter.authorise(tx, giver, receiver, given["relation"], form.terms, given["agreed"]))}


def renew(request: HttpRequest, number: str) -> HttpResponse:
    """The member stands here, reads what is agreed to anew, and agrees."""
    who, purpose = named(refs.PERSON, number), purpose_of(request)
    whom, bond = PersonRef(refs.book_of(who), who), about_of(request)
    form = Form(request.POST or None)
    if bond is None:
        raise Http404
    if request.method == "POST":
        outcome = door.act(request, lambda tx: counter.renew(tx, bond, request.POST.get("agreed", "")))
        if outcome.done:
            return see_other(f"{address_of(whom, purpose)}&done=renew")
        form.refuse(outcome)
    try:
        with reading(request.clerk.actor) as tx:
            seen, letter = counter.renewal_letter(tx, bond)
            facts = told.of_person(tx, seen.member)
    except Refusal as refusal:
        return no_page(request, refusal)
    context = {
        "clerk": request.clerk,
        "form": form,
        "bond": seen,
        "letter": letter,
        "person": facts,
        "back": address_of(whom, purpose),
    }
    return render(request, "console/renew.html", context)


def agree(request: HttpRequest, number: str, what: str) -> HttpResponse:
    """Somebody stands there: first what it is about, then the letter on the page, then the word."""
    who, purpose, clerk = named(refs.PERSON, number), purpose_of(request), request.clerk
    whom, about = PersonRef(refs.book_of(who), who), about_of(request)
    if what not in WISHES:
        raise Http404
    title, made, note = WISHES[what]
    form, letter, back = made(request.POST or None), None, None
    word = Word(request.POST) if request.POST.get("do") == "agree" else None
    try:
        if word is not None:
            form = made()
            outcome = door.act(request, lambda tx: _grant(tx, what, whom, about, word)) if word.is_valid() else None
            if outcome and outcome.done:
                return see_other(f"{address_of(whom, purpose)}&done={what}")
            form.trouble = outcome or _stale()
        elif made is Open or (request.method == "POST" and form.checked()):
            letter, back = _letter(request, what, whom, about, form)
        with reading(clerk.actor) as tx:
            casework.at_counter(tx, whom)
            facts = told.of_person(tx, whom)
    except Refusal as refusal:
        return no_page(request, refusal)
    context = {
        "clerk": clerk, "form": form, "person": facts, "letter": letter, "word": back, "title": title, "note": note,
        "fields": list(form), "back": address_of(whom, purpose),
    }  # fmt: skip
    return render(request, "console/agree.html", context)


def _letter(
    request: HttpRequest, what: str, whom: PersonRef, about: UUID | None, form: Form
) -> tuple[Letter | None, Word | None]:
    """The letter for what was asked for, and the form that brings it back; the number typed stays behind."""
    given = getattr(form, "cleaned_data", {})
    try:
        if given:
            alone(counter.count_look, by=request.clerk.actor)
        with reading(request.clerk.actor) as tx:
            other = holder(tx, given["kind"], given["number"].strip()) if given else None
            wish = _wish(what, whom, about, {**given, "other": other.number if other else ""})
            letter = counter.letter_for(tx, wish)
    except Refusal as refusal:
        if refusal.code in HIDDEN and not given:
            raise
        places = {"people_unknown": "number", "aid_relation_not_eligible": "relation", "money_bad_amount": "fen"}
        form.refuse(
            Outcome({}, refusal.code, refusal.says, refusal.next),
            **{code: name for code, name in places.items() if name in form.fields},
        )
        return None, None
    back = Word(
        {
            **request.POST.dict(),
            "fen": yuan(wish.fen) if wish.fen else "",
            "other": other.number if other else "",
            "agreed": letter.hash,
        }
    )
    return letter, back


def _wish(what: str, whom: PersonRef, about: UUID | None, given: Mapping[str, Any]) -> counter.Wish:
    other = PersonRef.parse(given["other"]) if given["other"] else None
    return counter.Wish(
        what, whom, other, given.get("relation", ""), given.get("fen") or 0, given.get("valid_to"), invitation=about
    )  # fmt: skip


def _grant(tx: Tx, what: str, whom: PersonRef, about: UUID | None, word: Word) -> dict[str, Any]:
    given = word.cleaned_data
    return {"made": str(counter.grant(tx, _wish(what, whom, about, given), given["agreed"]))}


def _stale() -> Outcome:
    no = Refusal("web.stale_form")
    return Outcome({}, no.code, no.says, no.next)
