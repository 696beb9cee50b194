"""How a family account comes about: a request that goes from step to step until it is bound, refused, lapsed or withdrawn.

asked → (found) → papers → consent or face → (review) → bound. `_advance` looks at what is there and says what is missing next, so
the order of the steps is written once. Every age is the calendar age on the day of the step, from the registered birth date. The
registers and the face provider are outside: the door asks them between two of these commands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Json

from mulaid import audit, outbox, refs
from mulaid.calendar import business_date
from mulaid.db import Row, Tx
from mulaid.people import consent, enrolment, face, family, identity, kinship
from mulaid.people.application import (
    ASKED,
    BOUND,
    CONSENT,
    FACE,
    FOUND,
    LAPSED,
    OFFLINE,
    OPEN,
    PAPER_NAMES,
    PAPERS,
    REFUSED,
    REVIEW,
    STATES,
    WITHDRAWN,
    Request,
    binder_of,
    close,
    grown_age,
    guards,
    held,
    in_state,
    member_of,
    missing,
    of_binder,
    required,
    row_of,
    seen,
    store,
    value,
    visible,
)
from mulaid.people.enrolment import PersonRef, age_of
from mulaid.people.face import Assurance, FaceRequest, Subject
from mulaid.people.family import SQL
from mulaid.people.kinship import BirthQuestion, BirthRecord, Kinship, KinshipQuestion
from mulaid.policy.explain import RELATIONS
from mulaid.policy.pack import Library, Pack
from mulaid.policy.parameters import DOCUMENTS
from mulaid.refusal import Refusal

MOST_PICTURES = 12


@dataclass(frozen=True, slots=True)
class Claim:
    """Whom somebody wants to add, as typed. `born` only goes with papers whose number does not tell it, and proves nothing."""

    route: str
    relation: str
    name: str = field(repr=False)
    document_kind: str = identity.RESIDENT
    number: str = field(default="", repr=False)
    born: date | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Birth:
    """What the birth register answered, masked: the user looks at it before going on."""

    certificate: str
    mother: str
    child: str
    born: date
    gender: str


# Asking


def ask(
    tx: Tx,
    library: Library,
    binder: PersonRef,
    claim: Claim,
    *,
    allow_test_area: bool,
    overrides: Mapping[str, Any] | None = None,
) -> UUID:
    """A request to show somebody's code, by ID number, by another paper, or at a counter. `overrides`: the channel's own limits.

    Name and number must be those of one enrolled person; who gets either wrong learns only that they do not match.
    Refuses family.route_closed, relation_not_eligible, not_matched, oneself, not_enrolled, asked_already, and every limit.
    """
    pack = _opened(tx, library, binder, claim.route, overrides)
    if claim.relation not in value(pack, overrides, "family_account_relations"):
        raise Refusal("family.relation_not_eligible", region=pack.name)
    member = _matched(tx, claim, allow_test_area)
    if member == binder:
        raise Refusal("family.oneself")
    limits = _limits(tx, library, binder, member, overrides)
    family.within(tx, member, binder, claim.relation, limits)
    known = kinship.of_relation(tx, binder, member, claim.relation, business_date(tx.at))
    request = _add(tx, pack, binder, member, claim.relation, claim.route, known, None, overrides)
    if known != Kinship.UNKNOWN:
        _advance(tx, library, held(tx, request))
    return request


def ask_by_birth(
    tx: Tx,
    library: Library,
    binder: PersonRef,
    question: BirthQuestion,
    *,
    allow_test_area: bool,
    overrides: Mapping[str, Any] | None = None,
) -> UUID:
    """A request for one's child by mother and birth certificate; the birth register is asked next (`birth_question`)."""
    pack = _opened(tx, library, binder, "birth_certificate", overrides)
    on = business_date(tx.at)
    identity.check_name(question.mother_name)
    mother = identity.parse_document(identity.RESIDENT, question.mother_number, on, allow_test_area)
    certificate = identity.parse_document(identity.BIRTH_CERTIFICATE, question.certificate, on, allow_test_area)
    asked = {"question": {"mother_name": question.mother_name, "mother_number": mother.number, "certificate": certificate.number}}
    return _add(tx, pack, binder, None, "child", "birth_certificate", Kinship.UNKNOWN, asked, overrides)


