"""The load of a backtest from Prometheus: one range query, in pieces that Prometheus answers."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from glm_operator.cli.backtest.scaling.traffic import Traffic, TrafficError

STEP: Final = timedelta(minutes=1)
PIECE: Final = timedelta(days=7)
"""10,080 points: Prometheus refuses more than 11,000 in an answer."""
TIMEOUT_SECONDS: Final = 60


def query_traffic(url: str, query: str, days: int, now: datetime) -> Traffic:
    """The sum of the query's series over the last days, a point a minute."""
    from prometheus_api_client import PrometheusApiClientException, PrometheusConnect
    from requests import RequestException

    client = PrometheusConnect(url=url)
    points: dict[float, float] = {}
    begin = now - timedelta(days=days)
    try:
        while begin < now:
            end = min(begin + PIECE, now)
            series = client.custom_query_range(query, begin, end, str(STEP.seconds), timeout=TIMEOUT_SECONDS)
            points |= _sum(series)
            begin = end
    except (PrometheusApiClientException, RequestException) as error:
        raise TrafficError(f"{url} does not answer the query {query!r}: {error}") from None
    if not points:
        raise TrafficError(f"{url} knows nothing for {query!r} in the last {days} days; try the query in its web page")
    return Traffic.of(sorted(points.items()), f"the answer to {query!r}")


def _sum(series: list[dict[str, Any]]) -> dict[float, float]:
    """The series added up, each time where one has a value that is a rate."""
    sums: dict[float, float] = {}
    for one in series:
        for at, text in one["values"]:
            value = float(text)
            if 0 <= value < float("inf"):
                sums[float(at)] = sums.get(float(at), 0.0) + value
    return sums


def utc_now() -> datetime:
    """The present."""
    return datetime.now(UTC)
