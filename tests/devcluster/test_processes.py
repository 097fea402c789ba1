import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devcluster import processes
from devcluster.processes import Identity, Record, Stat

TAIL = "1 1 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0"


@contextmanager
def sleeping(**environ: str) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(["sleep", "60"], env={**os.environ, **environ})
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def identity(child: subprocess.Popen[bytes]) -> Identity:
    found = processes.identity_of(child.pid)
    assert found
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("9 (etcd) S 3 " + TAIL.format(flags=64), Stat(False, 3, 4711), id="a sleeping process runs"),
        pytest.param("9 (a) b (c) R 3 " + TAIL.format(flags=0), Stat(False, 3, 4711), id="a name may hold brackets"),
        pytest.param("9 (etcd) Z 3 " + TAIL.format(flags=0), Stat(True, 3, 4711), id="a zombie has ended"),
        pytest.param("9 (init) S 3 " + TAIL.format(flags=4), Stat(True, 3, 4711), id="a killed one is ending"),
    ],
)
def test_parse_stat(line: str, expected: Stat) -> None:
    assert processes.parse_stat(line) == expected


def test_a_process_is_alive_until_it_ends() -> None:
    with sleeping() as child:
        known = identity(child)
        assert processes.alive(known)
        child.kill()
        child.wait()
        assert not processes.alive(known)


def test_a_later_process_with_the_same_number_is_another_one() -> None:
    with sleeping() as child:
        earlier = Identity(child.pid, identity(child).started - 1)
        assert not processes.alive(earlier)


def test_kill_ends_the_process_that_was_meant() -> None:
    with sleeping() as child:
        known = identity(child)
        processes.kill([known])
        assert not processes.alive(known)


def test_kill_spares_a_later_process_with_the_same_number() -> None:
    with sleeping() as child:
        processes.kill([Identity(child.pid, identity(child).started - 1)])
        assert processes.alive(identity(child))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param(b"A=b\0DEVCLUSTER_STATE=/x/.cluster\0", ("/x/.cluster", ""), id="a cluster's process"),
        pytest.param(
            b"DEVCLUSTER_STATE=/x\0DEVCLUSTER_COMPONENT=etcd\0", ("/x", "etcd"), id="a component of a cluster"
        ),
        pytest.param(b"MY_DEVCLUSTER_STATE=/x\0", ("", ""), id="another variable that ends the same"),
        pytest.param(b"", ("", ""), id="a process without environment"),
    ],
)
def test_marks_in(environ: bytes, expected: tuple[str, str]) -> None:
    assert processes.marks_in(environ) == expected


def test_unrecorded_processes_are_found_by_their_marks(tmp_path: Path) -> None:
    marks = {processes.MARK: str(tmp_path), processes.COMPONENT_MARK: "etcd"}
    with sleeping(**marks) as own, sleeping(**{processes.MARK: str(tmp_path) + "-other"}) as other:
        assert list(processes.belonging_to(tmp_path)) == [identity(own)]
        assert processes.alive(identity(other))
        assert list(processes.instances_of(tmp_path, "etcd")) == [identity(own)]
        assert list(processes.instances_of(tmp_path, "etcd", Path("/bin/true"))) == []
        assert list(processes.instances_of(tmp_path, "kubelet")) == []


def test_nobody_shares_a_network_with_the_machine_itself() -> None:
    with sleeping() as child:
        assert list(processes.sharing_network_with([identity(child)])) == []


@pytest.mark.parametrize("content", [None, "", "{", '{"process": {"pid": 1}}', "[]"])
def test_half_a_record_is_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "etcd.json"
    if content is not None:
        path.write_text(content)
    assert processes.read_record(path) is None


def test_a_record_is_read_as_written(tmp_path: Path) -> None:
    record = Record(Identity(7, 4711), "fingerprint")
    processes.write_record(tmp_path / "etcd.json", record)
    assert processes.read_record(tmp_path / "etcd.json") == record


def test_a_cluster_whose_checkout_is_gone_is_an_orphan(tmp_path: Path) -> None:
    here, gone = tmp_path / "here" / ".cluster", tmp_path / "gone" / ".cluster"
    (here.parent / "devcluster").mkdir(parents=True)
    with sleeping(**{processes.MARK: str(here)}), sleeping(**{processes.MARK: str(gone)}):
        found = processes.orphaned_folders()
    assert gone in found
    assert here not in found