def kinship_question(tx: Tx, request: UUID, binder: PersonRef) -> KinshipQuestion:
    """What to ask the civil register for a request that is `asked`; the door asks it outside of any transaction."""
    row = of_binder(tx, request, binder, ASKED)
    one, other = enrolment.person(tx, binder), enrolment.person(tx, member_of(row))
    return KinshipQuestion(one.name, one.number, other.name, other.number, row["relation"])


def kinship_known(tx: Tx, library: Library, request: UUID, binder: PersonRef, answer: Kinship) -> str:
    """Keep the civil register's word (UNKNOWN also when it could not be reached) and go on; the new state."""
    row = of_binder(tx, request, binder, ASKED, hold=True)
    if row["route"] == "birth_certificate":
        raise Refusal("family.request_moved", state=row["state"])
    return _advance(tx, library, {**row, "kinship": answer})


def birth_question(tx: Tx, request: UUID, binder: PersonRef) -> BirthQuestion:
    """What to ask the birth register for a request that is `asked`."""
    row = of_binder(tx, request, binder, ASKED)
    return BirthQuestion(**_birth(tx, row)["question"])


def birth_answered(
    tx: Tx, library: Library, request: UUID, binder: PersonRef, record: BirthRecord | None, *, allow_test_area: bool
) -> str:
    """Keep the birth register's record for the user to look at, or refuse the request when there is none; the new state.

    A record that is not what was asked for counts as none. The child must be enrolled, found by ID number or by certificate.
    """
    row = of_binder(tx, request, binder, ASKED, hold=True)
    question = _birth(tx, row)["question"]
    asked = (question["certificate"], question["mother_name"], question["mother_number"])
    if record is None or (record.certificate, record.mother_name, record.mother_number.upper()) != asked:
        return close(tx, row, REFUSED, why="birth_unknown")
    member = _child(tx, record, allow_test_area)
    if member is None or member == binder:
        return close(tx, row, REFUSED, why="child_not_enrolled")
    parent = enrolment.person(tx, binder).number in (record.mother_number.upper(), record.father_number.upper())
    known = Kinship.CONFIRMED if parent else kinship.of_relation(tx, binder, member, "child", business_date(tx.at))
    kept = {
        "question": question,
        "child_name": record.child_name,
        "born": record.born.isoformat(),
        "gender": record.gender,
    }
    family.within(tx, member, binder, "child", _limits(tx, library, binder, member, row["limits"]))
    _invite(tx, row["id"], binder, member)
    found = {"member_book": member.book, "member": member.id, "kinship": known, "birth": _sealed(tx, row["id"], kept)}
    return store(tx, {**row, **found, "state": FOUND})


def birth_found(tx: Tx, request: UUID, binder: PersonRef) -> Birth:
    """The record, masked, for the user to check."""
    row = of_binder(tx, request, binder, FOUND)
    kept = _birth(tx, row)
    return Birth(
        certificate=identity.mask_number(kept["question"]["certificate"]),
        mother=identity.mask_name(kept["question"]["mother_name"]),
        child=identity.mask_name(kept["child_name"]),
        born=date.fromisoformat(kept["born"]),
        gender=kept["gender"],
    )


def confirm_birth(tx: Tx, library: Library, request: UUID, binder: PersonRef) -> str:
    """The user says the record is right; who says it is not withdraws the request."""
    row = of_binder(tx, request, binder, FOUND, hold=True)
    return _advance(tx, library, {**row, "state": PAPERS})


# Papers, consent, face


