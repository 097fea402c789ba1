"""The certificates of the stream between operator and gateway: read, judged and made. No I/O; time is an argument.

A certificate authority of the operator's own signs two certificates: the operator's, as a server, and the one that all
gateway pods share, as clients. Nobody else's certificates are trusted, so who may read the Secret may feed or read the
stream, and nobody else.

**Lives.** Leaves live for 90 days and are made anew with 30 left: a month in which a failing renewal is seen before it
harms. Since that happens by itself, a longer life would buy nothing; a much shorter one would let an operator that is
away for some weeks come back to gateways with expired certificates. The authority's key lies beside the leaves', so a
ten-year authority would be no safer than they are, and its first change would be tried out after ten years. It lives
for one year, and is changed in three steps so that no gateway ever meets a certificate that it doesn't trust yet:

1. a new authority is added to the trusted ones, and signs nothing;
2. `SPREAD` later, when all gateways trust it, it signs both leaves;
3. `SPREAD` after that, when no gateway shows a certificate of the old one any more, the old one is dropped.

Which step it is follows from the certificates' own times: there is no state beside them.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LEAF_LIFE: Final = timedelta(days=90)
LEAF_RENEWED_BEFORE: Final = timedelta(days=30)
AUTHORITY_LIFE: Final = timedelta(days=365)
AUTHORITY_RENEWED_BEFORE: Final = LEAF_LIFE + LEAF_RENEWED_BEFORE
SPREAD: Final = timedelta(days=1)
"""Until every gateway has what was written: minutes, and longer on a node that is off the network for a while."""
CLOCK_SKEW: Final = timedelta(minutes=10)
"""By how much another machine's clock may be behind ours."""

# Keys of the Secret. A gateway pod mounts the first three.
TRUST_KEY: Final = "ca.crt"
CLIENT_CERTIFICATE_KEY: Final = "client.crt"
CLIENT_KEY_KEY: Final = "client.key"
SERVER_CERTIFICATE_KEY: Final = "server.crt"
SERVER_KEY_KEY: Final = "server.key"
AUTHORITY_KEYS_KEY: Final = "ca.key"

_SERVER_ENTRIES: Final = (SERVER_CERTIFICATE_KEY, SERVER_KEY_KEY)
_CLIENT_ENTRIES: Final = (CLIENT_CERTIFICATE_KEY, CLIENT_KEY_KEY)

_BROKEN: Final = (ValueError, TypeError, UnsupportedAlgorithm)
"""What cryptography raises for content that is damaged; one bit may make a curve that it doesn't know."""
CLIENT_NAME: Final = "glm-gateway"

_PEM_KEY_END: Final = b"-----END PRIVATE KEY-----"


class UnreadableCredentialsError(Exception):
    """The Secret holds no credentials that can be used; the message says which key and why, and never its content."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def begin(self) -> datetime:
        """When it was made."""
        return self.certificate.not_valid_before_utc + CLOCK_SKEW

    @property
    def end(self) -> datetime:
        """When it expires."""
        return self.certificate.not_valid_after_utc

    def is_valid(self, now: datetime) -> bool:
        """Whether it can be shown now."""
        return self.certificate.not_valid_before_utc <= now < self.end

    def is_issued_by(self, authority: "Identity") -> bool:
        """Whether the authority has signed it."""
        try:
            self.certificate.verify_directly_issued_by(authority.certificate)
        except (*_BROKEN, InvalidSignature):
            return False
        return True


@dataclass(frozen=True, slots=True)
class ServerCredentials:
    """What the operator's server needs, as PEM."""

    certificate: bytes
    key: bytes = field(repr=False)
    client_authorities: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """Everything that the Secret holds."""

    authorities: tuple[Identity, ...]
    """All that are trusted, oldest first; at least one."""
    server: Identity
    client: Identity

    @property
    def named(self) -> dict[str, Identity]:
        """What each is called where it is told of; of the authorities, the newest."""
        return {"authority": self.authorities[-1], "server": self.server, "client": self.client}

    @property
    def for_server(self) -> ServerCredentials:
        """The operator's own part."""
        return ServerCredentials(_certificate_pem(self.server), _key_pem(self.server), self._trust)

    @property
    def _trust(self) -> bytes:
        return b"".join(_certificate_pem(authority) for authority in self.authorities)

    def to_secret(self) -> dict[str, str]:
        """`data` of the Secret."""
        texts = {
            TRUST_KEY: self._trust,
            AUTHORITY_KEYS_KEY: b"".join(_key_pem(authority) for authority in self.authorities),
            SERVER_CERTIFICATE_KEY: _certificate_pem(self.server),
            SERVER_KEY_KEY: _key_pem(self.server),
            CLIENT_CERTIFICATE_KEY: _certificate_pem(self.client),
            CLIENT_KEY_KEY: _key_pem(self.client),
        }
        return {key: base64.b64encode(text).decode() for key, text in texts.items()}


