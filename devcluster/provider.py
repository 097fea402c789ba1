"""Which cluster the commands act on: one that the user named, a kind cluster, or the local one.

`decide` is the rule and does nothing else; `observe` looks at the machine for it.
"""

import enum
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class Kind(enum.Enum):
    """The kinds of cluster."""

    EXTERNAL = "external"
    KIND = "kind"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    kubeconfig: str | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """What the environment names, and what the machine offers."""

    glm_kubeconfig: str | None  # the variable GLM_KUBECONFIG, meant for this project
    kubeconfig: str | None  # the variable KUBECONFIG, which may be set for something else
    own_kubeconfig: str  # of the cluster made here; naming that one is no reason to leave it
    kind_works: bool  # docker answers and kind is installed


@dataclass(frozen=True, slots=True)
class Provider:
    """The decision, and the reason a person is told."""

    kind: Kind
    reason: str
    kubeconfig: str | None = None  # of an external cluster; None: where kubectl looks by itself
    context: str | None = None
    announce: bool = False  # whether to say which cluster is used, for the user may not have meant it


def decide(request: Request, machine: Machine) -> Provider:
    """The first that applies: a named cluster, kind, the local one.

    A cluster is named by flag, by GLM_KUBECONFIG or by KUBECONFIG, in this order. With the last, the user is told.
    """
    flagged = request.kubeconfig or request.context
    if flagged and request.kubeconfig != machine.own_kubeconfig:
        named = request.kubeconfig or machine.glm_kubeconfig or machine.kubeconfig
        return Provider(Kind.EXTERNAL, "named by flag", named, request.context)
    if not flagged:
        if machine.glm_kubeconfig and machine.glm_kubeconfig != machine.own_kubeconfig:
            return Provider(Kind.EXTERNAL, "named by GLM_KUBECONFIG", machine.glm_kubeconfig)
        if not machine.glm_kubeconfig and machine.kubeconfig and machine.kubeconfig != machine.own_kubeconfig:
            return Provider(Kind.EXTERNAL, "named by KUBECONFIG", machine.kubeconfig, announce=True)
    if machine.kind_works:
        return Provider(Kind.KIND, "docker and kind are here")
    return Provider(Kind.LOCAL, "no cluster is named, and docker or kind is missing")


def observe(environ: Mapping[str, str], own_kubeconfig: str) -> Machine:
    """Look at the environment and the machine."""
    return Machine(
        glm_kubeconfig=_absolute(environ.get("GLM_KUBECONFIG")),
        kubeconfig=_absolute(environ.get("KUBECONFIG")),
        own_kubeconfig=own_kubeconfig,
        kind_works=_kind_works(),
    )


def _absolute(path: str | None) -> str | None:
    """A path that can be compared; a list of several, as KUBECONFIG may hold, stays as it is."""
    return path if not path or os.pathsep in path else str(Path(path).absolute())


def _kind_works() -> bool:
    if not (shutil.which("docker") and shutil.which("kind")):
        return False
    return subprocess.run(["docker", "info"], check=False, capture_output=True, timeout=20).returncode == 0
