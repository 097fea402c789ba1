"""Who may ask for the configuration: certificates on both sides, read anew at each handshake."""

import logging
from collections.abc import Callable
from typing import Any, Protocol

import grpc

logger = logging.getLogger(__name__)


class ServerCertificates(Protocol):
    """What the server shows and whom it trusts, as PEM."""

    @property
    def certificate(self) -> bytes:
        """The server's certificate."""

    @property
    def key(self) -> bytes:
        """Its private key."""

    @property
    def client_authorities(self) -> bytes:
        """Who signs the certificates of clients."""


def server_credentials(read: Callable[[], ServerCertificates]) -> Any:
    """Credentials for a server that every client must show a certificate to.

    Args:
        read: returns the present certificates. It is called at each handshake, from a thread of gRPC's, and so must
            neither wait nor touch what belongs to the event loop. When it raises, those read before stay in use.
    """

    def fetch() -> Any | None:
        try:
            return _configuration(read())
        except Exception as error:  # whatever it is: it would end in gRPC's own thread, and this handshake with it
            logger.warning("the gateway's certificates cannot be read, those read before stay in use: %s", error)
            return None

    return grpc.dynamic_ssl_server_credentials(_configuration(read()), fetch, require_client_authentication=True)


def _configuration(certificates: ServerCertificates) -> Any:
    return grpc.ssl_server_certificate_configuration(
        [(certificates.key, certificates.certificate)], certificates.client_authorities
    )
