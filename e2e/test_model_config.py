"""The real server takes the configurations that the operator makes, with every field that Triton may refuse."""

from demo.wait import inference_ready
from support import ECHO_MODEL, ask, echo_code, files, inference

QUEUE = {
    "preferredBatchSizes": [4, 8],
    "maxQueueDelayMicroseconds": 100,
    "maxQueueSize": 64,
    "defaultTimeoutMicroseconds": 5_000_000,
    "timeoutAction": "Delay",
    "allowTimeoutOverride": True,
    "priorityLevels": 2,
    "defaultPriorityLevel": 1,
}
LIMITER = {"resources": [{"name": "bandwidth", "count": 2}, {"name": "licence", "global": True}], "priority": 2}


def test_queue_policies_and_rate_limiters_are_taken_and_answer(kubectl, namespace):
    models = [
        ECHO_MODEL | {"name": "queued", "dynamicBatching": QUEUE, "responseCache": True},
        ECHO_MODEL | {"name": "limited", "instances": {"count": 2, "rateLimiter": LIMITER}},
    ]
    code = {"queued__1__model__py": echo_code(1), "limited__1__model__py": echo_code(2)}
    runtime = {"extraArgs": ["--rate-limit-resource=bandwidth:4", "--rate-limit-resource=licence:1"]}
    kubectl.apply(files("pair", **code), inference("pair", models=models, runtime=runtime), namespace=namespace)
    resource = inference_ready(kubectl, namespace, "pair")
    for model, expected in (("queued", 2.0), ("limited", 3.0)):
        answer = ask(kubectl, namespace, "pair", model, {"input": {"shape": [1, 1], "data": [1]}})
        assert answer["grpc"]["outputs"]["output"] == [[expected]]
    warnings = [c["reason"] for c in resource["status"]["conditions"] if c["type"] == "SecurityWarning"]
    assert warnings == ["KnownVulnerability"]
