"""The pool's words: holding models and picking among them."""

import warnings

import pytest

from modelpool import (
    ConfigurationError,
    InvalidValueError,
    ModelCapabilities,
    ModelConfig,
    ModelNotFoundError,
    ModelPool,
    UnknownRequirementWarning,
)


def three() -> ModelPool:
    pool = ModelPool()
    pool.add(
        "default", "openai", "gpt-3.5-turbo", ModelCapabilities(supports_tools=True, cost_per_1k_tokens=0.002), "key"
    ).add(
        "vision", provider="openai", model_name="gpt-4-vision", capabilities=ModelCapabilities(supports_vision=True)
    ).add("large", "anthropic", "claude-3-opus", ModelCapabilities(context_window=200_000, cost_per_1k_tokens=0.015))
    return pool


def test_adding_and_finding():
    pool = three()
    assert len(pool) == 3 and bool(ModelPool())
    assert "vision" in pool and "nothing" not in pool and 3 not in pool
    assert pool.aliases() == ["default", "vision", "large"]
    model = pool.get("default")
    assert (model.alias, model.provider, model.model_name) == ("default", "openai", "gpt-3.5-turbo")
    assert model.api_key == "key" and model.base_url is None and model.extra_config == {}
    assert model.capabilities == ModelCapabilities(supports_tools=True, cost_per_1k_tokens=0.002)
    assert pool.get("default") is model, "the same object as long as the entry is the same"
    assert pool.get("nothing") is None
    assert repr(pool) == "ModelPool(default, vision, large)"


def test_removing():
    pool = three()
    assert pool.remove("vision") is True and pool.remove("vision") is False
    assert "vision" not in pool and len(pool) == 2
    assert pool.select({"supports_vision": True}) is None
    pool.add("vision", "openai", "other", ModelCapabilities())
    assert pool.get("vision").model_name == "other"


def test_the_default():
    pool = ModelPool()
    assert pool.get_default() is None
    pool = three()
    assert pool.get_default().alias == "default"
    assert pool.set_default("large") is pool
    assert pool.get_default().alias == "large"
    pool.remove("large")
    assert pool.get_default() is None
    with pytest.raises(ModelNotFoundError, match="did you mean `vision`"):
        pool.set_default("vison")


def test_a_default_that_is_named_beforehand():
    pool = ModelPool(default_alias="second")
    pool.add("first", "openai", "m", ModelCapabilities())
    assert pool.get_default() is None
    pool.add("second", "openai", "m", ModelCapabilities())
    assert pool.get_default().alias == "second"
    assert pool.select().alias == "second", "the default wins a tie"


def test_selecting():
    pool = three()
    assert pool.select({}).alias == pool.select().alias == "default"
    assert pool.select({"supports_vision": True}).alias == "vision"
    assert pool.select(supports_vision=True).alias == "vision"
    assert pool.select({"min_context_window": 50_000}).alias == "large"
    assert pool.select({"supports_vision": True}, supports_tools=True) is None
    assert pool.select({"supports_vision": True}) is pool.get("vision")


def test_an_unknown_requirement_is_none_and_a_warning():
    pool = three()
    with pytest.warns(UnknownRequirementWarning, match="did you mean `supports_vision`") as caught:
        assert pool.select({"supports_visoin": True}) is None
    assert caught[0].filename == __file__, "the line that asked"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pool.select({"supports_audio": True}) is None, "a known one that nobody meets is no warning"


@pytest.mark.parametrize("requirements", [{"alias": "default"}, {"supports_tools": "yes"}, [1], {"a": {"~": 1}}])
def test_requirements_that_are_none(requirements):
    with pytest.raises(InvalidValueError, match="requirements"):
        three().select(requirements)


def test_explaining():
    explanation = three().explain({"supports_vision": True})
    assert explanation["selected"] == "vision" and explanation["selector"] == "capability"
    assert [model["alias"] for model in explanation["ranking"]] == ["vision"]
    lacking = {model["alias"]: model["missing"][0]["key"] for model in explanation["rejected"]}
    assert lacking == {"default": "supports_vision", "large": "supports_vision"}
    assert three().explain(supports_tools=True)["selected"] == "default"
    assert three().explain(prefer={"supports_vision": True})["selected"] == "vision"
    assert three().explain(model="large")["ranking"][0]["reason"] == "named by the caller"


