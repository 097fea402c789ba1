from pathlib import Path
from typing import Any

import pytest

from devcluster import api, console, dns, external, images, mounts, sandbox
from devcluster.local import ComponentStatus, NodeStatus, Status
from devcluster.network import Node
from devcluster.provider import Kind, Provider

FOLDER = Path("/src/.cluster")
MOUNTS = """\
22 27 0:21 / /proc rw - proc proc rw
40 27 0:30 / /src/.cluster/a rw - tmpfs tmpfs rw
41 40 0:31 / /src/.cluster/a/with\\040blank rw - tmpfs tmpfs rw
42 27 0:32 / /src/.cluster-other rw - tmpfs tmpfs rw
"""


def test_mounts_below_a_folder_come_innermost_first() -> None:
    assert mounts.points_below(MOUNTS, FOLDER) == [FOLDER / "a" / "with blank", FOLDER / "a"]


def test_a_sandbox_is_made_before_its_init_takes_over() -> None:
    script = sandbox.setup_script({"/var/lib/kubelet": Path("/a b/kubelet")}, ["link set lo up"], Path("/init"))
    lines = script.splitlines()
    assert lines[0] == "set -e"
    assert "mount --bind '/a b/kubelet' /var/lib/kubelet" in lines
    assert lines[-2:] == ["ip link set lo up", "exec /init"]


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        pytest.param(
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "b"}},
            "/api/v1/namespaces/b/services/a",
            id="of the core group",
        ),
        pytest.param(
            {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "a"}},
            "/apis/storage.k8s.io/v1/storageclasses/a",
            id="of a named group, without namespace",
        ),
    ],
)
def test_object_path(manifest: dict[str, Any], path: str) -> None:
    assert api.object_path(manifest) == path


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param([], False, id="a new node is not ready"),
        pytest.param([{"type": "Ready", "status": "True"}], True, id="a ready node is"),
        pytest.param([{"type": "Ready", "status": "Unknown"}], False, id="a silent node is not"),
        pytest.param([{"type": "DiskPressure", "status": "True"}], False, id="other conditions do not count"),
    ],
)
def test_is_ready(conditions: list[dict[str, str]], expected: bool) -> None:
    assert api.is_ready({"status": {"conditions": conditions}}) is expected


def test_no_node_is_not_ready() -> None:
    assert not api.is_ready(None)


@pytest.mark.parametrize(
    ("part_ready", "node_ready", "cut", "expected"),
    [
        pytest.param(True, True, False, True, id="all ready is healthy"),
        pytest.param(False, True, False, False, id="a component that is not ready is unhealthy"),
        pytest.param(True, False, False, False, id="a node that is not ready is unhealthy"),
        pytest.param(True, False, True, True, id="a node that was cut off is as it should be"),
    ],
)
def test_healthy(part_ready: bool, node_ready: bool, cut: bool, expected: bool) -> None:
    parts, nodes = [ComponentStatus("etcd", 1, part_ready, "")], [NodeStatus("node1", node_ready, cut, "")]
    assert Status(parts, nodes).healthy is expected


def test_no_cluster_is_not_healthy() -> None:
    assert not Status((), ()).healthy


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (0.96, "1.0 s"), (7.4, "7 s"), (60, "1 min 0 s"), (466, "7 min 46 s")]
)
def test_duration(seconds: float, text: str) -> None:
    assert console.duration(seconds) == text


def test_dns_answers_for_the_cluster_at_the_node() -> None:
    lines = [line.strip() for line in dns.corefile("10.250.0.1", Path("/kubeconfig")).splitlines()]
    assert "bind 10.250.0.1" in lines
    assert "kubernetes cluster.local in-addr.arpa ip6.arpa {" in lines


def test_the_dns_service_leads_to_the_node() -> None:
    *_, service, endpoints = dns.manifests(Node(0))
    assert service["spec"]["clusterIP"] == "10.96.0.10"
    assert endpoints["endpoints"][0]["addresses"] == ["10.250.0.1"]
    assert endpoints["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"]


def test_kubectl_is_told_the_cluster_that_was_named() -> None:
    provider = Provider(Kind.EXTERNAL, "named by flag", "/kubeconfig", "prod")
    command = external.kubectl("kubectl", provider, "version")
    assert command == ["kubectl", "--kubeconfig=/kubeconfig", "--context=prod", "version"]


def test_for_a_cluster_of_others_the_user_is_told_what_to_push(tmp_path: Path) -> None:
    archive = tmp_path / "pause.tar"
    archive.write_bytes(images.pause_archive(b"program"))
    assert external.how_to_load([archive])[1:] == [f"  skopeo copy docker-archive:{archive} docker://REGISTRY/pause:1"]
