"""A model that fails is replaced before the caller has seen anything."""

import pytest

from samples import hello

# What fails, and how often the model is asked before the next one is.
FAULTS = [
    ({"kind": "status", "status": 500}, 2),
    ({"kind": "cut_before_head"}, 2),
    ({"kind": "html"}, 1),
]
NAMES = ["500", "cut", "html"]


@pytest.mark.parametrize(("fault", "times"), FAULTS, ids=NAMES)
def test_a_fallback_answers(client, simulator, fault, times):
    simulator.fail("shaky-1", times=times, **fault)
    raw = client.chat.completions.with_raw_response.create(**hello(model="shaky"))
    assert raw.parse().model == "small-1"
    assert raw.headers["x-modelpool-model"] == "plain"
    assert raw.headers["x-modelpool-attempts"] == str(times + 1)


def test_a_model_answers_after_a_failure_that_passes(client, simulator, own_model):
    simulator.fail(own_model.upstream, kind="status", status=500)
    raw = client.chat.completions.with_raw_response.create(**hello(model=own_model.alias))
    assert raw.parse().model == own_model.upstream
    assert raw.headers["x-modelpool-attempts"] == "2"


def test_a_vendor_that_says_to_wait_is_left_alone(client, simulator):
    simulator.fail("throttled-1", kind="status", status=429, headers={"retry-after": "30"})
    for attempts in ("2", "1"):
        raw = client.chat.completions.with_raw_response.create(**hello(model="throttled"))
        assert raw.parse().model == "small-1"
        assert raw.headers["x-modelpool-attempts"] == attempts
    assert len(simulator.requests("throttled-1")) == 1


@pytest.mark.parametrize(
    ("fault", "times"), [*FAULTS, ({"kind": "cut_after_chunks", "chunks": 1}, 1)], ids=[*NAMES, "role"]
)
def test_a_fallback_streams(client, simulator, fault, times):
    simulator.fail("shaky-1", times=times, **fault)
    chunks = list(client.chat.completions.create(**hello(model="shaky", stream=True)))
    assert {chunk.model for chunk in chunks} == {"small-1"}, "nothing of the first model shows"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_pool_goes_past_a_dead_member(client):
    raw = client.chat.completions.with_raw_response.create(**hello(model="resilient"))
    assert raw.headers["x-modelpool-model"] == "plain"
    assert raw.headers["x-modelpool-attempts"] == "3"


def test_a_request_names_its_own_fallbacks(client):
    raw = client.chat.completions.with_raw_response.create(
        **hello(model="dead"), extra_body={"modelpool": {"fallbacks": ["large"]}}
    )
    assert raw.headers["x-modelpool-model"] == "large"
