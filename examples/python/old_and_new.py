"""The old interface, one provider for everything, and the new one, a pool that picks, side by side.

What reads the events is the same; only what the generator is made of differs.
"""

import asyncio
import os

from modelpool import AgentController, LLMProvider, ModelCapabilities, ModelPool, StreamingGenerator

BASE_URL = os.environ.get("MODELPOOL_EXAMPLE_URL", "http://127.0.0.1:8081/v1")


class MyProvider(LLMProvider):
    """A provider as it was written before there was a pool."""

    name = "my-provider"

    async def generate_stream(self, messages, tools=None, **options):
        for word in f"You said: {messages[-1]['content']}".split():
            yield word + " "


pool = ModelPool()
pool.add("small", "openai_compatible", "small-1", ModelCapabilities(cost_per_1k_tokens=0.001), base_url=BASE_URL)
pool.add(
    "seeing",
    "openai_compatible",
    "seeing-1",
    ModelCapabilities(supports_vision=True, cost_per_1k_tokens=0.02),
    base_url=BASE_URL,
)

GENERATORS = {
    # 旧接口（向后兼容）
    "old": StreamingGenerator(llm_provider=MyProvider()),
    # 新接口（支持模型池）
    "new": StreamingGenerator(model_pool=pool),
}


async def main() -> None:
    for name, generator in GENERATORS.items():
        for question in ["Good morning!", "What is in this image?"]:
            async for event in generator.stream_response(question, context=[], available_tools=[]):
                if event["type"] == "turn_complete":
                    print(f"{name}: {event['metadata']['model_alias']}: {event['content']}")
        agent = AgentController(streaming_generator=generator)
        async for event in agent.stream_run("Good evening!", session_context=None):
            if event["type"] == "turn_complete":
                print(f"{name} agent: {event['metadata']['model_alias']}: {event['content']}")


asyncio.run(main())
