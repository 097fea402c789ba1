"""What the API server's schema and rules refuse, from the same models, with a code for each kind of mistake."""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from glm_operator.analysis.codes import what_and_fix
from glm_operator.analysis.documents import Document
from glm_operator.analysis.finding import Path, Problem
from glm_operator.api import group
from glm_operator.api.base import BROKEN_RULES, RULE_ERROR
from glm_operator.api.inference import NAME_RULE, GLMInferenceSpec

UNKNOWN_FIELD: Final = "extra_forbidden"
_TOP_LEVEL: Final = ("apiVersion", "kind", "metadata", "spec", "status")
_CODES: Final = {
    UNKNOWN_FIELD: "GLM007",
    "missing": "GLM008",
    "literal_error": "GLM010",
    "greater_than_equal": "GLM011",
    "less_than_equal": "GLM011",
    "string_pattern_mismatch": "GLM012",
    "string_too_short": "GLM012",
    "string_too_long": "GLM012",
    "too_short": "GLM013",
    "too_long": "GLM013",
}
"""pydantic's type of an error to our code; every other type says that a value has the wrong type."""
_WRONG_TYPE: Final = "GLM009"
_CLOSER_THAN_TYPE: Final = frozenset({"GLM011", "GLM012"})


def schema_problems(document: Document) -> Iterator[Problem]:
    """Everything that the schema refuses; a rule is looked at only where the fields around it are right."""
    yield from _metadata_problems(document)
    for key in document.data:
        if key not in _TOP_LEVEL:
            yield Problem("GLM007", (key,), f"{key} is no field of a {group.KIND}{_suggestion(key, _TOP_LEVEL)}")
    if "spec" not in document.data:
        yield Problem("GLM008", (), "spec is missing", "add spec with models and repository")
        return
    problems = list(_spec_problems(document))
    closer = {problem.path for problem in problems if problem.code in _CLOSER_THAN_TYPE}
    # A text that is no quantity is no number either; what fits best is told, and the other left out.
    yield from (problem for problem in problems if problem.code != _WRONG_TYPE or problem.path not in closer)


def _spec_problems(document: Document) -> Iterator[Problem]:
    try:
        # As JSON and strictly: the API server takes no "2" for 2, and no Python name of a field.
        GLMInferenceSpec.model_validate_json(json.dumps(document.at("spec")), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        for entry in error.errors(include_url=False):
            yield from _problems(document, entry)


def _problems(document: Document, entry: Mapping[str, Any]) -> Iterator[Problem]:
    full = ("spec", *entry["loc"])
    path = full if entry["type"] == "missing" else _existing(document, full)
    if entry["type"] == RULE_ERROR:
        for rule in entry["ctx"][BROKEN_RULES]:
            yield Problem(rule.code, path, *what_and_fix(rule))
        return
    code = _CODES.get(entry["type"], _WRONG_TYPE)
    value = document.at(*path)
    if entry["type"] == "missing":
        yield Problem(code, path, f"{path[-1]} is missing")
    elif entry["type"] == UNKNOWN_FIELD:
        yield _unknown(path)
    elif code == "GLM010":
        yield _not_among(path, value, entry)
    elif path[-1] == "version" and isinstance(value, int | float) and not isinstance(value, bool):
        yield Problem("GLM019", path, f"{value} is a number here, and may have lost its last zero", f'write "{value}"')
    else:
        yield Problem(code, path, f"{_shown(value)}: {_lower(entry['msg'])}")


def _not_among(path: Path, value: Any, entry: Mapping[str, Any]) -> Problem:
    expected = str(entry["ctx"]["expected"])
    choices = [choice.strip("'") for choice in expected.replace(" or ", ", ").split(", ")]
    if isinstance(value, bool):
        words = {True: ("On", "Yes", "True"), False: ("Off", "No", "None", "False")}[value]
        meant = next((choice for choice in choices if choice in words), None)
        if meant is not None:
            return Problem("GLM017", path, f"the word {meant} without quotes is the boolean {str(value).lower()}",
                           f'write "{meant}"')  # fmt: skip
    return Problem("GLM010", path, f"{_shown(value)} is not one of {expected}{_suggestion(str(value), choices)}")


def _unknown(path: Path) -> Problem:
    known = _fields_at(path[:-1])
    field = str(path[-1])
    message = f"{field} is no field of {'.'.join(str(part) for part in path[:-1] if isinstance(part, str))}"
    close = closest(field, known)
    fix = f"write {close}" if close else f"remove it; there are: {', '.join(known)}"
    return Problem("GLM007", path, message + (f"; did you mean {close}?" if close else ""), fix)


def _fields_at(path: Path) -> list[str]:
    """Names of the fields that an object of the resource may have."""
    from glm_operator.api.crd import custom_resource_definition

    schema = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for part in path:
        step = schema.get("items") if isinstance(part, int) else schema.get("properties", {}).get(part)
        schema = step or schema.get("additionalProperties") or {}
    return list(schema.get("properties", {}))


def _existing(document: Document, path: Path) -> Path:
    """The part of the path that the document has: pydantic adds names of its own for unions and keys of maps."""
    for length in range(1, len(path) + 1):
        if document.at(*path[:length]) is None:
            parent = document.at(*path[: length - 1])
            there = isinstance(parent, Mapping) and path[length - 1] in parent
            return path[: length if there else length - 1]
    return path


def _metadata_problems(document: Document) -> Iterator[Problem]:
    metadata = document.at("metadata")
    if not isinstance(metadata, Mapping):
        kind = "is missing" if metadata is None else "must be a mapping"
        yield Problem("GLM008" if metadata is None else _WRONG_TYPE, ("metadata",), f"metadata {kind}")
        return
    name = metadata.get("name")
    if name is None and not metadata.get("generateName"):
        yield Problem("GLM008", ("metadata", "name"), "metadata.name is missing")
    elif name is not None and not isinstance(name, str):
        yield Problem(_WRONG_TYPE, ("metadata", "name"), f"{_shown(name)}: a name is text", "put it in quotes")
    elif name is not None and not NAME_RULE.holds(name):
        yield Problem(
            NAME_RULE.code, ("metadata", "name"), f"{_shown(name)}: {NAME_RULE.message}", "choose another name"
        )
    for field in ("labels", "annotations"):
        yield from _text_map_problems(metadata.get(field), ("metadata", field))


def _text_map_problems(value: Any, path: Path) -> Iterator[Problem]:
    if value is not None and not isinstance(value, Mapping):
        yield Problem(_WRONG_TYPE, path, f"{path[-1]} must be a mapping")
    elif value:
        for key, item in value.items():
            if not isinstance(item, str):
                yield Problem(_WRONG_TYPE, (*path, key), f"{_shown(item)}: its value must be text", "put it in quotes")


def _suggestion(word: str, choices: Iterable[str]) -> str:
    close = closest(word, choices)
    return f"; did you mean {close}?" if close else ""


def closest(word: str, choices: Iterable[str], cutoff: float = 0.6) -> str:
    """The choice that is meant, whatever the case; empty where none is near (`cutoff` as of `difflib`)."""
    by_lower = {choice.lower().replace("_", ""): choice for choice in choices}
    found = difflib.get_close_matches(word.lower().replace("_", ""), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else ""


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
