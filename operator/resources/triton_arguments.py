"""Triton's command line."""

from typing import Final

from glm_operator.api.inference import GLMInferenceSpec
from glm_operator.api.triton_versions import knows_flag
from glm_operator.resources.names import GRPC_PORT, HTTP_PORT, METRICS_PORT
from glm_operator.resources.repository_plan import MODELS_PATH

DEFAULT_CACHE_BYTES: Final = 64 * 1024 * 1024
_CACHE_FLAGS: Final = frozenset({"--cache-config", "--response-cache-byte-size"})


def triton_arguments(spec: GLMInferenceSpec) -> list[str]:
    """Arguments of `tritonserver`.

    Every model of the repository is loaded on start-up, and later by the operator (`explicit`); no model is named here,
    for a changed argument would restart the server. A model that fails does not end it: the others serve, and the
    repository index keeps the reason, which a crashed server would take with it.
    """
    return [
        f"--model-repository={MODELS_PATH}",
        "--model-control-mode=explicit",
        "--load-model=*",
        "--exit-on-error=false",
        "--strict-readiness=true",
        f"--exit-timeout-secs={spec.runtime.exit_timeout_seconds}",
        f"--http-port={HTTP_PORT}",
        f"--grpc-port={GRPC_PORT}",
        f"--metrics-port={METRICS_PORT}",
        *_cache_arguments(spec),
        *_rate_limit_arguments(spec),
        *spec.runtime.extra_args,
    ]


def _cache_arguments(spec: GLMInferenceSpec) -> list[str]:
    """A response cache must be switched on for the server as well; the user may give a size of their own."""
    wanted = any(model.response_cache for model in spec.models)
    given = any(argument.split("=")[0] in _CACHE_FLAGS for argument in spec.runtime.extra_args)
    if not wanted or given:
        return []
    newest = f"--cache-config=local,size={DEFAULT_CACHE_BYTES}"
    older = f"--response-cache-byte-size={DEFAULT_CACHE_BYTES}"
    return [newest if knows_flag(spec.runtime.version, newest) else older]


def _rate_limit_arguments(spec: GLMInferenceSpec) -> list[str]:
    """Rate limiters are ignored by a server that wasn't told to look at them."""
    wanted = any(model.instances.rate_limiter is not None for model in spec.models)
    given = any(argument.split("=")[0] == "--rate-limit" for argument in spec.runtime.extra_args)
    return ["--rate-limit=execution_count"] if wanted and not given else []
