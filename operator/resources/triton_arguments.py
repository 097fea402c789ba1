"""Triton's command line."""

from glm_operator.api.inference import GLMInferenceSpec
from glm_operator.resources.names import GRPC_PORT, HTTP_PORT, METRICS_PORT
from glm_operator.resources.repository_plan import MODELS_PATH


def triton_arguments(spec: GLMInferenceSpec) -> list[str]:
    """Arguments of `tritonserver`.

    Models are loaded one by one on start-up (`explicit`), and a model that fails does not end the server: the others
    serve, and the repository index keeps the reason, which a crashed server would take with it.
    """
    return [
        f"--model-repository={MODELS_PATH}",
        "--model-control-mode=explicit",
        *(f"--load-model={name}" for name in spec.served_names),
        "--exit-on-error=false",
        "--strict-readiness=true",
        f"--exit-timeout-secs={spec.runtime.exit_timeout_seconds}",
        f"--http-port={HTTP_PORT}",
        f"--grpc-port={GRPC_PORT}",
        f"--metrics-port={METRICS_PORT}",
        *spec.runtime.extra_args,
    ]
