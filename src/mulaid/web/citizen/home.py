"""Home, bills, one bill's receipt, news; and help, where each answer holds for the place where the reader is insured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid import refs
from mulaid.calendar import business_date
from mulaid.db import Row, Tx
from mulaid.ledger import chart, statement
from mulaid.money import Fen
from mulaid.people import aid, credential, household, standing, wallet
from mulaid.people import family as bonds
from mulaid.policy.channels import where
from mulaid.policy.pack import library
from mulaid.policy.parameters import HOLDINGS
from mulaid.policy.questions import answers
from mulaid.policy.waiting import entrances, papers
from mulaid.refusal import Refusal
from mulaid.settlement import pay
from mulaid.web import whose
from mulaid.web.citizen.relatives import SQL, Relative, family, one, oneself
from mulaid.web.reading import alone, reading
from mulaid.web.visitor import Visitor
from mulaid.web.words import region

LATEST, LISTED, NEWS = 3, 30, 50
ACTIONS = {"bind_family": "添加家人", "unbind_family": "解除家人", "open_aid": "办理家庭共济", "family_costs": "看家人的费用"}
NATION = "000000"


@dataclass(frozen=True, slots=True)
class Bill:
    """One row of a list of bills."""

    number: str
    who: str
    place: str
    at: Any
    total: Fen
    state: str
    paid: str


def page(request: HttpRequest) -> HttpResponse:
    """The family, what can be done for it, and what happened last."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        people = family(tx, visitor)
        latest = bills(tx, [person for person in people if person.readable], LATEST)
        money = {
            "balance": statement.balances(tx, visitor.ref.book, visitor.ref.id).get(chart.OWN),
            "given": len(aid.given(tx, visitor.ref)),
            "received": len(aid.received(tx, visitor.ref)) + len(wallet.received(tx, visitor.ref)),
            "house": household.of(tx, visitor.ref),
        }
        frozen = credential.way(tx, library(), visitor.ref, visitor.ref).frozen_at is not None
        benefits, today = standing.benefits_from(tx, visitor.ref), business_date(tx.at)
    # Who is not insured at all, or has stopped, is told so, not of a day that nobody knows.
    stopped = benefits["outpatient"] is None
    later = {use: since for use, since in benefits.items() if since is not None and since > today}
    me, others = people[0], people[1:]
    # In large type one code is the largest button: that of the older of the two, who needs it more often.
    first, after = sorted((me, others[0]), key=lambda one: one.born) if others else (me, None)
    told = {"me": me, "others": others, "first": first, "next": after, "bills": latest, "later": later, "stopped": stopped}
    told["frozen"] = frozen
    return render(request, "citizen/home.html", {**told, **money})


def all_bills(request: HttpRequest) -> HttpResponse:
    """The bills of one of the family. Whoever reads a relative's is written down, and does not without the relative's leave."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        people = family(tx, visitor)
        who = one(tx, visitor, request.GET.get("who", people[0].key))
        found = bills(tx, [who], LISTED)
    told = {"people": people, "who": who, "bills": found, "refusal": None}
    try:
        alone(lambda tx: bonds.read_costs(tx, who.ref, visitor.ref), by=visitor.actor)
    except Refusal as refusal:
        told |= {"bills": [], "refusal": refusal}
    return render(request, "citizen/bills.html", told)


def bill(request: HttpRequest, number: str) -> HttpResponse:
    """One bill: whose money paid it and why. Not found for anybody but the patient and whom the patient lets read."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        try:
            row = pay.find(tx, refs.parse(refs.SETTLEMENT, number))
        except Refusal:
            raise Http404 from None
        if row["person"] not in _read(tx, visitor):
            raise Http404
        told = whose.tell(tx, number)
    return render(request, "citizen/bill.html", {"told": told, "told_at": "bill"})


def news(request: HttpRequest) -> HttpResponse:
    """What the visitor was told."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        rows = tx.all(SQL.news, book=visitor.ref.book, person=visitor.ref.id, most=NEWS)
        mine = _read(tx, visitor)
        told = [{**row, "number": _about(tx, row, mine)} for row in rows]
    return render(request, "citizen/news.html", {"news": told})


def _read(tx: Tx, visitor: Visitor) -> set[UUID]:
    """Whose bills the visitor may open."""
    return {person.ref.id for person in family(tx, visitor) if person.readable}


def _about(tx: Tx, row: Row, mine: set[Any]) -> str:
    """The number of the bill a message is about, where the reader may open it."""
    if row["about"] is None:
        return ""
    try:
        bill = pay.find(tx, row["about"])
    except Refusal:
        return ""
    return refs.show(refs.SETTLEMENT, row["about"]) if bill["person"] in mine else ""


def bills(tx: Tx, people: list[Relative], most: int) -> list[Bill]:
    """The newest bills of these people, newest first."""
    found = []
    for person in people:
        for row in tx.all(SQL.bills, book=person.ref.book, person=person.ref.id, most=most):
            state = whose.REFUND if row["refunds"] else whose.RETURNED if row["refunded_by"] else ""
            found.append(
                (row["id"], Bill(refs.show(refs.SETTLEMENT, row["id"]), person.called, row["place"], row["settled_at"],
                                 row["total"], state, whose.glance(row["funds"], row["own"], row["family"], row["cash"])))
            )  # fmt: skip
    return [bill for _, bill in sorted(found, key=lambda pair: pair[0], reverse=True)[:most]]


def questions(request: HttpRequest) -> HttpResponse:
    """Questions and answers, and menu paths of the other channels."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        code = oneself(tx, visitor).region or NATION
        pack = library().in_force(code, business_date(tx.at))
    ways = [(says, where(action, code)) for action, says in ACTIONS.items()]
    told = {
        "answers": answers(pack),
        "ways": ways,
        "entrances": [(way, papers(way)) for way in entrances(pack, HOLDINGS, 0)],
        "place": region(code),
        "hotline": pack["hotline"],
    }
    return render(request, "citizen/help.html", told)
