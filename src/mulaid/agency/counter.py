"""The counter: somebody stands there. A clerk looks the person up, opens a matter, or hears a consent that is due anew.

What is opened here goes the way of every case: taken, decided, checked by a second person, effected by the worker. Nothing that a
clerk types is believed: what a matter is about belongs to the person, and details are checked before there is a case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from mulaid import audit, refs
from mulaid.agency import casework, evidence
from mulaid.agency.casework import Brief
from mulaid.agency.matters import LEDGER, matter, person_of
from mulaid.agency.staff import SQL, find, require_stranger
from mulaid.calendar import business_date
from mulaid.db import Row, Tx
from mulaid.ledger import chart
from mulaid.money import Fen, yuan
from mulaid.outside.messages import say
from mulaid.people import aid, allowance, application, binding, consent, endings, enrolment, family, filings, household, wallet
from mulaid.people.aid import Aid
from mulaid.people.application import Request
from mulaid.people.binding import Claim
from mulaid.people.consent import Letter
from mulaid.people.eligibility import shown
from mulaid.people.enrolment import SQL as PEOPLE
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.people.family import Bond
from mulaid.people.filings import Filing
from mulaid.people.household import Household, Invitation
from mulaid.people.kinship import Kinship
from mulaid.people.wallet import Quota
from mulaid.policy.explain import RELATIONS
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.settlement import pay

LOOKS = 200
"""How many people a clerk may look up on one day."""
PURPOSES = {"counter": "本人或家人到窗口办理", "telephone": "电话咨询", "case": "办理案件需要"}
Pictures = Sequence[tuple[str, evidence.Paper]]
MOST_HEIRS, MOST_FEN = 6, 10**13


@dataclass(frozen=True, slots=True)
class Charge:
    """One settlement of a person; `state`: "" where it stands, refund or refunded."""

    id: UUID
    at: datetime
    place: str
    total: Fen
    state: str


@dataclass(frozen=True, slots=True)
class Booking:
    """What a journal outside of settlements moved in one of a person's purses."""

    journal: UUID
    purse: str
    fen: Fen
    on: date
    cause: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a handler sees of a person: masked names, nothing medical. `credential`: "", active or frozen."""

    person: PersonRef
    died_on: date | None
    newest: Enrolment | None
    credential: str
    shown_by: Sequence[Bond]
    shows: Sequence[Bond]
    gives: Sequence[Aid]
    receives: Sequence[Aid]
    charges: Sequence[Charge]
    bookings: Sequence[Booking]
    filings: Sequence[Filing]
    household: Household | None
    invitations: Sequence[Invitation]
    quotas: Sequence[Quota]
    requests: Sequence[Request]
    cases: Sequence[Brief]


# Looking


def count_look(tx: Tx) -> None:
    """Count that the acting clerk looks somebody up, in a transaction of its own; refuses the two hundred and first of a day."""
    if not allowance.use(tx, f"look:{tx.by.name}", LOOKS):
        raise Refusal("desk.too_many_looks")


def look(tx: Tx, person: PersonRef, purpose: str, most: int = 20) -> Seen:
    """What the acting handler may see of somebody who stands at the counter or calls; person and purpose are in the audit trail.

    Refuses no purpose, other regions and the clerk's own family.
    """
    if purpose not in PURPOSES:
        raise Refusal("desk.no_purpose")
    region = casework.at_counter(tx, person)
    audit.write(tx, person.book, "look_up_person", person.id, purpose=purpose)
    row = tx.one(PEOPLE.person, book=person.book, id=person.id)
    assert row is not None, "who has an enrolment is there"
    card = tx.one(PEOPLE.credential, book=person.book, person=person.id)
    return Seen(
        person=person,
        died_on=row["died_on"],
        newest=enrolment.newest(tx, person, business_date(tx.at)),
        credential="" if card is None else "frozen" if card["frozen_at"] else "active",
        shown_by=family.binders(tx, person),
        shows=family.members(tx, person),
        gives=aid.given(tx, person),
        receives=aid.received(tx, person),
        charges=[_charge(row) for row in tx.all(SQL.charges, book=person.book, person=person.id, most=most)],
        bookings=[_booking(row) for row in tx.all(SQL.bookings, book=person.book, holder=person.id, most=most)],
        filings=filings.filings(tx, person),
        household=household.of(tx, person),
        invitations=household.invitations(tx, person),
        quotas=[*wallet.given(tx, person), *wallet.received(tx, person)],
        requests=_waiting(tx, person),
        cases=casework.open_about(tx, person, region),
    )


# Opening


def open_matter(
    tx: Tx,
    name: str,
    person: PersonRef,
    *,
    applicant: PersonRef,
    about: UUID | None = None,
    detail: Mapping[str, Any] | None = None,
) -> UUID:
    """A case that the acting handler opens for `applicant`, who stands at the counter, about something of `person`'s.

    `about`: the bond, authorisation, settlement, journal or filing; none where it is the person. `detail` as MATTERS checks it.
    Refuses other roles and regions, the clerk's own family, an applicant who is not alive, what is another person's, details that
    do not fit, and what is being decided already. The person is told.
    """
    if name not in MATTERS:
        raise Refusal("desk.not_opened_here")
    region = casework.at_counter(tx, person, applicant)
    casework.alive(tx, applicant)
    given = dict(detail or {})
    thing = MATTERS[name](tx, _Application(person, applicant, about, given))
    case = casework.open_case(tx, name, person=person, applicant=applicant, about=thing, region=region, detail=given)
    if (row := tx.one(PEOPLE.person, book=person.book, id=person.id)) and row["died_on"] is None:
        title = matter(name).title
        say(tx, person, f"医保经办窗口登记了与您有关的申请：{title}。不是您或家人要求的，请拨打 12393。", case)
    return case


def theirs(tx: Tx, name: str, person: PersonRef, about: UUID) -> None:
    """Whether a matter without details may be opened about this thing, before any of it is shown; refuses as `open_matter`."""
    casework.at_counter(tx, person)
    MATTERS[name](tx, _Application(person, person, about, {}))


@dataclass(frozen=True, slots=True)
class _Application:
    """What was asked for, before anything of it is believed."""

    person: PersonRef
    applicant: PersonRef
    about: UUID | None
    detail: dict[str, Any]

    def only(self, *names: str) -> None:
        """Refuses a detail that the matter does not know."""
        if strange := [name for name in self.detail if name not in names]:
            raise Refusal("desk.bad_detail", what=str(strange[0])[:30])

    def itself(self) -> UUID:
        """The person, where the matter is about nothing else."""
        if self.about not in (None, self.person.id):
            raise Refusal("desk.not_theirs")
        return self.person.id

    def thing(self) -> UUID:
        """What it is about, where that is something of the person's."""
        if self.about is None:
            raise Refusal("desk.not_theirs")
        return self.about

    def text(self, name: str) -> str:
        """A detail that is text, empty where it is not given."""
        value = self.detail.get(name, "")
        if not (isinstance(value, str) and value.isprintable()):
            raise Refusal("desk.bad_detail", what=name)
        return value