def test_listing_shows_no_secrets():
    listed = three().list_models()
    assert [model["alias"] for model in listed] == ["default", "vision", "large"]
    assert listed[0]["default"] is True and listed[0]["capabilities"]["supports_tools"] is True
    assert listed[0]["capabilities"]["supports_vision"] is None
    assert "key" not in str([model for model in listed if "api_key" in model])


def test_the_catalog_fills_in_where_no_object_was_passed():
    pool = ModelPool().add("known", "openai", "gpt-4o-mini")
    capabilities = pool.get("known").capabilities
    assert capabilities.supports_vision and capabilities.provenance("supports_vision") == "catalog"
    pool.add("complete", "openai", "gpt-4o-mini", ModelCapabilities())
    assert not pool.get("complete").capabilities.supports_vision
    pool.add("without", "openai", "gpt-4o-mini", catalog=False)
    assert not pool.get("without").capabilities.supports_vision


def test_what_is_given_besides():
    pool = ModelPool().add("b", "openai", "m", ModelCapabilities())
    extra = {
        "fallbacks": ["b"],
        "timeouts": {"total_ms": 1000},
        "limits": {"rpm": 5, "max_concurrent": 2},
        "quota_group": "g",
        "headers": {"x-a": "1"},
        "body": {"temperature": 0.1},
        "warmup": True,
        "tier": ["gold"],
    }
    pool.add("a", "openai", "m", **extra)
    assert pool.get("a").extra_config == extra


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"fallback": ["b"]}, "did you mean `fallbacks`"),
        ({"timeouts": {"totl_ms": 1}}, "did you mean `total_ms`"),
        ({"limits": {"rpm": 0}}, "above 0"),
        ({"headers": {"a b": "1"}}, "no header"),
        ({"warmup": "yes"}, "True or False"),
        ({"client": object()}, "not JSON"),
    ],
)
def test_slips_are_named(extra, words):
    pool = ModelPool()
    with pytest.raises(InvalidValueError, match=words):
        pool.add("a", "openai", "m", **extra)
    assert len(pool) == 0, "the pool is as it was"


def test_names():
    pool = three()
    for alias, words in [("default", "default"), ("", "``"), ("a*b", r"a\*b")]:
        with pytest.raises(InvalidValueError, match=words):
            pool.add(alias, "openai", "m")
    pool.add("groq/*", "groq", "")
    assert pool.select({}).alias == "default"


def test_adding_a_config():
    config = ModelConfig("a", "openai", "m", capabilities=ModelCapabilities(supports_vision=True))
    pool = ModelPool().add_config(config)
    assert pool.get("a") == config


def test_shipped_selectors_by_name():
    pool = ModelPool(selector="latency")
    pool.add("slow", "openai", "m", ModelCapabilities(avg_latency_ms=900, cost_per_1k_tokens=0.001))
    pool.add("fast", "openai", "m", ModelCapabilities(avg_latency_ms=100, cost_per_1k_tokens=0.1))
    assert pool.select().alias == "fast"
    weighted = ModelPool(selector={"kind": "priority"})
    weighted.add("first", "openai", "m", ModelCapabilities(cost_per_1k_tokens=9))
    weighted.add("second", "openai", "m", ModelCapabilities(cost_per_1k_tokens=1))
    assert weighted.select().alias == "first"
    with pytest.raises(InvalidValueError, match="did you mean `latency`"):
        ModelPool(selector="latncy")
    with pytest.raises(InvalidValueError, match="expected a ModelSelector"):
        ModelPool(selector=42)


def test_a_configuration_file(tmp_path, upstream):
    file = tmp_path / "modelpool.yaml"
    file.write_text(
        f"""
default: fast
models:
  - alias: fast
    provider: openai_compatible
    model_name: small
    base_url: {upstream}
    capabilities: {{cost_per_1k_tokens: 0.002}}
  - alias: strong
    provider: openai_compatible
    model_name: large
    base_url: {upstream}
pools:
  ordered: {{models: [strong, fast], selector: priority}}
"""
    )
    pool = ModelPool.from_config(file)
    assert pool.aliases() == ["fast", "strong"] and pool.get_default().alias == "fast"
    assert pool.chat_sync("hello", model="ordered").alias == "strong"
    file.write_text("models:\n  - {alias: a, provider: opnai, model_name: m}\n")
    with pytest.raises(ConfigurationError, match="did you mean `openai`"):
        ModelPool.from_config(file)
