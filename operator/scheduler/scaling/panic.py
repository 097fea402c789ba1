"""The panic window: a burst is answered from a few seconds' load, and nothing is taken away until it is well over.

After Knative's pod autoscaler.
"""

from dataclasses import dataclass

from glm_operator.scheduler.scaling.rules import Rules


@dataclass(frozen=True, slots=True)
class Panic:
    """The state of it."""

    breached_at: float | None = None
    """When demand was last over the threshold; None: all is calm."""
    replicas: int = 0
    """The most that was wanted since it began."""


CALM = Panic()


def next_panic(panic: Panic, needed: int, burst: int, ready: int, rules: Rules, now: float) -> Panic:
    """The state after a reading: `needed` pods by the stable window, `burst` by the panic one, `ready` ones serve."""
    if burst >= rules.panic_threshold * max(1, ready):
        return Panic(now, max(needed, burst, panic.replicas))
    if panic.breached_at is None or now - panic.breached_at > rules.stable_window_seconds:
        return CALM
    return Panic(min(panic.breached_at, now), max(needed, burst, panic.replicas))
