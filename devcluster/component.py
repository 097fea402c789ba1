"""A component: a process the cluster needs, as data. Which one runs is decided by comparing it with the record."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devcluster.network import Node


@dataclass(frozen=True, slots=True)
class Component:
    """One process of the cluster."""

    name: str
    argv: tuple[str, ...]
    ready_url: str  # answers when it is ready: http, https, or unix for a socket that accepts
    node: Node | None  # whose sandbox it runs in; None: the machine's own network
    writes: Mapping[Path, str] = field(default_factory=dict)  # its configuration, written before it starts
    reads: tuple[Path, ...] = ()  # files of others that it reads at its start
    seconds: int = 2  # until ready, as a rule

    @property
    def address(self) -> str:
        """What `status` shows."""
        scheme, _, rest = self.ready_url.partition("://")
        return rest if scheme == "unix" else rest.split("/")[0]

    def fingerprint(self) -> str:
        """Changes with the arguments, the configuration and what stands in the files of others."""
        digest = hashlib.sha256("\0".join(self.argv).encode())
        for content in self.writes.values():
            digest.update(content.encode())
        for file in self.reads:
            digest.update(file.read_bytes() if file.exists() else b"")
        return digest.hexdigest()


def flags(**values: object) -> tuple[str, ...]:
    """Command line flags from keywords, in the way of Kubernetes: `--secure-port=6443`, `--profiling=false`."""
    return tuple(f"--{name.replace('_', '-')}={_flag_value(value)}" for name, value in values.items())


def _flag_value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
