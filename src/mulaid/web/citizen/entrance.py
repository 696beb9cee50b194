"""The entrance: who are you? And the proof of presence that acts which give something away ask for.

The real way is a paper's number, a phone number and the code sent to it; whatever is typed, the answers are alike. A mini-program
vouches for whom it was linked with. In a demonstration one may also choose whom to be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid.calendar import business_date
from mulaid.db import Row, Tx
from mulaid.outside.miniprogram import LoginTrouble
from mulaid.people import enrolment, phone
from mulaid.people.enrolment import PersonRef
from mulaid.people.identity import age_on, mask_name, mask_phone
from mulaid.policy.channels import channels
from mulaid.refusal import Refusal
from mulaid.web import forms, providers
from mulaid.web import visitor as door
from mulaid.web.reading import Outcome, alone, reading, see_other
from mulaid.web.words import BASES, STATUSES, region

LISTED = 400
FIRST = "王晓燕"
"""Her family has lived through most, so it stands first."""
SIGNING_IN = "登录"
PENDING, VOUCHED = "pending", "vouched"
ID_CARD, SIGN_IN, CONSENT, BIND = "01", "sign_in", "consent", "bind_phone"


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


class Who(forms.Form):
    """A paper's number and the phone on record."""

    number = forms.text("身份证号", wrong="请填写您的身份证号", most=22, placeholder="18 位", autocapitalize="characters")
    phone = forms.text("手机号", wrong="请填写您登记过的手机号", most=13, placeholder="11 位", inputmode="numeric")


class Number(forms.Form):
    """A phone to be bound."""

    phone = forms.text("手机号", wrong="请填写手机号", most=13, placeholder="11 位", inputmode="numeric")


class Digits(forms.Form):
    """The code from the short message."""

    digits = forms.text(
        "短信里的六位数字", wrong="请填写短信里的六位数字", most=8, inputmode="numeric", autocomplete="one-time-code"
    )


