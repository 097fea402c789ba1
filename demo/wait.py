"""Wait for something in the cluster, with a deadline, telling what is missing."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from demo.kubectl import Kubectl

T = TypeVar("T")
Tell = Callable[[str], None]


class NotInTimeError(Exception):
    """It did not come true in time; the message says what was seen last."""


def wait_for(what: str, look: Callable[[], tuple[T | None, str]], seconds: float, tell: Tell = lambda _: None) -> T:
    """Look until there is a result.

    Args:
        what: what is waited for.
        look: returns the result, or None with what is missing.
        seconds: the deadline.
        tell: is told what is missing, whenever that changes.
    """
    deadline, told = time.monotonic() + seconds, ""
    while True:
        result, missing = look()
        if result is not None:
            return result
        if missing != told:
            tell(missing)
            told = missing
        if time.monotonic() > deadline:
            raise NotInTimeError(f"{what}: not within {seconds:.0f} s; last seen: {missing}")
        time.sleep(0.5)


def inference_ready(
    kubectl: Kubectl, namespace: str, name: str, seconds: float = 120.0, tell: Tell = lambda _: None
) -> dict[str, Any]:
    """Wait until a GLMInference is ready in its present generation, with nothing left to roll out."""

    def look() -> tuple[dict[str, Any] | None, str]:
        inference = kubectl.find("glm", name, "-n", namespace)
        if inference is None:
            return None, "it does not exist"
        found = {c["type"]: c for c in inference.get("status", {}).get("conditions", ())}
        ready = found.get("Ready")
        if ready is None:
            return None, "the operator has not looked at it yet"
        current = inference["status"]["observedGeneration"] == inference["metadata"]["generation"]
        if current and ready["status"] == "True" and not {"Reconciling", "Stalled"} & set(found):
            return inference, ""
        return None, next(
            (found[kind]["message"] for kind in ("Stalled", "Reconciling") if kind in found), ready["message"]
        )

    return wait_for(f"GLMInference {namespace}/{name} ready", look, seconds, tell)
