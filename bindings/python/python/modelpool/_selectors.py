"""Selectors: which of the models that fit is called.

The pool filters first: a selector is handed only models that meet the requirements, and at least one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from . import _native
from ._native import ModelConfig


class ModelSelector(ABC):
    """Extend this to choose your own way.

    The selector is asked once for each request, on the thread that made it, and again without the models that
    failed where the request is taken elsewhere. ``None`` means no model. What it raises becomes a `SelectorError`
    with the exception as its cause.
    """

    @abstractmethod
    def select_model(
        self,
        available_models: list[ModelConfig],
        requirements: dict[str, Any],
        context: dict[str, Any] | None = None,
    ) -> ModelConfig | None:
        """Chooses one of ``available_models``, all of which meet ``requirements``.

        ``context`` is what was passed to `ModelPool.select`; for calls it is a dict with ``session`` and ``tags`` of
        the request, ``operation``, ``stream`` and ``input_tokens``.
        """


class _Shipped(ModelSelector):
    """A selector of the pool itself; alone it is not asked in Python at all."""

    kind: str

    def select_model(
        self,
        available_models: Sequence[ModelConfig],
        requirements: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> ModelConfig | None:
        """What the shipped selector chooses among the models that meet the requirements; ``None`` where none does."""
        return _native.shipped_choice(self.kind, list(available_models), requirements)


class CapabilityBasedSelector(_Shipped):
    """The default: the cheapest of the models that fit; the default model first where several cost the same."""

    kind = "capability"


class CostAwareSelector(_Shipped):
    """The cheapest of the models that fit, whatever is preferred."""

    kind = "cost"


class LatencyAwareSelector(_Shipped):
    """The fastest of the models that fit: as measured once there are enough answers, as declared before."""

    kind = "latency"


def native_kind(selector: Any) -> str | None:
    """The name of the pool's own selector, where this object adds nothing to it."""
    if isinstance(selector, _Shipped) and type(selector).select_model is _Shipped.select_model:
        return selector.kind
    return None
