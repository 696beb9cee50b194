"""A look at a face: announced, sent to the provider's page, and asked for when the person comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid.db import Tx
from mulaid.outside.face import SANDBOX_NOTICE, FaceTrouble
from mulaid.people import binding, credential, family
from mulaid.people import face as checks
from mulaid.people.face import FaceRequest, Result
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.web import providers
from mulaid.web.citizen.relatives import bond_of, one
from mulaid.web.reading import Outcome, alone, once, reading, see_other
from mulaid.web.visitor import Visitor

WAITING = "faces"
MOST_WAITING = 5
MOST_META = 8000
UNDESCRIBED = Outcome({}, "face.browser", "这个浏览器用不了刷脸服务。", "请换手机上的浏览器再试，或到窗口办理；不影响申请。")
TROUBLE = Outcome({}, "face.trouble", "刷脸服务暂时没有应答。", "请稍后再试，或到窗口办理；不影响申请。")


def start(
    request: HttpRequest, begin: Callable[[Tx], FaceRequest], *, purpose: str, key: str, agreed: str = ""
) -> HttpResponse | Outcome:
    """Announce a check and lead the person to the provider; what it is for waits in the session.

    A provider that wants to know the browser gets a page in between, the only one that loads its script.
    """
    visitor: Visitor = request.visitor
    script, meta = providers.face().script, request.POST.get("client_meta")
    if script and meta is None:
        return _describe(request, script)
    if script and not _described(meta):
        return UNDESCRIBED
    try:
        asked: FaceRequest = alone(begin, by=visitor.actor)
        back = request.build_absolute_uri(f"/face/{asked.check}")
        session = providers.face().start(asked, back, meta if script else "")
        alone(lambda tx: checks.sent(tx, visitor.ref, asked.check, session), by=visitor.actor)
    except Refusal as no:
        return Outcome({}, no.code, no.says, no.next)
    except FaceTrouble:
        return TROUBLE
    waiting = dict(list(request.session.get(WAITING, {}).items())[-(MOST_WAITING - 1) :])
    request.session[WAITING] = {**waiting, str(asked.check): {"purpose": purpose, "key": key, "agreed": agreed}}
    if session.redirect_url.startswith(request.build_absolute_uri("/")):
        return see_other(session.redirect_url)
    # Not by redirection: the policy lets a form lead nowhere but to us, and browsers hold a form's redirections to it.
    return render(request, "citizen/face_go.html", {"address": session.redirect_url})


def _describe(request: HttpRequest, script: str) -> HttpResponse:
    """A page that says nothing of anybody, on which the provider's script may look at the browser; then the same form again."""
    fields = [(name, value) for name in request.POST if name != "csrfmiddlewaretoken" for value in request.POST.getlist(name)]
    answer = render(request, "citizen/face_begin.html", {"fields": fields, "provider_script": script})
    answer._csp_update = {"script-src": [script]}
    return answer


def _described(meta: str | None) -> bool:
    """Whether it is what getMetaInfo() tells, as JSON: an object with something in it."""
    if not meta or len(meta) > MOST_META:
        return False
    try:
        told = json.loads(meta)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and bool(told)


def back(request: HttpRequest, check: UUID) -> HttpResponse:
    """The person is back: ask the provider, and go on with what the check was for."""
    visitor: Visitor = request.visitor
    waiting = request.session.get(WAITING, {}).get(str(check))
    if waiting is None:
        raise Http404
    ref, purpose, key = check, waiting["purpose"], waiting["key"]
    page = (
        "/me/watchers"
        if purpose == checks.RENEW
        else f"/bind/{key}"
        if purpose == checks.BIND
        else f"/family/{key}"
        if key != "me"
        else "/code/me"
    )
    try:
        with reading(visitor.actor) as tx:
            _, reference = checks.reference(tx, visitor.ref, ref)
        outcome = providers.face().fetch(reference)
        result = alone(lambda tx: checks.finish(tx, visitor.ref, ref, outcome), by=visitor.actor)
        if result in (Result.PASSED, Result.FAILED, Result.EXPIRED):
            providers.face().erase(reference)  # what is decided needs no picture any more
    except Refusal as no:
        return render(request, "citizen/face.html", {"trouble": no, "page": page})
    if result != Result.PASSED:
        return render(request, "citizen/face.html", {"result": str(result), "page": page})

    def work(tx: Tx) -> None:
        if purpose == checks.BIND:
            binding.prove(tx, library(), bond_of(key), visitor.ref, ref, waiting["agreed"])
        elif purpose == checks.RENEW:
            family.renew(tx, library(), bond_of(key), visitor.ref, waiting["agreed"], ref)
        else:
            credential.activate_by_face(tx, visitor.ref, one(tx, visitor, key).ref, ref)

    done = once(visitor, f"face:{ref}", work)
    if not done.done:
        return render(request, "citizen/face.html", {"trouble": done, "page": page})
    sandbox = "notice" in request.GET
    return see_other(f"{page}?done={'sandbox' if sandbox else 'face'}")


def notice(done: str) -> str:
    """What a page says after a check in the sandbox."""
    return SANDBOX_NOTICE if done == "sandbox" else ""
