"""Example 2 of the design: the pool picks the model that fits."""

from example_1_basic import pool

# 场景1：普通任务
model = pool.select({})
# → 选择 default (成本最低)
print(model.alias)

# 场景2：需要视觉
model = pool.select({"supports_vision": True})
# → 选择 vision
print(model.alias)

# 场景3：需要大上下文
model = pool.select({"min_context_window": 50000})
# → 选择 large-context
print(model.alias)
