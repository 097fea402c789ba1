"""Debian packages: what is needed and why, what is missing, and how it is installed."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from devcluster.console import say, step
from devcluster.errors import ClusterError


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package, the file or program that shows it is there, and what it is for."""

    name: str
    shown_by: str
    why: str


CLUSTER = (
    Package("runc", "runc", "starts containers"),
    Package("containernetworking-plugins", "/usr/lib/cni/ptp", "gives pods their network"),
    Package("nftables", "nft", "Service addresses (kube-proxy)"),
    Package("conntrack", "conntrack", "Service addresses (kube-proxy)"),
    Package("iproute2", "ip", "links between nodes"),
    Package("util-linux", "unshare", "nodes in namespaces"),
    Package("openssl", "openssl", "certificates"),
    Package("ca-certificates", "/etc/ssl/certs/ca-certificates.crt", "fetching Go modules"),
    Package("gcc", "gcc", "the pause program, and programs in Go that use C"),
    Package("libc6-dev", "/usr/include/stdio.h", "the pause program, and programs in Go that use C"),
)
IMAGES = (
    Package("mmdebstrap", "mmdebstrap", "base images without a registry"),
    Package("buildah", "buildah", "images without Docker"),
)
GO = Package("golang-go", "go", "builds Kubernetes")


def missing(wanted: Iterable[Package], find: Callable[[str], bool]) -> list[Package]:
    """Those of which `find` finds no sign."""
    return [package for package in wanted if not find(package.shown_by)]


def present(sign: str) -> bool:
    """Whether a file, or a program on the path, is there."""
    return Path(sign).exists() if sign.startswith("/") else shutil.which(sign) is not None


def ensure(wanted: Iterable[Package]) -> None:
    """Install what is missing."""
    absent = missing(wanted, present)
    if absent:
        install(absent)


def install(wanted: Iterable[Package]) -> None:
    """Install packages, saying which and why."""
    wanted = list(wanted)
    for package in wanted:
        say(f"  missing: {package.name} - {package.why}")
    names = [package.name for package in wanted]
    _require_apt(names)
    with step(f"installing {', '.join(names)}", 30):
        _apt_get("update")
        _apt_get("install", "--yes", "--no-install-recommends", *names)


def extract(package: str, member: str, target: Path) -> None:
    """Put one file of a package at `target`, without installing the package, so that no service of it starts."""
    _require_apt([package])
    folder = target.with_name(f".{target.name}.package")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        _apt_get("update")
        _apt_get("download", package, cwd=folder)
        archive = next(folder.glob("*.deb"))
        subprocess.run(["dpkg", "--extract", archive.name, "content"], cwd=folder, check=True)
        (folder / "content" / member).replace(target)
    finally:
        shutil.rmtree(folder)


def _require_apt(names: list[str]) -> None:
    hint = f"install by hand what provides: {', '.join(names)}"
    if shutil.which("apt-get") is None:
        raise ClusterError("this is not Debian or a relative of it: there is no apt-get", hint)
    if os.geteuid() != 0:
        raise ClusterError("installing packages needs root", f"run as root: apt-get install {' '.join(names)}")


def _apt_get(*arguments: str, cwd: Path | None = None) -> None:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run = subprocess.run(
        ["apt-get", "-q", *arguments], check=False, capture_output=True, text=True, cwd=cwd, env=environ
    )
    if run.returncode != 0:
        tail = "\n".join(run.stderr.strip().splitlines()[-5:])
        raise ClusterError(
            f"apt-get {' '.join(arguments)} failed:\n{tail}", "check the network and /etc/apt/sources.list"
        )
