"""The command: options in, files, table or JSON out."""

import itertools
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from glm_operator.cli.backtest.anomalies.labels import Labels, read_labels
from glm_operator.cli.backtest.anomalies.prometheus import MOST_SERIES, query_series
from glm_operator.cli.backtest.anomalies.results import Scored, Verdict, as_json, judge, run_all, table, threshold_of
from glm_operator.cli.backtest.anomalies.series import Series, SeriesError, find_files, read_series, write_scores

LONGEST_STEP_SECONDS: Final = 86_400


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="CSV file or folder; timestamp,value.")
@click.option("--from-prometheus", metavar="URL", help="Take the series from there instead; with --query.")
@click.option("--query", help="PromQL; each series of the answer becomes a file.")
@click.option(
    "--days", type=click.IntRange(1, 90), default=14, show_default=True, help="How much of it, with --from-prometheus."
)
@click.option(
    "--step-seconds",
    type=click.IntRange(1, LONGEST_STEP_SECONDS),
    default=300,
    show_default=True,
    help="Between two samples, with --from-prometheus.",
)
@click.option(
    "--labels", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Windows by file, as NAB's JSON."
)
@click.option("--jobs", type=click.IntRange(1, 256), default=lambda: len(os.sched_getaffinity(0)), help="Processes.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the scores.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--plot", type=click.Path(file_okay=False, path_type=Path), help="Also draw each file into this folder.")
def anomalies(
    data: Path | None,
    from_prometheus: str | None,
    query: str | None,
    days: int,
    step_seconds: int,
    labels: Path | None,
    jobs: int,
    out: Path,
    output: str,
    plot: Path | None,
) -> None:
    """Score every sample of past series as the operator would have: a score uses only what was known then.

    For each file, --out gets one of the same name with timestamp,value,score. With --labels, the scores of the Numenta
    Anomaly Benchmark, false alarms per day and the delay are told. Exit code 1 when a file could not be used.
    """
    try:
        windows = read_labels(labels) if labels else None
        series, failed = _load(data, from_prometheus, query, days, step_seconds, out)
    except SeriesError as error:
        raise click.ClickException(str(error)) from None
    scored = list(run_all(series, jobs, _progress(len(series))))
    verdict = judge(scored, windows) if windows else None
    if windows and verdict is None:
        click.echo(f"the labels know none of the files; they know e.g. {next(iter(windows.windows), 'none')}", err=True)
    _write(scored, verdict, windows, out, plot)
    if output == "json":
        click.echo(json.dumps(as_json(scored, verdict, failed), indent=2, allow_nan=False))
    else:
        Console().print(table(scored, verdict, out))
    for reason in failed:
        click.echo(f"left out: {reason}", err=True)
    sys.exit(1 if failed else 0)


def _load(
    data: Path | None, url: str | None, query: str | None, days: int, step_seconds: int, out: Path
) -> tuple[list[Series], list[str]]:
    if (data is None) == (url is None):
        raise click.UsageError("give the series by --data or by --from-prometheus with --query (one of the two)")
    if data is not None:
        return _read(find_files(data, out))
    if not query:
        raise click.UsageError("--from-prometheus needs --query: the PromQL of the series")
    series, left_out = query_series(str(url), query, days, timedelta(seconds=step_seconds), datetime.now(UTC))
    more = [f"{left_out} series beyond {MOST_SERIES}: narrow the query"] if left_out else []
    return series, more


def _read(files: dict[str, Path]) -> tuple[list[Series], list[str]]:
    series, failed = [], []
    for name, path in files.items():
        try:
            series.append(read_series(name, path))
        except SeriesError as error:
            failed.append(str(error))
    return series, failed


def _write(scored: list[Scored], verdict: Verdict | None, labels: Labels | None, out: Path, plot: Path | None) -> None:
    try:
        for one in scored:
            write_scores(one.series, one.scores, out)
            if plot is not None:
                from glm_operator.cli.backtest.anomalies.plot import save_plot

                windows = (labels.of(one.series.name) if labels else None) or ()
                target = plot / f"{one.series.name}.png"
                save_plot(one.series, one.run, one.scores, threshold_of(verdict), windows, target)
    except OSError as error:
        raise click.ClickException(f"{error.filename} can't be written: {error.strerror}") from None


def _progress(total: int) -> Callable[[str], None]:
    """Counts on standard error, where it is a terminal."""
    numbers = itertools.count(1)

    def done(name: str) -> None:
        number = next(numbers)
        if sys.stderr.isatty():
            click.echo(f"{number}/{total} {name!r}", err=True)

    return done
