"""The volume that is fetched into: `TARGET/.fetch` until all is there, then `TARGET/MODEL/VERSION/...`.

Names with a dot in front are no models, so what is unfinished is never served. Any step may be killed and run again.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HIDDEN: Final = ".fetch"


@dataclass(frozen=True, slots=True)
class Staging:
    """The volume."""

    target: Path

    @property
    def content(self) -> Path:
        """Where complete files are put, at the paths that they shall have."""
        return self.target / HIDDEN / "content"

    @property
    def parts(self) -> Path:
        """Where incomplete files are."""
        return self.target / HIDDEN / "parts"

    @property
    def _complete(self) -> Path:
        return self.target / HIDDEN / "complete"

    def open(self) -> bool:
        """Make the folders; whether all that is wanted is there already."""
        if self._complete.exists():
            self._publish()
            return True
        self.parts.mkdir(parents=True, exist_ok=True)
        self.content.mkdir(exist_ok=True)
        return False

    def clear_content(self) -> None:
        """Begin the content anew."""
        shutil.rmtree(self.content)
        self.content.mkdir()

    def finish(self) -> None:
        """All is there: put it where it shall be."""
        self._complete.touch()
        self._publish()

    def _publish(self) -> None:
        shutil.rmtree(self.parts, ignore_errors=True)
        for entry in self.content.iterdir() if self.content.exists() else ():
            if not entry.name.startswith("."):
                entry.rename(self.target / entry.name)
