"""Cases: what a person at a desk has to look at before it happens.

open → taken → asked for papers → decided → checked by somebody else → effected; or withdrawn, or lapsed. Every step names the
version it was taken on, so that nobody decides on what has changed meanwhile. That maker and checker differ the table sees to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from mulaid import audit, refs
from mulaid.agency import evidence, staff
from mulaid.agency.matters import APPROVED, EFFECTS, REFUSED, STATES, Case, after_working_days, matter, moot, person_of
from mulaid.agency.staff import CHECKER, HANDLER, SQL
from mulaid.calendar import SHANGHAI, business_date
from mulaid.crypto import digest
from mulaid.db import Actor, Row, Tx
from mulaid.outside.messages import say
from mulaid.people import application, credential, enrolment, family, filings
from mulaid.people.eligibility import COUNTER, shown
from mulaid.people.enrolment import BUCKETS, PersonRef, enrolled, newest
from mulaid.people.enrolment import SQL as PEOPLE
from mulaid.refs import LARGEST_BOOK
from mulaid.refusal import Refusal

LONGEST_WORDS = 500
REVIEWS = {
    "face_impossible": "face_impossible",
    "kinship": "kinship_doubt",
    "contradicted": "kinship_doubt",
    "offline": "binding_review",
}
"""Which matter a request to bind is, by why it waits for the agency."""

UNDECIDED = ["open", "taken", "asked_for_papers"]
WAITING = (*UNDECIDED, "decided")


@dataclass(frozen=True, slots=True)
class Brief:
    """A case in a list: persons masked, nothing opened."""

    id: UUID
    number: str
    title: str
    region: str
    state: str
    person: str
    applicant: str
    signals: Sequence[str]
    opened_at: datetime
    due_on: date
    taken_by: str | None
    version: int
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many cases of a matter are in a state, and how many of those are late."""

    matter: str
    state: str
    many: int
    late: int


@dataclass(frozen=True, slots=True)
class Mine:
    """What waits for the acting clerk in the region: in hand, to check, for anybody to take; and what is late or due today."""

    mine: int
    to_check: int
    unclaimed: int
    late: int
    due: int


