"""Google's own package, over every wire: its exceptions, and streams that are lost."""

import pytest
from google.genai import errors

from wires import FOR_GOOD, WAIT


def hello(model):
    return {"model": model, "contents": "Hello."}


def test_a_wrong_key(google_stranger):
    with pytest.raises(errors.ClientError) as raised:
        google_stranger.models.generate_content(**hello("auto"))
    assert (raised.value.code, raised.value.status) == (401, "UNAUTHENTICATED")
    assert "not-known" not in str(raised.value), "a key is never repeated"


def test_an_unknown_model(google_client, wire):
    with pytest.raises(errors.ClientError) as raised:
        google_client.models.generate_content(**hello(wire.model("visoin")))
    assert (raised.value.code, raised.value.status) == (404, "NOT_FOUND")
    assert "vision" in raised.value.message, "the nearest is named"


def test_no_model_fits(google_client):
    wanted = {"modelpool": {"requirements": {"supports_vision": True, "min_accuracy": 0.9}}}
    with pytest.raises(errors.ClientError) as raised:
        google_client.models.generate_content(
            **hello("auto"), config={"http_options": {"extra_body": wanted}}
        )
    assert (raised.value.code, raised.value.status) == (422, "FAILED_PRECONDITION")
    rejected = {model["alias"] for model in raised.value.details["error"]["no_model_fits"]["rejected"]}
    assert {"plain", "vision", "sql-expert"} <= rejected


def test_a_rate_limit(google_client, simulator, wire):
    simulator.fail("waiting-1", **WAIT)
    with pytest.raises(errors.ClientError) as raised:
        google_client.models.generate_content(**hello(wire.waiting))
    assert (raised.value.code, raised.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert 60 < int(raised.value.response.headers["retry-after"]) <= 900


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("status", "raises", "seen"),
    [
        (500, errors.ServerError, (502, "INTERNAL")),
        (503, errors.ServerError, (503, "UNAVAILABLE")),
        (401, errors.ServerError, (502, "INTERNAL")),
        (400, errors.ClientError, (400, "INVALID_ARGUMENT")),
    ],
)
def test_a_model_that_fails(google_client, simulator, own_model, wire, status, raises, seen, stream):
    simulator.fail(own_model.upstream, times=FOR_GOOD, kind="status", status=status)
    models, request = google_client.models, hello(wire.model(own_model.alias))
    with pytest.raises(raises) as raised:
        list(models.generate_content_stream(**request)) if stream else models.generate_content(**request)
    assert (raised.value.code, raised.value.status) == seen


@pytest.mark.parametrize("kind", ["cut_after_chunks", "end_after_chunks", "error_after_chunks"])
def test_a_stream_that_is_lost_is_continued(google_client, simulator, own_model, wire, kind):
    models, request = google_client.models, hello(wire.model(own_model.alias))
    whole = models.generate_content(**request).text
    simulator.fail(own_model.upstream, kind=kind, chunks=4)
    chunks = list(models.generate_content_stream(**request))
    assert [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates[0].finish_reason] == ["STOP"]
    assert len({chunk.response_id for chunk in chunks}) == 1, "it is one answer"
    assert len("".join(chunk.text or "" for chunk in chunks)) > len(whole) // 2


@pytest.mark.parametrize("kind", ["cut_after_chunks", "end_after_chunks", "error_after_chunks"])
def test_a_stream_that_is_lost_for_good_raises(google_client, simulator, own_model, wire, kind):
    simulator.fail(own_model.upstream, times=FOR_GOOD, kind=kind, chunks=4)
    received = []
    with pytest.raises(errors.ServerError) as raised:
        for chunk in google_client.models.generate_content_stream(**hello(wire.model(own_model.alias))):
            received.append(chunk)
    assert (raised.value.code, raised.value.status) == (502, "INTERNAL")
    assert "".join(chunk.text or "" for chunk in received), "what had come before the loss was delivered"
    assert not any(chunk.candidates[0].finish_reason for chunk in received)
