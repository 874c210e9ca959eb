"""Phase 3 in Python: a generator of one's own, alone or around the one that comes with the package."""

import asyncio
import contextvars
import gc
import threading
import time
import weakref

import pytest
from scripted import HANGS, Scripted, calls, kinds, models, of, pool_of, read

from modelpool import (
    AgentController,
    ContextLengthError,
    InvalidValueError,
    Limits,
    ModelCapabilities,
    OverloadedError,
    RateLimitedError,
    SessionContext,
    StreamingGenerator,
    tool,
)


@tool(safety="safe")
def dig(depth: int = 1) -> str:
    """Digs."""
    return f"gold at {depth}"


def agent(generator, **given):
    return AgentController(streaming_generator=generator, **given)


def generator_of(function, **members):
    """An object that is no `StreamingGenerator`."""
    return type("Own", (), {"stream_response": staticmethod(function), **members})()


def extending(*answers, pool=None):
    """A class that extends `StreamingGenerator`, for a method of its own, over a script or a pool."""
    given = {"model_pool": pool} if pool is not None else {"llm_provider": Scripted(*answers)}

    def made(method):
        own = type("Own", (StreamingGenerator,), {"stream_response": method})(**given)
        own.base = super(type(own), own).stream_response
        return own

    return made


def text(events):
    return "".join(event.content for event in of(events, "response_delta"))


async def asynchronous(user_message, context, available_tools, model_requirements):
    for word in ("he", "llo"):
        await asyncio.sleep(0)
        yield word


def on_a_thread(user_message, context, available_tools, model_requirements):
    yield "he"
    yield "llo"


def whole(user_message, context, available_tools, model_requirements):
    return ["he", "llo"]


async def later(user_message, context, available_tools, model_requirements):
    await asyncio.sleep(0)
    return asynchronous(user_message, context, available_tools, model_requirements)


EVERY_WAY = [asynchronous, on_a_thread, whole, later]


@pytest.mark.parametrize("function", EVERY_WAY)
async def test_any_object_with_the_method(function):
    events = await read(agent(generator_of(function, name="mine")).stream_run("hi", None))
    assert models(events) == ["mine"] and text(events) == "hello"
    last = events[-1]
    assert last.type == "turn_complete" and last.stopped == "done" and last.content == "hello"
    assert last.messages[-1] == {"role": "assistant", "content": "hello"}
    assert last.rounds[0].finish_reason == "stop" and last.models[0].model_alias == "mine"


@pytest.mark.parametrize("function", EVERY_WAY)
def test_the_same_where_the_caller_blocks_its_thread(function):
    last = agent(generator_of(function)).stream_run_sync("hi", None).read()
    assert last.stopped == "done" and last.content == "hello" and last.model_alias == "Own"


async def test_what_it_is_handed():
    told = {}

    async def stream_response(user_message, context, available_tools, model_requirements=None):
        told.update(message=user_message, context=context, tools=available_tools, required=model_requirements)
        yield "yes"

    history = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    session = SessionContext("s", "Be brief.", history)
    own = agent(generator_of(stream_response), tools=[dig], limits=Limits(cost_usd=0.5))
    await read(own.stream_run("hi", session, {"supports_vision": True}))
    assert told["message"] == "hi" and told["required"] == {"supports_vision": True}
    assert [message.content for message in told["context"].messages] == ["Be brief.", "a", "b", "hi"]
    assert told["context"].session_id == "s" and told["context"].max_cost_usd == 0.5
    assert told["context"].models is None and told["context"].calls_forbidden is False
    assert [offered.function.name for offered in told["tools"]] == ["dig"]
    assert told["tools"][0] == dig.definition
    parts = [{"type": "text", "text": "what is it?"}]
    await read(own.stream_run(parts))
    assert told["message"] == parts
    await read(own.stream_run({"role": "user", "content": "hi", "name": "ann"}))
    assert told["message"] == {"role": "user", "content": "hi", "name": "ann"}


