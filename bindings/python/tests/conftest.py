"""A simulated upstream, as `cargo xtask test python` started it, and pools in front of it."""

from __future__ import annotations

import itertools
import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modelpool import ModelCapabilities, ModelPool, ProviderFactory

CONTROL = os.environ["SIMULATOR_URL"]
UPSTREAM = CONTROL.removesuffix("/simulator") + "/v1"


class Simulator:
    """The control face of the simulated upstream."""

    def fail(self, model: str, *, times: int | None = 1, delay_ms: int = 0, **fault: Any) -> None:
        rule = {"model": model, "times": times, "delay_ms": delay_ms, "fault": fault or {"kind": "none"}}
        self._send("POST", "/faults", rule)

    def requests(self, model: str) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = self._send("GET", "/requests")["requests"]
        mine = [record for record in records if record.get("model") == model]
        return [{**record, "body": json.loads(record["body"])} for record in mine]

    def counts(self) -> dict[str, Any]:
        return self._send("GET", "/counts")

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(CONTROL + path, data, method=method)) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def simulator() -> Simulator:
    return Simulator()


@pytest.fixture
def upstream() -> str:
    return UPSTREAM


_numbers = itertools.count(1)


@pytest.fixture
def new_name() -> Callable[[], str]:
    """Names of models that only one test uses, so that its faults and records are its own."""
    return lambda: f"package-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def own(new_name: Callable[[], str]) -> str:
    return new_name()


@pytest.fixture
def pool(own: str) -> ModelPool:
    """A pool of one model that only this test uses."""
    capabilities = ModelCapabilities(supports_tools=True, supports_json_schema=True, cost_per_1k_tokens=0.002)
    return ModelPool().add("one", "openai_compatible", own, capabilities, base_url=UPSTREAM)


@pytest.fixture
def register() -> Iterator[Callable[[str, Any], None]]:
    """Registers providers, until the test is over."""
    names = []

    def registered(name: str, factory: Any) -> None:
        ProviderFactory.register(name, factory)
        names.append(name)

    yield registered
    for name in names:
        ProviderFactory.unregister(name)
