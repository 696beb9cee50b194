"""The counter's pages: find who stands there, see what a clerk may see, open a matter, hear a consent that is due anew.

Document numbers travel in forms only. A person's page has the person's own reference in its address, and the reason for looking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms as django_forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from mulaid import refs
from mulaid.agency import casework, counter, evidence
from mulaid.agency.matters import matters
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.ledger import journal
from mulaid.ledger.chart import purse_key
from mulaid.money import yuan
from mulaid.outside.storage import StorageTrouble
from mulaid.people import endings, enrolment
from mulaid.people.aid import Letter, Terms
from mulaid.people.application import STATES
from mulaid.people.enrolment import PersonRef
from mulaid.people.family import Bond
from mulaid.people.filings import KINDS as FILINGS
from mulaid.people.identity import KINDS, RESIDENT
from mulaid.policy.explain import RELATIONS
from mulaid.refusal import Refusal
from mulaid.web import providers
from mulaid.web.console import door, told
from mulaid.web.forms import Form, Yuan, choice, pick, text
from mulaid.web.reading import Outcome, alone, database, named, now, reading
from mulaid.web.words import region

CASE_LETTERS = 27
HEIRS = 3
AIDS = {
    "pending": "等待生效", "active": "使用中", "locked": "已锁定", "paused": "暂停", "dormant": "休眠",
}  # fmt: skip
CHARGES = {"": "", "refund": "退费", "refunded": "已退费"}
HALTED = {"": "使用中", "dispute": "有异议，已暂停", "consent": "等本人重新同意，暂停"}
CREDENTIAL = {"": "还没有激活", "active": "已激活", "frozen": "已停用"}
HIDDEN = ("people.unknown", "people.not_enrolled", "staff.other_region", "refs.unknown")
"""Whoever has no business with a person learns nothing from an address."""


class Find(Form):
    """Who stands there, by a document; or a case by its number."""

    number = text("证件号码，或案件编号", wrong="请填写证件号码", most=40, autofocus="autofocus", spellcheck="false")
    kind = pick("证件种类", KINDS.items(), wrong="请选择证件种类")
    purpose = choice("为什么查询", counter.PURPOSES.items(), wrong="请选择查询的原因", initial="counter")


class Stop(Form):
    """Why a credential is stopped at once."""

    words = text("为什么停用", wrong="请写明原因", most=100)


class Applicant(Form):
    """Who applies, where it is not the person."""

    number = text(
        "申请人的证件号码",
        wrong="请填写申请人的证件号码",
        most=40,
        required=False,
        help_text="本人来的不用填；别人来的，填来的人",
        spellcheck="false",
    )
    kind = pick("申请人的证件种类", KINDS.items(), wrong="请选择证件种类")

    def detail(self, tx: Tx) -> dict[str, Any]:
        """What the matter needs to know."""
        return {}


class Care(Applicant):
    """Care away from home."""

    what = choice("备案类型", FILINGS.items(), wrong="请选择备案类型")
    region = text("就医地的行政区划代码", wrong="请填写就医地", most=6, inputmode="numeric", help_text="六位，例如上海 310000")
    reason = text("原因和就医地址", wrong="请写明原因", most=200)
    since = django_forms.DateField(
        label="已经在当地住院的，入院日期",
        required=False,
        widget=django_forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": "日期写法不对，例如 2026-03-01"},
    )

    def detail(self, tx: Tx) -> dict[str, Any]:
        """Kind, place, reason, and since when where care has begun."""
        given = self.cleaned_data
        since = {"care_since": given["since"].isoformat()} if given["since"] else {}
        return {"kind": given["what"], "region": given["region"], "reason": given["reason"], **since}


class Correction(Applicant):
    """What goes back of a journal, leg by leg."""

    def __init__(self, legs: Mapping[int, str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for leg, words in legs.items():
            self.fields[f"leg_{leg}"] = Yuan(label=f"{words}，退回", required=False)

    def detail(self, tx: Tx) -> dict[str, Any]:
        """Fen by leg."""
        given = self.cleaned_data.items()
        return {"parts": {name.removeprefix("leg_"): fen for name, fen in given if name.startswith("leg_") and fen}}


class Payout(Applicant):
    """Why an account is paid out, and who inherits how much."""

    because = choice("原因", endings.BECAUSE.items(), wrong="请选择原因")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for place in range(1, HEIRS + 1):
            label, hint = f"继承人 {place} 的身份证号", "转入其职工医保个人账户的才填"
            self.fields[f"heir_{place}"] = text(label, wrong="请填写身份证号", most=18, required=False, help_text=hint)
            self.fields[f"fen_{place}"] = Yuan(label=f"继承人 {place} 得到的金额", required=False)

    def clean(self) -> dict[str, Any]:
        """An heir has an amount and an amount has an heir."""
        given: dict[str, Any] = super().clean()
        for place in range(1, HEIRS + 1):
            heir, fen = given.get(f"heir_{place}"), given.get(f"fen_{place}")
            if bool(heir) != bool(fen) and f"fen_{place}" not in self.errors:
                self.add_error(f"fen_{place}" if heir else f"heir_{place}", "继承人和金额要一起填写")
        return given

    def detail(self, tx: Tx) -> dict[str, Any]:
        """The reason, and fen by heir."""
        given = self.cleaned_data
        heirs: dict[str, int] = {}
        for place in range(1, HEIRS + 1):
            if given[f"heir_{place}"]:
                heir = str(_person(tx, RESIDENT, given[f"heir_{place}"]).id)
                heirs[heir] = heirs.get(heir, 0) + given[f"fen_{place}"]
        return {"because": given["because"], **({"heirs": heirs} if heirs else {})}


@dataclass(frozen=True, slots=True)
class Applied:
    """What a matter would be about, before there is a case."""

    person: PersonRef
    about: UUID
    detail: Mapping[str, Any] = field(default_factory=dict)


THINGS = ("unbind_counter", "aid_release_counter", "household_close", "wrong_charge", "filing_papers")
"""Matters about one thing, which the clerk looks at before opening one."""
LAST = ("number", "kind")
PAPERS = (("id_card", "身份证"), ("household_register", "户口簿，一方的页"), ("household_register", "户口簿，另一方的页"))
"""What a binding at the counter rests on (family_account_required_documents, offline)."""


class Bind(Applicant):
    """Who is to show the person's code, and the papers that say so."""

    relation = pick("当事人是申请人的", [("", "请选择"), *RELATIONS.items()], wrong="请选择关系")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["number"].required, self.fields["number"].help_text = True, "谁要代为出示医保码，填谁"
        for place, (_, words) in enumerate(PAPERS):
            self.fields[f"paper_{place}"] = django_forms.FileField(
                label=words,
                widget=django_forms.FileInput(attrs={"accept": "image/jpeg,image/png"}),
                error_messages={"required": f"请拍{words}", "empty": f"请拍{words}"},
            )
        self.order_fields(["relation", "number", "kind"])


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


