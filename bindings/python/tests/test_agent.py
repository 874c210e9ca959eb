"""The streaming generator and the agent: models picked turn by turn, events, limits, the old way."""

import contextvars
import json
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from scripted import Scripted, calls, kinds, models, of, pool_of, read

from modelpool import (
    AgentController,
    AgentEvent,
    ContextLengthError,
    Document,
    InvalidValueError,
    Limits,
    LLMProvider,
    ModelCapabilities,
    ModelPool,
    ProviderFactory,
    SessionContext,
    StreamingGenerator,
    ToolCallEvent,
    TurnCompleteEvent,
    tool,
)

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def four(new_name, upstream):
    """A plain model, one that calls tools, one that sees, one with a large window: each dearer than the one before."""
    pool = ModelPool()
    for alias, cost, can in [
        ("plain", 0.001, {}),
        ("handy", 0.002, {"supports_tools": True}),
        ("sees", 0.003, {"supports_vision": True}),
        ("large", 0.004, {"context_window": 200_000}),
    ]:
        capabilities = ModelCapabilities(**{"context_window": 8_000, "cost_per_1k_tokens": cost, **can})
        pool.add(alias, "custom", f"{alias}-{new_name()}", capabilities, base_url=upstream)
    return pool


@tool(safety="safe")
def look_up(path: str = "notes.txt") -> str:
    """Reads a file."""
    return f"{path} says hello"


