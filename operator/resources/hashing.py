"""Hashes of content, short and stable across processes."""

import hashlib
import json
from typing import Any


def content_hash(content: Any, length: int = 10) -> str:
    """Hexadecimal hash of JSON-like content; keys may stand in any order."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:length]
