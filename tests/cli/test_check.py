"""What `kubectl glm check` finds, and that every error comes with a fix."""

from dataclasses import replace

import pytest

from glm_operator.api.crd import custom_resource_definition
from glm_operator.cli.check import Facts, Level, exit_code, inspect_installation


def condition(kind, status="True"):
    return {"status": {"conditions": [{"type": kind, "status": status}]}}


NODE = {"status": {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {}}}
GPU_NODE = {"status": NODE["status"] | {"allocatable": {"nvidia.com/gpu": "4"}}}
OPERATOR = {
    "metadata": {"name": "glm-operator"},
    "spec": {"template": {"spec": {"containers": [{"image": "op:1"}]}}},
    "status": {"readyReplicas": 1},
}
GATEWAY = {"metadata": {"name": "gateway"}, "spec": {"replicas": 2}, "status": {"readyReplicas": 2}}
CRD = custom_resource_definition() | condition("Established")
OLDER_CRD = CRD | {"spec": {"versions": [{"name": "v1alpha1", "schema": {"openAPIV3Schema": {"type": "object"}}}]}}
SOUND = Facts("v1.37.2", CRD, (OPERATOR,), (GATEWAY,), (NODE,), may_create=True, operator_namespace="glm-system")


def found(check, installed=True, **changes):
    findings = {finding.check: finding for finding in inspect_installation(replace(SOUND, **changes), installed)}
    return findings.get(check)


@pytest.mark.parametrize(
    ("check", "changes", "level"),
    [
        pytest.param("kubernetes version", {}, Level.OK, id="a new enough cluster"),
        pytest.param("kubernetes version", {"version": "v1.29.9"}, Level.ERROR, id="a cluster that is too old"),
        pytest.param("kubernetes version", {"version": "v1.31.4-gke.1"}, Level.OK, id="a vendor's version"),
        pytest.param("nodes", {"nodes": ()}, Level.ERROR, id="no node"),
        pytest.param("nodes", {"nodes": (condition("Ready", "False"),)}, Level.ERROR, id="no node that is ready"),
        pytest.param("nodes", {"nodes": None}, Level.INFO, id="nodes that may not be listed are unknown, not missing"),
        pytest.param("gpus", {}, Level.INFO, id="no GPU is worth telling, and no error"),
        pytest.param("gpus", {"nodes": (GPU_NODE,)}, Level.OK, id="a GPU"),
        pytest.param("crd", {}, Level.OK, id="the CRD as this version knows it"),
        pytest.param("crd", {"crd": {}}, Level.ERROR, id="no CRD"),
        pytest.param("crd", {"crd": None}, Level.INFO, id="a CRD that may not be read is unknown"),
        pytest.param("gpus", {"nodes": None}, Level.INFO, id="GPUs of nodes that may not be listed are unknown"),
        pytest.param("crd", {"crd": CRD | condition("Established", "False")}, Level.ERROR, id="a CRD not served"),
        pytest.param("crd", {"crd": OLDER_CRD}, Level.WARNING, id="a CRD of another version"),
        pytest.param("operator", {}, Level.OK, id="a ready operator"),
        pytest.param("operator", {"operators": ()}, Level.ERROR, id="no operator"),
        pytest.param("operator", {"operators": None}, Level.INFO, id="an operator that may not be read is unknown"),
        pytest.param("operator", {"operators": (OPERATOR | {"status": {}},)}, Level.ERROR, id="one that isn't ready"),
        pytest.param("operator", {"operators": (OPERATOR, OPERATOR)}, Level.WARNING, id="two operators"),
        pytest.param("gateway", {}, Level.OK, id="a gateway whose pods are ready"),
        pytest.param("gateway", {"gateways": ()}, Level.INFO, id="no gateway is a choice"),
        pytest.param("gateway", {"gateways": None}, Level.INFO, id="a gateway that may not be read is unknown"),
        pytest.param(
            "gateway", {"gateways": (GATEWAY | {"status": {"readyReplicas": 1}},)}, Level.WARNING, id="a half"
        ),
        pytest.param("gateway", {"gateways": (GATEWAY | {"status": {}},)}, Level.ERROR, id="a gateway without a pod"),
        pytest.param("permission", {"may_create": False}, Level.WARNING, id="a user who may not create"),
        pytest.param("permission", {"may_create": None}, Level.INFO, id="a review that failed is unknown"),
    ],
)
def test_finding(check, changes, level):
    finding = found(check, **changes)
    assert finding.level is level
    assert finding.fix or level not in {Level.ERROR, Level.WARNING}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({}, 0, id="a sound installation"),
        pytest.param({"may_create": False}, 0, id="a warning is no failure"),
        pytest.param({"crd": {}}, 1, id="an error is"),
    ],
)
def test_exit_code(changes, code):
    assert exit_code(inspect_installation(replace(SOUND, **changes), installed=True)) == code


def test_before_the_installation_nothing_of_it_is_expected():
    assert found("crd", installed=False, crd={}) is None
