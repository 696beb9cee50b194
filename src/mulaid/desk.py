"""The desk from the command line: `mulaid staff ...` and `mulaid desk ...`, for the first accounts and where there are no pages.

Whoever may run this holds the machine. `--as` names the member of staff who acts; the audit trail says it was the command line.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:  # what is heavy is imported by the command that needs it
    from mulaid.agency import casework, staff
    from mulaid.db import Tx
    from mulaid.people.enrolment import PersonRef
    from mulaid.settings import Settings

Say = Callable[[str], None]
CHANNEL, NATION = "cli", "100000"


@contextmanager
def _acting(settings: Settings, who: str) -> Iterator[Callable[[Callable[[Tx], Any]], Any]]:
    """A way to carry one thing out as somebody."""
    from mulaid import commands
    from mulaid.calendar import wall_clock
    from mulaid.db import Actor
    from mulaid.serve import opened

    with opened(settings) as db:
        yield lambda work: commands.alone(db, work, at=wall_clock(), by=Actor(who, CHANNEL))


def found(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """make the first two accounts, a system and a security administrator; once"""
    from mulaid.agency import staff

    ids = [_applicant(given, *person) for person in (given.system, given.security)]
    with _acting(settings, staff.OPERATOR) as act:
        act(lambda tx: staff.found(tx, *ids, allow_test_area=settings.allows_test_people))
    say(f"系统管理员 {ids[0].id}、安全管理员 {ids[1].id} 已设立。")
    return 0


def add(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """add an account, and propose its roles; a security administrator grants them"""
    from mulaid.agency import staff

    one = _applicant(given, given.id, given.name, given.number)

    def work(tx: Tx) -> None:
        staff.add(tx, one, allow_test_area=settings.allows_test_people)
        staff.propose(tx, one.id, given.roles)

    with _acting(settings, given.who) as act:
        act(work)
    say(f"{one.id} 已添加，等待安全管理员授予角色：{'、'.join(given.roles)}。")
    return 0


def grant(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """grant the roles that were proposed"""
    from mulaid.agency import staff

    with _acting(settings, given.who) as act:
        act(lambda tx: staff.grant(tx, given.id))
    say(f"{given.id} 的角色已授予。")
    return 0


def invite(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """let somebody set password and second factor, once, within a day; what was set before is void"""
    from mulaid.agency import entrance

    with _acting(settings, given.who) as act:
        word = act(lambda tx: entrance.invite(tx, given.id))
    say(f"{given.id} 的邀请码：{word}")
    say("请当面或电话告诉本人，在 /console/begin 使用，24 小时内有效。")
    return 0


def prolong(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """let an account run until another day, at most two years away"""
    from mulaid.agency import staff

    with _acting(settings, given.who) as act:
        act(lambda tx: staff.renew(tx, given.id, given.until))
    say(f"{given.id} 可以用到 {given.until.isoformat()}。")
    return 0


def disable(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """end an account now"""
    from mulaid.agency import staff

    with _acting(settings, given.who) as act:
        act(lambda tx: staff.disable(tx, given.id))
    say(f"{given.id} 已停用。")
    return 0


def queue(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """list what waits in your region, the most urgent first"""
    from mulaid.agency import casework
    from mulaid.agency.matters import STATES

    with _acting(settings, given.who) as act:
        briefs = act(lambda tx: casework.queue(tx, matter=given.matter))
        numbers = [one for one in act(casework.numbers) if given.matter in ("", one.matter)]
    if given.json:
        say(json.dumps([_plain(brief) for brief in briefs], ensure_ascii=False))
        return 0
    for one in briefs:
        taken = f"，{one.taken_by} 在办" if one.taken_by else ""
        say(f"{one.number}  {one.title}  {one.person}  {STATES[one.state]}{taken}  {one.due_on} 前")
    say(f"共 {sum(one.many for one in numbers)} 件，其中超时 {sum(one.late for one in numbers)} 件。")
    return 0


def show(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """show one case with its papers and history; the reading is in the audit trail"""
    from mulaid.agency import casework, evidence
    from mulaid.agency.matters import SIGNALS, STATES
    from mulaid.calendar import stamp
    from mulaid.people.enrolment import Stranger
    from mulaid.people.identity import mask_number

    case = _case(given)

    def work(tx: Tx) -> tuple[Any, Any, Any]:
        found = casework.read(tx, case, "cli")
        return found, evidence.papers_of(tx, found.id, found.about), casework.history(tx, case)

    with _acting(settings, given.who) as act:
        seen, papers, history = act(work)
    say(f"{seen.number}  {seen.matter.title}  {STATES[seen.state]}  版本 {seen.version}  {seen.due_on} 前")
    for name, value in seen.detail.items():
        guardian = Stranger.of(value) if name == "guardian" else None
        say(f"  {name}: {f'{guardian.shown} {mask_number(guardian.number)}' if guardian else value}")
    for signal in seen.signals:
        say(f"  注意：{SIGNALS[signal]}")
    for paper in papers:
        say(f"  材料：{paper.says}，{stamp(paper.given_at)}{'（已删除）' if paper.gone else ''}")
    for event in history:
        say(f"  {event.no}. {stamp(event.at)} {event.actor} {event.act} {event.words}")
    reasons = [f"{code}（{words}）" for verdict in seen.matter.reasons.values() for code, words in verdict.items()]
    say(f"  可选理由：{'，'.join(reasons)}")
    return 0


def signals(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """list signals of misuse in your region, the newest first; with a number, one with its evidence"""
    from mulaid import refs
    from mulaid.agency import watch
    from mulaid.calendar import stamp
    from mulaid.money import yuan

    def listed(tx: Tx) -> Iterator[str]:
        for one in watch.listed(tx, state=given.state):
            yield f"{one.number}  {stamp(one.begun_at)}  {watch.STATES[one.state]}  {one.who}  {one.title}：{one.saw}"
        yield f"共 {sum(many for (_, state), many in watch.numbers(tx).items() if given.state in ('', state))} 条。"

    def shown(tx: Tx) -> Iterator[str]:
        one, seen = watch.read(tx, refs.parse(watch.SIGNAL, given.number))
        yield f"{one.number}  {one.title}  {one.who}  {watch.STATES[one.state]}"
        yield from (f"  看到了什么：{one.saw}", f"  请核对：{one.check}", "  这只是提示，不是认定。")
        if one.looked_at:
            yield f"  {stamp(one.looked_at)} {one.looked_by}：{one.note}"
        for each in seen:
            by = f"，{each.presenter} 出示" if each.presenter else ""
            back = "，已退费" if each.refunded else ""
            yield f"  {stamp(each.at)}  {each.place}  {each.person}{by}  {yuan(each.total)} 元{back}  {each.number}"

    with _acting(settings, given.who) as act:
        for line in act(lambda tx: list((shown if given.number else listed)(tx))):
            say(line)
    return 0


def freeze(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """stop a person's credential at once, as the hotline does"""
    from mulaid.agency import casework

    _for_number(settings, given, lambda tx, person: casework.freeze(tx, person, given.why))
    say("医保电子凭证已停用，本人会收到消息。")
    return 0


