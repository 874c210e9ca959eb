"""Streams that arrive in awkward pieces, with other line ends and comments: every package reads the same text."""

import pytest

AWKWARD = [
    {"crlf": True, "comments": True, "split": "awkward"},
    {"split": "every_byte"},
    {"events_per_write": 1000},
]
SAID = "今天好吗？👩‍👩‍👧"


@pytest.fixture(params=AWKWARD, ids=["crlf", "bytes", "at-once"])
def model(request, simulator, own_model, wire):
    simulator.frame(own_model.upstream, **request.param)
    return wire.model(own_model.alias)


def test_anthropic(anthropic_client, model):
    messages = [{"role": "user", "content": SAID}]
    with anthropic_client.messages.stream(model=model, max_tokens=200, messages=messages) as stream:
        assert SAID in stream.get_final_text()


def test_google(google_client, model):
    chunks = google_client.models.generate_content_stream(model=model, contents=SAID)
    assert SAID in "".join(chunk.text or "" for chunk in chunks)


def test_responses(client, model):
    with client.responses.stream(model=model, input=SAID) as stream:
        assert SAID in stream.get_final_response().output_text


def test_completions(client, model):
    messages = [{"role": "user", "content": SAID}]
    with client.chat.completions.stream(model=model, messages=messages) as stream:
        assert SAID in stream.get_final_completion().choices[0].message.content
