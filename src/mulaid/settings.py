"""Settings: read once from the environment by a door, then handed on as a value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROFILES = ("demo", "test", "production")


class SettingTrouble(Exception):
    """A setting cannot be used; the message names the variable and what it takes. For the operator, in English."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where data, database and doors are. `profile` demo labels everything simulated; production refuses to start with it.

    `outside` holds all variables of ours, secrets among them: each port to a party outside the building checks its own.
    """

    data: Path
    database_url: str | None
    web_port: int
    gateway_port: int
    gateway_workers: int
    profile: str
    gateway_threads: int = 4
    hosts: tuple[str, ...] = ()
    gateway: str = ""
    outside: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def keys_path(self) -> Path:
        """The key-encryption keys: never inside the database."""
        return self.data / "keys"

    @property
    def anchors_path(self) -> Path:
        """The newest sealed blocks, hour by hour: copied to other machines, they tell of a database that was taken back."""
        return self.data / "anchors.jsonl"

    @property
    def database(self) -> str:
        """The database's address, for a process that starts none itself; SettingTrouble where nothing says it."""
        if not self.database_url:
            raise SettingTrouble("MULAID_DATABASE_URL is not set; this process needs a database that is up and migrated")
        return self.database_url

    @property
    def gateway_url(self) -> str:
        """Where the till of a demonstration finds the gateway."""
        return self.gateway or f"http://127.0.0.1:{self.gateway_port}"

    @property
    def allows_test_people(self) -> bool:
        """Whether identity numbers of the never-assigned area 100000 are accepted."""
        return self.profile != "production"


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process; raises SettingTrouble for a value that cannot be meant."""
    profile = environment.get("MULAID_PROFILE", "demo")
    if profile not in PROFILES:
        raise SettingTrouble(f"MULAID_PROFILE is {profile!r}; it takes one of {', '.join(PROFILES)}")
    return Settings(
        data=Path(environment.get("MULAID_DATA") or ".data").absolute(),
        database_url=environment.get("MULAID_DATABASE_URL") or None,
        web_port=_whole(environment, "MULAID_WEB_PORT", 8000, 65535),
        gateway_port=_whole(environment, "MULAID_GATEWAY_PORT", 8100, 65535),
        gateway_workers=_whole(environment, "MULAID_GATEWAY_WORKERS", 2, 64),
        gateway_threads=_whole(environment, "MULAID_GATEWAY_THREADS", 4, 64),
        profile=profile,
        hosts=tuple(environment.get("MULAID_HOSTS", "").split()),
        gateway=environment.get("MULAID_GATEWAY_URL", ""),
        outside={name: value for name, value in environment.items() if name.startswith("MULAID_")},
    )


def _whole(environment: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= most):
        raise SettingTrouble(f"{name} is {text!r}; it takes a whole number from 1 to {most}")
    return int(text)
