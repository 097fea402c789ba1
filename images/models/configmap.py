"""A ConfigMap that carries a small model repository, as `spec.repository.configMap` reads it.

Keys cannot hold a slash, so the file `digits/1/model.onnx` has the key `digits.1.model.onnx`.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LIMIT = 1024 * 1024  # bytes of all files together; Kubernetes accepts no larger ConfigMap
_MODEL = re.compile(r"[A-Za-z0-9_-]+")
_FILE = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True, order=True)
class ModelFile:
    """Where a file belongs in the repository: `model/version/name`."""

    model: str
    version: int
    name: str

    @property
    def key(self) -> str:
        """Its key in the ConfigMap."""
        if not _MODEL.fullmatch(self.model):
            message = f"the model name {self.model!r} has characters other than letters, digits, '-' and '_'"
            raise ValueError(message)
        if self.version < 1 or not _FILE.fullmatch(self.name):
            message = f"no file of a model version: {self.version}/{self.name}"
            raise ValueError(message)
        return f"{self.model}.{self.version}.{self.name}"


def configmap(name: str, files: Mapping[ModelFile, bytes], namespace: str | None = None) -> dict[str, Any]:
    """The manifest for `kubectl apply --server-side` (a client-side apply would double it in an annotation)."""
    if (size := sum(map(len, files.values()))) > LIMIT:
        message = f"the files take {size} bytes, and a ConfigMap holds {LIMIT}; use a volume or an object store"
        raise ValueError(message)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "binaryData": {file.key: base64.b64encode(files[file]).decode() for file in sorted(files)},
    }
