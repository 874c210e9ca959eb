"""Phases of an agent in Python; here 1 and 2: extend one of these to put your own in its place.

A method may be asynchronous or not; one that is not runs on a thread. ``super()`` asks the phase that comes with the
package::

    class WithManual(ContextEngine):
        async def retrieve(self, query):
            found = await super().retrieve(query)
            found["items"].append({"text": look_up(query.text), "source": "manual", "score": 0.9})
            return found

What they are handed are dicts whose members also read as attributes. A query has ``message``, ``session``
(``session_id``, ``instructions``, ``history``, ``documents``, ``metadata``), ``model_name`` (of the model that is
expected to answer, where that is known) and ``text`` (of the message). What is found has ``items``, each with
``source``, ``message``, ``score`` and ``tokens``; an item you give may be a string, or have ``text`` in place of
``message``, and what has no ``tokens`` is counted.
"""

from __future__ import annotations

from typing import Any

from . import _native
from ._answers import Record
from ._errors import InvalidValueError


class Query(Record):
    """What a turn asks of its context: ``message``, ``session``, ``model_name``."""

    __slots__ = ("_defaults",)
    _defaults: _native.NativeDefaults | None

    @property
    def text(self) -> str:
        """The text of the user's message."""
        content = self["message"].get("content")
        if isinstance(content, str):
            return content
        return "\n".join(part["text"] for part in content or [] if isinstance(part.get("text"), str))

    @property
    def defaults(self) -> _native.NativeDefaults:
        """The phases that come with the package."""
        defaults: _native.NativeDefaults | None = getattr(self, "_defaults", None)
        if defaults is None:
            raise InvalidValueError("query: expected the one that the agent handed over, which knows its phases")
        return defaults


class ContextEngine:
    """Phase 1: finds what may be of use: the history as it is, and passages of documents and notes by BM25."""

    async def retrieve(self, query: Query) -> Any:
        """What was found: a dict with ``items``, best first. A list of items, or ``None``, will do."""
        return record(await query.defaults.retrieve(query))


class ContextProcessor:
    """Phase 2: ranks, leaves repetitions out, and trims to the tokens there are."""

    async def process(self, query: Query, found: Record, demand: Record) -> Any:
        """What is left of ``found``, in the same form: at most ``demand.for_context`` tokens."""
        return record(await query.defaults.process(query, found, demand))


class ContextManager:
    """The end of phase 2: makes messages of what is left."""

    async def assemble(self, query: Query, context: Record) -> Any:
        """The messages the turn begins with: a list, or a dict with ``messages``; the user's message is the last."""
        return record(await query.defaults.assemble(query, context))


def record(value: Any) -> Any:
    """Plain objects with their dicts as records."""
    if isinstance(value, dict):
        return Record((key, record(member)) for key, member in value.items())
    if isinstance(value, list):
        return [record(item) for item in value]
    return value


def query(value: dict[str, Any], defaults: _native.NativeDefaults) -> Query:
    """A query that knows the default phases."""
    made = Query(record(value))
    made._defaults = defaults
    return made


def method(phase: Any, name: str, argument: str, base: type) -> Any:
    """The method of a phase; ``None`` where the default is to be used."""
    if phase is None or phase is ...:
        return None
    if type(phase) is base:
        return None
    found = getattr(phase, name, None)
    if isinstance(phase, type) or not callable(found):
        raise InvalidValueError(f"{argument}: expected an object with a method `{name}`, or None, got {phase!r}")
    return found
