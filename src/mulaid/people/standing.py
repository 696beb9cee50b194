"""A person's standing in the insurance as life goes on: suspended, resumed, ended, moved, dead; and what follows of each.

The status of a day is derived from dated stretches (`enrolment.enrolled`); here the stretches are stated, the wait of a return is
decided by the law and kept with its reasons, and authorisations that rest on what has ended are released.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from psycopg.types.json import Json

from mulaid import audit, refs
from mulaid.calendar import business_date, months_between
from mulaid.db import Statements, Tx
from mulaid.ledger import chart, journal, statement
from mulaid.ledger.journal import Leg
from mulaid.money import Fen
from mulaid.people import endings, family
from mulaid.people.eligibility import COUNTER
from mulaid.people.enrolment import EMPLOYEES, RESIDENTS, Enrolment, PersonRef, history, newest, restate
from mulaid.people.identity import age_on
from mulaid.policy import waiting
from mulaid.policy.explain import Line
from mulaid.policy.pack import Library, Pack
from mulaid.policy.split import Step
from mulaid.policy.waiting import EmployeeBreak, ResidentYear, Wait
from mulaid.refusal import Refusal

SQL = Statements("mulaid.people", "standing.sql")
DAY = timedelta(days=1)
COVERED = ("normal", "lapsed_waiting")


@dataclass(frozen=True, slots=True)
class Covered:
    """What a resident's payment brings: the decision's row and the wait, and the first day of the stretch that was stated."""

    waiting: UUID
    wait: Wait
    since: date


def suspend(tx: Tx, library: Library, ref: PersonRef, since: date, reason: str = "") -> None:
    """Contributions stop: from `since` on no fund pays. Refuses who is not insured in normal status then."""
    now = _standing(tx, ref, since, "normal")
    restate(tx, ref, [replace(now, status="suspended", valid_from=since, valid_to=None)])
    _told(tx, ref, "suspend_enrolment", since, reason)
    endings.release_by_facts(tx, library, ref)


def end(tx: Tx, library: Library, ref: PersonRef, since: date, reason: str = "") -> None:
    """The insurance relation is over from `since` on; the own account stays the person's. Refuses who is not insured."""
    now = _standing(tx, ref, since, "normal", "suspended", "lapsed_waiting")
    restate(tx, ref, [replace(now, status="ended", valid_from=since, valid_to=None)])
    _told(tx, ref, "end_enrolment", since, reason)
    endings.release_by_facts(tx, library, ref)


def leave(tx: Tx, library: Library, ref: PersonRef, since: date, reason: str = "") -> None:
    """The insurance relation goes to an area outside this system. Refuses who is not insured."""
    now = _standing(tx, ref, since, "normal", "suspended", "lapsed_waiting")
    restate(tx, ref, [replace(now, status="moved", valid_from=since, valid_to=None)])
    _told(tx, ref, "leave_enrolment", since, reason)
    endings.release_by_facts(tx, library, ref)


def move(tx: Tx, library: Library, ref: PersonRef, region: str, since: date, *, wage_base: Fen | None = None) -> Fen:
    """The insurance relation goes to another area of this system; the fen of the account that went along.

    Refuses the area one is in, and who is not insured. A balance that does not follow stays what the old area owes. Where the new
    area does not part its accounts by year, current-year money becomes own money.
    """
    now = _standing(tx, ref, since, "normal", "suspended", "lapsed_waiting")
    if now.region == region:
        raise Refusal("standing.same_region")
    there = library.in_force(region, since)
    base = wage_base if wage_base is not None else now.wage_base
    restate(tx, ref, [replace(now, region=region, wage_base=base, valid_from=since, valid_to=now.valid_to)])
    endings.release_by_facts(tx, library, ref)  # first, because what a household gives back follows with the rest
    moved = _account_follows(tx, ref, library.in_force(now.region, since), there) if now.scheme == EMPLOYEES else 0
    _told(tx, ref, "move_enrolment", since, region)
    return moved


def resume(tx: Tx, library: Library, ref: PersonRef, paid_on: date, *, back_paid: int = 0) -> Wait:
    """A suspended employee pays again; when benefits begin, and why. `back_paid`: months of the break that are paid as well.

    Refuses who is not suspended in the employee scheme, and a payment from before the break.
    """
    now = _standing(tx, ref, paid_on, "suspended")
    if now.scheme != EMPLOYEES:
        raise Refusal("standing.other_scheme")
    return _employee_again(tx, library, ref, replace(now, status="normal"), now, paid_on, back_paid)


