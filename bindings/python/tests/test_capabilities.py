"""What a model can do."""

import copy
import pickle

import pytest

from modelpool import InvalidValueError, LLMCapabilities, ModelCapabilities, ModelConfig, Price, PriceTier


def test_defaults_are_those_of_the_document():
    capabilities = ModelCapabilities()
    assert capabilities.supports_tools is False
    assert capabilities.supports_vision is False
    assert capabilities.supports_streaming is True
    assert capabilities.supports_system_message is True
    assert capabilities.max_tokens == 4096
    assert capabilities.context_window == 4096
    assert capabilities.avg_latency_ms == 1000.0
    assert capabilities.cost_per_1k_tokens == 0.01
    assert capabilities.custom_capabilities == {}
    assert capabilities.price is None


def test_positions_are_those_of_the_document():
    given = ModelCapabilities(True, True, False, 10, 20, 30.0, 0.5, {"a": 1})
    named = ModelCapabilities(
        supports_tools=True,
        supports_vision=True,
        supports_streaming=False,
        max_tokens=10,
        context_window=20,
        avg_latency_ms=30.0,
        cost_per_1k_tokens=0.5,
        custom_capabilities={"a": 1},
    )
    assert given == named


def test_the_other_spelling():
    assert LLMCapabilities is ModelCapabilities
    capabilities = LLMCapabilities(supports_json_mode=True, supports_system_message=False)
    assert capabilities.supports_json_mode and not capabilities.supports_system_message


def test_meets_requirements():
    capabilities = ModelCapabilities(
        supports_vision=True,
        context_window=8192,
        custom_capabilities={"accuracy": 0.95, "supports_dialects": ["postgresql", "mysql"]},
    )
    assert capabilities.meets_requirements()
    assert capabilities.meets_requirements({})
    assert capabilities.meets_requirements({"supports_vision": True, "min_context_window": 8000})
    assert not capabilities.meets_requirements({"min_context_window": 9000})
    assert capabilities.meets_requirements({"min_accuracy": 0.9, "supports_dialects": "mysql"})
    assert not capabilities.meets_requirements({"supports_dialects": ["mysql", "sqlite"]})
    assert not capabilities.meets_requirements({"nobody_said": 1})
    assert capabilities.missing({"supports_audio": True}) == [
        {"key": "supports_audio", "wanted": True, "has": None, "provenance": "default"}
    ]


def test_unknown_is_told_apart_from_no_where_one_looks():
    capabilities = ModelCapabilities(supports_tools=False)
    assert capabilities.supports_tools is capabilities.supports_vision is False
    assert capabilities.provenance("supports_tools") == "declared"
    assert capabilities.provenance("supports_vision") == "default"
    assert capabilities.provenance("nobody_said") is None


def test_like_a_dataclass():
    capabilities = ModelCapabilities(supports_vision=True, custom_capabilities={"a": [1, {"b": None}]})
    assert capabilities == ModelCapabilities(supports_vision=True, custom_capabilities={"a": [1, {"b": None}]})
    assert capabilities != ModelCapabilities(supports_vision=True)
    assert capabilities != "something else"
    assert eval(repr(capabilities)) == capabilities
    assert copy.copy(capabilities) == copy.deepcopy(capabilities) == capabilities
    assert pickle.loads(pickle.dumps(capabilities)) == capabilities
    with pytest.raises(AttributeError):
        capabilities.supports_vision = False
    with pytest.raises(TypeError):
        hash(capabilities)


def test_replace_keeps_the_rest():
    before = ModelCapabilities(supports_tools=True, price={"input": 1.0, "output": 4.0})
    after = before.replace(context_window=100)
    assert (after.supports_tools, after.price, after.context_window) == (True, before.price, 100)
    assert after.provenance("supports_vision") == "default"
    assert before.replace(cost_per_1k_tokens=0.5).price == {"input": 500.0, "output": 500.0}
    cheap = ModelCapabilities(cost_per_1k_tokens=0.5)
    assert pickle.loads(pickle.dumps(cheap)) == cheap
    assert cheap.replace(price={"input": 1.0, "output": 1.0}).cost_per_1k_tokens == 0.001


def test_a_price_has_all_that_vendors_bill():
    tier: PriceTier = {"above_input_tokens": 200_000, "input": 6.0, "output": 22.5, "cache_write_1h": 12.0}
    price: Price = {"input": 3.0, "output": 15.0, "cached_input": 0.3, "request": 0.01, "image": 0.04, "tiers": [tier]}
    capabilities = ModelCapabilities(price=price)
    assert capabilities.price == price
    assert eval(repr(capabilities)) == capabilities == pickle.loads(pickle.dumps(capabilities))
    # What is sold by the piece does not rank as free.
    assert capabilities.cost_per_1k_tokens == pytest.approx((3 * 3.0 + 15.0) / 4 / 1000 + 0.05)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"avg_latency_ms": -1.0}, "avg_latency_ms"),
        ({"cost_per_1k_tokens": -0.1}, "price.input"),
        ({"cost_per_1k_tokens": float("nan")}, "cost_per_1k_tokens"),
        ({"price": {"input": 1}}, "price.output: missing"),
        ({"price": {"input": 1, "output": 1, "image_": 1}}, "did you mean `image`"),
        (
            {"price": {"input": 1, "output": 1, "tiers": [{"input": 1, "output": 1}]}},
            r"price\.tiers\[0\]\.above_input_tokens: expected a whole number of tokens",
        ),
        ({"price": {"input": 1, "output": 1}, "cost_per_1k_tokens": 1}, "not both"),
        ({"custom_capabilities": {"supports_vision": True}}, "built-in"),
        ({"custom_capabilities": {"f": print}}, "custom_capabilities.f"),
        ({"custom_capabilities": [1]}, "expected a dict"),
    ],
)
def test_mistakes_are_named(arguments, words):
    with pytest.raises(InvalidValueError, match=words):
        ModelCapabilities(**arguments)


def test_a_config_hides_its_secrets():
    config = ModelConfig(
        "a", "openai", "m", api_key="sk-very-secret", extra_config={"headers": {"x-token": "hidden"}, "mine": "hidden"}
    )
    assert config.api_key == "sk-very-secret"
    assert config.extra_config == {"headers": {"x-token": "hidden"}, "mine": "hidden"}
    assert "secret" not in repr(config) and "hidden" not in repr(config)
    assert "x-token" not in repr(config) and "mine" in repr(config)


def test_configs_compare_and_travel():
    config = ModelConfig("a", "openai", "m", "k", "http://h", ModelCapabilities(supports_vision=True), {"tier": 1})
    same = ModelConfig("a", "openai", "m", "k", "http://h", ModelCapabilities(supports_vision=True), {"tier": 1})
    assert config == same and hash(config) == hash(same)
    assert config != ModelConfig("a", "openai", "m")
    assert pickle.loads(pickle.dumps(config)) == config