def letters(tx: Tx, library: Library, request: UUID, reader: PersonRef) -> tuple[consent.Letter, ...]:
    """What has to be agreed to in the present state, as the page shows it; each agreement hands back the letter's hash.

    papers: the promise. consent: the guardian's letter, or the member's own from 14. face: that letter and the notice on faces.
    """
    row = visible(tx, library, request, reader)
    if row["state"] == PAPERS:
        return (_promise(tx, row),)
    if row["state"] == CONSENT:
        return (_agreement(tx, library, row, reader),)
    if row["state"] == FACE:
        subject, _ = _subject(tx, library, row)
        return (_agreement(tx, library, row, None), consent.letter("face", subject=identity.mask_name(subject.name)))
    return ()


def guardian_letter(tx: Tx, library: Library, request: UUID, speaker: PersonRef | None) -> consent.Letter:
    """What a guardian (None: one who is nobody's person here), or a member of 14 or 15, is shown at the counter."""
    return _agreement(tx, library, row_of(tx, request), speaker)


def submit(tx: Tx, library: Library, request: UUID, binder: PersonRef, agreed: str, papers: Mapping[str, Sequence[UUID]]) -> str:
    """The promise is agreed to and pictures are handed in, by kind of paper; the new state.

    The ids are those of the desk's evidence; that each belongs to this person is checked where pictures are kept.
    Refuses consent.text_changed, family.paper_unknown, papers_missing (with what), too_many_pictures.
    """
    row = of_binder(tx, request, binder, PAPERS, hold=True)
    papers_required = required(tx, library, row)
    if strange := [paper for paper in papers if paper not in DOCUMENTS]:
        raise Refusal("family.paper_unknown", given=strange[0][:30])
    if sum(len(ids) for ids in papers.values()) > MOST_PICTURES:
        raise Refusal("family.too_many_pictures", most=MOST_PICTURES)
    for paper, ids in papers.items():
        for evidence in ids:
            tx.run(SQL.add_paper, book=row["book"], request=row["id"], evidence=evidence, paper=paper)
    if "promise_letter" in papers_required:
        row = {**row, "promise": consent.give(tx, binder, binder, consent.SELF, _promise(tx, row), agreed, about=row["id"])}
    if lacking := missing(tx, row, papers_required):
        raise Refusal(
            "family.papers_missing", papers="、".join(f"{PAPER_NAMES[paper]}{pages}张" for paper, pages in lacking.items())
        )
    return _advance(tx, library, row)


def agree(tx: Tx, library: Library, request: UUID, by: PersonRef, agreed: str) -> str:
    """A guardian, or a member of 14 or 15, agrees to the binding; the new state.

    A guardian is a registered parent, or the binder whose own child the member is. Refuses everybody else as if there were no
    such request, a member under 14 with family.guardian_consent_required, and consent.text_changed.
    """
    row = held(tx, request)
    capacity = _capacity(tx, library, row, by)
    in_state(tx, row, CONSENT)
    shown = _agreement(tx, library, row, by)
    given = consent.give(tx, member_of(row), by, capacity, shown, agreed, about=row["id"])
    return _advance(tx, library, {**row, "consent": given})


def begin_face(tx: Tx, library: Library, request: UUID, asker: PersonRef, agreed: str) -> FaceRequest:
    """A face check for the request, on the binder's phone or the member's; `agreed` is to the notice on faces.

    Whose face: the member's from 16 (the area's age), the mother's on the birth certificate route before that.
    """
    row = held(tx, request)
    if asker.id not in (row["binder"], row["member"]):
        raise Refusal("family.no_request")
    in_state(tx, row, FACE)
    subject, whose = _subject(tx, library, row)
    notice = consent.letter("face", subject=identity.mask_name(subject.name))
    consent.give(tx, whose or asker, whose or asker, consent.SELF, notice, agreed, about=row["id"])
    return face.begin(tx, asker, face.BIND, row["id"], subject)


