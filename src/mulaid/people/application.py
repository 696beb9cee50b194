"""A request to bind as a row: its states, who may see it, what it still needs. The steps are in mulaid.people.binding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mulaid import audit, outbox, refs
from mulaid.calendar import business_date
from mulaid.db import Row, Tx
from mulaid.people import enrolment, family, identity, kinship
from mulaid.people.enrolment import PersonRef, age_of
from mulaid.people.family import SQL
from mulaid.people.kinship import Kinship
from mulaid.policy.pack import Library, Pack
from mulaid.refusal import Refusal

ASKED, FOUND, PAPERS, CONSENT, FACE, REVIEW = "asked", "found", "papers", "consent", "face", "review"
BOUND, REFUSED, LAPSED, WITHDRAWN = "bound", "refused", "lapsed", "withdrawn"
OPEN = (ASKED, FOUND, PAPERS, CONSENT, FACE, REVIEW)
OFFLINE = "offline"
PAGES = {"household_register": 2}
"""Pictures a paper has at least: of the household register the page of either person."""
PAPER_NAMES = {
    "promise_letter": "承诺书", "household_register": "户口簿（双方页）", "id_card": "身份证", "identity_document": "身份证件",
    "birth_certificate": "出生医学证明", "insurance_card": "社会保障卡", "kinship_proof": "亲属关系证明",
}  # fmt: skip
WHY = {
    "kinship": "没有查到可以确认的亲属关系，由经办机构核对材料。",
    "contradicted": "登记的亲属关系与填写的不一致，由经办机构核对材料。",
    "face_impossible": "不能刷脸，由经办机构用其他方式核实。",
    "offline": "在窗口办理，由经办人员核实。",
    "birth_unknown": "没有查到与所填母亲姓名、身份证号和出生医学证明编号都一致的记录。",
    "child_not_enrolled": "孩子还没有参保登记，请先办理参保。",
    "declined": "家人没有同意。",
    "withdrawn": "您已撤回申请。",
    "lapsed": "超过时限没有办完，已经作废，可以重新申请。",
}
STATES = {
    "asked": "等待登记机关答复", "found": "等待您核对查询结果", "papers": "等待补齐材料", "consent": "等待监护人或本人同意",
    "face": "等待本人刷脸", "review": "经办机构审核中", "bound": "已绑定", "refused": "没有通过", "lapsed": "已过期",
    "withdrawn": "已撤回",
}  # fmt: skip
"""What the citizen reads where a request waits or has ended; the agency's own refusals carry their own words."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as binder, member, guardian or agency may see it: masked. `needs`: the papers still to hand in."""

    id: UUID
    state: str
    route: str
    relation: str
    binder: PersonRef
    binder_shown: str
    member: PersonRef | None
    member_shown: str
    kinship: Kinship
    needs: Mapping[str, int]
    why: str
    said: str
    channel: str
    asked_at: datetime
    lapses_at: datetime
    bond: UUID | None


def value(pack: Pack, overrides: Mapping[str, Any] | None, parameter: str) -> Any:
    """A value of the area, unless the channel has its own."""
    return overrides[parameter] if overrides and parameter in overrides else pack[parameter]


def required(tx: Tx, library: Library, row: Row) -> Mapping[str, int]:
    """The papers of a route, with the pictures each has at least; the promise is made here and needs none."""
    by_route = value(family.pack_of(tx, library, binder_of(row)), row["limits"], "family_account_required_documents")
    named = by_route.get(row["route"], ())
    if row["route"] == OFFLINE and not residents(tx, member_of(row), binder_of(row)):
        # A passport or a permit is in no household register: the papers of other documents, without a promise made elsewhere.
        named = [paper for paper in by_route.get("other_document", ()) if paper != "promise_letter"]
    return {paper: PAGES.get(paper, 1) for paper in sorted(named)}


def residents(tx: Tx, *people: PersonRef) -> bool:
    """Whether all of them are known by a resident ID card, which comes with a page of a household register."""
    return all(enrolment.person(tx, one).document_kind == identity.RESIDENT for one in people)


