"""Images without a registry: the pause image made here, and archives put into every node's containerd."""

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from devcluster.binaries import named
from devcluster.errors import ClusterError
from devcluster.golang import architecture
from devcluster.node import CONTAINERD_SOCKET, PAUSE_IMAGE
from devcluster.state import Layout, write_atomically

_EPOCH = 0


@dataclass(frozen=True, slots=True)
class Image:
    """An image in an archive: its names, and the digest of its configuration, which tells its content."""

    names: tuple[str, ...]
    digest: str


def images_in(archive: Path) -> list[Image]:
    """What a docker-archive, as `buildah push` and `docker save` write it, holds."""
    try:
        with tarfile.open(archive) as tar:
            manifest = json.load(_member(tar, "manifest.json"))
            return [
                Image(tuple(entry["RepoTags"] or ()), _digest(_member(tar, entry["Config"]).read()))
                for entry in manifest
            ]
    except (OSError, tarfile.TarError, KeyError, json.JSONDecodeError) as error:
        raise ClusterError(
            f"{archive} is no docker-archive: {error}", "write it with: buildah push IMAGE docker-archive:FILE"
        ) from error


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    file = tar.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def pause_archive(program: bytes) -> bytes:
    """A docker-archive of an image that holds one static program, the same bytes each time."""
    layer = _tar({"pause": program}, mode=0o755)
    config = {
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        "history": [{"created_by": "devcluster"}],
    }
    manifest = [{"Config": "config.json", "RepoTags": [PAUSE_IMAGE], "Layers": ["layer.tar"]}]
    return _tar(
        {"layer.tar": layer, "config.json": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
    )


def _tar(files: dict[str, bytes], mode: int = 0o644) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), mode, _EPOCH
            tar.addfile(entry, io.BytesIO(content))
    return output.getvalue()


def ensure_pause_image(layout: Layout, sandboxes: Iterable[int]) -> None:
    """Put the pause image into containerd, unless it is there."""
    archive = layout.folder / "pause.tar"
    if not archive.exists():
        write_atomically(archive, pause_archive(named("pause").path.read_bytes()))
    for sandbox in sandboxes:
        load(archive, images_in(archive), sandbox)


def load(archive: Path, images: list[Image], sandbox: int) -> bool:
    """Import an archive into the containerd of a sandbox; False when all of it is there already."""
    if all(_present(image, name, sandbox) for image in images for name in image.names):
        return False
    with archive.open("rb") as content:
        run = _ctr(sandbox, "images", "import", "-", stdin=content)
    if run.returncode != 0:
        raise ClusterError(f"{archive} could not be imported: {run.stderr.decode().strip()[-500:]}")
    return True


def _present(image: Image, name: str, sandbox: int) -> bool:
    """Whether containerd has this very image by this name."""
    listed = _ctr(sandbox, "images", "list", f"name=={canonical(name)}").stdout.decode().splitlines()[1:]
    if not listed:
        return False
    manifest = _ctr(sandbox, "content", "get", listed[0].split()[2])
    return manifest.returncode == 0 and json.loads(manifest.stdout).get("config", {}).get("digest") == image.digest


def canonical(name: str) -> str:
    """An image's full name, as containerd keeps it: `redis` is `docker.io/library/redis:latest`."""
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif not ({".", ":"} & set(first) or first == "localhost"):
        name = f"docker.io/{name}"
    return name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"


def _ctr(sandbox: int, *arguments: str, stdin: IO[bytes] | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run the client. The archive comes as a stream, for in the sandbox its path may show something else."""
    socket = f"/proc/{sandbox}/root{CONTAINERD_SOCKET}"
    argv = [str(named("ctr").path), "--address", socket, "--namespace", "k8s.io", *arguments]
    return subprocess.run(argv, check=False, stdin=stdin or subprocess.DEVNULL, capture_output=True)
