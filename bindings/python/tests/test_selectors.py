"""Selectors, written in Python and shipped."""

import gc
import threading
import weakref

import pytest

from modelpool import (
    CapabilityBasedSelector,
    CostAwareSelector,
    InvalidValueError,
    LatencyAwareSelector,
    ModelCapabilities,
    ModelConfig,
    ModelPool,
    ModelSelector,
    ProviderFactory,
    SelectorError,
)


class Recording(ModelSelector):
    """Chooses the last, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def select_model(self, available_models, requirements, context=None):
        self.asked.append(([model.alias for model in available_models], requirements, context))
        self.thread = threading.get_ident()
        return available_models[-1]


def filled(selector) -> ModelPool:
    pool = ModelPool(selector=selector)
    for alias, vision, cost, latency in [("a", True, 0.3, 100), ("b", False, 0.1, 300), ("c", True, 0.2, 200)]:
        pool.add(
            alias,
            "openai",
            "m",
            ModelCapabilities(supports_vision=vision, cost_per_1k_tokens=cost, avg_latency_ms=latency),
        )
    return pool


def test_the_pool_filters_and_the_selector_chooses():
    selector = Recording()
    pool = filled(selector)
    context = {"anything": object()}
    assert pool.select({"supports_vision": True}, context).alias == "c"
    [(models, requirements, given)] = selector.asked
    assert models == ["a", "c"] and requirements == {"supports_vision": True}
    assert given is context
    assert selector.thread == threading.get_ident()
    assert pool.select().alias == "c"
    assert selector.asked[1] == (["a", "b", "c"], {}, None)


def test_a_selector_is_asked_for_nothing_that_fits_nobody():
    selector = Recording()
    assert filled(selector).select({"supports_audio": True}) is None
    assert selector.asked == []


def test_it_is_handed_the_objects_of_the_pool():
    class First(ModelSelector):
        def select_model(self, available_models, requirements, context=None):
            self.seen = available_models
            return available_models[0]

    selector = First()
    pool = filled(selector)
    assert pool.select() is pool.get("a") is selector.seen[0]


def test_none_is_no_model():
    class Nobody(ModelSelector):
        def select_model(self, available_models, requirements, context=None):
            return None

    pool = filled(Nobody())
    assert pool.select() is None
    assert pool.explain()["ranking"] == []


@pytest.mark.parametrize("wait", [True, False])
def test_exceptions_are_clear_and_break_nothing(wait):
    class Failing(ModelSelector):
        def select_model(self, available_models, requirements, context=None):
            raise KeyError("broken")

    pool = filled(Failing())
    for _ in range(3):
        with pytest.raises(SelectorError, match="selector `Failing`: raised KeyError: 'broken'") as caught:
            if wait:
                pool.chat_sync("hello")
            else:
                pool.select()
        assert isinstance(caught.value.__cause__, KeyError)
    assert len(pool) == 3 and pool.get("a").alias == "a"


async def test_exceptions_in_calls_have_their_cause():
    class Failing(ModelSelector):
        def select_model(self, available_models, requirements, context=None):
            raise ZeroDivisionError("again")

    with pytest.raises(SelectorError) as caught:
        await filled(Failing()).chat("hello")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_what_ends_the_program_is_not_swallowed():
    class Interrupted(ModelSelector):
        def select_model(self, available_models, requirements, context=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filled(Interrupted()).select()


@pytest.mark.parametrize("answer", ["a", 42, ModelConfig("stranger", "openai", "m")])
def test_strangers_are_named(answer):
    class Odd(ModelSelector):
        def select_model(self, available_models, requirements, context=None):
            return answer

    with pytest.raises(SelectorError, match="Odd.*(expected one of|named `stranger`)"):
        filled(Odd()).select()


def test_a_model_that_does_not_fit_cannot_be_named():
    class Stubborn(ModelSelector):
        def select_model(self, available_models, requirements, context=None):
            return self.pool.get("b")

    selector = Stubborn()
    selector.pool = filled(selector)
    assert selector.pool.select().alias == "b"
    with pytest.raises(SelectorError, match="named `b`"):
        selector.pool.select({"supports_vision": True})


def test_a_selector_is_abstract():
    with pytest.raises(TypeError):
        ModelSelector()


@pytest.mark.parametrize(
    ("kind", "chosen"), [(CapabilityBasedSelector, "b"), (CostAwareSelector, "b"), (LatencyAwareSelector, "a")]
)
def test_shipped_selectors(kind, chosen):
    assert filled(kind()).select().alias == chosen
    assert filled(kind()).explain()["selector"] == kind.kind, "alone it is not asked in Python"

    class Extended(kind):
        def select_model(self, available_models, requirements, context=None):
            self.super_chose = super().select_model(available_models, requirements, context)
            return self.super_chose

    selector = Extended()
    pool = filled(selector)
    assert pool.select().alias == chosen == selector.super_chose.alias
    assert pool.select({"supports_vision": True}).alias == {"b": "c", "a": "a"}[chosen]


@pytest.mark.parametrize("kind", [CapabilityBasedSelector, CostAwareSelector, LatencyAwareSelector])
def test_shipped_selectors_outside_a_pool(kind):
    models = [
        ModelConfig("a", "openai", "m", capabilities=ModelCapabilities(cost_per_1k_tokens=2, avg_latency_ms=2)),
        ModelConfig("b", "openai", "m", capabilities=ModelCapabilities(cost_per_1k_tokens=1, avg_latency_ms=1)),
    ]
    assert kind().select_model(models, {}) is models[1]
    assert kind().select_model(models, {"supports_vision": True}) is None
    assert kind().select_model([], {}) is None


def test_changing_the_pool_shows_to_the_selector():
    selector = Recording()
    pool = filled(selector)
    pool.select()
    pool.remove("c")
    pool.add("d", "openai", "m", ModelCapabilities())
    assert pool.select().alias == "d"
    assert selector.asked[-1][0] == ["a", "b", "d"]


async def test_a_failover_asks_again_without_the_failed(upstream, simulator, new_name):
    selector = Recording()
    pool = ModelPool(selector=selector)
    good, bad = new_name(), new_name()
    capabilities = ModelCapabilities(supports_tools=True)
    pool.add("good", "openai_compatible", good, capabilities, base_url=upstream)
    pool.add("bad", "openai_compatible", bad, capabilities, base_url=upstream)
    simulator.fail(bad, kind="status", status=429, times=None)
    answer = await pool.chat("hello", requirements={"supports_tools": True}, session="s-1", tags={"team": "x"})
    assert answer.alias == "good" and answer.attempts == 2
    assert [models for models, _, _ in selector.asked] == [["good", "bad"], ["good"]]
    context = selector.asked[0][2]
    assert context["session"] == "s-1" and context["tags"] == {"team": "x"}
    assert context["operation"] == "chat" and context["stream"] is False and context["input_tokens"] > 0


async def test_a_call_asks_on_the_callers_thread(pool, upstream, own):
    selector = Recording()
    asked = ModelPool(selector=selector).add("a", "openai_compatible", own, ModelCapabilities(), base_url=upstream)
    await asked.chat("hello")
    assert selector.thread == threading.get_ident()
    assert len(selector.asked) == 1


def test_a_selector_may_look_at_its_pool():
    class Cheapest(ModelSelector):
        def select_model(self, available_models, requirements, context=None):
            spent = {model.alias: self.pool.get_performance_stats(model.alias) for model in available_models}
            assert all(stats["total_tokens"] == 0 for stats in spent.values())
            return available_models[0]

    selector = Cheapest()
    selector.pool = filled(selector)
    assert selector.pool.select().alias == "a"


def test_a_call_within_a_selector_is_refused_and_not_waited_for():
    class Calling(ModelSelector):
        def select_model(self, available_models, requirements, context=None):
            self.pool.chat_sync("which one?")

    selector = Calling()
    selector.pool = filled(selector)
    with pytest.raises(SelectorError, match="cannot be made from within another call"):
        selector.pool.chat_sync("hello")


def test_selectors_that_only_look_like_one():
    class Duck:
        def select_model(self, available_models, requirements, context=None):
            return available_models[1]

    assert filled(Duck()).select().alias == "b"
    with pytest.raises(InvalidValueError):
        ModelPool(selector=object())


def test_a_pool_and_its_selector_are_collected_together():
    selector = Recording()
    selector.pool = filled(selector)
    gone = weakref.ref(selector)
    del selector
    gc.collect()
    assert gone() is None


async def test_nothing_is_collected_under_a_call(own, upstream):
    selector = Recording()
    selector.pool = ModelPool(selector=selector)
    selector.pool.add("one", "openai_compatible", own, ModelCapabilities(), base_url=upstream)
    asked = selector.asked
    stream = selector.pool.chat_stream("hello")
    del selector
    gc.collect()
    assert "hello" in await stream.read()
    assert len(asked) == 1


def test_objects_of_a_pool_outlive_it():
    pool = filled(None)
    model = pool.get("a")
    del pool
    gc.collect()
    assert CostAwareSelector().select_model([model], {}) is model
    assert ProviderFactory.create_provider(model).alias == "a"
