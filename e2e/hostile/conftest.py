"""The in-cluster operator is away while these tests run operators of their own."""

from collections.abc import Iterator

import pytest

from demo.install import OPERATOR_NAMESPACE, RELEASE
from demo.kubectl import Kubectl
from devcluster.provider import Kind
from hostile.lab import Lab, delete_leftovers
from hostile.process import end_strays


@pytest.fixture(scope="session")
def lab(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The cluster with the operator installed; the operator runs."""
    if kubectl.provider.kind is not Kind.LOCAL:
        pytest.skip(
            "these tests put a proxy into the cluster's network and end its API server: only the local cluster has both"
        )
    end_strays()
    delete_leftovers(kubectl)
    return Lab.open(kubectl, tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def alone(lab: Lab) -> Iterator[Lab]:
    """No operator runs but those that a test starts."""
    deployment, selector = f"deployment/{RELEASE}", f"app.kubernetes.io/name={RELEASE}"
    lab.kubectl("scale", deployment, "--replicas=0", "-n", OPERATOR_NAMESPACE)
    lab.kubectl("wait", "--for=delete", "pod", "-l", selector, "-n", OPERATOR_NAMESPACE, "--timeout=50s")
    yield lab
    lab.kubectl("scale", deployment, "--replicas=1", "-n", OPERATOR_NAMESPACE)
    lab.kubectl("rollout", "status", deployment, "-n", OPERATOR_NAMESPACE, "--timeout=50s")
