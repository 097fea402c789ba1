"""Running the build tools so that nothing of them outlives the builder."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

TAIL = 25  # lines of a failed tool's output that are shown
# The tool runs in process and mount namespaces of its own and gets SIGKILL when the builder dies: its children and its
# mounts then go with the namespaces, however it ended.
_DIES_WITH_THE_BUILDER = ("setpriv", "--pdeathsig", "KILL")
_OWN_NAMESPACES = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc")


class BuildError(Exception):
    """A tool failed; the message has its last words and the place of the full log."""


def contained(command: Sequence[str]) -> list[str]:
    """`command` in namespaces of its own, which takes root."""
    return [*_DIES_WITH_THE_BUILDER, *_OWN_NAMESPACES, *command]


def run(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run `command` to its end, its output appended to `log`. Raises `BuildError`."""
    with log.open("a", encoding="utf-8") as output:
        output.write(f"$ {' '.join(command)}\n")
        output.flush()
        finished = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            check=False,
        )
    if finished.returncode:
        last_words = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:])
        message = f"{last_words}\n{command[0]} ended with status {finished.returncode}; the whole log is {log}"
        raise BuildError(message)
