"""A provider written in Python beside one of the pool, and failover from the one to the other."""

import asyncio
import os

from modelpool import LLMProvider, ModelCapabilities, ModelPool, ProviderFactory

BASE_URL = os.environ.get("MODELPOOL_EXAMPLE_URL", "http://127.0.0.1:8081/v1")


class Parrot(LLMProvider):
    """Repeats what it is told; does not speak of politics."""

    async def generate_stream(self, messages, tools=None, **options):
        said = messages[-1]["content"]
        if "politics" in said:
            raise ValueError("a parrot does not speak of politics")
        for word in said.split():
            yield word + " "


async def main() -> None:
    ProviderFactory.register("parrot", Parrot)
    pool = ModelPool()
    pool.add("polly", provider="parrot", model_name="grey", capabilities=ModelCapabilities(cost_per_1k_tokens=0.0))
    pool.add("other", provider="openai_compatible", model_name="other-1", base_url=BASE_URL)
    for question in ["Hello there", "Let us talk about politics"]:
        answer = await pool.chat(question)
        print(f"{answer.alias}: {answer.text}")


asyncio.run(main())
