"""The visitor's own rights: who can show the code, who looked, where one is signed in."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from mulaid import refs
from mulaid.db import Row, Tx
from mulaid.people.enrolment import PersonRef
from mulaid.policy.explain import INVERSE
from mulaid.web import visitor as door
from mulaid.web.citizen.relatives import SQL
from mulaid.web.reading import reading
from mulaid.web.visitor import Visitor

LOOKS = 20
ACTS = {
    "show_code": "出示了医保码", "decode_code": "医院、药店扫了医保码", "read_costs": "看了年度费用",
    "bind_family": "开通了亲情账户", "unbind_family": "解除了亲情账户",
}  # fmt: skip
SEE_OTHER = 303


def watchers(request: HttpRequest) -> HttpResponse:
    """Who can show the visitor's code, and who did what with it."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        rows = tx.all(SQL.watchers, book=visitor.ref.book, person=visitor.ref.id)
        found = [{**row, "shown": _shown(tx, row["binder"]), "word": INVERSE.get(row["relation"], "家人")} for row in rows]
        looks = [
            {"at": row["at"], "what": ACTS[row["act"]], "who": _who(tx, row, visitor)}
            for row in tx.all(SQL.looks, book=visitor.ref.book, person=visitor.ref.id, most=LOOKS)
        ]
    return render(request, "citizen/watchers.html", {"watchers": found, "looks": looks})


def sessions(request: HttpRequest) -> HttpResponse:
    """Where the visitor is signed in; a post ends one of them, or all others."""
    visitor: Visitor = request.visitor
    if request.method == "POST":
        if "all" in request.POST:
            door.end_others(visitor)
        else:
            try:
                session = UUID(request.POST.get("session", ""))
            except ValueError:
                raise Http404 from None
            if not door.end(visitor, session):
                raise Http404
            if session == visitor.session:
                door.leave(request)
                return HttpResponseRedirect("/enter", status=SEE_OTHER)
        return HttpResponseRedirect("/me/sessions", status=SEE_OTHER)
    with reading(visitor.actor) as tx:
        found = door.sessions(tx, visitor)
    return render(request, "citizen/sessions.html", {"sessions": found})


def _who(tx: Tx, row: Row, visitor: Visitor) -> str:
    if row["behalf_of"] is None or row["behalf_of"] == visitor.ref.id:
        return "本人"
    return _shown(tx, row["behalf_of"])


def _shown(tx: Tx, person: UUID) -> str:
    ref = PersonRef(refs.book_of(person), person)
    row = tx.one(SQL.shown, book=ref.book, id=ref.id)
    return str(row["shown"]) if row else "家人"
