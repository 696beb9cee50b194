"""The report of a run: a page for people, JUnit and JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mulaid.conform.kit import FAILED, PASSED, SKIPPED, Report

STYLE = """
body { font: 16px/1.5 -apple-system, "PingFang SC", "Noto Sans CJK SC", "Microsoft YaHei", system-ui, sans-serif; margin: 0 auto;
       max-width: 72rem; padding: 1rem; color: #1c2430; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #d5dbe3; vertical-align: top }
.passed { color: #0b6b3a } .failed { color: #a3201d; font-weight: 600 } .skipped { color: #6a5000 }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; white-space: nowrap }
"""
SIGNS = {PASSED: "✓ passed", FAILED: "✗ failed", SKIPPED: "– skipped"}


def as_plain(report: Report) -> dict[str, Any]:
    """The report as JSON types."""
    return {
        "url": report.subject.url,
        "profile": report.subject.profile.name,
        "passed": report.count(PASSED),
        "failed": report.count(FAILED),
        "skipped": report.count(SKIPPED),
        "checks": [
            {
                "id": result.check.id,
                "says": result.check.says,
                "outcome": result.outcome,
                "why": result.why,
                "milliseconds": int(result.seconds * 1000),
            }
            for result in report.results
        ],
    }


def as_json(report: Report) -> str:
    """For programs."""
    return json.dumps(as_plain(report), ensure_ascii=False, indent=2) + "\n"


def as_junit(report: Report) -> str:
    """For build servers."""
    suite = ElementTree.Element(
        "testsuite",
        name=f"conform {report.subject.profile.name}",
        tests=str(len(report.results)),
        failures=str(report.count(FAILED)),
        skipped=str(report.count(SKIPPED)),
    )
    for result in report.results:
        case = ElementTree.SubElement(
            suite, "testcase", classname=result.check.id.partition(".")[0], name=result.check.id, time=f"{result.seconds:.3f}"
        )
        if result.outcome == FAILED:
            ElementTree.SubElement(case, "failure", message=result.why[:500]).text = result.check.says
        elif result.outcome == SKIPPED:
            ElementTree.SubElement(case, "skipped", message=result.why[:500])
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def as_html(report: Report) -> str:
    """For people: what failed comes first."""
    order = {FAILED: 0, SKIPPED: 1, PASSED: 2}
    rows = [
        f'<tr><td class="{result.outcome}">{SIGNS[result.outcome]}</td><td><code>{escape(result.check.id)}</code></td>'
        f"<td>{escape(result.check.says)}{'<br>' + escape(result.why) if result.why else ''}</td></tr>"
        for result in sorted(report.results, key=lambda result: order[result.outcome])
    ]
    counts = f"{report.count(PASSED)} passed, {report.count(FAILED)} failed, {report.count(SKIPPED)} skipped"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Conformance</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body><main>'
        f"<h1>Conformance of {escape(report.subject.url)}</h1><p>Profile {escape(report.subject.profile.name)}: "
        f"{escape(report.subject.profile.title)}</p><p>{counts}</p>"
        "<table><thead><tr><th>Outcome</th><th>Check</th><th>What programs rely on</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
        "</main></body></html>\n"
    )


FORMS: dict[str, Callable[[Report], str]] = {"html": as_html, "junit": as_junit, "json": as_json}


def keep(report: Report, paths: dict[str, Path | None]) -> None:
    """Write the wanted forms to their files."""
    for form, path in paths.items():
        if path is not None:
            path.write_text(FORMS[form](report), "utf-8")