class Promise(Limits):
    """What comes back with the promise that was shown."""

    receiver = django_forms.CharField(max_length=27)
    agreed = django_forms.CharField(max_length=64)


FORMS: dict[str, type[Applicant]] = {"remote_filing_review": Care, "account_withdrawal": Payout}


def find(request: HttpRequest) -> HttpResponse:
    """Look somebody up, or go to a case by its number."""
    clerk, form = request.clerk, Find(request.POST or None)
    if request.method == "POST" and form.checked():
        given = form.cleaned_data
        number = given["number"].strip()
        if len(number) == CASE_LETTERS and number[:1] in "Cc":
            return HttpResponseRedirect(f"{door.PATH}/case/{number}", status=door.SEE_OTHER)
        try:
            alone(counter.count_look, by=clerk.actor)
            with reading(clerk.actor) as tx:
                found = _person(tx, given["kind"], number)
                casework.at_counter(tx, found)
        except Refusal as refusal:
            form.refuse(Outcome({}, refusal.code, refusal.says, refusal.next), people_unknown="number")
        else:
            return HttpResponseRedirect(_address(found, given["purpose"]), status=door.SEE_OTHER)
    return render(request, "console/find.html", {"clerk": clerk, "form": form})


def person(request: HttpRequest, number: str) -> HttpResponse:
    """Somebody as a handler sees one, with a button beside everything that a clerk may open a matter about."""
    ref, purpose = named(refs.PERSON, number), _purpose(request)
    whom = PersonRef(refs.book_of(ref), ref)
    form: Form = Stop()
    if request.method == "POST" and request.POST.get("do") == "take_over":
        form = Form(request.POST)
        outcome = door.act(request, lambda tx: _take_over(tx, request.POST.get("request", "")))
        if outcome.done:
            return HttpResponseRedirect(f"{door.PATH}/case/{outcome.told['case']}?done=open", status=door.SEE_OTHER)
        form.refuse(outcome)
    elif request.method == "POST":
        stops = request.POST.get("do") == "freeze"
        form = Stop(request.POST) if stops else Form(request.POST)
        if form.checked():
            outcome = door.act(request, lambda tx: _stop(tx, whom, form.cleaned_data["words"] if stops else None))
            if outcome.done:
                return HttpResponseRedirect(
                    f"{_address(whom, purpose)}&done={'freeze' if stops else 'thaw'}", status=door.SEE_OTHER
                )
            form.refuse(outcome, desk_words_needed="words") if stops else form.refuse(outcome)
    try:
        with reading(request.clerk.actor) as tx:
            context = _seen(tx, counter.look(tx, whom, purpose))
    except Refusal as refusal:
        return _no(request, refusal)
    done = request.GET.get("done", "") if request.method != "POST" else ""
    more = {"clerk": request.clerk, "number": number, "purpose": purpose, "done": done, "form": form}
    more["stop"] = form if isinstance(form, Stop) else Stop()
    return render(request, "console/person.html", {**context, **more})


