"""Serves the archive in /files to the tests of `spec.repository.http`; it runs in a pod, on the standard library.

/public/NAME/archive.tar.gz is for everybody, /private/... wants a bearer token. With `slow` as NAME the first answer
stops halfway and waits, until the client is gone. Each request is a line of the log, with the Range that it asked for.
"""

import re
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONTENT = Path("/files/archive.tar.gz").read_bytes()
ETAG = '"1"'
TOKEN = sys.argv[1]
HELD = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        print(f"GET {self.path} range={self.headers.get('Range', '-')}", flush=True)
        found = re.fullmatch(r"/(public|private)/([a-z]+)/archive\.tar\.gz", self.path)
        if found is None:
            self.answer(404, b"")
        elif found[1] == "private" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer(401, b"")
        else:
            self.send_archive(hold=found[2] == "slow" and not HELD.is_set())

    def send_archive(self, *, hold: bool) -> None:
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.headers.get("If-Range", ETAG) == ETAG else 0
        headers = {"ETag": ETAG}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        self.answer(206 if start else 200, CONTENT[start:], headers, half=hold)
        if hold:
            HELD.set()
            print("half of it is sent", flush=True)
            self.rfile.read(1)  # returns when the client is gone
            self.close_connection = True

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, half: bool = False) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if half else body)

    def log_message(self, *_: object) -> None:
        pass


socketserver.TCPServer.allow_reuse_address = True
ThreadingHTTPServer(("", 8080), Handler).serve_forever()
