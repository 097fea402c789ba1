"""Many resources at once on the real cluster: applied together, waited for together, read together. None gets a pod."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demo.kubectl import Kubectl
from demo.wait import wait_for
from glm_operator.api import group
from mutation.fields import Spec
from mutation.samples import FILES
from mutation.snapshot import Object, raw_children
from support import ready_condition

_STATUS = (
    "jsonpath={range .items[*]}{.metadata.name} {.metadata.generation} {.status.observedGeneration} "
    "{.status.conditions[?(@.type=='Ready')].observedGeneration} {.status.conditions[?(@.type=='Ready')].reason}\n{end}"
)
_UNFINISHED = frozenset({"ClusterError"})


@dataclass(frozen=True)
class Laboratory:
    """A namespace in which a quota keeps every pod from being made: the children are what counts."""

    kubectl: Kubectl
    namespace: str

    @classmethod
    def open(cls, kubectl: Kubectl, namespace: str) -> "Laboratory":
        files = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": FILES}, "data": {"first.1.model.py": ""}}
        quota = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "no-pods"},
            "spec": {"hard": {"pods": "0"}},
        }
        kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        kubectl.apply(files, quota, namespace=namespace)
        return cls(kubectl, namespace)

    def close(self) -> None:
        self.kubectl("delete", "namespace", self.namespace, "--wait=false")

    def apply(self, specs: Mapping[str, Spec], seconds: float = 300.0) -> None:
        """Apply all, and wait until the operator has settled on every one of them."""
        documents = "\n".join(json.dumps(resource(name, spec)) for name, spec in specs.items())
        self.kubectl("apply", "-n", self.namespace, "-f", "-", stdin=documents, timeout=seconds)
        wait_for(f"{len(specs)} resources in {self.namespace}", self._unsettled, seconds)

    def children(self) -> dict[str, list[Object]]:
        """Name of each resource to its children."""
        return raw_children(self.kubectl, self.namespace)

    def conditions(self, kind: str) -> dict[str, dict[str, Any]]:
        """Name of each resource to one of its conditions."""
        found = self.kubectl.json("get", group.PLURAL, "-n", self.namespace)["items"]
        return {item["metadata"]["name"]: ready_condition(item, kind) for item in found}

    def _unsettled(self) -> tuple[bool | None, str]:
        lines = self.kubectl("get", group.PLURAL, "-n", self.namespace, "-o", _STATUS).splitlines()
        waiting = [line for line in lines if not _is_settled(line.split(" "))]
        return (None, f"{len(waiting)} are not settled: {waiting[:5]}") if waiting else (True, "")


def _is_settled(columns: list[str]) -> bool:
    _, generation, observed, told, reason = columns
    return generation == observed == told and reason not in _UNFINISHED


def resource(name: str, spec: Spec) -> Object:
    """A GLMInference."""
    return {"apiVersion": group.API_VERSION, "kind": group.KIND, "metadata": {"name": name}, "spec": spec}
