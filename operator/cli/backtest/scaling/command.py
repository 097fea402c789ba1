"""The command: options in, table or JSON out."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from glm_operator.cli.backtest.scaling.fleet import Setting
from glm_operator.cli.backtest.scaling.policies import POLICIES, Scene
from glm_operator.cli.backtest.scaling.prometheus import query_traffic, utc_now
from glm_operator.cli.backtest.scaling.results import Result, run_backtest, table
from glm_operator.cli.backtest.scaling.traffic import Arrivals, Traffic, TrafficError, read_traffic

DEFAULT_TARGETS: Final = "0.5,0.6,0.7,0.8,0.9"
LEAST_TARGET: Final = 0.05


def _targets(_: click.Context, option: click.Parameter, text: str) -> tuple[float, ...]:
    """Shares of a pod's rate, in the order given."""
    try:
        targets = tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        raise click.BadParameter(f"{text} is no list of numbers like 0.5,0.7", param=option) from None
    if not all(LEAST_TARGET <= target <= 1 for target in targets):
        text = f"{text}: a target is a share of what a pod can do, from {LEAST_TARGET} to 1"
        raise click.BadParameter(text, param=option)
    return targets


_POSITIVE: Final = click.FloatRange(min=0, min_open=True, max=1e9)


@click.command()
@click.option(
    "--traffic",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV file with the columns seconds,requests_per_second.",
)
@click.option("--from-prometheus", metavar="URL", help="Take the load from there instead; with --query.")
@click.option("--query", help="PromQL of the offered requests per second, such as sum(rate(...[1m])).")
@click.option(
    "--days", type=click.IntRange(2, 90), default=14, show_default=True, help="How much of it, with --from-prometheus."
)
@click.option(
    "--pod-rps", type=_POSITIVE, default=100.0, show_default=True, help="Requests per second that one pod can do."
)
@click.option(
    "--pod-start-seconds",
    type=click.IntRange(1, 7200),
    default=180,
    show_default=True,
    help="From asking for a pod until it serves.",
)
@click.option("--scale-peak-to", type=_POSITIVE, metavar="RPS", help="Scale the load so that its peak is this.")
@click.option(
    "--latency-limit-ms",
    type=_POSITIVE,
    default=320.0,
    show_default=True,
    help="A request that takes longer is a violation.",
)
@click.option(
    "--pod-latency-ms", type=_POSITIVE, default=70.0, show_default=True, help="What a request takes without waiting."
)
@click.option(
    "--policy",
    "policies",
    type=click.Choice(list(POLICIES)),
    multiple=True,
    help="Only this one (can be repeated); default: all.",
)
@click.option(
    "--sweep-target",
    "targets",
    callback=_targets,
    default=DEFAULT_TARGETS,
    show_default=True,
    metavar="T,T,...",
    help="Shares of --pod-rps that the policies aim at.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the arrivals within each second."
)
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE.png",
    help="Also draw violations over replica-hours.",
)
def scaling(
    traffic: Path | None,
    from_prometheus: str | None,
    query: str | None,
    days: int,
    pod_rps: float,
    pod_start_seconds: int,
    scale_peak_to: float | None,
    latency_limit_ms: float,
    pod_latency_ms: float,
    policies: tuple[str, ...],
    targets: tuple[float, ...],
    seed: int,
    output: str,
    plot: Path | None,
) -> None:
    """What each scaling policy would have done: requests over the latency limit, and what it would have cost.

    The operator's own decisions (glm-reactive, glm-predictive) run beside Kubernetes' HPA, Knative's KPA, the HPA
    with yesterday's load as a floor, and an oracle that knows the future. The first day is not counted. What is
    assumed: docs/backtest-scaling.md.
    """
    if pod_latency_ms >= latency_limit_ms:
        raise click.UsageError("--pod-latency-ms is not below --latency-limit-ms: every request would be a violation")
    setting = Setting(pod_rps, pod_start_seconds, latency_limit_ms, pod_latency_ms, seed)
    try:
        load = _load(traffic, from_prometheus, query, days)
    except TrafficError as error:
        raise click.ClickException(str(error)) from None
    load = load.scaled_to(scale_peak_to) if scale_peak_to else load
    scene = Scene(Arrivals.of(load, seed), setting, _progress)
    results = run_backtest(scene, policies or tuple(POLICIES), targets)
    if plot is not None:
        from glm_operator.cli.backtest.scaling.plot import save_plot

        save_plot(
            results, plot, f"{load.days:.1f} days, pods of {pod_rps:g} requests/s that start in {pod_start_seconds} s"
        )
        _progress(f"wrote {plot}")
    _print(results, output)


_progress: Callable[[str], None] = lambda text: click.echo(text, err=True)  # noqa: E731


def _load(path: Path | None, url: str | None, query: str | None, days: int) -> Traffic:
    if (path is None) == (url is None):
        raise click.UsageError("give the load by --traffic or by --from-prometheus with --query (one of the two)")
    if path is not None:
        return read_traffic(path)
    if not query:
        raise click.UsageError("--from-prometheus needs --query: the PromQL of the offered requests per second")
    return query_traffic(str(url), query, days, utc_now())


def _print(results: list[Result], output: str) -> None:
    if output == "json":
        click.echo(json.dumps([asdict(result) for result in results], indent=2))
    else:
        Console().print(table(results))
