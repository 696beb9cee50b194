"""Papers: pictures that prove something, from a phone or the counter to a clerk's screen.

The way in: limits before reading, a process of its own that draws the picture anew, a key of its own for the file, a random name
in the store, and only then a row. The way out: a link for one member of staff, one session, one picture, one minute, once.
Nothing of a picture is kept in clear, and 90 days after the decision nobody has its key.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mulaid import audit, refs
from mulaid.agency import picture
from mulaid.agency.staff import SQL
from mulaid.calendar import stamp
from mulaid.crypto import NONCE_BYTES, BrokenSeal, Keys, digest
from mulaid.db import Row, Tx
from mulaid.outside.storage import Storage
from mulaid.people import allowance
from mulaid.people.application import PAPER_NAMES
from mulaid.people.enrolment import PersonRef
from mulaid.refusal import Refusal

LARGEST, MOST_FILES = 8 << 20, 6
DAILY_FILES, DAILY_BYTES = 30, 100 << 20
SECONDS, LINK, KEPT = 10, timedelta(seconds=60), timedelta(days=90)
SETTLED = timedelta(days=1)
"""After so long a file in the store has its row, or never gets one."""
KINDS = {
    **PAPER_NAMES,
    "marriage_certificate": "结婚证",
    "residence_permit": "居住证",
    "referral": "转诊证明",
    "death_certificate": "死亡证明",
    "guardianship": "监护关系证明",
    "other": "其他材料",
}
IDENTITY = frozenset({"id_card", "identity_document"})
GUARDIANSHIP = frozenset({"guardianship", "household_register", "birth_certificate", "kinship_proof"})
"""What says who a guardian is, and whose."""
SAME_PICTURE = "same_picture"
_WORKERS = threading.BoundedSemaphore(2)
_OTHERS = {
    b"%PDF": "PDF 文件",
    b"PK\x03\x04": "压缩包或办公文档",
    b"GIF8": "GIF 图片",
    b"RIFF": "WebP 图片或视频",
    b"BM": "BMP 图片",
    b"<": "网页或 SVG 文件",
    b"II*\x00": "TIFF 图片",
    b"MM\x00*": "TIFF 图片",
}


@dataclass(frozen=True, slots=True)
class Paper:
    """A picture that was cleaned and sealed, before or after it got its row."""

    id: UUID
    name: str
    sealed: bytes = field(repr=False)
    key: bytes = field(repr=False)
    picture: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """A paper as a case lists it."""

    id: UUID
    kind: str
    given_at: datetime
    bytes: int
    gone: bool

    @property
    def says(self) -> str:
        """What it is, in Chinese."""
        return KINDS[self.kind]


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link led to: enough to fetch and open the file outside of the transaction."""

    paper: UUID
    name: str
    key: bytes = field(repr=False)
    words: str


def admit(tx: Tx, giver: PersonRef, about: UUID, size: int) -> None:
    """Before anything is read: refuses a file over 8 MiB, a seventh one, and what is over the giver's daily budget."""
    if not 0 < size <= LARGEST:
        raise Refusal("evidence.too_large", most=LARGEST >> 20)
    if len(tx.all(SQL.places, book=refs.book_of(about), about=about)) >= MOST_FILES:
        raise Refusal("evidence.too_many", most=MOST_FILES)
    if not allowance.use(tx, f"papers:{giver.id}", DAILY_FILES) or not allowance.use(
        tx, f"papers:{giver.id}:bytes", DAILY_BYTES, size
    ):
        raise Refusal("evidence.too_many_today")


def prepare(keys: Keys, book: int, at: datetime, raw: bytes) -> Paper:
    """Clean a picture and seal it under a key and a name of its own; no transaction may be open, this takes a moment.

    Refuses what is too large, no JPEG or PNG, broken, a bomb, and when too many are being looked at.
    """
    if not 0 < len(raw) <= LARGEST:
        raise Refusal("evidence.too_large", most=LARGEST >> 20)
    fresh = _in_a_process(["clean"], raw)
    ref, key, nonce = refs.mint(book, at), AESGCM.generate_key(256), secrets.token_bytes(NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, fresh, _context(ref))
    return Paper(ref, secrets.token_hex(32), sealed, key, keys.blind("picture", digest(fresh).hex()))


