"""A provider asked without a pool: the old way."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncGenerator
from typing import Any

from ._chunks import Answering
from ._errors import InvalidValueError


async def chunks(
    provider: Any, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None, options: dict[str, Any]
) -> AsyncGenerator[bytes, None]:
    """What a provider gives, as chunks of OpenAI's shape."""
    answering = Answering(name_of(provider))
    pieces: Any = provider.generate_stream(messages, tools, **options)
    if inspect.isawaitable(pieces):
        pieces = await pieces
    if not hasattr(pieces, "__aiter__"):
        raise InvalidValueError(f"generate_stream is to be an asynchronous generator; it gave {pieces!r}")
    try:
        async for piece in pieces:
            yield json.dumps(answering.chunk(piece), ensure_ascii=False).encode()
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


def name_of(provider: Any) -> str:
    """The name under which events speak of a provider: its ``name``, its alias, or that of its class."""
    config = getattr(provider, "config", None)
    for name in (getattr(provider, "name", None), getattr(provider, "alias", None), getattr(config, "alias", None)):
        if isinstance(name, str) and name:
            return name
    return type(provider).__name__


def window_of(provider: Any) -> int | None:
    """Tokens of a provider's context window, where it says so: as ``context_window``, or in its entry."""
    window = getattr(provider, "context_window", None)
    if window is None:
        capabilities = getattr(getattr(provider, "config", None), "capabilities", None)
        window = getattr(capabilities, "context_window", None)
    return window if isinstance(window, int) and window > 0 else None
