"""`kubectl glm check`: is the cluster fit, and is the installation sound? Facts are gathered, then judged (pure)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from glm_operator.api import group
from glm_operator.api.crd import custom_resource_definition
from glm_operator.clients.errors import ClusterError
from glm_operator.clients.kubernetes import Cluster, Object

OLDEST_KUBERNETES: Final = (1, 30)
GPU_RESOURCES: Final = ("nvidia.com/gpu", "amd.com/gpu")


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result."""

    check: str
    level: Level
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks are made from; None: could not be read."""

    version: str
    crd: Mapping[str, Any] | None
    """Empty: there is none."""
    operators: tuple[Mapping[str, Any], ...] | None
    """Deployments of the operator."""
    gateways: tuple[Mapping[str, Any], ...] | None
    """Deployments of the gateway."""
    nodes: tuple[Mapping[str, Any], ...] | None
    may_create: bool | None
    operator_namespace: str


async def gather_facts(cluster: Cluster, operator_namespace: str) -> Facts:
    """Read what the checks need; what may not be read is unknown."""
    crd_name = f"{group.PLURAL}.{group.GROUP}"
    return Facts(
        version=await cluster.version(),
        crd=await _or_none(_get_or_empty(cluster, crd_name)),
        operators=await _tuple(
            cluster.list_objects("Deployment", operator_namespace, f"{group.LABEL_NAME}={group.MANAGED_BY}")
        ),
        gateways=await _tuple(
            cluster.list_objects("Deployment", operator_namespace, f"{group.LABEL_NAME}={group.GATEWAY_APP_NAME}")
        ),
        nodes=await _tuple(cluster.list_objects("Node", None)),
        may_create=await _may_create(cluster),
        operator_namespace=operator_namespace,
    )


def inspect_installation(facts: Facts, installed: bool) -> list[Finding]:
    """All findings; `installed` says whether the operator should be there already."""
    findings = [_kubernetes_version(facts), _nodes(facts), _gpus(facts)]
    if installed:
        findings += [_crd(facts), _operator(facts), _gateway(facts), _permission(facts)]
    return findings


def exit_code(findings: Iterable[Finding]) -> int:
    """1 when a finding is an error."""
    return int(any(finding.level is Level.ERROR for finding in findings))


def render_findings(findings: Iterable[Finding]) -> RenderableType:
    """A line a check, its fix below it."""
    marks = {
        Level.OK: ("●", "green"),
        Level.INFO: ("●", "blue"),
        Level.WARNING: ("▲", "yellow"),
        Level.ERROR: ("✖", "red"),
    }
    table = Table(box=None, pad_edge=False, show_header=False)
    for column in ("", "check", "message"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        mark, colour = marks[finding.level]
        message = Text(finding.message)
        if finding.fix:
            message.append(f"\n→ {finding.fix}", "bold")
        table.add_row(Text(mark, colour), finding.check, message)
    return table


def _kubernetes_version(facts: Facts) -> Finding:
    match = re.match(r"v(\d+)\.(\d+)", facts.version)
    version = (int(match[1]), int(match[2])) if match else (0, 0)
    if version >= OLDEST_KUBERNETES:
        return Finding("kubernetes version", Level.OK, facts.version)
    oldest = ".".join(map(str, OLDEST_KUBERNETES))
    return Finding(
        "kubernetes version",
        Level.ERROR,
        f"{facts.version} is older than {oldest}, which the pods' `sleep` hook needs",
        f"upgrade the cluster to {oldest} or newer",
    )


def _nodes(facts: Facts) -> Finding:
    if facts.nodes is None:
        return Finding("nodes", Level.INFO, "may not be listed by you")
    ready = sum(_condition(node, "Ready") == "True" for node in facts.nodes)
    if ready:
        return Finding("nodes", Level.OK, f"{ready} of {len(facts.nodes)} ready")
    return Finding("nodes", Level.ERROR, "no node is ready", "see `kubectl describe nodes`")


def _gpus(facts: Facts) -> Finding:
    if facts.nodes is None:
        return Finding("gpus", Level.INFO, "unknown: nodes may not be listed by you")
    counts = {
        name: sum(int(node["status"].get("allocatable", {}).get(name, 0)) for node in facts.nodes)
        for name in GPU_RESOURCES
    }
    found = ", ".join(f"{count} x {name}" for name, count in counts.items() if count)
    if found:
        return Finding("gpus", Level.OK, found)
    return Finding(
        "gpus",
        Level.INFO,
        "no node offers a GPU; models run on the CPU",
        "for GPUs install the vendor's device plugin; for CPUs set runtime.gpu.count: 0 (the default)",
    )


def _crd(facts: Facts) -> Finding:
    if facts.crd is None:
        return Finding("crd", Level.INFO, "may not be read by you")
    if not facts.crd:
        return Finding("crd", Level.ERROR, "GLMInference is not defined", "install the chart with crds.install=true")
    if _condition(facts.crd, "Established") != "True":
        return Finding("crd", Level.ERROR, "GLMInference is not served", "see `kubectl describe crd` for the reason")
    if not _same_schema(facts.crd):
        return Finding(
            "crd",
            Level.WARNING,
            "GLMInference differs from the one that this version of the plugin knows",
            "upgrade the chart (it upgrades its CRDs), or this plugin",
        )
    return Finding("crd", Level.OK, f"{group.API_VERSION} is served")


def _operator(facts: Facts) -> Finding:
    where = f"in namespace {facts.operator_namespace}"
    if facts.operators is None:
        return Finding("operator", Level.INFO, f"its Deployment {where} may not be read by you")
    if not facts.operators:
        return Finding(
            "operator",
            Level.ERROR,
            f"there is none {where}",
            "helm install glm-operator charts/glm-operator -n glm-system --create-namespace; or name its namespace"
            " with --operator-namespace",
        )
    if len(facts.operators) > 1:
        names = ", ".join(operator["metadata"]["name"] for operator in facts.operators)
        return Finding(
            "operator", Level.WARNING, f"several {where}: {names}", "keep one, or give them other namespaces"
        )
    operator = facts.operators[0]
    if operator.get("status", {}).get("readyReplicas"):
        image = operator["spec"]["template"]["spec"]["containers"][0]["image"]
        return Finding("operator", Level.OK, f"{operator['metadata']['name']} is ready ({image})")
    return Finding(
        "operator",
        Level.ERROR,
        f"{operator['metadata']['name']} is not ready",
        f"kubectl -n {facts.operator_namespace} logs deployment/{operator['metadata']['name']}",
    )


def _gateway(facts: Facts) -> Finding:
    if facts.gateways is None:
        return Finding(
            "gateway", Level.INFO, f"its Deployment in namespace {facts.operator_namespace} may not be read by you"
        )
    if not facts.gateways:
        message = "not installed: requests go to the pods evenly, whatever spec.traffic says"
        return Finding("gateway", Level.INFO, message, "install the chart with gateway.enabled=true")
    gateway = facts.gateways[0]
    name, wanted = gateway["metadata"]["name"], gateway["spec"].get("replicas", 1)
    ready = gateway.get("status", {}).get("readyReplicas", 0)
    message = f"{ready} of {wanted} pods of {name} are ready"
    if ready >= wanted:
        return Finding("gateway", Level.OK, message)
    fix = f"kubectl -n {facts.operator_namespace} describe pods -l {group.LABEL_NAME}={group.GATEWAY_APP_NAME}"
    return Finding("gateway", Level.WARNING if ready else Level.ERROR, message, fix)


def _permission(facts: Facts) -> Finding:
    if facts.may_create is None:
        return Finding("permission", Level.INFO, "could not be asked for")
    if facts.may_create:
        return Finding("permission", Level.OK, "you may create GLMInferences")
    return Finding(
        "permission",
        Level.WARNING,
        "you may not create GLMInferences",
        "ask for the role `edit` in your namespace, which includes it when aggregateRoles is on",
    )


def _same_schema(crd: Mapping[str, Any]) -> bool:
    ours = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    theirs = next((v for v in crd["spec"]["versions"] if v["name"] == group.VERSION), None)
    return theirs is not None and theirs["schema"]["openAPIV3Schema"] == ours


def _condition(resource: Mapping[str, Any], kind: str) -> str:
    conditions = resource.get("status", {}).get("conditions", ())
    return next((str(condition["status"]) for condition in conditions if condition["type"] == kind), "Unknown")


async def _may_create(cluster: Cluster) -> bool | None:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "metadata": {},
        "spec": {"resourceAttributes": {"group": group.GROUP, "resource": group.PLURAL, "verb": "create"}},
    }
    answer = await _or_none(cluster.create(review))
    return None if answer is None else bool(answer["status"].get("allowed"))


async def _get_or_empty(cluster: Cluster, crd_name: str) -> Object:
    return await cluster.get("CustomResourceDefinition", None, crd_name) or {}


async def _or_none(request: Any) -> Object | None:
    try:
        answer: Object | None = await request
    except ClusterError:
        return None
    return answer


async def _tuple(request: Any) -> tuple[Object, ...] | None:
    try:
        return tuple(await request)
    except ClusterError:
        return None
