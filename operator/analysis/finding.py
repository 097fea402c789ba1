"""What a check finds, and how serious it is."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from glm_operator.analysis.documents import Document

Path = tuple[str | int, ...]
"""Where in a document: keys, and indices of lists."""


class Severity(StrEnum):
    """How serious a finding is."""

    ERROR = "error"
    """It is refused, or can't work."""
    WARNING = "warning"
    """It works, but hardly as meant, or not safely."""
    INFO = "info"
    """Worth knowing."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What one check says."""

    code: str
    path: Path
    message: str
    fix: str = ""
    """What to do; empty: as the code's own table entry says."""
    document: Document | None = None
    """Where it stands, if not in the GLMInference itself."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem with everything that a reader needs."""

    code: str
    severity: Severity
    file: str
    line: int
    """Counted from 1; 0 where there is none."""
    resource: str
    """`Kind/name`; empty where the document has none."""
    path: str
    """As `kubectl` writes it: `spec.models[0].name`."""
    message: str
    fix: str

    def as_json(self) -> dict[str, Any]:
        """The object of `-o json`."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "file": self.file,
            "line": self.line,
            "resource": self.resource,
            "path": self.path,
            "message": self.message,
            "fix": self.fix,
        }


def path_text(path: Path) -> str:
    """`spec.models[0].name`; a key that holds a dot is put in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif "." in part or "/" in part:
            text += f"[{part!r}]"
        else:
            text += f".{part}" if text else part
    return text
