"""The keys of the repository's ConfigMap: `MODEL.VERSION.FILENAME`, and what is in the files."""

import ast
import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from glm_operator.analysis.documents import Document
from glm_operator.analysis.finding import Path, Problem
from glm_operator.analysis.onnx_file import NotOnnxError, read_tensors
from glm_operator.analysis.subject import Subject
from glm_operator.api.model import ModelSpec
from glm_operator.api.model_files import path_of_key

FILE_NAMES: Final[Mapping[str, str]] = {
    "TensorRT": "model.plan",
    "ONNXRuntime": "model.onnx",
    "OpenVINO": "model.xml",
    "PyTorch": "model.pt",
    "Python": "model.py",
    "VLLM": "model.json",
}
"""What Triton's backends look for in a version folder; TensorRT-LLM finds its engines by parameters."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file of a model."""

    path: Path
    key: str
    model: str
    version: str
    name: str
    content: bytes | None
    """None: it can't be decoded."""


def _config_map(subject: Subject) -> Document | None:
    source = subject.spec.repository.config_map
    return subject.named("ConfigMap", source.name) if source is not None else None


def _files(document: Document) -> Iterator[_File]:
    for part in ("data", "binaryData"):
        entries = document.at(part)
        if not isinstance(entries, Mapping):
            continue
        for key, value in entries.items():
            model, _, rest = key.partition(".")
            version, _, name = rest.partition(".")
            yield _File((part, key), key, model, version, name, _content(part, value))


def _content(part: str, value: object) -> bytes | None:
    if not isinstance(value, str):
        return None
    if part == "data":
        return value.encode(errors="replace")
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def models_have_files(subject: Subject) -> Iterator[Problem]:
    """Each model has a key, and each key a model."""
    document = _config_map(subject)
    if document is None:
        return
    files = list(_files(document))
    for index, model in enumerate(subject.spec.models):
        if not any(file.model == model.name for file in files):
            code = "GLM203" if model.required else "GLM220"
            expected = f"{model.name}.1.{FILE_NAMES.get(model.engine, 'FILENAME')}"
            message = f"ConfigMap {document.name} has no key for model {model.name}"
            yield Problem(code, ("spec", "models", index, "name"), message, f"add the key {expected}")
    names = {model.name for model in subject.spec.models}
    for file in files:
        if file.model not in names:
            yield Problem("GLM204", file.path, f"no model is named {file.model}", document=document)
        elif path_of_key(file.model, file.key) is None or file.version.startswith("0"):
            # Triton passes over folders whose name starts with a zero.
            yield Problem("GLM219", file.path, f"{file.key} has no version, so that it is left out", document=document)


def files_have_the_engines_name(subject: Subject) -> Iterator[Problem]:
    """A version folder without the file that the engine looks for can't be loaded."""
    document = _config_map(subject)
    if document is None:
        return
    for model, version, files in _versions(subject, document):
        expected = FILE_NAMES.get(model.engine)
        if expected is not None and not any(file.name == expected for file in files):
            message = f"engine {model.engine} looks for {expected}, and version {version} has"
            fix = f"name it {model.name}.{version}.{expected}"
            listed = ", ".join(file.name for file in files)
            yield Problem("GLM205", files[0].path, f"{message} {listed}", fix, document)


def versions_are_there(subject: Subject) -> Iterator[Problem]:
    """The versions of `versionPolicy.specific` have files."""
    document = _config_map(subject)
    if document is None:
        return
    there = {(model.name, version) for model, version, _ in _versions(subject, document)}
    for index, model in enumerate(subject.spec.models):
        wanted = model.version_policy.specific if model.version_policy is not None else None
        for position, version in enumerate(wanted or ()):
            if any(name == model.name for name, _ in there) and (model.name, str(version)) not in there:
                path = ("spec", "models", index, "versionPolicy", "specific", position)
                yield Problem("GLM212", path, f"ConfigMap {document.name} has no version {version} of {model.name}")


def contents(subject: Subject) -> Iterator[Problem]:
    """Whether a file can be what it is named."""
    document = _config_map(subject)
    if document is None:
        return
    models = {model.name: (index, model) for index, model in enumerate(subject.spec.models)}
    for file in _files(document):
        if file.content is None:
            yield Problem("GLM214", file.path, f"{file.key} can't be decoded", document=document)
        elif file.model not in models or file.name != FILE_NAMES.get(models[file.model][1].engine):
            continue
        elif not file.content.strip():
            yield Problem("GLM208", file.path, f"{file.key} holds nothing", document=document)
        elif file.name == FILE_NAMES["Python"]:
            yield from _python(file, document)
        elif file.name == FILE_NAMES["ONNXRuntime"]:
            yield from _onnx(file, document, *models[file.model])


def _python(file: _File, document: Document) -> Iterator[Problem]:
    text = (file.content or b"").decode(errors="replace")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f" in its line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        yield Problem("GLM217", file.path, f"{file.key}: {reason}{where}", document=document)
        return
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "TritonPythonModel"]
    methods = {
        item.name for node in classes for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    # A class with a base, or a name that is imported, may have it from elsewhere.
    inherits = any(node.bases for node in classes) or (not classes and "TritonPythonModel" in text)
    if "execute" not in methods and not inherits:
        yield Problem("GLM218", file.path, f"{file.key} has no class TritonPythonModel with execute", document=document)


def _onnx(file: _File, document: Document, index: int, model: ModelSpec) -> Iterator[Problem]:
    try:
        tensors = read_tensors(file.content or b"")
    except NotOnnxError as error:
        yield Problem("GLM209", file.path, f"{file.key}: {error}", document=document)
        return
    for side, there in (("inputs", tensors.inputs), ("outputs", tensors.outputs)):
        for position, tensor in enumerate(getattr(model, side)):
            if tensor.name not in there:
                path = ("spec", "models", index, side, position, "name")
                listed = ", ".join(sorted(there)) or "none"
                yield Problem("GLM210", path, f"{file.key} has the {side} {listed}, and no {tensor.name}")


def _versions(subject: Subject, document: Document) -> Iterator[tuple[ModelSpec, str, list[_File]]]:
    files = list(_files(document))
    for model in subject.spec.models:
        own = [file for file in files if path_of_key(model.name, file.key) is not None]
        for version in dict.fromkeys(file.version for file in own):
            yield model, version, [file for file in own if file.version == version]


CHECKS: Final = (models_have_files, files_have_the_engines_name, versions_are_there, contents)
