"""What should run, given the settings: every component, in the order in which they need each other."""

import sys
from collections.abc import Iterable
from pathlib import Path

from devcluster import control_plane, dns, kubeconfig, kwok, network, node
from devcluster.binaries import named
from devcluster.component import Component
from devcluster.network import Node
from devcluster.state import Layout, Settings


def stages(layout: Layout, settings: Settings, first_sandbox: int) -> list[list[Component]]:
    """All components; those of one stage start together. `first_sandbox` is the init of the first node's sandbox."""
    nodes = network.nodes(settings.nodes)
    return [
        [
            control_plane.etcd(layout, named("etcd").path, nodes[0]),
            *[node.containerd(layout, named("containerd").path, each) for each in nodes],
        ],
        [control_plane.api_server(layout, named("kube-apiserver").path, nodes[0], settings.port)],
        [_forwarder(layout, settings.port, first_sandbox)],
        [*_clients(layout, settings, nodes[0]), *[part for each in nodes for part in _agents(layout, each)]],
    ]


def _clients(layout: Layout, settings: Settings, first: Node) -> list[Component]:
    """What runs once, beside the API server."""
    manager, scheduler, dns_reader = (
        _identity(layout, name) for name in ("controller-manager", "scheduler", "coredns")
    )
    clients = [
        control_plane.controller_manager(layout, named("kube-controller-manager").path, first, manager),
        control_plane.scheduler(named("kube-scheduler").path, first, scheduler),
        dns.coredns(layout, named("coredns").path, first, dns_reader),
    ]
    if settings.kwok:
        clients.append(kwok.kwok(named("kwok").path, named("kwok-stages").path, first, _identity(layout, "admin")))
    return clients


def _agents(layout: Layout, each: Node) -> list[Component]:
    """What runs on every node beside containerd."""
    return [
        node.kubelet(layout, named("kubelet").path, each, _identity(layout, f"kubelet-{each.name}")),
        node.kube_proxy(layout, named("kube-proxy").path, each, _identity(layout, "kube-proxy")),
    ]


def _forwarder(layout: Layout, port: int, first_sandbox: int) -> Component:
    """Leads into the sandbox that runs now; another sandbox makes it another component, which is started anew."""
    return Component(
        name="forwarder",
        argv=(sys.executable, "-m", "devcluster.forwarder", f"/proc/{first_sandbox}/ns/net", str(port)),
        ready_url=f"https://127.0.0.1:{port}/readyz",
        node=None,
        seconds=1,
    )


def _identity(layout: Layout, certificate: str) -> Path:
    """The kubeconfig of a component."""
    return layout.config(f"{certificate}.kubeconfig")


def write_kubeconfigs(layout: Layout, settings: Settings, certificates: Iterable[str]) -> None:
    """Write one for people, and one for each component that calls the API server."""
    kubeconfig.write(layout, layout.kubeconfig, f"https://127.0.0.1:{settings.port}", "admin")
    for certificate in certificates:
        server = f"https://{Node(0).address}:{settings.port}"
        kubeconfig.write(layout, _identity(layout, certificate), server, certificate)
