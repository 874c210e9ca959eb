"""What goes wrong, one class for each kind, all of them below `ModelPoolError`."""

from __future__ import annotations

from typing import Any


class ModelPoolError(Exception):
    """The base of all errors of this package.

    What is known of a failure stands in attributes; what is not known is ``None``.
    """

    code: str = "error"
    """A short, fixed name of the kind, the same in all faces of modelpool."""

    alias: str | None = None
    """The model at which it happened."""
    status: int | None = None
    """The HTTP status of the upstream's answer."""
    attempts: int = 0
    """Calls made before it was given up."""
    request_id: str | None = None
    """The id of the request."""
    upstream_request_id: str | None = None
    """The vendor's id of the request."""
    retry_after_s: float | None = None
    """Seconds to wait before asking again."""
    param: str | None = None
    """The member of the request that is at fault."""
    vendor_message: str | None = None
    """The vendor's own words, without secrets."""
    vendor_code: str | None = None
    """The vendor's own code."""
    missing: list[dict[str, Any]] | None = None
    """What each model lacks, where none fits: dicts with ``alias`` and ``missing``."""
    unknown_keys: list[dict[str, Any]] | None = None
    """Requirements that no model knows, with the nearest that one does."""


class RateLimitedError(ModelPoolError):
    """The vendor's rate limit; see ``retry_after_s``."""

    code = "rate_limited"


class OverloadedError(ModelPoolError):
    """The vendor has no capacity at the moment."""

    code = "overloaded"


class ServerError(ModelPoolError):
    """The upstream failed (status 5xx)."""

    code = "server"


class ConnectError(ModelPoolError, ConnectionError):
    """No connection: refused, unreachable, name not found, TLS failed, or reset before an answer."""

    code = "connect"


class CallTimeoutError(ModelPoolError, TimeoutError):
    """It took too long; ``limit`` is the key of the limit it ran into."""

    code = "timeout"
    limit: str | None = None


class ContextLengthError(ModelPoolError):
    """The input does not fit the model's context window (``window`` tokens, where the upstream said so)."""

    code = "context_length"
    window: int | None = None


class ContentFilterError(ModelPoolError):
    """The vendor refused the content."""

    code = "content_filter"


class UnsupportedError(ModelPoolError):
    """The model does not support something the request needs (``capability``, where it is a built-in one)."""

    code = "unsupported"
    capability: str | None = None


class PrefillRefusedError(ModelPoolError):
    """The model does not go on from a partial answer of the assistant."""

    code = "prefill_refused"


class InvalidRequestError(ModelPoolError, ValueError):
    """The request is wrong, and would be wrong for every model; see ``param``."""

    code = "invalid_request"


class AuthError(ModelPoolError):
    """The upstream refused the key, or what the key may do."""

    code = "auth"


class BillingError(ModelPoolError):
    """The vendor's account has no money or no quota left."""

    code = "billing"


class ModelNotFoundError(ModelPoolError, LookupError):
    """No model has that alias, or the vendor does not know the model."""

    code = "model_not_found"


class ProtocolError(ModelPoolError):
    """The answer is not what the wire protocol says it should be."""

    code = "protocol"


class StreamLostError(ModelPoolError):
    """The stream ended before the answer was complete."""

    code = "stream_lost"


class BudgetExceededError(ModelPoolError):
    """The budget of the request is used up."""

    code = "budget_exceeded"


class NoModelFitsError(ModelPoolError, LookupError):
    """No model of the pool meets the requirements; ``missing`` and ``unknown_keys`` say why."""

    code = "no_model_fits"


class ConfigurationError(ModelPoolError, ValueError):
    """A model cannot be called as it is configured, or a configuration file is wrong."""

    code = "configuration"


class ForbiddenError(ModelPoolError):
    """The caller may not use the model."""

    code = "forbidden"


class CancelledCallError(ModelPoolError):
    """The call was cancelled."""

    code = "cancelled"


class SelectorError(ModelPoolError):
    """The selector failed; what it raised is the cause (``__cause__``). The pool itself goes on."""

    code = "selector"


class InvalidValueError(ModelPoolError, ValueError):
    """An argument is not what it should be; the message names it, its value and what would be accepted."""

    code = "invalid_value"


class StructuredOutputError(ModelPoolError, ValueError):
    """The answer does not fit the model of pydantic that was asked for; ``answer`` is the answer as it came."""

    code = "structured_output"
    answer: Any = None


class PoolStateError(ModelPoolError, RuntimeError):
    """The pool cannot do this here and now, as after a fork or from within another call."""

    code = "pool"


class UnknownRequirementWarning(UserWarning):
    """A requirement that no model of the pool knows; the nearest one that is known is named."""


BY_CODE: dict[str, type[ModelPoolError]] = {
    kind.code: kind
    for kind in (
        RateLimitedError,
        OverloadedError,
        ServerError,
        ConnectError,
        CallTimeoutError,
        ContextLengthError,
        ContentFilterError,
        UnsupportedError,
        PrefillRefusedError,
        InvalidRequestError,
        AuthError,
        BillingError,
        ModelNotFoundError,
        ProtocolError,
        StreamLostError,
        BudgetExceededError,
        NoModelFitsError,
        ConfigurationError,
        ForbiddenError,
        CancelledCallError,
        SelectorError,
        InvalidValueError,
        StructuredOutputError,
        PoolStateError,
    )
}


def made(code: str, message: str, attributes: dict[str, Any]) -> ModelPoolError:
    """The exception for a code, with what is known of it."""
    error = BY_CODE.get(code, ModelPoolError)(message)
    for name, value in attributes.items():
        if value is not None:
            setattr(error, name, value)
    return error
