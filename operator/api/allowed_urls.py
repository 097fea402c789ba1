"""Which addresses model files may come from: the operator's list, and how an address is matched with it.

The operator refuses what isn't listed before it makes a pod; the fetch container asks again for every redirect, and for
the address that a name leads to. Standard library only.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

DEFAULT_ALLOWED_URLS: Final = "https://,s3://"
"""Every public server that proves who it is, and every bucket of AWS; docs/decisions/0005-sources-that-are-fetched.md
says why."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "s3": None}
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_PREFIX: Final = re.compile(r"[A-Za-z0-9._~:/\[\]-]+")
_LOCALHOST: Final = re.compile(r"(.*\.)?localhost(\.localdomain)?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in ("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
"""Where clouds tell a machine its secrets, beside the link-local 169.254.169.254."""
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class UrlRefusedError(Exception):
    """An address that can't be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Url:
    """An address in the one form in which it is compared."""

    scheme: str
    host: str
    """Lower case, without brackets; for s3 the bucket. Empty in a list entry: every public host."""
    port: int | None
    path: tuple[str, ...]
    """Decoded segments; none of them is empty, but for the last one of an address that ends in `/`."""

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Whom credentials are for."""
        return self.scheme, self.host, self.port


@dataclass(frozen=True, slots=True)
class AllowedUrls:
    """The operator's list."""

    entries: tuple[Url, ...]
    text: str

    @classmethod
    def parse(cls, text: str) -> "AllowedUrls":
        """The list as the setting has it: prefixes with commas between them.

        Raises:
            ValueError: naming the entry that can't be one.
        """
        entries = [entry.strip() for entry in text.split(",") if entry.strip()]
        return cls(tuple(_entry(entry) for entry in entries), ", ".join(entries))

    def check(self, address: str) -> tuple[Url, ...]:
        """The entries that allow an address.

        Raises:
            UrlRefusedError: no entry does, or the address can be read in two ways.
        """
        url = parse_url(address)
        matching = tuple(entry for entry in self.entries if _matches(entry, url))
        if matching:
            return matching
        allowed = f"allowed are addresses that begin with {self.text}" if self.entries else "no address is allowed"
        raise UrlRefusedError(
            f"{shown(address)} is not allowed by the operator's setting repositoryUrls: {allowed}; use one of these, or"
            " ask who runs the operator to add it"
        )


def parse_url(address: str) -> Url:
    """An address taken apart. What one program may read differently from another is refused, not guessed.

    Raises:
        UrlRefusedError: with what is wrong with it.
    """
    if re.search(r"[^\x21-\x7e]|\\", address):
        raise UrlRefusedError(f"{shown(address)!r} holds a space, a backslash or a character that must be encoded")
    try:
        parts = urlsplit(address)
        scheme, host, port = parts.scheme.lower(), _host(parts.hostname or ""), parts.port
    except ValueError as error:
        raise UrlRefusedError(f"{shown(address)} is no address: {error}") from None
    if scheme not in _DEFAULT_PORTS or not host:
        raise UrlRefusedError(
            f"{shown(address)} is no address: write {' or '.join(f'{s}://HOST/' for s in _DEFAULT_PORTS)}"
        )
    if "@" in parts.netloc:
        raise UrlRefusedError(f"the address of {host} holds credentials; put them into a Secret (secretRef)")
    if parts.fragment:
        raise UrlRefusedError(f"{shown(address)} holds a fragment (#...); remove it")
    return Url(scheme, host, port or _DEFAULT_PORTS[scheme], _segments(parts.path))


def refuse_address(address: str, url: Url, entries: Iterable[Url]) -> str:
    """Why the IP address that a host leads to must not be asked; empty when it may be.

    Args:
        address: the IP address.
        url: the address whose host it is.
        entries: the list's entries that allow `url`.
    """
    seen = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
    if any(_reaches(entry, seen) for entry in entries):
        return ""
    if _is_forbidden(seen):
        return f"{url.host} leads to {seen}, an address of the node itself or of its metadata, which is never asked"
    return (
        f"{url.host} leads to {seen}, which is no public address; ask who runs the operator to list"
        f" {url.scheme}://{url.host} by name in repositoryUrls"
    )


def s3_address(uri: str, endpoint: str) -> str:
    """The address by which the list speaks of a bucket: `s3://BUCKET/PREFIX` at AWS, else below the endpoint."""
    return f"{endpoint}/{uri.removeprefix('s3://')}" if endpoint else uri


def shown(address: str) -> str:
    """An address without what may be secret in it: credentials, and the query of a presigned one."""
    scheme, slashes, rest = address.partition("#")[0].partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}"


