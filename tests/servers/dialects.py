"""The four dialects of the gateway, as a caller speaks them: a conversation is asked, an answer is understood.

A conversation is a list of what was said: `("user", text)`, `("calls", [Call, …])`, `("result", Call, text)`.
"""

import json
from dataclasses import dataclass, field

from serving import request


@dataclass
class Call:
    id: str
    name: str
    arguments: dict


@dataclass
class Answer:
    text: str = ""
    # The dialect's own word for why it ended.
    end: str | None = None
    calls: list = field(default_factory=list)


@dataclass(frozen=True)
class Tool:
    name: str
    description: str
    parameters: dict

    def function(self) -> dict:
        return {"name": self.name, "description": self.description, "parameters": self.parameters}


class Chat:
    name, cut, whole, calling = "chat", "length", "stop", "tool_calls"

    def ask(self, model: str, said: list, tools: list, most: int | None, stream: bool):
        body = {"model": model, "messages": [self.message(*part) for part in said], "stream": stream}
        body |= {"max_tokens": most} if most else {}
        body |= {"tools": [{"type": "function", "function": tool.function()} for tool in tools]} if tools else {}
        return "/v1/chat/completions", body

    @staticmethod
    def message(kind: str, what, text: str = "") -> dict:
        if kind == "user":
            return {"role": "user", "content": what}
        if kind == "result":
            return {"role": "tool", "tool_call_id": what.id, "content": text}
        functions = [(call.id, {"name": call.name, "arguments": json.dumps(call.arguments)}) for call in what]
        calls = [{"id": id, "type": "function", "function": function} for id, function in functions]
        return {"role": "assistant", "content": None, "tool_calls": calls}

    def understand(self, events: list, stream: bool) -> Answer:
        answer, calls = Answer(), {}
        for choice in (choice for event in events for choice in event["choices"]):
            said = choice["delta" if stream else "message"]
            answer.text += said.get("content") or ""
            answer.end = choice["finish_reason"] or answer.end
            for place, part in enumerate(said.get("tool_calls") or []):
                call = calls.setdefault(part.get("index", place), {"id": "", "name": "", "arguments": ""})
                call["id"] += part.get("id") or ""
                for key, piece in part["function"].items():
                    call[key] += piece
        answer.calls = [Call(call["id"], call["name"], json.loads(call["arguments"])) for call in calls.values()]
        return answer


class Responses:
    name, cut, whole, calling = "responses", "incomplete", "completed", "completed"

    def ask(self, model: str, said: list, tools: list, most: int | None, stream: bool):
        body = {"model": model, "input": [item for part in said for item in self.items(*part)], "stream": stream}
        body |= {"max_output_tokens": most} if most else {}
        body |= {"tools": [{"type": "function", **tool.function()} for tool in tools]} if tools else {}
        return "/v1/responses", body

    @staticmethod
    def items(kind: str, what, text: str = "") -> list:
        if kind == "user":
            return [{"role": "user", "content": what}]
        if kind == "result":
            return [{"type": "function_call_output", "call_id": what.id, "output": text}]
        named = [{"call_id": call.id, "name": call.name, "arguments": json.dumps(call.arguments)} for call in what]
        return [{"type": "function_call", **call} for call in named]

    def understand(self, events: list, stream: bool) -> Answer:
        response = events[-1]["response"] if stream else events[0]
        answer = Answer(end=response["status"])
        for item in response["output"]:
            if item["type"] == "function_call":
                answer.calls.append(Call(item["call_id"], item["name"], json.loads(item["arguments"])))
            answer.text += "".join(part.get("text", "") for part in item.get("content") or [])
        if stream:
            pieces = {"response.output_text.delta": answer.text}
            if len(answer.calls) == 1:
                pieces["response.function_call_arguments.delta"] = answer.calls[0].arguments
            for kind, whole in pieces.items():
                said = "".join(event["delta"] for event in events if event["type"] == kind)
                assert (json.loads(said) if isinstance(whole, dict) else said) == whole, f"{said!r} is not {whole!r}"
        return answer


