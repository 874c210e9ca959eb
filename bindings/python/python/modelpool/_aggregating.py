"""Phase 5 of an agent: the record of a turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import _native
from ._answers import Record
from ._errors import InvalidValueError
from ._host import call
from ._phases import record as record


class Turn(Record):
    """The record of a turn: ``messages``, ``rounds``, ``models``, ``usage``, ``cost_usd``, ``answer``, …"""

    __slots__ = ("_defaults",)
    _defaults: _native.NativeDefaults | None

    @property
    def defaults(self) -> _native.NativeDefaults:
        """The phases that come with the package."""
        defaults: _native.NativeDefaults | None = getattr(self, "_defaults", None)
        if defaults is None:
            raise InvalidValueError("turn: expected the record that the agent handed over, which knows its phases")
        return defaults

    def become(self, members: dict[str, Any]) -> Turn:
        """The same record with other members."""
        self.clear()
        self.update(record(members))
        return self


class Aggregator:
    """Phase 5: keeps what was said, which model was used for what, tokens, cost and time.

    ``turn`` may be changed where it stands, or another one given back. Its ``messages`` (each with ``message``, and
    ``model_alias`` for what a model said) are what the next round is asked with, and the history of the next turn; its
    ``answer`` is the content of ``turn_complete``.
    """

    async def answered(self, turn: Turn, answer: Record) -> Any:
        """A model has answered: ``answer`` has ``round``, ``model_alias``, ``message``, ``usage``, ``cost_usd``, …"""
        return turn.become(await turn.defaults.answered(turn, answer))

    async def tools_ran(self, turn: Turn, results: list[Record]) -> Any:
        """The tools it called have run: a message for each call, in their order."""
        return turn.become(await turn.defaults.tools_ran(turn, results))


def turn(members: dict[str, Any], defaults: _native.NativeDefaults) -> Turn:
    """A record that knows the default phases."""
    made = Turn(record(members))
    made._defaults = defaults
    return made


async def noted(function: Callable[..., Any], turn: Turn, what: Any) -> Any:
    """The record after something was noted in it."""
    given = await call(function, turn, what)
    return turn if given is None else given
