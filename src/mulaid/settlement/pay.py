"""Settlements and refunds: gather what the law needs, let the law decide, record what was decided with its trace."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus

from mulaid import kept, refs
from mulaid.calendar import business_date
from mulaid.crypto import digest
from mulaid.db import Call, Row, Tx
from mulaid.kept import Kept
from mulaid.ledger import chart
from mulaid.money import Fen, yuan
from mulaid.people.enrolment import BUCKETS, PersonRef
from mulaid.policy import facts as fact
from mulaid.policy import split
from mulaid.policy.facts import PAPERS_OWED, Facts, Giver, Portion, Wallet
from mulaid.policy.pack import Library, Pack
from mulaid.policy.rules import pooling_area
from mulaid.refusal import Refusal
from mulaid.settlement.earned import reward
from mulaid.settlement.visit import SQL, Institution, SplitLine, store_lines

Key = tuple[int, str, str, str]
COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)
GATHER, RECORD = Call("settlement_gather", 15), Call("settlement_record", 59)
ORDER_BY_BALANCE = "balance_desc_name"
RESIDENT_SERIOUS = "390200"
OWN_WALLET = "own"
MOVED = "ML001"
BY_BALANCE = ("balance", "keep", "authoriser_balance_floor", "authoriser_reserve_ratio")


class Moved(Exception):
    """Something the decision rests on changed before it was recorded; nothing was left behind. Gather again."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What an institution asks to settle. Without a `visit` (pharmacies) it brings its own portions and day.

    `declared` are amounts the institution states, by interface name, to compare with the lines; `token` the visit token shown,
    `document` the number of the identity document shown with it.
    """

    library: Library
    institution: Institution
    person: PersonRef
    infno: str
    msgid: str
    visit: UUID | None = None
    batch: str = ""
    on: date | None = None
    portions: Sequence[Portion] = ()
    declared: Mapping[str, Fen] | None = None
    use_accounts: bool = True
    insutype: str = ""
    med_type: str = ""
    token: str = ""
    number: str = ""
    lines: Sequence[SplitLine] = ()
    use: str = ""
    document: str = ""


class Found(NamedTuple):
    """The columns of settlement_gather, as text."""

    stored: str | None
    nonce: str | None
    problem: str | None
    problem_fact: str | None
    service_date: str
    year: str
    portions: str
    givers: str
    wallets: str | None
    frozen: str
    wallet: str
    wallet_no: str
    household: str | None
    household_book: str | None
    household_seat: str | None
    household_version: str | None
    household_head: str | None
    household_balance: str | None
    household_no: str | None
    disease_held: str | None
    filing: str | None
    region: str
    base: str
    status: str
    retired_on: str | None
    family_doctor: str
    account: str
    current_year: str
    in_policy: str
    fund: str
    supplement: str
    deductible: str
    admissions: str
    inpatient_in_policy: str
    inpatient_fund: str
    disease_deductible: str
    disease_fund: str
    self_paid: str
    serious: str
    stay_in_policy: str | None
    deducted: str
    year_version: str
    own_no: str
    current_no: str
    name: str
    document: str
    document_kind: str
    gender: str
    nation: str
    born: str
    insutype: str
    psn_type: str
    med_type: str | None
    presenter: str | None
    visit_version: str | None
    use: str | None
    disease: str | None
    card: str | None
    card_used: str | None


class GiverGuard(NamedTuple):
    """What of a giver must not have moved: the purse's last number and the authorisation's version."""

    book: int
    no: int
    version: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one look at the database brought: the stored answer of a repeat, or the facts and what must not move."""

    kept: Kept | None
    found: Found | None = None
    facts: Facts | None = None
    guards: Mapping[str, GiverGuard] | None = None


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient as an answer names them; `name` and `number` are clear."""

    name: str
    number: str
    document_kind: str
    gender: str
    nation: str
    born: date
    insutype: str
    psn_type: str
    med_type: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A decision about a bill, ready to be recorded and presented."""

    id: UUID
    visit: UUID
    bill: Bill
    patient: Patient
    found: Found
    guards: Mapping[str, GiverGuard]
    facts: Facts
    decision: split.Decision
    packs: Mapping[str, Pack]

    @property
    def own_balance_after(self) -> Fen:
        """What the patient's own accounts hold afterwards: `balc` of the national interface."""
        facts, decision = self.facts, self.decision
        return facts.account + facts.current_year - decision.account - decision.current_year

    @property
    def portion(self) -> Portion:
        """The bill in four parts."""
        rows = self.facts.portions
        return Portion(
            "",
            sum(r.in_policy for r in rows),
            sum(r.upfront for r in rows),
            sum(r.over_limit for r in rows),
            sum(r.self_funded for r in rows),
        )


