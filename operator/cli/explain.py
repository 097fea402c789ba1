"""The recorded decisions about a resource, for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text


def render_decisions(inference: Mapping[str, Any]) -> RenderableType:
    """One row a decision, oldest first: when, which loop, what, why, and from which inputs."""
    decisions = inference.get("status", {}).get("decisions", ())
    name = f"{inference['metadata']['namespace']}/{inference['metadata']['name']}"
    if not decisions:
        return Text(f"{name}: no decision is recorded yet; is the operator running? See `kubectl glm check`")
    table = Table(title=f"decisions about {name}", title_justify="left", show_lines=True, header_style="bold")
    for column in ("time", "loop", "action", "reason", "message", "inputs"):
        table.add_column(column, overflow="fold")
    for decision in decisions:
        inputs = "\n".join(f"{key}: {value}" for key, value in decision.get("inputs", {}).items())
        table.add_row(
            decision["time"], decision["loop"], decision["action"], decision["reason"], decision["message"], inputs
        )
    return table
