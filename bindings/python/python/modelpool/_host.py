"""Where the functions of a run are run: on its reader's event loop, in its reader's context variables."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Mapping
from typing import Any

Reply = Callable[[Any, BaseException | None], None]


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))


async def call(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Calls a function: an asynchronous one here, any other on a thread, so that it may block."""
    if is_async(function):
        return await function(*arguments, **named)
    value = await asyncio.to_thread(function, *arguments, **named)
    return await value if inspect.isawaitable(value) else value


class Host:
    """Runs functions for one run: those of these names, which its native side asks for."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, context: contextvars.Context, functions: Mapping[str, Any]
    ) -> None:
        self._loop = loop
        self._functions = functions
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()

    def function(self, name: str) -> Any:
        """What goes by that name."""
        return self._functions[name]

    def begin(self, name: str, arguments: tuple[Any, ...], reply: Reply) -> Call:
        """Has a function run, and what it gives or raises told to ``reply``. May be called from any thread."""
        begun = Call(self, self._functions[name], arguments, reply)
        self._loop.call_soon_threadsafe(begun.start, context=self._context)
        return begun

    def create_task(self, call: Call) -> asyncio.Task[None]:
        task = self._loop.create_task(call.answer())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def later(self, function: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    async def ended(self) -> None:
        """Waits until all that was cancelled has ended."""
        await asyncio.sleep(0)
        here = asyncio.current_task()
        while left := {task for task in self._tasks if task is not here}:
            await asyncio.wait(left)


class Call:
    """A function that runs."""

    def __init__(self, host: Host, function: Callable[..., Any], arguments: tuple[Any, ...], reply: Reply) -> None:
        self._host = host
        self._function = function
        self._arguments = arguments
        self._reply = reply
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False

    def start(self) -> None:
        if not self._cancelled:
            self._task = self._host.create_task(self)

    async def answer(self) -> None:
        try:
            value = await call(self._function, *self._arguments)
        except asyncio.CancelledError:
            if self._cancelled:
                raise
            # Not by us: whatever ended it was within.
            self._reply(None, RuntimeError("it was cancelled from within"))
        except Exception as error:
            self._reply(None, error)
        else:
            self._reply(value, None)

    def cancel(self) -> None:
        """Ends it. May be called from any thread."""
        self._cancelled = True
        self._host.later(self._cancel_task)

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()