Present = Callable[[Settled], str]


def gather(tx: Tx, bill: Bill, key: Key | None, *, nonce: str | None = None, lock: bool) -> Gathered:
    """One call: the stored answer of a repeated key, or every fact. Refuses what the facts forbid, and a used nonce."""
    begins = _year_begins(bill, f"{bill.person.book // BUCKETS:04d}00", business_date(tx.at))
    found = _found(tx, bill, key, lock, begins)
    if found.region and (there := _year_begins(bill, found.region, date.fromisoformat(found.service_date))) != begins:
        found = _found(tx, bill, key, lock, there)  # moved to where years begin on another day since the book was given
    if found.problem:
        told = found.problem_fact or ""
        if found.problem == "settlement.already":
            told = refs.show(refs.SETTLEMENT, UUID(told))
        raise Refusal(found.problem, fact=told)
    if found.stored == "t":
        assert key is not None, "only a key can have been answered"
        if nonce is not None and nonce == found.nonce:
            raise Refusal("auth.replayed")
        return Gathered(kept.find(tx, *key))
    givers, guards = _givers(bill, found)
    wallets, held = _wallets(bill, found)
    facts = _facts(bill, found, givers, wallets)
    if earns := reward(tx, bill.library, bill.person, facts, int(found.year)):
        facts = replace(facts, reward=earns)
    return Gathered(None, found, facts, guards | held)


def _found(tx: Tx, bill: Bill, key: Key | None, lock: bool, begins: str) -> Found:
    home, door, caller, name = key or (None, None, None, None)
    return Found(
        *tx.call(
            GATHER,
            (
                _text(home),
                door,
                caller,
                name,
                str(bill.person.book),
                str(bill.person.id),
                _text(bill.visit),
                bill.batch,
                bill.institution.code,
                _text(bill.on),
                digest(bill.token.encode()) if bill.token else None,
                tx.at.isoformat(),
                "t" if lock else "f",
                bill.institution.region,
                begins,
            ),
        )
    )


def _year_begins(bill: Bill, region: str, on: date) -> str:
    """The month and day, `mm-dd`, on which the year's sums begin anew."""
    month, day = bill.library.in_force(region, on)["medical_year_start"]
    return f"{month:02d}-{day:02d}"


def _facts(bill: Bill, found: Found, givers: tuple[Giver, ...], wallets: tuple[Wallet, ...]) -> Facts:
    portions = tuple(bill.portions)
    if bill.visit:
        rows = (line.split("|") for line in found.portions.split("\n"))
        portions = tuple(Portion(tag, int(a), int(b), int(c), int(d)) for tag, a, b, c, d in rows)
    return Facts(
        on=date.fromisoformat(found.service_date),
        use=found.use or bill.use or ("pharmacy" if bill.institution.pharmacy else "outpatient"),
        level=bill.institution.level,
        patient=fact.Patient(
            found.region,
            found.base,
            found.status,
            date.fromisoformat(found.born),
            date.fromisoformat(found.retired_on) if found.retired_on else None,
            found.family_doctor == "t",
        ),
        portions=portions,
        account=int(found.account),
        current_year=int(found.current_year),
        givers=givers,
        year=fact.Year(
            int(found.in_policy), int(found.fund), int(found.supplement), int(found.deductible), found.deducted == "t"
        ),
        use_accounts=bill.use_accounts,
        household=int(found.household_balance or 0),
        household_head=found.household_head or "",
        wallets=wallets,
        frozen=int(found.frozen),
        admissions=int(found.admissions),
        inpatient_in_policy=int(found.inpatient_in_policy),
        inpatient_fund=int(found.inpatient_fund),
        self_paid=int(found.self_paid),
        serious=int(found.serious),
        remote=_remote(bill, found),
        disease=found.disease or "" if found.disease_held == "t" else "",
        other_province=found.disease_held == "t" and found.region[:2] != bill.institution.region[:2],
        disease_deductible=int(found.disease_deductible),
        disease_fund=int(found.disease_fund),
        stay_in_policy=int(found.stay_in_policy or 0),
        card_used=None if found.card_used is None else int(found.card_used),
    )


