"""`kubectl glm`: look at inferences, their decisions, and the installation."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import click
from kubernetes.aio.config import ConfigException
from rich.console import Console, RenderableType
from rich.live import Live

from glm_operator.api import group
from glm_operator.cli.backtest.group import backtest
from glm_operator.cli.check import exit_code, gather_facts, inspect_installation, render_findings
from glm_operator.cli.context import Connection, no_cluster, with_connection
from glm_operator.cli.explain import render_decisions
from glm_operator.cli.tree import overview, tree
from glm_operator.clients.errors import ClusterError
from glm_operator.clients.kubernetes import Cluster, Object
from glm_operator.resources.names import selector_text

WATCH_PERIOD_SECONDS: Final = 1.0

_namespace = click.option("-n", "--namespace", help="Namespace; default: the context's.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Look at GLMInferences: what runs, why it does, and whether the installation is sound."""


@main.command()
@click.argument("name", required=False)
@_namespace
@with_connection
@click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces.")
@click.option("-w", "--watch", is_flag=True, help="Keep showing it until interrupted.")
def status(connection: Connection, name: str | None, namespace: str | None, all_namespaces: bool, watch: bool) -> None:
    """Show the resource, its versions, pods, models and conditions as a tree."""
    scope = None if all_namespaces else namespace or connection.namespace()
    if name is not None and scope is None:
        raise click.UsageError("NAME and --all-namespaces exclude each other")
    _run(connection, lambda cluster: _status(cluster, scope, name, watch))


@main.command()
@click.argument("name")
@_namespace
@with_connection
def explain(connection: Connection, name: str, namespace: str | None) -> None:
    """Show the last decisions about a resource, each with the inputs it was taken from."""
    scope = namespace or connection.namespace()

    async def run(cluster: Cluster) -> int:
        Console().print(render_decisions(await _inference(cluster, scope, name)))
        return 0

    _run(connection, run)


@main.command()
@with_connection
@click.option("--pre", is_flag=True, help="Before the installation: only what it needs.")
@click.option("--operator-namespace", default="glm-system", show_default=True, help="Where the operator runs.")
def check(connection: Connection, pre: bool, operator_namespace: str) -> None:
    """Check the cluster and the installation; every finding comes with its fix. Exit code 1 when one is serious."""

    async def run(cluster: Cluster) -> int:
        findings = inspect_installation(await gather_facts(cluster, operator_namespace), installed=not pre)
        Console().print(render_findings(findings))
        return exit_code(findings)

    _run(connection, run)


main.add_command(backtest)


async def _status(cluster: Cluster, namespace: str | None, name: str | None, watch: bool) -> int:
    async def picture() -> RenderableType:
        if name is None:
            return overview(await cluster.list_objects(group.KIND, namespace))
        inference = await _inference(cluster, namespace or "", name)
        return tree(inference, await cluster.list_objects("Pod", namespace, selector_text(name)))

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


async def _inference(cluster: Cluster, namespace: str, name: str) -> Object:
    inference = await cluster.get(group.KIND, namespace, name)
    if inference is None:
        raise click.ClickException(
            f"there is no GLMInference {name} in namespace {namespace}; see `kubectl glm status -A`"
        )
    return inference


def _run(connection: Connection, command: Callable[[Cluster], Awaitable[int]]) -> None:
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


if __name__ == "__main__":
    main()
