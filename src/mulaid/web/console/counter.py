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
from django.http import Http404, HttpRequest, HttpResponse
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
from mulaid.people import endings, enrolment, household
from mulaid.people.application import STATES
from mulaid.people.enrolment import PersonRef
from mulaid.people.family import Bond
from mulaid.people.filings import KINDS as FILINGS
from mulaid.people.identity import KINDS, RESIDENT
from mulaid.people.wallet import Quota
from mulaid.policy.explain import RELATIONS
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.web import providers
from mulaid.web.console import door, told
from mulaid.web.forms import Form, Yuan, choice, pick, text
from mulaid.web.reading import Outcome, alone, database, named, now, reading, see_other
from mulaid.web.words import region

CASE_LETTERS = 27
HEIRS = 3
AIDS = {
    "pending": "等待生效", "active": "使用中", "locked": "已锁定", "paused": "暂停", "dormant": "休眠",
}  # fmt: skip
CHARGES = {"": "", "refund": "退费", "refunded": "已退费"}
HALTED = {"": "使用中", "dispute": "有异议，已暂停", "consent": "等本人重新同意，暂停"}
CREDENTIAL = {"": "还没有激活", "active": "已激活", "frozen": "已停用"}
DONE = {
    "renew": "已记录本人重新同意，绑定可以继续使用",
    "aid": "授权办好了，双方会收到消息",
    "freeze": "医保码已停用，本人会收到消息",
    "thaw": "医保码已恢复，本人会收到消息",
    "household_open": "家庭账户开通了",
    "household_join": "已经加入家庭账户，双方会收到消息",
    "household_add": "办好了；当地规定要家人同意的，已经邀请，等家人同意",
    "wallet_quota": "额度冻结好了，双方会收到消息",
}
"""What the page of a person says when something was done."""
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

    def clean(self) -> dict[str, Any]:
        """Something has to go back."""
        given: dict[str, Any] = super().clean()
        legs = [name for name in self.fields if name.startswith("leg_")]
        if legs and not any(given.get(name) or name in self.errors for name in legs):
            self.add_error(legs[0], "请至少填写一条要退回的金额")
        return given

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
                heir = str(holder(tx, RESIDENT, given[f"heir_{place}"]).id)
                heirs[heir] = heirs.get(heir, 0) + given[f"fen_{place}"]
        return {"because": given["because"], **({"heirs": heirs} if heirs else {})}


@dataclass(frozen=True, slots=True)
class Applied:
    """What a matter would be about, before there is a case."""

    person: PersonRef
    about: UUID
    detail: Mapping[str, Any] = field(default_factory=dict)


THINGS = ("unbind_counter", "aid_release_counter", "household_close", "wrong_charge", "filing_papers", "quota_release")
"""Matters about one thing, which the clerk looks at before opening one."""
HOUSES = ("household_leave", "household_fund")
LAST = ("number", "kind")
PAPERS = ("身份证件", "户口簿一方的页，或亲属关系证明", "户口簿另一方的页")
"""What a binding at the counter rests on (family_account_required_documents); `counter.papers_for` names the kinds."""


class Bind(Applicant):
    """Who is to show the person's code, and the papers that say so."""

    relation = pick("当事人是申请人的", [("", "请选择"), *RELATIONS.items()], wrong="请选择关系")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["number"].required, self.fields["number"].help_text = True, "谁要代为出示医保码，填谁"
        for place, words in enumerate(PAPERS):
            self.fields[f"paper_{place}"] = django_forms.FileField(
                label=words,
                required=place < len(PAPERS) - 1,
                help_text="" if place < len(PAPERS) - 1 else "双方都是居民身份证的要拍",
                widget=django_forms.FileInput(attrs={"accept": "image/jpeg,image/png"}),
                error_messages={"required": f"请拍{words}", "empty": f"请拍{words}"},
            )
        self.order_fields(["relation", "number", "kind"])


class Fund(Applicant):
    """How much goes into the household account."""

    fen = Yuan(label="从个人账户转入", error_messages={"required": "请填写金额，例如 200.00"})

    def detail(self, tx: Tx) -> dict[str, Any]:
        """In fen."""
        return {"fen": self.cleaned_data["fen"]}


