"""Archives for the tests, honest and hostile."""

import gzip
import io
import random
import tarfile
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One member of an archive."""

    name: str
    content: bytes = b""
    kind: bytes = tarfile.REGTYPE
    target: str = ""
    mode: int = 0o644


def folder(name: str) -> Entry:
    return Entry(name, kind=tarfile.DIRTYPE)


def symlink(name: str, target: str) -> Entry:
    return Entry(name, kind=tarfile.SYMTYPE, target=target)


def hardlink(name: str, target: str) -> Entry:
    return Entry(name, kind=tarfile.LNKTYPE, target=target)


def tar_gz(*entries: Entry, level: int = 6, **options: Any) -> bytes:
    """A `.tar.gz` with these members, exactly as they are named."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as tar:
        for entry in entries:
            info = tarfile.TarInfo(entry.name)
            info.size, info.type, info.linkname, info.mode = len(entry.content), entry.kind, entry.target, entry.mode
            tar.addfile(info, io.BytesIO(entry.content))
    return gzip.compress(buffer.getvalue(), compresslevel=level, mtime=0)


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that can't be compressed."""
    return random.Random(seed).randbytes(size)  # noqa: S311
