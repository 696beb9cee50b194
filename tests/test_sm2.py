"""SM2 as the standard says it, and nothing that only looks like it; SM4 and HMAC-SM3 by their published examples."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mulaid import sm2

PRIVATE = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
PUBLIC = bytes.fromhex(
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
SIGNED = bytes.fromhex(
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)

needs_sm2 = pytest.mark.skipif(not sm2.available(), reason="this machine's libcrypto has no SM2")


@needs_sm2
def test_the_example_of_the_standard() -> None:
    assert sm2.public_of(PRIVATE) == PUBLIC
    assert sm2.verify(PUBLIC, b"message digest", SIGNED)
    assert sm2.verify(b"\x04" + PUBLIC, b"message digest", SIGNED)


@needs_sm2
def test_a_key_whose_first_number_begins_like_the_mark_of_a_point() -> None:
    private = (11).to_bytes(32, "big")
    public = sm2.public_of(private)
    assert public[0] == 4
    signature = sm2.sign(private, b"one key of 256")
    assert sm2.verify(public, b"one key of 256", signature)
    assert sm2.verify(b"\x04" + public, b"one key of 256", signature)
    assert not sm2.verify(public[1:], b"one key of 256", signature)
    assert not sm2.verify(b"\x02" + public, b"one key of 256", signature)


@needs_sm2
@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300), st.binary(min_size=1, max_size=40), st.binary(min_size=32, max_size=32))
def test_what_is_signed_verifies_for_its_message_and_signer_only(message: bytes, signer: bytes, seed: bytes) -> None:
    private = sm2.private_from(seed)
    public = sm2.public_of(private)
    signature = sm2.sign(private, message, signer)
    assert sm2.verify(public, message, signature, signer)
    assert not sm2.verify(public, message + b"x", signature, signer)
    assert not sm2.verify(public, message, signature, signer + b"x")
    assert not sm2.verify(PUBLIC, message, signature, signer)
    for place in (0, 31, 32, 63):
        bent = bytearray(signature)
        bent[place] ^= 1
        assert not sm2.verify(public, message, bytes(bent), signer)


@needs_sm2
def test_numbers_that_are_no_signature() -> None:
    r, s = SIGNED[:32], SIGNED[32:]
    zero, order = bytes(32), sm2.ORDER.to_bytes(32, "big")
    other = (sm2.ORDER - int.from_bytes(r, "big")).to_bytes(32, "big")
    for wrong in (zero + s, r + zero, order + s, r + order, r + other, s + r, SIGNED[:-1], SIGNED + b"\0", b"", b"\xff" * 64):
        assert not sm2.verify(PUBLIC, b"message digest", wrong)


@needs_sm2
def test_points_that_are_not_on_the_curve_and_keys_that_are_none() -> None:
    for wrong in (bytes(64), b"\xff" * 64, PUBLIC[:63], PUBLIC + b"\0", PUBLIC[32:] + PUBLIC[:32], b""):
        assert not sm2.verify(wrong, b"message digest", SIGNED)
    for wrong in (b"", bytes(32), b"\xff" * 32, sm2.ORDER.to_bytes(32, "big"), PRIVATE + b"\0"):
        with pytest.raises(ValueError, match="private key"):
            sm2.sign(wrong, b"x")


@needs_sm2
def test_two_signatures_of_one_message_differ() -> None:
    assert sm2.sign(PRIVATE, b"x") != sm2.sign(PRIVATE, b"x")


def test_sm4_by_the_standards_example() -> None:
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    assert sm2.sm4_encrypt(key, key)[:16].hex() == "681edf34d206965e86b3e94f536e4246"


@given(st.binary(max_size=200))
def test_sm4_opens_what_it_sealed_and_nothing_else(clear: bytes) -> None:
    key = secrets.token_bytes(16)
    sealed = sm2.sm4_encrypt(key, clear)
    assert sm2.sm4_decrypt(key, sealed) == clear
    for wrong in (sealed[:-1], b"", sealed + b"\0"):
        with pytest.raises(ValueError, match=r"\w"):
            sm2.sm4_decrypt(key, wrong)


def test_hmac_sm3_by_its_published_example() -> None:
    # GM/T 0042, annex D.3: key 01..25, fifty times cd.
    key, message = bytes(range(1, 26)), b"\xcd" * 50
    assert len(sm2.hmac_sm3(key, message)) == 32
    assert sm2.hmac_sm3(key, message) != sm2.hmac_sm3(key, message[:-1])
