"""The local cluster: brings what runs to what is wanted, tells how it is, and clears it away."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from devcluster import (
    binaries,
    certificates,
    cgroups,
    dns,
    images,
    mounts,
    network,
    node,
    packages,
    plan,
    privilege,
    processes,
    sandbox,
    waiting,
)
from devcluster.api import Api, is_ready
from devcluster.binaries import named
from devcluster.component import Component
from devcluster.console import duration, say, step
from devcluster.errors import ClusterError
from devcluster.network import Node
from devcluster.state import Layout, Settings, choose_port, read_settings, write_settings
from devcluster.supervisor import READY_WITHIN, Supervisor


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """How one process of the cluster is."""

    name: str
    pid: int | None
    ready: bool
    address: str


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """How one node is, as Kubernetes sees it, and whether it was cut off on purpose."""

    name: str
    ready: bool
    cut: bool
    address: str


@dataclass(frozen=True, slots=True)
class Status:
    """How the cluster is."""

    components: Sequence[ComponentStatus]
    nodes: Sequence[NodeStatus]

    @property
    def healthy(self) -> bool:
        """Whether everything runs that should. A node that was cut off is as it should be."""
        parts = all(component.ready for component in self.components)
        return bool(self.components) and parts and all(node.ready or node.cut for node in self.nodes)


class LocalCluster:
    """The cluster of one checkout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._supervisor = Supervisor(layout)

    def up(self, node_count: int | None = None, *, with_kwok: bool | None = None) -> None:
        """Start what does not run, and wait until pods can be created. What is not given stays as it was."""
        began = time.monotonic()
        privilege.require_root("up")
        self._clear_orphans()
        with self._layout.locked():
            settings = self._settled(node_count, with_kwok=with_kwok)
            packages.ensure(packages.CLUSTER)
            binaries.ensure([*binaries.CLUSTER, *(binaries.FAKE_NODES if settings.kwok else ())])
            self._layout.create()
            write_settings(self._layout, settings)
            binaries.link(binaries.CLUSTER, self._layout.programs)
            leaves = certificates.wanted(network.nodes(settings.nodes))
            certificates.ensure(self._layout.certificates, leaves)
            plan.write_kubeconfigs(self._layout, settings, [leaf.file for leaf in leaves if leaf.logs_in])
            started = self._start(settings)
        say(f"{'cluster is up' if started else 'cluster was up already'}, {duration(time.monotonic() - began)}")

    def down(self) -> None:
        """Remove every trace of the cluster but its lock.

        Needs no record: whatever of it lives names its state folder, or shares a network with what does.
        """
        privilege.require_root("down")
        self._clear_orphans()
        _remove(self._layout)
        say("cluster is down")

    def _clear_orphans(self) -> None:
        """Clusters whose checkout is gone have nobody left who could end them."""
        for folder in processes.orphaned_folders():
            say(f"clearing a cluster whose checkout is gone: {folder.parent}")
            _remove(Layout(folder.parent))

    def status(self) -> Status:
        """How everything is, now."""
        settings = read_settings(self._layout)
        if settings is None:
            return Status((), ())
        nodes = network.nodes(settings.nodes)
        first = sandbox.holder(self._layout, nodes[0])
        stages = plan.stages(self._layout, settings, first.pid if first else 0)
        sandboxes = [self._sandbox_status(each) for each in nodes]
        components = [self._component_status(each) for stage in stages for each in stage]
        return Status([*sandboxes, *components], [self._node_status(each, settings) for each in nodes])

    def load_images(self, archives: Iterable[Path]) -> None:
        """Put archives into every node, except where they are."""
        for archive in archives:
            content = images.images_in(archive)
            names = ", ".join(name for image in content for name in image.names)
            for each in self._nodes():
                loaded = images.load(archive, content, self._supervisor.holder(each))
                say(f"  {names}: {'loaded into' if loaded else 'already in'} {each.name}")

    def set_link(self, name: str, *, up: bool) -> None:
        """Cut a node off the network, or join it again."""
        found = self._named(name)
        if found.index == 0:
            raise ClusterError("the first node has the control plane and cannot be cut off", "start more: up --nodes 2")
        network.set_link(self._supervisor.holder(Node(0)), found, up=up)
        say(f"{name} is {'joined' if up else 'cut off'}")

    def run_inside(self, name: str, argv: Sequence[str]) -> None:
        """Become a command in a node's network, where pods and Services can be reached. It ends with the cluster."""
        holder = self._supervisor.holder(self._named(name))
        environ = {**os.environ, processes.MARK: str(self._layout.folder)}
        os.execvpe("nsenter", ["nsenter", f"--net=/proc/{holder}/ns/net", "--", *argv], environ)  # noqa: S606

    def _settled(self, node_count: int | None, *, with_kwok: bool | None) -> Settings:
        """What is asked for now, over what was asked for before."""
        before = read_settings(self._layout) or Settings(port=choose_port(self._layout.preferred_port))
        with_kwok = before.kwok if with_kwok is None else with_kwok
        settings = replace(before, nodes=node_count or before.nodes, kwok=with_kwok)
        if settings.nodes < before.nodes:
            raise ClusterError(
                f"the cluster has {before.nodes} nodes, and none is taken away", "run: down, then up again"
            )
        return settings

    def _start(self, settings: Settings) -> bool:
        """Start what is missing, stage by stage; False when nothing was."""
        nodes = network.nodes(settings.nodes)
        changed = [self._ensure_sandbox(each) for each in nodes]
        holders = {each: self._supervisor.holder(each) for each in nodes}
        network.connect(holders)
        store_and_runtimes, api_server, forwarder, others = plan.stages(self._layout, settings, holders[nodes[0]])
        changed.append(self._ensure(store_and_runtimes))
        if any(changed):
            images.ensure_pause_image(self._layout, holders.values())
        changed += [self._ensure(api_server), self._ensure(forwarder)]
        if any(changed):
            self._apply_manifests(settings)
        changed.append(self._ensure(others))
        if not settings.kwok:
            self._supervisor.stop("kwok")
        if any(changed):
            with step("waiting for nodes and service accounts", 5):
                self._await_nodes(settings, holders)
        else:
            self._await_nodes(settings, holders)
        return any(changed)

    def _ensure(self, stage: Sequence[Component]) -> bool:
        return self._supervisor.ensure(stage)

    def _ensure_sandbox(self, each: Node) -> bool:
        if sandbox.holder(self._layout, each):
            return False
        with step(f"starting the sandbox of {each.name}", 0.2):
            sandbox.start(self._layout, each, named("pause").path)
        return True

    def _apply_manifests(self, settings: Settings) -> None:
        """What the cluster itself needs in it. A new API server makes the namespaces a moment after it is ready."""
        api = self._api(settings)
        api.await_object("/api/v1/namespaces/kube-system", READY_WITHIN)
        for manifest in [*dns.manifests(Node(0)), node.storage_class()]:
            api.apply(manifest)

    def _await_nodes(self, settings: Settings, holders: dict[Node, int]) -> None:
        """Pods can be created once the nodes are ready and the service account they run as is there."""
        api = self._api(settings)
        for each in holders:
            if not network.is_cut(holders[Node(0)], each):
                kubelet_log = self._layout.log(f"kubelet-{each.name}")
                waiting.until(
                    partial(_is_node_ready, api, each), READY_WITHIN, f"{each.name} to be ready", f"see {kubelet_log}"
                )
        api.await_object("/api/v1/namespaces/default/serviceaccounts/default", READY_WITHIN)

    def _api(self, settings: Settings) -> Api:
        return Api(settings.port, self._layout.certificates)

    def _nodes(self) -> list[Node]:
        settings = read_settings(self._layout)
        if settings is None:
            raise ClusterError("there is no cluster", "start one with: up")
        return network.nodes(settings.nodes)

    def _named(self, name: str) -> Node:
        for each in self._nodes():
            if each.name == name:
                return each
        raise ClusterError(f"no node is named {name!r}", f"there are: {', '.join(each.name for each in self._nodes())}")

    def _component_status(self, component: Component) -> ComponentStatus:
        ready = self._supervisor.ready(component)
        return ComponentStatus(component.name, self._supervisor.pid(component.name), ready, component.address)

    def _sandbox_status(self, each: Node) -> ComponentStatus:
        pid = self._supervisor.pid(sandbox.component_name(each))
        return ComponentStatus(sandbox.component_name(each), pid, pid is not None, each.address)

    def _node_status(self, each: Node, settings: Settings) -> NodeStatus:
        bridge = sandbox.holder(self._layout, Node(0))
        cut = bridge is not None and network.is_cut(bridge.pid, each)
        try:
            ready = _is_node_ready(self._api(settings), each)
        except OSError:  # no certificates yet
            ready = False
        return NodeStatus(each.name, ready, cut, each.address)


def _is_node_ready(api: Api, each: Node) -> bool:
    return is_ready(api.get(f"/api/v1/nodes/{each.name}"))


def _remove(layout: Layout) -> None:
    """Remove every trace of a cluster."""
    with layout.locked():
        own = list(processes.belonging_to(layout.folder))
        processes.kill([*own, *processes.sharing_network_with(own)])
        cgroups.remove(layout.name)
        mounts.unmount_below(layout.folder)
        layout.remove()
        sandbox.remove_mount_points([*sandbox.mounted_over(layout, Node(0))])
