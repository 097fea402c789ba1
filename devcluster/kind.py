"""A kind cluster, for machines that have Docker.

Never run where this was written, for there is no Docker there: so it is kept to one kind command for each thing to do.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from devcluster.console import step
from devcluster.errors import ClusterError
from devcluster.kubeconfig import CONTEXT
from devcluster.state import Layout


class KindCluster:
    """The kind cluster named `glm-dev`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def up(self) -> None:
        """Create the cluster unless it is there, and write its kubeconfig."""
        self._layout.create()
        if CONTEXT not in _kind("get", "clusters").split():
            with step("kind create cluster", 90):
                _kind("create", "cluster", "--name", CONTEXT, "--wait", "120s")
        _kind("export", "kubeconfig", "--name", CONTEXT, "--kubeconfig", str(self._layout.kubeconfig))

    def down(self) -> None:
        """Delete the cluster."""
        _kind("delete", "cluster", "--name", CONTEXT)
        self._layout.remove()

    def exists(self) -> bool:
        """Whether kind knows the cluster."""
        return CONTEXT in _kind("get", "clusters").split()

    def load_images(self, archives: Iterable[Path]) -> None:
        """Load docker-archives into every node."""
        for archive in archives:
            _kind("load", "image-archive", str(archive), "--name", CONTEXT)


def _kind(*arguments: str) -> str:
    run = subprocess.run(["kind", *arguments], check=False, capture_output=True, text=True)
    if run.returncode != 0:
        raise ClusterError(f"kind {' '.join(arguments)} failed: {run.stderr.strip()[-1000:]}")
    return run.stdout
