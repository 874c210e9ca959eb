"""Runs: the events of an agent's turn or of one answer, for ``async for`` and for ``for``."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from types import TracebackType
from typing import Any

from . import _native
from ._bridge import background_loop
from ._events import AgentEvent, read_event
from ._host import Host


class _Run:
    """What both kinds of runs share."""

    def __init__(self, inner: _native.NativeEvents, functions: Mapping[str, Any], of: object = None) -> None:
        self._inner = inner
        # What has begun it, and the pool of that, is no garbage before it has ended.
        self._of = of
        self._functions = functions
        self._context = contextvars.copy_context()
        self._host: Host | None = None
        self._ready: deque[bytes] = deque()
        self._model_alias: str | None = None

    def _take(self) -> AgentEvent:
        event = read_event(self._ready.popleft())
        self._model_alias = event.model_alias or self._model_alias
        return event

    def _hosted(self, loop: asyncio.AbstractEventLoop) -> Host:
        if self._host is None:
            self._host = Host(loop, self._context, self._functions)
        return self._host

    def _close(self) -> None:
        self._ready.clear()
        self._inner.close()

    @property
    def model_alias(self) -> str | None:
        """The model of the latest event that named one."""
        return self._model_alias

    def cancel(self) -> None:
        """Has the run end: what is under way is dropped, and the last events come. May be called from any thread."""
        self._inner.cancel()


class AgentRun(_Run, AsyncIterator[AgentEvent]):
    """Events for ``async for``. The run goes on while they are asked for.

    Leaving ``async with``, `aclose`, cancelling the task that reads, or letting go of this ends the run, with the
    model's call and all tools.
    """

    @classmethod
    def within(cls, inner: _native.NativeEvents, host: Host) -> AgentRun:
        """A run within another one, whose functions are run as those of that one are."""
        run = cls(inner, {})
        run._host = host.inner()
        return run

    def __aiter__(self) -> AgentRun:
        return self

    async def __anext__(self) -> AgentEvent:
        if not self._ready:
            try:
                batch = await self._inner.next(self._hosted(asyncio.get_running_loop()))
            except asyncio.CancelledError:
                # A batch may have come at this very moment, and would be lost.
                self._inner.abandon()
                raise
            if batch is None:
                raise StopAsyncIteration
            self._ready.extend(batch)
        return self._take()

    async def read(self) -> AgentEvent | None:
        """Reads to the end; answers the last event, which of an agent is the `TurnCompleteEvent`."""
        last = None
        async for last in self:
            pass
        return last

    async def aclose(self) -> None:
        """Ends the run, and waits until its functions have ended. Harmless where it has ended."""
        self._close()
        if self._host is not None:
            await self._host.ended()

    async def __aenter__(self) -> AgentRun:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class SyncAgentRun(_Run, Iterator[AgentEvent]):
    """Events for ``for``. Functions of the run are run on threads of their own.

    Leaving ``with``, `close`, or letting go of this ends the run.
    """

    def __iter__(self) -> SyncAgentRun:
        return self

    def __next__(self) -> AgentEvent:
        if not self._ready:
            batch = self._inner.next_blocking(self._hosted(background_loop()))
            if batch is None:
                raise StopIteration
            self._ready.extend(batch)
        return self._take()

    def read(self) -> AgentEvent | None:
        """Reads to the end; answers the last event, which of an agent is the `TurnCompleteEvent`."""
        last = None
        for last in self:
            pass
        return last

    def close(self) -> None:
        """Ends the run. Harmless where it has ended."""
        self._close()

    def __enter__(self) -> SyncAgentRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
