"""The latency rule: a pod that is slow several times in a row gets nothing for a while."""

from glm_operator.api.traffic import LatencyRule


def next_slow_run(run: int, latency_ms: float | None, rule: LatencyRule) -> int:
    """Slow samples in a row, after one more.

    A sample at the threshold is not slow. An unknown one neither counts nor breaks a run.
    """
    if latency_ms is None:
        return run
    return run + 1 if latency_ms > rule.threshold_milliseconds else 0


def asks_for_pause(run: int, rule: LatencyRule) -> bool:
    """Whether so many slow samples in a row are enough."""
    return run >= rule.consecutive
