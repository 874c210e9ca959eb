"""`langchain-openai`, which asks OpenAI's package: chat completions and responses, over every wire."""

import asyncio
import os

import openai
import pydantic
import pytest
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from samples import BOTH_TOOLS, PIXEL
from wires import FOR_GOOD


class City(pydantic.BaseModel):
    """A city."""

    name: str
    inhabitants: int


@tool
def get_weather(city: str, days: int) -> str:
    """The weather of a city."""
    return f"rain in {city}"


@tool
def get_clock(zone: str) -> str:
    """The time of a zone."""
    return f"noon in {zone}"


@pytest.fixture(params=[False, True], ids=["completions", "responses"])
def chat(request):
    """Makes a model; of both of OpenAI's dialects."""

    def make(model):
        return ChatOpenAI(
            model=model,
            api_key=os.environ["FULL_KEY"],
            base_url=os.environ["GATEWAY_URL"],
            max_retries=0,
            timeout=20,
            stream_usage=True,
            use_responses_api=request.param,
        )

    return make


def test_an_answer(chat, wire):
    answer = chat(wire.model("plain")).invoke([SystemMessage("Be brief."), HumanMessage("Hello.")])
    assert "Hello." in answer.text
    assert answer.response_metadata["model_name"] == "small-1"
    assert answer.usage_metadata["total_tokens"] > 0


def test_a_stream_adds_up(chat, wire):
    model = chat(wire.model("plain"))
    chunks = list(model.stream("Hello."))
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    assert len(chunks) > 5
    assert total.text == model.invoke("Hello.").text
    assert total.usage_metadata["output_tokens"] > 0


@pytest.fixture(scope="module")
def loop():
    """One for all tests: the package shares its connections between models."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_an_async_stream(chat, wire, loop):
    async def collected():
        return "".join([chunk.text async for chunk in chat(wire.model("plain")).astream("Hello.")])

    assert "Hello." in loop.run_until_complete(collected())


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_a_loop_of_tools(chat, wire, streamed):
    tools = {each.name: each for each in (get_weather, get_clock)}
    model = chat(wire.model("auto")).bind_tools(list(tools.values()))
    messages = [HumanMessage(BOTH_TOOLS)]
    if streamed:
        first = None
        for chunk in model.stream(messages):
            first = chunk if first is None else first + chunk
    else:
        first = model.invoke(messages)
    assert [call["name"] for call in first.tool_calls] == list(tools)
    results = [
        ToolMessage(tools[call["name"]].invoke(call["args"]), tool_call_id=call["id"])
        for call in first.tool_calls
    ]
    assert "noon in" in model.invoke([*messages, first, *results]).text


def test_structured_output(chat, wire):
    model = chat(wire.model("auto")).with_structured_output(City, method="json_schema")
    assert isinstance(model.invoke("Which city?"), City)


def test_an_image(chat, wire):
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]
    answer = chat(wire.model("auto")).invoke([HumanMessage(content)])
    assert "1 image" in answer.text


def test_an_error(chat, simulator, own_model, wire):
    simulator.fail(own_model.upstream, times=FOR_GOOD, kind="status", status=500)
    with pytest.raises(openai.InternalServerError):
        chat(wire.model(own_model.alias)).invoke("Hello.")


@pytest.mark.parametrize("kind", ["cut_after_chunks", "end_after_chunks", "error_after_chunks"])
def test_a_stream_that_is_lost_for_good_raises(chat, simulator, own_model, wire, kind):
    simulator.fail(own_model.upstream, times=FOR_GOOD, kind=kind, chunks=4)
    received = []
    # For responses the package has no class of its own.
    with pytest.raises((openai.APIError, ValueError)):
        for chunk in chat(wire.model(own_model.alias)).stream("Hello."):
            received.append(chunk.text)
    assert "".join(received), "what had come before the loss was delivered"
