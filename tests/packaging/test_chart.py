"""The chart: it renders, is valid, asks for least privilege, and refuses values that make no sense."""

import json

import pytest
import yaml

from demo.kubectl import CommandFailedError, run
from demo.manifests import KUBERNETES
from demo.paths import CHART, SAMPLES
from devcluster import binaries
from glm_operator.api.allowed_urls import DEFAULT_ALLOWED_URLS, AllowedUrls
from schemas import write_schemas

NAMESPACED = ['--set-json=watchNamespaces=["a","b"]']


@pytest.fixture(scope="module")
def helm() -> str:
    binaries.ensure([binaries.named("helm")])
    return str(binaries.named("helm").path)


def rendered(helm: str, *values: str) -> list[dict]:
    text = run([helm, "template", "glm", str(CHART), "-n", "sys", "--kube-version", KUBERNETES, *values])
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(documents: list[dict], *kinds: str) -> list[dict]:
    return [document for document in documents if document["kind"] in kinds]


def test_it_has_no_lint_findings(helm):
    assert "0 chart(s) failed" in run([helm, "lint", "--strict", str(CHART), "--kube-version", KUBERNETES])


@pytest.mark.parametrize("values", [pytest.param([], id="for all namespaces"), pytest.param(NAMESPACED, id="for two")])
def test_every_object_is_valid(helm, values, tmp_path):
    binaries.ensure([binaries.named("kubeconform")])
    documents = [d for d in rendered(helm, *values) if d["kind"] != "CustomResourceDefinition"]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(documents))
    argv = [str(binaries.named("kubeconform").path), "-strict", "-summary", "-schema-location", write_schemas(tmp_path)]
    assert "Invalid: 0, Errors: 0, Skipped: 0" in run([*argv, str(tmp_path / "all.yaml")])


@pytest.mark.parametrize("sample", [pytest.param(path, id=path.name) for path in sorted(SAMPLES.glob("*.yaml"))])
def test_every_sample_is_valid(sample, tmp_path):
    binaries.ensure([binaries.named("kubeconform")])
    argv = [str(binaries.named("kubeconform").path), "-strict", "-summary", "-schema-location", write_schemas(tmp_path)]
    assert "Invalid: 0, Errors: 0, Skipped: 0" in run([*argv, str(sample)])


@pytest.mark.parametrize("values", [pytest.param([], id="for all namespaces"), pytest.param(NAMESPACED, id="for two")])
def test_no_role_has_a_wildcard_or_reads_secrets(helm, values):
    roles = of_kind(rendered(helm, *values), "ClusterRole", "Role")
    assert roles
    for role in roles:
        for rule in role["rules"]:
            assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"], role["metadata"]["name"]
            assert "secrets" not in rule["resources"]
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])


def test_a_namespaced_operator_has_no_cluster_role(helm):
    documents = rendered(helm, *NAMESPACED)
    assert of_kind(documents, "ClusterRole", "ClusterRoleBinding") == []
    assert [role["metadata"]["namespace"] for role in of_kind(documents, "Role")] == ["a", "b"]
    (operator,) = of_kind(documents, "Deployment")
    assert operator["spec"]["template"]["spec"]["containers"][0]["args"] == ["--namespace=a", "--namespace=b"]


def test_the_operator_is_a_restricted_pod(helm):
    (operator,) = of_kind(rendered(helm), "Deployment")
    pod = operator["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param([], DEFAULT_ALLOWED_URLS, id="by default"),
        pytest.param(['--set-json=repositoryUrls=["http://minio.minio.svc:9000/models","s3://"]'],
                     "http://minio.minio.svc:9000/models,s3://", id="a list"),
        pytest.param(["--set-json=repositoryUrls=[]"], "", id="none"),
    ],
)  # fmt: skip
def test_the_operator_gets_the_list_of_addresses(helm, value, expected):
    (operator,) = of_kind(rendered(helm, *value), "Deployment")
    variables = operator["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "GLM_REPOSITORY_URLS", "value": expected} in variables
    AllowedUrls.parse(expected)


def test_the_crd_stays_when_the_chart_is_uninstalled_and_can_be_left_out(helm):
    (crd,) = of_kind(rendered(helm), "CustomResourceDefinition")
    assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert of_kind(rendered(helm, "--set=crds.install=false"), "CustomResourceDefinition") == []


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("surprise=1", id="an unknown value"),
        pytest.param("resyncSeconds=1", id="a resync that never rests"),
        pytest.param("image.pullPolicy=Sometimes", id="a policy that there isn't"),
        pytest.param("runtime.image=", id="no runtime image"),
        pytest.param("repositoryUrls[0]=http://", id="every address without encryption"),
        pytest.param("repositoryUrls[0]=https://user@host", id="an address with credentials"),
    ],
)
def test_values_that_make_no_sense_are_refused(helm, value):
    with pytest.raises(CommandFailedError, match="values don't meet the specifications of the schema"):
        rendered(helm, f"--set={value}")


def test_the_example_values_are_the_defaults():
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(values) <= set(schema["properties"])
