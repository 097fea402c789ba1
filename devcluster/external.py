"""A cluster that somebody else runs. It is looked at, never made, changed or deleted."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from devcluster.errors import ClusterError
from devcluster.images import images_in
from devcluster.provider import Provider


def kubectl(kubectl_path: str, provider: Provider, *arguments: str) -> list[str]:
    """A kubectl command line for this cluster."""
    named = [("--kubeconfig", provider.kubeconfig), ("--context", provider.context)]
    return [kubectl_path, *[f"{flag}={value}" for flag, value in named if value], *arguments]


def context(kubectl_path: str, provider: Provider) -> str:
    """The name of the context in use."""
    if provider.context:
        return provider.context
    argv = kubectl(kubectl_path, provider, "config", "current-context")
    run = subprocess.run(argv, check=False, capture_output=True, text=True)
    if run.returncode != 0:
        raise ClusterError(f"no context to use: {run.stderr.strip()}", "name one with --context")
    return run.stdout.strip()


def require_answer(kubectl_path: str, provider: Provider) -> None:
    """Stop unless the cluster answers."""
    argv = kubectl(kubectl_path, provider, "version", "--request-timeout=10s")
    run = subprocess.run(argv, check=False, capture_output=True, text=True)
    if run.returncode != 0:
        raise ClusterError(
            f"the cluster {provider.reason} does not answer: {run.stderr.strip()}", "check its kubeconfig"
        )


def how_to_load(archives: Iterable[Path]) -> list[str]:
    """What the user has to do, for only they may write to a registry that the cluster can read."""
    lines = ["images are not loaded into a cluster that is not ours; push them to its registry, for example:"]
    for archive in archives:
        names = [name.rsplit("/", 1)[-1] for image in images_in(archive) for name in image.names]
        lines += [f"  skopeo copy docker-archive:{archive} docker://REGISTRY/{name}" for name in names]
    return lines