class Leave(Applicant):
    """Who leaves: the person, or a member whom the person, as head, takes out."""

    def __init__(self, members: Mapping[str, str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if members:
            self.fields["member"] = choice("请哪位成员退出", members.items(), wrong="请选择退出的成员")

    def detail(self, tx: Tx) -> dict[str, Any]:
        """The member's id, where there is a choice."""
        given = self.cleaned_data.get("member")
        return {"member": str(PersonRef.parse(given).id)} if given else {}


FORMS: dict[str, type[Applicant]] = {"remote_filing_review": Care, "account_withdrawal": Payout, "household_fund": Fund}


def find(request: HttpRequest) -> HttpResponse:
    """Look somebody up, or go to a case by its number."""
    clerk, form = request.clerk, Find(request.POST or None)
    if request.method == "POST" and form.checked():
        given = form.cleaned_data
        number = given["number"].strip()
        if len(number) == CASE_LETTERS and number[:1] in "Cc":
            return see_other(f"{door.PATH}/case/{number}")
        try:
            alone(counter.count_look, by=clerk.actor)
            with reading(clerk.actor) as tx:
                found = holder(tx, given["kind"], number)
                casework.at_counter(tx, found)
        except Refusal as refusal:
            form.refuse(Outcome({}, refusal.code, refusal.says, refusal.next), people_unknown="number")
        else:
            return see_other(address_of(found, given["purpose"]))
    return render(request, "console/find.html", {"clerk": clerk, "form": form})


def person(request: HttpRequest, number: str) -> HttpResponse:
    """Somebody as a handler sees one, with a button beside everything that a clerk may open a matter about."""
    ref, purpose = named(refs.PERSON, number), purpose_of(request)
    whom = PersonRef(refs.book_of(ref), ref)
    form: Form = Stop()
    if request.method == "POST" and request.POST.get("do") == "take_over":
        form = Form(request.POST)
        outcome = door.act(request, lambda tx: _take_over(tx, request.POST.get("request", "")))
        if outcome.done:
            return see_other(f"{door.PATH}/case/{outcome.told['case']}?done=open")
        form.refuse(outcome)
    elif request.method == "POST":
        stops = request.POST.get("do") == "freeze"
        form = Stop(request.POST) if stops else Form(request.POST)
        if form.checked():
            outcome = door.act(request, lambda tx: _stop(tx, whom, form.cleaned_data["words"] if stops else None))
            if outcome.done:
                return see_other(f"{address_of(whom, purpose)}&done={'freeze' if stops else 'thaw'}")
            form.refuse(outcome, desk_words_needed="words") if stops else form.refuse(outcome)
    try:
        with reading(request.clerk.actor) as tx:
            context = _seen(tx, counter.look(tx, whom, purpose))
    except Refusal as refusal:
        return no_page(request, refusal)
    done = request.GET.get("done", "") if request.method != "POST" else ""
    more = {"clerk": request.clerk, "number": number, "purpose": purpose, "said": DONE.get(done, ""), "form": form}
    more["stop"] = form if isinstance(form, Stop) else Stop()
    return render(request, "console/person.html", {**context, **more})


def open_matter(request: HttpRequest, number: str, matter: str) -> HttpResponse:
    """A small form for one matter; when it is opened, the case."""
    who, purpose = named(refs.PERSON, number), purpose_of(request)
    whom = PersonRef(refs.book_of(who), who)
    if matter not in counter.MATTERS:
        raise Http404
    about = about_of(request)
    try:
        with reading(request.clerk.actor) as tx:
            casework.at_counter(tx, whom)
            facts = told.of_person(tx, whom)
            thing = _thing(tx, matter, whom, about) if matter in THINGS + HOUSES else []
            legs = _legs(tx, about, whom) if matter == "correction" else {}
            members = _members(tx, whom) if matter == "household_leave" else {}
    except Refusal as refusal:
        return no_page(request, refusal)
    if matter in ("correction", "household_leave"):
        form = Correction(legs, request.POST or None) if matter == "correction" else Leave(members, request.POST or None)
    else:
        form = FORMS.get(matter, Applicant)(request.POST or None)
    form.order_fields([name for name in form.fields if name not in LAST])
    if request.method != "POST":
        next(iter(form.fields.values())).widget.attrs["autofocus"] = True
    if request.method == "POST" and form.checked():
        outcome = _counted(request, form) or door.act(request, lambda tx: _open(tx, matter, whom, about, form))
        if outcome.done:
            return see_other(f"{door.PATH}/case/{outcome.told['case']}?done=open")
        form.refuse(outcome, filing_bad_region="region", filing_same_area="region", filing_bad_day="since")
    context = {
        "clerk": request.clerk, "form": form, "matter": matters()[matter], "person": facts, "thing": thing,
        "back": address_of(whom, purpose),
        "fields": list(form),
    }  # fmt: skip
    return render(request, "console/open.html", context)


def bind(request: HttpRequest, number: str) -> HttpResponse:
    """A family account asked for at the counter, on papers that lie there."""
    who, purpose, clerk = named(refs.PERSON, number), purpose_of(request), request.clerk
    whom = PersonRef(refs.book_of(who), who)
    form = Bind(request.POST or None, request.FILES or None)
    try:
        with reading(clerk.actor) as tx:
            casework.at_counter(tx, whom)
            facts = told.of_person(tx, whom)
    except Refusal as refusal:
        return no_page(request, refusal)
    if request.method == "POST" and form.checked():
        outcome = _counted(request, form) or _bind(request, whom, form)
        if outcome.done:
            return see_other(f"{door.PATH}/case/{outcome.told['case']}?done=open")
        form.refuse(outcome, family_relation_not_eligible="relation", people_unknown="number")
    context = {
        "clerk": clerk, "form": form, "matter": {"title": "窗口绑定亲情账户", "days": matters()["binding_review"].days},
        "person": facts, "back": address_of(whom, purpose), "fields": list(form),
    }  # fmt: skip
    return render(request, "console/open.html", context)


def _bind(request: HttpRequest, whom: PersonRef, form: Bind) -> Outcome:
    """Pictures first, each in the store; then all of it in one transaction."""
    given, allowed = form.cleaned_data, settings.MULAID.allows_test_people

    files = [given[f"paper_{place}"] for place in range(len(PAPERS))]

    def admitted(tx: Tx) -> tuple[PersonRef, tuple[str, ...]]:
        casework.at_counter(tx, whom)
        binder = holder(tx, given["kind"], given["number"].strip())
        for file in files:
            evidence.admit(tx, binder, binder.id, file.size) if file else None
        return binder, counter.papers_for(tx, whom, binder)

    try:
        binder, kinds = alone(admitted, by=request.clerk.actor)
        papers = []
        for kind, file in [(kind, file) for kind, file in zip(kinds, files, strict=True) if file]:
            papers.append((kind, evidence.prepare(database().keys, binder.book, now(), file.read())))
            providers.storage().put(papers[-1][1].name, papers[-1][1].sealed)
    except Refusal as refusal:
        return Outcome({}, refusal.code, refusal.says, refusal.next)
    except StorageTrouble:
        return Outcome({}, "evidence.store", "图片没有存上。", "请稍后再传一次。")

    def work(tx: Tx) -> dict[str, Any]:
        case = counter.bind(tx, whom, binder, given["relation"], papers, allow_test_area=allowed)
        return {"case": refs.show(refs.CASE, case)}

    return door.act(request, work)


def _thing(tx: Tx, matter: str, whom: PersonRef, about: UUID | None) -> told.Facts:
    """What a matter is about, in words; refuses what is another person's before telling any of it."""
    if about is None:
        raise Refusal("desk.not_theirs")
    if matter in HOUSES:
        found = household.of(tx, whom)
        if found is None or found.ref != about:
            raise Refusal("desk.not_theirs")
        return told.of_matter(tx, "household_close", Applied(whom, about))
    counter.theirs(tx, matter, whom, about)
    return told.of_matter(tx, matter, Applied(whom, about))


def _members(tx: Tx, head: PersonRef) -> dict[str, str]:
    """Whom a head may take out, masked; nobody where the person is not the head."""
    found = household.of(tx, head)
    if found is None or found.head != head:
        return {}
    return {one.person.number: f"{RELATIONS[one.relation]} {one.shown}" for one in found.members if one.person != head}


def _take_over(tx: Tx, request: str) -> dict[str, Any]:
    return {"case": refs.show(refs.CASE, counter.take_over(tx, refs.parse(refs.RELATION, request)))}


def _stop(tx: Tx, whom: PersonRef, why: str | None) -> None:
    """Stop a person's credential, with a reason; let it go again without one."""
    if why is not None:
        casework.freeze(tx, whom, why)
    else:
        casework.thaw(tx, whom)


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
    applicant = holder(tx, given["kind"], given["number"].strip()) if given["number"] else whom
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
        "house_ref": show(seen.household.ref) if seen.household else "",
        "is_head": seen.household is not None and seen.household.head == me,
        "members": [(one, RELATIONS.get(one.relation, "户主")) for one in seen.household.members] if seen.household else [],
        "invitations": [(one, show(one.id), name(household.find(tx, one.household).head)) for one in seen.invitations],
        "quotas": [(one, show(one.id), _kept(one, me, name)) for one in seen.quotas],
        "pools": _mode(tx, seen) == "pool",
        "has_account": seen.newest is not None and seen.newest.base != "resident" and seen.died_on is None,
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


def _mode(tx: Tx, seen: counter.Seen) -> str:
    """How mutual aid goes where the person is insured."""
    if seen.newest is None:
        return ""
    return str(library().in_force(seen.newest.region, business_date(tx.at))["mutual_aid_mode"])


def _kept(quota: Quota, me: PersonRef, name: Callable[[PersonRef], str]) -> str:
    if quota.giver == me:
        return f"为 {name(quota.receiver)} 冻结 {yuan(quota.quota)} 元"
    return f"{name(quota.giver)} 为 TA 冻结 {yuan(quota.quota)} 元"


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


def holder(tx: Tx, kind: str, number: str) -> PersonRef:
    return enrolment.find(tx, kind, number, settings.MULAID.allows_test_people)


def address_of(whom: PersonRef, purpose: str) -> str:
    return f"{door.PATH}/person/{whom.number}?{urlencode({'for': purpose})}"


def purpose_of(request: HttpRequest) -> str:
    given = request.GET.get("for", "")
    if given not in counter.PURPOSES:
        raise Http404
    return str(given)


def about_of(request: HttpRequest) -> UUID | None:
    given = request.GET.get("about", "")
    return named(refs.SETTLEMENT if given[:1] in "Ss" else refs.RELATION, given) if given else None


def no_page(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    if refusal.code in HIDDEN or refusal.code == "desk.not_theirs":
        raise Http404
    return door.refused(request, refusal)