def prove(tx: Tx, library: Library, request: UUID, asker: PersonRef, check: UUID, agreed: str) -> str:
    """A passed face check, and the agreement of whose face it was (the member, or the mother as guardian); the new state.

    Refuses what face.use refuses, consent.text_changed, and when this binds: every limit.
    """
    row = held(tx, request)
    if asker.id not in (row["binder"], row["member"]):
        raise Refusal("family.no_request")
    in_state(tx, row, FACE)
    assurance = face.use(tx, asker, check, face.BIND, row["id"])
    _, whose = _subject(tx, library, row)
    member = member_of(row)
    capacity = consent.SELF if whose == member else consent.GUARDIAN
    given = consent.give(tx, member, whose or asker, capacity, _agreement(tx, library, row, None), agreed, about=row["id"])
    return _advance(tx, library, {**row, "face": check, "assurance": assurance, "consent": given})


def to_counter(tx: Tx, request: UUID, binder: PersonRef) -> str:
    """Where a face cannot be shown or a guardian is not reached by phone, the agency looks instead; the new state."""
    row = of_binder(tx, request, binder, CONSENT, FACE, hold=True)
    return store(tx, {**row, "state": REVIEW, "why": "face_impossible"})


# No


def decline(tx: Tx, library: Library, request: UUID, by: PersonRef) -> None:
    """The member, or a guardian of a member under 16, says no; the request is over and the binder is told."""
    row = visible(tx, library, request, by, hold=True)
    if by.id == row["binder"]:
        raise Refusal("family.no_request")
    in_state(tx, row, *OPEN)
    close(tx, row, REFUSED, why="declined")


def withdraw(tx: Tx, request: UUID, binder: PersonRef) -> None:
    """The binder takes the request back."""
    row = of_binder(tx, request, binder, *OPEN, hold=True)
    close(tx, row, WITHDRAWN, why="withdrawn")


def books_lapsing(tx: Tx) -> list[int]:
    """The books in which a request's time is over."""
    return [row["book"] for row in tx.all(SQL.books_lapsing, at=tx.at)]


def lapse(tx: Tx, book: int, most: int = 100) -> int:
    """Close the open requests of a book whose time is over; the number closed. What waits for the agency does not lapse."""
    rows = [tx.one(SQL.lock_request, book=book, id=row["id"]) for row in tx.all(SQL.lapsing, book=book, at=tx.at, most=most)]
    over = [row for row in rows if row is not None and row["state"] in OPEN and row["state"] != REVIEW]
    for row in over:
        close(tx, row, LAPSED, why="lapsed")
    return len(over)


# The agency


def approve(tx: Tx, library: Library, request: UUID, *, seen: bool = False) -> UUID:
    """The agency finds the papers right; the bond. `seen`: the clerk has seen the member (or the mother) with the ID card.

    Refuses family.guardian_consent_required for a member under 14 without a guardian's consent on record (for one of 14 or 15 who
    was not seen: without anybody's), face_check_required for one of 16 or more who was neither seen nor checked, and every limit;
    then the request stays in review.
    """
    row = held(tx, request)
    in_state(tx, row, REVIEW)
    member, age = member_of(row), age_of(tx, member_of(row))
    pack = family.pack_of(tx, library, member)
    child, grown = pack["guardian_consent_below_age_years"], pack["face_check_min_age_years"]
    speaks = age < child or (age < grown and not seen)
    if speaks and not _consented(tx, row):
        raise Refusal("family.guardian_consent_required", age=child if age < child else grown)
    if age >= grown and row["face"] is None and not seen:
        raise Refusal("family.face_check_required")
    if seen and row["face"] is None:
        row = {**row, "assurance": Assurance.COUNTER_CLERK}
    _bind(tx, library, row)
    bond: UUID = held(tx, request)["bond"]
    return bond