def missing(tx: Tx, row: Row, required: Mapping[str, int]) -> dict[str, int]:
    have = [one["paper"] for one in tx.all(SQL.papers, book=row["book"], request=row["id"])]
    lacking = {paper: pages - have.count(paper) for paper, pages in required.items() if paper != "promise_letter"}
    missing = {paper: pages for paper, pages in lacking.items() if pages > 0}
    if "promise_letter" in required and row["promise"] is None:
        missing["promise_letter"] = 1
    return missing


def row_of(tx: Tx, request: UUID) -> Row:
    row = tx.one(SQL.request, book=refs.book_of(request), id=request)
    if row is None:
        raise Refusal("family.no_request")
    return row


def held(tx: Tx, request: UUID) -> Row:
    row = tx.one(SQL.lock_request, book=refs.book_of(request), id=request)
    if row is None:
        raise Refusal("family.no_request")
    return row


def of_binder(tx: Tx, request: UUID, binder: PersonRef, *states: str, hold: bool = False) -> Row:
    row = held(tx, request) if hold else row_of(tx, request)
    if row["binder"] != binder.id:
        raise Refusal("family.no_request")
    in_state(tx, row, *states)
    return row


def visible(tx: Tx, library: Library, request: UUID, reader: PersonRef, *, hold: bool = False) -> Row:
    """The request for its two sides, and for a registered guardian of a member under 16."""
    row = held(tx, request) if hold else row_of(tx, request)
    if reader.id in (row["binder"], row["member"]):
        return row
    if row["member"] is None or not guards(tx, reader, row) or age_of(tx, member_of(row)) >= grown_age(tx, library, row):
        raise Refusal("family.no_request")
    return row


def in_state(tx: Tx, row: Row, *states: str) -> None:
    if row["state"] in OPEN and row["state"] != REVIEW and row["lapses_at"] <= tx.at:
        raise Refusal("family.request_lapsed")
    if row["state"] not in states:
        raise Refusal("family.request_moved", state=STATES[row["state"]])


def store(tx: Tx, row: Row) -> str:
    names = (
        "state",
        "member_book",
        "member",
        "kinship",
        "birth",
        "promise",
        "consent",
        "face",
        "assurance",
        "why",
        "said",
        "done_at",
        "bond",
    )
    tx.run(SQL.set_request, book=row["book"], id=row["id"], **{name: row[name] for name in names})
    audit.write(tx, row["book"], "step_family_request", row["member"], behalf_of=row["binder"], detail={"state": row["state"]})
    return str(row["state"])


def close(tx: Tx, row: Row, state: str, *, why: str, said: str = "") -> str:
    if state != WITHDRAWN:
        outbox.tell(tx, row["book"], row["binder"], f"您的亲情账户绑定申请没有办成：{said or WHY[why]}", row["id"])
    return store(tx, {**row, "state": state, "why": why, "said": said, "done_at": tx.at})


def member_of(row: Row) -> PersonRef:
    return PersonRef(row["member_book"], row["member"])


def binder_of(row: Row) -> PersonRef:
    return PersonRef(row["book"], row["binder"])


def grown_age(tx: Tx, library: Library, row: Row) -> int:
    age: int = family.pack_of(tx, library, member_of(row))["face_check_min_age_years"]
    return age


def guards(tx: Tx, reader: PersonRef, row: Row) -> bool:
    return kinship.registered(tx, reader, member_of(row), business_date(tx.at)) == "child"


def seen(tx: Tx, library: Library, row: Row) -> Request:
    member = member_of(row) if row["member"] is not None else None
    lapsed = row["state"] in OPEN and row["state"] != REVIEW and row["lapses_at"] <= tx.at
    return Request(
        id=row["id"],
        state=LAPSED if lapsed else row["state"],
        route=row["route"],
        relation=row["relation"],
        binder=binder_of(row),
        binder_shown=enrolment.person(tx, binder_of(row)).shown,
        member=member,
        member_shown=enrolment.person(tx, member).shown if member else "",
        kinship=Kinship(row["kinship"]),
        needs=missing(tx, row, required(tx, library, row)) if row["state"] == PAPERS else {},
        why=row["why"],
        said=row["said"] or WHY.get(row["why"], ""),
        channel=row["channel"],
        asked_at=row["asked_at"],
        lapses_at=row["lapses_at"],
        bond=row["bond"],
    )
