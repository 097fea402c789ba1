"""Which cluster the plugin talks to: the options that every command has, as in kubectl."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
from kubernetes.aio.config import list_kube_config_contexts


@dataclass(frozen=True, slots=True)
class Connection:
    """A kubeconfig and one of its contexts; None: what kubectl would take."""

    kubeconfig: str | None
    context: str | None

    def namespace(self) -> str:
        """The context's namespace; `default` where it names none."""
        contexts, active = list_kube_config_contexts(config_file=self.kubeconfig)
        chosen = next((entry for entry in contexts if entry["name"] == self.context), active)
        return str(chosen["context"].get("namespace", "default"))


def with_connection(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options `--kubeconfig` and `--context`, and itself a `Connection` for them."""

    @click.option("--kubeconfig", help="Path of the kubeconfig; default: as kubectl.", type=click.Path(exists=True))
    @click.option("--context", help="Context of the kubeconfig; default: the current one.")
    @functools.wraps(command)
    def connected(kubeconfig: str | None, context: str | None, **options: Any) -> None:
        command(connection=Connection(kubeconfig, context), **options)

    return connected
