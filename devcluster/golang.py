"""The Go toolchain: the installed one if it is new enough, else one fetched as a Go module."""

import platform
import re
import shutil
import subprocess
from pathlib import Path

from devcluster import packages
from devcluster.console import step
from devcluster.errors import ClusterError

NEEDED = (1, 26)
FETCHED = "1.26.8"


def version(text: str) -> tuple[int, int]:
    """Major and minor number in what `go version` prints; (0, 0) if there is none."""
    found = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def toolchain() -> Path:
    """A `go` that is new enough."""
    installed = shutil.which("go")
    if installed and version(_output(installed, "version")) >= NEEDED:
        return Path(installed)
    if not installed:
        packages.install([packages.GO])
        installed = shutil.which("go") or "/usr/bin/go"
    return _fetched(installed)


def _fetched(old: str) -> Path:
    """The toolchain that an old `go` can fetch. Modules keep no permissions, so it leaves programs not executable."""
    module = f"golang.org/toolchain@v0.0.1-go{FETCHED}.linux-{architecture()}"
    root = Path(_output(old, "env", "GOMODCACHE").strip()) / module
    go = root / "bin" / "go"
    if not go.exists():
        with step(f"fetching Go {FETCHED}, for {old} is too old", 60):
            fetch = subprocess.run(
                [old, "mod", "download", module], check=False, capture_output=True, text=True, cwd="/"
            )
        if fetch.returncode != 0:
            raise ClusterError(f"Go {FETCHED} could not be fetched: {fetch.stderr.strip()}", "install Go 1.26 or newer")
    for program in [*root.glob("bin/*"), *root.glob("pkg/tool/*/*")]:
        program.chmod(0o755)
    return go


def architecture() -> str:
    """The machine's processor, as Go and images name it."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _output(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, cwd="/").stdout
