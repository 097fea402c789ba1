"""The status of a GLMInference, from one observation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from glm_operator.api.inference import GLMInference, GLMInferenceSpec
from glm_operator.api.triton_versions import is_vulnerable, vulnerability_message
from glm_operator.resources.gateway_service import uses_gateway
from glm_operator.resources.names import (
    FETCH_CONTAINER,
    GRPC_PORT,
    HTTP_PORT,
    gateway_service_name,
    selector_text,
    service_url,
)
from glm_operator.status.conditions import (
    PODS_STARTING,
    READY,
    RECONCILING,
    SECURITY_WARNING,
    STALLED,
    TRAFFIC_PROGRAMMED,
    UNHANDLED_FIELDS,
    Verdict,
    conditions,
    find,
)
from glm_operator.status.findings import Finding, first_finding, newest_pods
from glm_operator.status.model_changes import pending_changes, refused_models
from glm_operator.status.observation import Observation, PodObservation
from glm_operator.status.unhandled import unhandled_fields

UPDATING_MODELS: Final = "UpdatingModels"


@dataclass(frozen=True, slots=True)
class Routed:
    """What the gateway does with a resource's requests, where there is a gateway."""

    endpoints: tuple[Mapping[str, Any], ...] = ()
    verdict: Verdict | None = None
    """None while there is nothing to say but what the status says already."""


def summarize(
    inference: GLMInference,
    observed: Observation,
    now: datetime,
    blocked: Finding | None = None,
    routed: Routed | None = None,
) -> dict[str, Any]:
    """The whole status but for the decisions, which are recorded by whoever takes them.

    Args:
        inference: the resource.
        observed: one look at the cluster.
        now: the time, for conditions that change.
        blocked: why the present spec is not acted on, if it isn't.
        routed: what the gateway does; None where there is none.
    """
    spec = inference.spec
    gateway = routed if uses_gateway(spec) else None
    found = verdicts(inference, observed, blocked, has_gateway=gateway is not None)
    verdict = None if gateway is None else gateway.verdict or _as_before(observed.status)
    if verdict is not None:
        found.append(verdict)
    service = inference.name if verdict is None else _service(inference, verdict, observed.status)
    status = {
        "observedGeneration": inference.generation,
        "replicas": sum(not pod.deleting for pod in observed.pods),
        "readyReplicas": len(serving_pods(spec, observed)),
        "selector": selector_text(inference.name),
        "url": service_url(inference.namespace, service, HTTP_PORT),
        "grpcUrl": service_url(inference.namespace, service, GRPC_PORT).replace("http://", "grpc://"),
        "models": model_statuses(spec, observed),
        "conditions": conditions(found, observed.status.get("conditions", ()), inference.generation, now),
    }
    return status | ({"endpoints": list(gateway.endpoints)} if gateway is not None and gateway.endpoints else {})


def _service(inference: GLMInference, verdict: Verdict, status: Mapping[str, Any]) -> str:
    """The Service that clients are to ask: the gateway's from the moment on that it knows the resource."""
    through = gateway_service_name(inference.name)
    told_before = status.get("url") == service_url(inference.namespace, through, HTTP_PORT)
    return through if verdict.status == "True" or told_before else inference.name


def _as_before(status: Mapping[str, Any]) -> Verdict | None:
    condition = find(status, TRAFFIC_PROGRAMMED)
    if condition is None:
        return None
    return Verdict(TRAFFIC_PROGRAMMED, condition["status"], condition["reason"], condition["message"])


