"""What the API server refuses about the children, as far as strings go: labels, annotations, names, tolerations.

After k8s.io/apimachinery's `validation` and the validation of core/v1.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_NAME: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")

Object = dict[str, Any]


def broken_rules(child: Object) -> list[str]:
    """Each rule that a child breaks."""
    return [*_metadata_rules(child["metadata"]), *_spec_rules(child)]


def _spec_rules(child: Object) -> Iterator[str]:
    if child["kind"] == "ConfigMap":
        yield from (f"data key {key!r}" for key in child["data"] if not re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key))
    if child["kind"] != "Deployment":
        return
    template = child["spec"]["template"]
    pod = template["spec"]
    yield from _metadata_rules({"name": "pod"} | template["metadata"])
    yield from _label_rules("nodeSelector", pod.get("nodeSelector", {}))
    names = [pod["serviceAccountName"], *(secret["name"] for secret in pod.get("imagePullSecrets", ()))]
    yield from (f"name {name!r}" for name in names if not is_subdomain(name))
    for toleration in pod.get("tolerations", ()):
        yield from _toleration_rules(toleration)
    for container in [*pod["containers"], *pod["initContainers"]]:
        for quantities in container["resources"].values():
            yield from (f"resource {name!r}" for name in quantities if not is_resource(name))


def _metadata_rules(metadata: Object) -> Iterator[str]:
    if not is_subdomain(metadata["name"]):
        yield f"name {metadata['name']!r}"
    yield from _label_rules("label", metadata.get("labels", {}))
    yield from (f"annotation {key!r}" for key in metadata.get("annotations", {}) if not is_qualified(key.lower()))


def _label_rules(what: str, labels: dict[str, str]) -> Iterator[str]:
    yield from (f"{what} {key!r}" for key in labels if not is_qualified(key))
    yield from (f"{what} value {value!r}" for value in labels.values() if not is_label_value(value))


def _toleration_rules(toleration: Object) -> Iterator[str]:
    key, value, operator = toleration.get("key", ""), toleration.get("value", ""), toleration["operator"]
    if key and not is_qualified(key):
        yield f"toleration key {key!r}"
    if not key and operator != "Exists":
        yield "toleration without a key"
    if operator == "Exists" and value:
        yield "toleration that exists and has a value"
    if not is_label_value(value):
        yield f"toleration value {value!r}"
    if "tolerationSeconds" in toleration and toleration.get("effect") != "NoExecute":
        yield "toleration seconds without NoExecute"


def is_subdomain(text: str) -> bool:
    return len(text) <= 253 and _SUBDOMAIN.fullmatch(text) is not None


def is_label_value(text: str) -> bool:
    return not text or (len(text) <= 63 and _NAME.fullmatch(text) is not None)


def is_qualified(text: str) -> bool:
    prefix, slash, name = text.rpartition("/")
    return bool(name) and is_label_value(name) and (is_subdomain(prefix) if slash else True)


def is_resource(text: str) -> bool:
    """A resource of a container: one of Kubernetes' own, or one of a domain."""
    own = text in {"cpu", "memory", "ephemeral-storage"} or text.startswith("hugepages-")
    return is_qualified(text) and (own or "/" in text)
