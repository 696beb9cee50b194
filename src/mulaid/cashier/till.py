"""The till's pages: choose where to work, read a code, enter items, ask, settle, refund."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mulaid.cashier import desk
from mulaid.cashier.desk import Till
from mulaid.client import Client, NoAnswer, Refused
from mulaid.demo import city
from mulaid.money import parse_yuan
from mulaid.web import whose
from mulaid.web.reading import see_other
from mulaid.web.urls import urlpatterns as of_people
from mulaid.web.visitor import demonstration
from mulaid.web.words import region

TILLS, MOST_TILLS = "tills", 4
MOST_OF_ONE = 99
LOST = "没有收到应答，不知道有没有办成。请再点一次：用同一个流水号再问，不会重复扣钱。"


def places(request: HttpRequest) -> HttpResponse:
    """Where one can sit down at the till."""
    groups: dict[str, list[city.Place]] = {}
    for place in city.read().places.values():
        groups.setdefault(region(place.region), []).append(place)
    return render(request, "cashier/places.html", {"groups": groups.items()})


def open_till(request: HttpRequest) -> HttpResponse:
    """Sit down at one."""
    if request.POST.get("place") not in city.read().places:
        raise Http404
    return _to(_keep(request, Till(request.POST["place"])))


def scan_here(request: HttpRequest) -> HttpResponse:
    """A code from the phone in the other window, read at a pharmacy of its region."""
    wanted = request.POST.get("region", "")
    found = [place for place in city.read().places.values() if place.kind == "pharmacy"]
    place = next((place for place in found if place.region[:4] == wanted[:4]), found[0])
    till = Till(place.code)
    _talk(till, lambda client: desk.read_code(till, client, _digits(request)))
    return _to(_keep(request, till))


def page(request: HttpRequest, number: str) -> HttpResponse:
    """One till; a post does the next thing and leads back here."""
    kept = request.session.get(TILLS, {}).get(number)
    if kept is None:
        return see_other("/cashier")
    till = Till(**kept)
    if request.method == "POST":
        _act(request, till)
        return _to(_keep(request, till, number))
    told = {
        "till": till,
        "place": till.at,
        "goods": _goods(till),
        "asked": _told(till, till.asked),
        "paid": _told(till, till.paid),
    }
    settled = [{**row, "total": parse_yuan(row["medfee_sumamt"])} for row in till.settled]
    return render(request, "cashier/till.html", {**told, "settled": settled, "number": number})


def _act(request: HttpRequest, till: Till) -> None:
    """The button that was pressed."""
    till.trouble, till.done, till.messages = "", "", []
    pressed = request.POST
    if "code" in pressed:
        _talk(till, lambda client: desk.read_code(till, client, _digits(request)))
    elif "next" in pressed:
        till.forget()
    elif "again" in pressed:
        till.asked = {}
    elif "ask" in pressed:
        _fill(request, till)
        if not till.lines:
            till.trouble = "还没有选项目。请在要买的项目旁边填数量。"
        elif till.patient and not till.paid:
            _talk(till, lambda client: desk.ask(till, client))
    elif "settle" in pressed and till.asked:
        _talk(till, lambda client: desk.settle(till, client))
    elif any(row["setl_id"] == pressed.get("refund") and "refund" not in row for row in till.settled):
        returned = _talk(till, lambda client: desk.refund(till, client, pressed["refund"]))
        till.done = "已全额退费，每一份钱都退回了原来的账户。" if returned else ""


def _fill(request: HttpRequest, till: Till) -> None:
    till.counts = {}
    till.accounts = "accounts" in request.POST
    for code in city.read().items:
        text = request.POST.get(f"n-{code}", "")
        if re.fullmatch("[0-9]{1,3}", text, re.ASCII) and int(text):
            till.counts[code] = min(int(text), MOST_OF_ONE)


def _talk(till: Till, work: Callable[[Client], None]) -> bool:
    """Whether it was done; else what the clerk must know stands in `trouble`."""
    try:
        with desk.talking(till, settings.MULAID.gateway_url) as client:
            work(client)
        return True
    except Refused as no:
        till.trouble = no.err_msg
    except NoAnswer:
        till.trouble = LOST
    return False


def _digits(request: HttpRequest) -> str:
    return re.sub(r"\s", "", request.POST.get("code", ""))[:40]


def _told(till: Till, info: dict[str, str]) -> whose.Trial | None:
    """A settlement as who pays, for the screen that is turned to the patient."""
    if not info:
        return None
    return whose.Trial(parse_yuan(info["medfee_sumamt"]), whose.bars(desk.payers(till, info), till.patient["name"]), ())


def _goods(till: Till) -> list[tuple[str, list[tuple[Any, int]], bool]]:
    return [
        (title, [(item, till.counts.get(item.code, 0)) for item in items], any(item.code in till.counts for item in items))
        for title, items in desk.goods(till.at)
    ]


def _keep(request: HttpRequest, till: Till, number: str = "") -> str:
    number = number or secrets.token_hex(6)
    kept = {name: value for name, value in request.session.get(TILLS, {}).items() if name != number}
    newest = list(kept.items())[-(MOST_TILLS - 1) :]
    request.session[TILLS] = {**dict(newest), number: till.as_json()}
    return number


def _to(number: str) -> HttpResponse:
    return see_other(f"/cashier/{number}")


both = require_http_methods(["GET", "HEAD", "POST"])
urlpatterns = [
    *of_people,
    path("cashier", demonstration(require_safe(places)), name="cashier"),
    path("cashier/open", demonstration(require_POST(open_till)), name="cashier_open"),
    path("cashier/scan", demonstration(require_POST(scan_here)), name="cashier_scan"),
    path("cashier/<str:number>", demonstration(both(page)), name="till"),
]
"""The routes of the people's door with the till beside them: what a demonstration serves."""
