"""Premiums paid from an account: one's own, or a near relative's by mutual aid. Gather, decide, record; and the way back.

A resident premium brings the insured person's enrolment with the wait the law decides (mulaid.people.standing).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from psycopg.types.json import Json

from mulaid import audit, outbox, refs
from mulaid.calendar import SHANGHAI, business_date
from mulaid.db import Row, Statements, Tx
from mulaid.ledger import chart, journal
from mulaid.ledger.journal import Leg
from mulaid.money import Fen, yuan
from mulaid.people import aid, household, standing
from mulaid.people.aid import Aid
from mulaid.people.eligibility import hold, shown
from mulaid.people.enrolment import RESIDENTS, Enrolment, PersonRef, newest
from mulaid.people.enrolment import SQL as PEOPLE
from mulaid.people.household import Household
from mulaid.people.identity import age_on
from mulaid.policy import premium as law
from mulaid.policy.explain import Line
from mulaid.policy.facts import Giver
from mulaid.policy.pack import Library, Pack
from mulaid.policy.parameters import SCHEMES
from mulaid.policy.split import Step
from mulaid.refusal import Refusal
from mulaid.settlement.pay import keep_packs
from mulaid.settlement.visit import SQL as SETTLEMENT

SQL = Statements("mulaid.settlement", "premium.sql")
YEAR_PACK = "year"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be paid: the payer's account, for whom, which scheme and insured year.

    `region` is where a person who was never enrolled enrols; `exempt` a group without a wait; `stated` what an insurer asks.
    """

    payer: PersonRef
    person: PersonRef
    scheme: str
    year: int
    repaired: int = 0
    stated: Fen | None = None
    region: str = ""
    exempt: str = ""
    student: bool = False


@dataclass(frozen=True, slots=True)
class Paid:
    """A premium that was paid or, in a preview, would be: amounts in fen, why, and from when the insurance covers."""

    id: UUID | None
    fen: Fen
    account: Fen
    cash: Fen
    cover_from: date | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class _Gathered:
    facts: law.Premium
    packs: Mapping[str, Pack]
    year_pack: Pack
    aid: Aid | None
    source: tuple[int, UUID, int]


def preview(tx: Tx, library: Library, order: Order) -> Paid:
    """What paying would take and from whom, with the reasons; refuses what paying would refuse. Nothing is written."""
    gathered = _gather(tx, library, order)
    decision = law.decide(gathered.packs, gathered.year_pack, gathered.facts)
    lines = law.told(gathered.packs, gathered.year_pack, decision.steps)
    return Paid(None, decision.fen, decision.account, decision.cash, None, tuple(lines))


def pay(tx: Tx, library: Library, order: Order) -> Paid:
    """Pay a premium from an account, whole; once a person, scheme and year.

    Refuses what the law refuses (mulaid.policy.premium), a premium that is paid, and the dead. On a refusal nothing is taken.
    """
    hold(tx, order.payer, order.person)
    gathered = _gather(tx, library, order)
    decision = law.decide(gathered.packs, gathered.year_pack, gathered.facts)
    return _record(tx, library, order, gathered, decision)


def refund(tx: Tx, library: Library, premium: UUID, who: PersonRef) -> None:
    """Give a premium back to the account it came from, before the insured year begins; the enrolment it would bring goes too.

    Refuses other people's premiums, one that was given back, and one whose year has begun.
    """
    book = refs.book_of(premium)
    row = tx.one(SQL.premium, book=book, id=premium)
    if row is None or who not in (PersonRef(book, row["person"]), PersonRef(row["payer_book"], row["payer"])):
        raise Refusal("premium.unknown")
    if row["refunded_at"] is not None:
        raise Refusal("premium.refunded")
    today, first = business_date(tx.at), date(row["year"], 1, 1)
    if today >= first:
        raise Refusal("premium.cover_begun", first=first.isoformat())
    person, payer = PersonRef(book, row["person"]), PersonRef(row["payer_book"], row["payer"])
    hold(tx, payer, person)
    if row["aid"] is not None:
        payer_pack = library.in_force(law.read(row["facts"]).payer_region, today)
        caps = payer_pack["refund_restores_caps"]
        tx.run(SETTLEMENT.lessen_aid, book=book, id=row["aid"], fen=row["account"], caps=caps, day=row["paid_on"])
    keyed = sorted(zip(row["journal_books"], row["journals"], strict=True))
    refunds = [journal.reverse(tx, one, "premium_refund") for _, one in keyed]
    tx.run(SQL.refunded, book=book, id=premium, at=tx.at, refunds=refunds)
    if row["waiting"] is not None:
        standing.undo_waiting(tx, person, row["waiting"])
        tx.run(PEOPLE.drop_future_enrolment, book=book, person=person.id, since=first, today=today)
        tx.run(SQL.reopen_enrolment, book=book, person=person.id, last=date(row["year"] - 1, 12, 31))
    audit.write(tx, book, "refund_premium", premium, behalf_of=row["person"])
    where = "家庭账户" if row["facts"].get("pool") else "您的个人账户"
    told = f"{row['year']} 年度{law.SCHEMES[row['scheme']]}保费 {yuan(row['account'])} 元已退回{where}。"
    outbox.tell(tx, payer.book, payer.id, told, premium)


