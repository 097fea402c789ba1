"""What every part of the custom resource shares: camelCase names, no unknown fields, and rules that stand once.

A `Rule` is written once and used twice: as a CEL rule in the CRD, so that the API server refuses the mistake, and as a
Python check, so that the operator and the offline tools find it in resources that no API server has seen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

RULE_ERROR: Final = "rule"
"""pydantic's type of the errors that rules make; their context holds the rules themselves."""
BROKEN_RULES: Final = "broken"


@dataclass(frozen=True, slots=True)
class Rule:
    """One cross-field rule of a schema object."""

    cel: str | None
    """The rule as the API server checks it; None where the schema already refuses it (list map keys)."""
    message: str
    """What is wrong and what to write instead."""
    holds: Callable[[Any], bool]
    """The same rule on the parsed object."""
    code: str = ""
    """The stable code under which `kubectl glm analyze` reports it; a test holds that every rule has one."""


class ApiModel(BaseModel):
    """Base of all parts of the custom resources."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        broken = [rule for rule in self.rules if not rule.holds(self)]
        if broken:
            # The message is passed as data: pydantic would otherwise read braces in it as its own template.
            message = "; ".join(rule.message for rule in broken)
            raise PydanticCustomError(RULE_ERROR, "{message}", {"message": message, BROKEN_RULES: broken})
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        validations = [{"rule": rule.cel, "message": rule.message} for rule in cls.rules if rule.cel is not None]
        if validations:
            handler.resolve_ref_schema(schema)["x-kubernetes-validations"] = validations
        return schema
