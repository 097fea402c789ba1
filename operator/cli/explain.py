"""The recorded decisions about a resource, for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree


def render_decisions(inference: Mapping[str, Any]) -> RenderableType:
    """Each decision, oldest first: when, which loop, what and why, and below it the inputs it was taken from."""
    decisions = inference.get("status", {}).get("decisions", ())
    name = f"{inference['metadata']['namespace']}/{inference['metadata']['name']}"
    if not decisions:
        return Text(f"{name}: no decision is recorded yet; is the operator running? See `kubectl glm check`")
    root = Tree(Text(f"the last decisions about {name}", "bold"), guide_style="bright_black")
    for decision in decisions:
        branch = root.add(
            Text.assemble(
                (f"{decision['time']}  ", "bright_black"),
                (decision["loop"], "cyan"),
                (f"  {decision['action']}", "bold"),
                f"  {decision['reason']}: {decision['message']}",
            )
        )
        for key, value in decision.get("inputs", {}).items():
            branch.add(Text.assemble((f"{key}: ", "bright_black"), value))
    return root
