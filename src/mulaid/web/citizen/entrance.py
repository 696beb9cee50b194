"""The entrance: who are you? And the proof of presence that acts which give something away ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from mulaid.calendar import business_date
from mulaid.db import Row, Tx
from mulaid.people.enrolment import PersonRef
from mulaid.people.identity import age_on, mask_name
from mulaid.refusal import Refusal
from mulaid.web import visitor as door
from mulaid.web.reading import reading
from mulaid.web.words import BASES, STATUSES, region

LISTED = 200
FIRST = "王晓燕"
"""Her family has lived through most, so it stands first."""
SEE_OTHER = 303


@dataclass(frozen=True, slots=True)
class MadeUp:
    """One person of the demonstration's chooser."""

    number: str
    name: str
    note: str


@dataclass(frozen=True, slots=True)
class Household:
    """People of the demonstration who live together."""

    title: str
    people: list[MadeUp]


def page(request: HttpRequest) -> HttpResponse:
    """The ways in: number and code, and in the demonstration also a chooser of made-up people."""
    after = request.GET.get("next", "")
    told = {"next": door.inward(after, ""), "lapsed": "lapsed" in request.GET, "asked": bool(after)}
    return render(request, "citizen/enter.html", {**told, "households": _households() if _demo() else []})


def as_made_up(request: HttpRequest) -> HttpResponse:
    """Sign in as a made-up person, in a demonstration only."""
    if not _demo():
        raise Http404
    try:
        ref = PersonRef.parse(request.POST.get("person", ""))
    except Refusal:
        raise Http404 from None
    with reading() as tx:
        if not any(row["id"] == ref.id for row in _made_up(tx)):
            raise Http404
    door.sign_in(request, ref, door.SANDBOX)
    return HttpResponseRedirect(door.inward(request.POST.get("next")), status=SEE_OTHER)


def leave(request: HttpRequest) -> HttpResponse:
    """Sign out."""
    door.leave(request)
    return HttpResponseRedirect("/enter" if settings.MULAID.profile != "demo" else "/", status=SEE_OTHER)


def confirm(request: HttpRequest) -> HttpResponse:
    """Prove once more to be there; in the demonstration a button stands for face and code."""
    after = door.inward(request.POST.get("next") or request.GET.get("next"))
    if request.method == "POST":
        if not _demo():
            raise Http404
        door.confirm(request)
        return HttpResponseRedirect(after, status=SEE_OTHER)
    return render(request, "citizen/confirm.html", {"next": after})


def _demo() -> bool:
    return bool(settings.MULAID.profile == "demo")


def _made_up(tx: Tx) -> list[Row]:
    return tx.all(door.SQL.made_up_people, on=business_date(tx.at), most=LISTED)


def _households() -> list[Household]:
    with reading() as tx:
        rows = [{**row, "name": tx.keys.open_text("person", f"person|name|{row['id']}", row["name"])} for row in _made_up(tx)]
        today = business_date(tx.at)
    books: dict[int, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["born"]):
        books.setdefault(row["book"], []).append(row)
    homes = [Household(_title(people), list(_people(people, today))) for people in books.values()]
    return sorted(homes, key=lambda home: (all(person.name != FIRST for person in home.people), home.title))


def _title(people: list[dict[str, Any]]) -> str:
    return f"{region(people[0]['region'])} · {mask_name(people[0]['name']).rstrip('*')}家"


def _people(rows: list[dict[str, Any]], today: Any) -> Iterator[MadeUp]:
    for row in rows:
        note = f"{age_on(row['born'], today)} 岁，{BASES[row['base']]}"
        note += "" if row["status"] == "normal" else f"，{STATUSES[row['status']]}"
        yield MadeUp(PersonRef(row["book"], row["id"]).number, row["name"], note)
