"""Tools of servers that speak the Model Context Protocol."""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Literal

from . import _native
from ._errors import BY_CODE, ModelPoolError


class McpError(ModelPoolError):
    """An MCP server cannot be started or reached, or does not say which tools it has."""

    code = "mcp"


BY_CODE[McpError.code] = McpError


class McpServer:
    """A server whose tools an agent takes: ``AgentController(…, tools=[McpServer.stdio("time", "mcp-server-time")])``.

    It is started or reached when it is first needed, or by `connect`, and started again a few times where it ends by
    itself. Its tools are called ``name__tool``. It is ended by `close`, at the end of ``async with`` or ``with``, when
    it is let go of, or when the program ends.

    Both ways take ``safety`` (how its tools may run beside others: ``"safe"``, ``"cautious"``, ``"exclusive"``),
    ``safety_of`` (the same for single tools, by the server's own names), ``trust_annotations`` (believes what the
    server says of its tools), ``prefix`` (in place of ``name__``), ``start_timeout`` and ``call_timeout`` in seconds,
    and ``restarts``.
    """

    __slots__ = ("_inner", "name", "__weakref__")

    def __init__(self, name: str, inner: _native.NativeMcpServer) -> None:
        self.name = name
        self._inner = inner
        _servers.add(self)

    @classmethod
    def stdio(
        cls,
        name: str,
        command: str | os.PathLike[str],
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        *,
        folder: str | os.PathLike[str] | None = None,
        safety: Literal["safe", "cautious", "exclusive"] = "cautious",
        safety_of: Mapping[str, Literal["safe", "cautious", "exclusive"]] | None = None,
        trust_annotations: bool = False,
        prefix: str | None = None,
        start_timeout: float = 30,
        call_timeout: float = 60,
        restarts: int = 3,
    ) -> McpServer:
        """A program that speaks over its standard input and output.

        Of the environment it gets ``env`` and what every program needs (``PATH``, ``HOME`` and the like), nothing else.
        """
        options = _options(safety, safety_of, trust_annotations, prefix, start_timeout, call_timeout, restarts)
        if folder is not None:
            options["folder"] = os.fspath(folder)
        environment = list((env or {}).items())
        return cls(name, _native.NativeMcpServer.stdio(name, os.fspath(command), list(args), environment, options))

    @classmethod
    def http(
        cls,
        name: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        safety: Literal["safe", "cautious", "exclusive"] = "cautious",
        safety_of: Mapping[str, Literal["safe", "cautious", "exclusive"]] | None = None,
        trust_annotations: bool = False,
        prefix: str | None = None,
        start_timeout: float = 30,
        call_timeout: float = 60,
        restarts: int = 3,
    ) -> McpServer:
        """A server at an address that speaks streamable HTTP. The values of ``headers`` are kept secret."""
        options = _options(safety, safety_of, trust_annotations, prefix, start_timeout, call_timeout, restarts)
        return cls(name, _native.NativeMcpServer.http(name, url, list((headers or {}).items()), options))

    async def connect(self) -> list[str]:
        """Starts or reaches it; answers the names of its tools as models know them. What fails is an `McpError`."""
        return await self._inner.connect()

    def connect_sync(self) -> list[str]:
        """`connect` for code that blocks its thread."""
        return self._inner.connect_blocking()

    async def close(self) -> None:
        """Ends it politely: asked first, killed after some seconds. It cannot be used again."""
        await self._inner.close()

    def close_sync(self) -> None:
        """`close` for code that blocks its thread."""
        self._inner.close_blocking()

    async def __aenter__(self) -> McpServer:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __enter__(self) -> McpServer:
        self.connect_sync()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_sync()

    def __repr__(self) -> str:
        return f"McpServer({self.name!r})"


_servers: weakref.WeakSet[McpServer] = weakref.WeakSet()


@atexit.register
def _kill_all() -> None:
    for server in list(_servers):
        server._inner.kill()


def _options(
    safety: Literal["safe", "cautious", "exclusive"],
    safety_of: Mapping[str, Literal["safe", "cautious", "exclusive"]] | None,
    trust_annotations: bool,
    prefix: str | None,
    start_timeout: float,
    call_timeout: float,
    restarts: int,
) -> dict[str, Any]:
    options: dict[str, Any] = {
        "safety": safety,
        "safety_of": dict(safety_of or {}),
        "trust_annotations": trust_annotations,
        "start_timeout": start_timeout,
        "call_timeout": call_timeout,
        "restarts": restarts,
    }
    if prefix is not None:
        options["prefix"] = prefix
    return options
