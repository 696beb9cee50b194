"""Connections of institutions: made with a secret that is shown once, given a second one for a change-over, switched off."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from mulaid import audit
from mulaid.db import Tx
from mulaid.gateway.auth import API_KEY, CAINFO, CSB, HMAC_SM3, MULAID1, OAUTH, OPEN, SEALED, TIF
from mulaid.gateway.dialect import profiles
from mulaid.refusal import Refusal
from mulaid.settlement.visit import find_institution

TRANSPORTS = (OPEN, MULAID1, CSB, TIF, HMAC_SM3, API_KEY, OAUTH, CAINFO, SEALED)
UNSIGNED = (OPEN, CAINFO)
NEEDS_PUBLIC_KEY = (OAUTH, SEALED)


@dataclass(frozen=True, slots=True)
class Listed:
    """A connection without its secrets."""

    id: str
    institution: str
    transport: str
    profile: str
    enabled: bool
    changing: bool
    operators: tuple[str, ...] | None


def make(
    tx: Tx,
    institution: str,
    transport: str,
    profile: str,
    *,
    public_key: str = "",
    operators: Sequence[str] = (),
    per_minute: int | None = None,
) -> tuple[str, str]:
    """A new connection: its id, and its secret, which cannot be shown again; none for transports without one.

    Refuses an unknown institution, transport or profile, and a public key that is missing or none.
    """
    found = find_institution(tx, institution)
    if found is None:
        raise Refusal("connection.unknown_institution", given=institution[:20])
    if transport not in TRANSPORTS or profile not in profiles():
        raise Refusal("connection.unknown_kind", transport=transport[:20], profile=profile[:20])
    # The programs of the OAuth transport use the id as a key of sixteen bytes.
    name = secrets.token_hex(8)
    secret = "" if transport in UNSIGNED else secrets.token_hex(16)
    tx.run(
        "insert into client (id, institution, transport, profile, secret, public_key, operators, per_minute) values"
        " (%(id)s, %(institution)s, %(transport)s, %(profile)s, %(secret)s, %(public_key)s, %(operators)s, %(per_minute)s)",
        id=name,
        institution=institution,
        transport=transport,
        profile=profile,
        secret=_sealed(tx, name, secret) if secret else None,
        public_key=_key(public_key, needed=transport in NEEDS_PUBLIC_KEY),
        operators=list(operators) or None,
        per_minute=per_minute,
    )
    audit.write(
        tx, found.book, "make_connection", None, purpose=transport, detail={"connection": name, "institution": institution}
    )
    return name, secret


def begin_change(tx: Tx, name: str, public_key: str = "") -> str:
    """A second secret beside the first, or a second public key; both count until the change ends. The new secret."""
    one = _one(tx, name)
    secret = "" if one.transport in UNSIGNED else secrets.token_hex(16)
    tx.run(
        "update client set next_secret = %(secret)s, next_public_key = %(key)s where id = %(id)s",
        secret=_sealed(tx, name, secret) if secret else None,
        key=_key(public_key, needed=False),
        id=name,
    )
    _note(tx, one, "begin_key_change")
    return secret


def end_change(tx: Tx, name: str) -> None:
    """Only the second secret and key count from now on; refuses a connection that is not changing."""
    one = _one(tx, name)
    changed = tx.run(
        "update client set secret = coalesce(next_secret, secret), next_secret = null,"
        " public_key = coalesce(next_public_key, public_key), next_public_key = null"
        " where id = %(id)s and (next_secret is not null or next_public_key is not null)",
        id=name,
    )
    if not changed:
        raise Refusal("connection.not_changing")
    _note(tx, one, "end_key_change")


def switch(tx: Tx, name: str, *, on: bool) -> None:
    """A connection that is off lets nobody in; running programs notice within ten seconds."""
    one = _one(tx, name)
    tx.run("update client set enabled = %(on)s where id = %(id)s", on=on, id=name)
    _note(tx, one, "connection_on" if on else "connection_off")


def listed(tx: Tx, institution: str = "") -> list[Listed]:
    """Every connection, of one institution or of all."""
    rows = tx.all(
        "select id, institution, transport, profile, enabled, operators,"
        " next_secret is not null or next_public_key is not null as changing from client"
        " where %(institution)s = '' or institution = %(institution)s order by institution, id",
        institution=institution,
    )
    return [Listed(**{**row, "operators": tuple(row["operators"]) if row["operators"] is not None else None}) for row in rows]


def _one(tx: Tx, name: str) -> Listed:
    found = next((one for one in listed(tx) if one.id == name), None)
    if found is None:
        raise Refusal("connection.unknown")
    return found


def _note(tx: Tx, one: Listed, act: str) -> None:
    institution = find_institution(tx, one.institution)
    assert institution is not None, "a connection has an institution"
    audit.write(tx, institution.book, act, None, purpose=one.transport, detail={"connection": one.id})


def _key(text: str, *, needed: bool) -> bytes | None:
    """An SM2 public key of 128 hexadecimal digits, with or without the leading 04."""
    if not text and not needed:
        return None
    digits = text.lower().removeprefix("04") if len(text) == 130 else text.lower()
    if not re.fullmatch(r"[0-9a-f]{128}", digits, re.ASCII):
        raise Refusal("connection.bad_key")
    return bytes.fromhex(digits)


def _sealed(tx: Tx, name: str, secret: str) -> bytes:
    return tx.keys.seal("client", f"client|secret|{name}", secret)
