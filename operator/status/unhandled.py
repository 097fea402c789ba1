"""Fields that a user may set today and that nothing acts on yet. They are named in a condition, never silently ignored.

An entry leaves this table in the change that makes the operator act on the field.
"""

from collections.abc import Iterator
from typing import Final

from glm_operator.api.inference import GLMInference

UNHANDLED_GROUPS: Final[dict[str, str]] = {
    "traffic": "requests go through the Service, evenly; health weights and the gateway are not there yet",
    "scaling": "the number of pods stays at minReplicas; nothing scales them yet",
    "anomaly": "no anomaly detection runs yet",
}


def unhandled_fields(inference: GLMInference) -> list[str]:
    """One entry a field: its path and what happens instead."""
    return [*_groups(inference), *_model_fields(inference)]


def _groups(inference: GLMInference) -> Iterator[str]:
    for name, instead in UNHANDLED_GROUPS.items():
        given = sorted(path for path in inference.given if path == name or path.startswith(f"{name}."))
        if not given or (name == "traffic" and inference.spec.traffic.provider == "None"):
            continue
        fields = [path for path in given if "." in path] or given
        yield f"{', '.join(f'spec.{field}' for field in fields)}: {instead}"


def _model_fields(inference: GLMInference) -> Iterator[str]:
    for model in inference.spec.models:
        converts = (
            model.engine == "ONNXRuntime" and model.accelerator is not None and model.accelerator.name == "TensorRT"
        )
        if model.precision != "FP32" and not converts:
            yield (
                f"spec.models[{model.name}].precision: engine {model.engine} computes in the precision of the model"
                f" file; {model.precision} is not enforced"
            )
