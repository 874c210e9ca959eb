"""A quick look at the package on any version of Python, with nothing else installed.

Every module is imported, and every way is gone that may differ from version to version: calls that are awaited, that
block and that stream, objects of Python within them, and their ends. A program, which wants the package on its path and
``SIMULATOR_URL``; `cargo xtask test python` runs it with every Python that it finds.
"""

import asyncio
import contextlib
import gc
import importlib
import os
import pkgutil
import platform
import time
import weakref

import modelpool
from modelpool import (
    AgentController,
    Aggregator,
    ContextEngine,
    Decider,
    LLMProvider,
    ModelCapabilities,
    ModelPool,
    ModelSelector,
    NoModelFitsError,
    ProviderFactory,
    ServerError,
    StreamingGenerator,
    ToolRunner,
    tool,
)

UPSTREAM = os.environ["SIMULATOR_URL"].removesuffix("/simulator") + "/v1"
ABLE = ModelCapabilities(supports_tools=True, cost_per_1k_tokens=0.002)


class Last(ModelSelector):
    """A selector in Python."""

    def select_model(self, available_models, requirements, context=None):
        return available_models[-1]


class Echo(LLMProvider):
    """A provider in Python, which calls a tool where it may."""

    def __init__(self):
        self.closed = 0

    async def generate_stream(self, messages, tools=None, **options):
        try:
            if messages[-1]["role"] == "user" and tools:
                function = {"name": "double", "arguments": '{"of": 4}'}
                yield {"tool_calls": [{"index": 0, "id": "a", "function": function}]}
                return
            for word in messages[-1]["content"].split():
                await asyncio.sleep(0)
                yield f"{word} "
        finally:
            self.closed += 1


@tool(safety="safe")
def double(of: int) -> int:
    """Twice a number."""
    return of * 2


class Engine(ContextEngine):
    async def retrieve(self, query):
        return await super().retrieve(query)


class Generator(StreamingGenerator):
    async def stream_response(self, user_message, context=None, available_tools=None, model_requirements=None):
        async for event in super().stream_response(user_message, context, available_tools, model_requirements):
            yield event


class Runner(ToolRunner):
    async def run(self, calls, tools):
        async for event in super().run(calls, tools):
            yield event


class Books(Aggregator):
    async def answered(self, turn, answer):
        return await super().answered(turn, answer)


class Deciding(Decider):
    async def decide(self, rounds):
        return await super().decide(rounds)


def every_module():
    names = [module.name for module in pkgutil.iter_modules(modelpool.__path__)]
    assert "_native" in names and len(names) > 20, names
    for name in names:
        try:
            importlib.import_module(f"modelpool.{name}")
        except ImportError as error:
            # What goes with a package of others says so where that is not there.
            assert "pip install 'modelpool[" in str(error), error


def calls_that_block():
    pool = ModelPool(selector=Last()).add("one", "openai_compatible", "version-1", ABLE, base_url=UPSTREAM)
    assert pool.chat_sync("hello").alias == "one"
    with pool.chat_stream_sync("hello") as stream:
        assert stream.read()
    with contextlib.suppress(NoModelFitsError):
        pool.chat_sync("hello", requirements={"supports_audio": True})
        raise AssertionError("a model fitted that does not")


async def calls_that_are_awaited():
    ProviderFactory.register("version-echo", Echo)
    pool = ModelPool()
    pool.add("far", "openai_compatible", "version-2", ABLE, base_url=UPSTREAM)
    pool.add("echo", "version-echo", "e", ABLE)
    answers = await asyncio.gather(*(pool.chat("hello", model="far") for _ in range(8)))
    assert all(answer.alias == "far" for answer in answers)
    assert (await pool.chat("one two", model="echo")).text == "one two "
    async with pool.chat_stream("one two three", model="echo") as stream:
        async for chunk in stream:
            if chunk.text:
                break
    try:
        await pool.chat([{"role": "user", "content": None}], model="echo")
    except ServerError as error:
        assert error.attempts == 1, error
    else:
        raise AssertionError("a mistake was no failure")


async def an_agent():
    provider = Echo()
    agent = AgentController(
        context_engine=Engine(),
        streaming_generator=Generator(llm_provider=provider),
        tool_runner=Runner(),
        aggregator=Books(),
        decider=Deciding(),
        tools=[double],
    )
    events = [event async for event in agent.stream_run("double it")]
    assert events[-1].stopped == "done" and events[-1].content == "8 ", events[-1]
    for at in range(len(events)):
        run = agent.stream_run("double it")
        async with run:
            for _ in range(at):
                await run.__anext__()
    task = asyncio.ensure_future(agent.stream_run("double it").read())
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    for _ in range(500):
        if len(asyncio.all_tasks()) == 1:
            break
        await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == {asyncio.current_task()}, asyncio.all_tasks()
    return agent


def main():
    every_module()
    calls_that_block()
    asyncio.run(calls_that_are_awaited())
    agent = asyncio.run(an_agent())
    assert agent.stream_run_sync("double it").read().content == "8 "
    gone = weakref.ref(agent)
    del agent
    for _ in range(200):
        gc.collect()
        if gone() is None:
            break
        # The event loop of the package may be about to let go of it.
        time.sleep(0.01)
    assert gone() is None, "an agent is left"
    print(f"Python {platform.python_version()}: fine")


if __name__ == "__main__":
    main()
