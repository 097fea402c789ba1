"""The files of a backtest: `timestamp,value` in, `timestamp,value,score` out."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

COLUMNS: Final = ("timestamp", "value")
SCORE: Final = "score"


class SeriesError(Exception):
    """A file, a label or an answer that can't be used: what, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Series:
    """A series as it was given, and as numbers."""

    name: str
    """The file's path below the folder, with forward slashes."""
    stamps: tuple[str, ...]
    texts: tuple[str, ...]
    times: Floats
    """Seconds since 1970; a time without a zone is UTC."""
    values: Floats
    """NaN: missing."""


def find_files(data: Path, out: Path) -> dict[str, Path]:
    """The CSV files of a folder, or the one file, by their relative names in order. What lies in `out` is not one."""
    if data.is_file():
        files = {data.name: data}
    else:
        results = out.resolve()
        inside = (path for path in sorted(data.rglob("*.csv")) if path.is_file())
        inside = (path for path in inside if not path.resolve().is_relative_to(results))
        files = {path.relative_to(data).as_posix(): path for path in inside}
    for name, path in files.items():
        if (out / name).resolve() == path.resolve():
            raise SeriesError(f"{path} would be written over: give another folder to --out")
    if not files:
        raise SeriesError(f"there is no file *.csv in {data} (files in {out} are taken for results)")
    return files


def read_series(name: str, path: Path) -> Series:
    """One file. SeriesError tells the line that is wrong."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            stamps, texts = _rows(csv.DictReader(file), name)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SeriesError(f"{name} can't be read: {error}") from None
    times = _numbers(stamps, seconds, name, "no time: give YYYY-MM-DD HH:MM:SS or seconds since 1970")
    values = _numbers(texts, _value, name, "no number")
    return Series(name, stamps, texts, times, values)


def write_scores(series: Series, scores: Floats, out: Path) -> Path:
    """The file's rows with their scores, below `out`. A missing value's score is missing as well."""
    path = out / series.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, SCORE])
        for stamp, text, score in zip(series.stamps, series.texts, scores.tolist(), strict=True):
            writer.writerow([stamp, text, "" if score != score else f"{score:.9g}"])  # noqa: PLR0124 - NaN
    return path


def _rows(reader: "csv.DictReader[str]", name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        raise SeriesError(f"{name} has no columns timestamp,value in its first line")
    rows = [(row["timestamp"] or "", row["value"] or "") for row in reader]
    return tuple(stamp for stamp, _ in rows), tuple(text for _, text in rows)


def _numbers(texts: Sequence[str], parse: Callable[[str], float], name: str, fault: str) -> Floats:
    numbers = np.empty(len(texts))
    for row, text in enumerate(texts):
        try:
            numbers[row] = parse(text)
        except (ValueError, OverflowError):
            raise SeriesError(f"{name}, line {row + 2}: {text[:40]!r} is {fault}") from None
    return numbers


def seconds(text: str) -> float:
    """A time in ISO 8601 or in seconds since 1970."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return _finite(float(text))
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _finite(number: float) -> float:
    if not np.isfinite(number):
        raise ValueError("not finite")
    return number


def _value(text: str) -> float:
    return float(text) if text.strip() else float("nan")


def safe_names(labels: Iterable[str]) -> list[str]:
    """File names for series that have only labels: no separator, no leading dot, none twice."""
    names: list[str] = []
    for number, label in enumerate(labels):
        kept = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in label)
        names.append(f"{number:04d}_{kept.strip('_')[:80] or 'series'}.csv")
    return names
