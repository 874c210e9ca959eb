"""Errors become the SDK's own exceptions, with a message that helps."""

import openai
import pytest

from samples import hello


def test_a_wrong_key(stranger):
    with pytest.raises(openai.AuthenticationError) as raised:
        stranger.chat.completions.create(**hello(model="auto"))
    assert raised.value.code == "invalid_api_key"
    assert "sk-not-known" not in str(raised.value), "a key is never repeated"


def test_an_unknown_model_names_the_nearest(client):
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(**hello(model="visoin"))
    assert raised.value.code == "model_not_found"
    assert "vision" in raised.value.message


def test_a_model_the_key_may_not_use(limited_client):
    assert limited_client.chat.completions.create(**hello(model="plain")).model == "small-1"
    with pytest.raises(openai.PermissionDeniedError) as raised:
        limited_client.chat.completions.create(**hello(model="large"))
    assert raised.value.code == "model_not_allowed"


def test_auto_keeps_to_the_models_of_the_key(limited_client):
    with pytest.raises(openai.UnprocessableEntityError):
        limited_client.chat.completions.create(
            **hello(model="auto"), extra_body={"modelpool": {"requirements": {"supports_vision": True}}}
        )


def test_no_model_fits_says_what_each_lacks(client):
    with pytest.raises(openai.UnprocessableEntityError) as raised:
        client.chat.completions.create(
            **hello(model="auto"),
            extra_body={"modelpool": {"requirements": {"supports_vision": True, "min_accuracy": 0.9}}},
        )
    assert raised.value.code == "no_model_fits"
    rejected = {
        model["alias"]: {lack["key"] for lack in model["missing"]}
        for model in raised.value.body["no_model_fits"]["rejected"]
    }
    assert rejected["vision"] == {"min_accuracy"}
    assert rejected["sql-expert"] == {"supports_vision"}
    assert rejected["plain"] == {"supports_vision", "min_accuracy"}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": "hello"},
        {"messages": [{"role": "user", "content": "x"}], "stream": "yes"},
        {"messages": [{"role": "user", "content": "x"}], "modelpool": {"requirement": {}}},
        {"messages": [{"role": "user", "content": "x"}], "modelpool": {"requirements": {"alias": "plain"}}},
    ],
    ids=["messages", "stream", "misspelt", "pinned"],
)
def test_a_request_that_is_wrong(client, body):
    with pytest.raises(openai.BadRequestError) as raised:
        client.post("/chat/completions", body={"model": "auto", **body}, cast_to=object)
    assert raised.value.type == "invalid_request_error"


def test_a_request_the_model_refuses_is_not_sent_to_another(client, simulator, own_model):
    simulator.fail(own_model.upstream, kind="status", status=400)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**hello(model=own_model.alias))
    assert len(simulator.requests(own_model.upstream)) == 1


def test_a_rate_limit_keeps_its_waiting_time(client, simulator):
    simulator.fail("python-limited-1", kind="status", status=429, headers={"retry-after": "7"})
    with pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(**hello(model="python-limited"))
    assert raised.value.response.headers["retry-after"] == "7"
    assert raised.value.code == "rate_limit_exceeded"


def test_a_quota_used_up(client, simulator, own_model):
    simulator.fail(own_model.upstream, kind="status", status=429, code="insufficient_quota")
    with pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(**hello(model=own_model.alias))
    assert raised.value.code == "insufficient_quota"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"kind": "status", "status": 500}, 502, "upstream_error"),
        ({"kind": "status", "status": 502}, 502, "upstream_error"),
        ({"kind": "status", "status": 503}, 503, "overloaded"),
        ({"kind": "status", "status": 401}, 502, "upstream_auth"),
        ({"kind": "cut_before_head"}, 502, "upstream_error"),
        ({"kind": "html"}, 502, "upstream_error"),
        ({"kind": "empty_body"}, 502, "upstream_error"),
        ({"kind": "truncated_json", "honest_length": True}, 502, "upstream_error"),
        ({"kind": "truncated_json", "honest_length": False}, 502, "upstream_error"),
    ],
    ids=["500", "html-502", "503", "401", "cut", "html", "empty", "truncated", "short"],
)
def test_a_failing_upstream_is_never_the_callers_fault(client, simulator, own_model, fault, status, code):
    simulator.fail(own_model.upstream, times=8, **fault)
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(**hello(model=own_model.alias))
    assert (raised.value.status_code, raised.value.code) == (status, code)
    assert raised.value.response.headers["x-modelpool-model"] == "test/*"


def test_nobody_listens(client):
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(**hello(model="dead"))
    assert raised.value.code == "upstream_error"


def test_a_body_that_is_too_long(client):
    with pytest.raises(openai.APIStatusError) as raised:
        messages = [{"role": "user", "content": "x" * (33 << 20)}]
        client.chat.completions.create(model="auto", messages=messages)
    assert raised.value.status_code == 413
