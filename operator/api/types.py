"""Scalar types of the API: names, quantities, durations, tensor data types."""

import re
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, WithJsonSchema

DNS_LABEL_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DnsLabel = Annotated[str, StringConstraints(pattern=DNS_LABEL_PATTERN, min_length=1, max_length=63)]
_SUBDOMAIN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_NAME: Final = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
ObjectName = Annotated[str, StringConstraints(pattern=f"^{_SUBDOMAIN}$", min_length=1, max_length=253)]
TensorName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:/-]*$", min_length=1, max_length=128)]
RelativePath = Annotated[
    str, StringConstraints(pattern=r"^$|^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$", max_length=512)
]
"""A path below a volume's root. Segments cannot start with a dot, so `..` and hidden folders cannot be named."""
ImageReference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$", max_length=512)]
ShortText = Annotated[str, StringConstraints(max_length=1024)]
ParameterName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", min_length=1, max_length=128)
]
LabelKey = Annotated[str, StringConstraints(pattern=f"^({_SUBDOMAIN}/)?{_NAME}$", min_length=1, max_length=253)]
"""A key of labels or annotations, and of taints: `team` or `example.com/team`."""
LabelValue = Annotated[str, StringConstraints(pattern=f"^({_NAME})?$", max_length=63)]
ExtendedResource = Annotated[str, StringConstraints(pattern=f"^{_SUBDOMAIN}/{_NAME}$", max_length=128)]
"""A resource that a device plugin offers: `nvidia.com/gpu`."""
ResourceName = Annotated[
    str,
    StringConstraints(
        pattern=f"^(cpu|memory|ephemeral-storage|hugepages-[0-9]+[KMG]i|{_SUBDOMAIN}/{_NAME})$", max_length=253
    ),
]
"""What a container asks for: one of Kubernetes' own resources, or an extended one."""

QUANTITY_PATTERN: Final = r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$"
QuantityString = Annotated[str, StringConstraints(pattern=QUANTITY_PATTERN, max_length=32)]
Quantity = Annotated[
    Annotated[int, Field(ge=0)] | QuantityString,
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": QUANTITY_PATTERN,
            "maxLength": 32,
        }
    ),
]
"""A Kubernetes quantity such as `2`, `500m` or `4Gi`."""
ResourceMap = Annotated[dict[ResourceName, Quantity], Field(max_length=16)]
"""Requests or limits of a container."""

Duration = Annotated[str, StringConstraints(pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$", max_length=32)]
"""A duration as Go writes it: `250ms`, `3s`, `30m`, `1h30m`."""

DataType = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "BF16", "FP32", "FP64",
    "BYTES",
]  # fmt: skip
"""Tensor data types as KServe v2 names them; `BYTES` is Triton's TYPE_STRING."""

_DURATION_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration_seconds(text: str) -> float:
    """Seconds of a Go-style duration.

    Raises:
        ValueError: when `text` is not one.
    """
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration; write it like 250ms, 3s or 1h30m")
    return sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts)
