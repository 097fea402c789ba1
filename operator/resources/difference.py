"""Whether the cluster already has what is desired, so that an unchanged resource causes no write.

The API server adds defaults and other writers add fields, so the desired object must be *contained* in the observed
one. What we dropped since the last apply cannot be seen that way; the hash of the last applied object tells it.
"""

from decimal import Decimal
from typing import Any, Final

from glm_operator.api import group
from glm_operator.resources.hashing import content_hash
from glm_operator.resources.names import Object

_SUFFIXES: Final = {
    "m": Decimal("0.001"), "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12),
    "P": Decimal(10**15), "E": Decimal(10**18), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30),
    "Ti": Decimal(2**40), "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
_QUANTITY_PARENTS: Final = frozenset({"requests", "limits"})
_QUANTITY_FIELDS: Final = frozenset({"sizeLimit"})


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


def _contains(observed: Any, desired: Any, quantity: bool = False) -> bool:
    if isinstance(desired, dict):
        return isinstance(observed, dict) and all(
            key in observed and _contains(observed[key], value, quantity or key in _QUANTITY_FIELDS)
            if key not in _QUANTITY_PARENTS
            else key in observed and _contains(observed[key], value, quantity=True)
            for key, value in desired.items()
            if not _is_empty(value) or key in observed
        )
    if isinstance(desired, list):
        return (
            isinstance(observed, list)
            and len(observed) == len(desired)
            and all(_contains(there, wanted, quantity) for there, wanted in zip(observed, desired, strict=True))
        )
    if quantity and observed != desired:
        return _quantity(observed) == _quantity(desired) is not None
    return bool(observed == desired)


def _is_empty(value: Any) -> bool:
    """The API server drops empty maps and lists of most types."""
    return value in ({}, [])


def _quantity(value: Any) -> Decimal | None:
    text = str(value)
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if text.endswith(suffix):
            return Decimal(text.removesuffix(suffix)) * _SUFFIXES[suffix]
    return Decimal(text)
