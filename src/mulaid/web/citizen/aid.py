"""Mutual aid: whom I help and who helps me; to authorise with a promise, to change, to hold back, to stop."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django import forms as django_forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid import refs
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.ledger import chart, statement
from mulaid.money import Fen, yuan
from mulaid.people import aid, enrolment, household, wallet
from mulaid.people.aid import Aid
from mulaid.people.eligibility import USE_WORDS, Promise, Terms, shown
from mulaid.people.enrolment import PersonRef
from mulaid.policy.explain import INVERSE, RELATIONS
from mulaid.policy.pack import Pack, library
from mulaid.refusal import Refusal
from mulaid.web import forms
from mulaid.web.citizen.relatives import SQL, Relative, kin, oneself, relatives
from mulaid.web.reading import Outcome, act, counted, new_key, reading, see_other
from mulaid.web.visitor import Visitor
from mulaid.web.words import CALLED

DRAWS = 30
OTHER = "other"
NAMING = ("relation", "name", "number")
ID_CARD = "01"
STATES = {
    "pending": "等待确认", "active": "可以用", "locked": "太久没用，已冻结", "released": "已解除", "ended_by_system": "已终止",
}  # fmt: skip
WAITS = {"receiver": "等对方同意", "agency": "医保经办机构正在审核"}

PLACES = {
    "people_unknown": "number", "aid_relation_not_eligible": "relation", "aid_kinship_differs": "relation",
    "aid_end_date_needed": "valid_to", "aid_bad_dates": "valid_to", "aid_oneself": "number",
}  # fmt: skip
"""Beside which field a refusal is told."""


@dataclass(frozen=True, slots=True)
class Side:
    """One authorisation as one of its two sides reads it."""

    aid: Aid
    key: str
    name: str
    kin: str
    state: str
    month_used: Fen
    year_used: Fen
    order_key: str

    @property
    def meter(self) -> int | None:
        """How much of the quota is used, in per cent; None without a quota."""
        quota = self.aid.quota
        return None if quota is None else min(100, self.aid.used * 100 // quota) if quota else 100

    @property
    def uses(self) -> str:
        """What it may be used for."""
        return "、".join(USE_WORDS.get(use, use) for use in self.aid.uses)


@dataclass(frozen=True, slots=True)
class Draw:
    """One payment or return under an authorisation."""

    at: Any
    place: str
    fen: Fen
    number: str


class Limits(forms.Form):
    """What a giver allows."""

    year_cap = forms.Yuan(label="每年最多帮付", required=False, help_text="不填就不限，以账户余额为限。")
    settlement_cap = forms.Yuan(label="每次最多帮付", required=False)
    month_cap = forms.Yuan(label="每月最多帮付", required=False)
    quota = forms.Yuan(label="一共最多帮付", required=False)
    reserve = forms.Yuan(label="给自己至少留", required=False, least=0)
    valid_to = django_forms.DateField(
        label="到哪一天为止",
        required=False,
        widget=django_forms.DateInput(attrs={"type": "date", "autocomplete": "off"}, format="%Y-%m-%d"),
        error_messages={"invalid": "请填写日期，例如 2027-12-31"},
    )

    def __init__(self, pack: Pack, balance: Fen | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if balance:
            hint = yuan(aid.reserve_hint(balance))
            self.fields["reserve"].help_text = f"建议给自己留三成，按现在的余额是 {hint} 元。只是建议，不填就不留。"
        allowed = [(use, words) for use, words in USE_WORDS.items() if use in pack["mutual_aid_use_types"]]
        self.fields["uses"] = forms.several("可以用来付什么", allowed, wrong="请至少选一种用途")
        self.fields["uses"].initial = [use for use, _ in allowed]

    @property
    def more(self) -> list[Any]:
        """The limits few people set."""
        return [self[name] for name in ("settlement_cap", "month_cap", "quota", "reserve", "valid_to")]

    @property
    def more_open(self) -> bool:
        """Whether one of them is set or wrong."""
        return any(bound.value() or bound.errors for bound in self.more)

    @property
    def terms(self) -> Terms:
        """What was asked for."""
        found = self.cleaned_data
        return Terms(
            quota=found["quota"],
            settlement_cap=found["settlement_cap"],
            valid_to=found["valid_to"],
            uses=tuple(found["uses"]),
            month_cap=found["month_cap"],
            year_cap=found["year_cap"],
            reserve=found["reserve"] or 0,
        )


class Offer(Limits):
    """Whom to authorise, and how far."""

    def __init__(self, pack: Pack, balance: Fen | None, people: list[Relative], *args: Any, **kwargs: Any) -> None:
        super().__init__(pack, balance, *args, **kwargs)
        known = [(person.key, f"{person.called} {person.shown}") for person in people]
        whom = forms.choice("帮谁付", [*known, (OTHER, "另一位家人")], wrong="请选一位家人")
        relations = [(word, RELATIONS[word]) for word in CALLED if word in pack["mutual_aid_relations"]]
        own = {
            "whom": whom,
            "name": forms.text("姓名", wrong="请填写 TA 身份证上的姓名", placeholder="身份证上的姓名"),
            "number": forms.text(
                "身份证号", wrong="请填写 TA 的身份证号", most=22, placeholder="18 位", autocapitalize="characters"
            ),
            "relation": forms.choice("TA 是我的", relations, wrong="请选 TA 是您的什么人"),
        }
        self.fields = {**own, **self.fields}
        for name in NAMING:
            self.fields[name].required = not known
        if not known:
            self.fields["whom"].initial = OTHER
        self.people = {person.key: person for person in people}

    def clean(self) -> Any:
        """Somebody who is not in the list yet has to be named."""
        found = super().clean()
        if found.get("whom") == OTHER:
            for name in NAMING:
                if not found.get(name) and name not in self.errors:
                    self.add_error(name, self.fields[name].error_messages["required"])
        return found

    @property
    def names_somebody(self) -> bool:
        """Whether somebody is meant who is known by name and number alone."""
        return bool(self.cleaned_data["whom"] == OTHER)

    def receiver(self, tx: Tx, test_people: bool) -> tuple[PersonRef, str]:
        """Who is meant and what they are to the giver; refuses a number and a name that do not belong together, in the words
        for a number that nobody has."""
        found = self.cleaned_data
        if found["whom"] != OTHER:
            person = self.people[found["whom"]]
            return person.ref, person.relation
        number = "".join(found["number"].split())
        ref = enrolment.find(tx, ID_CARD, number, test_people)
        if enrolment.person(tx, ref).name != found["name"].strip():
            raise Refusal("people.unknown")
        return ref, found["relation"]


def page(request: HttpRequest) -> HttpResponse:
    """Whom I help, who helps me, and what is in my account."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        me = oneself(tx, visitor)
        balance = _balance(tx, visitor)
        given = [_side(tx, found, visitor) for found in aid.given(tx, visitor.ref)]
        received = [_side(tx, found, visitor) for found in aid.received(tx, visitor.ref)]
        house = household.of(tx, visitor.ref)
        quotas = [
            (kin(tx, INVERSE[quota.relation], quota.giver), shown(tx, quota.giver), quota.left)
            for quota in wallet.received(tx, visitor.ref)
        ]
        today = business_date(tx.at)
        pack = library().in_force(me.region, today) if me.region else None
    mine = pack is not None and pack["authoriser_order"] == "user_rank"
    told: dict[str, Any] = {"me": me, "balance": balance, "given": given, "received": received}
    told |= {"may_order": mine and len(received) > 1, "house": house, "quotas": quotas}
    told["may_pause"] = any(side.aid.status == "active" and not side.aid.paused for side in given)
    told["direct"] = _gives_directly(me, today)
    told["pool"] = pack is not None and pack["mutual_aid_mode"] == "pool" and me.base != "resident"
    return render(request, "citizen/aid.html", {**told, "key": new_key()})