def _unbinding(tx: Tx, one: _Application) -> UUID:
    one.only()
    row = tx.one(SQL.bond, book=refs.book_of(one.thing()), id=one.thing())
    if row is None or one.person.id not in (row["member"], row["binder"]):
        raise Refusal("desk.not_theirs")
    return one.thing()


def _ending_aid(tx: Tx, one: _Application) -> UUID:
    one.only()
    try:
        found = aid.find(tx, one.thing())
    except Refusal:
        raise Refusal("desk.not_theirs") from None
    if not found.living or one.person not in (found.giver, found.receiver):
        raise Refusal("desk.not_theirs")
    return one.thing()


def _closing(tx: Tx, one: _Application) -> UUID:
    one.only()
    if _household(tx, one).head != one.person:
        raise Refusal("desk.not_theirs")
    return one.thing()


def _household(tx: Tx, one: _Application) -> Household:
    """The household that the application is about, in which the person is."""
    found = household.of(tx, one.person)
    if found is None or found.ref != one.thing():
        raise Refusal("desk.not_theirs")
    return found


def _leaving(tx: Tx, one: _Application) -> UUID:
    """The person leaves; or, where the person is the head, `member` (an id) is taken out."""
    one.only("member")
    found, named = _household(tx, one), one.text("member")
    try:
        member = person_of(UUID(named)) if named else one.person
    except ValueError:
        raise Refusal("desk.bad_detail", what="member") from None
    if member != one.person and found.head != one.person:
        raise Refusal("desk.not_theirs")
    household.may_leave(tx, library(), found, one.person, member)
    require_stranger(tx, find(tx, tx.by.name), [member])
    one.detail["member"] = str(member.id)
    return one.thing()


