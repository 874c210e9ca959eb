"""A selector that keeps to a budget: dear models only while there is money left.

What was spent is what the pool measured of the answers, not what was guessed beforehand.
"""

import asyncio
import os

from modelpool import CostAwareSelector, ModelCapabilities, ModelPool

BASE_URL = os.environ.get("MODELPOOL_EXAMPLE_URL", "http://127.0.0.1:8081/v1")


class WithinBudget(CostAwareSelector):
    """The dearest model, which here is the best, until the budget is used up; then the cheapest."""

    def __init__(self, budget_usd: float) -> None:
        self.budget_usd = budget_usd
        self.pool: ModelPool | None = None

    def spent_usd(self) -> float:
        totals = (self.pool.get_performance_stats(alias)["total_cost"] for alias in self.pool.aliases())
        return sum(total or 0.0 for total in totals)

    def select_model(self, available_models, requirements, context=None):
        if self.spent_usd() >= self.budget_usd:
            return super().select_model(available_models, requirements, context)
        return max(available_models, key=lambda model: model.capabilities.cost_per_1k_tokens)


async def main() -> None:
    selector = WithinBudget(budget_usd=0.002)
    pool = ModelPool(selector=selector)
    selector.pool = pool
    for alias, dollars in [("cheap", 0.001), ("dear", 0.05)]:
        pool.add(
            alias,
            provider="openai_compatible",
            model_name=f"{alias}-1",
            base_url=BASE_URL,
            capabilities=ModelCapabilities(cost_per_1k_tokens=dollars),
        )
    for number in range(1, 5):
        answer = await pool.chat(f"Question {number}")
        print(f"{answer.alias:5}  {answer.cost_usd:.6f} USD, together {selector.spent_usd():.6f} USD")


asyncio.run(main())
