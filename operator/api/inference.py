"""`GLMInference`: the resource that users write."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationError

from glm_operator.api import group
from glm_operator.api.anomaly import Anomaly
from glm_operator.api.base import ApiModel, Rule
from glm_operator.api.model import Ensemble, ModelSpec
from glm_operator.api.repository import Repository
from glm_operator.api.runtime import RATE_LIMIT_RESOURCE, Runtime
from glm_operator.api.scaling import Replicas, Scaling
from glm_operator.api.traffic import Traffic

MAX_MODELS = 64
_MAP_BY_NAME = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}


MAX_NAME_LENGTH = 42
"""Children add a suffix, and a pod's name must fit into 63 characters."""

NAME_RULE = Rule(
    code="GLM006",
    cel=f"size(self.metadata.name) <= {MAX_NAME_LENGTH} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    message=f"metadata.name must be at most {MAX_NAME_LENGTH} letters, digits and '-', starting with a letter: its"
    " Service has the same name",
    holds=lambda name: len(name) <= MAX_NAME_LENGTH and re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name) is not None,
)


class GLMInferenceSpec(ApiModel):
    """What shall be served, and how."""

    models: Annotated[list[ModelSpec], Field(min_length=1, max_length=MAX_MODELS, json_schema_extra=_MAP_BY_NAME)]
    """The models."""
    ensembles: Annotated[list[Ensemble], Field(max_length=16, json_schema_extra=_MAP_BY_NAME)] = []
    """Several models behind one name."""
    repository: Repository
    """Where the model files come from."""
    runtime: Runtime = Runtime()
    """The Triton pods."""
    replicas: Replicas | None = None
    """Number of pods; left out without `scaling`: 1. Not together with `scaling`."""
    scaling: Scaling | None = None
    """Number of pods by the load. Not together with `replicas`."""
    traffic: Traffic = Traffic()
    """Who gets the requests."""
    anomaly: Anomaly = Anomaly()
    """Anomaly detection."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="GLM401",
            cel="!(has(self.replicas) && has(self.scaling))",
            message="replicas and scaling exclude each other; keep one (scaling.minReplicas is the fewest)",
            holds=lambda spec: spec.replicas is None or spec.scaling is None,
        ),
        Rule(
            code="GLM101",
            cel=None,
            message="two models have the same name; give each its own",
            holds=lambda spec: _distinct(model.name for model in spec.models),
        ),
        Rule(
            code="GLM102",
            cel="!has(self.ensembles) || self.ensembles.all(ensemble,"
            " !self.models.exists(model, model.name == ensemble.name))",
            message="an ensemble has the name of a model; give each its own",
            holds=lambda spec: not {model.name for model in spec.models} & {e.name for e in spec.ensembles},
        ),
        Rule(
            code="GLM103",
            cel=None,
            message="two ensembles have the same name; give each its own",
            holds=lambda spec: _distinct(ensemble.name for ensemble in spec.ensembles),
        ),
        Rule(
            code="GLM104",
            cel=None,
            message="an ensemble's maxBatchSize is above that of a member, so that Triton would not serve it; lower it,"
            " or raise the member's",
            holds=lambda spec: all(
                ensemble.max_batch_size <= model.effective_max_batch_size
                for ensemble in spec.ensembles
                for model in spec.models
                if model.name in {step.model for step in ensemble.steps}
            ),
        ),
        Rule(
            code="GLM105",
            cel=None,
            message="an ensemble uses a tensor that neither its inputs nor a step's outputMap makes; correct the maps",
            holds=lambda spec: all(ensemble.used_tensors <= ensemble.made_tensors for ensemble in spec.ensembles),
        ),
        Rule(
            code="GLM107",
            cel="(has(self.runtime) && has(self.runtime.gpu) && self.runtime.gpu.count > 0) ||"
            " self.models.all(model, model.engine != 'TensorRT' &&"
            " !(has(model.instances) && model.instances.kind == 'GPU'))",
            message="engine TensorRT and instances.kind: GPU need a GPU; set runtime.gpu.count",
            holds=lambda spec: (
                spec.runtime.gpu.count > 0
                or all(model.engine != "TensorRT" and model.instances.kind != "GPU" for model in spec.models)
            ),
        ),
        Rule(
            code="GLM122",
            cel="!has(self.runtime) || !has(self.runtime.extraArgs) || !('--rate-limit=off' in self.runtime.extraArgs)"
            " || !self.models.exists(model, has(model.instances) && has(model.instances.rateLimiter))",
            message="instances.rateLimiter does nothing with --rate-limit=off; remove one of the two",
            holds=lambda spec: (
                "--rate-limit=off" not in spec.runtime.extra_args
                or all(model.instances.rate_limiter is None for model in spec.models)
            ),
        ),
        Rule(
            code="GLM123",
            cel="!has(self.runtime) || !has(self.runtime.extraArgs) || !self.runtime.extraArgs.exists(flag,"
            f" flag.startsWith('{RATE_LIMIT_RESOURCE}=')) || self.models.all(model, !has(model.instances) ||"
            " !has(model.instances.rateLimiter) || !has(model.instances.rateLimiter.resources) ||"
            " model.instances.rateLimiter.resources.all(resource, self.runtime.extraArgs.exists(flag,"
            f" flag.startsWith('{RATE_LIMIT_RESOURCE}=' + resource.name + ':'))))",
            message=f"with {RATE_LIMIT_RESOURCE} there is none of a resource that isn't listed, so that models which"
            " need it can't be loaded; list every resource of a rateLimiter, or none",
            holds=lambda spec: (
                not (listed := spec.runtime.listed_resources)
                or all(model.instances.limiting_resources <= listed for model in spec.models)
            ),
        ),
        Rule(
            code="GLM106",
            cel="!has(self.ensembles) || self.ensembles.all(ensemble, ensemble.steps.all(step,"
            " self.models.exists(model, model.name == step.model)))",
            message="an ensemble step names a model that is not in models; add the model, or correct the step",
            holds=lambda spec: (
                {step.model for ensemble in spec.ensembles for step in ensemble.steps}
                <= {model.name for model in spec.models}
            ),
        ),
    )

    @property
    def effective_replicas(self) -> int:
        """Pods that shall run while nothing scales them."""
        if self.scaling is not None:
            return self.scaling.min_replicas
        return 1 if self.replicas is None else self.replicas

    @property
    def required_models(self) -> tuple[str, ...]:
        """Names of what must answer before a pod counts as ready: required models, and ensembles of only such."""
        required = {model.name for model in self.models if model.required}
        ensembles = (e.name for e in self.ensembles if all(step.model in required for step in e.steps))
        return (*(model.name for model in self.models if model.required), *ensembles)

    @property
    def served_names(self) -> tuple[str, ...]:
        """Names of all models and ensembles, in the order in which Triton shall load them."""
        return (*(model.name for model in self.models), *(ensemble.name for ensemble in self.ensembles))


@dataclass(frozen=True, slots=True)
class GLMInference:
    """A parsed resource."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: GLMInferenceSpec
    given: frozenset[str]
    """Paths below `spec` that the user gave, two levels deep: `traffic`, `traffic.failover`, ..."""