def _remote(bill: Bill, found: Found) -> str:
    """How care away from home was filed; empty in the patient's own area, and within the province where nobody has to file.

    In the own city PAPERS_OWED for who filed a long stay elsewhere on a promise and has not kept it yet.
    """
    home, place = found.region, bill.institution.region
    if pooling_area(home) == pooling_area(place):
        return PAPERS_OWED if found.filing == PAPERS_OWED else ""
    if found.filing:
        return found.filing
    pack = bill.library.in_force(home, date.fromisoformat(found.service_date))
    return "unfiled" if home[:2] != place[:2] or pack["intra_province_filing_required"] else ""


def _givers(bill: Bill, found: Found) -> tuple[tuple[Giver, ...], dict[str, GiverGuard]]:
    """The givers' lines as facts and guards; the fields are those of the database function giver_line."""
    givers, guards = [], {}
    for line in found.givers.splitlines():
        (
            aid, person, shown, relation, region, status, filed, bound, account, current_year, suspended, quota, cap, rank, uses,
            group, until, chosen, book, no, version, frozen, month, year, today, reserve, paused,
        ) = line.split("|")  # fmt: skip
        daily = bill.library.in_force(region, date.fromisoformat(found.service_date))["daily_mutual_aid_limit"]
        givers.append(
            Giver(
                aid=aid,
                person=person,
                shown=shown,
                relation=relation,
                region=region,
                status=status,
                filed=filed,
                bound=bound,
                account=int(account),
                current_year=int(current_year),
                suspended_since_bound=suspended or None,
                quota_left=int(quota) if quota else None,
                settlement_cap=int(cap) if cap else None,
                rank=int(rank) if rank else None,
                uses=frozenset(uses.split(",")),
                group=group or None,
                until=until or None,
                chosen=chosen == "t",
                frozen=int(frozen),
                month_left=int(month) if month else None,
                year_left=int(year) if year else None,
                day_left=None if daily is None else daily - int(today),
                keep=int(reserve),
                paused=paused == "t",
            )
        )
        guards[aid] = GiverGuard(int(book), int(no), int(version))
    return tuple(givers), guards


def _wallets(bill: Bill, found: Found) -> tuple[tuple[Wallet, ...], dict[str, GiverGuard]]:
    """Quotas that relatives elsewhere froze for the patient, and what is in the patient's own wallet: nobody's quota."""
    wallets, guards = [], {}
    for line in (found.wallets or "").splitlines():
        grant, person, shown, relation, region, left, bound, uses, until, book, version = line.split("|")
        wallets.append(
            Wallet(grant, person, shown, relation, region, int(left), bound, frozenset(uses.split(",")), until or None)
        )
        guards[grant] = GiverGuard(int(book), 0, int(version))
    if int(found.wallet):
        wallets.append(Wallet(OWN_WALLET, str(bill.person.id), "", "self", found.region, int(found.wallet), ""))
    return tuple(wallets), guards


def decide(tx: Tx, bill: Bill, gathered: Gathered) -> Settled:
    """The law's decision on gathered facts.

    Refuses a bill of nothing, an insurance type or amounts that disagree, and a printed card without an identity document.
    """
    facts, found, guards = gathered.facts, gathered.found, gathered.guards
    assert facts is not None and found is not None and guards is not None, "a repeat is not decided again"  # noqa: PT018
    if not facts.total:
        raise Refusal("settlement.nothing_to_settle")
    if facts.card_used is not None and not bill.document:
        raise Refusal("credential.card_needs_document")
    patient = _patient(tx, bill.person.id, found)
    if bill.insutype and bill.insutype != patient.insutype:
        raise Refusal("settlement.wrong_insurance", given=bill.insutype, found=patient.insutype)
    packs = split.packs_for(bill.library, facts)
    settled = Settled(
        id=refs.mint(bill.person.book, tx.at),
        visit=bill.visit or refs.mint(bill.person.book, tx.at),
        bill=bill,
        patient=patient,
        found=found,
        guards=guards,
        facts=facts,
        decision=split.decide(packs, facts),
        packs=packs,
    )
    _compare(bill, settled.portion)
    return settled


