"""An agent with tools: functions of this program, whose types are checked before they are called."""

import os
from typing import Literal

from modelpool import AgentController, Limits, ModelCapabilities, ModelPool, SessionContext, StreamingGenerator, tool

BASE_URL = os.environ.get("MODELPOOL_EXAMPLE_URL", "http://127.0.0.1:8081/v1")

pool = ModelPool()
HANDY = ModelCapabilities(supports_tools=True, cost_per_1k_tokens=0.002)
pool.add("handy", "openai_compatible", "handy-1", HANDY, base_url=BASE_URL)
pool.add("plain", "openai_compatible", "plain-1", ModelCapabilities(cost_per_1k_tokens=0.001), base_url=BASE_URL)


@tool(safety="safe", timeout=5)
def weather(city: str = "Bern", unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
    """The weather of a city.

    Args:
        city: its name
        unit: of the temperature
    """
    return f"It is 21 degrees {unit} in {city}."


generator = StreamingGenerator(model_pool=pool)
with_tools = AgentController(streaming_generator=generator, tools=[weather], limits=Limits(rounds=5, time_s=30))
without = AgentController(streaming_generator=generator)

session = SessionContext(session_id="morning", instructions="Answer in one sentence.")
for agent, question in [(with_tools, "Please use the tool weather."), (without, "Thank you.")]:
    for event in agent.stream_run_sync(question, session):
        if event.type == "tool_result":
            print(f"  {event.name}: {event.content}")
        elif event.type == "turn_complete":
            print(f"{event.model_alias}: {event.content} ({event.cost_usd:.6f} USD)")
        session.add(event)
