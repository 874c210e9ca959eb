"""The responses of OpenAI's package, over every wire: tools, one and several, whole and streamed, their results."""

import json

import openai
import pytest

from samples import BOTH_TOOLS, CLOCK, ONE_TOOL, WEATHER

TOOLS = [
    {"type": "function", "name": name, "description": text, "parameters": parameters, "strict": False}
    for name, text, parameters in [
        ("get_weather", "The weather of a city", WEATHER),
        ("get_clock", "The time of a zone", CLOCK),
    ]
]


def asked(wire, text=BOTH_TOOLS, **more):
    return {
        "model": wire.model("auto"),
        "input": [{"role": "user", "content": text}],
        "tools": TOOLS,
        **more,
    }


def calls_of(response):
    return [item for item in response.output if item.type == "function_call"]


def check_both(response):
    calls = calls_of(response)
    assert [call.name for call in calls] == ["get_weather", "get_clock"]
    assert json.loads(calls[0].arguments).keys() == {"city", "days"}
    assert json.loads(calls[1].arguments).keys() == {"zone"}
    assert len({call.call_id for call in calls}) == 2 and all(call.call_id for call in calls)


def test_one_tool(client, wire):
    answer = client.responses.create(**asked(wire, ONE_TOOL))
    assert [call.name for call in calls_of(answer)] == ["get_clock"]
    assert answer.status == "completed"
    assert answer.model == "small-1", "it is the one known to support tools"


def test_tools_in_parallel(client, wire):
    check_both(client.responses.create(**asked(wire)))


def test_streamed_tools_add_up(client, wire):
    with client.responses.stream(**asked(wire)) as stream:
        events = list(stream)
        final = stream.get_final_response()
    check_both(final)
    done = [event for event in events if event.type == "response.function_call_arguments.done"]
    assert len(done) == 2 and all(json.loads(event.arguments) for event in done)


def test_one_at_a_time(client, wire):
    if wire.name == "gemini":
        with pytest.raises(openai.BadRequestError, match="parallel_tool_calls"):
            client.responses.create(**asked(wire, parallel_tool_calls=False))
        return
    assert len(calls_of(client.responses.create(**asked(wire, parallel_tool_calls=False)))) == 1


def test_a_tool_is_demanded_by_name(client, wire):
    answer = client.responses.create(**asked(wire, tool_choice={"type": "function", "name": "get_clock"}))
    assert [call.name for call in calls_of(answer)] == ["get_clock"]


def test_a_tool_is_forbidden(client, wire):
    answer = client.responses.create(**asked(wire, tool_choice="none"))
    assert calls_of(answer) == [] and answer.output_text


def results_of(response):
    return [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"answer of {call.name}"}
        for call in calls_of(response)
    ]


def test_results_are_answered_in_words(client, simulator, own_model, wire):
    request = {**asked(wire), "model": wire.model(own_model.alias)}
    first = client.responses.create(**request)
    turns = [*request["input"], *first.output, *results_of(first)]
    second = client.responses.create(**{**request, "input": turns})
    assert "answer of get_clock" in second.output_text
    sent = json.loads(simulator.requests(own_model.upstream)[-1]["body"])["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
    called = [call["id"] for call in sent[1]["tool_calls"]]
    assert called == [message["tool_call_id"] for message in sent[2:]], "results find their calls"


def test_results_of_a_stream_are_answered_in_a_stream(client, wire):
    request = asked(wire)
    with client.responses.stream(**request) as stream:
        first = stream.get_final_response()
    request["input"] = [*request["input"], *first.output, *results_of(first)]
    with client.responses.stream(**request) as stream:
        assert "answer of get_clock" in stream.get_final_response().output_text
