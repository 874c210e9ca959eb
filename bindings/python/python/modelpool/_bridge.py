"""Reading asynchronous generators for the native module, one item at a time."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any

from . import _native

# Threads of the pool are out of Python before the interpreter is taken down.
atexit.register(_native.shut_door)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_native.forked)

Reply = Callable[[bytes | None, BaseException | None], None]

_lock = threading.Lock()
_background: tuple[int, asyncio.AbstractEventLoop] | None = None


def background_loop() -> asyncio.AbstractEventLoop:
    """An event loop of its own thread: for providers written in Python whose caller blocks its thread."""
    global _background
    with _lock:
        if _background is None or _background[0] != os.getpid():
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="modelpool-providers", daemon=True).start()
            _background = (os.getpid(), loop)
        return _background[1]


def settle(future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    """Settles a future, unless it was cancelled meanwhile."""
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


class Pull:
    """Drives a generator on its event loop; may be asked from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, generator: AsyncGenerator[bytes, None]) -> None:
        self._loop = loop
        self._generator = generator
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def next(self, reply: Reply) -> None:
        """Has the next item, or what was raised, told to ``reply``."""
        self._loop.call_soon_threadsafe(self._begin, reply)

    def close(self) -> None:
        """Cancels what is under way, and closes the generator."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end)

    def _begin(self, reply: Reply) -> None:
        if not self._closed:
            self._task = self._loop.create_task(self._advance(reply))

    async def _advance(self, reply: Reply) -> None:
        try:
            item = await self._generator.__anext__()
        except StopAsyncIteration:
            reply(None, None)
        except asyncio.CancelledError:
            if self._closed:
                raise
            # Not by us: the provider was cancelled from within.
            reply(None, RuntimeError("the provider was cancelled"))
        except Exception as error:
            reply(None, error)
        else:
            reply(item, None)

    def _end(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._task = self._loop.create_task(self._finish(self._task))

    async def _finish(self, task: asyncio.Task[None] | None) -> None:
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
        await self._generator.aclose()