@dataclass(frozen=True, slots=True)
class Decided:
    """How many verdicts of one day stand."""

    day: date
    approved: int
    refused: int


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a case."""

    no: int
    at: datetime
    actor: str
    act: str
    words: str


# Applicants and doors


def open_case(
    tx: Tx,
    name: str,
    *,
    person: PersonRef,
    applicant: PersonRef,
    about: UUID,
    region: str,
    detail: Mapping[str, Any] | None = None,
) -> UUID:
    """A matter for the desk of a region; `about` is the bond, authorisation, settlement, journal or application it is about.

    Papers that were given for `about` belong to the case. Refuses a second open case of the same matter about the same thing.
    """
    kind, given = matter(name), dict(detail or {})
    assert set(kind.needs) <= set(given), f"{name} needs {kind.needs}"
    book = _book(region, person)
    case = refs.mint(book, tx.at)
    opened = tx.run(
        SQL.open_case,
        book=book,
        id=case,
        matter=name,
        region=region,
        person=person.id,
        applicant=applicant.id,
        about=about,
        detail=seal_detail(tx, case, given),
        signals=list(evidence.signals(tx, [about])),
        at=tx.at,
        by=_actor(tx),
        due_on=after_working_days(business_date(tx.at), kind.days),
    )
    if not opened:
        raise Refusal("desk.open_already")
    tx.run(SQL.add_applied, book=applicant.book, applicant=applicant.id, file=case)
    tx.run(SQL.file_papers, book=refs.book_of(about), about=about, file=case)
    note(tx, case, "open")
    audit.write(tx, book, "open_case", case, behalf_of=applicant.id, purpose=name)
    tx.subject = case
    return case


def dispute(tx: Tx, bond: UUID, member: PersonRef, region: str) -> UUID:
    """“Not me”: the member says so, the family account stands still at once, both are told, and the desk looks at it."""
    row = tx.one(SQL.bond, book=refs.book_of(bond), id=bond)
    if row is None or row["member"] != member.id:
        raise Refusal("family.not_bound")
    binder = person_of(row["binder"])
    case = open_case(tx, "dispute_not_me", person=member, applicant=member, about=bond, region=region)
    family.suspend(tx, bond, "dispute")
    say(tx, member, "您对一条绑定提出了异议。核实期间对方不能出示您的医保码。", case)
    say(tx, binder, f"{shown(tx, member)} 对您的绑定提出了异议。核实期间您不能出示 TA 的医保码。", case)
    return case


def file_care(
    tx: Tx,
    person: PersonRef,
    applicant: PersonRef,
    about: UUID,
    kind: str,
    place: str,
    reason: str,
    care_since: date | None = None,
    *,
    discharged: bool = False,
) -> UUID:
    """Care elsewhere that has to be proved, applied for on the pages; the papers were given for `about`.

    Refuses what may not be filed, no papers, and a second application while one is looked at.
    """
    filings.may_file(tx, person, kind, place, reason, care_since, discharged=discharged)
    since = {"care_since": care_since.isoformat()} if care_since else {}
    detail = {"kind": kind, "region": place, "reason": reason.strip(), **since}
    return _open_proof(tx, "remote_filing_review", person, applicant, about, kind, detail)


def prove_care(tx: Tx, person: PersonRef, applicant: PersonRef, filing: UUID) -> UUID:
    """What was promised when care elsewhere was filed is handed in on the pages; the papers were given for the filing.

    Refuses what owes none, a day too late, no papers, and a second time while they are looked at.
    """
    row = filings.papers_owed(tx, person, filing, business_date(tx.at))
    return _open_proof(tx, "filing_papers", person, applicant, filing, row["kind"], {})


def _open_proof(
    tx: Tx, name: str, person: PersonRef, applicant: PersonRef, about: UUID, kind: str, detail: Mapping[str, Any]
) -> UUID:
    if not evidence.papers_of(tx, about):
        raise Refusal("filing.papers_needed", kind=filings.KINDS[kind])
    region = enrolled(tx, person, business_date(tx.at)).region
    title = matter(name).title
    if any(one.title == title for one in open_about(tx, person, region)):
        raise Refusal("desk.open_already")
    case = open_case(tx, name, person=person, applicant=applicant, about=about, region=region, detail=detail)
    if person != applicant:
        say(tx, person, f"{shown(tx, applicant)}替您提交了申请：{title}。不是您的意思，请拨打 12393。", case)
    return case


def papers_came(tx: Tx, case: UUID) -> None:
    """Papers were given for a case: whoever asked for them goes on. Refuses a case that is decided or over."""
    found = find(tx, case)
    due = after_working_days(business_date(tx.at), found.matter.days)
    signals = sorted({*found.signals, *evidence.signals(tx, [found.id, found.about])})
    if not tx.run(SQL.papers_came, book=found.book, id=case, due_on=due, signals=signals):
        raise Refusal("desk.wrong_state", state=STATES[found.state])
    note(tx, case, "papers")


def withdraw(tx: Tx, case: UUID, applicant: PersonRef) -> None:
    """The applicant takes it back; refuses others, and once a second person has agreed."""
    found = find(tx, case)
    if found.applicant != applicant:
        raise Refusal("desk.unknown")
    if found.state == "decided":  # the verdict falls first: what is withdrawn has none
        must(tx, found, tx.run(SQL.send_back_case, **key_of(found), states=["decided"]))
        found = find(tx, case)
    must(tx, found, tx.run(SQL.end_case, **key_of(found), state="withdrawn", at=tx.at, states=UNDECIDED))
    EFFECTS[found.matter.name].otherwise(tx, found)
    note(tx, case, "withdraw")


def mine(tx: Tx, applicant: PersonRef, most: int = 20) -> list[Brief]:
    """What a person applied for, newest first: where it stands, and what the desk said."""
    files = [row["file"] for row in tx.all(SQL.applied, book=applicant.book, applicant=applicant.id, most=most)]
    rows = [tx.one(SQL.case, book=refs.book_of(file), id=file) for file in files]
    return [_brief(tx, row) for row in rows if row is not None]


def my_case(tx: Tx, case: UUID, applicant: PersonRef) -> tuple[Case, str]:
    """One's own application, and what the desk asks for while it waits for papers. Everybody else is told there is none."""
    found = find(tx, case)
    if found.applicant != applicant:
        raise Refusal("desk.unknown")
    asked = [event.words for event in history(tx, case) if event.act == "ask_for_papers"]
    return found, asked[-1] if asked and found.state == "asked_for_papers" else ""