def consent_at_counter(tx: Tx, library: Library, request: UUID, speaker: PersonRef, agreed: str) -> None:
    """Who stands at the counter agrees for a member under 16, while the request is in review.

    The clerk has seen papers of the guardianship, so it need not be registered. Refuses a member under 14 who speaks alone.
    """
    row = held(tx, request)
    in_state(tx, row, REVIEW)
    capacity = _capacity(tx, library, row, speaker) if speaker == member_of(row) else consent.GUARDIAN
    given = consent.give(tx, member_of(row), speaker, capacity, _agreement(tx, library, row, speaker), agreed, about=row["id"])
    store(tx, {**row, "consent": given})


def consented(tx: Tx, request: UUID) -> bool:
    """Whether an agreement to a request is on record and was not taken back."""
    return _consented(tx, row_of(tx, request))


def refuse(tx: Tx, request: UUID, why: str, said: str) -> None:
    """The agency says no: a reason from its list, and the words the citizen reads."""
    row = held(tx, request)
    in_state(tx, row, REVIEW)
    close(tx, row, REFUSED, why=why, said=said)


# Looking


def standing(tx: Tx, library: Library, request: UUID, reader: PersonRef) -> Request:
    """A request as its binder, its member or a guardian sees it; everybody else is told there is none."""
    return seen(tx, library, visible(tx, library, request, reader))


def for_agency(tx: Tx, library: Library, request: UUID) -> tuple[Request, list[tuple[str, UUID]]]:
    """A request and its pictures (kind of paper, evidence id) for whoever decides; reading it is audited above."""
    row = row_of(tx, request)
    return seen(tx, library, row), [
        (one["paper"], one["evidence"]) for one in tx.all(SQL.papers, book=row["book"], request=request)
    ]


def asked_by(tx: Tx, library: Library, binder: PersonRef, most: int = 20) -> list[Request]:
    """A binder's requests, the newest first."""
    return [seen(tx, library, row) for row in tx.all(SQL.requests_of, book=binder.book, binder=binder.id, most=most)]


def asked_of(tx: Tx, library: Library, member: PersonRef, most: int = 20) -> list[Request]:
    """The requests a person was asked for, the newest first; who is asked may say no to the open ones."""
    found = tx.all(SQL.invitations, book=member.book, member=member.id, most=most)
    return [seen(tx, library, row_of(tx, row["request"])) for row in found]


# What is missing next


def _advance(tx: Tx, library: Library, row: Row) -> str:
    """The next state by what is there; binds when nothing is missing."""
    pack = family.pack_of(tx, library, member_of(row))
    age, grown = age_of(tx, member_of(row)), pack["face_check_min_age_years"]
    birth = row["route"] == "birth_certificate"
    why = _doubt(pack, row, age < grown)
    if missing(tx, row, required(tx, library, row)):
        state = PAPERS
    elif row["route"] == OFFLINE:
        state, why = REVIEW, OFFLINE
    elif age < grown and not birth and not _consented(tx, row):
        state = CONSENT
    elif (age >= grown or birth) and row["face"] is None:
        state = FACE
    elif why:
        state = REVIEW
    else:
        return _bind(tx, library, row)
    return store(tx, {**row, "state": state, "why": why if state == REVIEW else ""})


def _doubt(pack: Pack, row: Row, young: bool) -> str:
    if row["kinship"] == Kinship.CONTRADICTED:
        return "contradicted"
    rule = value(pack, row["limits"], "family_account_unconfirmed_kinship")
    doubtful = rule == "review" or (rule == "review_minors" and young)
    return "kinship" if row["kinship"] == Kinship.UNKNOWN and doubtful else ""


def _bind(tx: Tx, library: Library, row: Row) -> str:
    member, binder = member_of(row), binder_of(row)
    pack = family.pack_of(tx, library, member)
    due = family.next_consent(pack, enrolment.person(tx, member).born, business_date(tx.at))
    limits = _limits(tx, library, binder, member, row["limits"])
    basis = family.Basis(Assurance(row["assurance"]), due)
    bond = family.bind_within(tx, member, binder, row["relation"], limits, basis)
    store(tx, {**row, "state": BOUND, "bond": bond, "done_at": tx.at})
    one, other = enrolment.person(tx, binder).shown, enrolment.person(tx, member).shown
    outbox.tell(
        tx,
        member.book,
        member.id,
        f"{one}已与您绑定亲情账户，可以代您出示医保码，扣的仍是您自己的账户。不是您同意的，请解除绑定。",
        bond,
    )
    outbox.tell(tx, binder.book, binder.id, f"已与{other}绑定亲情账户。请为 TA 激活医保电子凭证后使用。", bond)
    return BOUND


