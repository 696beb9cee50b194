"""Faults that a script orders: which message goes wrong, and how. Each entry is used up by the messages it was meant for."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mulaid.refusal import Refusal, catalogue

KINDS = {
    "lose_answer": "carried out and committed, then the connection is cut without an answer",
    "drop": "the connection is cut before anything is carried out",
    "delay": "carried out, the answer comes `seconds` late",
    "twice": "delivered twice at the same moment; the first answer is returned",
    "status": "not carried out; HTTP `status` (429, 500, 502, 503) with an empty body",
    "status_after": "carried out and committed; HTTP `status` with an empty body",
    "refuse": "not carried out; refused with `code` of the catalogue, such as message.wrong_area",
    "clock_off": "the server's clock is `hours` off for this message",
    "empty_account": "before it is carried out, the account of `number` is emptied",
    "end_relation": "before it is carried out, the authorisation by which `giver` helps `receiver` is ended",
}
NEEDS = {
    "delay": ("seconds",),
    "status": ("status",),
    "status_after": ("status",),
    "refuse": ("code",),
    "clock_off": ("hours",),
    "empty_account": ("number",),
    "end_relation": ("giver", "receiver"),
}
STATUSES = (429, 500, 502, 503)
LONGEST_DELAY, MOST_HOURS, MOST_ENTRIES = 120, 24 * 366, 200


@dataclass(slots=True)
class Fault:
    """One ordered fault: of messages with this `infno` (any, when empty) the `skip` first pass, the next `times` meet it."""

    do: str
    infno: str = ""
    skip: int = 0
    times: int = 1
    given: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As it was ordered, with what is left of it."""
        return {"do": self.do, "infno": self.infno, "skip": self.skip, "times": self.times, **self.given}


def read(row: object) -> Fault:
    """One entry of a script; refuses sandbox.bad_fault with what is wrong."""
    if not isinstance(row, dict) or row.get("do") not in KINDS:
        raise Refusal("sandbox.bad_fault", about=f"do 应为 {'、'.join(KINDS)} 之一")
    do = str(row["do"])
    given = {name: row[name] for name in NEEDS.get(do, ()) if name in row}
    if strange := set(row) - {"do", "infno", "skip", "times", *NEEDS.get(do, ())}:
        raise Refusal("sandbox.bad_fault", about=f"{do} 没有 {'、'.join(sorted(map(str, strange)))}")
    if missing := [name for name in NEEDS.get(do, ()) if name not in given]:
        raise Refusal("sandbox.bad_fault", about=f"{do} 缺少 {'、'.join(missing)}")
    fault = Fault(do, str(row.get("infno", "")), _count(row, "skip", 0), _count(row, "times", 1), given)
    _check_given(fault)
    return fault


def _count(row: Mapping[str, Any], name: str, usual: int) -> int:
    value = row.get(name, usual)
    if type(value) is not int or not 0 <= value <= 1_000_000:
        raise Refusal("sandbox.bad_fault", about=f"{name} 应为 0 到 1000000 的整数")
    return value


def _check_given(fault: Fault) -> None:
    given = fault.given
    limits = {"seconds": LONGEST_DELAY, "hours": MOST_HOURS}
    for name, most in limits.items():
        if name in given and (type(given[name]) is not int or not -most <= given[name] <= most):
            raise Refusal("sandbox.bad_fault", about=f"{name} 应为整数，最多 {most}")
    if fault.do == "delay" and given["seconds"] < 0:
        raise Refusal("sandbox.bad_fault", about="seconds 不能小于 0")
    if "status" in given and given["status"] not in STATUSES:
        raise Refusal("sandbox.bad_fault", about=f"status 应为 {'、'.join(map(str, STATUSES))} 之一")
    if "code" in given and given["code"] not in catalogue():
        raise Refusal("sandbox.bad_fault", about="code 不在拒绝目录（docs/refusals.md）里")


class Script:
    """The faults that are still to come; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def order(self, rows: object) -> None:
        """Replace what was ordered; an empty list orders nothing. Refuses a script with a wrong entry whole."""
        if not isinstance(rows, list) or len(rows) > MOST_ENTRIES:
            raise Refusal("sandbox.bad_fault", about=f"应为最多 {MOST_ENTRIES} 项的列表")
        faults = [read(row) for row in rows]
        with self._lock:
            self._faults = faults

    def meet(self, infno: str) -> list[Fault]:
        """The faults that this message meets, used up by it."""
        met = []
        with self._lock:
            for fault in self._faults:
                if fault.infno not in ("", infno) or not fault.times:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                met.append(Fault(fault.do, infno, 0, 1, fault.given))
            self._faults = [fault for fault in self._faults if fault.times]
        return met

    def waiting(self) -> list[dict[str, Any]]:
        """What is still to come."""
        with self._lock:
            return [fault.as_json() for fault in self._faults]
