"""What a person is told when something cannot be done: what happened, and what to try."""

from pathlib import Path

LOG_LINES = 15


class ClusterError(Exception):
    """Stops a command. `hint` says what the person can do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def end_of(log: Path) -> str:
    """The last lines of a log, to be shown below a message."""
    lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
    return "The end of its log:\n" + "\n".join(f"    {line}" for line in lines)
