"""Providers written in Python, and the factory."""

import asyncio

import pytest

from modelpool import (
    AuthError,
    ChatChunk,
    ConfigurationError,
    InvalidValueError,
    LLMProvider,
    ModelCapabilities,
    ModelConfig,
    ModelPool,
    ProviderFactory,
    RateLimitedError,
    ServerError,
    StreamLostError,
    UnsupportedError,
)


class Echo(LLMProvider):
    """Says what it heard, word by word."""

    async def generate_stream(self, messages, tools=None, **options):
        self.options = options
        for word in messages[-1]["content"].split():
            await asyncio.sleep(0)
            yield word + " "


@pytest.fixture
def echo(register):
    register("echo", Echo)
    return ModelPool().add("e", "echo", "echo-1", ModelCapabilities(supports_tools=True), tier="gold")


async def test_pieces_become_a_stream_and_an_answer(echo):
    texts = [chunk.text async for chunk in echo.chat_stream("one two three")]
    assert [text for text in texts if text] == ["one ", "two ", "three "]
    answer = await echo.chat("one two three")
    assert answer.text == "one two three " and answer.finish_reason == "stop" and answer.model == "echo-1"
    assert answer.usage.estimated is True


def test_for_code_that_blocks(echo):
    assert echo.chat_sync("one two").text == "one two "
    assert echo.chat_stream_sync("one two").read() == "one two "


async def test_blocking_on_the_thread_of_a_loop(echo):
    assert echo.chat_sync("one two").text == "one two "


async def test_it_is_made_once_with_its_entry(register):
    made = []

    class Configured(Echo):
        def __init__(self, config):
            made.append(config)

    register("configured", Configured)
    pool = ModelPool().add("c", "configured", "m", api_key="mine", tier="gold", base_url="http://h")
    await pool.chat("a", temperature=0.5)
    await pool.chat("b")
    [config] = made
    assert config.alias == "c" and config.api_key == "mine" and config.extra_config["tier"] == "gold"


async def test_it_may_be_registered_after_its_models(register):
    pool = ModelPool().add("late", "late-provider", "m")
    with pytest.raises(ConfigurationError, match="unknown provider"):
        await pool.chat("hello")
    register("late-provider", Echo)
    assert (await pool.chat("hello")).text == "hello "


async def test_members_of_the_request_are_options(register):
    seen = {}

    class Looking(LLMProvider):
        async def generate_stream(self, messages, tools=None, **options):
            seen.update(options, tools=tools, messages=messages)
            yield "fine"

    register("looking", Looking)
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    pool = ModelPool().add("l", "looking", "m-1", ModelCapabilities(supports_tools=True))
    await pool.chat("hello", temperature=0.5, tools=[tool])
    assert seen["temperature"] == 0.5 and seen["tools"] == [tool] and seen["model"] == "m-1"


async def test_deltas_and_chunks(register):
    class Calling(LLMProvider):
        async def generate_stream(self, messages, tools=None, **options):
            yield {"content": "thinking"}
            yield {"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": '{"a"'}}]}
            yield {
                "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}}]
            }
            yield {"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}

    register("calling", Calling)
    pool = ModelPool().add("c", "calling", "m")
    answer = await pool.chat("go")
    assert answer.text == "thinking" and answer.finish_reason == "tool_calls"
    assert answer.tool_calls[0]["function"] == {"name": "f", "arguments": '{"a": 1}'}
    assert answer.usage.total_tokens == 7
    stream = pool.chat_stream("go")
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].finish_reason == "tool_calls" or chunks[-2].finish_reason == "tool_calls"
    assert stream.usage.total_tokens == 7


class Failing(LLMProvider):
    error: BaseException = ValueError("out of order")
    after = 0

    async def generate_stream(self, messages, tools=None, **options):
        for at in range(self.after):
            yield f"piece {at} "
        raise self.error