async def test_deltas_of_openai_and_calls():
    rounds = []

    async def stream_response(user_message, context, available_tools, model_requirements):
        rounds.append([message.role for message in context.messages])
        if len(rounds) > 1:
            yield {"content": "done"}
            yield {"usage": {"prompt_tokens": 7, "completion_tokens": 2}, "finish_reason": "stop"}
            return
        yield {"reasoning_content": "hm"}
        yield "I dig. "
        for piece in calls("dig", depth=3):
            yield piece

    events = await read(agent(generator_of(stream_response), tools=[dig]).stream_run("go", None))
    assert rounds == [["user"], ["user", "assistant", "tool"]]
    assert of(events, "tool_result")[0].content == "gold at 3"
    assert [event.content for event in of(events, "thinking") if event.model_alias] == ["hm"]
    last = events[-1]
    assert last.content == "done" and last.usage.input_tokens == 7 and last.usage.output_tokens == 2
    assert [message["role"] for message in last.messages] == ["user", "assistant", "tool", "assistant"]


async def test_events_of_its_own():
    async def stream_response(user_message, context, available_tools, model_requirements):
        if context.messages[-1].role == "tool":
            yield {"type": "response_delta", "content": "found " + context.messages[-1].content}
            return
        facts = {"model_alias": "far", "model_name": "far-1", "notes": ["looked twice"]}
        yield {"type": "llm_streaming", "metadata": facts}
        yield {"type": "thinking", "content": "hm"}
        yield {"type": "tool_call", "metadata": {"name": "dig", "arguments": {"depth": 2}}}

    events = await read(agent(generator_of(stream_response), tools=[dig]).stream_run("go", None))
    assert events[-1].content == "found gold at 2" and events[-1].stopped == "done"
    (first, _) = of(events, "llm_streaming")
    assert first.model_alias == "far" and first.model_name == "far-1" and first.notes == ["looked twice"]


async def test_super_is_asked_and_its_events_passed_on():
    @extending(["he", "llo"])
    def own(self, user_message, context, available_tools, model_requirements=None):
        return super(type(self), self).stream_response(user_message, context, available_tools, model_requirements)

    plain = Scripted(["he", "llo"])
    expected = await read(agent(StreamingGenerator(llm_provider=plain)).stream_run("hi", None))
    events = await read(agent(own).stream_run("hi", None))
    assert kinds(events) == kinds(expected) and text(events) == "hello"
    assert events[-1].messages == expected[-1].messages and models(events) == models(expected) == ["scripted"]
    assert own.llm_provider.asked == plain.asked


async def test_events_are_changed_and_added_to():
    @extending([{"reasoning_content": "hm"}, "he", "llo"])
    async def own(self, user_message, context, available_tools, model_requirements=None):
        async for event in self.base(user_message, context, available_tools, model_requirements):
            if event.type == "response_delta":
                event["content"] = event.content.upper()
            yield event
        yield " (said by a machine)"

    events = await read(agent(own).stream_run("hi", None))
    assert text(events) == "HELLO (said by a machine)" == events[-1].content
    # The history is what was said, not what the model said.
    assert events[-1].messages[-1]["content"] == "HELLO (said by a machine)"


async def test_tools_of_a_model_are_run_and_what_it_reasoned_comes_back_to_it():
    reasoned = {"reasoning_content": "deep", "reasoning_details": [{"type": "reasoning.text", "signature": "s"}]}
    script = Scripted([reasoned, *calls("dig", depth=4)], ["done"])
    pool = pool_of(one=(script, ModelCapabilities(supports_tools=True)))

    @extending(pool=pool)
    async def own(self, user_message, context, available_tools, model_requirements=None):
        async for event in self.base(user_message, context, available_tools, model_requirements):
            yield event

    events = await read(agent(own, tools=[dig]).stream_run("go", None))
    assert events[-1].content == "done" and of(events, "tool_result")[0].content == "gold at 4"
    second = script.asked[1]["messages"]
    assert second[1]["reasoning_details"] == reasoned["reasoning_details"] and second[2]["role"] == "tool"


async def test_a_call_that_is_not_passed_on_is_not_made():
    @extending([*calls("dig", depth=1), *calls("dig", at=1, depth=2)], ["done"])
    async def own(self, user_message, context, available_tools, model_requirements=None):
        async for event in self.base(user_message, context, available_tools, model_requirements):
            if event.type != "tool_call" or '"depth": 2' in event.arguments:
                yield event

    events = await read(agent(own, tools=[dig]).stream_run("go", None))
    assert [event.content for event in of(events, "tool_result")] == ["gold at 2"]
    assert len(events[-1].messages[1]["tool_calls"]) == 1


