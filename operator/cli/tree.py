"""A GLMInference as a tree for the terminal. Pure: API objects in, a picture out."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from glm_operator.resources.triton_deployment import revision_of
from glm_operator.status.conditions import READY, find
from glm_operator.status.observation import observe_pod

_COLOURS: Final = {"Ready": "green", "Loading": "yellow", "Failed": "red", "Unknown": "bright_black"}
_MARKS: Final = {"green": "●", "yellow": "◐", "red": "✖", "bright_black": "○"}


def overview(inferences: Iterable[Mapping[str, Any]]) -> RenderableType:
    """One line a resource."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "NAMESPACE", "NAME", "READY", "PODS", "MODELS", "MESSAGE"):
        table.add_column(column, overflow="fold")
    rows = 0
    for inference in inferences:
        rows += 1
        status, metadata = inference.get("status", {}), inference["metadata"]
        colour, verdict = _verdict(inference)
        ready = find(status, READY) or {}
        models = status.get("models", ())
        serving = sum(model["state"] == "Ready" for model in models)
        table.add_row(
            Text(_MARKS[colour], colour),
            metadata["namespace"],
            metadata["name"],
            Text(verdict, colour),
            f"{status.get('readyReplicas', '?')}/{_wanted(inference)}",
            f"{serving}/{len(models)}",
            "" if colour == "green" else ready.get("message", "not looked at yet"),
        )
    return table if rows else Text("no GLMInference here; try -A, or `kubectl apply -f manifests/samples/digits.yaml`")


def tree(inference: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> RenderableType:
    """The whole resource."""
    metadata, status = inference["metadata"], inference.get("status", {})
    colour, verdict = _verdict(inference)
    root = Tree(
        Text.assemble(
            (f"{_MARKS[colour]} ", colour),
            (f"{metadata['namespace']}/{metadata['name']}", "bold"),
            "  ",
            (verdict, colour),
            "  ",
            (f"generation {metadata.get('generation', '?')}  {status.get('url', '')}", "bright_black"),
        ),
        guide_style="bright_black",
    )
    _add_models(root, status)
    _add_pods(root, list(pods))
    _add_conditions(root, status)
    return Group(root)


def _verdict(inference: Mapping[str, Any]) -> tuple[str, str]:
    status = inference.get("status", {})
    ready = find(status, READY)
    if ready is None:
        return "bright_black", "Unknown"
    if status.get("observedGeneration") != inference["metadata"].get("generation"):
        return "yellow", "Stale"
    if ready["status"] == "True":
        changing = find(status, "Reconciling") or find(status, "Stalled")
        return ("yellow", f"Ready, {changing['reason']}") if changing else ("green", "Ready")
    return ("red" if find(status, "Stalled") else "yellow"), str(ready["reason"])


def _wanted(inference: Mapping[str, Any]) -> int:
    spec = inference["spec"]
    return int(spec.get("replicas", spec.get("scaling", {}).get("minReplicas", 1)))


def _add_models(root: Tree, status: Mapping[str, Any]) -> None:
    branch = root.add(Text("models", "bold"))
    for model in status.get("models", ()):
        colour = _COLOURS[model["state"]]
        version = f" v{model['version']}" if model.get("version") else ""
        line = Text.assemble(
            (f"{_MARKS[colour]} ", colour),
            f"{model['name']}{version}  ",
            (model["state"], colour),
            "  ",
            (f"on {model.get('readyPods', 0)} pods", "bright_black"),
        )
        leaf = branch.add(line)
        if model.get("reason"):
            leaf.add(Text(model["reason"], "red"))


def _add_pods(root: Tree, pods: list[Mapping[str, Any]]) -> None:
    branch = root.add(Text("pods", "bold"))
    revisions = sorted({revision_of(dict(pod)) for pod in pods})
    for revision in revisions:
        mine = [pod for pod in pods if revision_of(dict(pod)) == revision]
        parent = branch.add(Text(f"revision {revision or 'unknown'}", "bright_black"))
        for pod in mine:
            parent.add(_pod_line(pod))
    if not pods:
        branch.add(Text("none", "bright_black"))


def _pod_line(pod: Mapping[str, Any]) -> Text:
    seen = observe_pod(dict(pod))
    if seen.deleting:
        colour, state = "bright_black", "Terminating"
    elif seen.ready:
        colour, state = "green", "Ready"
    elif seen.trouble is not None:
        colour, state = "red", f"{seen.trouble.reason} {seen.trouble.message}".strip()
    elif seen.unschedulable:
        colour, state = "yellow", seen.unschedulable
    else:
        colour, state = "yellow", "Running, not ready" if seen.started else "Starting"
    place = f"{seen.node or 'no node'}  {seen.address}".rstrip()
    return Text.assemble(
        (f"{_MARKS[colour]} ", colour), f"{seen.name}  ", (state, colour), "  ", (place, "bright_black")
    )


def _add_conditions(root: Tree, status: Mapping[str, Any]) -> None:
    branch = root.add(Text("conditions", "bold"))
    for condition in status.get("conditions", ()):
        holds = condition["status"] == "True"
        good = holds if condition["type"] == READY else not holds
        colour = "green" if good else ("red" if condition["type"] in {READY, "Stalled"} else "yellow")
        branch.add(
            Text.assemble(
                (f"{_MARKS[colour]} ", colour),
                f"{condition['type']}={condition['status']}  ",
                (condition["reason"], colour),
                "  ",
                (condition["message"], "bright_black"),
            )
        )
