"""What each parameter is called in Chinese and what it means: one place for the document, the commands and the explanations."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Entry:
    """One parameter: the chapter of docs/packs.md it stands in, its Chinese name, its meaning in English."""

    chapter: str
    zh: str
    means: str


@cache
def reference() -> Mapping[str, Entry]:
    """Every parameter by name, in the order of the document; the words live in `reference.toml`."""
    raw = tomllib.loads(resources.files("mulaid.policy").joinpath("reference.toml").read_text("utf-8"))
    return {
        name: Entry(chapter, entry["zh"], entry["means"]) for chapter, entries in raw.items() for name, entry in entries.items()
    }
