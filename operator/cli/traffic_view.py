"""Who gets how many requests, and why, for the terminal. Pure: API objects in, a picture or data out."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from glm_operator.api.traffic import CpuRule, LatencyRule
from glm_operator.status.conditions import find
from glm_operator.status.endpoints import WITHOUT_SHARE, shares
from glm_operator.status.observation import is_server_of, observe_pod
from glm_operator.status.pauses import pause_reason

SHARE_CELLS: Final = 12
CPU_CELLS: Final = 5
_COLUMNS: Final[Mapping[str, JustifyMethod]] = {
    "STATE": "left",
    "WEIGHT": "right",
    "SHARE": "left",
    "LATENCY": "right",
    "CPU": "left",
}
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_COLOURS: Final = {"Active": "green", "Reduced": "yellow", "Paused": "red", "Standby": "blue"}
_MARKS: Final = {"green": "●", "yellow": "◐", "red": "✖", "blue": "◌", "bright_black": "○"}
UNKNOWN: Final = "?"
NONE: Final = "-"
NOT_WEIGHTED: Final = "Unknown"
CONDITION: Final = "TrafficProgrammed"


@dataclass(frozen=True, slots=True)
class Row:
    """One pod; None: not known."""

    pod: str
    state: str
    weight: int | None
    share: float | None
    """Of the requests."""
    latency_ms: float | None
    cpu: float | None
    """As a share."""
    reason: str


@dataclass(frozen=True, slots=True)
class View:
    """What is shown of one resource."""

    namespace: str
    name: str
    provider: str
    programmed: Mapping[str, Any] | None
    """The condition that tells whether the weights have reached whatever carries the requests."""
    cpu_threshold: float
    latency_threshold_ms: float
    rows: tuple[Row, ...]


def view(inference: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> View:
    """What the status and the pods tell."""
    metadata, status = inference["metadata"], inference.get("status", {})
    traffic = inference["spec"].get("traffic", {})
    weighting = traffic.get("weighting", {})
    servers = {pod["metadata"]["name"]: pod for pod in pods if is_server_of(dict(pod), metadata["name"])}
    told = {endpoint["pod"]: endpoint for endpoint in status.get("endpoints", ())}
    share = shares(told.values())
    return View(
        namespace=metadata["namespace"],
        name=metadata["name"],
        provider=traffic.get("provider", "Envoy"),
        programmed=find(status, CONDITION),
        cpu_threshold=weighting.get("cpuRule", {}).get("thresholdPercent", CpuRule().threshold_percent) / 100,
        latency_threshold_ms=weighting.get("latencyRule", {}).get(
            "thresholdMilliseconds", LatencyRule().threshold_milliseconds
        ),
        rows=tuple(
            _row(name, told.get(name, {}), servers.get(name), share.get(name)) for name in sorted({*told, *servers})
        ),
    )


def as_json(shown: View) -> dict[str, Any]:
    """The same as data; null: not known."""
    return {
        "namespace": shown.namespace,
        "name": shown.name,
        "provider": shown.provider,
        "programmed": None if shown.programmed is None else dict(shown.programmed),
        "endpoints": [_json_row(row) for row in shown.rows],
    }


def render(shown: View) -> RenderableType:
    """A line a pod, with bars: the longest is that of the pod that gets most. Below, whatever needs a reason."""
    if not shown.rows:
        return Group(_head(shown), Text("no pods; see `kubectl glm status`", "bright_black"))
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("POD", overflow="fold")
    for title, justify in _COLUMNS.items():
        table.add_column(title, justify=justify, no_wrap=True)
    largest = max(row.share or 0.0 for row in shown.rows)
    for row in shown.rows:
        colour = _colour(row)
        busy = row.cpu is not None and row.cpu > shown.cpu_threshold
        table.add_row(
            Text(_MARKS[colour], colour),
            Text(row.pod),
            Text(row.state, colour),
            _weight(row),
            _bar(row.share, largest, colour, SHARE_CELLS),
            _latency(row.latency_ms, shown.latency_threshold_ms),
            _bar(row.cpu, 1.0, "red" if busy else "cyan", CPU_CELLS),
        )
    return Group(_head(shown), table, *_reasons(shown.rows))


def _reasons(rows: Iterable[Row]) -> list[Text]:
    """One line a pod that has a reason: in the table they would tear its lines apart."""
    lines = [
        Text.assemble((f"{_MARKS[_colour(row)]} ", _colour(row)), f"{row.pod}  ", (row.reason, "bright_black"))
        for row in rows
        if row.reason
    ]
    return [Text(""), *lines] if lines else []


def _colour(row: Row) -> str:
    return _COLOURS.get(row.state, "bright_black")


def bar(value: float, cells: int) -> str:
    """A bar of eighths of cells; what isn't nothing is seen."""
    eighths = round(min(max(value, 0.0), 1.0) * cells * 8)
    if value > 0:
        eighths = max(eighths, 1)
    whole, rest = divmod(eighths, 8)
    return (_EIGHTHS[8] * whole + (_EIGHTHS[rest] if rest else "")).ljust(cells)