def one(request: HttpRequest, key: str) -> HttpResponse:
    """One authorisation, for its giver or its receiver; a post changes, holds back, lets go on, accepts, declines or stops it."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        found = _mine(tx, key, visitor)
        side = _side(tx, found, visitor)
        i_give = found.giver == visitor.ref
        pack = library().in_force(_region(tx, found.giver), business_date(tx.at))
        draws = _draws(tx, found)
        balance = _balance(tx, visitor)
        promised = aid.promised(tx, found.id) if i_give else None
    initial = {name: value for name, value in _initial(found).items() if value is not None}
    form = Limits(pack, balance, request.POST if request.POST.get("do") == "change" else None, initial=initial)
    if request.method == "POST":
        answer = _press(request, visitor, found, form, i_give=i_give)
        if isinstance(answer, HttpResponse):
            return answer
        if answer is not None:
            form.refuse(answer, aid_quota_below_used="quota")
    told = {
        "side": side,
        "form": form,
        "i_give": i_give,
        "draws": draws,
        "pack": pack,
        "promised": promised,
        "done": request.GET.get("done", ""),
    }
    return render(request, "citizen/aid_one.html", told, status=422 if form.errors or form.trouble else 200)


def _press(request: HttpRequest, visitor: Visitor, found: Aid, form: Limits, *, i_give: bool) -> HttpResponse | Outcome | None:
    pressed, me = request.POST.get("do", ""), visitor.ref
    seen = request.POST.get("version", "")
    version = int(seen) if re.fullmatch("[0-9]{1,9}", seen, re.ASCII) else -1
    if pressed == "change" and not (i_give and form.checked()):
        return None
    acts: dict[str, Callable[[Tx], object]] = {
        "change": lambda tx: aid.change(tx, library(), found.id, me, version, form.terms),
        "pause": lambda tx: aid.pause(tx, found.id, me, version),
        "resume": lambda tx: aid.resume(tx, found.id, me, version),
        "wake": lambda tx: aid.wake(tx, found.id, me, version),
        "accept": lambda tx: aid.accept(tx, library(), found.id, me),
        "decline": lambda tx: aid.decline(tx, found.id, me),
        "stop": lambda tx: aid.stop(tx, library(), found.id, me),
    }
    if pressed not in acts:
        raise Http404
    outcome = act(request, acts[pressed])
    if not outcome.done:
        return outcome
    gone = pressed in ("stop", "decline")
    return see_other("/aid" if gone else f"{request.path}?done={pressed}")


def new(request: HttpRequest) -> HttpResponse:
    """Authorise a relative: limits first, then the promise letter they make, then yes to exactly that letter."""
    visitor: Visitor = request.visitor
    test_people = settings.MULAID.allows_test_people
    typed = request.POST if request.method == "POST" else forms.held(request)
    promise: Promise | None = None
    with reading(visitor.actor) as tx:
        me = oneself(tx, visitor)
        pack = library().in_force(me.region, business_date(tx.at))
        have = {found.receiver for found in aid.given(tx, visitor.ref)}
        people = [person for person in relatives(tx, visitor) if person.ref not in have]
        chosen = {"whom": request.GET["whom"]} if "whom" in request.GET else None
        form = Offer(pack, _balance(tx, visitor), people, typed, initial=chosen)
        too_often = form.checked() and form.names_somebody and counted(visitor) if typed is not None else None
        if too_often:
            form.refuse(too_often)
        elif typed is not None and form.checked():
            try:
                receiver, relation = form.receiver(tx, test_people)
                promise = aid.promise(tx, library(), visitor.ref, receiver, relation, form.terms)
            except Refusal as no:
                _beside(form, no)
    if promise and request.method == "POST" and request.POST.get("agreed"):
        outcome = act(request, lambda tx: _offer(tx, visitor, form, test_people, request.POST["agreed"]))
        if outcome.done:
            return see_other(f"/aid/{outcome.told['key']}?done=new")
        form.refuse(outcome, **PLACES)
    status = 422 if typed is not None and (form.errors or form.trouble) else 200
    told = {"me": me, "form": form, "promise": promise, "pack": pack}
    return render(request, "citizen/aid_new.html", told, status=status)


def _beside(form: forms.Form, no: Refusal) -> None:
    place = "number" if no.code.startswith("identity.") else PLACES.get(no.code.replace(".", "_"), "")
    form.refuse(Outcome({}, no.code, no.says, no.next), **{no.code.replace(".", "_"): place})


def _offer(tx: Tx, visitor: Visitor, form: Offer, test_people: bool, agreed: str) -> dict[str, Any]:
    receiver, relation = form.receiver(tx, test_people)
    made = aid.offer(tx, library(), visitor.ref, receiver, relation, form.terms, agreed=agreed)
    return {"key": refs.show(refs.RELATION, made)}


class Gift(forms.Form):
    """Money for a relative's own account, at once and for good."""

    def __init__(self, people: list[Relative], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [(person.key, f"{person.called} {person.shown}") for person in people]
        self.fields["whom"] = forms.choice("转给谁", known, wrong="请选一位家人", initial=known[0][0] if len(known) == 1 else "")
        self.fields["amount"] = forms.Yuan(label="转多少", error_messages={"required": "请填写金额，例如 200.00"})


def give(request: HttpRequest) -> HttpResponse:
    """Money straight into a relative's account, where the region has that between employees: shown first, then given."""
    visitor: Visitor = request.visitor
    typed = request.POST if request.method == "POST" else forms.held(request)
    with reading(visitor.actor) as tx:
        me = oneself(tx, visitor)
        if not _gives_directly(me, business_date(tx.at)):
            raise Http404
        people = {one.key: one for one in relatives(tx, visitor) if one.base != "resident"}
        balance = _balance(tx, visitor)
    form, sure = Gift(list(people.values()), typed), None
    if typed is not None and form.checked():
        whom, fen = people[form.cleaned_data["whom"]], form.cleaned_data["amount"]
        sure = whom
        if request.method == "POST" and request.POST.get("do") == "give":
            outcome = act(request, lambda tx: wallet.give_directly(tx, library(), visitor.ref, whom.ref, whom.relation, fen))
            if outcome.done:
                return see_other("/aid/give?done=1")
            form.refuse(outcome, wallet_below_floor="amount", wallet_receiver_has_no_account="whom", aid_member_suspended="whom")
            sure = None
    told = {"form": form, "sure": sure, "people": people, "balance": balance, "done": "done" in request.GET}
    return render(request, "citizen/aid_give.html", told, status=422 if form.errors or form.trouble else 200)


def _gives_directly(me: Relative, today: date) -> bool:
    return bool(me.region) and me.base != "resident" and library().in_force(me.region, today)["direct_transfer_between_employees"]


def order(request: HttpRequest) -> HttpResponse:
    """Who of my helpers pays first: one is moved up."""
    visitor: Visitor = request.visitor

    def work(tx: Tx) -> None:
        now = [found.id for found in aid.received(tx, visitor.ref)]
        moved = _parse(request.POST.get("up", ""))
        place = now.index(moved) if moved in now else 0
        if place:
            now[place - 1], now[place] = now[place], now[place - 1]
        aid.arrange(tx, library(), visitor.ref, now)

    outcome = act(request, work)
    return see_other("/aid" if outcome.done else f"/aid?no={outcome.refused}")


def stop_all(request: HttpRequest) -> HttpResponse:
    """Hold everything back that I give; each can go on again by itself."""
    visitor: Visitor = request.visitor

    def work(tx: Tx) -> None:
        for found in aid.given(tx, visitor.ref):
            if found.status == "active" and not found.paused:
                aid.pause(tx, found.id, visitor.ref, found.version)

    act(request, work)
    return see_other("/aid")


def _mine(tx: Tx, key: str, visitor: Visitor) -> Aid:
    try:
        found = aid.find(tx, _parse(key))
    except Refusal:
        raise Http404 from None
    if visitor.ref not in (found.giver, found.receiver) or not found.living:
        raise Http404
    return found


def _parse(key: str) -> UUID:
    try:
        return refs.parse(refs.RELATION, key)
    except Refusal:
        raise Http404 from None


def _side(tx: Tx, found: Aid, visitor: Visitor) -> Side:
    i_give = found.giver == visitor.ref
    other = found.receiver if i_give else found.giver
    words = RELATIONS[found.relation] if i_give else INVERSE[found.relation]
    month, year, _ = found.used_in(business_date(tx.at))
    state = WAITS[found.waits_for] if found.waits_for else "已暂停" if found.paused else STATES[found.status]
    return Side(found, refs.show(refs.RELATION, found.id), shown(tx, other), kin(tx, words, other), state, month, year, new_key())


def _initial(found: Aid) -> dict[str, Any]:
    terms = found.terms
    amounts = {name: getattr(terms, name) for name in ("quota", "settlement_cap", "month_cap", "year_cap")}
    told: dict[str, Any] = {name: yuan(fen) if fen is not None else None for name, fen in amounts.items()}
    return {
        **told,
        "reserve": yuan(terms.reserve) if terms.reserve else None,
        "valid_to": terms.valid_to,
        "uses": list(found.uses),
    }


def _balance(tx: Tx, visitor: Visitor) -> Fen | None:
    return statement.balances(tx, visitor.ref.book, visitor.ref.id).get(chart.OWN)


def _region(tx: Tx, giver: PersonRef) -> str:
    return enrolment.enrolled(tx, giver, business_date(tx.at)).region


def _draws(tx: Tx, found: Aid) -> list[Draw]:
    """The newest payments under an authorisation, and what came back."""
    rows = tx.all(SQL.draws, book=found.receiver.book, person=found.receiver.id, aid=str(found.id), most=DRAWS)
    return [Draw(row["settled_at"], row["place"], row["fen"], refs.show(refs.SETTLEMENT, row["id"])) for row in rows]
