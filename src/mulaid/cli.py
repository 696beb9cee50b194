"""`mulaid`: the commands a person types. Long work shows progress; `--json` where a program might read the answer."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from mulaid import __version__
from mulaid.calendar import business_date, wall_clock
from mulaid.policy.pack import Library, PackTrouble, library
from mulaid.refusal import Refusal
from mulaid.settings import SettingTrouble, from_environment


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
    from mulaid.demo import told

    return told.explain(from_environment(), arguments.settlement, say, as_json=arguments.json)


def code(arguments: argparse.Namespace) -> int:
    """show a made-up person's insurance code, as a phone would"""
    from mulaid.demo import phone

    return phone.show(from_environment(), arguments.number, arguments.shown_by, say)


def verify(arguments: argparse.Namespace) -> int:
    """check that books, statements and decisions agree; exit code 1 when something is wrong"""
    from mulaid.db import Actor, Database
    from mulaid.proof.verify import faults
    from mulaid.serve import installation

    with installation(from_environment(), lambda text: None) as installed:
        db = Database(installed.url, installed.keys, size=2)
        try:
            with db.reading(wall_clock(), Actor("verify", "cli")) as tx:
                found = list(faults(tx))
        finally:
            db.close()
    if arguments.json:
        say(json.dumps({"faults": found}, ensure_ascii=False))
    else:
        for fault in found:
            say(fault)
        say("the books are right" if not found else f"{len(found)} faults")
    return 1 if found else 0


def packs_check(arguments: argparse.Namespace) -> int:
    """read all packs and say exactly what is wrong with them"""
    try:
        sheets = Library(arguments.folder).sheets if arguments.folder else library().sheets
    except PackTrouble as trouble:
        say(str(trouble))
        return 1
    values = sum(len(rows) for sheet in sheets.values() for rows in sheet.dated.values())
    say(f"{len(sheets)} packs, {values} dated values, nothing wrong")
    return 0


def packs_show(arguments: argparse.Namespace) -> int:
    """print the values in force for a region on a date, with the layer and source of each"""
    on = arguments.at or business_date(wall_clock())
    pack = library().in_force(arguments.region, on)
    if arguments.json:
        say(pack.as_json())
        return 0
    say(f"{pack.region} {pack.name}, {on}, digest {pack.digest}")
    for name, value in sorted(pack.values.items()):
        layer = library().name(value.region)
        say(f"  {name} = {json.dumps(value.plain, ensure_ascii=False)}")
        say(f"      {layer}, since {value.since}, {value.confidence}: {value.source}")
    return 0


def cases_run(arguments: argparse.Namespace) -> int:
    """run worked examples, through the law alone or through the gateway over HTTP"""
    from mulaid.policy.cases import CaseTrouble

    try:
        if arguments.through == "gateway":
            from mulaid.proof.cases import run_through_gateway

            return run_through_gateway(from_environment(), arguments.files, say)
        return _run_pure(arguments.files)
    except CaseTrouble as trouble:
        say(str(trouble))
        return 2


def _run_pure(files: Sequence[Path]) -> int:
    from mulaid.policy.cases import read_cases, run

    passed = failed = 0
    for file in files:
        for case in read_cases(file):
            differences = [f"visit {place}: {line}" for place, lines in enumerate(run(case, library()), 1) for line in lines]
            say(f"{'ok  ' if not differences else 'FAIL'} {case.id} {case.title}")
            for line in differences:
                say(f"     {line}")
            passed, failed = passed + (not differences), failed + bool(differences)
    say(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def bench(arguments: argparse.Namespace) -> int:
    """measure settlements against pgbench's own script on the same PostgreSQL, and write bench.json"""
    from mulaid.proof.bench import run

    return run(say, rounds=arguments.rounds, seconds=arguments.seconds, clients=arguments.clients, profile=arguments.profile)


def parser() -> argparse.ArgumentParser:
    """Every command with its help."""
    whole = argparse.ArgumentParser(prog="mulaid", description="Whose money is charged, and by which rule?")
    whole.add_argument("--version", action="version", version=__version__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(
        place: argparse._SubParsersAction[argparse.ArgumentParser], name: str, work: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        made = place.add_parser(name, help=work.__doc__, description=work.__doc__)
        made.set_defaults(work=work)
        return made

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
    add(commands, "verify", verify).add_argument("--json", action="store_true")
    packs = commands.add_parser("packs", help="the rules of regions").add_subparsers(
        dest="packs", required=True, metavar="COMMAND"
    )
    add(packs, "check", packs_check).add_argument("folder", nargs="?", type=Path)
    showing = add(packs, "show", packs_show)
    showing.add_argument("region")
    showing.add_argument("--at", type=date.fromisoformat)
    showing.add_argument("--json", action="store_true")
    cases = commands.add_parser("cases", help="worked examples").add_subparsers(dest="cases", required=True, metavar="COMMAND")
    running = add(cases, "run", cases_run)
    running.add_argument("files", nargs="+", type=Path, metavar="FILE")
    running.add_argument("--through", choices=("law", "gateway"), default="law")
    measuring = add(commands, "bench", bench)
    measuring.add_argument("--rounds", type=int, default=5)
    measuring.add_argument("--seconds", type=float, default=6.0)
    measuring.add_argument("--clients", type=int, default=8)
    measuring.add_argument("--profile", action="store_true", help="say where the time of a settlement goes")
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; trouble an operator can mend is one sentence and exit code 2."""
    from mulaid.crypto import BadKeyFile
    from mulaid.postgres import PostgresTrouble
    from mulaid.schema import SchemaTrouble
    from mulaid.serve import ServeTrouble

    given = parser().parse_args(arguments)
    try:
        return int(given.work(given))
    except (SettingTrouble, PostgresTrouble, SchemaTrouble, ServeTrouble, PackTrouble, BadKeyFile) as trouble:
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