def start_work(
    tx: Tx,
    library: Library,
    ref: PersonRef,
    region: str,
    since: date,
    *,
    wage_base: Fen,
    flexible: bool = False,
    back_paid: int = 0,
) -> Wait:
    """A person enters the employee scheme: for the first time, after a break, or from the resident scheme.

    Refuses who is insured as an employee already.
    """
    _alive(tx, ref)
    before = newest(tx, ref, since)
    pack = library.in_force(region, since)
    new = Enrolment(EMPLOYEES, region, "active", wage_base=wage_base, flexible=flexible)
    if before is None or (before.scheme == RESIDENTS and _over(before, since) is None):
        first = not any(stretch.scheme == EMPLOYEES for stretch in history(tx, ref))
        waits = waiting.inpatient_from(pack, since, flexible=flexible) if first else None
        restate(tx, ref, [replace(new, inpatient_from=waits, valid_from=since)])
        _told(tx, ref, "start_work", since, region)
        return Wait(since, 0, False, ())
    if before.scheme == EMPLOYEES and before.status in COVERED and _over(before, since) is None:
        raise Refusal("standing.insured_already")
    return _employee_again(tx, library, ref, new, before, since, back_paid)


def resident_paid(
    tx: Tx, library: Library, ref: PersonRef, region: str, year: int, *, in_window: bool, repaired: int, exempt: str
) -> Covered:
    """A resident's premium for a year is paid today: the stretches it brings, after the wait the law decides.

    Refuses the dead, an employee, more repaired years than have lapsed, and an exemption that is not shown. Newborns are covered
    from birth.
    """
    today = business_date(tx.at)
    born = _alive(tx, ref)
    stretches = history(tx, ref)
    start = max(date(year, 1, 1), today)
    before = newest(tx, ref, start)
    if before is not None and before.scheme == EMPLOYEES and before.status in COVERED and _over(before, start) is None:
        raise Refusal("standing.insured_already")
    pack = library.in_force(region, today)
    lapsed = _lapsed_years(library, region, stretches, year)
    if repaired > lapsed:
        raise Refusal("standing.nothing_to_repair", lapsed=lapsed)
    _check_exempt(tx, exempt, born, today)
    paid = ResidentYear(
        year=year,
        paid_on=today,
        in_window=in_window,
        first=not stretches,
        lapsed_years=lapsed,
        repaired=repaired,
        exempt=exempt,
        gap_after_employee=_gap_after_employee(stretches, start),
    )
    wait = waiting.resident_wait(pack, paid)
    if exempt == "newborn" and not stretches:
        start = max(born, date(year, 1, 1))
        wait = replace(wait, begins=start)
    earlier = tx.one(SQL.newest_waiting, book=ref.book, person=ref.id)
    if earlier is not None and earlier["begins_on"] > wait.begins:  # last year's wait is not over because a year ends
        wait = replace(wait, begins=earlier["begins_on"])
    kept = _keep_waiting(tx, ref, "resident", None, today, wait, pack)
    if before is None or before.scheme != RESIDENTS or before.status != "normal" or _over(before, start) is not None:
        new = Enrolment(RESIDENTS, region, "resident", valid_to=date(year, 12, 31))
        restate(tx, ref, _after_wait(new, start, wait.begins))
    audit.write(tx, ref.book, "resident_paid", ref.id, detail={"year": year, "begins": wait.begins.isoformat()})
    return Covered(kept, wait, start)


def died(tx: Tx, library: Library, ref: PersonRef, on: date) -> None:
    """A death: no insurance from the next day on, and what rests on the life of the person ends. Refuses a day that cannot be."""
    born = _alive(tx, ref)
    if not born <= on <= business_date(tx.at):
        raise Refusal("standing.bad_day", given=on.isoformat())
    tx.run(SQL.died, book=ref.book, id=ref.id, on=on)
    last = newest(tx, ref, on)
    if last is not None and _over(last, on + DAY) is None and last.status not in ("ended", "moved"):
        restate(tx, ref, [replace(last, status="ended", valid_from=on + DAY, valid_to=None)])
    _told(tx, ref, "record_death", on, "")
    endings.release_by_facts(tx, library, ref)
    family.end_all(tx, ref, "death")


