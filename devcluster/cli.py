"""The commands. Each picks the cluster, calls it, and shows what it answers."""

import os
import shutil
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from devcluster import binaries, external, packages, provider
from devcluster.console import say
from devcluster.errors import ClusterError
from devcluster.kind import KindCluster
from devcluster.local import LocalCluster, Status
from devcluster.provider import Kind, Provider, Request
from devcluster.state import Layout

_OUTPUT = Console()


class Commands(click.Group):
    """Shows an error that a person can act on as such, and not as a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ClusterError as error:
            say(f"error: {error}")
            if error.hint:
                say(f"try: {error.hint}")
            sys.exit(1)


class Target:
    """The clusters a command may act on, and the one that was decided on."""

    def __init__(self, request: Request) -> None:
        self.layout = Layout(Path(__file__).resolve().parent.parent)
        self.local = LocalCluster(self.layout)
        self.kind = KindCluster(self.layout)
        self._request = request

    def provider(self) -> Provider:
        """Decide, and say so where the user may not have meant it."""
        decided = provider.decide(self._request, provider.observe(os.environ, str(self.layout.kubeconfig)))
        if decided.announce:
            say(f"using context {external.context(_kubectl(), decided)} of the cluster {decided.reason}")
        return decided

    def require_local(self, command: str) -> LocalCluster:
        """The local cluster, for what only it can do."""
        if (decided := self.provider()).kind is not Kind.LOCAL:
            raise ClusterError(
                f"{command} works with the local cluster only; this is {decided.kind.value}: {decided.reason}"
            )
        return self.local


def _kubectl() -> str:
    """The user's kubectl for the user's cluster, else ours."""
    if installed := shutil.which("kubectl"):
        return installed
    binaries.ensure([binaries.named("kubectl")])
    return str(binaries.named("kubectl").path)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--kubeconfig", metavar="FILE", help="Use the cluster of this kubeconfig instead of making one.")
@click.option(
    "--context", "context_name", metavar="NAME", help="Use the cluster of this context instead of making one."
)
@click.pass_context
def main(ctx: click.Context, kubeconfig: str | None, context_name: str | None) -> None:
    """A real Kubernetes cluster on this machine, without Docker."""
    ctx.obj = Target(Request(str(Path(kubeconfig).absolute()) if kubeconfig else None, context_name))


@main.command()
@click.option(
    "--nodes", type=click.IntRange(1, 16), help="How many nodes; as many as before if not given, at first one."
)
@click.option(
    "--kwok/--no-kwok", default=None, help="Run KWOK too, for fake nodes by the thousand; as before if not given."
)
@click.pass_obj
def up(target: Target, nodes: int | None, kwok: bool | None) -> None:
    """Start the cluster, or what of it does not run."""
    decided = target.provider()
    if decided.kind is Kind.EXTERNAL:
        external.require_answer(_kubectl(), decided)
        say(f"nothing to start: context {external.context(_kubectl(), decided)} answers")
        return
    if decided.kind is Kind.KIND:
        target.kind.up()
    else:
        target.local.up(nodes, with_kwok=kwok)
    say(f"use it with: export KUBECONFIG={target.layout.kubeconfig}")


@main.command()
@click.pass_obj
def down(target: Target) -> None:
    """Stop the cluster and remove all it has left. Never touches a cluster that was not made here."""
    decided = target.provider()
    if decided.kind is Kind.EXTERNAL:
        say(f"nothing to do: the cluster {decided.reason} is not ours")
    elif decided.kind is Kind.KIND:
        target.kind.down()
    else:
        target.local.down()


@main.command()
@click.pass_obj
def status(target: Target) -> None:
    """Show components and nodes; exit with 0 when all is well."""
    decided = target.provider()
    if decided.kind is Kind.EXTERNAL:
        external.require_answer(_kubectl(), decided)
    elif decided.kind is Kind.KIND:
        sys.exit(0 if target.kind.exists() else 1)
    else:
        found = target.local.status()
        _show(found)
        sys.exit(0 if found.healthy else 1)


def _show(found: Status) -> None:
    if not found.components:
        say("there is no cluster")
        return
    components = Table("component", "pid", "ready", "address", box=None)
    for each in found.components:
        components.add_row(each.name, str(each.pid or "-"), _yes_or_no(each.ready), each.address)
    nodes = Table("node", "ready", "cut off", "address", box=None)
    for node in found.nodes:
        nodes.add_row(node.name, _yes_or_no(node.ready), "yes" if node.cut else "no", node.address)
    _OUTPUT.print(components, "", nodes)


def _yes_or_no(value: bool) -> str:
    return "[green]yes[/green]" if value else "[red]no[/red]"


@main.command("load-image")
@click.argument(
    "archives", metavar="TAR...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.pass_obj
def load_image(target: Target, archives: tuple[Path, ...]) -> None:
    """Put docker-archives into every node, except where they are already."""
    decided = target.provider()
    if decided.kind is Kind.EXTERNAL:
        for line in external.how_to_load(archives):
            say(line)
    elif decided.kind is Kind.KIND:
        target.kind.load_images(archives)
    else:
        target.local.load_images(archives)


@main.command()
@click.argument("node")
@click.pass_obj
def cut(target: Target, node: str) -> None:
    """Cut NODE off the network: a real partition."""
    target.require_local("cut").set_link(node, up=False)


@main.command()
@click.argument("node")
@click.pass_obj
def join(target: Target, node: str) -> None:
    """Join NODE to the network again."""
    target.require_local("join").set_link(node, up=True)


@main.command("exec", context_settings={"ignore_unknown_options": True})
@click.option("--node", default="node0", show_default=True, help="In which node's network.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def execute(target: Target, node: str, command: tuple[str, ...]) -> None:
    """Run COMMAND of this machine in the cluster's network, where pods and Services can be reached; root only."""
    target.require_local("exec").run_inside(node, command)


@main.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
def tools(names: tuple[str, ...]) -> None:
    """Build tools that are missing: all but kwok, or those named."""
    packages.ensure(packages.CLUSTER)
    binaries.ensure([binaries.named(name) for name in names] or [*binaries.CLUSTER, *binaries.DEVELOPMENT])


@main.command()
@click.argument("name")
def which(name: str) -> None:
    """Print the path of a tool; exit with 1 when it is not built."""
    tool = binaries.named(name)
    if not tool.path.exists():
        raise ClusterError(f"{name} is not built", f"python -m devcluster tools {name}")
    click.echo(tool.path)


@main.command("packages")
def install_packages() -> None:
    """Install the Debian packages that the cluster and the images need, where missing."""
    packages.ensure([*packages.CLUSTER, *packages.IMAGES])
