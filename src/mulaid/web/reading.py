"""The people's door's own connections: one Database a process, opened by the first page that needs it, under the web role."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from mulaid import commands, refs
from mulaid.calendar import wall_clock
from mulaid.commands import Key
from mulaid.crypto import Keys
from mulaid.db import Actor, Database, Tx
from mulaid.people import allowance
from mulaid.refusal import Refusal
from mulaid.settlement import pay

if TYPE_CHECKING:
    from mulaid.web.visitor import Visitor

VISITOR = Actor("visitor", "web")
KEY_LETTERS = frozenset("0123456789abcdef")
UNSIGNED = ("key", "csrfmiddlewaretoken")
_opening = Lock()


def now() -> datetime:
    """The present moment: the door's clock."""
    return wall_clock()


@contextmanager
def reading(by: Actor = VISITOR) -> Iterator[Tx]:
    """Queries for one page at the present moment."""
    with database().reading(now(), by) as tx:
        yield tx


def alone(work: Callable[[Tx], Any], by: Actor = VISITOR) -> Any:
    """A transaction of the door's own: sessions, and codes that are shown and not asked for twice."""
    return commands.alone(database(), work, at=now(), by=by)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a form came to: what was told when it was done, or the refusal. The same form sent again has the same outcome."""

    told: dict[str, Any]
    refused: str = ""
    says: str = ""
    next: str = ""

    @property
    def done(self) -> bool:
        """Whether it was carried out."""
        return not self.refused


def act(request: HttpRequest, work: Callable[[Tx], object]) -> Outcome:
    """Carry out what the signed-in visitor's form asks for, once for the form's key.

    A key of another form, or one that no page gave out, is a refusal too: the page is shown again with a new key.
    """
    visitor, name = request.visitor, request.POST.get("key", "")
    if len(name) != 32 or not set(name) <= KEY_LETTERS:
        return _refused(Refusal("web.stale_form"))
    typed = sorted((field, request.POST.getlist(field)) for field in request.POST if field not in UNSIGNED)
    sizes = [(field, file.size, file.name) for field, file in request.FILES.items()]
    body = json.dumps([request.path, typed, sizes], ensure_ascii=False).encode()
    return keyed(visitor.actor, Key.of(visitor.ref.book, "web", visitor.ref.number, name, body), work)


def once(visitor: Visitor, name: str, work: Callable[[Tx], object]) -> Outcome:
    """Carry out what follows from something that has a name of its own, such as a face check that passed, once for that name."""
    return keyed(visitor.actor, Key.of(visitor.ref.book, "web", visitor.ref.number, name, name.encode()), work)


def keyed(by: Actor, key: Key, work: Callable[[Tx], object]) -> Outcome:
    """Carry something out once for a key; a dict that came of it is told whenever the key is sent again."""

    def kept(tx: Tx) -> str:
        made = work(tx)
        return json.dumps(made if isinstance(made, dict) else {}, ensure_ascii=False)

    try:
        answer = commands.run(database(), key, kept, _told, at=now(), by=by)
    except Refusal as refusal:
        return _refused(Refusal("web.stale_form") if refusal.code == "command.key_reused" else refusal)
    found = json.loads(answer.text)
    return Outcome({}, *found) if answer.refused else Outcome(found)


def counted(visitor: Visitor) -> Outcome | None:
    """Count that the visitor names somebody by name and number, before it is looked up; what to say when it is too often."""
    try:
        alone(lambda tx: allowance.name_somebody(tx, visitor.ref), by=visitor.actor)
    except Refusal as refusal:
        return _refused(refusal)
    return None


def see_other(address: str) -> HttpResponse:
    """The answer to a form that was carried out: the browser goes on to look at what came of it."""
    return HttpResponseRedirect(address, status=303)


def named(prefix: str, number: str) -> UUID:
    """The id of what an address names; not found where it cannot be a number of that kind."""
    try:
        return refs.parse(prefix, number)
    except Refusal:
        raise Http404 from None


def new_key() -> str:
    """The key of a form that is about to be shown."""
    return secrets.token_hex(16)


def _told(refusal: Refusal) -> str:
    return json.dumps([refusal.code, refusal.says, refusal.next], ensure_ascii=False)


def _refused(refusal: Refusal) -> Outcome:
    return Outcome({}, refusal.code, refusal.says, refusal.next)


def database() -> Database:
    """This process's connections."""
    # Without the lock, first requests that arrive together would each open a pool and all but one would stay open unused.
    with _opening:
        return _open()


@cache
def _open() -> Database:
    ours = settings.MULAID
    return Database(ours.database, Keys.load(ours.keys_path), size=4, calls=(pay.GATHER,))
