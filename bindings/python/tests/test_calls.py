"""Calls against a simulated upstream."""

import asyncio
import json

import pytest

from modelpool import (
    AuthError,
    CallTimeoutError,
    ConfigurationError,
    ConnectError,
    ContextLengthError,
    InvalidRequestError,
    InvalidValueError,
    ModelCapabilities,
    ModelNotFoundError,
    ModelPool,
    ModelPoolError,
    NoModelFitsError,
    OverloadedError,
    RateLimitedError,
    ServerError,
)

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


async def test_an_answer_reads_as_a_dict_and_as_attributes(pool):
    answer = await pool.chat([{"role": "user", "content": "hello"}], temperature=0.5)
    assert "hello" in answer.text
    assert answer["choices"][0]["message"]["content"] == answer.choices[0].message.content == answer.text
    assert answer.alias == "one" and answer.attempts == 1 and answer.finish_reason == "stop"
    assert answer.usage.total_tokens == answer["usage"]["total_tokens"] > 0
    assert answer.cost_usd == pytest.approx(answer.usage.total_tokens * 0.002 / 1000)
    assert answer.request_id.startswith("req_") and answer.dropped == [] and answer.parsed is None
    assert json.loads(json.dumps(answer)) == answer
    with pytest.raises(AttributeError, match="no member 'colour'"):
        answer.colour


async def test_a_string_is_a_message_of_the_user(pool, simulator, own):
    await pool.chat("hello")
    sent = simulator.requests(own)[-1]["body"]
    assert sent["messages"] == [{"role": "user", "content": "hello"}]


async def test_members_go_to_the_model_and_options_to_the_pool(pool, simulator, own):
    await pool.chat(
        "hello", temperature=0.5, seed=7, stop=["x"], deadline_ms=5000, session="s", tags={"a": 1}, max_cost_usd=1.0
    )
    sent = simulator.requests(own)[-1]["body"]
    assert sent["temperature"] == 0.5 and sent["seed"] == 7 and sent["stop"] == ["x"]
    assert "modelpool" not in sent and sent["model"] == own


def test_the_same_for_code_that_blocks(pool):
    assert "hello" in pool.chat_sync("hello").text
    assert "hello" in pool.chat_stream_sync("hello").read()
    assert len(pool.embed_sync(["a", "b"], model="one").vectors) == 2
    assert pool.warmup_sync("one")["warmth"] == "connection"


async def test_blocking_within_an_event_loop_only_blocks(pool):
    assert "hello" in pool.chat_sync("hello").text


async def test_tools(pool, simulator, own):
    answer = await pool.chat("What is the weather in Paris?", tools=[TOOL], tool_choice="required")
    call = answer.tool_calls[0]
    assert call.function.name == "weather" and isinstance(json.loads(call.function.arguments), dict)
    assert answer.finish_reason in ("tool_calls", "stop")
    messages = [
        {"role": "user", "content": "What is the weather in Paris?"},
        answer.message,
        {"role": "tool", "tool_call_id": call.id, "content": "rain"},
    ]
    assert (await pool.chat(messages, tools=[TOOL])).text


async def test_pictures_are_a_requirement(upstream, own):
    pool = ModelPool().add(
        "blind", "openai_compatible", own, ModelCapabilities(supports_vision=False), base_url=upstream
    )
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "what is this?"}, picture]}]
    with pytest.raises(NoModelFitsError) as caught:
        await pool.chat(messages)
    assert caught.value.missing[0]["missing"][0]["key"] == "supports_vision"
    pool.add("sees", "openai_compatible", own, ModelCapabilities(supports_vision=True), base_url=upstream)
    assert (await pool.chat(messages)).alias == "sees"


async def test_streams(pool):
    texts = []
    async for chunk in pool.chat_stream("hello"):
        assert chunk["object"] == chunk.object == "chat.completion.chunk"
        texts.append(chunk.text)
    assert len(texts) > 3 and "hello" in "".join(texts)


async def test_a_stream_knows_what_it_cost(pool):
    async with pool.chat_stream("hello") as stream:
        assert stream.alias is None
        text = await stream.read()
    assert stream.alias == "one" and stream.text == text and "hello" in text
    assert stream.usage.completion_tokens > 0 and stream.attempts == 1 and stream.continued == 0
    assert stream.cost_usd == pytest.approx(stream.usage.total_tokens * 0.002 / 1000)
    with pytest.raises(StopAsyncIteration):
        await stream.__anext__()


async def test_a_lost_stream_goes_on(pool, simulator, own):
    simulator.fail(own, kind="cut_after_chunks", chunks=5)
    stream = pool.chat_stream("hello")
    await stream.read()
    assert stream.continued == 1 and stream.attempts == 2


async def test_vectors(pool):
    answer = await pool.embed(["one", "two", "three"], model="one")
    assert len(answer.vectors) == 3 and all(isinstance(value, float) for value in answer.vectors[0])
    assert answer.alias == "one" and answer["object"] == "list"


