"""Which revision of a model a server shall run, and what makes a running server run it.

A revision is the hash of the generated configuration and, where the files come from a ConfigMap, the hash of the files.
Both stand as parameters in the configuration that Triton was given, and Triton tells them on request.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from google.protobuf import json_format

from glm_operator.api.inference import GLMInferenceSpec
from glm_operator.api.model import ModelSpec
from glm_operator.api.model_files import files_hash, path_of_key
from glm_operator.api.repository_layout import CONFIG_PARAMETER, FILES_PARAMETER
from glm_operator.resources.hashing import content_hash
from glm_operator.resources.model_config import model_config, parse_config, printed_config
from glm_operator.resources.names import Object

_PYTHON_FILE: Final = "model.py"


@dataclass(frozen=True, slots=True)
class WantedModel:
    """One model as every server shall run it."""

    name: str
    required: bool
    config: str
    """The generated configuration, with its own hash."""
    revision: str
    files: Mapping[str, bytes] | None = None
    """`VERSION/FILENAME` to content, which travel in the request; None: the pod has them in a volume."""
    problem: str = ""
    """Why it can't be loaded; empty: nothing is known to be in the way."""


def marked_config(config: str) -> str:
    """A printed configuration with its own hash among the parameters."""
    parsed = parse_config(config)
    parsed.parameters[CONFIG_PARAMETER].string_value = content_hash(config)
    return printed_config(parsed)


def revision_of(parameters: Mapping[str, str]) -> str:
    """The revision that a server tells by its model's parameters."""
    return "-".join(parameters[key] for key in (CONFIG_PARAMETER, FILES_PARAMETER) if key in parameters)


def wanted_models(spec: GLMInferenceSpec, source: Object | None) -> tuple[WantedModel, ...]:
    """Every model as the servers shall run it now, without the ensembles.

    Args:
        spec: the resource's.
        source: the ConfigMap with the model files; None when they are in a volume.
    """
    contents = None if source is None else _contents(source)
    return tuple(_wanted(model, spec.runtime.gpu.count, contents) for model in spec.models)


def load_override(model: WantedModel) -> tuple[str, dict[str, bytes]]:
    """Configuration as JSON and files, as Triton's load request takes them."""
    config = parse_config(model.config)
    files = model.files or {}
    if model.files is not None:
        config.parameters[FILES_PARAMETER].string_value = files_hash(files)
    text = json_format.MessageToJson(config, preserving_proto_field_name=True, indent=None)
    return text, {f"file:{path}": content for path, content in files.items()}


def _wanted(model: ModelSpec, gpus: int, contents: Mapping[str, bytes] | None) -> WantedModel:
    plain = model_config(model, gpus)
    config, revision = marked_config(plain), content_hash(plain)
    if contents is None:
        return WantedModel(model.name, model.required, config, revision)
    paths = {path_of_key(model.name, key): content for key, content in contents.items()}
    files = {path: content for path, content in paths.items() if path is not None}
    problem = _problem(model, files)
    return WantedModel(model.name, model.required, config, f"{revision}-{files_hash(files)}", files, problem)


def _problem(model: ModelSpec, files: Mapping[str, bytes]) -> str:
    """What Triton would not tell: of a Python model without its file it never answers the load (2.51)."""
    if not files:
        return f"the ConfigMap has no files of it; add a key such as {model.name}.1.model.onnx"
    if model.engine == "Python":
        versions = {path.partition("/")[0] for path in files}
        missing = sorted(version for version in versions if f"{version}/{_PYTHON_FILE}" not in files)
        if missing:
            return f"the ConfigMap has no key {model.name}.{missing[0]}.{_PYTHON_FILE}; add it"
    return ""


def _contents(config_map: Object) -> dict[str, bytes]:
    texts = {key: text.encode() for key, text in (config_map.get("data") or {}).items()}
    return texts | {key: base64.b64decode(text) for key, text in (config_map.get("binaryData") or {}).items()}