class InvalidSpecError(Exception):
    """A spec that only its author can mend."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def parse(body: Mapping[str, Any]) -> GLMInference:
    """The resource as the API server has it.

    Raises:
        InvalidSpecError: with each wrong field's path, what is wrong and what to do.
    """
    metadata, spec = body["metadata"], body.get("spec", {})
    if not NAME_RULE.holds(metadata["name"]):
        raise InvalidSpecError([NAME_RULE.message])
    try:
        parsed = GLMInferenceSpec.model_validate(dict(spec))
    except ValidationError as error:
        raise InvalidSpecError(_problem(e) for e in error.errors(include_url=False, include_context=False)) from None
    return GLMInference(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        generation=metadata.get("generation", 0),
        spec=parsed,
        given=frozenset(_given(spec)),
    )


def _problem(error: Mapping[str, Any]) -> str:
    path = "spec"
    for part in error["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    message = "this field is unknown; remove it" if error["type"] == "extra_forbidden" else error["msg"]
    return f"{path}: {message}"


def _given(spec: Mapping[str, Any]) -> Iterable[str]:
    for group_name, value in spec.items():
        yield group_name
        if isinstance(value, Mapping):
            yield from (f"{group_name}.{field}" for field in value)


def _distinct(names: Iterable[str]) -> bool:
    listed = list(names)
    return len(set(listed)) == len(listed)


RESOURCE = (group.GROUP, group.VERSION, group.PLURAL)
"""The resource as kopf's decorators take it."""
