"""Streamed answers, for ``async for`` and for ``for``."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any

from . import _native
from ._answers import ChatChunk, Record, read


class _Stream:
    """What both kinds of streams share."""

    def __init__(self, open_stream: Callable[[], _native.NativeStream]) -> None:
        self._inner = open_stream()
        self._ready: deque[bytes] = deque()
        self._text: list[str] = []

    def _take(self) -> ChatChunk:
        chunk = ChatChunk(read(self._ready.popleft()))
        self._text.append(chunk.text)
        return chunk

    @property
    def alias(self) -> str | None:
        """The model that answers; ``None`` before the first piece."""
        return self._inner.alias

    @property
    def request_id(self) -> str:
        """The id of the request."""
        return self._inner.request_id

    @property
    def text(self) -> str:
        """The text of all pieces so far."""
        return "".join(self._text)

    @property
    def usage(self) -> Record:
        """Tokens used so far; final at the end."""
        return Record(self._inner.summary()["usage"])

    @property
    def cost_usd(self) -> float | None:
        """What it cost so far in US dollars; ``None`` where no price is known."""
        cost: float | None = self._inner.summary()["cost_usd"]
        return cost

    @property
    def attempts(self) -> int:
        """Calls made so far."""
        return int(self._inner.summary()["attempts"])

    @property
    def continued(self) -> int:
        """How often the stream was lost and another call went on."""
        return int(self._inner.summary()["continued"])


class ChatStream(_Stream, AsyncIterator[ChatChunk]):
    """A streamed answer for ``async for``. Leaving ``async with``, or letting go of it, ends the call."""

    def __aiter__(self) -> ChatStream:
        return self

    async def __anext__(self) -> ChatChunk:
        if not self._ready:
            batch = await self._inner.next()
            if batch is None:
                raise StopAsyncIteration
            self._ready.extend(batch)
        return self._take()

    async def read(self) -> str:
        """Reads to the end; answers the whole text."""
        async for _ in self:
            pass
        return self.text

    async def aclose(self) -> None:
        """Ends the call. Harmless where it has ended."""
        self._ready.clear()
        self._inner.close()

    async def __aenter__(self) -> ChatStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class SyncChatStream(_Stream, Iterator[ChatChunk]):
    """A streamed answer for ``for``. Leaving ``with``, or letting go of it, ends the call."""

    def __iter__(self) -> SyncChatStream:
        return self

    def __next__(self) -> ChatChunk:
        if not self._ready:
            batch: Any = self._inner.next_blocking()
            if batch is None:
                raise StopIteration
            self._ready.extend(batch)
        return self._take()

    def read(self) -> str:
        """Reads to the end; answers the whole text."""
        for _ in self:
            pass
        return self.text

    def close(self) -> None:
        """Ends the call. Harmless where it has ended."""
        self._ready.clear()
        self._inner.close()

    def __enter__(self) -> SyncChatStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
