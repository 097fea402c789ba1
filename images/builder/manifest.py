"""`images.json`: which archives are current. What loads images into a cluster reads this file."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

FILE_NAME = "images.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """A built image. `reference` ends in the content's tag and is the one to deploy: a changed image has a new one."""

    name: str
    tag: str
    reference: str
    archive: str  # relative to the folder of images.json


def read(out: Path) -> list[Entry]:
    """The entries written last; none when nothing was built yet."""
    file = out / FILE_NAME
    return [Entry(**entry) for entry in json.loads(file.read_text())] if file.exists() else []


def write(out: Path, built: Iterable[Entry]) -> None:
    """Add `built` to the entries of `out`, each in place of the image's earlier one."""
    entries = {entry.name: entry for entry in (*read(out), *built)}
    unfinished = out / f".{FILE_NAME}.part"
    unfinished.write_text(json.dumps([asdict(entries[name]) for name in sorted(entries)], indent=2) + "\n")
    unfinished.replace(out / FILE_NAME)