def page(request: HttpRequest) -> HttpResponse:
    """The ways in: number and code, and in the demonstration also a chooser of made-up people."""
    after = door.inward(request.POST.get("next") or request.GET.get("next", ""), "")
    form = Who(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.checked():
        number, told = _plain(form.cleaned_data["number"]), _plain(form.cleaned_data["phone"])
        no = _send(request, number, told, after)
        if no is None:
            return see_other("/enter/code")
        place = "phone" if no.code == "phone.bad_number" else "number" if no.code.startswith("identity.") else ""
        form.refuse(Outcome({}, no.code, no.says, no.next), **({no.code.replace(".", "_"): place} if place else {}))
    told_ = {"next": after, "lapsed": "lapsed" in request.GET, "asked": bool(after), "form": form}
    wrong = request.method == "POST"
    people = _households() if _demo() else []
    return render(request, "citizen/enter.html", {**told_, "households": people}, status=422 if wrong else 200)


def code(request: HttpRequest) -> HttpResponse:
    """The code that was sent; right, it signs in."""
    pending = request.session.get(PENDING)
    if pending is None or pending["purpose"] != SIGN_IN:
        return see_other("/enter")
    form = Digits(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.checked():
        no = _proved(request, form, pending)
        if no is None and pending["person"]:
            ref = PersonRef.parse(pending["person"])
            del request.session[PENDING]
            vouched = request.session.pop(VOUCHED, None)
            door.sign_in(request, ref, door.SMS)
            if vouched and request.POST.get("link"):
                door.link(request, vouched["platform"], vouched["id"])
            return see_other(pending["next"] or "/home")
    return _code_page(request, form, pending, SIGNING_IN)


def bind_phone(request: HttpRequest) -> HttpResponse:
    """The visitor's own phone: where news and codes go."""
    visitor = request.visitor
    with reading(visitor.actor) as tx:
        known = phone.number_of(tx, visitor.ref)
    form = Number(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.checked():
        number = _plain(form.cleaned_data["phone"])
        no = _ask(request, number, BIND, visitor.ref, visitor.ref.number, "/me/phone/code")
        if no is None:
            return see_other("/me/phone/code")
        form.refuse(Outcome({}, no.code, no.says, no.next), phone_bad_number="phone")
    told = {"form": form, "shown": mask_phone(known) if known else "", "done": request.GET.get("done", "")}
    return render(request, "citizen/phone.html", told, status=422 if request.method == "POST" else 200)


def bind_phone_code(request: HttpRequest) -> HttpResponse:
    """The code that proves the phone is at hand; right, the phone is the visitor's."""
    pending, visitor = request.session.get(PENDING), request.visitor
    if pending is None or pending["purpose"] != BIND or pending["person"] != visitor.ref.number:
        return see_other("/me/phone")
    form = Digits(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.checked():
        session = _session(request)
        if _right(pending, BIND, session, form):
            alone(lambda tx: phone.bind(tx, visitor.ref, pending["phone"], session), by=visitor.actor)
            del request.session[PENDING]
            return see_other("/me/phone?done=1")
        form.add_error("digits", _wrong_code())
        form.checked()
    return _code_page(request, form, pending, "绑定手机")


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
    return see_other(door.inward(request.POST.get("next")))


def frame(request: HttpRequest, channel: str) -> HttpResponse:
    """A page opened in a channel's frame: the channel is kept, and a mini-program's code says who it is, if it was linked before.

    Nobody is signed in by an address alone: who was vouched for presses a button first.
    """
    found = channels().get(channel)
    if found is None:
        raise Http404
    request.session[door.CHANNEL] = channel
    after = door.inward(request.GET.get("next"), "")
    program = providers.miniprograms().get(found.platform)
    if "code" not in request.GET or program is None or request.visitor is not None:
        return see_other(after or ("/home" if request.visitor else "/enter"))
    try:
        opened = program.open_id(request.GET["code"])
    except LoginTrouble:
        return see_other("/enter")
    request.session[VOUCHED] = {"platform": found.platform, "id": opened}
    with reading() as tx:
        ref = door.linked(tx, found.platform, opened)
        shown = enrolment.person(tx, ref).shown if ref else ""
    if ref is None:
        return see_other(f"/enter?next={after}" if after else "/enter")
    return render(request, "citizen/vouched.html", {"shown": shown, "channel": found.name, "next": after})


def vouched(request: HttpRequest) -> HttpResponse:
    """The one a mini-program vouched for goes in."""
    given = request.session.pop(VOUCHED, None)
    if given is None:
        return see_other("/enter")
    with reading() as tx:
        ref = door.linked(tx, given["platform"], given["id"])
    if ref is None:
        return see_other("/enter")
    door.sign_in(request, ref, door.LINKED)
    return see_other(door.inward(request.POST.get("next")))


def leave(request: HttpRequest) -> HttpResponse:
    """Sign out."""
    door.leave(request)
    return see_other("/" if _demo() else "/enter")


def confirm(request: HttpRequest) -> HttpResponse:
    """Prove once more to be there, by a code to one's phone; in the demonstration a button stands for it."""
    visitor = request.visitor
    after = door.inward(request.POST.get("next") or request.GET.get("next"))
    pending = request.session.get(PENDING)
    waiting = pending is not None and pending["purpose"] == CONSENT and pending["person"] == visitor.ref.number
    form = Digits(request.POST if "digits" in request.POST else None)
    if request.method == "POST" and "digits" in request.POST and waiting:
        if form.checked() and _right(pending, CONSENT, _session(request), form):
            del request.session[PENDING]
            door.confirm(request)
            return see_other(after)
        if not form.errors:
            form.add_error("digits", _wrong_code())
            form.checked()
    elif request.method == "POST" and "send" in request.POST:
        with reading(visitor.actor) as tx:
            number = phone.number_of(tx, visitor.ref)
        no = Refusal("web.no_phone") if number is None else _ask(request, number, CONSENT, visitor.ref, visitor.ref.number, after)
        waiting = no is None
        if no is not None:
            form.refuse(Outcome({}, no.code, no.says, no.next))
    elif request.method == "POST":
        if not _demo():
            raise Http404
        door.confirm(request)
        return see_other(after)
    told = {"next": after, "waiting": waiting, "form": form, "sample": _sample(request) if waiting else ""}
    return render(request, "citizen/confirm.html", told, status=422 if form.errors or form.trouble else 200)


def _send(request: HttpRequest, number: str, to: str, after: str) -> Refusal | None:
    """Send a code, if number and phone belong together; who typed them learns nothing from the answer."""
    try:
        with reading() as tx:
            try:
                ref: PersonRef | None = enrolment.find(tx, ID_CARD, number, settings.MULAID.allows_test_people)
            except Refusal as no:
                if no.code != "people.unknown":
                    raise
                ref = None
            known = ref is not None and phone.number_of(tx, ref) == to
    except Refusal as no:
        return no
    return _ask(request, to, SIGN_IN, ref if known else None, ref.number if ref and known else "", after)


def _ask(request: HttpRequest, to: str, purpose: str, ref: PersonRef | None, person: str, after: str) -> Refusal | None:
    session, network = _session(request), request.META.get("REMOTE_ADDR", "")
    try:
        sent = alone(lambda tx: phone.ask(tx, to, purpose, session, network, ref))
    except Refusal as no:
        return no
    request.session[PENDING] = {"purpose": purpose, "phone": to, "person": person, "next": after, "sms": str(sent or "")}
    return None


def _proved(request: HttpRequest, form: Digits, pending: dict[str, str]) -> Refusal | None:
    session = _session(request)
    if _right(pending, SIGN_IN, session, form):
        try:
            alone(lambda tx: phone.spend_proof(tx, pending["phone"], SIGN_IN, session))
            return None
        except Refusal as no:
            form.add_error("digits", f"{no.says}{no.next}")
            form.checked()
            return no
    form.add_error("digits", _wrong_code())
    form.checked()
    return Refusal("phone.wrong_code")


def _right(pending: dict[str, str], purpose: str, session: str, form: Digits) -> bool:
    digits = _plain(form.cleaned_data["digits"])
    right: bool = alone(lambda tx: phone.try_code(tx, pending["phone"], purpose, session, digits))
    if right and purpose == CONSENT:
        alone(lambda tx: phone.spend_proof(tx, pending["phone"], purpose, session))
    return right


def _wrong_code() -> str:
    no = Refusal("phone.wrong_code")
    return f"{no.says}{no.next}"


def _code_page(request: HttpRequest, form: Digits, pending: dict[str, str], what: str) -> HttpResponse:
    told: dict[str, Any] = {"form": form, "what": what, "shown": mask_phone(pending["phone"]), "sample": _sample(request)}
    # Asked for, and never ticked beforehand: the id may be that of somebody else who sent a link here.
    told["may_link"] = what == SIGNING_IN and VOUCHED in request.session
    return render(request, "citizen/sms.html", told, status=422 if form.errors else 200)


def _sample(request: HttpRequest) -> str:
    """What the message says: in a demonstration, which sends nothing."""
    pending = request.session.get(PENDING)
    if not _demo() or not pending or not pending["sms"]:
        return ""

    with reading() as tx:
        values = phone.values_of(tx, UUID(pending["sms"]))
    return values[0] if values else ""


def _session(request: HttpRequest) -> str:
    """What a code is bound to besides the number: this browser's session."""
    if not request.session.session_key:
        request.session.create()
    return str(request.session.session_key)


def _plain(text: str) -> str:
    return "".join(text.split())


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
