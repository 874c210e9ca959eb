"""Providers: who serves a model. Those of the pool are there by name; your own is a class."""

from __future__ import annotations

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

from . import _native
from ._chunks import Answering, event
from ._errors import (
    AuthError,
    BillingError,
    ConfigurationError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    InvalidValueError,
    ModelNotFoundError,
    ModelPoolError,
    OverloadedError,
    RateLimitedError,
    UnsupportedError,
)
from ._failures import is_mistake, words
from ._native import ModelConfig
from ._streams import ChatStream


class LLMProvider(ABC):
    """One model that can be talked to. Extend it for a provider of your own.

    ``generate_stream`` gives pieces of the answer: strings, or dicts in the shape of OpenAI's deltas
    (``{"content": …}``, ``{"tool_calls": […]}``) or chunks. It is an asynchronous generator, usually::

        class Echo(LLMProvider):
            async def generate_stream(self, messages, tools=None, **options):
                yield messages[-1]["content"]

    ``options`` are the other members of the request (``temperature``, ``max_tokens``, …) and ``model``.
    A method ``async embed(texts, **options)`` that answers a list of vectors serves embeddings, too.
    """

    config: ModelConfig | None = None
    """The entry it serves; set where the pool made it."""

    @abstractmethod
    def generate_stream(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None, **options: Any
    ) -> AsyncIterator[Any]:
        """Answers ``messages``, piece by piece."""


Factory = Callable[[ModelConfig], LLMProvider]


class PoolProvider(LLMProvider):
    """A model of a pool, as a provider: what `ProviderFactory.create_provider` makes of the pool's own providers."""

    def __init__(self, pool: Any, config: ModelConfig) -> None:
        self.pool = pool
        self.alias = config.alias
        self.config = config

    def generate_stream(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None, **options: Any
    ) -> ChatStream:
        """Answers with `ChatChunk` objects: dicts of OpenAI's shape with ``text``."""
        options.pop("model", None)
        if tools:
            options["tools"] = tools
        stream: ChatStream = self.pool.chat_stream(messages, model=self.alias, **options)
        return stream


_registered: dict[str, Factory] = {}


class ProviderFactory:
    """From the name of a provider to a provider."""

    @staticmethod
    def register(name: str, factory: Factory) -> None:
        """Registers a provider: a subclass of `LLMProvider`, or a function that makes one of a `ModelConfig`.

        It takes precedence over a vendor of that name. Models may be added before; a model that was called already
        keeps the provider it has. A class whose ``__init__`` takes an argument is given the `ModelConfig`.
        """
        if not name or not callable(factory):
            raise InvalidValueError(
                f"provider {name!r}: expected a subclass of LLMProvider or a function, got {factory!r}"
            )
        _registered[name] = factory

    @staticmethod
    def unregister(name: str) -> bool:
        """Forgets a provider that was registered; returns whether it was."""
        return _registered.pop(name, None) is not None

    @staticmethod
    def known() -> list[str]:
        """Every name that is known: registered ones and the vendors of the pool."""
        return _native.provider_names()

    @staticmethod
    def create_provider(model_config: ModelConfig) -> LLMProvider:
        """The provider of a model, whoever serves it.

        A model that was read from a pool is called through that pool, so that its statistics count it. An unknown
        name is a `ConfigurationError` that lists the known ones.
        """
        if model_config.provider in _registered:
            return made(model_config)
        from ._pool import ModelPool

        native = _native.pool_of(model_config)
        if native is not None:
            return PoolProvider(ModelPool._of(native), model_config)
        _native.check_provider(model_config.provider)
        return PoolProvider(ModelPool().add_config(model_config), model_config)


def is_registered(name: str) -> bool:
    """Whether a provider of that name is written in Python."""
    return name in _registered


def registered_names() -> list[str]:
    """Names of the providers written in Python."""
    return sorted(_registered)