async def test_every_turn_goes_to_the_model_that_fits_it(four):
    generator = StreamingGenerator(model_pool=four)
    with_tools = AgentController(streaming_generator=generator, tools=[look_up])
    agent = AgentController(streaming_generator=generator)
    session = SessionContext()

    async def turn(agent, message, session):
        events = await read(agent.stream_run(message, session))
        assert events[-1].stopped == "done", events
        session.add(events[-1])
        return events

    first = await turn(with_tools, "Please use the tool look_up for me.", session)
    assert models(first) == ["handy", "handy"]
    assert [event.content for event in of(first, "tool_result")] == ["notes.txt says hello"]
    assert first[-1].rounds[1].purpose == "tool_results" and "The tool answered" in first[-1].content

    picture = [{"type": "text", "text": "What do you see?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    second = await turn(agent, picture, session)
    assert models(second) == ["sees"] and "1 image" in second[-1].content

    report = "The quarterly figures of the lighthouse keepers rose by a third. " * 1_200
    third = await turn(agent, f"Sum this report up.\n{report}", session)
    assert models(third) == ["large"]

    fourth = await turn(agent, "Good morning!", session)
    assert models(fourth) == ["plain"]


async def test_words_speak_of_pictures(four):
    agent = AgentController(streaming_generator=StreamingGenerator(model_pool=four))
    assert models(await read(agent.stream_run("请分析这张图片", {}))) == ["sees"]


async def test_documents_are_found(four):
    session = {"documents": [Document("diary", "The lamp was lit at six.", note=True)], "instructions": "Be brief."}
    agent = AgentController(streaming_generator=StreamingGenerator(model_pool=four))
    events = await read(agent.stream_run("When was the lamp lit?", session))
    (found,) = of(events, "context")
    assert found.kept == [{"note": "diary"}] and found.tokens > 0
    by_name = await read(agent.stream_run("When was the lamp lit?", {"documents": {"log": "The lamp was lit at six."}}))
    assert of(by_name, "context")[0].kept == [{"document": "log"}]


async def test_events_read_as_dictionaries(four):
    agent = AgentController(streaming_generator=StreamingGenerator(model_pool=four), tools=[look_up])
    events = await read(agent.stream_run("Please use the tool look_up.", None))
    for event in events:
        assert isinstance(event, AgentEvent) and type(event).kind == event.type
        assert list(event.keys()) == ["type", "content", "metadata"] and "metadata" in event
        assert dict(event) == event and json.loads(json.dumps(event)) == event
        assert event["type"] == event.type and event.get("nothing", 3) == 3
        assert event["metadata"] is event.metadata
    (call,) = of(events, "tool_call")
    assert isinstance(call, ToolCallEvent) and call.name == "look_up" and call["metadata"]["model_alias"] == "handy"
    with pytest.raises(AttributeError, match="no member 'colour'"):
        call.colour
    assert events[0].model_alias is None
    assert kinds(events)[-1] == "turn_complete" and isinstance(events[-1], TurnCompleteEvent)
    assert events[-1].usage.output_tokens > 0 and events[-1].cost_usd > 0


async def test_the_generator_tells_whom_it_asked(four):
    generator = StreamingGenerator(model_pool=four, temperature=0)
    run = generator.stream_response("hello", [], [])
    assert run.model_alias is None
    events = await read(run)
    assert events[0].type == "llm_streaming" and run.model_alias == "plain"
    assert "".join(event.content for event in of(events, "response_delta")) == events[-1].content
    seen = await read(generator.stream_response("hello", None, None, {"supports_vision": True}))
    assert models(seen) == ["sees"] and seen[0].requirements["supports_vision"] is True
    # What is written overrides what the words say.
    plain = await read(generator.stream_response("an image", None, None, {"supports_vision": False}))
    assert models(plain) == ["plain"]
    called = await read(generator.stream_response("Please use the tool look_up.", None, [look_up]))
    assert models(called) == ["handy"] and of(called, "tool_call")[0].name == "look_up"
    by_name = await read(generator.stream_response("hello", None, ["search"]))
    assert models(by_name) == ["handy"]


async def test_a_selection_that_finds_nothing_says_what_is_missing(four):
    generator = StreamingGenerator(model_pool=four)
    events = await read(generator.stream_response("hello", None, None, {"supports_audio": True}))
    assert kinds(events) == ["error"]
    (error,) = events
    assert error.code == "no_model_fits" and "supports_audio" in error.content
    lacks = {row["alias"]: row["missing"][0]["key"] for row in error["metadata"]["missing"]}
    assert lacks == dict.fromkeys(("plain", "handy", "sees", "large"), "supports_audio")
    events = await read(AgentController(streaming_generator=generator).stream_run("hello", None, {"min_accuracy": 1}))
    assert kinds(events)[-2:] == ["error", "turn_complete"] and "min_accuracy" in events[-2].content
    assert events[-1].stopped == "failed" and events[-2].phase == "stream"


async def test_contexts_of_many_kinds():
    script = Scripted(["yes"])
    generator = StreamingGenerator(llm_provider=script)
    said = {"role": "assistant", "content": "before"}
    session = SessionContext(instructions="Be kind.", history=[said])
    for context, first in [
        ([said], said),
        ({"messages": [said]}, said),
        (session, {"role": "system", "content": "Be kind."}),
        ("a note", {"role": "user", "content": "a note"}),
    ]:
        await read(generator.stream_response("hello", context, []))
        assert script.asked[-1]["messages"][0] == first
        assert script.asked[-1]["messages"][-1] == {"role": "user", "content": "hello"}
    for wrong in (3, {"message": []}, ["x", 3]):
        with pytest.raises(InvalidValueError, match="context"):
            generator.stream_response("hello", wrong, [])


async def test_the_old_way_asks_its_provider():
    class Old:
        """No subclass of anything."""

        async def generate_stream(self, messages, tools=None, **options):
            assert options == {"temperature": 0.5}
            yield "You said: "
            yield {"content": messages[-1]["content"]}
            yield {"usage": {"prompt_tokens": 7, "completion_tokens": 3}}

    generator = StreamingGenerator(llm_provider=Old(), temperature=0.5)
    events = await read(generator.stream_response("an image of a cat", [], []))
    assert models(events) == ["Old"] and events[-1].content == "You said: an image of a cat"
    assert events[-1].usage.input_tokens == 7 and events[-1].usage.output_tokens == 3
    events = await read(AgentController(streaming_generator=generator).stream_run("hello", None))
    assert events[-1].content == "You said: hello" and events[-1].model_alias == "Old"


async def test_a_provider_of_the_pool_the_old_way(four):
    generator = StreamingGenerator(llm_provider=ProviderFactory.create_provider(four.get("handy")))
    agent = AgentController(streaming_generator=generator, tools=[look_up])
    events = await read(agent.stream_run("Please use the tool look_up.", None))
    assert models(events) == ["handy", "handy"] and "notes.txt says hello" in events[-1].content


async def test_a_provider_that_fails_is_told():
    agent = AgentController(streaming_generator=StreamingGenerator(llm_provider=Scripted(ValueError("no ink"))))
    events = await read(agent.stream_run("hello", None))
    assert kinds(events)[-2:] == ["error", "turn_complete"] and "ValueError: no ink" in events[-2].content
    script = Scripted(ContextLengthError("too long"), ["short enough"])
    history = [{"role": "user", "content": "old words " * 200}, {"role": "assistant", "content": "I see."}]
    events = await read(
        AgentController(streaming_generator=StreamingGenerator(llm_provider=script)).stream_run(
            "hello", SessionContext(history=history)
        )
    )
    assert events[-1].content == "short enough" and events[-1].recoveries == 1
    assert of(events, "error")[0].recovered and of(events, "context_update")[0].reason == "trimmed"
    assert len(str(script.asked[1]["messages"])) < len(str(script.asked[0]["messages"]))

    class Wrong(LLMProvider):
        def generate_stream(self, messages, tools=None, **options):
            return ["a list"]

    events = await read(StreamingGenerator(llm_provider=Wrong()).stream_response("hello", None, None))
    assert kinds(events)[-1] == "error" and "asynchronous generator" in events[-1].content


async def test_a_stuck_model_is_left_for_a_stronger_one():
    again = calls("look_up", path="a")
    cheap, strong = Scripted(again, again, ["I know now"]), Scripted(calls("look_up", path="b"))
    can = {"supports_tools": True}
    pool = pool_of(
        cheap=(cheap, ModelCapabilities(cost_per_1k_tokens=0.001, **can)),
        strong=(strong, ModelCapabilities(cost_per_1k_tokens=0.1, **can)),
    )
    agent = AgentController(streaming_generator=StreamingGenerator(model_pool=pool), tools=[look_up])
    events = await read(agent.stream_run("go", None))
    assert models(events) == ["cheap", "cheap", "strong", "cheap"]
    assert [event.moved for event in of(events, "llm_streaming")] == [None, None, "stuck: same call", "back again"]
    assert events[-1].content == "I know now"


async def test_limits_end_a_run():
    def agent(limits):
        generator = StreamingGenerator(llm_provider=Scripted(calls("look_up", path="a"), calls("look_up", path="b")))
        return AgentController(
            streaming_generator=generator, tools=[look_up], limits=limits, leaves_stuck_models=False
        )

    events = await read(agent(Limits(rounds=3)).stream_run("go", None))
    assert events[-1].stopped == "rounds" and len(events[-1].rounds) == 3
    assert events[-2].code == "limit_reached" and "3 rounds" in events[-2].content

    @tool
    async def slow() -> None:
        import asyncio

        await asyncio.sleep(60)

    timed = AgentController(
        streaming_generator=StreamingGenerator(llm_provider=Scripted(calls("slow"))),
        tools=[slow],
        limits={"time_s": 0.1},
    )
    events = await read(timed.stream_run("go", None))
    assert events[-1].stopped == "time"
    for wrong, words in [({"round": 1}, "unknown key `round`"), ({"time_s": 0}, "time_s"), ({"rounds": -1}, "rounds")]:
        with pytest.raises(InvalidValueError, match=words):
            agent(wrong)


def test_what_cannot_be_is_said_at_once(four):
    generator = StreamingGenerator(model_pool=four)
    for make, words in [
        (lambda: StreamingGenerator(), "either llm_provider= or model_pool="),
        (lambda: StreamingGenerator(llm_provider=object(), model_pool=four), "either"),
        (lambda: StreamingGenerator(llm_provider=object()), "generate_stream"),
        (lambda: StreamingGenerator(model_pool="auto"), "expected a ModelPool"),
        (lambda: AgentController(), "streaming_generator"),
        (lambda: AgentController(streaming_generator=object()), "`stream_response`"),
        (lambda: AgentController(streaming_generator=generator, tool_runner=object()), "tool_runner.*`run`"),
        (lambda: AgentController(streaming_generator=generator, decider=object()), "decider.*`decide`"),
        (lambda: AgentController(streaming_generator=generator, context_engine=object()), "`retrieve`"),
        (lambda: AgentController(streaming_generator=generator, tools=[3]), "expected a function"),
        (lambda: AgentController(streaming_generator=generator, tools=[look_up, look_up]), "two tools"),
        (lambda: AgentController(streaming_generator=generator, reading="nobody"), "same, cheaper or anew"),
        (lambda: AgentController(streaming_generator=generator).stream_run("x", {"story": 1}), "unknown key `story`"),
        (lambda: AgentController(streaming_generator=generator).stream_run("x", 3), "session_context"),
        (lambda: AgentController(streaming_generator=generator).stream_run(None), "user_message"),
        (lambda: AgentController(streaming_generator=generator).stream_run("x", None, {"alias": "a"}), "requirements"),
    ]:
        with pytest.raises(InvalidValueError, match=words):
            make()


def test_scripts_wait_for_their_events(four):
    agent = AgentController(streaming_generator=StreamingGenerator(model_pool=four), tools=[look_up])
    with agent.stream_run_sync("Please use the tool look_up.") as run:
        events = list(run)
    assert models(events) == ["handy", "handy"] and "notes.txt says hello" in events[-1].content
    assert events[-1].content and run.model_alias == "handy"
    answer = StreamingGenerator(model_pool=four).stream_response_sync("hello").read()
    assert answer.model_alias == "plain"


def test_many_runs_at_once(four):
    agent = AgentController(streaming_generator=StreamingGenerator(model_pool=four), tools=[look_up])

    def one(at):
        return agent.stream_run_sync(f"Please use the tool look_up for number {at}.").read().content

    with ThreadPoolExecutor(6) as threads:
        assert all("notes.txt says hello" in content for content in threads.map(one, range(24)))


async def test_tools_see_the_context_variables_of_the_reader():
    who = contextvars.ContextVar("who", default="nobody")

    @tool
    def on_a_thread() -> str:
        return who.get()

    @tool
    async def on_the_loop() -> str:
        return who.get()

    script = Scripted(calls("on_a_thread"), calls("on_the_loop"), ["done"])
    agent = AgentController(
        streaming_generator=StreamingGenerator(llm_provider=script), tools=[on_a_thread, on_the_loop]
    )
    who.set("the user")
    events = await read(agent.stream_run("go", None))
    assert [event.content for event in of(events, "tool_result")] == ["the user", "the user"]


async def test_no_warning_is_given(four):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agent = AgentController(streaming_generator=StreamingGenerator(model_pool=four), tools=[look_up])
        run = agent.stream_run("Please use the tool look_up.", None)
        async for event in run:
            if event.type == "tool_call":
                break
        await run.aclose()
