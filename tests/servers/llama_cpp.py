"""The gateway in front of llama.cpp's own server, with a model made here: no weights are fetched.

    cargo xtask servers

runs this with what it needs. The server is reached over each of the three wires it speaks, and every dialect is asked
over each of them. Ends with 1 at the first thing that is not as docs/servers.md says.
"""

import argparse
import json
import tempfile
from pathlib import Path

import tiny_model
from dialects import DIALECTS, Tool, ask
from serving import LlamaServer, Model, gateway, request

WIRES = {"llama_cpp": "/v1", "openai_responses": "/v1", "anthropic": ""}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("weather", "The weather of a city.", CITY)


def check(gateway: str, server: str) -> None:
    status, listed = request(f"{server}/v1/models")
    meta = json.loads(listed)["data"][0]["meta"]
    assert (status, meta["n_ctx"]) == (200, tiny_model.SHAPE.context), listed
    for wire in WIRES:
        for dialect in DIALECTS:
            for stream in (False, True):
                status, answer = ask(gateway, dialect, wire, [("user", "the fox")], stream=stream, most=5)
                assert status == 200, f"{dialect.name} over {wire}: {status} {answer}"
                # The server calls an answer that its limit cut short complete, in Responses.
                end = dialect.whole if wire == "openai_responses" else dialect.cut
                assert answer.text.strip() and answer.end == end, f"{dialect.name} over {wire}: {answer}"
                way = "streamed" if stream else "whole"
                print(f"{dialect.name:>9} over {wire:<16} {way:<8} {answer.end}: {answer.text.strip()}")
            status, answer = ask(gateway, dialect, wire, [("user", "rain")], stream=False, most=5, tools=[WEATHER])
            assert status == 200, f"tools, {dialect.name} over {wire}: {status} {answer}"
    status, answer = ask(gateway, DIALECTS[0], "llama_cpp", [("user", "fox " * meta["n_ctx"])], stream=False)
    error = json.loads(answer)["error"]
    assert (status, error["code"]) == (400, "context_length_exceeded"), answer
    print(f"too long: {error['message']}")


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--modelpool", type=Path, required=True, help="the built program")
    arguments = reader.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        model = Path(directory) / "tiny.gguf"
        tiny_model.write(model)
        server = LlamaServer(model, tiny_model.SHAPE.context)
        models = [Model(wire, wire, server.address + path) for wire, path in WIRES.items()]
        with gateway(arguments.modelpool, Path(directory) / "modelpool.yaml", models) as address:
            check(address, server.address)


if __name__ == "__main__":
    main()
