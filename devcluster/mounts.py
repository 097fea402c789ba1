"""Mounts on the machine itself. A cluster makes none; this clears what a person, or an earlier version, has left."""

import subprocess
from pathlib import Path


def points_below(mountinfo: str, folder: Path) -> list[Path]:
    """Mount points at or below `folder`, the innermost first."""
    points = [Path(line.split()[4].replace("\\040", " ")) for line in mountinfo.splitlines()]
    return [point for point in reversed(points) if point == folder or folder in point.parents]


def unmount_below(folder: Path) -> None:
    """Unmount everything at or below `folder`."""
    for point in points_below(Path("/proc/self/mountinfo").read_text(), folder):
        subprocess.run(["umount", "--lazy", str(point)], check=True)
