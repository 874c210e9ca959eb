"""Where the functions of a run are run: on its reader's event loop, in its reader's context variables."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import Any

from ._bridge import Pull
from ._errors import InvalidValueError

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


async def items(function: Callable[..., Any], what: str, *arguments: Any) -> AsyncGenerator[Any, None]:
    """What a function gives, one after the other: an asynchronous iterator is read here, any other on a thread."""
    given = function(*arguments) if inspect.isasyncgenfunction(function) else await call(function, *arguments)
    if hasattr(given, "__aiter__"):
        iterator = given.__aiter__()
        try:
            async for item in iterator:
                yield item
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()
    elif isinstance(given, (str, bytes, Mapping)) or not hasattr(given, "__iter__"):
        raise InvalidValueError(f"{what} is to give an iterator, asynchronous or not; it gave {given!r}")
    else:
        async for item in _on_threads(iter(given)):
            yield item


async def _on_threads(iterator: Iterator[Any]) -> AsyncGenerator[Any, None]:
    end = object()
    close = getattr(iterator, "close", None)
    reading: asyncio.Future[Any] | None = None
    try:
        while True:
            reading = asyncio.ensure_future(asyncio.to_thread(next, iterator, end))
            # What runs on a thread goes on when nobody waits for it any more.
            item = await asyncio.shield(reading)
            if item is end:
                return
            yield item
    finally:
        if close is not None and (reading is None or reading.done()):
            await asyncio.to_thread(close)
        elif close is not None and reading is not None:
            reading.add_done_callback(lambda reading: _closed_later(reading, close))


def _closed_later(reading: asyncio.Future[Any], close: Callable[[], None]) -> None:
    if not reading.cancelled():
        reading.exception()  # Nobody is told of it any more.
    reading.get_loop().run_in_executor(None, close)


class Host:
    """Runs functions for one run: those of these names, which its native side asks for.

    ``within`` is the host of the run that this one is a part of, which does not end before it.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context,
        functions: Mapping[str, Any],
        within: Host | None = None,
    ) -> None:
        self._loop = loop
        self._functions = functions
        self._context = context
        self._within = within
        self._tasks: set[asyncio.Task[None]] = set()

    def inner(self) -> Host:
        """A host with the same functions, for a run within this one."""
        return Host(self._loop, self._context, self._functions, self)

    def function(self, name: str) -> Any:
        """What goes by that name."""
        return self._functions[name]

    def begin(self, name: str, arguments: tuple[Any, ...], reply: Reply) -> Call:
        """Has a function run, and what it gives or raises told to ``reply``. May be called from any thread."""
        begun = Call(self, self._functions[name], arguments, reply)
        self._loop.call_soon_threadsafe(begun.start, context=self._context)
        return begun

    def feed(self, name: str, arguments: tuple[Any, ...]) -> Pull:
        """What an asynchronous generator of that name gives, to be asked for item by item, from any thread."""
        return Pull(self._loop, self._functions[name](*arguments), self._context, self._keep)

    def create_task(self, call: Call) -> asyncio.Task[None]:
        task = self._loop.create_task(call.answer())
        self._keep(task)
        return task

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._within is not None:
            self._within._keep(task)

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
