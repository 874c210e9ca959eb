"""The client of the package `openai` over the pool."""

import pytest

from modelpool import ModelCapabilities, ModelPool

openai = pytest.importorskip("openai")

MESSAGES = [{"role": "user", "content": "hello"}]


async def test_asynchronous(pool):
    client = pool.as_openai(asynchronous=True)
    assert isinstance(client, openai.AsyncOpenAI)
    answer = await client.chat.completions.create(model="auto", messages=MESSAGES)
    assert "hello" in answer.choices[0].message.content
    stream = await client.chat.completions.create(model="one", messages=MESSAGES, stream=True)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    assert "hello" in text
    assert [model.id async for model in client.models.list()] == ["auto", "one"]
    answer = await client.responses.create(model="auto", input="hello")
    assert "hello" in answer.output_text


def test_synchronous(pool):
    client = pool.as_openai()
    assert isinstance(client, openai.OpenAI)
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=MESSAGES)
    assert raw.headers["x-modelpool-model"] == "one"
    with client.chat.completions.create(model="auto", messages=MESSAGES, stream=True) as stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert "hello" in text
    vectors = client.embeddings.create(model="one", input=["a", "b"])
    assert len(vectors.data) == 2


def test_structured_output(pool):
    pydantic = pytest.importorskip("pydantic")

    class City(pydantic.BaseModel):
        name: str

    answer = pool.as_openai().chat.completions.parse(model="auto", messages=MESSAGES, response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)


async def test_errors_are_those_of_the_package(pool, simulator, own):
    client = pool.as_openai(asynchronous=True)
    simulator.fail(own, kind="status", status=429, headers={"retry-after": "3"}, times=None)
    with pytest.raises(openai.RateLimitError) as caught:
        await client.chat.completions.create(model="one", messages=MESSAGES)
    assert int(caught.value.response.headers["retry-after"]) <= 3
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.create(model="nobody", messages=MESSAGES)
    with pytest.raises(openai.UnprocessableEntityError):
        await client.chat.completions.create(
            model="auto", messages=MESSAGES, extra_body={"modelpool": {"requirements": {"supports_audio": True}}}
        )


async def test_leaving_a_stream_ends_the_call(pool, simulator, own):
    client = pool.as_openai(asynchronous=True)
    simulator.fail(own, kind="stall_after_chunks", chunks=4)
    stream = await client.chat.completions.create(model="one", messages=MESSAGES, stream=True)
    async for _ in stream:
        break
    await stream.close()
    assert pool.get_performance_stats("one")["ever"]["cancelled"] == 1


async def test_a_key_of_the_callers_goes_nowhere(pool, simulator, own):
    client = pool.as_openai(asynchronous=True, api_key="sk-of-the-caller")
    await client.chat.completions.create(model="auto", messages=MESSAGES)
    assert "sk-of-the-caller" not in str(simulator.requests(own))


def test_models_added_later_are_there(pool, upstream, own):
    client = pool.as_openai()
    pool.add("two", "openai_compatible", own, ModelCapabilities(), base_url=upstream)
    assert client.chat.completions.create(model="two", messages=MESSAGES).choices


def test_a_selector_in_python_is_asked(upstream, own):
    from modelpool import ModelSelector

    class Second(ModelSelector):
        def select_model(self, available_models, requirements, context=None):
            return available_models[1]

    pool = ModelPool(selector=Second())
    for alias in ("a", "b"):
        pool.add(alias, "openai_compatible", own, ModelCapabilities(), base_url=upstream)
    raw = pool.as_openai().chat.completions.with_raw_response.create(model="auto", messages=MESSAGES)
    assert raw.headers["x-modelpool-model"] == "b"
