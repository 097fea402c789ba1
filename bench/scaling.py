"""`make bench-scaling`: the scaling policies side by side on a real trace and on two shapes that no forecast knows.

Writes the backtest's objects with their `trace` to build/bench/scaling.json, a picture of the curves beside it, and
what they say about the aims to build/bench/scaling-aims.json. TRAFFIC=FILE.csv: another trace. BENCH_QUICK=1: a week
and few targets.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from demo.paths import ROOT
from glm_operator.cli.backtest.scaling.fleet import Setting
from glm_operator.cli.backtest.scaling.plot import save_plots
from glm_operator.cli.backtest.scaling.policies import POLICIES, Scene
from glm_operator.cli.backtest.scaling.results import Result, run_backtest
from glm_operator.cli.backtest.scaling.traffic import Arrivals, Traffic, TrafficError, read_traffic
from glm_operator.scheduler.scaling.forecast.fit import NAIVE_OVER_LEAD, NOWCAST

DEFAULT_TRACE: Final = ROOT.parent / "shared/data/traffic/servegen-m-small.csv"
TARGET: Final = ROOT / "build/bench/scaling.json"
PEAK_RPS: Final = 5000.0
FULL, QUICK = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95), (0.7, 0.8, 0.9)
QUICK_DAYS: Final = 7
NEAR_ORACLE: Final = 1.25
LEAST_SHARE: Final = 1e-4
"""A policy that violates less than this has pods to spare: there is nothing to gain."""
OWN, REACTIVE, RIVALS = "glm-predictive", "glm-reactive", ("hpa", "kpa")


@click.command(help=__doc__)
@click.option("--traffic", envvar="TRAFFIC", type=click.Path(path_type=Path), default=DEFAULT_TRACE)
@click.option("--seed", default=1, show_default=True)
def main(traffic: Path, seed: int) -> None:
    """Every policy on every shape."""
    if not traffic.exists():
        raise click.ClickException(f"{traffic} is not there; name a CSV file: make bench-scaling TRAFFIC=FILE.csv")
    quick = bool(os.environ.get("BENCH_QUICK"))
    try:
        trace = read_traffic(traffic)
    except TrafficError as error:
        raise click.ClickException(str(error)) from None
    if quick:
        within = trace.seconds <= QUICK_DAYS * 86_400
        trace = Traffic(trace.seconds[within], trace.rates[within])
    shapes = {traffic.stem: trace, "shuffled": shuffled(trace, seed), "step": steps(trace, seed)}
    results, aims = {}, {}
    for name, shape in shapes.items():
        scene = Scene(Arrivals.of(shape.scaled_to(PEAK_RPS), seed), Setting(seed=seed), _progress(name))
        results[name] = run_backtest(scene, POLICIES, QUICK if quick else FULL)
        aims[name] = judged(results[name]) | {"forecast": _losses(scene)}
    _write(results, aims)


def shuffled(trace: Traffic, seed: int) -> Traffic:
    """The trace's values in an order that nobody can know."""
    return Traffic(trace.seconds, np.random.default_rng(seed).permutation(trace.rates))


def steps(trace: Traffic, seed: int) -> Traffic:
    """As long as the trace: 1 to 8 hours low, as many 2.5 times as high, and a minute in between."""
    hours = np.cumsum(np.random.default_rng(seed).uniform(1, 8, size=int(trace.days * 24)))
    edges = hours[hours < trace.days * 24] * 3600
    seconds = np.sort(np.concatenate([[0.0], edges, edges + 60, [trace.seconds[-1]]]))
    level = np.searchsorted(edges + 30, seconds) % 2
    return Traffic(seconds, np.where(level == 1, 1000.0, 400.0))


def judged(results: list[Result]) -> dict[str, Any]:
    """What the curves say about the aims."""
    own, reactive = _curve(results, OWN), _curve(results, REACTIVE)
    return {
        "violation share at 1.25 times the oracle": {
            name: _at(_curve(results, name), NEAR_ORACLE) for name in (OWN, REACTIVE, *RIVALS, "hpa-yesterday")
        },
        "fewer violations at equal replica-hours, smallest and mean over the curve": {
            rival: _fewer(own, _curve(results, rival)) for rival in (*RIVALS, REACTIVE)
        },
        "fewer violations of reactive at equal replica-hours": {
            rival: _fewer(reactive, _curve(results, rival)) for rival in RIVALS
        },
    }


def _curve(results: Iterable[Result], policy: str) -> tuple[np.ndarray, np.ndarray]:
    points = sorted((one.oracle_ratio, one.violation_share) for one in results if one.policy == policy)
    ratios, shares = np.array(points).T
    return ratios, shares


def _at(curve: tuple[np.ndarray, np.ndarray], ratio: float) -> float | None:
    ratios, shares = curve
    return float(np.interp(ratio, ratios, shares)) if ratios[0] <= ratio <= ratios[-1] else None


def _fewer(own: tuple[np.ndarray, np.ndarray], rival: tuple[np.ndarray, np.ndarray]) -> list[float] | None:
    """At the rival's points that lie within the own curve and leave something to gain: 1 - own / rival's."""
    pairs = [(_at(own, ratio), share) for ratio, share in zip(*rival, strict=True)]
    gains = [1 - mine / share for mine, share in pairs if mine is not None and share >= LEAST_SHARE]
    return [round(min(gains), 3), round(sum(gains) / len(gains), 3)] if gains else None


def _losses(scene: Scene) -> dict[str, Any]:
    """Mean pinball losses (shares of the mean load) of the daily tests, and what was trusted how often."""
    forecasts = scene.foreseen.forecasts
    told = [forecast.losses or {} for forecast in forecasts]
    both = [losses for losses in told if NOWCAST in losses and NAIVE_OVER_LEAD in losses]
    days = [losses for losses in told if "Prophet" in losses and "SeasonalNaive" in losses]
    return {
        "trusted days": sum(forecast.trusted for forecast in forecasts),
        "days": len(forecasts),
        "seasons": [forecast.season for forecast in forecasts],
        **{f"{name}, over the lead": _mean(losses[name] for losses in both) for name in (NOWCAST, NAIVE_OVER_LEAD)},
        **{f"{name}, a day ahead": _mean(losses[name] for losses in days) for name in ("Prophet", "SeasonalNaive")},
    }


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return round(sum(known) / len(known), 5) if known else None


def _progress(name: str) -> Any:
    return lambda text: click.echo(f"{name}: {text}", err=True)


def _write(results: dict[str, list[Result]], aims: dict[str, Any]) -> None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    objects = [asdict(result) | {"trace": name} for name, one in results.items() for result in one]
    TARGET.write_text(json.dumps([*objects, *_live()], indent=2) + "\n")
    text = json.dumps(aims, indent=2)
    TARGET.with_name("scaling-aims.json").write_text(text + "\n")
    save_plots(results, TARGET.with_suffix(".png"))
    click.echo(f"{text}\nwrote {TARGET.relative_to(ROOT)}, its picture and scaling-aims.json beside it")


def _live() -> list[dict[str, Any]]:
    """What was measured on a cluster and stands in the same file."""
    return [one for one in json.loads(TARGET.read_text()) if "phase" in one] if TARGET.exists() else []


if __name__ == "__main__":
    main()
