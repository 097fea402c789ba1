"""The gateway as the chart installs it: two Envoys as restricted pods, with certificates of the operator's making.

In the operator's place stands a small control plane, and the operator itself finds no node: so what is seen here is
what the installation does, whatever the operator tells Envoy.
"""

import asyncio
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from demo.built_images import reference
from demo.client_pod import ask_from_a_pod
from demo.install import RESTRICTED, image_values
from demo.kubectl import CommandFailedError, Kubectl
from demo.paths import CHART
from demo.wait import wait_for
from glm_operator.clients.errors import ClusterError
from glm_operator.clients.kubernetes import Cluster
from glm_operator.gateway.certificates import ServerCredentials, read_secret
from glm_operator.observability.metrics import Metrics
from glm_operator.reconcile.gateway_certificates import GatewayCertificates, SecretName
from glm_operator.resources.gateway_service import gateway_service
from observations import resource
from support import CLIENTS, load

RELEASE = "glm-gw"
NAME = f"{RELEASE}-gateway"
PODS = f"app.kubernetes.io/name=glm-gateway,app.kubernetes.io/instance={RELEASE}"
SERVER_NAMES = "{release}-xds.{namespace}.svc"
ASK = """
import json, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
    print(json.dumps({"status": answer.status, "body": answer.read().decode()}))
"""
KNOCK = """
import grpc, sys
channel = grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials(sys.argv[2].encode()))
call = channel.unary_unary("/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources")
try:
    call(b"", timeout=5)
except grpc.RpcError as error:
    print(error.code().name)
"""


@dataclass(frozen=True)
class Installation:
    """A release in a namespace of its own."""

    kubectl: Kubectl
    namespace: str
    kubeconfig: Path

    def upgrade(self) -> None:
        values = [
            "--set=gateway.enabled=true", "--set=crds.install=false", "--set=aggregateRoles=false",
            f"--set-json=watchNamespaces={json.dumps([self.namespace])}", "--set=nodeSelector.no-such=node",
            "--set=gateway.drainSeconds=20",
        ]  # fmt: skip
        images = image_values(self.kubectl.is_ours)
        self.kubectl.helm("upgrade", "--install", RELEASE, str(CHART), "-n", self.namespace, *images, *values)

    def secret(self) -> dict[str, str]:
        return dict(self.kubectl.json("get", "secret", NAME, "-n", self.namespace).get("data") or {})

    def pods(self) -> list[dict]:
        return list(self.kubectl.json("get", "pods", "-n", self.namespace, "-l", PODS)["items"])

    def nodes(self) -> set[str]:
        """Which gateways the control plane has seen."""
        # Between them gRPC tells of the handshakes that it refused.
        lines = self.kubectl("logs", "control-plane", "-n", self.namespace).splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]
        return {line["node"] for line in told if "node" in line}

    def look(self) -> list[ServerCredentials]:
        """One look of the operator's loop at the Secret, with the operator's rights; what its server was given."""
        shown: list[ServerCredentials] = []

        async def work() -> None:
            cluster = await Cluster.connect(kubeconfig=str(self.kubeconfig))
            names = [SERVER_NAMES.format(release=RELEASE, namespace=self.namespace)]
            place = SecretName(self.namespace, NAME)
            metrics = Metrics(CollectorRegistry())
            try:
                loop = GatewayCertificates(cluster, place, names, shown.append, metrics, lambda: datetime.now(UTC))
                await loop.look()
            finally:
                await cluster.close()

        asyncio.run(work())
        return shown


@pytest.fixture(scope="module")
def installation(kubectl, tmp_path_factory) -> Iterator[Installation]:
    namespace = f"gateway-{uuid.uuid4().hex[:8]}"
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": RESTRICTED}})
    installation = Installation(kubectl, namespace, tmp_path_factory.mktemp("kube") / "config")
    try:
        installation.upgrade()
        write_kubeconfig(installation)
        yield installation
        kubectl.helm("uninstall", RELEASE, "-n", namespace, "--wait", "--timeout=120s")
        left = kubectl.json("get", "secret,configmap,service,deployment", "-n", namespace, "-l", f"{PODS}")["items"]
        assert left == []
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")


