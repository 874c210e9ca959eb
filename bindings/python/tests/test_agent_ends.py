"""Runs that end before their end: nothing of them is left behind."""

import asyncio
import gc
import os
import threading
import time
import weakref

import pytest
from scripted import HANGS, Scripted, calls, kinds, pool_of, read

import modelpool
from modelpool import AgentController, CancelledCallError, ModelCapabilities, StreamingGenerator, tool


class Work:
    """Counts what runs."""

    def __init__(self):
        self.under_way = 0
        self.begun = 0

    async def __aenter__(self):
        self.under_way += 1
        self.begun += 1

    async def __aexit__(self, *_):
        self.under_way -= 1


def busy(hangs=None):
    """An agent whose turn has every kind of event; ``hangs`` is the place that never ends."""
    work = Work()

    class Engine:
        async def retrieve(self, query):
            async with work:
                await (asyncio.Event().wait() if hangs == "phase" else asyncio.sleep(0))

    @tool(safety="safe")
    async def dig(context: modelpool.ToolContext, depth: int = 1) -> str:
        async with work:
            context.progress("digging")
            await (asyncio.Event().wait() if hangs == "tool" else asyncio.sleep(0.001))
            return "gold"

    first = [{"reasoning_content": "hm"}, "I will ", *calls("dig", depth=1), *calls("dig", at=1, depth=2)]
    second = ["There is ", "gold"]
    script = Scripted(*([[HANGS]] if hangs == "provider" else [first, second]))
    pool = pool_of(busy=(script, ModelCapabilities(supports_tools=True, supports_reasoning=True)))
    agent = AgentController(
        context_engine=Engine(), streaming_generator=StreamingGenerator(model_pool=pool), tools=[dig]
    )
    return agent, script, work



async def nothing_is_left(script, work):
    end = time.monotonic() + 5
    while script.under_way or work.under_way or len(asyncio.all_tasks()) > 1:
        assert time.monotonic() < end, (script.under_way, work.under_way, asyncio.all_tasks())
        await asyncio.sleep(0.002)


async def all_kinds():
    agent, script, work = busy()
    events = await read(agent.stream_run("go", None))
    await nothing_is_left(script, work)
    return kinds(events)


async def test_a_turn_has_every_kind_of_event():
    assert set(await all_kinds()) == {
        "thinking", "context", "llm_streaming", "response_delta", "tool_call", "tool_progress", "tool_result",
        "context_update", "turn_complete",
    }  # fmt: skip


WAYS = ["break", "aclose", "async with", "cancel", "let go", "polite"]


@pytest.mark.parametrize("way", WAYS)
async def test_ending_at_every_event(way):
    seen_kinds = await all_kinds()
    for at in range(len(seen_kinds)):
        agent, script, work = busy()

        async def reading(run, at=at, agent=agent):
            seen = 0
            async for _ in run:
                if seen == at:
                    if way != "cancel":
                        return
                    asyncio.current_task().cancel()
                seen += 1

        run = agent.stream_run("go", None)
        if way == "async with":
            async with run:
                await reading(run)
        elif way == "cancel":
            with pytest.raises(asyncio.CancelledError):
                await asyncio.create_task(reading(run))
                # Where the last event was the one, the reading ends before it is cancelled.
                raise asyncio.CancelledError
        elif way == "polite":
            await reading(run)
            run.cancel()
            rest = await read(run)
            # What comes right behind a piece of the answer may be there with it.
            ways = ("cancelled", "done") if seen_kinds[at] == "response_delta" else ("cancelled",)
            assert not rest or rest[-1].type == "turn_complete" and rest[-1].stopped in ways, rest
        else:
            await reading(run)
            if way == "aclose":
                await run.aclose()
                assert work.under_way == 0, "aclose waits for what it cancelled"
                assert await read(run) == []
        del run
        gc.collect()
        await nothing_is_left(script, work)


@pytest.mark.parametrize("place", ["phase", "provider", "tool"])
@pytest.mark.parametrize("way", ["cancel", "timeout", "aclose", "polite"])
async def test_ending_while_something_never_ends(place, way):
    agent, script, work = busy(hangs=place)
    run = agent.stream_run("go", None)
    events = []

    async def reading():
        async for event in run:
            events.append(event)

    task = asyncio.create_task(reading())
    begun = time.monotonic() + 5
    while not (script.under_way if place == "provider" else work.under_way):
        assert time.monotonic() < begun
        await asyncio.sleep(0.002)
    if way == "cancel":
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(CancelledCallError):
            await run.__anext__()
    elif way == "timeout":
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(task, 0.02)
    elif way == "aclose":
        await run.aclose()
        await asyncio.wait_for(task, 5)
    else:
        run.cancel()
        await asyncio.wait_for(task, 5)
        assert events[-1].type == "turn_complete" and events[-1].stopped == "cancelled"
    await nothing_is_left(script, work)


