"""A real HTTP server that misbehaves on purpose."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATH = "/models/archive.tar.gz"


@dataclass
class Site:
    """What it serves, and how."""

    content: bytes
    etag: str | None = None
    """None: one of the content's own; empty: none at all."""
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)
    """For each of the next answers: bytes after which the connection is cut."""
    statuses: list[int] = field(default_factory=list)
    """For each of the next requests: a status to answer instead."""
    redirects: dict[str, str] = field(default_factory=dict)
    """Path to where it redirects."""
    authorization: str = ""
    """What must be sent; empty: nothing."""
    chunked: bool = False
    content_range: str = ""
    """Sent instead of the right one."""
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Path and headers of each request."""
    url: str = ""

    @property
    def address(self) -> str:
        return self.url + PATH

    def headers_seen(self, name: str) -> list[str | None]:
        return [headers.get(name) for _, headers in self.seen]

    @property
    def effective_etag(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"' if self.etag is None else self.etag  # noqa: S324


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        site = self.site
        site.seen.append((self.path, dict(self.headers)))
        self.close_connection = True
        if self.path in site.redirects:
            self._answer(302, {"Location": site.redirects[self.path]})
        elif site.statuses:
            self._answer(site.statuses.pop(0), {"Retry-After": "7"})
        elif self.path.partition("?")[0] != PATH:
            self._answer(404, {})
        elif site.authorization and self.headers.get("Authorization") != site.authorization:
            self._answer(401, {})
        elif site.effective_etag and self.headers.get("If-None-Match") == site.effective_etag:
            self._answer(304, {})
        else:
            self._content()

    def _content(self) -> None:
        site, start = self.site, 0
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        unchanged = self.headers.get("If-Range", site.effective_etag) == site.effective_etag
        headers = {"ETag": site.effective_etag} if site.effective_etag else {}
        if wanted and site.ranges and unchanged:
            start = int(wanted[1])
            if start >= len(site.content):
                self._answer(416, {"Content-Range": f"bytes */{len(site.content)}"})
                return
            last = len(site.content) - 1
            headers["Content-Range"] = site.content_range or f"bytes {start}-{last}/{last + 1}"
        self._body(206 if "Content-Range" in headers else 200, headers, site.content[start:])

    def _body(self, status: int, headers: dict[str, str], body: bytes) -> None:
        cut = self.site.break_after.pop(0) if self.site.break_after else len(body)
        framing = {"Transfer-Encoding": "chunked"} if self.site.chunked else {"Content-Length": str(len(body))}
        self._answer(status, headers | framing, None)
        if not self.site.chunked:
            self.wfile.write(body[:cut])
            return
        for at in range(0, cut, 1000):
            piece = body[at : min(at + 1000, cut)]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if cut >= len(body):
            self.wfile.write(b"0\r\n\r\n")

    def _answer(self, status: int, headers: dict[str, str], length: int | None = 0) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(content: bytes, host: str = "127.0.0.1", **options: object) -> Iterator[Site]:
    """The server, for as long as the block runs."""
    site = Site(content, **options)  # type: ignore[arg-type]
    server = ThreadingHTTPServer((host, 0), type("Handler", (_Handler,), {"site": site}))
    server.daemon_threads = True
    site.url = f"http://{host}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
