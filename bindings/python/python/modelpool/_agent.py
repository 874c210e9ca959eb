"""The agent: six phases, again and again until the turn is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

from . import _native
from ._aggregating import Aggregator, noted
from ._deciding import Decider
from ._errors import InvalidValueError
from ._generating import answered
from ._generator import StreamingGenerator
from ._mcp import McpServer
from ._phases import ContextEngine, ContextManager, ContextProcessor, method
from ._providers_alone import name_of, window_of
from ._running import ToolRunner, ran
from ._runs import AgentRun, SyncAgentRun
from ._session import message_of, session_of
from ._tools import Tool


@dataclass(frozen=True)
class Limits:
    """How far a run may go: all its rounds, failovers and recoveries together.

    Time ends a run at any moment; rounds, tokens and dollars are looked at before each round. With ``cost_usd`` models
    without a known price are not called. ``recoveries`` are mishaps that are got over, ``failures_of_a_tool`` those of
    one tool in a row after which it is no longer offered. ``tool_result_bytes`` is the longest result of a tool; the
    rest is left out and counted.
    """

    rounds: int = 24
    tokens: int | None = None
    cost_usd: float | None = None
    time_s: float | None = None
    recoveries: int = 24
    failures_of_a_tool: int = 3
    tool_result_bytes: int = 32 * 1024


class AgentController:
    """An agent: answers what the user says in a turn of one or more rounds, each on the model that fits it.

    ``context_engine``, ``context_processor`` and ``context_manager`` are objects with ``retrieve``, ``process`` and
    ``assemble`` (see `ContextEngine` and its neighbours); without one the phase of the package is used.
    ``streaming_generator`` is a `StreamingGenerator`, one that extends it, or any object with a method
    ``stream_response(user_message, context, available_tools, model_requirements)``. ``tool_runner``,
    ``aggregator`` and ``decider`` are objects with ``run``, with ``answered`` and ``tools_ran``, and with ``decide``
    (see `ToolRunner`, `Aggregator`, `Decider`). ``tools`` are functions, `tool` objects and `McpServer` objects.

    ``strength`` names the models by their strength, the weakest first, for when one is stuck; without it, what costs
    more is stronger. With ``leaves_stuck_models=False`` none is left for being stuck. ``reading`` says who reads what
    tools gave: the ``"same"`` model that called them, a ``"cheaper"`` one, or whichever the pool picks ``"anew"``. With
    ``history_decides`` what was said before counts for what a turn needs as its message does: after a picture only
    models that see are asked. With ``goes_on_without_context`` a turn whose context cannot be retrieved or processed
    goes on without it; otherwise it ends with an error.

    It holds nothing of a turn, and may be used from any thread and by any number of runs at once.
    """

    def __init__(
        self,
        context_engine: Any = None,
        context_processor: Any = None,
        context_manager: Any = None,
        streaming_generator: Any = None,
        *,
        tool_runner: Any = None,
        aggregator: Any = None,
        decider: Any = None,
        tools: Iterable[Tool | McpServer | Callable[..., Any]] = (),
        limits: Limits | Mapping[str, Any] | None = None,
        strength: Sequence[str] = (),
        reading: Literal["same", "cheaper", "anew"] = "same",
        leaves_stuck_models: bool = True,
        history_decides: bool = False,
        goes_on_without_context: bool = False,
    ) -> None:
        generate = method(streaming_generator, "stream_response", "streaming_generator", StreamingGenerator)
        if streaming_generator is None or streaming_generator is ...:
            raise InvalidValueError(
                "streaming_generator: expected a StreamingGenerator, or an object with a method `stream_response`, "
                f"got {streaming_generator!r}"
            )
        beside = streaming_generator if isinstance(streaming_generator, StreamingGenerator) else None
        if beside is not None and type(beside).stream_response is StreamingGenerator.stream_response:
            generate = None
        self.streaming_generator = streaming_generator
        self.tools: list[Tool | McpServer] = [
            given if isinstance(given, McpServer) else Tool.of(given) for given in tools
        ]
        phases = {
            "retrieve": method(context_engine, "retrieve", "context_engine", ContextEngine),
            "process": method(context_processor, "process", "context_processor", ContextProcessor),
            "assemble": method(context_manager, "assemble", "context_manager", ContextManager),
            "generate": _reading(answered, generate),
            "run_tools": _reading(ran, method(tool_runner, "run", "tool_runner", ToolRunner)),
            "answered": _reading(noted, method(aggregator, "answered", "aggregator", Aggregator)),
            "tools_ran": _reading(noted, method(aggregator, "tools_ran", "aggregator", Aggregator)),
            "decide": method(decider, "decide", "decider", Decider),
        }
        replaced = {name: function for name, function in phases.items() if function is not None}
        # The native agent knows them by name, and holds none of them.
        self._functions: dict[str, Any] = {
            **({} if beside is None else beside._functions),
            **replaced,
            **{f"tool {given.name}": given._run for given in self.tools if isinstance(given, Tool)},
        }
        self._inner = _native.NativeAgent(
            None if beside is None else beside._inner,
            (name_of(streaming_generator), window_of(streaming_generator)),
            list(replaced),
            [given._inner for given in self.tools],
            {
                **_limits(limits),
                "strength": list(strength),
                "reading": reading,
                "leaves_stuck_models": leaves_stuck_models,
                "history_decides": history_decides,
                "goes_on_without_context": goes_on_without_context,
            },
        )

    def stream_run(
        self,
        user_message: Any,
        session_context: Any = None,
        model_requirements: Mapping[str, Any] | None = None,
    ) -> AgentRun:
        """Answers the user's message: ``async for event in agent.stream_run(…)``.

        ``user_message`` is a text, a list of parts (with pictures), or a message. ``session_context`` is a
        `SessionContext`, a dict of its members, or the session's id. ``model_requirements`` hold in every round, and
        override what is inferred, key by key.

        Nothing happens before the first event is asked for. Every run that is read to its end ends with
        ``turn_complete``, whatever went wrong before.
        """
        return AgentRun(self._run(user_message, session_context, model_requirements), self._functions, self)

    def stream_run_sync(
        self,
        user_message: Any,
        session_context: Any = None,
        model_requirements: Mapping[str, Any] | None = None,
    ) -> SyncAgentRun:
        """`stream_run` for code that blocks its thread: ``for event in agent.stream_run_sync(…)``."""
        return SyncAgentRun(self._run(user_message, session_context, model_requirements), self._functions, self)

    def _run(
        self, user_message: Any, session_context: Any, model_requirements: Mapping[str, Any] | None
    ) -> _native.NativeEvents:
        message = message_of(user_message, "user_message")
        return self._inner.run(message, session_of(session_context), model_requirements)


def _reading(read: Callable[..., Any], function: Any) -> Any:
    """A function of the user's, read by one of ours; `None` where there is none."""
    return None if function is None else partial(read, function)


def _limits(given: Limits | Mapping[str, Any] | None) -> dict[str, Any]:
    if given is None:
        return {}
    if isinstance(given, Limits):
        return asdict(given)
    known = Limits.__dataclass_fields__
    for key in given:
        if key not in known:
            raise InvalidValueError(f"limits: unknown key `{key}` (known: {', '.join(known)})")
    return dict(given)
