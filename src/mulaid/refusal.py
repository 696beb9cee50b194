"""Refusals: expected answers of the system, one catalogue for all doors.

A refusal is stored like any other answer, so a late duplicate can never succeed after somebody was told no.
The words live in `refusals.toml`: what is wrong, what to do next, and the HTTP status for our own API.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Words:
    """One entry of the catalogue: Chinese sentence, Chinese next step, HTTP status."""

    says: str
    next: str
    status: int


@cache
def catalogue() -> dict[str, Words]:
    """Every refusal the program can give, by its stable code."""
    raw = tomllib.loads(resources.files("mulaid").joinpath("refusals.toml").read_text("utf-8"))
    return {
        f"{area}.{name}": Words(entry["says"], entry["next"], entry.get("status", 409))
        for area, entries in raw.items()
        for name, entry in entries.items()
    }


class Refusal(Exception):
    """An expected no. `code` is stable, `says` and `next` are Chinese sentences for the person in front of the screen."""

    def __init__(self, code: str, **facts: object) -> None:
        words = catalogue()[code]
        self.code = code
        self.facts = facts
        self.says = words.says.format_map(facts)
        self.next = words.next.format_map(facts)
        self.status = words.status
        super().__init__(f"{code}: {self.says}")

    @property
    def sentence(self) -> str:
        """Both sentences in one line with the code: what a cashier's screen shows."""
        return f"{self.says}{self.next}〔{self.code}〕"
