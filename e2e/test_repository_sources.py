"""Model files that are fetched: from a real HTTP server and a real S3 server in the cluster's network."""

import base64
import hashlib
import subprocess
import sys
from contextlib import suppress

import pytest

from archives import Entry, noise, tar_gz
from demo.built_images import reference
from demo.inside import INSIDE
from demo.install import RESTRICTED
from demo.kubectl import CommandFailedError, run
from demo.wait import inference_ready, wait_for
from devcluster import binaries
from devcluster.provider import Kind
from support import (
    CLIENTS,
    FILES_URL,
    S3_URL,
    SOURCES_NAMESPACE,
    ask,
    echo_code,
    inference,
    pods_of,
    ready_condition,
    wait_for_reason,
)

ARCHIVE = tar_gz(Entry("echo/1/model.py", echo_code(7).encode()), Entry("echo/1/weights", noise(120_000)))
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()
TOKEN = "token-of-the-test"  # noqa: S105
S3_PORT = int(S3_URL.rpartition(":")[2])
ACCESS = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-test"}
INPUT = {"input": {"shape": [1, 2], "data": [1, 2]}}


@pytest.fixture(scope="module")
def sources(kubectl):
    """A namespace for the servers; its name stands in the operator's list of addresses."""
    kubectl.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SOURCES_NAMESPACE, "labels": RESTRICTED}}
    )
    yield SOURCES_NAMESPACE
    kubectl("delete", "namespace", SOURCES_NAMESPACE, "--timeout=60s", timeout=70)


@pytest.fixture(scope="module")
def files_server(kubectl, sources):
    """The HTTP server's log, as a function."""
    kubectl.apply(*_files_server(reference("operator", kubectl.is_ours)), namespace=sources)
    kubectl("wait", "pod/files", "-n", sources, "--for=condition=Ready", "--timeout=55s")
    return lambda: kubectl("logs", "files", "-n", sources)


def _files_server(image):
    data = {"archive.tar.gz": base64.b64encode(ARCHIVE).decode()}
    container = {
        "name": "server",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", (CLIENTS / "file_server.py").read_text(), TOKEN],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "files", "mountPath": "/files"}],
    }
    pod = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "files", "configMap": {"name": "files"}}],
    }
    spec = {"selector": {"app": "files"}, "ports": [{"port": 8080}]}
    return (
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "files"}, "binaryData": data},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "files"}, "spec": spec},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "files", "labels": {"app": "files"}}, "spec": pod},
    )


def http(path="public/plain", sha256=SHA256, **fields):
    return {"http": {"uri": f"{FILES_URL}/{path}/archive.tar.gz", "sha256": sha256} | fields}


def secret(name, **keys):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": keys}


