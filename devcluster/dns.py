"""Cluster DNS: CoreDNS as a process on the first node, behind the usual Service address.

Not a pod: it then needs no image, and resolves before the first pod runs.
"""

from pathlib import Path
from typing import Any

from devcluster.component import Component, flags
from devcluster.network import CLUSTER_DOMAIN, DNS_SERVICE_ADDRESS, Node
from devcluster.state import Layout

_COREFILE = """\
.:53 {{
    bind {address}
    errors
    kubernetes {domain} in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 5
    }}
    cache 5
    ready 127.0.0.1:8181
}}
"""


def corefile(address: str, kubeconfig: Path) -> str:
    """CoreDNS' configuration. Names change often in tests, so answers are kept for five seconds only."""
    return _COREFILE.format(address=address, domain=CLUSTER_DOMAIN, kubeconfig=kubeconfig)


def coredns(layout: Layout, binary: Path, node: Node, kubeconfig: Path) -> Component:
    """The DNS server."""
    config = layout.config("Corefile")
    return Component(
        name="coredns",
        argv=(str(binary), *flags(conf=config)),
        ready_url="http://127.0.0.1:8181/ready",
        node=node,
        writes={config: corefile(node.address, kubeconfig)},
        reads=(kubeconfig,),
        seconds=2,
    )


def manifests(node: Node) -> list[dict[str, Any]]:
    """What lets CoreDNS read, and the Service that leads to it."""
    name = {"name": "kube-dns", "namespace": "kube-system"}
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "devcluster:coredns"},
            "rules": [
                {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "devcluster:coredns"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "devcluster:coredns"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "coredns"}],
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**name, "labels": {"k8s-app": "kube-dns"}},
            "spec": {"clusterIP": DNS_SERVICE_ADDRESS, "ports": ports},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**name, "labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [node.address], "conditions": {"ready": True}}],
            "ports": ports,
        },
    ]
