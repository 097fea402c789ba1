"""The label windows of a corpus: NAB's `combined_windows.json`, from a file's name to its windows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from pydantic import TypeAdapter, ValidationError

from glm_operator.cli.backtest.anomalies.series import SeriesError, seconds

Window: TypeAlias = tuple[float, float]
_FILE = TypeAdapter(dict[str, list[tuple[str, str]]])


@dataclass(frozen=True, slots=True)
class Labels:
    """Windows by a file's relative name."""

    windows: Mapping[str, tuple[Window, ...]]

    def of(self, name: str) -> tuple[Window, ...] | None:
        """A file's windows (none: it has no anomaly), or None when the labels don't know the file.

        The backtest may start above or below the folder that the labels' names start from, so the longer of the two
        names may have more folders in front; names that fit several entries fit none.
        """
        if name in self.windows:
            return self.windows[name]
        parts = PurePosixPath(name).parts
        fitting = [known for known in self.windows if _ends_alike(parts, PurePosixPath(known).parts)]
        return self.windows[fitting[0]] if len(fitting) == 1 else None


def read_labels(path: Path) -> Labels:
    """The labels in `path`. SeriesError when it is no such file."""
    try:
        entries = _FILE.validate_python(json.loads(path.read_text("utf-8")))
        windows = {name: tuple(sorted((seconds(a), seconds(b)) for a, b in each)) for name, each in entries.items()}
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SeriesError(f"{path}: {where}: {first['msg']}; wanted: {{file: [[first, last], ...]}}") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise SeriesError(f"{path} can't be read as labels: {error}") from None
    return Labels(windows)


def _ends_alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shorter = min(len(one), len(other))
    return one[-shorter:] == other[-shorter:]
