"""Where documents lie: a folder by default, or any S3-compatible store. What is put there is already sealed.

Names are made by the program, never by whoever uploads. Nothing here is called inside a transaction.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from xml.etree import ElementTree

from mulaid.calendar import Clock
from mulaid.outside.signing import Credentials, Request, aws4
from mulaid.settings import SettingTrouble

if TYPE_CHECKING:
    import httpx

SECONDS = 10
_NAME = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FOUND, _GONE = 200, 404


class StorageTrouble(Exception):
    """The store did not do what it was asked; for the operator, in English. The reader is told to try again."""


class Storage(Protocol):
    """A place for sealed documents under names of 64 hexadecimal digits."""

    def put(self, name: str, content: bytes) -> None:
        """Keep a document; whoever returns from this has it on disk. Never over another one."""

    def get(self, name: str) -> bytes:
        """A document; StorageTrouble if it is not there."""

    def delete(self, name: str) -> None:
        """Forget a document; nothing if it is not there."""

    def older(self, moment: datetime) -> Iterator[str]:
        """Names of the documents that were put before a moment, a few at a time."""


class Folder:
    """Documents as files of a folder outside any web root, readable by this program's user only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, content: bytes) -> None:
        """Keep a document: written aside, flushed, and only then given its name."""
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_suffix(".part")
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise StorageTrouble(f"{name} is being written by somebody else") from None
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
        except FileExistsError:
            raise StorageTrouble(f"{name} is there already") from None
        finally:
            draft.unlink()

    def get(self, name: str) -> bytes:
        """A document."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            raise StorageTrouble(f"{name} is not in the store") from None

    def delete(self, name: str) -> None:
        """Forget a document."""
        self._path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """All documents; for a look over what no row speaks of."""
        return (path.name for path in sorted(self.folder.glob("??/*")) if _NAME.fullmatch(path.name))

    def older(self, moment: datetime) -> Iterator[str]:
        """Names of the documents that were put before a moment."""
        for name in self.names():
            try:
                put = self._path(name).stat().st_mtime
            except FileNotFoundError:  # deleted meanwhile
                continue
            if put < moment.timestamp():
                yield name

    def _path(self, name: str) -> Path:
        return self.folder / _checked(name)[:2] / name


class Bucket:
    """Documents in an S3-compatible store, by signed HTTPS with the bucket in the path, as self-hosted stores want it."""

    def __init__(self, endpoint: str, bucket: str, region: str, key: Credentials, clock: Clock) -> None:
        self.scheme, _, self.host = endpoint.rstrip("/").partition("://")
        if self.scheme not in ("http", "https") or "/" in self.host or not self.host:
            raise SettingTrouble("MULAID_S3_ENDPOINT takes an address such as https://s3.example.cn, without a path")
        self.bucket, self.region, self.key, self.clock = bucket, region, key, clock

    def put(self, name: str, content: bytes) -> None:
        """Keep a document; the store is asked to refuse a name that is taken."""
        answer = self._ask("PUT", name, content, {"if-none-match": "*", "content-type": "application/octet-stream"})
        if answer.status_code != _FOUND:
            raise StorageTrouble(f"the store answered {answer.status_code} when {name} was put")

    def get(self, name: str) -> bytes:
        """A document."""
        answer = self._ask("GET", name)
        if answer.status_code != _FOUND:
            raise StorageTrouble(f"the store answered {answer.status_code} when {name} was asked for")
        return answer.content

    def delete(self, name: str) -> None:
        """Forget a document."""
        answer = self._ask("DELETE", name)
        if answer.status_code not in (_FOUND, 204, _GONE):
            raise StorageTrouble(f"the store answered {answer.status_code} when {name} was deleted")

    def older(self, moment: datetime) -> Iterator[str]:
        """Names of the documents that were put before a moment; whatever else is in the bucket is left out."""
        query = {"list-type": "2"}
        while True:
            answer = self._send("GET", f"/{self.bucket}", query=query)
            if answer.status_code != _FOUND:
                raise StorageTrouble(f"the store answered {answer.status_code} when it was asked for its list")
            try:
                page = ElementTree.fromstring(answer.content)  # noqa: S314 - our own store's, over our own signed request
                rows = [(row.findtext("{*}Key", ""), row.findtext("{*}LastModified", "")) for row in page.iterfind("{*}Contents")]
                found = [name for name, put in rows if _NAME.fullmatch(name) and datetime.fromisoformat(put) < moment]
            except (ElementTree.ParseError, ValueError, TypeError):
                raise StorageTrouble("the store's list cannot be read") from None
            yield from found
            token = page.findtext("{*}NextContinuationToken", "")
            if not token:
                return
            query["continuation-token"] = token

    def _ask(self, method: str, name: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self._send(method, f"/{self.bucket}/{_checked(name)}", body, headers)

    def _send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        import httpx

        hashed = hashlib.sha256(body).hexdigest()
        given = {**(headers or {}), "x-amz-content-sha256": hashed}
        request = Request(method, self.host, path, query=query or {}, headers=given, body=body)
        signed = aws4(self.key, request, self.clock(), region=self.region, service="s3")
        try:
            with httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client:
                return client.request(method, f"{self.scheme}://{self.host}{request.address}", content=body, headers=signed)
        except httpx.HTTPError as error:
            raise StorageTrouble(f"the store does not answer: {type(error).__name__}") from None


def storage_for(data: Path, given: Mapping[str, str], clock: Clock) -> Storage:
    """The store the settings name: a bucket if MULAID_S3_ENDPOINT is set, else a folder beside the keys."""
    endpoint = given.get("MULAID_S3_ENDPOINT", "")
    if not endpoint:
        return Folder(data / "papers")
    names = ("MULAID_S3_BUCKET", "MULAID_S3_REGION", "MULAID_S3_KEY_ID", "MULAID_S3_SECRET")
    missing = [name for name in names if not given.get(name)]
    if missing:
        raise SettingTrouble(f"MULAID_S3_ENDPOINT is set, so these must be too: {', '.join(missing)}")
    bucket, region, key_id, secret = (given[name] for name in names)
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket, re.ASCII):
        raise SettingTrouble("MULAID_S3_BUCKET is not a bucket's name")
    return Bucket(endpoint, bucket, region, Credentials(key_id, secret), clock)


def _checked(name: str) -> str:
    assert _NAME.fullmatch(name), "names of documents are made here, from 64 hexadecimal digits"
    return name
