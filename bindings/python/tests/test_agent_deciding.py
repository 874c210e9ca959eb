"""Phase 6 in Python: who says whether there is another round."""

import asyncio
import gc
import threading

import pytest
from scripted import Scripted, calls, models, of, pool_of, read

from modelpool import AgentController, Decider, InvalidValueError, ModelCapabilities, StreamingGenerator, tool


@tool(safety="safe")
def dig(depth: int = 1) -> str:
    """Digs."""
    if depth > 8:
        raise ValueError("too deep")
    return "gold"


ABLE = {"supports_tools": True}


def two(*first):
    """A pool of a cheap model that gives these answers, and a dear one."""
    cheap, dear = Scripted(*(first or (["from cheap"],))), Scripted(["from dear"])
    pool = pool_of(
        cheap=(cheap, ModelCapabilities(**ABLE, cost_per_1k_tokens=0.001)),
        dear=(dear, ModelCapabilities(**ABLE, cost_per_1k_tokens=0.02)),
    )
    return pool, cheap, dear


def agent(pool, decider, **given):
    generator = StreamingGenerator(model_pool=pool)
    return AgentController(streaming_generator=generator, tools=[dig], decider=decider, **given)


class Once:
    """Goes on once, as it is told to."""

    def __init__(self, by):
        self.by, self.seen, self.thread = by, [], None

    def decide(self, rounds):
        self.seen.append(rounds)
        self.thread = threading.get_ident()
        return self.by if len(rounds) == 1 else None


@pytest.mark.parametrize(
    ("by", "asked", "why"),
    [
        (None, ["cheap"], None),
        (False, ["cheap"], None),
        (True, ["cheap", "cheap"], None),
        ({}, ["cheap", "cheap"], None),
        ({"by": "stay"}, ["cheap", "cheap"], None),
        ({"by": "anew", "because": "just so"}, ["cheap", "cheap"], "just so"),
        ({"by": "stronger", "because": "looked over"}, ["cheap", "dear"], "looked over"),
        ({"model": "dear", "because": "second opinion"}, ["cheap", "dear"], "second opinion"),
        ({"by": "cheaper", "because": "there is none"}, ["cheap", "cheap"], None),
    ],
)
async def test_what_it_says_is_done(by, asked, why):
    pool, *_ = two()
    decider = Once(by)
    events = await read(agent(pool, decider).stream_run("go", None))
    assert models(events) == asked and events[-1].stopped == "done"
    assert [event.moved for event in of(events, "llm_streaming")][1:] == ([why] if len(asked) == 2 else [])
    assert decider.thread != threading.get_ident()
    if why:
        assert events[-1].rounds[1].moved == why


async def test_what_it_is_handed():
    pool, *_ = two(calls("dig", depth=9), ["done"])
    seen = []

    class Own:
        async def decide(self, rounds):
            await asyncio.sleep(0)
            seen.append(list(rounds))
            return bool(rounds[-1].calls)

    await read(agent(pool, Own()).stream_run("go", None))
    first, second = seen[-1]
    assert (first.round, first.model_alias, first.by) == (1, "cheap", "stay")
    assert (first.has_text, first.finish) == (False, "tool_calls")
    (call,) = first.calls
    assert (call.name, call.arguments, call.failed, call.refused) == ("dig", '{"depth": 9}', True, False)
    assert "too deep" in call.result
    assert (second.round, second.has_text, second.calls, second.finish) == (2, True, [], "stop")


async def test_super_decides_as_without_one():
    answers = [calls("dig", depth=1), calls("dig", depth=1), ["done"]]
    plain = await read(agent(two(*answers)[0], None).stream_run("go", None))
    decided = []

    class Own(Decider):
        async def decide(self, rounds):
            decision = await super().decide(rounds)
            decided.append(decision)
            return decision

    events = await read(agent(two(*answers)[0], Own()).stream_run("go", None))
    assert models(events) == models(plain) == ["cheap", "cheap", "dear"]
    assert [(decision or {}).get("by") for decision in decided] == ["stay", "stronger", None]
    assert decided[1].because == "stuck: same call"
    # Options of the agent are those of the default.
    stays = agent(two(*answers)[0], Own(), leaves_stuck_models=False)
    assert models(await read(stays.stream_run("go", None))) == ["cheap"] * 3
    assert models(await read(agent(two(*answers)[0], Decider()).stream_run("go", None))) == models(plain)
    assert agent(two(*answers)[0], Own()).stream_run_sync("go").read().stopped == "done"


@pytest.mark.parametrize(
    ("gives", "words"),
    [
        (3, "None, True, False or a dict; it gave 3"),
        ({"who": "dear"}, "unknown key `who`"),
        ({"by": "nobody"}, "by='nobody': expected stay, anew, stronger, cheaper"),
        ({"by": "stay", "model": "dear"}, "a model and no `by`"),
        ({"model": 3}, "model=3: expected a string"),
        ({"because": 3}, "because=3: expected a string"),
        (OSError("the disk is full"), "OSError: the disk is full"),
    ],
)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_it_gives_is_checked_and_what_it_raises_is_told(gives, words, asynchronous):
    def decide(rounds):
        if isinstance(gives, Exception):
            raise gives
        return gives

    async def decide_asynchronously(rounds):
        return decide(rounds)

    own = type("Own", (), {"decide": staticmethod(decide_asynchronously if asynchronous else decide)})()
    events = await read(agent(two()[0], own).stream_run("go", None))
    (error,) = of(events, "error")
    assert (error.phase, error.code, error.recovered) == ("decide", "phase_failed", False) and words in error.content
    assert events[-1].stopped == "failed" and events[-1].content == "from cheap"


async def test_one_that_hangs_is_cancelled_with_the_run():
    reached, ended = asyncio.Event(), []

    class Own:
        async def decide(self, rounds):
            reached.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(asyncio.get_running_loop())

    run = agent(two()[0], Own()).stream_run("go", None)
    task = asyncio.create_task(read(run))
    await reached.wait()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(task, 0.02)
    await run.aclose()
    gc.collect()
    assert ended == [asyncio.get_running_loop()]


async def test_a_list_of_ones_own_knows_no_default():
    with pytest.raises(InvalidValueError, match="the list that the agent handed over"):
        await Decider().decide([])