def paid_for(tx: Tx, person: PersonRef) -> list[Row]:
    """Every premium paid for a person, newest first."""
    return tx.all(SQL.premiums_of, book=person.book, person=person.id)


def given_by(tx: Tx, payer: PersonRef) -> list[Row]:
    """Every premium an account has paid, oldest first."""
    found = [
        tx.one(SQL.premium, book=row["person_book"], id=row["premium"])
        for row in tx.all(SQL.premiums_given, book=payer.book, payer=payer.id)
    ]
    return [row for row in found if row is not None]


def told(library: Library, row: Row) -> list[Line]:
    """Why a stored premium was paid as it was, in sentences."""
    facts = law.read(row["facts"])
    packs = {region: library.in_force(region, facts.on) for region in (facts.region, facts.payer_region)}
    year_pack = library.in_force(facts.region, date(facts.year, 1, 1))
    return law.told(packs, year_pack, [Step(*step) for step in row["steps"]])


def _gather(tx: Tx, library: Library, order: Order) -> _Gathered:
    today = business_date(tx.at)
    if order.scheme not in SCHEMES:
        raise Refusal("premium.unknown_scheme")
    if not today.year - 1 <= order.year <= today.year + 1:
        raise Refusal("premium.wrong_year", year=order.year)
    if order.repaired < 0 or (order.repaired and order.scheme != "resident"):
        raise Refusal("standing.nothing_to_repair", lapsed=0)
    face = tx.one(SQL.face, book=order.person.book, id=order.person.id)
    if face is None:
        raise Refusal("people.unknown")
    if face["died_on"] is not None:
        raise Refusal("standing.dead")
    if tx.one(SQL.paid, book=order.person.book, person=order.person.id, scheme=order.scheme, year=order.year):
        raise Refusal("premium.already_paid", year=order.year, scheme=law.SCHEMES[order.scheme])
    insured = newest(tx, order.person, today)
    region = insured.region if insured is not None else order.region
    if not region:
        raise Refusal("premium.region_needed")
    payer = newest(tx, order.payer, today)
    pool = _pool(tx, library, order, payer, today) if payer else None
    if payer is None or (payer.scheme == RESIDENTS and pool is None):
        raise Refusal("premium.no_account")
    year_first = date(order.year, 1, 1)
    packs = {one: library.in_force(one, today) for one in {region, payer.region}}
    # Authorisations before purses, as settlements take them; both are held, so that what is decided can be recorded.
    found = None if pool else _authorisation(tx, order)
    source = (pool.head.book, pool.ref, chart.HOUSEHOLD) if pool else (order.payer.book, order.payer.id, chart.OWN)
    account = tx.one(SQL.account, book=source[0], holder=source[1], kind=source[2])
    balance, frozen = (account["balance"], account["frozen"]) if account else (0, 0)
    status = payer.status if payer.valid_to is None or payer.valid_to >= today else "ended"
    facts = law.Premium(
        on=today,
        scheme=order.scheme,
        year=order.year,
        region=region,
        age=age_on(face["born"], max(face["born"], year_first)),
        payer_region=payer.region,
        payer_status=status,
        account=balance,
        frozen=frozen,
        student=order.student,
        repaired=order.repaired,
        stated=order.stated,
        giver=_giver(tx, found, payer, status, balance, frozen, today) if found else None,
        pool=shown(tx, pool.head) if pool else "",
    )
    return _Gathered(facts, packs, library.in_force(region, year_first), found, source)


def _pool(tx: Tx, library: Library, order: Order, payer: Enrolment, today: date) -> Household | None:
    """The household's account, where the payer's area puts money together first, if payer and insured are both members."""
    if order.payer == order.person or library.in_force(payer.region, today)["mutual_aid_mode"] != "pool":
        return None
    mine, theirs = household.of(tx, order.payer), household.of(tx, order.person)
    if mine is None or theirs is None or mine.ref != theirs.ref:
        raise Refusal("premium.not_drawn_here")
    return mine


def _authorisation(tx: Tx, order: Order) -> Aid | None:
    """The living authorisation by which the payer may pay for the person; none is needed for oneself."""
    if order.payer == order.person:
        return None
    for found in aid.received(tx, order.person):
        if found.giver == order.payer and found.status == "active" and tx.run(SQL.hold_aid, book=order.person.book, id=found.id):
            return aid.find(tx, found.id)
    raise Refusal("premium.relation_not_active")


