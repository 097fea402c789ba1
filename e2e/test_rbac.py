"""The chart's role is the least: without any one verb something breaks, the log names it, and giving it back mends.

The other tests run with exactly this role, so that it suffices is shown there.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import pytest
import yaml

from demo.install import OPERATOR_NAMESPACE, RELEASE, RESTRICTED
from demo.kubectl import CommandFailedError, Kubectl
from demo.paths import ROOT
from demo.wait import NotInTimeError, inference_ready, wait_for
from support import ECHO_MODEL, echo_code, files, inference, pods_of, wait_for_reason
from watchful import PODS, now, operator_log

WHO: Final = f"--as=system:serviceaccount:{OPERATOR_NAMESPACE}:{RELEASE}"
GATED: Final = "gated"


class Verb(NamedTuple):
    """One thing that the operator may do."""

    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{'.' * bool(self.group)}{self.group}"

    @property
    def rule(self) -> dict[str, list[str]]:
        return {"apiGroups": [self.group], "resources": [self.resource], "verbs": [self.verb]}


def _granted() -> list[Verb]:
    """The operator's ClusterRole as the chart renders it (`make manifests`)."""
    documents = yaml.safe_load_all((ROOT / "manifests/install.yaml").read_text())
    role = next(d for d in documents if d["kind"] == "ClusterRole" and d["metadata"]["name"] == RELEASE)
    return [
        Verb(group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


GRANTED: Final = _granted()


def set_rules(kubectl: Kubectl, verbs: list[Verb]) -> None:
    patch = [{"op": "replace", "path": "/rules", "value": [verb.rule for verb in verbs]}]
    kubectl("patch", "clusterrole", RELEASE, "--type=json", "-p", json.dumps(patch))


def is_allowed(kubectl: Kubectl, verb: Verb) -> bool:
    name, _, subresource = verb.resource.partition("/")
    resource = f"{name}.{verb.group}" if verb.group else name
    arguments = [verb.verb, resource, *([f"--subresource={subresource}"] if subresource else []), WHO, "-A"]
    try:
        answer = kubectl("auth", "can-i", *arguments)
    except CommandFailedError as error:
        # The answer "no" is an error of kubectl's.
        answer = str(error).rpartition(":")[2]
    assert answer.strip() in {"yes", "no"}, answer
    return answer.strip() == "yes"


@pytest.fixture(scope="module")
def playground(kubectl) -> Iterator[str]:
    """A namespace with a resource whose pods are ready by the operator's word: their readiness gate."""
    name = "rbac-least"
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})
    models = [ECHO_MODEL | {"name": n, "required": n != "optional"} for n in ("one", "two", "optional")]
    keys = {f"{model['name']}__1__model__py": echo_code() for model in models}
    kubectl.apply(files(GATED, **keys), inference(GATED, models=models), files(), namespace=name)
    inference_ready(kubectl, name, GATED)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


Provocation = Callable[[Kubectl, str, str], None]


def make_a_resource(kubectl: Kubectl, namespace: str, name: str) -> None:
    """With files of its own: those of another resource would have been read already."""
    kubectl.apply(files(name), _resource(name, 0), namespace=namespace)


def change_it_often(kubectl: Kubectl, namespace: str, name: str) -> None:
    """So that configurations of older revisions are cleared away."""
    for size in range(1, 5):
        kubectl.apply(_resource(name, size), namespace=namespace)
        wait_for("a look", lambda: (_is_looked_at(kubectl, namespace, name) or None, "no look yet"), 30)


def end_a_pod(kubectl: Kubectl, namespace: str, _: str) -> None:
    for pod in pods_of(kubectl, namespace, GATED):
        kubectl("delete", "pod", pod["metadata"]["name"], "-n", namespace, "--wait=false")


def start_the_operator_anew(kubectl: Kubectl, namespace: str, name: str) -> None:
    kubectl("delete", "pod", "-l", PODS, "-n", OPERATOR_NAMESPACE, "--grace-period=1", "--wait=false")
    make_a_resource(kubectl, namespace, name)


def name_another_account(kubectl: Kubectl, namespace: str, name: str) -> None:
    """So that the one made for it is cleared away."""
    template = {"runtime": {"podTemplate": {"serviceAccountName": "default"}}}
    body = _resource(name, 0)
    kubectl.apply(body | {"spec": body["spec"] | template}, namespace=namespace)


def leave_the_gateway(kubectl: Kubectl, namespace: str, name: str) -> None:
    """So that the Service that led there is cleared away."""
    body = _resource(name, 0)
    kubectl.apply(body | {"spec": body["spec"] | {"traffic": {"provider": "None"}}}, namespace=namespace)


PROVOCATIONS: Final[tuple[tuple[Provocation, float], ...]] = (
    (make_a_resource, 5),
    (change_it_often, 10),
    (name_another_account, 10),
    (leave_the_gateway, 10),
    (end_a_pod, 40),
    (start_the_operator_anew, 60),
)
"""What makes the operator use its verbs, and how many seconds that may take; the cheapest first."""


def _resource(name: str, size: int) -> dict[str, Any]:
    runtime = {"exitTimeoutSeconds": 30 + size}
    return inference(name, runtime=runtime, replicas=0, repository={"configMap": {"name": f"{name}-files"}})


def _is_looked_at(kubectl: Kubectl, namespace: str, name: str) -> bool:
    found = kubectl.json("get", "glm", name, "-n", namespace)
    return bool(found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"])


def provoke(kubectl: Kubectl, namespace: str, name: str, verb: Verb, since: str) -> bool:
    """Whether something makes the operator tell that it may not do this."""
    wanted = f'cannot {verb.verb} resource "{verb.resource}" in API group "{verb.group}"'
    for provocation, seconds in _order(verb):
        try:
            provocation(kubectl, namespace, name)
            wait_for(str(verb), lambda: (wanted in operator_log(kubectl, since) or None, "not told"), seconds)
        except NotInTimeError:
            continue
        return True
    return False


def _order(verb: Verb) -> list[tuple[Provocation, float]]:
    """A watch that has begun goes on without the right to it: only a new operator asks again, also for some lists."""
    first, *between, last = PROVOCATIONS
    return {"watch": [last], "list": [first, last]}.get(verb.verb, [first, *between, last])


@pytest.mark.parametrize("verb", [pytest.param(verb, id=str(verb)) for verb in GRANTED])
def test_without_this_verb_something_breaks_and_giving_it_back_mends(kubectl, playground, verb):
    if verb.group == "metrics.k8s.io":
        pytest.skip("no metrics API runs here: without it the operator goes by what Triton says of its node's CPU")
    name = f"echo-{GRANTED.index(verb)}"
    since = now()
    set_rules(kubectl, [other for other in GRANTED if other != verb])
    try:
        wait_for("the role", lambda: (not is_allowed(kubectl, verb) or None, "still allowed"), 20)
        assert provoke(kubectl, playground, name, verb, since), "nothing needs it: take it out of the chart"
    finally:
        set_rules(kubectl, GRANTED)
    kubectl.apply(_resource(name, 9), namespace=playground)
    wait_for_reason(kubectl, playground, name, "Ready", "ScaledToZero", seconds=90)
    inference_ready(kubectl, playground, GATED)
    kubectl("delete", "glm", name, "-n", playground)
