"""What a model costs."""

from typing import TypedDict


class _Rates(TypedDict):
    input: float
    output: float


class _MoreRates(_Rates, total=False):
    cached_input: float
    cache_write: float
    cache_write_1h: float
    reasoning: float
    output_after_reasoning: float


class _Tier(TypedDict):
    above_input_tokens: int


class PriceTier(_MoreRates, _Tier):
    """US dollars per million tokens of calls with more input tokens than ``above_input_tokens``, for all of the call.

    What it leaves out is billed as its own ``input`` or ``output``.
    """


class Price(_MoreRates, total=False):
    """US dollars per million tokens, per ``image`` made, and per call (``request``).

    ``cached_input`` is read from the vendor's cache, ``cache_write`` written to it, ``cache_write_1h`` kept there for an
    hour. ``reasoning`` is the price of reasoning, ``output_after_reasoning`` that of all output where there was any. What
    is left out is billed as ``input`` or ``output``.
    """

    image: float
    request: float
    tiers: list[PriceTier]
