"""Types as JSON Schemas, and JSON as objects of these types.

Both are made together, so that what a schema lets through can be read. A model of pydantic knows both itself.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import inspect
import json
import pathlib
import types
import typing
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from ._errors import InvalidValueError
from ._plain import plain

Reader = Callable[[Any], Any]


class Shape(NamedTuple):
    """What a type looks like in JSON, and how it is read; reading raises `ValueError` for what is no such thing."""

    schema: dict[str, Any]
    read: Reader


def shape_of(annotation: Any, what: str, within: tuple[Any, ...] = ()) -> Shape:
    """The shape of a type; ``what`` names where it stands, in the error for a type that has none."""
    if annotation in (inspect.Parameter.empty, Any, object):
        return Shape({}, lambda value: value)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        # Its notes need not be hashable.
        return _annotated(arguments, what, within)
    if annotation in SCALARS:
        return SCALARS[annotation]
    if origin is typing.Literal:
        return _literal(arguments)
    if origin is typing.Union or origin is types.UnionType:
        return _union([shape_of(member, what, within) for member in arguments])
    if hasattr(annotation, "__supertype__"):
        return shape_of(annotation.__supertype__, what, within)
    if getattr(origin, "_name", None) in ("Required", "NotRequired"):
        return shape_of(arguments[0], what, within)
    container = origin or annotation
    if container in LISTS:
        return _list(container, arguments, what, within)
    if container is tuple:
        return _tuple(arguments, what, within)
    if container in DICTS:
        return _dict(arguments, what, within)
    if isinstance(annotation, type) and origin is None:
        if annotation in within:
            raise InvalidValueError(
                f"{what}: {annotation.__name__} contains itself, which cannot be said without references"
            )
        within = (*within, annotation)
        if issubclass(annotation, enum.Enum):
            return _enum(annotation)
        if hasattr(annotation, "model_json_schema") and hasattr(annotation, "model_validate"):
            return _pydantic(annotation)
        if dataclasses.is_dataclass(annotation):
            return _dataclass(annotation, what, within)
        if typing.is_typeddict(annotation):
            return _typed_dict(annotation, what, within)
    raise InvalidValueError(
        f"{what}: {annotation!r} cannot be said in JSON; expected str, int, float, bool, None, list, tuple, set, dict, "
        "Literal, Optional, Union, an enum, a dataclass, a TypedDict, a model of pydantic, dates, UUID, Path or Any"
    )


def _wrong(value: Any, wanted: str) -> ValueError:
    return ValueError(f"expected {wanted}, got {json.dumps(value, ensure_ascii=False)}")


def _scalar(schema: dict[str, Any], kinds: tuple[type, ...], read: Reader) -> Shape:
    def reading(value: Any) -> Any:
        # In Python a truth value is a number, in JSON it is none.
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise _wrong(value, schema.get("format") or schema["type"])
        return read(value)

    return Shape(schema, reading)


def _whole(value: float) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise _wrong(value, "integer")
    return int(value)


def _same(value: Any) -> Any:
    return value


def _moment(text: str) -> datetime.datetime:
    # Before Python 3.11 the letter for UTC is not read.
    return datetime.datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)


_NULL = _scalar({"type": "null"}, (type(None),), _same)

SCALARS: dict[Any, Shape] = {
    None: _NULL,
    type(None): _NULL,
    bool: _scalar({"type": "boolean"}, (bool,), _same),
    int: _scalar({"type": "integer"}, (int, float), _whole),
    float: _scalar({"type": "number"}, (int, float), float),
    str: _scalar({"type": "string"}, (str,), _same),
    decimal.Decimal: _scalar({"type": "number"}, (int, float), lambda value: decimal.Decimal(str(value))),
    datetime.datetime: _scalar({"type": "string", "format": "date-time"}, (str,), _moment),
    datetime.date: _scalar({"type": "string", "format": "date"}, (str,), datetime.date.fromisoformat),
    datetime.time: _scalar({"type": "string", "format": "time"}, (str,), datetime.time.fromisoformat),
    uuid.UUID: _scalar({"type": "string", "format": "uuid"}, (str,), uuid.UUID),
    pathlib.Path: _scalar({"type": "string"}, (str,), pathlib.Path),
}

LISTS: dict[Any, Callable[..., Any]] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
    collections.abc.MutableSequence: list,
    collections.abc.Iterable: list,
    collections.abc.Collection: list,
    collections.abc.Set: set,
}

DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def _annotated(arguments: tuple[Any, ...], what: str, within: tuple[Any, ...]) -> Shape:
    shape = shape_of(arguments[0], what, within)
    for note in arguments[1:]:
        description = note if isinstance(note, str) else getattr(note, "description", None)
        if isinstance(description, str) and description:
            shape = Shape({**shape.schema, "description": description}, shape.read)
    return shape


def _literal(values: tuple[Any, ...]) -> Shape:
    plainly = [value.value if isinstance(value, enum.Enum) else value for value in values]

    def read(value: Any) -> Any:
        for known, meant in zip(plainly, values):
            if known == value and isinstance(known, bool) == isinstance(value, bool):
                return meant
        raise _wrong(value, "one of " + json.dumps(plainly, ensure_ascii=False))

    return Shape({"enum": plainly}, read)


def _enum(kind: type[enum.Enum]) -> Shape:
    members = list(kind)
    if not all(isinstance(member.value, (str, int, float)) for member in members):
        # What has no value in JSON goes by its name.
        named = _literal(tuple(member.name for member in members))
        return Shape(named.schema, lambda value: kind[named.read(value)])
    return _literal(tuple(members))


def _union(members: list[Shape]) -> Shape:
    def read(value: Any) -> Any:
        for member in members:
            try:
                return member.read(value)
            except (ValueError, TypeError):
                continue
        raise _wrong(value, "what one of the types takes")

    return Shape({"anyOf": [member.schema for member in members]}, read)


def _list(container: Any, arguments: tuple[Any, ...], what: str, within: tuple[Any, ...]) -> Shape:
    made = LISTS[container]
    item = shape_of(arguments[0] if arguments else Any, what, within)
    schema: dict[str, Any] = {"type": "array"}
    if item.schema:
        schema["items"] = item.schema
    if made is not list:
        schema["uniqueItems"] = True

    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise _wrong(value, "a list")
        return made(item.read(member) for member in value)

    return Shape(schema, read)


def _tuple(arguments: tuple[Any, ...], what: str, within: tuple[Any, ...]) -> Shape:
    if not arguments or (len(arguments) == 2 and arguments[1] is ...):
        items = _list(list, arguments[:1], what, within)
        return Shape(items.schema, lambda value: tuple(items.read(value)))
    members = [shape_of(argument, what, within) for argument in arguments]
    size = len(members)
    schema = {"type": "array", "prefixItems": [member.schema for member in members], "minItems": size, "maxItems": size}

    def read(value: Any) -> Any:
        if not isinstance(value, list) or len(value) != size:
            raise _wrong(value, f"a list of {size}")
        return tuple(member.read(item) for member, item in zip(members, value))

    return Shape(schema, read)


def _dict(arguments: tuple[Any, ...], what: str, within: tuple[Any, ...]) -> Shape:
    if arguments and arguments[0] not in (str, Any):
        raise InvalidValueError(f"{what}: the keys of a dict are strings in JSON, got {arguments[0]!r}")
    member = shape_of(arguments[1] if arguments else Any, what, within)
    schema: dict[str, Any] = {"type": "object"}
    if member.schema:
        schema["additionalProperties"] = member.schema

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _wrong(value, "an object")
        return {key: member.read(item) for key, item in value.items()}

    return Shape(schema, read)


NO_DEFAULT: Any = object()
"""Stands where a member has no default; `None` may be one."""


class Field(NamedTuple):
    """A member of an object."""

    shape: Shape
    required: bool
    description: str = ""
    default: Any = NO_DEFAULT


def object_shape(fields: dict[str, Field], make: Callable[..., Any]) -> Shape:
    """An object of these members, of which ``make`` makes what it is in Python."""
    properties = {}
    for name, field in fields.items():
        described = dict(field.shape.schema)
        if field.description:
            described["description"] = field.description
        if field.default is not NO_DEFAULT and field.default is not None:
            try:
                described["default"] = plain(_plainly(field.default), "default")
            except InvalidValueError:
                pass  # A default that is not JSON is not shown; it holds all the same.
        properties[name] = described
    schema = {
        "type": "object",
        "properties": properties,
        "required": [name for name, field in fields.items() if field.required],
        "additionalProperties": False,
    }

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _wrong(value, "an object")
        given = {}
        for name, field in fields.items():
            if name in value:
                try:
                    given[name] = field.shape.read(value[name])
                except (ValueError, TypeError) as error:
                    raise ValueError(f"{name}: {error}") from error
            elif field.required:
                raise ValueError(f"{name} is missing")
        unknown = [name for name in value if name not in fields]
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}")
        return make(**given)

    return Shape(schema, read)


def _plainly(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _dataclass(kind: type, what: str, within: tuple[Any, ...]) -> Shape:
    hints = hints_of(kind, what)
    fields = {}
    for field in dataclasses.fields(kind):
        if not field.init:
            continue
        missing = field.default is dataclasses.MISSING
        required = missing and field.default_factory is dataclasses.MISSING
        shape = shape_of(hints[field.name], f"{what}.{field.name}", within)
        default = NO_DEFAULT if missing else field.default
        fields[field.name] = Field(shape, required, default=default)
    return object_shape(fields, kind)


def _typed_dict(kind: Any, what: str, within: tuple[Any, ...]) -> Shape:
    fields = {
        name: Field(shape_of(hint, f"{what}.{name}", within), name in kind.__required_keys__)
        for name, hint in hints_of(kind, what).items()
    }
    return object_shape(fields, dict)


def _pydantic(kind: Any) -> Shape:
    schema = kind.model_json_schema()
    schema.pop("title", None)
    return Shape(_inlined(schema, schema.pop("$defs", {}), kind, ()), kind.model_validate)


def _inlined(schema: Any, defs: dict[str, Any], kind: Any, within: tuple[str, ...]) -> Any:
    """A schema whole in itself, because it will stand within another, and because some vendors refuse references."""
    if isinstance(schema, list):
        return [_inlined(item, defs, kind, within) for item in schema]
    if not isinstance(schema, dict):
        return schema
    reference = schema.get("$ref")
    if isinstance(reference, str):
        name = reference.removeprefix("#/$defs/")
        if name in within:
            raise InvalidValueError(f"{kind.__name__}: {name} contains itself, which cannot be said without references")
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return {**_inlined(defs.get(name, {}), defs, kind, (*within, name)), **_inlined(rest, defs, kind, within)}
    return {key: _inlined(value, defs, kind, within) for key, value in schema.items()}


def hints_of(owner: Any, what: str) -> dict[str, Any]:
    """The annotations of a function or class, those written as strings included."""
    try:
        return typing.get_type_hints(owner, include_extras=True)
    except Exception as error:
        raise InvalidValueError(f"{what}: its annotations cannot be read: {error}") from error
