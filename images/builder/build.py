"""Building one image, or finding that there is nothing to do."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from images.builder import inputs, manifest
from images.builder.catalogue import REPOSITORY, Image
from images.builder.containers import ContainerBuilder
from images.builder.staging import fill_context

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Build:
    """Where a build reads, writes and reports."""

    out: Path
    scratch: Path
    container_builder: ContainerBuilder
    progress: Progress

    def image(self, image: Image) -> manifest.Entry:
        """Build `image` unless its archive is there already, and enter it in images.json."""
        tag = inputs.content_tag(image.input_paths, REPOSITORY)
        archive = inputs.archive_path(self.out, image.name, tag)
        entry = manifest.Entry(image.name, tag, f"{image.repository}:{tag}", archive.name)
        if archive.exists():
            self.progress(f"{entry.reference} is up to date")
        else:
            self._write(image, entry.reference, archive)
        manifest.write(self.out, [entry])
        for outdated in inputs.outdated_archives(self.out, image.name, tag):
            outdated.unlink()
        return entry

    def _write(self, image: Image, reference: str, archive: Path) -> None:
        started = time.monotonic()
        log = self.out / f"{image.name}.log"
        log.unlink(missing_ok=True)
        context = self.scratch / "context"
        unfinished = self.scratch / archive.name
        context.mkdir()
        self.progress(f"{image.name}: fetching Python packages")
        fill_context(image, context, log)
        self.progress(f"{image.name}: building {reference} (about {image.expected_seconds} s)")
        self.container_builder.build(context, reference, unfinished, log)
        shutil.rmtree(context)
        _publish(unfinished, archive)
        seconds, mebibytes = time.monotonic() - started, archive.stat().st_size / 2**20
        self.progress(f"{reference}: {mebibytes:.0f} MiB in {seconds:.0f} s, {archive}")


def _publish(unfinished: Path, archive: Path) -> None:
    """Move into place by a rename within one file system, so that the archive is there whole or not at all."""
    part = archive.with_name(f".{archive.name}.part")
    shutil.move(unfinished, part)
    part.replace(archive)
