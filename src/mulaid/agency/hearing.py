"""Hearings: whose word is taken down at the counter for somebody under 16, and what says that it is theirs to give.

A parent whom a register knows agrees on the phone. Here stand the others: a guardian by papers, one of 14 or 15 alone, and a
guardian who is nobody's person in this system, whose word counts once two people have looked at the papers.
"""

from __future__ import annotations

import json
from datetime import date
from uuid import UUID

from mulaid import audit
from mulaid.agency import evidence, staff
from mulaid.agency.casework import (
    REVIEWS,
    alive,
    at_version,
    find,
    key_of,
    must,
    not_oneself,
    note,
    require_clerk,
    seal_detail,
    standing,
)
from mulaid.agency.matters import STATES, Case
from mulaid.agency.staff import HANDLER, SQL
from mulaid.calendar import business_date
from mulaid.crypto import BrokenSeal
from mulaid.db import Tx
from mulaid.people import binding, enrolment, family, identity
from mulaid.people import consent as consents
from mulaid.people.consent import Letter
from mulaid.people.eligibility import shown
from mulaid.people.enrolment import PersonRef, age_of
from mulaid.policy.pack import Pack, library
from mulaid.refusal import Refusal


def consent_letter(tx: Tx, case: UUID, speaker: PersonRef) -> Letter:
    """What somebody who stands at the counter is shown before agreeing for a member under 16, or as one of 14 or 15.

    Refuses a matter that asks for nobody's word, who is not of age or not alive, and a member under 14 alone.
    """
    return _to_agree(tx, find(tx, case), speaker)


def hears(tx: Tx, found: Case) -> bool:
    """Whether a case is one for which somebody's word may be taken down now."""
    if found.state != "taken" or found.matter.name not in REVIEWS.values():
        return False
    return bool(age_of(tx, found.person) < family.pack_of(tx, library(), found.person)["face_check_min_age_years"])


def consent(tx: Tx, case: UUID, version: int, speaker: PersonRef, agreed: str) -> None:
    """The handler who has the case saw the speaker's papers and heard the word: it is on record with the letter as it was shown.

    Refuses what `consent_letter` refuses, and consent.text_changed.
    """
    found = at_version(tx, case, HANDLER, version)
    shown_letter = _to_agree(tx, found, speaker)
    binding.consent_at_counter(standing(tx), library(), found.about, speaker, agreed)
    must(tx, found, tx.run(SQL.heard_case, **key_of(found), by=tx.by.name))
    note(tx, case, "consent", f"{shown(tx, speaker)} 当面同意《{shown_letter.title}》")


def introduce(
    tx: Tx, case: UUID, name: str, kind: str, number: str, born: date | None, *, allow_test_area: bool
) -> tuple[Letter, str]:
    """What a guardian is shown who is nobody's person here, and who that is as a sealed word, for `consent_by_papers`.

    A paper of identity and one of the guardianship lie with the case already. Refuses what `consent_letter` refuses,
    missing papers (desk.guardian_papers), and a document that is known here (desk.guardian_known).
    """
    found = find(tx, case)
    pack = _to_hear(tx, found)
    one = enrolment.stranger(tx, identity.check_name(name), kind, number, born, allow_test_area=allow_test_area)
    if enrolment.known(tx, one.kind, one.number):
        raise Refusal("desk.guardian_known")
    if identity.age_on(one.born, business_date(tx.at)) < pack["adult_age_years"]:
        raise Refusal("desk.not_of_age", age=pack["adult_age_years"])
    not_oneself(tx, staff.find(tx, tx.by.name), one)
    _guardian_papers(tx, found)
    sealed = tx.keys.seal("case", f"desk_case|guardian|{case}", json.dumps(one.plain, ensure_ascii=False))
    return binding.guardian_letter(tx, library(), found.about, None), sealed.hex()


def consent_by_papers(tx: Tx, case: UUID, version: int, guardian: str, agreed: str) -> None:
    """The handler heard a guardian whom `introduce` named: the word counts once a second person has agreed to the case.

    Refuses what `introduce` refuses, a word that is not its own, and consent.text_changed.
    """
    found = at_version(tx, case, HANDLER, version)
    _to_hear(tx, found)
    _guardian_papers(tx, found)
    try:
        told = json.loads(tx.keys.open_text("case", f"desk_case|guardian|{case}", bytes.fromhex(guardian)))
    except (BrokenSeal, ValueError):
        raise Refusal("desk.bad_detail", what="监护人") from None
    letter = binding.guardian_letter(tx, library(), found.about, None)
    consents.check(letter, agreed)
    detail = seal_detail(tx, case, {**found.detail, "guardian": {**told, "agreed": agreed}})
    must(tx, found, tx.run(SQL.set_detail, **key_of(found), by=tx.by.name, detail=detail))
    audit.write(tx, found.book, "hear_guardian", case, behalf_of=found.person.id, purpose=found.matter.name)
    who = enrolment.Stranger.of(told)
    note(tx, case, "consent", f"{who.shown}（{identity.KINDS[who.kind]}，未在本地参保）当面同意《{letter.title}》")


def _to_agree(tx: Tx, found: Case, speaker: PersonRef) -> Letter:
    """The letter for a speaker, whom the handler who has the case may hear."""
    pack, age = _to_hear(tx, found), age_of(tx, found.person)
    staff.require_stranger(tx, staff.find(tx, tx.by.name), [speaker])
    alive(tx, speaker)
    if speaker == found.person and age < pack["guardian_consent_below_age_years"]:
        raise Refusal("family.guardian_consent_required", age=pack["guardian_consent_below_age_years"])
    if speaker != found.person and age_of(tx, speaker) < pack["adult_age_years"]:
        raise Refusal("desk.not_of_age", age=pack["adult_age_years"])
    return binding.guardian_letter(tx, library(), found.about, speaker)


def _to_hear(tx: Tx, found: Case) -> Pack:
    """The member's pack, where somebody's word may be taken down by the acting handler now."""
    require_clerk(tx, HANDLER, found)
    if found.matter.name not in REVIEWS.values():
        raise Refusal("desk.no_word_needed")
    if found.state != "taken":
        raise Refusal("desk.wrong_state", state=STATES[found.state])
    if found.taken_by != tx.by.name:
        raise Refusal("desk.taken_by_other")
    pack = family.pack_of(tx, library(), found.person)
    if age_of(tx, found.person) >= pack["face_check_min_age_years"]:
        raise Refusal("desk.no_word_needed")
    return pack


def _guardian_papers(tx: Tx, case: Case) -> None:
    """Refuses unless somebody's identity and the guardianship are on papers that were laid on the counter for this case."""
    given = {paper.kind for paper in evidence.papers_of(tx, case.id) if not paper.gone}
    if not (given & evidence.IDENTITY and given & evidence.GUARDIANSHIP):
        raise Refusal("desk.guardian_papers")
