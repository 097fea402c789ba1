"""`spec.repository.s3`: the objects below a prefix, a few at a time, each streamed, continued and checked by itself.

The bucket is spoken to with the `minio` library over our own guarded connections
(docs/decisions/0005-sources-that-are-fetched.md says why this one).
"""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeVar

import urllib3
from minio import Minio
from minio.datatypes import Object
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError

from glm_operator.api.allowed_urls import parse_url, refuse_address
from glm_operator.repository_init.connections import failure, guarded_pool
from glm_operator.repository_init.failure import FetchError, TransientError, disk_failure
from glm_operator.repository_init.fetch_plan import S3Objects
from glm_operator.repository_init.http_source import Surroundings
from glm_operator.repository_init.retry import persist
from glm_operator.repository_init.staging import Staging

T = TypeVar("T")

PARALLEL: Final = 4
MOST_OBJECTS: Final = 100_000
AWS: Final = "https://s3.amazonaws.com"
_CHUNK_BYTES: Final = 256 << 10
_MD5: Final = re.compile(r"[0-9a-f]{32}")
_NO_MD5: Final = frozenset({"aws:kms", "aws:kms:dsse"})
"""Encryptions under which an ETag looks like an MD5 and is none."""
_CREDENTIALS: Final = frozenset(
    {
        "AccessDenied", "AccountProblem", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch",
        "XAdminUserNotFound",  # versitygw's word for an unknown key
    }
)  # fmt: skip
_PASSING: Final = frozenset({"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"})


@dataclass(frozen=True, slots=True)
class _Item:
    """One object of the bucket."""

    key: str
    path: str
    """Below the prefix."""
    size: int
    etag: str

    @property
    def note(self) -> str:
        """Name of its files while it is incomplete; a key may be longer than a file name."""
        return hashlib.sha256(self.key.encode()).hexdigest()


class _Check:
    """A checksum that a server gives for a whole object."""

    def __init__(self, name: str, expected: bytes) -> None:
        self.name, self._expected = name, expected
        self._crc = 0
        self._hash = None if name == "CRC32" else hashlib.new(name.replace("-", ""), usedforsecurity=False)

    def update(self, chunk: bytes) -> None:
        if self._hash is None:
            self._crc = zlib.crc32(chunk, self._crc)
        else:
            self._hash.update(chunk)

    def holds(self) -> bool:
        found = self._crc.to_bytes(4, "big") if self._hash is None else self._hash.digest()
        return found == self._expected


def _checks(item: _Item, head: Object) -> list[_Check]:
    """What can be checked: not the checksum of checksums that an upload in parts has."""
    headers = head.metadata or {}
    checks = []
    for name, header in (("SHA-256", "x-amz-checksum-sha256"), ("CRC32", "x-amz-checksum-crc32")):
        given = headers.get(header, "")
        if given and "-" not in given and headers.get("x-amz-checksum-type", "") != "COMPOSITE":
            checks.append(_Check(name, base64.b64decode(given)))
    encrypted = headers.get("x-amz-server-side-encryption", "") in _NO_MD5
    if _MD5.fullmatch(item.etag) and not encrypted and "x-amz-server-side-encryption-customer-algorithm" not in headers:
        checks.append(_Check("MD5", bytes.fromhex(item.etag)))
    return checks


