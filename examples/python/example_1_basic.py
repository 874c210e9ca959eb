"""Example 1 of the design: a pool with three models."""

from modelpool import ModelCapabilities, ModelPool

# 创建模型池
pool = ModelPool()

# 添加模型
pool.add(
    alias="default",
    provider="openai",
    model_name="gpt-3.5-turbo",
    capabilities=ModelCapabilities(
        supports_tools=True,
        max_tokens=4096,
        context_window=4096,
        cost_per_1k_tokens=0.002
    ),
    api_key="your-key"
)

pool.add(
    alias="vision",
    provider="openai",
    model_name="gpt-4-vision",
    capabilities=ModelCapabilities(
        supports_vision=True,  # 支持视觉
        max_tokens=4096,
        context_window=8192,
        cost_per_1k_tokens=0.04
    )
)

pool.add(
    alias="large-context",
    provider="anthropic",
    model_name="claude-3-opus",
    capabilities=ModelCapabilities(
        context_window=200000,  # 大上下文
        cost_per_1k_tokens=0.015
    )
)

if __name__ == "__main__":
    print([model["alias"] for model in pool.list_models()])
