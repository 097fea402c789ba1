"""Run policies on a load and measure them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from glm_operator.cli.backtest.scaling.fleet import UNCOUNTED_SECONDS, Course, violations
from glm_operator.cli.backtest.scaling.policies import ORACLE, POLICIES, Scene
from glm_operator.scheduler.scaling.forecast.history import DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Result:
    """How a policy did, without the first day."""

    policy: str
    target: float
    """Share of a pod's rate that it shall get."""
    violation_share: float
    """Of the requests."""
    replica_hours: float
    oracle_ratio: float
    """Replica-hours over the oracle's."""
    scale_changes_per_day: float


def run_backtest(scene: Scene, policies: Iterable[str], targets: Sequence[float]) -> list[Result]:
    """Every policy at every target; the oracle, which has none, once."""
    oracle = _measured(scene, ORACLE, 1.0, POLICIES[ORACLE](scene, 1.0), None)
    runs = [(policy, target) for policy in policies for target in ((1.0,) if policy == ORACLE else targets)]
    results = []
    for number, (policy, target) in enumerate(runs, 1):
        scene.say(f"{policy} at {target:g} ({number} of {len(runs)})")
        course = POLICIES[policy](scene, target)
        results.append(_measured(scene, policy, target, course, oracle.replica_hours))
    return results


def _measured(scene: Scene, policy: str, target: float, course: Course, oracle_hours: float | None) -> Result:
    counted = slice(UNCOUNTED_SECONDS, None)
    counts, wanted = scene.arrivals.counts, course.wanted[counted]
    late = violations(counts, course.ready, scene.setting)[counted]
    hours = float(wanted.sum()) / 3600
    return Result(
        policy=policy,
        target=target,
        violation_share=float(late.sum() / max(1.0, counts[counted].sum())),
        replica_hours=round(hours, 3),
        oracle_ratio=1.0 if oracle_hours is None else round(hours / oracle_hours, 4),
        scale_changes_per_day=round(float(np.count_nonzero(np.diff(wanted)) * DAY_SECONDS / len(wanted)), 2),
    )


def table(results: Iterable[Result]) -> Table:
    """For people."""
    shown = Table(
        "policy", "target", "violations", "replica-hours", "x oracle", "changes/day", box=None, pad_edge=False
    )
    for one in results:
        shown.add_row(
            one.policy,
            f"{one.target:g}",
            f"{one.violation_share:.3%}",
            f"{one.replica_hours:.0f}",
            f"{one.oracle_ratio:.3f}",
            f"{one.scale_changes_per_day:.0f}",
        )
    return shown
