"""Phase 4 in Python: who runs the tools."""

import asyncio
import json

import pytest
from scripted import Scripted, calls, kinds, of, read

from modelpool import AgentController, InvalidValueError, Limits, StreamingGenerator, ToolContext, ToolRunner, tool


class Dug:
    """Counts what was dug."""

    def __init__(self, hangs=False):
        self.depths, self.under_way, self.hangs = [], 0, hangs
        self.tool = tool(safety="safe")(self.dig)

    async def dig(self, context: ToolContext, depth: int = 1) -> str:
        """Digs."""
        self.depths.append(depth)
        self.under_way += 1
        try:
            context.progress("digging")
            await (asyncio.Event().wait() if self.hangs else asyncio.sleep(0.001))
        finally:
            self.under_way -= 1
        return f"gold at {depth}"


TWO = [*calls("dig", depth=1), *calls("dig", at=1, depth=2)]


def agent(runner, dug=None, script=None, **given):
    script = script or Scripted(TWO, ["done"])
    generator = StreamingGenerator(llm_provider=script)
    return AgentController(streaming_generator=generator, tools=[(dug or Dug()).tool], tool_runner=runner, **given)


def told(script):
    return [message["content"] for message in script.asked[-1]["messages"] if message["role"] == "tool"]


def results(calls, words, **facts):
    return [{"type": "tool_result", "content": words, "metadata": {"call_id": call.id, **facts}} for call in calls]


async def asynchronous(calls, tools):
    for event in results(calls, "kept"):
        await asyncio.sleep(0)
        yield event


def on_a_thread(calls, tools):
    yield from results(calls, "kept")


def whole(calls, tools):
    return results(calls, "kept")


async def later(calls, tools):
    return results(calls, "kept")


def runner_of(function):
    return type("Own", (), {"run": staticmethod(function)})()


@pytest.mark.parametrize("function", [asynchronous, on_a_thread, whole, later])
async def test_any_object_with_the_method(function):
    dug, script = Dug(), Scripted(TWO, ["done"])
    events = await read(agent(runner_of(function), dug, script).stream_run("go", None))
    assert dug.depths == [] and told(script) == ["kept", "kept"] and events[-1].stopped == "done"
    # A result comes after the word that its call begins.
    assert [kind for kind in kinds(events) if kind.startswith("tool")] == ["tool_call", "tool_result"] * 2


def test_the_same_where_the_caller_blocks_its_thread():
    script = Scripted(TWO, ["done"])
    assert agent(runner_of(asynchronous), script=script).stream_run_sync("go").read().content == "done"
    assert told(script) == ["kept", "kept"]


async def test_what_it_is_handed_and_what_may_be_told():
    seen = {}

    async def run(calls, tools):
        seen.update(calls=calls, tools=tools)
        first, second = calls
        yield {"type": "tool_call", "metadata": {"call_id": second.id}}
        yield {"type": "tool_progress", "content": "half", "metadata": {"call_id": second.id}}
        yield {"type": "tool_result", "content": {"found": [1]}, "metadata": {"call_id": second.id, "elapsed_ms": 7}}
        yield {"type": "tool_result", "content": "no", "metadata": {"call_id": first.id, "failed": True}}

    dug, script = Dug(), Scripted(TWO, ["done"])
    events = await read(agent(runner_of(run), dug, script).stream_run("go", None))
    assert [(call.id, call.name, json.loads(call.arguments)) for call in seen["calls"]] == [
        ("call_dig_0", "dig", {"depth": 1}),
        ("call_dig_1", "dig", {"depth": 2}),
    ]
    assert seen["tools"] == [dug.tool.definition]
    # In the order of the calls, whichever ended first.
    assert told(script) == ["error: no", '{"found": [1]}']
    one, other = of(events, "tool_result")
    assert (one.call_id, one.elapsed_ms, one.failed) == ("call_dig_1", 7, False) and other.failed
    assert of(events, "tool_progress")[0].name == "dig"


