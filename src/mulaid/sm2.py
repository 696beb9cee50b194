"""SM2 signatures (GB/T 32918) through the system's libcrypto, proved before the first use; SM4 and HMAC-SM3 beside them.

Python has no maintained SM2 of its own: the well-known package draws its signing numbers from a source that can be
predicted. Without a libcrypto that passes the test SM2 is off, and whoever needs it is told so. Signatures are r and s,
32 bytes each; public keys are x and y, with or without the leading 04; private keys are 32 bytes.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import logging
from collections.abc import Callable
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hmac import HMAC

log = logging.getLogger("mulaid.sm2")
DEFAULT_SIGNER = b"1234567812345678"
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_CURVE = bytes.fromhex("06082a811ccf5501822d")
_EC_KEY = bytes.fromhex("06072a8648ce3d0201")


class NotAvailable(Exception):
    """This machine has no libcrypto that signs with SM2 as the standard says."""


def available() -> bool:
    """Whether SM2 can be used here."""
    try:
        _library()
    except NotAvailable:
        return False
    return True


def sign(private: bytes, message: bytes, signer: bytes = DEFAULT_SIGNER) -> bytes:
    """The signature of a message, 64 bytes. Raises NotAvailable, ValueError for a key that is none."""
    library = _library()
    key = library.read_private(private)
    try:
        return library.sign(key, message, signer)
    finally:
        library.free_key(key)


def verify(public: bytes, message: bytes, signature: bytes, signer: bytes = DEFAULT_SIGNER) -> bool:
    """Whether a signature is this key's for this message and signer. Raises NotAvailable; any odd input is just not true."""
    library = _library()
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < ORDER and 0 < s < ORDER and (r + s) % ORDER):
        return False
    try:
        key = library.read_public(public)
    except ValueError:
        return False
    try:
        return library.verify(key, message, encode_dss_signature(r, s), signer)
    finally:
        library.free_key(key)


def public_of(private: bytes) -> bytes:
    """The public key of a private one: x and y, 64 bytes."""
    library = _library()
    key = library.read_private(private)
    try:
        return library.public(key)
    finally:
        library.free_key(key)


def private_from(seed: bytes) -> bytes:
    """A private key that a secret of 32 uniform bytes stands for."""
    return (int.from_bytes(seed, "big") % (ORDER - 2) + 1).to_bytes(32, "big")


def hmac_sm3(key: bytes, message: bytes) -> bytes:
    """HMAC with SM3, 32 bytes."""
    mac = HMAC(key, hashes.SM3())
    mac.update(message)
    return mac.finalize()


def sm4_encrypt(key: bytes, clear: bytes) -> bytes:
    """SM4 in the mode that the interface's programs use (ECB, PKCS7): not ours to choose. The key has 16 bytes."""
    pad = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.SM4(key), modes.ECB()).encryptor()  # noqa: S305
    return encryptor.update(pad.update(clear) + pad.finalize()) + encryptor.finalize()


def sm4_decrypt(key: bytes, sealed: bytes) -> bytes:
    """The clear text; ValueError for what was not encrypted so."""
    if not sealed or len(sealed) % 16:
        raise ValueError("not a whole number of blocks")
    decryptor = Cipher(algorithms.SM4(key), modes.ECB()).decryptor()  # noqa: S305
    pad = padding.PKCS7(128).unpadder()
    return pad.update(decryptor.update(sealed) + decryptor.finalize()) + pad.finalize()


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    assert len(body) < 128, "keys of this curve are short"
    return bytes((tag, len(body))) + body


