"""Number of pods: what is too few, contradictory, or without effect."""

from collections.abc import Iterator
from typing import Final

from glm_operator.analysis.finding import Problem
from glm_operator.analysis.subject import Subject

_SCALING: Final = ("spec", "scaling")
_MIDDLE: Final = 0.5


def number_of_pods(subject: Subject) -> Iterator[Problem]:
    """One pod is an outage at each restart, none is one always."""
    spec = subject.spec
    standby = spec.traffic.failover.standby_replicas
    if spec.scaling is not None and spec.scaling.min_replicas == 0:
        yield Problem("GLM406", (*_SCALING, "minReplicas"), "requests that come while there are no pods fail")
    elif spec.scaling is None and spec.effective_replicas == 0:
        yield Problem("GLM408", ("spec", "replicas"), "replicas is 0, so nothing is served")
    elif spec.effective_replicas == 1 and not standby:
        path = (*_SCALING, "minReplicas") if spec.scaling is not None else ("spec", "replicas")
        yield Problem("GLM403", path, "there is one pod, and none that stands by")


def scaling(subject: Subject) -> Iterator[Problem]:
    """Fields of `scaling` against each other."""
    spec = subject.spec.scaling
    if spec is None:
        return
    # The fallback's default stands for whoever wrote nothing, so only a given one is judged.
    if subject.is_given("scaling.fallback") and not spec.min_replicas <= spec.fallback.replicas <= spec.max_replicas:
        message = f"{spec.fallback.replicas} is outside {spec.min_replicas}..{spec.max_replicas}"
        yield Problem("GLM404", (*_SCALING, "fallback", "replicas"), message)
    down, up = spec.behavior.scale_down, spec.behavior.scale_up
    stable = down.stabilization_window_seconds if down is not None else None
    if stable is not None and stable < spec.panic.window_seconds:
        message = f"a burst is judged over {spec.panic.window_seconds} s, and scaling in over {stable} s"
        yield Problem("GLM405", (*_SCALING, "panic", "windowSeconds"), message)
    if up is not None and up.select_policy == "Disabled":
        path = (*_SCALING, "behavior", "scaleUp", "selectPolicy")
        yield Problem("GLM410", path, "load never brings more pods")


def forecast(subject: Subject) -> Iterator[Problem]:
    """Fields of `scaling.predictive`."""
    spec = subject.spec.scaling
    if spec is None or spec.predictive.mode == "Off":
        return
    path = (*_SCALING, "predictive")
    if spec.predictive.mode == "ForecastAndScale" and spec.min_replicas == spec.max_replicas:
        yield Problem("GLM407", path, f"there are always {spec.min_replicas} pods, whatever the forecast says")
    if float(spec.predictive.quantile) < _MIDDLE:
        message = f"demand is above the quantile {spec.predictive.quantile} most of the time"
        yield Problem("GLM409", (*path, "quantile"), message)


CHECKS: Final = (number_of_pods, scaling, forecast)
