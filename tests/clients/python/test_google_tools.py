"""Google's own package, over every wire: tools, one and several, whole and streamed, and their results."""

import json

from google.genai import types

from samples import BOTH_TOOLS, CLOCK, ONE_TOOL, WEATHER

TOOLS = [
    types.Tool(
        function_declarations=[
            types.FunctionDeclaration(
                name="get_weather", description="The weather of a city", parameters_json_schema=WEATHER
            ),
            types.FunctionDeclaration(
                name="get_clock", description="The time of a zone", parameters_json_schema=CLOCK
            ),
        ]
    )
]


def asked(wire, text=BOTH_TOOLS, **more):
    return {
        "model": wire.model("auto"),
        "contents": [types.UserContent(text)],
        "config": types.GenerateContentConfig(tools=TOOLS, **more),
    }


def choice(mode, *names):
    config = types.FunctionCallingConfig(mode=mode, allowed_function_names=list(names) or None)
    return {"tool_config": types.ToolConfig(function_calling_config=config)}


def names_of(answer):
    return [call.name for call in answer.function_calls or []]


def check_both(calls):
    assert [call.name for call in calls] == ["get_weather", "get_clock"]
    assert calls[0].args.keys() == {"city", "days"} and calls[1].args.keys() == {"zone"}


def test_one_tool(google_client, wire):
    answer = google_client.models.generate_content(**asked(wire, ONE_TOOL))
    assert names_of(answer) == ["get_clock"]
    assert isinstance(answer.function_calls[0].args["zone"], str)
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.model_version == "small-1", "it is the one known to support tools"


def test_tools_in_parallel(google_client, wire):
    check_both(google_client.models.generate_content(**asked(wire)).function_calls)


def test_streamed_tools_add_up(google_client, wire):
    chunks = list(google_client.models.generate_content_stream(**asked(wire)))
    check_both([call for chunk in chunks for call in chunk.function_calls or []])
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP


def test_a_tool_is_demanded_by_name(google_client, wire):
    answer = google_client.models.generate_content(**asked(wire, **choice("ANY", "get_clock")))
    assert names_of(answer) == ["get_clock"]


def test_a_tool_is_forbidden(google_client, wire):
    answer = google_client.models.generate_content(**asked(wire, **choice("NONE")))
    assert names_of(answer) == [] and answer.text


def results_of(calls):
    return types.UserContent(
        [
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id, name=call.name, response={"output": f"answer of {call.name}"}
                )
            )
            for call in calls
        ]
    )


def test_results_are_answered_in_words(google_client, simulator, own_model, wire):
    request = {**asked(wire), "model": wire.model(own_model.alias)}
    first = google_client.models.generate_content(**request)
    turns = [first.candidates[0].content, results_of(first.function_calls)]
    second = google_client.models.generate_content(**{**request, "contents": [*request["contents"], *turns]})
    assert "answer of get_clock" in second.text
    sent = json.loads(simulator.requests(own_model.upstream)[-1]["body"])["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
    called = [call["id"] for call in sent[1]["tool_calls"]]
    assert called == [message["tool_call_id"] for message in sent[2:]], "results find their calls"


def test_results_of_a_stream_are_answered_in_a_stream(google_client, wire):
    request = asked(wire)
    chunks = list(google_client.models.generate_content_stream(**request))
    calls = [call for chunk in chunks for call in chunk.function_calls or []]
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or [] if part.function_call]
    turns = [types.ModelContent(parts), results_of(calls)]
    request = {**request, "contents": [*request["contents"], *turns]}
    text = "".join(chunk.text or "" for chunk in google_client.models.generate_content_stream(**request))
    assert "answer of get_clock" in text


def get_clock(zone: str) -> str:
    """The time of a zone."""
    return f"noon in {zone}"


def test_the_package_runs_the_tools_itself(google_client, wire):
    answer = google_client.models.generate_content(
        model=wire.model("auto"), contents=ONE_TOOL, config={"tools": [get_clock]}
    )
    assert "noon in" in answer.text
    assert len(answer.automatic_function_calling_history) == 3
