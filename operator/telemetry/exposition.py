"""Triton's metrics text, of which a few families are looked at and nothing else. Pure.

A thousand texts are read every second, and a general parser takes a millisecond for each. So the lines of a family are
found by its name, and labels, which are the same every second, are taken apart once.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

SUCCESS: Final = b"nv_inference_request_success"
FAILURE: Final = b"nv_inference_request_failure"
DURATION: Final = b"nv_inference_request_duration_us"
PENDING: Final = b"nv_inference_pending_request_count"
CPU: Final = b"nv_cpu_utilization"
GPU: Final = b"nv_gpu_utilization"

Model = tuple[str, str]
"""Its name and version."""

_ANY_OF_TRITON: Final = re.compile(rb"^(?:# TYPE )?nv_", re.MULTILINE)
_LABEL: Final = re.compile(rb'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPED: Final = re.compile(r"\\(.)")
_VALUE: Final = re.compile(rb"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|NaN|[+-]?Inf", re.IGNORECASE)
_KEPT_LABELS: Final = 65_536
MAX_LABEL_BYTES: Final = 512
"""Of all labels of a series together: what is kept must not grow with what a server of a user's makes up."""
MAX_SERIES: Final = 8192
"""Of one family: 128 models in two versions on eight GPUs, with four reasons to fail."""


class UnreadableTextError(Exception):
    """The text isn't what a Triton tells, or no sense can be made of what matters; the message says why."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Requests to one version of a model that ended well, since it was loaded."""

    success: float
    duration_us: float | None
    """Their total time; None: the server doesn't count it."""


@dataclass(frozen=True, slots=True)
class Exposition:
    """What one text tells."""

    models: dict[Model, Counters]
    failures: dict[Model, float]
    """Requests that ended badly, since the server was started: this counter outlives the model."""
    pending: float | None
    """Requests in all queues."""
    cpu: float | None
    """Of the whole node, as a share."""
    gpu: float | None
    """Mean of the server's GPUs, as a share."""


def parse_exposition(text: bytes) -> Exposition:
    """Read a whole text.

    A counter that is no number spoils the text: were its model only left out, it would seem new in the next reading,
    and all that it ever did would seem to have happened in between. A gauge that is none is unknown.

    Raises:
        UnreadableTextError: it is not a server's, it is cut off, or a line that matters can't be read.
    """
    if _ANY_OF_TRITON.search(text) is None:
        raise UnreadableTextError("it holds no metric of Triton's")
    if not text.endswith(b"\n"):
        raise UnreadableTextError("it ends in the middle of a line")
    duration = _counters(text, DURATION)
    return Exposition(
        models={model: Counters(count, duration.get(model)) for model, count in _counters(text, SUCCESS).items()},
        failures=_counters(text, FAILURE),
        pending=_total(_gauges(text, PENDING)),
        cpu=_mean(_gauges(text, CPU)),
        gpu=_mean(_gauges(text, GPU)),
    )


def _counters(text: bytes, name: bytes) -> dict[Model, float]:
    """Values by model and version, summed over other labels: failures have a reason, and on GPUs each has a series."""
    sums: dict[Model, float] = {}
    for labels, value in _series(text, name):
        if not 0.0 <= value < math.inf:
            raise UnreadableTextError(f"{name.decode()} is {value}")
        model = _model(labels)
        sums[model] = sums.get(model, 0.0) + value
    return sums


def _gauges(text: bytes, name: bytes) -> list[float]:
    return [value for _, value in _series(text, name)]


def _total(values: list[float]) -> float | None:
    known = [value for value in values if 0.0 <= value < math.inf]
    return sum(known) if known and len(known) == len(values) else None


def _mean(values: list[float]) -> float | None:
    known = [value for value in values if 0.0 <= value < math.inf]
    return sum(known) / len(known) if known else None


def _series(text: bytes, name: bytes) -> Iterator[tuple[bytes, float]]:
    """Labels, as they are written, and value of each line of a family."""
    begin, count = 0 if text.startswith(name) else _next_line(text, name, 0), 0
    while begin >= 0:
        count += 1
        if count > MAX_SERIES:
            raise UnreadableTextError(f"{name.decode()} has more than {MAX_SERIES} series")
        end = text.index(b"\n", begin)
        rest = begin + len(name)
        follows = text[rest : rest + 1]
        if follows == b"{":
            # No value or time holds a brace, labels may hold any.
            close = text.rfind(b"}", rest, end)
            if close < 0:
                raise UnreadableTextError(f"the labels of {name.decode()} don't end")
            if close - rest > MAX_LABEL_BYTES:
                raise UnreadableTextError(f"labels of {name.decode()} are longer than {MAX_LABEL_BYTES} bytes")
            yield text[rest + 1 : close], _number(text[close + 1 : end], name)
        elif follows in {b" ", b"\t"}:
            yield b"", _number(text[rest:end], name)
        begin = end + 1 if text.startswith(name, end + 1) else _next_line(text, name, end)


def _next_line(text: bytes, name: bytes, position: int) -> int:
    found = text.find(b"\n" + name, position)
    return found + 1 if found >= 0 else found


def _number(text: bytes, name: bytes) -> float:
    """The value; a time may stand behind it."""
    value, *_ = text.split(None, 1) or [b""]
    # `float` alone would also take `1_000` and `infinity`.
    if not value.isdigit() and _VALUE.fullmatch(value) is None:
        raise UnreadableTextError(f"a value of {name.decode()} is no number")
    return float(value)


@lru_cache(maxsize=_KEPT_LABELS)
def _model(labels: bytes) -> Model:
    """Model and version of a series."""
    found: dict[bytes, bytes] = {}
    position = 0
    while position < len(labels):
        label = _LABEL.match(labels, position)
        if label is None:
            raise UnreadableTextError(f"labels can't be read: {labels[:200].decode(errors='replace')}")
        found[label[1]] = label[2]
        position = label.end()
    if b"model" not in found:
        raise UnreadableTextError("a request's counter names no model")
    return _unescaped(found[b"model"]), _unescaped(found.get(b"version", b""))


def _unescaped(value: bytes) -> str:
    text = value.decode(errors="replace")
    return _ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], text) if "\\" in text else text