def thaw(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """let a frozen credential go"""
    from mulaid.agency import casework

    _for_number(settings, given, casework.thaw)
    say("医保电子凭证已恢复，本人会收到消息。")
    return 0


def _for_number(settings: Settings, given: argparse.Namespace, work: Callable[[Tx, PersonRef], None]) -> None:
    with _acting(settings, given.who) as act:
        act(lambda tx: work(tx, _person(tx, settings, given.number)))


def _person(tx: Tx, settings: Settings, typed: str) -> PersonRef:
    """Who has a document: an ID number, or `08:E1234567` for another kind by its code."""
    from mulaid.people import enrolment

    kind, _, number = typed.rpartition(":")
    return enrolment.find(tx, kind or "01", number, settings.allows_test_people)


def person(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """look somebody up: bonds, authorisations, settlements, bookings and cases, with the references that `open` takes"""
    from mulaid import refs
    from mulaid.agency import counter
    from mulaid.calendar import stamp
    from mulaid.money import yuan
    from mulaid.people.eligibility import shown
    from mulaid.people.filings import KINDS

    def work(tx: Tx) -> Iterator[str]:
        seen = counter.look(tx, _person(tx, settings, given.number), given.purpose)
        place = f"{seen.newest.region} {seen.newest.base} {seen.newest.status}" if seen.newest else "没有参保"
        states = {"": "医保码没有激活", "active": "医保码已激活", "frozen": "医保码已停用"}
        died = f"，{seen.died_on} 去世" if seen.died_on else ""
        yield f"{shown(tx, seen.person)}  {seen.person.number}  {place}，{states[seen.credential]}{died}"
        for bond in (*seen.shows, *seen.shown_by):
            side = "绑定了" if bond.binder == seen.person else "被绑定，绑定人"
            due = f"，{bond.consent_due} 起要重新同意" if bond.consent_due else ""
            yield f"  亲情账户 {refs.show(refs.RELATION, bond.id)}  {side} {bond.shown}{due}"
        for asked in seen.requests:
            who = f"{asked.binder_shown} 绑定 {asked.member_shown}"
            yield f"  绑定申请 {refs.show(refs.RELATION, asked.id)}  {who}  {asked.state}"
        for one in (*seen.gives, *seen.receives):
            side, other = ("授权给", one.receiver) if one.giver == seen.person else ("接受授权，授权人", one.giver)
            yield f"  家庭共济 {refs.show(refs.RELATION, one.id)}  {side} {shown(tx, other)}  {one.status}"
        if seen.household:
            yield f"  家庭账户 {refs.show(refs.RELATION, seen.household.ref)}  余额 {yuan(seen.household.balance)} 元"
            for member in seen.household.members:
                yield f"    成员 {member.shown} {member.person.id}  {yuan(member.part)} 元"
        for invited in seen.invitations:
            yield f"  家庭账户邀请 {refs.show(refs.RELATION, invited.id)}"
        for quota in seen.quotas:
            pair = f"{shown(tx, quota.giver)} 给 {shown(tx, quota.receiver)}"
            yield f"  跨省共济额度 {refs.show(refs.RELATION, quota.id)}  {pair}  还剩 {yuan(quota.left)} 元"
        for charge in seen.charges:
            back = {"": "", "refund": "  退费", "refunded": "  已退"}[charge.state]
            what = f"{stamp(charge.at)}  {charge.place}  {yuan(charge.total)} 元{back}"
            yield f"  结算 {refs.show(refs.SETTLEMENT, charge.id)}  {what}"
        for booked in seen.bookings:
            what = f"{booked.on}  {booked.purse} {booked.cause} {yuan(booked.fen)} 元"
            yield f"  入账 {refs.show(refs.RELATION, booked.journal)}  {what}"
        for filed in seen.filings:
            owed = f"，{filed.papers_due} 前补材料" if filed.papers_due else ""
            yield f"  备案 {refs.show(refs.RELATION, filed.id)}  {KINDS[filed.kind]} {filed.region}{owed}"
        for case in seen.cases:
            yield f"  在办 {case.number}  {case.title}"

    with _acting(settings, given.who) as act:
        act(counter.count_look)
        lines = act(lambda tx: list(work(tx)))
    for line in lines:
        say(line)
    return 0


def open_matter(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """open a matter for somebody who stands at the counter"""
    from mulaid import refs
    from mulaid.agency import counter
    from mulaid.money import parse_yuan
    from mulaid.refusal import Refusal

    try:
        detail = json.loads(given.detail)
    except (ValueError, RecursionError):
        raise Refusal("desk.bad_detail", what="--detail") from None
    if not isinstance(detail, dict):
        raise Refusal("desk.bad_detail", what="--detail")
    about = refs.parse(refs.SETTLEMENT if given.about[:1] in "Ss" else refs.RELATION, given.about) if given.about else None

    def work(tx: Tx) -> UUID:
        whom = _person(tx, settings, given.person)
        applicant = _person(tx, settings, given.applicant) if given.applicant else whom
        heirs = {str(_person(tx, settings, number).id): parse_yuan(amount) for number, amount in given.heir}
        known = {**detail, "heirs": heirs} if heirs else detail
        return counter.open_matter(tx, given.matter, whom, applicant=applicant, about=about, detail=known)

    with _acting(settings, given.who) as act:
        case = act(work)
    say(f"已登记：{refs.show(refs.CASE, case)}")
    return 0


def consent(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """show the letter to who speaks for a young member; with its hash and your version, record that it was agreed to"""
    from mulaid.agency import casework, hearing

    case = _case(given)

    def work(tx: Tx) -> tuple[Any, int]:
        if given.name:
            kind, _, number = given.speaker.rpartition(":")
            who = given.name, kind or "01", number, given.born
            letter, guardian = hearing.introduce(tx, case, *who, allow_test_area=settings.allows_test_people)
            if given.agreed:
                hearing.consent_by_papers(tx, case, given.version, guardian, given.agreed)
                return None, 0
            return letter, casework.read(tx, case).version
        speaker = _person(tx, settings, given.speaker)
        if given.agreed:
            hearing.consent(tx, case, given.version, speaker, given.agreed)
            return None, 0
        return hearing.consent_letter(tx, case, speaker), casework.read(tx, case).version

    with _acting(settings, given.who) as act:
        letter, version = act(work)
    if letter is None:
        say("已记录当面同意。")
    else:
        _show_letter(say, letter)
        say(f"同意的，请加上：--version {version} --agreed {letter.hash}")
    return 0


def renew(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """show the member what is agreed to anew at 14 and 16; with its hash, record it and let the bond serve again"""
    from mulaid import refs
    from mulaid.agency import counter

    bond = refs.parse(refs.RELATION, given.bond)
    with _acting(settings, given.who) as act:
        if given.agreed:
            act(lambda tx: counter.renew(tx, bond, given.agreed))
            say("已记录本人重新同意，可以继续使用。")
            return 0
        _, letter = act(lambda tx: counter.renewal_letter(tx, bond))
    _show_letter(say, letter)
    say(f"本人同意的，请加上：--agreed {letter.hash}")
    return 0


def paper(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """put the picture of a paper that lies on the counter to a case you have"""
    from mulaid.agency import casework, evidence
    from mulaid.calendar import wall_clock
    from mulaid.outside.storage import storage_for

    if not given.file.is_file():
        raise FileNotFoundError(f"{given.file} is not a file")
    case, raw = _case(given), given.file.read_bytes()

    def admit(tx: Tx) -> tuple[Any, Any]:
        found = casework.bring_papers(tx, case)
        evidence.admit(tx, found.applicant, case, len(raw))
        return found, tx.keys

    def record(tx: Tx) -> None:
        casework.bring_papers(tx, case)
        evidence.record(tx, cleaned, case, given.kind, found.person, found.applicant)
        casework.papers_came(tx, case)

    with _acting(settings, given.who) as act:
        found, keys = act(admit)
        cleaned = evidence.prepare(keys, found.book, wall_clock(), raw)
        storage_for(settings.data, settings.outside, wall_clock).put(cleaned.name, cleaned.sealed)
        act(record)
    say("材料已收。")
    return 0


def bind(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """ask for a family account by the papers of somebody who stands at the counter"""
    from mulaid import refs
    from mulaid.agency import counter, evidence
    from mulaid.calendar import wall_clock
    from mulaid.outside.storage import storage_for

    files = [(kind, Path(file)) for kind, file in given.paper]
    if lost := [file for _, file in files if not file.is_file()]:
        raise FileNotFoundError(f"{lost[0]} is not a file")
    raws = [(kind, file.read_bytes()) for kind, file in files]

    def people(tx: Tx) -> tuple[PersonRef, PersonRef, Any]:
        member, binder = _person(tx, settings, given.member), _person(tx, settings, given.binder)
        for _, raw in raws:
            evidence.admit(tx, binder, binder.id, len(raw))
        return member, binder, tx.keys

    with _acting(settings, given.who) as act:
        member, binder, keys = act(people)
        papers = [(kind, evidence.prepare(keys, binder.book, wall_clock(), raw)) for kind, raw in raws]
        store = storage_for(settings.data, settings.outside, wall_clock)
        for _, cleaned in papers:
            store.put(cleaned.name, cleaned.sealed)
        known = {"allow_test_area": settings.allows_test_people}
        case = act(lambda tx: counter.bind(tx, member, binder, given.relation, papers, **known))
    say(f"已登记：{refs.show(refs.CASE, case)}")
    return 0


def take_over(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """bring a request to bind that waits for a face or a guardian to the desk"""
    from mulaid import refs
    from mulaid.agency import counter

    request = refs.parse(refs.RELATION, given.request)
    with _acting(settings, given.who) as act:
        case = act(lambda tx: counter.take_over(tx, request))
    say(f"已登记：{refs.show(refs.CASE, case)}")
    return 0


def authorise(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """show a giver the promise of mutual aid; with its hash, let the receiver spend the giver's account"""
    from mulaid import refs
    from mulaid.agency import counter
    from mulaid.money import parse_yuan
    from mulaid.people.aid import Terms

    quota, year, settlement = (
        parse_yuan(amount) if amount else None for amount in (given.quota, given.year_cap, given.settlement_cap)
    )
    terms = Terms(valid_to=given.until, quota=quota, year_cap=year, settlement_cap=settlement)

    def work(tx: Tx) -> Any:
        pair = _person(tx, settings, given.giver), _person(tx, settings, given.receiver), given.relation
        return counter.authorise(tx, *pair, terms, given.agreed) if given.agreed else counter.promise(tx, *pair, terms)

    with _acting(settings, given.who) as act:
        found = act(work)
    if given.agreed:
        say(f"已授权：{refs.show(refs.RELATION, found)}")
        return 0
    for line in (*found.text.splitlines(), ""):
        say(line)
    say(f"授权人同意的，请加上：--agreed {found.hash}")
    return 0


def wish(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """show somebody the letter of a household account or a quota for a relative; with its hash, have it done"""
    from mulaid import refs
    from mulaid.agency import counter
    from mulaid.money import parse_yuan

    about = refs.parse(refs.RELATION, given.invitation) if getattr(given, "invitation", "") else None
    fen = parse_yuan(given.fen) if getattr(given, "fen", "") else 0

    def work(tx: Tx) -> Any:
        other = _person(tx, settings, given.relative) if getattr(given, "relative", "") else None
        asked = counter.Wish(
            given.what, _person(tx, settings, given.person), other, getattr(given, "relation", ""), fen,
            getattr(given, "until", None), about,
        )  # fmt: skip
        return counter.grant(tx, asked, given.agreed) if given.agreed else counter.letter_for(tx, asked)

    with _acting(settings, given.who) as act:
        found = act(work)
    if given.agreed:
        say(f"办好了：{refs.show(refs.RELATION, found)}")
        return 0
    _show_letter(say, found)
    say(f"本人同意的，请加上：--agreed {found.hash}")
    return 0


def _show_letter(say: Say, letter: Any) -> None:
    for line in (letter.title, "", *letter.body.splitlines(), ""):
        say(line)


def step(settings: Settings, given: argparse.Namespace, say: Say) -> int:
    """take one step of a case, on the version you have seen"""
    from mulaid.agency import casework

    case, seen = _case(given), given.version
    steps: dict[str, Callable[[Tx], None]] = {
        "take": lambda tx: casework.take(tx, case, seen),
        "give-back": lambda tx: casework.give_back(tx, case, seen, given.words),
        "ask": lambda tx: casework.ask_for_papers(tx, case, seen, given.words),
        "decide": lambda tx: casework.decide(tx, case, seen, given.verdict, given.reason, given.words),
        "check": lambda tx: casework.check(tx, case, seen),
        "send-back": lambda tx: casework.send_back(tx, case, seen, given.words),
    }
    with _acting(settings, given.who) as act:
        act(steps[given.step])
    say("已办理。")
    return 0


STEPS = {
    "take": ("have the case from now on", ()),
    "give-back": ("let somebody else have it", ("words",)),
    "ask": ("ask the applicant for papers", ("words",)),
    "decide": ("give a verdict", ("verdict", "reason", "words")),
    "check": ("agree, as the second person", ()),
    "send-back": ("disagree, as the second person", ("words",)),
}


def commands_of(place: argparse._SubParsersAction[argparse.ArgumentParser], bound: Callable[[Any], Callable[..., int]]) -> None:
    """Add both groups of commands to the parser; `bound` gives a function of this module its settings and its voice."""
    people = place.add_parser("staff", help="who works at the agency").add_subparsers(required=True, metavar="COMMAND")
    _founding(_command(people, "found", found, bound))
    adding = _command(people, "add", add, bound)
    for name in ("id", "name", "number"):
        adding.add_argument(name)
    _span(adding)
    adding.add_argument("--roles", nargs="+", default=[], metavar="ROLE", help="handler, checker, system, security, audit")
    _who(adding)
    for name, work in (("grant", grant), ("invite", invite), ("prolong", prolong), ("disable", disable)):
        one = _command(people, name, work, bound)
        one.add_argument("id")
        if work is prolong:
            _until(one)
        _who(one)
    cases = place.add_parser("desk", help="the agency's cases").add_subparsers(required=True, metavar="COMMAND")
    listing = _command(cases, "list", queue, bound)
    listing.add_argument("--json", action="store_true")
    listing.add_argument("--matter", default="", help="only this matter, by its name in agency/matters.toml")
    _who(listing)
    seen = _command(cases, "signals", signals, bound)
    seen.add_argument("number", nargs="?", default="")
    seen.add_argument("--state", default="", choices=("new", "follow_up", "harmless"), help="only these")
    _who(seen)
    for name, work in (("freeze", freeze), ("thaw", thaw)):
        one = _command(cases, name, work, bound)
        one.add_argument("number", metavar="ID_NUMBER")
        if name == "freeze":
            one.add_argument("--why", required=True)
        _who(one)
    _counter_commands(cases, bound)
    showing = _command(cases, "show", show, bound)
    showing.add_argument("case")
    _who(showing)
    for name, (help_text, more) in STEPS.items():
        one = cases.add_parser(name, help=help_text, description=help_text)
        one.set_defaults(work=bound(step), step=name)
        one.add_argument("case")
        one.add_argument("--version", type=int, required=True, help="the version you have seen")
        for field in more:
            one.add_argument(f"--{field}", required=True, choices=("approved", "refused") if field == "verdict" else None)
        _who(one)


def _counter_commands(cases: Any, bound: Callable[[Any], Callable[..., int]]) -> None:
    number = "an ID number, or KIND:NUMBER for another document"
    looking = _command(cases, "person", person, bound)
    looking.add_argument("number", metavar="ID_NUMBER", help=number)
    looking.add_argument("--purpose", default="counter", help="counter, telephone or case; it is in the audit trail")
    _who(looking)
    opening = _command(cases, "open", open_matter, bound)
    opening.add_argument("matter", help="by its name in agency/matters.toml, such as unbind_counter")
    opening.add_argument("--person", required=True, metavar="ID_NUMBER", help=f"whose matter it is: {number}")
    opening.add_argument(
        "--applicant", default="", metavar="ID_NUMBER", help="who stands at the counter, where it is somebody else"
    )
    opening.add_argument("--about", default="", metavar="REF", help="what it is about, as `desk person` shows it")
    opening.add_argument("--detail", default="{}", metavar="JSON", help="what the matter needs; see docs/desk.md")
    opening.add_argument(
        "--heir", nargs=2, action="append", default=[], metavar=("ID_NUMBER", "YUAN"), help="who inherits how much"
    )
    _who(opening)
    binding = _command(cases, "bind", bind, bound)
    binding.add_argument("--member", required=True, metavar="ID_NUMBER", help="whose code is to be shown")
    binding.add_argument("--binder", required=True, metavar="ID_NUMBER", help="who stands at the counter and is to show it")
    binding.add_argument("--relation", required=True, help="what the member is to the binder, such as parent or child")
    binding.add_argument(
        "--paper", nargs=2, action="append", default=[], metavar=("KIND", "FILE"), help="id_card, household_register"
    )
    _who(binding)
    taking = _command(cases, "take-over", take_over, bound)
    taking.add_argument("request")
    _who(taking)
    giving = _command(cases, "aid", authorise, bound)
    giving.add_argument("--giver", required=True, metavar="ID_NUMBER", help="who stands at the counter, and whose account it is")
    giving.add_argument("--receiver", required=True, metavar="ID_NUMBER", help="who may spend it")
    giving.add_argument("--relation", required=True, help="what the receiver is to the giver, such as parent or child")
    for name in ("quota", "year-cap", "settlement-cap"):
        giving.add_argument(f"--{name}", default="", metavar="YUAN")
    giving.add_argument("--until", type=date.fromisoformat, help="the last day")
    giving.add_argument("--agreed", default="", metavar="HASH", help="the hash of the promise that was read")
    _who(giving)
    _wishes(cases, bound)
    hearing = _command(cases, "consent", consent, bound)
    hearing.add_argument("case")
    hearing.add_argument("--speaker", required=True, metavar="ID_NUMBER", help="who agrees")
    hearing.add_argument("--name", default="", help="of a guardian who is not known here, by the papers that lie with the case")
    hearing.add_argument("--born", type=date.fromisoformat, help="where the document's number does not tell it")
    hearing.add_argument("--version", type=int, default=0, help="the version you have seen")
    hearing.add_argument("--agreed", default="", metavar="HASH", help="the hash of the letter that was read")
    _who(hearing)
    renewing = _command(cases, "renew", renew, bound)
    renewing.add_argument("bond")
    renewing.add_argument("--agreed", default="", metavar="HASH", help="the hash of the letter that was read")
    _who(renewing)
    giving = _command(cases, "paper", paper, bound)
    giving.add_argument("case")
    giving.add_argument("kind", help="what it is, such as id_card, residence_permit, death_certificate")
    giving.add_argument("file", type=Path, help="JPEG or PNG")
    _who(giving)


def _wishes(cases: Any, bound: Callable[[Any], Callable[..., int]]) -> None:
    """What somebody agrees to at the counter about a household account, or a quota for a relative elsewhere."""
    kinds = {
        "household-open": ("household_open", (), "open a household account"),
        "household-add": ("household_add", ("relative", "relation"), "take or invite a relative into the household account"),
        "household-join": ("household_join", ("invitation",), "say yes to a household that invited somebody"),
        "quota": ("wallet_quota", ("relative", "relation", "fen"), "keep a quota for a relative in another province"),
    }
    says = {
        "relative": "whom it is for, by an ID number or KIND:NUMBER",
        "relation": "what the relative is to the person, such as parent or child",
        "invitation": "the one that is accepted, as `desk person` shows it",
        "fen": "how much of the account is kept, in yuan",
    }
    for name, (what, fields, does) in kinds.items():
        helps = f"{does}: show the letter; with its hash, do it"
        one = cases.add_parser(name, help=helps, description=helps)
        one.set_defaults(work=bound(wish), what=what)
        one.add_argument("--person", required=True, metavar="ID_NUMBER", help="who stands at the counter")
        for field in fields:
            one.add_argument("--yuan" if field == "fen" else f"--{field}", dest=field, required=True, help=says[field])
        if what == "wallet_quota":
            one.add_argument("--until", type=date.fromisoformat, help="the last day")
        one.add_argument("--agreed", default="", metavar="HASH", help="the hash of the letter that was read")
        _who(one)


def _command(place: Any, name: str, work: Any, bound: Callable[[Any], Callable[..., int]]) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = place.add_parser(name, help=work.__doc__, description=work.__doc__)
    made.set_defaults(work=bound(work))
    return made


def _founding(one: argparse.ArgumentParser) -> None:
    for role in ("system", "security"):
        one.add_argument(f"--{role}", nargs=3, required=True, metavar=("ID", "NAME", "NUMBER"))
    _span(one)


def _span(one: argparse.ArgumentParser) -> None:
    one.add_argument("--region", default=NATION, help="six digits; 100000 is the country")
    _until(one)


def _until(one: argparse.ArgumentParser) -> None:
    one.add_argument("--until", type=date.fromisoformat, required=True, help="the account's last day")


def _who(one: argparse.ArgumentParser) -> None:
    one.add_argument("--as", dest="who", required=True, metavar="STAFF", help="who acts")


def _applicant(given: argparse.Namespace, name: str, person: str, number: str) -> staff.Applicant:
    from mulaid.agency import staff

    return staff.Applicant(name, person, "01", number, given.region, given.until)


def _case(given: argparse.Namespace) -> UUID:
    from mulaid import refs

    return refs.parse(refs.CASE, given.case)


def _plain(brief: casework.Brief) -> dict[str, Any]:
    return {
        "number": brief.number,
        "matter": brief.title,
        "state": brief.state,
        "person": brief.person,
        "due": brief.due_on.isoformat(),
        "taken_by": brief.taken_by,
        "version": brief.version,
        "signals": list(brief.signals),
    }
