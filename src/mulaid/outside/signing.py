"""Signed requests of the big clouds. AWS (every S3-compatible store), Tencent and Alibaba differ in names, not in kind.

A canonical text of the request is hashed, the hash is signed with a key derived from the secret, and both ends compare.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Credentials:
    """A provider's key: its public name and its secret."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """A request before it is signed; `path` is already percent-encoded, header names are lower case."""

    method: str
    host: str
    path: str = "/"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def query_text(self) -> str:
        """The query as it is sent and signed: sorted, percent-encoded as RFC 3986 says."""
        return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(self.query.items()))

    @property
    def address(self) -> str:
        """What comes after scheme and host."""
        return f"{self.path}?{self.query_text}" if self.query else self.path


def aws4(key: Credentials, request: Request, at: datetime, *, region: str, service: str) -> dict[str, str]:
    """The headers to send, AWS Signature Version 4. For S3 the caller names the body's hash in `x-amz-content-sha256`."""
    moment = f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    headers = {**request.headers, "host": request.host, "x-amz-date": moment}
    names, hashed = _canonical(request, headers)
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    signing = f"AWS4{key.secret}".encode()
    for part in scope.split("/"):
        signing = _hmac(signing, part)
    signature = _hmac(signing, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}").hex()
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={key.id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return headers


def tc3(key: Credentials, request: Request, at: datetime, *, service: str) -> dict[str, str]:
    """The headers to send, Tencent Cloud TC3-HMAC-SHA256; content type and host are signed, as their documents ask."""
    seconds = int(at.timestamp())
    signed = {"content-type": request.headers["content-type"], "host": request.host}
    names, hashed = _canonical(request, signed)
    scope = f"{at.astimezone(UTC):%Y-%m-%d}/{service}/tc3_request"
    signing = f"TC3{key.secret}".encode()
    for part in scope.split("/"):
        signing = _hmac(signing, part)
    signature = _hmac(signing, f"TC3-HMAC-SHA256\n{seconds}\n{scope}\n{hashed}").hex()
    authorization = f"TC3-HMAC-SHA256 Credential={key.id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**request.headers, "host": request.host, "x-tc-timestamp": str(seconds), "authorization": authorization}


def acs3(key: Credentials, request: Request, at: datetime, *, action: str, version: str, nonce: str) -> dict[str, str]:
    """The headers to send, Alibaba Cloud ACS3-HMAC-SHA256."""
    headers = {
        **request.headers,
        "host": request.host,
        "x-acs-action": action,
        "x-acs-content-sha256": hashlib.sha256(request.body).hexdigest(),
        "x-acs-date": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    names, hashed = _canonical(request, headers)
    signature = _hmac(key.secret.encode(), f"ACS3-HMAC-SHA256\n{hashed}").hex()
    headers["authorization"] = f"ACS3-HMAC-SHA256 Credential={key.id},SignedHeaders={names},Signature={signature}"
    return headers


def _canonical(request: Request, headers: Mapping[str, str]) -> tuple[str, str]:
    """The signed headers' names, and the hash of the canonical request."""
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    body = hashlib.sha256(request.body).hexdigest()
    text = "\n".join((request.method, request.path, request.query_text, lines, names, body))
    return names, hashlib.sha256(text.encode()).hexdigest()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
