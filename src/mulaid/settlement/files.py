"""Files of the interface: one text file in a zip, tab separated, `null` for empty, no header; kept sealed for thirty days."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mulaid import refs
from mulaid.db import Tx
from mulaid.refusal import Refusal
from mulaid.settlement.records import SQL
from mulaid.settlement.visit import Institution

FILE = "F"
KEPT = timedelta(days=30)
LARGEST_TEXT = 32 * 1024 * 1024
MOST_ROWS = 200_000
EMPTY = ("", "null", "NULL")
ZIP = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Filed:
    """A kept file."""

    id: UUID
    name: str
    content: bytes
    expires_at: datetime

    @property
    def number(self) -> str:
        """`file_qury_no`: what it is asked for by."""
        return refs.show(FILE, self.id)


def put(tx: Tx, institution: Institution, name: str, content: bytes) -> Filed:
    """Keep a file of an institution."""
    filed = Filed(refs.mint(institution.book, tx.at), name, content, tx.at + KEPT)
    tx.run(
        SQL.add_file,
        book=institution.book,
        id=filed.id,
        institution=institution.code,
        name=name,
        content=tx.keys.seal("file", f"exchange_file|content|{filed.id}", content),
        at=tx.at,
        until=filed.expires_at,
    )
    return filed


def get(tx: Tx, institution: Institution, number: str) -> Filed:
    """A file by its number. Refuses in the same words what is not there, is another institution's, or is over."""
    ref = refs.parse(FILE, number)
    row = tx.one(SQL.file, book=institution.book, id=ref, institution=institution.code)
    if row is None or row["expires_at"] <= tx.at:
        raise Refusal("files.unknown")
    return Filed(ref, row["name"], tx.keys.open("file", f"exchange_file|content|{ref}", row["content"]), row["expires_at"])


def owner(tx: Tx, number: str) -> str:
    """The institution that a file was made for; refuses files.unknown."""
    ref = refs.parse(FILE, number)
    row = tx.one(SQL.file_owner, book=refs.book_of(ref), id=ref)
    if row is None:
        raise Refusal("files.unknown")
    return str(row["institution"])


def books_to_sweep(tx: Tx) -> list[int]:
    """Books that hold files whose time is over."""
    return [row["book"] for row in tx.all(SQL.books_with_files, at=tx.at)]


def sweep(tx: Tx, book: int) -> int:
    """Take the files out of a book whose time is over; how many."""
    return tx.run(SQL.drop_files, book=book, at=tx.at)


def pack(name: str, rows: Iterable[Sequence[str | None]], at: datetime) -> bytes:
    """Rows as a zip with one text file of that name; the same rows give the same bytes."""
    text = "".join("\t".join("null" if cell is None else _cell(cell) for cell in row) + "\r\n" for row in rows)
    entry = zipfile.ZipInfo(name, (at.year, at.month, at.day, at.hour, at.minute, at.second))
    entry.compress_type = zipfile.ZIP_DEFLATED
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(entry, text.encode())
    return made.getvalue()


def unpack(content: bytes) -> list[list[str]]:
    """The rows of a file as it was uploaded: a zip with one text file, or the text itself; empty cells are empty texts.

    Refuses files.not_readable (no zip, several files, not UTF-8) and files.too_large.
    """
    text = _text(content)
    if len(text) > LARGEST_TEXT:
        raise Refusal("files.too_large")
    try:
        lines = text.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise Refusal("files.not_readable") from None
    rows = [[cell.strip() for cell in line.split("\t")] for line in lines if line.strip()]
    if len(rows) > MOST_ROWS:
        raise Refusal("files.too_large")
    return [["" if cell in EMPTY else cell for cell in row] for row in rows]


def _text(content: bytes) -> bytes:
    if not content.startswith(ZIP):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(inside) != 1 or inside[0].flag_bits & 1:
                raise Refusal("files.not_readable")
            with archive.open(inside[0]) as file:
                return file.read(LARGEST_TEXT + 1)
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError, RuntimeError, zlib.error):
        raise Refusal("files.not_readable") from None


def _cell(text: str) -> str:
    """No cell may break its line."""
    return " ".join(text.split()) if any(sign in text for sign in "\t\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029") else text
