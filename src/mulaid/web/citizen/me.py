"""The visitor's own rights: who may show the code and read costs, consents, what is stored, freezing, devices."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid import audit, refs
from mulaid.agency import casework
from mulaid.calendar import business_date, stamp
from mulaid.db import Row, Tx
from mulaid.ledger import chart, statement
from mulaid.money import Fen, yuan
from mulaid.people import aid, binding, consent, credential, enrolment
from mulaid.people import face as checks
from mulaid.people import family as bonds
from mulaid.people.application import OPEN, Request
from mulaid.people.enrolment import PersonRef
from mulaid.people.identity import mask_number
from mulaid.policy.explain import INVERSE
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.web import forms
from mulaid.web import visitor as door
from mulaid.web.citizen import faces
from mulaid.web.citizen.member import begin_activation, told_uses
from mulaid.web.citizen.relatives import SQL, bond_of, family, kin, oneself
from mulaid.web.reading import act, alone, reading, see_other
from mulaid.web.visitor import Visitor

USES, BILLS = 20, 1000


def watchers(request: HttpRequest) -> HttpResponse:
    """Who can show the visitor's code, who asks to, and who did what with it; a post allows, forbids or ends."""
    visitor: Visitor = request.visitor
    form = forms.Form()
    if request.method == "POST":
        bond, me = bond_of(request.POST.get("bond", "")), visitor.ref
        acts: dict[str, Callable[[Tx], object]] = {
            "allow": lambda tx: bonds.allow_reading(tx, bond, me, True),
            "forbid": lambda tx: bonds.allow_reading(tx, bond, me, False),
            "part": lambda tx: bonds.part(tx, library(), bond, me),
            "dispute": lambda tx: casework.dispute(tx, bond, me, enrolment.enrolled(tx, me, business_date(tx.at)).region),
        }
        answer = _press(request, acts, form, "/me/watchers")
        if answer is not None:
            return answer
    with reading(visitor.actor) as tx:
        found = [
            {"bond": bond, "key": refs.show(refs.RELATION, bond.id), "word": _word(tx, bond)}
            for bond in bonds.binders(tx, visitor.ref)
        ]
        asked = [
            {"request": one, "key": refs.show(refs.RELATION, one.id), "word": _word(tx, one)}
            for one in binding.asked_of(tx, library(), visitor.ref)
            if one.state in OPEN
        ]
        uses = told_uses(tx, bonds.uses(tx, visitor.ref, USES))
        way = credential.way(tx, library(), visitor.ref, visitor.ref)
    told = {"watchers": found, "asked": asked, "uses": uses, "way": way, "form": form}
    return render(request, "citizen/watchers.html", told, status=422 if form.trouble else 200)


def _word(tx: Tx, found: bonds.Bond | Request) -> str:
    return kin(tx, INVERSE.get(found.relation, "家人"), found.binder)


def renew(request: HttpRequest, key: str) -> HttpResponse:
    """Consent asked anew at 14 and at 16: the letter, and one's own word or, from 16, one's face."""
    visitor: Visitor = request.visitor
    bond, form, me = bond_of(key), forms.Form(), visitor.ref
    pressed, agreed = request.POST.get("do", ""), request.POST.get("agreed", "")
    if pressed == "face":
        told = request.POST.get("notice", "")
        answer = faces.start(
            request, lambda tx: bonds.begin_renewal(tx, library(), bond, me, told), purpose=checks.RENEW, key=key, agreed=agreed
        )
        if isinstance(answer, HttpResponse):
            return answer
        form.trouble = answer
    elif request.method == "POST":
        acts: dict[str, Callable[[Tx], object]] = {"agree": lambda tx: bonds.renew(tx, library(), bond, me, agreed)}
        done = _press(request, acts, form, "/me/watchers")
        if done is not None:
            return done
    try:
        with reading(visitor.actor) as tx:
            found = bonds.detail(tx, bond, me)
            letter = bonds.renewal_letter(tx, bond, me)
            grown = oneself(tx, visitor).age >= bonds.pack_of(tx, library(), me)["face_check_min_age_years"]
            notice = credential.face_notice(tx, me) if grown else None
            word = _word(tx, found)
    except Refusal:
        raise Http404 from None
    if found.member != me or found.ended_at is not None:
        raise Http404
    told_ = {"bond": found, "word": word, "letter": letter, "notice": notice, "form": form}
    return render(request, "citizen/renew.html", told_, status=422 if form.trouble else 200)


def freeze(request: HttpRequest) -> HttpResponse:
    """The visitor's code out of use at once, and in use again."""
    visitor: Visitor = request.visitor
    form = forms.Form()
    if request.POST.get("do") == "face":
        with reading(visitor.actor) as tx:
            who = oneself(tx, visitor)
        answer = begin_activation(request, who)
        if isinstance(answer, HttpResponse):
            return answer
        form.trouble = answer
    elif request.method == "POST":
        acts: dict[str, Callable[[Tx], object]] = {
            "freeze": lambda tx: credential.freeze(tx, visitor.ref, visitor.ref, "本人申请"),
            "thaw": lambda tx: credential.thaw(tx, visitor.ref, visitor.ref),
        }
        pressed = _press(request, acts, form, "/me/freeze")
        if pressed is not None:
            return pressed
    with reading(visitor.actor) as tx:
        way = credential.way(tx, library(), visitor.ref, visitor.ref)
        notice = credential.face_notice(tx, visitor.ref) if way.next == "face" else None
        who = oneself(tx, visitor)
    told = {"way": way, "form": form, "notice": notice, "who": who}
    return render(request, "citizen/freeze.html", told, status=422 if form.trouble else 200)


