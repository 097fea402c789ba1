"""What the backend needs of an engine, whichever it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from images.engines.batching import Tensors
from images.engines.options import Engine, ModelConfig, engine
from images.engines.signature import Signature


class ModelFileError(Exception):
    """The engine cannot read the model file."""


class Session(Protocol):
    """A model, ready to run."""

    signature: Signature

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """The named outputs for `inputs`."""


def open_session(model_file: Path, config: ModelConfig) -> Session:
    """Load `model_file` into the engine that `config` names. Only that engine is imported: each costs 20 to 50 MB."""
    if engine(config) is Engine.OPENVINO:
        from images.engines.openvino_session import OpenVinoSession

        return OpenVinoSession.open(model_file, config)
    from images.engines.onnx_runtime_session import OnnxRuntimeSession

    return OnnxRuntimeSession.open(model_file, config)


def model_file_error(model_file: Path, engine_name: str, cause: Exception) -> ModelFileError:
    """One sentence for the repository index, with the line of the engine's own words that says why."""
    if not model_file.exists():
        return ModelFileError(f"there is no model file {model_file}")
    size = model_file.stat().st_size
    return ModelFileError(
        f"{engine_name} cannot read {model_file} ({size} bytes), it is truncated or no model: {_why(cause)}."
    )


def _why(cause: Exception) -> str:
    """The first line that is no place in the engine's source code, as OpenVINO's leading lines are."""
    lines = [line.strip() for line in str(cause).splitlines()]
    telling = [line for line in lines if line and not line.startswith("Exception from ")]
    return telling[0].rstrip(".") if telling else type(cause).__name__
