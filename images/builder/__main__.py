"""Command line of the image builder."""

import os
import signal
import sys
from pathlib import Path

import click
from rich.console import Console

from devcluster import packages
from devcluster.errors import ClusterError
from images.builder import root_filesystem
from images.builder.build import Build
from images.builder.catalogue import IMAGES, REPOSITORY
from images.builder.containers import Buildah, ContainerBuilder, Docker, docker_runs
from images.builder.inputs import MissingInputError
from images.builder.process import BuildError
from images.builder.workspace import Workspace, cache_folder, workspace

WORLD_READABLE = 0o022
console = Console(stderr=True, highlight=False)


@click.command()
@click.argument("what", type=click.Choice(["all", "base", *IMAGES]), default="all")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
    default=REPOSITORY / "build/images",
    help="Folder for the archives and images.json.  [default: build/images of the checkout]",
)
def main(what: str, out: Path) -> None:
    """Build container images as archives, with Docker where it runs and with mmdebstrap and buildah where not.

    An image whose inputs have not changed is not built again. `base` only prepares Debian's root file system.
    """
    os.umask(WORLD_READABLE)  # what is staged must be readable for the images' users
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # leave through the clean-up
    out.mkdir(parents=True, exist_ok=True)
    try:
        with workspace(cache_folder()) as folders:
            _build(what, out, folders)
    except MissingInputError as error:
        raise click.ClickException(f"{error} is missing; the image is made of it") from error
    except BuildError as error:
        raise click.ClickException(str(error)) from error


def _build(what: str, out: Path, folders: Workspace) -> None:
    build = Build(out, folders.scratch, _container_builder(out, folders), _say)
    for name, image in IMAGES.items():
        if what in {"all", name}:
            build.image(image)


def _say(message: str) -> None:
    console.print(message, soft_wrap=True)


def _container_builder(out: Path, folders: Workspace) -> ContainerBuilder:
    if docker_runs():
        return Docker()
    _ensure_tools()
    return Buildah(_debian(out, folders), folders.scratch)


def _ensure_tools() -> None:
    if os.geteuid() != 0:
        raise click.ClickException(
            "without a Docker daemon, images are built by mmdebstrap and buildah, which need root"
        )
    try:
        packages.ensure(packages.IMAGES)
    except ClusterError as error:
        raise click.ClickException(f"{error}; {error.hint}") from None


def _debian(out: Path, folders: Workspace) -> Path:
    """The root file system that the images start from, made on the first call on a machine."""
    tar = root_filesystem.cached_tar(folders.cache)
    if tar.exists():
        return tar
    _say(f"base: unpacking Debian packages (about {root_filesystem.EXPECTED_SECONDS} s, once)")
    scratch = folders.scratch / "apt"
    scratch.mkdir()
    log = out / "base.log"
    log.unlink(missing_ok=True)
    root_filesystem.make(tar, scratch, log)
    _say(f"base: {tar.stat().st_size / 2**20:.0f} MiB, {tar}")
    return tar


if __name__ == "__main__":
    main()
