"""Pods under a load, for the loop of weights: each a queue with processor sharing, seen through samples and delayed.

A pod of rate `mu` (requests per second) that `n` requests are in serves `mu * n / (1 + n)` of them per second. At a
constant load it settles where M/M/1 does (`n = rho/(1 - rho)`, latency `1/(mu - lambda)`), above its rate its queue
grows, and afterwards it has to work that off. `extra_seconds` is what its answers take longer without using CPU (a
sleep): requests then come out of a line of that length. Requests are shared out by the weights in effect alone:
Envoy's least request, which steadies it, isn't there.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from glm_operator.scheduler.sample import PodSample
from glm_operator.scheduler.weights.decide import Observation, decide
from glm_operator.scheduler.weights.decision import WeightDecision
from glm_operator.scheduler.weights.rules import Rules
from glm_operator.scheduler.weights.state import WeightState

STEPS = 20
"""Of the queues, in one second."""


@dataclass
class Pod:
    """One pod."""

    rate: float = 200.0
    extra_seconds: float = 0.0
    failing: float = 0.0
    """Share of its answers that are failures, which cost it nothing."""
    waiting: float = 0.0
    line: deque[tuple[float, float]] = field(default_factory=deque)
    """What has been computed and isn't answered yet: (time to answer at, requests)."""

    def second(self, offered: float, now: float) -> tuple[float, float, float, float]:
        """One second of `offered` requests: CPU, latency in ms (NaN: no answer), answers, requests inside."""
        used = inside = answered = 0.0
        for step in range(STEPS):
            share = 1 / STEPS
            served = self._served(offered * (1 - self.failing) * share, share)
            used += served / self.rate
            self.line.append((now + step * share + self.extra_seconds, served))
            while self.line and self.line[0][0] <= now + step * share:
                answered += self.line.popleft()[1]
            inside += self.waiting * share
        latency = 1000 * (inside / (used * self.rate) + self.extra_seconds) if used > 0 and answered > 0 else math.nan
        return used, latency, answered, self.waiting + sum(count for _, count in self.line)

    def _served(self, arrived: float, seconds: float) -> float:
        """The implicit step of dn/dt = lambda - mu n/(1+n): stable however stiff."""
        there, most = self.waiting + arrived, self.rate * seconds
        slope = 1 + most - there
        left = (-slope + math.sqrt(slope * slope + 4 * there)) / 2
        self.waiting = left
        return there - left


@dataclass
class Load:
    """A loop of weights around pods."""

    pods: dict[str, Pod]
    requests: float
    """Per second, on all of them."""
    lag: int = 0
    """Ticks from a weight to the second that it is in effect."""
    noise: float = 0.1
    """Of the measured latency; a third of it of the CPU."""
    rules: Rules = field(default_factory=Rules)
    seed: int = 1
    state: WeightState = field(default_factory=WeightState)
    now: float = 1000.0
    harmed: float = 0.0
    """Requests sent to a pod whose answers take longer without need, or are failures."""

    published: list[dict[str, float]] = field(default_factory=list)
    """The shares after each tick, as published."""

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 - noise
        even = {name: 1 / len(self.pods) for name in self.pods}
        self._in_effect: deque[dict[str, float]] = deque([even] * (self.lag + 1), maxlen=self.lag + 1)

    def run(self, ticks: int, each: Callable[[int], None] = lambda _: None) -> list[WeightDecision]:
        """So many ticks of a second; `each` is called before every one."""
        return [self._tick(each, tick) for tick in range(ticks)]

    def _tick(self, each: Callable[[int], None], tick: int) -> WeightDecision:
        each(tick)
        shares = self._in_effect[0]
        samples = {name: self._sample(pod, shares.get(name, 0.0)) for name, pod in self.pods.items()}
        self.now += 1.0
        decision, self.state = decide(Observation(samples), self.rules, self.state, self.now)
        published = self.state.published
        assert published is not None
        self.published.append(dict(published.shares))
        self._in_effect.append(self.published[-1])
        return decision

    def _sample(self, pod: Pod, share: float) -> PodSample:
        offered = self.requests * share
        self.harmed += offered if pod.extra_seconds or pod.failing else 0.0
        cpu, latency, answered, inside = pod.second(offered, self.now)
        return PodSample(
            at=self.now + 1.0,
            alive=True,
            cpu=min(1.0, cpu) * math.exp(self.noise / 3 * self._random.gauss(0, 1)),
            latency_ms=None if math.isnan(latency) else latency * math.exp(self.noise * self._random.gauss(0, 1)),
            requests_per_second=answered if answered > 1e-3 else 0.0,
            failures_per_second=offered * pod.failing,
            pending=inside,
        )


def shares_of(decisions: list[WeightDecision], name: str) -> list[float]:
    """A pod's share in each."""
    return [next(one.share for one in decision.endpoints if one.pod == name) for decision in decisions]


def swing(shares: list[dict[str, float]]) -> float:
    """The largest difference between two published shares of one pod, in points."""
    of_pods = [[one.get(name, 0.0) for one in shares] for name in shares[0]]
    return 100 * max(max(of_one) - min(of_one) for of_one in of_pods)
