"""The policies: each drives a fleet through a load and sees nothing but the past (the oracle apart)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from glm_operator.cli.backtest.scaling import hpa, kpa
from glm_operator.cli.backtest.scaling.fleet import Course, Fleet, Setting, starting_replicas
from glm_operator.cli.backtest.scaling.forecasts import Foreseen, foresee
from glm_operator.cli.backtest.scaling.traffic import Arrivals
from glm_operator.scheduler.scaling.decide import Memory, Observation, decide
from glm_operator.scheduler.scaling.forecast.history import DAY_SECONDS, Array
from glm_operator.scheduler.scaling.rates import Load
from glm_operator.scheduler.scaling.rules import Rules

GLM_SYNC_SECONDS: Final = 5
"""How often the operator looks."""
ORACLE_SMOOTHING: Final = 10
"""Seconds: the oracle has enough pods for the arrivals of any so many in a row."""
MOST_REPLICAS: Final = 1_000_000


@dataclass(eq=False)
class Scene:
    """One load in one setting, and what all policies can share of it."""

    arrivals: Arrivals
    setting: Setting
    say: Callable[[str], None] = field(default=lambda _: None)
    """Told what takes long."""

    @property
    def length(self) -> int:
        """Seconds."""
        return len(self.arrivals.counts)

    def times(self, period: int) -> Array:
        """When a policy of this period looks."""
        return np.arange(period, self.length, period, dtype=np.float64)

    def fleet(self, target: float) -> Fleet:
        """The pods that everybody begins with."""
        first = float(self.arrivals.means(np.array([60.0]), 60)[0])
        replicas = starting_replicas(first, self.setting, target)
        return Fleet(replicas, self.setting.pod_start_seconds, self.length)

    @cached_property
    def foreseen(self) -> Foreseen:
        """What the forecast says at each look of the operator: the same for every target."""
        lead = self.setting.pod_start_seconds + GLM_SYNC_SECONDS
        return foresee(self.arrivals, self.times(GLM_SYNC_SECONDS), lead, self.say)


def run_hpa(scene: Scene, target: float) -> Course:
    """The HPA on the offered load."""
    return _run_hpa(scene, target, np.zeros(len(scene.times(hpa.SYNC_SECONDS))))


def run_hpa_yesterday(scene: Scene, target: float) -> Course:
    """The HPA with a second metric: yesterday's highest load over the time that a pod takes from now on."""
    times = scene.times(hpa.SYNC_SECONDS)
    ahead = scene.setting.pod_start_seconds + hpa.SYNC_SECONDS
    yesterday = times - DAY_SECONDS
    steps = -(-ahead // hpa.SYNC_SECONDS)
    smooth = [
        scene.arrivals.means(yesterday + step * hpa.SYNC_SECONDS, kpa.STABLE_SECONDS) for step in range(steps + 1)
    ]
    return _run_hpa(scene, target, np.where(yesterday > 0, np.max(smooth, axis=0), 0.0))


def _run_hpa(scene: Scene, target: float, second_metric: Array) -> Course:
    times = scene.times(hpa.SYNC_SECONDS)
    loads = scene.arrivals.means(times, hpa.WINDOW_SECONDS)
    fleet, scaler = scene.fleet(target), hpa.Hpa(target * scene.setting.pod_rps)
    for second, load, other in zip(times.astype(int).tolist(), loads.tolist(), second_metric.tolist(), strict=True):
        fleet.advance(second)
        fleet.scale(second, scaler.replicas((load, other), fleet.current, float(second)))
    return fleet.course()


def run_kpa(scene: Scene, target: float) -> Course:
    """Knative's autoscaler on the offered load."""
    times = scene.times(kpa.TICK_SECONDS)
    stable = scene.arrivals.means(times, kpa.STABLE_SECONDS).tolist()
    burst = scene.arrivals.means(times, kpa.PANIC_SECONDS).tolist()
    fleet = scene.fleet(target)
    scaler = kpa.Kpa.created(target * scene.setting.pod_rps, fleet.ready, 0.0)
    for second, slow, fast in zip(times.astype(int).tolist(), stable, burst, strict=True):
        fleet.advance(second)
        fleet.scale(second, max(1, scaler.replicas(slow, fast, fleet.ready, float(second)) or 0))
    return fleet.course()


def run_oracle(scene: Scene, target: float) -> Course:
    """Just enough pods, asked for just in time: the future is known. `target` is of no use to it."""
    del target
    ends = np.arange(1, scene.length + 1, dtype=np.float64)
    smooth = scene.arrivals.means(ends, ORACLE_SMOOTHING)
    needed = np.maximum(1.0, np.ceil(smooth / scene.setting.pod_rps))
    # A second needs what any of the stretches that it is part of needs, also those that end later.
    needed = _sliding_max(np.append(needed, np.full(ORACLE_SMOOTHING - 1, needed[-1])), ORACLE_SMOOTHING)
    ahead = scene.setting.pod_start_seconds + 1
    padded = np.append(needed, np.full(ahead - 1, needed[-1]))
    wanted = _sliding_max(padded, ahead)
    # A pod serves once it has been wanted for as long as it takes to start.
    started = -_sliding_max(np.append(np.full(ahead - 1, -wanted[0]), -wanted), ahead)
    return Course(wanted, started)


def _sliding_max(values: Array, width: int) -> Array:
    """The highest of each `width` values in a row (van Herk: running maxima from both sides of blocks)."""
    count = len(values) - width + 1
    padded = np.append(values, np.full(-len(values) % width, -np.inf)).reshape(-1, width)
    prefix = np.maximum.accumulate(padded, axis=1).ravel()
    suffix = np.maximum.accumulate(padded[:, ::-1], axis=1)[:, ::-1].ravel()
    return np.maximum(suffix[:count], prefix[width - 1 : width - 1 + count])


def run_glm_reactive(scene: Scene, target: float) -> Course:
    """The operator's decisions, without a forecast."""
    return _run_glm(scene, target, [None] * len(scene.times(GLM_SYNC_SECONDS)))


def run_glm_predictive(scene: Scene, target: float) -> Course:
    """The operator's decisions with `predictive.mode: ForecastAndScale`."""
    provided = [None if rate != rate else rate for rate in scene.foreseen.provisions.tolist()]  # noqa: PLR0124 - NaN
    return _run_glm(scene, target, provided)


def _run_glm(scene: Scene, target: float, forecast: list[float | None]) -> Course:
    rules = Rules(minimum=1, maximum=MOST_REPLICAS, target=target * scene.setting.pod_rps)
    times = scene.times(GLM_SYNC_SECONDS)
    stable = scene.arrivals.means(times, int(rules.stable_window_seconds)).tolist()
    burst = scene.arrivals.means(times, int(rules.panic_window_seconds)).tolist()
    fleet, memory = scene.fleet(target), Memory()
    for second, slow, fast, provided in zip(times.astype(int).tolist(), stable, burst, forecast, strict=True):
        fleet.advance(second)
        seen = Observation(fleet.current, Load(slow, fast), fleet.ready, float(fleet.ready_since), forecast=provided)
        decision, memory = decide(seen, rules, memory, float(second))
        fleet.scale(second, decision.replicas)
    return fleet.course()


POLICIES: Final[Mapping[str, Callable[[Scene, float], Course]]] = {
    "hpa": run_hpa,
    "kpa": run_kpa,
    "hpa-yesterday": run_hpa_yesterday,
    "oracle": run_oracle,
    "glm-reactive": run_glm_reactive,
    "glm-predictive": run_glm_predictive,
}
ORACLE: Final = "oracle"
