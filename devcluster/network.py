"""The cluster's addresses, and the links between its nodes.

The addresses are the same in every cluster: no two clusters share a network. The first node has a bridge, `nodes`;
every other one is joined to it by a pair of virtual interfaces, whose end at the bridge is taken down to cut the node
off.
"""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SERVICE_SUBNET = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
DNS_SERVICE_ADDRESS = "10.96.0.10"
POD_SUBNET = "10.244.0.0/16"
CLUSTER_DOMAIN = "cluster.local"

BRIDGE = "nodes"
UPLINK = "eth0"


@dataclass(frozen=True, slots=True)
class Node:
    """A node's place in the network."""

    index: int

    @property
    def name(self) -> str:
        """Also its name in Kubernetes."""
        return f"node{self.index}"

    @property
    def address(self) -> str:
        """Where the other nodes reach it."""
        return f"10.250.0.{self.index + 1}"

    @property
    def pod_subnet(self) -> str:
        """Its pods' addresses."""
        return f"10.244.{self.index}.0/24"

    @property
    def link(self) -> str:
        """The interface at the bridge that leads to it; the first node, which has the bridge, has none."""
        return f"to-{self.name}"


def nodes(count: int) -> list[Node]:
    """The first `count` nodes."""
    return [Node(index) for index in range(count)]


def first_node_setup() -> list[str]:
    """`ip` commands for the network of the node that has the bridge.

    Without a default route the kernel would refuse packets to Service addresses before kube-proxy's rules see them.
    """
    return [
        "link set lo up",
        f"link add {BRIDGE} type bridge",
        f"address add {Node(0).address}/24 dev {BRIDGE}",
        f"link set {BRIDGE} up",
        f"route add default dev {BRIDGE}",
    ]


def join_setup(node: Node, pid: int) -> tuple[list[str], list[str]]:
    """`ip` commands that join a node's network, which is that of process `pid`: at the bridge, and in the node."""
    at_bridge = [
        f"link add {node.link} type veth peer name {UPLINK} netns {pid}",
        f"link set {node.link} master {BRIDGE} up",
    ]
    in_node = [
        f"address add {node.address}/24 dev {UPLINK}",
        f"link set {UPLINK} up",
        f"route add default via {Node(0).address}",
    ]
    return at_bridge, in_node


def pod_routes(node: Node, others: Iterable[Node]) -> list[str]:
    """`ip` commands that lead from a node to the pods of the others."""
    return [f"route replace {other.pod_subnet} via {other.address}" for other in others if other != node]


def configure(pid: int, commands: Sequence[str]) -> None:
    """Run `ip` commands in the network of process `pid`."""
    if commands:
        batch = "\n".join(commands).encode()
        subprocess.run(_in_network_of(pid, "ip", "-batch", "-"), input=batch, check=True, capture_output=True)


def connect(holders: Mapping[Node, int]) -> None:
    """Join all nodes, and lead each to the pods of the others. `holders` has the init of each node's sandbox."""
    for node, pid in holders.items():
        if node.index:
            join(holders[Node(0)], node, pid)
    for node, pid in holders.items():
        configure(pid, pod_routes(node, holders))


def join(bridge_pid: int, node: Node, pid: int) -> None:
    """Join a node to the bridge unless it is. A pair that lost its other end is about to vanish and no link."""
    if _has_interface(pid, UPLINK):
        return
    subprocess.run(_in_network_of(bridge_pid, "ip", "link", "delete", node.link), check=False, capture_output=True)
    at_bridge, in_node = join_setup(node, pid)
    configure(bridge_pid, at_bridge)
    configure(pid, in_node)


def set_link(bridge_pid: int, node: Node, *, up: bool) -> None:
    """Cut a node off, or join it again."""
    configure(bridge_pid, [f"link set {node.link} {'up' if up else 'down'}"])


def is_cut(bridge_pid: int, node: Node) -> bool:
    """Whether a node's link was taken down."""
    if node.index == 0:
        return False
    shown = subprocess.run(
        _in_network_of(bridge_pid, "ip", "-oneline", "link", "show", node.link),
        check=False,
        capture_output=True,
        text=True,
    )
    return shown.returncode == 0 and not link_is_up(shown.stdout)


def link_is_up(line: str) -> bool:
    """Whether an interface is set up, from its line in `ip -oneline link show`: the flags stand between < and >."""
    return "UP" in line[line.index("<") + 1 : line.index(">")].split(",")


def _has_interface(pid: int, name: str) -> bool:
    return (
        subprocess.run(_in_network_of(pid, "ip", "link", "show", name), check=False, capture_output=True).returncode
        == 0
    )


def _in_network_of(pid: int, *argv: str) -> list[str]:
    return ["nsenter", f"--net=/proc/{pid}/ns/net", *argv]