def record(tx: Tx, paper: Paper, about: UUID, kind: str, person: PersonRef, giver: PersonRef) -> Sequence[str]:
    """The row of a paper that is in the store; signals for whoever decides, such as the same picture given for somebody else.

    `about` is the application or case, `person` whom the paper is about. Refuses an unknown kind, the same picture twice in one
    application, and a seventh file.
    """
    if kind not in KINDS:
        raise Refusal("evidence.bad_kind")
    seen = tx.all(SQL.picture_seen, picture=paper.picture)
    if any(row["about"] == about for row in seen):
        raise Refusal("evidence.twice")
    book = refs.book_of(about)
    for _ in range(MOST_FILES):
        others = tx.all(SQL.places, book=book, about=about)
        place, file = 1 + max((row["place"] for row in others), default=0), next((row["file"] for row in others), None)
        if place > MOST_FILES:
            raise Refusal("evidence.too_many", most=MOST_FILES)
        added = tx.run(
            SQL.add_paper,
            book=book,
            id=paper.id,
            about=about,
            place=place,
            file=file,
            kind=kind,
            person=person.id,
            given_by=giver.id,
            name=paper.name,
            key=tx.keys.seal("paper", f"paper|key|{paper.id}", paper.key),
            picture=paper.picture,
            bytes=len(paper.sealed),
            at=tx.at,
        )
        if added:
            break
    else:
        raise Refusal("evidence.too_many", most=MOST_FILES)
    tx.run(SQL.add_seen, picture=paper.picture, paper=paper.id, about=about, person=person.id)
    audit.write(tx, book, "give_paper", about, behalf_of=giver.id, detail={"kind": kind})
    return signals(tx, [about])


def signals(tx: Tx, abouts: Sequence[UUID]) -> Sequence[str]:
    """What a look over all papers of an application says: the same picture was given for another person."""
    for about in abouts:
        for row in tx.all(SQL.papers_of, book=refs.book_of(about), abouts=[about]):
            if any(other["person"] != row["person"] for other in tx.all(SQL.picture_seen, picture=row["picture"])):
                return (SAME_PICTURE,)
    return ()


def papers_of(tx: Tx, *abouts: UUID) -> list[Shown]:
    """The papers of an application and its case, in the order they were given."""
    rows = [row for about in dict.fromkeys(abouts) for row in tx.all(SQL.papers_of, book=refs.book_of(about), abouts=[about])]
    return [Shown(row["id"], row["kind"], row["given_at"], row["bytes"], row["deleted_at"] is not None) for row in rows]


def basis(tx: Tx, *abouts: UUID) -> list[str]:
    """What the papers of a case are at this moment, for the digest that a decision rests on."""
    rows = [row for about in dict.fromkeys(abouts) for row in tx.all(SQL.papers_of, book=refs.book_of(about), abouts=[about])]
    return sorted(f"{row['id']}:{row['picture'].hex()}" for row in rows)


def link(tx: Tx, paper: UUID, reader: str, session: str) -> str:
    """A link to one picture for one reader in one session, for sixty seconds, once. Whether the reader may is asked before.

    Refuses a paper that is not there or was deleted.
    """
    if _paper(tx, paper)["key"] is None:
        raise Refusal("evidence.deleted")
    token = secrets.token_urlsafe(32)
    tx.run(
        SQL.add_link,
        hash=digest(token.encode()),
        paper=paper,
        reader=reader,
        session=_session(tx, session),
        expires_at=tx.at + LINK,
    )
    return token