def _row(name: str, told: Mapping[str, Any], pod: Mapping[str, Any] | None, share: float | None) -> Row:
    state = str(told.get("state", NOT_WEIGHTED))
    latency, cpu = told.get("latencyMilliseconds"), told.get("cpuPercent")
    return Row(
        pod=name,
        state=state,
        weight=told.get("weight"),
        share=share,
        latency_ms=None if latency is None else float(latency),
        cpu=None if cpu is None else cpu / 100,
        reason=_reason(told, pod, state),
    )


def _reason(told: Mapping[str, Any], pod: Mapping[str, Any] | None, state: str) -> str:
    """The operator's own reason, and what it may not have taken up yet."""
    if pod is None:
        return "the pod is gone; the operator has not taken it up yet"
    paused = pause_reason(pod)
    if paused is not None and state != "Paused":
        return f"to be paused: {paused}; the operator has not taken it up yet"
    if told:
        return str(told.get("reason", ""))
    seen = observe_pod(dict(pod))
    return "the operator has not weighted it yet" if seen.ready and not seen.deleting else "not ready"


def _head(shown: View) -> Text:
    condition = shown.programmed
    if condition is None:
        colour, told = "bright_black", f"{CONDITION} is not known yet"
    else:
        colour = "green" if condition["status"] == "True" else "yellow"
        told = f"{condition['reason']}: {condition.get('message', '')}"
    return Text.assemble(
        (f"{_MARKS[colour]} ", colour),
        (f"{shown.namespace}/{shown.name}", "bold"),
        "  by the Service alone, unweighted  " if shown.provider == "None" else f"  by {shown.provider}  ",
        (told, colour),
        "\n",
    )


def _weight(row: Row) -> str:
    if row.weight is not None:
        return str(row.weight)
    return NONE if row.state in WITHOUT_SHARE else UNKNOWN


def _latency(latency: float | None, threshold: float) -> Text:
    if latency is None:
        return Text(UNKNOWN, "bright_black")
    return Text(f"{latency:g} ms", "red" if latency > threshold else "")


def _bar(share: float | None, largest: float, colour: str, cells: int) -> Text:
    if share is None:
        return Text.assemble((" " * cells, ""), (f" {UNKNOWN:>4}", "bright_black"))
    return Text.assemble((bar(share / largest if largest else 0.0, cells), colour), f" {_percent(share):>4}")


def _percent(share: float) -> str:
    """Whole percents; what is less than half of one, but not nothing, is `<1%`."""
    return "<1%" if 0 < share < 0.005 else f"{share * 100:.0f}%"  # noqa: PLR2004 - as the line before says


def _json_row(row: Row) -> dict[str, Any]:
    data = asdict(row)
    share, cpu, latency = data.pop("share"), data.pop("cpu"), data.pop("latency_ms")
    return data | {
        "sharePercent": None if share is None else round(share * 100, 1),
        "latencyMilliseconds": latency,
        "cpuPercent": None if cpu is None else round(cpu * 100),
    }
