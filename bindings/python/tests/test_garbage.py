"""What refers to itself is collected, and nothing is collected under those who use it."""

import asyncio
import gc
import time
import weakref

import pytest
from scripted import Scripted, calls, read

from modelpool import (
    AgentController,
    Aggregator,
    ContextEngine,
    ContextManager,
    ContextProcessor,
    Decider,
    LLMProvider,
    ModelCapabilities,
    ModelPool,
    StreamingGenerator,
    ToolRunner,
    tool,
)


def assert_gone(gone):
    # The event loop of the package may be about to let go of it.
    for _ in range(200):
        gc.collect()
        if gone() is None:
            return
        time.sleep(0.01)
    raise AssertionError(f"{gone()!r} is left: {gc.get_referrers(gone())}")


class Serving(LLMProvider):
    """A provider that knows its pool."""

    made = []

    def __init__(self):
        Serving.made.append(weakref.ref(self))
        self.pool = None

    async def generate_stream(self, messages, tools=None, **options):
        for word in ("he", "llo"):
            await asyncio.sleep(0)
            yield word


def serving_pool(register):
    """A pool whose provider refers to it, as it was made by the first call."""
    Serving.made.clear()
    register("serving", Serving)
    pool = ModelPool().add("one", "serving", "m", ModelCapabilities())
    assert pool.chat_sync("hi").text == "hello"
    (made,) = Serving.made
    made().pool = pool
    return pool, made


def test_a_pool_and_its_provider(register):
    pool, provider = serving_pool(register)
    pool_gone = weakref.ref(pool)
    assert pool.chat_sync("hi").text == "hello"
    del pool
    assert_gone(provider)
    assert_gone(pool_gone)


def test_a_pool_and_providers_of_several_models(register):
    pool, first = serving_pool(register)
    pool.add("other", "serving", "m2", ModelCapabilities())
    assert pool.chat_sync("hi", model="other").text == "hello"
    second = Serving.made[1]
    second().pool = [pool, first()]
    del pool
    assert_gone(first)
    assert_gone(second)


def test_a_pool_that_is_in_use_keeps_its_providers(register):
    pool, provider = serving_pool(register)
    kept = pool.get("one")
    gc.collect()
    assert provider() is not None and pool.chat_sync("hi").text == "hello" and kept.alias == "one"


async def test_a_stream_under_way_keeps_the_provider(register):
    pool, provider = await asyncio.to_thread(serving_pool, register)
    stream = pool.chat_stream("hi")
    del pool
    gc.collect()
    assert await stream.read() == "hello"
    del stream
    assert_gone(provider)


async def test_a_run_under_way_keeps_the_provider(register):
    pool, provider = await asyncio.to_thread(serving_pool, register)
    run = AgentController(streaming_generator=StreamingGenerator(model_pool=pool)).stream_run("hi")
    del pool
    await run.__anext__()
    gc.collect()
    events = await read(run)
    assert events[-1].content == "hello"
    del run, events
    assert_gone(provider)


PHASES = {
    "context_engine": ContextEngine,
    "context_processor": ContextProcessor,
    "context_manager": ContextManager,
    "tool_runner": ToolRunner,
    "aggregator": Aggregator,
    "decider": Decider,
}


@tool(safety="safe")
def dig(depth: int = 1) -> str:
    """Digs."""
    return "gold"


METHODS = {"tool_runner": "run", "aggregator": "answered", "decider": "decide", "context_engine": "retrieve", "context_processor": "process"}


@pytest.mark.parametrize("argument", PHASES)
def test_an_agent_and_its_phase(argument):
    base = PHASES[argument]
    name = METHODS.get(argument, "assemble")

    class Own(base):
        agent = None

    setattr(Own, name, lambda self, *given: getattr(base, name)(self, *given))
    phase = Own()
    generator = StreamingGenerator(llm_provider=Scripted(calls("dig"), ["done"]))
    phase.agent = AgentController(streaming_generator=generator, tools=[dig], **{argument: phase})
    assert phase.agent.stream_run_sync("go").read().content == "done"
    gone = weakref.ref(phase)
    del phase
    assert_gone(gone)


def test_an_agent_and_its_generator():
    class Own(StreamingGenerator):
        def stream_response(self, *given):
            return super().stream_response(*given)

    own = Own(llm_provider=Scripted(["done"]))
    own.agent = AgentController(streaming_generator=own)
    assert own.agent.stream_run_sync("go").read().content == "done"
    gone = weakref.ref(own)
    del own
    assert_gone(gone)


def test_an_agent_and_its_provider():
    provider = Scripted(["done"])
    provider.agent = AgentController(streaming_generator=StreamingGenerator(llm_provider=provider))
    assert provider.agent.stream_run_sync("go").read().content == "done"
    gone = weakref.ref(provider)
    del provider
    assert_gone(gone)
