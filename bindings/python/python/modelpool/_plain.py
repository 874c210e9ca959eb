"""Making plain objects of those that know how to become plain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._errors import InvalidValueError

MOST_NESTED = 100


def plain(value: Any, what: str, depth: int = 0) -> Any:
    """``value`` as dicts, lists and scalars; ``what`` names it where it cannot become so."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if depth > MOST_NESTED:
        raise InvalidValueError(f"{what}: nested more than {MOST_NESTED} deep")
    if isinstance(value, Mapping):
        members = {}
        for key, member in value.items():
            if not isinstance(key, str):
                raise InvalidValueError(f"{what}: expected strings as keys, got {key!r}")
            members[key] = plain(member, f"{what}.{key}", depth + 1)
        return members
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, f"{what}[{at}]", depth + 1) for at, item in enumerate(value)]
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        # Models of pydantic, as the messages that `openai` answers with.
        return plain(dump(mode="json", exclude_none=True), what, depth + 1)
    raise InvalidValueError(f"{what}: {type(value).__name__} is not JSON")
