"""One cluster and one operator for all tests; a namespace for each."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Final

import pytest

from demo.built_images import NAMES, built_image
from demo.install import RESTRICTED, install_operator, uninstall_operator
from demo.kubectl import Kubectl
from demo.paths import MODELS, ROOT
from devcluster.provider import Kind
from support import FILES_URL, S3_URL
from watchful import no_hot_loop, no_traceback

__all__ = ["no_hot_loop", "no_traceback"]

NODES: Final = "2"
# A short resync shows within a test what it would otherwise take a minute to see. The second node is cut off by a test,
# and must not take the operator with it.
VALUES: Final = (
    "--set=resyncSeconds=10",
    f"--set-json=repositoryUrls={json.dumps([FILES_URL, S3_URL])}",
    r"--set-string=nodeSelector.kubernetes\.io/hostname=node0",
)


TIMEOUT_SECONDS: Final = 300
"""Of one test here, with the setup that it may be the first to need."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(ROOT / "e2e") and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS))


def command(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=False, timeout=3600).returncode


@pytest.fixture(scope="session")
def cluster() -> Iterator[Kubectl]:
    """A cluster with the images in it. One that ran before goes on running."""
    kubectl = Kubectl.connect()
    local = kubectl.provider.kind is Kind.LOCAL
    ran_before = command("devcluster", "status") == 0
    if not ran_before:
        # What a crashed run left would only be in the way.
        command("devcluster", "down")
        assert command("devcluster", "up", *(["--nodes", NODES] if local else [])) == 0
    archives = [str(built_image(name).archive) for name in NAMES]
    assert command("devcluster", "load-image", *archives) == 0
    if not (MODELS / "samples.json").exists():
        assert command("images.models", str(MODELS)) == 0
    yield kubectl
    if not ran_before:
        command("devcluster", "down")


@pytest.fixture(scope="session")
def install_values(cluster: Kubectl) -> tuple[str, ...]:
    """The chart's values for the tests."""
    return VALUES if cluster.provider.kind is Kind.LOCAL else VALUES[:2]


@pytest.fixture(scope="session")
def kubectl(cluster: Kubectl, install_values: tuple[str, ...]) -> Iterator[Kubectl]:
    """The cluster with the operator in it, installed by the chart."""
    install_operator(cluster, *install_values)
    yield cluster
    uninstall_operator(cluster)


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A fresh namespace whose pods must be restricted."""
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})
    yield name
    kubectl("delete", "namespace", name, "--wait=false")
