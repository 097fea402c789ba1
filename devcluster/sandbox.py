"""A sandbox: the namespaces that one node lives in, held by one process that does nothing.

It is init of a process namespace, so when it ends, the kernel ends everything inside, pods included, and then lets go
of the mounts and the network that only they held. Whatever crashes, only cgroups and the empty folders that were
mounted over can outlive it.
"""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from devcluster import cgroups, network, processes
from devcluster.errors import ClusterError, end_of
from devcluster.network import Node
from devcluster.processes import Identity, Record
from devcluster.state import Layout
from devcluster.waiting import until

PRIVATE_FOLDERS = {
    "/var/lib/kubelet": "kubelet",
    "/var/lib/cni": "cni-cache",
    "/var/log/pods": "pod-logs",
    "/var/log/containers": "container-logs",
}
"""Folders that kubelet and containerd insist on, and what of the node's data lies there in its sandbox."""

VOLUMES = "/tmp/hostpath_pv"  # noqa: S108 - where Kubernetes' own host path provisioner puts volumes, and nowhere else
"""All nodes see the same folder here, so that a volume is where its pod is."""


def component_name(node: Node) -> str:
    """The sandbox's name among the cluster's processes."""
    return f"sandbox-{node.name}"


def mounted_over(layout: Layout, node: Node) -> dict[str, Path]:
    """Every folder of the machine that the sandbox mounts something else over, and what."""
    private = {target: layout.node(node.name) / source for target, source in PRIVATE_FOLDERS.items()}
    return {**private, VOLUMES: layout.folder / "volumes"}


def setup_script(mounts: dict[str, Path], network_commands: Iterable[str], init: Path) -> str:
    """What makes a sandbox of fresh namespaces; it ends by becoming the process that holds them.

    /run is the node's own and empty at each start, as after a boot. Mounts are shared below, as kubelets expect.
    """
    lines = [
        "set -e",
        "mount -t proc proc /proc",
        "mount -t tmpfs -o mode=755 tmpfs /run",
        *[f"mount --bind {shlex.quote(str(source))} {shlex.quote(target)}" for target, source in mounts.items()],
        "mount --make-rshared /",
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        *[f"ip {command}" for command in network_commands],
        f"exec {shlex.quote(str(init))}",
    ]
    return "\n".join(lines)


def holder(layout: Layout, node: Node) -> Identity | None:
    """The process that holds the node's sandbox; None when there is none."""
    record = processes.read_record(layout.record(component_name(node)))
    return record.process if record and processes.alive(record.process) else None


def start(layout: Layout, node: Node, init: Path) -> Identity:
    """Make the node's sandbox, as a machine boots: with the data of the time before, and nothing running."""
    name = component_name(node)
    processes.kill(processes.instances_of(layout.folder, name))  # one that an interrupted start has left unrecorded
    group = f"{layout.name}/{node.name}"
    cgroups.remove(group)
    cgroups.create(group)
    mounts = mounted_over(layout, node)
    for target, source in mounts.items():
        source.mkdir(parents=True, exist_ok=True)
        Path(target).mkdir(parents=True, exist_ok=True)
    commands = network.first_node_setup() if node.index == 0 else ["link set lo up"]
    process = processes.start_init(
        ["unshare", "--net", "--mount", "--", "sh", "-c", setup_script(mounts, commands, init)],
        layout.log(name),
        processes.environment(layout, name),
    )
    processes.write_record(layout.record(name), Record(process, fingerprint=""))
    until(lambda: _holds(process, init) or not processes.alive(process), 10, f"the sandbox of {node.name}")
    if not processes.alive(process):
        hint = "making namespaces and mounts takes a real root, not that of an unprivileged container"
        raise ClusterError(f"the sandbox of {node.name} could not be made. {end_of(layout.log(name))}", hint)
    return process


def _holds(process: Identity, init: Path) -> bool:
    """Whether the setup is done: the process has become the one that only holds the namespaces."""
    try:
        return Path(f"/proc/{process.pid}/exe").readlink() == init
    except FileNotFoundError:
        return False


def remove_mount_points(targets: Sequence[str]) -> None:
    """Remove the empty folders that sandboxes mounted over.

    Where another cluster still does, removing the folder would take its mount away.
    """
    in_use = _mount_points_of_all()
    for target in targets:
        if target not in in_use:
            try:
                Path(target).rmdir()
            except OSError:  # not empty: somebody's own; or not there
                continue


def _mount_points_of_all() -> set[str]:
    points: set[str] = set()
    for pid in processes.all_pids():
        try:
            lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
        except OSError:
            continue
        points.update(line.split()[4] for line in lines)
    return points