def write_kubeconfig(installation: Installation) -> None:
    """The cluster as the operator's ServiceAccount sees it."""
    kubectl = installation.kubectl
    token = kubectl("create", "token", RELEASE, "-n", installation.namespace).strip()
    config = yaml.safe_load(kubectl("config", "view", "--raw", "--minify", "-o", "yaml"))
    config["users"][0]["user"] = {"token": token}
    installation.kubeconfig.write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def certified(installation) -> Installation:
    """With certificates, and nobody yet who gives configuration."""
    installation.look()
    return installation


@pytest.fixture(scope="module")
def configured(certified) -> Installation:
    """With a control plane in the operator's place."""
    certified.kubectl.apply(control_plane(certified.kubectl), namespace=certified.namespace)
    rolled_out(certified)
    return certified


def rolled_out(installation: Installation) -> None:
    place = ["-n", installation.namespace, "--timeout=150s"]
    installation.kubectl("rollout", "status", f"deployment/{NAME}", *place, timeout=160)


def control_plane(kubectl: Kubectl) -> dict:
    container = {
        "name": "control-plane",
        "image": reference("operator", kubectl.is_ours),
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", (CLIENTS / "control_plane.py").read_text(), "/tls", "18000"],
        "env": [{"name": "LISTENERS", "value": "8000,8001"}],
        "ports": [{"name": "xds", "containerPort": 18000}],
        "volumeMounts": [{"name": "tls", "mountPath": "/tls"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    labels = {"app.kubernetes.io/name": "glm-operator", "app.kubernetes.io/instance": RELEASE}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "control-plane", "labels": labels},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": "tls", "secret": {"secretName": NAME}}],
        },
    }  # fmt: skip


def test_pods_wait_for_the_certificates(installation):
    def look():
        messages = installation.kubectl(
            "get", "events", "-n", installation.namespace, "--field-selector=reason=FailedMount", "-o",
            "jsonpath={.items[*].message}",
        )  # fmt: skip
        return ("references non-existent secret key" in messages or None), messages

    assert installation.secret() == {}
    wait_for("kubelet to say what is missing", look, 30)


def test_the_operator_may_write_this_secret_and_nothing_else(installation):
    who = f"--as=system:serviceaccount:{installation.namespace}:{RELEASE}"
    asked = {
        "get": f"secret/{NAME}", "patch": f"secret/{NAME}", "create": "secrets", "list": "secrets", "watch": "secrets",
        "delete": f"secret/{NAME}", "update": f"secret/{NAME}",
    }  # fmt: skip
    answers = {verb: is_allowed(installation, verb, what, who) for verb, what in asked.items()}
    assert [verb for verb, answer in answers.items() if answer] == ["get", "patch"]
    assert not is_allowed(installation, "get", "secret/other", who)


def is_allowed(installation: Installation, verb: str, what: str, who: str) -> bool:
    try:
        return installation.kubectl("auth", "can-i", verb, what, who, "-n", installation.namespace).strip() == "yes"
    except CommandFailedError:  # kubectl's way to say no
        return False


def test_its_rights_are_enough_to_fill_the_secret_and_another_look_writes_nothing(certified):
    held = certified.secret()
    (shown,) = certified.look()
    assert shown == read_secret(held).for_server
    assert certified.secret() == held


def test_an_upgrade_and_an_apply_leave_the_certificates_alone(certified):
    held = certified.secret()
    certified.upgrade()
    manifest = certified.kubectl.helm("get", "manifest", RELEASE, "-n", certified.namespace)
    secret = next(d for d in yaml.safe_load_all(manifest) if d and d["kind"] == "Secret")
    certified.kubectl.apply(secret, namespace=certified.namespace)
    assert held
    assert certified.secret() == held


def test_a_secret_that_is_emptied_is_filled_again(certified):
    """Here by an operator that remembers nothing: with new ones, which the pods get from kubelet."""
    before = certified.secret()
    certified.kubectl("patch", "secret", NAME, "-n", certified.namespace, "--type=json", "-p",
                      json.dumps([{"op": "remove", "path": "/data"}]))  # fmt: skip
    certified.look()
    after = certified.secret()
    assert after.keys() == before.keys()
    assert after != before


