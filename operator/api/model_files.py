"""A model's files in a ConfigMap: keys `MODEL.VERSION.FILENAME`, and the hash that tells one content from another.

The operator and the init container both need it, and must agree. Standard library only.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

HASH_LENGTH: Final = 16


def path_of_key(model: str, key: str) -> str | None:
    """`VERSION/FILENAME` of a key; None when it is none of the model's files."""
    owner, _, rest = key.partition(".")
    version, _, filename = rest.partition(".")
    is_file = owner == model and version.isascii() and version.isdigit() and filename.strip(".")
    return f"{version}/{filename}" if is_file else None


def files_hash(files: Mapping[str, bytes]) -> str:
    """Hexadecimal hash of the files of one model, by path."""
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()[:HASH_LENGTH]
