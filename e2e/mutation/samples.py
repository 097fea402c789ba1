"""Full samples: together they set every field there is.

Each begins with a seed, written by hand where fields exclude each other or belong together, and is then filled from
the schema with every further field that the rules let stand beside what is there. So a new field is covered without
a change here, or `test_every_field_is_in_a_sample` asks for a seed.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from pydantic.alias_generators import to_camel

from glm_operator.api.inference import InvalidSpecError, parse
from glm_operator.api.repository import SOURCES
from mutation.fields import Place, Schema, Spec, fields_of, path_of, spec_schema, value_at, with_value
from mutation.values import right_values

FILES: Final = "files"
"""Name of the ConfigMap that the samples take their model files from."""
_TENSOR: Final = {"name": "x", "dataType": "FP32", "dims": [4]}
_CPU_MODEL: Final = {"name": "first", "engine": "ONNXRuntime", "inputs": [_TENSOR], "outputs": [_TENSOR]}
_STEP: Final = {"model": "first", "inputMap": {"x": "raw"}, "outputMap": {"x": "done", "y": "spare"}}
_ENSEMBLE: Final = {
    "name": "whole",
    "maxBatchSize": 2,
    "inputs": [_TENSOR | {"name": "raw"}, _TENSOR | {"name": "unused"}],
    "outputs": [_TENSOR | {"name": "done"}],
    "steps": [_STEP],
}
_TOLERATIONS: Final = [
    {"key": "alpha", "operator": "Equal", "value": "alpha", "effect": "NoExecute"},
    {"key": "beta", "operator": "Exists", "effect": "NoSchedule"},
]
_FILES: Final = {"configMap": {"name": FILES}}

_SEEDS: Final[dict[str, Spec]] = {
    "accelerated": {
        "models": [
            _CPU_MODEL
            | {
                "accelerator": {"name": "TensorRT"},
                "dynamicBatching": {"priorityLevels": 3, "defaultPriorityLevel": 1},
                "maxBatchSize": 4,
                "required": True,
            },
            _CPU_MODEL | {"name": "second", "accelerator": {"name": "OpenVINO"}, "maxBatchSize": 4, "required": True},
            {"name": "third", "engine": "ONNXRuntime", "required": False},
        ],
        "ensembles": [_ENSEMBLE],
        "repository": _FILES,
        "runtime": {"gpu": {"count": 1}, "podTemplate": {"tolerations": _TOLERATIONS}},
        "replicas": 0,
    },
    "compiled": {
        "models": [
            {"name": "first", "engine": "TensorRT", "optimization": {"cudaGraphs": True}},
            {"name": "second", "engine": "TensorRT", "versionPolicy": {"specific": [2, 3]}, "decoupled": True},
        ],
        "repository": {"persistentVolumeClaim": {"name": "alpha"}},
        "runtime": {"gpu": {"count": 1}},
        "replicas": 0,
    },
    "scaled": {
        "models": [_CPU_MODEL | {"engine": "Python"}, {"name": "second", "engine": "VLLM"}],
        "repository": {"image": {"reference": "alpha"}},
        "scaling": {"minReplicas": 0},
    },
}


def refusal(spec: Spec) -> str:
    """Why the operator's own check refuses a spec; empty when it doesn't."""
    try:
        parse({"metadata": {"name": "sample", "namespace": "default"}, "spec": spec})
    except InvalidSpecError as error:
        return str(error)
    return ""


@cache
def samples() -> dict[str, Spec]:
    """Name to full sample."""
    return {name: _filled(seed) for name, seed in _seeds().items()}


def _seeds() -> dict[str, Spec]:
    """Those by hand, and one for each source of model files that none of them has."""
    fields = spec_schema()["properties"]["repository"]["properties"]
    used = {source for seed in _SEEDS.values() for source in seed["repository"]}
    models = [_CPU_MODEL]
    others: dict[str, Spec] = {
        f"from-{source.lower()}": {
            "models": models,
            "replicas": 0,
            "repository": {source: next(_groups(f"repository.{source}", field))},
        }
        for source, field in fields.items()
        if source in {to_camel(name) for name in SOURCES} - used
    }
    return _SEEDS | others


def _filled(seed: Spec) -> Spec:
    problem = refusal(seed)
    assert not problem, problem
    return _fill(seed, (), spec_schema())


def _fill(spec: Spec, place: Place, schema: Schema) -> Spec:
    """Add every property of the object at `place` that may be added, and fill what is there already."""
    for name, field in schema.get("properties", {}).items():
        inner = (*place, name)
        if name not in value_at(spec, place):
            fitting = (with_value(spec, inner, value) for value in _candidates(path_of(inner), field))
            spec = next((changed for changed in fitting if not refusal(changed)), spec)
        if name not in value_at(spec, place):
            continue
        if "properties" in field:
            spec = _fill(spec, inner, field)
        elif "properties" in field.get("items", {}):
            for index in range(len(value_at(spec, inner))):
                spec = _fill(spec, (*inner, index), field["items"])
    return spec


def _candidates(path: str, schema: Schema) -> Iterator[Any]:
    if "properties" in schema:
        yield from _groups(path, schema)
    elif "properties" in schema.get("items", {}):
        yield from ([element] for element in _groups(f"{path}[]", schema["items"]))
    else:
        yield from right_values(path, schema)


def _groups(path: str, schema: Schema) -> Iterator[Spec]:
    """The required fields alone, then each further field with them: some groups want one of several."""
    least = {
        name: next(_candidates(f"{path}.{name}", schema["properties"][name])) for name in schema.get("required", ())
    }
    yield least
    for name, field in schema["properties"].items():
        yield from (least | {name: value} for value in _candidates(f"{path}.{name}", field))


def covered_paths() -> frozenset[str]:
    """Every field that a sample sets."""
    return frozenset(field.path for sample in samples().values() for field in fields_of(sample))