class _Library:
    """The few functions of libcrypto that are needed, with their types."""

    def __init__(self, name: str) -> None:
        self.lib = ctypes.CDLL(name)
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self._new_context = self._named("EVP_MD_CTX_new", pointer)
        self._free_context = self._named("EVP_MD_CTX_free", None, pointer)
        self._new_key_context = self._named("EVP_PKEY_CTX_new", pointer, pointer, pointer)
        self._free_key_context = self._named("EVP_PKEY_CTX_free", None, pointer)
        self._set_signer = self._named("EVP_PKEY_CTX_set1_id", ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_int)
        self._use_key_context = self._named("EVP_MD_CTX_set_pkey_ctx", None, pointer, pointer)
        self._sm3 = self._named("EVP_sm3", pointer)
        begin = (ctypes.c_int, pointer, pointer, pointer, pointer, pointer)
        self._begin_sign, self._begin_verify = (
            self._named("EVP_DigestSignInit", *begin),
            self._named("EVP_DigestVerifyInit", *begin),
        )
        self._sign = self._named(
            "EVP_DigestSign", ctypes.c_int, pointer, ctypes.c_char_p, ctypes.POINTER(size), ctypes.c_char_p, size
        )
        self._verify = self._named("EVP_DigestVerify", ctypes.c_int, pointer, ctypes.c_char_p, size, ctypes.c_char_p, size)
        read = (pointer, pointer, ctypes.POINTER(ctypes.c_char_p), ctypes.c_long)
        self._read_public, self._read_private = self._named("d2i_PUBKEY", *read), self._named("d2i_AutoPrivateKey", *read)
        self._write_public = self._named("i2d_PUBKEY", ctypes.c_int, pointer, ctypes.POINTER(ctypes.c_char_p))
        self.free_key = self._named("EVP_PKEY_free", None, pointer)
        self._forget_errors = self._named("ERR_clear_error", None)

    def _named(self, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
        function = getattr(self.lib, name)
        function.restype, function.argtypes = result, list(arguments)
        return function  # type: ignore[no-any-return]  # a foreign function

    def _read(self, reader: Callable[..., Any], der: bytes) -> int:
        key = reader(None, ctypes.byref(ctypes.c_char_p(der)), len(der))
        if not key:
            self._forget_errors()
            raise ValueError("not a key of this curve")
        return int(key)

    def read_public(self, public: bytes) -> int:
        # By its length alone: of 256 keys one has an x that begins with 04 too.
        marked = public if len(public) == 65 else b"\x04" + public
        if len(marked) != 65 or marked[0] != 4:
            raise ValueError("not a public key of this curve")
        return self._read(self._read_public, _der(0x30, _der(0x30, _EC_KEY, _CURVE), _der(0x03, b"\x00" + marked)))

    def read_private(self, private: bytes) -> int:
        if len(private) != 32 or not 0 < int.from_bytes(private, "big") < ORDER - 1:
            raise ValueError("not a private key of this curve")
        return self._read(self._read_private, _der(0x30, _der(0x02, b"\x01"), _der(0x04, private), _der(0xA0, _CURVE)))

    def public(self, key: int) -> bytes:
        length = self._write_public(key, None)
        space = ctypes.create_string_buffer(length)
        place = ctypes.cast(space, ctypes.c_char_p)
        self._write_public(key, ctypes.byref(place))
        return space.raw[length - 64 :]

    def _with_signer(self, key: int, signer: bytes, begin: Callable[..., Any], work: Callable[[int], Any]) -> Any:
        context, key_context = self._new_context(), self._new_key_context(key, None)
        try:
            if not key_context or self._set_signer(key_context, signer, len(signer)) <= 0:
                raise NotAvailable("libcrypto does not take this key for SM2")
            self._use_key_context(context, key_context)
            if begin(context, None, self._sm3(), None, key) != 1:
                raise NotAvailable("libcrypto does not sign with SM2 and SM3")
            return work(context)
        finally:
            self._free_context(context)
            self._free_key_context(key_context)
            self._forget_errors()

    def sign(self, key: int, message: bytes, signer: bytes) -> bytes:
        def work(context: int) -> bytes:
            length = ctypes.c_size_t(128)
            space = ctypes.create_string_buffer(length.value)
            if self._sign(context, space, ctypes.byref(length), message, len(message)) != 1:
                raise NotAvailable("libcrypto did not sign")
            r, s = decode_dss_signature(space.raw[: length.value])
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")

        signature: bytes = self._with_signer(key, signer, self._begin_sign, work)
        return signature

    def verify(self, key: int, message: bytes, der: bytes, signer: bytes) -> bool:
        def work(context: int) -> bool:
            return bool(self._verify(context, der, len(der), message, len(message)) == 1)

        return bool(self._with_signer(key, signer, self._begin_verify, work))


_PROOF = (
    # GM/T 0003.5, annex A: private key, public key, message, signature.
    bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"),
    bytes.fromhex(
        "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
        "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
    ),
    b"message digest",
    bytes.fromhex(
        "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
        "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
    ),
)


@cache
def _library() -> _Library:
    name = ctypes.util.find_library("crypto")
    try:
        library = _Library(name or "libcrypto.so.3")
        _prove(library)
    except (OSError, AttributeError, ValueError, InvalidSignature, NotAvailable) as error:
        log.warning("SM2 is off: %s", error)
        raise NotAvailable(str(error)) from None
    return library


def _prove(library: _Library) -> None:
    """The standard's own example verifies, nothing else does, and what is signed here verifies."""
    private, public, message, signature = _PROOF
    key, other = library.read_public(public), library.read_private(private)
    try:
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        good = library.verify(key, message, encode_dss_signature(r, s), DEFAULT_SIGNER)
        bad = library.verify(key, message + b".", encode_dss_signature(r, s), DEFAULT_SIGNER)
        strange = library.verify(key, message, encode_dss_signature(r, s), b"another signer")
        own = library.sign(other, message, DEFAULT_SIGNER)
        mine = encode_dss_signature(int.from_bytes(own[:32], "big"), int.from_bytes(own[32:], "big"))
        if (
            not good
            or bad
            or strange
            or library.public(other) != public
            or not library.verify(key, message, mine, DEFAULT_SIGNER)
        ):
            raise NotAvailable("libcrypto does not compute SM2 as the standard does")
    finally:
        library.free_key(key)
        library.free_key(other)
