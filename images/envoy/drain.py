#!/usr/bin/python3
"""What a gateway pod does before it ends: `glm-envoy-drain SOCKET SECONDS METRICS_PORT`.

Standard library only.

Readiness fails at once and every answer closes its connection, while new connections are still taken: nodes learn a
moment later that the pod is going. It ends as soon as no client is connected any longer, at the latest after SECONDS.
"""

import http.client
import re
import socket
import sys
import time
from typing import Final

LEAST_SECONDS: Final = 5.0
"""Every node takes the pod out of its Service within this time."""
POLL_SECONDS: Final = 0.5
ANSWER_SECONDS: Final = 5.0
_CONNECTIONS: Final = re.compile(
    r"^listener\.(?P<listener>[^ ]*(?<!\.worker)_\d+)\.downstream_cx_active: (?P<count>\d+)$", re.M
)
"""A listener's own line, named by its address and port; not its workers' (`....worker_0.`), and not `admin`."""


class AdminConnection(http.client.HTTPConnection):
    """HTTP over the Unix socket that Envoy's administration listens on."""

    def __init__(self, path: str) -> None:
        super().__init__("envoy", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ANSWER_SECONDS)
        self.sock.connect(self._path)


def ask(path: str, method: str, target: str) -> str:
    """The answer of Envoy's administration."""
    connection = AdminConnection(path)
    try:
        connection.request(method, target)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def connected_clients(stats: str, metrics_port: int) -> int:
    """Connections to all listeners but the one that tells metrics and readiness."""
    found = _CONNECTIONS.finditer(stats)
    return sum(int(line["count"]) for line in found if not line["listener"].endswith(f"_{metrics_port}"))


def drain(path: str, seconds: float, metrics_port: int) -> None:
    """Wait until nobody is connected, `LEAST_SECONDS` at least and `seconds` at most."""
    begin = time.monotonic()
    ask(path, "POST", "/healthcheck/fail")
    while True:
        passed = time.monotonic() - begin
        stats = ask(path, "GET", "/stats?filter=^listener.*downstream_cx_active$")
        if passed >= seconds or (passed >= LEAST_SECONDS and not connected_clients(stats, metrics_port)):
            return
        time.sleep(POLL_SECONDS)


def main() -> None:
    """Drain, or say why it isn't possible; the pod ends either way."""
    try:
        drain(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"Envoy's administration at {sys.argv[1]} does not answer: {error}")


if __name__ == "__main__":
    main()
