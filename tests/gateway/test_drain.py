"""What counts as a client of a gateway pod that is to end."""

import pytest

from images.envoy.drain import connected_clients

IDLE = """listener.0.0.0.0_8000.downstream_cx_active: 0
listener.0.0.0.0_8000.worker_0.downstream_cx_active: 0
listener.admin.downstream_cx_active: 1
listener.admin.main_thread.downstream_cx_active: 1
"""


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        pytest.param("", 0, id="no listener has been told of yet"),
        pytest.param(IDLE, 0, id="who drains is itself connected to the administration"),
        pytest.param(
            "listener.0.0.0.0_8000.downstream_cx_active: 3\n"
            "listener.0.0.0.0_8000.worker_0.downstream_cx_active: 1\n"
            "listener.0.0.0.0_8000.worker_1.downstream_cx_active: 2\n",
            3,
            id="each connection once, though its worker counts it as well",
        ),
        pytest.param(
            "listener.0.0.0.0_8000.downstream_cx_active: 1\nlistener.[__]_8001.downstream_cx_active: 1\n",
            2,
            id="both ports, and IPv6",
        ),
        pytest.param(
            "listener.0.0.0.0_8002.downstream_cx_active: 2\nlistener.0.0.0.0_8002.worker_0.downstream_cx_active: 2\n",
            0,
            id="Prometheus keeps its connection, and is no client",
        ),
    ],
)
def test_connected_clients(stats, expected):
    assert connected_clients(stats, 8002) == expected
