"""Example 4 of the design: a selector of one's own."""

from modelpool import ModelCapabilities, ModelPool, ModelSelector


class MyCustomSelector(ModelSelector):
    def select_model(self, available_models, requirements, context):
        # 自定义选择逻辑
        # 例如：根据时间段选择不同的模型
        import datetime
        hour = datetime.datetime.now().hour

        if 9 <= hour <= 17:  # 工作时间
            # 优先选择快速模型
            return min(available_models, key=lambda m: m.capabilities.avg_latency_ms)
        else:  # 非工作时间
            # 优先选择便宜模型
            return min(available_models, key=lambda m: m.capabilities.cost_per_1k_tokens)


# 使用自定义选择器
pool = ModelPool(selector=MyCustomSelector())

pool.add("fast", "openai", "gpt-4o", ModelCapabilities(avg_latency_ms=300, cost_per_1k_tokens=0.02))
pool.add("cheap", "openai", "gpt-4o-mini", ModelCapabilities(avg_latency_ms=900, cost_per_1k_tokens=0.001))
print(pool.select({}).alias)
