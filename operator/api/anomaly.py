"""`spec.anomaly`: what is watched, and what may be done about it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from glm_operator.api.base import ApiModel


class PrometheusSource(ApiModel):
    """Where the samples come from."""

    url: Annotated[str, StringConstraints(pattern=r"^$|^https?://[A-Za-z0-9._~:/%-]+$", max_length=1024)] = ""
    """Address of Prometheus; empty: the operator's setting."""


class Budget(ApiModel):
    """Limits of what is done automatically."""

    max_actions_per_hour: Annotated[int, Field(ge=0, le=1000)] = 4
    """Actions in an hour."""
    max_unhealthy_percent: Annotated[int, Field(ge=0, le=100)] = 40
    """Share of unhealthy pods above which nothing is done."""
    cooldown_seconds: Annotated[int, Field(ge=0, le=86_400)] = 600
    """Wait between two actions."""


class Anomaly(ApiModel):
    """Anomaly detection and repair."""

    mode: Literal["Off", "Recommend", "Act"] = "Recommend"
    """`Recommend` tells, `Act` does."""
    prometheus: PrometheusSource = PrometheusSource()
    """Source of the samples."""
    actions: Annotated[list[Literal["RestartPod", "Expand"]], Field(max_length=2)] = ["RestartPod", "Expand"]
    """What may be done."""
    budget: Budget = Budget()
    """Limits."""
