"""The CustomResourceDefinition, generated from the pydantic models as a structural schema.

pydantic writes JSON Schema 2020-12; Kubernetes wants the structural subset of OpenAPI v3: no `$ref`, no `null` types,
no `title`, and no `additionalProperties` beside `properties` (the API server knows unknown fields from the schema).
Defaults are written for scalars only: a defaulted object would make `kubectl get -o yaml` show groups nobody asked for.
"""

from collections.abc import Mapping
from typing import Any, Final

from glm_operator.api import group
from glm_operator.api.inference import NAME_RULE, GLMInferenceSpec
from glm_operator.api.status import GLMInferenceStatus

Schema = dict[str, Any]

_COPIED: Final = (
    "type", "description", "enum", "pattern", "format", "minimum", "maximum", "minLength", "maxLength", "minItems",
    "maxItems", "minProperties", "maxProperties", "required", "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)  # fmt: skip

_PRINTER_COLUMNS: Final = (
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', "Whether every required model answers"),
    ("Replicas", "string", ".status.replicas", "Pods there are"),
    ("RPS", "string", ".status.requestsPerSecond", "Requests offered per second"),
    ("Latency", "string", ".status.latencyMilliseconds", "Mean latency in milliseconds"),
    ("Anomaly", "string", '.status.conditions[?(@.type=="AnomalyDetectionActive")].reason', "Anomaly detection"),
    ("Age", "date", ".metadata.creationTimestamp", "Time since creation"),
    ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', "Why it is or isn't ready"),
)
_WIDE_COLUMNS: Final = frozenset({"Reason"})


def custom_resource_definition() -> dict[str, Any]:
    """The `apiextensions.k8s.io/v1` object of GLMInference."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{group.PLURAL}.{group.GROUP}"},
        "spec": {
            "group": group.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": group.KIND,
                "listKind": f"{group.KIND}List",
                "plural": group.PLURAL,
                "singular": group.SINGULAR,
                "shortNames": [group.SHORT_NAME],
                "categories": [group.CATEGORY],
            },
            "versions": [
                {
                    "name": group.VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": [_column(*column) for column in _PRINTER_COLUMNS],
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "schema": {"openAPIV3Schema": _resource_schema()},
                }
            ],
        },
    }


def _column(name: str, kind: str, path: str, description: str) -> dict[str, Any]:
    column = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return column | ({"priority": 1} if name in _WIDE_COLUMNS else {})


def _resource_schema() -> Schema:
    return {
        "type": "object",
        "description": "Models that are served by Triton Inference Server pods.",
        "required": ["spec"],
        "x-kubernetes-validations": [{"rule": NAME_RULE.cel, "message": NAME_RULE.message}],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(GLMInferenceSpec.model_json_schema(by_alias=True)),
            "status": without_defaults(structural(GLMInferenceStatus.model_json_schema(by_alias=True))),
        },
    }


def structural(document: Mapping[str, Any]) -> Schema:
    """A JSON Schema document of pydantic as a structural schema."""
    return _structural(document, document.get("$defs", {}))


def without_defaults(schema: Schema) -> Schema:
    """The schema of what the operator writes: defaults would add fields, and make every look see a difference."""
    kept = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in kept:
        kept["properties"] = {name: without_defaults(field) for name, field in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = without_defaults(kept["items"])
    return kept


def _structural(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    merged = _without_references(schema, definitions)
    return _scalar_part(merged) | _nested_part(merged, definitions)


def _scalar_part(merged: Schema) -> Schema:
    result: Schema = {key: merged[key] for key in _COPIED if key in merged}
    if "const" in merged:
        result["enum"] = [merged["const"]]
    if _is_scalar(merged.get("default")):
        result["default"] = merged["default"]
    if result.get("type") == "integer":
        result["format"] = "int64"
    if result.get("x-kubernetes-int-or-string"):
        result["anyOf"] = merged["anyOf"]
    return result


def _nested_part(merged: Schema, definitions: Mapping[str, Any]) -> Schema:
    if "items" in merged:
        return {"items": _structural(merged["items"], definitions)}
    if "properties" in merged:
        return {"properties": {name: _structural(field, definitions) for name, field in merged["properties"].items()}}
    if "patternProperties" in merged:
        return _map_with_checked_keys(merged, definitions)
    if isinstance(merged.get("additionalProperties"), Mapping):
        return {"additionalProperties": _structural(merged["additionalProperties"], definitions)}
    return {}


def _map_with_checked_keys(merged: Schema, definitions: Mapping[str, Any]) -> Schema:
    """A map whose keys have a pattern: structural schemas know none, so a CEL rule checks them."""
    ((pattern, value),) = merged["patternProperties"].items()
    longest = merged["propertyNames"]["maxLength"]
    return {
        "additionalProperties": _structural(value, definitions),
        "x-kubernetes-validations": [
            {"rule": f"self.all(key, key.matches('{pattern}'))", "message": f"every key must match {pattern}"},
            {"rule": f"self.all(key, size(key) <= {longest})", "message": f"every key may have {longest} characters"},
        ],
    }


def _without_references(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """Follow `$ref`, and take an optional field (`X | None`) for X; what stands beside the reference wins."""
    if "$ref" in schema:
        target = definitions[schema["$ref"].removeprefix("#/$defs/")]
        return _without_references(target, definitions) | {k: v for k, v in schema.items() if k != "$ref"}
    if schema.get("x-kubernetes-int-or-string"):
        return dict(schema)
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) == 1:
        own = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
        return _without_references(options[0], definitions) | own
    return dict(schema)


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float | bool)
