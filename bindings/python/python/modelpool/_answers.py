"""Answers in OpenAI's shape: dicts that also read as attributes."""

from __future__ import annotations

import json
from typing import Any


class Record(dict[str, Any]):
    """A dict whose members also read as attributes: ``record["choices"]`` and ``record.choices``."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no member {name!r}; there are {', '.join(self) or 'none'}") from None


def read(data: bytes | str) -> Any:
    """JSON whose objects are records."""
    return json.loads(data, object_hook=Record)


class ChatAnswer(Record):
    """A whole answer to a chat, in OpenAI's shape, with what the pool knows of it."""

    __slots__ = ("_about", "parsed")

    parsed: Any
    """The object of the pydantic model that was asked for as ``response_format``; else ``None``."""

    def __init__(self, body: dict[str, Any], about: dict[str, Any]) -> None:
        super().__init__(body)
        self._about = about
        self.parsed = None

    @property
    def message(self) -> Record:
        """The message of the first choice; empty where there is none."""
        choices = self.get("choices") or [{}]
        return choices[0].get("message") or Record()

    @property
    def text(self) -> str:
        """The text of the first choice; empty where there is none."""
        content = self.message.get("content")
        return content if isinstance(content, str) else ""

    @property
    def tool_calls(self) -> list[Record]:
        """The tools that are to be called."""
        return self.message.get("tool_calls") or []

    @property
    def finish_reason(self) -> str | None:
        """Why the model stopped."""
        choices = self.get("choices") or [{}]
        reason = choices[0].get("finish_reason")
        return reason if isinstance(reason, str) else None

    @property
    def usage(self) -> Record:
        """Tokens used: as the vendor counted them, else estimated, with ``estimated`` set."""
        sent = self.get("usage")
        return sent if isinstance(sent, Record) else Record(self._about["tokens"])

    @property
    def alias(self) -> str:
        """The model that answered."""
        return str(self._about["alias"])

    @property
    def request_id(self) -> str:
        """The id of the request."""
        return str(self._about["request_id"])

    @property
    def attempts(self) -> int:
        """Calls made, the one that answered included."""
        return int(self._about["attempts"])

    @property
    def cost_usd(self) -> float | None:
        """What the request cost in US dollars; ``None`` where no price is known."""
        cost = self._about["cost_usd"]
        return None if cost is None else float(cost)

    @property
    def dropped(self) -> list[str]:
        """Hints of the request for which the model's wire has no place."""
        return list(self._about["dropped"])


class ChatChunk(Record):
    """A piece of a streamed answer, in OpenAI's shape."""

    __slots__ = ()

    @property
    def delta(self) -> Record:
        """What it adds to the first choice; empty where it adds nothing."""
        choices = self.get("choices") or [{}]
        return choices[0].get("delta") or Record()

    @property
    def text(self) -> str:
        """The text it adds to the first choice; often empty."""
        content = self.delta.get("content")
        return content if isinstance(content, str) else ""

    @property
    def finish_reason(self) -> str | None:
        """Why the model stopped, in the piece that says so."""
        choices = self.get("choices") or [{}]
        reason = choices[0].get("finish_reason")
        return reason if isinstance(reason, str) else None


class EmbeddingAnswer(Record):
    """Vectors, in OpenAI's shape, with what the pool knows of them."""

    __slots__ = ("_about",)

    def __init__(self, body: dict[str, Any], about: dict[str, Any]) -> None:
        super().__init__(body)
        self._about = about

    @property
    def vectors(self) -> list[list[float]]:
        """One vector for each text, in order."""
        return [item["embedding"] for item in self.get("data") or []]

    @property
    def alias(self) -> str:
        """The model that answered."""
        return str(self._about["alias"])

    @property
    def request_id(self) -> str:
        """The id of the request."""
        return str(self._about["request_id"])

    @property
    def cost_usd(self) -> float | None:
        """What the request cost in US dollars; ``None`` where no price is known."""
        cost = self._about["cost_usd"]
        return None if cost is None else float(cost)
