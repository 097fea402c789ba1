"""Builders of observations for tables of tests."""

from dataclasses import replace
from typing import Any

from bodies import MINIMAL, make_body
from glm_operator.api import group
from glm_operator.api.inference import GLMInference, parse
from glm_operator.reconcile.models_at_start import models_hash
from glm_operator.resources.children import child_key, desired_children
from glm_operator.resources.difference import with_applied_hash
from glm_operator.resources.model_revision import WantedModel, wanted_models
from glm_operator.resources.triton_deployment import Images, template_revision
from glm_operator.status.observation import ModelObservation, Observation, PodObservation

IMAGES = Images(runtime="triton:1", repository="operator:1")
SERVING = ModelObservation(ready=True, version="1", reason="", answers=True)
FAILED = ModelObservation(ready=False, version="", reason="version 1: no such file", answers=None)
UNLOADED = ModelObservation(ready=False, version="", reason="", answers=None)
UNPROVEN = ModelObservation(ready=True, version="1", reason="", answers=None)
WRONG = ModelObservation(ready=True, version="1", reason="probe inference failed: boom", answers=False)


SAFE_VERSION = {"version": "2.73"}


def resource(**spec: Any) -> GLMInference:
    """The minimal resource, on a Triton that nothing bad is known of."""
    return parse(make_body(MINIMAL | {"runtime": SAFE_VERSION} | spec))


def applied(inference: GLMInference, gateway_host: str | None = None) -> dict[str, Any]:
    """The children as the API server has them after an apply, by key."""
    desired = desired_children(inference, IMAGES, models_hash(wanted(inference)), None, gateway_host)
    return {child_key(child): with_applied_hash(child) for child in desired}


def wanted(inference: GLMInference, **contents: str) -> tuple[WantedModel, ...]:
    """The newest models, with these files; `__` in a key stands for a dot."""
    data = {f"{model.name}.1.model.py": "code" for model in inference.spec.models}
    return wanted_models(inference.spec, {"data": data | {key.replace("__", "."): c for key, c in contents.items()}})


def pod(inference: GLMInference, name: str = "echo-1", **changes: Any) -> PodObservation:
    """A pod of the present revision that serves."""
    seen = PodObservation(
        name=name,
        address="10.0.0.1",
        node="node0",
        revision=template_revision(applied(inference)["Deployment"]),
        config_map=applied(inference)["ConfigMap"]["metadata"]["name"],
        deleting=False,
        started=True,
        ready=True,
        node_lost=False,
        gate=None,
        incarnation=f"uid-{name}/0",
        unschedulable="",
        trouble=None,
        models=dict.fromkeys(inference.spec.served_names, SERVING),
        loaded={model.name: model.revision for model in wanted(inference)},
    )
    return replace(seen, **changes)


def observation(inference: GLMInference, *pods: PodObservation, **changes: Any) -> Observation:
    """The cluster after an apply, with these pods."""
    children = applied(inference)
    seen = Observation(
        children={kind: child for kind, child in children.items() if kind != "ConfigMap"},
        config_maps=(children["ConfigMap"],),
        pods=pods,
        wanted=wanted(inference),
        repository_problem="",
        status={},
    )
    return replace(seen, **changes)


def deployment_condition(inference: GLMInference, **condition: str) -> dict[str, Any]:
    """The children with a condition on the Deployment."""
    children = applied(inference)
    del children["ConfigMap"]
    children["Deployment"]["status"] = {"conditions": [condition]}
    return children


GATE = group.READINESS_GATE
