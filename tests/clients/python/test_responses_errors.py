"""The responses of OpenAI's package, over every wire: its exceptions, and streams that are lost."""

import openai
import pytest

from wires import FOR_GOOD, WAIT


def hello(model, **more):
    return {"model": model, "input": "Hello.", **more}


def test_a_wrong_key(stranger):
    with pytest.raises(openai.AuthenticationError) as raised:
        stranger.responses.create(**hello("auto"))
    assert raised.value.code == "invalid_api_key"


def test_an_unknown_model(client, wire):
    with pytest.raises(openai.NotFoundError) as raised:
        client.responses.create(**hello(wire.model("visoin")))
    assert raised.value.code == "model_not_found"
    assert "vision" in raised.value.message, "the nearest is named"


def test_no_model_fits(client):
    wanted = {"modelpool": {"requirements": {"supports_vision": True, "min_accuracy": 0.9}}}
    with pytest.raises(openai.UnprocessableEntityError) as raised:
        client.responses.create(**hello("auto"), extra_body=wanted)
    assert raised.value.code == "no_model_fits"


def test_what_is_kept_by_a_vendor_is_refused_elsewhere(client):
    with pytest.raises(openai.BadRequestError) as raised:
        client.responses.create(**hello("plain"), previous_response_id="resp_1")
    assert "previous_response_id" in raised.value.message


def test_a_rate_limit_keeps_its_waiting_time(client, simulator, wire):
    simulator.fail("waiting-1", **WAIT)
    with pytest.raises(openai.RateLimitError) as raised:
        client.responses.create(**hello(wire.waiting))
    assert raised.value.code == "rate_limit_exceeded"
    assert 60 < int(raised.value.response.headers["retry-after"]) <= 900


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("status", "raises", "seen"),
    [
        (500, openai.InternalServerError, 502),
        (503, openai.InternalServerError, 503),
        (401, openai.InternalServerError, 502),
        (400, openai.BadRequestError, 400),
    ],
)
def test_a_model_that_fails(client, simulator, own_model, wire, status, raises, seen, stream):
    simulator.fail(own_model.upstream, times=FOR_GOOD, kind="status", status=status)
    with pytest.raises(raises) as raised:
        client.responses.create(**hello(wire.model(own_model.alias), stream=stream))
    assert raised.value.status_code == seen


@pytest.mark.parametrize("kind", ["cut_after_chunks", "end_after_chunks", "error_after_chunks"])
def test_a_stream_that_is_lost_is_continued(client, simulator, own_model, wire, kind):
    whole = client.responses.create(**hello(wire.model(own_model.alias))).output_text
    simulator.fail(own_model.upstream, kind=kind, chunks=4)
    with client.responses.stream(**hello(wire.model(own_model.alias))) as stream:
        events = list(stream)
        response = stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert response.status == "completed"
    assert [item.type for item in response.output] == ["message"], "it is one answer"
    told = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert response.output_text == told and len(told) > len(whole) // 2


@pytest.mark.parametrize("kind", ["cut_after_chunks", "end_after_chunks", "error_after_chunks"])
def test_a_stream_that_is_lost_for_good_raises(client, simulator, own_model, wire, kind):
    simulator.fail(own_model.upstream, times=FOR_GOOD, kind=kind, chunks=4)
    received = []
    with pytest.raises(openai.APIError) as raised:
        for event in client.responses.create(**hello(wire.model(own_model.alias), stream=True)):
            received.append(event)
    assert raised.value.code == "upstream_error"
    kinds = {event.type for event in received}
    assert "response.output_text.delta" in kinds, "what had come before the loss was delivered"
    assert not kinds & {"response.completed", "response.incomplete"}
