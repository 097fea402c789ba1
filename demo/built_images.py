"""The images that `make images` built."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from demo.paths import IMAGES

MANIFEST = IMAGES / "images.json"
NAMES: Final = ("operator", "triton-cpu", "envoy")
"""What a cluster needs."""


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """One image: its reference in the cluster and its archive on disk."""

    reference: str
    archive: Path

    @property
    def repository(self) -> str:
        """The reference without its tag."""
        return self.reference.rpartition(":")[0]

    @property
    def tag(self) -> str:
        """The tag."""
        return self.reference.rpartition(":")[2]


def reference(name: str, ours: bool) -> str:
    """What the cluster knows an image by: in a cluster that is not ours, what the user pushed and named.

    Raises:
        LookupError: when it isn't built, or isn't named.
    """
    variable = f"GLM_{name.replace('-', '_').upper()}_IMAGE"
    named = os.environ.get(variable)
    if named:
        return named
    if not ours:
        raise LookupError(f"this cluster is not ours: push the image {name} to its registry and name it in {variable}")
    return built_image(name).reference


def built_image(name: str) -> BuiltImage:
    """The newest build of an image, by one of `NAMES`.

    Raises:
        LookupError: when it isn't built.
    """
    entries = json.loads(MANIFEST.read_text()) if MANIFEST.exists() else []
    for entry in entries:
        if entry["name"] in {name, f"glm-{name}"}:
            return BuiltImage(entry["reference"], IMAGES / Path(entry["archive"]).name)
    raise LookupError(f"image {name} is not built; run `make images`")
