"""One relative: what I call TA, since when, what I did in TA's name, activation, and parting."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid import refs
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.people import binding, credential, standing
from mulaid.people import face as checks
from mulaid.people import family as bonds
from mulaid.people.application import BOUND, STATES
from mulaid.policy.explain import RELATIONS
from mulaid.policy.pack import library
from mulaid.web import forms
from mulaid.web.citizen import faces
from mulaid.web.citizen.relatives import SQL, Relative, one, relatives
from mulaid.web.reading import Outcome, act, reading, see_other
from mulaid.web.visitor import Visitor
from mulaid.web.words import CALLED

USES = 20
ACTS = {"code": "出示了医保码", "card": "打印了就医卡", "costs": "看了费用", "care": "看了或办了异地就医备案"}


class Naming(forms.Form):
    """What I call a relative, and what TA is to me."""

    label = forms.text("我叫 TA", wrong="", most=12, required=False, help_text="只有您自己看得到，例如：老爸。")

    def __init__(self, relations: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        options = [(word, RELATIONS[word]) for word in CALLED if word in relations]
        self.fields["relation"] = forms.choice("TA 是我的", options, wrong="请选 TA 是您的什么人")


def everybody(request: HttpRequest) -> HttpResponse:
    """Whose codes I may show, and what I asked for."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        others = relatives(tx, visitor)
        asked = [
            {"request": one, "key": refs.show(refs.RELATION, one.id), "state": STATES[one.state]}
            for one in binding.asked_by(tx, library(), visitor.ref)
            if one.state != BOUND
        ]
    return render(request, "citizen/family.html", {"others": others, "asked": asked})


def page(request: HttpRequest, key: str) -> HttpResponse:
    """One relative; a post renames, activates or parts."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        who = one(tx, visitor, key)
        if who.bond is None:
            raise Http404
        bond = who.bond
        pack = bonds.pack_of(tx, library(), visitor.ref)
        way = credential.way(tx, library(), visitor.ref, who.ref)
        benefits, today = standing.benefits_from(tx, who.ref), business_date(tx.at)
        uses = told_uses(tx, bonds.uses(tx, who.ref, USES, visitor.ref))
        notice = credential.face_notice(tx, who.ref) if way.next == "face" else None
    relations = sorted({*pack["family_account_relations"], bond.relation})
    pressed = request.POST.get("do", "")
    typed = request.POST if pressed == "name" else None
    form = Naming(relations, typed, initial={"label": bond.label, "relation": bond.relation})
    acts = {
        "name": lambda tx: bonds.change(
            tx, library(), bond.id, visitor.ref, label=form.cleaned_data["label"].strip(), relation=form.cleaned_data["relation"]
        ),
        "activate": lambda tx: credential.activate_young(tx, library(), visitor.ref, who.ref),
        "freeze": lambda tx: credential.freeze(tx, who.ref, visitor.ref, "家人申请"),
        "part": lambda tx: bonds.part(tx, library(), bond.id, visitor.ref),
    }
    if request.method == "POST" and pressed == "face":
        answer = begin_activation(request, who)
        if isinstance(answer, HttpResponse):
            return answer
        form.trouble = answer
    elif request.method == "POST":
        if pressed not in acts:
            raise Http404
        if pressed != "name" or form.checked():
            outcome = act(request, acts[pressed])
            if outcome.done:
                address = "/family" if pressed == "part" else f"{request.path}?done={pressed}"
                return see_other(address)
            form.refuse(outcome, family_bad_label="label", family_relation_limit="relation", family_relation_fixed="relation")
    told = {"who": who, "form": form, "way": way, "uses": uses, "notice": notice, "done": request.GET.get("done", "")}
    told |= {"benefits": benefits, "today": today}
    return render(request, "citizen/member.html", told, status=422 if form.errors or form.trouble else 200)


def begin_activation(request: HttpRequest, who: Relative) -> HttpResponse | Outcome:
    """A look at the face of whose credential comes to life; the page handed back the hash of the notice it showed."""
    visitor, agreed = request.visitor, request.POST.get("notice", "")
    return faces.start(
        request,
        lambda tx: credential.begin_activation(tx, library(), visitor.ref, who.ref, agreed),
        purpose=checks.ACTIVATE,
        key=who.key,
    )


def told_uses(tx: Tx, uses: list[bonds.Use]) -> list[dict[str, Any]]:
    """Acts in somebody's name, in words."""
    told = []
    for use in uses:
        place = tx.one(SQL.place, code=use.reader) if use.reader else None
        what = ACTS.get(use.act, use.act) + (f"（{bonds.PURPOSES[use.purpose]}）" if use.purpose in bonds.PURPOSES else "")
        told.append({"at": use.at, "who": use.binder, "what": what, "place": place["name"] if place else ""})
    return told
