"""Streams: the text, the usage for those who ask, the end, and what happens without one."""

import openai
import pytest

from samples import hello


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_a_stream_says_what_the_plain_answer_says(client):
    plain = client.chat.completions.create(**hello(model="plain"))
    chunks = list(client.chat.completions.create(**hello(model="plain", stream=True)))
    assert text_of(chunks) == plain.choices[0].message.content
    assert len(chunks) > 5, "it came in pieces"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.model for chunk in chunks} == {"small-1"}


def test_who_does_not_ask_for_usage_gets_none(client):
    chunks = list(client.chat.completions.create(**hello(model="plain", stream=True)))
    assert all(chunk.usage is None for chunk in chunks)
    assert all(chunk.choices for chunk in chunks), "the chunk that carries it does not appear"


def test_who_asks_for_usage_gets_it_last(client):
    options = {"include_usage": True}
    chunks = list(
        client.chat.completions.create(**hello(model="plain", stream=True, stream_options=options))
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_the_headers_of_a_stream(client):
    with client.chat.completions.with_streaming_response.create(
        **hello(model="auto", stream=True)
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-modelpool-model"] == "plain"
        lines = list(response.iter_lines())
    comment = [line for line in lines if line.startswith(": modelpool ")]
    assert len(comment) == 1 and '"cost_usd":' in comment[0]
    assert [line for line in lines if line][-1] == "data: [DONE]"


def test_the_helper_for_streams(client):
    with client.chat.completions.stream(**hello(model="plain")) as stream:
        kinds = {event.type for event in stream}
        completion = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert "Hello." in completion.choices[0].message.content


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut_after_chunks", "chunks": 4},
        {"kind": "end_after_chunks", "chunks": 4},
        {"kind": "end_after_chunks", "chunks": 4, "done": True},
        {"kind": "error_after_chunks", "chunks": 4},
    ],
    ids=["cut", "ended", "ended-with-done", "error"],
)
def test_a_stream_that_is_lost_is_continued(client, simulator, own_model, fault):
    whole = client.chat.completions.create(**hello(model=own_model.alias)).choices[0].message.content
    simulator.fail(own_model.upstream, **fault)
    chunks = list(client.chat.completions.create(**hello(model=own_model.alias, stream=True)))
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1, "it is one answer"
    assert len(text_of(chunks)) > len(whole) // 2
    assert len(simulator.requests(own_model.upstream)) == 3


def test_a_malformed_event_is_passed_over(client, simulator, own_model):
    simulator.fail(own_model.upstream, kind="malformed_after_chunks", chunks=4)
    try:
        chunks = list(client.chat.completions.create(**hello(model=own_model.alias, stream=True)))
    except openai.APIError as error:
        pytest.fail(f"it reached the caller: {error}")
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut_after_chunks", "chunks": 4},
        {"kind": "end_after_chunks", "chunks": 4},
        {"kind": "end_after_chunks", "chunks": 4, "done": True},
        {"kind": "error_after_chunks", "chunks": 4},
    ],
    ids=["cut", "ended", "ended-with-done", "error"],
)
def test_a_stream_that_is_lost_for_good_raises(client, simulator, own_model, fault):
    simulator.fail(own_model.upstream, times=8, **fault)
    received = []
    with pytest.raises(openai.APIError) as raised:
        for chunk in client.chat.completions.create(**hello(model=own_model.alias, stream=True)):
            received.append(chunk)
    assert text_of(received), "what had come before the loss was delivered"
    assert raised.value.code == "upstream_error", raised.value
    assert all(chunk.choices[0].finish_reason is None for chunk in received)


def test_a_failure_before_the_first_piece_is_an_answer_of_its_own(client, simulator, own_model):
    simulator.fail(own_model.upstream, times=8, kind="cut_after_chunks", chunks=1)
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(**hello(model=own_model.alias, stream=True))
    assert raised.value.status_code == 502
