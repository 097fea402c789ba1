"""`spec.scaling`: replicas by requests per second."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from glm_operator.api.base import ApiModel, Rule

Replicas = Annotated[int, Field(ge=0, le=10_000)]


class ScalingPolicy(ApiModel):
    """As in `autoscaling/v2`."""

    type: Literal["Pods", "Percent"]
    """What `value` counts."""
    value: Annotated[int, Field(ge=1, le=10_000)]
    """Largest change in a period."""
    period_seconds: Annotated[int, Field(ge=1, le=1800)]
    """The period."""


class ScalingRules(ApiModel):
    """One direction, as in `autoscaling/v2`."""

    stabilization_window_seconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    """How far back recommendations count."""
    select_policy: Literal["Max", "Min", "Disabled"] = "Max"
    """Which policy wins."""
    policies: Annotated[list[ScalingPolicy], Field(max_length=8)] = []
    """Limits of change."""


class ScalingBehavior(ApiModel):
    """Both directions, as in `autoscaling/v2`."""

    scale_up: ScalingRules | None = None
    """Scaling out."""
    scale_down: ScalingRules | None = None
    """Scaling in."""


class Panic(ApiModel):
    """The short window that reacts to bursts."""

    window_seconds: Annotated[int, Field(ge=1, le=600)] = 6
    """Length of the window."""
    threshold_percent: Annotated[int, Field(ge=110, le=1000)] = 200
    """Demand over capacity at which it takes over."""


class Predictive(ApiModel):
    """The forecast, which may only raise the floor."""

    mode: Literal["Off", "ForecastOnly", "ForecastAndScale"] = "Off"
    """`ForecastOnly` shows it, `ForecastAndScale` uses it."""
    quantile: Annotated[str, StringConstraints(pattern=r"^0\.[0-9]{1,4}$")] = "0.9"
    """Quantile of the forecast that is provided for."""
    history_days: Annotated[int, Field(ge=1, le=90)] = 14
    """History that is learned from."""
    max_error_percent: Annotated[int, Field(ge=1, le=1000)] = 30
    """Backtest error above which it is not used."""


class Fallback(ApiModel):
    """What holds while the metrics are unknown."""

    failure_threshold: Annotated[int, Field(ge=1, le=100)] = 3
    """Failed readings in a row before it takes over."""
    replicas: Replicas = 2
    """How many replicas then."""
    behavior: Literal["Static", "CurrentReplicas", "CurrentReplicasIfHigher", "CurrentReplicasIfLower"] = (
        "CurrentReplicasIfHigher"
    )
    """How `replicas` and the present number are combined. `Static` and `CurrentReplicasIfLower` may take pods away
    while nothing is known; the others never do."""


class Scaling(ApiModel):
    """Replicas follow the load."""

    min_replicas: Replicas = 1
    """Fewest."""
    max_replicas: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Most."""
    target_requests_per_second: Annotated[int, Field(ge=1, le=10_000_000)] = 500
    """Requests per second that one pod shall get."""
    scale_to_zero_after_seconds: Annotated[int, Field(ge=30, le=86_400)] = 300
    """With `minReplicas` 0: time without a request, and since the last pod became ready, before that pod goes."""
    behavior: ScalingBehavior = ScalingBehavior()
    """Limits of change."""
    panic: Panic = Panic()
    """Bursts."""
    predictive: Predictive = Predictive()
    """Forecast."""
    fallback: Fallback = Fallback()
    """Unknown metrics."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="GLM402",
            cel="self.minReplicas <= self.maxReplicas",
            message="scaling.minReplicas is above scaling.maxReplicas; swap them",
            holds=lambda scaling: scaling.min_replicas <= scaling.max_replicas,
        ),
    )
