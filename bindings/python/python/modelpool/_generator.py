"""The streaming generator: one answer, streamed by the model that fits it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from . import _native
from ._errors import InvalidValueError
from ._generating import RULES
from ._pool import ModelPool
from ._providers_alone import name_of, window_of
from ._runs import AgentRun, SyncAgentRun
from ._session import SessionContext, message_of
from ._tools import Tool


class StreamingGenerator:
    """Streams answers: of the models of a pool, which picks one for each, or of one provider.

    ``StreamingGenerator(model_pool=pool)`` has the pool pick; ``model`` names one of its pools or an alias in place of
    all models. ``StreamingGenerator(llm_provider=provider)`` asks that object, which has a method
    ``async generate_stream(messages, tools=None, **options)`` (see `LLMProvider`). ``members`` are further ones of
    every request: ``temperature``, ``max_tokens``, …
    """

    def __init__(
        self,
        llm_provider: Any = None,
        model_pool: ModelPool | None = None,
        *,
        model: str = "auto",
        tools: Iterable[Tool | Callable[..., Any]] = (),
        **members: Any,
    ) -> None:
        if (llm_provider is None) == (model_pool is None):
            raise InvalidValueError("StreamingGenerator: expected either llm_provider= or model_pool=")
        self.llm_provider = llm_provider
        self.model_pool = model_pool
        self._functions = {} if llm_provider is None else {"provider": llm_provider}
        self._tools = {made.name: made for made in map(Tool.of, tools)}
        if model_pool is not None:
            if not isinstance(model_pool, ModelPool):
                raise InvalidValueError(f"model_pool: expected a ModelPool, got {model_pool!r}")
            self._inner = _native.NativeGenerator.of_pool(model_pool._inner, model, members)
        else:
            if not callable(getattr(llm_provider, "generate_stream", None)):
                raise InvalidValueError(
                    f"llm_provider: expected an object with a method generate_stream, got {llm_provider!r}"
                )
            name, window = name_of(llm_provider), window_of(llm_provider)
            self._inner = _native.NativeGenerator.of_provider(name, window, members)

    def stream_response(
        self,
        user_message: Any,
        context: Any = None,
        available_tools: Iterable[Any] | None = None,
        model_requirements: Mapping[str, Any] | None = None,
    ) -> AgentRun:
        """Answers a message in its context: ``async for event in generator.stream_response(…)``.

        ``context`` is a list of messages, a dict with ``messages``, a `SessionContext`, a text, or ``None``.
        ``available_tools`` are functions, dicts of OpenAI's shape, or names (of the ``tools`` of this generator; any
        other name is offered without a schema). What the message needs is inferred; ``model_requirements`` override
        that key by key.

        The events are ``llm_streaming`` (with ``model_alias``), ``response_delta``, ``thinking``, a ``tool_call`` for
        each tool the model wants called, which is not done here, and ``turn_complete``; or an ``error``, whose
        ``metadata["missing"]`` says what each model lacks where none fits.

        Extended and given to an `AgentController`, this is its phase 3. It may then give any iterator, asynchronous or
        not, of events, strings, and dicts in the shape of OpenAI's deltas or chunks; what it gives is the answer.
        ``context`` has all messages of the round, and what the round has to keep to.
        """
        events = self._stream(user_message, context, available_tools, model_requirements)
        return AgentRun(events, self._functions, self)

    def stream_response_sync(
        self,
        user_message: Any,
        context: Any = None,
        available_tools: Iterable[Any] | None = None,
        model_requirements: Mapping[str, Any] | None = None,
    ) -> SyncAgentRun:
        """`stream_response` for code that blocks its thread; what extends this class has to extend it, too."""
        events = self._stream(user_message, context, available_tools, model_requirements)
        return SyncAgentRun(events, self._functions, self)

    def _stream(
        self,
        user_message: Any,
        context: Any,
        available_tools: Iterable[Any] | None,
        model_requirements: Mapping[str, Any] | None,
    ) -> _native.NativeEvents:
        tools = [self._definition(tool) for tool in available_tools or ()]
        message = message_of(user_message, "user_message")
        return self._inner.stream(message, _messages(context), tools, model_requirements, _rules(context))

    def _definition(self, tool: Any) -> dict[str, Any]:
        if isinstance(tool, Mapping):
            return dict(tool)
        if isinstance(tool, str):
            if tool in self._tools:
                return self._tools[tool].definition
            parameters = {"type": "object"}
            return {"type": "function", "function": {"name": tool, "description": "", "parameters": parameters}}
        return Tool.of(tool).definition


def _rules(context: Any) -> dict[str, Any]:
    """What a round has to keep to, where the context is one that an agent handed over."""
    given = context if isinstance(context, Mapping) else {}
    return {rule: given[rule] for rule in RULES if given.get(rule) is not None}


def _messages(context: Any) -> Sequence[Any]:
    if context is None:
        return []
    if isinstance(context, str):
        return [message_of(context, "context")]
    if isinstance(context, SessionContext):
        instructions = [{"role": "system", "content": context.instructions}] if context.instructions else []
        return [*instructions, *context.history]
    if isinstance(context, Mapping):
        if "messages" not in context:
            raise InvalidValueError(f"context: expected a dict with `messages`, got {', '.join(context) or 'none'}")
        return list(context["messages"])
    if isinstance(context, Iterable):
        return list(context)
    raise InvalidValueError(f"context: expected messages, got {context!r}")
