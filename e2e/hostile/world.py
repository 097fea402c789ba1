"""What a namespace holds, told so that two undisturbed runs tell the same, and what was written into it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from demo.install import RESTRICTED
from devcluster.api import Api
from hostile.proxy import Write
from support import files, inference

NAME: Final = "echo"
LABEL: Final = "serving.autoglm.io/inference"
HASH: Final = "serving.autoglm.io/applied-hash"
OWN_KINDS: Final = {
    "deployments": "/apis/apps/v1",
    "services": "/api/v1",
    "serviceaccounts": "/api/v1",
    "configmaps": "/api/v1",
    "poddisruptionbudgets": "/apis/policy/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
}
RESOURCE: Final = "/apis/serving.autoglm.io/v1alpha1"
# Not what the operator wrote: each object's own, or the API server's choice.
_DROPPED: Final = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "clusterIP", "clusterIPs", "lastTransitionTime", "time", "status"}
)


class World:
    """One namespace, with one resource in it."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.namespace = namespace
        self._api = api
        self._spec: Mapping[str, Any] = {}
        self._touches = 0

    def create(self) -> None:
        """Make the namespace, with the model's files."""
        metadata = {"name": self.namespace, "labels": RESTRICTED}
        self._api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        self._apply(files(NAME))

    def want(self, **spec: Any) -> None:
        """Ask for the resource with this spec."""
        self._spec = spec
        self._apply(inference(NAME, **spec))

    def touch(self) -> None:
        """Change the resource in a way that asks for nothing: it is looked at once more."""
        self._touches += 1
        wanted = inference(NAME, **self._spec)
        wanted["metadata"]["annotations"] = {"touched": str(self._touches)}
        self._apply(wanted)

    def _apply(self, item: Mapping[str, Any]) -> None:
        self._api.apply({**item, "metadata": {**item["metadata"], "namespace": self.namespace}})

    def resource(self) -> dict[str, Any]:
        """The GLMInference."""
        found = self._api.get(f"{RESOURCE}/namespaces/{self.namespace}/glminferences/{NAME}")
        assert found is not None, "the API server does not tell"
        return found

    def list_objects(self, plural: str, prefix: str) -> list[dict[str, Any]]:
        """Objects that belong to the resource."""
        found = self._api.get(f"{prefix}/namespaces/{self.namespace}/{plural}?labelSelector={LABEL}%3D{NAME}")
        assert found is not None, "the API server does not tell"
        return list(found["items"])

    def versions(self) -> dict[str, str]:
        """The version of everything: changes with every write that has an effect."""
        objects = {plural: self.list_objects(plural, prefix) for plural, prefix in OWN_KINDS.items()}
        objects["glminferences"] = [self.resource()]
        return {
            f"{plural}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
            for plural, items in objects.items()
            for item in items
        }

    def children(self) -> dict[str, Any]:
        """The children without what differs from run to run."""
        found = {
            f"{plural}/{item['metadata']['name']}": item
            for plural, prefix in OWN_KINDS.items()
            for item in self.list_objects(plural, prefix)
        }
        return {name: self.normalised(item) for name, item in found.items()}

    def revisions(self) -> dict[str, int]:
        """Each ReplicaSet's name, which tells the pod template, and how many pods it wants."""
        return {
            item["metadata"]["name"]: item["spec"]["replicas"]
            for item in self.list_objects("replicasets", "/apis/apps/v1")
        }

    def pods(self) -> list[str]:
        """Revisions of the pods that do not end."""
        found = self.list_objects("pods", "/api/v1")
        return sorted(
            pod["metadata"]["labels"]["pod-template-hash"]
            for pod in found
            if "deletionTimestamp" not in pod["metadata"]
        )

    def pods_of_all_states(self) -> int:
        """Pods that there are, also those that end."""
        return len(self.list_objects("pods", "/api/v1"))

    def conditions(self) -> list[tuple[str, str, str, int]]:
        """The conditions: type, status, reason, generation."""
        found = self.resource().get("status", {}).get("conditions", ())
        return [(each["type"], each["status"], each["reason"], each["observedGeneration"]) for each in found]

    def status(self) -> dict[str, Any]:
        """The status without times and without the decisions."""
        status = self.normalised(self.resource().get("status", {}))
        status.pop("decisions", None)
        return status

    def events(self) -> Counter[str]:
        """How often each reason was told of the resource."""
        found = self._api.get(f"/api/v1/namespaces/{self.namespace}/events")
        assert found is not None, "the API server does not tell"
        own = (event for event in found["items"] if event["involvedObject"]["kind"] == "GLMInference")
        return Counter(event["reason"] for event in own)

    def decisions(self) -> list[str]:
        """What the status tells of, oldest first."""
        return [each["reason"] for each in self.resource()["status"]["decisions"]]

    def normalised(self, item: Mapping[str, Any]) -> Any:
        """Without what differs from run to run; whoever owns which fields stays."""
        return _stripped(json.loads(json.dumps(item).replace(self.namespace, "NAMESPACE")))

    def written(self, writes: Iterable[Write]) -> list[str]:
        """Writes to children, in order: what was written and its content, without what differs from run to run."""
        return [
            f"{write} {json.dumps(self.normalised(write.body or {}), sort_keys=True)}"
            for write in writes
            if write.call.plural in OWN_KINDS
        ]


def _stripped(item: Any) -> Any:
    if isinstance(item, dict):
        kept = {key: value for key, value in item.items() if key not in _DROPPED | {HASH}}
        return {key: _owners(value) if key == "managedFields" else _stripped(value) for key, value in kept.items()}
    return [_stripped(element) for element in item] if isinstance(item, list) else item


def _owners(managed: list[dict[str, Any]]) -> list[str]:
    """Who has written, and how; a second name here is a second writer."""
    return sorted({f"{each['manager']} {each['operation']} {each.get('subresource', '')}" for each in managed})
