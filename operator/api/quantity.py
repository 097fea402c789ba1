"""Kubernetes quantities as numbers: `500m` is 0.5, `1Ki` is 1024."""

import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from glm_operator.api.types import QUANTITY_PATTERN

_SUFFIXES: Final = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15),
    "E": Decimal(10**18), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
    "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
_BY_LENGTH: Final = sorted(_SUFFIXES, key=len, reverse=True)


def quantity(value: Any) -> Decimal | None:
    """The number; None when `value` isn't a quantity."""
    text = str(value)
    suffix = next((suffix for suffix in _BY_LENGTH if text.endswith(suffix)), "")
    try:
        return Decimal(text.removesuffix(suffix)) * _SUFFIXES.get(suffix, Decimal(1))
    except InvalidOperation:
        return None


def quantity_bytes(text: str) -> int:
    """Whole bytes of a quantity as the API takes it, such as `20Gi`, rounded up.

    Raises:
        ValueError: when `text` is not one.
    """
    number = quantity(text) if re.fullmatch(QUANTITY_PATTERN, text) else None
    if number is None:
        raise ValueError(f"{text!r} is not a quantity; write it like 500M or 20Gi")
    return math.ceil(number)