def test_without_configuration_pods_run_and_are_not_ready(certified):
    def look():
        states = [pod.get("status", {}).get("containerStatuses", [{}])[0] for pod in certified.pods()]
        running = [state for state in states if "running" in state.get("state", {})]
        return (running if len(running) == 2 else None), json.dumps(states)

    running = wait_for("two running pods", look, 120)
    assert [state["ready"] for state in running] == [False, False]


def test_with_a_configuration_they_are_ready_and_known_by_their_names(configured):
    """They had to get renewed certificates from kubelet before, and did so without a restart."""
    assert {pod["metadata"]["name"] for pod in configured.pods()} <= configured.nodes()
    assert all(pod["status"]["containerStatuses"][0]["restartCount"] == 0 for pod in configured.pods())


def test_both_ports_answer_through_the_service(configured):
    for port in (8000, 8001):
        url = f"http://{NAME}.{configured.namespace}.svc:{port}/v2/health/live"
        answer = json.loads(ask_from_a_pod(configured.kubectl, configured.namespace, ASK, url))
        assert answer["status"] == 200


def test_the_name_that_a_resource_gets_leads_to_the_gateway(configured):
    kubectl, namespace = configured.kubectl, configured.namespace
    alias = gateway_service(resource(), f"{NAME}.{namespace}.svc.cluster.local")
    # There is no such resource, and a child without its owner would be cleared away.
    alias["metadata"] = {"name": alias["metadata"]["name"]}
    kubectl.apply(alias, namespace=namespace)
    url = f"http://{alias['metadata']['name']}.{namespace}.svc:8000/v2/health/live"
    assert json.loads(ask_from_a_pod(kubectl, namespace, ASK, url))["status"] == 200


def test_a_pod_without_the_gateways_certificate_is_turned_away(configured):
    """The network of this cluster enforces no policies: it is the certificates that hold."""
    address = f"{SERVER_NAMES.format(release=RELEASE, namespace=configured.namespace)}:18000"
    trust = read_secret(configured.secret()).for_server.client_authorities.decode()
    assert ask_from_a_pod(configured.kubectl, configured.namespace, KNOCK, address, trust).strip() == "UNAVAILABLE"


@pytest.mark.parametrize("connections", ["fresh", "kept"])
def test_a_rollout_of_the_gateway_costs_no_request(configured, connections):
    body = {"inputs": []}
    with load(configured.kubectl, configured.namespace, NAME, "any", body, connections=connections) as summary:
        configured.kubectl("rollout", "restart", f"deployment/{NAME}", "-n", configured.namespace)
        rolled_out(configured)
        wait_for("the old pods to end", lambda: (len(configured.pods()) == 2 or None, "more than two"), 60)
    assert (summary["failed"], summary.get("retried", 0)) == (0, 0), summary
    assert summary["ok"] == summary["sent"]


def test_without_the_control_plane_requests_go_on(configured):
    kubectl, namespace = configured.kubectl, configured.namespace
    with load(kubectl, namespace, NAME, "any", {"inputs": []}) as summary:
        kubectl("delete", "pod", "control-plane", "-n", namespace, "--wait=true")
        url = f"http://{NAME}.{namespace}.svc:8000/v2/health/live"
        assert json.loads(ask_from_a_pod(kubectl, namespace, ASK, url))["status"] == 200
    assert (summary["failed"], summary["ok"]) == (0, summary["sent"])
    assert all(pod["status"]["containerStatuses"][0]["ready"] for pod in configured.pods())


def test_a_missing_secret_is_told_and_not_made(certified):
    """Last, because it takes the Secret away."""
    certified.kubectl("delete", "secret", NAME, "-n", certified.namespace)
    with pytest.raises(ClusterError, match="`helm upgrade`"):
        certified.look()
    assert certified.kubectl.find("secret", NAME, "-n", certified.namespace) is None
