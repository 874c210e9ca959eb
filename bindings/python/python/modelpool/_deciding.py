"""Phase 6 of an agent: whether there is another round, and on which model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import _native
from ._answers import Record
from ._errors import InvalidValueError
from ._phases import record

MOVES = ("stay", "anew", "stronger", "cheaper")
"""Who may answer the next round, where no model is named."""


class Rounds(list[Record]):
    """The rounds of a turn, the last of them just over."""

    def __init__(self, rounds: Iterable[Record], defaults: _native.NativeDefaults) -> None:
        super().__init__(rounds)
        self._defaults = defaults

    @property
    def defaults(self) -> _native.NativeDefaults:
        """The phases that come with the package."""
        return self._defaults


class Decider:
    """Phase 6: goes on while the model calls tools; one that is stuck is left for a stronger one."""

    async def decide(self, rounds: Rounds) -> Any:
        """Whether there is another round after these, and who answers it.

        A round has ``round`` (its number), ``model_alias``, ``by``, ``has_text``, ``finish`` and ``calls``, each of
        these with ``name``, ``arguments``, ``refused``, ``failed`` and ``result``.

        ``None`` or ``False`` ends the turn, ``True`` goes on. So does a dict: with ``model``, the alias that is to
        answer, or with ``by``: ``"stay"`` with the model of the tool loop, pick ``"anew"``, or take a ``"stronger"`` or
        a ``"cheaper"`` one; ``because`` says why in the events.
        """
        if not isinstance(rounds, Rounds):
            raise InvalidValueError("rounds: expected the list that the agent handed over, which knows its phases")
        return record(await rounds.defaults.decide(rounds))


def rounds(value: list[Any], defaults: _native.NativeDefaults) -> Rounds:
    """Rounds that know the default phases."""
    return Rounds(record(value), defaults)


def decision(given: Any) -> dict[str, Any] | None:
    """What a decider gave, in its one form: `None`, or a dict with ``by``, ``model`` and ``because``."""
    if given is None or given is False:
        return None
    if given is True:
        given = {}
    if not isinstance(given, Mapping):
        raise InvalidValueError(f"decide is to give None, True, False or a dict; it gave {given!r}")
    for key in given:
        if key not in ("by", "model", "because"):
            raise InvalidValueError(f"decide gave an unknown key `{key}` (known: by, model, because)")
    model, because = given.get("model"), given.get("because")
    by = given.get("by") or ("back" if model is not None else "stay")
    if by not in (("back",) if model is not None else MOVES):
        raise InvalidValueError(f"decide gave by={by!r}: expected {', '.join(MOVES)}, or a model and no `by`")
    for name, value in (("model", model), ("because", because)):
        if value is not None and not isinstance(value, str):
            raise InvalidValueError(f"decide gave {name}={value!r}: expected a string")
    return {"by": by, "model": model, "because": because}