def _consented(tx: Tx, row: Row) -> bool:
    if row["consent"] is None:
        return False
    given = tx.one(SQL.consent, book=row["member_book"], id=row["consent"])
    return given is not None and given["withdrawn_at"] is None


def _opened(tx: Tx, library: Library, binder: PersonRef, route: str, overrides: Mapping[str, Any] | None) -> Pack:
    pack = _insured(tx, library, binder)
    if route not in value(pack, overrides, "family_account_binding_routes"):
        raise Refusal("family.route_closed")
    return pack


def _insured(tx: Tx, library: Library, ref: PersonRef) -> Pack:
    """The rules of a person's area; refuses who is not enrolled. A suspended enrolment is enough to show a code."""
    on = business_date(tx.at)
    row = tx.one(SQL.insured_on, book=ref.book, person=ref.id, on=on)
    if row is None or row["status"] in ("ended", "moved") or row["died_on"] is not None:
        raise Refusal("family.not_enrolled")
    return library.in_force(row["region"], on)


def _matched(tx: Tx, claim: Claim, allow_test_area: bool) -> PersonRef:
    """The person who has this paper, if the name and what else was typed agree. At a counter any paper will do: it lies there."""
    if claim.route != OFFLINE and (claim.document_kind == identity.RESIDENT) == (claim.route == "other_document"):
        raise Refusal("family.paper_of_other_route")
    name = identity.check_name(claim.name)
    try:
        found = enrolment.find(tx, claim.document_kind, claim.number, allow_test_area)
    except Refusal as refusal:
        raise (Refusal("family.not_matched") if refusal.code == "people.unknown" else refusal) from None
    one = enrolment.person(tx, found)
    if one.name != name or (claim.route == "other_document" and one.born != claim.born):
        raise Refusal("family.not_matched")
    return found


def _child(tx: Tx, record: BirthRecord, allow_test_area: bool) -> PersonRef | None:
    papers = ((identity.RESIDENT, record.child_number), (identity.BIRTH_CERTIFICATE, record.certificate))
    for kind, number in papers:
        try:
            found = enrolment.find(tx, kind, number, allow_test_area)
        except Refusal:
            continue
        if enrolment.person(tx, found).born == record.born:
            return found
    return None


def _limits(tx: Tx, library: Library, binder: PersonRef, member: PersonRef, overrides: Mapping[str, Any] | None) -> family.Limits:
    return family.limits(_insured(tx, library, binder), _insured(tx, library, member), overrides)


def _add(
    tx: Tx,
    pack: Pack,
    binder: PersonRef,
    member: PersonRef | None,
    relation: str,
    route: str,
    known: Kinship,
    asked: Mapping[str, Any] | None,
    overrides: Mapping[str, Any] | None,
) -> UUID:
    ref = refs.mint(binder.book, tx.at)
    made = tx.run(
        SQL.add_request,
        book=binder.book,
        id=ref,
        binder=binder.id,
        member_book=member.book if member else None,
        member=member.id if member else None,
        relation=relation,
        route=route,
        kinship=known,
        birth=_sealed(tx, ref, asked) if asked else None,
        limits=Json(_plain(overrides or {})),
        channel=tx.by.channel,
        at=tx.at,
        lapses_at=tx.at + timedelta(days=value(pack, overrides, "family_account_request_days")),
    )
    if not made:
        raise Refusal("family.asked_already")
    if member is not None:
        _invite(tx, ref, binder, member)
    audit.write(tx, binder.book, "ask_family", member.id if member else None, behalf_of=binder.id, purpose=route)
    return ref


