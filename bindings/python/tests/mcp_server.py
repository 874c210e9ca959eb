"""A server of the Model Context Protocol with two tools, over its standard input and output."""

import json
import os
import sys
import time

TOOLS = [
    {"name": "echo", "description": "Says it again.", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}},
    {"name": "process", "description": "Its number and environment.", "inputSchema": {"type": "object"}},
    {"name": "sleep", "description": "Never ends.", "inputSchema": {"type": "object"}},
]  # fmt: skip


def answer(method, params):
    if method == "initialize":
        about = {"name": "test", "version": "1"}
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": about}
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "tools/call":
        if params["name"] == "sleep":
            time.sleep(600)
        text = params["arguments"]["text"] if params["name"] == "echo" else f"{os.getpid()} {os.environ.get('WORD')}"
        return {"content": [{"type": "text", "text": text}]}
    return {}


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message and "method" in message:
        result = answer(message["method"], message.get("params") or {})
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
