"""From a filled build context to an archive that `ctr images import` and `docker load` read."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from images.builder.catalogue import BASE_FOLDER
from images.builder.process import contained, run

BASE_REFERENCE = "localhost/glm-base:build"
CONTAINERFILE = "Containerfile"


class ContainerBuilder(Protocol):
    """What makes an image out of a Containerfile."""

    def build(self, context: Path, reference: str, archive: Path, log: Path) -> None:
        """Build `context` as `reference` and write it to `archive`, which does not exist yet."""


@dataclass(frozen=True, slots=True)
class Buildah:
    """No daemon and no registry: the base is the tar of a root file system, the storage a folder in `scratch`."""

    root_filesystem: Path
    scratch: Path

    def build(self, context: Path, reference: str, archive: Path, log: Path) -> None:
        """Build `context` as `reference` and write it to `archive`, which does not exist yet."""
        if not (self.scratch / "storage").exists():
            self._build_base(log)
        self._build(context, reference, log)
        self._buildah(["push", "--quiet", reference, f"docker-archive:{archive}:{reference}"], log)

    def _build_base(self, log: Path) -> None:
        context = self.scratch / "base"
        shutil.copytree(BASE_FOLDER, context)
        shutil.copyfile(self.root_filesystem, context / "rootfs.tar")
        self._build(context, BASE_REFERENCE, log)
        shutil.rmtree(context)

    def _build(self, context: Path, reference: str, log: Path) -> None:
        # One layer over the base, all times 0: the same inputs give the same image, byte for byte.
        options = ["--layers=false", "--timestamp=0", "--pull=never", f"--build-arg=BASE={BASE_REFERENCE}"]
        self._buildah(["build", *options, f"--file={context / CONTAINERFILE}", f"--tag={reference}", str(context)], log)

    def _buildah(self, arguments: list[str], log: Path) -> None:
        storage = ["--root", str(self.scratch / "storage/root"), "--runroot", str(self.scratch / "storage/run")]
        environment = {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot", "TMPDIR": str(self.scratch)}
        run(contained(["buildah", *storage, *arguments]), log, environment)


@dataclass(frozen=True, slots=True)
class Docker:
    """The same Containerfiles where Docker runs; the base then comes from Docker's registry."""

    def build(self, context: Path, reference: str, archive: Path, log: Path) -> None:
        """Build `context` as `reference` and write it to `archive`, which does not exist yet."""
        base = f"--file={BASE_FOLDER / 'Containerfile.docker'}"
        run(["docker", "build", base, f"--tag={BASE_REFERENCE}", str(BASE_FOLDER)], log)
        options = [f"--build-arg=BASE={BASE_REFERENCE}", f"--file={context / CONTAINERFILE}", f"--tag={reference}"]
        run(["docker", "build", *options, str(context)], log)
        run(["docker", "save", f"--output={archive}", reference], log)


def docker_runs() -> bool:
    """Whether a Docker daemon answers."""
    if not shutil.which("docker"):
        return False
    asked = ["docker", "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(asked, capture_output=True, check=False, timeout=20).returncode == 0
