"""The first connection to a Service: every node learns of a ready pod a moment after the API server does."""

import socket
import time

DEADLINE_SECONDS = 10.0


def wait_until_open(address):
    """Wait until `HOST:PORT` accepts a connection; after the deadline the last error is raised."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=2).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
