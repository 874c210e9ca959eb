"""Models added in a chain, configured by the environment."""

import os

from modelpool import ModelCapabilities, ModelPool

# Where nothing is set, a simulated upstream: `modelpool simulate-upstream --listen 127.0.0.1:8081`.
BASE_URL = os.environ.get("MODELPOOL_EXAMPLE_URL", "http://127.0.0.1:8081/v1")

pool = (
    ModelPool(default_alias=os.environ.get("DEFAULT_MODEL", "fast"))
    .add(
        "fast",
        provider="openai_compatible",
        model_name=os.environ.get("FAST_MODEL", "small-1"),
        # Without a key in code, a vendor's own variable (OPENAI_API_KEY, …) is read when the model is called.
        api_key=os.environ.get("FAST_KEY"),
        base_url=BASE_URL,
        capabilities=ModelCapabilities(supports_tools=True, cost_per_1k_tokens=0.002),
        fallbacks=["strong"],
    )
    .add(
        "strong",
        provider="openai_compatible",
        model_name=os.environ.get("STRONG_MODEL", "large-1"),
        base_url=BASE_URL,
        capabilities=ModelCapabilities(supports_tools=True, supports_vision=True, cost_per_1k_tokens=0.03),
        limits={"rpm": 60, "max_concurrent": 4},
    )
)

answer = pool.chat_sync("Say hello.")
print(f"{answer.alias}: {answer.text}")
print(pool.get_default().alias, pool.select(supports_vision=True).alias)
