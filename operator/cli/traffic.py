"""`kubectl glm traffic`, `pause` and `resume`."""

import json
from collections.abc import Iterable

import click
from rich.console import RenderableType

from glm_operator.api import group
from glm_operator.cli.cluster_command import find_inference, namespace_option, run, show
from glm_operator.cli.context import Connection, with_connection
from glm_operator.cli.traffic_view import View, as_json, render, view
from glm_operator.clients.kubernetes import Cluster, Object
from glm_operator.resources.names import selector_text
from glm_operator.status.observation import is_server_of, observe_pod
from glm_operator.status.pauses import NO_REASON, clean_reason, pause_reason


@click.command()
@click.argument("name")
@namespace_option
@with_connection
@click.option("-w", "--watch", is_flag=True, help="Keep showing it until interrupted.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format.")
def traffic(connection: Connection, name: str, namespace: str | None, watch: bool, output: str) -> None:
    """Show which pod gets how many requests, and why. Latency and CPU are up to 10 s old, states are not."""
    if watch and output == "json":
        raise click.UsageError("--watch and --output json exclude each other")
    scope = namespace or connection.namespace()

    async def shown(cluster: Cluster) -> View:
        inference = await find_inference(cluster, scope, name)
        return view(inference, await cluster.list_objects("Pod", scope, selector_text(name)))

    async def command(cluster: Cluster) -> int:
        if output == "json":
            click.echo(json.dumps(as_json(await shown(cluster)), indent=2))
            return 0

        async def picture() -> RenderableType:
            return render(await shown(cluster))

        return await show(picture, watch)

    run(connection, command)


@click.command()
@click.argument("name")
@click.argument("pod")
@namespace_option
@with_connection
@click.option("--reason", default="", help="Why; it is shown wherever the pod is.")
@click.option("--force", is_flag=True, help="Also the last pod that takes requests.")
def pause(connection: Connection, name: str, pod: str, namespace: str | None, reason: str, force: bool) -> None:
    """Send no more requests to a pod of NAME, until it is resumed or gone."""
    scope = namespace or connection.namespace()

    async def command(cluster: Cluster) -> int:
        pods = await _servers(cluster, scope, name)
        _check_named(name, pod, pods)
        others = [one for one in pods if _name(one) != pod and _takes_requests(one)]
        if not others and not force:
            raise click.ClickException(
                f"no other pod of {name} takes requests: pausing {pod} would leave it with none;"
                " resume another one first, or use --force"
            )
        told = clean_reason(reason) or NO_REASON
        await cluster.annotate("Pod", scope, pod, {group.ANNOTATION_PAUSED: told})
        click.echo(f"{pod} is to be paused ({told}); see `kubectl glm traffic {name} -n {scope}`")
        return 0

    run(connection, command)


@click.command()
@click.argument("name")
@click.argument("pod")
@namespace_option
@with_connection
def resume(connection: Connection, name: str, pod: str, namespace: str | None) -> None:
    """Send requests again to a paused pod of NAME."""
    scope = namespace or connection.namespace()

    async def command(cluster: Cluster) -> int:
        pods = await _servers(cluster, scope, name)
        named = _check_named(name, pod, pods)
        if pause_reason(named) is None:
            click.echo(f"{pod} is not paused by hand; {_paused(pods)}")
            return 0
        await cluster.annotate("Pod", scope, pod, {group.ANNOTATION_PAUSED: None})
        click.echo(f"{pod} is to get requests again; see `kubectl glm traffic {name} -n {scope}`")
        return 0

    run(connection, command)


async def _servers(cluster: Cluster, namespace: str, name: str) -> list[Object]:
    await find_inference(cluster, namespace, name)
    pods = await cluster.list_objects("Pod", namespace, selector_text(name))
    return [pod for pod in pods if is_server_of(pod, name)]


def _check_named(name: str, wanted: str, pods: list[Object]) -> Object:
    for pod in pods:
        if _name(pod) == wanted:
            return pod
    there = ", ".join(sorted(map(_name, pods))) or "none"
    raise click.ClickException(f"{name} has no pod {wanted}; its pods: {there}; {_paused(pods)}")


def _paused(pods: Iterable[Object]) -> str:
    names = sorted(_name(pod) for pod in pods if pause_reason(pod) is not None)
    return f"paused: {', '.join(names)}" if names else "none is paused by hand"


def _takes_requests(pod: Object) -> bool:
    seen = observe_pod(pod)
    return seen.ready and not seen.deleting and pause_reason(pod) is None


def _name(pod: Object) -> str:
    return str(pod["metadata"]["name"])
