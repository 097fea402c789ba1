"""Runs the fetch container's work in a folder, on a clock that doesn't wait."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glm_operator.api.repository_layout import ALLOWED_URLS_VARIABLE, FETCH_FILE, SECRET_PREFIX
from glm_operator.repository_init.budget import Clock
from glm_operator.repository_init.fetch_main import fetch
from glm_operator.repository_init.fetch_plan import read_fetch_plan
from glm_operator.repository_init.staging import Staging


@dataclass
class Fetching:
    """One volume, and what is fetched into it."""

    folder: Path
    kind: str
    source: dict[str, str]
    allowed: str
    secret: dict[str, str] | None = None
    size_limit: int = 1 << 30
    timeout: float = 3600.0
    slept: list[float] = field(default_factory=list)
    now: float = 0.0

    def run(self) -> None:
        """What the container does at each start."""
        plan = {
            "kind": self.kind,
            "source": self.source,
            "secret": "" if self.secret is None else "access",
            "size_limit_bytes": self.size_limit,
            "timeout_seconds": self.timeout,
        }
        (self.folder / FETCH_FILE).write_text(json.dumps(plan))
        self.target.mkdir(exist_ok=True)
        environment = {ALLOWED_URLS_VARIABLE: self.allowed}
        environment |= {f"{SECRET_PREFIX}{key}": value for key, value in (self.secret or {}).items()}
        fetch(read_fetch_plan(self.folder), Staging(self.target), environment, Clock(lambda: self.now, self._sleep))

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    @property
    def target(self) -> Path:
        return self.folder / "repository"

    @property
    def part(self) -> Path:
        return self.target / ".fetch" / "parts" / "archive"

    def tree(self) -> dict[str, Any]:
        """What a server would find: path to content."""
        files = (path for path in self.target.rglob("*") if path.is_file())
        visible = {path: path.relative_to(self.target) for path in files}
        return {str(name): path.read_bytes() for path, name in visible.items() if not name.parts[0].startswith(".")}


def archive_fetching(folder: Path, site: Any, content: bytes | None = None, **options: Any) -> Fetching:
    """An archive of a test server, wanted with this content."""
    sha256 = hashlib.sha256(site.content if content is None else content).hexdigest()
    return Fetching(
        folder, "http", {"uri": site.address, "sha256": sha256}, options.pop("allowed", site.url), **options
    )
