"""The gateway in front of llama.cpp's own server, with a model made here: no weights are fetched.

    python -m venv .venv && .venv/bin/pip install -r tests/servers/requirements.txt
    cargo build -p modelpool-cli
    .venv/bin/python tests/servers/llama_cpp.py target/debug/modelpool

The server is reached over each of the three wires it speaks, and every dialect is asked over each of them. Ends with 1 at
the first thing that is not as docs/servers.md says.
"""

import json
import sys
import tempfile
from pathlib import Path

import tiny_model
from serving import LlamaServer, Model, gateway, request

WIRES = {"llama_cpp": "/v1", "openai_responses": "/v1", "anthropic": ""}
DIALECTS = ("chat", "responses", "anthropic", "gemini")
TOOL = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def ask(gateway: str, dialect: str, model: str, text: str, stream: bool, most: int = 5, tools: bool = False):
    """A question in a dialect."""
    messages = [{"role": "user", "content": text}]
    function = {"name": "weather", "parameters": TOOL}
    if dialect == "chat":
        path, body = "/v1/chat/completions", {"messages": messages, "max_tokens": most}
        definition = {"type": "function", "function": function}
    elif dialect == "responses":
        path, body = "/v1/responses", {"input": messages, "max_output_tokens": most}
        definition = {"type": "function", **function}
    elif dialect == "anthropic":
        path, body = "/v1/messages", {"messages": messages, "max_tokens": most}
        definition = {"name": "weather", "input_schema": TOOL}
    else:
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        path = f"/v1beta/models/{model}:{method}"
        body = {
            "contents": [{"role": "user", "parts": [{"text": text}]}],
            "generationConfig": {"maxOutputTokens": most},
        }
        definition = {"functionDeclarations": [function]}
    if dialect != "gemini":
        body |= {"model": model, "stream": stream}
    if tools:
        body["tools"] = [definition]
    return request(gateway + path, body)


def understood(dialect: str, answer: str, stream: bool):
    """The text, and the word for why it ended."""
    text, end = "", None
    lines = answer.splitlines() if stream else [f"data: {answer}"]
    events = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    for event in [json.loads(event) for event in events if event != "[DONE]"]:
        assert event.get("error") is None, event
        if dialect == "chat":
            for choice in event["choices"]:
                said = choice["delta"] if stream else choice["message"]
                text += said.get("content") or ""
                end = choice["finish_reason"] or end
        elif dialect == "responses":
            response = event.get("response") if stream else event
            if stream and event["type"] == "response.output_text.delta":
                text += event["delta"]
            if response and response["status"] != "in_progress":
                parts = [part for item in response["output"] for part in item.get("content", [])]
                whole, end = "".join(part["text"] for part in parts), response["status"]
                assert not stream or whole == text, f"{whole!r} is not {text!r}"
                text = whole
        elif dialect == "anthropic":
            if not stream:
                text, end = "".join(block["text"] for block in event["content"]), event["stop_reason"]
            elif event["type"] == "content_block_delta":
                text += event["delta"].get("text", "")
            elif event["type"] == "message_delta":
                end = event["delta"]["stop_reason"]
        else:
            for candidate in event["candidates"]:
                text += "".join(part.get("text", "") for part in candidate["content"]["parts"])
                end = candidate.get("finishReason", end)
    return text, end


CUT = {"chat": "length", "responses": "incomplete", "anthropic": "max_tokens", "gemini": "MAX_TOKENS"}
WHOLE = {"chat": "stop", "responses": "completed", "anthropic": "end_turn", "gemini": "STOP"}


def check(gateway: str, server: str) -> None:
    status, listed = request(f"{server}/v1/models")
    meta = json.loads(listed)["data"][0]["meta"]
    assert (status, meta["n_ctx"]) == (200, tiny_model.SHAPE.context), listed
    for wire in WIRES:
        for dialect in DIALECTS:
            for stream in (False, True):
                status, answer = ask(gateway, dialect, wire, "the fox", stream)
                assert status == 200, f"{dialect} over {wire}: {status} {answer}"
                text, end = understood(dialect, answer, stream)
                # The server calls an answer that its limit cut short complete, in Responses.
                ends = WHOLE if wire == "openai_responses" else CUT
                assert text.strip() and end == ends[dialect], f"{dialect} over {wire}: {text!r}, {end}"
                print(f"{dialect:>9} over {wire:<16} {'streamed' if stream else 'whole':<8} {end}: {text.strip()}")
            status, answer = ask(gateway, dialect, wire, "rain", False, tools=True)
            assert status == 200, f"tools, {dialect} over {wire}: {status} {answer}"
    status, answer = ask(gateway, "chat", "llama_cpp", "fox " * tiny_model.SHAPE.context, False)
    error = json.loads(answer)["error"]
    assert (status, error["code"]) == (400, "context_length_exceeded"), answer
    print(f"too long: {error['message']}")


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        model = Path(directory) / "tiny.gguf"
        tiny_model.write(model)
        server = LlamaServer(model, tiny_model.SHAPE.context)
        models = [Model(wire, wire, server.address + path) for wire, path in WIRES.items()]
        with gateway(sys.argv[1], Path(directory) / "modelpool.yaml", models) as address:
            check(address, server.address)


if __name__ == "__main__":
    main()
