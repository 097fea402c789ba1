"""Values for a field: several that are right, the ones at its edges, and wrong ones. Made from the schema.

Where the schema can't tell what is right (a free-form object, the keys of a map), `BY_HAND` does.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from hypothesis import HealthCheck, find, settings
from hypothesis import strategies as st

from mutation.fields import Schema

_WORDS: Final = (
    "alpha", "beta", "gamma", "0.5", "0.25", "2.52", "3.1", "5s", "7m", "3Gi", "128Mi", "s3://bucket-a/one",
    "s3://bucket-b/two", "https://one.example/a", "https://two.example/b", "0" * 64, "a1" * 32, "example.com/one",
    "example.com/two", "--log-verbose=1", "--log-info=true", "--http-thread-count=4", "NoSchedule", "PreferNoSchedule",
    "NoExecute", "Exists", "Equal",
)  # fmt: skip
"""Tried in this order; a pattern that none of them matches gets one that is made from it."""


def _node_affinity(value: str) -> dict[str, Any]:
    term = {"matchExpressions": [{"key": "zone", "operator": "In", "values": [value]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


_REQUESTS: Final = [{"cpu": "100m", "memory": "64Mi"}, {"cpu": "200m"}, {"memory": 1048576}]
_LIMITS: Final = [{"memory": "8Gi"}, {"memory": "9Gi", "cpu": 4}, {"cpu": "4.5"}]

BY_HAND: Final[dict[str, list[Any]]] = {
    "runtime.podTemplate.affinity": [_node_affinity("a"), _node_affinity("b")],
    # The version decides by which flag the response cache is switched on.
    "runtime.version": ["2.52", "2.31"],
    "runtime.resources.requests": _REQUESTS,
    "runtime.resources.limits": _LIMITS,
    "repository.download.resources.requests": _REQUESTS,
    "repository.download.resources.limits": _LIMITS,
    # What the other fields of a toleration allow: `tolerationSeconds` wants NoExecute, `Exists` no value.
    "runtime.podTemplate.tolerations[].effect": ["NoExecute", "NoSchedule", "PreferNoSchedule"],
    "runtime.podTemplate.tolerations[].operator": ["Equal", "Exists"],
    "runtime.podTemplate.tolerations[].tolerationSeconds": [60, 90],
    # Names of the samples' own ensemble: others would be refused.
    "ensembles[].outputs[].name": ["done", "spare"],
    "ensembles[].steps[].model": ["first", "second"],
    "ensembles[].steps[].inputMap": [{"x": "raw"}, {"x": "unused"}],
    "ensembles[].steps[].outputMap": [{"x": "done", "y": "spare"}, {"x": "spare", "y": "done"}],
}


def right_values(path: str, schema: Schema) -> list[Any]:
    """Different values that the schema allows; the default comes last, so that a sample says something of its own."""
    if path in BY_HAND:
        return BY_HAND[path]
    values = list(_right(path, schema))
    return [v for v in values if v != schema.get("default")] + [v for v in values if v == schema.get("default")]


def _right(path: str, schema: Schema) -> Iterator[Any]:
    if "enum" in schema:
        yield from schema["enum"]
        return
    match schema.get("type"):
        case "boolean":
            yield from (True, False)
        case "integer":
            yield from _integers(schema)
        case "string":
            yield from (text for text in _strings(schema) if _fits(text, schema))
        case "array":
            items = right_values(f"{path}[]", schema["items"])
            yield from (items[:2][: schema["maxItems"]], items[1:2], items[:1])
        case "object":
            values = right_values(f"{path}.*", schema.get("additionalProperties", {"type": "string"}))
            yield from ({"alpha": values[0]}, {"alpha": values[1]}, {"beta": values[0]})
        case _:
            yield from ("2", 3, "4")


def _integers(schema: Schema) -> Iterator[int]:
    least = max(schema.get("minimum", 1), 1)
    yield from (n for n in range(least, least + 4) if n <= schema.get("maximum", n))


def _strings(schema: Schema) -> Iterator[str]:
    fitting = [word for word in _WORDS if _fits(word, schema)]
    yield from fitting
    if len(fitting) < 2:
        yield from _made(schema["pattern"])


def _fits(text: str, schema: Schema) -> bool:
    short = schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text))
    return short and re.search(schema.get("pattern", ""), text) is not None


def _made(pattern: str) -> Iterator[str]:
    """Two strings of a pattern that nobody has written a sample for."""
    quiet = settings(database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    first = find(st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii")), bool, settings=quiet)
    yield first
    other = st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii")).filter(lambda t: t != first)
    yield find(other, bool, settings=quiet)


def edge_values(path: str, schema: Schema) -> dict[str, Any]:
    """The least and the most that the schema allows."""
    edges: dict[str, Any] = {}
    match schema.get("type"):
        case "integer":
            edges = {"least": schema.get("minimum"), "most": schema.get("maximum")}
        case "string" if "maxLength" in schema:
            longest = _stretched(schema)
            edges = {"shortest": "" if _fits("", schema) else None, "longest": longest}
        case "array":
            items = right_values(f"{path}[]", schema["items"])
            full = _filled(items, schema) if schema["items"].get("type") == "integer" else None
            edges = {"fewest": items[: schema.get("minItems", 0)], "fullest": full}
        case "object" if "maxProperties" in schema and path not in BY_HAND:
            value = right_values(f"{path}.*", schema["additionalProperties"])[0]
            edges = {"empty": {}, "fullest": {f"key{n}": value for n in range(schema["maxProperties"])}}
        case "object":
            edges = {"empty": {}}
    return {name: value for name, value in edges.items() if value is not None}


def _filled(items: list[Any], schema: Schema) -> list[Any]:
    return [items[n % len(items)] for n in range(schema["maxItems"])]


def _stretched(schema: Schema) -> str | None:
    """A string of the greatest length: a right one whose last letter or digit, or another one, is repeated."""
    for word in _strings(schema):
        for index in range(len(word) - 1, -1, -1):
            longer = word[:index] + word[index] * (schema["maxLength"] - len(word) + 1) + word[index + 1 :]
            if _fits(longer, schema):
                return longer
    return None


def wrong_values(schema: Schema) -> dict[str, Any]:
    """Values that the schema forbids, by what is wrong with them."""
    wrong: dict[str, Any] = {"another type": _another_type(schema)}
    if "minimum" in schema:
        wrong["below the least"] = schema["minimum"] - 1
    if "maximum" in schema:
        wrong["above the most"] = schema["maximum"] + 1
    if "enum" in schema:
        wrong["none of the choices"] = "Surprise"
    if "maxLength" in schema:
        wrong["too long"] = "a" * (schema["maxLength"] + 1)
    if "pattern" in schema:
        wrong["a quote and a line feed"] = 'a"\n}'
    if "maxItems" in schema and "properties" not in schema["items"]:
        wrong["too many"] = [right_values("", schema["items"])[0]] * (schema["maxItems"] + 1)
    if is_map(schema) and "maxProperties" in schema:
        wrong["too many"] = {f"key{n}": "1" for n in range(schema["maxProperties"] + 1)}
    return wrong


def is_map(schema: Schema) -> bool:
    return isinstance(schema.get("additionalProperties"), dict)


def _another_type(schema: Schema) -> Any:
    return "text" if schema.get("type") in {"object", "array", "integer", "boolean"} else {"surprise": 1}
