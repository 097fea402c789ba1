"""`spec.repository.http`: an archive that is streamed to disk, goes on where it broke off, and is checked whole."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import urllib3
from urllib3.exceptions import HTTPError

from glm_operator.api.allowed_urls import AllowedUrls, Url, UrlRefusedError, parse_url, refuse_address, shown
from glm_operator.repository_init.budget import Clock, Progress, Space
from glm_operator.repository_init.connections import failure, guarded_pool
from glm_operator.repository_init.failure import FetchError, TransientError, disk_failure
from glm_operator.repository_init.fetch_plan import HttpArchive, Secret
from glm_operator.repository_init.retry import persist

MOST_REDIRECTS: Final = 5
USER_AGENT: Final = "glm-operator"
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_CHUNK_BYTES: Final = 256 << 10

Response = urllib3.BaseHTTPResponse


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a fetch is done with."""

    allowed: AllowedUrls
    secret: Secret
    space: Space
    progress: Progress
    clock: Clock
    tell: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the archive on the server, beside its bytes on the disk."""

    validator: str = ""
    """A strong ETag, or the time of the last change."""
    wrong_sha256: str = ""
    """Of a whole archive with this validator that was fetched and wasn't the wanted one."""


class ArchiveFetch:
    """One archive, fetched into one file."""

    def __init__(self, source: HttpArchive, around: Surroundings, folder: Path) -> None:
        self._source, self._around = source, around
        self._authorization = _authorization(around.secret)
        self._home = parse_url(source.uri).origin
        self._part, self._note = folder / "archive", folder / "archive.json"
        self._resumed = False

    def run(self) -> Path:
        """The archive, whole and with the right checksum.

        Raises:
            FetchError: it can't be had.
        """
        for _ in range(2):
            self._resumed = False
            persist(self._attempt, self._around.progress, self._around.clock, self._around.tell)
            found = self._checksum()
            if found == self._source.sha256:
                return self._part
            self._part.unlink()
            if not self._resumed:
                self._write_note(_Known(self._read_note().validator, found))
                break
            # Pieces of two archives, perhaps: only a whole one says which checksum it has.
            self._note.unlink(missing_ok=True)
            self._around.tell("the pieces of the archive don't fit together; it is fetched anew")
        raise self._mismatch(found)

    def _mismatch(self, found: str) -> FetchError:
        return FetchError(
            f"the archive at {shown(self._source.uri)} has SHA-256 {found}, and spec.repository.http.sha256 is"
            f" {self._source.sha256}; correct the one that is wrong"
        )

    def _attempt(self) -> None:
        known, size = self._read_note(), self._size()
        with _Redirected(self._around, self._home, self._authorization) as connection:
            response = connection.get(self._source.uri, _headers(known, size))
            if response.status == HTTPStatus.NOT_MODIFIED:
                raise self._mismatch(known.wrong_sha256)
            if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                self._whole_or_void(response, size)
                return
            start = self._start(response, known, size)
            if start == 0:
                self._write_note(_Known(_validator(response)))
            self._store(response, start, connection.host)

    def _start(self, response: Response, known: _Known, size: int) -> int:
        """Where the response's bytes belong.

        Raises:
            TransientError: nowhere; what was there is thrown away.
        """
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            return 0
        found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        changed = bool(known.validator) and _validator(response) not in {"", known.validator}
        if found is None or int(found[1]) != size or changed:
            self._part.unlink(missing_ok=True)
            raise TransientError("the server sent another part than was asked for")
        return size

    def _whole_or_void(self, response: Response, size: int) -> None:
        """The server has nothing after what is there: all was there, or it was another archive's."""
        if response.headers.get("Content-Range", "") != f"bytes */{size}":
            self._part.unlink(missing_ok=True)
            raise TransientError("the archive has become shorter")
        self._resumed = True
        self._around.progress.begin_at(size)

    def _store(self, response: Response, start: int, host: str) -> None:
        progress, space = self._around.progress, self._around.space
        length = response.headers.get("Content-Length", "")
        progress.total = start + int(length) if length.isdigit() else None
        space.check(progress.total or start)
        progress.begin_at(start)
        self._resumed = self._resumed or start > 0
        written = start
        try:
            with self._part.open("r+b" if start else "wb") as file:
                file.seek(start)
                for chunk in _chunks(response, host):
                    space.check(written + len(chunk))
                    file.write(chunk)
                    written += len(chunk)
                    progress.add(len(chunk))
        except OSError as error:
            raise disk_failure(error) from None

    def _checksum(self) -> str:
        with self._part.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _read_note(self) -> _Known:
        try:
            return _Known(**json.loads(self._note.read_text()))
        except (OSError, ValueError, TypeError):
            return _Known()

    def _write_note(self, known: _Known) -> None:
        self._note.write_text(json.dumps({"validator": known.validator, "wrong_sha256": known.wrong_sha256}))


