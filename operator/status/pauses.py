"""Pods that people have paused: an annotation on the pod, with the reason as its value. Pure.

On the pod and not on the GLMInference: it is gone when the pod is, so that no list of names grows stale; two people who
pause two pods at the same time don't overwrite each other; and `kubectl annotate pod` does the same without the plugin.
It outlives restarts of the operator and of the server, and whoever may edit pods may set it (role `edit`).
"""

from collections.abc import Mapping
from typing import Any, Final

from glm_operator.api import group
from glm_operator.api.status import MAX_ENDPOINT_REASON

MAX_REASON: Final = MAX_ENDPOINT_REASON
NO_REASON: Final = "no reason given"
_NOT_PAUSED: Final = frozenset({"false", "no", "0"})
_NO_REASON_IN: Final = frozenset({"", "true", "yes", "1"})


def pause_reason(pod: Mapping[str, Any]) -> str | None:
    """Why a pod is paused; None when it isn't. Never empty, one line, and no longer than `MAX_REASON`."""
    value = pod["metadata"].get("annotations", {}).get(group.ANNOTATION_PAUSED)
    if value is None or value.strip().lower() in _NOT_PAUSED:
        return None
    reason = clean_reason(value)
    return NO_REASON if reason.lower() in _NO_REASON_IN else reason


def clean_reason(text: str) -> str:
    """A reason as it may be shown: one line, printable, not too long."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= MAX_REASON else f"{line[: MAX_REASON - 1]}…"