def adopt_waiting(tx: Tx, book: int, most: int = 200) -> int:
    """Open a case for everything of a book that waits for the agency and has none; the number opened.

    The domain below says what waits and knows no desk; this is where both meet.
    """
    on, opened = business_date(tx.at), 0
    for row in tx.all(SQL.waiting_aid, book=book, most=most):
        giver, receiver = PersonRef(row["giver_book"], row["giver"]), person_of(row["receiver"])
        region = enrolled(tx, giver, on).region
        opened += _adopt(tx, "aid_review", row, person=receiver, applicant=giver, region=region)
    for row in tx.all(SQL.reviews, book=book, most=most):
        opened += _adopt_request(tx, row)
    return opened


def adopt_request(tx: Tx, request: UUID) -> UUID:
    """The case of a request to bind that waits for the agency, opened now if there is none."""
    row = application.row_of(tx, request)
    _adopt_request(tx, row)
    member, name = application.member_of(row), REVIEWS[row["why"]]
    here = _book(enrolled(tx, member, business_date(tx.at)).region, member)
    found = tx.one(SQL.open_case_about, book=here, matter=name, person=member.id, about=request)
    assert found is not None, "it was opened a moment ago, or before"
    return found["id"]  # type: ignore[no-any-return]


def reviewing(tx: Tx, most: int = 500) -> list[UUID]:
    """Undecided cases about something that waits elsewhere."""
    return [row["id"] for row in tx.all(SQL.reviewing, matters=["aid_review", *sorted(set(REVIEWS.values()))], most=most)]


def drop_moot(tx: Tx, case: UUID) -> bool:
    """End a case whose reason is gone, such as a request taken back on the phone; whether it was so."""
    found = find(tx, case)
    if not moot(tx, found):
        return False
    must(tx, found, tx.run(SQL.end_case, **key_of(found), state="withdrawn", at=tx.at, states=UNDECIDED))
    note(tx, case, "withdraw")
    return True


def _adopt_request(tx: Tx, row: Row) -> bool:
    member = application.member_of(row)
    region = enrolled(tx, member, business_date(tx.at)).region
    return _adopt(tx, REVIEWS[row["why"]], row, person=member, applicant=person_of(row["binder"]), region=region)


def _adopt(tx: Tx, name: str, row: Row, *, person: PersonRef, applicant: PersonRef, region: str) -> bool:
    here = _book(region, person)
    if tx.one(SQL.open_case_about, book=here, matter=name, person=person.id, about=row["id"]):
        return False
    detail = {"relation": row["relation"]}
    open_case(tx, name, person=person, applicant=applicant, about=row["id"], region=region, detail=detail)
    return True


# Clerks


def at_counter(tx: Tx, person: PersonRef, *others: PersonRef) -> str:
    """The last region of a person who stands at the counter, if the acting handler may do something there for all of them.

    Refuses who was never enrolled, another role or region, and the clerk's own family.
    """
    last = newest(tx, person, business_date(tx.at))
    if last is None:
        raise Refusal("people.not_enrolled", fact=business_date(tx.at).isoformat())
    staff.require_stranger(tx, staff.acting(tx, HANDLER, last.region), [person, *others])
    return last.region


def queue(tx: Tx, states: Sequence[str] = WAITING, most: int = 200, matter: str = "") -> list[Brief]:
    """What waits in the acting clerk's region, the most urgent first; of one matter when given."""
    rows = tx.all(SQL.queue, **_region(tx), states=list(states), matter=matter, most=most)
    return [_brief(tx, row) for row in rows]


def numbers(tx: Tx) -> list[Waiting]:
    """How many cases wait in the acting clerk's region, by matter and state, all of them counted."""
    rows = tx.all(SQL.waiting_numbers, **_region(tx), states=list(WAITING), on=business_date(tx.at))
    return [Waiting(**row) for row in rows]


def mine_now(tx: Tx) -> Mine:
    """What waits for the acting clerk, counted; what a clerk may not check is not among it."""
    row = tx.one(SQL.my_numbers, **_region(tx), states=list(WAITING), on=business_date(tx.at), me=tx.by.name)
    assert row is not None, "a count is a row"
    found = Mine(**row)
    return found if CHECKER in staff.find(tx, tx.by.name).roles else replace(found, to_check=0)


def decided(tx: Tx, days: int = 7) -> list[Decided]:
    """The verdicts of the last days in the acting clerk's region, today last; a day without any is there with none."""
    today = business_date(tx.at)
    first = today - timedelta(days=days - 1)
    rows = tx.all(SQL.decided_by_day, **_region(tx), since=datetime.combine(first, time(), SHANGHAI))
    told = {row["day"]: Decided(**row) for row in rows}
    return [told.get(day, Decided(day, 0, 0)) for day in (first + timedelta(days=place) for place in range(days))]


