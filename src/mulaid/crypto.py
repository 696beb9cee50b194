"""Sealed fields and blind indexes: what a stolen copy of the database cannot read.

Every key is derived from a key-encryption key that lives outside the database, in a file of one line a key:
its number (1 to 65535) and 64 hexadecimal digits. Rotation is a new line with a higher number: new values are sealed
with it, old values name the number they were sealed with. A file of exactly 32 raw bytes is key number 1.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

KEY_BYTES = 32
KID_BYTES = 2
NONCE_BYTES = 12
TAG_BYTES = 16
_BODY = KID_BYTES + NONCE_BYTES

_LINE = re.compile(r"([1-9][0-9]{0,4}) ([0-9a-f]{64})", re.ASCII)


class BadKeyFile(Exception):
    """The key file cannot be used; the program must not start with it."""


class BrokenSeal(Exception):
    """A sealed value is not what was sealed in this place: moved, altered, or from under a key that we do not hold.

    Never an answer for a reader: somebody has touched the database, or it was started with the wrong key file.
    """


class Keys:
    """All keys of one deployment. Safe to share between threads; shows nothing of itself in logs."""

    __slots__ = ("_blinds", "_masters", "_seals", "current", "first")

    def __init__(self, masters: Mapping[int, bytes]) -> None:
        if not masters or any(not 0 < kid < 1 << 8 * KID_BYTES for kid in masters):
            raise BadKeyFile("the key file needs at least one key, numbered 1 to 65535")
        if any(len(master) != KEY_BYTES for master in masters.values()):
            raise BadKeyFile("every key must have 32 bytes")
        self._masters = dict(masters)
        self._seals: dict[tuple[str, int], AESGCM] = {}
        self._blinds: dict[tuple[str, int], bytes] = {}
        self.current = max(masters)
        self.first = min(masters)

    def __repr__(self) -> str:
        return f"Keys(fingerprint={self.fingerprint()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys never leave the process")

    @classmethod
    def load(cls, path: Path) -> Keys:
        """The keys of a file; BadKeyFile if others may read it or its group may change it, OSError if it is missing."""
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(1 << 20)
        # Group may read: systemd hands credentials over with an ACL, which shows up as a group bit.
        if mode & 0o027:
            raise BadKeyFile(f"{path} is open to other users of this machine; run: chmod 600 {path}")
        return cls({1: raw} if len(raw) == KEY_BYTES else _parse(raw))

    @classmethod
    def create(cls, path: Path) -> Keys:
        """A new file with one random key, readable by its owner only; FileExistsError rather than replacing a key.

        For the first start only: with a new key, a database that already holds people can be neither read nor searched.
        """
        master = secrets.token_bytes(KEY_BYTES)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(f"1 {master.hex()}\n")
                file.flush()
                os.fsync(file.fileno())
            # A link, not a rename: of processes that start together one wins, and no one ever sees half a file.
            os.link(draft, path)
        finally:
            draft.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return cls({1: master})

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that tell this file's first key from any other and reveal nothing of it.

        Kept in the database and compared at start: with a wrong file, blind indexes would let a person in twice.
        """
        return self._derive("fingerprint", "", self.first)[:8].hex()

    def seal(self, purpose: str, context: str, plaintext: bytes | str) -> bytes:
        """A value that opens only for the same purpose in the same place; `context` is "table|column|row id".

        kid (2 bytes) + nonce (12) + ciphertext + tag (16). Nonces are random: at most 2**32 values a purpose and key.
        """
        kid = self.current.to_bytes(KID_BYTES, "big")
        nonce = secrets.token_bytes(NONCE_BYTES)
        clear = plaintext.encode() if isinstance(plaintext, str) else plaintext
        return kid + nonce + self._cipher(purpose, self.current).encrypt(nonce, clear, context.encode() + b"|" + kid)

    def open(self, purpose: str, context: str, sealed: bytes) -> bytes:
        """What was sealed for this purpose and context; raises BrokenSeal for anything else."""
        sealed = bytes(sealed)
        if len(sealed) < _BODY + TAG_BYTES:
            raise BrokenSeal(f"{context}: too short to be a sealed value")
        kid, nonce, rest = sealed[:KID_BYTES], sealed[KID_BYTES:_BODY], sealed[_BODY:]
        if kid_of(sealed) not in self._masters:
            raise BrokenSeal(f"{context}: sealed with key {kid_of(sealed)}, which the key file does not hold")
        try:
            return self._cipher(purpose, kid_of(sealed)).decrypt(nonce, rest, context.encode() + b"|" + kid)
        except InvalidTag:
            raise BrokenSeal(f"{context}: altered, moved, or sealed with other keys") from None

    def open_text(self, purpose: str, context: str, sealed: bytes) -> str:
        """The text that was sealed for this purpose and context; raises BrokenSeal for anything else."""
        return self.open(purpose, context, sealed).decode()

    def blind(self, purpose: str, canonical: str, kid: int | None = None) -> bytes:
        """32 bytes by which an equal canonical value is found again, and which tell nothing without the key.

        The first key unless `kid` says otherwise: an index does not name its key, so a new line in the key file must
        not change it. An index is rotated by a second column filled with the new `kid`.
        """
        kid = self.first if kid is None else kid
        key = self._blinds.get((purpose, kid))
        if key is None:
            key = self._blinds[purpose, kid] = self._derive("blind", purpose, kid)
        return hmac.digest(key, canonical.encode(), "sha256")

    def _cipher(self, purpose: str, kid: int) -> AESGCM:
        cipher = self._seals.get((purpose, kid))
        if cipher is None:
            cipher = self._seals[purpose, kid] = AESGCM(self._derive("seal", purpose, kid))
        return cipher

    def _derive(self, use: str, purpose: str, kid: int) -> bytes:
        label = f"mulaid|1|{use}|{kid}|{purpose}".encode()
        # The master is 32 uniformly random bytes, so the extract half of HKDF would add nothing (RFC 5869, 3.3).
        return HKDFExpand(algorithm=SHA256(), length=KEY_BYTES, info=label).derive(self._masters[kid])


def kid_of(sealed: bytes) -> int:
    """The number of the key that a value was sealed with: a re-sealing job takes what is below `Keys.current`."""
    return int.from_bytes(sealed[:KID_BYTES], "big")


def digest(content: bytes) -> bytes:
    """SHA-256, for content that is not secret or too long to be guessed; never for numbers of people."""
    return hashlib.sha256(content).digest()


def same(one: bytes, other: bytes) -> bool:
    """Whether two secrets are equal, in a time that does not tell how much of them is."""
    return hmac.compare_digest(one, other)


def _parse(raw: bytes) -> dict[int, bytes]:
    masters: dict[int, bytes] = {}
    for place, line in enumerate(raw.split(b"\n"), 1):
        if not line:
            continue
        match = _LINE.fullmatch(line.decode("ascii", "replace"))
        # The line itself is never quoted: it may be a key with one character wrong.
        if not match:
            raise BadKeyFile(f"line {place} of the key file is not a number, one space and 64 hexadecimal digits")
        if int(match[1]) in masters:
            raise BadKeyFile(f"line {place} of the key file repeats key {match[1]}")
        masters[int(match[1])] = bytes.fromhex(match[2])
    return masters
