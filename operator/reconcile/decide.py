"""Decide: what to write, from one observation. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from glm_operator.api import group
from glm_operator.api.allowed_urls import AllowedUrls, UrlRefusedError
from glm_operator.api.inference import GLMInference
from glm_operator.reconcile.models_at_start import models_to_roll_with
from glm_operator.resources.children import child_key, desired_children
from glm_operator.resources.difference import is_applied, is_controlled_by, with_applied_hash
from glm_operator.resources.names import Object
from glm_operator.resources.probes import needs_readiness_gate
from glm_operator.resources.triton_deployment import Images, template_revision
from glm_operator.status.conditions import timestamp
from glm_operator.status.decisions import Decision
from glm_operator.status.findings import Finding
from glm_operator.status.observation import Observation, PodObservation

KEPT_CONFIG_MAPS: Final = 2
"""Generated ConfigMaps of older revisions that are kept for a rollback, beside those that pods still mount."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write."""

    apply: tuple[Object, ...] = ()
    delete: tuple[tuple[str, str], ...] = ()
    """Kind and name."""
    gates: tuple[tuple[str, bool], ...] = ()
    """Pod and the value of its readiness gate."""
    blocked: Finding | None = None
    """Why the spec is not acted on: for now, or until somebody mends it."""


def decide(inference: GLMInference, observed: Observation, images: Images, gateway_host: str | None = None) -> Plan:
    """What brings the cluster to what the resource asks for; an empty plan when it is there already."""
    gates = tuple(_gates(inference, observed))
    blocked = _blocked(inference, observed)
    if blocked is not None:
        return Plan(gates=gates, blocked=blocked)
    running = observed.children.get("Deployment")
    rolled = models_to_roll_with(inference, observed, images)
    children = desired_children(inference, images, rolled, running, gateway_host)
    desired = [with_applied_hash(child) for child in children]
    dropped = tuple(_dropped_children(desired, observed))
    refused = _refused_address(inference, images)
    if (observed.repository_problem or refused) and inference.spec.effective_replicas > 0:
        # Pods that serve keep doing so; new ones could not start.
        desired = [child for child in desired if child["kind"] != "Deployment"]
    missing = tuple(
        _guarded(child, running) for child in desired if not is_applied(child, counterpart(child, observed))
    )
    outdated = tuple(("ConfigMap", name) for name in _outdated_config_maps(desired, observed))
    return Plan(apply=missing, delete=() if missing else (*outdated, *dropped), gates=gates, blocked=refused)


def _guarded(child: Object, running: Object | None) -> Object:
    """A Deployment that rolls the pods, only if the running one is still as it was seen.

    Which default images are taken up follows from what runs. Had another operator rolled it meanwhile, or were the
    running one known as it was long before, the same change would roll the pods once more, for other images.
    """
    if child["kind"] != "Deployment" or running is None or template_revision(running) == template_revision(child):
        return child
    version = running["metadata"].get("resourceVersion")
    return child | {"metadata": child["metadata"] | ({"resourceVersion": version} if version else {})}


def applied_decision(inference: GLMInference, written: Sequence[Object], observed: Observation) -> Decision | None:
    """The record of what was written; None when nothing was changed by it."""
    made = [_name(child) for child in written if counterpart(child, observed) is None]
    changed = [_name(child) for child in written if _is_changed(child, counterpart(child, observed))]
    parts = {word: ", ".join(names) for word, names in (("made", made), ("changed", changed)) if names}
    if not parts:
        return None
    first = observed.children.get("Deployment") is None
    return Decision(
        loop="reconcile",
        action="Create" if first else "Apply",
        reason="Created" if first else "Applied",
        message="; ".join(f"{word} {names}" for word, names in parts.items()),
        inputs={"generation": str(inference.generation), **parts},
    )


def _is_changed(written: Object, before: Object | None) -> bool:
    """Whether an apply had an effect: the API server gives an object a new version only then."""
    return before is not None and (
        written["metadata"].get("resourceVersion") != before["metadata"].get("resourceVersion")
    )


def _blocked(inference: GLMInference, observed: Observation) -> Finding | None:
    there = (child for child in (*observed.children.values(), *observed.config_maps) if child)
    for child in (child for child in there if not is_controlled_by(child, inference.uid)):
        kind, name = child["kind"], child["metadata"]["name"]
        if _ends(child, inference):
            message = f"{kind} {name} of an earlier resource of this name is still being deleted"
            return Finding("PredecessorEnding", message, stalled=False)
        message = f"{kind} {name} exists and does not belong to this resource; rename one of the two"
        return Finding("NameTaken", message, stalled=True)
    return None