def open_about(tx: Tx, person: PersonRef, region: str) -> list[Brief]:
    """What is being decided about a person at the desk of a region; whether the reader may see it is asked before."""
    return [_brief(tx, row) for row in tx.all(SQL.open_of, book=_book(region, person), person=person.id)]


def read(tx: Tx, case: UUID, purpose: str = "") -> Case:
    """A case opened for the acting clerk, which is in the audit trail. Refuses other regions and the clerk's own family."""
    found = find(tx, case)
    require_clerk(tx, staff.BUSINESS, found)
    audit.write(tx, found.book, "read_case", case, behalf_of=found.person.id, purpose=purpose or found.matter.name)
    return found


def history(tx: Tx, case: UUID) -> list[Event]:
    """What happened to a case, in order; whether the reader may is asked by `read`."""
    return [Event(**row) for row in tx.all(SQL.events, book=refs.book_of(case), id=case)]


def paper_link(tx: Tx, case: UUID, paper: UUID, session: str) -> str:
    """A link for the acting clerk to look once at a paper of this case. Refuses papers of other cases."""
    found = find(tx, case)
    require_clerk(tx, staff.BUSINESS, found)
    if paper not in {one.id for one in evidence.papers_of(tx, found.id, found.about)}:
        raise Refusal("evidence.unknown")
    return evidence.link(tx, paper, tx.by.name, session)


def take(tx: Tx, case: UUID, version: int) -> None:
    """The acting handler has the case from now on. Refuses a case that somebody else was quicker to take."""
    found = at_version(tx, case, HANDLER, version)
    must(tx, found, tx.run(SQL.take_case, **key_of(found), by=tx.by.name))
    note(tx, case, "take")


def give_back(tx: Tx, case: UUID, version: int, words: str) -> None:
    """The handler lets somebody else have it, and says why."""
    found = at_version(tx, case, HANDLER, version)
    must(tx, found, tx.run(SQL.give_back_case, **key_of(found), by=tx.by.name))
    note(tx, case, "give_back", _said(words))


def ask_for_papers(tx: Tx, case: UUID, version: int, words: str) -> None:
    """The applicant is asked for more and told what; without it the case lapses after the matter's working days."""
    found, text = at_version(tx, case, HANDLER, version), _said(words)
    due = after_working_days(business_date(tx.at), found.matter.papers_days)
    must(tx, found, tx.run(SQL.ask_papers, **key_of(found), by=tx.by.name, papers_due_on=due))
    note(tx, case, "ask_for_papers", text)
    say(tx, found.applicant, f"{found.matter.title}：请在 {due.month} 月 {due.day} 日前补充材料。{text}", case)


def decide(tx: Tx, case: UUID, version: int, verdict: str, reason: str, words: str) -> None:
    """The handler's verdict, with a reason of the list and words for the applicant; nothing happens until it is checked."""
    found = at_version(tx, case, HANDLER, version)
    if verdict not in (APPROVED, REFUSED) or reason not in found.matter.reasons[verdict]:
        raise Refusal("desk.bad_reason")
    text = _said(words)
    done = tx.run(
        SQL.decide_case,
        **key_of(found),
        verdict=verdict,
        reason=reason,
        words=text,
        basis=_basis(tx, found),
        by=tx.by.name,
        at=tx.at,
    )
    must(tx, found, done)
    note(tx, case, f"decide_{verdict}", text)


def check(tx: Tx, case: UUID, version: int) -> None:
    """A second person agrees, and the worker carries it out. Refuses the maker, and a basis that has changed since."""
    found = at_version(tx, case, CHECKER, version)
    if found.state == "decided":
        if found.decided_by == tx.by.name:
            raise Refusal("desk.second_person")
        if found.basis != _basis(tx, found):
            raise Refusal("desk.basis_changed")
    must(tx, found, tx.run(SQL.check_case, **key_of(found), by=tx.by.name, at=tx.at))
    note(tx, case, "check")


def bring_papers(tx: Tx, case: UUID) -> Case:
    """The case for which papers are handed over at the counter, if the acting handler has it; else refuses as every step does."""
    found = find(tx, case)
    require_clerk(tx, HANDLER, found)
    if found.state not in ("taken", "asked_for_papers"):
        raise Refusal("desk.wrong_state", state=STATES[found.state])
    if found.taken_by != tx.by.name:
        raise Refusal("desk.taken_by_other")
    return found


def send_back(tx: Tx, case: UUID, version: int, words: str) -> None:
    """The second person does not agree, and says why; the verdict falls."""
    found = at_version(tx, case, CHECKER, version)
    if found.decided_by == tx.by.name:
        raise Refusal("desk.second_person")
    must(tx, found, tx.run(SQL.send_back_case, **key_of(found), states=["decided"]))
    note(tx, case, "send_back", _said(words))


def freeze(tx: Tx, person: PersonRef, why: str) -> None:
    """The hotline or the counter stops a credential at once; the person is told. Refuses other regions and one's own family."""
    at_counter(tx, person)
    credential.freeze(tx, person, None, _said(why))
    say(tx, person, "您的医保电子凭证已由医保部门停用。不是您要求的，请拨打 12393。", None)


def thaw(tx: Tx, person: PersonRef) -> None:
    """The desk lets a credential go that it froze, or that the person cannot let go of; the person is told."""
    at_counter(tx, person)
    credential.thaw(tx, person, None)
    say(tx, person, "您的医保电子凭证已恢复使用。不是您要求的，请拨打 12393。", None)


# The worker


def effect(tx: Tx, case: UUID) -> None:
    """Carry out what two people agreed on, end the case and tell the applicant. Refuses what the domain refuses by now."""
    found = find(tx, case)
    # First the state: of two workers one gets it, and the other's effect never begins.
    must(tx, found, tx.run(SQL.end_case, **key_of(found), state="effected", at=tx.at, states=["checked"]))
    if found.verdict == APPROVED:
        # The domain sees a counter, and in its audit trail the two who decided: the worker only moves their hands.
        desk = Actor(f"{found.decided_by}+{found.checked_by}", COUNTER, found.region)
        EFFECTS[found.matter.name].approved(replace(tx, by=desk), found)
    else:
        EFFECTS[found.matter.name].otherwise(tx, found)
    note(tx, case, "effect")
    if not EFFECTS[found.matter.name].tells:
        verdict = "已通过" if found.verdict == APPROVED else "没有通过"
        say(tx, found.applicant, f"{found.matter.title}{verdict}。{found.words}", case)
    audit.write(tx, found.book, "effect_case", case, behalf_of=found.person.id, purpose=found.matter.name)


def effect_refused(tx: Tx, case: UUID, refusal: Refusal) -> None:
    """The domain said no: the verdict falls, the clerk sees why, and decides again."""
    found = find(tx, case)
    must(tx, found, tx.run(SQL.send_back_case, **key_of(found), states=["checked"]))
    note(tx, case, "effect_refused", refusal.sentence)


def checked(tx: Tx, most: int = 50) -> list[UUID]:
    """Cases that two people agreed on and that are not done yet."""
    return [row["id"] for row in tx.all(SQL.checked, most=most)]


def lapsing(tx: Tx, most: int = 200) -> list[UUID]:
    """Cases whose applicant let the day for more papers go by."""
    return [row["id"] for row in tx.all(SQL.lapsing, on=business_date(tx.at), most=most)]


def lapse(tx: Tx, case: UUID) -> None:
    """The papers did not come: the case is over and the applicant is told. Refuses what is no longer waiting."""
    found = find(tx, case)
    if found.papers_due_on is None or found.papers_due_on >= business_date(tx.at):
        raise Refusal("desk.wrong_state", state=STATES[found.state])
    must(tx, found, tx.run(SQL.end_case, **key_of(found), state="lapsed", at=tx.at, states=["asked_for_papers"]))
    EFFECTS[found.matter.name].otherwise(tx, found)
    note(tx, case, "lapse")
    say(tx, found.applicant, f"{found.matter.title}：没有在期限内收到材料，这次申请已终止。可以重新申请。", case)


# Within


def _book(region: str, person: PersonRef) -> int:
    """A book of the region that decides, spread as its people are."""
    return int(region[:4]) * BUCKETS + person.book % BUCKETS


def _region(tx: Tx) -> dict[str, Any]:
    """What the acting clerk's region of responsibility is in books and codes."""
    clerk = staff.acting(tx, staff.BUSINESS, staff.find(tx, tx.by.name).region)
    prefix = staff.prefix(clerk.region)
    first = int(prefix[:4].ljust(4, "0")) * BUCKETS
    last = int(prefix[:4].ljust(4, "9")) * BUCKETS + BUCKETS - 1
    return {"first": first, "last": min(last, LARGEST_BOOK), "prefix": prefix}


