"""A pool of one model: retries, limits on time, statistics and costs are worth it alone."""

import asyncio
import os

from modelpool import ModelCapabilities, ModelPool, ModelPoolError

BASE_URL = os.environ.get("MODELPOOL_EXAMPLE_URL", "http://127.0.0.1:8081/v1")

pool = ModelPool().add(
    "only",
    provider="openai_compatible",
    model_name="only-1",
    base_url=BASE_URL,
    capabilities=ModelCapabilities(cost_per_1k_tokens=0.002),
    timeouts={"total_ms": 30_000},
)


async def main() -> None:
    try:
        async for chunk in pool.chat_stream("Tell me something."):
            print(chunk.text, end="", flush=True)
    except ModelPoolError as error:
        print(f"\n{type(error).__name__}: {error}")
        raise SystemExit(1) from error
    stats = pool.get_performance_stats("only")
    print(f"\n{stats['success_rate']:.0%} answered, {stats['total_tokens']} tokens, {stats['total_cost']:.6f} USD")


asyncio.run(main())
