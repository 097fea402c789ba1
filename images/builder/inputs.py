"""The content hash of an image's inputs, and the decision that rests on it. Reads files, changes nothing."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

TAG_LENGTH = 12
IGNORED = ("__pycache__",)


class MissingInputError(Exception):
    """A file that the image is made of does not exist."""


def input_files(paths: Iterable[Path]) -> Iterator[Path]:
    """All files at and below `paths`, without byte code and build leftovers, in a fixed order."""
    for path in paths:
        if not path.exists():
            raise MissingInputError(path)
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in found if file.is_file() and not _ignored(file))


def content_tag(paths: Iterable[Path], root: Path) -> str:
    """A short hash of names (relative to `root`), contents and executable bits of the files at and below `paths`."""
    digest = hashlib.sha256()
    for file in input_files(paths):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        executable = bool(file.stat().st_mode & 0o111)
        digest.update(f"{file.relative_to(root)}\0{executable}\0{content}\n".encode())
    return digest.hexdigest()[:TAG_LENGTH]


def archive_path(out: Path, image_name: str, tag: str) -> Path:
    """Where the image with this tag lies. Written by a rename, so that an archive that exists is whole."""
    return out / f"{image_name}-{tag}.tar"


def outdated_archives(out: Path, image_name: str, tag: str) -> list[Path]:
    """Archives of the image's earlier tags."""
    keep = archive_path(out, image_name, tag)
    hexadecimal = "[0-9a-f]" * TAG_LENGTH
    return sorted(path for path in out.glob(f"{image_name}-{hexadecimal}.tar") if path != keep)


def _ignored(file: Path) -> bool:
    return any(part in IGNORED or part.endswith(".egg-info") for part in file.parts)
