"""Sealed fields and blind indexes against what a thief, a careless operator or two starting processes would do."""

from __future__ import annotations

import hashlib
import hmac
import os
import pickle
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mulaid.crypto import BadKeyFile, BrokenSeal, Keys, digest, kid_of, same

ONE = bytes(range(32))
TWO = bytes(range(32, 64))
KEYS = Keys({1: ONE})
PLACE = "person|number|7f3a"


@given(st.binary(max_size=200), st.text(max_size=30))
def test_what_was_sealed_opens_again_in_its_place(plaintext: bytes, context: str) -> None:
    assert KEYS.open("number", context, KEYS.seal("number", context, plaintext)) == plaintext


@given(st.text(max_size=50))
def test_text_comes_back_as_text(text: str) -> None:
    assert KEYS.open_text("name", PLACE, KEYS.seal("name", PLACE, text)) == text


def test_the_layout_is_kid_nonce_ciphertext_tag() -> None:
    sealed = KEYS.seal("number", PLACE, "12345")
    assert sealed[:2] == b"\x00\x01"
    assert len(sealed) == 2 + 12 + 5 + 16
    assert b"12345" not in sealed


def test_the_same_text_is_never_sealed_alike() -> None:
    assert len({KEYS.seal("number", PLACE, "x") for _ in range(200)}) == 200
    assert len({KEYS.seal("number", PLACE, "x")[2:14] for _ in range(200)}) == 200


@pytest.mark.parametrize(
    ("purpose", "context"),
    [
        ("number", "person|number|7f3b"),  # moved to another row
        ("number", "person|phone|7f3a"),  # to another column
        ("number", "relation|number|7f3a"),  # to another table
        ("phone", PLACE),  # read for another purpose
    ],
)
def test_a_moved_value_does_not_open(purpose: str, context: str) -> None:
    sealed = KEYS.seal("number", PLACE, "11010519491231002X")
    with pytest.raises(BrokenSeal):
        KEYS.open(purpose, context, sealed)


def test_every_altered_byte_is_noticed() -> None:
    sealed = KEYS.seal("number", PLACE, "11010519491231002X")
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(BrokenSeal):
            KEYS.open("number", PLACE, bytes(altered))


@pytest.mark.parametrize("length", [0, 1, 2, 14, 29])
def test_a_cut_value_is_broken_not_a_crash(length: int) -> None:
    with pytest.raises(BrokenSeal):
        KEYS.open("number", PLACE, KEYS.seal("number", PLACE, "")[:length])


def test_other_keys_do_not_open_and_do_not_leak_into_the_message() -> None:
    sealed = KEYS.seal("number", PLACE, "11010519491231002X")
    with pytest.raises(BrokenSeal) as caught:
        Keys({1: TWO}).open("number", PLACE, sealed)
    assert ONE.hex() not in str(caught.value)
    assert "11010519491231002X" not in str(caught.value)


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    before, after = Keys({1: ONE}), Keys({1: ONE, 2: TWO})
    old, new = before.seal("number", PLACE, "a"), after.seal("number", PLACE, "b")
    assert (kid_of(old), kid_of(new), after.current) == (1, 2, 2)
    assert after.open("number", PLACE, old) == b"a"
    assert after.open("number", PLACE, new) == b"b"
    with pytest.raises(BrokenSeal, match="key 2"):
        before.open("number", PLACE, new)


def test_a_relabelled_key_number_is_noticed_even_with_equal_keys() -> None:
    keys = Keys({1: ONE, 2: ONE})
    sealed = keys.seal("number", PLACE, "a")
    with pytest.raises(BrokenSeal):
        keys.open("number", PLACE, b"\x00\x01" + sealed[2:])


def test_a_blind_index_finds_equals_and_nothing_else() -> None:
    index = KEYS.blind("number", "11010519491231002X")
    assert len(index) == 32
    assert index == Keys({1: ONE}).blind("number", "11010519491231002X")
    others = {
        KEYS.blind("number", "110105194912310021"),
        KEYS.blind("phone", "11010519491231002X"),
        Keys({1: TWO}).blind("number", "11010519491231002X"),
        hashlib.sha256(b"11010519491231002X").digest(),
        hmac.digest(ONE, b"11010519491231002X", "sha256"),
    }
    assert index not in others
    assert len(others) == 5


def test_a_blind_index_outlives_a_new_key_until_it_is_rotated() -> None:
    after = Keys({1: ONE, 2: TWO})
    assert after.blind("number", "x") == KEYS.blind("number", "x")
    assert after.blind("number", "x", kid=2) != KEYS.blind("number", "x")


def test_values_of_this_program_stay_readable_for_ever() -> None:
    """Literals: derivation and layout may never change silently, the database is full of their results."""
    sealed = bytes.fromhex(SEALED_IN_2026)
    assert KEYS.open_text("number", PLACE, sealed) == "11010519491231002X"
    assert KEYS.blind("number", "11010519491231002X").hex() == INDEXED_IN_2026
    assert KEYS.fingerprint() == FINGERPRINT_IN_2026