def _entry(text: str) -> Url:
    """An entry of the list: an address, or a scheme alone."""
    if text.lower() in {"https://", "s3://"}:
        return Url(text.lower().removesuffix("://"), "", _DEFAULT_PORTS[text.lower().removesuffix("://")], ())
    if not _PREFIX.fullmatch(text):
        raise ValueError(f"{text!r} is no prefix: write https://HOST/PATH, without query and encoded characters")
    try:
        url = parse_url(text)
    except UrlRefusedError as error:
        raise ValueError(f"{text!r} is no prefix: {error}") from None
    return Url(url.scheme, url.host, url.port, tuple(segment for segment in url.path if segment))


def _matches(entry: Url, url: Url) -> bool:
    if not entry.host:
        # A literal or local name would get round what the entry stands for: public hosts.
        return entry.scheme == url.scheme and entry.port == url.port and not _is_local(url.host)
    return entry.origin == url.origin and entry.path == url.path[: len(entry.path)]


def _is_local(host: str) -> bool:
    literal = _literal(host)
    return _LOCALHOST.fullmatch(host) is not None if literal is None else not _unwrapped(literal).is_global


def _reaches(entry: Url, address: Address) -> bool:
    """Whether an entry that allows a host allows this IP address as well."""
    if _is_listed_literally(entry.host, address):
        return True
    if not entry.host and entry.scheme != "s3":
        return address.is_global and not _is_forbidden(address)
    return not _is_forbidden(address)


def _is_listed_literally(host: str, address: Address) -> bool:
    literal = _literal(host)
    if literal is None:
        return address.is_loopback and _LOCALHOST.fullmatch(host) is not None
    return _unwrapped(literal) == address


def _is_forbidden(address: Address) -> bool:
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address in _METADATA
    )


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only carries it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _host(host: str) -> str:
    """A host in its one form.

    Raises:
        ValueError: it isn't one, or is an IP address in a form that is read in several ways (`127.1`, `0x7f000001`).
    """
    lowered = host.lower()
    literal = _literal(lowered)
    if literal is not None and "%" not in lowered:
        return str(literal)
    if lowered and not _HOST.fullmatch(lowered):
        raise ValueError(f"{host!r} is no host name")
    if _NUMBER.fullmatch(lowered.rpartition(".")[2]):
        raise ValueError(f"write the IP address {host!r} in full, or use a name")
    return lowered


def _segments(path: str) -> tuple[str, ...]:
    segments = tuple(unquote(segment, errors="strict") for segment in path.split("/")[1:]) if _decodes(path) else None
    if segments is None or any(_is_doubtful(segment) for segment in segments):
        raise UrlRefusedError(f"the path {path!r} holds '..' or an encoded '/', '\\', '%' or control character")
    if any(not segment for segment in segments[:-1]):
        raise UrlRefusedError(f"the path {path!r} holds an empty segment ('//')")
    return segments


def _decodes(path: str) -> bool:
    if re.search(r"%(?![0-9A-Fa-f]{2})", path):
        return False
    try:
        unquote(path, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _is_doubtful(segment: str) -> bool:
    """Whether a server may take a decoded segment for more or less than one step down."""
    return segment.partition(";")[0] in {".", ".."} or re.search(r"[/\\%\x00-\x1f\x7f]", segment) is not None
