"""Who may give to whom: what the regions' rules say about two people on a day, for every form of mutual aid alike.

Also on which terms: what a giver allows, whether a region permits it, and the letter that promises it in words; and what a
death, a move, a suspension or the end of a kinship means for a relation that stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from mulaid.calendar import business_date
from mulaid.crypto import digest
from mulaid.db import Row, Statements, Tx
from mulaid.money import LARGEST_FEN, Fen, yuan
from mulaid.people import kinship
from mulaid.people.enrolment import SQL as PEOPLE
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.people.kinship import Kinship
from mulaid.policy import rules
from mulaid.policy.explain import RELATIONS
from mulaid.policy.pack import Library, Pack
from mulaid.refusal import Refusal

SQL = Statements("mulaid.people", "aid.sql")
COUNTER = "counter"
"""The channel of acts at an agency's counter."""
USE_WORDS = {
    "outpatient": "门诊",
    "pharmacy": "药店购药",
    "inpatient": "住院",
    "premium_resident": "居民医保费",
    "premium_ltc": "长期护理保险费",
}
"""Uses of a relative's account, in the order in which they are told."""
EDITION = "2026-1"
"""The edition of the promise letter's wording; a new wording is a new edition."""


def hold(tx: Tx, *people: PersonRef) -> None:
    """Let other changes of these people's relations wait until this one is through; one statement each, in (book, id) order."""
    for ref in sorted(people, key=lambda ref: (ref.book, ref.id)):
        tx.run(SQL.hold_party, book=ref.book, person=ref.id)


def at_counter(tx: Tx) -> bool:
    """Whether this is done at an agency's counter."""
    return tx.by.channel == COUNTER


def shown(tx: Tx, ref: PersonRef) -> str:
    """The masked name; refuses an id nobody has."""
    row = tx.one(SQL.shown, book=ref.book, id=ref.id)
    if row is None:
        raise Refusal("people.unknown")
    return str(row["shown"])


def eligible(tx: Tx, library: Library, giver: PersonRef, receiver: PersonRef, relation: str, on: date) -> tuple[Pack, str]:
    """The giver's pack and how the kinship is known, for drawing at settlements.

    Refuses what the two people and their regions do not permit on a day: aid.* of `may_give`, aid.member_suspended,
    aid.area_not_open, aid.household_here, aid.kinship_differs. Rules: policy.md 2 and 8.
    """
    pack, enrolment = may_give(tx, library, giver, receiver, relation, on)
    theirs = enrolment_of(tx, receiver, on)
    if theirs.status != "normal" and not library.in_force(theirs.region, on)["suspended_member_can_receive"]:
        raise Refusal("aid.member_suspended")
    if rules.outside_area(pack, theirs.region, enrolment.region):
        raise Refusal("aid.area_not_open", giver=library.name(enrolment.region), receiver=library.name(theirs.region))
    if pack["mutual_aid_mode"] != "draw":
        raise Refusal("aid.household_here", region=pack.name)
    return pack, kinship_of(tx, giver, receiver, relation, on)


def may_give(tx: Tx, library: Library, giver: PersonRef, receiver: PersonRef, relation: str, on: date) -> tuple[Pack, Enrolment]:
    """The giver's pack and enrolment.

    Refuses oneself, who is not enrolled, has no personal account, is not in normal status or of an excluded staff group, and a
    relation outside the giver's region's list of that day.
    """
    if giver == receiver:
        raise Refusal("aid.oneself")
    enrolment = enrolment_of(tx, giver, on)
    pack = library.in_force(enrolment.region, on)
    if enrolment.base == "resident":
        raise Refusal("aid.giver_has_no_account")
    if enrolment.status != "normal":
        raise Refusal("aid.giver_suspended")
    if relation not in pack["mutual_aid_relations"] or enrolment.staff_group in pack["authoriser_excluded_groups"]:
        raise Refusal("aid.relation_not_eligible", region=pack.name, on=on.isoformat())
    return pack, enrolment


def enrolment_of(tx: Tx, ref: PersonRef, on: date) -> Enrolment:
    """The enrolment in force on a day; refuses a day without one (aid.not_enrolled), and anybody after death."""
    who = tx.one(SQL.shown, book=ref.book, id=ref.id)
    row = tx.one(PEOPLE.enrolment_on, book=ref.book, person=ref.id, on=on)
    if row is None or who is None or (who["died_on"] is not None and who["died_on"] < on):
        raise Refusal("aid.not_enrolled", on=on.isoformat())
    return Enrolment(**row)


def kinship_of(tx: Tx, giver: PersonRef, receiver: PersonRef, relation: str, on: date) -> str:
    """`registered` when a register knows it, else `promised`; refuses a relation that registers contradict or know to be over."""
    known = kinship.of_relation(tx, giver, receiver, relation, on)
    if known == Kinship.CONFIRMED:
        return "registered"
    if known == Kinship.CONTRADICTED or _ends_of_kinship(tx, giver, receiver, relation):
        raise Refusal("aid.kinship_differs", relation=RELATIONS[relation])
    return "promised"


def _ends_of_kinship(tx: Tx, giver: PersonRef, receiver: PersonRef, relation: str) -> list[date | None]:
    """The last day of every stretch in which the receiver was the giver's relation, from whichever side it was registered."""
    rows = [row for row in _kin(tx, giver, receiver) if row["relation"] == relation]
    rows += [row for row in _kin(tx, receiver, giver) if row["relation"] == kinship.INVERSE.get(relation)]
    return [row["valid_to"] for row in rows]


def _kin(tx: Tx, person: PersonRef, other: PersonRef) -> list[Row]:
    return tx.all(SQL.kinship, book=person.book, person=person.id, other=other.id)


