"""Anthropic's own package, over every wire: its exceptions, and streams that are lost."""

import anthropic
import pytest

from wires import FOR_GOOD, WAIT


def hello(model, **more):
    messages = [{"role": "user", "content": "Hello."}]
    return {"model": model, "max_tokens": 200, "messages": messages, **more}


def kind_of(error):
    return error.body["error"]["type"]


def test_a_wrong_key(anthropic_stranger):
    with pytest.raises(anthropic.AuthenticationError) as raised:
        anthropic_stranger.messages.create(**hello("auto"))
    assert kind_of(raised.value) == "authentication_error"


def test_an_unknown_model(anthropic_client, wire):
    with pytest.raises(anthropic.NotFoundError) as raised:
        anthropic_client.messages.create(**hello(wire.model("visoin")))
    assert kind_of(raised.value) == "not_found_error"
    assert "vision" in str(raised.value), "the nearest is named"


def test_no_model_fits(anthropic_client):
    wanted = {"modelpool": {"requirements": {"supports_vision": True, "min_accuracy": 0.9}}}
    with pytest.raises(anthropic.UnprocessableEntityError) as raised:
        anthropic_client.messages.create(**hello("auto"), extra_body=wanted)
    rejected = {model["alias"] for model in raised.value.body["error"]["no_model_fits"]["rejected"]}
    assert {"plain", "vision", "sql-expert"} <= rejected


def test_a_request_that_is_wrong(anthropic_client):
    with pytest.raises(anthropic.BadRequestError) as raised:
        anthropic_client.messages.create(model="auto", max_tokens=10, messages="hello")
    assert kind_of(raised.value) == "invalid_request_error"


def test_a_rate_limit_keeps_its_waiting_time(anthropic_client, simulator, wire):
    simulator.fail("waiting-1", **WAIT)
    with pytest.raises(anthropic.RateLimitError) as raised:
        anthropic_client.messages.create(**hello(wire.waiting))
    assert kind_of(raised.value) == "rate_limit_error"
    assert 60 < int(raised.value.response.headers["retry-after"]) <= 900


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("status", "raises", "seen"),
    [
        (500, anthropic.InternalServerError, 502),
        (503, anthropic.OverloadedError, 529),
        (401, anthropic.InternalServerError, 502),
        (400, anthropic.BadRequestError, 400),
    ],
)
def test_a_model_that_fails(anthropic_client, simulator, own_model, wire, status, raises, seen, stream):
    simulator.fail(own_model.upstream, times=FOR_GOOD, kind="status", status=status)
    with pytest.raises(raises) as raised:
        anthropic_client.messages.create(**hello(wire.model(own_model.alias), stream=stream))
    assert raised.value.status_code == seen


@pytest.mark.parametrize("kind", ["cut_after_chunks", "end_after_chunks", "error_after_chunks"])
def test_a_stream_that_is_lost_is_continued(anthropic_client, simulator, own_model, wire, kind):
    whole = anthropic_client.messages.create(**hello(wire.model(own_model.alias))).content[0].text
    simulator.fail(own_model.upstream, kind=kind, chunks=4)
    with anthropic_client.messages.stream(**hello(wire.model(own_model.alias))) as stream:
        message = stream.get_final_message()
    assert message.stop_reason == "end_turn"
    assert [block.type for block in message.content] == ["text"], "it is one answer"
    assert len(message.content[0].text) > len(whole) // 2


@pytest.mark.parametrize("kind", ["cut_after_chunks", "end_after_chunks", "error_after_chunks"])
def test_a_stream_that_is_lost_for_good_raises(anthropic_client, simulator, own_model, wire, kind):
    simulator.fail(own_model.upstream, times=FOR_GOOD, kind=kind, chunks=4)
    received = []
    with pytest.raises(anthropic.APIError) as raised:
        for event in anthropic_client.messages.create(**hello(wire.model(own_model.alias), stream=True)):
            received.append(event)
    assert kind_of(raised.value) == "api_error"
    kinds = {event.type for event in received}
    assert "content_block_delta" in kinds, "what had come before the loss was delivered"
    assert not kinds & {"message_delta", "message_stop"}, "and nothing says that it is complete"
