"""Run the detector over the series, in several processes, and tell what came out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from glm_operator.anomaly import nab
from glm_operator.anomaly.alarm import OPEN_AT
from glm_operator.anomaly.detector import usable
from glm_operator.anomaly.online import Run, run_online
from glm_operator.cli.backtest.anomalies.labels import Labels
from glm_operator.cli.backtest.anomalies.series import Series

TOLD_A_SERIES: Final = 3


@dataclass(frozen=True, slots=True)
class Scored:
    """A series and what the detector said."""

    series: Series
    run: Run

    @property
    def scores(self) -> nab.Floats:
        """As they are written: NaN for a missing value, 0 where nothing is told (warm-up, repeated times)."""
        missing = ~usable(self.series.values)
        return np.where(missing, np.nan, np.nan_to_num(self.run.combined.score, nan=0.0))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The corpus' scores, with the one threshold that is best for all of it."""

    files: int
    standard: float
    low_fp: float
    low_fn: float
    threshold: float
    """Of the standard score."""
    heldout_standard: float | None
    """With the threshold chosen on every other file and applied to the rest; None: a half has no window."""
    windows: int
    found: int
    false_alarms: int
    false_alarms_per_day: float
    median_delay_seconds: float | None


def run_all(series: Sequence[Series], jobs: int, done: Callable[[str], None]) -> Iterator[Scored]:
    """In the order given. The answers don't depend on the number of processes."""
    if jobs <= 1 or len(series) <= 1:
        for one in series:
            yield Scored(one, _run(one))
            done(one.name)
        return
    with ProcessPoolExecutor(min(jobs, len(series)), get_context("spawn")) as pool:
        for one, run in zip(series, pool.map(_run, series), strict=True):
            yield Scored(one, run)
            done(one.name)


def _run(series: Series) -> Run:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the matrices are small: threads of the linear algebra only get into each other's way
        return run_online(series.times, series.values)


def judge(scored: Iterable[Scored], labels: Labels) -> Verdict | None:
    """NAB's scores of the series that the labels know; None: they know none of them."""
    known = [
        nab.ScoredSeries(one.series.times, one.scores, windows)
        for one in sorted(scored, key=lambda one: one.series.name)
        if (windows := labels.of(one.series.name)) is not None
    ]
    if not known:
        return None
    standard, threshold = nab.best(known)
    errors = nab.errors_at(known, threshold)
    return Verdict(
        files=len(known),
        standard=standard,
        low_fp=nab.best(known, nab.LOW_FP)[0],
        low_fn=nab.best(known, nab.LOW_FN)[0],
        threshold=threshold,
        heldout_standard=nab.held_out(known),
        windows=errors.windows,
        found=errors.found,
        false_alarms=errors.false_alarms,
        false_alarms_per_day=errors.false_alarms_per_day,
        median_delay_seconds=errors.delay_seconds,
    )


def as_json(scored: Sequence[Scored], verdict: Verdict | None, failed: Sequence[str]) -> dict[str, Any]:
    """For `-o json`; numbers that aren't finite are null."""
    threshold = threshold_of(verdict)
    told = asdict(verdict) if verdict else None
    if told and not np.isfinite(told["threshold"]):
        told["threshold"] = None
    return {"nab": told, "files": [_file(one, threshold) for one in scored], "failed": list(failed)}


def threshold_of(verdict: Verdict | None) -> float:
    """Of the flags in table and plots: the corpus' best one where there are labels, else the operator's own."""
    return verdict.threshold if verdict and np.isfinite(verdict.threshold) else OPEN_AT


def _file(one: Scored, threshold: float) -> dict[str, Any]:
    return {
        "file": one.series.name,
        "samples": len(one.series.times),
        "missing": int(np.count_nonzero(~usable(one.series.values))),
        "out_of_order": one.run.left_out,
        "flagged": int(np.count_nonzero(one.scores >= threshold)),
        "highest": [_told(one, int(sample)) for sample in _highest(one.scores)],
    }


def _told(one: Scored, sample: int) -> dict[str, Any]:
    return {
        "timestamp": one.series.stamps[sample],
        "value": float(one.series.values[sample]),
        "score": round(float(one.scores[sample]), 4),
        "made_by": {name: round(share, 3) for name, share in one.run.combined.explain(sample).items()},
    }


def _highest(scores: nab.Floats) -> nab.Floats:
    order = np.argsort(-np.nan_to_num(scores, nan=0.0), kind="stable")[:TOLD_A_SERIES]
    return np.asarray([sample for sample in order if scores[sample] > 0])


def table(scored: Sequence[Scored], verdict: Verdict | None, out: Path) -> RenderableType:
    """For people."""
    threshold = threshold_of(verdict)
    rows = Table(Column("FILE", overflow="fold"), "SAMPLES", "FLAGGED", "HIGHEST", box=None, header_style="bold")
    rows.add_column("AT", no_wrap=True)
    rows.add_column("MADE BY")
    for one in scored:
        file = _file(one, threshold)
        top = file["highest"][0] if file["highest"] else None
        why = ", ".join(list(top["made_by"])[:2]) if top else ""
        cells = [one.series.name, str(file["samples"]), str(file["flagged"])]
        cells += [f"{top['score']:.2f}", str(top["timestamp"]), why] if top else ["-", "-", ""]
        rows.add_row(*(Text(_printable(cell)) for cell in cells))
    return Group(rows, Text(f"\nflagged: score >= {threshold:.3f}; scores are in {out}"), *_verdict_lines(verdict))


def _verdict_lines(verdict: Verdict | None) -> list[Text]:
    if verdict is None:
        return []
    delay = "-" if verdict.median_delay_seconds is None else f"{verdict.median_delay_seconds / 60:.0f} min"
    held = "-" if verdict.heldout_standard is None else f"{verdict.heldout_standard:.1f}"
    return [
        Text(
            f"NAB over {verdict.files} files: standard {verdict.standard:.1f}, low-FP {verdict.low_fp:.1f}, "
            f"low-FN {verdict.low_fn:.1f}; threshold from half of the files, on the rest: {held}"
        ),
        Text(
            f"found {verdict.found} of {verdict.windows} windows, median delay after a window's begin {delay}; "
            f"{verdict.false_alarms_per_day:.3f} false alarms a series and day"
        ),
    ]


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
