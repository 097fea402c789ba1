"""A user's own past: one query's series from Prometheus, in pieces that it answers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from glm_operator.cli.backtest.anomalies.series import Series, SeriesError, safe_names

POINTS_A_PIECE: Final = 10_000
"""Prometheus refuses more than 11,000 a series in an answer."""
MOST_SERIES: Final = 200
TIMEOUT_SECONDS: Final = 60


def query_series(url: str, query: str, days: int, step: timedelta, now: datetime) -> tuple[list[Series], int]:
    """The series of the last `days`, and how many were left out because there were more than MOST_SERIES."""
    from prometheus_api_client import PrometheusApiClientException, PrometheusConnect
    from requests import RequestException

    client = PrometheusConnect(url=url)
    points: dict[str, dict[float, float]] = {}
    left_out: set[str] = set()
    seconds = str(int(step.total_seconds()))
    try:
        for begin, end in pieces(now - timedelta(days=days), now, step):
            answer = client.custom_query_range(query, begin, end, seconds, timeout=TIMEOUT_SECONDS)
            left_out |= collect(points, answer)
    except (PrometheusApiClientException, RequestException, ValueError, KeyError) as error:
        raise SeriesError(f"{url} does not answer the query {query!r}: {error}") from None
    if not points:
        raise SeriesError(f"{url} knows nothing for {query!r} in the last {days} days; try the query in its web page")
    labels = sorted(points)
    series = [_series(name, points[label]) for name, label in zip(safe_names(labels), labels, strict=True)]
    return series, len(left_out)


def pieces(begin: datetime, end: datetime, step: timedelta) -> list[tuple[datetime, datetime]]:
    """Ranges, both ends included, that together have every step once and none too many."""
    result, width = [], step * (POINTS_A_PIECE - 1)
    while begin <= end:
        result.append((begin, min(begin + width, end)))
        begin += step * POINTS_A_PIECE
    return result


def collect(points: dict[str, dict[float, float]], answer: Sequence[dict[str, Any]]) -> set[str]:
    """Add an answer's samples to `points`, for at most MOST_SERIES series; the labels of those that were left out."""
    left_out = set()
    for one in answer:
        label = ",".join(f"{name}={value}" for name, value in sorted(one["metric"].items()))
        if label not in points and len(points) >= MOST_SERIES:
            left_out.add(label)
            continue
        points.setdefault(label, {}).update((float(at), float(text)) for at, text in one["values"])
    return left_out


def _series(name: str, points: dict[float, float]) -> Series:
    times = sorted(points)
    stamps = tuple(datetime.fromtimestamp(at, UTC).isoformat() for at in times)
    values = [points[at] for at in times]
    return Series(name, stamps, tuple(repr(value) for value in values), np.array(times), np.array(values))
