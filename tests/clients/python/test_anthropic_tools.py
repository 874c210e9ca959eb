"""Anthropic's own package, over every wire: tools, one and several, whole and streamed, and their results."""

import json

import pytest
from anthropic import BadRequestError, beta_tool

from samples import BOTH_TOOLS, CLOCK, ONE_TOOL, WEATHER

TOOLS = [
    {"name": "get_weather", "description": "The weather of a city", "input_schema": WEATHER},
    {"name": "get_clock", "description": "The time of a zone", "input_schema": CLOCK},
]


def asked(wire, text=BOTH_TOOLS, **more):
    messages = [{"role": "user", "content": text}]
    return {"model": wire.model("auto"), "max_tokens": 500, "messages": messages, "tools": TOOLS, **more}


def calls_of(message):
    return [block for block in message.content if block.type == "tool_use"]


def check_both(message):
    calls = calls_of(message)
    assert [call.name for call in calls] == ["get_weather", "get_clock"]
    assert calls[0].input.keys() == {"city", "days"} and calls[1].input.keys() == {"zone"}
    assert len({call.id for call in calls}) == 2 and all(call.id for call in calls)
    assert message.stop_reason == "tool_use"


def test_one_tool(anthropic_client, wire):
    message = anthropic_client.messages.create(**asked(wire, ONE_TOOL))
    assert [call.name for call in calls_of(message)] == ["get_clock"]
    assert isinstance(calls_of(message)[0].input["zone"], str)
    assert message.stop_reason == "tool_use"
    assert message.model == "small-1", "it is the one known to support tools"


def test_tools_in_parallel(anthropic_client, wire):
    check_both(anthropic_client.messages.create(**asked(wire)))


def test_streamed_tools_add_up(anthropic_client, wire):
    with anthropic_client.messages.stream(**asked(wire)) as stream:
        inputs = [event for event in stream if event.type == "input_json"]
        message = stream.get_final_message()
    check_both(message)
    assert len(inputs) >= 2


def test_one_at_a_time(anthropic_client, wire):
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    if wire.name == "gemini":
        with pytest.raises(BadRequestError, match="disable_parallel_tool_use"):
            anthropic_client.messages.create(**asked(wire, tool_choice=choice))
        return
    assert len(calls_of(anthropic_client.messages.create(**asked(wire, tool_choice=choice)))) == 1


def test_a_tool_is_demanded_by_name(anthropic_client, wire):
    choice = {"type": "tool", "name": "get_clock"}
    message = anthropic_client.messages.create(**asked(wire, tool_choice=choice))
    assert [call.name for call in calls_of(message)] == ["get_clock"]


def test_a_tool_is_forbidden(anthropic_client, wire):
    message = anthropic_client.messages.create(**asked(wire, tool_choice={"type": "none"}))
    assert calls_of(message) == [] and message.stop_reason == "end_turn"


def test_results_are_answered_in_words(anthropic_client, wire):
    request = asked(wire)
    first = anthropic_client.messages.create(**request)
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees"} for call in calls_of(first)
    ]
    turns = [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = anthropic_client.messages.create(**{**request, "messages": [*request["messages"], *turns]})
    assert second.stop_reason == "end_turn"
    assert "21 degrees" in second.content[0].text


def test_results_of_a_stream_are_answered_in_a_stream(anthropic_client, simulator, own_model, wire):
    request = {**asked(wire), "model": wire.model(own_model.alias)}
    with anthropic_client.messages.stream(**request) as stream:
        first = stream.get_final_message()
    results = [
        {
            "type": "tool_result",
            "tool_use_id": call.id,
            "content": [{"type": "text", "text": f"answer of {call.name}"}],
        }
        for call in calls_of(first)
    ]
    turns = [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    with anthropic_client.messages.stream(**{**request, "messages": [*request["messages"], *turns]}) as stream:
        assert "answer of get_clock" in stream.get_final_text()
    sent = json.loads(simulator.requests(own_model.upstream)[-1]["body"])["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
    called = [call["id"] for call in sent[1]["tool_calls"]]
    assert called == [message["tool_call_id"] for message in sent[2:]], "results find their calls"
    assert "answer of get_weather" in str(sent[2]["content"])


@beta_tool
def get_clock(zone: str) -> str:
    """The time of a zone.

    Args:
        zone: Where.
    """
    return f"noon in {zone}"


def test_the_helper_runs_the_tools(anthropic_client, wire):
    runner = anthropic_client.beta.messages.tool_runner(
        model=wire.model("auto"),
        max_tokens=500,
        tools=[get_clock],
        messages=[{"role": "user", "content": ONE_TOOL}],
    )
    assert "noon in" in runner.until_done().content[0].text
