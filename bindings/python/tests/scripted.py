"""A provider whose models do what a test wrote down, in this process."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from modelpool import LLMProvider, ModelCapabilities, ModelPool, ProviderFactory


def calls(name: str, *, at: int = 0, **arguments: Any) -> list[Any]:
    """An answer that calls a tool, at a place among its calls."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return [{"tool_calls": [{"index": at, "id": f"call_{name}_{at}", "type": "function", "function": function}]}]


HANGS = object()
"""A piece that never comes."""


class Scripted(LLMProvider):
    """Gives its scripted answers in order, the last one for ever; an answer is a list of pieces, or an exception."""

    name = "scripted"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers) or [["hello"]]
        self.asked: list[dict[str, Any]] = []
        self.under_way = 0

    async def generate_stream(self, messages, tools=None, **options):
        self.asked.append({"messages": messages, "tools": tools, **options})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        self.under_way += 1
        try:
            for piece in answer:
                if piece is HANGS:
                    await asyncio.Event().wait()
                await asyncio.sleep(0)
                yield piece
        finally:
            self.under_way -= 1


def pool_of(**models: tuple[Scripted, ModelCapabilities]) -> ModelPool:
    """A pool of scripted models: alias, script, capabilities."""
    pool = ModelPool()
    for alias, (script, capabilities) in models.items():
        ProviderFactory.register(f"scripted-{alias}", lambda config, script=script: script)
        pool.add(alias, f"scripted-{alias}", alias, capabilities)
    return pool


async def read(run: Any) -> list[Any]:
    return [event async for event in run]


def kinds(events: list[Any]) -> list[str]:
    return [event.type for event in events]


def models(events: list[Any]) -> list[str]:
    return [event["metadata"]["model_alias"] for event in events if event["type"] == "llm_streaming"]


def of(events: list[Any], kind: str) -> list[Any]:
    return [event for event in events if event.type == kind]