def open_matter(request: HttpRequest, number: str, matter: str) -> HttpResponse:
    """A small form for one matter; when it is opened, the case."""
    who, purpose = named(refs.PERSON, number), _purpose(request)
    whom = PersonRef(refs.book_of(who), who)
    if matter not in counter.MATTERS:
        raise Http404
    about = _about(request)
    try:
        with reading(request.clerk.actor) as tx:
            casework.at_counter(tx, whom)
            facts = told.of_person(tx, whom)
            thing = _thing(tx, matter, whom, about) if matter in THINGS else []
            legs = _legs(tx, about, whom) if matter == "correction" else {}
    except Refusal as refusal:
        return _no(request, refusal)
    made = FORMS.get(matter, Applicant)
    form = Correction(legs, request.POST or None) if matter == "correction" else made(request.POST or None)
    if request.method != "POST":
        next(iter(form.fields.values())).widget.attrs["autofocus"] = True
    if request.method == "POST" and form.checked():
        outcome = _counted(request, form) or door.act(request, lambda tx: _open(tx, matter, whom, about, form))
        if outcome.done:
            return HttpResponseRedirect(f"{door.PATH}/case/{outcome.told['case']}?done=open", status=door.SEE_OTHER)
        form.refuse(outcome, filing_bad_region="region", filing_same_area="region", filing_bad_day="since")
    context = {
        "clerk": request.clerk, "form": form, "matter": matters()[matter], "person": facts, "thing": thing,
        "back": _address(whom, purpose),
        "fields": [*(form[name] for name in form.fields if name not in LAST), *(form[name] for name in LAST)],
    }  # fmt: skip
    return render(request, "console/open.html", context)


