"""Metrics of the traffic loop: they show what is, and nothing that is gone."""

import pytest
from prometheus_client import CollectorRegistry

from glm_operator.observability.traffic_metrics import Owner, Shown, TrafficMetrics

BOT, OTHER = Owner("shop", "bot"), Owner("shop", "other")
ACTIVE = Shown(weight=812, state="Active", latency_seconds=0.004, cpu=0.4)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def series(registry):
    """Every series of a pod: its name and labels to its value."""
    return {
        (sample.name.removeprefix("glm_endpoint_"), sample.labels["inference"], sample.labels["pod"])
        + ((sample.labels["state"],) if "state" in sample.labels else ()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if "pod" in sample.labels
    }


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param(
            [(BOT, {"a": ACTIVE})],
            {
                ("weight", "bot", "a"): 812,
                ("state", "bot", "a", "Active"): 1,
                ("latency_seconds", "bot", "a"): 0.004,
                ("cpu_ratio", "bot", "a"): 0.4,
            },
            id="a pod that all is known of",
        ),
        pytest.param(
            [(BOT, {"a": Shown(None, "Unknown")})],
            {("state", "bot", "a", "Unknown"): 1},
            id="what isn't known has no series",
        ),
        pytest.param(
            [(BOT, {"a": ACTIVE}), (BOT, {"a": Shown(None, "Unknown")})],
            {("state", "bot", "a", "Unknown"): 1},
            id="what isn't known any more has none either, and a pod is in one state",
        ),
        pytest.param(
            [(BOT, {"a": ACTIVE}), (BOT, {"a": Shown(0, "Paused", cpu=0.0)})],
            {("weight", "bot", "a"): 0, ("state", "bot", "a", "Paused"): 1, ("cpu_ratio", "bot", "a"): 0.0},
            id="zero is known",
        ),
        pytest.param(
            [(BOT, {"a": ACTIVE}), (BOT, {"b": Shown(1, "Active")})],
            {("weight", "bot", "b"): 1, ("state", "bot", "b", "Active"): 1},
            id="a pod that is gone has no series",
        ),
        pytest.param([(BOT, {"a": ACTIVE}), (BOT, {})], {}, id="a resource without pods"),
        pytest.param([(BOT, {}), (BOT, {})], {}, id="one that never had any"),
        pytest.param(
            [(BOT, {"a": Shown(1, "Active")}), (OTHER, {"a": Shown(2, "Active")}), (BOT, {})],
            {("weight", "other", "a"): 2, ("state", "other", "a", "Active"): 1},
            id="resources don't touch each other's pods",
        ),
    ],
)
def test_series(steps, expected):
    registry = CollectorRegistry()
    metrics = TrafficMetrics(registry)
    for owner, pods in steps:
        metrics.show(owner, pods)
    assert series(registry) == expected


def test_resources_that_are_gone_take_their_series_along():
    registry = CollectorRegistry()
    metrics = TrafficMetrics(registry)
    metrics.show(BOT, {"a": ACTIVE})
    metrics.show(OTHER, {"a": Shown(1, "Active")})
    metrics.keep([OTHER])
    metrics.keep([OTHER])
    assert {key[1] for key in series(registry)} == {"other"}


def test_rounds_are_timed_and_those_that_fail_are_not_counted():
    registry, clock = CollectorRegistry(), Clock()
    metrics = TrafficMetrics(registry, clock)
    with metrics.update():
        clock.now += 0.5
    with pytest.raises(OSError, match="gone"), metrics.update():
        raise OSError("gone")
    assert registry.get_sample_value("glm_weight_update_seconds_sum") == 0.5
    assert registry.get_sample_value("glm_weight_update_seconds_count") == 1


def test_what_was_read_is_told():
    registry = CollectorRegistry()
    TrafficMetrics(registry).read(0.3, pods=10, unknown=2)
    assert registry.get_sample_value("glm_telemetry_read_seconds_sum") == 0.3
    assert registry.get_sample_value("glm_telemetry_pods") == 10
    assert registry.get_sample_value("glm_telemetry_unknown_pods") == 2
