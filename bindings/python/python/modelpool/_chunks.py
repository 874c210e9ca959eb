"""What providers written in Python give, in OpenAI's shape."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from ._errors import InvalidValueError

DELTA_KEYS = ("content", "tool_calls", "role", "refusal", "reasoning_content", "reasoning")


class Answering:
    """Follows one answer: makes chunks of its pieces, or one whole answer."""

    def __init__(self, model: str) -> None:
        self._head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}
        self._finished = False
        self._calls: dict[int, dict[str, Any]] = {}
        self._texts: dict[str, list[str]] = {}
        self._finish: str | None = None
        self._usage: Any = None

    def chunk(self, piece: Any) -> dict[str, Any]:
        """A piece as a chunk: a string is text, a dict is a delta or a chunk already."""
        if isinstance(piece, str):
            chunk: dict[str, Any] = {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
        elif isinstance(piece, Mapping) and "choices" in piece:
            chunk = dict(piece)
        elif isinstance(piece, Mapping) and (set(piece) & {*DELTA_KEYS, "finish_reason", "usage"}):
            delta = {key: value for key, value in piece.items() if key not in ("finish_reason", "usage")}
            reason = piece.get("finish_reason")
            only_usage = not delta and reason is None
            chunk = {"choices": [] if only_usage else [{"index": 0, "delta": delta, "finish_reason": reason}]}
            if piece.get("usage"):
                chunk["usage"] = piece["usage"]
        else:
            raise InvalidValueError(
                f"a provider gives strings, or dicts in the shape of OpenAI's deltas or chunks, got {piece!r}"
            )
        self._note(chunk)
        return {"object": "chat.completion.chunk", **self._head, **chunk}

    def last(self) -> dict[str, Any] | None:
        """The chunk that ends the answer; ``None`` where a piece has done so."""
        if self._finished:
            return None
        return self.chunk({"finish_reason": "tool_calls" if self._calls else "stop"})

    def whole(self) -> dict[str, Any]:
        """All pieces as one answer."""
        message: dict[str, Any] = {"role": "assistant", "content": None}
        message.update((key, "".join(parts)) for key, parts in self._texts.items())
        if self._calls:
            message["tool_calls"] = [self._calls[index] for index in sorted(self._calls)]
        reason = self._finish or ("tool_calls" if self._calls else "stop")
        answer = {
            "object": "chat.completion",
            **self._head,
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        }
        if self._usage:
            answer["usage"] = self._usage
        return answer

    def _note(self, chunk: Mapping[str, Any]) -> None:
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices") or []:
            if choice.get("index", 0) != 0:
                continue
            if choice.get("finish_reason"):
                self._finished, self._finish = True, choice["finish_reason"]
            delta = choice.get("delta") or {}
            for key in ("content", "refusal", "reasoning_content", "reasoning"):
                if isinstance(delta.get(key), str):
                    self._texts.setdefault(key, []).append(delta[key])
            for call in delta.get("tool_calls") or []:
                self._call(call)

    def _call(self, piece: Mapping[str, Any]) -> None:
        index = piece.get("index", len(self._calls))
        call = self._calls.setdefault(
            index, {"id": None, "type": "function", "function": {"name": "", "arguments": ""}}
        )
        call["id"] = piece.get("id") or call["id"] or f"call_{uuid.uuid4().hex[:24]}"
        function = piece.get("function") or {}
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""


def event(chunk: Mapping[str, Any]) -> bytes:
    """A chunk as an event of a stream."""
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"
