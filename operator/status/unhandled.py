"""Fields that a user may set today and that nothing acts on yet. They are named in a condition, never silently ignored.

An entry leaves this table in the change that makes the operator act on the field.
"""

from collections.abc import Iterator, Set
from typing import Final

from pydantic.alias_generators import to_camel

from glm_operator.api.base import ApiModel
from glm_operator.api.inference import GLMInference
from glm_operator.api.model import SELF_PLACING_ENGINES, ModelSpec

QUANTIZABLE_ENGINES: Final = frozenset({"ONNXRuntime", "OpenVINO"})
QUANTIZABLE_PRECISIONS: Final = frozenset({"INT8", "FP16"})
"""What `kubectl glm quantize` makes model files for, and of which precisions."""

UNHANDLED_GROUPS: Final[dict[str, str]] = {
    "traffic": "requests go through the Service, evenly; health weights and the gateway are not there yet",
    "scaling": "the number of pods stays at minReplicas; nothing scales them yet",
    "anomaly": "no anomaly detection runs yet",
}


def unhandled_fields(inference: GLMInference, *, has_gateway: bool = False) -> list[str]:
    """One entry a field: its path and what happens instead.

    Args:
        inference: the resource.
        has_gateway: whether its requests go through the operator's gateway, which acts on `spec.traffic`.
    """
    handled = {"traffic"} if has_gateway else set()
    return [*_groups(inference, handled), *_model_fields(inference)]


def _groups(inference: GLMInference, handled: Set[str]) -> Iterator[str]:
    for name, instead in UNHANDLED_GROUPS.items():
        if name not in inference.given or name in handled:
            continue
        value = getattr(inference.spec, name)
        fields = [field for field in type(value).model_fields if _is_given(inference, name, field, value)]
        if fields:
            paths = ", ".join(f"spec.{name}.{to_camel(field)}" for field in fields)
            yield f"{paths}: {instead}"
        elif name == "scaling":
            yield f"spec.{name}: {instead}"


def _is_given(inference: GLMInference, group: str, field: str, value: ApiModel) -> bool:
    """Whether the user wrote it: the API server fills in defaults below a group that is given."""
    if (group, field) == ("traffic", "provider"):
        return getattr(value, field) in {"GatewayAPI", "Istio"}
    default = type(value).model_fields[field].default
    return f"{group}.{to_camel(field)}" in inference.given and getattr(value, field) != default


def _model_fields(inference: GLMInference) -> Iterator[str]:
    for model in inference.spec.models:
        path = f"spec.models[{model.name}]"
        accelerator = model.accelerator.name if model.accelerator is not None else ""
        if model.precision != "FP32" and accelerator != "TensorRT":
            yield (
                f"{path}.precision: engine {model.engine} computes in the precision of the model file;"
                f" {model.precision} is not enforced{_where_to_get_it(model)}"
            )
        if model.optimization.graph_level != "All" and model.engine != "ONNXRuntime":
            yield f"{path}.optimization.graphLevel: engine {model.engine} has no such level"
        if model.instances.kind != "Auto" and model.engine in SELF_PLACING_ENGINES:
            yield f"{path}.instances.kind: engine {model.engine} places itself"


def _where_to_get_it(model: ModelSpec) -> str:
    if model.engine in QUANTIZABLE_ENGINES and model.precision in QUANTIZABLE_PRECISIONS:
        return "; `kubectl glm quantize` makes such a file"
    return ""
