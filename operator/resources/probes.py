"""Kubelet's probes of a Triton pod.

Triton binds its ports only after the start-up models have loaded, so a startup probe covers the loading. Whether the
pod gets requests must hang on its required models alone. The server's own readiness is no help: while an older version
of a reloaded model still ends, and for good after a newer one failed to load beside it, it says no although every
model answers. Kubelet can ask one address, so with several required models the operator answers, by a readiness gate.
"""

from typing import Final

from glm_operator.api.inference import GLMInferenceSpec
from glm_operator.resources.names import Object

STARTUP_PERIOD_SECONDS: Final = 2


def needs_readiness_gate(spec: GLMInferenceSpec) -> bool:
    """Whether no single address tells that every required model is ready."""
    return len(spec.required_models) > 1


def startup_probe(spec: GLMInferenceSpec) -> Object:
    """Time for loading: `runtime.startupSeconds`."""
    failures = -(-spec.runtime.startup_seconds // STARTUP_PERIOD_SECONDS)
    return _http("/v2/health/live") | {
        "periodSeconds": STARTUP_PERIOD_SECONDS,
        "timeoutSeconds": 1,
        "failureThreshold": failures,
    }


def readiness_probe(spec: GLMInferenceSpec) -> Object:
    """Whether the pod may get requests."""
    return _http(_readiness_path(spec)) | {"periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 2}


def liveness_probe() -> Object:
    """Whether the server still answers; a failed model is no reason to start it anew."""
    return _http("/v2/health/live") | {"periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 3}


def _readiness_path(spec: GLMInferenceSpec) -> str:
    required = spec.required_models
    return f"/v2/models/{required[0]}/ready" if len(required) == 1 else "/v2/health/live"


def _http(path: str) -> Object:
    return {"httpGet": {"path": path, "port": "http", "scheme": "HTTP"}}
