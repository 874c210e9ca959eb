"""Structured output: a model of pydantic as ``response_format``."""

from __future__ import annotations

from typing import Any

from ._answers import ChatAnswer
from ._errors import InvalidValueError, StructuredOutputError


def wanted(response_format: Any) -> tuple[Any, Any]:
    """What goes into the request, and the model of pydantic that reads the answer (or ``None``)."""
    if not isinstance(response_format, type):
        return response_format, None
    schema_of = getattr(response_format, "model_json_schema", None)
    if schema_of is None or not hasattr(response_format, "model_validate_json"):
        raise InvalidValueError(
            f"response_format: expected a dict or a model of pydantic, got {response_format.__name__}"
        )
    described = {"name": response_format.__name__, "schema": strict(schema_of()), "strict": True}
    return {"type": "json_schema", "json_schema": described}, response_format


def strict(schema: Any) -> Any:
    """The schema in the form in which vendors guarantee it: no further members, all of them required."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs") and isinstance(value, dict):
            # What stands here are names of the user's, which may be those of the schema's own words.
            made[key] = {name: strict(described) for name, described in value.items()}
        elif key not in ("default", "const", "enum", "examples"):
            made[key] = strict(value)
        elif key != "default":
            made[key] = value
    if made.get("type") == "object" and "properties" in made:
        made["required"] = list(made["properties"])
        made.setdefault("additionalProperties", False)
    return made


def parse(answer: ChatAnswer, model: Any) -> ChatAnswer:
    """Reads the text of an answer with a model of pydantic. A refusal is left as it is."""
    if answer.message.get("refusal"):
        return answer
    try:
        answer.parsed = model.model_validate_json(answer.text)
    except ValueError as error:
        reason = f" (it ended with `{answer.finish_reason}`)" if answer.finish_reason != "stop" else ""
        failure = StructuredOutputError(f"the answer is no {model.__name__}{reason}: {error}")
        failure.alias, failure.request_id, failure.answer = answer.alias, answer.request_id, answer
        raise failure from error
    return answer