async def test_exceptions_are_failures_that_fail_over(register, upstream, own):
    register("failing", Failing)
    pool = ModelPool().add("bad", "failing", "m", ModelCapabilities(cost_per_1k_tokens=0))
    with pytest.raises(ServerError, match="ValueError: out of order") as caught:
        await pool.chat("hello")
    assert caught.value.alias == "bad"
    pool.add("good", "openai_compatible", own, base_url=upstream)
    assert (await pool.chat("hello")).alias == "good"
    stats = pool.get_performance_stats("bad")
    assert stats["success_rate"] == 0.0


@pytest.mark.parametrize("kind", [RateLimitedError, AuthError])
async def test_it_may_say_which_kind_of_failure(register, kind):
    class Limited(Failing):
        error = kind("not now")

    Limited.error.retry_after_s = 9
    register("limited", Limited)
    with pytest.raises(kind, match="not now") as caught:
        await ModelPool().add("l", "limited", "m").chat("hello")
    if kind is RateLimitedError:
        assert 8 < caught.value.retry_after_s <= 9


async def test_a_stream_that_fails_half_way_is_continued(register, upstream, own):
    class HalfWay(Failing):
        after = 2

    register("half-way", HalfWay)
    pool = ModelPool().add("h", "half-way", "m", ModelCapabilities(cost_per_1k_tokens=0))
    pool.add("good", "openai_compatible", own, base_url=upstream)
    stream = pool.chat_stream("hello")
    text = await stream.read()
    assert text.startswith("piece 0 piece 1 ") and stream.continued == 1


def counted(error, after=0):
    """A provider that fails, and what it was asked."""
    asked = []

    class Counted(LLMProvider):
        async def generate_stream(self, messages, tools=None, **options):
            asked.append(options["model"])
            for at in range(after):
                yield f"piece {at} "
            raise error

    return Counted, asked


MISTAKES = [KeyError("colour"), AttributeError("no such thing"), ValueError("out of order"), AssertionError()]
MISHAPS = [ConnectionResetError("gone"), TimeoutError("slow"), asyncio.TimeoutError(), OSError("no network"), ServerError("down")]


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("error", MISTAKES, ids=repr)
async def test_a_mistake_in_its_code_is_not_met_again(register, upstream, own, error, streams):
    kind, asked = counted(error)
    register("mistaken", kind)
    pool = ModelPool().add("bad", "mistaken", "m", ModelCapabilities(cost_per_1k_tokens=0))

    async def ask():
        return await (pool.chat_stream("hello").read() if streams else pool.chat("hello"))

    with pytest.raises(ServerError, match=type(error).__name__) as caught:
        await ask()
    assert asked == ["m"] and caught.value.attempts == 1
    pool.add("good", "openai_compatible", own, base_url=upstream)
    await ask()
    assert asked == ["m", "m"]


@pytest.mark.parametrize("error", MISHAPS, ids=repr)
async def test_what_the_network_does_may_be_gone_a_moment_later(register, error):
    kind, asked = counted(error)
    register("unlucky", kind)
    with pytest.raises(ServerError):
        await ModelPool().add("bad", "unlucky", "m").chat("hello")
    assert asked == ["m", "m"]


@pytest.mark.parametrize(("error", "times"), [(KeyError("colour"), 1), (ConnectionResetError("gone"), 2)], ids=repr)
async def test_a_mistake_half_way_is_not_met_again_either(register, upstream, own, error, times):
    kind, asked = counted(error, after=2)
    register("half-way", kind)
    pool = ModelPool().add("h", "half-way", "m", ModelCapabilities(cost_per_1k_tokens=0))
    with pytest.raises(StreamLostError, match=type(error).__name__):
        await pool.chat_stream("hello").read()
    assert len(asked) >= times if times > 1 else asked == ["m"]
    del asked[:]
    pool.add("good", "openai_compatible", own, base_url=upstream)
    stream = pool.chat_stream("hello")
    assert (await stream.read()).startswith("piece 0 piece 1 ") and stream.continued == 1 and asked == ["m"]


