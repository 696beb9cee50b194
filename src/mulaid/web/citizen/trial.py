"""Whose money would pay: try an amount before paying, by the same gathering and law that a settlement uses."""

from __future__ import annotations

from typing import Any

from django import forms as django_forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid.calendar import SHANGHAI, business_date
from mulaid.db import Tx
from mulaid.ledger import chart, statement
from mulaid.policy.facts import Facts, Giver, Portion
from mulaid.policy.hints import Hint
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.settlement.visit import Institution
from mulaid.settlement.whose import what_would_help, whose_money
from mulaid.web import forms, whose
from mulaid.web.citizen.relatives import Relative, family, one, oneself
from mulaid.web.reading import reading
from mulaid.web.visitor import Visitor

PLACES = (
    ("pharmacy", "药店"), ("primary", "社区医院、卫生院"), ("L1", "一级医院"), ("L2", "二级医院"), ("L3", "三级医院"),
)  # fmt: skip


class Question(forms.Form):
    """What somebody wants to know before paying."""

    amount = forms.Yuan(label="假如一共花", most=1_000_000_00, error_messages={"required": "请填写金额，例如 386.40"})
    place = forms.choice("在哪里看病、买药", PLACES, wrong="请选一种地方", initial="L3")
    outside = forms.Yuan(
        label="其中医保不报销的", required=False, least=0, most=1_000_000_00, help_text="自费药、保健品这些。不清楚就不填。"
    )
    accounts = django_forms.BooleanField(label="用自己和家人的个人账户付", required=False, initial=True)

    def clean(self) -> Any:
        """The part not covered is a part of the whole."""
        found = super().clean()
        if found.get("outside") and found.get("amount") and found["outside"] > found["amount"]:
            self.add_error("outside", "不能比一共花的钱还多")
        return found


def page(request: HttpRequest) -> HttpResponse:
    """The question, and once it is asked the answer with every rule and source."""
    visitor: Visitor = request.visitor
    asked = "amount" in request.GET
    form = Question(request.GET if asked else None)
    trial, refusal, status = None, None, 200
    hints: tuple[Hint, ...] = ()
    with reading(visitor.actor) as tx:
        people = family(tx, visitor)
        who = one(tx, visitor, request.GET.get("who", people[0].key))
        if asked and form.checked():
            try:
                trial, hints = _try(tx, visitor, who, form.cleaned_data)
            except Refusal as no:
                refusal = no
        elif asked:
            status = 422
    told = {"people": people, "who": who, "form": form, "told": trial, "hints": hints, "refusal": refusal}
    return render(request, "citizen/try.html", told, status=status)


def _try(tx: Tx, visitor: Visitor, who: Relative, asked: dict[str, Any]) -> tuple[whose.Trial, tuple[Hint, ...]]:
    place = asked["place"]
    kind = 2 if place == "pharmacy" else 1
    somewhere = Institution("", "", kind, who.region, place, who.ref.book)
    outside = asked["outside"] or 0
    portions = [Portion("", asked["amount"] - outside, 0, 0, outside)]
    told = whose_money(tx, library(), who.ref, somewhere, portions, on=business_date(tx.at), use_accounts=asked["accounts"])
    hints = what_would_help(library(), told, _me(tx, visitor, who, told.facts))
    return whose.trial(told, who.called if who.is_me else who.shown), hints


def _me(tx: Tx, visitor: Visitor, who: Relative, facts: Facts) -> tuple[Giver, ...]:
    """The visitor as one who could help but has not authorised yet."""
    me = oneself(tx, visitor)
    if who.is_me or me.base in ("", "resident") or any(giver.person == str(visitor.ref.id) for giver in facts.givers):
        return ()
    now = tx.at.astimezone(SHANGHAI).isoformat()[:19]
    held = statement.balances(tx, visitor.ref.book, visitor.ref.id)
    return (
        Giver(
            aid="me",
            person=str(visitor.ref.id),
            shown=me.shown,
            relation=who.relation,
            region=me.region,
            status=me.status,
            filed=now,
            bound=now,
            account=held.get(chart.OWN, 0),
            current_year=held.get(chart.CURRENT_YEAR, 0),
        ),
    )