async def test_rules_of_a_round_hold_where_the_context_is_handed_on():
    able = {"supports_tools": True}
    dear, cheap = Scripted(calls("dig")), Scripted(["done"])
    pool = pool_of(
        dear=(dear, ModelCapabilities(**able, supports_vision=True, cost_per_1k_tokens=0.02)),
        cheap=(cheap, ModelCapabilities(**able, supports_vision=True, cost_per_1k_tokens=0.001)),
    )
    seen = []

    @extending(pool=pool)
    async def own(self, user_message, context, available_tools, model_requirements=None):
        seen.append(context.models)
        first = {"runs": "dear"} if len(seen) == 1 else {}
        context = {**context, "models": ["dear"]} if first else context
        async for event in self.base(user_message, context, available_tools, model_requirements):
            yield event

    events = await read(agent(own, tools=[dig], reading="cheaper").stream_run("go", None))
    assert models(events) == ["dear", "cheap"] and seen == [None, ["cheap"]]


async def test_another_model_is_asked_after_an_answer_that_does_not_do():
    short, long = Scripted(["no"]), Scripted(["yes, ", "at length"])
    one = ModelCapabilities(cost_per_1k_tokens=0.001, custom_capabilities={"long": False})
    other = ModelCapabilities(cost_per_1k_tokens=0.01, custom_capabilities={"long": True})
    pool = pool_of(short=(short, one), long=(long, other))

    @extending(pool=pool)
    async def own(self, user_message, context, available_tools, model_requirements=None):
        said = ""
        for required in ({}, {"long": True}):
            async for event in self.base(user_message, context, available_tools, {**model_requirements, **required}):
                said += event.content if event.type == "response_delta" else ""
                yield event
            if len(said) > 5:
                return

    events = await read(agent(own).stream_run("go", None))
    assert models(events) == ["short", "long"]
    assert [event.continues for event in of(events, "llm_streaming")] == [False, False]
    last = events[-1]
    assert last.content == "yes, at length" == last.messages[-1]["content"] and last.model_alias == "long"
    # Both were paid for.
    plain = StreamingGenerator(model_pool=pool)
    paid = [await plain.stream_response("go", None, None, {"long": which}).read() for which in (False, True)]
    assert last.usage.output_tokens == sum(answer.usage.output_tokens for answer in paid) > 0


async def test_an_error_may_be_got_over():
    failing, fine = Scripted(RateLimitedError("not now")), Scripted(["fine"])
    pool = pool_of(failing=(failing, ModelCapabilities()), fine=(fine, ModelCapabilities()))

    @extending(pool=pool)
    async def own(self, user_message, context, available_tools, model_requirements=None):
        for alias in ("failing", "fine"):
            async for event in self.base(user_message, {**context, "models": [alias]}, available_tools, {}):
                yield event
            if event.type != "error":
                return

    events = await read(agent(own).stream_run("go", None))
    assert events[-1].stopped == "done" and events[-1].content == "fine" and not of(events, "error")
    assert "not now" in of(events, "llm_streaming")[0].notes[0]


async def test_the_last_error_is_that_of_the_round():
    pool = pool_of(blind=(Scripted(), ModelCapabilities(supports_vision=False)))

    @extending(pool=pool)
    async def own(self, user_message, context, available_tools, model_requirements=None):
        async for event in self.base(user_message, context, available_tools, {"supports_audio": True}):
            yield event

    events = await read(agent(own).stream_run("go", None))
    (error,) = of(events, "error")
    assert error.code == "no_model_fits" and error.phase == "stream" and not error.recovered
    assert error.missing[0].alias == "blind" and error.missing[0].missing[0].key == "supports_audio"
    assert events[-1].stopped == "failed"
    plain = await read(agent(StreamingGenerator(model_pool=pool)).stream_run("go", None, {"supports_audio": True}))
    assert of(plain, "error")[0].content == error.content and of(plain, "error")[0].missing == error.missing


