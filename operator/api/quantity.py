"""Kubernetes quantities as numbers."""

import math
import re
from decimal import Decimal
from typing import Final

_SUFFIXES: Final = {
    "m": Decimal("0.001"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40), "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}  # fmt: skip


def quantity_bytes(text: str) -> int:
    """Whole bytes of a quantity such as `20Gi`, rounded up.

    Raises:
        ValueError: when `text` is not one.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([a-zA-Z]*)", text)
    if found is None or found[2] not in _SUFFIXES:
        raise ValueError(f"{text!r} is not a quantity; write it like 500M or 20Gi")
    return math.ceil(Decimal(found[1]) * _SUFFIXES[found[2]])
