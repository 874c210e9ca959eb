"""Chat completions of OpenAI's package over wires that are not OpenAI's: what the other files look at more closely."""

import json

import openai
import pytest

from samples import BOTH_TOOLS, CLOCK, PIXEL, WEATHER, hello
from wires import CHAT, FOR_GOOD, WAIT, WIRES, Wire

TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}},
    {"type": "function", "function": {"name": "get_clock", "parameters": CLOCK}},
]
LOSSES = ["cut_after_chunks", "end_after_chunks", "error_after_chunks"]


@pytest.fixture(params=[name for name in WIRES if name != CHAT])
def wire(request):
    return Wire(request.param)


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_a_stream_adds_up_to_the_answer(client, wire):
    request = hello(model=wire.model("plain"))
    whole = client.chat.completions.create(**request)
    assert whole.model == "small-1" and whole.choices[0].finish_reason == "stop"
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(**request, stream=True, stream_options=options))
    assert text_of(chunks) == whole.choices[0].message.content
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens == whole.usage.total_tokens
    assert chunks[-2].choices[0].finish_reason == "stop"


def test_who_does_not_ask_for_usage_gets_none(client, wire):
    chunks = list(client.chat.completions.create(**hello(model=wire.model("plain"), stream=True)))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_a_loop_of_streamed_tools(client, wire):
    request = {"model": wire.model("auto"), "tools": TOOLS}
    said = {"role": "user", "content": BOTH_TOOLS}
    with client.chat.completions.stream(**request, messages=[said]) as stream:
        first = stream.get_final_completion().choices[0]
    assert first.finish_reason == "tool_calls"
    calls = first.message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "get_clock"]
    assert json.loads(calls[0].function.arguments).keys() == {"city", "days"}
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"answer of {call.function.name}"} for call in calls
    ]
    asked = {"role": "assistant", "tool_calls": [call.model_dump(exclude={"parsed_arguments"}) for call in calls]}
    for call in asked["tool_calls"]:
        call["function"].pop("parsed_arguments", None)
    second = client.chat.completions.create(**request, messages=[said, asked, *results])
    assert "answer of get_clock" in second.choices[0].message.content


def test_an_image(client, wire):
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]
    answer = client.chat.completions.create(
        model=wire.model("auto"), messages=[{"role": "user", "content": content}]
    )
    assert answer.model == "eye-1" and "1 image" in answer.choices[0].message.content


def test_a_schema(client, wire):
    schema = {"name": "clock", "schema": {**CLOCK, "additionalProperties": False}, "strict": True}
    answer = client.chat.completions.create(
        **hello(model=wire.model("auto")), response_format={"type": "json_schema", "json_schema": schema}
    )
    assert json.loads(answer.choices[0].message.content).keys() == {"zone"}


def test_a_rate_limit_keeps_its_waiting_time(client, simulator, wire):
    simulator.fail("waiting-1", **WAIT)
    with pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(**hello(model=wire.waiting))
    assert 60 < int(raised.value.response.headers["retry-after"]) <= 900


@pytest.mark.parametrize(("status", "seen"), [(500, 502), (503, 503), (401, 502)])
def test_a_model_that_fails(client, simulator, own_model, wire, status, seen):
    simulator.fail(own_model.upstream, times=FOR_GOOD, kind="status", status=status)
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(**hello(model=wire.model(own_model.alias)))
    assert raised.value.status_code == seen


@pytest.mark.parametrize("kind", LOSSES)
def test_a_stream_that_is_lost_is_continued(client, simulator, own_model, wire, kind):
    simulator.fail(own_model.upstream, kind=kind, chunks=4)
    chunks = list(client.chat.completions.create(**hello(model=wire.model(own_model.alias), stream=True)))
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1, "it is one answer"


@pytest.mark.parametrize("kind", LOSSES)
def test_a_stream_that_is_lost_for_good_raises(client, simulator, own_model, wire, kind):
    simulator.fail(own_model.upstream, times=FOR_GOOD, kind=kind, chunks=4)
    received = []
    with pytest.raises(openai.APIError) as raised:
        for chunk in client.chat.completions.create(**hello(model=wire.model(own_model.alias), stream=True)):
            received.append(chunk)
    assert text_of(received), "what had come before the loss was delivered"
    assert raised.value.code == "upstream_error"
    assert all(chunk.choices[0].finish_reason is None for chunk in received)
