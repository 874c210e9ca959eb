"""A generator of the user's own, in place of phase 3: what it gives, as the native side reads it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from ._answers import Record
from ._chunks import Answering
from ._errors import InvalidValueError
from ._events import BY_TYPE
from ._host import items
from ._phases import record

EVENTS = ("llm_streaming", "thinking", "response_delta", "tool_call", "error", "turn_complete")
"""The events that an answer is made of."""

RULES = ("calls_forbidden", "models", "session_id", "max_cost_usd")
"""What a round has to keep to, beside its messages."""


async def answered(function: Callable[..., Any], request: dict[str, Any]) -> AsyncGenerator[bytes, None]:
    """What a ``stream_response`` gives for a round, piece by piece."""
    context = Record({"messages": record(request["messages"]), **{rule: request[rule] for rule in RULES}})
    message, tools = _said(record(request["user_message"])), record(request["tools"])
    answering = Answering("")
    pieces = items(function, "stream_response", message, context, tools, record(request["requirements"]))
    try:
        async for piece in pieces:
            yield json.dumps(_told(piece, answering), ensure_ascii=False).encode()
    finally:
        await pieces.aclose()


def _said(message: Record) -> Any:
    """What the user said, as one gives it to ``stream_run``: a text or parts, or a message that has more than these."""
    alone = set(message) == {"role", "content"} and message["role"] == "user"
    return message["content"] if alone else message


def _told(piece: Any, answering: Answering) -> dict[str, Any]:
    if isinstance(piece, Mapping) and isinstance(piece.get("type"), str):
        return {"event": _event(piece)}
    try:
        return {"chunk": answering.chunk(piece)}
    except InvalidValueError:
        raise InvalidValueError(
            "stream_response gives strings, dicts in the shape of OpenAI's deltas or chunks, or events "
            f"({', '.join(EVENTS)}), got {piece!r}"
        ) from None


def _event(piece: Mapping[str, Any]) -> dict[str, Any]:
    kind, content = piece["type"], piece.get("content")
    if kind not in EVENTS:
        known = " of another phase" if kind in BY_TYPE else ""
        raise InvalidValueError(f"stream_response gave an event{known}: expected {', '.join(EVENTS)}, got {kind!r}")
    if kind in ("thinking", "response_delta") and not isinstance(content, str):
        raise InvalidValueError(f"stream_response gave {kind!r}: expected a string as its content, got {content!r}")
    metadata = dict(piece.get("metadata") or {})
    if kind == "tool_call":
        if not isinstance(metadata.get("name"), str):
            raise InvalidValueError(f"stream_response gave 'tool_call': expected a name in metadata, got {metadata!r}")
        arguments = metadata.get("arguments")
        if not isinstance(arguments, str):
            metadata["arguments"] = json.dumps(arguments or {}, ensure_ascii=False)
    return {"type": kind, "content": content or "", "metadata": metadata}
