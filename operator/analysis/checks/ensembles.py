"""Ensembles: whether the tensors of the steps fit together, as Triton checks it when it loads them."""

from collections.abc import Iterator, Mapping
from typing import Final

from glm_operator.analysis.finding import Path, Problem
from glm_operator.analysis.subject import Subject
from glm_operator.api.model import Ensemble, EnsembleStep, ModelSpec, Tensor


def maps(subject: Subject) -> Iterator[Problem]:
    """Every step names its model's own tensors, and all of its inputs."""
    models = {model.name: model for model in subject.spec.models}
    for path, _, step in _steps(subject):
        model = models[step.model]
        for field, used, tensors in (
            ("inputMap", step.input_map, model.inputs),
            ("outputMap", step.output_map, model.outputs),
        ):
            yield from _unknown_tensors((*path, field), model, used, tensors)
        missing = {tensor.name for tensor in model.inputs} - step.input_map.keys()
        for name in sorted(missing):
            yield Problem("GLM137", (*path, "inputMap"), f"input {name} of model {model.name} gets nothing")


def types(subject: Subject) -> Iterator[Problem]:
    """A tensor of the ensemble has one type, whoever makes or takes it."""
    models = {model.name: model for model in subject.spec.models}
    for index, ensemble in enumerate(subject.spec.ensembles):
        found: dict[str, tuple[str, str]] = {}
        own = [(tensor.name, tensor.data_type, "the ensemble") for tensor in (*ensemble.inputs, *ensemble.outputs)]
        steps = [entry for step in ensemble.steps for entry in _types_of(step, models[step.model])]
        for name, data_type, owner in own + steps:
            first_type, first_owner = found.setdefault(name, (data_type, owner))
            if first_type != data_type:
                yield Problem(
                    "GLM138",
                    ("spec", "ensembles", index),
                    f"tensor {name} is {first_type} for {first_owner} and {data_type} for {owner}",
                )


def circles(subject: Subject) -> Iterator[Problem]:
    """Some step must be able to run first, and each of the others after it."""
    for index, ensemble in enumerate(subject.spec.ensembles):
        made = {tensor.name for tensor in ensemble.inputs}
        waiting = list(ensemble.steps)
        while runnable := [step for step in waiting if set(step.input_map.values()) <= made]:
            made |= {name for step in runnable for name in step.output_map.values()}
            waiting = [step for step in waiting if step not in runnable]
        if waiting:
            names = ", ".join(step.model for step in waiting)
            yield Problem("GLM143", ("spec", "ensembles", index, "steps"), f"none of these can run first: {names}")


def _steps(subject: Subject) -> Iterator[tuple[Path, Ensemble, EnsembleStep]]:
    for index, ensemble in enumerate(subject.spec.ensembles):
        for position, step in enumerate(ensemble.steps):
            yield ("spec", "ensembles", index, "steps", position), ensemble, step


def _unknown_tensors(path: Path, model: ModelSpec, used: Mapping[str, str], tensors: list[Tensor]) -> Iterator[Problem]:
    known = [tensor.name for tensor in tensors]
    for name in used:
        # A model that lists none has Triton read them from its file.
        if known and name not in known:
            yield Problem("GLM136", (*path, name), f"model {model.name} has {', '.join(known)}, and no {name}")


def _types_of(step: EnsembleStep, model: ModelSpec) -> Iterator[tuple[str, str, str]]:
    for used, tensors in ((step.input_map, model.inputs), (step.output_map, model.outputs)):
        types_by_name = {tensor.name: tensor.data_type for tensor in tensors}
        for name, ours in used.items():
            if name in types_by_name:
                yield ours, types_by_name[name], f"model {model.name}"


CHECKS: Final = (maps, types, circles)
