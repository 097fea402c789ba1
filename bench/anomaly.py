"""`make bench-anomaly`: NAB's scores of our detector and of two others by one scorer, and what it all costs.

The files are not part of the project: give NAB's folder (with data/ and labels/combined_windows.json) by `DATA=` or
`--data`. The default is the folder beside the checkout's parent that has some of them.
"""

import json
import os
import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, TypeAlias

import click
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bench.anomaly_peers import prophet_intervals, stock_prophet, windowed_gaussian
from demo.paths import ROOT
from glm_operator.anomaly import nab
from glm_operator.anomaly.baseline import Baseline, expect_all
from glm_operator.anomaly.combine import mean_evidence
from glm_operator.anomaly.detector import Detector
from glm_operator.anomaly.forest import fit_forest
from glm_operator.anomaly.prophet_map import DAILY_ORDER, WEEKLY_ORDER, Fit, Seasons, fit_many, frame_for, log_posterior
from glm_operator.cli.backtest.anomalies.labels import Labels, read_labels
from glm_operator.cli.backtest.anomalies.results import run_all
from glm_operator.cli.backtest.anomalies.series import Series, SeriesError, find_files, read_series

Floats: TypeAlias = NDArray[np.float64]

DEFAULT_DATA: Final = ROOT.parent / "shared/data/nab"
TARGET: Final = ROOT / "build/bench/anomaly.json"
QUICK: Final = bool(os.environ.get("BENCH_QUICK"))
QUICK_FILES: Final = 6
POINTS: Final = 4032  # two weeks of five-minute means
FITS, STOCK_FITS = (64, 3) if QUICK else (256, 12)
SERIES: Final = 10_000
STEPS: Final = 5
WARM_STEPS: Final = 300
POSTERIOR_TOLERANCE: Final = 1e-3


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), default=DEFAULT_DATA, show_default=True)
def main(data: Path) -> None:
    """Measure and write build/bench/anomaly.json."""
    series, labels = _corpus(data)
    with threadpool_limits(1):
        cost = _cost()
    click.echo(json.dumps(cost))
    results = [cost]
    for name, scores in _detectors(series):
        results.append({"detector": name} | _judged(series, scores, labels))
        click.echo(json.dumps(results[-1]))
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(results, indent=2) + "\n")
    click.echo(f"wrote {TARGET.relative_to(ROOT)}")


