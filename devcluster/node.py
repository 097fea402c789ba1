"""What runs on every node: containerd, kubelet and kube-proxy, and their configuration."""

import json
from pathlib import Path
from typing import Any

from devcluster import certificates
from devcluster.component import Component, flags
from devcluster.network import CLUSTER_DOMAIN, DNS_SERVICE_ADDRESS, POD_SUBNET, Node
from devcluster.state import Layout

CONTAINERD_SOCKET = (
    "/run/containerd/containerd.sock"  # in the sandbox, whose /run is its own: a short path, whatever the checkout's
)
NETWORK_PLUGINS = "/usr/lib/cni"
PAUSE_IMAGE = "devcluster.local/pause:1"

_UNUSED_CONTAINERD_PLUGINS = (
    "io.containerd.internal.v1.opt",  # would make /opt/containerd
    "io.containerd.internal.v1.tracing",
    "io.containerd.nri.v1.nri",
    "io.containerd.snapshotter.v1.blockfile",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.erofs",
    "io.containerd.snapshotter.v1.zfs",
    "io.containerd.tracing.processor.v1.otlp",
)

_CONTAINERD_CONFIG = """\
version = 3
root = {root}
state = "/run/containerd"
disabled_plugins = {disabled}

[grpc]
  address = {socket}

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = {pause}

[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE runc may not lower the score of the out-of-memory killer, and dies without saying why.
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = [{network_plugins}]
    conf_dir = {network_config}
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


def containerd_config(root: Path, network_config: Path) -> str:
    """Version 3 of the configuration."""
    return _CONTAINERD_CONFIG.format(
        root=json.dumps(str(root)),
        disabled=json.dumps(_UNUSED_CONTAINERD_PLUGINS),
        socket=json.dumps(CONTAINERD_SOCKET),
        pause=json.dumps(PAUSE_IMAGE),
        network_plugins=json.dumps(NETWORK_PLUGINS),
        network_config=json.dumps(str(network_config)),
    )


def pod_network(node: Node) -> dict[str, Any]:
    """CNI: a link of its own for each pod, so that all its packets pass the node's rules.

    On a bridge the answer of a neighbour would go straight back, past the rules that turn the pod's address into the
    Service's again.
    """
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": node.pod_subnet}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": "/run/pod-addresses",
    }
    pod_link = {"type": "ptp", "ipMasq": False, "ipam": addresses}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [pod_link]}


def kubelet_config(layout: Layout, node: Node) -> dict[str, Any]:
    """The kubelet's configuration. Images are never collected: no registry could give them back."""
    pki = layout.certificates
    authority = str(pki / f"{certificates.AUTHORITY}.crt")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": authority},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki / f"kubelet-{node.name}.crt"),
        "tlsPrivateKeyFile": str(pki / f"kubelet-{node.name}.key"),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "clusterDNS": [DNS_SERVICE_ADDRESS],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": "",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.name}/{node.name}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "maxPods": 110,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        "oomScoreAdj": 0,
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        "logging": {"verbosity": 1},
    }


def kube_proxy_config(node: Node, kubeconfig: Path) -> dict[str, Any]:
    """kube-proxy's configuration. The zeros leave the machine-wide connection tracking settings alone."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": POD_SUBNET,
        "hostnameOverride": node.name,
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "oomScoreAdj": 0,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
    }


def containerd(layout: Layout, binary: Path, node: Node) -> Component:
    """The container runtime. It finds its shim by name on the path, at the latest when it takes over running pods."""
    network_config = layout.config(f"cni-{node.name}") / "10-pods.conflist"
    config = layout.config(f"containerd-{node.name}.toml")
    return Component(
        name=f"containerd-{node.name}",
        argv=(str(binary), "--config", str(config), "--log-level", "warn"),
        ready_url=f"unix://{CONTAINERD_SOCKET}",
        node=node,
        writes={
            network_config: _json(pod_network(node)),
            config: containerd_config(layout.node(node.name) / "containerd", network_config.parent),
        },
        seconds=1,
    )


def kubelet(layout: Layout, binary: Path, node: Node, kubeconfig: Path) -> Component:
    """The node's agent."""
    config = layout.config(f"kubelet-{node.name}.json")
    arguments = flags(config=config, kubeconfig=kubeconfig, hostname_override=node.name, node_ip=node.address)
    return Component(
        name=f"kubelet-{node.name}",
        argv=(str(binary), *arguments),
        ready_url="http://127.0.0.1:10248/healthz",
        node=node,
        writes={config: _json(kubelet_config(layout, node))},
        reads=(kubeconfig,),
        seconds=3,
    )


def kube_proxy(layout: Layout, binary: Path, node: Node, kubeconfig: Path) -> Component:
    """Makes Service addresses work on the node."""
    config = layout.config(f"kube-proxy-{node.name}.json")
    return Component(
        name=f"kube-proxy-{node.name}",
        argv=(str(binary), *flags(config=config)),
        ready_url="http://127.0.0.1:10256/healthz",
        node=node,
        writes={config: _json(kube_proxy_config(node, kubeconfig))},
        reads=(kubeconfig,),
        seconds=2,
    )


def storage_class() -> dict[str, Any]:
    """The default storage class. Its provisioner, part of the controller manager, makes folders that all nodes see."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubernetes.io/host-path",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }


def _json(content: dict[str, Any]) -> str:
    """JSON, which is YAML too, and so what these programs read."""
    return json.dumps(content, indent=2) + "\n"