def _funding(tx: Tx, one: _Application) -> UUID:
    """How much the person moves from the own account into the household's, in fen."""
    one.only("fen")
    found, fen = _household(tx, one), one.detail.get("fen")
    household.may_fund(tx, library(), found, one.person)
    if type(fen) is not int or not 0 < fen < MOST_FEN:
        raise Refusal("desk.bad_detail", what="fen")
    return one.thing()


def _ending_quota(tx: Tx, one: _Application) -> UUID:
    one.only()
    try:
        found = wallet.find(tx, one.thing())
    except Refusal:
        raise Refusal("desk.not_theirs") from None
    if found.ended_at is not None or one.person not in (found.giver, found.receiver):
        raise Refusal("desk.not_theirs")
    return one.thing()


def _activation(tx: Tx, one: _Application) -> UUID:
    one.only()
    if tx.one(PEOPLE.credential, book=one.person.book, person=one.person.id) is not None:
        raise Refusal("credential.active_already")
    casework.alive(tx, one.person)
    return one.itself()


def _remote_care(tx: Tx, one: _Application) -> UUID:
    one.only("kind", "region", "reason", "care_since")
    since = one.text("care_since")
    try:
        day = date.fromisoformat(since) if since else None
    except ValueError:
        raise Refusal("filing.bad_day", given=since[:10]) from None
    filings.may_file(tx, one.person, one.text("kind"), one.text("region"), one.text("reason"), day)
    one.detail["reason"] = one.text("reason").strip()
    return one.itself()


def _owed_papers(tx: Tx, one: _Application) -> UUID:
    one.only()
    if one.thing() not in {filing.id for filing in filings.filings(tx, one.person)}:
        raise Refusal("desk.not_theirs")
    filings.papers_owed(tx, one.person, one.thing(), business_date(tx.at))
    return one.thing()


def _wrong_charge(tx: Tx, one: _Application) -> UUID:
    one.only()
    try:
        row = pay.find(tx, one.thing())
    except Refusal:
        raise Refusal("desk.not_theirs") from None
    if row["person"] != one.person.id:
        raise Refusal("desk.not_theirs")
    if row["refunds"] is not None:
        raise Refusal("settlement.is_refund")
    if row["refunded_by"] is not None:
        raise Refusal("settlement.refunded", refund=refs.show(refs.SETTLEMENT, row["refunded_by"]))
    return one.thing()


def _correction(tx: Tx, one: _Application) -> UUID:
    """Legs by number with the positive fen to return: of the two people's purses and of tallied accounts, in balance."""
    one.only("parts")
    row = tx.one(LEDGER.journal, book=refs.book_of(one.thing()), id=one.thing())
    holders = [key[0] if (key := chart.purse_key(account)) else None for account in (row or {"accounts": []})["accounts"]]
    if row is None or one.person.id not in holders:
        raise Refusal("desk.not_theirs")
    if row["settlement"] is not None:
        raise Refusal("desk.settlement_not_by_leg")
    parts, fens = one.detail.get("parts"), row["fens"]
    if not isinstance(parts, Mapping) or not parts:
        raise Refusal("desk.bad_detail", what="parts")
    total = 0
    for leg, fen in parts.items():
        if not (isinstance(leg, str) and re.fullmatch(r"0|[1-9][0-9]{0,3}", leg, re.ASCII) and int(leg) < len(fens)):
            raise Refusal("desk.bad_detail", what="parts")
        if type(fen) is not int or not 0 < fen <= abs(fens[int(leg)]):
            raise Refusal("ledger.over_refund")
        if holders[int(leg)] not in (None, one.person.id, one.applicant.id):
            raise Refusal("desk.leg_of_another")
        total += fen if fens[int(leg)] > 0 else -fen
    if total:
        raise Refusal("desk.parts_unbalanced")
    return one.thing()