def _patient(tx: Tx, person: UUID, found: Found) -> Patient:
    return Patient(
        name=tx.keys.open_text("person", f"person|name|{person}", bytes.fromhex(found.name[2:])),
        number=tx.keys.open_text("person", f"person|document|{person}", bytes.fromhex(found.document[2:])),
        document_kind=found.document_kind,
        gender=found.gender,
        nation=found.nation,
        born=date.fromisoformat(found.born),
        insutype=found.insutype,
        psn_type=found.psn_type,
        med_type=found.med_type or "",
    )


def serious_fund(employee: bool) -> str:
    """The fund that pays for serious illness: residents have one of their own, for employees it is the large-amount fund."""
    return split.SUPPLEMENT if employee else RESIDENT_SERIOUS


def _compare(bill: Bill, portion: Portion) -> None:
    declared = bill.declared or {}
    total = declared.get("medfee_sumamt")
    if total is not None and total != portion.total:
        raise Refusal("settlement.total_differs", given=yuan(total), found=yuan(portion.total))
    found = {
        "fulamt_ownpay_amt": portion.self_funded,
        "overlmt_selfpay": portion.over_limit,
        "preselfpay_amt": portion.upfront,
        "inscp_scp_amt": portion.in_policy,
    }
    for field, fen in found.items():
        given = declared.get(field)
        if given is not None and given != fen:
            raise Refusal("settlement.part_differs", field=field, given=yuan(given), found=yuan(fen))


class _Draw(NamedTuple):
    """Money out of one purse. `keep` must stay in it; `no` is the purse's last number where the decision rests on its balance."""

    book: int
    holder: UUID
    kind: int
    fen: Fen
    keep: Fen
    no: int | None
    thaw: Fen
    cause: str
    journal: UUID


def record(
    tx: Tx, bill: Bill, settled: Settled, present: Present, key: tuple[int, str, str, str, bytes], nonce: str | None
) -> str | None:
    """One call: everything that was decided, or Moved. The stored answer's text, None when the key was answered meanwhile."""
    keep_packs(tx, settled.packs.values())
    text = present(settled)
    home, door, caller, name, body_hash = key
    decision, book, found = settled.decision, bill.person.book, settled.found
    draws = _draws(tx, settled)
    accounts, fens, kinds = _legs(settled)
    aids = [(giver.aid, settled.guards[giver.aid].version, fen) for giver, fen in decision.aid]
    wallets = list(_wallet_rows(tx, settled, draws))
    values = (
        str(home), door, caller, name, body_hash, kept.seal(tx, door, caller, name, text), nonce,
        str(book), str(settled.id), str(settled.visit), "t" if bill.visit is None else "f", found.visit_version,
        str(bill.person.id), bill.institution.code, bill.infno, bill.msgid, bill.batch, bill.number, settled.patient.insutype,
        bill.med_type, settled.facts.on.isoformat(), business_date(tx.at).isoformat(), tx.at.isoformat(),
        _array(
            (
                decision.total, decision.pool, decision.supplement, decision.current_year, decision.account, decision.aid_total,
                decision.cash, decision.deductible, decision.in_policy_counted, decision.serious, decision.household,
                decision.wallet_total, decision.burden,
            )
        ),
        COMPACT.encode(settled.facts.as_json()),
        COMPACT.encode([step.as_json() for step in decision.steps]),
        "{" + ",".join([f'"{region}":"{pack.digest}"' for region, pack in settled.packs.items()]) + "}",
        found.year, found.year_version, _array(split.added(decision)), found.presenter, f"{tx.by.channel}:{tx.by.name}",
        str(refs.mint(book, tx.at)), str(refs.mint(book, tx.at)),
        _array(accounts), _array(fens), _array(kinds),
        *(_array(column) for column in _columns(draws)),
        _array(aid for aid, _, _ in aids), _array(version for _, version, _ in aids), _array(fen for _, _, fen in aids),
        found.household_seat if decision.household else None, found.household_version if decision.household else None,
        *(_array(row[column] for row in wallets) for column in range(5)),
        found.card, str(decision.account + decision.current_year) if found.card else None,
        str(settled.packs[settled.facts.patient.region]["card_daily_cap"]) if found.card else None,
    )  # fmt: skip
    try:
        with tx.connection.transaction() if bill.lines else nullcontext():
            (done,) = tx.call(RECORD, values)
            if bill.lines and done == "done":
                store_lines(tx, book, settled.visit, bill.lines)
    except psycopg.Error as error:
        # Another message settled the same batch between two looks of one gathering.
        if error.sqlstate != MOVED and error.diag.constraint_name != "settlement_live":
            raise
        raise Moved(str(error)) from None
    return text if done == "done" else None


