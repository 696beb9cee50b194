"""The household account, where a region does mutual aid that way: open it, pay in, take relatives in, leave, close."""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid import refs
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.ledger import chart, statement
from mulaid.people import household
from mulaid.people.eligibility import shown
from mulaid.people.enrolment import PersonRef
from mulaid.people.household import Household, Invitation
from mulaid.policy.explain import INVERSE, RELATIONS
from mulaid.policy.pack import library
from mulaid.web import forms
from mulaid.web.citizen.relatives import oneself, relatives
from mulaid.web.reading import act, reading, see_other
from mulaid.web.visitor import Visitor

POOL = "pool"


class Transfer(forms.Form):
    """Money from my account into the household's."""

    amount = forms.Yuan(label="转入多少", error_messages={"required": "请填写金额，例如 200.00"})


def page(request: HttpRequest) -> HttpResponse:
    """The household the visitor is in, or how to come to one; a post does one thing to it."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        me = oneself(tx, visitor)
        pack = library().in_force(me.region, business_date(tx.at)) if me.region else None
        found = household.of(tx, visitor.ref)
        asked = household.invitations(tx, visitor.ref)
        hosts = {one.id: shown(tx, household.find(tx, one.household).head) for one in asked}
        inside = {member.person for member in found.members} if found else set()
        others = {person.key: person for person in relatives(tx, visitor) if person.ref not in inside}
        balance = statement.balances(tx, visitor.ref.book, visitor.ref.id).get(chart.OWN)
    form = Transfer(request.POST if request.POST.get("do") == "transfer" else None)
    if request.method == "POST":
        people = {key: (person.ref, person.relation) for key, person in others.items()}
        answer = _press(request, visitor, found, asked, form, people)
        if answer is not None:
            return answer
    told = {
        "me": me, "house": found, "asked": [(one, hosts[one.id], INVERSE.get(one.relation, "家人"), _key(one)) for one in asked],
        "others": others.values(), "balance": balance, "form": form, "head": found is not None and found.head == visitor.ref,
        "members": [(member, RELATIONS.get(member.relation, "户主"), refs.show(refs.PERSON, member.person.id))
                    for member in (found.members if found else ())],
        "here": pack is not None and pack["mutual_aid_mode"] == POOL,
        "may_fund": pack is not None and pack["pool_members_may_fund"],
        "invites": pack is not None and pack["mutual_aid_acceptance"], "done": request.GET.get("done", ""),
    }  # fmt: skip
    return render(request, "citizen/household.html", told, status=422 if form.errors or form.trouble else 200)


def _press(
    request: HttpRequest,
    visitor: Visitor,
    found: Household | None,
    asked: list[Invitation],
    form: Transfer,
    people: dict[str, tuple[PersonRef, str]],
) -> HttpResponse | None:
    """The button that was pressed; nothing when the page has to be shown again."""
    pressed, me = request.POST.get("do", ""), visitor.ref
    invitation = next((one.id for one in asked if _key(one) == request.POST.get("invitation")), None)
    person, relation = people.get(request.POST.get("who", ""), (me, ""))
    acts: dict[str, Callable[[Tx], object]] = {"open": lambda tx: household.open_household(tx, library(), me)}
    if invitation is not None:
        acts |= {
            "join": lambda tx: household.join(tx, library(), invitation, me),
            "decline": lambda tx: household.decline(tx, invitation, me),
        }
    if found is not None:
        house = found.ref
        gone = next(
            (one.person for one in found.members if refs.show(refs.PERSON, one.person.id) == request.POST.get("member")), me
        )
        acts |= {
            "transfer": lambda tx: household.transfer(tx, library(), house, me, form.cleaned_data["amount"]),
            "add": lambda tx: household.add_member(tx, library(), house, me, person, relation),
            "invite": lambda tx: household.invite(tx, library(), house, me, person, relation),
            "remove": lambda tx: household.remove_member(tx, library(), house, me, gone),
            "leave": lambda tx: household.leave(tx, library(), house, me),
            "close": lambda tx: household.close(tx, library(), house, me),
        }
    if pressed not in acts or (pressed in ("add", "invite") and not relation):
        raise Http404
    if pressed == "transfer" and not form.checked():
        return None
    outcome = act(request, acts[pressed])
    if outcome.done:
        return see_other(f"/household?done={pressed}")
    form.refuse(outcome, household_below_floor="amount", household_bad_amount="amount")
    return None


def _key(one: Invitation) -> str:
    return refs.show(refs.RELATION, one.id)
