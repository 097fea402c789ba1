"""Asking a component whether it is ready."""

import http.client
import socket
import ssl
from contextlib import nullcontext
from urllib.parse import urlsplit

from devcluster import namespaces

TIMEOUT = 2.0  # seconds

_unverified = ssl.create_default_context()
_unverified.check_hostname = False
_unverified.verify_mode = ssl.CERT_NONE


def answers(url: str, sandbox: int | None) -> bool:
    """Whether `url` answers with success, asked in the sandbox with this init, or from the machine itself."""
    try:
        if url.startswith("unix://"):
            return _accepts(url.removeprefix("unix://"), sandbox)
        return _status(url, sandbox) == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def _accepts(path: str, sandbox: int | None) -> bool:
    root = "" if sandbox is None else f"/proc/{sandbox}/root"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(root + path)
    return True


def _status(url: str, sandbox: int | None) -> int:
    """Ask, whatever the certificate: this only wants a sign of life, and some components sign their own."""
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=TIMEOUT)
    with nullcontext() if sandbox is None else namespaces.network_of(sandbox):
        connection.connect()
    try:
        if target.scheme == "https":
            connection.sock = _unverified.wrap_socket(connection.sock, server_hostname=target.hostname)
        connection.request("GET", target.path)
        return connection.getresponse().status
    finally:
        connection.close()