def kinship_ended(tx: Tx, library: Library, ref: PersonRef, other: PersonRef, on: date) -> None:
    """Two people are no longer kin (divorce, an adoption dissolved); refuses two who were never registered as kin."""
    last = on - DAY
    ended = tx.run(SQL.end_kinship, book=ref.book, person=ref.id, other=other.id, last=last)
    ended += tx.run(SQL.end_kinship, book=other.book, person=other.id, other=ref.id, last=last)
    if not ended:
        raise Refusal("standing.not_kin")
    _told(tx, ref, "end_kinship", on, "", other)
    endings.release_by_facts(tx, library, ref)


def benefits_from(tx: Tx, ref: PersonRef) -> dict[str, date | None]:
    """The first day from today on when the funds pay, for `outpatient` and `inpatient` care; None when none is in sight."""
    today = business_date(tx.at)
    ahead = [
        (max(one.valid_from, today), one)
        for one in history(tx, ref)
        if one.status == "normal" and one.valid_from is not None and (one.valid_to is None or one.valid_to >= today)
    ]
    stays = [
        max(first, one.inpatient_from or first)
        for first, one in ahead
        if one.valid_to is None or one.inpatient_from is None or one.inpatient_from <= one.valid_to
    ]
    return {"outpatient": min((first for first, _ in ahead), default=None), "inpatient": min(stays, default=None)}


def waits_told(tx: Tx, library: Library, ref: PersonRef) -> list[tuple[date, list[Line]]]:
    """Every wait of a person, oldest first: the day it ends on, and its reasons by the values in force when it was decided."""
    told = []
    for row in tx.all(SQL.waitings, book=ref.book, person=ref.id):
        steps = [Step(*step) for step in row["steps"]]
        regions = {step.region for step in steps if step.region}
        lines = waiting.told({region: library.in_force(region, row["paid_on"]) for region in regions}, steps)
        told.append((row["begins_on"], lines))
    return told


def _check_exempt(tx: Tx, exempt: str, born: date, today: date) -> None:
    """A newborn's age is known; every other group is shown with papers, which only a counter sees."""
    if exempt and (age_on(born, today) > 0 if exempt == "newborn" else tx.by.channel != COUNTER):
        raise Refusal("standing.not_exempt")


def undo_waiting(tx: Tx, ref: PersonRef, kept: UUID) -> None:
    """The payment a wait followed from was given back."""
    tx.run(SQL.undo_waiting, book=ref.book, id=kept, at=tx.at)


def _standing(tx: Tx, ref: PersonRef, on: date, *statuses: str) -> Enrolment:
    _alive(tx, ref)
    found = newest(tx, ref, on)
    if found is None or _over(found, on) is not None:
        raise Refusal("people.not_enrolled", fact=on.isoformat())
    if found.status not in statuses:
        raise Refusal("standing.not_so", status=found.status)
    return found


def _alive(tx: Tx, ref: PersonRef) -> date:
    row = tx.one(SQL.living, book=ref.book, id=ref.id)
    if row is None:
        raise Refusal("people.unknown")
    if row["died_on"] is not None:
        raise Refusal("standing.dead")
    born: date = row["born"]
    return born


def _over(stretch: Enrolment, on: date) -> date | None:
    """The first day after a stretch when it has ended before a day."""
    return stretch.valid_to + DAY if stretch.valid_to is not None and stretch.valid_to < on else None


def _lapsed_from(stretch: Enrolment, on: date) -> date:
    over = _over(stretch, on)
    if over is not None and stretch.status in COVERED:
        return over
    assert stretch.valid_from is not None, "a stretch that is read has a beginning"
    return stretch.valid_from


def _employee_again(
    tx: Tx, library: Library, ref: PersonRef, new: Enrolment, before: Enrolment, paid_on: date, back_paid: int
) -> Wait:
    lapsed_from = _lapsed_from(before, paid_on)
    if paid_on <= lapsed_from:
        raise Refusal("standing.before_break", since=lapsed_from.isoformat())
    pack = library.in_force(new.region, paid_on)
    broken = EmployeeBreak(
        lapsed_from=lapsed_from,
        paid_on=paid_on,
        back_paid=back_paid,
        switched=before.scheme != new.scheme,
        years_before=_years_before(history(tx, ref), lapsed_from),
    )
    wait = waiting.employee_wait(pack, broken)
    _keep_waiting(tx, ref, "employee", lapsed_from, paid_on, wait, pack)
    new = replace(new, valid_to=None, inpatient_from=None)
    restate(tx, ref, _after_wait(new, min(paid_on, wait.begins), wait.begins))
    _told(tx, ref, "resume_enrolment", paid_on, "")
    return wait