def happened(tx: Tx, person: PersonRef, pair: tuple[PersonRef, PersonRef, str], since: date, on: date) -> list[str]:
    """What has happened since a day to this person or to a kinship (giver, receiver, relation), in the words of auto_release_on.

    `suspended` is told of the giver only: a receiver's suspension rests the relation and does not end it (policy.md W12, W14).
    """
    giver, receiver, relation = pair
    told = []
    who = tx.one(SQL.shown, book=person.book, id=person.id)
    if who and who["died_on"] is not None and who["died_on"] <= on:
        told.append("death")
    before = tx.one(PEOPLE.enrolment_on, book=person.book, person=person.id, on=since)
    now = tx.one(PEOPLE.enrolment_on, book=person.book, person=person.id, on=on)
    if now is None or now["status"] == "ended":
        told.append("insurance_ended")
    elif now["status"] == "moved" or (before and rules.pooling_area(before["region"]) != rules.pooling_area(now["region"])):
        told.append("moved_area")
    if person == giver and tx.one(SQL.suspended_between, book=person.book, person=person.id, first=since, last=on):
        told.append("suspended")
    ends = _ends_of_kinship(tx, giver, receiver, relation)
    if ends and all(end is not None and end < on for end in ends):
        told.append("kinship_ended")
    return told


@dataclass(frozen=True, slots=True)
class Terms:
    """What a giver allows: amounts in fen, None for no limit of the giver's own; `rank` is the receiver's order among givers.

    `uses` None stands for everything the region permits. Caps of month and year are gross. `reserve` is what the giver's account
    keeps at least; `valid_from` a later first day, `valid_to` the last day.
    """

    quota: Fen | None = None
    settlement_cap: Fen | None = None
    valid_to: date | None = None
    rank: int | None = None
    uses: Sequence[str] | None = None
    month_cap: Fen | None = None
    year_cap: Fen | None = None
    reserve: Fen = 0
    valid_from: date | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """The letter a giver agrees to. `hash` names exactly this text, and is what an agreement is given to."""

    edition: str
    text: str
    hash: str


def promise(tx: Tx, library: Library, giver: PersonRef, receiver: PersonRef, relation: str, terms: Terms) -> Promise:
    """The promise letter of an authorisation with these terms, by today's rules; refuses what `offer` would refuse."""
    pack, _ = eligible(tx, library, giver, receiver, relation, business_date(tx.at))
    uses = "、".join(USE_WORDS[use] for use in uses_of(pack, terms))
    who = f"{RELATIONS[relation]}{shown(tx, receiver)}"
    said = limits_of(terms)
    text = "\n".join(
        (
            "家庭共济授权承诺书",
            f"授权人：{shown(tx, giver)}　被授权人：{shown(tx, receiver)}（授权人的{RELATIONS[relation]}）",
            f"一、我自愿用本人的职工医保个人账户，为{who}支付应由个人负担的费用，用于：{uses}。",
            f"二、{who}自己的账户先付，不足的部分才用我的账户；不动用统筹基金。",
            f"三、我设定的限额：{'；'.join(said) if said else '不另设限额，以账户可用余额为限'}。",
            "四、我与被授权人的亲属关系属实。如有不实，我退回已经支付的款项，并承担相应责任。",
            f"五、我知道授权可以修改、暂停和解除，按{pack.name}的规定办理；账户每次被使用，我都会收到消息。",
        )
    )
    return Promise(EDITION, text, digest(text.encode()).hex())


def check_terms(pack: Pack, terms: Terms, on: date, uses: Sequence[str] | None) -> None:
    check_amounts(terms)
    if pack["mutual_aid_valid_period"] == "dated" and terms.valid_to is None:
        raise Refusal("aid.end_date_needed", region=pack.name)
    first = max(on, terms.valid_from or on)
    if terms.valid_to is not None and terms.valid_to < first:
        raise Refusal("aid.bad_dates")
    if terms.valid_from is not None and terms.valid_from < on:
        raise Refusal("aid.bad_dates")
    if terms.uses is not None and not terms.uses:
        raise Refusal("aid.no_use")
    if strange := [use for use in uses or () if use not in pack["mutual_aid_use_types"]]:
        raise Refusal("aid.use_prohibited", region=pack.name, use="、".join(USE_WORDS.get(use, use) for use in strange))


def check_amounts(terms: Terms) -> None:
    amounts = (terms.quota, terms.settlement_cap, terms.month_cap, terms.year_cap)
    if any(fen is not None and not 0 < fen <= LARGEST_FEN for fen in amounts) or not 0 <= terms.reserve <= LARGEST_FEN:
        raise Refusal("aid.bad_limit")
    if terms.rank is not None and not 0 < terms.rank < 1000:
        raise Refusal("aid.bad_limit")


def uses_of(pack: Pack, terms: Terms) -> tuple[str, ...]:
    chosen = pack["mutual_aid_use_types"] if terms.uses is None else terms.uses
    return tuple(use for use in USE_WORDS if use in chosen)


def limits_of(terms: Terms) -> list[str]:
    amounts = (
        ("总额度", terms.quota),
        ("每次结算最多", terms.settlement_cap),
        ("每月最多", terms.month_cap),
        ("每年最多", terms.year_cap),
        ("本人账户至少保留", terms.reserve or None),
    )
    said = [f"{words} {yuan(fen)} 元" for words, fen in amounts if fen is not None]
    if terms.valid_from is not None:
        said.append(f"自 {terms.valid_from.isoformat()} 起")
    if terms.valid_to is not None:
        said.append(f"有效期至 {terms.valid_to.isoformat()}")
    return said