async def test_failover_within_the_pool(pool, simulator, own, upstream, new_name):
    pool.add("two", "openai_compatible", new_name(), ModelCapabilities(cost_per_1k_tokens=0.5), base_url=upstream)
    simulator.fail(own, kind="status", status=503, times=None)
    answer = await pool.chat("hello")
    assert answer.alias == "two" and answer.attempts >= 2
    with pytest.raises(ModelPoolError):
        await pool.chat("hello", model="one")
    assert (await pool.chat("hello", model="one", fallbacks=["two"])).alias == "two"


async def test_preferences_and_restrictions(pool, upstream, own):
    pool.add(
        "dear",
        "openai_compatible",
        own,
        ModelCapabilities(cost_per_1k_tokens=9, custom_capabilities={"tier": "gold"}),
        base_url=upstream,
    )
    assert (await pool.chat("hello")).alias == "one"
    assert (await pool.chat("hello", prefer={"tier": "gold"})).alias == "dear"
    assert (await pool.chat("hello", requirements={"tier": "gold"})).alias == "dear"
    assert (await pool.chat("hello", models=["dear"])).alias == "dear"


FAILURES = [
    (429, {"headers": {"retry-after": "7"}}, RateLimitedError),
    (503, {}, OverloadedError),
    (500, {}, ServerError),
    (401, {}, AuthError),
    (404, {}, ModelNotFoundError),
    (400, {"code": "context_length_exceeded"}, ContextLengthError),
]


@pytest.mark.parametrize(("status", "more", "kind"), FAILURES)
async def test_each_kind_has_its_class(pool, simulator, own, status, more, kind):
    simulator.fail(own, kind="status", status=status, times=None, **more)
    with pytest.raises(kind) as caught:
        await pool.chat("hello", model="one")
    error = caught.value
    assert isinstance(error, ModelPoolError) and error.code == kind.code
    assert error.alias == "one" and error.status == status and error.attempts >= 1
    assert error.request_id.startswith("req_")
    if status == 429:
        assert 6 <= error.retry_after_s <= 7


async def test_nobody_there():
    pool = ModelPool().add("gone", "openai_compatible", "m", base_url="http://127.0.0.1:9")
    with pytest.raises(ConnectError) as caught:
        await pool.chat("hello")
    assert isinstance(caught.value, ConnectionError)


async def test_a_deadline(pool, simulator, own):
    simulator.fail(own, kind="stall_before_head", times=None)
    with pytest.raises(CallTimeoutError) as caught:
        await pool.chat("hello", deadline_ms=100)
    assert isinstance(caught.value, TimeoutError) and caught.value.limit == "total_ms"
    with pytest.raises(CallTimeoutError):
        pool.chat_sync("hello", deadline_ms=100)


async def test_nothing_fits(pool):
    with pytest.raises(NoModelFitsError, match="no model fits") as caught:
        await pool.chat("hello", requirements={"supports_audio": True})
    assert isinstance(caught.value, LookupError)
    assert caught.value.missing[0]["alias"] == "one"
    with pytest.raises(NoModelFitsError) as caught:
        await pool.chat("hello", requirements={"suports_tools": True})
    assert caught.value.unknown_keys == [{"key": "suports_tools", "nearest": "supports_tools"}]


async def test_requests_that_are_wrong(pool):
    with pytest.raises(InvalidRequestError) as caught:
        await pool.chat(42)
    assert isinstance(caught.value, ValueError) and caught.value.param == "messages"
    with pytest.raises(InvalidRequestError, match="deadline_ms"):
        await pool.chat("hello", deadline_ms=0)
    with pytest.raises(ModelNotFoundError, match="did you mean `one`"):
        await pool.chat("hello", model="on")
    with pytest.raises(InvalidValueError, match=r"request.messages\[0\].content: object is not JSON"):
        await pool.chat([{"role": "user", "content": object()}])
    with pytest.raises(InvalidValueError, match=r"request.temperature: nan is no number of JSON"):
        await pool.chat("hello", temperature=float("nan"))
    circle: list = []
    circle.append(circle)
    with pytest.raises(InvalidValueError, match="within itself"):
        await pool.chat(circle)
    with pytest.raises(InvalidValueError, match=r"request.messages\[0\].content: .*surrogates not allowed"):
        await pool.chat("\ud800")
    with pytest.raises(InvalidValueError, match="chat_stream"):
        await pool.chat("hello", stream=True)


async def test_a_model_that_cannot_be_called_says_what_it_lacks():
    pool = ModelPool().add("a", "custom", "m").add("b", "opnai", "m")
    with pytest.raises(ConfigurationError, match="base_url"):
        await pool.chat("hello", model="a")
    with pytest.raises(ConfigurationError, match="did you mean `openai`"):
        await pool.chat("hello", model="b")


async def test_no_secret_is_in_an_error(upstream, simulator, own):
    pool = ModelPool().add("a", "openai_compatible", own, api_key="sk-very-secret-key", base_url=upstream)
    simulator.fail(own, kind="status", status=401, body='{"error": {"message": "bad key sk-very-secret-key"}}')
    with pytest.raises(AuthError) as caught:
        await pool.chat("hello")
    assert "very-secret" not in f"{caught.value!r} {vars(caught.value)}"


async def test_many_at_once(pool):
    answers = await asyncio.gather(*(pool.chat(f"number {at}") for at in range(50)))
    assert [f"number {at}" in answer.text for at, answer in enumerate(answers)] == [True] * 50