def _after_wait(new: Enrolment, start: date, begins: date) -> list[Enrolment]:
    """The stretch from `start`, waiting until `begins` where that is later."""
    if begins <= start:
        return [replace(new, valid_from=start)]
    waits = replace(new, status="lapsed_waiting", valid_from=start)
    if new.valid_to is not None and begins > new.valid_to:
        return [waits]
    return [waits, replace(new, valid_from=begins)]


def _lapsed_years(library: Library, region: str, stretches: list[Enrolment], year: int) -> int:
    """Whole unpaid years right before a year, as far back as a rule of the region counts them; none for a first enrolment."""
    if not stretches:
        return 0
    lapsed = 0
    for past in range(year - 1, year - 100, -1):
        first, last = date(past, 1, 1), date(past, 12, 31)
        if any(_touches(stretch, first, last) for stretch in stretches if stretch.status in COVERED):
            break
        if not library.in_force(region, first)["resident_fixed_wait_months"]:
            break
        lapsed += 1
    return lapsed


def _touches(stretch: Enrolment, first: date, last: date) -> bool:
    assert stretch.valid_from is not None, "a stretch that is read has a beginning"
    return stretch.valid_from <= last and (stretch.valid_to is None or stretch.valid_to >= first)


def _years_before(stretches: list[Enrolment], lapsed_from: date) -> int:
    """Full years of unbroken cover up to the day before a break."""
    first = lapsed_from
    for stretch in reversed(stretches):
        assert stretch.valid_from is not None, "a stretch that is read has a beginning"
        if stretch.valid_from >= lapsed_from:
            continue
        if stretch.status != "normal" or (stretch.valid_to is not None and stretch.valid_to < first - DAY):
            break
        first = stretch.valid_from
    return age_on(first, lapsed_from)


def _gap_after_employee(stretches: list[Enrolment], start: date) -> int | None:
    """Months since an employee enrolment of two full years ended, when nothing has come after it."""
    employed = [stretch for stretch in stretches if stretch.scheme == EMPLOYEES]
    if not employed or stretches[-1].scheme != EMPLOYEES:
        return None
    lapsed_from = _lapsed_from(employed[-1], start)
    if _years_before(stretches, lapsed_from) < 2:
        return None
    return max(0, months_between(lapsed_from, start))


def _keep_waiting(tx: Tx, ref: PersonRef, track: str, lapsed_from: date | None, paid_on: date, wait: Wait, pack: Pack) -> UUID:
    tx.run(SQL.keep_pack, digest=pack.digest, region=pack.region, name=pack.name, body=pack.as_json())
    kept = refs.mint(ref.book, tx.at)
    tx.run(
        SQL.add_waiting,
        book=ref.book,
        id=kept,
        person=ref.id,
        track=track,
        lapsed_from=lapsed_from,
        paid_on=paid_on,
        begins_on=wait.begins,
        months=wait.months,
        claimable_back=wait.claimable_back,
        steps=Json([step.as_json() for step in wait.steps]),
        pack=pack.digest,
    )
    return kept


def _account_follows(tx: Tx, ref: PersonRef, here: Pack, there: Pack) -> Fen:
    """What the new area owes for the account from now on; purses stay where they are, because a person's book never changes."""
    holds = statement.balances(tx, ref.book, ref.id)
    current = holds.get(chart.CURRENT_YEAR, 0)
    total = holds.get(chart.OWN, 0) + current
    legs = []
    if current and not there["split_current_and_prior_account"]:
        journal.open_purse(tx, ref.book, ref.id, chart.OWN)
        legs += [
            Leg(chart.purse(ref.id, chart.CURRENT_YEAR), -current, "year_turned"),
            Leg(chart.purse(ref.id, chart.OWN), current, "year_turned"),
        ]
    follows = total if here["account_follows_on_move"] else 0
    if follows:
        legs += [Leg(chart.crediting(here.region), follows, "moved"), Leg(chart.crediting(there.region), -follows, "moved")]
    if legs:
        journal.post(tx, ref.book, "account_moved", legs)
    return follows


def _told(tx: Tx, ref: PersonRef, act: str, on: date, why: str, other: PersonRef | None = None) -> None:
    detail = {"on": on.isoformat(), "why": why}
    audit.write(tx, ref.book, act, ref.id, behalf_of=other.id if other else None, purpose=why, detail=detail)
