"""What was raised in code of the user's, as a failure of the kind that its class says."""

from __future__ import annotations

import asyncio
from typing import Any

from ._errors import BY_CODE, InvalidValueError, ModelPoolError, PoolStateError, SelectorError, StructuredOutputError

FACTS = ("retry_after_s", "window", "limit", "missing", "unknown_keys")
"""Attributes of an exception that say more than its class."""

_MISTAKES = (InvalidValueError, PoolStateError, SelectorError, StructuredOutputError)


def is_mistake(error: BaseException) -> bool:
    """Whether it is a mistake in the code that raised it, which would be made again.

    What the network does is none: errors of the operating system, timeouts, and what errors of this package say of an
    upstream.
    """
    if isinstance(error, ModelPoolError):
        return isinstance(error, _MISTAKES) or type(error) is ModelPoolError
    return not isinstance(error, (OSError, TimeoutError, asyncio.TimeoutError))


def failure(error: BaseException) -> dict[str, Any]:
    """A failure as a dict: ``code``, ``message``, ``mistake``, and what else is known of it."""
    code = getattr(error, "code", None)
    known = isinstance(error, ModelPoolError) and code in BY_CODE
    told: dict[str, Any] = {
        "code": code if known else "server",
        "message": str(error) if known and str(error) else words(error),
        "mistake": is_mistake(error),
    }
    told.update((fact, getattr(error, fact)) for fact in FACTS if getattr(error, fact, None) is not None)
    return told


def words(error: BaseException) -> str:
    """An exception in words: its class, and what it says."""
    said = str(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