def _wallet_rows(tx: Tx, settled: Settled, draws: Sequence[_Draw]) -> Iterator[tuple[object, ...]]:
    """Grant, its version, fen, the draw's id and the journal in the giver's book: for the monthly clearing between areas."""
    journals = {draw.holder: draw.journal for draw in draws if draw.cause == "wallet"}
    for wallet, fen in settled.decision.wallets:
        if wallet.grant != OWN_WALLET:
            draw = refs.mint(settled.bill.person.book, tx.at)
            yield wallet.grant, settled.guards[wallet.grant].version, fen, draw, journals[UUID(wallet.person)]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _array(values: Iterable[object]) -> str:
    """A PostgreSQL array literal of numbers, ids and account names, none of which needs quoting."""
    return "{" + ",".join(map(str, values)) + "}"


def _draws(tx: Tx, settled: Settled) -> list[_Draw]:
    """The purses a decision draws on, in (book, holder, kind) order so that two families cannot wait for each other."""
    decision, person, found = settled.decision, settled.bill.person, settled.found
    draws = []
    for kind, fen, no in (
        (chart.OWN, decision.account, int(found.own_no)),
        (chart.CURRENT_YEAR, decision.current_year, int(found.current_no)),
    ):
        if fen:
            draws.append(_Draw(person.book, person.id, kind, fen, 0, no, 0, "own", settled.id))
    limited = {step.detail["aid"] for step in decision.steps if step.what == "aid" and step.detail["limited"] in BY_BALANCE}
    by_balance = settled.packs[settled.facts.patient.region]["authoriser_order"] == ORDER_BY_BALANCE
    for giver, fen in decision.aid:
        pack, guard = settled.packs[giver.region], settled.guards[giver.aid]
        # A giver's account may have moved since it was read, as long as the same decision would still be made: enough is left
        # above floor, reserve and frozen quota. Where the balance itself decided, it must not have moved at all.
        exact = by_balance or giver.aid in limited or pack["authoriser_reserve_ratio"] > 0
        keep = max(pack["authoriser_balance_floor"], giver.keep)
        journal = _journal_in(tx, settled, guard.book)
        draws.append(_Draw(guard.book, UUID(giver.person), chart.OWN, fen, keep, guard.no if exact else None, 0, "aid", journal))
    draws += _family_draws(tx, settled)
    # Of two draws on one purse the one that must find it unmoved goes first.
    return sorted(draws, key=lambda draw: (*draw[:3], draw.no is None))


def _family_draws(tx: Tx, settled: Settled) -> Iterator[_Draw]:
    """From the household pool, from quotas (as much less of the giver's account is frozen then), from the own wallet."""
    decision, person, found = settled.decision, settled.bill.person, settled.found
    if decision.household:
        book, no = int(found.household_book or 0), int(found.household_no or 0)
        exact = no if decision.household == settled.facts.household else None
        journal = _journal_in(tx, settled, book)
        yield _Draw(book, UUID(found.household), chart.HOUSEHOLD, decision.household, 0, exact, 0, "household", journal)
    for wallet, fen in decision.wallets:
        if wallet.grant == OWN_WALLET:
            yield _Draw(person.book, person.id, chart.WALLET, fen, 0, int(found.wallet_no), 0, "wallet", settled.id)
        else:
            book = settled.guards[wallet.grant].book
            yield _Draw(book, UUID(wallet.person), chart.OWN, fen, 0, None, fen, "wallet", _journal_in(tx, settled, book))


