"""A picture of a series: what it was, what was usual, what was flagged, and what the labels say."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from glm_operator.anomaly.online import Run
from glm_operator.cli.backtest.anomalies.labels import Window
from glm_operator.cli.backtest.anomalies.series import Series


def save_plot(series: Series, run: Run, scores: Any, threshold: float, windows: tuple[Window, ...], path: Path) -> None:
    """Write the picture as a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    order = np.argsort(series.times, kind="stable")
    times = [datetime.fromtimestamp(second, UTC) for second in series.times[order]]
    values, flagged = run.values[order], (scores >= threshold)[order]
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    top.fill_between(times, run.low[order], run.high[order], color="tab:green", alpha=0.2, lw=0, label="usual")
    top.plot(times, values, color="tab:blue", lw=0.8, label="value")
    at = [time for time, flag in zip(times, flagged, strict=True) if flag]
    top.plot(at, values[flagged], "v", color="tab:red", ms=8, label="flagged")
    if np.isfinite(values).any():
        # The band of a young baseline can be far off: the values decide what is shown.
        lowest, highest = np.nanmin(values), np.nanmax(values)
        margin = 0.1 * (highest - lowest) or 1.0
        top.set_ylim(lowest - margin, highest + margin)
    bottom.plot(times, run.combined.evidence[order], color="0.75", lw=0.8, label="evidence")
    bottom.plot(times, scores[order], color="tab:red", lw=0.8, label="score (news only)")
    bottom.axhline(threshold, color="0.3", lw=0.8, ls="--")
    bottom.set_ylim(0, 1.02)
    for number, (first, last) in enumerate(windows):
        begin, end = (datetime.fromtimestamp(second, UTC) for second in (first, last))
        for axis in (top, bottom):
            axis.axvspan(begin, end, color="tab:orange", alpha=0.2, lw=0, label="labelled" if number == 0 else None)
    top.legend(loc="upper left", fontsize="small", ncols=4)
    bottom.legend(loc="upper left", fontsize="small", ncols=2)
    top.set_title("".join(letter if letter.isprintable() else "?" for letter in series.name), parse_math=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
