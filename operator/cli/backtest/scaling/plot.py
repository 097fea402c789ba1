"""The curves as a picture: violations over replica-hours, a line a policy."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from glm_operator.cli.backtest.scaling.policies import ORACLE
from glm_operator.cli.backtest.scaling.results import Result

STYLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "hpa": {"color": "#8c8c8c", "marker": "s"},
    "kpa": {"color": "#d98c21", "marker": "^"},
    "hpa-yesterday": {"color": "#8d6cab", "marker": "D"},
    "oracle": {"color": "#111111", "marker": "*", "markersize": 11},
    "glm-reactive": {"color": "#3f8fd2", "marker": "o"},
    "glm-predictive": {"color": "#1b7f3b", "marker": "o", "linewidth": 2.4},
}
LEAST_SHOWN_PERCENT: Final = 1e-3
"""On a logarithmic axis, nothing has no place: what is below is drawn here."""


def save_plot(results: Iterable[Result], path: Path, title: str) -> None:
    """Write the picture of one load."""
    save_plots({title: list(results)}, path)


def save_plots(results: Mapping[str, list[Result]], path: Path) -> None:
    """Write one picture with a panel for each title."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4 * len(results), 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(results), squeeze=False)[0]
    for panel, (title, one) in zip(panels, results.items(), strict=True):
        _draw(panel, title, one)
    panels[0].legend(loc="best", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _draw(panel: Any, title: str, results: list[Result]) -> None:
    for policy in dict.fromkeys(result.policy for result in results):
        points = sorted((one.oracle_ratio, 100 * one.violation_share) for one in results if one.policy == policy)
        ratios, shares = zip(*points, strict=True)
        shown = [max(share, LEAST_SHOWN_PERCENT) for share in shares]
        panel.plot(ratios, shown, label=policy, linestyle="none" if policy == ORACLE else "-", **STYLES[policy])
    panel.set_yscale("log")
    panel.set_ylim(bottom=LEAST_SHOWN_PERCENT / 1.5)
    panel.set_title(title, fontsize=10)
    panel.set_xlabel("replica-hours / oracle's")
    panel.set_ylabel(f"requests over the latency limit, % (at least {LEAST_SHOWN_PERCENT:g})")
    panel.grid(visible=True, which="major", alpha=0.3)