def _invite(tx: Tx, request: UUID, binder: PersonRef, member: PersonRef) -> None:
    tx.run(SQL.invite, book=member.book, member=member.id, request_book=binder.book, request=request, at=tx.at)
    shown = enrolment.person(tx, binder).shown
    outbox.tell(
        tx,
        member.book,
        member.id,
        f"{shown}申请绑定您的亲情账户，以便代您出示医保码。不认识此人或者不同意的，请在“谁能看我”里拒绝。",
        request,
    )


def _capacity(tx: Tx, library: Library, row: Row, by: PersonRef) -> str:
    """As what somebody may agree for a member under 16."""
    pack, age = family.pack_of(tx, library, member_of(row)), age_of(tx, member_of(row))
    if by.id == row["member"]:
        if age < pack["guardian_consent_below_age_years"]:
            raise Refusal("family.guardian_consent_required", age=pack["guardian_consent_below_age_years"])
        return consent.SELF
    is_binder = by.id == row["binder"]
    own = is_binder and row["relation"] == "child" and row["kinship"] != Kinship.CONTRADICTED
    if own or guards(tx, by, row):
        return consent.GUARDIAN
    if is_binder:
        raise Refusal("family.guardian_consent_required", age=pack["face_check_min_age_years"])
    raise Refusal("family.no_request")


def _agreement(tx: Tx, library: Library, row: Row, by: PersonRef | None) -> consent.Letter:
    """The member's own letter when the member speaks, the guardian's otherwise."""
    member = member_of(row)
    age, pack = age_of(tx, member), family.pack_of(tx, library, member)
    grown, child = pack["face_check_min_age_years"], pack["guardian_consent_below_age_years"]
    if age >= grown or by == member:
        return family.member_letter(tx, binder_of(row), member)
    limit = child if age < child else grown
    return consent.letter(
        "family_guardian", binder=enrolment.person(tx, binder_of(row)).name, member=_called(tx, row), age=str(limit)
    )


def _promise(tx: Tx, row: Row) -> consent.Letter:
    binder = enrolment.person(tx, binder_of(row)).name
    return consent.letter("family_promise", binder=binder, relation=RELATIONS[row["relation"]], member=_called(tx, row))


def _called(tx: Tx, row: Row) -> str:
    """The member's name in a letter: in full for who typed it, masked where a register told it."""
    one = enrolment.person(tx, member_of(row))
    return one.shown if row["route"] == "birth_certificate" else one.name


def _subject(tx: Tx, library: Library, row: Row) -> tuple[Subject, PersonRef | None]:
    """Whose face it has to be, and who that is where we know the person."""
    member = member_of(row)
    if row["route"] != "birth_certificate" or age_of(tx, member) >= grown_age(tx, library, row):
        return Subject.of(tx, member), member
    question = _birth(tx, row)["question"]
    found = tx.one(SQL.document, blind=tx.keys.blind("document", f"{identity.RESIDENT}|{question['mother_number']}"))
    subject = Subject(question["mother_name"], identity.RESIDENT, question["mother_number"])
    return subject, PersonRef(found["book"], found["person"]) if found else None


def _sealed(tx: Tx, request: UUID, kept: Mapping[str, Any]) -> bytes:
    return tx.keys.seal("family", f"family_request|birth|{request}", json.dumps(kept, ensure_ascii=False))


def _birth(tx: Tx, row: Row) -> dict[str, Any]:
    if row["birth"] is None:
        raise Refusal("family.request_moved", state=STATES[row["state"]])
    kept: dict[str, Any] = json.loads(tx.keys.open_text("family", f"family_request|birth|{row['id']}", row["birth"]))
    return kept


def _plain(given: Any) -> Any:
    """A channel's values as JSON: sets of words as lists."""
    if isinstance(given, Mapping):
        return {name: _plain(item) for name, item in given.items()}
    return sorted(given) if isinstance(given, frozenset) else given
