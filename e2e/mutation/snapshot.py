"""The children of many resources at once, without what tells one installation from another."""

import copy
from typing import Any, Final

from demo.kubectl import Kubectl
from glm_operator.api import group
from glm_operator.resources.children import CHILD_KINDS
from glm_operator.resources.names import CONFIG_VOLUME

Object = dict[str, Any]
Children = dict[str, Object]
"""Kind and name to the object."""

KINDS: Final = ",".join(f"{kind.lower()}s" if kind != "NetworkPolicy" else "networkpolicies" for kind in CHILD_KINDS)
_OF_THE_CLUSTER: Final = (
    "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "namespace", "selfLink",
)  # fmt: skip
_OF_THE_INSTALLATION: Final = (group.ANNOTATION_APPLIED_HASH, "deployment.kubernetes.io/revision")
"""The hash is of the whole object, with its namespace and its owner's uid."""
_OF_THE_LAST_ROLLOUT: Final = (group.ANNOTATION_REPOSITORY_HASH, group.ANNOTATION_TEMPLATE_HASH)


def raw_children(kubectl: Kubectl, namespace: str) -> dict[str, list[Object]]:
    """Name of the resource to its children as the API server has them."""
    found = kubectl.json("get", KINDS, "-n", namespace, "-l", group.LABEL_INFERENCE)["items"]
    owned: dict[str, list[Object]] = {}
    for child in found:
        owned.setdefault(child["metadata"]["labels"][group.LABEL_INFERENCE], []).append(child)
    return owned


def normalised(children: list[Object]) -> Children:
    """What must be equal between two installations of the same spec.

    Generated configurations of older revisions are kept for a rollback on purpose; only the one that pods mount counts.
    """
    mounted = {name for child in children for name in _mounted(child)}
    counted = [c for c in children if c["kind"] != "ConfigMap" or c["metadata"]["name"] in mounted]
    return {f"{child['kind']} {child['metadata']['name']}": _normal(child) for child in counted}


def kept_configurations(children: list[Object]) -> int:
    """How many generated configurations of older revisions there are."""
    mounted = {name for child in children for name in _mounted(child)}
    return sum(child["kind"] == "ConfigMap" and child["metadata"]["name"] not in mounted for child in children)


def versions(children: list[Object]) -> dict[str, str]:
    """They change with every write that has an effect; a Deployment's generation only when its spec changes."""
    return {
        f"{child['kind']} {child['metadata']['name']}": str(
            child["metadata"].get("generation") or child["metadata"]["resourceVersion"]
        )
        for child in children
    }


def differences(expected: Any, actual: Any, place: str = "") -> list[str]:
    """Where two children differ, each with both values."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        keys = sorted(expected.keys() | actual.keys())
        return [
            text
            for key in keys
            for text in differences(expected.get(key, "nothing"), actual.get(key, "nothing"), f"{place}.{key}")
        ]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [text for index, (one, other) in pairs for text in differences(one, other, f"{place}[{index}]")]
    return [] if expected == actual else [f"{place}: a fresh install has {expected!r:.300}, here is {actual!r:.300}"]


def _mounted(child: Object) -> list[str]:
    if child["kind"] != "Deployment":
        return []
    volumes = child["spec"]["template"]["spec"]["volumes"]
    return [volume["configMap"]["name"] for volume in volumes if volume["name"] == CONFIG_VOLUME]


def _normal(child: Object) -> Object:
    normal = copy.deepcopy({key: value for key, value in child.items() if key != "status"})
    metadata = normal["metadata"]
    for key in _OF_THE_CLUSTER:
        metadata.pop(key, None)
    for key in _OF_THE_INSTALLATION:
        metadata.get("annotations", {}).pop(key, None)
    for owner in metadata.get("ownerReferences", ()):
        owner.pop("uid")
    if child["kind"] == "Deployment":
        # With which models the pods were rolled last, which newer ones that are loaded into them don't change.
        for key in _OF_THE_LAST_ROLLOUT:
            normal["spec"]["template"]["metadata"].get("annotations", {}).pop(key, None)
    if child["kind"] == "Service":
        for key in ("clusterIP", "clusterIPs"):
            normal["spec"].pop(key, None)
    return dict(normal)
