"""The client of the package `openai`, with the pool in place of a server."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

try:
    import openai
except ImportError:
    raise ImportError("as_openai needs the package openai: pip install 'modelpool[openai]'") from None

from . import _native
from ._errors import ModelPoolError

# The package that `openai` makes its requests with has changed its name between versions: it is the one that the client
# of its own extends.
httpx: Any = importlib.import_module(openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0])

BASE_URL = "http://modelpool.invalid/v1"
"""Where no server is: requests never leave the process."""


class _AsyncBody(httpx.AsyncByteStream):  # type: ignore[misc]
    def __init__(self, body: _native.NativeBody) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while (part := await self._body.next()) is not None:
                yield part
        except ModelPoolError as error:
            raise httpx.ReadError(str(error)) from error

    async def aclose(self) -> None:
        self._body.close()


class _SyncBody(httpx.SyncByteStream):  # type: ignore[misc]
    def __init__(self, body: _native.NativeBody) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        try:
            while (part := self._body.next_blocking()) is not None:
                yield part
        except ModelPoolError as error:
            raise httpx.ReadError(str(error)) from error

    def close(self) -> None:
        self._body.close()


def _asked(request: Any) -> tuple[str, str, list[tuple[str, bytes]]]:
    headers = [(name.decode("ascii").lower(), value) for name, value in request.headers.raw]
    # A caller's key is nobody's business here; bodies are at hand, whole.
    kept = [(name, value) for name, value in headers if name not in ("authorization", "transfer-encoding")]
    return request.method, request.url.raw_path.decode("ascii"), kept


class AsyncPoolTransport(httpx.AsyncBaseTransport):  # type: ignore[misc]
    """A way out of `httpx` that leads to the pool."""

    def __init__(self, gateway: _native.NativeGateway) -> None:
        self._gateway = gateway

    async def handle_async_request(self, request: Any) -> Any:
        """Answers as the gateway would over the network."""
        method, target, headers = _asked(request)
        body = await request.aread()
        status, answered, stream = await self._gateway.ask(method, target, headers, body)
        return httpx.Response(status, headers=answered, stream=_AsyncBody(stream))


class PoolTransport(httpx.BaseTransport):  # type: ignore[misc]
    """The same for code that blocks its thread."""

    def __init__(self, gateway: _native.NativeGateway) -> None:
        self._gateway = gateway

    def handle_request(self, request: Any) -> Any:
        """Answers as the gateway would over the network."""
        method, target, headers = _asked(request)
        status, answered, stream = self._gateway.ask_blocking(method, target, headers, request.read())
        return httpx.Response(status, headers=answered, stream=_SyncBody(stream))


def client(gateway: _native.NativeGateway, asynchronous: bool, options: dict[str, Any]) -> Any:
    """A client over the pool. It does not retry: the pool does."""
    given: dict[str, Any] = {"api_key": "modelpool", "base_url": BASE_URL, "max_retries": 0, **options}
    if asynchronous:
        return openai.AsyncOpenAI(http_client=httpx.AsyncClient(transport=AsyncPoolTransport(gateway)), **given)
    return openai.OpenAI(http_client=httpx.Client(transport=PoolTransport(gateway)), **given)
