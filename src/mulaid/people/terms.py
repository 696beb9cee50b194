"""The terms of an authorisation: what a giver allows, whether a region permits it, and the letter that promises it in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from mulaid.calendar import business_date
from mulaid.crypto import digest
from mulaid.db import Tx
from mulaid.money import LARGEST_FEN, Fen, yuan
from mulaid.people.eligibility import USE_WORDS, eligible, shown
from mulaid.people.enrolment import PersonRef
from mulaid.policy.explain import RELATIONS
from mulaid.policy.pack import Library, Pack
from mulaid.refusal import Refusal

EDITION = "2026-1"
"""The edition of the promise letter's wording; a new wording is a new edition."""


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
class Letter:
    """The promise a giver agrees to. `hash` names exactly this text, and is what an agreement is given to."""

    edition: str
    text: str
    hash: str


def letter(tx: Tx, library: Library, giver: PersonRef, receiver: PersonRef, relation: str, terms: Terms) -> Letter:
    """The promise letter of an authorisation with these terms, by today's rules; refuses what `offer` would refuse."""
    pack, _ = eligible(tx, library, giver, receiver, relation, business_date(tx.at))
    uses = "、".join(USE_WORDS[use] for use in uses_of(pack, terms))
    who = f"{RELATIONS[relation]}{shown(tx, receiver)}"
    said = limits(terms)
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
    return Letter(EDITION, text, digest(text.encode()).hex())


def check(pack: Pack, terms: Terms, on: date, uses: Sequence[str] | None) -> None:
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


def limits(terms: Terms) -> list[str]:
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
