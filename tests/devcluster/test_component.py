from dataclasses import replace
from pathlib import Path

import pytest

from devcluster.component import Component, flags
from devcluster.network import Node

ETCD = Component("etcd", ("/bin/etcd", "--a=1"), "http://127.0.0.1:2379/health", Node(0), {Path("/c"): "one"})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"secure_port": 6443}, ("--secure-port=6443",), id="underscores become dashes"),
        pytest.param({"profiling": False}, ("--profiling=false",), id="truth values are written small"),
        pytest.param({"config": Path("/a b")}, ("--config=/a b",), id="a path stays one argument"),
    ],
)
def test_flags(values: dict[str, object], expected: tuple[str, ...]) -> None:
    assert flags(**values) == expected


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(replace(ETCD), True, id="the same component has the same"),
        pytest.param(replace(ETCD, argv=("/bin/etcd", "--a=2")), False, id="another argument changes it"),
        pytest.param(replace(ETCD, argv=("/bin/etcd--a=1",)), False, id="so does where arguments part"),
        pytest.param(replace(ETCD, writes={Path("/c"): "two"}), False, id="another configuration changes it"),
        pytest.param(replace(ETCD, seconds=9), True, id="what only we read does not"),
    ],
)
def test_fingerprint(other: Component, same: bool) -> None:
    assert (other.fingerprint() == ETCD.fingerprint()) is same


def test_the_fingerprint_changes_with_a_file_of_others(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    component = replace(ETCD, reads=(file,))
    absent = component.fingerprint()
    file.write_text("new")
    assert component.fingerprint() != absent


@pytest.mark.parametrize(
    ("url", "address"),
    [
        pytest.param("https://127.0.0.1:6443/readyz", "127.0.0.1:6443", id="of a server"),
        pytest.param("unix:///run/c.sock", "/run/c.sock", id="of a socket"),
    ],
)
def test_address(url: str, address: str) -> None:
    assert replace(ETCD, ready_url=url).address == address