def _withdrawal(tx: Tx, one: _Application) -> UUID:
    """Why, and to heirs (ids of persons) by positive fen; the rest is paid in money."""
    one.only("because", "heirs")
    because, heirs = one.text("because"), one.detail.get("heirs", {})
    if because not in endings.BECAUSE:
        raise Refusal("desk.bad_detail", what="because")
    endings.entitled(tx, one.person, because, business_date(tx.at))
    if not isinstance(heirs, Mapping) or len(heirs) > MOST_HEIRS or (heirs and because != endings.DEATH):
        raise Refusal("desk.bad_detail", what="heirs")
    given = {}
    for heir, fen in heirs.items():
        try:
            given[person_of(UUID(heir))] = fen
        except (ValueError, AttributeError, TypeError):
            raise Refusal("desk.bad_detail", what="heirs") from None
        if type(fen) is not int or not 0 < fen < MOST_FEN:
            raise Refusal("desk.bad_detail", what="heirs")
    for heir in given:
        casework.alive(tx, heir)
    require_stranger(tx, find(tx, tx.by.name), list(given))
    one.detail["heirs"] = {str(heir.id): fen for heir, fen in given.items()}
    return one.itself()


MATTERS: dict[str, Callable[[Tx, _Application], UUID]] = {
    "unbind_counter": _unbinding,
    "aid_release_counter": _ending_aid,
    "household_close": _closing,
    "household_leave": _leaving,
    "household_fund": _funding,
    "quota_release": _ending_quota,
    "activation_offline": _activation,
    "remote_filing_review": _remote_care,
    "filing_papers": _owed_papers,
    "wrong_charge": _wrong_charge,
    "correction": _correction,
    "account_withdrawal": _withdrawal,
}
"""What a clerk opens, and what looks at the application: the id of what it is about, or a refusal."""


# Binding


def bind(tx: Tx, member: PersonRef, binder: PersonRef, relation: str, papers: Pictures, *, allow_test_area: bool) -> UUID:
    """A request to bind by papers that lie on the counter, for a binder who stands there; the case that decides it.

    `relation`: what the member is to the binder; `papers`: kind and picture, each in the store already. Refuses other roles and
    regions (the member's decides), the clerk's own family, who is not alive, and what `binding.ask` and `binding.submit` refuse.
    """
    casework.at_counter(tx, member, binder)
    for one in (member, binder):
        casework.alive(tx, one)
    here, found = casework.standing(tx), enrolment.person(tx, member)
    claim = Claim("offline", relation, found.name, found.document_kind, found.number)
    request = binding.ask(here, library(), binder, claim, allow_test_area=allow_test_area)
    if application.row_of(tx, request)["state"] == application.ASKED:
        # No register knows them: whoever decides looks at the papers, and the case says so.
        binding.kinship_known(here, library(), request, binder, Kinship.UNKNOWN)
    given: dict[str, list[UUID]] = {}
    for kind, paper in papers:
        evidence.record(here, paper, request, kind, member, binder)
        given.setdefault(kind, []).append(paper.id)
    binding.submit(here, library(), request, binder, "", given)
    return casework.adopt_request(tx, request)


def papers_for(tx: Tx, member: PersonRef, binder: PersonRef) -> tuple[str, ...]:
    """The kinds of the papers that lie on the counter when these two are bound: a paper of identity, then two of kinship."""
    residents = application.residents(tx, member, binder)
    return ("id_card", *["household_register"] * 2) if residents else ("identity_document", *["kinship_proof"] * 2)


def take_over(tx: Tx, request: UUID) -> UUID:
    """A request that waits for a face or a guardian, whose people came to the counter instead: from now on the desk's; its case.

    Refuses other roles and regions, the clerk's own family, a request that is not there or has lapsed, and one that waits for
    anything else. The binder is told.
    """
    row = application.row_of(tx, request)
    if row["member"] is None:
        raise Refusal("family.no_request")
    binder = application.binder_of(row)
    casework.at_counter(tx, application.member_of(row), binder)
    binding.to_counter(casework.standing(tx), request, binder)
    say(tx, binder, "您的亲情账户绑定申请已转到窗口办理。", request)
    return casework.adopt_request(tx, request)


