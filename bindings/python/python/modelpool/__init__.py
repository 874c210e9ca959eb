"""A pool of language models.

Give every model an alias, say where it lives and what it can do; the pool picks, for each request, the model that fits,
calls it, and survives its failures::

    from modelpool import ModelCapabilities, ModelPool

    pool = ModelPool()
    pool.add("fast", provider="openai", model_name="gpt-4o-mini")
    pool.add(
        "home",
        provider="vllm",
        model_name="qwen3-vl",
        base_url="http://localhost:8000",
        capabilities=ModelCapabilities(supports_vision=True, custom_capabilities={"runs_locally": True}),
    )

    answer = await pool.chat("hello")
    print(answer.alias, answer.text)

    async for chunk in pool.chat_stream("a secret", requirements={"runs_locally": True}):
        print(chunk.text, end="")
"""

from . import _bridge as _bridge
from ._agent import AgentController, Limits
from ._aggregating import Aggregator
from ._answers import ChatAnswer, ChatChunk, EmbeddingAnswer, Record
from ._deciding import Decider
from ._detector import CapabilityDetector
from ._errors import (
    AuthError,
    BillingError,
    BudgetExceededError,
    CallTimeoutError,
    CancelledCallError,
    ConfigurationError,
    ConnectError,
    ContentFilterError,
    ContextLengthError,
    ForbiddenError,
    InvalidRequestError,
    InvalidValueError,
    ModelNotFoundError,
    ModelPoolError,
    NoModelFitsError,
    OverloadedError,
    PoolStateError,
    PrefillRefusedError,
    ProtocolError,
    RateLimitedError,
    SelectorError,
    ServerError,
    StreamLostError,
    StructuredOutputError,
    UnknownRequirementWarning,
    UnsupportedError,
)
from ._events import (
    AgentEvent,
    ContextEvent,
    ContextUpdateEvent,
    ErrorEvent,
    LlmStreamingEvent,
    ResponseDeltaEvent,
    ThinkingEvent,
    ToolCallEvent,
    ToolProgressEvent,
    ToolResultEvent,
    TurnCompleteEvent,
)
from ._generator import StreamingGenerator
from ._mcp import McpError, McpServer
from ._native import ModelCapabilities, ModelConfig, __version__
from ._phases import ContextEngine, ContextManager, ContextProcessor, Query
from ._pool import ModelPool
from ._prices import Price, PriceTier
from ._providers import LLMProvider, PoolProvider, ProviderFactory
from ._running import ToolRunner
from ._runs import AgentRun, SyncAgentRun
from ._selectors import CapabilityBasedSelector, CostAwareSelector, LatencyAwareSelector, ModelSelector
from ._session import Document, SessionContext
from ._streams import ChatStream, SyncChatStream
from ._tools import Tool, ToolContext, tool

LLMCapabilities = ModelCapabilities
"""Another name that is in use for `ModelCapabilities`."""

__all__ = [
    "AgentController",
    "AgentEvent",
    "AgentRun",
    "Aggregator",
    "AuthError",
    "BillingError",
    "BudgetExceededError",
    "CallTimeoutError",
    "CancelledCallError",
    "CapabilityBasedSelector",
    "CapabilityDetector",
    "ChatAnswer",
    "ChatChunk",
    "ChatStream",
    "ConfigurationError",
    "ConnectError",
    "ContentFilterError",
    "ContextEngine",
    "ContextEvent",
    "ContextLengthError",
    "ContextManager",
    "ContextProcessor",
    "ContextUpdateEvent",
    "CostAwareSelector",
    "Decider",
    "Document",
    "EmbeddingAnswer",
    "ErrorEvent",
    "ForbiddenError",
    "InvalidRequestError",
    "InvalidValueError",
    "LLMCapabilities",
    "LLMProvider",
    "LatencyAwareSelector",
    "Limits",
    "LlmStreamingEvent",
    "McpError",
    "McpServer",
    "ModelCapabilities",
    "ModelConfig",
    "ModelNotFoundError",
    "ModelPool",
    "ModelPoolError",
    "ModelSelector",
    "NoModelFitsError",
    "OverloadedError",
    "PoolProvider",
    "PoolStateError",
    "PrefillRefusedError",
    "Price",
    "PriceTier",
    "ProtocolError",
    "ProviderFactory",
    "Query",
    "RateLimitedError",
    "Record",
    "ResponseDeltaEvent",
    "SelectorError",
    "ServerError",
    "SessionContext",
    "StreamLostError",
    "StreamingGenerator",
    "StructuredOutputError",
    "SyncAgentRun",
    "SyncChatStream",
    "ThinkingEvent",
    "Tool",
    "ToolCallEvent",
    "ToolContext",
    "ToolProgressEvent",
    "ToolResultEvent",
    "ToolRunner",
    "TurnCompleteEvent",
    "UnknownRequirementWarning",
    "UnsupportedError",
    "__version__",
    "tool",
]
