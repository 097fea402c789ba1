"""Knative's pod autoscaler, by its published algorithm, as a rival in the backtest. Defaults are Knative's."""

import math
from dataclasses import dataclass, field
from typing import Final

TICK_SECONDS: Final = 2
STABLE_SECONDS: Final = 60
PANIC_SECONDS: Final = 6


@dataclass(slots=True)
class Kpa:
    """One autoscaler, with the memory that it keeps."""

    target: float
    """Of one pod."""
    panic_threshold: float = 2.0
    max_up_rate: float = 1000.0
    max_down_rate: float = 2.0
    stable_seconds: float = STABLE_SECONDS
    panicked_at: float | None = field(default=None)
    panic_pods: int = field(default=0)

    @classmethod
    def created(cls, target: float, ready: int, now: float) -> "Kpa":
        """A new one: with more than one pod it starts in panic, as it can't know what they are there for."""
        return cls(target, panicked_at=now if ready > 1 else None, panic_pods=ready)

    def replicas(self, stable: float | None, burst: float | None, ready: int, now: float) -> int | None:
        """What it wants; None: no decision, for want of data."""
        if stable is None or burst is None:
            return None
        pods = max(1, ready)
        highest, lowest = math.ceil(self.max_up_rate * pods), math.floor(pods / self.max_down_rate)
        needed, needed_now = math.ceil(stable / self.target), math.ceil(burst / self.target)
        wanted = min(max(needed, lowest), highest)
        if needed_now / pods >= self.panic_threshold:
            self.panicked_at = now
        elif self.panicked_at is not None and self.panicked_at + self.stable_seconds < now:
            self.panicked_at, self.panic_pods = None, 0
        if self.panicked_at is None:
            return wanted
        self.panic_pods = max(self.panic_pods, wanted, min(max(needed_now, lowest), highest))
        return self.panic_pods