async def test_other_dialects_reach_it(echo):
    openai = pytest.importorskip("openai")
    client = echo.as_openai(asynchronous=True)
    assert isinstance(client, openai.AsyncOpenAI)
    answer = await client.responses.create(model="e", input="one two")
    assert answer.output_text == "one two "


async def test_vectors(register):
    class Embedding(Echo):
        async def embed(self, texts, **options):
            return [[float(len(text)), 0.0] for text in texts]

    register("embedding", Embedding)
    pool = ModelPool().add("v", "embedding", "m")
    assert (await pool.embed(["a", "bb"], model="v")).vectors == [[1.0, 0.0], [2.0, 0.0]]
    register("echo", Echo)
    with pytest.raises(UnsupportedError):
        await ModelPool().add("e", "echo", "m").embed("a", model="e")


async def test_leaving_closes_the_generator(register):
    closed = asyncio.Event()

    class Endless(LLMProvider):
        async def generate_stream(self, messages, tools=None, **options):
            try:
                while True:
                    yield "more "
                    await asyncio.sleep(0)
            finally:
                closed.set()

    register("endless", Endless)
    pool = ModelPool().add("e", "endless", "m")
    async with pool.chat_stream("go") as stream:
        async for chunk in stream:
            if chunk.text:
                break
    await asyncio.wait_for(closed.wait(), 5)


async def test_it_runs_on_the_callers_loop(register):
    loops = []

    class Where(LLMProvider):
        async def generate_stream(self, messages, tools=None, **options):
            loops.append(asyncio.get_running_loop())
            yield "here"

    register("where", Where)
    pool = ModelPool().add("w", "where", "m")
    await pool.chat("hello")
    assert loops == [asyncio.get_running_loop()]


async def test_nonsense_is_named(register):
    class Nonsense(LLMProvider):
        async def generate_stream(self, messages, tools=None, **options):
            yield 42

    register("nonsense", Nonsense)
    with pytest.raises(ServerError, match="gives strings, or dicts"):
        await ModelPool().add("n", "nonsense", "m").chat("hello")
    register("no-provider", lambda config: object())
    with pytest.raises(ConfigurationError, match="generate_stream"):
        await ModelPool().add("n", "no-provider", "m").chat("hello")
    with pytest.raises(InvalidValueError):
        ProviderFactory.register("x", "not a class")


async def test_the_factory(upstream, own, echo, simulator):
    provider = ProviderFactory.create_provider(ModelConfig("a", "openai_compatible", own, base_url=upstream))
    chunks = [chunk async for chunk in provider.generate_stream([{"role": "user", "content": "hello"}], temperature=1)]
    assert all(isinstance(chunk, ChatChunk) for chunk in chunks)
    assert "hello" in "".join(chunk.text for chunk in chunks)
    assert simulator.requests(own)[-1]["body"]["temperature"] == 1
    assert isinstance(ProviderFactory.create_provider(echo.get("e")), Echo)
    with pytest.raises(ConfigurationError, match="did you mean `openai`.*known: "):
        ProviderFactory.create_provider(ModelConfig("a", "opnai", "m"))
    assert {"echo", "openai", "anthropic"} <= set(ProviderFactory.known())


async def test_a_provider_of_a_pool_counts_for_the_pool(pool):
    provider = ProviderFactory.create_provider(pool.get("one"))
    async for _ in provider.generate_stream([{"role": "user", "content": "hello"}]):
        pass
    assert pool.get_performance_stats("one")["ever"]["successes"] == 1


async def test_one_provider_may_stand_on_another(register, upstream, own):
    inner = ProviderFactory.create_provider(ModelConfig("a", "openai_compatible", own, base_url=upstream))

    class Shouting(LLMProvider):
        async def generate_stream(self, messages, tools=None, **options):
            async for chunk in inner.generate_stream(messages, tools):
                yield chunk

    register("shouting", Shouting)
    assert "hello" in (await ModelPool().add("s", "shouting", "m").chat("hello")).text