def _corpus(data: Path) -> tuple[list[Series], Labels]:
    label_file = data / "labels/combined_windows.json"
    if not label_file.is_file() or not (data / "data").is_dir():
        raise click.ClickException(
            f"{data} has no data/ and labels/combined_windows.json: give the folder of the Numenta Anomaly Benchmark, "
            "make bench-anomaly DATA=/path/to/NAB"
        )
    try:
        labels = read_labels(label_file)
        series = [read_series(name, path) for name, path in find_files(data / "data", TARGET.parent).items()]
    except SeriesError as error:
        raise click.ClickException(str(error)) from None
    known = [one for one in series if labels.of(one.name) is not None]
    return (known[:: -(-len(known) // QUICK_FILES)] if QUICK else known), labels


def _detectors(series: Sequence[Series]) -> Sequence[tuple[str, Sequence[Floats]]]:
    jobs = len(os.sched_getaffinity(0))
    ours = [one.scores for one in run_all(series, jobs, lambda name: None)]
    gaussian = [windowed_gaussian(one.values) for one in series]
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        prophet = list(pool.map(_prophet, series))
    return [("glm-operator", ours), ("windowed-gaussian", gaussian), ("prophet-intervals", prophet)]


def _prophet(series: Series) -> Floats:
    with threadpool_limits(1):
        return prophet_intervals(series.times, series.values)


def _judged(series: Sequence[Series], scores: Sequence[Floats], labels: Labels) -> dict[str, Any]:
    known = [
        nab.ScoredSeries(one.times, score, labels.of(one.name) or ()) for one, score in zip(series, scores, strict=True)
    ]
    standard, threshold = nab.best(known)
    held_out, errors = nab.held_out(known), nab.errors_at(known, threshold)
    return {
        "files": len(known),
        "standard": round(standard, 1),
        "low_fp": round(nab.best(known, nab.LOW_FP)[0], 1),
        "low_fn": round(nab.best(known, nab.LOW_FN)[0], 1),
        "heldout_standard": None if held_out is None else round(held_out, 1),
        "false_alarms_per_day": round(errors.false_alarms_per_day, 3),
        "windows_found": f"{errors.found}/{errors.windows}",
        "median_delay_minutes": None if errors.delay_seconds is None else round(errors.delay_seconds / 60),
    }


def _cost() -> dict[str, float]:
    times = 1.7e9 + np.arange(POINTS, dtype=np.float64) * 300.0
    values = np.array([_synthetic(times, seed) for seed in range(FITS)])
    frame = frame_for(times, Seasons(DAILY_ORDER, WEEKLY_ORDER))
    fit_many(times, values[:2], frame)
    seconds = _cpu(lambda: fit_many(times, values, frame))
    fits = [fit for fit in fit_many(times, values, frame) if fit is not None]
    stock = [_stock(times, row) for row in values[:STOCK_FITS]]
    gains = [
        log_posterior(fit, times, row) - log_posterior(theirs, times, row)
        for fit, row, (theirs, _) in zip(fits, values, stock, strict=False)
    ]
    if min(gains) < -POSTERIOR_TOLERANCE:
        raise click.ClickException(f"a fit's posterior is {-min(gains)} below stock Prophet's: it is no maximum")
    baselines = [Baseline("prophet", fits[number % FITS], -1.0, 1.0, times[-1]) for number in range(SERIES)]
    score_seconds, state = _score_cost(baselines, values, float(times[-1]))
    return {
        "fits_per_second_per_core": round(FITS / seconds, 1),
        "stock_fits_per_second_per_core": round(STOCK_FITS / sum(spent for _, spent in stock), 2),
        "score_10000_seconds": round(score_seconds, 3),
        "bytes_per_series": state,
        "least_posterior_gain": round(min(gains), 4),
    }


def _stock(times: Floats, values: Floats) -> tuple[Fit, float]:
    """Stock Prophet's parameters in our order, and the processor seconds of its fit (Stan's process included)."""
    settings = {"daily_seasonality": True, "weekly_seasonality": True, "yearly_seasonality": False}
    fitted: list[Any] = []
    seconds = _cpu(lambda: fitted.append(stock_prophet(times, values, uncertainty_samples=0, **settings)))
    model = fitted[0]
    weights = np.concatenate([np.ravel(model.params[name]) for name in ("k", "m", "beta", "delta")])
    frame = frame_for(times, Seasons(DAILY_ORDER, WEEKLY_ORDER))
    return Fit(frame, weights, float(np.ravel(model.params["sigma_obs"])[0]), float(model.y_scale)), seconds


def _score_cost(baselines: Sequence[Baseline], values: Floats, now: float) -> tuple[float, int]:
    """Processor seconds to score one sample of each of 10,000 series (median of a few), and a series' bytes."""
    detector = Detector.empty(SERIES)
    columns = np.random.default_rng(0).integers(0, values.shape[1], (WARM_STEPS + STEPS, SERIES))
    samples = values[np.arange(SERIES) % len(values), columns]
    few = Detector.empty(4)
    rows = [few.step(samples[step, :4], np.full(4, np.nan)).features for step in range(WARM_STEPS)]
    forest = fit_forest(np.concatenate(rows))
    assert forest is not None

    def score(step: int) -> None:
        readings = detector.step(samples[step], expect_all(baselines, now + 300.0 * step))
        mean_evidence(np.column_stack([readings.surprises, forest.surprise(readings.features)]))

    warm = STEPS * 16  # the shapes are judged from here on
    for step in range(warm):
        detector.step(samples[step], np.full(SERIES, np.nan))
    spent = [_cpu(lambda step=warm + number: score(step)) for number in range(STEPS)]  # type: ignore[misc]
    return float(np.median(spent)), len(detector.pack(0)) + len(baselines[0].pack())


def _synthetic(times: Floats, seed: int) -> Floats:
    random = np.random.default_rng(seed)
    day = 2 * np.pi * times / 86_400.0
    jumps = random.normal(0, 20, len(times)) * (random.uniform(size=len(times)) < 0.002)
    season = random.normal(0, 20) * np.sin(day + random.uniform(0, 6)) + random.normal(0, 8) * np.cos(2 * day)
    week = random.normal(0, 5) * np.sin(day / 7)
    return np.asarray(150 + season + week + np.cumsum(jumps) + random.normal(0, random.uniform(1, 10), len(times)))


def _cpu(work: Callable[[], Any]) -> float:
    """Processor seconds of this process and of those it waited for."""

    def spent() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    begin = spent()
    work()
    return spent() - begin


if __name__ == "__main__":
    main()
