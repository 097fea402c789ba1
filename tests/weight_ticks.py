"""The loop of weights on a virtual clock, with samples that are given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from glm_operator.scheduler.sample import PodSample
from glm_operator.scheduler.weights.decide import Observation, decide
from glm_operator.scheduler.weights.decision import EndpointWeight, WeightDecision
from glm_operator.scheduler.weights.rules import Rules
from glm_operator.scheduler.weights.state import WeightState

GOOD = PodSample(
    at=0.0, alive=True, cpu=0.4, latency_ms=20.0, requests_per_second=50.0, failures_per_second=0.0, pending=0.0
)
IDLE = PodSample(
    at=0.0, alive=True, cpu=0.01, latency_ms=None, requests_per_second=0.0, failures_per_second=0.0, pending=0.0
)
DEAD = PodSample(at=0.0, alive=False)

Given = Mapping[str, PodSample | None]


def pods(count: int, sample: PodSample | None = GOOD) -> dict[str, PodSample | None]:
    """So many pods, `a` first, that all show the same."""
    return dict.fromkeys("abcdefghijklmnopqrstuvwxyz"[:count], sample)


@dataclass
class Ticks:
    """A loop and its clock."""

    rules: Rules = field(default_factory=Rules)
    state: WeightState = field(default_factory=WeightState)
    now: float = 1000.0
    decision: WeightDecision | None = None

    def tick(self, given: Given, seconds: float = 1.0, **roles: frozenset[str]) -> dict[str, EndpointWeight]:
        """One tick, `seconds` after the one before; the samples are of this moment."""
        self.now += seconds
        samples = {pod: None if sample is None else replace(sample, at=self.now) for pod, sample in given.items()}
        self.decision, self.state = decide(Observation(samples, **roles), self.rules, self.state, self.now)
        return {one.pod: one for one in self.decision.endpoints}

    def run(self, ticks: int, given: Given | Callable[[int], Given], **roles: frozenset[str]):
        """So many ticks of a second; what each decided."""
        return [self.tick(given(tick) if callable(given) else given, **roles) for tick in range(ticks)]


def settled(count: int = 3, **settings) -> Ticks:
    """A loop in which so many equal pods have been served for a while."""
    loop = Ticks(**settings)
    loop.run(15, pods(count))
    return loop
