"""What an agent tells while it goes: objects that also read as dictionaries."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from ._answers import Record


class AgentEvent(Record):
    """An event of a run: ``type``, ``content`` (the words of it) and ``metadata``.

    It is a dict of these three (``event["metadata"]["model_alias"]``, ``event.get("content")``, ``dict(event)``), and
    each of them, and what is in ``metadata``, also reads as an attribute (``event.content``, ``event.round``).
    """

    __slots__ = ()

    kind: ClassVar[str] = ""
    """The ``type`` of events of this class."""

    type: str
    content: str
    metadata: Record

    @property
    def model_alias(self) -> str | None:
        """The model it is about; ``None`` where it is about none."""
        alias: str | None = self["metadata"].get("model_alias")
        return alias

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        metadata = self.get("metadata") or {}
        if name in metadata:
            return metadata[name]
        known = [*self, *metadata]
        raise AttributeError(f"no member {name!r}; there are {', '.join(known) or 'none'}")


class ThinkingEvent(AgentEvent):
    """The model thinks (``model_alias``), or the agent says what it is about to do (``phase``)."""

    __slots__ = ()
    kind = "thinking"
    round: int
    phase: str


class ContextEvent(AgentEvent):
    """Phases 1 and 2 are done: what was found (``found``), what was kept (``kept``), how large it is (``tokens``)."""

    __slots__ = ()
    kind = "context"
    round: int
    found: int
    found_tokens: int
    found_characters: int
    kept: list[Any]
    tokens: int
    left_out: int
    allowed_tokens: int


class LlmStreamingEvent(AgentEvent):
    """A model begins to answer (``model_alias``).

    What was streamed in this round before is void, unless it ``continues`` what another model began.
    """

    __slots__ = ()
    kind = "llm_streaming"
    round: int
    model_name: str
    requirements: Record
    notes: list[str]
    moved: str | None
    continues: bool


class ResponseDeltaEvent(AgentEvent):
    """A piece of the answer: ``content``."""

    __slots__ = ()
    kind = "response_delta"
    round: int


class ToolCallEvent(AgentEvent):
    """A tool begins; ``arguments`` is JSON as the model wrote it."""

    __slots__ = ()
    kind = "tool_call"
    round: int
    call_id: str
    name: str
    arguments: str


class ToolProgressEvent(AgentEvent):
    """A tool says how far it is: ``content``."""

    __slots__ = ()
    kind = "tool_progress"
    round: int
    call_id: str
    name: str


class ToolResultEvent(AgentEvent):
    """A tool has ended; ``content`` is what the model reads of it."""

    __slots__ = ()
    kind = "tool_result"
    round: int
    call_id: str
    name: str
    failed: bool
    truncated: bool
    elapsed_ms: int
    taken_away: bool


class ContextUpdateEvent(AgentEvent):
    """The messages of the next round are others than before: ``reason`` says why, ``content`` in words."""

    __slots__ = ()
    kind = "context_update"
    round: int
    reason: str
    messages: int
    tokens: int


class TurnCompleteEvent(AgentEvent):
    """The last event: ``content`` is the answer, ``stopped`` says why the turn is over (``"done"``, a limit, …)."""

    __slots__ = ()
    kind = "turn_complete"
    stopped: str
    rounds: list[Record]
    models: list[Record]
    usage: Record
    cost_usd: float | None
    cost_is_partial: bool
    elapsed_ms: int
    tool_calls: int
    recoveries: int
    messages: list[Record]


class ErrorEvent(AgentEvent):
    """Something went wrong: where (``phase``), what (``code``, ``content``), and whether the run goes on."""

    __slots__ = ()
    kind = "error"
    round: int
    phase: str
    code: str
    recovered: bool


BY_TYPE: dict[str, type[AgentEvent]] = {
    event.kind: event
    for event in (
        ThinkingEvent,
        ContextEvent,
        LlmStreamingEvent,
        ResponseDeltaEvent,
        ToolCallEvent,
        ToolProgressEvent,
        ToolResultEvent,
        ContextUpdateEvent,
        TurnCompleteEvent,
        ErrorEvent,
    )
}


def read_event(data: bytes) -> AgentEvent:
    """An event from its JSON."""
    members = json.loads(data, object_hook=Record)
    return BY_TYPE.get(members["type"], AgentEvent)(members)
