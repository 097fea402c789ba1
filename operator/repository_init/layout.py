"""Lays out a model repository: `TARGET/MODEL/config.pbtxt` and `TARGET/MODEL/VERSION/...`."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from glm_operator.api.model_files import files_hash, path_of_key
from glm_operator.api.repository_layout import CONFIG_MAP_KEYS, CONFIG_SUFFIX, FILES_PARAMETER, PLAN_FILE, Layout


class RepositoryError(Exception):
    """The source doesn't hold what the resource asks for; the message says what is missing and where to put it."""


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """One model of the plan."""

    name: str
    required: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What the operator wants laid out."""

    layout: Layout
    models: tuple[PlannedModel, ...]
    ensembles: tuple[str, ...]


def read_plan(folder: Path) -> Plan:
    """The plan as the operator wrote it."""
    document = json.loads((folder / PLAN_FILE).read_text())
    return Plan(
        layout=document["layout"],
        models=tuple(PlannedModel(model["name"], model["required"]) for model in document["models"]),
        ensembles=tuple(document["ensembles"]),
    )


def lay_out(plan: Plan, plan_folder: Path, source: Path, target: Path) -> list[str]:
    """Make the repository anew; safe to run again after a kill at any point.

    Returns:
        One line for each model, for the log.

    Raises:
        RepositoryError: a required model has no files.
    """
    placed = [_lay_out_model(plan, model, plan_folder, source, target) for model in plan.models]
    for ensemble in plan.ensembles:
        folder = _fresh_folder(target / ensemble)
        _place_config(plan_folder, ensemble, folder)
        (folder / "1").mkdir()  # Triton wants a version folder, also of an ensemble, and an empty one at that.
    return placed + [f"{ensemble}: ensemble" for ensemble in plan.ensembles]


def _lay_out_model(plan: Plan, model: PlannedModel, plan_folder: Path, source: Path, target: Path) -> str:
    folder = _fresh_folder(target / model.name)
    _place_config(plan_folder, model.name, folder)
    place = _copy_keys if plan.layout == CONFIG_MAP_KEYS else _link_folders
    placed = list(place(model.name, source, folder))
    if placed or not model.required:
        return f"{model.name}: {', '.join(placed) or 'no files; it is optional and will be reported by Triton'}"
    if plan.layout == CONFIG_MAP_KEYS:
        raise RepositoryError(
            f"model {model.name!r} has no files in the ConfigMap: add a key such as {model.name}.1.model.onnx or"
            f" {model.name}.1.model.py; keys there are: {_listing(source)}"
        )
    raise RepositoryError(
        f"model {model.name!r} has no version folder in the repository: add {model.name}/1/ with its files; the"
        f" repository holds: {_listing(source)}"
    )


def _fresh_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _place_config(plan_folder: Path, name: str, folder: Path) -> None:
    shutil.copyfile(plan_folder / f"{name}{CONFIG_SUFFIX}", folder / "config.pbtxt")


def _copy_keys(model: str, source: Path, folder: Path) -> Iterator[str]:
    """Copy, and note in the configuration what was copied: the volume may be older or newer than the plan."""
    files = {}
    for key in _visible(source):
        path = path_of_key(model, key.name)
        if path is not None:
            files[path] = key.read_bytes()
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(files[path])
            yield path
    with (folder / "config.pbtxt").open("a") as config:
        config.write(f'\nparameters {{ key: "{FILES_PARAMETER}" value {{ string_value: "{files_hash(files)}" }} }}\n')


def _link_folders(model: str, source: Path, folder: Path) -> Iterator[str]:
    if not (source / model).is_dir():
        return
    for entry in _visible(source / model):
        if entry.name != "config.pbtxt":
            (folder / entry.name).symlink_to(entry)
            if entry.is_dir() and entry.name.isdigit():
                yield f"{entry.name}/"


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _listing(folder: Path, most: int = 20) -> str:
    names = [entry.name for entry in _visible(folder)]
    shown = ", ".join(names[:most]) or "nothing"
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