def bind(request: HttpRequest, number: str) -> HttpResponse:
    """A family account asked for at the counter, on papers that lie there."""
    who, purpose, clerk = named(refs.PERSON, number), _purpose(request), request.clerk
    whom = PersonRef(refs.book_of(who), who)
    form = Bind(request.POST or None, request.FILES or None)
    try:
        with reading(clerk.actor) as tx:
            casework.at_counter(tx, whom)
            facts = told.of_person(tx, whom)
    except Refusal as refusal:
        return _no(request, refusal)
    if request.method == "POST" and form.checked():
        outcome = _counted(request, form) or _bind(request, whom, form)
        if outcome.done:
            return HttpResponseRedirect(f"{door.PATH}/case/{outcome.told['case']}?done=open", status=door.SEE_OTHER)
        form.refuse(outcome, family_relation_not_eligible="relation", people_unknown="number")
    context = {
        "clerk": clerk, "form": form, "matter": {"title": "窗口绑定亲情账户", "days": matters()["binding_review"].days},
        "person": facts, "back": _address(whom, purpose), "fields": list(form),
    }  # fmt: skip
    return render(request, "console/open.html", context)


def _bind(request: HttpRequest, whom: PersonRef, form: Bind) -> Outcome:
    """Pictures first, each in the store; then all of it in one transaction."""
    given, allowed = form.cleaned_data, settings.MULAID.allows_test_people

    def admitted(tx: Tx) -> PersonRef:
        casework.at_counter(tx, whom)
        binder = _person(tx, given["kind"], given["number"].strip())
        for place in range(len(PAPERS)):
            evidence.admit(tx, binder, binder.id, given[f"paper_{place}"].size)
        return binder

    try:
        binder = alone(admitted, by=request.clerk.actor)
        papers = []
        for place, (kind, _) in enumerate(PAPERS):
            papers.append((kind, evidence.prepare(database().keys, binder.book, now(), given[f"paper_{place}"].read())))
            providers.storage().put(papers[-1][1].name, papers[-1][1].sealed)
    except Refusal as refusal:
        return Outcome({}, refusal.code, refusal.says, refusal.next)
    except StorageTrouble:
        return Outcome({}, "evidence.store", "图片没有存上。", "请稍后再传一次。")

    def work(tx: Tx) -> dict[str, Any]:
        case = counter.bind(tx, whom, binder, given["relation"], papers, allow_test_area=allowed)
        return {"case": refs.show(refs.CASE, case)}

    return door.act(request, work)


def give(request: HttpRequest, number: str) -> HttpResponse:
    """A giver stands there: first to whom and how far, then the promise on the page, then the word."""
    who, purpose, clerk = named(refs.PERSON, number), _purpose(request), request.clerk
    giver = PersonRef(refs.book_of(who), who)
    form: Limits = Promise(request.POST) if request.POST.get("do") == "agree" else Give(request.POST or None)
    letter: Letter | None = None
    back: Promise | None = None
    if request.method == "POST" and form.checked():
        if isinstance(form, Promise):
            outcome = door.act(request, lambda tx: _authorise(tx, giver, form))
            if outcome.done:
                return HttpResponseRedirect(f"{_address(giver, purpose)}&done=aid", status=door.SEE_OTHER)
        else:
            outcome, letter, back = _promised(request, giver, form)
        form.refuse(outcome, people_unknown="number") if outcome.refused else None
    try:
        with reading(clerk.actor) as tx:
            casework.at_counter(tx, giver)
            facts = told.of_person(tx, giver)
    except Refusal as refusal:
        return _no(request, refusal)
    context = {"clerk": clerk, "form": form, "person": facts, "letter": letter, "promise": back, "back": _address(giver, purpose)}
    fields = form if isinstance(form, Give) else Give()
    return render(request, "console/give.html", {**context, "fields": list(fields), "asking": fields})


