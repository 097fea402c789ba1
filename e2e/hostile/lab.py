"""Where the hostile tests work: fresh namespaces, operators of their own, and the waits that all of them need."""

import ssl
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from demo.built_images import reference
from demo.install import OPERATOR_NAMESPACE, RELEASE
from demo.kubectl import Kubectl
from demo.paths import ROOT
from demo.wait import NotInTimeError, wait_for
from devcluster import certificates
from devcluster.api import Api
from devcluster.state import Layout, read_settings
from hostile.process import Network, Operator, operator_behind
from hostile.proxy import Proxy
from hostile.world import NAME, World

SETTLED_SECONDS: Final = 100.0
RECOVERED_SECONDS: Final = 80
"""Within which whatever was disturbed is as wanted again."""
FURTHER_LOOKS: Final = 3
LOOK_SECONDS: Final = 20.0
PREFIX: Final = "hostile-"


def delete_leftovers(kubectl: Kubectl) -> None:
    """Delete namespaces that a crashed run has left."""
    found = kubectl("get", "namespaces", "-o", "name").split()
    left = [name for name in found if name.startswith(f"namespace/{PREFIX}")]
    if left:
        kubectl("delete", *left, "--wait=false")


@dataclass(frozen=True)
class Lab:
    """The cluster, and all that is needed to bring an operator of one's own into it."""

    kubectl: Kubectl
    network: Network
    folder: Path
    token: str
    """The operator's ServiceAccount: what the chart's roles don't allow fails here as well."""

    @classmethod
    def open(cls, kubectl: Kubectl, folder: Path) -> "Lab":
        """The lab of the cluster that this checkout made."""
        token = kubectl("create", "token", RELEASE, "-n", OPERATOR_NAMESPACE, "--duration=2h").strip()
        return cls(kubectl, Network(Layout(ROOT)), folder, token)

    @property
    def upstream(self) -> str:
        """The API server, from this machine."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def api(self) -> Api:
        """The API server as the cluster's administrator, past every proxy."""
        return Api(self._port, Layout(ROOT).certificates)

    @contextmanager
    def world(self) -> Iterator[World]:
        """A fresh namespace with the echo model's files."""
        world = World(self.api, f"{PREFIX}{uuid.uuid4().hex[:8]}")
        world.create()
        try:
            yield world
        finally:
            self.kubectl("delete", "namespace", world.namespace, "--wait=false")

    def proxy(self, seed: int = 0) -> Proxy:
        """A proxy in front of the API server; it starts with its operator."""
        authority = Layout(ROOT).certificates / f"{certificates.AUTHORITY}.crt"
        return Proxy(self.network.listen(), self.upstream, ssl.create_default_context(cafile=str(authority)), seed)

    @contextmanager
    def operator(
        self,
        world: World,
        settings: Mapping[str, str] | None = None,
        *,
        seed: int = 0,
        everywhere: bool = False,
    ) -> Iterator[Operator]:
        """An operator for one namespace or for all, with the chart's settings, behind a proxy. Waits start it."""
        values = default_settings() | dict(settings or {})
        folder = self.folder / f"{world.namespace}-{uuid.uuid4().hex[:4]}"
        namespace = None if everywhere else world.namespace
        with operator_behind(self.proxy(seed), self.network, self.token, folder, values, namespace) as operator:
            yield operator

    @property
    def _port(self) -> int:
        settings = read_settings(Layout(ROOT))
        assert settings is not None, "the cluster does not run"
        return settings.port


def default_settings() -> dict[str, str]:
    """What the chart sets, with the images that were built here. The resync is the default one of a minute."""
    return {
        "GLM_RUNTIME_IMAGE": reference("triton-cpu", ours=True),
        "GLM_REPOSITORY_IMAGE": reference("operator", ours=True),
        "GLM_IMAGE_PULL_POLICY": "Never",
    }


def wait_until_settled(world: World, operator: Operator, seconds: float = SETTLED_SECONDS) -> None:
    """Wait until all is as wanted, and further looks write nothing."""
    wait_until_as_wanted(world, operator, seconds)
    wait_for_silence(world, operator)


def wait_until_as_wanted(world: World, operator: Operator, seconds: float = SETTLED_SECONDS) -> None:
    """Wait until the resource is as wanted in its present generation, and pods of older ones are gone."""
    try:
        wait_for(f"{world.namespace} as wanted", lambda: _as_wanted(world, operator), seconds)
    except NotInTimeError as error:
        error.add_note(f"the operator's log ends:\n{operator.log[-4000:]}")
        raise


def wait_for_silence(world: World, *operators: Operator, seconds: float = 30.0) -> None:
    """Wait for a time of a few looks of each operator in which nobody wrote anything but Events."""

    def look() -> tuple[bool | None, str]:
        before, told = world.versions(), [len(operator.proxy.own_writes()) for operator in operators]
        for _ in range(FURTHER_LOOKS):
            make_look(world, *operators)
        after = [len(operator.proxy.own_writes()) for operator in operators]
        changed = {name for name, version in world.versions().items() if before.get(name) != version}
        # The resource's own version changes with the annotation that causes the looks.
        silent = told == after and not changed - {f"glminferences/{NAME}"}
        new = [str(write) for operator in operators for write in operator.proxy.own_writes()[-3:]]
        return (True, "") if silent else (None, f"still written: {sorted(changed)}; last: {new}")

    wait_for(f"{world.namespace} silent", look, seconds)


def make_look(world: World, *operators: Operator) -> None:
    """Cause a look of each operator with an annotation, and wait for its end."""
    before = [(operator.lives, operator.looks()) for operator in operators]
    world.touch()

    def look() -> tuple[bool | None, str]:
        for operator in operators:
            operator.revive()
        # In another life a first look is one more, too.
        ended = [
            operator.looks() > (count if operator.lives == life else 0)
            for operator, (life, count) in zip(operators, before, strict=True)
        ]
        return (True, "") if all(ended) else (None, f"ended: {ended}")

    wait_for("a look", look, LOOK_SECONDS)


def _as_wanted(world: World, operator: Operator) -> tuple[bool | None, str]:
    operator.revive()
    resource = world.resource()
    generation, wanted = resource["metadata"]["generation"], resource["spec"].get("replicas", 1)
    reason = "AllModelsServing" if wanted else "ScaledToZero"
    status = "True" if wanted else "False"
    found = [each for each in world.conditions() if each[0] in {"Ready", "Reconciling", "Stalled"}]
    if found != [("Ready", status, reason, generation)]:
        return None, f"generation {generation}: {found}"
    pods = world.pods_of_all_states()
    return (True, "") if pods == wanted else (None, f"{pods} pods of {wanted}")
