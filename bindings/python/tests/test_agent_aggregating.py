"""Phase 5 in Python: the record of a turn."""

import asyncio

import pytest
from scripted import Scripted, calls, of, read

from modelpool import AgentController, Aggregator, InvalidValueError, StreamingGenerator, tool
from modelpool._aggregating import Turn


@tool(safety="safe")
def dig(depth: int = 1) -> str:
    """Digs."""
    return f"gold at {depth}"


def agent(aggregator, script=None):
    script = script or Scripted([{"reasoning_content": "hm"}, "I dig. ", *calls("dig", depth=2)], ["There is ", "gold"])
    generator = StreamingGenerator(llm_provider=script)
    return AgentController(streaming_generator=generator, tools=[dig], aggregator=aggregator)


def without_time(last):
    facts = dict(last["metadata"], elapsed_ms=0)
    return {**facts, "rounds": [{**one, "elapsed_ms": 0} for one in facts["rounds"]]}


class Around(Aggregator):
    """Asks the default, and keeps what it was handed."""

    def __init__(self):
        self.seen = []

    async def answered(self, turn, answer):
        self.seen.append(answer)
        return await super().answered(turn, answer)

    async def tools_ran(self, turn, results):
        self.seen.append(results)
        await super().tools_ran(turn, results)


async def test_super_keeps_the_record_as_without_one():
    expected = (await read(agent(None).stream_run("go", None)))[-1]
    own = Around()
    last = (await read(agent(own).stream_run("go", None)))[-1]
    assert last.content == expected.content == "There is gold" and without_time(last) == without_time(expected)
    first, results, second = own.seen
    assert (first.round, first.model_alias, first.finish_reason, first.moved) == (1, "scripted", "tool_calls", None)
    assert first.message.content == "I dig. " and first.message.tool_calls[0].function.name == "dig"
    assert [result.content for result in results] == ["gold at 2"] and second.message.content == "There is gold"
    again = agent(Around()).stream_run_sync("go").read()
    assert again.content == "There is gold" and again.tool_calls == 1


async def test_what_it_keeps_is_what_the_model_is_asked_with_and_the_history():
    class Hides(Aggregator):
        async def tools_ran(self, turn, results):
            hidden = [{**result, "content": "hidden"} for result in results]
            return await super().tools_ran(turn, hidden)

        async def answered(self, turn, answer):
            turn = await super().answered(turn, answer)
            turn["answer"] = turn.answer.upper()

    script = Scripted(calls("dig"), ["done"])
    last = (await read(agent(Hides(), script).stream_run("go", None)))[-1]
    assert script.asked[-1]["messages"][-1]["content"] == "hidden"
    assert last.content == "DONE"
    assert [message["role"] for message in last.messages][:3] == ["user", "assistant", "tool"]
    assert last.messages[2]["content"] == "hidden"


async def test_one_of_ones_own_on_threads():
    class Own:
        def answered(self, turn, answer):
            turn["messages"].append({"message": answer.message, "model_alias": answer.model_alias})
            turn["answer"] = "kept by me"

        def tools_ran(self, turn, results):
            turn["messages"] += [{"message": result} for result in results]

    script = Scripted(calls("dig"), ["done"])
    last = (await read(agent(Own(), script).stream_run("go", None)))[-1]
    assert last.stopped == "done" and last.content == "kept by me" and last.rounds == []
    assert [message["role"] for message in last.messages] == ["user", "assistant", "tool", "assistant"]


class Failing(Aggregator):
    def __init__(self, method, gives):
        self.gives = gives
        setattr(self, method, self.fail)

    async def fail(self, turn, what):
        await asyncio.sleep(0)
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives


@pytest.mark.parametrize(
    ("gives", "words"),
    [
        (OSError("the disk is full"), "OSError: the disk is full"),
        (3, "expected the record of the turn, a dict, got 3"),
        ({"messages": [{"message": {"content": "x"}}], "answer": ""}, "turn.messages"),
        ({"answer": 3}, "turn.answer: expected a string, got 3"),
    ],
)
@pytest.mark.parametrize("method", ["answered", "tools_ran"])
async def test_what_it_gives_is_checked_and_what_it_raises_is_told(gives, words, method):
    events = await read(agent(Failing(method, gives)).stream_run("go", None))
    (error,) = of(events, "error")
    assert (error.phase, error.code, error.recovered) == ("aggregate", "phase_failed", False) and words in error.content
    last = events[-1]
    assert last.stopped == "failed" and last.messages[1]["content"] == "I dig. "


def test_one_without_both_methods_is_refused():
    with pytest.raises(InvalidValueError, match="aggregator: expected an object with a method `tools_ran`"):
        agent(type("Half", (), {"answered": lambda self, turn, answer: None})())


async def test_a_record_of_ones_own_knows_no_default():
    with pytest.raises(InvalidValueError, match="the record that the agent handed over"):
        await Aggregator().answered(Turn(), {})
