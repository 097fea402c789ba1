from pathlib import Path

from devcluster import cgroups


def test_with_version_1_a_group_is_in_every_hierarchy_but_once(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "memory").mkdir()
    (tmp_path / "cpuacct").symlink_to("cpu")
    cgroups.create("glm/node0", tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/glm/node0")) == [
        "cpu/glm/node0",
        "cpuacct/glm/node0",
        "memory/glm/node0",
    ]
    assert cgroups.hierarchies(tmp_path) == [tmp_path / "cpu", tmp_path / "memory"]


def test_with_version_1_an_empty_cpuset_is_filled_and_a_filled_one_kept(tmp_path: Path) -> None:
    group = tmp_path / "cpuset" / "glm"
    group.mkdir(parents=True)
    (group.parent / "cpuset.cpus").write_text("0-1\n")
    (group.parent / "cpuset.mems").write_text("0\n")
    (group / "cpuset.cpus").write_text("\n")
    (group / "cpuset.mems").write_text("1\n")
    cgroups.create("glm", tmp_path)
    assert (group / "cpuset.cpus").read_text() == "0-1\n"
    assert (group / "cpuset.mems").read_text() == "1\n"


def test_with_version_2_controllers_are_handed_down(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    cgroups.create("glm", tmp_path)
    assert (tmp_path / "glm").is_dir()
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory"


def test_with_both_versions_the_machines_own_groups_are_left_as_they_are(tmp_path: Path) -> None:
    unified = tmp_path / "unified"
    unified.mkdir()
    (unified / "cgroup.controllers").write_text("hugetlb\n")
    cgroups.create("glm", tmp_path)
    assert (unified / "glm").is_dir()
    assert not (unified / "cgroup.subtree_control").exists()