def made(config: ModelConfig) -> LLMProvider:
    """The registered provider of an entry."""
    factory = _registered[config.provider]
    provider = factory(config) if _takes_config(factory) else factory()  # type: ignore[call-arg]
    if not hasattr(provider, "generate_stream"):
        raise ConfigurationError(
            f"the factory of `{config.provider}` made {provider!r}, which has no method generate_stream"
        )
    if getattr(provider, "config", None) is None:
        try:
            provider.config = config
        except AttributeError:
            pass  # An object that takes no attributes does without.
    return provider


def _takes_config(factory: Factory) -> bool:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters)


def answer(provider: LLMProvider, method: str, path: str, body: bytes) -> tuple[str, AsyncGenerator[bytes, None]]:
    """Answers a request of OpenAI's wire: the content type, and the answer part by part."""
    if method == "POST" and path.endswith("/chat/completions"):
        request = json.loads(body)
        streamed = bool(request.pop("stream", False))
        request.pop("stream_options", None)
        return ("text/event-stream" if streamed else "application/json"), _chat(provider, request, streamed)
    if method == "POST" and path.endswith("/embeddings"):
        return "application/json", _embed(provider, json.loads(body))
    return "application/json", _nothing(f"a provider written in Python has nothing at {method} {path}")


async def _nothing(message: str) -> AsyncGenerator[bytes, None]:
    raise UnsupportedError(message)
    yield b""


async def _chat(provider: LLMProvider, request: dict[str, Any], streamed: bool) -> AsyncGenerator[bytes, None]:
    messages, tools = request.pop("messages", []), request.pop("tools", None)
    answering = Answering(str(request.get("model", "")))
    pieces: Any = provider.generate_stream(messages, tools, **request)
    if inspect.isawaitable(pieces):
        pieces = await pieces
    try:
        async for piece in pieces:
            chunk = answering.chunk(piece)
            if streamed:
                yield event(chunk)
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
    if not streamed:
        yield json.dumps(answering.whole(), ensure_ascii=False).encode()
        return
    last = answering.last()
    if last is not None:
        yield event(last)
    yield b"data: [DONE]\n\n"


async def _embed(provider: LLMProvider, request: dict[str, Any]) -> AsyncGenerator[bytes, None]:
    embed = getattr(provider, "embed", None)
    if embed is None:
        raise UnsupportedError(f"{type(provider).__name__} has no method embed")
    given = request.pop("input", [])
    texts: Sequence[Any] = [given] if isinstance(given, str) else given
    vectors = await embed(texts, **request)
    data = [{"object": "embedding", "index": at, "embedding": list(vector)} for at, vector in enumerate(vectors)]
    yield json.dumps({"object": "list", "model": request.get("model", ""), "data": data}).encode()


STATUS: list[tuple[type[ModelPoolError], int, str]] = [
    (RateLimitedError, 429, "rate_limit_exceeded"),
    (OverloadedError, 503, "overloaded"),
    (AuthError, 401, "invalid_api_key"),
    (BillingError, 402, "insufficient_quota"),
    (ModelNotFoundError, 404, "model_not_found"),
    (ContextLengthError, 400, "context_length_exceeded"),
    (ContentFilterError, 400, "content_filter"),
    (UnsupportedError, 400, "unsupported_value"),
    (InvalidRequestError, 400, "invalid_request"),
]
"""How the errors that a provider may raise are said on the wire; everything else is status 500."""


def refusal(error: BaseException) -> tuple[int, list[tuple[str, str]], bytes]:
    """What was raised, as the answer with which a server would refuse: status, headers, body."""
    status, code = next(
        ((status, code) for kind, status, code in STATUS if isinstance(error, kind)), (500, "provider_failed")
    )
    message = str(error) if isinstance(error, ModelPoolError) else words(error)
    headers = [("content-type", "application/json")]
    if is_mistake(error):
        # The same call would fail again, and the next model may answer.
        headers.append(("x-should-retry", "false"))
    wait = getattr(error, "retry_after_s", None)
    if wait is not None:
        headers.append(("retry-after", str(wait)))
    body = {"error": {"message": message, "type": "provider_error", "code": code}}
    return status, headers, json.dumps(body).encode()
