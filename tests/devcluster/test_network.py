import pytest

from devcluster import network
from devcluster.network import Node

IFNAMSIZ = 16  # with the closing zero


def test_the_sixteen_nodes_have_addresses_and_names_of_their_own() -> None:
    nodes = network.nodes(16)
    assert len({node.address for node in nodes}) == len({node.pod_subnet for node in nodes}) == 16
    assert all(len(node.link) < IFNAMSIZ for node in nodes)


def test_a_node_reaches_the_pods_of_all_others() -> None:
    assert network.pod_routes(Node(1), network.nodes(3)) == [
        "route replace 10.244.0.0/24 via 10.250.0.1",
        "route replace 10.244.2.0/24 via 10.250.0.3",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("4: to-node1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500", True, id="an interface that is up"),
        pytest.param(
            "4: to-node1@if2: <NO-CARRIER,BROADCAST,UP> mtu 1500", True, id="up, though the other end is down"
        ),
        pytest.param("4: to-node1@if2: <BROADCAST,MULTICAST> mtu 1500", False, id="taken down"),
        pytest.param("4: to-node1@if2: <BROADCAST,LOWER_UP> mtu 1500", False, id="LOWER_UP alone is not up"),
    ],
)
def test_link_is_up(line: str, expected: bool) -> None:
    assert network.link_is_up(line) is expected
