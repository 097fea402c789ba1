"""What belongs to the cluster of one checkout: its identity, its paths, and the few settings that outlive a command."""

import fcntl
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from devcluster.console import say

FIRST_PORT, PORTS = 20_000, 10_000  # below the range that the kernel hands to outgoing connections


def cache_folder() -> Path:
    """Where built tools are kept, for all checkouts of this user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "glm-operator"


def write_atomically(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Replace `path`, so that whoever reads it sees the old or the new content and never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.touch(mode=mode)
    fresh.write_bytes(content.encode() if isinstance(content, str) else content)
    fresh.replace(path)


@dataclass(frozen=True, slots=True)
class Layout:
    """Names and paths of the cluster that belongs to `checkout`. Two checkouts share none of them."""

    checkout: Path

    @property
    def name(self) -> str:
        """Names the cluster's cgroups: `glm-` and eight hexadecimal digits of the checkout's path."""
        return "glm-" + hashlib.sha256(str(self.checkout).encode()).hexdigest()[:8]

    @property
    def preferred_port(self) -> int:
        """The API server's port, unless something else on the machine has it."""
        return FIRST_PORT + int(hashlib.sha256(str(self.checkout).encode()).hexdigest()[:8], 16) % PORTS

    @property
    def folder(self) -> Path:
        """Everything the cluster writes; `down` removes it."""
        return self.checkout / ".cluster"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig for people, good inside the cluster's network and outside of it."""
        return self.folder / "kubeconfig"

    @property
    def certificates(self) -> Path:
        """Keys and certificates."""
        return self.folder / "pki"

    @property
    def programs(self) -> Path:
        """The tools by their plain names."""
        return self.folder / "bin"

    @property
    def settings(self) -> Path:
        """The file that holds `Settings`."""
        return self.folder / "cluster.json"

    def config(self, file: str) -> Path:
        """A component's configuration file."""
        return self.folder / "config" / file

    def log(self, component: str) -> Path:
        """A component's log."""
        return self.folder / "log" / f"{component}.log"

    def record(self, component: str) -> Path:
        """Where the process of a component is recorded."""
        return self.folder / "processes" / f"{component}.json"

    def node(self, node: str) -> Path:
        """A node's data: images, kubelet state, logs of its pods."""
        return self.folder / "nodes" / node

    def create(self) -> None:
        """Make the state folder, unseen by git."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / ".gitignore").write_text("*\n")

    def remove(self) -> None:
        """Remove the state folder."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands that change this cluster waiting. The lock is in the cache: `down` removes the folder."""
        path = cache_folder() / "locks" / self.name
        with exclusive(path):
            yield


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock on `path`; the kernel frees it when the process ends, however that happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("  waiting for another devcluster command to end ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class Settings:
    """What `up` was last asked for, and the port it found free."""

    port: int
    nodes: int = 1
    kwok: bool = False


def read_settings(layout: Layout) -> Settings | None:
    """The recorded settings; None when there is no cluster, or only half of one."""
    try:
        return Settings(**json.loads(layout.settings.read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None


def write_settings(layout: Layout, settings: Settings) -> None:
    """Record the settings."""
    write_atomically(layout.settings, json.dumps(asdict(settings)) + "\n")


def choose_port(preferred: int) -> int:
    """The first port from `preferred` on that nothing on 127.0.0.1 listens on."""
    for port in range(preferred, FIRST_PORT + PORTS + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port from {preferred} on")
