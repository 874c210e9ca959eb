"""Structured output with models of pydantic."""

from __future__ import annotations

import json
from typing import Optional

import pytest

from modelpool import (
    InvalidValueError,
    LLMProvider,
    ModelCapabilities,
    ModelPool,
    ProviderFactory,
    StructuredOutputError,
)

pydantic = pytest.importorskip("pydantic")


class Street(pydantic.BaseModel):
    name: str
    number: int = 1


class Address(pydantic.BaseModel):
    city: str
    street: Street
    default: Optional[str] = None


@pytest.fixture
def saying():
    """A pool whose only model says what it is told."""
    said = {}

    class Saying(LLMProvider):
        async def generate_stream(self, messages, tools=None, **options):
            said["asked"] = options
            yield said["text"]

    ProviderFactory.register("saying", Saying)
    pool = ModelPool().add("s", "saying", "m", ModelCapabilities(supports_json_schema=True))
    yield pool, said
    ProviderFactory.unregister("saying")


async def test_an_object_comes_back(saying):
    pool, said = saying
    said["text"] = json.dumps({"city": "Bern", "street": {"name": "A", "number": 2}, "default": None})
    answer = await pool.chat("where?", response_format=Address)
    assert answer.parsed == Address(city="Bern", street=Street(name="A", number=2))
    asked = said["asked"]["response_format"]
    assert asked["type"] == "json_schema" and asked["json_schema"]["name"] == "Address"
    assert asked["json_schema"]["strict"] is True
    schema = asked["json_schema"]["schema"]
    assert schema["required"] == ["city", "street", "default"] and schema["additionalProperties"] is False
    assert schema["$defs"]["Street"]["required"] == ["name", "number"]
    assert "default" not in schema["$defs"]["Street"]["properties"]["number"]
    assert pool.chat_sync("where?", response_format=Address).parsed == answer.parsed


async def test_an_answer_that_does_not_fit_is_an_error(saying):
    pool, said = saying
    said["text"] = '{"city": 3}'
    with pytest.raises(StructuredOutputError, match="the answer is no Address") as caught:
        await pool.chat("where?", response_format=Address)
    assert caught.value.answer.text == '{"city": 3}' and caught.value.alias == "s"
    assert isinstance(caught.value.__cause__, pydantic.ValidationError)


async def test_dicts_pass_and_strangers_do_not(saying):
    pool, said = saying
    said["text"] = "{}"
    answer = await pool.chat("where?", response_format={"type": "json_object"})
    assert answer.parsed is None and said["asked"]["response_format"] == {"type": "json_object"}
    with pytest.raises(InvalidValueError, match="a model of pydantic, got int"):
        await pool.chat("where?", response_format=int)


async def test_against_the_simulator(pool):
    answer = await pool.chat("where?", response_format=Address)
    assert isinstance(answer.parsed, Address)


async def test_models_of_pydantic_are_messages(pool, simulator, own):
    class Message(pydantic.BaseModel):
        role: str = "user"
        content: str = "hello"
        name: Optional[str] = None

    await pool.chat([Message()])
    assert simulator.requests(own)[-1]["body"]["messages"] == [{"role": "user", "content": "hello"}]