@pytest.mark.parametrize("begins", [False, True])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_mistake_in_it_is_told_and_not_met_again(begins, asynchronous):
    asked = []

    def fail(user_message, context, available_tools, model_requirements):
        asked.append(user_message)
        if begins:
            yield "he"
        raise KeyError("colour")

    async def fail_asynchronously(*given):
        for piece in fail(*given):
            yield piece

    events = await read(agent(generator_of(fail_asynchronously if asynchronous else fail)).stream_run("hi", None))
    (error,) = of(events, "error")
    assert error.phase == "stream" and not error.recovered
    assert "the generator raised KeyError: 'colour'" in error.content
    assert events[-1].type == "turn_complete" and events[-1].stopped == "failed" and asked == ["hi"]


async def test_what_the_network_does_is_met_as_with_models():
    answers = [OverloadedError("full"), ConnectionResetError("gone"), None]

    async def stream_response(user_message, context, available_tools, model_requirements):
        answer = answers.pop(0)
        yield "he"
        if answer:
            raise answer
        yield "llo"

    events = await read(agent(generator_of(stream_response)).stream_run("hi", None))
    assert [(error.code, error.recovered) for error in of(events, "error")] == [("overloaded", True), ("server", True)]
    assert events[-1].content == "hello" and events[-1].recoveries == 2


async def test_a_context_that_is_too_long_is_trimmed():
    sizes = []

    async def stream_response(user_message, context, available_tools, model_requirements):
        sizes.append(len(context.messages))
        if len(sizes) == 1:
            raise ContextLengthError("too long")
        yield "fine"

    history = [{"role": role, "content": f"{at} " * 200} for at in range(20) for role in ("user", "assistant")]
    events = await read(agent(generator_of(stream_response)).stream_run("hi", {"history": history}))
    assert events[-1].stopped == "done" and sizes[1] < sizes[0]
    assert of(events, "error")[0].code == "context_length" and of(events, "error")[0].recovered


@pytest.mark.parametrize(
    ("piece", "words"),
    [
        (3, "gives strings, dicts in the shape of OpenAI's deltas or chunks, or events"),
        ({"colour": 1}, "got {'colour': 1}"),
        ({"type": "tool_result", "content": "x"}, "an event of another phase"),
        ({"type": "colour", "content": "x"}, "gave an event: expected llm_streaming"),
        ({"type": "response_delta", "content": 3}, "expected a string as its content, got 3"),
        ({"type": "tool_call", "metadata": {}}, "expected a name in metadata"),
        ({"type": "llm_streaming", "metadata": {"x": object()}}, "not JSON serializable"),
    ],
)
async def test_what_it_gives_is_checked(piece, words):
    async def stream_response(*given):
        yield piece

    events = await read(agent(generator_of(stream_response)).stream_run("hi", None))
    (error,) = of(events, "error")
    assert words in error.content and events[-1].stopped == "failed"


@pytest.mark.parametrize("given", [3, None, "hello", {"type": "response_delta", "content": "hello"}])
async def test_what_is_no_iterator_is_told(given):
    events = await read(agent(generator_of(lambda *_: given)).stream_run("hi", None))
    assert "stream_response is to give an iterator" in of(events, "error")[0].content


@pytest.mark.parametrize("given", [None, ..., 3, object(), StreamingGenerator])
def test_what_has_no_such_method_is_refused(given):
    with pytest.raises(InvalidValueError, match="streaming_generator: expected .*`stream_response`"):
        agent(given)


VARIABLE = contextvars.ContextVar("variable", default=None)


async def test_it_runs_where_its_reader_is_in_one_task():
    seen = []

    async def stream_response(*given):
        seen.append((threading.get_ident(), asyncio.current_task(), VARIABLE.get()))
        within = contextvars.ContextVar("within")
        within.set("kept")
        yield "he"
        seen.append((threading.get_ident(), asyncio.current_task(), VARIABLE.get()))
        assert within.get() == "kept"
        yield "llo"

    VARIABLE.set("the reader's")
    events = await read(agent(generator_of(stream_response)).stream_run("hi", None))
    assert events[-1].stopped == "done" and seen[0] == seen[1]
    assert seen[0][0] == threading.get_ident() and seen[0][2] == "the reader's"