async def test_super_runs_as_without_one():
    plain, script = Scripted(TWO, ["done"]), Scripted(TWO, ["done"])
    expected = await read(agent(None, script=plain).stream_run("go", None))

    class Own(ToolRunner):
        async def run(self, calls, tools):
            async for event in super().run(calls, tools):
                yield event

    dug = Dug()
    events = await read(agent(Own(), dug, script).stream_run("go", None))
    assert sorted(dug.depths) == [1, 2] and told(script) == told(plain)
    assert sorted(kinds(events)) == sorted(kinds(expected))
    whole = Scripted(TWO, ["done"])
    own = agent(type("Whole", (ToolRunner,), {"run": lambda self, *given: ToolRunner.run(self, *given)})(), script=whole)
    assert (await own.stream_run("go").read()).content == "done" and told(whole) == told(plain)
    again = Scripted(TWO, ["done"])
    assert agent(Own(), script=again).stream_run_sync("go").read().content == "done" and told(again) == told(plain)


async def test_some_calls_are_not_allowed():
    class Asking(ToolRunner):
        async def run(self, calls, tools):
            allowed = [call for call in calls if json.loads(call.arguments)["depth"] < 2]
            for event in results((call for call in calls if call not in allowed), "not allowed", failed=True):
                yield event
            async for event in super().run(allowed, tools):
                if event.type == "tool_result":
                    event["content"] = event.content.upper()
                yield event

    dug, script = Dug(), Scripted(TWO, ["done"])
    events = await read(agent(Asking(), dug, script).stream_run("go", None))
    assert dug.depths == [1] and told(script) == ["GOLD AT 1", "error: not allowed"]
    assert events[-1].stopped == "done" and events[-1].recoveries == 1


async def test_a_call_that_is_left_out_has_a_result_all_the_same():
    async def run(calls, tools):
        for event in results(calls[:1], "kept"):
            yield event

    script = Scripted(TWO, ["done"])
    await read(agent(runner_of(run), script=script).stream_run("go", None))
    assert told(script) == ["kept", "error: this call was not run"]


async def test_a_result_is_bounded():
    script = Scripted(TWO, ["done"])
    own = agent(runner_of(lambda calls, tools: results(calls, "x" * 5_000)), script=script, limits=Limits(tool_result_bytes=500))
    events = await read(own.stream_run("go", None))
    assert all(len(content) < 700 for content in told(script)) and of(events, "tool_result")[0].truncated


@pytest.mark.parametrize(
    ("gives", "words"),
    [
        ([3], "run gives events (tool_call, tool_progress, tool_result), got 3"),
        ([{"type": "response_delta", "content": "x"}], "run gives events"),
        ([{"type": "tool_result", "content": "x"}], "expected the id of a call as `call_id`"),
        ([{"type": "tool_result", "content": "x", "metadata": {"call_id": "other"}}], "`other` is no call of this round"),
        (results([type("Call", (), {"id": "call_dig_0"})] * 2, "x"), "that has no result yet"),
        (3, "run is to give an iterator"),
        (OSError("the disk is full"), "OSError: the disk is full"),
    ],
)
async def test_what_it_gives_is_checked_and_what_it_raises_is_told(gives, words):
    def run(calls, tools):
        if isinstance(gives, Exception):
            raise gives
        return gives

    events = await read(agent(runner_of(run)).stream_run("go", None))
    (error,) = of(events, "error")
    assert (error.phase, error.code, error.recovered) == ("tools", "phase_failed", False) and words in error.content
    last = events[-1]
    assert last.stopped == "failed" and [message["role"] for message in last.messages] == ["user", "assistant", "tool", "tool"]


@pytest.mark.parametrize("way", ["aclose", "polite", "timeout"])
async def test_it_ends_with_the_run(way):
    ended = []

    class Own(ToolRunner):
        async def run(self, calls, tools):
            try:
                async for event in super().run(calls, tools):
                    yield event
            finally:
                ended.append(asyncio.get_running_loop())

    dug = Dug(hangs=True)
    run = agent(Own(), dug).stream_run("go", None)
    reached = asyncio.Event()

    async def reading():
        async for event in run:
            if event.type == "tool_progress":
                reached.set()
                if way != "timeout":
                    return

    if way == "timeout":
        task = asyncio.create_task(reading())
        await reached.wait()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(task, 0.02)
    else:
        await reading()
        assert dug.under_way > 0
    if way == "polite":
        run.cancel()
        assert (await read(run))[-1].stopped == "cancelled"
    await run.aclose()
    assert ended == [asyncio.get_running_loop()] and dug.under_way == 0


async def test_a_list_of_ones_own_knows_no_tools():
    with pytest.raises(InvalidValueError, match="the list that the agent handed over"):
        ToolRunner().run([], [])
