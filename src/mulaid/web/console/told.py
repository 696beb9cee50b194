"""A case as whoever decides reads it: what the records say, beside what was handed in. Persons are masked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol
from uuid import UUID

from mulaid import refs
from mulaid.agency.matters import person_of
from mulaid.agency.staff import SQL
from mulaid.calendar import business_date
from mulaid.db import Tx
from mulaid.ledger import journal
from mulaid.ledger.chart import PURSE_NAMES, purse_key
from mulaid.money import yuan
from mulaid.people import aid, application, binding, filings, household, wallet
from mulaid.people.endings import BECAUSE
from mulaid.people.enrolment import SQL as PEOPLE
from mulaid.people.enrolment import Enrolment, PersonRef, Stranger, age_of, enrolled, person
from mulaid.people.filings import KINDS
from mulaid.people.identity import KINDS as DOCUMENTS
from mulaid.people.identity import age_on, mask_number
from mulaid.people.kinship import Kinship
from mulaid.policy.explain import RELATIONS
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.web import whose
from mulaid.web.words import BASES, STATUSES, day, money, region

Facts = list[tuple[str, str]]


class Affair(Protocol):
    """What a matter is about: a case, or what a clerk is about to open one for."""

    @property
    def person(self) -> PersonRef: ...

    @property
    def about(self) -> UUID: ...

    @property
    def detail(self) -> Mapping[str, Any]: ...


KIN = {
    Kinship.CONFIRMED: "登记一致",
    Kinship.CONTRADICTED: "登记不一致，请重点核对",
    Kinship.UNKNOWN: "没有查到登记，请核对材料",
}
ACCOUNTS = {
    "fund": "医保基金",
    "institution": "应付医药机构",
    "cash": "现金",
    "clearing": "账本往来",
    "crediting": "个人账户划入",
    "premium": "保费",
    "payout": "支取",
    "on_the_way": "转出在途",
}
"""Tallied accounts by the first word of their names (mulaid.ledger.chart)."""
CAUSES = {
    "credit": "个人账户划入",
    "credited": "个人账户划入",
    "year_turned": "年度结转",
    "premium": "缴保费",
    "premium_refund": "保费退回",
    "household": "家庭账户划转",
    "wallet_sent": "跨省共济转出",
    "wallet_accepted": "跨省共济转入",
    "account_moved": "账户随参保转移",
    "given": "转给家人",
    "payout": "支取或继承",
    "correction": "账务更正",
    "demo": "演示入账",
}
"""Why a journal outside of settlements was written."""

ROUTES = {
    "id_number": "身份证号",
    "other_document": "其他证件",
    "birth_certificate": "出生医学证明",
    "offline": "窗口办理",
}


def of_person(tx: Tx, who: PersonRef) -> Facts:
    """Somebody by the register of persons and the enrolment of today."""
    found, today = person(tx, who), business_date(tx.at)
    told = [("姓名", found.shown), ("证件", mask_number(found.number)), ("年龄", f"{age_on(found.born, today)} 岁")]
    try:
        stands: Enrolment | None = enrolled(tx, who, today)
    except Refusal:
        stands = None
    if stands is None:
        return [*told, ("参保", "今天没有参保记录")]
    return [*told, ("参保地", region(stands.region)), ("参保", f"{BASES[stands.base]}，{STATUSES[stands.status]}")]


def of_matter(tx: Tx, name: str, affair: Affair) -> Facts:
    """What a case is about, by its matter; what is no longer there says so instead of failing the page."""
    try:
        return list(TELL[name](tx, affair))
    except Refusal as refusal:
        return [("记录", refusal.says)]


def _binding(tx: Tx, case: Affair) -> Iterator[tuple[str, str]]:
    found, _ = binding.for_agency(tx, library(), case.about)
    yield "当事人是申请人的", RELATIONS[found.relation]
    yield "绑定方式", ROUTES.get(found.route, found.route)
    yield "亲属关系", KIN[found.kinship]
    if found.member and age_of(tx, found.member) < application.grown_age(tx, library(), application.row_of(tx, case.about)):
        guardian = case.detail.get("guardian")
        if guardian:
            one = Stranger.of(guardian)
            yield "监护人，未在本地参保", f"{one.shown}，{DOCUMENTS[one.kind]} {mask_number(one.number)}，{day(one.born)}生"
        said = "已经当面同意，复核以后生效" if guardian else "已经同意" if binding.consented(tx, case.about) else "还没有"
        yield "监护人或本人同意", said
    yield "现在", application.STATES[found.state]


def _bond(tx: Tx, case: Affair) -> Iterator[tuple[str, str]]:
    row = tx.one(SQL.bond, book=refs.book_of(case.about), id=case.about)
    if row is None:
        yield "绑定", "已经解除"
        return
    yield "绑定人", person(tx, person_of(row["binder"])).shown
    yield "被绑定人", person(tx, person_of(row["member"])).shown
    yield "关系", RELATIONS[row["relation"]]
    yield "现在", "有异议，已暂停使用" if row["suspended_at"] else "使用中"


def _aid(tx: Tx, case: Affair) -> Iterator[tuple[str, str]]:
    found = aid.find(tx, case.about)
    yield "授权人", person(tx, found.giver).shown
    yield "被授权人", person(tx, found.receiver).shown
    yield "被授权人是授权人的", RELATIONS[found.relation]
    yield "亲属关系", "登记一致" if found.kinship == "registered" else "没有查到登记，本人承诺"
    yield "申请时间", day(found.filed_at)
    yield "总额度", f"{yuan(found.quota)} 元" if found.quota is not None else "不限"


def _charge(tx: Tx, case: Affair) -> Iterator[tuple[str, str]]:
    told = whose.tell(tx, refs.show(refs.SETTLEMENT, case.about))
    yield "地点", f"{told.place}，{told.use}"
    yield "时间", told.when
    yield "总额", money(told.total)
    for payer in told.payers:
        yield payer.name, money(payer.fen)
    yield "退费", "已经退过" if told.other else "没有退过"


def _journal(tx: Tx, case: Affair) -> Iterator[tuple[str, str]]:
    row = tx.one(journal.SQL.journal, book=refs.book_of(case.about), id=case.about)
    if row is None:
        raise Refusal("ledger.unknown_journal")
    for leg, (account, fen) in enumerate(zip(row["accounts"], row["fens"], strict=True)):
        back = case.detail.get("parts", {}).get(str(leg))
        yield (
            f"分录第 {leg + 1} 条 · {account_name(account)}",
            f"{yuan(fen)} 元" + (f"，拟退 {yuan(int(back))} 元" if back else ""),
        )


def account_name(account: str) -> str:
    """What an account of the books is called."""
    key = purse_key(account)
    return PURSE_NAMES[key[1]] if key else ACCOUNTS[account.partition(":")[0]]


def _payout(tx: Tx, case: Affair) -> Iterator[tuple[str, str]]:
    yield "原因", BECAUSE.get(str(case.detail["because"]), str(case.detail["because"]))
    for heir, fen in case.detail.get("heirs", {}).items():
        yield f"继承人 {person(tx, person_of(UUID(heir))).shown}", f"{yuan(int(fen))} 元"


def _filing(tx: Tx, case: Affair) -> Iterator[tuple[str, str]]:
    yield "备案类型", KINDS.get(str(case.detail["kind"]), str(case.detail["kind"]))
    yield "就医地", region(str(case.detail["region"]))
    yield "原因", str(case.detail["reason"])
    if case.detail.get("care_since"):
        yield "已在当地就医", f"{case.detail['care_since']} 起"


def _household(tx: Tx, case: Affair) -> Iterator[tuple[str, str]]:
    found = household.find(tx, case.about)
    yield "开户", day(found.opened_on)
    yield "余额", f"{yuan(found.balance)} 元"
    for member in found.members:
        yield f"成员 {member.shown}", f"{yuan(member.part)} 元"
    yield "现在", "已关闭" if found.closed_on else "使用中"


def _leaving(tx: Tx, case: Affair) -> Iterator[tuple[str, str]]:
    yield "退出的成员", person(tx, person_of(UUID(str(case.detail["member"])))).shown
    yield from _household(tx, case)


def _funding(tx: Tx, case: Affair) -> Iterator[tuple[str, str]]:
    yield "从个人账户转入", f"{yuan(int(case.detail['fen']))} 元"
    yield from _household(tx, case)


def _quota(tx: Tx, case: Affair) -> Iterator[tuple[str, str]]:
    found = wallet.find(tx, case.about)
    yield "授权人", person(tx, found.giver).shown
    yield "被授权人", person(tx, found.receiver).shown
    yield "额度", f"{yuan(found.quota)} 元"
    yield "没有用完", f"{yuan(found.left)} 元"
    yield "现在", "已终止" if found.ended_at else "使用中"


def _owed(tx: Tx, case: Affair) -> Iterator[tuple[str, str]]:
    found = next((one for one in filings.filings(tx, case.person) if one.id == case.about), None)
    if found is None:
        raise Refusal("filing.unknown")
    yield "备案类型", KINDS[found.kind]
    yield "就医地", region(found.region)
    yield "备案日期", day(found.filed_at)
    yield "材料", f"承诺 {day(found.papers_due)}前补交" if found.papers_due else "已经补交"


def _activation(tx: Tx, case: Affair) -> Iterator[tuple[str, str]]:
    row = tx.one(PEOPLE.credential, book=case.person.book, person=case.person.id)
    yield "医保码", "已经激活" if row else "还没有激活"


TELL: dict[str, Callable[[Tx, Affair], Iterator[tuple[str, str]]]] = {
    "binding_review": _binding,
    "kinship_doubt": _binding,
    "face_impossible": _binding,
    "unbind_counter": _bond,
    "dispute_not_me": _bond,
    "aid_review": _aid,
    "aid_release_counter": _aid,
    "household_close": _household,
    "household_leave": _leaving,
    "household_fund": _funding,
    "quota_release": _quota,
    "wrong_charge": _charge,
    "correction": _journal,
    "account_withdrawal": _payout,
    "activation_offline": _activation,
    "remote_filing_review": _filing,
    "filing_papers": _owed,
}
