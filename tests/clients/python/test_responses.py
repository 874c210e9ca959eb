"""The responses of OpenAI's package, over every wire: answers and streams, what is in them, how they end."""

import json

import pydantic
import pytest

from samples import PIXEL


class City(pydantic.BaseModel):
    name: str
    inhabitants: int


def hello(model, **more):
    return {"model": model, "input": "Hello.", **more}


def test_an_answer(client, wire):
    answer = client.responses.create(**hello(wire.model("plain")))
    assert answer.object == "response" and answer.status == "completed"
    assert answer.model == "small-1", "the body says what really answered"
    assert [item.type for item in answer.output] == ["message"]
    assert "Hello." in answer.output_text
    assert answer.error is None and answer.incomplete_details is None
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_instructions_reach_the_model(client, simulator, own_model, wire):
    client.responses.create(
        **hello(wire.model(own_model.alias), instructions="Be brief.", temperature=0.25)
    )
    sent = json.loads(simulator.requests(own_model.upstream)[-1]["body"])
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert "Be brief." in str(sent["messages"][0])
    assert sent["temperature"] == 0.25


def test_turns_keep_their_order(client, simulator, own_model, wire):
    model = wire.model(own_model.alias)
    first = client.responses.create(**hello(model))
    turns = [{"role": "user", "content": "Hello."}, *first.output, {"role": "user", "content": "Three."}]
    client.responses.create(model=model, input=turns)
    sent = json.loads(simulator.requests(own_model.upstream)[-1]["body"])["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert first.output_text in str(sent[1]["content"])


def test_an_output_limit(client, wire):
    answer = client.responses.create(**hello(wire.model("plain"), max_output_tokens=16))
    assert answer.status == "incomplete"
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.usage.output_tokens == 16


def test_chinese_and_emoji(client, wire):
    said = "今天天气好吗？👩‍👩‍👧"
    assert said in client.responses.create(model=wire.model("plain"), input=said).output_text


def test_a_stream_adds_up_to_the_answer(client, wire):
    whole = client.responses.create(**hello(wire.model("plain")))
    with client.responses.stream(**hello(wire.model("plain"))) as stream:
        events = list(stream)
        final = stream.get_final_response()
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(deltas) > 5, "it came in pieces"
    assert "".join(deltas) == final.output_text == whole.output_text
    assert final.status == "completed" and final.model == "small-1"
    assert final.usage.input_tokens == whole.usage.input_tokens
    assert final.usage.output_tokens == whole.usage.output_tokens


def test_events_come_in_their_order(client, wire):
    events = list(client.responses.create(**hello(wire.model("plain"), stream=True)))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type.removeprefix("response.") for event in events]
    kinds = [kind for kind, before in zip(kinds, [None, *kinds], strict=False) if kind != before]
    assert [kind for kind in kinds if kind != "in_progress"] == [
        "created",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


def test_an_output_limit_of_a_stream(client, wire):
    events = list(client.responses.create(**hello(wire.model("plain"), max_output_tokens=16, stream=True)))
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.incomplete_details.reason == "max_output_tokens"


def test_an_image(client, wire):
    content = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": PIXEL, "detail": "auto"},
    ]
    answer = client.responses.create(
        model=wire.model("auto"), input=[{"role": "user", "content": content}]
    )
    assert answer.model == "eye-1", "the model that sees"
    assert "1 image" in answer.output_text


def test_structured_output(client, wire):
    answer = client.responses.parse(**hello(wire.model("auto")), text_format=City)
    assert isinstance(answer.output_parsed, City)


def test_structured_output_of_a_stream(client, wire):
    with client.responses.stream(**hello(wire.model("auto")), text_format=City) as stream:
        assert isinstance(stream.get_final_response().output_parsed, City)


def test_json_without_a_schema(client, wire):
    form = {"format": {"type": "json_object"}}
    if wire.name == "anthropic":
        pytest.skip("Anthropic's wire has JSON by a schema only")
    answer = client.responses.create(**hello(wire.model("auto"), text=form))
    assert isinstance(json.loads(answer.output_text), dict)
