"""The pool: what programs hold."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from . import _native
from ._answers import ChatAnswer, EmbeddingAnswer, read
from ._errors import InvalidValueError
from ._native import ModelCapabilities, ModelConfig
from ._selectors import ModelSelector
from ._streams import ChatStream, SyncChatStream
from ._structured import parse, wanted

if TYPE_CHECKING:
    import openai

Messages = str | Sequence[Any]
"""Messages of OpenAI's shape; a string is one message of the user."""


class ModelPool:
    """Models under aliases; for each request the one that fits is picked and called.

    ``selector`` is a `ModelSelector`, the name of a selector of the pool (``"cost"``), or its description as a dict.
    The default model wins ties: the first added, unless ``default_alias`` or `set_default` names another.

    A pool may be used from any thread and from any event loop. Methods that wait are coroutines; each has a twin whose
    name ends in ``_sync`` and which blocks its thread. The interpreter lock is released while anything is waited for.
    """

    __slots__ = ("_inner", "_gateway", "__weakref__")

    _inner: _native.NativePool
    _gateway: _native.NativeGateway | None

    def __init__(
        self,
        selector: ModelSelector | str | Mapping[str, Any] | None = None,
        default_alias: str | None = None,
    ) -> None:
        self._inner = _native.NativePool(selector, default_alias)
        self._gateway = None

    @classmethod
    def from_config(cls, path: str | os.PathLike[str]) -> ModelPool:
        """The pool of a configuration file, as ``modelpool serve`` has it.

        What is wrong with the file is a `ConfigurationError` that names every mistake with its line.
        """
        return cls._of(_native.NativePool.from_config(path))

    @classmethod
    def _of(cls, native: _native.NativePool) -> ModelPool:
        pool = cls.__new__(cls)
        pool._inner = native
        pool._gateway = None
        return pool

    # Models

    def add(
        self,
        alias: str,
        provider: str,
        model_name: str,
        capabilities: ModelCapabilities | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        **extra: Any,
    ) -> ModelPool:
        """Adds a model; chains.

        Without ``capabilities`` it has those the catalog of known models knows; with them it has these alone. Without
        ``api_key`` the vendor's variable of the environment is read when it is called. ``extra`` are settings of the
        pool (``fallbacks``, ``timeouts``, ``limits``, ``quota_group``, ``headers``, ``body``, ``warmup``, ``catalog``)
        and whatever providers and selectors of your own want to know, which they find in ``extra_config``.
        """
        self._inner.add(alias, provider, model_name, capabilities, api_key, base_url, extra)
        return self

    def add_config(self, config: ModelConfig) -> ModelPool:
        """Adds a model that is described by a `ModelConfig`; chains."""
        self._inner.add_config(config)
        return self

    def get(self, alias: str) -> ModelConfig | None:
        """The model of that alias; ``None`` where there is none."""
        return self._inner.get(alias)

    def remove(self, alias: str) -> bool:
        """Removes a model; returns whether it was there. Requests under way go on."""
        return self._inner.remove(alias)

    def get_default(self) -> ModelConfig | None:
        """The default model: the first added unless another was named; none after it was removed."""
        return self._inner.get_default()

    def set_default(self, alias: str) -> ModelPool:
        """Names the default model: the one that wins ties. Chains."""
        self._inner.set_default(alias)
        return self

    def aliases(self) -> list[str]:
        """The aliases, in the order of adding."""
        return self._inner.aliases()

    def list_models(self) -> list[dict[str, Any]]:
        """Every model as a dict, in the order of adding; no secrets. An unknown capability is ``None``."""
        return self._inner.list_models()

    def __len__(self) -> int:
        return len(self._inner)

    def __contains__(self, alias: object) -> bool:
        return alias in self._inner

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"ModelPool({', '.join(self.aliases())})"

    # Selection

    def select(
        self,
        requirements: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        **further: Any,
    ) -> ModelConfig | None:
        """The best model that meets the requirements; ``None`` where none does.

        Requirements are given as a dict or by name: ``pool.select(supports_vision=True)``. ``context`` is handed to a
        selector written in Python as it is. A requirement that no model knows matches nothing, with a warning.
        """
        if further:
            requirements = {**(requirements or {}), **further}
        return self._inner.select(requirements, context)

    def explain(
        self,
        requirements: Mapping[str, Any] | None = None,
        *,
        prefer: Mapping[str, Any] | None = None,
        model: str = "auto",
        **further: Any,
    ) -> dict[str, Any]:
        """For every model its rank, score and reason, or what it lacks: what ``modelpool select --json`` prints."""
        if further:
            requirements = {**(requirements or {}), **further}
        return self._inner.explain(requirements, prefer, model)

    # Calls

    async def chat(
        self,
        messages: Messages,
        *,
        model: str = "auto",
        requirements: Mapping[str, Any] | None = None,
        prefer: Mapping[str, Any] | None = None,
        response_format: Any = None,
        models: Sequence[str] | None = None,
        fallbacks: Sequence[str] | None = None,
        deadline_ms: int | None = None,
        max_cost_usd: float | None = None,
        session: str | None = None,
        tags: Mapping[str, Any] | Sequence[Any] | None = None,
        **members: Any,
    ) -> ChatAnswer:
        """Chats, and answers the whole answer.

        ``model`` is ``"auto"``, a pool of the configuration, or an alias. ``members`` are those of OpenAI's chat
        completions: ``tools``, ``temperature``, ``max_tokens``, … A model of pydantic as ``response_format`` is asked
        for as a JSON schema, and the answer's ``parsed`` is an object of it. ``models`` restricts the candidates,
        ``fallbacks`` are aliases to fail over to from a named model, ``deadline_ms`` and ``max_cost_usd`` span all
        attempts, ``session`` and ``tags`` are for selectors and records.
        """
        response_format, shape = wanted(response_format)
        request = _request(
            messages, model, members, response_format=response_format, requirements=requirements, prefer=prefer,
            models=models, fallbacks=fallbacks, deadline_ms=deadline_ms, max_cost_usd=max_cost_usd, session=session,
            tags=tags,
        )  # fmt: skip
        return _answer(await _native.call(self._inner, "chat", request), shape)

    def chat_sync(
        self,
        messages: Messages,
        *,
        model: str = "auto",
        requirements: Mapping[str, Any] | None = None,
        prefer: Mapping[str, Any] | None = None,
        response_format: Any = None,
        models: Sequence[str] | None = None,
        fallbacks: Sequence[str] | None = None,
        deadline_ms: int | None = None,
        max_cost_usd: float | None = None,
        session: str | None = None,
        tags: Mapping[str, Any] | Sequence[Any] | None = None,
        **members: Any,
    ) -> ChatAnswer:
        """`chat` for code that blocks its thread."""
        response_format, shape = wanted(response_format)
        request = _request(
            messages, model, members, response_format=response_format, requirements=requirements, prefer=prefer,
            models=models, fallbacks=fallbacks, deadline_ms=deadline_ms, max_cost_usd=max_cost_usd, session=session,
            tags=tags,
        )  # fmt: skip
        return _answer(_native.call_blocking(self._inner, "chat", request), shape)

    def chat_stream(
        self,
        messages: Messages,
        *,
        model: str = "auto",
        requirements: Mapping[str, Any] | None = None,
        prefer: Mapping[str, Any] | None = None,
        response_format: Any = None,
        models: Sequence[str] | None = None,
        fallbacks: Sequence[str] | None = None,
        deadline_ms: int | None = None,
        max_cost_usd: float | None = None,
        session: str | None = None,
        tags: Mapping[str, Any] | Sequence[Any] | None = None,
        **members: Any,
    ) -> ChatStream:
        """Chats piece by piece: ``async for chunk in pool.chat_stream(…)``. The arguments are those of `chat`.

        Nobody is called before the first piece is asked for. A stream that is lost half-way is continued by another
        model where that is possible; otherwise it ends with an error, never with a clean-looking end.
        """
        request = _request(
            messages, model, members, response_format=wanted(response_format)[0], requirements=requirements,
            prefer=prefer, models=models, fallbacks=fallbacks, deadline_ms=deadline_ms, max_cost_usd=max_cost_usd,
            session=session, tags=tags,
        )  # fmt: skip
        request["stream"] = True
        return ChatStream(lambda: _native.open_stream(self._inner, request))

    def chat_stream_sync(
        self,
        messages: Messages,
        *,
        model: str = "auto",
        requirements: Mapping[str, Any] | None = None,
        prefer: Mapping[str, Any] | None = None,
        response_format: Any = None,
        models: Sequence[str] | None = None,
        fallbacks: Sequence[str] | None = None,
        deadline_ms: int | None = None,
        max_cost_usd: float | None = None,
        session: str | None = None,
        tags: Mapping[str, Any] | Sequence[Any] | None = None,
        **members: Any,
    ) -> SyncChatStream:
        """`chat_stream` for code that blocks its thread: ``for chunk in pool.chat_stream_sync(…)``."""
        request = _request(
            messages, model, members, response_format=wanted(response_format)[0], requirements=requirements,
            prefer=prefer, models=models, fallbacks=fallbacks, deadline_ms=deadline_ms, max_cost_usd=max_cost_usd,
            session=session, tags=tags,
        )  # fmt: skip
        request["stream"] = True
        return SyncChatStream(lambda: _native.open_stream(self._inner, request))

    async def embed(
        self,
        texts: str | Sequence[str],
        *,
        model: str = "auto",
        requirements: Mapping[str, Any] | None = None,
        fallbacks: Sequence[str] | None = None,
        deadline_ms: int | None = None,
        **members: Any,
    ) -> EmbeddingAnswer:
        """Embeds texts: one vector for each, in order, as ``answer.vectors``."""
        request = _embedding(texts, model, members, requirements, fallbacks, deadline_ms)
        body, about = await _native.call(self._inner, "embeddings", request)
        return EmbeddingAnswer(read(body), about)

    def embed_sync(
        self,
        texts: str | Sequence[str],
        *,
        model: str = "auto",
        requirements: Mapping[str, Any] | None = None,
        fallbacks: Sequence[str] | None = None,
        deadline_ms: int | None = None,
        **members: Any,
    ) -> EmbeddingAnswer:
        """`embed` for code that blocks its thread."""
        request = _embedding(texts, model, members, requirements, fallbacks, deadline_ms)
        body, about = _native.call_blocking(self._inner, "embeddings", request)
        return EmbeddingAnswer(read(body), about)

    # Knowing the models

    async def warmup(self, alias: str) -> dict[str, Any]:
        """Makes a model ready, so that its next call need not wait for a connection or for its load.

        Answers ``alias``, ``warmth`` (``"nothing"``, ``"connection"`` or ``"model"``) and ``took_ms``.
        """
        warmed: dict[str, Any] = await _native.warmup(self._inner, alias)
        return warmed

    def warmup_sync(self, alias: str) -> dict[str, Any]:
        """`warmup` for code that blocks its thread."""
        return _native.warmup_blocking(self._inner, alias)

    async def warmup_marked(self) -> list[dict[str, Any]]:
        """Makes ready the models that are marked with ``warmup=True``, one after the other.

        Answers for each what `warmup` does, or ``alias`` and ``error`` where that failed.
        """
        warmed: list[dict[str, Any]] = await _native.warmup_marked(self._inner)
        return warmed

    def warmup_marked_sync(self) -> list[dict[str, Any]]:
        """`warmup_marked` for code that blocks its thread."""
        return _native.warmup_marked_blocking(self._inner)

    async def detect(
        self, alias: str, *, token_budget: int | None = None, probes: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Finds out by small real calls what a model can do, keeps it, and tells each finding with its evidence."""
        names = None if probes is None else list(probes)
        detection: dict[str, Any] = await _native.detect(self._inner, alias, token_budget, names)
        return detection

    def detect_sync(
        self, alias: str, *, token_budget: int | None = None, probes: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """`detect` for code that blocks its thread."""
        names = None if probes is None else list(probes)
        return _native.detect_blocking(self._inner, alias, token_budget, names)

    def get_performance_stats(self, alias: str) -> dict[str, Any]:
        """How a model did.

        ``avg_latency`` (milliseconds), ``success_rate`` (0 to 1), ``total_tokens`` and ``total_cost`` (US dollars)
        since the pool was made, ``None`` where nothing is known; and ``last_minute``, ``last_hour`` and ``ever`` with
        quantiles, failures by kind, and more.
        """
        return self._inner.performance_stats(alias)

    def breakers(self) -> list[dict[str, Any]]:
        """The breakers of all models: which are left alone after failures, and for how long."""
        return self._inner.breakers()

    # The client of `openai`

    @overload
    def as_openai(self, *, asynchronous: Literal[False] = False, **options: Any) -> openai.OpenAI: ...

    @overload
    def as_openai(self, *, asynchronous: Literal[True], **options: Any) -> openai.AsyncOpenAI: ...

    def as_openai(self, *, asynchronous: bool = False, **options: Any) -> Any:
        """A client of the package ``openai`` whose calls go to this pool, within this process.

        Code written for ``openai.OpenAI`` (with ``asynchronous=True`` for ``openai.AsyncOpenAI``) runs unchanged;
        ``model`` is ``"auto"`` or an alias. ``options`` go to the client. Needs ``pip install modelpool[openai]``.
        """
        from ._openai import client

        if self._gateway is None:
            self._gateway = _native.NativeGateway(self._inner)
        return client(self._gateway, asynchronous, options)


OPTIONS = ("requirements", "prefer", "models", "fallbacks", "deadline_ms", "max_cost_usd", "session", "tags")


def _request(messages: Messages, model: str, members: dict[str, Any], **given: Any) -> dict[str, Any]:
    """A request of OpenAI's shape, with the member `modelpool` for the pool."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    if "stream" in members:
        raise InvalidValueError("stream: use chat_stream, which gives the answer piece by piece")
    request = {key: value for key, value in members.items() if value is not None}
    request["model"] = model
    request["messages"] = messages
    if given["response_format"] is not None:
        request["response_format"] = given["response_format"]
    options = {key: given[key] for key in OPTIONS if given[key] is not None}
    if options:
        request["modelpool"] = options
    return request


def _embedding(
    texts: str | Sequence[str],
    model: str,
    members: dict[str, Any],
    requirements: Mapping[str, Any] | None,
    fallbacks: Sequence[str] | None,
    deadline_ms: int | None,
) -> dict[str, Any]:
    request = {"encoding_format": "float", **members, "model": model, "input": texts}
    given = {"requirements": requirements, "fallbacks": fallbacks, "deadline_ms": deadline_ms}
    options = {key: value for key, value in given.items() if value is not None}
    if options:
        request["modelpool"] = options
    return request


def _answer(answered: tuple[bytes, dict[str, Any]], shape: Any) -> ChatAnswer:
    body, about = answered
    answer = ChatAnswer(read(body), about)
    return answer if shape is None else parse(answer, shape)
