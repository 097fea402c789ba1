"""Pictures for the documentation, made from the real thing: what `kubectl glm status` shows now, as SVG."""

import asyncio
import io
from pathlib import Path
from typing import Final

from rich.console import Console

from glm_operator.api import group
from glm_operator.cli.tree import tree
from glm_operator.clients.kubernetes import Cluster
from glm_operator.resources.names import selector_text

WIDTH: Final = 118


async def save_status_picture(kubeconfig: str | None, namespace: str, name: str, target: Path) -> None:
    """Save the tree of one resource."""
    cluster = await Cluster.connect(kubeconfig=kubeconfig)
    try:
        inference = await cluster.get(group.KIND, namespace, name)
        pods = await cluster.list_objects("Pod", namespace, selector_text(name))
    finally:
        await cluster.close()
    if inference is None:
        raise LookupError(f"there is no GLMInference {namespace}/{name}")
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(tree(inference, pods))
    target.parent.mkdir(parents=True, exist_ok=True)
    console.save_svg(str(target), title=f"kubectl glm status {name} -n {namespace}")


def save(kubeconfig: str | None, namespace: str, name: str, target: Path) -> None:
    """The same, for callers that aren't asynchronous."""
    asyncio.run(save_status_picture(kubeconfig, namespace, name, target))
