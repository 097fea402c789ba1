"""Who may run a cluster."""

import os

from devcluster.errors import ClusterError


def require_root(command: str) -> None:
    """Namespaces, mounts and cgroups are made by root only."""
    if os.geteuid() != 0:
        hint = f"sudo {os.environ.get('VIRTUAL_ENV', '/usr')}/bin/python -m devcluster {command}"
        raise ClusterError("a local cluster needs root", hint)
