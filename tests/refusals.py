"""Mistakes that a GLMInference can hold, each with a part of the message that must tell about it."""

from dataclasses import dataclass
from typing import Any

from bodies import BIG, TENSOR_IN, TENSOR_OUT, model


@dataclass(frozen=True)
class Refusal:
    """One mistake."""

    sentence: str
    spec: dict[str, Any]
    message: str
    """What the operator's own check says."""
    server_message: str = ""
    """What the API server says, where its schema words it otherwise."""

    @property
    def by_server(self) -> str:
        return self.server_message or self.message


def _ensemble(**fields: Any) -> dict[str, Any]:
    step = {"model": "echo", "inputMap": {"input": "raw"}, "outputMap": {"output": "done"}}
    return {"name": "whole", "inputs": [TENSOR_IN], "outputs": [TENSOR_OUT], "steps": [step]} | fields


REFUSALS = [
    Refusal("no model at all", {"models": []}, "at least 1 item", "should have at least 1 items"),
    Refusal("no repository source", {"repository": {}}, "exactly one source"),
    Refusal(
        "two repository sources",
        {"repository": {"configMap": {"name": "a"}, "persistentVolumeClaim": {"name": "b"}}},
        "exactly one source",
    ),
    Refusal("replicas together with scaling", {"replicas": 2, "scaling": {}}, "exclude each other"),
    Refusal("two models of one name", {"models": [model(), model()]}, "same name", "Duplicate value"),
    Refusal(
        "an ensemble of a model's name",
        {"ensembles": [_ensemble(name="echo")]},
        "has the name of a model",
    ),
    Refusal(
        "an ensemble step with an unknown model",
        {"ensembles": [_ensemble(steps=[{"model": "gone", "inputMap": {}, "outputMap": {}}])]},
        "not in models",
    ),
    Refusal("a model name with a quote", {"models": [model(name='a"b')]}, "pattern", "should match"),
    Refusal("a model name with a newline", {"models": [model(name="a\nb")]}, "pattern", "should match"),
    Refusal("a model name that climbs out", {"models": [model(name="../a")]}, "pattern", "should match"),
    Refusal("a model name in capitals", {"models": [model(name="Echo")]}, "pattern", "should match"),
    Refusal("an engine that there isn't", {"models": [model(engine="Magic")]}, "Input should be", "Unsupported value"),
    Refusal(
        "an accelerator beside another engine",
        {"models": [model(accelerator={"name": "TensorRT"})]},
        "engine ONNXRuntime only",
    ),
    Refusal(
        "parameters for the OpenVINO accelerator",
        {"models": [BIG | {"accelerator": {"name": "OpenVINO", "parameters": {"a": "b"}}}]},
        "takes no parameters",
    ),
    Refusal(
        "CUDA graphs beside another engine",
        {"models": [model(optimization={"cudaGraphs": True})]},
        "engine TensorRT only",
    ),
    Refusal("batching in front of vLLM", {"models": [{"name": "x", "engine": "VLLM", "maxBatchSize": 8}]}, "by itself"),
    Refusal(
        "dynamic batching without a batch dimension",
        {"models": [model(maxBatchSize=0, dynamicBatching={})]},
        "needs a batch dimension",
    ),
    Refusal(
        "a Python model without tensors", {"models": [{"name": "x", "engine": "Python"}]}, "list inputs and outputs"
    ),
    Refusal(
        "a tensor without a shape",
        {"models": [model(inputs=[TENSOR_IN | {"dims": []}])]},
        "at least 1 item",
        "should have at least 1 items",
    ),
    Refusal("fewer replicas than none", {"replicas": -1}, "greater than or equal to 0"),
    Refusal("scaling whose least is above its most", {"scaling": {"minReplicas": 5, "maxReplicas": 2}}, "swap them"),
    Refusal(
        "a claim's folder that climbs out",
        {"repository": {"persistentVolumeClaim": {"name": "a", "path": "../../etc"}}},
        "pattern",
        "should match",
    ),
    Refusal(
        "a Triton flag of the operator's own", {"runtime": {"extraArgs": ["--model-repository=/"]}}, "only these flags"
    ),
    Refusal(
        "a Triton flag with a space",
        {"runtime": {"extraArgs": ["--log-verbose=1 --http-port=1"]}},
        "pattern",
        "should match",
    ),
    Refusal(
        "a Triton flag that is newer than the server",
        {"runtime": {"extraArgs": ["--http-max-input-size=1048576"]}},
        "is there from 2.59 on",
    ),
    Refusal("a version that is none", {"runtime": {"version": "24.10-py3"}}, "pattern", "should match"),
    Refusal(
        "requests that are put off but never late",
        {"models": [model(dynamicBatching={"timeoutAction": "Delay"})]},
        "acts on requests that time out",
    ),
    Refusal(
        "a priority that there isn't",
        {"models": [model(dynamicBatching={"priorityLevels": 2, "defaultPriorityLevel": 3})]},
        "from 1 to priorityLevels",
    ),
    Refusal(
        "priorities without a default one",
        {"models": [model(dynamicBatching={"priorityLevels": 2})]},
        "from 1 to priorityLevels",
    ),
    Refusal(
        "a rate limiter in a server that ignores it",
        {"models": [model(instances={"rateLimiter": {}})], "runtime": {"extraArgs": ["--rate-limit=off"]}},
        "does nothing with --rate-limit=off",
    ),
    Refusal(
        "a rate limiter's resource that there is nothing of",
        {
            "models": [model(instances={"rateLimiter": {"resources": [{"name": "a"}]}})],
            "runtime": {"extraArgs": ["--rate-limit-resource=ab:1"]},
        },
        "list every resource of a rateLimiter",
    ),
    Refusal(
        "two resources of one name in a rate limiter",
        {"models": [model(instances={"rateLimiter": {"resources": [{"name": "a"}, {"name": "a"}]}})]},
        "two resources of rateLimiter",
        "Duplicate value",
    ),
    Refusal(
        "a GPU resource without a domain", {"runtime": {"gpu": {"resourceName": "gpu"}}}, "pattern", "should match"
    ),
    Refusal(
        "a duration without a unit", {"traffic": {"connectionPool": {"idleTimeout": "60"}}}, "pattern", "should match"
    ),
    Refusal(
        "an archive without a checksum", {"repository": {"http": {"uri": "https://a/b"}}}, "sha256", "Required value"
    ),
    Refusal(
        "credentials in an address",
        {"repository": {"http": {"uri": "https://user:word@a/b", "sha256": "0" * 64}}},
        "put them into a Secret",
    ),
    Refusal(
        "an S3 endpoint with a path",
        {"repository": {"s3": {"uri": "s3://abc/x", "endpoint": "https://minio/path"}}},
        "pattern",
        "should match",
    ),
    Refusal(
        "a download of what is mounted",
        {"repository": {"configMap": {"name": "a"}, "download": {"sizeLimit": "1Gi"}}},
        "the other sources are mounted",
    ),
]

OPERATOR_REFUSALS = [
    Refusal(
        "an ensemble's batch above a member's",
        {"models": [model(maxBatchSize=4)], "ensembles": [_ensemble(inputs=[TENSOR_IN | {"name": "raw"}])]},
        "above that of a member",
    ),
    Refusal("a tensor that nobody makes", {"ensembles": [_ensemble()]}, "neither its inputs nor a step's outputMap"),
]
"""Mistakes that would cost the API server too much to find: the operator says them, as `InvalidSpec`."""