def unobserved(generation: int, finding: Finding, previous: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The status of a resource whose pods are not looked at: what was last known of them is not claimed any longer."""
    found = conditions(_not_ready(finding), previous.get("conditions", ()), generation, now)
    return {"observedGeneration": generation, "conditions": found}


def serving_pods(spec: GLMInferenceSpec, observed: Observation) -> tuple[PodObservation, ...]:
    """Pods that kubelet sends requests to and on which every required model answers."""
    return tuple(pod for pod in observed.pods if pod.ready and pod.serves(spec.required_models))


def awaits_servers(inference: GLMInference, observed: Observation) -> bool:
    """Whether a running server still has to load or to prove a model, of which no watch tells."""
    required = inference.spec.required_models
    return any(pod.started and not pod.deleting and not pod.serves(required) for pod in observed.pods)


def verdicts(
    inference: GLMInference, observed: Observation, blocked: Finding | None = None, *, has_gateway: bool = False
) -> list[Verdict]:
    """Ready, and whatever else holds."""
    found = _readiness(inference.spec, observed, blocked)
    unhandled = unhandled_fields(inference, has_gateway=has_gateway)
    if unhandled:
        found.append(Verdict(UNHANDLED_FIELDS, "True", "NothingActsOnThem", "; ".join(unhandled)))
    version = inference.spec.runtime.version
    if is_vulnerable(version):
        found.append(Verdict(SECURITY_WARNING, "True", "KnownVulnerability", vulnerability_message(version)))
    return found


def _readiness(spec: GLMInferenceSpec, observed: Observation, blocked: Finding | None) -> list[Verdict]:
    wanted, serving = spec.effective_replicas, len(serving_pods(spec, observed))
    finding = blocked or first_finding(spec, observed)
    if wanted == 0 and finding is None:
        return [Verdict(READY, "False", "ScaledToZero", "no pods are wanted, so nothing is served")]
    count = f"{serving} of {wanted} pods serve every required model"
    if serving < wanted or wanted == 0:
        cause = finding or _updating(spec, observed) or Finding(PODS_STARTING, _starting(spec, observed), stalled=False)
        return _not_ready(Finding(cause.reason, f"{count}; {cause.message}", cause.stalled))
    ready = Verdict(READY, "True", "AllModelsServing", count)
    if finding is not None:
        # The pods that there are serve; what the spec asks for now can't be had. Both are said.
        message = f"{count}, but the present spec is not rolled out: {finding.message}"
        return [ready, _why(Finding(finding.reason, message, finding.stalled))]
    if not _rolled_out(wanted, observed):
        return [ready, Verdict(RECONCILING, "True", "RollingOut", "pods of the present spec replace older ones")]
    updating = _updating(spec, observed)
    return [ready] if updating is None else [ready, _why(updating)]


def _updating(spec: GLMInferenceSpec, observed: Observation) -> Finding | None:
    """Models are being changed in running pods."""
    pods = newest_pods(observed)
    refused = {name for pod in pods for name in refused_models(pod, observed)}
    pending = [pending_changes(pod, observed, spec.served_names, refused) for pod in pods]
    if not any(pending):
        return None
    done = sum(each == () and pod.serves(spec.required_models) for pod, each in zip(pods, pending, strict=True))
    return Finding(UPDATING_MODELS, f"{done} of {len(pods)} pods serve the newest models", stalled=False)


def _not_ready(finding: Finding) -> list[Verdict]:
    return [Verdict(READY, "False", finding.reason, finding.message), _why(finding)]


def _why(finding: Finding) -> Verdict:
    return Verdict(STALLED if finding.stalled else RECONCILING, "True", finding.reason, finding.message)


def _rolled_out(wanted: int, observed: Observation) -> bool:
    newest = newest_pods(observed)
    alive = [pod for pod in observed.pods if not pod.deleting]
    return len(newest) >= wanted and len(alive) == len(newest)


def _starting(spec: GLMInferenceSpec, observed: Observation) -> str:
    alive = [pod for pod in observed.pods if not pod.deleting]
    fetching = sum(pod.fetching for pod in alive)
    loading = sum(pod.started is False and pod.node != "" and not pod.fetching for pod in alive)
    unread = sum(pod.started and pod.models is None for pod in alive)
    parts = [f"{len(alive)} of {spec.effective_replicas} made"]
    if fetching:
        parts.append(f"{fetching} fetching model files (`kubectl logs POD -c {FETCH_CONTAINER}` shows how far)")
    if loading:
        parts.append(f"{loading} loading models")
    if unread:
        parts.append(f"{unread} can't be read")
    return ", ".join(parts)


def model_statuses(spec: GLMInferenceSpec, observed: Observation) -> list[dict[str, Any]]:
    """`status.models`: each model as the worst of the newest revision's pods has it."""
    pods = newest_pods(observed)
    return [_model_status(name, pods) for name in spec.served_names]


def _model_status(name: str, pods: Sequence[PodObservation]) -> dict[str, Any]:
    readings = [(pod, pod.models.get(name)) for pod in pods if pod.models is not None]
    seen = [reading for _, reading in readings if reading is not None]
    failed = [reading for reading in seen if not reading.serves and reading.reason]
    refused = next((pod.failures[name].reason for pod in pods if name in pod.failures), "")
    serving = [reading for reading in seen if reading.serves]
    loading = any(pod.node and not pod.started for pod in pods) or any(not reading.serves for reading in seen)
    if failed:
        state, reason = "Failed", failed[0].reason
    elif serving and len(serving) == len(pods):
        state, reason = "Ready", refused
    else:
        state, reason = ("Loading" if loading else "Unknown"), ""
    versions = sorted({reading.version for reading in serving if reading.version})
    status = {"name": name, "state": state, "readyPods": len(serving), "version": ",".join(versions), "reason": reason}
    return {key: value for key, value in status.items() if value != ""}