def use_link(tx: Tx, token: str, reader: str, session: str) -> Opened:
    """Follow a link: of many at once one gets through, and the reading is in the audit trail before anything is shown.

    Refuses an unknown, used, expired or other person's link in the same words.
    """
    row = tx.one(SQL.use_link, hash=digest(token.encode()), reader=reader, session=_session(tx, session), at=tx.at)
    if row is None:
        raise Refusal("evidence.bad_link")
    paper = _paper(tx, row["paper"])
    if paper["key"] is None:
        raise Refusal("evidence.deleted")
    audit.write(tx, paper["book"], "read_paper", paper["id"], behalf_of=paper["person"])
    key = tx.keys.open("paper", f"paper|key|{paper['id']}", paper["key"])
    return Opened(paper["id"], paper["name"], key, f"{reader} {stamp(tx.at)}")


def read(storage: Storage, opened: Opened) -> bytes:
    """The picture as JPEG with reader and time across it; called after the transaction of `use_link`."""
    sealed = storage.get(opened.name)
    try:
        clear = AESGCM(opened.key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _context(opened.paper))
    except (InvalidTag, ValueError):
        raise BrokenSeal(f"paper {opened.paper}: the stored file is not the one that was put there") from None
    return _in_a_process(["mark", opened.words], clear)


def due_for_deletion(tx: Tx, book: int, most: int = 100) -> list[Row]:
    """Papers whose case ended, or that were given without a case, 90 days ago; none of a person who is in an open dispute."""
    old = tx.all(SQL.papers_given_before, book=book, moment=tx.at - KEPT)
    return [row for row in old if _over(tx, row)][:most]


def delete(tx: Tx, paper: UUID) -> None:
    """Throw the key away: from here on the file cannot be read, wherever copies of it are."""
    book = refs.book_of(paper)
    tx.run(SQL.delete_paper, book=book, id=paper, at=tx.at)
    audit.write(tx, book, "delete_paper", paper)


def without_row(tx: Tx, names: Sequence[str]) -> list[str]:
    """Of the files of these names those that no living paper speaks of: their row was refused after they were put."""
    known = {row["name"] for row in tx.all(SQL.papers_named, names=list(names))}
    return [name for name in names if name not in known]


def sweep_links(tx: Tx) -> None:
    """Drop links that are long over."""
    tx.run(SQL.drop_links, moment=tx.at - timedelta(days=1))


def _over(tx: Tx, paper: Row) -> bool:
    case = paper["file"] or paper["about"]
    row = tx.one(SQL.case_end, book=refs.book_of(case), id=case)
    if row is None:
        return True
    if row["ended_at"] is None or row["ended_at"] > tx.at - KEPT:
        return False
    return tx.one(SQL.open_dispute, book=refs.book_of(case), person=row["person"]) is None


def _paper(tx: Tx, paper: UUID) -> Row:
    row = tx.one(SQL.paper, book=refs.book_of(paper), id=paper)
    if row is None:
        raise Refusal("evidence.unknown")
    return row


def _context(paper: UUID) -> bytes:
    return f"paper|file|{paper}".encode()


def _session(tx: Tx, session: str) -> bytes:
    return tx.keys.blind("paper_session", session)


def _in_a_process(order: list[str], raw: bytes) -> bytes:
    """What the picture process makes of it. Two at a time: a flood of uploads must not take the site's memory."""
    if not _WORKERS.acquire(timeout=SECONDS):
        raise Refusal("evidence.busy")
    try:
        command = [sys.executable, "-I", "-m", picture.__name__, *order]
        done = subprocess.run(command, input=raw, capture_output=True, timeout=SECONDS, env={}, check=False)
    except subprocess.TimeoutExpired:
        raise Refusal("evidence.unreadable", what="这个文件") from None
    finally:
        _WORKERS.release()
    if done.returncode == 0 and done.stdout:
        return done.stdout
    if done.returncode == picture.REFUSED and done.stderr.decode("ascii", "replace") == picture.TOO_LARGE:
        raise Refusal("evidence.too_many_pixels", most=picture.MOST_PIXELS // 1_000_000)
    raise Refusal("evidence.unreadable", what=_sniffed(raw))


def _sniffed(raw: bytes) -> str:
    """What the file seems to be, only to say it; nothing rests on it."""
    if raw[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        return "HEIC 照片"
    return next((words for beginning, words in _OTHERS.items() if raw.lstrip()[: len(beginning)] == beginning), "这个文件")
