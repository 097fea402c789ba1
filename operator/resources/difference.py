"""Whether the cluster already has what is desired, so that an unchanged resource causes no write.

The API server adds defaults and other writers add fields, so the desired object must be *contained* in the observed
one. What we dropped since the last apply cannot be seen that way; the hash of the last applied object tells it.
Elements that others add to a list with keys (a sidecar, a volume) are theirs: an apply would not remove them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from glm_operator.api import group
from glm_operator.api.quantity import quantity as quantity_of
from glm_operator.resources.hashing import content_hash
from glm_operator.resources.names import Object

_QUANTITY_FIELDS: Final = frozenset({"requests", "limits", "sizeLimit"})
_LIST_KEYS: Final = {
    "containers": "name", "initContainers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath",
    "ports": "name", "imagePullSecrets": "name", "ownerReferences": "uid",
}  # fmt: skip
"""Lists that server-side apply merges by a key, and which of our fields tells their elements apart."""


def with_applied_hash(desired: Object) -> Object:
    """`desired` with its own hash in an annotation."""
    metadata = desired["metadata"]
    annotations = metadata.get("annotations", {}) | {group.ANNOTATION_APPLIED_HASH: content_hash(desired)}
    return desired | {"metadata": metadata | {"annotations": annotations}}


def is_applied(desired: Object, observed: Object | None) -> bool:
    """Whether `observed` holds everything of `desired` (with its hash) and nothing that we have dropped since."""
    return observed is not None and _contains(observed, desired)


def is_controlled_by(observed: Object, uid: str) -> bool:
    """Whether the object belongs to the resource with this uid."""
    return any(
        owner.get("uid") == uid and owner.get("controller") for owner in observed["metadata"].get("ownerReferences", ())
    )


def _contains(observed: Any, desired: Any, field: str = "", quantity: bool = False) -> bool:
    if isinstance(desired, Mapping):
        return isinstance(observed, Mapping) and all(
            _holds_field(observed, key, value, quantity or key in _QUANTITY_FIELDS) for key, value in desired.items()
        )
    if isinstance(desired, list):
        return isinstance(observed, list) and _contains_list(observed, desired, field, quantity)
    if quantity and observed != desired:
        wanted = quantity_of(desired)
        return wanted is not None and quantity_of(observed) == wanted
    return bool(observed == desired)


def _holds_field(observed: Mapping[str, Any], key: str, desired: Any, quantity: bool) -> bool:
    if key not in observed:
        # The API server drops what is empty.
        return desired in ({}, [], None)
    return _contains(observed[key], desired, key, quantity)


def _contains_list(observed: Sequence[Any], desired: Sequence[Any], field: str, quantity: bool) -> bool:
    key = _LIST_KEYS.get(field)
    if key is None or not all(key in wanted for wanted in desired):
        return len(observed) == len(desired) and all(
            _contains(there, wanted, field, quantity) for there, wanted in zip(observed, desired, strict=True)
        )
    there = {element.get(key): element for element in observed}
    return all(wanted[key] in there and _contains(there[wanted[key]], wanted, field, quantity) for wanted in desired)
