"""Which cluster the plugin talks to: the options that every command has, as in kubectl."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
from kubernetes.aio.config import ConfigException, list_kube_config_contexts


@dataclass(frozen=True, slots=True)
class Connection:
    """A kubeconfig and one of its contexts; None: what kubectl would take."""

    kubeconfig: str | None
    context: str | None

    def namespace(self) -> str:
        """The context's namespace; `default` where it names none."""
        try:
            contexts, active = list_kube_config_contexts(config_file=self.kubeconfig)
        except ConfigException as error:
            raise no_cluster(error) from None
        chosen = next((entry for entry in contexts if entry["name"] == self.context), active)
        return str(chosen["context"].get("namespace", "default"))


def no_cluster(error: ConfigException) -> click.ClickException:
    """What to tell a user whose kubeconfig names no cluster."""
    return click.ClickException(f"no cluster: {error}; set KUBECONFIG, or run `make cluster`")


def with_connection(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options `--kubeconfig` and `--context`, and itself a `Connection` for them."""

    @click.option("--kubeconfig", help="Path of the kubeconfig; default: as kubectl.", type=click.Path(exists=True))
    @click.option("--context", help="Context of the kubeconfig; default: the current one.")
    @functools.wraps(command)
    def connected(kubeconfig: str | None, context: str | None, **options: Any) -> None:
        command(connection=Connection(kubeconfig, context), **options)

    return connected
