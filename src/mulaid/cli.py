"""`mulaid`: the commands a person types. Long work shows progress; `--json` where a program might read the answer."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

from mulaid import __version__, desk
from mulaid.calendar import business_date, month_of, wall_clock
from mulaid.money import yuan
from mulaid.policy.facts import Facts
from mulaid.policy.pack import Library, PackTrouble
from mulaid.policy.simulate import Sums
from mulaid.refusal import Refusal
from mulaid.settings import SettingTrouble, from_environment

RATE = 40.0
"""Messages a second of the mixed traffic."""


def say(text: str) -> None:
    """One line to whoever typed the command."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def progress(text: str) -> None:
    """One line of progress."""
    say(f"== {text}")


def serve(_: argparse.Namespace) -> int:
    """run everything: database, schema, demo city, gateway, web, worker"""
    from mulaid.serve import serve as run

    return run(from_environment(), progress)


def migrate(_: argparse.Namespace) -> int:
    """bring the database's schema and roles up to date"""
    from mulaid.serve import installation

    with installation(from_environment(), progress):
        progress("the schema is up to date")
    return 0


def worker(_: argparse.Namespace) -> int:
    """run jobs until stopped (started by serve)"""
    from mulaid import jobs
    from mulaid.crypto import Keys

    settings = from_environment()
    app = jobs.build(settings, Keys.load(settings.keys_path))
    with app.open():
        app.run_worker(concurrency=1, listen_notify=False, shutdown_graceful_timeout=10)
    return 0


def demo(arguments: argparse.Namespace) -> int:
    """play one family's story against the running gateway"""
    from mulaid.demo import story

    return story.play(from_environment(), say, gateway=arguments.url)


def explain(arguments: argparse.Namespace) -> int:
    """tell whose money paid a settlement, by which rule"""
    from mulaid.proof import told

    return told.explain(from_environment(), arguments.settlement, say, as_json=arguments.json)


def code(arguments: argparse.Namespace) -> int:
    """show a made-up person's insurance code, as a phone would"""
    from mulaid.demo import story

    return story.show_code(from_environment(), arguments.number, arguments.shown_by, say)


def sandbox(arguments: argparse.Namespace) -> int:
    """run an agency of one's own for trying hospital software: people from a file, a clock to move, faults to order"""
    from mulaid.sandbox import app

    return app.run(from_environment(), say, port=arguments.port, people=arguments.people)


