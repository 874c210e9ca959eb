"""Objects as the text of JSON, with those that know how to become plain."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from ._errors import InvalidValueError

MOST_NESTED = 100


def written(value: Any, what: str) -> bytes:
    """``value`` as JSON; ``what`` names it where it cannot become so."""
    try:
        return _encode(value).encode()
    except (TypeError, ValueError, RecursionError):
        # Only now the place of what is wrong is looked for.
        return _encode(plain(value, what)).encode()


def _become_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return list(value)
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        # Models of pydantic, as the messages that `openai` answers with.
        return dump(mode="json", exclude_none=True)
    raise TypeError(f"{type(value).__name__} is not JSON")


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_become_plain).encode


def plain(value: Any, what: str, depth: int = 0) -> Any:
    """``value`` as dicts, lists and scalars; what cannot become so is named with its place."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidValueError(f"{what}: {error}") from None
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidValueError(f"{what}: {value} is no number of JSON")
        return value
    if depth > MOST_NESTED:
        raise InvalidValueError(f"{what}: nested more than {MOST_NESTED} deep, or within itself")
    if isinstance(value, Mapping):
        members = {}
        for key, member in value.items():
            if not isinstance(key, str):
                raise InvalidValueError(f"{what}: expected strings as keys, got {key!r}")
            members[key] = plain(member, f"{what}.{key}", depth + 1)
        return members
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{what}[{at}]", depth + 1) for at, item in enumerate(value)]
    try:
        made = _become_plain(value)
    except TypeError as error:
        raise InvalidValueError(f"{what}: {error}") from None
    return plain(made, what, depth + 1)