class Anthropic:
    name, cut, whole, calling = "anthropic", "max_tokens", "end_turn", "tool_use"

    def ask(self, model: str, said: list, tools: list, most: int | None, stream: bool):
        body = {"model": model, "max_tokens": most or 200, "stream": stream}
        body["messages"] = [self.message(*part) for part in said]
        schemas = [{"name": tool.name, "description": tool.description, "input_schema": tool.parameters} for tool in tools]
        return "/v1/messages", body | ({"tools": schemas} if schemas else {})

    @staticmethod
    def message(kind: str, what, text: str = "") -> dict:
        if kind == "user":
            return {"role": "user", "content": what}
        if kind == "result":
            return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": what.id, "content": text}]}
        uses = [{"id": call.id, "name": call.name, "input": call.arguments} for call in what]
        return {"role": "assistant", "content": [{"type": "tool_use", **use} for use in uses]}

    def understand(self, events: list, stream: bool) -> Answer:
        answer, blocks = Answer(), []
        if not stream:
            blocks, answer.end = events[0]["content"], events[0]["stop_reason"]
        for event in events if stream else []:
            if event["type"] == "content_block_start":
                blocks.append({**event["content_block"], "json": ""})
            elif event["type"] == "content_block_delta":
                delta = event["delta"]
                blocks[event["index"]]["json"] += delta.get("partial_json", "")
                answer.text += delta.get("text", "")
            elif event["type"] == "message_delta":
                answer.end = event["delta"]["stop_reason"]
        for block in blocks:
            answer.text += "" if stream else block.get("text", "")
            if block["type"] == "tool_use":
                arguments = json.loads(block["json"] or "{}") if stream else block["input"]
                answer.calls.append(Call(block["id"], block["name"], arguments))
        return answer


class Gemini:
    name, cut, whole, calling = "gemini", "MAX_TOKENS", "STOP", "STOP"

    def ask(self, model: str, said: list, tools: list, most: int | None, stream: bool):
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        body = {"contents": [self.content(*part) for part in said]}
        body |= {"generationConfig": {"maxOutputTokens": most}} if most else {}
        body |= {"tools": [{"functionDeclarations": [tool.function() for tool in tools]}]} if tools else {}
        return f"/v1beta/models/{model}:{method}", body

    @staticmethod
    def content(kind: str, what, text: str = "") -> dict:
        if kind == "user":
            return {"role": "user", "parts": [{"text": what}]}
        if kind == "result":
            response = {"id": what.id, "name": what.name, "response": {"output": text}}
            return {"role": "user", "parts": [{"functionResponse": response}]}
        named = [{"id": call.id, "name": call.name, "args": call.arguments} for call in what]
        return {"role": "model", "parts": [{"functionCall": call} for call in named]}

    def understand(self, events: list, stream: bool) -> Answer:
        answer = Answer()
        for candidate in (candidate for event in events for candidate in event.get("candidates", [])):
            answer.end = candidate.get("finishReason", answer.end)
            for part in candidate.get("content", {}).get("parts", []):
                answer.text += part.get("text", "")
                if call := part.get("functionCall"):
                    answer.calls.append(Call(call.get("id", ""), call["name"], call["args"]))
        return answer


DIALECTS = (Chat(), Responses(), Anthropic(), Gemini())


def ask(gateway: str, dialect, model: str, said: list, *, stream: bool, most: int | None = None, tools: list = ()):
    """The status, and the answer: its text, where it is an error."""
    path, body = dialect.ask(model, said, list(tools), most, stream)
    status, answer = request(gateway + path, body)
    if status != 200:
        return status, answer
    lines = answer.splitlines() if stream else [f"data: {answer}"]
    told = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    events = [json.loads(event) for event in told if event != "[DONE]"]
    for event in events:
        assert event.get("error") is None, event
    return status, dialect.understand(events, stream)
