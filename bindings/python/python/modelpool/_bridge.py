"""Reading asynchronous generators for the native module, one item at a time."""

from __future__ import annotations

import asyncio
import atexit
import contextvars
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
    """Drives a generator in one task of its event loop; may be asked from any thread.

    What the generator holds open across its items (a timeout, a scope, a context variable) is so held in one task, and
    its ``finally`` runs there, whoever ends it.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        generator: AsyncGenerator[bytes, None],
        context: contextvars.Context | None = None,
        begun: Callable[[asyncio.Task[None]], None] | None = None,
    ) -> None:
        self._loop = loop
        self._generator = generator
        self._context = context
        self._begun = begun
        self._task: asyncio.Task[None] | None = None
        self._reply: Reply | None = None
        self._asked: asyncio.Future[None] | None = None
        self._closed = False
        self._ended = False

    def next(self, reply: Reply) -> None:
        """Has the next item, or what was raised, told to ``reply``."""
        self._loop.call_soon_threadsafe(self._ask, reply, context=self._context)

    def close(self) -> None:
        """Cancels what is under way, and closes the generator."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._close)

    def _ask(self, reply: Reply) -> None:
        if self._closed:
            return
        self._reply = reply
        if self._task is None:
            self._task = self._loop.create_task(self._drive())
            if self._begun is not None:
                self._begun(self._task)
        elif self._asked is not None:
            settle(self._asked, None, None)

    async def _drive(self) -> None:
        try:
            async for item in self._generator:
                if self._closed:
                    break
                self._tell(item, None)
                self._asked = self._loop.create_future()
                await self._asked
        except asyncio.CancelledError:
            if not self._closed:
                # Not by us: it was cancelled from within, or with its event loop.
                self._tell(None, RuntimeError("it was cancelled from within"))
        except Exception as error:
            self._tell(None, error)
        else:
            self._tell(None, None)
        finally:
            self._ended = True
            # Only where the program is about to end does anybody wait still.
            self._tell(None, RuntimeError("it was ended from within"))
            await self._generator.aclose()

    def _tell(self, item: bytes | None, error: BaseException | None) -> None:
        reply, self._reply = self._reply, None
        if reply is not None:
            reply(item, error)

    def _close(self) -> None:
        self._closed = True
        if self._task is not None and not self._ended:
            self._task.cancel()
