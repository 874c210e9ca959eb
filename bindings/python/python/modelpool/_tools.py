"""Tools: functions that models may call."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import inspect
import json
import threading
from collections.abc import Callable
from typing import Any, Literal, overload

from . import _native
from ._annotations import NO_DEFAULT, Field, Shape, hints_of, object_shape, shape_of
from ._docstrings import read_docstring
from ._errors import InvalidValueError
from ._host import call
from ._plain import plain

DEFAULT_TIMEOUT_S = 60.0


class ToolContext:
    """What a running tool has. A parameter that is annotated with this class is given one, and no model sees it."""

    def __init__(self, tell: Callable[[str], bool]) -> None:
        self._tell = tell
        self._cancelled = threading.Event()

    def progress(self, words: str) -> None:
        """Says how far the tool is: a ``tool_progress`` event. Where too many wait to be read it is left out."""
        self._tell(str(words))

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the result any more: for functions on threads, which cannot be interrupted."""
        return self._cancelled.is_set()


class Tool:
    """A function that models may call; `tool` makes one. It can still be called as the function it is."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        safety: Literal["safe", "cautious", "exclusive"] = "cautious",
        timeout: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        if not callable(function):
            raise InvalidValueError(f"tool: expected a function, got {function!r}")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise InvalidValueError(f"tool: expected a function that returns its result, got generator {function!r}")
        inner = function.func if isinstance(function, functools.partial) else function
        self.function = function
        self.name: str = name if name is not None else getattr(inner, "__name__", type(inner).__name__)
        self.safety: Literal["safe", "cautious", "exclusive"] = safety
        self.timeout = timeout
        said, of_parameters = read_docstring(inner.__doc__)
        self.description: str = description if description is not None else said
        self._context_parameter: str | None = None
        self._shape = self._shaped(inner, of_parameters)
        self._inner = _native.NativeTool(self.name, self.description, self.parameters, safety, float(timeout))
        functools.update_wrapper(self, inner, assigned=("__doc__", "__module__", "__qualname__"), updated=())

    @classmethod
    def of(cls, given: Any) -> Tool:
        """What was given as a tool, as one: a `Tool` as it is, a function with the usual settings."""
        return given if isinstance(given, Tool) else cls(given)

    @property
    def parameters(self) -> dict[str, Any]:
        """The JSON Schema of the arguments."""
        return self._shape.schema

    @property
    def definition(self) -> dict[str, Any]:
        """What models are told of it, in OpenAI's shape."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.function(*arguments, **named)

    def __get__(self, instance: Any, owner: Any = None) -> Tool:
        """As a method: the tool of that object."""
        if instance is None:
            return self
        bound = self.function.__get__(instance, owner)
        return Tool(
            bound, name=self.name, description=self.description, safety=self.safety, timeout=self.timeout
        )

    def __repr__(self) -> str:
        return f"Tool({self.name!r}, safety={self.safety!r})"

    def _shaped(self, function: Callable[..., Any], described: dict[str, str]) -> Shape:
        what = f"tool `{self.name}`"
        hinted = function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__
        hints = hints_of(hinted, what)
        try:
            parameters = list(inspect.signature(self.function).parameters.values())
        except (TypeError, ValueError) as error:
            raise InvalidValueError(f"{what}: its signature is not known: {error}") from error
        if parameters and parameters[0].name == "self" and "self" not in hints:
            # A method in its class, before it belongs to an object: see `__get__`.
            parameters = parameters[1:]
        fields = {}
        for parameter in parameters:
            of_it = f"{what}, parameter `{parameter.name}`"
            annotation = hints.get(parameter.name, parameter.annotation)
            if annotation is ToolContext:
                self._context_parameter = parameter.name
                continue
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise InvalidValueError(f"{of_it}: expected one that can be given by name, got `{parameter}`")
            fields[parameter.name] = Field(
                shape_of(annotation, of_it),
                parameter.default is parameter.empty,
                described.get(parameter.name, ""),
                NO_DEFAULT if parameter.default is parameter.empty else parameter.default,
            )
        return object_shape(fields, dict)

    async def _run(self, arguments: dict[str, Any], tell: Callable[[str], bool]) -> str:
        """Runs it with arguments that fit its schema; answers what the model reads."""
        given = self._shape.read(arguments)
        context = ToolContext(tell)
        if self._context_parameter is not None:
            given[self._context_parameter] = context
        try:
            return text_of(await call(self.function, **given))
        except asyncio.CancelledError:
            context._cancelled.set()
            raise


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...


@overload
def tool(
    function: None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    safety: Literal["safe", "cautious", "exclusive"] = "cautious",
    timeout: float = DEFAULT_TIMEOUT_S,
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    safety: Literal["safe", "cautious", "exclusive"] = "cautious",
    timeout: float = DEFAULT_TIMEOUT_S,
) -> Any:
    """Makes a tool of a function: ``@tool`` or ``@tool(safety="safe", timeout=5)``.

    Models are told its name, its docstring, and its parameters by their annotations; what the docstring says of a
    parameter (in Google's, numpy's or Sphinx's style) goes along. Arguments are checked before it is called, and it is
    given objects of the annotated types. An asynchronous function runs on the event loop of whoever reads the run,
    any other on a thread. What it returns is told to the model as text, or as JSON; so is what it raises.

    ``safety`` says how it may run beside others: ``"safe"`` (it changes nothing) any number side by side,
    ``"cautious"`` two at a time, ``"exclusive"`` alone. ``timeout`` is in seconds.
    """

    def make(function: Callable[..., Any]) -> Tool:
        return Tool(function, name=name, description=description, safety=safety, timeout=timeout)

    return make if function is None else make(function)


def text_of(value: Any) -> str:
    """What a tool returned, as a model reads it."""
    if isinstance(value, str):
        return value
    if value is None:
        return "done"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    try:
        return json.dumps(plain(value, "result"), ensure_ascii=False)
    except InvalidValueError:
        return str(value)
