"""An OCI image that holds nothing but a model repository, as people ship models by `spec.repository.image`."""

import hashlib
import io
import json
import tarfile
from pathlib import Path


def write_model_image(repository: Path, models: tuple[str, ...], archive: Path) -> str:
    """Write a docker-archive with these models under `/models`; its reference, which tells the content."""
    layer = _layer(repository, models)
    digest = hashlib.sha256(layer).hexdigest()
    reference = f"localhost/glm-e2e-models:{digest[:12]}"
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]
    with tarfile.open(archive, "w") as tar:
        for name, content in (
            ("layer.tar", layer),
            ("config.json", json.dumps(config).encode()),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return reference


def _layer(repository: Path, models: tuple[str, ...]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for model in models:
            for path in sorted((repository / model).rglob("*")):
                entry = tar.gettarinfo(path, f"models/{path.relative_to(repository)}")
                entry.mtime = entry.uid = entry.gid = 0
                entry.uname = entry.gname = "root"
                with path.open("rb") if path.is_file() else io.BytesIO() as content:
                    tar.addfile(entry, content if path.is_file() else None)
    return buffer.getvalue()
