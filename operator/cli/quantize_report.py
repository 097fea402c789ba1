"""What came of a quantisation, for the terminal and as data."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from glm_operator.quantization.advice import remedies, warnings
from glm_operator.quantization.recipes import Attempt
from glm_operator.quantization.report import Report


def as_document(report: Report, advice: str) -> dict[str, Any]:
    """The report as data. Accuracies and losses are in percent and percentage points, times in milliseconds."""
    verdict = report.chosen.verdict
    return {
        "accepted": report.accepted,
        "file": str(report.request.target) if report.accepted else None,
        "sha256": report.sha256,
        "precision": report.request.precision,
        "recipe": str(report.chosen.recipe),
        "maxAccuracyLoss": float(verdict.max_loss),
        "accuracyLoss": float(verdict.loss),
        "samples": {"calibration": report.calibration_samples, "holdout": verdict.before.total},
        "before": {
            "accuracy": float(verdict.before.percent),
            "bytes": report.before.size,
            "milliseconds": report.before.milliseconds,
        },
        "after": {
            "accuracy": float(verdict.after.percent),
            "bytes": report.after.size,
            "milliseconds": report.after.milliseconds,
        },
        "attempts": [_attempt_document(attempt) for attempt in report.attempts],
        "warnings": list(warnings(report)),
        "next": [advice] if report.accepted else list(remedies(report)),
    }


def _attempt_document(attempt: Attempt) -> dict[str, Any]:
    verdict = attempt.verdict
    return {
        "recipe": str(attempt.recipe),
        "accuracy": float(verdict.after.percent),
        "accuracyLoss": float(verdict.loss),
        "accepted": verdict.accepted,
    }


def render(report: Report, advice: str) -> RenderableType:
    """The report for the terminal."""
    verdict = report.chosen.verdict
    table = Table("", "before", report.request.precision, box=None, pad_edge=False)
    table.add_row("accuracy on the hold-out", f"{verdict.before.percent:.2f} %", f"{verdict.after.percent:.2f} %")
    table.add_row("size", _kibibytes(report.before.size), _kibibytes(report.after.size))
    table.add_row("one sample, here, median", _time(report.before.milliseconds), _time(report.after.milliseconds))
    if report.accepted:
        verb, style = "accepted", "green"
        ending = [Text(f"wrote {report.request.target}"), Text(f"next: {advice}")]
    else:
        verb, style = "refused", "red"
        ending = [Text("nothing was written. What to try:"), *(Text(f"  - {line}") for line in remedies(report))]
    return Group(
        Text.assemble(
            (verb, f"bold {style}"),
            f": {verdict.loss:.2f} points of accuracy lost, {verdict.max_loss} allowed ({report.chosen.recipe})",
        ),
        table,
        *(Text(f"warning: {line}", "yellow") for line in warnings(report)),
        *ending,
    )


def _kibibytes(size: int) -> str:
    return f"{size / 1024:,.1f} KiB"


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.3f} ms"