def ended(hangs, over_threads=False):
    """A generator that notes its end, and hangs after a word where it is to."""
    note = {"began": 0, "loops": [], "threads": []}

    async def stream_response(*given):
        note["began"] += 1
        try:
            yield "he"
            if hangs:
                await asyncio.Event().wait()
            yield "llo"
        finally:
            await asyncio.sleep(0)
            note["loops"].append(asyncio.get_running_loop())

    def on_threads(*given):
        note["began"] += 1
        try:
            yield "he"
            yield "llo"
        finally:
            note["loops"].append(None)

    return generator_of(on_threads if over_threads else stream_response), note


@pytest.mark.parametrize("hangs", [False, True])
@pytest.mark.parametrize("way", ["aclose", "cancel", "polite", "let go", "timeout", "limit"])
async def test_its_end_comes_on_the_callers_loop(way, hangs):
    generator, note = ended(hangs)
    run = agent(generator, limits=Limits(time_s=0.5 if way == "limit" else None)).stream_run("hi", None)
    reached = asyncio.Event()

    async def reading():
        async for event in run:
            if event.type != "response_delta":
                continue
            reached.set()
            if way == "cancel":
                asyncio.current_task().cancel()
                await asyncio.sleep(0)
            elif way == "limit":
                await asyncio.sleep(0 if hangs else 0.6)
            elif way == "timeout":
                await asyncio.sleep(0 if hangs else 60)
            else:
                return

    if way == "cancel":
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(reading())
    elif way == "timeout":
        task = asyncio.create_task(reading())
        await reached.wait()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(task, 0.02)
        del task
    else:
        await reading()
    if way == "aclose":
        await run.aclose()
        assert note["loops"], "aclose waits for its end"
    elif way == "polite":
        run.cancel()
        assert (await read(run))[-1].type == "turn_complete"
    del run
    gc.collect()
    for _ in range(200):
        if note["loops"] and len(asyncio.all_tasks()) == 1:
            break
        await asyncio.sleep(0.005)
    assert note["loops"] == [asyncio.get_running_loop()] and note["began"] == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_one_on_threads_is_closed_too():
    generator, note = ended(False, over_threads=True)
    run = agent(generator).stream_run("hi", None)
    async for event in run:
        if event.type == "response_delta":
            break
    await run.aclose()
    # The next piece may be under way on its thread, which is not waited for.
    for _ in range(200):
        if note["loops"]:
            break
        await asyncio.sleep(0.005)
    assert note["loops"] == [None]


async def test_ending_while_a_thread_is_busy_does_not_wait_for_it():
    busy, goes_on, ended_at = threading.Event(), threading.Event(), threading.Event()

    def stream_response(*given):
        try:
            yield "he"
            busy.set()
            goes_on.wait(10)
            yield "llo"
        finally:
            ended_at.set()

    run = agent(generator_of(stream_response)).stream_run("hi", None)

    async def reading():
        async for _ in run:
            pass

    task = asyncio.create_task(reading())
    assert await asyncio.to_thread(busy.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await run.aclose()
    assert not ended_at.is_set()
    goes_on.set()
    assert await asyncio.to_thread(ended_at.wait, 10)


async def test_a_model_that_hangs_under_it_is_let_go_of():
    script = Scripted(["he", HANGS])
    pool = pool_of(one=(script, ModelCapabilities()))

    @extending(pool=pool)
    async def own(self, user_message, context, available_tools, model_requirements=None):
        async for event in self.base(user_message, context, available_tools, model_requirements):
            yield event

    run = agent(own).stream_run("hi", None)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(read(run), 0.1)
    for _ in range(200):
        if not script.under_way and len(asyncio.all_tasks()) == 1:
            break
        await asyncio.sleep(0.005)
    assert script.under_way == 0 and asyncio.all_tasks() == {asyncio.current_task()}


def test_an_agent_and_a_generator_that_holds_it_are_garbage_together():
    class Own:
        def __init__(self):
            self.agent = AgentController(streaming_generator=self)

        async def stream_response(self, *given):
            yield "hello"

    own = Own()
    assert own.agent.stream_run_sync("hi").read().content == "hello"
    gone = weakref.ref(own)
    del own
    # The event loop of the package may be about to let go of it.
    for _ in range(200):
        gc.collect()
        if gone() is None:
            return
        time.sleep(0.01)
    raise AssertionError("it is left")