class _Redirected:
    """GET through a bounded number of redirects, each of which is asked about like the first address."""

    def __init__(self, around: Surroundings, home: tuple[str, str, int | None], authorization: str) -> None:
        self._around, self._home, self._authorization = around, home, authorization
        self._open: tuple[urllib3.PoolManager, Response | None] | None = None
        self.host = ""

    def __enter__(self) -> "_Redirected":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def get(self, address: str, headers: Mapping[str, str]) -> Response:
        """The response to be read.

        Raises:
            FetchError: it isn't one with content.
        """
        for _ in range(MOST_REDIRECTS + 1):
            response = self._get_once(address, headers)
            location = response.headers.get("Location", "")
            if response.status not in _REDIRECTS or not location:
                self._raise_for_status(response, address)
                return response
            address = urljoin(address, location)
        raise FetchError(f"{shown(address)}: more than {MOST_REDIRECTS} redirects; give the address they lead to")

    def _get_once(self, address: str, headers: Mapping[str, str]) -> Response:
        self._close()
        try:
            entries = self._around.allowed.check(address)
        except UrlRefusedError as error:
            raise FetchError(str(error)) from None
        url = parse_url(address)
        if url.scheme not in {"http", "https"}:
            raise FetchError(f"a redirect leads to {shown(address)}, which is no address over HTTP")
        self.host = url.host
        pool = guarded_pool(lambda ip: refuse_address(ip, url, entries), self._around.secret.get("ca.crt"))
        self._open = (pool, None)
        sent = {**headers, **self._credentials(url)}
        try:
            response = pool.request("GET", address, headers=sent, preload_content=False)
        except HTTPError as error:
            raise failure(error, url.host) from None
        self._open = (pool, response)
        return response

    def _credentials(self, url: Url) -> dict[str, str]:
        """Only for whom they are meant: not for the hosts that it redirects to."""
        return {"Authorization": self._authorization} if self._authorization and url.origin == self._home else {}

    def _raise_for_status(self, response: Response, address: str) -> None:
        status, where = response.status, shown(address)
        if status in {200, 206, 304, 416}:
            return
        if status in _PASSING:
            after = response.headers.get("Retry-After", "")
            raise TransientError(f"{where} answers {status}", float(after) if after.isdigit() else 0.0)
        raise FetchError(f"{where} answers {status}: {self._remedy(status)}")

    def _remedy(self, status: int) -> str:
        secret = self._around.secret.name
        if status in {401, 403}:
            if secret:
                return f"the credentials of Secret {secret} are refused; correct them"
            return "it wants credentials; name a Secret with them in spec.repository.http.secretRef"
        if status in {404, 410}:
            return "nothing is there; correct spec.repository.http.uri, or put the archive there"
        return "the request is refused; correct spec.repository.http.uri"

    def _close(self) -> None:
        if self._open is not None:
            pool, response = self._open
            if response is not None:
                response.close()
            pool.clear()


def _authorization(secret: Secret) -> str:
    """The header's value; empty without a Secret, or with one that holds only an authority's certificate.

    Raises:
        FetchError: a key is missing, or its value can't be sent.
    """
    if not secret.name or set(secret.values) == {"ca.crt"}:
        return ""
    if secret.get("token"):
        (token,) = secret.require("token")
        if re.search(r"[^\x21-\x7e]", token):
            raise FetchError(f"key token of Secret {secret.name} holds what can't be sent in a header; correct it")
        return f"Bearer {token}"
    if not secret.get("username"):
        raise FetchError(f"Secret {secret.name} has neither the key token nor username and password; add them")
    username, password = secret.require("username", "password")
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _headers(known: _Known, size: int) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity", "User-Agent": USER_AGENT}
    if size:
        headers["Range"] = f"bytes={size}-"
        if known.validator:
            headers["If-Range"] = known.validator
    elif known.wrong_sha256 and known.validator:
        name = "If-None-Match" if known.validator.startswith('"') else "If-Modified-Since"
        headers[name] = known.validator
    return headers


def _validator(response: Response) -> str:
    """What tells this content from another at the same address; a weak ETag doesn't."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _chunks(response: Response, host: str) -> Iterator[bytes]:
    """The body as it comes in, so that a server that drips is noticed."""
    try:
        while chunk := response.read1(_CHUNK_BYTES, decode_content=False):
            yield chunk
    except HTTPError as error:
        raise failure(error, host) from None