def find(tx: Tx, case: UUID) -> Case:
    """A case with its details opened; refuses one that is not there. Whether the reader may is asked apart."""
    row = tx.one(SQL.case, book=refs.book_of(case), id=case)
    if row is None:
        raise Refusal("desk.unknown")
    plain = {name: row[name] for name in Case.__slots__ if name not in ("matter", "detail", "person", "applicant")}
    return Case(
        matter=matter(row["matter"]),
        person=person_of(row["person"]),
        applicant=person_of(row["applicant"]),
        detail=json.loads(tx.keys.open_text("case", f"desk_case|detail|{case}", row["detail"])),
        **plain,
    )


def require_clerk(tx: Tx, role: str | Sequence[str], case: Case) -> None:
    """Refuses whose role, region or family keeps them from a case."""
    one = staff.acting(tx, role, case.region)
    staff.require_stranger(tx, one, case.parties)
    if "guardian" in case.detail:
        not_oneself(tx, one, enrolment.Stranger.of(case.detail["guardian"]))


def not_oneself(tx: Tx, one: staff.Staff, guardian: enrolment.Stranger) -> None:
    """Refuses a member of staff who is the guardian."""
    if one.document == tx.keys.blind("document", guardian.canonical):
        raise Refusal("staff.own_file")


def seal_detail(tx: Tx, case: UUID, detail: Mapping[str, Any]) -> bytes:
    """The details of a case as they are kept."""
    return tx.keys.seal("case", f"desk_case|detail|{case}", json.dumps(detail, ensure_ascii=False, sort_keys=True))


def at_version(tx: Tx, case: UUID, role: str, version: int) -> Case:
    """The case for a step of the acting clerk, who saw `version`; refuses whom it is not for, and a version that has passed."""
    found = find(tx, case)
    require_clerk(tx, role, found)
    if found.version != version:
        raise Refusal("desk.stale")
    return found


def must(tx: Tx, seen: Case, touched: int) -> None:
    """A step touched its row, or the reader learns why not."""
    if touched:
        return
    now = find(tx, seen.id)
    if now.version != seen.version:
        raise Refusal("desk.stale")
    if now.state in ("taken", "asked_for_papers") and now.taken_by != tx.by.name:
        raise Refusal("desk.taken_by_other")
    raise Refusal("desk.wrong_state", state=STATES[now.state])


def key_of(case: Case) -> dict[str, Any]:
    """What names a case and the version of it that was seen, for a step's statement."""
    return {"book": case.book, "id": case.id, "version": case.version}


def standing(tx: Tx) -> Tx:
    """The same transaction at the counter: what the domain records of it says that somebody stood there."""
    return replace(tx, by=Actor(tx.by.name, COUNTER, tx.by.place))


def alive(tx: Tx, person: PersonRef) -> None:
    """Refuses who is registered as dead: such a one stands at no counter."""
    row = tx.one(PEOPLE.person, book=person.book, id=person.id)
    if row is None:
        raise Refusal("people.unknown")
    if row["died_on"] is not None:
        raise Refusal("desk.not_alive")


def _basis(tx: Tx, case: Case) -> bytes:
    """The digest of what lies before whoever decides: the details and the papers."""
    lies = [json.dumps(dict(case.detail), ensure_ascii=False, sort_keys=True), *evidence.basis(tx, case.id, case.about)]
    return digest("\n".join(lies).encode())


def _said(words: str) -> str:
    text = " ".join(words.split())  # lines and blanks of a text field: it is read in a message of one paragraph
    if not text or len(text) > LONGEST_WORDS or not text.isprintable():
        raise Refusal("desk.words_needed", most=LONGEST_WORDS)
    return text


def note(tx: Tx, case: UUID, act: str, words: str = "") -> None:
    """What happened to a case, under the version it has now."""
    tx.run(SQL.add_event, book=refs.book_of(case), id=case, at=tx.at, actor=_actor(tx), act=act, words=words)


def _actor(tx: Tx) -> str:
    return f"{tx.by.channel}:{tx.by.name}"


def _brief(tx: Tx, row: Row) -> Brief:
    return Brief(
        id=row["id"],
        number=refs.show(refs.CASE, row["id"]),
        title=matter(row["matter"]).title,
        region=row["region"],
        state=row["state"],
        person=shown(tx, person_of(row["person"])),
        applicant=shown(tx, person_of(row["applicant"])),
        signals=tuple(row["signals"]),
        opened_at=row["opened_at"],
        due_on=row["papers_due_on"] or row["due_on"],
        taken_by=row["taken_by"],
        version=row["version"],
        words=row.get("words") if row["state"] == "effected" else None,
    )
