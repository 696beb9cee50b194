"""Premiums: pay mine or a relative's from my account, whole; see what was paid, and give it back while there is time."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid import refs
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.people import aid, household
from mulaid.people.eligibility import shown
from mulaid.people.enrolment import PersonRef, enrolled
from mulaid.policy.explain import RELATIONS
from mulaid.policy.pack import library
from mulaid.policy.premium import SCHEMES
from mulaid.refusal import Refusal
from mulaid.settlement import premium
from mulaid.settlement.premium import Order, Paid
from mulaid.web import forms
from mulaid.web.citizen.relatives import ME, bond_of, kin, oneself
from mulaid.web.reading import Outcome, act, reading, see_other
from mulaid.web.visitor import Visitor

PLACES = {
    "premium_amount_needed": "stated", "premium_amount_differs": "stated", "premium_wrong_year": "year",
    "premium_out_of_scope": "scheme", "premium_already_paid": "year", "premium_relation_not_active": "who",
}  # fmt: skip
STATED = ("city_supplement", "commercial")
"""What an insurer prices; the others the agency does."""


class Asked(forms.Form):
    """Whose premium, which insurance, which year."""

    stated = forms.Yuan(label="保险公司通知的保费", required=False, help_text="只有商业保险、补充医保才要填。")

    def __init__(self, people: list[tuple[str, str]], schemes: list[str], years: list[int], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {
            "who": forms.choice("给谁缴", people, wrong="请选给谁缴", initial=people[0][0] if len(people) == 1 else ""),
            "scheme": forms.choice("缴哪种保险", [(word, SCHEMES[word]) for word in schemes], wrong="请选一种保险"),
            "year": forms.choice(
                "哪一年的", [(str(year), f"{year} 年度") for year in years], wrong="请选年度", initial=str(years[-1])
            ),
        }
        self.fields = {**own, **self.fields}
        if not set(schemes) & set(STATED):
            del self.fields["stated"]


def page(request: HttpRequest) -> HttpResponse:
    """What can be paid, and once it is asked what paying would take; a second yes pays."""
    visitor: Visitor = request.visitor
    typed = request.POST if request.method == "POST" else forms.held(request)
    shown_first: Paid | None = None
    with reading(visitor.actor) as tx:
        given = {refs.show(refs.RELATION, found.id): found for found in aid.given(tx, visitor.ref) if found.status == "active"}
        people = [
            (key, f"{kin(tx, RELATIONS[found.relation], found.receiver)}（{shown(tx, found.receiver)}）")
            for key, found in given.items()
        ]
        pack = _pack(tx, visitor)
        today = business_date(tx.at)
        schemes = [word for word in SCHEMES if word in pack["payable_premium_schemes"]] if pack else []
        form = Asked([*people, (ME, "我自己")], schemes, [today.year, today.year + 1], typed)
        if typed is not None and form.checked():
            try:
                shown_first = premium.preview(tx, library(), _order(visitor, given, form))
            except Refusal as no:
                code = no.code.replace(".", "_")
                place = PLACES.get(code, "")
                form.refuse(Outcome({}, no.code, no.says, no.next), **({code: place} if place else {}))
        paid = _paid(tx, visitor)
        account = oneself(tx, visitor).base in ("active", "retired") or household.of(tx, visitor.ref) is not None
    if shown_first and request.method == "POST" and request.POST.get("do") == "pay":
        outcome = act(request, lambda tx: {"fen": premium.pay(tx, library(), _order(visitor, given, form)).fen})
        if outcome.done:
            return see_other("/premiums?done=pay")
        form.refuse(outcome)
    told = {
        "form": form,
        "first": shown_first,
        "paid": paid,
        "schemes": schemes,
        "account": account,
        "year_now": today.year,
        "done": request.GET.get("done", ""),
    }
    wrong = typed is not None and (form.errors or form.trouble)
    return render(request, "citizen/premiums.html", told, status=422 if wrong else 200)


def back(request: HttpRequest) -> HttpResponse:
    """Give a premium back."""
    visitor: Visitor = request.visitor
    ref = bond_of(request.POST.get("premium", ""))
    outcome = act(request, lambda tx: premium.refund(tx, library(), ref, visitor.ref))
    if outcome.done:
        return see_other("/premiums?done=back")
    return render(request, "citizen/sorry.html", {"says": outcome.says, "next": outcome.next, "page": "/premiums"}, status=409)


def _order(visitor: Visitor, given: dict[str, aid.Aid], form: Asked) -> Order:
    found = form.cleaned_data
    person = visitor.ref if found["who"] == ME else given[found["who"]].receiver
    return Order(visitor.ref, person, found["scheme"], int(found["year"]), stated=found.get("stated"))


def _pack(tx: Tx, visitor: Visitor) -> Any:
    try:
        enrolment = enrolled(tx, visitor.ref, business_date(tx.at))
    except Refusal:
        return None
    return library().in_force(enrolment.region, business_date(tx.at))


def _paid(tx: Tx, visitor: Visitor) -> list[dict[str, Any]]:
    rows = [*premium.paid_for(tx, visitor.ref), *premium.given_by(tx, visitor.ref)]
    seen: dict[Any, dict[str, Any]] = {}
    for row in rows:
        who = "我" if row["person"] == visitor.ref.id else shown(tx, PersonRef(row["book"], row["person"]))
        scheme = SCHEMES.get(row["scheme"], row["scheme"])
        seen[row["id"]] = {**row, "key": refs.show(refs.RELATION, row["id"]), "who": who, "scheme": scheme}
    return sorted(seen.values(), key=lambda row: row["id"], reverse=True)
