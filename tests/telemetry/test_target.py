"""What telemetry must know of a pod comes from the pod as the API server has it."""

import pytest

from bodies import MINIMAL, TENSOR_IN, TENSOR_OUT, make_body, model
from glm_operator.api.inference import parse
from glm_operator.telemetry.target import steps_of, target_of


def pod(*containers):
    return {
        "metadata": {"name": "a-1", "namespace": "shop", "uid": "u"},
        "spec": {
            "nodeName": "n",
            "containers": [{"name": name, "resources": resources} for name, resources in containers],
        },
        "status": {"podIP": "10.0.0.7", "containerStatuses": [{"name": "triton", "restartCount": 2}]},
    }


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        pytest.param([("triton", {"limits": {"cpu": "500m"}})], 0.5, id="its server's limit"),
        pytest.param([("triton", {"limits": {"cpu": 2}})], 2.0, id="a limit as a number"),
        pytest.param([("triton", {"requests": {"cpu": "1"}})], None, id="a request is no limit"),
        pytest.param([("triton", {"limits": {"cpu": "0"}})], None, id="a limit of 0 is none to Kubernetes"),
        pytest.param([("proxy", {"limits": {"cpu": "1"}}), ("triton", {})], None, id="not that of a sidecar"),
        pytest.param([], None, id="no server"),
    ],
)
def test_the_limit(containers, expected):
    assert target_of(pod(*containers), {}).cpu_limit_cores == expected


def test_a_target_is_named_placed_and_told_apart_from_the_one_before_its_restart():
    target = target_of(pod(("triton", {})), {"chain": ("echo",)})
    assert (target.uid, target.incarnation, target.namespace, target.name) == ("u", "u/2", "shop", "a-1")
    assert (target.address, target.node, target.http_port, target.metrics_port) == ("10.0.0.7", "n", 8000, 8002)
    assert target.steps == {"chain": ("echo",)}


def test_the_steps_of_a_resource():
    steps = [
        {"model": "echo", "inputMap": {"input": "input"}, "outputMap": {"output": "mid"}},
        {"model": "other", "inputMap": {"input": "mid"}, "outputMap": {"output": "output"}},
    ]
    ensemble = {"name": "chain", "inputs": [TENSOR_IN], "outputs": [TENSOR_OUT], "steps": steps}
    spec = MINIMAL | {"models": [model(), model(name="other")], "ensembles": [ensemble]}
    assert steps_of(parse(make_body(spec)).spec) == {"chain": ("echo", "other")}