@pytest.mark.parametrize("place", ["phase", "provider", "tool"])
def test_a_loop_that_ends_takes_its_runs_along(place):
    agent, script, work = busy(hangs=place)

    async def main():
        run = agent.stream_run("go", None)
        reading = asyncio.ensure_future(read(run))
        while not (script.under_way if place == "provider" else work.under_way):
            await asyncio.sleep(0.002)
        return reading  # Left behind: the end of the loop cancels it.

    asyncio.run(asyncio.wait_for(main(), 10))
    assert (script.under_way, work.under_way) == (0, 0)
    # The agent serves the next loop all the same.
    assert asyncio.run(asyncio.wait_for(one(busy()[0]), 10)) == "done"


async def one(agent):
    return (await agent.stream_run("go", None).read()).stopped


def test_leaving_a_run_that_blocks():
    agent, script, work = busy(hangs="tool")
    with agent.stream_run_sync("go") as run:
        for event in run:
            if event.type == "tool_progress":
                break
    end = time.monotonic() + 5
    while work.under_way or script.under_way:
        assert time.monotonic() < end
        time.sleep(0.005)


def test_ending_a_run_from_another_thread():
    agent, script, work = busy(hangs="tool")
    run = agent.stream_run_sync("go")
    timer = threading.Timer(0.1, run.cancel)
    timer.start()
    assert run.read().stopped == "cancelled"
    timer.join()


async def test_a_function_on_a_thread_hears_of_the_end():
    heard = threading.Event()

    @tool
    def endless(context: modelpool.ToolContext) -> str:
        context.progress("begun")
        for _ in range(2_000):
            if context.cancelled:
                heard.set()
                return "ended"
            time.sleep(0.005)
        return "nobody said anything"

    generator = StreamingGenerator(llm_provider=Scripted(calls("endless")))
    agent = AgentController(streaming_generator=generator, tools=[endless])
    async with agent.stream_run("go", None) as run:
        async for event in run:
            if event.type == "tool_progress":
                break
    assert await asyncio.to_thread(heard.wait, 5)


async def test_an_answer_that_is_let_go_of():
    script = Scripted(["a", "b", HANGS])
    pool = pool_of(long=(script, ModelCapabilities()))
    for generator in (StreamingGenerator(model_pool=pool), StreamingGenerator(llm_provider=script)):
        async for event in generator.stream_response("go", None, None):
            if event.type == "response_delta":
                break
        await nothing_is_left(script, Work())


def resident_kb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc here")
async def test_runs_leave_nothing_behind():
    agent, script, work = busy()
    first, second = script.answers

    async def runs(number):
        for at in range(number):
            script.answers = [first, second]
            run = agent.stream_run("go " * 200, None)
            async for event in run:
                if at % 3 == 0 and event.type == "tool_result":
                    break
            if at % 3 == 1:
                await run.aclose()
            del run
        await nothing_is_left(script, work)
        script.asked.clear()
        gc.collect()
        return resident_kb(), len(gc.get_objects())

    await runs(400)
    before, objects_before = await runs(400)
    after, objects_after = await runs(400)
    assert objects_after - objects_before < 200, f"{objects_after - objects_before} objects more after 400 runs"
    assert after - before < 3_000, f"{after - before} kB more after 400 runs"


async def test_what_refers_to_its_agent_is_collected_with_it():
    class Application:
        """Its methods are its agent's tools and phases, and it is the provider."""

        def __init__(self):
            generator = StreamingGenerator(llm_provider=self)
            tools = [self.look, tool(self.see)]
            self.agent = AgentController(context_engine=self, streaming_generator=generator, tools=tools)

        async def generate_stream(self, messages, tools=None, **options):
            yield calls("look")[0] if len(messages) == 1 else "done"

        def look(self) -> str:
            return "nothing"

        async def see(self) -> str:
            return "nothing"

        def retrieve(self, query):
            return None

    application = Application()
    events = await read(application.agent.stream_run("go", None))
    assert events[-1].content == "done" and events[-1].tool_calls == 1
    held = weakref.ref(application)
    del application, events
    gc.collect()
    assert held() is None


async def test_all_of_an_agent_is_let_go_of():
    def made():
        script = Scripted(["yes"])

        class Engine:
            def retrieve(self, query):
                return None

        @tool
        def look(path: str) -> str:
            return path

        engine = Engine()
        agent = AgentController(
            context_engine=engine, streaming_generator=StreamingGenerator(llm_provider=script), tools=[look]
        )
        return agent, [weakref.ref(held) for held in (script, engine, look, agent)]

    agent, held = made()
    await read(agent.stream_run("go", None))
    del agent
    gc.collect()
    assert [reference() for reference in held] == [None] * 4


@pytest.mark.parametrize("hangs", ["phase", "tool", "provider"])
async def test_an_exception_that_passes_by_is_none_of_its_own(hangs):
    agent, script, work = busy(hangs)

    async def failing():
        # Nothing but this frame holds the run, which is let go of while the exception passes.
        async for event in agent.stream_run("go", None):
            if event.type in ("thinking", "tool_call"):
                yield event

    async def reading():
        async for event in failing():
            if hangs != "tool" or event.type == "tool_call":
                raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await reading()
    gc.collect()
    await nothing_is_left(script, work)
