"""Opening a family account: who TA is, papers, TA's own word or face, and how far it has come; for either side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms as django_forms
from django.conf import settings
from django.core.files.base import File
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid import refs
from mulaid.agency import evidence
from mulaid.db import Tx
from mulaid.outside.registers import RegisterTrouble
from mulaid.outside.storage import StorageTrouble
from mulaid.people import binding
from mulaid.people import face as checks
from mulaid.people import family as bonds
from mulaid.people.application import ASKED, BOUND, CONSENT, FACE, FOUND, OPEN, PAPER_NAMES, PAPERS, REVIEW, STATES, Request
from mulaid.people.binding import Claim
from mulaid.people.enrolment import PersonRef
from mulaid.people.identity import BIRTH_CERTIFICATE, KINDS, RESIDENT
from mulaid.people.kinship import BirthQuestion, Kinship
from mulaid.policy.channels import limits
from mulaid.policy.explain import INVERSE, RELATIONS
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.web import drawing, forms, providers
from mulaid.web.citizen import faces
from mulaid.web.citizen.relatives import bond_of, kin
from mulaid.web.reading import Outcome, act, alone, counted, database, now, reading, see_other
from mulaid.web.visitor import Visitor
from mulaid.web.words import CALLED

BY_ID, BY_OTHER, BY_BIRTH = "id_number", "other_document", "birth_certificate"
ROUTES = {BY_ID: "身份证号", BY_OTHER: "其他证件", BY_BIRTH: "出生医学证明"}
PLACES = {
    "family_oneself": "number", "family_not_matched": "number", "family_relation_not_eligible": "relation",
    "family_relation_limit": "relation", "family_paper_of_other_route": "kind", "identity_bad_name": "name",
}  # fmt: skip
"""Beside which field a refusal is told; whatever is wrong with a number stands beside the number."""


class Named(forms.Form):
    """Somebody with an ID card, or another paper."""

    def __init__(self, route: str, relations: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        options = [(word, RELATIONS[word]) for word in CALLED if word in relations]
        self.fields["relation"] = forms.choice("TA 是我的", options, wrong="请选 TA 是您的什么人")
        self.fields["name"] = forms.text("姓名", wrong="请填写 TA 证件上的姓名", placeholder="证件上的姓名")
        if route == BY_OTHER:
            kinds = [(kind, says) for kind, says in KINDS.items() if kind not in (RESIDENT, BIRTH_CERTIFICATE)]
            self.fields["kind"] = forms.pick("证件类型", kinds, wrong="请选一种证件")
        words = "身份证号" if route == BY_ID else "证件号码"
        hint = "18 位" if route == BY_ID else ""
        self.fields["number"] = forms.text(
            words, wrong=f"请填写 TA 的{words}", most=30, placeholder=hint, autocapitalize="characters"
        )
        if route == BY_OTHER:
            self.fields["born"] = _birthday("TA 的出生日期")
        self.route = route

    def ask(self, tx: Tx, binder: Any) -> UUID:
        """The request."""
        found = self.cleaned_data
        claim = Claim(
            self.route,
            found["relation"],
            found["name"].strip(),
            found.get("kind", RESIDENT),
            _number(found["number"]),
            found.get("born"),
        )
        return binding.ask(
            tx, library(), binder, claim, allow_test_area=settings.MULAID.allows_test_people, overrides=limits(tx.by.channel)
        )


class Newborn(forms.Form):
    """A child by mother and birth certificate."""

    mother_name = forms.text("妈妈的姓名", wrong="请填写妈妈证件上的姓名", placeholder="证件上的姓名")
    mother_number = forms.text(
        "妈妈的身份证号", wrong="请填写妈妈的身份证号", most=22, placeholder="18 位", autocapitalize="characters"
    )
    number = forms.text(
        "出生医学证明编号", wrong="请填写编号", most=12, placeholder="1 个字母和 9 个数字", autocapitalize="characters"
    )
    route = BY_BIRTH

    def ask(self, tx: Tx, binder: Any) -> UUID:
        """The request."""
        found = self.cleaned_data
        question = BirthQuestion(found["mother_name"].strip(), _number(found["mother_number"]), _number(found["number"]))
        test = settings.MULAID.allows_test_people
        return binding.ask_by_birth(tx, library(), binder, question, allow_test_area=test, overrides=limits(tx.by.channel))


def new(request: HttpRequest, route: str = BY_ID) -> HttpResponse:
    """Who TA is; the registers are asked right after."""
    visitor: Visitor = request.visitor
    if route not in ROUTES:
        raise Http404
    typed = request.POST if request.method == "POST" else forms.held(request)
    with reading(visitor.actor) as tx:
        pack = bonds.pack_of(tx, library(), visitor.ref)
    relations = pack["family_account_relations"]
    routes = limits(visitor.channel).get("family_account_binding_routes", pack["family_account_binding_routes"])
    form: Named | Newborn = Newborn(typed) if route == BY_BIRTH else Named(route, relations, typed)
    if typed is not None and form.checked() and request.method == "POST":
        outcome = counted(visitor) or act(request, lambda tx: {"key": refs.show(refs.RELATION, form.ask(tx, visitor.ref))})
        if outcome.done:
            _ask_registers(visitor, bond_of(outcome.told["key"]))
            return see_other(f"/bind/{outcome.told['key']}")
        code = outcome.refused.replace(".", "_")
        place = PLACES.get(code) or ("number" if code.startswith("identity_") else "")
        form.refuse(outcome, **({code: place} if place in form.fields else {}))
    told = {"form": form, "route": route, "routes": {word: says for word, says in ROUTES.items() if word in routes}, "pack": pack}
    wrong = typed is not None and (form.errors or form.trouble)
    return render(request, "citizen/bind.html", told, status=422 if wrong else 200)


def one(request: HttpRequest, key: str) -> HttpResponse:
    """One request, for whoever asked and whoever is asked: what is missing next, and how to give it."""
    visitor: Visitor = request.visitor
    ref = bond_of(key)
    form = forms.Form()
    if request.method == "POST":
        answer = _press(request, visitor, ref, key)
        if isinstance(answer, HttpResponse):
            return answer
        form.refuse(answer)
    try:
        with reading(visitor.actor) as tx:
            found = binding.standing(tx, library(), ref, visitor.ref)
            mine = found.binder == visitor.ref
            letters = binding.letters(tx, library(), ref, visitor.ref) if found.state in OPEN else ()
            birth = binding.birth_found(tx, ref, visitor.ref) if found.state == FOUND and mine else None
            given = evidence.papers_of(tx, ref) if mine else []
            words = RELATIONS[found.relation] if mine else INVERSE.get(found.relation, "家人")
            other = found.member if mine else found.binder
            who = kin(tx, words, other) if other else words
    except Refusal as no:
        if no.status in (403, 404):
            raise Http404 from None
        raise
    told = {
        "one": found, "key": key, "mine": mine, "who": who, "letters": letters, "birth": birth, "form": form, "given": given,
        "needs": [(kind, PAPER_NAMES[kind], pages) for kind, pages in found.needs.items() if kind != "promise_letter"],
        "state": STATES[found.state], "step": _step(found), "done": request.GET.get("done", ""),
        "notice": faces.notice(request.GET.get("done", "")), "open": found.state in OPEN,
        "bond_key": refs.show(refs.RELATION, found.bond) if found.bond else "",
    }  # fmt: skip
    return render(request, "citizen/bind_one.html", told, status=422 if form.trouble else 200)


def _step(found: Request) -> int:
    return {ASKED: 1, FOUND: 1, PAPERS: 2, CONSENT: 3, FACE: 3, REVIEW: 3, BOUND: 4}.get(found.state, 0)


def _press(request: HttpRequest, visitor: Visitor, ref: UUID, key: str) -> HttpResponse | Outcome:
    """The button that was pressed."""
    pressed, me = request.POST.get("do", ""), visitor.ref
    agreed = request.POST.get("agreed", "")
    if pressed == "register":
        _ask_registers(visitor, ref)
        return see_other(request.path)
    if pressed == "papers":
        trouble = _take_pictures(request, visitor, ref)
        if trouble is not None:
            return trouble
    if pressed == "face":
        notice = request.POST.get("notice", "")
        return faces.start(
            request, lambda tx: binding.begin_face(tx, library(), ref, me, notice), purpose=checks.BIND, key=key, agreed=agreed
        )
    acts: dict[str, Callable[[Tx], object]] = {
        "papers": lambda tx: binding.submit(tx, library(), ref, me, agreed, _pictures(tx, ref)),
        "confirm": lambda tx: binding.confirm_birth(tx, library(), ref, me),
        "agree": lambda tx: binding.agree(tx, library(), ref, me, agreed),
        "counter": lambda tx: binding.to_counter(tx, ref, me),
        "decline": lambda tx: binding.decline(tx, library(), ref, me),
        "withdraw": lambda tx: binding.withdraw(tx, ref, me),
    }
    if pressed not in acts:
        raise Http404

    def work(tx: Tx) -> dict[str, Any]:
        return {"state": str(acts[pressed](tx))}

    outcome = act(request, work)
    if not outcome.done:
        return outcome
    return see_other(f"{request.path}?done={pressed}")


def _ask_registers(visitor: Visitor, ref: UUID) -> None:
    """Ask the registers outside of any transaction; who does not answer counts as not knowing, and the agency looks."""
    me = visitor.ref
    try:
        with reading(visitor.actor) as tx:
            found = binding.standing(tx, library(), ref, me)
            if found.state != ASKED:
                return
            birth = binding.birth_question(tx, ref, me) if found.route == BY_BIRTH else None
            kin = None if birth else binding.kinship_question(tx, ref, me)
        if birth is not None:
            record = providers.registers().birth(birth)
            test = settings.MULAID.allows_test_people
            alone(lambda tx: binding.birth_answered(tx, library(), ref, me, record, allow_test_area=test), by=visitor.actor)
            return
        assert kin is not None, "one of the two is asked"
        try:
            known = providers.registers().kinship(kin)
        except RegisterTrouble:
            known = Kinship.UNKNOWN
        alone(lambda tx: binding.kinship_known(tx, library(), ref, me, known), by=visitor.actor)
    except (Refusal, RegisterTrouble):
        # The page of the request says where it stands and offers to ask again.
        return


def _take_pictures(request: HttpRequest, visitor: Visitor, ref: UUID) -> Outcome | None:
    """Clean, seal and store each picture that came along; what came through before a bad one stays."""
    with reading(visitor.actor) as tx:
        found = binding.standing(tx, library(), ref, visitor.ref)
    if found.member is None or found.state != PAPERS or found.binder != visitor.ref:
        return None
    pictures = [(field.removeprefix("paper-"), file) for field, files in request.FILES.lists() for file in files]
    if not pictures and "sample" in request.POST and settings.MULAID.profile == "demo":
        needed = [(kind, pages) for kind, pages in found.needs.items() if kind != "promise_letter"]
        pictures = [(kind, drawing.sample_picture()) for kind, pages in needed for _ in range(pages)]
    for kind, file in pictures:
        trouble = keep(visitor, ref, kind, found.member, file)
        if trouble is not None:
            return trouble
    return None


def keep(visitor: Visitor, about: UUID, kind: str, person: PersonRef, file: File) -> Outcome | None:
    """Take one picture about an application in, cleaned and sealed; what is wrong with it, nothing when it was given before."""
    try:
        alone(lambda tx: evidence.admit(tx, visitor.ref, about, file.size), by=visitor.actor)
        cleaned = evidence.prepare(database().keys, refs.book_of(about), now(), file.read())
        providers.storage().put(cleaned.name, cleaned.sealed)
        alone(lambda tx: evidence.record(tx, cleaned, about, kind, person, visitor.ref), by=visitor.actor)
    except Refusal as no:
        return None if no.code == "evidence.twice" else Outcome({}, no.code, f"{file.name[:30]}：{no.says}", no.next)
    except StorageTrouble:
        return Outcome({}, "evidence.store", "图片没有存上。", "已经传好的还在，请稍后再传这一张。")
    return None


def _pictures(tx: Tx, ref: UUID) -> dict[str, list[UUID]]:
    found: dict[str, list[UUID]] = {}
    for given in evidence.papers_of(tx, ref):
        found.setdefault(given.kind, []).append(given.id)
    return found


def _number(text: str) -> str:
    return "".join(text.split())


def _birthday(label: str) -> Any:
    return django_forms.DateField(
        label=label,
        widget=django_forms.DateInput(attrs={"type": "date", "autocomplete": "off"}, format="%Y-%m-%d"),
        error_messages={"required": "请填写出生日期", "invalid": "请填写日期，例如 1958-09-30"},
    )
