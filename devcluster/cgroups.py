"""The cgroups that a node's pods run in: one folder a node, below one for the cluster.

With cgroup v1 it must exist in every hierarchy before the kubelet starts, and in `cpuset` say which cores it may use.
Version 2 has not been run.
"""

import os
from pathlib import Path

from devcluster.waiting import until

ROOT = Path("/sys/fs/cgroup")


def hierarchies(root: Path = ROOT) -> list[Path]:
    """Where a group has to be made: the unified hierarchy alone, or every controller of cgroup v1."""
    if (root / "cgroup.controllers").exists():
        return [root]
    return sorted(folder for folder in root.iterdir() if folder.is_dir() and not folder.is_symlink())


def create(group: str, root: Path = ROOT) -> None:
    """Make `group`, such as `glm-12345678/node0`, and its parents."""
    for hierarchy in hierarchies(root):
        folder = hierarchy
        for part in Path(group).parts:
            if hierarchy == root:
                _hand_down_controllers(folder)
            folder = folder / part
            folder.mkdir(exist_ok=True)
            if hierarchy != root:
                _inherit_cpuset(folder)


def _inherit_cpuset(folder: Path) -> None:
    """With cgroup v1 a new group may use no core at all until it is told which."""
    for setting in ("cpuset.cpus", "cpuset.mems"):
        own, parent = folder / setting, folder.parent / setting
        if own.exists() and not own.read_text().strip():
            own.write_text(parent.read_text())


def _hand_down_controllers(folder: Path) -> None:
    """With cgroup v2 a group's children have those of its controllers that it hands down."""
    names = (folder / "cgroup.controllers").read_text().split()
    (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in names))


def remove(group: str) -> None:
    """Remove `group` and all below it. The kernel takes a moment to let go of one whose processes have just ended."""
    until(lambda: _removed(group), 20, f"the kernel to let go of the cgroups {group}")


def _removed(group: str) -> bool:
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy / group, topdown=False):
            try:
                Path(folder).rmdir()
            except OSError:
                return False
    return True
