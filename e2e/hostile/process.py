"""The operator as a process of this machine, inside the cluster's network, started as the chart's Deployment does."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from demo.paths import ROOT
from devcluster import namespaces, processes, sandbox
from devcluster.network import Node
from devcluster.state import Layout
from hostile.proxy import Proxy

MARK: Final = "HOSTILE_OPERATOR"
"""Environment variable of every operator that these tests start: a crashed run's are found by it."""
T = TypeVar("T")


class Network:
    """The network of the first node: what listens or calls here can reach pods, and be reached by the operator."""

    def __init__(self, layout: Layout) -> None:
        held = sandbox.holder(layout, Node(0))
        assert held is not None, "the cluster does not run"
        self.path = f"/proc/{held.pid}/ns/net"
        self._inside = ThreadPoolExecutor(1, initializer=namespaces.enter_network, initargs=(self.path,))

    def inside(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do something in a thread that lives in this network."""
        return self._inside.submit(work, *arguments).result(timeout=30)

    def listen(self) -> socket.socket:
        """A socket on 127.0.0.1 with a port of its own."""
        return self.inside(_listen)

    def free_port(self) -> int:
        """A port that nothing listens on."""
        return self.inside(_free_port)

    def read(self, url: str) -> str:
        """What a server in this network answers; empty while none does."""
        return self.inside(_read, url)


def _listen() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _read(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return ""


class Operator:
    """One operator behind one proxy. It can be killed and started again, as kubelet would."""

    def __init__(
        self,
        network: Network,
        proxy: Proxy,
        token: str,
        folder: Path,
        settings: Mapping[str, str],
        namespace: str | None,
    ) -> None:
        self.proxy = proxy
        self._network = network
        self._folder = folder
        self._namespace = namespace
        self._process: subprocess.Popen[bytes] | None = None
        self.lives = 0
        """How often it was started."""
        self._port = network.free_port()
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(_kubeconfig(proxy.url, token))
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "USER": "glm-operator",
            "KUBECONFIG": str(kubeconfig),
            # Both let a later run find and end what this one may leave.
            MARK: str(ROOT),
            processes.MARK: str(Layout(ROOT).folder),
            "GLM_METRICS_PORT": str(self._port),
            "GLM_NAMESPACES": namespace or "",
            **settings,
        }

    @property
    def log(self) -> str:
        """What it has logged, in all its lives."""
        path = self._folder / "operator.log"
        return path.read_text() if path.exists() else ""

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def revive(self) -> None:
        """Start it where it doesn't run, as kubelet would."""
        if not self.is_running:
            self.start()

    def start(self) -> None:
        """Start the process."""
        self.lives += 1
        scope = f"--namespace={self._namespace}" if self._namespace else "--all-namespaces"
        command = [sys.executable, "-m", "kopf", "run", "-m", "glm_operator.main", "--standalone", scope]
        with (self._folder / "operator.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["nsenter", f"--net={self._network.path}", "--", *command],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """`kill -9`."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)

    def wait_for_end(self, seconds: float = 20.0) -> None:
        """Wait until a killed process is gone."""
        assert self._process is not None
        self._process.wait(seconds)

    def end(self) -> None:
        """Make sure that it does not run."""
        if self.is_running:
            self.kill()
            self.wait_for_end()

    def looks(self) -> float:
        """Looks at resources that this life of the operator has ended."""
        return self.metric("glm_reconciles_total")

    def metric(self, name: str) -> float:
        """The sum of one metric over its labels; 0 while there is none."""
        lines = self._network.read(f"http://127.0.0.1:{self._port}/metrics").splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition("{")[0].split(" ")[0] == name)

    def health(self) -> str:
        """What `/healthz` answers; empty while it doesn't, or says that something is wrong."""
        return self._network.read(f"http://127.0.0.1:{self._port}/healthz")


@contextmanager
def operator_behind(
    proxy: Proxy,
    network: Network,
    token: str,
    folder: Path,
    settings: Mapping[str, str],
    namespace: str | None,
) -> Iterator[Operator]:
    """An operator and its proxy, which end with the block. It is not started yet."""
    folder.mkdir(parents=True, exist_ok=True)
    operator = Operator(network, proxy, token, folder, settings, namespace)
    proxy.start()
    try:
        yield operator
    finally:
        operator.end()
        proxy.stop()


def end_strays() -> None:
    """End operators that a crashed run of these tests in this checkout has left."""
    found = (process for pid in processes.all_pids() if _is_stray(pid) and (process := processes.identity_of(pid)))
    processes.kill(list(found))


def _is_stray(pid: int) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone meanwhile
        return False
    return f"{MARK}={ROOT}".encode() in variables


def _kubeconfig(server: str, token: str) -> str:
    name = "hostile"
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": {"server": server}}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        }
    )
