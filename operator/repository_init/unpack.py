"""Unpacks an archive that nobody vouches for but its checksum.

Python's own `tarfile.data_filter` is not used: the image's Python 3.11.2 lacks it, and versions of it could be led out
of the folder by chains of links. Here links are made last, when no file is written any more, and each is checked by
where it really leads.
"""

import errno
import gzip
import os
import re
import tarfile
import zlib
from pathlib import Path
from typing import Any, Final

from glm_operator.repository_init.budget import Progress, Space
from glm_operator.repository_init.failure import FetchError, disk_failure

MOST_MEMBERS: Final = 100_000
LARGEST_HEADER_BYTES: Final = 1 << 20
"""tarfile reads long names and extended headers into memory."""
_CHUNK_BYTES: Final = 256 << 10
_IMPOSSIBLE_NAMES: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}
)


class ArchiveError(FetchError):
    """The archive can't be unpacked, or must not be."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"the archive is not unpacked: {problem}")


class _Bounded:
    """A file that refuses to read much between two entries, as tarfile does for what a hostile header asks."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self._since_content = 0

    def read(self, size: int = -1) -> bytes:
        self._since_content += size if size >= 0 else LARGEST_HEADER_BYTES + 1
        if self._since_content > LARGEST_HEADER_BYTES:
            raise ArchiveError("it holds a header of more than 1 MiB")
        return self._file.read(size)

    def seek(self, *position: int) -> int:
        return self._file.seek(*position)

    def tell(self) -> int:
        return self._file.tell()

    def content_was_read(self) -> None:
        self._since_content = 0


def unpack(archive: Path, folder: Path, space: Space, progress: Progress) -> int:
    """Unpack a `.tar.gz` into an empty folder.

    Returns:
        How many entries it held.

    Raises:
        ArchiveError: it is broken, or holds what must not be unpacked.
        FetchError: it takes more than the limit or too long, or the disk is full.
    """
    try:
        with gzip.open(archive) as plain:
            return _Unpacking(plain, folder.resolve(), space, progress).run()
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise ArchiveError(f"it is no .tar.gz, or is damaged ({error})") from None
    except OSError as error:
        if error.errno in _IMPOSSIBLE_NAMES:
            raise ArchiveError(f"an entry can't be made: {error.strerror}") from None
        raise disk_failure(error) from None


class _Unpacking:
    """One archive on its way into one folder."""

    def __init__(self, plain: gzip.GzipFile, folder: Path, space: Space, progress: Progress) -> None:
        self._folder, self._space, self._progress = folder, space, progress
        self._file = _Bounded(plain)
        self._links: list[tarfile.TarInfo] = []

    def run(self) -> int:
        count = 0
        bounded: Any = self._file
        with tarfile.open(fileobj=bounded, mode="r:") as tar:
            while (member := tar.next()) is not None:
                # tarfile would keep them all.
                tar.members.clear()  # type: ignore[attr-defined]
                count += 1
                if count > MOST_MEMBERS:
                    raise ArchiveError(f"it holds more than {MOST_MEMBERS:,} entries")
                self._progress.check_time()
                self._file.content_was_read()
                self._unpack(tar, member)
        for link in self._links:
            self._make_link(link)
        for link in self._links:
            self._check_link(link)
        return count

    def _unpack(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        path = self._inside(member.name, member)
        if member.isdir():
            self._space.take(0)
            path.mkdir(parents=True, exist_ok=True)
        elif member.isreg():
            self._space.take(member.size)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(tar, member, path)
        elif member.issym() or member.islnk():
            self._space.take(0)
            self._links.append(member)
        else:
            raise ArchiveError(f"{member.name!r} is a device or pipe")

    def _write(self, tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
        source = tar.extractfile(member)
        if source is None:
            raise ArchiveError(f"{member.name!r} has no content")
        # A file that stands there twice: the later one counts, as with tar. No link can stand there yet.
        with path.open("wb") as target:
            while chunk := source.read(_CHUNK_BYTES):
                target.write(chunk)
                self._file.content_was_read()
        path.chmod(0o755 if member.mode & 0o100 else 0o644)

    def _make_link(self, member: tarfile.TarInfo) -> None:
        path = self._inside(member.name, member)
        if path.exists() or path.is_symlink():
            raise ArchiveError(f"{member.name!r} stands there twice, once as a link")
        if any(folder.is_symlink() for folder in path.parents):
            raise ArchiveError(f"{member.name!r} lies behind a link")
        path.parent.mkdir(parents=True, exist_ok=True)
        if member.issym():
            path.symlink_to(member.linkname)
            self._check_link(member)
            return
        original = self._inside(member.linkname, member)
        if original.is_symlink() or not original.is_file() or not _leads_inside(self._folder, original):
            raise ArchiveError(f"{member.name!r} is a link to {member.linkname!r}, which is no file of the archive")
        os.link(original, path)

    def _check_link(self, member: tarfile.TarInfo) -> None:
        """Where a symbolic link leads, which a later one may have changed."""
        path = self._inside(member.name, member)
        if path.is_symlink() and (member.linkname.startswith("/") or not _leads_inside(self._folder, path)):
            raise ArchiveError(f"{member.name!r} is a link out of the archive, to {member.linkname!r}")

    def _inside(self, name: str, member: tarfile.TarInfo) -> Path:
        """Where an entry, or what a hard link names, belongs.

        Raises:
            ArchiveError: that would be out of the folder.
        """
        parts = [part for part in name.split("/") if part not in {"", "."}]
        if name.startswith("/") or ".." in parts or re.search(r"[\\\x00-\x1f\x7f]", name):
            raise ArchiveError(f"{member.name!r} has a path that leads out of the archive, or holds control characters")
        if not parts and not member.isdir():
            raise ArchiveError(f"{member.name!r} stands for the whole folder, and is none")
        return self._folder.joinpath(*parts)


def _leads_inside(folder: Path, path: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except RuntimeError:  # a circle of links
        return False
