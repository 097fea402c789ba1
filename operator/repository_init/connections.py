"""Connections of the fetch container: no redirect is followed unseen, and no address is asked that isn't allowed.

A name is checked by the address that the connection really has, before a byte is sent: a name server that answers
differently the next time gains nothing by it.
"""

import ssl
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from glm_operator.repository_init.failure import FetchError, TransientError

CONNECT_SECONDS: Final = 15.0
SILENCE_SECONDS: Final = 60.0
"""How long a server may send nothing."""

Guard = Callable[[str], str]
"""Why the IP address must not be asked; empty when it may be."""


def guarded_pool(guard: Guard, ca_certificate: str, size: int = 1) -> urllib3.PoolManager:
    """Connections whose address passes `guard`; they use no proxy, and tell of redirects instead of following them.

    Raises:
        FetchError: the authority's certificate is none.
    """

    class Plain(HTTPConnection):
        def _new_conn(self) -> Any:
            return _checked(super()._new_conn(), guard)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> Any:
            return _checked(super()._new_conn(), guard)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    pool = _NoRedirects(
        num_pools=4,
        maxsize=size,
        block=True,
        retries=False,
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS),
        ssl_context=_trust(ca_certificate),
    )
    pool.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return pool


class _NoRedirects(urllib3.PoolManager):
    def urlopen(self, *arguments: Any, **named: Any) -> Any:
        return super().urlopen(*arguments, **named | {"redirect": False})


def _checked(sock: Any, guard: Guard) -> Any:
    why = guard(sock.getpeername()[0])
    if why:
        sock.close()
        raise FetchError(why)
    return sock


@lru_cache(maxsize=1)
def _trust(ca_certificate: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    if ca_certificate:
        try:
            context.load_verify_locations(cadata=ca_certificate)
        except ssl.SSLError:
            raise FetchError("ca.crt of the Secret holds no certificate in PEM form; correct it") from None
    return context


def failure(error: HTTPError | OSError, host: str) -> FetchError:
    """A broken connection, in the user's terms; the library's own words may hold the whole address."""
    for kinds, text in _SENTENCES:
        if isinstance(error, kinds):
            return TransientError(text.format(host=host))
    if isinstance(error, SSLError):
        return _certificate_failure(error, host)
    return TransientError(f"the connection to {host} failed ({type(error).__name__})")


def _certificate_failure(error: SSLError, host: str) -> FetchError:
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return FetchError(
            f"{host} doesn't prove who it is ({cause.verify_message}); give the certificate of its authority as ca.crt"
            " in the Secret, or correct the address"
        )
    return TransientError(f"no secure connection to {host} could be made")


_SENTENCES: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...]] = (
    (NameResolutionError, "no name server knows {host}; correct the address"),
    (NewConnectionError, "{host} could not be connected to"),
    (ConnectTimeoutError, f"{{host}} could not be connected to within {CONNECT_SECONDS:.0f} s"),
    (ReadTimeoutError, f"{{host}} sent nothing for {SILENCE_SECONDS:.0f} s"),
    ((IncompleteRead, ProtocolError), "the connection to {host} broke"),
)