def _refused_address(inference: GLMInference, images: Images) -> Finding | None:
    """Why the model files may not be fetched from where the resource says."""
    address = inference.spec.repository.address
    if not address:
        return None
    try:
        AllowedUrls.parse(images.repository_urls).check(address)
    except UrlRefusedError as error:
        return Finding("RepositoryNotAllowed", f"spec.repository: {error}", stalled=True)
    return None


def _ends(child: Object, inference: GLMInference) -> bool:
    """Whether a child goes by itself: it is being deleted, or its owner was a resource of the same name."""
    owners = child["metadata"].get("ownerReferences", ())
    return "deletionTimestamp" in child["metadata"] or any(
        owner.get("kind") == group.KIND and owner.get("name") == inference.name for owner in owners
    )


def counterpart(desired: Object, observed: Observation) -> Object | None:
    """The same object as the cluster had it before."""
    if desired["kind"] != "ConfigMap":
        return observed.children.get(child_key(desired))
    wanted = desired["metadata"]["name"]
    return next((there for there in observed.config_maps if there["metadata"]["name"] == wanted), None)


def _outdated_config_maps(desired: list[Object], observed: Observation) -> list[str]:
    """Generated ConfigMaps that neither the desired pods nor the last revisions need."""
    wanted = {child["metadata"]["name"] for child in desired if child["kind"] == "ConfigMap"}
    mounted = {pod.config_map for pod in observed.pods}
    candidates = sorted(
        (there for there in observed.config_maps if there["metadata"]["name"] not in wanted | mounted),
        key=lambda there: str(there["metadata"].get("creationTimestamp", "")),
        reverse=True,
    )
    return [str(there["metadata"]["name"]) for there in candidates[KEPT_CONFIG_MAPS:]]


def _dropped_children(desired: list[Object], observed: Observation) -> list[tuple[str, str]]:
    """Children that the spec has no use for any more, once no pod of an older revision is left that may have."""
    keys = {child_key(child) for child in desired}
    (deployment,) = (child for child in desired if child["kind"] == "Deployment")
    if any(pod.revision != template_revision(deployment) for pod in observed.pods):
        return []
    account = deployment["spec"]["template"]["spec"]["serviceAccountName"]
    return [
        (str(child["kind"]), str(child["metadata"]["name"]))
        for key, child in observed.children.items()
        # A user may name the account that was made for them.
        if child is not None and key not in keys and (key, child["metadata"]["name"]) != ("ServiceAccount", account)
    ]


def _name(child: Object) -> str:
    return f"{child['kind']} {child['metadata']['name']}"


def _gates(inference: GLMInference, observed: Observation) -> list[tuple[str, bool]]:
    """Readiness gates that stand differently from what the servers say; unknown changes nothing."""
    if not needs_readiness_gate(inference.spec):
        return []
    required = inference.spec.required_models
    return [
        (pod.name, _gate(pod, required))
        for pod in observed.pods
        if pod.models is not None and not pod.deleting and pod.gate is not _gate(pod, required)
    ]


def _gate(pod: PodObservation, required: Sequence[str]) -> bool:
    """It opens when all required models serve, and closes when one of them fails.

    A model that is still to be loaded into a running pod doesn't close it: the others serve, in every pod alike.
    """
    if pod.gate:
        return not any(pod.models[name].fails for name in required if pod.models and name in pod.models)
    return pod.serves(required)


def gate_condition(value: bool) -> Mapping[str, Any]:
    """The pod condition of a readiness gate."""
    return {
        "type": group.READINESS_GATE,
        "status": "True" if value else "False",
        "reason": "RequiredModelsReady" if value else "RequiredModelsNotReady",
    }


def event_body(owner: Mapping[str, Any], decision: Decision, now: datetime, suffix: str) -> Object:
    """The Event that tells of a decision about the resource with the metadata `owner`."""
    stamp = timestamp(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{owner['name']}.{suffix}", "namespace": owner["namespace"]},
        "involvedObject": {
            "apiVersion": group.API_VERSION,
            "kind": group.KIND,
            "name": owner["name"],
            "namespace": owner["namespace"],
            "uid": owner["uid"],
        },
        "type": "Warning" if decision.warning else "Normal",
        "reason": decision.reason,
        "message": decision.message[:1024],
        "source": {"component": group.MANAGED_BY},
        "reportingComponent": group.MANAGED_BY,
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }
