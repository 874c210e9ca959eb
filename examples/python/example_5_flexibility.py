"""Example 5 of the design: capabilities of one's own."""

from modelpool import ModelCapabilities, ModelPool

pool = ModelPool()

# 用户可以定义任意能力

# 本地模型
pool.add(
    "local-llama",
    provider="local",
    model_name="llama-3-70b",
    capabilities=ModelCapabilities(
        custom_capabilities={
            "runs_locally": True,
            "supports_chinese": True,
            "gpu_required": True
        }
    ),
    base_url="http://localhost:8000"
)

# 专用模型
pool.add(
    "sql-expert",
    provider="custom",
    model_name="my-sql-model",
    capabilities=ModelCapabilities(
        custom_capabilities={
            "specialized_for": "sql_generation",
            "accuracy": 0.95,
            "supports_dialects": ["postgresql", "mysql"]
        }
    )
)

# 选择时使用自定义能力
model = pool.select({
    "specialized_for": "sql_generation"
})
# → 选择 sql-expert
print(model.alias)

print(pool.select({"runs_locally": True, "supports_chinese": True}).alias)
print(pool.select({"supports_dialects": "mysql", "min_accuracy": 0.9}).alias)