def _promised(request: HttpRequest, giver: PersonRef, form: Limits) -> tuple[Outcome, Letter | None, Promise | None]:
    """The promise for what was asked for, and the form that brings it back; the number typed stays behind."""
    given = form.cleaned_data
    try:
        alone(counter.count_look, by=request.clerk.actor)
        with reading(request.clerk.actor) as tx:
            receiver = _person(tx, given["kind"], given["number"].strip())
            letter = counter.promise(tx, giver, receiver, given["relation"], form.terms)
    except Refusal as refusal:
        return Outcome({}, refusal.code, refusal.says, refusal.next), None, None
    back = Promise({**form.data.dict(), "receiver": receiver.number, "agreed": letter.hash})
    return Outcome({}), letter, back


def _authorise(tx: Tx, giver: PersonRef, form: Promise) -> dict[str, Any]:
    given = form.cleaned_data
    receiver = PersonRef.parse(given["receiver"])
    return {"aid": str(counter.authorise(tx, giver, receiver, given["relation"], form.terms, given["agreed"]))}


def renew(request: HttpRequest, number: str) -> HttpResponse:
    """The member stands here, reads what is agreed to anew, and agrees."""
    who, purpose = named(refs.PERSON, number), _purpose(request)
    whom, bond = PersonRef(refs.book_of(who), who), _about(request)
    form = Form(request.POST or None)
    if bond is None:
        raise Http404
    if request.method == "POST":
        outcome = door.act(request, lambda tx: _renew(tx, bond, request.POST.get("agreed", "")))
        if outcome.done:
            return HttpResponseRedirect(f"{_address(whom, purpose)}&done=renew", status=door.SEE_OTHER)
        form.refuse(outcome)
    try:
        with reading(request.clerk.actor) as tx:
            seen, letter = counter.renewal_letter(tx, bond)
            facts = told.of_person(tx, seen.member)
    except Refusal as refusal:
        return _no(request, refusal)
    context = {
        "clerk": request.clerk,
        "form": form,
        "bond": seen,
        "letter": letter,
        "person": facts,
        "back": _address(whom, purpose),
    }
    return render(request, "console/renew.html", context)


def _thing(tx: Tx, matter: str, whom: PersonRef, about: UUID | None) -> told.Facts:
    """What a matter is about, in words; refuses what is another person's before telling any of it."""
    if about is None:
        raise Refusal("desk.not_theirs")
    counter.theirs(tx, matter, whom, about)
    return told.of_matter(tx, matter, Applied(whom, about))


def _renew(tx: Tx, bond: UUID, agreed: str) -> dict[str, Any]:
    counter.renew(tx, bond, agreed)
    return {}


def _take_over(tx: Tx, request: str) -> dict[str, Any]:
    return {"case": refs.show(refs.CASE, counter.take_over(tx, refs.parse(refs.RELATION, request)))}


def _stop(tx: Tx, whom: PersonRef, why: str | None) -> dict[str, Any]:
    """Stop a person's credential, with a reason; let it go again without one."""
    if why is not None:
        casework.freeze(tx, whom, why)
    else:
        casework.thaw(tx, whom)
    return {}


def _counted(request: HttpRequest, form: Applicant) -> Outcome | None:
    """Count that another person's number was typed; what to say when it is too often."""
    if any(given and (name == "number" or name.startswith("heir_")) for name, given in form.cleaned_data.items()):
        try:
            alone(counter.count_look, by=request.clerk.actor)
        except Refusal as refusal:
            return Outcome({}, refusal.code, refusal.says, refusal.next)
    return None


def _open(tx: Tx, matter: str, whom: PersonRef, about: UUID | None, form: Applicant) -> dict[str, Any]:
    given = form.cleaned_data
    applicant = _person(tx, given["kind"], given["number"].strip()) if given["number"] else whom
    case = counter.open_matter(tx, matter, whom, applicant=applicant, about=about, detail=form.detail(tx))
    return {"case": refs.show(refs.CASE, case)}