def conform(arguments: argparse.Namespace) -> int:
    """check whether a server of the national interface does what hospital programs rely on; exit code 1 when it does not"""
    from mulaid.conform import kit

    def told(result: kit.Result) -> None:
        say(f"{result.outcome:8}{result.check.id}" + (f"\n        {result.why}" if result.why else ""))

    try:
        subject = kit.read_subject(arguments.subject, arguments.url, arguments.profile, arguments.sandbox)
    except kit.SubjectTrouble as trouble:
        sys.stderr.write(f"mulaid: {trouble}\n")
        return 2
    if arguments.between:
        command = shlex.split(arguments.between)
        subject = replace(subject, between=lambda: subprocess.run(command, check=True))
    found = kit.run(subject, arguments.only, told)
    kit.keep(found, {"html": arguments.html, "junit": arguments.junit, "json": arguments.json})
    counts = {outcome: found.count(outcome) for outcome in (kit.PASSED, kit.FAILED, kit.SKIPPED)}
    say(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    return 1 if counts[kit.FAILED] or not counts[kit.PASSED] else 0


def connections(arguments: argparse.Namespace) -> int:
    """list, make, change or switch off the connections of institutions' programs; a secret is shown once"""
    from mulaid import commands
    from mulaid.db import Actor
    from mulaid.gateway import connections as known
    from mulaid.serve import opened

    with opened(from_environment()) as db:
        if arguments.what == "key":
            from mulaid import sm2

            say(sm2.public_of(sm2.private_from(db.keys.blind("sm2", "platform"))).hex())
            return 0
        told = commands.alone(db, lambda tx: _connected(known, tx, arguments), at=wall_clock(), by=Actor("operator", "cli"))
    for line in told:
        say(line)
    return 0


def _connected(known: Any, tx: Any, arguments: argparse.Namespace) -> list[str]:
    if arguments.what == "add":
        operators = [word for word in arguments.operators.split(",") if word]
        name, secret = known.make(
            tx, arguments.name, arguments.transport, arguments.profile, public_key=arguments.public_key, operators=operators
        )
        return [f"接入编号 {name}", f"密钥 {secret}（只显示这一次）" if secret else "这种接入没有密钥"]
    if arguments.what == "change":
        secret = known.begin_change(tx, arguments.name, arguments.public_key)
        return [f"新密钥 {secret}（只显示这一次），新旧密钥同时有效，更换完后请运行 mulaid connections changed {arguments.name}"]
    if arguments.what == "changed":
        known.end_change(tx, arguments.name)
        return ["旧密钥已失效。"]
    if arguments.what in ("on", "off"):
        known.switch(tx, arguments.name, on=arguments.what == "on")
        return ["已启用。" if arguments.what == "on" else "已停用，十秒内生效。"]
    told = []
    for one in known.listed(tx, arguments.name):
        state = ("启用" if one.enabled else "停用", "更换密钥中" if one.changing else "")
        told.append("  ".join((one.id, one.institution, one.transport, one.profile, *state)).rstrip())
    return told


def catalogue_load(arguments: argparse.Namespace) -> int:
    """load lists that institutions download (1303, 1307 and their kin) from a CSV file, all of it or nothing"""
    from mulaid import commands
    from mulaid.db import Actor
    from mulaid.serve import opened
    from mulaid.settlement import listing

    version = arguments.version or business_date(wall_clock())
    try:
        with arguments.file.open(encoding="utf-8", newline="") as lines:
            entries = listing.read(lines)
        with opened(from_environment()) as db:
            by = Actor("operator", "cli")
            came = commands.alone(db, lambda tx: listing.load(tx, entries, version), at=wall_clock(), by=by)
    except listing.ListingTrouble as trouble:
        sys.stderr.write(f"mulaid: {arguments.file} is not loaded\n{trouble}\n")
        return 2
    say(f"version {version}: {came.new} new, {came.changed} changed, {came.same} as before")
    return 0


def verify(arguments: argparse.Namespace) -> int:
    """check that books, statements, decisions and seals agree; exit code 1 when something is wrong"""
    from mulaid.db import Actor
    from mulaid.ledger import seal
    from mulaid.proof.verify import faults
    from mulaid.serve import opened

    settings = from_environment()
    with opened(settings) as db:
        kept = arguments.anchors or settings.anchors_path
        anchors = list(seal.read_back(kept.read_text("utf-8").splitlines())) if kept.exists() else []
        with db.reading(wall_clock(), Actor("verify", "cli")) as tx:
            found = list(faults(tx, anchors=anchors))
    if arguments.json:
        say(json.dumps({"faults": found}, ensure_ascii=False))
    else:
        for fault in found:
            say(fault)
        say("the books are right" if not found else f"{len(found)} faults")
    return 1 if found else 0


def credit(arguments: argparse.Namespace) -> int:
    """credit a month to every personal account; goes on where it was stopped, and credits nobody twice"""
    from mulaid import jobs
    from mulaid.policy.crediting import month_named
    from mulaid.policy.pack import library
    from mulaid.serve import opened

    month = month_named(arguments.month) if arguments.month else month_of(business_date(wall_clock()))
    tell = (lambda text: None) if arguments.json else progress
    with opened(from_environment(), tell, size=2) as db:
        came = jobs.credit_everybody(db, library(), month, tell, again=arguments.again)
    if arguments.json:
        told = {"month": f"{month:%Y-%m}", "people": came.people, "fen": came.fen, "left_out": came.left_out}
        say(json.dumps(told, ensure_ascii=False))
        return 0
    say(f"{month:%Y-%m}: {came.people} people, {yuan(came.fen)} yuan")
    for what, people in sorted(came.left_out.items()):
        say(f"  not credited: {people} people, {what} is not known; then run again with --again")
    return 0


def packs_check(arguments: argparse.Namespace) -> int:
    """say exactly what is wrong with packs: form, gaps in time, broken chains, cases that fail; exit code 1 when something is"""
    from mulaid.policy.check import check

    found = check(arguments.folder)
    if arguments.json:
        say(json.dumps(asdict(found), ensure_ascii=False))
        return 1 if found.faults else 0
    for fault in found.faults:
        say(fault)
    for remark in found.remarks:
        say(f"remark: {remark}")
    verdict = f"{len(found.faults)} faults" if found.faults else "nothing wrong"
    say(f"{found.packs} packs, {found.values} dated values, {found.cases} cases: {verdict}, {len(found.remarks)} remarks")
    return 1 if found.faults else 0


def packs_show(arguments: argparse.Namespace) -> int:
    """print the values in force for a region on a date, with the layer, confidence and source of each"""
    from mulaid.policy.check import open_library
    from mulaid.policy.pack import region_number
    from mulaid.policy.parameters import reference

    on = arguments.at or business_date(wall_clock())
    lib = open_library(arguments.packs)
    pack = lib.in_force(region_number(arguments.region), on)
    if arguments.json:
        say(pack.as_json())
        return 0
    say(f"{pack.region} {pack.name}, {on}, digest {pack.digest}")
    chapter = ""
    for name, entry in reference().items():
        if entry.chapter != chapter:
            chapter = entry.chapter
            say(f"\n{chapter}")
        value = pack.values[name]
        say(f"  {entry.zh} {name} = {_plain(value.plain)}")
        say(f"      {lib.name(value.region)}, since {value.since}, {value.confidence}: {value.source}")
        if value.note:
            say(f"      {value.note}")
    return 0


def packs_diff(arguments: argparse.Namespace) -> int:
    """tell how two regions or two packs differ, on a date or over all time; exit code 1 when they do"""
    from mulaid.policy.check import compare

    on = arguments.at or business_date(wall_clock())
    found = compare(arguments.left, arguments.right, on, arguments.at is not None)
    if arguments.json:
        say(json.dumps([difference.as_json() for difference in found.differences], ensure_ascii=False))
        return 1 if found.differences else 0
    say(f"{found.left}  |  {found.right}  |  {on if found.dated else 'all dates'}")
    for difference in found.differences:
        when = f" from {difference.on}" if difference.on else ""
        say(f"\n{difference.region} {difference.zh} {difference.parameter}{when}")
        for mark, side in (("-", difference.left), ("+", difference.right)):
            told = f"  [{side.region} since {side.since}, {side.confidence}: {side.source}]" if side.region else ""
            say(f"  {mark} {'(nothing)' if side.value is None else _plain(side.value)}{told}")
    say(f"\n{len(found.differences)} differences")
    return 1 if found.differences else 0


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def cases_run(arguments: argparse.Namespace) -> int:
    """run worked examples, through the law alone or through the gateway over HTTP"""
    from mulaid.policy.cases import CaseTrouble
    from mulaid.policy.check import open_library

    try:
        if arguments.through == "gateway":
            from mulaid.proof.cases import run_through_gateway

            if arguments.packs:
                say("--packs goes with the law alone: the gateway settles by the packs of the program; leave one of the two out")
                return 2
            return run_through_gateway(from_environment(), arguments.files, say)
        return _run_pure(arguments.files, open_library(arguments.packs))
    except CaseTrouble as trouble:
        say(str(trouble))
        return 2


def _run_pure(files: Sequence[Path], lib: Library) -> int:
    from mulaid.policy.casefile import read_file
    from mulaid.policy.cases import CaseTrouble, run

    passed = failed = 0
    faults: list[str] = []
    for file in files:
        cases, wrong = read_file(file)
        faults += wrong
        for case in cases:
            try:
                differences = [f"visit {place}: {line}" for place, lines in enumerate(run(case, lib), 1) for line in lines]
            except CaseTrouble as trouble:
                differences = [str(trouble)]
            say(f"{'ok  ' if not differences else 'FAIL'} {case.id} {case.title}")
            for line in differences:
                say(f"     {line}")
            passed, failed = passed + (not differences), failed + bool(differences)
    for line in faults:
        say(line)
    say(f"{passed} passed, {failed} failed" + (f", {len(faults)} faults in the files" if faults else ""))
    return 2 if faults else 1 if failed else 0


def simulate(arguments: argparse.Namespace) -> int:
    """try changed packs on many bills: what each payer would pay, and how many people it touches"""
    from mulaid.policy.check import open_library
    from mulaid.policy.simulate import BillTrouble, read_bills, told
    from mulaid.policy.simulate import simulate as run

    changed = open_library(arguments.packs)

    def tried(bills: Iterable[tuple[str, Facts]]) -> Sums:
        return run(bills, open_library(None), changed, heard)

    def heard(done: int) -> None:
        sys.stderr.write(f"== {done} bills\n")

    try:
        if arguments.bills:
            with arguments.bills.open(encoding="utf-8") as lines:
                sums = tried(read_bills(lines))
        else:
            sums = _of_settlements(tried)
    except (BillTrouble, OSError, UnicodeDecodeError) as trouble:
        sys.stderr.write(f"mulaid: {trouble}\n")
        return 2
    for line in [json.dumps(sums.as_json())] if arguments.json else told(sums):
        say(line)
    return 0


def _of_settlements(tried: Callable[[Iterable[tuple[str, Facts]]], Sums]) -> Sums:
    from mulaid.db import Actor
    from mulaid.proof.verify import bills
    from mulaid.serve import opened

    with opened(from_environment()) as db, db.reading(wall_clock(), Actor("simulate", "cli")) as tx:
        return tried(bills(tx))


def bench(arguments: argparse.Namespace) -> int:
    """measure settlements against pgbench's own script on the same PostgreSQL, and write bench.json"""
    from mulaid.proof import bench

    wrong = bench.run(
        say, rounds=arguments.rounds, seconds=arguments.seconds, clients=arguments.clients, profile=arguments.profile
    )
    if arguments.profile or not arguments.traffic:
        return wrong
    # A process of its own, because a process brings up the schema of one database only.
    mixed = [sys.executable, "-m", "mulaid", "bench-traffic", "--minutes", str(arguments.traffic), "--report", "bench.json"]
    return wrong or subprocess.run(mixed, check=False).returncode


def bench_traffic(arguments: argparse.Namespace) -> int:
    """send the mixed traffic of many institutions over HTTP: answer times, memory, then the books; exit code 1 when wrong"""
    from mulaid.proof import traffic

    given = {name: getattr(arguments, name) for name in ("minutes", "institutions", "rate", "families", "report")}
    return traffic.run(say, **given)


def bench_credit(arguments: argparse.Namespace) -> int:
    """measure how fast a month is credited to a population, on a scratch PostgreSQL"""
    from mulaid.proof.bench import payday

    return payday(say, arguments.people)


def city(arguments: argparse.Namespace) -> int:
    """live through days of a simulated city; exit code 1 when books, relations or decisions disagree after one of them"""
    from mulaid.proof.acts import ACTS
    from mulaid.proof.cases import scratch
    from mulaid.proof.life import Trouble, live, report

    settings = from_environment()
    people, days, seed = arguments.people, arguments.days, arguments.seed
    progress(f"a city of {people} people for {days} days, seed {seed}, in a database that is gone afterwards")
    with scratch(settings) as (url, keys):
        embedded = settings.database_url is None
        try:
            life = live(url, keys, progress, people=people, days=days, seed=seed, embedded=embedded, acts=ACTS)
        except Trouble as trouble:
            say(str(trouble))
            return 1
    for line in report(life, list(ACTS)):
        say(line)
    return 0


def bench_pages(arguments: argparse.Namespace) -> int:
    """measure every page of the web as a signed-in made-up person: median time and bytes; exit code 1 when one fails"""
    from mulaid.proof import pages

    return pages.run(say, repeats=arguments.repeats, report=arguments.report)


Places: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add(place: Places, name: str, work: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    """A command with its own docstring as its help."""
    made = place.add_parser(name, help=work.__doc__, description=work.__doc__)
    made.set_defaults(work=work)
    return made


def parser() -> argparse.ArgumentParser:
    """Every command with its help."""
    whole = argparse.ArgumentParser(prog="mulaid", description="Whose money is charged, and by which rule?")
    whole.add_argument("--version", action="version", version=__version__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _for_everybody(commands)
    _for_makers_of_programs(commands)
    _for_people_of_rules(commands)
    desk.commands_of(commands, lambda work: lambda given: int(work(from_environment(), given, say)))
    _for_measuring(commands)
    return whole


def _for_measuring(commands: Places) -> None:
    add(commands, "bench-credit", bench_credit).add_argument("--people", type=int, default=100_000)
    measuring = add(commands, "bench", bench)
    measuring.add_argument("--rounds", type=int, default=5)
    measuring.add_argument("--seconds", type=float, default=6.0)
    measuring.add_argument("--clients", type=int, default=8)
    measuring.add_argument("--profile", action="store_true", help="say where the time of a settlement goes")
    measuring.add_argument(
        "--traffic", type=float, default=2.0, metavar="MINUTES", help="of mixed traffic at the end; 0 for none"
    )
    living = add(commands, "city", city)
    living.add_argument("--people", type=_between(10, 100_000), default=1000)
    living.add_argument("--days", type=_between(1, 3660), default=30)
    living.add_argument("--seed", type=_between(0, 2**32), default=1, help="the same seed, the same acts")
    looking = add(commands, "bench-pages", bench_pages)
    looking.add_argument("--repeats", type=int, default=20, help="how often each page is asked for")
    looking.add_argument("--report", type=Path, default=None, metavar="FILE", help="a JSON file to write the figures into")
    crowding = add(commands, "bench-traffic", bench_traffic)
    crowding.add_argument("--minutes", type=float, default=2.0)
    crowding.add_argument("--institutions", type=int, default=50)
    crowding.add_argument("--families", type=int, default=400, help="of three people each")
    crowding.add_argument("--rate", type=float, default=RATE, help="messages a second, sent whether or not the last is answered")
    crowding.add_argument("--report", type=Path, default=None, metavar="FILE", help="a JSON file to write the figures into")


def _for_everybody(commands: Places) -> None:
    add(commands, "serve", serve)
    add(commands, "migrate", migrate)
    add(commands, "worker", worker)
    add(commands, "demo", demo).add_argument("--url", default=None, help="the gateway's address (default: the running one's)")
    explaining = add(commands, "explain", explain)
    explaining.add_argument("settlement", metavar="SETL_ID")
    explaining.add_argument("--json", action="store_true")
    coding = add(commands, "code", code)
    coding.add_argument("number", metavar="ID_NUMBER")
    coding.add_argument("--shown-by", default="", metavar="ID_NUMBER", help="a relative whose family account shows it")

    connecting = add(commands, "connections", connections)
    connecting.add_argument("what", choices=["list", "add", "change", "changed", "on", "off", "key"])
    connecting.add_argument("name", nargs="?", default="", metavar="INSTITUTION_OR_CONNECTION")
    connecting.add_argument("--transport", default="mulaid1")
    connecting.add_argument("--profile", default="mulaid1")
    connecting.add_argument("--public-key", default="", metavar="HEX", help="SM2, 128 digits")
    connecting.add_argument("--operators", default="", metavar="A,B", help="only these may act")
    lists = commands.add_parser("catalogue", help="lists that institutions download").add_subparsers(
        dest="catalogue", required=True, metavar="COMMAND"
    )
    loading = add(lists, "load", catalogue_load)
    loading.add_argument("file", type=Path, metavar="FILE", help="CSV with the columns list,code,name,valid_from,valid_to")
    loading.add_argument("--version", type=date.fromisoformat, metavar="YYYY-MM-DD", help="default: today")
    verifying = add(commands, "verify", verify)
    verifying.add_argument(
        "--anchors", type=Path, metavar="FILE", help="anchors kept elsewhere; default: those in the data folder"
    )
    verifying.add_argument("--json", action="store_true")
    crediting = add(commands, "credit", credit)
    crediting.add_argument("--month", metavar="YYYY-MM", help="default: the present month")
    crediting.add_argument("--again", action="store_true", help="look once more for who was left out of a month that is done")
    crediting.add_argument("--json", action="store_true")


def _for_makers_of_programs(commands: Places) -> None:
    playing = add(commands, "sandbox", sandbox)
    playing.add_argument("--port", type=int, default=8200)
    playing.add_argument("--people", type=Path, metavar="FILE", help="people in the format of the demo city's file")
    conforming = add(commands, "conform", conform)
    conforming.add_argument("--url", default="http://127.0.0.1:8200", help="the server's address (default: our sandbox)")
    conforming.add_argument("--profile", default="national", help="the connection profile to expect")
    conforming.add_argument("--subject", type=Path, metavar="FILE", help="institutions and people that the server knows")
    conforming.add_argument("--sandbox", default="", metavar="URL", help="a sandbox that shows codes")
    conforming.add_argument("--between", default="", metavar="COMMAND", help="what to run between each cut line and its repair")
    conforming.add_argument("--only", action="append", default=[], metavar="ID", help="only checks whose id begins so")
    for form in ("html", "junit", "json"):
        conforming.add_argument(f"--{form}", type=Path, metavar="FILE", help=f"write the report as {form}")


def _for_people_of_rules(commands: Places) -> None:
    packs = commands.add_parser("packs", help="the rules of regions").add_subparsers(
        dest="packs", required=True, metavar="COMMAND"
    )
    checking = add(packs, "check", packs_check)
    checking.add_argument("folder", nargs="?", type=Path, help="a folder of packs, or of one pack (default: the program's own)")
    checking.add_argument("--json", action="store_true")
    differing = add(packs, "diff", packs_diff)
    differing.add_argument("left", metavar="A", help="a region's number, a folder of packs, a pack's folder or pack.toml")
    differing.add_argument("right", metavar="B")
    differing.add_argument(
        "--at", type=date.fromisoformat, help="the values in force on this day (folders without it: all dates)"
    )
    differing.add_argument("--json", action="store_true")
    showing = add(packs, "show", packs_show)
    showing.add_argument("region")
    showing.add_argument("--at", type=date.fromisoformat)
    showing.add_argument("--packs", type=Path, metavar="FOLDER", help="packs laid over the program's own")
    showing.add_argument("--json", action="store_true")
    cases = commands.add_parser("cases", help="worked examples").add_subparsers(dest="cases", required=True, metavar="COMMAND")
    running = add(cases, "run", cases_run)
    running.add_argument("files", nargs="+", type=Path, metavar="FILE")
    running.add_argument("--packs", type=Path, metavar="FOLDER", help="packs laid over the program's own (law only)")
    running.add_argument("--through", choices=("law", "gateway"), default="law")
    trying = add(commands, "simulate", simulate)
    trying.add_argument("packs", type=Path, help="a pack.toml's folder, or a folder of such, in place of what is in force")
    trying.add_argument("--bills", type=Path, metavar="FILE", help="JSON lines of person and facts (else: settlements here)")
    trying.add_argument("--json", action="store_true")


def _between(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number of a range; argparse tells everything else with the range."""

    def number(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or len(text) > 12 or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; trouble an operator can mend is one sentence and exit code 2."""
    from mulaid.crypto import BadKeyFile
    from mulaid.postgres import PostgresTrouble
    from mulaid.schema import SchemaTrouble
    from mulaid.serve import ServeTrouble

    given = parser().parse_args(arguments)
    try:
        return int(given.work(given))
    except (SettingTrouble, PostgresTrouble, SchemaTrouble, ServeTrouble, PackTrouble, BadKeyFile, FileNotFoundError) as trouble:
        sys.stderr.write(f"mulaid: {trouble}\n")
        return 2
    except Refusal as refusal:
        sys.stderr.write(f"mulaid: {refusal.sentence}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
