import json
import tomllib
from pathlib import Path

from devcluster import node
from devcluster.network import DNS_SERVICE_ADDRESS, Node
from devcluster.state import Layout

LAYOUT = Layout(Path('/src/with "quotes" and blanks'))


def test_containerd_reads_its_configuration_whatever_the_path() -> None:
    config = tomllib.loads(node.containerd_config(LAYOUT.node("node0") / "containerd", LAYOUT.config("cni-node0")))
    runtime = config["plugins"]["io.containerd.cri.v1.runtime"]

    assert config["version"] == 3
    assert config["root"] == str(LAYOUT.node("node0") / "containerd")
    assert runtime["restrict_oom_score_adj"] is True
    assert runtime["cni"]["conf_dir"] == str(LAYOUT.config("cni-node0"))
    assert config["plugins"]["io.containerd.cri.v1.images"]["pinned_images"]["sandbox"] == node.PAUSE_IMAGE


def test_nodes_share_no_cgroup() -> None:
    first, second = (node.kubelet_config(LAYOUT, Node(index))["cgroupRoot"] for index in (0, 1))
    assert (first, second) == (f"/{LAYOUT.name}/node0", f"/{LAYOUT.name}/node1")


def test_pods_ask_the_cluster_for_names_and_keep_their_images() -> None:
    config = node.kubelet_config(LAYOUT, Node(0))
    assert config["clusterDNS"] == [DNS_SERVICE_ADDRESS]
    assert config["imageGCHighThresholdPercent"] == 100


def test_a_pod_has_a_link_of_its_own_and_a_way_out() -> None:
    (plugin,) = node.pod_network(Node(1))["plugins"]
    assert plugin["type"] == "ptp"
    assert plugin["ipam"]["ranges"] == [[{"subnet": "10.244.1.0/24"}]]
    assert plugin["ipam"]["routes"] == [{"dst": "0.0.0.0/0"}]


def test_kubelet_starts_with_the_configuration_it_writes() -> None:
    component = node.kubelet(LAYOUT, Path("/bin/kubelet"), Node(1), Path("/kubeconfig"))
    (config,) = component.writes
    assert f"--config={config}" in component.argv
    assert json.loads(component.writes[config])["kind"] == "KubeletConfiguration"