def _seen(tx: Tx, seen: counter.Seen) -> dict[str, Any]:
    """What the page of a person shows, each thing with its reference and whether something may be opened about it."""
    today, me = business_date(tx.at), seen.person

    def name(who: PersonRef) -> str:
        return enrolment.person(tx, who).shown

    show: Callable[[UUID], str] = lambda ref: refs.show(refs.RELATION, ref)  # noqa: E731
    bonds = [
        {
            "ref": show(bond.id),
            "words": _side(bond, me),
            "bound": bond.bound_at,
            "state": HALTED[bond.halted],
            "due": bond.member == me and bond.consent_due is not None and bond.consent_due <= today,
        }
        for bond in (*seen.shows, *seen.shown_by)
    ]
    aids = [
        {
            "ref": show(one.id),
            "words": f"授权 {name(one.receiver)} 用 TA 的账户" if one.giver == me else f"可以用 {name(one.giver)} 的账户",
            "bound": one.filed_at,
            "state": AIDS.get(one.status, one.status),
        }
        for one in (*seen.gives, *seen.receives)
    ]
    return {
        "facts": [
            *told.of_person(tx, me),
            *([("去世", f"{seen.died_on:%Y-%m-%d}")] if seen.died_on else []),
            ("医保码", CREDENTIAL[seen.credential]),
        ],
        "bonds": bonds,
        "aids": aids,
        "requests": [(one, show(one.id), STATES[one.state]) for one in seen.requests],
        "household": seen.household,
        "household_ref": show(seen.household.ref) if seen.household and seen.household.head == me else "",
        "charges": [(one, refs.show(refs.SETTLEMENT, one.id), CHARGES[one.state]) for one in seen.charges],
        "bookings": [(one, show(one.journal), told.CAUSES.get(one.cause, "其他入账")) for one in seen.bookings],
        "filings": [
            (one, show(one.id), f"{FILINGS[one.kind]}，{region(one.region)}", one.promise_only and one.ended_on is None)
            for one in seen.filings
        ],
        "cases": seen.cases,
        "credential": seen.credential,
        "may_activate": not seen.credential and seen.died_on is None,
    }


def _side(bond: Bond, me: PersonRef) -> str:
    if bond.binder == me:
        return f"可以出示 {bond.shown} 的医保码（{RELATIONS[bond.relation]}）"
    return f"{bond.shown} 可以出示 TA 的医保码"


def _legs(tx: Tx, about: UUID | None, whom: PersonRef) -> dict[int, str]:
    """The legs of a journal that may go back, in words: of the person's own purses and of accounts that are nobody's."""
    row = tx.one(journal.SQL.journal, book=refs.book_of(about), id=about) if about else None
    holders = {key[0] for account in (row or {"accounts": []})["accounts"] if (key := purse_key(account))}
    if row is None or whom.id not in holders:
        raise Refusal("desk.not_theirs")

    def words() -> Iterator[tuple[int, str]]:
        for leg, (account, fen) in enumerate(zip(row["accounts"], row["fens"], strict=True)):
            key = purse_key(account)
            if key is None or key[0] == whom.id:
                yield leg, f"第 {leg + 1} 条 · {told.account_name(account)} {yuan(fen)} 元"

    return dict(words())


def _person(tx: Tx, kind: str, number: str) -> PersonRef:
    return enrolment.find(tx, kind, number, settings.MULAID.allows_test_people)


def _address(whom: PersonRef, purpose: str) -> str:
    return f"{door.PATH}/person/{whom.number}?{urlencode({'for': purpose})}"


def _purpose(request: HttpRequest) -> str:
    given = request.GET.get("for", "")
    if given not in counter.PURPOSES:
        raise Http404
    return str(given)


def _about(request: HttpRequest) -> UUID | None:
    given = request.GET.get("about", "")
    return named(refs.SETTLEMENT if given[:1] in "Ss" else refs.RELATION, given) if given else None


def _no(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    if refusal.code in HIDDEN or refusal.code == "desk.not_theirs":
        raise Http404
    return door.refused(request, refusal)