def _journal_in(tx: Tx, settled: Settled, book: int) -> UUID:
    return settled.id if book == settled.bill.person.book else refs.mint(book, tx.at)


def _columns(draws: Sequence[_Draw]) -> Iterator[list[object]]:
    """The draws as one list a column, an exact number left open as null."""
    for column in range(len(_Draw._fields)):
        yield ["null" if draw[column] is None else draw[column] for draw in draws]


def _legs(settled: Settled) -> tuple[list[str], list[Fen], list[str]]:
    """The journal of the patient's book: who pays, and the institution that is owed the bill."""
    decision, bill = settled.decision, settled.bill
    region = settled.facts.patient.region
    legs: list[tuple[str, Fen, str]] = [
        (chart.fund(decision.pool_fund, region), -decision.pool, "pool"),
        (chart.fund(split.SUPPLEMENT, region), -decision.supplement, "supplement"),
        (chart.fund(serious_fund(settled.facts.patient.employee), region), -decision.serious, "serious"),
        (chart.purse(bill.person.id, chart.CURRENT_YEAR), -decision.current_year, "current_year"),
        (chart.purse(bill.person.id, chart.OWN), -decision.account, "own"),
    ]
    for giver, fen in decision.aid:
        book = settled.guards[giver.aid].book
        account = chart.purse(UUID(giver.person), chart.OWN) if book == bill.person.book else chart.clearing(book)
        legs.append((account, -fen, "aid"))
    if decision.household:
        book = int(settled.found.household_book or 0)
        pool = chart.purse(UUID(settled.found.household), chart.HOUSEHOLD)
        legs.append((pool if book == bill.person.book else chart.clearing(book), -decision.household, "household"))
    for wallet, fen in decision.wallets:
        book = bill.person.book if wallet.grant == OWN_WALLET else settled.guards[wallet.grant].book
        account = chart.purse(UUID(wallet.person), chart.WALLET if wallet.grant == OWN_WALLET else chart.OWN)
        legs.append((account if book == bill.person.book else chart.clearing(book), -fen, "wallet"))
    legs.append((chart.cash(bill.institution.code), -decision.cash, "cash"))
    legs.append((chart.institution(bill.institution.code), decision.total, "bill"))
    told = [leg for leg in legs if leg[1]]
    return [leg[0] for leg in told], [leg[1] for leg in told], [leg[2] for leg in told]


def keep_packs(tx: Tx, packs: Iterable[Pack]) -> None:
    """Make sure the values of a decision can be read back by their digest for ever; asked once a process."""
    for pack in packs:
        if pack.digest not in tx.kept:
            tx.run(SQL.keep_pack, digest=pack.digest, region=pack.region, name=pack.name, body=pack.as_json())
            # Only once it is there for good: inside a transaction the row may still be rolled back.
            if tx.connection.info.transaction_status == TransactionStatus.IDLE:
                tx.kept.add(pack.digest)


def find(tx: Tx, settlement: UUID) -> Row:
    """A settlement's row; refuses a number nobody has."""
    row = tx.one(SQL.settlement, book=refs.book_of(settlement), id=settlement)
    if row is None:
        raise Refusal("settlement.unknown")
    return row


def newest_of_visit(tx: Tx, visit: UUID) -> Row:
    """The newest settlement of a visit, standing or refunded: for callers whose answer was lost."""
    row = tx.one(SQL.newest_of_visit, book=refs.book_of(visit), visit=visit)
    if row is None:
        raise Refusal("settlement.unknown")
    return row


def made_by(tx: Tx, book: int, door: str, caller: str, key: str) -> Row:
    """The settlement an earlier request made; refuses a request that is not known or was refused."""
    command = tx.one(SQL.command_of, book=book, door=door, caller=caller, key=key)
    if command is None or command["subject"] is None:
        raise Refusal("settlement.nothing_to_reverse")
    return find(tx, command["subject"])


def kept_pack(tx: Tx, digest: str) -> Pack:
    """The values a decision was made with, by their digest. Raises KeyError where they are gone or changed."""
    row = tx.one(SQL.pack, digest=digest)
    if row is None:
        raise KeyError(f"pack {digest} is not kept")
    pack = Pack.from_json(row["body"])
    if pack.digest != digest:
        raise KeyError(f"pack {digest} is not what it was")
    return pack