def _read_etag(note: Path) -> str:
    try:
        return str(json.loads(note.read_text())["etag"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class ObjectsFetch:
    """The objects below one prefix, fetched into a folder."""

    def __init__(self, source: S3Objects, around: Surroundings, staging: Staging) -> None:
        self._source, self._around, self._staging = source, around, staging
        self._server = parse_url(source.endpoint or AWS)
        self._client = self._connected()

    def _connected(self) -> Minio:
        entries = self._around.allowed.check(self._source.address)
        secret, server = self._around.secret, self._server
        keys = secret.require("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if secret.name else (None, None)
        host = f"[{server.host}]" if ":" in server.host else server.host
        return Minio(
            endpoint=f"{host}:{server.port}" if self._source.endpoint else host,
            access_key=keys[0],
            secret_key=keys[1],
            session_token=secret.get("AWS_SESSION_TOKEN") or None,
            secure=server.scheme == "https",
            region=self._source.region,
            http_client=guarded_pool(
                lambda ip: refuse_address(ip, server, entries), secret.get("ca.crt"), size=PARALLEL
            ),
        )

    def run(self) -> int:
        """Fetch all; returns how many objects there are.

        Raises:
            FetchError: something can't be had.
        """
        around = self._around
        items = persist(self._listed, around.progress, around.clock, around.tell)
        for item in items:
            around.space.take(item.size)
        around.progress.total = sum(item.size for item in items)
        self._remove_others(items)
        with ThreadPoolExecutor(PARALLEL) as threads:
            running = [threads.submit(self._fetch, item) for item in items]
            done, others = wait(running, return_when=FIRST_EXCEPTION)
            if others:
                around.progress.stop()
            for other in others:
                other.cancel()
            for finished in done:
                finished.result()
        return len(items)

    def _listed(self) -> list[_Item]:
        items = [self._item(found) for found in self._asked(lambda: list(self._pages()))]
        if not items:
            raise FetchError(
                f"nothing is below s3://{self._source.bucket}/{self._source.prefix}; put MODEL/VERSION/FILENAME there,"
                " or correct spec.repository.s3.uri"
            )
        return items

    def _pages(self) -> Iterator[Object]:
        listing = self._client.list_objects(self._source.bucket, prefix=self._source.prefix, recursive=True)
        for count, found in enumerate(listing, start=1):
            if count > MOST_OBJECTS:
                raise FetchError(f"more than {MOST_OBJECTS:,} objects are below the prefix; name a deeper one")
            self._around.progress.check_time()
            if not (found.object_name or "").endswith("/"):  # consoles make such objects for folders
                yield found

    def _item(self, found: Object) -> _Item:
        key = found.object_name or ""
        path = key.removeprefix(self._source.prefix)
        if any(part in {"", ".", ".."} for part in path.split("/")) or re.search(r"[\\\x00-\x1f\x7f]", path):
            raise FetchError(f"the object {key!r} has a name that can't be a path; rename it, or name a deeper prefix")
        return _Item(key, path, found.size or 0, (found.etag or "").strip('"'))

    def _remove_others(self, items: list[_Item]) -> None:
        """What an earlier run has fetched and the bucket has no longer."""
        wanted = {self._staging.content / item.path for item in items}
        for path in [path for path in self._staging.content.rglob("*") if path.is_file() and path not in wanted]:
            path.unlink()

    def _fetch(self, item: _Item) -> None:
        around, part = self._around, self._staging.parts / item.note
        target, note = self._staging.content / item.path, part.with_suffix(".json")
        same = _read_etag(note) == item.etag
        if same and target.exists() and target.stat().st_size == item.size:
            around.progress.resume(item.size)
            return
        if not same:
            part.unlink(missing_ok=True)
            note.write_text(json.dumps({"etag": item.etag}))
        around.progress.resume(_size(part))
        for _ in range(2):
            head = persist(lambda: self._attempt(item, part), around.progress, around.clock, around.tell)
            problem = _problem(part, item, head)
            if not problem:
                target.parent.mkdir(parents=True, exist_ok=True)
                part.rename(target)
                return
            around.progress.resume(-_size(part))
            part.unlink()
        raise FetchError(f"s3://{self._source.bucket}/{item.key} {problem}; upload it anew")

    def _attempt(self, item: _Item, part: Path) -> Object:
        """Fetch what is missing of an object; what the server says of it."""
        bucket, key, size = self._source.bucket, item.key, _size(part)
        head = self._asked(
            lambda: self._client.stat_object(bucket, key, extra_headers={"x-amz-checksum-mode": "ENABLED"})
        )
        if size < item.size or size == 0:
            same: dict[str, str | list[str] | tuple[str]] = {"If-Match": f'"{item.etag}"'} if item.etag else {}
            response = self._asked(lambda: self._client.get_object(bucket, key, offset=size, request_headers=same))
            try:
                self._store(response, part, size)
            finally:
                response.close()
        return head

    def _store(self, response: urllib3.BaseHTTPResponse, part: Path, size: int) -> None:
        if size and response.status != HTTPStatus.PARTIAL_CONTENT:
            self._around.progress.resume(-size)
            size = 0
        try:
            with part.open("r+b" if size else "wb") as file:
                file.seek(size)
                while chunk := self._asked(lambda: response.read1(_CHUNK_BYTES)):
                    file.write(chunk)
                    self._around.progress.add(len(chunk))
        except OSError as error:
            raise disk_failure(error) from None

    def _asked(self, ask: Callable[[], T]) -> T:
        """What the server answers; what goes wrong as a sentence."""
        try:
            return ask()
        except S3Error as error:
            raise self._refusal(error) from None
        except ServerError as error:
            raise TransientError(f"{self._server.host} answers {error.status_code}") from None
        except InvalidResponseError:
            raise FetchError(f"{self._server.host} doesn't speak S3; correct spec.repository.s3.endpoint") from None
        except HTTPError as error:
            raise failure(error, self._server.host) from None
        except (MinioException, ValueError) as error:
            raise FetchError(f"the bucket can't be read: {error}") from None

    def _refusal(self, error: S3Error) -> FetchError:
        code, secret = error.code or "", self._around.secret.name
        text = f"{self._server.host} answers {code}"
        if code in _CREDENTIALS:
            who = f"the credentials of Secret {secret} are" if secret else "a request without credentials is"
            return FetchError(f"{text}: {who} refused; correct spec.repository.s3.secretRef, or the bucket's policy")
        if code == "NoSuchBucket":
            return FetchError(f"{text}: there is no bucket {self._source.bucket}; correct spec.repository.s3.uri")
        if code in {"PreconditionFailed", "NoSuchKey"}:
            return FetchError(f"{text}: {error.object_name} was changed while it was fetched; it is tried again")
        region = error.response.headers.get("x-amz-bucket-region")
        if region and region != self._source.region:
            return FetchError(f"{text}: the bucket is in region {region}; set spec.repository.s3.region")
        if error.response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or code in _PASSING:
            return TransientError(text)
        return FetchError(f"{text}: {error.message}")


def _problem(part: Path, item: _Item, head: Object) -> str:
    """Why a fetched object isn't what the server has; empty when it is, as far as the server tells."""
    if (head.etag or "") != item.etag or _size(part) != item.size:
        return "was changed while it was fetched"
    checks = _checks(item, head)
    with part.open("rb") as file:
        while checks and (chunk := file.read(_CHUNK_BYTES)):
            for check in checks:
                check.update(chunk)
    wrong = [check.name for check in checks if not check.holds()]
    return f"has another {' and '.join(wrong)} than its server says" if wrong else ""