def _giver(tx: Tx, found: Aid, payer: Enrolment, status: str, balance: Fen, frozen: Fen, on: date) -> Giver:
    face = tx.one(SQL.face, book=found.giver.book, id=found.giver.id)
    assert face is not None, "a giver is a person"
    month_used, year_used, _ = found.used_in(on)
    bound = found.bound_at.astimezone(SHANGHAI)
    stopped = tx.one(SQL.suspended_since, book=found.giver.book, person=found.giver.id, since=bound.date(), on=on)
    return Giver(
        aid=str(found.id),
        person=str(found.giver.id),
        shown=face["shown"],
        relation=found.relation,
        region=payer.region,
        status="ended" if face["died_on"] is not None else status,
        filed=found.filed_at.astimezone(SHANGHAI).isoformat(),
        bound=bound.isoformat(),
        account=balance,
        frozen=frozen,
        suspended_since_bound=stopped["first"].isoformat() if stopped and stopped["first"] else None,
        quota_left=None if found.quota is None else found.quota - found.used,
        settlement_cap=found.settlement_cap,
        month_left=None if found.month_cap is None else found.month_cap - month_used,
        year_left=None if found.year_cap is None else found.year_cap - year_used,
        keep=found.reserve,
        paused=found.paused,
        uses=frozenset(found.uses),
        group=payer.staff_group,
        until=found.valid_to.isoformat() if found.valid_to else None,
    )


def _record(tx: Tx, library: Library, order: Order, gathered: _Gathered, decision: law.Decision) -> Paid:
    facts, person, payer = gathered.facts, order.person, order.payer
    keep_packs(tx, [*gathered.packs.values(), gathered.year_pack])
    covered = None
    if order.scheme == "resident":
        covered = standing.resident_paid(
            tx,
            library,
            person,
            facts.region,
            order.year,
            in_window=decision.in_window,
            repaired=order.repaired,
            exempt=order.exempt,
        )
    cover_from = covered.wait.begins if covered else max(facts.on, date(order.year, 1, 1))
    if gathered.aid is not None:
        found = gathered.aid
        counted = tx.run(SQL.count_aid, book=person.book, id=found.id, version=found.version, fen=decision.account, day=facts.on)
        assert counted, "an authorisation that is held has not moved"
    journals = _post(tx, order, gathered, decision)
    ref = refs.mint(person.book, tx.at)
    tx.run(
        SQL.add_premium,
        book=person.book,
        id=ref,
        person=person.id,
        payer_book=payer.book,
        payer=payer.id,
        aid=gathered.aid.id if gathered.aid else None,
        scheme=order.scheme,
        region=facts.region,
        year=order.year,
        fen=decision.fen,
        account=decision.account,
        cash=decision.cash,
        repaired=order.repaired,
        paid_on=facts.on,
        cover_from=cover_from,
        waiting=covered.waiting if covered else None,
        facts=Json(facts.as_json()),
        steps=Json([step.as_json() for step in decision.steps]),
        packs=Json({**{one: pack.digest for one, pack in gathered.packs.items()}, YEAR_PACK: gathered.year_pack.digest}),
        journals=journals,
        journal_books=[refs.book_of(one) for one in journals],
        at=tx.at,
    )
    tx.run(SQL.add_premium_given, book=payer.book, payer=payer.id, person_book=person.book, premium=ref)
    audit.write(tx, person.book, "pay_premium", ref, behalf_of=person.id, purpose=order.scheme)
    _tell(tx, order, decision, cover_from, ref, pooled=bool(facts.pool))
    tx.subject = ref
    lines = law.told(gathered.packs, gathered.year_pack, decision.steps)
    return Paid(ref, decision.fen, decision.account, decision.cash, cover_from, tuple(lines))


def _post(tx: Tx, order: Order, gathered: _Gathered, decision: law.Decision) -> list[UUID]:
    """One journal in each book: the account that pays, the scheme that is paid, and a clearing leg where the books differ."""
    here, region = order.person.book, gathered.facts.region
    there, holder, kind = gathered.source
    account = Leg(chart.purse(holder, kind), -decision.account, "premium")
    scheme = [Leg(chart.premium(order.scheme, region), decision.fen, "premium")]
    if decision.cash:
        scheme.append(Leg(chart.cash(f"premium:{region}"), -decision.cash, "cash"))
    if here == there:
        return [journal.post(tx, here, "premium", [account, *scheme])]
    paid = [account, Leg(chart.clearing(here), decision.account, "clearing")]
    owed = [Leg(chart.clearing(there), -decision.account, "clearing"), *scheme]
    return [journal.post(tx, book, "premium", legs) for book, legs in sorted({there: paid, here: owed}.items())]


def _tell(tx: Tx, order: Order, decision: law.Decision, cover_from: date, ref: UUID, *, pooled: bool) -> None:
    what = f"{order.year} 年度{law.SCHEMES[order.scheme]}保费 {yuan(decision.fen)} 元"
    outbox.tell(tx, order.person.book, order.person.id, f"您的{what}已缴，从 {cover_from.isoformat()} 起享受待遇。", ref)
    if order.payer != order.person:
        whose = "家庭账户" if pooled else "您的个人账户"
        outbox.tell(tx, order.payer.book, order.payer.id, f"已从{whose}为家人缴{what}。", ref)