# Mutual aid


def promise(tx: Tx, giver: PersonRef, receiver: PersonRef, relation: str, terms: aid.Terms) -> aid.Promise:
    """The promise that a giver who stands at the counter is shown; `relation`: what the receiver is to the giver.

    Refuses other roles and regions (the giver's), the clerk's own family, who is not alive, and what the rules do not permit.
    """
    casework.at_counter(tx, giver, receiver)
    for one in (giver, receiver):
        casework.alive(tx, one)
    return aid.promise(tx, library(), giver, receiver, relation, terms)


def authorise(tx: Tx, giver: PersonRef, receiver: PersonRef, relation: str, terms: aid.Terms, agreed: str) -> UUID:
    """The giver agreed at the counter, also where a region takes it nowhere else; both are told by the domain.

    Refuses what `promise` and `aid.offer` refuse, and another letter than the one that these terms make today.
    """
    promise(tx, giver, receiver, relation, terms)
    return aid.offer(casework.standing(tx), library(), giver, receiver, relation, terms, agreed=agreed)


# Household accounts and quotas


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person who stands at the counter would have: a word of WISHES.

    `relation`: what `other` is to the person. `invitation`: the one that is accepted. `fen`, `valid_to`: of a quota.
    """

    what: str
    person: PersonRef
    other: PersonRef | None = None
    relation: str = ""
    fen: Fen = 0
    valid_to: date | None = None
    invitation: UUID | None = None


def letter_for(tx: Tx, wish: Wish) -> Letter:
    """What the person is shown before agreeing; refuses what `grant` refuses, except that there is not money enough.

    Refuses other roles and regions (the person's), the clerk's own family, and who is not alive.
    """
    if wish.what not in WISHES:
        raise Refusal("desk.not_opened_here")
    people = [one for one in (wish.person, wish.other) if one is not None]
    casework.at_counter(tx, *people)
    for one in people:
        casework.alive(tx, one)
    return WISHES[wish.what][0](tx, wish)


def grant(tx: Tx, wish: Wish, agreed: str) -> UUID:
    """The person read the letter and agreed: it is done as if on a phone; the id of what came of it. The person is told.

    Which words were agreed to is in the audit trail, by version and hash. Refuses what `letter_for`, people.household and
    people.wallet refuse, and consent.text_changed.
    """
    shown_letter = letter_for(tx, wish)
    consent.check(shown_letter, agreed)
    made = WISHES[wish.what][1](casework.standing(tx), wish)
    audit.write(
        tx, wish.person.book, "agree_at_counter", made, behalf_of=wish.person.id, purpose=wish.what,
        detail={"version": shown_letter.version, "hash": shown_letter.hash},
    )  # fmt: skip
    say(tx, wish.person, f"您在窗口办理了《{shown_letter.title}》。不是您办的，请拨打 12393。", made)
    return made


def _open_letter(tx: Tx, wish: Wish) -> Letter:
    region = household.may_open(tx, library(), wish.person)
    return consent.letter(wish.what, person=shown(tx, wish.person), region=library().name(region))


def _open_household(tx: Tx, wish: Wish) -> UUID:
    return household.open_household(tx, library(), wish.person)


def _relative(wish: Wish) -> PersonRef:
    if wish.other is None or wish.relation not in RELATIONS:
        raise Refusal("desk.bad_detail", what="relation")
    return wish.other


def _own_household(tx: Tx, head: PersonRef) -> Household:
    found = household.of(tx, head)
    if found is None or found.head != head:
        raise Refusal("household.unknown")
    return found


def _add_letter(tx: Tx, wish: Wish) -> Letter:
    other = _relative(wish)
    _own_household(tx, wish.person)
    household.may_join(tx, library(), wish.person, other, wish.relation)
    words = {"person": shown(tx, wish.person), "relation": RELATIONS[wish.relation], "other": shown(tx, other)}
    return consent.letter(wish.what, **words)


def _add_member(tx: Tx, wish: Wish) -> UUID:
    """The membership; or the invitation, where the relative has to say yes: on the phone, or at the counter like this."""
    found, other = _own_household(tx, wish.person), _relative(wish)
    says_yes = library().in_force(found.region, business_date(tx.at))["mutual_aid_acceptance"]
    do = household.invite if says_yes else household.add_member
    return do(tx, library(), found.ref, wish.person, other, wish.relation)


def _invited(tx: Tx, wish: Wish) -> Invitation:
    mine = household.invitations(tx, wish.person)
    found = next((one for one in mine if one.id == wish.invitation), None)
    if found is None:
        raise Refusal("household.not_invited")
    return found


def _join_letter(tx: Tx, wish: Wish) -> Letter:
    asked = _invited(tx, wish)
    head = household.find(tx, asked.household).head
    household.may_join(tx, library(), head, wish.person, asked.relation)
    words = {"person": shown(tx, wish.person), "relation": RELATIONS[asked.relation], "other": shown(tx, head)}
    return consent.letter(wish.what, **words)


def _join(tx: Tx, wish: Wish) -> UUID:
    return household.join(tx, library(), _invited(tx, wish).id, wish.person)


def _quota_letter(tx: Tx, wish: Wish) -> Letter:
    other = _relative(wish)
    wallet.may_freeze(tx, library(), wish.person, other, wish.relation, wish.fen, wish.valid_to)
    until = f"有效期至 {wish.valid_to.isoformat()}" if wish.valid_to else "不设期限"
    words = {"person": shown(tx, wish.person), "relation": RELATIONS[wish.relation], "other": shown(tx, other)}
    return consent.letter(wish.what, **words, fen=yuan(wish.fen), until=until)


def _freeze_quota(tx: Tx, wish: Wish) -> UUID:
    return wallet.freeze(tx, library(), wish.person, _relative(wish), wish.relation, wish.fen, valid_to=wish.valid_to)


WISHES: dict[str, tuple[Callable[[Tx, Wish], Letter], Callable[[Tx, Wish], UUID]]] = {
    "household_open": (_open_letter, _open_household),
    "household_add": (_add_letter, _add_member),
    "household_join": (_join_letter, _join),
    "wallet_quota": (_quota_letter, _freeze_quota),
}
"""What somebody has at the counter by agreeing to a letter, as on a phone: nothing of it moves money. What does is a matter."""


# Consent that is due anew


def renewal_letter(tx: Tx, bond: UUID) -> tuple[Bond, Letter]:
    """A bond whose consent is due anew, and what its member is shown at the counter; refusals as `renew`."""
    row = tx.one(SQL.bond, book=refs.book_of(bond), id=bond)
    if row is None:
        raise Refusal("family.not_bound")
    member = person_of(row["member"])
    casework.at_counter(tx, member, person_of(row["binder"]))
    casework.alive(tx, member)
    seen = family.detail(tx, bond, member)
    if seen.consent_due is None or seen.consent_due > business_date(tx.at):
        raise Refusal("family.not_due")
    return seen, family.renewal_letter(tx, bond, member)


def renew(tx: Tx, bond: UUID, agreed: str) -> None:
    """The member of 14 or more stands here with the ID card and agrees anew: the bond serves again, and the member is told.

    Refuses other roles and regions, the clerk's own family, family.not_bound, family.not_due and consent.text_changed.
    """
    seen, _ = renewal_letter(tx, bond)
    family.renew_at_counter(casework.standing(tx), library(), bond, agreed)
    audit.write(tx, seen.member.book, "renew_at_counter", seen.member.id, behalf_of=seen.binder.id)
    say(tx, seen.member, f"您已在窗口重新同意 {seen.shown} 代您出示医保码。不是您办的，请拨打 12393。", bond)


def _waiting(tx: Tx, person: PersonRef) -> list[Request]:
    """Requests to bind, from either side, that wait for a face or a guardian."""
    asked = (*binding.asked_by(tx, library(), person), *binding.asked_of(tx, library(), person))
    return [one for one in asked if one.member and one.state in (application.CONSENT, application.FACE)]


def _charge(row: Row) -> Charge:
    state = "refund" if row["refunds"] else "refunded" if row["refunded_by"] else ""
    return Charge(row["id"], row["settled_at"], row["place"], row["total"], state)


def _booking(row: Row) -> Booking:
    return Booking(row["journal"], chart.PURSE_NAMES[row["kind"]], row["fen"], row["business_date"], row["cause"])