def privacy(request: HttpRequest) -> HttpResponse:
    """What is stored about the visitor, and what was agreed to; a post takes an agreement back."""
    visitor: Visitor = request.visitor
    form = forms.Form()
    if request.method == "POST":
        given = bond_of(request.POST.get("consent", ""))
        acts: dict[str, Callable[[Tx], object]] = {
            "withdraw": lambda tx: bonds.withdraw_consent(tx, visitor.ref, visitor.ref, given)
        }
        answer = _press(request, acts, form, "/me/privacy")
        if answer is not None:
            return answer
    with reading(visitor.actor) as tx:
        one = enrolment.person(tx, visitor.ref)
        agreed = [
            {"given": given, "key": refs.show(refs.RELATION, given.id), "text": consent.text_of(tx, visitor.ref, given.id)}
            for given in consent.of(tx, visitor.ref)
        ]
    told = {"shown": one.shown, "number": mask_number(one.number), "agreed": agreed, "form": form}
    return render(request, "citizen/privacy.html", told, status=422 if form.trouble else 200)


def export(request: HttpRequest) -> HttpResponse:
    """Everything that is stored about the visitor, as JSON; taking it home is in the audit trail."""
    visitor: Visitor = request.visitor

    def work(tx: Tx) -> dict[str, Any]:
        audit.write(tx, visitor.ref.book, "export_own_data", visitor.ref.id)
        return _everything(tx, visitor)

    text = json.dumps(alone(work, by=visitor.actor), ensure_ascii=False, indent=1)
    answer = HttpResponse(text, content_type="application/json; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return answer


def _everything(tx: Tx, visitor: Visitor) -> dict[str, Any]:
    """The visitor's data in the words of the pages. Other people are masked: their data are theirs."""
    ref = visitor.ref
    one = enrolment.person(tx, ref)
    purses = statement.balances(tx, ref.book, ref.id)
    return {
        "本人": {"姓名": one.name, "证件号码": one.number, "出生日期": one.born.isoformat(), "人员编号": ref.number},
        "参保": [
            {name: str(value) for name, value in row.items()} for row in tx.all(SQL.enrolments, book=ref.book, person=ref.id)
        ],
        "账户": {chart.PURSE_NAMES[kind]: yuan(fen) for kind, fen in purses.items()},
        "账户明细": _entries(tx, ref, purses),
        "费用": [_bill_told(row) for row in tx.all(SQL.bills, book=ref.book, person=ref.id, most=BILLS)],
        "我能出示谁的医保码": [{"称呼": person.called, "姓名": person.shown} for person in family(tx, visitor)[1:]],
        "谁能出示我的医保码": [{"姓名": bond.shown, "开通": stamp(bond.bound_at)} for bond in bonds.binders(tx, ref)],
        "我授权的家庭共济": [_aid_told(tx, found, found.receiver) for found in aid.given(tx, ref, past=True)],
        "授权给我的家庭共济": [_aid_told(tx, found, found.giver) for found in aid.received(tx, ref, past=True)],
        "同意过的文本": [
            {"名称": given.title, "版本": given.version, "时间": stamp(given.at), "内容": consent.text_of(tx, ref, given.id)}
            for given in consent.of(tx, ref)
        ],
        "消息": [
            {"时间": stamp(row["at"]), "内容": row["text"]} for row in tx.all(SQL.news, book=ref.book, person=ref.id, most=BILLS)
        ],
        "登录": [
            {"时间": stamp(row["opened_at"]), "设备": row["device"], "渠道": row["channel"]} for row in door.sessions(tx, visitor)
        ],
    }


def _entries(tx: Tx, ref: PersonRef, purses: Mapping[int, Fen]) -> list[dict[str, str]]:
    return [
        {
            "账户": chart.PURSE_NAMES[kind],
            "日期": entry.business_date.isoformat(),
            "金额": yuan(entry.fen),
            "余额": yuan(entry.balance),
        }
        for kind in purses
        for entry in statement.statement(tx, ref.book, ref.id, kind)
    ]


def _bill_told(row: Row) -> dict[str, str]:
    return {
        "编号": refs.show(refs.SETTLEMENT, row["id"]),
        "时间": stamp(row["settled_at"]),
        "机构": row["place"],
        "合计": yuan(row["total"]),
        "家人帮付": yuan(row["aid"]),
        "现金": yuan(row["cash"]),
    }


def _aid_told(tx: Tx, found: aid.Aid, other: PersonRef) -> dict[str, Any]:
    return {
        "对方": enrolment.person(tx, other).shown,
        "关系": found.relation,
        "状态": found.status,
        "开始": stamp(found.bound_at),
        "结束": stamp(found.ended_at) if found.ended_at else "",
        "已用": yuan(found.used),
    }


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
                return see_other("/enter")
        return see_other("/me/sessions")
    with reading(visitor.actor) as tx:
        found = door.sessions(tx, visitor)
    return render(request, "citizen/sessions.html", {"sessions": found})


def _press(request: HttpRequest, acts: dict[str, Callable[[Tx], object]], form: forms.Form, back: str) -> HttpResponse | None:
    """Carry out the button that was pressed and go back; a refusal stays on the form."""
    pressed = request.POST.get("do", "")
    if pressed not in acts:
        raise Http404
    outcome = act(request, acts[pressed])
    if outcome.done:
        return see_other(f"{back}?done={pressed}")
    form.refuse(outcome)
    return None
