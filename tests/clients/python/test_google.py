"""Google's own package, over every wire: answers and streams, what is in them, and how they end."""

import base64
import json

import pydantic
import pytest
from google.genai import types

from samples import PIXEL_BASE64


class City(pydantic.BaseModel):
    name: str
    inhabitants: int


def text_of(chunks):
    return "".join(chunk.text or "" for chunk in chunks)


def test_an_answer(google_client, wire):
    answer = google_client.models.generate_content(model=wire.model("plain"), contents="Hello.")
    assert answer.model_version == "small-1", "the body says what really answered"
    assert "Hello." in answer.text
    assert len(answer.candidates) == 1
    assert answer.candidates[0].content.role == "model"
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    usage = answer.usage_metadata
    assert usage.prompt_token_count > 0 and usage.candidates_token_count > 0
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count


def test_a_system_message_reaches_the_model(google_client, simulator, own_model, wire):
    config = {"system_instruction": "Be brief.", "temperature": 0.25}
    google_client.models.generate_content(model=wire.model(own_model.alias), contents="Hello.", config=config)
    sent = json.loads(simulator.requests(own_model.upstream)[-1]["body"])
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert "Be brief." in str(sent["messages"][0])
    assert sent["temperature"] == 0.25


def test_a_chat_remembers(google_client, simulator, own_model, wire):
    chat = google_client.chats.create(model=wire.model(own_model.alias))
    first = chat.send_message("One.")
    for _ in chat.send_message_stream("Two."):
        pass
    chat.send_message("Three.")
    sent = json.loads(simulator.requests(own_model.upstream)[-1]["body"])["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant"] * 2 + ["user"]
    assert sent[1]["content"] == first.text
    assert "Two." in sent[3]["content"], "what came in pieces is one text"


def test_an_output_limit(google_client, wire):
    config = {"max_output_tokens": 3}
    answer = google_client.models.generate_content(
        model=wire.model("plain"), contents="Hello.", config=config
    )
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert answer.usage_metadata.candidates_token_count == 3


def test_chinese_and_emoji(google_client, wire):
    said = "今天天气好吗？👩‍👩‍👧"
    answer = google_client.models.generate_content(model=wire.model("plain"), contents=said)
    assert said in answer.text


def test_a_stream_adds_up_to_the_answer(google_client, wire):
    request = {"model": wire.model("plain"), "contents": "Hello."}
    whole = google_client.models.generate_content(**request)
    chunks = list(google_client.models.generate_content_stream(**request))
    assert len(chunks) > 5, "it came in pieces"
    assert text_of(chunks) == whole.text
    reasons = [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates]
    assert reasons[-1] == types.FinishReason.STOP and not any(reasons[:-1])
    assert {chunk.model_version for chunk in chunks} == {"small-1"}
    assert chunks[-1].usage_metadata.prompt_token_count == whole.usage_metadata.prompt_token_count
    assert chunks[-1].usage_metadata.candidates_token_count == whole.usage_metadata.candidates_token_count


def test_an_output_limit_of_a_stream(google_client, wire):
    chunks = list(
        google_client.models.generate_content_stream(
            model=wire.model("plain"), contents="Hello.", config={"max_output_tokens": 3}
        )
    )
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.MAX_TOKENS


def test_an_image(google_client, wire):
    image = types.Part.from_bytes(data=base64.b64decode(PIXEL_BASE64), mime_type="image/png")
    answer = google_client.models.generate_content(
        model=wire.model("auto"), contents=[image, "What is this?"]
    )
    assert answer.model_version == "eye-1", "the model that sees"
    assert "1 image" in answer.text


def test_structured_output(google_client, wire):
    config = {"response_mime_type": "application/json", "response_schema": City}
    answer = google_client.models.generate_content(
        model=wire.model("auto"), contents="Which city?", config=config
    )
    assert isinstance(answer.parsed, City)


def test_structured_output_by_json_schema(google_client, wire):
    config = {
        "response_mime_type": "application/json",
        "response_json_schema": City.model_json_schema(),
    }
    request = {"model": wire.model("auto"), "contents": "Which city?", "config": config}
    assert City.model_validate_json(google_client.models.generate_content(**request).text)
    assert City.model_validate_json(text_of(google_client.models.generate_content_stream(**request)))


def test_json_without_a_schema(google_client, wire):
    config = {"response_mime_type": "application/json"}
    if wire.name == "anthropic":
        pytest.skip("Anthropic's wire has JSON by a schema only")
    answer = google_client.models.generate_content(
        model=wire.model("auto"), contents="Which city?", config=config
    )
    assert isinstance(json.loads(answer.text), dict)


def test_tokens_are_counted_without_a_call(google_client, simulator, own_model, wire):
    model = wire.model(own_model.alias)
    few = google_client.models.count_tokens(model=model, contents="Hello there.")
    many = google_client.models.count_tokens(model=model, contents="Hello there. " * 50)
    assert 0 < few.total_tokens < many.total_tokens
    assert simulator.requests(own_model.upstream) == []