@dataclass(frozen=True, slots=True)
class Renewal:
    """What is to be made anew, and why."""

    reason: str
    message: str
    kept: tuple[Identity, ...] = ()
    """Authorities that stay trusted, oldest first."""
    signer: Identity | None = None
    """The one of them that signs; None: a new one does."""
    authority: bool = False
    """A new authority is added."""
    server: bool = False
    client: bool = False


def read_secret(data: Mapping[str, str]) -> Credentials:
    """Credentials from `data` of a Secret.

    Raises:
        UnreadableCredentialsError: when something is missing, malformed, or doesn't belong together.
    """
    certificates = _certificates(data, TRUST_KEY)
    keys = _keys(data, AUTHORITY_KEYS_KEY)
    if len(certificates) != len(keys):
        raise UnreadableCredentialsError(f"{TRUST_KEY} and {AUTHORITY_KEYS_KEY} don't have the same number of entries")
    authorities = tuple(
        _identity(certificate, key, TRUST_KEY) for certificate, key in zip(certificates, keys, strict=True)
    )
    server = _leaf(data, _SERVER_ENTRIES, ExtendedKeyUsageOID.SERVER_AUTH, authorities)
    client = _leaf(data, _CLIENT_ENTRIES, ExtendedKeyUsageOID.CLIENT_AUTH, authorities)
    return Credentials(tuple(sorted(authorities, key=lambda authority: authority.begin)), server, client)


def new_credentials(server_names: Sequence[str], now: datetime) -> Credentials:
    """Everything anew."""
    authority = _new_authority(now)
    return Credentials((authority,), _new_server(authority, server_names, now), _new_client(authority, now))


def renewal_due(credentials: Credentials, server_names: Sequence[str], now: datetime) -> Renewal | None:
    """What is to be made anew at `now`; None when everything is in order.

    Args:
        credentials: what there is.
        server_names: DNS names that the operator's server answers to.
        now: the time.
    """
    valid = tuple(authority for authority in credentials.authorities if authority.is_valid(now))
    if not valid:
        message = f"no authority is valid now; the last one ends {credentials.authorities[-1].end:%Y-%m-%d}"
        return Renewal("AuthorityExpired", message, authority=True, server=True, client=True)
    if valid[-1].end - now < AUTHORITY_RENEWED_BEFORE:
        message = f"the authority ends {valid[-1].end:%Y-%m-%d}; a new one is trusted beside it, and signs in a while"
        return Renewal("AuthorityAdded", message, kept=valid, signer=valid[-1], authority=True)
    signer = _signer(valid, now)
    server = _why_renewed(credentials.server, signer, now) or _why_renamed(credentials.server, server_names)
    client = _why_renewed(credentials.client, signer, now)
    if server or client:
        parts = (f"{name}: {why}" for name, why in (("server", server), ("client", client)) if why)
        message = "; ".join(parts)
        return Renewal("LeafRenewed", message, kept=valid, signer=signer, server=bool(server), client=bool(client))
    kept = _still_needed(valid, signer, credentials, now)
    if kept != credentials.authorities:
        return Renewal("AuthorityRetired", "no certificate of an older authority is shown any more", kept, signer)
    return None


def renew(credentials: Credentials, renewal: Renewal, server_names: Sequence[str], now: datetime) -> Credentials:
    """The credentials after a renewal; makes the keys."""
    added = (_new_authority(now),) if renewal.authority else ()
    authorities = (*renewal.kept, *added)
    signer = renewal.signer or authorities[-1]
    server = _new_server(signer, server_names, now) if renewal.server else credentials.server
    client = _new_client(signer, now) if renewal.client else credentials.client
    return Credentials(authorities, server, client)


def _signer(valid: Sequence[Identity], now: datetime) -> Identity:
    """The newest authority that every gateway trusts by now; any newest one, where those end too soon."""
    spread = [authority for authority in valid if now - authority.begin >= SPREAD] or [valid[0]]
    return spread[-1] if spread[-1].end - now >= LEAF_RENEWED_BEFORE else valid[-1]


def _why_renewed(leaf: Identity, signer: Identity, now: datetime) -> str:
    if not leaf.is_valid(now):
        return f"it is valid from {leaf.begin:%Y-%m-%d} to {leaf.end:%Y-%m-%d} only"
    if leaf.end - now < LEAF_RENEWED_BEFORE:
        return f"it ends {leaf.end:%Y-%m-%d}"
    return "" if leaf.is_issued_by(signer) else "a newer authority signs"


