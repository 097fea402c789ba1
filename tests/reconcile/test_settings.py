import pytest
import yaml

from demo.paths import CHART
from glm_operator.reconcile.settings import InvalidSettingsError, read_settings

LEAST = {"GLM_RUNTIME_IMAGE": "t:1", "GLM_REPOSITORY_IMAGE": "o:1", "PATH": "/bin"}


def test_the_least_settings_have_every_default():
    settings = read_settings(LEAST)
    assert (settings.images.runtime, settings.scopes, settings.workers) == ("t:1", (None,), 32)


def test_the_default_list_of_addresses_is_the_charts():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert read_settings(LEAST).images.repository_urls == ",".join(values["repositoryUrls"])


def test_the_gateway_has_names_where_it_is_enabled():
    place = {"GLM_GATEWAY_ENABLED": "true", "GLM_GATEWAY_NAMESPACE": "sys", "GLM_CLUSTER_DOMAIN": "example.org"}
    settings = read_settings(LEAST | place)
    assert settings.gateway_host == "glm-operator-gateway.sys.svc.example.org"
    assert settings.xds_names == ("glm-operator-xds.sys.svc", "glm-operator-xds.sys.svc.example.org")
    assert read_settings(LEAST).gateway_host is None


def test_namespaces_are_a_list_with_commas():
    assert read_settings(LEAST | {"GLM_NAMESPACES": "a, b,"}).scopes == ("a", "b")


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        pytest.param({"GLM_REPOSITORY_IMAGE": "o:1"}, "GLM_RUNTIME_IMAGE", id="a missing one"),
        pytest.param({"GLM_RUNTIME_IMAGE": "t:1"}, "GLM_REPOSITORY_IMAGE", id="the other missing one"),
        pytest.param(LEAST | {"GLM_WORKERS": "many"}, "GLM_WORKERS", id="one that is no number"),
        pytest.param(LEAST | {"GLM_REPOSITORY_URLS": "http://"}, "GLM_REPOSITORY_URLS", id="a prefix that is none"),
        pytest.param(LEAST | {"GLM_CLUSTER_DOMAIN": "-"}, "GLM_CLUSTER_DOMAIN", id="a domain that is none"),
        pytest.param(LEAST | {"GLM_GATEWAY_ENABLED": "true"}, "GLM_GATEWAY_NAMESPACE", id="a gateway in no namespace"),
        pytest.param(LEAST | {"GLM_PROMETHEUS_URL": "prometheus:9090"}, "GLM_PROMETHEUS_URL", id="half an address"),
        pytest.param(LEAST | {"GLM_RESYNC_SECONDS": "0"}, "GLM_RESYNC_SECONDS", id="one out of bounds"),
    ],
)
def test_a_wrong_variable_is_named(environment, variable):
    with pytest.raises(InvalidSettingsError, match=variable):
        read_settings(environment)
