"""Phase 4 of an agent: the tools run."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from . import _native
from ._answers import Record
from ._errors import InvalidValueError
from ._host import Host, items
from ._phases import record
from ._runs import AgentRun

EVENTS = ("tool_call", "tool_progress", "tool_result")
"""What happens while tools run."""


class OfferedTools(list[Record]):
    """The tools of a round, in OpenAI's shape, with what runs them."""

    def __init__(self, tools: Iterable[Record], native: _native.NativeToolRunner, host: Host) -> None:
        super().__init__(tools)
        self._native = native
        self._host = host

    def run(self, calls: Iterable[Mapping[str, Any]]) -> AgentRun:
        """Has the package run calls, as it does without a runner of one's own."""
        return AgentRun.within(self._native.run([dict(call) for call in calls]), self._host)


class ToolRunner:
    """Phase 4: checks arguments, runs safe tools side by side, cautious ones two at a time, exclusive ones alone."""

    def run(self, calls: list[Record], tools: OfferedTools) -> AsyncIterator[Any]:
        """Runs the calls of one round; a call has ``id``, ``name`` and ``arguments`` (JSON, as the model wrote it).

        What it gives are events: ``tool_result`` for every call, with what the model is told as ``content`` (a text, or
        anything that JSON knows), and in ``metadata`` ``call_id``, and ``failed`` where it did. ``tool_call`` before it
        says that a call begins, ``tool_progress`` how far it is.
        """
        if not isinstance(tools, OfferedTools):
            raise InvalidValueError("tools: expected the list that the agent handed over, which knows how they are run")
        return tools.run(calls)


def offered(tools: list[Any], native: _native.NativeToolRunner, host: Host) -> OfferedTools:
    """Tools that know how they are run by default."""
    return OfferedTools(record(tools), native, host)


async def ran(
    function: Callable[..., Any], calls: list[Any], tools: OfferedTools
) -> AsyncGenerator[bytes, None]:
    """What a ``run`` gives for the calls of a round, event by event."""
    events = items(function, "run", record(calls), tools)
    try:
        async for event in events:
            yield json.dumps(_told(event), ensure_ascii=False).encode()
    finally:
        await events.aclose()


def _told(event: Any) -> dict[str, Any]:
    kind = event.get("type") if isinstance(event, Mapping) else None
    if kind not in EVENTS:
        raise InvalidValueError(f"run gives events ({', '.join(EVENTS)}), got {event!r}")
    content, metadata = event.get("content"), dict(event.get("metadata") or {})
    if not isinstance(metadata.get("call_id"), str):
        wanted = "expected the id of a call as `call_id` in metadata"
        raise InvalidValueError(f"run gave {kind!r}: {wanted}, got {metadata!r}")
    if content is None:
        content = ""
    if not isinstance(content, str):
        content = json.dumps(content, ensure_ascii=False)
    return {"type": kind, "content": content, "metadata": metadata}
