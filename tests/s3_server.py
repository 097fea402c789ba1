"""A real server that speaks S3 (versitygw over a folder), and a wire to it that can be cut and disturbed."""

import io
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from minio import Minio

from devcluster import binaries

ACCESS = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "a-long-secret"}
BUCKET = "models"


@dataclass
class Wire:
    """What passes between client and server: one request a connection."""

    upstream: int
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path, and the Range that was asked for."""
    cut_after: list[int] = field(default_factory=list)
    """For each of the next answers with an object: bytes of the whole answer after which the connection is cut."""
    flip: int = 0
    """So many of the next answers with an object have their last byte changed."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self.upstream), timeout=30) as server:
            client.settimeout(30)
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(65536)
                if not piece:
                    return
                head += piece
            limit, flip = self._treatment(head.decode())
            server.sendall(head)
            answer = b"".join(iter(lambda: server.recv(65536), b""))[:limit]
            client.sendall(answer[:-1] + bytes([answer[-1] ^ 1]) if flip else answer)

    def _treatment(self, head: str) -> tuple[int | None, bool]:
        method, target = head.split(" ")[:2]
        path, _, query = target.partition("?")
        asked = re.search(r"(?im)^range: (.*?)\r$", head)
        with self.lock:
            self.requests.append((f"{method} {path}", asked[1] if asked else ""))
            if method != "GET" or query or path.count("/") < 2:
                return None, False
            self.flip, flip = max(0, self.flip - 1), self.flip > 0
            return (self.cut_after.pop(0) if self.cut_after else None), flip

    def ranges(self, key: str) -> list[str]:
        return [asked for request, asked in self.requests if request == f"GET /{BUCKET}/{key}"]


@dataclass(frozen=True)
class S3Server:
    """The running server."""

    url: str
    admin: Minio
    wire: Wire

    def put(self, files: Mapping[str, bytes]) -> None:
        for key, content in files.items():
            self.admin.put_object(BUCKET, key, io.BytesIO(content), len(content))


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """The server with an empty bucket, for as long as the block runs."""
    binaries.ensure([binaries.named("versitygw")])
    for name in ("data", "sidecar"):
        (folder / name).mkdir()
    port = _free_port()
    keys = {"ROOT_ACCESS_KEY": ACCESS["AWS_ACCESS_KEY_ID"], "ROOT_SECRET_KEY": ACCESS["AWS_SECRET_ACCESS_KEY"]}
    command = [str(binaries.named("versitygw").path), "--quiet", "--port", f"127.0.0.1:{port}"]
    command += ["posix", "--sidecar", str(folder / "sidecar"), str(folder / "data")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=os.environ | keys, stdout=log, stderr=log)
    wire = Wire(port)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_accept, args=(listener, wire), daemon=True)
    try:
        _wait_for(port, server, folder / "log")
        thread.start()
        admin = Minio(endpoint=f"127.0.0.1:{port}", access_key=keys["ROOT_ACCESS_KEY"],
                      secret_key=keys["ROOT_SECRET_KEY"], secure=False, region="us-east-1")  # fmt: skip
        admin.make_bucket(bucket_name=BUCKET)
        yield S3Server(f"http://127.0.0.1:{listener.getsockname()[1]}", admin, wire)
    finally:
        listener.close()
        server.terminate()
        server.wait(timeout=10)


def _accept(listener: socket.socket, wire: Wire) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_carry, args=(wire, client), daemon=True).start()


def _carry(wire: Wire, client: socket.socket) -> None:
    with suppress(OSError):
        wire.carry(client)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        threading.Event().wait(0.05)
    raise RuntimeError(f"the S3 server did not start: {log.read_text()}")
