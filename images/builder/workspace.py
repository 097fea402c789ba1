"""The builder's own folders: a cache that is kept, and a scratch folder that never outlives the next build."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Workspace:
    """Folders of the one build that runs."""

    cache: Path
    scratch: Path


def cache_folder() -> Path:
    """`glm-operator` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "glm-operator"


@contextmanager
def workspace(cache: Path) -> Iterator[Workspace]:
    """The folders, for one build at a time; a second one waits. What a killed build left is removed first."""
    cache.mkdir(parents=True, exist_ok=True)
    scratch = cache / "image-build"
    with (cache / "image-build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            yield Workspace(cache, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
