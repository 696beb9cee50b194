"""The start page, a family's story to try from it, and the page of one settlement: all for demonstrations.

Elsewhere nothing is told to the unsigned. The story is to bind, authorise, show, pay, and see whose money paid. Its pages are the
ones everybody uses; it only signs in the right person and fills in what would have to be typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render

from mulaid import refs
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.people import aid, enrolment
from mulaid.people import family as bonds
from mulaid.people.enrolment import PersonRef
from mulaid.people.family import Bond
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.web import visitor as door
from mulaid.web import whose
from mulaid.web.citizen.relatives import SQL
from mulaid.web.reading import reading, see_other

LISTED = 5
NOT_FOUND = 404
CHILD, PARENT = "刘洋", "刘秀兰"
MOST = 400
STEPS = (
    ("bind", "为妈妈开通亲情账户", "刘洋要帮妈妈出示医保码。姓名和证件号已经填好，上传用演示图片，刷脸也是演示。"),
    ("aid", "授权妈妈用我的钱", "妈妈账户里只有 50 元。看完承诺书，点同意。"),
    ("code", "出示妈妈的医保码，拿到收银台去扫", "在收银台买两盒血糖试纸：试算、结算。"),
    ("whose", "看扣了谁的钱", "先扣妈妈的，不够再扣刘洋的，每一步都有依据。"),
)


def page(request: HttpRequest) -> HttpResponse:
    """What this is, what to try, and the newest settlement told as whose money paid; outside a demonstration, the way in."""
    if settings.MULAID.profile != "demo":
        return HttpResponseRedirect("/home")
    with reading() as tx:
        recent = whose.newest(tx, LISTED)
        # A refund tells who got money back; the question of this page is who paid, so the settlement before it is told.
        paid = next((brief for brief in recent if brief.state != whose.REFUND), recent[0] if recent else None)
        told = whose.tell(tx, paid.number) if paid else None
        done = steps(tx)
    return render(
        request, "start.html", {"told": told, "recent": recent, "steps": done, "gateway_port": settings.MULAID.gateway_port}
    )


def settlement(request: HttpRequest, number: str) -> HttpResponse:
    """One settlement or refund, rule by rule. Refuses a number nobody has."""
    try:
        with reading() as tx:
            told = whose.tell(tx, number)
    except Refusal as refusal:
        if refusal.status != NOT_FOUND:
            raise
        raise Http404(refusal.code) from None
    return render(request, "whose.html", {"told": told})


def health(request: HttpRequest) -> HttpResponse:
    """Whether this process answers."""
    return JsonResponse({"ready": True})


@dataclass(frozen=True, slots=True)
class Step:
    """One step as the start page shows it."""

    name: str
    title: str
    says: str
    done: bool
    next: bool


@dataclass(frozen=True, slots=True)
class _Cast:
    child: PersonRef
    parent: PersonRef
    number: str
    bond: Bond | None
    given: bool
    paid: bool


def steps(tx: Tx) -> list[Step]:
    """How far the story has come; nothing where its people are not there."""
    cast = _cast(tx)
    if cast is None:
        return []
    done = {"bind": cast.bond is not None, "aid": cast.given, "code": cast.paid, "whose": False}
    first = next(name for name, *_ in STEPS if not done[name])
    return [Step(name, title, says, done[name], name == first) for name, title, says in STEPS]


def go(request: HttpRequest, step: str) -> HttpResponse:
    """Take the next step as the child."""
    with reading() as tx:
        cast = _cast(tx)
        if cast is None or step not in {name for name, *_ in STEPS}:
            raise Http404
        pack = library().in_force(enrolment.enrolled(tx, cast.child, business_date(tx.at)).region, business_date(tx.at))
    if request.visitor is None or request.visitor.ref != cast.child or step in ("bind", "aid"):
        door.sign_in(request, cast.child, door.SANDBOX)
    request.session["story"] = step
    key = refs.show(refs.RELATION, cast.bond.id) if cast.bond else ""
    if step == "bind" or not key:
        typed = urlencode({"relation": "parent", "name": PARENT, "number": cast.number})
        return _filled(request, "/bind", typed)
    if step == "aid":
        uses = [("uses", use) for use in pack["mutual_aid_use_types"]]
        return _filled(request, "/aid/new", urlencode([("whom", key), ("year_cap", "2000.00"), *uses]))
    address = f"/code/{key}?for=buy" if step == "code" else f"/bills?who={key}"
    return see_other(address)


def _filled(request: HttpRequest, path: str, typed: str) -> HttpResponse:
    request.session[door.HELD] = {"path": path, "typed": typed}
    return see_other(path)


def _cast(tx: Tx) -> _Cast | None:
    found: dict[str, PersonRef] = {}
    for row in tx.all(door.SQL.made_up_people, on=business_date(tx.at), most=MOST):
        name = tx.keys.open_text("person", f"person|name|{row['id']}", row["name"])
        if name in (CHILD, PARENT):
            found[name] = PersonRef(row["book"], row["id"])
    if len(found) < len((CHILD, PARENT)):
        return None
    child, parent = found[CHILD], found[PARENT]
    bond = next((bond for bond in bonds.members(tx, child) if bond.member == parent), None)
    given = any(one.receiver == parent for one in aid.given(tx, child))
    paid = bool(tx.all(SQL.bills, book=parent.book, person=parent.id, most=1))
    return _Cast(child, parent, enrolment.person(tx, parent).number, bond, given, paid)
