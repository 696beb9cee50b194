"""Help: what people ask, answered by the rules in force where the visitor is insured, and where to tap in other programs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid.calendar import business_date
from mulaid.policy.channels import where
from mulaid.policy.pack import library
from mulaid.policy.questions import answers
from mulaid.web.citizen.relatives import oneself
from mulaid.web.reading import reading
from mulaid.web.visitor import Visitor
from mulaid.web.words import region

ACTIONS = {"bind_family": "添加家人", "unbind_family": "解除家人", "open_aid": "办理家庭共济", "family_costs": "看家人的费用"}
NATION = "000000"


def page(request: HttpRequest) -> HttpResponse:
    """Questions and answers, and menu paths of the other channels."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        code = oneself(tx, visitor).region or NATION
        pack = library().in_force(code, business_date(tx.at))
    ways = [(says, where(action, code)) for action, says in ACTIONS.items()]
    told = {"answers": answers(pack), "ways": ways, "place": region(code), "hotline": pack["hotline"]}
    return render(request, "citizen/help.html", told)
