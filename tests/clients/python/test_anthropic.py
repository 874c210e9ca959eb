"""Anthropic's own package, over every wire: answers and streams, what is in them, and how they end."""

import json

import pydantic

from samples import PIXEL_BASE64


def hello(model, **more):
    messages = [{"role": "user", "content": "Hello."}]
    return {"model": model, "max_tokens": 200, "messages": messages, **more}


class City(pydantic.BaseModel):
    name: str
    inhabitants: int


def test_an_answer(anthropic_client, wire):
    answer = anthropic_client.messages.create(**hello(wire.model("plain")))
    assert answer.type == "message" and answer.role == "assistant"
    assert answer.model == "small-1", "the body says what really answered"
    assert [block.type for block in answer.content] == ["text"]
    assert "Hello." in answer.content[0].text
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


def test_headers(anthropic_client, wire):
    raw = anthropic_client.messages.with_raw_response.create(**hello(wire.model("plain")))
    assert raw.headers["x-modelpool-request-id"].startswith("req_")
    assert raw.parse()._request_id, "the package finds the id of the request"


def test_a_system_message_reaches_the_model(anthropic_client, simulator, own_model, wire):
    system = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]
    anthropic_client.messages.create(
        **hello(wire.model(own_model.alias), system=system), extra_body={"temperature": 0.25}
    )
    sent = json.loads(simulator.requests(own_model.upstream)[-1]["body"])
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert "Be brief." in str(sent["messages"][0]) and "Be kind." in str(sent["messages"][0])
    assert sent["temperature"] == 0.25


def test_turns_keep_their_order(anthropic_client, simulator, own_model, wire):
    turns = [("user", "One."), ("assistant", "Two."), ("user", "Three.")]
    messages = [{"role": role, "content": text} for role, text in turns]
    anthropic_client.messages.create(
        model=wire.model(own_model.alias), max_tokens=50, messages=messages
    )
    sent = json.loads(simulator.requests(own_model.upstream)[-1]["body"])
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "user"]
    assert [text for _, text in turns] == [message_text(message) for message in sent["messages"]]


def message_text(message):
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def test_an_output_limit(anthropic_client, wire):
    answer = anthropic_client.messages.create(**{**hello(wire.model("plain")), "max_tokens": 3})
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 3


def test_chinese_and_emoji(anthropic_client, wire):
    said = "今天天气好吗？👩‍👩‍👧"
    answer = anthropic_client.messages.create(
        model=wire.model("plain"), max_tokens=200, messages=[{"role": "user", "content": said}]
    )
    assert said in answer.content[0].text


def test_a_stream_adds_up_to_the_answer(anthropic_client, wire):
    whole = anthropic_client.messages.create(**hello(wire.model("plain")))
    with anthropic_client.messages.stream(**hello(wire.model("plain"))) as stream:
        texts = list(stream.text_stream)
        message = stream.get_final_message()
    assert len(texts) > 5, "it came in pieces"
    assert "".join(texts) == whole.content[0].text == message.content[0].text
    assert message.stop_reason == "end_turn"
    assert message.model == "small-1"
    assert message.usage.input_tokens == whole.usage.input_tokens
    assert message.usage.output_tokens == whole.usage.output_tokens


def test_events_come_in_their_order(anthropic_client, wire):
    events = list(anthropic_client.messages.create(**hello(wire.model("plain"), stream=True)))
    kinds = [event.type for event in events]
    kinds = [kind for kind, before in zip(kinds, [None, *kinds], strict=False) if kind != before]
    assert [kind for kind in kinds if kind != "ping"] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_an_output_limit_of_a_stream(anthropic_client, wire):
    with anthropic_client.messages.stream(**{**hello(wire.model("plain")), "max_tokens": 3}) as stream:
        assert stream.get_final_message().stop_reason == "max_tokens"


def test_an_image(anthropic_client, wire):
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL_BASE64}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    answer = anthropic_client.messages.create(
        model=wire.model("auto"), max_tokens=200, messages=[{"role": "user", "content": content}]
    )
    assert answer.model == "eye-1", "the model that sees"
    assert "1 image" in answer.content[0].text


def test_an_image_by_its_address(anthropic_client, simulator, own_model, wire):
    url = "https://example.com/a.png"
    content = [{"type": "image", "source": {"type": "url", "url": url}}, {"type": "text", "text": "Look."}]
    anthropic_client.messages.create(
        model=wire.model(own_model.alias), max_tokens=50, messages=[{"role": "user", "content": content}]
    )
    assert url in simulator.requests(own_model.upstream)[-1]["body"]


def test_structured_output(anthropic_client, wire):
    answer = anthropic_client.messages.parse(**hello(wire.model("auto")), output_format=City)
    assert isinstance(answer.parsed_output, City)


def test_structured_output_of_a_stream(anthropic_client, wire):
    with anthropic_client.messages.stream(**hello(wire.model("auto")), output_format=City) as stream:
        assert isinstance(stream.get_final_message().parsed_output, City)


def test_tokens_are_counted_without_a_call(anthropic_client, simulator, own_model, wire):
    messages = [{"role": "user", "content": "Hello there, how are you?"}]
    few = anthropic_client.messages.count_tokens(model=wire.model(own_model.alias), messages=messages)
    many = anthropic_client.messages.count_tokens(
        model=wire.model(own_model.alias), messages=messages, system="Be brief. " * 50
    )
    assert 0 < few.input_tokens < many.input_tokens
    assert simulator.requests(own_model.upstream) == []