SEALED_IN_2026 = "00010740c126a58959a572c4b0723e21e50915afcdd40ab3d385ed14db553389fb2b8bb9396cf514e7a43a97af061bcb"
INDEXED_IN_2026 = "8e10dd7e23c3d43b533e7db1597974545bb76f528adab43ee854129ba1432f31"
FINGERPRINT_IN_2026 = "6f8d4021e0ff4577"


def test_the_derivation_is_hkdf_of_the_rfc() -> None:
    """An independent few lines of RFC 5869 expand: one block, counter 1."""
    key = hmac.digest(ONE, b"mulaid|1|blind|1|number\x01", "sha256")
    assert hmac.digest(key, b"x", "sha256") == KEYS.blind("number", "x")


def test_fingerprints_tell_files_apart_and_survive_rotation() -> None:
    assert Keys({1: ONE}).fingerprint() != Keys({1: TWO}).fingerprint()
    assert Keys({1: ONE}).fingerprint() == Keys({1: ONE, 2: TWO}).fingerprint()


def test_keys_show_nothing_of_themselves() -> None:
    assert ONE.hex() not in repr(KEYS)
    assert repr(ONE) not in repr(KEYS)
    with pytest.raises(TypeError):
        pickle.dumps(KEYS)


def test_a_created_file_is_private_and_loads_the_same_keys(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        made = Keys.create(tmp_path / "key")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]
    loaded = Keys.load(tmp_path / "key")
    assert loaded.open("number", PLACE, made.seal("number", PLACE, "a")) == b"a"
    assert loaded.fingerprint() == made.fingerprint()


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    made = Keys.create(tmp_path / "key")
    with pytest.raises(FileExistsError):
        Keys.create(tmp_path / "key")
    assert Keys.load(tmp_path / "key").fingerprint() == made.fingerprint()
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_of_many_that_start_together_one_makes_the_key(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)

    def start() -> str | None:
        barrier.wait()
        try:
            return Keys.create(tmp_path / "key").fingerprint()
        except FileExistsError:
            return None

    with ThreadPoolExecutor(8) as pool:
        made = [future.result() for future in [pool.submit(start) for _ in range(8)]]
    assert [print_ for print_ in made if print_] == [Keys.load(tmp_path / "key").fingerprint()]


def test_one_object_serves_many_threads() -> None:
    keys = Keys({1: ONE})

    def work(number: int) -> bool:
        context = f"person|number|{number}"
        sealed = [keys.seal(f"p{number % 3}", context, str(n)) for n in range(50)]
        return all(keys.open_text(f"p{number % 3}", context, value) == str(n) for n, value in enumerate(sealed))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(40)))


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_raw_file_of_32_bytes_is_key_1(tmp_path: Path) -> None:
    assert Keys.load(write(tmp_path / "key", ONE)).fingerprint() == KEYS.fingerprint()


def test_a_file_of_two_lines_holds_two_keys(tmp_path: Path) -> None:
    keys = Keys.load(write(tmp_path / "key", f"1 {ONE.hex()}\n2 {TWO.hex()}".encode()))
    assert (keys.first, keys.current, keys.fingerprint()) == (1, 2, KEYS.fingerprint())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        ONE[:31],
        ONE + b"\n",
        ONE.hex().encode(),
        b"0 " + ONE.hex().encode(),
        b"65536 " + ONE.hex().encode(),
        b"1 " + ONE.hex().encode()[:-1],
        b"1 " + ONE.hex().encode() + b"0",
        b"1  " + ONE.hex().encode(),
        b"1 " + ONE.hex().encode() + b"\r\n",
        "１ ".encode() + ONE.hex().encode(),
        b"1 " + ONE.hex().encode() + b"\n1 " + TWO.hex().encode(),
    ],
)
def test_a_file_that_is_not_keys_is_refused_without_quoting_it(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadKeyFile) as caught:
        Keys.load(write(tmp_path / "key", content))
    assert ONE.hex()[:16] not in str(caught.value)


@pytest.mark.parametrize(("mode", "fine"), [(0o600, True), (0o400, True), (0o440, True), (0o644, False), (0o660, False)])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int, fine: bool) -> None:
    path = write(tmp_path / "key", ONE, mode)
    if fine:
        assert Keys.load(path).first == 1
    else:
        with pytest.raises(BadKeyFile, match="chmod 600"):
            Keys.load(path)


def test_a_missing_file_is_not_made_by_loading(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Keys.load(tmp_path / "key")
    assert not list(tmp_path.iterdir())


def test_digest_is_sha256_and_same_compares() -> None:
    assert digest(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert same(digest(b"abc"), digest(b"abc"))
    assert not same(digest(b"abc"), digest(b"abd"))
