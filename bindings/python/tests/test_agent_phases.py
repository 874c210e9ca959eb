"""Phases 1 and 2 in Python: asynchronous or not, in place of the default or around it, and failing."""

import asyncio
import threading

import pytest
from scripted import Scripted, of, read

from modelpool import (
    AgentController,
    ContextEngine,
    ContextManager,
    ContextProcessor,
    Document,
    InvalidValueError,
    SessionContext,
    StreamingGenerator,
)


def agent(script, **given):
    return AgentController(streaming_generator=StreamingGenerator(llm_provider=script), **given)


def sent(script):
    return [message["content"] for message in script.asked[-1]["messages"]]


SESSION = SessionContext(
    session_id="s",
    instructions="Be brief.",
    history=[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
    documents=[Document("diary", "The lamp was lit at six.")],
    metadata={"user": 7},
)


@pytest.mark.parametrize("placeholder", [None, ...])
async def test_without_a_phase_the_default_is_used(placeholder):
    script = Scripted(["yes"])
    given = dict.fromkeys(("context_engine", "context_processor", "context_manager"), placeholder)
    await read(agent(script, **given).stream_run("When was the lamp lit?", SESSION))
    first, *_, last = sent(script)
    assert first == "Be brief." and last == "When was the lamp lit?"
    assert any("The lamp was lit at six." in content for content in sent(script))


async def test_objects_of_the_base_classes_are_the_defaults():
    script = Scripted(["yes"])
    given = {
        "context_engine": ContextEngine(),
        "context_processor": ContextProcessor(),
        "context_manager": ContextManager(),
    }
    await read(agent(script, **given).stream_run("When was the lamp lit?", SESSION))
    alone = Scripted(["yes"])
    await read(agent(alone).stream_run("When was the lamp lit?", SESSION))
    assert sent(script) == sent(alone)


async def test_phases_that_are_asynchronous():
    told = {}

    class Engine:
        async def retrieve(self, query):
            await asyncio.sleep(0)
            told["query"] = query
            return [{"text": "We open at nine.", "source": "faq/7", "score": 0.9}, "a text alone"]

    class Processor:
        async def process(self, query, found, demand):
            told["found"], told["demand"] = found, demand
            return {"items": found["items"][:1]}

    class Manager:
        async def assemble(self, query, context):
            told["context"] = context
            first = context["items"][0].message.content
            return [*query.session.history, {"role": "user", "content": f"{first} {query.text}"}]

    script = Scripted(["yes"])
    given = {"context_engine": Engine(), "context_processor": Processor(), "context_manager": Manager()}
    events = await read(agent(script, **given).stream_run("When?", SESSION))
    assert sent(script) == ["hi", "hello", "We open at nine. When?"]
    query = told["query"]
    assert query.message == {"role": "user", "content": "When?"} and query.text == "When?"
    assert query.session.metadata.user == 7 and query["session"]["documents"][0]["name"] == "diary"
    assert [item.source for item in told["found"]["items"]] == [{"store": "faq/7"}, {"store": "1"}]
    assert all(item.tokens > 0 for item in told["found"]["items"])
    assert told["demand"].for_context == told["demand"].window - told["demand"].output - told["demand"].fixed
    (context,) = of(events, "context")
    assert context.found == 2 and context.kept == [{"store": "faq/7"}] and context.tokens > 0


async def test_phases_that_are_not_run_on_threads():
    here, threads = threading.get_ident(), []

    class Engine:
        def retrieve(self, query):
            threads.append(threading.get_ident())
            return None

    class Processor:
        def process(self, query, found, demand):
            threads.append(threading.get_ident())
            return found

    class Manager:
        def assemble(self, query, context):
            threads.append(threading.get_ident())
            return {"messages": [query.message], "left_out": 2}

    script = Scripted(["yes"])
    given = {"context_engine": Engine(), "context_processor": Processor(), "context_manager": Manager()}
    events = await read(agent(script, **given).stream_run("When?", SESSION))
    assert sent(script) == ["When?"] and len(threads) == 3 and here not in threads
    assert of(events, "context")[0].left_out == 2


async def test_super_asks_the_default():
    class Engine(ContextEngine):
        async def retrieve(self, query):
            found = await super().retrieve(query)
            found["items"].append({"text": "From the manual.", "source": {"document": "manual"}, "score": 1.0})
            return found

    class Processor(ContextProcessor):
        async def process(self, query, found, demand):
            kept = await super().process(query, found, demand)
            assert {"left_out", "failed"} <= set(kept)
            return kept

    class Manager(ContextManager):
        def assemble(self, query, context):
            return super().assemble(query, context)

    script = Scripted(["yes"])
    given = {"context_engine": Engine(), "context_processor": Processor(), "context_manager": Manager()}
    run = agent(script, **given)
    events = await read(run.stream_run("When was the lamp lit?", SESSION))
    assert events[-1].stopped == "done", events
    whole = "\n".join(sent(script))
    assert "From the manual." in whole and "The lamp was lit at six." in whole and "hello" in whole
    # The same where the caller blocks its thread.
    assert run.stream_run_sync("When was the lamp lit?", SESSION).read().stopped == "done"


@pytest.mark.parametrize("phase", ["retrieve", "process", "assemble"])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_phase_that_raises_is_an_error_that_names_it(phase, asynchronous):
    class Failing:
        if asynchronous:

            async def fail(self, *given):
                raise OSError("the disk is full")

        else:

            def fail(self, *given):
                raise OSError("the disk is full")

    setattr(Failing, phase, Failing.fail)
    argument = {"retrieve": "context_engine", "process": "context_processor", "assemble": "context_manager"}[phase]
    script = Scripted(["yes"])
    events = await read(agent(script, **{argument: Failing()}).stream_run("When?", None))
    (error,) = of(events, "error")
    assert error.phase == phase and error.code == "phase_failed" and "OSError: the disk is full" in error.content
    assert events[-1].stopped == "failed" and not script.asked
    goes_on = agent(script, goes_on_without_context=True, **{argument: Failing()})
    events = await read(goes_on.stream_run("When?", None))
    expected = "failed" if phase == "assemble" else "done"
    assert events[-1].stopped == expected and of(events, "error")[0].recovered is (phase != "assemble")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (3, "expected a dict, got 3"),
        ([{"score": 1}], "expected a `message` or a `text`"),
        ([{"text": "a", "source": {"place": 1}}], "`history`, `document`, `note` or `store`"),
        ([{"text": "a", "tokens": "many"}], "a whole number"),
        ([object()], "object"),
    ],
)
async def test_what_a_phase_gives_is_checked(given, words):
    class Engine:
        def retrieve(self, query):
            return given

    events = await read(agent(Scripted(), context_engine=Engine()).stream_run("When?", None))
    assert of(events, "error")[0].phase == "retrieve" and words in of(events, "error")[0].content


async def test_a_query_of_ones_own_knows_no_default():
    from modelpool import Query

    with pytest.raises(InvalidValueError, match="the one that the agent handed over"):
        await ContextEngine().retrieve(Query(message={"role": "user", "content": "a"}))
