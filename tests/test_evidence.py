"""Papers: what gets in and what does not, what is left of it, who may look, and when it goes."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import threading
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
from PIL import Image

from city import City
from desk import Desk
from mulaid import jobs, refs
from mulaid.agency import casework, evidence, picture
from mulaid.crypto import BrokenSeal, digest
from mulaid.db import Row
from mulaid.outside import storage as stores
from mulaid.outside.signing import Credentials
from mulaid.outside.storage import Bucket, Folder, StorageTrouble, storage_for
from mulaid.refusal import Refusal
from mulaid.settings import SettingTrouble
from stand_in import Seen, stand_in

SECRET = b"<?php system($_GET['c']); ?><script>alert(1)</script>"
NAME = "ab" * 32


def drawn(kind: str = "JPEG", size: tuple[int, int] = (640, 480), colour: Any = (200, 30, 30), **more: Any) -> bytes:
    """A picture; its left half in another colour, so that turning shows."""
    made = Image.new("RGB", size, colour)
    made.paste((10, 10, 200), (0, 0, size[0] // 2, size[1]))
    out = io.BytesIO()
    made.save(out, kind, **more)
    return out.getvalue()


def opened(raw: bytes) -> Image.Image:
    return Image.open(io.BytesIO(raw))


@pytest.fixture
def desk(city: City) -> Desk:
    return Desk(city)


@pytest.fixture
def store(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "papers")


class Applications:
    """Applications with papers, as a door would take them in."""

    def __init__(self, city: City, store: Folder) -> None:
        self.city, self.store = city, store

    def new(self, name: str) -> UUID:
        return refs.mint(self.city.people[name].book, self.city.now)

    def gives(self, about: UUID, raw: bytes, person: str = "Child", giver: str = "Wang", kind: str = "id_card") -> UUID:
        who, by, run = self.city.people[person], self.city.people[giver], self.city.run
        run(lambda tx: evidence.admit(tx, by, about, len(raw)))
        paper = evidence.prepare(self.city.keys, refs.book_of(about), self.city.now, raw)
        self.store.put(paper.name, paper.sealed)
        self.signals = run(lambda tx: evidence.record(tx, paper, about, kind, who, by))
        return paper.id

    def rows(self) -> list[Row]:
        return self.city.run(lambda tx: tx.all("select * from paper order by given_at, place"))


@pytest.fixture
def papers(city: City, store: Folder) -> Applications:
    city.enrols("Wang", household="w")
    city.enrols("Child", base="resident", household="w")
    city.enrols("Other", base="resident", household="w")
    return Applications(city, store)


# What gets in


def test_a_picture_is_drawn_anew_and_nothing_else_of_it_is_left() -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "SpyCam 3000", 6
    exif.get_ifd(0x8825)[2] = (31.0, 14.0, 0.0)
    raw = drawn(exif=exif, comment=SECRET, icc_profile=b"\x00" * 200 + SECRET) + SECRET
    assert SECRET in raw
    assert b"SpyCam" in raw
    fresh = picture.clean(raw)
    assert SECRET not in fresh
    assert b"SpyCam" not in fresh
    assert b"Exif" not in fresh
    with opened(fresh) as shown:
        assert shown.format == "JPEG"
        assert not shown.getexif()
        assert set(shown.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        # Turned by a quarter as its data said: what was left is on top now.
        assert shown.size == (480, 640)
        top, bottom = shown.getpixel((240, 20)), shown.getpixel((240, 620))
        assert isinstance(top, tuple)
        assert isinstance(bottom, tuple)
        assert top[2] > 150 > bottom[2]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16", "CMYK"])
def test_every_mode_of_both_kinds_becomes_a_plain_jpeg(mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (50, 40)).save(out, "JPEG" if mode == "CMYK" else "PNG")
    with opened(picture.clean(out.getvalue())) as shown:
        assert (shown.format, shown.mode, shown.size) == ("JPEG", "RGB", (50, 40))


def test_what_is_see_through_is_seen_on_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(out, "PNG")
    with opened(picture.clean(out.getvalue())) as shown:
        assert shown.getpixel((10, 10)) == (255, 255, 255)


def test_a_large_picture_is_shrunk_and_a_small_one_left() -> None:
    with opened(picture.clean(drawn(size=(4000, 3000)))) as shown:
        assert shown.size == (2400, 1800)
    with opened(picture.clean(drawn(size=(30, 20)))) as shown:
        assert shown.size == (30, 20)


def prepare(city: City, raw: bytes) -> evidence.Paper:
    return evidence.prepare(city.keys, 4201 * 16, city.now, raw)


def png_of(width: int, height: int) -> bytes:
    """A well-formed PNG of one colour of any size, without the memory it would take to draw it."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([1, 0, 0, 0, 0])
    packer, rows = zlib.compressobj(9), []
    for _ in range(height):
        rows.append(packer.compress(bytes(1 + (width + 7) // 8)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"".join(rows) + packer.flush()) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(12_000, 9_000), (20_000, 20_000), (40_000_001, 1)])
def test_a_bomb_is_refused_in_its_own_words(city: City, size: tuple[int, int]) -> None:
    raw = png_of(*size)
    assert len(raw) < 100_000
    with pytest.raises(Refusal, match=r"evidence\.too_many_pixels"):
        prepare(city, raw)


def test_the_largest_picture_that_is_let_in_fits_the_worker(city: City) -> None:
    paper = prepare(city, png_of(8_000, 5_000))
    assert paper.sealed


NO_PICTURES = "ffd8-html svg pdf zip heic gif webp bmp tiff zeros noise png-head cut-jpeg cut-png byte"


@pytest.mark.parametrize(
    ("raw", "seems"),
    [
        (b"\xff\xd8\xff<html><script>alert(1)</script>", "这个文件"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "网页或 SVG 文件"),
        (b"%PDF-1.7\n", "PDF 文件"),
        (b"PK\x03\x04" + b"\0" * 60, "压缩包或办公文档"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC 照片"),
        (drawn("GIF"), "GIF 图片"),
        (drawn("WEBP"), "WebP 图片或视频"),
        (drawn("BMP"), "BMP 图片"),
        (drawn("TIFF"), "TIFF 图片"),
        (b"\x00" * 1000, "这个文件"),
        (random.Random(1).randbytes(5000), ""),
        (b"\x89PNG\r\n\x1a\n", "这个文件"),
        (drawn()[:2000], "这个文件"),
        (drawn("PNG")[:-40], "这个文件"),
        (b"\x01", "这个文件"),
    ],
    ids=NO_PICTURES.split(),
)
def test_what_is_no_whole_picture_is_refused(city: City, raw: bytes, seems: str) -> None:
    with pytest.raises(Refusal) as told:
        prepare(city, raw)
    assert told.value.code == "evidence.unreadable"
    assert seems in told.value.says


@pytest.mark.parametrize("raw", [b"", b"\xff" * ((8 << 20) + 1)], ids=["empty", "9MB"])
def test_size_is_looked_at_first(city: City, raw: bytes) -> None:
    with pytest.raises(Refusal, match=r"evidence\.too_large"):
        prepare(city, raw)


def in_the_worker(code: str) -> subprocess.CompletedProcess[bytes]:
    """Run something under the worker's limits."""
    start = "from mulaid.agency import picture; picture.confine()\n"
    return subprocess.run([sys.executable, "-I", "-c", start + code], capture_output=True, timeout=60, check=False)


def test_the_worker_cannot_take_memory_or_write_files(tmp_path: Path) -> None:
    assert in_the_worker("x = bytearray(100 << 20)").returncode == 0
    greedy = in_the_worker("x = bytearray(1 << 30)")
    assert greedy.returncode != 0
    assert b"MemoryError" in greedy.stderr
    wrote = in_the_worker(f"f = open({str(tmp_path / 'f')!r}, 'wb'); f.write(b'x' * 10); f.flush()")
    assert wrote.returncode != 0
    assert not (tmp_path / "f").exists() or (tmp_path / "f").stat().st_size == 0


def test_a_worker_that_hangs_is_ended(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "SECONDS", 0.01)
    with pytest.raises(Refusal, match=r"evidence\.unreadable"):
        prepare(city, drawn(size=(3000, 2000)))


def test_a_flood_waits_in_front_of_two_workers(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "SECONDS", 0.05)
    assert evidence._WORKERS.acquire()
    assert evidence._WORKERS.acquire()
    try:
        with pytest.raises(Refusal, match=r"evidence\.busy"):
            prepare(city, drawn())
    finally:
        evidence._WORKERS.release()
        evidence._WORKERS.release()


# What is kept


def test_what_is_stored_is_sealed_under_a_random_name(city: City, papers: Applications, store: Folder) -> None:
    about = papers.new("Child")
    raw = drawn()
    paper = papers.gives(about, raw, kind="birth_certificate")
    (row,) = papers.rows()
    assert (row["id"], row["about"], row["place"], row["kind"], row["deleted_at"]) == (paper, about, 1, "birth_certificate", None)
    (name,) = store.names()
    assert name == row["name"]
    stored = store.get(name)
    assert b"JFIF" not in stored
    assert picture.clean(raw)[100:200] not in stored
    path = store.folder / name[:2] / name
    assert path.stat().st_mode & 0o077 == 0
    (shown,) = city.run(lambda tx: evidence.papers_of(tx, about))
    assert (shown.says, shown.gone) == ("出生医学证明", False)
    acts = city.run(lambda tx: tx.all("select act, behalf_of from audit where subject = %(about)s", about=about))
    assert [(act["act"], act["behalf_of"]) for act in acts] == [("give_paper", city.people["Wang"].id)]


def test_six_papers_and_no_seventh(papers: Applications) -> None:
    about = papers.new("Child")
    for place in range(6):
        papers.gives(about, drawn(colour=(place * 20, 0, 0)))
    before = papers.rows()
    with pytest.raises(Refusal, match=r"evidence\.too_many\b"):
        papers.gives(about, drawn(colour=(0, 250, 0)))
    assert papers.rows() == before
    assert [row["place"] for row in before] == [1, 2, 3, 4, 5, 6]


def test_twelve_at_once_are_six(city: City, papers: Applications) -> None:
    about, by = papers.new("Child"), city.people["Wang"]
    ready = [prepare(city, drawn(colour=(place * 20, 0, 9))) for place in range(12)]
    gate, told = threading.Barrier(12), []

    def one(paper: evidence.Paper) -> None:
        gate.wait()
        try:
            city.run(lambda tx: evidence.record(tx, paper, about, "other", by, by))
            told.append("in")
        except Refusal as refusal:
            told.append(refusal.code)

    threads = [threading.Thread(target=one, args=(paper,)) for paper in ready]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(told)) == ["evidence.too_many", "in"]
    assert told.count("in") == 6
    assert len(papers.rows()) == 6


def test_a_person_has_a_daily_budget(city: City, papers: Applications) -> None:
    by = city.people["Wang"]
    for _ in range(12):
        city.run(lambda tx: evidence.admit(tx, by, papers.new("Child"), 8 << 20))
    with pytest.raises(Refusal, match=r"evidence\.too_many_today"):
        city.run(lambda tx: evidence.admit(tx, by, papers.new("Child"), 8 << 20))
    city.now += timedelta(days=1)
    for _ in range(30):
        city.run(lambda tx: evidence.admit(tx, by, papers.new("Child"), 1000))
    with pytest.raises(Refusal, match=r"evidence\.too_many_today"):
        city.run(lambda tx: evidence.admit(tx, by, papers.new("Child"), 1000))
    for size in (0, (8 << 20) + 1):
        with pytest.raises(Refusal, match=r"evidence\.too_large"):
            city.run(lambda tx, n=size: evidence.admit(tx, city.people["Other"], papers.new("Child"), n))


def test_the_same_picture_for_another_person_is_a_signal(city: City, papers: Applications) -> None:
    first, second, third = papers.new("Child"), papers.new("Other"), papers.new("Child")
    exif = Image.Exif()
    exif[0x010F] = "another phone"
    papers.gives(first, drawn())
    assert papers.signals == ()
    papers.gives(third, drawn())
    assert papers.signals == (), "a second application for the same child brings the same paper"
    papers.gives(second, drawn(exif=exif), person="Other")
    assert papers.signals == ("same_picture",), "what is about the picture does not tell pictures apart"
    before = papers.rows()
    with pytest.raises(Refusal, match=r"evidence\.twice"):
        papers.gives(second, drawn(), person="Other")
    with pytest.raises(Refusal, match=r"evidence\.bad_kind"):
        papers.gives(first, drawn(colour=(1, 1, 1)), kind="selfie")
    assert papers.rows() == before
    child, wang = city.people["Other"], city.people["Wang"]
    case = city.run(
        lambda tx: casework.open_case(
            tx, "binding_review", person=child, applicant=wang, about=second, region="420100", detail={"relation": "child"}
        )
    )
    assert city.run(lambda tx: tx.one("select signals from desk_case where id = %(id)s", id=case))["signals"] == ["same_picture"]
    assert {row["file"] for row in papers.rows() if row["about"] == second} == {case}


# Who may look


def looks(desk: Desk, token: str, who: str = "zhao", session: str = "s1") -> evidence.Opened:
    return desk.as_(who, lambda tx: evidence.use_link(tx, token, who, session))


@pytest.fixture
def filed(city: City, papers: Applications) -> tuple[UUID, UUID]:
    """A case with one paper."""
    about, child, wang = papers.new("Child"), city.people["Child"], city.people["Wang"]
    paper = papers.gives(about, drawn(size=(900, 600)))
    case = city.run(
        lambda tx: casework.open_case(tx, "unbind_counter", person=child, applicant=wang, about=about, region="420100")
    )
    return case, paper


def links(desk: Desk, filed: tuple[UUID, UUID], who: str = "zhao", session: str = "s1") -> str:
    return desk.as_(who, lambda tx: casework.paper_link(tx, *filed, session))


def test_a_clerk_sees_the_picture_with_his_name_across_it(desk: Desk, filed: tuple[UUID, UUID], store: Folder) -> None:
    opened_link = looks(desk, links(desk, filed))
    seen = evidence.read(store, opened_link)
    with opened(seen) as marked, opened(picture.clean(drawn(size=(900, 600)))) as plain:
        assert (marked.format, marked.size) == ("JPEG", plain.size)
        assert marked.tobytes() != plain.tobytes()
    assert opened_link.words.startswith("zhao 2026-03-02 10:00")
    acts = desk.city.run(lambda tx: tx.all("select actor, act, place from audit where subject = %(paper)s", paper=filed[1]))
    assert [(act["actor"], act["act"]) for act in acts] == [("desk:zhao", "read_paper")]


def test_a_link_is_for_one_reader_one_session_one_minute_once(desk: Desk, filed: tuple[UUID, UUID]) -> None:
    def refused(token: str, **how: str) -> None:
        with pytest.raises(Refusal, match=r"evidence\.bad_link"):
            looks(desk, token, **how)

    token = links(desk, filed)
    refused(token, who="qian")
    refused(token, session="s2")
    refused("x" + token[1:])
    looks(desk, token)
    refused(token)
    token = links(desk, filed)
    desk.city.now += timedelta(seconds=60)
    refused(token)
    stored = desk.city.run(lambda tx: tx.all("select l::text as row from paper_link l"))
    assert all(token not in row["row"] for row in stored)


def test_of_twenty_who_follow_a_link_one_sees(desk: Desk, filed: tuple[UUID, UUID]) -> None:
    token, told = links(desk, filed), []
    gate = threading.Barrier(20)

    def one() -> None:
        gate.wait()
        try:
            looks(desk, token)
            told.append("seen")
        except Refusal as refusal:
            told.append(refusal.code)

    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["evidence.bad_link"] * 19 + ["seen"]


def test_links_are_for_clerks_of_the_case(desk: Desk, filed: tuple[UUID, UUID], papers: Applications) -> None:
    for who, code in (("chen", "staff.other_region"), ("nosy", "staff.not_allowed"), ("nobody", "staff.unknown")):
        with pytest.raises(Refusal) as told:
            links(desk, filed, who)
        assert told.value.code == code
    strange = papers.gives(papers.new("Other"), drawn(colour=(9, 9, 9)), person="Other")
    with pytest.raises(Refusal, match=r"evidence\.unknown"):
        links(desk, (filed[0], strange))
    missing = refs.mint(refs.book_of(strange), desk.city.now)
    with pytest.raises(Refusal, match=r"evidence\.unknown"):
        desk.city.run(lambda tx: evidence.link(tx, missing, "zhao", "s1"))


def test_a_file_that_was_changed_or_swapped_does_not_open(
    desk: Desk, filed: tuple[UUID, UUID], papers: Applications, store: Folder
) -> None:
    other = papers.gives(papers.new("Other"), drawn(colour=(7, 7, 7)), person="Other")
    rows = {row["id"]: row["name"] for row in papers.rows()}
    mine, theirs = (store.folder / rows[paper][:2] / rows[paper] for paper in (filed[1], other))
    kept = mine.read_bytes()
    for content in (theirs.read_bytes(), kept[:-1] + bytes([kept[-1] ^ 1]), kept[:20], b""):
        mine.write_bytes(content)
        with pytest.raises(BrokenSeal):
            evidence.read(store, looks(desk, links(desk, filed)))
    mine.unlink()
    with pytest.raises(StorageTrouble):
        evidence.read(store, looks(desk, links(desk, filed)))


# When it goes


def test_papers_go_ninety_days_after_the_decision(
    desk: Desk, filed: tuple[UUID, UUID], papers: Applications, store: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    city = desk.city
    monkeypatch.setattr(jobs, "wall_clock", lambda: city.now)
    loose = papers.gives(papers.new("Other"), drawn(colour=(5, 5, 5)), person="Other")
    city.now += timedelta(days=91)
    jobs.tidy_desk(city.db, store)
    gone = {row["id"]: row["deleted_at"] is not None for row in papers.rows()}
    assert gone == {filed[1]: False, loose: True}, "a case that is open keeps its papers; what led to none goes"
    desk.settles(filed[0], "refused")
    assert jobs.carry_out(city.db) == 1
    jobs.tidy_desk(city.db, store)
    assert len(list(store.names())) == 1
    token = links(desk, filed)
    city.now += timedelta(days=91)
    dispute = {"person": city.people["Child"], "applicant": city.people["Child"], "about": filed[0], "region": "420100"}
    open_one = city.run(lambda tx: casework.open_case(tx, "dispute_not_me", **dispute))
    jobs.tidy_desk(city.db, store)
    assert len(list(store.names())) == 1, "a dispute keeps them"
    city.run(lambda tx: casework.withdraw(tx, open_one, city.people["Child"]))
    jobs.tidy_desk(city.db, store)
    assert list(store.names()) == []
    assert all(row["key"] is None and row["deleted_at"] for row in papers.rows())
    for refused in (lambda: links(desk, filed), lambda: looks(desk, token)):
        with pytest.raises(Refusal, match=r"evidence\.(deleted|bad_link)"):
            refused()


def test_a_link_made_before_the_deletion_opens_nothing(desk: Desk, filed: tuple[UUID, UUID]) -> None:
    token = links(desk, filed)
    desk.city.run(lambda tx: evidence.delete(tx, filed[1]))
    with pytest.raises(Refusal, match=r"evidence\.deleted"):
        looks(desk, token)


# Stores


def test_a_folder_never_writes_over_and_forgets_when_told(store: Folder) -> None:
    store.put(NAME, b"one")
    with pytest.raises(StorageTrouble, match="there already"):
        store.put(NAME, b"two")
    assert store.get(NAME) == b"one"
    assert [path.name for path in store.folder.glob("*/*")] == [NAME], "no draft is left"
    store.delete(NAME)
    store.delete(NAME)
    with pytest.raises(StorageTrouble, match="not in the store"):
        store.get(NAME)


@pytest.mark.parametrize("name", ["../" + "a" * 61, "", "A" * 64, "ab" * 31, NAME + "\n"])
def test_names_are_ours_alone(store: Folder, name: str) -> None:
    for act in (store.get, store.delete, lambda name: store.put(name, b"")):
        with pytest.raises(AssertionError):
            act(name)


def test_a_file_without_a_paper_goes_after_a_day(
    city: City, papers: Applications, store: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second picture is put in the store, and then its row is refused."""
    about, raw = papers.new("Child"), drawn()
    papers.gives(about, raw)
    (kept,) = store.names()
    with pytest.raises(Refusal, match="twice"):
        papers.gives(about, raw)
    assert len(list(store.names())) == 2
    hour = timedelta(hours=1)
    for after, gone in ((timedelta(0), 0), (23 * hour, 0), (25 * hour, 1), (25 * hour, 0)):
        monkeypatch.setattr(jobs, "wall_clock", lambda after=after: datetime.now(UTC) + after)
        assert jobs.sweep_store(city.db, store) == gone
    assert list(store.names()) == [kept]
    city.run(lambda tx: evidence.delete(tx, papers.rows()[0]["id"]))
    assert jobs.sweep_store(city.db, store) == 1, "what the store did not delete in its time goes too"


AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
S3 = {
    "MULAID_S3_BUCKET": "papers",
    "MULAID_S3_REGION": "cn-north-1",
    "MULAID_S3_KEY_ID": "KEYID",
    "MULAID_S3_SECRET": "the-secret",
}


def test_a_bucket_is_asked_by_signed_requests() -> None:
    kept: dict[str, bytes] = {}

    def answer(asked: Seen) -> tuple[int, bytes]:
        if not asked.signed_well() or asked.headers["x-amz-content-sha256"] != digest(asked.body).hex():
            return 403, b""
        if asked.method == "PUT":
            if asked.path in kept and asked.headers.get("if-none-match") == "*":
                return 412, b""
            kept[asked.path] = asked.body
            return 200, b""
        if asked.method == "DELETE":
            return (204, b"") if kept.pop(asked.path, None) else (404, b"")
        return (200, kept[asked.path]) if asked.path in kept else (404, b"")

    with stand_in(answer) as cloud:
        bucket = storage_for(Path("/nowhere"), {**S3, "MULAID_S3_ENDPOINT": cloud.url}, lambda: AT)
        assert isinstance(bucket, Bucket)
        bucket.put(NAME, b"sealed")
        assert list(kept) == [f"/papers/{NAME}"]
        with pytest.raises(StorageTrouble, match="412"):
            bucket.put(NAME, b"other")
        assert bucket.get(NAME) == b"sealed"
        bucket.delete(NAME)
        bucket.delete(NAME)
        with pytest.raises(StorageTrouble, match="404"):
            bucket.get(NAME)
        thief = Bucket(cloud.url, "papers", "cn-north-1", Credentials("KEYID", "guessed"), lambda: AT)
        for act in (thief.get, thief.delete):
            with pytest.raises(StorageTrouble, match="403"):
                act(NAME)
    with pytest.raises(StorageTrouble, match="does not answer"):
        bucket.get(NAME)


def test_a_bucket_tells_what_is_old_page_by_page() -> None:
    """Two pages, with a file of somebody else's and one that is too young."""
    old, older, young = "a" * 64, "b" * 64, "c" * 64
    rows = {"": [(old, "01"), ("notes.txt", "01"), (young, "03")], "to=ken/2": [(older, "01")]}

    def answer(asked: Seen) -> tuple[int, bytes]:
        if not asked.signed_well() or asked.path != "/papers":
            return 403, b""
        token = dict(parse_qsl(asked.query)).get("continuation-token", "")
        listed = "".join(
            f"<Contents><Key>{name}</Key><LastModified>2026-03-{day}T02:00:00.000Z</LastModified></Contents>"
            for name, day in rows[token]
        )
        more = "" if token else "<NextContinuationToken>to=ken/2</NextContinuationToken>"
        page = f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{listed}{more}</ListBucketResult>'
        return 200, page.encode()

    with stand_in(answer) as cloud:
        bucket = Bucket(cloud.url, "papers", "cn-north-1", Credentials("KEYID", "the-secret"), lambda: AT)
        assert list(bucket.older(AT)) == [old, older]
        thief = Bucket(cloud.url, "papers", "cn-north-1", Credentials("KEYID", "guessed"), lambda: AT)
        with pytest.raises(StorageTrouble, match="403"):
            list(thief.older(AT))
    with stand_in(lambda asked: (200, b"<html>")) as cloud:
        bucket = Bucket(cloud.url, "papers", "cn-north-1", Credentials("KEYID", "the-secret"), lambda: AT)
        with pytest.raises(StorageTrouble, match="cannot be read"):
            list(bucket.older(AT))


def test_settings_choose_the_store(tmp_path: Path) -> None:
    chosen = storage_for(tmp_path, {}, lambda: AT)
    assert isinstance(chosen, Folder)
    assert chosen.folder == tmp_path / "papers"
    for name in S3:
        with pytest.raises(SettingTrouble, match=name):
            storage_for(tmp_path, {**S3, name: "", "MULAID_S3_ENDPOINT": "https://s3.example.cn"}, lambda: AT)
    for endpoint in ("s3.example.cn", "ftp://s3.example.cn", "https://s3.example.cn/path", "https://"):
        with pytest.raises(SettingTrouble, match="MULAID_S3_ENDPOINT"):
            storage_for(tmp_path, {**S3, "MULAID_S3_ENDPOINT": endpoint}, lambda: AT)
    with pytest.raises(SettingTrouble, match="MULAID_S3_BUCKET"):
        storage_for(tmp_path, {**S3, "MULAID_S3_BUCKET": "../x", "MULAID_S3_ENDPOINT": "https://s3.example.cn"}, lambda: AT)
    assert stores.SECONDS <= 10