def test_an_archive_is_fetched_and_served_and_a_wrong_checksum_is_told_and_mended(kubectl, namespace, files_server):
    kubectl.apply(inference(repository=http(sha256="0" * 64)), namespace=namespace)
    told = ready_condition(wait_for_reason(kubectl, namespace, "echo", "Stalled", "RepositoryFetchFailed"))["message"]
    assert SHA256 in told
    kubectl.apply(inference(repository=http()), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    answer = ask(kubectl, namespace, "echo", "echo", INPUT)
    assert answer["http"]["outputs"]["output"] == [[8, 9]]


def kill_fetch(kubectl, namespace, pod):
    """End the process as a lack of memory would; it shares its process namespace with the pod's other containers."""
    script = (
        "import os, pathlib, signal\n"
        "for entry in pathlib.Path('/proc').glob('[0-9]*'):\n"
        "    if b'fetch_main' in (entry / 'cmdline').read_bytes():\n"
        "        os.kill(int(entry.name), signal.SIGKILL)\n"
    )
    with suppress(CommandFailedError):  # the command ends with the container that it runs in
        kubectl("exec", pod, "-n", namespace, "-c", "fetch", "--", "python3", "-c", script)


def test_a_fetch_that_is_killed_goes_on_where_it_was(kubectl, namespace, files_server):
    kubectl.apply(inference(repository=http("public/slow")), namespace=namespace)
    wait_for("half of the archive", lambda: ("half of it" in files_server() or None, files_server()), 60)
    (pod,) = pods_of(kubectl, namespace, "echo")
    kill_fetch(kubectl, namespace, pod["metadata"]["name"])
    inference_ready(kubectl, namespace, "echo")
    first, *others = [line for line in files_server().splitlines() if "/slow/" in line]
    assert first.endswith("range=-")
    starts = [int(line.rpartition("bytes=")[2].removesuffix("-")) for line in others]
    assert starts
    assert all(0 < start <= len(ARCHIVE) // 2 for start in starts)
    (restarted,) = pods_of(kubectl, namespace, "echo")
    assert restarted["metadata"]["uid"] == pod["metadata"]["uid"], "the pod is the same, with what it had fetched"


def test_a_missing_secret_and_a_missing_key_are_told_and_mended(kubectl, namespace, files_server):
    repository = http("private/plain", secretRef={"name": "access"})
    kubectl.apply(inference(repository=repository), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "echo", "Stalled", "RepositoryFetchFailed")
    assert 'secret "access" not found' in ready_condition(resource)["message"]
    kubectl.apply(secret("access", password="x"), namespace=namespace)  # noqa: S106

    def told():
        message = ready_condition(kubectl.json("get", "glm", "echo", "-n", namespace))["message"]
        return ("neither the key token nor username" in message or None), message

    wait_for("the missing key to be told", told, 60)
    kubectl.apply(secret("access", token=TOKEN), namespace=namespace)
    inference_ready(kubectl, namespace, "echo", seconds=150)
    pod = kubectl("get", "pods", "-n", namespace, "-o", "yaml")
    logs = kubectl("logs", "-n", namespace, "-l", "serving.autoglm.io/inference=echo", "-c", "fetch")
    told_of_it = pod + logs + kubectl("get", "glm,events,configmaps", "-n", namespace, "-o", "yaml")
    assert TOKEN not in told_of_it


def test_an_address_that_is_not_listed_gets_no_pod(kubectl, namespace):
    repository = {"http": {"uri": "http://169.254.169.254/latest/meta-data", "sha256": "0" * 64}}
    kubectl.apply(inference(repository=repository), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "echo", "Stalled", "RepositoryNotAllowed")
    assert FILES_URL in ready_condition(resource)["message"]
    assert pods_of(kubectl, namespace, "echo") == []
    assert kubectl.find("deployment", "echo", "-n", namespace) is None


@pytest.fixture(scope="module")
def bucket(kubectl, sources, tmp_path_factory):
    """A bucket of a real S3 server, which runs on the node, with the model in it."""
    if kubectl.provider.kind is not Kind.LOCAL:
        pytest.skip("the S3 server is a program of this machine: it needs the local cluster, whose network it can join")
    folder = tmp_path_factory.mktemp("s3")
    for name in ("data", "sidecar", "upload/prod/echo/1"):
        (folder / name).mkdir(parents=True)
    (folder / "upload/prod/echo/1/model.py").write_text(echo_code(5))
    (folder / "upload/prod/echo/1/weights").write_bytes(noise(200_000))
    inside = [*INSIDE]
    server = subprocess.Popen(
        [*inside, "env", f"ROOT_ACCESS_KEY={ACCESS['AWS_ACCESS_KEY_ID']}",
         f"ROOT_SECRET_KEY={ACCESS['AWS_SECRET_ACCESS_KEY']}", str(binaries.named("versitygw").path), "--quiet",
         "--port", f"0.0.0.0:{S3_PORT}", "posix", "--sidecar", str(folder / "sidecar"), str(folder / "data")],
    )  # fmt: skip
    try:
        _reachable(kubectl, sources)
        put = [*inside, sys.executable, str(CLIENTS / "s3_put.py"), f"127.0.0.1:{S3_PORT}", *ACCESS.values()]
        wait_for("the S3 server", lambda: _succeeds([*put, "models", str(folder / "upload")]), 30)
        yield "s3://models/prod"
    finally:
        server.terminate()
        server.wait(timeout=10)


def _reachable(kubectl, namespace):
    """A Service that leads to the node, on which the server listens."""
    nodes = kubectl.json("get", "nodes")["items"]
    node = next(node for node in nodes if node["metadata"]["name"] == "node0")
    address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
    port = {"name": "s3", "port": S3_PORT, "protocol": "TCP"}
    kubectl.apply(
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s3"}, "spec": {"ports": [port]}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "s3", "labels": {"kubernetes.io/service-name": "s3"}},
            "addressType": "IPv4",
            "ports": [port],
            "endpoints": [{"addresses": [address]}],
        },
        namespace=namespace,
    )


def _succeeds(command):
    try:
        return run(command, timeout=20) or "done", ""
    except CommandFailedError as error:
        return None, str(error)


def test_a_bucket_is_fetched_with_the_secrets_keys_and_served(kubectl, namespace, bucket):
    source = {"uri": bucket, "endpoint": S3_URL, "secretRef": {"name": "access"}}
    kubectl.apply(secret("access", **ACCESS), inference(repository={"s3": source}), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    answer = ask(kubectl, namespace, "echo", "echo", INPUT)
    assert answer["grpc"]["outputs"]["output"] == [[6, 7]]
