"""Example 3 of the design: an agent whose models are picked for it."""

import asyncio
import os

from modelpool import (
    AgentController,
    ContextEngine,
    ContextManager,
    ContextProcessor,
    ModelCapabilities,
    ModelPool,
    SessionContext,
    StreamingGenerator,
)

BASE_URL = os.environ.get("MODELPOOL_EXAMPLE_URL", "http://127.0.0.1:8081/v1")

pool = ModelPool()
pool.add("default", "openai_compatible", "small-1", ModelCapabilities(supports_tools=True), base_url=BASE_URL)
pool.add(
    "vision",
    "openai_compatible",
    "seeing-1",
    ModelCapabilities(supports_vision=True, context_window=8192, cost_per_1k_tokens=0.04),
    base_url=BASE_URL,
)


async def main():
    # 创建带模型池的生成器
    streaming_generator = StreamingGenerator(model_pool=pool)

    # 创建Agent（六阶段流程）
    agent = AgentController(
        context_engine=ContextEngine(),
        context_processor=ContextProcessor(),
        context_manager=ContextManager(),
        streaming_generator=streaming_generator  # ← 使用模型池
    )

    # Agent 运行时会自动选择合适的模型
    async for event in agent.stream_run(
        user_message="请分析这张图片",  # → 自动选择vision模型
        session_context=SessionContext()
    ):
        print(event)


asyncio.run(main())
