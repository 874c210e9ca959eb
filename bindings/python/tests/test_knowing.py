"""Warm-up, detection, statistics."""

import pytest

from modelpool import (
    CapabilityDetector,
    LLMProvider,
    ModelCapabilities,
    ModelNotFoundError,
    ModelPool,
    ProviderFactory,
    RateLimitedError,
)


async def test_warmup(pool):
    warmed = await pool.warmup("one")
    assert warmed["alias"] == "one" and warmed["warmth"] == "connection" and warmed["took_ms"] > 0
    with pytest.raises(ModelNotFoundError, match="did you mean `one`"):
        await pool.warmup("onne")


async def test_warming_up_what_is_marked(upstream, own):
    pool = ModelPool().add("cold", "openai_compatible", own, base_url=upstream)
    pool.add("warm", "openai_compatible", own, base_url=upstream, warmup=True)
    pool.add("gone", "openai_compatible", own, base_url="http://127.0.0.1:9", warmup=True)
    warm, gone = await pool.warmup_marked()
    assert (warm["alias"], warm["warmth"]) == ("warm", "connection")
    assert gone["alias"] == "gone" and "gone" in gone["error"]
    assert [warmed["alias"] for warmed in pool.warmup_marked_sync()] == ["warm", "gone"]


async def test_statistics(pool, simulator, own):
    before = pool.get_performance_stats("one")
    assert before["avg_latency"] is None and before["total_tokens"] == 0 and before["success_rate"] is None
    answer = await pool.chat("hello")
    simulator.fail(own, kind="status", status=429)
    with pytest.raises(RateLimitedError):
        await pool.chat("hello", model="one")
    stats = pool.get_performance_stats("one")
    assert 0 < stats["avg_latency"] < 60_000, "milliseconds"
    assert stats["success_rate"] == 0.5
    assert stats["total_tokens"] == answer.usage.total_tokens
    assert stats["total_cost"] == pytest.approx(answer.cost_usd)
    assert stats["ever"]["failures"] == {"rate_limited": 1} and stats["last_minute"]["requests"] == 2
    with pytest.raises(ModelNotFoundError):
        pool.get_performance_stats("nobody")
    assert pool.breakers()[0]["alias"] == "one"


async def test_detection(upstream, own):
    pool = ModelPool().add("a", "openai_compatible", own, ModelCapabilities(), base_url=upstream)
    assert not pool.get("a").capabilities.supports_tools
    detection = await pool.detect("a", probes=["tools"])
    assert detection["alias"] == "a" and detection["probes"][0]["verdict"] == "yes"
    capabilities = pool.get("a").capabilities
    assert capabilities.supports_tools and capabilities.provenance("supports_tools") == "probed"
    assert pool.select({"supports_tools": True}).alias == "a"


async def test_the_detector(upstream, own):
    pool = ModelPool().add("a", "openai_compatible", own, ModelCapabilities(), base_url=upstream)
    provider = ProviderFactory.create_provider(pool.get("a"))
    found = await CapabilityDetector.detect(provider, probes=["tools"])
    assert found.supports_tools and pool.get("a").capabilities.supports_tools, "the pool has learned it, too"
    found = await CapabilityDetector.detect(pool.get("a"), probes=["json_schema"])
    assert found.supports_json_schema


async def test_the_detector_asks_providers_in_python():
    class Echo(LLMProvider):
        async def generate_stream(self, messages, tools=None, **options):
            yield "pong"

    before = ProviderFactory.known()
    found = await CapabilityDetector.detect(Echo(), probes=["tools", "streaming"])
    assert found.supports_streaming and not found.supports_tools
    assert ProviderFactory.known() == before


def test_detection_for_code_that_blocks(pool):
    assert pool.detect_sync("one", probes=["tools"])["alias"] == "one"
