"""The chart: it renders, is valid, asks for least privilege, and refuses values that make no sense."""

import json

import pytest
import yaml

from demo.kubectl import CommandFailedError, run
from demo.manifests import KUBERNETES
from demo.paths import CHART, SAMPLES
from devcluster import binaries
from glm_operator.api import group
from glm_operator.api.allowed_urls import DEFAULT_ALLOWED_URLS, AllowedUrls
from glm_operator.gateway.certificates import CLIENT_CERTIFICATE_KEY, CLIENT_KEY_KEY, TRUST_KEY
from glm_operator.reconcile.settings import read_settings
from schemas import write_schemas

NAMESPACED = ['--set-json=watchNamespaces=["a","b"]']
GATEWAY = ["--set=gateway.enabled=true"]
INSTALLATIONS = [
    pytest.param(["--set=gateway.enabled=false"], id="for all namespaces"),
    pytest.param(NAMESPACED, id="for two"),
    pytest.param(GATEWAY, id="with the gateway"),
    pytest.param([*NAMESPACED, *GATEWAY], id="with the gateway, for two"),
]


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


@pytest.mark.parametrize("values", INSTALLATIONS)
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


@pytest.mark.parametrize("values", INSTALLATIONS)
def test_no_role_has_a_wildcard_or_reads_secrets_but_the_gateways_own(helm, values):
    roles = of_kind(rendered(helm, *values), "ClusterRole", "Role")
    assert roles
    for role in roles:
        for rule in role["rules"]:
            assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"], role["metadata"]["name"]
            if "secrets" in rule["resources"]:
                assert (role["kind"], role["metadata"]["namespace"]) == ("Role", "sys")
                assert (rule["resourceNames"], rule["verbs"]) == (["glm-gateway"], ["get", "patch"])
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])


def test_a_namespaced_operator_has_no_cluster_role(helm):
    documents = rendered(helm, *NAMESPACED)
    assert of_kind(documents, "ClusterRole", "ClusterRoleBinding") == []
    roles = [role for role in of_kind(documents, "Role") if role["metadata"]["name"] == "glm"]
    assert [role["metadata"]["namespace"] for role in roles] == ["a", "b"]
    operator = deployment(documents, "glm")
    assert operator["spec"]["template"]["spec"]["containers"][0]["args"] == ["--namespace=a", "--namespace=b"]


def deployment(documents: list[dict], name: str) -> dict:
    (found,) = [each for each in of_kind(documents, "Deployment") if each["metadata"]["name"] == name]
    return found


@pytest.mark.parametrize("name", ["glm", "glm-gateway"])
def test_operator_and_gateway_are_restricted_pods(helm, name):
    pod = deployment(rendered(helm, *GATEWAY), name)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_gateway_gets_no_token_and_only_its_own_keys(helm):
    pod = deployment(rendered(helm, *GATEWAY), "glm-gateway")["spec"]["template"]["spec"]
    (tls,) = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    assert pod["automountServiceAccountToken"] is False
    assert [item["key"] for item in tls["items"]] == [TRUST_KEY, CLIENT_CERTIFICATE_KEY, CLIENT_KEY_KEY]


def test_the_secret_has_no_content_that_an_upgrade_could_put_back(helm):
    (secret,) = of_kind(rendered(helm, *GATEWAY), "Secret")
    assert {"data", "stringData"} & secret.keys() == set()


def test_the_operator_is_told_what_the_gateway_is_called(helm):
    """The names in the certificate are those that Envoy asks for and checks."""
    documents = rendered(helm, *GATEWAY, "--set=clusterDomain=example.org")
    variables = deployment(documents, "glm")["spec"]["template"]["spec"]["containers"][0]["env"]
    settings = read_settings({each["name"]: each["value"] for each in variables})
    services = {each["metadata"]["name"] for each in of_kind(documents, "Service")}
    (bootstrap,) = [each["data"] for each in of_kind(documents, "ConfigMap")]
    envoy, trust = yaml.safe_load(bootstrap["envoy.yaml"]), yaml.safe_load(bootstrap["trust.yaml"])
    operator = envoy["static_resources"]["clusters"][0]
    (endpoint,) = operator["load_assignment"]["endpoints"][0]["lb_endpoints"]
    address = endpoint["endpoint"]["address"]["socket_address"]
    (checked,) = trust["resources"][0]["validation_context"]["match_typed_subject_alt_names"]
    assert settings.gateway_host == "glm-gateway.sys.svc.example.org"
    assert {settings.gateway_service, settings.xds_service} <= services
    assert (settings.gateway_namespace, settings.gateway_secret) == ("sys", "glm-gateway")
    assert (checked["matcher"]["exact"], address["address"]) == settings.xds_names
    assert address["port_value"] == settings.xds_port


def test_without_the_gateway_there_is_nothing_of_it(helm):
    documents = rendered(helm, "--set=gateway.enabled=false")
    assert not [each["metadata"]["name"] for each in documents if each["metadata"]["name"].endswith(("gateway", "xds"))]
    variables = of_kind(documents, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert read_settings({each["name"]: each["value"] for each in variables}).gateway_host is None


def test_only_the_gateway_reaches_the_port_of_its_configuration(helm):
    documents = rendered(helm, *GATEWAY)
    (policy,) = [each for each in of_kind(documents, "NetworkPolicy") if each["metadata"]["name"] == "glm"]
    rules = {rule["ports"][0]["port"]: rule.get("from") for rule in policy["spec"]["ingress"]}
    gateway = deployment(documents, "glm-gateway")["spec"]["template"]["metadata"]["labels"]
    assert set(rules) == {8080, 18000}
    (peer,) = rules[18000]
    assert peer["podSelector"]["matchLabels"].items() <= gateway.items()
    selected = of_kind(documents, "Service")
    assert all(each["spec"]["selector"]["app.kubernetes.io/instance"] == "glm" for each in selected)


@pytest.mark.parametrize(
    ("limit", "heap"),
    [
        pytest.param("512Mi", 429_496_729, id="mebibytes"),
        pytest.param("2Gi", 1_717_986_918, id="gibibytes"),
    ],
)
def test_envoy_keeps_four_fifths_of_its_memory_limit(helm, limit, heap):
    documents = rendered(helm, *GATEWAY, f"--set=gateway.resources.limits.memory={limit}")
    (bootstrap,) = [yaml.safe_load(each["data"]["envoy.yaml"]) for each in of_kind(documents, "ConfigMap")]
    assert bootstrap["overload_manager"]["resource_monitors"][0]["typed_config"]["max_heap_size_bytes"] == heap


def test_a_changed_bootstrap_rolls_the_gateway(helm):
    templates = [
        deployment(rendered(helm, *GATEWAY, value), "glm-gateway")["spec"]["template"]["metadata"]["annotations"]
        for value in ("--set=gateway.maxConnections=10", "--set=gateway.maxConnections=11")
    ]
    assert templates[0] != templates[1]


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
    operator = deployment(rendered(helm, *value), "glm")
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
        pytest.param("gateway.replicas=0", id="a gateway without pods"),
        pytest.param("gateway.resources.limits.memory=512M", id="a memory limit that the heap can't be made from"),
        pytest.param("gateway.resources.limits=null", id="a gateway without a memory limit"),
        pytest.param("clusterDomain=a b", id="a domain that is none"),
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


def test_the_plugin_knows_the_gateway_by_the_label_that_the_chart_gives_it(helm):
    labels = deployment(rendered(helm, *GATEWAY), "glm-gateway")["metadata"]["labels"]
    assert labels[group.LABEL_NAME] == group.GATEWAY_APP_NAME
