"""A real Envoy with the chart's bootstrap, and a control plane, both on loopback."""

import base64
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from demo.kubectl import run
from demo.manifests import KUBERNETES
from demo.paths import CHART, ROOT
from demo.wait import wait_for
from devcluster import binaries
from glm_operator.gateway.certificates import Credentials, new_credentials
from images.envoy.drain import ask

POD = "pod-1"
SERVER_NAME = "glm-xds.sys.svc"
CONTROL_PLANE = ROOT / "e2e/clients/control_plane.py"


def made(*names: str) -> Credentials:
    return new_credentials(names or (SERVER_NAME,), datetime.now(UTC))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Bootstrap:
    """How the chart starts Envoy."""

    files: dict[str, str]
    arguments: list[str]


def chart_bootstrap() -> Bootstrap:
    """Files of the gateway's ConfigMap and arguments of its container."""
    helm = binaries.named("helm")
    binaries.ensure([helm, binaries.named("envoy")])
    show = ["--show-only", "templates/gateway/bootstrap.yaml", "--show-only", "templates/gateway/deployment.yaml"]
    show += ["--set=gateway.enabled=true", "--set=gateway.concurrency=1"]
    rendered = run([str(helm.path), "template", "glm", str(CHART), "-n", "sys", "--kube-version", KUBERNETES, *show])
    documents = {document["kind"]: document for document in yaml.safe_load_all(rendered) if document}
    (container,) = documents["Deployment"]["spec"]["template"]["spec"]["containers"]
    return Bootstrap(documents["ConfigMap"]["data"], container["args"])


def replaced(text: str, places: dict[str, str]) -> str:
    for old, new in places.items():
        text = text.replace(old, new)
    return text


class Place:
    """Folders laid out as in a pod, and the processes in them."""

    def __init__(self, bootstrap: Bootstrap) -> None:
        # A path of a Unix socket has a hundred characters at most, and pytest's folders use most of them.
        self.root = Path(tempfile.mkdtemp(prefix="glm-gw-"))
        self.socket = str(self.root / "run/admin.sock")
        self.metrics_port, self.xds_port = free_port(), free_port()
        self._bootstrap = bootstrap
        self._versions = 0
        self._running: list[subprocess.Popen[str]] = []
        for folder in ("run", "config", "tls"):
            (self.root / folder).mkdir()

    def mount(self, credentials: Credentials) -> None:
        """Put certificates into the pod as kubelet does: a new folder, and one link that is changed over."""
        self._versions += 1
        version = self.root / f"tls/..{self._versions}"
        version.mkdir()
        data = credentials.to_secret()
        for name in ("ca.crt", "client.crt", "client.key"):
            (version / name).write_bytes(base64.b64decode(data[name]))
            if not (self.root / "tls" / name).is_symlink():
                (self.root / "tls" / name).symlink_to(f"..data/{name}")
        (self.root / "tls/..next").symlink_to(version.name)
        (self.root / "tls/..next").rename(self.root / "tls/..data")

    def envoy(self) -> subprocess.Popen[str]:
        """Start Envoy."""
        places = {
            "$(POD_NAME)": POD,
            "/run/envoy": f"{self.root}/run",
            "/etc/glm-gateway": str(self.root),
            "port_value: 8002": f"port_value: {self.metrics_port}",
            "port_value: 18000": f"port_value: {self.xds_port}",
            f"address: {SERVER_NAME}.cluster.local": "address: 127.0.0.1",
        }
        for name, content in self._bootstrap.files.items():
            (self.root / "config" / name).write_text(replaced(content, places))
        arguments = [replaced(argument, places) for argument in self._bootstrap.arguments]
        with (self.root / "envoy.log").open("a") as log:
            return self._start([str(binaries.named("envoy").path), *arguments], stdout=log, stderr=log)

    def control_plane(self, credentials: Credentials, *listeners: int) -> "ControlPlane":
        """Start a control plane with these certificates."""
        folder = Path(tempfile.mkdtemp(dir=self.root))
        for name, content in credentials.to_secret().items():
            (folder / name).write_bytes(base64.b64decode(content))
        environment = os.environ | {"LISTENERS": ",".join(str(port) for port in listeners)}
        argv = [sys.executable, str(CONTROL_PLANE), str(folder), str(self.xds_port)]
        return ControlPlane(self._start(argv, stdout=subprocess.PIPE, text=True, env=environment))

    def _start(self, argv: list[str], **options) -> subprocess.Popen[str]:
        process = subprocess.Popen(argv, **options)
        self._running.append(process)
        return process

    def admin(self, target: str) -> str:
        """What Envoy's administration answers; empty while it doesn't."""
        try:
            return ask(self.socket, "GET", target)
        except OSError:
            return ""

    def probe(self, target: str = "/ready", method: str = "GET") -> int | None:
        """The status that kubelet would get; None: no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=1)
        try:
            connection.request(method, target)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def is_ready(self) -> None:
        wait_for("readiness", lambda: (self.probe() == 200 or None, self.log()), 20)

    def statistic(self, name: str) -> int:
        lines = self.admin(f"/stats?filter=^{name}$").splitlines()
        return int(lines[0].rpartition(": ")[2]) if lines else 0

    def log(self) -> str:
        return (self.root / "envoy.log").read_text()[-2000:]

    def clear(self) -> None:
        for process in self._running:
            process.kill()
            process.wait(timeout=10)
            if process.stdout is not None:
                process.stdout.close()
        shutil.rmtree(self.root)


class ControlPlane:
    """A running control plane and what it printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[dict] = []
        threading.Thread(target=self._read, daemon=True).start()
        wait_for("the control plane", lambda: (self.lines or None, "no line"), 20)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def nodes(self) -> list[dict]:
        return [line for line in self.lines if "node" in line]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)
