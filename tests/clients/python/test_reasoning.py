"""Reasoning, and what is read from a cache, in each dialect over every wire."""

import json

THOUGHT = "Let me think about that for a while."
CACHED = 3


def of_anthropic(wire):
    messages = [{"role": "user", "content": "Hello."}]
    thinking = {"type": "enabled", "budget_tokens": 1024}
    return {"model": wire.model("thinker"), "max_tokens": 2000, "messages": messages, "thinking": thinking}


def check_anthropic(message):
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[0].thinking == THOUGHT
    assert "Hello." in message.content[1].text
    assert message.usage.cache_read_input_tokens == CACHED
    assert 0 < message.usage.output_tokens_details.thinking_tokens < message.usage.output_tokens


def test_anthropic(anthropic_client, wire):
    check_anthropic(anthropic_client.messages.create(**of_anthropic(wire)))


def test_a_stream_of_anthropic(anthropic_client, wire):
    with anthropic_client.messages.stream(**of_anthropic(wire)) as stream:
        message = stream.get_final_message()
    check_anthropic(message)


def test_thoughts_are_taken_back(anthropic_client, simulator, wire):
    request = of_anthropic(wire)
    first = anthropic_client.messages.create(**request)
    turns = [{"role": "assistant", "content": first.content}, {"role": "user", "content": "Go on."}]
    anthropic_client.messages.create(**{**request, "messages": [*request["messages"], *turns]})
    sent = json.loads(simulator.requests("thinker-1")[-1]["body"])["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert sent[1]["content"] == first.content[1].text


def of_google(wire):
    config = {"thinking_config": {"include_thoughts": True, "thinking_budget": 1024}}
    return {"model": wire.model("thinker"), "contents": "Hello.", "config": config}


def check_google(parts, usage):
    assert "".join(part.text for part in parts if part.thought) == THOUGHT
    assert "Hello." in "".join(part.text for part in parts if not part.thought)
    assert usage.thoughts_token_count > 0
    assert usage.cached_content_token_count == CACHED


def test_google(google_client, wire):
    answer = google_client.models.generate_content(**of_google(wire))
    check_google(answer.candidates[0].content.parts, answer.usage_metadata)


def test_a_stream_of_google(google_client, wire):
    chunks = list(google_client.models.generate_content_stream(**of_google(wire)))
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    check_google(parts, chunks[-1].usage_metadata)


def of_responses(wire):
    reasoning = {"effort": "low", "summary": "auto"}
    return {"model": wire.model("thinker"), "input": "Hello.", "reasoning": reasoning}


def check_responses(response):
    assert [item.type for item in response.output] == ["reasoning", "message"]
    reasoning = response.output[0]
    texts = [part.text for part in [*(reasoning.summary or []), *(reasoning.content or [])]]
    assert texts == [THOUGHT]
    assert "Hello." in response.output_text
    assert response.usage.input_tokens_details.cached_tokens == CACHED
    assert response.usage.output_tokens_details.reasoning_tokens > 0


def test_responses(client, wire):
    check_responses(client.responses.create(**of_responses(wire)))


def test_a_stream_of_responses(client, wire):
    with client.responses.stream(**of_responses(wire)) as stream:
        final = stream.get_final_response()
    check_responses(final)
