"""`kubectl glm`: look at inferences, their decisions, and the installation."""

import click
from rich.console import Console, RenderableType

from glm_operator.api import group
from glm_operator.cli.analyze import analyze_command
from glm_operator.cli.backtest.group import backtest
from glm_operator.cli.check import exit_code, gather_facts, inspect_installation, render_findings
from glm_operator.cli.cluster_command import find_inference, namespace_option, run, show
from glm_operator.cli.context import Connection, with_connection
from glm_operator.cli.explain import render_decisions
from glm_operator.cli.quantize import command as quantize_command
from glm_operator.cli.traffic import pause, resume, traffic
from glm_operator.cli.tree import overview, tree
from glm_operator.clients.kubernetes import Cluster
from glm_operator.resources.names import selector_text


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Look at GLMInferences: what runs, why it does, and whether the installation is sound."""


main.add_command(analyze_command)
main.add_command(traffic)
main.add_command(pause)
main.add_command(resume)


@main.command()
@click.argument("name", required=False)
@namespace_option
@with_connection
@click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces.")
@click.option("-w", "--watch", is_flag=True, help="Keep showing it until interrupted.")
def status(connection: Connection, name: str | None, namespace: str | None, all_namespaces: bool, watch: bool) -> None:
    """Show the resource, its versions, pods, models and conditions as a tree."""
    scope = None if all_namespaces else namespace or connection.namespace()
    if name is not None and scope is None:
        raise click.UsageError("NAME and --all-namespaces exclude each other")
    run(connection, lambda cluster: _status(cluster, scope, name, watch))


@main.command()
@click.argument("name")
@namespace_option
@with_connection
def explain(connection: Connection, name: str, namespace: str | None) -> None:
    """Show the last decisions about a resource, each with the inputs it was taken from."""
    scope = namespace or connection.namespace()

    async def command(cluster: Cluster) -> int:
        Console().print(render_decisions(await find_inference(cluster, scope, name)))
        return 0

    run(connection, command)


@main.command()
@with_connection
@click.option("--pre", is_flag=True, help="Before the installation: only what it needs.")
@click.option("--operator-namespace", default="glm-system", show_default=True, help="Where the operator runs.")
def check(connection: Connection, pre: bool, operator_namespace: str) -> None:
    """Check the cluster and the installation; every finding comes with its fix. Exit code 1 when one is serious."""

    async def command(cluster: Cluster) -> int:
        findings = inspect_installation(await gather_facts(cluster, operator_namespace), installed=not pre)
        Console().print(render_findings(findings))
        return exit_code(findings)

    run(connection, command)


main.add_command(quantize_command)
main.add_command(backtest)


async def _status(cluster: Cluster, namespace: str | None, name: str | None, watch: bool) -> int:
    async def picture() -> RenderableType:
        if name is None:
            return overview(await cluster.list_objects(group.KIND, namespace))
        inference = await find_inference(cluster, namespace or "", name)
        return tree(inference, await cluster.list_objects("Pod", namespace, selector_text(name)))

    return await show(picture, watch)


if __name__ == "__main__":
    main()