def _why_renamed(leaf: Identity, server_names: Sequence[str]) -> str:
    return "" if _names(leaf) == set(server_names) else "the server has other names"


def _still_needed(
    valid: Sequence[Identity], signer: Identity, credentials: Credentials, now: datetime
) -> tuple[Identity, ...]:
    """Without the authorities before the signer, once its own leaves are everywhere."""
    everywhere = all(now - leaf.begin >= SPREAD for leaf in (credentials.server, credentials.client))
    return tuple(authority for authority in valid if not everywhere or authority.begin >= signer.begin)


def _names(leaf: Identity) -> set[str]:
    alternatives = _extension(leaf.certificate, x509.SubjectAlternativeName)
    return set(alternatives.get_values_for_type(x509.DNSName)) if alternatives else set()


def _new_authority(now: datetime) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    # Each has a name of its own, by which a verifier finds the right one of two.
    name = _subject(f"glm-operator gateway authority {now:%Y-%m-%dT%H:%M:%SZ}")
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = _builder(name, name, key, now, now + AUTHORITY_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    return Identity(builder.sign(key, hashes.SHA256()), key)


def _new_server(signer: Identity, names: Sequence[str], now: datetime) -> Identity:
    return _new_leaf(signer, ExtendedKeyUsageOID.SERVER_AUTH, names, now)


def _new_client(signer: Identity, now: datetime) -> Identity:
    return _new_leaf(signer, ExtendedKeyUsageOID.CLIENT_AUTH, [CLIENT_NAME], now)


def _new_leaf(signer: Identity, usage: x509.ObjectIdentifier, names: Iterable[str], now: datetime) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    end = min(now + LEAF_LIFE, signer.end)
    builder = _builder(_subject("glm-operator gateway"), signer.certificate.subject, key, now, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    builder = builder.add_extension(alternatives, critical=False)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
    builder = builder.add_extension(identifier, critical=False)
    return Identity(builder.sign(signer.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - CLOCK_SKEW).not_valid_after(end)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate_pem(identity: Identity) -> bytes:
    return identity.certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(identity: Identity) -> bytes:
    return identity.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _leaf(
    data: Mapping[str, str],
    entries: tuple[str, str],
    usage: x509.ObjectIdentifier,
    authorities: Sequence[Identity],
) -> Identity:
    certificate_key, key_key = entries
    certificates, keys = _certificates(data, certificate_key), _keys(data, key_key)
    if len(certificates) != 1 or len(keys) != 1:
        raise UnreadableCredentialsError(f"{certificate_key} or {key_key} has more than one entry")
    leaf = _identity(certificates[0], keys[0], certificate_key)
    if not any(leaf.is_issued_by(authority) for authority in authorities):
        raise UnreadableCredentialsError(f"{certificate_key} is not signed by an authority of {TRUST_KEY}")
    if usage not in (_extension(leaf.certificate, x509.ExtendedKeyUsage) or ()):
        raise UnreadableCredentialsError(f"{certificate_key} is for another use")
    return leaf


def _identity(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, where: str) -> Identity:
    try:
        own = certificate.public_key()
    except _BROKEN:
        raise UnreadableCredentialsError(f"{where} holds a certificate of another kind") from None
    if own != key.public_key():
        raise UnreadableCredentialsError(f"the private key beside {where} is another certificate's")
    return Identity(certificate, key)


_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, *_BROKEN):
        return None


def _certificates(data: Mapping[str, str], key: str) -> list[x509.Certificate]:
    content = _content(data, key)
    try:
        return x509.load_pem_x509_certificates(content)
    except _BROKEN:
        raise UnreadableCredentialsError(f"{key} holds no certificate") from None


def _keys(data: Mapping[str, str], key: str) -> list[ec.EllipticCurvePrivateKey]:
    parts = [part + _PEM_KEY_END for part in _content(data, key).split(_PEM_KEY_END)[:-1]]
    if not parts:
        raise UnreadableCredentialsError(f"{key} holds no private key")
    return [_key(part, key) for part in parts]


def _key(pem: bytes, where: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except _BROKEN:
        raise UnreadableCredentialsError(f"{where} holds no private key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise UnreadableCredentialsError(f"{where} holds a key of another kind")
    return key


def _content(data: Mapping[str, str], key: str) -> bytes:
    if key not in data:
        raise UnreadableCredentialsError(f"{key} is missing")
    try:
        return base64.b64decode(data[key], validate=True)
    except ValueError:
        raise UnreadableCredentialsError(f"{key} is not base64") from None
