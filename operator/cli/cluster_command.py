"""What the commands share that look at a cluster: connecting, finding the resource, showing a picture repeatedly."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import click
from kubernetes.aio.config import ConfigException
from rich.console import Console, RenderableType
from rich.live import Live

from glm_operator.api import group
from glm_operator.cli.context import Connection, no_cluster
from glm_operator.clients.errors import ClusterError
from glm_operator.clients.kubernetes import Cluster, Object

WATCH_PERIOD_SECONDS: Final = 1.0

namespace_option = click.option("-n", "--namespace", help="Namespace; default: the context's.")


def run(connection: Connection, command: Callable[[Cluster], Awaitable[int]]) -> None:
    """Run a command on the cluster, and end with its exit code."""

    async def connected() -> int:
        cluster = await Cluster.connect(connection.context, connection.kubeconfig)
        try:
            return await command(cluster)
        finally:
            await cluster.close()

    try:
        sys.exit(asyncio.run(connected()))
    except ConfigException as error:
        raise no_cluster(error) from None
    except ClusterError as error:
        raise click.ClickException(f"the cluster does not answer as it should: {error}") from None
    except KeyboardInterrupt:
        sys.exit(130)


async def find_inference(cluster: Cluster, namespace: str, name: str) -> Object:
    """The resource.

    Raises:
        click.ClickException: there is none.
    """
    inference = await cluster.get(group.KIND, namespace, name)
    if inference is None:
        raise click.ClickException(
            f"there is no GLMInference {name} in namespace {namespace}; see `kubectl glm status -A`"
        )
    return inference


async def show(picture: Callable[[], Awaitable[RenderableType]], watch: bool) -> int:
    """Show a picture once, or again and again until interrupted; the exit code."""
    console = Console()
    if not watch:
        console.print(await picture())
        return 0
    with Live(console=console, auto_refresh=False) as live:
        while True:
            try:
                live.update(await picture(), refresh=True)
            except ClusterError as error:
                live.console.print(f"the cluster does not answer: {error}; it is tried again", style="yellow")
            await asyncio.sleep(WATCH_PERIOD_SECONDS)
